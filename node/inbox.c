/* SPDX-License-Identifier: ISC */
/*
 * A frame of a contact, from a live session or a mailbox (architecture.md 5 step 8; mailbox.md 7).
 *
 *	known ciphertext -> the ack is owed again, stop
 *	opened -> seen mark, its ack for us, announced tag index, seq, body, own ack owed
 *	live, and one before it is missing -> left as it is, for up to 3 s (hold.c)
 *
 * All of it is in one batch; the own ack leaves after its commit. A frame that does not open
 * changes nothing. One that opens but says nothing sensible is still marked and acked, so that it
 * ends.
 */
#include "node/msgs.h"

#define SEEN_S (30u * 86400u)

void kith__inbox_opened(struct kith_node *n, struct kith_contact *c, const struct kith_opened *o,
			const uint8_t h[static 16], bool live)
{
	struct kith_body b;
	bool gap;
	bool far;

	kith__row_seen(n, h, kith__wall_s(n) + SEEN_S);
	kith__dirty(n, c, true, false, false);
	if (live)
		c->last_seen_ms = kith__wall_ms(n);
	if (kith__body_decode(&b, o->body, o->body_len) != KITH_OK) {
		n->refused_frames++;
		return;
	}
	kith__outbox_acked(n, c, &b.ack);
	if (kith__outbox_waiting(c) < c->outs)
		kith__outbox_seal(n, c); /* this frame may be what lets us send */
	kith__tagbook_announced(n, c, b.list_version, b.tag_index);
	if (b.seq == 0)
		return; /* a bare ack */
	if (kith__flow_take(&c->flow, b.seq, &gap, &far))
		kith__inbox_body(n, c, &b, gap);
	else if (far)
		n->refused_frames++;
	kith__ack_owe(n, c, live || c->session != 0);
}

/* Only the seq after the last one, and those that no wait would mend. */
static bool in_turn(struct kith_turn *turn, uint32_t seq)
{
	const struct kith_contact *c = turn->ctx;
	uint32_t next = c->flow.in_next == 0 ? 1 : c->flow.in_next;

	turn->seq = seq;
	return seq <= next || kith__flow_knows(&c->flow, seq) || !kith__hold_room(c);
}

bool kith__inbox_frame(struct kith_node *n, struct kith_contact *c, const uint8_t *frame,
		       size_t len, bool live)
{
	bool taken = kith__inbox_take(n, c, frame, len, live, live);

	if (taken)
		kith__hold_next(n, c);
	return taken;
}

bool kith__inbox_take(struct kith_node *n, struct kith_contact *c, const uint8_t *frame, size_t len,
		      bool live, bool may_wait)
{
	struct kith_turn turn = {.take = in_turn, .ctx = c};
	struct kith_opened o;
	uint8_t h[16];
	uint32_t mark;
	int status;

	if (c->ratchet == NULL)
		return false;
	kith__frame_hash(h, frame, len);
	if (kith_map_get(&n->seen, h, &mark)) {
		kith__ack_owe(n, c, live || c->session != 0);
		return true;
	}
	if (!kith__parts_room(n))
		return false;
	status = kith__ratchet_open_if(c->ratchet, &o, frame, len, kith__wall_ms(n),
				       may_wait ? &turn : NULL);
	if (status == KITH_E_STATE && kith__hold(n, c, frame, len, turn.seq))
		return true;
	if (status != KITH_OK) {
		n->refused_frames++;
		return false;
	}
	kith__inbox_opened(n, c, &o, h, live);
	kith_wipe(&o, sizeof(o));
	return true;
}
