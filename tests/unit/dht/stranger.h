/* SPDX-License-Identifier: ISC */
/*
 * A hand-made peer: seals any body to an engine and opens what comes back.
 */
#ifndef KITH_TESTS_UNIT_DHT_STRANGER_H
#define KITH_TESTS_UNIT_DHT_STRANGER_H

#include "tests/unit/dht/world.h"

struct stranger {
	struct kith__self self;
	struct kith_addr addr;
	uint32_t network;
	uint64_t nonce;
	/* the last answer */
	size_t got, total; /* length of the last datagram, bytes of all of one request */
	uint8_t body[KITH__RPC_BODY_MAX];
	struct kith__msg m;
};

void stranger_init(struct stranger *s, unsigned n, uint32_t network);
/* Sends `m` in `size` bytes; true when one datagram came back (then s->m is set). */
bool stranger_ask(struct stranger *s, struct kith_dht *d, const uint8_t key[32],
		  const struct kith__msg *m, size_t size, kith_time now);
/* The same with ready body bytes. */
bool stranger_send(struct stranger *s, struct kith_dht *d, const uint8_t key[32],
		   const uint8_t *body, size_t size, kith_time now);

#endif
