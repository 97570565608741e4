/* SPDX-License-Identifier: ISC */
/*
 * Clock and wires. A datagram takes the delay of its pair plus jitter; it may be lost, come twice
 * or be held back. Users behind a NAT take datagrams only from addresses they have written to
 * within the last minutes (address- and port-dependent filtering, as most home routers do).
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "sim/sim.h"

#define WALL_DAY_MS 1767225600000u /* 2026-01-01T00:00:00Z */
#define BASE_PORT   20000u

uint64_t sim_world_wall_ms(const struct sim_world *w)
{
	return WALL_DAY_MS + (w->plan.clock + w->now) / 1000u;
}

/* A /16 for each node, so that rules about prefixes see distinct networks. */
static struct kith_addr address_of(uint32_t i)
{
	return kith_addr_v4((uint8_t)(12 + i % 100), (uint8_t)(20 + i / 100 % 200), 7, 1,
			    (uint16_t)(BASE_PORT + i));
}

static struct sim_host *host_at(struct sim_world *w, const struct kith_addr *a)
{
	uint32_t i = a->port - BASE_PORT;

	if (a->port < BASE_PORT || i >= w->plan.nodes || !kith_addr_equal(&w->host[i].addr, a))
		return NULL;
	return &w->host[i];
}

bool sim_world_init(struct sim_world *w, const struct sim_plan *plan)
{
	uint32_t i;

	memset(w, 0, sizeof(*w));
	w->plan = *plan;
	sim_draw_init(&w->draw, plan->seed);
	w->host = kith_alloc_zero(NULL, plan->nodes, sizeof(*w->host));
	if (w->host == NULL)
		return false;
	for (i = 0; i < plan->nodes; i++) {
		struct sim_host *h = &w->host[i];

		h->index = i;
		h->always_on = i < plan->always_on;
		h->addr = address_of(i);
		h->disk = sim_disk_new();
		h->next_call = 1;
		if (h->disk == NULL)
			return false;
	}
	return sim_work_init(w);
}

void sim_world_free(struct sim_world *w)
{
	uint32_t i;

	for (i = 0; w->host != NULL && i < w->plan.nodes; i++) {
		if (w->host[i].up)
			sim_host_kill(w, &w->host[i], false);
		sim_disk_free(w->host[i].disk);
		sim_nat_free(&w->host[i]);
	}
	sim_work_free(w);
	sim_queue_free(&w->queue);
	kith_alloc_free(NULL, w->host);
}

static kith_time delay(const struct sim_world *w, uint32_t from, uint32_t to, uint64_t n)
{
	uint32_t lo = from < to ? from : to;
	uint32_t hi = from < to ? to : from;
	const struct sim_plan *p = &w->plan;
	kith_time d = p->latency_min_us + sim_draw_below(&w->draw, SIM_DRAW_PLACE, lo, hi, 0,
							 p->latency_max_us - p->latency_min_us + 1);

	d += sim_draw_below(&w->draw, SIM_DRAW_JITTER, from, to, n, p->jitter_us + 1);
	if (w->now + p->heal < p->duration &&
	    sim_draw_ppm(&w->draw, SIM_DRAW_REORDER, from, to, n, p->reorder_ppm))
		d += sim_draw_below(&w->draw, SIM_DRAW_REORDER, to, from, n, p->reorder_us + 1);
	return d;
}

static void deliver(struct sim_world *w, struct sim_host *from, const struct sim_host *to,
		    const struct kith_dgram_out *out, uint64_t n)
{
	struct sim_event e;

	memset(&e, 0, sizeof(e));
	e.kind = SIM_PACKET;
	e.at = w->now + delay(w, from->index, to->index, n);
	e.dst = to->index;
	e.src = from->index;
	e.seq = from->made++;
	e.len = out->len;
	e.from = from->addr;
	e.to = to->addr;
	e.data = kith_alloc_copy(NULL, out->data, out->len);
	KITH_ASSERT(e.data != NULL);
	sim_queue_push(&w->queue, &e);
}

void sim_world_send(struct sim_world *w, struct sim_host *from, const struct kith_dgram_out *out)
{
	struct sim_host *to = host_at(w, &out->remote);
	uint64_t n = from->tx_datagrams;
	bool faults = w->now + w->plan.heal < w->plan.duration;

	KITH_ASSERT(out->segment == 0 || out->segment >= out->len);
	from->tx_datagrams++;
	from->tx_bytes += out->len;
	if (to == NULL)
		return;
	if (!sim_nat_pass(w, from, to))
		return;
	if (faults &&
	    sim_draw_ppm(&w->draw, SIM_DRAW_LOSS, from->index, to->index, n, w->plan.loss_ppm))
		return;
	deliver(w, from, to, out, n);
	if (faults &&
	    sim_draw_ppm(&w->draw, SIM_DRAW_DUP, from->index, to->index, n, w->plan.dup_ppm))
		deliver(w, from, to, out, n + ((uint64_t)1 << 40));
}

void sim_world_at(struct sim_world *w, kith_time at, uint32_t what)
{
	struct sim_event e;

	memset(&e, 0, sizeof(e));
	e.kind = SIM_ACTION;
	e.at = at;
	e.dst = e.src = SIM_WORLD;
	e.seq = w->made++;
	e.what = what;
	sim_queue_push(&w->queue, &e);
}

void sim_world_run(struct sim_world *w)
{
	struct sim_event e;

	while (sim_queue_pop(&w->queue, &e)) {
		if (e.at > w->plan.duration) {
			kith_alloc_free(NULL, e.data);
			break;
		}
		w->now = e.at;
		w->events++;
		if (e.dst == SIM_WORLD)
			sim_work_action(w, e.what);
		else
			sim_host_turn(w, &w->host[e.dst], &e);
		kith_alloc_free(NULL, e.data);
	}
	w->now = w->plan.duration;
	sim_work_finish(w);
}

void sim_world_trace_hash(const struct sim_world *w, uint8_t out[static 32])
{
	struct kith_hasher h;
	uint8_t chain[8];
	uint32_t i;

	kith_hasher_init(&h, KITH_L_LOG_ID, 32);
	for (i = 0; i < w->plan.nodes; i++) {
		kith_store_u64(chain, w->host[i].trace);
		kith_hasher_add(&h, chain, sizeof(chain));
	}
	kith_hasher_end(&h, out);
}
