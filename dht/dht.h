/* SPDX-License-Identifier: ISC */
/*
 * The DHT: finds one signed record by its blinded key, the present address of a known node key,
 * and volunteer always-on peers. Sans-I/O (base/engine.h). Depends on base/ only; knows nothing of
 * identities, sessions or disks. Bytes and rules: docs/protocol.md, docs/dht.md (dht.md,
 * crypto.md 7).
 */
#ifndef KITH_DHT_DHT_H
#define KITH_DHT_DHT_H

#include "base/alloc.h"
#include "base/engine.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/record.h"
#include "base/status.h"

struct kith_dht;
struct kith_peerbook;

/* Parameters, one X-macro: name, default, unit or meaning. Scenario keys of kith-sim are the same
 * names. */
#define KITH_DHT_PARAMS(X) \
	X(k, 16)           /* entries per bucket */ \
	X(alpha, 4)        /* requests in flight per lookup */ \
	X(alpha_max, 16)   /* with slow ones */ \
	X(inside, 4)       /* of them for the region, whatever flies elsewhere */ \
	X(store_alpha, 16) /* of a publication, inside the region */ \
	X(large, 4)        /* requests to strangers of the region that have room for a record */ \
	X(paths, 4)        /* disjoint paths */ \
	X(merge, 1)        /* answered candidates belong to all paths */ \
	X(replicas, 16) \
	X(radius_pct, 150) /* region radius, % of the distance of the 16th */ \
	X(store_max, 96)   /* STOREs of one publication */ \
	X(soft_pct, 150)   /* soft timeout, % of SRTT */ \
	X(hard_mult, 4)    /* hard timeout, multiples of soft */ \
	X(failed_out, 5)   /* straight failures until an entry goes */ \
	X(refresh_s, 1800) \
	X(near_check_s, 360) \
	X(size_probe_s, 10800) \
	X(ttl_min, 180) \
	X(republish_s, 3600) \
	X(put_rate, 2) /* publications per second */ \
	X(age_min_s, 600) \
	X(age_seats, 8) \
	X(pns, 1)   /* proximity seats */ \
	X(mask, 1)  /* masked targets outside the region */ \
	X(rate, 20) /* requests per second and group */ \
	X(burst, 100) \
	X(reserve_pct, 50) /* of every budget for known peers */ \
	X(pair_keys, 32)   /* cached pair keys */ \
	X(cookies, 128)    /* cached address cookies */

/* The parameters; the fields are those of KITH_DHT_PARAMS. */
struct kith_dht_params {
#define KITH_DHT_PARAM(name, value) uint32_t name;
	KITH_DHT_PARAMS(KITH_DHT_PARAM)
#undef KITH_DHT_PARAM
};

/* CLIENT: asks and publishes, stores nothing, is in no table. SERVER: all. */
enum kith_dht_mode { KITH_DHT_CLIENT, KITH_DHT_SERVER };
#define KITH_DHT_MAILBOX 1u /* service bits */
#define KITH_DHT_RELAY   2u

struct kith_dht_config {
	const struct kith_alloc *alloc; /* NULL = heap */
	struct kith_log *log;           /* NULL = none */
	uint32_t network;               /* network id, 0 = public */
	uint8_t node_secret[32];        /* X25519 secret of the node key */
	enum kith_dht_mode mode;
	uint8_t services;              /* offered service bits */
	uint64_t n_long;               /* saved network-size estimate, 0 = none */
	struct kith_dht_params params; /* start from kith_dht_defaults() */
};
struct kith_dht_params kith_dht_defaults(void);

/* A contact to start from: saved table, hint, LAN or user list. */
struct kith_dht_seed {
	uint8_t key[32]; /* node key */
	struct kith_addr addr;
	uint8_t age_class, srtt_class; /* 0 = unknown */
};

/* What kith_dht_event tells. */
enum kith_dht_event_kind {
	KITH_DHT_READY,    /* join converged: publications start */
	KITH_DHT_FOUND,    /* op, record (1,024 B), final; may repeat with a higher seq */
	KITH_DHT_ABSENT,   /* op, complete, answered */
	KITH_DHT_STORED,   /* op, acks, final */
	KITH_DHT_LOCATED,  /* op, key, addr */
	KITH_DHT_PEER,     /* op, key, addr, services; `final` ends the op */
	KITH_DHT_OBSERVED, /* addr: own address as `key` sees it; minutes: its clock */
	KITH_DHT_SPLIT     /* two bootstrap sources lead to disjoint networks */
};

struct kith_dht_event {
	enum kith_dht_event_kind kind;
	uint32_t op;
	bool final, complete;
	uint8_t services;
	unsigned acks, answered;
	uint32_t minutes;
	uint8_t key[32];
	struct kith_addr addr, from; /* from: OBSERVED, the reporter */
	const uint8_t *record;       /* 1,024 B, valid until the next call */
};

/* The table of known peers: private in kithd, one per partition in kith-sim. Entries are
 * interned, immutable, reference-counted; handles never order anything and never leave the
 * process. */
struct kith_peerbook *kith_peerbook_new(const struct kith_alloc *alloc, size_t max,
					struct kith_rng *rng);
void kith_peerbook_free(struct kith_peerbook *book);

/* A new engine. `book` and `rng` must outlive it. NULL: no memory. */
struct kith_dht *kith_dht_new(const struct kith_dht_config *cfg, struct kith_peerbook *book,
			      struct kith_rng *rng, kith_time now);
void kith_dht_free(struct kith_dht *d);

/* The verbs of base/engine.h. */
bool kith_dht_input(struct kith_dht *d, const struct kith_dgram_in *in, kith_time now);
void kith_dht_tick(struct kith_dht *d, kith_time now);
kith_time kith_dht_deadline(const struct kith_dht *d);
bool kith_dht_output(struct kith_dht *d, struct kith_dgram_out *out, kith_time now);
bool kith_dht_event(struct kith_dht *d, struct kith_dht_event *out);

/* Searches the record under `key`. Sets *op; FOUND and ABSENT carry it. KITH_E_FULL. Allowed
 * before READY (then it starts as soon as a server is known). Median 8 requests, at most 64,
 * 20 s. */
int kith_dht_lookup(struct kith_dht *d, const struct kith_id *key, uint32_t *op, kith_time now)
	KITH_MUST_USE;
/* Publishes 1,024 signed bytes, and again until replaced (same key, higher seq), cancelled or 24 h
 * old. STORED carries *op. KITH_E_MALFORMED (length, signature), KITH_E_FULL, KITH_E_EXISTS (an
 * equal or higher seq is published already with other bytes). Copies. When a newer record of the
 * key turns up in the network, FOUND with *op carries it and a final STORED ends the
 * publication. */
int kith_dht_publish(struct kith_dht *d, const uint8_t *record, size_t len, uint32_t *op,
		     kith_time now) KITH_MUST_USE;
/* Finds the present address of a node key: LOCATED or ABSENT. */
int kith_dht_locate(struct kith_dht *d, const uint8_t node_key[static 32], uint32_t *op,
		    kith_time now) KITH_MUST_USE;
/* Finds up to `want` peers that offer all bits of `services`: PEER events. */
int kith_dht_find_service(struct kith_dht *d, uint8_t services, unsigned want, uint32_t *op,
			  kith_time now) KITH_MUST_USE;
/* Ends an op; no event carries it afterwards. Unknown numbers are ignored. */
void kith_dht_cancel(struct kith_dht *d, uint32_t op);
/* Offers a starting point. KITH_E_MALFORMED (unusable address or key), KITH_E_FULL. */
int kith_dht_seed_contact(struct kith_dht *d, const struct kith_dht_seed *seed, kith_time now)
	KITH_MUST_USE;
/* Up to `max` contacts worth saving, spread over buckets and prefixes; returns how many. */
size_t kith_dht_save(const struct kith_dht *d, struct kith_dht_seed *out, size_t max);
void kith_dht_set_mode(struct kith_dht *d, enum kith_dht_mode mode, uint8_t services,
		       kith_time now);
/* Unix minutes for the RPC head. */
void kith_dht_set_clock(struct kith_dht *d, uint32_t wall_minutes, kith_time now);
/* New node key; the former one is still accepted for 24 h. */
void kith_dht_set_key(struct kith_dht *d, const uint8_t node_secret[static 32], kith_time now);
/* Forgets cookies and in-flight requests (network change, resume). */
void kith_dht_network_changed(struct kith_dht *d, kith_time now);

struct kith_dht_status {
	bool ready, offline;
	size_t peers;           /* verified entries in the table */
	size_t records;         /* others' records held */
	size_t published;       /* own and deposited records */
	uint64_t size_estimate; /* nodes in the network, 0 = unknown */
};
struct kith_dht_status kith_dht_status(const struct kith_dht *d);
/* The i-th table entry (0..peers-1), for diagnostics. False beyond the end. */
bool kith_dht_peer(const struct kith_dht *d, size_t i, struct kith_dht_seed *out,
		   uint32_t *srtt_us);

/* Counters, one X-macro: node.metrics and kith-sim series use these names. */
#define KITH_DHT_COUNTERS(X) \
	X(rx_datagrams) \
	X(rx_bytes) \
	X(tx_datagrams) \
	X(tx_bytes) \
	X(rx_ping) \
	X(rx_find) \
	X(rx_find_value) \
	X(rx_store) \
	X(rx_reply) \
	X(drop_length) \
	X(drop_gate) \
	X(drop_open) \
	X(drop_parse) \
	X(drop_version) \
	X(drop_method) \
	X(drop_reply) \
	X(drop_limit) \
	X(drop_key) \
	X(drop_own) \
	X(drop_client) \
	X(drop_barred) \
	X(skipped_contact) \
	X(busy_sent) \
	X(busy_received) \
	X(dh_misses) \
	X(lookups) \
	X(lookups_found) \
	X(lookups_absent) \
	X(lookups_incomplete) \
	X(requests) \
	X(timeouts_soft) \
	X(timeouts_hard) \
	X(late_replies) \
	X(stores_ok) \
	X(stores_refused) \
	X(records_evicted) \
	X(records_refused) \
	X(publications) \
	X(publish_acks) \
	X(degraded) \
	X(replaced_age) \
	X(replaced_speed) \
	X(replaced_failed) \
	X(ratio_max_permille)
/* Since the engine was made. */
struct kith_dht_counters {
#define KITH_DHT_COUNTER(name) uint64_t name;
	KITH_DHT_COUNTERS(KITH_DHT_COUNTER)
#undef KITH_DHT_COUNTER
};
/* Valid as long as the engine. */
const struct kith_dht_counters *kith_dht_counters(const struct kith_dht *d);

/* One finished lookup, for evaluators: pulled after FOUND or ABSENT of `op`; false when unknown. */
struct kith_dht_trace {
	uint32_t op;
	unsigned hops_found, requests, requests_found;
	uint64_t bytes_found, bytes_total;
	kith_time started, found, done; /* KITH_NEVER: not yet */
};
bool kith_dht_trace(const struct kith_dht *d, uint32_t op, struct kith_dht_trace *out);

/* The engine as drivers see it (bare dht, for tests and kith-sim). */
struct kith_engine kith_dht_engine(struct kith_dht *d);

#endif
