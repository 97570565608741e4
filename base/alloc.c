/* SPDX-License-Identifier: ISC */
#include "base/alloc.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"

static void *heap_resize(void *ctx, void *p, size_t size)
{
	(void)ctx;
	if (size == 0) {
		free(p);
		return NULL;
	}
	return realloc(p, size);
}

const struct kith_alloc *kith_alloc_heap(void)
{
	static const struct kith_alloc heap = {heap_resize, NULL};

	return &heap;
}

static const struct kith_alloc *or_heap(const struct kith_alloc *a)
{
	return a != NULL ? a : kith_alloc_heap();
}

bool kith_mul_size(size_t a, size_t b, size_t *out)
{
	if (b != 0 && a > SIZE_MAX / b)
		return false;
	*out = a * b;
	return true;
}

void *kith_alloc_zero(const struct kith_alloc *a, size_t count, size_t size)
{
	size_t total;
	void *p;

	if (!kith_mul_size(count, size, &total))
		return NULL;
	if (total == 0)
		total = 1;
	a = or_heap(a);
	p = a->resize(a->ctx, NULL, total);
	if (p != NULL)
		memset(p, 0, total);
	return p;
}

void *kith_alloc_resize(const struct kith_alloc *a, void *p, size_t count, size_t size)
{
	size_t total;

	if (!kith_mul_size(count, size, &total) || total == 0)
		return NULL;
	a = or_heap(a);
	return a->resize(a->ctx, p, total);
}

void kith_alloc_free(const struct kith_alloc *a, void *p)
{
	if (p == NULL)
		return;
	a = or_heap(a);
	(void)a->resize(a->ctx, p, 0);
}

void kith_alloc_wipe(void *p)
{
	if (p != NULL)
		kith_wipe(p, malloc_usable_size(p));
	kith_alloc_free(NULL, p);
}

void *kith_alloc_copy(const struct kith_alloc *a, const void *src, size_t len)
{
	void *p;

	if (len == SIZE_MAX)
		return NULL;
	p = kith_alloc_zero(a, len + 1, 1);
	if (p != NULL && len != 0)
		memcpy(p, src, len);
	return p;
}

int kith_alloc_grow(const struct kith_alloc *a, void **array, size_t *cap, size_t want, size_t max,
		    size_t size)
{
	size_t next = *cap;
	void *p;

	if (want <= *cap)
		return KITH_OK;
	if (want > max)
		return KITH_E_FULL;
	if (next == 0)
		next = 8;
	while (next < want)
		next *= 2;
	if (next > max)
		next = max;
	p = kith_alloc_resize(a, *array, next, size);
	if (p == NULL)
		return KITH_E_NOMEM;
	*array = p;
	*cap = next;
	return KITH_OK;
}
