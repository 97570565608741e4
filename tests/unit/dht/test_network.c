/* SPDX-License-Identifier: ISC */
/* Whole networks in virtual time: joining, storing, finding, dying. */
#include <string.h>

#include "tests/test.h"
#include "tests/unit/dht/world.h"

#define S 1000000u

static void build(struct world *w, size_t n, size_t seeds)
{
	size_t i;

	for (i = 0; i < n; i++) {
		uint32_t me = world_add(w, KITH_DHT_SERVER, 1, NULL, 0);

		if (i >= seeds)
			world_seed(w, me, (uint32_t)(test_random(&w->random) % seeds));
		else if (i > 0)
			world_seed(w, me, 0);
		world_kick(w, me);
	}
}

static void check_ready(struct world *w, kith_time start, kith_time within)
{
	size_t i;

	for (i = 0; i < w->count; i++) {
		if (w->node[i].ready_at == 0 || w->node[i].ready_at - start > within)
			test_fail(__FILE__, __LINE__, "node %zu ready after %lld us", i,
				  w->node[i].ready_at == 0
					  ? -1LL
					  : (long long)(w->node[i].ready_at - start));
	}
}

static void store_and_find(struct world *w, unsigned records, unsigned kill_percent)
{
	struct kith_id key[64];
	uint8_t record[KITH_RECORD], all[64][8];
	uint32_t op, i, r;

	CHECK(records <= 64);
	for (r = 0; r < records; r++) {
		i = r % (uint32_t)w->count;
		world_record(record, 1000 + r, 1, &key[r]);
		memcpy(all[r], record, 8);
		CHECK_OK(kith_dht_publish(w->node[i].dht, record, sizeof(record), &op, w->now));
		world_kick(w, i);
	}
	world_run(w, w->now + 60 * S);
	for (r = 0; r < records; r++)
		CHECK(w->node[r % w->count].events[KITH_DHT_STORED] > 0);
	for (i = 1; i < w->count * kill_percent / 100; i++)
		world_kill(w, i * 100 / kill_percent % (uint32_t)w->count);
	for (r = 0; r < records; r++) {
		do
			i = (uint32_t)(test_random(&w->random) % w->count);
		while (w->node[i].dead);
		w->node[i].events[KITH_DHT_FOUND] = w->node[i].events[KITH_DHT_ABSENT] = 0;
		CHECK_OK(kith_dht_lookup(w->node[i].dht, &key[r], &op, w->now));
		world_kick(w, i);
		world_run(w, w->now + 20 * S);
		if (w->node[i].events[KITH_DHT_FOUND] == 0)
			test_fail(__FILE__, __LINE__, "record %u not found by node %u", r, i);
		CHECK_EQ(w->node[i].last[KITH_DHT_FOUND].op, op);
		CHECK(w->node[i].last[KITH_DHT_FOUND].final);
		CHECK_MEM(w->node[i].record, all[r], 8);
	}
}

static void run(size_t n, unsigned records, unsigned kill_percent)
{
	struct world w;
	kith_time start;

	world_init(&w, test_seed() + n, n);
	start = w.now;
	build(&w, n, n < 8 ? 1 : 4);
	world_run(&w, w.now + 10 * S);
	check_ready(&w, start, 3 * S);
	store_and_find(&w, records, kill_percent);
	world_free(&w);
}

TEST(two_nodes_are_a_network)
{
	run(2, 4, 0);
}

TEST(three_nodes)
{
	run(3, 6, 0);
}

TEST(sixteen_nodes_and_a_quarter_dies)
{
	run(16, 16, 25);
}

TEST(two_hundred_nodes_and_a_quarter_dies)
{
	run(200, 40, 25);
}

TEST(loopback_nodes_of_one_host)
{
	struct world w;
	kith_time start;
	uint32_t i;

	world_init(&w, test_seed(), 40);
	start = w.now;
	for (i = 0; i < 40; i++) {
		struct kith_addr a = kith_addr_v4(127, 0, 0, 1, (uint16_t)(4000 + i));

		(void)world_add(&w, KITH_DHT_SERVER, 1, &a, 0);
		if (i > 0)
			world_seed(&w, i, 0);
	}
	world_run(&w, w.now + 10 * S);
	check_ready(&w, start, 3 * S);
	store_and_find(&w, 20, 0);
	world_free(&w);
}

TEST(clients_use_the_network_and_stand_in_no_table)
{
	struct world w;
	struct kith_dht_seed peer;
	uint32_t i, j, srtt;

	world_init(&w, test_seed(), 40);
	for (i = 0; i < 40; i++) {
		(void)world_add(&w, i % 2 == 0 ? KITH_DHT_SERVER : KITH_DHT_CLIENT, 1, NULL, 0);
		if (i > 0)
			world_seed(&w, i, 0);
	}
	world_run(&w, w.now + 10 * S);
	store_and_find(&w, 20, 0);
	for (i = 0; i < 40; i++)
		for (j = 0; kith_dht_peer(w.node[i].dht, j, &peer, &srtt); j++)
			CHECK_EQ((peer.addr.ip[12] - 11) % 2, 0);
	world_free(&w);
}

TEST(locate_finds_a_key_and_only_a_living_one)
{
	struct world w;
	uint32_t op;

	world_init(&w, test_seed(), 110);
	build(&w, 110, 4);
	world_run(&w, w.now + 10 * S);
	CHECK_OK(kith_dht_locate(w.node[7].dht, w.node[99].key, &op, w.now));
	world_kick(&w, 7);
	world_run(&w, w.now + 10 * S);
	CHECK_EQ(w.node[7].events[KITH_DHT_LOCATED], 1);
	CHECK_EQ(w.node[7].last[KITH_DHT_LOCATED].op, op);
	CHECK(kith_addr_equal(&w.node[7].last[KITH_DHT_LOCATED].addr, &w.node[99].addr));
	world_kill(&w, 50);
	CHECK_OK(kith_dht_locate(w.node[7].dht, w.node[50].key, &op, w.now));
	world_kick(&w, 7);
	world_run(&w, w.now + 25 * S);
	CHECK_EQ(w.node[7].events[KITH_DHT_LOCATED], 1);
	CHECK_EQ(w.node[7].events[KITH_DHT_ABSENT], 1);
	CHECK_EQ(w.node[7].last[KITH_DHT_ABSENT].op, op);
	world_free(&w);
}

static unsigned services_found;
static bool services_right;

static void count_service(struct world *w, uint32_t node, const struct kith_dht_event *e)
{
	uint32_t i = (uint32_t)(e->addr.ip[12] - 11) | (uint32_t)e->addr.ip[13] << 6;

	(void)node;
	if (e->kind != KITH_DHT_PEER || kith_addr_is_none(&e->addr))
		return;
	services_found++;
	services_right =
		services_right && i % 15 == 0 && kith_addr_equal(&w->node[i].addr, &e->addr);
}

TEST(services_are_found_by_walking)
{
	struct world w;
	uint32_t i, op;

	world_init(&w, test_seed(), 105);
	for (i = 0; i < 105; i++) {
		(void)world_add(&w, KITH_DHT_SERVER, 1, NULL, i % 15 == 0 ? KITH_DHT_MAILBOX : 0);
		if (i > 0)
			world_seed(&w, i, i < 4 ? 0 : i % 4);
	}
	world_run(&w, w.now + 20 * S);
	services_found = 0;
	services_right = true;
	w.on_event = count_service;
	CHECK_OK(kith_dht_find_service(w.node[77].dht, KITH_DHT_MAILBOX, 7, &op, w.now));
	world_kick(&w, 77);
	world_run(&w, w.now + 60 * S);
	CHECK(w.node[77].last[KITH_DHT_PEER].final);
	CHECK_EQ(w.node[77].last[KITH_DHT_PEER].op, op);
	CHECK_EQ(services_found, 7);
	CHECK(services_right);
	world_free(&w);
}

/* Every datagram to the dead end of the hall of mirrors: all replies name one address. */
static unsigned asked[64];

static bool count_asks(struct world *w, uint32_t from, const struct kith_dgram_out *out)
{
	(void)w;
	if (from == 0)
		asked[out->remote.port % 64]++;
	return true;
}

TEST(one_request_per_endpoint_of_a_lookup)
{
	struct world w;
	struct kith__lookup *l;
	struct kith_id key = {{5}};
	uint8_t fake[32] = {1};
	uint32_t i;

	world_init(&w, test_seed(), 2);
	(void)world_add(&w, KITH_DHT_SERVER, 1, NULL, 0);
	w.on_send = count_asks;
	l = kith__lookup_new(w.node[0].dht, KITH__LOOK_VALUE, KITH__OWN_USER, &key, w.now);
	CHECK(l != NULL);
	for (i = 0; i < 120; i++) { /* 120 keys at one address, 20 keys at 20 addresses */
		uint16_t port = (uint16_t)(i < 100 ? 4000 : 4001 + i);
		struct kith_addr a = kith_addr_v4(192, 0, 2, 1, port);
		uint32_t peer;

		kith_store_u32(fake + 8, i);
		peer = kith__peer_intern(w.book, fake, &a);
		kith__lookup_add(w.node[0].dht, l, peer, 1u << i % 4, 2);
		kith__peer_unref(w.book, peer);
	}
	kith__settle(w.node[0].dht, w.now);
	world_kick(&w, 0);
	world_run(&w, w.now + 30 * S);
	CHECK_EQ(asked[4000 % 64], 1);
	CHECK_EQ(kith_dht_counters(w.node[0].dht)->requests, 21);
	CHECK_EQ(w.node[0].events[KITH_DHT_ABSENT], 1);
	CHECK(!w.node[0].last[KITH_DHT_ABSENT].complete);
	world_free(&w);
}

TEST(caps_hold_under_many_commands)
{
	struct world w;
	uint8_t record[KITH_RECORD];
	struct kith_id key;
	uint32_t op, i, full = 0;

	world_init(&w, test_seed(), 60);
	build(&w, 60, 4);
	world_run(&w, w.now + 10 * S);
	for (i = 0; i < 200; i++) {
		memset(&key, (int)i, sizeof(key));
		full += kith_dht_lookup(w.node[3].dht, &key, &op, w.now) == KITH_E_FULL;
		CHECK(w.node[3].dht->req_count <= KITH_DHT_REQUESTS_MAX);
		CHECK(w.node[3].dht->look_count <= KITH_DHT_LOOKUPS_MAX);
	}
	CHECK(full >= 200 - 24);
	for (i = 0; i < 100; i++) {
		world_record(record, 5000 + i, 1, &key);
		CHECK_OK(kith_dht_publish(w.node[3].dht, record, KITH_RECORD, &op, w.now));
	}
	world_kick(&w, 3);
	world_run(&w, w.now + 300 * S);
	CHECK_EQ(w.node[3].events[KITH_DHT_ABSENT], 200 - full);
	CHECK(w.node[3].last[KITH_DHT_ABSENT].complete);
	CHECK(kith_dht_counters(w.node[3].dht)->publish_acks >= 800);
	CHECK_EQ(kith_dht_counters(w.node[3].dht)->requests < 40000, 1);
	world_free(&w);
}

TEST(five_percent_loss)
{
	struct world w;

	world_init(&w, test_seed(), 80);
	w.loss_permille = 50;
	build(&w, 80, 4);
	world_run(&w, w.now + 15 * S);
	store_and_find(&w, 30, 0);
	world_free(&w);
}

TEST(same_seed_same_run)
{
	uint64_t bytes[2], datagrams[2];
	unsigned i;

	for (i = 0; i < 2; i++) {
		struct world w;

		world_init(&w, test_seed(), 50);
		build(&w, 50, 4);
		world_run(&w, w.now + 20 * S);
		store_and_find(&w, 5, 0);
		bytes[i] = w.bytes;
		datagrams[i] = w.datagrams;
		world_free(&w);
	}
	CHECK_EQ(bytes[0], bytes[1]);
	CHECK_EQ(datagrams[0], datagrams[1]);
}

TEST(a_public_house_in_one_slash_24)
{
	struct world w;
	uint32_t i;

	world_init(&w, test_seed(), 12);
	for (i = 0; i < 12; i++) {
		struct kith_addr a = kith_addr_v4(203, 0, 113, (uint8_t)(1 + i), 4000);

		(void)world_add(&w, KITH_DHT_SERVER, 1, &a, 0);
		if (i > 0)
			world_seed(&w, i, 0);
	}
	world_run(&w, w.now + 10 * S);
	store_and_find(&w, 12, 0);
	world_free(&w);
}

TEST(an_outage_costs_no_peers)
{
	struct world w;
	size_t before, after;

	world_init(&w, test_seed(), 40);
	build(&w, 40, 4);
	world_run(&w, w.now + 60 * S);
	before = kith_dht_status(w.node[5].dht).peers;
	CHECK(before >= 16);
	w.loss_permille = 1000;
	world_run(&w, w.now + 1800 * S);
	w.loss_permille = 0;
	world_run(&w, w.now + 90 * S);
	after = kith_dht_status(w.node[5].dht).peers;
	CHECK(after * 10 >= before * 9);
	store_and_find(&w, 10, 0);
	world_free(&w);
}
