/* SPDX-License-Identifier: ISC */
/*
 * Table rules of dht.md 4. Insertion of a verified server: known -> update; diversity; room; an
 * entry with >= 2 failures; the seats (the oldest half is never displaced by speed); else the
 * replacement cache. Invariants: no key twice, no bucket above k but by a moved `depth`, every
 * handle holds one reference, levels are contiguous and in order.
 */
#include "dht/table.h"

#include <string.h>

#include "base/addr.h"

#define SITE_MAX   4u
#define WIDE_MAX_4 8u
#define WIDE_MAX_6 16u

void kith__table_init(struct kith__table *t, const struct kith_alloc *alloc,
		      struct kith_peerbook *book, const struct kith_dht_params *params,
		      struct kith_dht_counters *counters, const struct kith_id *self)
{
	memset(t, 0, sizeof(*t));
	t->alloc = alloc;
	t->book = book;
	t->params = params;
	t->counters = counters;
	t->self = *self;
	t->depth = KITH__LEVELS - 1;
}

void kith__table_wipe(struct kith__table *t)
{
	size_t i;

	for (i = 0; i < t->count; i++)
		kith__peer_unref(t->book, t->entry[i].peer);
	for (i = 0; i < t->spare_count; i++)
		kith__peer_unref(t->book, t->spare[i].peer);
	kith_alloc_free(t->alloc, t->entry);
	kith_alloc_free(t->alloc, t->spare);
	t->entry = NULL;
	t->spare = NULL;
	t->count = t->cap = t->spare_count = t->spare_cap = 0;
	memset(t->level, 0, sizeof(t->level));
}

kith_time kith__entry_silent(const struct kith__entry *e, kith_time now)
{
	return (kith_time)(uint16_t)(kith__seen_tick(now) - e->seen) * KITH__SEEN_US;
}

kith_time kith__entry_age(const struct kith__entry *e, kith_time now)
{
	return (kith_time)(uint16_t)(kith__born_tick(now) - e->born) * KITH__BORN_US;
}

unsigned kith__table_level(const struct kith__table *t, const struct kith_id *id)
{
	unsigned bits = kith__shared_bits(&t->self, id);

	return bits < KITH__LEVELS ? bits : KITH__LEVELS - 1;
}

unsigned kith__table_bucket(const struct kith__table *t, const struct kith_id *id)
{
	unsigned level = kith__table_level(t, id);

	return level < t->depth ? level : t->depth;
}

void kith__table_range(const struct kith__table *t, unsigned b, size_t *first, size_t *count)
{
	unsigned i;

	*first = 0;
	for (i = 0; i < b; i++)
		*first += t->level[i].count;
	*count = b == t->depth ? t->count - *first : t->level[b].count;
}

unsigned kith__table_buckets(const struct kith__table *t)
{
	unsigned b = t->depth + 1;
	size_t first, count;

	for (; b > 0; b--) {
		kith__table_range(t, b - 1, &first, &count);
		if (count != 0)
			break;
	}
	return b;
}

int kith__table_find_id(const struct kith__table *t, const struct kith_id *id)
{
	unsigned level = kith__table_level(t, id), l;
	size_t first = 0, i;

	for (l = 0; l < level; l++)
		first += t->level[l].count;
	for (i = first; i < first + t->level[level].count; i++)
		if (memcmp(kith__entry_peer(t, &t->entry[i])->id.b, id->b, 32) == 0)
			return (int)i;
	return -1;
}

int kith__table_find(const struct kith__table *t, uint32_t peer)
{
	unsigned level = kith__table_level(t, &kith__peer_get(t->book, peer)->id), l;
	size_t first = 0, i;

	for (l = 0; l < level; l++)
		first += t->level[l].count;
	for (i = first; i < first + t->level[level].count; i++)
		if (t->entry[i].peer == peer)
			return (int)i;
	return -1;
}

/* ---- replacements ---- */
static void spare_range(const struct kith__table *t, unsigned b, size_t *first, size_t *count)
{
	unsigned i;

	*first = 0;
	for (i = 0; i < b; i++)
		*first += t->level[i].spares;
	*count = b == t->depth ? t->spare_count - *first : t->level[b].spares;
}

static void spare_drop(struct kith__table *t, size_t at)
{
	unsigned level = kith__table_level(t, &kith__peer_get(t->book, t->spare[at].peer)->id);

	t->level[level].spares--;
	t->spare_count--;
	memmove(&t->spare[at], &t->spare[at + 1], (t->spare_count - at) * sizeof(t->spare[0]));
}

/* Where the replacement with this id stands, or -1. */
static int spare_find(const struct kith__table *t, const struct kith_id *id)
{
	size_t first, count, i;

	spare_range(t, kith__table_bucket(t, id), &first, &count);
	for (i = first; i < first + count; i++)
		if (memcmp(kith__peer_get(t->book, t->spare[i].peer)->id.b, id->b, 32) == 0)
			return (int)i;
	return -1;
}

/* Keeps the KITH__SPARES most recently verified, newest last within their level. */
static void spare_add(struct kith__table *t, const struct kith__sighting *s, uint16_t born)
{
	const struct kith_id id = kith__peer_get(t->book, s->peer)->id;
	unsigned level = kith__table_level(t, &id), i;
	size_t first, count, at = 0;
	void *array;
	int had = spare_find(t, &id);

	kith__peer_ref(t->book, s->peer);
	if (had >= 0) {
		uint32_t old = t->spare[had].peer;

		born = t->spare[had].born;
		spare_drop(t, (size_t)had);
		kith__peer_unref(t->book, old);
	}
	spare_range(t, kith__table_bucket(t, &id), &first, &count);
	if (count >= KITH__SPARES) {
		uint32_t old = t->spare[first].peer;

		spare_drop(t, first);
		kith__peer_unref(t->book, old);
	}
	array = t->spare;
	if (kith_alloc_grow(t->alloc, &array, &t->spare_cap, t->spare_count + 1, KITH_DHT_TABLE_MAX,
			    sizeof(t->spare[0])) != KITH_OK) {
		kith__peer_unref(t->book, s->peer);
		return;
	}
	t->spare = array;
	for (i = 0; i <= level; i++)
		at += t->level[i].spares;
	memmove(&t->spare[at + 1], &t->spare[at], (t->spare_count - at) * sizeof(t->spare[0]));
	t->spare[at] = (struct kith__spare){s->peer, born, 0};
	t->level[level].spares++;
	t->spare_count++;
}

uint32_t kith__table_spare(struct kith__table *t, unsigned b)
{
	size_t first, count;
	uint32_t peer;

	spare_range(t, b, &first, &count);
	if (count == 0)
		return KITH__NO_PEER;
	peer = t->spare[first + count - 1].peer;
	spare_drop(t, first + count - 1);
	return peer;
}

/* ---- entries ---- */
static void entry_drop(struct kith__table *t, size_t at)
{
	uint32_t peer = t->entry[at].peer;

	t->level[kith__table_level(t, &kith__peer_get(t->book, peer)->id)].count--;
	t->count--;
	memmove(&t->entry[at], &t->entry[at + 1], (t->count - at) * sizeof(t->entry[0]));
	kith__peer_unref(t->book, peer);
}

static bool entry_add(struct kith__table *t, const struct kith__entry *e)
{
	unsigned level = kith__table_level(t, &kith__entry_peer(t, e)->id), i;
	struct kith__entry *array;
	size_t at = 0;

	if (t->count >= KITH_DHT_TABLE_MAX)
		return false;
	if (t->count == t->cap) {
		array = kith_alloc_resize(t->alloc, t->entry, t->cap + 16, sizeof(*array));
		if (array == NULL)
			return false;
		t->entry = array;
		t->cap += 16;
	}
	for (i = 0; i <= level; i++)
		at += t->level[i].count;
	memmove(&t->entry[at + 1], &t->entry[at], (t->count - at) * sizeof(t->entry[0]));
	t->entry[at] = *e;
	t->level[level].count++;
	t->count++;
	kith__peer_ref(t->book, e->peer);
	return true;
}

/* RFC 6298 section 2, gains 1/8 and 1/4, in the units of the entry. */
static void update_rtt(struct kith__entry *e, uint32_t rtt_us)
{
	uint32_t r = rtt_us / 250u, var = (uint32_t)e->rttvar * 16u, diff;

	if (rtt_us == 0)
		return;
	if (r == 0)
		r = 1;
	if (r > UINT16_MAX)
		r = UINT16_MAX;
	if (e->srtt == 0) {
		e->srtt = (uint16_t)r;
		var = r / 8; /* not r / 2: a slot given back too early costs one request */
	} else {
		diff = r > e->srtt ? r - e->srtt : e->srtt - r;
		var = (3 * var + diff) / 4;
		e->srtt = (uint16_t)((7u * e->srtt + r + 4u) / 8u);
	}
	var = (var + 8) / 16;
	e->rttvar = var > 255 ? 255 : (uint8_t)var;
}

static void update_services(struct kith__entry *e, uint8_t services)
{
	unsigned state = e->state & ~(KITH__ST_MAILBOX | KITH__ST_RELAY);

	if ((services & KITH_DHT_MAILBOX) != 0)
		state |= KITH__ST_MAILBOX;
	if ((services & KITH_DHT_RELAY) != 0)
		state |= KITH__ST_RELAY;
	e->state = (uint8_t)state;
}

static void touch(struct kith__entry *e, const struct kith__sighting *s, kith_time now)
{
	unsigned state;

	update_services(e, s->services);
	state = e->state & ~(KITH__ST_FAILS | KITH__ST_PING);
	if (s->reachable)
		state |= KITH__ST_REACHABLE;
	e->state = (uint8_t)state;
	e->seen = kith__seen_tick(now);
	update_rtt(e, s->rtt_us);
}

bool kith__same_group(const struct kith_addr *a, const struct kith_addr *b, enum kith_width w)
{
	struct kith_group ga = kith_addr_group(a, w), gb = kith_addr_group(b, w);

	return kith_group_equal(&ga, &gb);
}

/* Whether the address may stand in the table beside the others, without the entry `skip`. */
static bool diverse(const struct kith__table *t, const struct kith__peer *p, size_t skip)
{
	unsigned wide_max = kith_addr_is_v4(&p->addr) ? WIDE_MAX_4 : WIDE_MAX_6;
	unsigned near = 0, site = 0, wide = 0;
	size_t first, count, i;

	kith__table_range(t, kith__table_bucket(t, &p->id), &first, &count);
	for (i = 0; i < t->count; i++) {
		const struct kith_addr *a = &kith__entry_peer(t, &t->entry[i])->addr;

		if (i == skip || !kith__same_group(a, &p->addr, KITH_WIDTH_WIDE))
			continue;
		wide++;
		if (kith__same_group(a, &p->addr, KITH_WIDTH_SITE))
			site++;
		if (i >= first && i < first + count &&
		    kith__same_group(a, &p->addr, KITH_WIDTH_NEAR))
			near++;
	}
	return near < KITH__NEAR_MAX && site < SITE_MAX && wide < wide_max;
}

static unsigned band(uint32_t srtt_quarter_ms, uint32_t median_us)
{
	uint64_t us = (uint64_t)srtt_quarter_ms * 250u;

	if (srtt_quarter_ms == 0 || us >= median_us)
		return 2;
	return us * 2 < median_us ? 0 : 1;
}

/* The entry of the bucket with the most straight failures (>= 2) or, first, a weak one. */
static int failed_seat(const struct kith__table *t, size_t first, size_t count)
{
	unsigned worst = 1;
	int found = -1;
	size_t i;

	for (i = first; i < first + count; i++)
		if ((t->entry[i].state & KITH__ST_WEAK) != 0)
			return (int)i;
	for (i = first; i < first + count; i++)
		if ((t->entry[i].state & KITH__ST_FAILS) > worst) {
			worst = t->entry[i].state & KITH__ST_FAILS;
			found = (int)i;
		}
	return found;
}

/* How many entries of the bucket are older than entry i (ties by position, which is by bucket). */
static unsigned elders(const struct kith__table *t, size_t first, size_t count, size_t i,
		       kith_time now)
{
	kith_time age = kith__entry_age(&t->entry[i], now), other;
	unsigned n = 0;
	size_t j;

	for (j = first; j < first + count; j++) {
		other = kith__entry_age(&t->entry[j], now);
		if (other > age || (other == age && j < i))
			n++;
	}
	return n;
}

/* The speed seat that a peer of RTT band `own` may take: slowest band, then youngest. */
static int speed_seat(const struct kith__table *t, size_t first, size_t count, unsigned own,
		      uint32_t median_us, kith_time now)
{
	unsigned worst = own;
	int found = -1;
	size_t i;

	for (i = first; i < first + count; i++) {
		unsigned b = band(t->entry[i].srtt, median_us);

		if (elders(t, first, count, i, now) < t->params->age_seats)
			continue;
		if (b > worst ||
		    (b == worst && found >= 0 &&
		     kith__entry_age(&t->entry[i], now) < kith__entry_age(&t->entry[found], now))) {
			worst = b;
			found = (int)i;
		}
	}
	return found;
}

static bool bucket_young(const struct kith__table *t, size_t first, size_t count, kith_time now)
{
	size_t i;

	for (i = first; i < first + count; i++)
		if (kith__entry_age(&t->entry[i], now) >=
		    (kith_time)t->params->age_min_s * KITH_US_PER_S)
			return false;
	return true;
}

/* Finds the seat of a new peer in a full bucket; -1: none. */
static int find_seat(struct kith__table *t, const struct kith__sighting *s, size_t first,
		     size_t count, kith_time now)
{
	const struct kith_id id = kith__peer_get(t->book, s->peer)->id;
	kith_time min = (kith_time)t->params->age_min_s * KITH_US_PER_S;
	int seat = failed_seat(t, first, count), spare;
	struct kith__entry probe;

	if (seat >= 0)
		return seat;
	if (t->params->pns == 0 || s->rtt_us == 0)
		return -1;
	spare = spare_find(t, &id);
	if (!bucket_young(t, first, count, now)) {
		if (spare < 0)
			return -1;
		probe.born = t->spare[spare].born;
		if (kith__entry_age(&probe, now) < min)
			return -1;
	}
	return speed_seat(t, first, count, band(s->rtt_us / 250u, s->median_us), s->median_us, now);
}

static void count_replaced(struct kith__table *t, int seat)
{
	if ((t->entry[seat].state & KITH__ST_FAILS) >= 2)
		t->counters->replaced_failed++;
	else if ((t->entry[seat].state & KITH__ST_WEAK) != 0)
		t->counters->replaced_age++;
	else
		t->counters->replaced_speed++;
}

static enum kith__placed insert(struct kith__table *t, const struct kith__sighting *s,
				kith_time now)
{
	const struct kith__peer *p = kith__peer_get(t->book, s->peer);
	struct kith__entry e = {.peer = s->peer, .born = kith__born_tick(now)};
	size_t first, count;
	int seat = -1, spare;
	bool alone = t->count < KITH__SMALL_TABLE;

	kith__table_range(t, kith__table_bucket(t, &p->id), &first, &count);
	if (count >= t->params->k) {
		seat = find_seat(t, s, first, count, now);
		if (seat < 0) {
			spare_add(t, s, kith__born_tick(now));
			return KITH__PLACED_SPARE;
		}
	}
	if (!diverse(t, p, seat >= 0 ? (size_t)seat : SIZE_MAX)) {
		if (!alone)
			return KITH__PLACED_NOT;
		e.state = KITH__ST_WEAK;
	}
	spare = spare_find(t, &p->id);
	if (spare >= 0) {
		uint32_t old = t->spare[spare].peer;

		e.born = t->spare[spare].born;
		spare_drop(t, (size_t)spare);
		kith__peer_unref(t->book, old);
	}
	if (seat >= 0) {
		count_replaced(t, seat);
		entry_drop(t, (size_t)seat);
	}
	touch(&e, s, now);
	return entry_add(t, &e) ? KITH__PLACED_NEW : KITH__PLACED_NOT;
}

enum kith__placed kith__table_sighting(struct kith__table *t, const struct kith__sighting *s,
				       kith_time now, uint32_t *old)
{
	const struct kith__peer *p = kith__peer_get(t->book, s->peer);
	unsigned level = kith__table_level(t, &p->id);
	struct kith__entry *e;
	int at;

	KITH_ASSERT(memcmp(p->id.b, t->self.b, 32) != 0);
	at = kith__table_find_id(t, &p->id);
	t->level[level].traffic = kith__seen_tick(now);
	if (at < 0)
		return insert(t, s, now);
	e = &t->entry[at];
	if (e->peer == s->peer) {
		touch(e, s, now);
		return KITH__PLACED_OLD;
	}
	if ((e->state & KITH__ST_FAILS) < 2) {
		*old = e->peer;
		return KITH__PLACED_MOVED;
	}
	kith__peer_ref(t->book, s->peer);
	kith__peer_unref(t->book, e->peer);
	e->peer = s->peer;
	e->srtt = 0;
	e->rttvar = 0;
	touch(e, s, now);
	return KITH__PLACED_OLD;
}

bool kith__table_failed(struct kith__table *t, uint32_t peer)
{
	int at = kith__table_find(t, peer);
	struct kith__entry *e;

	if (at < 0)
		return false;
	e = &t->entry[at];
	e->state = (uint8_t)(e->state & ~KITH__ST_PING);
	if ((e->state & KITH__ST_FAILS) < KITH__ST_FAILS)
		e->state++;
	if ((e->state & KITH__ST_FAILS) < t->params->failed_out)
		return false;
	entry_drop(t, (size_t)at);
	return true;
}

void kith__table_remove(struct kith__table *t, uint32_t peer)
{
	const struct kith_id id = kith__peer_get(t->book, peer)->id;
	int at = kith__table_find(t, peer);
	int spare = spare_find(t, &id);

	if (spare >= 0) {
		uint32_t old = t->spare[spare].peer;

		spare_drop(t, (size_t)spare);
		kith__peer_unref(t->book, old);
	}
	if (at >= 0)
		entry_drop(t, (size_t)at);
}

void kith__table_sweep(struct kith__table *t, kith_time now)
{
	const kith_time day = (kith_time)86400u * KITH_US_PER_S;
	uint16_t born = kith__born_tick(now);
	size_t i;

	for (i = t->count; i > 0; i--) {
		struct kith__entry *e = &t->entry[i - 1];

		if (kith__entry_age(e, now) > 24 * day)
			e->born = (uint16_t)(born - 24 * day / KITH__BORN_US);
		if (kith__entry_silent(e, now) >= day)
			entry_drop(t, i - 1);
	}
}

bool kith__table_has_room(const struct kith__table *t, const struct kith_id *id)
{
	size_t first, count;

	kith__table_range(t, kith__table_bucket(t, id), &first, &count);
	return count < t->params->k;
}
