/* SPDX-License-Identifier: ISC */
/*
 * Worker threads: one per lane, made when the lane gets its first job. A lane runs its jobs in the
 * order they were given and one at a time, so a database has one user. Only pointers cross the
 * mutex; what a job holds belongs to the worker until it is in `done` (architecture.md 3).
 */
#include "net/uv/internal.h"

static void run_lane(void *arg)
{
	struct kith__uv_lane *l = arg;
	struct kith_job *job;

	uv_mutex_lock(&l->mutex);
	for (;;) {
		while (l->todo_count == 0 && !l->stop)
			uv_cond_wait(&l->cond, &l->mutex);
		if (l->todo_count == 0)
			break;
		job = l->todo[l->todo_first];
		l->todo_first = (l->todo_first + 1) % KITH_UV_JOBS_MAX;
		l->todo_count--;
		uv_mutex_unlock(&l->mutex);
		job->run(job);
		uv_mutex_lock(&l->mutex);
		l->done[(l->done_first + l->done_count++) % KITH_UV_JOBS_MAX] = job;
		uv_mutex_unlock(&l->mutex);
		(void)uv_async_send(l->async); /* unlocked, or the loop wakes into the lock */
		uv_mutex_lock(&l->mutex);
	}
	uv_mutex_unlock(&l->mutex);
}

/* False: the system has no thread for us; the job is then run here, late but done. */
static bool start_lane(struct kith_driver *d, struct kith__uv_lane *l)
{
	if (l->started)
		return true;
	l->async = &d->async;
	if (uv_mutex_init(&l->mutex) != 0)
		return false;
	if (uv_cond_init(&l->cond) != 0)
		goto no_cond;
	if (uv_thread_create(&l->thread, run_lane, l) != 0)
		goto no_thread;
	l->started = true;
	return true;
no_thread:
	uv_cond_destroy(&l->cond);
no_cond:
	uv_mutex_destroy(&l->mutex);
	return false;
}

static bool lanes_have_room(const struct kith_driver *d)
{
	for (unsigned i = 0; i < KITH_LANE_COUNT; i++)
		if (d->lane[i].given == KITH_UV_JOBS_MAX)
			return false;
	return true;
}

void kith__uv_jobs(struct kith_driver *d)
{
	struct kith_engine *e = &d->cfg.engine;
	struct kith_job *job = NULL;
	struct kith__uv_lane *l;

	while (e->job != NULL && lanes_have_room(d) && e->job(e->self, &job)) {
		KITH_ASSERT(job != NULL && (unsigned)job->lane < KITH_LANE_COUNT);
		l = &d->lane[job->lane];
		if (!start_lane(d, l)) {
			job->run(job);
			e->done(e->self, job, d->now);
			continue;
		}
		l->given++;
		uv_mutex_lock(&l->mutex);
		l->todo[(l->todo_first + l->todo_count++) % KITH_UV_JOBS_MAX] = job;
		uv_mutex_unlock(&l->mutex);
		uv_cond_signal(&l->cond);
	}
}

static struct kith_job *take_done(struct kith__uv_lane *l)
{
	struct kith_job *job = NULL;

	uv_mutex_lock(&l->mutex);
	if (l->done_count > 0) {
		job = l->done[l->done_first];
		l->done_first = (l->done_first + 1) % KITH_UV_JOBS_MAX;
		l->done_count--;
	}
	uv_mutex_unlock(&l->mutex);
	return job;
}

void kith__uv_finished(struct kith_driver *d)
{
	struct kith_engine *e = &d->cfg.engine;
	struct kith_job *job;

	for (unsigned i = 0; i < KITH_LANE_COUNT; i++) {
		while (d->lane[i].given > 0 && (job = take_done(&d->lane[i])) != NULL) {
			d->lane[i].given--;
			e->done(e->self, job, d->now);
		}
	}
}

void kith__uv_workers_stop(struct kith_driver *d)
{
	for (unsigned i = 0; i < KITH_LANE_COUNT; i++) {
		struct kith__uv_lane *l = &d->lane[i];

		if (!l->started)
			continue;
		uv_mutex_lock(&l->mutex);
		l->stop = true;
		uv_cond_signal(&l->cond);
		uv_mutex_unlock(&l->mutex);
		(void)uv_thread_join(&l->thread);
	}
	kith__uv_finished(d);
	for (unsigned i = 0; i < KITH_LANE_COUNT; i++) {
		if (!d->lane[i].started)
			continue;
		KITH_ASSERT(d->lane[i].given == 0);
		uv_cond_destroy(&d->lane[i].cond);
		uv_mutex_destroy(&d->lane[i].mutex);
		d->lane[i].started = false;
	}
}
