/* SPDX-License-Identifier: ISC */
#include "base/bytes.h"

#include <string.h>

#include "tests/test.h"

#define WHOLE 50u

static size_t write_all(uint8_t *out, size_t cap, int *err)
{
	struct kith_writer w;
	uint8_t *view;

	kith_writer_init(&w, out, cap);
	kith_write_u8(&w, 0x01);
	kith_write_u16(&w, 0x0203);
	kith_write_u16be(&w, 0x0405);
	kith_write_u32(&w, 0x06070809);
	kith_write_u64(&w, 0x1011121314151617u);
	kith_write_varint(&w, 63);
	kith_write_varint(&w, 16383);
	kith_write_varint(&w, (1u << 30) - 1);
	kith_write_varint(&w, ((uint64_t)1 << 62) - 1);
	kith_write_bytes(&w, "abc", 3);
	kith_write_zeros(&w, 2);
	view = kith_write_view(&w, 4);
	if (view != NULL)
		memset(view, 0xee, 4);
	kith_write_pad(&w, WHOLE);
	*err = kith_write_end(&w);
	return w.len;
}

static int read_all(const uint8_t *in, size_t len)
{
	struct kith_reader r;
	uint8_t text[3];
	const uint8_t *view;
	bool good = true;

	kith_reader_init(&r, in, len);
	good &= kith_read_u8(&r) == 0x01;
	good &= kith_read_u16(&r) == 0x0203;
	good &= kith_read_u16be(&r) == 0x0405;
	good &= kith_read_u32(&r) == 0x06070809;
	good &= kith_read_u64(&r) == 0x1011121314151617u;
	good &= kith_read_varint(&r) == 63;
	good &= kith_read_varint(&r) == 16383;
	good &= kith_read_varint(&r) == (1u << 30) - 1;
	good &= kith_read_varint(&r) == ((uint64_t)1 << 62) - 1;
	kith_read_bytes(&r, text, 3);
	good &= memcmp(text, "abc", 3) == 0;
	kith_read_zeros(&r, 2);
	view = kith_read_view(&r, 1);
	good &= view != NULL && *view == 0xee;
	kith_read_skip(&r, 3);
	kith_read_zeros(&r, 9);
	if (kith_read_ok(&r))
		CHECK(good);
	return kith_read_end(&r);
}

TEST(bytes_every_truncation)
{
	static const uint8_t head[] = {1, 3, 2, 4, 5, 9, 8, 7, 6, 0x17, 0x16, 0x15, 0x14};
	uint8_t whole[WHOLE], part[WHOLE + 8];
	size_t len, cap;
	int err;

	CHECK_EQ(write_all(whole, sizeof(whole), &err), WHOLE);
	CHECK_OK(err);
	CHECK_MEM(whole, head, sizeof(head));
	CHECK_OK(read_all(whole, WHOLE));
	for (len = 0; len < WHOLE; len++)
		CHECK_EQ(read_all(whole, len), KITH_E_MALFORMED);
	memcpy(part, whole, WHOLE);
	part[WHOLE] = 0;
	CHECK_EQ(read_all(part, WHOLE + 1), KITH_E_MALFORMED);
	for (cap = 0; cap < WHOLE; cap++) {
		memset(part, 0x77, sizeof(part));
		len = write_all(part, cap, &err);
		CHECK_EQ(err, KITH_E_FULL);
		CHECK(len <= cap);
		CHECK_MEM(part, whole, len);
		CHECK_EQ(part[cap], 0x77);
	}
}

TEST(bytes_sticky_and_zero_values)
{
	struct kith_reader r;
	uint8_t out[4] = {9, 9, 9, 9};

	kith_reader_init(&r, "\xff\xff\xff", 3);
	CHECK_EQ(kith_read_u32(&r), 0);
	CHECK(!kith_read_ok(&r));
	CHECK_EQ(kith_read_u8(&r), 0);
	CHECK(kith_read_view(&r, 0) == NULL);
	kith_read_bytes(&r, out, 4);
	CHECK_EQ(out[0] | out[1] | out[2] | out[3], 0);
	kith_reader_init(&r, NULL, 0);
	CHECK_OK(kith_read_end(&r));
	CHECK(kith_read_view(&r, 0) != NULL);
	kith_reader_init(&r, NULL, 1);
	CHECK(!kith_read_ok(&r));
	kith_reader_init(&r, "\0\0\1", 3);
	kith_read_zeros(&r, 3);
	CHECK(!kith_read_ok(&r));
	kith_reader_init(&r, "a", 1);
	kith_read_fail(&r);
	CHECK_EQ(kith_read_end(&r), KITH_E_MALFORMED);
}

TEST(bytes_varint_shortest_only)
{
	static const struct {
		uint64_t v;
		size_t size;
	} edge[] = {{0, 1},        {63, 1},
		    {64, 2},       {16383, 2},
		    {16384, 4},    {(1u << 30) - 1, 4},
		    {1u << 30, 8}, {((uint64_t)1 << 62) - 1, 8}};
	static const char *const longer[] = {"\x40\x3f", "\x80\x00\x3f\xff",
					     "\xc0\x00\x00\x00\x3f\xff\xff\xff"};
	struct kith_writer w;
	struct kith_reader r;
	uint8_t buf[8];
	size_t i;

	for (i = 0; i < sizeof(edge) / sizeof(edge[0]); i++) {
		CHECK_EQ(kith_varint_size(edge[i].v), edge[i].size);
		kith_writer_init(&w, buf, sizeof(buf));
		kith_write_varint(&w, edge[i].v);
		CHECK_EQ(w.len, edge[i].size);
		kith_reader_init(&r, buf, w.len);
		CHECK_EQ(kith_read_varint(&r), edge[i].v);
		CHECK_OK(kith_read_end(&r));
	}
	for (i = 0; i < 3; i++) {
		kith_reader_init(&r, longer[i], (size_t)2 << i);
		CHECK_EQ(kith_read_varint(&r), 0);
		CHECK(!kith_read_ok(&r));
	}
}

TEST(bytes_padding_beyond_fails)
{
	struct kith_writer w;
	uint8_t buf[8];

	kith_writer_init(&w, buf, sizeof(buf));
	kith_write_u32(&w, 1);
	kith_write_pad(&w, 3);
	CHECK_EQ(kith_write_end(&w), KITH_E_FULL);
}

TEST(bytes_load_store)
{
	uint8_t p[8];

	kith_store_u32(p, 0x89abcdefu);
	CHECK_EQ(p[0], 0xef);
	CHECK_EQ(kith_load_u32(p), 0x89abcdefu);
	kith_store_u64(p, 0xf123456789abcdefu);
	CHECK_EQ(p[7], 0xf1);
	CHECK_EQ(kith_load_u64(p), 0xf123456789abcdefu);
}
