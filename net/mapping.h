/* SPDX-License-Identifier: ISC */
/*
 * Port mapping: asks the router of a home network to let others in, by PCP, NAT-PMP or UPnP, keeps
 * the mapping alive and removes it. Sans-I/O like an engine: datagrams go to UDP 5351 of the
 * gateway from the node's own socket; UPnP is asked of another process through `ask` and `reply`.
 * Nothing ever waits for it. transport.md 10, docs/portmap.md.
 */
#ifndef KITH_NET_MAPPING_H
#define KITH_NET_MAPPING_H

#include "base/engine.h"
#include "base/portmap.h"

enum kith_mapping_state {
	KITH_MAPPING_NONE,       /* off, or no gateway */
	KITH_MAPPING_NOT_NEEDED, /* the own IPv4 address is a public one */
	KITH_MAPPING_TRYING,
	KITH_MAPPING_HELD,
	KITH_MAPPING_FAILED /* tried again later */
};

/* IPv4, or the pinhole in an IPv6 firewall (PCP only). */
enum kith_mapping_family { KITH_MAPPING_IP4, KITH_MAPPING_IP6, KITH_MAPPING_FAMILIES };

struct kith_mapping_status {
	enum kith_mapping_state state;
	bool gateway;
	enum kith_mapping_outcome outcome[KITH_MAPPING_PROTOS];
	uint16_t code[KITH_MAPPING_PROTOS];
	bool trying;                 /* a round runs, also beside a held mapping */
	enum kith_mapping_proto how; /* HELD */
	struct kith_addr external;   /* HELD; address 0.0.0.0 where the router did not say */
	uint32_t lease_s;            /* HELD; 0 = for good */
	uint64_t took_us;            /* HELD: from the first request to the grant */
};

/* State of one family; private to mapping.c. */
struct kith__mapping_side {
	enum kith_mapping_state state;
	struct kith_addr gateway, local;
	uint8_t nonce[12];
	enum kith_mapping_outcome outcome[KITH_MAPPING_PROTOS];
	uint16_t code[KITH_MAPPING_PROTOS];
	enum kith_mapping_proto how;
	struct kith_addr external;
	uint32_t lease_s;
	uint64_t took_us;
	bool round, out[KITH_MAPPING_PROTOS], out_address, has_epoch;
	bool remove[KITH_MAPPING_PROTOS]; /* stopping: to be taken back */
	unsigned tries, fails;
	uint32_t epoch_s;
	kith_time epoch_at, began, next_try, renew_at, ends_at, asked_at;
};

struct kith_mapping {
	struct kith_mapping_config cfg;
	struct kith_rng *rng;
	struct kith__mapping_side side[KITH_MAPPING_FAMILIES];
	struct {
		bool there, want, busy, stale;
		enum kith_portmap_verb verb;
		uint32_t seq;
		uint16_t
			held; /* external port that UPnP granted and nobody has removed; 0 = none */
		kith_time until;
	} upnp;
	bool stopping;
	kith_time stop_at;
	uint64_t sent, answers, dropped;
	uint8_t buffer[60];
};

/* Starts without a gateway. `rng` must outlive it. UPnP waits for kith_mapping_helper. */
void kith_mapping_init(struct kith_mapping *m, const struct kith_mapping_config *cfg,
		       struct kith_rng *rng);
/* The helper that speaks UPnP is there, or gone. */
void kith_mapping_helper(struct kith_mapping *m, bool there, kith_time now);
/* The default gateway of a family and the own address (with the bound port) used towards it; none:
 * there is no gateway. A change drops the old mapping and begins anew. */
void kith_mapping_gateway(struct kith_mapping *m, enum kith_mapping_family f,
			  const struct kith_addr *gateway, const struct kith_addr *local,
			  kith_time now);
/* True: it came from a gateway's port 5351. */
bool kith_mapping_input(struct kith_mapping *m, const struct kith_dgram_in *in, kith_time now);
void kith_mapping_tick(struct kith_mapping *m, kith_time now);
kith_time kith_mapping_deadline(const struct kith_mapping *m);
bool kith_mapping_output(struct kith_mapping *m, struct kith_dgram_out *out, kith_time now);
/* A job for the helper; false: none. Exactly one reply is awaited at a time. */
bool kith_mapping_ask(struct kith_mapping *m, struct kith_portmap_ask *out, kith_time now);
/* False: not the awaited one. */
bool kith_mapping_reply(struct kith_mapping *m, const struct kith_portmap_reply *r, kith_time now);
/* Something speaks against the mapping (others see another address): renews it, at most every
 * minute. */
void kith_mapping_doubt(struct kith_mapping *m, kith_time now);
/* Tries now what is not held, renews what is. */
void kith_mapping_again(struct kith_mapping *m, kith_time now);
/* Takes back what was granted. Call until true: all is removed, or 800 ms have passed. */
bool kith_mapping_stop(struct kith_mapping *m, kith_time now);
void kith_mapping_status(const struct kith_mapping *m, enum kith_mapping_family f,
			 struct kith_mapping_status *out);

#endif
