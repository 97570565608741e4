/* SPDX-License-Identifier: ISC */
/*
 * What the files base/crypto*.c, noise.c and record.c share, and what only their tests may call.
 */
#ifndef KITH_BASE_CRYPTO_INTERNAL_H
#define KITH_BASE_CRYPTO_INTERNAL_H

#include "base/record.h"

/* Plain Ed25519 over `m` as it stands, without label and suite. KITH_E_AUTH. For the public test
 * vectors and the self-test; protocols use kith_sign_verify. */
int kith__sign_verify_raw(const uint8_t sig[static 64], const uint8_t pk[static 32], const void *m,
			  size_t len) KITH_MUST_USE;
/* Plain Ed25519 signature (RFC 8032 5.1.6), for the self-test and the vectors. */
void kith__sign_raw(uint8_t sig[static 64], const uint8_t seed[static 32], const void *m,
		    size_t len);

/* ChaCha20-Poly1305-IETF with any 12-byte nonce: under kith_aead_*, and for the vectors. */
void kith__aead_seal(uint8_t *out, const uint8_t key[static 32], const uint8_t nonce[static 12],
		     const void *ad, size_t ad_len, const void *m, size_t len);
int kith__aead_open(uint8_t *out, const uint8_t key[static 32], const uint8_t nonce[static 12],
		    const void *ad, size_t ad_len, const uint8_t *in, size_t in_len) KITH_MUST_USE;

/* Starts BLAKE2b-512 without key and label (the HASH of Noise); goes on as any kith_hasher. */
void kith__blake2b_64_init(struct kith_hasher *h);

/* kith_record_make with the seal's nonce and the signature's 32 random bytes given: the
 * reproducible part, for the vectors. */
int kith__record_make(uint8_t out[static KITH_RECORD], const struct kith_record_secret *s,
		      const uint8_t ik_seed[static 32], uint64_t period, uint64_t seq,
		      const uint8_t content[static KITH_RECORD_CONTENT],
		      const uint8_t nonce[static 24], const uint8_t random[static 32])
	KITH_MUST_USE;

/* The checks of the start-up self-test. Runs check `i`; with `fault` its result is falsified (one
 * bit of an answer, or a good point in the place of a bad one), so the check must then fail.
 * Returns NULL, or the sentence that says what failed. */
size_t kith__selftest_count(void);
const char *kith__selftest_run(size_t i, bool fault);

#endif
