/* SPDX-License-Identifier: ISC */
/* Broken rules and hostile peers: kinds of links, lengths, truncation, pre-images, receipts. */
#include <string.h>

#include "node/mbox_wire.h"
#include "tests/unit/node/mbox_world.h"

static uint8_t frame[KITH__MBOX_DATA_MAX], answer[KITH__MBOX_DATA_MAX];

static size_t request(uint8_t verb, const void *body, size_t len)
{
	struct kith_writer w;

	kith_writer_init(&w, frame, sizeof(frame));
	kith__mbox_begin(&w, verb, 3);
	kith_write_bytes(&w, body, len);
	CHECK_OK(kith__mbox_end_request(&w));
	return w.len;
}

/* Sends what is in `frame` and gives status of the reply; 256 + code for ERROR, -1 for a lost link.
 */
static int ask(struct world *w, size_t len)
{
	raw_send(w, frame, len);
	len = raw_recv(w, answer, sizeof(answer));
	if (len < 8)
		return -1;
	return answer[4] == KITH_MBOX_ERROR ? 256 + answer[7] : answer[7];
}

TEST(mbox_rules_one_kind_per_link)
{
	static const uint8_t kinds[] = {KITH_MBOX_LIST, KITH_MBOX_DELETE, KITH_MBOX_GET};
	static const uint8_t body[300] = {4};
	static struct world w;

	world_init(&w);
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned j = 0; j < 3; j++) {
			int got;

			raw_open(&w);
			CHECK_EQ(ask(&w, request(KITH_MBOX_INFO, body, 1)), KITH_MBOX_OK);
			CHECK(ask(&w, request(kinds[i], body, 70)) <= KITH_MBOX_CLASS);
			got = ask(&w, request(kinds[j], body, 70));
			if (kinds[i] == KITH_MBOX_DELETE || (i == 1) != (j == 1)) {
				CHECK_EQ(got, 256 + KITH_MBOX_MALFORMED);
				world_run(&w, 5 * SEC);
				CHECK(w.raw_lost);
			} else {
				CHECK(got <= KITH_MBOX_CLASS);
				raw_close(&w);
			}
		}
	}
	world_free(&w);
}

TEST(mbox_rules_second_put_ends_the_link)
{
	static struct world w;
	struct kith_writer writer;
	struct kith__mbox_put put = {.ttl_class = 2, .stamp_kind = 3};
	uint8_t stamp[64];
	struct parcel p;

	world_init(&w);
	raw_open(&w);
	for (unsigned n = 0; n < 2; n++) {
		parcel_make(&p, n);
		world_stamp(&w, stamp, p.tag, p.blob, KITH_BLOB);
		memcpy(put.tag, p.tag, 16);
		put.bucket = p.bucket;
		put.stamp = stamp;
		put.blob = p.blob;
		kith_writer_init(&writer, frame, sizeof(frame));
		kith__mbox_begin(&writer, KITH_MBOX_PUT, 0);
		kith__mbox_put_write(&writer, &put);
		CHECK_OK(kith__mbox_end_request(&writer));
		CHECK_EQ(ask(&w, writer.len), n == 0 ? KITH_MBOX_OK : 256 + KITH_MBOX_MALFORMED);
	}
	CHECK_EQ(kith__mbox_service_status(w.service).items, 1);
	world_free(&w);
}

TEST(mbox_rules_unknown_verb_lives)
{
	static const uint8_t body[48];
	static struct world w;

	world_init(&w);
	raw_open(&w);
	CHECK_EQ(ask(&w, request(0x33, body, sizeof(body))), KITH_MBOX_UNKNOWN);
	CHECK_EQ(answer[4], 0x33 | 0x80);
	CHECK_EQ(answer[5], 3);
	CHECK_EQ(ask(&w, request(0x09, body, sizeof(body))), KITH_MBOX_UNKNOWN);
	CHECK_EQ(ask(&w, request(KITH_MBOX_JOIN, body, sizeof(body))), KITH_MBOX_UNKNOWN);
	CHECK_EQ(ask(&w, request(KITH_MBOX_INFO, body, 1)), KITH_MBOX_OK);
	CHECK_EQ(ask(&w, request(KITH_MBOX_LIST, body, 17)), KITH_MBOX_OK);
	world_free(&w);
}

TEST(mbox_rules_length_beyond_the_cap)
{
	static struct world w;

	world_init(&w);
	raw_open(&w);
	kith_store_u32(frame, KITH_MBOX_FRAME_MAX + 1);
	CHECK_EQ(ask(&w, 7), 256 + KITH_MBOX_MALFORMED);
	world_run(&w, 5 * SEC);
	CHECK(w.raw_lost);
	raw_open(&w);
	kith_store_u32(frame, 2); /* shorter than verb and number */
	CHECK_EQ(ask(&w, 7), 256 + KITH_MBOX_MALFORMED);
	world_free(&w);
}

/* The body of every verb cut at every byte: malformed, never served, the process lives. */
TEST(mbox_rules_truncated_bodies)
{
	static const struct {
		uint8_t verb;
		size_t len;
	} verbs[] = {{KITH_MBOX_LIST, 17},
		     {KITH_MBOX_GET, 65},
		     {KITH_MBOX_DELETE, 32},
		     {KITH_MBOX_WATCH, 13},
		     {KITH_MBOX_HAVE, 256}};
	static const uint8_t body[300] = {4};
	static struct world w;

	world_init(&w);
	for (unsigned v = 0; v < sizeof(verbs) / sizeof(verbs[0]); v++) {
		for (size_t cut = 0; cut <= verbs[v].len; cut += cut < 20 ? 1 : 17) {
			int got;

			raw_open(&w);
			(void)request(verbs[v].verb, body, verbs[v].len);
			kith_store_u32(frame, (uint32_t)(3 + cut));
			got = ask(&w, 7 + cut);
			if (cut == 0 || cut < verbs[v].len)
				CHECK_EQ(got, KITH_MBOX_MALFORMED);
			raw_close(&w);
			world_run(&w, 100 * MS);
		}
	}
	world_free(&w);
}

TEST(mbox_rules_slow_and_split_frames)
{
	static const uint8_t body[17];
	static struct world w;
	size_t len;

	world_init(&w);
	raw_open(&w);
	len = request(KITH_MBOX_LIST, body, sizeof(body));
	for (size_t i = 0; i < len - 1; i++)
		raw_send(&w, frame + i, 1);
	world_run(&w, 1 * SEC);
	CHECK_EQ(kith__mbox_service_status(w.service).lists, 0);
	memmove(frame, frame + len - 1, 1);
	CHECK_EQ(ask(&w, 1), KITH_MBOX_OK);
	CHECK_EQ(kith__mbox_service_status(w.service).lists, 1);
	world_free(&w);
}

TEST(mbox_rules_no_delete_without_pre_image)
{
	static struct world w;
	uint8_t d[32];
	struct parcel p;

	world_init(&w);
	parcel_make(&p, 1);
	CHECK_EQ(world_put(&w, 1, &p)->status, KITH_MBOX_OK);
	memset(d, 0, sizeof(d));
	memcpy(d, p.tag, 16); /* all that the mailbox and its readers know */
	CHECK_EQ(world_delete(&w, 2, d)->status, KITH_MBOX_OK);
	for (unsigned bit = 0; bit < 256; bit += 37) {
		memcpy(d, p.d, sizeof(d));
		d[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK_EQ(world_delete(&w, 2, d)->status, KITH_MBOX_OK); /* looks the same */
	}
	CHECK_EQ(kith__mbox_service_status(w.service).items, 1);
	CHECK_EQ(kith__mbox_service_status(w.service).deletes, 0);
	CHECK_EQ(world_delete(&w, 1, p.d)->status, KITH_MBOX_OK);
	CHECK_EQ(kith__mbox_service_status(w.service).items, 0);
	world_free(&w);
}

TEST(mbox_rules_forged_receipts)
{
	static struct world w;
	struct kith_mbox_result *r;
	struct kith_receipt c;
	struct parcel p;
	uint8_t mk[32], other[32] = {7};
	uint32_t link;

	world_init(&w);
	link = world_link(&w, 1);
	CHECK_OK(kith__mbox_info(w.client[1], link, w.now));
	memcpy(mk, world_result(&w)->info.mk, 32);
	parcel_make(&p, 1);
	r = world_put(&w, 1, &p);
	for (unsigned i = 0; i < 8; i++) {
		struct kith_mbox_bucket b = p.bucket;
		struct parcel q = p;

		c = r->receipt;
		switch (i) {
		case 0: c.expiry_s++; break;
		case 1: c.received_s--; break;
		case 2: c.sig[9] ^= 1; break;
		case 3: q.tag[0] ^= 1; break;
		case 4: q.blob[4095] ^= 1; break;
		case 5: b.bucket ^= 0x8000; break;
		case 6: b.p++; break;
		}
		CHECK_EQ(kith__receipt_check(&c, mk, w.ml, b.bucket, b.p, q.tag, q.blob,
					     KITH_BLOB) == KITH_OK,
			 i == 7);
		CHECK(kith__receipt_check(&c, mk, other, b.bucket, b.p, q.tag, q.blob, KITH_BLOB) !=
		      KITH_OK);
	}
	world_free(&w);
}

TEST(mbox_rules_bad_class_and_p)
{
	static struct world w;
	uint8_t stamp[64] = {0};
	struct parcel p;
	uint32_t link;

	world_init(&w);
	parcel_make(&p, 1);
	link = world_link(&w, 1);
	CHECK_OK(kith__mbox_put(w.client[1], link, p.tag, p.bucket, 3, stamp, p.blob, w.now));
	CHECK_EQ(world_result(&w)->status, KITH_MBOX_CLASS);
	p.bucket.p = 7;
	link = world_link(&w, 1);
	CHECK_OK(kith__mbox_put(w.client[1], link, p.tag, p.bucket, 2, stamp, p.blob, w.now));
	CHECK_EQ(world_result(&w)->status, KITH_MBOX_CLASS);
	link = world_link(&w, 1);
	CHECK_OK(kith__mbox_list(w.client[1], link, p.bucket, 0, 0, 1, w.now));
	CHECK_EQ(world_result(&w)->status, KITH_MBOX_CLASS);
	world_free(&w);
}
