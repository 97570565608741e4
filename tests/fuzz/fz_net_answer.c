/* SPDX-License-Identifier: ISC */
/*
 * An engine that waits for the answer to its own msg1, against a hostile server that knows all keys
 * of the wrapping: u8 way | u16 length | bytes. way 0: a raw datagram; 1: a noise2 that is sealed
 * right for this msg1, then the bytes as its payload; 2: bytes as the plaintext of msg2; 3: bytes
 * as that of a cookie; 4: time passes. No session comes of anything but a true handshake.
 */
#include <string.h>

#include "net/codec.h"
#include "net/net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct fuzz {
	struct kith_net *n;
	struct kith_rng rng;
	struct kith_drbg drbg;
	struct kith_noncer noncer;
	uint8_t secret[32], ml[32], obf[32];
	struct outer1 m; /* the last msg1 seen */
	bool seen;
	kith_time now;
	unsigned up;
};

static const uint8_t suite = KITH_SUITE;

static void drain(struct fuzz *f)
{
	struct kith_dgram_out out;
	struct kith_net_event e;
	struct outer1 m;

	while (kith_net_output(f->n, &out, f->now))
		if (kith__net_unwrap1(&m, f->obf, out.data, out.len) == KITH_OK) {
			f->m = m;
			f->seen = true;
		}
	while (kith_net_event(f->n, &e))
		f->up += e.kind == KITH_NET_SESSION_UP;
}

static void give(struct fuzz *f, const uint8_t *dgram, size_t len)
{
	struct kith_dgram_in in = {.remote = kith_addr_v4(10, 0, 0, 1, 1), .data = dgram};

	in.len = len;
	(void)kith_net_input(f->n, &in, f->now);
	drain(f);
}

/* Answers by the rules, but for a payload from outside. */
static size_t true_answer(struct fuzz *f, uint8_t *out, const uint8_t *bytes, size_t len)
{
	uint8_t prologue[NET_PROLOGUE_SERVICE], s[32], dh[32], key2[32], noise2[NET_NOISE2];
	uint8_t e_secret[32] = {8}, payload[NET_PAYLOAD2] = {0};
	static const uint8_t psk[32];
	struct kith_noise st;
	struct payload1 p;

	kith__net_prologue_service(prologue, f->ml);
	kith__net_noise_start(&st, prologue, sizeof(prologue), f->ml);
	if (kith__net_consume1_static(&st, s, f->m.noise1, f->secret) != KITH_OK ||
	    kith__net_consume1_payload(&st, &p, f->m.noise1, f->secret, s) != KITH_OK)
		return 0;
	memcpy(payload, bytes, len < sizeof(payload) ? len : sizeof(payload));
	kith_dh_public(noise2, e_secret);
	kith_noise_mix_hash(&st, noise2, 32);
	kith_noise_mix_key(&st, noise2, 32);
	KITH_ASSERT(kith_dh(dh, e_secret, f->m.noise1) == KITH_OK);
	kith_noise_mix_key(&st, dh, 32);
	KITH_ASSERT(kith_dh(dh, e_secret, s) == KITH_OK);
	kith_noise_mix_key(&st, dh, 32);
	kith_noise_mix_key_and_hash(&st, psk);
	(void)kith_noise_seal(&st, noise2 + 32, payload, sizeof(payload));
	kith__net_key2(key2, f->obf, f->m.noise1);
	return kith__net_wrap2(out, key2, &f->noncer, f->m.idx_i, 77, noise2, 0);
}

/* Any plaintext under the right outer key. */
static size_t sealed(struct fuzz *f, uint8_t *out, const uint8_t key[32], const uint8_t *bytes,
		     size_t len)
{
	uint8_t nonce[24];

	kith_rng_fill(&f->rng, nonce, sizeof(nonce));
	len = len > NET_MSG1_MAX - KITH_SEAL_OVERHEAD ? NET_MSG1_MAX - KITH_SEAL_OVERHEAD : len;
	kith_seal(out, nonce, key, &suite, 1, bytes, len);
	return len + KITH_SEAL_OVERHEAD;
}

static void step(struct fuzz *f, unsigned way, const uint8_t *bytes, size_t len)
{
	uint8_t dgram[KITH_DGRAM_MAX + 64], key[32];
	size_t n = 0;

	if (way == 0 || !f->seen) {
		n = len < KITH_DGRAM_MAX ? len : KITH_DGRAM_MAX;
		memcpy(dgram, bytes, n);
	} else if (way == 1) {
		n = true_answer(f, dgram, bytes, len);
	} else if (way == 2) {
		kith__net_key2(key, f->obf, f->m.noise1);
		n = sealed(f, dgram, key, bytes, len);
	} else if (way == 3) {
		kith_kdf(key, f->obf, 32, KITH_L_CK_SEAL, f->m.nonce, 24);
		n = sealed(f, dgram, key, bytes, len);
	} else {
		f->now += (kith_time)(len + 1) * 50000;
		kith_net_tick(f->n, f->now);
	}
	give(f, dgram, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct kith_net_target t = {.kind = KITH_NET_SERVICE, .addr_count = 1};
	struct kith_net_config cfg = {.network = 5, .node_secret = {1}};
	const uint8_t seed[32] = {3};
	struct kith_reader r;
	struct fuzz f;
	uint32_t number;

	if (kith_crypto_start() != NULL)
		return 0;
	memset(&f, 0, sizeof(f));
	f.rng = kith_crypto_drbg(&f.drbg, seed);
	f.now = 1000000;
	f.secret[3] = 9;
	kith_dh_public(f.ml, f.secret);
	kith__net_obf_service(f.obf, f.ml, cfg.network);
	kith_noncer_init(&f.noncer, &f.rng);
	f.n = kith_net_new(&cfg, &f.rng, f.now);
	KITH_ASSERT(f.n != NULL);
	kith_net_set_wall(f.n, UINT64_C(20775) * 86400000, f.now);
	memcpy(t.ml, f.ml, 32);
	t.addr[0] = kith_addr_v4(10, 0, 0, 1, 1);
	KITH_ASSERT(kith_net_connect(f.n, &t, &number, f.now) == KITH_OK);
	drain(&f);
	kith_reader_init(&r, data, len);
	while (kith_read_ok(&r) && r.left >= 3) {
		unsigned way = kith_read_u8(&r) % 5;
		size_t part = kith_read_u16(&r);
		const uint8_t *bytes;

		part = part < r.left ? part : r.left;
		bytes = kith_read_view(&r, part);
		step(&f, way, bytes, part);
	}
	KITH_ASSERT(f.up <= 1 && kith_net_session_count(f.n) <= 1);
	kith_net_free(f.n);
	return 0;
}
