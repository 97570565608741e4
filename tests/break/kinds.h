/* SPDX-License-Identifier: ISC */
/*
 * One sample of everything that is sealed or signed, with the product's own opener of each: what
 * the attack tests confuse, cut and flip. One raw key stands wherever a key is free to choose, the
 * attacker's best case. crypto.md 14, attack_03 and attack_04.
 */
#ifndef KITH_TEST_KINDS_H
#define KITH_TEST_KINDS_H

#include "net/codec.h"
#include "node/proto_internal.h"
#include "tests/test.h"
#include "tests/unit/node/people.h"

enum kind {
	K_RECORD,
	K_REQUEST,
	K_FULL,
	K_LIGHT,
	K_BLOB,
	K_KNOCK,
	K_BUNDLE,
	K_MANIFEST,
	K_CERT,
	K_RECEIPT,
	K_BIND,
	K_MSG1,
	K_NOISE1,
	K_MSG2,
	K_NOISE2,
	K_SERVICE1,
	K_COOKIE,
	K_DATA,
	K_RPC,
	K_KEYFILE,
	K_PAGE,
	KINDS
};

struct kinds {
	struct couple c;
	size_t len[KINDS];
	uint8_t bytes[KINDS][KITH_BLOB];
};

/* Makes all of them; freed by kinds_end. */
void kinds_begin(struct kinds *k, struct kith_rng *rng);
void kinds_end(struct kinds *k);
/* Offers `in` to the opener of `as`: 0 = taken. The state behind it is a copy. */
int kinds_open(struct kinds *k, enum kind as, const uint8_t *in, size_t len);
const char *kinds_name(enum kind as);
/* Whether byte `at` of a sample may change without harm: the proof of work of a request. */
bool kinds_free_byte(enum kind as, size_t at);

#endif
