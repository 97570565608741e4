/* SPDX-License-Identifier: ISC */
/* The driver's turn on loopback: datagrams, addresses, timers, refusals. */
#include <string.h>

#include "tests/test.h"
#include "tests/unit/net_uv/toy.h"

#define MANY 100000u

static struct toy a, b;

static bool all_back(struct toy *t)
{
	return t->received == t->to_send;
}

static void pair(uv_loop_t *loop, struct kith_addr at)
{
	CHECK_EQ(uv_loop_init(loop), 0);
	b.echo = true;
	toy_open(&a, loop, at);
	toy_open(&b, loop, at);
	a.peer = kith_addr_v4(127, 0, 0, 1, toy_port(&b));
	CHECK(a.peer.port != 0 && a.peer.port != toy_port(&a));
	a.finished = all_back;
}

static void pair_end(uv_loop_t *loop)
{
	toy_close(&a);
	toy_close(&b);
	CHECK_EQ(uv_loop_close(loop), 0);
	CHECK_EQ(a.wrong + b.wrong, 0);
	CHECK_EQ(a.backwards + b.backwards, 0);
}

TEST(hundred_thousand_datagrams_come_back)
{
	uv_loop_t loop;

	pair(&loop, kith_addr_v4(127, 0, 0, 1, 0));
	a.to_send = MANY;
	a.window = 48;
	a.size = 1200;
	a.short_every = 7;
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_EQ(b.received, MANY);
	CHECK_EQ(a.received, MANY);
	CHECK_EQ(b.shorts, MANY / 7);
	CHECK_EQ(a.bytes, (MANY - MANY / 7) * 1200u + MANY / 7);
	CHECK_EQ(a.bytes, b.bytes);
	pair_end(&loop);
}

/* Runs of equal datagrams leave joined and arrive apart, the short last one too. */
TEST(runs_are_cut_apart)
{
	uv_loop_t loop;

	pair(&loop, kith_addr_v4(127, 0, 0, 1, 0));
	a.to_send = 150;
	a.window = 50;
	a.size = 1452;
	a.short_every = 10;
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_EQ(b.received, 150);
	CHECK_EQ(b.shorts, 15);
	CHECK_EQ(b.bytes, 135u * 1452u + 15u);
	pair_end(&loop);
}

/* A wildcard socket says which address was asked, and answers leave from it. */
TEST(answers_leave_from_the_address_asked)
{
	uv_loop_t loop;

	pair(&loop, kith_addr_v4(0, 0, 0, 0, 0));
	a.peer = kith_addr_v4(127, 0, 0, 9, toy_port(&b));
	a.local = kith_addr_v4(127, 0, 0, 5, toy_port(&a));
	a.to_send = 3;
	a.size = 40;
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	CHECK(kith_addr_equal(&b.last_local, &a.peer));
	CHECK(kith_addr_equal(&b.last_remote, &a.local));
	CHECK(kith_addr_equal(&a.last_remote, &a.peer));
	CHECK(kith_addr_equal(&a.last_local, &a.local));
	pair_end(&loop);
}

/* An address that is not ours any more must not silence the node. */
TEST(a_lost_source_address_is_replaced)
{
	uv_loop_t loop;

	pair(&loop, kith_addr_v4(0, 0, 0, 0, 0));
	a.local = kith_addr_v4(192, 0, 2, 77, toy_port(&a));
	a.to_send = 40;
	a.size = 100;
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_EQ(b.received, 40);
	pair_end(&loop);
}

static bool was_refused(struct toy *t)
{
	return t->refused > 0;
}

TEST(a_refused_destination_is_told)
{
	uv_loop_t loop;
	struct kith_addr six;

	CHECK_OK(kith_addr_parse(&six, "[2001:db8::1]:4000"));
	CHECK_EQ(uv_loop_init(&loop), 0);
	toy_open(&a, &loop, kith_addr_v4(127, 0, 0, 1, 0));
	a.peer = six; /* no socket of that family is open */
	a.to_send = 1;
	a.size = 64;
	a.finished = was_refused;
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	CHECK(kith_addr_equal(&a.refused_last, &six));
	toy_close(&a);
	CHECK_EQ(uv_loop_close(&loop), 0);
}

static bool ticked(struct toy *t)
{
	return t->ticks == t->ticks_wanted;
}

TEST(deadlines_are_met_once_and_never_early)
{
	uv_loop_t loop;

	CHECK_EQ(uv_loop_init(&loop), 0);
	a.ticks_wanted = 300;
	a.step = 1000;
	a.finished = ticked;
	toy_open(&a, &loop, kith_addr_v4(127, 0, 0, 1, 0));
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_EQ(a.ticks, 300);
	CHECK_EQ(a.early, 0);
	CHECK_EQ(a.backwards, 0);
	CHECK(a.turns <= 310);
	toy_close(&a);
	CHECK_EQ(uv_loop_close(&loop), 0);
}

/* Two deadlines half a second apart and nothing else: the driver adds no turn of its own. */
TEST(an_idle_driver_sleeps)
{
	uv_loop_t loop;

	CHECK_EQ(uv_loop_init(&loop), 0);
	a.ticks_wanted = 2;
	a.step = 500000;
	a.finished = ticked;
	toy_open(&a, &loop, kith_addr_v4(127, 0, 0, 1, 0));
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_EQ(a.ticks, 2);
	CHECK(a.turns <= 3);
	toy_close(&a);
	CHECK_EQ(uv_loop_close(&loop), 0);
}

static bool owner_waits(struct toy *t)
{
	if (t->turns == 1) {
		kith_driver_deadline(t->driver, t->last_now + 20000);
		t->next = KITH_NEVER;
		return false;
	}
	return t->last_now >= t->last_owner;
}

/* The owner's deadline alone wakes the driver, once. */
TEST(the_owner_has_a_deadline_too)
{
	uv_loop_t loop;

	CHECK_EQ(uv_loop_init(&loop), 0);
	a.finished = owner_waits;
	toy_open(&a, &loop, kith_addr_v4(127, 0, 0, 1, 0));
	a.last_owner = kith_driver_now(a.driver) + 20000;
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_EQ(a.turns, 2);
	CHECK_EQ(a.ticks, 0);
	toy_close(&a);
	CHECK_EQ(uv_loop_close(&loop), 0);
}

static bool told(struct toy *t)
{
	return t->walls > 0 && t->locals > 0;
}

TEST(start_tells_wall_clock_and_own_address)
{
	uv_loop_t loop;
	struct kith_addr own;

	CHECK_EQ(uv_loop_init(&loop), 0);
	a.finished = told;
	toy_open(&a, &loop, kith_addr_v4(127, 0, 0, 1, 0));
	own = kith_addr_v4(127, 0, 0, 1, toy_port(&a));
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_EQ(a.walls, 1);
	CHECK_EQ(a.locals, 1);
	CHECK_EQ(a.resumes, 0);
	CHECK_EQ(a.local_count, 1);
	CHECK(kith_addr_equal(&a.local_first, &own));
	toy_close(&a);
	CHECK_EQ(uv_loop_close(&loop), 0);
}

TEST(wildcard_tells_interface_addresses)
{
	uv_loop_t loop;
	struct kith_addr none = kith_addr_v4(0, 0, 0, 0, 0);

	CHECK_EQ(uv_loop_init(&loop), 0);
	a.finished = told;
	toy_open(&a, &loop, none);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	CHECK(a.local_count >= 1);
	CHECK_EQ(a.local_first.port, toy_port(&a));
	CHECK(memcmp(a.local_first.ip, none.ip, 16) != 0);
	toy_close(&a);
	CHECK_EQ(uv_loop_close(&loop), 0);
}

TEST(a_used_port_is_told_apart)
{
	uv_loop_t loop;
	struct kith_driver *other = NULL;
	struct kith_driver_config cfg = {.loop = &loop, .engine = toy_engine(&b)};

	CHECK_EQ(uv_loop_init(&loop), 0);
	toy_open(&a, &loop, kith_addr_v4(127, 0, 0, 1, 0));
	cfg.bind4 = kith_addr_v4(127, 0, 0, 1, toy_port(&a));
	CHECK_EQ(kith_driver_new(&cfg, &other), KITH_E_EXISTS);
	cfg.bind4 = kith_addr_v4(192, 0, 2, 77, 4000);
	CHECK_EQ(kith_driver_new(&cfg, &other), KITH_E_IO);
	CHECK(other == NULL);
	toy_close(&a);
	CHECK_EQ(uv_loop_close(&loop), 0);
}
