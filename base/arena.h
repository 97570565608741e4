/* SPDX-License-Identifier: ISC */
/*
 * Locked memory for secrets: 64 KiB slabs (mlock, excluded from core dumps), cut into cells of one
 * size class each (32, 64, 128, 256, 512, 1,024, 2,816, 4,096, 8,192 B). Cells are zero when handed
 * out and wiped when given back. Where the lock limit is reached the slab stays unlocked and
 * kith_arena_unlocked() counts it, so that `kith status` can say so.
 */
#ifndef KITH_BASE_ARENA_H
#define KITH_BASE_ARENA_H

#include "base/status.h"
#include "base/types.h"

struct kith_arena;

struct kith_arena *kith_arena_new(void);    /* NULL: no memory */
void kith_arena_free(struct kith_arena *a); /* wipes everything; NULL is legal */
/* A zeroed cell of at least `size` bytes (1..8,192), or NULL. */
void *kith_arena_get(struct kith_arena *a, size_t size) KITH_MUST_USE;
/* Wipes and takes back a cell; NULL is legal. */
void kith_arena_put(struct kith_arena *a, void *cell);
size_t kith_arena_unlocked(const struct kith_arena *a); /* bytes that could not be locked */

#endif
