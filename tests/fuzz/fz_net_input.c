/* SPDX-License-Identifier: ISC */
/*
 * Raw datagrams (u16 length each) from anywhere. Nobody knows a key, except that every second one
 * is a msg1 whose outer layer is made right. Answers never outweigh what came in.
 */
#include <string.h>

#include "net/codec.h"
#include "net/net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint64_t draw_state;

static void draw(void *ctx, void *dst, size_t len)
{
	uint8_t *out = dst;

	(void)ctx;
	while (len-- > 0) {
		draw_state = draw_state * 6364136223846793005u + 1442695040888963407u;
		*out++ = (uint8_t)(draw_state >> 33);
	}
}

/* Seals `part` bytes as a peer that knows the node key would; returns the length. */
static size_t wrap(struct kith_rng *rng, uint8_t *dgram, const uint8_t *bytes, size_t part)
{
	const uint8_t suite = KITH_SUITE;
	const uint8_t secret[32] = {1};
	uint8_t nonce[24], ml[32], key[32], plain[NET_MSG1_MAX] = {1, 1};

	kith_rng_fill(rng, nonce, sizeof(nonce));
	kith_dh_public(ml, secret);
	kith__net_obf_service(key, ml, 0);
	part = part > NET_MSG1_MAX - KITH_SEAL_OVERHEAD ? NET_MSG1_MAX - KITH_SEAL_OVERHEAD : part;
	memcpy(plain, bytes, part);
	part = part < NET_MSG1_MIN - KITH_SEAL_OVERHEAD ? NET_MSG1_MIN - KITH_SEAL_OVERHEAD : part;
	kith_seal(dgram, nonce, key, &suite, 1, plain, part);
	return part + KITH_SEAL_OVERHEAD;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct kith_rng rng = {.fill = draw};
	struct kith_net_config cfg = {.serve = true, .node_secret = {1}};
	struct kith_reader r;
	struct kith_net *n;
	kith_time now = 1000000;
	unsigned i = 0;

	draw_state = 1;
	n = kith_net_new(&cfg, &rng, now);
	KITH_ASSERT(n != NULL);
	kith_reader_init(&r, data, len);
	while (kith_read_ok(&r) && r.left > 2) {
		size_t part = kith_read_u16(&r) % (KITH_DGRAM_MAX + 2);
		uint8_t bytes[KITH_DGRAM_MAX + 2] = {0}, dgram[KITH_DGRAM_MAX + 2] = {0};
		struct kith_dgram_in in = {.remote = kith_addr_v4(10, 0, 0, 1, 1), .data = dgram};
		struct kith_dgram_out out;
		size_t sent = 0;

		part = part > r.left ? r.left : part;
		kith_read_bytes(&r, bytes, part);
		memcpy(dgram, bytes, part);
		in.len = i++ % 2 != 0 ? wrap(&rng, dgram, bytes, part) : part;
		(void)kith_net_input(n, &in, now);
		while (kith_net_output(n, &out, now))
			sent += out.len;
		KITH_ASSERT(sent <= in.len);
		KITH_ASSERT(kith_net_session_count(n) == 0);
		now += 50000;
		kith_net_tick(n, now);
	}
	kith_net_free(n);
	return 0;
}
