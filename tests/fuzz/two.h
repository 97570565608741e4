/* SPDX-License-Identifier: ISC */
/*
 * Two net engines on one wire without delay, for targets above a link: 0 is hostile and driven by
 * the input, 1 is ours. The session between them is a service link.
 */
#ifndef KITH_FUZZ_TWO_H
#define KITH_FUZZ_TWO_H

#include "base/crypto.h"
#include "net/net.h"

#define TWO_WALL_S (UINT64_C(20775) * 86400u + 43200u)

struct two {
	struct kith_net *net[2];
	struct kith_rng rng[2];
	struct kith_drbg drbg[2];
	struct kith_net_config cfg[2];
	kith_time now;
	/* hostile side */
	bool up, lost;
	uint32_t session, stream;
	bool has_stream;
	/* ours: called for every event, and once a turn */
	void (*event)(struct two *t, const struct kith_net_event *e);
	void (*turn)(struct two *t);
	void *ctx;
};

/* Begins with both engines; engine `server` serves. */
void two_begin(struct two *t, unsigned server);
void two_end(struct two *t);
struct kith_addr two_addr(unsigned i);
/* Runs for `us` of virtual time. */
void two_run(struct two *t, kith_time us);
/* The hostile side writes to its stream, as much as it takes. */
void two_write(struct two *t, const uint8_t *data, size_t len);

#endif
