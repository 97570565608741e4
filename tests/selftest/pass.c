/* SPDX-License-Identifier: ISC */
/* Cases of the test kit that must pass. */
#include "tests/test.h"
#include "tests/vectors.h"

TEST(checks_accept_equal_values)
{
	uint64_t a = test_seed(), b = test_seed();

	CHECK(1 < 2);
	CHECK_EQ(3, 3u);
	CHECK_STR("same", "same");
	CHECK_MEM("abc", "abd", 2);
	CHECK_EQ(test_random(&a), test_random(&b));
	CHECK(test_random(&a) != test_seed());
}

static int changed;

TEST(each_case_has_its_own_process_1)
{
	CHECK_EQ(changed++, 0);
}

TEST(each_case_has_its_own_process_2)
{
	CHECK_EQ(changed++, 0);
}

TEST(vectors_are_read)
{
	struct test_vectors *v = test_vectors_open("../selftest/sample.txt");
	uint8_t key[3];

	CHECK(test_vectors_next(v));
	test_vectors_bytes(v, "key", key, 3);
	CHECK_MEM(key, "\x00\xff\x10", 3);
	CHECK_EQ(test_vectors_int(v, "len"), 3);
	CHECK_EQ(test_vectors_data(v, "empty", key, 3), 0);
	CHECK(!test_vectors_has(v, "word"));
	CHECK(test_vectors_next(v));
	CHECK_EQ(test_vectors_line(v), 9);
	CHECK_EQ(test_vectors_data(v, "key", key, 3), 1);
	CHECK_EQ(test_vectors_int(v, "len"), -7);
	CHECK_STR(test_vectors_text(v, "word"), "yes no");
	CHECK(!test_vectors_next(v));
	test_vectors_close(v);
}
