/* SPDX-License-Identifier: ISC */
/* Method search.messages: a page of what has all words, newest first. */
#include "node/control/internal.h"

static void searched(struct kith_control *c, struct kith__call *call,
		     const struct kith_node_reply *r)
{
	struct kith_node_message m;
	json_t *last;

	if (r->status == KITH_E_MALFORMED) {
		kith__control_error_param(c, call, "query", "Give one to eight words.");
		return;
	}
	if (r->status != KITH_OK) {
		kith__control_error_status(c, call, r->status);
		return;
	}
	call->list = json_array();
	while (kith_node_reply_message(c->n, &m))
		(void)json_array_append_new(call->list, kith__control_message_object(c, &m));
	last = json_array_get(call->list, json_array_size(call->list) - 1);
	kith__control_answer(c, call,
			     json_pack("{s:O,s:O?}", "items", call->list, "next",
				       r->more ? json_object_get(last, "message") : NULL));
}

static void ask(struct kith_control *c, struct kith__call *call, const struct kith_node_reply *r)
{
	struct kith_node_query q = {.text = json_string_value(call->text),
				    .len = json_string_length(call->text),
				    .conversation = call->conversation,
				    .before = call->a,
				    .limit = (unsigned)call->b};

	(void)r;
	kith__control_wait(c, call, kith_node_search(c->n, &q, call->number, c->now), searched);
}

void kith__control_m_search_messages(struct kith_control *c, struct kith__call *call,
				     const struct kith__args *a)
{
	const struct kith__value *text = KITH__ARG(a, search_messages, query);
	const struct kith__value *cursor = KITH__ARG(a, search_messages, cursor);
	const struct kith__value *limit = KITH__ARG(a, search_messages, limit);

	call->conversation = KITH__ARG(a, search_messages, conversation)->row;
	call->b = limit->given ? (uint64_t)limit->number : 50;
	call->text = json_stringn(text->text, text->len);
	if (call->text == NULL)
		kith__control_error_status(c, call, KITH_E_NOMEM);
	else if (cursor->given)
		kith__control_message_row(c, call, cursor, ask);
	else
		ask(c, call, NULL);
}
