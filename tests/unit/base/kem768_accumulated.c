/* SPDX-License-Identifier: ISC */
#include "tests/unit/base/kem768_accumulated.h"

#include "base/keccak.h"
#include "base/kem768.h"
#include "tests/test.h"
#include "tests/unit/base/json_vectors.h"

/* The two digests over `runs` random runs with valid and random ciphertexts; the method is written
 * in the vector file. */
static void accumulate(const struct kem *kem, size_t runs, uint8_t out[2][32])
{
	struct kith_shake source, sink[2];
	uint8_t seed[KITH_KEM_KEYGEN_SEED], m[KITH_KEM_ENCAP_SEED], ek[KITH_KEM_EK];
	uint8_t dk[KITH_KEM_DK], ct[KITH_KEM_CT], noise[KITH_KEM_CT];
	uint8_t ss[KITH_KEM_SS], ss2[KITH_KEM_SS];

	kith_shake128_init(&source);
	kith_shake_finalize(&source);
	kith_shake128_init(&sink[0]);
	kith_shake128_init(&sink[1]);
	for (size_t run = 0; run < runs; run++) {
		kith_shake_squeeze(&source, seed, sizeof seed);
		kem->keygen(ek, dk, seed);
		kith_shake_squeeze(&source, m, sizeof m);
		CHECK_OK(kem->encap(ct, ss, ek, m));
		kem->decap(ss2, ct, dk);
		CHECK_MEM(ss2, ss, sizeof ss);
		kith_shake_squeeze(&source, noise, sizeof noise);
		kem->decap(ss2, noise, dk);
		for (size_t i = 0; i < 2; i++) {
			kith_shake_absorb(&sink[i], ek, sizeof ek);
			if (i == 1)
				kith_shake_absorb(&sink[i], dk, sizeof dk);
			kith_shake_absorb(&sink[i], ct, sizeof ct);
			kith_shake_absorb(&sink[i], ss, sizeof ss);
			kith_shake_absorb(&sink[i], ss2, sizeof ss2);
		}
	}
	for (size_t i = 0; i < 2; i++) {
		kith_shake_finalize(&sink[i]);
		kith_shake_squeeze(&sink[i], out[i], 32);
	}
}

void kem768_accumulated(const struct kem *kem, size_t runs)
{
	json_t *root = json_vectors_open("mlkem_768_accumulated.json"), *v;
	uint8_t want[32], got[2][32];
	size_t i, done = 0;

	accumulate(kem, runs, got);
	json_array_foreach(json_vectors_list(root, "digests"), i, v)
	{
		if ((size_t)json_integer_value(json_object_get(v, "n")) != runs)
			continue;
		json_vectors_bytes(v, "digest", want, sizeof want);
		CHECK_MEM(got[json_is_true(json_object_get(v, "with_dk"))], want, sizeof want);
		done++;
	}
	CHECK_EQ(done, 2);
	json_decref(root);
}
