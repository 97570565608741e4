/* SPDX-License-Identifier: ISC */
/*
 * Group message: two real kithd and one always-on peer on loopback, driven over their control
 * sockets. All times are of one clock, in this process. oneway: call written until the event is
 * read at the other end, both commits included; receipt: until the sender reads "delivered".
 */
#include "tests/bench/kith_bench_node.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TIMES = 500,
	QUICK_TIMES = 20,
	WARM = 10,
	RATE = 20000,
	QUICK_RATE = 300,
	IN_FLIGHT = 64,
	LIMIT_S = 120,
	/* of the turns: questions, how far apart, and a message both ways each so often */
	TURNS = 2000,
	QUICK_TURNS = 200,
	TURN_US = 5000,
	MESSAGE_EVERY = 10
};

static struct {
	struct bench_node peer, a, b;
	char conversation[2][40];
	json_int_t subscription; /* of a */
	double turn[TURNS], answer[TURNS];
	double oneway[TIMES], echo[TIMES], receipt[TIMES];
	unsigned id;
	/* of the rate */
	unsigned answered, refused, arrived, doubled;
	bool *seen;
	size_t count;
} w;

/* message.send of a text; ids grow as those of a client do. */
static bool say(struct bench_node *n, const char *conversation, const char *text, unsigned call)
{
	char id[33];

	w.id++;
	(void)snprintf(id, sizeof(id), "0000%08x%020x", w.id, (unsigned)n->number);
	return bench_node_send(n, (int)call, "message.send",
			       json_pack("{s:s,s:s,s:s}", "id", id, "conversation", conversation,
					 "text", text));
}

/* One line of either node, waiting up to 100 ms; *from tells whose. */
static json_t *either(struct bench_node **from)
{
	struct pollfd p[2] = {{.fd = w.a.fd, .events = POLLIN}, {.fd = w.b.fd, .events = POLLIN}};
	json_t *line;

	for (int round = 0; round < 2; round++) {
		*from = &w.b;
		if ((line = bench_node_line(&w.b, 0)) != NULL)
			return line;
		*from = &w.a;
		if ((line = bench_node_line(&w.a, 0)) != NULL)
			return line;
		if (round == 0)
			(void)poll(p, 2, 100);
	}
	return NULL;
}

/* Calls `take` for each message of an event. */
static void each_message(json_t *line, const char *type, void (*take)(json_t *message, void *ctx),
			 void *ctx)
{
	json_t *params = json_object_get(line, "params"), *m;
	const char *is = json_string_value(json_object_get(params, "type"));
	size_t i;

	if (is == NULL || strcmp(is, type) != 0)
		return;
	json_array_foreach(json_object_get(params, "messages"), i, m) take(m, ctx);
}

static bool from_me(json_t *m)
{
	return strcmp(json_string_value(json_object_get(m, "from")), "me") == 0;
}

struct wanted {
	const char *text;
	bool found;
};

static void find_new(json_t *m, void *ctx)
{
	struct wanted *x = ctx;

	x->found |=
		!from_me(m) && strcmp(json_string_value(json_object_get(m, "text")), x->text) == 0;
}

static void find_delivered(json_t *m, void *ctx)
{
	struct wanted *x = ctx;
	const char *step = json_string_value(json_object_get(json_object_get(m, "state"), "step"));

	x->found |= from_me(m) && step != NULL &&
		    (strcmp(step, "delivered") == 0 || strcmp(step, "read") == 0) &&
		    strcmp(json_string_value(json_object_get(m, "text")), x->text) == 0;
}

/* One message there and one back. */
static bool round_trip(unsigned i, double *oneway, double *echo, double *receipt)
{
	char there[124], back[124];
	struct wanted at_b = {there, false}, at_a = {back, false}, done = {there, false};
	double start, deadline;

	(void)snprintf(there, sizeof(there), "there %-90u", i);
	(void)snprintf(back, sizeof(back), "back %-90u", i);
	start = bench_us();
	deadline = start + 30e6;
	if (!say(&w.a, w.conversation[0], there, 2))
		return false;
	while (!(at_b.found && at_a.found && done.found)) {
		struct bench_node *from;
		json_t *line = either(&from);
		double ms = (bench_us() - start) / 1e3;

		if (bench_us() > deadline)
			return false;
		if (line == NULL)
			continue;
		if (from == &w.b && !at_b.found) {
			each_message(line, "message.new", find_new, &at_b);
			if (at_b.found) {
				*oneway = ms;
				if (!say(&w.b, w.conversation[1], back, 2))
					return false;
			}
		} else if (from == &w.a) {
			bool echoed = at_a.found, was = done.found;

			each_message(line, "message.new", find_new, &at_a);
			each_message(line, "message.state", find_delivered, &done);
			if (at_a.found && !echoed)
				*echo = ms;
			if (done.found && !was)
				*receipt = ms;
		}
		json_decref(line);
	}
	return true;
}

static bool times(void)
{
	size_t n = bench_options.quick ? QUICK_TIMES : TIMES;
	double x, y, z;

	for (unsigned i = 0; i < n + WARM; i++) {
		size_t at = i < WARM ? 0 : i - WARM;

		if (!round_trip(i, &x, &y, &z))
			return bench_fail("message: number %u did not come and go", i) == 0;
		w.oneway[at] = x;
		w.echo[at] = y;
		w.receipt[at] = z;
	}
	bench_quantiles("message.oneway", w.oneway, n, "ms");
	bench_quantiles("message.echo", w.echo, n, "ms");
	bench_quantiles("message.receipt", w.receipt, n, "ms");
	return true;
}

static void count_new(json_t *m, void *ctx)
{
	const char *text = json_string_value(json_object_get(m, "text"));
	size_t i;

	(void)ctx;
	if (from_me(m) || strncmp(text, "rate ", 5) != 0)
		return;
	i = strtoul(text + 5, NULL, 10);
	if (i < w.count && w.seen[i])
		w.doubled++;
	else if (i < w.count)
		w.arrived++;
	if (i < w.count)
		w.seen[i] = true;
}

/* One message.send as a line; returns its length. */
static size_t one_call(char *out, size_t room, unsigned i)
{
	int n;

	w.id++;
	n = snprintf(out, room,
		     "{\"jsonrpc\":\"2.0\",\"id\":100,\"method\":\"message.send\",\"params\":{"
		     "\"id\":\"0000%08x%020x\",\"conversation\":\"%s\",\"text\":\"rate %-95u\"}}\n",
		     w.id, (unsigned)w.a.number, w.conversation[0], i);
	return n > 0 && (size_t)n < room ? (size_t)n : 0;
}

static bool rate(void)
{
	double start = bench_us(), deadline = start + LIMIT_S * 1e6, took;
	double ticks[2] = {bench_node_ticks(&w.a), bench_node_ticks(&w.b)};
	static char calls[IN_FLIGHT * 400];
	unsigned sent = 0;

	/* who writes in bulk takes the answers; news go to who reads */
	json_decref(bench_node_call(&w.a, "events.unsubscribe",
				    json_pack("{s:I}", "subscription", w.subscription)));
	w.count = bench_options.quick ? QUICK_RATE : RATE;
	w.seen = calloc(w.count, sizeof(*w.seen));
	if (w.seen == NULL)
		return false;
	while ((w.arrived + w.refused < w.count || w.answered < w.count) && bench_us() < deadline) {
		struct bench_node *from;
		json_t *line;

		size_t len = 0;

		while (sent < w.count && sent - w.answered < IN_FLIGHT)
			len += one_call(calls + len, sizeof(calls) - len, sent++);
		if (len > 0 && !bench_node_write(&w.a, calls, len))
			return false;
		line = either(&from);
		if (line == NULL)
			continue;
		if (from == &w.a && json_object_get(line, "id") != NULL) {
			w.answered++;
			w.refused += json_object_get(line, "error") != NULL;
		}
		if (from == &w.b)
			each_message(line, "message.new", count_new, NULL);
		json_decref(line);
	}
	while (bench_node_number(&w.a, "waiting", "messages") > 0 && bench_us() < deadline)
		(void)poll(NULL, 0, 5);
	took = (bench_us() - start) / 1e6;
	bench_share("message.rate", (double)w.arrived / took, "1/s", w.count, w.refused);
	bench_row("message.cpu.sender",
		  1e6 * (bench_node_ticks(&w.a) - ticks[0]) / (double)sysconf(_SC_CLK_TCK) /
			  (double)w.count,
		  "us", w.count);
	bench_row("message.cpu.receiver",
		  1e6 * (bench_node_ticks(&w.b) - ticks[1]) / (double)sysconf(_SC_CLK_TCK) /
			  (double)w.count,
		  "us", w.count);
	bench_row("message.lost", (double)(w.answered - w.refused - w.arrived), "count", w.count);
	bench_row("message.doubled", (double)w.doubled, "count", w.count);
	free(w.seen);
	return w.answered == w.count;
}

/* Waits until each sees the other; says so when they never do: then mailboxes carry it all. */
static void meet(void)
{
	double deadline = bench_us() + 15e6;

	while (bench_us() < deadline) {
		if (bench_node_number(&w.a, "contacts_online", NULL) > 0 &&
		    bench_node_number(&w.b, "contacts_online", NULL) > 0)
			return;
		(void)poll(NULL, 0, 20);
	}
	(void)bench_fail("message: no direct session, measured through the mailbox");
}

static bool setup(void)
{
	const char *hint;
	struct bench_node *both[2] = {&w.a, &w.b};

	if (!bench_node_init(&w.peer, 0, true) || !bench_node_init(&w.a, 1, false) ||
	    !bench_node_init(&w.b, 2, false))
		return bench_fail("message: no hint") == 0;
	hint = w.peer.hint;
	if (!bench_node_start(&w.peer, NULL, 0))
		return bench_fail("message: the peer does not start") == 0;
	for (int i = 0; i < 2; i++) {
		if (!bench_node_start(both[i], &hint, 1))
			return bench_fail("message: a node does not start") == 0;
		json_decref(bench_node_call(both[i], "profile.create",
					    json_pack("{s:s}", "name", i == 0 ? "a" : "b")));
	}
	if (!bench_befriend(&w.a, &w.b, w.conversation))
		return bench_fail("message: no contacts") == 0;
	meet();
	for (int i = 1; i >= 0; i--) {
		json_t *r = bench_node_call(both[i], "events.subscribe",
					    json_pack("{s:[s,s]}", "types", "message.new",
						      "message.state"));

		w.subscription = json_integer_value(json_object_get(r, "subscription"));
		json_decref(r);
	}
	return true;
}

/* Takes what both nodes say; the call 7 is answered: *open is over, its time is kept. */
static void drain(double *open, size_t *answers)
{
	json_t *line;

	while ((line = bench_node_line(&w.b, 0)) != NULL)
		json_decref(line);
	while ((line = bench_node_line(&w.a, 0)) != NULL) {
		if (json_integer_value(json_object_get(line, "id")) == 7 && *answers < TURNS) {
			w.answer[(*answers)++] = (bench_us() - *open) / 1e3;
			*open = 0;
		}
		json_decref(line);
	}
}

/* Questions at a steady rate over a connection of their own, while messages go both ways. */
static bool ask(struct bench_node *probe, size_t n, size_t *answers)
{
	double next = bench_us(), open = 0, start;

	for (size_t i = 0; i < n; i++, next += TURN_US) {
		json_t *r;

		while (bench_us() < next)
			(void)poll(NULL, 0, 1);
		drain(&open, answers);
		if (i % MESSAGE_EVERY == 0 && open <= 0) {
			open = bench_us();
			if (!say(&w.a, w.conversation[0], "a turn", 7) ||
			    !say(&w.b, w.conversation[1], "another", 8))
				return false;
		}
		start = bench_us();
		r = bench_node_call(probe, "node.status", json_object());
		w.turn[i] = (bench_us() - start) / 1e3;
		if (r == NULL)
			return false;
		json_decref(r);
	}
	return true;
}

/* Whether a slow disk holds up the loop: node a again, its syncs taking 20 ms. */
static bool turns(void)
{
	struct bench_node probe;
	const char *hint = w.peer.hint;
	size_t n = bench_options.quick ? QUICK_TURNS : TURNS, answers = 0;
	bool ok;

	bench_node_kill(&w.a);
	w.a.slow = true;
	if (!bench_node_start(&w.a, &hint, 1))
		return bench_fail("message: no node on a slow disk") == 0;
	meet();
	probe = w.a;
	probe.line = malloc(BENCH_LINE);
	probe.fd = -1;
	ok = probe.line != NULL && bench_node_attach(&probe, bench_us() + 1e6) &&
	     ask(&probe, n, &answers);
	if (probe.fd >= 0)
		(void)close(probe.fd);
	free(probe.line);
	if (!ok || answers == 0)
		return bench_fail("message: the node on a slow disk does not answer") == 0;
	bench_sort(w.answer, answers);
	if (bench_percentile(w.answer, answers, 50) < 15)
		return bench_fail("message: the disk was not slow") == 0;
	bench_sort(w.turn, n);
	bench_row("store.loop.p99", bench_percentile(w.turn, n, 99), "ms", n);
	return true;
}

int bench_message(void)
{
	bool ok = bench_lab_open() && setup() && times() && rate() && turns();

	bench_lab_close();
	return ok ? 0 : 1;
}
