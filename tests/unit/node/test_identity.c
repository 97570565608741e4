/* SPDX-License-Identifier: ISC */
/* Presence secrets: rotation, removal, what is live and what is only listed, over restarts. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/node/pair.h"

#define DAY_US (86400 * (kith_time)KITH_US_PER_S)

static void days(struct pair *p, unsigned count)
{
	struct kith_node *n = p->node[0];

	p->now += count * DAY_US;
	n->now = p->now;
	kith__identity_tick(n);
	while (p->queue != NULL) { /* of another month */
		struct pair_dgram *d = p->queue;

		p->queue = d->next;
		free(d);
	}
	pair_run(p, 1000);
}

static bool listed(struct pair *p, const uint8_t s[static 32])
{
	const struct kith_identity *id = p->node[0]->id;
	size_t i;

	for (i = 0; i < id->presences; i++)
		if (memcmp(id->presence[i].p, s, 32) == 0)
			return true;
	return false;
}

TEST(identity_presence_ends_at_a_removal_and_stays_listed)
{
	struct pair *p = calloc(1, sizeof(*p));
	uint8_t first[32];

	CHECK(p != NULL);
	pair_init(p, 2);
	pair_befriend(p);
	memcpy(first, p->node[0]->id->presence[0].p, 32);
	CHECK_EQ(kith__presences_live(p->node[0]), 1);
	CHECK_OK(kith_node_contact_remove(p->node[0], pair_contact(p, 0)->id, false, ++p->call,
					  p->now));
	pair_run(p, 1000);
	CHECK_EQ(kith__presences_live(p->node[0]), 1);
	CHECK_EQ(p->node[0]->id->applied, 1);
	CHECK(listed(p, first));
	pair_restart(p, 0, true);
	CHECK_EQ(kith__presences_live(p->node[0]), 1);
	CHECK_EQ(p->node[0]->id->applied, 1);
	CHECK(memcmp(p->node[0]->id->presence[0].p, first, 32) != 0);
	CHECK(listed(p, first));
	days(p, 29);
	CHECK(listed(p, first));
	days(p, 7);
	CHECK(!listed(p, first));
	pair_restart(p, 0, true);
	CHECK(!listed(p, first));
	pair_free(p);
	free(p);
}

TEST(identity_presence_rotates)
{
	struct pair *p = calloc(1, sizeof(*p));
	uint8_t first[32];

	CHECK(p != NULL);
	pair_init(p, 2);
	pair_befriend(p);
	memcpy(first, p->node[0]->id->presence[0].p, 32);
	days(p, 31);
	CHECK_EQ(kith__presences_live(p->node[0]), 2);
	CHECK_EQ(p->node[0]->id->applied, 2);
	days(p, 29);
	CHECK_EQ(p->node[0]->id->applied, 2);
	days(p, 2); /* the first ended; the second was replaced and lives on */
	CHECK_EQ(p->node[0]->id->applied, 2);
	CHECK_EQ(p->node[0]->id->presences, 3);
	CHECK(listed(p, first));
	CHECK_EQ(p->node[0]->id->presence[2].epoch, 1);
	days(p, 35);
	CHECK(!listed(p, first));
	pair_free(p);
	free(p);
}

/* One reporter, or two of one net, do not make an address for contacts. */
TEST(identity_address_needs_two_reporters)
{
	struct pair *p = calloc(1, sizeof(*p));
	struct kith_addr me = kith_addr_v4(198, 51, 100, 7, 4000);
	struct kith_addr other = kith_addr_v4(203, 0, 113, 9, 4000);
	struct kith_addr from[3] = {kith_addr_v4(20, 1, 2, 3, 1), kith_addr_v4(20, 1, 2, 4, 2),
				    kith_addr_v4(77, 8, 9, 1, 3)};
	struct kith_node *n;

	CHECK(p != NULL);
	pair_init(p, 2);
	n = p->node[0];
	n->now = p->now;
	kith__observed_clear(n);
	kith__observed(n, &from[0], &me);
	kith__observed(n, &from[0], &me);
	kith__observed(n, &from[1], &me);
	CHECK(kith_addr_is_none(&n->observed_sure));
	kith__observed(n, &from[2], &other);
	CHECK(kith_addr_is_none(&n->observed_sure));
	n->now += 1801 * (kith_time)KITH_US_PER_S;
	kith__observed(n, &from[2], &me); /* too long after the first */
	CHECK(kith_addr_is_none(&n->observed_sure));
	kith__observed(n, &from[1], &me);
	CHECK(kith_addr_equal(&n->observed_sure, &me));
	kith__observed(n, &from[1], &other); /* one alone does not change it */
	CHECK(kith_addr_equal(&n->observed_sure, &me));
	pair_free(p);
	free(p);
}

/* A new P brings a new link root from role A; both sides end with it alone. */
TEST(identity_new_p_renews_the_link_root)
{
	struct pair *p = calloc(1, sizeof(*p));
	struct kith_contact *a;
	struct kith_contact *b;
	uint8_t old[32];

	CHECK(p != NULL);
	pair_init(p, 2);
	pair_befriend(p);
	pair_connect(p, 0);
	a = pair_contact(p, 0);
	b = pair_contact(p, 1);
	(void)pair_say(p, 1, 9, "first", 5); /* B goes first */
	pair_run(p, KITH_US_PER_S);
	memcpy(old, a->link.root[0].l, 32);
	p->node[1]->now = p->now;
	kith__link_root_tell(p->node[1], b); /* role B never does */
	CHECK_EQ(b->link.root_count, 1);
	CHECK_EQ(b->outs, 0);
	p->cut = true;
	p->node[0]->now = p->now;
	kith__presence_rotate(p->node[0]);
	kith__presence_rotate(p->node[0]); /* the peer has not even the first */
	CHECK_EQ(a->link.root_count, 2);
	CHECK(!a->link.newest_known);
	CHECK_MEM(a->link.root[1].l, old, 32);
	pair_run(p, KITH_US_PER_S);
	pair_restart(p, 0, true);
	p->cut = false;
	pair_connect(p, 0); /* under the old one */
	pair_run(p, 5 * (kith_time)KITH_US_PER_S);
	a = pair_contact(p, 0);
	CHECK(a->link.newest_known);
	CHECK_EQ(b->link.root_count, 2);
	CHECK_MEM(a->link.root[0].l, b->link.root[0].l, 32);
	CHECK(memcmp(a->link.root[0].l, old, 32) != 0);
	pair_restart(p, 0, true);
	pair_restart(p, 1, true);
	pair_connect(p, 1); /* under the new one, and the new P */
	(void)pair_say(p, 0, 1, "new chain", 9);
	(void)pair_say(p, 1, 2, "new chain", 9);
	pair_run(p, 5 * (kith_time)KITH_US_PER_S);
	CHECK_EQ(pair_contact(p, 0)->link.root_count, 1);
	CHECK_EQ(pair_contact(p, 1)->link.root_count, 1);
	CHECK_EQ(pair_count(p, 0, false, NULL), 2);
	CHECK_EQ(pair_count(p, 1, false, NULL), 1);
	pair_free(p);
	free(p);
}
