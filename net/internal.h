/* SPDX-License-Identifier: ISC */
/*
 * State of the engine and the functions its files share. Nobody outside net/ and its tests
 * includes this. Who owns what: the engine owns all; a session owns its rings, messages, streams.
 */
#ifndef KITH_NET_INTERNAL_H
#define KITH_NET_INTERNAL_H

#include "net/codec.h"
#include "net/net.h"
#include "net/session.h"

#define HALF_LIFE_US    (10u * KITH_US_PER_S)
#define HALF_PATHS      10u
#define HALF_ANSWERS    4u
#define PENDING_ADDRS   8u
#define ANSWERS_MAX     64u /* handshake answers between two drains of the output */
#define PROBES_MAX      64u /* PROBE and ECHO waiting to leave */
#define LIMITER_SLOTS   1024u
#define OBF_MAX         9u       /* 3 live P x 3 days */
#define EVENT_BYTES_MAX 8388608u /* undrained message bytes; then no data is taken */
#define IDX_HALF        0x80000000u
#define DAY_S           86400u
#define DAY_EDGE_S      10800u /* 3 h */

/* A contact device. */
struct link_peer {
	struct kith_net_link_peer v;
	struct session *session;
	struct pending *pending;
	uint8_t incarnation[8]; /* shown to this peer while a session or handshake lives */
	bool showing;           /* incarnation is in use */
	uint8_t shared[32];     /* DH of both LKs, from the first handshake on */
	bool has_shared;
	kith_time forced_at; /* last acceptance of an old timestamp, by cookie */
	bool forced;
	kith_time punish_until, punish_next; /* after a fault: <= 1 handshake per 60 s */
	struct link_peer *same_key;          /* next device that lists this LK */
	struct event_node *state;            /* LINK_STATE */
};

/* A handshake of ours. */
struct pending {
	enum kith_net_kind kind;
	uint32_t number;       /* of the session to be */
	struct session *rekey; /* or the one that gets a new epoch */
	struct link_peer *link;
	uint8_t responder[32], k_obf[32], e_secret[32], s_secret[32], psk[2][32];
	uint8_t ml[32], incarnation[8];
	unsigned psk_count;
	uint64_t day;
	uint8_t noise1[NET_NOISE1];
	uint32_t idx_i;
	struct kith_noise st;
	struct {
		struct net_path path;
		uint8_t nonce[24], cookie[16];
		bool sent, has_cookie;
		unsigned cookies;
	} to[PENDING_ADDRS];
	unsigned to_count, due; /* due: bit per address */
	unsigned tries;
	kith_time started, sent_at, next_at;
	bool yielded; /* the peer's crossing handshake goes on, ours only keeps the number */
	uint32_t keepalive_s;
	struct event_node *failed;
};

/* A handshake we answered: until its first data packet, and 10 s for copies of msg1. */
struct half {
	uint8_t e[32], k2[32], noise2[NET_NOISE2];
	struct hs_keys keys;
	uint8_t peer_rhk[32], peer_incarnation[8], own_incarnation[8];
	uint32_t idx_i, idx_r;
	enum kith_net_kind kind;
	struct link_peer *link;
	struct session *rekey;
	uint64_t day;
	bool newest_root; /* the psk came from root[0] */
	bool spent;       /* promoted or void: keys are wiped */
	kith_time born;
	unsigned path_count;
	struct {
		uint64_t hash;
		unsigned answers;
	} path[HALF_PATHS];
};

/* A handshake answer that waits to leave. */
struct answer {
	struct net_path path;
	size_t len;
	uint8_t bytes[NET_MSG1_MAX];
};

/* A PROBE or ECHO that waits to leave. */
struct probe {
	uint32_t number; /* session */
	struct net_path path;
	bool echo;
	uint8_t token[8];
};

/* A token bucket. */
struct bucket {
	uint64_t tag;
	kith_time at;
	uint32_t millis; /* tokens x 1,000 */
};

/* An own outer key. */
struct obf {
	uint8_t key[32];
	uint32_t epoch;
	uint64_t day;
};

struct kith_net {
	struct kith_net_config cfg;
	const struct kith_alloc *alloc;
	struct kith_rng *rng;
	struct kith_noncer noncer;
	struct kith_net_counters count;

	uint64_t wall_us; /* at wall_at; 0 = not told */
	kith_time wall_at;
	uint8_t ml[32], lk[32], process[4];
	uint8_t rhk[2][32]; /* current, former */
	kith_time rhk_renew_at, rhk_former_until;
	struct kith_net_presence presence[3];
	size_t presence_count;
	struct obf obf[OBF_MAX];
	unsigned obf_count;
	uint64_t obf_from_s, obf_until_s; /* wall seconds for which obf[] holds */
	uint8_t service_obf[32];

	struct session **sessions; /* by slot; NULL = free */
	size_t session_cap, session_count;
	size_t partial_bytes; /* of unfinished messages, all sessions */
	uint32_t *free_slots;
	size_t free_cap, free_count;
	uint32_t *heap;
	size_t heap_cap, heap_len;
	uint32_t next_number;
	struct session *ready_first, *ready_last;
	struct kith_map by_idx, by_number, by_e, by_token;

	struct link_peer **links;
	size_t link_cap, link_count;
	struct kith_map by_peer, by_lk;

	struct pending *pending[KITH_NET_PENDING_MAX];
	unsigned pending_count;
	struct half *half[KITH_NET_HALFOPEN_MAX]; /* ring in order of birth */
	uint64_t half_first, half_next;

	struct answer answers[ANSWERS_MAX];
	unsigned answer_first, answer_count;
	struct probe probes[PROBES_MAX];
	unsigned probe_first, probe_count;
	uint8_t out[KITH_DGRAM_MAX], plain[KITH_DGRAM_MAX];

	struct event_node *event_first, *event_last, *event_held;
	size_t event_count, event_bytes;
	bool hold;

	uint8_t cookie_secret[2][32];
	kith_time cookie_born; /* of secret 0; KITH_NEVER: none yet */
	struct bucket group[LIMITER_SLOTS], global;
	uint8_t limiter_key[16];
	kith_time rate_from;
	uint32_t rate_now, rate_before;
};

/* ---- net.c ---- */
uint64_t kith__net_wall_us(const struct kith_net *n, kith_time now);
/* ---- event.c ---- */
struct event_node *kith__net_event_alloc(struct kith_net *n, size_t bytes);
void kith__net_event_push(struct kith_net *n, struct event_node *e);
/* Allocates and queues; false: no memory. */
bool kith__net_event_add(struct kith_net *n, const struct kith_net_event *ev);
/* Queues a node that its owner keeps, unless it is queued already. */
void kith__net_event_signal(struct kith_net *n, struct event_node *e);
/* Ends the owner's hold on a kept node (NULL is legal). */
void kith__net_event_release(struct kith_net *n, struct event_node *e);
void kith__net_event_clear(struct kith_net *n);
/* No more data may be taken from peers. */
bool kith__net_event_full(const struct kith_net *n);
/* ---- limiter.c ---- */
/* A token of the sender's NEAR group and of the whole node. */
bool kith__net_limiter_take(struct kith_net *n, const struct kith_addr *a, kith_time now);
/* Counts one msg1 that opened. */
void kith__net_limiter_count(struct kith_net *n, kith_time now);
/* Cookies are demanded: too many handshakes, or the half-open table is 3/4 full. */
bool kith__net_limiter_strict(struct kith_net *n, kith_time now);
/* ---- cookie.c ---- */
bool kith__net_cookie_valid(struct kith_net *n, const struct outer1 *m, const struct kith_addr *a,
			    kith_time now);
/* Queues a cookie for the sender of `m`; `budget` = length of that msg1. */
void kith__net_cookie_answer(struct kith_net *n, const struct outer1 *m, const uint8_t k_obf[32],
			     const struct net_path *path, size_t budget, kith_time now);
/* The one way for an answer to an unproven address: never longer than `budget`. */
struct answer *kith__net_answer_slot(struct kith_net *n, const struct net_path *path);
size_t kith__net_draw_pad(struct kith_net *n, size_t fixed, size_t longest);
/* ---- link.c ---- */
struct link_peer *kith__net_link_find(const struct kith_net *n, uint32_t peer);
struct link_peer *kith__net_link_by_key(const struct kith_net *n, const uint8_t lk[32]);
/* DH of the own LK and that of `l`, computed once (crypto.md 6.3). KITH_E_AUTH: zero. */
int kith__net_link_shared(struct kith_net *n, struct link_peer *l, uint8_t out[static 32])
	KITH_MUST_USE;
void kith__net_link_forget_shared(struct kith_net *n); /* the own LK changed */
/* The incarnation to show to this peer: the live one, or a new draw. */
void kith__net_link_incarnation(struct kith_net *n, struct link_peer *l, uint8_t out[8]);
/* The session or handshake that showed it is gone: the next one shows another. */
void kith__net_link_renew(struct link_peer *l);
/* After a success on `day` under root[0] (newest) or the older one. */
void kith__net_link_success(struct kith_net *n, struct link_peer *l, uint64_t day, bool newest);
void kith__net_link_changed(struct kith_net *n, struct link_peer *l);
void kith__net_link_free_all(struct kith_net *n);
/* ---- start.c: handshakes of ours ---- */
int kith__net_start(struct kith_net *n, const struct kith_net_target *t, struct session *rekey,
		    uint32_t *number, kith_time now) KITH_MUST_USE;
bool kith__net_pending_input(struct kith_net *n, const struct kith_dgram_in *in, kith_time now);
bool kith__net_pending_output(struct kith_net *n, struct kith_dgram_out *out, kith_time now);
void kith__net_pending_tick(struct kith_net *n, kith_time now);
kith_time kith__net_pending_deadline(const struct kith_net *n);
void kith__net_pending_free(struct kith_net *n, struct pending *p); /* wipes; no event */
void kith__net_pending_fail(struct kith_net *n, struct pending *p); /* CONNECT_FAILED, free */
struct pending *kith__net_pending_by_number(const struct kith_net *n, uint32_t number);
/* ---- accept.c: handshakes of others ---- */
bool kith__net_accept(struct kith_net *n, const struct kith_dgram_in *in, kith_time now);
/* A data packet opened under a half-open handshake: makes or renews its session. */
struct session *kith__net_promote(struct kith_net *n, struct half *h, const struct net_path *path,
				  kith_time now);
void kith__net_half_tick(struct kith_net *n, kith_time now);
void kith__net_half_void(struct kith_net *n, struct half *h);
void kith__net_half_void_for(struct kith_net *n, const struct session *s,
			     const struct link_peer *l);
void kith__net_half_clear(struct kith_net *n);
uint64_t kith__net_path_hash(const struct kith_net *n, const struct net_path *path);

#endif
