/* SPDX-License-Identifier: ISC */
/*
 * Methods events.*. The log holds rows without content; objects are joined when read. A
 * subscription is a cursor on the log: it has at most one reading call of its own, and reads on
 * only while its caller takes what it gets (client.md 2.4). One that is at the end of the log gets
 * the next row as it comes, with the messages that the node read along.
 */
#include <string.h>

#include "node/control/internal.h"

#define CURSOR_ROWS  64u
#define CURSOR_PAUSE 262144u
#define STATUS_US    ((kith_time)KITH_US_PER_S) /* node.status at most once a second */

static const struct {
	enum kith_event_type type;
	const char *name;
} names[] = {
	{KITH_EVENT_MESSAGE_NEW, "message.new"},
	{KITH_EVENT_MESSAGE_STATE, "message.state"},
	{KITH_EVENT_REQUEST_NEW, "request.new"},
	{KITH_EVENT_REQUEST_STATE, "request.state"},
	{KITH_EVENT_CONTACT_NEW, "contact.new"},
	{KITH_EVENT_CONTACT_CHANGED, "contact.changed"},
	{KITH_EVENT_CONVERSATION_CHANGED, "conversation.changed"},
	{KITH_EVENT_MAILBOX_CHANGED, "mailbox.changed"},
	{KITH_EVENT_STATUS, "node.status"},
};
#define NAMES (sizeof(names) / sizeof(names[0]))

static size_t index_of(enum kith_event_type type)
{
	size_t i = 0;

	while (i < NAMES && names[i].type != type)
		i++;
	return i;
}

/* Bits of the types asked for; unknown names are future types and match nothing. */
static uint32_t types_of(const struct kith__value *v)
{
	uint32_t bits = 0;

	if (!v->given)
		return UINT32_MAX;
	for (size_t k = 0; k < json_array_size(v->texts); k++)
		for (size_t i = 0; i < NAMES; i++)
			if (strcmp(json_string_value(json_array_get(v->texts, k)), names[i].name) ==
			    0)
				bits |= 1u << i;
	return bits;
}

static bool wanted(const struct kith_node_row *row, uint32_t types, uint64_t conversation)
{
	size_t i = index_of(row->type);

	return i < NAMES && (types >> i & 1u) != 0 &&
	       (conversation == 0 || row->conversation == conversation);
}

/* ---- one row as an object ---- */

static json_t *contacts_of(struct kith_control *c, const struct kith_node_row *row)
{
	json_t *list = json_array();
	struct kith_node_contact k;

	for (uint64_t id = row->first; id <= row->last && id - row->first < 64; id++)
		if (kith_node_contact_by_id(c->n, id, &k) == KITH_OK)
			(void)json_array_append_new(list, kith__control_contact_object(c, &k));
	return list;
}

static json_t *requests_of(struct kith_control *c, const struct kith_node_row *row)
{
	json_t *list = json_array();
	struct kith_node_request r;

	for (size_t i = 0; kith_node_request(c->n, i, &r); i++)
		if (r.id >= row->first && r.id <= row->last)
			(void)json_array_append_new(list, kith__control_request_object(c, &r));
	return list;
}

static json_t *row_object(struct kith_control *c, const struct kith_node_row *row)
{
	json_t *o = json_pack("{s:o,s:s,s:o}", "seq",
			      row->seq != 0 ? json_integer((json_int_t)row->seq) : json_null(),
			      "type", names[index_of(row->type)].name, "time",
			      kith__control_time_or_null(row->at_ms));

	if (row->conversation != 0)
		(void)json_object_set_new(o, "conversation",
					  kith__control_handle(c, KITH__TABLE_CONVERSATION,
							       row->conversation));
	switch (row->type) {
	case KITH_EVENT_CONTACT_NEW:
	case KITH_EVENT_CONTACT_CHANGED:
		(void)json_object_set_new(o, "contacts", contacts_of(c, row));
		break;
	case KITH_EVENT_REQUEST_NEW:
	case KITH_EVENT_REQUEST_STATE:
		(void)json_object_set_new(o, "requests", requests_of(c, row));
		break;
	case KITH_EVENT_STATUS:
		(void)json_object_set_new(o, "status", kith__control_status_object(c, false));
		break;
	case KITH_EVENT_MESSAGE_NEW:
	case KITH_EVENT_MESSAGE_STATE:
	case KITH_EVENT_CONVERSATION_CHANGED:
	case KITH_EVENT_MAILBOX_CHANGED: break;
	}
	return o;
}

static bool has_messages(const struct kith_node_row *row)
{
	return row->type == KITH_EVENT_MESSAGE_NEW || row->type == KITH_EVENT_MESSAGE_STATE;
}

/* ---- reading rows and joining their messages; ends in call->then ---- */

static void join_next(struct kith_control *c, struct kith__call *call);

/* The messages of a row as `next` gives them; a row whose messages are gone says so. */
static void join(struct kith_control *c, const struct kith_node_row *row, json_t *o,
		 bool (*next)(struct kith_node *n, struct kith_node_message *out))
{
	json_t *messages = json_array();
	struct kith_node_message m;

	while (next(c->n, &m))
		if (row->type == KITH_EVENT_MESSAGE_NEW || m.author == 0)
			(void)json_array_append_new(messages, kith__control_message_object(c, &m));
	if (json_array_size(messages) == 0)
		(void)json_object_set_new(o, "gone",
					  json_integer((json_int_t)(row->last - row->first + 1)));
	(void)json_object_set_new(o, "messages", messages);
}

static bool no_message(struct kith_node *n, struct kith_node_message *out)
{
	(void)n;
	(void)out;
	return false;
}

static void joined(struct kith_control *c, struct kith__call *call, const struct kith_node_reply *r)
{
	join(c, &call->row[call->at - 1],
	     json_array_get(call->list, json_array_size(call->list) - 1),
	     r->status == KITH_OK ? kith_node_reply_message : no_message);
	join_next(c, call);
}

static void join_next(struct kith_control *c, struct kith__call *call)
{
	while (call->at < call->rows) {
		const struct kith_node_row *row = &call->row[call->at++];

		if (!wanted(row, call->types, call->conversation))
			continue;
		(void)json_array_append_new(call->list, row_object(c, row));
		if (has_messages(row) &&
		    kith_node_messages(c->n, row->conversation, row->first, row->last, call->number,
				       c->now) == KITH_OK) {
			call->step = joined;
			return;
		}
	}
	call->then(c, call, NULL);
}

/* Takes the rows of a reply; call->a becomes the last sequence number covered. */
static void rows_got(struct kith_control *c, struct kith__call *call,
		     const struct kith_node_reply *r)
{
	struct kith_node_row row;
	void *list;
	size_t cap = 0;

	if (r->status != KITH_OK) {
		kith__control_error_status(c, call, r->status);
		return;
	}
	kith_alloc_free(c->alloc, call->row);
	call->row = NULL;
	call->rows = call->at = 0;
	while (kith_node_reply_row(c->n, &row)) {
		list = call->row;
		if (kith_alloc_grow(c->alloc, &list, &cap, call->rows + 1, 1024, sizeof(row)) !=
		    KITH_OK)
			break; /* the rest is read the next time */
		call->row = list;
		call->row[call->rows++] = row;
		call->a = row.seq;
	}
	join_next(c, call);
}

static void pruned(struct kith_control *c, struct kith__call *call)
{
	uint64_t first, last;

	kith_node_event_range(c->n, &first, &last);
	kith__control_error(c, call, KITH__RPC_PRUNED, "Older events are gone.",
			    json_pack("{s:I,s:I}", "first", (json_int_t)first, "last",
				      (json_int_t)last));
}

/* ---- range and since ---- */

void kith__control_m_events_range(struct kith_control *c, struct kith__call *call,
				  const struct kith__args *a)
{
	uint64_t first, last;

	(void)a;
	kith_node_event_range(c->n, &first, &last);
	kith__control_answer(c, call,
			     json_pack("{s:I,s:I}", "first", (json_int_t)first, "last",
				       (json_int_t)last));
}

static void since_done(struct kith_control *c, struct kith__call *call,
		       const struct kith_node_reply *r)
{
	(void)r;
	if (json_array_size(call->list) == 0 && c->now < call->deadline &&
	    call->deadline != KITH_NEVER) {
		call->waiting = true;
		return;
	}
	kith__control_answer(c, call,
			     json_pack("{s:O,s:I}", "items", call->list, "last",
				       (json_int_t)call->a));
}

static void since_ask(struct kith_control *c, struct kith__call *call)
{
	int status = kith_node_events_since(c->n, call->a, (unsigned)call->b, call->number, c->now);

	if (status == KITH_E_EXPIRED)
		pruned(c, call);
	else
		kith__control_wait(c, call, status, rows_got);
}

void kith__control_events_news(struct kith_control *c, struct kith__call *call)
{
	call->waiting = false;
	if (c->now >= call->deadline)
		since_done(c, call, NULL);
	else
		since_ask(c, call);
}

void kith__control_m_events_since(struct kith_control *c, struct kith__call *call,
				  const struct kith__args *a)
{
	const struct kith__value *limit = KITH__ARG(a, events_since, limit);
	const struct kith__value *wait = KITH__ARG(a, events_since, wait_ms);

	call->a = (uint64_t)KITH__ARG(a, events_since, seq)->number;
	call->b = limit->given ? (uint64_t)limit->number : 200;
	call->types = types_of(KITH__ARG(a, events_since, types));
	call->conversation = KITH__ARG(a, events_since, conversation)->row;
	call->then = since_done;
	if (wait->number > 0)
		call->deadline = c->now + (kith_time)wait->number * KITH_US_PER_MS;
	call->list = json_array();
	since_ask(c, call);
}

/* ---- subscriptions ---- */

static void notify(struct kith_control *c, uint32_t caller, uint64_t subscription, json_t *event)
{
	(void)json_object_set_new(event, "subscription", json_integer((json_int_t)subscription));
	kith__control_line(c, caller,
			   json_pack("{s:s,s:s,s:O}", "jsonrpc", "2.0", "method", "event", "params",
				     event));
}

static void cursor_done(struct kith_control *c, struct kith__call *call,
			const struct kith_node_reply *r)
{
	struct kith__subscription *s = call->sub;

	(void)r;
	if (s != NULL && s->number == call->sub_number) {
		for (size_t i = 0; i < json_array_size(call->list); i++)
			notify(c, call->caller, s->number, json_array_get(call->list, i));
		s->seq = call->a;
	}
	kith__control_call_free(c, call);
}

/* The log was cut behind a cursor: it is told, and goes on where the log begins. */
static void cursor_gap(struct kith_control *c, uint32_t caller, struct kith__subscription *s)
{
	uint64_t first, last;
	json_t *event;

	kith_node_event_range(c->n, &first, &last);
	event = json_pack("{s:n,s:s,s:I,s:I}", "seq", "type", "events.pruned", "first",
			  (json_int_t)first, "last", (json_int_t)last);
	notify(c, caller, s->number, event);
	json_decref(event);
	s->seq = first - 1;
}

static void cursor_move(struct kith_control *c, struct kith__caller *who,
			struct kith__subscription *s)
{
	struct kith__call *call = kith__control_call_new(c, who->number);
	int status;

	if (call == NULL)
		return;
	call->sub = s;
	call->sub_number = s->number;
	s->busy = true;
	call->a = s->seq;
	call->types = s->types;
	call->conversation = s->conversation;
	call->then = cursor_done;
	call->list = json_array();
	status = kith_node_events_since(c->n, s->seq, CURSOR_ROWS, call->number, c->now);
	if (status == KITH_OK) {
		call->step = rows_got;
		return;
	}
	kith__control_call_free(c, call);
	if (status == KITH_E_EXPIRED)
		cursor_gap(c, who->number, s);
}

/* True when the next row of this subscription can be given to it at once. */
static bool follows(const struct kith__caller *who, const struct kith__subscription *s,
		    uint64_t seq)
{
	return s->number != 0 && !s->busy && s->seq + 1 == seq &&
	       who->backlog + who->out < CURSOR_PAUSE;
}

void kith__control_events_row(struct kith_control *c, const struct kith_node_row *row)
{
	json_t *event = NULL;

	for (size_t i = 0; i < KITH_CONTROL_CALLERS_MAX; i++) {
		struct kith__caller *who = &c->caller[i];

		for (size_t k = 0; who->number != 0 && k < KITH__SUBSCRIPTIONS_MAX; k++) {
			struct kith__subscription *s = &who->sub[k];
			bool want = wanted(row, s->types, s->conversation);

			if (!follows(who, s, row->seq) ||
			    (want && has_messages(row) && !kith_node_news_with(c->n)))
				continue; /* it reads the log */
			s->seq = row->seq;
			if (!want)
				continue;
			if (event == NULL) {
				event = row_object(c, row);
				if (has_messages(row))
					join(c, row, event, kith_node_news_message);
			}
			notify(c, who->number, s->number, event);
		}
	}
	json_decref(event);
}

void kith__control_events_turn(struct kith_control *c)
{
	uint64_t first, last;
	bool any = false;

	kith_node_event_range(c->n, &first, &last);
	for (size_t i = 0; i < KITH_CONTROL_CALLERS_MAX; i++) {
		struct kith__caller *who = &c->caller[i];

		for (size_t k = 0; who->number != 0 && k < KITH__SUBSCRIPTIONS_MAX; k++) {
			struct kith__subscription *s = &who->sub[k];

			any |= s->number != 0;
			if (s->number != 0 && !s->busy && s->seq < last &&
			    who->backlog + who->out < CURSOR_PAUSE)
				cursor_move(c, who, s);
		}
	}
	kith_node_watch(c->n, any);
}

void kith__control_events_live(struct kith_control *c, const struct kith_node_row *row)
{
	json_t *event;

	if (index_of(row->type) == NAMES || c->now - c->status_at < STATUS_US)
		return;
	c->status_at = c->now;
	event = row_object(c, row);
	for (size_t i = 0; i < KITH_CONTROL_CALLERS_MAX; i++) {
		struct kith__caller *who = &c->caller[i];

		if (who->number == 0 || who->backlog + who->out >= CURSOR_PAUSE)
			continue;
		for (size_t k = 0; k < KITH__SUBSCRIPTIONS_MAX; k++)
			if (who->sub[k].number != 0 &&
			    wanted(row, who->sub[k].types, who->sub[k].conversation))
				notify(c, who->number, who->sub[k].number, event);
	}
	json_decref(event);
}

void kith__control_m_events_subscribe(struct kith_control *c, struct kith__call *call,
				      const struct kith__args *a)
{
	const struct kith__value *since = KITH__ARG(a, events_subscribe, since);
	struct kith__caller *who = kith__control_caller(c, call->caller);
	struct kith__subscription *s = NULL;
	uint64_t first, last;

	kith_node_event_range(c->n, &first, &last);
	for (size_t k = 0; who != NULL && k < KITH__SUBSCRIPTIONS_MAX && s == NULL; k++)
		if (who->sub[k].number == 0 && !who->sub[k].busy)
			s = &who->sub[k];
	if (s == NULL) {
		kith__control_error(c, call, KITH__RPC_LIMIT,
				    "This connection has 8 subscriptions.",
				    json_pack("{s:n}", "retry_after_ms"));
	} else if (since->given && (uint64_t)since->number + 1 < first) {
		pruned(c, call);
	} else {
		s->number = ++c->next_subscription;
		s->seq = since->given ? (uint64_t)since->number : last;
		s->types = types_of(KITH__ARG(a, events_subscribe, types));
		s->conversation = KITH__ARG(a, events_subscribe, conversation)->row;
		kith__control_answer(c, call,
				     json_pack("{s:I,s:I}", "subscription", (json_int_t)s->number,
					       "last", (json_int_t)last));
	}
}

void kith__control_m_events_unsubscribe(struct kith_control *c, struct kith__call *call,
					const struct kith__args *a)
{
	uint64_t number = (uint64_t)KITH__ARG(a, events_unsubscribe, subscription)->number;
	struct kith__caller *who = kith__control_caller(c, call->caller);

	for (size_t k = 0; who != NULL && k < KITH__SUBSCRIPTIONS_MAX; k++)
		if (who->sub[k].number == number) {
			who->sub[k].number = 0;
			kith__control_answer(c, call, json_null());
			return;
		}
	kith__control_error_status(c, call, KITH_E_NOTFOUND);
}
