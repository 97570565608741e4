/* SPDX-License-Identifier: ISC */
/* Power cuts and failing accesses on a disk in memory, against a log of what was acknowledged. */
#ifndef KITH_TESTS_STORE_POWER_H
#define KITH_TESTS_STORE_POWER_H

#include <stdint.h>

/* `cuts` cuts at random accesses: nothing acknowledged is lost, nothing doubled, every database
 * opens again. Prints one line. */
void power_cuts(uint64_t seed, unsigned int cuts);
/* The n-th access fails once (or from then on) for n = first, first + step .. until a whole run
 * passes: what was acknowledged is there, what was not is whole or absent. */
void power_failing(uint64_t first, uint64_t step, int fail_status, int for_good);

#endif
