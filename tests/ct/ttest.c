/* SPDX-License-Identifier: ISC */
/*
 * Welch's t over times of two classes of input to one operation, taken in random order, the slowest
 * tenth left out: |t| > 4.5 is a difference that chance does not make. Measured on a real clock, so
 * it belongs to the soak runs. usage: ttest [samples]
 *
 *	equal     the first or the last byte differs
 *	open      the tag is wrong at its first or its last byte
 *	decap     the ciphertext is good or is not (implicit rejection)
 *	blind     one scalar, or another each time
 *	leaky     memcmp's way of comparing, which must be found
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/kem768.h"

#define LIMIT 4.5
#define WARM  2000u

static struct kith_drbg drbg;
static struct kith_rng rng;
static volatile unsigned sink;
static uint8_t a[4096], b[2][4096], key[32], sealed[2][1200], plain[1200];
static uint8_t ek[KITH_KEM_EK], dk[KITH_KEM_DK], ct[2][KITH_KEM_CT], ss[32], ik[32], h[64];

static void run_equal(unsigned class)
{
	sink += kith_equal(a, b[class], sizeof(a));
}

static void run_leaky(unsigned class)
{
	size_t i = 0;

	while (i < sizeof(a) && a[i] == b[class][i])
		i++;
	sink += (unsigned)i;
}

static void run_open(unsigned class)
{
	sink += kith_open(plain, key, NULL, 0, sealed[class], sizeof(sealed[0])) == KITH_OK;
}

static void run_decap(unsigned class)
{
	kith_kem768_decap(ss, ct[class], dk);
	sink += ss[0];
}

static void run_blind(unsigned class)
{
	if (class == 1)
		kith_rng_fill(&rng, h + 8, 4);
	else
		kith_rng_fill(&rng, plain, 4); /* the same work, elsewhere */
	sink += kith_blind_public(ss, ik, h) == KITH_OK;
}

static void prepare(void)
{
	const uint8_t seed[32] = {1};
	uint8_t kem_seed[64] = {2}, m[32] = {3}, nonce[24] = {4};

	rng = kith_crypto_drbg(&drbg, seed);
	kith_rng_fill(&rng, a, sizeof(a));
	memcpy(b[0], a, sizeof(a));
	memcpy(b[1], a, sizeof(a));
	b[0][0] ^= 1;
	b[1][sizeof(a) - 1] ^= 1;
	kith_seal(sealed[0], nonce, key, NULL, 0, plain, sizeof(sealed[0]) - KITH_SEAL_OVERHEAD);
	memcpy(sealed[1], sealed[0], sizeof(sealed[0]));
	sealed[0][sizeof(sealed[0]) - 16] ^= 1;
	sealed[1][sizeof(sealed[0]) - 1] ^= 1;
	kith_kem768_keygen(ek, dk, kem_seed);
	if (kith_kem768_encap(ct[0], ss, ek, m) != KITH_OK)
		exit(2);
	memcpy(ct[1], ct[0], sizeof(ct[0]));
	ct[1][700] ^= 1;
	kith_sign_public(ik, key);
	h[0] = 5;
}

static double now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *x, const void *y)
{
	double l = *(const double *)x, r = *(const double *)y;

	return (l > r) - (l < r);
}

static double t_of(const double *time, const uint8_t *class, size_t count, double most)
{
	double n[2] = {0, 0}, mean[2] = {0, 0}, m2[2] = {0, 0};

	for (size_t i = 0; i < count; i++) {
		unsigned c = class[i];
		double d = time[i] - mean[c];

		if (time[i] > most)
			continue;
		n[c]++;
		mean[c] += d / n[c];
		m2[c] += d * (time[i] - mean[c]);
	}
	return (mean[0] - mean[1]) / sqrt(m2[0] / (n[0] - 1) / n[0] + m2[1] / (n[1] - 1) / n[1]);
}

static double measure(void (*run)(unsigned class), size_t count)
{
	double *time = calloc(count, sizeof(*time)), *sorted = calloc(count, sizeof(*sorted));
	uint8_t *class = calloc(count, 1);
	double t;

	if (time == NULL || sorted == NULL || class == NULL)
		exit(2);
	kith_rng_fill(&rng, class, count);
	for (size_t i = 0; i < WARM; i++)
		run((unsigned)i & 1);
	for (size_t i = 0; i < count; i++) {
		double from;

		class[i] &= 1;
		from = now_ns();
		run(class[i]);
		time[i] = now_ns() - from;
	}
	memcpy(sorted, time, count * sizeof(*time));
	qsort(sorted, count, sizeof(*sorted), by_value);
	t = t_of(time, class, count, sorted[count * 9 / 10]);
	free(time);
	free(sorted);
	free(class);
	return t;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(unsigned class);
		bool leaks;
	} cases[] = {{"equal", run_equal, false},
		     {"open", run_open, false},
		     {"decap", run_decap, false},
		     {"blind", run_blind, false},
		     {"leaky", run_leaky, true}};
	size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	int bad = 0;

	if (kith_crypto_start() != NULL || count < 1000)
		return 2;
	prepare();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double t = measure(cases[i].run, count);
		bool ok = (fabs(t) > LIMIT) == cases[i].leaks;

		printf("%s %s: t = %.2f of %zu samples\n", ok ? "ok" : "NOT OK", cases[i].name, t,
		       count);
		bad += !ok;
	}
	return bad != 0;
}
