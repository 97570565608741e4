/* SPDX-License-Identifier: ISC */
/*
 * Work for the bulk lane: stamps, the proof of work of a request, knock matching.
 *
 * A FIFO of jobs; the first one is the worker's while n->job_busy, and then nobody else touches it.
 * A job's run function sees its own memory only: no node, no randomness, no clock. Long searches
 * run in chunks of CHUNK tries and go to the end of the queue in between, so that a dear request
 * does not hold up cheap stamps and the node can stop between two chunks.
 *
 * Knocks (crypto.md 4): the tags of the 16,384 slots of (S, ML, day), once, as a sorted table of
 * 18 bits of tag and 14 bits of slot. Against it mbox_knocks.c holds what is listed and pushed: a
 * tag of somebody else costs a search in 64 KiB, and in one of sixteen cases one derivation.
 */
#include <stdlib.h>
#include <string.h>

#include "node/internal.h"

#define CHUNK 65536u /* tries per run: about 40 ms */

struct kith_work {
	struct kith_job job; /* first: the driver's handle */
	struct kith_work *next;
	enum kith_work_kind kind;
	kith_work_fn fn;
	uint64_t a, b;
	bool done;
	unsigned bits;
	uint64_t tried, day;
	uint8_t key[32]; /* q, IK_B or S */
	uint8_t ml[32], digest[32], stamp[64];
	uint32_t *table; /* knocks: KITH_KNOCK_SLOTS entries, ascending */
};

static int by_value(const void *pa, const void *pb)
{
	const uint32_t *a = pa;
	const uint32_t *b = pb;

	return *a < *b ? -1 : *a > *b;
}

static uint32_t entry(const uint8_t tag[static 16], uint32_t slot)
{
	return (kith_load_u32(tag) & ~(KITH_KNOCK_SLOTS - 1)) | slot;
}

static void run_knocks(struct kith_work *w)
{
	uint8_t tag[16];
	uint32_t slot;

	for (slot = 0; slot < KITH_KNOCK_SLOTS; slot++) {
		kith__request_tag(tag, w->key, w->day, (uint16_t)slot, w->ml);
		w->table[slot] = entry(tag, slot);
	}
	qsort(w->table, KITH_KNOCK_SLOTS, sizeof(*w->table), by_value);
	w->done = true;
}

static void run(struct kith_job *job)
{
	void *self = job;
	struct kith_work *w = self;

	switch (w->kind) {
	case KITH_WORK_STAMP:
		w->done = kith__stamp_search(w->stamp, &w->tried, CHUNK, w->key, w->bits);
		break;
	case KITH_WORK_REQUEST:
		w->done = kith__request_work_search(&w->tried, CHUNK, w->key, w->ml, w->day,
						    w->digest, w->bits);
		break;
	case KITH_WORK_KNOCKS: run_knocks(w); break;
	}
	job->status = KITH_OK;
}

void kith__knock_table_free(struct kith_node *n, uint32_t *table)
{
	if (table == NULL)
		return;
	kith_wipe(table, KITH_KNOCK_SLOTS * sizeof(*table));
	kith_alloc_free(n->alloc, table);
}

static void work_free(struct kith_node *n, struct kith_work *w)
{
	if (w == NULL)
		return;
	kith__knock_table_free(n, w->table);
	kith_wipe(w, sizeof(*w));
	kith_alloc_free(n->alloc, w);
}

static void append(struct kith_node *n, struct kith_work *w)
{
	struct kith_work **end = &n->work_first;

	while (*end != NULL)
		end = &(*end)->next;
	w->next = NULL;
	*end = w;
}

static size_t queued(const struct kith_node *n)
{
	const struct kith_work *w;
	size_t count = 0;

	for (w = n->work_first; w != NULL; w = w->next)
		count++;
	return count;
}

static int make(struct kith_node *n, enum kith_work_kind kind, struct kith_work **out)
{
	struct kith_work *w;

	if (queued(n) >= KITH_WORK_JOBS_MAX)
		return KITH_E_FULL;
	w = kith_alloc_zero(n->alloc, 1, sizeof(*w));
	if (w == NULL)
		return KITH_E_NOMEM;
	w->job.run = run;
	w->job.lane = KITH_LANE_BULK;
	w->kind = kind;
	*out = w;
	return KITH_OK;
}

static void give(struct kith_node *n, struct kith_work *w, kith_work_fn fn, uint64_t a, uint64_t b)
{
	w->fn = fn;
	w->a = a;
	w->b = b;
	append(n, w);
}

int kith__work_stamp(struct kith_node *n, const uint8_t q[static 32], unsigned bits,
		     kith_work_fn fn, uint64_t a, uint64_t b)
{
	struct kith_work *w;
	int status = make(n, KITH_WORK_STAMP, &w);

	if (status != KITH_OK)
		return status;
	memcpy(w->key, q, 32);
	w->bits = bits;
	give(n, w, fn, a, b);
	return KITH_OK;
}

int kith__work_request(struct kith_node *n, const struct kith_work_request *q, kith_work_fn fn,
		       uint64_t a, uint64_t b)
{
	struct kith_work *w;
	int status = make(n, KITH_WORK_REQUEST, &w);

	if (status != KITH_OK)
		return status;
	memcpy(w->key, q->ik_b, 32);
	memcpy(w->ml, q->ml, 32);
	memcpy(w->digest, q->digest, 32);
	w->day = q->day;
	w->bits = q->bits;
	give(n, w, fn, a, b);
	return KITH_OK;
}

int kith__work_knocks(struct kith_node *n, const struct kith_work_knocks *k, kith_work_fn fn,
		      uint64_t a, uint64_t b)
{
	struct kith_work *w;
	int status = make(n, KITH_WORK_KNOCKS, &w);

	if (status != KITH_OK)
		return status;
	w->table = kith_alloc_zero(n->alloc, KITH_KNOCK_SLOTS, sizeof(*w->table));
	if (w->table == NULL) {
		work_free(n, w);
		return KITH_E_NOMEM;
	}
	memcpy(w->key, k->s, 32);
	memcpy(w->ml, k->ml, 32);
	w->day = k->day;
	give(n, w, fn, a, b);
	return KITH_OK;
}

bool kith__work_job(struct kith_node *n, struct kith_job **out)
{
	if (n->job_busy || n->work_first == NULL)
		return false;
	n->job_busy = true;
	*out = &n->work_first->job;
	return true;
}

bool kith__work_done(struct kith_node *n, struct kith_job *job)
{
	struct kith_work *w = n->work_first;

	if (!n->job_busy || w == NULL || job != &w->job)
		return false;
	n->job_busy = false;
	n->work_first = w->next;
	if (!w->done) {
		append(n, w);
		return true;
	}
	w->fn(n, w->a, w->b, w);
	work_free(n, w);
	return true;
}

const uint8_t *kith__work_stamp_result(const struct kith_work *w)
{
	KITH_ASSERT(w->kind == KITH_WORK_STAMP && w->done);
	return w->stamp;
}

uint64_t kith__work_nonce(const struct kith_work *w)
{
	KITH_ASSERT(w->kind == KITH_WORK_REQUEST && w->done);
	return w->tried;
}

uint32_t *kith__work_table(struct kith_work *w)
{
	uint32_t *table = w->table;

	KITH_ASSERT(w->kind == KITH_WORK_KNOCKS && w->done);
	w->table = NULL;
	return table;
}

bool kith__knock_slot(const uint32_t *table, const struct kith_work_knocks *k,
		      const uint8_t tag[static 16], uint16_t *slot)
{
	const uint32_t first = entry(tag, 0);
	size_t lo = 0;
	size_t hi = KITH_KNOCK_SLOTS;
	uint8_t full[16];

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (table[mid] < first)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < KITH_KNOCK_SLOTS && entry(tag, table[lo] % KITH_KNOCK_SLOTS) == table[lo];
	     lo++) {
		*slot = (uint16_t)(table[lo] % KITH_KNOCK_SLOTS);
		kith__request_tag(full, k->s, k->day, *slot, k->ml);
		if (kith_equal(full, tag, sizeof(full)))
			return true;
	}
	return false;
}

void kith__work_free(struct kith_node *n)
{
	n->job_busy = false; /* the driver has joined its workers: no job runs any more */
	while (n->work_first != NULL) {
		struct kith_work *w = n->work_first;

		n->work_first = w->next;
		work_free(n, w);
	}
}
