/* SPDX-License-Identifier: ISC */
/* The short forms of the fault tests; the long ones are soak_power.c. */
#include "base/status.h"
#include "tests/test.h"
#include "tests/unit/store/power.h"

TEST(nothing_acknowledged_is_lost_in_a_power_cut)
{
	power_cuts(test_seed(), 150);
}

TEST(an_access_fails_once)
{
	power_failing(1, 19, KITH_E_IO, 0);
}

TEST(all_accesses_fail_from_one_on)
{
	power_failing(2, 23, KITH_E_IO, 1);
}

TEST(there_is_no_room_from_one_access_on)
{
	power_failing(1, 23, KITH_E_NOSPACE, 0);
}
