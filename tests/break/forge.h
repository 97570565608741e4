/* SPDX-License-Identifier: ISC */
/* Requests as somebody makes them who does not follow the rules. */
#ifndef KITH_TEST_FORGE_H
#define KITH_TEST_FORGE_H

#include "node/proto_internal.h"
#include "tests/unit/node/people.h"

/* What a forger has from wherever: its own e and m, and the four results. `raw_e`, if not NULL,
 * stands in the place of e's public key. */
struct forgery {
	uint8_t e[32], m[32], dh1[32], dh2[32], dh3[32], dh4[32];
	const uint8_t *raw_e;
};

/* Fresh e and m, and dh1 and dh2 by the rules. */
void forge_begin(struct forgery *f, struct kith_rng *rng, const struct person *b);
/* A request to `b` with plaintexts made from `q` (rdh, rek, the rest empty), and its root. */
void forge(uint8_t out[KITH_INNER], uint8_t root[32], const struct kith_request *q,
	   const struct person *b, const struct forgery *f);

#endif
