/* SPDX-License-Identifier: ISC */
/*
 * The engine struct and what the files of dht/ share.
 *
 * Flow: dht.c (verbs) -> serve.c (requests) or request.c (replies, timeouts) -> lookup.c, join.c,
 * publish.c, sampler.c; all sending ends in request.c (own requests) or serve.c (replies), sealed
 * by rpc.c and queued by queue.c. Verbs end with kith__dht_settle, which pumps what became ready.
 */
#ifndef KITH_DHT_INTERNAL_H
#define KITH_DHT_INTERNAL_H

#include "base/crypto.h"
#include "base/map.h"
#include "dht/dht.h"
#include "dht/lookup.h"
#include "dht/peerbook.h"
#include "dht/rpc.h"
#include "dht/table.h"
#include "dht/wire.h"

#define KITH__MAINTENANCE_MAX 8u /* of KITH_DHT_LOOKUPS_MAX */
#define KITH__NEAREST         16u
#define KITH__RTTS            64u
#define KITH__SIZES           16u
#define KITH__PINGS           128u /* queued pings */
#define KITH__BANS            256u /* peers that are left alone for a while */
#define KITH__SAMPLERS        16u
#define KITH__WALK_SAMPLERS   64u
#define KITH__WALKS_MAX       4u /* service searches at once */
#define KITH__TRACES          64u
#define KITH__PACKETS_MAX     1024u
#define KITH__REPLICAS_MAX    96u

/* Why a question was asked: who gets the answer. */
enum kith__ask_kind {
	KITH__ASK_LOOKUP,
	KITH__ASK_STORE,
	KITH__ASK_PING,
	KITH__ASK_FILL,
	KITH__ASK_WALK
};

/* A request under way. */
struct kith__request {
	uint64_t tx;
	kith_time sent, soft, hard; /* soft: KITH_NEVER once it fired */
	uint32_t peer, owner;       /* owner: serial of a lookup or a walk */
	uint16_t size, got;         /* bytes sent, and of the reply */
	uint8_t kind, method, bucket, self;
	bool reachable_test; /* learned from a third party, never asked before */
	bool again;          /* sent twice: no RTT sample */
};

/* What to ask. */
struct kith__ask {
	enum kith__ask_kind kind;
	uint8_t method;
	uint16_t flags;
	uint32_t peer, owner;
	const struct kith_id *target;
	uint64_t seq;
	const uint8_t *token, *record;
	uint16_t ttl_min;
	uint8_t bucket;
	bool large;       /* pad to 1,232 B if there is no cookie */
	bool medium;      /* to 512 B */
	bool third_party; /* hearsay until it answers */
};

/* Cached keys of one pair of nodes, both directions. */
struct kith__pair {
	uint64_t tag;
	uint8_t out[32], in[32];
};

/* The cookie a peer gave us. */
struct kith__cookie {
	uint32_t peer;
	uint8_t cookie[8];
};

/* A peer that is asked nothing until a time. */
struct kith__ban {
	uint32_t peer;
	uint8_t step;   /* failures: 30 s << step */
	uint8_t reason; /* enum kith__ban_reason */
	kith_time until;
};
/* Why. FALSE: sent a false record or signature. */
enum kith__ban_reason { KITH__BAN_FAILED, KITH__BAN_BUSY, KITH__BAN_FALSE };

/* A sealed datagram that waits for output. */
struct kith__packet {
	struct kith__packet *next;
	struct kith_addr to;
	size_t len;
	uint8_t data[];
};

/* An event that waits. */
struct kith__note {
	struct kith__note *next;
	struct kith_dht_event event;
	uint8_t record[];
};

/* A token bucket of one group. */
struct kith__tokens {
	uint32_t tag, at_ms, milli;
};

/* A budget of the whole node. */
struct kith__budget {
	uint64_t left; /* micro-units */
	kith_time at;
};

/* All limits on what others cost us. */
struct kith__limiter {
	struct kith__tokens *slot;
	size_t cap, used;
	bool grow;
	struct kith__budget reply_bytes, dh, cpu;
};

/* A record of somebody else. */
struct kith__held {
	struct kith_id key;
	uint64_t seq;
	kith_time first, expires;
	uint32_t group;
	uint8_t record[KITH_RECORD];
};

/* All of them, and how many each group stored. */
struct kith__records {
	struct kith__held **held;
	size_t count, cap;
	struct kith_map index;  /* key -> place in held */
	struct kith_map groups; /* group -> records */
	kith_time expire_at;
};

/* A publication. */
struct kith__pub {
	struct kith_id key;
	uint64_t seq;
	uint32_t op, serial;
	kith_time born, due;
	uint16_t rounds, retries;
	bool running, stored, full; /* full: the next round is a complete lookup */
	uint32_t *replica;
	size_t replicas, wanted;
	uint8_t record[KITH_RECORD];
};

/* All publications and their pace. */
struct kith__pubs {
	struct kith__pub **pub;
	size_t count, cap;
	struct kith_map index;                 /* key -> place */
	kith_time next, store_free, keep_free; /* earliest due; pacing */
	unsigned slow;                         /* rate divided by 1 << slow */
	unsigned sent, failed;                 /* STOREs of the window */
	kith_time window;
};

/* The peer whose prefix has the smallest score. */
struct kith__sampler {
	uint64_t min;
	uint32_t peer;
};

/* A search for services. */
struct kith__walk {
	uint32_t op, serial;
	uint8_t services, hop;
	bool used, flying;
	unsigned want, walks, idle, seen;
	uint8_t secret[32];
	struct kith_id target;
	kith_time next;
	uint32_t asked[3];
	struct kith__sampler sampler[KITH__WALK_SAMPLERS];
};

/* Stages of joining; see join.c. */
enum kith__join { KITH__JOIN_IDLE, KITH__JOIN_FIRST, KITH__JOIN_FILL, KITH__JOIN_READY };

/* The engine. */
struct kith_dht {
	const struct kith_alloc *alloc;
	struct kith_log *log;
	struct kith_peerbook *book;
	struct kith_rng *rng;
	struct kith_noncer noncer;
	struct kith_dht_params params;
	uint32_t network;
	struct kith__self self[2]; /* present key, former key */
	kith_time former_until;
	enum kith_dht_mode mode;
	uint8_t services;
	uint8_t secret[32], hash_key[16];
	uint64_t wall_s;
	kith_time wall_at;
	struct kith_dht_counters counters;

	struct kith__table table;
	struct kith__pair *pairs;
	struct kith__cookie *cookies;
	struct kith__ban *bans;
	size_t ban_count, ban_cap;
	struct kith__limiter limiter;

	struct kith__packet *packet_head, *packet_tail, *packet_sent;
	size_t packet_count;
	struct kith__note *note_head, *note_tail, *note_shown;
	size_t note_count;

	struct kith__request *req;
	size_t req_count, req_cap;
	unsigned stores_flying;
	bool starved; /* a request found no room */
	uint32_t ping[KITH__PINGS];
	size_t ping_count;

	struct kith__lookup *look[KITH_DHT_LOOKUPS_MAX];
	size_t look_count;
	uint32_t last_op, last_serial;
	struct kith_dht_trace *trace;
	size_t trace_at;
	struct kith__walk *walk[KITH__WALKS_MAX];

	struct kith__records records;
	struct kith__pubs pubs;
	struct kith__sampler sampler[KITH__SAMPLERS];
	unsigned checks; /* new service peers checked in this hour */
	kith_time checks_at;

	uint32_t *seed;
	size_t seed_count, seed_cap, seed_at;
	enum kith__join join;
	unsigned join_sizes, join_rounds, fill_next, fills_flying;
	bool self_settled;
	uint64_t self_digest;
	kith_time born_at, ready_at, probe_at, probe_wait, join_at;

	uint64_t size[KITH__SIZES]; /* last samples */
	unsigned size_count, size_at;
	uint64_t n_short, n_long;
	kith_time n_short_at, first_sample, size_due;

	uint16_t rtt[KITH__RTTS]; /* 0.25 ms */
	unsigned rtt_count, rtt_at;
	uint32_t median_us;
	bool median_stale;

	kith_time last_reply, waiting_since; /* first request since that reply */
	uint32_t results;                    /* last 32 requests, 1 = failed, newest in bit 0 */
	unsigned result_count;
	uint32_t *sweep;
	size_t sweep_count, sweep_at;
	kith_time sweep_due, sweep_last;
	kith_time near_due, bucket_due, hour_due;
};

/* Where a request came from. */
struct kith__from {
	const struct kith__self *self; /* the own key it was sealed to */
	uint8_t key[32];
	struct kith_addr addr;
	size_t len;
	bool proved; /* its address cookie is valid */
	bool known;  /* verified more than age_min ago */
};

/* queue.c: datagrams and events. */
void kith__send(struct kith_dht *d, const struct kith__self *self, const uint8_t key[static 32],
		const struct kith_addr *to, const struct kith__msg *m, size_t size);
void kith__emit(struct kith_dht *d, const struct kith_dht_event *e, const uint8_t *record);
bool kith__pair_keys(struct kith_dht *d, const struct kith__self *self, const uint8_t *key,
		     bool stranger, const uint8_t **out, const uint8_t **in, kith_time now);
uint64_t kith__unix(const struct kith_dht *d, kith_time now);
uint32_t kith__group_hash(const struct kith_dht *d, const struct kith_addr *a, enum kith_width w);
void kith__queue_wipe(struct kith_dht *d);

/* limiter.c */
bool kith__limit_peek(const struct kith_dht *d, const struct kith_addr *a, kith_time now);
bool kith__limit_take(struct kith_dht *d, const struct kith_addr *a, unsigned weight, bool known,
		      kith_time now);
bool kith__limit_record(struct kith_dht *d, const struct kith_addr *a, kith_time now);
bool kith__budget_take(struct kith__budget *b, uint64_t rate, uint64_t amount, unsigned keep_pct,
		       kith_time now);

/* serve.c: requests of others. */
void kith__serve(struct kith_dht *d, struct kith__from *from, const struct kith__msg *m,
		 kith_time now);

/* request.c: own requests. */
bool kith__ask(struct kith_dht *d, const struct kith__ask *a, kith_time now);
void kith__dht_answer(struct kith_dht *d, const struct kith__from *from, const struct kith__msg *m,
		      kith_time now);
bool kith__awaits(const struct kith_dht *d, const struct kith_addr *a);
void kith__request_tick(struct kith_dht *d, kith_time now);
kith_time kith__request_deadline(const struct kith_dht *d);
void kith__ask_again(struct kith_dht *d, const struct kith__ask *a, struct kith__request *r,
		     kith_time now);
void kith__ping_pump(struct kith_dht *d, kith_time now);
/* A PING soon; `probe` asks also whom failures bar for a while (join, offline). */
void kith__ping(struct kith_dht *d, uint32_t peer, kith_time now);
void kith__probe(struct kith_dht *d, uint32_t peer);
bool kith__offline(const struct kith_dht *d, kith_time now);
bool kith__banned(const struct kith_dht *d, uint32_t peer, kith_time now);
void kith__ban(struct kith_dht *d, uint32_t peer, enum kith__ban_reason reason, kith_time until);
const uint8_t *kith__cookie_get(const struct kith_dht *d, uint32_t peer);
void kith__verified(struct kith_dht *d, const struct kith__sighting *s, bool client, kith_time now);
uint32_t kith__median_us(struct kith_dht *d);
void kith__soft_hard(struct kith_dht *d, uint32_t peer, kith_time *soft, kith_time *hard);

/* lookup.c */
struct kith__lookup *kith__lookup_new(struct kith_dht *d, enum kith__look_kind kind,
				      enum kith__look_owner owner, const struct kith_id *key,
				      kith_time now);
void kith__lookup_free(struct kith_dht *d, struct kith__lookup *l);
struct kith__lookup *kith__lookup_find(const struct kith_dht *d, uint32_t serial);
void kith__lookup_add(struct kith_dht *d, struct kith__lookup *l, uint32_t peer, unsigned paths,
		      unsigned depth);
/* lookup_pick.c: the next one to ask, NULL: nobody; and whether an answer that is still out may
 * change the result. */
struct kith__cand *kith__lookup_pick(struct kith_dht *d, struct kith__lookup *l, kith_time now);
bool kith__lookup_pending(const struct kith__lookup *l);
void kith__lookup_pump(struct kith_dht *d, struct kith__lookup *l, kith_time now);
/* lookup_answer.c; tell: the FOUND event of what it has. */
void kith__lookup_tell(struct kith_dht *d, const struct kith__lookup *l, bool final);
void kith__lookup_answer(struct kith_dht *d, struct kith__lookup *l, const struct kith__request *r,
			 const struct kith__msg *m, kith_time now);
void kith__lookup_soft(struct kith_dht *d, struct kith__lookup *l, const struct kith__request *r);
void kith__lookup_failed(struct kith_dht *d, struct kith__lookup *l, const struct kith__request *r);
/* The answered candidates nearest to the key, one per NEAR group; returns how many. */
size_t kith__lookup_nearest(const struct kith__lookup *l, size_t *out, size_t max);
void kith__lookup_end(struct kith_dht *d, struct kith__lookup *l, kith_time now);
void kith__settle(struct kith_dht *d, kith_time now);
struct kith__cand *kith__cand_find(struct kith__lookup *l, uint32_t peer);
/* lookup_store.c: the storing half. */
void kith__store_again(struct kith_dht *d, struct kith__lookup *l, struct kith__request *r,
		       kith_time now);
void kith__store_failed(struct kith_dht *d, struct kith__lookup *l, const struct kith__request *r,
			kith_time now);
void kith__store_pump(struct kith_dht *d, struct kith__lookup *l, kith_time now);
bool kith__store_busy(const struct kith__lookup *l);
void kith__store_answer(struct kith_dht *d, struct kith__lookup *l, const struct kith__request *r,
			const struct kith__msg *m, kith_time now);

/* region.c */
uint64_t kith__size(const struct kith_dht *d);
uint64_t kith__radius(const struct kith_dht *d);
bool kith__size_known(const struct kith_dht *d);
/* Whether `id` lies within `times` radii of `key`. */
bool kith__within(const struct kith_dht *d, const struct kith_id *id, const struct kith_id *key,
		  unsigned times);
void kith__mask(struct kith_dht *d, const struct kith_id *key, struct kith_id *out);
/* N from the distances of the nearest nodes (first 64 bits), nearest first. */
uint64_t kith__estimate(const uint64_t *distance, size_t count);
void kith__size_sample(struct kith_dht *d, const struct kith__lookup *l, kith_time now);
void kith__random_id(struct kith_dht *d, const struct kith_id *prefix, unsigned bits,
		     struct kith_id *out);

/* join.c and refresh.c */
void kith__join_tick(struct kith_dht *d, kith_time now);
void kith__join_lookup(struct kith_dht *d, const struct kith__lookup *l, kith_time now);
void kith__fill_answer(struct kith_dht *d, const struct kith__request *r, const struct kith__msg *m,
		       kith_time now);
void kith__fill_failed(struct kith_dht *d, const struct kith__request *r, kith_time now);
kith_time kith__join_deadline(const struct kith_dht *d);
void kith__refresh_tick(struct kith_dht *d, kith_time now);
kith_time kith__refresh_deadline(const struct kith_dht *d);
bool kith__ask_bucket(struct kith_dht *d, unsigned bucket, uint32_t peer, kith_time now);

/* records.c */
const struct kith__held *kith__record_get(const struct kith_dht *d, const struct kith_id *key,
					  kith_time now);
void kith__record_keep(struct kith_dht *d, const struct kith_id *key, uint16_t ttl_min,
		       kith_time now);
enum kith__stored kith__record_store(struct kith_dht *d, const uint8_t *record, uint16_t ttl_min,
				     const struct kith_addr *from, kith_time now);
void kith__record_tick(struct kith_dht *d, kith_time now);
void kith__record_wipe(struct kith_dht *d);

/* publish.c */
const struct kith__pub *kith__pub_get(const struct kith_dht *d, const struct kith_id *key);
/* The same while this server knows nobody, so that it is the whole network of its clients. */
const struct kith__pub *kith__pub_alone(const struct kith_dht *d, const struct kith_id *key);
void kith__pub_tick(struct kith_dht *d, kith_time now);
kith_time kith__pub_deadline(const struct kith_dht *d);
void kith__pub_ready(struct kith_dht *d, kith_time now);
void kith__pub_progress(struct kith_dht *d, struct kith__lookup *l, kith_time now);
void kith__pub_end(struct kith_dht *d, struct kith__lookup *l, kith_time now);
bool kith__pub_cancel(struct kith_dht *d, uint32_t op);
void kith__pub_result(struct kith_dht *d, bool failed, kith_time now);
void kith__pub_wipe(struct kith_dht *d);

/* sampler.c */
void kith__sample(struct kith_dht *d, uint32_t peer, uint8_t services, kith_time now);
unsigned kith__sample_pick(struct kith_dht *d, uint32_t *out, unsigned max);
void kith__walk_answer(struct kith_dht *d, const struct kith__request *r, const struct kith__msg *m,
		       kith_time now);
void kith__walk_failed(struct kith_dht *d, const struct kith__request *r, kith_time now);
void kith__walk_seen(struct kith_dht *d, uint32_t peer, uint8_t services);
void kith__walk_tick(struct kith_dht *d, kith_time now);
kith_time kith__walk_deadline(const struct kith_dht *d);
bool kith__walk_cancel(struct kith_dht *d, uint32_t op);
void kith__sampler_wipe(struct kith_dht *d);

/* The earlier of two times. */
static inline kith_time kith__min_time(kith_time a, kith_time b)
{
	return a < b ? a : b;
}

#endif
