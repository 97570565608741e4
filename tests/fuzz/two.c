/* SPDX-License-Identifier: ISC */
#include "tests/fuzz/two.h"

#include <string.h>

struct kith_addr two_addr(unsigned i)
{
	return kith_addr_v4(10, 0, (uint8_t)i, 1, 4000);
}

void two_begin(struct two *t, unsigned server)
{
	memset(t, 0, sizeof(*t));
	t->now = 1000000000;
	for (unsigned i = 0; i < 2; i++) {
		uint8_t seed[32] = {(uint8_t)(i + 1)};

		t->rng[i] = kith_crypto_drbg(&t->drbg[i], seed);
		t->cfg[i] = (struct kith_net_config){.network = 5, .serve = i == server};
		memset(t->cfg[i].node_secret, (int)i + 1, 32);
		t->net[i] = kith_net_new(&t->cfg[i], &t->rng[i], t->now);
		KITH_ASSERT(t->net[i] != NULL);
		kith_net_set_wall(t->net[i], TWO_WALL_S * 1000, t->now);
	}
}

void two_end(struct two *t)
{
	kith_net_free(t->net[0]);
	kith_net_free(t->net[1]);
}

static void hostile_event(struct two *t, const struct kith_net_event *e)
{
	uint8_t bytes[4096];
	size_t got = 0;
	bool fin;

	if (e->kind == KITH_NET_SESSION_UP) {
		t->up = true;
		t->session = e->session;
	}
	if (e->kind == KITH_NET_SESSION_LOST || e->kind == KITH_NET_CONNECT_FAILED)
		t->lost = true;
	if (e->kind != KITH_NET_STREAM_READABLE)
		return;
	t->stream = e->stream;
	t->has_stream = true;
	do {
		if (kith_net_stream_read(t->net[0], e->session, e->stream, bytes, sizeof(bytes),
					 &got, &fin, t->now) != KITH_OK)
			return;
	} while (got != 0);
}

static bool pass(struct two *t, unsigned from)
{
	struct kith_dgram_out out;
	bool any = false;

	while (kith_net_output(t->net[from], &out, t->now)) {
		struct kith_dgram_in in = {.remote = two_addr(from), .local = two_addr(1 - from)};

		in.data = out.data;
		in.len = out.len;
		(void)kith_net_input(t->net[1 - from], &in, t->now);
		any = true;
	}
	return any;
}

static bool pass_both(struct two *t)
{
	bool any = pass(t, 0);

	return pass(t, 1) || any;
}

void two_run(struct two *t, kith_time us)
{
	kith_time end = t->now + us;

	while (t->now < end) {
		struct kith_net_event e;

		for (unsigned i = 0; i < 2; i++)
			if (kith_net_deadline(t->net[i]) <= t->now)
				kith_net_tick(t->net[i], t->now);
		for (unsigned spins = 0; spins < 64 && pass_both(t); spins++)
			;
		while (kith_net_event(t->net[0], &e))
			hostile_event(t, &e);
		while (kith_net_event(t->net[1], &e))
			t->event(t, &e);
		t->turn(t);
		t->now += 5000;
	}
}

void two_write(struct two *t, const uint8_t *data, size_t len)
{
	while (len != 0 && t->up && !t->lost && t->has_stream) {
		size_t taken = 0;

		if (kith_net_stream_write(t->net[0], t->session, t->stream, data, len, &taken,
					  t->now) != KITH_OK)
			return;
		data += taken;
		len -= taken;
		if (taken == 0)
			two_run(t, 20000);
	}
}
