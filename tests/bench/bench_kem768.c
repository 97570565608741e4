/* SPDX-License-Identifier: ISC */
/* Key generation, encapsulation and decapsulation of our own ML-KEM-768 beside one X25519 of
 * libsodium, in one run: one JSON object per line, medians in microseconds and the ratio to X25519.
 * Rounds of all four are interleaved, so that a busy machine slows them alike. */
#include "base/keccak.h"
#include "base/kem768.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 201, CALLS = 20, ROWS = 5 };

static struct {
	uint8_t seed[KITH_KEM_KEYGEN_SEED], m[KITH_KEM_ENCAP_SEED];
	uint8_t ek[KITH_KEM_EK], dk[KITH_KEM_DK], ct[KITH_KEM_CT], ss[KITH_KEM_SS];
	uint8_t scalar[32], point[32], shared[32];
	struct kith_keccak k;
} w;

static void run_x25519(void)
{
	if (crypto_scalarmult(w.shared, w.scalar, w.point) != 0)
		abort();
	w.scalar[1] ^= w.shared[0];
}

static void run_keygen(void)
{
	kith_kem768_keygen(w.ek, w.dk, w.seed);
	w.seed[0] ^= w.ek[0];
}

static void run_encap(void)
{
	if (kith_kem768_encap(w.ct, w.ss, w.ek, w.m) != KITH_OK)
		abort();
	w.m[0] ^= w.ss[0];
}

static void run_decap(void)
{
	kith_kem768_decap(w.ss, w.ct, w.dk);
	w.ct[0] ^= w.ss[0];
}

static void run_permute(void)
{
	kith_keccak_permute(&w.k);
}

static const struct {
	const char *name;
	void (*run)(void);
} rows[ROWS] = {
	{"x25519", run_x25519},      {"kem768_keygen", run_keygen}, {"kem768_encap", run_encap},
	{"kem768_decap", run_decap}, {"keccak_f1600", run_permute},
};

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int main(void)
{
	static double us[ROWS][ROUNDS];

	if (sodium_init() < 0)
		return 1;
	memset(w.scalar, 0x42, sizeof w.scalar);
	w.point[0] = 9;
	for (size_t round = 0; round < ROUNDS; round++) {
		for (size_t row = 0; row < ROWS; row++) {
			double start = now_us();

			for (int i = 0; i < CALLS; i++)
				rows[row].run();
			us[row][round] = (now_us() - start) / CALLS;
		}
	}
	for (size_t row = 0; row < ROWS; row++) {
		qsort(us[row], ROUNDS, sizeof us[row][0], compare);
		printf("{\"bench\":\"%s\",\"us\":%.2f,\"per_x25519\":%.3f}\n", rows[row].name,
		       us[row][ROUNDS / 2], us[row][ROUNDS / 2] / us[0][ROUNDS / 2]);
	}
	return 0;
}
