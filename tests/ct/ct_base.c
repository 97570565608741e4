/* SPDX-License-Identifier: ISC */
/*
 * Comparisons, tags and key blinding. Secret: what is compared, scalars, seeds, chains, S. The one
 * bit that a comparison gives is public, as every caller branches on it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/map.h"
#include "tests/ct/ct.h"

static uint8_t secret[64], other[64], out[64];

static void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(2);
}

static void fill(uint8_t *p, size_t len, uint8_t by)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(by + 7 * i);
}

/* kith_equal of a secret with what an attacker offers, wrong at any place or right. */
void ct_base_equal(void)
{
	static const size_t lens[] = {1, 8, 16, 32, 64};

	for (size_t l = 0; l < sizeof(lens) / sizeof(lens[0]); l++)
		for (size_t wrong = 0; wrong <= lens[l]; wrong++) {
			bool same;

			fill(secret, sizeof(secret), 1);
			fill(other, sizeof(other), 1);
			if (wrong < lens[l])
				other[wrong] ^= 0x10;
			ct_secret(secret, sizeof(secret));
			same = kith_equal(secret, other, lens[l]);
			ct_expect_secret(&same, 1, "equal");
			ct_public(&same, sizeof(same));
			if (same != (wrong == lens[l]))
				die("equal: wrong");
		}
}

void ct_base_is_zero(void)
{
	for (size_t at = 0; at <= 32; at++) {
		bool zero;

		memset(secret, 0, sizeof(secret));
		if (at < 32)
			secret[at] = 1;
		ct_secret(secret, sizeof(secret));
		zero = kith_is_zero(secret, 32);
		ct_expect_secret(&zero, 1, "is_zero");
		ct_public(&zero, sizeof(zero));
		if (zero != (at == 32))
			die("is_zero: wrong");
	}
}

/* A listed tag against an expected one: keyed hash of the place, derivation, comparison. */
void ct_base_tag(void)
{
	uint8_t key[16], t[32], tag[16];
	uint64_t place;
	bool same;

	fill(t, sizeof(t), 3);
	fill(key, sizeof(key), 4);
	fill(other, sizeof(other), 5);
	ct_secret(t, sizeof(t));
	ct_secret(key, sizeof(key));
	kith_kdf(out, t, 32, KITH_L_TAG_PRE, NULL, 0);
	kith_hash16(tag, KITH_L_TAG_HASH, out, 32);
	ct_expect_secret(tag, sizeof(tag), "tag");
	place = kith_siphash(key, tag, sizeof(tag));
	ct_expect_secret(&place, sizeof(place), "tag: place");
	same = kith_equal(tag, other, sizeof(tag));
	ct_expect_secret(&same, 1, "tag: equal");
}

/* h is secret: who holds S knows whose record it is. IK is known to contacts. */
void ct_base_blind_public(void)
{
	uint8_t seed[32], ik[32], h[64];
	int err;

	fill(seed, sizeof(seed), 9);
	kith_sign_public(ik, seed);
	fill(h, sizeof(h), 11);
	ct_secret(h, sizeof(h));
	err = kith_blind_public(out, ik, h);
	ct_expect_secret(out, 32, "blind_public");
	ct_public(&err, sizeof(err));
	if (err != KITH_OK)
		die("blind_public: refused");
}

void ct_base_blind_sign(void)
{
	uint8_t seed[32], h[64], random[32];
	int err;

	fill(seed, sizeof(seed), 9);
	fill(h, sizeof(h), 11);
	fill(random, sizeof(random), 13);
	ct_secret(seed, sizeof(seed));
	ct_secret(h, sizeof(h));
	ct_secret(random, sizeof(random));
	err = kith_blind_sign(out, seed, h, random, KITH_L_REC_SIG, "record", 6);
	ct_expect_secret(out, 64, "blind_sign");
	ct_public(&err, sizeof(err));
	if (err != KITH_OK)
		die("blind_sign: refused");
}

void ct_base_dh(void)
{
	uint8_t pk[32];
	int err;

	fill(secret, sizeof(secret), 17);
	fill(other, sizeof(other), 19);
	kith_dh_public(pk, other);
	ct_secret(secret, sizeof(secret));
	err = kith_dh(out, secret, pk);
	ct_expect_secret(out, 32, "dh");
	ct_public(&err, sizeof(err));
	if (err != KITH_OK)
		die("dh: refused");
}
