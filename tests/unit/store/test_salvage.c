/* SPDX-License-Identifier: ISC */
/*
 * Salvage: pages of a sealed database are overwritten at random; what lay on sound pages comes
 * back, each row as it was, and nothing else. Where a message lies is found by looking for its
 * bytes in the plain pages, not by the code under test.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/store/help.h"

#define MESSAGES 2000
#define PAGE     4096u
#define LONG     9000u
#define PAGES    4096u

struct world {
	struct test_disk disk;
	struct kith_rng rng;
	struct kith_profile *p;
	uint8_t *db, *wal; /* as they were before the damage */
	size_t db_len, wal_len;
	uint8_t *plain;
	size_t pages;
	uint32_t home[MESSAGES + 1];
	uint32_t contact, secret; /* pages of these tables */
	bool hit[PAGES];
};

static size_t text_len(int64_t id)
{
	return id % 50 == 0 ? LONG : 20 + (size_t)(id % 90);
}

static void put_secret(struct kith_store *s)
{
	static const uint8_t body[40] = {'s', 'e', 'c', 'r', 'e', 't', ' ', 'k', 'e', 'y'};
	struct kith_op op = kith_op(KITH_OP_SECRET_PUT);

	kith_op_text(&op, "ik", 2);
	kith_op_int(&op, 0);
	kith_op_blob(&op, body, sizeof(body));
	kith_op_null(&op);
	help_put(s, &op);
}

static void fill(struct kith_store *s, int from, int to)
{
	static char text[LONG + 1];
	struct kith_op op;

	for (int id = from; id <= to; id++) {
		op = help_message(id, text_len(id), text);
		help_put(s, &op);
		if (id % 50 == 0)
			CHECK_OK(help_commit(s));
	}
	CHECK_OK(help_commit(s));
}

static bool holds(const uint8_t *page, const void *what, size_t len)
{
	return memmem(page, PAGE, what, len) != NULL;
}

/* The plain pages, and on which leaf each message begins. */
static void map_pages(struct world *w)
{
	static const uint8_t ik[32] = {7};
	static char text[LONG + 1];
	struct kith__seal seal = {.page = PAGE};
	uint8_t key[32], mid[16];

	memcpy(seal.id, w->p->keyfile.entry[KITH_DB_ACCOUNT].id, 16);
	seal.key = key;
	kith__profile_page_key(w->p, seal.id, key);
	w->pages = w->db_len / PAGE;
	CHECK(w->pages < PAGES && w->db_len % PAGE == 0);
	w->plain = kith_alloc_zero(NULL, w->pages, PAGE);
	CHECK(w->plain != NULL);
	for (size_t n = 0; n < w->pages; n++) {
		uint8_t *p = w->plain + n * PAGE;

		CHECK_OK(kith__page_open(&seal, (int64_t)n + 1, w->db + n * PAGE, p));
		if (p[0] == 13 && holds(p, ik, 32) && holds(p, "Bob", 3))
			w->contact = (uint32_t)n;
		if (p[0] == 10 && holds(p, "secret key", 10))
			w->secret = (uint32_t)n;
	}
	CHECK(w->contact != 0 && w->secret != 0);
	for (int id = 1; id <= MESSAGES; id++) {
		memset(mid, 0, sizeof(mid));
		kith_store_u64(mid, (uint64_t)id);
		help_text(id, text_len(id), text);
		for (size_t n = 1; n < w->pages && w->home[id] == 0; n++) {
			const uint8_t *p = w->plain + n * PAGE;

			if (p[0] == 13 && holds(p, mid, 16) && holds(p, text, 20))
				w->home[id] = (uint32_t)n;
		}
		CHECK(w->home[id] != 0);
	}
}

/* Whether all pages on which the message lies are sound. */
static bool intact(const struct world *w, int id)
{
	static char text[LONG + 1];
	size_t len = text_len(id);

	if (w->hit[w->home[id]])
		return false;
	if (len != LONG)
		return true;
	help_text(id, len, text);
	for (size_t n = 1; n < w->pages; n++) {
		for (size_t at = 0; w->hit[n] && at + 16 <= len; at += 997)
			if (holds(w->plain + n * PAGE, text + at, 16))
				return false;
		/* a middle piece fills a page: each page of it holds one of these */
	}
	return true;
}

static void keep(struct world *w)
{
	struct test_disk_file *f = test_disk_find(&w->disk, "p/account.db");

	w->db_len = f->now_len;
	w->db = kith_alloc_copy(NULL, f->now, f->now_len);
	CHECK(w->db != NULL);
}

static void begin(struct world *w)
{
	struct kith_profile_config cfg;
	struct kith_store *s;

	memset(w, 0, sizeof(*w));
	test_disk_init(&w->disk);
	w->rng = test_rng(test_seed());
	cfg = help_config(&w->disk, "p", &w->rng);
	CHECK_OK(kith_profile_create(&cfg, "pass", 4, &w->p));
	CHECK_OK(kith_store_open(w->p, KITH_DB_ACCOUNT, &s));
	help_people(s);
	put_secret(s);
	fill(s, 1, MESSAGES);
	kith_store_close(s);
	keep(w);
	map_pages(w);
}

static void end(struct world *w)
{
	kith_profile_close(w->p);
	kith_alloc_free(NULL, w->db);
	kith_alloc_free(NULL, w->plain);
	test_disk_free(&w->disk);
}

/* Overwrites page `n` (from 0) in part. */
static void spoil(struct world *w, size_t n)
{
	struct test_disk_file *f = test_disk_find(&w->disk, "p/account.db");

	if (w->hit[n])
		return;
	f->now[n * PAGE + 100] ^= 0x55;
	w->hit[n] = true;
}

static void put_back(struct world *w)
{
	struct test_disk_file *f = test_disk_find(&w->disk, "p/account.db");

	CHECK_EQ(f->now_len, w->db_len);
	memcpy(f->now, w->db, w->db_len);
	memset(w->hit, 0, sizeof(w->hit));
}

static int rescue(struct world *w, const char *to, struct kith_salvage *report)
{
	struct kith_profile_config cfg = help_config(&w->disk, to, &w->rng);

	return kith_profile_salvage(w->p, &cfg, "pass", 4, report);
}

static void forget(struct world *w, const char *to)
{
	static const char *const files[] = {"profile.key", "profile.key.2", "account.db",
					    "account.db-wal"};
	char name[64];

	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(name, sizeof(name), "%s/%s", to, files[i]);
		if (test_disk_find(&w->disk, name) != NULL)
			CHECK_EQ(w->disk.table.remove(w->disk.table.ctx, name), 0);
	}
}

/* Opens what was rescued: every text that is there is right; the number of them. */
static int rescued(struct world *w, const char *to, bool all_intact)
{
	struct kith_profile_config cfg = help_config(&w->disk, to, &w->rng);
	struct kith_profile *p;
	struct kith_store *s;
	int n = 0;

	CHECK_OK(kith_profile_open(&cfg, "pass", 4, &p));
	CHECK_OK(kith_store_open(p, KITH_DB_ACCOUNT, &s));
	CHECK(kith_store_restored(s));
	CHECK_OK(kith__schema_check(s));
	CHECK_EQ(sqlite3_exec(s->db, "PRAGMA foreign_key_check", NULL, NULL, NULL), SQLITE_OK);
	for (int id = 1; id <= MESSAGES; id++) {
		int has = help_has(s, id, text_len(id));

		n += has;
		CHECK(!all_intact || has || !intact(w, id));
	}
	CHECK_EQ((int)help_rows(s, KITH_OP_LOAD_SECRET), 1);
	kith_store_close(s);
	kith_profile_close(p);
	return n;
}

TEST(all_of_a_sound_database_comes_back)
{
	struct kith_salvage r;
	struct world w;

	begin(&w);
	CHECK_OK(rescue(&w, "q", &r));
	CHECK_EQ(r.pages_bad, 0);
	CHECK_EQ(r.rows_lost, 0);
	CHECK(!r.schema_lost && !r.keys_lost);
	CHECK_EQ(rescued(&w, "q", true), MESSAGES);
	CHECK_EQ(rescue(&w, "q", &r), KITH_E_EXISTS);
	end(&w);
}

TEST(what_lies_on_sound_pages_comes_back_and_nothing_wrong)
{
	uint64_t state = test_seed();
	int whole = 0, refused = 0, least = MESSAGES;
	struct kith_salvage r;
	struct world w;

	begin(&w);
	printf("# seed %llu, %zu pages\n", (unsigned long long)test_seed(), w.pages);
	for (int round = 0; round < 24; round++) {
		unsigned int k = 1 + (unsigned int)(test_random(&state) % 40);
		int found, sound = 0, status;

		put_back(&w);
		for (unsigned int i = 0; i < k; i++)
			spoil(&w, (size_t)(test_random(&state) % w.pages));
		status = rescue(&w, "q", &r);
		if (w.hit[w.secret]) {
			CHECK_EQ(status, KITH_E_MALFORMED);
			CHECK(test_disk_find(&w.disk, "q/profile.key") == NULL);
			refused++;
			continue;
		}
		CHECK_OK(status);
		CHECK(r.pages_bad > 0 && r.pages_bad <= k);
		for (int id = 1; id <= MESSAGES; id++)
			sound += intact(&w, id);
		found = rescued(&w, "q", !w.hit[w.contact]);
		CHECK(w.hit[w.contact] || found >= sound);
		least = found < least ? found : least;
		whole++;
		forget(&w, "q");
	}
	printf("# %d rescued, at least %d of %d messages; %d without an identity\n", whole, least,
	       MESSAGES, refused);
	CHECK(whole > 0 && least < MESSAGES);
	end(&w);
}

TEST(pages_that_lead_to_others_are_not_needed)
{
	struct kith_salvage r;
	struct world w;
	unsigned int hit = 0;

	begin(&w);
	spoil(&w, 0); /* the list of tables */
	for (size_t n = 1; n < w.pages; n++) {
		if (w.plain[n * PAGE] == 5) {
			spoil(&w, n);
			hit++;
		}
	}
	CHECK(hit > 0);
	CHECK_OK(rescue(&w, "q", &r));
	CHECK(r.schema_lost && r.pages_orphan > 0);
	CHECK_EQ(r.pages_bad, hit + 1);
	CHECK_EQ(rescued(&w, "q", true), MESSAGES);
	end(&w);
}

TEST(the_history_with_a_contact_outlives_its_row)
{
	struct kith_salvage r;
	struct world w;

	begin(&w);
	spoil(&w, w.contact);
	CHECK_OK(rescue(&w, "q", &r));
	CHECK_EQ(r.people, 1);
	CHECK_EQ(rescued(&w, "q", true), MESSAGES);
	end(&w);
}

/* Whether the message that stood in the log alone is in what was rescued. */
static int has_newest(struct world *w, const char *to)
{
	struct kith_profile_config cfg = help_config(&w->disk, to, &w->rng);
	struct kith_profile *p;
	struct kith_store *s;
	int has;

	CHECK_OK(kith_profile_open(&cfg, "pass", 4, &p));
	CHECK_OK(kith_store_open(p, KITH_DB_ACCOUNT, &s));
	has = help_has(s, MESSAGES + 1, 60);
	kith_store_close(s);
	kith_profile_close(p);
	return has;
}

TEST(the_log_counts_up_to_its_last_whole_commit)
{
	static char text[LONG + 1];
	struct kith_salvage r;
	struct kith_store *s;
	struct test_disk_file *f;
	struct world w;
	struct kith_op op;

	begin(&w);
	CHECK_OK(kith_store_open(w.p, KITH_DB_ACCOUNT, &s));
	op = help_message(MESSAGES + 1, 60, text);
	help_put(s, &op);
	CHECK_OK(help_commit(s));
	s->broken = true; /* as a process that was killed */
	kith_store_close(s);
	f = test_disk_find(&w.disk, "p/account.db-wal");
	CHECK(f != NULL && f->now_len > PAGE);
	CHECK_OK(rescue(&w, "q", &r));
	CHECK_EQ(r.rows_lost, 0);
	CHECK_EQ(rescued(&w, "q", false), MESSAGES);
	CHECK(has_newest(&w, "q"));
	forget(&w, "q");
	/* damage in its middle: what follows is of no use, and it is told */
	f = test_disk_find(&w.disk, "p/account.db-wal");
	f->now[32 + 300] ^= 1;
	CHECK_OK(rescue(&w, "q", &r));
	CHECK(r.frames_bad > 1);
	CHECK(!has_newest(&w, "q"));
	forget(&w, "q");
	/* nothing of it opens */
	f = test_disk_find(&w.disk, "p/account.db-wal");
	for (size_t n = 1; 32 + (n + 1) * (PAGE + 24) <= f->now_len; n++)
		f->now[32 + n * (PAGE + 24) + 300] ^= 1;
	CHECK_OK(rescue(&w, "q", &r));
	CHECK_EQ(rescued(&w, "q", false), MESSAGES);
	CHECK(!has_newest(&w, "q"));
	end(&w);
}
