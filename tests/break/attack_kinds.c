/* SPDX-License-Identifier: ISC */
/*
 * Every kind of ciphertext and signature into every other opener (attack_03), and every byte of
 * each changed, or the end cut off (attack_04, attack_20). crypto.md 14.
 */
#include <stdio.h>
#include <string.h>

#include "tests/break/kinds.h"
#include "tests/break/tally.h"

static struct kinds k;

/* Openers of one fixed size read no further, so they are given that size. */
static size_t offered_len(enum kind as, size_t have)
{
	switch (as) {
	case K_MANIFEST:
	case K_MSG1:
	case K_SERVICE1:
	case K_MSG2:
	case K_COOKIE:
	case K_DATA:
	case K_RPC: return have;
	case K_RECORD:
	case K_REQUEST:
	case K_FULL:
	case K_LIGHT:
	case K_BLOB:
	case K_KNOCK:
	case K_BUNDLE:
	case K_CERT:
	case K_RECEIPT:
	case K_BIND:
	case K_NOISE1:
	case K_NOISE2:
	case K_KEYFILE:
	case K_PAGE:
	case KINDS: break;
	}
	return k.len[as];
}

static uint64_t offer(enum kind as, enum kind what, size_t from)
{
	static uint8_t in[2 * KITH_BLOB];
	uint64_t refused = 0;
	size_t lens[2];

	if (from > k.len[what])
		return 0;
	memset(in, 0, sizeof(in));
	memcpy(in, k.bytes[what] + from, k.len[what] - from);
	lens[0] = offered_len(as, k.len[what] - from);
	lens[1] = k.len[as];
	for (unsigned i = 0; i < 2; i++) {
		if (kinds_open(&k, as, in, lens[i]) == KITH_OK)
			test_fail(__FILE__, __LINE__, "%s opened as %s", kinds_name(what),
				  kinds_name(as));
		refused++;
	}
	return refused;
}

/* The pairs that are one thing in two wrappings: light and full frames open by one opener, and the
 * service form of msg1 differs by its outer key only. */
static bool same_opener(enum kind as, enum kind what)
{
	return (as == K_FULL || as == K_LIGHT) && (what == K_FULL || what == K_LIGHT);
}

TEST(attack_03_every_kind_into_every_opener)
{
	static const size_t from[] = {0, 24, 40, 64};
	struct kith_rng rng = test_rng(test_seed());
	uint64_t pairs = 0, offered = 0, passed = 0;

	kinds_begin(&k, &rng);
	for (int what = 0; what < KINDS; what++)
		passed += kinds_open(&k, (enum kind)what, k.bytes[what], k.len[what]) == KITH_OK;
	tally("kinds open where they belong", passed, KINDS);
	for (int what = 0; what < KINDS; what++)
		for (int as = 0; as < KINDS; as++) {
			if (what == as || same_opener((enum kind)as, (enum kind)what))
				continue;
			pairs++;
			for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++)
				offered += offer((enum kind)as, (enum kind)what, from[i]);
		}
	printf("# %u offers\n", (unsigned)offered);
	tally("pairs of kind and foreign opener refused", pairs, KINDS * (KINDS - 1) - 2);
	kinds_end(&k);
}

static uint64_t flip_all(enum kind as, uint64_t *state)
{
	uint64_t refused = 0;

	for (size_t at = 0; at < k.len[as]; at++) {
		/* all bits of what is short, two of each byte of what is long */
		unsigned bits = k.len[as] <= 400 ? 8 : 2;

		for (unsigned i = 0; i < bits; i++) {
			unsigned bit = bits == 8 ? i : (unsigned)(test_random(state) % 4 + 4 * i);
			bool may = kinds_free_byte(as, at);

			k.bytes[as][at] ^= (uint8_t)(1u << bit);
			if ((kinds_open(&k, as, k.bytes[as], k.len[as]) == KITH_OK) != may)
				test_fail(__FILE__, __LINE__, "%s: byte %zu bit %u", kinds_name(as),
					  at, bit);
			k.bytes[as][at] ^= (uint8_t)(1u << bit);
			refused += !may;
		}
	}
	CHECK_OK(kinds_open(&k, as, k.bytes[as], k.len[as]));
	return refused;
}

TEST(attack_04_every_byte_of_every_kind)
{
	struct kith_rng rng = test_rng(test_seed());
	uint64_t state = test_seed(), all = 0;

	kinds_begin(&k, &rng);
	for (int as = 0; as < KINDS; as++) {
		uint64_t n = flip_all((enum kind)as, &state);

		printf("# %6u flips of a %s\n", (unsigned)n, kinds_name((enum kind)as));
		all += n;
	}
	CHECK(all > 50000);
	printf("# %u flips refused, 0 taken, state unchanged\n", (unsigned)all);
	kinds_end(&k);
}

/* What has a length of its own: every shorter and some longer ones. */
TEST(attack_20_every_length)
{
	static const enum kind free_len[] = {K_LIGHT, K_FULL,   K_MANIFEST, K_MSG1, K_SERVICE1,
					     K_MSG2,  K_COOKIE, K_DATA,     K_RPC,  K_KEYFILE};
	struct kith_rng rng = test_rng(test_seed());
	uint64_t refused = 0;

	kinds_begin(&k, &rng);
	for (size_t i = 0; i < sizeof(free_len) / sizeof(free_len[0]); i++)
		for (size_t len = 0; len < k.len[free_len[i]] + 16; len++) {
			enum kind as = free_len[i];

			if (len == k.len[as])
				continue;
			CHECK(kinds_open(&k, as, k.bytes[as], len) != KITH_OK);
			refused++;
		}
	printf("# %u wrong lengths refused\n", (unsigned)refused);
	CHECK(refused > 8000);
	kinds_end(&k);
}

/* One key signs under all labels; none of its signatures may pass for another. */
TEST(attack_03_signatures)
{
	static const enum kith_label label[] = {KITH_L_CERT,    KITH_L_BUNDLE,  KITH_L_MANIFEST,
						KITH_L_REC_SIG, KITH_L_MB_RCPT, KITH_L_MB_BIND,
						KITH_L_MB_JOIN};
	const size_t count = sizeof(label) / sizeof(label[0]);
	struct kith_rng rng = test_rng(test_seed());
	uint8_t seed[32], pk[32], m[99], sig[64];
	uint64_t refused = 0;

	kith_rng_fill(&rng, seed, 32);
	kith_rng_fill(&rng, m, sizeof(m));
	kith_sign_public(pk, seed);
	for (size_t i = 0; i < count; i++) {
		kith_sign(sig, seed, label[i], m, sizeof(m));
		for (size_t j = 0; j < count; j++) {
			CHECK_EQ(kith_sign_verify(sig, pk, label[j], m, sizeof(m)),
				 i == j ? KITH_OK : KITH_E_AUTH);
			refused += i != j;
		}
	}
	tally("signatures refused under another label", refused, count * (count - 1));
}

TEST(attack_03_labels)
{
	uint8_t a[16], b[16];
	uint64_t pairs = 0;

	for (int i = 0; i < KITH_LABEL_COUNT; i++) {
		kith_label_bytes(a, (enum kith_label)i);
		CHECK_EQ(a[15], 0);
		for (int j = 0; j < i; j++, pairs++) {
			kith_label_bytes(b, (enum kith_label)j);
			CHECK(memcmp(a, b, 16) != 0);
		}
	}
	tally("pairs of labels differ", pairs, KITH_LABEL_COUNT * (KITH_LABEL_COUNT - 1) / 2);
}
