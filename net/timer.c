/* SPDX-License-Identifier: ISC */
/*
 * Timers of sessions: each session knows its earliest deadline, a binary heap the earliest session.
 *
 *	timer                due                               does
 *	recovery             loss, PTO or early resend         recovery.c
 *	ack                  10 ms after a packet to confirm   ACK leaves
 *	keepalive            after keepalive_s without sending PING
 *	candidate            PTO after a PROBE                 PROBE again, 3 times
 *	rekey                120 s (150 s responder) of use,   handshake of ours, each 10 s
 *	                     3,600 s of keepalives, 2^23 packets
 *	erase                10 s after the new epoch spoke    old epoch is wiped
 *	silence, idle        30 s with data out, 1 h           SESSION_LOST
 *	tidy                 10 s                              empty buffers are freed
 */
#include "net/internal.h"

#define REKEY_US           (120u * KITH_US_PER_S)
#define REKEY_RESPONDER_US (30u * KITH_US_PER_S) /* later than the initiator */
#define REKEY_IDLE_US      (UINT64_C(3600) * KITH_US_PER_S)
#define REKEY_RETRY_US     (10u * KITH_US_PER_S)
#define REKEY_GRACE_US     (180u * KITH_US_PER_S)
#define REKEY_PACKETS      (UINT64_C(1) << 23)
#define EPOCH_PACKETS      (UINT64_C(1) << 24)
#define TIDY_US            (10u * KITH_US_PER_S)
#define CANDIDATE_TRIES    3u

/* ---- the heap ---- */

static void place(struct kith_net *n, uint32_t at, uint32_t slot)
{
	n->heap[at] = slot;
	n->sessions[slot]->heap_at = at;
}

static kith_time key(const struct kith_net *n, uint32_t at)
{
	return n->sessions[n->heap[at]]->deadline;
}

static uint32_t sift_up(struct kith_net *n, uint32_t at)
{
	uint32_t slot = n->heap[at];
	kith_time own = n->sessions[slot]->deadline;

	while (at > 0 && key(n, (at - 1) / 2) > own) {
		place(n, at, n->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(n, at, slot);
	return at;
}

static void sift_down(struct kith_net *n, uint32_t at)
{
	uint32_t slot = n->heap[at];
	kith_time own = n->sessions[slot]->deadline;

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= n->heap_len)
			break;
		if (child + 1 < n->heap_len && key(n, child + 1) < key(n, child))
			child++;
		if (key(n, child) >= own)
			break;
		place(n, at, n->heap[child]);
		at = child;
	}
	place(n, at, slot);
}

void kith__net_heap_fix(struct kith_net *n, struct session *s, kith_time at)
{
	bool in = s->heap_at != UINT32_MAX;

	if (in && at == s->deadline)
		return;
	s->deadline = at;
	if (at == KITH_NEVER) {
		uint32_t hole = s->heap_at;

		if (!in)
			return;
		s->heap_at = UINT32_MAX;
		if (hole == --n->heap_len)
			return;
		place(n, hole, n->heap[n->heap_len]);
		sift_down(n, sift_up(n, hole));
		return;
	}
	if (!in) {
		KITH_ASSERT(n->heap_len < n->heap_cap);
		place(n, (uint32_t)n->heap_len++, s->slot);
	}
	sift_down(n, sift_up(n, s->heap_at));
}

/* ---- deadlines ---- */

static kith_time sooner(kith_time a, kith_time b)
{
	return a < b ? a : b;
}

/* When the current epoch should be replaced, whoever starts it. */
static kith_time rekey_due(const struct session *s)
{
	const struct epoch *e = &s->epoch[s->current];
	kith_time due = e->began + REKEY_US;

	if (e->carried_at == KITH_NEVER)
		return e->began + REKEY_IDLE_US;
	return due > e->carried_at ? due : e->carried_at;
}

/* When this side starts the rekey. */
static kith_time rekey_at(const struct session *s)
{
	const struct epoch *e = &s->epoch[s->current];
	kith_time due = e->sent >= REKEY_PACKETS ? e->began : rekey_due(s);

	if (!e->initiator) {
		if (s->kind == KITH_NET_SERVICE)
			return KITH_NEVER;
		due += REKEY_RESPONDER_US;
	}
	return due > s->rekey_retry_at ? due : s->rekey_retry_at;
}

kith_time kith__net_session_deadline(const struct session *s)
{
	kith_time at;

	if (s->closing)
		return s->erase_at;
	at = sooner(kith__net_recovery_deadline(s), s->last_used + NET_IDLE_US);
	at = sooner(at, s->erase_at);
	at = sooner(at, s->tidy_at);
	at = sooner(at, rekey_at(s));
	at = sooner(at, rekey_due(s) + REKEY_GRACE_US + (s->frozen ? NET_SILENCE_US : 0));
	if (s->ack_wanted && !s->ack_now)
		at = sooner(at, s->ack_at);
	if (s->keepalive_s != 0)
		at = sooner(at, s->keepalive_at);
	if (s->has_candidate)
		at = sooner(at, s->candidate_at);
	if (s->rec.waiting_since != KITH_NEVER)
		at = sooner(at, s->rec.waiting_since + NET_SILENCE_US);
	return at;
}

void kith__net_session_timer(struct kith_net *n, struct session *s, kith_time now)
{
	if (s->tidy_at == KITH_NEVER &&
	    (s->out_ring != NULL || s->in != NULL || s->rec.sent != NULL))
		s->tidy_at = now + TIDY_US;
	kith__net_heap_fix(n, s, kith__net_session_deadline(s));
}

static void expire_rekey(struct kith_net *n, struct session *s, kith_time now)
{
	struct kith_net_target t = {.kind = s->kind, .addr_count = 1};
	uint32_t number;
	unsigned i;

	if (now >= rekey_due(s) + REKEY_GRACE_US || s->epoch[s->current].sent >= EPOCH_PACKETS)
		s->frozen = true;
	if (now < rekey_at(s))
		return;
	s->rekey_retry_at = now + REKEY_RETRY_US;
	if (s->link != NULL) {
		if (s->link->pending != NULL)
			return;
		t.peer = s->link->v.peer;
	}
	for (i = 0; i < n->pending_count; i++)
		if (n->pending[i]->rekey == s)
			return;
	for (i = 0; i < 32; i++)
		t.ml[i] = s->ml[i];
	t.addr[0] = s->path.remote;
	/* refused (too many pending): the next try is in 10 s */
	if (kith__net_start(n, &t, s, &number, now) != KITH_OK)
		n->count.drop_limit++;
}

static void expire_candidate(struct kith_net *n, struct session *s, kith_time now)
{
	struct probe *p;

	if (s->candidate_tries++ >= CANDIDATE_TRIES) {
		s->has_candidate = false;
		return;
	}
	s->candidate_at = now + kith__net_pto(s);
	if (n->probe_count == PROBES_MAX)
		return;
	p = &n->probes[(n->probe_first + n->probe_count++) % PROBES_MAX];
	p->number = s->number;
	p->path = s->candidate;
	p->echo = false;
	for (unsigned i = 0; i < sizeof(p->token); i++)
		p->token[i] = s->candidate_token[i];
}

static void expire_tidy(struct kith_net *n, struct session *s)
{
	s->tidy_at = KITH_NEVER;
	kith__net_msg_tidy(n, s);
	if (s->rec.sent_count == 0)
		kith__net_recovery_clear(n, s);
}

void kith__net_session_expire(struct kith_net *n, struct session *s, kith_time now)
{
	if (s->closing) {
		if (s->close_left == 0) {
			kith__net_session_drop(n, s, KITH_NET_LOST_LOCAL);
			return;
		}
		s->erase_at = KITH_NEVER; /* output sets it anew */
		kith__net_session_ready(n, s);
		kith__net_session_timer(n, s, now);
		return;
	}
	if (now >= s->last_used + NET_IDLE_US) {
		kith__net_session_drop(n, s, KITH_NET_LOST_IDLE);
		return;
	}
	if ((s->rec.waiting_since != KITH_NEVER && now >= s->rec.waiting_since + NET_SILENCE_US) ||
	    (s->frozen && now >= rekey_due(s) + REKEY_GRACE_US + NET_SILENCE_US)) {
		kith__net_session_drop(n, s, KITH_NET_LOST_SILENT);
		return;
	}
	if (now >= s->erase_at) {
		s->erase_at = KITH_NEVER;
		kith__net_epoch_erase(n, s, 1 - s->current);
	}
	kith__net_recovery_expire(n, s, now);
	if (s->ack_wanted && now >= s->ack_at)
		s->ack_now = true;
	if (s->keepalive_s != 0 && now >= s->keepalive_at) {
		s->ping_due |= s->keepalive_us != 0; /* the first time only draws the period */
		s->keepalive_us =
			kith_rng_jitter(n->rng, (uint64_t)s->keepalive_s * KITH_US_PER_S, 10);
		s->keepalive_at = now + s->keepalive_us;
	}
	if (s->has_candidate && now >= s->candidate_at)
		expire_candidate(n, s, now);
	if (now >= s->tidy_at)
		expire_tidy(n, s);
	expire_rekey(n, s, now);
	kith__net_session_ready(n, s);
	kith__net_session_timer(n, s, now);
}
