/* SPDX-License-Identifier: ISC */
/* The network of three: one always-on peer, two people who are never online together. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/node/town.h"

#define ALICE 1u
#define BOB   2u

static bool has_mailbox(struct town *t, unsigned i)
{
	struct kith_node_mailbox m;

	return kith_node_mailbox(t->n[i].node, 0, &m) && m.answering;
}

static bool request_kept(struct town *t, unsigned i)
{
	struct kith_node_contact c;

	return kith_node_contact(t->n[i].node, 0, &c) && c.request_kept > 0;
}

static bool has_request(struct town *t, unsigned i)
{
	struct kith_node_request r;

	return kith_node_request(t->n[i].node, 0, &r);
}

static bool accepted(struct town *t, unsigned i)
{
	struct kith_node_contact c;

	return kith_node_contact(t->n[i].node, 0, &c) && c.state == KITH_CONTACT_ACCEPTED;
}

static unsigned waiting(struct town *t, unsigned i)
{
	struct kith_node_status s;

	kith_node_status(t->n[i].node, &s);
	return (unsigned)s.waiting;
}

static uint64_t said[8];
static bool last_kept(struct town *t, unsigned i)
{
	struct kith_node_state s;

	return kith_node_message_state(t->n[i].node, said[i], &s) == KITH_OK &&
	       s.step == KITH_STEP_KEPT;
}

static void come(struct town *t, unsigned i)
{
	town_boot(t, i);
	town_meet(t, i, 0);
}

static void make_identity(struct town *t, unsigned i, const char *name)
{
	CHECK_OK(kith_node_identity_create(t->n[i].node, name, town_call(t, i), t->now));
	town_reply(t, i);
}

static void say(struct town *t, unsigned i, unsigned number)
{
	struct kith_node_conversation conv;
	struct kith_msgid id;
	char text[32];

	CHECK(kith_node_conversation(t->n[i].node, 0, &conv));
	memset(&id, 0, sizeof(id));
	id.b[0] = (uint8_t)i;
	id.b[14] = (uint8_t)(number >> 8);
	id.b[15] = (uint8_t)number;
	(void)snprintf(text, sizeof(text), "%u says %u", i, number);
	CHECK_OK(kith_node_say(t->n[i].node, conv.id, &id, text, strlen(text), NULL,
			       town_call(t, i), t->now));
	town_reply(t, i);
	said[i] = t->n[i].reply.id;
}

/* Everything that node `from` said up to `count` was shown to node `to`, once, in order. */
static void check_shown(struct town *t, unsigned to, unsigned from, unsigned count)
{
	char text[32];

	for (unsigned k = 0; k < t->n[to].shown_count && k < count; k++) {
		(void)snprintf(text, sizeof(text), "%u says %u", from, k);
		CHECK_STR(t->n[to].shown[k].text, text);
	}
	CHECK_EQ(t->n[to].shown_count, count);
}

/* Alice and Bob become contacts, never online together. */
static void become_contacts(struct town *t)
{
	char link[512];

	town_boot(t, 0);
	town_run(t, SEC);
	come(t, ALICE);
	make_identity(t, ALICE, "Alice");
	CHECK(town_until(t, 30 * SEC, has_mailbox, ALICE));
	CHECK_OK(kith_node_invite(t->n[ALICE].node, "for Bob", 1, false, town_call(t, ALICE),
				  t->now));
	town_reply(t, ALICE);
	(void)snprintf(link, sizeof(link), "%s", t->n[ALICE].text);
	town_run(t, 60 * SEC);
	town_halt(t, ALICE);

	town_boot(t, BOB);
	make_identity(t, BOB, "Bob");
	CHECK_OK(kith_node_contact_add(t->n[BOB].node, link, strlen(link), "Alice", "hello",
				       town_call(t, BOB), t->now));
	town_reply(t, BOB);
	CHECK(town_until(t, 120 * SEC, request_kept, BOB));
	town_run(t, 5 * SEC);
	town_halt(t, BOB);

	come(t, ALICE);
	CHECK(town_until(t, 60 * SEC, has_request, ALICE));
	{
		struct kith_node_request r;

		CHECK(kith_node_request(t->n[ALICE].node, 0, &r));
		CHECK_STR(r.name, "Bob");
		CHECK_STR(r.greeting, "hello");
		CHECK_OK(kith_node_request_accept(t->n[ALICE].node, r.id, NULL,
						  town_call(t, ALICE), t->now));
		town_reply(t, ALICE);
	}
	town_run(t, 30 * SEC);
	town_halt(t, ALICE);

	come(t, BOB);
	CHECK(town_until(t, 60 * SEC, accepted, BOB));
	town_run(t, 30 * SEC);
	town_halt(t, BOB);
}

TEST(three_custody_comes_quickly)
{
	static struct town t;
	kith_time start;

	town_init(&t, 1, 3);
	town_boot(&t, 0);
	town_run(&t, SEC);
	come(&t, ALICE);
	start = t.now;
	make_identity(&t, ALICE, "Alice");
	CHECK(town_until(&t, 30 * SEC, has_mailbox, ALICE));
	printf("# a mailbox after %u ms\n", (unsigned)((t.now - start) / 1000));
	town_free(&t);
}

TEST(three_become_contacts)
{
	static struct town t;

	town_init(&t, 1, 3);
	become_contacts(&t);
	town_free(&t);
}

TEST(three_never_together)
{
	static struct town t;
	unsigned count[3] = {0, 0, 0};

	town_init(&t, 1, 3);
	become_contacts(&t);
	for (unsigned round = 0; round < 6; round++) {
		unsigned me = round % 2 == 0 ? ALICE : BOB;
		unsigned other = 3 - me;

		come(&t, me);
		town_run(&t, 40 * SEC);
		check_shown(&t, me, other, count[other]);
		for (unsigned k = 0; k < 10; k++)
			say(&t, me, count[me]++);
		CHECK(town_until(&t, 60 * SEC, last_kept, me));
		town_run(&t, 10 * SEC);
		town_halt(&t, me);
	}
	come(&t, ALICE);
	town_run(&t, 40 * SEC);
	check_shown(&t, ALICE, BOB, count[BOB]);
	printf("# %u and %u, waiting %u\n", count[1], count[2], waiting(&t, ALICE));
	CHECK_EQ(waiting(&t, ALICE), 0);
	town_free(&t);
}
