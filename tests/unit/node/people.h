/* SPDX-License-Identifier: ISC */
/* Two people with all their keys, for tests of the protocol between them. */
#ifndef KITH_TEST_PEOPLE_H
#define KITH_TEST_PEOPLE_H

#include "node/proto.h"

#define TEST_NOW 1794960000u

struct person {
	uint8_t ik_seed[32], ik[32], xk_secret[32], xk[32], spk_secret[32], spk[32];
	uint8_t ek[KITH_KEM_EK], dk[KITH_KEM_DK], cap[16], p[32];
	uint32_t spk_id;
	struct kith_cert cert;
	uint8_t rdh_secret[32], rek_seed[64]; /* of the last request */
};

/* A person with fresh keys; freed by person_free. */
struct person *person_new(struct kith_rng *rng);
void person_free(struct person *p);
/* What it opens requests with. */
struct kith_request_keys person_keys(const struct person *p);
/* A request of `a` to `b`. */
void person_request(struct person *a, const struct person *b, struct kith_rng *rng,
		    enum kith_request_kind kind, uint8_t out[KITH_INNER], uint8_t root[32],
		    struct kith_request *q);

/* A session: side[0] is A, side[1] is B, who has stepped; a frame of B must go first. */
struct couple {
	struct person *a, *b;
	struct kith_ratchet side[2];
	struct kith_noncer noncer[2];
	struct kith_rng *rng;
	uint32_t seq[2];
	uint64_t now_ms;
};

/* A new session of two new people; ended by couple_end. */
void couple_begin(struct couple *c, struct kith_rng *rng);
void couple_end(struct couple *c);
/* Seals a text of `who` with the next seq: light if wished and allowed. The frame's length. */
size_t couple_seal(struct couple *c, int who, bool light, const char *text,
		   const struct kith_ack *ack, uint8_t out[KITH_INNER]);
/* Opens a frame at `who`; the status. `text` (may be NULL) gets the content. */
int couple_open(struct couple *c, int who, const uint8_t *frame, size_t len,
		struct kith_opened *opened);
/* Frames both ways over 62 s: both sides may send light frames, and a step of A is due in 29 s.
 * The last seqs are 2 and 2. */
void couple_warm(struct couple *c);
/* A hash over the whole state, stored keys too. */
void couple_state(uint8_t out[32], const struct kith_ratchet *r);

#endif
