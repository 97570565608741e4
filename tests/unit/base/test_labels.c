/* SPDX-License-Identifier: ISC */
#include "base/labels.h"

#include <string.h>

#include "base/crypto.h"
#include "tests/test.h"

TEST(labels_unique_and_short)
{
	static const char *const text[] = {
#define TEXT(name, text_) "K1." text_,
		KITH_LABELS(TEXT)
#undef TEXT
	};
	uint8_t a[16], b[16];
	unsigned i, j;

	CHECK_EQ(sizeof(text) / sizeof(text[0]), KITH_LABEL_COUNT);
	for (i = 0; i < KITH_LABEL_COUNT; i++) {
		CHECK(strlen(text[i]) > 3 && strlen(text[i]) <= 15);
		kith_label_bytes(a, (enum kith_label)i);
		CHECK_STR((const char *)a, text[i]);
		CHECK(kith_is_zero(a + strlen(text[i]), 16 - strlen(text[i])));
		for (j = 0; j < i; j++) {
			kith_label_bytes(b, (enum kith_label)j);
			CHECK(memcmp(a, b, 16) != 0);
		}
	}
}
