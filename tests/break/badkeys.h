/* SPDX-License-Identifier: ISC */
/* Public keys that nobody may accept. */
#ifndef KITH_TEST_BADKEYS_H
#define KITH_TEST_BADKEYS_H

#include <stdint.h>

#define BAD_X25519  12u
#define BAD_ED25519 14u

/* Points of X25519 with a small order, in all their encodings: any secret gives zero. */
void bad_x25519(uint8_t out[32], unsigned i);
/* Points of Ed25519 that are no point, not canonical, or have a part of small order; from
 * BAD_ED25519_MIXED on a good key plus such a part, under which plain signatures can verify. */
#define BAD_ED25519_MIXED 11u
void bad_ed25519(uint8_t out[32], unsigned i);

#endif
