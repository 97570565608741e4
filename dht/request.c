/* SPDX-License-Identifier: ISC */
/*
 * Own requests: at most 64 under way, each with a soft and a hard timeout, matched by transaction,
 * peer key and address, once. Here a peer becomes verified, fails, or is left alone for a while.
 *
 * soft  = clamp(max(1.5 SRTT, SRTT + 4 VAR), 60 ms, 1 s): the slot is free again
 * hard  = clamp(4 soft, 0.5 s, 3 s): a failure
 * after a failure no request to that peer for 30 s, doubling to 30 min; after BUSY as told.
 */
#include <string.h>

#include "dht/internal.h"

#define SOFT_MIN_US  (60u * KITH_US_PER_MS)
#define SOFT_MAX_US  (1000u * KITH_US_PER_MS)
#define HARD_MIN_US  (500u * KITH_US_PER_MS)
#define HARD_MAX_US  (3000u * KITH_US_PER_MS)
#define RTT_START_US (400u * KITH_US_PER_MS)
#define OFFLINE_US   (10u * KITH_US_PER_S)
#define COOKIE_WAYS  4u

/* ---- cookies of others ---- */
static struct kith__cookie *cookie_set(const struct kith_dht *d, uint32_t peer)
{
	const struct kith__peer *p = kith__peer_get(d->book, peer);
	size_t sets = d->params.cookies / COOKIE_WAYS;

	return d->cookies + kith_load_u32(p->id.b + 28) % sets * COOKIE_WAYS;
}

const uint8_t *kith__cookie_get(const struct kith_dht *d, uint32_t peer)
{
	const struct kith__cookie *set;
	size_t i;

	if (d->cookies == NULL)
		return NULL;
	set = cookie_set(d, peer);
	for (i = 0; i < COOKIE_WAYS; i++)
		if (set[i].peer == peer)
			return set[i].cookie;
	return NULL;
}

static void cookie_put(struct kith_dht *d, uint32_t peer, const uint8_t cookie[8])
{
	struct kith__cookie *set;
	size_t i;

	if (d->cookies == NULL)
		return;
	set = cookie_set(d, peer);
	for (i = 0; i < COOKIE_WAYS - 1 && set[i].peer != peer; i++)
		;
	if (set[i].peer != peer) {
		kith__peer_unref(d->book, set[i].peer);
		kith__peer_ref(d->book, peer);
	}
	memmove(set + 1, set, i * sizeof(*set));
	set[0].peer = peer;
	memcpy(set[0].cookie, cookie, 8);
}

/* ---- peers left alone ---- */
static struct kith__ban *ban_find(const struct kith_dht *d, uint32_t peer)
{
	size_t i;

	for (i = 0; i < d->ban_count; i++)
		if (d->bans[i].peer == peer)
			return &d->bans[i];
	return NULL;
}

bool kith__banned(const struct kith_dht *d, uint32_t peer, kith_time now)
{
	const struct kith__ban *b = ban_find(d, peer);

	if (b == NULL || b->until <= now)
		return false;
	/* Among few peers each is asked so often that a lost datagram now and then would keep most
	 * of them away: there it takes three failures in a row. */
	return b->reason != KITH__BAN_FAILED || b->step >= 2 || d->table.count > KITH__NEAREST;
}

static void ban_drop(struct kith_dht *d, struct kith__ban *b)
{
	kith__peer_unref(d->book, b->peer);
	*b = d->bans[--d->ban_count];
}

void kith__ban(struct kith_dht *d, uint32_t peer, enum kith__ban_reason reason, kith_time until)
{
	struct kith__ban *b = ban_find(d, peer);
	void *array = d->bans;
	size_t i;

	if (b == NULL) {
		if (kith_alloc_grow(d->alloc, &array, &d->ban_cap, d->ban_count + 1, KITH__BANS,
				    sizeof(*b)) == KITH_OK) {
			d->bans = array;
			b = &d->bans[d->ban_count++];
		} else if (d->ban_count != 0) {
			for (b = d->bans, i = 1; i < d->ban_count; i++)
				if (d->bans[i].until < b->until)
					b = &d->bans[i];
			kith__peer_unref(d->book, b->peer);
		} else {
			return;
		}
		kith__peer_ref(d->book, peer);
		*b = (struct kith__ban){peer, 0, (uint8_t)reason, until};
		return;
	}
	b->reason = (uint8_t)reason;
	if (until > b->until)
		b->until = until;
}

static void ban_failed(struct kith_dht *d, uint32_t peer, kith_time now)
{
	struct kith__ban *b = ban_find(d, peer);
	unsigned step = b != NULL && b->reason == KITH__BAN_FAILED ? b->step + 1u : 0;
	kith_time wait;

	if (step > 6)
		step = 6; /* 30 s << 6 = 32 min */
	wait = ((kith_time)30u << step) * KITH_US_PER_S;
	if (wait > 1800u * (kith_time)KITH_US_PER_S)
		wait = 1800u * (kith_time)KITH_US_PER_S;
	kith__ban(d, peer, KITH__BAN_FAILED, now + wait);
	b = ban_find(d, peer);
	if (b != NULL)
		b->step = (uint8_t)step;
}

/* ---- round-trip times ---- */
uint32_t kith__median_us(struct kith_dht *d)
{
	uint16_t sorted[KITH__RTTS];
	unsigned i, j;

	if (d->rtt_count == 0)
		return RTT_START_US;
	if (!d->median_stale)
		return d->median_us;
	for (i = 0; i < d->rtt_count; i++) {
		for (j = i; j > 0 && sorted[j - 1] > d->rtt[i]; j--)
			sorted[j] = sorted[j - 1];
		sorted[j] = d->rtt[i];
	}
	d->median_us = sorted[d->rtt_count / 2] * 250u;
	d->median_stale = false;
	return d->median_us;
}

static void add_rtt(struct kith_dht *d, kith_time rtt)
{
	kith_time quarter = rtt / 250u;

	d->rtt[d->rtt_at] = quarter > UINT16_MAX ? UINT16_MAX : (uint16_t)(quarter | 1u);
	d->rtt_at = (d->rtt_at + 1) % KITH__RTTS;
	if (d->rtt_count < KITH__RTTS)
		d->rtt_count++;
	d->median_stale = true;
}

static kith_time clamp(kith_time v, kith_time low, kith_time high)
{
	return v < low ? low : v > high ? high : v;
}

void kith__soft_hard(struct kith_dht *d, uint32_t peer, kith_time *soft, kith_time *hard)
{
	int at = kith__table_find(&d->table, peer);
	const struct kith__entry *e = at >= 0 ? &d->table.entry[at] : NULL;
	kith_time srtt, by_var;

	if (e == NULL || e->srtt == 0) {
		*soft = (kith_time)kith__median_us(d) * d->params.soft_pct / 100u;
	} else {
		srtt = (kith_time)e->srtt * 250u;
		by_var = srtt + (kith_time)e->rttvar * 16u * KITH_US_PER_MS;
		*soft = srtt * d->params.soft_pct / 100u;
		if (by_var > *soft)
			*soft = by_var;
	}
	*soft = clamp(*soft, SOFT_MIN_US, SOFT_MAX_US);
	*hard = clamp(*soft * d->params.hard_mult, HARD_MIN_US, HARD_MAX_US);
}

bool kith__offline(const struct kith_dht *d, kith_time now)
{
	return d->waiting_since != KITH_NEVER && now - d->waiting_since >= OFFLINE_US;
}

/* ---- sending ---- */
static size_t request_size(const struct kith__ask *a, bool cookie)
{
	if (a->method == KITH__STORE)
		return KITH__RPC_LARGE;
	if (a->method == KITH__FIND)
		return cookie ? KITH__RPC_SMALL : KITH__RPC_MEDIUM;
	if (a->method == KITH__FIND_VALUE && a->large && !cookie)
		return KITH__RPC_LARGE;
	return a->medium && !cookie ? KITH__RPC_MEDIUM : KITH__RPC_SMALL;
}

static void transmit(struct kith_dht *d, const struct kith__ask *a, struct kith__request *r,
		     kith_time now)
{
	const struct kith__peer *p = kith__peer_get(d->book, a->peer);
	const uint8_t *cookie = kith__cookie_get(d, a->peer);
	struct kith__msg m;
	unsigned flags = a->flags | (unsigned)d->services << 6;

	memset(&m, 0, sizeof(m));
	m.method = a->method;
	if (a->method == KITH__FIND || a->method == KITH__FIND_VALUE)
		flags |= KITH__WANT4 | KITH__WANT6;
	if (d->mode == KITH_DHT_CLIENT)
		flags |= KITH__REQ_CLIENT;
	if (cookie != NULL && a->method != KITH__STORE) {
		flags |= KITH__COOKIE;
		memcpy(m.cookie, cookie, 8);
	}
	m.flags = (uint16_t)flags;
	m.minutes = (uint32_t)(kith__unix(d, now) / 60u);
	m.tx = r->tx;
	m.seq = a->seq;
	m.record = a->record;
	m.ttl_min = a->ttl_min;
	if (a->target != NULL)
		m.target = *a->target;
	if (a->token != NULL)
		memcpy(m.token, a->token, 16);
	r->size = (uint16_t)request_size(a, cookie != NULL);
	kith__soft_hard(d, a->peer, &r->soft, &r->hard);
	r->sent = now;
	r->soft += now;
	r->hard += now;
	d->counters.requests++;
	if (d->waiting_since == KITH_NEVER)
		d->waiting_since = now;
	kith__send(d, &d->self[0], p->key, &p->addr, &m, r->size);
}

bool kith__ask(struct kith_dht *d, const struct kith__ask *a, kith_time now)
{
	struct kith__request *r;
	void *array = d->req;

	if (d->req_count >= KITH_DHT_REQUESTS_MAX ||
	    kith_alloc_grow(d->alloc, &array, &d->req_cap, d->req_count + 1, KITH_DHT_REQUESTS_MAX,
			    sizeof(*r)) != KITH_OK) {
		d->starved = true;
		return false;
	}
	d->req = array;
	r = &d->req[d->req_count++];
	memset(r, 0, sizeof(*r));
	r->tx = kith_rng_u64(d->rng);
	r->peer = a->peer;
	r->owner = a->owner;
	r->kind = (uint8_t)a->kind;
	r->method = a->method;
	r->bucket = a->bucket;
	r->reachable_test = a->third_party && kith__cookie_get(d, a->peer) == NULL &&
			    kith__table_find(&d->table, a->peer) < 0;
	kith__peer_ref(d->book, a->peer);
	transmit(d, a, r, now);
	return true;
}

void kith__ask_again(struct kith_dht *d, const struct kith__ask *a, struct kith__request *r,
		     kith_time now)
{
	r->again = true;
	transmit(d, a, r, now);
	r->soft = KITH_NEVER;
}

void kith__ping(struct kith_dht *d, uint32_t peer, kith_time now)
{
	if (!kith__banned(d, peer, now))
		kith__probe(d, peer);
}

void kith__probe(struct kith_dht *d, uint32_t peer)
{
	size_t i;

	if (d->ping_count >= KITH__PINGS)
		return;
	for (i = 0; i < d->ping_count; i++)
		if (d->ping[i] == peer)
			return;
	for (i = 0; i < d->req_count; i++)
		if (d->req[i].peer == peer)
			return;
	kith__peer_ref(d->book, peer);
	d->ping[d->ping_count++] = peer;
}

void kith__ping_pump(struct kith_dht *d, kith_time now)
{
	size_t done = 0;

	while (done < d->ping_count && d->req_count < KITH_DHT_REQUESTS_MAX / 2) {
		struct kith__ask a = {.kind = KITH__ASK_PING,
				      .method = KITH__PING,
				      .peer = d->ping[done],
				      .third_party = true};

		if (!kith__ask(d, &a, now))
			break;
		kith__peer_unref(d->book, d->ping[done]);
		done++;
	}
	d->ping_count -= done;
	memmove(d->ping, d->ping + done, d->ping_count * sizeof(d->ping[0]));
}

/* ---- results ---- */
static void add_result(struct kith_dht *d, bool failed)
{
	d->results = d->results << 1 | (failed ? 1u : 0u);
	if (d->result_count < 32)
		d->result_count++;
}

void kith__verified(struct kith_dht *d, const struct kith__sighting *s, bool client, kith_time now)
{
	uint32_t old = KITH__NO_PEER, i;
	enum kith__placed placed;

	if (client) {
		kith__table_remove(&d->table, s->peer);
		return;
	}
	placed = kith__table_sighting(&d->table, s, now, &old);
	if (placed == KITH__PLACED_MOVED)
		kith__ping(d, old, now);
	if (s->services != 0)
		kith__sample(d, s->peer, s->services, now);
	for (i = 0; i < d->look_count; i++)
		if (d->look[i]->count == 0) {
			kith__lookup_add(d, d->look[i], s->peer, 1, 1);
			d->look[i]->dirty = true;
		}
}

static void peer_failed(struct kith_dht *d, uint32_t peer, kith_time now)
{
	unsigned bucket;
	uint32_t spare;

	if (kith__offline(d, now))
		return;
	add_result(d, true);
	ban_failed(d, peer, now);
	bucket = kith__table_bucket(&d->table, &kith__peer_get(d->book, peer)->id);
	if (!kith__table_failed(&d->table, peer))
		return;
	spare = kith__table_spare(&d->table, bucket);
	if (spare != KITH__NO_PEER) {
		kith__ping(d, spare, now);
		kith__peer_unref(d->book, spare);
	}
}

static void failed(struct kith_dht *d, struct kith__request r, kith_time now)
{
	struct kith__lookup *l = kith__lookup_find(d, r.owner);

	d->counters.timeouts_hard++;
	peer_failed(d, r.peer, now);
	switch ((enum kith__ask_kind)r.kind) {
	case KITH__ASK_LOOKUP:
		if (l != NULL)
			kith__lookup_failed(d, l, &r);
		break;
	case KITH__ASK_STORE:
		d->stores_flying--;
		kith__pub_result(d, true, now);
		if (l != NULL)
			kith__store_failed(d, l, &r, now);
		break;
	case KITH__ASK_PING: break;
	case KITH__ASK_FILL: kith__fill_failed(d, &r, now); break;
	case KITH__ASK_WALK: kith__walk_failed(d, &r, now); break;
	}
	kith__peer_unref(d->book, r.peer);
}

static void observed(struct kith_dht *d, const struct kith__from *from, const struct kith__msg *m)
{
	struct kith_dht_event e = {.kind = KITH_DHT_OBSERVED,
				   .addr = m->addr,
				   .minutes = m->minutes};

	if (d->note_count >= KITH_DHT_EVENTS_MAX / 2 || kith_addr_is_none(&m->addr))
		return;
	memcpy(e.key, from->key, 32);
	e.from = from->addr;
	kith__emit(d, &e, NULL);
}

static void deliver(struct kith_dht *d, const struct kith__request *r, const struct kith__msg *m,
		    kith_time now)
{
	struct kith__lookup *l = kith__lookup_find(d, r->owner);

	switch ((enum kith__ask_kind)r->kind) {
	case KITH__ASK_LOOKUP:
		if (l != NULL)
			kith__lookup_answer(d, l, r, m, now);
		break;
	case KITH__ASK_STORE:
		d->stores_flying--;
		kith__pub_result(d, false, now);
		if (l != NULL)
			kith__store_answer(d, l, r, m, now);
		break;
	case KITH__ASK_PING: break;
	case KITH__ASK_FILL: kith__fill_answer(d, r, m, now); break;
	case KITH__ASK_WALK: kith__walk_answer(d, r, m, now); break;
	}
}

static struct kith__request *match(struct kith_dht *d, const struct kith__from *from, uint64_t tx)
{
	size_t i;

	for (i = 0; i < d->req_count; i++) {
		const struct kith__peer *p = kith__peer_get(d->book, d->req[i].peer);

		if (d->req[i].tx == tx && memcmp(p->key, from->key, 32) == 0 &&
		    kith_addr_equal(&p->addr, &from->addr))
			return &d->req[i];
	}
	return NULL;
}

void kith__dht_answer(struct kith_dht *d, const struct kith__from *from, const struct kith__msg *m,
		      kith_time now)
{
	struct kith__request *hit = match(d, from, m->tx), r;
	struct kith__sighting s;
	struct kith__ban *b;

	d->counters.rx_reply++;
	if (hit == NULL || from->self != &d->self[0]) {
		d->counters.drop_reply++;
		return;
	}
	r = *hit;
	r.got = (uint16_t)from->len;
	*hit = d->req[--d->req_count];
	if (r.soft == KITH_NEVER && !r.again)
		d->counters.late_replies++;
	d->last_reply = now;
	d->waiting_since = KITH_NEVER;
	add_result(d, false);
	if (!r.again && m->method != KITH__BUSY)
		add_rtt(d, now - r.sent);
	cookie_put(d, r.peer, m->cookie);
	s = (struct kith__sighting){.peer = r.peer,
				    .rtt_us = r.again || m->method == KITH__BUSY
						      ? 0
						      : (uint32_t)(now - r.sent + 1),
				    .median_us = kith__median_us(d),
				    .services = (uint8_t)(m->flags >> 6 & 3u),
				    .reachable = r.reachable_test};
	b = ban_find(d, r.peer);
	if (b != NULL && b->reason == KITH__BAN_FAILED)
		ban_drop(d, b);
	kith__verified(d, &s, (m->flags & KITH__REP_CLIENT) != 0, now);
	kith__walk_seen(d, r.peer, s.services);
	if (m->method == KITH__PONG)
		observed(d, from, m);
	if (m->method == KITH__BUSY) {
		d->counters.busy_received++;
		kith__ban(d, r.peer, KITH__BAN_BUSY,
			  now + clamp(m->retry_s, 1, 300) * KITH_US_PER_S);
	}
	deliver(d, &r, m, now);
	kith__peer_unref(d->book, r.peer);
}

bool kith__awaits(const struct kith_dht *d, const struct kith_addr *a)
{
	size_t i;

	for (i = 0; i < d->req_count; i++)
		if (kith_addr_equal(&kith__peer_get(d->book, d->req[i].peer)->addr, a))
			return true;
	return false;
}

static void soft_fired(struct kith_dht *d, struct kith__request *r, kith_time now)
{
	struct kith__lookup *l = kith__lookup_find(d, r->owner);

	d->counters.timeouts_soft++;
	r->soft = KITH_NEVER;
	if (l == NULL)
		return;
	if (r->kind == KITH__ASK_LOOKUP)
		kith__lookup_soft(d, l, r);
	else if (r->kind == KITH__ASK_STORE && !r->again)
		kith__store_again(d, l, r, now);
}

void kith__request_tick(struct kith_dht *d, kith_time now)
{
	size_t i;

	for (i = 0; i < d->req_count;) {
		struct kith__request r = d->req[i];

		if (now >= r.hard) {
			d->req[i] = d->req[--d->req_count];
			failed(d, r, now);
			continue;
		}
		if (r.soft != KITH_NEVER && now >= r.soft)
			soft_fired(d, &d->req[i], now);
		i++;
	}
}

kith_time kith__request_deadline(const struct kith_dht *d)
{
	kith_time next = KITH_NEVER;
	size_t i;

	for (i = 0; i < d->req_count; i++) {
		next = kith__min_time(next, d->req[i].soft);
		next = kith__min_time(next, d->req[i].hard);
	}
	return next;
}
