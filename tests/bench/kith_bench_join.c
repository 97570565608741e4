/* SPDX-License-Identifier: ISC */
/*
 * Groups join and idle: real kithd on loopback. join.cold: fork of a fresh node until it says that
 * it is online, 8 nodes being there. join.64.ok: of 64 that start at once. contact.restart: from
 * the restart after kill -9 until the contact sees it. idle: after settling, per node.
 */
#include "tests/bench/kith_bench_node.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMMUNITY = 8, COLD = 10, QUICK_COLD = 2, CROWD = 64, QUICK_CROWD = 6, RESTARTS = 5 };
enum { IDLE_NODES = 50, QUICK_IDLE = 6, IDLE_PEERS = 10, IDLE_MS = 60000, QUICK_IDLE_MS = 2000 };
enum { FIRST_FRIENDS = 8, FRIENDS = 32, QUICK_FRIENDS = 2 };
enum { SETTLE_MS = 150000, QUICK_SETTLE_MS = 1000 };

static struct bench_node nodes[BENCH_NODES_MAX];

/* Nodes first..first+count-1, always on, that start from the first one. */
static bool community(unsigned first, unsigned count)
{
	const char *hint = nodes[first].hint;

	for (unsigned i = first; i < first + count; i++)
		if (!bench_node_init(&nodes[i], i, true) ||
		    !bench_node_start(&nodes[i], &hint, i > first ? 1 : 0))
			return bench_fail("node %u does not start", i) == 0;
	return true;
}

static bool until_online(struct bench_node *n, double deadline_us)
{
	while (bench_us() < deadline_us) {
		if (bench_node_online(n))
			return true;
		(void)poll(NULL, 0, 2);
	}
	return false;
}

static bool cold(void)
{
	unsigned n = bench_options.quick ? QUICK_COLD : COLD, failures = 0;
	double s[COLD];
	const char *hint = nodes[0].hint;

	for (unsigned i = 0; i < n; i++) {
		struct bench_node *fresh = &nodes[COMMUNITY + i];
		double start;

		if (!bench_node_init(fresh, COMMUNITY + i, false))
			return false;
		start = bench_us();
		if (!bench_node_launch(fresh, &hint, 1) ||
		    !bench_node_attach(fresh, start + 20e6) || !until_online(fresh, start + 20e6))
			failures++;
		s[i] = (bench_us() - start) / 1e6;
		bench_node_free(fresh);
	}
	bench_sort(s, n);
	bench_share("join.cold", bench_percentile(s, n, 50), "s", n, failures);
	return true;
}

static bool crowd(void)
{
	unsigned n = bench_options.quick ? QUICK_CROWD : CROWD, ok = 0;
	const char *hint = nodes[0].hint;
	double deadline;

	for (unsigned i = 1; i <= n; i++)
		if (!bench_node_init(&nodes[i], i, false))
			return false;
	deadline = bench_us() + 60e6;
	for (unsigned i = 1; i <= n; i++)
		(void)bench_node_launch(&nodes[i], &hint, 1);
	for (unsigned i = 1; i <= n; i++)
		if (bench_node_attach(&nodes[i], deadline) && until_online(&nodes[i], deadline))
			ok++;
	bench_share(bench_options.quick ? "join.6.ok" : "join.64.ok", ok, "count", n, n - ok);
	for (unsigned i = 1; i <= n; i++)
		bench_node_free(&nodes[i]);
	return true;
}

static bool sees_contact(struct bench_node *n, double deadline_us)
{
	while (bench_us() < deadline_us) {
		if (bench_node_number(n, "contacts_online", NULL) > 0)
			return true;
		(void)poll(NULL, 0, 2);
	}
	return false;
}

/* A user node with an identity. */
static bool user(struct bench_node *n, unsigned number, const char *hint)
{
	if (!bench_node_init(n, number, false) || !bench_node_start(n, &hint, 1))
		return false;
	json_decref(bench_node_call(n, "profile.create", json_pack("{s:s}", "name", "x")));
	return true;
}

static bool restarts(void)
{
	struct bench_node *a = &nodes[COMMUNITY], *b = &nodes[COMMUNITY + 1];
	unsigned n = bench_options.quick ? 1 : RESTARTS, failures = 0;
	const char *hint = nodes[0].hint;
	char conversation[2][40];
	double s[RESTARTS];

	if (!user(a, COMMUNITY, hint) || !user(b, COMMUNITY + 1, hint) ||
	    !bench_befriend(a, b, conversation))
		return bench_fail("contact.restart: no contacts") == 0;
	if (!sees_contact(a, bench_us() + 20e6))
		return bench_fail("contact.restart: no session in 20 s") == 0;
	for (unsigned i = 0; i < n; i++) {
		double start;

		bench_node_kill(b);
		start = bench_us();
		if (!bench_node_start(b, &hint, 1) || !sees_contact(b, start + 30e6))
			failures++;
		s[i] = (bench_us() - start) / 1e6;
	}
	bench_sort(s, n);
	bench_share("contact.restart", bench_percentile(s, n, 50), "s", n, failures);
	return true;
}

int bench_join(void)
{
	bool ok = bench_lab_open() && community(0, COMMUNITY) && cold() && restarts();

	bench_lab_close();
	ok = ok && bench_lab_open() && community(0, 1) && crowd();
	bench_lab_close();
	return ok ? 0 : 1;
}

struct usage {
	double rss, ticks, sent, switches;
};

static struct usage usage_of(unsigned n)
{
	struct usage u = {0, 0, 0, 0};

	for (unsigned i = 0; i < n; i++) {
		u.rss += bench_node_rss(&nodes[i]);
		u.sent += bench_node_number(&nodes[i], "counters", "net.tx_bytes") +
			  bench_node_number(&nodes[i], "counters", "dht.tx_bytes");
	}
	for (unsigned i = 0; i < n; i++) { /* after the questions: they cost the node something */
		u.ticks += bench_node_ticks(&nodes[i]);
		u.switches += bench_node_switches(&nodes[i]);
	}
	return u;
}

static bool quiet(void)
{
	unsigned n = bench_options.quick ? QUICK_IDLE : IDLE_NODES;
	unsigned peers = bench_options.quick ? 2 : IDLE_PEERS;
	int ms = bench_options.quick ? QUICK_IDLE_MS : IDLE_MS;
	double begin, s, hz = (double)sysconf(_SC_CLK_TCK);
	struct usage u, v;

	if (!community(0, peers))
		return false;
	for (unsigned i = peers; i < n; i++)
		if (!user(&nodes[i], i, nodes[i % peers].hint))
			return bench_fail("idle: node %u does not start", i) == 0;
	if (bench_options.settle_ms > 0)
		return true;
	(void)poll(NULL, 0, ms); /* settling */
	u = usage_of(n);
	begin = bench_us();
	(void)poll(NULL, 0, ms);
	s = (bench_us() - begin) / 1e6;
	v = usage_of(n);
	bench_row("idle.rss", v.rss / n, "KiB", n);
	bench_row("idle.cpu", (v.ticks - u.ticks) / hz / s / n * 100, "%", n);
	bench_row("idle.sent", (v.sent - u.sent) / s / n, "B/s", n);
	bench_row("idle.wakeups", (v.switches - u.switches) / s / n, "1/s", n);
	return true;
}

static int settle_ms(void)
{
	if (bench_options.settle_ms > 0)
		return bench_options.settle_ms;
	return bench_options.quick ? QUICK_SETTLE_MS : SETTLE_MS;
}

/* `count` more contacts of `hub`, from node `first` on; then until what their coming set going is
 * over: copies put and deleted, caches let go. */
static bool more_friends(struct bench_node *hub, unsigned first, unsigned count)
{
	char conversation[2][40];
	double deadline;

	for (unsigned i = first; i < first + count; i++)
		if (!bench_befriend(hub, &nodes[i], conversation))
			return bench_fail("contact.rss: no contact %u", i) == 0;
	deadline = bench_us() + 30e6;
	while (bench_node_number(hub, "contacts_online", NULL) < count && bench_us() < deadline)
		(void)poll(NULL, 0, 50);
	(void)poll(NULL, 0, settle_ms());
	return true;
}

/* What a connected contact costs. The first ones bring what a node needs once: prepared statements,
 * an invitation, links to mailboxes. */
static bool friends(void)
{
	unsigned from = bench_options.quick ? 2 : IDLE_PEERS;
	unsigned first = bench_options.quick ? 1 : FIRST_FRIENDS;
	unsigned n = bench_options.quick ? QUICK_FRIENDS : FRIENDS;
	struct bench_node *hub = &nodes[BENCH_NODES_MAX - 1];
	double alone, some;
	unsigned online;

	if (!user(hub, BENCH_NODES_MAX - 1, nodes[0].hint))
		return false;
	(void)poll(NULL, 0, settle_ms() / 2);
	alone = bench_node_rss(hub);
	if (!more_friends(hub, from, first))
		return false;
	some = bench_node_rss(hub);
	if (!more_friends(hub, from + first, n))
		return false;
	online = (unsigned)bench_node_number(hub, "contacts_online", NULL);
	bench_row("contact.first", some - alone, "KiB", first);
	bench_share("contact.rss", (bench_node_rss(hub) - some) / n, "KiB", n, first + n - online);
	return true;
}

int bench_idle(void)
{
	bool ok = bench_lab_open() && quiet() && friends();

	bench_lab_close();
	return ok ? 0 : 1;
}
