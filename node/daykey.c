/* SPDX-License-Identifier: ISC */
/*
 * The key that the DHT goes by (dht.md 2). A user's node asks and publishes as a client under a key
 * of the day, which no table holds and nobody can follow; while it serves (reach.c) it keeps the
 * key it has. An always-on node serves under the key of its profile from the start.
 */
#include <string.h>

#include "node/internal.h"

void kith__daykey(const struct kith_node *n, uint8_t secret[static 32])
{
	uint8_t in[12];

	if (n->cfg.role == KITH_ROLE_ALWAYS_ON) {
		memcpy(secret, n->cfg.node_secret, 32);
		return;
	}
	kith_store_u64(in, n->key_day);
	kith_store_u32(in + 8, n->key_changes);
	kith_kdf(secret, n->cfg.node_secret, 32, KITH_L_NODE_DAY, in, sizeof(in));
}

/* The table is found anew from what is known: a client stands in nobody's, so nothing is lost. */
static void renew(struct kith_node *n)
{
	struct kith_dht_seed seed[64];
	size_t count = kith_dht_save(n->dht, seed, sizeof(seed) / sizeof(seed[0]));
	uint8_t secret[32];

	kith__daykey(n, secret);
	kith_dht_set_key(n->dht, secret, n->now);
	kith_wipe(secret, sizeof(secret));
	for (size_t i = 0; i < count; i++)
		if (kith_dht_seed_contact(n->dht, &seed[i], n->now) == KITH_E_FULL)
			break;
}

void kith__daykey_moved(struct kith_node *n)
{
	if (n->cfg.role == KITH_ROLE_ALWAYS_ON)
		return;
	n->dht_server = false; /* until it is known whether others reach the new place */
	kith_dht_set_mode(n->dht, KITH_DHT_CLIENT, 0, n->now);
	n->key_changes++;
	renew(n);
}

void kith__daykey_tick(struct kith_node *n)
{
	uint64_t day = kith__wall_s(n) / KITH_DAY_S;

	if (n->cfg.role == KITH_ROLE_ALWAYS_ON || n->dht_server || day == n->key_day)
		return;
	n->key_day = day;
	renew(n);
}
