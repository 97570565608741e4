/* SPDX-License-Identifier: ISC */
/* Handshake and packet bytes against link.txt, which an independent model made. */
#include "net/internal.h"
#include "tests/test.h"
#include "tests/vectors.h"

#include <string.h>

/* Of the records before: root of the day, resume token; how often x was a hint, and was not. */
static uint8_t l_day[32], last_token[16];
static unsigned xs[2];

static void bytes(const struct test_vectors *v, const char *name, uint8_t *out, size_t len)
{
	test_vectors_bytes(v, name, out, len);
}

static void check_chain(const struct test_vectors *v)
{
	uint8_t l0[32], l[32], want[32], psk[32];
	uint64_t day0 = (uint64_t)test_vectors_int(v, "day0");
	unsigned i;

	bytes(v, "l0", l0, 32);
	for (i = 0; i < 4; i++) {
		char name[16] = "day0_psk";

		name[3] = (char)('0' + i);
		CHECK_OK(kith__net_root_at(l, l0, day0, day0 + i));
		kith__net_link_psk(psk, l, day0 + i);
		bytes(v, name, want, 32);
		CHECK_MEM(psk, want, 32);
	}
	CHECK_OK(kith__net_root_at(l, l0, day0, (uint64_t)test_vectors_int(v, "before_day")));
	CHECK_MEM(l, l0, 32);
	CHECK_EQ(kith__net_root_at(l, l0, day0, day0 + 4097), KITH_E_EXPIRED);
	kith__net_link_psk(psk, l, (uint64_t)test_vectors_int(v, "before_day"));
	bytes(v, "before_psk", want, 32);
	CHECK_MEM(psk, want, 32);
}

static void check_obf(const struct test_vectors *v)
{
	uint8_t p[32], ml[32], got[32], want[32];
	uint32_t net = (uint32_t)test_vectors_int(v, "net");

	bytes(v, "p", p, 32);
	bytes(v, "ml", ml, 32);
	kith__net_obf_link(got, p, (uint64_t)test_vectors_int(v, "day"), net);
	bytes(v, "k_obf_contact", want, 32);
	CHECK_MEM(got, want, 32);
	kith__net_obf_service(got, ml, net);
	bytes(v, "k_obf_service", want, 32);
	CHECK_MEM(got, want, 32);
}

static void check_prologue(const struct test_vectors *v)
{
	uint8_t got[64], want[64], device[4], ml[32];
	size_t len = test_vectors_data(v, "prologue", want, sizeof(want));

	if (test_vectors_has(v, "ml")) {
		bytes(v, "ml", ml, 32);
		kith__net_prologue_service(got, ml);
		CHECK_EQ(len, NET_PROLOGUE_SERVICE);
	} else {
		bytes(v, "device_id", device, 4);
		bytes(v, "l_day", l_day, 32);
		kith__net_prologue_link(got, kith_load_u32(device),
					(uint32_t)test_vectors_int(v, "p_epoch"),
					(uint64_t)test_vectors_int(v, "day"));
		CHECK_EQ(len, NET_PROLOGUE_LINK);
	}
	CHECK_MEM(got, want, len);
}

static void check_keys(const struct test_vectors *v, const struct kith_noise *i,
		       const struct kith_noise *r)
{
	uint8_t want[64], got[32];
	struct hs_keys ik, rk;

	bytes(v, "ck", want, 64);
	CHECK_MEM(i->ck, want, 64);
	bytes(v, "h", want, 64);
	CHECK_MEM(r->h, want, 64);
	kith__net_finish(i, true, &ik);
	kith__net_finish(r, false, &rk);
	bytes(v, "key_i_to_r", want, 32);
	CHECK_MEM(ik.tx, want, 32);
	CHECK_MEM(rk.rx, want, 32);
	bytes(v, "key_r_to_i", want, 32);
	CHECK_MEM(ik.rx, want, 32);
	CHECK_MEM(rk.tx, want, 32);
	bytes(v, "s", want, 32);
	CHECK_MEM(ik.s, want, 32);
	kith__net_token(got, ik.s);
	bytes(v, "resume_token", want, 16);
	CHECK_MEM(got, want, 16);
	memcpy(last_token, got, 16);
	kith__net_service_psk(got, ik.s);
	bytes(v, "rekey_psk", want, 32);
	CHECK_MEM(got, want, 32);
}

/* x of msg1: the hint on a contact link, zeros on a service link, in a rekey the token of before.
 */
static void check_x(const uint8_t x[static 16], const uint8_t *prologue,
		    const uint8_t ei[static 32])
{
	uint8_t e[32], want[16] = {0};

	if (memcmp(prologue + 1, "kith-link", 9) == 0) {
		kith_dh_public(e, ei);
		kith__net_link_hint(want, l_day, e);
		xs[0]++;
	} else if (xs[1]++ > 0) {
		memcpy(want, last_token, 16);
	}
	CHECK_MEM(x, want, 16);
}

static void check_handshake(const struct test_vectors *v)
{
	struct kith_noise i, r;
	uint8_t prologue[64], psk[32], si[32], sr[32], rs[32], is[32], ei[32], er[32], s[32];
	uint8_t want[NET_NOISE1], n1[NET_NOISE1], n2[NET_NOISE2], p1[NET_PAYLOAD1],
		p2[NET_PAYLOAD2];
	struct payload1 pl, got;
	struct payload2 pl2, got2;
	size_t len = test_vectors_data(v, "prologue", prologue, sizeof(prologue));

	bytes(v, "psk", psk, 32);
	bytes(v, "initiator_secret", si, 32);
	bytes(v, "initiator_public", is, 32);
	bytes(v, "responder_secret", sr, 32);
	bytes(v, "responder_public", rs, 32);
	bytes(v, "e_i_secret", ei, 32);
	bytes(v, "e_r_secret", er, 32);
	bytes(v, "payload1", p1, sizeof(p1));
	bytes(v, "payload2", p2, sizeof(p2));
	kith__net_payload1_read(&pl, p1);
	check_x(pl.x, prologue, ei);
	CHECK_OK(kith__net_payload2_read(&pl2, p2));
	kith__net_noise_start(&i, prologue, len, rs);
	kith__net_noise_start(&r, prologue, len, rs);
	CHECK_OK(kith__net_create1(&i, n1, ei, si, rs, &pl));
	bytes(v, "noise1", want, NET_NOISE1);
	CHECK_MEM(n1, want, NET_NOISE1);
	bytes(v, "h_after_1", want, 64);
	CHECK_MEM(i.h, want, 64);
	CHECK_OK(kith__net_consume1_static(&r, s, n1, sr));
	CHECK_MEM(s, is, 32);
	CHECK_OK(kith__net_consume1_payload(&r, &got, n1, sr, s));
	CHECK_MEM(&got, &pl, sizeof(pl));
	CHECK_OK(kith__net_create2(&r, n2, er, n1, s, psk, &pl2));
	bytes(v, "noise2", want, NET_NOISE2);
	CHECK_MEM(n2, want, NET_NOISE2);
	CHECK_OK(kith__net_consume2(&i, &got2, n2, ei, si, psk));
	CHECK_MEM(got2.rhk, pl2.rhk, 32);
	CHECK(kith_addr_equal(&got2.observed, &pl2.observed));
	check_keys(v, &i, &r);
}

/* Our own wrap cannot be given a nonce, so the model's datagrams are opened, and ours opened. */
static void check_datagrams(const struct test_vectors *v, struct kith_noncer *noncer)
{
	uint8_t k[32], k2[32], want[32], msg[512], n1[NET_NOISE1], n2[NET_NOISE2], got[NET_NOISE2];
	uint8_t mac[16], secret[32], cookie[16], addr19[19];
	struct outer1 m, again;
	struct kith_addr addr;
	struct kith_reader rd;
	uint32_t idx_i, idx_r;
	size_t len = test_vectors_data(v, "msg1", msg, sizeof(msg));

	bytes(v, "k_obf", k, 32);
	bytes(v, "noise1", n1, NET_NOISE1);
	bytes(v, "noise2", n2, NET_NOISE2);
	bytes(v, "mac2", mac, 16);
	CHECK_OK(kith__net_unwrap1(&m, k, msg, len));
	CHECK_EQ(m.idx_i, (uint32_t)test_vectors_int(v, "idx_i"));
	CHECK_MEM(m.noise1, n1, NET_NOISE1);
	CHECK_MEM(m.mac2, mac, 16);
	CHECK_EQ(kith__net_wrap1(msg, k, noncer, &m, len - 232), len);
	CHECK_OK(kith__net_unwrap1(&again, k, msg, len));
	CHECK_MEM(again.noise1, n1, NET_NOISE1);
	kith__net_key2(k2, k, n1);
	bytes(v, "k2", want, 32);
	CHECK_MEM(k2, want, 32);
	len = test_vectors_data(v, "msg2", msg, sizeof(msg));
	CHECK_OK(kith__net_unwrap2(got, &idx_i, &idx_r, k2, msg, len));
	CHECK_MEM(got, n2, NET_NOISE2);
	CHECK_EQ(idx_r, (uint32_t)test_vectors_int(v, "idx_r"));
	bytes(v, "cookie_secret", secret, 32);
	bytes(v, "address", addr19, 19);
	kith_reader_init(&rd, addr19, 19);
	kith_addr_read(&rd, &addr);
	CHECK_OK(kith_read_end(&rd));
	kith__net_cookie(cookie, secret, &addr);
	bytes(v, "cookie", want, 16);
	CHECK_MEM(cookie, want, 16);
	len = test_vectors_data(v, "msg_cookie", msg, sizeof(msg));
	memset(cookie, 0, 16);
	CHECK_OK(kith__net_unwrap_cookie(cookie, k, m.nonce, msg, len));
	CHECK_MEM(cookie, want, 16);
	if (test_vectors_int(v, "pad1") != 24 && test_vectors_int(v, "pad1") != 30) {
		kith__net_mac2(got, cookie, idx_i, n1);
		CHECK_MEM(got, mac, 16);
	}
}

static void check_data(const struct test_vectors *v)
{
	uint8_t key[32], rhk[32], want[1500], dgram[1500], plain[1500], head[NET_HEAD];
	size_t len = test_vectors_data(v, "frames", dgram + NET_HEAD, 1460);
	size_t total = test_vectors_data(v, "packet", want, sizeof(want));
	uint32_t idx = (uint32_t)test_vectors_int(v, "idx");
	uint64_t pn = (uint64_t)test_vectors_int(v, "pn");

	bytes(v, "key", key, 32);
	bytes(v, "rhk", rhk, 32);
	memcpy(plain, dgram + NET_HEAD, len);
	CHECK_EQ(kith__net_seal(dgram, len, key, rhk, idx, pn), total);
	CHECK_MEM(dgram, want, total);
	kith__net_unmask(dgram, total, rhk, head);
	CHECK_EQ(kith_load_u32(head), idx);
	CHECK_EQ(kith_load_u64(head + 4), pn);
	memset(want, 0, sizeof(want));
	CHECK_OK(kith__net_open(want, key, head, dgram, total));
	CHECK_MEM(want, plain, len);
}

TEST(net_link_vectors)
{
	struct test_vectors *v = test_vectors_open("link.txt");
	struct kith_rng rng = test_rng(test_seed());
	struct kith_noncer noncer;
	unsigned seen[6] = {0};

	kith_noncer_init(&noncer, &rng);
	while (test_vectors_next(v)) {
		if (test_vectors_has(v, "day0")) {
			check_chain(v);
			seen[0]++;
		} else if (test_vectors_has(v, "k_obf_contact")) {
			check_obf(v);
			seen[1]++;
		} else if (test_vectors_has(v, "initiator_secret")) {
			check_handshake(v);
			seen[2]++;
		} else if (test_vectors_has(v, "msg1")) {
			check_datagrams(v, &noncer);
			seen[3]++;
		} else if (test_vectors_has(v, "packet")) {
			check_data(v);
			seen[4]++;
		} else {
			check_prologue(v);
			seen[5]++;
		}
	}
	test_vectors_close(v);
	CHECK_EQ(seen[0], 1);
	CHECK_EQ(seen[1], 2);
	CHECK_EQ(seen[2], 3);
	CHECK_EQ(seen[3], 6);
	CHECK_EQ(seen[4], 9);
	CHECK_EQ(seen[5], 2);
	CHECK_EQ(xs[0], 1);
	CHECK_EQ(xs[1], 2);
}

/* Each bit of each handshake datagram: refused, whatever it is. */
TEST(net_link_flipped_bits)
{
	struct test_vectors *v = test_vectors_open("link.txt");
	uint8_t k[32], msg[512], k2[32], n2[NET_NOISE2], cookie[16], nonce[24];
	struct outer1 m;
	uint32_t i, r;
	size_t bit;
	size_t len;

	do
		CHECK(test_vectors_next(v));
	while (!test_vectors_has(v, "msg1"));
	bytes(v, "k_obf", k, 32);
	bytes(v, "k2", k2, 32);
	bytes(v, "nonce1", nonce, 24);
	len = test_vectors_data(v, "msg1", msg, sizeof(msg));
	for (bit = 0; bit < len * 8; bit++) {
		msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK_EQ(kith__net_unwrap1(&m, k, msg, len), KITH_E_AUTH);
		msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	CHECK_OK(kith__net_unwrap1(&m, k, msg, len));
	len = test_vectors_data(v, "msg2", msg, sizeof(msg));
	for (bit = 0; bit < len * 8; bit++) {
		msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK_EQ(kith__net_unwrap2(n2, &i, &r, k2, msg, len), KITH_E_AUTH);
		msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	len = test_vectors_data(v, "msg_cookie", msg, sizeof(msg));
	for (bit = 0; bit < len * 8; bit++) {
		msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK_EQ(kith__net_unwrap_cookie(cookie, k, nonce, msg, len), KITH_E_AUTH);
		msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	while (!test_vectors_has(v, "packet"))
		CHECK(test_vectors_next(v));
	bytes(v, "key", k, 32);
	bytes(v, "rhk", k2, 32);
	len = test_vectors_data(v, "packet", msg, sizeof(msg));
	for (bit = 0; bit < len * 8; bit++) {
		uint8_t head[NET_HEAD], plain[512];

		msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
		kith__net_unmask(msg, len, k2, head);
		CHECK_EQ(kith__net_open(plain, k, head, msg, len), KITH_E_AUTH);
		msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	test_vectors_close(v);
}
