/* SPDX-License-Identifier: ISC */
/*
 * Group net: two bare engines of net/, no store, on two UDP sockets of loopback in one thread of
 * one process. One 100-byte message in flight for the times, a full window for the rate. ack is the
 * transport's: in the peer's memory.
 */
#include <string.h>
#include <uv.h>

#include "base/crypto.h"
#include "net/net.h"
#include "net/uv/driver.h"
#include "tests/bench/kith_bench.h"

enum {
	SIZE = 100,
	TIMES = 2000,
	QUICK_TIMES = 100,
	RATE = 200000,
	QUICK_RATE = 5000,
	WARM = 50,
	LIMIT_MS = 60000
};

enum phase { CONNECT, PING, FLOOD, DONE };

struct end {
	struct kith_net *net;
	struct kith_driver *driver;
	uint32_t session;
};

static struct {
	uv_loop_t loop;
	uv_timer_t limit;
	struct kith_rng rng;
	struct end a, b;
	enum phase phase;
	size_t times, rate, sent, got;
	uint64_t sum; /* of the numbers that arrived: each exactly once */
	double start, flood;
	bool echoed, acked, failed;
	double oneway[TIMES], echo[TIMES], ack[TIMES];
} w;

static bool send_one(struct end *e)
{
	uint8_t data[SIZE] = {0};

	memcpy(data, &w.sent, sizeof(w.sent));
	return kith_net_send_message(e->net, e->session, KITH_NET_CLASS_MESSAGE, data, SIZE, 1,
				     kith_driver_now(e->driver)) == KITH_OK;
}

static void ping(void)
{
	w.echoed = w.acked = false;
	w.start = bench_us();
	w.failed |= !send_one(&w.a);
	kith_driver_kick(w.a.driver);
}

static void flood(void)
{
	while (w.sent < w.rate && send_one(&w.a))
		w.sent++;
	kith_driver_kick(w.a.driver);
}

static size_t sample(void)
{
	return w.sent >= WARM ? w.sent - WARM : 0;
}

static void pinged(void)
{
	if (!w.echoed || !w.acked)
		return;
	if (++w.sent < w.times + WARM) {
		ping();
		return;
	}
	w.phase = FLOOD;
	w.sent = w.got = 0;
	w.flood = bench_us();
	flood();
}

static void at_a(const struct kith_net_event *ev)
{
	double ms = (bench_us() - w.start) / 1e3;

	if (ev->kind == KITH_NET_SESSION_UP && w.phase == CONNECT) {
		w.a.session = ev->session;
		w.phase = PING;
		ping();
	} else if (ev->kind == KITH_NET_MSG_IN) {
		w.echo[sample()] = ms;
		w.echoed = true;
		pinged();
	} else if (ev->kind == KITH_NET_MSG_ACKED && w.phase == PING) {
		w.ack[sample()] = ms;
		w.acked = true;
		pinged();
	} else if (ev->kind == KITH_NET_MSG_ACKED) {
		flood();
	} else if (ev->kind == KITH_NET_CONNECT_FAILED || ev->kind == KITH_NET_SESSION_LOST) {
		w.failed = true;
	}
}

static void at_b(const struct kith_net_event *ev)
{
	if (ev->kind != KITH_NET_MSG_IN)
		return;
	w.b.session = ev->session;
	if (w.phase == FLOOD) {
		uint64_t number;

		memcpy(&number, ev->data, sizeof(number));
		w.sum += number;
	}
	if (w.phase == PING) {
		w.oneway[sample()] = (bench_us() - w.start) / 1e3;
		w.failed |= !send_one(&w.b);
		kith_driver_kick(w.b.driver);
	} else if (++w.got == w.rate) {
		w.flood = (double)w.rate / ((bench_us() - w.flood) / 1e6);
		w.phase = DONE;
		w.failed = w.sum != (uint64_t)w.rate * (w.rate - 1) / 2;
	}
}

static void wake(void *ctx, kith_time now)
{
	struct end *e = ctx;
	struct kith_net_event ev;

	(void)now;
	while (w.phase != DONE && !w.failed && kith_net_event(e->net, &ev)) {
		if (e == &w.a)
			at_a(&ev);
		else
			at_b(&ev);
	}
	if (w.phase == DONE || w.failed)
		uv_stop(&w.loop);
}

static void expire(uv_timer_t *t)
{
	(void)t;
	w.failed = true;
	uv_stop(&w.loop);
}

static bool open_end(struct end *e)
{
	struct kith_net_config cfg = {.network = 7, .serve = true};
	struct kith_driver_config drive = {.loop = &w.loop, .wake = wake, .ctx = e};

	kith_rng_fill(&w.rng, cfg.node_secret, sizeof(cfg.node_secret));
	e->net = kith_net_new(&cfg, &w.rng, uv_hrtime() / 1000);
	if (e->net == NULL)
		return false;
	drive.engine = kith_net_engine(e->net);
	drive.bind4 = kith_addr_v4(127, 0, 0, 1, 0);
	if (kith_driver_new(&drive, &e->driver) != KITH_OK)
		return false;
	if (e == &w.b) {
		struct kith_net_target t = {.kind = KITH_NET_SERVICE, .addr_count = 1};
		uint16_t port4, port6;

		kith_driver_ports(e->driver, &port4, &port6);
		kith_dh_public(t.ml, cfg.node_secret);
		t.addr[0] = kith_addr_v4(127, 0, 0, 1, port4);
		if (kith_net_connect(w.a.net, &t, &w.a.session, kith_driver_now(w.a.driver)) !=
		    KITH_OK)
			return false;
		kith_driver_kick(w.a.driver);
	}
	return true;
}

int bench_net(void)
{
	int code = 0;

	w.times = bench_options.quick ? QUICK_TIMES : TIMES;
	w.rate = bench_options.quick ? QUICK_RATE : RATE;
	w.rng = kith_crypto_system_rng();
	if (uv_loop_init(&w.loop) != 0)
		return bench_fail("no event loop");
	(void)uv_timer_init(&w.loop, &w.limit);
	(void)uv_timer_start(&w.limit, expire, LIMIT_MS, 0);
	w.failed = !open_end(&w.a) || !open_end(&w.b);
	if (!w.failed)
		(void)uv_run(&w.loop, UV_RUN_DEFAULT);
	if (w.failed) {
		code = bench_fail("net: phase %d ended after %zu of its messages", (int)w.phase,
				  w.phase == FLOOD ? w.got : w.sent);
	} else {
		bench_quantiles("net.oneway", w.oneway, w.times, "ms");
		bench_quantiles("net.echo", w.echo, w.times, "ms");
		bench_quantiles("net.ack", w.ack, w.times, "ms");
		bench_row("net.rate", w.flood, "1/s", w.rate);
	}
	uv_close((uv_handle_t *)&w.limit, NULL);
	kith_driver_close(w.a.driver);
	kith_driver_close(w.b.driver);
	(void)uv_run(&w.loop, UV_RUN_DEFAULT);
	kith_net_free(w.a.net);
	kith_net_free(w.b.net);
	(void)uv_loop_close(&w.loop);
	return code;
}
