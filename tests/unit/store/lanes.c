/* SPDX-License-Identifier: ISC */
/* Two databases of one profile, each on a worker of its own, as in the daemon. */
#include <pthread.h>
#include <string.h>

#include "tests/unit/store/help.h"

#define BATCHES 60

static void *work(void *arg)
{
	struct kith_job *job = arg;

	job->run(job);
	return NULL;
}

static void put_row(struct kith_store *s, enum kith_op_kind kind, int64_t n)
{
	struct kith_op op = kith_op(kind);
	char key[8] = "key";

	key[3] = (char)('a' + n % 20);
	kith_op_text(&op, key, 4);
	kith_op_int(&op, n);
	op.token = 1;
	help_put(s, &op);
}

static void finish(struct kith_store *s, struct kith_job *job, pthread_t worker)
{
	struct kith_store_result r;

	CHECK_EQ(pthread_join(worker, NULL), 0);
	CHECK_OK(kith_store_done(s, job, 0));
	while (kith_store_result(s, &r))
		CHECK_EQ(r.token, 1);
}

TEST(two_lanes_run_beside_each_other)
{
	static const enum kith_op_kind kinds[] = {KITH_OP_META_SET, KITH_OP_BOX_SET};
	struct kith_rng rng = kith_crypto_system_rng();
	struct kith_profile_config cfg;
	struct kith_profile *p = NULL;
	struct kith_store *s[2];
	struct kith_job *job[2];
	pthread_t worker[2];
	char dir[64];

	help_directory(dir);
	cfg = help_config(NULL, dir, &rng);
	CHECK_OK(kith_profile_create(&cfg, NULL, 0, &p));
	CHECK_OK(kith_store_open(p, KITH_DB_ACCOUNT, &s[0]));
	CHECK_OK(kith_store_open(p, KITH_DB_MAILBOX, &s[1]));
	for (int i = 0; i < 2; i++)
		put_row(s[i], kinds[i], 0);
	for (int64_t n = 1; n <= BATCHES; n++) {
		for (int i = 0; i < 2; i++) {
			CHECK(kith_store_job(s[i], &job[i]));
			CHECK_EQ(pthread_create(&worker[i], NULL, work, job[i]), 0);
			put_row(s[i], kinds[i], n); /* the next batch fills meanwhile */
		}
		for (int i = 0; i < 2; i++)
			finish(s[i], job[i], worker[i]);
	}
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(kith_store_committed(s[i]), BATCHES);
		kith_store_close(s[i]);
	}
	kith_profile_close(p);
	help_remove(dir);
}
