/* SPDX-License-Identifier: ISC */
/*
 * Keeping the table alive (dht.md 10).
 *
 *	near    16 times per near_check: the longest unseen of the 16 nearest, if due, gets a PING
 *	bucket  each minute: one bucket without traffic for `refresh` gets a FIND (SVC)
 *	size    one NODE lookup of a random target: each minute until 8 samples, then each 2 h
 *	hour    silent entries go, ages are clamped
 *	sweep   after a wave of failures every entry is checked, 4 per s
 *	probe   offline: see join.c
 */
#include <string.h>

#include "dht/internal.h"

#define MINUTE_US      (60u * (kith_time)KITH_US_PER_S)
#define HOUR_US        (60u * MINUTE_US)
#define SWEEP_STEP_US  (KITH_US_PER_S / 4u)
#define SWEEP_PAUSE_US (10u * MINUTE_US)
#define OFFLINE_US     (10u * (kith_time)KITH_US_PER_S)

static kith_time near_step(const struct kith_dht *d)
{
	return (kith_time)d->params.near_check_s * KITH_US_PER_S / KITH__NEAREST;
}

static void check_near(struct kith_dht *d, kith_time now)
{
	kith_time limit = (kith_time)d->params.near_check_s * KITH_US_PER_S, silent, longest = 0;
	uint16_t near[KITH__NEAREST];
	size_t n = kith__table_nearest(&d->table, &d->self[0].id, near, KITH__NEAREST, NULL, NULL);
	size_t i;
	int found = -1;

	for (i = 0; i < n; i++) {
		struct kith__entry *e = &d->table.entry[near[i]];

		silent = kith__entry_silent(e, now);
		if (silent >= limit && silent > longest && !kith__banned(d, e->peer, now)) {
			longest = silent;
			found = near[i];
		}
	}
	if (found >= 0)
		kith__ping(d, d->table.entry[found].peer, now);
	d->near_due = now + kith_rng_jitter(d->rng, near_step(d), 25);
}

static uint32_t longest_unseen(const struct kith_dht *d, size_t first, size_t count, kith_time now)
{
	uint32_t peer = KITH__NO_PEER;
	kith_time longest = 0;
	size_t i;

	for (i = first; i < first + count; i++) {
		const struct kith__entry *e = &d->table.entry[i];
		kith_time silent = kith__entry_silent(e, now);

		if ((peer == KITH__NO_PEER || silent > longest) && !kith__banned(d, e->peer, now)) {
			longest = silent;
			peer = e->peer;
		}
	}
	return peer;
}

static void check_buckets(struct kith_dht *d, kith_time now)
{
	uint16_t limit = (uint16_t)((kith_time)d->params.refresh_s * KITH_US_PER_S / KITH__SEEN_US);
	unsigned b, buckets = kith__table_buckets(&d->table);
	size_t first, count;
	uint32_t peer;

	d->bucket_due = now + kith_rng_jitter(d->rng, MINUTE_US, 25);
	for (b = 0; b < buckets; b++) {
		struct kith__level *level = &d->table.level[b];

		kith__table_range(&d->table, b, &first, &count);
		if (count == 0 || (uint16_t)(kith__seen_tick(now) - level->traffic) < limit)
			continue;
		peer = longest_unseen(d, first, count, now);
		level->traffic = kith__seen_tick(now);
		if (peer != KITH__NO_PEER)
			(void)kith__ask_bucket(d, b, peer, now);
		return;
	}
}

static void probe_size(struct kith_dht *d, kith_time now)
{
	/* The first eight samples are spread over half an hour: one costs as much as a lookup. */
	kith_time wait = d->size_count < 8 ? 3 * MINUTE_US
					   : (kith_time)d->params.size_probe_s * KITH_US_PER_S;
	struct kith_id target;

	d->size_due = now + kith_rng_jitter(d->rng, wait, 25);
	kith__random_id(d, &d->self[0].id, 0, &target);
	(void)kith__lookup_new(d, KITH__LOOK_NODE, KITH__OWN_SIZE, &target, now);
}

/* ---- healing ---- */
static unsigned ones(uint32_t v)
{
	unsigned n;

	for (n = 0; v != 0; n++)
		v &= v - 1;
	return n;
}

static void start_sweep(struct kith_dht *d, kith_time now)
{
	size_t n = d->table.count, i, j;
	uint32_t *list;

	list = kith_alloc_zero(d->alloc, n, sizeof(*list));
	if (list == NULL)
		return;
	/* Nearest first: the deep levels stand last. Longest unseen first within a level. */
	for (i = 0; i < n; i++) {
		const struct kith__entry *e = &d->table.entry[n - 1 - i];

		list[i] = e->peer;
		kith__peer_ref(d->book, e->peer);
		for (j = i; j > 0; j--) {
			const struct kith__peer *a = kith__peer_get(d->book, list[j - 1]);
			const struct kith__peer *b = kith__peer_get(d->book, list[j]);
			int ea = kith__table_find(&d->table, list[j - 1]);
			uint32_t swap = list[j];

			if (kith__table_bucket(&d->table, &a->id) !=
				    kith__table_bucket(&d->table, &b->id) ||
			    kith__entry_silent(&d->table.entry[ea], now) >=
				    kith__entry_silent(e, now))
				break;
			list[j] = list[j - 1];
			list[j - 1] = swap;
		}
	}
	d->sweep = list;
	d->sweep_count = n;
	d->sweep_at = 0;
	d->sweep_due = now;
	d->sweep_last = now;
}

static void end_sweep(struct kith_dht *d)
{
	while (d->sweep_at < d->sweep_count)
		kith__peer_unref(d->book, d->sweep[d->sweep_at++]);
	kith_alloc_free(d->alloc, d->sweep);
	d->sweep = NULL;
	d->sweep_count = d->sweep_at = 0;
	d->sweep_due = KITH_NEVER;
}

static void sweep(struct kith_dht *d, kith_time now)
{
	uint32_t peer;
	int at;

	if (d->sweep == NULL) {
		if (d->result_count >= 10 && ones(d->results & 0x3ffu) >= 3 &&
		    now - d->last_reply < OFFLINE_US && d->table.count != 0 &&
		    (d->sweep_last == 0 || now - d->sweep_last >= SWEEP_PAUSE_US))
			start_sweep(d, now);
		return;
	}
	if (now < d->sweep_due)
		return;
	d->sweep_due = now + SWEEP_STEP_US;
	for (;;) {
		if (d->sweep_at >= d->sweep_count || (d->sweep_at >= 32 && ones(d->results) < 4)) {
			end_sweep(d);
			return;
		}
		peer = d->sweep[d->sweep_at++];
		at = kith__table_find(&d->table, peer);
		if (at >= 0 && kith__entry_silent(&d->table.entry[at], now) >= OFFLINE_US &&
		    !kith__banned(d, peer, now))
			kith__ping(d, peer, now);
		else
			at = -1;
		kith__peer_unref(d->book, peer);
		if (at >= 0)
			return;
	}
}

void kith__refresh_tick(struct kith_dht *d, kith_time now)
{
	if (now >= d->hour_due) {
		kith__table_sweep(&d->table, now);
		d->hour_due = now + HOUR_US;
		if (d->req_count == 0) {
			kith_alloc_free(d->alloc, d->req);
			d->req = NULL;
			d->req_cap = 0;
		}
		if (d->former_until <= now && d->former_until != 0) {
			kith_wipe(&d->self[1], sizeof(d->self[1]));
			d->former_until = 0;
		}
	}
	kith__record_tick(d, now);
	sweep(d, now);
	if (d->join != KITH__JOIN_READY || d->note_count >= KITH_DHT_EVENTS_MAX)
		return;
	if (now >= d->near_due)
		check_near(d, now);
	if (now >= d->bucket_due)
		check_buckets(d, now);
	if (now >= d->size_due)
		probe_size(d, now);
}

kith_time kith__refresh_deadline(const struct kith_dht *d)
{
	kith_time next = kith__min_time(d->hour_due, d->records.expire_at);

	next = kith__min_time(next, d->sweep_due);
	if (d->join != KITH__JOIN_READY || d->note_count >= KITH_DHT_EVENTS_MAX)
		return next;
	next = kith__min_time(next, d->near_due);
	next = kith__min_time(next, d->bucket_due);
	return kith__min_time(next, d->size_due);
}
