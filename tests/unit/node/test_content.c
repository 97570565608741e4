/* SPDX-License-Identifier: ISC */
/* Knock and presence contents (record.txt), bodies and chat. */
#include <stdio.h>
#include <string.h>

#include "node/proto_internal.h"
#include "tests/test.h"
#include "tests/vectors.h"

static void box_at(const struct test_vectors *v, unsigned i, struct kith_mailbox_entry *e)
{
	char name[32];
	uint8_t raw[54], back[54];
	struct kith_reader r;
	struct kith_writer w;

	snprintf(name, sizeof(name), "mailbox%u", i);
	test_vectors_bytes(v, name, raw, sizeof(raw));
	kith_reader_init(&r, raw, sizeof(raw));
	kith__mailbox_entry_read(&r, e);
	CHECK_OK(kith_read_end(&r));
	kith_writer_init(&w, back, sizeof(back));
	kith__mailbox_entry_write(&w, e);
	CHECK_OK(kith_write_end(&w));
	CHECK_MEM(back, raw, sizeof(raw));
}

static void check_knock(const struct test_vectors *v)
{
	struct kith_knock k, got;
	uint8_t raw[4], ek[KITH_KEM_EK], want[KITH_RECORD_CONTENT], out[KITH_RECORD_CONTENT];

	memset(&k, 0, sizeof(k));
	k.flags = (uint16_t)test_vectors_int(v, "flags");
	k.expiry_s = (uint64_t)test_vectors_int(v, "expiry");
	test_vectors_bytes(v, "manifest", k.manifest, 32);
	test_vectors_bytes(v, "xk", k.xk, 32);
	test_vectors_bytes(v, "spk_id", raw, 4);
	k.spk_id = kith_load_u32(raw);
	test_vectors_bytes(v, "spk", k.spk, 32);
	test_vectors_bytes(v, "ek", ek, sizeof(ek));
	kith_blake2b(k.ek_hash, ek, sizeof(ek));
	k.pow_bits = (uint8_t)test_vectors_int(v, "pow_bits");
	test_vectors_bytes(v, "device_id", raw, 4);
	k.device = kith_load_u32(raw);
	k.count = (unsigned)test_vectors_int(v, "mailbox_count");
	for (unsigned i = 0; i < k.count; i++)
		box_at(v, i, &k.box[i]);
	kith__knock_encode(out, &k);
	test_vectors_bytes(v, "content", want, sizeof(want));
	CHECK_MEM(out, want, sizeof(want));
	CHECK_OK(kith__knock_decode(&got, want));
	kith__knock_encode(out, &got);
	CHECK_MEM(out, want, sizeof(want));
	CHECK_EQ(got.count, k.count);
	want[150 + k.count * 54] = 1; /* not the padding that must be */
	CHECK_EQ(kith__knock_decode(&got, want), KITH_E_MALFORMED);
	want[150 + k.count * 54] = 0;
	want[145] = 4;
	CHECK_EQ(kith__knock_decode(&got, want), KITH_E_MALFORMED);
	want[145] = (uint8_t)k.count;
	want[144] = KITH_REQUEST_BITS_MAX + 1;
	CHECK_EQ(kith__knock_decode(&got, want), KITH_E_MALFORMED);
	want[0] = 2;
	CHECK_EQ(kith__knock_decode(&got, want), KITH_E_VERSION);
}

static void device_at(const struct test_vectors *v, unsigned i, struct kith_presence *p)
{
	char name[32];
	uint8_t raw[57];
	struct kith_reader r;
	unsigned k;

	snprintf(name, sizeof(name), "device%u_id", i);
	test_vectors_bytes(v, name, raw, 4);
	p->device[i].id = kith_load_u32(raw);
	snprintf(name, sizeof(name), "device%u_lk", i);
	test_vectors_bytes(v, name, p->device[i].lk, 32);
	snprintf(name, sizeof(name), "device%u_endpoint_count", i);
	p->device[i].count = (unsigned)test_vectors_int(v, name);
	snprintf(name, sizeof(name), "device%u_endpoints", i);
	kith_reader_init(&r, raw, test_vectors_data(v, name, raw, sizeof(raw)));
	for (k = 0; k < p->device[i].count; k++)
		kith__place_read(&r, &p->device[i].addr[k]);
	CHECK_OK(kith_read_end(&r));
}

static void check_presence(const struct test_vectors *v)
{
	struct kith_presence p, got;
	uint8_t want[KITH_RECORD_CONTENT], out[KITH_RECORD_CONTENT];
	unsigned i;

	memset(&p, 0, sizeof(p));
	p.flags = (uint16_t)test_vectors_int(v, "flags");
	p.expiry_s = (uint64_t)test_vectors_int(v, "expiry");
	p.p_epoch = (uint32_t)test_vectors_int(v, "epoch");
	p.list_version = (uint32_t)test_vectors_int(v, "list_version");
	p.manifest_version = (uint64_t)test_vectors_int(v, "manifest_version");
	test_vectors_bytes(v, "manifest", p.manifest, 32);
	test_vectors_bytes(v, "instance", p.instance, 8);
	p.devices = (unsigned)test_vectors_int(v, "device_count");
	p.count = (unsigned)test_vectors_int(v, "mailbox_count");
	for (i = 0; i < p.devices; i++)
		device_at(v, i, &p);
	for (i = 0; i < p.count; i++)
		box_at(v, i, &p.box[i]);
	kith__presence_encode(out, &p);
	test_vectors_bytes(v, "content", want, sizeof(want));
	CHECK_MEM(out, want, sizeof(want));
	CHECK_OK(kith__presence_decode(&got, want));
	kith__presence_encode(out, &got);
	CHECK_MEM(out, want, sizeof(want));
	CHECK_EQ(got.devices, p.devices);
	CHECK_EQ(got.list_version, 9);
	for (i = 0; i < 72; i++) { /* counts and reserved bytes at their worst */
		memcpy(out, want, sizeof(out));
		out[i] = 0xff;
		if (i < 2 || i >= 68)
			CHECK(kith__presence_decode(&got, out) != KITH_OK);
		else
			CHECK_OK(kith__presence_decode(&got, out));
	}
}

TEST(content_of_records_is_that_of_the_model)
{
	struct test_vectors *v = test_vectors_open("record.txt");
	int knocks = 0, presences = 0;

	while (test_vectors_next(v)) {
		if (test_vectors_has(v, "ek_hash"))
			check_knock(v), knocks++;
		else if (test_vectors_has(v, "instance"))
			check_presence(v), presences++;
	}
	CHECK_EQ(knocks, 2);
	CHECK_EQ(presences, 2);
	test_vectors_close(v);
}

TEST(content_relay_address_has_one_encoding)
{
	struct kith_addr a = kith__relay_addr(5), got;
	uint8_t raw[19] = {6, 1}, out[19];
	struct kith_reader r;
	struct kith_writer w;
	unsigned index;

	CHECK(kith__relay_index(&a, &index));
	CHECK_EQ(index, 5);
	CHECK(kith_addr_is_unusable(&a));
	kith_writer_init(&w, out, sizeof(out));
	kith__place_write(&w, &a);
	CHECK_EQ(out[0], 3);
	CHECK_EQ(out[1], 5);
	raw[16] = 5; /* the same address as type 6 */
	kith_reader_init(&r, raw, sizeof(raw));
	kith__place_read(&r, &got);
	CHECK(!kith_read_ok(&r));
	out[1] = KITH_MAILBOXES_MAX;
	kith_reader_init(&r, out, sizeof(out));
	kith__place_read(&r, &got);
	CHECK(!kith_read_ok(&r));
	a = kith_addr_v4(192, 0, 2, 1, 1);
	CHECK(!kith__relay_index(&a, &index));
}

TEST(content_bucket_bits_beyond_six_are_refused)
{
	struct kith_mailbox_entry e = {.p = 7};
	struct kith_list l = {.version = 1, .count = 1}, got;
	uint8_t raw[128];
	struct kith_writer w;
	struct kith_reader r;
	size_t len;

	kith_writer_init(&w, raw, sizeof(raw));
	kith__mailbox_entry_write(&w, &e);
	kith_reader_init(&r, raw, 54);
	kith__mailbox_entry_read(&r, &e);
	CHECK(!kith_read_ok(&r));
	l.box[0].p = 7;
	len = kith__list_encode(raw, sizeof(raw), &l);
	CHECK_EQ(len, 5 + 86);
	CHECK_EQ(kith__list_decode(&got, raw, len), KITH_E_MALFORMED);
	l.box[0].p = 6;
	len = kith__list_encode(raw, sizeof(raw), &l);
	CHECK_OK(kith__list_decode(&got, raw, len));
	raw[4] = 9;
	CHECK_EQ(kith__list_decode(&got, raw, len), KITH_E_MALFORMED);
}

/* ---- bodies ---- */

TEST(body_goes_round_and_padding_must_be_zero)
{
	struct kith_body b = {.type = 0x7777, .list_version = 2, .tag_index = 3, .seq = 4}, got;
	uint8_t raw[KITH_BODY] = {0};
	size_t len;

	b.ack = (struct kith_ack){5, 0x8000000000000001u, 6};
	b.content = (const uint8_t *)"abc";
	b.len = 3;
	len = kith__body_encode(raw, sizeof(raw), &b);
	CHECK_EQ(len, 35);
	CHECK_OK(kith__body_decode(&got, raw, sizeof(raw)));
	CHECK_EQ(got.type, 0x7777);
	CHECK_EQ(got.seq, 4);
	CHECK_EQ(got.ack.next, 5);
	CHECK(got.ack.bitmap == b.ack.bitmap);
	CHECK_EQ(got.ack.read, 6);
	CHECK_EQ(got.len, 3);
	CHECK_MEM(got.content, "abc", 3);
	for (size_t i = 0; i < 35; i++)
		CHECK_EQ(kith__body_decode(&got, raw, i), KITH_E_MALFORMED);
	CHECK_OK(kith__body_decode(&got, raw, 35));
	raw[KITH_BODY - 1] = 1;
	CHECK_EQ(kith__body_decode(&got, raw, sizeof(raw)), KITH_E_MALFORMED);
	raw[KITH_BODY - 1] = 0;
	raw[3] = 0xff;
	CHECK_EQ(kith__body_decode(&got, raw, sizeof(raw)), KITH_E_MALFORMED);
	CHECK_EQ(kith__body_encode(raw, 34, &b), 0);
}

/* ---- chat ---- */

static void round_of(size_t text_len, size_t part_max, bool reply)
{
	static uint8_t text[KITH_TEXT_MAX], tlvs[KITH_TEXT_MAX + 64], joined[KITH_TEXT_MAX + 64];
	struct kith_chat c = {.hlc = 99, .text = text, .text_len = text_len, .has_reply = reply};
	struct kith_chat_part part;
	struct kith_chat_text got;
	uint8_t raw[2048];
	size_t tlv_len, at = 0;
	unsigned parts, i;

	memset(text, 'x', sizeof(text));
	memset(c.mid.b, 7, 16);
	tlv_len = kith__chat_tlvs_encode(tlvs, sizeof(tlvs), &c);
	CHECK(tlv_len != 0);
	parts = kith__chat_parts(tlv_len, part_max);
	CHECK(parts >= 1 && parts <= 16);
	for (i = 0; i < parts; i++) {
		size_t len = kith__chat_part_encode(raw, sizeof(raw), &c, i, parts, tlvs, tlv_len,
						    part_max);

		CHECK(len > 0 && len <= part_max);
		CHECK_OK(kith__chat_part_decode(&part, raw, len));
		CHECK_EQ(part.part, i);
		CHECK_EQ(part.parts, parts);
		CHECK(part.len > 0);
		memcpy(joined + at, part.bytes, part.len);
		at += part.len;
	}
	CHECK_EQ(at, tlv_len);
	CHECK_OK(kith__chat_tlvs_decode(&got, joined, at));
	CHECK_EQ(got.text_len, text_len);
	CHECK_EQ(got.has_reply, reply);
	CHECK(!got.newer);
}

TEST(chat_texts_of_all_sizes_come_together)
{
	static const size_t part_max[] = {1616, 864, 96};
	size_t k, len;

	for (k = 0; k < 3; k++)
		for (len = 0; len <= 1000; len++)
			if (kith__chat_parts(len + 22, part_max[k]) != 0)
				round_of(len, part_max[k], len % 2 == 0);
	round_of(KITH_TEXT_MAX, 1616, true);
	CHECK_EQ(kith__chat_parts(KITH_TEXT_MAX + 22, 1616), 11);
	CHECK_EQ(kith__chat_parts(1590, 1616), 1);
	CHECK_EQ(kith__chat_parts(1591, 1616), 2);
	CHECK_EQ(kith__chat_parts(1590 + 15 * 1598, 1616), 16);
	CHECK_EQ(kith__chat_parts(1590 + 15 * 1598 + 1, 1616), 0);
}

static int tlvs(const char *hex, struct kith_chat_text *t)
{
	static uint8_t raw[64];
	size_t len = strlen(hex) / 2;

	CHECK_OK(kith_hex_decode(raw, len, hex, 2 * len));
	return kith__chat_tlvs_decode(t, raw, len);
}

TEST(chat_tlvs_keep_their_order)
{
	struct kith_chat_text t;

	CHECK_OK(tlvs("0101006109010000", &t));
	CHECK(t.newer && t.text_len == 1);
	CHECK_OK(tlvs("", &t));
	CHECK(t.text_len == 0 && !t.newer);
	CHECK_OK(tlvs("040000040000", &t)); /* several files */
	CHECK(t.newer);
	CHECK_EQ(tlvs("0101006101010061", &t), KITH_E_MALFORMED); /* a text twice */
	CHECK_EQ(tlvs("03000001010061", &t), KITH_E_MALFORMED);   /* descending */
	CHECK_EQ(tlvs("010100ff", &t), KITH_E_MALFORMED);         /* no UTF-8 */
	CHECK_EQ(tlvs("02010000", &t), KITH_E_MALFORMED);         /* reply of one byte */
	CHECK_EQ(tlvs("010200610", &t), KITH_E_MALFORMED);        /* cut */
	CHECK_EQ(tlvs("0101", &t), KITH_E_MALFORMED);
}

TEST(chat_parts_out_of_range_are_refused)
{
	uint8_t raw[32] = {0};
	struct kith_chat_part p;

	raw[17] = 1;
	CHECK_OK(kith__chat_part_decode(&p, raw, 26));
	CHECK_EQ(kith__chat_part_decode(&p, raw, 25), KITH_E_MALFORMED);
	raw[17] = 0;
	CHECK_EQ(kith__chat_part_decode(&p, raw, 26), KITH_E_MALFORMED);
	raw[17] = 17;
	CHECK_EQ(kith__chat_part_decode(&p, raw, 26), KITH_E_MALFORMED);
	raw[16] = raw[17] = 2;
	CHECK_EQ(kith__chat_part_decode(&p, raw, 26), KITH_E_MALFORMED);
}
