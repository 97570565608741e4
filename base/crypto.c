/* SPDX-License-Identifier: ISC */
/*
 * Start, random sources, comparison, X25519 and the passphrase key. Hashes, AEADs and signatures
 * have files of their own beside this one. All calls of libsodium are the forms that take their
 * key material as arguments; none draws by itself except kith_crypto_system_rng.
 */
#include "base/crypto.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto_internal.h"

static_assert(KITH_KEY == crypto_scalarmult_curve25519_BYTES, "X25519 result");
static_assert(KITH_KEY == crypto_scalarmult_curve25519_SCALARBYTES, "X25519 scalar");

/* ---- start ---- */

static const char *check_source(void)
{
	static const char failed[] = "the random source returns the same bytes twice or only zeros";
	uint8_t a[32], b[32];
	bool bad;

	randombytes_buf(a, sizeof(a));
	randombytes_buf(b, sizeof(b));
	bad = kith_equal(a, b, sizeof(a)) || kith_is_zero(a, sizeof(a)) ||
	      kith_is_zero(b, sizeof(b));
	kith_wipe(a, sizeof(a));
	kith_wipe(b, sizeof(b));
	return bad ? failed : NULL;
}

const char *kith_crypto_start(void)
{
	const char *failed;
	size_t i;

	if (sodium_init() < 0)
		return "libsodium cannot be prepared";
	for (i = 0; i < kith__selftest_count(); i++) {
		failed = kith__selftest_run(i, false);
		if (failed != NULL)
			return failed;
	}
	return check_source();
}

/* ---- random sources ---- */

static const char *forbidden_name(void)
{
	return "forbidden";
}

static uint32_t forbidden_u32(void)
{
	abort();
}

static void forbidden_stir(void)
{
}

static void forbidden_buf(void *const buf, const size_t size)
{
	(void)buf;
	(void)size;
	abort();
}

void kith_crypto_forbid_entropy(void)
{
	static struct randombytes_implementation forbidden = {
		.implementation_name = forbidden_name,
		.random = forbidden_u32,
		.stir = forbidden_stir,
		.buf = forbidden_buf,
	};

	(void)randombytes_set_implementation(&forbidden);
}

static void system_fill(void *ctx, void *dst, size_t len)
{
	(void)ctx;
	randombytes_buf(dst, len);
}

struct kith_rng kith_crypto_system_rng(void)
{
	struct kith_rng rng = {system_fill, NULL};

	return rng;
}

/* Every call begins a new block of the stream, so that what was drawn is never drawn again. */
static void drbg_fill(void *ctx, void *dst, size_t len)
{
	static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
	struct kith_drbg *state = ctx;

	if (len == 0)
		return;
	memset(dst, 0, len);
	(void)crypto_stream_chacha20_xor_ic(dst, dst, len, nonce, state->block, state->key);
	state->block += (len + 63) / 64;
}

struct kith_rng kith_crypto_drbg(struct kith_drbg *state, const uint8_t seed[static 32])
{
	struct kith_rng rng = {drbg_fill, state};

	memcpy(state->key, seed, sizeof(state->key));
	state->block = 0;
	return rng;
}

/* ---- memory ---- */

void kith_wipe(void *p, size_t len)
{
	if (len != 0)
		sodium_memzero(p, len);
}

bool kith_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0; /* no branch: an empty comparison is equal there */
}

bool kith_is_zero(const void *p, size_t len)
{
	return sodium_is_zero(p, len) == 1;
}

/* ---- X25519 ---- */

void kith_dh_public(uint8_t pk[static 32], const uint8_t sk[static 32])
{
	(void)crypto_scalarmult_curve25519_base(pk, sk);
}

int kith_dh(uint8_t out[static 32], const uint8_t sk[static 32], const uint8_t pk[static 32])
{
	uint8_t shared[32];
	int bad = crypto_scalarmult_curve25519(shared, sk, pk);

	if (bad != 0 || kith_is_zero(shared, sizeof(shared))) {
		kith_wipe(shared, sizeof(shared));
		memset(out, 0, 32);
		return KITH_E_AUTH;
	}
	memcpy(out, shared, 32);
	kith_wipe(shared, sizeof(shared));
	return KITH_OK;
}

/* ---- passphrase, proof of work ---- */

int kith_passphrase_key(uint8_t out[static 32], const char *pass, size_t pass_len,
			const uint8_t salt[static 16], uint32_t passes, uint32_t memory_kib)
{
	KITH_ASSERT(passes >= 1 && memory_kib >= 8);
	if (crypto_pwhash(out, 32, pass, pass_len, salt, passes, (size_t)memory_kib * 1024u,
			  crypto_pwhash_ALG_ARGON2ID13) != 0) {
		kith_wipe(out, 32);
		return KITH_E_NOMEM;
	}
	return KITH_OK;
}

bool kith_leading_zeros(const uint8_t *h, unsigned bits)
{
	unsigned i;

	for (i = 0; i < bits / 8; i++)
		if (h[i] != 0)
			return false;
	return bits % 8 == 0 || h[bits / 8] >> (8 - bits % 8) == 0;
}
