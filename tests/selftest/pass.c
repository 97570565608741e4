/* SPDX-License-Identifier: ISC */
/* Cases of the test kit that must pass. */
#include "tests/test.h"

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
