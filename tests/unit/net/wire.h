/* SPDX-License-Identifier: ISC */
/*
 * Engines joined by an in-memory network on virtual time: delay, loss, duplicates, reordering, all
 * from one seed. Address of engine i: 10.0.<i>.1 port 4000 + port_shift[i].
 */
#ifndef TESTS_UNIT_NET_WIRE_H
#define TESTS_UNIT_NET_WIRE_H

#include "net/internal.h"
#include "tests/test.h"

#define WIRE_NODES 4
#define WIRE_LOG   64

struct wire_dgram {
	kith_time at;
	uint64_t order;
	struct kith_addr from, to;
	size_t len;
	uint8_t data[KITH_DGRAM_MAX];
};

struct wire_event {
	struct kith_net_event ev;
	uint8_t data[64]; /* first bytes */
};

struct wire {
	struct kith_net *net[WIRE_NODES];
	struct kith_rng rng[WIRE_NODES];
	uint64_t rng_state[WIRE_NODES];
	struct kith_net_config cfg[WIRE_NODES];
	uint16_t port_shift[WIRE_NODES];
	kith_time now;
	uint64_t state, order;
	struct wire_dgram *queue; /* heap by (at, order) */
	size_t queue_len, queue_cap;
	uint64_t delay_us, jitter_us;
	unsigned loss_pct, double_pct; /* of datagrams */
	/* called for every datagram that leaves; false drops it */
	bool (*filter)(struct wire *w, unsigned from, struct wire_dgram *d);
	void *filter_ctx;
	unsigned sent[WIRE_NODES], unproven_in[WIRE_NODES];
	/* called for every event; events are drained after each step */
	void (*on_event)(struct wire *w, unsigned node, const struct kith_net_event *ev);
	void *event_ctx;
	unsigned events[WIRE_NODES][KITH_NET_CONNECT_FAILED + 1];
	struct kith_net_event last[WIRE_NODES][KITH_NET_CONNECT_FAILED + 1];
	bool mute_events[WIRE_NODES]; /* leave events in the engine */
};

/* A network of `count` engines, each serving and with a link identity; printed seed + salt. */
void wire_init(struct wire *w, unsigned count, uint64_t salt);
void wire_free(struct wire *w);
/* Starts engine i anew (restart of the process), peers are to be set again. */
void wire_boot(struct wire *w, unsigned i);
/* Makes i and j contacts of each other (peer number = other index + 1), roots of the wall's day. */
void wire_befriend(struct wire *w, unsigned i, unsigned j);
/* What i knows about j, as given to the engine by wire_befriend. */
struct kith_net_link_peer wire_peer(const struct wire *w, unsigned i, unsigned j);
struct kith_addr wire_addr(const struct wire *w, unsigned i);
struct kith_net_target wire_link_target(const struct wire *w, unsigned j);
struct kith_net_target wire_service_target(const struct wire *w, unsigned j);
/* Runs until `until` (virtual us). */
void wire_run(struct wire *w, kith_time until);
/* Drains outputs and events once, without moving time. */
void wire_drain(struct wire *w);
/* Hands one datagram to engine i; true = it was its own. */
bool wire_give(struct wire *w, unsigned i, const struct kith_addr *from, const uint8_t *data,
	       size_t len);
/* Connects i to j by a contact link and waits up to 5 s; returns the session at i. */
uint32_t wire_link(struct wire *w, unsigned i, unsigned j);
uint32_t wire_service(struct wire *w, unsigned i, unsigned j);
/* Session of engine i with the peer j, taken from SESSION_UP events. */
uint32_t wire_up(const struct wire *w, unsigned i);

#define WIRE_WALL_MS (UINT64_C(20775) * 86400000u + UINT64_C(12) * 3600000u)
#define MS           KITH_US_PER_MS
#define SEC          KITH_US_PER_S

#endif
