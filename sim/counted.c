/* SPDX-License-Identifier: ISC */
/*
 * The crypto level "counted": kith-sim is linked with --wrap for three functions of base, so the
 * engines' objects stay those of kithd. Public keys are computed for real, hence ids and routes
 * are those of the level "real"; the secret of a pair of keys is a hash of both, and the check of a
 * record is done once and remembered. Off unless sim_counted_on was called.
 */
#include <string.h>

#include "base/alloc.h"
#include "sim/lab.h"

int sim_wrap_dh(uint8_t out[static 32], const uint8_t sk[static 32],
		const uint8_t pk[static 32]) __asm__("__wrap_kith_dh");
int sim_real_dh(uint8_t out[static 32], const uint8_t sk[static 32],
		const uint8_t pk[static 32]) __asm__("__real_kith_dh");
void sim_wrap_dh_public(uint8_t pk[static 32],
			const uint8_t sk[static 32]) __asm__("__wrap_kith_dh_public");
void sim_real_dh_public(uint8_t pk[static 32],
			const uint8_t sk[static 32]) __asm__("__real_kith_dh_public");
int sim_wrap_record_check(const uint8_t record[static KITH_RECORD], struct kith_id *key,
			  uint64_t *seq) __asm__("__wrap_kith_record_check");
int sim_real_record_check(const uint8_t record[static KITH_RECORD], struct kith_id *key,
			  uint64_t *seq) __asm__("__real_kith_record_check");

#define CHECKS 65536u

struct pair {
	uint8_t secret[32], key[32];
};
struct checked {
	uint8_t hash[32];
	struct kith_id key;
	uint64_t seq;
	int status;
	bool used;
};

static struct {
	bool on;
	struct pair *pair; /* open addressing by the first bytes of the secret */
	size_t count, cap;
	struct checked *checked;
} counted;

void sim_counted_on(void)
{
	counted.checked = kith_alloc_zero(NULL, CHECKS, sizeof(*counted.checked));
	counted.on = counted.checked != NULL;
}

bool sim_counted(void)
{
	return counted.on;
}

void sim_counted_free(void)
{
	kith_alloc_free(NULL, counted.pair);
	kith_alloc_free(NULL, counted.checked);
	memset(&counted, 0, sizeof(counted));
}

static struct pair *pair_find(const uint8_t *secret)
{
	size_t at = kith_load_u64(secret + 8) & (counted.cap - 1);

	while (!kith_is_zero(counted.pair[at].key, 32) &&
	       memcmp(counted.pair[at].secret, secret, 32) != 0)
		at = (at + 1) & (counted.cap - 1);
	return &counted.pair[at];
}

static bool pair_room(void)
{
	struct pair *old = counted.pair;
	size_t had = counted.cap;

	if (counted.count * 2 < counted.cap)
		return true;
	counted.cap = had == 0 ? 1024 : had * 2;
	counted.pair = kith_alloc_zero(NULL, counted.cap, sizeof(*counted.pair));
	if (counted.pair == NULL)
		return false;
	for (size_t i = 0; i < had; i++)
		if (!kith_is_zero(old[i].key, 32))
			*pair_find(old[i].secret) = old[i];
	kith_alloc_free(NULL, old);
	return true;
}

void sim_counted_shared(uint8_t out[static 32], const uint8_t a[static 32],
			const uint8_t b[static 32])
{
	bool first = memcmp(a, b, 32) < 0;
	uint8_t in[64];

	memcpy(in, first ? a : b, 32);
	memcpy(in + 32, first ? b : a, 32);
	kith_blake2b(out, in, sizeof(in));
}

void sim_wrap_dh_public(uint8_t pk[static 32], const uint8_t sk[static 32])
{
	struct pair *p;

	sim_real_dh_public(pk, sk);
	if (!counted.on || !pair_room())
		return;
	p = pair_find(sk);
	if (kith_is_zero(p->key, 32))
		counted.count++;
	memcpy(p->secret, sk, 32);
	memcpy(p->key, pk, 32);
}

int sim_wrap_dh(uint8_t out[static 32], const uint8_t sk[static 32], const uint8_t pk[static 32])
{
	const struct pair *p = counted.on && counted.cap != 0 ? pair_find(sk) : NULL;

	if (p == NULL || kith_is_zero(p->key, 32))
		return sim_real_dh(out, sk, pk);
	sim_counted_shared(out, p->key, pk);
	return KITH_OK;
}

int sim_wrap_record_check(const uint8_t record[static KITH_RECORD], struct kith_id *key,
			  uint64_t *seq)
{
	struct checked *c;
	uint8_t hash[32];

	if (!counted.on)
		return sim_real_record_check(record, key, seq);
	kith_blake2b(hash, record, KITH_RECORD);
	c = &counted.checked[kith_load_u64(hash) % CHECKS];
	if (!c->used || memcmp(c->hash, hash, 32) != 0) {
		c->status = sim_real_record_check(record, &c->key, &c->seq);
		memcpy(c->hash, hash, 32);
		c->used = true;
	}
	if (c->status != KITH_OK)
		return c->status;
	*key = c->key;
	*seq = c->seq;
	return KITH_OK;
}
