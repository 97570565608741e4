/* SPDX-License-Identifier: ISC */
/* The n-th allocation fails, for all n: Kith's own by the table, SQLite's by its configuration. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/store/help.h"

struct counting {
	struct kith_alloc table;
	uint64_t calls, fail_at;
	int64_t live;
};

static void *count_resize(void *ctx, void *p, size_t size)
{
	struct counting *c = ctx;
	const struct kith_alloc *heap = kith_alloc_heap();

	if (size == 0) {
		c->live -= p != NULL;
		return heap->resize(heap->ctx, p, 0);
	}
	if (++c->calls == c->fail_at)
		return NULL;
	c->live += p == NULL;
	return heap->resize(heap->ctx, p, size);
}

/* A whole life; the number of messages that were acknowledged. */
static int life(struct test_disk *disk, const struct kith_alloc *alloc, struct kith_rng *rng)
{
	struct kith_profile_config cfg = help_config(disk, "p", rng);
	struct kith_profile *p = NULL;
	struct kith_store *s = NULL;
	struct kith_op op, read;
	uint64_t batch;
	int acked = 0;

	cfg.alloc = alloc;
	if (kith_profile_create(&cfg, NULL, 0, &p) != KITH_OK)
		return 0;
	if (kith_store_open(p, KITH_DB_ACCOUNT, &s) == KITH_OK) {
		for (int i = 0; i < 6; i++) {
			op = kith_op(KITH_OP_EVENT_PUT);
			kith_op_int(&op, i + 1);
			kith_op_int(&op, 1);
			kith_op_int(&op, 1);
			for (int v = 0; v < 3; v++)
				kith_op_null(&op);
			op.token = 1;
			read = kith_op(KITH_OP_EVENTS_SINCE);
			kith_op_int(&read, 0);
			kith_op_int(&read, 100);
			read.token = 2;
			if (kith_store_put(s, &op, &batch) != KITH_OK ||
			    kith_store_put(s, &read, &batch) != KITH_OK)
				break;
			if (help_commit(s) == KITH_E_NOSPACE) {
				kith_store_tick(s, KITH__RETRY_US);
				(void)help_commit(s);
			}
			if (kith_store_committed(s) != (uint64_t)i + 1)
				break;
			acked++;
		}
		kith_store_close(s);
	}
	kith_profile_close(p);
	return acked;
}

static int events_there(struct test_disk *disk, struct kith_rng *rng)
{
	struct kith_profile_config cfg = help_config(disk, "p", rng);
	struct kith_op op = kith_op(KITH_OP_EVENTS_SINCE);
	struct kith_profile *p = NULL;
	struct kith_store *s = NULL;
	struct kith_rows rows;
	int n = 0, status;

	status = kith_profile_open(&cfg, NULL, 0, &p);
	if (status == KITH_E_NOTFOUND)
		return 0;
	CHECK_OK(status);
	CHECK_OK(kith_store_open(p, KITH_DB_ACCOUNT, &s));
	kith_op_int(&op, 0);
	kith_op_int(&op, 100);
	CHECK_OK(kith_store_read_now(s, &op, &rows));
	while (kith_rows_next(&rows))
		n++;
	kith_store_close(s);
	kith_profile_close(p);
	return n;
}

TEST(own_allocations_fail_one_by_one)
{
	struct kith_rng rng = test_rng(test_seed());
	static struct test_disk disk;
	struct counting c = {.table = {count_resize, &c}};
	int acked, there;

	do {
		c.fail_at++;
		c.calls = 0;
		test_disk_init(&disk);
		acked = life(&disk, &c.table, &rng);
		CHECK_EQ(c.live, 0);
		there = events_there(&disk, &rng);
		CHECK(there >= acked && there <= acked + 1);
		test_disk_free(&disk);
	} while (c.calls >= c.fail_at);
	CHECK_EQ(acked, 6);
	CHECK(c.fail_at > 10);
}

static sqlite3_mem_methods real;
static uint64_t sqlite_calls, sqlite_fail_at;

static void *failing_malloc(int size)
{
	return ++sqlite_calls == sqlite_fail_at ? NULL : real.xMalloc(size);
}

static void *failing_realloc(void *p, int size)
{
	return ++sqlite_calls == sqlite_fail_at ? NULL : real.xRealloc(p, size);
}

TEST(sqlite_allocations_fail_one_by_one)
{
	struct kith_rng rng = test_rng(test_seed());
	static struct test_disk disk;
	sqlite3_mem_methods failing;
	uint64_t at = 1;
	int acked, there;
	bool hit;

	if (getenv("TEST_NOFORK") != NULL)
		test_skip("SQLite is configured already");
	CHECK_EQ(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real), SQLITE_OK);
	failing = real;
	failing.xMalloc = failing_malloc;
	failing.xRealloc = failing_realloc;
	CHECK_EQ(sqlite3_config(SQLITE_CONFIG_MALLOC, &failing), SQLITE_OK);
	CHECK_EQ(sqlite3_initialize(), SQLITE_OK);
	for (;;) {
		sqlite_calls = 0;
		sqlite_fail_at = at;
		test_disk_init(&disk);
		acked = life(&disk, NULL, &rng);
		hit = sqlite_calls >= at;
		sqlite_fail_at = 0;
		there = events_there(&disk, &rng);
		CHECK(there >= acked && there <= acked + 1);
		test_disk_free(&disk);
		if (!hit)
			break;
		at += 1 + at / 64;
	}
	CHECK_EQ(acked, 6);
	printf("# up to allocation %llu\n", (unsigned long long)at);
}
