/* SPDX-License-Identifier: ISC */
/*
 * Others' records (dht.md 8): one per key, 16 MiB, memory only. The signature is checked last, and
 * only when the bytes differ from what is held. Full: expired ones go first, then one of the group
 * with the largest share above 1/64, then the farthest from the own id.
 */
#include <string.h>

#include "dht/internal.h"

#define RECORD_COST 1080u
#define RECORDS_MAX (KITH_DHT_RECORD_BYTES / RECORD_COST)
#define GROUP_SHARE 64u
#define LIFE_US     (48u * 3600u * (kith_time)KITH_US_PER_S)
#define TTL_MAX_MIN 1440u
#define MINUTE_US   (60u * (kith_time)KITH_US_PER_S)

static struct kith__held *find(const struct kith_dht *d, const struct kith_id *key, uint32_t *at)
{
	if (!kith_map_get(&d->records.index, key->b, at))
		return NULL;
	KITH_ASSERT(*at < d->records.count);
	return d->records.held[*at];
}

const struct kith__held *kith__record_get(const struct kith_dht *d, const struct kith_id *key,
					  kith_time now)
{
	uint32_t at;
	const struct kith__held *h = find(d, key, &at);

	return h != NULL && h->expires > now ? h : NULL;
}

static uint32_t group_count(const struct kith_dht *d, uint32_t group)
{
	uint32_t n = 0;

	(void)kith_map_get(&d->records.groups, &group, &n);
	return n;
}

static bool group_add(struct kith_dht *d, uint32_t group)
{
	return kith_map_put(&d->records.groups, &group, group_count(d, group) + 1) == KITH_OK;
}

static void group_remove(struct kith_dht *d, uint32_t group)
{
	uint32_t n = group_count(d, group);

	KITH_ASSERT(n > 0);
	if (n == 1 || kith_map_put(&d->records.groups, &group, n - 1) != KITH_OK)
		(void)kith_map_remove(&d->records.groups, &group);
}

static void drop(struct kith_dht *d, uint32_t at)
{
	struct kith__records *r = &d->records;
	struct kith__held *h = r->held[at], *last = r->held[r->count - 1];

	(void)kith_map_remove(&r->index, h->key.b);
	group_remove(d, h->group);
	r->held[at] = last;
	r->count--;
	if (last != h)
		KITH_ASSERT(kith_map_put(&r->index, last->key.b, at) == KITH_OK);
	kith_alloc_free(d->alloc, h);
}

void kith__record_wipe(struct kith_dht *d)
{
	while (d->records.count != 0)
		drop(d, (uint32_t)d->records.count - 1);
	kith_alloc_free(d->alloc, d->records.held);
	kith_map_wipe(&d->records.index);
	kith_map_wipe(&d->records.groups);
}

static void set_expiry(struct kith_dht *d, struct kith__held *h, uint16_t ttl_min, kith_time now)
{
	kith_time ttl = ttl_min < TTL_MAX_MIN ? ttl_min : TTL_MAX_MIN;

	h->expires = kith__min_time(now + ttl * MINUTE_US, h->first + LIFE_US);
	d->records.expire_at = kith__min_time(d->records.expire_at, h->expires);
}

void kith__record_keep(struct kith_dht *d, const struct kith_id *key, uint16_t ttl_min,
		       kith_time now)
{
	uint32_t at;
	struct kith__held *h = find(d, key, &at);

	if (h != NULL && h->expires > now)
		set_expiry(d, h, ttl_min, now);
}

void kith__record_tick(struct kith_dht *d, kith_time now)
{
	struct kith__records *r = &d->records;
	kith_time next = KITH_NEVER;
	size_t i;

	if (now < r->expire_at)
		return;
	for (i = r->count; i > 0; i--) {
		if (r->held[i - 1]->expires <= now)
			drop(d, (uint32_t)i - 1);
		else
			next = kith__min_time(next, r->held[i - 1]->expires);
	}
	r->expire_at = next;
}

static void evict(struct kith_dht *d, kith_time now)
{
	struct kith__records *r = &d->records;
	uint32_t most = (uint32_t)(RECORDS_MAX / GROUP_SHARE), n;
	size_t victim = 0, i;
	bool share = false;

	d->counters.records_evicted++;
	r->expire_at = now;
	kith__record_tick(d, now);
	if (r->count < RECORDS_MAX)
		return;
	for (i = 0; i < r->count; i++) {
		n = group_count(d, r->held[i]->group);
		if (n > most) {
			most = n;
			share = true;
		}
	}
	for (victim = r->count, i = 0; i < r->count; i++) {
		if (share && group_count(d, r->held[i]->group) != most)
			continue;
		if (victim == r->count ||
		    kith__closer(&d->self[0].id, &r->held[i]->key, &r->held[victim]->key) > 0)
			victim = i;
	}
	drop(d, (uint32_t)victim);
}

static enum kith__stored add(struct kith_dht *d, const uint8_t *record, const struct kith_id *key,
			     uint64_t seq, uint32_t group, kith_time now, struct kith__held **out)
{
	struct kith__records *r = &d->records;
	void *array = r->held;
	struct kith__held *h;

	if (r->count >= RECORDS_MAX / 2 && group_count(d, group) >= RECORDS_MAX / GROUP_SHARE)
		return KITH__ST_FULL;
	if (r->count >= RECORDS_MAX)
		evict(d, now);
	if (kith_alloc_grow(d->alloc, &array, &r->cap, r->count + 1, RECORDS_MAX,
			    sizeof(struct kith__held *)) != KITH_OK)
		return KITH__ST_FULL;
	r->held = array;
	h = kith_alloc_zero(d->alloc, 1, sizeof(*h));
	if (h == NULL)
		return KITH__ST_FULL;
	h->key = *key;
	h->seq = seq;
	h->first = now;
	h->group = group;
	memcpy(h->record, record, KITH_RECORD);
	if (!group_add(d, group)) {
		kith_alloc_free(d->alloc, h);
		return KITH__ST_FULL;
	}
	if (kith_map_put(&r->index, key->b, (uint32_t)r->count) != KITH_OK) {
		group_remove(d, group);
		kith_alloc_free(d->alloc, h);
		return KITH__ST_FULL;
	}
	r->held[r->count++] = h;
	*out = h;
	return KITH__ST_OK;
}

enum kith__stored kith__record_store(struct kith_dht *d, const uint8_t *record, uint16_t ttl_min,
				     const struct kith_addr *from, kith_time now)
{
	uint32_t group = kith__group_hash(d, from, KITH_WIDTH_NEAR), at;
	enum kith__stored status = KITH__ST_OK;
	struct kith__held *h;
	struct kith_id key;
	uint64_t seq;

	kith_record_peek(record, &key, &seq);
	h = find(d, &key, &at);
	if (h != NULL && h->expires <= now) {
		drop(d, at);
		h = NULL;
	}
	if (h != NULL && memcmp(h->record, record, KITH_RECORD) == 0) {
		set_expiry(d, h, ttl_min, now);
		return KITH__ST_OK;
	}
	if (h != NULL && seq <= h->seq)
		return seq < h->seq ? KITH__ST_OLDER : KITH__ST_OTHER;
	if (h == NULL && !kith__limit_record(d, from, now))
		return KITH__ST_FULL;
	if ((h != NULL ? kith_record_check_known(record, &key, &seq)
		       : kith_record_check(record, &key, &seq)) != KITH_OK)
		return KITH__ST_BAD;
	if (h != NULL) {
		memcpy(h->record, record, KITH_RECORD);
		h->seq = seq;
	} else {
		status = add(d, record, &key, seq, group, now, &h);
	}
	if (status == KITH__ST_OK)
		set_expiry(d, h, ttl_min, now);
	return status;
}
