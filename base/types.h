/* SPDX-License-Identifier: ISC */
/*
 * Scalars and small value types that every layer shares.
 */
#ifndef KITH_BASE_TYPES_H
#define KITH_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Monotonic time in microseconds. The driver reads it once per turn; engines never read a clock. */
typedef uint64_t kith_time;

#define KITH_NEVER     UINT64_MAX
#define KITH_US_PER_MS 1000u
#define KITH_US_PER_S  1000000u

/* A 256-bit name: node id, record key or Ed25519 identity. Compared as big-endian bytes. */
struct kith_id {
	uint8_t b[32];
};

/* A message id, made by the sender's client: 6 B big-endian ms time, 10 B random. */
struct kith_msgid {
	uint8_t b[16];
};

/* The only source of randomness of an engine. `fill` cannot fail. */
struct kith_rng {
	void (*fill)(void *ctx, void *dst, size_t len);
	void *ctx;
};

/* Fills `dst` from `rng`. */
static inline void kith_rng_fill(struct kith_rng *rng, void *dst, size_t len)
{
	rng->fill(rng->ctx, dst, len);
}

/* A uniformly drawn value below `bound` (bound >= 1). */
uint32_t kith_rng_below(struct kith_rng *rng, uint32_t bound);

/* 32 and 64 random bits. */
uint32_t kith_rng_u32(struct kith_rng *rng);
uint64_t kith_rng_u64(struct kith_rng *rng);

/* `value` varied by up to +-pct percent (pct <= 100), uniformly. For timers. */
uint64_t kith_rng_jitter(struct kith_rng *rng, uint64_t value, unsigned pct);

#endif
