/* SPDX-License-Identifier: ISC */
/*
 * Interned peers: id, key and address under one u32 handle (dht.md 3). Two entries with one key and
 * different addresses are different entries, so a lie about a known key changes nothing.
 */
#ifndef KITH_DHT_PEERBOOK_H
#define KITH_DHT_PEERBOOK_H

#include "base/addr.h"
#include "dht/dht.h"

#define KITH__NO_PEER UINT32_MAX

/* 84 B. */
struct kith__peer {
	struct kith_id id;
	uint8_t key[32];
	struct kith_addr addr;
	uint16_t refs; /* sticks at 65,535: then it is never given back */
};

/* The handle of (key, addr) with one reference more; KITH__NO_PEER: full or no memory. */
uint32_t kith__peer_intern(struct kith_peerbook *b, const uint8_t key[static 32],
			   const struct kith_addr *addr);
void kith__peer_ref(struct kith_peerbook *b, uint32_t peer);
void kith__peer_unref(struct kith_peerbook *b, uint32_t peer); /* KITH__NO_PEER is legal */
/* Valid until the next intern. */
const struct kith__peer *kith__peer_get(const struct kith_peerbook *b, uint32_t peer);
size_t kith__peer_count(const struct kith_peerbook *b);

/* Node id of a node key (crypto.md 7). */
void kith__node_id(struct kith_id *id, const uint8_t key[static 32]);
/* <0, 0, >0: which of a, b is nearer to `target`, over all 256 bits. */
int kith__closer(const struct kith_id *target, const struct kith_id *a, const struct kith_id *b);
/* Leading bits that a and b share, 0..256. */
unsigned kith__shared_bits(const struct kith_id *a, const struct kith_id *b);
/* The first 64 bits of the distance. */
uint64_t kith__distance(const struct kith_id *a, const struct kith_id *b);

#endif
