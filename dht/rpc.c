/* SPDX-License-Identifier: ISC */
/*
 * nonce 24 | sender key masked 32 | gate 8 | body | tag 16. Keys are static-static: the seal proves
 * the sender. The gate costs one hash, so garbage never reaches a Diffie-Hellman.
 */
#include "dht/rpc.h"

#include <string.h>

#include "dht/peerbook.h"

void kith__rpc_gate_key(uint8_t out[static 32], const uint8_t key[static 32], uint32_t network)
{
	uint8_t net[4];

	kith_store_u32(net, network);
	kith_kdf(out, key, 32, KITH_L_RPC_GKEY, net, sizeof(net));
}

void kith__rpc_mask_key(uint8_t out[static 32], const uint8_t key[static 32])
{
	kith_kdf(out, key, 32, KITH_L_RPC_MASK, "", 0);
}

void kith__rpc_key(uint8_t out[static 32], const uint8_t dh[static 32],
		   const uint8_t sender[static 32], const uint8_t receiver[static 32])
{
	uint8_t both[64];

	memcpy(both, sender, 32);
	memcpy(both + 32, receiver, 32);
	kith_kdf(out, dh, 32, KITH_L_RPC_KEY, both, sizeof(both));
}

void kith__self_init(struct kith__self *s, const uint8_t secret[static 32], uint32_t network)
{
	memcpy(s->secret, secret, 32);
	kith_dh_public(s->key, s->secret);
	kith__rpc_gate_key(s->gate, s->key, network);
	kith__rpc_mask_key(s->mask, s->key);
	kith__node_id(&s->id, s->key);
}

static void gate_bytes(uint8_t out[static 8], const uint8_t gate_key[static 32],
		       const uint8_t *data)
{
	uint8_t full[32];

	kith_kdf(full, gate_key, 32, KITH_L_RPC_GATE, data, 56);
	memcpy(out, full, 8);
}

void kith__rpc_seal(uint8_t *out, size_t body_len, const struct kith__self *from,
		    const uint8_t to[static 32], const uint8_t key[static 32], uint32_t network,
		    const uint8_t nonce[static 24])
{
	uint8_t derived[32];

	memcpy(out, nonce, 24);
	memcpy(out + 24, from->key, 32);
	kith__rpc_mask_key(derived, to);
	kith_xmask32(out + 24, derived, nonce);
	kith__rpc_gate_key(derived, to, network);
	gate_bytes(out + 56, derived, out);
	kith_xseal(out + 64, nonce, key, out, 64, out + 64, body_len);
}

bool kith__rpc_gate(const struct kith__self *s, const uint8_t *data)
{
	uint8_t want[8];

	gate_bytes(want, s->gate, data);
	return kith_equal(want, data + 56, sizeof(want));
}

void kith__rpc_sender(uint8_t out[static 32], const struct kith__self *s, const uint8_t *data)
{
	memcpy(out, data + 24, 32);
	kith_xmask32(out, s->mask, data);
}

int kith__rpc_open(uint8_t *body, const uint8_t key[static 32], const uint8_t *data, size_t len)
{
	KITH_ASSERT(len > KITH__RPC_OVERHEAD);
	return kith_xopen(body, data, key, data, 64, data + 64, len - 64);
}

/* key 32 | address 19; IPv6 with /64 and port, since hosts change the rest at will. */
static void write_asker(struct kith_writer *w, const uint8_t *asker, const struct kith_addr *addr)
{
	struct kith_addr a = *addr;

	if (!kith_addr_is_v4(&a))
		memset(a.ip + 8, 0, 8);
	kith_write_bytes(w, asker, 32);
	if (kith_addr_is_v4(&a)) {
		kith_addr_write(w, &a);
		return;
	}
	kith_write_u8(w, 6);
	kith_write_bytes(w, a.ip, 16);
	kith_write_u16be(w, a.port);
}

void kith__rpc_cookie(uint8_t out[static 8], const uint8_t secret[static 32],
		      const uint8_t asker[static 32], const struct kith_addr *addr, uint64_t epoch)
{
	uint8_t in[32 + KITH_ADDR_WIRE + 8], full[32];
	struct kith_writer w;

	kith_writer_init(&w, in, sizeof(in));
	write_asker(&w, asker, addr);
	kith_write_u64(&w, epoch);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK && w.len == sizeof(in));
	kith_kdf(full, secret, 32, KITH_L_DHT_COOK, in, sizeof(in));
	memcpy(out, full, 8);
}

void kith__rpc_token(uint8_t out[static 16], const uint8_t secret[static 32],
		     const uint8_t asker[static 32], const struct kith_addr *addr,
		     const struct kith_id *record_key, uint64_t epoch)
{
	uint8_t in[32 + KITH_ADDR_WIRE + 32 + 8], full[32];
	struct kith_writer w;

	kith_writer_init(&w, in, sizeof(in));
	write_asker(&w, asker, addr);
	kith_write_bytes(&w, record_key->b, 32);
	kith_write_u64(&w, epoch);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK && w.len == sizeof(in));
	kith_kdf(full, secret, 32, KITH_L_DHT_TOK, in, sizeof(in));
	memcpy(out, full, 16);
}
