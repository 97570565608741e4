/* SPDX-License-Identifier: ISC */
/*
 * Every sealing of the linked program, seen by wrapped functions (linker option --wrap): a table of
 * all pairs of key and nonce, and what was sealed under each. Link with the options in
 * CMakeLists.txt (kith_watch_seals).
 */
#ifndef KITH_TEST_SEALS_H
#define KITH_TEST_SEALS_H

#include <stdint.h>

struct seals {
	uint64_t sealed;   /* calls */
	uint64_t pairs;    /* different (key, nonce) */
	uint64_t same;     /* the same pair again for the same bytes: the same ciphertext */
	uint64_t repeated; /* the same pair for other bytes: what must never be */
};

/* Forgets all. */
void seals_begin(void);
struct seals seals_count(void);
void seals_end(void);

#endif
