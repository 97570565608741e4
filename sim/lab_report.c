/* SPDX-License-Identifier: ISC */
/*
 * The figures of a laboratory run, each with the size of its sample, and whether they hold. A
 * limit is judged by what the sample can show: a share fails when so many failures would come of
 * the promised share less than once in twenty runs; a quantile fails when its lower confidence
 * bound is above the limit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/alloc.h"
#include "sim/lab.h"

#define FAILED_TOLD 20u
#define Z_MILLI     1645u /* one-sided 95 % */

struct sample {
	uint64_t *v;
	size_t n;
};

static bool able(const struct sim_lab *w, uint32_t i)
{
	return w->node[i].dht != NULL && !w->node[i].dead;
}

static struct sim_report {
	bool json, good;
} report;

static void line(const char *name, double value, const char *unit, uint64_t n)
{
	if (report.json)
		printf("{\"name\":\"%s\",\"value\":%.10g,\"unit\":\"%s\",\"n\":%llu}\n", name,
		       value, unit, (unsigned long long)n);
	else
		printf("%-26s %12.6g %-8s n = %llu\n", name, value, unit, (unsigned long long)n);
}

static void missed(const char *name, double value, double limit)
{
	report.good = false;
	fprintf(stderr, "kith-sim: %s is %.6g, wanted %.6g\n", name, value, limit);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

static uint64_t square_root(uint64_t v)
{
	uint64_t r = 0;

	while ((r + 1) * (r + 1) <= v)
		r++;
	return r;
}

/* The value at rank permille/1000, less `width` standard errors of the rank in thousandths. */
static uint64_t quantile(const struct sample *s, uint64_t permille, uint64_t width)
{
	uint64_t rank, slack;

	if (s->n == 0)
		return 0;
	slack = width * square_root(s->n * permille * (1000 - permille)) / 1000u / 1000u;
	rank = s->n * permille / 1000u;
	rank = rank > slack ? rank - slack : 0;
	return s->v[rank < s->n ? rank : s->n - 1];
}

/* Prints one quantile, scaled; `limit` in thousandths of the unit, 0 = none. */
static void tell(const char *name, const struct sample *s, uint64_t permille, double scale,
		 const char *unit, uint64_t limit)
{
	double low = (double)quantile(s, permille, Z_MILLI) * scale;

	line(name, (double)quantile(s, permille, 0) * scale, unit, s->n);
	if (limit != 0 && (low * 1000.0 > (double)limit || s->n == 0))
		missed(name, (double)quantile(s, permille, 0) * scale, (double)limit / 1000.0);
}

/* Failures among n that a share of ppm allows: more come with a chance below 5 %. */
static uint64_t allowance(uint64_t n, uint32_t ppm)
{
	double mean = (double)n * (1e6 - (double)ppm) / 1e6, term = 1.0, sum, bound;
	uint64_t k = 0;

	if (mean > 600.0)
		return (uint64_t)mean + 2 * square_root((uint64_t)mean);
	for (bound = 1.0; bound < mean; bound += 1.0)
		;
	/* Poisson terms against e^mean, summed far beyond it. */
	for (sum = 0.0, k = 0; k < 4000; k++, term *= mean / (double)k)
		sum += term;
	bound = 0.95 * sum;
	for (sum = 0.0, term = 1.0, k = 0; k < 4000; term *= mean / (double)k) {
		sum += term;
		if (sum >= bound)
			break;
		k++;
	}
	return k;
}

static void share(const char *name, uint64_t good, uint64_t n, uint32_t limit_ppm)
{
	line(name, n == 0 ? 0 : (double)good * 100.0 / (double)n, "%", n);
	if (limit_ppm != 0 && (n == 0 || n - good > allowance(n, limit_ppm)))
		missed(name, n == 0 ? 0 : (double)good * 100.0 / (double)n, limit_ppm / 1e4);
}

enum what { LATENCY, ASKED, ASKED_ALL, BYTES, BYTES_ALL, HOPS };

static uint64_t value_of(const struct sim_try *t, enum what what)
{
	switch (what) {
	case LATENCY: return t->first - t->at;
	case ASKED: return t->requests_found;
	case ASKED_ALL: return t->requests;
	case BYTES: return t->bytes_found;
	case BYTES_ALL: return t->bytes_all - t->bytes_found;
	case HOPS: return t->hops;
	}
	return 0;
}

static bool chosen(const struct sim_try *t, bool store, bool again, uint32_t phase)
{
	return t->store == store && t->again == again && t->phase == phase;
}

static struct sample collect(const struct sim_lab *w, bool store, bool again, uint32_t phase,
			     enum what what)
{
	struct sample s = {kith_alloc_zero(NULL, w->tried + 1, sizeof(uint64_t)), 0};

	KITH_ASSERT(s.v != NULL);
	for (size_t i = 0; i < w->tried; i++)
		if (chosen(&w->tries[i], store, again, phase) && w->tries[i].found)
			s.v[s.n++] = value_of(&w->tries[i], what);
	qsort(s.v, s.n, sizeof(s.v[0]), by_value);
	return s;
}

static double mean(const struct sample *s)
{
	double sum = 0;

	for (size_t i = 0; i < s->n; i++)
		sum += (double)s->v[i];
	return s->n == 0 ? 0 : sum / (double)s->n;
}

static void count(const struct sim_lab *w, bool store, bool again, uint32_t phase, uint64_t *good,
		  uint64_t *n)
{
	*good = *n = 0;
	for (size_t i = 0; i < w->tried; i++)
		if (chosen(&w->tries[i], store, again, phase)) {
			*good += w->tries[i].found;
			++*n;
		}
}

static void bytes_line(const char *name, struct sample *s, uint32_t limit)
{
	line(name, mean(s), "B", s->n);
	if (limit != 0 && mean(s) > (double)limit)
		missed(name, mean(s), limit);
	kith_alloc_free(NULL, s->v);
}

/* One line for each lookup that found nothing, on stderr: what to look at first. */
static void tell_failed(const struct sim_lab *w)
{
	unsigned told = 0;

	for (size_t i = 0; i < w->tried && told < FAILED_TOLD; i++) {
		const struct sim_try *t = &w->tries[i];

		if (t->store || t->found)
			continue;
		told++;
		fprintf(stderr,
			"kith-sim: at %.3f s node %u did not find record %u of node %u: "
			"%u requests, %s\n",
			(double)t->at / 1e6, t->node, t->record, w->owner[t->record], t->requests,
			t->done ? "done" : "not done");
	}
}

static void tell_lookups(const struct sim_lab *w)
{
	const struct sim_lab_expect *e = &w->plan.lab.expect;
	double rtt = 1.0 / (double)w->rtt;
	uint64_t good, n, second, tried;
	struct sample s;

	count(w, false, false, 0, &good, &n);
	count(w, false, true, 0, &second, &tried);
	share("lookup.success", good, n, e->success_ppm);
	tell_failed(w);
	if (w->plan.lab.retry != 0)
		share("lookup.success.retry", good + second, n, e->retry_ppm);
	s = collect(w, false, false, 0, LATENCY);
	tell("lookup.latency.p50", &s, 500, rtt, "RTT", e->p50);
	tell("lookup.latency.p95", &s, 950, rtt, "RTT", e->p95);
	tell("lookup.latency.p99", &s, 990, rtt, "RTT", 0);
	kith_alloc_free(NULL, s.v);
	s = collect(w, false, false, 0, HOPS);
	line("lookup.hops.mean", mean(&s), "count", s.n);
	kith_alloc_free(NULL, s.v);
	s = collect(w, false, false, 0, ASKED);
	tell("lookup.requests.p50", &s, 500, 1, "count", e->requests_p50 * 1000u);
	tell("lookup.requests.p95", &s, 950, 1, "count", e->requests_p95 * 1000u);
	kith_alloc_free(NULL, s.v);
	s = collect(w, false, false, 0, ASKED_ALL);
	tell("lookup.requests.all.p95", &s, 950, 1, "count", 0);
	kith_alloc_free(NULL, s.v);
	s = collect(w, false, false, 0, BYTES);
	bytes_line("lookup.bytes.cold", &s, e->cold);
	if (w->plan.lab.warm) {
		s = collect(w, false, true, 0, BYTES);
		bytes_line("lookup.bytes.warm", &s, e->warm);
	}
	s = collect(w, false, false, 0, BYTES_ALL);
	bytes_line("lookup.bytes.background", &s, 0);
}

static void tell_second_phase(const struct sim_lab *w)
{
	const struct sim_lab_plan *p = &w->plan.lab;
	struct sample now = collect(w, false, false, 0, LATENCY);
	struct sample other = collect(w, false, false, 1, LATENCY);
	double rtt = 1.0 / (double)w->rtt;
	uint64_t good, n;

	count(w, false, false, 1, &good, &n);
	if (n != 0)
		share(p->storm != 0 ? "before.success" : "late.success", good, n,
		      p->expect.success_ppm);
	if (n != 0)
		tell(p->storm != 0 ? "before.latency.p95" : "late.latency.p95", &other, 950, rtt,
		     "RTT", p->expect.late_p95);
	if (p->storm != 0 && other.n != 0) {
		double ratio = (double)quantile(&now, 950, 0) / (double)quantile(&other, 950, 0);

		line("storm.slower", ratio, "ratio", now.n);
		if (p->expect.slower != 0 && ratio * 1000 > p->expect.slower)
			missed("storm.slower", ratio, p->expect.slower / 1e3);
	}
	kith_alloc_free(NULL, now.v);
	kith_alloc_free(NULL, other.v);
}

static void tell_stores(const struct sim_lab *w)
{
	const struct sim_lab_expect *e = &w->plan.lab.expect;
	struct sample s = collect(w, true, false, 1, LATENCY);
	uint64_t good, n;

	count(w, true, false, 1, &good, &n);
	share("store.acknowledged", good, n, 0);
	tell("store.latency.p50", &s, 500, 1.0 / (double)w->rtt, "RTT", e->store_p50);
	tell("store.latency.p95", &s, 950, 1.0 / (double)w->rtt, "RTT", e->store_p95);
	kith_alloc_free(NULL, s.v);
}

static void limit_line(const char *name, double value, const char *unit, uint64_t n, double limit)
{
	line(name, value, unit, n);
	if (limit > 0 && value > limit)
		missed(name, value, limit);
}

static void tell_nodes(const struct sim_lab *w)
{
	const struct sim_lab_plan *p = &w->plan.lab;
	double seconds = (double)p->idle / 1e6, n = w->honest;
	struct sample heap = {kith_alloc_zero(NULL, w->honest + 1, 8), 0};
	struct sample ready = {kith_alloc_zero(NULL, p->joiners + 1, 8), 0};
	struct sample full = {kith_alloc_zero(NULL, p->joiners + 1, 8), 0};
	uint32_t first = w->honest - p->joiners - p->storm, i;

	KITH_ASSERT(heap.v != NULL && ready.v != NULL && full.v != NULL);
	if (p->idle != 0) {
		/* 28 bytes of IPv4 and UDP head per datagram */
		limit_line("idle.sent",
			   ((double)w->idle_bytes + 28.0 * (double)w->idle_packets) / n / seconds,
			   "B/s", w->honest, p->expect.idle_sent / 1e3);
		line("idle.packets", (double)w->idle_packets / n / seconds, "1/s", w->honest);
		limit_line("idle.cpu", w->cpu_idle / n / seconds * 100.0, "%", w->honest,
			   p->expect.idle_cpu_ppb / 1e7);
	}
	for (i = 0; i < w->honest; i++)
		if (w->node[i].dht != NULL)
			heap.v[heap.n++] = w->node[i].heap;
	for (i = first; i < first + p->joiners; i++) {
		ready.v[ready.n++] =
			w->node[i].ready ? w->node[i].ready_at - w->node[i].started : 3600000000u;
		full.v[full.n++] = w->node[i].full_at - w->node[i].started;
	}
	qsort(heap.v, heap.n, 8, by_value);
	qsort(ready.v, ready.n, 8, by_value);
	qsort(full.v, full.n, 8, by_value);
	tell("bytes_per_node.p95", &heap, 950, 1, "B", (uint64_t)p->expect.memory * 1000u);
	if (p->joiners != 0) {
		tell("join.ready.p95", &ready, 950, 1e-3, "ms", p->expect.ready_ms * 1000u);
		tell("join.full.p95", &full, 950, 1e-3, "ms", p->expect.full_ms * 1000u);
		line("join.peers", (double)w->node[first].peers_seen, "count", 1);
	}
	kith_alloc_free(NULL, heap.v);
	kith_alloc_free(NULL, ready.v);
	kith_alloc_free(NULL, full.v);
}

static void tell_ratio(const struct sim_lab *w)
{
	uint64_t worst = 0, k = 0;
	struct sample sizes = {kith_alloc_zero(NULL, w->honest + 1, 8), 0};

	KITH_ASSERT(sizes.v != NULL);
	for (uint32_t i = 0; i < w->honest; i++) {
		if (w->node[i].dht == NULL)
			continue;
		k = kith_dht_counters(w->node[i].dht)->ratio_max_permille;
		worst = k > worst ? k : worst;
		sizes.v[sizes.n++] = kith_dht_status(w->node[i].dht).size_estimate;
	}
	qsort(sizes.v, sizes.n, 8, by_value);
	limit_line("reply.ratio.max", (double)worst / 1e3, "ratio", w->honest,
		   w->plan.lab.expect.ratio / 1e3);
	line("size.estimate.p50", (double)quantile(&sizes, 500, 0), "nodes", sizes.n);
	kith_alloc_free(NULL, sizes.v);
	if (!w->plan.lab.probe)
		return;
	line("probe.answers", (double)w->probe.answers, "count", w->probe.requests);
	limit_line("probe.ratio.max", (double)w->probe.worst_permille / 1e3, "ratio",
		   w->probe.answers, 1.0);
	limit_line("probe.garbage.answers", (double)w->probe.garbage_answers, "count",
		   w->probe.garbage, 0.5);
}

/* How many of the entries in honest tables are adversaries, in all and in the fullest bucket. */
static void tell_tables(const struct sim_lab *w)
{
	uint64_t entries = 0, evil = 0, far = 0, far_evil = 0;
	struct kith_dht_seed s;
	uint32_t srtt, at;

	for (uint32_t i = 0; i < w->honest; i++)
		for (size_t k = 0; able(w, i) && kith_dht_peer(w->node[i].dht, k, &s, &srtt); k++) {
			at = sim_lab_at(w, &s.addr);
			entries++;
			evil += at >= w->honest;
			if (k >= w->plan.lab.params.k)
				continue;
			far++;
			far_evil += at >= w->honest;
		}
	line("table.peers", (double)entries / w->honest, "count", w->honest);
	if (w->sybils == 0)
		return;
	line("table.sybils", (double)evil * 100.0 / (double)(entries + 1), "%", entries);
	line("table.sybils.farthest", (double)far_evil * 100.0 / (double)(far + 1), "%", far);
}

static void tell_hash(const struct sim_lab *w)
{
	struct kith_hasher h;
	uint8_t chain[8], hash[32];
	char hex[65];

	kith_hasher_init(&h, KITH_L_LOG_ID, 32);
	for (uint32_t i = 0; i < w->count; i++) {
		kith_store_u64(chain, w->node[i].trace);
		kith_hasher_add(&h, chain, sizeof(chain));
	}
	kith_hasher_end(&h, hash);
	kith_hex_encode(hex, hash, 32);
	if (report.json)
		printf("{\"name\":\"trace_hash\",\"value\":\"%s\",\"unit\":\"hex\",\"n\":%u}\n"
		       "{\"name\":\"crypto_level\",\"value\":\"%s\",\"unit\":\"\",\"n\":1}\n",
		       hex, w->honest, w->plan.lab.real ? "real" : "counted");
	else
		printf("%-26s %s\n%-26s %s\n", "trace_hash", hex, "crypto_level",
		       w->plan.lab.real ? "real" : "counted");
}

bool sim_lab_report(struct sim_lab *w, bool json)
{
	struct rusage usage;

	report = (struct sim_report){json, true};
	getrusage(RUSAGE_SELF, &usage);
	if (w->plan.lab.lookups != 0)
		tell_lookups(w);
	tell_second_phase(w);
	if (w->plan.lab.records != 0)
		tell_stores(w);
	tell_nodes(w);
	tell_ratio(w);
	tell_tables(w);
	line("nodes", w->honest + w->sybils, "count", w->sybils);
	line("rtt", (double)w->rtt / 1e3, "ms", 2001);
	line("virtual", (double)w->now / 1e6, "s", 1);
	line("events", (double)w->events, "count", w->honest);
	line("rss", (double)usage.ru_maxrss, "KiB", w->honest);
	line("cpu", (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6, "s", 1);
	tell_hash(w);
	return report.good;
}
