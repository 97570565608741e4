/* SPDX-License-Identifier: ISC */
/* The log as seen by callers: since, long poll, subscriptions as cursors, gaps. */
#include <stdio.h>
#include <string.h>

#include "tests/test.h"
#include "tests/unit/node_control/desk.h"

static void turn(struct desk *d)
{
	for (int i = 0; i < 100; i++)
		kith_control_turn(d->c, d->now);
}

TEST(since_gives_objects_and_where_to_go_on)
{
	struct desk d;
	json_t *answer;
	const json_t *r, *item;

	desk_open(&d);
	fake_event(d.n, KITH_EVENT_MESSAGE_NEW, 1, 3);
	fake_event(d.n, KITH_EVENT_CONTACT_NEW, 1, 1);
	fake_event(d.n, KITH_EVENT_MESSAGE_NEW, 9, 10); /* deleted since */
	answer = desk_call(&d, "events.since", "{\"seq\":0}");
	r = json_object_get(answer, "result");
	CHECK_EQ(json_integer_value(json_object_get(r, "last")), 3);
	item = json_array_get(json_object_get(r, "items"), 0);
	CHECK_EQ(json_array_size(json_object_get(item, "messages")), 3);
	item = json_array_get(json_object_get(r, "items"), 1);
	CHECK_EQ(json_array_size(json_object_get(item, "contacts")), 1);
	item = json_array_get(json_object_get(r, "items"), 2);
	CHECK_EQ(json_integer_value(json_object_get(item, "gone")), 2);
	json_decref(answer);
	answer = desk_call(&d, "events.since", "{\"seq\":0,\"limit\":2,\"types\":[\"x.y\"]}");
	r = json_object_get(answer, "result");
	CHECK_EQ(json_array_size(json_object_get(r, "items")), 0);
	CHECK_EQ(json_integer_value(json_object_get(r, "last")), 2);
	json_decref(answer);
	d.n->first_event = 3;
	answer = desk_call(&d, "events.since", "{\"seq\":1}");
	r = json_object_get(json_object_get(answer, "error"), "data");
	CHECK_EQ(json_integer_value(json_object_get(r, "first")), 3);
	CHECK_EQ(desk_code(answer), -32007);
	desk_close(&d);
}

TEST(a_long_poll_ends_with_news_or_time)
{
	struct desk d;
	json_t *answer;

	desk_open(&d);
	CHECK(desk_call(&d, "events.since", "{\"seq\":0,\"wait_ms\":1000}") == NULL);
	fake_event(d.n, KITH_EVENT_MESSAGE_NEW, 1, 1);
	turn(&d);
	answer = desk_take(&d);
	CHECK_EQ(json_array_size(json_object_get(json_object_get(answer, "result"), "items")), 1);
	json_decref(answer);
	CHECK(desk_call(&d, "events.since", "{\"seq\":1,\"wait_ms\":1000}") == NULL);
	d.now += 1000000;
	turn(&d);
	answer = desk_take(&d);
	CHECK_EQ(json_array_size(json_object_get(json_object_get(answer, "result"), "items")), 0);
	json_decref(answer);
	desk_close(&d);
}

/* The sequence number of the next notification; 0: none. */
static json_int_t next_seq(struct desk *d)
{
	json_t *line = desk_take(d);
	json_int_t seq =
		json_integer_value(json_object_get(json_object_get(line, "params"), "seq"));

	CHECK(line == NULL ||
	      strcmp(json_string_value(json_object_get(line, "method")), "event") == 0);
	json_decref(line);
	return seq;
}

TEST(a_subscription_gives_each_event_once_and_in_order)
{
	struct desk d;

	desk_open(&d);
	for (int i = 0; i < 150; i++)
		fake_event(d.n, KITH_EVENT_MESSAGE_NEW, 1, 1);
	CHECK_EQ(desk_code(desk_call(&d, "events.subscribe", "{\"since\":10}")), 0);
	turn(&d);
	for (json_int_t seq = 11; seq <= 150; seq++) {
		if (seq == 100)
			turn(&d);
		CHECK_EQ(next_seq(&d), seq);
	}
	turn(&d);
	CHECK_EQ(next_seq(&d), 0);
	fake_event(d.n, KITH_EVENT_REQUEST_NEW, 7, 7);
	turn(&d);
	CHECK_EQ(next_seq(&d), 151);
	CHECK_EQ(desk_code(desk_call(&d, "events.unsubscribe", "{\"subscription\":1}")), 0);
	fake_event(d.n, KITH_EVENT_REQUEST_NEW, 7, 7);
	turn(&d);
	CHECK_EQ(next_seq(&d), 0);
	desk_close(&d);
}

TEST(at_the_end_of_the_log_news_come_without_reading_it)
{
	struct desk d;
	json_t *line, *messages;

	desk_open(&d);
	CHECK_EQ(desk_code(desk_call(&d, "events.subscribe", "{}")), 0);
	turn(&d);
	CHECK(d.n->watched);
	fake_event(d.n, KITH_EVENT_MESSAGE_NEW, 1, 2);
	fake_event(d.n, KITH_EVENT_MESSAGE_STATE, 1, 2); /* 1 is an own one */
	fake_event(d.n, KITH_EVENT_CONTACT_NEW, 1, 1);
	turn(&d);
	for (unsigned n = 2; n > 0; n--) {
		line = desk_take(&d);
		messages = json_object_get(json_object_get(line, "params"), "messages");
		CHECK_EQ(json_array_size(messages), n);
		json_decref(line);
	}
	CHECK_EQ(next_seq(&d), 3);
	CHECK_EQ(d.n->log_reads, 0);
	/* without them at hand the cursor reads, and what follows does not overtake */
	d.n->bare = true;
	fake_event(d.n, KITH_EVENT_MESSAGE_NEW, 1, 2);
	fake_event(d.n, KITH_EVENT_CONTACT_NEW, 1, 1);
	turn(&d);
	CHECK_EQ(next_seq(&d), 4);
	CHECK_EQ(next_seq(&d), 5);
	CHECK_EQ(next_seq(&d), 0);
	CHECK_EQ(d.n->log_reads, 1);
	CHECK_EQ(desk_code(desk_call(&d, "events.unsubscribe", "{\"subscription\":1}")), 0);
	turn(&d);
	CHECK(!d.n->watched);
	desk_close(&d);
}

TEST(a_slow_reader_pauses_its_cursor_only)
{
	struct desk d;

	desk_open(&d);
	CHECK_EQ(desk_code(desk_call(&d, "events.subscribe", "{}")), 0);
	kith_control_backlog(d.c, d.caller, 262144);
	fake_event(d.n, KITH_EVENT_MESSAGE_NEW, 1, 1);
	turn(&d);
	CHECK_EQ(next_seq(&d), 0);
	kith_control_backlog(d.c, d.caller, 0);
	turn(&d);
	CHECK_EQ(next_seq(&d), 1);
	desk_close(&d);
}

TEST(filters_and_status)
{
	struct desk d;
	json_t *line;

	desk_open(&d);
	CHECK_EQ(desk_code(desk_call(&d, "events.subscribe",
				     "{\"types\":[\"request.new\",\"node.status\"]}")),
		 0);
	fake_event(d.n, KITH_EVENT_MESSAGE_NEW, 1, 1);
	fake_event(d.n, KITH_EVENT_REQUEST_NEW, 7, 7);
	d.n->live = true;
	turn(&d);
	line = desk_take(&d);
	CHECK(json_is_null(json_object_get(json_object_get(line, "params"), "seq")));
	json_decref(line);
	CHECK_EQ(next_seq(&d), 2);
	CHECK_EQ(next_seq(&d), 0);
	d.n->live = true; /* at most one a second */
	turn(&d);
	CHECK(desk_take(&d) == NULL);
	desk_close(&d);
}

TEST(eight_subscriptions_a_connection)
{
	struct desk d;

	desk_open(&d);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(desk_code(desk_call(&d, "events.subscribe", "{}")), 0);
	CHECK_EQ(desk_code(desk_call(&d, "events.subscribe", "{}")), -32005);
	desk_close(&d);
}

TEST(a_cut_log_is_told)
{
	struct desk d;
	json_t *line;

	desk_open(&d);
	for (int i = 0; i < 10; i++)
		fake_event(d.n, KITH_EVENT_MESSAGE_NEW, 1, 1);
	d.n->news_at = 10;
	CHECK_EQ(desk_code(desk_call(&d, "events.subscribe", "{\"since\":3}")), 0);
	for (json_int_t seq = 4; seq <= 10; seq++)
		CHECK_EQ(next_seq(&d), seq);
	kith_control_backlog(d.c, d.caller, 262144);
	for (int i = 0; i < 10; i++)
		fake_event(d.n, KITH_EVENT_MESSAGE_NEW, 1, 1);
	turn(&d); /* it is paused, and misses them */
	d.n->first_event = 15;
	kith_control_backlog(d.c, d.caller, 0);
	turn(&d);
	line = desk_take(&d);
	CHECK_STR(json_string_value(json_object_get(json_object_get(line, "params"), "type")),
		  "events.pruned");
	json_decref(line);
	for (json_int_t seq = 15; seq <= 20; seq++)
		CHECK_EQ(next_seq(&d), seq);
	CHECK_EQ(desk_code(desk_call(&d, "events.subscribe", "{\"since\":3}")), -32007);
	desk_close(&d);
}
