/* SPDX-License-Identifier: ISC */
/* Backup and restore on the real disk: what comes back, what does not, and every damaged file. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/words.h"
#include "tests/unit/store/help.h"

#define MESSAGES 400

struct home {
	struct kith_rng rng;
	char dir[64];
	struct kith_profile *p;
	struct kith_store *s;
};

static void home_open(struct home *h, const char *pass)
{
	struct kith_profile_config cfg;

	memset(h, 0, sizeof(*h));
	h->rng = test_rng(test_seed());
	help_directory(h->dir);
	cfg = help_config(NULL, h->dir, &h->rng);
	CHECK_OK(kith_profile_create(&cfg, pass, pass != NULL ? strlen(pass) : 0, &h->p));
	CHECK_OK(kith_store_open(h->p, KITH_DB_ACCOUNT, &h->s));
}

static void home_close(struct home *h)
{
	kith_store_close(h->s);
	kith_profile_close(h->p);
	help_remove(h->dir);
}

static void say(struct home *h, int from, int to)
{
	char text[4096];
	struct kith_op op;

	for (int i = from; i <= to; i++) {
		op = help_message(i, 1000, text);
		help_put(h->s, &op);
		op = kith_op(KITH_OP_EVENT_PUT);
		kith_op_int(&op, i);
		kith_op_int(&op, 1);
		kith_op_int(&op, 1);
		kith_op_int(&op, 1);
		kith_op_int(&op, i);
		kith_op_int(&op, i);
		help_put(h->s, &op);
		CHECK_OK(help_commit(h->s));
	}
}

/* A temporary file without a name. */
static int blank(void)
{
	char name[] = "/tmp/kith-backup-XXXXXX";
	int fd = mkstemp(name);

	CHECK(fd >= 0);
	CHECK_EQ(unlink(name), 0);
	return fd;
}

/* Runs a backup; between its slices more is written until `more`. */
static int back_up(struct home *h, int fd, const char *pass, int more)
{
	struct kith_store_backup *b = NULL;
	struct kith_job *job = NULL;
	uint64_t done = 0, total = 0, before = 0;
	uint8_t hash[32];
	int status, said = MESSAGES;
	bool end = false;

	status = kith_store_backup_new(h->s, fd, pass, strlen(pass), &b);
	if (status != KITH_OK)
		return status;
	while (!end && kith_store_backup_job(b, &job)) {
		job->run(job);
		end = kith_store_backup_done(b, job, &status);
		kith_store_backup_progress(b, &done, &total);
		CHECK(done <= total && done + 8192 >= before);
		before = done;
		if (said < more && job->lane == KITH_LANE_ACCOUNT) {
			say(h, said + 1, said + 1);
			said++;
		}
	}
	CHECK(end);
	if (status == KITH_OK)
		CHECK(kith_store_backup_bytes(b, hash) > 4096);
	kith_store_backup_free(b);
	return status;
}

static int restore(const char *dir, struct kith_rng *rng, int fd, const char *pass,
		   const char *next, struct kith_profile **p)
{
	struct kith_profile_config cfg = help_config(NULL, dir, rng);
	struct kith_restore r = {.fd = fd,
				 .pass = pass,
				 .next = next,
				 .pass_len = strlen(pass),
				 .next_len = next != NULL ? strlen(next) : 0};

	return kith_profile_restore(&cfg, &r, p);
}

TEST(a_backup_brings_all_messages_back_and_counts_as_restored)
{
	struct kith_profile_config cfg;
	struct kith_rng rng = test_rng(test_seed() + 1);
	struct kith_profile *p = NULL;
	struct kith_store *s = NULL;
	struct kith_rows rows;
	struct kith_op op;
	struct home h;
	char dir[64];
	int fd = blank();

	home_open(&h, "one");
	help_people(h.s);
	say(&h, 1, MESSAGES);
	CHECK_OK(back_up(&h, fd, "safe", MESSAGES + 3));
	say(&h, MESSAGES + 4, MESSAGES + 10); /* after it: not in it */
	help_directory(dir);
	CHECK_OK(restore(dir, &rng, fd, "safe", "two", &p));
	CHECK_OK(kith_store_open(p, KITH_DB_ACCOUNT, &s));
	CHECK(kith_store_restored(s));
	for (int i = 1; i <= MESSAGES + 10; i++)
		if (i <= MESSAGES || i > MESSAGES + 3)
			CHECK_EQ(help_has(s, i, 1000), i <= MESSAGES ? 1 : 0);
	CHECK_OK(kith__schema_check(s));
	/* the log begins anew, its numbers do not */
	op = kith_op(KITH_OP_LOAD_MAX);
	CHECK_OK(kith_store_read_now(s, &op, &rows));
	CHECK(kith_rows_next(&rows));
	CHECK(kith_rows_int(&rows, 1) >= MESSAGES &&
	      kith_rows_int(&rows, 1) == kith_rows_int(&rows, 2));
	kith_store_close(s);
	kith_profile_close(p);
	/* it is a profile like any other, with its own passphrase */
	cfg = help_config(NULL, dir, &rng);
	CHECK_EQ(kith_profile_open(&cfg, "safe", 4, &p), KITH_E_AUTH);
	CHECK_EQ(kith_profile_open(&cfg, "one", 3, &p), KITH_E_AUTH);
	CHECK_OK(kith_profile_open(&cfg, "two", 3, &p));
	CHECK_OK(kith_store_open(p, KITH_DB_ACCOUNT, &s));
	CHECK(kith_store_restored(s));
	kith_store_close(s);
	kith_profile_close(p);
	/* never over another */
	CHECK_EQ(restore(dir, &rng, fd, "safe", NULL, &p), KITH_E_EXISTS);
	help_remove(dir);
	home_close(&h);
	(void)close(fd);
}

TEST(a_backup_opens_by_words_too)
{
	struct kith_rng rng = test_rng(test_seed() + 1);
	char words[KITH_WORDS_TEXT], dir[64];
	struct kith_profile *p = NULL;
	struct home h;
	int fd = blank();

	home_open(&h, "one");
	CHECK_OK(kith_profile_recovery(h.p, words));
	CHECK_OK(back_up(&h, fd, words, 0));
	help_directory(dir);
	CHECK_EQ(restore(dir, &rng, fd, "one", NULL, &p), KITH_E_AUTH);
	CHECK_OK(restore(dir, &rng, fd, words, NULL, &p));
	CHECK(!kith_profile_protected(p));
	kith_profile_close(p);
	help_remove(dir);
	home_close(&h);
	(void)close(fd);
}

TEST(the_file_holds_no_text_in_the_clear_and_two_of_them_share_nothing)
{
	uint8_t a[8192], b[8192];
	char needle[32];
	int one = blank(), two = blank();
	struct home h;

	home_open(&h, NULL);
	help_people(h.s);
	say(&h, 1, 20);
	help_text(1, 20, needle);
	CHECK_OK(back_up(&h, one, "safe", 0));
	CHECK_OK(back_up(&h, two, "safe", 0));
	for (off_t at = 216;; at += 4096) {
		ssize_t n = pread(one, a, 4096, at);

		if (n < 4096)
			break;
		CHECK(memmem(a, 4096, needle, 16) == NULL);
		CHECK(memmem(a, 4096, "SQLite format", 13) == NULL);
		CHECK_EQ(pread(two, b, 4096, at), 4096);
		CHECK(memcmp(a, b, 4096) != 0);
	}
	home_close(&h);
	(void)close(one);
	(void)close(two);
}

/* Any change, any cut: refused before anything is made. */
TEST(a_damaged_or_half_written_backup_is_none)
{
	struct kith_rng rng = test_rng(test_seed() + 1), draw = test_rng(test_seed() + 2);
	struct kith_profile *p = NULL;
	char dir[64], path[128];
	uint8_t byte;
	struct stat st;
	struct home h;
	int fd = blank(), bad;
	off_t size;

	home_open(&h, NULL);
	help_people(h.s);
	say(&h, 1, 5);
	CHECK_OK(back_up(&h, fd, "safe", 0));
	size = lseek(fd, 0, SEEK_END);
	help_directory(dir);
	for (int i = 0; i < 120; i++) {
		off_t at = i < 60 ? (off_t)(i * 4) : (off_t)kith_rng_below(&draw, (uint32_t)size);

		CHECK_EQ(pread(fd, &byte, 1, at), 1);
		byte ^= 0x10;
		CHECK_EQ(pwrite(fd, &byte, 1, at), 1);
		bad = restore(dir, &rng, fd, "safe", NULL, &p);
		CHECK_EQ(bad, KITH_E_MALFORMED);
		byte ^= 0x10;
		CHECK_EQ(pwrite(fd, &byte, 1, at), 1);
	}
	for (int i = 0; i < 40; i++) {
		int cut = blank();
		uint8_t *all = malloc((size_t)size);
		off_t keep = i < 10 ? size - 1 - i : (off_t)kith_rng_below(&draw, (uint32_t)size);

		CHECK(all != NULL);
		CHECK_EQ(pread(fd, all, (size_t)size, 0), size);
		CHECK_EQ(write(cut, all, (size_t)keep), keep);
		free(all);
		CHECK_EQ(restore(dir, &rng, cut, "safe", NULL, &p), KITH_E_MALFORMED);
		(void)close(cut);
	}
	(void)snprintf(path, sizeof(path), "%s/profile.key", dir);
	CHECK(stat(path, &st) != 0);
	CHECK_OK(restore(dir, &rng, fd, "safe", NULL, &p));
	kith_profile_close(p);
	help_remove(dir);
	home_close(&h);
	(void)close(fd);
}

TEST(a_stop_between_key_file_and_database_goes_on_at_the_next_start)
{
	struct kith_rng rng = test_rng(test_seed() + 1);
	struct kith_profile_config cfg;
	struct kith_profile *p = NULL;
	struct kith_store *s = NULL;
	struct home h;
	char dir[64], path[128];
	int fd = blank();
	FILE *f;

	home_open(&h, NULL);
	help_people(h.s);
	say(&h, 1, 5);
	CHECK_OK(back_up(&h, fd, "safe", 0));
	help_directory(dir);
	/* left over from an attempt before */
	(void)snprintf(path, sizeof(path), "%s/account.db.new", dir);
	f = fopen(path, "w");
	CHECK(f != NULL && fputs("rubbish", f) >= 0 && fclose(f) == 0);
	cfg = help_config(NULL, dir, &rng);
	CHECK_EQ(kith_profile_open(&cfg, NULL, 0, &p), KITH_E_NOTFOUND);
	CHECK_OK(restore(dir, &rng, fd, "safe", NULL, &p));
	kith_profile_close(p); /* the database was never opened */
	for (int i = 0; i < 2; i++) {
		CHECK_OK(kith_profile_open(&cfg, NULL, 0, &p));
		CHECK_OK(kith_store_open(p, KITH_DB_ACCOUNT, &s));
		CHECK(kith_store_restored(s));
		CHECK_EQ(help_has(s, 5, 1000), 1);
		kith_store_close(s);
		kith_profile_close(p);
	}
	help_remove(dir);
	home_close(&h);
	(void)close(fd);
}

TEST(files_that_are_no_place_for_a_backup)
{
	struct kith_store_backup *b = NULL;
	int fds[2], fd = blank();
	struct home h;

	home_open(&h, NULL);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(kith_store_backup_new(h.s, fd, "p", 1, &b), KITH_E_MALFORMED);
	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(kith_store_backup_new(h.s, fds[1], "p", 1, &b), KITH_E_MALFORMED);
	(void)close(fds[0]);
	(void)close(fds[1]);
	(void)close(fd);
	home_close(&h);
}

TEST(a_lost_wal_is_an_old_copy)
{
	struct kith_profile_config cfg;
	struct home h;
	char path[128];

	home_open(&h, NULL);
	help_people(h.s);
	say(&h, 1, 5);
	kith__checkpoint(h.s, false);
	say(&h, 6, 9);
	h.s->broken = true; /* as a kill would: no clean stop, the WAL stays */
	kith_store_close(h.s);
	kith_profile_close(h.p);
	(void)snprintf(path, sizeof(path), "%s/account.db-wal", h.dir);
	CHECK_EQ(unlink(path), 0);
	cfg = help_config(NULL, h.dir, &h.rng);
	CHECK_OK(kith_profile_open(&cfg, NULL, 0, &h.p));
	CHECK_OK(kith_store_open(h.p, KITH_DB_ACCOUNT, &h.s));
	CHECK(kith_store_restored(h.s));
	CHECK_EQ(help_has(h.s, 5, 1000), 1);
	home_close(&h);
}
