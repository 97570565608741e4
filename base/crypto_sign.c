/* SPDX-License-Identifier: ISC */
/*
 * Ed25519 with a label in front of every message, and blinded keys (crypto.md 1, 3).
 *
 * Blinding: from a secret S that owner and readers share comes h; the period's key is IK' = h*IK,
 * whose secret scalar a' = h*a only the owner can make. A signature under IK' is an ordinary
 * Ed25519 signature. Points outside the prime-order subgroup are refused before any use: with them
 * h*IK would leave a part that does not change from period to period.
 */
#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/crypto_internal.h"

static_assert(KITH_SIG == crypto_sign_ed25519_BYTES, "signature");
static_assert(crypto_core_ed25519_NONREDUCEDSCALARBYTES == 64, "scalars come from 64 bytes");

#define SIGN_HEAD 17u /* label 16 | suite 1 */

/* label | suite | m in one piece; returns its length. */
static size_t sign_input(uint8_t out[SIGN_HEAD + KITH_SIGN_MAX], enum kith_label label,
			 const void *m, size_t len)
{
	KITH_ASSERT(len <= KITH_SIGN_MAX);
	kith_label_bytes(out, label);
	out[16] = KITH_SUITE;
	if (len != 0)
		memcpy(out + SIGN_HEAD, m, len);
	return SIGN_HEAD + len;
}

void kith_sign_public(uint8_t pk[static 32], const uint8_t seed[static 32])
{
	uint8_t sk[crypto_sign_ed25519_SECRETKEYBYTES];

	(void)crypto_sign_ed25519_seed_keypair(pk, sk, seed);
	kith_wipe(sk, sizeof(sk));
}

void kith__sign_raw(uint8_t sig[static 64], const uint8_t seed[static 32], const void *m,
		    size_t len)
{
	uint8_t sk[crypto_sign_ed25519_SECRETKEYBYTES];
	uint8_t pk[32];

	(void)crypto_sign_ed25519_seed_keypair(pk, sk, seed);
	(void)crypto_sign_ed25519_detached(sig, NULL, m, len, sk);
	kith_wipe(sk, sizeof(sk));
}

int kith__sign_verify_raw(const uint8_t sig[static 64], const uint8_t pk[static 32], const void *m,
			  size_t len)
{
	return crypto_sign_ed25519_verify_detached(sig, m, len, pk) == 0 ? KITH_OK : KITH_E_AUTH;
}

void kith_sign(uint8_t sig[static 64], const uint8_t seed[static 32], enum kith_label label,
	       const void *m, size_t len)
{
	uint8_t in[SIGN_HEAD + KITH_SIGN_MAX];
	size_t in_len = sign_input(in, label, m, len);

	kith__sign_raw(sig, seed, in, in_len);
}

int kith_sign_verify(const uint8_t sig[static 64], const uint8_t pk[static 32],
		     enum kith_label label, const void *m, size_t len)
{
	uint8_t in[SIGN_HEAD + KITH_SIGN_MAX];
	size_t in_len;

	if (len > KITH_SIGN_MAX)
		return KITH_E_AUTH;
	in_len = sign_input(in, label, m, len);
	return kith__sign_verify_raw(sig, pk, in, in_len);
}

bool kith_point_valid(const uint8_t pk[static 32])
{
	return crypto_core_ed25519_is_valid_point(pk) == 1;
}

/* ---- blinding ---- */

/* 64 bytes modulo the group order; false when the result is zero. */
static bool reduce(uint8_t scalar[32], const uint8_t wide[64])
{
	crypto_core_ed25519_scalar_reduce(scalar, wide);
	return !kith_is_zero(scalar, 32);
}

int kith_blind_public(uint8_t out[static 32], const uint8_t pk[static 32],
		      const uint8_t h[static 64])
{
	uint8_t scalar[32];
	uint8_t blinded[32];
	int err = KITH_E_AUTH;

	if (reduce(scalar, h) && crypto_scalarmult_ed25519_noclamp(blinded, scalar, pk) == 0) {
		memcpy(out, blinded, 32);
		err = KITH_OK;
	}
	kith_wipe(scalar, sizeof(scalar));
	return err;
}

/* What signing under a blinded key needs; all of it secret but `pk`. */
struct blind_key {
	uint8_t a[32];      /* a' = h * a mod L */
	uint8_t prefix[64]; /* pre' */
	uint8_t pk[32];     /* IK' = a' * B */
};

static int blind_key_init(struct blind_key *k, const uint8_t seed[32], const uint8_t h[64])
{
	uint8_t half[64]; /* a | prefix of RFC 8032 5.1.5, then a | prefix with a mod L */
	uint8_t wide[64] = {0};
	uint8_t scalar[32];
	int err = KITH_E_AUTH;

	(void)crypto_hash_sha512(half, seed, 32);
	half[0] &= 248;
	half[31] &= 127;
	half[31] |= 64;
	memcpy(wide, half, 32);
	if (!reduce(scalar, h) || !reduce(half, wide))
		goto out;
	crypto_core_ed25519_scalar_mul(k->a, scalar, half);
	kith_kdf64(k->prefix, half + 32, 32, KITH_L_BL_PRE, scalar, sizeof(scalar));
	if (crypto_scalarmult_ed25519_base_noclamp(k->pk, k->a) == 0)
		err = KITH_OK;
out:
	kith_wipe(half, sizeof(half));
	kith_wipe(wide, sizeof(wide));
	kith_wipe(scalar, sizeof(scalar));
	return err;
}

/* r = KDF64(pre', "bl.nonce", random | M) mod L; false when it is zero. */
static bool blind_nonce(uint8_t r[32], const struct blind_key *k, const uint8_t random[32],
			const uint8_t *m, size_t len)
{
	struct kith_hasher hash;
	uint8_t wide[64];
	bool ok;

	kith_hasher_init_keyed(&hash, k->prefix, sizeof(k->prefix), KITH_L_BL_NONCE, sizeof(wide));
	kith_hasher_add(&hash, random, 32);
	kith_hasher_add(&hash, m, len);
	kith_hasher_end(&hash, wide);
	ok = reduce(r, wide);
	kith_wipe(wide, sizeof(wide));
	return ok;
}

/* k = SHA-512(R | IK' | M) mod L */
static void blind_challenge(uint8_t scalar[32], const uint8_t big_r[32], const uint8_t pk[32],
			    const uint8_t *m, size_t len)
{
	crypto_hash_sha512_state hash;
	uint8_t wide[64];

	(void)crypto_hash_sha512_init(&hash);
	(void)crypto_hash_sha512_update(&hash, big_r, 32);
	(void)crypto_hash_sha512_update(&hash, pk, 32);
	(void)crypto_hash_sha512_update(&hash, m, len);
	(void)crypto_hash_sha512_final(&hash, wide);
	(void)reduce(scalar, wide);
}

int kith_blind_sign(uint8_t sig[static 64], const uint8_t seed[static 32],
		    const uint8_t h[static 64], const uint8_t random[static 32],
		    enum kith_label label, const void *m, size_t len)
{
	uint8_t in[SIGN_HEAD + KITH_SIGN_MAX];
	size_t in_len = sign_input(in, label, m, len);
	struct blind_key key;
	uint8_t r[32], big_r[32], k[32];
	int err;

	memset(&key, 0, sizeof(key));
	memset(r, 0, sizeof(r));
	err = blind_key_init(&key, seed, h);
	if (err != KITH_OK)
		goto out;
	if (!blind_nonce(r, &key, random, in, in_len) ||
	    crypto_scalarmult_ed25519_base_noclamp(big_r, r) != 0) {
		err = KITH_E_AUTH;
		goto out;
	}
	blind_challenge(k, big_r, key.pk, in, in_len);
	crypto_core_ed25519_scalar_mul(k, k, key.a);
	crypto_core_ed25519_scalar_add(k, k, r); /* s = r + k * a' */
	memcpy(sig, big_r, 32);
	memcpy(sig + 32, k, 32);
out:
	kith_wipe(&key, sizeof(key));
	kith_wipe(r, sizeof(r));
	kith_wipe(k, sizeof(k));
	return err;
}
