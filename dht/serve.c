/* SPDX-License-Identifier: ISC */
/*
 * Answers to others (dht.md 5, 13). Every reply goes through `reply`, the one place that knows the
 * rule: no reply longer than its request until the asker's address cookie is valid. What does not
 * fit degrades to PONG with a cookie.
 */
#include <string.h>

#include "dht/internal.h"

#define USER_BYTES_PER_S 64000u
#define PEER_BYTES_PER_S 1000000u
#define CPU_US_PER_S     100000u /* 10 % of one core */
#define COST_OPEN_US     5u
#define COST_VERIFY_US   45u
#define BUSY_S           5u
#define NEAREST          8u

/* The one decision about lengths. */
static size_t allowed(const struct kith__from *from)
{
	return from->proved ? KITH__RPC_LARGE : from->len;
}

/* The part of every budget kept for peers known for a while; a young node knows none. */
static unsigned reserve(const struct kith_dht *d, const struct kith__from *from, kith_time now)
{
	kith_time young = (kith_time)d->params.age_min_s * KITH_US_PER_S;

	return from->known || now - d->born_at < young ? 0 : d->params.reserve_pct;
}

static void count_ratio(struct kith_dht *d, const struct kith__from *from, size_t size)
{
	uint64_t permille = size * 1000u / from->len;

	if (!from->proved && permille > d->counters.ratio_max_permille)
		d->counters.ratio_max_permille = permille;
}

static void reply(struct kith_dht *d, const struct kith__from *from,
		  const struct kith__msg *request, struct kith__msg *m, kith_time now)
{
	bool have = m->method == KITH__VALUE || (m->flags & KITH__HAVE) != 0;
	size_t size = kith__wire_reply_size(m->method);
	uint64_t rate = d->services != 0 ? PEER_BYTES_PER_S : USER_BYTES_PER_S;

	if (size > allowed(from)) {
		memset(m, 0, sizeof(*m));
		m->method = KITH__PONG;
		m->flags = have ? KITH__HAVE : 0;
		m->addr = from->addr;
		size = kith__wire_reply_size(m->method);
		d->counters.degraded++;
	}
	KITH_ASSERT(size <= allowed(from));
	if (!kith__budget_take(&d->limiter.reply_bytes, rate, size,
			       size == KITH__RPC_SMALL ? 0 : reserve(d, from, now), now)) {
		d->counters.drop_limit++;
		return;
	}
	count_ratio(d, from, size);
	m->flags = (uint16_t)(m->flags | (unsigned)d->services << 6);
	if (d->mode == KITH_DHT_CLIENT)
		m->flags |= KITH__REP_CLIENT;
	m->minutes = (uint32_t)(kith__unix(d, now) / 60u);
	m->tx = request->tx;
	kith__rpc_cookie(m->cookie, d->secret, from->key, &from->addr,
			 kith__unix(d, now) / KITH__COOKIE_EPOCH_S);
	kith__send(d, from->self, from->key, &from->addr, m, size);
}

static void fresh_token(const struct kith_dht *d, const struct kith__from *from,
			const struct kith_id *key, struct kith__msg *m, kith_time now)
{
	kith__rpc_token(m->token, d->secret, from->key, &from->addr, key,
			kith__unix(d, now) / KITH__TOKEN_EPOCH_S);
}

static bool token_valid(const struct kith_dht *d, const struct kith__from *from,
			const struct kith_id *key, const uint8_t token[16], kith_time now)
{
	uint64_t epoch = kith__unix(d, now) / KITH__TOKEN_EPOCH_S;
	uint8_t want[16];

	kith__rpc_token(want, d->secret, from->key, &from->addr, key, epoch);
	if (kith_equal(want, token, sizeof(want)))
		return true;
	kith__rpc_token(want, d->secret, from->key, &from->addr, key, epoch - 1);
	return kith_equal(want, token, sizeof(want));
}

/* ---- NODES ---- */
struct filter {
	const struct kith_dht *d;
	const struct kith__from *from;
	unsigned flags;
};

static bool may_name(const struct filter *f, const struct kith__peer *p)
{
	if (memcmp(p->key, f->from->key, 32) == 0)
		return false;
	if (kith_addr_is_private(&p->addr) && !kith_addr_is_private(&f->from->addr))
		return false;
	return (f->flags & (kith_addr_is_v4(&p->addr) ? KITH__WANT4 : KITH__WANT6)) != 0;
}

static bool entry_usable(void *ctx, const struct kith__entry *e)
{
	const struct filter *f = ctx;

	return (e->state & KITH__ST_FAILS) == 0 && may_name(f, kith__peer_get(f->d->book, e->peer));
}

static void name_peer(const struct kith_dht *d, struct kith__msg *m, uint32_t peer,
		      unsigned services)
{
	const struct kith__peer *p = kith__peer_get(d->book, peer);
	struct kith__contact *c;
	unsigned i;

	for (i = 0; i < m->count; i++)
		if (memcmp(m->contact[i].key, p->key, 32) == 0)
			return;
	c = &m->contact[m->count++];
	memcpy(c->key, p->key, 32);
	c->addr = p->addr;
	c->services = (uint8_t)services;
}

static unsigned entry_services(const struct kith__entry *e)
{
	return ((e->state & KITH__ST_MAILBOX) != 0 ? KITH_DHT_MAILBOX : 0u) |
	       ((e->state & KITH__ST_RELAY) != 0 ? KITH_DHT_RELAY : 0u);
}

/* Of the 16 nearest, those known to be reachable first. */
static void name_nearest(struct kith_dht *d, const struct kith__from *from,
			 const struct kith__msg *request, struct kith__msg *m, unsigned max)
{
	struct filter f = {d, from, request->flags};
	uint16_t near[KITH__NEAREST];
	size_t n = kith__table_nearest(&d->table, &request->target, near, KITH__NEAREST,
				       entry_usable, &f);
	unsigned pass;
	size_t i;

	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < n && m->count < max; i++) {
			const struct kith__entry *e = &d->table.entry[near[i]];

			if (((e->state & KITH__ST_REACHABLE) != 0) == (pass == 0))
				name_peer(d, m, e->peer, entry_services(e));
		}
}

static void name_services(struct kith_dht *d, const struct kith__from *from,
			  const struct kith__msg *request, struct kith__msg *m)
{
	struct filter f = {d, from, request->flags};
	uint32_t pick[NEAREST / 2];
	unsigned n = kith__sample_pick(d, pick, NEAREST / 2), i;

	for (i = 0; i < n; i++) {
		int at = kith__table_find(&d->table, pick[i]);
		unsigned services =
			at >= 0 ? entry_services(&d->table.entry[at]) : (unsigned)KITH_DHT_MAILBOX;

		if (may_name(&f, kith__peer_get(d->book, pick[i])))
			name_peer(d, m, pick[i], services);
	}
}

static void serve_find(struct kith_dht *d, const struct kith__from *from,
		       const struct kith__msg *request, kith_time now)
{
	struct kith__msg m;

	memset(&m, 0, sizeof(m));
	m.method = KITH__NODES;
	if ((request->flags & KITH__SVC) != 0)
		name_services(d, from, request, &m);
	name_nearest(d, from, request, &m, NEAREST);
	reply(d, from, request, &m, now);
}

static void serve_find_value(struct kith_dht *d, const struct kith__from *from,
			     const struct kith__msg *request, kith_time now)
{
	const struct kith__held *h = kith__record_get(d, &request->target, now);
	const struct kith__pub *own = h == NULL ? kith__pub_alone(d, &request->target) : NULL;
	const uint8_t *record = h != NULL ? h->record : own != NULL ? own->record : NULL;
	uint64_t seq = h != NULL ? h->seq : own != NULL ? own->seq : 0;
	struct kith__msg m;

	memset(&m, 0, sizeof(m));
	if (kith__within(d, &d->self[0].id, &request->target, 4)) {
		fresh_token(d, from, &request->target, &m, now);
		m.flags = KITH__TOKEN;
	}
	if (record != NULL && (request->seq == 0 || seq > request->seq)) {
		m.method = KITH__VALUE;
		m.flags = 0;
		m.record = record;
		name_nearest(d, from, request, &m, 1);
	} else if (record != NULL) {
		m.method = KITH__SAME;
		m.flags = 0;
		m.seq = seq;
		if ((request->flags & KITH__KEEP) != 0 && h != NULL && seq == request->seq)
			kith__record_keep(d, &request->target, (uint16_t)d->params.ttl_min, now);
	} else {
		m.method = KITH__NODES;
		name_nearest(d, from, request, &m,
			     m.flags != 0 ? KITH__RPC_CONTACTS - 1 : KITH__RPC_CONTACTS);
	}
	reply(d, from, request, &m, now);
}

static enum kith__stored store(struct kith_dht *d, const struct kith__from *from,
			       const struct kith__msg *request, const struct kith_id *key,
			       kith_time now)
{
	if (!token_valid(d, from, key, request->token, now))
		return KITH__ST_TOKEN;
	if (!kith__within(d, &d->self[0].id, key, 4))
		return KITH__ST_FAR;
	if (!kith__budget_take(&d->limiter.cpu, CPU_US_PER_S, COST_VERIFY_US, reserve(d, from, now),
			       now))
		return KITH__ST_FULL;
	return kith__record_store(d, request->record, request->ttl_min, &from->addr, now);
}

static void bar_storer(struct kith_dht *d, const struct kith__from *from, kith_time now)
{
	uint32_t peer = kith__peer_intern(d->book, from->key, &from->addr);

	if (peer == KITH__NO_PEER)
		return;
	kith__ban(d, peer, KITH__BAN_FALSE, now + 3600u * (kith_time)KITH_US_PER_S);
	kith__peer_unref(d->book, peer);
}

static bool storer_barred(struct kith_dht *d, const struct kith__from *from, kith_time now)
{
	size_t i;

	for (i = 0; i < d->ban_count; i++)
		if (d->bans[i].reason == KITH__BAN_FALSE && d->bans[i].until > now &&
		    memcmp(kith__peer_get(d->book, d->bans[i].peer)->key, from->key, 32) == 0)
			return true;
	return false;
}

static void serve_store(struct kith_dht *d, const struct kith__from *from,
			const struct kith__msg *request, kith_time now)
{
	const struct kith__held *h;
	struct kith_id key;
	struct kith__msg m;
	uint64_t seq;

	memset(&m, 0, sizeof(m));
	m.method = KITH__STORED;
	kith_record_peek(request->record, &key, &seq);
	if (storer_barred(d, from, now)) {
		d->counters.drop_barred++;
		return;
	}
	m.status = (uint8_t)store(d, from, request, &key, now);
	if (m.status == KITH__ST_OK)
		d->counters.stores_ok++;
	else
		d->counters.records_refused++;
	if (m.status == KITH__ST_BAD)
		bar_storer(d, from, now);
	h = kith__record_get(d, &key, now);
	m.seq = h != NULL ? h->seq : 0;
	if (m.status != KITH__ST_FAR)
		fresh_token(d, from, &key, &m, now);
	reply(d, from, request, &m, now);
}

static unsigned weight(uint8_t method)
{
	return method == KITH__STORE ? 4 : method == KITH__FIND_VALUE ? 2 : 1;
}

static void busy(struct kith_dht *d, const struct kith__from *from, const struct kith__msg *request,
		 kith_time now)
{
	struct kith__msg m;

	memset(&m, 0, sizeof(m));
	m.method = KITH__BUSY;
	m.retry_s = BUSY_S;
	d->counters.busy_sent++;
	reply(d, from, request, &m, now);
}

static void sighted(struct kith_dht *d, const struct kith__from *from,
		    const struct kith__msg *request, kith_time now)
{
	struct kith__sighting s = {.median_us = kith__median_us(d),
				   .services = (uint8_t)(request->flags >> 6 & 3u)};

	s.peer = kith__peer_intern(d->book, from->key, &from->addr);
	if (s.peer == KITH__NO_PEER)
		return;
	kith__verified(d, &s, (request->flags & KITH__REQ_CLIENT) != 0, now);
	kith__peer_unref(d->book, s.peer);
}

static void check_cookie(struct kith_dht *d, struct kith__from *from,
			 const struct kith__msg *request, kith_time now)
{
	uint64_t epoch = kith__unix(d, now) / KITH__COOKIE_EPOCH_S;
	uint8_t want[8];

	from->proved = false;
	if ((request->flags & KITH__COOKIE) == 0 || request->method == KITH__STORE)
		return;
	kith__rpc_cookie(want, d->secret, from->key, &from->addr, epoch);
	if (!kith_equal(want, request->cookie, sizeof(want)))
		kith__rpc_cookie(want, d->secret, from->key, &from->addr, epoch - 1);
	from->proved = kith_equal(want, request->cookie, sizeof(want));
}

void kith__serve(struct kith_dht *d, struct kith__from *from, const struct kith__msg *m,
		 kith_time now)
{
	struct kith__msg pong;

	if (memcmp(from->key, d->self[0].key, 32) == 0) {
		d->counters.drop_own++;
		return;
	}
	check_cookie(d, from, m, now);
	if (!kith__limit_take(d, &from->addr, weight(m->method), from->known, now) ||
	    !kith__budget_take(&d->limiter.cpu, CPU_US_PER_S, COST_OPEN_US, reserve(d, from, now),
			       now)) {
		d->counters.drop_limit++;
		if (from->proved)
			busy(d, from, m, now);
		return;
	}
	if (from->proved)
		sighted(d, from, m, now);
	if (m->method == KITH__PING) {
		d->counters.rx_ping++;
		memset(&pong, 0, sizeof(pong));
		pong.method = KITH__PONG;
		pong.addr = from->addr;
		reply(d, from, m, &pong, now);
	} else if (d->mode == KITH_DHT_CLIENT) {
		d->counters.drop_client++;
	} else if (m->method == KITH__FIND) {
		d->counters.rx_find++;
		serve_find(d, from, m, now);
	} else if (m->method == KITH__FIND_VALUE) {
		d->counters.rx_find_value++;
		serve_find_value(d, from, m, now);
	} else if (m->method == KITH__STORE) {
		d->counters.rx_store++;
		serve_store(d, from, m, now);
	}
}
