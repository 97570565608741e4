/* SPDX-License-Identifier: ISC */
/*
 * Who waits for which store result. Tokens ascend and results come nearly in that order, so the
 * list is a queue and a search begins at its head.
 */
#include "node/msgs.h"

#define EXPECTS_MAX 16384u /* two batches of operations with a token each, and reads */
#define READS_SHARE 24u    /* of the reads of one batch; the rest is for the calls of users */

struct waiting {
	uint32_t token; /* 0 = answered */
	kith_store_fn fn;
	uint64_t a, b;
};

struct kith_expects {
	struct waiting *entry;
	size_t head, count, cap; /* entry[head .. head + count) */
	uint64_t read_batch;     /* reads put into this batch: */
	unsigned reads;
};

static void room(struct kith_node *n, struct kith_expects *e)
{
	void *entry = e->entry;
	size_t i;

	if (e->head > 0 && e->head + e->count == e->cap) {
		for (i = 0; i < e->count; i++)
			e->entry[i] = e->entry[e->head + i];
		e->head = 0;
	}
	if (e->count < e->cap)
		return;
	/* The gate stops input long before: nothing may be forgotten here. */
	if (kith_alloc_grow(n->alloc, &entry, &e->cap, e->count + 1, EXPECTS_MAX,
			    sizeof(*e->entry)) != KITH_OK)
		KITH_ASSERT(false);
	e->entry = entry;
}

uint32_t kith__expect(struct kith_node *n, kith_store_fn fn, uint64_t a, uint64_t b)
{
	struct kith_expects *e;

	if (n->expects == NULL)
		n->expects = kith_alloc_zero(n->alloc, 1, sizeof(*n->expects));
	e = n->expects;
	KITH_ASSERT(e != NULL);
	room(n, e);
	if (++n->next_token == 0)
		n->next_token = 1;
	e->entry[e->head + e->count] = (struct waiting){n->next_token, fn, a, b};
	e->count++;
	return n->next_token;
}

bool kith__read_room(struct kith_node *n)
{
	struct kith_expects *e = n->expects;
	uint64_t batch = kith__open_batch(n);

	if (e == NULL)
		return true;
	if (e->read_batch != batch) {
		e->read_batch = batch;
		e->reads = 0;
	}
	return e->reads++ < READS_SHARE;
}

bool kith__expect_result(struct kith_node *n, struct kith_store_result *r)
{
	struct kith_expects *e = n->expects;
	struct waiting w = {0};
	size_t i;

	if (e == NULL || r->token == 0)
		return false;
	for (i = e->head; i < e->head + e->count && w.token == 0; i++) {
		if (e->entry[i].token == r->token) {
			w = e->entry[i];
			e->entry[i].token = 0;
		}
	}
	while (e->count > 0 && e->entry[e->head].token == 0) {
		e->head++;
		e->count--;
	}
	if (e->count == 0)
		e->head = 0;
	if (w.token == 0)
		return false;
	w.fn(n, w.a, w.b, r);
	return true;
}

void kith__expect_free(struct kith_node *n)
{
	if (n->expects == NULL)
		return;
	kith_alloc_free(n->alloc, n->expects->entry);
	kith_alloc_free(n->alloc, n->expects);
	n->expects = NULL;
}
