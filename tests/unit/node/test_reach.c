/* SPDX-License-Identifier: ISC */
/* Who is believed about reachability, and what follows: verdict, DHT mode, endpoint. */
#include <stdlib.h>
#include <string.h>

#include "tests/test.h"
#include "tests/unit/node/pair.h"

static const struct kith_addr gateway_at = {.ip = {[10] = 0xff, 0xff, 10, 0, 1, 254}, .port = 1};

struct reach_world {
	struct pair *p;
	struct kith_node *n;
	struct kith_node_reach r;
};

static void begin(struct reach_world *w)
{
	w->p = calloc(1, sizeof(*w->p));
	CHECK(w->p != NULL);
	pair_init(w->p, 2);
	w->n = w->p->node[0];
	w->n->now = w->p->now;
	w->n->cfg.map.use[KITH_MAPPING_UPNP] = true;
	w->n->cfg.map.lease_s = 3600;
	kith__reach_init(w->n);
	kith__observed_clear(w->n);
	kith_node_portmap_helper(w->n, true, w->n->now);
	kith_node_reach(w->n, &w->r);
}

static void end(struct reach_world *w)
{
	pair_free(w->p);
	free(w->p);
}

static void plug(struct reach_world *w)
{
	struct kith_addr addrs[2] = {gateway_at, w->n->own_addr[0]};

	kith__reach_gateway(w->n, addrs, 2);
	kith__reach_tick(w->n);
	kith_node_reach(w->n, &w->r);
}

/* The router answers the one job that waits. */
static void answer(struct reach_world *w, enum kith_portmap_result result,
		   struct kith_addr external)
{
	struct kith_portmap_reply r = {.result = result, .lease_s = 3600, .external = external};
	struct kith_portmap_ask ask;

	CHECK(kith_node_portmap_ask(w->n, &ask, w->n->now));
	r.seq = ask.seq;
	kith_node_portmap_reply(w->n, &r, w->n->now);
	kith__reach_tick(w->n);
	kith_node_reach(w->n, &w->r);
}

static void seen_as(struct reach_world *w, struct kith_addr me)
{
	struct kith_addr a = kith_addr_v4(20, 1, 2, 3, 1), b = kith_addr_v4(77, 8, 9, 1, 3);

	kith__observed(w->n, &a, &me);
	kith__observed(w->n, &b, &me);
	kith__reach_tick(w->n);
	kith_node_reach(w->n, &w->r);
}

TEST(reach_granted_makes_a_server)
{
	struct kith_addr outside = kith_addr_v4(198, 51, 100, 7, 4007);
	struct reach_world w;

	begin(&w);
	CHECK_EQ(w.r.reach, KITH_REACH_NO);
	CHECK_EQ(w.r.why, KITH_WHY_NO_GATEWAY);
	CHECK(!w.n->dht_server);
	plug(&w);
	CHECK_EQ(w.r.why, KITH_WHY_TRYING);
	answer(&w, KITH_PORTMAP_GRANTED, outside);
	CHECK_EQ(w.r.why, KITH_WHY_MAPPED);
	CHECK(kith_addr_equal(&w.r.endpoint, &outside));
	CHECK(kith_addr_equal(&w.n->endpoint, &outside));
	CHECK(w.n->dht_server);
	seen_as(&w, kith_addr_v4(198, 51, 100, 7, 9999)); /* the port may differ */
	CHECK_EQ(w.r.why, KITH_WHY_MAPPED);
	/* the world sees another address: the router is not believed any more */
	seen_as(&w, kith_addr_v4(203, 0, 113, 9, 4007));
	CHECK_EQ(w.r.why, KITH_WHY_DIFFERS);
	CHECK(kith_addr_is_none(&w.n->endpoint));
	CHECK(!w.n->dht_server);
	end(&w);
}

TEST(reach_private_grants_are_none)
{
	static const struct {
		uint8_t ip[4];
		enum kith_reach_why why;
	} rows[] = {{{192, 168, 0, 9}, KITH_WHY_DOUBLE},
		    {{10, 0, 0, 9}, KITH_WHY_DOUBLE},
		    {{100, 64, 0, 9}, KITH_WHY_CARRIER},
		    {{100, 127, 0, 9}, KITH_WHY_CARRIER},
		    {{0, 0, 0, 0}, KITH_WHY_UNTOLD}};
	struct reach_world w;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint8_t *ip = rows[i].ip;

		begin(&w);
		plug(&w);
		answer(&w, KITH_PORTMAP_GRANTED, kith_addr_v4(ip[0], ip[1], ip[2], ip[3], 4007));
		CHECK_EQ(w.r.why, rows[i].why);
		CHECK(w.r.reach != KITH_REACH_YES && !w.n->dht_server);
		CHECK(kith_addr_is_none(&w.n->endpoint));
		end(&w);
	}
}

TEST(reach_untold_address_comes_from_peers)
{
	struct kith_addr want = kith_addr_v4(198, 51, 100, 7, 4007);
	struct reach_world w;

	begin(&w);
	plug(&w);
	answer(&w, KITH_PORTMAP_GRANTED, kith_addr_v4(0, 0, 0, 0, 4007));
	seen_as(&w, kith_addr_v4(198, 51, 100, 7, 1234));
	CHECK_EQ(w.r.why, KITH_WHY_MAPPED);
	CHECK(kith_addr_equal(&w.r.endpoint, &want));
	end(&w);
}

TEST(reach_no_is_explained)
{
	static const struct kith_addr none;
	struct reach_world w;

	begin(&w);
	plug(&w);
	answer(&w, KITH_PORTMAP_REFUSED, none);
	CHECK_EQ(w.r.why, KITH_WHY_REFUSED);
	end(&w);
	begin(&w);
	plug(&w);
	answer(&w, KITH_PORTMAP_NO_IGD, none);
	CHECK_EQ(w.r.why, KITH_WHY_SILENT);
	CHECK_EQ(w.r.reach, KITH_REACH_NO);
	end(&w);
}

/* Who keeps the address private is told the truth and stays a client. */
TEST(reach_private_person_stays_a_client)
{
	struct reach_world w;

	begin(&w);
	w.n->cfg.publish_address = false;
	plug(&w);
	answer(&w, KITH_PORTMAP_GRANTED, kith_addr_v4(198, 51, 100, 7, 4007));
	CHECK_EQ(w.r.reach, KITH_REACH_YES);
	CHECK(!w.n->dht_server);
	end(&w);
}

TEST(reach_test_answers_when_it_is_known)
{
	static const struct kith_addr none;
	struct kith_node_reply reply;
	struct reach_world w;

	begin(&w);
	plug(&w);
	CHECK_OK(kith_node_network_test(w.n, 77, w.n->now));
	CHECK_EQ(kith_node_network_test(w.n, 78, w.n->now), KITH_E_STATE);
	CHECK(!kith_node_reply(w.n, &reply));
	answer(&w, KITH_PORTMAP_NO_IGD, none);
	CHECK(kith_node_reply(w.n, &reply));
	CHECK_EQ(reply.call, 77);
	end(&w);
}
