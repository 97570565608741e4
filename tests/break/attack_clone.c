/* SPDX-License-Identifier: ISC */
/*
 * Copies of a profile (attack_06): at a thousand moments of a conversation the disk of one side is
 * copied, as it is or as a power cut leaves it, and the twin starts from the copy and talks on its
 * own. Old copies too, key file and all, which nothing on the machine can tell from the present
 * one. Every sealing of every node in the process is watched: no key with a nonce for two contents.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "tests/break/seals.h"
#include "tests/break/tally.h"
#include "tests/unit/node/pair.h"

#define POINTS  125u /* of each case: eight make a thousand */
#define PER_RUN 25u  /* a new pair of people after so many */
#define OLD     7u   /* copies kept for the rollbacks */

static struct pair p, twin;
static struct test_disk old[OLD];
static uint64_t twins, texts;

static void disk_copy(struct test_disk *to, const struct test_disk *from)
{
	test_disk_init(to);
	for (unsigned i = 0; i < TEST_DISK_FILES; i++) {
		const struct test_disk_file *f = &from->file[i];
		struct test_disk_file *t = &to->file[i];

		if (!f->used || f->name[0] == 0)
			continue;
		*t = *f;
		t->handles = 0;
		t->first = t->last = NULL;
		t->now = kith_alloc_zero(NULL, f->now_cap + 1, 1);
		t->synced = kith_alloc_zero(NULL, f->now_cap + 1, 1);
		CHECK(t->now != NULL && t->synced != NULL);
		memcpy(t->now, f->now, f->now_len);
		memcpy(t->synced, f->now, f->now_len);
		t->now_cap = t->synced_cap = f->now_cap + 1;
		t->synced_len = f->now_len;
	}
}

/* Starts the owner of `disk` again somewhere else and lets it talk; its letters go nowhere. */
static void live(const struct test_disk *disk, unsigned number)
{
	struct kith_net_target t = {.kind = KITH_NET_LINK, .addr_count = 1};
	char text[40];
	uint32_t session;

	memset(&twin, 0, sizeof(twin));
	twin.nodes = 1;
	twin.now = p.now;
	twin.delay = 5000;
	twin.state = test_seed() + number;
	twin.rng[0] = p.rng[PAIR_NODES - 1]; /* a stream of its own: another machine */
	disk_copy(&twin.disk[0], disk);
	pair_restart(&twin, 0, false);
	pair_run(&twin, 4 * (kith_time)KITH_US_PER_S); /* nobody is there to ask for a newer copy */
	for (unsigned k = 0; k < 3; k++) {
		(void)snprintf(text, sizeof(text), "the twin %u says %u", number, k);
		if (pair_say_only(&twin, 0, 100000 + number * 4 + k, text, strlen(text)) == KITH_OK)
			texts++;
		pair_run(&twin, 7 * KITH_US_PER_MS);
	}
	t.peer = (uint32_t)pair_contact(&twin, 0)->id;
	t.addr[0] = kith_addr_v4(10, 0, 2, 1, 4000);
	CHECK_OK(kith_net_connect(twin.node[0]->net, &t, &session, twin.now));
	pair_run(&twin, 3 * KITH_US_PER_S);
	pair_free(&twin);
	twins++;
}

static void talk(unsigned number, uint64_t *state)
{
	char text[40];

	(void)snprintf(text, sizeof(text), "the first one says %u", number);
	CHECK_OK(pair_say_only(&p, number % 3 == 0, number + 1, text, strlen(text)));
	/* any moment: sealed or not, committed or not, acknowledged or not */
	pair_run(&p, (kith_time)(test_random(state) % 30000));
}

static void run(unsigned from, uint64_t *state)
{
	pair_init(&p, 2);
	p.rng[PAIR_NODES - 1] = test_rng(test_seed() + 1000 + from);
	pair_befriend(&p);
	pair_connect(&p, 0);
	for (unsigned i = 0; i < OLD; i++)
		disk_copy(&old[i], &p.disk[0]);
	for (unsigned i = 0; i < PER_RUN; i++) {
		struct test_disk copy;
		unsigned at = (unsigned)(test_random(state) % OLD);

		talk(i, state);
		if (i == PER_RUN / 2) { /* a step of the ratchet lies between old and new */
			pair_run(&p, 61 * (kith_time)KITH_US_PER_S);
		}
		disk_copy(&copy, &p.disk[0]);
		if (i % 4 == 1)
			test_disk_cut(&copy, state);
		live(i % 4 == 3 ? &old[at] : &copy, from + i);
		test_disk_free(&old[at]);
		old[at] = copy;
	}
	for (unsigned i = 0; i < OLD; i++)
		test_disk_free(&old[i]);
	pair_free(&p);
}

static void copies(unsigned eighth)
{
	uint64_t state = test_seed() + eighth;
	struct seals all = {0};

	for (unsigned i = eighth * POINTS; i < (eighth + 1) * POINTS; i += PER_RUN) {
		struct seals s;

		seals_begin(); /* each run is a world of its own, and draws the same keys */
		run(i, &state);
		s = seals_count();
		all.sealed += s.sealed;
		all.pairs += s.pairs;
		all.same += s.same;
		all.repeated += s.repeated;
	}
	seals_end();
	printf("# %u seals, %u keys with a nonce, %u times the same bytes again\n",
	       (unsigned)all.sealed, (unsigned)all.pairs, (unsigned)all.same);
	tally("copies lived", twins, POINTS);
	CHECK(texts > POINTS && all.pairs > 10 * POINTS);
	tally("keys used with one nonce for two contents", all.repeated, 0);
}

/* A thousand copies in all. */
TEST(attack_06_copies_first)
{
	copies(0);
}

TEST(attack_06_copies_second)
{
	copies(1);
}

TEST(attack_06_copies_third)
{
	copies(2);
}

TEST(attack_06_copies_fourth)
{
	copies(3);
}

TEST(attack_06_copies_fifth)
{
	copies(4);
}

TEST(attack_06_copies_sixth)
{
	copies(5);
}

TEST(attack_06_copies_seventh)
{
	copies(6);
}

TEST(attack_06_copies_eighth)
{
	copies(7);
}
