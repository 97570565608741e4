/* SPDX-License-Identifier: ISC */
/*
 * The key that a user's node goes by in the DHT (dht.md 2): derived from the key of its profile,
 * the day and the number of address changes, so that nobody can follow it and nothing need be
 * stored. A node that serves keeps the key it has; an always-on node uses that of its profile.
 */
#include <string.h>

#include "node/internal.h"

#define DAY_S 86400u

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
	n->key_changes++;
	renew(n);
}

void kith__daykey_tick(struct kith_node *n)
{
	uint64_t day = kith__wall_s(n) / DAY_S;

	if (n->cfg.role == KITH_ROLE_ALWAYS_ON || n->dht_server || day == n->key_day)
		return;
	n->key_day = day;
	renew(n);
}
