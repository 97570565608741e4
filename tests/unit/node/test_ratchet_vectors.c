/* SPDX-License-Identifier: ISC */
/* Follows tests/vectors/ratchet.txt: 200 messages with lazy steps, loss and reorder; every frame
 * and every state must be that of the Python model. */
#include <stdlib.h>
#include <string.h>

#include "node/proto_internal.h"
#include "tests/test.h"
#include "tests/vectors.h"

#define FRAMES     256
#define LIGHT_ROOM 864u

static struct kith_ratchet side[2];
static uint8_t *frames[FRAMES];
static size_t frame_len[FRAMES];
static uint8_t content[KITH_BODY];

static void check_state(const struct test_vectors *v, const struct kith_ratchet *r)
{
	uint8_t all[7 * 32 + 17], want[32], got[32], zero[32] = {0};
	struct kith_writer w;

	kith_writer_init(&w, all, sizeof(all));
	kith_write_bytes(&w, r->rk, 32);
	kith_write_bytes(&w, r->has_cks ? r->cks : zero, 32);
	kith_write_bytes(&w, r->has_ckr ? r->ckr : zero, 32);
	kith_write_bytes(&w, r->has_cks ? r->hks : zero, 32);
	kith_write_bytes(&w, r->has_ckr ? r->hkr : zero, 32);
	kith_write_bytes(&w, r->nhks, 32);
	kith_write_bytes(&w, r->nhkr, 32);
	kith_write_u32(&w, r->ns);
	kith_write_u32(&w, r->nr);
	kith_write_u32(&w, r->pn);
	kith_write_u8(&w, r->step_due);
	kith_write_u32(&w, (uint32_t)r->skipped_count);
	CHECK_OK(kith_write_end(&w));
	CHECK_EQ(r->ns, test_vectors_int(v, "ns"));
	CHECK_EQ(r->nr, test_vectors_int(v, "nr"));
	CHECK_EQ(r->step_due, test_vectors_int(v, "step_due"));
	CHECK_EQ(r->skipped_count, test_vectors_int(v, "skipped"));
	CHECK_EQ(r->chain_acked, test_vectors_int(v, "light_ok"));
	test_vectors_bytes(v, "rk", want, 32);
	CHECK_MEM(r->rk, want, 32);
	kith_blake2b(got, all, w.len);
	test_vectors_bytes(v, "state", want, 32);
	CHECK_MEM(got, want, 32);
}

/* The row gives the same ratchet back. */
static void through_the_row(struct kith_ratchet *r)
{
	uint8_t row[KITH_RATCHET_ROW];
	struct kith_ratchet back;
	size_t len = kith__ratchet_encode(row, r);

	CHECK_OK(kith__ratchet_decode(&back, row, len));
	back.skipped = r->skipped;
	back.skipped_count = r->skipped_count;
	back.skipped_cap = r->skipped_cap;
	*r = back;
}

static struct kith_ratchet_context context(const struct test_vectors *v)
{
	static uint8_t ik_a[32], ik_b[32];
	uint8_t dev[4];
	struct kith_ratchet_context c = {.ik_a = ik_a, .ik_b = ik_b};

	test_vectors_bytes(v, "ik_a", ik_a, 32);
	test_vectors_bytes(v, "ik_b", ik_b, 32);
	test_vectors_bytes(v, "device_a", dev, 4);
	c.dev_a = kith_load_u32(dev);
	test_vectors_bytes(v, "device_b", dev, 4);
	c.dev_b = kith_load_u32(dev);
	c.session_epoch = (uint32_t)test_vectors_int(v, "session_epoch");
	return c;
}

static uint8_t root[32], a_dh[32], a_ek[KITH_KEM_EK];
static struct kith_ratchet_context session;
static bool b_started;

static void start(const struct test_vectors *v)
{
	uint8_t secret[32], seed[64], want[32], tag_a[32], tag_b[32], link[32], ek[KITH_KEM_EK];

	session = context(v);
	test_vectors_bytes(v, "root", root, 32);
	test_vectors_bytes(v, "a_dh_secret", secret, 32);
	test_vectors_bytes(v, "a_kem_seed", seed, 64);
	test_vectors_bytes(v, "a_dh", a_dh, 32);
	test_vectors_bytes(v, "a_ek", a_ek, KITH_KEM_EK);
	kith__ratchet_init_a(&side[0], root, secret, seed, &session);
	CHECK_MEM(side[0].dh, a_dh, 32);
	kith__ratchet_ek(ek, &side[0]);
	CHECK_MEM(ek, a_ek, KITH_KEM_EK);
	test_vectors_bytes(v, "ad", want, 32);
	CHECK_MEM(side[0].ad, want, 32);
	kith__root_derive(tag_a, tag_b, link, root);
	test_vectors_bytes(v, "tag_a", want, 32);
	CHECK_MEM(tag_a, want, 32);
	test_vectors_bytes(v, "tag_b", want, 32);
	CHECK_MEM(tag_b, want, 32);
	test_vectors_bytes(v, "lk_root", want, 32);
	CHECK_MEM(link, want, 32);
}

/* The step before a frame, if the policy wants one; that must be what the record says. */
static void maybe_step(const struct test_vectors *v, int who, bool full)
{
	struct kith_ratchet *r = &side[who];
	uint64_t now = (uint64_t)test_vectors_int(v, "time");
	bool first = who == 1 && !b_started;
	struct kith_ratchet_seeds seeds;
	bool step =
		first ||
		(full && kith__ratchet_step_wanted(r, now, test_vectors_int(v, "mailbox") != 0));

	CHECK_EQ(step, test_vectors_int(v, "step"));
	if (!step)
		return;
	test_vectors_bytes(v, "dh_secret", seeds.dh_secret, 32);
	test_vectors_bytes(v, "kem_seed", seeds.kem, 64);
	test_vectors_bytes(v, "encap_m", seeds.m, 32);
	b_started = b_started || first;
	if (first)
		CHECK_OK(kith__ratchet_init_b(r, root, a_dh, a_ek, &seeds, now, &session));
	else
		CHECK_OK(kith__ratchet_step_send(r, &seeds, now));
}

static size_t make_body(const struct test_vectors *v, uint8_t body[KITH_BODY])
{
	struct kith_body b = {0};
	struct kith_reader r;
	uint8_t ack[16];

	test_vectors_bytes(v, "ack", ack, 16);
	kith_reader_init(&r, ack, 16);
	b.ack.next = kith_read_u32(&r);
	b.ack.bitmap = kith_read_u64(&r);
	b.ack.read = kith_read_u32(&r);
	b.type = (uint16_t)test_vectors_int(v, "type");
	b.seq = (uint32_t)test_vectors_int(v, "seq");
	b.list_version = (uint32_t)test_vectors_int(v, "list_version");
	b.tag_index = (uint32_t)test_vectors_int(v, "tag_index");
	b.len = test_vectors_data(v, "content", content, sizeof(content));
	b.content = content;
	memset(body, 0, KITH_BODY);
	return kith__body_encode(body, KITH_BODY, &b);
}

static void send_one(const struct test_vectors *v)
{
	int who = (int)test_vectors_int(v, "sender");
	int id = (int)test_vectors_int(v, "id");
	struct kith_ratchet *r = &side[who];
	uint8_t body[KITH_BODY], nonces[48], want[32], got[32];
	size_t body_len = make_body(v, body), size = KITH_INNER;
	bool full = test_vectors_int(v, "want") == 1 || test_vectors_int(v, "mailbox") != 0 ||
		    !r->chain_acked || body_len - KITH_BODY_HEAD > LIGHT_ROOM;

	CHECK(body_len != 0 && id >= 0 && id < FRAMES);
	maybe_step(v, who, full);
	CHECK_EQ(full ? 1 : 2, test_vectors_int(v, "kind"));
	CHECK_EQ(r->pn, test_vectors_int(v, "pn"));
	CHECK_EQ(r->ns, test_vectors_int(v, "n"));
	if (!full)
		for (size = 256; size < body_len + 128; size += 256)
			;
	CHECK_EQ(size, test_vectors_int(v, "size"));
	test_vectors_bytes(v, "header_nonce", nonces, 24);
	test_vectors_bytes(v, "body_nonce", nonces + 24, 24);
	frames[id] = malloc(size);
	CHECK(frames[id] != NULL);
	frame_len[id] = size;
	kith__ratchet_seal(r, frames[id], size, body, body_len, NULL, nonces);
	kith_blake2b(got, frames[id], size);
	test_vectors_bytes(v, "frame_hash", want, 32);
	CHECK_MEM(got, want, 32);
	if (test_vectors_has(v, "dup")) {
		kith__frame_hash(got, frames[id], size);
		test_vectors_bytes(v, "dup", want, 16);
		CHECK_MEM(got, want, 16);
	}
	check_state(v, r);
	through_the_row(r);
}

static bool seq_seen[2][512];

static void receive_one(const struct test_vectors *v)
{
	int who = (int)test_vectors_int(v, "receiver");
	int id = (int)test_vectors_int(v, "id");
	int64_t result = test_vectors_int(v, "result"), path = test_vectors_int(v, "path");
	struct kith_opened o;
	struct kith_body b;
	uint8_t head[32];
	int err = kith__ratchet_open(&side[who], &o, frames[id], frame_len[id],
				     (uint64_t)test_vectors_int(v, "time"));

	if (result == 2) {
		CHECK_EQ(err, KITH_E_AUTH);
		check_state(v, &side[who]);
		return;
	}
	CHECK_OK(err);
	CHECK_EQ(o.stepped ? 2 : o.skip_used ? 1 : 0, path);
	test_vectors_bytes(v, "head", head, 32);
	CHECK_MEM(o.body, head, 32);
	CHECK_OK(kith__body_decode(&b, o.body, o.body_len));
	CHECK(b.seq < 512);
	CHECK_EQ(b.seq != 0 && seq_seen[who][b.seq], result);
	seq_seen[who][b.seq] = true;
	check_state(v, &side[who]);
	through_the_row(&side[who]);
}

/* Crossing requests: both sides come to one winner. */
static void crossing(const struct test_vectors *v)
{
	enum kith_request_kind a = (enum kith_request_kind)test_vectors_int(v, "kind_a");
	enum kith_request_kind b = (enum kith_request_kind)test_vectors_int(v, "kind_b");
	bool winner_b = test_vectors_int(v, "winner") == 1;
	uint8_t ik_a[32], ik_b[32];

	CHECK((a == KITH_REQUEST_FIRST || a == KITH_REQUEST_AGAIN) &&
	      (b == KITH_REQUEST_FIRST || b == KITH_REQUEST_AGAIN));
	test_vectors_bytes(v, "ik_a", ik_a, 32);
	test_vectors_bytes(v, "ik_b", ik_b, 32);
	CHECK_EQ(kith__request_beats(b, ik_b, a, ik_a), winner_b);
	CHECK_EQ(kith__request_beats(a, ik_a, b, ik_b), !winner_b);
}

TEST(ratchet_transcript_is_that_of_the_model)
{
	struct test_vectors *v = test_vectors_open("ratchet.txt");
	int count[4] = {0};

	while (test_vectors_next(v)) {
		int64_t op = test_vectors_int(v, "op");

		CHECK(op >= 0 && op <= 3);
		count[op]++;
		if (op == 0)
			start(v);
		else if (op == 1)
			send_one(v);
		else if (op == 2)
			receive_one(v);
		else
			crossing(v);
	}
	CHECK_EQ(count[0], 1);
	CHECK_EQ(count[1], 200);
	CHECK_EQ(count[2], 193);
	CHECK_EQ(count[3], 5);
	test_vectors_close(v);
	for (int i = 0; i < FRAMES; i++)
		free(frames[i]);
	kith__ratchet_wipe(&side[0]);
	kith__ratchet_wipe(&side[1]);
}
