/* SPDX-License-Identifier: ISC */
/*
 * Port mapping against a gateway made of a few lines that reads raw bytes, in virtual time: what it
 * speaks, grants and forgets is set by each case.
 */
#include <string.h>

#include "net/mapping.h"
#include "tests/test.h"

#define MS(n) ((kith_time)(n)*1000u)
#define S(n)  ((kith_time)(n)*1000000u)

struct world {
	struct kith_rng rng;
	struct kith_mapping m;
	struct kith_addr gateway, local;
	kith_time now, boot;
	bool pcp, natpmp, deaf, refuse;
	uint32_t lease; /* granted at most */
	uint16_t taken; /* this port belongs to another host */
	uint8_t address[4];
	uint16_t mapped; /* external port that leads to us; 0 = none */
	unsigned pcp_seen, natpmp_seen, deletes;
	uint8_t answer[64];
};

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void begin(struct world *w)
{
	struct kith_mapping_config cfg = {.use = {true, true, true}, .lease_s = 3600};

	memset(w, 0, sizeof(*w));
	w->rng = test_rng(test_seed());
	w->now = S(1000);
	w->gateway = kith_addr_v4(10, 1, 0, 1, 0);
	w->local = kith_addr_v4(10, 1, 0, 2, 20000);
	w->lease = 3600;
	memcpy(w->address, "\x15\0\0\1", 4);
	kith_mapping_init(&w->m, &cfg, &w->rng);
}

static void answer(struct world *w, size_t len)
{
	struct kith_dgram_in in = {.remote = w->gateway, .local = w->local, .len = len};

	in.remote.port = 5351;
	in.data = w->answer;
	CHECK(kith_mapping_input(&w->m, &in, w->now));
}

static unsigned grant(struct world *w, unsigned wanted, uint32_t lease)
{
	if (lease == 0) {
		w->mapped = 0;
		w->deletes++;
		return 0;
	}
	w->mapped = (uint16_t)(wanted == 0 || wanted == w->taken ? 61000 : wanted);
	return w->mapped;
}

static void serve_pcp(struct world *w, const uint8_t *q)
{
	uint8_t *a = w->answer;
	uint32_t lease = get32(q + 4) < w->lease ? get32(q + 4) : w->lease;

	w->pcp_seen++;
	memset(a, 0, sizeof(w->answer));
	if (!w->pcp) {
		if (!w->natpmp)
			return;
		a[1] = 128;
		a[3] = 1;
		put32(a + 4, (uint32_t)((w->now - w->boot) / S(1)));
		answer(w, 8);
		return;
	}
	CHECK_MEM(q + 8, w->local.ip, 16);
	CHECK_EQ(get16(q + 40), w->local.port);
	memcpy(a, q, 60);
	a[1] = 0x81;
	a[3] = w->refuse ? 2 : 0;
	put32(a + 4, lease);
	put32(a + 8, (uint32_t)((w->now - w->boot) / S(1)));
	memset(a + 12, 0, 12);
	if (!w->refuse) {
		put16(a + 42, grant(w, get16(q + 42), lease));
		memcpy(a + 56, w->address, 4);
	}
	answer(w, 60);
}

static void serve_natpmp(struct world *w, const uint8_t *q, size_t len)
{
	uint8_t *a = w->answer;

	w->natpmp_seen++;
	if (!w->natpmp)
		return;
	memset(a, 0, sizeof(w->answer));
	a[1] = (uint8_t)(128 + q[1]);
	put32(a + 4, (uint32_t)((w->now - w->boot) / S(1)));
	if (w->refuse) {
		a[3] = 2;
		answer(w, 8);
	} else if (len == 2) {
		memcpy(a + 8, w->address, 4);
		answer(w, 12);
	} else {
		uint32_t lease = get32(q + 8) < w->lease ? get32(q + 8) : w->lease;

		CHECK_EQ(get16(q + 4), w->local.port);
		memcpy(a + 8, q + 4, 2);
		put16(a + 10, grant(w, get16(q + 6), lease));
		put32(a + 12, lease);
		answer(w, 16);
	}
}

static void serve(struct world *w)
{
	struct kith_dgram_out out;
	uint8_t q[64];

	while (kith_mapping_output(&w->m, &out, w->now)) {
		CHECK(out.len <= sizeof(q));
		CHECK_EQ(out.remote.port, 5351);
		CHECK(kith_addr_equal(&out.local, &w->local));
		memcpy(q, out.data, out.len);
		if (w->deaf)
			continue;
		if (q[0] == 2)
			serve_pcp(w, q);
		else
			serve_natpmp(w, q, out.len);
	}
}

/* Virtual time until `end`, as a driver would. */
static void run(struct world *w, kith_time end)
{
	unsigned turns = 0;

	for (;;) {
		kith_time at = kith_mapping_deadline(&w->m);

		if (at > end)
			break;
		w->now = at > w->now ? at : w->now;
		kith_mapping_tick(&w->m, w->now);
		serve(w);
		CHECK(++turns < 100000);
	}
	w->now = end;
}

static void plug(struct world *w)
{
	kith_mapping_gateway(&w->m, KITH_MAPPING_IP4, &w->gateway, &w->local, w->now);
}

static struct kith_mapping_status status(const struct world *w)
{
	struct kith_mapping_status s;

	kith_mapping_status(&w->m, KITH_MAPPING_IP4, &s);
	return s;
}

static void check_external(const struct world *w, const struct kith_addr *want)
{
	struct kith_mapping_status s = status(w);

	CHECK(kith_addr_equal(&s.external, want));
}

TEST(mapping_by_pcp)
{
	struct world w;
	struct kith_mapping_status s;
	struct kith_addr want = kith_addr_v4(21, 0, 0, 1, 20000);

	begin(&w);
	w.pcp = w.natpmp = true;
	plug(&w);
	run(&w, w.now);
	s = status(&w);
	CHECK_EQ(s.state, KITH_MAPPING_HELD);
	CHECK_EQ(s.how, KITH_MAPPING_PCP);
	CHECK(kith_addr_equal(&s.external, &want));
	CHECK_EQ(w.natpmp_seen, 0);
	CHECK_EQ(w.pcp_seen, 1);
	/* at half the lease +-10 % */
	run(&w, w.now + S(1600));
	CHECK_EQ(w.pcp_seen, 1);
	run(&w, w.now + S(400));
	CHECK_EQ(w.pcp_seen, 2);
}

TEST(mapping_natpmp_server_answers_version)
{
	struct world w;
	struct kith_addr want = kith_addr_v4(21, 0, 0, 1, 20000);

	begin(&w);
	w.natpmp = true;
	plug(&w);
	run(&w, w.now);
	CHECK_EQ(status(&w).state, KITH_MAPPING_HELD);
	CHECK_EQ(status(&w).how, KITH_MAPPING_NATPMP);
	check_external(&w, &want);
	CHECK_EQ(status(&w).outcome[KITH_MAPPING_PCP], KITH_MAPPING_REFUSED);
}

TEST(mapping_silent_router_then_back_off)
{
	struct world w;
	struct kith_portmap_ask ask;

	begin(&w);
	w.deaf = true;
	plug(&w);
	run(&w, w.now + S(5));
	CHECK_EQ(status(&w).state, KITH_MAPPING_FAILED);
	CHECK_EQ(status(&w).outcome[KITH_MAPPING_PCP], KITH_MAPPING_SILENT);
	CHECK_EQ(status(&w).outcome[KITH_MAPPING_NATPMP], KITH_MAPPING_SILENT);
	CHECK_EQ(status(&w).outcome[KITH_MAPPING_UPNP], KITH_MAPPING_NOT_TRIED);
	CHECK(!kith_mapping_ask(&w.m, &ask, w.now));
	CHECK_EQ(w.m.sent, 4 + 3 * 2);
	run(&w, w.now + S(260));
	CHECK_EQ(w.m.sent, 10);
	w.deaf = false;
	w.pcp = true;
	run(&w, w.now + S(75));
	CHECK_EQ(status(&w).state, KITH_MAPPING_HELD);
}

TEST(mapping_by_upnp)
{
	struct world w;
	struct kith_portmap_ask ask;
	struct kith_portmap_reply r = {.lease_s = 0};
	kith_time began;

	begin(&w);
	w.deaf = true;
	kith_mapping_helper(&w.m, true, w.now);
	plug(&w);
	began = w.now;
	run(&w, w.now + MS(240));
	CHECK(!kith_mapping_ask(&w.m, &ask, w.now));
	run(&w, w.now + MS(20));
	CHECK(kith_mapping_ask(&w.m, &ask, w.now));
	CHECK_EQ(ask.verb, KITH_PORTMAP_ADD);
	CHECK_EQ(ask.internal, 20000);
	CHECK_EQ(ask.external, 20000);
	CHECK(!kith_mapping_ask(&w.m, &ask, w.now));
	run(&w, w.now + S(3));
	r.seq = ask.seq + 1;
	CHECK(!kith_mapping_reply(&w.m, &r, w.now));
	r.seq = ask.seq;
	r.external = kith_addr_v4(21, 0, 0, 1, 20007);
	CHECK(kith_mapping_reply(&w.m, &r, w.now));
	CHECK(!kith_mapping_reply(&w.m, &r, w.now));
	CHECK_EQ(status(&w).state, KITH_MAPPING_HELD);
	CHECK_EQ(status(&w).lease_s, 0);
	CHECK_EQ(status(&w).took_us, w.now - began);
	/* for good, and yet looked after */
	run(&w, w.now + S(2000));
	CHECK(kith_mapping_ask(&w.m, &ask, w.now));
	CHECK_EQ(ask.external, 20007);
	r.seq = ask.seq;
	CHECK(kith_mapping_reply(&w.m, &r, w.now));
	CHECK(!kith_mapping_stop(&w.m, w.now));
	CHECK(kith_mapping_ask(&w.m, &ask, w.now));
	CHECK_EQ(ask.verb, KITH_PORTMAP_DELETE);
	CHECK_EQ(ask.external, 20007);
	r.seq = ask.seq;
	CHECK(kith_mapping_reply(&w.m, &r, w.now));
	CHECK(kith_mapping_stop(&w.m, w.now));
}

TEST(mapping_helper_overstays_or_dies)
{
	struct world w;
	struct kith_portmap_ask ask;

	begin(&w);
	w.deaf = true;
	kith_mapping_helper(&w.m, true, w.now);
	plug(&w);
	run(&w, w.now + S(1));
	CHECK(kith_mapping_ask(&w.m, &ask, w.now));
	run(&w, w.now + S(10));
	CHECK_EQ(status(&w).state, KITH_MAPPING_TRYING);
	run(&w, w.now + S(20));
	CHECK_EQ(status(&w).state, KITH_MAPPING_FAILED);
	CHECK_EQ(status(&w).outcome[KITH_MAPPING_UPNP], KITH_MAPPING_SILENT);
	kith_mapping_again(&w.m, w.now);
	run(&w, w.now + S(1));
	CHECK(kith_mapping_ask(&w.m, &ask, w.now));
	kith_mapping_helper(&w.m, false, w.now);
	run(&w, w.now + S(5));
	CHECK_EQ(status(&w).state, KITH_MAPPING_FAILED);
}

TEST(mapping_lease_runs_out)
{
	struct world w;

	begin(&w);
	w.pcp = true;
	w.lease = 120;
	plug(&w);
	run(&w, w.now);
	CHECK_EQ(status(&w).lease_s, 120);
	w.deaf = true;
	run(&w, w.now + S(119));
	CHECK_EQ(status(&w).state, KITH_MAPPING_HELD);
	run(&w, w.now + S(2));
	CHECK(status(&w).state != KITH_MAPPING_HELD);
	w.deaf = false;
	run(&w, w.now + S(400));
	CHECK_EQ(status(&w).state, KITH_MAPPING_HELD);
}

TEST(mapping_renewal_sees_new_address_and_lost_state)
{
	struct world w;
	struct kith_addr want = kith_addr_v4(21, 0, 0, 9, 20000);
	unsigned before;

	begin(&w);
	w.pcp = true;
	plug(&w);
	run(&w, w.now + S(10));
	w.address[3] = 9;
	w.boot = w.now;
	w.mapped = 0;
	before = w.pcp_seen;
	run(&w, w.now + S(2100));
	CHECK_EQ(w.mapped, 20000);
	check_external(&w, &want);
	/* the epoch fell back: a second request at once */
	CHECK_EQ(w.pcp_seen, before + 2);
}

TEST(mapping_doubt_renews_each_minute_at_most)
{
	struct world w;

	begin(&w);
	w.pcp = true;
	plug(&w);
	run(&w, w.now + S(61));
	for (int i = 0; i < 10; i++) {
		kith_mapping_doubt(&w.m, w.now);
		run(&w, w.now + S(1));
	}
	CHECK_EQ(w.pcp_seen, 2);
}

TEST(mapping_port_taken_and_refused)
{
	struct world w;

	begin(&w);
	w.pcp = true;
	w.taken = 20000;
	plug(&w);
	run(&w, w.now);
	CHECK_EQ(status(&w).external.port, 61000);
	begin(&w);
	w.pcp = w.natpmp = w.refuse = true;
	plug(&w);
	run(&w, w.now + S(5));
	CHECK_EQ(status(&w).state, KITH_MAPPING_FAILED);
	CHECK_EQ(status(&w).outcome[KITH_MAPPING_PCP], KITH_MAPPING_REFUSED);
	CHECK_EQ(status(&w).code[KITH_MAPPING_PCP], 2);
	CHECK_EQ(status(&w).code[KITH_MAPPING_NATPMP], 2);
}

TEST(mapping_moves_with_gateway_and_address)
{
	struct world w;
	static const struct kith_addr none;

	begin(&w);
	w.pcp = true;
	plug(&w);
	run(&w, w.now + S(1));
	plug(&w); /* nothing changed */
	run(&w, w.now + S(1));
	CHECK_EQ(w.pcp_seen, 1);
	w.local.ip[15] = 77;
	plug(&w);
	CHECK_EQ(status(&w).state, KITH_MAPPING_TRYING);
	run(&w, w.now + S(1));
	CHECK_EQ(w.pcp_seen, 2);
	w.gateway.ip[15] = 254;
	plug(&w);
	run(&w, w.now + S(1));
	CHECK_EQ(w.pcp_seen, 3);
	CHECK_EQ(status(&w).state, KITH_MAPPING_HELD);
	w.gateway = none;
	plug(&w);
	CHECK_EQ(status(&w).state, KITH_MAPPING_NONE);
	CHECK(kith_mapping_deadline(&w.m) == KITH_NEVER);
}

TEST(mapping_removed_at_the_end)
{
	struct world w;
	kith_time began;

	for (int natpmp = 0; natpmp < 2; natpmp++) {
		begin(&w);
		w.pcp = natpmp == 0;
		w.natpmp = natpmp == 1;
		plug(&w);
		run(&w, w.now + S(1));
		CHECK_EQ(w.mapped, 20000);
		CHECK(!kith_mapping_stop(&w.m, w.now));
		serve(&w);
		CHECK_EQ(w.mapped, 0);
		CHECK(kith_mapping_stop(&w.m, w.now));
		/* a router that is silent then holds nobody up */
		begin(&w);
		w.pcp = w.natpmp = true;
		plug(&w);
		run(&w, w.now + S(1));
		w.deaf = true;
		began = w.now;
		while (!kith_mapping_stop(&w.m, w.now)) {
			serve(&w);
			w.now = kith_mapping_deadline(&w.m);
		}
		CHECK(w.now - began <= MS(1000));
	}
}

TEST(mapping_not_needed_or_switched_off)
{
	struct kith_mapping_config off = {.lease_s = 3600};
	struct world w;

	begin(&w);
	w.local = kith_addr_v4(21, 0, 0, 5, 20000);
	plug(&w);
	run(&w, w.now + S(10));
	CHECK_EQ(status(&w).state, KITH_MAPPING_NOT_NEEDED);
	begin(&w);
	kith_mapping_init(&w.m, &off, &w.rng);
	kith_mapping_helper(&w.m, true, w.now);
	plug(&w);
	run(&w, w.now + S(10));
	CHECK_EQ(status(&w).state, KITH_MAPPING_NONE);
	CHECK_EQ(w.m.sent, 0);
}

/* Only the gateway's port 5351 is listened to, and only with our nonce. */
TEST(mapping_strangers_and_replays)
{
	struct kith_dgram_in in = {.len = 60};
	struct world w;

	begin(&w);
	w.pcp = true;
	plug(&w);
	run(&w, w.now + S(1));
	in.data = w.answer;
	in.remote = w.gateway;
	in.remote.port = 5352;
	CHECK(!kith_mapping_input(&w.m, &in, w.now));
	in.remote.port = 5351;
	in.remote.ip[15] = 66;
	CHECK(!kith_mapping_input(&w.m, &in, w.now));
	in.remote.ip[15] = 1;
	w.answer[57] = 99; /* a replay that names another address */
	CHECK(kith_mapping_input(&w.m, &in, w.now));
	CHECK_EQ(status(&w).external.ip[13], 0);
	CHECK_EQ(w.m.dropped, 1);
	w.deaf = true;
	kith_mapping_again(&w.m, w.now);
	run(&w, w.now + MS(1));
	w.answer[24] ^= 1; /* another nonce */
	CHECK(kith_mapping_input(&w.m, &in, w.now));
	CHECK_EQ(w.m.dropped, 2);
	w.answer[24] ^= 1;
	w.answer[56] = 127; /* an address that cannot be */
	CHECK(kith_mapping_input(&w.m, &in, w.now));
	CHECK(status(&w).state != KITH_MAPPING_HELD);
}

TEST(mapping_pinhole_for_ipv6)
{
	static const uint8_t ula[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 2};
	static const uint8_t router[16] = {0xfe, 0x80, [15] = 1};
	struct kith_mapping_status s;
	struct world w;

	begin(&w);
	w.pcp = true;
	memcpy(w.local.ip, ula, 16);
	memcpy(w.gateway.ip, router, 16);
	kith_mapping_gateway(&w.m, KITH_MAPPING_IP6, &w.gateway, &w.local, w.now);
	w.deaf = true;
	run(&w, w.now + MS(100));
	CHECK_EQ(w.m.sent, 1);
	run(&w, w.now + S(5));
	/* PCP alone: NAT-PMP and UPnP know no IPv6 */
	CHECK_EQ(w.m.sent, 4);
	kith_mapping_status(&w.m, KITH_MAPPING_IP6, &s);
	CHECK_EQ(s.state, KITH_MAPPING_FAILED);
	CHECK_EQ(s.outcome[KITH_MAPPING_NATPMP], KITH_MAPPING_SWITCHED_OFF);
}
