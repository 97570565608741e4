/* SPDX-License-Identifier: ISC */
/* Two whole nodes that are contacts: messages both ways over a contact link. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/node/pair.h"

static struct pair *made;

static struct pair *start(unsigned nodes)
{
	made = calloc(1, sizeof(*made));
	CHECK(made != NULL);
	pair_init(made, nodes);
	pair_befriend(made);
	return made;
}

static void end(struct pair *p)
{
	pair_free(p);
	free(p);
}

TEST(pair_talks_both_ways)
{
	struct pair *p = start(2);
	struct kith_node_message m;
	uint64_t b;
	uint64_t a;

	b = pair_say(p, 1, 1, "hi alice", 8); /* B speaks first: A cannot seal before */
	a = pair_say(p, 0, 1, "hi bob", 6);
	CHECK_EQ(pair_step(p, 0, a), KITH_STEP_QUEUED);
	CHECK_EQ(pair_step(p, 1, b), KITH_STEP_QUEUED);
	pair_connect(p, 0);
	CHECK_EQ(pair_step(p, 1, b), KITH_STEP_DELIVERED);
	CHECK_EQ(pair_step(p, 0, a), KITH_STEP_DELIVERED);
	CHECK_EQ(pair_count(p, 0, false, &m), 1);
	CHECK_EQ(m.text_len, 8);
	CHECK_MEM(m.text, "hi alice", 8);
	CHECK_EQ(pair_contact(p, 0)->unread, 1);
	CHECK_EQ(pair_contact(p, 0)->outs, 0);
	CHECK(pair_contact(p, 0)->ratchet->chain_acked);
	a = pair_say(p, 0, 2, "light", 5);
	CHECK(pair_contact(p, 0)->out[0]->light);
	pair_run(p, 100000);
	CHECK_EQ(pair_step(p, 0, a), KITH_STEP_DELIVERED);
	CHECK_EQ(pair_count(p, 1, false, &m), 2);
	CHECK_EQ(p->seen[0].news[KITH_EVENT_MESSAGE_NEW] > 0, true);
	CHECK_EQ(p->seen[0].news[KITH_EVENT_MESSAGE_STATE] > 0, true);
	end(p);
}

TEST(handles_are_the_same_when_remembered)
{
	struct pair *p = start(2);
	const uint8_t *key = kith_node_handle_key(p->node[0]);
	uint8_t handle[16], want[16];
	uint64_t id;

	for (unsigned round = 0; round < 3; round++) {
		for (uint64_t i = 1; i <= 200; i++) {
			uint16_t table = (uint16_t)(1 + i % 5);

			kith__handle_make(want, key, table, i / 3);
			kith_node_handle(p->node[0], table, i / 3, handle);
			CHECK_MEM(handle, want, 16);
			CHECK(kith_node_unhandle(p->node[0], table, handle, &id));
			CHECK_EQ(id, i / 3);
			CHECK(!kith_node_unhandle(p->node[0], (uint16_t)(table + 1), handle, &id));
		}
	}
	end(p);
}

TEST(pair_news_bring_their_messages)
{
	struct pair *p = start(2);

	kith_node_watch(p->node[0], true);
	pair_connect(p, 0);
	(void)pair_say(p, 1, 1, "hi alice", 8);
	(void)pair_say(p, 0, 1, "hi bob", 6);
	pair_run(p, 100000);
	CHECK(p->seen[0].with >= 2);
	CHECK_EQ(p->seen[0].without, 0);
	CHECK_EQ(p->seen[1].with, 0);
	CHECK(p->seen[1].without >= 2);
	end(p);
}

TEST(pair_reads)
{
	struct pair *p = start(2);
	struct kith_node_message m;
	uint64_t first;
	uint64_t second;

	first = pair_say(p, 1, 1, "one", 3);
	second = pair_say(p, 1, 2, "two", 3);
	pair_connect(p, 0);
	CHECK_EQ(pair_count(p, 0, false, &m), 2);
	CHECK_OK(kith_node_read_up_to(p->node[0], pair_contact(p, 0)->conv, m.id - 1, ++p->call,
				      p->now));
	pair_run(p, KITH_US_PER_S);
	CHECK_EQ(pair_step(p, 1, first), KITH_STEP_READ);
	CHECK_EQ(pair_step(p, 1, second), KITH_STEP_DELIVERED);
	CHECK_EQ(pair_contact(p, 0)->unread, 1);
	end(p);
}

TEST(pair_same_id_is_the_same_message)
{
	struct pair *p = start(2);
	uint64_t first = pair_say(p, 1, 5, "once", 4);
	int round;

	for (round = 0; round < 2; round++) {
		CHECK_EQ(pair_say(p, 1, 5, "once", 4), first);
		CHECK_OK(pair_say_only(p, 1, 5, "other", 5));
		pair_run(p, KITH_US_PER_MS);
		CHECK_EQ(p->seen[1].reply.status, KITH_E_EXISTS);
		pair_restart(p, 1, round == 0);
	}
	/* twice before the first answer, below the greatest id */
	CHECK_OK(pair_say_only(p, 1, 3, "low", 3));
	CHECK_OK(pair_say_only(p, 1, 3, "low", 3));
	pair_run(p, KITH_US_PER_MS);
	CHECK_OK(p->seen[1].reply.status);
	CHECK_EQ(pair_count(p, 1, true, NULL), 2);
	pair_connect(p, 0);
	CHECK_EQ(pair_count(p, 0, false, NULL), 2);
	CHECK_EQ(pair_say_only(p, 1, 9, "\xff", 1), KITH_E_MALFORMED);
	CHECK_EQ(pair_say_only(p, 1, 9, "", 0), KITH_E_MALFORMED);
	end(p);
}

TEST(pair_long_text_in_parts)
{
	struct pair *p = start(2);
	struct kith_node_message m;
	char *text = malloc(KITH_TEXT_MAX);
	uint64_t b;
	uint64_t a;
	size_t i;

	CHECK(text != NULL);
	for (i = 0; i < KITH_TEXT_MAX; i++)
		text[i] = (char)('a' + i % 26);
	b = pair_say(p, 1, 1, text, KITH_TEXT_MAX);
	a = pair_say(p, 0, 1, text, KITH_TEXT_MAX - 1);
	CHECK_EQ(pair_contact(p, 1)->outs, 11);
	pair_restart(p, 0, true); /* waits unsealed */
	pair_restart(p, 1, true); /* waits sealed */
	pair_connect(p, 0);
	CHECK_EQ(pair_step(p, 1, b), KITH_STEP_DELIVERED);
	CHECK_EQ(pair_step(p, 0, a), KITH_STEP_DELIVERED);
	CHECK_EQ(pair_count(p, 0, false, &m), 1);
	CHECK_EQ(m.text_len, KITH_TEXT_MAX);
	CHECK_MEM(m.text, text, KITH_TEXT_MAX);
	CHECK_EQ(pair_count(p, 1, false, &m), 1);
	CHECK_EQ(m.text_len, KITH_TEXT_MAX - 1);
	CHECK_EQ(pair_say_only(p, 0, 3, text, KITH_TEXT_MAX + 1), KITH_E_MALFORMED);
	free(text);
	end(p);
}

/* What a session rests on is on disk as it was in memory. */
TEST(pair_restart_keeps_state)
{
	struct pair *p = start(2);
	struct kith_contact *c = pair_contact(p, 1);
	struct kith_tag_side *send = calloc(1, sizeof(*send));
	struct kith_flow flow;
	uint8_t ml[2][32];

	CHECK(send != NULL);
	memset(ml, 3, sizeof(ml));
	ml[1][0] = 4;
	CHECK_OK(kith__tagbook_list(&c->send, 2, (const uint8_t(*)[32])ml, 2));
	(void)kith__tagbook_take(c);
	CHECK_EQ(kith__tagbook_take(c), 1);
	kith__tagbook_acked(c, 2, 1);
	kith__dirty(p->node[1], c, false, false, true);
	(void)pair_say(p, 1, 1, "hi", 2);
	pair_connect(p, 0);
	(void)pair_say(p, 0, 1, "ho", 2);
	pair_run(p, KITH_US_PER_S);
	c->flow.in_far[0] = 1; /* one frame far ahead came */
	c->flow.in_far[KITH_FLOW_FAR - 1] = 0x80;
	kith__dirty(p->node[1], c, true, false, false);
	pair_run(p, KITH_US_PER_MS);
	*send = c->send;
	flow = c->flow;
	CHECK_EQ(flow.in_next, 2);
	pair_restart(p, 1, true);
	c = pair_contact(p, 1);
	CHECK_MEM(c->send.root, send->root, 32);
	CHECK_EQ(c->send.root_version, send->root_version);
	CHECK_EQ(c->send.count, send->count);
	CHECK_EQ(c->send.list[0].low, 1);
	CHECK_EQ(c->send.list[0].next, 2);
	CHECK_EQ(c->send.list[0].count, 2);
	CHECK_MEM(c->recv.root, pair_contact(p, 0)->send.root, 32);
	CHECK_EQ(c->flow.in_next, flow.in_next);
	CHECK_EQ(c->flow.out_next, flow.out_next);
	CHECK_MEM(c->flow.in_far, flow.in_far, KITH_FLOW_FAR);
	CHECK(c->ratchet->chain_acked);
	CHECK_EQ(pair_contact(p, 1)->unread, 1);
	free(send);
	end(p);
}

/* More than a window, loss, a lost session and power cuts: each text once. */
TEST(pair_never_loses)
{
	struct pair *p = start(2);
	char text[32];
	unsigned i;
	unsigned turns;

	(void)pair_say(p, 1, 1, "first", 5);
	pair_connect(p, 0);
	p->loss_pct = 5;
	for (i = 0; i < 1200; i++) {
		int len = snprintf(text, sizeof(text), "text %u", i);

		CHECK_OK(pair_say_only(p, 0, 10 + i, text, (size_t)len));
		if (i % 3 == 0)
			CHECK_OK(pair_say_only(p, 1, 10 + i, text, (size_t)len));
		if (i % 100 == 0)
			pair_run(p, 20000);
		if (i == 500 || i == 900) {
			pair_run(p, 1000);
			pair_restart(p, i == 500 ? 0 : 1, true);
			p->loss_pct = 0;
			pair_connect(p, i == 500 ? 0 : 1);
			p->loss_pct = 5;
		}
	}
	for (turns = 0; turns < 60 && pair_contact(p, 0)->outs + pair_contact(p, 1)->outs > 0;
	     turns++)
		pair_run(p, KITH_US_PER_S);
	CHECK_EQ(pair_contact(p, 0)->outs, 0);
	CHECK_EQ(pair_contact(p, 1)->outs, 0);
	CHECK_EQ(pair_count(p, 1, false, NULL), 1200);
	CHECK_EQ(pair_count(p, 0, false, NULL), 401);
	CHECK_EQ(pair_count(p, 0, true, NULL), 1200);
	end(p);
}

/* On a link that loses packets texts overtake each other: they are shown in order all the same, and
 * where one stays away for long, the others come with the mark of a gap. */
TEST(pair_order_on_a_lossy_link)
{
	struct pair *p = start(2);
	struct kith_op op = kith_op(KITH_OP_HISTORY_AFTER);
	struct kith_rows r;
	uint32_t last = 0;
	unsigned gaps = 0;
	char text[32];
	unsigned i;

	(void)pair_say(p, 1, 1, "first", 5);
	pair_connect(p, 0);
	pair_run(p, KITH_US_PER_S);
	p->loss_pct = 10;
	for (i = 0; i < 300; i++) {
		int len = snprintf(text, sizeof(text), "text %u", i);

		CHECK_OK(pair_say_only(p, 0, 10 + i, text, (size_t)len));
		pair_run(p, 20000);
	}
	pair_run(p, 20 * KITH_US_PER_S);
	CHECK_EQ(pair_count(p, 1, false, NULL), 300);
	kith_op_int(&op, (int64_t)pair_contact(p, 1)->conv);
	kith_op_int(&op, 0);
	kith_op_int(&op, PAIR_TEXTS);
	CHECK_OK(kith_store_read_now(p->account[1], &op, &r));
	while (kith_rows_next(&r)) { /* by row, which is the order of arrival */
		uint32_t seq = (uint32_t)kith_rows_int(&r, 4);

		if (kith_rows_int(&r, 1) == 0)
			continue;
		CHECK(seq > last);
		last = seq;
		gaps += (kith_rows_int(&r, 7) & KITH_MESSAGE_GAP) != 0;
	}
	CHECK_EQ(gaps, 0);
	end(p);
}
