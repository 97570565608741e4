/* SPDX-License-Identifier: ISC */
/*
 * API handles: a keyed permutation of (table u16 | zero 6 B | row id u64), so that no table needs a
 * column for its public names and a caller learns neither counts nor order. Four Feistel rounds
 * over two halves of 8 bytes; a wrong guess is refused by the table and the six zero bytes, with
 * chance 2^-64. It names rows and protects no secret. Source: store.md 4.
 */
#include "node/proto.h"

#include <string.h>

#define ROUNDS 4u
#define HALF   8u

/* to ^= F(round, from) */
static void mix(uint8_t to[HALF], const uint8_t key[32], unsigned round, const uint8_t from[HALF])
{
	uint8_t in[1 + HALF];
	uint8_t f[32];
	size_t i;

	in[0] = (uint8_t)round;
	memcpy(in + 1, from, HALF);
	kith_kdf(f, key, 32, KITH_L_DB_HANDLE, in, sizeof(in));
	for (i = 0; i < HALF; i++)
		to[i] ^= f[i];
}

void kith__handle_make(uint8_t out[static 16], const uint8_t key[static 32], uint16_t table,
		       uint64_t id)
{
	uint8_t half[2][HALF];
	unsigned round;

	kith_store_u64(half[0], table);
	kith_store_u64(half[1], id);
	/* the halves change places by their index instead of by a copy; four rounds end in order */
	for (round = 0; round < ROUNDS; round++)
		mix(half[round & 1], key, round, half[~round & 1]);
	memcpy(out, half[0], HALF);
	memcpy(out + HALF, half[1], HALF);
}

bool kith__handle_open(const uint8_t in[static 16], const uint8_t key[static 32], uint16_t table,
		       uint64_t *id)
{
	uint8_t half[2][HALF];
	unsigned round;

	memcpy(half[0], in, HALF);
	memcpy(half[1], in + HALF, HALF);
	for (round = ROUNDS; round > 0; round--)
		mix(half[(round - 1) & 1], key, round - 1, half[round & 1]);
	if (kith_load_u64(half[0]) != table)
		return false;
	*id = kith_load_u64(half[1]);
	return true;
}
