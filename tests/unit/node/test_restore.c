/* SPDX-License-Identifier: ISC */
/* A node on an older image of its database: it tells so, and sends nothing with what it finds. */
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
