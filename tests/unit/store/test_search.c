/* SPDX-License-Identifier: ISC */
/* Search against a naive twin: the tail, the index and both; words that are operators elsewhere;
 * what was deleted leaves the index. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/store/help.h"

#define ROWS 900

static const char *const vocabulary[] = {"apple", "apply",  "pear", "plum",   "quince", "tea",
					 "team",  "teapot", "near", "or",     "and",    "not",
					 "body",  "zebra",  "12",   "twelve", "x"};
#define WORDS (sizeof(vocabulary) / sizeof(vocabulary[0]))

struct world {
	struct test_disk disk;
	struct kith_rng rng;
	struct kith_profile *profile;
	struct kith_store *s;
	uint32_t words[ROWS + 1]; /* bits of the words in a row; 0: no such row */
	int conv[ROWS + 1];
	uint64_t state;
};

static void begin(struct world *w)
{
	struct kith_profile_config cfg;

	memset(w, 0, sizeof(*w));
	test_disk_init(&w->disk);
	w->rng = test_rng(test_seed());
	w->state = test_seed();
	cfg = help_config(&w->disk, "p", &w->rng);
	CHECK_OK(kith_profile_create(&cfg, NULL, 0, &w->profile));
	CHECK_OK(kith_store_open(w->profile, KITH_DB_ACCOUNT, &w->s));
	help_people(w->s);
	CHECK_OK(kith__exec(w->s, "INSERT INTO conversation(id,kind) VALUES(2,1)"));
}

static void end(struct world *w)
{
	kith_store_close(w->s);
	kith_profile_close(w->profile);
	test_disk_free(&w->disk);
}

static void put_text(struct world *w, int64_t id, int conv, const char *text)
{
	struct kith_op op = kith_op(KITH_OP_MESSAGE_PUT);
	uint8_t mid[16] = {0};

	kith_store_u64(mid, (uint64_t)id);
	kith_op_int(&op, id);
	kith_op_int(&op, conv);
	kith_op_int(&op, 0);
	kith_op_blob(&op, mid, sizeof(mid));
	for (int i = 0; i < 5; i++)
		kith_op_int(&op, 1);
	kith_op_null(&op);
	kith_op_text(&op, text, strlen(text));
	kith_op_null(&op);
	kith_op_null(&op);
	help_put(w->s, &op);
}

/* Rows from..to of random words, in both conversations. */
static void grow(struct world *w, int64_t from, int64_t to)
{
	char text[256];
	size_t len;

	for (int64_t id = from; id <= to; id++) {
		len = 0;
		for (uint64_t n = 1 + test_random(&w->state) % 6; n > 0; n--) {
			uint64_t word = test_random(&w->state) % WORDS;

			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
						len == 0     ? ""
						: n % 2 == 0 ? ", "
							     : " ",
						vocabulary[word]);
			w->words[id] |= 1u << word;
		}
		if (id % 3 == 0)
			text[0] = (char)(text[0] - ('a' <= text[0] && text[0] <= 'z' ? 32 : 0));
		w->conv[id] = 1 + (int)(id % 2);
		put_text(w, id, w->conv[id], text);
		if (id % 100 == 0)
			CHECK_OK(help_commit(w->s));
	}
	CHECK_OK(help_commit(w->s));
}

static int search(struct world *w, const char *text, int64_t before, int64_t limit, int conv,
		  struct kith_rows *rows)
{
	struct kith_op op = kith_op(KITH_OP_SEARCH);

	kith_op_text(&op, text, strlen(text));
	kith_op_int(&op, before);
	kith_op_int(&op, limit);
	if (conv != 0)
		kith_op_int(&op, conv);
	else
		kith_op_null(&op);
	return kith_store_read_now(w->s, &op, rows);
}

static bool row_has(uint32_t words, const char *term)
{
	size_t len = strlen(term);
	bool prefix = term[len - 1] == '*';

	for (size_t i = 0; i < WORDS; i++) {
		if ((words >> i & 1) == 0)
			continue;
		if (prefix ? strncmp(vocabulary[i], term, len - 1) == 0
			   : strcmp(vocabulary[i], term) == 0)
			return true;
	}
	return false;
}

static void compare(struct world *w)
{
	static const char *const terms[] = {"apple", "tea", "tea*", "app*",
					    "near",  "or",  "12",   "body"};
	const char *a = terms[test_random(&w->state) % 8], *b = terms[test_random(&w->state) % 8];
	int64_t before = (int64_t)(test_random(&w->state) % (ROWS + 50)), id = before;
	int64_t limit = 1 + (int64_t)(test_random(&w->state) % 60), found = 0;
	int conv = (int)(test_random(&w->state) % 3);
	struct kith_rows rows;
	char text[64];

	(void)snprintf(text, sizeof(text), "%s %s", a, b);
	CHECK_OK(search(w, text, before, limit, conv, &rows));
	if (id > ROWS + 1)
		id = ROWS + 1;
	while (--id > 0 && found < limit) {
		if (w->words[id] == 0 || (conv != 0 && w->conv[id] != conv) ||
		    !row_has(w->words[id], a) || !row_has(w->words[id], b))
			continue;
		if (!kith_rows_next(&rows))
			test_fail(__FILE__, __LINE__, "\"%s\": row %d is missing", text, (int)id);
		CHECK_EQ(kith_rows_int(&rows, 0), id);
		CHECK_EQ(kith_rows_int(&rows, 11), w->conv[id]);
		found++;
	}
	CHECK(!kith_rows_next(&rows));
}

/* Idle: what waits is indexed, slice by slice, then the log is emptied. Returns the jobs. */
static int be_idle(struct world *w, kith_time now)
{
	struct kith_job *job = NULL;
	int jobs = 0;

	kith_store_tick(w->s, now);
	while (kith_store_job(w->s, &job)) {
		job->run(job);
		CHECK_OK(kith_store_done(w->s, job, now));
		CHECK(++jobs < 100);
	}
	return jobs;
}

TEST(search_equals_a_naive_one)
{
	struct world w;

	begin(&w);
	grow(&w, 1, 300);
	for (int i = 0; i < 300; i++)
		compare(&w);
	CHECK_EQ(w.s->tail, 300);
	CHECK_EQ(be_idle(&w, 20 * KITH_US_PER_S), 1);
	CHECK_EQ(w.s->tail, 0);
	for (int i = 0; i < 300; i++)
		compare(&w);
	grow(&w, 301, ROWS); /* more than one slice */
	for (int i = 0; i < 300; i++)
		compare(&w);
	CHECK_EQ(be_idle(&w, 40 * KITH_US_PER_S), 2);
	for (int i = 0; i < 300; i++)
		compare(&w);
	end(&w);
}

TEST(a_short_tail_is_not_worth_a_slice)
{
	struct world w;

	begin(&w);
	grow(&w, 1, 50);
	CHECK_EQ(be_idle(&w, 20 * KITH_US_PER_S), 1);
	CHECK_EQ(w.s->tail, 50);
	compare(&w);
	end(&w);
}

TEST(accents_and_case_do_not_matter)
{
	struct kith_rows rows;
	struct world w;

	begin(&w);
	put_text(&w, 1, 1, "Caf\xc3\xa9 in Z\xc3\xbcrich");
	put_text(&w, 2, 1, "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82");
	CHECK_OK(help_commit(w.s));
	for (int round = 0; round < 2; round++) {
		CHECK_OK(search(&w, "CAFE zurich", 9, 9, 0, &rows));
		CHECK(kith_rows_next(&rows) && kith_rows_int(&rows, 0) == 1);
		CHECK_OK(search(&w, "\xd0\xbf\xd1\x80\xd0\xb8*", 9, 9, 0, &rows));
		CHECK(kith_rows_next(&rows) && kith_rows_int(&rows, 0) == 2);
		w.s->indexing = true;
		(void)be_idle(&w, 20 * KITH_US_PER_S);
		CHECK_EQ(w.s->tail, 0);
	}
	end(&w);
}

TEST(no_operator_reaches_the_index)
{
	static const char *const odd[] = {
		"\"tea\"",       "tea OR zebra", "NEAR(tea zebra)",   "body:tea",   "-tea", "^tea",
		"tea\"*",        "(tea",         "tea; DROP TABLE x", "{body}:tea", "te*",  "'tea'",
		"tea AND NOT x",
	};
	static const char *const bad[] = {"", " ", "*", "\"\"", "- +", "a b c d e f g h i"};
	struct kith_rows rows;
	char text[300];
	struct world w;

	begin(&w);
	grow(&w, 1, 300);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
			CHECK_OK(search(&w, odd[i], ROWS, 50, 0, &rows));
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			CHECK_EQ(search(&w, bad[i], ROWS, 50, 0, &rows), KITH_E_MALFORMED);
		CHECK_OK(search(&w, "te*", ROWS, 50, 0, &rows)); /* too short for a prefix */
		CHECK(!kith_rows_next(&rows));
		for (int i = 0; i < 500; i++) {
			size_t len = test_random(&w.state) % 200;
			int status;

			for (size_t k = 0; k < len; k++)
				text[k] = (char)(1 + test_random(&w.state) % 255);
			text[len] = '\0';
			status = search(&w, text, ROWS, 50, 0, &rows);
			CHECK(status == KITH_OK || status == KITH_E_MALFORMED);
		}
		(void)be_idle(&w, (kith_time)(round + 1) * 20 * KITH_US_PER_S);
	}
	memset(text, 'a', sizeof(text));
	text[KITH_SEARCH_MAX + 1] = '\0';
	CHECK_EQ(search(&w, text, ROWS, 50, 0, &rows), KITH_E_MALFORMED);
	end(&w);
}

/* How often the bytes stand in the tables of the index, which shares the begin of words. */
static int64_t in_index(struct world *w, const char *text)
{
	char sql[128];
	sqlite3_stmt *stmt = NULL;
	int64_t n;

	(void)snprintf(sql, sizeof(sql),
		       "SELECT COUNT(*) FROM search_data"
		       " WHERE instr(block,x'%02x%02x%02x%02x%02x')",
		       text[0], text[1], text[2], text[3], text[4]);
	CHECK_EQ(sqlite3_prepare_v2(w->s->db, sql, -1, &stmt, NULL), SQLITE_OK);
	CHECK_EQ(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return n;
}

TEST(deleted_words_leave_the_index)
{
	struct kith_op op = kith_op(KITH_OP_MESSAGE_CLEAR);
	struct kith_rows rows;
	struct world w;

	begin(&w);
	grow(&w, 1, 300);
	put_text(&w, 301, 2, "qzxqwv secret");
	CHECK_OK(help_commit(w.s));
	(void)be_idle(&w, 20 * KITH_US_PER_S);
	grow(&w, 302, 320); /* the tail goes too */
	CHECK(in_index(&w, "zxqwv") > 0);
	kith_op_int(&op, 2);
	help_put(w.s, &op);
	CHECK_OK(help_commit(w.s));
	for (int64_t id = 1; id <= 320; id++)
		w.words[id] = w.conv[id] == 2 ? 0 : w.words[id];
	CHECK_OK(search(&w, "qzxqwv", ROWS, 9, 0, &rows));
	CHECK(!kith_rows_next(&rows));
	for (int i = 0; i < 200; i++)
		compare(&w);
	/* a new start in between does not forget it */
	kith_store_close(w.s);
	CHECK_OK(kith_store_open(w.profile, KITH_DB_ACCOUNT, &w.s));
	CHECK(in_index(&w, "zxqwv") > 0);
	put_text(&w, 330, 1, "x");
	w.words[330] = 1u << 16;
	w.conv[330] = 1;
	CHECK_OK(help_commit(w.s));
	(void)be_idle(&w, 200 * KITH_US_PER_S);
	CHECK_EQ(in_index(&w, "zxqwv"), 0);
	for (int i = 0; i < 200; i++)
		compare(&w);
	CHECK_OK(kith__exec(w.s, "INSERT INTO search(search) VALUES('integrity-check')"));
	end(&w);
}
