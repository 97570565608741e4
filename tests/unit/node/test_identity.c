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
