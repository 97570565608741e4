/* SPDX-License-Identifier: ISC */
/*
 * A double of the node for the control tests: two contacts (1 accepted, 2 refused), one request 7,
 * one invitation 3, messages 1..5 of conversation 1 (odd ones own), events as a test adds them.
 * Writes are answered when fake_commit was called, reads at once.
 */
#ifndef KITH_TESTS_FAKE_NODE_H
#define KITH_TESTS_FAKE_NODE_H

#include "node/node.h"

#define FAKE_ROWS 512u

struct fake_reply {
	struct kith_node_reply r;
	unsigned first, count; /* message ids */
	uint64_t seq;
	unsigned limit;
	bool write;
};

struct kith_node {
	kith_time created_at;        /* what the last identity_create was told */
	bool identity, held, locked; /* held: commits do not happen */
	int status;                  /* what every write ends with */
	struct fake_reply queue[8192];
	size_t head, tail;
	struct fake_reply given;
	size_t at;
	struct kith_node_row row[FAKE_ROWS];
	size_t rows, news_at;
	bool watched, bare; /* bare: the store has no room to read along */
	bool with;          /* the messages of the last news are at hand */
	size_t with_at;
	unsigned log_reads;
	uint64_t first_event;
	enum kith_step step; /* of all own messages */
	unsigned writes, says;
	struct kith_node_status state;
	struct kith_node_reach reach;
	bool live;
};

/* Appends an event of conversation 1. */
void fake_event(struct kith_node *n, enum kith_event_type type, uint64_t first, uint64_t last);

#endif
