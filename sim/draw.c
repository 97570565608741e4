/* SPDX-License-Identifier: ISC */
/*
 * Counter-based draws of the world: SipHash over (purpose, a, b, n) under a key from the seed.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/map.h"
#include "sim/sim.h"

void sim_draw_init(struct sim_draw *d, uint64_t seed)
{
	uint8_t in[8];
	uint8_t out[32];

	kith_store_u64(in, seed);
	kith_blake2b(out, in, sizeof(in));
	memcpy(d->key, out, sizeof(d->key));
}

uint64_t sim_draw(const struct sim_draw *d, enum sim_purpose p, uint32_t a, uint32_t b, uint64_t n)
{
	uint8_t in[20];

	kith_store_u32(in, (uint32_t)p);
	kith_store_u32(in + 4, a);
	kith_store_u32(in + 8, b);
	kith_store_u64(in + 12, n);
	return kith_siphash(d->key, in, sizeof(in));
}

uint32_t sim_draw_below(const struct sim_draw *d, enum sim_purpose p, uint32_t a, uint32_t b,
			uint64_t n, uint32_t bound)
{
	return bound == 0 ? 0 : (uint32_t)(sim_draw(d, p, a, b, n) % bound);
}

bool sim_draw_ppm(const struct sim_draw *d, enum sim_purpose p, uint32_t a, uint32_t b, uint64_t n,
		  uint32_t ppm)
{
	return ppm != 0 && sim_draw(d, p, a, b, n) % 1000000u < ppm;
}
