/* SPDX-License-Identifier: ISC */
/*
 * kith_node_read_up_to: the user has read a conversation up to a message. How many texts that
 * covers, and the greatest seq among them, is asked of the store; the watermark then moves in one
 * batch with the counters, and the seq goes out with the next ack.
 */
#include "node/msgs.h"

static int ask(struct kith_node *n, const struct kith_contact *c, uint64_t message, uint32_t call);

static void move_mark(struct kith_node *n, struct kith_contact *c, uint64_t message, uint64_t count,
		      uint32_t seq)
{
	c->read_id = message;
	c->unread = count < c->unread ? c->unread - (uint32_t)count : 0;
	kith__dirty(n, c, false, true, false);
	kith__event(n, KITH_EVENT_CONVERSATION_CHANGED, c->conv, c->conv);
	if (seq > c->flow.in_read && c->ratchet != NULL) {
		c->flow.in_read = seq;
		kith__ack_owe(n, c, c->session != 0);
	}
}

/* a: contact << 32 | call; b: message. Column 2 is the mark that the count began at. */
static void answered(struct kith_node *n, uint64_t a, uint64_t b, struct kith_store_result *r)
{
	struct kith_contact *c = kith__contact(n, a >> 32);
	uint32_t call = (uint32_t)a;

	if (c == NULL || !kith_rows_next(&r->rows)) {
		kith__reply_fail(n, call, KITH_E_NOTFOUND);
		return;
	}
	if (b > c->read_id && (uint64_t)kith_rows_int(&r->rows, 2) != c->read_id) {
		int status = ask(n, c, b, call); /* another answer moved the mark meanwhile */

		if (status != KITH_OK)
			kith__reply_fail(n, call, status);
		return;
	}
	if (b > c->read_id)
		move_mark(n, c, b, (uint64_t)kith_rows_int(&r->rows, 0),
			  (uint32_t)kith_rows_int(&r->rows, 1));
	kith__reply_done(n, call, b, 0);
}

static int ask(struct kith_node *n, const struct kith_contact *c, uint64_t message, uint32_t call)
{
	struct kith_op op = kith_op(KITH_OP_READ_RANGE);

	kith_op_int(&op, (int64_t)c->conv);
	kith_op_int(&op, (int64_t)c->read_id);
	kith_op_int(&op, (int64_t)message);
	kith_op_int(&op, c->epoch);
	return kith__read(n, &op, answered, c->id << 32 | call, message);
}

int kith_node_read_up_to(struct kith_node *n, uint64_t conversation, uint64_t message,
			 uint32_t call, kith_time now)
{
	struct kith_contact *c = kith__contact_by_conv(n, conversation);

	n->now = now;
	if (c == NULL)
		return KITH_E_NOTFOUND;
	if (message == 0 || message >= n->next_message)
		return KITH_E_NOTFOUND;
	if (kith__gate_full(n))
		return KITH_E_FULL;
	if (message > c->read_id)
		return ask(n, c, message, call);
	kith__reply_done(n, call, message, 0);
	return KITH_OK;
}
