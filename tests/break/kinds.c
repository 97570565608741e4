/* SPDX-License-Identifier: ISC */
#include "tests/break/kinds.h"

#include <string.h>

#include "base/record.h"
#include "dht/rpc.h"
#include "store/file.h"
#include "store/seal.h"

#define DAY  20775u
#define NET  5u
#define IDX  7u
#define PAGE 4096u

static const char *const names[KINDS] = {"record",      "request", "full frame", "light frame",
					 "blob",        "knock",   "bundle",     "manifest",
					 "certificate", "receipt", "bind",       "msg1",
					 "noise1",      "msg2",    "noise2",     "service msg1",
					 "cookie",      "packet",  "rpc",        "key file",
					 "page"};

/* The one raw key, and what follows from it where a form of its own is needed. */
static uint8_t raw[32], raw_public[32], raw_sign[32], tag[16], rhk[32];
static struct kith_noise after1;     /* the initiator between the messages */
static struct kith_noise responder1; /* the responder after noise1 */
static uint8_t e_initiator[32];
static struct kith__self rpc_from, rpc_to;
static struct kith__keyfile keyfile;

const char *kinds_name(enum kind as)
{
	return names[as];
}

bool kinds_free_byte(enum kind as, size_t at)
{
	return as == K_REQUEST && at >= 4048;
}

static struct kith_record_secret record_secret(const struct kinds *k)
{
	struct kith_record_secret s;

	memcpy(s.s, raw, 32);
	memcpy(s.ik, k->c.a->ik, 32);
	return s;
}

/* ---- making ---- */

static void make_people(struct kinds *k, struct kith_rng *rng)
{
	static uint8_t content[KITH_RECORD_CONTENT], inner[KITH_INNER];
	struct kith_record_secret s = record_secret(k);
	uint8_t root[32], nonce[24];
	struct kith_request q;
	struct couple *c = &k->c;

	CHECK_OK(kith_record_make(k->bytes[K_RECORD], &s, c->a->ik_seed, DAY, 5, content,
				  &c->noncer[0]));
	person_request(c->a, c->b, rng, KITH_REQUEST_FIRST, k->bytes[K_REQUEST], root, &q);
	memcpy(c->side[0].hks, raw, 32);
	memcpy(c->side[1].hkr, raw, 32);
	memcpy(c->side[0].cks, raw, 32);
	memcpy(c->side[1].ckr, raw, 32);
	memset(inner, 3, sizeof(inner));
	k->len[K_LIGHT] = couple_seal(c, 0, true, "light", NULL, k->bytes[K_LIGHT]);
	c->side[0].step_due = false;
	k->len[K_FULL] = couple_seal(c, 0, false, "full", NULL, k->bytes[K_FULL]);
	kith_rng_fill(rng, nonce, 24);
	kith__blob_wrap(k->bytes[K_BLOB], nonce, raw, tag, inner);
	kith__request_place(root, raw_sign, raw, DAY, 9, c->b->ik); /* a tag and a key of its own */
	kith__blob_wrap(k->bytes[K_KNOCK], nonce, raw_sign, root, inner);
	k->len[K_RECORD] = KITH_RECORD;
	k->len[K_REQUEST] = KITH_INNER;
	k->len[K_BLOB] = k->len[K_KNOCK] = KITH_BLOB;
}

static void cert_bytes(struct kinds *k)
{
	const struct kith_cert *cert = &k->c.a->cert;
	struct kith_writer w;

	kith_writer_init(&w, k->bytes[K_CERT], KITH__CERT);
	kith__cert_fields_write(&w, cert);
	kith_write_bytes(&w, cert->sig, 64);
	CHECK_OK(kith_write_end(&w));
	k->len[K_CERT] = KITH__CERT;
}

static void make_signed(struct kinds *k)
{
	static struct kith_bundle bundle = {.spk_id = 1, .not_after = UINT64_MAX};
	static struct kith_manifest manifest = {.version = 1, .count = 1};
	struct kith_receipt receipt = {.received_s = TEST_NOW, .expiry_s = TEST_NOW + 99};
	const struct person *a = k->c.a;
	struct kith_writer w;

	memcpy(bundle.ek, a->ek, KITH_KEM_EK);
	kith__bundle_make(k->bytes[K_BUNDLE], &bundle, a->ik_seed, a->ik);
	k->len[K_BUNDLE] = KITH_INNER;
	k->len[K_MANIFEST] =
		kith__manifest_make(k->bytes[K_MANIFEST], &manifest, a->ik_seed, a->ik);
	cert_bytes(k);
	kith__receipt_sign(&receipt, a->ik_seed, raw_public, 0, 0, tag, k->bytes[K_BLOB],
			   KITH_BLOB);
	kith_writer_init(&w, k->bytes[K_RECEIPT], 80);
	kith_write_u64(&w, receipt.received_s);
	kith_write_u64(&w, receipt.expiry_s);
	kith_write_bytes(&w, receipt.sig, 64);
	CHECK_OK(kith_write_end(&w));
	k->len[K_RECEIPT] = 80;
	kith__bind_sign(k->bytes[K_BIND], a->ik_seed, raw_public, a->ik);
	k->len[K_BIND] = 64;
}

static void make_handshake(struct kinds *k)
{
	struct kith_noncer *noncer = &k->c.noncer[0];
	uint8_t prologue[NET_PROLOGUE_LINK], e2[32], key2[32], nonce1[24] = {0};
	struct payload1 p1 = {.caps = 0};
	struct payload2 p2 = {.observed = kith_addr_v4(10, 0, 0, 1, 1)};
	struct outer1 m = {.idx_i = IDX};

	kith__net_prologue_link(prologue, 1, 1, DAY);
	kith__net_noise_start(&after1, prologue, sizeof(prologue), raw_public);
	CHECK_OK(kith__net_create1(&after1, m.noise1, raw, raw, raw_public, &p1));
	memcpy(k->bytes[K_NOISE1], m.noise1, NET_NOISE1);
	k->len[K_NOISE1] = NET_NOISE1;
	k->len[K_MSG1] = kith__net_wrap1(k->bytes[K_MSG1], raw, noncer, &m, 24);
	kith__net_obf_service(key2, raw_public, NET);
	k->len[K_SERVICE1] = kith__net_wrap1(k->bytes[K_SERVICE1], key2, noncer, &m, 24);
	memcpy(e_initiator, m.noise1, 32);
	CHECK_OK(kinds_open(k, K_NOISE1, m.noise1, NET_NOISE1));
	memset(e2, 9, 32);
	CHECK_OK(kith__net_create2(&responder1, k->bytes[K_NOISE2], e2, e_initiator, raw_public,
				   raw, &p2));
	k->len[K_NOISE2] = NET_NOISE2;
	kith__net_key2(key2, raw, e_initiator);
	k->len[K_MSG2] =
		kith__net_wrap2(k->bytes[K_MSG2], key2, noncer, IDX, IDX, k->bytes[K_NOISE2], 24);
	k->len[K_COOKIE] = kith__net_wrap_cookie(k->bytes[K_COOKIE], raw, nonce1, noncer, tag, 24);
	memset(k->bytes[K_DATA], 1, 600);
	k->len[K_DATA] = kith__net_seal(k->bytes[K_DATA], 500, raw, rhk, IDX, 3);
}

static void make_rpc(struct kinds *k)
{
	uint8_t dh[32], key[32], nonce[24] = {4};
	uint8_t *out = k->bytes[K_RPC];

	kith__self_init(&rpc_from, raw, NET);
	rpc_to = rpc_from;
	CHECK_OK(kith_dh(dh, raw, rpc_to.key));
	kith__rpc_key(key, dh, rpc_from.key, rpc_to.key);
	memset(out + 64, 2, 64);
	kith__rpc_seal(out, 64, &rpc_from, rpc_to.key, key, NET, nonce);
	k->len[K_RPC] = 144;
}

static struct kith__seal page_seal(struct kinds *k)
{
	struct kith__seal s;

	memset(&s, 0, sizeof(s));
	s.page = PAGE;
	s.key = raw;
	s.wal_key = raw;
	s.noncer = k->c.noncer[0];
	return s;
}

static void make_disk(struct kinds *k, struct kith_rng *rng)
{
	static uint8_t page[PAGE];
	struct kith__seal s = page_seal(k);

	memset(&keyfile, 0, sizeof(keyfile));
	keyfile.counter = 1;
	CHECK_OK(kith__keyfile_wrap(&keyfile, raw, NULL, 0, 1, 64, rng));
	kith__keyfile_encode(&keyfile, raw, rng, k->bytes[K_KEYFILE]);
	k->len[K_KEYFILE] = KITH__KEYFILE;
	memset(page, 5, PAGE - KITH__RESERVE);
	kith__page_seal(&s, 12, page, k->bytes[K_PAGE]);
	k->len[K_PAGE] = PAGE;
}

void kinds_begin(struct kinds *k, struct kith_rng *rng)
{
	memset(k, 0, sizeof(*k));
	memset(raw, 0x41, sizeof(raw));
	memset(tag, 0x17, sizeof(tag));
	memset(rhk, 0x29, sizeof(rhk));
	kith_dh_public(raw_public, raw);
	couple_begin(&k->c, rng);
	couple_warm(&k->c);
	make_people(k, rng);
	make_signed(k);
	make_handshake(k);
	make_rpc(k);
	make_disk(k, rng);
}

void kinds_end(struct kinds *k)
{
	couple_end(&k->c);
}

/* ---- opening ---- */

static int open_frame(struct kinds *k, const uint8_t *in, size_t len)
{
	static struct kith_opened o;
	static struct kith_ratchet copy;
	uint8_t before[32], after[32];
	int err;

	copy = k->c.side[1];
	CHECK_EQ(copy.skipped_count, 0); /* nothing is shared with the original */
	couple_state(before, &copy);
	err = kith__ratchet_open(&copy, &o, in, len, k->c.now_ms);
	couple_state(after, &copy);
	CHECK((memcmp(before, after, 32) == 0) == (err != KITH_OK));
	kith__ratchet_wipe(&copy);
	return err;
}

static int open_cert(const struct kinds *k, const uint8_t *in)
{
	struct kith_cert cert;
	struct kith_reader r;

	kith_reader_init(&r, in, KITH__CERT);
	kith__cert_read(&r, &cert);
	return kith_read_end(&r) != KITH_OK ? KITH_E_MALFORMED
					    : kith__cert_check(&cert, k->c.a->ik, TEST_NOW);
}

static int open_receipt(const struct kinds *k, const uint8_t *in)
{
	struct kith_receipt receipt;

	receipt.received_s = kith_load_u64(in);
	receipt.expiry_s = kith_load_u64(in + 8);
	memcpy(receipt.sig, in + 16, 64);
	return kith__receipt_check(&receipt, k->c.a->ik, raw_public, 0, 0, tag, k->bytes[K_BLOB],
				   KITH_BLOB);
}

static int open_noise1(const uint8_t *in)
{
	uint8_t prologue[NET_PROLOGUE_LINK], s[32];
	struct payload1 p;
	int err;

	kith__net_prologue_link(prologue, 1, 1, DAY);
	kith__net_noise_start(&responder1, prologue, sizeof(prologue), raw_public);
	err = kith__net_consume1_static(&responder1, s, in, raw);
	if (err == KITH_OK)
		err = kith__net_consume1_payload(&responder1, &p, in, raw, s);
	return err;
}

static int open_noise2(const uint8_t *in)
{
	struct kith_noise st = after1;
	struct payload2 p;

	return kith__net_consume2(&st, &p, in, raw, raw, raw);
}

static int open_msg1(const uint8_t *in, size_t len, bool service)
{
	uint8_t key[32];
	struct outer1 m;

	kith__net_obf_service(key, raw_public, NET);
	if (len < NET_MSG1_MIN || len > NET_MSG1_MAX ||
	    kith__net_unwrap1(&m, service ? key : raw, in, len) != KITH_OK)
		return KITH_E_AUTH;
	return open_noise1(m.noise1);
}

static int open_msg2(const uint8_t *in, size_t len)
{
	uint8_t key[32], noise2[NET_NOISE2];
	uint32_t idx_i, idx_r;

	kith__net_key2(key, raw, e_initiator);
	if (kith__net_unwrap2(noise2, &idx_i, &idx_r, key, in, len) != KITH_OK)
		return KITH_E_AUTH;
	return open_noise2(noise2);
}

static int open_data(const uint8_t *in, size_t len)
{
	uint8_t head[NET_HEAD], plain[KITH_BLOB];

	if (len < KITH_DGRAM_MIN || len > KITH_DGRAM_MAX)
		return KITH_E_AUTH;
	kith__net_unmask(in, len, rhk, head);
	return kith_load_u32(head) != IDX ? KITH_E_AUTH : kith__net_open(plain, raw, head, in, len);
}

static int open_rpc(const uint8_t *in, size_t len)
{
	uint8_t dh[32], key[32], sender[32], body[KITH_BLOB];

	if (len < 144 || len > 1232 || !kith__rpc_gate(&rpc_to, in))
		return KITH_E_AUTH;
	kith__rpc_sender(sender, &rpc_to, in);
	if (kith_dh(dh, raw, sender) != KITH_OK)
		return KITH_E_AUTH;
	kith__rpc_key(key, dh, sender, rpc_to.key);
	return kith__rpc_open(body, key, in, len);
}

static int open_keyfile(const uint8_t *in, size_t len)
{
	struct kith__keyfile kf;
	uint8_t master[32];
	int err;

	memset(&kf, 0, sizeof(kf));
	err = kith__keyfile_parse(&kf, in, len);
	if (err == KITH_OK)
		err = kith__keyfile_unwrap(&kf, NULL, 0, master);
	return err == KITH_OK ? kith__keyfile_body(&kf, in, master) : err;
}

static int open_person(struct kinds *k, enum kind as, const uint8_t *in, size_t len)
{
	struct kith_request_keys self = person_keys(k->c.b);
	struct kith_record_secret secret = record_secret(k);
	static struct kith_request q;
	static struct kith_bundle b;
	static struct kith_manifest m;
	static uint8_t inner[KITH_INNER];
	uint8_t root[32], place[16];
	uint64_t seq;

	if (as == K_RECORD)
		return kith_record_open(inner, &seq, in, &secret, DAY);
	if (as == K_REQUEST)
		return kith__request_open(&q, root, in, &self, TEST_NOW);
	if (as == K_BLOB)
		return kith__blob_unwrap(inner, raw, tag, in);
	if (as == K_KNOCK) {
		kith__request_place(place, root, raw, DAY, 9, k->c.b->ik);
		return kith__blob_unwrap(inner, root, place, in);
	}
	if (as == K_BUNDLE)
		return kith__bundle_open(&b, in, k->c.a->ik, TEST_NOW);
	return kith__manifest_open(&m, in, len, k->c.a->ik);
}

int kinds_open(struct kinds *k, enum kind as, const uint8_t *in, size_t len)
{
	static uint8_t page[PAGE];
	struct kith__seal s = page_seal(k);

	switch (as) {
	case K_RECORD:
	case K_REQUEST:
	case K_BLOB:
	case K_KNOCK:
	case K_BUNDLE:
	case K_MANIFEST: return open_person(k, as, in, len);
	case K_FULL:
	case K_LIGHT: return open_frame(k, in, len);
	case K_CERT: return open_cert(k, in);
	case K_RECEIPT: return open_receipt(k, in);
	case K_BIND: return kith__bind_check(in, raw_public, k->c.a->ik);
	case K_MSG1: return open_msg1(in, len, false);
	case K_SERVICE1: return open_msg1(in, len, true);
	case K_NOISE1: return open_noise1(in);
	case K_MSG2: return open_msg2(in, len);
	case K_NOISE2: return open_noise2(in);
	case K_COOKIE: {
		static const uint8_t nonce1[24];
		uint8_t cookie[16];

		return kith__net_unwrap_cookie(cookie, raw, nonce1, in, len);
	}
	case K_DATA: return open_data(in, len);
	case K_RPC: return open_rpc(in, len);
	case K_KEYFILE: return open_keyfile(in, len);
	case K_PAGE: return kith__page_open(&s, 12, in, page);
	case KINDS: break;
	}
	return KITH_E_STATE;
}
