/* SPDX-License-Identifier: ISC */
/*
 * Group crypto: each operation in microseconds, from rounds that are interleaved, of which the
 * least disturbed tenth counts: on a busy machine the median of a long operation is that of its
 * neighbours. Then the ratios of crypto.md 13 from the same run.
 */
#include <stdlib.h>
#include <string.h>

#include "base/kem768.h"
#include "base/record.h"
#include "dht/rpc.h"
#include "net/codec.h"
#include "net/net.h"
#include "node/proto_internal.h"
#include "tests/bench/kith_bench.h"

#define NOON_MS     UINT64_C(1795003200000)
#define MIDNIGHT_MS UINT64_C(1795046400000)

enum { ROUNDS = 101, QUICK_ROUNDS = 5, CALLS = 10, RPC_BYTES = 1232, GARBAGE = 300 };

static struct {
	struct kith_drbg state;
	struct kith_rng rng;
	struct kith_noncer noncer;
	uint8_t key[32], scalar[32], point[32], out[32], seed[32], ik[32], sig[64];
	uint8_t big[8192], sealed[8192], garbage[GARBAGE];
	uint8_t kem_seed[64], ek[KITH_KEM_EK], dk[KITH_KEM_DK], ct[KITH_KEM_CT], m[32];
	struct kith_record_secret secret;
	uint8_t record[KITH_RECORD], content[KITH_RECORD_CONTENT];
	struct kith_ratchet side[2];
	struct kith_opened opened;
	uint8_t body[KITH_BODY];
	uint32_t turn, step;
	struct kith_ratchet pair[2];
	uint64_t now_ms;
	struct kith_tag_keys tag;
	uint8_t chain[32];
	struct kith__self self;
	uint8_t rpc[RPC_BYTES], rpc_key[32];
	struct kith_net *net, *net_worst;
	kith_time now;
	uint8_t shared[32], e_initiator[32], s_initiator[32], e_responder[32], noise1[NET_NOISE1];
} w;

/* Programming errors of the bench end it. */
static void must(bool ok)
{
	if (!ok)
		abort();
}

static void fill(void *p, size_t len)
{
	kith_rng_fill(&w.rng, p, len);
}

/* ---- the operations ---- */

static void run_x25519(void)
{
	must(kith_dh(w.out, w.scalar, w.point) == KITH_OK);
	w.scalar[1] ^= w.out[0];
}

static void run_aead4k(void)
{
	kith_aead_seal(w.sealed, w.key, 1, NULL, 0, w.big, 4096);
}

static void run_aead_rpc(void)
{
	kith_aead_seal(w.sealed, w.key, 1, NULL, 0, w.big, RPC_BYTES);
}

static void run_hash4k(void)
{
	kith_blake2b(w.out, w.big, 4096);
}

static void run_hash32(void)
{
	kith_blake2b(w.out, w.big, 32);
}

static void run_seal4k(void)
{
	must(kith__ratchet_seal_full(&w.side[1], w.sealed, w.body, false, NULL, w.now_ms,
				     &w.noncer) == KITH_OK);
}

static void run_responder(void)
{
	struct kith_noise st;
	struct payload1 p1;
	struct payload2 p2 = {.observed = kith_addr_v4(192, 0, 2, 1, 4000)};
	struct hs_keys keys;
	uint8_t prologue[NET_PROLOGUE_SERVICE], s[32], noise2[NET_NOISE2], psk[32] = {0};

	kith__net_prologue_service(prologue, w.point);
	kith__net_noise_start(&st, prologue, sizeof(prologue), w.self.key);
	must(kith__net_consume1_static(&st, s, w.noise1, w.self.secret) == KITH_OK);
	must(kith__net_consume1_known(&st, &p1, w.noise1, w.shared) == KITH_OK);
	must(kith__net_create2(&st, noise2, w.e_responder, w.noise1, s, psk, &p2) == KITH_OK);
	kith__net_finish(&st, false, &keys);
}

static void run_verify(void)
{
	must(kith_sign_verify(w.sig, w.ik, KITH_L_MB_BIND, w.big, 256) == KITH_OK);
}

static void run_record_open(void)
{
	uint64_t seq;

	must(kith_record_open(w.content, &seq, w.record, &w.secret, 20000) == KITH_OK);
}

static void run_record_check(void)
{
	struct kith_id key;
	uint64_t seq;

	must(kith_record_check(w.record, &key, &seq) == KITH_OK);
}

static void run_keygen(void)
{
	kith_kem_keygen(w.ek, w.dk, w.kem_seed);
}

static void run_encap(void)
{
	must(kith_kem_encap(w.ct, w.out, w.ek, w.m) == KITH_OK);
}

static void run_decap(void)
{
	kith_kem_decap(w.out, w.ct, w.dk);
}

/* One direction of the conversation turns: a step sealed here, opened there. */
static void run_turn(void)
{
	struct kith_ratchet *from = &w.side[w.turn % 2], *to = &w.side[(w.turn + 1) % 2];
	struct kith_ratchet_seeds seeds;

	w.turn++;
	w.now_ms += 61000;
	fill(&seeds, sizeof(seeds));
	must(kith__ratchet_seal_full(from, w.sealed, w.body, from->step_due, &seeds, w.now_ms,
				     &w.noncer) == KITH_OK);
	must(kith__ratchet_open(to, &w.opened, w.sealed, KITH_INNER, w.now_ms) == KITH_OK);
}

static void run_wrap(void)
{
	uint8_t nonce[24] = {1};

	kith__blob_wrap(w.sealed, nonce, w.tag.wrap, w.tag.tag, w.big);
}

static void run_rpc_open(void)
{
	must(kith__rpc_open(w.sealed, w.rpc_key, w.rpc, RPC_BYTES) == KITH_OK);
}

/* A datagram of nobody: three contact candidates, the service key, the gate of the DHT. */
static void refuse(struct kith_net *net)
{
	struct kith_dgram_in in = {.data = w.garbage, .len = GARBAGE};

	kith_store_u64(w.garbage, ++w.now);
	in.remote = kith_addr_v4(198, 51, (uint8_t)(w.now >> 8), (uint8_t)w.now, 4000);
	must(!kith_net_input(net, &in, w.now) && !kith__rpc_gate(&w.self, w.garbage));
}

/* Near midnight each P counts under two days. */
static void run_refuse_worst(void)
{
	refuse(w.net_worst);
}

/* One step of a direction: the sender's with its keys, the receiver's with what they came with. */
static void run_step(void)
{
	struct kith_ratchet *from = &w.pair[w.step % 2], *to = &w.pair[(w.step + 1) % 2];
	struct kith_ratchet_seeds seeds;
	uint8_t ek[KITH_KEM_EK];

	w.step++;
	fill(&seeds, sizeof(seeds));
	from->step_due = true;
	must(kith__ratchet_step_send(from, &seeds, w.now_ms) == KITH_OK);
	kith__ratchet_ek(ek, from); /* as in the head of its first frame */
	must(kith__ratchet_step_receive(to, from->dh, ek, from->ct) == KITH_OK);
}

static void run_record_known(void)
{
	struct kith_id key;
	uint64_t seq;

	must(kith_record_check_known(w.record, &key, &seq) == KITH_OK);
}

static void run_refuse(void)
{
	refuse(w.net);
}

static void run_tag(void)
{
	kith__tag_next(w.chain);
	kith__tag_derive(&w.tag, w.chain);
}

enum row {
	X25519,
	AEAD4K,
	AEAD_RPC,
	HASH4K,
	HASH32,
	SEAL4K,
	RESPONDER,
	VERIFY,
	RECORD_OPEN,
	RECORD_CHECK,
	KEYGEN,
	ENCAP,
	DECAP,
	TURN,
	WRAP,
	RPC_OPEN,
	REFUSE,
	REFUSE_WORST,
	STEP,
	RECORD_KNOWN,
	TAG,
	ROWS
};

static const struct {
	const char *name;
	void (*run)(void);
} rows[ROWS] = {
	[X25519] = {"crypto.x25519", run_x25519},
	[AEAD4K] = {"crypto.aead4k", run_aead4k},
	[AEAD_RPC] = {"crypto.aead1232", run_aead_rpc},
	[HASH4K] = {"crypto.hash4k", run_hash4k},
	[HASH32] = {"crypto.hash32", run_hash32},
	[SEAL4K] = {"crypto.seal4k", run_seal4k},
	[RESPONDER] = {"crypto.ikpsk2_responder", run_responder},
	[VERIFY] = {"crypto.verify", run_verify},
	[RECORD_OPEN] = {"crypto.blind_record_verify", run_record_open},
	[RECORD_CHECK] = {"crypto.record_check", run_record_check},
	[KEYGEN] = {"crypto.mlkem_keygen", run_keygen},
	[ENCAP] = {"crypto.mlkem_encap", run_encap},
	[DECAP] = {"crypto.mlkem_decap", run_decap},
	[TURN] = {"crypto.ratchet_turn", run_turn},
	[WRAP] = {"crypto.wrap4k", run_wrap},
	[RPC_OPEN] = {"crypto.rpc_open", run_rpc_open},
	[REFUSE] = {"crypto.refuse", run_refuse},
	[REFUSE_WORST] = {"crypto.refuse_worst", run_refuse_worst},
	[STEP] = {"crypto.ratchet_step", run_step},
	[RECORD_KNOWN] = {"crypto.record_check_known", run_record_known},
	[TAG] = {"crypto.tag", run_tag},
};

/* ---- set-up ---- */

static void setup_ratchet(void)
{
	struct kith_ratchet_seeds seeds;
	struct kith_body b = {.type = KITH_BODY_CHAT, .seq = 1};
	uint8_t rdh_secret[32], rdh[32], rek_seed[64], rek[KITH_KEM_EK], dk[KITH_KEM_DK], root[32];
	struct kith_ratchet_context context = {w.ik, w.point, 1, 2, 1};

	fill(rdh_secret, 32);
	fill(rek_seed, 64);
	fill(root, 32);
	fill(&seeds, sizeof(seeds));
	kith_dh_public(rdh, rdh_secret);
	kith_kem_keygen(rek, dk, rek_seed);
	kith__ratchet_init_a(&w.side[0], root, rdh_secret, rek_seed, &context);
	must(kith__ratchet_init_b(&w.side[1], root, rdh, rek, &seeds, w.now_ms, &context) ==
	     KITH_OK);
	b.content = (const uint8_t *)"hello";
	b.len = 5;
	must(kith__body_encode(w.body, sizeof(w.body), &b) != 0);
	w.turn = 1; /* B speaks first */
}

static void setup_net(void)
{
	struct kith_net_config cfg = {.network = 7, .serve = true, .has_link = true};
	struct kith_net_presence p[3];
	struct kith_noise st;
	struct payload1 p1 = {.caps = 0};
	uint8_t prologue[NET_PROLOGUE_SERVICE], s_public[32];

	fill(w.self.secret, 32);
	kith__self_init(&w.self, w.self.secret, 7);
	memcpy(cfg.node_secret, w.self.secret, 32);
	fill(cfg.link_secret, 32);
	fill(p, sizeof(p));
	w.now = 1000;
	w.net = kith_net_new(&cfg, &w.rng, w.now);
	w.net_worst = kith_net_new(&cfg, &w.rng, w.now);
	must(w.net != NULL && w.net_worst != NULL);
	kith_net_set_wall(w.net, NOON_MS, w.now);
	kith_net_set_presence(w.net, p, 3);
	kith_net_set_wall(w.net_worst, MIDNIGHT_MS, w.now);
	kith_net_set_presence(w.net_worst, p, 3);

	fill(w.e_initiator, 32);
	fill(w.s_initiator, 32);
	fill(w.e_responder, 32);
	kith_dh_public(s_public, w.s_initiator);
	must(kith_dh(w.shared, w.self.secret, s_public) == KITH_OK);
	kith__net_prologue_service(prologue, w.point);
	kith__net_noise_start(&st, prologue, sizeof(prologue), w.self.key);
	must(kith__net_create1(&st, w.noise1, w.e_initiator, w.s_initiator, w.self.key, &p1) ==
	     KITH_OK);
}

static void setup(void)
{
	uint8_t seed[32] = {0x4b}, nonce[24] = {2};

	w.rng = kith_crypto_drbg(&w.state, seed);
	kith_noncer_init(&w.noncer, &w.rng);
	fill(w.key, 32);
	fill(w.scalar, 32);
	fill(w.out, 32);
	kith_dh_public(w.point, w.out);
	fill(w.seed, 32);
	kith_sign_public(w.ik, w.seed);
	fill(w.big, sizeof(w.big));
	fill(w.garbage, sizeof(w.garbage));
	kith_sign(w.sig, w.seed, KITH_L_MB_BIND, w.big, 256);
	fill(w.kem_seed, 64);
	fill(w.m, 32);
	fill(w.chain, 32);
	fill(w.secret.s, 32);
	memcpy(w.secret.ik, w.ik, 32);
	must(kith_record_make(w.record, &w.secret, w.seed, 20000, 1, w.content, &w.noncer) ==
	     KITH_OK);
	kith__tag_derive(&w.tag, w.chain);
	w.now_ms = UINT64_C(1794960000000);
	setup_ratchet();
	setup_net();
	fill(w.rpc_key, 32);
	kith__rpc_seal(w.rpc, RPC_BYTES - 80, &w.self, w.point, w.rpc_key, 7, nonce);
}

static void ratios(const double us[ROWS], uint64_t n)
{
	bench_row("crypto.seal4k.ratio", us[SEAL4K] / (us[AEAD4K] + us[HASH4K]), "x", n);
	bench_row("crypto.seal4k.aead", us[SEAL4K] / us[AEAD4K], "x", n);
	bench_row("crypto.wrap4k.ratio", us[WRAP] / us[AEAD4K], "x", n);
	bench_row("crypto.ikpsk2_responder.ratio", us[RESPONDER] / (4 * us[X25519]), "x", n);
	bench_row("crypto.blind_record_verify.ratio", us[RECORD_OPEN] / us[VERIFY], "x", n);
	bench_row("crypto.record_check.ratio", us[RECORD_CHECK] / us[VERIFY], "x", n);
	bench_row("crypto.record_check_known.ratio", us[RECORD_KNOWN] / us[VERIFY], "x", n);
	bench_row("crypto.ratchet_step.ratio",
		  us[STEP] / (3 * us[X25519] + us[KEYGEN] + us[ENCAP] + us[DECAP]), "x", n);
	bench_row("crypto.ratchet_turn.ratio",
		  us[TURN] / (3 * us[X25519] + us[KEYGEN] + us[ENCAP] + us[DECAP]), "x", n);
	bench_row("crypto.rpc_open.ratio", us[RPC_OPEN] / us[AEAD_RPC], "x", n);
	bench_row("crypto.refuse.ratio", us[REFUSE] / us[X25519], "x", n);
	bench_row("crypto.refuse_worst.ratio", us[REFUSE_WORST] / us[X25519], "x", n);
	bench_row("crypto.tag.ratio", us[TAG] / us[HASH32], "x", n);
}

int bench_crypto(void)
{
	static double us[ROWS][ROUNDS];
	double median[ROWS];
	size_t rounds = bench_options.quick ? QUICK_ROUNDS : ROUNDS;

	setup();
	for (int i = 0; i < 4; i++) /* both sides have chains, the KEM has keys */
		run_turn();
	run_keygen();
	run_encap();
	w.pair[0] = w.side[0];
	w.pair[1] = w.side[1];
	for (size_t round = 0; round < rounds; round++) {
		for (size_t row = 0; row < ROWS; row++) {
			double start;

			rows[row].run(); /* not with the caches of the row before */
			start = bench_us();
			for (int i = 0; i < CALLS; i++)
				rows[row].run();
			us[row][round] = (bench_us() - start) / CALLS;
		}
	}
	for (size_t row = 0; row < ROWS; row++) {
		bench_sort(us[row], rounds);
		median[row] = bench_percentile(us[row], rounds, 10);
		bench_row(rows[row].name, median[row], "us", rounds * CALLS);
	}
	ratios(median, rounds * CALLS);
	kith__ratchet_wipe(&w.side[0]);
	kith__ratchet_wipe(&w.side[1]);
	kith_net_free(w.net);
	kith_net_free(w.net_worst);
	return 0;
}
