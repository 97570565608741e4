/* SPDX-License-Identifier: ISC */
/*
 * A whole engine fed by a peer that seals well: the input is a list of commands, each with body
 * bytes. Invariants: no reply longer than its request without a cookie, caps hold, no memory lost.
 *
 *	command byte: 0-2 size class of a datagram sealed by peer (byte >> 4); 3 raw bytes; 4 time
 *	passes; 5 own lookup; 6 answer the engine's last request as its peer
 */
#include <string.h>

#include "base/crypto.h"
#include "dht/dht.h"
#include "dht/peerbook.h"
#include "dht/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct fuzz {
	struct kith_dht *d;
	struct kith_peerbook *book;
	struct kith_drbg drbg;
	struct kith_rng rng;
	uint8_t secret[32], key[32];
	struct kith__self peer[16];
	uint64_t nonce, tx;
	unsigned asked_peer;
	kith_time now;
};

static struct kith_addr address(unsigned i)
{
	return kith_addr_v4(203, 0, (uint8_t)(i * 7), 1, 4000);
}

static void drain(struct fuzz *f, size_t request, bool cookie)
{
	struct kith_dgram_out out;
	struct kith_dht_event e;
	uint8_t dh[32], k[32], body[KITH__RPC_BODY_MAX];
	struct kith__msg m;
	unsigned i;

	while (kith_dht_output(f->d, &out, f->now)) {
		for (i = 0; i < 16; i++) {
			struct kith_addr a = address(i);

			if (!kith_addr_equal(&a, &out.remote))
				continue;
			KITH_ASSERT(kith_dh(dh, f->peer[i].secret, f->key) == KITH_OK);
			kith__rpc_key(k, dh, f->key, f->peer[i].key);
			KITH_ASSERT(kith__rpc_open(body, k, out.data, out.len) == KITH_OK);
			KITH_ASSERT(kith__wire_decode(&m, body, out.len - KITH__RPC_OVERHEAD) ==
				    KITH__PARSE_OK);
			KITH_ASSERT(!kith__wire_is_reply(m.method) || cookie || out.len <= request);
			if (!kith__wire_is_reply(m.method)) {
				f->asked_peer = i;
				f->tx = m.tx;
			}
		}
	}
	while (kith_dht_event(f->d, &e))
		;
	KITH_ASSERT(kith_dht_status(f->d).peers <= KITH_DHT_TABLE_MAX);
	KITH_ASSERT(kith_dht_counters(f->d)->ratio_max_permille <= 1000);
}

static void sealed(struct fuzz *f, unsigned from, const uint8_t *body, size_t size)
{
	uint8_t out[KITH__RPC_LARGE], dh[32], k[32], nonce[24] = {0};
	struct kith_dgram_in in = {.remote = address(from), .data = out, .len = size};

	kith_store_u64(nonce, ++f->nonce);
	KITH_ASSERT(kith_dh(dh, f->peer[from].secret, f->key) == KITH_OK);
	kith__rpc_key(k, dh, f->peer[from].key, f->key);
	memcpy(out + 64, body, size - KITH__RPC_OVERHEAD);
	kith__rpc_seal(out, size - KITH__RPC_OVERHEAD, &f->peer[from], f->key, k, 3, nonce);
	(void)kith_dht_input(f->d, &in, f->now);
	drain(f, size, (body[2] & KITH__COOKIE) != 0);
}

static void start(struct fuzz *f)
{
	struct kith_dht_config cfg = {.network = 3, .mode = KITH_DHT_SERVER};
	uint8_t seed[32] = {1};
	unsigned i;

	memset(f, 0, sizeof(*f));
	f->rng = kith_crypto_drbg(&f->drbg, seed);
	f->now = 1000000;
	memset(f->secret, 5, 32);
	kith_dh_public(f->key, f->secret);
	memcpy(cfg.node_secret, f->secret, 32);
	cfg.params = kith_dht_defaults();
	for (i = 0; i < 16; i++) {
		uint8_t secret[32] = {7, (uint8_t)i};

		kith__self_init(&f->peer[i], secret, 3);
	}
	f->book = kith_peerbook_new(NULL, 1000, &f->rng);
	KITH_ASSERT(f->book != NULL);
	f->d = kith_dht_new(&cfg, f->book, &f->rng, f->now);
	KITH_ASSERT(f->d != NULL);
}

static void step(struct fuzz *f, uint8_t command, const uint8_t *body)
{
	static const size_t sizes[] = {144, 512, 1232};
	struct kith_dgram_in raw = {.remote = address(1), .data = body, .len = 144};
	struct kith_dht_seed seed = {.addr = address(command >> 4)};
	struct kith_id key;
	uint8_t forged[KITH__RPC_BODY_MAX];
	uint32_t op;

	if (command % 7 < 3) {
		sealed(f, command >> 4, body, sizes[command % 7]);
	} else if (command % 7 == 3) {
		(void)kith_dht_input(f->d, &raw, f->now);
		drain(f, 144, false);
	} else if (command % 7 == 4) {
		f->now += (kith_time)(body[0] + 1) << (body[1] % 32);
		kith_dht_tick(f->d, f->now);
		drain(f, 0, false);
	} else if (command % 7 == 5) {
		memcpy(seed.key, f->peer[command >> 4].key, 32);
		(void)(kith_dht_seed_contact(f->d, &seed, f->now) != KITH_OK);
		memcpy(key.b, body, 32);
		(void)(kith_dht_lookup(f->d, &key, &op, f->now) != KITH_OK);
		drain(f, 0, false);
	} else {
		memcpy(forged, body, sizeof(forged));
		kith_store_u64(forged + 8, f->tx);
		sealed(f, f->asked_peer, forged, sizes[body[1] == 1 ? command >> 4 & 1 : 2]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t body[KITH__RPC_BODY_MAX];
	struct fuzz f;

	if (kith_crypto_start() != NULL)
		return 0;
	start(&f);
	while (len >= 2) {
		size_t n = (size_t)data[1] * 5 < len - 2 ? (size_t)data[1] * 5 : len - 2;

		memset(body, 0, sizeof(body));
		memcpy(body, data + 2, n < sizeof(body) ? n : sizeof(body));
		step(&f, data[0], body);
		data += 2 + n;
		len -= 2 + n;
	}
	kith_dht_free(f.d);
	KITH_ASSERT(kith__peer_count(f.book) == 0);
	kith_peerbook_free(f.book);
	return 0;
}
