/* SPDX-License-Identifier: ISC */
/*
 * The twin: the shipped engines under a virtual clock, a virtual network and virtual disks, all
 * drawn from one seed. Inside sim/ only. simulation.md 2-4.
 *
 * Time is u64 microseconds since the start of the run, which is also the engines' monotonic clock.
 * Events are handled in the total order (time, dst, src, seq); draws of the world are
 * counter-based, so their order cannot matter.
 */
#ifndef KITH_SIM_SIM_H
#define KITH_SIM_SIM_H

#include "base/crypto.h"
#include "base/disk.h"
#include "base/engine.h"
#include "base/log.h"
#include "dht/dht.h"
#include "node/node.h"
#include "store/store.h"

#define SIM_NODES_MAX 1000u      /* whole nodes */
#define SIM_LAB_MAX   100000u    /* bare DHT nodes */
#define SIM_WORLD     UINT32_MAX /* dst of events that are not for a node */

/* ---- queue.c ---- */
enum sim_kind { SIM_PACKET, SIM_TIMER, SIM_DISK, SIM_ACTION };
struct sim_event {
	kith_time at;
	uint32_t dst, src, seq; /* seq counts the events made by src */
	enum sim_kind kind;
	uint32_t generation; /* TIMER, DISK: stale ones are dropped */
	uint32_t what;       /* ACTION */
	size_t len;
	uint8_t *data; /* PACKET: owned */
	struct kith_addr from, to;
};
struct sim_queue {
	struct sim_event *heap;
	size_t count, cap;
};
void sim_queue_push(struct sim_queue *q, const struct sim_event *e);
bool sim_queue_pop(struct sim_queue *q, struct sim_event *e);
void sim_queue_free(struct sim_queue *q);

/* ---- draw.c: keyed draws, the same whatever the order of asking ---- */
struct sim_draw {
	uint8_t key[16];
};
enum sim_purpose {
	SIM_DRAW_PLACE = 1,
	SIM_DRAW_JITTER,
	SIM_DRAW_LOSS,
	SIM_DRAW_DUP,
	SIM_DRAW_REORDER,
	SIM_DRAW_FAULT,
	SIM_DRAW_WORK,
	SIM_DRAW_DISK
};
void sim_draw_init(struct sim_draw *d, uint64_t seed);
uint64_t sim_draw(const struct sim_draw *d, enum sim_purpose p, uint32_t a, uint32_t b, uint64_t n);
uint32_t sim_draw_below(const struct sim_draw *d, enum sim_purpose p, uint32_t a, uint32_t b,
			uint64_t n, uint32_t bound);
bool sim_draw_ppm(const struct sim_draw *d, enum sim_purpose p, uint32_t a, uint32_t b, uint64_t n,
		  uint32_t ppm);

/* ---- disk.c: one disk per node, with an undo log since the last sync of each file ---- */
struct sim_disk;
struct sim_disk *sim_disk_new(void);
void sim_disk_free(struct sim_disk *d);
struct kith_disk sim_disk_table(struct sim_disk *d);
/* The power fails: of the unsynced writes a subset drawn from `draw` is lost, a last one may be
 * torn at 512 B. Open handles are gone. */
void sim_disk_cut(struct sim_disk *d, const struct sim_draw *draw, uint32_t node, uint64_t n);
/* While detached, writes are swallowed: the process that makes them is dead. */
void sim_disk_detach(struct sim_disk *d, bool on);
/* Only this many more changes (writes, syncs, renames) reach the disk; then it is detached. */
void sim_disk_stop_after(struct sim_disk *d, uint32_t changes);
size_t sim_disk_bytes(const struct sim_disk *d);

/* ---- scenario.c ---- */
enum sim_attack { SIM_ATTACK_COLLUDE, SIM_ATTACK_DROP, SIM_ATTACK_POISON };
/* Upper limits (0: none), in the unit of what is printed; ratios in thousandths. */
struct sim_lab_expect {
	uint32_t success_ppm, retry_ppm; /* lower limits */
	uint32_t p50, p95, requests_p50, requests_p95, cold, warm;
	uint32_t store_p50, store_p95, late_p95, slower;
	uint32_t idle_sent, idle_cpu_ppb, memory, ready_ms, full_ms, ratio;
};
/* Of a network of bare DHT nodes (sim/lab.h). */
struct sim_lab_plan {
	bool on, real, private_books, warm, probe;
	uint32_t seeds, clients_ppm;
	kith_time join_span, settle, idle;
	uint32_t records, lookups, rounds, joiners;
	kith_time publish_span, publish_wait, lookup_span, late, retry;
	uint32_t attack, share_ppm, ground, prefixes, die_ppm, storm, storm_records;
	kith_time lead; /* ground ids are there that long before the publication */
	struct kith_dht_params params;
	struct sim_lab_expect expect;
};
struct sim_plan {
	char name[64];
	uint64_t seed;
	uint32_t nodes, always_on;               /* users = nodes - always_on */
	kith_time clock;                         /* time of the day, UTC, at the start */
	kith_time duration, heal;                /* heal: faults end this long before the end */
	uint32_t latency_min_us, latency_max_us; /* one way, drawn per pair */
	uint32_t jitter_us;
	uint32_t loss_ppm, dup_ppm, reorder_ppm, reorder_us;
	uint32_t disk_us;  /* one commit */
	uint32_t messages; /* in all, spread over `message_span` */
	kith_time message_start, message_span;
	uint32_t degree;  /* contacts that each user invites */
	uint32_t crashes; /* kill and restart of random nodes while messages run */
	kith_time down_min, down_max;
	uint32_t ack_delay_s;
	bool direct; /* users accept datagrams from nodes they have not written to */
	uint32_t expect_lost, expect_doubled, expect_false, expect_open; /* upper limits; all 0 */
	struct sim_lab_plan lab;
};
/* Reads `path`; on error prints "file:line: message" lines to stderr and returns false. */
bool sim_scenario_read(struct sim_plan *p, const char *path);
/* section.key=value from the command line; false with a message on stderr. */
bool sim_scenario_set(struct sim_plan *p, const char *assignment);
bool sim_scenario_check(const struct sim_plan *p, const char *name);

/* ---- host.c: one node and its disk ---- */
struct sim_world;
struct sim_host {
	uint32_t index;
	bool up, always_on;
	uint32_t boot, generation, made; /* made: events this host created */
	struct sim_disk *disk;
	struct kith_drbg drbg;
	struct kith_rng rng;
	struct kith_profile *profile;
	struct kith_store *account, *mailbox;
	struct kith_node *node;
	struct kith_engine engine;
	struct kith_log log;
	struct kith_job *job[KITH_LANE_COUNT];
	struct kith_addr addr;
	kith_time timer_at;
	uint64_t trace; /* chain over (time, kind, peer, length) */
	uint64_t tx_datagrams, tx_bytes, rx_datagrams, boots;
	uint32_t next_call;
	char link[512];    /* invitation text, users only */
	kith_time *opened; /* behind a NAT: when each peer was last written to; index + 1 */
};
int sim_host_boot(struct sim_world *w, struct sim_host *h) KITH_MUST_USE;
/* kill -9, with or without a power cut; the disk stays. */
void sim_host_kill(struct sim_world *w, struct sim_host *h, bool power);
/* One turn after `e` (NULL: after API calls). */
void sim_host_turn(struct sim_world *w, struct sim_host *h, const struct sim_event *e);

/* ---- world.c: clock, wires, actions ---- */
struct sim_work;
struct sim_world {
	struct sim_plan plan;
	kith_time now;
	struct sim_queue queue;
	struct sim_draw draw;
	struct sim_host *host;
	struct sim_work *work;
	uint32_t made;
	uint64_t events, kinds[4];
	bool verbose;
};
bool sim_world_init(struct sim_world *w, const struct sim_plan *plan);
void sim_world_free(struct sim_world *w);
void sim_world_send(struct sim_world *w, struct sim_host *from, const struct kith_dgram_out *out);
/* nat.c: may a datagram of `from` reach `to` now? Also opens the way back. */
bool sim_nat_pass(struct sim_world *w, struct sim_host *from, struct sim_host *to);
void sim_nat_free(struct sim_host *h);
void sim_world_at(struct sim_world *w, kith_time at, uint32_t what);
void sim_world_run(struct sim_world *w);
void sim_world_trace_hash(const struct sim_world *w, uint8_t out[static 32]);
uint64_t sim_world_wall_ms(const struct sim_world *w);

/* ---- ledger.c ---- */
struct sim_letter {
	uint32_t from, to;
	bool accepted;             /* the sender's node answered: durable there */
	uint32_t shown;            /* times it stands in the recipient's history */
	enum kith_step step;       /* as the sender's history shows it at the end */
	kith_time said, delivered; /* delivered: when the sender was told so */
};
struct sim_verdict {
	uint32_t accepted, lost, doubled, false_states, open, told;
	kith_time p50, p95; /* from said to told */
};
struct sim_verdict sim_ledger_judge(const struct sim_letter *letter, uint32_t count);
bool sim_ledger_holds(const struct sim_verdict *v, const struct sim_plan *p);

/* ---- work.c: people, and what must hold ---- */
bool sim_work_init(struct sim_world *w);
void sim_work_action(struct sim_world *w, uint32_t what);
void sim_work_drain(struct sim_world *w,
		    struct sim_host *h); /* replies and news of a node, each turn */
void sim_work_booted(struct sim_world *w, struct sim_host *h);
void sim_work_finish(struct sim_world *w);
/* Prints the results; true when every expectation holds. */
bool sim_work_report(const struct sim_world *w, bool json);
void sim_work_free(struct sim_world *w);

#endif
