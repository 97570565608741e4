/* SPDX-License-Identifier: ISC */
/* 1,000 killed writers. */
#include "tests/test.h"
#include "tests/unit/store/kill.h"

#define KILLS(n) \
	TEST(kills_##n) \
	{ \
		kill_cycles(test_seed() + (uint64_t)(n), 125); \
	}

KILLS(1)
KILLS(2)
KILLS(3)
KILLS(4)
KILLS(5)
KILLS(6)
KILLS(7)
KILLS(8)
