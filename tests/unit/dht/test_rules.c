/* SPDX-License-Identifier: ISC */
/* What single requests get: cookies, tokens, lengths, sequence numbers, garbage. */
#include <string.h>

#include "tests/test.h"
#include "tests/unit/dht/stranger.h"

#define S ((kith_time)1000000u)

struct scene {
	struct world w;
	struct node *n; /* the engine under test */
	struct stranger s;
	uint8_t record[KITH_RECORD];
	struct kith_id key;
};

static void open_scene(struct scene *c, uint32_t network)
{
	world_init(&c->w, test_seed(), 40);
	(void)world_add(&c->w, KITH_DHT_SERVER, 1, NULL, 0);
	c->n = &c->w.node[0];
	stranger_init(&c->s, 1, network);
	world_record(c->record, 5, 10, &c->key);
}

static bool ask(struct scene *c, struct kith__msg *m, size_t size)
{
	m->tx++;
	return stranger_ask(&c->s, c->n->dht, c->n->key, m, size, c->w.now);
}

static void take_cookie(struct scene *c, struct kith__msg *m)
{
	m->flags |= KITH__COOKIE;
	memcpy(m->cookie, c->s.m.cookie, 8);
}

/* A cookie by PING, a token by FIND_VALUE, then STORE; returns the status. */
static unsigned store(struct scene *c, const uint8_t *record)
{
	struct kith__msg m = {.method = KITH__PING};
	struct kith__msg f = {.method = KITH__FIND_VALUE};
	struct kith__msg s = {.method = KITH__STORE, .record = record, .ttl_min = 180};
	uint64_t seq;

	kith_record_peek(record, &f.target, &seq);
	f.seq = UINT64_MAX >> 1;
	CHECK(ask(c, &m, 144));
	take_cookie(c, &f);
	CHECK(ask(c, &f, 144));
	memcpy(s.token, c->s.m.token, 16);
	CHECK(ask(c, &s, 1232));
	CHECK_EQ(c->s.m.method, KITH__STORED);
	return c->s.m.status;
}

TEST(ping_tells_the_address)
{
	struct scene c;
	struct kith__msg m = {.method = KITH__PING};

	open_scene(&c, 1);
	CHECK(ask(&c, &m, 144));
	CHECK_EQ(c.s.m.method, KITH__PONG);
	CHECK(kith_addr_equal(&c.s.m.addr, &c.s.addr));
	CHECK_EQ(c.s.m.tx, m.tx);
	CHECK_EQ(c.s.m.minutes, 1794960000u / 60);
	world_free(&c.w);
}

TEST(two_networks_never_answer_each_other)
{
	struct scene c;
	struct kith__msg m = {.method = KITH__PING};

	open_scene(&c, 2);
	CHECK(!ask(&c, &m, 144));
	CHECK_EQ(kith_dht_counters(c.n->dht)->drop_gate, 1);
	world_free(&c.w);
}

TEST(no_reply_is_longer_than_its_request_without_a_cookie)
{
	static const uint8_t methods[] = {KITH__PING, KITH__FIND, KITH__FIND_VALUE, KITH__STORE};
	static const size_t sizes[] = {144, 512, 1232};
	struct scene c;
	unsigned method, size, state, answered = 0;

	open_scene(&c, 1);
	for (state = 0; state < 3; state++) { /* no record; a record; a wrong cookie */
		if (state == 1)
			CHECK_EQ(store(&c, c.record), KITH__ST_OK);
		for (method = 0; method < 4; method++)
			for (size = method == 3 ? 2 : 0; size < 3; size++) {
				struct kith__msg m = {.method = methods[method],
						      .target = c.key,
						      .record = c.record};

				stranger_init(&c.s, 100 + answered, 1);
				if (state == 2 && method != 3) {
					m.flags = KITH__COOKIE;
					m.cookie[3] = 5;
				}
				CHECK(ask(&c, &m, sizes[size]));
				CHECK(c.s.total <= sizes[size]);
				CHECK(memcmp(c.s.m.cookie, m.cookie, 8) != 0);
				answered++;
			}
	}
	CHECK_EQ(answered, 30);
	CHECK_EQ(kith_dht_counters(c.n->dht)->ratio_max_permille, 1000);
	CHECK(kith_dht_counters(c.n->dht)->degraded > 0);
	world_free(&c.w);
}

TEST(degraded_reply_tells_that_there_is_something)
{
	struct scene c;
	struct kith__msg m = {.method = KITH__FIND_VALUE};

	open_scene(&c, 1);
	m.target = c.key;
	CHECK(ask(&c, &m, 144));
	CHECK_EQ(c.s.m.method, KITH__PONG);
	CHECK_EQ(c.s.m.flags & KITH__HAVE, 0);
	CHECK_EQ(store(&c, c.record), KITH__ST_OK);
	stranger_init(&c.s, 2, 1);
	CHECK(ask(&c, &m, 144));
	CHECK_EQ(c.s.m.method, KITH__PONG);
	CHECK(c.s.m.flags & KITH__HAVE);
	take_cookie(&c, &m);
	CHECK(ask(&c, &m, 144));
	CHECK_EQ(c.s.m.method, KITH__VALUE);
	CHECK_MEM(c.s.m.record, c.record, KITH_RECORD);
	m.seq = 10;
	CHECK(ask(&c, &m, 144));
	CHECK_EQ(c.s.m.method, KITH__SAME);
	CHECK_EQ(c.s.m.seq, 10);
	m.seq = 9;
	CHECK(ask(&c, &m, 144));
	CHECK_EQ(c.s.m.method, KITH__VALUE);
	world_free(&c.w);
}

TEST(cookies_live_for_two_epochs)
{
	struct scene c;
	struct kith__msg p = {.method = KITH__PING}, f = {.method = KITH__FIND};

	open_scene(&c, 1);
	CHECK(ask(&c, &p, 144));
	take_cookie(&c, &f);
	CHECK(ask(&c, &f, 144));
	CHECK_EQ(c.s.m.method, KITH__NODES);
	c.w.now += 43200 * S; /* the next epoch */
	CHECK(ask(&c, &f, 144));
	CHECK_EQ(c.s.m.method, KITH__NODES);
	c.w.now += 43200 * S;
	CHECK(ask(&c, &f, 144));
	CHECK_EQ(c.s.m.method, KITH__PONG);
	take_cookie(&c, &f);
	c.s.addr.port++; /* another address */
	CHECK(ask(&c, &f, 144));
	CHECK_EQ(c.s.m.method, KITH__PONG);
	world_free(&c.w);
}

TEST(tokens_live_for_two_epochs_and_for_one_key)
{
	struct scene c;
	struct kith__msg p = {.method = KITH__PING}, f = {.method = KITH__FIND_VALUE};
	struct kith__msg s = {.method = KITH__STORE, .ttl_min = 180};
	uint8_t other[KITH_RECORD];
	struct kith_id key;

	open_scene(&c, 1);
	world_record(other, 6, 1, &key);
	CHECK(ask(&c, &p, 144));
	take_cookie(&c, &f);
	f.target = c.key;
	CHECK(ask(&c, &f, 144));
	CHECK_EQ(c.s.m.method, KITH__NODES);
	CHECK(c.s.m.flags & KITH__TOKEN);
	memcpy(s.token, c.s.m.token, 16);
	s.record = other;
	CHECK(ask(&c, &s, 1232));
	CHECK_EQ(c.s.m.status, KITH__ST_TOKEN);
	s.record = c.record;
	c.w.now += 300 * S;
	CHECK(ask(&c, &s, 1232));
	CHECK_EQ(c.s.m.status, KITH__ST_OK);
	c.w.now += 300 * S;
	CHECK(ask(&c, &s, 1232));
	CHECK_EQ(c.s.m.status, KITH__ST_TOKEN);
	memcpy(s.token, c.s.m.token, 16); /* the fresh one that came along */
	CHECK(ask(&c, &s, 1232));
	CHECK_EQ(c.s.m.status, KITH__ST_OK);
	world_free(&c.w);
}

TEST(sequence_rules)
{
	struct scene c;
	uint8_t older[KITH_RECORD], newer[KITH_RECORD], bad[KITH_RECORD], same[KITH_RECORD];
	struct kith_id key;

	open_scene(&c, 1);
	world_record(older, 5, 9, &key);
	CHECK_MEM(key.b, c.key.b, 32);
	world_record(newer, 5, 11, &key);
	memcpy(same, c.record, sizeof(same));
	same[500] ^= 1;
	memcpy(bad, newer, sizeof(bad));
	bad[900] ^= 1;
	CHECK_EQ(store(&c, c.record), KITH__ST_OK);
	CHECK_EQ(store(&c, c.record), KITH__ST_OK);
	CHECK_EQ(store(&c, older), KITH__ST_OLDER);
	CHECK_EQ(c.s.m.seq, 10);
	CHECK_EQ(store(&c, same), KITH__ST_OTHER);
	CHECK_EQ(store(&c, newer), KITH__ST_OK);
	CHECK_EQ(c.s.m.seq, 11);
	CHECK_EQ(kith_dht_status(c.n->dht).records, 1);
	/* A false signature, then an hour of silence to STOREs of that key. */
	world_record(bad, 77, 3, &key);
	bad[900] ^= 1;
	CHECK_EQ(store(&c, bad), KITH__ST_BAD);
	{
		struct kith__msg s = {.method = KITH__STORE, .record = newer};

		CHECK(!ask(&c, &s, 1232));
		c.w.now += 3601 * S;
		CHECK(ask(&c, &s, 1232));
	}
	world_free(&c.w);
}

TEST(records_expire_and_keep_renews)
{
	struct scene c;
	struct kith__msg p = {.method = KITH__PING};
	struct kith__msg f = {.method = KITH__FIND_VALUE, .flags = KITH__KEEP, .seq = 10};

	open_scene(&c, 1);
	f.target = c.key;
	CHECK_EQ(store(&c, c.record), KITH__ST_OK);
	c.w.now += 179 * 60 * S;
	CHECK(ask(&c, &p, 144));
	take_cookie(&c, &f);
	CHECK(ask(&c, &f, 144));
	CHECK_EQ(c.s.m.method, KITH__SAME);
	c.w.now += 179 * 60 * S;
	f.flags &= (uint16_t)~KITH__KEEP;
	CHECK(ask(&c, &f, 144));
	CHECK_EQ(c.s.m.method, KITH__SAME);
	c.w.now += 2 * 60 * S;
	CHECK(ask(&c, &f, 144));
	CHECK_EQ(c.s.m.method, KITH__NODES);
	kith_dht_tick(c.n->dht, c.w.now);
	CHECK_EQ(kith_dht_status(c.n->dht).records, 0);
	world_free(&c.w);
}

TEST(garbage_gets_nothing)
{
	struct scene c;
	uint8_t data[1500];
	struct kith_dgram_in in = {.data = data};
	struct kith_dgram_out out;
	uint64_t state = test_seed();
	uint8_t body[64] = {KITH__PING, 1};
	unsigned i;
	size_t j;

	open_scene(&c, 1);
	in.remote = c.s.addr;
	for (i = 0; i < 20000; i++) {
		in.len = i % 4 == 0 ? 144 : i % 4 == 1 ? 512 : i % 4 == 2 ? 1232 : i % sizeof(data);
		for (j = 0; j < in.len; j++)
			data[j] = (uint8_t)test_random(&state);
		CHECK(!kith_dht_input(c.n->dht, &in, c.w.now));
	}
	body[63] = 1; /* sealed well, but not zero-padded */
	CHECK(!stranger_send(&c.s, c.n->dht, c.n->key, body, 144, c.w.now));
	body[63] = 0;
	body[1] = 2;
	CHECK(!stranger_send(&c.s, c.n->dht, c.n->key, body, 144, c.w.now));
	body[1] = 1;
	body[0] = 0x44;
	CHECK(!stranger_send(&c.s, c.n->dht, c.n->key, body, 144, c.w.now));
	body[0] = KITH__PONG; /* a reply nobody asked for */
	CHECK(!stranger_send(&c.s, c.n->dht, c.n->key, body, 144, c.w.now));
	CHECK(!kith_dht_output(c.n->dht, &out, c.w.now));
	CHECK_EQ(kith_dht_counters(c.n->dht)->drop_parse, 1);
	CHECK_EQ(kith_dht_counters(c.n->dht)->drop_version, 1);
	CHECK_EQ(kith_dht_counters(c.n->dht)->drop_method, 1);
	CHECK_EQ(kith_dht_counters(c.n->dht)->drop_reply, 1);
	CHECK_EQ(kith_dht_counters(c.n->dht)->tx_datagrams, 0);
	world_free(&c.w);
}

TEST(a_flood_is_met_with_silence_and_busy)
{
	struct scene c;
	struct kith__msg p = {.method = KITH__PING}, with = {.method = KITH__PING};
	unsigned i, answered = 0;

	open_scene(&c, 1);
	CHECK(ask(&c, &p, 144));
	take_cookie(&c, &with);
	for (i = 0; i < 300; i++)
		answered += ask(&c, &p, 144);
	CHECK(answered <= 60); /* half of the burst is kept for known peers */
	CHECK(answered >= 40);
	CHECK(ask(&c, &with, 144));
	CHECK_EQ(c.s.m.method, KITH__BUSY);
	c.w.now += 10 * S;
	CHECK(ask(&c, &p, 144));
	world_free(&c.w);
}

TEST(a_client_answers_ping_only)
{
	struct scene c;
	struct kith__msg p = {.method = KITH__PING}, f = {.method = KITH__FIND};

	open_scene(&c, 1);
	kith_dht_set_mode(c.n->dht, KITH_DHT_CLIENT, 0, c.w.now);
	CHECK(ask(&c, &p, 144));
	CHECK(c.s.m.flags & KITH__REP_CLIENT);
	CHECK(!ask(&c, &f, 512));
	world_free(&c.w);
}

TEST(a_stranger_enters_the_table_only_with_a_cookie)
{
	struct scene c;
	struct kith__msg p = {.method = KITH__PING};

	open_scene(&c, 1);
	CHECK(ask(&c, &p, 144));
	CHECK_EQ(kith_dht_status(c.n->dht).peers, 0);
	take_cookie(&c, &p);
	p.flags |= KITH__REQ_CLIENT;
	CHECK(ask(&c, &p, 144));
	CHECK_EQ(kith_dht_status(c.n->dht).peers, 0);
	p.flags &= (uint16_t)~KITH__REQ_CLIENT;
	CHECK(ask(&c, &p, 144));
	CHECK_EQ(kith_dht_status(c.n->dht).peers, 1);
	world_free(&c.w);
}

TEST(the_former_key_is_answered_for_a_day)
{
	struct scene c;
	struct kith__msg p = {.method = KITH__PING};
	uint8_t fresh[32] = {3}, former[32];

	open_scene(&c, 1);
	memcpy(former, c.n->key, 32);
	kith_dht_set_key(c.n->dht, fresh, c.w.now);
	CHECK(ask(&c, &p, 144));
	kith_dh_public(c.n->key, fresh);
	CHECK(ask(&c, &p, 144));
	c.w.now += 86401 * S;
	CHECK(ask(&c, &p, 144));
	memcpy(c.n->key, former, 32);
	CHECK(!ask(&c, &p, 144));
	world_free(&c.w);
}

TEST(a_lone_node_finds_its_own_record)
{
	struct scene c;
	uint32_t op, put;

	open_scene(&c, 1);
	CHECK_EQ(kith_dht_publish(c.n->dht, c.record, 1000, &put, c.w.now), KITH_E_MALFORMED);
	CHECK_OK(kith_dht_publish(c.n->dht, c.record, KITH_RECORD, &put, c.w.now));
	CHECK_OK(kith_dht_lookup(c.n->dht, &c.key, &op, c.w.now));
	world_kick(&c.w, 0);
	CHECK_EQ(c.n->events[KITH_DHT_FOUND], 1);
	CHECK_EQ(c.n->last[KITH_DHT_FOUND].op, op);
	CHECK_MEM(c.n->record, c.record, KITH_RECORD);
	kith_dht_cancel(c.n->dht, put);
	CHECK_OK(kith_dht_lookup(c.n->dht, &c.key, &op, c.w.now));
	world_kick(&c.w, 0);
	world_run(&c.w, c.w.now + 30 * S);
	CHECK_EQ(c.n->events[KITH_DHT_ABSENT], 1);
	CHECK(!c.n->last[KITH_DHT_ABSENT].complete);
	world_free(&c.w);
}
