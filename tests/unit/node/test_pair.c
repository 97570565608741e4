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

/* More than a window, loss, a lost session and power cuts: each text once, in order. */
TEST(pair_never_loses)
{
	struct pair *p = start(2);
	struct kith_node_message m;
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
	for (turns = 0; turns < 60 && pair_contact(p, 0)->outs + pair_contact(p, 1)->outs > 0; turns++)
		pair_run(p, KITH_US_PER_S);
	CHECK_EQ(pair_contact(p, 0)->outs, 0);
	CHECK_EQ(pair_contact(p, 1)->outs, 0);
	CHECK_EQ(pair_count(p, 1, false, &m), 1200);
	CHECK_MEM(m.text, "text 1199", 9);
	CHECK_EQ(pair_count(p, 0, false, &m), 401);
	CHECK_EQ(pair_count(p, 0, true, NULL), 1200);
	end(p);
}
