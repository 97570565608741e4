/* SPDX-License-Identifier: ISC */
/*
 * Real kithd processes for the benches: started in a folder of their own on loopback, driven over
 * their control sockets, ended by their process ids.
 */
#ifndef KITH_BENCH_NODE_H
#define KITH_BENCH_NODE_H

#include <jansson.h>
#include <sys/types.h>

#include "tests/bench/kith_bench.h"

enum { BENCH_NODES_MAX = 80, BENCH_LINE = 1 << 20 };

struct bench_node {
	bool always_on;
	bool slow; /* each batch of writes to its disk waits 20 ms (tests/e2e/e2e_slow_disk.c) */
	unsigned number;
	pid_t pid; /* 0: not running */
	int fd;    /* control connection, -1: none */
	char hint[96], link[512];
	char *line; /* bytes read and not yet taken: from start to used */
	size_t start, used;
};

/* A fresh folder and network id. False: cannot; a sentence was printed. */
bool bench_lab_open(void);
/* The profile folder of node `number`, made here. False: cannot. */
bool bench_lab_path(unsigned number, char *out, size_t cap);
/* Ends what still runs (kill -9 by process id), removes the folder. */
void bench_lab_close(void);

/* Node `number` (port and folder follow from it); its hint is known afterwards. */
bool bench_node_init(struct bench_node *n, unsigned number, bool always_on);
/* Starts it with these starting points; true when its control socket answers. */
bool bench_node_start(struct bench_node *n, const char *const *hints, size_t count);
/* The same in two halves, for many at once: launch does not wait. */
bool bench_node_launch(struct bench_node *n, const char *const *hints, size_t count);
/* Connects, up to the deadline in monotonic microseconds. */
bool bench_node_attach(struct bench_node *n, double deadline_us);
/* kill -9. */
void bench_node_kill(struct bench_node *n);
void bench_node_free(struct bench_node *n);

/* Writes one call; `params` is taken over. */
bool bench_node_send(struct bench_node *n, int id, const char *method, json_t *params);
/* Writes ready lines, as one program with many calls at hand does. */
bool bench_node_write(struct bench_node *n, const char *text, size_t len);
/* Next line of the connection, within wait_ms; NULL: none came. */
json_t *bench_node_line(struct bench_node *n, int wait_ms);
/* Sends a call and waits up to 10 s for its result; NULL on an error object. Events that arrive
 * meanwhile are dropped. */
json_t *bench_node_call(struct bench_node *n, const char *method, json_t *params);
/* Makes a and b contacts; the conversation handles go to conversation[0] (of a) and [1]. */
bool bench_befriend(struct bench_node *a, struct bench_node *b, char conversation[2][40]);
/* A number or text of node.status, by path of two keys (second may be NULL). */
double bench_node_number(struct bench_node *n, const char *key, const char *key2);
bool bench_node_online(struct bench_node *n);
/* From /proc: KiB, clock ticks of CPU, voluntary context switches of all threads. */
double bench_node_rss(const struct bench_node *n);
double bench_node_ticks(const struct bench_node *n);
double bench_node_switches(const struct bench_node *n);

#endif
