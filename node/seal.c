/* SPDX-License-Identifier: ISC */
/*
 * From a body to a frame: seq, ack and announced tag index are drawn here, the ratchet moves, and
 * the row with the frame goes into the open batch (crypto.md 5).
 *
 * A light frame is used on a live session once an ack named a full frame of the present chain, as
 * long as no sending step is wanted. Steps run with full frames only.
 * Window: 900 un-acked bodies, and 900 frames of the chain beyond the last one the peer is known to
 * have (frames sealed anew and bare acks count there), so that the peer never has to skip more than
 * it may. Bare acks may use the reserve up to ACK_AHEAD.
 */
#include <string.h>

#include "node/msgs.h"

#define ACK_AHEAD (KITH_UNACKED_MAX + 50u)

_Static_assert(ACK_AHEAD < KITH_SKIP_CHAIN_MAX, "the receiver skips what a chain runs ahead");

uint32_t kith__seal_ahead(const struct kith_contact *c)
{
	uint32_t ns = c->ratchet == NULL || !c->ratchet->has_cks ? 0 : c->ratchet->ns;

	if (c->chain_known)
		return ns > c->chain_seen ? ns - c->chain_seen : 0;
	/* After a start only the un-acked ones are known; bare acks among them are a guess. */
	return (uint32_t)kith__outbox_waiting(c) < ns ? (uint32_t)kith__outbox_waiting(c) : ns;
}

/* The un-acked ones are taken for the last of the chain, so that their acks count. */
static void know_chain(struct kith_contact *c)
{
	uint32_t ns = c->ratchet->has_cks ? c->ratchet->ns : 0;
	uint32_t waiting = (uint32_t)kith__outbox_waiting(c);
	uint32_t i;

	if (c->chain_known)
		return;
	for (i = 0; i < waiting; i++)
		c->out[i]->chain_n = ns + i < waiting ? UINT32_MAX : ns + i - waiting;
	c->chain_seen = ns - kith__seal_ahead(c);
	c->chain_known = true;
}

bool kith__may_seal(const struct kith_node *n, const struct kith_contact *c)
{
	return c->ratchet != NULL && c->ratchet->may_send && !n->hold && !n->locked;
}

bool kith__seal_allowed(const struct kith_contact *c)
{
	return kith__outbox_waiting(c) < KITH_UNACKED_MAX && kith__seal_ahead(c) < KITH_UNACKED_MAX;
}

/* A step began a new chain: no entry is of it. */
static void chain_begins(struct kith_contact *c)
{
	size_t i;

	for (i = 0; i < c->outs; i++)
		c->out[i]->chain_n = UINT32_MAX;
	c->chain_seen = 0;
	c->chain_known = true;
	c->ratchet->chain_acked = false;
	c->ratchet->chain_first_seq = 0;
}

static int seal_full(struct kith_node *n, struct kith_contact *c, const struct kith_body *b,
		     bool copy, uint8_t out[static KITH_INNER])
{
	struct kith_ratchet_seeds seeds;
	uint64_t now_ms = kith__wall_ms(n);
	uint8_t body[KITH_BODY] = {0};
	bool step = kith__ratchet_step_wanted(c->ratchet, now_ms, copy);
	int status;

	if (kith__body_encode(body, sizeof(body), b) == 0)
		return KITH_E_FULL;
	if (step)
		kith_rng_fill(n->rng, &seeds, sizeof(seeds));
	else
		memset(&seeds, 0, sizeof(seeds));
	status = kith__ratchet_seal_full(c->ratchet, out, body, step, &seeds, now_ms, &n->noncer);
	kith_wipe(&seeds, sizeof(seeds));
	kith_wipe(body, sizeof(body));
	if (status == KITH_OK && step)
		chain_begins(c);
	return status;
}

static int seal_light(struct kith_node *n, struct kith_contact *c, const struct kith_body *b,
		      uint8_t out[static KITH_FRAME_LIGHT_MAX], size_t *len)
{
	uint8_t body[KITH_BODY_HEAD + KITH_CONTENT_LIGHT];
	size_t body_len = kith__body_encode(body, sizeof(body), b);
	int status = KITH_E_FULL;

	if (body_len != 0)
		status = kith__ratchet_seal_light(c->ratchet, out, len, body, body_len, &n->noncer);
	kith_wipe(body, sizeof(body));
	return status;
}

static bool light_possible(const struct kith_node *n, const struct kith_contact *c, size_t len)
{
	return c->session != 0 && c->ratchet->chain_acked && len <= KITH_CONTENT_LIGHT &&
	       !kith__ratchet_step_wanted(c->ratchet, kith__wall_ms(n), false);
}

static void message_seq(struct kith_node *n, struct kith_contact *c, struct kith_out *o)
{
	size_t at = kith__outbox_find(c, o->id);
	struct kith_op op;

	KITH_ASSERT(at < c->outs);
	if (o->message == 0 || o->row_seq ||
	    (at + 1 < c->outs && c->out[at + 1]->message == o->message))
		return;
	op = kith_op(KITH_OP_MESSAGE_SEQ);
	kith_op_int(&op, (int64_t)o->message);
	kith_op_int(&op, c->epoch);
	kith_op_int(&op, o->seq);
	kith__put(n, &op);
	o->row_seq = true;
}

/* The frame stands: the entry takes it over. */
static void take_frame(struct kith_node *n, struct kith_contact *c, struct kith_out *o,
		       const struct kith_body *b, uint8_t *frame, size_t len, bool light)
{
	bool first = o->seq == 0;

	kith_alloc_free(n->alloc, o->frame);
	o->frame = frame;
	o->frame_len = len;
	o->light = light;
	o->announced = b->tag_index;
	o->announced_version = b->list_version;
	if (first) {
		KITH_ASSERT(c->ratchet->ns > 0);
		o->seq = b->seq;
		o->epoch = c->epoch;
		o->chain_n = c->ratchet->ns - 1;
		o->chain_full = !light;
		c->flow.out_next = b->seq + 1;
		if (!light && c->ratchet->chain_first_seq == 0)
			c->ratchet->chain_first_seq = b->seq;
		message_seq(n, c, o);
	}
	o->batch = kith__open_batch(n);
	kith__row_out(n, c, o);
	kith__dirty(n, c, true, false, false);
}

static void head_fill(struct kith_contact *c, struct kith_body *b)
{
	if (c->flow.out_next == 0)
		c->flow.out_next = 1;
	b->list_version = kith__tagbook_version(c);
	b->tag_index = kith__tagbook_low(c);
	kith__ack_fill(c, &b->ack);
}

bool kith__seal_out(struct kith_node *n, struct kith_contact *c, struct kith_out *o, bool full,
		    bool copy)
{
	struct kith_body b = {.type = o->type, .content = o->content, .len = o->content_len};
	uint8_t sealed[KITH_INNER];
	size_t len = KITH_INNER;
	bool light = !full && light_possible(n, c, o->content_len);
	uint8_t *frame;
	int status;

	KITH_ASSERT(c->ratchet != NULL);
	if (!kith__may_seal(n, c) || c->flow.out_next == UINT32_MAX ||
	    kith__seal_ahead(c) >= ACK_AHEAD)
		return false;
	know_chain(c);
	head_fill(c, &b);
	b.seq = o->seq != 0 ? o->seq : c->flow.out_next;
	status = light ? seal_light(n, c, &b, sealed, &len) : seal_full(n, c, &b, copy, sealed);
	if (status != KITH_OK)
		return false;
	frame = kith_alloc_copy(n->alloc, sealed, len);
	if (frame == NULL) {
		kith__dirty(n, c, true, false,
			    false); /* one message key is lost, none is used twice */
		return false;
	}
	take_frame(n, c, o, &b, frame, len, light);
	c->flow.ack_live = false; /* the body says it, unless more comes before the commit */
	return true;
}

size_t kith__seal_ack(struct kith_node *n, struct kith_contact *c, uint8_t *out, bool light,
		      bool *is_light)
{
	struct kith_body b = {.type = KITH_BODY_ACK};
	size_t len = KITH_INNER;
	int status;

	if (!kith__may_seal(n, c) || kith__seal_ahead(c) >= ACK_AHEAD)
		return 0;
	know_chain(c);
	head_fill(c, &b);
	*is_light = light && c->ratchet->chain_acked;
	status = *is_light ? seal_light(n, c, &b, out, &len) : seal_full(n, c, &b, !light, out);
	if (status != KITH_OK)
		return 0;
	kith__dirty(n, c, true, false, false);
	return len;
}

void kith__seal_acked(struct kith_contact *c, const struct kith_ack *ack)
{
	struct kith_ratchet *r = c->ratchet;
	uint32_t first = r->chain_first_seq;
	unsigned k;

	/* Seqs ascend, so every seq from `first` on was sealed for the first time in this chain;
	 * those before chain_acked as full frames (docs/vectors-notes.md 32). */
	if (r->chain_acked || first == 0)
		return;
	if (ack->next > first)
		r->chain_acked = true;
	for (k = 0; k < 64 && !r->chain_acked; k++)
		if ((ack->bitmap >> k & 1) != 0 && ack->next + 1 + k >= first)
			r->chain_acked = true;
}
