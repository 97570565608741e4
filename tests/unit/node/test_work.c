/* SPDX-License-Identifier: ISC */
/* node/work.c against a bare node: order, chunks, results. */
#include <string.h>

#include "node/mbox_own.h"
#include "tests/test.h"

struct seen {
	unsigned calls;
	uint64_t a, b, nonce;
	uint8_t stamp[64];
	uint32_t *table;
};
static struct seen seen;

static void on_stamp(struct kith_node *n, uint64_t a, uint64_t b, struct kith_work *w)
{
	(void)n;
	seen.calls++;
	seen.a = a;
	seen.b = b;
	memcpy(seen.stamp, kith__work_stamp_result(w), 64);
}

static void on_request(struct kith_node *n, uint64_t a, uint64_t b, struct kith_work *w)
{
	(void)n;
	seen.calls++;
	seen.a = a;
	seen.b = b;
	seen.nonce = kith__work_nonce(w);
}

static void on_knocks(struct kith_node *n, uint64_t a, uint64_t b, struct kith_work *w)
{
	(void)n;
	(void)a;
	(void)b;
	seen.calls++;
	seen.table = kith__work_table(w);
}

/* Runs one job; false: none waits. */
static bool turn(struct kith_node *n)
{
	struct kith_job *job;
	struct kith_job *second;

	if (!kith__work_job(n, &job))
		return false;
	CHECK_EQ(job->lane, KITH_LANE_BULK);
	CHECK(!kith__work_job(n, &second)); /* one in flight */
	job->run(job);
	CHECK(kith__work_done(n, job));
	return true;
}

TEST(work_stamp_is_found_and_binds)
{
	struct kith_node n;
	uint8_t q[32] = {7};

	memset(&n, 0, sizeof(n));
	CHECK_OK(kith__work_stamp(&n, q, 10, on_stamp, 3, 4));
	while (turn(&n))
		;
	CHECK_EQ(seen.calls, 1);
	CHECK_EQ(seen.a, 3);
	CHECK_EQ(seen.b, 4);
	CHECK(kith__stamp_check(seen.stamp, q, 10));
	q[0] = 8;
	CHECK(!kith__stamp_check(seen.stamp, q, 10));
	CHECK(n.work_first == NULL);
}

TEST(work_long_search_lets_short_ones_pass)
{
	struct kith_node n;
	uint8_t q[32] = {1};
	unsigned turns = 0;

	memset(&n, 0, sizeof(n));
	CHECK_OK(kith__work_stamp(&n, q, 200, on_stamp, 1, 0)); /* never ends */
	CHECK_OK(kith__work_stamp(&n, q, 4, on_stamp, 2, 0));
	while (seen.calls == 0 && turns++ < 4)
		CHECK(turn(&n));
	CHECK_EQ(seen.calls, 1);
	CHECK_EQ(seen.a, 2);
	CHECK_EQ(turns, 2);
	kith__work_free(&n);
	CHECK(n.work_first == NULL);
	CHECK_EQ(seen.calls, 1);
}

TEST(work_request_reaches_its_bits)
{
	struct kith_node n;
	uint8_t inner[KITH_INNER] = {1, 2, 3};
	uint8_t ik[32] = {4};
	uint8_t ml[32] = {5};
	struct kith_work_request q = {.day = 20000, .bits = 11};

	memset(&n, 0, sizeof(n));
	memcpy(q.ik_b, ik, 32);
	memcpy(q.ml, ml, 32);
	kith__request_digest(q.digest, inner);
	CHECK_OK(kith__work_request(&n, &q, on_request, 9, 8));
	while (turn(&n))
		;
	CHECK_EQ(seen.calls, 1);
	CHECK_EQ(seen.a, 9);
	kith_store_u64(inner + 4048, seen.nonce);
	CHECK(kith__request_work_bits(inner, ik, ml, 20000) >= 11);
}

/* Every slot is found by its tag; tags of other days, mailboxes and secrets are not. */
TEST(work_knocks_table_knows_its_slots_only)
{
	struct kith_node n;
	uint64_t state = test_seed();
	uint8_t s[32] = {6};
	uint8_t ml[32] = {7};
	uint8_t tag[16];
	struct kith_work_knocks q = {s, ml, 20000};
	uint16_t slot = 0;
	unsigned i;
	unsigned k;

	memset(&n, 0, sizeof(n));
	CHECK_OK(kith__work_knocks(&n, &q, on_knocks, 0, 0));
	while (turn(&n))
		;
	CHECK_EQ(seen.calls, 1);
	for (i = 0; i < KITH_KNOCK_SLOTS; i++) {
		kith__request_tag(tag, s, 20000, (uint16_t)i, ml);
		CHECK(kith__knock_slot(seen.table, &q, tag, &slot));
		CHECK_EQ(slot, i);
		tag[15] ^= 1;
		CHECK(!kith__knock_slot(seen.table, &q, tag, &slot));
		kith__request_tag(tag, s, 20001, (uint16_t)i, ml);
		CHECK(!kith__knock_slot(seen.table, &q, tag, &slot));
	}
	for (i = 0; i < 1000; i++) {
		for (k = 0; k < 16; k++)
			tag[k] = (uint8_t)test_random(&state);
		CHECK(!kith__knock_slot(seen.table, &q, tag, &slot));
	}
	kith__knock_table_free(&n, seen.table);
	kith__knock_table_free(&n, NULL);
}

TEST(work_queue_is_capped)
{
	struct kith_node n;
	uint8_t q[32] = {1};
	unsigned i;

	memset(&n, 0, sizeof(n));
	for (i = 0; i < KITH_WORK_JOBS_MAX; i++)
		CHECK_OK(kith__work_stamp(&n, q, 1, on_stamp, i, 0));
	CHECK_EQ(kith__work_stamp(&n, q, 1, on_stamp, i, 0), KITH_E_FULL);
	kith__work_free(&n);
}

/* A knock is found at once where the table is ready, else when it is; a table that nobody asks goes
 * after a minute, or with the link, and comes back when somebody does. */
TEST(knock_tables_rest)
{
	static struct kith_identity id;
	static const uint8_t stranger[1][16] = {{1}};
	struct kith_node n;
	struct kith_rng rng = test_rng(test_seed());
	struct kith__group g = {.secrets = 1};
	struct kith__secret s[KITH__SECRETS];
	struct kith__fetcher *r;
	uint8_t tag[1][16];
	unsigned made = 0;
	unsigned round;

	memset(&n, 0, sizeof(n));
	n.rng = &rng;
	n.id = &id;
	n.has_identity = true;
	n.now = 1000;
	id.caps = 1;
	g.secret[0] = KITH__SECRET_CAP;
	CHECK_EQ(kith__secrets(&n, s), 1);
	r = &kith__fetch(&n)->reader[0];
	n.gate.count = KITH_GATE_MAX; /* nothing is asked for */
	r->used = r->listed_once = true;
	r->info_at = n.now;
	r->info_s = 20000u * 86400u + 43200u; /* noon: one day is tried */
	for (round = 0; round < 3; round++) {
		kith__request_tag(tag[0], s[0].s, 20000, (uint16_t)(77 + round), r->ml);
		kith__knocks_try(&n, 0, &g, 20000, stranger, 1);
		kith__knocks_try(&n, 0, &g, 20000, (const uint8_t(*)[16])tag, 1);
		CHECK_EQ(n.fetch->wants, 3 * round);
		while (turn(&n))
			made++;
		CHECK_EQ(made, round + 1);
		CHECK_EQ(n.fetch->wants, 3 * round + 1);
		CHECK(n.fetch->want[3 * round].knock &&
		      n.fetch->want[3 * round].index == 77 + round);
		CHECK_EQ(kith__knocks_deadline(&n), n.now + 60000000);
		n.now += 59999999;
		kith__knocks_rest(&n, NULL);
		kith__request_tag(tag[0], s[0].s, 20000, (uint16_t)(177 + round), r->ml);
		kith__knocks_try(&n, 0, &g, 20000, (const uint8_t(*)[16])tag, 1);
		CHECK_EQ(n.fetch->wants, 3 * round + 2); /* it was still there */
		n.now += 59999999;
		kith__knocks_rest(&n, NULL);
		kith__request_tag(tag[0], s[0].s, 20000, (uint16_t)(277 + round), r->ml);
		kith__knocks_try(&n, 0, &g, 20000, (const uint8_t(*)[16])tag, 1);
		CHECK_EQ(n.fetch->wants, 3 * round + 3);
		if (round == 1) {
			kith__knocks_rest(&n, r->ml); /* the link ended */
		} else {
			n.now = kith__knocks_deadline(&n);
			kith__knocks_rest(&n, NULL);
		}
		CHECK_EQ(kith__knocks_deadline(&n), KITH_NEVER);
	}
	kith__fetch_free(&n);
	kith__work_free(&n);
}
