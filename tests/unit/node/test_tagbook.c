/* SPDX-License-Identifier: ISC */
/* Tag state of a pair: the golden chains over a list change, the sender's bounds, the recipient's
 * window, consumed and announced indices; the sieve: far indices, bursts, slices, what hostile
 * tags may cost. */
#include <string.h>

#include "node/mbox_own.h"
#include "node/msgs.h"
#include "tests/test.h"
#include "tests/vectors.h"

#define NEAR KITH__TAG_NEAR

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
	if (n->fetch != NULL)
		kith__fetch_free(n);
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

/* The same for a place that is known, far ones too. */
static bool known(const uint8_t at[32], uint32_t i)
{
	const struct kith__tag_place place = {c->id, 1, i};
	struct kith_tag_keys k;
	struct kith_tag_match m;

	CHECK_OK(kith__tagbook_send(c, 1, at, i, &k));
	return kith__tagbook_find(n, &place, at, k.tag, &m) && m.c == c && m.index == i;
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
	CHECK(arrives(ml[1], 4 + NEAR - 1, false));
	CHECK(!arrives(ml[1], 4 + NEAR, false)); /* beyond the table */
	CHECK(known(ml[1], 4 + 1023));           /* but not beyond reach */
	CHECK(!known(ml[1], 4 + 1024));
	kith__tagbook_announced(n, c, 1, 4 + 1025); /* too far: ignored */
	CHECK_EQ(c->recv.list[0].low, 4);
	CHECK(arrives(ml[0], 30, true));
	CHECK(arrives(ml[0], 30 + NEAR, true)); /* the window lies beyond what has come, */
	CHECK(arrives(ml[1], 5, false));        /* and holds what has not */
	CHECK(!arrives(ml[1], 30, false));
	CHECK(!arrives(ml[1], 30 + 2 * NEAR + 1, false));
	for (i = 30 + 2 * NEAR; i < 700; i += NEAR)
		CHECK(arrives(ml[0], i, true));
	CHECK(arrives(ml[0], 700, true));
	kith__tagbook_announced(n, c, 1, 700);
	CHECK_EQ(c->recv.list[0].low, 701);
	CHECK(!arrives(ml[1], 699, false)); /* behind the base */
	CHECK(!arrives(ml[1], 701 + NEAR, false));
	CHECK(arrives(ml[1], 701 + NEAR - 1, true));
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
	uint32_t top = 0; /* beyond what has come */
	unsigned round;

	talk_to_self(1);
	for (round = 0; round < 3000 && base < 1500; round++) {
		uint32_t i = base + (uint32_t)(test_random(&state) % (round % 10 == 0 ? 1024 : 20));
		uint32_t reach = (top > base ? top : base) + NEAR;
		bool here = arrives(ml[0], i, true);

		CHECK_EQ(here, !taken[i] && i < reach);
		CHECK_EQ(known(ml[0], i), !taken[i] && !here);
		taken[i] |= here;
		if (here && i >= top)
			top = i + 1;
		while (taken[base])
			base++;
		CHECK_EQ(c->recv.list[0].low, base);
	}
	CHECK(base > 100);
	end();
}

/* ---- the sieve ---- */
static struct kith__fetcher *reader(void)
{
	struct kith__fetcher *r = &kith__fetch(n)->reader[0];

	n->now = 1000000;
	r->used = true;
	memcpy(r->ml, ml[0], 32);
	kith__sieve_init(n, &r->sieve, ml[0]);
	return r;
}

static void hears(struct kith__fetcher *r, uint32_t i, bool listed)
{
	struct kith_tag_keys k;

	CHECK_OK(kith__tagbook_send(c, 1, ml[0], i, &k));
	CHECK(kith__sieve_add(n, &r->sieve, k.tag, listed));
}

static void hears_stranger(struct kith__fetcher *r, bool listed)
{
	uint8_t tag[16];

	kith_rng_fill(&rng, tag, sizeof(tag));
	CHECK(kith__sieve_add(n, &r->sieve, tag, listed));
}

static bool wanted(uint32_t i)
{
	for (size_t w = 0; w < n->fetch->wants; w++)
		if (n->fetch->want[w].contact == c->id && n->fetch->want[w].epoch == 1 &&
		    n->fetch->want[w].index == i && n->fetch->want[w].request == -1)
			return true;
	return false;
}

/* As the timer would, until nothing is due before `until`; returns how many slices it took. */
static unsigned run_sieve(struct kith__fetcher *r, kith_time until)
{
	unsigned slices = 0;
	kith_time due;

	while ((due = kith__sieve_deadline(n, &r->sieve)) <= until) {
		n->now = due;
		kith__sieve_run(n, 0);
		CHECK(++slices < 100000); /* it must not spin */
	}
	n->now = until;
	return slices;
}

/* Contacts 2.. with one list at both mailboxes each. */
static void crowd(struct kith_contact *many, unsigned count)
{
	struct kith_tag_list *l;
	unsigned i;

	kith_alloc_free(NULL, n->contact);
	n->contact = kith_alloc_zero(NULL, count + 1, sizeof(*n->contact));
	CHECK(n->contact != NULL);
	n->contact[0] = c;
	for (i = 0; i < count; i++) {
		many[i].id = i + 2;
		many[i].in_dirty_list = true;
		l = kith__tagbook_add(&many[i].recv);
		CHECK(l != NULL);
		l->version = c->recv.list[0].version;
		l->live = true;
		for (unsigned m = 0; m < 2; m++) {
			struct kith_tag_chain *chain = kith__tagbook_chain(l);

			CHECK(chain != NULL);
			memcpy(chain->ml, c->recv.list[0].chain[m].ml, 32);
			kith_rng_fill(&rng, chain->t, 32);
		}
		n->contact[i + 1] = &many[i];
	}
	n->contacts = count + 1;
	kith__tagbook_changed(n);
}

TEST(tagbook_sieve_finds_far_indices)
{
	static struct kith_contact many[100];
	struct kith__fetcher *r;
	unsigned slices;

	talk_to_self(2);
	crowd(many, 100);
	r = reader();
	CHECK(arrives(ml[0], NEAR - 1, false));
	CHECK(!arrives(ml[0], 900, false));
	hears(r, 900, true);
	hears(r, 1023, true);
	hears(r, 1024, true); /* out of reach */
	hears(r, 3, true);    /* the table's business */
	hears_stranger(r, true);
	CHECK(kith__sieve_busy(&r->sieve)); /* no cursor is written meanwhile */
	slices = run_sieve(r, n->now);
	CHECK(slices > 30); /* 101 chains of 992 steps, three a slice */
	CHECK(!kith__sieve_busy(&r->sieve));
	CHECK_EQ(r->sieve.steps, 101u * (1024 - NEAR));
	CHECK_EQ(r->sieve.tags.count, 0);
	CHECK_EQ(n->fetch->wants, 2);
	CHECK(wanted(900) && wanted(1023));
	end();
}

TEST(tagbook_sieve_tags_during_a_pass)
{
	static struct kith_contact many[20];
	struct kith__fetcher *r;

	talk_to_self(2);
	crowd(many, 20);
	r = reader();
	hears_stranger(r, true);
	kith__sieve_run(n, 0); /* the first slice passes our chain */
	CHECK(r->sieve.running);
	hears(r, 500, true);
	(void)run_sieve(r, n->now);
	CHECK(wanted(500));
	CHECK(!kith__sieve_busy(&r->sieve));
	end();
}

/* A burst in order needs no pass: the window moves over what waits. */
TEST(tagbook_sieve_burst)
{
	struct kith__fetcher *r;
	uint32_t i;

	talk_to_self(2);
	r = reader();
	for (i = NEAR; i < 900; i++)
		hears(r, i, false);
	for (i = 0; i < 900; i++) {
		CHECK(i < NEAR || wanted(i));
		CHECK(arrives(ml[0], i, true));
	}
	CHECK_EQ(r->sieve.steps, 0);
	CHECK_EQ(n->fetch->wants, 900 - NEAR);
	end();
}

/* Tags of nobody, pushed ten a second, then listed as fast, 1,000 s in all. */
TEST(tagbook_sieve_hostile_mailbox)
{
	static struct kith_contact many[9];
	struct kith__fetcher *r;
	unsigned i;

	talk_to_self(2);
	crowd(many, 9);
	r = reader();
	for (i = 0; i < 10000; i++) {
		hears_stranger(r, i >= 5000);
		(void)run_sieve(r, n->now + 100000);
		CHECK(r->sieve.tags.count <= 8192);
	}
	CHECK(r->sieve.steps <= 8 * 10240 + 1000 * 1000);
	CHECK(r->sieve.steps >= 1000 * 900); /* and the paces are used */
	hears(r, 800, true);                 /* an honest tag among them is late, not lost */
	(void)run_sieve(r, n->now + 60000000);
	CHECK(wanted(800));
	end();
}

/* What a listing may take is left by pushes. */
TEST(tagbook_sieve_listing_goes_first)
{
	static struct kith_contact many[9];
	struct kith__fetcher *r;
	unsigned i;

	talk_to_self(2);
	crowd(many, 9);
	r = reader();
	for (i = 0; i < 100; i++) {
		hears_stranger(r, false);
		(void)run_sieve(r, n->now + 1000000);
	}
	CHECK(r->sieve.debt > 3 * 10 * (1024 - NEAR)); /* they used what they may */
	hears_stranger(r, false);
	hears(r, 300, true);
	(void)run_sieve(r, n->now); /* at once */
	CHECK(wanted(300));
	end();
}

/* Lists that end without a word leave words in the table; it is made anew, and the rest matches. */
TEST(tagbook_table_made_anew)
{
	static struct kith_contact many[40];
	unsigned round;
	unsigned i;

	talk_to_self(2);
	crowd(many, 40);
	for (round = 0; round < 5; round++) {
		for (i = 0; i < 40; i++) {
			kith_rng_fill(&rng, many[i].recv.list[0].chain[0].t, 32);
			many[i].recv.list[0].ahead[0].at = 0;
		}
		kith__tagbook_changed(n);
		CHECK(kith__tagtable_words(n) <= 41u * 2 * NEAR * 5 / 4 + 256);
		CHECK(arrives(ml[0], NEAR - 1, false));
		CHECK(arrives(ml[1], round, true));
	}
	end();
}
