/* SPDX-License-Identifier: ISC */
#include "tests/test.h"
#include "tests/unit/store/kill.h"

TEST(nothing_acknowledged_is_lost_with_the_process)
{
	kill_cycles(test_seed(), 50);
}
