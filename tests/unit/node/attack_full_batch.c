/* SPDX-License-Identifier: ISC */
/*
 * More work than one batch is meant to hold, from callers and from people: the node refuses or
 * waits, it does not stop.
 */
#include <string.h>

#include "node/msgs.h"
#include "tests/unit/node/pair.h"

static struct pair p;

static unsigned queue(unsigned count)
{
	unsigned said = 0;
	unsigned i;

	for (i = 0; i < count; i++) {
		if (pair_say_only(&p, 0, i + 1, "text", 4) == KITH_OK)
			said++;
		if (i % 100 == 99)
			pair_run(&p, KITH_US_PER_MS);
	}
	pair_run(&p, KITH_US_PER_MS);
	return said;
}

/* Callers ask for history faster than the store answers. */
TEST(many_reads_at_once)
{
	unsigned refused = 0;
	unsigned i;

	pair_init(&p, 2);
	pair_befriend(&p);
	for (i = 0; i < 200; i++) {
		int status = kith_node_history(p.node[0], pair_contact(&p, 0)->conv, 0, 0, 10,
					       ++p.call, p.now);

		CHECK(status == KITH_OK || status == KITH_E_FULL);
		refused += status == KITH_E_FULL;
	}
	CHECK(refused > 0);
	pair_run(&p, KITH_US_PER_S);
	CHECK_OK(
		kith_node_history(p.node[0], pair_contact(&p, 0)->conv, 0, 0, 10, ++p.call, p.now));
	pair_run(&p, KITH_US_PER_S);
	pair_free(&p);
}

/* A caller says more within one commit than a batch holds. */
TEST(many_texts_in_one_batch)
{
	unsigned refused = 0;
	unsigned i;

	pair_init(&p, 2);
	pair_befriend(&p);
	p.cut = true;
	for (i = 0; i < 6000; i++)
		refused += pair_say_only(&p, 0, i + 1, "text", 4) != KITH_OK;
	CHECK(refused > 0 && refused < 6000);
	pair_run(&p, KITH_US_PER_S);
	CHECK_EQ(pair_contact(&p, 0)->outs, 6000 - refused);
	pair_free(&p);
}

/* A long outbox is sealed for a new session, and survives a restart. */
TEST(a_long_outbox_is_sealed_anew)
{
	unsigned said;

	pair_init(&p, 2);
	pair_befriend(&p);
	p.cut = true;
	said = queue(3000);
	CHECK_EQ(said, 3000);
	kith__outbox_reseal(p.node[0], pair_contact(&p, 0));
	pair_run(&p, KITH_US_PER_S);
	pair_restart(&p, 0, true);
	CHECK_EQ(pair_contact(&p, 0)->outs, said);
	pair_free(&p);
}

/* Removing somebody with a long outbox. */
TEST(a_long_outbox_is_removed)
{
	pair_init(&p, 2);
	pair_befriend(&p);
	p.cut = true;
	CHECK_EQ(queue(5000), 5000);
	CHECK_OK(kith_node_contact_remove(p.node[0], pair_contact(&p, 0)->id, true, ++p.call,
					  p.now));
	pair_run(&p, KITH_US_PER_S);
	CHECK_EQ(pair_contact(&p, 0)->outs, 0);
	pair_free(&p);
}

/* The disk of a receiver fills up: it takes nothing, tells nothing, and goes on later. */
TEST(texts_on_a_full_disk)
{
	static char text[8000];
	struct kith_node_message m;
	unsigned sent = 0;
	unsigned i;

	memset(text, 'x', sizeof(text));
	pair_init(&p, 2);
	pair_befriend(&p);
	pair_connect(&p, 1);
	pair_run(&p, KITH_US_PER_S);
	p.disk[0].capacity = test_disk_used(&p.disk[0]) + 400000;
	for (i = 0; i < 60; i++) {
		CHECK_OK(pair_say_only(&p, 1, i + 1, text, sizeof(text)));
		pair_run(&p, 20 * KITH_US_PER_MS);
	}
	pair_run(&p, 10 * KITH_US_PER_S);
	CHECK_EQ(kith_store_state(p.account[0]), KITH_STORE_NOSPACE);
	for (i = 0; i < 60; i++)
		sent += pair_step(&p, 1, i + 1) == KITH_STEP_DELIVERED;
	CHECK(sent < 60);
	pair_run(&p, 200 * KITH_US_PER_S); /* timers go on */
	p.disk[0].capacity = 0;
	pair_run(&p, 10 * KITH_US_PER_S);
	if (pair_contact(&p, 1)->session == 0)
		pair_connect(&p, 1);
	pair_run(&p, 60 * KITH_US_PER_S);
	for (i = 0; i < 60; i++)
		CHECK_EQ(pair_step(&p, 1, i + 1), KITH_STEP_DELIVERED);
	CHECK_EQ(pair_count(&p, 0, false, &m), 60);
	pair_free(&p);
}

static void hold_back(struct kith_node *n, struct kith_contact *c, unsigned from, unsigned to,
		      unsigned part)
{
	static uint8_t bytes[1000];
	struct kith_chat_part part_of = {.part = part,
					 .parts = 2,
					 .bytes = bytes,
					 .len = part == 0 ? 1000 : 100};
	unsigned i;

	memset(bytes, 'x', sizeof(bytes));
	bytes[0] = 1; /* one TLV: text of 1,097 bytes */
	bytes[1] = (uint8_t)(1097 & 255);
	bytes[2] = (uint8_t)(1097 >> 8);
	if (part == 1)
		part_of.bytes = bytes + 10;
	for (i = from; i < to; i++) {
		kith_store_u32(part_of.mid.b, i);
		kith__part_arrived(n, c, &part_of, 2 * i + 1 + part, false);
	}
}

/* A mailbox holds back every second part within a sender's window: nothing acked is lost. */
TEST(half_of_the_parts_held_back)
{
	struct kith_node_message m;

	pair_init(&p, 2);
	pair_befriend(&p);
	hold_back(p.node[0], pair_contact(&p, 0), 0, 450, 0);
	pair_run(&p, KITH_US_PER_S);
	pair_restart(&p, 0, true);
	hold_back(p.node[0], pair_contact(&p, 0), 0, 450, 1);
	pair_run(&p, KITH_US_PER_S);
	CHECK_EQ(pair_count(&p, 0, false, &m), 450);
	pair_free(&p);
}

/* A list that names a mailbox twice would break a row's uniqueness, and with it the database. */
TEST(a_mailbox_named_twice)
{
	static struct kith_list l;
	uint8_t bytes[800];
	size_t len;

	memset(&l, 0, sizeof(l));
	l.version = 1;
	l.count = 2;
	memset(l.box[0].ml, 1, 32);
	memset(l.box[1].ml, 2, 32);
	len = kith__list_encode(bytes, sizeof(bytes), &l);
	CHECK(len > 0);
	CHECK_OK(kith__list_decode(&l, bytes, len));
	memset(l.box[1].ml, 1, 32);
	len = kith__list_encode(bytes, sizeof(bytes), &l);
	CHECK_EQ(kith__list_decode(&l, bytes, len), KITH_E_MALFORMED);
}
