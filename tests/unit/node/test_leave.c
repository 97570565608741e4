/* SPDX-License-Identifier: ISC */
/* Mailboxes that die, or lose what they were, are replaced; what attackers can put there harms
 * nobody. */
#include <stdio.h>
#include <string.h>

#include "node/internal.h"
#include "node/mbox_service.h"
#include "tests/sim/town.h"

#define HOUR  (3600 * SEC)
#define BOXES 6u
#define ALICE 6u
#define BOB   7u

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

	return kith_node_mailbox(t->n[i].node, 4, &m) && m.answering;
}

static struct kith_node_state state(struct town *t, unsigned i)
{
	struct kith_node_state s;

	CHECK_OK(kith_node_message_state(t->n[i].node, said, &s));
	return s;
}

static bool kept_by_five(struct town *t, unsigned i)
{
	return state(t, i).kept == 5;
}

static bool shown_one(struct town *t, unsigned i)
{
	return t->n[i].shown_count > 0;
}

static bool lists(struct town *t, unsigned who, unsigned box)
{
	struct kith_node *n = t->n[who].node;

	for (size_t i = 0; i < n->boxes; i++)
		if (n->box[i].listed && kith_addr_equal(&n->box[i].e.addr, &t->n[box].addr))
			return true;
	return false;
}

static void come(struct town *t, unsigned i)
{
	town_boot(t, i);
	town_meet(t, i, 0);
}

static void say(struct town *t, unsigned number)
{
	struct kith_node_conversation conv;
	struct kith_msgid id = {{1}};

	id.b[15] = (uint8_t)number;
	CHECK(kith_node_conversation(t->n[ALICE].node, 0, &conv));
	CHECK_OK(kith_node_say(t->n[ALICE].node, conv.id, &id, "hello", 5, NULL,
			       town_call(t, ALICE), t->now));
	town_reply(t, ALICE);
	said = t->n[ALICE].reply.id;
}

static void invite(struct town *t, char link[512])
{
	CHECK_OK(kith_node_invite(t->n[ALICE].node, "", 1, false, town_call(t, ALICE), t->now));
	town_reply(t, ALICE);
	(void)snprintf(link, 512, "%s", t->n[ALICE].text);
}

static void people(struct town *t)
{
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
}

static void become_contacts(struct town *t)
{
	struct kith_node_request r;
	char link[512];

	people(t);
	invite(t, link);
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
}

static unsigned listed_box(struct town *t, unsigned from)
{
	while (!lists(t, BOB, from))
		from++;
	return from;
}

static void kept_and_shown(struct town *t, unsigned number)
{
	town_halt(t, BOB);
	t->n[BOB].shown_count = 0;
	say(t, number);
	CHECK(town_until(t, 60 * SEC, kept_by_five, ALICE));
	come(t, BOB);
	CHECK(town_until(t, 60 * SEC, shown_one, BOB));
}

TEST(leave_a_dead_mailbox_is_replaced)
{
	static struct town t;
	unsigned dead;

	become_contacts(&t);
	dead = listed_box(&t, 1);
	town_kill(&t, dead, false);
	town_run(&t, 70 * HOUR);
	CHECK(lists(&t, BOB, dead)); /* it may come back */
	town_run(&t, 12 * HOUR);
	CHECK(!lists(&t, BOB, dead));
	CHECK(has_five(&t, BOB));
	kept_and_shown(&t, 1);
	town_free(&t);
}

/* A mailbox signs with another key than before: listed anew under that one. */
TEST(leave_a_mailbox_with_another_key)
{
	static struct town t;
	struct kith_mbox_service *s;
	unsigned box;
	uint32_t version;

	become_contacts(&t);
	box = listed_box(&t, 1);
	version = t.n[BOB].node->list_version;
	s = t.n[box].node->service;
	s->mk_seed[0] ^= 1;
	kith_sign_public(s->mk, s->mk_seed);
	kith__bind_sign(s->bind, s->mk_seed, s->ml, s->mk);
	town_run(&t, 8 * HOUR);
	CHECK(t.n[BOB].node->list_version > version);
	CHECK(lists(&t, BOB, box));
	CHECK(has_five(&t, BOB));
	town_run(&t, 300 * SEC);
	kept_and_shown(&t, 1);
	town_free(&t);
}

/* Bob removes Alice while she is away; what she had left and leaves later is not shown, and her
 * node is never told "delivered". */
TEST(attack_removed_while_away)
{
	static struct town t;
	struct kith_node_contact c;

	become_contacts(&t);
	town_halt(&t, BOB);
	say(&t, 1);
	CHECK(town_until(&t, 60 * SEC, kept_by_five, ALICE));
	town_halt(&t, ALICE);
	for (unsigned i = 0; i < BOXES; i++)
		town_kill(&t, i, false); /* Bob is offline when he does it */
	town_boot(&t, BOB);
	CHECK(kith_node_contact(t.n[BOB].node, 0, &c));
	CHECK_OK(kith_node_contact_remove(t.n[BOB].node, c.id, true, town_call(&t, BOB), t.now));
	town_reply(&t, BOB);
	for (unsigned i = 0; i < BOXES; i++)
		town_boot(&t, i);
	come(&t, ALICE);
	town_meet(&t, BOB, 0);
	say(&t, 2);
	t.n[BOB].shown_count = 0;
	town_run(&t, 3 * HOUR);
	CHECK_EQ(t.n[BOB].shown_count, 0);
	CHECK(state(&t, ALICE).step < KITH_STEP_DELIVERED);
	CHECK(!accepted(&t, BOB));
	town_free(&t);
}

static unsigned squats;
static void squatted(struct kith_node *n, uint64_t a, uint64_t b, int status,
		     const struct kith_receipt *r, const uint8_t mk[static 32], uint32_t position)
{
	(void)n;
	(void)a;
	(void)b;
	(void)r;
	(void)mk;
	(void)position;
	squats += status == KITH_OK;
}

static void squat(struct town *t, const struct kith_list_entry *e, const uint8_t tag[16])
{
	struct kith_put_order o = {.addr = e->addr, .ttl_class = 1, .fn = squatted};
	uint8_t blob[KITH_BLOB];

	kith_rng_fill(&t->n[BOB].rng, blob, sizeof(blob));
	memcpy(o.ml, e->ml, 32);
	memcpy(o.tag, tag, 16);
	o.blob = blob;
	CHECK_OK(kith__mbox_order_put(t->n[BOB].node, &o));
}

/* Whoever holds the address can fill request slots: 200 with garbage at each mailbox of the record,
 * from one prefix. A request still comes through. */
TEST(attack_request_slots_are_flooded)
{
	static struct town t;
	struct kith_node *alice;
	struct kith_list own;
	char link[512];
	uint8_t s[32], tag[16], wrap[32];

	people(&t);
	invite(&t, link);
	alice = t.n[ALICE].node;
	kith__own_list(alice, &own);
	kith_record_knock_secret(s, alice->id->cap[0].cap, alice->id->ik);
	squats = 0;
	for (unsigned m = 0; m < 3; m++)
		for (unsigned k = 0; k < 200; k++) {
			uint16_t slot = (uint16_t)kith_rng_below(&t.n[BOB].rng, 16384);

			kith__request_place(tag, wrap, s, kith__wall_s(alice) / 86400, slot,
					    own.box[m].ml);
			squat(&t, &own.box[m], tag);
			town_run(&t, SEC / 20);
		}
	town_run(&t, 120 * SEC);
	printf("# %u request slots squatted\n", squats);
	CHECK(squats > 300);
	CHECK_OK(kith_node_contact_add(t.n[BOB].node, link, strlen(link), "Alice", "hello",
				       town_call(&t, BOB), t.now));
	town_reply(&t, BOB);
	CHECK(town_until(&t, 300 * SEC, has_request, ALICE));
	town_free(&t);
}

/* Somebody puts other bytes under the tags of the next message at every mailbox: never "kept" for
 * that, and the message comes through under the next index. */
TEST(attack_message_tags_are_squatted)
{
	static struct town t;
	struct kith_contact *c;
	struct kith_tag_keys keys;
	uint32_t version;

	become_contacts(&t);
	c = t.n[ALICE].node->contact[0];
	version = kith__tagbook_version(c);
	squats = 0;
	for (unsigned m = 0; m < c->boxes; m++) {
		CHECK_OK(kith__tagbook_send(c, version, c->box[m].e.ml,
					    c->send.list[c->send.count - 1].next, &keys));
		squat(&t, &c->box[m].e, keys.tag);
	}
	town_run(&t, 30 * SEC);
	CHECK_EQ(squats, c->boxes);
	kept_and_shown(&t, 1);
	town_free(&t);
}
