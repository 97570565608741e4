/* SPDX-License-Identifier: ISC */
/*
 * Group mailbox, first half: the service of this build on a real disk, its store on a thread of its
 * own, and 64 clients with addresses of their own; real handshakes and sealed packets, handed over
 * in memory. Everything but the commits runs in one thread, the clients' side too.
 */
#include "tests/bench/kith_bench_mailbox.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/crypto.h"
#include "net/net.h"
#include "node/mbox_service.h"

enum { CLIENTS = 64, PER_CLIENT = 16, LINKS = CLIENTS * PER_CLIENT, IN_FLIGHT = 64 };
enum { ROUNDS = 4, PUSHES = 200, QUICK_PUSHES = 10 };
#define PACE 2000.0 /* a second, while times are taken */
#define SEC  ((kith_time)KITH_US_PER_S)
#define WAIT (20 * SEC) /* for anything */

struct side {
	struct kith_net *net;
	struct kith_rng rng;
	struct kith_mbox_client *client; /* NULL: the service */
};
struct parcel { /* one PUT: its link, and when it left */
	uint32_t link;
	unsigned client;
	uint8_t tag[16], blob[KITH_BLOB];
	double began;
	bool up, done;
};

static struct {
	struct side server, client[CLIENTS];
	struct kith_profile *profile;
	struct kith_store *store;
	struct kith_mbox_service *service;
	uint8_t ml[32], ml_secret[32];
	struct parcel parcel[LINKS];
	unsigned ups, dones, refused;
	double latency[LINKS * ROUNDS];
	size_t latencies;
	/* push */
	uint32_t watch;
	bool watching, pushed, got;
	uint8_t tags[4][16];
	/* the worker: one job at a time */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake, ready;
	struct kith_job *job;
	bool job_done, stop;
} w;

static kith_time now_us(void)
{
	return (kith_time)bench_us();
}

static uint64_t wall_s(void)
{
	return (uint64_t)time(NULL);
}

/* ---- the worker ---- */
static void *work(void *arg)
{
	(void)pthread_mutex_lock(&w.lock);
	while (!w.stop) {
		if (w.job == NULL || w.job_done) {
			(void)pthread_cond_wait(&w.wake, &w.lock);
			continue;
		}
		(void)pthread_mutex_unlock(&w.lock);
		kith_store_run(w.job);
		(void)pthread_mutex_lock(&w.lock);
		w.job_done = true;
		(void)pthread_cond_signal(&w.ready);
	}
	(void)pthread_mutex_unlock(&w.lock);
	return arg;
}

/* Hands a job over and takes a finished one back. */
static bool jobs(void)
{
	struct kith_job *job = NULL;
	bool any = false;

	(void)pthread_mutex_lock(&w.lock);
	if (w.job != NULL && w.job_done) {
		job = w.job;
		w.job = NULL;
		w.job_done = false;
	}
	(void)pthread_mutex_unlock(&w.lock);
	if (job != NULL) {
		int status = kith_store_done(w.store, job, now_us());

		kith__mbox_service_committed(w.service, status, now_us());
		any = true;
	}
	if (w.job == NULL && kith_store_job(w.store, &job)) {
		(void)pthread_mutex_lock(&w.lock);
		w.job = job;
		(void)pthread_cond_signal(&w.wake);
		(void)pthread_mutex_unlock(&w.lock);
		any = true;
	}
	return any;
}

/* ---- the wire ---- */
static struct kith_addr client_addr(unsigned i) /* each in a /24 of its own */
{
	return kith_addr_v4(20, 1, (uint8_t)i, 1, 4000);
}

static struct kith_addr server_addr(void)
{
	return kith_addr_v4(30, 0, 0, 1, 4000);
}

static bool pass(struct side *from, const struct kith_addr *remote, struct side *to)
{
	struct kith_dgram_out out;
	bool any = false;

	while (kith_net_output(from->net, &out, now_us())) {
		size_t step = out.segment != 0 ? out.segment : out.len;
		struct side *dst = to;

		for (unsigned i = 0; dst == NULL && i < CLIENTS; i++) {
			struct kith_addr a = client_addr(i);

			dst = kith_addr_equal(&a, &out.remote) ? &w.client[i] : NULL;
		}
		for (size_t at = 0; dst != NULL && at < out.len; at += step) {
			struct kith_dgram_in in = {.remote = *remote, .data = out.data + at};

			in.len = out.len - at < step ? out.len - at : step;
			(void)kith_net_input(dst->net, &in, now_us());
		}
		any = true;
	}
	return any;
}

/* ---- what the clients hear ---- */
static void put_answer(const struct kith_mbox_result *r)
{
	for (unsigned i = 0; i < LINKS; i++) {
		struct parcel *p = &w.parcel[i];

		if (p->link != r->link || p->link == 0)
			continue;
		if (r->verb == KITH_MBOX_INFO && !r->gone) {
			p->up = true;
			w.ups++;
		} else if (!p->done) {
			p->done = true;
			w.dones++;
			w.refused += r->gone || r->status != KITH_MBOX_OK ? 1 : 0;
			if (w.latencies < LINKS * ROUNDS)
				w.latency[w.latencies++] = (bench_us() - p->began) / 1e3;
		}
		return;
	}
}

static void watch_answer(const struct kith_mbox_result *r)
{
	if (r->verb == KITH_MBOX_WATCH)
		w.watching = true;
	if (r->verb == KITH_MBOX_GET)
		w.got = r->item[0].status == KITH_MBOX_OK;
	if (r->verb != KITH_MBOX_PUSH || r->count == 0)
		return;
	w.pushed = true;
	memcpy(w.tags[0], r->tags[0], 16);
	if (kith__mbox_get(w.client[0].client, w.watch, (const uint8_t(*)[16])w.tags, 4,
			   now_us()) != KITH_OK)
		w.pushed = false;
}

static void client_events(struct side *c)
{
	struct kith_mbox_result r;
	struct kith_net_event e;

	while (kith_net_event(c->net, &e))
		(void)kith__mbox_client_event(c->client, &e, now_us());
	while (kith__mbox_client_result(c->client, &r)) {
		if (c == &w.client[0] && r.link == w.watch)
			watch_answer(&r);
		else
			put_answer(&r);
	}
}

/* Nothing to do: until the worker is done, or for a moment. */
static void rest(void)
{
	bool busy;

	(void)pthread_mutex_lock(&w.lock);
	busy = w.job != NULL;
	if (busy && !w.job_done)
		(void)pthread_cond_wait(&w.ready, &w.lock);
	(void)pthread_mutex_unlock(&w.lock);
	if (!busy)
		(void)poll(NULL, 0, 1);
}

static void turn(void)
{
	struct kith_addr here = server_addr();
	struct kith_net_event e;
	kith_time now = now_us();
	bool any = jobs();

	if (kith_net_deadline(w.server.net) <= now)
		kith_net_tick(w.server.net, now);
	if (kith__mbox_service_deadline(w.service) <= now)
		kith__mbox_service_tick(w.service, wall_s(), now);
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct kith_addr a = client_addr(i);

		if (kith_net_deadline(w.client[i].net) <= now)
			kith_net_tick(w.client[i].net, now);
		if (kith__mbox_client_deadline(w.client[i].client) <= now)
			kith__mbox_client_tick(w.client[i].client, now);
		any |= pass(&w.client[i], &a, &w.server);
	}
	while (kith_net_event(w.server.net, &e))
		(void)kith__mbox_service_event(w.service, &e, wall_s(), now_us());
	any |= pass(&w.server, &here, NULL);
	for (unsigned i = 0; i < CLIENTS; i++)
		client_events(&w.client[i]);
	if (!any)
		rest();
}

/* ---- set-up ---- */
static bool side_init(struct side *s, bool serve)
{
	struct kith_net_config cfg = {.network = 5, .serve = serve};

	s->rng = kith_crypto_system_rng();
	kith_rng_fill(&s->rng, cfg.node_secret, 32);
	if (serve) {
		kith_dh_public(w.ml, cfg.node_secret);
		memcpy(w.ml_secret, cfg.node_secret, 32);
	}
	s->net = kith_net_new(&cfg, &s->rng, now_us());
	if (s->net == NULL)
		return false;
	kith_net_set_wall(s->net, wall_s() * 1000, now_us());
	if (!serve)
		s->client = kith__mbox_client_new(NULL, s->net, &s->rng);
	return serve || s->client != NULL;
}

static bool setup(const char *dir)
{
	struct kith_profile_config pc = {.dir = dir, .rng = &w.server.rng};
	struct kith_mbox_service_config sc = {.rng = &w.server.rng,
					      .disk_max = UINT64_C(2) << 30,
					      .days_max = 30,
					      .serve = true};

	if (!side_init(&w.server, true))
		return false;
	for (unsigned i = 0; i < CLIENTS; i++)
		if (!side_init(&w.client[i], false))
			return false;
	if (kith_profile_create(&pc, NULL, 0, &w.profile) != KITH_OK ||
	    kith_store_open(w.profile, KITH_DB_MAILBOX, &w.store) != KITH_OK)
		return bench_fail("mailbox: no store") == 0;
	memcpy(sc.ml_secret, w.ml_secret, 32);
	sc.net = w.server.net;
	sc.store = w.store;
	if (kith__mbox_service_new(&sc, wall_s(), &w.service) != KITH_OK)
		return bench_fail("mailbox: no service") == 0;
	(void)pthread_mutex_init(&w.lock, NULL);
	(void)pthread_cond_init(&w.wake, NULL);
	(void)pthread_cond_init(&w.ready, NULL);
	return pthread_create(&w.thread, NULL, work, NULL) == 0;
}

static void teardown(void)
{
	while (w.service != NULL && w.job != NULL)
		turn();
	(void)pthread_mutex_lock(&w.lock);
	w.stop = true;
	(void)pthread_cond_signal(&w.wake);
	(void)pthread_mutex_unlock(&w.lock);
	(void)pthread_join(w.thread, NULL);
	kith__mbox_service_free(w.service);
	kith_store_close(w.store);
	kith_profile_close(w.profile);
	for (unsigned i = 0; i < CLIENTS; i++) {
		kith__mbox_client_free(w.client[i].client);
		kith_net_free(w.client[i].net);
	}
	kith_net_free(w.server.net);
}

/* ---- PUT ---- */
static bool open_link(unsigned i)
{
	struct parcel *p = &w.parcel[i];
	struct kith_addr to = server_addr();

	memset(p, 0, sizeof(*p));
	p->client = i % CLIENTS;
	kith_rng_fill(&w.server.rng, p->tag, sizeof(p->tag));
	kith_rng_fill(&w.server.rng, p->blob, sizeof(p->blob));
	return kith__mbox_open(w.client[p->client].client, w.ml, &to, NULL, 0, &p->link,
			       now_us()) == KITH_OK &&
	       kith__mbox_info(w.client[p->client].client, p->link, now_us()) == KITH_OK;
}

static bool put(struct parcel *p)
{
	static const uint8_t stamp[64];
	struct kith_mbox_bucket bucket = {0};

	p->began = bench_us();
	return kith__mbox_put(w.client[p->client].client, p->link, p->tag, bucket, 2, stamp,
			      p->blob, now_us()) == KITH_OK;
}

static void close_links(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		kith__mbox_close(w.client[w.parcel[i].client].client, w.parcel[i].link, now_us());
	for (unsigned i = 0; i < 100; i++)
		turn();
}

/* May the next PUT leave? */
static bool sends(unsigned sent, bool paced, double start)
{
	if (paced)
		return bench_us() - start >= sent / PACE * 1e6;
	return sent - w.dones < IN_FLIGHT;
}

/* One round: `count` links stand, then one PUT over each, 64 at a time, or 2,000 a second. */
static bool put_round(unsigned count, bool paced, double *opening, double *putting)
{
	kith_time limit = now_us() + WAIT;
	double start = bench_us();
	unsigned sent = 0;

	w.ups = w.dones = 0;
	for (unsigned i = 0; i < count; i++) {
		if (!open_link(i))
			return bench_fail("mailbox: no link") == 0;
		if (i % CLIENTS == CLIENTS - 1)
			for (unsigned k = 0; k < 8; k++)
				turn();
	}
	while (w.ups < count && now_us() < limit)
		turn();
	if (w.ups < count)
		return bench_fail("mailbox: %u of %u links stand", w.ups, count) == 0;
	*opening += bench_us() - start;
	start = bench_us();
	while (w.dones < count && now_us() < limit) {
		while (sent < count && sends(sent, paced, start))
			if (!put(&w.parcel[sent++]))
				return bench_fail("mailbox: no PUT") == 0;
		turn();
	}
	*putting += bench_us() - start;
	close_links(count);
	return w.dones == count;
}

static bool puts_all(void)
{
	unsigned rounds = bench_options.quick ? 1 : ROUNDS;
	unsigned count = bench_options.quick ? CLIENTS : LINKS;
	double opening = 0, putting = 0;

	for (unsigned k = 0; k < rounds; k++)
		if (!put_round(count, false, &opening, &putting))
			return bench_fail("mailbox: PUTs without an answer") == 0;
	bench_share("mailbox.put", (double)w.latencies / putting * 1e6, "1/s", w.latencies,
		    w.refused);
	bench_row("mailbox.put.fresh", (double)w.latencies / (opening + putting) * 1e6, "1/s",
		  w.latencies);
	w.latencies = 0;
	for (unsigned k = 0; k < rounds; k++)
		if (!put_round(count, true, &opening, &putting))
			return bench_fail("mailbox: PUTs without an answer") == 0;
	bench_quantiles("mailbox.put", w.latency, w.latencies, "ms");
	return true;
}

/* ---- PUSH ---- */
static bool wait_for(const bool *what)
{
	kith_time limit = now_us() + WAIT;

	while (!*what && now_us() < limit)
		turn();
	return *what;
}

static bool pushes_all(void)
{
	unsigned times = bench_options.quick ? QUICK_PUSHES : PUSHES;
	struct kith_addr to = server_addr();
	struct kith_mbox_bucket all = {0};

	w.latencies = 0;
	for (unsigned i = 1; i < 4; i++)
		kith_rng_fill(&w.server.rng, w.tags[i], 16);
	if (kith__mbox_open(w.client[0].client, w.ml, &to, NULL, 0, &w.watch, now_us()) !=
		    KITH_OK ||
	    kith__mbox_watch(w.client[0].client, w.watch, &all, 1, now_us()) != KITH_OK ||
	    !wait_for(&w.watching))
		return bench_fail("mailbox: no watch") == 0;
	for (unsigned k = 0; k < times; k++) {
		struct parcel *p = &w.parcel[1 + k % (CLIENTS - 1)];

		if (!open_link((unsigned)(p - w.parcel)) || !wait_for(&p->up))
			return bench_fail("mailbox: no link") == 0;
		w.pushed = w.got = false;
		if (!put(p) || !wait_for(&w.got))
			return bench_fail("mailbox: a PUT was not pushed") == 0;
		w.latency[k] = (bench_us() - p->began) / 1e3;
		kith__mbox_close(w.client[p->client].client, p->link, now_us());
	}
	bench_quantiles("mailbox.push", w.latency, times, "ms");
	return true;
}

bool bench_mailbox_service(const char *dir)
{
	bool ok = setup(dir) && puts_all() && pushes_all();

	teardown();
	return ok;
}
