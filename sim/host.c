/* SPDX-License-Identifier: ISC */
/*
 * A simulated node: the turn of architecture.md 3 on the virtual clock. What net/uv does for a
 * process this file does for the world: feed, tick, job, output, wake, one timer.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/map.h"
#include "sim/sim.h"

#define WRITES_OF_A_COMMIT 24u

static void trace(struct sim_world *w, struct sim_host *h, enum sim_kind kind, uint32_t peer,
		  size_t len)
{
	static const uint8_t key[16] = "kith-sim trace";
	uint8_t in[32];

	kith_store_u64(in, h->trace);
	kith_store_u64(in + 8, w->now);
	kith_store_u32(in + 16, (uint32_t)kind);
	kith_store_u32(in + 20, peer);
	kith_store_u64(in + 24, len);
	h->trace = kith_siphash(key, in, sizeof(in));
}

static void boot_seed(const struct sim_world *w, const struct sim_host *h, uint8_t seed[static 32])
{
	uint8_t in[24] = "node";

	kith_store_u64(in + 4, w->plan.seed);
	kith_store_u32(in + 12, h->index);
	kith_store_u32(in + 16, h->boot);
	kith_blake2b(seed, in, sizeof(in));
}

static int open_profile(struct sim_host *h, const struct kith_disk *disk)
{
	struct kith_profile_config cfg;
	int status;

	memset(&cfg, 0, sizeof(cfg));
	cfg.dir = "p";
	cfg.disk = disk;
	cfg.rng = &h->rng;
	status = kith_profile_open(&cfg, NULL, 0, &h->profile);
	if (status == KITH_E_NOTFOUND)
		status = kith_profile_create(&cfg, NULL, 0, &h->profile);
	if (status != KITH_OK)
		return status;
	status = kith_store_open(h->profile, KITH_DB_ACCOUNT, &h->account);
	if (status == KITH_OK && h->always_on)
		status = kith_store_open(h->profile, KITH_DB_MAILBOX, &h->mailbox);
	return status;
}

static int make_node(struct sim_world *w, struct sim_host *h)
{
	struct kith_node_config cfg;
	uint8_t seeds[64 * 256];
	size_t seeds_len = 0;
	int status;

	memset(&cfg, 0, sizeof(cfg));
	status = kith_profile_node_key(h->profile, cfg.node_secret);
	if (status == KITH_OK)
		status = kith_profile_seeds_load(h->profile, seeds, sizeof(seeds), &seeds_len);
	if (status != KITH_OK)
		return status;
	cfg.log = &h->log;
	cfg.rng = &h->rng;
	cfg.network = (uint32_t)(w->plan.seed % 0xfffffffeu) + 1u;
	cfg.role = h->always_on ? KITH_ROLE_ALWAYS_ON : KITH_ROLE_USER;
	cfg.account = h->account;
	cfg.mailbox = h->mailbox;
	cfg.wall_ms = sim_world_wall_ms(w);
	cfg.mailbox_disk_max = (uint64_t)1 << 30;
	cfg.mailbox_days_max = 30;
	cfg.mailbox_members_max = 1000;
	cfg.mailbox_bits = 1;
	cfg.work_bits = 1;
	cfg.ack_delay_s = w->plan.ack_delay_s;
	cfg.publish_address = w->plan.direct || h->always_on;
	cfg.version = "sim";
	cfg.seeds = seeds;
	cfg.seeds_len = seeds_len;
	return kith_node_new(&cfg, w->now, &h->node);
}

int sim_host_boot(struct sim_world *w, struct sim_host *h)
{
	struct kith_disk table = sim_disk_table(h->disk);
	struct kith_addr inside = h->addr;
	struct kith_notice local;
	uint8_t seed[32];
	int status;

	KITH_ASSERT(!h->up);
	h->boot++;
	h->generation++;
	boot_seed(w, h, seed);
	h->rng = kith_crypto_drbg(&h->drbg, seed);
	status = open_profile(h, &table);
	if (status == KITH_OK)
		status = make_node(w, h);
	if (status != KITH_OK)
		return status;
	h->engine = kith_node_engine(h->node);
	h->up = true;
	h->timer_at = KITH_NEVER;
	memset(&local, 0, sizeof(local));
	local.kind = KITH_NOTICE_LOCAL;
	if (!h->always_on && !w->plan.direct) /* what a router gives */
		inside = kith_addr_v4(192, 168, 1, 2, h->addr.port);
	local.addrs = &inside;
	local.addr_count = 1;
	h->engine.notice(h->engine.self, &local, w->now);
	sim_work_booted(w, h);
	sim_host_turn(w, h, NULL);
	return KITH_OK;
}

/* The commit at which a process dies: none, some or all of its writes were made. */
static void die_writing(struct sim_world *w, struct sim_host *h, enum kith_lane lane)
{
	struct kith_job *job = h->job[lane];

	h->job[lane] = NULL;
	if (job == NULL || lane == KITH_LANE_BULK)
		return;
	sim_disk_stop_after(h->disk, sim_draw_below(&w->draw, SIM_DRAW_FAULT, h->index, h->boot,
						    (uint64_t)1 << 32 | lane, WRITES_OF_A_COMMIT));
	job->run(job);
	sim_disk_detach(h->disk, true);
	h->engine.done(h->engine.self, job, w->now); /* nobody fetches what it would send */
}

void sim_host_kill(struct sim_world *w, struct sim_host *h, bool power)
{
	unsigned lane;

	KITH_ASSERT(h->up);
	h->up = false;
	h->generation++;
	for (lane = 0; lane < KITH_LANE_COUNT; lane++)
		die_writing(w, h, (enum kith_lane)lane);
	sim_disk_detach(h->disk, true); /* what closing would write no longer reaches the disk */
	kith_node_free(h->node);
	kith_store_close(h->account);
	if (h->mailbox != NULL)
		kith_store_close(h->mailbox);
	kith_profile_close(h->profile);
	sim_disk_detach(h->disk, false);
	if (power)
		sim_disk_cut(h->disk, &w->draw, h->index, h->boot);
	h->node = NULL;
	h->account = h->mailbox = NULL;
	h->profile = NULL;
	trace(w, h, SIM_ACTION, h->index, 0);
}

static void push(struct sim_world *w, struct sim_host *h, enum sim_kind kind, kith_time at,
		 uint32_t generation, uint32_t what)
{
	struct sim_event e;

	memset(&e, 0, sizeof(e));
	e.kind = kind;
	e.at = at;
	e.dst = e.src = h->index;
	e.seq = h->made++;
	e.generation = generation;
	e.what = what;
	sim_queue_push(&w->queue, &e);
}

static void start_jobs(struct sim_world *w, struct sim_host *h)
{
	struct kith_job *job;

	while (h->engine.job(h->engine.self, &job)) {
		enum kith_lane lane = job->lane;
		kith_time took = lane == KITH_LANE_BULK ? 1000u : w->plan.disk_us;

		KITH_ASSERT(h->job[lane] == NULL);
		h->job[lane] = job;
		push(w, h, SIM_DISK, w->now + took, h->generation, lane);
	}
}

static void finish_job(struct sim_world *w, struct sim_host *h, enum kith_lane lane)
{
	struct kith_job *job = h->job[lane];

	h->job[lane] = NULL;
	job->run(job); /* durable only now: a crash before this instant loses the batch */
	h->engine.done(h->engine.self, job, w->now);
}

static void feed(struct sim_world *w, struct sim_host *h, const struct sim_event *e)
{
	struct kith_dgram_in in;

	switch (e->kind) {
	case SIM_PACKET:
		memset(&in, 0, sizeof(in));
		in.remote = e->from;
		in.local = h->addr;
		in.data = e->data;
		in.len = e->len;
		h->rx_datagrams++;
		(void)h->engine.input(h->engine.self, &in, w->now);
		break;
	case SIM_DISK: finish_job(w, h, (enum kith_lane)e->what); break;
	case SIM_TIMER: h->timer_at = KITH_NEVER; break;
	case SIM_ACTION: break;
	}
}

void sim_host_turn(struct sim_world *w, struct sim_host *h, const struct sim_event *e)
{
	struct kith_dgram_out out;
	kith_time at;

	if (e != NULL) {
		if (!h->up || (e->kind != SIM_PACKET && e->generation != h->generation))
			return;
		if (e->kind == SIM_TIMER && e->at != h->timer_at)
			return; /* a nearer one was set after it */
		w->kinds[e->kind]++;
		trace(w, h, e->kind, e->src, e->len);
		feed(w, h, e);
	}
	if (w->now >= h->engine.deadline(h->engine.self))
		h->engine.tick(h->engine.self, w->now);
	start_jobs(w, h);
	while (h->engine.output(h->engine.self, &out, w->now))
		sim_world_send(w, h, &out);
	h->engine.wake(h->engine.self, w->now);
	sim_work_drain(w, h);
	start_jobs(w, h);
	at = h->engine.deadline(h->engine.self);
	if (at != KITH_NEVER && at <= w->now)
		at = w->now + 1;
	if (at < h->timer_at) {
		h->timer_at = at;
		push(w, h, SIM_TIMER, at, h->generation, 0);
	}
}
