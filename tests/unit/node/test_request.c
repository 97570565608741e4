/* SPDX-License-Identifier: ISC */
/* Contact request, bundle, message kind 5 against tests/vectors/request.txt; tampering; work. */
#include <stdio.h>
#include <string.h>

#include "node/proto_internal.h"
#include "tests/test.h"
#include "tests/unit/node/people.h"
#include "tests/vectors.h"

static struct person people[2];
static int actors;
static uint8_t bundle_inner[KITH_INNER], request_inner[KITH_INNER]; /* the last ones read */

static void read_actor(const struct test_vectors *v)
{
	struct person *p = &people[actors++];
	uint8_t raw[4], seed[64], cert[176], want[32];
	struct kith_reader r;

	test_vectors_bytes(v, "ik_seed", p->ik_seed, 32);
	test_vectors_bytes(v, "xk_secret", p->xk_secret, 32);
	test_vectors_bytes(v, "spk_secret", p->spk_secret, 32);
	test_vectors_bytes(v, "spk_id", raw, 4);
	p->spk_id = kith_load_u32(raw);
	test_vectors_bytes(v, "ek_seed", seed, 64);
	test_vectors_bytes(v, "cap", p->cap, 16);
	test_vectors_bytes(v, "p", p->p, 32);
	kith_sign_public(p->ik, p->ik_seed);
	kith_dh_public(p->xk, p->xk_secret);
	kith_dh_public(p->spk, p->spk_secret);
	kith_kem_keygen(p->ek, p->dk, seed);
	test_vectors_bytes(v, "ik", want, 32);
	CHECK_MEM(p->ik, want, 32);
	test_vectors_bytes(v, "certificate", cert, sizeof(cert));
	kith_reader_init(&r, cert, sizeof(cert));
	kith__cert_read(&r, &p->cert);
	CHECK_OK(kith_read_end(&r));
	memset(cert, 0, 64);
	memcpy(cert, p->cert.sig, 64);
	kith__cert_sign(&p->cert, p->ik_seed, p->ik);
	CHECK_MEM(p->cert.sig, cert, 64);
	CHECK_OK(kith__cert_check(&p->cert, p->ik, TEST_NOW));
}

static void check_bundle(const struct test_vectors *v)
{
	const struct person *b = &people[1];
	struct kith_bundle made = {.spk_id = b->spk_id}, got;
	uint8_t s[32], ml[32], tag[16], wrap[32], want[32], nonce[24], raw[1324];
	uint8_t inner[KITH_INNER], blob[KITH_BLOB], blob_want[KITH_BLOB];

	test_vectors_bytes(v, "s", s, 32);
	test_vectors_bytes(v, "ml", ml, 32);
	memcpy(made.xk, b->xk, 32);
	memcpy(made.spk, b->spk, 32);
	memcpy(made.ek, b->ek, KITH_KEM_EK);
	made.not_after = (uint64_t)test_vectors_int(v, "not_after");
	kith__bundle_make(inner, &made, b->ik_seed, b->ik);
	test_vectors_bytes(v, "bundle", raw, sizeof(raw));
	CHECK_MEM(inner, raw, sizeof(raw));
	CHECK(kith_is_zero(inner + sizeof(raw), KITH_INNER - sizeof(raw)));
	memcpy(bundle_inner, inner, KITH_INNER);
	kith__bundle_place(tag, wrap, s, made.spk_id, ml);
	test_vectors_bytes(v, "tag", want, 16);
	CHECK_MEM(tag, want, 16);
	test_vectors_bytes(v, "wrap_key", want, 32);
	CHECK_MEM(wrap, want, 32);
	test_vectors_bytes(v, "nonce", nonce, 24);
	kith__blob_wrap(blob, nonce, wrap, tag, inner);
	test_vectors_bytes(v, "blob", blob_want, sizeof(blob));
	CHECK_MEM(blob, blob_want, sizeof(blob));
	CHECK_OK(kith__bundle_open(&got, inner, b->ik, made.not_after));
	CHECK_MEM(got.ek, b->ek, KITH_KEM_EK);
	CHECK_EQ(kith__bundle_open(&got, inner, b->ik, made.not_after + 1), KITH_E_EXPIRED);
	CHECK_EQ(kith__bundle_open(&got, inner, people[0].ik, TEST_NOW), KITH_E_AUTH);
}

static void fill_request(const struct test_vectors *v, struct kith_request *q)
{
	char name[16];
	uint8_t entry[54];
	struct kith_reader r;

	memset(q, 0, sizeof(*q));
	q->kind = test_vectors_int(v, "kind") == 1 ? KITH_REQUEST_FIRST : KITH_REQUEST_AGAIN;
	q->spk_id = people[1].spk_id;
	memcpy(q->ik, people[0].ik, 32);
	q->cert = people[0].cert;
	test_vectors_bytes(v, "rdh", q->rdh, 32);
	test_vectors_bytes(v, "rek", q->rek, KITH_KEM_EK);
	test_vectors_bytes(v, "ms", q->ms, 32);
	q->list_version = (uint32_t)test_vectors_int(v, "list_version");
	q->session_epoch = (uint32_t)test_vectors_int(v, "epoch");
	q->created_s = (uint64_t)test_vectors_int(v, "created");
	for (;; q->count++) {
		snprintf(name, sizeof(name), "mailbox%u", q->count);
		if (!test_vectors_has(v, name))
			break;
		test_vectors_bytes(v, name, entry, sizeof(entry));
		kith_reader_init(&r, entry, sizeof(entry));
		kith__mailbox_entry_read(&r, &q->box[q->count]);
		CHECK_OK(kith_read_end(&r));
	}
	q->name_len = (unsigned)test_vectors_data(v, "name", (uint8_t *)q->name, KITH_NAME_MAX);
	q->greeting_len = (unsigned)test_vectors_data(v, "greeting", (uint8_t *)q->greeting,
						      KITH_GREETING_MAX);
	q->extension_len =
		(unsigned)test_vectors_data(v, "extension", q->extension, KITH_EXTENSION_MAX);
}

static void check_work(const struct test_vectors *v, const uint8_t made[KITH_INNER])
{
	const uint8_t *ik_b = people[1].ik;
	unsigned bits = (unsigned)test_vectors_int(v, "pow_bits");
	uint64_t day = (uint64_t)test_vectors_int(v, "pow_day"), nonce = 0;
	uint8_t ml[32], digest[32], want[32], request[KITH_INNER], h[16];

	test_vectors_bytes(v, "pow_ml", ml, 32);
	kith__request_digest(digest, made);
	test_vectors_bytes(v, "pow_body_hash", want, 32);
	CHECK_MEM(digest, want, 32);
	while (!kith__request_work_search(&nonce, 100, ik_b, ml, day, digest, bits))
		CHECK(nonce < 1000000);
	test_vectors_bytes(v, "pow_nonce", want, 8);
	CHECK_EQ(nonce, kith_load_u64(want));
	memcpy(request, made, KITH_INNER);
	kith__request_work_put(request, nonce);
	test_vectors_bytes(v, "pow_hash", want, 32);
	CHECK(kith__request_work_bits(request, ik_b, ml, day) >= bits);
	CHECK(kith_leading_zeros(want, kith__request_work_bits(request, ik_b, ml, day)));
	CHECK(!kith_leading_zeros(want, kith__request_work_bits(request, ik_b, ml, day) + 1));
	if (bits != 0) { /* work for another person, mailbox or day is no work */
		CHECK(kith__request_work_bits(request, people[0].ik, ml, day) < bits);
		CHECK(kith__request_work_bits(request, ik_b, ik_b, day) < bits);
		CHECK(kith__request_work_bits(request, ik_b, ml, day + 1) < bits);
	}
	kith__request_seen(h, request);
	test_vectors_bytes(v, "seen", want, 16);
	CHECK_MEM(h, want, 16);
}

static void check_place(const struct test_vectors *v)
{
	uint8_t s[32], ml[32], tag[16], wrap[32], want[32], nonce[24];
	uint8_t request[KITH_INNER], back[KITH_INNER], blob[KITH_BLOB], blob_want[KITH_BLOB];

	test_vectors_bytes(v, "s", s, 32);
	test_vectors_bytes(v, "pow_ml", ml, 32);
	test_vectors_bytes(v, "request", request, sizeof(request));
	kith__request_place(tag, wrap, s, (uint64_t)test_vectors_int(v, "pow_day"),
			    (uint16_t)test_vectors_int(v, "slot"), ml);
	test_vectors_bytes(v, "tag", want, 16);
	CHECK_MEM(tag, want, 16);
	test_vectors_bytes(v, "wrap_key", want, 32);
	CHECK_MEM(wrap, want, 32);
	test_vectors_bytes(v, "wrap_nonce", nonce, 24);
	kith__blob_wrap(blob, nonce, wrap, tag, request);
	test_vectors_bytes(v, "blob", blob_want, sizeof(blob));
	CHECK_MEM(blob, blob_want, sizeof(blob));
	CHECK_OK(kith__blob_unwrap(back, wrap, tag, blob));
	CHECK_MEM(back, request, KITH_INNER);
}

static void check_request(const struct test_vectors *v)
{
	const struct kith_request_peer to = {people[1].ik, people[1].xk, people[1].spk,
					     people[1].ek};
	const struct kith_request_keys self = person_keys(&people[1]);
	struct kith_request q, got;
	uint8_t e[32], m[32], nonces[48], root[32], want[32], root_b[32];
	const struct kith__request_random random = {e, m, NULL, nonces};
	uint8_t made[KITH_INNER], request[KITH_INNER];
	enum kith_request_kind kind;
	uint32_t spk_id;

	fill_request(v, &q);
	test_vectors_bytes(v, "e_secret", e, 32);
	test_vectors_bytes(v, "encap_m", m, 32);
	test_vectors_bytes(v, "nonce1", nonces, 24);
	test_vectors_bytes(v, "nonce2", nonces + 24, 24);
	CHECK_OK(kith__request_build(made, root, &q, people[0].xk_secret, &to, &random));
	test_vectors_bytes(v, "root", want, 32);
	CHECK_MEM(root, want, 32);
	test_vectors_bytes(v, "request", request, sizeof(request));
	CHECK_MEM(made, request, KITH_INNER - 8);
	check_work(v, made);
	check_place(v);
	CHECK_OK(kith__request_peek(request, &kind, &spk_id));
	CHECK_EQ(kind, q.kind);
	CHECK_EQ(spk_id, q.spk_id);
	CHECK_OK(kith__request_open(&got, root_b, request, &self, TEST_NOW));
	CHECK_MEM(root_b, root, 32);
	CHECK_OK(kith__request_build(made, root, &got, people[0].xk_secret, &to, &random));
	CHECK_MEM(made, request, KITH_INNER - 8); /* so every field came through */
	memcpy(request_inner, request, KITH_INNER);
}

/* Message kind 5: what is sent on the link, and what it carries opens. */
static void check_heal(const struct test_vectors *v)
{
	const uint8_t *const inners[] = {NULL, NULL, bundle_inner, request_inner}, *inner;
	int64_t want_op = test_vectors_int(v, "op");
	const struct kith_request_keys self = person_keys(&people[1]);
	uint8_t in[KITH_HEAL_MAX + 1] = {0}, out[KITH_HEAL_MAX], root[32];
	size_t len = test_vectors_data(v, "message", in, sizeof(in)), i;
	enum kith_heal_op op;
	struct kith_request q;
	struct kith_bundle b;

	CHECK(want_op >= 1 && want_op <= 3);
	CHECK_EQ(len, want_op == 1 ? 2 : 4058);
	CHECK_EQ(kith__heal_encode(out, (enum kith_heal_op)want_op, inners[want_op]), len);
	CHECK_MEM(out, in, len);
	CHECK_OK(kith__heal_decode(&op, &inner, in, len));
	CHECK_EQ(op, want_op);
	CHECK(inner == (want_op == 1 ? NULL : in + 2));
	if (op == KITH_HEAL_BUNDLE) {
		CHECK_OK(kith__bundle_open(&b, inner, people[1].ik, TEST_NOW));
		CHECK_MEM(b.xk, people[1].xk, 32);
	} else if (op == KITH_HEAL_REQUEST) {
		CHECK_OK(kith__request_open(&q, root, inner, &self, TEST_NOW));
		CHECK_EQ(q.kind, KITH_REQUEST_AGAIN);
		CHECK_MEM(q.ik, people[0].ik, 32);
	}
	for (i = 0; i <= sizeof(in); i++)
		CHECK_EQ(kith__heal_decode(&op, &inner, in, i) == KITH_OK, i == len);
}

static void check_control(const struct test_vectors *v, int64_t type)
{
	uint8_t in[KITH_BODY], out[KITH_BODY];
	size_t len = test_vectors_data(v, "content", in, sizeof(in)), i;
	union {
		struct kith_accept accept;
		struct kith_list list;
		struct kith_share share;
		struct kith_link_root link;
	} c;

	for (i = 0; i < len; i++) { /* truncated at every byte */
		CHECK(kith__accept_decode(&c.accept, in, i) != KITH_OK);
		CHECK(kith__link_root_decode(&c.link, in, i) != KITH_OK || i == 40);
		CHECK(kith__share_decode(&c.share, in, i) != KITH_OK || i == 52);
	}
	memset(&c, 0, sizeof(c));
	if (type == KITH_BODY_ACCEPT) {
		CHECK_OK(kith__accept_decode(&c.accept, in, len));
		CHECK_EQ(kith__accept_encode(out, sizeof(out), &c.accept), len);
		CHECK_EQ(kith__accept_encode(out, len - 1, &c.accept), 0);
		CHECK_OK(kith__cert_check(&c.accept.cert, people[1].ik, TEST_NOW));
		CHECK_EQ(c.accept.list.count, test_vectors_int(v, "mailboxes"));
	} else if (type == KITH_BODY_LIST) {
		CHECK_OK(kith__list_decode(&c.list, in, len));
		CHECK_EQ(kith__list_encode(out, sizeof(out), &c.list), len);
	} else if (type == KITH_BODY_PRESENCE) {
		CHECK_OK(kith__share_decode(&c.share, in, len));
		CHECK_EQ(kith__share_encode(out, sizeof(out), &c.share), len);
		CHECK_MEM(c.share.p, people[0].p, 32);
	} else {
		CHECK_EQ(type, KITH_BODY_LINK_ROOT);
		CHECK_OK(kith__link_root_decode(&c.link, in, len));
		CHECK_EQ(kith__link_root_encode(out, sizeof(out), &c.link), len);
	}
	CHECK_MEM(out, in, len);
}

static void check_chat(const struct test_vectors *v)
{
	uint8_t in[256], tlvs[256], joined[256];
	struct kith_chat_text text;
	struct kith_chat_part part;
	struct kith_chat chat = {0};
	size_t len, at = 0, tlv_len = test_vectors_data(v, "tlvs", tlvs, sizeof(tlvs));

	len = test_vectors_data(v, "content0", in, sizeof(in));
	CHECK_OK(kith__chat_part_decode(&part, in, len));
	CHECK_EQ(part.part, 0);
	CHECK_EQ(part.parts, 2);
	CHECK_EQ(part.hlc, test_vectors_int(v, "hlc"));
	memcpy(joined, part.bytes, part.len);
	at = part.len;
	chat.mid = part.mid;
	chat.hlc = part.hlc;
	CHECK_EQ(kith__chat_part_encode(joined + 128, 128, &chat, 0, 2, tlvs, tlv_len, len), len);
	CHECK_MEM(joined + 128, in, len);
	len = test_vectors_data(v, "content1", in, sizeof(in));
	CHECK_OK(kith__chat_part_decode(&part, in, len));
	CHECK_EQ(part.part, 1);
	memcpy(joined + at, part.bytes, part.len);
	CHECK_EQ(at + part.len, tlv_len);
	CHECK_MEM(joined, tlvs, tlv_len);
	CHECK_OK(kith__chat_tlvs_decode(&text, tlvs, tlv_len));
	CHECK_EQ(text.text_len, 9);
	CHECK_MEM(text.text, "two words", 9);
	CHECK(text.has_reply && !text.newer);
	chat.text = text.text;
	chat.text_len = text.text_len;
	chat.has_reply = true;
	chat.reply = text.reply;
	CHECK_EQ(kith__chat_tlvs_encode(joined, sizeof(joined), &chat), tlv_len);
	CHECK_MEM(joined, tlvs, tlv_len);
}

TEST(request_file_is_that_of_the_model)
{
	struct test_vectors *v = test_vectors_open("request.txt");
	int bundles = 0, requests = 0, heals = 0, controls = 0, chats = 0;

	while (test_vectors_next(v)) {
		int64_t type = test_vectors_has(v, "type") ? test_vectors_int(v, "type") : 0;

		if (test_vectors_has(v, "certificate"))
			read_actor(v);
		else if (test_vectors_has(v, "bundle"))
			check_bundle(v), bundles++;
		else if (test_vectors_has(v, "request"))
			check_request(v), requests++;
		else if (test_vectors_has(v, "message"))
			check_heal(v), heals++;
		else if (type == KITH_BODY_CHAT)
			check_chat(v), chats++;
		else
			check_control(v, type), controls++;
	}
	CHECK_EQ(actors, 2);
	CHECK_EQ(bundles, 2);
	CHECK_EQ(requests, 2);
	CHECK_EQ(heals, 3);
	CHECK_EQ(controls, 4);
	CHECK_EQ(chats, 1);
	test_vectors_close(v);
}

/* ---- tampering ---- */

TEST(heal_message_other_kinds_and_operations_are_refused)
{
	uint8_t in[KITH_HEAL_MAX] = {0};
	const uint8_t *inner;
	enum kith_heal_op op;
	unsigned kind, code, taken = 0;
	size_t len;

	for (kind = 0; kind < 256; kind++)
		for (code = 0; code < 256; code++)
			for (len = 2; len <= sizeof(in); len += KITH_INNER) {
				in[0] = (uint8_t)kind;
				in[1] = (uint8_t)code;
				if (kith__heal_decode(&op, &inner, in, len) != KITH_OK)
					continue;
				CHECK(kind == 5 && code >= 1 && code <= 3);
				CHECK_EQ(op, code);
				CHECK_EQ(len, code == 1 ? 2 : 4058);
				taken++;
			}
	CHECK_EQ(taken, 3);
}

TEST(request_refuses_every_changed_byte)
{
	struct kith_rng rng = test_rng(test_seed());
	struct person *a = person_new(&rng), *b = person_new(&rng);
	struct kith_request_keys self = person_keys(b);
	struct kith_request q, got;
	uint8_t made[KITH_INNER], root[32], out_root[32] = {0};
	uint32_t step = 1 + kith_rng_below(&rng, 3);
	size_t bit;

	person_request(a, b, &rng, KITH_REQUEST_FIRST, made, root, &q);
	memset(&got, 0x5a, sizeof(got));
	for (bit = 0; bit < (KITH_INNER - 8) * 8; bit += 8 * step + kith_rng_below(&rng, 8)) {
		if (bit / 8 >= 40 &&
		    bit / 8 < 4000) /* thinned out: each try costs a decapsulation */
			bit += 64;
		made[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK(kith__request_open(&got, out_root, made, &self, TEST_NOW) == KITH_E_AUTH);
		made[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	CHECK(kith_is_zero(out_root, 32));
	for (bit = 0; bit < sizeof(got); bit++)
		CHECK_EQ(((const uint8_t *)&got)[bit], 0x5a);
	CHECK_OK(kith__request_open(&got, out_root, made, &self, TEST_NOW));
	CHECK_MEM(out_root, root, 32);
	person_free(a);
	person_free(b);
}

TEST(request_for_somebody_else_or_too_late_is_refused)
{
	struct kith_rng rng = test_rng(test_seed());
	struct person *a = person_new(&rng), *b = person_new(&rng), *c = person_new(&rng);
	struct kith_request_keys self = person_keys(c);
	struct kith_request q;
	uint8_t made[KITH_INNER], root[32];

	person_request(a, b, &rng, KITH_REQUEST_FIRST, made, root, &q);
	CHECK_EQ(kith__request_open(&q, root, made, &self, TEST_NOW), KITH_E_AUTH);
	self = person_keys(b);
	CHECK_EQ(kith__request_open(&q, root, made, &self, a->cert.not_after + 1), KITH_E_AUTH);
	self.ik = c->ik; /* the same prekeys under another identity */
	CHECK_EQ(kith__request_open(&q, root, made, &self, TEST_NOW), KITH_E_AUTH);
	person_free(a);
	person_free(b);
	person_free(c);
}

TEST(request_peek_names_what_is_wrong)
{
	uint8_t in[KITH_INNER] = {1, 1, 0, 0, 7, 0, 0, 0};
	enum kith_request_kind kind;
	uint32_t id;

	CHECK_OK(kith__request_peek(in, &kind, &id));
	CHECK_EQ(id, 7);
	in[1] = 3;
	CHECK_EQ(kith__request_peek(in, &kind, &id), KITH_E_MALFORMED);
	in[1] = 2;
	in[3] = 1;
	CHECK_EQ(kith__request_peek(in, &kind, &id), KITH_E_MALFORMED);
	in[0] = 2;
	CHECK_EQ(kith__request_peek(in, &kind, &id), KITH_E_VERSION);
	in[0] = 0;
	CHECK_EQ(kith__request_peek(in, &kind, &id), KITH_E_MALFORMED);
}

TEST(request_to_a_bad_key_is_not_made)
{
	struct kith_rng rng = test_rng(test_seed());
	struct person *a = person_new(&rng), *b = person_new(&rng);
	struct kith_request_peer to = {b->ik, b->xk, b->spk, b->ek};
	struct kith_noncer noncer;
	struct kith_request q;
	uint8_t made[KITH_INNER], root[32], secret[32], m[32];
	static const uint8_t zero[32];
	static uint8_t bad_ek[KITH_KEM_EK];

	person_request(a, b, &rng, KITH_REQUEST_FIRST, made, root, &q);
	kith_noncer_init(&noncer, &rng);
	kith_rng_fill(&rng, secret, 32);
	kith_rng_fill(&rng, m, 32);
	to.xk = zero;
	CHECK_EQ(kith__request_make(made, root, &q, a->xk_secret, &to, secret, m, &noncer),
		 KITH_E_AUTH);
	to.xk = b->xk;
	to.spk = zero;
	CHECK_EQ(kith__request_make(made, root, &q, a->xk_secret, &to, secret, m, &noncer),
		 KITH_E_AUTH);
	to.spk = b->spk;
	memset(bad_ek, 0xff, sizeof(bad_ek));
	to.ek = bad_ek;
	CHECK_EQ(kith__request_make(made, root, &q, a->xk_secret, &to, secret, m, &noncer),
		 KITH_E_AUTH);
	person_free(a);
	person_free(b);
}
