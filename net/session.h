/* SPDX-License-Identifier: ISC */
/*
 * One session: epochs, packet numbers, path, recovery, messages, streams. Idle cost <= 2.5 KB:
 * everything that traffic needs is allocated when it comes and freed when it has gone.
 */
#ifndef KITH_NET_SESSION_H
#define KITH_NET_SESSION_H

#include "base/map.h"
#include "net/codec.h"
#include "net/net.h"

#define NET_CLASSES        3u
#define NET_SKIPPED        4u /* remembered packet numbers that were never sent */
#define NET_MSS            KITH_DGRAM_SAFE
#define NET_GRANULARITY_US 1000u  /* RFC 9002 6.1.2 */
#define NET_ACK_DELAY_US   10000u /* longest delay of an ACK */
#define NET_SILENCE_US     (30u * KITH_US_PER_S)
#define NET_IDLE_US        (UINT64_C(3600) * KITH_US_PER_S)
#define NET_RANGES_MAX     128u /* holes in one message or stream */

/* An event in the queue of the owner, or kept ready for it. */
struct event_node {
	struct event_node *next;
	struct kith_net_event ev;
	bool kept; /* belongs to a stream or device, which may queue it again */
	bool queued;
	uint8_t bytes[];
};

/* Where a datagram came from or goes to. */
struct net_path {
	struct kith_addr remote, local;
	uint32_t carrier;
};

/* The keys of one handshake. */
struct epoch {
	uint8_t tx[32], rx[32], rhk[32]; /* rhk: the peer's header key */
	uint32_t idx_in, idx_out;
	kith_time began, heard; /* heard: first packet received in it, or KITH_NEVER */
	uint64_t sent;
	kith_time carried_at;        /* first thing beyond keepalives, or KITH_NEVER */
	bool live, initiator, lower; /* lower: started by the lower LK */
};

/* What a ref in a packet stands for. */
enum ref_kind {
	REF_MSG,
	REF_STREAM,
	REF_MAX_DATA,
	REF_MAX_STREAM,
	REF_MAX_MSG,
	REF_RESET,
	REF_STOP
};
/* What a packet carried, for ACK and loss. */
struct ref {
	uint64_t number, offset;
	uint32_t len;
	uint8_t kind;
	bool fin;
};
enum sent_state { SENT_DONE, SENT_FLYING };
struct sent {
	kith_time at;
	uint64_t ack_largest; /* largest pn the carried ACK named + 1, or 0 */
	uint32_t ref_first;   /* running number in the ref ring */
	uint16_t ref_count, size;
	uint8_t state;
};

struct msg_out {
	struct event_node *event; /* becomes ACKED or RETURNED */
	struct msg_out *next, *prev;
	uint64_t seq;
	uint32_t len, next_offset;
	uint8_t class;
	bool queued;
	struct ranges acked, lost;
	uint8_t data[];
};
struct partial {
	uint64_t seq;
	uint32_t total;
	struct event_node *event; /* holds the bytes */
	struct ranges have;
};
struct msgs_in {
	uint64_t done[KITH_NET_MSG_WINDOW / 64];
	struct partial *partial;
	size_t partial_count, partial_cap, bytes;
};

/* A ring of stream bytes from offset `base` on. */
struct ring {
	uint8_t *bytes;
	size_t cap;
};
struct stream {
	uint64_t id;
	uint8_t class;
	struct ring tx, rx;
	uint64_t tx_base, tx_next, tx_end,
		tx_limit; /* unacked from, unsent from, end, peer's limit */
	struct ranges tx_acked, tx_lost;
	uint64_t rx_base, rx_limit, rx_window, rx_high, rx_final; /* rx_final UINT64_MAX: unknown */
	struct ranges rx_have;
	kith_time rx_raised;
	uint64_t code;
	bool tx_fin, tx_fin_sent, tx_fin_lost, tx_fin_acked; /* end of our side */
	bool reset, reset_due, reset_acked;                  /* we gave up our side */
	bool stop_due;
	bool rx_fin_read, rx_reset, rx_told; /* end of theirs */
	bool limit_due, short_write, gone;   /* gone: the owner let it go */
	uint32_t deficit;
	struct event_node *readable, *writable;
};

struct recovery {
	struct sent *sent; /* ring: pn & (cap - 1) */
	uint32_t sent_cap, sent_count;
	uint32_t ref_cap, ref_first, ref_next;
	struct ref *refs;
	uint64_t base;              /* pn of the oldest entry; base + sent_count = next pn */
	uint64_t largest_acked;     /* + 1, 0 = none */
	uint64_t in_flight, flying; /* bytes, packets */
	uint64_t cwnd, ssthresh;
	uint64_t round_end, round_acked, round_lost;
	uint64_t srtt, rttvar, min_rtt, latest_rtt; /* us; srtt 0 = none */
	kith_time loss_at, last_sent, waiting_since;
	kith_time lone_at; /* early resend of a lone small message, or KITH_NEVER */
	uint64_t lone_seq; /* + 1: the last message that was, or may be, copied early */
	uint64_t skip_pn, skipped[NET_SKIPPED];
	unsigned skipped_count, pto_count, probes;
};

struct session {
	uint32_t number, slot, heap_at;
	kith_time deadline;
	enum kith_net_kind kind;
	bool initiator, role_a, up;
	bool on_ready;
	bool closing, frozen; /* CLOSE to send; keys too old: only msg1 */
	uint8_t close_left;
	uint64_t close_code;
	struct session *ready_next;
	struct link_peer *link;
	uint8_t ml[32];
	uint8_t binding[32], s[32], own_incarnation[8], peer_incarnation[8];
	struct epoch epoch[2];
	unsigned current;
	kith_time rekey_retry_at, erase_at;

	struct net_path path, candidate;
	bool has_candidate, candidate_leads; /* leads: the newest packet came from there */
	uint8_t candidate_token[8];
	unsigned candidate_tries;
	kith_time candidate_at;
	uint64_t candidate_in, candidate_out;
	struct kith_addr observed;

	struct replay replay;
	uint64_t ack_floor; /* nothing below is reported any more */
	kith_time largest_at, ack_at;
	unsigned ack_count;
	bool ack_wanted, ack_now, ping_due;
	kith_time held_ping_at;

	struct recovery rec;
	struct msg_out **out_ring; /* seq & (cap - 1) */
	uint32_t out_cap;
	uint64_t out_base, out_next, out_limit, out_bytes;
	struct msg_out *queue_first[NET_CLASSES], *queue_last[NET_CLASSES];
	struct msgs_in *in;
	uint64_t in_base, in_limit; /* messages: all below are delivered; told to the peer */
	bool max_msg_due, max_data_due;

	struct stream **streams;
	size_t stream_cap, stream_count;
	unsigned turn;                /* round robin among streams */
	uint64_t next_own, next_peer; /* stream ids */
	uint64_t data_out, data_out_limit, data_in, data_in_read, data_in_limit, data_in_window;
	kith_time data_in_raised;

	uint32_t keepalive_s;
	uint64_t keepalive_us; /* with jitter */
	kith_time keepalive_at, last_heard, last_used, tidy_at;
	struct event_node *came, *lost; /* SESSION_UP and SESSION_LOST, had beforehand */
};
_Static_assert(sizeof(struct session) <= 1600, "session memory budget (transport.md 13)");

/* ---- session.c ---- */
struct session *kith__net_session_find(const struct kith_net *n, uint32_t number);
/* A new session with one epoch to come; takes `number` (0: draws one). NULL: full or no memory. */
struct session *kith__net_session_new(struct kith_net *n, enum kith_net_kind kind, uint32_t number,
				      kith_time now);
uint32_t kith__net_session_number(struct kith_net *n);
/* Ends it: messages returned, SESSION_LOST, memory freed. */
void kith__net_session_drop(struct kith_net *n, struct session *s, enum kith_net_lost why);
/* Says SESSION_UP. */
void kith__net_session_up(struct kith_net *n, struct session *s);
/* The owner loses it at once (messages returned, SESSION_LOST); CLOSE leaves twice, then it goes.
 */
void kith__net_session_close(struct kith_net *n, struct session *s, uint64_t code,
			     enum kith_net_lost why, kith_time now);
/* The peer broke the protocol: closes, and its next handshakes are slowed down. */
void kith__net_session_fault(struct kith_net *n, struct session *s, kith_time now);
/* The peer lost its state: fresh numbers, streams gone, messages returned. */
void kith__net_session_restart(struct kith_net *n, struct session *s, kith_time now);
/* Adds an epoch with index `idx` (already in by_idx or not). KITH_E_NOMEM. */
int kith__net_session_epoch(struct kith_net *n, struct session *s, const struct epoch *e,
			    const uint8_t secret[static 32], kith_time now) KITH_MUST_USE;
void kith__net_epoch_erase(struct kith_net *n, struct session *s, unsigned i);
uint32_t kith__net_draw_idx(struct kith_net *n);
/* Recomputes the deadline; call after anything that touched timers. */
void kith__net_session_timer(struct kith_net *n, struct session *s, kith_time now);
void kith__net_session_ready(struct kith_net *n, struct session *s);
void kith__net_session_expire(struct kith_net *n, struct session *s, kith_time now);
void kith__net_heap_fix(struct kith_net *n, struct session *s, kith_time at);
kith_time kith__net_session_deadline(const struct session *s);
/* ---- input.c ---- */
bool kith__net_data_input(struct kith_net *n, const struct kith_dgram_in *in, kith_time now);
/* ---- sched.c ---- */
/* One datagram of this session into n->out; false: nothing to send now. */
bool kith__net_build(struct kith_net *n, struct session *s, struct kith_dgram_out *out,
		     kith_time now);
bool kith__net_probe_output(struct kith_net *n, struct kith_dgram_out *out, kith_time now);
/* ---- ack.c ---- */
/* Marks `pn` as received. `at_once`: it carried something that wants a quick answer. */
void kith__net_ack_note(struct session *s, uint64_t pn, bool eliciting, bool at_once,
			kith_time now);
/* Writes the ACK frame; false when nothing was received yet. The caller clears ack_wanted. */
bool kith__net_ack_write(const struct session *s, struct kith_writer *w, kith_time now);
void kith__net_ack_done(struct session *s);
/* ---- recovery.c ---- */
void kith__net_recovery_init(struct kith_net *n, struct session *s);
/* Room for one packet and one more ref; false: no memory. */
bool kith__net_recovery_room(struct kith_net *n, struct session *s);
bool kith__net_ref_add(struct kith_net *n, struct session *s, const struct ref *ref);
/* The packet number for the next packet; skips one now and then. */
uint64_t kith__net_recovery_pn(struct kith_net *n, struct session *s);
void kith__net_recovery_sent(struct kith_net *n, struct session *s, size_t size, bool eliciting,
			     uint32_t ref_first, uint64_t ack_largest, kith_time now);
/* KITH_E_MALFORMED: it names a packet that was never sent. */
int kith__net_recovery_ack(struct kith_net *n, struct session *s, const struct frame *f,
			   kith_time now) KITH_MUST_USE;
void kith__net_recovery_expire(struct kith_net *n, struct session *s, kith_time now);
kith_time kith__net_recovery_deadline(const struct session *s);
uint64_t kith__net_pto(const struct session *s);
void kith__net_rtt_sample(struct session *s, uint64_t sample_us, uint64_t delay_us);
void kith__net_recovery_clear(struct kith_net *n, struct session *s);
/* ---- message.c ---- */
void kith__net_msg_write(struct kith_net *n, struct session *s, struct kith_writer *w,
			 unsigned class);
int kith__net_msg_input(struct kith_net *n, struct session *s, const struct frame *f) KITH_MUST_USE;
void kith__net_msg_acked(struct kith_net *n, struct session *s, const struct ref *ref);
void kith__net_msg_lost(struct kith_net *n, struct session *s, const struct ref *ref);
void kith__net_msg_return_all(struct kith_net *n, struct session *s);
void kith__net_msg_clear(struct kith_net *n, struct session *s);
void kith__net_msg_tidy(struct kith_net *n, struct session *s);
/* ---- stream.c ---- */
struct stream *kith__net_stream_find(const struct session *s, uint64_t id);
/* Opens one more; NULL: no memory. */
struct stream *kith__net_stream_new(struct kith_net *n, struct session *s, uint64_t id,
				    unsigned class);
/* Room in a ring for offsets [base, end). KITH_E_NOMEM. */
int kith__net_ring_room(struct kith_net *n, struct ring *r, uint64_t base, uint64_t used_end,
			uint64_t end) KITH_MUST_USE;
void kith__net_stream_settle(struct kith_net *n, struct session *s, struct stream *t);
void kith__net_stream_abandon(struct kith_net *n, struct stream *t);
/* ---- stream_frames.c ---- */
int kith__net_stream_input(struct kith_net *n, struct session *s, const struct frame *f,
			   kith_time now) KITH_MUST_USE;
void kith__net_stream_control(struct kith_net *n, struct session *s, struct kith_writer *w);
void kith__net_stream_write_class(struct kith_net *n, struct session *s, struct kith_writer *w,
				  unsigned class);
void kith__net_stream_acked(struct kith_net *n, struct session *s, const struct ref *ref);
void kith__net_stream_lost(struct kith_net *n, struct session *s, const struct ref *ref);
void kith__net_stream_drop_all(struct kith_net *n, struct session *s);

#endif
