/* SPDX-License-Identifier: ISC */
/*
 * Noise, revision 34: HMAC and HKDF of section 4.3 over BLAKE2b-512, CipherState and SymmetricState
 * of sections 5.1 and 5.2. Names beside the steps are those of the specification.
 */
#include "base/noise.h"

#include <string.h>

#include "base/crypto_internal.h"

#define HASHLEN  64u
#define BLOCKLEN 128u

/* HMAC (RFC 2104) over a | b; key of HASHLEN bytes, shorter than a block. */
static void hmac(uint8_t out[HASHLEN], const uint8_t key[HASHLEN], const void *a, size_t a_len,
		 const uint8_t *b, size_t b_len)
{
	struct kith_hasher hash;
	uint8_t pad[BLOCKLEN];
	uint8_t inner[HASHLEN];
	size_t i;

	for (i = 0; i < BLOCKLEN; i++)
		pad[i] = (uint8_t)((i < HASHLEN ? key[i] : 0) ^ 0x36);
	kith__blake2b_64_init(&hash);
	kith_hasher_add(&hash, pad, sizeof(pad));
	kith_hasher_add(&hash, a, a_len);
	kith_hasher_add(&hash, b, b_len);
	kith_hasher_end(&hash, inner);
	for (i = 0; i < BLOCKLEN; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	kith__blake2b_64_init(&hash);
	kith_hasher_add(&hash, pad, sizeof(pad));
	kith_hasher_add(&hash, inner, sizeof(inner));
	kith_hasher_end(&hash, out);
	kith_wipe(pad, sizeof(pad));
	kith_wipe(inner, sizeof(inner));
}

/* HKDF with `count` outputs of HASHLEN bytes, 2 or 3, one behind the other. */
static void hkdf(uint8_t *out, unsigned count, const uint8_t ck[HASHLEN], const void *ikm,
		 size_t len)
{
	uint8_t temp[HASHLEN];
	uint8_t i;

	hmac(temp, ck, ikm, len, NULL, 0);
	for (i = 0; i < count; i++)
		hmac(out + i * HASHLEN, temp, i > 0 ? out + (i - 1u) * HASHLEN : NULL,
		     i > 0 ? HASHLEN : 0, &(const uint8_t){(uint8_t)(i + 1)}, 1);
	kith_wipe(temp, sizeof(temp));
}

void kith_noise_init(struct kith_noise *s, const char *name, const void *prologue, size_t len)
{
	struct kith_hasher hash;
	size_t name_len = strlen(name);

	memset(s, 0, sizeof(*s));
	if (name_len <= HASHLEN) {
		memcpy(s->h, name, name_len);
	} else {
		kith__blake2b_64_init(&hash);
		kith_hasher_add(&hash, name, name_len);
		kith_hasher_end(&hash, s->h);
	}
	memcpy(s->ck, s->h, HASHLEN);
	kith_noise_mix_hash(s, prologue, len);
}

/* HASH(h | data) */
static void hash_on(uint8_t out[HASHLEN], const uint8_t h[HASHLEN], const void *data, size_t len)
{
	struct kith_hasher hash;

	kith__blake2b_64_init(&hash);
	kith_hasher_add(&hash, h, HASHLEN);
	kith_hasher_add(&hash, data, len);
	kith_hasher_end(&hash, out);
}

void kith_noise_mix_hash(struct kith_noise *s, const void *data, size_t len)
{
	hash_on(s->h, s->h, data, len);
}

/* InitializeKey(temp_k), the key cut to 32 bytes. */
static void set_key(struct kith_noise *s, const uint8_t temp_k[HASHLEN])
{
	memcpy(s->k, temp_k, sizeof(s->k));
	s->n = 0;
	s->has_key = true;
}

void kith_noise_mix_key(struct kith_noise *s, const void *ikm, size_t len)
{
	uint8_t out[2 * HASHLEN];

	hkdf(out, 2, s->ck, ikm, len);
	memcpy(s->ck, out, HASHLEN);
	set_key(s, out + HASHLEN);
	kith_wipe(out, sizeof(out));
}

void kith_noise_mix_key_and_hash(struct kith_noise *s, const uint8_t psk[static 32])
{
	uint8_t out[3 * HASHLEN];

	hkdf(out, 3, s->ck, psk, 32);
	memcpy(s->ck, out, HASHLEN);
	kith_noise_mix_hash(s, out + HASHLEN, HASHLEN);
	set_key(s, out + 2 * HASHLEN);
	kith_wipe(out, sizeof(out));
}

size_t kith_noise_seal(struct kith_noise *s, uint8_t *out, const void *m, size_t len)
{
	size_t out_len = len;

	KITH_ASSERT(s->n != UINT64_MAX);
	if (s->has_key) {
		out_len = len + KITH_TAG;
		kith_aead_seal(out, s->k, s->n++, s->h, HASHLEN, m, len);
	} else if (len != 0) {
		memmove(out, m, len);
	}
	kith_noise_mix_hash(s, out, out_len);
	return out_len;
}

int kith_noise_open(struct kith_noise *s, uint8_t *out, const uint8_t *in, size_t in_len)
{
	uint8_t next[HASHLEN];
	int err;

	KITH_ASSERT(s->n != UINT64_MAX);
	if (!s->has_key) {
		kith_noise_mix_hash(s, in, in_len);
		if (in_len != 0)
			memmove(out, in, in_len);
		return KITH_OK;
	}
	/* The hash covers the ciphertext, which opening in place overwrites: take it before. */
	hash_on(next, s->h, in, in_len);
	err = kith_aead_open(out, s->k, s->n, s->h, HASHLEN, in, in_len);
	if (err != KITH_OK)
		return err;
	s->n++;
	memcpy(s->h, next, HASHLEN);
	return KITH_OK;
}

void kith_noise_split(const struct kith_noise *s, uint8_t k1[static 32], uint8_t k2[static 32])
{
	uint8_t out[2 * HASHLEN];

	hkdf(out, 2, s->ck, NULL, 0);
	memcpy(k1, out, 32);
	memcpy(k2, out + HASHLEN, 32);
	kith_wipe(out, sizeof(out));
}

void kith_noise_wipe(struct kith_noise *s)
{
	kith_wipe(s, sizeof(*s));
}
