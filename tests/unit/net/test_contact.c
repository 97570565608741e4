/* SPDX-License-Identifier: ISC */
/* Who gets an answer: strangers, contacts, copies, crossing and late handshakes, cookies, roots. */
#include "tests/unit/net/wire.h"

#include <stdio.h>
#include <string.h>

static struct wire w;

/* Drops the datagrams whose running number (per sender) is a set bit of `mask`. */
struct dropper {
	uint64_t mask[2];
	unsigned seen[2];
};

static bool drop_masked(struct wire *at, unsigned from, struct wire_dgram *d)
{
	struct dropper *x = at->filter_ctx;

	(void)d;
	return (x->mask[from] >> (x->seen[from]++ & 63) & 1) == 0;
}

static void say_hello(uint32_t session)
{
	CHECK_OK(kith_net_send_message(w.net[0], session, KITH_NET_CLASS_MESSAGE,
				       (const uint8_t *)"x", 1, 1, w.now));
}

/* Every pattern of losses among the first 3 datagrams of each side. */
TEST(net_handshake_lost_at_each_packet)
{
	unsigned mask;

	for (mask = 0; mask < 64; mask++) {
		struct dropper x = {.mask = {mask & 7, mask >> 3}};
		struct kith_net_target t;
		uint32_t a;

		/* five copies of msg1: more losses than four are the end */
		if (__builtin_popcount(mask) > 4)
			continue;
		wire_init(&w, 2, 100 + mask);
		if (mask >= 62)
			w.delay_us = 80 * MS;
		wire_befriend(&w, 0, 1);
		w.filter = drop_masked;
		w.filter_ctx = &x;
		t = wire_link_target(&w, 1);
		CHECK_OK(kith_net_connect(w.net[0], &t, &a, w.now));
		wire_run(&w, w.now + 5 * SEC);
		CHECK_EQ(w.events[0][KITH_NET_SESSION_UP], 1);
		say_hello(a);
		wire_run(&w, w.now + 6 * SEC);
		CHECK_EQ(w.events[1][KITH_NET_SESSION_UP], 1);
		CHECK_EQ(w.events[1][KITH_NET_MSG_IN], 1);
		CHECK_EQ(w.events[0][KITH_NET_MSG_ACKED], 1);
		wire_free(&w);
		memset(&w, 0, sizeof(w));
	}
}

TEST(net_handshake_fails_in_silence)
{
	struct kith_net_target t;
	struct dropper x = {.mask = {UINT64_MAX, UINT64_MAX}};
	uint32_t a;

	wire_init(&w, 2, 31);
	wire_befriend(&w, 0, 1);
	w.filter = drop_masked;
	w.filter_ctx = &x;
	t = wire_link_target(&w, 1);
	CHECK_OK(kith_net_connect(w.net[0], &t, &a, w.now));
	wire_run(&w, w.now + 20 * SEC);
	CHECK_EQ(w.events[0][KITH_NET_CONNECT_FAILED], 1);
	CHECK_EQ(w.last[0][KITH_NET_CONNECT_FAILED].session, a);
	CHECK_EQ(w.sent[0], 5);
	CHECK_EQ(kith_net_deadline(w.net[0]), KITH_NEVER);
	wire_free(&w);
}

TEST(net_handshakes_cross)
{
	unsigned round;

	for (round = 0; round < 8; round++) {
		struct kith_net_target t;
		uint32_t a;
		uint32_t b;

		wire_init(&w, 2, 200 + round);
		w.loss_pct = round >= 2 ? 30 : 0;
		w.jitter_us = round >= 2 ? 20 * MS : 0;
		wire_befriend(&w, 0, 1);
		t = wire_link_target(&w, 1);
		CHECK_OK(kith_net_connect(w.net[0], &t, &a, w.now));
		wire_run(&w, w.now + (round % 3) * 5 * MS);
		t = wire_link_target(&w, 0);
		CHECK_OK(kith_net_connect(w.net[1], &t, &b, w.now));
		wire_run(&w, w.now + 12 * SEC);
		CHECK_EQ(w.events[0][KITH_NET_SESSION_UP], 1);
		CHECK_EQ(w.events[1][KITH_NET_SESSION_UP], 1);
		CHECK_EQ(wire_up(&w, 0), a);
		CHECK_EQ(wire_up(&w, 1), b);
		CHECK_EQ(kith_net_session_count(w.net[0]), 1);
		say_hello(a);
		CHECK_OK(kith_net_send_message(w.net[1], b, KITH_NET_CLASS_MESSAGE,
					       (const uint8_t *)"y", 1, 1, w.now));
		wire_run(&w, w.now + 8 * SEC);
		CHECK_EQ(w.events[0][KITH_NET_MSG_IN], 1);
		CHECK_EQ(w.events[1][KITH_NET_MSG_IN], 1);
		CHECK_EQ(w.events[0][KITH_NET_CONNECT_FAILED], 0);
		CHECK_EQ(w.events[0][KITH_NET_PEER_RESTARTED], 0);
		wire_free(&w);
	}
}

/* ---- strangers ---- */

TEST(net_garbage_gets_silence)
{
	uint64_t state = test_seed();
	struct kith_addr from = kith_addr_v4(198, 51, 100, 7, 9);
	uint8_t data[1600];
	size_t len;
	unsigned i;

	wire_init(&w, 2, 32);
	wire_befriend(&w, 0, 1);
	(void)wire_link(&w, 0, 1);
	wire_run(&w, w.now + 1 * SEC);
	w.sent[1] = 0;
	for (len = 0; len < sizeof(data); len++)
		for (i = 0; i < 3; i++) {
			size_t k;

			for (k = 0; k < len; k++)
				data[k] = (uint8_t)test_random(&state);
			CHECK(!wire_give(&w, 1, &from, data, len));
			/* and from where a session lives */
			from = i == 1 ? wire_addr(&w, 0) : from;
		}
	wire_run(&w, w.now + 5 * SEC);
	CHECK_EQ(w.sent[1], 0);
	wire_free(&w);
}

/* Records what leaves. */
struct tape {
	struct wire_dgram d[256];
	unsigned from[256];
	unsigned count;
};
static struct tape tape;

static bool record(struct wire *at, unsigned from, struct wire_dgram *d)
{
	(void)at;
	if (tape.count < 256) {
		tape.d[tape.count] = *d;
		tape.from[tape.count++] = from;
	}
	return true;
}

TEST(net_replays_accepted_zero)
{
	uint64_t in;
	unsigned i;
	unsigned k;
	uint32_t a;

	memset(&tape, 0, sizeof(tape));
	wire_init(&w, 2, 33);
	wire_befriend(&w, 0, 1);
	w.filter = record;
	a = wire_link(&w, 0, 1);
	for (i = 0; i < 20; i++) {
		say_hello(a);
		wire_run(&w, w.now + 30 * MS);
	}
	wire_run(&w, w.now + 15 * SEC);
	w.filter = NULL;
	CHECK(tape.count > 20);
	in = kith_net_counters(w.net[1])->messages_in;
	w.sent[0] = w.sent[1] = 0;
	for (k = 0; k < 20; k++)
		for (i = 0; i < tape.count; i++) {
			(void)wire_give(&w, 1, &tape.d[i].from, tape.d[i].data, tape.d[i].len);
			(void)wire_give(&w, 0, &tape.d[i].from, tape.d[i].data, tape.d[i].len);
		}
	wire_run(&w, w.now + 1 * SEC);
	CHECK_EQ(kith_net_counters(w.net[1])->messages_in, in);
	CHECK_EQ(kith_net_session_count(w.net[1]), 1);
	/* the old msg1 may be answered by cookies, data by nothing */
	CHECK(w.sent[1] <= 20);
	CHECK_EQ(w.sent[0], 0);
	wire_free(&w);
}

/* Flipped bits of what really went over the wire: never an answer, never an event. */
TEST(net_flips_get_silence)
{
	unsigned i;
	uint32_t a;

	memset(&tape, 0, sizeof(tape));
	wire_init(&w, 2, 34);
	wire_befriend(&w, 0, 1);
	w.filter = record;
	a = wire_link(&w, 0, 1);
	say_hello(a);
	wire_run(&w, w.now + 1 * SEC);
	w.filter = NULL;
	kith_net_drop_sessions(w.net[0], w.now);
	kith_net_drop_sessions(w.net[1], w.now);
	wire_boot(&w, 1);
	wire_befriend(&w, 0, 1);
	wire_drain(&w);
	w.sent[0] = w.sent[1] = 0;
	for (i = 0; i < tape.count; i++) {
		struct wire_dgram *d = &tape.d[i];
		unsigned to = 1 - tape.from[i];
		size_t bit;

		for (bit = 0; bit < d->len * 8; bit += 3) {
			d->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
			CHECK(!wire_give(&w, to, &d->from, d->data, d->len));
			d->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
	wire_run(&w, w.now + 1 * SEC);
	CHECK_EQ(w.sent[0] + w.sent[1], 0);
	wire_free(&w);
}

/* A holder of P and of the LK secret but of no root: no answer, and no timestamp is stored. */
TEST(net_wrong_hint_silent)
{
	struct kith_net_link_peer p, before, after;
	struct kith_net_target t;
	uint32_t a;

	wire_init(&w, 2, 35);
	wire_befriend(&w, 0, 1);
	p = wire_peer(&w, 0, 1);
	p.root[0].l[7] ^= 1;
	CHECK_OK(kith_net_link_peer_set(w.net[0], &p));
	CHECK_OK(kith_net_link_peer_get(w.net[1], 1, &before));
	t = wire_link_target(&w, 1);
	CHECK_OK(kith_net_connect(w.net[0], &t, &a, w.now));
	wire_run(&w, w.now + 10 * SEC);
	CHECK_EQ(w.sent[1], 0);
	CHECK_EQ(w.events[0][KITH_NET_CONNECT_FAILED], 1);
	CHECK_EQ(kith_net_counters(w.net[1])->drop_hint, 5);
	CHECK_OK(kith_net_link_peer_get(w.net[1], 1, &after));
	CHECK_MEM(before.last_in, after.last_in, 12);
	CHECK_EQ(w.events[1][KITH_NET_LINK_STATE], 0);
	wire_free(&w);
}

TEST(net_unknown_contact_silent)
{
	struct kith_net_link_peer p;
	struct kith_net_target t;
	uint32_t a;

	wire_init(&w, 2, 36);
	p = wire_peer(&w, 0, 1);
	CHECK_OK(kith_net_link_peer_set(w.net[0], &p));
	t = wire_link_target(&w, 1);
	CHECK_OK(kith_net_connect(w.net[0], &t, &a, w.now));
	wire_run(&w, w.now + 10 * SEC);
	CHECK_EQ(w.sent[1], 0);
	wire_free(&w);
}

/* ---- timestamps, days, roots ---- */

/* The initiator's memory of its last timestamp is gone and its clock went back: a cookie helps. */
TEST(net_clock_back_recovers_by_cookie)
{
	struct kith_net_link_peer p;
	struct kith_net_target t;
	uint32_t a;

	wire_init(&w, 2, 37);
	wire_befriend(&w, 0, 1);
	(void)wire_link(&w, 0, 1);
	wire_run(&w, w.now + 30 * SEC);
	wire_boot(&w, 0);
	w.events[0][KITH_NET_SESSION_UP] = 0;
	kith_net_set_wall(w.net[0], WIRE_WALL_MS - 60000, w.now);
	p = wire_peer(&w, 0, 1);
	CHECK_OK(kith_net_link_peer_set(w.net[0], &p));
	t = wire_link_target(&w, 1);
	CHECK_OK(kith_net_connect(w.net[0], &t, &a, w.now));
	wire_run(&w, w.now + 1 * SEC);
	CHECK_EQ(w.events[0][KITH_NET_SESSION_UP], 1);
	CHECK_EQ(kith_net_counters(w.net[1])->cookies_sent, 1);
	CHECK_EQ(w.events[1][KITH_NET_PEER_RESTARTED], 1);
	wire_free(&w);
}

/* Both clocks ten years back, then right again: no chain is lost, links come up both times. */
TEST(net_clock_ten_years)
{
	const uint64_t years = UINT64_C(3652) * 86400000u;
	struct kith_net_link_peer p;
	uint64_t wall[3] = {WIRE_WALL_MS, WIRE_WALL_MS - years, WIRE_WALL_MS + 86400000u * 5};
	unsigned i;

	wire_init(&w, 2, 38);
	wire_befriend(&w, 0, 1);
	for (i = 0; i < 3; i++) {
		kith_net_set_wall(w.net[0], wall[i], w.now);
		kith_net_set_wall(w.net[1], wall[i], w.now);
		(void)wire_link(&w, 0, 1);
		wire_run(&w, w.now + 1 * SEC);
		CHECK_OK(kith_net_link_peer_get(w.net[1], 1, &p));
		CHECK_EQ(p.root[0].day, i == 2 ? 20775 + 5 : 20775);
		kith_net_drop_sessions(w.net[0], w.now);
		kith_net_drop_sessions(w.net[1], w.now);
		wire_run(&w, w.now + 20 * SEC);
	}
	wire_free(&w);
}

/* A clock that is off by years meets a right one: silence, and the chain stays. */
TEST(net_clock_wrong_burns_nothing)
{
	struct kith_net_link_peer p;
	struct kith_net_target t;
	uint32_t a;

	wire_init(&w, 2, 39);
	wire_befriend(&w, 0, 1);
	kith_net_set_wall(w.net[0], WIRE_WALL_MS + UINT64_C(3652) * 86400000u, w.now);
	t = wire_link_target(&w, 1);
	CHECK_OK(kith_net_connect(w.net[0], &t, &a, w.now));
	wire_run(&w, w.now + 10 * SEC);
	CHECK_EQ(w.sent[1], 0);
	CHECK_OK(kith_net_link_peer_get(w.net[0], 2, &p));
	CHECK_EQ(p.root[0].day, 20775);
	kith_net_set_wall(w.net[0], WIRE_WALL_MS, w.now);
	(void)wire_link(&w, 0, 1);
	wire_free(&w);
}

TEST(net_day_edges)
{
	/* initiator's clock: 20 minutes before midnight; responder's after it; and the reverse */
	uint64_t midnight = (UINT64_C(20776)) * 86400000u;
	unsigned i;

	for (i = 0; i < 2; i++) {
		wire_init(&w, 2, 40 + i * 50);
		wire_befriend(&w, 0, 1);
		kith_net_set_wall(w.net[i], midnight - 1200000, w.now);
		kith_net_set_wall(w.net[1 - i], midnight + 1200000, w.now);
		(void)wire_link(&w, 0, 1);
		wire_free(&w);
	}
}

static void give_root(unsigned at, unsigned of, bool known)
{
	struct kith_net_link_peer p;

	CHECK_OK(kith_net_link_peer_get(w.net[at], of + 1, &p));
	p.root[1] = p.root[0];
	memset(p.root[0].l, 0x77, 32);
	p.root_count = 2;
	p.newest_known = known;
	CHECK_OK(kith_net_link_peer_set(w.net[at], &p));
}

static void check_roots(unsigned at, unsigned of, unsigned count, bool newest)
{
	struct kith_net_link_peer p;

	CHECK_OK(kith_net_link_peer_get(w.net[at], of + 1, &p));
	CHECK_EQ(p.root_count, count);
	CHECK_EQ(p.root[0].l[0] == 0x77, newest);
}

static void drop_links(void)
{
	kith_net_drop_sessions(w.net[0], w.now);
	kith_net_drop_sessions(w.net[1], w.now);
	wire_run(&w, w.now + 12 * SEC);
}

/* The DH of both link keys is kept with the contact, and ends with either key. */
TEST(net_shared_of_a_contact)
{
	struct kith_net_link_peer v;
	struct link_peer *l;
	uint8_t want[32], secret[32], lk[32];

	wire_init(&w, 2, 17);
	wire_befriend(&w, 0, 1);
	l = w.net[1]->links[0];
	CHECK(!l->has_shared);
	(void)wire_link(&w, 0, 1);
	CHECK(l->has_shared);
	CHECK_OK(kith_dh(want, w.net[1]->cfg.link_secret, w.net[0]->lk));
	CHECK_MEM(l->shared, want, 32);
	memcpy(secret, w.net[1]->cfg.link_secret, 32);
	kith_net_set_link(w.net[1], secret, w.net[1]->cfg.device);
	CHECK(!l->has_shared && kith_is_zero(l->shared, 32));
	drop_links();
	(void)wire_link(&w, 0, 1); /* made anew */
	CHECK(l->has_shared);
	CHECK_OK(kith_net_link_peer_get(w.net[1], l->v.peer, &v));
	secret[5] ^= 1;
	kith_dh_public(lk, secret);
	memcpy(v.lk, lk, 32);
	CHECK_OK(kith_net_link_peer_set(w.net[1], &v));
	CHECK(!l->has_shared && kith_is_zero(l->shared, 32));
	wire_free(&w);
}

/* 0 made a new root, 1 has it or not; either side opens the link. It comes up in all four cases,
 * and the old root goes when the one who knows that both have the new one opens it. */
TEST(net_two_roots)
{
	unsigned has;
	unsigned opens;

	for (has = 0; has < 2; has++)
		for (opens = 0; opens < 2; opens++) {
			wire_init(&w, 2, 41 + has * 2 + opens);
			wire_befriend(&w, 0, 1);
			give_root(0, 1, false);
			if (has == 1)
				give_root(1, 0, true);
			(void)wire_link(&w, opens, 1 - opens);
			wire_run(&w, w.now + 1 * SEC);
			if (has == 1 && opens == 1) {
				check_roots(0, 1, 1, true);
				check_roots(1, 0, 1, true);
				CHECK(w.events[0][KITH_NET_LINK_STATE] > 0);
			} else {
				check_roots(0, 1, 2, true);
				check_roots(1, 0, 1 + has, has == 1);
			}
			drop_links();
			if (has == 0)
				give_root(1, 0, true); /* it comes late */
			(void)wire_link(&w, 1, 0);
			wire_run(&w, w.now + 1 * SEC);
			check_roots(0, 1, 1, true);
			check_roots(1, 0, 1, true);
			drop_links();
			(void)wire_link(&w, 0, 1);
			wire_free(&w);
			memset(&w, 0, sizeof(w));
		}
}

/* One side has ended the old root already, the other still has both and may not know it. */
TEST(net_two_roots_half_done)
{
	struct kith_net_link_peer p;
	unsigned opens;
	unsigned done;

	for (opens = 0; opens < 2; opens++)
		for (done = 0; done < 2; done++) {
			wire_init(&w, 2, 51 + opens * 2 + done);
			wire_befriend(&w, 0, 1);
			/* who has both learned it by the hint of the other one */
			give_root(1 - done, done, true);
			CHECK_OK(kith_net_link_peer_get(w.net[done], 2 - done, &p));
			memset(p.root[0].l, 0x77, 32);
			CHECK_OK(kith_net_link_peer_set(w.net[done], &p));
			(void)wire_link(&w, opens, 1 - opens);
			wire_run(&w, w.now + 1 * SEC);
			check_roots(0, 1, 1, true);
			check_roots(1, 0, 1, true);
			wire_free(&w);
			memset(&w, 0, sizeof(w));
		}
}

static bool drop_answers(struct wire *at, unsigned from, struct wire_dgram *d)
{
	(void)at;
	(void)d;
	return from == 0;
}

/* Handshakes that are never finished leave one half-open session of a device, the newest. */
TEST(net_one_half_open_per_device)
{
	struct kith_net_target t;
	unsigned open = 0;
	unsigned i;
	uint64_t k;

	wire_init(&w, 2, 61);
	wire_befriend(&w, 0, 1);
	w.filter = drop_answers;
	for (i = 0; i < 3; i++) {
		uint32_t a;

		t = wire_link_target(&w, 1);
		CHECK_OK(kith_net_connect(w.net[0], &t, &a, w.now));
		wire_run(&w, w.now + 1 * SEC);
		kith_net_drop_sessions(w.net[0], w.now);
	}
	CHECK_EQ(w.net[1]->half_next - w.net[1]->half_first, 3);
	for (k = w.net[1]->half_first; k != w.net[1]->half_next; k++)
		open += w.net[1]->half[k % KITH_NET_HALFOPEN_MAX]->spent ? 0 : 1;
	CHECK_EQ(open, 1);
	CHECK(!w.net[1]->half[(k - 1) % KITH_NET_HALFOPEN_MAX]->spent);
	wire_free(&w);
}

/* ---- load ---- */

/* Bytes out to an address that has proved nothing are never more than its bytes in. */
TEST(net_flood_gets_cookies_not_more)
{
	struct kith_noncer noncer;
	struct kith_rng rng = test_rng(5);
	uint64_t in = 0;
	uint64_t out = 0;
	uint64_t before;
	uint8_t k[32], ml[32];
	unsigned i;

	wire_init(&w, 1, 42);
	kith_noncer_init(&noncer, &rng);
	kith_dh_public(ml, w.cfg[0].node_secret);
	kith__net_obf_service(k, ml, 5);
	for (i = 0; i < 1500; i++) {
		struct kith_addr from = kith_addr_v4(20, (uint8_t)(i >> 8), (uint8_t)i, 1, 77);
		uint8_t e[32], s[32], dgram[NET_MSG1_MAX], prologue[NET_PROLOGUE_SERVICE];
		struct payload1 pl = {.caps = 0};
		struct kith_dgram_out o;
		struct kith_noise st;
		struct outer1 m;
		size_t len;

		kith_rng_fill(&rng, e, 32);
		kith_rng_fill(&rng, s, 32);
		kith__net_prologue_service(prologue, ml);
		kith__net_noise_start(&st, prologue, sizeof(prologue), ml);
		CHECK_OK(kith__net_create1(&st, m.noise1, e, s, ml, &pl));
		m.idx_i = i;
		memset(m.mac2, 0, sizeof(m.mac2));
		len = kith__net_wrap1(dgram, k, &noncer, &m, 24 + i % 128);
		in += len;
		CHECK(wire_give(&w, 0, &from, dgram, len));
		while (kith_net_output(w.net[0], &o, w.now)) {
			CHECK(o.len <= len);
			CHECK(kith_addr_equal(&o.remote, &from));
			out += o.len;
		}
	}
	CHECK(out <= in);
	before = kith_net_counters(w.net[0])->handshakes_in;
	CHECK(before >= 200 && before <= 201);
	CHECK_EQ(kith_net_counters(w.net[0])->cookies_sent, 1500 - before);
	CHECK_EQ(kith_net_session_count(w.net[0]), 0);
	/* half-open ones vanish */
	w.now += 11 * SEC;
	kith_net_tick(w.net[0], w.now);
	CHECK_EQ(w.net[0]->half_first, w.net[0]->half_next);
	wire_free(&w);
}

/* With the demand for cookies on, a real initiator still comes in (1 RTT more). */
TEST(net_cookie_round)
{
	wire_init(&w, 2, 43);
	wire_befriend(&w, 0, 1);
	w.net[1]->rate_from = w.now;
	w.net[1]->rate_now = 1000;
	(void)wire_link(&w, 0, 1);
	CHECK_EQ(kith_net_counters(w.net[1])->cookies_sent, 1);
	CHECK_EQ(w.sent[0] >= 3, true);
	wire_free(&w);
}

TEST(net_group_bucket)
{
	struct kith_addr a = kith_addr_v4(20, 1, 1, 1, 5);
	struct kith_addr b = kith_addr_v4(20, 1, 2, 1, 5);
	struct kith_addr c = kith_addr_v4(20, 1, 3, 1, 5);
	unsigned i;
	unsigned passed = 0;

	wire_init(&w, 1, 44);
	for (i = 0; i < 300; i++) /* a mailbox: every PUT has a link of its own */
		passed += kith__net_limiter_take(w.net[0], &c, w.now);
	CHECK_EQ(passed, 200);
	w.net[0]->cfg.serve = false;
	for (i = 0, passed = 0; i < 50; i++)
		passed += kith__net_limiter_take(w.net[0], &a, w.now);
	CHECK_EQ(passed, 20);
	CHECK(kith__net_limiter_take(w.net[0], &b, w.now));
	CHECK(!kith__net_limiter_take(w.net[0], &a, w.now + 99 * MS));
	CHECK(kith__net_limiter_take(w.net[0], &a, w.now + 101 * MS));
	wire_free(&w);
}

TEST(net_several_addresses)
{
	struct kith_net_target t;
	uint32_t a;

	wire_init(&w, 2, 45);
	wire_befriend(&w, 0, 1);
	t = wire_link_target(&w, 1);
	t.addr[2] = t.addr[0];
	t.addr[0] = kith_addr_v4(10, 9, 9, 9, 1);
	t.addr[1] = kith_addr_v4(0, 0, 0, 0, 1); /* unusable: not tried */
	t.addr_count = 3;
	CHECK_OK(kith_net_connect(w.net[0], &t, &a, w.now));
	wire_run(&w, w.now + 200 * MS);
	CHECK_EQ(w.events[0][KITH_NET_SESSION_UP], 1);
	t.addr_count = 0;
	t.kind = KITH_NET_SERVICE;
	CHECK_EQ(kith_net_connect(w.net[0], &t, &a, w.now), KITH_E_MALFORMED);
	t.kind = KITH_NET_LINK;
	t.peer = 99;
	CHECK_EQ(kith_net_connect(w.net[0], &t, &a, w.now), KITH_E_NOTFOUND);
	wire_free(&w);
}
