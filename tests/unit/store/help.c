/* SPDX-License-Identifier: ISC */
#include "tests/unit/store/help.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 20000u

struct kith_profile_config help_config(struct test_disk *disk, const char *dir,
				       struct kith_rng *rng)
{
	return (struct kith_profile_config){
		.dir = dir,
		.disk = disk != NULL ? &disk->table : NULL,
		.rng = rng,
		.argon_passes = 1,
		.argon_kib = 64,
	};
}

void help_directory(char out[static 64])
{
	/* in memory where there is such a folder: killing a process takes nothing from it */
	(void)snprintf(out, 64, "%s/kith-store-XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	CHECK(mkdtemp(out) != NULL);
}

void help_remove(const char *dir)
{
	struct dirent *e;
	DIR *d = opendir(dir);

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			CHECK_EQ(unlinkat(dirfd(d), e->d_name, 0), 0);
	}
	(void)closedir(d);
	CHECK_EQ(rmdir(dir), 0);
}

int help_commit(struct kith_store *s)
{
	struct kith_job *job = NULL;
	int status = KITH_OK;

	if (kith_store_job(s, &job)) {
		job->run(job);
		status = kith_store_done(s, job, 0);
	}
	return status;
}

void help_put(struct kith_store *s, const struct kith_op *op)
{
	uint64_t batch = 0;

	CHECK_OK(kith_store_put(s, op, &batch));
	CHECK_EQ(batch, kith_store_open_batch(s));
}

void help_people(struct kith_store *s)
{
	static const uint8_t ik[32] = {7}, dev[4] = {1};
	struct kith_op op = kith_op(KITH_OP_CONTACT_PUT);

	kith_op_int(&op, 1);
	kith_op_blob(&op, ik, sizeof(ik));
	kith_op_int(&op, 1);
	kith_op_text(&op, "Bob", 3);
	for (int i = 0; i < 10; i++)
		kith_op_null(&op);
	help_put(s, &op);
	op = kith_op(KITH_OP_DEVICE_PUT);
	kith_op_int(&op, 1);
	kith_op_int(&op, 1);
	kith_op_blob(&op, dev, sizeof(dev));
	for (int i = 0; i < 9; i++)
		kith_op_null(&op);
	help_put(s, &op);
	op = kith_op(KITH_OP_CONVERSATION_PUT);
	kith_op_int(&op, 1);
	kith_op_int(&op, 1);
	kith_op_int(&op, 1);
	for (int i = 0; i < 10; i++)
		kith_op_null(&op);
	help_put(s, &op);
	CHECK_OK(help_commit(s));
}

void help_text(int64_t id, size_t len, char *text)
{
	uint64_t state = (uint64_t)id * 31 + 7;

	CHECK(len < TEXT_MAX);
	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + test_random(&state) % 26);
	text[len] = '\0';
}

struct kith_op help_message(int64_t id, size_t len, char *text)
{
	static uint8_t mid[16];
	struct kith_op op = kith_op(KITH_OP_MESSAGE_PUT);

	memset(mid, 0, sizeof(mid));
	kith_store_u64(mid, (uint64_t)id);
	help_text(id, len, text);
	kith_op_int(&op, id);
	kith_op_int(&op, 1);
	kith_op_int(&op, 0);
	kith_op_blob(&op, mid, sizeof(mid));
	kith_op_int(&op, 1);
	kith_op_int(&op, id);
	kith_op_int(&op, id << 16);
	kith_op_int(&op, 1000 + id);
	kith_op_int(&op, 1);
	kith_op_null(&op);
	kith_op_text(&op, text, len);
	kith_op_null(&op);
	kith_op_null(&op);
	return op;
}

unsigned int help_rows(struct kith_store *s, enum kith_op_kind kind)
{
	struct kith_op op = kith_op(kind);
	struct kith_rows rows;
	unsigned int n = 0;

	CHECK_OK(kith_store_read_now(s, &op, &rows));
	while (kith_rows_next(&rows))
		n++;
	return n;
}

int help_has(struct kith_store *s, int64_t id, size_t len)
{
	struct kith_op op = kith_op(KITH_OP_MESSAGE_GET);
	static char text[TEXT_MAX];
	struct kith_rows rows;
	const uint8_t *body;
	size_t got;

	kith_op_int(&op, id);
	CHECK_OK(kith_store_read_now(s, &op, &rows));
	if (!kith_rows_next(&rows))
		return 0;
	CHECK_EQ(kith_rows_int(&rows, 0), id);
	body = kith_rows_blob(&rows, 9, &got);
	help_text(id, len, text);
	CHECK_EQ(got, len);
	if (len != 0)
		CHECK_MEM(body, text, len);
	CHECK(!kith_rows_next(&rows));
	return 1;
}
