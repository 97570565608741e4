/* SPDX-License-Identifier: ISC */
/* Methods conversation.*, message.*, history.*. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "node/control/internal.h"

/* ---- finding the row of a message ---- */

static void row_found(struct kith_control *c, struct kith__call *call,
		      const struct kith_node_reply *r)
{
	if (r->status != KITH_OK) {
		kith__control_error_status(c, call, r->status);
		return;
	}
	call->a = r->message.id;
	call->then(c, call, NULL);
}

void kith__control_message_row(struct kith_control *c, struct kith__call *call,
			       const struct kith__value *v, kith__step_fn *then)
{
	call->then = then;
	if (v->is_mid) {
		kith__control_wait(c, call,
				   kith_node_message_by_mid(c->n, &v->mid, call->number, c->now),
				   row_found);
		return;
	}
	call->a = v->row;
	then(c, call, NULL);
}

/* ---- conversations ---- */

/* Adds the last message of the conversation at call->at, then goes on to the next. */
static void join_next(struct kith_control *c, struct kith__call *call);

static void joined(struct kith_control *c, struct kith__call *call, const struct kith_node_reply *r)
{
	if (r->status == KITH_OK)
		(void)json_object_set_new(json_array_get(call->list, call->at - 1), "last",
					  kith__control_message_object(c, &r->message));
	join_next(c, call);
}

static void join_next(struct kith_control *c, struct kith__call *call)
{
	while (call->at < json_array_size(call->list)) {
		json_t *item = json_array_get(call->list, call->at++);
		uint64_t last = (uint64_t)json_integer_value(json_object_get(item, "last"));

		(void)json_object_set_new(item, "last", json_null());
		if (last != 0 && kith_node_message(c->n, last, call->number, c->now) == KITH_OK) {
			call->step = joined;
			return;
		}
	}
	if (call->flag) { /* one object, not a list */
		kith__control_answer(c, call, json_incref(json_array_get(call->list, 0)));
		return;
	}
	(void)json_object_set(call->result, "items", call->list);
	kith__control_answer(c, call, json_incref(call->result));
}

/* The object with the row of its last message in "last", until joined. */
static json_t *unjoined(struct kith_control *c, const struct kith_node_conversation *v)
{
	json_t *item = kith__control_conversation_object(c, v);

	(void)json_object_set_new(item, "last", json_integer((json_int_t)v->last_message));
	return item;
}

void kith__control_m_conversation_get(struct kith_control *c, struct kith__call *call,
				      const struct kith__args *a)
{
	struct kith_node_conversation v;

	if (!kith__control_conversation(c, KITH__ARG(a, conversation_get, conversation)->row, &v)) {
		kith__control_error_status(c, call, KITH_E_NOTFOUND);
		return;
	}
	call->flag = true;
	call->list = json_array();
	(void)json_array_append_new(call->list, unjoined(c, &v));
	join_next(c, call);
}

static int newest_first(const void *a, const void *b)
{
	const struct kith_node_conversation *x = a, *y = b;

	if (x->last_message != y->last_message)
		return x->last_message < y->last_message ? 1 : -1;
	return x->id < y->id ? 1 : x->id > y->id ? -1 : 0;
}

void kith__control_m_conversation_list(struct kith_control *c, struct kith__call *call,
				       const struct kith__args *a)
{
	const struct kith__value *cursor = KITH__ARG(a, conversation_list, cursor);
	const struct kith__value *limit = KITH__ARG(a, conversation_list, limit);
	bool archived = KITH__ARG(a, conversation_list, archived)->number != 0;
	size_t max = limit->given ? (size_t)limit->number : 50;
	struct kith_node_conversation *all, v;
	size_t count = 0, at = 0;

	while (kith_node_conversation(c->n, count, &v))
		count++;
	all = kith_alloc_zero(c->alloc, count + 1, sizeof(*all));
	call->list = json_array();
	call->result = json_object();
	if (all == NULL || call->list == NULL || call->result == NULL) {
		kith_alloc_free(c->alloc, all);
		kith__control_error_status(c, call, KITH_E_NOMEM);
		return;
	}
	for (size_t i = 0; i < count; i++)
		(void)kith_node_conversation(c->n, i, &all[i]);
	qsort(all, count, sizeof(*all), newest_first);
	while (cursor->given && at < count && all[at].id != cursor->row)
		at++;
	at += cursor->given && at < count ? 1 : 0;
	(void)json_object_set_new(call->result, "next", json_null());
	for (v.id = 0; at < count; at++) {
		if (all[at].archived != archived)
			continue;
		if (json_array_size(call->list) == max) {
			(void)json_object_set_new(call->result, "next",
						  kith__control_handle(c, KITH__TABLE_CONVERSATION,
								       v.id));
			break;
		}
		v = all[at];
		(void)json_array_append_new(call->list, unjoined(c, &v));
	}
	kith_alloc_free(c->alloc, all);
	join_next(c, call);
}

static void read_done(struct kith_control *c, struct kith__call *call,
		      const struct kith_node_reply *r)
{
	struct kith_node_conversation v;

	if (r->status != KITH_OK || !kith__control_conversation(c, call->conversation, &v))
		kith__control_error_status(c, call,
					   r->status != KITH_OK ? r->status : KITH_E_NOTFOUND);
	else
		kith__control_answer(c, call, json_pack("{s:I}", "unread", (json_int_t)v.unread));
}

static void read_found(struct kith_control *c, struct kith__call *call,
		       const struct kith_node_reply *r)
{
	(void)r;
	kith__control_wait(c, call,
			   kith_node_read_up_to(c->n, call->conversation, call->a, call->number,
						c->now),
			   read_done);
}

void kith__control_m_conversation_read(struct kith_control *c, struct kith__call *call,
				       const struct kith__args *a)
{
	call->conversation = KITH__ARG(a, conversation_read, conversation)->row;
	kith__control_message_row(c, call, KITH__ARG(a, conversation_read, up_to), read_found);
}

/* ---- messages ---- */

static void sent(struct kith_control *c, struct kith__call *call, const struct kith_node_reply *r)
{
	uint64_t first, last;

	if (r->status == KITH_E_EXISTS) {
		kith__control_error(c, call, KITH__RPC_CONFLICT,
				    "The id stands for another message.", NULL);
	} else if (r->status != KITH_OK) {
		kith__control_error_status(c, call, r->status);
	} else {
		kith_node_event_range(c->n, &first, &last);
		kith__control_answer(c, call,
				     json_pack("{s:o,s:I,s:o}", "message",
					       kith__control_mid(&call->mid), "seq",
					       (json_int_t)last, "state",
					       kith__control_state_object(&r->message.state)));
	}
}

static void say(struct kith_control *c, struct kith__call *call, const struct kith_msgid *reply)
{
	int status =
		kith_node_say(c->n, call->conversation, &call->mid, json_string_value(call->text),
			      json_string_length(call->text), reply, call->number, c->now);

	if (status == KITH_E_STATE && !kith_node_locked(c->n))
		kith__control_error(c, call, KITH__RPC_NOT_ACCEPTED,
				    "This contact was refused, removed or blocked.", NULL);
	else if (status == KITH_E_EXISTS)
		kith__control_error(c, call, KITH__RPC_CONFLICT,
				    "The id stands for another message.", NULL);
	else
		kith__control_wait(c, call, status, sent);
}

static void reply_found(struct kith_control *c, struct kith__call *call,
			const struct kith_node_reply *r)
{
	struct kith_msgid mid;

	if (r->status != KITH_OK) {
		kith__control_error_status(c, call, r->status);
		return;
	}
	mid = r->message.mid;
	say(c, call, &mid);
}

void kith__control_m_message_send(struct kith_control *c, struct kith__call *call,
				  const struct kith__args *a)
{
	const struct kith__value *text = KITH__ARG(a, message_send, text);
	const struct kith__value *reply = KITH__ARG(a, message_send, reply_to);

	call->mid = KITH__ARG(a, message_send, id)->mid;
	call->conversation = KITH__ARG(a, message_send, conversation)->row;
	call->text = json_stringn(text->text, text->len);
	if (call->text == NULL)
		kith__control_error_status(c, call, KITH_E_NOMEM);
	else if (reply->given && !reply->is_mid)
		kith__control_wait(c, call,
				   kith_node_message(c->n, reply->row, call->number, c->now),
				   reply_found);
	else
		say(c, call, reply->given ? &reply->mid : NULL);
}

static void got(struct kith_control *c, struct kith__call *call, const struct kith_node_reply *r)
{
	if (r->status == KITH_OK)
		kith__control_answer(c, call, kith__control_message_object(c, &r->message));
	else
		kith__control_error_status(c, call, r->status);
}

void kith__control_m_message_get(struct kith_control *c, struct kith__call *call,
				 const struct kith__args *a)
{
	const struct kith__value *v = KITH__ARG(a, message_get, message);

	kith__control_wait(c, call,
			   v->is_mid ? kith_node_message_by_mid(c->n, &v->mid, call->number, c->now)
				     : kith_node_message(c->n, v->row, call->number, c->now),
			   got);
}

/* ---- waiting for a state: call->a the row, call->b the step asked for ---- */

void kith__control_message_news(struct kith_control *c, struct kith__call *call)
{
	struct kith_node_state s;
	bool reached, ended;

	if (kith_node_message_state(c->n, call->a, &s) != KITH_OK) {
		kith__control_error_status(c, call, KITH_E_NOTFOUND);
		return;
	}
	ended = s.step == KITH_STEP_CANCELLED;
	reached = !ended && (uint64_t)s.step >= call->b;
	if (!reached && !ended && c->now < call->deadline)
		return;
	kith__control_answer(c, call,
			     json_pack("{s:o,s:b}", "state", kith__control_state_object(&s),
				       "reached", reached));
}

static void wait_found(struct kith_control *c, struct kith__call *call,
		       const struct kith_node_reply *r)
{
	(void)r;
	call->waiting = true;
	kith__control_message_news(c, call);
}

void kith__control_m_message_wait(struct kith_control *c, struct kith__call *call,
				  const struct kith__args *a)
{
	int64_t timeout = KITH__ARG(a, message_wait, timeout_ms)->number;
	enum kith_step step;

	if (!kith__control_step_parse(KITH__ARG(a, message_wait, state)->text, &step)) {
		kith__control_error_param(c, call, "state",
					  "The state is queued, kept, delivered or read.");
		return;
	}
	call->b = (uint64_t)step;
	call->deadline = c->now + (kith_time)timeout * KITH_US_PER_MS;
	kith__control_message_row(c, call, KITH__ARG(a, message_wait, message), wait_found);
}

/* ---- history: call->at 0 newest, 1 before, 2 after, 3 around (older half), 4 (newer half) ---- */

enum page { PAGE_NEWEST, PAGE_BEFORE, PAGE_AFTER, PAGE_AROUND_OLDER, PAGE_AROUND_NEWER };

static void page_got(struct kith_control *c, struct kith__call *call,
		     const struct kith_node_reply *r);

static void page_ask(struct kith_control *c, struct kith__call *call,
		     const struct kith_node_reply *r)
{
	enum page p = (enum page)call->at;
	bool forward = p == PAGE_AFTER || p == PAGE_AROUND_NEWER;
	uint64_t before = p == PAGE_NEWEST || forward ? 0 : call->a;
	unsigned limit = (unsigned)call->b;

	(void)r;
	if (p == PAGE_AROUND_OLDER) {
		before = call->a + 1;
		limit = limit / 2 + 1;
	} else if (p == PAGE_AROUND_NEWER) {
		limit = limit > limit / 2 + 1 ? limit - limit / 2 - 1 : 1;
	}
	kith__control_wait(c, call,
			   kith_node_history(c->n, call->conversation, before,
					     forward ? call->a : 0, limit, call->number, c->now),
			   page_got);
}

static void page_got(struct kith_control *c, struct kith__call *call,
		     const struct kith_node_reply *r)
{
	enum page p = (enum page)call->at;
	bool forward = p == PAGE_AFTER || p == PAGE_AROUND_NEWER;
	struct kith_node_message m;

	if (r->status != KITH_OK) {
		kith__control_error_status(c, call, r->status);
		return;
	}
	while (kith_node_reply_message(c->n, &m))
		(void)json_array_append_new(call->list, kith__control_message_object(c, &m));
	if (forward)
		(void)json_object_set_new(call->result, "has_newer", json_boolean(r->more));
	else
		(void)json_object_set_new(call->result, "has_older", json_boolean(r->more));
	if (p == PAGE_AROUND_OLDER) {
		call->at = PAGE_AROUND_NEWER;
		page_ask(c, call, NULL);
		return;
	}
	(void)json_object_set(call->result, "messages", call->list);
	kith__control_answer(c, call, json_incref(call->result));
}

void kith__control_m_history_page(struct kith_control *c, struct kith__call *call,
				  const struct kith__args *a)
{
	const struct kith__value *at[] = {
		[PAGE_BEFORE] = KITH__ARG(a, history_page, before),
		[PAGE_AFTER] = KITH__ARG(a, history_page, after),
		[PAGE_AROUND_OLDER] = KITH__ARG(a, history_page, around),
	};
	const struct kith__value *limit = KITH__ARG(a, history_page, limit);
	size_t given = 0;

	for (size_t i = PAGE_BEFORE; i <= PAGE_AROUND_OLDER; i++)
		if (at[i]->given) {
			call->at = i;
			given++;
		}
	if (given > 1) {
		kith__control_error_param(c, call, "around",
					  "Only one of before, after and around.");
		return;
	}
	call->conversation = KITH__ARG(a, history_page, conversation)->row;
	call->b = limit->given ? (uint64_t)limit->number : 100;
	call->list = json_array();
	/* what the page begins at exists, so the other side of it has something unless it is empty
	 */
	call->result = json_pack("{s:b,s:b}", "has_older", call->at == PAGE_AFTER, "has_newer",
				 call->at == PAGE_BEFORE);
	if (call->list == NULL || call->result == NULL)
		kith__control_error_status(c, call, KITH_E_NOMEM);
	else if (given == 0)
		page_ask(c, call, NULL);
	else
		kith__control_message_row(c, call, at[call->at], page_ask);
}
