/* SPDX-License-Identifier: ISC */
/* Mailbox frames against tests/vectors/mbox.txt: a real mailbox is asked by those very bytes, and
 * the readers and writers of each request and of the fixed replies give them back. */
#include <string.h>

#include "base/crypto.h"
#include "node/mbox_wire.h"
#include "node/tags.h"
#include "tests/unit/node/mbox_world.h"
#include "tests/vectors.h"

#define REQUESTS 11

static struct world w;
static uint8_t request[KITH__MBOX_DATA_MAX], want[KITH__MBOX_DATA_MAX], got[KITH__MBOX_DATA_MAX];
static uint8_t mk[32];

static void write_again(struct kith_writer *out, const struct kith__mbox_frame *f)
{
	uint8_t tags[KITH__MBOX_GET_MAX][16], d[32];
	struct kith_mbox_bucket b[KITH_MBOX_WATCH_MAX];
	struct kith__mbox_put put;
	struct kith__mbox_list list;
	struct kith__mbox_have have;
	struct kith__mbox_keep keep;
	unsigned count;

	switch ((unsigned)f->verb) {
	case KITH_MBOX_PUT:
		CHECK_OK(kith__mbox_put_read(&put, f));
		kith__mbox_put_write(out, &put);
		break;
	case KITH_MBOX_LIST:
		CHECK_OK(kith__mbox_list_read(&list, f));
		kith__mbox_list_write(out, &list);
		break;
	case KITH_MBOX_GET:
		CHECK_OK(kith__mbox_get_read(tags, &count, f));
		kith__mbox_get_write(out, (const uint8_t(*)[16])tags, count);
		break;
	case KITH_MBOX_DELETE:
		CHECK_OK(kith__mbox_delete_read(d, f));
		kith_write_bytes(out, d, sizeof(d));
		break;
	case KITH_MBOX_WATCH:
		CHECK_OK(kith__mbox_watch_read(b, &count, f));
		kith__mbox_watch_write(out, b, count);
		break;
	case KITH_MBOX_HAVE:
		CHECK_OK(kith__mbox_have_read(&have, f));
		kith__mbox_have_write(out, &have);
		break;
	case KITH_MBOX_KEEP:
		CHECK_OK(kith__mbox_keep_read(&keep, f));
		kith__mbox_keep_write(out, &keep);
		kith_write_bytes(out, keep.records, keep.count * (size_t)KITH_RECORD);
		break;
	case KITH_MBOX_INFO: kith_write_u8(out, 1); break;
	}
}

static void check_request(size_t len)
{
	struct kith__mbox_frame f;
	struct kith_writer out;

	CHECK_OK(kith__mbox_frame_read(&f, request, len));
	kith_writer_init(&out, got, sizeof(got));
	kith__mbox_begin(&out, f.verb, f.number);
	write_again(&out, &f);
	CHECK_OK(kith__mbox_end_request(&out));
	CHECK_EQ(out.len, len);
	CHECK_MEM(got, request, len);
}

/* The signatures in the two replies that have some, which hide no other byte. */
static void check_signed(void)
{
	struct kith_mbox_info info;
	struct kith_receipt receipt;
	struct kith__mbox_put put;
	struct kith__mbox_frame f;
	struct kith_reader r;
	uint8_t sig[64];
	uint32_t pos;

	CHECK_OK(kith__mbox_frame_read(&f, request, 4 + kith_load_u32(request)));
	kith_reader_init(&r, got + 8, kith_load_u32(got) - 4);
	if (f.verb == KITH_MBOX_INFO) {
		kith__mbox_info_read(&r, &info, sig);
		CHECK_OK(kith_read_end(&r));
		CHECK_OK(kith__bind_check(sig, w.ml, info.mk));
		memcpy(mk, info.mk, sizeof(mk));
	} else {
		kith__mbox_receipt_read(&r, &receipt, &pos);
		CHECK_OK(kith_read_end(&r));
		CHECK_OK(kith__mbox_put_read(&put, &f));
		CHECK_OK(kith__receipt_check(&receipt, mk, w.ml, put.bucket.bucket, put.bucket.p,
					     put.tag, put.blob, KITH_BLOB));
	}
}

static void check_exchange(const struct test_vectors *v)
{
	size_t len, want_len = test_vectors_data(v, "reply", want, sizeof(want));
	size_t at = (size_t)test_vectors_int(v, "free_at");
	size_t n = (size_t)test_vectors_int(v, "free_len");

	if (test_vectors_int(v, "link") == 1) {
		if (w.raw_up && !w.raw_lost)
			raw_close(&w);
		raw_open(&w);
	}
	if (test_vectors_has(v, "request")) {
		len = test_vectors_data(v, "request", request, sizeof(request));
		check_request(len);
		raw_send(&w, request, len);
	}
	len = raw_recv(&w, got, sizeof(got));
	CHECK_EQ(len, want_len);
	if (n != 0)
		check_signed();
	memset(got + at, 0, n);
	CHECK_MEM(got, want, len);
}

/* Somebody else leaves the envelope that is pushed. */
static void put_second(const struct test_vectors *v)
{
	struct parcel p;
	uint8_t tag[16];

	parcel_make(&p, 11);
	test_vectors_bytes(v, "tag", tag, 16);
	CHECK_MEM(p.tag, tag, 16);
	CHECK_EQ(world_put(&w, 1, &p)->status, KITH_MBOX_OK);
}

TEST(mbox_file_is_that_of_the_model)
{
	struct test_vectors *v = test_vectors_open("mbox.txt");
	int requests = 0, pushes = 0;

	world_init(&w);
	while (test_vectors_next(v)) {
		if (test_vectors_has(v, "request"))
			requests++;
		else
			put_second(v), pushes++;
		check_exchange(v);
	}
	CHECK_EQ(requests, REQUESTS);
	CHECK_EQ(pushes, 1);
	world_free(&w);
	test_vectors_close(v);
}
