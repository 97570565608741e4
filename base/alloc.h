/* SPDX-License-Identifier: ISC */
/*
 * The one way to get memory. A table instead of malloc lets the simulator count and the fault
 * tests make the n-th allocation fail.
 */
#ifndef KITH_BASE_ALLOC_H
#define KITH_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* `resize(ctx, p, size)`: p NULL allocates, size 0 frees (returns NULL), else realloc. */
struct kith_alloc {
	void *(*resize)(void *ctx, void *p, size_t size);
	void *ctx;
};

/* The C heap; used where a config's `alloc` is NULL. */
const struct kith_alloc *kith_alloc_heap(void);

/* `count * size` zeroed bytes, or NULL (no memory, or the product overflows). `a` NULL = heap. */
void *kith_alloc_zero(const struct kith_alloc *a, size_t count, size_t size) KITH_MUST_USE;

/* Grows or shrinks `p` to count * size bytes; new bytes are not set. NULL: `p` is untouched. */
void *kith_alloc_resize(const struct kith_alloc *a, void *p, size_t count, size_t size)
	KITH_MUST_USE;

/* Gives `p` back; NULL is legal. */
void kith_alloc_free(const struct kith_alloc *a, void *p);

/* Wipes a piece of the C heap, whole, and gives it back; NULL is legal. */
void kith_alloc_wipe(void *p);

/* A heap-allocated copy of `len` bytes (one spare byte, zero, behind them); NULL: no memory. */
void *kith_alloc_copy(const struct kith_alloc *a, const void *src, size_t len) KITH_MUST_USE;

/* *out = a * b; false (and *out untouched) when the product does not fit. */
bool kith_mul_size(size_t a, size_t b, size_t *out) KITH_MUST_USE;

/* Makes room for `want` elements of `size` bytes in *array, doubling *cap up to `max`.
 * Errors: KITH_E_FULL (want > max), KITH_E_NOMEM; *array and *cap are then untouched. */
int kith_alloc_grow(const struct kith_alloc *a, void **array, size_t *cap, size_t want, size_t max,
		    size_t size) KITH_MUST_USE;

#endif
