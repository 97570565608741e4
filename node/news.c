/* SPDX-License-Identifier: ISC */
/*
 * The durable event log as news: rows are told after the commit that holds them.
 *
 * Events of one batch, type and conversation are merged into rows of at most KITH_EVENT_SPAN
 * messages (store.md 4), so an acknowledgement of a thousand messages costs some rows, not a
 * thousand. While somebody watches, the batch that writes a row also reads the messages it names:
 * the owner has them when the commit is done, and need not ask the worker again.
 */
#include "node/events.h"

#include <string.h>

#include "node/msgs.h"

#define KITH_EVENT_SPAN 32u
#define KITH_NEWS_MAX   4096u /* undrained rows; older ones are read from the log */

struct kith_news_row {
	struct kith_node_row row;
	uint64_t batch;
	struct kith_reply_item *with; /* the messages, when they were read; NULL: ask for them */
};

struct kith_news {
	struct kith_news_row *pending; /* rows of the open batch, no seq yet */
	size_t pendings, pending_cap;
	struct kith_news_row ring[KITH_NEWS_MAX];
	size_t head, count;
	struct kith_reply_item *given; /* of the row told last */
};

static struct kith_news *news(struct kith_node *n)
{
	if (n->news == NULL)
		n->news = kith_alloc_zero(n->alloc, 1, sizeof(*n->news));
	KITH_ASSERT(n->news != NULL);
	return n->news;
}

static bool merge(struct kith_node_row *row, enum kith_event_type type, uint64_t conv,
		  uint64_t first)
{
	if (row->type != type || row->conversation != conv)
		return false;
	if (first >= row->first && first <= row->last)
		return true;
	if (first < row->first || first - row->first >= KITH_EVENT_SPAN)
		return false;
	row->last = first;
	return true;
}

void kith__event(struct kith_node *n, enum kith_event_type type, uint64_t conv, uint64_t first)
{
	struct kith_news *w = news(n);
	struct kith_news_row *row;
	void *pending = w->pending;
	size_t i;

	for (i = w->pendings; i > 0 && w->pendings - i < 16; i--)
		if (merge(&w->pending[i - 1].row, type, conv, first))
			return;
	KITH_ASSERT(kith_alloc_grow(n->alloc, &pending, &w->pending_cap, w->pendings + 1,
				    KITH_BATCH_OPS_HARD, sizeof(*row)) == KITH_OK);
	w->pending = pending;
	row = &w->pending[w->pendings++];
	memset(row, 0, sizeof(*row));
	row->row.type = type;
	row->row.conversation = conv;
	row->row.first = row->row.last = first;
	n->open_ops++; /* the row itself is put by kith__event_flush */
}

static struct kith_news_row *ring_at(struct kith_news *w, size_t i)
{
	return &w->ring[(w->head + i) % KITH_NEWS_MAX];
}

static void ring_drop(struct kith_node *n, struct kith_news *w)
{
	kith__reply_free(n, ring_at(w, 0)->with);
	w->head = (w->head + 1) % KITH_NEWS_MAX;
	w->count--;
}

static void ring_add(struct kith_node *n, struct kith_news *w, const struct kith_news_row *row)
{
	if (w->count == KITH_NEWS_MAX) /* an owner that drains nothing reads the log later */
		ring_drop(n, w);
	if (w->count == 0)
		w->head = 0; /* a drained ring touches its first pages only */
	w->count++;
	*ring_at(w, w->count - 1) = *row;
}

void kith_node_watch(struct kith_node *n, bool on)
{
	n->watched = on;
}

/* a: sequence number of the row. The ring holds rows in that order without a hole. */
static void messages_result(struct kith_node *n, uint64_t a, uint64_t b,
			    struct kith_store_result *r)
{
	struct kith_news *w = n->news;
	struct kith_node_message m;
	struct kith_news_row *row;

	(void)b;
	if (r->status != KITH_OK || w == NULL || w->count == 0 || a < ring_at(w, 0)->row.seq ||
	    a - ring_at(w, 0)->row.seq >= w->count)
		return;
	row = ring_at(w, a - ring_at(w, 0)->row.seq);
	KITH_ASSERT(row->row.seq == a && row->with == NULL);
	row->with = kith__reply_new(n, 0, KITH_REPLY_MESSAGES);
	while (kith_rows_next(&r->rows)) {
		kith__message_from_row(n, &r->rows, row->row.conversation, &m);
		kith__reply_add_message(n, row->with, &m);
	}
}

static void read_messages(struct kith_node *n, const struct kith_node_row *row)
{
	struct kith_op op = kith_op(KITH_OP_MESSAGE_RANGE);

	if (!n->watched ||
	    (row->type != KITH_EVENT_MESSAGE_NEW && row->type != KITH_EVENT_MESSAGE_STATE) ||
	    !kith__read_room(n))
		return;
	kith_op_int(&op, (int64_t)row->first);
	kith_op_int(&op, (int64_t)row->last);
	kith_op_int(&op, (int64_t)row->conversation);
	/* full or broken: the owner asks later */
	if (kith__read(n, &op, messages_result, row->seq, 0) != KITH_OK)
		return;
}

static void put_row(struct kith_node *n, const struct kith_node_row *row)
{
	struct kith_op op = kith_op(KITH_OP_EVENT_PUT);

	kith_op_int(&op, (int64_t)row->seq);
	kith_op_int(&op, (int64_t)row->at_ms);
	kith_op_int(&op, row->type);
	if (row->conversation != 0)
		kith_op_int(&op, (int64_t)row->conversation);
	else
		kith_op_null(&op);
	kith_op_int(&op, (int64_t)row->first);
	kith_op_int(&op, (int64_t)row->last);
	kith__put(n, &op);
}

void kith__event_flush(struct kith_node *n)
{
	struct kith_news *w = n->news;
	size_t i;

	if (w == NULL)
		return;
	for (i = 0; i < w->pendings; i++) {
		struct kith_news_row *row = &w->pending[i];

		row->row.seq = n->next_event++;
		row->row.at_ms = kith__wall_ms(n);
		row->batch = kith__open_batch(n);
		put_row(n, &row->row);
		ring_add(n, w, row);
		read_messages(n, &row->row);
	}
	w->pendings = 0;
}

bool kith_node_news(struct kith_node *n, struct kith_node_row *out)
{
	struct kith_news *w = n->news;

	if (w == NULL)
		return false;
	kith__reply_free(n, w->given);
	w->given = NULL;
	if (w->count == 0 || !kith__durable(n, ring_at(w, 0)->batch))
		return false;
	*out = ring_at(w, 0)->row;
	w->given = ring_at(w, 0)->with;
	ring_at(w, 0)->with = NULL;
	ring_drop(n, w);
	return true;
}

bool kith_node_news_with(const struct kith_node *n)
{
	return n->news != NULL && n->news->given != NULL;
}

bool kith_node_news_message(struct kith_node *n, struct kith_node_message *out)
{
	struct kith_reply_item *it = n->news != NULL ? n->news->given : NULL;

	if (it == NULL || it->message_at == it->messages)
		return false;
	*out = it->message[it->message_at++];
	return true;
}

void kith_node_event_range(const struct kith_node *n, uint64_t *first, uint64_t *last)
{
	struct kith_news *w = n->news;
	size_t i;

	*first = n->first_event;
	*last = n->next_event - 1;
	/* rows not yet durable do not exist for anybody */
	for (i = 0; w != NULL && i < w->count; i++)
		if (!kith__durable(n, ring_at(w, i)->batch)) {
			*last = ring_at(w, i)->row.seq - 1;
			break;
		}
}

void kith__news_free(struct kith_node *n)
{
	struct kith_news *w = n->news;

	if (w == NULL)
		return;
	while (w->count > 0)
		ring_drop(n, w);
	kith__reply_free(n, w->given);
	kith_alloc_free(n->alloc, w->pending);
	kith_alloc_free(n->alloc, w);
	n->news = NULL;
}
