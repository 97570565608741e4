/* SPDX-License-Identifier: ISC */
/* Two engines: handshake, messages, ends of sessions. */
#include "tests/unit/net/wire.h"

#include <string.h>

static struct wire w;

TEST(net_link_carries_messages)
{
	const uint8_t hello[] = "hello";
	uint32_t a;

	wire_init(&w, 2, 1);
	wire_befriend(&w, 0, 1);
	a = wire_link(&w, 0, 1);
	CHECK_OK(kith_net_send_message(w.net[0], a, KITH_NET_CLASS_MESSAGE, hello, sizeof(hello), 9,
				       w.now));
	CHECK_OK(kith_net_send_message(w.net[1], wire_up(&w, 1), KITH_NET_CLASS_MESSAGE, hello,
				       sizeof(hello), 4, w.now));
	wire_run(&w, w.now + 1 * SEC);
	CHECK_EQ(w.events[1][KITH_NET_MSG_IN], 1);
	CHECK_EQ(w.events[0][KITH_NET_MSG_IN], 1);
	CHECK_EQ(w.events[0][KITH_NET_MSG_ACKED], 1);
	CHECK_EQ(w.last[0][KITH_NET_MSG_ACKED].token, 9);
	CHECK_EQ(w.last[1][KITH_NET_MSG_IN].len, sizeof(hello));
	CHECK_EQ(w.last[1][KITH_NET_MSG_IN].peer, 1);
	wire_free(&w);
}

TEST(net_service_carries_messages)
{
	struct kith_net_session_info i, r;
	uint8_t big[65536];
	uint32_t a;
	size_t k;

	for (k = 0; k < sizeof(big); k++)
		big[k] = (uint8_t)(k * 7);
	wire_init(&w, 2, 2);
	a = wire_service(&w, 0, 1);
	CHECK_OK(kith_net_session(w.net[0], a, &i));
	CHECK_OK(kith_net_session(w.net[1], wire_up(&w, 1), &r));
	CHECK(i.initiator && !r.initiator);
	CHECK_MEM(i.binding, r.binding, 32);
	CHECK_OK(kith_net_send_message(w.net[0], a, KITH_NET_CLASS_SYNC, big, sizeof(big), 1,
				       w.now));
	wire_run(&w, w.now + 2 * SEC);
	CHECK_EQ(w.events[1][KITH_NET_MSG_IN], 1);
	CHECK_EQ(w.last[1][KITH_NET_MSG_IN].len, sizeof(big));
	CHECK_EQ(w.events[0][KITH_NET_MSG_ACKED], 1);
	wire_free(&w);
}
