/* SPDX-License-Identifier: ISC */
#include "base/map.h"

#include <string.h>

#include "tests/test.h"

/* The first answers of the table in the SipHash-2-4 reference: key 00..0f, data 00, 00 01, ... */
TEST(map_siphash)
{
	static const uint64_t want[] = {
		0x726fdb47dd0e0e31u, 0x74f839c593dc67fdu, 0x0d6c8009d9a94f5au,
		0x85676696d7fb7e2du, 0xcf2794e0277187b7u, 0x18765564cd99a68du,
		0xcbc9466e58fee3ceu, 0xab0200f58b01d137u, 0x93f5f5799a932462u,
	};
	uint8_t key[16], data[16];
	uint8_t i;

	for (i = 0; i < 16; i++)
		key[i] = data[i] = i;
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		CHECK_EQ(kith_siphash(key, data, i), want[i]);
	CHECK_EQ(kith_siphash(key, data, 15), 0xa129ca6149be45e5u); /* the paper, appendix A */
}

#define KEYS 512u
#define MAX  300u

struct twin {
	bool there[KEYS];
	uint32_t value[KEYS];
	size_t count;
};

static void key_of(uint8_t key[24], uint32_t number)
{
	memset(key, 0x5a, 24);
	memcpy(key + 7, &number, sizeof(number));
}

static void step(struct kith_map *m, struct twin *t, uint64_t *state, bool growing)
{
	uint64_t draw = test_random(state);
	uint32_t n = (uint32_t)(draw % KEYS), value = 77;
	uint8_t key[24];
	int want;

	key_of(key, n);
	CHECK_EQ(kith_map_get(m, key, &value), t->there[n]);
	CHECK_EQ(value, t->there[n] ? t->value[n] : 77);
	if ((draw >> 32) % 5 < (growing ? 3u : 1u)) {
		want = !t->there[n] && t->count == MAX ? KITH_E_FULL : KITH_OK;
		CHECK_EQ(kith_map_put(m, key, (uint32_t)(draw >> 40)), want);
		if (want == KITH_OK) {
			t->count += !t->there[n];
			t->there[n] = true;
			t->value[n] = (uint32_t)(draw >> 40);
		}
	} else {
		CHECK_EQ(kith_map_remove(m, key), t->there[n]);
		t->count -= t->there[n];
		t->there[n] = false;
	}
	CHECK_EQ(m->count, t->count);
}

TEST(map_against_twin)
{
	static struct twin t;
	struct kith_rng rng = test_rng(test_seed());
	uint64_t state = test_seed();
	struct kith_map m;
	uint32_t value;
	uint8_t key[24];
	uint32_t i;
	bool was_full = false;

	kith_map_init(&m, NULL, 24, MAX, &rng);
	for (i = 0; i < 100000; i++) {
		step(&m, &t, &state, i / 5000 % 2 == 0);
		was_full |= t.count == MAX;
	}
	CHECK(was_full);
	for (i = 0; i < KEYS; i++) {
		key_of(key, i);
		CHECK_EQ(kith_map_get(&m, key, &value), t.there[i]);
	}
	kith_map_wipe(&m);
	CHECK_EQ(m.count, 0);
	CHECK(!kith_map_get(&m, key, &value));
	CHECK(!kith_map_remove(&m, key));
	CHECK_OK(kith_map_put(&m, key, 5));
	CHECK(kith_map_get(&m, key, &value));
	CHECK_EQ(value, 5);
	kith_map_wipe(&m);
}

static void *no_memory(void *ctx, void *p, size_t size)
{
	unsigned *left = ctx;

	if (size == 0)
		return kith_alloc_heap()->resize(NULL, p, 0);
	if (*left == 0)
		return NULL;
	(*left)--;
	return kith_alloc_heap()->resize(NULL, p, size);
}

TEST(map_without_memory)
{
	struct kith_rng rng = test_rng(1);
	unsigned left = 0;
	struct kith_alloc alloc = {no_memory, &left};
	struct kith_map m;
	uint32_t i, value;

	kith_map_init(&m, &alloc, 4, 1000, &rng);
	i = 0;
	CHECK_EQ(kith_map_put(&m, &i, 1), KITH_E_NOMEM);
	left = 1;
	for (i = 0; kith_map_put(&m, &i, i) == KITH_OK; i++)
		CHECK(i < 1000);
	CHECK_EQ(i, 12); /* 3/4 of the first 16 slots */
	CHECK_EQ(m.count, 12);
	for (i = 0; i < 12; i++) {
		CHECK(kith_map_get(&m, &i, &value));
		CHECK_EQ(value, i);
	}
	kith_map_wipe(&m);
}
