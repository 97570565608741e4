/* SPDX-License-Identifier: ISC */
/*
 * All that a driver (net/uv, sim/host) knows of an engine. architecture.md 2-3.
 *
 * Turn of a driver: feed inputs and finished jobs -> tick if now >= deadline -> job -> output until
 * false -> wake -> one timer at deadline. Pulled pointers live until the next call on the object.
 */
#ifndef KITH_BASE_ENGINE_H
#define KITH_BASE_ENGINE_H

#include "base/addr.h"
#include "base/types.h"

struct kith_dgram_in {
	struct kith_addr remote, local; /* local: none when unknown */
	uint32_t carrier;               /* 0 = UDP */
	const uint8_t *data;
	size_t len;
};

struct kith_dgram_out {
	struct kith_addr remote, local; /* local none: let the system choose */
	uint32_t carrier;
	const uint8_t *data;
	size_t len, segment; /* segment 0 = one datagram */
};

/* One worker per database and one for bulk work. */
enum kith_lane { KITH_LANE_ACCOUNT, KITH_LANE_MAILBOX, KITH_LANE_BULK, KITH_LANE_COUNT };

/* Work for a worker thread. What it holds belongs to the worker between `job` and `done`. */
struct kith_job {
	void (*run)(struct kith_job *job); /* on the worker; sets status; may block */
	enum kith_lane lane;
	uint32_t bytes; /* rough size, for the simulator's disk */
	int status;
};

enum kith_notice_kind {
	KITH_NOTICE_WALL,       /* wall_ms: first call, then each minute and at jumps */
	KITH_NOTICE_LOCAL,      /* addrs: own interface addresses with the bound port */
	KITH_NOTICE_RESUME,     /* sleep or clone detected: drop all sessions unsent */
	KITH_NOTICE_SEND_ERROR, /* addrs[0]: destination the system refused */
	KITH_NOTICE_GATEWAY /* addrs: IPv4 gateway, own address to it; the same of IPv6; or none */
};

struct kith_notice {
	enum kith_notice_kind kind;
	uint64_t wall_ms; /* unix ms */
	const struct kith_addr *addrs;
	size_t addr_count;
};

struct kith_engine {
	void *self;
	bool (*input)(void *self, const struct kith_dgram_in *in, kith_time now); /* true: mine */
	void (*notice)(void *self, const struct kith_notice *n, kith_time now);
	void (*tick)(void *self, kith_time now);
	kith_time (*deadline)(const void *self);
	bool (*output)(void *self, struct kith_dgram_out *out, kith_time now); /* false: drained */
	bool (*job)(void *self, struct kith_job **out); /* NULL in dht and net */
	void (*done)(void *self, struct kith_job *job, kith_time now);
	void (*wake)(void *self, kith_time now); /* the owner drains events and replies */
};

#endif
