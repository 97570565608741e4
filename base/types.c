/* SPDX-License-Identifier: ISC */
#include "base/types.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/status.h"

const char *kith_status_text(int status)
{
	static const char *const text[] = {
		"ok",        "no memory",     "limit reached", "malformed", "not authentic",
		"not found", "exists",        "wrong state",   "expired",   "input/output error",
		"disk full", "newer version", "locked",
	};

	if (status > 0 || status < KITH_E_LOCKED)
		return "unknown status";
	return text[-status];
}

_Noreturn void kith_assert_fail(const char *what, const char *file, int line)
{
	fprintf(stderr, "kith: assertion failed: %s (%s:%d)\n", what, file, line);
	abort();
}

uint32_t kith_rng_u32(struct kith_rng *rng)
{
	uint32_t v;

	kith_rng_fill(rng, &v, sizeof(v));
	return v;
}

uint64_t kith_rng_u64(struct kith_rng *rng)
{
	uint64_t v;

	kith_rng_fill(rng, &v, sizeof(v));
	return v;
}

uint32_t kith_rng_below(struct kith_rng *rng, uint32_t bound)
{
	uint32_t limit;
	uint32_t v;

	KITH_ASSERT(bound >= 1);
	limit = UINT32_MAX - UINT32_MAX % bound;
	do {
		v = kith_rng_u32(rng);
	} while (v >= limit);
	return v % bound;
}

uint64_t kith_rng_jitter(struct kith_rng *rng, uint64_t value, unsigned pct)
{
	uint64_t span = value / 100u * pct;

	KITH_ASSERT(pct <= 100);
	if (span == 0)
		return value;
	return value - span + kith_rng_u64(rng) % (2u * span + 1u);
}
