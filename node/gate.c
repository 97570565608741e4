/* SPDX-License-Identifier: ISC */
/*
 * The gate: whatever rests on a write waits here until the batch that holds the write is durable
 * (architecture.md 4). Entries are a FIFO because batches commit in the order they are opened.
 * A failed commit opens nothing: the store keeps the batch and the entries stay.
 */
#include "node/internal.h"

uint64_t kith__open_batch(const struct kith_node *n)
{
	return kith_store_open_batch(n->account);
}

bool kith__durable(const struct kith_node *n, uint64_t batch)
{
	return batch <= kith_store_committed(n->account);
}

bool kith__gate_full(const struct kith_node *n)
{
	return n->gate.count >= KITH_GATE_MAX || kith_store_full(n->account) ||
	       kith_store_state(n->account) != KITH_STORE_OK ||
	       (n->mailbox != NULL && kith_store_full(n->mailbox));
}

/* The batch that everything changed so far rests on: the open one unless it is empty. */
static uint64_t resting_batch(const struct kith_node *n)
{
	uint64_t open = kith__open_batch(n);

	return n->open_ops > 0 || n->dirties > 0 ? open : open - 1;
}

void kith__gate(struct kith_node *n, kith_gate_fn fn, uint64_t a, uint64_t b)
{
	struct kith_gate *g = &n->gate;
	uint64_t batch = resting_batch(n);
	struct kith_gated *e;

	if (g->count == 0 && kith__durable(n, batch)) {
		fn(n, a, b);
		return;
	}
	if (g->count == g->cap) {
		size_t cap = g->cap == 0 ? 64 : g->cap * 2;
		struct kith_gated *next = kith_alloc_zero(n->alloc, cap, sizeof(*next));
		size_t i;

		KITH_ASSERT(next != NULL); /* nothing may be dropped here: stop before lying */
		for (i = 0; i < g->count; i++)
			next[i] = g->entry[(g->head + i) % g->cap];
		kith_alloc_free(n->alloc, g->entry);
		g->entry = next;
		g->cap = cap;
		g->head = 0;
	}
	e = &g->entry[(g->head + g->count) % g->cap];
	g->count++;
	e->batch = batch;
	e->fn = fn;
	e->a = a;
	e->b = b;
}

void kith__gate_open(struct kith_node *n)
{
	struct kith_gate *g = &n->gate;

	while (g->count > 0 && kith__durable(n, g->entry[g->head].batch)) {
		struct kith_gated e = g->entry[g->head];

		g->head = (g->head + 1) % g->cap;
		g->count--;
		e.fn(n, e.a, e.b);
	}
}
