/* SPDX-License-Identifier: ISC */
/* Bytes: the seal, cookies and bodies against tests/vectors/rpc.txt; strictness of the decoder. */
#include <string.h>

#include "dht/internal.h"
#include "tests/test.h"
#include "tests/vectors.h"

static void check_keys(const struct test_vectors *v)
{
	uint8_t secret[32], a[32], b[32], want[32], got[32], dh[32];
	struct kith__self self;
	struct kith_id id;

	test_vectors_bytes(v, "a_secret", secret, 32);
	test_vectors_bytes(v, "a", a, 32);
	test_vectors_bytes(v, "b", b, 32);
	kith__self_init(&self, secret, 0);
	CHECK_MEM(self.key, a, 32);
	test_vectors_bytes(v, "a_node_id", want, 32);
	CHECK_MEM(self.id.b, want, 32);
	kith__node_id(&id, b);
	test_vectors_bytes(v, "b_node_id", want, 32);
	CHECK_MEM(id.b, want, 32);
	test_vectors_bytes(v, "mask_key_a", want, 32);
	CHECK_MEM(self.mask, want, 32);
	CHECK_OK(kith_dh(dh, secret, b));
	kith__rpc_key(got, dh, a, b);
	test_vectors_bytes(v, "key_a_to_b", want, 32);
	CHECK_MEM(got, want, 32);
	kith__rpc_key(got, dh, b, a);
	test_vectors_bytes(v, "key_b_to_a", want, 32);
	CHECK_MEM(got, want, 32);
}

static void check_gate(const struct test_vectors *v, const uint8_t a[32], const uint8_t b[32])
{
	uint8_t want[32], got[32];

	kith__rpc_gate_key(got, a, (uint32_t)test_vectors_int(v, "net"));
	test_vectors_bytes(v, "gate_key_a", want, 32);
	CHECK_MEM(got, want, 32);
	kith__rpc_gate_key(got, b, (uint32_t)test_vectors_int(v, "net"));
	test_vectors_bytes(v, "gate_key_b", want, 32);
	CHECK_MEM(got, want, 32);
}

static void check_body(const uint8_t *body, size_t len)
{
	uint8_t again[KITH__RPC_BODY_MAX];
	struct kith__msg m;

	CHECK_EQ(kith__wire_decode(&m, body, len), KITH__PARSE_OK);
	CHECK_EQ(m.skipped, 0);
	kith__wire_encode(again, len, &m);
	CHECK_MEM(again, body, len);
}

static void check_datagram(const struct test_vectors *v)
{
	uint8_t secret[32], to[32], nonce[24], body[KITH__RPC_BODY_MAX], want[KITH__RPC_LARGE];
	uint8_t got[KITH__RPC_LARGE], dh[32], key[32], sender[32];
	uint32_t net = (uint32_t)test_vectors_int(v, "net");
	size_t n = test_vectors_data(v, "body", body, sizeof(body));
	size_t len = test_vectors_data(v, "datagram", want, sizeof(want));
	struct kith__self self, peer;

	test_vectors_bytes(v, "sender_secret", secret, 32);
	test_vectors_bytes(v, "receiver", to, 32);
	test_vectors_bytes(v, "nonce", nonce, 24);
	kith__self_init(&self, secret, net);
	CHECK_OK(kith_dh(dh, secret, to));
	kith__rpc_key(key, dh, self.key, to);
	memcpy(got + 64, body, n);
	kith__rpc_seal(got, n, &self, to, key, net, nonce);
	CHECK_EQ(len, n + KITH__RPC_OVERHEAD);
	CHECK_MEM(got, want, len);
	/* The receiver's side needs only his public halves here. */
	memset(&peer, 0, sizeof(peer));
	kith__rpc_gate_key(peer.gate, to, net);
	kith__rpc_mask_key(peer.mask, to);
	CHECK(kith__rpc_gate(&peer, want));
	kith__rpc_sender(sender, &peer, want);
	CHECK_MEM(sender, self.key, 32);
	CHECK_OK(kith__rpc_open(got, key, want, len));
	CHECK_MEM(got, body, n);
	check_body(body, n);
}

static void check_cookie(const struct test_vectors *v)
{
	uint8_t secret[32], asker[32], wire[19], want[16], got[16];
	struct kith_addr addr;
	struct kith_reader r;
	struct kith_id key;
	int64_t time = test_vectors_int(v, "time");

	test_vectors_bytes(v, "secret", secret, 32);
	test_vectors_bytes(v, "asker", asker, 32);
	test_vectors_bytes(v, "address", wire, 19);
	test_vectors_bytes(v, "record_key", key.b, 32);
	kith_reader_init(&r, wire, 19);
	kith_addr_read(&r, &addr);
	CHECK_OK(kith_read_end(&r));
	kith__rpc_cookie(got, secret, asker, &addr, (uint64_t)time / KITH__COOKIE_EPOCH_S);
	test_vectors_bytes(v, "cookie", want, 8);
	CHECK_MEM(got, want, 8);
	kith__rpc_token(got, secret, asker, &addr, &key, (uint64_t)time / KITH__TOKEN_EPOCH_S);
	test_vectors_bytes(v, "token", want, 16);
	CHECK_MEM(got, want, 16);
}

TEST(rpc_vectors)
{
	struct test_vectors *v = test_vectors_open("rpc.txt");
	uint8_t a[32] = {0}, b[32] = {0};
	unsigned datagrams = 0, cookies = 0;

	CHECK(kith_crypto_start() == NULL);
	while (test_vectors_next(v)) {
		if (test_vectors_has(v, "a_secret")) {
			check_keys(v);
			test_vectors_bytes(v, "a", a, 32);
			test_vectors_bytes(v, "b", b, 32);
		} else if (test_vectors_has(v, "gate_key_a")) {
			check_gate(v, a, b);
		} else if (test_vectors_has(v, "datagram")) {
			check_datagram(v);
			datagrams++;
		} else {
			check_cookie(v);
			cookies++;
		}
	}
	test_vectors_close(v);
	CHECK_EQ(datagrams, 16);
	CHECK_EQ(cookies, 6);
}

/* A body of each method, with the bytes it uses. */
static const struct shape {
	uint8_t method;
	uint16_t flags;
	size_t len, used;
	size_t gap, gap_len; /* reserved bytes inside */
} shapes[] = {
	{KITH__PING, KITH__COOKIE, 64, 24, 0, 0},
	{KITH__PING, 0, 64, 16, 0, 0},
	{KITH__FIND, KITH__COOKIE, 64, 56, 0, 0},
	{KITH__FIND, KITH__COOKIE, 432, 56, 0, 0},
	{KITH__FIND_VALUE, KITH__COOKIE, 1152, 64, 0, 0},
	{KITH__STORE, 0, 1152, 1064, 34, 6},
	{KITH__PONG, 0, 64, 43, 0, 0},
	{KITH__NODES, 0, 432, 24, 0, 0},
	{KITH__NODES, KITH__TOKEN, 432, 40, 0, 0},
	{KITH__VALUE, 0, 1152, 1064, 0, 0},
	{KITH__SAME, 0, 64, 48, 0, 0},
	{KITH__STORED, 0, 64, 56, 25, 7},
	{KITH__BUSY, 0, 64, 26, 0, 0},
};

static void shape_body(const struct shape *s, uint8_t *body)
{
	static uint8_t record[KITH_RECORD];
	struct kith__msg m;

	memset(&m, 0, sizeof(m));
	m.method = s->method;
	m.flags = s->flags;
	m.record = record;
	m.tx = 7;
	kith__wire_encode(body, s->len, &m);
}

TEST(every_padding_bit_is_refused)
{
	uint8_t body[KITH__RPC_BODY_MAX];
	struct kith__msg m;
	size_t i, at, bit;

	for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		const struct shape *s = &shapes[i];

		shape_body(s, body);
		CHECK_EQ(kith__wire_decode(&m, body, s->len), KITH__PARSE_OK);
		for (at = 0; at < s->len; at++) {
			bool spare = at >= s->used || (at >= s->gap && at < s->gap + s->gap_len);

			for (bit = 0; bit < 8 && spare; bit++) {
				body[at] ^= (uint8_t)(1u << bit);
				CHECK_EQ(kith__wire_decode(&m, body, s->len), KITH__PARSE_BAD);
				body[at] ^= (uint8_t)(1u << bit);
			}
		}
	}
}

TEST(too_small_a_class_and_too_many_contacts_are_refused)
{
	uint8_t body[KITH__RPC_BODY_MAX] = {KITH__STORE, 1};
	struct kith__msg m;

	CHECK_EQ(kith__wire_decode(&m, body, 432), KITH__PARSE_BAD);
	CHECK_EQ(kith__wire_decode(&m, body, 1152), KITH__PARSE_OK);
	body[0] = KITH__NODES;
	body[2] = 9;
	CHECK_EQ(kith__wire_decode(&m, body, 432), KITH__PARSE_BAD);
	CHECK_EQ(kith__wire_decode(&m, body, 1152), KITH__PARSE_BAD);
	body[2] = 8;
	CHECK_EQ(kith__wire_decode(&m, body, 432), KITH__PARSE_OK);
	CHECK_EQ(m.count, 0);
	CHECK_EQ(m.skipped, 8);
	CHECK_EQ(kith__wire_decode(&m, body, 64), KITH__PARSE_BAD);
	body[2] = KITH__TOKEN | 8;
	CHECK_EQ(kith__wire_decode(&m, body, 432), KITH__PARSE_BAD);
	body[0] = KITH__VALUE;
	body[2] = 2;
	CHECK_EQ(kith__wire_decode(&m, body, 1152), KITH__PARSE_BAD);
	CHECK_EQ(kith__wire_decode(&m, body, 15), KITH__PARSE_BAD);
}

TEST(unused_flags_are_ignored_unknown_versions_and_methods_told_apart)
{
	uint8_t body[64] = {KITH__PING, 1};
	struct kith__msg m;
	unsigned method;

	body[3] = 0xfe;
	CHECK_EQ(kith__wire_decode(&m, body, 64), KITH__PARSE_OK);
	body[1] = 2;
	body[63] = 1;
	CHECK_EQ(kith__wire_decode(&m, body, 64), KITH__PARSE_VERSION);
	body[1] = 1;
	for (method = 5; method < 0x81; method++) {
		body[0] = (uint8_t)method;
		CHECK_EQ(kith__wire_decode(&m, body, 64), KITH__PARSE_METHOD);
	}
	body[0] = 0x85;
	CHECK_EQ(kith__wire_decode(&m, body, 64), KITH__PARSE_METHOD);
	body[0] = KITH__STORED;
	body[63] = 0;
	body[24] = KITH__ST_COUNT;
	CHECK_EQ(kith__wire_decode(&m, body, 64), KITH__PARSE_METHOD);
	body[24] = KITH__ST_TOKEN;
	CHECK_EQ(kith__wire_decode(&m, body, 64), KITH__PARSE_OK);
}

TEST(bad_contacts_are_skipped_good_ones_kept)
{
	struct kith__msg m, back;
	uint8_t body[432];

	memset(&m, 0, sizeof(m));
	m.method = KITH__NODES;
	m.count = 3;
	m.contact[0].addr = kith_addr_v4(192, 0, 2, 1, 4000);
	m.contact[0].services = 3;
	m.contact[1].addr = kith_addr_v4(192, 0, 2, 2, 0);
	m.contact[2].addr = kith_addr_v4(224, 0, 0, 1, 4000);
	kith__wire_encode(body, sizeof(body), &m);
	CHECK_EQ(kith__wire_decode(&back, body, sizeof(body)), KITH__PARSE_OK);
	CHECK_EQ(back.count, 1);
	CHECK_EQ(back.skipped, 2);
	CHECK_EQ(back.contact[0].services, 3);
	body[24] = 6; /* type 6 with a mapped address */
	CHECK_EQ(kith__wire_decode(&back, body, sizeof(body)), KITH__PARSE_OK);
	CHECK_EQ(back.count, 0);
}
