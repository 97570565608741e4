/* SPDX-License-Identifier: ISC */
/*
 * Handshakes of others (crypto.md 6.1-6.3). Order of the checks, cheapest first; nothing is stored
 * before the sender has proved who it is:
 *
 *	outer open -> copy of a known e: same noise2 again -> cookie, if demanded -> buckets ->
 *	s -> contact? -> payload -> hint -> timestamp -> crossing? -> noise2
 *
 * The half-open entry becomes a session with its first data packet, and stays 10 s for copies.
 * Silence is the answer to everything that fails.
 */
#include "net/internal.h"

#include <string.h>

#define MSG2_FIXED  160u
#define CROSSING_US (1u * KITH_US_PER_S)
#define FORCED_US   (10u * KITH_US_PER_S)

/* A msg1 whose outer layer opened. */
struct incoming {
	struct outer1 m;
	enum kith_net_kind kind;
	const uint8_t *k_obf;
	uint32_t epoch;
	uint64_t day;
	struct net_path path;
	size_t len;
	/* filled step by step */
	struct kith_noise st;
	uint8_t s[32], psk[32];
	struct payload1 pl;
	struct link_peer *link;
	bool newest_root; /* the hint was made under root[0] */
	struct session *rekey;
};

uint64_t kith__net_path_hash(const struct kith_net *n, const struct net_path *path)
{
	uint8_t data[22];

	memcpy(data, path->remote.ip, 16);
	data[16] = (uint8_t)path->remote.port;
	data[17] = (uint8_t)(path->remote.port >> 8);
	kith_store_u32(data + 18, path->carrier);
	return kith_siphash(n->limiter_key, data, sizeof(data));
}

/* ---- the half-open ring ---- */

static void half_wipe(struct kith_net *n, struct half *h)
{
	uint32_t at;

	if (!h->spent && kith_map_get(&n->by_idx, &h->idx_r, &at) && (at & IDX_HALF) != 0)
		(void)kith_map_remove(&n->by_idx, &h->idx_r);
	h->spent = true;
	kith_wipe(&h->keys, sizeof(h->keys));
	h->link = NULL;
	h->rekey = NULL;
}

void kith__net_half_void(struct kith_net *n, struct half *h)
{
	half_wipe(n, h);
}

static void drop_oldest(struct kith_net *n)
{
	struct half **place = &n->half[n->half_first++ % KITH_NET_HALFOPEN_MAX];
	struct half *h = *place;

	half_wipe(n, h);
	(void)kith_map_remove(&n->by_e, h->e);
	kith_wipe(h, sizeof(*h));
	kith_alloc_free(n->alloc, h);
	*place = NULL;
}

void kith__net_half_tick(struct kith_net *n, kith_time now)
{
	while (n->half_first != n->half_next &&
	       n->half[n->half_first % KITH_NET_HALFOPEN_MAX]->born + HALF_LIFE_US <= now)
		drop_oldest(n);
}

void kith__net_half_void_for(struct kith_net *n, const struct session *s, const struct link_peer *l)
{
	uint64_t i;

	for (i = n->half_first; i != n->half_next; i++) {
		struct half *h = n->half[i % KITH_NET_HALFOPEN_MAX];

		if (!h->spent && ((s != NULL && h->rekey == s) || (l != NULL && h->link == l)))
			half_wipe(n, h);
	}
}

void kith__net_half_clear(struct kith_net *n)
{
	while (n->half_first != n->half_next)
		drop_oldest(n);
}

/* ---- answers ---- */

/* The same noise2, freshly wrapped, on the path it came by: <= 10 paths, <= 4 answers each. */
static void answer(struct kith_net *n, struct half *h, const struct net_path *path, size_t budget)
{
	uint64_t hash = kith__net_path_hash(n, path);
	struct answer *a;
	unsigned i;

	for (i = 0; i < h->path_count && h->path[i].hash != hash; i++)
		;
	if (h->spent || i == HALF_PATHS)
		return;
	if (i == h->path_count) {
		h->path[i].hash = hash;
		h->path[i].answers = 0;
		h->path_count++;
	}
	if (h->path[i].answers >= HALF_ANSWERS)
		return;
	a = kith__net_answer_slot(n, path);
	if (a == NULL)
		return;
	h->path[i].answers++;
	a->len = kith__net_wrap2(a->bytes, h->k2, &n->noncer, h->idx_i, h->idx_r, h->noise2,
				 kith__net_draw_pad(n, MSG2_FIXED, budget));
	KITH_ASSERT(a->len <= budget);
}

/* ---- checks ---- */

/* The device whose chain made the hint. The same root gives the psk: the initiator has that one for
 * certain, a newer one of ours perhaps not yet. A hint under the newest proves that it has it. */
static bool match_hint(struct kith_net *n, struct incoming *c)
{
	struct link_peer *l;
	uint8_t root[32], hint[16];
	bool found = false;
	unsigned i;

	for (l = kith__net_link_by_key(n, c->s); l != NULL && !found; l = l->same_key)
		for (i = 0; i < l->v.root_count && !found; i++) {
			if (kith__net_root_at(root, l->v.root[i].l, l->v.root[i].day, c->day) !=
			    KITH_OK)
				continue;
			kith__net_link_hint(hint, root, c->m.noise1);
			found = kith_equal(hint, c->pl.x, sizeof(hint));
			if (!found)
				continue;
			c->link = l;
			c->newest_root = i == 0;
			l->v.newest_known |= i == 0;
			kith__net_link_psk(c->psk, root, c->day);
		}
	kith_wipe(root, sizeof(root));
	return found;
}

/* Greatest timestamps only; an older one needs a cookie, and passes once per 10 s and contact. */
static bool check_time(struct kith_net *n, struct incoming *c, kith_time now)
{
	struct link_peer *l = c->link;

	if (memcmp(c->pl.time, l->v.last_in, 12) > 0) {
		memcpy(l->v.last_in, c->pl.time, 12);
		kith__net_link_changed(n, l);
		return true;
	}
	n->count.drop_timestamp++;
	if (!kith__net_cookie_valid(n, &c->m, &c->path.remote, now)) {
		kith__net_cookie_answer(n, &c->m, c->k_obf, &c->path, c->len, now);
		return false;
	}
	if (l->forced && now - l->forced_at < FORCED_US)
		return false;
	l->forced = true;
	l->forced_at = now;
	return true;
}

/* Two handshakes cross: the one of the bytewise lower LK wins. */
static bool check_crossing(struct kith_net *n, struct incoming *c, kith_time now)
{
	struct pending *p = c->link->pending;

	if (p == NULL || p->yielded)
		return true;
	if (memcmp(n->lk, c->link->v.lk, 32) < 0)
		return now - p->started >= CROSSING_US;
	p->yielded = true;
	p->due = 0;
	p->next_at = now + HALF_LIFE_US;
	return true;
}

static bool check_link(struct kith_net *n, struct incoming *c, kith_time now)
{
	struct link_peer *l;

	if (!match_hint(n, c)) {
		n->count.drop_hint++;
		return false;
	}
	l = c->link;
	if (now < l->punish_until) {
		if (now < l->punish_next)
			return false;
		l->punish_next = now + 60u * KITH_US_PER_S;
	}
	if (!check_time(n, c, now) || !check_crossing(n, c, now))
		return false;
	c->rekey = l->session;
	return true;
}

/* A service link starts with zeros; a rekey names its session by the resume token. */
static bool check_service(struct kith_net *n, struct incoming *c)
{
	uint32_t slot;

	if (kith_is_zero(c->pl.x, sizeof(c->pl.x)))
		return n->session_count < KITH_NET_SESSIONS_MAX - KITH_NET_SESSIONS_OWN;
	if (!kith_map_get(&n->by_token, c->pl.x, &slot)) {
		n->count.drop_open++;
		return false;
	}
	c->rekey = n->sessions[slot];
	kith__net_service_psk(c->psk, c->rekey->s);
	return true;
}

/* ---- the responder's handshake ---- */

static struct half *half_new(struct kith_net *n, const struct incoming *c, kith_time now)
{
	struct half *h;
	uint32_t at = (uint32_t)(n->half_next % KITH_NET_HALFOPEN_MAX);

	if (c->link != NULL) /* one per device: the newer msg1 replaces it (docs/models.md 3c) */
		kith__net_half_void_for(n, NULL, c->link);
	if (n->half_next - n->half_first == KITH_NET_HALFOPEN_MAX)
		drop_oldest(n);
	h = kith_alloc_zero(n->alloc, 1, sizeof(*h));
	if (h == NULL)
		return NULL;
	memcpy(h->e, c->m.noise1, 32);
	h->idx_i = c->m.idx_i;
	h->idx_r = kith__net_draw_idx(n);
	h->kind = c->kind;
	h->link = c->link;
	h->rekey = c->rekey;
	h->day = c->day;
	h->newest_root = c->newest_root;
	h->born = now;
	memcpy(h->peer_rhk, c->pl.rhk, 32);
	memcpy(h->peer_incarnation, c->pl.incarnation, 8);
	kith__net_key2(h->k2, c->k_obf, h->e);
	if (kith_map_put(&n->by_e, h->e, at) != KITH_OK)
		goto fail;
	if (kith_map_put(&n->by_idx, &h->idx_r, at | IDX_HALF) != KITH_OK) {
		(void)kith_map_remove(&n->by_e, h->e);
		goto fail;
	}
	n->half[at] = h;
	n->half_next++;
	return h;
fail:
	kith_wipe(h, sizeof(*h));
	kith_alloc_free(n->alloc, h);
	return NULL;
}

static void respond(struct kith_net *n, struct incoming *c, kith_time now)
{
	struct half *h = half_new(n, c, now);
	struct payload2 pl = {0};
	uint8_t e_secret[32];

	if (h == NULL)
		return;
	if (c->link != NULL) {
		kith__net_link_incarnation(n, c->link, pl.incarnation);
	} else if (c->rekey != NULL) {
		memcpy(pl.incarnation, c->rekey->own_incarnation, 8);
	} else {
		memcpy(pl.incarnation, n->process, sizeof(n->process));
		kith_rng_fill(n->rng, pl.incarnation + 4, 4);
	}
	memcpy(h->own_incarnation, pl.incarnation, 8);
	memcpy(pl.rhk, n->rhk[0], 32);
	pl.observed = c->path.remote;
	kith_rng_fill(n->rng, e_secret, sizeof(e_secret));
	if (kith__net_create2(&c->st, h->noise2, e_secret, c->m.noise1, c->s, c->psk, &pl) ==
	    KITH_OK) {
		kith__net_finish(&c->st, false, &h->keys);
		n->count.handshakes_in++;
		answer(n, h, &c->path, c->len);
	} else {
		half_wipe(n, h);
	}
	kith_wipe(e_secret, sizeof(e_secret));
}

/* Of a contact: its DH with our LK is known from the second handshake on. */
static bool read_payload(struct kith_net *n, struct incoming *c)
{
	struct link_peer *l;
	uint8_t shared[32];
	bool ok;

	if (c->kind == KITH_NET_SERVICE)
		return kith__net_consume1_payload(&c->st, &c->pl, c->m.noise1, n->cfg.node_secret,
						  c->s) == KITH_OK;
	l = kith__net_link_by_key(n, c->s);
	ok = l != NULL && kith__net_link_shared(n, l, shared) == KITH_OK &&
	     kith__net_consume1_known(&c->st, &c->pl, c->m.noise1, shared) == KITH_OK;
	kith_wipe(shared, sizeof(shared));
	return ok;
}

static void consume(struct kith_net *n, struct incoming *c, kith_time now)
{
	const uint8_t *secret = c->kind == KITH_NET_LINK ? n->cfg.link_secret : n->cfg.node_secret;
	uint8_t prologue[NET_PROLOGUE_SERVICE];
	uint32_t at;

	if (kith_map_get(&n->by_e, c->m.noise1, &at)) {
		answer(n, n->half[at], &c->path, c->len);
		return;
	}
	kith__net_limiter_count(n, now);
	if (kith__net_limiter_strict(n, now) &&
	    !kith__net_cookie_valid(n, &c->m, &c->path.remote, now)) {
		kith__net_cookie_answer(n, &c->m, c->k_obf, &c->path, c->len, now);
		return;
	}
	if (!kith__net_limiter_take(n, &c->path.remote, now))
		return;
	if (c->kind == KITH_NET_LINK) {
		kith__net_prologue_link(prologue, n->cfg.device, c->epoch, c->day);
		kith__net_noise_start(&c->st, prologue, NET_PROLOGUE_LINK, n->lk);
	} else {
		kith__net_prologue_service(prologue, n->ml);
		kith__net_noise_start(&c->st, prologue, NET_PROLOGUE_SERVICE, n->ml);
	}
	if (kith__net_consume1_static(&c->st, c->s, c->m.noise1, secret) != KITH_OK ||
	    !read_payload(n, c)) {
		n->count.drop_stranger++;
		return;
	}
	if (c->kind == KITH_NET_LINK ? check_link(n, c, now) : check_service(n, c))
		respond(n, c, now);
}

/* Own outer keys: each live P with today, and a neighbouring day within 3 h of the edge. */
static void refresh_keys(struct kith_net *n, kith_time now)
{
	uint64_t second = kith__net_wall_us(n, now) / KITH_US_PER_S;
	uint64_t day = second / DAY_S;
	uint64_t in_day = second % DAY_S;
	uint64_t first = in_day < DAY_EDGE_S && day > 0 ? day - 1 : day;
	uint64_t last = in_day >= DAY_S - DAY_EDGE_S ? day + 1 : day;
	size_t i;

	if (second >= n->obf_from_s && second < n->obf_until_s)
		return;
	n->obf_count = 0;
	for (i = 0; i < n->presence_count; i++) {
		uint64_t d;

		for (d = first; d <= last; d++) {
			struct obf *o = &n->obf[n->obf_count++];

			o->day = d;
			o->epoch = n->presence[i].epoch;
			kith__net_obf_link(o->key, n->presence[i].p, d, n->cfg.network);
		}
	}
	n->obf_from_s = day * DAY_S + (in_day < DAY_EDGE_S ? 0 : DAY_EDGE_S);
	n->obf_until_s = day * DAY_S + (in_day < DAY_EDGE_S ? DAY_EDGE_S : DAY_S - DAY_EDGE_S);
	if (in_day >= DAY_S - DAY_EDGE_S) {
		n->obf_from_s = (day + 1) * DAY_S - DAY_EDGE_S;
		n->obf_until_s = (day + 1) * DAY_S;
	}
}

bool kith__net_accept(struct kith_net *n, const struct kith_dgram_in *in, kith_time now)
{
	struct incoming c = {.path = {in->remote, in->local, in->carrier}, .len = in->len};
	bool opened = false;
	unsigned i;
	int status = KITH_E_AUTH;

	if (in->len < NET_MSG1_MIN || in->len > NET_MSG1_MAX)
		return false;
	if (n->cfg.has_link && n->wall_us != 0) {
		refresh_keys(n, now);
		for (i = 0; i < n->obf_count && !opened; i++) {
			status = kith__net_unwrap1(&c.m, n->obf[i].key, in->data, in->len);
			opened = status != KITH_E_AUTH;
			c.kind = KITH_NET_LINK;
			c.k_obf = n->obf[i].key;
			c.epoch = n->obf[i].epoch;
			c.day = n->obf[i].day;
		}
	}
	if (!opened && n->cfg.serve) {
		status = kith__net_unwrap1(&c.m, n->service_obf, in->data, in->len);
		opened = status != KITH_E_AUTH;
		c.kind = KITH_NET_SERVICE;
		c.k_obf = n->service_obf;
	}
	if (!opened)
		return false;
	if (status == KITH_OK)
		consume(n, &c, now);
	else
		n->count.drop_open++;
	kith_noise_wipe(&c.st);
	kith_wipe(c.psk, sizeof(c.psk));
	return true;
}

/* ---- first data packet ---- */

/* Our msg2 went to this path: who shows its keys from there can receive there. */
static bool has_answered(const struct kith_net *n, const struct half *h,
			 const struct net_path *path)
{
	uint64_t hash = kith__net_path_hash(n, path);
	unsigned i;

	for (i = 0; i < h->path_count; i++)
		if (h->path[i].hash == hash && h->path[i].answers > 0)
			return true;
	return false;
}

struct session *kith__net_promote(struct kith_net *n, struct half *h, const struct net_path *path,
				  kith_time now)
{
	struct epoch e = {.idx_in = h->idx_r};
	struct link_peer *l = h->link;
	struct session *s = h->rekey != NULL ? h->rekey : l != NULL ? l->session : NULL;
	bool fresh = s == NULL;
	bool answered = has_answered(n, h, path);

	if (fresh && !answered)
		return NULL;
	e.idx_out = h->idx_i;
	memcpy(e.tx, h->keys.tx, 32);
	memcpy(e.rx, h->keys.rx, 32);
	memcpy(e.rhk, h->peer_rhk, 32);
	e.lower = l != NULL && memcmp(l->v.lk, n->lk, 32) < 0;
	if (fresh) {
		s = kith__net_session_new(n, h->kind,
					  l != NULL && l->pending != NULL ? l->pending->number : 0,
					  now);
		if (s == NULL)
			goto out;
	} else if (memcmp(s->peer_incarnation, h->peer_incarnation, 8) != 0) {
		kith__net_session_restart(n, s, now);
	}
	if (kith__net_session_epoch(n, s, &e, h->keys.s, now) != KITH_OK) {
		if (fresh || !s->epoch[s->current].live)
			kith__net_session_drop(n, s, KITH_NET_LOST_LOCAL);
		s = NULL;
		goto out;
	}
	memcpy(s->peer_incarnation, h->peer_incarnation, 8);
	memcpy(s->own_incarnation, h->own_incarnation, 8);
	if (answered)
		s->path = *path;
	if (l != NULL) {
		s->link = l;
		l->session = s;
		s->role_a = memcmp(n->lk, l->v.lk, 32) < 0;
		kith__net_link_success(n, l, h->day, h->newest_root);
		if (l->pending != NULL) {
			if (s->keepalive_s == 0)
				s->keepalive_s = l->pending->keepalive_s;
			kith__net_pending_free(n, l->pending);
		}
	}
	half_wipe(n, h);
	if (fresh) {
		kith__net_session_up(n, s);
	}
out:
	kith_wipe(&e, sizeof(e));
	return s;
}
