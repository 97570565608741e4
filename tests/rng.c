/* SPDX-License-Identifier: ISC */
/* test_rng(): a struct kith_rng over splitmix64. Apart from test.c, because it needs base. */
#include "tests/test.h"

#include "base/engine.h"

#define STREAMS_MAX 64

static void fill(void *ctx, void *dst, size_t len)
{
	uint64_t *state = ctx, word = 0;
	uint8_t *out = dst;

	for (size_t i = 0; i < len; i++) {
		if (i % 8 == 0)
			word = test_random(state);
		out[i] = (uint8_t)(word >> (8 * (i % 8)));
	}
}

struct kith_rng test_rng(uint64_t seed)
{
	static uint64_t states[STREAMS_MAX];
	static unsigned int count;

	CHECK(count < STREAMS_MAX);
	states[count] = seed;
	return (struct kith_rng){.fill = fill, .ctx = &states[count++]};
}
