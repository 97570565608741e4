/* SPDX-License-Identifier: ISC */
/*
 * Replies to calls. Each waits for the commit it rests on.
 */
#include "node/events.h"

#include <string.h>

struct kith_replies {
	struct kith_reply_item *waiting, *waiting_last, *ready, *ready_last, *given;
};

void kith__reply_free(struct kith_node *n, struct kith_reply_item *it)
{
	size_t i;

	if (it == NULL)
		return;
	for (i = 0; i < it->messages; i++) {
		void *text;

		memcpy(&text, &it->message[i].text, sizeof(text));
		kith_alloc_free(n->alloc, text);
	}
	kith_alloc_free(n->alloc, it->message);
	kith_alloc_free(n->alloc, it->row);
	kith_alloc_free(n->alloc, it->text);
	kith_alloc_free(n->alloc, it);
}

static void list_append(struct kith_reply_item **first, struct kith_reply_item **last,
			struct kith_reply_item *it)
{
	it->next = NULL;
	if (*first == NULL)
		*first = it;
	else
		(*last)->next = it;
	*last = it;
}

static struct kith_replies *replies(struct kith_node *n)
{
	if (n->replies == NULL)
		n->replies = kith_alloc_zero(n->alloc, 1, sizeof(*n->replies));
	KITH_ASSERT(n->replies != NULL);
	return n->replies;
}

struct kith_reply_item *kith__reply_new(struct kith_node *n, uint32_t call,
					enum kith_reply_kind kind)
{
	struct kith_reply_item *it = kith_alloc_zero(n->alloc, 1, sizeof(*it));

	KITH_ASSERT(it != NULL);
	it->reply.call = call;
	it->reply.kind = kind;
	return it;
}

static const char *copy_text(struct kith_node *n, const char *text, size_t len)
{
	char *copy = kith_alloc_copy(n->alloc, text, len);

	KITH_ASSERT(copy != NULL);
	return copy;
}

void kith__reply_add_message(struct kith_node *n, struct kith_reply_item *it,
			     const struct kith_node_message *m)
{
	void *rows = it->message;

	KITH_ASSERT(kith_alloc_grow(n->alloc, &rows, &it->messages_cap, it->messages + 1, 1024,
				    sizeof(*m)) == KITH_OK);
	it->message = rows;
	it->message[it->messages] = *m;
	it->message[it->messages].text = copy_text(n, m->text, m->text_len);
	it->messages++;
}

void kith__reply_add_row(struct kith_node *n, struct kith_reply_item *it,
			 const struct kith_node_row *row)
{
	void *rows = it->row;

	KITH_ASSERT(kith_alloc_grow(n->alloc, &rows, &it->rows_cap, it->rows + 1, 1024,
				    sizeof(*row)) == KITH_OK);
	it->row = rows;
	it->row[it->rows++] = *row;
}

void kith__reply_reverse(struct kith_reply_item *it)
{
	size_t i;

	for (i = 0; i < it->messages / 2; i++) {
		struct kith_node_message m = it->message[i];

		it->message[i] = it->message[it->messages - 1 - i];
		it->message[it->messages - 1 - i] = m;
	}
}

void kith__reply_ready(struct kith_node *n, struct kith_reply_item *it)
{
	struct kith_replies *r = replies(n);

	list_append(&r->ready, &r->ready_last, it);
}

void kith__reply_wait(struct kith_node *n, struct kith_reply_item *it)
{
	struct kith_replies *r = replies(n);

	it->batch = kith__open_batch(n);
	if (n->open_ops == 0 && n->dirties == 0)
		it->batch--;
	if (r->waiting == NULL && kith__durable(n, it->batch))
		list_append(&r->ready, &r->ready_last, it);
	else
		list_append(&r->waiting, &r->waiting_last, it);
}

void kith__reply_done(struct kith_node *n, uint32_t call, uint64_t id, uint64_t id2)
{
	struct kith_reply_item *it;

	if (call == 0)
		return;
	it = kith__reply_new(n, call, KITH_REPLY_DONE);
	it->reply.id = id;
	it->reply.id2 = id2;
	kith__reply_wait(n, it);
}

void kith__reply_text(struct kith_node *n, uint32_t call, uint64_t id, const char *text)
{
	struct kith_reply_item *it;

	if (call == 0)
		return;
	it = kith__reply_new(n, call, KITH_REPLY_TEXT);
	it->reply.id = id;
	it->text = kith_alloc_copy(n->alloc, text, strlen(text));
	KITH_ASSERT(it->text != NULL);
	kith__reply_wait(n, it);
}

void kith__reply_message(struct kith_node *n, uint32_t call, const struct kith_node_message *m)
{
	struct kith_reply_item *it;

	if (call == 0)
		return;
	it = kith__reply_new(n, call, KITH_REPLY_MESSAGE);
	it->reply.id = m->id;
	kith__reply_add_message(n, it, m);
	kith__reply_wait(n, it);
}

void kith__reply_fail(struct kith_node *n, uint32_t call, int status)
{
	struct kith_reply_item *it;

	if (call == 0)
		return;
	it = kith__reply_new(n, call, KITH_REPLY_DONE);
	it->reply.status = status;
	kith__reply_ready(n, it);
}

bool kith_node_reply(struct kith_node *n, struct kith_node_reply *out)
{
	struct kith_replies *r = replies(n);
	struct kith_reply_item *it = r->ready;

	kith__reply_free(n, r->given);
	r->given = it;
	if (it == NULL)
		return false;
	r->ready = it->next;
	it->reply.text = it->text;
	if (it->reply.kind == KITH_REPLY_MESSAGE && it->messages > 0) {
		it->reply.message = it->message[0];
	}
	*out = it->reply;
	return true;
}

bool kith_node_reply_message(struct kith_node *n, struct kith_node_message *out)
{
	struct kith_reply_item *it = replies(n)->given;

	if (it == NULL || it->message_at == it->messages)
		return false;
	*out = it->message[it->message_at++];
	return true;
}

bool kith_node_reply_row(struct kith_node *n, struct kith_node_row *out)
{
	struct kith_reply_item *it = replies(n)->given;

	if (it == NULL || it->row_at == it->rows)
		return false;
	*out = it->row[it->row_at++];
	return true;
}

void kith__replies_open(struct kith_node *n)
{
	struct kith_replies *r = n->replies;

	while (r != NULL && r->waiting != NULL && kith__durable(n, r->waiting->batch)) {
		struct kith_reply_item *it = r->waiting;

		r->waiting = it->next;
		list_append(&r->ready, &r->ready_last, it);
	}
}

void kith__events_free(struct kith_node *n)
{
	struct kith_replies *r = n->replies;

	if (r != NULL) {
		while (r->waiting != NULL) {
			struct kith_reply_item *it = r->waiting;

			r->waiting = it->next;
			kith__reply_free(n, it);
		}
		while (r->ready != NULL) {
			struct kith_reply_item *it = r->ready;

			r->ready = it->next;
			kith__reply_free(n, it);
		}
		kith__reply_free(n, r->given);
		kith_alloc_free(n->alloc, r);
		n->replies = NULL;
	}
	kith__news_free(n);
}
