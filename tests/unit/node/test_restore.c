/* SPDX-License-Identifier: ISC */
/* A node on an older image of its database: it tells so, sends nothing with what it finds, and asks
 * for a new session. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/node/pair.h"

TEST(restored_sends_nothing_with_old_state)
{
	struct pair *p = calloc(1, sizeof(*p));
	struct test_disk_file *f;
	struct kith_node_status s;
	struct kith_node_contact k;
	struct kith_ratchet before;
	uint8_t *old;
	size_t old_len;
	uint64_t late;

	CHECK(p != NULL);
	pair_init(p, 2);
	pair_befriend(p);
	(void)pair_say(p, 1, 1, "first", 5);
	pair_connect(p, 0);
	(void)pair_say(p, 0, 1, "answer", 6);
	pair_run(p, KITH_US_PER_S);
	p->cut = true;
	(void)pair_say(p, 0, 2, "sealed, not sent", 16);
	CHECK(pair_contact(p, 0)->out[0]->frame != NULL);
	pair_restart(p, 0, false); /* closes the database: the image is whole */
	p->cut = false;
	f = test_disk_find(&p->disk[0], "p/account.db");
	CHECK(f != NULL);
	old_len = f->now_len;
	old = malloc(old_len);
	CHECK(old != NULL);
	memcpy(old, f->now, old_len);
	pair_connect(p, 0);
	(void)pair_say(p, 0, 3, "after the copy", 14);
	pair_run(p, KITH_US_PER_S);
	CHECK_EQ(pair_count(p, 1, false, NULL), 3);
	pair_restore(p, 0, old, old_len);
	free(old);

	kith_node_status(p->node[0], &s);
	CHECK_EQ(s.stalled, 1);
	CHECK(kith_node_contact(p->node[0], 0, &k) && k.stalled);
	CHECK(!kith_store_restored(p->account[0]) || !pair_contact(p, 0)->ratchet->may_send);
	before = *pair_contact(p, 0)->ratchet;
	late = pair_say(p, 0, 4, "waits", 5);
	pair_connect(p, 0);
	(void)pair_say(p, 1, 2, "can you read", 12);
	pair_run(p, 60 * (kith_time)KITH_US_PER_S);
	CHECK_EQ(pair_step(p, 0, late), KITH_STEP_QUEUED);
	CHECK_EQ(pair_count(p, 1, false, NULL), 3);
	CHECK_EQ(pair_contact(p, 0)->ratchet->ns, before.ns);
	CHECK_MEM(pair_contact(p, 0)->ratchet->cks, before.cks, 32);
	pair_restart(p, 0, true); /* not forgotten */
	CHECK(!pair_contact(p, 0)->ratchet->may_send);
	CHECK(pair_contact(p, 0)->outs >= 1);
	CHECK(pair_contact(p, 0)->out[0]->frame == NULL);
	pair_connect(p, 0);
	pair_run(p, 60 * (kith_time)KITH_US_PER_S);
	CHECK_EQ(pair_count(p, 1, false, NULL), 3);
	CHECK_EQ(pair_contact(p, 0)->ratchet->ns, before.ns);
	pair_free(p);
	free(p);
}

/* An answer needs a place, though nobody reaches it here. */
static void give_boxes(struct pair *p)
{
	unsigned i;

	for (i = 0; i < 2; i++) {
		struct kith_own_box *b = &p->node[i]->box[p->node[i]->boxes++];

		memset(b, 0, sizeof(*b));
		memset(b->e.ml, 50 + (int)i, 32);
		b->e.addr = kith_addr_v4(10, 9, 9, 9, 9);
		b->e.retention = 30;
		b->listed = true;
		b->listed_version = 1;
		b->next_probe = b->next_list = KITH_NEVER;
		p->node[i]->list_version = 1;
		kith__row_own_box(p->node[i], b);
	}
}

/* With a link the new session needs no mailbox and no look-up: what waits on both sides arrives
 * once, also what one of them had shown before. */
static void heal_on_the_link(bool both)
{
	struct pair *p = calloc(1, sizeof(*p));
	uint8_t *old[2];
	size_t old_len[2];
	unsigned i;

	CHECK(p != NULL);
	pair_init(p, 2);
	pair_befriend(p);
	give_boxes(p);
	pair_connect(p, 0);
	(void)pair_say(p, 0, 1, "one", 3);
	(void)pair_say(p, 1, 2, "two", 3);
	pair_run(p, KITH_US_PER_S);
	p->cut = true;
	(void)pair_say(p, 0, 3, "in the image", 12);
	(void)pair_say(p, 1, 4, "in the image", 12);
	for (i = 0; i < 2; i++) {
		struct test_disk_file *f;

		pair_restart(p, i, false);
		f = test_disk_find(&p->disk[i], "p/account.db");
		CHECK(f != NULL);
		old_len[i] = f->now_len;
		old[i] = malloc(f->now_len);
		CHECK(old[i] != NULL);
		memcpy(old[i], f->now, f->now_len);
		pair_restart(p, i, false); /* the image is an old one now */
	}
	p->cut = false;
	pair_connect(p, 0);
	pair_run(p, KITH_US_PER_S);
	CHECK_EQ(pair_count(p, 1, false, NULL), 2);
	p->cut = true;
	pair_run(p, 40 * (kith_time)KITH_US_PER_S);
	(void)pair_say(p, 1, 5, "for the restored one", 20);
	pair_restore(p, 0, old[0], old_len[0]);
	if (both)
		pair_restore(p, 1, old[1], old_len[1]);
	(void)pair_say(p, 0, 6, "after it", 8);
	CHECK(kith__healing(pair_contact(p, 0)));
	p->cut = false;
	pair_connect(p, 0);
	pair_run(p, 20 * (kith_time)KITH_US_PER_S);
	for (i = 0; i < 2; i++) {
		CHECK(!kith__healing(pair_contact(p, i)));
		CHECK_EQ(pair_contact(p, i)->outs, 0);
	}
	CHECK_EQ(pair_contact(p, 0)->epoch, pair_contact(p, 1)->epoch);
	CHECK_EQ(pair_count(p, 1, false, NULL), 3); /* one, in the image, after it */
	CHECK_EQ(pair_count(p, 0, false, NULL), 2); /* two, and what was held for it */
	CHECK(pair_contact(p, 1)->renewed || pair_contact(p, 0)->renewed);
	pair_restart(p, 0, true);
	pair_restart(p, 1, true);
	pair_connect(p, 0); /* under the root of the new session */
	(void)pair_say(p, 0, 7, "goes on", 7);
	pair_run(p, KITH_US_PER_S);
	CHECK_EQ(pair_contact(p, 0)->outs, 0);
	CHECK_EQ(pair_count(p, 1, false, NULL), 4);
	for (i = 0; i < 2; i++)
		free(old[i]);
	pair_free(p);
	free(p);
}

TEST(restored_heals_on_the_link)
{
	heal_on_the_link(false);
}

TEST(restored_both_heal_on_the_link)
{
	heal_on_the_link(true);
}
