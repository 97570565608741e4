/* SPDX-License-Identifier: ISC */
/*
 * A mailbox and people with links to it: real net engines joined by an in-memory wire on virtual
 * time, a real store on a disk in memory.
 */
#ifndef KITH_TEST_MBOX_WORLD_H
#define KITH_TEST_MBOX_WORLD_H

#include "base/crypto.h"
#include "net/net.h"
#include "node/mbox.h"
#include "store/store.h"
#include "tests/test.h"
#include "tests/unit/node/mbox_disk.h"

#define WORLD_NODES   3u /* 0 is the mailbox */
#define WORLD_BITS    6u
#define WORLD_WALL_S  (UINT64_C(20775) * 86400u + 43200u)
#define WORLD_RESULTS 64u
#define MS            KITH_US_PER_MS
#define SEC           ((kith_time)KITH_US_PER_S)

struct world_dgram {
	kith_time at;
	unsigned from, to;
	size_t len;
	uint8_t data[KITH_DGRAM_MAX];
	struct world_dgram *next;
};

struct world {
	struct kith_net *net[WORLD_NODES];
	struct kith_rng rng[WORLD_NODES];
	struct kith_net_config cfg[WORLD_NODES];
	struct kith_mbox_client *client[WORLD_NODES];
	struct kith_mbox_service_config box;
	struct kith_mbox_service *service;
	struct memory_disk disk;
	struct kith_rng disk_rng;
	struct kith_profile *profile;
	struct kith_store *store;
	bool stall; /* the worker does not finish: nothing is committed */
	kith_time now;
	uint64_t wall_shift; /* seconds that the wall clock is ahead of virtual time */
	struct world_dgram *queue;
	uint8_t ml[32];
	unsigned published;
	uint8_t last_published[KITH_RECORD];
	/* results in order, with copies of what they point at */
	struct kith_mbox_result result[WORLD_RESULTS];
	uint8_t (*tags[WORLD_RESULTS])[16];
	uint8_t *blobs[WORLD_RESULTS];
	unsigned results, shown;
	/* the raw link of node 2 */
	uint32_t raw_session, raw_stream;
	bool raw_up, raw_lost;
};

void world_init(struct world *w);
void world_free(struct world *w);
/* Stops the mailbox and starts it again; links are lost, and with `cut` what was not committed. */
void world_restart(struct world *w, bool cut);
uint64_t world_wall(const struct world *w);
/* Runs for `us` of virtual time. */
void world_run(struct world *w, kith_time us);
/* A link of node i to the mailbox. */
uint32_t world_link(struct world *w, unsigned i);
/* Runs until the next result of any client, at most 5 s; fails the case when none comes. */
struct kith_mbox_result *world_result(struct world *w);
bool world_none(struct world *w, kith_time us); /* true: no result within `us` */

/* A tag with its pre-image, a blob and a bucket, all from `n`. */
struct parcel {
	uint8_t d[32], tag[16], blob[KITH_BLOB];
	struct kith_mbox_bucket bucket;
};
void parcel_make(struct parcel *p, unsigned n);
void world_stamp(struct world *w, uint8_t stamp[static 64], const uint8_t tag[static 16],
		 const uint8_t *data, size_t len);
/* PUT over a fresh link of node i, closed after the answer. */
struct kith_mbox_result *world_put(struct world *w, unsigned i, const struct parcel *p);
struct kith_mbox_result *world_delete(struct world *w, unsigned i, const uint8_t d[static 32]);

/* A raw link of node 2: bytes as the test likes. */
void raw_open(struct world *w);
void raw_send(struct world *w, const uint8_t *data, size_t len);
/* One whole frame from the service within 5 s; its length with the length field, 0 = link lost. */
size_t raw_recv(struct world *w, uint8_t *out, size_t cap);
void raw_close(struct world *w);

#endif
