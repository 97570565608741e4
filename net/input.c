/* SPDX-License-Identifier: ISC */
/*
 * Data packets from the wire: unmask, open, replay window, frames. Nothing changes before the AEAD
 * has opened and the whole packet has parsed. A packet whose data cannot be taken (queue full, no
 * memory) is not marked as received and not confirmed: the peer keeps it and sends it again.
 */
#include "net/internal.h"

#include <string.h>

#define HELD_PING_US (5u * KITH_US_PER_S)

/* What a packet holds, found before any of it takes effect. */
struct summary {
	bool valid, eliciting, data, at_once;
	unsigned unknown;
};

static struct summary survey(const uint8_t *plain, size_t len)
{
	struct summary sum = {.valid = true};
	struct kith_reader r;
	struct frame f;

	kith_reader_init(&r, plain, len);
	while (kith__net_frame_read(&r, &f)) {
		switch (f.id) {
		case FRAME_PADDING:
		case FRAME_ACK:
		case FRAME_PROBE:
		case FRAME_ECHO:
		case FRAME_CLOSE:
		case FRAME_RELAY_DATA: break;
		case FRAME_STREAM:
			sum.data = sum.eliciting = true;
			sum.at_once |= f.fin;
			break;
		case FRAME_MSG: sum.data = sum.eliciting = sum.at_once = true; break;
		case FRAME_RESET:
		case FRAME_STOP:
		case FRAME_MAX_DATA:
		case FRAME_MAX_STREAM:
		case FRAME_MAX_MSG:
		case FRAME_PING: sum.eliciting = sum.at_once = true; break;
		default: /* a number off the wire, not an enum */
			sum.unknown++;
			sum.eliciting = true;
			break;
		}
	}
	sum.valid = kith_read_ok(&r);
	return sum;
}

static void queue_echo(struct kith_net *n, struct session *s, const struct frame *f,
		       const struct net_path *path)
{
	struct probe *p;

	if (n->probe_count == PROBES_MAX) {
		n->count.drop_limit++;
		return;
	}
	p = &n->probes[(n->probe_first + n->probe_count++) % PROBES_MAX];
	p->number = s->number;
	p->path = *path;
	p->echo = true;
	memcpy(p->token, f->token, sizeof(p->token));
}

static void take_echo(struct kith_net *n, struct session *s, const struct frame *f)
{
	if (!s->has_candidate || !kith_equal(f->token, s->candidate_token, sizeof(f->token)))
		return;
	if (!kith_addr_is_none(&f->addr) && !kith_addr_equal(&f->addr, &s->observed)) {
		s->observed = f->addr;
		(void)kith__net_event_add(n, &(struct kith_net_event){.kind = KITH_NET_OBSERVED,
								      .session = s->number,
								      .addr = f->addr});
	}
	s->has_candidate = false;
	if (!s->candidate_leads)
		return; /* newer packets came by the old path: stay */
	s->path = s->candidate;
	s->rec.cwnd = s->rec.cwnd < 10u * NET_MSS ? s->rec.cwnd : 10u * NET_MSS;
	s->rec.min_rtt = UINT64_MAX;
	s->rec.pto_count = 0;
}

/* One frame takes effect. KITH_E_MALFORMED: the peer broke the protocol. */
static int apply(struct kith_net *n, struct session *s, const struct frame *f,
		 const struct net_path *path, kith_time now)
{
	switch (f->id) {
	case FRAME_ACK: return kith__net_recovery_ack(n, s, f, now);
	case FRAME_MSG: return kith__net_msg_input(n, s, f);
	case FRAME_STREAM:
	case FRAME_RESET:
	case FRAME_STOP:
	case FRAME_MAX_DATA:
	case FRAME_MAX_STREAM: return kith__net_stream_input(n, s, f, now);
	case FRAME_MAX_MSG:
		if (f->value > s->out_limit)
			s->out_limit = f->value;
		return KITH_OK;
	case FRAME_PROBE: queue_echo(n, s, f, path); return KITH_OK;
	case FRAME_ECHO: take_echo(n, s, f); return KITH_OK;
	default: /* padding, PING, and what later milestones will use */ return KITH_OK;
	}
}

static bool harmless(uint64_t id)
{
	return id == FRAME_ACK || id == FRAME_MAX_DATA || id == FRAME_MAX_STREAM ||
	       id == FRAME_MAX_MSG;
}

/* Applies the frames; `held`: only those that may come again. False: the session is gone. */
static bool apply_all(struct kith_net *n, struct session *s, size_t len, bool held,
		      const struct net_path *path, bool *taken, kith_time now)
{
	struct kith_reader r;
	struct frame f;
	int status = KITH_OK;

	kith_reader_init(&r, n->plain, len);
	while (status == KITH_OK && kith__net_frame_read(&r, &f)) {
		if (f.id == FRAME_CLOSE) {
			kith__net_session_drop(n, s, KITH_NET_LOST_CLOSED);
			return false;
		}
		if (!held || harmless(f.id))
			status = apply(n, s, &f, path, now);
	}
	if (status == KITH_E_MALFORMED) {
		n->count.drop_frame++;
		kith__net_session_fault(n, s, now);
		return false;
	}
	*taken = status == KITH_OK && !held;
	return true;
}

/* The newest packet came by another path: a candidate, to be proved before it is used. */
static void watch_path(struct kith_net *n, struct session *s, const struct net_path *path,
		       size_t len, kith_time now)
{
	if (kith_addr_equal(&path->remote, &s->path.remote) && path->carrier == s->path.carrier) {
		s->path.local = path->local;
		s->candidate_leads = false;
		return;
	}
	if (!s->has_candidate || !kith_addr_equal(&path->remote, &s->candidate.remote)) {
		s->candidate = *path;
		s->has_candidate = true;
		s->candidate_in = s->candidate_out = 0;
		s->candidate_tries = 0;
		s->candidate_at = now;
		kith_rng_fill(n->rng, s->candidate_token, sizeof(s->candidate_token));
	}
	s->candidate_leads = true;
	s->candidate_in += len;
}

static void note_epoch(struct session *s, struct epoch *e, kith_time now)
{
	if (e->heard != KITH_NEVER)
		return;
	e->heard = now;
	if (e == &s->epoch[s->current] && s->epoch[1 - s->current].live)
		s->erase_at = now + 10u * KITH_US_PER_S;
}

/* Frames of an opened packet of session `s`. */
static void process(struct kith_net *n, struct session *s, uint64_t pn, size_t len,
		    const struct summary *sum, const struct kith_dgram_in *in, kith_time now)
{
	struct net_path path = {in->remote, in->local, in->carrier};
	bool held = sum->data && kith__net_event_full(n);
	bool newest = pn >= s->replay.next;
	bool taken = false;

	n->count.unknown_frame += sum->unknown;
	s->last_heard = now;
	if (s->rec.waiting_since != KITH_NEVER)
		s->rec.waiting_since = now;
	if (newest)
		watch_path(n, s, &path, in->len, now);
	if (!apply_all(n, s, len, held, &path, &taken, now))
		return;
	if (taken) {
		kith__net_ack_note(s, pn, sum->eliciting, sum->at_once, now);
		if (sum->eliciting)
			s->last_used = now;
		if (sum->data && s->epoch[s->current].carried_at == KITH_NEVER)
			s->epoch[s->current].carried_at = now;
	} else if (now >= s->held_ping_at) {
		/* tells the peer that we live though its data is not taken */
		s->held_ping_at = now + HELD_PING_US;
		s->ping_due = true;
	}
	if (s->has_candidate && s->candidate_tries == 0)
		s->candidate_at = now;
	kith__net_session_ready(n, s);
	kith__net_session_timer(n, s, now);
}

/* True: the packet belongs to us, whatever became of it. */
static bool try_half(struct kith_net *n, struct half *h, const uint8_t head[NET_HEAD],
		     const struct kith_dgram_in *in, kith_time now)
{
	struct net_path path = {in->remote, in->local, in->carrier};
	struct summary sum;
	struct session *s;

	if (h->spent || kith__net_open(n->plain, h->keys.rx, head, in->data, in->len) != KITH_OK) {
		n->count.drop_open++;
		return false;
	}
	sum = survey(n->plain, in->len - NET_OVERHEAD);
	if (!sum.valid || kith_load_u64(head + 4) >= NET_PN_MAX) {
		n->count.drop_frame++;
		kith__net_half_void(n, h);
		return true;
	}
	s = kith__net_promote(n, h, &path, now);
	if (s == NULL)
		return true;
	note_epoch(s, &s->epoch[s->epoch[1].live && s->epoch[1].idx_in == h->idx_r], now);
	if (kith__net_replay_fresh(&s->replay, kith_load_u64(head + 4)))
		process(n, s, kith_load_u64(head + 4), in->len - NET_OVERHEAD, &sum, in, now);
	return true;
}

static bool try_session(struct kith_net *n, uint32_t at, const uint8_t head[NET_HEAD],
			const struct kith_dgram_in *in, kith_time now)
{
	struct session *s = n->sessions[at / 2];
	struct epoch *e = &s->epoch[at % 2];
	uint64_t pn = kith_load_u64(head + 4);
	struct summary sum;

	if (kith__net_open(n->plain, e->rx, head, in->data, in->len) != KITH_OK) {
		n->count.drop_open++;
		return false;
	}
	if (!kith__net_replay_fresh(&s->replay, pn)) {
		n->count.drop_replay++;
		return true;
	}
	if (s->closing)
		return true;
	sum = survey(n->plain, in->len - NET_OVERHEAD);
	if (!sum.valid || pn >= NET_PN_MAX) {
		n->count.drop_frame++;
		kith__net_session_fault(n, s, now);
		return true;
	}
	note_epoch(s, e, now);
	process(n, s, pn, in->len - NET_OVERHEAD, &sum, in, now);
	return true;
}

bool kith__net_data_input(struct kith_net *n, const struct kith_dgram_in *in, kith_time now)
{
	uint8_t head[NET_HEAD];
	unsigned keys = now < n->rhk_former_until ? 2 : 1;
	unsigned i;

	for (i = 0; i < keys; i++) {
		uint32_t idx;
		uint32_t at;

		kith__net_unmask(in->data, in->len, n->rhk[i], head);
		idx = kith_load_u32(head);
		if (!kith_map_get(&n->by_idx, &idx, &at))
			continue;
		if ((at & IDX_HALF) != 0 ? try_half(n, n->half[at & ~IDX_HALF], head, in, now)
					 : try_session(n, at, head, in, now))
			return true;
	}
	return false;
}
