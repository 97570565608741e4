/* SPDX-License-Identifier: ISC */
/* Messages and streams over a network that loses, doubles and reorders. */
#include "tests/unit/net/wire.h"

#include <stdio.h>
#include <string.h>

#define MANY 10000u

static struct wire w;

struct books {
	uint8_t in[MANY], acked[MANY], returned[MANY];
	unsigned bad;
};
static struct books books;

/* Message i: 4 bytes i, then a pattern; the length depends on i. */
static size_t message(uint8_t *out, uint32_t i, size_t len)
{
	size_t k;

	kith_store_u32(out, i);
	for (k = 4; k < len; k++)
		out[k] = (uint8_t)(i * 31 + k);
	return len;
}

static size_t length_of(uint32_t i)
{
	return i % 97 == 0 ? 5000 + i % 3000 : 8 + i % 300;
}

static void count(struct wire *at, unsigned node, const struct kith_net_event *ev)
{
	static uint8_t want[65536];
	uint32_t i;

	(void)at;
	if (ev->kind == KITH_NET_MSG_IN && node == 1) {
		i = kith_load_u32(ev->data);
		CHECK(i < MANY);
		books.in[i]++;
		message(want, i, length_of(i));
		if (ev->len != length_of(i) || memcmp(want, ev->data, ev->len) != 0)
			books.bad++;
	}
	if (ev->kind == KITH_NET_MSG_ACKED)
		books.acked[ev->token]++;
	if (ev->kind == KITH_NET_MSG_RETURNED)
		books.returned[ev->token]++;
}

/* Sends messages [from, to), as fast as they are taken. */
static void send_range(uint32_t session, uint32_t from, uint32_t to)
{
	static uint8_t data[65536];
	kith_time end = w.now + 600 * SEC;

	while (from < to && w.now < end) {
		int status =
			kith_net_send_message(w.net[0], session, KITH_NET_CLASS_MESSAGE, data,
					      message(data, from, length_of(from)), from, w.now);

		if (status == KITH_OK)
			from++;
		else
			CHECK_EQ(status, KITH_E_FULL);
		if (status != KITH_OK)
			wire_run(&w, w.now + 5 * MS);
	}
	CHECK_EQ(from, to);
}

static void check_exactly_once(unsigned many)
{
	unsigned i;

	CHECK_EQ(books.bad, 0);
	for (i = 0; i < many; i++) {
		CHECK_EQ(books.in[i], 1);
		CHECK_EQ(books.acked[i], 1);
		CHECK_EQ(books.returned[i], 0);
	}
}

static void lossy(unsigned loss, unsigned doubles, uint64_t jitter, unsigned many, uint64_t salt)
{
	uint32_t a;
	kith_time begin;

	memset(&books, 0, sizeof(books));
	wire_init(&w, 2, salt);
	wire_befriend(&w, 0, 1);
	a = wire_link(&w, 0, 1);
	w.loss_pct = loss;
	w.double_pct = doubles;
	w.jitter_us = jitter;
	w.on_event = count;
	begin = w.now;
	send_range(a, 0, many);
	while (w.events[0][KITH_NET_MSG_ACKED] < many && w.now < begin + 600 * SEC)
		wire_run(&w, w.now + 100 * MS);
	check_exactly_once(many);
	CHECK_EQ(w.events[0][KITH_NET_SESSION_LOST] + w.events[1][KITH_NET_SESSION_LOST], 0);
	printf("# loss %u %%: %u messages in %llu ms, %u + %u datagrams\n", loss, many,
	       (unsigned long long)((w.now - begin) / MS), w.sent[0], w.sent[1]);
	wire_free(&w);
}

TEST(net_messages_clean)
{
	lossy(0, 0, 0, MANY, 11);
}

TEST(net_messages_ten_percent)
{
	lossy(10, 5, 15 * MS, MANY, 12);
}

TEST(net_messages_forty_percent)
{
	lossy(40, 10, 30 * MS, 1000, 13);
}

TEST(net_message_bounds)
{
	uint8_t data[4] = {0};
	uint32_t a;

	wire_init(&w, 2, 14);
	wire_befriend(&w, 0, 1);
	a = wire_link(&w, 0, 1);
	CHECK_EQ(kith_net_send_message(w.net[0], a, KITH_NET_CLASS_SYNC, data, 0, 1, w.now),
		 KITH_E_MALFORMED);
	CHECK_EQ(kith_net_send_message(w.net[0], a, KITH_NET_CLASS_SYNC, data, 65537, 1, w.now),
		 KITH_E_MALFORMED);
	CHECK_EQ(kith_net_send_message(w.net[0], a + 1, KITH_NET_CLASS_SYNC, data, 4, 1, w.now),
		 KITH_E_NOTFOUND);
	wire_free(&w);
}

/* A lone small message whose packet is lost comes after about 1.25 RTT more, not after a PTO. */
static bool drop_one(struct wire *at, unsigned from, struct wire_dgram *d)
{
	unsigned *left = at->filter_ctx;

	if (from != 0 || d->len < 128 || *left == 0)
		return true;
	(*left)--;
	return false;
}

TEST(net_lone_message_early)
{
	uint8_t data[50] = {1};
	unsigned left = 1;
	kith_time begin;
	uint32_t a;

	wire_init(&w, 2, 15);
	wire_befriend(&w, 0, 1);
	w.delay_us = 50 * MS;
	a = wire_link(&w, 0, 1);
	wire_run(&w, w.now + 5 * SEC);
	w.filter = drop_one;
	w.filter_ctx = &left;
	begin = w.now;
	CHECK_OK(kith_net_send_message(w.net[0], a, KITH_NET_CLASS_MESSAGE, data, sizeof(data), 1,
				       w.now));
	while (w.events[1][KITH_NET_MSG_IN] == 0 && w.now < begin + 2 * SEC)
		wire_run(&w, w.now + 1 * MS);
	CHECK_EQ(left, 0);
	CHECK_EQ(w.events[1][KITH_NET_MSG_IN], 1);
	CHECK(w.now - begin <= 50 * MS + 130 * MS);
	wire_run(&w, w.now + 2 * SEC);
	CHECK_EQ(w.events[0][KITH_NET_MSG_ACKED], 1);
	CHECK_EQ(w.events[1][KITH_NET_MSG_IN], 1);
	wire_free(&w);
}

TEST(net_hold_keeps_data_at_sender)
{
	uint8_t data[50] = {1};
	uint32_t a;

	wire_init(&w, 2, 16);
	wire_befriend(&w, 0, 1);
	a = wire_link(&w, 0, 1);
	kith_net_set_hold(w.net[1], true);
	CHECK_OK(kith_net_send_message(w.net[0], a, KITH_NET_CLASS_MESSAGE, data, sizeof(data), 1,
				       w.now));
	wire_run(&w, w.now + 60 * SEC);
	CHECK_EQ(w.events[1][KITH_NET_MSG_IN], 0);
	CHECK_EQ(w.events[0][KITH_NET_MSG_ACKED], 0);
	CHECK_EQ(w.events[0][KITH_NET_SESSION_LOST], 0);
	kith_net_set_hold(w.net[1], false);
	wire_run(&w, w.now + 10 * SEC);
	CHECK_EQ(w.events[1][KITH_NET_MSG_IN], 1);
	CHECK_EQ(w.events[0][KITH_NET_MSG_ACKED], 1);
	wire_free(&w);
}

TEST(net_full_queue_drops_nothing)
{
	uint32_t a;
	unsigned i;

	memset(&books, 0, sizeof(books));
	wire_init(&w, 2, 17);
	wire_befriend(&w, 0, 1);
	a = wire_link(&w, 0, 1);
	w.on_event = count;
	w.mute_events[1] = true;
	for (i = 0; i < 6000; i++) {
		static uint8_t data[65536];

		if (kith_net_send_message(w.net[0], a, KITH_NET_CLASS_MESSAGE, data,
					  message(data, i, length_of(i)), i, w.now) == KITH_OK)
			continue;
		wire_run(&w, w.now + 20 * MS);
		if (w.net[1]->event_count >= KITH_NET_EVENTS_MAX)
			break;
		i--;
	}
	wire_run(&w, w.now + 10 * SEC);
	CHECK(w.net[1]->event_count <= KITH_NET_EVENTS_MAX + 200);
	w.mute_events[1] = false;
	wire_run(&w, w.now + 30 * SEC);
	check_exactly_once(i);
	wire_free(&w);
}

/* ---- streams ---- */

static uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at * 131 + (at >> 9));
}

/* Moves `total` bytes from a stream of engine i to engine j; FIN at the end. */
static void pump(unsigned i, uint32_t si, unsigned j, uint32_t sj, uint32_t stream, uint64_t total)
{
	static uint8_t data[20000];
	uint64_t out = 0;
	uint64_t in = 0;
	bool fin = false;
	kith_time end = w.now + 600 * SEC;

	while (!fin && w.now < end) {
		size_t len = total - out < sizeof(data) ? (size_t)(total - out) : sizeof(data);
		size_t got = 0;
		size_t k;

		for (k = 0; k < len; k++)
			data[k] = pattern(out + k);
		if (len > 0) {
			CHECK_OK(kith_net_stream_write(w.net[i], si, stream, data, len, &got,
						       w.now));
			out += got;
			if (out == total)
				CHECK_OK(kith_net_stream_finish(w.net[i], si, stream, w.now));
		}
		wire_run(&w, w.now + 2 * MS);
		while (kith_net_stream_read(w.net[j], sj, stream, data, sizeof(data), &got, &fin,
					    w.now) == KITH_OK &&
		       got > 0 && !fin)
			for (k = 0; k < got; k++, in++)
				CHECK_EQ(data[k], pattern(in));
		if (fin)
			for (k = 0; k < got; k++, in++)
				CHECK_EQ(data[k], pattern(in));
	}
	CHECK(fin);
	CHECK_EQ(in, total);
}

static void stream_case(unsigned loss, uint64_t total, uint64_t salt)
{
	uint32_t a;
	uint32_t b;
	uint32_t stream;
	kith_time begin;

	wire_init(&w, 2, salt);
	wire_befriend(&w, 0, 1);
	a = wire_link(&w, 0, 1);
	b = wire_up(&w, 1);
	w.loss_pct = loss;
	w.jitter_us = loss > 0 ? 5 * MS : 0;
	CHECK_OK(kith_net_stream_open(w.net[0], a, KITH_NET_CLASS_FILE, &stream, w.now));
	begin = w.now;
	pump(0, a, 1, b, stream, total);
	printf("# stream of %llu B at loss %u %%: %llu ms\n", (unsigned long long)total, loss,
	       (unsigned long long)((w.now - begin) / MS));
	pump(1, b, 0, a, stream, 5000);
	wire_run(&w, w.now + 20 * SEC);
	CHECK_EQ(kith__net_session_find(w.net[0], a)->stream_count, 0);
	CHECK_EQ(kith__net_session_find(w.net[1], b)->stream_count, 0);
	CHECK_EQ(w.events[0][KITH_NET_SESSION_LOST] + w.events[1][KITH_NET_SESSION_LOST], 0);
	wire_free(&w);
}

TEST(net_stream_clean)
{
	stream_case(0, 3000000, 21);
}

TEST(net_stream_lossy)
{
	stream_case(10, 1000000, 22);
}

TEST(net_stream_one_byte)
{
	stream_case(0, 1, 23);
}

/* Nobody reads: the writer stops at the window, and messages still pass. */
TEST(net_stream_flow_control)
{
	static uint8_t data[300000];
	uint64_t out = 0;
	uint32_t a;
	uint32_t stream;
	unsigned i;

	wire_init(&w, 2, 24);
	wire_befriend(&w, 0, 1);
	a = wire_link(&w, 0, 1);
	CHECK_OK(kith_net_stream_open(w.net[0], a, KITH_NET_CLASS_SYNC, &stream, w.now));
	for (i = 0; i < 200; i++) {
		size_t got = 0;

		CHECK_OK(kith_net_stream_write(w.net[0], a, stream, data, sizeof(data), &got,
					       w.now));
		out += got;
		wire_run(&w, w.now + 50 * MS);
	}
	CHECK_EQ(w.net[1]->sessions[0]->streams[0]->rx_high, KITH_NET_STREAM_WINDOW);
	CHECK(out < 4u * KITH_NET_STREAM_WINDOW);
	CHECK_OK(kith_net_send_message(w.net[0], a, KITH_NET_CLASS_MESSAGE, data, 10, 1, w.now));
	wire_run(&w, w.now + 1 * SEC);
	CHECK_EQ(w.events[1][KITH_NET_MSG_IN], 1);
	wire_free(&w);
}

TEST(net_stream_reset)
{
	uint8_t data[5000] = {0};
	uint32_t a;
	uint32_t b;
	uint32_t stream;
	size_t got;
	bool fin;

	wire_init(&w, 2, 25);
	wire_befriend(&w, 0, 1);
	a = wire_link(&w, 0, 1);
	b = wire_up(&w, 1);
	CHECK_OK(kith_net_stream_open(w.net[0], a, KITH_NET_CLASS_SYNC, &stream, w.now));
	CHECK_OK(kith_net_stream_write(w.net[0], a, stream, data, sizeof(data), &got, w.now));
	wire_run(&w, w.now + 1 * SEC);
	CHECK_EQ(w.events[1][KITH_NET_STREAM_READABLE], 1);
	kith_net_stream_reset(w.net[0], a, stream, 3, w.now);
	CHECK_EQ(kith_net_stream_write(w.net[0], a, stream, data, 1, &got, w.now), KITH_E_NOTFOUND);
	wire_run(&w, w.now + 1 * SEC);
	CHECK_EQ(kith_net_stream_read(w.net[1], b, stream, data, sizeof(data), &got, &fin, w.now),
		 KITH_E_STATE);
	wire_run(&w, w.now + 5 * SEC);
	CHECK_EQ(kith__net_session_find(w.net[0], a)->stream_count, 0);
	CHECK_EQ(kith__net_session_find(w.net[1], b)->stream_count, 0);
	CHECK_EQ(w.events[0][KITH_NET_SESSION_LOST], 0);
	wire_free(&w);
}

/* A FIN that overtakes all bytes of its stream. */
TEST(net_stream_fin_first)
{
	const uint8_t data[3] = {1, 2, 3};
	struct frame fin = {.id = FRAME_STREAM, .offset = 9000, .fin = true};
	struct frame bytes = {.id = FRAME_STREAM, .data = data, .len = 3};
	struct session *s;

	wire_init(&w, 2, 26);
	wire_befriend(&w, 0, 1);
	s = kith__net_session_find(w.net[0], wire_link(&w, 0, 1));
	fin.number = bytes.number = s->role_a ? 1 : 0;
	CHECK_OK(kith__net_stream_input(w.net[0], s, &fin, w.now));
	CHECK_OK(kith__net_stream_input(w.net[0], s, &bytes, w.now));
	CHECK_EQ(s->streams[0]->rx_final, 9000);
	CHECK_EQ(s->streams[0]->rx_have.v[0].end, 3);
	wire_free(&w);
}
