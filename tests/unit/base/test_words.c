/* SPDX-License-Identifier: ISC */
/* Recovery words: every secret comes back, and a changed word is noticed. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/words.h"
#include "tests/test.h"

static void some_words(struct kith_rng *rng, char out[static KITH_WORDS_TEXT])
{
	uint8_t secret[KITH_WORDS_SECRET];

	kith_rng_fill(rng, secret, sizeof(secret));
	kith_words_encode(secret, out);
}

TEST(words_come_back_as_they_were)
{
	struct kith_rng rng = test_rng(test_seed());
	char words[KITH_WORDS_TEXT], again[KITH_WORDS_TEXT];

	for (int i = 0; i < 200; i++) {
		some_words(&rng, words);
		CHECK_OK(kith_words_parse(words, strlen(words), again));
		CHECK(strcmp(words, again) == 0);
	}
}

TEST(the_words_of_zero_are_known)
{
	static const uint8_t zero[KITH_WORDS_SECRET];
	char words[KITH_WORDS_TEXT];

	kith_words_encode(zero, words);
	CHECK(strncmp(words, "above above above ", 15) == 0);
	CHECK(strstr(words, "above above above") != NULL);
}

TEST(words_may_be_typed_loosely)
{
	struct kith_rng rng = test_rng(test_seed());
	char words[KITH_WORDS_TEXT], loose[2 * KITH_WORDS_TEXT], again[KITH_WORDS_TEXT];
	size_t at, letters;

	for (int i = 0; i < 50; i++) {
		some_words(&rng, words);
		at = 0;
		letters = 0;
		loose[at++] = '\n';
		for (const char *w = words; *w != '\0'; w++) {
			if (*w == ' ') {
				loose[at++] = '\t';
				loose[at++] = ' ';
				letters = 0;
			} else if (letters++ < 4) {
				loose[at++] = (char)toupper((unsigned char)*w);
			}
		}
		CHECK_OK(kith_words_parse(loose, at, again));
		CHECK(strcmp(words, again) == 0);
	}
}

/* One word of another secret in place of the own one: 255 of 256 are noticed. */
TEST(a_wrong_word_is_noticed)
{
	struct kith_rng rng = test_rng(test_seed());
	char a[KITH_WORDS_TEXT], b[KITH_WORDS_TEXT], mixed[2 * KITH_WORDS_TEXT];
	char again[KITH_WORDS_TEXT];
	unsigned taken = 0;

	for (int i = 0; i < 400; i++) {
		const char *rest;

		some_words(&rng, a);
		some_words(&rng, b);
		rest = strchr(a, ' ');
		if (strncmp(a, b, (size_t)(rest - a)) == 0)
			continue;
		(void)snprintf(mixed, sizeof(mixed), "%.*s%s", (int)strcspn(b, " "), b, rest);
		again[0] = 'x';
		if (kith_words_parse(mixed, strlen(mixed), again) == KITH_OK)
			taken++;
		else
			CHECK_EQ(again[0], 'x');
	}
	CHECK(taken < 12);
}

TEST(what_is_no_list_of_words_is_refused)
{
	static const char *const bad[] = {
		"", " ", "above", "hunter2", "above above above", "\xff\xff\xff"};
	struct kith_rng rng = test_rng(test_seed());
	char words[KITH_WORDS_TEXT], more[KITH_WORDS_TEXT + 8], again[KITH_WORDS_TEXT];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(kith_words_parse(bad[i], strlen(bad[i]), again), KITH_E_MALFORMED);
	some_words(&rng, words);
	CHECK_EQ(kith_words_parse(words, (size_t)(strrchr(words, ' ') - words), again),
		 KITH_E_MALFORMED);
	(void)snprintf(more, sizeof(more), "%s above", words);
	CHECK_EQ(kith_words_parse(more, strlen(more), again), KITH_E_MALFORMED);
	CHECK_EQ(kith_words_parse(words, 0, again), KITH_E_MALFORMED);
}
