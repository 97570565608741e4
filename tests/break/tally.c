/* SPDX-License-Identifier: ISC */
#include "tests/break/tally.h"

#include <inttypes.h>
#include <stdio.h>

#include "tests/test.h"

void tally(const char *what, uint64_t count, uint64_t want)
{
	printf("# %" PRIu64 " %s\n", count, what);
	CHECK_EQ(count, want);
}
