/* SPDX-License-Identifier: ISC */
/* Jobs: one thread per lane, in order, done on the loop; closing waits. */
#include <pthread.h>
#include <stdatomic.h>

#include "tests/test.h"
#include "tests/unit/net_uv/toy.h"

static struct toy t;
static pthread_t loop_thread;
static atomic_uint running[KITH_LANE_COUNT], overlaps, on_loop, ran;
static unsigned off_loop; /* `done` not on the loop's thread */

static void run(struct kith_job *job)
{
	uint64_t state = job->bytes;

	if (atomic_fetch_add(&running[job->lane], 1) != 0)
		atomic_fetch_add(&overlaps, 1);
	if (pthread_equal(pthread_self(), loop_thread))
		atomic_fetch_add(&on_loop, 1);
	for (unsigned i = 0; i < 2000; i++)
		(void)test_random(&state);
	job->status = (int)(job->bytes % 5);
	atomic_fetch_add(&ran, 1);
	atomic_fetch_sub(&running[job->lane], 1);
}

static bool give(void *self, struct kith_job **out)
{
	struct toy *toy = self;
	struct toy_job *j = &toy->jobs[toy->jobs_made];

	if (toy->jobs_made == toy->jobs_wanted)
		return false;
	j->number = toy->jobs_made++;
	j->job.run = run;
	j->job.lane = (enum kith_lane)(j->number % KITH_LANE_COUNT);
	j->job.bytes = j->number;
	*out = &j->job;
	return true;
}

static void done(void *self, struct kith_job *job, kith_time now)
{
	struct toy *toy = self;
	struct toy_job *j = (struct toy_job *)(void *)job;

	(void)now;
	CHECK_EQ(job->status, (int)(job->bytes % 5));
	if (!pthread_equal(pthread_self(), loop_thread))
		off_loop++;
	toy->done_order[toy->done_count++] = j->number;
}

static bool all_done(struct toy *toy)
{
	return toy->done_count == toy->jobs_wanted;
}

static void open_with_jobs(uv_loop_t *loop, unsigned jobs)
{
	struct kith_driver_config cfg = {.loop = loop,
					 .engine = toy_engine(&t),
					 .bind4 = kith_addr_v4(127, 0, 0, 1, 0)};

	CHECK_EQ(uv_loop_init(loop), 0);
	loop_thread = pthread_self();
	t.loop = loop;
	t.next = KITH_NEVER;
	t.jobs_wanted = jobs;
	t.finished = all_done;
	cfg.engine.job = give;
	cfg.engine.done = done;
	CHECK_OK(kith_driver_new(&cfg, &t.driver));
}

static void check_order(void)
{
	unsigned last[KITH_LANE_COUNT] = {0}, seen[KITH_LANE_COUNT] = {0};

	for (unsigned i = 0; i < t.done_count; i++) {
		unsigned lane = t.done_order[i] % KITH_LANE_COUNT;

		CHECK(seen[lane] == 0 || t.done_order[i] > last[lane]);
		last[lane] = t.done_order[i];
		seen[lane]++;
	}
	CHECK_EQ(atomic_load(&overlaps), 0);
	CHECK_EQ(atomic_load(&on_loop), 0);
	CHECK_EQ(off_loop, 0);
}

TEST(jobs_run_in_order_one_per_lane)
{
	uv_loop_t loop;

	open_with_jobs(&loop, TOY_JOBS);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_EQ(t.done_count, TOY_JOBS);
	check_order();
	toy_close(&t);
	CHECK_EQ(uv_loop_close(&loop), 0);
}

static bool begun(struct toy *toy)
{
	return toy->jobs_made > 0;
}

/* What was begun when the owner closes is run and handed over. */
TEST(closing_waits_for_jobs)
{
	uv_loop_t loop;

	open_with_jobs(&loop, 90);
	t.finished = begun;
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	toy_close(&t);
	CHECK_EQ(uv_loop_close(&loop), 0);
	CHECK(t.jobs_made > 0);
	CHECK_EQ(t.done_count, t.jobs_made);
	CHECK_EQ(atomic_load(&ran), t.jobs_made);
	check_order();
}
