/* SPDX-License-Identifier: ISC */
#include "base/arena.h"

#include <string.h>

#include "base/crypto.h"
#include "base/limits.h"
#include "tests/test.h"

static const size_t sizes[] = {32, 64, 128, 256, 512, 1024, 2816, 4096, 8192};

TEST(arena_zero_and_wiped)
{
	struct kith_arena *a = kith_arena_new();
	size_t i, j;

	CHECK(a != NULL);
	for (i = 0; i < 8; i++) {
		uint8_t *cell = kith_arena_get(a, sizes[i]);
		uint8_t *again;

		CHECK(cell != NULL);
		CHECK_EQ((uintptr_t)cell % 32, 0);
		CHECK(kith_is_zero(cell, sizes[i]));
		memset(cell, 0xa5, sizes[i]);
		kith_arena_put(a, cell);
		CHECK(kith_is_zero(cell, sizes[i])); /* the slab stays mapped */
		again = kith_arena_get(a, sizes[i]);
		CHECK(again == cell);
		for (j = 0; j < sizes[i]; j++)
			CHECK_EQ(again[j], 0);
	}
	kith_arena_put(a, NULL);
	kith_arena_free(a);
	kith_arena_free(NULL);
}

TEST(arena_cells_do_not_overlap)
{
	struct kith_arena *a = kith_arena_new();
	uint8_t *cell[300];
	uint64_t state = test_seed();
	size_t size[300], i;
	int round;

	CHECK(a != NULL);
	memset(cell, 0, sizeof(cell));
	for (round = 0; round < 20000; round++) {
		i = (size_t)(test_random(&state) % 300);
		if (cell[i] != NULL) {
			CHECK_EQ(cell[i][0], (uint8_t)i);
			CHECK_EQ(cell[i][size[i] - 1], (uint8_t)(i + 1));
			kith_arena_put(a, cell[i]);
			cell[i] = NULL;
			continue;
		}
		size[i] = 2 + (size_t)(test_random(&state) % 3000);
		cell[i] = kith_arena_get(a, size[i]);
		CHECK(cell[i] != NULL);
		CHECK(kith_is_zero(cell[i], size[i]));
		cell[i][0] = (uint8_t)i;
		cell[i][size[i] - 1] = (uint8_t)(i + 1);
	}
	CHECK_EQ(kith_arena_unlocked(a) % 65536, 0);
	kith_arena_free(a);
}

TEST(arena_refuses_sizes)
{
	struct kith_arena *a = kith_arena_new();

	CHECK(a != NULL);
	CHECK(kith_arena_get(a, 0) == NULL);
	CHECK(kith_arena_get(a, 8193) == NULL);
	CHECK(kith_arena_get(a, SIZE_MAX) == NULL);
	CHECK(kith_arena_get(a, 1) != NULL);
	kith_arena_free(a);
}

TEST(arena_exhaustion)
{
	struct kith_arena *a = kith_arena_new();
	uint8_t *last = NULL, *p;
	size_t count = 0;

	CHECK(a != NULL);
	for (p = kith_arena_get(a, 8192); p != NULL; p = kith_arena_get(a, 8192)) {
		last = p;
		CHECK(++count <= 8 * KITH_ARENA_SLABS_MAX);
	}
	CHECK_EQ(count, 8 * KITH_ARENA_SLABS_MAX);
	CHECK(kith_arena_get(a, 32) == NULL);
	kith_arena_put(a, last);
	CHECK(kith_arena_get(a, 8000) == last);
	kith_arena_free(a);
}
