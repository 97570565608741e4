/* SPDX-License-Identifier: ISC */
/*
 * A profile that somebody changed on the disk (store.md 5-7): the input edits the files of a sound
 * one, as u8 file | u32 place | u8 kind | u8 value (0 flip, 1 cut there, 2 set, 3 swap two pages).
 * Opening it refuses or works; nothing else. What still opens is asked and written.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crypto.h"
#include "store/store.h"
#include "tests/unit/node/mbox_disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct memory_disk sound;
static struct kith_drbg drbg;
static struct kith_rng rng;

static struct kith_profile_config config(struct memory_disk *d)
{
	return (struct kith_profile_config){
		.dir = "p", .disk = &d->table, .rng = &rng, .argon_passes = 1, .argon_kib = 64};
}

static void run_jobs(struct kith_store *s)
{
	struct kith_job *job;

	while (kith_store_job(s, &job)) {
		kith_store_run(job);
		(void)!kith_store_done(s, job, 1000000);
	}
}

static void use(struct kith_store *s, bool account)
{
	struct kith_op op = kith_op(KITH_OP_META_SET), all = kith_op(KITH_OP_LOAD_META);
	struct kith_rows rows;
	uint64_t batch;

	if (!account)
		return;
	kith_op_text(&op, "fuzz", 4);
	kith_op_int(&op, 5);
	(void)!kith_store_put(s, &op, &batch);
	run_jobs(s);
	if (kith_store_read_now(s, &all, &rows) == KITH_OK)
		while (kith_rows_next(&rows))
			;
}

static void make_sound(void)
{
	struct kith_profile_config cfg;
	const uint8_t seed[32] = {9};
	struct kith_profile *p;
	struct kith_store *s;

	rng = kith_crypto_drbg(&drbg, seed);
	memory_disk_init(&sound);
	cfg = config(&sound);
	KITH_ASSERT(kith_profile_create(&cfg, NULL, 0, &p) == KITH_OK);
	for (unsigned db = 0; db < 2; db++) {
		KITH_ASSERT(kith_store_open(p, db == 0 ? KITH_DB_ACCOUNT : KITH_DB_MAILBOX, &s) ==
			    KITH_OK);
		use(s, db == 0);
		kith_store_close(s);
	}
	kith_profile_close(p);
}

static void copy(struct memory_disk *to)
{
	memory_disk_init(to);
	for (unsigned i = 0; i < MEMORY_FILES; i++) {
		to->file[i] = sound.file[i];
		to->file[i].data = malloc(sound.file[i].len + 1);
		KITH_ASSERT(to->file[i].data != NULL);
		if (sound.file[i].len != 0)
			memcpy(to->file[i].data, sound.file[i].data, sound.file[i].len);
	}
}

static void edit(struct memory_file *f, uint32_t place, unsigned kind, uint8_t value)
{
	size_t a = place % f->len, b;

	if (kind == 0)
		f->data[a] ^= (uint8_t)(value | 1);
	if (kind == 1)
		f->len = a;
	if (kind == 2)
		f->data[a] = value;
	if (kind != 3 || f->len < 8192)
		return;
	a = a / 4096 * 4096;
	b = (size_t)value * 4096 % (f->len / 4096 * 4096);
	for (size_t i = 0; i < 4096 && a + i < f->len; i++) {
		uint8_t x = f->data[a + i];

		f->data[a + i] = f->data[b + i];
		f->data[b + i] = x;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct kith_profile_config cfg;
	struct memory_disk d;
	struct kith_profile *p;
	struct kith_store *s;

	if (kith_crypto_start() != NULL)
		return 0;
	if (sound.table.open == NULL)
		make_sound();
	copy(&d);
	for (; len >= 7; data += 7, len -= 7) {
		struct memory_file *f = &d.file[data[0] % MEMORY_FILES];

		if (f->name[0] != 0 && f->len != 0)
			edit(f, kith_load_u32(data + 1), data[5] % 4, data[6]);
	}
	cfg = config(&d);
	if (kith_profile_open(&cfg, NULL, 0, &p) == KITH_OK) {
		if (kith_store_open(p, KITH_DB_ACCOUNT, &s) == KITH_OK) {
			use(s, true);
			kith_store_close(s);
		}
		if (kith_store_open(p, KITH_DB_MAILBOX, &s) == KITH_OK) {
			use(s, false);
			kith_store_close(s);
		}
		kith_profile_close(p);
	}
	memory_disk_free(&d);
	return 0;
}
