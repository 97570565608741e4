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
