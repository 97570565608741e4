/* SPDX-License-Identifier: ISC */
/* ML-KEM-768 against NIST's, Wycheproof's and accumulated vectors. Everything runs over our own
 * code and over the names the product calls, which may be libsodium's. */
#include "base/kem768.h"

#include "base/keccak.h"
#include "base/kem768_internal.h"
#include "tests/test.h"
#include "tests/unit/base/json_vectors.h"
#include "tests/unit/base/kem768_accumulated.h"

#include <string.h>

enum { ENTRY_MAX = 2500, DK_EK = 1152, DK_HASH = 2336 };

static const struct kem kems[2] = {
	{kith_kem768_keygen, kith_kem768_encap, kith_kem768_decap},
	{kith_kem_keygen, kith_kem_encap, kith_kem_decap},
};

/* One case's values; ct and the like have their right size unless a test says otherwise. */
struct values {
	uint8_t seed[KITH_KEM_KEYGEN_SEED], m[KITH_KEM_ENCAP_SEED];
	uint8_t ek[KITH_KEM_EK], dk[KITH_KEM_DK], ct[KITH_KEM_CT], ss[KITH_KEM_SS];
	uint8_t ek2[KITH_KEM_EK], dk2[KITH_KEM_DK], ct2[KITH_KEM_CT], ss2[KITH_KEM_SS];
};

static bool is(const json_t *v, const char *key, const char *text)
{
	return strcmp(json_vectors_text(v, key), text) == 0;
}

/* Whether the bytes at `key` have the one length our callers let through. */
static bool right_size(const json_t *v, const char *key, uint8_t *out, size_t len)
{
	uint8_t entry[ENTRY_MAX];
	size_t got = json_vectors_data(v, key, entry, sizeof entry);

	memcpy(out, entry, got < len ? got : len);
	return got == len;
}

static void check_keygen(struct values *w)
{
	for (size_t k = 0; k < 2; k++) {
		kems[k].keygen(w->ek2, w->dk2, w->seed);
		CHECK_MEM(w->ek2, w->ek, KITH_KEM_EK);
		CHECK_MEM(w->dk2, w->dk, KITH_KEM_DK);
	}
	CHECK(kith_kem_ek_valid(w->ek));
	CHECK(kith_kem_dk_valid(w->dk));
}

static void check_encap(struct values *w)
{
	for (size_t k = 0; k < 2; k++) {
		CHECK_OK(kems[k].encap(w->ct2, w->ss2, w->ek, w->m));
		CHECK_MEM(w->ct2, w->ct, KITH_KEM_CT);
		CHECK_MEM(w->ss2, w->ss, KITH_KEM_SS);
	}
}

static void check_decap(struct values *w)
{
	for (size_t k = 0; k < 2; k++) {
		kems[k].decap(w->ss2, w->ct, w->dk);
		CHECK_MEM(w->ss2, w->ss, KITH_KEM_SS);
	}
}

/* A refused ek leaves the outputs as they were. */
static void check_refused(struct values *w)
{
	CHECK(!kith_kem_ek_valid(w->ek));
	for (size_t k = 0; k < 2; k++) {
		memset(w->ct2, 0x5a, sizeof w->ct2);
		memset(w->ss2, 0x5a, sizeof w->ss2);
		memcpy(w->ct, w->ct2, sizeof w->ct);
		CHECK_EQ(kems[k].encap(w->ct2, w->ss2, w->ek, w->m), KITH_E_MALFORMED);
		CHECK_MEM(w->ct2, w->ct, KITH_KEM_CT);
		CHECK_MEM(w->ss2, w->ct, KITH_KEM_SS);
	}
}

TEST(kem768_acvp_keygen)
{
	json_t *root = json_vectors_open("acvp_mlkem_768.json"), *v;
	size_t i, done = 0;
	struct values w;

	json_array_foreach(json_vectors_list(root, "keyGen"), i, v)
	{
		json_vectors_bytes(v, "d", w.seed, 32);
		json_vectors_bytes(v, "z", w.seed + 32, 32);
		json_vectors_bytes(v, "ek", w.ek, sizeof w.ek);
		json_vectors_bytes(v, "dk", w.dk, sizeof w.dk);
		check_keygen(&w);
		done++;
	}
	CHECK_EQ(done, 25);
	json_decref(root);
}

TEST(kem768_acvp_encap)
{
	json_t *root = json_vectors_open("acvp_mlkem_768.json"), *v;
	size_t i, done = 0;
	struct values w;

	json_array_foreach(json_vectors_list(root, "encap"), i, v)
	{
		json_vectors_bytes(v, "ek", w.ek, sizeof w.ek);
		json_vectors_bytes(v, "m", w.m, sizeof w.m);
		json_vectors_bytes(v, "c", w.ct, sizeof w.ct);
		json_vectors_bytes(v, "k", w.ss, sizeof w.ss);
		check_encap(&w);
		done++;
	}
	CHECK_EQ(done, 25);
	json_decref(root);
}

TEST(kem768_acvp_decap)
{
	json_t *root = json_vectors_open("acvp_mlkem_768.json"), *v;
	size_t i, done = 0;
	struct values w;

	json_array_foreach(json_vectors_list(root, "decap"), i, v)
	{
		json_vectors_bytes(v, "dk", w.dk, sizeof w.dk);
		json_vectors_bytes(v, "c", w.ct, sizeof w.ct);
		json_vectors_bytes(v, "k", w.ss, sizeof w.ss);
		check_decap(&w);
		done++;
	}
	CHECK_EQ(done, 10);
	json_decref(root);
}

TEST(kem768_acvp_key_checks)
{
	json_t *root = json_vectors_open("acvp_mlkem_768.json"), *v;
	size_t i, done = 0, good = 0;
	struct values w;

	json_array_foreach(json_vectors_list(root, "decapKeyCheck"), i, v)
	{
		bool passes = json_is_true(json_object_get(v, "testPassed"));

		json_vectors_bytes(v, "dk", w.dk, sizeof w.dk);
		CHECK_EQ(kith_kem_dk_valid(w.dk), passes);
		good += passes;
		done++;
	}
	CHECK_EQ(done, 10);
	CHECK_EQ(good, 5);
	json_array_foreach(json_vectors_list(root, "encapKeyCheck"), i, v)
	{
		bool passes = json_is_true(json_object_get(v, "testPassed"));
		bool sized = right_size(v, "ek", w.ek, sizeof w.ek);

		CHECK_EQ(sized && kith_kem_ek_valid(w.ek), passes);
		good += passes;
		done++;
	}
	CHECK_EQ(done, 20);
	CHECK_EQ(good, 10);
	json_decref(root);
}

/* Runs `check` on every test of a Wycheproof file, which must hold `count` of them. */
static void wycheproof(const char *name, size_t count,
		       void (*check)(const json_t *, struct values *))
{
	json_t *root = json_vectors_open(name), *group, *v;
	size_t i, j, done = 0;
	struct values w;

	CHECK_EQ(json_integer_value(json_object_get(root, "numberOfTests")), count);
	json_array_foreach(json_vectors_list(root, "testGroups"), i, group)
	{
		CHECK(is(group, "parameterSet", "ML-KEM-768"));
		json_array_foreach(json_vectors_list(group, "tests"), j, v)
		{
			memset(&w, 0, sizeof w);
			check(v, &w);
			done++;
		}
	}
	CHECK_EQ(done, count);
	json_decref(root);
}

static void keygen_case(const json_t *v, struct values *w)
{
	CHECK(is(v, "result", "valid"));
	json_vectors_bytes(v, "seed", w->seed, sizeof w->seed);
	json_vectors_bytes(v, "ek", w->ek, sizeof w->ek);
	json_vectors_bytes(v, "dk", w->dk, sizeof w->dk);
	check_keygen(w);
}

static void encap_case(const json_t *v, struct values *w)
{
	bool sized = right_size(v, "ek", w->ek, sizeof w->ek);

	sized &= right_size(v, "m", w->m, sizeof w->m);
	if (is(v, "result", "valid")) {
		CHECK(sized);
		json_vectors_bytes(v, "c", w->ct, sizeof w->ct);
		json_vectors_bytes(v, "K", w->ss, sizeof w->ss);
		check_encap(w);
	} else if (sized) {
		check_refused(w);
	}
}

static void decap_case(const json_t *v, struct values *w)
{
	bool sized = right_size(v, "seed", w->seed, sizeof w->seed);

	sized &= right_size(v, "c", w->ct, sizeof w->ct);
	CHECK_EQ(sized, is(v, "result", "valid")); /* only sizes are wrong in this file */
	if (!sized)
		return;
	json_vectors_bytes(v, "ek", w->ek, sizeof w->ek);
	json_vectors_bytes(v, "K", w->ss, sizeof w->ss);
	for (size_t k = 0; k < 2; k++) {
		kems[k].keygen(w->ek2, w->dk, w->seed);
		CHECK_MEM(w->ek2, w->ek, sizeof w->ek);
	}
	check_decap(w);
}

static void dk_case(const json_t *v, struct values *w)
{
	bool good = right_size(v, "dk", w->dk, sizeof w->dk);

	good &= right_size(v, "c", w->ct, sizeof w->ct);
	good = good && kith_kem_dk_valid(w->dk);
	CHECK_EQ(good, is(v, "result", "valid"));
	if (!good)
		return;
	json_vectors_bytes(v, "K", w->ss, sizeof w->ss);
	check_decap(w);
}

TEST(kem768_wycheproof_keygen)
{
	wycheproof("wycheproof_mlkem_768_keygen.json", 10, keygen_case);
}

TEST(kem768_wycheproof_encaps)
{
	wycheproof("wycheproof_mlkem_768_encaps.json", 92, encap_case);
}

TEST(kem768_wycheproof_decaps)
{
	wycheproof("wycheproof_mlkem_768_decaps.json", 41, decap_case);
}

TEST(kem768_wycheproof_dk_checks)
{
	wycheproof("wycheproof_mlkem_768_dk_checks.json", 9, dk_case);
}

/* The ML-KEM part of X-Wing: seed expands to d | z | X25519 key, eseed begins with m. */
TEST(kem768_xwing)
{
	json_t *root = json_vectors_open("xwing.json"), *v;
	uint8_t seed[32], expanded[96], eseed[64], pk[KITH_KEM_EK + 32], ct[KITH_KEM_CT + 32];
	size_t i, done = 0;
	struct values w;

	json_array_foreach(json_vectors_list(root, "vectors"), i, v)
	{
		json_vectors_bytes(v, "seed", seed, sizeof seed);
		json_vectors_bytes(v, "eseed", eseed, sizeof eseed);
		json_vectors_bytes(v, "pk", pk, sizeof pk);
		json_vectors_bytes(v, "ct", ct, sizeof ct);
		kith_shake256(expanded, sizeof expanded, seed, sizeof seed);
		for (size_t k = 0; k < 2; k++) {
			kems[k].keygen(w.ek, w.dk, expanded);
			CHECK_MEM(w.ek, pk, KITH_KEM_EK);
			CHECK_OK(kems[k].encap(w.ct, w.ss, w.ek, eseed));
			CHECK_MEM(w.ct, ct, KITH_KEM_CT);
			kems[k].decap(w.ss2, w.ct, w.dk);
			CHECK_MEM(w.ss2, w.ss, KITH_KEM_SS);
		}
		done++;
	}
	CHECK_EQ(done, 3);
	json_decref(root);
}

TEST(kem768_accumulated_100)
{
	kem768_accumulated(&kems[0], 100);
	kem768_accumulated(&kems[1], 100);
}

/* Every bit of a ciphertext matters: flipping one gives another secret, the same each time. */
TEST(kem768_implicit_rejection)
{
	uint64_t state = test_seed();
	struct values w;

	for (size_t i = 0; i < sizeof w.seed; i++)
		w.seed[i] = (uint8_t)test_random(&state);
	memset(w.m, 7, sizeof w.m);
	kith_kem768_keygen(w.ek, w.dk, w.seed);
	CHECK_OK(kith_kem768_encap(w.ct, w.ss, w.ek, w.m));
	for (size_t i = 0; i < KITH_KEM_CT; i++) {
		struct kith_shake j;
		uint8_t want[KITH_KEM_SS];

		w.ct[i] ^= (uint8_t)(1U << i % 8);
		kith_shake256_init(&j);
		kith_shake_absorb(&j, w.seed + 32, 32);
		kith_shake_absorb(&j, w.ct, sizeof w.ct);
		kith_shake_finalize(&j);
		kith_shake_squeeze(&j, want, sizeof want);
		for (size_t k = 0; k < 2; k++) {
			kems[k].decap(w.ss2, w.ct, w.dk);
			CHECK_MEM(w.ss2, want, sizeof want);
		}
		w.ct[i] ^= (uint8_t)(1U << i % 8);
	}
	kith_kem768_decap(w.ss2, w.ct, w.dk);
	CHECK_MEM(w.ss2, w.ss, sizeof w.ss);
}

/* Every byte of the ek or of its hash in dk is covered by the hash check. */
TEST(kem768_dk_check_covers)
{
	struct values w;

	memset(w.seed, 9, sizeof w.seed);
	kith_kem768_keygen(w.ek, w.dk, w.seed);
	for (size_t i = DK_EK; i < DK_HASH + 32; i++) {
		w.dk[i] ^= 0x10;
		CHECK(!kith_kem_dk_valid(w.dk));
		w.dk[i] ^= 0x10;
	}
	CHECK(kith_kem_dk_valid(w.dk));
}

/* Division by q through a multiplication, for every value and every d that occurs. */
TEST(kem768_compress_exact)
{
	static const unsigned bits[3] = {1, 4, 10};

	for (size_t b = 0; b < 3; b++) {
		for (uint32_t x = 0; x < KITH__KEM768_Q; x++) {
			uint32_t want = ((x << bits[b]) + 1664) / 3329 % (1U << bits[b]);

			CHECK_EQ(kith__kem768_compress(x, bits[b]), want);
		}
	}
}

/* All 65,536 inputs: congruent, and centred. */
TEST(kem768_reduce_exact)
{
	struct kith__poly p;

	for (int32_t base = INT16_MIN; base <= INT16_MAX; base += KITH__KEM768_N) {
		for (int32_t i = 0; i < KITH__KEM768_N; i++)
			p.c[i] = (int16_t)(base + i);
		kith__kem768_reduce(&p);
		for (int32_t i = 0; i < KITH__KEM768_N; i++) {
			CHECK((base + i - p.c[i]) % 3329 == 0);
			CHECK(p.c[i] >= -1664 && p.c[i] <= 1664);
		}
	}
}

/* The transform and the product against multiplication by the definition, X^256 = -1, at random
 * values and at the largest that inputs may have. */
TEST(kem768_product_by_definition)
{
	uint64_t state = test_seed();

	for (int round = 0; round < 20; round++) {
		struct kith__poly a, b, product = {{0}};
		struct kith__poly_factor f;
		int64_t want[KITH__KEM768_N] = {0};

		for (size_t i = 0; i < KITH__KEM768_N; i++) {
			int32_t edge = round < 4 ? 3329 : (int32_t)(test_random(&state) % 3330);

			a.c[i] = (int16_t)(round & 1 ? -edge : edge);
			b.c[i] = (int16_t)(round & 2 ? -edge
						     : (int32_t)(test_random(&state) % 3330));
		}
		for (size_t i = 0; i < KITH__KEM768_N; i++) {
			for (size_t j = 0; j < KITH__KEM768_N; j++)
				want[(i + j) % 256] += (i + j < 256 ? 1 : -1) * a.c[i] * b.c[j];
		}
		kith__kem768_ntt(&a);
		kith__kem768_ntt(&b);
		kith__kem768_factor(&f, &b);
		kith__kem768_mul_add(&product, &a, &f);
		kith__kem768_reduce(&product);
		kith__kem768_inverse_ntt(&product);
		for (size_t i = 0; i < KITH__KEM768_N; i++) {
			CHECK((want[i] - product.c[i]) % 3329 == 0);
			CHECK(product.c[i] > -3329 && product.c[i] < 3329);
		}
	}
}
