/* SPDX-License-Identifier: ISC */
/* Leaks on purpose: the checks must report each of these, or they see nothing elsewhere either. */
#include "tests/ct/ct.h"

#include <stdint.h>
#include <stdio.h>

static uint8_t key[16];
static const uint8_t table[256] = {7, 1, 9};
static volatile unsigned sink;

void ct_leaky_branch(void)
{
	ct_secret(key, sizeof key);
	for (size_t i = 0; i < sizeof key; i++) {
		if (key[i] != table[i]) /* a comparison that stops at the first difference */
			break;
		sink++;
	}
}

void ct_leaky_index(void)
{
	ct_secret(key, sizeof key);
	sink = table[key[0]];
}

void ct_leaky_divide(void)
{
	ct_secret(key, sizeof key);
	sink = 3329u / (key[0] | 1u);
}

/* The twin of kith_equal with memcmp's way: it ends at the first difference. */
void ct_leaky_equal(void)
{
	ct_secret(key, sizeof(key));
	for (size_t i = 0; i < sizeof(key) && key[i] == table[i]; i++)
		sink = (unsigned)i;
}

/* The twin of blinding: a multiplication that adds for the ones of the scalar only. */
void ct_leaky_blind(void)
{
	unsigned point = 1;

	ct_secret(key, sizeof(key));
	for (size_t bit = 0; bit < 8 * sizeof(key); bit++) {
		point = point * 2 % 251;
		if ((key[bit / 8] >> bit % 8 & 1) != 0)
			sink = point;
	}
}
