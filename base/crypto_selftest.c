/* SPDX-License-Identifier: ISC */
/*
 * The start-up self-test (crypto.md 12): a program whose library was swapped for a broken one, or
 * was compiled wrongly, refuses to run. All together below 5 ms.
 *
 * Known answers come from the Python model in tests/vectors/model, keys are the bytes 0, 1, 2 ..
 * from a start. Every check takes `fault`: it then falsifies its own result and must fail, which
 * the unit test tries for each, so a check that cannot fail is found.
 */
#include <string.h>

#include "base/crypto_internal.h"
#include "base/keccak.h"
#include "base/kem768.h"
#include "base/noise.h"

/* The Ed25519 key of the seed 0, 1, 2 .. */
static const uint8_t prime_order[32] = {
	0x03, 0xa1, 0x07, 0xbf, 0xf3, 0xce, 0x10, 0xbe, 0x1d, 0x70, 0xdd,
	0x18, 0xe7, 0x4b, 0xc0, 0x99, 0x67, 0xe4, 0xd6, 0x30, 0x9b, 0xa5,
	0x0d, 0x5f, 0x1d, 0xdc, 0x86, 0x64, 0x12, 0x55, 0x31, 0xb8,
};

/* Keys that must be refused: points that have a part outside the group of prime order. */
static const uint8_t bad_point[][32] = {
	/* order 2, y = -1 */
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	/* order 4, y = 0 */
	{0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
	/* the neutral element */
	{0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
	/* order 8 */
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
	 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
	 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
	/* prime order + order 2 */
	{0xea, 0x5e, 0xf8, 0x40, 0x0c, 0x31, 0xef, 0x41, 0xe2, 0x8f, 0x22,
	 0xe7, 0x18, 0xb4, 0x3f, 0x66, 0x98, 0x1b, 0x29, 0xcf, 0x64, 0x5a,
	 0xf2, 0xa0, 0xe2, 0x23, 0x79, 0x9b, 0xed, 0xaa, 0xce, 0x47},
	/* prime order + order 4 */
	{0x62, 0xd5, 0xa6, 0x53, 0xbc, 0xdb, 0x4c, 0xed, 0x22, 0x72, 0x81,
	 0xab, 0x7f, 0x0f, 0x2d, 0x1e, 0xeb, 0xed, 0x4f, 0xb1, 0x14, 0xb1,
	 0xae, 0xad, 0x97, 0x58, 0xcf, 0x56, 0xae, 0xeb, 0xd4, 0x93},
	/* prime order + order 8 */
	{0xb5, 0x02, 0xff, 0x3d, 0x92, 0xe3, 0x1d, 0x81, 0x90, 0xb4, 0xaa,
	 0x4e, 0xa0, 0x41, 0x40, 0x05, 0x16, 0x7f, 0xad, 0x08, 0x9c, 0x4d,
	 0xe9, 0xda, 0xc8, 0xa2, 0xfc, 0x85, 0x0f, 0xed, 0x4f, 0x58},
};

static const uint8_t want_kdf[32] = {
	0xc4, 0x8f, 0x71, 0x09, 0x0e, 0x0b, 0x65, 0xf9, 0xf5, 0xd2, 0x61,
	0xcc, 0xf4, 0xf7, 0xa4, 0xe9, 0xdd, 0xb4, 0x0b, 0x01, 0xb7, 0x14,
	0xc1, 0xfd, 0xb1, 0x15, 0x5e, 0xb9, 0x0c, 0x6f, 0xd0, 0xb4,
};
static const uint8_t want_sha3[32] = {
	0x1c, 0xcd, 0x4b, 0x39, 0x3e, 0xd1, 0x10, 0x52, 0x81, 0x97, 0x03,
	0x9c, 0x58, 0xe3, 0x89, 0x76, 0x70, 0x02, 0x07, 0x87, 0xd9, 0x3c,
	0xd7, 0x59, 0x09, 0xdb, 0xac, 0xfd, 0x00, 0x9c, 0xc4, 0x8f,
};
static const uint8_t want_kem[32] = {
	0x1b, 0x50, 0xb1, 0x25, 0x31, 0xd5, 0xdc, 0xd3, 0x72, 0xcc, 0x7c,
	0x92, 0xa8, 0xf4, 0x7a, 0x5a, 0x37, 0x9b, 0x33, 0x47, 0x70, 0x7c,
	0xbe, 0x45, 0x97, 0x7d, 0xb8, 0xf2, 0x3b, 0xec, 0xb0, 0x97,
};
static const uint8_t want_xseal[20] = {
	0xbf, 0x50, 0x71, 0x18, 0x8f, 0x72, 0x97, 0x4e, 0xa6, 0x0b,
	0x4d, 0x33, 0x51, 0x5e, 0x88, 0x9e, 0x15, 0x6d, 0xfd, 0xd5,
};
static const uint8_t want_aead[20] = {
	0x9b, 0x20, 0xd9, 0x8c, 0x00, 0xc0, 0x96, 0x78, 0x7c, 0x5f,
	0xf4, 0x9f, 0x82, 0x46, 0xbb, 0x2f, 0xa2, 0x54, 0x38, 0x41,
};
static const uint8_t want_dh[32] = {
	0x96, 0x63, 0xaa, 0x1d, 0xa9, 0x7e, 0x84, 0x8a, 0x91, 0x4a, 0x43,
	0x6d, 0x04, 0x16, 0x3d, 0xfb, 0xb8, 0x91, 0x78, 0xf1, 0x07, 0xf1,
	0xb5, 0xb7, 0x7e, 0xd3, 0x85, 0x42, 0x03, 0x38, 0x28, 0x54,
};
static const uint8_t want_signature[64] = {
	0xb3, 0x9d, 0xa9, 0xc8, 0x37, 0x86, 0x6f, 0x16, 0x11, 0xfc, 0xa3, 0x61, 0xd2,
	0x7d, 0x70, 0x0c, 0x60, 0x64, 0x3a, 0xf7, 0xeb, 0x52, 0x1e, 0xdb, 0xf0, 0x85,
	0x47, 0xb4, 0x04, 0x03, 0xc0, 0xe8, 0x2b, 0x6a, 0x25, 0x80, 0xd4, 0x56, 0x46,
	0x0e, 0x85, 0x63, 0xb7, 0x0a, 0x3c, 0xdf, 0xb7, 0x74, 0x12, 0xc6, 0x91, 0xf1,
	0x11, 0xc2, 0x80, 0x06, 0xf1, 0x05, 0xb5, 0x59, 0xe5, 0xd9, 0x8c, 0x03,
};
static const uint8_t want_record[32] = {
	0xa1, 0xfb, 0xff, 0xc0, 0x33, 0x43, 0xb1, 0x31, 0x29, 0x4a, 0x79,
	0xa5, 0x15, 0x05, 0x37, 0x82, 0x85, 0x13, 0x0d, 0x2c, 0x29, 0x41,
	0x49, 0x0a, 0xac, 0xf7, 0x8b, 0xf5, 0xaf, 0x4f, 0xe9, 0x62,
};
static const uint8_t want_noise[32] = {
	0x54, 0x3b, 0xdd, 0x08, 0x48, 0x01, 0x5b, 0x68, 0x4d, 0x10, 0x86,
	0x33, 0x1d, 0x38, 0x94, 0x43, 0x9c, 0x13, 0x80, 0xa9, 0x1b, 0x9e,
	0x74, 0x9e, 0x28, 0xfd, 0x8b, 0x9a, 0x4e, 0x07, 0xf5, 0x77,
};

/* Fills with start, start + 1, ... */
static void count_up(uint8_t *p, size_t len, uint8_t start)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(start + i);
}

static bool answer_is(uint8_t *got, const uint8_t *want, size_t len, bool fault)
{
	if (fault)
		got[len - 1] ^= 1;
	return kith_equal(got, want, len);
}

/* ---- refusals ---- */

/* The check that CVE-2025-69277 was about. */
static bool refuses_points(bool fault)
{
	size_t i;

	if (!kith_point_valid(prime_order))
		return false;
	for (i = 0; i < sizeof(bad_point) / sizeof(bad_point[0]); i++)
		if (kith_point_valid(fault ? prime_order : bad_point[i]))
			return false;
	return true;
}

static bool refuses_blinding(bool fault)
{
	uint8_t h[64];
	uint8_t out[32];
	size_t i;

	count_up(h, sizeof(h), 0);
	if (kith_blind_public(out, prime_order, h) != KITH_OK)
		return false;
	for (i = 0; i < sizeof(bad_point) / sizeof(bad_point[0]); i++)
		if (kith_blind_public(out, fault ? prime_order : bad_point[i], h) == KITH_OK)
			return false;
	memset(h, 0, sizeof(h));
	return kith_blind_public(out, prime_order, h) != KITH_OK;
}

static bool refuses_zero_dh(bool fault)
{
	uint8_t sk[32];
	uint8_t pk[32] = {0};
	uint8_t out[32];

	count_up(sk, sizeof(sk), 0);
	pk[0] = fault ? 9 : 0;
	if (kith_dh(out, sk, pk) == KITH_OK)
		return false;
	pk[0] = 1;
	return kith_dh(out, sk, pk) != KITH_OK;
}

static bool refuses_wrong_tags(bool fault)
{
	uint8_t key[32], nonce[24];
	uint8_t in[sizeof(want_aead)];
	uint8_t out[4];

	count_up(key, sizeof(key), 0);
	count_up(nonce, sizeof(nonce), 64);
	if (kith_xopen(out, nonce, key, "ad", 2, want_xseal, sizeof(want_xseal)) != KITH_OK ||
	    memcmp(out, "kith", 4) != 0)
		return false;
	memcpy(in, want_aead, sizeof(in));
	in[0] ^= fault ? 0 : 1;
	return kith_aead_open(out, key, 0x0102030405060708u, "ad", 2, in, sizeof(in)) != KITH_OK;
}

/* ---- known answers ---- */

static bool answers_kdf(bool fault)
{
	uint8_t cap[16], ik[32], got[32];

	count_up(cap, sizeof(cap), 0);
	count_up(ik, sizeof(ik), 32);
	kith_record_knock_secret(got, cap, ik);
	return answer_is(got, want_kdf, sizeof(want_kdf), fault);
}

static bool answers_keccak(bool fault)
{
	uint8_t got[32];

	kith_sha3_256(got, (const uint8_t *)"kith", 4);
	return answer_is(got, want_sha3, sizeof(want_sha3), fault);
}

/* Digest over ek | dk | ct | ss | ss of a damaged ct. */
static bool answers_kem(bool fault)
{
	uint8_t all[KITH_KEM_EK + KITH_KEM_DK + KITH_KEM_CT + 2 * KITH_KEM_SS];
	uint8_t *ek = all, *dk = ek + KITH_KEM_EK, *ct = dk + KITH_KEM_DK, *ss = ct + KITH_KEM_CT;
	uint8_t seed[64], m[32], got[32], opened[32];

	count_up(seed, sizeof(seed), 0);
	count_up(m, sizeof(m), 64);
	kith_kem_keygen(ek, dk, seed);
	if (!kith_kem_ek_valid(ek) || !kith_kem_dk_valid(dk) ||
	    kith_kem_encap(ct, ss, ek, m) != KITH_OK)
		return false;
	kith_kem_decap(opened, ct, dk);
	if (!kith_equal(opened, ss, sizeof(opened)))
		return false;
	ct[0] ^= 1;
	kith_kem_decap(ss + KITH_KEM_SS, ct, dk);
	ct[0] ^= 1;
	kith_blake2b(got, all, sizeof(all));
	return answer_is(got, want_kem, sizeof(want_kem), fault);
}

static bool answers_xseal(bool fault)
{
	uint8_t key[32], nonce[24], got[sizeof(want_xseal)];

	count_up(key, sizeof(key), 0);
	count_up(nonce, sizeof(nonce), 64);
	kith_xseal(got, nonce, key, "ad", 2, "kith", 4);
	return answer_is(got, want_xseal, sizeof(want_xseal), fault);
}

static bool answers_aead(bool fault)
{
	uint8_t key[32], got[sizeof(want_aead)];

	count_up(key, sizeof(key), 0);
	kith_aead_seal(got, key, 0x0102030405060708u, "ad", 2, "kith", 4);
	return answer_is(got, want_aead, sizeof(want_aead), fault);
}

static bool answers_dh(bool fault)
{
	uint8_t a[32], b[32], pk[32], got[32];

	count_up(a, sizeof(a), 0);
	count_up(b, sizeof(b), 32);
	kith_dh_public(pk, b);
	if (kith_dh(got, a, pk) != KITH_OK)
		return false;
	return answer_is(got, want_dh, sizeof(want_dh), fault);
}

static bool answers_sign(bool fault)
{
	uint8_t seed[32], pk[32], got[64];

	count_up(seed, sizeof(seed), 0);
	kith_sign_public(pk, seed);
	kith__sign_raw(got, seed, "kith", 4);
	return kith_equal(pk, prime_order, sizeof(pk)) &&
	       kith__sign_verify_raw(got, pk, "kith", 4) == KITH_OK &&
	       kith__sign_verify_raw(got, pk, "kitH", 4) != KITH_OK &&
	       answer_is(got, want_signature, sizeof(want_signature), fault);
}

/* Blinded key, seal and blinded signature in one. */
static bool answers_record(bool fault)
{
	struct kith_record_secret s;
	uint8_t seed[32], nonce[24], random[32], content[KITH_RECORD_CONTENT];
	uint8_t record[KITH_RECORD], got[32];
	struct kith_id key;
	uint64_t seq;

	count_up(seed, sizeof(seed), 0);
	count_up(s.s, sizeof(s.s), 160);
	memcpy(s.ik, prime_order, sizeof(s.ik));
	count_up(nonce, sizeof(nonce), 64);
	count_up(random, sizeof(random), 96);
	count_up(content, sizeof(content), 0);
	if (kith__record_make(record, &s, seed, 20000, 5, content, nonce, random) != KITH_OK ||
	    kith_record_check(record, &key, &seq) != KITH_OK)
		return false;
	kith_blake2b(got, record, sizeof(record));
	return answer_is(got, want_record, sizeof(want_record), fault);
}

/* Both messages of IKpsk2 as the one state that both sides reach: e, es, s, ss / e, ee, se, psk. */
static bool answers_noise(bool fault)
{
	static const uint8_t first[4] = {0, 32, 64, 96}; /* s and s of the responder, e and e */
	struct kith_noise n;
	uint8_t sk[4][32], pk[4][32], dh[4][32], psk[32], out[64], end[128], got[32];
	size_t i;
	bool ok = true;

	for (i = 0; i < 4; i++) {
		count_up(sk[i], 32, first[i]);
		kith_dh_public(pk[i], sk[i]);
	}
	count_up(psk, sizeof(psk), 128);
	ok = ok && kith_dh(dh[0], sk[2], pk[1]) == KITH_OK && kith_dh(dh[1], sk[0], pk[1]) == 0;
	ok = ok && kith_dh(dh[2], sk[2], pk[3]) == KITH_OK && kith_dh(dh[3], sk[0], pk[3]) == 0;
	if (!ok)
		return false;
	kith_noise_init(&n, KITH_NOISE_NAME, "kith", 4);
	kith_noise_mix_hash(&n, pk[1], 32);
	kith_noise_mix_hash(&n, pk[2], 32);
	kith_noise_mix_key(&n, pk[2], 32);
	kith_noise_mix_key(&n, dh[0], 32);
	(void)kith_noise_seal(&n, out, pk[0], 32);
	kith_noise_mix_key(&n, dh[1], 32);
	(void)kith_noise_seal(&n, out, "one", 3);
	kith_noise_mix_hash(&n, pk[3], 32);
	kith_noise_mix_key(&n, pk[3], 32);
	kith_noise_mix_key(&n, dh[2], 32);
	kith_noise_mix_key(&n, dh[3], 32);
	kith_noise_mix_key_and_hash(&n, psk);
	(void)kith_noise_seal(&n, out, "two", 3);
	memcpy(end, n.h, 64);
	kith_noise_split(&n, end + 64, end + 96);
	kith_noise_wipe(&n);
	kith_blake2b(got, end, sizeof(end));
	return answer_is(got, want_noise, sizeof(want_noise), fault);
}

/* ---- the table ---- */

static const struct check {
	bool (*passes)(bool fault);
	const char *sentence;
} checks[] = {
	{refuses_points, "libsodium takes an Ed25519 key outside the prime-order group for valid"},
	{refuses_blinding, "libsodium multiplies an Ed25519 key outside the prime-order group"},
	{refuses_zero_dh, "X25519 gives a result for a key of small order"},
	{refuses_wrong_tags, "ChaCha20-Poly1305 opens what was changed, or not what was sealed"},
	{answers_kdf, "BLAKE2b with key and personalisation gives a wrong answer"},
	{answers_keccak, "SHA3-256 gives a wrong answer"},
	{answers_kem, "ML-KEM-768 gives a wrong answer"},
	{answers_xseal, "XChaCha20-Poly1305 gives a wrong answer"},
	{answers_aead, "ChaCha20-Poly1305 gives a wrong answer"},
	{answers_dh, "X25519 gives a wrong answer"},
	{answers_sign, "Ed25519 gives a wrong answer"},
	{answers_record, "a blinded record comes out wrong"},
	{answers_noise, "the Noise handshake state comes out wrong"},
};

size_t kith__selftest_count(void)
{
	return sizeof(checks) / sizeof(checks[0]);
}

const char *kith__selftest_run(size_t i, bool fault)
{
	KITH_ASSERT(i < kith__selftest_count());
	return checks[i].passes(fault) ? NULL : checks[i].sentence;
}
