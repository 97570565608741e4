/* SPDX-License-Identifier: ISC */
/*
 * Budgets per source prefix as token buckets, and shares of the disk.
 *
 *	budget   per second        burst
 *	links    20                200
 *	PUT      20                200
 *	LIST     2 MB / 60 s       4 MB
 *	GET      4 MB / 60 s       16 MB
 */
#include "node/mbox_quota.h"

#include <string.h>

static const struct {
	uint64_t per_minute, burst;
} rates[KITH__MBOX_RATES] = {
	[KITH__MBOX_RATE_LINK] = {1200, 200},
	[KITH__MBOX_RATE_PUT] = {1200, 200},
	[KITH__MBOX_RATE_LIST] = {2000000, 4000000},
	[KITH__MBOX_RATE_GET] = {4000000, 16000000},
};

#define MINUTE_US  60000000u
#define SHARE      64u /* above half fill one prefix holds at most 1/64 of the disk */
#define REUSE_LOOK 64u /* entries looked at for one to reuse */

void kith__mbox_quota_init(struct kith__mbox_quota *q, const struct kith_alloc *alloc,
			   struct kith_rng *rng, uint64_t disk_max, unsigned bits)
{
	memset(q, 0, sizeof(*q));
	q->alloc = alloc;
	q->disk_max = disk_max > 0 ? disk_max : 1;
	q->bits = bits;
	kith_map_init(&q->by_group, alloc, sizeof(struct kith_group), KITH_MBOX_GROUPS_MAX, rng);
}

void kith__mbox_quota_wipe(struct kith__mbox_quota *q)
{
	kith_map_wipe(&q->by_group);
	kith_alloc_free(q->alloc, q->group);
	q->group = NULL;
}

/* Fills the levels up to `now`. Time is kept back until it makes a whole token of the slowest. */
static void refill(struct kith__mbox_group *g, kith_time now)
{
	uint64_t step = MINUTE_US / 1200, steps; /* 50 ms = one link */

	if (now <= g->at || now - g->at < step)
		return;
	steps = (now - g->at) / step;
	g->at += steps * step;
	if (steps > 1000000)
		steps = 1000000;
	for (unsigned i = 0; i < KITH__MBOX_RATES; i++) {
		g->level[i] += steps * rates[i].per_minute / 1200;
		if (g->level[i] > rates[i].burst)
			g->level[i] = rates[i].burst;
	}
}

static void start(struct kith__mbox_group *g, const struct kith_group *group, uint32_t serial,
		  kith_time now)
{
	memset(g, 0, sizeof(*g));
	g->group = *group;
	g->serial = serial;
	g->at = now;
	for (unsigned i = 0; i < KITH__MBOX_RATES; i++)
		g->level[i] = rates[i].burst;
}

/* Nothing is lost by forgetting it: full budgets, nothing held. */
static bool idle(struct kith__mbox_group *g, kith_time now)
{
	refill(g, now);
	for (unsigned i = 0; i < KITH__MBOX_RATES; i++) {
		if (g->level[i] < rates[i].burst)
			return false;
	}
	return g->held == 0;
}

/* A slot of the full table to reuse: an idle one, else the next under the hand. */
static struct kith__mbox_group *reuse(struct kith__mbox_quota *q, kith_time now)
{
	struct kith__mbox_group *g = NULL;

	for (unsigned i = 0; i < REUSE_LOOK; i++) {
		g = &q->group[q->hand];
		q->hand = (q->hand + 1) % q->groups;
		if (idle(g, now))
			break;
	}
	(void)kith_map_remove(&q->by_group, &g->group);
	return g;
}

static struct kith__mbox_group *group_of(struct kith__mbox_quota *q, const struct kith_addr *from,
					 kith_time now)
{
	struct kith_group group = kith_addr_group(from, KITH_WIDTH_NEAR);
	struct kith__mbox_group *g;
	uint32_t slot, serial;
	void *p = q->group;

	if (kith_map_get(&q->by_group, &group, &slot)) {
		refill(&q->group[slot], now);
		return &q->group[slot];
	}
	if (q->groups < KITH_MBOX_GROUPS_MAX) {
		if (kith_alloc_grow(q->alloc, &p, &q->cap, q->groups + 1, KITH_MBOX_GROUPS_MAX,
				    sizeof(*g)) != KITH_OK)
			return NULL;
		q->group = p;
		slot = (uint32_t)q->groups++;
		serial = slot + KITH_MBOX_GROUPS_MAX;
	} else {
		g = reuse(q, now);
		slot = (uint32_t)(g - q->group);
		serial = g->serial + KITH_MBOX_GROUPS_MAX;
		if (serial < KITH_MBOX_GROUPS_MAX)
			serial = slot + KITH_MBOX_GROUPS_MAX;
	}
	start(&q->group[slot], &group, serial, now);
	return kith_map_put(&q->by_group, &group, slot) == KITH_OK ? &q->group[slot] : NULL;
}

bool kith__mbox_quota_take(struct kith__mbox_quota *q, const struct kith_addr *from,
			   enum kith__mbox_rate rate, uint64_t amount, kith_time now)
{
	struct kith__mbox_group *g = group_of(q, from, now);

	if (g == NULL || g->level[rate] < amount)
		return false;
	g->level[rate] -= amount;
	return true;
}

bool kith__mbox_quota_room(const struct kith__mbox_quota *q, const struct kith_addr *from,
			   uint64_t bytes)
{
	struct kith_group group = kith_addr_group(from, KITH_WIDTH_NEAR);
	uint64_t held = 0;
	uint32_t slot;

	if (q->used + bytes > q->disk_max)
		return false;
	if (kith_map_get(&q->by_group, &group, &slot))
		held = q->group[slot].held;
	return q->used <= q->disk_max / 2 || held + bytes <= q->disk_max / SHARE;
}

void kith__mbox_quota_hold(struct kith__mbox_quota *q, const struct kith_addr *from, uint64_t bytes,
			   uint32_t *serial, kith_time now)
{
	struct kith__mbox_group *g = from != NULL ? group_of(q, from, now) : NULL;

	q->used += bytes;
	*serial = 0;
	if (g != NULL) {
		g->held += bytes;
		*serial = g->serial;
	}
}

void kith__mbox_quota_release(struct kith__mbox_quota *q, uint32_t serial, uint64_t bytes)
{
	struct kith__mbox_group *g;

	KITH_ASSERT(q->used >= bytes);
	q->used -= bytes;
	if (serial == 0)
		return;
	g = &q->group[serial % KITH_MBOX_GROUPS_MAX];
	if (g->serial == serial)
		g->held -= g->held < bytes ? g->held : bytes;
}

unsigned kith__mbox_quota_bits(const struct kith__mbox_quota *q)
{
	uint64_t fill = q->used >= q->disk_max ? 100 : q->used * 100 / q->disk_max;

	return q->bits + (fill > 50 ? 2 * (unsigned)((fill - 50) / 10) : 0);
}

uint8_t kith__mbox_quota_free(const struct kith__mbox_quota *q)
{
	return q->used >= q->disk_max ? 0 : (uint8_t)(255 - q->used * 255 / q->disk_max);
}
