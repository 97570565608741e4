/* SPDX-License-Identifier: ISC */
/*
 * Power cuts from eight seeds, and failing accesses. Label fault: 2,000 cuts and every 17th access;
 * label count: 20,000 and every one; label soak: 1,000,000.
 */
#include <unistd.h>

#include "base/status.h"
#include "tests/test.h"
#include "tests/unit/store/power.h"

#ifndef CUTS_EACH
#define CUTS_EACH 250u
#define STEP      17u
#endif

#define CUTS(n) \
	TEST(power_cuts_##n) \
	{ \
		if (CUTS_EACH > 10000u) \
			(void)alarm(0); \
		power_cuts(test_seed() + (uint64_t)(n), CUTS_EACH); \
	}

CUTS(1)
CUTS(2)
CUTS(3)
CUTS(4)
CUTS(5)
CUTS(6)
CUTS(7)
CUTS(8)

TEST(an_access_fails_once)
{
	power_failing(1, STEP, KITH_E_IO, 0);
}

TEST(all_accesses_fail_from_one_on)
{
	power_failing(1, STEP, KITH_E_IO, 1);
}

TEST(there_is_no_room_from_one_access_on)
{
	power_failing(1, STEP, KITH_E_NOSPACE, 0);
}
