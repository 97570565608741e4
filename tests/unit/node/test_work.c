/* SPDX-License-Identifier: ISC */
/* node/work.c against a bare node: order, chunks, results. */
#include <string.h>

#include "node/internal.h"
#include "tests/test.h"

struct seen {
	unsigned calls;
	uint64_t a, b, nonce;
	uint8_t stamp[64];
	size_t hits;
	uint16_t slot[8];
	uint32_t index[8];
};
static struct seen seen;

static void on_stamp(struct kith_node *n, uint64_t a, uint64_t b, const struct kith_work *w)
{
	(void)n;
	seen.calls++;
	seen.a = a;
	seen.b = b;
	memcpy(seen.stamp, kith__work_stamp_result(w), 64);
}

static void on_request(struct kith_node *n, uint64_t a, uint64_t b, const struct kith_work *w)
{
	(void)n;
	seen.calls++;
	seen.a = a;
	seen.b = b;
	seen.nonce = kith__work_nonce(w);
}

static void on_knocks(struct kith_node *n, uint64_t a, uint64_t b, const struct kith_work *w)
{
	const uint16_t *slot;
	const uint32_t *index;
	const uint8_t(*tags)[16];
	size_t i;

	(void)n;
	(void)a;
	(void)b;
	seen.calls++;
	seen.hits = kith__work_hits(w, &slot, &index, &tags);
	for (i = 0; i < seen.hits && i < 8; i++) {
		seen.slot[i] = slot[i];
		seen.index[i] = index[i];
	}
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

TEST(work_knocks_finds_slots_among_strangers)
{
	struct kith_node n;
	uint64_t state = test_seed();
	uint8_t s[32] = {6};
	uint8_t ml[32] = {7};
	uint8_t wrap[32];
	uint8_t tags[100][16];
	struct kith_work_knocks q = {s, ml, 20000, (const uint8_t(*)[16])tags, 100};
	size_t i;
	size_t k;

	memset(&n, 0, sizeof(n));
	for (i = 0; i < 100; i++)
		for (k = 0; k < 16; k++)
			tags[i][k] = (uint8_t)test_random(&state);
	kith__request_place(tags[41], wrap, s, 20000, 0, ml);
	kith__request_place(tags[3], wrap, s, 20000, 16383, ml);
	kith__request_place(tags[77], wrap, s, 20001, 5, ml); /* another day */
	CHECK_OK(kith__work_knocks(&n, &q, on_knocks, 0, 0));
	memset(tags, 0, sizeof(tags)); /* the job has its own copy */
	while (turn(&n))
		;
	CHECK_EQ(seen.calls, 1);
	CHECK_EQ(seen.hits, 2);
	CHECK_EQ(seen.slot[0], 0);
	CHECK_EQ(seen.index[0], 41);
	CHECK_EQ(seen.slot[1], 16383);
	CHECK_EQ(seen.index[1], 3);
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
