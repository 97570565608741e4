/* SPDX-License-Identifier: ISC */
/*
 * Two or three whole nodes with real stores on disks in memory, joined by a wire on virtual time.
 * Node 2, where used, is always on and serves a mailbox.
 */
#ifndef KITH_TEST_PAIR_H
#define KITH_TEST_PAIR_H

#include "node/internal.h"
#include "tests/test.h"
#include "tests/unit/store/disk.h"

#define PAIR_NODES  3u
#define PAIR_WALL_S UINT64_C(1794960000)
#define PAIR_TEXTS  4096u

struct pair_dgram {
	struct pair_dgram *next;
	kith_time at;
	unsigned to;
	struct kith_addr from;
	size_t len;
	uint8_t data[KITH_DGRAM_MAX];
};

struct pair_seen { /* what the owner of a node was told */
	unsigned news[128];
	unsigned with, without; /* news of messages that brought them, that did not */
	struct kith_node_reply reply;
	unsigned replies;
	char *text;
	size_t text_len;
};

struct pair {
	struct kith_node *node[PAIR_NODES];
	struct kith_engine engine[PAIR_NODES];
	struct kith_profile *profile[PAIR_NODES];
	struct kith_store *account[PAIR_NODES], *mailbox[PAIR_NODES];
	struct test_disk disk[PAIR_NODES];
	struct kith_rng rng[PAIR_NODES];
	struct kith_log log;
	struct pair_seen seen[PAIR_NODES];
	unsigned nodes;
	kith_time now, delay;
	unsigned loss_pct;
	bool cut; /* nothing passes between 0 and 1 */
	struct pair_dgram *queue;
	uint64_t state;
	uint32_t call;
};

/* Nodes with an identity each; `nodes` 2 or 3. */
void pair_init(struct pair *p, unsigned nodes);
void pair_free(struct pair *p);
/* Stops node i without a word (`power`: what is not synced may be lost) and starts it again. */
void pair_restart(struct pair *p, unsigned i, bool power);
/* Stops node i, puts an older image of its database in place and starts it again. */
void pair_restore(struct pair *p, unsigned i, const uint8_t *image, size_t len);
/* Runs until `us` of virtual time have passed. */
void pair_run(struct pair *p, kith_time us);
/* Makes 0 (A) and 1 (B) accepted contacts of each other, as after an answered request. */
void pair_befriend(struct pair *p);
/* Starts a contact link between 0 and 1, from the side `from`. */
void pair_connect(struct pair *p, unsigned from);
struct kith_contact *pair_contact(struct pair *p, unsigned i);
/* Says `text` at node i to its only contact; the row id. The id is made from `number`. */
uint64_t pair_say(struct pair *p, unsigned i, uint32_t number, const char *text, size_t len);
/* The same without running: status of the call; `call` gets its number. */
int pair_say_only(struct pair *p, unsigned i, uint32_t number, const char *text, size_t len);
/* Step of an own message. */
enum kith_step pair_step(struct pair *p, unsigned i, uint64_t message);
/* Number of messages of author (0 = own) in the only conversation of node i; *last = the newest. */
unsigned pair_count(struct pair *p, unsigned i, bool own, struct kith_node_message *last);

#endif
