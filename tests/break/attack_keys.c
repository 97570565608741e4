/* SPDX-License-Identifier: ISC */
/*
 * Keys of small order, with torsion, not canonical or beyond the modulus, in every place that takes
 * a public key (attack_38). Whoever offers one also makes what follows from it as well as can be:
 * with a small-order point every shared secret is zero, and the forger knows that.
 */
#include <stdio.h>
#include <string.h>

#include "base/record.h"
#include "net/codec.h"
#include "tests/break/badkeys.h"
#include "tests/break/forge.h"
#include "tests/break/tally.h"
#include "tests/test.h"
#include "tests/unit/dht/stranger.h"

static const uint8_t zero[32];
static struct kith_rng rng;

static void draw_seeds(struct kith_ratchet_seeds *s)
{
	kith_rng_fill(&rng, s->dh_secret, 32);
	kith_rng_fill(&rng, s->kem, 64);
	kith_rng_fill(&rng, s->m, 32);
}

/* The forger knows all that a request from `q->ik` with a zero result needs. */
static int offer_request(const struct kith_request *q, const struct person *b,
			 const struct forgery *f)
{
	struct kith_request_keys self = person_keys(b);
	uint8_t made[KITH_INNER], root[32];
	static struct kith_request got;

	forge(made, root, q, b, f);
	return kith__request_open(&got, root, made, &self, TEST_NOW);
}

static uint64_t requests(struct person *a, struct person *b)
{
	static struct kith_request q, bad;
	uint8_t made[KITH_INNER], root[32], key[32];
	struct forgery good, f;
	uint64_t refused = 0;
	unsigned i;

	person_request(a, b, &rng, KITH_REQUEST_FIRST, made, root, &q);
	forge_begin(&good, &rng, b);
	CHECK_OK(kith_dh(good.dh3, a->xk_secret, b->spk));
	CHECK_OK(kith_dh(good.dh4, a->xk_secret, b->xk));
	CHECK_OK(offer_request(&q, b, &good)); /* the forger can do it right */
	for (i = 0; i < BAD_X25519; i++) {
		bad_x25519(key, i);
		f = good; /* e of small order: dh1, dh2 are zero */
		f.raw_e = key;
		memset(f.dh1, 0, 32);
		memset(f.dh2, 0, 32);
		refused += offer_request(&q, b, &f) != KITH_OK;
		f = good; /* an identity key of small order, certified by its owner */
		bad = q;
		memcpy(bad.cert.xk, key, 32);
		kith__cert_sign(&bad.cert, a->ik_seed, a->ik);
		memset(f.dh3, 0, 32);
		memset(f.dh4, 0, 32);
		refused += offer_request(&bad, b, &f) != KITH_OK;
		bad = q; /* a first ratchet key of small order */
		memcpy(bad.rdh, key, 32);
		refused += offer_request(&bad, b, &good) != KITH_OK;
	}
	for (i = 0; i < BAD_ED25519; i++) {
		bad = q;
		bad_ed25519(bad.ik, i);
		kith__cert_sign(&bad.cert, a->ik_seed, bad.ik);
		refused += offer_request(&bad, b, &good) != KITH_OK;
		bad = q; /* a device key, well certified */
		bad_ed25519(bad.cert.dk, i);
		kith__cert_sign(&bad.cert, a->ik_seed, a->ik);
		refused += offer_request(&bad, b, &good) != KITH_OK;
	}
	bad = q;
	memset(bad.rek + 3, 0xff, 12);
	refused += offer_request(&bad, b, &good) != KITH_OK;
	return refused;
}

TEST(attack_38_requests_received)
{
	struct person *a, *b;

	rng = test_rng(test_seed());
	a = person_new(&rng);
	b = person_new(&rng);
	tally("requests with a bad key refused", requests(a, b),
	      3 * BAD_X25519 + 2 * BAD_ED25519 + 1);
	person_free(a);
	person_free(b);
}

TEST(attack_38_requests_made)
{
	struct kith_noncer noncer;
	struct kith_request q;
	uint8_t made[KITH_INNER], root[32], key[32], ek[KITH_KEM_EK];
	struct person *a, *b;
	uint64_t refused = 0;

	rng = test_rng(test_seed());
	a = person_new(&rng);
	b = person_new(&rng);
	person_request(a, b, &rng, KITH_REQUEST_FIRST, made, root, &q);
	kith_noncer_init(&noncer, &rng);
	for (unsigned i = 0; i < BAD_X25519; i++) {
		struct kith_request_peer to = {b->ik, b->xk, b->spk, b->ek};

		bad_x25519(key, i);
		to.xk = key;
		refused += kith__request_make(made, root, &q, a->xk_secret, &to, zero, zero,
					      &noncer) != KITH_OK;
		to.xk = b->xk;
		to.spk = key;
		refused += kith__request_make(made, root, &q, a->xk_secret, &to, zero, zero,
					      &noncer) != KITH_OK;
	}
	for (unsigned i = 0; i < KITH_KEM_EK - 32; i += 3) { /* each pair of coefficients */
		struct kith_request_peer to = {b->ik, b->xk, b->spk, ek};

		memcpy(ek, b->ek, sizeof(ek));
		memset(ek + i, 0xff, 3);
		refused += kith__request_make(made, root, &q, a->xk_secret, &to, zero, zero,
					      &noncer) != KITH_OK;
	}
	tally("requests to a bad key not made", refused, 2 * BAD_X25519 + 384);
	person_free(a);
	person_free(b);
}

TEST(attack_38_ratchet)
{
	uint8_t rdh[32], ek[KITH_KEM_EK], dk[KITH_KEM_DK], ct[KITH_KEM_CT], ss[32], seed[64] = {1};
	const struct kith_ratchet_context ctx = {zero, zero, 1, 2, 3};
	struct kith_ratchet_seeds seeds;
	struct kith_ratchet r;
	uint64_t refused = 0;

	rng = test_rng(test_seed());
	kith_kem_keygen(ek, dk, seed);
	CHECK_OK(kith_kem_encap(ct, ss, ek, zero));
	for (unsigned i = 0; i <= BAD_X25519; i++) {
		if (i < BAD_X25519)
			bad_x25519(rdh, i);
		else
			kith_dh_public(rdh, seed);
		draw_seeds(&seeds);
		memset(&r, 0, sizeof(r));
		refused += kith__ratchet_init_b(&r, zero, rdh, ek, &seeds, 1, &ctx) != KITH_OK;
		memset(&r, 0, sizeof(r));
		kith__ratchet_init_a(&r, zero, seeds.dh_secret, seeds.kem, &ctx);
		refused += kith__ratchet_step_receive(&r, rdh, ek, ct) != KITH_OK;
	}
	bad_x25519(rdh, 4);
	rdh[0] ^= 1; /* the neighbour of a bad one is good */
	memset(ek, 0xff, 3);
	refused += kith__ratchet_init_b(&r, zero, rdh, ek, &seeds, 1, &ctx) != KITH_OK;
	tally("bad ratchet keys refused", refused, 2 * BAD_X25519 + 1);
}

/* The initiator's message with `e` and static `s`, made with zero where a result is zero. */
static void forge_noise1(uint8_t out[NET_NOISE1], const uint8_t e[32], bool bad_e,
			 const uint8_t s[32], const uint8_t responder[32], struct kith_noise *st)
{
	uint8_t es[32] = {0}, payload[NET_PAYLOAD1] = {0};

	kith_noise_init(st, KITH_NOISE_NAME, "p", 1);
	kith_noise_mix_hash(st, responder, 32);
	memcpy(out, e, 32);
	if (!bad_e) { /* `e` is a secret then */
		kith_dh_public(out, e);
		CHECK_OK(kith_dh(es, e, responder));
	}
	kith_noise_mix_hash(st, out, 32);
	kith_noise_mix_key(st, out, 32);
	kith_noise_mix_key(st, es, 32);
	(void)kith_noise_seal(st, out + 32, s, 32);
	kith_noise_mix_key(st, zero, 32); /* ss: s has a small order */
	(void)kith_noise_seal(st, out + 80, payload, sizeof(payload));
}

/* The answer with e of small order: ee and se are zero, and this psk is known. */
static void forge_noise2(uint8_t out[NET_NOISE2], const struct kith_noise *mid, const uint8_t e[32])
{
	struct payload2 p = {.observed = kith_addr_v4(1, 2, 3, 4, 5)};
	struct kith_noise st = *mid;
	uint8_t payload[NET_PAYLOAD2];

	memcpy(out, e, 32);
	kith_noise_mix_hash(&st, e, 32);
	kith_noise_mix_key(&st, e, 32);
	kith_noise_mix_key(&st, zero, 32);
	kith_noise_mix_key(&st, zero, 32);
	kith_noise_mix_key_and_hash(&st, zero);
	kith__net_payload2_write(payload, &p);
	(void)kith_noise_seal(&st, out + 32, payload, sizeof(payload));
}

static int consume(const uint8_t noise1[NET_NOISE1], const uint8_t secret[32],
		   const uint8_t public[32])
{
	struct kith_noise st;
	struct payload1 p;
	uint8_t s[32];
	int err;

	kith_noise_init(&st, KITH_NOISE_NAME, "p", 1);
	kith_noise_mix_hash(&st, public, 32);
	err = kith__net_consume1_static(&st, s, noise1, secret);
	if (err == KITH_OK)
		err = kith__net_consume1_payload(&st, &p, noise1, secret, s);
	return err;
}

TEST(attack_38_handshake)
{
	uint8_t key[32], pub[32], n1[NET_NOISE1], n2[NET_NOISE2];
	const uint8_t secret[32] = {7, 7}, e[32] = {9};
	struct payload1 p1 = {.caps = 0};
	struct payload2 p2 = {.observed = kith_addr_v4(1, 2, 3, 4, 5)};
	struct kith_noise st, mid;
	uint64_t refused = 0;

	rng = test_rng(test_seed());
	kith_dh_public(pub, secret);
	kith__net_noise_start(&mid, "p", 1, pub);
	CHECK_OK(kith__net_create1(&mid, n1, e, e, pub, &p1));
	CHECK_OK(consume(n1, secret, pub));
	for (unsigned i = 0; i < BAD_X25519; i++) {
		bad_x25519(key, i);
		st = mid;
		refused += kith__net_create1(&st, n1, e, e, key, &p1) != KITH_OK;
		forge_noise1(n1, key, true, key, pub, &st); /* e, and s */
		refused += consume(n1, secret, pub) != KITH_OK;
		forge_noise1(n1, e, false, key, pub, &st); /* s alone */
		refused += consume(n1, secret, pub) != KITH_OK;
		st = mid;
		refused += kith__net_create2(&st, n2, e, key, pub, zero, &p2) != KITH_OK;
		st = mid;
		refused += kith__net_create2(&st, n2, e, pub, key, zero, &p2) != KITH_OK;
		forge_noise2(n2, &mid, key);
		st = mid;
		refused += kith__net_consume2(&st, &p2, n2, e, e, zero) != KITH_OK;
	}
	tally("bad handshake keys refused", refused, 6 * BAD_X25519);
}

/* A sender key of small order: the forger knows the key of the seal. */
TEST(attack_38_rpc_senders)
{
	struct kith_dht_config cfg = {.network = 3, .mode = KITH_DHT_SERVER, .node_secret = {5}};
	struct kith_peerbook *book;
	struct kith__msg ping = {.method = KITH__PING, .tx = 1};
	uint64_t silent = 0, answered = 0;
	uint8_t body[64], key[32];
	struct stranger s;
	struct kith_dht *d;

	rng = test_rng(test_seed());
	cfg.params = kith_dht_defaults();
	kith_dh_public(key, cfg.node_secret);
	book = kith_peerbook_new(NULL, 1000, &rng);
	d = kith_dht_new(&cfg, book, &rng, 1000000);
	CHECK(book != NULL && d != NULL);
	kith__wire_encode(body, sizeof(body), &ping);
	for (unsigned i = 0; i <= BAD_X25519; i++) {
		uint8_t data[144], k[32], dh[32], nonce[24] = {(uint8_t)(i + 1)};
		struct kith_dgram_in in = {.data = data, .len = sizeof(data)};
		struct kith_dgram_out out;
		bool any = false;

		stranger_init(&s, i, 3);
		in.remote = s.addr;
		memset(dh, 0, sizeof(dh));
		if (i < BAD_X25519)
			bad_x25519(s.self.key, i);
		else
			CHECK_OK(kith_dh(dh, s.self.secret, key));
		kith__rpc_key(k, dh, s.self.key, key);
		memcpy(data + 64, body, sizeof(body));
		kith__rpc_seal(data, sizeof(body), &s.self, key, k, 3, nonce);
		(void)kith_dht_input(d, &in, 1000000);
		while (kith_dht_output(d, &out, 1000000))
			any |= kith_addr_equal(&out.remote, &s.addr);
		silent += !any;
		answered += any;
	}
	CHECK_EQ(answered, 1); /* the good one */
	tally("small-order senders of RPCs met with silence", silent, BAD_X25519);
	kith_dht_free(d);
	kith_peerbook_free(book);
}

/* Signature keys: what verifies under one of small order was signed by nobody. */
TEST(attack_38_signature_keys)
{
	const uint8_t forged[64] = {1}; /* R = the neutral point, S = 0 */
	uint8_t key[32], out[32], h[64] = {3};
	struct kith_receipt receipt = {.received_s = 1, .expiry_s = 2};
	struct kith_record_secret secret = {.s = {1}};
	struct kith_address address = {.cap = {1}};
	struct kith_hint hint[3];
	char link[KITH_LINK_TEXT];
	uint64_t refused = 0;
	struct kith_id id;
	size_t hints;

	memcpy(receipt.sig, forged, 64);
	for (unsigned i = 0; i < BAD_ED25519; i++) {
		bad_ed25519(key, i);
		refused += !kith_point_valid(key);
		refused += kith_blind_public(out, key, h) != KITH_OK;
		memcpy(secret.ik, key, 32);
		refused += kith_record_key(&secret, 20000, out, &id) != KITH_OK;
		memcpy(address.ik, key, 32);
		kith__link_format(link, &address, hint, 0);
		refused += kith__link_parse(&address, hint, &hints, link, strlen(link)) ==
			   KITH_LINK_KEY;
		refused += kith_sign_verify(forged, key, KITH_L_CERT, "x", 1) != KITH_OK;
		refused += kith__bind_check(forged, key, key) != KITH_OK;
		refused += kith__receipt_check(&receipt, key, key, 0, 0, key, key, 32) != KITH_OK;
	}
	tally("bad signature keys refused", refused, 7 * BAD_ED25519);
}
