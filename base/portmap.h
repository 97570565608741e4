/* SPDX-License-Identifier: ISC */
/*
 * The messages between kithd and kith-portmap, and what both know of a port mapping. Every message
 * has exactly 64 bytes; a message of any other form is refused as a whole. transport.md 10.
 *
 *	ask    ver 1 | verb 1 | seq 4 | proto 1 (17) | rsv 1 | internal port 2 | external port 2 |
 *	       lease 4 | gateway 19 | local 19 | zero 10
 *	reply  ver 1 | status 1 | seq 4 | lease 4 | external 19 | code 2 | zero 33
 */
#ifndef KITH_BASE_PORTMAP_H
#define KITH_BASE_PORTMAP_H

#include "base/addr.h"

/* ---- what net, node and kithd share ---- */
enum kith_mapping_proto { KITH_MAPPING_PCP, KITH_MAPPING_NATPMP, KITH_MAPPING_UPNP };
#define KITH_MAPPING_PROTOS 3u

/* How one protocol fared in the last round. */
enum kith_mapping_outcome {
	KITH_MAPPING_SWITCHED_OFF, /* by the owner, or not of this family */
	KITH_MAPPING_NOT_TRIED,    /* not yet, or another one was granted first */
	KITH_MAPPING_ASKED,
	KITH_MAPPING_SILENT,
	KITH_MAPPING_REFUSED, /* with the protocol's own code */
	KITH_MAPPING_GRANTED
};

/* What the owner allows and wants. */
struct kith_mapping_config {
	bool use[KITH_MAPPING_PROTOS];
	uint16_t external; /* port wanted outside; 0 = the one inside */
	uint32_t lease_s;  /* asked for */
};

/* ---- messages ---- */
#define KITH_PORTMAP_BYTES 64u

enum kith_portmap_verb { KITH_PORTMAP_ADD = 1, KITH_PORTMAP_DELETE = 2 };

enum kith_portmap_result {
	KITH_PORTMAP_GRANTED,     /* or removed */
	KITH_PORTMAP_NO_IGD,      /* no router answered */
	KITH_PORTMAP_REFUSED,     /* code: the UPnP error, 0 = none given */
	KITH_PORTMAP_TIMED_OUT,   /* the child overstayed and was killed */
	KITH_PORTMAP_CHILD_DIED,  /* the child crashed */
	KITH_PORTMAP_BAD_REQUEST, /* also: a job is running */
	KITH_PORTMAP_RESULTS
};

/* What kithd asks. Both addresses are IPv4; their ports say nothing. */
struct kith_portmap_ask {
	enum kith_portmap_verb verb;
	uint32_t seq, lease_s; /* lease 0: for good */
	uint16_t internal, external;
	struct kith_addr gateway, local;
};

/* What the broker answers. */
struct kith_portmap_reply {
	enum kith_portmap_result result;
	uint32_t seq, lease_s;     /* lease 0: for good */
	struct kith_addr external; /* address none where the router did not say; port */
	uint16_t code;
};

/* 64 bytes. */
void kith_portmap_ask_encode(uint8_t out[static KITH_PORTMAP_BYTES],
			     const struct kith_portmap_ask *a);
/* KITH_E_MALFORMED: length, version, a value out of range, a byte that must be zero. */
int kith_portmap_ask_decode(struct kith_portmap_ask *a, const uint8_t *in, size_t len)
	KITH_MUST_USE;
/* 64 bytes. */
void kith_portmap_reply_encode(uint8_t out[static KITH_PORTMAP_BYTES],
			       const struct kith_portmap_reply *r);
/* KITH_E_MALFORMED, as above; a grant without a port is malformed too. */
int kith_portmap_reply_decode(struct kith_portmap_reply *r, const uint8_t *in, size_t len)
	KITH_MUST_USE;

#endif
