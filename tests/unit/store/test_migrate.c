/* SPDX-License-Identifier: ISC */
/*
 * Each schema step, cut by a power failure at 20 random accesses: afterwards the database is of the
 * old schema or of the new one, an older program refuses the new one untouched, and what was
 * acknowledged under the old one is there.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/store/help.h"

#define CUTS 20
#define ROWS 120

static struct {
	struct test_disk disk;
	struct kith_rng rng;
	struct kith_profile *p;
	struct kith_store *s;
	uint64_t state;
	unsigned old, whole;
} w;

static void on_fatal(void *ctx, const char *sentence)
{
	(void)ctx;
	(void)sentence;
}

static int open_at(int last)
{
	struct kith_profile_config cfg = help_config(&w.disk, "p", &w.rng);
	int status;

	cfg.fatal = on_fatal;
	status = kith_profile_open(&cfg, NULL, 0, &w.p);
	if (status != KITH_OK)
		return status;
	w.p->schema_last = last;
	status = kith_store_open(w.p, KITH_DB_ACCOUNT, &w.s);
	if (status != KITH_OK)
		kith_profile_close(w.p);
	return status;
}

static void close_all(void)
{
	kith_store_close(w.s);
	kith_profile_close(w.p);
}

/* What a node of that step wrote: messages, events, a ratchet, an entry of the outbox. */
static void old_database(int last)
{
	struct kith_profile_config cfg = help_config(&w.disk, "p", &w.rng);
	char text[64];
	struct kith_op op;

	test_disk_init(&w.disk);
	CHECK_OK(kith_profile_create(&cfg, NULL, 0, &w.p));
	w.p->schema_last = last;
	CHECK_OK(kith_store_open(w.p, KITH_DB_ACCOUNT, &w.s));
	help_people(w.s);
	for (int64_t id = 1; id <= ROWS; id++) {
		op = help_message(id, 30, text);
		help_put(w.s, &op);
		op = kith_op(KITH_OP_EVENT_PUT);
		for (int i = 0; i < 6; i++)
			kith_op_int(&op, i == 0 ? id : i);
		help_put(w.s, &op);
	}
	CHECK_OK(help_commit(w.s));
	CHECK_OK(kith__exec(w.s, "INSERT INTO ratchet(device,epoch,may_send,body)"
				 " VALUES(1,7,1,x'aabb')"));
	CHECK_OK(kith__exec(w.s, "INSERT INTO outbox(id,device,seq,kind) VALUES(9,1,5,1)"));
	close_all();
}

static void compare(void)
{
	struct kith_op op = kith_op(KITH_OP_LOAD_RATCHET);
	struct kith_rows rows;

	for (int64_t id = 1; id <= ROWS; id++)
		CHECK_EQ(help_has(w.s, id, 30), 1);
	CHECK_EQ(help_rows(w.s, KITH_OP_LOAD_OUTBOX), 1);
	CHECK_OK(kith_store_read_now(w.s, &op, &rows));
	CHECK(kith_rows_next(&rows) && kith_rows_int(&rows, 1) == 7);
	CHECK(kith_rows_is_null(&rows, 4));
	op = kith_op(KITH_OP_EVENTS_SINCE);
	kith_op_int(&op, 0);
	kith_op_int(&op, 1000);
	CHECK_OK(kith_store_read_now(w.s, &op, &rows));
	for (int64_t id = 1; id <= ROWS; id++) {
		CHECK(kith_rows_next(&rows));
		CHECK_EQ(kith_rows_int(&rows, 0), id);
	}
	CHECK(!kith_rows_next(&rows));
	CHECK(!kith_store_restored(w.s));
	CHECK_EQ(w.s->seal.refused, 0);
	CHECK_OK(kith__schema_check(w.s));
}

/* Accesses that the opening with step `to` takes. */
static uint64_t accesses(int to)
{
	uint64_t before;

	old_database(to - 1);
	before = w.disk.accesses;
	CHECK_OK(open_at(to));
	before = w.disk.accesses - before;
	close_all();
	test_disk_free(&w.disk);
	return before;
}

static void cut_one(int to, uint64_t room)
{
	uint64_t before;
	int status;

	old_database(to - 1);
	w.disk.fail_for_good = true;
	w.disk.fail_at = w.disk.accesses + 1 + test_random(&w.state) % room;
	if (open_at(to) == KITH_OK)
		close_all();
	test_disk_cut(&w.disk, &w.state);
	w.disk.fail_at = 0;
	before = test_disk_find(&w.disk, "p/account.db")->now_len;
	status = open_at(to - 1);
	CHECK(status == KITH_OK || status == KITH_E_VERSION);
	w.old += status == KITH_OK;
	w.whole += status != KITH_OK;
	if (status == KITH_OK)
		close_all();
	else
		CHECK_EQ(test_disk_find(&w.disk, "p/account.db")->now_len, before);
	CHECK_OK(open_at(0));
	compare();
	close_all();
	test_disk_free(&w.disk);
}

TEST(each_step_survives_twenty_cuts)
{
	int last = kith__schema_version(KITH_DB_ACCOUNT);

	w.rng = test_rng(test_seed());
	w.state = test_seed();
	for (int to = 2; to <= last; to++) {
		uint64_t room = accesses(to);

		w.old = w.whole = 0;
		for (int i = 0; i < CUTS; i++)
			cut_one(to, room);
		CHECK(w.old > 0 && w.whole > 0);
		printf("# step %d: %d cuts in %u accesses, %u old, %u new\n", to, CUTS,
		       (unsigned)room, w.old, w.whole);
	}
}
