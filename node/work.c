/* SPDX-License-Identifier: ISC */
/*
 * Work for the bulk lane: stamps, the proof of work of a request, knock matching.
 *
 * A FIFO of jobs; the first one is the worker's while n->job_busy, and then nobody else touches it.
 * A job's run function sees its own memory only: no node, no randomness, no clock. Long searches
 * run in chunks of CHUNK tries and go to the end of the queue in between, so that a dear request
 * does not hold up cheap stamps and the node can stop between two chunks.
 *
 * Knocks (crypto.md 4): the 16,384 slots of (S, ML, day) are derived one by one and looked up in
 * the listed tags, sorted before: no choice of tags makes that slow.
 */
#include <stdlib.h>
#include <string.h>

#include "node/internal.h"

#define CHUNK 65536u /* tries per run: about 40 ms */
#define SLOTS 16384u /* knock slots of a day (crypto.md 4) */

struct place {
	uint8_t tag[16];
	uint32_t index;
};

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
	uint8_t (*tags)[16];
	struct place *sorted;
	size_t count;
	uint16_t *slot; /* hits */
	uint32_t *index;
	size_t hits;
};

static int by_tag(const void *pa, const void *pb)
{
	const struct place *a = pa;
	const struct place *b = pb;
	int order = memcmp(a->tag, b->tag, sizeof(a->tag));

	if (order != 0)
		return order;
	return a->index < b->index ? -1 : a->index > b->index;
}

/* The listed place of `tag`, or NULL. */
static const struct place *find(const struct kith_work *w, const uint8_t tag[static 16])
{
	size_t lo = 0;
	size_t hi = w->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (memcmp(w->sorted[mid].tag, tag, 16) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == w->count || memcmp(w->sorted[lo].tag, tag, 16) != 0)
		return NULL;
	return &w->sorted[lo];
}

static void run_knocks(struct kith_work *w)
{
	uint8_t tag[16];
	uint8_t wrap[32];
	uint32_t slot;

	qsort(w->sorted, w->count, sizeof(*w->sorted), by_tag);
	for (slot = 0; slot < SLOTS && w->hits < w->count; slot++) {
		const struct place *p;

		kith__request_place(tag, wrap, w->key, w->day, (uint16_t)slot, w->ml);
		p = find(w, tag);
		if (p == NULL)
			continue;
		w->slot[w->hits] = (uint16_t)slot;
		w->index[w->hits++] = p->index;
	}
	kith_wipe(wrap, sizeof(wrap));
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
	case KITH_WORK_KNOCKS:
		run_knocks(w);
		break;
	}
	job->status = KITH_OK;
}

static void work_free(struct kith_node *n, struct kith_work *w)
{
	if (w == NULL)
		return;
	kith_alloc_free(n->alloc, w->tags);
	kith_alloc_free(n->alloc, w->sorted);
	kith_alloc_free(n->alloc, w->slot);
	kith_alloc_free(n->alloc, w->index);
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

/* Room for the tags and their hits. */
static int knocks_room(struct kith_node *n, struct kith_work *w, size_t count)
{
	w->tags = kith_alloc_zero(n->alloc, count, sizeof(*w->tags));
	w->sorted = kith_alloc_zero(n->alloc, count, sizeof(*w->sorted));
	w->slot = kith_alloc_zero(n->alloc, count, sizeof(*w->slot));
	w->index = kith_alloc_zero(n->alloc, count, sizeof(*w->index));
	return w->tags != NULL && w->sorted != NULL && w->slot != NULL && w->index != NULL ?
		       KITH_OK :
		       KITH_E_NOMEM;
}

int kith__work_knocks(struct kith_node *n, const struct kith_work_knocks *k, kith_work_fn fn,
		      uint64_t a, uint64_t b)
{
	struct kith_work *w;
	int status;
	size_t i;

	KITH_ASSERT(k->count > 0 && k->count <= KITH_MBOX_LIST_MAX);
	status = make(n, KITH_WORK_KNOCKS, &w);
	if (status != KITH_OK)
		return status;
	status = knocks_room(n, w, k->count);
	if (status != KITH_OK) {
		work_free(n, w);
		return status;
	}
	memcpy(w->key, k->s, 32);
	memcpy(w->ml, k->ml, 32);
	w->day = k->day;
	w->count = k->count;
	memcpy(w->tags, k->tags, k->count * sizeof(*w->tags));
	for (i = 0; i < k->count; i++) {
		memcpy(w->sorted[i].tag, k->tags[i], 16);
		w->sorted[i].index = (uint32_t)i;
	}
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

size_t kith__work_hits(const struct kith_work *w, const uint16_t **slot, const uint32_t **tag_index,
		       const uint8_t (**tags)[16])
{
	KITH_ASSERT(w->kind == KITH_WORK_KNOCKS && w->done);
	*slot = w->slot;
	*tag_index = w->index;
	*tags = (const uint8_t(*)[16])w->tags;
	return w->hits;
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
