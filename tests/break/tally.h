/* SPDX-License-Identifier: ISC */
/* Counts of an attack test: printed, and asserted, so that a case that did nothing fails. */
#ifndef KITH_TEST_TALLY_H
#define KITH_TEST_TALLY_H

#include <stdint.h>

/* Prints "# <count> <what>" for the count of a check, which must be `want`. */
void tally(const char *what, uint64_t count, uint64_t want);

#endif
