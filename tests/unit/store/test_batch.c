/* SPDX-License-Identifier: ISC */
/* Batches: order, results, caps, if_new, rollback, numbers, full disk. */
#include <string.h>

#include "tests/unit/store/help.h"

struct world {
	struct test_disk disk;
	struct kith_rng rng;
	struct kith_profile *profile;
	struct kith_store *s;
};

static void begin(struct world *w)
{
	struct kith_profile_config cfg;

	test_disk_init(&w->disk);
	w->rng = test_rng(test_seed());
	cfg = help_config(&w->disk, "p", &w->rng);
	CHECK_OK(kith_profile_create(&cfg, NULL, 0, &w->profile));
	CHECK_OK(kith_store_open(w->profile, KITH_DB_ACCOUNT, &w->s));
}

static void end(struct world *w)
{
	kith_store_close(w->s);
	kith_profile_close(w->profile);
	test_disk_free(&w->disk);
}

static struct kith_op seen(uint8_t h, uint32_t token)
{
	static uint8_t bytes[16];
	struct kith_op op = kith_op(KITH_OP_SEEN_PUT);

	memset(bytes, h, sizeof(bytes));
	kith_op_blob(&op, bytes, sizeof(bytes));
	kith_op_int(&op, 1000);
	op.token = token;
	return op;
}

static struct kith_op event(int64_t seq, bool if_new, uint32_t token)
{
	struct kith_op op = kith_op(KITH_OP_EVENT_PUT);

	kith_op_int(&op, seq);
	kith_op_int(&op, 5);
	kith_op_int(&op, 1);
	kith_op_null(&op);
	kith_op_null(&op);
	kith_op_null(&op);
	op.if_new = if_new;
	op.token = token;
	return op;
}

static struct kith_op events_since(int64_t seq, uint32_t token)
{
	struct kith_op op = kith_op(KITH_OP_EVENTS_SINCE);

	kith_op_int(&op, seq);
	kith_op_int(&op, 100);
	op.token = token;
	return op;
}

static void put(struct world *w, struct kith_op op)
{
	help_put(w->s, &op);
}

static void expect(struct world *w, uint32_t token, bool already)
{
	struct kith_store_result r;

	CHECK(kith_store_result(w->s, &r));
	CHECK_EQ(r.token, token);
	CHECK_EQ(r.already, already);
	CHECK_EQ(r.status, KITH_OK);
}

TEST(an_empty_batch_is_no_job)
{
	struct kith_job *job = NULL;
	struct kith_store_result r;
	struct world w;

	begin(&w);
	CHECK(!kith_store_job(w.s, &job));
	CHECK(!kith_store_result(w.s, &r));
	CHECK_EQ(kith_store_open_batch(w.s), 1);
	CHECK_EQ(kith_store_committed(w.s), 0);
	CHECK_EQ(kith_store_state(w.s), KITH_STORE_OK);
	CHECK(!kith_store_restored(w.s));
	end(&w);
}

TEST(numbers_grow_with_commits_and_one_is_in_flight)
{
	struct kith_job *job = NULL, *other = NULL;
	struct world w;

	begin(&w);
	put(&w, seen(1, 0));
	CHECK(kith_store_job(w.s, &job));
	CHECK_EQ(kith_store_open_batch(w.s), 2);
	put(&w, seen(2, 0));
	CHECK(!kith_store_job(w.s, &other));
	job->run(job);
	CHECK_EQ(kith_store_committed(w.s), 0);
	CHECK_OK(kith_store_done(w.s, job, 1));
	CHECK_EQ(kith_store_committed(w.s), 1);
	CHECK_OK(help_commit(w.s));
	CHECK_EQ(kith_store_committed(w.s), 2);
	CHECK_EQ(help_rows(w.s, KITH_OP_LOAD_SEEN), 2);
	end(&w);
}

TEST(reads_see_the_writes_of_their_batch)
{
	struct kith_store_result r;
	struct world w;

	begin(&w);
	put(&w, events_since(0, 70));
	put(&w, event(1, false, 0));
	put(&w, event(2, false, 71));
	put(&w, events_since(1, 72));
	CHECK_OK(help_commit(w.s));
	CHECK(kith_store_result(w.s, &r));
	CHECK_EQ(r.token, 70);
	CHECK_EQ(r.rows.columns, 6);
	CHECK(kith_rows_next(&r.rows));
	CHECK_EQ(kith_rows_int(&r.rows, 0), 1);
	CHECK(kith_rows_is_null(&r.rows, 3));
	CHECK_EQ(kith_rows_int(&r.rows, 3), 0);
	CHECK(kith_rows_next(&r.rows) && !kith_rows_next(&r.rows));
	expect(&w, 71, false);
	CHECK(kith_store_result(w.s, &r));
	CHECK_EQ(r.token, 72);
	CHECK(kith_rows_next(&r.rows));
	CHECK_EQ(kith_rows_int(&r.rows, 0), 2);
	CHECK(!kith_rows_next(&r.rows));
	CHECK(!kith_store_result(w.s, &r));
	end(&w);
}

TEST(results_outlive_puts_into_the_next_batch)
{
	struct kith_store_result r;
	struct world w;

	begin(&w);
	put(&w, event(1, false, 0));
	put(&w, events_since(0, 9));
	CHECK_OK(help_commit(w.s));
	for (int64_t i = 2; i < 500; i++)
		put(&w, event(i, false, 10));
	CHECK(kith_store_result(w.s, &r));
	CHECK(kith_rows_next(&r.rows));
	CHECK_EQ(kith_rows_int(&r.rows, 0), 1);
	CHECK(!kith_rows_next(&r.rows));
	CHECK_OK(help_commit(w.s));
	for (int i = 2; i < 500; i++)
		expect(&w, 10, false);
	end(&w);
}

TEST(if_new_follows_the_last_insert)
{
	struct world w;

	begin(&w);
	put(&w, seen(1, 1));
	put(&w, event(1, true, 2));
	put(&w, seen(1, 3)); /* again */
	put(&w, event(2, true, 4));
	put(&w, event(3, false, 5));
	put(&w, seen(2, 6));
	put(&w, event(4, true, 7));
	CHECK_OK(help_commit(w.s));
	expect(&w, 1, false);
	expect(&w, 2, false);
	expect(&w, 3, true);
	expect(&w, 4, true);
	expect(&w, 5, false);
	expect(&w, 6, false);
	expect(&w, 7, false);
	CHECK_EQ(help_rows(w.s, KITH_OP_LOAD_SEEN), 2);
	put(&w, events_since(0, 8));
	CHECK_OK(help_commit(w.s));
	struct kith_store_result r;
	CHECK(kith_store_result(w.s, &r));
	CHECK(kith_rows_next(&r.rows) && kith_rows_int(&r.rows, 0) == 1);
	CHECK(kith_rows_next(&r.rows) && kith_rows_int(&r.rows, 0) == 3);
	CHECK(kith_rows_next(&r.rows) && kith_rows_int(&r.rows, 0) == 4);
	CHECK(!kith_rows_next(&r.rows));
	end(&w);
}

TEST(an_insert_held_back_holds_back_what_follows_it)
{
	struct kith_op op;
	struct world w;
	char text[64];

	begin(&w);
	help_people(w.s);
	put(&w, seen(1, 0));
	CHECK_OK(help_commit(w.s));
	put(&w, seen(1, 1));
	op = help_message(1, 10, text);
	op.if_new = true;
	op.token = 2;
	put(&w, op);
	put(&w, event(1, true, 3));
	CHECK_OK(help_commit(w.s));
	expect(&w, 1, true);
	expect(&w, 2, true);
	expect(&w, 3, true);
	CHECK_EQ(help_has(w.s, 1, 10), 0);
	end(&w);
}

TEST(a_failed_statement_rolls_the_batch_back_and_stops_writing)
{
	struct kith_op op;
	uint64_t batch;
	struct world w;
	struct kith_store_result r;

	begin(&w);
	put(&w, seen(1, 0));
	CHECK_OK(help_commit(w.s));
	put(&w, seen(2, 5));
	put(&w, event(1, false, 0));
	put(&w, event(1, false, 0)); /* the same number */
	CHECK_EQ(help_commit(w.s), KITH_E_IO);
	CHECK_EQ(kith_store_committed(w.s), 1);
	CHECK(!kith_store_result(w.s, &r));
	CHECK_EQ(help_rows(w.s, KITH_OP_LOAD_SEEN), 1);
	CHECK_EQ(kith_store_state(w.s), KITH_STORE_READONLY);
	CHECK(strstr(kith_store_sentence(w.s), "EVENT_PUT") != NULL);
	op = seen(3, 0);
	CHECK_EQ(kith_store_put(w.s, &op, &batch), KITH_E_IO);
	put(&w, events_since(0, 6)); /* reading goes on */
	CHECK_OK(help_commit(w.s));
	CHECK_EQ(kith_store_committed(w.s), 1); /* and stands for nothing that was lost */
	expect(&w, 6, false);
	end(&w);
}

TEST(caps_of_a_batch)
{
	static uint8_t big[3u << 20];
	struct kith_op op = seen(1, 0), read = events_since(0, 1), large;
	uint64_t batch = 0;
	struct world w;

	begin(&w);
	for (unsigned int i = 0; i < KITH_BATCH_OPS_MAX; i++) {
		CHECK(!kith_store_full(w.s));
		CHECK_OK(kith_store_put(w.s, &op, &batch));
	}
	CHECK(kith_store_full(w.s));
	CHECK_EQ(kith_store_put(w.s, &op, &batch), KITH_E_FULL);
	CHECK_OK(help_commit(w.s));
	CHECK(!kith_store_full(w.s));
	for (unsigned int i = 0; i < KITH_BATCH_READS_MAX; i++)
		CHECK_OK(kith_store_put(w.s, &read, &batch));
	CHECK_EQ(kith_store_put(w.s, &read, &batch), KITH_E_FULL);
	CHECK(kith_store_full(w.s));
	kith_store_beyond(w.s, true); /* what is under way still fits */
	CHECK_OK(kith_store_put(w.s, &read, &batch));
	for (unsigned int i = 0; i < 2 * KITH_BATCH_OPS_MAX; i++)
		CHECK_OK(kith_store_put(w.s, &op, &batch));
	CHECK(kith_store_full(w.s));
	kith_store_beyond(w.s, false);
	CHECK_EQ(kith_store_put(w.s, &op, &batch), KITH_E_FULL);
	CHECK_OK(help_commit(w.s));
	CHECK(!kith_store_full(w.s));
	large = kith_op(KITH_OP_META_SET);
	kith_op_text(&large, "k", 1);
	kith_op_blob(&large, big, sizeof(big));
	CHECK_OK(kith_store_put(w.s, &large, &batch));
	CHECK_OK(kith_store_put(w.s, &large, &batch));
	CHECK_EQ(kith_store_put(w.s, &large, &batch), KITH_E_FULL);
	CHECK_OK(kith_store_put(w.s, &op, &batch)); /* the batch was left whole */
	CHECK_OK(help_commit(w.s));
	end(&w);
}

TEST(empty_blobs_and_texts_are_not_null)
{
	struct kith_op op = kith_op(KITH_OP_SETTING_SET), load = kith_op(KITH_OP_LOAD_SETTING);
	struct kith_rows rows;
	struct world w;
	size_t len = 9;

	begin(&w);
	kith_op_text(&op, "a", 1);
	kith_op_blob(&op, NULL, 0);
	put(&w, op);
	op = kith_op(KITH_OP_SETTING_SET);
	kith_op_text(&op, "b", 1);
	kith_op_text(&op, NULL, 0);
	put(&w, op);
	op = kith_op(KITH_OP_SETTING_SET);
	kith_op_text(&op, "c", 1);
	kith_op_null(&op);
	put(&w, op);
	CHECK_OK(help_commit(w.s));
	CHECK_OK(kith_store_read_now(w.s, &load, &rows));
	for (int i = 0; i < 3; i++) {
		CHECK(kith_rows_next(&rows));
		CHECK_EQ(kith_rows_is_null(&rows, 1), i == 2);
		CHECK_EQ(kith_rows_blob(&rows, 1, &len) == NULL, i == 2);
		CHECK_EQ(len, 0);
	}
	end(&w);
}

TEST(a_full_disk_keeps_the_batch_and_takes_deletions)
{
	struct kith_job *job = NULL;
	struct kith_op op;
	struct world w;
	uint64_t batch;
	char text[16001];
	int64_t id = 0;
	int status;

	begin(&w);
	help_people(w.s);
	w.profile->reserve_bytes = 65536;
	atomic_store(&w.profile->low, true);
	kith__space_check(w.profile);
	CHECK(test_disk_find(&w.disk, "p/reserve") != NULL);
	w.disk.capacity = test_disk_used(&w.disk) + 150000;
	do {
		put(&w, help_message(++id, 16000, text));
		status = help_commit(w.s);
	} while (status == KITH_OK && id < 100 && kith_store_state(w.s) == KITH_STORE_OK);
	/* the reserve was given up for the batch in flight; no new writes meanwhile */
	CHECK_OK(status);
	CHECK(test_disk_find(&w.disk, "p/reserve") == NULL);
	CHECK_EQ(kith_store_state(w.s), KITH_STORE_NOSPACE);
	op = help_message(++id, 16000, text);
	CHECK_EQ(kith_store_put(w.s, &op, &batch), KITH_E_NOSPACE);
	kith_store_force(w.s, true);
	do {
		put(&w, help_message(id++, 16000, text));
		status = help_commit(w.s);
	} while (status == KITH_OK && id < 100);
	CHECK_EQ(status, KITH_E_NOSPACE);
	kith_store_force(w.s, false);
	id--;
	/* kept: not offered again before its time, then repeated until there is room */
	CHECK(!kith_store_job(w.s, &job));
	CHECK_EQ(kith_store_deadline(w.s), 5 * KITH_US_PER_S);
	kith_store_tick(w.s, 5 * KITH_US_PER_S - 1);
	CHECK(!kith_store_job(w.s, &job));
	kith_store_tick(w.s, 5 * KITH_US_PER_S);
	CHECK(kith_store_job(w.s, &job));
	job->run(job);
	CHECK_EQ(kith_store_done(w.s, job, 5 * KITH_US_PER_S), KITH_E_NOSPACE);
	CHECK_EQ(kith_store_deadline(w.s), 10 * KITH_US_PER_S);
	op = kith_op(KITH_OP_SKIPPED_DROP);
	kith_op_int(&op, 1);
	put(&w, op);
	w.disk.capacity = 0;
	kith_store_tick(w.s, 10 * KITH_US_PER_S);
	CHECK(kith_store_job(w.s, &job));
	job->run(job);
	CHECK_OK(kith_store_done(w.s, job, 10 * KITH_US_PER_S));
	CHECK_EQ(kith_store_state(w.s), KITH_STORE_OK);
	CHECK_OK(help_commit(w.s));
	for (int64_t i = 1; i <= id; i++)
		CHECK_EQ(help_has(w.s, i, 16000), 1);
	CHECK(test_disk_find(&w.disk, "p/reserve") != NULL);
	end(&w);
}

TEST(an_idle_log_is_emptied)
{
	struct kith_job *job = NULL;
	struct world w;

	begin(&w);
	put(&w, seen(1, 0));
	CHECK(kith_store_job(w.s, &job));
	job->run(job);
	CHECK_OK(kith_store_done(w.s, job, 100));
	CHECK_EQ(kith_store_deadline(w.s), 100 + 10 * KITH_US_PER_S);
	CHECK(test_disk_find(&w.disk, "p/account.db-wal")->now_len > 4096);
	kith_store_tick(w.s, 100 + 10 * KITH_US_PER_S);
	CHECK_EQ(kith_store_deadline(w.s), KITH_NEVER);
	CHECK(kith_store_job(w.s, &job));
	job->run(job);
	CHECK_OK(kith_store_done(w.s, job, 11 * KITH_US_PER_S));
	CHECK_EQ(kith_store_deadline(w.s), KITH_NEVER);
	CHECK_EQ(test_disk_find(&w.disk, "p/account.db-wal")->now_len, 0);
	CHECK_EQ(kith_store_committed(w.s), 1);
	end(&w);
}

/* 400 KB of history pass through; ten seconds later they are on disk and no longer in memory. */
TEST(an_idle_store_gives_its_memory_back)
{
	struct kith_job *job = NULL;
	kith_time now = 100;
	sqlite3_int64 before, busy, idle;
	char text[16001];
	struct world w;

	begin(&w);
	help_people(w.s);
	before = sqlite3_memory_used();
	for (int64_t id = 1; id <= 25; id++) {
		put(&w, help_message(id, 16000, text));
		CHECK_OK(help_commit(w.s));
	}
	busy = sqlite3_memory_used();
	CHECK(busy > before + 200000);
	put(&w, seen(1, 0));
	CHECK(kith_store_job(w.s, &job));
	job->run(job);
	CHECK_OK(kith_store_done(w.s, job, now));
	now = kith_store_deadline(w.s);
	kith_store_tick(w.s, now);
	CHECK(kith_store_job(w.s, &job));
	job->run(job);
	CHECK_OK(kith_store_done(w.s, job, now));
	idle = sqlite3_memory_used();
	CHECK(idle < before + 50000);
	CHECK_EQ(w.s->batch[0].args.cap + w.s->batch[1].args.cap, 0);
	for (int64_t id = 1; id <= 25; id++)
		CHECK_EQ(help_has(w.s, id, 16000), 1);
	CHECK_EQ(help_has(w.s, 26, 16000), 0);
	end(&w);
}

TEST(deleted_content_leaves_the_log_within_a_minute_of_traffic)
{
	struct kith_op op = kith_op(KITH_OP_MESSAGE_CLEAR);
	const kith_time second = KITH_US_PER_S;
	struct kith_job *job = NULL;
	struct world w;

	begin(&w);
	kith_op_int(&op, 1);
	for (unsigned int i = 0; i < 12; i++) {
		put(&w, i == 0 ? op : seen((uint8_t)i, 0));
		CHECK(kith_store_job(w.s, &job));
		job->run(job);
		CHECK_OK(kith_store_done(w.s, job, (1 + i * 5) * second));
		/* each write moves the idle time, not the limit */
		CHECK_EQ(kith_store_deadline(w.s), (11 + i * 5 < 61 ? 11 + i * 5 : 61) * second);
		kith_store_tick(w.s, (1 + i * 5) * second);
	}
	kith_store_tick(w.s, 61 * second);
	CHECK(kith_store_job(w.s, &job));
	job->run(job);
	CHECK_OK(kith_store_done(w.s, job, 61 * second));
	CHECK_EQ(test_disk_find(&w.disk, "p/account.db-wal")->now_len, 0);
	CHECK_EQ(kith_store_deadline(w.s), KITH_NEVER);
	end(&w);
}

static void count_fatal(void *ctx, const char *sentence)
{
	unsigned int *n = ctx;

	CHECK(strstr(sentence, "sync") != NULL);
	*n += 1;
}

TEST(a_failed_sync_is_told_and_ends_writing)
{
	unsigned int told = 0;
	struct world w;

	begin(&w);
	put(&w, seen(1, 0));
	CHECK_OK(help_commit(w.s));
	w.s->seal.fatal = count_fatal;
	w.s->seal.fatal_ctx = &told;
	w.disk.sync_fail_at = 1;
	put(&w, seen(2, 0));
	CHECK_EQ(help_commit(w.s), KITH_E_IO);
	CHECK_EQ(told, 1);
	CHECK_EQ(kith_store_state(w.s), KITH_STORE_READONLY);
	end(&w);
}

TEST(statements_cannot_open_other_files_or_change_the_form)
{
	static const char *const refused[] = {
		"ATTACH 'other' AS o",        "VACUUM",
		"PRAGMA page_size=512",       "PRAGMA journal_mode=DELETE",
		"PRAGMA locking_mode=NORMAL", "PRAGMA synchronous=OFF",
	};
	struct world w;
	int64_t full = 0;

	begin(&w);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		CHECK(sqlite3_exec(w.s->db, refused[i], NULL, NULL, NULL) != SQLITE_OK);
	CHECK(sqlite3_exec(w.s->db, "CREATE TEMP TABLE t(x)", NULL, NULL, NULL) == SQLITE_OK);
	CHECK_EQ(w.s->seal.refused, 0);
	CHECK_OK(kith__meta_get(w.s, "generation", &full));
	CHECK_EQ(full, 1);
	end(&w);
}
