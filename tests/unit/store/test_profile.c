/* SPDX-License-Identifier: ISC */
/* Profiles on the real disk and in memory; every way in which the key file can be wrong. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/store/help.h"

static struct kith_profile *make(struct test_disk *disk, const char *pass)
{
	static struct kith_rng rng;
	struct kith_profile_config cfg;
	struct kith_profile *p = NULL;

	test_disk_init(disk);
	rng = test_rng(test_seed());
	cfg = help_config(disk, "p", &rng);
	CHECK_OK(kith_profile_create(&cfg, pass, pass != NULL ? strlen(pass) : 0, &p));
	return p;
}

static int reopen(struct test_disk *disk, const char *pass, struct kith_profile **p)
{
	static struct kith_rng rng;
	struct kith_profile_config cfg;

	if (rng.fill == NULL)
		rng = test_rng(test_seed() + 1);
	cfg = help_config(disk, "p", &rng);
	return kith_profile_open(&cfg, pass, pass != NULL ? strlen(pass) : 0, p);
}

TEST(real_directory_is_private_locked_and_kept)
{
	struct kith_rng rng = test_rng(test_seed());
	struct kith_profile *p = NULL, *other = NULL;
	struct kith_profile_config cfg;
	struct kith_store *s = NULL;
	char dir[64], path[128];
	uint8_t secret[2][32];
	struct stat st;
	int status = 0;
	pid_t child;
	static const char *const files[] = {"profile.key", "profile.key.2", "lock",
					    "reserve",     "node.key",      "account.db"};

	help_directory(dir);
	cfg = help_config(NULL, dir, &rng);
	CHECK_EQ(kith_profile_open(&cfg, NULL, 0, &p), KITH_E_NOTFOUND);
	CHECK_OK(kith_profile_create(&cfg, "secret", 6, &p));
	CHECK(kith_profile_protected(p));
	CHECK_EQ(kith_profile_create(&cfg, NULL, 0, &other), KITH_E_LOCKED);
	child = fork();
	CHECK(child >= 0);
	if (child == 0)
		_exit(kith_profile_open(&cfg, "secret", 6, &other) == KITH_E_LOCKED ? 0 : 1);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	CHECK_OK(kith_profile_node_key(p, secret[0]));
	CHECK_OK(kith_store_open(p, KITH_DB_ACCOUNT, &s));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		CHECK_EQ(stat(path, &st), 0);
		CHECK_EQ(st.st_mode & 0777, 0600);
	}
	CHECK_EQ(stat(dir, &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0700);
	kith_store_close(s);
	kith_profile_close(p);
	CHECK_EQ(kith_profile_create(&cfg, NULL, 0, &p), KITH_E_EXISTS);
	CHECK_EQ(kith_profile_open(&cfg, "Secret", 6, &p), KITH_E_AUTH);
	CHECK_EQ(kith_profile_open(&cfg, NULL, 0, &p), KITH_E_AUTH);
	CHECK_OK(kith_profile_open(&cfg, "secret", 6, &p));
	CHECK_OK(kith_profile_node_key(p, secret[1]));
	CHECK_MEM(secret[0], secret[1], 32);
	CHECK_OK(kith_store_open(p, KITH_DB_ACCOUNT, &s));
	kith_store_close(s);
	kith_profile_close(p);
	help_remove(dir);
}

TEST(seeds_come_back_or_are_empty)
{
	struct kith_profile *p;
	struct test_disk disk;
	uint8_t out[100];
	size_t len = 7;

	p = make(&disk, NULL);
	CHECK(!kith_profile_protected(p));
	CHECK_OK(kith_profile_seeds_load(p, out, sizeof(out), &len));
	CHECK_EQ(len, 0);
	CHECK_OK(kith_profile_seeds_save(p, (const uint8_t *)"some seeds", 10));
	CHECK_OK(kith_profile_seeds_load(p, out, sizeof(out), &len));
	CHECK_EQ(len, 10);
	CHECK_MEM(out, "some seeds", 10);
	test_disk_find(&disk, "p/seeds")->now[30] ^= 1;
	CHECK_OK(kith_profile_seeds_load(p, out, sizeof(out), &len));
	CHECK_EQ(len, 0);
	CHECK_OK(kith_profile_seeds_save(p, (const uint8_t *)"some seeds", 10));
	CHECK_OK(kith_profile_seeds_load(p, out, 9, &len)); /* too long for the caller: as none */
	CHECK_EQ(len, 0);
	kith_profile_close(p);
	test_disk_free(&disk);
}

TEST(a_damaged_node_key_is_drawn_anew)
{
	struct kith_profile *p;
	struct test_disk disk;
	uint8_t a[32], b[32], c[32];

	p = make(&disk, NULL);
	CHECK_OK(kith_profile_node_key(p, a));
	test_disk_find(&disk, "p/node.key")->now[40] ^= 1;
	CHECK_OK(kith_profile_node_key(p, b));
	CHECK(!kith_equal(a, b, 32));
	CHECK_OK(kith_profile_node_key(p, c));
	CHECK_MEM(b, c, 32);
	kith_profile_close(p);
	test_disk_free(&disk);
}

TEST(every_bit_of_one_copy_is_mended_and_of_both_refused)
{
	uint8_t master[32], good[KITH__KEYFILE];
	struct test_disk_file *one, *two;
	struct kith_profile *p;
	struct test_disk disk;

	p = make(&disk, NULL);
	memcpy(master, p->master, 32);
	kith_profile_close(p);
	for (size_t bit = 0; bit < KITH__KEYFILE * 8; bit += bit < 8192 ? 7 : 13) {
		one = test_disk_find(&disk, "p/profile.key");
		two = test_disk_find(&disk, "p/profile.key.2");
		memcpy(good, one->now, sizeof(good));
		CHECK_MEM(two->now, good, sizeof(good));
		(bit % 2 != 0 ? one : two)->now[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		CHECK_OK(reopen(&disk, NULL, &p));
		CHECK_MEM(p->master, master, 32);
		kith_profile_close(p);
		one = test_disk_find(&disk, "p/profile.key");
		two = test_disk_find(&disk, "p/profile.key.2");
		CHECK_MEM(one->now, good, sizeof(good));
		CHECK_MEM(two->now, good, sizeof(good));
		one->now[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		two->now[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		CHECK_EQ(reopen(&disk, NULL, &p), KITH_E_MALFORMED);
		one->now[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		two->now[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		if (test_disk_used(&disk) == 0)
			break;
	}
	test_disk_free(&disk);
}

TEST(copies_cut_at_every_length)
{
	struct kith_profile *p = NULL;
	struct test_disk disk;
	struct test_disk_file *one, *two;
	int status;

	kith_profile_close(make(&disk, NULL));
	for (size_t len = 0; len < KITH__KEYFILE; len++) {
		one = test_disk_find(&disk, "p/profile.key");
		one->now_len = len;
		CHECK_OK(reopen(&disk, NULL, &p));
		kith_profile_close(p);
		one = test_disk_find(&disk, "p/profile.key");
		CHECK_EQ(one->now_len, KITH__KEYFILE);
		two = test_disk_find(&disk, "p/profile.key.2");
		one->now_len = len;
		two->now_len = len;
		status = reopen(&disk, NULL, &p);
		CHECK_EQ(status, KITH_E_MALFORMED);
		one->now_len = KITH__KEYFILE;
		two->now_len = KITH__KEYFILE;
	}
	test_disk_free(&disk);
}

static void rehash(uint8_t *bytes)
{
	kith_blake2b(bytes + 2016, bytes, 2016);
}

TEST(equal_counters_with_other_bytes_and_newer_forms_are_refused)
{
	struct kith_profile *p = NULL;
	struct test_disk disk;
	struct test_disk_file *one, *two;
	uint8_t saved[KITH__KEYFILE];

	p = make(&disk, NULL);
	kith__keyfile_encode(&p->keyfile, p->master, p->rng,
			     test_disk_find(&disk, "p/profile.key")->now);
	kith_profile_close(p);
	CHECK_EQ(reopen(&disk, NULL, &p), KITH_E_MALFORMED);
	one = test_disk_find(&disk, "p/profile.key");
	two = test_disk_find(&disk, "p/profile.key.2");
	memcpy(saved, two->now, sizeof(saved));
	memcpy(one->now, saved, sizeof(saved));
	one->now[8] = 2; /* format */
	rehash(one->now);
	CHECK_EQ(reopen(&disk, NULL, &p), KITH_E_VERSION);
	memcpy(one->now, saved, sizeof(saved));
	one->now[12]++; /* a greater counter, but the body is bound to the old one */
	rehash(one->now);
	CHECK_OK(reopen(&disk, NULL, &p));
	kith_profile_close(p);
	one = test_disk_find(&disk, "p/profile.key");
	CHECK_MEM(one->now, saved, sizeof(saved));
	one->now[40] = 1; /* zero field of the head */
	two = test_disk_find(&disk, "p/profile.key.2");
	two->now[40] = 1;
	rehash(one->now);
	rehash(two->now);
	CHECK_EQ(reopen(&disk, NULL, &p), KITH_E_MALFORMED);
	test_disk_free(&disk);
}

TEST(the_older_copy_is_brought_up_to_date)
{
	uint8_t old[KITH__KEYFILE];
	struct kith_profile *p;
	struct test_disk disk;

	p = make(&disk, "pass");
	memcpy(old, test_disk_find(&disk, "p/profile.key.2")->now, sizeof(old));
	CHECK_OK(kith__profile_save(p));
	kith_profile_close(p);
	memcpy(test_disk_find(&disk, "p/profile.key.2")->now, old, sizeof(old));
	CHECK_EQ(reopen(&disk, "nope", &p), KITH_E_AUTH);
	CHECK_MEM(test_disk_find(&disk, "p/profile.key.2")->now, old, sizeof(old));
	CHECK_OK(reopen(&disk, "pass", &p));
	CHECK_EQ(p->keyfile.counter, 2);
	kith_profile_close(p);
	CHECK_MEM(test_disk_find(&disk, "p/profile.key.2")->now,
		  test_disk_find(&disk, "p/profile.key")->now, sizeof(old));
	test_disk_free(&disk);
}

static struct kith_store *open_account(struct kith_profile *p)
{
	struct kith_store *s = NULL;

	CHECK_OK(kith_store_open(p, KITH_DB_ACCOUNT, &s));
	return s;
}

TEST(newer_foreign_and_missing_databases_are_refused)
{
	struct kith_profile *p;
	struct test_disk disk;
	struct test_disk_file *f;
	struct kith_store *s;
	uint64_t before;

	p = make(&disk, NULL);
	s = open_account(p);
	CHECK_OK(kith__exec(s, "PRAGMA user_version=99"));
	kith_store_close(s);
	before = test_disk_find(&disk, "p/account.db")->now_len;
	CHECK_EQ(kith_store_open(p, KITH_DB_ACCOUNT, &s), KITH_E_VERSION);
	CHECK_EQ(test_disk_find(&disk, "p/account.db")->now_len, before);
	kith_profile_close(p);
	test_disk_free(&disk);

	p = make(&disk, NULL);
	s = open_account(p);
	CHECK_OK(kith__exec(s, "PRAGMA application_id=1"));
	kith_store_close(s);
	CHECK_EQ(kith_store_open(p, KITH_DB_ACCOUNT, &s), KITH_E_MALFORMED);
	/* another database's pages under this name */
	CHECK_OK(kith_store_open(p, KITH_DB_MAILBOX, &s));
	kith_store_close(s);
	f = test_disk_find(&disk, "p/account.db");
	memcpy(f->now, test_disk_find(&disk, "p/mailbox.db")->now, 4096);
	CHECK_EQ(kith_store_open(p, KITH_DB_ACCOUNT, &s), KITH_E_MALFORMED);
	f->name[0] = 'q'; /* gone */
	CHECK_EQ(kith_store_open(p, KITH_DB_ACCOUNT, &s), KITH_E_MALFORMED);
	CHECK(test_disk_find(&disk, "p/account.db") == NULL);
	kith_profile_close(p);
	test_disk_free(&disk);
}

TEST(what_is_refused_keeps_its_log)
{
	struct kith_profile *p;
	struct test_disk disk;
	struct kith_store *s;
	size_t wal;

	p = make(&disk, NULL);
	s = open_account(p);
	CHECK_OK(kith__exec(s, "PRAGMA user_version=99"));
	s->broken = true; /* stops without a checkpoint */
	kith_store_close(s);
	wal = test_disk_find(&disk, "p/account.db-wal")->now_len;
	CHECK(wal > 4096);
	CHECK_EQ(kith_store_open(p, KITH_DB_ACCOUNT, &s), KITH_E_VERSION);
	CHECK_EQ(test_disk_find(&disk, "p/account.db-wal")->now_len, wal);
	kith_profile_close(p);
	test_disk_free(&disk);
}

/* The database as it was at `from`, under a key file of `now`. */
TEST(an_older_database_means_restored_until_the_node_says_so)
{
	uint8_t *old;
	size_t old_len;
	struct kith_profile *p;
	struct test_disk disk;
	struct test_disk_file *f;
	struct kith_store *s;
	struct kith_op op;

	p = make(&disk, NULL);
	s = open_account(p);
	CHECK(!kith_store_restored(s));
	kith_store_close(s);
	f = test_disk_find(&disk, "p/account.db");
	old_len = f->now_len;
	old = kith_alloc_copy(NULL, f->now, old_len);
	s = open_account(p);
	CHECK(!kith_store_restored(s));
	kith_store_close(s);
	f = test_disk_find(&disk, "p/account.db");
	memcpy(f->now, old, old_len);
	f->now_len = old_len;
	s = open_account(p);
	CHECK(kith_store_restored(s));
	kith_store_close(s);
	s = open_account(p); /* not forgotten by stopping */
	CHECK(kith_store_restored(s));
	op = kith_op(KITH_OP_META_SET);
	kith_op_text(&op, "restored", 8);
	kith_op_int(&op, 0);
	help_put(s, &op);
	CHECK_OK(help_commit(s));
	kith_store_close(s);
	s = open_account(p);
	CHECK(!kith_store_restored(s));
	kith_store_close(s);
	/* a stop between key file and database is no restore */
	p->keyfile.entry[0].generation++;
	p->keyfile.entry[0].flags |= KITH__OPENING;
	CHECK_OK(kith__profile_save(p));
	s = open_account(p);
	CHECK(!kith_store_restored(s));
	kith_store_close(s);
	p->keyfile.entry[0].generation++;
	CHECK_OK(kith__profile_save(p));
	s = open_account(p);
	CHECK(kith_store_restored(s));
	kith_store_close(s);
	kith_profile_close(p);
	kith_alloc_free(NULL, old);
	test_disk_free(&disk);
}

TEST(sentences_are_never_missing)
{
	for (int status = KITH_E_LOCKED - 1; status <= 0; status++) {
		CHECK(kith_profile_sentence(status) != NULL);
		CHECK(strlen(kith_profile_sentence(status)) > 10);
	}
}

TEST(what_counts_as_full_goes_with_the_disk)
{
	const uint64_t mib = UINT64_C(1) << 20, reserve = 16 * mib;
	struct kith__room r;

	r = kith__space_room(1024 * 1024 * mib, reserve);
	CHECK_EQ(r.low, 64 * mib);
	CHECK_EQ(r.reserve, 16 * mib);
	CHECK_EQ(r.plenty, 144 * mib);
	r = kith__space_room(64 * mib, reserve);
	CHECK_EQ(r.low, 4 * mib);
	CHECK_EQ(r.reserve, 4 * mib);
	CHECK_EQ(r.plenty, 12 * mib);
	CHECK_EQ(kith__space_room(64 * mib, 0).reserve, 0);
	/* room that is made is enough before the disk is half empty */
	for (uint64_t disk = 32 * mib; disk < 8192 * mib; disk += 16 * mib)
		CHECK(kith__space_room(disk, reserve).plenty <= disk / 2);
}
