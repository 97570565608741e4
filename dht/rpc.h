/* SPDX-License-Identifier: ISC */
/*
 * The seal around a body (crypto.md 7) and the two stateless proofs of an address (dht.md 5).
 */
#ifndef KITH_DHT_RPC_H
#define KITH_DHT_RPC_H

#include "base/addr.h"
#include "base/crypto.h"
#include "dht/wire.h"

/* One own node key with all that is derived from it. */
struct kith__self {
	uint8_t secret[32], key[32];
	uint8_t gate[32]; /* key of the gate of datagrams to us */
	uint8_t mask[32]; /* key of the sender mask of datagrams to us */
	struct kith_id id;
};

#define KITH__COOKIE_EPOCH_S 43200u
#define KITH__TOKEN_EPOCH_S  300u

/* Keys that follow from the receiver's key alone. */
void kith__rpc_gate_key(uint8_t out[static 32], const uint8_t key[static 32], uint32_t network);
/* The key that masks the sender. */
void kith__rpc_mask_key(uint8_t out[static 32], const uint8_t key[static 32]);
/* The key of one direction: KDF(dh, "rpc.key", sender | receiver). */
void kith__rpc_key(uint8_t out[static 32], const uint8_t dh[static 32],
		   const uint8_t sender[static 32], const uint8_t receiver[static 32]);
/* Derives all fields. */
void kith__self_init(struct kith__self *s, const uint8_t secret[static 32], uint32_t network);

/* Seals in place: the body of `body_len` bytes stands at out + 64; out gets body_len + 80 bytes. */
void kith__rpc_seal(uint8_t *out, size_t body_len, const struct kith__self *from,
		    const uint8_t to[static 32], const uint8_t key[static 32], uint32_t network,
		    const uint8_t nonce[static 24]);
/* Whether the gate of `data` (at least 80 B) is that of `s`. */
bool kith__rpc_gate(const struct kith__self *s, const uint8_t *data);
/* The sender key that the datagram claims. */
void kith__rpc_sender(uint8_t out[static 32], const struct kith__self *s, const uint8_t *data);
/* Opens the body of len - 80 bytes into `body`. KITH_E_AUTH. */
int kith__rpc_open(uint8_t *body, const uint8_t key[static 32], const uint8_t *data, size_t len)
	KITH_MUST_USE;

/* Proof of a return path, and permission to store under `record_key`. */
void kith__rpc_cookie(uint8_t out[static 8], const uint8_t secret[static 32],
		      const uint8_t asker[static 32], const struct kith_addr *addr, uint64_t epoch);
void kith__rpc_token(uint8_t out[static 16], const uint8_t secret[static 32],
		     const uint8_t asker[static 32], const struct kith_addr *addr,
		     const struct kith_id *record_key, uint64_t epoch);

#endif
