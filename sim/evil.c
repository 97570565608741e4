/* SPDX-License-Identifier: ISC */
/*
 * Adversaries. They speak the protocol by a codec of their own (docs/protocol.md 11), know all
 * honest nodes and each other, and work together:
 *
 *	collude  name the adversaries nearest to the target, hold no record, give tokens and
 *	         acknowledge every STORE
 *	drop     answer PING and nothing else
 *	poison   name peers that do not exist, with ids near the target
 *
 * Each introduces itself to the honest nodes nearest to its id and to others at random, as a node
 * that joins does, and again every ten minutes. Ground ids stand next to the key of one round and
 * live for that round only.
 */
#include <string.h>

#include "base/alloc.h"
#include "sim/lab.h"

#define SMALL      144u
#define MEDIUM     512u
#define LARGE      1232u
#define OVERHEAD   80u
#define HEAD       16u
#define CONTACT    51u
#define NEAR_KNOWN 32u /* nearest honest nodes that are told */
#define FAR_KNOWN  96u
#define AGAIN_US   (610u * (kith_time)KITH_US_PER_S)
#define AGAIN_NEAR (15u * (kith_time)KITH_US_PER_S)

enum { PING = 1, FIND, FIND_VALUE, STORE, PONG = 0x81, NODES, STORED = 0x84 };

bool sim_evil_init(struct sim_lab *w, uint32_t i)
{
	struct sim_lab_node *n = &w->node[i];
	struct sim_evil *v = kith_alloc_zero(NULL, 1, sizeof(*v));
	uint8_t in[20] = "evil";

	n->evil = v;
	if (v == NULL)
		return false;
	v->cookie = kith_alloc_zero(NULL, SIM_EVIL_COOKIES, sizeof(*v->cookie));
	kith_store_u64(in + 4, w->plan.seed);
	kith_store_u32(in + 12, i);
	kith_blake2b(v->secret, in, sizeof(in));
	kith_dh_public(n->key, v->secret);
	kith_hash(n->id.b, KITH_L_NODE_ID, n->key, 32);
	if (i >= w->honest + w->sybils && i != w->prober)
		v->key_of = 1 + (i - w->honest - w->sybils) / w->plan.lab.ground;
	return v->cookie != NULL;
}

void sim_evil_free(struct sim_lab_node *n)
{
	if (n->evil != NULL)
		kith_alloc_free(NULL, n->evil->cookie);
	kith_alloc_free(NULL, n->evil);
}

static bool active(const struct sim_lab *w, uint32_t i)
{
	const struct sim_evil *v = w->node[i].evil;

	return i != w->prober && (v->key_of == 0 || v->key_of == w->round + 1);
}

/* ---- the seal ---- */
static void pair_key(const struct sim_lab *w, uint32_t me, const uint8_t peer[static 32], bool out,
		     uint8_t key[static 32])
{
	const struct sim_lab_node *n = &w->node[me];
	uint8_t dh[32], both[64];

	if (sim_counted())
		sim_counted_shared(dh, n->key, peer);
	else if (kith_dh(dh, n->evil->secret, peer) != KITH_OK)
		memset(dh, 0, sizeof(dh));
	memcpy(both, out ? n->key : peer, 32);
	memcpy(both + 32, out ? peer : n->key, 32);
	kith_kdf(key, dh, 32, KITH_L_RPC_KEY, both, sizeof(both));
}

static void send_body(struct sim_lab *w, uint32_t me, uint32_t to, const uint8_t *body, size_t size)
{
	const struct sim_lab_node *n = &w->node[me], *peer = &w->node[to];
	uint8_t out[LARGE], key[32], full[32], net[4];

	kith_store_u64(out, n->sent);
	kith_store_u64(out + 8, w->now);
	kith_store_u64(out + 16, me);
	memcpy(out + 24, n->key, 32);
	kith_kdf(key, peer->key, 32, KITH_L_RPC_MASK, "", 0);
	kith_xmask32(out + 24, key, out);
	kith_store_u32(net, (uint32_t)(w->plan.seed % 0xfffffffeu) + 1u);
	kith_kdf(key, peer->key, 32, KITH_L_RPC_GKEY, net, sizeof(net));
	kith_kdf(full, key, 32, KITH_L_RPC_GATE, out, 56);
	memcpy(out + 56, full, 8);
	pair_key(w, me, peer->key, true, key);
	kith_xseal(out + 64, out, key, out, 64, body, size - OVERHEAD);
	sim_lab_send(w, me, &peer->addr, out, size);
}

static bool open_body(const struct sim_lab *w, uint32_t me, const struct sim_event *e,
		      uint8_t body[static LARGE])
{
	uint8_t sender[32], key[32];

	if (e->len <= OVERHEAD || e->len > LARGE)
		return false;
	memcpy(sender, e->data + 24, 32);
	kith_kdf(key, w->node[me].key, 32, KITH_L_RPC_MASK, "", 0);
	kith_xmask32(sender, key, e->data);
	pair_key(w, me, sender, false, key);
	return kith_xopen(body, e->data, key, e->data, 64, e->data + 64, e->len - 64) == KITH_OK;
}

static void head(uint8_t *body, unsigned method, unsigned flags, uint64_t tx)
{
	memset(body, 0, LARGE);
	body[0] = (uint8_t)method;
	body[1] = 1;
	body[2] = (uint8_t)flags;
	body[3] = (uint8_t)(flags >> 8);
	kith_store_u64(body + 8, tx);
}

/* ---- introductions ---- */
static void ping(struct sim_lab *w, uint32_t me, uint32_t to)
{
	uint8_t body[LARGE];

	if (w->node[to].dead || w->node[to].dht == NULL)
		return;
	head(body, PING, 0, w->now);
	send_body(w, me, to, body, SMALL);
}

static uint64_t distance(const struct kith_id *a, const struct kith_id *b)
{
	uint64_t d = 0;

	for (unsigned i = 0; i < 8; i++)
		d = d << 8 | (a->b[i] ^ b->b[i]);
	return d;
}

/* The `max` nodes of [from, to) nearest to the target; `evil`: only adversaries that are active. */
static uint32_t nearest(const struct sim_lab *w, const struct kith_id *target, uint32_t from,
			uint32_t to, uint32_t *out, uint32_t max)
{
	uint64_t best[NEAR_KNOWN];
	uint32_t n = 0, i, j;

	for (i = from; i < to; i++) {
		uint64_t d = distance(&w->node[i].id, target);

		if (w->node[i].evil != NULL && !active(w, i))
			continue;
		if (n == max && d >= best[n - 1])
			continue;
		for (j = n < max ? n++ : n - 1; j > 0 && best[j - 1] > d; j--) {
			best[j] = best[j - 1];
			out[j] = out[j - 1];
		}
		best[j] = d;
		out[j] = i;
	}
	return n;
}

void sim_evil_tick(struct sim_lab *w, uint32_t i)
{
	struct sim_lab_node *n = &w->node[i];
	struct sim_evil *v = n->evil;
	uint32_t near[NEAR_KNOWN], count, k;

	if (!active(w, i))
		return;
	count = nearest(w, &n->id, 0, w->honest, near, NEAR_KNOWN);
	for (k = 0; k < count; k++)
		ping(w, i, near[k]);
	for (k = 0; k < FAR_KNOWN && v->key_of == 0; k++)
		ping(w, i, sim_draw_below(&w->draw, SIM_DRAW_WORK, i, 77, k, w->honest));
	v->rounds++;
	sim_lab_timer(w, i, w->now + (v->key_of != 0 ? AGAIN_NEAR : AGAIN_US));
}

static void learn(struct sim_lab *w, uint32_t me, uint32_t from, const uint8_t *body)
{
	struct sim_evil_cookie *c = &w->node[me].evil->cookie[from % SIM_EVIL_COOKIES];
	uint8_t request[LARGE];

	c->peer = from + 1;
	memcpy(c->cookie, body + HEAD, 8);
	if (body[0] != PONG)
		return;
	head(request, FIND, 0x13, w->now); /* both families, cookie */
	memcpy(request + HEAD, c->cookie, 8);
	memcpy(request + HEAD + 8, w->node[me].id.b, 32);
	send_body(w, me, from, request, SMALL);
}

/* ---- lies ---- */
static void put_contact(uint8_t *out, const struct kith_addr *a, const uint8_t *key)
{
	out[0] = 4;
	memcpy(out + 1, a->ip, 16);
	out[17] = (uint8_t)(a->port >> 8);
	out[18] = (uint8_t)a->port;
	memcpy(out + 19, key, 32);
}

/* A peer that nobody is, with an id that shares some bits with the target. */
static void made_up(struct sim_lab *w, const struct kith_id *target, uint8_t *out, uint32_t me,
		    uint32_t k)
{
	struct kith_addr a = kith_addr_v4(200, (uint8_t)w->events, (uint8_t)me, (uint8_t)(k + 1),
					  (uint16_t)(1024 + w->events % 60000));
	uint8_t in[24] = {0}, key[32];
	struct kith_id id;

	kith_store_u64(in, w->events);
	kith_store_u32(in + 8, me);
	kith_store_u32(in + 12, k);
	for (uint32_t t = 0; t < 256; t++) {
		kith_store_u32(in + 16, t);
		kith_blake2b(key, in, sizeof(in));
		kith_hash(id.b, KITH_L_NODE_ID, key, 32);
		if (id.b[0] == target->b[0])
			break;
	}
	put_contact(out, &a, key);
}

static void lie(struct sim_lab *w, uint32_t me, uint32_t to, const uint8_t *request)
{
	bool value = request[0] == FIND_VALUE;
	uint32_t max = value ? 7 : 8, near[8], n = max, k;
	struct kith_id target;
	uint8_t body[LARGE], *at;

	memcpy(target.b, request + HEAD + 8, 32);
	if (w->plan.lab.attack == SIM_ATTACK_COLLUDE)
		n = nearest(w, &target, w->honest, w->prober, near, max);
	head(body, NODES, n | (value ? 0x10u : 0), kith_load_u64(request + 8));
	at = body + HEAD + (value ? 24 : 8);
	for (k = 0; k < n; k++, at += CONTACT)
		if (w->plan.lab.attack == SIM_ATTACK_COLLUDE)
			put_contact(at, &w->node[near[k]].addr, w->node[near[k]].key);
		else
			made_up(w, &target, at, me, k);
	send_body(w, me, to, body, MEDIUM);
}

static void count_answer(struct sim_lab *w, const struct sim_event *e)
{
	struct sim_probe *p = &w->probe;
	uint8_t body[LARGE];
	uint64_t asked, permille;

	if (!open_body(w, w->prober, e, body))
		return;
	if ((body[0] & 0x80) == 0)
		return; /* an honest node asks in its turn */
	asked = kith_load_u64(body + 8) & 0xffff;
	p->answers++;
	if (asked == 0) {
		p->garbage_answers++;
		return;
	}
	permille = e->len * 1000u / asked;
	if (permille > p->worst_permille)
		p->worst_permille = permille;
}

void sim_evil_input(struct sim_lab *w, uint32_t i, const struct sim_event *e)
{
	uint8_t body[LARGE], reply[LARGE];

	if (i == w->prober) {
		count_answer(w, e);
		return;
	}
	if (!active(w, i) || !open_body(w, i, e, body))
		return;
	if ((body[0] & 0x80) != 0) {
		learn(w, i, e->src, body);
	} else if (body[0] == PING) {
		head(reply, PONG, 0, kith_load_u64(body + 8));
		reply[HEAD + 8] = 4;
		memcpy(reply + HEAD + 9, e->from.ip, 16);
		reply[HEAD + 25] = (uint8_t)(e->from.port >> 8);
		reply[HEAD + 26] = (uint8_t)e->from.port;
		send_body(w, i, e->src, reply, SMALL);
	} else if (w->plan.lab.attack == SIM_ATTACK_DROP) {
		return;
	} else if (body[0] == STORE) {
		head(reply, STORED, 0, kith_load_u64(body + 8));
		send_body(w, i, e->src, reply, SMALL);
	} else {
		lie(w, i, e->src, body);
	}
}

void sim_evil_grind(struct sim_lab *w, uint32_t round, const struct kith_id *key)
{
	uint32_t first = w->honest + w->sybils + round * w->plan.lab.ground, i, nearest_honest;
	uint64_t limit;
	uint8_t in[20] = "grind";
	uint64_t t = 0;

	(void)nearest(w, key, 0, w->honest, &nearest_honest, 1);
	limit = distance(&w->node[nearest_honest].id, key);
	for (i = first; i < first + w->plan.lab.ground; i++) {
		struct sim_lab_node *n = &w->node[i];

		KITH_ASSERT(sim_counted()); /* nobody has the secrets of such keys */
		do {
			kith_store_u32(in + 5, i);
			kith_store_u64(in + 12, t++);
			kith_blake2b(n->key, in, sizeof(in));
			kith_hash(n->id.b, KITH_L_NODE_ID, n->key, 32);
		} while (distance(&n->id, key) >= limit);
		sim_lab_timer(w, i, w->now + (i - first) * 1000u);
	}
}

/* ---- amplification ---- */
static void probe_one(struct sim_lab *w, uint32_t to, unsigned method, size_t size, unsigned flags)
{
	uint8_t body[LARGE];

	head(body, method, flags, (uint64_t)w->probe.requests << 16 | size);
	if ((flags & 0x10) != 0)
		memset(body + HEAD, 0x5a, 8); /* a cookie that nobody gave */
	if (method == STORE) {
		memset(body + HEAD, 0x5a, 16);
		memcpy(body + HEAD + 24, w->record, KITH_RECORD);
	} else if (method != PING) {
		memcpy(body + HEAD + 8, w->records != 0 ? w->key[0].b : w->node[to].id.b, 32);
	}
	w->probe.requests++;
	send_body(w, w->prober, to, body, size);
}

void sim_evil_probe(struct sim_lab *w)
{
	static const uint16_t sizes[] = {SMALL, MEDIUM, LARGE};
	uint8_t junk[LARGE];

	for (uint32_t i = 0; i < w->honest; i++) {
		for (unsigned method = PING; method <= STORE; method++)
			for (unsigned s = method == STORE ? 2 : 0; s < 3; s++)
				for (unsigned flags = 0; flags < 2; flags++)
					probe_one(w, i, method, sizes[s],
						  method == STORE ? 0 : 0x3 | flags << 4);
		for (unsigned s = 0; s < 3; s++) {
			memset(junk, (int)(i + s), sizeof(junk));
			w->probe.garbage++;
			sim_lab_send(w, w->prober, &w->node[i].addr, junk, sizes[s]);
		}
		sim_lab_run(w, w->now + 200 * (kith_time)KITH_US_PER_MS);
	}
}
