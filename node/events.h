/* SPDX-License-Identifier: ISC */
/* Replies under construction: shared by events.c, news.c and reads.c only. */
#ifndef KITH_NODE_EVENTS_H
#define KITH_NODE_EVENTS_H

#include "node/internal.h"

struct kith_reply_item {
	struct kith_reply_item *next;
	uint64_t batch;
	struct kith_node_reply reply;
	char *text;                        /* owned copy behind reply.text */
	struct kith_node_message *message; /* owned rows, texts owned as well */
	size_t messages, messages_cap, message_at;
	struct kith_node_row *row;
	size_t rows, rows_cap, row_at;
};

/* A new reply to `call`; asserts memory (nothing may be left unanswered). */
struct kith_reply_item *kith__reply_new(struct kith_node *n, uint32_t call,
					enum kith_reply_kind kind);
void kith__reply_free(struct kith_node *n, struct kith_reply_item *it); /* NULL is legal */
/* Adds one message row; the text is copied. */
void kith__reply_add_message(struct kith_node *n, struct kith_reply_item *it,
			     const struct kith_node_message *m);
void kith__reply_add_row(struct kith_node *n, struct kith_reply_item *it,
			 const struct kith_node_row *row);
/* Turns the messages round (a query for the newest gives them newest first). */
void kith__reply_reverse(struct kith_reply_item *it);
/* Hands the reply over: at once, or after the present batch. */
void kith__reply_ready(struct kith_node *n, struct kith_reply_item *it);
void kith__reply_wait(struct kith_node *n, struct kith_reply_item *it);
void kith__news_free(struct kith_node *n); /* news.c */

#endif
