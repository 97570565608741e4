/* SPDX-License-Identifier: ISC */
/*
 * The verbs of the engine (base/engine.h) and its commands. Order of work on a datagram: length
 * class, gate, prefix limiter, pair key, open, parse, then serve.c or request.c. Nothing is
 * allocated for a stranger before his datagram has opened.
 */
#include "dht/dht.h"

#include <string.h>

#include "dht/internal.h"

#define SECOND_US  ((kith_time)KITH_US_PER_S)
#define GROUPS_MAX 16384u

struct kith_dht_params kith_dht_defaults(void)
{
#define KITH_DHT_PARAM(name, value) .name = (value),
	return (struct kith_dht_params){KITH_DHT_PARAMS(KITH_DHT_PARAM)};
#undef KITH_DHT_PARAM
}

static void clear_cookies(struct kith_dht *d, bool had)
{
	uint32_t i;

	for (i = 0; d->cookies != NULL && i < d->params.cookies; i++) {
		if (had)
			kith__peer_unref(d->book, d->cookies[i].peer);
		d->cookies[i].peer = KITH__NO_PEER;
	}
}

static bool make_caches(struct kith_dht *d)
{
	d->params.pair_keys = d->params.pair_keys < 4 ? 4 : d->params.pair_keys & ~3u;
	d->params.cookies &= ~3u;
	d->pairs = kith_alloc_zero(d->alloc, d->params.pair_keys, sizeof(*d->pairs));
	if (d->params.cookies != 0) {
		d->cookies = kith_alloc_zero(d->alloc, d->params.cookies, sizeof(*d->cookies));
		clear_cookies(d, false);
	}
	return d->pairs != NULL && (d->cookies != NULL || d->params.cookies == 0);
}

static void set_timers(struct kith_dht *d, kith_time now)
{
	d->near_due = now;
	d->bucket_due = now + 60u * SECOND_US;
	d->hour_due = now + 3600u * SECOND_US;
	d->size_due = KITH_NEVER;
	d->sweep_due = KITH_NEVER;
	d->probe_at = now;
	d->waiting_since = KITH_NEVER;
	d->records.expire_at = KITH_NEVER;
	d->pubs.next = KITH_NEVER;
	d->wall_at = now;
}

struct kith_dht *kith_dht_new(const struct kith_dht_config *cfg, struct kith_peerbook *book,
			      struct kith_rng *rng, kith_time now)
{
	struct kith_dht *d = kith_alloc_zero(cfg->alloc, 1, sizeof(*d));
	unsigned i;

	if (d == NULL)
		return NULL;
	d->alloc = cfg->alloc;
	d->log = cfg->log;
	d->book = book;
	d->rng = rng;
	d->params = cfg->params;
	if (d->params.paths == 0 || d->params.paths > 8)
		d->params.paths = 4;
	d->network = cfg->network;
	d->born_at = now;
	d->mode = cfg->mode;
	d->services = cfg->services & 3u;
	d->n_long = cfg->n_long;
	kith_noncer_init(&d->noncer, rng);
	kith__self_init(&d->self[0], cfg->node_secret, d->network);
	kith_rng_fill(rng, d->secret, sizeof(d->secret));
	kith_rng_fill(rng, d->hash_key, sizeof(d->hash_key));
	kith__table_init(&d->table, d->alloc, book, &d->params, &d->counters, &d->self[0].id);
	kith_map_init(&d->records.index, d->alloc, 32, KITH_DHT_RECORD_BYTES / KITH_RECORD, rng);
	kith_map_init(&d->records.groups, d->alloc, 4, GROUPS_MAX, rng);
	kith_map_init(&d->pubs.index, d->alloc, 32, KITH_DHT_PUBLISH_MAX, rng);
	for (i = 0; i < KITH__SAMPLERS; i++)
		d->sampler[i].peer = KITH__NO_PEER;
	set_timers(d, now);
	if (!make_caches(d)) {
		kith_dht_free(d);
		return NULL;
	}
	return d;
}

void kith_dht_free(struct kith_dht *d)
{
	const struct kith_alloc *alloc;
	size_t i;

	if (d == NULL)
		return;
	while (d->look_count != 0)
		kith__lookup_free(d, d->look[--d->look_count]);
	for (i = 0; i < d->req_count; i++)
		kith__peer_unref(d->book, d->req[i].peer);
	for (i = 0; i < d->ping_count; i++)
		kith__peer_unref(d->book, d->ping[i]);
	for (i = 0; i < d->ban_count; i++)
		kith__peer_unref(d->book, d->bans[i].peer);
	for (i = 0; i < d->seed_count; i++)
		kith__peer_unref(d->book, d->seed[i]);
	for (i = d->sweep_at; i < d->sweep_count; i++)
		kith__peer_unref(d->book, d->sweep[i]);
	clear_cookies(d, true);
	kith__queue_wipe(d);
	kith__record_wipe(d);
	kith__pub_wipe(d);
	kith__sampler_wipe(d);
	kith__table_wipe(&d->table);
	if (d->pairs != NULL)
		kith_wipe(d->pairs, d->params.pair_keys * sizeof(*d->pairs));
	kith_alloc_free(d->alloc, d->pairs);
	kith_alloc_free(d->alloc, d->cookies);
	kith_alloc_free(d->alloc, d->bans);
	kith_alloc_free(d->alloc, d->limiter.slot);
	kith_alloc_free(d->alloc, d->req);
	kith_alloc_free(d->alloc, d->seed);
	kith_alloc_free(d->alloc, d->sweep);
	kith_alloc_free(d->alloc, d->trace);
	alloc = d->alloc;
	kith_wipe(d, sizeof(*d));
	kith_alloc_free(alloc, d);
}

/* ---- input ---- */
static const struct kith__self *gate(const struct kith_dht *d, const uint8_t *data, kith_time now)
{
	if (kith__rpc_gate(&d->self[0], data))
		return &d->self[0];
	if (now < d->former_until && kith__rpc_gate(&d->self[1], data))
		return &d->self[1];
	return NULL;
}

static bool is_known(const struct kith_dht *d, const struct kith__from *from, kith_time now)
{
	struct kith_id id;
	int at;

	kith__node_id(&id, from->key);
	at = kith__table_find_id(&d->table, &id);
	return at >= 0 && kith__entry_age(&d->table.entry[at], now) >=
				  (kith_time)d->params.age_min_s * SECOND_US;
}

/* Opens and parses; false: dropped and counted. */
static bool open_datagram(struct kith_dht *d, const struct kith_dgram_in *in,
			  struct kith__from *from, uint8_t body[KITH__RPC_BODY_MAX],
			  struct kith__msg *m, kith_time now)
{
	const uint8_t *key_out, *key_in;
	enum kith__parse parsed;
	uint32_t peer;

	kith__rpc_sender(from->key, from->self, in->data);
	if (!kith__pair_keys(d, from->self, from->key, true, &key_out, &key_in, now))
		return false;
	if (kith__rpc_open(body, key_in, in->data, in->len) != KITH_OK) {
		d->counters.drop_open++;
		return false;
	}
	parsed = kith__wire_decode(m, body, kith__wire_body(in->len));
	switch (parsed) {
	case KITH__PARSE_OK: return true;
	case KITH__PARSE_BAD:
		d->counters.drop_parse++;
		peer = kith__peer_intern(d->book, from->key, &from->addr);
		if (peer != KITH__NO_PEER) {
			(void)kith__table_failed(&d->table, peer);
			kith__peer_unref(d->book, peer);
		}
		return false;
	case KITH__PARSE_VERSION: d->counters.drop_version++; return false;
	case KITH__PARSE_METHOD: d->counters.drop_method++; return false;
	}
	return false;
}

bool kith_dht_input(struct kith_dht *d, const struct kith_dgram_in *in, kith_time now)
{
	struct kith__from from = {.addr = in->remote, .len = in->len};
	uint8_t body[KITH__RPC_BODY_MAX];
	struct kith__msg m;

	d->counters.rx_datagrams++;
	d->counters.rx_bytes += in->len;
	if (kith__wire_body(in->len) == 0 || kith_addr_is_unusable(&in->remote)) {
		d->counters.drop_length++;
		return false;
	}
	from.self = gate(d, in->data, now);
	if (from.self == NULL) {
		d->counters.drop_gate++;
		return false;
	}
	if (!kith__awaits(d, &in->remote) && !kith__limit_peek(d, &in->remote, now)) {
		d->counters.drop_limit++;
		return true;
	}
	if (!open_datagram(d, in, &from, body, &m, now))
		return true;
	from.known = is_known(d, &from, now);
	if (kith__wire_is_reply(m.method))
		kith__dht_answer(d, &from, &m, now);
	else
		kith__serve(d, &from, &m, now);
	kith__settle(d, now);
	return true;
}

/* ---- time ---- */
void kith_dht_tick(struct kith_dht *d, kith_time now)
{
	size_t i;

	kith__request_tick(d, now);
	for (i = 0; i < d->look_count; i++)
		if (now >= d->look[i]->limit && !d->look[i]->done) {
			d->look[i]->complete = false;
			d->look[i]->done = true;
		}
	kith__join_tick(d, now);
	kith__refresh_tick(d, now);
	kith__pub_tick(d, now);
	kith__walk_tick(d, now);
	kith__settle(d, now);
}

kith_time kith_dht_deadline(const struct kith_dht *d)
{
	kith_time next = kith__request_deadline(d);
	size_t i;

	for (i = 0; i < d->look_count; i++)
		next = kith__min_time(next, d->look[i]->limit);
	next = kith__min_time(next, kith__join_deadline(d));
	next = kith__min_time(next, kith__refresh_deadline(d));
	next = kith__min_time(next, kith__pub_deadline(d));
	return kith__min_time(next, kith__walk_deadline(d));
}

/* ---- commands ---- */
int kith_dht_lookup(struct kith_dht *d, const struct kith_id *key, uint32_t *op, kith_time now)
{
	const struct kith__held *h = kith__record_get(d, key, now);
	const struct kith__pub *p = kith__pub_get(d, key);
	struct kith_dht_event e = {.kind = KITH_DHT_FOUND, .final = true};
	struct kith__lookup *l;

	if (h != NULL || p != NULL) {
		bool own = h == NULL || (p != NULL && p->seq >= h->seq);

		e.op = *op = ++d->last_op;
		d->counters.lookups++;
		d->counters.lookups_found++;
		kith__emit(d, &e, own ? p->record : h->record);
		return KITH_OK;
	}
	l = kith__lookup_new(d, KITH__LOOK_VALUE, KITH__OWN_USER, key, now);
	if (l == NULL)
		return KITH_E_FULL;
	l->op = *op = ++d->last_op;
	kith__settle(d, now);
	return KITH_OK;
}

int kith_dht_locate(struct kith_dht *d, const uint8_t node_key[static 32], uint32_t *op,
		    kith_time now)
{
	struct kith__lookup *l;
	struct kith_id id;

	kith__node_id(&id, node_key);
	l = kith__lookup_new(d, KITH__LOOK_NODE, KITH__OWN_LOCATE, &id, now);
	if (l == NULL)
		return KITH_E_FULL;
	l->op = *op = ++d->last_op;
	kith__settle(d, now);
	return KITH_OK;
}

void kith_dht_cancel(struct kith_dht *d, uint32_t op)
{
	size_t i;

	if (kith__pub_cancel(d, op) || kith__walk_cancel(d, op))
		return;
	for (i = 0; i < d->look_count; i++) {
		struct kith__lookup *l = d->look[i];

		if (l->op != op || l->owner > KITH__OWN_LOCATE)
			continue;
		d->look_count--;
		memmove(&d->look[i], &d->look[i + 1], (d->look_count - i) * sizeof(d->look[0]));
		kith__lookup_free(d, l);
		return;
	}
}

int kith_dht_seed_contact(struct kith_dht *d, const struct kith_dht_seed *seed, kith_time now)
{
	void *array = d->seed;
	uint32_t peer;
	size_t i;

	if (kith_addr_is_unusable(&seed->addr) || kith_is_zero(seed->key, 32) ||
	    memcmp(seed->key, d->self[0].key, 32) == 0)
		return KITH_E_MALFORMED;
	if (kith_alloc_grow(d->alloc, &array, &d->seed_cap, d->seed_count + 1, KITH_DHT_SEEDS_MAX,
			    sizeof(*d->seed)) != KITH_OK)
		return KITH_E_FULL;
	d->seed = array;
	peer = kith__peer_intern(d->book, seed->key, &seed->addr);
	if (peer == KITH__NO_PEER)
		return KITH_E_FULL;
	for (i = 0; i < d->seed_count; i++)
		if (d->seed[i] == peer) {
			kith__peer_unref(d->book, peer);
			return KITH_OK;
		}
	d->seed[d->seed_count++] = peer;
	if (d->table.count < 4 && d->ping_count < 16)
		kith__ping(d, peer, now);
	if (d->probe_at == KITH_NEVER || d->probe_wait == 0) {
		d->probe_wait = SECOND_US;
		d->probe_at = now + d->probe_wait;
	}
	kith__settle(d, now);
	return KITH_OK;
}

void kith_dht_set_mode(struct kith_dht *d, enum kith_dht_mode mode, uint8_t services, kith_time now)
{
	(void)now;
	d->mode = mode;
	d->services = services & 3u;
}

void kith_dht_set_clock(struct kith_dht *d, uint32_t wall_minutes, kith_time now)
{
	d->wall_s = (uint64_t)wall_minutes * 60u;
	d->wall_at = now;
}

void kith_dht_network_changed(struct kith_dht *d, kith_time now)
{
	kith_noncer_init(&d->noncer, d->rng); /* it may be a resume: of a copy, perhaps */
	clear_cookies(d, true);
	d->waiting_since = KITH_NEVER;
	d->probe_wait = 0;
	d->probe_at = now;
}

void kith_dht_set_key(struct kith_dht *d, const uint8_t node_secret[static 32], kith_time now)
{
	d->self[1] = d->self[0];
	d->former_until = now + 86400u * SECOND_US;
	kith__self_init(&d->self[0], node_secret, d->network);
	clear_cookies(d, true);
	kith__table_wipe(&d->table);
	kith__table_init(&d->table, d->alloc, d->book, &d->params, &d->counters, &d->self[0].id);
	d->join = KITH__JOIN_IDLE;
	d->join_at = 0;
	d->probe_wait = 0;
	d->probe_at = now;
}

/* ---- state shown ---- */
struct kith_dht_status kith_dht_status(const struct kith_dht *d)
{
	return (struct kith_dht_status){.ready = d->join == KITH__JOIN_READY,
					.offline = d->waiting_since != KITH_NEVER &&
						   d->probe_wait > SECOND_US,
					.peers = d->table.count,
					.records = d->records.count,
					.published = d->pubs.count,
					.size_estimate = kith__size(d)};
}

const struct kith_dht_counters *kith_dht_counters(const struct kith_dht *d)
{
	return &d->counters;
}

bool kith_dht_peer(const struct kith_dht *d, size_t i, struct kith_dht_seed *out, uint32_t *srtt_us)
{
	const struct kith__peer *p;

	if (i >= d->table.count)
		return false;
	p = kith__peer_get(d->book, d->table.entry[i].peer);
	memset(out, 0, sizeof(*out));
	memcpy(out->key, p->key, 32);
	out->addr = p->addr;
	*srtt_us = d->table.entry[i].srtt * 250u;
	return true;
}

/* Class c: at least 2^(c-1) and less than 2^c units; 0 = unknown. */
static uint8_t class_of(uint64_t v)
{
	uint8_t c = 0;

	for (; v != 0; v >>= 1)
		c++;
	return c;
}

/* One entry of each bucket in turn, so that the contacts are spread. */
size_t kith_dht_save(const struct kith_dht *d, struct kith_dht_seed *out, size_t max)
{
	unsigned buckets = kith__table_buckets(&d->table), b;
	size_t n = 0, round, first, count, most = 1;
	uint32_t srtt;

	for (round = 0; round < most && n < max; round++)
		for (b = 0; b < buckets && n < max; b++) {
			kith__table_range(&d->table, b, &first, &count);
			most = count > most ? count : most;
			if (round >= count || !kith_dht_peer(d, first + round, &out[n], &srtt))
				continue;
			out[n].srtt_class = class_of(srtt / KITH_US_PER_MS);
			n++;
		}
	return n;
}

/* ---- the engine as drivers see it ---- */
static bool engine_input(void *self, const struct kith_dgram_in *in, kith_time now)
{
	return kith_dht_input(self, in, now);
}

static void engine_notice(void *self, const struct kith_notice *n, kith_time now)
{
	if (n->kind == KITH_NOTICE_WALL)
		kith_dht_set_clock(self, (uint32_t)(n->wall_ms / 60000u), now);
	else if (n->kind == KITH_NOTICE_RESUME)
		kith_dht_network_changed(self, now);
}

static void engine_tick(void *self, kith_time now)
{
	kith_dht_tick(self, now);
}

static kith_time engine_deadline(const void *self)
{
	return kith_dht_deadline(self);
}

static bool engine_output(void *self, struct kith_dgram_out *out, kith_time now)
{
	return kith_dht_output(self, out, now);
}

static void engine_done(void *self, struct kith_job *job, kith_time now)
{
	(void)self;
	(void)job;
	(void)now;
}

static void engine_wake(void *self, kith_time now)
{
	(void)self;
	(void)now;
}

struct kith_engine kith_dht_engine(struct kith_dht *d)
{
	return (struct kith_engine){.self = d,
				    .input = engine_input,
				    .notice = engine_notice,
				    .tick = engine_tick,
				    .deadline = engine_deadline,
				    .output = engine_output,
				    .done = engine_done,
				    .wake = engine_wake};
}
