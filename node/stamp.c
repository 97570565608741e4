/* SPDX-License-Identifier: ISC */
/*
 * Stamps of kind 3, hashcash: work that binds one tag, one blob, one mailbox and one hour, so that
 * a mailbox needs no table of spent ones (crypto.md 8). A brake, not a wall.
 *
 *	q = H("st.pow", ML | tag | BLAKE2b-256(blob) | u64 hour)
 *	stamp = nonce 16 | zeros 48, KDF(q, "st.hash", nonce) with leading zero bits
 */
#include "node/proto.h"

#include <string.h>

#define NONCE 16u
#define STAMP 64u

void kith__stamp_seed(uint8_t q[static 32], const uint8_t ml[static 32],
		      const uint8_t tag[static 16], const uint8_t *blob, size_t blob_len,
		      uint64_t hour)
{
	uint8_t in[32 + 16 + 32 + 8];

	memcpy(in, ml, 32);
	memcpy(in + 32, tag, 16);
	kith_blake2b(in + 48, blob, blob_len);
	kith_store_u64(in + 80, hour);
	kith_hash(q, KITH_L_ST_POW, in, sizeof(in));
}

static bool enough(const uint8_t q[32], const uint8_t nonce[NONCE], unsigned bits)
{
	uint8_t h[32];

	kith_kdf(h, q, 32, KITH_L_ST_HASH, nonce, NONCE);
	return kith_leading_zeros(h, bits);
}

bool kith__stamp_search(uint8_t stamp[static 64], uint64_t *tried, uint64_t count,
			const uint8_t q[static 32], unsigned bits)
{
	uint8_t nonce[NONCE] = {0};
	uint64_t i;

	for (i = 0; i < count; i++) {
		kith_store_u64(nonce, (*tried)++);
		if (!enough(q, nonce, bits))
			continue;
		memset(stamp, 0, STAMP);
		memcpy(stamp, nonce, NONCE);
		return true;
	}
	return false;
}

bool kith__stamp_check(const uint8_t stamp[static 64], const uint8_t q[static 32], unsigned bits)
{
	return kith_is_zero(stamp + NONCE, STAMP - NONCE) && enough(q, stamp, bits);
}
