/* SPDX-License-Identifier: ISC */
/*
 * The event queue: a binary heap over the total key (time, dst, src, seq).
 */
#include <string.h>

#include "base/alloc.h"
#include "sim/sim.h"

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	if (a->at != b->at)
		return a->at < b->at;
	if (a->dst != b->dst)
		return a->dst < b->dst;
	if (a->src != b->src)
		return a->src < b->src;
	return a->seq < b->seq;
}

void sim_queue_push(struct sim_queue *q, const struct sim_event *e)
{
	void *heap = q->heap;
	size_t i = q->count;

	KITH_ASSERT(kith_alloc_grow(NULL, &heap, &q->cap, q->count + 1, SIZE_MAX / sizeof(*e),
				    sizeof(*e)) == KITH_OK);
	q->heap = heap;
	q->count++;
	while (i > 0 && before(e, &q->heap[(i - 1) / 2])) {
		q->heap[i] = q->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	q->heap[i] = *e;
}

bool sim_queue_pop(struct sim_queue *q, struct sim_event *e)
{
	struct sim_event last;
	size_t i = 0;
	size_t child;

	if (q->count == 0)
		return false;
	*e = q->heap[0];
	last = q->heap[--q->count];
	while ((child = 2 * i + 1) < q->count) {
		if (child + 1 < q->count && before(&q->heap[child + 1], &q->heap[child]))
			child++;
		if (!before(&q->heap[child], &last))
			break;
		q->heap[i] = q->heap[child];
		i = child;
	}
	q->heap[i] = last;
	return true;
}

void sim_queue_free(struct sim_queue *q)
{
	size_t i;

	for (i = 0; i < q->count; i++)
		kith_alloc_free(NULL, q->heap[i].data);
	kith_alloc_free(NULL, q->heap);
	memset(q, 0, sizeof(*q));
}
