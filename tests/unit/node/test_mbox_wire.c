/* SPDX-License-Identifier: ISC */
/* Codec of the mailbox verbs: lengths of the specification, round trips, every truncation. */
#include <string.h>

#include "node/mbox_wire.h"
#include "tests/test.h"

static uint8_t buffer[KITH__MBOX_DATA_MAX];

/* Ends the request and gives its frame. */
static struct kith__mbox_frame frame(struct kith_writer *w)
{
	struct kith__mbox_frame f;

	CHECK_OK(kith__mbox_end_request(w));
	CHECK(w->len >= KITH__MBOX_REQUEST_MIN);
	CHECK_OK(kith__mbox_frame_read(&f, buffer, w->len));
	CHECK(kith__mbox_frame_read(&f, buffer, w->len - 1) != KITH_OK);
	CHECK_OK(kith__mbox_frame_read(&f, buffer, w->len));
	return f;
}

TEST(mbox_wire_put)
{
	uint8_t stamp[64], blob[KITH_BLOB];
	struct kith__mbox_put p = {.ttl_class = 2, .stamp_kind = 3, .stamp = stamp}, q;
	struct kith__mbox_frame f;
	struct kith_writer w;

	memset(stamp, 1, sizeof(stamp));
	memset(blob, 2, sizeof(blob));
	memset(p.tag, 3, sizeof(p.tag));
	p.blob = blob;
	p.bucket = (struct kith_mbox_bucket){0x1234, 5};
	kith_writer_init(&w, buffer, sizeof(buffer));
	kith__mbox_begin(&w, KITH_MBOX_PUT, 7);
	kith__mbox_put_write(&w, &p);
	f = frame(&w);
	CHECK_EQ(f.len, 4181);
	CHECK_EQ(f.number, 7);
	CHECK_EQ(f.verb, KITH_MBOX_PUT);
	CHECK_EQ(buffer[7 + 16], 0x34);
	CHECK_EQ(buffer[7 + 18], 5);
	CHECK_OK(kith__mbox_put_read(&q, &f));
	CHECK_MEM(q.tag, p.tag, 16);
	CHECK_EQ(q.bucket.bucket, 0x1234);
	CHECK_MEM(q.blob, blob, sizeof(blob));
	f.len++;
	CHECK(kith__mbox_put_read(&q, &f) != KITH_OK); /* the length tells the class */
	for (f.len = 0; f.len < 4181; f.len++)
		CHECK(kith__mbox_put_read(&q, &f) != KITH_OK);
}

TEST(mbox_wire_list_watch)
{
	struct kith__mbox_list l = {.bucket = {0x8000, 1}, .day = 20775, .pos = 9, .max = 60}, m;
	struct kith_mbox_bucket b[KITH_MBOX_WATCH_MAX] = {{1, 2}, {3, 4}}, c[KITH_MBOX_WATCH_MAX];
	struct kith__mbox_frame f;
	struct kith_writer w;
	unsigned count;

	l.until_day = 20776;
	kith_writer_init(&w, buffer, sizeof(buffer));
	kith__mbox_begin(&w, KITH_MBOX_LIST, 1);
	kith__mbox_list_write(&w, &l);
	CHECK_EQ(w.len, 7 + 17);
	f = frame(&w);
	CHECK_EQ(w.len, 128);
	CHECK_OK(kith__mbox_list_read(&m, &f));
	CHECK_EQ(m.until_day, 20776);
	CHECK_EQ(m.max, 60);
	for (f.len = 0; f.len < 17; f.len++)
		CHECK(kith__mbox_list_read(&m, &f) != KITH_OK);
	kith_writer_init(&w, buffer, sizeof(buffer));
	kith__mbox_begin(&w, KITH_MBOX_WATCH, 2);
	kith__mbox_watch_write(&w, b, 2);
	f = frame(&w);
	CHECK_OK(kith__mbox_watch_read(c, &count, &f));
	CHECK_EQ(count, 2);
	CHECK_EQ(c[1].bucket, 3);
	CHECK_EQ(c[1].p, 4);
	for (f.len = 0; f.len < 7; f.len++)
		CHECK(kith__mbox_watch_read(c, &count, &f) != KITH_OK);
	buffer[7] = 25;
	f.len = 121;
	CHECK(kith__mbox_watch_read(c, &count, &f) != KITH_OK);
}

TEST(mbox_wire_get_have_keep)
{
	static uint8_t tags[16][16], got[16][16];
	static const uint8_t bytes[64];
	struct kith__mbox_keep k = {.until_s = 5, .del = bytes, .stamp = bytes, .count = 8}, m;
	struct kith__mbox_have h, i;
	struct kith__mbox_frame f;
	struct kith_writer w;
	unsigned count;

	tags[15][15] = 77;
	for (unsigned n = 0; n <= 17; n++) {
		kith_writer_init(&w, buffer, sizeof(buffer));
		kith__mbox_begin(&w, KITH_MBOX_GET, 1);
		kith_write_u8(&w, (uint8_t)n);
		kith_write_bytes(&w, tags, sizeof(tags));
		f = frame(&w);
		CHECK_EQ(kith__mbox_get_read(got, &count, &f) == KITH_OK,
			 n == 4 || n == 8 || n == 16);
	}
	memset(&h, 3, sizeof(h));
	kith_writer_init(&w, buffer, sizeof(buffer));
	kith__mbox_begin(&w, KITH_MBOX_HAVE, 1);
	kith__mbox_have_write(&w, &h);
	f = frame(&w);
	CHECK_EQ(f.len, 256);
	CHECK_OK(kith__mbox_have_read(&i, &f));
	CHECK_MEM(&h, &i, sizeof(h));
	f.len--;
	CHECK(kith__mbox_have_read(&i, &f) != KITH_OK);
	kith_writer_init(&w, buffer, sizeof(buffer));
	kith__mbox_begin(&w, KITH_MBOX_KEEP, 1);
	k.stamp_kind = 3;
	kith__mbox_keep_write(&w, &k);
	CHECK_EQ(w.len, 7 + 90);
	kith_write_zeros(&w, 8 * KITH_RECORD);
	f = frame(&w);
	CHECK_OK(kith__mbox_keep_read(&m, &f));
	CHECK_EQ(m.count, 8);
	f.len--;
	CHECK(kith__mbox_keep_read(&m, &f) != KITH_OK);
}

TEST(mbox_wire_replies)
{
	struct kith_mbox_info a = {.version = 1, .flags = 2, .now_s = 3, .p = 4, .bits = 14}, b;
	struct kith_receipt c = {.received_s = 8, .expiry_s = 9}, d;
	uint8_t sig[64] = {5}, sig2[64];
	struct kith_reader r;
	struct kith_writer w;
	uint32_t pos;

	kith_writer_init(&w, buffer, sizeof(buffer));
	kith__mbox_info_write(&w, &a, sig);
	CHECK_EQ(w.len, 111);
	kith_reader_init(&r, buffer, w.len);
	kith__mbox_info_read(&r, &b, sig2);
	CHECK_OK(kith_read_end(&r));
	CHECK_EQ(b.now_s, 3);
	CHECK_EQ(b.bits, 14);
	kith_writer_init(&w, buffer, sizeof(buffer));
	kith__mbox_receipt_write(&w, &c, 6);
	CHECK_EQ(w.len, 84);
	kith_reader_init(&r, buffer, w.len);
	kith__mbox_receipt_read(&r, &d, &pos);
	CHECK_OK(kith_read_end(&r));
	CHECK_EQ(d.expiry_s, 9);
	CHECK_EQ(pos, 6);
	kith_writer_init(&w, buffer, sizeof(buffer));
	kith__mbox_begin(&w, KITH_MBOX_LIST | 0x80, 1);
	CHECK_OK(kith__mbox_end(&w, KITH__MBOX_LIST_STEP));
	CHECK_EQ(w.len, 1024);
	CHECK_EQ(kith_load_u32(buffer), 1020);
}
