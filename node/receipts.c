/* SPDX-License-Identifier: ISC */
/*
 * Own end-to-end acks (crypto.md 5, mailbox.md 5): every body carries one; where none leaves soon,
 * a bare ack does.
 *
 * live session: one bare ack per contact and batch, sealed when the batch is closed, so it names
 *     what the batch makes durable and leaves right after its commit.
 * mailboxes: one ack per contact after a Poisson-distributed delay; at once when 450 messages wait
 *     or the node stops. It stays owed until a mailbox has given a receipt.
 *
 * Bare acks are not acked themselves. When 256 frames of the chain are unconfirmed and nothing else
 * is on its way, the next ack carries a seq: its ack tells how far the peer has followed.
 */
#include "node/msgs.h"

#define NUMBER_AHEAD 256u
#define URGENT       450u
#define DELAY_MAX_S  1800u
#define RETRY        (600ull * KITH_US_PER_S)
#define COPIES_WISH  5u

/* Exponentially distributed with mean `mean_s`: -ln(u) by an integer logarithm (error below 9 %).
 */
static kith_time poisson(struct kith_node *n, unsigned mean_s)
{
	uint32_t u = kith_rng_u32(n->rng) | 1u;
	unsigned top = 31;
	uint64_t log16; /* 65,536 * log2(u) */
	uint64_t wait;

	while ((u >> top & 1u) == 0)
		top--;
	log16 = (uint64_t)top << 16;
	log16 += (((uint64_t)u << (31 - top)) & 0x7fffffffu) >> 15;
	wait = ((UINT64_C(32) << 16) - log16) * 45426u >> 16; /* * ln 2 */
	wait = wait * mean_s * KITH_US_PER_S >> 16;
	return wait < (kith_time)DELAY_MAX_S * KITH_US_PER_S
		       ? wait
		       : (kith_time)DELAY_MAX_S * KITH_US_PER_S;
}

static void ack_due(struct kith_node *n, struct kith_contact *c, kith_time when)
{
	c->flow.ack_at = when;
	if (when < n->ack_due)
		n->ack_due = when;
}

void kith__ack_owe(struct kith_node *n, struct kith_contact *c, bool live)
{
	if (kith__stalled(c)) /* its keys say nothing any more; the new session starts anew */
		return;
	c->ack_count++;
	kith__dirty(n, c, true, false, false);
	if (live && c->session != 0) {
		c->flow.ack_live = true;
		return;
	}
	if (!c->flow.ack_owed || c->ack_count == 1) { /* the first one after an ack was sealed */
		kith_time when = n->now + poisson(n, n->cfg.ack_delay_s);

		if (!c->flow.ack_owed || when < c->flow.ack_at)
			ack_due(n, c, when);
		c->flow.ack_owed = true;
	}
	if ((c->ack_count >= URGENT || n->stopping) && c->flow.ack_at > n->now)
		ack_due(n, c, n->now);
}

static void ack_done(struct kith_node *n, struct kith_contact *c)
{
	c->ack_count = 0;
	if (c->flow.ack_owed) {
		c->flow.ack_owed = false;
		kith__dirty(n, c, true, false, false);
	}
}

static void drop_frame(struct kith_node *n, struct kith_contact *c)
{
	kith_alloc_free(n->alloc, c->ack_frame);
	c->ack_frame = NULL;
	c->ack_waiting = false;
	if (c->flow.ack_live) /* more came while it waited: the next batch says it */
		kith__dirty(n, c, true, false, false);
}

/* After the commit: the ack names only what is durable now. */
static void send_live(struct kith_node *n, uint64_t a, uint64_t b)
{
	struct kith_contact *c = kith__contact(n, a);
	int status = KITH_E_STATE;

	(void)b;
	if (c == NULL || !c->ack_waiting)
		return;
	if (c->session != 0)
		status = kith__frame_send(n, c, c->ack_frame, c->ack_len, c->ack_light, 0);
	drop_frame(n, c);
	if (status == KITH_OK) {
		c->ack_sent = n->now;
		ack_done(n, c);
	} else {
		kith__ack_owe(n, c, status == KITH_E_FULL);
	}
}

static bool seal_frame(struct kith_node *n, struct kith_contact *c, bool light)
{
	c->ack_frame = kith_alloc_zero(n->alloc, 1, KITH_INNER);
	if (c->ack_frame == NULL)
		return false;
	c->ack_len = kith__seal_ack(n, c, c->ack_frame, light, &c->ack_light);
	if (c->ack_len == 0) {
		drop_frame(n, c);
		return false;
	}
	c->ack_waiting = true;
	return true;
}

/* True when the ack went as a body with a seq. */
static bool number_ack(struct kith_node *n, struct kith_contact *c)
{
	if (c->outs > 0 ||
	    (kith__seal_ahead(c) < NUMBER_AHEAD && kith__tagbook_open(c) < NUMBER_AHEAD))
		return false;
	return kith__outbox_add(n, c, KITH_BODY_ACK, 0, NULL, (const uint8_t *)"", 0) != NULL;
}

void kith__ack_flush(struct kith_node *n, struct kith_contact *c)
{
	if (!c->flow.ack_live || c->ack_waiting || c->ratchet == NULL)
		return;
	c->flow.ack_live = false;
	if (number_ack(n, c)) {
		ack_done(n, c);
		return;
	}
	if (c->session != 0 && seal_frame(n, c, true))
		kith__gate(n, send_live, c->id, 0);
	else
		kith__ack_owe(n, c, false);
}

static void put_done(struct kith_node *n, uint64_t a, uint64_t b, int status,
		     const struct kith_receipt *r, const uint8_t mk[static 32], uint32_t position)
{
	struct kith_contact *c = kith__contact(n, a);
	struct kith_peer_box *box = c == NULL ? NULL : kith__peer_box(c, b);

	(void)r;
	(void)mk;
	(void)position;
	if (box == NULL)
		return;
	if (status != KITH_OK) {
		if (box->next_try <= n->now)
			kith__box_failed(n, box);
		return;
	}
	box->fails = 0;
	if (c->ack_count == 0)
		ack_done(n, c);
}

/* After the commit of ratchet and index: to up to five mailboxes. b = version << 32 | index. */
static void put_copies(struct kith_node *n, uint64_t a, uint64_t b)
{
	struct kith_contact *c = kith__contact(n, a);
	unsigned given = 0;
	unsigned i;

	if (c == NULL || !c->ack_waiting)
		return;
	for (i = 0; i < c->boxes && given < COPIES_WISH; i++) {
		struct kith_peer_box *box = &c->box[i];
		struct kith_tag_keys k;
		uint8_t nonce[24];
		struct kith_copy_order put = {.box = box,
					      .keys = &k,
					      .nonce = nonce,
					      .frame = c->ack_frame,
					      .fn = put_done,
					      .a = c->id,
					      .b = box->row};

		if (box->next_try > n->now || kith__tagbook_send(c, (uint32_t)(b >> 32), box->e.ml,
								 (uint32_t)b, &k) != KITH_OK)
			continue;
		kith_noncer_next(&n->noncer, nonce, c->ack_frame);
		if (kith__copies_order(n, c, &put) == KITH_OK)
			given++;
		kith_wipe(&k, sizeof(k));
	}
	drop_frame(n, c);
}

static void mailbox_ack(struct kith_node *n, struct kith_contact *c)
{
	uint32_t index;

	if (n->hold) { /* nothing is sealed yet (twin.c) */
		ack_due(n, c, n->now + KITH_US_PER_S);
		return;
	}
	ack_due(n, c, n->now + RETRY); /* unless a mailbox takes it */
	if (c->session != 0) {
		kith__ack_owe(n, c, true);
		return;
	}
	if (c->ack_waiting || c->ratchet == NULL)
		return;
	if (number_ack(n, c)) {
		ack_done(n, c);
		return;
	}
	if (c->boxes == 0 || !kith__tagbook_may_take(c)) {
		kith__presence_want(n, c);
		return;
	}
	if (!seal_frame(n, c, false))
		return;
	index = kith__tagbook_take(c);
	c->ack_count = 0;
	kith__dirty(n, c, true, false, true);
	kith__gate(n, put_copies, c->id, (uint64_t)kith__tagbook_version(c) << 32 | index);
}

void kith__ack_tick(struct kith_node *n)
{
	kith_time due = KITH_NEVER;
	size_t i;

	if (n->now < n->ack_due && !n->stopping)
		return;
	n->ack_due = KITH_NEVER;
	for (i = 0; i < n->contacts; i++) {
		struct kith_contact *c = n->contact[i];

		if (!c->flow.ack_owed)
			continue;
		if (c->flow.ack_at == 0) /* owed before the start */
			ack_due(n, c, n->now + poisson(n, n->cfg.ack_delay_s));
		if (n->stopping && c->flow.ack_at > n->now && c->ack_count > 0)
			ack_due(n, c, n->now);
		if (c->flow.ack_at <= n->now)
			mailbox_ack(n, c);
		if (c->flow.ack_owed && c->flow.ack_at < due)
			due = c->flow.ack_at;
	}
	if (due < n->ack_due)
		n->ack_due = due;
}

kith_time kith__ack_deadline(const struct kith_node *n)
{
	return n->ack_due;
}
