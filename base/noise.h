/* SPDX-License-Identifier: ISC */
/*
 * The symmetric state of the Noise Protocol Framework (revision 34, section 5) for the suite
 * 25519_ChaChaPoly_BLAKE2b. The product drives it with one pattern, IKpsk2 (net/handshake); the
 * tests drive the same object with every pattern of the public vectors.
 */
#ifndef KITH_BASE_NOISE_H
#define KITH_BASE_NOISE_H

#include "base/crypto.h"

#define KITH_NOISE_NAME "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b"

struct kith_noise {
	uint8_t ck[64]; /* chaining key: HASHLEN = 64 for BLAKE2b */
	uint8_t h[64];  /* handshake hash */
	uint8_t k[32];  /* cipher key, valid when has_key */
	uint64_t n;
	bool has_key;
};

/* InitializeSymmetric(name), then MixHash(prologue). */
void kith_noise_init(struct kith_noise *s, const char *name, const void *prologue, size_t len);
void kith_noise_mix_hash(struct kith_noise *s, const void *data, size_t len);
void kith_noise_mix_key(struct kith_noise *s, const void *ikm, size_t len);
void kith_noise_mix_key_and_hash(struct kith_noise *s, const uint8_t psk[static 32]);
/* EncryptAndHash: out gets len + 16 bytes (len bytes while no key is set); returns that number. */
size_t kith_noise_seal(struct kith_noise *s, uint8_t *out, const void *m, size_t len);
/* DecryptAndHash: KITH_E_AUTH leaves the state unusable (wipe it). */
int kith_noise_open(struct kith_noise *s, uint8_t *out, const uint8_t *in, size_t in_len)
	KITH_MUST_USE;
/* Split: k1 = initiator to responder, k2 = back. */
void kith_noise_split(const struct kith_noise *s, uint8_t k1[static 32], uint8_t k2[static 32]);
void kith_noise_wipe(struct kith_noise *s);

#endif
