/* SPDX-License-Identifier: ISC */
/*
 * The mailbox service of an always-on peer, as the node drives it. Files: mbox_service.c and the
 * verbs beside it. mailbox.md 4, 9.
 */
#ifndef KITH_NODE_MBOX_SERVER_H
#define KITH_NODE_MBOX_SERVER_H

#include "net/net.h"
#include "node/proto.h"
#include "store/store.h"

struct kith_mbox_service;
struct kith_mbox_service_config {
	const struct kith_alloc *alloc;
	struct kith_rng *rng;
	struct kith_net *net;
	struct kith_store *store;
	uint8_t ml_secret[32];
	uint64_t disk_max;
	unsigned days_max;
	unsigned members_max;
	uint8_t bits;
	bool serve;
	/* KEEP hands records to the node, which publishes them. */
	void *publish_ctx;
	/* Number of the publication, 0: not taken up. It goes on for a day, unless superseded. */
	uint32_t (*publish)(void *ctx, const uint8_t record[static KITH_RECORD]);
	void (*unpublish)(void *ctx, uint32_t op); /* NULL: they end by themselves */
};
/* Loads MK (drawn at first use), tag index, members from the store (before the loop). */
int kith__mbox_service_new(const struct kith_mbox_service_config *cfg, uint64_t wall_s,
			   struct kith_mbox_service **out) KITH_MUST_USE;
void kith__mbox_service_free(struct kith_mbox_service *s);
/* Events of net on service sessions where we are the responder. True when consumed. */
bool kith__mbox_service_event(struct kith_mbox_service *s, const struct kith_net_event *e,
			      uint64_t wall_s, kith_time now);
/* After kith_store_done of mailbox.db: drains its results, sends what rested on batches <=
 * committed (receipts, pushes, GET replies). */
void kith__mbox_service_committed(struct kith_mbox_service *s, int status, kith_time now);
/* A newer record ended publication `op`: its owner was here. Tried again an hour later. */
void kith__mbox_service_superseded(struct kith_mbox_service *s, uint32_t op, kith_time now);
void kith__mbox_service_tick(struct kith_mbox_service *s, uint64_t wall_s, kith_time now);
kith_time kith__mbox_service_deadline(const struct kith_mbox_service *s);
struct kith_mbox_service_status {
	bool serving;
	uint64_t items, bytes, members, links, disk_max;
	uint64_t puts, refused, lists, gets, deletes, expired, pushes;
};
struct kith_mbox_service_status kith__mbox_service_status(const struct kith_mbox_service *s);

#endif
