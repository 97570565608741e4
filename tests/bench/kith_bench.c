/* SPDX-License-Identifier: ISC */
/*
 * kith-bench GROUP.. [--json] [--quick] [--settle S] [--bin DIR] [--dir DIR]: figures of this
 * build on this machine. Run it on a quiet machine, built with the preset release. Names are
 * stable; what they mean is in tests/bench/kith_bench.md.
 */
#include "tests/bench/kith_bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/crypto.h"

struct bench_options bench_options;

void bench_share(const char *name, double value, const char *unit, uint64_t n, uint64_t failures)
{
	if (bench_options.json)
		printf("{\"name\":\"%s\",\"value\":%.4g,\"unit\":\"%s\",\"n\":%llu,"
		       "\"failures\":%llu}\n",
		       name, value, unit, (unsigned long long)n, (unsigned long long)failures);
	else
		printf("%-30s %12.4g %-6s n=%llu failures=%llu\n", name, value, unit,
		       (unsigned long long)n, (unsigned long long)failures);
	(void)fflush(stdout);
}

void bench_row(const char *name, double value, const char *unit, uint64_t n)
{
	if (bench_options.json)
		printf("{\"name\":\"%s\",\"value\":%.6g,\"unit\":\"%s\",\"n\":%llu}\n", name, value,
		       unit, (unsigned long long)n);
	else
		printf("%-30s %12.6g %-6s n=%llu\n", name, value, unit, (unsigned long long)n);
	(void)fflush(stdout);
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void bench_sort(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), compare);
}

double bench_percentile(const double *v, size_t n, double p)
{
	size_t at = (size_t)((double)n * p / 100.0);

	return v[at < n ? at : n - 1];
}

void bench_quantiles(const char *name, double *v, size_t n, const char *unit)
{
	char full[64];

	bench_sort(v, n);
	(void)snprintf(full, sizeof(full), "%s.p50", name);
	bench_row(full, bench_percentile(v, n, 50), unit, n);
	(void)snprintf(full, sizeof(full), "%s.p99", name);
	bench_row(full, bench_percentile(v, n, 99), unit, n);
}

double bench_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int bench_fail(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)fputs("kith-bench: ", stderr);
	(void)vfprintf(stderr, format, ap);
	(void)fputs("\n", stderr);
	va_end(ap);
	return 1;
}

static const struct {
	const char *name;
	int (*run)(void);
} groups[] = {
	{"crypto", bench_crypto}, {"net", bench_net},   {"message", bench_message},
	{"join", bench_join},     {"idle", bench_idle}, {"mailbox", bench_mailbox},
	{"store", bench_store},
};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static int usage(void)
{
	(void)fputs("usage: kith-bench GROUP.. [--json] [--quick] [--settle S] [--bin DIR] "
		    "[--dir DIR]\n"
		    "groups:",
		    stderr);
	for (size_t i = 0; i < GROUPS; i++)
		(void)fprintf(stderr, " %s", groups[i].name);
	(void)fputs(" all\n", stderr);
	return 2;
}

static bool group_known(const char *name)
{
	bool known = strcmp(name, "all") == 0;

	for (size_t i = 0; i < GROUPS; i++)
		known |= strcmp(name, groups[i].name) == 0;
	return known;
}

static int run_groups(bool wanted[GROUPS])
{
	int worst = 0;

	for (size_t i = 0; i < GROUPS; i++) {
		int code = wanted[i] ? groups[i].run() : 0;

		if (code != 0 && worst != 1)
			worst = code;
	}
	return worst;
}

int main(int argc, char **argv)
{
	bool wanted[GROUPS] = {false}, any = false;
	const char *fault = kith_crypto_start();

	if (fault != NULL)
		return bench_fail("self-test failed: %s", fault);
	bench_options.bin = getenv("KITH_BIN");
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			bench_options.json = true;
		} else if (strcmp(argv[i], "--quick") == 0) {
			bench_options.quick = true;
		} else if (strcmp(argv[i], "--settle") == 0 && i + 1 < argc) {
			bench_options.settle_ms = 1000 * (int)strtol(argv[++i], NULL, 10);
		} else if (strcmp(argv[i], "--bin") == 0 && i + 1 < argc) {
			bench_options.bin = argv[++i];
		} else if (strcmp(argv[i], "--dir") == 0 && i + 1 < argc) {
			bench_options.dir = argv[++i];
		} else if (group_known(argv[i])) {
			any = true;
			for (size_t g = 0; g < GROUPS; g++)
				wanted[g] |= strcmp(argv[i], groups[g].name) == 0 ||
					     strcmp(argv[i], "all") == 0;
		} else {
			return usage();
		}
	}
	return any ? run_groups(wanted) : usage();
}
