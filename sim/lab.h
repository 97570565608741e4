/* SPDX-License-Identifier: ISC */
/*
 * The laboratory of the DHT: bare engines of dht/ on a virtual wire, and the adversaries that
 * trouble them. Inside sim/ only. docs/simulation.md, dht.md 15-16.
 */
#ifndef KITH_SIM_LAB_H
#define KITH_SIM_LAB_H

#include "base/record.h"
#include "dht/dht.h"
#include "sim/sim.h"

/* ---- counted.c: stand-ins of equal shape for X25519 and record checks ---- */
/* From here on kith_dh between keys that were made by kith_dh_public in this process is a hash of
 * both public keys, and a record is checked once. Node ids, and so all routes, stay the same. */
void sim_counted_on(void);
bool sim_counted(void);
/* The stand-in for the secret that the owners of two public keys share. */
void sim_counted_shared(uint8_t out[static 32], const uint8_t a[static 32],
			const uint8_t b[static 32]);
void sim_counted_free(void);

/* ---- evil.c: nodes that speak the protocol by a codec of their own, and lie ---- */
#define SIM_EVIL_COOKIES 192u
struct sim_evil_cookie {
	uint32_t peer; /* node number + 1 */
	uint8_t cookie[8];
};
struct sim_evil {
	uint8_t secret[32];
	uint32_t key_of; /* ground: 1 + number of the round whose key it stands next to */
	uint32_t rounds; /* of introductions */
	struct sim_evil_cookie *cookie;
};

/* What a stranger without cookies got for his requests. */
struct sim_probe {
	uint64_t requests, answers, garbage, garbage_answers;
	uint64_t worst_permille; /* longest answer / its request */
};

/* ---- lab.c: nodes and wires ---- */
struct sim_lab_node {
	struct kith_dht *dht; /* NULL: an adversary, or not started */
	struct sim_evil *evil;
	struct kith_peerbook *book; /* NULL: the shared one */
	struct kith_dht_config cfg;
	struct kith_drbg drbg;
	struct kith_rng rng;
	struct kith_alloc alloc;
	uint64_t heap, heap_max; /* bytes allocated now, and at most */
	uint8_t key[32];
	struct kith_id id;
	struct kith_addr addr;
	uint32_t x, y; /* place on the plane, 0..65,535 */
	uint32_t made, boots;
	bool dead, ready;
	kith_time timer_at, started, ready_at, full_at;
	size_t peers_seen;
	uint64_t trace, sent, sent_bytes, received;
};

/* One lookup or publication that is measured. */
struct sim_try {
	struct kith_id key;
	kith_time at, first, again_at;
	uint32_t node, op, record, phase;
	bool done, found, store, again; /* again: the second try, or the warm repetition */
	unsigned acks, requests, requests_found, hops;
	uint64_t bytes_found, bytes_all;
};

struct sim_lab {
	struct sim_plan plan;
	kith_time now, rtt; /* rtt: median of the wire */
	struct sim_queue queue;
	struct sim_draw draw;
	struct sim_lab_node *node;
	uint32_t count, honest, made; /* honest nodes come first */
	uint32_t sybils, prober;      /* then random adversaries, ground ones, the prober */
	struct kith_peerbook *book;
	struct kith_drbg drbg;
	struct kith_rng rng;
	struct sim_try *tries;
	size_t tried, try_cap;
	uint8_t *record; /* KITH_RECORD each */
	struct kith_id *key;
	uint32_t *owner;
	uint32_t records;
	uint32_t round;
	uint64_t events;
	struct sim_probe probe;
	double cpu_from, cpu_idle;
	uint64_t idle_bytes, idle_packets;
};
bool sim_lab_init(struct sim_lab *w, const struct sim_plan *plan);
void sim_lab_free(struct sim_lab *w);
/* Starts or restarts honest node i with `seeds` (or, when 0, the contacts it had). */
bool sim_lab_boot(struct sim_lab *w, uint32_t i, unsigned seeds);
void sim_lab_run(struct sim_lab *w, kith_time until);
/* After a command on the engine of node i: sends, takes events, sets the timer. */
void sim_lab_turn(struct sim_lab *w, uint32_t i);
void sim_lab_send(struct sim_lab *w, uint32_t from, const struct kith_addr *to, const uint8_t *data,
		  size_t len);
void sim_lab_timer(struct sim_lab *w, uint32_t i, kith_time at);
uint32_t sim_lab_at(const struct sim_lab *w, const struct kith_addr *a);
kith_time sim_lab_delay(const struct sim_lab *w, uint32_t a, uint32_t b);

/* ---- evil.c ---- */
bool sim_evil_init(struct sim_lab *w, uint32_t i);
void sim_evil_input(struct sim_lab *w, uint32_t i, const struct sim_event *e);
void sim_evil_tick(struct sim_lab *w, uint32_t i);
/* Draws keys until the ids of the round's adversaries are nearer to `key` than any honest one. */
void sim_evil_grind(struct sim_lab *w, uint32_t round, const struct kith_id *key);
void sim_evil_free(struct sim_lab_node *n);
/* Every method at every length, tokens and cookies made up, and garbage, from the prober to all. */
void sim_evil_probe(struct sim_lab *w);

/* ---- lab_run.c, lab_report.c ---- */
void sim_lab_event(struct sim_lab *w, uint32_t i, const struct kith_dht_event *e);
bool sim_lab_scenario(struct sim_lab *w);
/* Prints the figures; true when every expectation holds. */
bool sim_lab_report(struct sim_lab *w, bool json);

#endif
