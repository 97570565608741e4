/* SPDX-License-Identifier: ISC */
#include "tests/unit/dht/world.h"

#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

static void fill(void *ctx, void *dst, size_t len)
{
	uint64_t *state = ctx, word = 0;
	uint8_t *out = dst;
	size_t i;

	for (i = 0; i < len; i++) {
		if (i % 8 == 0)
			word = test_random(state);
		out[i] = (uint8_t)(word >> (8 * (i % 8)));
	}
}

void world_init(struct world *w, uint64_t seed, size_t cap)
{
	memset(w, 0, sizeof(*w));
	CHECK(kith_crypto_start() == NULL);
	w->node = kith_alloc_zero(NULL, cap, sizeof(struct node));
	CHECK(w->node != NULL);
	w->cap = cap;
	w->random = seed;
	w->latency_min = 15000;
	w->latency_span = 50000;
	w->book_state = seed ^ 0x5555;
	w->book_rng = (struct kith_rng){fill, &w->book_state};
	w->now = 1000000;
	w->epoch = 1794960000u;
}

void world_free(struct world *w)
{
	size_t i;

	for (i = 0; i < w->count; i++)
		kith_dht_free(w->node[i].dht);
	for (i = 0; i < w->flights; i++)
		kith_alloc_free(NULL, w->heap[i].data);
	kith_alloc_free(NULL, w->heap);
	kith_peerbook_free(w->book);
	kith_alloc_free(NULL, w->node);
}

static bool earlier(const struct flight *a, const struct flight *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void push(struct world *w, struct flight f)
{
	void *array = w->heap;
	size_t i;

	CHECK_OK(kith_alloc_grow(NULL, &array, &w->flight_cap, w->flights + 1, SIZE_MAX / 64,
				 sizeof(f)));
	w->heap = array;
	f.order = w->order++;
	for (i = w->flights++; i > 0 && earlier(&f, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = f;
}

static struct flight pop(struct world *w)
{
	struct flight top = w->heap[0], last = w->heap[--w->flights];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < w->flights) {
		if (child + 1 < w->flights && earlier(&w->heap[child + 1], &w->heap[child]))
			child++;
		if (!earlier(&w->heap[child], &last))
			break;
		w->heap[i] = w->heap[child];
		i = child;
	}
	w->heap[i] = last;
	return top;
}

/* One-way latency of a pair, the same in both directions. */
static kith_time latency(const struct world *w, uint32_t a, uint32_t b)
{
	uint64_t x = a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;

	return w->latency_min + (w->latency_span != 0 ? test_random(&x) % w->latency_span : 0);
}

static uint32_t find(const struct world *w, const struct kith_addr *a)
{
	uint32_t i =
		(uint32_t)(a->ip[12] - 11) | (uint32_t)a->ip[13] << 6 | (uint32_t)a->ip[14] << 14;

	if (i < w->count && kith_addr_equal(&w->node[i].addr, a))
		return i;
	for (i = 0; i < w->count; i++)
		if (kith_addr_equal(&w->node[i].addr, a))
			return i;
	return UINT32_MAX;
}

static void drain(struct world *w, uint32_t i)
{
	struct node *n = &w->node[i];
	struct kith_dgram_out out;
	struct kith_dht_event e;
	kith_time due;

	while (kith_dht_output(n->dht, &out, w->now)) {
		uint32_t to = find(w, &out.remote);
		struct flight f = {.to = to, .from = i, .len = out.len};

		w->datagrams++;
		w->bytes += out.len;
		if (w->on_send != NULL && !w->on_send(w, i, &out))
			continue;
		if (to == UINT32_MAX || test_random(&w->random) % 1000 < w->loss_permille)
			continue;
		f.at = w->now + latency(w, i, to);
		f.data = kith_alloc_copy(NULL, out.data, out.len);
		CHECK(f.data != NULL);
		push(w, f);
	}
	while (kith_dht_event(n->dht, &e)) {
		n->last[e.kind] = e;
		n->last_at[e.kind] = w->now;
		n->events[e.kind]++;
		if (e.kind == KITH_DHT_READY && n->ready_at == 0)
			n->ready_at = w->now;
		if (e.record != NULL)
			memcpy(n->record, e.record, KITH_RECORD);
		if (w->on_event != NULL)
			w->on_event(w, i, &e);
	}
	due = kith_dht_deadline(n->dht);
	if (due != KITH_NEVER && (n->wake <= w->now || due < n->wake)) {
		n->wake = due > w->now ? due : w->now;
		push(w, (struct flight){.at = n->wake, .to = i});
	}
}

void world_kick(struct world *w, uint32_t i)
{
	drain(w, i);
}

void world_run(struct world *w, kith_time until)
{
	while (w->flights != 0 && w->heap[0].at <= until) {
		struct flight f = pop(w);
		struct node *n = &w->node[f.to];

		w->now = f.at > w->now ? f.at : w->now;
		if (!n->dead && f.data != NULL) {
			struct kith_dgram_in in = {.remote = w->node[f.from].addr,
						   .local = n->addr,
						   .data = f.data,
						   .len = f.len};

			(void)kith_dht_input(n->dht, &in, w->now);
			drain(w, f.to);
		} else if (!n->dead && f.at == n->wake) {
			n->wake = 0;
			if (w->now >= kith_dht_deadline(n->dht))
				kith_dht_tick(n->dht, w->now);
			drain(w, f.to);
		}
		kith_alloc_free(NULL, f.data);
	}
	w->now = until > w->now ? until : w->now;
}

uint32_t world_add(struct world *w, enum kith_dht_mode mode, uint32_t network,
		   const struct kith_addr *addr, uint8_t services)
{
	uint32_t i = (uint32_t)w->count++;
	struct node *n = &w->node[i];

	CHECK(w->count <= w->cap);
	if (w->book == NULL)
		w->book = kith_peerbook_new(NULL, 4000000, &w->book_rng);
	n->rng_state = test_random(&w->random);
	n->rng = (struct kith_rng){fill, &n->rng_state};
	/* The number is spread so that the first 16,384 nodes have a /16 each. */
	n->addr = addr != NULL ? *addr
			       : kith_addr_v4((uint8_t)(11 + (i & 63)), (uint8_t)(i >> 6),
					      (uint8_t)(i >> 14), 1, 4000);
	n->cfg.network = network;
	n->cfg.mode = mode;
	n->cfg.services = services;
	n->cfg.params = kith_dht_defaults();
	fill(&n->rng_state, n->cfg.node_secret, 32);
	kith_dh_public(n->key, n->cfg.node_secret);
	n->dht = kith_dht_new(&n->cfg, w->book, &n->rng, w->now);
	CHECK(n->dht != NULL);
	kith_dht_set_clock(n->dht, (uint32_t)((w->epoch + w->now / 1000000u) / 60u), w->now);
	return i;
}

void world_seed(struct world *w, uint32_t a, uint32_t b)
{
	struct kith_dht_seed s = {.addr = w->node[b].addr};

	memcpy(s.key, w->node[b].key, 32);
	CHECK_OK(kith_dht_seed_contact(w->node[a].dht, &s, w->now));
	drain(w, a);
}

void world_kill(struct world *w, uint32_t i)
{
	w->node[i].dead = true;
}

void world_record(uint8_t out[static KITH_RECORD], uint64_t n, uint64_t seq, struct kith_id *key)
{
	uint8_t content[KITH_RECORD_CONTENT] = {0}, seed[32] = {0}, blinded[32];
	struct kith_record_secret s;
	uint64_t state = n ^ 0xfeedu;
	struct kith_rng rng = {fill, &state};
	struct kith_noncer noncer;

	kith_store_u64(seed, n);
	kith_store_u64(content, n);
	memset(&s, 7, sizeof(s));
	kith_store_u64(s.s, n);
	kith_sign_public(s.ik, seed);
	kith_noncer_init(&noncer, &rng);
	CHECK_OK(kith_record_make(out, &s, seed, 20775, seq, content, &noncer));
	CHECK_OK(kith_record_key(&s, 20775, blinded, key));
}
