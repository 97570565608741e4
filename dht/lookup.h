/* SPDX-License-Identifier: ISC */
/*
 * State of one lookup (dht.md 6). A publication is a lookup that stores at whom it finds.
 */
#ifndef KITH_DHT_LOOKUP_H
#define KITH_DHT_LOOKUP_H

#include "dht/dht.h"
#include "dht/rpc.h"

/* What is sought. */
enum kith__look_kind {
	KITH__LOOK_VALUE, /* find a record */
	KITH__LOOK_NODE,  /* find the nodes nearest to a target */
	KITH__LOOK_STORE, /* find the region of a key and store there */
	KITH__LOOK_KEEP   /* renew at known replicas */
};

/* Who waits for the end. */
enum kith__look_owner {
	KITH__OWN_USER,
	KITH__OWN_LOCATE,
	KITH__OWN_PUBLISH,
	KITH__OWN_SELF,
	KITH__OWN_SIZE
};

/* See lookup.c. */
enum kith__cand_state {
	KITH__CAND_NEW,
	KITH__CAND_FLIGHT, /* asked, holds a slot */
	KITH__CAND_SLOW,   /* soft timeout passed: the slot is given back */
	KITH__CAND_ANSWERED,
	KITH__CAND_FAILED
};

#define KITH__C_INSIDE  0x01u /* within the radius of the key */
#define KITH__C_TOKEN   0x02u /* token[] is good */
#define KITH__C_SECOND  0x04u /* the second step after a degraded reply is used up */
#define KITH__C_STORE   0x08u /* STORE sent */
#define KITH__C_ACKED   0x10u /* STORE acknowledged, or kept */
#define KITH__C_HELD    0x20u /* told a held seq */
#define KITH__C_RETOKEN 0x40u /* the one STORE after status 6 is used up */
#define KITH__C_AGAIN   0x80u /* ask once more, with the cookie it gave */

/* A candidate. */
struct kith__cand {
	uint64_t held; /* seq it holds */
	uint32_t peer;
	uint32_t near, wide, endpoint; /* hashes of its groups and of its address */
	uint8_t token[16];
	uint8_t paths, depth, state, flags;
	uint16_t srtt; /* 0.25 ms, 0 = unknown */
	uint8_t far;   /* bits between its distance and the radius */
};

/* A lookup. */
struct kith__lookup {
	uint32_t op, serial;
	uint8_t kind, owner;
	bool dirty, done, complete;
	bool found, stores_open, final_sent;
	bool desperate;  /* only barred peers are known: ask them all the same */
	bool wants_more; /* capacity was missing at the last pump */
	bool wide;       /* nothing was found: all seeds are asked, however far */
	struct kith_id key;
	uint64_t radius, seq; /* seq: highest found, or the one to store */
	struct kith__cand *cand;
	size_t count, cap;
	unsigned fast, flying; /* slots in use; requests under way with slow ones */
	unsigned slow, large;  /* soft timeouts so far; 1,232 B requests to strangers */
	unsigned requests, stores, stores_flying, acks, answered, agree, repaired;
	unsigned hops_found, requests_found;
	uint64_t bytes, bytes_found;
	uint32_t pub; /* serial of the publication */
	uint16_t ttl_min;
	uint8_t *record; /* 1,024 B, or NULL */
	kith_time started, found_at, limit;
};

#endif
