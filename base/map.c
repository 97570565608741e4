/* SPDX-License-Identifier: ISC */
/*
 * The capped map, and SipHash-2-4 under it (Aumasson, Bernstein: SipHash, 2012, section 2).
 *
 * Slots lie in one block. The load stays at or below 3/4. Removal shifts the following cluster back
 * instead of leaving marks, so a table that lives for months does not slow down.
 */
#include "base/map.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crypto.h"

#define FIRST_SLOTS 16u

/* ---- SipHash-2-4 ---- */

static uint64_t rotl(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] = rotl(v[2], 32);
}

static void sip_absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

uint64_t kith_siphash(const uint8_t key[static 16], const void *data, size_t len)
{
	uint64_t k0 = kith_load_u64(key), k1 = kith_load_u64(key + 8);
	uint64_t v[4] = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
			 k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u};
	const uint8_t *p = data;
	uint8_t last[8] = {0};
	size_t left;
	int i;

	for (left = len; left >= 8; left -= 8, p += 8)
		sip_absorb(v, kith_load_u64(p));
	if (left != 0)
		memcpy(last, p, left);
	last[7] = (uint8_t)len;
	sip_absorb(v, kith_load_u64(last));
	v[2] ^= 0xff;
	for (i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- the map ---- */

static size_t slot_size(const struct kith_map *m)
{
	return m->key_len + 5;
}

static uint8_t *slot_at(const struct kith_map *m, size_t i)
{
	return m->slots + i * slot_size(m);
}

static bool slot_used(const struct kith_map *m, const uint8_t *slot)
{
	return slot[m->key_len + 4] != 0;
}

static size_t home_of(const struct kith_map *m, const void *key)
{
	return (size_t)kith_siphash(m->hash_key, key, m->key_len) & (m->cap - 1);
}

/* Index of the slot with `key`, or of the free slot where it belongs. Needs a free slot. */
static size_t find(const struct kith_map *m, const void *key)
{
	size_t i = home_of(m, key);

	while (slot_used(m, slot_at(m, i)) && memcmp(slot_at(m, i), key, m->key_len) != 0)
		i = (i + 1) & (m->cap - 1);
	return i;
}

static void fill(struct kith_map *m, uint8_t *slot, const void *key, uint32_t value)
{
	memcpy(slot, key, m->key_len);
	kith_store_u32(slot + m->key_len, value);
	slot[m->key_len + 4] = 1;
}

static int grow(struct kith_map *m)
{
	struct kith_map next = *m;
	size_t i;

	next.cap = m->cap == 0 ? FIRST_SLOTS : m->cap * 2;
	next.slots = kith_alloc_zero(m->alloc, next.cap, slot_size(m));
	if (next.slots == NULL)
		return KITH_E_NOMEM;
	for (i = 0; i < m->cap; i++) {
		const uint8_t *slot = slot_at(m, i);

		if (slot_used(m, slot))
			memcpy(slot_at(&next, find(&next, slot)), slot, slot_size(m));
	}
	if (m->slots != NULL)
		kith_wipe(m->slots, m->cap * slot_size(m));
	kith_alloc_free(m->alloc, m->slots);
	m->slots = next.slots;
	m->cap = next.cap;
	return KITH_OK;
}

void kith_map_init(struct kith_map *m, const struct kith_alloc *alloc, size_t key_len, size_t max,
		   struct kith_rng *rng)
{
	KITH_ASSERT(key_len >= 1 && key_len <= 64);
	m->alloc = alloc;
	m->slots = NULL;
	m->key_len = key_len;
	m->cap = 0;
	m->count = 0;
	m->max = max;
	kith_rng_fill(rng, m->hash_key, sizeof(m->hash_key));
}

void kith_map_wipe(struct kith_map *m)
{
	if (m->slots != NULL)
		kith_wipe(m->slots, m->cap * slot_size(m));
	kith_alloc_free(m->alloc, m->slots);
	m->slots = NULL;
	m->cap = 0;
	m->count = 0;
}

bool kith_map_get(const struct kith_map *m, const void *key, uint32_t *value)
{
	const uint8_t *slot;

	if (m->count == 0)
		return false;
	slot = slot_at(m, find(m, key));
	if (!slot_used(m, slot))
		return false;
	*value = kith_load_u32(slot + m->key_len);
	return true;
}

int kith_map_put(struct kith_map *m, const void *key, uint32_t value)
{
	uint8_t *slot;
	int err;

	if (m->cap != 0) {
		slot = slot_at(m, find(m, key));
		if (slot_used(m, slot)) {
			kith_store_u32(slot + m->key_len, value);
			return KITH_OK;
		}
	}
	if (m->count >= m->max)
		return KITH_E_FULL;
	if ((m->count + 1) * 4 > m->cap * 3) {
		err = grow(m);
		if (err != KITH_OK)
			return err;
	}
	fill(m, slot_at(m, find(m, key)), key, value);
	m->count++;
	return KITH_OK;
}

bool kith_map_remove(struct kith_map *m, const void *key)
{
	size_t mask = m->cap - 1;
	size_t hole, i;

	if (m->count == 0)
		return false;
	hole = find(m, key);
	if (!slot_used(m, slot_at(m, hole)))
		return false;
	for (i = (hole + 1) & mask; slot_used(m, slot_at(m, i)); i = (i + 1) & mask) {
		size_t home = home_of(m, slot_at(m, i));

		/* It may fill the hole unless its home lies cyclically behind the hole. */
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		memcpy(slot_at(m, hole), slot_at(m, i), slot_size(m));
		hole = i;
	}
	kith_wipe(slot_at(m, hole), slot_size(m));
	m->count--;
	return true;
}
