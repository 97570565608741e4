/* SPDX-License-Identifier: ISC */
/* 20,000 power cuts, and every access failing. */
#include "base/status.h"
#include "tests/test.h"
#include "tests/unit/store/power.h"

#define CUTS(n) \
	TEST(power_cuts_##n) \
	{ \
		power_cuts(test_seed() + (uint64_t)(n), 2500); \
	}

CUTS(1)
CUTS(2)
CUTS(3)
CUTS(4)
CUTS(5)
CUTS(6)
CUTS(7)
CUTS(8)

TEST(every_access_fails_once)
{
	power_failing(1, 1, KITH_E_IO, 0);
}

TEST(all_accesses_fail_from_each_on)
{
	power_failing(1, 1, KITH_E_IO, 1);
}

TEST(there_is_no_room_from_each_access_on)
{
	power_failing(1, 1, KITH_E_NOSPACE, 0);
}
