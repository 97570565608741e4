/* SPDX-License-Identifier: ISC */
/* Killed writers from eight seeds. Label fault: 96; label soak (KILL_SOAK): 1,000. */
#include "tests/test.h"
#include "tests/unit/store/kill.h"

#ifdef KILL_SOAK
#define CYCLES 125u
#else
#define CYCLES 12u
#endif

#define KILLS(n) \
	TEST(kills_##n) \
	{ \
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
