/* SPDX-License-Identifier: ISC */
/*
 * The mailbox protocol inside node/: frames on the one stream of a service link, the client side
 * of a link, and the service. mailbox.md 4, 9.
 */
#ifndef KITH_NODE_MBOX_H
#define KITH_NODE_MBOX_H

#include "net/net.h"
#include "node/mbox_server.h"
#include "node/mbox_verb.h"
#include "node/proto.h"
#include "store/store.h"

/* What INFO tells: clock, prefix bits, days, free share of 255, stamp bits, size classes, MK. */
struct kith_mbox_info {
	uint8_t version, flags;
	uint64_t now_s;
	uint8_t p, retention, free_share, bits, classes;
	uint8_t mk[32];
};
/* The first p bits of `bucket`, left-aligned. */
struct kith_mbox_bucket {
	uint16_t bucket;
	uint8_t p;
};

/* ---- client side (mbox_client.c): one link = one service session with one stream ---- */
/* A link is opened for one purpose and closed by its owner; verbs may be queued before it is up, 16
 * at once (then KITH_E_FULL; KITH_E_NOTFOUND: no such link). Results come as kith_mbox_result, in
 * request order (an answer out of order fails the link); a link that fails gives GONE once, after
 * which its number is dead. All memory is the client's; result data lives until the next call.
 * A cursor (day, pos) names the first place not listed yet; (0, 0) lists all. LIST covers days up
 * to and including until_day; UINT32_MAX = no end. */
struct kith_mbox_client;
struct kith_mbox_client *kith__mbox_client_new(const struct kith_alloc *alloc, struct kith_net *net,
					       struct kith_rng *rng);
void kith__mbox_client_free(struct kith_mbox_client *c);
/* keepalive_s 0 = none. `mk` (may be NULL): the key the list names; another one in INFO fails the
 * link. */
int kith__mbox_open(struct kith_mbox_client *c, const uint8_t ml[static 32],
		    const struct kith_addr *addr, const uint8_t *mk, unsigned keepalive_s,
		    uint32_t *link, kith_time now) KITH_MUST_USE;
void kith__mbox_close(struct kith_mbox_client *c, uint32_t link, kith_time now);
int kith__mbox_info(struct kith_mbox_client *c, uint32_t link, kith_time now) KITH_MUST_USE;
int kith__mbox_put(struct kith_mbox_client *c, uint32_t link, const uint8_t tag[static 16],
		   struct kith_mbox_bucket b, uint8_t ttl_class, const uint8_t stamp[static 64],
		   const uint8_t blob[static KITH_BLOB], kith_time now) KITH_MUST_USE;
int kith__mbox_list(struct kith_mbox_client *c, uint32_t link, struct kith_mbox_bucket b,
		    uint32_t day, uint32_t pos, uint32_t until_day, kith_time now) KITH_MUST_USE;
/* A LIST of at most `max` tags. */
struct kith_mbox_range {
	struct kith_mbox_bucket bucket;
	uint32_t day, pos, until_day;
	uint16_t max;
};
int kith__mbox_page(struct kith_mbox_client *c, uint32_t link, const struct kith_mbox_range *range,
		    kith_time now) KITH_MUST_USE;
int kith__mbox_get(struct kith_mbox_client *c, uint32_t link, const uint8_t (*tags)[16],
		   unsigned count, kith_time now) KITH_MUST_USE; /* 4, 8 or 16 */
int kith__mbox_delete(struct kith_mbox_client *c, uint32_t link, const uint8_t d[static 32],
		      kith_time now) KITH_MUST_USE;
int kith__mbox_watch(struct kith_mbox_client *c, uint32_t link, const struct kith_mbox_bucket *b,
		     unsigned count, kith_time now) KITH_MUST_USE;
/* Audit: one own tag and 7 more with 16 B nonces; the answer is H("mb.have", nonce | blob). */
int kith__mbox_have(struct kith_mbox_client *c, uint32_t link, const uint8_t (*tags)[16],
		    const uint8_t (*nonces)[16], kith_time now) KITH_MUST_USE; /* 8 each */
/* Records of one period, which ends 3 h before until_s. The stamp binds del and all records. */
int kith__mbox_keep(struct kith_mbox_client *c, uint32_t link, uint64_t until_s,
		    const uint8_t del[static 16], const uint8_t stamp[static 64],
		    const uint8_t (*records)[KITH_RECORD], unsigned count, kith_time now)
	KITH_MUST_USE;

struct kith_mbox_result {
	uint32_t link;
	enum kith_mbox_verb verb;
	bool gone;                    /* the link failed or was closed by the server */
	enum kith_mbox_status status; /* of the reply */
	struct kith_mbox_info info;   /* INFO: bind signature already checked against ML */
	struct kith_receipt receipt;
	uint32_t position; /* PUT: not yet checked */
	uint32_t next_day, next_pos;
	bool more; /* LIST */
	const uint8_t (*tags)[16];
	unsigned count;            /* LIST, PUSH: tags; GET: count of items */
	const uint32_t *positions; /* PUSH */
	uint16_t bucket;           /* PUSH */
	struct {
		enum kith_mbox_status status;
		const uint8_t *blob;
		size_t len;
	} item[16]; /* GET, in request order */
	struct {
		enum kith_mbox_status status;
		uint64_t expiry_s;
		uint8_t hash[32];
	} have[8];                     /* HAVE */
	enum kith_mbox_status kept[8]; /* KEEP: count of them */
	uint32_t cursor_day[KITH_MBOX_WATCH_MAX], cursor_pos[KITH_MBOX_WATCH_MAX]; /* WATCH */
};
/* Events of net that belong to a link of this client: true when consumed. */
bool kith__mbox_client_event(struct kith_mbox_client *c, const struct kith_net_event *e,
			     kith_time now);
bool kith__mbox_client_result(struct kith_mbox_client *c, struct kith_mbox_result *out);
void kith__mbox_client_tick(struct kith_mbox_client *c,
			    kith_time now); /* requests unanswered for 10 s fail the link */
kith_time kith__mbox_client_deadline(const struct kith_mbox_client *c);

#endif
