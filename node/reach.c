/* SPDX-License-Identifier: ISC */
/*
 * Whether others can reach this node, and what follows for the DHT (dht.md 2). A user's node asks
 * and publishes as a client under a key of the day, which no table holds and nobody can follow;
 * once somebody saw it under an address of its own it serves, and keeps the key it has. An
 * always-on node serves under the key of its profile from the start.
 */
#include <string.h>

#include "node/internal.h"

#define DAY_S 86400u

void kith__reach_key(const struct kith_node *n, uint8_t secret[static 32])
{
	uint8_t in[12];

	if (n->cfg.role == KITH_ROLE_ALWAYS_ON) {
		memcpy(secret, n->cfg.node_secret, 32);
		return;
	}
	kith_store_u64(in, n->reach_day);
	kith_store_u32(in + 8, n->reach_changes);
	kith_kdf(secret, n->cfg.node_secret, 32, KITH_L_NODE_DAY, in, sizeof(in));
}

/* The table is found anew from what is known: a client stands in nobody's, so nothing is lost. */
static void renew(struct kith_node *n)
{
	struct kith_dht_seed seed[64];
	size_t count = kith_dht_save(n->dht, seed, sizeof(seed) / sizeof(seed[0]));
	uint8_t secret[32];

	kith__reach_key(n, secret);
	kith_dht_set_key(n->dht, secret, n->now);
	kith_wipe(secret, sizeof(secret));
	for (size_t i = 0; i < count; i++)
		if (kith_dht_seed_contact(n->dht, &seed[i], n->now) == KITH_E_FULL)
			break;
}

static bool global_or_own_host(const struct kith_addr *a)
{
	return !kith_addr_is_private(a) || kith_addr_is_loopback(a);
}

void kith__reach_observed(struct kith_node *n, const struct kith_addr *addr)
{
	if (n->cfg.role == KITH_ROLE_ALWAYS_ON || n->reach_server || !global_or_own_host(addr))
		return;
	for (size_t i = 0; i < n->own_addrs; i++)
		n->reach_server |= kith_addr_equal(&n->own_addr[i], addr);
	if (n->reach_server)
		kith_dht_set_mode(n->dht, KITH_DHT_SERVER, 0, n->now);
}

void kith__reach_changed(struct kith_node *n)
{
	if (n->cfg.role == KITH_ROLE_ALWAYS_ON)
		return;
	n->reach_server = false;
	kith_dht_set_mode(n->dht, KITH_DHT_CLIENT, 0, n->now);
	n->reach_changes++;
	renew(n);
}

void kith__reach_tick(struct kith_node *n)
{
	uint64_t day = kith__wall_s(n) / DAY_S;

	if (n->cfg.role == KITH_ROLE_ALWAYS_ON || n->reach_server || day == n->reach_day)
		return;
	n->reach_day = day;
	renew(n);
}
