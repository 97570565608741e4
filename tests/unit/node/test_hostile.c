/* SPDX-License-Identifier: ISC */
/*
 * Mailboxes that drop, withhold, reorder, repeat, corrupt or promise and erase: nothing is lost or
 * doubled while the sender lives, what is not kept is noticed within a day, and the tick steps
 * back.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/node/hostile.h"

#define HOUR  (3600 * SEC)
#define DAY   (24 * HOUR)
#define BOXES 5u
#define ALICE 5u
#define BOB   6u

static uint64_t said;

static bool accepted(struct town *t, unsigned i)
{
	struct kith_node_contact c;

	return kith_node_contact(t->n[i].node, 0, &c) && c.state == KITH_CONTACT_ACCEPTED;
}

static bool has_request(struct town *t, unsigned i)
{
	struct kith_node_request r;

	return kith_node_request(t->n[i].node, 0, &r);
}

static bool has_five(struct town *t, unsigned i)
{
	struct kith_node_mailbox m;

	return kith_node_mailbox(t->n[i].node, BOXES - 1, &m) && m.answering;
}

static struct kith_node_state state(struct town *t, unsigned i)
{
	struct kith_node_state s;

	CHECK_OK(kith_node_message_state(t->n[i].node, said, &s));
	return s;
}

static bool kept_by_five(struct town *t, unsigned i)
{
	return state(t, i).kept == BOXES;
}

static bool stepped_back(struct town *t, unsigned i)
{
	return state(t, i).kept < BOXES;
}

static bool shown_one(struct town *t, unsigned i)
{
	return t->n[i].shown_count > 0;
}

static bool delivered(struct town *t, unsigned i)
{
	return state(t, i).step >= KITH_STEP_DELIVERED;
}

static void come(struct town *t, unsigned i)
{
	town_boot(t, i);
	town_meet(t, i, 0);
}

static void say(struct town *t, const char *text)
{
	struct kith_node_conversation conv;
	static uint8_t number;
	struct kith_msgid id = {{1}};

	id.b[15] = ++number;
	CHECK(kith_node_conversation(t->n[ALICE].node, 0, &conv));
	CHECK_OK(kith_node_say(t->n[ALICE].node, conv.id, &id, text, strlen(text), NULL,
			       town_call(t, ALICE), t->now));
	town_reply(t, ALICE);
	said = t->n[ALICE].reply.id;
}

/* Alice and Bob are contacts with five mailboxes each; Bob is off. */
static void settle(struct town *t)
{
	struct kith_node_request r;
	char link[512];

	hostile_clear();
	town_init(t, BOXES, BOXES + 2);
	for (unsigned i = 0; i < BOXES; i++) {
		town_boot(t, i);
		if (i > 0)
			town_meet(t, i, 0);
		town_run(t, SEC);
	}
	town_run(t, 60 * SEC);
	for (unsigned i = ALICE; i <= BOB; i++) {
		come(t, i);
		CHECK_OK(kith_node_identity_create(t->n[i].node, "x", town_call(t, i), t->now));
		town_reply(t, i);
		CHECK(town_until(t, 60 * SEC, has_five, i));
	}
	CHECK_OK(kith_node_invite(t->n[ALICE].node, "", 1, false, town_call(t, ALICE), t->now));
	town_reply(t, ALICE);
	(void)snprintf(link, sizeof(link), "%s", t->n[ALICE].text);
	CHECK_OK(kith_node_contact_add(t->n[BOB].node, link, strlen(link), "Alice", "hello",
				       town_call(t, BOB), t->now));
	town_reply(t, BOB);
	CHECK(town_until(t, 120 * SEC, has_request, ALICE));
	CHECK(kith_node_request(t->n[ALICE].node, 0, &r));
	CHECK_OK(kith_node_request_accept(t->n[ALICE].node, r.id, NULL, town_call(t, ALICE),
					  t->now));
	town_reply(t, ALICE);
	CHECK(town_until(t, 60 * SEC, accepted, BOB));
	town_run(t, 60 * SEC);
	town_halt(t, BOB);
	t->n[BOB].shown_count = 0;
}

/* `count` mailboxes turn bad after the promise; returns after how many minutes it was noticed, 0:
 * not within a day. Then they are well again, Bob returns and has the message, once. */
static unsigned turn_bad(struct town *t, enum hostile how, unsigned count)
{
	kith_time start;
	unsigned minutes = 0;

	settle(t);
	say(t, "are you there");
	CHECK(town_until(t, 60 * SEC, kept_by_five, ALICE));
	for (unsigned i = 0; i < count; i++)
		hostile_set(t, i, how);
	start = t->now;
	if (town_until(t, DAY, stepped_back, ALICE))
		minutes = (unsigned)((t->now - start) / (60 * SEC)) + 1;
	town_run(t, HOUR);
	come(t, BOB);
	town_run(t, 10 * 60 * SEC);
	printf("# %s at %u: noticed after %u min, kept by %u, shown %u\n", hostile_name[how], count,
	       minutes, state(t, ALICE).kept, t->n[BOB].shown_count);
	if (count < BOXES)
		CHECK_EQ(t->n[BOB].shown_count, 1);
	for (unsigned i = 0; i < count; i++)
		hostile_set(t, i, HONEST);
	CHECK(town_until(t, 2 * DAY, shown_one, BOB));
	CHECK(town_until(t, 2 * DAY, delivered, ALICE));
	town_run(t, HOUR);
	CHECK_EQ(t->n[BOB].shown_count, 1);
	town_free(t);
	return minutes;
}

#define NOTICED(name, how, a, b) \
	TEST(hostile_##name##_is_noticed) \
	{ \
		static struct town t; \
\
		CHECK(turn_bad(&t, how, a) > 0); \
		CHECK(turn_bad(&t, how, b) > 0); \
	}
#define HARMLESS(name, how, a, b) \
	TEST(hostile_##name##_loses_nothing) \
	{ \
		static struct town t; \
\
		(void)turn_bad(&t, how, a); \
		(void)turn_bad(&t, how, b); \
	}

NOTICED(promise_and_erase, ERASE, 1, 5)
NOTICED(corrupting, CORRUPT, 1, 5)
NOTICED(empty_list, EMPTY, 2, 5)
NOTICED(withholding, WITHHOLD, 4, 5)
HARMLESS(reordering, REORDER, 4, 5)
HARMLESS(repeating, DUPLICATE, 4, 5)
HARMLESS(endless_list, ENDLESS, 4, 5)
HARMLESS(wrong_clock, FUTURE, 4, 5)
