/* SPDX-License-Identifier: ISC */
/* The sealing VFS: nothing readable on the disk, every change found, many databases at once. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/store/help.h"

#define MESSAGES 60
#define LENGTH   700u

struct world {
	struct test_disk disk;
	struct kith_rng rng;
	struct kith_profile *profile;
	struct kith_store *s;
};

static void begin_with(struct world *w, uint32_t page)
{
	struct kith_profile_config cfg;

	test_disk_init(&w->disk);
	w->rng = test_rng(test_seed());
	cfg = help_config(&w->disk, "p", &w->rng);
	cfg.page_bytes = page;
	CHECK_OK(kith_profile_create(&cfg, NULL, 0, &w->profile));
	CHECK_OK(kith_store_open(w->profile, KITH_DB_ACCOUNT, &w->s));
	help_people(w->s);
}

static void fill(struct world *w, int from, int to)
{
	char text[LENGTH + 1];
	struct kith_op op;

	for (int id = from; id <= to; id++) {
		op = help_message(id, LENGTH, text);
		help_put(w->s, &op);
		if (id % 5 == 0)
			CHECK_OK(help_commit(w->s));
	}
	CHECK_OK(help_commit(w->s));
}

static void end(struct world *w)
{
	kith_store_close(w->s);
	kith_profile_close(w->profile);
	test_disk_free(&w->disk);
}

static bool contains(const uint8_t *p, size_t len, const void *what, size_t n)
{
	for (size_t i = 0; i + n <= len; i++) {
		if (memcmp(p + i, what, n) == 0)
			return true;
	}
	return false;
}

static void no_trace(struct world *w)
{
	char text[LENGTH + 1];

	for (unsigned int i = 0; i < TEST_DISK_FILES; i++) {
		const struct test_disk_file *f = &w->disk.file[i];

		if (!f->used)
			continue;
		for (int id = 1; id <= MESSAGES; id += 7) {
			help_text(id, LENGTH, text);
			CHECK(!contains(f->now, f->now_len, text, 12));
		}
		CHECK(!contains(f->now, f->now_len, "SQLite format 3", 15));
		CHECK(!contains(f->now, f->now_len, "CREATE TABLE", 12));
		CHECK(!contains(f->now, f->now_len, "Bob", 4));
		CHECK(!contains(f->now, f->now_len, w->s->seal.key, 32));
		if (strcmp(f->name, "p/profile.key") != 0 &&
		    strcmp(f->name, "p/profile.key.2") != 0)
			CHECK(!contains(f->now, f->now_len, w->profile->master, 32));
		CHECK(strstr(f->name, "journal") == NULL && strstr(f->name, "shm") == NULL);
	}
}

TEST(nothing_readable_reaches_the_disk)
{
	struct world w;

	begin_with(&w, 0);
	fill(&w, 1, MESSAGES);
	no_trace(&w);
	kith__checkpoint(w.s, false);
	no_trace(&w);
	kith__checkpoint(w.s, true);
	no_trace(&w);
	CHECK_EQ(w.s->seal.refused, 0);
	CHECK_EQ(w.s->seal.bad_tags, 0);
	CHECK_EQ(w.s->seal.torn, 0);
	end(&w);
}

/* The form of docs/store.md, read by hand with the keys alone. */
TEST(pages_and_frames_lie_as_documented)
{
	uint8_t ad[24] = {0}, page[4056], stream[32], data[32], head[24];
	const struct test_disk_file *f;
	const uint8_t *frame;
	uint64_t written = 0;
	struct world w;

	begin_with(&w, 0);
	fill(&w, 1, 5);
	memcpy(ad, w.profile->keyfile.entry[0].id, 16);
	f = test_disk_find(&w.disk, "p/account.db-wal");
	for (uint64_t n = 0; n < (f->now_len - 32) / 4120; n++) {
		frame = f->now + 32 + n * 4120;
		kith_store_u64(ad + 16, (uint64_t)(-1 - (int64_t)n));
		CHECK_OK(kith_xopen(page, frame + 4096, w.s->seal.key, ad, 24, frame + 24, 4072));
		kith_store_u64(data, n);
		memcpy(data + 8, frame + 4096, 24);
		kith_kdf(stream, w.s->seal.wal_key, 32, KITH_L_DB_MASK, data, 32);
		for (size_t i = 0; i < 24; i++)
			head[i] = frame[i] ^ stream[i];
		CHECK_EQ(head[0] | head[1] | head[2], 0); /* page number, big-endian */
		CHECK(head[3] >= 1 && head[3] < 200);
		CHECK_MEM(head + 8, f->now + 16, 8); /* the salts of the header */
		written |= page[0] != 0;
	}
	CHECK(written != 0);
	kith__checkpoint(w.s, true);
	f = test_disk_find(&w.disk, "p/account.db");
	kith_store_u64(ad + 16, 1);
	CHECK_OK(kith_xopen(page, f->now + 4072, w.s->seal.key, ad, 24, f->now, 4072));
	CHECK_MEM(page, "SQLite format 3", 16);
	CHECK_EQ(page[20], 40);
	CHECK_MEM(page + 68, "Kith", 4);
	end(&w);
}

TEST(equal_pages_never_look_equal)
{
	const struct test_disk_file *f;
	struct world w;

	begin_with(&w, 0);
	fill(&w, 1, MESSAGES);
	kith__checkpoint(w.s, false);
	f = test_disk_find(&w.disk, "p/account.db");
	CHECK_EQ(f->now_len % 4096, 0);
	for (size_t a = 0; a < f->now_len; a += 4096) {
		for (size_t b = a + 4096; b < f->now_len; b += 4096)
			CHECK(memcmp(f->now + a, f->now + b, 64) != 0 &&
			      memcmp(f->now + a + 4072, f->now + b + 4072, 24) != 0);
	}
	end(&w);
}

TEST(small_pages_work_as_well)
{
	struct world w;

	begin_with(&w, 1024);
	fill(&w, 1, MESSAGES);
	kith_store_close(w.s);
	CHECK_EQ(test_disk_find(&w.disk, "p/account.db")->now_len % 1024, 0);
	CHECK_OK(kith_store_open(w.profile, KITH_DB_ACCOUNT, &w.s));
	for (int id = 1; id <= MESSAGES; id++)
		CHECK_EQ(help_has(w.s, id, LENGTH), 1);
	CHECK_EQ(w.s->seal.refused, 0);
	end(&w);
}

TEST(many_databases_in_one_process)
{
	static struct world w[24];
	struct kith_store *mailbox[24];

	for (int i = 0; i < 24; i++) {
		begin_with(&w[i], i % 2 == 0 ? 1024 : 4096);
		CHECK_OK(kith_store_open(w[i].profile, KITH_DB_MAILBOX, &mailbox[i]));
	}
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 24; i++)
			fill(&w[i], round * 10 + 1, round * 10 + 2 + i % 4);
	}
	for (int i = 0; i < 24; i++) {
		for (int id = 1; id <= 30; id++)
			CHECK_EQ(help_has(w[i].s, id, LENGTH), (id - 1) % 10 <= 1 + i % 4);
		kith_store_close(mailbox[i]);
		end(&w[i]);
	}
}

/* ---- every change of the files is found ---- */

struct image {
	uint8_t *db, *wal, *other;
	size_t db_len, wal_len, other_len;
};

/* Puts the saved files back and the profile's memory of generations with them. */
static void put_back(struct world *w, const struct image *im, const struct kith__keyfile *kf)
{
	struct test_disk_file *f = test_disk_find(&w->disk, "p/account.db");
	uint32_t file;

	w->profile->keyfile = *kf;
	memcpy(f->now, im->db, im->db_len);
	f->now_len = im->db_len;
	CHECK_OK(w->disk.table.open(&w->disk, "p/account.db-wal", true, &file));
	CHECK_OK(w->disk.table.truncate(&w->disk, file, 0));
	CHECK_OK(w->disk.table.write(&w->disk, file, 0, im->wal, im->wal_len));
	CHECK_OK(w->disk.table.sync(&w->disk, file));
	w->disk.table.close(&w->disk, file);
}

static void tamper_db(struct test_disk_file *f, const struct image *im, uint64_t *state)
{
	size_t pages = f->now_len / 4096, a = test_random(state) % pages,
	       b = test_random(state) % pages;
	uint8_t page[4096];

	switch (test_random(state) % 5) {
	case 0:
		f->now[test_random(state) % f->now_len] ^= (uint8_t)(1u << test_random(state) % 8);
		break;
	case 1:
		memcpy(page, f->now + a * 4096, 4096);
		memcpy(f->now + a * 4096, f->now + b * 4096, 4096);
		memcpy(f->now + b * 4096, page, 4096);
		break;
	case 2: memset(f->now + a * 4096, 0, 4096); break;
	case 3: /* a page of another profile's database with the same content */
		if (a * 4096 + 4096 <= im->other_len)
			memcpy(f->now + a * 4096, im->other + a * 4096, 4096);
		break;
	default: f->now_len = test_random(state) % f->now_len; break;
	}
}

static void tamper_wal(struct test_disk_file *f, uint64_t *state)
{
	size_t frames = (f->now_len - 32) / 4120, a = test_random(state) % frames,
	       b = test_random(state) % frames;
	uint8_t frame[4120];

	switch (test_random(state) % 4) {
	case 0:
		f->now[test_random(state) % f->now_len] ^= (uint8_t)(1u << test_random(state) % 8);
		break;
	case 1:
		memcpy(frame, f->now + 32 + a * 4120, 4120);
		memcpy(f->now + 32 + a * 4120, f->now + 32 + b * 4120, 4120);
		memcpy(f->now + 32 + b * 4120, frame, 4120);
		break;
	case 2: f->now_len = 32 + test_random(state) % (f->now_len - 32); break;
	default: memset(f->now + 32 + a * 4120, 0, 4120); break;
	}
}

/* What the database shows: messages 1..n whole and in order (n = a commit point), or an error.
 * -1: refused. */
static int shown(struct kith_store *s)
{
	struct kith_op op = kith_op(KITH_OP_HISTORY_AFTER);
	struct kith_rows rows;
	char text[LENGTH + 1];
	const uint8_t *body;
	size_t len;
	int n = 0;

	kith_op_int(&op, 1);
	kith_op_int(&op, 0);
	kith_op_int(&op, 1000);
	if (kith_store_read_now(s, &op, &rows) != KITH_OK)
		return -1;
	while (kith_rows_next(&rows)) {
		n++;
		CHECK_EQ(kith_rows_int(&rows, 0), n);
		body = kith_rows_blob(&rows, 9, &len);
		help_text(n, LENGTH, text);
		CHECK_EQ(len, LENGTH);
		CHECK_MEM(body, text, LENGTH);
	}
	return n;
}

static void take_image(struct world *w, struct image *im)
{
	const struct test_disk_file *f = test_disk_find(&w->disk, "p/account.db");

	im->db_len = f->now_len;
	im->db = kith_alloc_copy(NULL, f->now, f->now_len);
	f = test_disk_find(&w->disk, "p/account.db-wal");
	im->wal_len = f->now_len;
	im->wal = kith_alloc_copy(NULL, f->now, f->now_len);
}

/* Half of the messages in the database, half in the WAL; then one change at a time. */
static void tamper(int rounds, uint64_t seed)
{
	int found = 0, shorter = 0, harmless = 0, n, status;
	struct kith__keyfile kf;
	struct image im = {0};
	uint64_t state = seed;
	struct world w, other;
	bool db;

	begin_with(&other, 0);
	fill(&other, 1, MESSAGES / 2);
	kith__checkpoint(other.s, true);
	im.other_len = test_disk_find(&other.disk, "p/account.db")->now_len;
	im.other = kith_alloc_copy(NULL, test_disk_find(&other.disk, "p/account.db")->now,
				   im.other_len);
	begin_with(&w, 0);
	fill(&w, 1, MESSAGES / 2);
	kith__checkpoint(w.s, true);
	fill(&w, MESSAGES / 2 + 1, MESSAGES);
	take_image(&w, &im);
	kf = w.profile->keyfile;
	kith_store_close(w.s);
	for (int i = 0; i < rounds; i++) {
		put_back(&w, &im, &kf);
		db = test_random(&state) % 2 == 0;
		if (db)
			tamper_db(test_disk_find(&w.disk, "p/account.db"), &im, &state);
		else
			tamper_wal(test_disk_find(&w.disk, "p/account.db-wal"), &state);
		status = kith_store_open(w.profile, KITH_DB_ACCOUNT, &w.s);
		if (status != KITH_OK) {
			CHECK_EQ(status, KITH_E_MALFORMED);
			found++;
			continue;
		}
		n = shown(w.s);
		if (n < 0)
			found++;
		else if (n < MESSAGES)
			shorter++;
		else
			harmless++; /* what was changed is superseded, or equal */
		/* less is shown only as a truncation of the log, at a commit */
		CHECK(n < 0 || n == MESSAGES || (!db && n % 5 == 0 && n >= MESSAGES / 2));
		w.s->broken = true;
		kith_store_close(w.s);
	}
	printf("# %d changes: %d refused, %d cut at a commit, %d of pages not in use\n", rounds,
	       found, shorter, harmless);
	CHECK(found != 0 && shorter != 0);
	put_back(&w, &im, &kf);
	CHECK_OK(kith_store_open(w.profile, KITH_DB_ACCOUNT, &w.s));
	CHECK_EQ(shown(w.s), MESSAGES);
	kith_alloc_free(NULL, im.db);
	kith_alloc_free(NULL, im.wal);
	kith_alloc_free(NULL, im.other);
	end(&w);
	end(&other);
}

#ifndef TAMPER_ROUNDS
#define TAMPER_ROUNDS 1000
#endif

TEST(every_change_of_the_files_is_found)
{
	if (TAMPER_ROUNDS > 10000)
		(void)alarm(0); /* a soak run takes its time */
	tamper(TAMPER_ROUNDS, test_seed());
}

TEST(accesses_of_other_forms_are_refused)
{
	uint8_t page[4096] = {0};
	sqlite3_file *f = NULL;
	struct world w;

	begin_with(&w, 0);
	CHECK_EQ(sqlite3_file_control(w.s->db, "main", SQLITE_FCNTL_FILE_POINTER, &f), SQLITE_OK);
	CHECK_EQ(f->pMethods->iVersion, 1);
	CHECK_EQ(f->pMethods->xWrite(f, page, 100, 0), SQLITE_IOERR_WRITE);
	CHECK_EQ(f->pMethods->xWrite(f, page, 4096, 100), SQLITE_IOERR_WRITE);
	page[4095] = 1; /* something in the reserve would be lost */
	CHECK_EQ(f->pMethods->xWrite(f, page, 4096, 0), SQLITE_IOERR_WRITE);
	CHECK_EQ(f->pMethods->xRead(f, page, 100, 4090), SQLITE_IOERR_READ);
	CHECK_EQ(w.s->seal.refused, 4);
	CHECK_EQ(sqlite3_file_control(w.s->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &f),
		 SQLITE_OK);
	CHECK(f != NULL && f->pMethods != NULL);
	CHECK_EQ(f->pMethods->xRead(f, page, 8, 32 + 16), SQLITE_IOERR_READ);
	CHECK_EQ(f->pMethods->xWrite(f, page, 24, 32), SQLITE_IOERR_WRITE); /* below the end */
	CHECK_EQ(f->pMethods->xWrite(f, page, 4096, 32 + 24), SQLITE_IOERR_WRITE);
	CHECK_EQ(w.s->seal.refused, 7);
	w.s->broken = true;
	end(&w);
}

TEST(a_page_asked_for_by_itself_must_open)
{
	struct test_disk_file *f;
	struct world w;

	begin_with(&w, 0);
	fill(&w, 1, MESSAGES);
	f = test_disk_find(&w.disk, "p/account.db-wal");
	f->now[32 + 24 + 100] ^= 1;
	CHECK_EQ(sqlite3_db_cacheflush(w.s->db), SQLITE_OK);
	CHECK_EQ(sqlite3_wal_checkpoint_v2(w.s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) ==
			 SQLITE_OK,
		 w.s->seal.bad_tags == 0);
	w.s->broken = true;
	end(&w);
}
