/* SPDX-License-Identifier: ISC */
#ifndef KITH_BASE_KEM768_INTERNAL_H
#define KITH_BASE_KEM768_INTERNAL_H

#include "base/kem768.h"

#include <stddef.h>
#include <stdint.h>

/* What kem768.c, kem768_poly.c and their tests share; nobody else includes it. */

enum {
	KITH__KEM768_Q = 3329,
	KITH__KEM768_N = 256,
	KITH__KEM768_K = 3,
	KITH__KEM768_POLY_BYTES = 384, /* 256 coefficients of 12 bits */
	KITH__KEM768_U_BYTES = 320,    /* d_u = 10 bits each */
	KITH__KEM768_V_BYTES = 128,    /* d_v = 4 bits each */
};

/* A polynomial mod q. In normal form coefficient i is c[i]; in NTT form FIPS 203's coefficient i is
 * c[16 (i mod 16) + i / 16]: the transpose of a 16 x 16 square, so that every step of the NTT and
 * of the product works on whole rows. Signed representatives, range as each function says. */
struct kith__poly {
	int16_t c[KITH__KEM768_N];
};

/* One factor in NTT form, prepared for kith__kem768_mul_add: b itself, its odd coefficients times
 * gamma (FIPS 203 algorithm 12), and both times q^-1 mod 2^16. */
struct kith__poly_factor {
	int16_t b[KITH__KEM768_N], bq[KITH__KEM768_N];
	int16_t g[KITH__KEM768_N / 2], gq[KITH__KEM768_N / 2];
};

/* round(2^d x / q) mod 2^d for 0 <= x < q, d <= 10, without division: 5160670 = ceil(2^34 / q) and
 * the numerator is below 2^22, so the quotient is exact. Source: FIPS 203 4.7. */
static inline uint32_t kith__kem768_compress(uint32_t x, unsigned d)
{
	uint64_t n = ((uint64_t)x << d) + (KITH__KEM768_Q - 1) / 2;

	return (uint32_t)((n * 5160670) >> 34) & ((1U << d) - 1);
}

/* Replace each coefficient by its representative in -(q-1)/2 .. (q-1)/2; any input. */
void kith__kem768_reduce(struct kith__poly *p);

/* Normal to NTT form; input |c| <= q, output reduced. Source: FIPS 203 algorithm 9. */
void kith__kem768_ntt(struct kith__poly *p);

/* NTT to normal form, times 2^16 (which undoes the 2^-16 of mul_add); input |c| <= q, output
 * |c| < q. Source: FIPS 203 algorithm 10. */
void kith__kem768_inverse_ntt(struct kith__poly *p);

/* Times 2^16 mod q; any input, output |c| < q. */
void kith__kem768_scale(struct kith__poly *p);

/* Prepare b, |c| <= 4095. */
void kith__kem768_factor(struct kith__poly_factor *f, const struct kith__poly *b);

/* acc += a * f * 2^-16 in NTT form, any a; at most 3 calls from zero, after which |c| < 6 q.
 * Source: FIPS 203 algorithm 11. */
void kith__kem768_mul_add(struct kith__poly *acc, const struct kith__poly *a,
			  const struct kith__poly_factor *f);

/* sum += p, difference -= p, coefficient by coefficient; the caller minds the range. */
void kith__kem768_add(struct kith__poly *sum, const struct kith__poly *p);
void kith__kem768_sub(struct kith__poly *difference, const struct kith__poly *p);

/* Entry (rho | x | y) of the public matrix, NTT form, 0 <= c < q. Its time depends on rho, which
 * is public. Source: FIPS 203 algorithm 7. */
void kith__kem768_sample_uniform(struct kith__poly *p, const uint8_t rho[static 32], uint8_t x,
				 uint8_t y);

/* Noise polynomial number `nonce` of the secret seed, normal form, |c| <= 2.
 * Source: FIPS 203 algorithm 8 over PRF, eta = 2. */
void kith__kem768_sample_noise(struct kith__poly *p, const uint8_t seed[static 32], uint8_t nonce);

/* ByteEncode_12 and ByteDecode_12 of an NTT form; encode takes |c| <= q, decode gives 0 .. 4095.
 * Source: FIPS 203 algorithms 5 and 6. */
void kith__kem768_encode12(uint8_t out[static KITH__KEM768_POLY_BYTES], const struct kith__poly *p);
void kith__kem768_decode12(struct kith__poly *p, const uint8_t in[static KITH__KEM768_POLY_BYTES]);

/* Compress and encode, decode and decompress with 10, 4 and 1 bits per coefficient, normal form;
 * any input, decoded values 0 .. q - 1. Source: FIPS 203 4.7, algorithms 14 and 15. */
void kith__kem768_encode10(uint8_t out[static KITH__KEM768_U_BYTES], const struct kith__poly *p);
void kith__kem768_decode10(struct kith__poly *p, const uint8_t in[static KITH__KEM768_U_BYTES]);
void kith__kem768_encode4(uint8_t out[static KITH__KEM768_V_BYTES], const struct kith__poly *p);
void kith__kem768_decode4(struct kith__poly *p, const uint8_t in[static KITH__KEM768_V_BYTES]);
void kith__kem768_encode1(uint8_t out[static 32], const struct kith__poly *p);
void kith__kem768_decode1(struct kith__poly *p, const uint8_t in[static 32]);

/* The first line of K-PKE.KeyGen: rho (public) and sigma (secret) from d. Apart from the rest so
 * that the constant-time test can declare rho public in between. Source: FIPS 203 algorithm 13. */
void kith__kem768_expand(uint8_t rho[static 32], uint8_t sigma[static 32],
			 const uint8_t d[static 32]);

/* The rest of key generation. Source: FIPS 203 algorithms 13 and 16. */
void kith__kem768_keygen_from(uint8_t ek[static KITH_KEM_EK], uint8_t dk[static KITH_KEM_DK],
			      const uint8_t rho[static 32], const uint8_t sigma[static 32],
			      const uint8_t z[static 32]);

#endif
