/* SPDX-License-Identifier: ISC */
/* Owners who are away: their records stay in the DHT, and what came for them is there. */
#include <stdio.h>
#include <string.h>

#include "node/internal.h"
#include "tests/sim/town.h"

#define HOUR  (3600 * SEC)
#define DAY   (24 * HOUR)
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

/* A stranger adds the link of somebody who has been away for `days`. */
static void stranger_after(struct town *t, unsigned days)
{
	char link[512];

	town_init(t, 1, 3);
	town_boot(t, 0);
	town_run(t, SEC);
	town_boot(t, ALICE);
	town_meet(t, ALICE, 0);
	CHECK_OK(kith_node_identity_create(t->n[ALICE].node, "Alice", town_call(t, ALICE), t->now));
	town_reply(t, ALICE);
	CHECK(town_until(t, 30 * SEC, has_mailbox, ALICE));
	CHECK_OK(kith_node_invite(t->n[ALICE].node, "for Bob", 1, false, town_call(t, ALICE),
				  t->now));
	town_reply(t, ALICE);
	(void)snprintf(link, sizeof(link), "%.511s", t->n[ALICE].text);
	town_run(t, 120 * SEC);
	town_halt(t, ALICE);
	town_run(t, days * DAY);
	town_boot(t, BOB);
	CHECK_OK(kith_node_identity_create(t->n[BOB].node, "Bob", town_call(t, BOB), t->now));
	town_reply(t, BOB);
	CHECK_OK(kith_node_contact_add(t->n[BOB].node, link, strlen(link), "Alice", "hello",
				       town_call(t, BOB), t->now));
	town_reply(t, BOB);
}

TEST(away_a_stranger_reaches_one_who_is_off)
{
	static struct town t;

	for (unsigned days = 1; days < 28; days += 9) {
		stranger_after(&t, days);
		CHECK(town_until(&t, 120 * SEC, request_kept, BOB));
		town_run(&t, 5 * SEC);
		town_halt(&t, BOB);
		town_boot(&t, ALICE);
		CHECK(town_until(&t, 60 * SEC, has_request, ALICE));
		town_free(&t);
	}
}

static bool accepted(struct town *t, unsigned i)
{
	struct kith_node_contact c;

	return kith_node_contact(t->n[i].node, 0, &c) && c.state == KITH_CONTACT_ACCEPTED;
}

static bool found_presence(struct town *t, unsigned i)
{
	static const uint8_t none[8];

	return memcmp(t->n[i].node->contact[0]->instance, none, 8) != 0;
}

/* Five mailboxes; a contact looks for somebody who went three weeks ago. */
TEST(away_contacts_find_presence)
{
	static struct town t;
	struct kith_node_request r;
	unsigned alice = 5;
	unsigned bob = 6;
	uint8_t instance[8];
	char link[512];

	town_init(&t, 5, 7);
	for (unsigned i = 0; i < 5; i++) {
		town_boot(&t, i);
		if (i > 0)
			town_meet(&t, i, 0);
		town_run(&t, SEC);
	}
	town_run(&t, 60 * SEC);
	for (unsigned i = alice; i <= bob; i++) {
		town_boot(&t, i);
		town_meet(&t, i, 0);
		CHECK_OK(kith_node_identity_create(t.n[i].node, "x", town_call(&t, i), t.now));
		town_reply(&t, i);
	}
	CHECK(town_until(&t, 30 * SEC, has_mailbox, alice));
	CHECK_OK(kith_node_invite(t.n[alice].node, "", 1, false, town_call(&t, alice), t.now));
	town_reply(&t, alice);
	(void)snprintf(link, sizeof(link), "%.511s", t.n[alice].text);
	CHECK_OK(kith_node_contact_add(t.n[bob].node, link, strlen(link), "Alice", "hello",
				       town_call(&t, bob), t.now));
	town_reply(&t, bob);
	CHECK(town_until(&t, 120 * SEC, has_request, alice));
	CHECK(kith_node_request(t.n[alice].node, 0, &r));
	CHECK_OK(
		kith_node_request_accept(t.n[alice].node, r.id, NULL, town_call(&t, alice), t.now));
	town_reply(&t, alice);
	CHECK(town_until(&t, 60 * SEC, accepted, bob));
	town_run(&t, 300 * SEC);
	memcpy(instance, t.n[alice].node->id->instance, 8);
	town_halt(&t, alice);
	town_halt(&t, bob);
	for (unsigned week = 1; week <= 3; week++) {
		town_run(&t, 7 * DAY);
		town_boot(&t, bob);
		town_meet(&t, bob, 0);
		CHECK(!found_presence(&t, bob));
		CHECK(town_until(&t, 120 * SEC, found_presence, bob));
		CHECK_MEM(t.n[bob].node->contact[0]->instance, instance, 8);
		CHECK_EQ(t.n[bob].node->contact[0]->paths, 0);
		town_halt(&t, bob);
	}
	town_free(&t);
}
