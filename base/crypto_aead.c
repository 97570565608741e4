/* SPDX-License-Identifier: ISC */
/*
 * The two AEADs and the two masks (crypto.md 1). RFC 8439; draft-irtf-cfrg-xchacha-03.
 *
 * Opening happens in two steps, tag first and stream after it: libsodium's one-step form clears
 * the output when the tag is wrong, and callers here may rely on an untouched output.
 */
#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crypto_internal.h"

static_assert(KITH_TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");
static_assert(KITH_XNONCE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
static_assert(KITH_SEAL_OVERHEAD == KITH_XNONCE + KITH_TAG, "overhead");

#define NONCE12 12u

/* Key and nonce of the ChaCha20-Poly1305 below XChaCha20-Poly1305 (draft section 2.3). */
static void derive_x(uint8_t subkey[32], uint8_t nonce12[NONCE12], const uint8_t nonce[24],
		     const uint8_t key[32])
{
	(void)crypto_core_hchacha20(subkey, nonce, key, NULL);
	memset(nonce12, 0, 4);
	memcpy(nonce12 + 4, nonce + 16, 8);
}

int kith__aead_open(uint8_t *out, const uint8_t key[static 32], const uint8_t nonce12[static 12],
		    const void *ad, size_t ad_len, const uint8_t *in, size_t in_len)
{
	size_t len;

	if (in_len < KITH_TAG)
		return KITH_E_AUTH;
	len = in_len - KITH_TAG;
	if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(NULL, NULL, in, len, in + len, ad,
							       ad_len, nonce12, key) != 0)
		return KITH_E_AUTH;
	if (len != 0) /* block 0 made the Poly1305 key */
		(void)crypto_stream_chacha20_ietf_xor_ic(out, in, len, nonce12, 1, key);
	return KITH_OK;
}

void kith__aead_seal(uint8_t *out, const uint8_t key[static 32], const uint8_t nonce12[static 12],
		     const void *ad, size_t ad_len, const void *m, size_t len)
{
	(void)crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, m, len, ad, ad_len, NULL,
							nonce12, key);
}

void kith_xseal(uint8_t *out, const uint8_t nonce[static 24], const uint8_t key[static 32],
		const void *ad, size_t ad_len, const void *m, size_t len)
{
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, m, len, ad, ad_len, NULL, nonce,
							 key);
}

int kith_xopen(uint8_t *out, const uint8_t nonce[static 24], const uint8_t key[static 32],
	       const void *ad, size_t ad_len, const uint8_t *in, size_t in_len)
{
	uint8_t subkey[32];
	uint8_t nonce12[NONCE12];
	int err;

	derive_x(subkey, nonce12, nonce, key);
	err = kith__aead_open(out, subkey, nonce12, ad, ad_len, in, in_len);
	kith_wipe(subkey, sizeof(subkey));
	return err;
}

void kith_seal(uint8_t *out, const uint8_t nonce[static 24], const uint8_t key[static 32],
	       const void *ad, size_t ad_len, const void *m, size_t len)
{
	kith_xseal(out + KITH_XNONCE, nonce, key, ad, ad_len, m, len);
	memmove(out, nonce, KITH_XNONCE);
}

int kith_open(uint8_t *out, const uint8_t key[static 32], const void *ad, size_t ad_len,
	      const uint8_t *in, size_t in_len)
{
	if (in_len < KITH_SEAL_OVERHEAD)
		return KITH_E_AUTH;
	return kith_xopen(out, in, key, ad, ad_len, in + KITH_XNONCE, in_len - KITH_XNONCE);
}

static void counter_nonce(uint8_t nonce12[NONCE12], uint64_t counter)
{
	memset(nonce12, 0, 4);
	kith_store_u64(nonce12 + 4, counter);
}

void kith_aead_seal(uint8_t *out, const uint8_t key[static 32], uint64_t counter, const void *ad,
		    size_t ad_len, const void *m, size_t len)
{
	uint8_t nonce12[NONCE12];

	counter_nonce(nonce12, counter);
	kith__aead_seal(out, key, nonce12, ad, ad_len, m, len);
}

int kith_aead_open(uint8_t *out, const uint8_t key[static 32], uint64_t counter, const void *ad,
		   size_t ad_len, const uint8_t *in, size_t in_len)
{
	uint8_t nonce12[NONCE12];

	counter_nonce(nonce12, counter);
	return kith__aead_open(out, key, nonce12, ad, ad_len, in, in_len);
}

void kith_header_mask(uint8_t field[static 12], const uint8_t key[static 32],
		      const uint8_t tag[static 16])
{
	(void)crypto_stream_chacha20_ietf_xor_ic(field, field, 12, tag + 4, kith_load_u32(tag),
						 key);
}

void kith_xmask32(uint8_t field[static 32], const uint8_t key[static 32],
		  const uint8_t nonce[static 24])
{
	(void)crypto_stream_xchacha20_xor(field, field, 32, nonce, key);
}
