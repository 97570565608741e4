/* SPDX-License-Identifier: ISC */
/* The virtual network of the net tests. */
#include "tests/unit/net/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void secret(uint8_t out[32], unsigned i, unsigned what)
{
	memset(out, 0, 32);
	out[5] = (uint8_t)(i + 1); /* not among the clamped bits */
	out[1] = (uint8_t)what;
	out[31] = 0x40;
}

/* test_rng() is limited to 64 per case; some cases build more networks than that. */
static void fill(void *ctx, void *dst, size_t len)
{
	uint8_t *out = dst;
	size_t i;

	for (i = 0; i < len; i++)
		out[i] = (uint8_t)(test_random(ctx) >> 24);
}

void wire_boot(struct wire *w, unsigned i)
{
	struct kith_net_presence p = {.epoch = 7};

	kith_net_free(w->net[i]);
	w->net[i] = kith_net_new(&w->cfg[i], &w->rng[i], w->now);
	CHECK(w->net[i] != NULL);
	kith_net_set_wall(w->net[i], WIRE_WALL_MS + w->now / MS, w->now);
	secret(p.p, i, 3);
	kith_net_set_presence(w->net[i], &p, 1);
}

void wire_init(struct wire *w, unsigned count, uint64_t salt)
{
	unsigned i;

	memset(w, 0, sizeof(*w));
	w->now = 1000 * SEC;
	w->state = test_seed() + salt;
	w->delay_us = 10 * MS;
	for (i = 0; i < count; i++) {
		w->rng_state[i] = test_seed() + salt * 16 + i;
		w->rng[i] = (struct kith_rng){fill, &w->rng_state[i]};
		w->cfg[i] = (struct kith_net_config){.network = 5, .serve = true, .has_link = true};
		w->cfg[i].device = 0x100 + i;
		secret(w->cfg[i].node_secret, i, 1);
		secret(w->cfg[i].link_secret, i, 2);
		wire_boot(w, i);
	}
}

void wire_free(struct wire *w)
{
	unsigned i;

	for (i = 0; i < WIRE_NODES; i++)
		kith_net_free(w->net[i]);
	free(w->queue);
}

struct kith_addr wire_addr(const struct wire *w, unsigned i)
{
	return kith_addr_v4(10, 0, (uint8_t)i, 1, (uint16_t)(4000 + w->port_shift[i]));
}

struct kith_net_link_peer wire_peer(const struct wire *w, unsigned i, unsigned j)
{
	struct kith_net_link_peer p = {.peer = j + 1, .device = w->cfg[j].device, .root_count = 1};
	uint64_t day = (WIRE_WALL_MS + w->now / MS) / 86400000u;

	kith_dh_public(p.lk, w->cfg[j].link_secret);
	secret(p.presence.p, j, 3);
	p.presence.epoch = 7;
	secret(p.root[0].l, i < j ? i * 8 + j : j * 8 + i, 4);
	p.root[0].day = day;
	return p;
}

void wire_befriend(struct wire *w, unsigned i, unsigned j)
{
	struct kith_net_link_peer p = wire_peer(w, i, j);

	CHECK_OK(kith_net_link_peer_set(w->net[i], &p));
	p = wire_peer(w, j, i);
	CHECK_OK(kith_net_link_peer_set(w->net[j], &p));
}

struct kith_net_target wire_link_target(const struct wire *w, unsigned j)
{
	struct kith_net_target t = {.kind = KITH_NET_LINK, .peer = j + 1, .addr_count = 1};

	t.addr[0] = wire_addr(w, j);
	return t;
}

struct kith_net_target wire_service_target(const struct wire *w, unsigned j)
{
	struct kith_net_target t = {.kind = KITH_NET_SERVICE, .addr_count = 1};

	kith_dh_public(t.ml, w->cfg[j].node_secret);
	t.addr[0] = wire_addr(w, j);
	return t;
}

/* ---- the queue ---- */

static bool before(const struct wire_dgram *a, const struct wire_dgram *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void swap(struct wire *w, size_t a, size_t b)
{
	struct wire_dgram t = w->queue[a];

	w->queue[a] = w->queue[b];
	w->queue[b] = t;
}

static void push(struct wire *w, const struct wire_dgram *d)
{
	size_t at = w->queue_len++;

	if (w->queue_len > w->queue_cap) {
		w->queue_cap = w->queue_cap == 0 ? 64 : w->queue_cap * 2;
		w->queue = realloc(w->queue, w->queue_cap * sizeof(*w->queue));
		CHECK(w->queue != NULL);
	}
	w->queue[at] = *d;
	while (at > 0 && before(&w->queue[at], &w->queue[(at - 1) / 2])) {
		swap(w, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

static struct wire_dgram pop(struct wire *w)
{
	struct wire_dgram top = w->queue[0];
	size_t at = 0;

	w->queue[0] = w->queue[--w->queue_len];
	for (;;) {
		size_t c = 2 * at + 1;

		if (c >= w->queue_len)
			break;
		if (c + 1 < w->queue_len && before(&w->queue[c + 1], &w->queue[c]))
			c++;
		if (!before(&w->queue[c], &w->queue[at]))
			break;
		swap(w, c, at);
		at = c;
	}
	return top;
}

static void transmit(struct wire *w, unsigned from, const struct kith_dgram_out *out)
{
	struct wire_dgram d = {.to = out->remote, .len = out->len, .from = wire_addr(w, from)};
	unsigned copies = 1;

	CHECK(out->len >= KITH_DGRAM_MIN && out->len <= KITH_DGRAM_MAX);
	w->sent[from]++;
	memcpy(d.data, out->data, out->len);
	if (w->filter != NULL && !w->filter(w, from, &d))
		return;
	if (w->double_pct != 0 && test_random(&w->state) % 100 < w->double_pct)
		copies = 2;
	while (copies-- > 0) {
		if (w->loss_pct != 0 && test_random(&w->state) % 100 < w->loss_pct)
			continue;
		d.at = w->now + w->delay_us;
		if (w->jitter_us != 0)
			d.at += test_random(&w->state) % w->jitter_us;
		d.order = w->order++;
		push(w, &d);
	}
}

static void drain_events(struct wire *w, unsigned i)
{
	struct kith_net_event ev;

	while (!w->mute_events[i] && kith_net_event(w->net[i], &ev)) {
		w->events[i][ev.kind]++;
		if (w->on_event != NULL)
			w->on_event(w, i, &ev);
		w->last[i][ev.kind] = ev;
		w->last[i][ev.kind].data = NULL;
	}
}

void wire_drain(struct wire *w)
{
	struct kith_dgram_out out;
	unsigned i;

	for (i = 0; i < WIRE_NODES; i++) {
		if (w->net[i] == NULL)
			continue;
		drain_events(w, i);
		while (kith_net_output(w->net[i], &out, w->now))
			transmit(w, i, &out);
	}
}

bool wire_give(struct wire *w, unsigned i, const struct kith_addr *from, const uint8_t *data,
	       size_t len)
{
	/* an allocation of its own, so that a read beyond the end is seen */
	uint8_t *copy = malloc(len);
	struct kith_dgram_in in = {.remote = *from, .local = wire_addr(w, i), .len = len};
	bool mine;

	CHECK(copy != NULL);
	memcpy(copy, data, len);
	in.data = copy;
	mine = kith_net_input(w->net[i], &in, w->now);
	free(copy);
	return mine;
}

static bool deliver_due(struct wire *w)
{
	bool any = false;

	while (w->queue_len > 0 && w->queue[0].at <= w->now) {
		struct wire_dgram d = pop(w);
		unsigned i;

		for (i = 0; i < WIRE_NODES; i++) {
			struct kith_addr a = wire_addr(w, i);

			if (w->net[i] != NULL && kith_addr_equal(&a, &d.to))
				(void)wire_give(w, i, &d.from, d.data, d.len);
		}
		any = true;
	}
	return any;
}

void wire_run(struct wire *w, kith_time until)
{
	unsigned spins = 0;

	for (;;) {
		kith_time next = until;
		kith_time was = w->now;
		unsigned i;

		wire_drain(w);
		if (w->queue_len > 0 && w->queue[0].at < next)
			next = w->queue[0].at;
		for (i = 0; i < WIRE_NODES; i++)
			if (w->net[i] != NULL && kith_net_deadline(w->net[i]) < next)
				next = kith_net_deadline(w->net[i]);
		if (next > w->now)
			w->now = next;
		spins = w->now == was ? spins + 1 : 0;
		CHECK(spins < 10000); /* a deadline that never moves */
		(void)deliver_due(w);
		for (i = 0; i < WIRE_NODES; i++)
			if (w->net[i] != NULL && kith_net_deadline(w->net[i]) <= w->now)
				kith_net_tick(w->net[i], w->now);
		if (w->now >= until) {
			wire_drain(w);
			return;
		}
	}
}

uint32_t wire_up(const struct wire *w, unsigned i)
{
	CHECK(w->events[i][KITH_NET_SESSION_UP] > 0);
	return w->last[i][KITH_NET_SESSION_UP].session;
}

static uint32_t connect(struct wire *w, unsigned i, unsigned j, const struct kith_net_target *t)
{
	unsigned at_i = w->events[i][KITH_NET_SESSION_UP];
	unsigned at_j = w->events[j][KITH_NET_SESSION_UP];
	kith_time end = w->now + 10 * SEC;
	uint32_t number;

	CHECK_OK(kith_net_connect(w->net[i], t, &number, w->now));
	while (w->now < end && (w->events[i][KITH_NET_SESSION_UP] == at_i ||
				w->events[j][KITH_NET_SESSION_UP] == at_j))
		wire_run(w, w->now + 10 * MS);
	CHECK_EQ(w->events[i][KITH_NET_SESSION_UP], at_i + 1);
	CHECK_EQ(w->events[j][KITH_NET_SESSION_UP], at_j + 1);
	CHECK_EQ(wire_up(w, i), number);
	return number;
}

uint32_t wire_link(struct wire *w, unsigned i, unsigned j)
{
	struct kith_net_target t = wire_link_target(w, j);

	return connect(w, i, j, &t);
}

uint32_t wire_service(struct wire *w, unsigned i, unsigned j)
{
	struct kith_net_target t = wire_service_target(w, j);

	return connect(w, i, j, &t);
}
