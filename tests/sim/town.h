/* SPDX-License-Identifier: ISC */
/*
 * Whole nodes in one process: real net, dht and stores on disks in memory, joined by an in-memory
 * wire on virtual time. Nodes come and go; a NAT lets in only answers.
 */
#ifndef KITH_TEST_TOWN_H
#define KITH_TEST_TOWN_H

#include "node/node.h"
#include "store/store.h"
#include "tests/test.h"
#include "tests/unit/store/disk.h"

#define TOWN_NODES 8u
#define TOWN_TEXTS 1024u
#define SEC        ((kith_time)KITH_US_PER_S)

struct town_text {
	char text[48];
	uint64_t conversation;
};

struct town_node {
	bool up, always_on, nat;
	struct kith_node *node;
	struct kith_engine e;
	struct kith_profile *profile;
	struct kith_store *account, *mailbox;
	struct test_disk disk;
	struct kith_rng rng, disk_rng;
	struct kith_log log;
	struct kith_addr addr;
	uint32_t call;
	struct kith_node_reply reply; /* the last one of kind DONE, TEXT or MESSAGE */
	char text[512];
	struct town_text shown[TOWN_TEXTS]; /* received texts in the order of their events */
	unsigned shown_count;
	bool sent_to[TOWN_NODES];
	uint64_t datagrams, bytes;
};

struct town_dgram;
struct town {
	struct town_node n[TOWN_NODES];
	unsigned nodes;
	kith_time now;
	struct town_dgram *queue, *last;
	kith_time delay; /* one way */
	bool loud;       /* print log lines */
};

/* `boxes` always-on nodes first, then the others behind NATs. All are down. */
void town_init(struct town *t, unsigned boxes, unsigned nodes);
void town_free(struct town *t);
/* Starts node i with what its disk holds. */
void town_boot(struct town *t, unsigned i);
/* Asks it to stop, at most 10 s, and takes it down. */
void town_halt(struct town *t, unsigned i);
/* Takes it down at once; with `cut` unsynced writes are lost. */
void town_kill(struct town *t, unsigned i, bool cut);
/* Drops what is on the wire. */
void town_silence(struct town *t);
void town_run(struct town *t, kith_time us);
/* Runs until `done(t, ctx)`, at most `us`; false: it never came true. */
bool town_until(struct town *t, kith_time us, bool (*done)(struct town *t, unsigned i), unsigned i);
/* Call number for the next call on node i; then runs until its reply is there. */
uint32_t town_call(struct town *t, unsigned i);
void town_reply(struct town *t, unsigned i);
/* Node i knows node k's address and key. */
void town_meet(struct town *t, unsigned i, unsigned k);

#endif
