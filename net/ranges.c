/* SPDX-License-Identifier: ISC */
/*
 * Sets of byte or packet numbers as sorted, disjoint, half-open intervals that never touch.
 * Small counts (losses in one message or stream), hence an array and not a tree.
 */
#include "net/codec.h"

#include <string.h>

/* The first interval that ends at or beyond `x`. */
static size_t first_ending(const struct ranges *r, uint64_t x)
{
	size_t low = 0;
	size_t high = r->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (r->v[mid].end >= x)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static int open_gap(struct ranges *r, const struct kith_alloc *a, size_t at, size_t max)
{
	void *array = r->v;
	int status = kith_alloc_grow(a, &array, &r->cap, r->count + 1, max, sizeof(*r->v));

	if (status != KITH_OK)
		return status;
	r->v = array;
	memmove(r->v + at + 1, r->v + at, (r->count - at) * sizeof(*r->v));
	r->count++;
	return KITH_OK;
}

static void close_gap(struct ranges *r, size_t at, size_t count)
{
	memmove(r->v + at, r->v + at + count, (r->count - at - count) * sizeof(*r->v));
	r->count -= count;
}

int kith__net_ranges_add(struct ranges *r, const struct kith_alloc *a, uint64_t low, uint64_t end,
			 size_t max)
{
	size_t at = first_ending(r, low);
	size_t last = at;

	if (low >= end)
		return KITH_OK;
	if (at == r->count || r->v[at].low > end) {
		int status = open_gap(r, a, at, max);

		if (status == KITH_OK)
			r->v[at] = (struct range){low, end};
		return status;
	}
	while (last + 1 < r->count && r->v[last + 1].low <= end)
		last++;
	if (low < r->v[at].low)
		r->v[at].low = low;
	r->v[at].end = end > r->v[last].end ? end : r->v[last].end;
	if (last > at)
		close_gap(r, at + 1, last - at);
	return KITH_OK;
}

int kith__net_ranges_remove(struct ranges *r, const struct kith_alloc *a, uint64_t low,
			    uint64_t end, size_t max)
{
	size_t at = first_ending(r, low);

	if (low >= end)
		return KITH_OK;
	if (at < r->count && r->v[at].low < low && r->v[at].end > end) {
		int status = open_gap(r, a, at, max);

		if (status != KITH_OK)
			return status;
		r->v[at].end = low;
		r->v[at + 1].low = end;
		return KITH_OK;
	}
	if (at < r->count && r->v[at].low < low) {
		if (r->v[at].end > low)
			r->v[at].end = low;
		at++;
	} else if (at < r->count && r->v[at].end == low) {
		at++;
	}
	while (at < r->count && r->v[at].end <= end)
		close_gap(r, at, 1);
	if (at < r->count && r->v[at].low < end)
		r->v[at].low = end;
	return KITH_OK;
}

bool kith__net_ranges_cover(const struct ranges *r, uint64_t low, uint64_t end)
{
	size_t at = first_ending(r, end);

	return low >= end || (at < r->count && r->v[at].low <= low);
}

uint64_t kith__net_ranges_sum(const struct ranges *r)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < r->count; i++)
		sum += r->v[i].end - r->v[i].low;
	return sum;
}

void kith__net_ranges_free(struct ranges *r, const struct kith_alloc *a)
{
	kith_alloc_free(a, r->v);
	*r = (struct ranges){0};
}
