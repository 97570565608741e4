/* SPDX-License-Identifier: ISC */
/*
 * Locked slabs. A slab is one guarded allocation of libsodium (a page without access on both
 * sides, excluded from core dumps, locked if the limit allows); its book-keeping lies apart on the
 * heap, so an overrun of a cell cannot reach it. A set bit in `used` is a cell in use.
 */
#include "base/arena.h"

#include <sodium.h>
#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"

#define SLAB    65536u
#define CLASSES 9u
#define WORDS   (SLAB / 32u / 64u) /* bits for the smallest cells */

static const size_t cell_size[CLASSES] = {32, 64, 128, 256, 512, 1024, 2816, 4096, 8192};

struct slab {
	struct slab *next;
	uint8_t *memory;
	size_t cell; /* bytes */
	size_t count, in_use;
	bool locked;
	uint64_t used[WORDS];
};

struct kith_arena {
	struct slab *slabs[CLASSES];
	size_t slab_count;
};

struct kith_arena *kith_arena_new(void)
{
	if (sodium_init() < 0) /* page size and guard value; costs nothing after the first time */
		return NULL;
	return kith_alloc_zero(NULL, 1, sizeof(struct kith_arena));
}

static void slab_free(struct slab *s)
{
	sodium_memzero(s->memory, SLAB);
	sodium_free(s->memory);
	kith_alloc_free(NULL, s);
}

void kith_arena_free(struct kith_arena *a)
{
	size_t i;

	if (a == NULL)
		return;
	for (i = 0; i < CLASSES; i++) {
		while (a->slabs[i] != NULL) {
			struct slab *s = a->slabs[i];

			a->slabs[i] = s->next;
			slab_free(s);
		}
	}
	kith_alloc_free(NULL, a);
}

static struct slab *slab_new(struct kith_arena *a, size_t class)
{
	struct slab *s;

	if (a->slab_count >= KITH_ARENA_SLABS_MAX)
		return NULL;
	s = kith_alloc_zero(NULL, 1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->memory = sodium_malloc(SLAB);
	if (s->memory == NULL) {
		kith_alloc_free(NULL, s);
		return NULL;
	}
	s->locked = sodium_mlock(s->memory, SLAB) == 0; /* again, to learn whether it worked */
	memset(s->memory, 0, SLAB);
	s->cell = cell_size[class];
	s->count = SLAB / s->cell;
	s->next = a->slabs[class];
	a->slabs[class] = s;
	a->slab_count++;
	return s;
}

static void *slab_take(struct slab *s)
{
	size_t i;

	for (i = 0; i < s->count; i++) {
		uint64_t bit = (uint64_t)1 << (i % 64);

		if (s->used[i / 64] == UINT64_MAX) {
			i |= 63;
			continue;
		}
		if ((s->used[i / 64] & bit) == 0) {
			s->used[i / 64] |= bit;
			s->in_use++;
			return s->memory + i * s->cell;
		}
	}
	return NULL;
}

void *kith_arena_get(struct kith_arena *a, size_t size)
{
	size_t class = 0;
	struct slab *s;

	if (size == 0 || size > cell_size[CLASSES - 1])
		return NULL;
	while (cell_size[class] < size)
		class ++;
	for (s = a->slabs[class]; s != NULL; s = s->next)
		if (s->in_use < s->count)
			return slab_take(s);
	s = slab_new(a, class);
	return s != NULL ? slab_take(s) : NULL;
}

/* The slab that holds `cell`; a pointer from elsewhere is a programmer error. */
static struct slab *slab_of(struct kith_arena *a, const uint8_t *cell)
{
	struct slab *s;
	size_t i;

	for (i = 0; i < CLASSES; i++)
		for (s = a->slabs[i]; s != NULL; s = s->next)
			if ((uintptr_t)cell - (uintptr_t)s->memory < SLAB)
				return s;
	return NULL;
}

void kith_arena_put(struct kith_arena *a, void *cell)
{
	struct slab *s;
	size_t at;

	if (cell == NULL)
		return;
	s = slab_of(a, cell);
	KITH_ASSERT(s != NULL);
	at = (size_t)((uint8_t *)cell - s->memory);
	KITH_ASSERT(at % s->cell == 0);
	at /= s->cell;
	KITH_ASSERT((s->used[at / 64] >> (at % 64) & 1) == 1);
	sodium_memzero(cell, s->cell);
	s->used[at / 64] &= ~((uint64_t)1 << (at % 64));
	s->in_use--;
}

size_t kith_arena_unlocked(const struct kith_arena *a)
{
	const struct slab *s;
	size_t bytes = 0, i;

	for (i = 0; i < CLASSES; i++)
		for (s = a->slabs[i]; s != NULL; s = s->next)
			bytes += s->locked ? 0 : SLAB;
	return bytes;
}
