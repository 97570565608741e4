/* SPDX-License-Identifier: ISC */
/*
 * Many engines on one in-memory wire in virtual time: a heap of datagrams, a latency per pair of
 * nodes drawn from the seed, and a loss rate. Everything follows from the seed.
 */
#ifndef KITH_TESTS_UNIT_DHT_WORLD_H
#define KITH_TESTS_UNIT_DHT_WORLD_H

#include "dht/internal.h"

struct node {
	struct kith_dht *dht;
	struct kith_dht_config cfg;
	struct kith_addr addr;
	uint8_t key[32];
	bool dead;
	kith_time wake; /* time of its timer in the heap */
	struct kith_rng rng;
	uint64_t rng_state;
	/* what events told */
	kith_time ready_at;
	struct kith_dht_event last[KITH_DHT_SPLIT + 1]; /* the last of each kind; record: copied */
	unsigned events[KITH_DHT_SPLIT + 1];
	uint8_t record[KITH_RECORD];
	kith_time last_at[KITH_DHT_SPLIT + 1];
	/* log of operations for measurements */
};

struct flight {
	kith_time at;
	uint64_t order;
	uint32_t to, from;
	size_t len;
	uint8_t *data; /* NULL: a timer */
};

struct world {
	struct node *node;
	size_t count, cap;
	struct flight *heap;
	size_t flights, flight_cap;
	uint64_t order;
	kith_time now;
	uint64_t random;
	unsigned loss_permille;
	kith_time latency_min, latency_span; /* one way, us */
	uint64_t datagrams, bytes;
	/* Each event as it happens; may be NULL. */
	void (*on_event)(struct world *w, uint32_t node, const struct kith_dht_event *e);
	/* Each datagram before it is queued; false drops it. May be NULL. */
	bool (*on_send)(struct world *w, uint32_t from, const struct kith_dgram_out *out);
	void *ctx;
	struct kith_peerbook *book; /* shared by all nodes when set */
	struct kith_rng book_rng;
	uint64_t book_state;
	uint64_t epoch; /* unix seconds at virtual time 0 */
};

void world_init(struct world *w, uint64_t seed, size_t cap);
void world_free(struct world *w);
/* A new engine with an address of its own (a /16 each, or `addr`). Returns its number. */
uint32_t world_add(struct world *w, enum kith_dht_mode mode, uint32_t network,
		   const struct kith_addr *addr, uint8_t services);
/* Gives node `a` the contact of node `b`. */
void world_seed(struct world *w, uint32_t a, uint32_t b);
/* Runs until `until`. */
void world_run(struct world *w, kith_time until);
/* Drains a node after a command. */
void world_kick(struct world *w, uint32_t i);
void world_kill(struct world *w, uint32_t i);
/* A signed record under a fresh key: content from `n`. */
void world_record(uint8_t out[static KITH_RECORD], uint64_t n, uint64_t seq, struct kith_id *key);

#endif
