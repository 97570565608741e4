/* SPDX-License-Identifier: ISC */
/*
 * Primitives of suite K1; the only door to libsodium. Sizes in bytes. Source: crypto.md 1.
 * Not for streaming large files and not a place for protocol: records, handshakes and ratchet
 * have files of their own.
 */
#ifndef KITH_BASE_CRYPTO_H
#define KITH_BASE_CRYPTO_H

#include "base/labels.h"
#include "base/status.h"
#include "base/types.h"

#define KITH_KEY           32u
#define KITH_SIG           64u
#define KITH_TAG           16u
#define KITH_XNONCE        24u
#define KITH_SEAL_OVERHEAD 40u /* nonce 24 | tag 16 */
#define KITH_SUITE         0x01u

/* Prepares libsodium and runs the start-up self-test (crypto.md 12): torsion points refused, a zero
 * X25519 result refused, known answers of every primitive, two draws differ. Call once per process.
 * Returns NULL, or one sentence that says what failed; the program must then not go on. */
const char *kith_crypto_start(void) KITH_MUST_USE;
/* From now on libsodium's own random source aborts the process (simulator). */
void kith_crypto_forbid_entropy(void);
/* A generator on the system's random source; for drivers and tools, never inside engines. */
struct kith_rng kith_crypto_system_rng(void);
/* State of a deterministic generator; holds a secret where the seed is one. */
struct kith_drbg {
	uint8_t key[32];
	uint64_t block;
};
/* A generator that gives the ChaCha20 stream under `seed`; state in *state (caller's memory). */
struct kith_rng kith_crypto_drbg(struct kith_drbg *state, const uint8_t seed[static 32]);

/* Zeroes memory in a way the compiler cannot leave out. */
void kith_wipe(void *p, size_t len);
bool kith_equal(const void *a, const void *b, size_t len) KITH_MUST_USE; /* constant time */
bool kith_is_zero(const void *p, size_t len) KITH_MUST_USE;              /* constant time */

/* KDF(k, label, data) = BLAKE2b-256 keyed (16..64 B), personal = label. KDF64: 64 bytes. */
void kith_kdf(uint8_t out[static 32], const void *key, size_t key_len, enum kith_label label,
	      const void *data, size_t len);
void kith_kdf64(uint8_t out[static 64], const void *key, size_t key_len, enum kith_label label,
		const void *data, size_t len);
/* H(label, data): the same without key; H16 and H64 give 16 and 64 bytes. */
void kith_hash(uint8_t out[static 32], enum kith_label label, const void *data, size_t len);
void kith_hash16(uint8_t out[static 16], enum kith_label label, const void *data, size_t len);
void kith_hash64(uint8_t out[static 64], enum kith_label label, const void *data, size_t len);
/* BLAKE2b-256 without key and personal. */
void kith_blake2b(uint8_t out[static 32], const void *data, size_t len);
/* H(label, ...) over data in pieces; out_len 16, 32 or 64. */
struct kith_hasher {
	_Alignas(64) uint8_t opaque[384];
	size_t out_len;
};
void kith_hasher_init(struct kith_hasher *h, enum kith_label label, size_t out_len);
void kith_hasher_init_keyed(struct kith_hasher *h, const void *key, size_t key_len,
			    enum kith_label label, size_t out_len);
void kith_hasher_add(struct kith_hasher *h, const void *data, size_t len);
void kith_hasher_end(struct kith_hasher *h, uint8_t *out); /* also wipes h */
/* The 16 bytes of a label as they enter hashes and signature inputs. */
void kith_label_bytes(uint8_t out[static 16], enum kith_label label);

/* Hedged nonces (crypto.md 1): unique within a process whatever the random source does. */
struct kith_noncer {
	uint8_t key[32];
	uint64_t counter;
	struct kith_rng *rng;
};
void kith_noncer_init(struct kith_noncer *n, struct kith_rng *rng); /* also: renew after resume */
/* `bound` = "nonce.m" hash over ad and m (kith_nonce_bind), or any 32 bytes of the message. */
void kith_noncer_next(struct kith_noncer *n, uint8_t nonce[static 24],
		      const uint8_t bound[static 32]);
void kith_nonce_bind(uint8_t bound[static 32], const void *ad, size_t ad_len, const void *m,
		     size_t len);

/* seal: out = nonce 24 | ciphertext | tag 16 (len + 40 bytes), XChaCha20-Poly1305. In-place use
 * (m == out + 24) is allowed. */
void kith_seal(uint8_t *out, const uint8_t nonce[static 24], const uint8_t key[static 32],
	       const void *ad, size_t ad_len, const void *m, size_t len);
/* Opens `in_len` bytes into `out` (in_len - 40 bytes, untouched on failure). KITH_E_AUTH; an input
 * shorter than 40 B is KITH_E_AUTH as well. */
int kith_open(uint8_t *out, const uint8_t key[static 32], const void *ad, size_t ad_len,
	      const uint8_t *in, size_t in_len) KITH_MUST_USE;
/* XChaCha20-Poly1305 with the nonce kept elsewhere: out = ciphertext | tag 16. */
void kith_xseal(uint8_t *out, const uint8_t nonce[static 24], const uint8_t key[static 32],
		const void *ad, size_t ad_len, const void *m, size_t len);
int kith_xopen(uint8_t *out, const uint8_t nonce[static 24], const uint8_t key[static 32],
	       const void *ad, size_t ad_len, const uint8_t *in, size_t in_len) KITH_MUST_USE;
/* ChaCha20-Poly1305-IETF with nonce = 0^4 | counter LE, for Noise and data packets. */
void kith_aead_seal(uint8_t *out, const uint8_t key[static 32], uint64_t counter, const void *ad,
		    size_t ad_len, const void *m, size_t len);
int kith_aead_open(uint8_t *out, const uint8_t key[static 32], uint64_t counter, const void *ad,
		   size_t ad_len, const uint8_t *in, size_t in_len) KITH_MUST_USE;
/* XORs 12 bytes with ChaCha20-IETF(key, counter = tag[0..3], nonce = tag[4..15]): header mask. */
void kith_header_mask(uint8_t field[static 12], const uint8_t key[static 32],
		      const uint8_t tag[static 16]);
/* XORs 32 bytes with XChaCha20(key, nonce): the masked sender key of an RPC. */
void kith_xmask32(uint8_t field[static 32], const uint8_t key[static 32],
		  const uint8_t nonce[static 24]);

/* X25519. kith_dh: KITH_E_AUTH when the result is all zero; out is then zeroed. */
void kith_dh_public(uint8_t pk[static 32], const uint8_t sk[static 32]);
int kith_dh(uint8_t out[static 32], const uint8_t sk[static 32], const uint8_t pk[static 32])
	KITH_MUST_USE;

/* Ed25519. `seed` is the secret; signatures are over label 16 | suite 1 | message. The longest
 * signed message of the protocol is the bundle, 1,292 B. More than KITH_SIGN_MAX: an assertion
 * when signing, KITH_E_AUTH when verifying. */
#define KITH_SIGN_MAX 4096u
void kith_sign_public(uint8_t pk[static 32], const uint8_t seed[static 32]);
void kith_sign(uint8_t sig[static 64], const uint8_t seed[static 32], enum kith_label label,
	       const void *m, size_t len);
int kith_sign_verify(const uint8_t sig[static 64], const uint8_t pk[static 32],
		     enum kith_label label, const void *m, size_t len)
	KITH_MUST_USE; /* KITH_E_AUTH */
/* True for a canonical point of prime order. */
bool kith_point_valid(const uint8_t pk[static 32]) KITH_MUST_USE;
/* IK' = h * IK, h reduced mod L from 64 bytes. KITH_E_AUTH: torsion, or h = 0. (crypto.md 3) */
int kith_blind_public(uint8_t out[static 32], const uint8_t pk[static 32],
		      const uint8_t h[static 64]) KITH_MUST_USE;
/* Signature under the blinded key over label | suite | m, hedged with 32 random bytes. Uses the
 * label BL_PRE, BL_NONCE. KITH_E_AUTH: h = 0. */
int kith_blind_sign(uint8_t sig[static 64], const uint8_t seed[static 32],
		    const uint8_t h[static 64], const uint8_t random[static 32],
		    enum kith_label label, const void *m, size_t len) KITH_MUST_USE;

/* Argon2id. KITH_E_NOMEM when the memory cannot be had. */
int kith_passphrase_key(uint8_t out[static 32], const char *pass, size_t pass_len,
			const uint8_t salt[static 16], uint32_t passes, uint32_t memory_kib)
	KITH_MUST_USE;

/* True when the first `bits` bits of `h` (bit 7 of byte 0 first) are zero; for proofs of work. */
bool kith_leading_zeros(const uint8_t *h, unsigned bits);

#endif
