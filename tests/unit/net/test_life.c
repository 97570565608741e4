/* SPDX-License-Identifier: ISC */
/* The life of a session: rekey, restart, resume, moves, silence, faults. */
#include "tests/unit/net/wire.h"

#include <stdio.h>
#include <string.h>

static struct wire w;

static void say(unsigned from, uint32_t session, uint32_t token)
{
	CHECK_OK(kith_net_send_message(w.net[from], session, KITH_NET_CLASS_MESSAGE,
				       (const uint8_t *)"hello", 5, token, w.now));
}

static const struct session *at(unsigned node, uint32_t number)
{
	const struct session *s = kith__net_session_find(w.net[node], number);

	CHECK(s != NULL);
	return s;
}

/* Messages all the time over four rekeys, with loss: none lost, none twice, streams go on. */
static void rekey_case(bool link, uint64_t salt)
{
	uint32_t a;
	uint32_t b;
	uint32_t stream;
	uint8_t binding[32];
	struct kith_net_session_info info;
	uint8_t data[64];
	size_t got;
	bool fin;
	unsigned sent = 0;
	unsigned i;

	wire_init(&w, 2, salt);
	wire_befriend(&w, 0, 1);
	a = link ? wire_link(&w, 0, 1) : wire_service(&w, 0, 1);
	b = wire_up(&w, 1);
	w.loss_pct = 5;
	CHECK_OK(kith_net_session(w.net[0], a, &info));
	memcpy(binding, info.binding, 32);
	CHECK_OK(kith_net_stream_open(w.net[0], a, KITH_NET_CLASS_SYNC, &stream, w.now));
	for (i = 0; i < 5000; i++) {
		say(0, a, i);
		say(1, b, i);
		sent++;
		CHECK_OK(kith_net_stream_write(w.net[0], a, stream, (const uint8_t *)"s", 1, &got,
					       w.now));
		wire_run(&w, w.now + 100 * MS);
		CHECK(kith_net_stream_read(w.net[1], b, stream, data, sizeof(data), &got, &fin,
					   w.now) != KITH_E_STATE);
	}
	wire_run(&w, w.now + 5 * SEC);
	CHECK_EQ(w.events[0][KITH_NET_MSG_IN], sent);
	CHECK_EQ(w.events[1][KITH_NET_MSG_IN], sent);
	CHECK_EQ(w.events[0][KITH_NET_MSG_ACKED], sent);
	CHECK_EQ(w.events[0][KITH_NET_PEER_RESTARTED] + w.events[1][KITH_NET_PEER_RESTARTED], 0);
	CHECK_EQ(w.events[0][KITH_NET_SESSION_LOST] + w.events[1][KITH_NET_SESSION_LOST], 0);
	CHECK_EQ(w.events[1][KITH_NET_SESSION_UP], 1);
	CHECK(kith_net_counters(w.net[0])->handshakes_out >= 4);
	CHECK(kith_net_counters(w.net[0])->handshakes_out <= 8);
	CHECK_EQ(at(1, b)->streams[0]->rx_base, sent);
	CHECK_OK(kith_net_session(w.net[1], b, &info));
	CHECK_MEM(info.binding, binding, 32);
	wire_free(&w);
}

TEST(net_rekey_link)
{
	rekey_case(true, 61);
}

TEST(net_rekey_service)
{
	rekey_case(false, 62);
}

/* An idle epoch lives an hour; keepalives alone do not make it rekey earlier. */
TEST(net_rekey_idle)
{
	struct kith_net_target t;
	uint32_t a;

	wire_init(&w, 2, 63);
	t = wire_service_target(&w, 1);
	t.keepalive_s = 25;
	CHECK_OK(kith_net_connect(w.net[0], &t, &a, w.now));
	wire_run(&w, w.now + 3000 * SEC);
	CHECK_EQ(kith_net_counters(w.net[0])->handshakes_out, 1);
	CHECK(w.sent[0] >= 3000 / 28 && w.sent[0] <= 3000 / 22 + 3);
	wire_run(&w, w.now + 900 * SEC);
	CHECK_EQ(kith_net_counters(w.net[0])->handshakes_out, 2);
	CHECK_EQ(w.events[0][KITH_NET_SESSION_LOST], 0);
	wire_free(&w);
}

static bool drop_msg1_to_1(struct wire *x, unsigned from, struct wire_dgram *d)
{
	(void)x;
	return from != 0 || d->len < NET_MSG1_MIN; /* the messages of this case are shorter */
}

/* The peer no longer answers handshakes: after the grace no key is used any more. */
TEST(net_keys_not_used_for_ever)
{
	uint32_t a;
	unsigned i;

	wire_init(&w, 2, 64);
	a = wire_service(&w, 0, 1);
	w.filter = drop_msg1_to_1;
	for (i = 0; i < 40 && w.events[0][KITH_NET_SESSION_LOST] == 0; i++) {
		say(0, a, i);
		wire_run(&w, w.now + 10 * SEC);
	}
	CHECK_EQ(w.events[0][KITH_NET_SESSION_LOST], 1);
	CHECK(i * 10 <= 120 + 180 + 30 + 20);
	CHECK(kith_net_counters(w.net[1])->messages_in >= 28);
	wire_free(&w);
}

static void restart_case(unsigned who, uint64_t salt)
{
	uint32_t a;
	uint32_t b;
	uint32_t stream;
	size_t got;

	wire_init(&w, 2, salt);
	wire_befriend(&w, 0, 1);
	a = wire_link(&w, 0, 1);
	b = wire_up(&w, 1);
	CHECK_OK(kith_net_stream_open(w.net[0], a, KITH_NET_CLASS_SYNC, &stream, w.now));
	CHECK_OK(kith_net_stream_write(w.net[0], a, stream, (const uint8_t *)"s", 1, &got, w.now));
	say(0, a, 1);
	say(1, b, 1);
	wire_run(&w, w.now + 1 * SEC);
	wire_boot(&w, who);
	memset(w.events[who], 0, sizeof(w.events[who]));
	wire_befriend(&w, 0, 1);
	if (who == 0)
		say(1, b, 7); /* sent to one that has forgotten */
	else
		say(0, a, 7);
	w.events[1 - who][KITH_NET_SESSION_UP] = 0;
	/* the restarted side connects anew; its contact keeps the number of its session */
	{
		struct kith_net_target t = wire_link_target(&w, 1 - who);
		uint32_t number;

		CHECK_OK(kith_net_connect(w.net[who], &t, &number, w.now));
		wire_run(&w, w.now + 2 * SEC);
	}
	CHECK_EQ(w.events[who][KITH_NET_SESSION_UP], 1);
	CHECK_EQ(w.events[1 - who][KITH_NET_SESSION_UP], 0);
	CHECK_EQ(w.events[1 - who][KITH_NET_PEER_RESTARTED], 1);
	CHECK_EQ(w.events[1 - who][KITH_NET_MSG_RETURNED], 1);
	CHECK_EQ(w.last[1 - who][KITH_NET_MSG_RETURNED].token, 7);
	CHECK_EQ(w.last[1 - who][KITH_NET_PEER_RESTARTED].session, who == 0 ? b : a);
	say(0, who == 0 ? wire_up(&w, 0) : a, 8);
	say(1, who == 1 ? wire_up(&w, 1) : b, 8);
	wire_run(&w, w.now + 2 * SEC);
	CHECK_EQ(w.last[0][KITH_NET_MSG_ACKED].token, 8);
	CHECK_EQ(w.last[1][KITH_NET_MSG_ACKED].token, 8);
	wire_free(&w);
}

TEST(net_restart_initiator)
{
	restart_case(0, 65);
}

TEST(net_restart_responder)
{
	restart_case(1, 66);
}

/* One side lost only the session (30 s of silence), not its process: the next one starts clean. */
TEST(net_session_lost_on_one_side)
{
	uint32_t a;
	uint32_t b;
	unsigned i;

	wire_init(&w, 2, 67);
	wire_befriend(&w, 0, 1);
	a = wire_link(&w, 0, 1);
	b = wire_up(&w, 1);
	for (i = 0; i < 10; i++)
		say(0, a, i);
	wire_run(&w, w.now + 1 * SEC);
	w.loss_pct = 100;
	say(0, a, 77);
	wire_run(&w, w.now + 29 * SEC);
	CHECK_EQ(w.events[0][KITH_NET_SESSION_LOST], 0);
	wire_run(&w, w.now + 3 * SEC);
	CHECK_EQ(w.events[0][KITH_NET_SESSION_LOST], 1);
	CHECK_EQ(w.last[0][KITH_NET_SESSION_LOST].code, KITH_NET_LOST_SILENT);
	CHECK_EQ(w.last[0][KITH_NET_MSG_RETURNED].token, 77);
	w.loss_pct = 0;
	{
		struct kith_net_target t = wire_link_target(&w, 1);

		CHECK_OK(kith_net_connect(w.net[0], &t, &a, w.now));
	}
	wire_run(&w, w.now + 1 * SEC);
	CHECK_EQ(w.events[1][KITH_NET_PEER_RESTARTED], 1);
	for (i = 0; i < 10; i++) {
		say(0, a, i);
		say(1, b, i);
	}
	wire_run(&w, w.now + 1 * SEC);
	CHECK_EQ(w.events[1][KITH_NET_MSG_IN], 20);
	CHECK_EQ(w.events[0][KITH_NET_MSG_IN], 10);
	wire_free(&w);
}

TEST(net_idle_hour)
{
	wire_init(&w, 2, 68);
	wire_befriend(&w, 0, 1);
	(void)wire_link(&w, 0, 1);
	wire_run(&w, w.now + 3700 * SEC);
	CHECK_EQ(w.events[0][KITH_NET_SESSION_LOST], 1);
	CHECK_EQ(w.events[1][KITH_NET_SESSION_LOST], 1);
	CHECK_EQ(w.last[0][KITH_NET_SESSION_LOST].code, KITH_NET_LOST_IDLE);
	CHECK_EQ(kith_net_session_count(w.net[0]) + kith_net_session_count(w.net[1]), 0);
	wire_free(&w);
}

TEST(net_close)
{
	uint32_t a;

	wire_init(&w, 2, 69);
	wire_befriend(&w, 0, 1);
	a = wire_link(&w, 0, 1);
	w.loss_pct = 100;
	say(0, a, 3);
	wire_drain(&w);
	w.loss_pct = 0;
	kith_net_close(w.net[0], a, w.now);
	CHECK_EQ(kith_net_send_message(w.net[0], a, KITH_NET_CLASS_MESSAGE, (const uint8_t *)"x", 1,
				       1, w.now),
		 KITH_E_NOTFOUND);
	wire_run(&w, w.now + 1 * SEC);
	CHECK_EQ(w.last[0][KITH_NET_SESSION_LOST].code, KITH_NET_LOST_LOCAL);
	CHECK_EQ(w.last[0][KITH_NET_MSG_RETURNED].token, 3);
	CHECK_EQ(w.last[1][KITH_NET_SESSION_LOST].code, KITH_NET_LOST_CLOSED);
	CHECK_EQ(kith_net_session_count(w.net[0]) + kith_net_session_count(w.net[1]), 0);
	wire_free(&w);
}

/* Resume: not one datagram leaves under the old keys, unacked messages come back. */
TEST(net_resume_sends_nothing)
{
	uint32_t a;
	unsigned i;

	wire_init(&w, 2, 70);
	wire_befriend(&w, 0, 1);
	a = wire_link(&w, 0, 1);
	for (i = 0; i < 100; i++)
		say(0, a, i);
	w.sent[0] = 0;
	kith_net_drop_sessions(w.net[0], w.now);
	kith_net_tick(w.net[0], w.now);
	wire_drain(&w);
	CHECK_EQ(w.sent[0], 0);
	CHECK_EQ(w.events[0][KITH_NET_MSG_RETURNED], 100);
	CHECK_EQ(w.events[0][KITH_NET_SESSION_LOST], 1);
	CHECK_EQ(kith_net_deadline(w.net[0]), KITH_NEVER);
	/* and the peer's packets under the old keys open nowhere */
	say(1, wire_up(&w, 1), 5);
	wire_run(&w, w.now + 1 * SEC);
	CHECK_EQ(w.sent[0], 0);
	CHECK_EQ(w.events[0][KITH_NET_MSG_IN], 0);
	{
		struct kith_net_target t = wire_link_target(&w, 1);

		CHECK_OK(kith_net_connect(w.net[0], &t, &a, w.now));
	}
	wire_run(&w, w.now + 2 * SEC);
	CHECK_EQ(w.events[1][KITH_NET_PEER_RESTARTED], 1);
	wire_free(&w);
}

/* The NAT in front of engine 0 gives it another port: the next packet moves the session. */
TEST(net_rebinding)
{
	uint32_t a;
	uint32_t b;
	struct kith_net_session_info info;
	unsigned i;

	wire_init(&w, 2, 71);
	wire_befriend(&w, 0, 1);
	a = wire_link(&w, 0, 1);
	b = wire_up(&w, 1);
	for (i = 1; i < 6; i++) {
		unsigned before = w.events[1][KITH_NET_MSG_IN];

		w.port_shift[0] = (uint16_t)(i * 10);
		say(0, a, i);
		wire_run(&w, w.now + 300 * MS);
		CHECK_EQ(w.events[1][KITH_NET_MSG_IN], before + 1);
		CHECK_OK(kith_net_session(w.net[1], b, &info));
		CHECK_EQ(info.remote.port, 4000 + i * 10);
		say(1, b, i);
		wire_run(&w, w.now + 1 * SEC);
		CHECK_EQ(w.events[0][KITH_NET_MSG_IN], i);
	}
	CHECK_EQ(w.events[0][KITH_NET_SESSION_LOST], 0);
	wire_free(&w);
}

/* A copied packet from elsewhere moves nothing: old number, and nobody there echoes. */
struct copier {
	struct wire_dgram last;
	bool any;
	uint64_t bytes_to_thief, bytes_from_thief;
	struct kith_addr thief;
};

static bool copy_last(struct wire *x, unsigned from, struct wire_dgram *d)
{
	struct copier *c = x->filter_ctx;

	if (kith_addr_equal(&d->to, &c->thief)) {
		c->bytes_to_thief += d->len;
		return false;
	}
	if (from == 0) {
		c->last = *d;
		c->any = true;
		return false; /* held back: the thief is first */
	}
	return true;
}

TEST(net_stolen_packet_moves_nothing)
{
	static struct copier c;
	struct kith_net_session_info info;
	uint32_t a;

	memset(&c, 0, sizeof(c));
	c.thief = kith_addr_v4(198, 51, 100, 9, 9);
	wire_init(&w, 2, 72);
	wire_befriend(&w, 0, 1);
	a = wire_link(&w, 0, 1);
	wire_run(&w, w.now + 1 * SEC);
	w.filter = copy_last;
	w.filter_ctx = &c;
	say(0, a, 1);
	wire_drain(&w);
	CHECK(c.any);
	CHECK(wire_give(&w, 1, &c.thief, c.last.data, c.last.len));
	c.bytes_from_thief = c.last.len;
	wire_run(&w, w.now + 10 * SEC);
	CHECK_OK(kith_net_session(w.net[1], wire_up(&w, 1), &info));
	CHECK_EQ(info.remote.port, 4000);
	CHECK(c.bytes_to_thief > 0);
	CHECK(c.bytes_to_thief <= 3 * c.bytes_from_thief);
	wire_free(&w);
}

/* Builds a packet with these frames from engine `from`, as a peer with valid keys would. */
static size_t forge(unsigned from, uint32_t number, const void *frames, size_t len, uint8_t *out)
{
	struct session *s = kith__net_session_find(w.net[from], number);
	const struct epoch *e = &s->epoch[s->current];

	memcpy(out + NET_HEAD, frames, len);
	memset(out + NET_HEAD + len, 0, 8);
	len = len < 4 ? 4 : len;
	return kith__net_seal(out, len, e->tx, e->rhk, e->idx_out,
			      s->rec.base + s->rec.sent_count + 1000);
}

static void fault_case(const void *frames, size_t len, bool dies, uint64_t salt)
{
	uint8_t dgram[1300];
	struct kith_addr from;
	uint32_t a;

	wire_init(&w, 2, salt);
	wire_befriend(&w, 0, 1);
	a = wire_link(&w, 0, 1);
	wire_run(&w, w.now + 1 * SEC);
	len = forge(0, a, frames, len, dgram);
	from = wire_addr(&w, 0);
	/* engine 0 did not send it: an ACK would be a lie to it */
	w.loss_pct = dies ? 0 : 100;
	CHECK(wire_give(&w, 1, &from, dgram, len));
	wire_run(&w, w.now + 1 * SEC);
	CHECK_EQ(w.events[1][KITH_NET_SESSION_LOST], dies);
	if (dies) {
		struct kith_net_target t = wire_link_target(&w, 1);

		CHECK_EQ(w.last[1][KITH_NET_SESSION_LOST].code, KITH_NET_LOST_PROTOCOL);
		CHECK_EQ(w.last[0][KITH_NET_SESSION_LOST].code, KITH_NET_LOST_CLOSED);
		/* its next handshakes are slowed down: none within 60 s, one after */
		CHECK_OK(kith_net_connect(w.net[0], &t, &a, w.now));
		wire_run(&w, w.now + 20 * SEC);
		CHECK_EQ(w.events[0][KITH_NET_CONNECT_FAILED], 1);
		wire_run(&w, w.now + 50 * SEC);
		CHECK_OK(kith_net_connect(w.net[0], &t, &a, w.now));
		wire_run(&w, w.now + 5 * SEC);
		CHECK_EQ(w.events[0][KITH_NET_SESSION_UP], 2);
	}
	wire_free(&w);
}

TEST(net_faults_close)
{
	fault_case("\x01\x01\x01\x01", 4, false, 80);            /* PINGs */
	fault_case("\x20\x01", 2, true, 81);                     /* cut off */
	fault_case("\x3e\x02zz\x50\x42\x01z\x01", 9, false, 82); /* unknown frames: skipped */
	fault_case("\x3e\x7fzz", 4, true, 83);                   /* longer than the packet */
	fault_case("\x02\x40\xff\x00\x01\x00\x01", 7, true, 84); /* ACK of what was never sent */
	fault_case("\x03\x50\x00\x01\x00\x01z", 7, true, 85);    /* seq beyond the window */
	fault_case("\x04\x00\x80\x02\x00\x00\x00\x01z", 9, true, 86); /* beyond the stream window */
	fault_case("\x04\x43\x84\x00\x00\x01z", 7, true, 87);         /* too many streams */
	fault_case("\x00\x00\x00\x01", 4, true, 88);                  /* padding that is not zero */
}

TEST(net_skipped_numbers_catch_liars)
{
	uint8_t dgram[1300], frame[32];
	struct kith_addr from;
	struct kith_writer wr;
	struct session *s;
	uint32_t a;
	unsigned i;

	wire_init(&w, 2, 90);
	wire_befriend(&w, 0, 1);
	a = wire_link(&w, 0, 1);
	for (i = 0; i < 4000 && at(0, a)->rec.skipped_count == 0; i++) {
		say(0, a, i);
		wire_run(&w, w.now + 30 * MS);
	}
	s = kith__net_session_find(w.net[0], a);
	CHECK(s->rec.skipped_count > 0);
	CHECK(i < 1600);
	{
		const struct ack_range range = {s->rec.skipped[0] - 1, s->rec.skipped[0]};

		kith_writer_init(&wr, frame, sizeof(frame));
		kith__net_frame_ack(&wr, 0, &range, 1);
	}
	from = wire_addr(&w, 1);
	CHECK(wire_give(&w, 0, &from, dgram, forge(1, wire_up(&w, 1), frame, wr.len, dgram)));
	wire_drain(&w);
	CHECK_EQ(w.events[0][KITH_NET_SESSION_LOST], 1);
	wire_free(&w);
}

TEST(net_packet_number_end)
{
	uint32_t a;

	wire_init(&w, 2, 91);
	wire_befriend(&w, 0, 1);
	a = wire_link(&w, 0, 1);
	wire_run(&w, w.now + 20 * SEC);
	kith__net_session_find(w.net[0], a)->rec.base = NET_PN_MAX;
	say(0, a, 1);
	wire_run(&w, w.now + 1 * SEC);
	CHECK_EQ(w.events[0][KITH_NET_SESSION_LOST], 1);
	CHECK_EQ(w.events[0][KITH_NET_MSG_RETURNED], 1);
	wire_free(&w);
}

/* ---- cost ---- */

struct meter {
	size_t used, peak;
};

static void *metered(void *ctx, void *p, size_t size)
{
	struct meter *m = ctx;
	size_t *block = p != NULL ? (size_t *)p - 2 : NULL;
	size_t *out;
	const struct kith_alloc *heap = kith_alloc_heap();

	if (block != NULL)
		m->used -= block[0];
	if (size == 0) {
		heap->resize(heap->ctx, block, 0);
		return NULL;
	}
	out = heap->resize(heap->ctx, block, size + 16);
	CHECK(out != NULL);
	out[0] = size;
	m->used += size;
	return out + 2;
}

TEST(net_idle_session_memory)
{
	struct meter meter = {0};
	struct kith_alloc alloc = {metered, &meter};
	size_t before;
	unsigned i;

	wire_init(&w, 2, 92);
	w.cfg[1].alloc = &alloc;
	wire_boot(&w, 1);
	before = meter.used;
	for (i = 0; i < 200; i++) {
		uint32_t a = wire_service(&w, 0, 1);

		say(0, a, 1);
		say(1, wire_up(&w, 1), 1);
		wire_run(&w, w.now + 150 * MS);
	}
	wire_run(&w, w.now + 40 * SEC);
	CHECK_EQ(kith_net_session_count(w.net[1]), 200);
	printf("# idle session: %zu B, struct %zu B\n", (meter.used - before) / 200,
	       sizeof(struct session));
	CHECK((meter.used - before) / 200 <= 2560);
	wire_free(&w);
	CHECK_EQ(meter.used, 0);
}
