/* SPDX-License-Identifier: ISC */
/*
 * BLAKE2b in its four uses: KDF and H with a label as personalisation, the plain hash, and hedged
 * nonces. Source: crypto.md 1; BLAKE2b: RFC 7693 and the parameter block of its paper, section 2.8.
 */
#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crypto_internal.h"

static_assert(sizeof(crypto_generichash_blake2b_state) <= 384, "kith_hasher.opaque is too small");
static_assert(crypto_generichash_blake2b_PERSONALBYTES == 16, "labels are 16 bytes");

void kith_label_bytes(uint8_t out[static 16], enum kith_label label)
{
	/* "K1." + text padded by the compiler: a text of more than 13 characters does not fit. */
	static const char text[KITH_LABEL_COUNT][16] = {
#define KITH_LABEL_TEXT(name, text_) [KITH_L_##name] = "K1." text_,
		KITH_LABELS(KITH_LABEL_TEXT)
#undef KITH_LABEL_TEXT
	};

	KITH_ASSERT((unsigned)label < KITH_LABEL_COUNT);
	memcpy(out, text[label], 16);
}

static void blake2b(uint8_t *out, size_t out_len, const void *key, size_t key_len,
		    enum kith_label label, const void *data, size_t len)
{
	uint8_t personal[16];
	int bad;

	KITH_ASSERT(key_len <= 64);
	kith_label_bytes(personal, label);
	bad = crypto_generichash_blake2b_salt_personal(out, out_len, data, len, key, key_len, NULL,
						       personal);
	KITH_ASSERT(bad == 0);
}

void kith_kdf(uint8_t out[static 32], const void *key, size_t key_len, enum kith_label label,
	      const void *data, size_t len)
{
	KITH_ASSERT(key_len >= 16);
	blake2b(out, 32, key, key_len, label, data, len);
}

void kith_kdf64(uint8_t out[static 64], const void *key, size_t key_len, enum kith_label label,
		const void *data, size_t len)
{
	KITH_ASSERT(key_len >= 16);
	blake2b(out, 64, key, key_len, label, data, len);
}

void kith_hash(uint8_t out[static 32], enum kith_label label, const void *data, size_t len)
{
	blake2b(out, 32, NULL, 0, label, data, len);
}

void kith_hash16(uint8_t out[static 16], enum kith_label label, const void *data, size_t len)
{
	blake2b(out, 16, NULL, 0, label, data, len);
}

void kith_hash64(uint8_t out[static 64], enum kith_label label, const void *data, size_t len)
{
	blake2b(out, 64, NULL, 0, label, data, len);
}

void kith_blake2b(uint8_t out[static 32], const void *data, size_t len)
{
	int bad = crypto_generichash_blake2b(out, 32, data, len, NULL, 0);

	KITH_ASSERT(bad == 0);
}

/* ---- in pieces ---- */

static crypto_generichash_blake2b_state *state_of(struct kith_hasher *h)
{
	void *state = h->opaque;

	return state;
}

static void hasher_start(struct kith_hasher *h, const void *key, size_t key_len,
			 enum kith_label label, size_t out_len)
{
	uint8_t personal[16];
	int bad;

	KITH_ASSERT(out_len == 16 || out_len == 32 || out_len == 64);
	kith_label_bytes(personal, label);
	h->out_len = out_len;
	bad = crypto_generichash_blake2b_init_salt_personal(state_of(h), key, key_len, out_len,
							    NULL, personal);
	KITH_ASSERT(bad == 0);
}

void kith_hasher_init(struct kith_hasher *h, enum kith_label label, size_t out_len)
{
	hasher_start(h, NULL, 0, label, out_len);
}

void kith_hasher_init_keyed(struct kith_hasher *h, const void *key, size_t key_len,
			    enum kith_label label, size_t out_len)
{
	KITH_ASSERT(key_len >= 16 && key_len <= 64);
	hasher_start(h, key, key_len, label, out_len);
}

void kith__blake2b_64_init(struct kith_hasher *h)
{
	h->out_len = 64;
	(void)crypto_generichash_blake2b_init(state_of(h), NULL, 0, 64);
}

void kith_hasher_add(struct kith_hasher *h, const void *data, size_t len)
{
	if (len != 0)
		(void)crypto_generichash_blake2b_update(state_of(h), data, len);
}

void kith_hasher_end(struct kith_hasher *h, uint8_t *out)
{
	(void)crypto_generichash_blake2b_final(state_of(h), out, h->out_len);
	kith_wipe(h, sizeof(*h));
}

/* ---- hedged nonces ---- */

void kith_noncer_init(struct kith_noncer *n, struct kith_rng *rng)
{
	n->rng = rng;
	n->counter = 0;
	kith_rng_fill(rng, n->key, sizeof(n->key));
}

void kith_noncer_next(struct kith_noncer *n, uint8_t nonce[static 24],
		      const uint8_t bound[static 32])
{
	uint8_t in[64];
	uint8_t out[32];

	kith_rng_fill(n->rng, in, 24);
	kith_store_u64(in + 24, n->counter++);
	memcpy(in + 32, bound, 32);
	kith_kdf(out, n->key, sizeof(n->key), KITH_L_NONCE, in, sizeof(in));
	memcpy(nonce, out, 24);
	kith_wipe(in, sizeof(in));
}

void kith_nonce_bind(uint8_t bound[static 32], const void *ad, size_t ad_len, const void *m,
		     size_t len)
{
	struct kith_hasher h;
	uint8_t size[4];

	KITH_ASSERT(ad_len <= UINT32_MAX);
	kith_store_u32(size, (uint32_t)ad_len);
	kith_hasher_init(&h, KITH_L_NONCE_M, 32);
	kith_hasher_add(&h, size, sizeof(size));
	kith_hasher_add(&h, ad, ad_len);
	kith_hasher_add(&h, m, len);
	kith_hasher_end(&h, bound);
}
