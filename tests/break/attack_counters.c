/* SPDX-License-Identifier: ISC */
/*
 * Counters at and beyond their ends, sealed with good keys by a hostile contact (attack_32): packet
 * numbers near 2^62 and 2^64, and every number of every frame. The engine lives, its memory stays
 * within its caps, and the next link is as good as new.
 */
#include <stdio.h>
#include <string.h>

#include "tests/break/tally.h"
#include "tests/unit/net/wire.h"

static struct wire w;
static uint32_t session;

static size_t forge(const uint8_t *frames, size_t len, uint64_t pn, uint8_t out[KITH_DGRAM_MAX])
{
	struct session *s = kith__net_session_find(w.net[0], session);
	const struct epoch *e = &s->epoch[s->current];

	memset(out, 0, KITH_DGRAM_MAX);
	memcpy(out + NET_HEAD, frames, len);
	return kith__net_seal(out, len < 4 ? 4 : len, e->tx, e->rhk, e->idx_out, pn);
}

static void begin(uint64_t salt)
{
	wire_init(&w, 2, salt);
	wire_befriend(&w, 0, 1);
	session = wire_link(&w, 0, 1);
	wire_run(&w, w.now + 100 * MS);
}

static uint64_t next_pn(void)
{
	struct session *s = kith__net_session_find(w.net[0], session);

	return s->rec.base + s->rec.sent_count + 10;
}

static bool alive(void)
{
	return kith_net_session_count(w.net[1]) == 1;
}

static void give(const uint8_t *frames, size_t len, uint64_t pn)
{
	uint8_t dgram[KITH_DGRAM_MAX];
	struct kith_addr from = wire_addr(&w, 0);

	len = forge(frames, len, pn, dgram);
	(void)wire_give(&w, 1, &from, dgram, len);
	wire_drain(&w);
}

/* After a broken rule: the contact waits out its minute and comes back. */
static void again(void)
{
	wire_run(&w, w.now + 65 * SEC);
	CHECK(!alive());
	kith_net_drop_sessions(w.net[0], w.now);
	wire_run(&w, w.now + 1 * SEC);
	session = wire_link(&w, 0, 1);
}

TEST(attack_32_packet_numbers)
{
	static const uint8_t ping[4] = {1};
	static const uint64_t far[] = {
		NET_PN_MAX,     NET_PN_MAX + 1, UINT64_C(1) << 63,       UINT64_MAX - 2048,
		UINT64_MAX - 1, UINT64_MAX,     (UINT64_C(1) << 63) - 1,
	};
	static const uint64_t high[] = {UINT32_MAX, (UINT64_C(1) << 32), NET_PN_MAX - 1};
	uint64_t refused = 0, taken = 0;
	struct session *s;

	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		uint64_t before;

		begin(500 + i);
		s = kith__net_session_find(w.net[1], wire_up(&w, 1));
		before = s->replay.next;
		give(ping, 4, far[i]);
		refused += s->replay.next == before;
		again(); /* the session ends by it, the next is good */
		wire_free(&w);
	}
	tally("packet numbers beyond 2^62 refused", refused, sizeof(far) / sizeof(far[0]));
	for (size_t i = 0; i < sizeof(high) / sizeof(high[0]); i++) {
		begin(520 + i);
		s = kith__net_session_find(w.net[1], wire_up(&w, 1));
		give(ping, 4, high[i]);
		taken += s->replay.next == high[i] + 1;
		give(ping, 4, high[i]); /* and it is known from then on */
		CHECK_EQ(kith_net_counters(w.net[1])->drop_replay, 1);
		wire_free(&w);
	}
	tally("high ones taken once", taken, sizeof(high) / sizeof(high[0]));
}

static const uint64_t ends[] = {0,
				1,
				63,
				64,
				4095,
				4096,
				65535,
				65536,
				UINT32_MAX,
				UINT64_C(1) << 32,
				(UINT64_C(1) << 61) - 1,
				UINT64_C(1) << 61,
				(UINT64_C(1) << 62) - 2,
				(UINT64_C(1) << 62) - 1};
#define ENDS (sizeof(ends) / sizeof(ends[0]))

/* Frame `id` with its numbers; MSG and STREAM carry ten bytes. */
static size_t frame(uint8_t out[256], unsigned id, const uint64_t v[3])
{
	static const uint8_t ten[10] = {1, 2, 3};
	struct ack_range range[2] = {{v[0], v[0]}, {0, 0}};
	struct kith_writer wr;

	kith_writer_init(&wr, out, 256);
	switch (id) {
	case FRAME_ACK:
		range[0].low = v[0] > v[1] ? v[0] - v[1] : v[0];
		kith__net_frame_ack(&wr, v[2], range, 1);
		break;
	case FRAME_MSG: kith__net_frame_msg(&wr, v[0], v[1], v[2], ten, sizeof(ten)); break;
	case FRAME_STREAM:
		kith__net_frame_stream(&wr, v[0], v[1], v[2] % 2 == 1, ten, sizeof(ten));
		break;
	case FRAME_MAX_DATA:
	case FRAME_MAX_MSG: kith__net_frame_plain(&wr, (enum frame_id)id, v, 1); break;
	case FRAME_MAX_STREAM:
	case FRAME_STOP: kith__net_frame_plain(&wr, (enum frame_id)id, v, 2); break;
	case FRAME_CLOSE: kith__net_frame_plain(&wr, FRAME_CLOSE, v, 1); break;
	default: kith__net_frame_plain(&wr, FRAME_RESET, v, 3); break;
	}
	return wr.len;
}

/* Memory that a hostile contact holds at the other side. */
static size_t held_by_peer(void)
{
	return w.net[1]->partial_bytes + w.net[1]->event_bytes;
}

TEST(attack_32_numbers_in_frames)
{
	static const unsigned ids[] = {FRAME_ACK,   FRAME_MSG,        FRAME_STREAM,
				       FRAME_RESET, FRAME_STOP,       FRAME_MAX_DATA,
				       FRAME_CLOSE, FRAME_MAX_STREAM, FRAME_MAX_MSG};
	const size_t kinds = sizeof(ids) / sizeof(ids[0]);
	uint64_t offered = 0, closed = 0, links = 0;
	uint64_t state = test_seed();

	begin(540);
	for (size_t k = 0; k < kinds; k++)
		for (size_t i = 0; i < ENDS * ENDS; i++) {
			uint64_t v[3] = {ends[i % ENDS], ends[i / ENDS], 0};
			uint8_t bytes[256];
			size_t len;

			v[2] = ends[test_random(&state) % ENDS];
			len = frame(bytes, ids[k], v);
			give(bytes, len, next_pn() + i);
			offered++;
			CHECK(held_by_peer() <= EVENT_BYTES_MAX + KITH_NET_MSG_BUFFER_MAX);
			if (w.events[1][KITH_NET_SESSION_LOST] == closed)
				continue;
			closed++; /* a broken rule ends the session, and only that */
			again();
			links++;
		}
	printf("# %u frames offered, %u sessions closed\n", (unsigned)offered, (unsigned)closed);
	CHECK(closed > 100 && closed < offered);
	tally("links made anew", links, closed);
	wire_free(&w);
}
