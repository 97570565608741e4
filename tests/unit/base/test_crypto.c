/* SPDX-License-Identifier: ISC */
#include "base/crypto.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/crypto_internal.h"
#include "tests/test.h"
#include "tests/vectors.h"

/* ---- self-test ---- */

TEST(crypto_start)
{
	CHECK(kith_crypto_start() == NULL);
}

TEST(crypto_selftest_checks_can_fail)
{
	size_t i;

	CHECK_EQ(kith__selftest_count(), 13);
	for (i = 0; i < kith__selftest_count(); i++) {
		const char *failed = kith__selftest_run(i, true);

		CHECK(kith__selftest_run(i, false) == NULL);
		CHECK(failed != NULL && strlen(failed) > 20);
	}
}

/* ---- random sources ---- */

TEST(crypto_drbg)
{
	struct kith_drbg a, b;
	uint8_t seed[32] = {7}, x[200], y[200];
	struct kith_rng ra = kith_crypto_drbg(&a, seed), rb = kith_crypto_drbg(&b, seed);
	size_t i;

	memset(x, 1, sizeof(x));
	memset(y, 2, sizeof(y));
	kith_rng_fill(&ra, x, sizeof(x));
	kith_rng_fill(&rb, y, sizeof(y));
	CHECK_MEM(x, y, sizeof(x));
	CHECK_EQ(a.block, 4);
	kith_rng_fill(&ra, x, 0);
	CHECK_EQ(a.block, 4);
	kith_rng_fill(&ra, x, 100);
	CHECK(memcmp(x, y, 100) != 0);
	for (i = 0; i + 100 <= sizeof(y); i++) /* nothing drawn is drawn again */
		CHECK(memcmp(x, y + i, 16) != 0);
	seed[31] = 1;
	rb = kith_crypto_drbg(&b, seed);
	kith_rng_fill(&rb, x, sizeof(x));
	CHECK(memcmp(x, y, sizeof(x)) != 0);
}

TEST(crypto_forbidden_entropy_aborts)
{
	struct kith_rng rng = kith_crypto_system_rng();
	uint8_t out[32];
	int status;
	pid_t child;

	CHECK(kith_crypto_start() == NULL);
	kith_rng_fill(&rng, out, sizeof(out));
	CHECK(!kith_is_zero(out, sizeof(out)));
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		kith_crypto_forbid_entropy();
		kith_rng_fill(&rng, out, sizeof(out));
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == 6);
}

/* ---- memory ---- */

TEST(crypto_memory)
{
	uint8_t a[40], b[40];
	size_t i;

	memset(a, 3, sizeof(a));
	memset(b, 3, sizeof(b));
	CHECK(kith_equal(a, b, sizeof(a)));
	CHECK(kith_equal(a, b, 0));
	for (i = 0; i < sizeof(a); i++) {
		b[i] ^= 0x80;
		CHECK(!kith_equal(a, b, sizeof(a)));
		CHECK(kith_equal(a, b, i));
		b[i] ^= 0x80;
	}
	CHECK(!kith_is_zero(a, sizeof(a)));
	kith_wipe(a, sizeof(a));
	CHECK(kith_is_zero(a, sizeof(a)));
	a[39] = 1;
	CHECK(!kith_is_zero(a, sizeof(a)));
	CHECK(kith_is_zero(a, 39));
	kith_wipe(NULL, 0);
}

TEST(crypto_leading_zeros)
{
	static const uint8_t h[4] = {0, 0, 0x1f, 0xff};
	unsigned bits;

	for (bits = 0; bits <= 32; bits++)
		CHECK_EQ(kith_leading_zeros(h, bits), bits <= 19);
}

/* ---- hashes ---- */

/* The label with these 16 bytes, or KITH_LABEL_COUNT: the model also knows later milestones. */
static enum kith_label find_label(const uint8_t text[16])
{
	uint8_t known[16];
	unsigned i;

	for (i = 0; i < KITH_LABEL_COUNT; i++) {
		kith_label_bytes(known, (enum kith_label)i);
		if (memcmp(known, text, 16) == 0)
			break;
	}
	return (enum kith_label)i;
}

static void check_pieces(enum kith_label label, const uint8_t *data, size_t len,
			 const uint8_t want[64])
{
	struct kith_hasher h;
	uint8_t got[64];
	size_t i;

	kith_hasher_init(&h, label, 64);
	for (i = 0; i < len; i++)
		kith_hasher_add(&h, data + i, 1);
	kith_hasher_end(&h, got);
	CHECK_MEM(got, want, 64);
	CHECK(kith_is_zero(&h, sizeof(h)));
}

static void check_derivations(const struct test_vectors *v, enum kith_label label)
{
	uint8_t key[64], data[4096], want[64], got[64];
	size_t key_len = test_vectors_data(v, "key", key, sizeof(key));
	size_t len = test_vectors_data(v, "data", data, sizeof(data));
	struct kith_hasher h;

	test_vectors_bytes(v, "kdf", want, 32);
	kith_kdf(got, key, key_len, label, data, len);
	CHECK_MEM(got, want, 32);
	kith_hasher_init_keyed(&h, key, key_len, label, 32);
	kith_hasher_add(&h, data, len);
	kith_hasher_end(&h, got);
	CHECK_MEM(got, want, 32);
	test_vectors_bytes(v, "kdf64", want, 64);
	kith_kdf64(got, key, key_len, label, data, len);
	CHECK_MEM(got, want, 64);
	test_vectors_bytes(v, "h", want, 32);
	kith_hash(got, label, data, len);
	CHECK_MEM(got, want, 32);
	test_vectors_bytes(v, "h16", want, 16);
	kith_hash16(got, label, data, len);
	CHECK_MEM(got, want, 16);
	test_vectors_bytes(v, "h64", want, 64);
	kith_hash64(got, label, data, len);
	CHECK_MEM(got, want, 64);
	check_pieces(label, data, len, want);
}

/* A source that gives the bytes of one vector. */
static void fill_from(void *ctx, void *dst, size_t len)
{
	CHECK_EQ(len, 24);
	memcpy(dst, ctx, 24);
}

static void check_hedged_seal(const struct test_vectors *v)
{
	uint8_t random[24], key[32], ad[64], plain[2048], want[2100], got[2100], bound[32] = {0};
	uint8_t nonce[24];
	struct kith_rng rng = {fill_from, random};
	struct kith_noncer n = {.rng = &rng, .counter = (uint64_t)test_vectors_int(v, "counter")};
	size_t ad_len = test_vectors_data(v, "ad", ad, sizeof(ad));
	size_t len = test_vectors_data(v, "plain", plain, sizeof(plain));

	test_vectors_bytes(v, "process_key", n.key, 32);
	test_vectors_bytes(v, "random", random, 24);
	test_vectors_bytes(v, "seal_key", key, 32);
	if (test_vectors_int(v, "covered") != 0)
		kith_nonce_bind(bound, ad, ad_len, plain, len);
	else
		memcpy(bound, plain, len < 32 ? len : 32);
	kith_noncer_next(&n, nonce, bound);
	test_vectors_bytes(v, "nonce", want, 24);
	CHECK_MEM(nonce, want, 24);
	test_vectors_bytes(v, "sealed", want, len + KITH_SEAL_OVERHEAD);
	kith_seal(got, nonce, key, ad, ad_len, plain, len);
	CHECK_MEM(got, want, len + KITH_SEAL_OVERHEAD);
	CHECK_OK(kith_open(got, key, ad, ad_len, want, len + KITH_SEAL_OVERHEAD));
	CHECK_MEM(got, plain, len);
}

TEST(crypto_kdf_vectors)
{
	struct test_vectors *v = test_vectors_open("kdf.txt");
	unsigned labels = 0, seals = 0;
	uint8_t text[16];

	while (test_vectors_next(v)) {
		if (test_vectors_has(v, "sealed")) {
			check_hedged_seal(v);
			seals++;
			continue;
		}
		test_vectors_bytes(v, "label", text, 16);
		if (find_label(text) == KITH_LABEL_COUNT)
			continue;
		check_derivations(v, find_label(text));
		labels++;
	}
	CHECK_EQ(labels, KITH_LABEL_COUNT);
	CHECK(seals >= 4);
	test_vectors_close(v);
}

TEST(crypto_blake2b_plain)
{
	/* BLAKE2b-256("abc") */
	static const uint8_t want[32] = {0xbd, 0xdd, 0x81, 0x3c, 0x63, 0x42, 0x39, 0x72,
					 0x31, 0x71, 0xef, 0x3f, 0xee, 0x98, 0x57, 0x9b,
					 0x94, 0x96, 0x4e, 0x3b, 0xb1, 0xcb, 0x3e, 0x42,
					 0x72, 0x62, 0xc8, 0xc0, 0x68, 0xd5, 0x23, 0x19};
	uint8_t got[32];

	kith_blake2b(got, "abc", 3);
	CHECK_MEM(got, want, 32);
}

static void fill_stuck(void *ctx, void *dst, size_t len)
{
	(void)ctx;
	memset(dst, 0x11, len);
}

/* A stuck source repeats no nonce within a process; equal inputs differ by the counter. */
TEST(crypto_nonces_with_stuck_source)
{
	struct kith_rng rng = {fill_stuck, NULL};
	static uint8_t nonce[1000][24];
	struct kith_noncer n;
	uint8_t bound[32] = {0}, other[32];
	size_t i, j;

	kith_noncer_init(&n, &rng);
	for (i = 0; i < 1000; i++) {
		kith_noncer_next(&n, nonce[i], bound);
		for (j = 0; j < i; j++)
			CHECK(memcmp(nonce[i], nonce[j], 24) != 0);
	}
	/* a clone with another message gets another nonce, although all else is equal */
	kith_noncer_init(&n, &rng);
	kith_nonce_bind(other, "a", 1, "bc", 2);
	kith_noncer_next(&n, nonce[1], other);
	CHECK(memcmp(nonce[0], nonce[1], 24) != 0);
	kith_nonce_bind(bound, "ab", 2, "c", 1);
	CHECK(!kith_equal(bound, other, 32));
}

/* ---- AEADs ---- */

TEST(crypto_seal_every_bit)
{
	uint8_t key[32] = {1}, nonce[24] = {2}, box[40 + 20], out[20], m[20];
	size_t i;

	memset(m, 0x33, sizeof(m));
	kith_seal(box, nonce, key, "ad", 2, m, sizeof(m));
	CHECK_OK(kith_open(out, key, "ad", 2, box, sizeof(box)));
	CHECK_MEM(out, m, sizeof(m));
	memset(out, 0x77, sizeof(out));
	for (i = 0; i < 8 * sizeof(box); i++) {
		box[i / 8] ^= (uint8_t)(1u << (i % 8));
		CHECK_EQ(kith_open(out, key, "ad", 2, box, sizeof(box)), KITH_E_AUTH);
		box[i / 8] ^= (uint8_t)(1u << (i % 8));
	}
	for (i = 0; i < sizeof(box); i++)
		CHECK_EQ(kith_open(out, key, "ad", 2, box, i), KITH_E_AUTH);
	CHECK_EQ(kith_open(out, key, "aD", 2, box, sizeof(box)), KITH_E_AUTH);
	CHECK_EQ(kith_open(out, key, "ad", 1, box, sizeof(box)), KITH_E_AUTH);
	key[31] ^= 1;
	CHECK_EQ(kith_open(out, key, "ad", 2, box, sizeof(box)), KITH_E_AUTH);
	for (i = 0; i < sizeof(out); i++)
		CHECK_EQ(out[i], 0x77);
}

TEST(crypto_aead_untouched_and_in_place)
{
	uint8_t key[32] = {1}, nonce[24] = {9}, buf[80], want[80], out[40];
	size_t i;

	memset(buf, 0x33, sizeof(buf));
	kith_aead_seal(want, key, 5, NULL, 0, buf, 40);
	kith_aead_seal(buf, key, 5, NULL, 0, buf, 40);
	CHECK_MEM(buf, want, 56);
	memset(out, 0x77, sizeof(out));
	CHECK_EQ(kith_aead_open(out, key, 6, NULL, 0, buf, 56), KITH_E_AUTH);
	CHECK_EQ(kith_aead_open(out, key, 5, NULL, 0, buf, 55), KITH_E_AUTH);
	CHECK_EQ(kith_aead_open(out, key, 5, NULL, 0, buf, 15), KITH_E_AUTH);
	for (i = 0; i < sizeof(out); i++)
		CHECK_EQ(out[i], 0x77);
	CHECK_OK(kith_aead_open(buf, key, 5, NULL, 0, buf, 56));
	for (i = 0; i < 40; i++)
		CHECK_EQ(buf[i], 0x33);
	kith_seal(want, nonce, key, NULL, 0, buf, 40);
	memmove(buf + 24, buf, 40);
	kith_seal(buf, nonce, key, NULL, 0, buf + 24, 40);
	CHECK_MEM(buf, want, 80);
	CHECK_OK(kith_open(buf + 24, key, NULL, 0, buf, 80));
	CHECK_EQ(buf[24] == 0x33 && buf[63] == 0x33, true);
	kith_seal(buf, nonce, key, NULL, 0, NULL, 0);
	CHECK_OK(kith_open(out, key, NULL, 0, buf, 40));
}

TEST(crypto_masks)
{
	/* RFC 8439 2.4.2 gives the keystream: key 00..1f, counter 1, nonce 00 00 00 00 00 00 00 4a
	 * 00 00 00 00; first 12 bytes 22 4f 51 f3 .. */
	static const uint8_t stream[12] = {0x22, 0x4f, 0x51, 0xf3, 0x40, 0x1b,
					   0xd9, 0xe1, 0x2f, 0xde, 0x27, 0x6f};
	uint8_t tag[16] = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x4a}, key[32], field[12] = {0};
	uint8_t mask[32] = {0}, nonce[24] = {4}, zero[64] = {0}, box[64 + 16];
	uint8_t i;

	for (i = 0; i < 32; i++)
		key[i] = i;
	kith_header_mask(field, key, tag);
	CHECK_MEM(field, stream, 12);
	kith_header_mask(field, key, tag);
	CHECK(kith_is_zero(field, sizeof(field)));
	kith_xmask32(mask, key, nonce);
	kith_xseal(box, nonce, key, NULL, 0, zero, 64);
	CHECK(!kith_equal(mask, box, 32)); /* block 0 here, block 1 under the AEAD */
	kith_xmask32(mask, key, nonce);
	CHECK(kith_is_zero(mask, sizeof(mask)));
}

/* ---- keys ---- */

TEST(crypto_sign_covers_all)
{
	uint8_t seed[32] = {5}, pk[32], sig[64], m[100];
	size_t i;

	memset(m, 0x44, sizeof(m));
	kith_sign_public(pk, seed);
	CHECK(kith_point_valid(pk));
	kith_sign(sig, seed, KITH_L_CERT, m, sizeof(m));
	CHECK_OK(kith_sign_verify(sig, pk, KITH_L_CERT, m, sizeof(m)));
	CHECK_EQ(kith_sign_verify(sig, pk, KITH_L_BUNDLE, m, sizeof(m)), KITH_E_AUTH);
	CHECK_EQ(kith_sign_verify(sig, pk, KITH_L_CERT, m, sizeof(m) - 1), KITH_E_AUTH);
	CHECK_EQ(kith_sign_verify(sig, pk, KITH_L_CERT, m, KITH_SIGN_MAX + 1), KITH_E_AUTH);
	for (i = 0; i < 512; i++) {
		sig[i / 8] ^= (uint8_t)(1u << (i % 8));
		CHECK_EQ(kith_sign_verify(sig, pk, KITH_L_CERT, m, sizeof(m)), KITH_E_AUTH);
		sig[i / 8] ^= (uint8_t)(1u << (i % 8));
	}
	kith_sign(sig, seed, KITH_L_CERT, NULL, 0);
	CHECK_OK(kith_sign_verify(sig, pk, KITH_L_CERT, NULL, 0));
}

/* Certificates and manifests: the signature stands alone, or at the end of the manifest. */
static void read_signature(const struct test_vectors *v, uint8_t sig[64])
{
	uint8_t manifest[1024];
	size_t len;

	if (test_vectors_has(v, "sig")) {
		test_vectors_bytes(v, "sig", sig, 64);
		return;
	}
	len = test_vectors_data(v, "manifest", manifest, sizeof(manifest));
	CHECK(len > 64);
	memcpy(sig, manifest + len - 64, 64);
}

TEST(crypto_signature_vectors)
{
	struct test_vectors *v = test_vectors_open("address.txt");
	uint8_t seed[32], ik[32], input[1024], want[64], sig[64];
	enum kith_label label;
	size_t len;
	int seen = 0;

	while (test_vectors_next(v)) {
		if (!test_vectors_has(v, "sig_input"))
			continue;
		seen++;
		test_vectors_bytes(v, "ik_seed", seed, 32);
		test_vectors_bytes(v, "ik", ik, 32);
		read_signature(v, want);
		len = test_vectors_data(v, "sig_input", input, sizeof(input));
		label = find_label(input);
		CHECK(label == KITH_L_CERT || label == KITH_L_MANIFEST);
		CHECK_EQ(input[16], KITH_SUITE);
		kith_sign(sig, seed, label, input + 17, len - 17);
		CHECK_MEM(sig, want, 64);
		CHECK_OK(kith_sign_verify(want, ik, label, input + 17, len - 17));
		kith_sign_public(sig, seed);
		CHECK_MEM(sig, ik, 32);
	}
	CHECK(seen >= 3);
	test_vectors_close(v);
}

TEST(crypto_blinded_signatures)
{
	uint64_t state = test_seed();
	uint8_t seed[32], h[64], random[32], pk[32], blinded[32], sig[64], m[50];
	size_t round, i;

	for (round = 0; round < 50; round++) {
		for (i = 0; i < 64; i++) {
			seed[i % 32] = (uint8_t)test_random(&state);
			h[i] = (uint8_t)test_random(&state);
			random[i % 32] = (uint8_t)test_random(&state);
			m[i % 50] = (uint8_t)test_random(&state);
		}
		kith_sign_public(pk, seed);
		CHECK_OK(kith_blind_public(blinded, pk, h));
		CHECK_OK(kith_blind_sign(sig, seed, h, random, KITH_L_REC_SIG, m, sizeof(m)));
		CHECK_OK(kith_sign_verify(sig, blinded, KITH_L_REC_SIG, m, sizeof(m)));
		CHECK_EQ(kith_sign_verify(sig, pk, KITH_L_REC_SIG, m, sizeof(m)), KITH_E_AUTH);
		CHECK(kith_point_valid(blinded));
	}
	memset(h, 0, sizeof(h));
	memset(blinded, 0x77, sizeof(blinded));
	CHECK_EQ(kith_blind_public(blinded, pk, h), KITH_E_AUTH);
	CHECK_EQ(blinded[0], 0x77);
	CHECK_EQ(kith_blind_sign(sig, seed, h, random, KITH_L_REC_SIG, m, 1), KITH_E_AUTH);
}

TEST(crypto_passphrase)
{
	uint8_t salt[16] = {1}, a[32], b[32];

	CHECK_OK(kith_passphrase_key(a, "word", 4, salt, 1, 64));
	CHECK_OK(kith_passphrase_key(b, "word", 4, salt, 1, 64));
	CHECK_MEM(a, b, 32);
	salt[15] = 1;
	CHECK_OK(kith_passphrase_key(b, "word", 4, salt, 1, 64));
	CHECK(!kith_equal(a, b, 32));
	CHECK_OK(kith_passphrase_key(b, "", 0, salt, 2, 8));
}
