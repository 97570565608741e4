/* SPDX-License-Identifier: ISC */
/* Killed writers from eight seeds. Label fault: 96; count: 1,000; soak: 100,000. */
#include <unistd.h>

#include "tests/test.h"
#include "tests/unit/store/kill.h"

#ifndef CYCLES
#define CYCLES 12u
#endif

#define KILLS(n) \
	TEST(kills_##n) \
	{ \
		if (CYCLES > 1000u) \
			(void)alarm(0); \
		kill_cycles(test_seed() + (uint64_t)(n), CYCLES); \
	}

KILLS(1)
KILLS(2)
KILLS(3)
KILLS(4)
KILLS(5)
KILLS(6)
KILLS(7)
KILLS(8)
