/* SPDX-License-Identifier: ISC */
/*
 * Burnt session epochs: whoever has somebody's keys for a moment, or a clock that was wrong, tries
 * to make all later requests of that person void. Nothing holds longer than two days. crypto.md 4.
 */
#include <stdlib.h>
#include <string.h>

#include "node/msgs.h"
#include "tests/break/tally.h"
#include "tests/unit/node/pair.h"

#define FIRST_MS 100u
#define TWO_DAYS 172800u

static struct pair p;

static void start(void)
{
	pair_init(&p, 2);
	for (unsigned i = 0; i < 2; i++) { /* an answer needs a place */
		struct kith_own_box *b = &p.node[i]->box[p.node[i]->boxes++];

		memset(b, 0, sizeof(*b));
		memset(b->e.ml, 50 + (int)i, 32);
		b->e.addr = kith_addr_v4(10, 9, 9, 9, 9);
		b->listed = true;
		b->listed_version = 1;
		b->next_probe = b->next_list = KITH_NEVER;
		p.node[i]->list_version = 1;
	}
}

static struct kith_contact *peer_of(unsigned i)
{
	return kith__contact_by_ik(p.node[i], p.node[1 - i]->id->ik);
}

/* Node `from` makes a request to the other; its epoch. */
static uint32_t request(unsigned from, uint8_t out[static KITH_INNER])
{
	struct kith_node *n = p.node[from];
	const struct kith_identity *o = p.node[1 - from]->id;
	struct kith_contact *c = peer_of(from);

	if (c == NULL) {
		c = kith__contact_new(n, o->ik);
		CHECK(c != NULL);
		c->dev = o->device;
		memcpy(c->xk, o->xk, 32);
	}
	c->state = KITH_CONTACT_REQUESTED;
	kith__row_contact(n, c);
	kith__row_conversation(n, c);
	kith__row_device(n, c);
	if (c->knock == NULL)
		c->knock = kith_alloc_zero(n->alloc, 1, sizeof(*c->knock)); /* no mailboxes */
	if (c->bundle == NULL)
		c->bundle = kith_alloc_zero(n->alloc, 1, sizeof(*c->bundle));
	CHECK(c->knock != NULL && c->bundle != NULL);
	memcpy(c->bundle->xk, o->xk, 32);
	c->bundle->spk_id = o->prekey[0]->id;
	memcpy(c->bundle->spk, o->prekey[0]->spk, 32);
	memcpy(c->bundle->ek, o->prekey[0]->ek, sizeof(c->bundle->ek));
	for (unsigned i = 0; c->request != NULL && i < 3;
	     i++) /* never the bytes of an earlier one */
		c->request[i].used = false;
	c->seek = KITH_SEEK_WORK;
	c->next_seek = 0;
	n->now = p.now;
	kith__seek_tick(n);
	CHECK(c->request_blob != NULL && kith__request_open_at(c, 0)->used);
	memcpy(out, c->request_blob, KITH_INNER);
	c->seek = KITH_SEEK_PUT;
	pair_run(&p, FIRST_MS);
	c->next_seek = KITH_NEVER;
	return kith__request_open_at(c, 0)->session_epoch;
}

static void arrive(unsigned at, const uint8_t inner[static KITH_INNER])
{
	uint8_t ml[32] = {1};
	struct kith__request_way way = {.ml = ml, .day = 1};

	p.node[at]->now = p.now;
	(void)!kith__request_arrived(p.node[at], &way, inner);
	pair_run(&p, FIRST_MS);
}

static void accept_first(void)
{
	uint8_t inner[KITH_INNER];
	struct kith_node_request r;

	(void)request(0, inner);
	arrive(1, inner);
	CHECK(kith_node_request(p.node[1], 0, &r));
	CHECK_OK(kith_node_request_accept(p.node[1], r.id, NULL, ++p.call, p.now));
	pair_run(&p, FIRST_MS);
}

static uint32_t wall(void)
{
	return (uint32_t)kith__wall_s(p.node[1]);
}

/* A thief sends a request in A's name whose epoch is `ahead` of the clock: true when B takes it. */
static bool burn(uint64_t ahead)
{
	uint8_t inner[KITH_INNER];
	uint32_t before = peer_of(1)->epoch;
	uint64_t shift = ahead - 1;

	/* the thief's own copy of the node can have any clock */
	p.node[0]->wall_base_ms += shift * 1000;
	(void)request(0, inner);
	p.node[0]->wall_base_ms -= shift * 1000;
	arrive(1, inner);
	return peer_of(1)->epoch != before;
}

TEST(attack_burnt_epochs_by_requests)
{
	static const uint64_t far[] = {TWO_DAYS + 5, 3 * 86400u, 365 * 86400u,
				       UINT32_MAX - PAIR_WALL_S - 2000};
	uint8_t inner[KITH_INNER];
	uint64_t refused = 0;
	uint32_t epoch;

	start();
	accept_first();
	for (unsigned i = 0; i < 4; i++)
		refused += !burn(far[i]);
	tally("epochs beyond two days refused", refused, 4);
	CHECK(peer_of(1)->epoch_floor <= wall() + TWO_DAYS);
	/* the clock of A was wrong for a while: it goes on from the present, not from there */
	CHECK(peer_of(0)->epoch_own > wall() + TWO_DAYS);
	epoch = request(0, inner);
	CHECK(epoch <= wall() + TWO_DAYS);
	arrive(1, inner);
	CHECK_EQ(peer_of(1)->epoch, epoch);
	/* the worst that a thief of all keys reaches: two days */
	CHECK(burn(TWO_DAYS - 60));
	CHECK(peer_of(1)->epoch_floor <= wall() + TWO_DAYS);
	pair_free(&p);
}
