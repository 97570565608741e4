/* SPDX-License-Identifier: ISC */
/*
 * Replay, reflection and splice between sessions (attack_02), stolen keys and misbound ones
 * (attack_01), and a friend who claims another's link key, over whole net engines. crypto.md 14.
 */
#include <stdio.h>
#include <string.h>

#include "tests/break/tally.h"
#include "tests/unit/net/wire.h"

#define TAPE 1500u

static struct wire w;
static struct wire_dgram tape[TAPE];
static unsigned taped;

static bool record(struct wire *at, unsigned from, struct wire_dgram *d)
{
	(void)at;
	(void)from;
	if (taped < TAPE)
		tape[taped++] = *d;
	return true;
}

static void say(unsigned from, uint32_t session, unsigned number)
{
	uint8_t text[900];

	memset(text, (int)number, sizeof(text));
	CHECK_OK(kith_net_send_message(w.net[from], session, KITH_NET_CLASS_MESSAGE, text,
				       1 + number * 37 % 800, number, w.now));
	wire_run(&w, w.now + 30 * MS);
}

/* ---- attack_02 ---- */

struct standing {
	uint64_t messages, doubled, up, state;
	size_t sessions;
	struct kith_net_link_peer peer[WIRE_NODES];
};

static void stand(unsigned i, struct standing *s)
{
	const struct kith_net_counters *c = kith_net_counters(w.net[i]);

	memset(s, 0, sizeof(*s));
	s->messages = c->messages_in;
	s->doubled = c->messages_doubled;
	s->up = w.events[i][KITH_NET_SESSION_UP];
	s->state = w.events[i][KITH_NET_LINK_STATE];
	s->sessions = kith_net_session_count(w.net[i]);
	for (unsigned k = 0; k < WIRE_NODES; k++)
		(void)!kith_net_link_peer_get(w.net[i], k + 1, &s->peer[k]);
}

/* Each datagram to each engine, from its own sender and from a stranger. */
static uint64_t offer_all(const uint8_t *(*make)(unsigned i, size_t *len))
{
	struct kith_addr stranger = kith_addr_v4(198, 51, 100, 9, 99);
	uint64_t offers = 0;

	for (unsigned i = 0; i < taped; i++)
		for (unsigned to = 0; to < WIRE_NODES; to++) {
			size_t len;
			const uint8_t *data = make(i, &len);

			(void)wire_give(&w, to, &tape[i].from, data, len);
			(void)wire_give(&w, to, &stranger, data, len);
			offers += 2;
			wire_drain(&w);
		}
	return offers;
}

static const uint8_t *as_it_was(unsigned i, size_t *len)
{
	*len = tape[i].len;
	return tape[i].data;
}

/* Head of one, tail of the next of at least that length: another session's, another direction's. */
static const uint8_t *spliced(unsigned i, size_t *len)
{
	static uint8_t out[KITH_DGRAM_MAX];
	unsigned k = (i + 1) % taped;

	while (tape[k].len < tape[i].len && k != i)
		k = (k + 1) % taped;
	*len = tape[i].len;
	memcpy(out, tape[i].data, *len);
	memcpy(out + *len / 2, tape[k].data + *len / 2, *len - *len / 2);
	if (k == i)
		out[*len / 2] ^= 1;
	return out;
}

static uint64_t nothing_changes(const uint8_t *(*make)(unsigned i, size_t *len))
{
	static struct standing before[WIRE_NODES], after;
	uint64_t offers;

	w.filter = NULL;
	w.loss_pct = 100; /* what the engines answer goes nowhere */
	for (unsigned i = 0; i < WIRE_NODES; i++)
		stand(i, &before[i]);
	offers = offer_all(make);
	for (unsigned i = 0; i < WIRE_NODES; i++) {
		stand(i, &after);
		CHECK_MEM(&before[i], &after, sizeof(after));
	}
	w.loss_pct = 0;
	return offers;
}

static void talk(uint32_t session[WIRE_NODES][WIRE_NODES], unsigned rounds)
{
	for (unsigned r = 0; r < rounds; r++)
		for (unsigned i = 0; i < WIRE_NODES; i++)
			for (unsigned k = 0; k < WIRE_NODES; k++)
				if (session[i][k] != 0)
					say(i, session[i][k], r);
}

static void link_all(uint32_t session[WIRE_NODES][WIRE_NODES])
{
	for (unsigned i = 0; i < WIRE_NODES; i++)
		for (unsigned k = i + 1; k < WIRE_NODES; k++) {
			session[i][k] = wire_link(&w, i, k);
			session[k][i] = wire_up(&w, k);
		}
}

TEST(attack_02_replay_reflection_splice)
{
	static uint32_t session[WIRE_NODES][WIRE_NODES];
	uint64_t offers;

	wire_init(&w, WIRE_NODES, 300);
	for (unsigned i = 0; i < WIRE_NODES; i++)
		for (unsigned k = i + 1; k < WIRE_NODES; k++)
			wire_befriend(&w, i, k);
	w.filter = record;
	taped = 0;
	link_all(session);
	(void)wire_service(&w, 0, 1);
	(void)wire_service(&w, 2, 3);
	talk(session, 20);
	wire_run(&w, w.now + 11 * SEC); /* no half-open handshake is left */
	printf("# %u datagrams of %u links and 2 service links\n", taped, 6u);
	CHECK(taped > 500);
	offers = nothing_changes(as_it_was);
	offers += nothing_changes(spliced);
	talk(session, 1); /* everybody lives */
	/* new keys everywhere: what was recorded before belongs to no session any more */
	for (unsigned i = 0; i < WIRE_NODES; i++)
		kith_net_drop_sessions(w.net[i], w.now);
	wire_run(&w, w.now + 2 * SEC);
	offers += nothing_changes(as_it_was);
	wire_run(&w, w.now + 2 * SEC);
	link_all(session);
	wire_run(&w, w.now + 11 * SEC);
	offers += nothing_changes(as_it_was);
	/* and after a restart with the states of the contacts as they were kept */
	for (unsigned i = 0; i < WIRE_NODES; i++) {
		struct kith_net_link_peer peer[WIRE_NODES];

		for (unsigned k = 0; k < WIRE_NODES; k++)
			if (k != i)
				CHECK_OK(kith_net_link_peer_get(w.net[i], k + 1, &peer[k]));
		wire_boot(&w, i);
		for (unsigned k = 0; k < WIRE_NODES; k++)
			if (k != i)
				CHECK_OK(kith_net_link_peer_set(w.net[i], &peer[k]));
	}
	offers += nothing_changes(as_it_was);
	printf("# %u offers: 0 messages, 0 sessions, 0 timestamps\n", (unsigned)offers);
	CHECK(offers > 20000);
	wire_free(&w);
}

/* ---- attack_01: stolen keys over engines ---- */

/* Engine 3 (Mallory) tries to be `as` towards `to` with the link secrets it stole; true: let in. */
static bool intrudes(unsigned as, unsigned to, bool has_secret, bool has_root)
{
	struct kith_net_link_peer p = wire_peer(&w, as, to), before, after;
	struct kith_net_target t = wire_link_target(&w, to);
	unsigned up = w.events[to][KITH_NET_SESSION_UP];
	uint32_t number;
	bool in;

	if (has_secret)
		memcpy(w.cfg[3].link_secret, w.cfg[as].link_secret, 32);
	w.cfg[3].device = w.cfg[as].device;
	wire_boot(&w, 3);
	if (!has_root)
		p.root[0].l[3] ^= 1;
	p.last_out[0] = 0xff; /* later than any timestamp so far */
	CHECK_OK(kith_net_link_peer_set(w.net[3], &p));
	CHECK_OK(kith_net_link_peer_get(w.net[to], as + 1, &before));
	CHECK_OK(kith_net_connect(w.net[3], &t, &number, w.now));
	wire_run(&w, w.now + 8 * SEC);
	CHECK_OK(kith_net_link_peer_get(w.net[to], as + 1, &after));
	in = w.events[to][KITH_NET_SESSION_UP] != up;
	if (!in)
		CHECK_MEM(before.last_in, after.last_in, 12);
	return in;
}

TEST(attack_01_stolen_link_keys)
{
	uint64_t refused = 0;

	for (unsigned as = 0; as < 2; as++)
		for (unsigned what = 0; what < 4; what++) {
			bool in;

			wire_init(&w, WIRE_NODES, 320 + as * 4 + what);
			wire_befriend(&w, 0, 1);
			in = intrudes(as, 1 - as, (what & 1) != 0, (what & 2) != 0);
			/* with the link key and the chain it is that device: the stated limit, and
			 * the proof that this intruder knows the way */
			CHECK_EQ(in, what == 3);
			refused += !in;
			wire_free(&w);
			memset(&w, 0, sizeof(w));
		}
	tally("intruders with a part of the keys refused", refused, 6);
}

/* KCI: the thief has B's link secret, P and even the chain, and poses as A to B. */
TEST(attack_01_key_compromise_impersonation)
{
	uint8_t prologue[NET_PROLOGUE_LINK], b_public[32], a_public[32], dh[32], key[32], root[32];
	struct kith_net_link_peer peer;
	uint64_t day = (WIRE_WALL_MS + 1000000) / 86400000u;
	struct kith_addr from = kith_addr_v4(10, 0, 3, 1, 4000);
	uint64_t answered = 0, guesses = 0;
	struct outer1 m = {.idx_i = 77};
	struct kith_noncer noncer;

	wire_init(&w, WIRE_NODES, 340);
	wire_befriend(&w, 0, 1);
	kith_noncer_init(&noncer, &w.rng[3]);
	kith_dh_public(a_public, w.cfg[0].link_secret);
	kith_dh_public(b_public, w.cfg[1].link_secret);
	peer = wire_peer(&w, 0, 1);
	for (unsigned with_root = 0; with_root < 2; with_root++) {
		uint8_t e_secret[32] = {0, 5}, payload[NET_PAYLOAD1], dgram[NET_MSG1_MAX];
		struct payload1 p = {.time = {0xff}};
		struct kith_noise st;
		size_t len;

		e_secret[2] = (uint8_t)(with_root + 1);
		kith__net_prologue_link(prologue, w.cfg[1].device, 7, day);
		kith__net_noise_start(&st, prologue, sizeof(prologue), b_public);
		kith_dh_public(m.noise1, e_secret);
		kith_noise_mix_hash(&st, m.noise1, 32);
		kith_noise_mix_key(&st, m.noise1, 32);
		CHECK_OK(kith_dh(dh, e_secret, b_public));
		kith_noise_mix_key(&st, dh, 32);
		(void)kith_noise_seal(&st, m.noise1 + 32, a_public, 32);
		CHECK_OK(kith_dh(dh, w.cfg[1].link_secret, a_public)); /* ss by B's stolen key */
		kith_noise_mix_key(&st, dh, 32);
		CHECK_OK(kith__net_root_at(root, peer.root[0].l, peer.root[0].day, day));
		root[0] ^= with_root ? 0 : 1;
		kith__net_link_hint(p.x, root, m.noise1);
		kith__net_payload1_write(payload, &p);
		(void)kith_noise_seal(&st, m.noise1 + 80, payload, sizeof(payload));
		kith__net_obf_link(key, peer.presence.p, day, w.cfg[1].network);
		len = kith__net_wrap1(dgram, key, &noncer, &m, 24);
		w.sent[1] = 0;
		CHECK(wire_give(&w, 1, &from, dgram, len));
		wire_drain(&w);
		answered += w.sent[1];
		CHECK_EQ(w.sent[1], with_root); /* without the chain not even an answer */
	}
	/* The answer came, but se = DH(e_B, A) is A's alone. Whatever the thief can compute in its
	 * place, no data packet opens and no session comes to be. */
	for (unsigned i = 0; i < 64; i++) {
		uint8_t guess[32], rhk[32] = {0}, dgram[KITH_DGRAM_MAX] = {0};
		size_t len;

		memset(guess, (int)i, 32);
		if (i % 4 == 0)
			memcpy(guess, dh, 32);
		len = kith__net_seal(dgram, 100, guess, rhk, i, 0);
		(void)wire_give(&w, 1, &from, dgram, len);
		guesses++;
	}
	wire_run(&w, w.now + 12 * SEC);
	CHECK_EQ(kith_net_session_count(w.net[1]), 0);
	CHECK_EQ(w.events[1][KITH_NET_SESSION_UP], 0);
	tally("answers, only to the holder of the chain", answered, 1);
	tally("guessed keys opened nothing", guesses, 64);
	wire_free(&w);
}

/* ---- a friend who claims another's link key ---- */

/* Mallory (3) shows B (1) the link key of A (0) as its own, before or after A did. */
static void claim(unsigned claims, bool first)
{
	struct kith_net_link_peer p;
	uint32_t a;

	wire_init(&w, WIRE_NODES, 360 + claims * 2 + first);
	if (!first)
		wire_befriend(&w, 0, 1);
	for (unsigned k = 0; k < claims; k++) {
		p = wire_peer(&w, 1, 3);
		p.peer = 100 + k;
		p.root[0].l[9] = (uint8_t)(k + 1);
		kith_dh_public(p.lk, w.cfg[0].link_secret);
		CHECK_OK(kith_net_link_peer_set(w.net[1], &p));
	}
	if (first)
		wire_befriend(&w, 0, 1);
	a = wire_link(&w, 0, 1);                          /* checks that both came up */
	CHECK_EQ(w.last[1][KITH_NET_SESSION_UP].peer, 1); /* as A and nobody else */
	say(0, a, 5);
	CHECK_EQ(w.events[1][KITH_NET_MSG_IN], 1);
	CHECK_EQ(w.last[1][KITH_NET_MSG_IN].peer, 1);
	/* and each claimant in turn gets nothing of A's, and harms nothing by going */
	for (unsigned k = 0; k < claims; k++) {
		CHECK_EQ(kith_net_link_session(w.net[1], 100 + k), 0);
		kith_net_link_peer_remove(w.net[1], 100 + k, w.now);
	}
	say(0, a, 6);
	CHECK_EQ(w.events[1][KITH_NET_MSG_IN], 2);
	wire_free(&w);
	memset(&w, 0, sizeof(w));
}

TEST(attack_01_a_friend_claims_anothers_link_key)
{
	uint64_t tried = 0;

	for (unsigned claims = 1; claims < KITH_NET_LINKS_PER_KEY; claims++)
		for (unsigned first = 0; first < 2; first++, tried++)
			claim(claims, first != 0);
	tally("crowds of claimants kept nobody out", tried, 2 * (KITH_NET_LINKS_PER_KEY - 1));
}

/* Unknown key share: A thinks it speaks with Mallory, B would think it speaks with A. Mallory gave
 * A the link key and the presence secret of B as its own. */
TEST(attack_01_unknown_key_share)
{
	struct kith_net_target t;
	struct kith_net_link_peer p;
	uint64_t silent = 0;
	uint32_t number;

	wire_init(&w, WIRE_NODES, 380);
	wire_befriend(&w, 0, 1);
	wire_befriend(&w, 0, 3);
	wire_befriend(&w, 1, 3);
	p = wire_peer(&w, 0, 1); /* at A: peer "Mallory" with all of B's but the pair's chain */
	p.peer = 4;
	p.root[0] = wire_peer(&w, 0, 3).root[0];
	CHECK_OK(kith_net_link_peer_set(w.net[0], &p));
	t = wire_link_target(&w, 3);
	t.addr[0] = wire_addr(&w, 1);
	w.sent[1] = 0;
	CHECK_OK(kith_net_connect(w.net[0], &t, &number, w.now));
	wire_run(&w, w.now + 10 * SEC);
	CHECK_EQ(w.events[0][KITH_NET_CONNECT_FAILED], 1);
	CHECK_EQ(w.events[1][KITH_NET_SESSION_UP], 0);
	silent += w.sent[1] == 0;
	CHECK(kith_net_counters(w.net[1])->drop_hint > 0);
	(void)wire_link(&w, 0, 1); /* the true link is as it was */
	tally("relayed handshakes met with silence", silent, 1);
	wire_free(&w);
}
