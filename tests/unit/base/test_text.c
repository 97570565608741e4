/* SPDX-License-Identifier: ISC */
#include "base/text.h"

#include <string.h>

#include "tests/test.h"

static void shows(enum kith_text_mode mode, const char *in, const char *want)
{
	char out[512];

	CHECK_EQ(kith_text_show(out, sizeof(out), mode, 4, in, strlen(in)), strlen(want));
	CHECK_STR(out, want);
}

TEST(text_valid_utf8)
{
	static const char *const good[] = {"",
					   "abc",
					   "\xc2\x80",
					   "\xdf\xbf",
					   "\xe0\xa0\x80",
					   "\xed\x9f\xbf",
					   "\xee\x80\x80",
					   "\xef\xbf\xbf",
					   "\xf0\x90\x80\x80",
					   "\xf4\x8f\xbf\xbf",
					   "\x1b[0m\n"};
	static const char *const bad[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc2",
		"\xc2\x20",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xe2\x82",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xff",
		"\xfe",
		"\xf0\x9f\x98",
		"ok\xe2\x28\xa1",
		"\xf8\x88\x80\x80\x80",
	};
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(kith_text_valid(good[i], strlen(good[i])));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!kith_text_valid(bad[i], strlen(bad[i])));
	CHECK(!kith_text_valid("a\0b", 3));
}

TEST(text_hostile_characters_are_visible)
{
	static const char *const t[][2] = {
		{"plain text", "plain text"},
		{"\x1b[31mred", "\\u{1B}[31mred"},
		{"\r\b\x07\x7f", "\\u{D}\\u{8}\\u{7}\\u{7F}"},
		{"\t", "\\u{9}"},
		{"\xc2\x9b"
		 "31m",
		 "\\u{9B}31m"}, /* C1 CSI */
		{"\xe2\x80\xa8\xe2\x80\xa9", "\\u{2028}\\u{2029}"},
		{"\xd8\x9c", "\\u{61C}"},
		{"\xe2\x80\x8e\xe2\x80\x8f", "\\u{200E}\\u{200F}"},
		{"\xe2\x80\xaa\xe2\x80\xae", "\\u{202A}\\u{202E}"},
		{"\xe2\x81\xa6\xe2\x81\xa9", "\\u{2066}\\u{2069}"},
		{"a\xe2\x80\x8b"
		 "b",
		 "a\\u{200B}b"},
		{"a\xe2\x80\x8c"
		 "b",
		 "a\\u{200C}b"}, /* no joiner in Latin */
		{"a\xe2\x81\xa0\xef\xbb\xbf", "a\\u{2060}\\u{FEFF}"},
		{"\xf3\xa0\x81\x81", "\\u{E0041}"}, /* tag */
		{"\xee\x80\x80", "\\u{E000}"},      /* private use */
		{"\xf4\x80\x80\x80", "\\u{100000}"},
		{"\xef\xb7\x90\xef\xbf\xbe", "\\u{FDD0}\\u{FFFE}"},
		{"\xf0\x9f\xbf\xbf", "\\u{1FFFF}"},
		{"\xff\xc2", "\\x{FF}\\x{C2}"},
		{"\xcc\x81"
		 "a",
		 "\\u{301}a"}, /* a mark on nothing */
		{"e\xcc\x81\xcc\x82\xcc\x83\xcc\x84!", "e\xcc\x81\xcc\x82!"},
		{"\x1b\xcc\x81", "\\u{1B}\\u{301}"},
		/* joiners where they are at home: Persian, a family, a skin tone */
		{"\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae", "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae"},
		{"\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9",
		 "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9"},
		{"\xf0\x9f\x91\xa8\xe2\x80\x8d\xe2\x80\x8d\xf0\x9f\x91\xa9",
		 "\xf0\x9f\x91\xa8\\u{200D}\\u{200D}\xf0\x9f\x91\xa9"},
		{"\xf0\x9f\x91\xa8\xe2\x80\x8d", "\xf0\x9f\x91\xa8\\u{200D}"},
	};
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		shows(KITH_TEXT_BODY, t[i][0], t[i][1]);
		if (kith_text_columns(t[i][1]) <= 32)
			shows(KITH_TEXT_NAME, t[i][0], t[i][1]);
	}
}

TEST(text_lines)
{
	shows(KITH_TEXT_BODY, "one\ntwo\n\nthree", "one\n    two\n    \n    three");
	shows(KITH_TEXT_NAME, "one\ntwo", "one\\u{A}two");
	shows(KITH_TEXT_BODY, "a\n\xcc\x81", "a\n    \\u{301}");
}

TEST(text_names_are_cut)
{
	char wide[17 * 3 + 1] = "";
	char out[256];
	int i;

	shows(KITH_TEXT_NAME, "12345678901234567890123456789012",
	      "12345678901234567890123456789012");
	shows(KITH_TEXT_NAME, "123456789012345678901234567890123",
	      "1234567890123456789012345678901\xe2\x80\xa6");
	/* never within an escape, never within a wide character */
	shows(KITH_TEXT_NAME, "123456789012345678901234567\x1b!!",
	      "123456789012345678901234567\xe2\x80\xa6");
	for (i = 0; i < 17; i++)
		memcpy(wide + 3 * i, "\xe6\xbc\xa2", 4);
	(void)kith_text_show(out, sizeof(out), KITH_TEXT_NAME, 0, wide, strlen(wide));
	CHECK_EQ(strlen(out), 15 * 3 + 3);
	CHECK_EQ(kith_text_columns(out), 31);
}

TEST(text_columns)
{
	CHECK_EQ(kith_text_columns(""), 0);
	CHECK_EQ(kith_text_columns("abc"), 3);
	CHECK_EQ(kith_text_columns("e\xcc\x81"), 1);
	CHECK_EQ(kith_text_columns("\xe6\xbc\xa2"), 2);
	CHECK_EQ(kith_text_columns("\xf0\x9f\x98\x80"), 2);
	CHECK_EQ(kith_text_columns("a\nlong\nb"), 4);
}

TEST(text_small_buffers)
{
	static const char in[] = "a\x1b"
				 "b\xe6\xbc\xa2";
	static const char want[] = "a\\u{1B}b\xe6\xbc\xa2";
	char out[32];
	size_t cap, len;

	CHECK_EQ(kith_text_show(NULL, 0, KITH_TEXT_BODY, 0, in, strlen(in)), strlen(want));
	for (cap = 1; cap < sizeof(out); cap++) {
		memset(out, 'z', sizeof(out));
		CHECK_EQ(kith_text_show(out, cap, KITH_TEXT_BODY, 0, in, strlen(in)), strlen(want));
		len = strlen(out);
		CHECK(len < cap);
		CHECK_MEM(out, want, len);
		CHECK(kith_text_valid(out, len));
		/* whole units: nothing, a, a + escape, .. */
		CHECK(len == 0 || len == 1 || len == 7 || len == 8 || len == 11);
	}
}

/* What comes out holds no control character and is well-formed, whatever goes in; names fit. */
TEST(text_random_bytes)
{
	uint64_t state = test_seed();
	char in[64], out[1024];
	size_t len, i;
	int round;

	for (round = 0; round < 20000; round++) {
		enum kith_text_mode mode = round % 2 ? KITH_TEXT_NAME : KITH_TEXT_BODY;

		len = (size_t)(test_random(&state) % sizeof(in));
		for (i = 0; i < len; i++) {
			uint64_t draw = test_random(&state);

			in[i] = (char)(draw % 3 == 0   ? 0xe2
				       : draw % 3 == 1 ? 0x80 + draw / 3 % 64
						       : draw / 3 % 256);
		}
		CHECK(kith_text_show(out, sizeof(out), mode, 2, in, len) < sizeof(out));
		CHECK(kith_text_valid(out, strlen(out)));
		for (i = 0; out[i] != '\0'; i++)
			CHECK((uint8_t)out[i] >= 0x20 ||
			      (out[i] == '\n' && mode == KITH_TEXT_BODY));
		CHECK(strchr(out, 0x7f) == NULL && strstr(out, "\xe2\x80\xae") == NULL);
		CHECK(mode == KITH_TEXT_BODY || kith_text_columns(out) <= 32);
	}
}
