/* SPDX-License-Identifier: ISC */
/*
 * Handshakes of three people in every order (attack_01): A calls B, A calls M, M calls B, and the
 * network gives any datagram that was ever sent to anybody, again and again. Whoever believes in a
 * session with somebody shares its keys with exactly that one. All orders of three deliveries, and
 * 8,000 drawn ones of eight. crypto.md 14.
 */
#include <stdio.h>
#include <string.h>

#include "tests/break/tally.h"
#include "tests/unit/net/wire.h"

#define PEOPLE 3u
#define POOL   64u
#define DRAWN  8000u

static struct wire w;
static struct wire_dgram pool[POOL];
static unsigned pooled, believed;

static bool collect(struct wire *at, unsigned from, struct wire_dgram *d)
{
	(void)at;
	(void)from;
	if (pooled < POOL)
		pool[pooled++] = *d;
	return false; /* the attacker delivers */
}

static void call(unsigned from, unsigned to)
{
	struct kith_net_target t = wire_link_target(&w, to);
	uint32_t number;

	CHECK_OK(kith_net_connect(w.net[from], &t, &number, w.now));
	wire_drain(&w);
}

static void begin(void)
{
	wire_init(&w, PEOPLE, 700);
	for (unsigned i = 0; i < PEOPLE; i++)
		for (unsigned k = i + 1; k < PEOPLE; k++)
			wire_befriend(&w, i, k);
	w.filter = collect;
	pooled = 0;
	call(0, 1);
	call(0, 2);
	call(2, 1);
}

/* Whether engine `at` holds keys with this channel binding, towards `peer`. */
static bool holds(unsigned at, unsigned peer, const uint8_t binding[32])
{
	const struct kith_net *n = w.net[at];

	for (size_t i = 0; i < n->session_cap; i++)
		if (n->sessions[i] != NULL && memcmp(n->sessions[i]->s, binding, 32) == 0)
			return n->sessions[i]->link != NULL &&
			       n->sessions[i]->link->v.peer == peer + 1;
	for (uint64_t i = n->half_first; i != n->half_next; i++) {
		const struct half *h = n->half[i % KITH_NET_HALFOPEN_MAX];

		if (!h->spent && memcmp(h->keys.s, binding, 32) == 0)
			return h->link != NULL && h->link->v.peer == peer + 1;
	}
	return false;
}

static void agree(void)
{
	for (unsigned i = 0; i < PEOPLE; i++)
		for (unsigned k = 0; k < PEOPLE; k++) {
			uint32_t number = i == k ? 0 : kith_net_link_session(w.net[i], k + 1);
			const struct session *s;

			if (number == 0)
				continue;
			s = kith__net_session_find(w.net[i], number);
			CHECK(s != NULL);
			believed++;
			CHECK(holds(k, i, s->s));
		}
}

static void deliver(unsigned datagram, unsigned to)
{
	(void)wire_give(&w, to, &pool[datagram].from, pool[datagram].data, pool[datagram].len);
	w.now += 1000;
	for (unsigned i = 0; i < PEOPLE; i++)
		if (kith_net_deadline(w.net[i]) <= w.now)
			kith_net_tick(w.net[i], w.now);
	wire_drain(&w);
	agree();
}

TEST(attack_01_orders_of_three)
{
	uint64_t orders = 0;

	believed = 0;
	for (unsigned a = 0; a < 3 * PEOPLE; a++)
		for (unsigned b = 0; b < 4 * PEOPLE; b++)
			for (unsigned c = 0; c < 5 * PEOPLE; c++) {
				const unsigned step[] = {a, b, c};

				begin();
				for (unsigned i = 0; i < 3; i++)
					if (step[i] / PEOPLE < pooled)
						deliver(step[i] / PEOPLE, step[i] % PEOPLE);
				orders++;
				wire_free(&w);
			}
	printf("# %u beliefs in a session, all shared\n", believed);
	CHECK(believed > 0);
	tally("orders of three deliveries", orders, 9 * 12 * 15);
}

static void drawn(uint64_t salt)
{
	uint64_t state = test_seed() + salt, orders = 0;

	believed = 0;
	for (; orders < DRAWN / 4; orders++) {
		begin();
		for (unsigned i = 0; i < 8; i++) {
			unsigned d = (unsigned)(test_random(&state) % pooled), to = PEOPLE;

			for (unsigned k = 0; k < PEOPLE; k++) { /* half of them where they belong */
				struct kith_addr a = wire_addr(&w, k);

				if (kith_addr_equal(&a, &pool[d].to))
					to = k;
			}
			if (to == PEOPLE || test_random(&state) % 2 == 0)
				to = (unsigned)(test_random(&state) % PEOPLE);
			deliver(d, to);
		}
		wire_free(&w);
	}
	printf("# %u beliefs in a session, all shared\n", believed);
	CHECK(believed > DRAWN / 2);
	tally("drawn orders of eight deliveries", orders, DRAWN / 4);
}

TEST(attack_01_orders_drawn_first)
{
	drawn(1);
}

TEST(attack_01_orders_drawn_second)
{
	drawn(2);
}

TEST(attack_01_orders_drawn_third)
{
	drawn(3);
}

TEST(attack_01_orders_drawn_fourth)
{
	drawn(4);
}
