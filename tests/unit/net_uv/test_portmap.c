/* SPDX-License-Identifier: ISC */
/* The channel to kith-portmap: one answer per job, and nonsense or a flood ends it for good. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/portmap.h"
#include "tests/test.h"
#include "tests/unit/net_uv/toy.h"

static struct {
	struct toy t;
	uv_loop_t loop;
	int far;
	unsigned answers, gone;
	struct kith_portmap_reply last;
} w;

static void portmapped(void *ctx, const struct kith_portmap_reply *r)
{
	(void)ctx;
	if (r == NULL) {
		w.gone++;
		return;
	}
	w.answers++;
	w.last = *r;
}

static void begin(unsigned late)
{
	struct kith_driver_config cfg = {.loop = &w.loop,
					 .engine = toy_engine(&w.t),
					 .bind4 = kith_addr_v4(127, 0, 0, 1, 0),
					 .gateways = true,
					 .portmapped = portmapped};
	int pair[2];

	CHECK_EQ(uv_loop_init(&w.loop), 0);
	w.t.loop = &w.loop;
	w.t.next = KITH_NEVER;
	CHECK_OK(kith_driver_new(&cfg, &w.t.driver));
	CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	CHECK(kith_driver_portmap_open(w.t.driver, pair[0], late));
	w.far = pair[1];
}

static void ask(uint32_t seq)
{
	struct kith_portmap_ask a = {.verb = KITH_PORTMAP_ADD,
				     .seq = seq,
				     .internal = 1,
				     .external = 1,
				     .gateway = kith_addr_v4(10, 0, 0, 1, 1),
				     .local = kith_addr_v4(10, 0, 0, 2, 1)};
	uint8_t in[128];

	CHECK(kith_driver_portmap(w.t.driver, &a));
	CHECK_EQ(recv(w.far, in, sizeof(in), 0), KITH_PORTMAP_BYTES);
	CHECK_OK(kith_portmap_ask_decode(&a, in, KITH_PORTMAP_BYTES));
	CHECK_EQ(a.seq, seq);
}

static void reply(uint32_t seq)
{
	struct kith_portmap_reply r = {.seq = seq, .external = kith_addr_v4(21, 0, 0, 1, 7)};
	uint8_t out[KITH_PORTMAP_BYTES];

	kith_portmap_reply_encode(out, &r);
	CHECK_EQ(send(w.far, out, sizeof(out), MSG_NOSIGNAL), KITH_PORTMAP_BYTES);
}

static void run(void)
{
	for (int i = 0; i < 20; i++)
		(void)uv_run(&w.loop, UV_RUN_NOWAIT);
}

static void end(void)
{
	toy_close(&w.t);
	CHECK_EQ(uv_loop_close(&w.loop), 0);
	(void)close(w.far);
}

TEST(portmap_answers_come)
{
	begin(0);
	ask(1);
	reply(1);
	run();
	CHECK_EQ(w.answers, 1);
	CHECK_EQ(w.last.external.port, 7);
	ask(2);
	ask(3);
	reply(2); /* a late one is passed on; the engine knows what it waits for */
	reply(3);
	run();
	CHECK_EQ(w.answers, 3);
	CHECK_EQ(w.gone, 0);
	/* bound to loopback: there is no gateway, and nothing is told */
	CHECK_EQ(w.t.gateways, 0);
	end();
}

TEST(portmap_unasked_answer_ends_it)
{
	struct kith_portmap_ask a = {.verb = KITH_PORTMAP_ADD};

	begin(0);
	reply(1);
	run();
	CHECK_EQ(w.gone, 1);
	CHECK(!kith_driver_portmap(w.t.driver, &a));
	end();
}

TEST(portmap_flood_is_not_read)
{
	uint8_t noise[60000];
	unsigned sent = 0;

	memset(noise, 7, sizeof(noise));
	begin(0);
	ask(1);
	while (send(w.far, noise, sizeof(noise), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		sent++;
	CHECK(sent > 0);
	run();
	CHECK_EQ(w.gone, 1);
	CHECK_EQ(w.answers, 0);
	CHECK(send(w.far, noise, sizeof(noise), MSG_DONTWAIT | MSG_NOSIGNAL) < 0);
	end();
}

TEST(portmap_end_is_noticed)
{
	begin(0);
	ask(1);
	(void)close(w.far);
	w.far = -1;
	run();
	CHECK_EQ(w.gone, 1);
	end();
}

/* A driver before this one gave a job: its answer is swallowed, once. */
TEST(portmap_late_answers_are_not_ours)
{
	begin(1);
	ask(100);
	reply(7);
	reply(100);
	run();
	CHECK_EQ(w.answers, 1);
	CHECK_EQ(w.last.seq, 100);
	CHECK_EQ(w.gone, 0);
	reply(7);
	run();
	CHECK_EQ(w.gone, 1);
	end();
}
