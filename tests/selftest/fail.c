/* SPDX-License-Identifier: ISC */
/* Cases that must all fail; fail.sh compares the words of each report. */
#include "tests/test.h"
#include "tests/vectors.h"

#include <stdlib.h>

TEST(check)
{
	CHECK(1 > 2);
}

TEST(check_eq)
{
	CHECK_EQ(40 + 1, 42);
}

TEST(check_mem)
{
	CHECK_MEM("abcd", "abxd", 4);
}

TEST(check_str)
{
	CHECK_STR("one", "two");
}

TEST(check_ok)
{
	CHECK_OK(-7);
}

TEST(dies)
{
	abort();
}

TEST(no_such_vectors)
{
	test_vectors_close(test_vectors_open("no such file"));
}
