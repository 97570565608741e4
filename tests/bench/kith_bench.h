/* SPDX-License-Identifier: ISC */
/*
 * kith-bench: the parts its groups share. Each group prints rows by name; a row is one JSON object
 * per line with --json, else one line for people.
 */
#ifndef KITH_BENCH_H
#define KITH_BENCH_H

#include "base/types.h"

/* What the command line asked for. */
struct bench_options {
	bool json, quick;
	int settle_ms;   /* idle: contact.* alone, after this wait; 0 = all, after the usual one */
	const char *bin; /* folder of kithd */
	const char *dir; /* where folders for profiles are made; NULL = /tmp */
};

extern struct bench_options bench_options;

/* One row: value in `unit`, from n samples. */
void bench_row(const char *name, double value, const char *unit, uint64_t n);
/* The same with the count of samples that failed. */
void bench_share(const char *name, double value, const char *unit, uint64_t n, uint64_t failures);
/* Sorts v (n >= 1) and prints name.p50 and name.p99. */
void bench_quantiles(const char *name, double *v, size_t n, const char *unit);
/* The p-th percentile of sorted v. */
double bench_percentile(const double *v, size_t n, double p);
void bench_sort(double *v, size_t n);
/* Monotonic microseconds. */
double bench_us(void);
/* Says on standard error why the group cannot go on; returns 1. */
int bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The groups; 0 = done, 1 = failed, 77 = cannot run here. */
int bench_crypto(void);
int bench_net(void);
int bench_message(void);
int bench_store(void);
int bench_join(void);
int bench_idle(void);
int bench_mailbox(void);

#endif
