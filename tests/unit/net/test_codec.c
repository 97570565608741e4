/* SPDX-License-Identifier: ISC */
/* Frames, ranges and the replay window: against naive twins, truncated at every byte. */
#include "net/internal.h"
#include "tests/test.h"

#include <string.h>

/* Every kind of frame, one after the other. */
static size_t all_frames(uint8_t *out, size_t cap)
{
	const struct ack_range range[3] = {{90, 100}, {50, 60}, {0, 7}};
	const uint64_t values[3] = {4, 77, 70000};
	const uint8_t token[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct kith_addr a = kith_addr_v4(192, 0, 2, 1, 99);
	struct kith_writer w;

	kith_writer_init(&w, out, cap);
	kith__net_frame_ack(&w, 12, range, 3);
	kith__net_frame_msg(&w, 300, 70, 3, (const uint8_t *)"abc", 3);
	kith__net_frame_stream(&w, 4, 70000, true, (const uint8_t *)"xyz", 3);
	kith__net_frame_plain(&w, FRAME_RESET, values, 3);
	kith__net_frame_plain(&w, FRAME_STOP, values, 2);
	kith__net_frame_plain(&w, FRAME_MAX_DATA, values + 2, 1);
	kith__net_frame_plain(&w, FRAME_MAX_STREAM, values, 2);
	kith__net_frame_plain(&w, FRAME_MAX_MSG, values + 2, 1);
	kith__net_frame_probe(&w, token);
	kith__net_frame_echo(&w, token, &a);
	kith_write_u8(&w, FRAME_CANDIDATES);
	kith_write_bytes(&w, "\x05\x01\x02\x02", 4);
	kith_addr_write(&w, &a);
	kith_write_bytes(&w, "\x03\x03\x07", 3); /* by a relay */
	kith_write_zeros(&w, KITH_ADDR_WIRE - 2);
	kith_write_u8(&w, FRAME_PUNCH);
	kith_write_bytes(&w, "\x01\x02", 2);
	kith_write_u8(&w, FRAME_PROBE_ME);
	kith_write_bytes(&w, token, 8);
	kith_write_varint(&w, 0x1234); /* not in the table */
	kith_write_bytes(&w, "\x03zzz", 4);
	kith_write_u8(&w, FRAME_DATAGRAM);
	kith_write_bytes(&w, "\x02zz", 3);
	kith_write_u8(&w, FRAME_PING);
	kith__net_frame_plain(&w, FRAME_CLOSE, values, 1);
	CHECK_OK(kith_write_end(&w));
	return w.len;
}

TEST(net_frames_read_back)
{
	static const uint64_t ids[] = {2,  3,  4,  6,  7,      8, 9, 10, 16,
				       17, 18, 19, 20, 0x1234, 5, 1, 63};
	uint8_t buffer[512];
	size_t len = all_frames(buffer, sizeof(buffer));
	struct kith_reader r;
	struct frame f;
	size_t i;

	kith_reader_init(&r, buffer, len);
	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		CHECK(kith__net_frame_read(&r, &f));
		CHECK_EQ(f.id, ids[i]);
		CHECK_EQ(f.known, f.id != 0x1234);
		if (f.id == FRAME_ACK) {
			CHECK_EQ(f.range_count, 3);
			CHECK_EQ(f.range[1].low, 50);
			CHECK_EQ(f.range[1].high, 60);
			CHECK_EQ(f.range[2].low, 0);
			CHECK_EQ(f.range[2].high, 7);
		}
		if (f.id == FRAME_STREAM)
			CHECK(f.fin && f.offset == 70000 && f.len == 3);
	}
	CHECK(!kith__net_frame_read(&r, &f));
	CHECK_OK(kith_read_end(&r));
}

TEST(net_frames_truncated)
{
	uint8_t buffer[512], part[512];
	size_t len = all_frames(buffer, sizeof(buffer));
	unsigned whole = 0;
	size_t cut;

	for (cut = 0; cut <= len; cut++) {
		struct kith_reader r;
		struct frame f;

		memcpy(part, buffer, cut);
		kith_reader_init(&r, part, cut);
		while (kith__net_frame_read(&r, &f))
			;
		whole += kith_read_ok(&r);
	}
	CHECK_EQ(whole, 18); /* only cuts between frames parse: 17 frames, and nothing at all */
}

static bool parses(const char *data, size_t len)
{
	struct kith_reader r;
	struct frame f;

	kith_reader_init(&r, data, len);
	while (kith__net_frame_read(&r, &f))
		;
	return kith_read_ok(&r);
}

TEST(net_frames_malformed)
{
	CHECK(parses("\x00\x00\x00", 3));
	CHECK(!parses("\x00\x00\x01", 3));             /* padding that is not zero */
	CHECK(!parses("\x40\x01", 2));                 /* long form of a short id */
	CHECK(!parses("\x02\x05\x00\x00", 4));         /* ACK without ranges */
	CHECK(!parses("\x02\x05\x00\x01\x01\x01", 6)); /* first gap not 0 */
	CHECK(!parses("\x02\x05\x00\x01\x00\x00", 6)); /* empty range */
	CHECK(!parses("\x02\x05\x00\x01\x00\x07", 6)); /* below 0 */
	CHECK(parses("\x02\x05\x00\x01\x00\x06", 6));
	CHECK(!parses("\x02\x05\x00\x02\x00\x06\x00\x01", 8)); /* a range below 0 */
	CHECK(!parses("\x03\x01\x00\x00\x00", 5));             /* empty message */
	CHECK(!parses("\x03\x01\x02\x01\x02zz", 7));           /* beyond its total */
	CHECK(!parses("\x04\x01\x00\x02\x00", 5));             /* unknown flag */
	CHECK(!parses("\x04\x01\x00\x00\x00", 5));             /* nothing in it */
	CHECK(parses("\x04\x01\x00\x01\x00", 5));
}

TEST(net_frames_fuzz_like)
{
	uint64_t state = test_seed();
	char buffer[256];
	unsigned i;

	for (i = 0; i < 200000; i++) {
		size_t len = test_random(&state) % sizeof(buffer);
		size_t k;

		for (k = 0; k < len; k++)
			buffer[k] = (char)(test_random(&state) & (k % 3 == 0 ? 0x3f : 0xff));
		(void)parses(buffer, len);
	}
}

TEST(net_replay_against_twin)
{
	static bool seen[20000];
	struct replay r = {0};
	uint64_t state = test_seed();
	uint64_t top = 0;
	unsigned i;

	memset(seen, 0, sizeof(seen));
	for (i = 0; i < 100000; i++) {
		uint64_t back = test_random(&state) % 2200;
		uint64_t pn = top + test_random(&state) % 8;

		if (test_random(&state) % 4 != 0)
			pn = top > back ? top - back : 0;
		if (test_random(&state) % 5000 == 0)
			pn = top + 3000;
		if (pn >= sizeof(seen))
			break;
		if (kith__net_replay_fresh(&r, pn)) {
			CHECK(!seen[pn]); /* never accepted twice */
			kith__net_replay_add(&r, pn);
			seen[pn] = true;
			CHECK(!kith__net_replay_fresh(&r, pn));
		} else {
			/* refused: seen, or beyond the window */
			CHECK(seen[pn] || top - pn >= KITH_NET_REPLAY_BITS - 64);
		}
		top = r.next;
	}
	CHECK(top > 2048);
}

TEST(net_ranges_against_twin)
{
	bool twin[300] = {false};
	struct ranges r = {0};
	uint64_t state = test_seed();
	unsigned i;

	for (i = 0; i < 20000; i++) {
		uint64_t low = test_random(&state) % 290;
		uint64_t end = low + test_random(&state) % 10;
		bool add = test_random(&state) % 2 != 0;
		uint64_t sum = 0;
		uint64_t k;
		bool all = true;

		if (add)
			CHECK_OK(kith__net_ranges_add(&r, NULL, low, end, 300));
		else
			CHECK_OK(kith__net_ranges_remove(&r, NULL, low, end, 300));
		for (k = low; k < end; k++)
			twin[k] = add;
		for (k = 0; k < 300; k++)
			sum += twin[k];
		CHECK_EQ(kith__net_ranges_sum(&r), sum);
		low = test_random(&state) % 290;
		end = low + test_random(&state) % 5;
		for (k = low; k < end; k++)
			all = all && twin[k];
		CHECK_EQ(kith__net_ranges_cover(&r, low, end), all);
	}
	kith__net_ranges_free(&r, NULL);
	CHECK_OK(kith__net_ranges_add(&r, NULL, 1, 2, 1));
	CHECK_EQ(kith__net_ranges_add(&r, NULL, 5, 6, 1), KITH_E_FULL);
	kith__net_ranges_free(&r, NULL);
}
