/* SPDX-License-Identifier: ISC */
/*
 * Joining (dht.md 10).
 *
 *	IDLE   no server known: PING seeds, 16 at once, again at 1, 2, 4 .. 60 s
 *	FIRST  lookup of the own id
 *	FILL   at once: FIND of a random id of each occupied bucket at 3 peers, 4 buckets at a
 *	       time; two samples of the network's size; further lookups of the own id, until two
 *	       in a row give the same 16 nearest
 *	READY  refresh takes over; the filling ends in the background
 */
#include <string.h>

#include "dht/internal.h"

#define PROBE_FIRST_US ((kith_time)KITH_US_PER_S)
#define PROBE_MAX_US   (60u * (kith_time)KITH_US_PER_S)
#define OFFLINE_US     (10u * (kith_time)KITH_US_PER_S)
#define SEEDS_AT_ONCE  16u
#define FILL_AT_ONCE   12u /* 4 buckets x 3 peers */
#define FILL_PEERS     3u
#define FILL_TAKE      6u /* contacts of one answer: three liars must not fill a bucket alone */
#define ROUNDS_MAX     3u /* a growing network never shows the same 16 twice */

static void probe(struct kith_dht *d)
{
	size_t n = d->seed_count < SEEDS_AT_ONCE ? d->seed_count : SEEDS_AT_ONCE, i;

	if (d->table.count != 0)
		kith__probe(d,
			    d->table.entry[kith_rng_below(d->rng, (uint32_t)d->table.count)].peer);
	if (d->table.count != 0 && n > 1)
		n = 1;
	for (i = 0; i < n; i++) {
		kith__probe(d, d->seed[d->seed_at % d->seed_count]);
		d->seed_at++;
	}
}

static void back_off(struct kith_dht *d, kith_time now)
{
	d->probe_wait = d->probe_wait == 0 ? PROBE_FIRST_US : d->probe_wait * 2;
	if (d->probe_wait > PROBE_MAX_US)
		d->probe_wait = PROBE_MAX_US;
	d->probe_at = now + d->probe_wait;
}

static void wait_idle(struct kith_dht *d, kith_time now)
{
	d->join = KITH__JOIN_IDLE;
	back_off(d, now);
	d->join_at = d->probe_at;
}

static void start_self(struct kith_dht *d, kith_time now)
{
	if (kith__lookup_new(d, KITH__LOOK_NODE, KITH__OWN_SELF, &d->self[0].id, now) == NULL)
		wait_idle(d, now);
}

static void start_sizes(struct kith_dht *d, unsigned count, kith_time now)
{
	struct kith_id target;

	while (count-- > 0) {
		kith__random_id(d, &d->self[0].id, 0, &target);
		if (kith__lookup_new(d, KITH__LOOK_NODE, KITH__OWN_SIZE, &target, now) != NULL)
			d->join_sizes++;
	}
}

/* A random id of bucket b: shares exactly b bits with the own id (or at least, in the last one). */
static void bucket_id(struct kith_dht *d, unsigned b, struct kith_id *out)
{
	kith__random_id(d, &d->self[0].id, b, out);
	if (b < d->table.depth)
		out->b[b / 8] = (uint8_t)((out->b[b / 8] & ~(0x80u >> b % 8)) |
					  (~(unsigned)d->self[0].id.b[b / 8] & (0x80u >> b % 8)));
}

bool kith__ask_bucket(struct kith_dht *d, unsigned bucket, uint32_t peer, kith_time now)
{
	struct kith_id target;
	struct kith__ask a = {.kind = KITH__ASK_FILL,
			      .method = KITH__FIND,
			      .peer = peer,
			      .flags = KITH__SVC,
			      .bucket = (uint8_t)bucket,
			      .target = &target};

	bucket_id(d, bucket, &target);
	return kith__ask(d, &a, now);
}

static void fill_bucket(struct kith_dht *d, unsigned bucket, kith_time now)
{
	uint16_t near[FILL_PEERS];
	struct kith_id target;
	size_t n, i;

	bucket_id(d, bucket, &target);
	n = kith__table_nearest(&d->table, &target, near, FILL_PEERS, NULL, NULL);
	for (i = 0; i < n; i++) {
		uint32_t peer = d->table.entry[near[i]].peer;

		if (!kith__banned(d, peer, now) && kith__ask_bucket(d, bucket, peer, now))
			d->fills_flying++;
	}
}

static void fill_some(struct kith_dht *d, kith_time now)
{
	unsigned buckets = kith__table_buckets(&d->table);
	size_t first, count;

	while (d->fill_next < buckets && d->fills_flying + FILL_PEERS <= FILL_AT_ONCE) {
		kith__table_range(&d->table, d->fill_next, &first, &count);
		if (count != 0 && count < d->params.k)
			fill_bucket(d, d->fill_next, now);
		d->fill_next++;
	}
}

static void fill_done(struct kith_dht *d, kith_time now)
{
	if (d->fills_flying > 0)
		d->fills_flying--;
	fill_some(d, now);
}

void kith__fill_failed(struct kith_dht *d, const struct kith__request *r, kith_time now)
{
	(void)r;
	fill_done(d, now);
}

/* Pings those named that have room in the table. */
void kith__fill_answer(struct kith_dht *d, const struct kith__request *r, const struct kith__msg *m,
		       kith_time now)
{
	bool private_ok = kith_addr_is_private(&kith__peer_get(d->book, r->peer)->addr);
	struct kith_id id;
	uint32_t peer;
	unsigned i, taken = 0;

	for (i = 0; i < m->count && taken < FILL_TAKE; i++) {
		const struct kith__contact *c = &m->contact[i];

		kith__node_id(&id, c->key);
		if (memcmp(c->key, d->self[0].key, 32) == 0 ||
		    (kith_addr_is_private(&c->addr) && !private_ok)) {
			d->counters.skipped_contact++;
			continue;
		}
		if (kith__table_find_id(&d->table, &id) >= 0 ||
		    !kith__table_has_room(&d->table, &id))
			continue;
		peer = kith__peer_intern(d->book, c->key, &c->addr);
		if (peer == KITH__NO_PEER)
			break;
		kith__ping(d, peer, now);
		kith__peer_unref(d->book, peer);
		taken++;
	}
	fill_done(d, now);
}

static uint64_t digest(const struct kith_dht *d, const struct kith__lookup *l)
{
	size_t near[KITH__NEAREST], n = kith__lookup_nearest(l, near, KITH__NEAREST), i;
	uint8_t ids[KITH__NEAREST * 32];

	for (i = 0; i < n; i++)
		memcpy(ids + i * 32, kith__peer_get(d->book, l->cand[near[i]].peer)->id.b, 32);
	return n == 0 ? 0 : kith_siphash(d->hash_key, ids, n * 32) | 1u;
}

static void ready(struct kith_dht *d, kith_time now)
{
	struct kith_dht_event e = {.kind = KITH_DHT_READY};

	d->join = KITH__JOIN_READY;
	d->ready_at = now;
	kith__emit(d, &e, NULL);
	kith__pub_ready(d, now);
	if (d->size_due == KITH_NEVER)
		d->size_due = now + kith_rng_jitter(d->rng, 60u * (kith_time)KITH_US_PER_S, 25);
}

static void try_ready(struct kith_dht *d, kith_time now)
{
	if (d->join == KITH__JOIN_FILL && d->self_settled && d->join_sizes == 0)
		ready(d, now);
}

static void first_done(struct kith_dht *d, kith_time now)
{
	d->join = KITH__JOIN_FILL;
	d->self_settled = false;
	d->fill_next = 0;
	d->join_rounds = 0;
	start_self(d, now);
	start_sizes(d, 2, now);
	fill_some(d, now);
}

static void self_done(struct kith_dht *d, const struct kith__lookup *l, kith_time now)
{
	uint64_t seen = digest(d, l), former = d->self_digest;

	d->self_digest = seen;
	if (seen == 0)
		wait_idle(d, now);
	else if (d->join == KITH__JOIN_FIRST)
		first_done(d, now);
	else if (seen == former || ++d->join_rounds >= ROUNDS_MAX)
		d->self_settled = true;
	else
		start_self(d, now);
}

/* A self lookup or a size sample ended. */
void kith__join_lookup(struct kith_dht *d, const struct kith__lookup *l, kith_time now)
{
	if (l->owner == KITH__OWN_SIZE && d->join_sizes > 0)
		d->join_sizes--;
	if (l->owner == KITH__OWN_SELF &&
	    (d->join == KITH__JOIN_FIRST || d->join == KITH__JOIN_FILL))
		self_done(d, l, now);
	try_ready(d, now);
}

void kith__join_tick(struct kith_dht *d, kith_time now)
{
	if (d->join == KITH__JOIN_IDLE && d->table.count != 0 && now >= d->join_at) {
		d->join = KITH__JOIN_FIRST;
		d->join_rounds = 0;
		start_self(d, now);
	}
	if (d->probe_at == KITH_NEVER && kith__offline(d, now))
		d->probe_at = now;
	if (now < d->probe_at)
		return;
	if (d->table.count == 0 || kith__offline(d, now)) {
		probe(d);
		back_off(d, now);
	} else {
		d->probe_wait = 0;
		d->probe_at = KITH_NEVER;
	}
}

kith_time kith__join_deadline(const struct kith_dht *d)
{
	if (d->join == KITH__JOIN_IDLE && d->table.count != 0)
		return d->join_at;
	if (d->probe_at == KITH_NEVER && d->waiting_since != KITH_NEVER)
		return d->waiting_since + OFFLINE_US;
	return d->seed_count != 0 || d->table.count != 0 ? d->probe_at : KITH_NEVER;
}
