/* SPDX-License-Identifier: ISC */
/*
 * The peer book: an array of entries with a free list, and an open-addressed index of handles
 * (linear probing, backward-shift deletion) hashed with SipHash under a key of the book.
 */
#include "dht/peerbook.h"

#include <string.h>

#include "base/crypto.h"
#include "base/map.h"

_Static_assert(sizeof(struct kith__peer) == 84, "dht.md 3: 84 B");

struct kith_peerbook {
	const struct kith_alloc *alloc;
	struct kith__peer *peers;
	uint32_t *index; /* handle + 1, 0 = empty */
	size_t max, cap, used, index_cap, count;
	uint32_t free_head;
	uint8_t hash_key[16];
};

struct kith_peerbook *kith_peerbook_new(const struct kith_alloc *alloc, size_t max,
					struct kith_rng *rng)
{
	struct kith_peerbook *b = kith_alloc_zero(alloc, 1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->alloc = alloc;
	b->max = max < KITH__NO_PEER - 1u ? max : KITH__NO_PEER - 1u;
	b->free_head = KITH__NO_PEER;
	kith_rng_fill(rng, b->hash_key, sizeof(b->hash_key));
	return b;
}

void kith_peerbook_free(struct kith_peerbook *b)
{
	if (b == NULL)
		return;
	kith_alloc_free(b->alloc, b->peers);
	kith_alloc_free(b->alloc, b->index);
	kith_alloc_free(b->alloc, b);
}

static size_t place(const struct kith_peerbook *b, const uint8_t *key, const struct kith_addr *addr)
{
	uint8_t in[50];

	memcpy(in, key, 32);
	memcpy(in + 32, addr->ip, 16);
	in[48] = (uint8_t)(addr->port >> 8);
	in[49] = (uint8_t)addr->port;
	return (size_t)(kith_siphash(b->hash_key, in, sizeof(in)) & (b->index_cap - 1));
}

static size_t home(const struct kith_peerbook *b, uint32_t peer)
{
	return place(b, b->peers[peer].key, &b->peers[peer].addr);
}

static bool grow_index(struct kith_peerbook *b)
{
	size_t cap = b->index_cap == 0 ? 32 : b->index_cap * 2, i, at;
	uint32_t *old = b->index;
	size_t old_cap = b->index_cap;
	uint32_t *fresh = kith_alloc_zero(b->alloc, cap, sizeof(*fresh));

	if (fresh == NULL)
		return false;
	b->index = fresh;
	b->index_cap = cap;
	for (i = 0; i < old_cap; i++) {
		if (old[i] == 0)
			continue;
		for (at = home(b, old[i] - 1); fresh[at] != 0; at = (at + 1) & (cap - 1))
			;
		fresh[at] = old[i];
	}
	kith_alloc_free(b->alloc, old);
	return true;
}

static uint32_t take_slot(struct kith_peerbook *b)
{
	struct kith__peer *array;
	size_t cap = b->cap + b->cap / 8 + 16; /* not twice: this is half of a node's memory */
	uint32_t peer = b->free_head;

	if (peer != KITH__NO_PEER) {
		b->free_head = kith_load_u32(b->peers[peer].id.b);
		return peer;
	}
	if (b->used == b->cap) {
		cap = cap < b->max ? cap : b->max;
		array = cap > b->cap ? kith_alloc_resize(b->alloc, b->peers, cap, sizeof(*array))
				     : NULL;
		if (array == NULL)
			return KITH__NO_PEER;
		b->peers = array;
		b->cap = cap;
	}
	return (uint32_t)b->used++;
}

uint32_t kith__peer_intern(struct kith_peerbook *b, const uint8_t key[static 32],
			   const struct kith_addr *addr)
{
	struct kith__peer *p;
	uint32_t peer;
	size_t at;

	if (b->count * 4 >= b->index_cap * 3 && !grow_index(b))
		return KITH__NO_PEER;
	for (at = place(b, key, addr); b->index[at] != 0; at = (at + 1) & (b->index_cap - 1)) {
		p = &b->peers[b->index[at] - 1];
		if (memcmp(p->key, key, 32) == 0 && kith_addr_equal(&p->addr, addr)) {
			kith__peer_ref(b, b->index[at] - 1);
			return b->index[at] - 1;
		}
	}
	peer = take_slot(b);
	if (peer == KITH__NO_PEER)
		return peer;
	p = &b->peers[peer];
	memset(p, 0, sizeof(*p));
	memcpy(p->key, key, 32);
	p->addr = *addr;
	p->refs = 1;
	kith__node_id(&p->id, key);
	b->index[at] = peer + 1;
	b->count++;
	return peer;
}

void kith__peer_ref(struct kith_peerbook *b, uint32_t peer)
{
	KITH_ASSERT(peer < b->used && b->peers[peer].refs > 0);
	if (b->peers[peer].refs < UINT16_MAX)
		b->peers[peer].refs++;
}

static void drop_index(struct kith_peerbook *b, uint32_t peer)
{
	size_t mask = b->index_cap - 1, hole = home(b, peer), at, want;

	while (b->index[hole] != peer + 1)
		hole = (hole + 1) & mask;
	for (at = (hole + 1) & mask; b->index[at] != 0; at = (at + 1) & mask) {
		want = home(b, b->index[at] - 1);
		if (((at - want) & mask) >= ((at - hole) & mask)) {
			b->index[hole] = b->index[at];
			hole = at;
		}
	}
	b->index[hole] = 0;
}

void kith__peer_unref(struct kith_peerbook *b, uint32_t peer)
{
	if (peer == KITH__NO_PEER)
		return;
	KITH_ASSERT(peer < b->used && b->peers[peer].refs > 0);
	if (b->peers[peer].refs == UINT16_MAX || --b->peers[peer].refs > 0)
		return;
	drop_index(b, peer);
	kith_store_u32(b->peers[peer].id.b, b->free_head);
	b->free_head = peer;
	b->count--;
}

const struct kith__peer *kith__peer_get(const struct kith_peerbook *b, uint32_t peer)
{
	KITH_ASSERT(peer < b->used && b->peers[peer].refs > 0);
	return &b->peers[peer];
}

size_t kith__peer_count(const struct kith_peerbook *b)
{
	return b->count;
}

void kith__node_id(struct kith_id *id, const uint8_t key[static 32])
{
	kith_hash(id->b, KITH_L_NODE_ID, key, 32);
}

int kith__closer(const struct kith_id *target, const struct kith_id *a, const struct kith_id *b)
{
	size_t i;

	for (i = 0; i < sizeof(target->b); i++)
		if (a->b[i] != b->b[i])
			return (a->b[i] ^ target->b[i]) < (b->b[i] ^ target->b[i]) ? -1 : 1;
	return 0;
}

unsigned kith__shared_bits(const struct kith_id *a, const struct kith_id *b)
{
	unsigned i, bits;

	for (i = 0; i < 32 && a->b[i] == b->b[i]; i++)
		;
	if (i == 32)
		return 256;
	for (bits = 0; (((unsigned)a->b[i] ^ b->b[i]) & (0x80u >> bits)) == 0; bits++)
		;
	return i * 8 + bits;
}

uint64_t kith__distance(const struct kith_id *a, const struct kith_id *b)
{
	uint64_t v = 0;
	unsigned i;

	for (i = 0; i < 8; i++)
		v = v << 8 | (uint64_t)(a->b[i] ^ b->b[i]);
	return v;
}
