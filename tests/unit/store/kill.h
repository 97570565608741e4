/* SPDX-License-Identifier: ISC */
#ifndef KITH_TESTS_STORE_KILL_H
#define KITH_TESTS_STORE_KILL_H

#include <stdint.h>

/* `cycles` times: a process of its own writes on the real disk and is killed at some instant, then
 * the profile is opened again and compared with what it acknowledged over a pipe. */
void kill_cycles(uint64_t seed, unsigned int cycles);

#endif
