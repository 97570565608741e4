/* SPDX-License-Identifier: ISC */
/*
 * Attacks among whole nodes that meet through a mailbox only: somebody who holds an address and
 * works against another's request (attack_27), and a block while both are away.
 */
#include <stdio.h>
#include <string.h>

#include "base/record.h"
#include "node/msgs.h"
#include "tests/break/tally.h"
#include "tests/sim/town.h"

enum { BOX, ALICE, BOB, MALLORY };

#define COPIES 12u

static struct town t;
static char link_text[512];
static uint64_t said;

static bool has_mailbox(struct town *at, unsigned i)
{
	struct kith_node_mailbox m;

	return kith_node_mailbox(at->n[i].node, 0, &m) && m.answering;
}

static bool request_kept(struct town *at, unsigned i)
{
	struct kith_node_contact c;

	return kith_node_contact(at->n[i].node, 0, &c) && c.request_kept > 0;
}

static bool has_request(struct town *at, unsigned i)
{
	struct kith_node_request r;

	return kith_node_request(at->n[i].node, 0, &r);
}

static bool accepted(struct town *at, unsigned i)
{
	struct kith_node_contact c;

	return kith_node_contact(at->n[i].node, 0, &c) && c.state == KITH_CONTACT_ACCEPTED;
}

static bool kept(struct town *at, unsigned i)
{
	struct kith_node_state s;

	return kith_node_message_state(at->n[i].node, said, &s) == KITH_OK &&
	       s.step == KITH_STEP_KEPT;
}

static bool delivered(struct town *at, unsigned i)
{
	struct kith_node_state s;

	return kith_node_message_state(at->n[i].node, said, &s) == KITH_OK &&
	       s.step >= KITH_STEP_DELIVERED;
}

static void come(unsigned i, const char *new_name)
{
	town_boot(&t, i);
	town_meet(&t, i, BOX);
	if (new_name == NULL)
		return;
	CHECK_OK(kith_node_identity_create(t.n[i].node, new_name, town_call(&t, i), t.now));
	town_reply(&t, i);
}

static void say(unsigned i, const char *text)
{
	struct kith_node_conversation conv;
	struct kith_msgid id = {{0}};

	CHECK(kith_node_conversation(t.n[i].node, 0, &conv));
	id.b[0] = (uint8_t)i;
	kith_store_u64(id.b + 8, t.now);
	CHECK_OK(kith_node_say(t.n[i].node, conv.id, &id, text, strlen(text), NULL,
			       town_call(&t, i), t.now));
	town_reply(&t, i);
	said = t.n[i].reply.id;
}

/* Alice makes an address and goes; Bob's request waits at the mailbox, Bob is there. */
static void bob_asks(void)
{
	town_init(&t, 1, 4);
	town_boot(&t, BOX);
	town_run(&t, SEC);
	come(ALICE, "Alice");
	CHECK(town_until(&t, 30 * SEC, has_mailbox, ALICE));
	CHECK_OK(kith_node_invite(t.n[ALICE].node, "for all", 1, false, town_call(&t, ALICE),
				  t.now));
	town_reply(&t, ALICE);
	(void)snprintf(link_text, sizeof(link_text), "%s", t.n[ALICE].text);
	town_run(&t, 60 * SEC);
	town_halt(&t, ALICE);
	town_boot(&t, BOB);
	CHECK_OK(kith_node_identity_create(t.n[BOB].node, "Bob", town_call(&t, BOB), t.now));
	town_reply(&t, BOB);
	CHECK_OK(kith_node_contact_add(t.n[BOB].node, link_text, strlen(link_text), "Alice", "hi",
				       town_call(&t, BOB), t.now));
	town_reply(&t, BOB);
	CHECK(town_until(&t, 120 * SEC, request_kept, BOB));
	town_run(&t, 5 * SEC);
}

static void alice_accepts(void)
{
	struct kith_node_request r;

	CHECK(kith_node_request(t.n[ALICE].node, 0, &r));
	CHECK_STR(r.name, "Bob");
	CHECK_OK(
		kith_node_request_accept(t.n[ALICE].node, r.id, NULL, town_call(&t, ALICE), t.now));
	town_reply(&t, ALICE);
	town_run(&t, 30 * SEC);
}

/* ---- attack_27 ---- */

static unsigned put_ok, put_other;
static uint8_t copy_hash[2 * COPIES][16]; /* of sound copies */
static unsigned copies;

static void put_done(struct kith_node *n, uint64_t a, uint64_t b, int status,
		     const struct kith_receipt *r, const uint8_t mk[static 32], uint32_t position)
{
	(void)n;
	(void)a;
	(void)b;
	(void)r;
	(void)mk;
	(void)position;
	put_ok += status == KITH_OK;
	put_other += status != KITH_OK;
}

/* What everybody with the address knows: S, and the place of the request at the mailbox. */
struct holder {
	struct kith_address a;
	uint8_t s[32], ml[32];
	struct kith_addr addr;
};

static void holder_begin(struct holder *h, const struct kith_node *alice_box)
{
	struct kith_hint hint[3];
	size_t hints;

	CHECK_EQ(kith__link_parse(&h->a, hint, &hints, link_text, strlen(link_text)), KITH_LINK_OK);
	kith_record_knock_secret(h->s, h->a.cap, h->a.ik);
	kith_dh_public(h->ml, alice_box->cfg.node_secret);
	h->addr = t.n[BOX].addr;
}

/* Mallory puts `inner` into slot `slot` of today. */
static void put(const struct holder *h, uint16_t slot, const uint8_t inner[KITH_INNER])
{
	struct kith_node *n = t.n[MALLORY].node;
	uint64_t day = kith__wall_s(n) / 86400u;
	uint8_t wrap[32], nonce[24], blob[KITH_BLOB];
	struct kith_put_order o = {.ttl_class = 2, .fn = put_done};

	kith__request_place(o.tag, wrap, h->s, day, slot, h->ml);
	kith_rng_fill(n->rng, nonce, sizeof(nonce));
	kith__blob_wrap(blob, nonce, wrap, o.tag, inner);
	memcpy(o.ml, h->ml, 32);
	o.addr = h->addr;
	o.blob = blob;
	n->now = t.now;
	CHECK_OK(kith__mbox_order_put(n, &o));
	town_run(&t, 2 * SEC);
}

/* Another's request, doubled: as it is, under new proofs of work, with its parts changed. */
static void work_against(const struct holder *h, const uint8_t request[KITH_INNER], uint16_t slot)
{
	uint64_t day = kith__wall_s(t.n[MALLORY].node) / 86400u, nonce = 1000u * slot + 1000;
	uint8_t inner[KITH_INNER], digest[32];

	for (uint16_t k = 0; k < COPIES; k++) {
		memcpy(inner, request, KITH_INNER);
		if (k % 3 == 2)
			inner[8 + k * 300] ^= 1; /* spoilt */
		kith__request_digest(digest, inner);
		while (!kith__request_work_search(&nonce, 1u << 16, h->a.ik, h->ml, day, digest, 4))
			;
		if (k % 3 != 0) /* else the bytes of the first one */
			kith__request_work_put(inner, nonce++);
		if (k % 3 == 1)
			kith__request_seen(copy_hash[copies++], inner);
		put(h, (uint16_t)(slot + k), inner);
	}
}

static unsigned requests_at_alice(void)
{
	struct kith_node_request r;
	unsigned count = 0;

	while (kith_node_request(t.n[ALICE].node, count, &r))
		count++;
	return count;
}

/* How many of the sound copies Alice fetched and opened. */
static unsigned copies_opened(void)
{
	unsigned count = 0;
	uint32_t value;

	for (unsigned i = 0; i < copies; i++)
		count += kith_map_get(&t.n[ALICE].node->seen, copy_hash[i], &value);
	return count;
}

TEST(attack_27_another_holder_of_the_address)
{
	uint8_t request[KITH_INNER];
	struct holder h;
	uint32_t epoch;

	put_ok = put_other = copies = 0;
	bob_asks();
	holder_begin(&h, t.n[BOX].node);
	/* unwrapping the blob at the mailbox gives these bytes to every holder of the address */
	memcpy(request, t.n[BOB].node->contact[0]->request_blob, KITH_INNER);
	come(MALLORY, "Mallory");
	CHECK(town_until(&t, 30 * SEC, has_mailbox, MALLORY));
	work_against(&h, request, 0);
	come(ALICE, NULL);
	CHECK(town_until(&t, 90 * SEC, has_request, ALICE));
	town_run(&t, 60 * SEC);
	tally("requests shown of one request and its copies", requests_at_alice(), 1);
	alice_accepts();
	CHECK(town_until(&t, 60 * SEC, accepted, BOB));
	say(BOB, "first");
	CHECK(town_until(&t, 60 * SEC, delivered, BOB));
	epoch = t.n[ALICE].node->contact[0]->epoch;
	work_against(&h, request, 500);
	town_run(&t, 60 * SEC);
	tally("copies that she fetched and opened", copies_opened(), copies);
	tally("requests shown after the accept", requests_at_alice(), 0);
	CHECK_EQ(t.n[ALICE].node->contact[0]->epoch, epoch);
	say(BOB, "here I am");
	CHECK(town_until(&t, 60 * SEC, delivered, BOB));
	CHECK_EQ(t.n[ALICE].shown_count, 2);
	printf("# %u copies put by another, %u refused\n", put_ok, put_other);
	CHECK_EQ(put_ok, 2 * COPIES);
	town_free(&t);
}

/* ---- a block while both are away ---- */

static void become_contacts(void)
{
	bob_asks();
	come(ALICE, NULL);
	CHECK(town_until(&t, 90 * SEC, has_request, ALICE));
	alice_accepts();
	CHECK(town_until(&t, 60 * SEC, accepted, BOB));
	say(BOB, "before");
	CHECK(town_until(&t, 60 * SEC, delivered, BOB));
	CHECK_EQ(t.n[ALICE].shown_count, 1);
	t.n[ALICE].shown_count = 0;
	town_halt(&t, ALICE);
}

/* Node i removes its only contact, which is this release's block, while the network is away. */
static void block_alone(unsigned i)
{
	struct kith_node_contact c;

	town_kill(&t, BOX, false);
	town_boot(&t, i);
	CHECK(kith_node_contact(t.n[i].node, 0, &c));
	CHECK_OK(kith_node_contact_remove(t.n[i].node, c.id, true, town_call(&t, i), t.now));
	town_reply(&t, i);
	town_halt(&t, i);
	town_boot(&t, BOX);
	town_run(&t, SEC);
}

static void blocked_while_away(bool both)
{
	unsigned tries = 0;

	become_contacts();
	say(BOB, "kept while she was away");
	CHECK(town_until(&t, 120 * SEC, kept, BOB));
	town_halt(&t, BOB);
	block_alone(ALICE);
	if (both)
		block_alone(BOB);
	come(BOB, NULL);
	if (!both) {
		say(BOB, "after the block, which he cannot know");
		town_run(&t, 60 * SEC);
	}
	town_halt(&t, BOB);
	for (unsigned day = 0; day < 3; day++) {
		come(ALICE, NULL);
		come(BOB, NULL); /* both there: he looks for her and calls */
		town_run(&t, 120 * SEC);
		CHECK_EQ(t.n[ALICE].shown_count, 0);
		CHECK_EQ(t.n[BOB].shown_count, 0);
		for (unsigned i = ALICE; i <= BOB; i++) {
			struct kith_node_contact c;

			tries++;
			if (kith_node_contact(t.n[i].node, 0, &c))
				CHECK(!c.online);
		}
		if (!both)
			CHECK(!delivered(&t, BOB));
		CHECK_EQ(requests_at_alice(), 0);
		town_halt(&t, BOB);
		town_halt(&t, ALICE);
	}
	tally("meetings after a block: silence", tries, 6);
	town_free(&t);
}

TEST(attack_block_while_both_are_away)
{
	blocked_while_away(false);
}

TEST(attack_block_by_both_while_away)
{
	blocked_while_away(true);
}
