/* SPDX-License-Identifier: ISC */
/* The routing table, the peer book and the estimator of the network's size. */
#include <string.h>

#include "dht/internal.h"
#include "tests/test.h"

#define S ((kith_time)KITH_US_PER_S)

struct bench {
	struct kith_rng rng;
	struct kith_peerbook *book;
	struct kith_dht_params params;
	struct kith_dht_counters counters;
	struct kith__table table;
};

static void open_bench(struct bench *b, uint64_t seed)
{
	struct kith_id self;

	CHECK(kith_crypto_start() == NULL);
	memset(b, 0, sizeof(*b));
	b->rng = test_rng(seed);
	b->book = kith_peerbook_new(NULL, 100000, &b->rng);
	b->params = kith_dht_defaults();
	kith_rng_fill(&b->rng, self.b, 32);
	kith__table_init(&b->table, NULL, b->book, &b->params, &b->counters, &self);
}

static uint32_t peer(struct bench *b, uint64_t n, const struct kith_addr *addr)
{
	struct kith_addr a = kith_addr_v4((uint8_t)(11 + n % 50), (uint8_t)(n / 50 % 200),
					  (uint8_t)(n / 10000), 1, 4000);
	uint8_t key[32] = {1};

	kith_store_u64(key + 8, n);
	return kith__peer_intern(b->book, key, addr != NULL ? addr : &a);
}

static enum kith__placed see(struct bench *b, uint32_t p, uint32_t rtt_us, kith_time now)
{
	struct kith__sighting s = {.peer = p, .rtt_us = rtt_us, .median_us = 80000};
	uint32_t old = KITH__NO_PEER;

	return kith__table_sighting(&b->table, &s, now, &old);
}

static void check_table(const struct bench *b)
{
	const struct kith__table *t = &b->table;
	size_t i, j, first, count, sum = 0, spares = 0;
	unsigned bucket, level = 0, l;

	CHECK(t->count <= KITH_DHT_TABLE_MAX);
	for (i = 0; i < KITH__LEVELS; i++) {
		sum += t->level[i].count;
		spares += t->level[i].spares;
	}
	CHECK_EQ(sum, t->count);
	CHECK_EQ(spares, t->spare_count);
	for (i = 0; i < t->count; i++) {
		const struct kith__peer *p = kith__peer_get(b->book, t->entry[i].peer);

		l = kith__shared_bits(&t->self, &p->id);
		CHECK(l >= level);
		level = l < KITH__LEVELS ? l : KITH__LEVELS - 1;
		CHECK((t->entry[i].state & KITH__ST_FAILS) < b->params.failed_out);
		for (j = 0; j < i; j++)
			CHECK(memcmp(kith__peer_get(b->book, t->entry[j].peer)->id.b, p->id.b,
				     32) != 0);
	}
	for (bucket = 0; bucket <= t->depth; bucket++) {
		kith__table_range(t, bucket, &first, &count);
		CHECK(count <= b->params.k);
	}
}

TEST(table_invariants_hold_over_random_events)
{
	struct bench b;
	uint64_t state = test_seed();
	kith_time now = 100 * S;
	unsigned i;

	open_bench(&b, state);
	b.table.depth = 11;
	for (i = 0; i < 100000; i++) {
		uint32_t p = peer(&b, test_random(&state) % 3000, NULL);
		uint64_t what = test_random(&state) % 100;

		now += test_random(&state) % S;
		if (what < 70)
			(void)see(&b, p, (uint32_t)(test_random(&state) % 200000), now);
		else if (what < 95)
			(void)kith__table_failed(&b.table, p);
		else if (what < 97)
			kith__table_remove(&b.table, p);
		else
			kith__table_sweep(&b.table, now);
		kith__peer_unref(b.book, p);
		if (i % 997 == 0)
			check_table(&b);
	}
	CHECK(b.table.count > 50);
	CHECK(b.counters.replaced_failed > 0);
	CHECK(b.counters.replaced_speed > 0);
	kith__table_wipe(&b.table);
	CHECK_EQ(kith__peer_count(b.book), 0); /* references balanced */
	kith_peerbook_free(b.book);
}

TEST(prefixes_are_limited_once_the_table_has_grown)
{
	struct bench b;
	struct kith_addr a;
	unsigned i, site = 0, wide = 0, loop = 0;
	size_t e;

	open_bench(&b, test_seed());
	for (i = 0; i < 40; i++)
		(void)see(&b, peer(&b, i, NULL), 0, S);
	for (i = 0; i < 300; i++) {
		a = kith_addr_v4(99, 1, (uint8_t)(i % 100), (uint8_t)(1 + i / 100), 4000);
		(void)see(&b, peer(&b, 1000 + i, &a), 0, S);
		a = kith_addr_v4(127, 0, 0, 1, (uint16_t)(4000 + i));
		(void)see(&b, peer(&b, 2000 + i, &a), 0, S);
		a = kith_addr_v4(98, (uint8_t)(i / 4), 5, (uint8_t)(i % 4 + 1), 4000);
		(void)see(&b, peer(&b, 3000 + i, &a), 0, S);
	}
	for (e = 0; e < b.table.count; e++) {
		a = kith__peer_get(b.book, b.table.entry[e].peer)->addr;
		wide += a.ip[12] == 99;
		site += a.ip[12] == 98 && a.ip[13] == 7;
		loop += a.ip[12] == 127;
	}
	CHECK(wide <= 8);
	CHECK(site <= 4);
	CHECK(loop > 8);
	kith__table_wipe(&b.table);
	kith_peerbook_free(b.book);
}

/* All ids of these peers fall into bucket 0 (the far half). */
static uint32_t far_peer(struct bench *b, uint64_t *n)
{
	for (;;) {
		uint32_t p = peer(b, (*n)++, NULL);

		if (kith__shared_bits(&b->table.self, &kith__peer_get(b->book, p)->id) == 0)
			return p;
		kith__peer_unref(b->book, p);
	}
}

TEST(seats_age_wins_over_speed)
{
	struct bench b;
	uint64_t n = 0;
	uint32_t old[16], fast, slow;
	unsigned i, kept = 0;

	open_bench(&b, test_seed());
	for (i = 0; i < 16; i++) {
		old[i] = far_peer(&b, &n);
		CHECK_EQ(see(&b, old[i], 100000, S + i * 70 * S), KITH__PLACED_NEW);
	}
	/* Ten minutes later a fast one must have been verified for as long. */
	fast = far_peer(&b, &n);
	CHECK_EQ(see(&b, fast, 10000, 4000 * S), KITH__PLACED_SPARE);
	CHECK_EQ(see(&b, fast, 10000, 4100 * S), KITH__PLACED_SPARE);
	CHECK_EQ(see(&b, fast, 10000, 4800 * S), KITH__PLACED_NEW);
	slow = far_peer(&b, &n);
	CHECK_EQ(see(&b, slow, 100000, 4800 * S), KITH__PLACED_SPARE);
	CHECK_EQ(see(&b, slow, 100000, 6000 * S), KITH__PLACED_SPARE);
	/* However many fast ones come, the eight oldest stay. */
	for (i = 0; i < 100; i++) {
		fast = far_peer(&b, &n);
		(void)see(&b, fast, 1000, (7000 + i * 2000) * S);
		(void)see(&b, fast, 1000, (7000 + i * 2000 + 700) * S);
	}
	for (i = 0; i < 8; i++)
		kept += kith__table_find(&b.table, old[i]) >= 0;
	CHECK_EQ(kept, 8);
	/* Two straight failures open a seat for anybody, five end it. */
	(void)kith__table_failed(&b.table, old[0]);
	CHECK_EQ(see(&b, slow, 100000, 300000 * S), KITH__PLACED_SPARE);
	(void)kith__table_failed(&b.table, old[0]);
	CHECK_EQ(see(&b, slow, 100000, 300000 * S), KITH__PLACED_NEW);
	CHECK_EQ(kith__table_find(&b.table, old[0]), -1);
	for (i = 0; i < 4; i++)
		CHECK(!kith__table_failed(&b.table, old[1]));
	CHECK(kith__table_failed(&b.table, old[1]));
	kith__table_wipe(&b.table);
	kith_peerbook_free(b.book);
}

TEST(ticks_wrap)
{
	struct kith__entry e = {0};
	kith_time seen = ((kith_time)65535 * 4 + 1) * S, born = ((kith_time)65535 * 64 + 1) * S;

	e.seen = kith__seen_tick(seen);
	e.born = kith__born_tick(born);
	CHECK_EQ(kith__entry_silent(&e, seen + 40 * S), 40 * S);
	CHECK_EQ(kith__entry_age(&e, born + 640 * S), 640 * S);
}

TEST(distance_orders_over_all_bits)
{
	struct kith_id t = {{0}}, a = {{0}}, b = {{0}};

	a.b[31] = 1;
	CHECK_EQ(kith__shared_bits(&t, &a), 255);
	CHECK_EQ(kith__shared_bits(&t, &t), 256);
	b.b[31] = 2;
	CHECK(kith__closer(&t, &a, &b) < 0);
	CHECK(kith__closer(&b, &a, &b) > 0);
	CHECK_EQ(kith__closer(&t, &a, &a), 0);
}

TEST(nearest_equals_the_naive_order)
{
	struct bench b;
	uint64_t state = test_seed();
	struct kith_id target;
	uint16_t got[16];
	unsigned i, round;
	size_t n, e, worse;

	open_bench(&b, state);
	for (i = 0; i < 2000; i++)
		(void)see(&b, peer(&b, i, NULL), 0, S);
	for (round = 0; round < 300; round++) {
		kith_rng_fill(&b.rng, target.b, 32);
		if (round % 3 == 0)
			memcpy(target.b, b.table.self.b, 1 + round % 5);
		n = kith__table_nearest(&b.table, &target, got, 16, NULL, NULL);
		CHECK_EQ(n, 16);
		for (i = 0; i < 16; i++) {
			for (worse = 0, e = 0; e < b.table.count; e++)
				worse += kith__closer(
						 &target,
						 &kith__peer_get(b.book, b.table.entry[e].peer)->id,
						 &kith__peer_get(b.book, b.table.entry[got[i]].peer)
							  ->id) < 0;
			CHECK_EQ(worse, i);
		}
	}
	kith__table_wipe(&b.table);
	kith_peerbook_free(b.book);
}

TEST(size_estimate_against_the_closed_form)
{
	uint64_t d[16], n = 1000, i;

	/* With d_i = i / (N + 1) the estimate is N. */
	for (i = 0; i < 16; i++)
		d[i] = UINT64_MAX / (n + 1) * (i + 1);
	CHECK(kith__estimate(d, 16) >= n - 1 && kith__estimate(d, 16) <= n + 1);
	for (n = 1000000, i = 0; i < 16; i++)
		d[i] = UINT64_MAX / (n + 1) * (i + 1);
	CHECK(kith__estimate(d, 16) >= n - 1000 && kith__estimate(d, 16) <= n + 1000);
	CHECK_EQ(kith__estimate(d, 7), 7);
	memset(d, 0, sizeof(d));
	CHECK(kith__estimate(d, 16) > 1000000000u);
}
