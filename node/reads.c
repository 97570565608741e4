/* SPDX-License-Identifier: ISC */
/*
 * Reads of history and events: an operation of the open batch, answered when the batch is done.
 */
#include <string.h>

#include "node/events.h"

int kith__read(struct kith_node *n, struct kith_op *op, kith_store_fn fn, uint64_t a, uint64_t b)
{
	if (kith_store_state(n->account) == KITH_STORE_READONLY)
		return KITH_E_IO;
	if (kith_store_full(n->account))
		return KITH_E_FULL; /* callers may ask faster than the store answers */
	op->token = kith__expect(n, fn, a, b);
	kith__put(n, op);
	return KITH_OK;
}

/* Columns: id,author,mid,epoch,seq,hlc,arrived_ms,kind,reply,body,more */
void kith__message_from_row(const struct kith_node *n, const struct kith_rows *r, uint64_t conv,
			    struct kith_node_message *m)
{
	const struct kith_contact *c = kith__contact_by_conv(n, conv);
	size_t len;
	const uint8_t *p;

	memset(m, 0, sizeof(*m));
	m->id = (uint64_t)kith_rows_int(r, 0);
	m->author = (uint64_t)kith_rows_int(r, 1);
	m->conversation = conv;
	p = kith_rows_blob(r, 2, &len);
	if (p != NULL && len == 16)
		memcpy(m->mid.b, p, 16);
	m->hlc = (uint64_t)kith_rows_int(r, 5);
	m->arrived_ms = (uint64_t)kith_rows_int(r, 6);
	p = kith_rows_blob(r, 8, &len);
	m->has_reply = p != NULL && len == 16;
	if (m->has_reply)
		memcpy(m->reply.b, p, 16);
	p = kith_rows_blob(r, 9, &len);
	m->text = p != NULL ? (const char *)p : "";
	m->text_len = p != NULL ? len : 0;
	m->newer = !kith_rows_is_null(r, 10);
	if (m->author == 0 && c != NULL && kith__state(n, c, m->id, &m->state) != KITH_OK)
		memset(&m->state, 0, sizeof(m->state));
	if (m->author == 0 && (kith_rows_int(r, 7) & KITH_MESSAGE_CANCELLED) != 0)
		m->state.step = KITH_STEP_CANCELLED;
	m->gap = (kith_rows_int(r, 7) & KITH_MESSAGE_GAP) != 0;
}

/* b: limit << 1 | newest first */
static void history_result(struct kith_node *n, uint64_t a, uint64_t b, struct kith_store_result *r)
{
	uint32_t call = (uint32_t)(a >> 32);
	uint64_t conv = a & UINT32_MAX;
	struct kith_reply_item *it = kith__reply_new(n, call, KITH_REPLY_MESSAGES);
	struct kith_node_message m;

	while (kith_rows_next(&r->rows)) {
		if (it->messages == b >> 1) {
			it->reply.more = true;
			break;
		}
		kith__message_from_row(n, &r->rows, conv, &m);
		kith__reply_add_message(n, it, &m);
	}
	if ((b & 1) != 0)
		kith__reply_reverse(it);
	kith__reply_ready(n, it);
}

int kith_node_history(struct kith_node *n, uint64_t conversation, uint64_t before, uint64_t after,
		      unsigned limit, uint32_t call, kith_time now)
{
	bool newest = after == 0;
	struct kith_op op = kith_op(newest ? KITH_OP_HISTORY_BEFORE : KITH_OP_HISTORY_AFTER);

	n->now = now;
	if (kith__contact_by_conv(n, conversation) == NULL)
		return KITH_E_NOTFOUND;
	if (limit < 1 || limit > 200 || (before != 0 && after != 0))
		return KITH_E_MALFORMED;
	kith_op_int(&op, (int64_t)conversation);
	kith_op_int(&op, newest ? (before != 0 ? (int64_t)before : INT64_MAX) : (int64_t)after);
	kith_op_int(&op, limit + 1);
	return kith__read(n, &op, history_result, (uint64_t)call << 32 | conversation,
			  (uint64_t)limit << 1 | newest);
}

/* b: limit */
static void search_result(struct kith_node *n, uint64_t a, uint64_t b, struct kith_store_result *r)
{
	struct kith_reply_item *it = kith__reply_new(n, (uint32_t)a, KITH_REPLY_MESSAGES);
	struct kith_node_message m;

	it->reply.status = r->status;
	while (r->status == KITH_OK && kith_rows_next(&r->rows)) {
		if (it->messages == b) {
			it->reply.more = true;
			break;
		}
		kith__message_from_row(n, &r->rows, (uint64_t)kith_rows_int(&r->rows, 11), &m);
		kith__reply_add_message(n, it, &m);
	}
	kith__reply_ready(n, it);
}

int kith_node_search(struct kith_node *n, const struct kith_node_query *q, uint32_t call,
		     kith_time now)
{
	struct kith_op op = kith_op(KITH_OP_SEARCH);

	n->now = now;
	if (q->limit < 1 || q->limit > 50 || q->len > KITH_SEARCH_MAX)
		return KITH_E_MALFORMED;
	if (q->conversation != 0 && kith__contact_by_conv(n, q->conversation) == NULL)
		return KITH_E_NOTFOUND;
	kith_op_text(&op, q->text, q->len);
	kith_op_int(&op, q->before != 0 ? (int64_t)q->before : INT64_MAX);
	kith_op_int(&op, q->limit + 1);
	if (q->conversation != 0)
		kith_op_int(&op, (int64_t)q->conversation);
	else
		kith_op_null(&op);
	return kith__read(n, &op, search_result, call, q->limit);
}

static void range_result(struct kith_node *n, uint64_t a, uint64_t b, struct kith_store_result *r)
{
	struct kith_reply_item *it = kith__reply_new(n, (uint32_t)a, KITH_REPLY_MESSAGES);
	struct kith_node_message m;

	(void)b;
	while (kith_rows_next(&r->rows)) {
		kith__message_from_row(n, &r->rows, (uint64_t)kith_rows_int(&r->rows, 11), &m);
		kith__reply_add_message(n, it, &m);
	}
	kith__reply_ready(n, it);
}

int kith_node_messages(struct kith_node *n, uint64_t conversation, uint64_t first, uint64_t last,
		       uint32_t call, kith_time now)
{
	struct kith_op op = kith_op(KITH_OP_MESSAGE_RANGE);

	n->now = now;
	kith_op_int(&op, (int64_t)first);
	kith_op_int(&op, (int64_t)last);
	kith_op_int(&op, (int64_t)conversation);
	return kith__read(n, &op, range_result, call, 0);
}

static void message_result(struct kith_node *n, uint64_t a, uint64_t b, struct kith_store_result *r)
{
	struct kith_reply_item *it = kith__reply_new(n, (uint32_t)a, KITH_REPLY_MESSAGE);
	struct kith_node_message m;

	(void)b;
	if (kith_rows_next(&r->rows)) {
		kith__message_from_row(n, &r->rows, (uint64_t)kith_rows_int(&r->rows, 11), &m);
		it->reply.id = m.id;
		kith__reply_add_message(n, it, &m);
	} else {
		it->reply.status = KITH_E_NOTFOUND;
	}
	kith__reply_ready(n, it);
}

int kith_node_message(struct kith_node *n, uint64_t id, uint32_t call, kith_time now)
{
	struct kith_op op = kith_op(KITH_OP_MESSAGE_GET);

	n->now = now;
	kith_op_int(&op, (int64_t)id);
	return kith__read(n, &op, message_result, call, 0);
}

int kith_node_message_by_mid(struct kith_node *n, const struct kith_msgid *mid, uint32_t call,
			     kith_time now)
{
	struct kith_op op = kith_op(KITH_OP_MESSAGE_BY_MID);

	n->now = now;
	kith_op_blob(&op, mid->b, 16);
	kith_op_int(&op, 0);
	return kith__read(n, &op, message_result, call, 0);
}

static void events_result(struct kith_node *n, uint64_t a, uint64_t b, struct kith_store_result *r)
{
	struct kith_reply_item *it = kith__reply_new(n, (uint32_t)a, KITH_REPLY_EVENTS);

	while (kith_rows_next(&r->rows)) {
		struct kith_node_row row;

		if (it->rows == b) {
			it->reply.more = true;
			break;
		}
		row.seq = (uint64_t)kith_rows_int(&r->rows, 0);
		row.at_ms = (uint64_t)kith_rows_int(&r->rows, 1);
		row.type = (enum kith_event_type)kith_rows_int(&r->rows, 2);
		row.conversation = (uint64_t)kith_rows_int(&r->rows, 3);
		row.first = (uint64_t)kith_rows_int(&r->rows, 4);
		row.last = (uint64_t)kith_rows_int(&r->rows, 5);
		kith__reply_add_row(n, it, &row);
	}
	kith__reply_ready(n, it);
}

int kith_node_events_since(struct kith_node *n, uint64_t seq, unsigned limit, uint32_t call,
			   kith_time now)
{
	struct kith_op op = kith_op(KITH_OP_EVENTS_SINCE);

	n->now = now;
	if (limit < 1 || limit > 1000)
		return KITH_E_MALFORMED;
	if (seq + 1 < n->first_event)
		return KITH_E_EXPIRED;
	kith_op_int(&op, (int64_t)seq);
	kith_op_int(&op, limit + 1);
	return kith__read(n, &op, events_result, call, limit);
}
