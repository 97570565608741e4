/* SPDX-License-Identifier: ISC */
/*
 * A toy engine for tests of the driver: queues what a test wants sent, records what it was told.
 */
#ifndef KITH_TESTS_UNIT_NET_UV_TOY_H
#define KITH_TESTS_UNIT_NET_UV_TOY_H

#include <uv.h>

#include "net/uv/driver.h"

#define TOY_JOBS 600u

struct toy_job {
	struct kith_job job; /* first */
	struct toy *toy;
	unsigned number;
};

struct toy {
	struct kith_driver *driver;
	uv_loop_t *loop;
	/* sending: `to_send` datagrams to `peer`, at most `window` ahead of what came back */
	struct kith_addr peer, local;
	unsigned to_send, sent, received, window;
	size_t size, short_every; /* every n-th datagram is one byte long */
	uint8_t buffer[1452];
	bool echo;
	struct kith_dgram_in echo_to[512];
	uint8_t echo_data[512][1452];
	unsigned echo_first, echo_count;
	/* receiving */
	struct kith_addr last_local, last_remote;
	size_t bytes, shorts;
	unsigned wrong; /* datagrams whose bytes are not what was sent */
	/* timers */
	kith_time next, step;
	unsigned ticks, ticks_wanted, early, turns, backwards;
	kith_time last_now, last_owner;
	/* notices */
	unsigned walls, locals, refused, resumes, gateways;
	size_t local_count;
	struct kith_addr local_first, refused_last;
	/* jobs */
	struct toy_job jobs[TOY_JOBS];
	unsigned jobs_made, jobs_wanted, done_count;
	unsigned done_order[TOY_JOBS];
	/* called at the end of each turn; true: stop the loop */
	bool (*finished)(struct toy *t);
};

struct kith_engine toy_engine(struct toy *t);
/* Opens a driver around `t`, bound to `bind4`; fails the test when it cannot. */
void toy_open(struct toy *t, uv_loop_t *loop, struct kith_addr bind4);
/* The bound IPv4 port. */
uint16_t toy_port(const struct toy *t);
/* Closes the driver and runs the loop until its handles are gone. */
void toy_close(struct toy *t);

#endif
