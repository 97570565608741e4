/* SPDX-License-Identifier: ISC */
/*
 * Nodes and wires of the laboratory. A place on a plane for each node; the delay of a pair grows
 * with its distance, from latency.min (same place) to latency.max (opposite corners). Each node has
 * a /16 of its own, ground ids share `attack.prefixes` of them.
 */
#include "sim/lab.h"

#include <string.h>

#include "base/alloc.h"
#include "base/map.h"

#define WALL_START_MIN (UINT32_C(1767225600) / 60u) /* 2026-01-01 */
#define DIAGONAL       92680u                       /* of the plane of 65,536 x 65,536 */
#define BOOTSTRAP      8u                           /* nodes that newcomers start from */
#define PORT           4000u
#define GROUND_NET     90u
#define STORM_NET      80u
#define MEDIAN_PAIRS   2001u
#define BOOK_MAX       8000000u

/* ---- places ---- */
static uint32_t root(uint64_t v)
{
	uint64_t r = 0, bit = UINT64_C(1) << 34;

	for (; bit != 0; bit >>= 2) {
		if (v >= r + bit) {
			v -= r + bit;
			r = (r >> 1) + bit;
		} else {
			r >>= 1;
		}
	}
	return (uint32_t)r;
}

kith_time sim_lab_delay(const struct sim_lab *w, uint32_t a, uint32_t b)
{
	int64_t dx = (int64_t)w->node[a].x - w->node[b].x;
	int64_t dy = (int64_t)w->node[a].y - w->node[b].y;
	uint64_t span = w->plan.latency_max_us - w->plan.latency_min_us;

	return w->plan.latency_min_us + span * root((uint64_t)(dx * dx + dy * dy)) / DIAGONAL;
}

static kith_time median_rtt(const struct sim_lab *w)
{
	kith_time sorted[MEDIAN_PAIRS];
	uint32_t i, j;

	for (i = 0; i < MEDIAN_PAIRS; i++) {
		uint32_t a = sim_draw_below(&w->draw, SIM_DRAW_PLACE, i, 1, 1, w->honest);
		uint32_t b = sim_draw_below(&w->draw, SIM_DRAW_PLACE, i, 2, 2, w->honest);
		kith_time d = 2 * sim_lab_delay(w, a, b);

		for (j = i; j > 0 && sorted[j - 1] > d; j--)
			sorted[j] = sorted[j - 1];
		sorted[j] = d;
	}
	return sorted[MEDIAN_PAIRS / 2];
}

static struct kith_addr address_of(const struct sim_lab *w, uint32_t i)
{
	uint32_t g = i - w->honest - w->sybils, place, prefix;

	if (i >= w->honest - w->plan.lab.storm && i < w->honest)
		return kith_addr_v4(STORM_NET, 1, 2, 3,
				    (uint16_t)(PORT + (i - (w->honest - w->plan.lab.storm))));
	if (i < w->honest + w->sybils || i == w->prober)
		return kith_addr_v4((uint8_t)(12 + (i & 63)), (uint8_t)(i >> 6), (uint8_t)(i >> 14),
				    1, PORT);
	place = g % w->plan.lab.ground;
	prefix = place % w->plan.lab.prefixes;
	return kith_addr_v4((uint8_t)(GROUND_NET + prefix / 250), (uint8_t)(prefix % 250),
			    (uint8_t)(place / w->plan.lab.prefixes), 1,
			    (uint16_t)(PORT + g / w->plan.lab.ground));
}

uint32_t sim_lab_at(const struct sim_lab *w, const struct kith_addr *a)
{
	uint32_t i =
		(uint32_t)(a->ip[12] - 12) | (uint32_t)a->ip[13] << 6 | (uint32_t)a->ip[14] << 14;
	uint32_t prefix = (uint32_t)(a->ip[12] - GROUND_NET) * 250u + a->ip[13];

	if (a->ip[12] == STORM_NET)
		i = w->honest - w->plan.lab.storm + a->port - PORT;
	else if (a->ip[12] >= GROUND_NET)
		i = w->honest + w->sybils + (a->port - PORT) * w->plan.lab.ground +
		    a->ip[14] * w->plan.lab.prefixes + prefix;
	return i < w->count && kith_addr_equal(&w->node[i].addr, a) ? i : UINT32_MAX;
}

/* ---- memory of one node ---- */
#define BLOCK_HEAD 16u

static void *counted_resize(void *ctx, void *p, size_t size)
{
	const struct kith_alloc *heap = kith_alloc_heap();
	struct sim_lab_node *n = ctx;
	uint8_t *block = p;
	size_t had = 0;

	if (p != NULL) {
		block -= BLOCK_HEAD;
		had = (size_t)kith_load_u64(block);
	}
	if (size == 0) {
		n->heap -= had;
		return heap->resize(heap->ctx, block, 0);
	}
	block = heap->resize(heap->ctx, block, size + BLOCK_HEAD);
	if (block == NULL)
		return NULL;
	kith_store_u64(block, size);
	n->heap += size - had;
	if (n->heap > n->heap_max)
		n->heap_max = n->heap;
	return block + BLOCK_HEAD;
}

/* ---- nodes ---- */
static void key_of(const struct sim_lab *w, uint32_t i, uint32_t what, uint8_t out[static 32])
{
	uint8_t in[24] = "lab";

	kith_store_u64(in + 4, w->plan.seed);
	kith_store_u32(in + 12, i);
	kith_store_u32(in + 16, what);
	kith_blake2b(out, in, sizeof(in));
}

static bool make_node(struct sim_lab *w, uint32_t i)
{
	struct sim_lab_node *n = &w->node[i];

	n->addr = address_of(w, i);
	n->x = sim_draw_below(&w->draw, SIM_DRAW_PLACE, i, 3, 0, 65536);
	n->y = sim_draw_below(&w->draw, SIM_DRAW_PLACE, i, 4, 0, 65536);
	n->alloc = (struct kith_alloc){counted_resize, n};
	if (i >= w->honest)
		return sim_evil_init(w, i);
	key_of(w, i, 0, n->cfg.node_secret);
	kith_dh_public(n->key, n->cfg.node_secret);
	kith_hash(n->id.b, KITH_L_NODE_ID, n->key, 32);
	n->cfg.alloc = &n->alloc;
	n->cfg.network = (uint32_t)(w->plan.seed % 0xfffffffeu) + 1u;
	n->cfg.params = w->plan.lab.params;
	n->cfg.mode = i >= BOOTSTRAP && sim_draw_ppm(&w->draw, SIM_DRAW_WORK, i, 0, 0,
						     w->plan.lab.clients_ppm)
			      ? KITH_DHT_CLIENT
			      : KITH_DHT_SERVER;
	return true;
}

bool sim_lab_init(struct sim_lab *w, const struct sim_plan *plan)
{
	const struct sim_lab_plan *p = &plan->lab;
	uint8_t seed[32];

	memset(w, 0, sizeof(*w));
	w->plan = *plan;
	if (!p->real)
		sim_counted_on();
	sim_draw_init(&w->draw, plan->seed);
	w->sybils = (uint32_t)((uint64_t)plan->nodes * p->share_ppm / 1000000u);
	w->honest = plan->nodes - w->sybils + p->joiners + p->storm;
	w->count = w->honest + w->sybils + p->ground * p->rounds + 1;
	w->prober = w->count - 1;
	w->node = kith_alloc_zero(NULL, w->count, sizeof(*w->node));
	w->record = kith_alloc_zero(NULL, p->records + (size_t)p->storm * p->storm_records + 1,
				    KITH_RECORD);
	w->key = kith_alloc_zero(NULL, p->records + 1, sizeof(*w->key));
	w->owner = kith_alloc_zero(NULL, p->records + 1, sizeof(*w->owner));
	key_of(w, 0, 1, seed);
	w->rng = kith_crypto_drbg(&w->drbg, seed);
	w->book = kith_peerbook_new(NULL, BOOK_MAX, &w->rng);
	if (w->node == NULL || w->record == NULL || w->key == NULL || w->owner == NULL ||
	    w->book == NULL)
		return false;
	for (uint32_t i = 0; i < w->count; i++)
		if (!make_node(w, i))
			return false;
	w->rtt = median_rtt(w);
	return true;
}

void sim_lab_free(struct sim_lab *w)
{
	for (uint32_t i = 0; w->node != NULL && i < w->count; i++) {
		kith_dht_free(w->node[i].dht);
		if (w->node[i].book != NULL)
			kith_peerbook_free(w->node[i].book);
		sim_evil_free(&w->node[i]);
	}
	if (w->book != NULL)
		kith_peerbook_free(w->book);
	sim_queue_free(&w->queue);
	kith_alloc_free(NULL, w->node);
	kith_alloc_free(NULL, w->record);
	kith_alloc_free(NULL, w->key);
	kith_alloc_free(NULL, w->owner);
	kith_alloc_free(NULL, w->tries);
	sim_counted_free();
}

static bool seed_from(struct sim_lab *w, uint32_t i, unsigned seeds)
{
	uint32_t known = i < BOOTSTRAP ? i : w->now < w->plan.lab.join_span ? BOOTSTRAP : i;

	for (unsigned k = 0; k < seeds && known != 0; k++) {
		uint32_t j = sim_draw_below(&w->draw, SIM_DRAW_WORK, i, 1, k, known);
		struct kith_dht_seed s = {.addr = w->node[j].addr};

		if (w->node[j].dead || w->node[j].cfg.mode == KITH_DHT_CLIENT)
			continue;
		memcpy(s.key, w->node[j].key, 32);
		if (kith_dht_seed_contact(w->node[i].dht, &s, w->now) != KITH_OK)
			return false;
	}
	return true;
}

bool sim_lab_boot(struct sim_lab *w, uint32_t i, unsigned seeds)
{
	struct sim_lab_node *n = &w->node[i];
	struct kith_dht_seed saved[64];
	size_t had = n->dht != NULL && seeds == 0 ? kith_dht_save(n->dht, saved, 64) : 0;
	uint8_t seed[32];

	kith_dht_free(n->dht);
	key_of(w, i, 16 + n->boots++, seed);
	n->rng = kith_crypto_drbg(&n->drbg, seed);
	if (w->plan.lab.private_books && n->book == NULL)
		n->book = kith_peerbook_new(&n->alloc, KITH_DHT_BOOK_MAX, &n->rng);
	n->dht = kith_dht_new(&n->cfg, n->book != NULL ? n->book : w->book, &n->rng, w->now);
	if (n->dht == NULL)
		return false;
	n->ready = false;
	n->timer_at = 0;
	n->started = w->now;
	kith_dht_set_clock(n->dht, WALL_START_MIN + (uint32_t)(w->now / 60000000u), w->now);
	for (size_t k = 0; k < had; k++)
		if (kith_dht_seed_contact(n->dht, &saved[k], w->now) != KITH_OK)
			return false;
	if (!seed_from(w, i, seeds))
		return false;
	sim_lab_turn(w, i);
	return true;
}

/* ---- wires ---- */
static void trace(struct sim_lab *w, struct sim_lab_node *n, const struct sim_event *e)
{
	static const uint8_t key[16] = "kith-sim trace";
	uint8_t in[32];

	kith_store_u64(in, n->trace);
	kith_store_u64(in + 8, w->now);
	kith_store_u32(in + 16, (uint32_t)e->kind);
	kith_store_u32(in + 20, e->src);
	kith_store_u64(in + 24, e->len);
	n->trace = kith_siphash(key, in, sizeof(in));
}

void sim_lab_send(struct sim_lab *w, uint32_t from, const struct kith_addr *to, const uint8_t *data,
		  size_t len)
{
	struct sim_lab_node *n = &w->node[from];
	struct sim_event e = {.kind = SIM_PACKET, .src = from, .len = len, .from = n->addr};
	uint64_t number = n->sent++;
	uint32_t dst = sim_lab_at(w, to);

	n->sent_bytes += len;
	if (dst == UINT32_MAX ||
	    sim_draw_ppm(&w->draw, SIM_DRAW_LOSS, from, dst, number, w->plan.loss_ppm))
		return;
	e.dst = dst;
	e.seq = n->made++;
	e.to = *to;
	e.at = w->now + sim_lab_delay(w, from, dst) +
	       sim_draw_below(&w->draw, SIM_DRAW_JITTER, from, dst, number, w->plan.jitter_us + 1);
	e.data = kith_alloc_copy(NULL, data, len);
	KITH_ASSERT(e.data != NULL);
	sim_queue_push(&w->queue, &e);
}

void sim_lab_timer(struct sim_lab *w, uint32_t i, kith_time at)
{
	struct sim_lab_node *n = &w->node[i];
	struct sim_event e = {.kind = SIM_TIMER, .src = i, .dst = i};

	e.at = n->timer_at = at > w->now ? at : w->now;
	e.seq = n->made++;
	sim_queue_push(&w->queue, &e);
}

void sim_lab_turn(struct sim_lab *w, uint32_t i)
{
	struct sim_lab_node *n = &w->node[i];
	struct kith_dgram_out out;
	struct kith_dht_event e;
	kith_time due;

	do {
		while (kith_dht_output(n->dht, &out, w->now))
			sim_lab_send(w, i, &out.remote, out.data, out.len);
		while (kith_dht_event(n->dht, &e))
			sim_lab_event(w, i, &e);
		due = kith_dht_deadline(n->dht);
		if (due <= w->now)
			kith_dht_tick(n->dht, w->now);
	} while (due <= w->now);
	if (due != KITH_NEVER && (n->timer_at <= w->now || due < n->timer_at))
		sim_lab_timer(w, i, due);
}

static void handle(struct sim_lab *w, const struct sim_event *e)
{
	struct sim_lab_node *n = &w->node[e->dst];

	if (n->dead || (n->dht == NULL && n->evil == NULL))
		return;
	if (e->kind == SIM_TIMER && e->at != n->timer_at)
		return;
	trace(w, n, e);
	if (e->kind == SIM_PACKET)
		n->received++;
	if (n->evil != NULL) {
		if (e->kind == SIM_PACKET)
			sim_evil_input(w, e->dst, e);
		else
			sim_evil_tick(w, e->dst);
		return;
	}
	if (e->kind == SIM_PACKET) {
		struct kith_dgram_in in = {.remote = e->from,
					   .local = e->to,
					   .data = e->data,
					   .len = e->len};

		(void)kith_dht_input(n->dht, &in, w->now);
	} else {
		n->timer_at = 0;
	}
	sim_lab_turn(w, e->dst);
}

void sim_lab_run(struct sim_lab *w, kith_time until)
{
	struct sim_event e;

	while (w->queue.count != 0 && w->queue.heap[0].at <= until) {
		(void)sim_queue_pop(&w->queue, &e);
		w->now = e.at;
		w->events++;
		handle(w, &e);
		kith_alloc_free(NULL, e.data);
	}
	w->now = until > w->now ? until : w->now;
}
