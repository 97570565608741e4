/* SPDX-License-Identifier: ISC */
/*
 * Rows per second into the message table, sealed and plain by turns in one run, on the real disk.
 *	bench_store [directory]
 * One JSON object per line; compare ratios, not absolute figures.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/internal.h"

#define ROUNDS 5

static double now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void need(int status, const char *what)
{
	if (status != KITH_OK) {
		fprintf(stderr, "bench_store: %s: %d\n", what, status);
		exit(1);
	}
}

static void commit(struct kith_store *s)
{
	struct kith_job *job = NULL;

	if (kith_store_job(s, &job)) {
		job->run(job);
		need(kith_store_done(s, job, 0), kith_store_sentence(s));
	}
}

static void put(struct kith_store *s, const struct kith_op *op)
{
	uint64_t batch;

	need(kith_store_put(s, op, &batch), "put");
}

static void put_people(struct kith_store *s)
{
	static const uint8_t ik[32];
	struct kith_op op = kith_op(KITH_OP_CONTACT_PUT);

	kith_op_int(&op, 1);
	kith_op_blob(&op, ik, sizeof(ik));
	kith_op_int(&op, 1);
	for (int i = 0; i < 11; i++)
		kith_op_null(&op);
	put(s, &op);
	op = kith_op(KITH_OP_CONVERSATION_PUT);
	for (int i = 0; i < 3; i++)
		kith_op_int(&op, 1);
	for (int i = 0; i < 10; i++)
		kith_op_null(&op);
	put(s, &op);
	commit(s);
}

static void put_message(struct kith_store *s, int64_t id)
{
	static const char text[65] =
		"Shall we meet at the station at eight, or is that too early, Bob?";
	struct kith_op op = kith_op(KITH_OP_MESSAGE_PUT);
	uint8_t mid[16] = {0};

	for (size_t i = 0; i < 8; i++)
		mid[i] = (uint8_t)((uint64_t)id >> (56 - 8 * i));
	kith_op_int(&op, id);
	kith_op_int(&op, 1);
	kith_op_int(&op, 0);
	kith_op_blob(&op, mid, sizeof(mid));
	for (int i = 0; i < 5; i++)
		kith_op_int(&op, id);
	kith_op_null(&op);
	kith_op_text(&op, text, sizeof(text));
	kith_op_null(&op);
	kith_op_null(&op);
	put(s, &op);
}

/* Rows per second of `rows` messages in batches of `size`. */
static double rate(const char *base, bool plain, int64_t rows, int64_t size)
{
	static const char *const files[] = {"account.db", "profile.key", "profile.key.2", "lock",
					    "reserve"};
	struct kith_rng rng = kith_crypto_system_rng();
	struct kith_profile_config cfg = {.rng = &rng};
	struct kith_profile *p = NULL;
	struct kith_store *s = NULL;
	char dir[256], path[300];
	double start, end;

	(void)snprintf(dir, sizeof(dir), "%s/kith-bench-%ld", base, (long)getpid());
	cfg.dir = dir;
	need(kith_profile_create(&cfg, NULL, 0, &p), "create");
	p->plain = plain;
	need(kith_store_open(p, KITH_DB_ACCOUNT, &s), "open");
	put_people(s);
	start = now_s();
	for (int64_t id = 1; id <= rows; id++) {
		put_message(s, id);
		if (id % size == 0)
			commit(s);
	}
	end = now_s();
	kith_store_close(s);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
	kith_profile_close(p);
	return (double)rows / (end - start);
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void compare(const char *name, const char *base, int64_t rows, int64_t size)
{
	double sealed[ROUNDS], plain[ROUNDS], ratio[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		plain[i] = rate(base, true, rows, size);
		sealed[i] = rate(base, false, rows, size);
		ratio[i] = sealed[i] / plain[i];
	}
	qsort(plain, ROUNDS, sizeof(plain[0]), by_size);
	qsort(sealed, ROUNDS, sizeof(sealed[0]), by_size);
	qsort(ratio, ROUNDS, sizeof(ratio[0]), by_size);
	printf("{\"name\":\"%s\",\"unit\":\"rows/s\",\"sealed\":%.0f,\"plain\":%.0f,"
	       "\"ratio\":%.2f,\"n\":%d}\n",
	       name, sealed[ROUNDS / 2], plain[ROUNDS / 2], ratio[ROUNDS / 2], ROUNDS);
}

int main(int argc, char **argv)
{
	const char *base = argc > 1 ? argv[1] : ".";

	compare("store.tx_full", base, 3000, 1);
	compare("store.batch_100", base, 50000, 100);
	return 0;
}
