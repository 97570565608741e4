/* SPDX-License-Identifier: ISC */
/*
 * Token buckets by NEAR group and the budgets of the whole node (dht.md 10). The table of buckets
 * starts small and grows only when an authenticated datagram has found it crowded with buckets in
 * use: a stranger's garbage allocates nothing. The fullest (idlest) bucket nearby gives way.
 */
#include <string.h>

#include "dht/internal.h"

#define PROBES        8u
#define FIRST_SLOTS   32u
#define RECORDS_PER_S 4u
#define RECORDS_BURST 64u

static uint32_t tag_of(const struct kith_dht *d, const struct kith_addr *a, uint32_t kind)
{
	return (kith__group_hash(d, a, KITH_WIDTH_NEAR) ^ kind * 0x9e3779b9u) | 1u;
}

static uint32_t refilled(const struct kith__tokens *t, uint32_t rate, uint32_t burst, uint32_t ms)
{
	uint64_t milli = t->milli + (uint64_t)(uint32_t)(ms - t->at_ms) * rate;

	return milli > (uint64_t)burst * 1000u ? burst * 1000u : (uint32_t)milli;
}

static const struct kith__tokens *find(const struct kith_dht *d, uint32_t tag)
{
	const struct kith__limiter *l = &d->limiter;
	size_t i;

	for (i = 0; i < PROBES && l->cap != 0; i++) {
		const struct kith__tokens *t = &l->slot[(tag / 2 + i) & (l->cap - 1)];

		if (t->tag == tag)
			return t;
	}
	return NULL;
}

/* Before anything is decrypted: is there any token at all? */
bool kith__limit_peek(const struct kith_dht *d, const struct kith_addr *a, kith_time now)
{
	const struct kith__tokens *t = find(d, tag_of(d, a, 0));

	return t == NULL || refilled(t, d->params.rate, d->params.burst,
				     (uint32_t)(now / KITH_US_PER_MS)) >= 1000u;
}

static void grow(struct kith_dht *d)
{
	struct kith__limiter *l = &d->limiter;
	size_t cap = l->cap == 0 ? FIRST_SLOTS : l->cap * 2, i, j;
	struct kith__tokens *slot;

	l->grow = false;
	if (cap > KITH_DHT_LIMITER_MAX)
		return;
	slot = kith_alloc_zero(d->alloc, cap, sizeof(*slot));
	if (slot == NULL)
		return;
	for (i = 0; i < l->cap; i++) {
		if (l->slot[i].tag == 0)
			continue;
		for (j = 0; j < PROBES; j++)
			if (slot[(l->slot[i].tag / 2 + j) & (cap - 1)].tag == 0)
				break;
		if (j < PROBES)
			slot[(l->slot[i].tag / 2 + j) & (cap - 1)] = l->slot[i];
	}
	kith_alloc_free(d->alloc, l->slot);
	l->slot = slot;
	l->cap = cap;
}

/* The bucket of `tag`: its own, an empty one, or the fullest of the neighbourhood. */
static struct kith__tokens *obtain(struct kith_dht *d, uint32_t tag, uint32_t burst, uint32_t ms)
{
	struct kith__limiter *l = &d->limiter;
	struct kith__tokens *best = NULL;
	size_t i;

	if (l->grow || l->cap == 0)
		grow(d);
	if (l->cap == 0)
		return NULL;
	for (i = 0; i < PROBES; i++) {
		struct kith__tokens *t = &l->slot[(tag / 2 + i) & (l->cap - 1)];

		if (t->tag == tag)
			return t;
		if (t->tag == 0) {
			best = t;
			break;
		}
		if (best == NULL || refilled(t, d->params.rate, d->params.burst, ms) >
					    refilled(best, d->params.rate, d->params.burst, ms))
			best = t;
	}
	/* A bucket that is full again says what none would say. */
	if (i == PROBES &&
	    refilled(best, d->params.rate, d->params.burst, ms) < d->params.burst * 1000u)
		l->grow = true;
	*best = (struct kith__tokens){tag, ms, burst * 1000u};
	return best;
}

static bool take(struct kith_dht *d, uint32_t tag, uint32_t rate, uint32_t burst, uint32_t weight,
		 uint32_t keep, kith_time now)
{
	uint32_t ms = (uint32_t)(now / KITH_US_PER_MS);
	struct kith__tokens *t = obtain(d, tag, burst, ms);

	if (t == NULL)
		return false;
	t->milli = refilled(t, rate, burst, ms);
	t->at_ms = ms;
	if (t->milli < (weight + keep) * 1000u)
		return false;
	t->milli -= weight * 1000u;
	return true;
}

bool kith__limit_take(struct kith_dht *d, const struct kith_addr *a, unsigned weight, bool known,
		      kith_time now)
{
	uint32_t keep = known ? 0 : d->params.burst * d->params.reserve_pct / 100u;

	return take(d, tag_of(d, a, 0), d->params.rate, d->params.burst, weight, keep, now);
}

bool kith__limit_record(struct kith_dht *d, const struct kith_addr *a, kith_time now)
{
	return take(d, tag_of(d, a, 1), RECORDS_PER_S, RECORDS_BURST, 1, 0, now);
}

/* A budget of `rate` per second that saves up 4 seconds; `keep_pct` of it is for others. */
bool kith__budget_take(struct kith__budget *b, uint64_t rate, uint64_t amount, unsigned keep_pct,
		       kith_time now)
{
	uint64_t full = 4u * rate * KITH_US_PER_S, gain;

	if (b->at == 0 && b->left == 0) {
		b->left = full;
	} else if (now > b->at) {
		gain = now - b->at < 4u * KITH_US_PER_S ? (now - b->at) * rate : full;
		b->left = full - b->left < gain ? full : b->left + gain;
	}
	b->at = now > b->at ? now : b->at;
	if (b->left < amount * KITH_US_PER_S + full / 100u * keep_pct)
		return false;
	b->left -= amount * KITH_US_PER_S;
	return true;
}
