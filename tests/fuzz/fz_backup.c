/* SPDX-License-Identifier: ISC */
/*
 * A backup file that somebody changed (docs/store.md): the input edits a sound one, as u32 place |
 * u8 kind | u8 value (0 flip, 1 cut there, 2 set). Restoring refuses it or gives what it held, and
 * what is refused leaves no profile behind.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/crypto.h"
#include "store/store.h"
#include "tests/unit/node/mbox_disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define PASS "correct horse"

static uint8_t *sound;
static size_t sound_len;
static struct kith_drbg drbg;
static struct kith_rng rng;

static struct kith_profile_config config(struct memory_disk *d)
{
	return (struct kith_profile_config){
		.dir = "p", .disk = &d->table, .rng = &rng, .argon_passes = 1, .argon_kib = 64};
}

static void make_sound(void)
{
	struct kith_op op = kith_op(KITH_OP_META_SET);
	struct kith_store_backup *b;
	const uint8_t seed[32] = {9};
	struct kith_profile_config cfg;
	struct kith_profile *p;
	struct memory_disk d;
	struct kith_store *s;
	struct kith_job *job;
	uint64_t batch;
	int fd = memfd_create("backup", 0), status = KITH_OK;

	rng = kith_crypto_drbg(&drbg, seed);
	memory_disk_init(&d);
	cfg = config(&d);
	KITH_ASSERT(fd >= 0 && kith_profile_create(&cfg, NULL, 0, &p) == KITH_OK &&
		    kith_store_open(p, KITH_DB_ACCOUNT, &s) == KITH_OK);
	kith_op_text(&op, "fuzz", 4);
	kith_op_int(&op, 5);
	KITH_ASSERT(kith_store_put(s, &op, &batch) == KITH_OK);
	while (kith_store_job(s, &job)) {
		kith_store_run(job);
		KITH_ASSERT(kith_store_done(s, job, 1000000) == KITH_OK);
	}
	KITH_ASSERT(kith_store_backup_new(s, fd, PASS, strlen(PASS), &b) == KITH_OK);
	while (kith_store_backup_job(b, &job)) {
		job->run(job);
		if (kith_store_backup_done(b, job, &status))
			break;
	}
	KITH_ASSERT(status == KITH_OK);
	kith_store_backup_free(b);
	kith_store_close(s);
	kith_profile_close(p);
	memory_disk_free(&d);
	sound_len = (size_t)lseek(fd, 0, SEEK_END);
	sound = malloc(sound_len);
	KITH_ASSERT(sound != NULL && pread(fd, sound, sound_len, 0) == (ssize_t)sound_len);
	(void)close(fd);
}

static void try_restore(const uint8_t *bytes, size_t len)
{
	struct kith_restore r = {.pass = PASS, .pass_len = strlen(PASS)};
	struct kith_profile_config cfg;
	struct kith_profile *p;
	struct memory_disk d;
	struct kith_store *s;
	int status;

	r.fd = memfd_create("changed", 0);
	KITH_ASSERT(r.fd >= 0 && pwrite(r.fd, bytes, len, 0) == (ssize_t)len);
	memory_disk_init(&d);
	cfg = config(&d);
	status = kith_profile_restore(&cfg, &r, &p);
	if (status == KITH_OK) {
		KITH_ASSERT(kith_store_open(p, KITH_DB_ACCOUNT, &s) == KITH_OK);
		KITH_ASSERT(kith_store_restored(s));
		kith_store_close(s);
		kith_profile_close(p);
	} else {
		KITH_ASSERT(kith_profile_open(&cfg, NULL, 0, &p) == KITH_E_NOTFOUND);
	}
	memory_disk_free(&d);
	(void)close(r.fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *bytes;
	size_t left;

	if (kith_crypto_start() != NULL)
		return 0;
	if (sound == NULL)
		make_sound();
	bytes = malloc(sound_len);
	KITH_ASSERT(bytes != NULL);
	memcpy(bytes, sound, sound_len);
	left = sound_len;
	for (; len >= 6 && left > 0; data += 6, len -= 6) {
		size_t at = kith_load_u32(data) % left;

		if (data[4] % 3 == 0)
			bytes[at] ^= (uint8_t)(data[5] | 1);
		else if (data[4] % 3 == 1)
			left = at;
		else
			bytes[at] = data[5];
	}
	try_restore(bytes, left);
	free(bytes);
	return 0;
}
