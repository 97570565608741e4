/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/test.h"
#include "tests/vectors.h"

TEST(codec_hex)
{
	static const char *const bad[] = {"0",  "000", "0g", "g0", " 0",
					  "0x", "/0",  ":0", "@0", "`0"};
	uint8_t in[256], out[256];
	char text[513];
	size_t i;

	for (i = 0; i < 256; i++)
		in[i] = (uint8_t)i;
	kith_hex_encode(text, in, 256);
	CHECK_EQ(strlen(text), 512);
	CHECK(strncmp(text, "000102", 6) == 0 && strcmp(text + 508, "feff") == 0);
	CHECK_OK(kith_hex_decode(out, 256, text, 512));
	CHECK_MEM(out, in, 256);
	for (i = 0; text[i] != '\0'; i++)
		text[i] = (char)toupper((unsigned char)text[i]);
	memset(out, 0, sizeof(out));
	CHECK_OK(kith_hex_decode(out, 256, text, 512));
	CHECK_MEM(out, in, 256);
	out[0] = 0x55;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(kith_hex_decode(out, 1, bad[i], strlen(bad[i])), KITH_E_MALFORMED);
	CHECK_EQ(out[0], 0x55);
	CHECK_OK(kith_hex_decode(out, 0, "", 0));
}

/* RFC 4648 section 10, without padding. */
TEST(codec_base32)
{
	static const char *const known[][2] = {{"", ""},
					       {"f", "MY"},
					       {"fo", "MZXQ"},
					       {"foo", "MZXW6"},
					       {"foob", "MZXW6YQ"},
					       {"fooba", "MZXW6YTB"},
					       {"foobar", "MZXW6YTBOI"}};
	static const char *const bad[] = {"M",  "MYA", "M1", "M0",      "M8",
					  "M=", "MZ",  "M ", "MY======"};
	uint8_t in[64], out[64];
	char text[128];
	uint64_t state = test_seed();
	size_t i, len;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		len = strlen(known[i][0]);
		kith_base32_encode(text, (const uint8_t *)known[i][0], len);
		CHECK_STR(text, known[i][1]);
		CHECK_OK(kith_base32_decode(out, len, text, strlen(text)));
		CHECK_MEM(out, known[i][0], len);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(kith_base32_decode(out, 1, bad[i], strlen(bad[i])), KITH_E_MALFORMED);
	CHECK_OK(kith_base32_decode(out, 1, "my", 2));
	CHECK_EQ(out[0], 'f');
	for (len = 0; len <= sizeof(in); len++) {
		for (i = 0; i < len; i++)
			in[i] = (uint8_t)test_random(&state);
		kith_base32_encode(text, in, len);
		CHECK_EQ(strlen(text), (len * 8 + 4) / 5);
		CHECK_OK(kith_base32_decode(out, len, text, strlen(text)));
		CHECK_MEM(out, in, len);
	}
}

TEST(codec_address_vectors)
{
	struct test_vectors *v = test_vectors_open("address.txt");
	uint8_t address[51], back[51];
	char text[83];
	int seen = 0;

	while (test_vectors_next(v)) {
		if (!test_vectors_has(v, "base32"))
			continue;
		seen++;
		test_vectors_bytes(v, "address", address, sizeof(address));
		kith_base32_encode(text, address, sizeof(address));
		CHECK_STR(text, test_vectors_text(v, "base32"));
		CHECK_OK(kith_base32_decode(back, sizeof(back), text, 82));
		CHECK_MEM(back, address, sizeof(address));
	}
	CHECK_EQ(seen, 2);
	test_vectors_close(v);
}
