/* SPDX-License-Identifier: ISC */
#include "base/keccak.h"

#include "tests/test.h"
#include "tests/unit/base/json_vectors.h"

#include <sodium.h>
#include <string.h>

enum { MESSAGE_MAX = 1600, CASES = 20 };

/* The message of every vector: byte i is (7 i + 3) mod 256. */
static void fill_message(uint8_t message[MESSAGE_MAX])
{
	for (size_t i = 0; i < MESSAGE_MAX; i++)
		message[i] = (uint8_t)(7 * i + 3);
}

static void check_vector(const json_t *v, const uint8_t *message)
{
	size_t len = (size_t)json_integer_value(json_object_get(v, "len"));
	uint8_t want[192], got[192], long_output[504];

	CHECK(len <= MESSAGE_MAX);
	json_vectors_bytes(v, "sha3_256", want, 32);
	kith_sha3_256(got, message, len);
	CHECK_MEM(got, want, 32);
	json_vectors_bytes(v, "sha3_512", want, 64);
	kith_sha3_512(got, message, len);
	CHECK_MEM(got, want, 64);
	json_vectors_bytes(v, "shake128_32", want, 32);
	kith_shake128(got, 32, message, len);
	CHECK_MEM(got, want, 32);
	json_vectors_bytes(v, "shake256_192", want, 192);
	kith_shake256(got, 192, message, len);
	CHECK_MEM(got, want, 192);
	kith_shake128(long_output, sizeof long_output, message, len);
	json_vectors_bytes(v, "shake128_504", want, 32); /* SHA-256 of three blocks */
	crypto_hash_sha256(got, long_output, sizeof long_output);
	CHECK_MEM(got, want, 32);
}

TEST(keccak_known_answers)
{
	uint8_t message[MESSAGE_MAX];
	json_t *root = json_vectors_open("keccak_kat.json");
	json_t *list = json_vectors_list(root, "vectors");
	json_t *v;
	size_t i, done = 0;

	fill_message(message);
	json_array_foreach(list, i, v)
	{
		check_vector(v, message);
		done++;
	}
	CHECK_EQ(done, CASES);
	json_decref(root);
}

/* Pieces of every size give what one call gives. */
TEST(shake_in_pieces)
{
	uint8_t message[MESSAGE_MAX], whole[512], pieces[512];
	void (*const init[2])(struct kith_shake *) = {kith_shake128_init, kith_shake256_init};

	fill_message(message);
	for (size_t step = 1; step <= 200; step++) {
		for (size_t kind = 0; kind < 2; kind++) {
			struct kith_shake s;

			(kind ? kith_shake256 : kith_shake128)(whole, sizeof whole, message, 700);
			init[kind](&s);
			for (size_t at = 0; at < 700; at += step)
				kith_shake_absorb(&s, message + at,
						  at + step > 700 ? 700 - at : step);
			kith_shake_finalize(&s);
			for (size_t at = 0; at < sizeof pieces; at += step)
				kith_shake_squeeze(&s, pieces + at,
						   at + step > sizeof pieces ? sizeof pieces - at
									     : step);
			CHECK_MEM(pieces, whole, sizeof whole);
			kith_shake_wipe(&s);
			CHECK_EQ(s.rate, 0);
		}
	}
}

/* Without the sponge: the first lane after one and after two permutations of zero. */
TEST(keccak_permutation_of_zero)
{
	struct kith_keccak k;

	memset(&k, 0, sizeof k);
	kith_keccak_permute(&k);
	CHECK(k.lane[0] == 0xf1258f7940e1dde7u);
	kith_keccak_permute(&k);
	CHECK(k.lane[0] == 0x2d5c954df96ecb3cu);
}
