/* SPDX-License-Identifier: ISC */
/*
 * A capped hash map from fixed-size keys to u32 values, for the tables of the engines.
 *
 * Open addressing with linear probing and backward-shift deletion; hashed with SipHash-2-4 under a
 * key drawn by the owner, so hostile keys cannot collide at will. The order inside never shows:
 * there is no iteration. Values are usually indices into an array of the owner.
 */
#ifndef KITH_BASE_MAP_H
#define KITH_BASE_MAP_H

#include "base/alloc.h"
#include "base/types.h"

struct kith_map {
	const struct kith_alloc *alloc;
	uint8_t *slots; /* key bytes | u32 value | u8 used, each slot */
	size_t key_len;
	size_t cap; /* slots, power of two or 0 */
	size_t count;
	size_t max;
	uint8_t hash_key[16];
};

/* An empty map for keys of `key_len` bytes (1..64), at most `max` of them. Allocates nothing. */
void kith_map_init(struct kith_map *m, const struct kith_alloc *alloc, size_t key_len, size_t max,
		   struct kith_rng *rng);
/* Wipes and frees; the map is then empty and may be used again. */
void kith_map_wipe(struct kith_map *m);
/* True and *value set when `key` is there. */
bool kith_map_get(const struct kith_map *m, const void *key, uint32_t *value);
/* Inserts or replaces. Errors: KITH_E_FULL, KITH_E_NOMEM. */
int kith_map_put(struct kith_map *m, const void *key, uint32_t value) KITH_MUST_USE;
/* True when it was there. */
bool kith_map_remove(struct kith_map *m, const void *key);
/* SipHash-2-4 of `len` bytes (for other tables). Source: Aumasson, Bernstein 2012. */
uint64_t kith_siphash(const uint8_t key[static 16], const void *data, size_t len);

#endif
