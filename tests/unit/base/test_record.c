/* SPDX-License-Identifier: ISC */
#include "base/record.h"

#include <sodium.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crypto_internal.h"
#include "tests/test.h"
#include "tests/vectors.h"

struct owner {
	uint8_t seed[32];
	struct kith_record_secret s;
	struct kith_rng rng;
	struct kith_noncer noncer;
	uint8_t content[KITH_RECORD_CONTENT];
};

static void owner_init(struct owner *o, uint64_t seed)
{
	o->rng = test_rng(seed);
	kith_rng_fill(&o->rng, o->seed, 32);
	kith_rng_fill(&o->rng, o->s.s, 32);
	kith_rng_fill(&o->rng, o->content, sizeof(o->content));
	kith_sign_public(o->s.ik, o->seed);
	kith_noncer_init(&o->noncer, &o->rng);
}

TEST(record_round_trip)
{
	struct owner o;
	uint8_t record[KITH_RECORD], again[KITH_RECORD], content[KITH_RECORD_CONTENT], blinded[32];
	struct kith_id key, peeked, own;
	uint64_t seq = 0;

	owner_init(&o, test_seed());
	CHECK_OK(kith_record_make(record, &o.s, o.seed, 20000, 7, o.content, &o.noncer));
	CHECK_OK(kith_record_check(record, &key, &seq));
	CHECK_EQ(seq, 7);
	CHECK_OK(kith_record_key(&o.s, 20000, blinded, &own));
	CHECK_MEM(key.b, own.b, 32);
	CHECK_MEM(record, blinded, 32);
	kith_record_peek(record, &peeked, &seq);
	CHECK_MEM(peeked.b, own.b, 32);
	CHECK_OK(kith_record_open(content, &seq, record, &o.s, 20000));
	CHECK_MEM(content, o.content, sizeof(content));
	CHECK_OK(kith_record_make(again, &o.s, o.seed, 20000, 7, o.content, &o.noncer));
	CHECK(memcmp(record + 104, again + 104, 24) != 0); /* another nonce each time */
	CHECK_OK(kith_record_make(record, &o.s, o.seed, 20000, INT64_MAX, o.content, &o.noncer));
	CHECK_OK(kith_record_check(record, &key, &seq));
	CHECK_EQ(seq, INT64_MAX);
}

TEST(record_periods_share_nothing)
{
	struct owner o, other;
	uint8_t a[KITH_RECORD], b[KITH_RECORD], content[KITH_RECORD_CONTENT];
	struct kith_id ka, kb;
	uint64_t seq;

	owner_init(&o, test_seed());
	owner_init(&other, test_seed() + 1);
	CHECK_OK(kith_record_make(a, &o.s, o.seed, 20000, 7, o.content, &o.noncer));
	CHECK_OK(kith_record_make(b, &o.s, o.seed, 20001, 8, o.content, &o.noncer));
	CHECK_OK(kith_record_check(a, &ka, &seq));
	CHECK_OK(kith_record_check(b, &kb, &seq));
	CHECK(memcmp(ka.b, kb.b, 32) != 0);
	CHECK(memcmp(a, b, 32) != 0 && memcmp(a + 40, b + 40, 32) != 0);
	memset(content, 0x77, sizeof(content));
	CHECK_EQ(kith_record_open(content, &seq, a, &o.s, 20001), KITH_E_AUTH);
	CHECK_EQ(kith_record_open(content, &seq, b, &o.s, 20000), KITH_E_AUTH);
	CHECK_EQ(kith_record_open(content, &seq, a, &other.s, 20000), KITH_E_AUTH);
	CHECK_EQ(content[0] & content[KITH_RECORD_CONTENT - 1], 0x77);
	/* a contact, who holds S but not the seed, cannot make one */
	CHECK_OK(kith_record_make(a, &o.s, other.seed, 20000, 9, o.content, &o.noncer));
	CHECK_EQ(kith_record_check(a, &ka, &seq), KITH_E_AUTH);
}

TEST(record_every_bit)
{
	struct owner o;
	uint8_t record[KITH_RECORD];
	struct kith_id key;
	uint64_t seq = 99;
	size_t i;
	int err;

	owner_init(&o, test_seed());
	CHECK_OK(kith_record_make(record, &o.s, o.seed, 20000, 7, o.content, &o.noncer));
	memset(&key, 0x77, sizeof(key));
	for (i = 0; i < 8 * KITH_RECORD; i += i < 8 * 168 ? 1 : 7) {
		record[i / 8] ^= (uint8_t)(1u << (i % 8));
		err = kith_record_check(record, &key, &seq);
		CHECK(err == KITH_E_AUTH || err == KITH_E_MALFORMED);
		if (i >= 256) /* behind the key, which whoever calls it knows */
			CHECK_EQ(kith_record_check_known(record, &key, &seq), err);
		CHECK_EQ(err == KITH_E_MALFORMED, i == 8 * 40 - 1);
		record[i / 8] ^= (uint8_t)(1u << (i % 8));
	}
	CHECK_EQ(seq, 99);
	CHECK_EQ(key.b[31], 0x77);
	CHECK_OK(kith_record_check(record, &key, &seq));
	CHECK_OK(kith_record_check_known(record, &key, &seq));
}

/* Keys with a part of small order: 4 alone and 3 added to a good key. */
static const char *const torsion[] = {
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"ea5ef8400c31ef41e28f22e718b43f66981b29cf645af2a0e223799bedaace47",
	"62d5a653bcdb4ced227281ab7f0f2d1eebed4fb114b1aead9758cf56aeebd493",
	"b502ff3d92e31d8190b4aa4ea0414005167fad089c4de9dac8a2fc850fed4f58",
	/* not canonical: p + 1, and x = 0 with its sign set */
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0100000000000000000000000000000000000000000000000000000000000080",
	/* not on the curve */
	"0200000000000000000000000000000000000000000000000000000000000000",
};

TEST(record_torsion_keys_refused)
{
	struct owner o;
	uint8_t record[KITH_RECORD], blinded[32], content[KITH_RECORD_CONTENT];
	struct kith_id key;
	uint64_t seq;
	size_t i;

	owner_init(&o, test_seed());
	for (i = 0; i < sizeof(torsion) / sizeof(torsion[0]); i++) {
		CHECK_OK(kith_record_make(record, &o.s, o.seed, 20000, 7, o.content, &o.noncer));
		CHECK_OK(kith_hex_decode(record, 32, torsion[i], 64));
		CHECK_EQ(kith_record_check(record, &key, &seq), KITH_E_AUTH);
		CHECK(!kith_point_valid(record));
		memcpy(o.s.ik, record, 32);
		CHECK_EQ(kith_record_key(&o.s, 20000, blinded, &key), KITH_E_AUTH);
		CHECK_EQ(kith_record_make(record, &o.s, o.seed, 20000, 7, o.content, &o.noncer),
			 KITH_E_AUTH);
		CHECK_EQ(kith_record_open(content, &seq, record, &o.s, 20000), KITH_E_AUTH);
		kith_sign_public(o.s.ik, o.seed);
	}
}

/* Ed25519 by hand: the scalar of `seed`, the key `pk` in the challenge, r from `m` alone. */
static void sign_as(uint8_t sig[64], const uint8_t seed[32], const uint8_t pk[32], const uint8_t *m,
		    size_t len)
{
	crypto_hash_sha512_state hash;
	uint8_t wide[64], half[64], a[32], r[32], k[32];

	crypto_hash_sha512(half, seed, 32);
	half[0] &= 248;
	half[31] = (half[31] & 63) | 64;
	memset(half + 32, 0, 32);
	crypto_core_ed25519_scalar_reduce(a, half);
	crypto_hash_sha512(wide, m, len);
	crypto_core_ed25519_scalar_reduce(r, wide);
	CHECK_EQ(crypto_scalarmult_ed25519_base_noclamp(sig, r), 0);
	crypto_hash_sha512_init(&hash);
	crypto_hash_sha512_update(&hash, sig, 32);
	crypto_hash_sha512_update(&hash, pk, 32);
	crypto_hash_sha512_update(&hash, m, len);
	crypto_hash_sha512_final(&hash, wide);
	crypto_core_ed25519_scalar_reduce(k, wide);
	crypto_core_ed25519_scalar_mul(k, k, a);
	crypto_core_ed25519_scalar_add(sig + 32, k, r);
}

/* Under A + T a signature made with A's scalar verifies whenever the challenge cancels T: plain
 * Ed25519 takes every second one for T of order 2, the check of a record none. */
TEST(record_mixed_key_with_good_signature)
{
	uint8_t record[KITH_RECORD] = {0}, in[17 + 928], seed[32];
	struct kith_id key;
	uint64_t seq, tries;
	int taken = 0;

	for (seq = 0; seq < 32; seq++)
		seed[seq] = (uint8_t)seq; /* torsion[4] is its key plus the point of order 2 */
	CHECK_OK(kith_hex_decode(record, 32, torsion[4], 64));
	kith_label_bytes(in, KITH_L_REC_SIG);
	in[16] = KITH_SUITE;
	for (tries = 0; tries < 40; tries++) {
		kith_store_u64(record + 32, tries);
		memcpy(in + 17, record + 32, 8);
		memcpy(in + 25, record + 104, 920);
		sign_as(record + 40, seed, record, in, sizeof(in));
		taken += kith__sign_verify_raw(record + 40, record, in, sizeof(in)) == KITH_OK;
		CHECK_EQ(kith_record_check(record, &key, &seq), KITH_E_AUTH);
	}
	CHECK(taken > 0 && taken < 40);
}

TEST(record_period_edges)
{
	struct owner o;
	uint64_t start, n, t;

	owner_init(&o, test_seed());
	n = kith_record_period(&o.s, 1794960000, &start);
	CHECK(start <= 1794960000 && start + KITH_DAY_S > 1794960000);
	CHECK_EQ(kith_record_period(&o.s, start, NULL), n);
	CHECK_EQ(kith_record_period(&o.s, start - 1, NULL), n - 1);
	CHECK_EQ(kith_record_period(&o.s, start + KITH_DAY_S - 1, NULL), n);
	CHECK_EQ(kith_record_period(&o.s, start + KITH_DAY_S, &t), n + 1);
	CHECK_EQ(t, start + KITH_DAY_S);
	CHECK_EQ(kith_record_period(&o.s, 0, NULL), 0);
}

/* ---- vectors ---- */

static void vector_record(const struct test_vectors *v)
{
	struct kith_record_secret s;
	uint8_t seed[32], nonce[24], random[32], want[KITH_RECORD], got[KITH_RECORD], id[32];
	uint8_t content[KITH_RECORD_CONTENT], opened[KITH_RECORD_CONTENT];
	uint64_t period = (uint64_t)test_vectors_int(v, "period"), seq, start;
	struct kith_id key;

	test_vectors_bytes(v, "ik_seed", seed, 32);
	test_vectors_bytes(v, "ik", s.ik, 32);
	test_vectors_bytes(v, "s", s.s, 32);
	test_vectors_bytes(v, "nonce", nonce, 24);
	test_vectors_bytes(v, "sig_random", random, 32);
	test_vectors_bytes(v, "content", content, sizeof(content));
	test_vectors_bytes(v, "record", want, sizeof(want));
	test_vectors_bytes(v, "dht_key", id, 32);
	CHECK_EQ(kith_record_period(&s, (uint64_t)test_vectors_int(v, "time"), &start), period);
	CHECK_EQ(start % KITH_DAY_S, test_vectors_int(v, "off"));
	CHECK_OK(kith__record_make(got, &s, seed, period, (uint64_t)test_vectors_int(v, "seq"),
				   content, nonce, random));
	CHECK_MEM(got, want, sizeof(want));
	CHECK_OK(kith_record_check(want, &key, &seq));
	CHECK_MEM(key.b, id, 32);
	CHECK_EQ(seq, test_vectors_int(v, "seq"));
	CHECK_OK(kith_record_open(opened, &seq, want, &s, period));
	CHECK_MEM(opened, content, sizeof(content));
}

TEST(record_vectors)
{
	struct test_vectors *v = test_vectors_open("record.txt");
	int records = 0, periods = 0, secrets = 0;

	while (test_vectors_next(v)) {
		struct kith_record_secret s;
		uint8_t cap[16], got[32];

		if (test_vectors_has(v, "record")) {
			vector_record(v);
			records++;
		} else if (test_vectors_has(v, "cap")) {
			test_vectors_bytes(v, "cap", cap, 16);
			test_vectors_bytes(v, "ik", s.ik, 32);
			test_vectors_bytes(v, "s", s.s, 32);
			kith_record_knock_secret(got, cap, s.ik);
			CHECK_MEM(got, s.s, 32);
			secrets++;
		} else if (test_vectors_has(v, "time")) {
			test_vectors_bytes(v, "ik", s.ik, 32);
			test_vectors_bytes(v, "s", s.s, 32);
			CHECK_EQ(kith_record_period(&s, (uint64_t)test_vectors_int(v, "time"),
						    NULL),
				 test_vectors_int(v, "period"));
			periods++;
		}
	}
	CHECK_EQ(records, 4);
	CHECK_EQ(periods, 5);
	CHECK_EQ(secrets, 1);
	test_vectors_close(v);
}
