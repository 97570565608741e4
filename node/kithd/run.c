/* SPDX-License-Identifier: ISC */
/*
 * The running node. The driver moves the node's engine through a thin table that adds one job: the
 * seeds file, every 10 minutes, on the bulk lane. The end: no new connections, the node finishes
 * what waits for commits, one more turn lets its last datagrams out, then the loop stops; after 5 s
 * it stops anyway.
 *
 *	timer        set to                  at its end
 *	seeds_timer  10 min, again and again  a seeds job is wanted
 *	trim_timer   1 min, again and again   free memory goes back to the system
 *	stop_timer   5 s after the stop began the loop stops, finished or not
 */
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "node/kithd/internal.h"

#define SEEDS_MS (10u * 60u * 1000u)
#define TRIM_MS  60000u
#define BLOCK    65536
#define STOP_MS  5000u

/* ---- the engine with the seeds job ---- */

static bool engine_input(void *self, const struct kith_dgram_in *in, kith_time now)
{
	struct kithd *k = self;

	return k->node != NULL && k->inner.input(k->inner.self, in, now);
}

static void engine_notice(void *self, const struct kith_notice *n, kith_time now)
{
	struct kithd *k = self;

	if (k->node != NULL)
		k->inner.notice(k->inner.self, n, now);
}

static void engine_tick(void *self, kith_time now)
{
	struct kithd *k = self;

	if (k->node != NULL)
		k->inner.tick(k->inner.self, now);
}

static kith_time engine_deadline(const void *self)
{
	const struct kithd *k = self;

	return k->node != NULL ? k->inner.deadline(k->inner.self) : KITH_NEVER;
}

static bool engine_output(void *self, struct kith_dgram_out *out, kith_time now)
{
	struct kithd *k = self;

	return k->node != NULL && k->inner.output(k->inner.self, out, now);
}

static void run_seeds(struct kith_job *job)
{
	struct kithd *k =
		(struct kithd *)(void *)((uint8_t *)job - offsetof(struct kithd, seeds_job));

	job->status = kith_profile_seeds_save(k->profile, k->seeds, k->seeds_len);
}

static bool engine_job(void *self, struct kith_job **out)
{
	struct kithd *k = self;

	if (kith__kithd_vault_job(k, out))
		return true;
	if (k->node == NULL)
		return false;
	if (k->seeds_due && !k->seeds_running) {
		k->seeds_due = false;
		k->seeds_len = kith_node_seeds(k->node, k->seeds, KITH_DHT_SEEDS_MAX * 64u);
		if (k->seeds_len > 0) {
			k->seeds_running = true;
			k->seeds_job.run = run_seeds;
			k->seeds_job.lane = KITH_LANE_BULK;
			k->seeds_job.bytes = (uint32_t)k->seeds_len;
			*out = &k->seeds_job;
			return true;
		}
	}
	return k->inner.job != NULL && k->inner.job(k->inner.self, out);
}

static void engine_done(void *self, struct kith_job *job, kith_time now)
{
	struct kithd *k = self;

	if (kith__kithd_vault_done(k, job))
		return;
	if (job != &k->seeds_job) {
		k->inner.done(k->inner.self, job, now);
		return;
	}
	k->seeds_running = false;
	if (job->status != KITH_OK)
		kith__kithd_say(k, KITH_LOG_WARN, "The seeds file could not be written.");
}

static void engine_wake(void *self, kith_time now)
{
	struct kithd *k = self;

	if (k->node != NULL && k->inner.wake != NULL)
		k->inner.wake(k->inner.self, now);
}

struct kith_engine kith__kithd_engine(struct kithd *k)
{
	struct kith_engine e = {k,           engine_input,    engine_notice,
				engine_tick, engine_deadline, engine_output,
				engine_job,  engine_done,     engine_wake};

	memset(&k->inner, 0, sizeof(k->inner));
	if (k->node != NULL)
		k->inner = kith_node_engine(k->node);
	return e;
}

/* ---- the turn's end ---- */

static void stop_step(struct kithd *k, kith_time now)
{
	if (k->stopped || k->node == NULL) {
		uv_stop(&k->loop);
		return;
	}
	if (kith_node_stopping(k->node, now)) {
		k->stopped = true; /* one more turn: the last datagrams and answers leave */
		kith_driver_kick(k->driver);
	}
}

void kith__kithd_wake(void *ctx, kith_time now)
{
	struct kithd *k = ctx;

	if (k->control != NULL) {
		kith_control_turn(k->control, now);
		kith__kithd_door_turn(k);
		kith_driver_deadline(k->driver, kith_control_deadline(k->control));
	}
	if (k->stopping)
		stop_step(k, now);
	else
		kith__kithd_vault_turn(k, now);
	kith__kithd_portmap_turn(k, now);
	kith__kithd_log_drain(k);
}

/* ---- signals, timers ---- */

static void on_stop_timer(uv_timer_t *t)
{
	struct kithd *k = t->data;

	kith__kithd_say(k, KITH_LOG_WARN, "The node did not finish within 5 s; it stops now.");
	uv_stop(&k->loop);
}

void kith__kithd_stop(void *ctx)
{
	struct kithd *k = ctx;

	if (k->stopping)
		return;
	k->stopping = true;
	kith__kithd_say(k, KITH_LOG_INFO, "Stopping.");
	kith__kithd_door_shut(k);
	(void)uv_timer_start(&k->stop_timer, on_stop_timer, STOP_MS, 0);
	kith_driver_kick(k->driver);
}

static void on_signal(uv_signal_t *s, int number)
{
	(void)number;
	kith__kithd_stop(s->data);
}

static void on_seeds_timer(uv_timer_t *t)
{
	struct kithd *k = t->data;

	k->seeds_due = k->node != NULL;
	kith_driver_kick(k->driver);
}

/* Blocks of 64 KiB and more are the system's own, so they go back when they are freed; what lies
 * between smaller ones is handed back once a minute. */
static void on_trim_timer(uv_timer_t *t)
{
	(void)t;
	(void)malloc_trim(0);
}

/* One byte tells who waits that the control socket accepts. */
static void tell_ready(struct kithd *k)
{
	kith__kithd_say(k, KITH_LOG_INFO, "Ready%s; the control socket is %s.",
			k->node != NULL      ? ""
			: k->profile == NULL ? ", without a profile"
					     : ", locked",
			k->cfg.socket);
	if (k->cfg.ready_fd < 0)
		return;
	if (write(k->cfg.ready_fd, "\n", 1) != 1)
		kith__kithd_say(k, KITH_LOG_WARN, "Nobody reads the descriptor of --ready-fd.");
	(void)close(k->cfg.ready_fd);
}

int kith__kithd_run(struct kithd *k)
{
	(void)uv_signal_init(&k->loop, &k->term);
	(void)uv_signal_init(&k->loop, &k->interrupt);
	(void)uv_timer_init(&k->loop, &k->seeds_timer);
	(void)uv_timer_init(&k->loop, &k->stop_timer);
	(void)uv_timer_init(&k->loop, &k->trim_timer);
	k->term.data = k;
	k->interrupt.data = k;
	k->seeds_timer.data = k;
	k->stop_timer.data = k;
	(void)uv_signal_start(&k->term, on_signal, SIGTERM);
	(void)uv_signal_start(&k->interrupt, on_signal, SIGINT);
	(void)uv_timer_start(&k->seeds_timer, on_seeds_timer, SEEDS_MS, SEEDS_MS);
	(void)mallopt(M_MMAP_THRESHOLD, BLOCK);
	(void)uv_timer_start(&k->trim_timer, on_trim_timer, TRIM_MS, TRIM_MS);
	tell_ready(k);
	(void)uv_run(&k->loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&k->term, NULL);
	uv_close((uv_handle_t *)&k->interrupt, NULL);
	uv_close((uv_handle_t *)&k->seeds_timer, NULL);
	uv_close((uv_handle_t *)&k->stop_timer, NULL);
	uv_close((uv_handle_t *)&k->trim_timer, NULL);
	return KITHD_EXIT_OK;
}
