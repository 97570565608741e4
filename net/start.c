/* SPDX-License-Identifier: ISC */
/*
 * Handshakes of ours (transport.md 3). One noise1 per handshake; each copy (resend, other address)
 * is wrapped afresh. An answer is looked for by trial over the handshakes pending towards its
 * source address.
 *
 *	timer     set by                       at expiry
 *	next_at   each round of copies         next round after 250, 500, 1,000, 2,000 ms, +-10 %
 *	          the last round               CONNECT_FAILED 2 s later
 *	          yielding to a crossing one   CONNECT_FAILED after 10 s
 */
#include "net/internal.h"

#include <string.h>

#define ROUNDS      5u
#define COOKIES_MAX 4u
#define MSG1_FIXED  232u

static const uint32_t wait_ms[ROUNDS] = {250, 500, 1000, 2000, 2000};

struct pending *kith__net_pending_by_number(const struct kith_net *n, uint32_t number)
{
	unsigned i;

	for (i = 0; i < n->pending_count; i++)
		if (n->pending[i]->number == number)
			return n->pending[i];
	return NULL;
}

void kith__net_pending_free(struct kith_net *n, struct pending *p)
{
	unsigned i;

	for (i = 0; i < n->pending_count && n->pending[i] != p; i++)
		;
	KITH_ASSERT(i < n->pending_count);
	n->pending[i] = n->pending[--n->pending_count];
	if (p->link != NULL && p->link->pending == p)
		p->link->pending = NULL;
	kith_alloc_free(n->alloc, p->failed);
	kith_wipe(p, sizeof(*p));
	kith_alloc_free(n->alloc, p);
}

void kith__net_pending_fail(struct kith_net *n, struct pending *p)
{
	struct event_node *e = p->failed;

	if (p->rekey == NULL) {
		p->failed = NULL;
		e->ev = (struct kith_net_event){.kind = KITH_NET_CONNECT_FAILED,
						.session = p->number,
						.peer = p->link != NULL ? p->link->v.peer : 0};
		kith__net_event_push(n, e);
		if (p->link != NULL && p->link->session == NULL)
			kith__net_link_renew(p->link);
	}
	kith__net_pending_free(n, p);
}

/* Takes the usable addresses; each may have at most 4 handshakes pending. */
static int take_addresses(const struct kith_net *n, struct pending *p,
			  const struct kith_net_target *t)
{
	size_t i;

	if (t->addr_count > PENDING_ADDRS)
		return KITH_E_MALFORMED;
	for (i = 0; i < t->addr_count; i++) {
		unsigned same = 0;
		unsigned j;
		unsigned k;

		if (kith_addr_is_unusable(&t->addr[i]))
			continue;
		for (j = 0; j < n->pending_count; j++)
			for (k = 0; k < n->pending[j]->to_count; k++)
				same += kith_addr_equal(&n->pending[j]->to[k].path.remote,
							&t->addr[i]);
		if (same >= KITH_NET_PENDING_PER_ADDR)
			return KITH_E_FULL;
		p->to[p->to_count++].path.remote = t->addr[i];
	}
	return p->to_count > 0 ? KITH_OK : KITH_E_MALFORMED;
}

/* TAI64N of max(now, last + 1 ns). */
static void next_time(const struct kith_net *n, struct link_peer *l, uint8_t out[12], kith_time now)
{
	uint64_t us = kith__net_wall_us(n, now);
	uint64_t sec = (UINT64_C(1) << 62) + 10 + us / KITH_US_PER_S;
	uint32_t nano = (uint32_t)(us % KITH_US_PER_S) * 1000u;
	unsigned i;

	for (i = 0; i < 8; i++)
		out[i] = (uint8_t)(sec >> (56 - 8 * i));
	for (i = 0; i < 4; i++)
		out[8 + i] = (uint8_t)(nano >> (24 - 8 * i));
	if (l == NULL)
		return;
	if (memcmp(out, l->v.last_out, 12) <= 0) {
		memcpy(out, l->v.last_out, 12);
		for (i = 12; i > 0 && ++out[i - 1] == 0; i--)
			;
	}
	memcpy(l->v.last_out, out, 12);
}

/* Keys, prologue and hint of a contact link. */
static int prepare_link(struct kith_net *n, struct pending *p, struct payload1 *pl, kith_time now)
{
	struct link_peer *l = p->link;
	uint8_t prologue[NET_PROLOGUE_LINK], e[32], root[32];
	int status = KITH_OK;
	unsigned i;

	p->day = kith__net_wall_us(n, now) / KITH_US_PER_S / DAY_S;
	memcpy(p->responder, l->v.lk, 32);
	memcpy(p->s_secret, n->cfg.link_secret, 32);
	kith__net_obf_link(p->k_obf, l->v.presence.p, p->day, n->cfg.network);
	kith__net_prologue_link(prologue, l->v.device, l->v.presence.epoch, p->day);
	kith__net_noise_start(&p->st, prologue, sizeof(prologue), p->responder);
	kith_dh_public(e, p->e_secret);
	p->psk_count = l->v.root_count;
	for (i = 0; i < l->v.root_count && status == KITH_OK; i++) {
		status = kith__net_root_at(root, l->v.root[i].l, l->v.root[i].day, p->day);
		if (status != KITH_OK)
			break;
		kith__net_link_psk(p->psk[i], root, p->day);
		/* One that the peer has for certain: the older, until it is known to have both. */
		if (i == (l->v.newest_known ? 0 : l->v.root_count - 1))
			kith__net_link_hint(pl->x, root, e);
	}
	kith_wipe(root, sizeof(root));
	kith__net_link_incarnation(n, l, pl->incarnation);
	return status;
}

static void prepare_service(struct kith_net *n, struct pending *p, struct payload1 *pl)
{
	uint8_t prologue[NET_PROLOGUE_SERVICE];

	memcpy(p->responder, p->ml, 32);
	kith_rng_fill(n->rng, p->s_secret, 32);
	kith__net_obf_service(p->k_obf, p->ml, n->cfg.network);
	kith__net_prologue_service(prologue, p->ml);
	kith__net_noise_start(&p->st, prologue, sizeof(prologue), p->responder);
	p->psk_count = 1; /* zeros in the first handshake */
	if (p->rekey != NULL) {
		kith__net_service_psk(p->psk[0], p->rekey->s);
		kith__net_token(pl->x, p->rekey->s);
		memcpy(pl->incarnation, p->rekey->own_incarnation, 8);
	} else {
		memcpy(pl->incarnation, n->process, sizeof(n->process));
		kith_rng_fill(n->rng, pl->incarnation + 4, 4);
	}
}

static int prepare(struct kith_net *n, struct pending *p, kith_time now)
{
	struct payload1 pl = {0};
	int status = KITH_OK;

	kith_rng_fill(n->rng, p->e_secret, 32);
	p->idx_i = kith__net_draw_idx(n);
	if (p->kind == KITH_NET_LINK)
		status = prepare_link(n, p, &pl, now);
	else
		prepare_service(n, p, &pl);
	if (status != KITH_OK)
		return KITH_E_NOTFOUND; /* a psk chain out of reach: no way to this device */
	next_time(n, p->link, pl.time, now);
	if (p->link != NULL)
		kith__net_link_changed(n, p->link);
	memcpy(p->incarnation, pl.incarnation, 8);
	memcpy(pl.rhk, n->rhk[0], 32);
	status = kith__net_create1(&p->st, p->noise1, p->e_secret, p->s_secret, p->responder, &pl);
	kith_wipe(&pl, sizeof(pl));
	return status == KITH_OK ? KITH_OK : KITH_E_NOTFOUND;
}

static int check_target(struct kith_net *n, const struct kith_net_target *t,
			const struct session *rekey, struct link_peer **l, kith_time now)
{
	*l = NULL;
	if (t->kind == KITH_NET_LINK) {
		*l = kith__net_link_find(n, t->peer);
		if (*l == NULL || !n->cfg.has_link)
			return KITH_E_NOTFOUND;
		if (now < (*l)->punish_until && now < (*l)->punish_next)
			return KITH_E_FULL;
	}
	if (n->pending_count >= KITH_NET_PENDING_MAX)
		return KITH_E_FULL;
	if (rekey == NULL && n->session_count + n->pending_count >= KITH_NET_SESSIONS_MAX)
		return KITH_E_FULL;
	return KITH_OK;
}

int kith__net_start(struct kith_net *n, const struct kith_net_target *t, struct session *rekey,
		    uint32_t *number, kith_time now)
{
	struct link_peer *l;
	struct pending *p;
	int status = check_target(n, t, rekey, &l, now);

	if (status != KITH_OK)
		return status;
	p = kith_alloc_zero(n->alloc, 1, sizeof(*p));
	if (p == NULL)
		return KITH_E_FULL;
	p->failed = kith__net_event_alloc(n, 0);
	p->kind = t->kind;
	p->link = l;
	p->rekey = rekey;
	p->keepalive_s = t->keepalive_s;
	p->started = now;
	memcpy(p->ml, t->ml, 32);
	status = p->failed != NULL ? take_addresses(n, p, t) : KITH_E_FULL;
	if (status == KITH_OK)
		status = prepare(n, p, now);
	if (status != KITH_OK) {
		kith_alloc_free(n->alloc, p->failed);
		kith_wipe(p, sizeof(*p));
		kith_alloc_free(n->alloc, p);
		return status;
	}
	n->pending[n->pending_count++] = p;
	p->number = rekey != NULL ? rekey->number : kith__net_session_number(n);
	p->due = (1u << p->to_count) - 1;
	p->tries = 1;
	p->next_at = now + kith_rng_jitter(n->rng, wait_ms[0] * (uint64_t)KITH_US_PER_MS, 10);
	if (l != NULL) {
		l->pending = p;
		l->punish_next = now + 60u * KITH_US_PER_S;
	}
	n->count.handshakes_out++;
	*number = p->number;
	return KITH_OK;
}

bool kith__net_pending_output(struct kith_net *n, struct kith_dgram_out *out, kith_time now)
{
	unsigned i;
	unsigned at = 0;
	struct pending *p = NULL;
	struct outer1 m;

	for (i = 0; i < n->pending_count && p == NULL; i++)
		if (n->pending[i]->due != 0)
			p = n->pending[i];
	if (p == NULL)
		return false;
	while ((p->due >> at & 1u) == 0)
		at++;
	p->due &= ~(1u << at);
	m.idx_i = p->idx_i;
	memcpy(m.noise1, p->noise1, NET_NOISE1);
	if (p->to[at].has_cookie)
		kith__net_mac2(m.mac2, p->to[at].cookie, p->idx_i, p->noise1);
	else
		kith_rng_fill(n->rng, m.mac2, sizeof(m.mac2));
	out->len = kith__net_wrap1(n->out, p->k_obf, &n->noncer, &m,
				   NET_MSG1_MIN - MSG1_FIXED +
					   kith_rng_below(n->rng, NET_MSG1_MAX - NET_MSG1_MIN + 1));
	memcpy(p->to[at].nonce, n->out, 24);
	p->to[at].sent = true;
	p->sent_at = now;
	out->data = n->out;
	out->remote = p->to[at].path.remote;
	out->local = p->to[at].path.local;
	out->carrier = p->to[at].path.carrier;
	return true;
}

/* The session that a finished handshake belongs to; NULL: none can be had. */
static struct session *owner(struct kith_net *n, struct pending *p, const struct payload2 *pl,
			     bool *fresh, kith_time now)
{
	struct session *s = p->rekey;

	*fresh = false;
	if (s == NULL && p->link != NULL)
		s = p->link->session;
	if (s != NULL) {
		if (memcmp(s->peer_incarnation, pl->incarnation, 8) != 0)
			kith__net_session_restart(n, s, now);
	} else {
		s = kith__net_session_new(n, p->kind, p->number, now);
		if (s == NULL)
			return NULL;
		*fresh = true;
		s->initiator = true;
		s->keepalive_s = p->keepalive_s;
		memcpy(s->ml, p->ml, 32);
	}
	memcpy(s->peer_incarnation, pl->incarnation, 8);
	return s;
}

/* A msg2 that opened. */
struct opened {
	struct kith_noise st;
	struct payload2 pl;
	uint32_t idx_r;
	unsigned root; /* the psk came from this root */
};

/* The session is there; frees `p`. */
static void finish(struct kith_net *n, struct pending *p, const struct opened *o,
		   const struct kith_dgram_in *in, kith_time now)
{
	const struct payload2 *pl = &o->pl;
	struct epoch e = {.idx_in = p->idx_i, .idx_out = o->idx_r, .initiator = true};
	struct hs_keys keys;
	bool fresh;
	struct session *s = owner(n, p, pl, &fresh, now);

	if (s == NULL)
		return; /* the next copy of msg2 tries again */
	kith__net_finish(&o->st, true, &keys);
	memcpy(e.tx, keys.tx, 32);
	memcpy(e.rx, keys.rx, 32);
	memcpy(e.rhk, pl->rhk, 32);
	e.lower = p->link != NULL && memcmp(n->lk, p->link->v.lk, 32) < 0;
	if (kith__net_session_epoch(n, s, &e, keys.s, now) != KITH_OK) {
		if (fresh || !s->epoch[s->current].live)
			kith__net_session_drop(n, s, KITH_NET_LOST_LOCAL);
		goto out;
	}
	s->path = (struct net_path){in->remote, in->local, in->carrier};
	memcpy(s->own_incarnation, p->incarnation, 8);
	if (p->link != NULL) {
		s->link = p->link;
		s->link->session = s;
		s->role_a = e.lower;
		kith__net_link_success(n, p->link, p->day, o->root == 0);
	} else if (fresh) {
		s->role_a = true;
	}
	if (s->rec.srtt == 0)
		kith__net_rtt_sample(s, now - (p->tries == 1 ? p->sent_at : p->started), 0);
	if (fresh) {
		kith__net_session_up(n, s);
	}
	if (!kith_addr_is_none(&pl->observed) && !kith_addr_equal(&s->observed, &pl->observed)) {
		s->observed = pl->observed;
		(void)kith__net_event_add(n, &(struct kith_net_event){.kind = KITH_NET_OBSERVED,
								      .session = s->number,
								      .addr = pl->observed});
	}
	s->ping_due = true; /* lets the responder send */
	kith__net_session_ready(n, s);
	kith__net_session_timer(n, s, now);
	kith__net_pending_free(n, p);
out:
	kith_wipe(&keys, sizeof(keys));
	kith_wipe(&e, sizeof(e));
}

static bool try_msg2(struct kith_net *n, struct pending *p, const struct kith_dgram_in *in,
		     kith_time now)
{
	uint8_t noise2[NET_NOISE2], key[32];
	uint32_t idx_i;
	struct opened o = {.root = 0};
	unsigned i;
	int status;

	kith__net_key2(key, p->k_obf, p->noise1);
	status = kith__net_unwrap2(noise2, &idx_i, &o.idx_r, key, in->data, in->len);
	kith_wipe(key, sizeof(key));
	if (status == KITH_E_AUTH)
		return false;
	if (status != KITH_OK || idx_i != p->idx_i || p->yielded) {
		n->count.drop_open++;
		return true;
	}
	status = KITH_E_AUTH;
	for (i = 0; i < p->psk_count && status != KITH_OK; i++) {
		o.st = p->st;
		o.root = i;
		status = kith__net_consume2(&o.st, &o.pl, noise2, p->e_secret, p->s_secret,
					    p->psk[i]);
	}
	if (status == KITH_OK)
		finish(n, p, &o, in, now); /* p is gone */
	else
		n->count.drop_open++;
	kith_noise_wipe(&o.st);
	return true;
}

static bool try_cookie(struct kith_net *n, struct pending *p, unsigned at,
		       const struct kith_dgram_in *in)
{
	uint8_t cookie[16];

	if (!p->to[at].sent || kith__net_unwrap_cookie(cookie, p->k_obf, p->to[at].nonce, in->data,
						       in->len) != KITH_OK)
		return false;
	p->to[at].sent = false; /* one cookie for one msg1 */
	if (p->yielded || p->to[at].cookies >= COOKIES_MAX) {
		n->count.drop_limit++;
		return true;
	}
	p->to[at].cookies++;
	memcpy(p->to[at].cookie, cookie, sizeof(cookie));
	p->to[at].has_cookie = true;
	p->due |= 1u << at;
	return true;
}

bool kith__net_pending_input(struct kith_net *n, const struct kith_dgram_in *in, kith_time now)
{
	unsigned i;
	unsigned at;

	if (in->len < NET_COOKIE_MIN || in->len > NET_MSG1_MAX)
		return false;
	for (i = 0; i < n->pending_count; i++) {
		struct pending *p = n->pending[i];

		for (at = 0; at < p->to_count; at++)
			if (kith_addr_equal(&p->to[at].path.remote, &in->remote) &&
			    p->to[at].path.carrier == in->carrier)
				break;
		if (at == p->to_count)
			continue;
		if (try_msg2(n, p, in, now) || try_cookie(n, p, at, in))
			return true;
	}
	return false;
}

void kith__net_pending_tick(struct kith_net *n, kith_time now)
{
	unsigned i = 0;

	while (i < n->pending_count) {
		struct pending *p = n->pending[i];

		if (p->next_at > now) {
			i++;
			continue;
		}
		if (p->yielded || p->tries >= ROUNDS) {
			kith__net_pending_fail(n, p); /* another one takes place i */
			continue;
		}
		p->next_at =
			now +
			kith_rng_jitter(n->rng, wait_ms[p->tries] * (uint64_t)KITH_US_PER_MS, 10);
		p->tries++;
		p->due = (1u << p->to_count) - 1;
		i++;
	}
}

kith_time kith__net_pending_deadline(const struct kith_net *n)
{
	kith_time at = KITH_NEVER;
	unsigned i;

	for (i = 0; i < n->pending_count; i++)
		if (n->pending[i]->next_at < at)
			at = n->pending[i]->next_at;
	return at;
}
