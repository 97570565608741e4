/* SPDX-License-Identifier: ISC */
/*
 * Fills packets: ACK and control, then messages, then sync streams, then file streams; each lower
 * class fills what is left, so a message waits for no more than the packet being built. Sizes on
 * the wire come in steps: 128 B with message or stream data (or full), 16 B from 32 B on without.
 */
#include "net/internal.h"

#include <string.h>

#define STEP_DATA    128u
#define STEP_BARE    16u
#define LONE_MAX     300u
#define NO_MEMORY_US (100u * KITH_US_PER_MS)

/* A packet being built. */
struct parcel {
	struct kith_writer w;
	uint64_t pn;
	const struct net_path *path;
	bool data; /* message or stream bytes: sizes in large steps */
};

/* Pads, seals under the current epoch and gives the packet away. */
static void send(struct kith_net *n, struct session *s, struct parcel *p,
		 struct kith_dgram_out *out, kith_time now)
{
	struct epoch *e = &s->epoch[s->current];
	size_t step = p->data ? STEP_DATA : STEP_BARE;
	size_t total = p->w.len + NET_OVERHEAD;

	total = total < KITH_DGRAM_MIN ? KITH_DGRAM_MIN : (total + step - 1) / step * step;
	if (total > NET_MSS)
		total = NET_MSS;
	kith_write_pad(&p->w, total - NET_OVERHEAD);
	KITH_ASSERT(kith_write_end(&p->w) == KITH_OK);
	out->len = kith__net_seal(n->out, p->w.len, e->tx, e->rhk, e->idx_out, p->pn);
	out->data = n->out;
	out->remote = p->path->remote;
	out->local = p->path->local;
	out->carrier = p->path->carrier;
	e->sent++;
	s->keepalive_at = now + s->keepalive_us;
}

/* Starts a packet with its number, or says that none may leave. */
static bool begin(struct kith_net *n, struct session *s, struct parcel *p, kith_time now)
{
	if (s->frozen || !s->epoch[s->current].live)
		return false;
	if (!kith__net_recovery_room(n, s)) {
		/* no memory: the timer makes the session ready again */
		if (s->tidy_at > now + NO_MEMORY_US)
			s->tidy_at = now + NO_MEMORY_US;
		return false;
	}
	p->pn = kith__net_recovery_pn(n, s);
	p->path = &s->path;
	p->data = false;
	kith_writer_init(&p->w, n->out + NET_HEAD, NET_MSS - NET_OVERHEAD);
	return true;
}

static bool build_close(struct kith_net *n, struct session *s, struct kith_dgram_out *out,
			kith_time now)
{
	struct parcel p;
	uint64_t wait = kith__net_pto(s);
	bool can = s->close_left > 0 && s->erase_at == KITH_NEVER && begin(n, s, &p, now);

	if (can) {
		kith__net_frame_plain(&p.w, FRAME_CLOSE, &s->close_code, 1);
		send(n, s, &p, out, now);
		kith__net_recovery_sent(n, s, out->len, false, s->rec.ref_next, 0, now);
		s->close_left--;
		s->erase_at = s->close_left > 0 ? now + wait : now;
	} else if (s->erase_at == KITH_NEVER) {
		s->close_left = 0;
		s->erase_at = now;
	}
	kith__net_session_timer(n, s, now);
	return can;
}

/* Frames that do not wait for the window. */
static void write_control(struct kith_net *n, struct session *s, struct kith_writer *w)
{
	struct ref ref = {.kind = REF_MAX_MSG};

	if (s->max_msg_due && kith__net_ref_add(n, s, &ref)) {
		s->max_msg_due = false;
		s->in_limit = s->in_base + KITH_NET_MSG_WINDOW;
		kith__net_frame_plain(w, FRAME_MAX_MSG, &s->in_limit, 1);
	}
	kith__net_stream_control(n, s, w);
	if (s->ping_due) {
		s->ping_due = false;
		kith__net_frame_plain(w, FRAME_PING, NULL, 0);
	}
}

/* A single small message alone in flight is sent a second time early (transport.md 6). */
static void arm_lone(struct session *s, uint32_t ref_first, kith_time now)
{
	struct recovery *r = &s->rec;
	const struct ref *ref = &r->refs[ref_first & (r->ref_cap - 1)];
	uint64_t wait = kith__net_pto(s) / 2;

	r->lone_at = KITH_NEVER;
	if (r->ref_next - ref_first != 1 || ref->kind != REF_MSG || ref->offset != 0 ||
	    ref->len > LONE_MAX || r->flying != 1 || r->srtt == 0 || r->lone_seq == ref->number + 1)
		return;
	if (wait > r->srtt + r->srtt / 4)
		wait = r->srtt + r->srtt / 4;
	r->lone_at = now + wait;
	r->lone_seq = ref->number + 1;
}

bool kith__net_build(struct kith_net *n, struct session *s, struct kith_dgram_out *out,
		     kith_time now)
{
	struct recovery *r = &s->rec;
	struct parcel p;
	uint32_t ref_first = r->ref_next;
	uint32_t control;
	uint64_t acked = 0;
	size_t bare;
	bool wrote;
	unsigned c;

	if (s->closing)
		return build_close(n, s, out, now);
	if (!begin(n, s, &p, now))
		return false;
	if (s->ack_wanted && kith__net_ack_write(s, &p.w, now))
		acked = s->replay.next;
	bare = p.w.len;
	write_control(n, s, &p.w);
	control = r->ref_next;
	if (r->probes > 0 || r->in_flight < r->cwnd)
		for (c = 0; c < NET_CLASSES; c++) {
			kith__net_msg_write(n, s, &p.w, c);
			kith__net_stream_write_class(n, s, &p.w, c);
		}
	if (p.w.len == bare && (acked == 0 || !s->ack_now))
		return false;
	wrote = p.w.len > bare;
	if (wrote) {
		if (r->ref_next != ref_first && s->epoch[s->current].carried_at == KITH_NEVER)
			s->epoch[s->current].carried_at = now;
		s->last_used = now;
		r->probes -= r->probes > 0 ? 1 : 0;
	}
	p.data = r->ref_next != control;
	send(n, s, &p, out, now);
	kith__net_recovery_sent(n, s, out->len, wrote, ref_first, acked, now);
	if (acked != 0)
		kith__net_ack_done(s);
	if (r->ref_next != ref_first)
		arm_lone(s, ref_first, now);
	return true;
}

bool kith__net_probe_output(struct kith_net *n, struct kith_dgram_out *out, kith_time now)
{
	while (n->probe_count > 0) {
		const struct probe *next = &n->probes[n->probe_first];
		struct session *s = kith__net_session_find(n, next->number);
		struct parcel p;
		bool unproven;

		n->probe_first = (n->probe_first + 1) % PROBES_MAX;
		n->probe_count--;
		if (s == NULL || !begin(n, s, &p, now))
			continue;
		if (next->echo)
			kith__net_frame_echo(&p.w, next->token, &next->path.remote);
		else
			kith__net_frame_probe(&p.w, next->token);
		unproven = !kith_addr_equal(&next->path.remote, &s->path.remote);
		/* at most 3 x what came from an address that has not echoed */
		if (unproven && (!s->has_candidate ||
				 !kith_addr_equal(&next->path.remote, &s->candidate.remote) ||
				 s->candidate_out + 2u * STEP_BARE + p.w.len + NET_OVERHEAD >
					 3 * s->candidate_in))
			continue;
		p.path = &next->path;
		send(n, s, &p, out, now);
		kith__net_recovery_sent(n, s, out->len, false, s->rec.ref_next, 0, now);
		if (unproven)
			s->candidate_out += out->len;
		return true;
	}
	return false;
}
