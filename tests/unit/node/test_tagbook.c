/* SPDX-License-Identifier: ISC */
/* Tag state of a pair: the golden chains over a list change, the sender's bounds, the recipient's
 * window, consumed and announced indices, the stream. */
#include <string.h>

#include "node/msgs.h"
#include "tests/test.h"
#include "tests/vectors.h"

static uint8_t ml[2][32];
static struct kith_contact *c;
static struct kith_node *n;
static struct kith_rng rng;

static void start(void)
{
	n = kith_alloc_zero(NULL, 1, sizeof(*n));
	c = kith_alloc_zero(NULL, 1, sizeof(*c));
	CHECK(n != NULL && c != NULL);
	rng = test_rng(test_seed());
	n->rng = &rng;
	n->contact = kith_alloc_zero(NULL, 1, sizeof(*n->contact));
	CHECK(n->contact != NULL);
	n->contact[0] = c;
	n->contacts = 1;
	c->id = 1;
	c->in_dirty_list = true; /* no rows here */
	kith_rng_fill(&rng, ml, sizeof(ml));
}

static void end(void)
{
	kith__tagbook_free(n);
	for (size_t i = 0; i < n->contacts; i++)
		if (n->contact[i] != c)
			kith__tagbook_wipe(&n->contact[i]->recv);
	kith__tagbook_wipe(&c->send);
	kith__tagbook_wipe(&c->recv);
	kith_alloc_free(NULL, n->contact);
	kith_alloc_free(NULL, n);
	kith_alloc_free(NULL, c);
}

/* Send side of `c` and receive side of `c` under one root: it talks to itself. */
static void talk_to_self(unsigned boxes)
{
	start();
	c->send.has_root = true;
	kith_rng_fill(&rng, c->send.root, 32);
	c->recv = c->send;
	CHECK_OK(kith__tagbook_list(&c->send, 1, (const uint8_t(*)[32])ml, boxes));
	CHECK_OK(kith__tagbook_list(&c->recv, 1, (const uint8_t(*)[32])ml, boxes));
	kith__tagbook_changed(n);
}

TEST(tagbook_golden_chains)
{
	struct test_vectors *v = test_vectors_open("tags.txt");
	struct kith_tag_keys k;
	uint8_t want[32];
	unsigned checked = 0;

	start();
	while (test_vectors_next(v)) {
		if (test_vectors_has(v, "r_next")) {
			uint32_t version = (uint32_t)test_vectors_int(v, "version");

			test_vectors_bytes(v, "ml0", ml[0], 32);
			test_vectors_bytes(v, "ml1", ml[1], 32);
			test_vectors_bytes(v, "r", want, 32);
			if (!c->send.has_root)
				memcpy(c->send.root, want, 32);
			c->send.has_root = true;
			CHECK_MEM(c->send.root, want, 32);
			CHECK_OK(
				kith__tagbook_list(&c->send, version, (const uint8_t(*)[32])ml, 2));
			test_vectors_bytes(v, "r_next", want, 32);
			CHECK_MEM(c->send.root, want, 32);
			CHECK_EQ(c->send.root_version, version + 1);
		} else if (test_vectors_has(v, "index")) {
			CHECK_OK(kith__tagbook_send(c, (uint32_t)test_vectors_int(v, "version"),
						    ml[test_vectors_int(v, "mailbox")],
						    (uint32_t)test_vectors_int(v, "index"), &k));
			test_vectors_bytes(v, "tag", want, 16);
			CHECK_MEM(k.tag, want, 16);
			test_vectors_bytes(v, "d", want, 32);
			CHECK_MEM(k.d, want, 32);
			checked++;
		}
	}
	test_vectors_close(v);
	CHECK(checked > 140);
	CHECK_EQ(c->send.count, 2);
	CHECK_EQ(kith__tagbook_version(c), 4);
	end();
}

TEST(tagbook_roots_only_go_forward)
{
	talk_to_self(1);
	CHECK_OK(kith__tagbook_list(&c->send, 1, (const uint8_t(*)[32])ml, 1)); /* known */
	CHECK_OK(kith__tagbook_list(&c->send, 5, (const uint8_t(*)[32])ml, 2));
	CHECK_EQ(kith__tagbook_list(&c->send, 3, (const uint8_t(*)[32])ml, 2), KITH_E_STATE);
	CHECK_EQ(kith__tagbook_list(&c->send, 5000, (const uint8_t(*)[32])ml, 2), KITH_E_STATE);
	CHECK(!c->send.list[0].live);
	CHECK_EQ(c->send.root_version, 6);
	end();
}

TEST(tagbook_sender_bounds)
{
	struct kith_tag_keys k;
	uint32_t i;

	talk_to_self(2);
	for (i = 0; i < KITH_UNACKED_MAX; i++) {
		CHECK(kith__tagbook_may_take(c));
		CHECK_EQ(kith__tagbook_take(c), i);
	}
	CHECK(!kith__tagbook_may_take(c)); /* 900 un-acked */
	kith__tagbook_acked(c, 1, 500);
	CHECK_EQ(kith__tagbook_low(c), 500);
	CHECK_EQ(kith__tagbook_send(c, 1, ml[0], 499, &k), KITH_E_NOTFOUND); /* erased */
	CHECK_OK(kith__tagbook_send(c, 1, ml[1], 500, &k));
	while (kith__tagbook_may_take(c))
		(void)kith__tagbook_take(c);
	CHECK_EQ(c->send.list[0].next, 1024); /* nothing heard: the recipient's base may be 0 */
	kith__tagbook_heard(c, 1, 500);
	CHECK(kith__tagbook_may_take(c));
	kith__tagbook_acked(c, 1, 5000); /* never beyond what was taken */
	CHECK_EQ(kith__tagbook_low(c), 1024);
	end();
}

static bool arrives(const uint8_t at[32], uint32_t i, bool consume)
{
	struct kith_tag_keys k;
	struct kith_tag_match m;

	CHECK_OK(kith__tagbook_send(c, 1, at, i, &k));
	if (!kith__tagbook_match(n, at, k.tag, &m))
		return false;
	CHECK(m.c == c);
	CHECK_EQ(m.request, -1);
	CHECK_EQ(m.index, i);
	CHECK_EQ(m.version, 1);
	CHECK_MEM(m.keys.wrap, k.wrap, 32);
	if (consume)
		kith__tagbook_consumed(n, &m);
	return true;
}

TEST(tagbook_recipient_window)
{
	struct kith_tag_keys k;
	struct kith_tag_match m;
	uint32_t i;

	talk_to_self(2);
	CHECK(arrives(ml[0], 3, true));
	CHECK(!arrives(ml[1], 3, false)); /* the same index elsewhere: not fetched again */
	CHECK_EQ(c->recv.list[0].low, 0);
	for (i = 0; i < 3; i++)
		CHECK(arrives(ml[i % 2], i, true));
	CHECK_EQ(c->recv.list[0].low, 4);
	CHECK(arrives(ml[1], 4 + 1023, false));
	CHECK(!arrives(ml[1], 4 + 1024, false));
	kith__tagbook_announced(n, c, 1, 4 + 1025); /* too far: ignored */
	CHECK_EQ(c->recv.list[0].low, 4);
	CHECK(arrives(ml[0], 700, true));
	kith__tagbook_announced(n, c, 1, 700);
	CHECK_EQ(c->recv.list[0].low, 701);
	CHECK(!arrives(ml[1], 699, false)); /* behind the base */
	CHECK(arrives(ml[1], 1500, true));
	CHECK_OK(kith__tagbook_send(c, 1, ml[0], 705, &k));
	CHECK(!kith__tagbook_match(n, ml[1], k.tag, &m)); /* another mailbox's tag */
	end();
}

/* Against a plain set of indices, at random. */
TEST(tagbook_window_random)
{
	bool taken[3000] = {false};
	uint64_t state = test_seed();
	uint32_t base = 0;
	unsigned round;

	talk_to_self(1);
	for (round = 0; round < 3000 && base < 1500; round++) {
		uint32_t i = base + (uint32_t)(test_random(&state) % (round % 10 == 0 ? 1024 : 20));
		bool here = arrives(ml[0], i, true);

		CHECK_EQ(here, !taken[i]);
		taken[i] = true;
		while (taken[base])
			base++;
		CHECK_EQ(c->recv.list[0].low, base);
	}
	CHECK(base > 100);
	end();
}

TEST(tagbook_stream_beyond_the_table)
{
	static struct kith_contact many[500];
	struct kith_tag_keys k;
	struct kith_tag_match m;
	uint8_t listed[2][16];
	unsigned i;

	talk_to_self(2);
	kith_alloc_free(NULL, n->contact);
	n->contact = kith_alloc_zero(NULL, 501, sizeof(*n->contact));
	CHECK(n->contact != NULL);
	n->contact[n->contacts++ - 1] = c;
	for (i = 0; i < 500; i++) { /* so many chains that each has a small window */
		many[i].id = i + 2;
		many[i].in_dirty_list = true;
		CHECK(kith__tagbook_add(&many[i].recv) != NULL);
		many[i].recv.list[0] = c->recv.list[0];
		kith_rng_fill(&rng, many[i].recv.list[0].chain[0].t, 32);
		kith_rng_fill(&rng, many[i].recv.list[0].chain[1].t, 32);
		n->contact[i + 1] = &many[i];
	}
	n->contacts = 501;
	kith__tagbook_changed(n);
	CHECK(arrives(ml[0], 60, false));
	CHECK(!arrives(ml[0], 900, false));
	CHECK_OK(kith__tagbook_send(c, 1, ml[0], 900, &k));
	memset(listed[0], 9, 16);
	memcpy(listed[1], k.tag, 16);
	kith__tagbook_stream(n, ml[0], (const uint8_t(*)[16])listed, 2);
	CHECK(arrives(ml[0], 900, true));
	CHECK(!arrives(ml[0], 900, false));
	CHECK(!kith__tagbook_match(n, ml[0], listed[0], &m));
	end();
}
