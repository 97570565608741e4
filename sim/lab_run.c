/* SPDX-License-Identifier: ISC */
/*
 * What happens in a laboratory run: join, settle, then in rounds publications and lookups from
 * nodes that had no part in them, with deaths, floods and late newcomers as the scenario says.
 */
#include <string.h>
#include <sys/resource.h>

#include "base/alloc.h"
#include "sim/lab.h"

#define SECOND      ((kith_time)KITH_US_PER_S)
#define PERIOD_DAY  20454u
#define WARM_AFTER  (10u * SECOND)
#define STEP        (SECOND / 10)
#define LATE_WATCH  (20u * SECOND)
#define STORM_WATCH (150u * SECOND)
#define STORE_WANT  8u

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6;
}

/* ---- tries ---- */
static struct sim_try *new_try(struct sim_lab *w)
{
	void *array = w->tries;

	if (kith_alloc_grow(NULL, &array, &w->try_cap, w->tried + 1, SIZE_MAX / 256,
			    sizeof(struct sim_try)) != KITH_OK)
		KITH_ASSERT(false);
	w->tries = array;
	memset(&w->tries[w->tried], 0, sizeof(w->tries[0]));
	return &w->tries[w->tried++];
}

static struct sim_try *try_of(struct sim_lab *w, uint32_t node, uint32_t op)
{
	for (size_t i = w->tried; i > 0; i--)
		if (w->tries[i - 1].node == node && w->tries[i - 1].op == op)
			return &w->tries[i - 1];
	return NULL;
}

static bool able(const struct sim_lab *w, uint32_t i)
{
	return w->node[i].dht != NULL && !w->node[i].dead;
}

/* A living honest node that is not `but`; the storm's own nodes are not asked. */
static uint32_t some_node(const struct sim_lab *w, uint32_t what, uint64_t n, uint32_t but)
{
	uint32_t max = w->honest - w->plan.lab.storm - w->plan.lab.joiners, i;

	for (uint64_t k = 0;; k++) {
		i = sim_draw_below(&w->draw, SIM_DRAW_WORK, what, 7, n + (k << 40), max);
		if (i != but && able(w, i))
			return i;
	}
}

static void start_lookup(struct sim_lab *w, size_t at)
{
	for (unsigned k = 0; k < 64; k++) {
		struct sim_try *t = &w->tries[at];
		const struct sim_lab_node *n;
		struct kith_dht_trace trace;

		if (k != 0)
			t->node = some_node(w, 1000 + k, at, w->owner[t->record]);
		n = &w->node[t->node];
		t->at = w->now;
		if (!able(w, t->node))
			continue;
		if (kith_dht_lookup(n->dht, &t->key, &t->op, w->now) != KITH_OK) {
			t->done = true;
			return;
		}
		/* A node that holds the record itself says nothing about lookups. */
		if (t->again || kith_dht_trace(n->dht, t->op, &trace)) {
			sim_lab_turn(w, t->node);
			return;
		}
		t->op = 0;
		sim_lab_turn(w, t->node);
	}
}

static void add_lookups(struct sim_lab *w, uint32_t phase, uint32_t from, uint32_t count,
			uint32_t lookups, kith_time span)
{
	kith_time begin = w->now;

	for (uint32_t i = 0; i < lookups; i++) {
		struct sim_try *t = new_try(w);
		size_t at = w->tried - 1;

		t->record = from + (count == 0 ? 0
					       : sim_draw_below(&w->draw, SIM_DRAW_WORK,
								(uint32_t)at, 8, phase, count));
		t->key = w->key[t->record];
		t->phase = phase;
		t->node = some_node(w, 999, at, w->owner[t->record]);
		t->at = begin + span * i / lookups;
		sim_lab_run(w, t->at);
		start_lookup(w, at);
	}
}

static void again(struct sim_lab *w, const struct sim_try *first, kith_time after)
{
	struct sim_try copy = *first, *t = new_try(w);

	*t = (struct sim_try){.key = copy.key,
			      .record = copy.record,
			      .node = copy.node,
			      .phase = copy.phase,
			      .again = true,
			      .again_at = w->now + after};
}

static void run_again(struct sim_lab *w)
{
	for (size_t i = 0; i < w->tried; i++)
		if (w->tries[i].again && w->tries[i].op == 0 && !w->tries[i].done) {
			sim_lab_run(w, w->tries[i].again_at);
			start_lookup(w, i);
		}
	sim_lab_run(w, w->now + 25 * SECOND);
}

static void lookup_event(struct sim_lab *w, struct sim_try *t, const struct kith_dht_event *e)
{
	struct kith_dht_trace trace;

	if (e->kind == KITH_DHT_FOUND && !t->found) {
		t->found = true;
		t->first = w->now;
		if (kith_dht_trace(w->node[t->node].dht, e->op, &trace)) {
			t->requests_found = trace.requests_found;
			t->bytes_found = trace.bytes_found;
			t->hops = trace.hops_found;
		}
	}
	if (!e->final || t->done)
		return;
	t->done = true;
	if (kith_dht_trace(w->node[t->node].dht, e->op, &trace)) {
		t->requests = trace.requests;
		t->bytes_all = trace.bytes_total;
	}
	if (!t->again && !t->found && w->plan.lab.retry != 0)
		again(w, t, w->plan.lab.retry);
	else if (!t->again && t->found && w->plan.lab.warm)
		again(w, t, WARM_AFTER);
}

void sim_lab_event(struct sim_lab *w, uint32_t i, const struct kith_dht_event *e)
{
	struct sim_try *t;

	if (e->kind == KITH_DHT_READY && !w->node[i].ready) {
		w->node[i].ready = true;
		w->node[i].ready_at = w->now;
	}
	if (e->kind != KITH_DHT_FOUND && e->kind != KITH_DHT_ABSENT && e->kind != KITH_DHT_STORED)
		return;
	t = try_of(w, i, e->op);
	if (t == NULL)
		return;
	if (e->kind != KITH_DHT_STORED) {
		if (!t->store)
			lookup_event(w, t, e);
		return;
	}
	t->acks = e->acks;
	if (!t->found && (e->acks >= STORE_WANT || e->final)) {
		t->found = e->acks >= STORE_WANT;
		t->first = w->now;
	}
	t->done = t->done || e->final;
}

/* ---- publications ---- */
static bool make_record(struct sim_lab *w, uint32_t number, struct kith_id *key, uint8_t *out)
{
	uint8_t content[KITH_RECORD_CONTENT] = {0}, seed[32] = {0}, blinded[32];
	struct kith_record_secret s;
	struct kith_noncer noncer;

	kith_store_u64(seed, number);
	kith_store_u64(seed + 8, w->plan.seed);
	memset(&s, 7, sizeof(s));
	kith_store_u64(s.s, number);
	kith_sign_public(s.ik, seed);
	kith_noncer_init(&noncer, &w->rng);
	return kith_record_make(out, &s, seed, PERIOD_DAY, 1, content, &noncer) == KITH_OK &&
	       kith_record_key(&s, PERIOD_DAY, blinded, key) == KITH_OK;
}

static void publish(struct sim_lab *w, uint32_t number)
{
	struct sim_try *t = new_try(w);

	t->store = true;
	t->record = number;
	t->phase = 1;
	t->at = w->now;
	t->key = w->key[number];
	t->node = w->owner[number] = some_node(w, 5, number, UINT32_MAX);
	if (kith_dht_publish(w->node[t->node].dht, w->record + (size_t)number * KITH_RECORD,
			     KITH_RECORD, &t->op, w->now) != KITH_OK)
		t->done = true;
	sim_lab_turn(w, t->node);
}

/* ---- what else a scenario may ask for ---- */
static void join(struct sim_lab *w)
{
	const struct sim_lab_plan *p = &w->plan.lab;
	uint32_t first = w->honest - p->joiners - p->storm, i;
	kith_time span = p->join_span;

	for (i = 0; i < first; i++) {
		sim_lab_run(w, span * i / first);
		KITH_ASSERT(sim_lab_boot(w, i, p->seeds));
	}
	for (i = w->honest; i < w->honest + w->sybils; i++)
		sim_lab_timer(w, i,
			      sim_draw_below(&w->draw, SIM_DRAW_WORK, i, 3, 0, (uint32_t)span));
	for (i = w->honest - p->storm; i < w->honest; i++)
		KITH_ASSERT(sim_lab_boot(w, i, p->seeds));
	sim_lab_run(w, span + p->settle);
}

/* One newcomer after the other into the settled network. */
static void join_late(struct sim_lab *w)
{
	const struct sim_lab_plan *p = &w->plan.lab;
	uint32_t first = w->honest - p->joiners - p->storm;

	for (uint32_t i = first; i < first + p->joiners; i++) {
		size_t seen[LATE_WATCH / STEP + 1];
		struct sim_lab_node *n = &w->node[i];
		size_t steps = LATE_WATCH / STEP, k, most;

		KITH_ASSERT(sim_lab_boot(w, i, p->seeds));
		for (k = 0; k <= steps; k++) {
			sim_lab_run(w, n->started + k * STEP);
			seen[k] = kith_dht_status(n->dht).peers;
		}
		most = seen[steps];
		for (k = steps; k > 0 && seen[k - 1] * 10 >= most * 9; k--)
			;
		n->full_at = n->started + k * STEP;
		n->peers_seen = most;
	}
}

static void watch_idle(struct sim_lab *w)
{
	uint64_t bytes = 0, packets = 0;

	for (uint32_t i = 0; i < w->honest; i++) {
		bytes += w->node[i].sent_bytes;
		packets += w->node[i].sent;
	}
	w->cpu_from = cpu_seconds();
	sim_lab_run(w, w->now + w->plan.lab.idle);
	w->cpu_idle = cpu_seconds() - w->cpu_from;
	for (uint32_t i = 0; i < w->honest; i++) {
		w->idle_bytes += w->node[i].sent_bytes;
		w->idle_packets += w->node[i].sent;
	}
	w->idle_bytes -= bytes;
	w->idle_packets -= packets;
}

static void die(struct sim_lab *w)
{
	uint32_t want = (uint32_t)((uint64_t)w->plan.nodes * w->plan.lab.die_ppm / 1000000u);

	for (uint64_t n = 0; want > 0; n++) {
		uint32_t i =
			sim_draw_below(&w->draw, SIM_DRAW_FAULT, 1, 1, n, w->honest + w->sybils);

		if (w->node[i].dead)
			continue;
		w->node[i].dead = true;
		want--;
	}
}

/* All nodes of one address restart, each with its records to publish, while others look up. */
static void storm(struct sim_lab *w)
{
	const struct sim_lab_plan *p = &w->plan.lab;
	uint32_t made = p->records, first = w->honest - p->storm, op;
	struct kith_id key;

	for (uint32_t i = first; i < w->honest; i++) {
		KITH_ASSERT(sim_lab_boot(w, i, 0));
		for (uint32_t k = 0; k < p->storm_records; k++, made++) {
			uint8_t *r = w->record + (size_t)made * KITH_RECORD;

			KITH_ASSERT(make_record(w, made, &key, r));
			KITH_ASSERT(kith_dht_publish(w->node[i].dht, r, KITH_RECORD, &op, w->now) ==
				    KITH_OK);
		}
		sim_lab_turn(w, i);
	}
	add_lookups(w, 0, 0, p->records, p->lookups, STORM_WATCH);
}

static void one_round(struct sim_lab *w, uint32_t round)
{
	const struct sim_lab_plan *p = &w->plan.lab;
	uint32_t from = (uint32_t)((uint64_t)p->records * round / p->rounds);
	uint32_t to = (uint32_t)((uint64_t)p->records * (round + 1) / p->rounds);
	uint32_t lookups = (uint32_t)((uint64_t)p->lookups * (round + 1) / p->rounds -
				      (uint64_t)p->lookups * round / p->rounds);
	kith_time begin;

	w->round = round;
	for (uint32_t i = from; i < to; i++, w->records++)
		KITH_ASSERT(make_record(w, i, &w->key[i], w->record + (size_t)i * KITH_RECORD));
	if (p->ground != 0) {
		sim_evil_grind(w, round, &w->key[from]);
		sim_lab_run(w, w->now + p->lead);
	}
	begin = w->now;
	for (uint32_t i = from; i < to; i++) {
		sim_lab_run(w, begin + p->publish_span * (i - from) / (to - from));
		publish(w, i);
	}
	sim_lab_run(w, begin + p->publish_span + p->publish_wait);
	die(w);
	if (p->storm != 0) {
		add_lookups(w, 1, from, to - from, lookups, STORM_WATCH);
		sim_lab_run(w, w->now + 25 * SECOND);
		storm(w);
	} else {
		begin = w->now;
		add_lookups(w, 0, from, to - from, lookups, p->lookup_span);
		if (p->late != 0) {
			sim_lab_run(w, begin + p->late);
			add_lookups(w, 1, from, to - from, lookups, p->lookup_span);
		}
	}
	sim_lab_run(w, w->now + 25 * SECOND);
}

bool sim_lab_scenario(struct sim_lab *w)
{
	const struct sim_lab_plan *p = &w->plan.lab;

	join(w);
	if (p->joiners != 0)
		join_late(w);
	if (p->idle != 0)
		watch_idle(w);
	if (p->probe)
		sim_evil_probe(w);
	for (uint32_t r = 0; r < p->rounds && p->records != 0; r++)
		one_round(w, r);
	if (p->warm || p->retry != 0)
		run_again(w);
	return true;
}
