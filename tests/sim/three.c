/* SPDX-License-Identifier: ISC */
/* The network of three: one always-on peer, two people who are never online together. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/town.h"

static unsigned alice = 1, bob = 2;
#define ALICE alice
#define BOB   bob

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

static bool shown_one(struct town *t, unsigned i)
{
	return t->n[i].shown_count > 0;
}

/* The same from the database, of at most 200 messages; node `to` is started for it. */
static void check_history(struct town *t, unsigned to, unsigned from, unsigned count)
{
	struct kith_node_conversation conv;

	town_boot(t, to);
	CHECK(kith_node_conversation(t->n[to].node, 0, &conv));
	t->n[to].shown_count = 0;
	CHECK_OK(kith_node_history(t->n[to].node, conv.id, 0, 0, 200, 2000000, t->now));
	town_run(t, SEC);
	check_shown(t, to, from, count);
	town_kill(t, to, false);
}

/* Alice and Bob become contacts, never online together. */
static void become_contacts(struct town *t)
{
	char link[512];

	if (!t->n[0].up)
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
		CHECK_OK(kith_node_request_accept(t->n[ALICE].node, r.id, NULL, town_call(t, ALICE),
						  t->now));
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
	unsigned count[8] = {0};

	town_init(&t, 1, 3);
	become_contacts(&t);
	for (unsigned round = 0; round < 6; round++) {
		unsigned me = round % 2 == 0 ? ALICE : BOB;
		unsigned other = me == ALICE ? BOB : ALICE;

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

/* Bob stays on: what Alice leaves is pushed to him, fetched and shown at once. */
TEST(three_push_is_quick)
{
	static struct town t;
	kith_time start;

	town_init(&t, 1, 3);
	become_contacts(&t);
	come(&t, ALICE);
	come(&t, BOB);
	town_run(&t, 60 * SEC);
	t.n[BOB].shown_count = 0;
	start = t.now;
	say(&t, ALICE, 0);
	CHECK(town_until(&t, 10 * SEC, shown_one, BOB));
	printf("# shown after %u ms\n", (unsigned)((t.now - start) / 1000));
	CHECK(t.now - start < 3 * SEC);
	town_free(&t);
}

/* Power cuts of everybody at any time lose and double nothing. */
TEST(three_power_cuts)
{
	static struct town t;
	uint64_t state = test_seed();
	unsigned count[8] = {0};

	town_init(&t, 1, 3);
	become_contacts(&t);
	for (unsigned round = 0; round < 24; round++) {
		unsigned me = ALICE + (unsigned)(test_random(&state) % 2);

		come(&t, me);
		for (unsigned k = 0; k < 4; k++)
			say(&t, me, count[me]++);
		town_run(&t, test_random(&state) % (20 * SEC));
		if (test_random(&state) % 4 == 0) {
			town_kill(&t, 0, true);
			town_boot(&t, 0);
			town_run(&t, test_random(&state) % (20 * SEC));
		}
		town_kill(&t, me, true);
	}
	for (unsigned round = 0; round < 6; round++) {
		come(&t, ALICE + round % 2);
		town_run(&t, 180 * SEC);
		town_halt(&t, ALICE + round % 2);
	}
	/* shown is what events told: an event may come again after a cut, a message never twice */
	check_history(&t, BOB, ALICE, count[ALICE]);
	check_history(&t, ALICE, BOB, count[BOB]);
	town_free(&t);
}

/* Five mailboxes: kept by five; two of them gone for good cost nothing. */
TEST(three_five_mailboxes)
{
	static struct town t;
	struct kith_node_state s;
	unsigned i;

	town_init(&t, 5, 7);
	for (i = 0; i < 5; i++) {
		town_boot(&t, i);
		if (i > 0)
			town_meet(&t, i, 0);
		town_run(&t, SEC);
	}
	town_run(&t, 60 * SEC);
	alice = 5;
	bob = 6;
	become_contacts(&t);
	come(&t, alice);
	town_run(&t, 60 * SEC);
	say(&t, alice, 0);
	town_run(&t, 30 * SEC);
	CHECK_OK(kith_node_message_state(t.n[alice].node, said[alice], &s));
	CHECK_EQ(s.step, KITH_STEP_KEPT);
	CHECK_EQ(s.kept, 5);
	town_halt(&t, alice);
	town_kill(&t, 1, false);
	town_kill(&t, 3, false);
	come(&t, bob);
	town_run(&t, 60 * SEC);
	check_shown(&t, bob, alice, 1);
	town_free(&t);
}

static bool two_mailboxes(struct town *t, unsigned i)
{
	struct kith_node_mailbox m;

	return kith_node_mailbox(t->n[i].node, 1, &m) && m.answering;
}

/* A second mailbox comes up later: a new list version, told to the contact, used by it after
 * restarts of both; the first mailbox is then gone for good. */
TEST(three_list_changes)
{
	static struct town t;
	struct kith_node_state s;

	town_init(&t, 2, 4);
	alice = 2;
	bob = 3;
	become_contacts(&t);
	town_boot(&t, 1);
	town_meet(&t, 1, 0);
	town_run(&t, 120 * SEC);
	come(&t, ALICE);
	CHECK(town_until(&t, 600 * SEC, two_mailboxes, ALICE));
	town_run(&t, 30 * SEC);
	town_halt(&t, ALICE);
	come(&t, BOB);
	town_run(&t, 60 * SEC);
	say(&t, BOB, 0);
	town_run(&t, 30 * SEC);
	CHECK_OK(kith_node_message_state(t.n[BOB].node, said[BOB], &s));
	CHECK_EQ(s.kept, 2);
	town_halt(&t, BOB);
	town_kill(&t, 0, false);
	town_boot(&t, ALICE);
	town_run(&t, 60 * SEC);
	check_shown(&t, ALICE, BOB, 1);
	town_free(&t);
}

static bool shown_most(struct town *t, unsigned i)
{
	return t->n[i].shown_count >= 895; /* answers of his own took an index or two */
}

static bool all_but_100_kept(struct town *t, unsigned i)
{
	struct kith_node_state s;

	return kith_node_message_state(t->n[i].node, said[0], &s) == KITH_OK &&
	       s.step == KITH_STEP_KEPT;
}

/* A thousand messages while Bob is away: 900 wait at the mailbox, far beyond the window of his
 * table. He has them within seconds of his return, in order; the rest follow the acknowledgement.
 */
TEST(three_thousand_while_away)
{
	static struct town t;
	kith_time start;
	unsigned k;

	alice = 1;
	bob = 2;
	town_init(&t, 1, 3);
	become_contacts(&t);
	come(&t, ALICE);
	town_run(&t, 10 * SEC);
	for (k = 0; k < 1000; k++) {
		say(&t, ALICE, k);
		if (k == 880)
			said[0] = said[ALICE];
	}
	CHECK(town_until(&t, 1800 * SEC, all_but_100_kept, ALICE));
	town_run(&t, 60 * SEC);
	town_halt(&t, ALICE);
	t.n[BOB].shown_count = 0;
	come(&t, BOB);
	start = t.now;
	CHECK(town_until(&t, 20 * SEC, shown_most, BOB));
	printf("# %u shown %u ms after the return\n", t.n[BOB].shown_count,
	       (unsigned)((t.now - start) / 1000));
	check_shown(&t, BOB, ALICE, t.n[BOB].shown_count);
	town_run(&t, 60 * SEC);
	town_halt(&t, BOB);
	come(&t, ALICE);
	town_run(&t, 300 * SEC);
	town_halt(&t, ALICE);
	come(&t, BOB);
	town_run(&t, 60 * SEC);
	check_shown(&t, BOB, ALICE, 1000);
	town_free(&t);
}
