/* SPDX-License-Identifier: ISC */
/*
 * The iterative lookup (dht.md 6). Candidates stand in order of distance. Outside the region a
 * candidate is asked with a masked target; inside with the key, in rounds over WIDE groups. Paths
 * are disjoint until a candidate has answered, then merged. A candidate counts only once it
 * answered by itself.
 *
 * candidate: NEW -> FLIGHT -> ANSWERED | SLOW | FAILED;  SLOW -> ANSWERED | FAILED;
 *            ANSWERED -> NEW once (the second step, with the cookie it gave).
 */
#include <string.h>

#include "dht/internal.h"

#define LIMIT_US      (20u * (kith_time)KITH_US_PER_S)
#define SPREAD        8u /* far seeds asked before a record is called absent */
#define ENOUGH_INSIDE 2u /* requests in the region under way: no more outside of it */
#define AGREE         3u /* replicas with the highest seq that end the background phase */

struct kith__lookup *kith__lookup_find(const struct kith_dht *d, uint32_t serial)
{
	size_t i;

	for (i = 0; i < d->look_count; i++)
		if (d->look[i]->serial == serial)
			return d->look[i];
	return NULL;
}

void kith__lookup_free(struct kith_dht *d, struct kith__lookup *l)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		kith__peer_unref(d->book, l->cand[i].peer);
	kith_alloc_free(d->alloc, l->cand);
	kith_alloc_free(d->alloc, l->record);
	kith_alloc_free(d->alloc, l);
}

struct kith__cand *kith__cand_find(struct kith__lookup *l, uint32_t peer)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		if (l->cand[i].peer == peer)
			return &l->cand[i];
	return NULL;
}

/* Where `id` belongs; *same when it is there already. */
static size_t place(const struct kith_dht *d, const struct kith__lookup *l,
		    const struct kith_id *id, bool *same)
{
	size_t low = 0, high = l->count;

	*same = false;
	while (low < high) {
		size_t mid = (low + high) / 2;
		int c = kith__closer(&l->key, &kith__peer_get(d->book, l->cand[mid].peer)->id, id);

		if (c == 0) {
			*same = true;
			return mid;
		}
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Makes room in a full list: the farthest new candidate behind `at` goes. */
static bool make_room(struct kith_dht *d, struct kith__lookup *l, size_t at)
{
	size_t most =
		l->owner >= KITH__OWN_SELF ? KITH_DHT_CANDIDATES_MAX / 2 : KITH_DHT_CANDIDATES_MAX;
	void *array = l->cand;
	size_t i;

	if (l->count < most) {
		if (kith_alloc_grow(d->alloc, &array, &l->cap, l->count + 1,
				    KITH_DHT_CANDIDATES_MAX, sizeof(l->cand[0])) != KITH_OK)
			return false;
		l->cand = array;
		return true;
	}
	for (i = l->count; i > at; i--)
		if (l->cand[i - 1].state == KITH__CAND_NEW)
			break;
	if (i <= at)
		return false;
	kith__peer_unref(d->book, l->cand[i - 1].peer);
	l->count--;
	memmove(&l->cand[i - 1], &l->cand[i], (l->count - (i - 1)) * sizeof(l->cand[0]));
	return true;
}

void kith__lookup_add(struct kith_dht *d, struct kith__lookup *l, uint32_t peer, unsigned paths,
		      unsigned depth)
{
	const struct kith__peer *p = kith__peer_get(d->book, peer);
	struct kith__cand c;
	uint64_t distance;
	bool same;
	size_t at;
	int known;

	if (memcmp(p->id.b, d->self[0].id.b, 32) == 0)
		return;
	at = place(d, l, &p->id, &same);
	if (same) {
		l->cand[at].paths |= (uint8_t)paths;
		return;
	}
	if (!make_room(d, l, at))
		return;
	memset(&c, 0, sizeof(c));
	c.peer = peer;
	c.paths = (uint8_t)paths;
	c.depth = (uint8_t)depth;
	c.near = kith__group_hash(d, &p->addr, KITH_WIDTH_NEAR);
	c.wide = kith__group_hash(d, &p->addr, KITH_WIDTH_WIDE);
	known = kith__table_find(&d->table, peer);
	if (known >= 0)
		c.srtt = d->table.entry[known].srtt;
	c.endpoint = (uint32_t)kith_siphash(d->hash_key, p->addr.ip, 16) ^ p->addr.port * 0x9e37u;
	distance = kith__distance(&p->id, &l->key);
	if (distance <= l->radius && l->radius != 0)
		c.flags = KITH__C_INSIDE;
	for (; distance > l->radius; distance >>= 1)
		c.far++;
	kith__peer_ref(d->book, peer);
	memmove(&l->cand[at + 1], &l->cand[at], (l->count - at) * sizeof(l->cand[0]));
	l->cand[at] = c;
	l->count++;
}

struct usable {
	const struct kith_dht *d;
	kith_time now;
};

static bool usable(void *ctx, const struct kith__entry *e)
{
	const struct usable *u = ctx;

	return !kith__banned(u->d, e->peer, u->now);
}

static void add_seeds(struct kith_dht *d, struct kith__lookup *l, kith_time now)
{
	uint16_t near[KITH__NEAREST];
	struct usable u = {d, now};
	size_t n = kith__table_nearest(&d->table, &l->key, near, KITH__NEAREST, usable, &u), i;

	for (i = 0; i < n; i++)
		kith__lookup_add(d, l, d->table.entry[near[i]].peer, 1u << i % d->params.paths, 1);
	if (n == 0 && d->table.count != 0) {
		l->desperate = true;
		n = kith__table_nearest(&d->table, &l->key, near, KITH__NEAREST, NULL, NULL);
		for (i = 0; i < n; i++)
			kith__lookup_add(d, l, d->table.entry[near[i]].peer,
					 1u << i % d->params.paths, 1);
	}
	for (i = 0; i < d->seed_count && l->count < 8; i++)
		if (!kith__banned(d, d->seed[i], now))
			kith__lookup_add(d, l, d->seed[i], 1u << i % d->params.paths, 1);
}

/* Up to `want` more seeds from all over the table, whatever their distance (depth 0): the bucket
 * that the key falls into may be in one hand. */
static void add_spread(struct kith_dht *d, struct kith__lookup *l, unsigned want, kith_time now)
{
	unsigned buckets = kith__table_buckets(&d->table), tries = 4 * want, b;
	size_t first, count;

	for (b = kith_rng_below(d->rng, buckets + 1); tries > 0 && want > 0; tries--, b++) {
		uint32_t peer;

		kith__table_range(&d->table, b % (buckets + 1), &first, &count);
		if (count == 0)
			continue;
		peer = d->table.entry[first + kith_rng_below(d->rng, (uint32_t)count)].peer;
		if (kith__cand_find(l, peer) != NULL || kith__banned(d, peer, now))
			continue;
		kith__lookup_add(d, l, peer, 1u << want % d->params.paths, 0);
		want--;
	}
}

/* Nothing more to ask: once, ask far ones before it is the end. */
static bool go_wide(struct kith_dht *d, struct kith__lookup *l, kith_time now)
{
	if (l->wide || l->found || l->kind == KITH__LOOK_KEEP || l->owner == KITH__OWN_LOCATE)
		return false;
	l->wide = true;
	add_spread(d, l, l->kind == KITH__LOOK_NODE ? SPREAD / 2 : SPREAD, now);
	return true;
}

struct kith__lookup *kith__lookup_new(struct kith_dht *d, enum kith__look_kind kind,
				      enum kith__look_owner owner, const struct kith_id *key,
				      kith_time now)
{
	size_t user_max = KITH_DHT_LOOKUPS_MAX - KITH__MAINTENANCE_MAX;
	size_t max = owner >= KITH__OWN_SELF ? KITH_DHT_LOOKUPS_MAX : user_max;
	struct kith__lookup *l;

	if (d->look_count >= max)
		return NULL;
	l = kith_alloc_zero(d->alloc, 1, sizeof(*l));
	if (l == NULL)
		return NULL;
	l->kind = (uint8_t)kind;
	l->owner = (uint8_t)owner;
	l->key = *key;
	l->serial = ++d->last_serial;
	l->started = now;
	l->limit = now + LIMIT_US;
	l->found_at = KITH_NEVER;
	l->radius = owner >= KITH__OWN_SELF && !kith__size_known(d) ? 0 : kith__radius(d);
	l->dirty = true;
	d->look[d->look_count++] = l;
	d->counters.lookups++;
	if (kind != KITH__LOOK_KEEP)
		add_seeds(d, l, now);
	if (kind == KITH__LOOK_NODE)
		(void)go_wide(d, l, now); /* at once: idle slots take the far ones */
	return l;
}

/* ---- asking ---- */
static bool ask(struct kith_dht *d, struct kith__lookup *l, struct kith__cand *c, kith_time now)
{
	struct kith__ask a = {.kind = KITH__ASK_LOOKUP,
			      .peer = c->peer,
			      .owner = l->serial,
			      .third_party = c->depth > 1};
	struct kith_id target = l->key;

	a.target = &target;
	a.method = KITH__FIND;
	if ((c->flags & KITH__C_INSIDE) == 0) {
		if (d->params.mask != 0 && l->owner < KITH__OWN_SELF && kith__size_known(d))
			kith__mask(d, &l->key, &target);
	} else if (l->kind != KITH__LOOK_NODE) {
		a.method = KITH__FIND_VALUE;
		a.seq = l->kind != KITH__LOOK_VALUE || l->found ? l->seq : 0;
		a.flags = l->kind == KITH__LOOK_KEEP ? KITH__KEEP : 0;
		a.large = l->large < d->params.large && !l->found && l->kind == KITH__LOOK_VALUE;
		a.medium = l->kind == KITH__LOOK_STORE; /* a token and contacts fit */
	}
	if (!kith__ask(d, &a, now))
		return false;
	l->large += a.large && d->req[d->req_count - 1].size == KITH__RPC_LARGE;
	l->bytes += d->req[d->req_count - 1].size;
	c->flags = (uint8_t)(c->flags & ~KITH__C_AGAIN);
	c->state = KITH__CAND_FLIGHT;
	l->requests++;
	l->fast++;
	l->flying++;
	return true;
}

static unsigned requests_max(const struct kith__lookup *l)
{
	return l->kind == KITH__LOOK_STORE  ? 2 * KITH_DHT_LOOKUP_REQUESTS
	       : l->kind == KITH__LOOK_KEEP ? KITH__REPLICAS_MAX * 2
					    : KITH_DHT_LOOKUP_REQUESTS;
}

/* The region may hold fewer than 16 live groups: then the next nearest are asked with the key. */
static bool extend(struct kith__lookup *l)
{
	size_t near[KITH__NEAREST], n, i;
	bool any = false;

	if (l->kind == KITH__LOOK_NODE || l->kind == KITH__LOOK_KEEP || l->found)
		return false;
	n = kith__lookup_nearest(l, near, KITH__NEAREST);
	for (i = 0; i < n; i++) {
		struct kith__cand *c = &l->cand[near[i]];

		if ((c->flags & KITH__C_INSIDE) != 0)
			continue;
		c->flags |= KITH__C_INSIDE | KITH__C_AGAIN;
		c->state = KITH__CAND_NEW;
		l->answered--;
		any = true;
	}
	return any;
}

/* Slots for the next request. Each slow peer adds one. The region has slots of its own, so that it
 * need not wait for far peers; a publication asks all of it at once. */
static bool has_slot(const struct kith_dht *d, const struct kith__lookup *l,
		     const struct kith__cand *c)
{
	unsigned most = d->params.alpha + l->slow, inside = 0;
	size_t i;

	if (l->kind == KITH__LOOK_STORE || d->join != KITH__JOIN_READY)
		most += d->params.alpha;
	if (l->kind == KITH__LOOK_STORE && (c->flags & KITH__C_INSIDE) != 0)
		return l->flying < d->params.store_alpha;
	for (i = 0; i < l->count; i++)
		inside += l->cand[i].state == KITH__CAND_FLIGHT &&
			  (l->cand[i].flags & KITH__C_INSIDE) != 0;
	if ((c->flags & KITH__C_INSIDE) == 0)
		return l->fast < most && l->flying < d->params.alpha_max &&
		       (l->kind != KITH__LOOK_VALUE || inside < ENOUGH_INSIDE);
	return (inside < d->params.inside || l->fast < most) && l->flying < d->params.alpha_max;
}

static void pump_search(struct kith_dht *d, struct kith__lookup *l, kith_time now)
{
	struct kith__cand *c;

	l->wants_more = false;
	for (;;) {
		while (l->requests < requests_max(l)) {
			c = kith__lookup_pick(d, l, now);
			if (c == NULL || !has_slot(d, l, c))
				break;
			if (!ask(d, l, c, now)) {
				l->wants_more = true;
				return;
			}
		}
		if (l->requests >= requests_max(l) || kith__lookup_pending(l) ||
		    !go_wide(d, l, now)) {
			if (l->flying != 0 || l->requests >= requests_max(l) || !extend(l))
				return;
		}
	}
}

void kith__lookup_pump(struct kith_dht *d, struct kith__lookup *l, kith_time now)
{
	l->dirty = false;
	if (l->done)
		return;
	if (l->kind == KITH__LOOK_VALUE && l->found && l->agree >= AGREE)
		l->stores_open = true;
	if (!l->stores_open) {
		pump_search(d, l, now);
		if (l->wants_more || (l->count == 0 && now < l->limit))
			return;
		if (l->requests >= requests_max(l) && !l->found) {
			l->stores_open = l->flying == 0;
		} else if (!kith__lookup_pending(l) && kith__lookup_pick(d, l, now) == NULL) {
			l->stores_open = true;
			l->complete = l->answered != 0;
		}
	}
	kith__store_pump(d, l, now);
	if (l->stores_open && !kith__store_busy(l))
		l->done = true;
}

/* ---- end ---- */
static void keep_trace(struct kith_dht *d, const struct kith__lookup *l, kith_time now)
{
	struct kith_dht_trace *t;

	if (d->trace == NULL)
		d->trace = kith_alloc_zero(d->alloc, KITH__TRACES, sizeof(*d->trace));
	if (d->trace == NULL)
		return;
	t = &d->trace[d->trace_at];
	d->trace_at = (d->trace_at + 1) % KITH__TRACES;
	*t = (struct kith_dht_trace){.op = l->op,
				     .hops_found = l->hops_found,
				     .requests = l->requests,
				     .requests_found = l->requests_found,
				     .bytes_found = l->bytes_found,
				     .bytes_total = l->bytes,
				     .started = l->started,
				     .found = l->found_at,
				     .done = now};
}

bool kith_dht_trace(const struct kith_dht *d, uint32_t op, struct kith_dht_trace *out)
{
	size_t i;

	for (i = 0; d->trace != NULL && i < KITH__TRACES; i++)
		if (d->trace[i].op == op && op != 0) {
			*out = d->trace[i];
			return true;
		}
	for (i = 0; i < d->look_count; i++) {
		const struct kith__lookup *l = d->look[i];

		if (l->op != op || op == 0)
			continue;
		*out = (struct kith_dht_trace){
			op,       l->hops_found, l->requests, l->requests_found, l->bytes_found,
			l->bytes, l->started,    l->found_at, KITH_NEVER};
		return true;
	}
	return false;
}

static void absent(struct kith_dht *d, const struct kith__lookup *l)
{
	struct kith_dht_event e = {.kind = KITH_DHT_ABSENT,
				   .op = l->op,
				   .final = true,
				   .complete = l->complete,
				   .answered = l->answered};

	kith__emit(d, &e, NULL);
	if (l->complete)
		d->counters.lookups_absent++;
	else
		d->counters.lookups_incomplete++;
}

/* The lookup is out of d->look already; frees it. */
void kith__lookup_end(struct kith_dht *d, struct kith__lookup *l, kith_time now)
{
	KITH_ASSERT(l->done);
	switch ((enum kith__look_owner)l->owner) {
	case KITH__OWN_USER:
		keep_trace(d, l, now);
		d->counters.lookups_found += l->found;
		if (l->found)
			kith__lookup_tell(d, l, true);
		else
			absent(d, l);
		break;
	case KITH__OWN_LOCATE:
		keep_trace(d, l, now);
		if (!l->found)
			absent(d, l);
		break;
	case KITH__OWN_PUBLISH:
		keep_trace(d, l, now);
		kith__pub_end(d, l, now);
		break;
	case KITH__OWN_SIZE:
		kith__size_sample(d, l, now);
		kith__join_lookup(d, l, now);
		break;
	case KITH__OWN_SELF: kith__join_lookup(d, l, now); break;
	}
	kith__lookup_free(d, l);
}

static void wake_starved(struct kith_dht *d)
{
	size_t i;

	if (!d->starved || d->req_count >= KITH_DHT_REQUESTS_MAX)
		return;
	d->starved = false;
	for (i = 0; i < d->look_count; i++)
		if (d->look[i]->wants_more)
			d->look[i]->dirty = true;
}

static bool settle_once(struct kith_dht *d, kith_time now)
{
	unsigned owner;
	bool ended = false;
	size_t i;

	wake_starved(d);
	for (owner = KITH__OWN_USER; owner <= KITH__OWN_SIZE; owner++)
		for (i = 0; i < d->look_count; i++)
			if (d->look[i]->owner == owner && d->look[i]->dirty)
				kith__lookup_pump(d, d->look[i], now);
	for (i = 0; i < d->look_count;) {
		struct kith__lookup *l = d->look[i];

		if (!l->done) {
			i++;
			continue;
		}
		d->look_count--;
		memmove(&d->look[i], &d->look[i + 1], (d->look_count - i) * sizeof(d->look[0]));
		kith__lookup_end(d, l, now);
		ended = true;
	}
	kith__ping_pump(d, now);
	return ended;
}

void kith__settle(struct kith_dht *d, kith_time now)
{
	unsigned rounds = 0;

	while (settle_once(d, now) && ++rounds < KITH_DHT_LOOKUPS_MAX)
		;
}
