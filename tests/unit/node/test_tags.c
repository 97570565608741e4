/* SPDX-License-Identifier: ISC */
/* tests/vectors/tags.txt: chains, wraps, buckets, stamps, receipts; and API handles. */
#include <stdio.h>
#include <string.h>

#include "node/proto.h"
#include "tests/test.h"
#include "tests/vectors.h"

static uint8_t root[32], ml[2][32], chain[2][32], blob[KITH_BLOB], blob_tag[16], last_ml[32];
static uint32_t version;

static void start_version(const struct test_vectors *v)
{
	uint8_t want[32], next[32];

	version = (uint32_t)test_vectors_int(v, "version");
	test_vectors_bytes(v, "r", root, 32);
	test_vectors_bytes(v, "ml0", ml[0], 32);
	test_vectors_bytes(v, "ml1", ml[1], 32);
	kith__tag_init(chain[0], root, ml[0], version);
	kith__tag_init(chain[1], root, ml[1], version);
	kith__tag_root_next(next, root);
	test_vectors_bytes(v, "r_next", want, 32);
	CHECK_MEM(next, want, 32);
}

static void check_tag(const struct test_vectors *v)
{
	int64_t box = test_vectors_int(v, "mailbox");
	struct kith_tag_keys k;
	uint8_t want[32];

	CHECK(box == 0 || box == 1);
	CHECK_EQ(test_vectors_int(v, "version"), version);
	test_vectors_bytes(v, "t", want, 32);
	CHECK_MEM(chain[box], want, 32);
	kith__tag_derive(&k, chain[box]);
	test_vectors_bytes(v, "d", want, 32);
	CHECK_MEM(k.d, want, 32);
	test_vectors_bytes(v, "tag", want, 16);
	CHECK_MEM(k.tag, want, 16);
	test_vectors_bytes(v, "w", want, 32);
	CHECK_MEM(k.wrap, want, 32);
	kith__tag_next(chain[box]);
}

static void check_blob(const struct test_vectors *v)
{
	uint8_t nonce[24], wrap[32], inner[KITH_INNER], got[KITH_INNER], want[KITH_BLOB];
	unsigned i;

	test_vectors_bytes(v, "tag", blob_tag, 16);
	test_vectors_bytes(v, "w", wrap, 32);
	test_vectors_bytes(v, "nonce", nonce, 24);
	test_vectors_bytes(v, "inner", inner, sizeof(inner));
	kith__blob_wrap(blob, nonce, wrap, blob_tag, inner);
	test_vectors_bytes(v, "blob", want, sizeof(want));
	CHECK_MEM(blob, want, sizeof(want));
	CHECK_OK(kith__blob_unwrap(got, wrap, blob_tag, blob));
	CHECK_MEM(got, inner, sizeof(inner));
	for (i = 0; i < KITH_BLOB * 8; i += 13) {
		want[i / 8] ^= (uint8_t)(1u << i % 8);
		CHECK_EQ(kith__blob_unwrap(got, wrap, blob_tag, want), KITH_E_AUTH);
		want[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	blob_tag[0] ^= 1;
	CHECK_EQ(kith__blob_unwrap(got, wrap, blob_tag, blob), KITH_E_AUTH);
	blob_tag[0] ^= 1;
}

static void check_bucket(const struct test_vectors *v)
{
	uint8_t s[32], ms[32], want[32], m[32];
	char name[16];
	unsigned p;

	test_vectors_bytes(v, "s", s, 32);
	test_vectors_bytes(v, "ml", m, 32);
	kith__mailbox_secret(ms, s);
	test_vectors_bytes(v, "ms", want, 32);
	CHECK_MEM(ms, want, 32);
	CHECK_EQ(kith__bucket(ms, m, 16), test_vectors_int(v, "word"));
	for (p = 0; p <= 6; p++) {
		snprintf(name, sizeof(name), "bucket_p%u", p);
		CHECK_EQ(kith__bucket(ms, m, p), test_vectors_int(v, name) << (16 - p));
	}
}

static void check_stamp(const struct test_vectors *v)
{
	unsigned bits = (unsigned)test_vectors_int(v, "bits");
	uint64_t hour = (uint64_t)test_vectors_int(v, "hour"), tried = 0;
	uint8_t q[32], want[64], stamp[64], other[32];
	unsigned i, lucky = 0;

	test_vectors_bytes(v, "ml", last_ml, 32);
	kith__stamp_seed(q, last_ml, blob_tag, blob, sizeof(blob), hour);
	test_vectors_bytes(v, "q", want, 32);
	CHECK_MEM(q, want, 32);
	while (!kith__stamp_search(stamp, &tried, 10, q, bits))
		CHECK(tried < 100000);
	test_vectors_bytes(v, "stamp", want, 64);
	CHECK_MEM(stamp, want, 64);
	CHECK(kith__stamp_check(stamp, q, bits));
	for (i = 1; i <= 256; i++) { /* for another hour or blob it is worth a guess, 1 in 2^bits */
		kith__stamp_seed(other, last_ml, blob_tag, blob, sizeof(blob), hour + i);
		lucky += kith__stamp_check(stamp, other, bits);
		kith__stamp_seed(other, last_ml, blob_tag, blob, sizeof(blob) - i, hour);
		lucky += kith__stamp_check(stamp, other, bits);
	}
	CHECK(lucky <= 8);
	stamp[63] = 1; /* the zeros must be zero */
	CHECK(!kith__stamp_check(stamp, q, bits));
}

static void check_receipt(const struct test_vectors *v)
{
	uint16_t bucket = (uint16_t)test_vectors_int(v, "bucket");
	uint8_t p = (uint8_t)test_vectors_int(v, "p");
	struct kith_receipt r;
	uint8_t seed[32], mk[32], want[80];
	unsigned i;

	test_vectors_bytes(v, "mk_seed", seed, 32);
	test_vectors_bytes(v, "mk", mk, 32);
	test_vectors_bytes(v, "ml", last_ml, 32);
	r.received_s = (uint64_t)test_vectors_int(v, "received");
	r.expiry_s = (uint64_t)test_vectors_int(v, "expiry");
	kith__receipt_sign(&r, seed, last_ml, bucket, p, blob_tag, blob, sizeof(blob));
	test_vectors_bytes(v, "receipt", want, sizeof(want));
	CHECK_MEM(r.sig, want + 16, 64);
	CHECK_OK(kith__receipt_check(&r, mk, last_ml, bucket, p, blob_tag, blob, sizeof(blob)));
	for (i = 0; i < 512; i++) {
		r.sig[i / 8] ^= (uint8_t)(1u << i % 8);
		CHECK_EQ(kith__receipt_check(&r, mk, last_ml, bucket, p, blob_tag, blob,
					     sizeof(blob)),
			 KITH_E_AUTH);
		r.sig[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	for (i = 0; i < 64; i++) {
		r.expiry_s ^= (uint64_t)1 << i;
		CHECK_EQ(kith__receipt_check(&r, mk, last_ml, bucket, p, blob_tag, blob,
					     sizeof(blob)),
			 KITH_E_AUTH);
		r.expiry_s ^= (uint64_t)1 << i;
	}
	CHECK_EQ(kith__receipt_check(&r, mk, last_ml, bucket, (uint8_t)(p ^ 1u), blob_tag, blob,
				     sizeof(blob)),
		 KITH_E_AUTH);
	CHECK_EQ(kith__receipt_check(&r, mk, last_ml, bucket ^ 1, p, blob_tag, blob, sizeof(blob)),
		 KITH_E_AUTH);
	CHECK_EQ(kith__receipt_check(&r, mk, mk, bucket, p, blob_tag, blob, sizeof(blob)),
		 KITH_E_AUTH);
}

static void check_bind(const struct test_vectors *v)
{
	uint8_t seed[32], mk[32], sig[64], want[64];

	test_vectors_bytes(v, "mk_seed", seed, 32);
	test_vectors_bytes(v, "mk", mk, 32);
	kith__bind_sign(sig, seed, last_ml, mk);
	test_vectors_bytes(v, "sig", want, 64);
	CHECK_MEM(sig, want, 64);
	CHECK_OK(kith__bind_check(sig, last_ml, mk));
	CHECK_EQ(kith__bind_check(sig, mk, mk), KITH_E_AUTH);
	sig[3] ^= 8;
	CHECK_EQ(kith__bind_check(sig, last_ml, mk), KITH_E_AUTH);
}

TEST(tags_file_is_that_of_the_model)
{
	struct test_vectors *v = test_vectors_open("tags.txt");
	int versions = 0, tags = 0, blobs = 0, buckets = 0, stamps = 0, receipts = 0, binds = 0;

	while (test_vectors_next(v)) {
		if (test_vectors_has(v, "r_next"))
			start_version(v), versions++;
		else if (test_vectors_has(v, "index"))
			check_tag(v), tags++;
		else if (test_vectors_has(v, "inner"))
			check_blob(v), blobs++;
		else if (test_vectors_has(v, "word"))
			check_bucket(v), buckets++;
		else if (test_vectors_has(v, "hour"))
			check_stamp(v), stamps++;
		else if (test_vectors_has(v, "receipt"))
			check_receipt(v), receipts++;
		else if (test_vectors_has(v, "mk_seed"))
			check_bind(v), binds++;
	}
	CHECK_EQ(versions, 2);
	CHECK_EQ(tags, 280);
	CHECK_EQ(blobs, 2);
	CHECK_EQ(buckets, 2);
	CHECK_EQ(stamps, 1);
	CHECK_EQ(receipts, 1);
	CHECK_EQ(binds, 1);
	test_vectors_close(v);
}

TEST(handle_is_a_permutation)
{
	static const uint64_t ids[] = {0, 1, 2, 255, 65536, 0x7fffffffffffffff, UINT64_MAX};
	struct kith_rng rng = test_rng(test_seed());
	uint8_t key[32], other[32], h[16], last[16] = {0};
	uint64_t id;
	size_t i, t;

	kith_rng_fill(&rng, key, 32);
	kith_rng_fill(&rng, other, 32);
	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		for (t = 0; t < 65536; t += 4369) {
			kith__handle_make(h, key, (uint16_t)t, ids[i]);
			CHECK(memcmp(h, last, 16) != 0);
			memcpy(last, h, 16);
			CHECK(kith__handle_open(h, key, (uint16_t)t, &id));
			CHECK(id == ids[i]);
			CHECK(!kith__handle_open(h, key, (uint16_t)(t ^ 1), &id));
			CHECK(!kith__handle_open(h, other, (uint16_t)t, &id));
		}
	for (i = 0; i < 100000; i++) { /* guesses */
		kith_rng_fill(&rng, h, 16);
		CHECK(!kith__handle_open(h, key, 1, &id));
	}
}
