/* SPDX-License-Identifier: ISC */
#include "tests/unit/dht/stranger.h"

#include <string.h>

#include "tests/test.h"

void stranger_init(struct stranger *s, unsigned n, uint32_t network)
{
	uint8_t secret[32] = {9};

	memset(s, 0, sizeof(*s));
	kith_store_u32(secret + 4, n);
	s->network = network;
	kith__self_init(&s->self, secret, network);
	s->addr = kith_addr_v4(203, (uint8_t)(n >> 8), (uint8_t)n, 5, 6000);
}

static void receive(struct stranger *s, const uint8_t *key, const struct kith_dgram_out *out)
{
	uint8_t dh[32], k[32], sender[32];

	CHECK(kith_addr_equal(&out->remote, &s->addr));
	CHECK(kith__rpc_gate(&s->self, out->data));
	kith__rpc_sender(sender, &s->self, out->data);
	CHECK_MEM(sender, key, 32);
	CHECK_OK(kith_dh(dh, s->self.secret, key));
	kith__rpc_key(k, dh, key, s->self.key);
	CHECK_OK(kith__rpc_open(s->body, k, out->data, out->len));
	CHECK_EQ(kith__wire_decode(&s->m, s->body, out->len - KITH__RPC_OVERHEAD), KITH__PARSE_OK);
	s->got = out->len;
	s->total += out->len;
}

bool stranger_send(struct stranger *s, struct kith_dht *d, const uint8_t key[32],
		   const uint8_t *body, size_t size, kith_time now)
{
	uint8_t data[KITH__RPC_LARGE], dh[32], k[32], nonce[24] = {0};
	struct kith_dgram_in in = {.remote = s->addr, .data = data, .len = size};
	struct kith_dgram_out out;

	kith_store_u64(nonce, ++s->nonce);
	CHECK_OK(kith_dh(dh, s->self.secret, key));
	kith__rpc_key(k, dh, s->self.key, key);
	memcpy(data + 64, body, size - KITH__RPC_OVERHEAD);
	kith__rpc_seal(data, size - KITH__RPC_OVERHEAD, &s->self, key, k, s->network, nonce);
	(void)kith_dht_input(d, &in, now);
	s->got = s->total = 0;
	while (kith_dht_output(d, &out, now))
		if (kith_addr_equal(&out.remote, &s->addr))
			receive(s, key, &out);
	return s->got != 0;
}

bool stranger_ask(struct stranger *s, struct kith_dht *d, const uint8_t key[32],
		  const struct kith__msg *m, size_t size, kith_time now)
{
	uint8_t body[KITH__RPC_BODY_MAX];

	kith__wire_encode(body, size - KITH__RPC_OVERHEAD, m);
	return stranger_send(s, d, key, body, size, now);
}
