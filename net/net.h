/* SPDX-License-Identifier: ISC */
/*
 * Sessions between nodes over UDP: handshake, sealed packets, messages and streams. Sans-I/O
 * (base/engine.h describes the turn). Knows base/ only; all contact data comes from the owner as
 * plain values. Bytes: docs/protocol.md (crypto.md 6, transport.md 3-6).
 */
#ifndef KITH_NET_NET_H
#define KITH_NET_NET_H

#include "base/alloc.h"
#include "base/engine.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/status.h"
#include "net/mapping.h"

struct kith_net;

struct kith_net_config {
	const struct kith_alloc *alloc; /* NULL = heap */
	struct kith_log *log;           /* NULL = none */
	uint32_t network;               /* network id, 0 = public */
	uint8_t node_secret[32];        /* X25519 secret of the node key = ML */
	bool serve;                     /* accept service links */
	bool has_link;                  /* an account lives here: accept and start contact links */
	uint8_t link_secret[32];        /* X25519 secret of LK */
	uint32_t device;                /* own device id */
};

/* A presence secret P with its epoch. */
struct kith_net_presence {
	uint8_t p[32];
	uint32_t epoch;
};

/* A contact's device. `peer` is the owner's number for it (not 0). */
struct kith_net_link_peer {
	uint32_t peer;
	uint32_t device;
	uint8_t lk[32];
	struct kith_net_presence presence; /* newest known P of theirs */
	struct {
		uint8_t l[32];
		uint64_t day;
	} root[2];                         /* link roots: L_day; newest first */
	unsigned root_count;               /* 1..2 */
	bool newest_known;                 /* the peer has root[0] for certain: from it, or acked */
	uint8_t last_in[12], last_out[12]; /* greatest TAI64N received, last sent */
};

enum kith_net_kind { KITH_NET_LINK, KITH_NET_SERVICE };

/* Whom to connect to. */
struct kith_net_target {
	enum kith_net_kind kind;
	uint32_t peer;  /* LINK: number given with kith_net_link_peer_set */
	uint8_t ml[32]; /* SERVICE: the server's node key */
	struct kith_addr addr[8];
	size_t addr_count;
	uint32_t keepalive_s; /* send a PING after so long without a packet, +-10 %; 0 = never */
};

enum kith_net_class { KITH_NET_CLASS_MESSAGE, KITH_NET_CLASS_SYNC, KITH_NET_CLASS_FILE };

struct kith_net_session_info {
	enum kith_net_kind kind;
	bool initiator;
	uint32_t peer;           /* LINK only */
	uint8_t ml[32];          /* SERVICE initiator only: the server */
	uint8_t binding[32];     /* S, the channel binding */
	struct kith_addr remote; /* active path */
	uint32_t srtt_us;
	uint64_t peer_incarnation;
};

enum kith_net_event_kind {
	KITH_NET_SESSION_UP,      /* session usable: info via kith_net_session */
	KITH_NET_SESSION_LOST,    /* session number is gone; `code` says why */
	KITH_NET_PEER_RESTARTED,  /* same session, new incarnation: streams were reset */
	KITH_NET_MSG_IN,          /* data, len: one whole message */
	KITH_NET_MSG_ACKED,       /* token: in the peer's memory, no evidence of more */
	KITH_NET_MSG_RETURNED,    /* token: not acked when the session ended */
	KITH_NET_STREAM_READABLE, /* stream has bytes, FIN or RESET to read */
	KITH_NET_STREAM_WRITABLE, /* stream takes bytes again after a short write */
	KITH_NET_LINK_STATE,      /* roots or timestamps of `peer` changed: persist
				     kith_net_link_peer_get */
	KITH_NET_OBSERVED,        /* addr: own address as an authenticated peer sees it */
	KITH_NET_CONNECT_FAILED   /* kith_net_connect ended without a session (number is gone) */
};

enum kith_net_lost {                           /* `code` of SESSION_LOST */
		     KITH_NET_LOST_SILENT = 1, /* 30 s without a sign of life while data was out */
		     KITH_NET_LOST_IDLE,       /* 1 h idle */
		     KITH_NET_LOST_CLOSED,     /* closed by the peer */
		     KITH_NET_LOST_LOCAL,      /* kith_net_close, or resume */
		     KITH_NET_LOST_REPLACED,   /* a newer session with the same peer took over */
		     KITH_NET_LOST_PROTOCOL    /* the peer broke the protocol */
};

struct kith_net_event {
	enum kith_net_event_kind kind;
	uint32_t session, peer, stream, token, code;
	const uint8_t *data; /* valid until the next call on the engine */
	size_t len;
	struct kith_addr addr;
};

/* A new engine; draws its incarnation and header key. `rng` must outlive it. NULL: no memory. */
struct kith_net *kith_net_new(const struct kith_net_config *cfg, struct kith_rng *rng,
			      kith_time now);
void kith_net_free(struct kith_net *n); /* wipes; NULL is legal */

/* The verbs of base/engine.h. input: false means "not mine, offer it to dht". */
bool kith_net_input(struct kith_net *n, const struct kith_dgram_in *in, kith_time now);
void kith_net_tick(struct kith_net *n, kith_time now);
kith_time kith_net_deadline(const struct kith_net *n);
bool kith_net_output(struct kith_net *n, struct kith_dgram_out *out, kith_time now);
bool kith_net_event(struct kith_net *n, struct kith_net_event *out);

/* Wall clock (corrected by the period clock): used for days and timestamps only. */
void kith_net_set_wall(struct kith_net *n, uint64_t wall_ms, kith_time now);
/* An account appears (or changes device): accept and start contact links with this LK. */
void kith_net_set_link(struct kith_net *n, const uint8_t link_secret[static 32], uint32_t device);
/* Own live presence secrets, current one first (<= 3); replaces the former set. */
void kith_net_set_presence(struct kith_net *n, const struct kith_net_presence *p, size_t count);
/* Adds or replaces a contact device; a live session stays. KITH_E_FULL, KITH_E_NOMEM. */
int kith_net_link_peer_set(struct kith_net *n, const struct kith_net_link_peer *peer) KITH_MUST_USE;
/* The present state of a device, for persisting. KITH_E_NOTFOUND. */
int kith_net_link_peer_get(const struct kith_net *n, uint32_t peer, struct kith_net_link_peer *out)
	KITH_MUST_USE;
/* Forgets a device and closes its session. */
void kith_net_link_peer_remove(struct kith_net *n, uint32_t peer, kith_time now);
/* Drops every session, handshake and cookie unsent; unacked messages come back. Renews incarnation
 * and header key. For resume and clone notices. */
void kith_net_drop_sessions(struct kith_net *n, kith_time now);
/* While true, no new message or stream data is taken from peers (they keep it); for a full gate. */
void kith_net_set_hold(struct kith_net *n, bool hold);

/* Starts a handshake (or gives the live session of that link peer). *session is a number != 0,
 * never reused within 2^32 sessions; SESSION_UP or CONNECT_FAILED follows, SESSION_UP at once for a
 * live one is not repeated. Errors: KITH_E_FULL, KITH_E_NOTFOUND (link peer), KITH_E_MALFORMED. */
int kith_net_connect(struct kith_net *n, const struct kith_net_target *target, uint32_t *session,
		     kith_time now) KITH_MUST_USE;
/* The live session of a link peer, or 0. */
uint32_t kith_net_link_session(const struct kith_net *n, uint32_t peer);
int kith_net_session(const struct kith_net *n, uint32_t session, struct kith_net_session_info *out)
	KITH_MUST_USE; /* KITH_E_NOTFOUND */
/* Ends a session: CLOSE is sent, unacked messages come back, SESSION_LOST follows. */
void kith_net_close(struct kith_net *n, uint32_t session, kith_time now);

/* One reliable message of 1..65,536 B, delivered whole, in any order. MSG_ACKED or MSG_RETURNED
 * with `token` follows exactly once. Errors: KITH_E_FULL (try after an ACKED), KITH_E_NOTFOUND,
 * KITH_E_STATE (session not up), KITH_E_MALFORMED (size). `data` is copied. */
int kith_net_send_message(struct kith_net *n, uint32_t session, enum kith_net_class c,
			  const uint8_t *data, size_t len, uint32_t token, kith_time now)
	KITH_MUST_USE;

/* Streams: bidirectional, ordered bytes; ids even from role A, odd from role B. */
int kith_net_stream_open(struct kith_net *n, uint32_t session, enum kith_net_class c,
			 uint32_t *stream, kith_time now) KITH_MUST_USE;
/* Takes up to len bytes, *taken says how many (0 is KITH_OK with a full window; WRITABLE follows).
 */
int kith_net_stream_write(struct kith_net *n, uint32_t session, uint32_t stream,
			  const uint8_t *data, size_t len, size_t *taken, kith_time now)
	KITH_MUST_USE;
int kith_net_stream_finish(struct kith_net *n, uint32_t session, uint32_t stream, kith_time now)
	KITH_MUST_USE;
/* Copies what has arrived; *fin when the peer's end is reached. Frees window for the peer.
 * KITH_E_STATE: reset by the peer (the stream is gone). */
int kith_net_stream_read(struct kith_net *n, uint32_t session, uint32_t stream, uint8_t *dst,
			 size_t cap, size_t *got, bool *fin, kith_time now) KITH_MUST_USE;
void kith_net_stream_reset(struct kith_net *n, uint32_t session, uint32_t stream, uint32_t code,
			   kith_time now);

/* Counters by name (X-macro: one list for struct, names and `kith status --json`). */
#define KITH_NET_COUNTERS(X) \
	X(rx_datagrams) \
	X(rx_bytes) \
	X(tx_datagrams) \
	X(tx_bytes) \
	X(drop_length) \
	X(drop_stranger) \
	X(drop_open) \
	X(drop_replay) \
	X(drop_frame) \
	X(drop_hint) \
	X(drop_limit) \
	X(drop_timestamp) \
	X(unknown_frame) \
	X(handshakes_in) \
	X(handshakes_out) \
	X(cookies_sent) \
	X(sessions_up) \
	X(sessions_lost) \
	X(packets_lost) \
	X(messages_in) \
	X(messages_out) \
	X(messages_doubled)
struct kith_net_counters {
#define KITH_NET_COUNTER(name) uint64_t name;
	KITH_NET_COUNTERS(KITH_NET_COUNTER)
#undef KITH_NET_COUNTER
};
const struct kith_net_counters *kith_net_counters(const struct kith_net *n);
size_t kith_net_session_count(const struct kith_net *n);

/* The engine as drivers see it (bare net, for tests and benches). */
struct kith_engine kith_net_engine(struct kith_net *n);

#endif
