/* SPDX-License-Identifier: ISC */
/* Locked and open profiles, passphrases and words, and a power cut in each change of them. */
#include <string.h>

#include "base/words.h"
#include "tests/unit/store/help.h"

static struct kith_profile_config config_of(struct test_disk *disk)
{
	static struct kith_rng rng;

	if (rng.fill == NULL)
		rng = test_rng(test_seed());
	return help_config(disk, "p", &rng);
}

static struct kith_profile *make(struct test_disk *disk, const char *pass)
{
	struct kith_profile_config cfg;
	struct kith_profile *p = NULL;

	test_disk_init(disk);
	cfg = config_of(disk);
	CHECK_OK(kith_profile_create(&cfg, pass, pass != NULL ? strlen(pass) : 0, &p));
	return p;
}

static int try_open(struct test_disk *disk, const char *pass)
{
	struct kith_profile_config cfg = config_of(disk);
	struct kith_profile *p = NULL;
	int status = kith_profile_open(&cfg, pass, pass != NULL ? strlen(pass) : 0, &p);

	if (status == KITH_OK)
		kith_profile_close(p);
	return status;
}

TEST(attach_tells_and_unlock_opens)
{
	struct kith_profile_config cfg;
	struct kith_profile *p;
	struct test_disk disk;
	uint8_t master[32];
	static const uint8_t none[32];

	p = make(&disk, "one");
	memcpy(master, p->master, 32);
	kith_profile_close(p);
	cfg = config_of(&disk);
	CHECK_OK(kith_profile_attach(&cfg, &p));
	CHECK(kith_profile_locked(p) && kith_profile_protected(p));
	CHECK_MEM(p->master, none, 32);
	CHECK_EQ(kith_profile_unlock(p, NULL, 0), KITH_E_AUTH);
	CHECK_EQ(kith_profile_unlock(p, "two", 3), KITH_E_AUTH);
	CHECK_EQ(kith_profile_unlock(p, "", 0), KITH_E_AUTH);
	CHECK(kith_profile_locked(p));
	CHECK_MEM(p->master, none, 32);
	CHECK_OK(kith_profile_unlock(p, "one", 3));
	CHECK(!kith_profile_locked(p));
	CHECK_MEM(p->master, master, 32);
	kith_profile_lock(p);
	CHECK_MEM(p->master, none, 32);
	CHECK_OK(kith_profile_unlock(p, "one", 3));
	CHECK_MEM(p->master, master, 32);
	kith_profile_close(p);
	test_disk_free(&disk);
}

TEST(databases_survive_lock_and_unlock)
{
	struct kith_store *s = NULL;
	struct kith_profile *p;
	struct test_disk disk;
	char text[256];
	struct kith_op op;

	p = make(&disk, "one");
	for (int i = 1; i <= 3; i++) {
		CHECK_OK(kith_store_open(p, KITH_DB_ACCOUNT, &s));
		CHECK(!kith_store_restored(s));
		if (i == 1)
			help_people(s);
		op = help_message(i, 100, text);
		help_put(s, &op);
		CHECK_OK(help_commit(s));
		for (int m = 1; m <= i; m++)
			CHECK_EQ(help_has(s, m, 100), 1);
		kith_store_close(s);
		kith_profile_lock(p);
		CHECK_OK(kith_profile_unlock(p, "one", 3));
	}
	kith_profile_close(p);
	test_disk_free(&disk);
}

TEST(passphrases_are_set_changed_and_removed)
{
	struct kith_profile *p;
	struct test_disk disk;

	p = make(&disk, NULL);
	CHECK_OK(kith_profile_passphrase(p, "one", 3));
	CHECK(kith_profile_protected(p));
	CHECK_OK(kith_profile_check(p, "one", 3));
	CHECK_EQ(kith_profile_check(p, "two", 3), KITH_E_AUTH);
	CHECK_EQ(kith_profile_check(p, NULL, 0), KITH_E_AUTH);
	kith_profile_close(p);
	CHECK_EQ(try_open(&disk, NULL), KITH_E_AUTH);
	CHECK_EQ(try_open(&disk, "two"), KITH_E_AUTH);
	{
		struct kith_profile_config cfg = config_of(&disk);

		CHECK_OK(kith_profile_open(&cfg, "one", 3, &p));
	}
	CHECK_OK(kith_profile_passphrase(p, "two", 3));
	CHECK_OK(try_open(&disk, "two"));
	CHECK_EQ(try_open(&disk, "one"), KITH_E_AUTH);
	CHECK_OK(kith_profile_passphrase(p, NULL, 0));
	CHECK(!kith_profile_protected(p));
	CHECK_OK(try_open(&disk, NULL));
	CHECK_OK(try_open(&disk, "whatever")); /* none is needed */
	kith_profile_close(p);
	test_disk_free(&disk);
}

TEST(words_open_beside_the_passphrase_until_new_ones_are_drawn)
{
	char words[KITH_WORDS_TEXT], newer[KITH_WORDS_TEXT], loud[KITH_WORDS_TEXT];
	struct kith_profile *p;
	struct test_disk disk;

	p = make(&disk, "one");
	CHECK(!kith_profile_has_words(p));
	CHECK_OK(kith_profile_recovery(p, words));
	CHECK(kith_profile_has_words(p));
	for (size_t i = 0; i < sizeof(loud); i++)
		loud[i] = words[i] >= 'a' && words[i] <= 'z' ? (char)(words[i] - 32) : words[i];
	CHECK_OK(try_open(&disk, words));
	CHECK_OK(try_open(&disk, loud));
	CHECK_OK(try_open(&disk, "one"));
	CHECK_OK(kith_profile_passphrase(p, "two", 3)); /* words stay */
	CHECK_OK(try_open(&disk, words));
	CHECK_EQ(try_open(&disk, "one"), KITH_E_AUTH);
	CHECK_EQ(kith_profile_passphrase(p, words, strlen(words)), KITH_E_STATE);
	CHECK_OK(kith_profile_recovery(p, newer));
	CHECK(strcmp(words, newer) != 0);
	CHECK_EQ(try_open(&disk, words), KITH_E_AUTH);
	CHECK_OK(try_open(&disk, newer));
	CHECK_OK(try_open(&disk, "two"));
	kith_profile_close(p);
	test_disk_free(&disk);
}

/* A cut at every access while the passphrase changes: the old or the new one opens, never none. */
TEST(a_cut_while_the_passphrase_changes)
{
	struct kith_profile *p;
	struct test_disk disk;
	unsigned old = 0, now = 0;

	for (unsigned at = 1; at < 200; at++) {
		int status, a, b;

		p = make(&disk, "one");
		disk.accesses = 0;
		disk.fail_at = at;
		disk.fail_for_good = at % 2 == 0;
		disk.fail_status = KITH_E_IO;
		status = kith_profile_passphrase(p, "two", 3);
		disk.fail_at = 0;
		if (status != KITH_OK) { /* refused: the old one holds in this process too */
			CHECK_OK(kith_profile_check(p, "one", 3));
			CHECK_EQ(kith_profile_check(p, "two", 3), KITH_E_AUTH);
		}
		kith_profile_close(p);
		a = try_open(&disk, "one");
		b = try_open(&disk, "two");
		CHECK((a == KITH_OK) != (b == KITH_OK));
		if (status == KITH_OK)
			CHECK_OK(b);
		CHECK(a == KITH_OK || a == KITH_E_AUTH);
		CHECK(b == KITH_OK || b == KITH_E_AUTH);
		old += a == KITH_OK ? 1 : 0;
		now += b == KITH_OK ? 1 : 0;
		test_disk_free(&disk);
		if (status == KITH_OK)
			break;
		CHECK(at < 199);
	}
	CHECK(old > 0 && now > 0);
}

TEST(a_lost_key_file_is_never_replaced)
{
	struct kith_profile_config cfg;
	struct kith_store *s = NULL;
	struct kith_profile *p;
	struct test_disk disk;

	p = make(&disk, NULL);
	CHECK_OK(kith_store_open(p, KITH_DB_ACCOUNT, &s));
	kith_store_close(s);
	kith_profile_close(p);
	test_disk_find(&disk, "p/profile.key")->name[0] = 'q';
	CHECK_OK(try_open(&disk, NULL)); /* one copy: made again from the other */
	CHECK(test_disk_find(&disk, "p/profile.key") != NULL);
	test_disk_find(&disk, "p/profile.key")->name[0] = 'r';
	test_disk_find(&disk, "p/profile.key.2")->name[0] = 'r';
	CHECK_EQ(try_open(&disk, NULL), KITH_E_MALFORMED);
	cfg = config_of(&disk);
	CHECK_EQ(kith_profile_create(&cfg, NULL, 0, &p), KITH_E_MALFORMED);
	CHECK(test_disk_find(&disk, "p/profile.key") == NULL);
	CHECK(test_disk_find(&disk, "p/account.db")->now_len > 0);
	test_disk_free(&disk);
}
