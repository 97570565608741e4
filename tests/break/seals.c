/* SPDX-License-Identifier: ISC */
#include "tests/break/seals.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crypto.h"
#include "tests/test.h"

#define PLACES (UINT64_C(1) << 22)

struct place {
	uint64_t pair[2], what;
};

static struct place *table;
static struct seals count;

void seals_begin(void)
{
	free(table);
	table = calloc(PLACES, sizeof(*table));
	CHECK(table != NULL);
	memset(&count, 0, sizeof(count));
}

struct seals seals_count(void)
{
	return count;
}

void seals_end(void)
{
	free(table);
	table = NULL;
}

static void note(const uint8_t key[32], const uint8_t *nonce, size_t nonce_len, const void *ad,
		 size_t ad_len, const void *m, size_t len)
{
	struct kith_hasher h;
	uint8_t pair[32], what[32];
	uint64_t at;

	if (table == NULL)
		return;
	kith_hasher_init(&h, KITH_L_NONCE, 32);
	kith_hasher_add(&h, key, 32);
	kith_hasher_add(&h, nonce, nonce_len);
	kith_hasher_end(&h, pair);
	kith_nonce_bind(what, ad, ad_len, m, len);
	count.sealed++;
	for (at = kith_load_u64(pair) % PLACES; table[at].pair[0] != 0; at = (at + 1) % PLACES) {
		if (memcmp(table[at].pair, pair, 16) != 0)
			continue;
		if (table[at].what == kith_load_u64(what))
			count.same++;
		else
			count.repeated++;
		return;
	}
	CHECK(count.pairs < PLACES / 2);
	count.pairs++;
	memcpy(table[at].pair, pair, 16);
	table[at].what = kith_load_u64(what);
}

void __real_kith_seal(uint8_t *out, const uint8_t *nonce, const uint8_t *key, const void *ad,
		      size_t ad_len, const void *m, size_t len);
void __wrap_kith_seal(uint8_t *out, const uint8_t *nonce, const uint8_t *key, const void *ad,
		      size_t ad_len, const void *m, size_t len);
void __real_kith_xseal(uint8_t *out, const uint8_t *nonce, const uint8_t *key, const void *ad,
		       size_t ad_len, const void *m, size_t len);
void __wrap_kith_xseal(uint8_t *out, const uint8_t *nonce, const uint8_t *key, const void *ad,
		       size_t ad_len, const void *m, size_t len);
void __real_kith_aead_seal(uint8_t *out, const uint8_t *key, uint64_t counter, const void *ad,
			   size_t ad_len, const void *m, size_t len);
void __wrap_kith_aead_seal(uint8_t *out, const uint8_t *key, uint64_t counter, const void *ad,
			   size_t ad_len, const void *m, size_t len);

void __wrap_kith_seal(uint8_t *out, const uint8_t *nonce, const uint8_t *key, const void *ad,
		      size_t ad_len, const void *m, size_t len)
{
	note(key, nonce, 24, ad, ad_len, m, len);
	__real_kith_seal(out, nonce, key, ad, ad_len, m, len);
}

void __wrap_kith_xseal(uint8_t *out, const uint8_t *nonce, const uint8_t *key, const void *ad,
		       size_t ad_len, const void *m, size_t len)
{
	note(key, nonce, 24, ad, ad_len, m, len);
	__real_kith_xseal(out, nonce, key, ad, ad_len, m, len);
}

void __wrap_kith_aead_seal(uint8_t *out, const uint8_t *key, uint64_t counter, const void *ad,
			   size_t ad_len, const void *m, size_t len)
{
	uint8_t nonce[8];

	kith_store_u64(nonce, counter);
	note(key, nonce, sizeof(nonce), ad, ad_len, m, len);
	__real_kith_aead_seal(out, key, counter, ad, ad_len, m, len);
}
