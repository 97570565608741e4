/* SPDX-License-Identifier: ISC */
#ifndef KITH_BASE_KECCAK_H
#define KITH_BASE_KECCAK_H

#include <stddef.h>
#include <stdint.h>

/* SHA-3 and SHAKE (FIPS 202), for ML-KEM only: everything else in Kith hashes with BLAKE2b.
 * Time depends on lengths, never on contents. */

enum {
	KITH_SHAKE128_RATE = 168, /* bytes per permutation, FIPS 202 6.2: (1600 - 2 * 128) / 8 */
	KITH_SHAKE256_RATE = 136,
	KITH_SHA3_256_RATE = 136,
	KITH_SHA3_512_RATE = 72,
};

/* The 5 x 5 lanes of the state, lane (x, y) at index x + 5 y. Source: FIPS 202 3.1.2. */
struct kith_keccak {
	uint64_t lane[25];
};

/* An extendable-output function: absorb any number of times, finalize once, squeeze any number of
 * times. Plain memory, may be copied; wipe it when secrets went in. */
struct kith_shake {
	struct kith_keccak state;
	size_t rate;
	size_t used; /* bytes of the current block absorbed, or given out */
};

/* Apply Keccak-f[1600], 24 rounds, in place. Source: FIPS 202 3.3. */
void kith_keccak_permute(struct kith_keccak *k);

/* Hash `len` bytes at `in`. Source: FIPS 202 6.1. Wipes its state. */
void kith_sha3_256(uint8_t out[static 32], const uint8_t *in, size_t len);

/* As kith_sha3_256, with 64 bytes of output. Source: FIPS 202 6.1. */
void kith_sha3_512(uint8_t out[static 64], const uint8_t *in, size_t len);

/* Absorb `len` bytes and give `out_len`, in one call. Source: FIPS 202 6.2. Wipes its state. */
void kith_shake128(uint8_t *out, size_t out_len, const uint8_t *in, size_t len);

/* As kith_shake128, at the 256-bit level. Source: FIPS 202 6.2. */
void kith_shake256(uint8_t *out, size_t out_len, const uint8_t *in, size_t len);

/* Start an empty SHAKE128 in caller's memory. */
void kith_shake128_init(struct kith_shake *s);

/* Start an empty SHAKE256 in caller's memory. */
void kith_shake256_init(struct kith_shake *s);

/* Add `len` bytes to the input; only before kith_shake_finalize. */
void kith_shake_absorb(struct kith_shake *s, const uint8_t *in, size_t len);

/* End the input: suffix 1111 and padding (FIPS 202 6.2, 5.1). Exactly once. */
void kith_shake_finalize(struct kith_shake *s);

/* Give the next `len` bytes of output; only after kith_shake_finalize. */
void kith_shake_squeeze(struct kith_shake *s, uint8_t *out, size_t len);

/* Zero the state. */
void kith_shake_wipe(struct kith_shake *s);

#endif
