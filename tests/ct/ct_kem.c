/* SPDX-License-Identifier: ISC */
/* ML-KEM-768: all of d, z, m, s and what follows from them is secret; rho, ek and ct are public. */
#include "base/kem768_internal.h"
#include "tests/ct/ct.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EK_AT = 1152, EK_AND_HASH = KITH_KEM_EK + 32 };

static struct {
	uint8_t seed[KITH_KEM_KEYGEN_SEED], m[KITH_KEM_ENCAP_SEED];
	uint8_t ek[KITH_KEM_EK], dk[KITH_KEM_DK], ct[KITH_KEM_CT];
	uint8_t ss[KITH_KEM_SS], ss2[KITH_KEM_SS];
} w;

static void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(2);
}

/* Key generation as kith_kem768_keygen does it, with rho declared public where it appears. */
static void keygen(void)
{
	uint8_t rho[32], sigma[32];

	for (size_t i = 0; i < sizeof w.seed; i++)
		w.seed[i] = (uint8_t)(i * 29 + 1);
	ct_secret(w.seed, sizeof w.seed);
	kith__kem768_expand(rho, sigma, w.seed);
	ct_public(rho, sizeof rho);
	kith__kem768_keygen_from(w.ek, w.dk, rho, sigma, w.seed + 32);
}

/* The key as its owner holds it: s and z secret, its copy of ek and the hash public. */
static void key_pair(void)
{
	keygen();
	ct_public(w.ek, sizeof w.ek);
	ct_public(w.dk + EK_AT, EK_AND_HASH);
}

static void encap(void)
{
	memset(w.m, 0x33, sizeof w.m);
	ct_secret(w.m, sizeof w.m);
	if (kith_kem768_encap(w.ct, w.ss, w.ek, w.m) != KITH_OK)
		die("encap: refused");
}

void ct_kem_keygen(void)
{
	uint8_t ek[KITH_KEM_EK], dk[KITH_KEM_DK];

	keygen();
	ct_expect_secret(w.ek, sizeof w.ek - 32, "keygen: t");
	ct_expect_secret(w.dk, EK_AT, "keygen: s");
	ct_expect_secret(w.dk + sizeof w.dk - 64, 64, "keygen: hash and z");
	/* The same bytes as the function that callers use. */
	ct_public(w.seed, sizeof w.seed);
	ct_public(w.ek, sizeof w.ek);
	ct_public(w.dk, sizeof w.dk);
	kith_kem768_keygen(ek, dk, w.seed);
	if (memcmp(ek, w.ek, sizeof ek) != 0 || memcmp(dk, w.dk, sizeof dk) != 0)
		die("keygen: other bytes");
}

void ct_kem_encap(void)
{
	key_pair();
	encap();
	ct_expect_secret(w.ct, sizeof w.ct, "encap: ct");
	ct_expect_secret(w.ss, sizeof w.ss, "encap: ss");
}

void ct_kem_decap(void)
{
	key_pair();
	encap();
	ct_public(w.ct, sizeof w.ct);
	if (!kith_kem_dk_valid(w.dk))
		die("decap: dk refused");
	kith_kem768_decap(w.ss2, w.ct, w.dk);
	ct_expect_secret(w.ss2, sizeof w.ss2, "decap: ss");
	ct_public(w.ss, sizeof w.ss);
	ct_public(w.ss2, sizeof w.ss2);
	if (memcmp(w.ss, w.ss2, sizeof w.ss) != 0)
		die("decap: other secret");
}

void ct_kem_decap_invalid(void)
{
	key_pair();
	encap();
	ct_public(w.ct, sizeof w.ct);
	w.ct[sizeof w.ct - 1] ^= 1;
	kith_kem768_decap(w.ss2, w.ct, w.dk);
	ct_expect_secret(w.ss2, sizeof w.ss2, "decap_invalid: ss");
	ct_public(w.ss, sizeof w.ss);
	ct_public(w.ss2, sizeof w.ss2);
	if (memcmp(w.ss, w.ss2, sizeof w.ss) == 0)
		die("decap_invalid: not rejected");
}
