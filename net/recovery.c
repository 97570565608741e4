/* SPDX-License-Identifier: ISC */
/*
 * Loss detection after RFC 9002: packet threshold 3, time threshold 9/8 RTT, PTO with two probes.
 * Packets are never sent again; what they carried goes back to its owner (message, stream).
 *
 * Window: slow start, then one segment per round. A round with losses shrinks it (x 0.7) only when
 * the losses look like a full queue: above 2 % with the queue filling, or above 10 %. Random loss
 * alone does not (transport.md 7, "congestive round").
 *
 * Sent packets are a ring by packet number, what they carried a second ring in the same order.
 */
#include "net/internal.h"

#define SENT_MAX     16384u
#define REFS_MAX     131072u
#define WINDOW_FIRST (10u * NET_MSS)
#define WINDOW_LEAST (4u * NET_MSS)
#define WINDOW_MOST  8388608u
#define THRESHOLD    3u
#define PTO_MOST_US  (4u * KITH_US_PER_S)
#define RTT_FIRST_US 333000u /* RFC 9002 6.2.2 */
#define ACKED_MARGIN 64u

void kith__net_recovery_init(struct kith_net *n, struct session *s)
{
	s->rec = (struct recovery){
		.cwnd = WINDOW_FIRST,
		.ssthresh = UINT64_MAX,
		.min_rtt = UINT64_MAX,
		.loss_at = KITH_NEVER,
		.waiting_since = KITH_NEVER,
		.lone_at = KITH_NEVER,
		.skip_pn = 500 + kith_rng_below(n->rng, 1000),
	};
}

void kith__net_recovery_clear(struct kith_net *n, struct session *s)
{
	struct recovery *r = &s->rec;

	kith_alloc_free(n->alloc, r->sent);
	kith_alloc_free(n->alloc, r->refs);
	r->base += r->sent_count;
	r->sent = NULL;
	r->refs = NULL;
	r->sent_cap = r->sent_count = 0;
	r->ref_cap = r->ref_first = r->ref_next = 0;
}

static struct sent *entry(const struct recovery *r, uint64_t pn)
{
	return &r->sent[pn & (r->sent_cap - 1)];
}

static bool grow_sent(struct kith_net *n, struct recovery *r)
{
	uint32_t cap = r->sent_cap == 0 ? 16 : r->sent_cap * 2;
	struct sent *sent;
	uint32_t i;

	if (cap > SENT_MAX)
		return false;
	sent = kith_alloc_zero(n->alloc, cap, sizeof(*sent));
	if (sent == NULL)
		return false;
	for (i = 0; i < r->sent_count; i++)
		sent[(r->base + i) & (cap - 1)] = *entry(r, r->base + i);
	kith_alloc_free(n->alloc, r->sent);
	r->sent = sent;
	r->sent_cap = cap;
	return true;
}

static bool grow_refs(struct kith_net *n, struct recovery *r)
{
	uint32_t cap = r->ref_cap == 0 ? 32 : r->ref_cap * 2;
	struct ref *refs;
	uint32_t i;

	if (cap > REFS_MAX)
		return false;
	refs = kith_alloc_zero(n->alloc, cap, sizeof(*refs));
	if (refs == NULL)
		return false;
	for (i = r->ref_first; i != r->ref_next; i++)
		refs[i & (cap - 1)] = r->refs[i & (r->ref_cap - 1)];
	kith_alloc_free(n->alloc, r->refs);
	r->refs = refs;
	r->ref_cap = cap;
	return true;
}

bool kith__net_recovery_room(struct kith_net *n, struct session *s)
{
	struct recovery *r = &s->rec;

	/* one for the packet, one for a number that is skipped */
	return r->sent_count + 2 <= r->sent_cap || grow_sent(n, r);
}

bool kith__net_ref_add(struct kith_net *n, struct session *s, const struct ref *ref)
{
	struct recovery *r = &s->rec;

	if (r->ref_next - r->ref_first == r->ref_cap && !grow_refs(n, r))
		return false;
	r->refs[r->ref_next++ & (r->ref_cap - 1)] = *ref;
	return true;
}

static void push(struct recovery *r, const struct sent *what)
{
	*entry(r, r->base + r->sent_count) = *what;
	r->sent_count++;
}

/* Lets go of finished packets at the old end. */
static void pop(struct recovery *r)
{
	while (r->sent_count > 0 && entry(r, r->base)->state == SENT_DONE) {
		r->ref_first = entry(r, r->base)->ref_first + entry(r, r->base)->ref_count;
		r->base++;
		r->sent_count--;
	}
}

uint64_t kith__net_recovery_pn(struct kith_net *n, struct session *s)
{
	struct recovery *r = &s->rec;
	uint64_t pn = r->base + r->sent_count;

	if (pn >= r->skip_pn) {
		/* never sent: an ACK that names it is a lie */
		r->skipped[r->skipped_count++ % NET_SKIPPED] = pn;
		r->skip_pn = pn + 500 + kith_rng_below(n->rng, 1000);
		push(r, &(struct sent){.state = SENT_DONE, .ref_first = r->ref_next});
		pop(r);
		pn++;
	}
	return pn;
}

void kith__net_recovery_sent(struct kith_net *n, struct session *s, size_t size, bool eliciting,
			     uint32_t ref_first, uint64_t ack_largest, kith_time now)
{
	struct recovery *r = &s->rec;

	(void)n;
	push(r, &(struct sent){.at = now,
			       .ack_largest = ack_largest,
			       .ref_first = ref_first,
			       .ref_count = (uint16_t)(r->ref_next - ref_first),
			       .size = (uint16_t)size,
			       .state = eliciting ? SENT_FLYING : SENT_DONE});
	if (!eliciting) {
		pop(r);
		return;
	}
	r->in_flight += size;
	r->flying++;
	r->last_sent = now;
	if (r->waiting_since == KITH_NEVER)
		r->waiting_since = now;
}

/* ---- time ---- */

void kith__net_rtt_sample(struct session *s, uint64_t sample_us, uint64_t delay_us)
{
	struct recovery *r = &s->rec;
	uint64_t rtt = sample_us == 0 ? 1 : sample_us;
	uint64_t off;

	r->latest_rtt = rtt;
	if (r->srtt == 0) {
		r->srtt = r->min_rtt = rtt;
		r->rttvar = rtt / 2;
		return;
	}
	if (rtt < r->min_rtt)
		r->min_rtt = rtt;
	if (rtt >= r->min_rtt + delay_us)
		rtt -= delay_us;
	off = r->srtt > rtt ? r->srtt - rtt : rtt - r->srtt;
	r->rttvar = (3 * r->rttvar + off) / 4;
	r->srtt = (7 * r->srtt + rtt) / 8;
}

uint64_t kith__net_pto(const struct session *s)
{
	const struct recovery *r = &s->rec;
	uint64_t srtt = r->srtt != 0 ? r->srtt : RTT_FIRST_US;
	uint64_t var = r->srtt != 0 ? 4 * r->rttvar : 2 * RTT_FIRST_US;
	uint64_t pto =
		srtt + (var > NET_GRANULARITY_US ? var : NET_GRANULARITY_US) + NET_ACK_DELAY_US;
	uint64_t most = pto > PTO_MOST_US ? pto : PTO_MOST_US;
	unsigned shift = r->pto_count < 20 ? r->pto_count : 20;

	return pto << shift > most ? most : pto << shift;
}

kith_time kith__net_recovery_deadline(const struct session *s)
{
	const struct recovery *r = &s->rec;
	kith_time at = r->lone_at;

	if (r->flying == 0)
		return at;
	if (r->loss_at != KITH_NEVER)
		return r->loss_at < at ? r->loss_at : at;
	if (r->last_sent + kith__net_pto(s) < at)
		at = r->last_sent + kith__net_pto(s);
	return at;
}

/* ---- ACK and loss ---- */

static void give(struct kith_net *n, struct session *s, const struct sent *p, bool acked)
{
	struct recovery *r = &s->rec;
	uint32_t i;

	for (i = p->ref_first; i != p->ref_first + p->ref_count; i++) {
		const struct ref *ref = &r->refs[i & (r->ref_cap - 1)];

		if (ref->kind == REF_MSG) {
			if (acked)
				kith__net_msg_acked(n, s, ref);
			else
				kith__net_msg_lost(n, s, ref);
		} else if (acked) {
			kith__net_stream_acked(n, s, ref);
		} else {
			kith__net_stream_lost(n, s, ref);
		}
	}
}

static void land(struct recovery *r, struct sent *p)
{
	p->state = SENT_DONE;
	r->in_flight -= p->size;
	r->flying--;
}

static void lose_old(struct kith_net *n, struct session *s, kith_time now)
{
	struct recovery *r = &s->rec;
	uint64_t rtt = r->srtt > r->latest_rtt ? r->srtt : r->latest_rtt;
	uint64_t wait = rtt + rtt / 8;
	uint64_t pn;

	if (wait < NET_GRANULARITY_US)
		wait = NET_GRANULARITY_US;
	r->loss_at = KITH_NEVER;
	for (pn = r->base; pn < r->largest_acked && pn < r->base + r->sent_count; pn++) {
		struct sent *p = entry(r, pn);

		if (p->state != SENT_FLYING)
			continue;
		if (pn + THRESHOLD < r->largest_acked || p->at + wait <= now) {
			land(r, p);
			r->round_lost++;
			n->count.packets_lost++;
			give(n, s, p, false);
		} else if (p->at + wait < r->loss_at) {
			r->loss_at = p->at + wait;
		}
	}
	pop(r);
}

/* At the end of a round: was its loss a sign of a full queue? */
static void judge_round(struct recovery *r)
{
	uint64_t all = r->round_acked + r->round_lost;
	uint64_t queue = r->latest_rtt > r->min_rtt ? r->latest_rtt - r->min_rtt : 0;
	uint64_t allowed = r->min_rtt / 8 > 5000 ? r->min_rtt / 8 : 5000;
	bool full = (r->round_lost * 50 > all && queue > allowed) ||
		    (r->round_lost * 10 > all && all >= 20);

	if (full) {
		r->cwnd = r->cwnd / 10 * 7;
		if (r->cwnd < WINDOW_LEAST)
			r->cwnd = WINDOW_LEAST;
		r->ssthresh = r->cwnd;
	}
	r->round_acked = r->round_lost = 0;
	r->round_end = r->base + r->sent_count;
}

static void open_window(struct recovery *r, uint64_t bytes, uint64_t flying_before)
{
	if (flying_before * 2 < r->cwnd)
		return; /* the window was not what held us back */
	if (r->cwnd < r->ssthresh)
		r->cwnd += bytes;
	else
		r->cwnd += NET_MSS * bytes / r->cwnd;
	if (r->cwnd > WINDOW_MOST)
		r->cwnd = WINDOW_MOST;
}

static bool is_lie(const struct recovery *r, const struct frame *f)
{
	unsigned i;
	unsigned k;

	if (f->range[0].high >= r->base + r->sent_count)
		return true;
	for (i = 0; i < NET_SKIPPED && i < r->skipped_count; i++)
		for (k = 0; k < f->range_count; k++)
			if (r->skipped[i] >= f->range[k].low && r->skipped[i] <= f->range[k].high)
				return true;
	return false;
}

/* Takes the packets of one range; returns their bytes. */
static uint64_t take_range(struct kith_net *n, struct session *s, const struct ack_range *range,
			   kith_time *largest_at)
{
	struct recovery *r = &s->rec;
	uint64_t low = range->low > r->base ? range->low : r->base;
	uint64_t bytes = 0;
	uint64_t pn;

	for (pn = range->high + 1; pn > low; pn--) {
		struct sent *p = entry(r, pn - 1);

		if (p->state != SENT_FLYING)
			continue;
		if (pn > r->largest_acked) {
			r->largest_acked = pn;
			*largest_at = p->at;
		}
		land(r, p);
		bytes += p->size;
		r->round_acked++;
		if (p->ack_largest > ACKED_MARGIN && p->ack_largest - ACKED_MARGIN > s->ack_floor)
			s->ack_floor = p->ack_largest - ACKED_MARGIN;
		give(n, s, p, true);
	}
	return bytes;
}

int kith__net_recovery_ack(struct kith_net *n, struct session *s, const struct frame *f,
			   kith_time now)
{
	struct recovery *r = &s->rec;
	uint64_t before = r->in_flight;
	uint64_t bytes = 0;
	kith_time largest_at = KITH_NEVER;
	unsigned i;

	if (is_lie(r, f))
		return KITH_E_MALFORMED;
	for (i = 0; i < f->range_count && r->flying > 0; i++) {
		if (f->range[i].high < r->base)
			break;
		bytes += take_range(n, s, &f->range[i], &largest_at);
	}
	if (bytes == 0)
		return KITH_OK;
	if (largest_at != KITH_NEVER) {
		uint64_t delay = f->value > NET_ACK_DELAY_US / 8 ? NET_ACK_DELAY_US : f->value * 8;

		kith__net_rtt_sample(s, now - largest_at, delay);
	}
	r->pto_count = 0;
	open_window(r, bytes, before);
	lose_old(n, s, now);
	if (r->largest_acked > r->round_end)
		judge_round(r);
	if (r->flying == 0) {
		r->waiting_since = KITH_NEVER;
		r->lone_at = KITH_NEVER;
		r->probes = 0;
	}
	return KITH_OK;
}

/* Copies of what the two oldest packets carry; a PING where they carry nothing to repeat. */
static void probe(struct kith_net *n, struct session *s)
{
	struct recovery *r = &s->rec;
	unsigned left = 2;
	uint64_t pn;

	r->pto_count++;
	r->probes = 2;
	s->ping_due = true;
	for (pn = r->base; pn < r->base + r->sent_count && left > 0; pn++) {
		const struct sent *p = entry(r, pn);

		if (p->state != SENT_FLYING || p->ref_count == 0)
			continue;
		give(n, s, p, false);
		left--;
	}
}

void kith__net_recovery_expire(struct kith_net *n, struct session *s, kith_time now)
{
	struct recovery *r = &s->rec;

	if (now >= r->lone_at) {
		struct ref copy = {.kind = REF_MSG, .number = r->lone_seq - 1, .len = UINT32_MAX};

		r->lone_at = KITH_NEVER;
		kith__net_msg_lost(n, s, &copy);
	}
	if (r->flying == 0)
		return;
	if (r->loss_at != KITH_NEVER) {
		if (now >= r->loss_at)
			lose_old(n, s, now);
	} else if (now >= r->last_sent + kith__net_pto(s)) {
		probe(n, s);
		/* the timer runs on from here even if nothing can leave */
		r->last_sent = now;
	}
	if (r->flying == 0)
		r->waiting_since = KITH_NEVER;
}
