/* SPDX-License-Identifier: ISC */
/* Rules of the ratchet: what is refused leaves the state alone, the bounds hold, light frames. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "node/proto_internal.h"
#include "tests/test.h"
#include "tests/unit/node/people.h"

static struct couple c;
static struct kith_opened opened;
static uint8_t frame[KITH_INNER];

static void check_refused(int who, const uint8_t *in, size_t len, int status)
{
	uint8_t before[32], after[32];

	couple_state(before, &c.side[who]);
	CHECK_EQ(couple_open(&c, who, in, len, &opened), status);
	couple_state(after, &c.side[who]);
	CHECK_MEM(after, before, 32);
}

static void flip_all(int who, size_t len, size_t stride)
{
	size_t bit;

	for (bit = 0; bit < len * 8; bit += stride) {
		frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
		check_refused(who, frame, len, KITH_E_AUTH);
		frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

TEST(ratchet_refuses_every_flipped_bit)
{
	struct kith_rng rng = test_rng(test_seed());
	size_t len;

	couple_begin(&c, &rng);
	len = couple_seal(&c, 1, false, "first", NULL, frame);
	flip_all(0, KITH__HEAD_FULL, 5);
	flip_all(0, len, 97); /* the body behind a step costs a decapsulation each */
	CHECK_OK(couple_open(&c, 0, frame, len, &opened));
	CHECK(opened.stepped && !opened.light);
	couple_end(&c);

	couple_begin(&c, &rng);
	couple_warm(&c);
	len = couple_seal(&c, 0, true, "light", NULL, frame);
	CHECK_EQ(len, 256);
	flip_all(1, len, 1);
	CHECK_OK(couple_open(&c, 1, frame, len, &opened));
	CHECK(opened.light && !opened.stepped);
	len = couple_seal(&c, 0, false, "full in the chain", NULL, frame);
	flip_all(1, len, 3);
	CHECK_OK(couple_open(&c, 1, frame, len, &opened));
	check_refused(1, frame, len, KITH_E_AUTH); /* twice */
	couple_end(&c);
}

TEST(ratchet_refuses_wrong_lengths)
{
	struct kith_rng rng = test_rng(test_seed());
	size_t len;

	couple_begin(&c, &rng);
	len = couple_seal(&c, 1, false, "first", NULL, frame);
	for (size_t i = 0; i < len; i += i < 1100 ? 1 : 50)
		check_refused(0, frame, i, KITH_E_AUTH);
	CHECK_OK(couple_open(&c, 0, frame, len, &opened));
	couple_end(&c);
}

TEST(ratchet_splices_are_refused)
{
	struct kith_rng rng = test_rng(test_seed());
	static struct couple other;
	uint8_t one[KITH_INNER], two[KITH_INNER], mixed[KITH_INNER];

	couple_begin(&c, &rng);
	couple_begin(&other, &rng);
	couple_warm(&c);
	couple_warm(&other);
	couple_seal(&c, 0, false, "one", NULL, one);
	couple_seal(&c, 0, false, "two", NULL, two);
	memcpy(mixed, one, KITH__HEAD_FULL);
	memcpy(mixed + KITH__HEAD_FULL, two + KITH__HEAD_FULL, KITH_INNER - KITH__HEAD_FULL);
	check_refused(1, mixed, KITH_INNER, KITH_E_AUTH);
	check_refused(0, one, KITH_INNER, KITH_E_AUTH); /* reflected */
	couple_seal(&other, 0, false, "two", NULL, two);
	check_refused(1, two, KITH_INNER, KITH_E_AUTH); /* of another session */
	memcpy(mixed + KITH__HEAD_FULL, two + KITH__HEAD_FULL, KITH_INNER - KITH__HEAD_FULL);
	check_refused(1, mixed, KITH_INNER, KITH_E_AUTH);
	CHECK_OK(couple_open(&c, 1, one, KITH_INNER, &opened));
	couple_end(&c);
	couple_end(&other);
}

/* Seals and loses `count` light frames of A. */
static void lose(uint32_t count)
{
	uint8_t lost[KITH_INNER];

	while (count-- > 0)
		couple_seal(&c, 0, true, "lost", NULL, lost);
}

TEST(ratchet_skip_limits_hold)
{
	struct kith_rng rng = test_rng(test_seed());
	uint8_t late[KITH_INNER], later[KITH_INNER];
	size_t len;

	couple_begin(&c, &rng);
	couple_warm(&c);
	couple_seal(&c, 0, true, "late", NULL, late);
	couple_seal(&c, 0, true, "later", NULL, later);
	lose(KITH_SKIP_CHAIN_MAX - 2);
	len = couple_seal(&c, 0, true, "1,000 before it", NULL, frame);
	{
		struct kith_ratchet far = c.side[0];
		uint8_t body[64] = {0}, too_far[KITH_FRAME_LIGHT_MAX];
		size_t n;

		CHECK_OK(kith__ratchet_seal_light(&far, too_far, &n, body, 40, &c.noncer[0]));
		check_refused(1, too_far, n, KITH_E_FULL);
	}
	CHECK_OK(couple_open(&c, 1, frame, len, &opened));
	CHECK_EQ(opened.skip_added, KITH_SKIP_CHAIN_MAX);
	CHECK_EQ(c.side[1].skipped_count, 1000);
	lose(1000);
	len = couple_seal(&c, 0, true, "again", NULL, frame);
	CHECK_OK(couple_open(&c, 1, frame, len, &opened));
	CHECK_EQ(c.side[1].skipped_count, 2000);
	CHECK_OK(couple_open(&c, 1, late, 256, &opened));
	CHECK(opened.skip_used);
	check_refused(1, late, 256, KITH_E_AUTH);
	lose(500);
	len = couple_seal(&c, 0, true, "the oldest go", NULL, frame);
	CHECK_OK(couple_open(&c, 1, frame, len, &opened));
	CHECK_EQ(opened.skip_dropped, 499);
	CHECK_EQ(c.side[1].skipped_count, KITH_SKIP_CONTACT_MAX);
	CHECK(c.side[1].skipped_cap <= KITH_SKIP_CONTACT_MAX);
	check_refused(1, later, 256, KITH_E_AUTH); /* its key went */
	couple_end(&c);
}

TEST(ratchet_numbers_near_the_end_are_refused)
{
	struct kith_rng rng = test_rng(test_seed());
	struct kith_ratchet saved;
	size_t len;

	couple_begin(&c, &rng);
	couple_warm(&c);
	saved = c.side[0];
	c.side[0].ns = UINT32_MAX - 1;
	len = couple_seal(&c, 0, true, "jump", NULL, frame);
	check_refused(1, frame, len, KITH_E_FULL);
	{
		uint8_t body[KITH_BODY] = {0};

		CHECK_EQ(c.side[0].ns, UINT32_MAX);
		CHECK_EQ(kith__ratchet_seal_full(&c.side[0], frame, body, false, NULL, c.now_ms,
						 &c.noncer[0]),
			 KITH_E_STATE);
		CHECK_EQ(kith__ratchet_seal_light(&c.side[0], frame, &len, body, 40, &c.noncer[0]),
			 KITH_E_STATE);
	}
	c.side[0] = saved;
	c.side[0].ns = c.side[1].nr + KITH_SKIP_CHAIN_MAX + 1;
	len = couple_seal(&c, 0, true, "jump", NULL, frame);
	check_refused(1, frame, len, KITH_E_FULL);
	c.side[0] = saved;
	c.now_ms += 61000;
	len = couple_seal(&c, 0, false, "step", NULL, frame); /* step; now as a liar about pn */
	c.side[0].pn = UINT32_MAX;
	len = couple_seal(&c, 0, false, "step", NULL, frame);
	check_refused(1, frame, len, KITH_E_FULL);
	c.side[0].pn = saved.ns + 1;
	len = couple_seal(&c, 0, false, "step", NULL, frame);
	CHECK_OK(couple_open(&c, 1, frame, len, &opened));
	CHECK(opened.stepped);
	CHECK_EQ(opened.n, 2);
	CHECK_EQ(opened.skip_added, 3);
	couple_end(&c);
}

TEST(ratchet_bad_keys_of_the_peer_are_refused)
{
	uint8_t ek[KITH_KEM_EK];
	struct kith_rng rng = test_rng(test_seed());
	struct kith_ratchet good;

	couple_begin(&c, &rng);
	good = c.side[1];
	memset(c.side[1].dh, 0, 32);
	couple_seal(&c, 1, false, "zero point", NULL, frame);
	check_refused(0, frame, KITH_INNER, KITH_E_AUTH);
	c.side[1] = good;
	kith__ratchet_ek(ek, &good);
	memset(ek, 0xff, 12); /* above the modulus */
	CHECK_EQ(kith__ratchet_step_receive(&c.side[0], good.dh, ek, good.ct), KITH_E_AUTH);
	CHECK(!c.side[0].has_peer);
	c.side[1].ct[100] ^= 1;
	couple_seal(&c, 1, false, "other ct", NULL, frame);
	check_refused(0, frame, KITH_INNER, KITH_E_AUTH);
	c.side[1] = good;
	couple_seal(&c, 1, false, "good", NULL, frame);
	CHECK_OK(couple_open(&c, 0, frame, KITH_INNER, &opened));
	couple_end(&c);
}

TEST(ratchet_body_that_says_nonsense_is_refused)
{
	struct kith_rng rng = test_rng(test_seed());
	uint8_t body[KITH_BODY] = {0};

	couple_begin(&c, &rng);
	body[KITH_BODY - 1] = 1;
	kith__ratchet_seal(&c.side[1], frame, KITH_INNER, body, KITH_BODY, &c.noncer[1], NULL);
	check_refused(0, frame, KITH_INNER, KITH_E_MALFORMED);
	couple_end(&c);
}

static void stuck(void *ctx, void *out, size_t len)
{
	(void)ctx;
	memset(out, 0x5a, len);
}

/* The nonces of head and body of one frame, from a stuck source and counters that start anew. */
static void nonces_of(const struct kith_ratchet *r, const uint8_t *body, size_t len, size_t size,
		      uint8_t out[48])
{
	struct kith_rng rng = {.fill = stuck};
	struct kith_ratchet copy = *r;
	struct kith_noncer n;

	kith_noncer_init(&n, &rng);
	kith__ratchet_seal(&copy, frame, size, body, len, &n, NULL);
	memcpy(out, frame, 24);
	memcpy(out + 24, frame + (size == KITH_INNER ? KITH__HEAD_FULL : KITH__HEAD_LIGHT), 24);
}

/* With a dead random source two frames share nonces only when they are the same frame. */
TEST(ratchet_nonces_are_bound_to_all_that_is_sealed)
{
	struct kith_rng rng = test_rng(test_seed());
	uint8_t body[KITH_BODY] = {1, 2, 3}, base[48], other[48];
	struct kith_ratchet r;
	unsigned i;

	couple_begin(&c, &rng);
	body[40] = 9;
	nonces_of(&c.side[1], body, KITH_BODY, KITH_INNER, base);
	nonces_of(&c.side[1], body, KITH_BODY, KITH_INNER, other);
	CHECK_MEM(base, other, 48);
	for (i = 0; i < 5; i++) { /* what stands in the head: both nonces change */
		r = c.side[1];
		r.has_bound = false;
		r.ns += i == 0;
		r.pn += i == 1;
		r.dh[31] ^= i == 2;
		r.ek_seed[31] ^= i == 3;
		r.ct[1087] ^= i == 4;
		nonces_of(&r, body, KITH_BODY, KITH_INNER, other);
		CHECK(memcmp(base, other, 24) != 0 && memcmp(base + 24, other + 24, 24) != 0);
	}
	for (i = 0; i < 3; i++) { /* the body: its own */
		uint8_t changed[KITH_BODY];

		memcpy(changed, body, sizeof(changed));
		changed[i == 0 ? 40 : i == 1 ? 41 : KITH_BODY - 1] ^= 1;
		nonces_of(&c.side[1], changed, KITH_BODY, KITH_INNER, other);
		CHECK_MEM(base, other, 24);
		CHECK(memcmp(base + 24, other + 24, 24) != 0);
	}
	nonces_of(&c.side[1], body, 60, 256, base); /* zeros behind it, in another size */
	nonces_of(&c.side[1], body, 60, 512, other);
	CHECK(memcmp(base + 24, other + 24, 24) != 0);
	couple_end(&c);
}

TEST(ratchet_light_frame_of_an_unknown_chain_is_refused)
{
	struct kith_rng rng = test_rng(test_seed());
	size_t len;

	couple_begin(&c, &rng);
	couple_warm(&c);
	CHECK(c.side[0].step_due);
	c.now_ms += 61000;
	couple_seal(&c, 0, false, "step, lost", NULL, frame);
	CHECK(!c.side[0].chain_acked);
	c.side[0].chain_acked = true; /* as if it were known */
	len = couple_seal(&c, 0, true, "light", NULL, frame);
	CHECK_EQ(len, 256);
	check_refused(1, frame, len, KITH_E_AUTH);
	len = couple_seal(&c, 0, false, "full", NULL, frame);
	CHECK_OK(couple_open(&c, 1, frame, len, &opened));
	CHECK(opened.stepped);
	couple_end(&c);
}

/* ---- light and step policy ---- */

static void ack_to(int who, uint32_t next)
{
	struct kith_ack ack = {.next = next};
	size_t len = couple_seal(&c, !who, false, "ack", &ack, frame);

	CHECK_OK(couple_open(&c, who, frame, len, &opened));
}

TEST(ratchet_ack_of_a_seq_sealed_anew_opens_no_light)
{
	struct kith_rng rng = test_rng(test_seed());

	couple_begin(&c, &rng);
	couple_warm(&c);
	couple_seal(&c, 0, false, "seq 3 in the old chain", NULL, frame);
	CHECK(c.side[0].chain_acked);
	c.now_ms += 61000;
	c.seq[0]--; /* the same seq anew, in the new chain */
	couple_seal(&c, 0, false, "seq 3 anew", NULL, frame);
	CHECK(!c.side[0].chain_acked && !c.side[0].step_due);
	ack_to(0, 4);
	CHECK(!c.side[0].chain_acked);
	couple_seal(&c, 0, false, "seq 4, new", NULL, frame);
	ack_to(0, 4);
	CHECK(!c.side[0].chain_acked);
	ack_to(0, 5);
	CHECK(c.side[0].chain_acked);
	couple_end(&c);
}

TEST(ratchet_bitmap_acks_count_too)
{
	struct kith_rng rng = test_rng(test_seed());
	struct kith_ack ack = {.next = 2};
	size_t len;

	couple_begin(&c, &rng);
	couple_warm(&c);
	c.now_ms += 61000;
	couple_seal(&c, 0, false, "seq 3 in a new chain", NULL, frame);
	ack.bitmap = 2; /* names seq 4, which was never sealed */
	len = couple_seal(&c, 1, false, "ack", &ack, frame);
	CHECK_OK(couple_open(&c, 0, frame, len, &opened));
	CHECK(!c.side[0].chain_acked);
	ack.bitmap = 1;
	len = couple_seal(&c, 1, false, "ack", &ack, frame);
	CHECK_OK(couple_open(&c, 0, frame, len, &opened));
	CHECK(c.side[0].chain_acked);
	couple_end(&c);
}

TEST(ratchet_light_sizes)
{
	static const size_t room[] = {96, 352, 608, 864};
	struct kith_rng rng = test_rng(test_seed());
	uint8_t body[KITH_BODY] = {0};
	size_t len = 0, i;

	couple_begin(&c, &rng);
	CHECK_EQ(kith__ratchet_seal_light(&c.side[1], frame, &len, body, 40, &c.noncer[1]),
		 KITH_E_STATE);
	couple_warm(&c);
	for (i = 0; i < 4; i++) {
		CHECK_OK(kith__ratchet_seal_light(&c.side[0], frame, &len, body, 32 + room[i],
						  &c.noncer[0]));
		CHECK_EQ(len, 256 * (i + 1));
		CHECK_OK(couple_open(&c, 1, frame, len, &opened));
		CHECK_EQ(opened.body_len, 32 + room[i]);
		if (i < 3) {
			CHECK_OK(kith__ratchet_seal_light(&c.side[0], frame, &len, body,
							  33 + room[i], &c.noncer[0]));
			CHECK_EQ(len, 256 * (i + 2));
		}
	}
	CHECK_EQ(kith__ratchet_seal_light(&c.side[0], frame, &len, body, 33 + 864, &c.noncer[0]),
		 KITH_E_FULL);
	c.side[0].may_send = false; /* restored from a backup */
	CHECK_EQ(kith__ratchet_seal_light(&c.side[0], frame, &len, body, 40, &c.noncer[0]),
		 KITH_E_STATE);
	couple_end(&c);
}

TEST(ratchet_sends_only_when_it_may)
{
	struct kith_rng rng = test_rng(test_seed());
	struct kith_ratchet_seeds seeds = {{1}, {2}, {3}};
	uint8_t body[KITH_BODY] = {0};
	struct kith_ratchet *a;

	couple_begin(&c, &rng);
	a = &c.side[0]; /* has heard nothing yet */
	CHECK_EQ(kith__ratchet_seal_full(a, frame, body, false, &seeds, 1, &c.noncer[0]),
		 KITH_E_STATE);
	CHECK_EQ(kith__ratchet_seal_full(a, frame, body, true, &seeds, 1, &c.noncer[0]),
		 KITH_E_STATE);
	CHECK(!kith__ratchet_step_wanted(a, c.now_ms, true));
	couple_warm(&c);
	CHECK(a->step_due);
	CHECK(!kith__ratchet_step_wanted(a, c.now_ms, false));
	CHECK(kith__ratchet_step_wanted(a, c.now_ms, true));
	CHECK(!kith__ratchet_step_wanted(a, a->last_step_ms + 59999, false));
	CHECK(kith__ratchet_step_wanted(a, a->last_step_ms + 60000, false));
	CHECK(kith__ratchet_step_wanted(a, 5, false)); /* the clock went back */
	a->ns = 256;
	CHECK(kith__ratchet_step_wanted(a, c.now_ms, false));
	a->may_send = false;
	CHECK_EQ(kith__ratchet_seal_full(a, frame, body, true, &seeds, 1, &c.noncer[0]),
		 KITH_E_STATE);
	couple_end(&c);
}

/* ---- old chains, rows, memory ---- */

TEST(ratchet_old_header_keys_are_bounded)
{
	struct kith_rng rng = test_rng(test_seed());
	static uint8_t late[40][KITH_INNER];
	size_t i, k, chains = 0, opens = 0;

	couple_begin(&c, &rng);
	couple_warm(&c);
	for (i = 0; i < 40; i++) { /* each chain of A loses one frame */
		c.now_ms += 61000;
		couple_seal(&c, 0, false, "late", NULL, late[i]);
		couple_seal(&c, 0, false, "steps", NULL, frame);
		CHECK_OK(couple_open(&c, 1, frame, KITH_INNER, &opened));
		CHECK(opened.stepped);
		couple_seal(&c, 1, false, "back", NULL, frame);
		CHECK_OK(couple_open(&c, 0, frame, KITH_INNER, &opened));
	}
	for (k = 0; k < c.side[1].skipped_count; k++)
		chains +=
			k == 0 || memcmp(c.side[1].skipped[k].hk, c.side[1].skipped[k - 1].hk, 32);
	CHECK_EQ(chains, 31); /* 30 old ones and the present */
	for (i = 0; i < 40; i++)
		opens += couple_open(&c, 1, late[i], KITH_INNER, &opened) == KITH_OK;
	CHECK_EQ(opens, 31);
	CHECK_EQ(c.side[1].skipped_count, 0);
	couple_end(&c);
}

TEST(ratchet_skipped_keys_expire)
{
	struct kith_rng rng = test_rng(test_seed());
	uint8_t late[KITH_INNER];
	uint64_t now_s;
	size_t len;

	couple_begin(&c, &rng);
	couple_warm(&c);
	couple_seal(&c, 0, true, "late", NULL, late);
	len = couple_seal(&c, 0, true, "next", NULL, frame);
	CHECK_OK(couple_open(&c, 1, frame, len, &opened));
	now_s = c.now_ms / 1000;
	kith__ratchet_expire(&c.side[1], now_s + 30 * 86400 - 1);
	CHECK_EQ(c.side[1].skipped_count, 1);
	kith__ratchet_expire(&c.side[1], now_s + 30 * 86400);
	CHECK_EQ(c.side[1].skipped_count, 0);
	check_refused(1, late, 256, KITH_E_AUTH);
	couple_end(&c);
}

TEST(ratchet_row_goes_round_and_is_checked)
{
	struct kith_rng rng = test_rng(test_seed());
	uint8_t row[KITH_RATCHET_ROW], again[KITH_RATCHET_ROW];
	struct kith_ratchet back;
	size_t len, i;

	couple_begin(&c, &rng);
	couple_warm(&c);
	len = kith__ratchet_encode(row, &c.side[0]);
	CHECK_OK(kith__ratchet_decode(&back, row, len));
	CHECK_EQ(kith__ratchet_encode(again, &back), len);
	CHECK_MEM(again, row, len);
	for (i = 0; i < len; i++)
		CHECK_EQ(kith__ratchet_decode(&back, row, i), KITH_E_MALFORMED);
	CHECK_EQ(kith__ratchet_decode(&back, row, len + 1), KITH_E_MALFORMED);
	row[KITH_RATCHET_KEYS_AT + 128 + 500] ^= 1; /* another EK than that of the seed */
	CHECK_EQ(kith__ratchet_decode(&back, row, len), KITH_E_MALFORMED);
	row[KITH_RATCHET_KEYS_AT + 128 + 500] ^= 1;
	row[1] |= 64;
	CHECK_EQ(kith__ratchet_decode(&back, row, len), KITH_E_MALFORMED);
	row[0] = 2;
	CHECK_EQ(kith__ratchet_decode(&back, row, len), KITH_E_VERSION);
	row[0] = 0;
	CHECK_EQ(kith__ratchet_decode(&back, row, len), KITH_E_MALFORMED);
	couple_end(&c);
}

TEST(ratchet_skipped_keys_come_back_from_rows)
{
	struct kith_rng rng = test_rng(test_seed());
	struct kith_ratchet loaded;
	uint8_t row[KITH_RATCHET_ROW], late[KITH_INNER];
	size_t len, i;

	couple_begin(&c, &rng);
	couple_warm(&c);
	couple_seal(&c, 0, true, "late", NULL, late);
	len = couple_seal(&c, 0, true, "next", NULL, frame);
	CHECK_OK(couple_open(&c, 1, frame, len, &opened));
	CHECK_OK(kith__ratchet_decode(&loaded, row, kith__ratchet_encode(row, &c.side[1])));
	for (i = 0; i < c.side[1].skipped_count; i++)
		CHECK_OK(kith__ratchet_skipped_add(&loaded, &c.side[1].skipped[i]));
	CHECK_OK(kith__ratchet_open(&loaded, &opened, late, 256, c.now_ms));
	for (i = 0; i < KITH_SKIP_CONTACT_MAX; i++)
		CHECK_OK(kith__ratchet_skipped_add(&loaded, &c.side[1].skipped[0]));
	CHECK_EQ(kith__ratchet_skipped_add(&loaded, &c.side[1].skipped[0]), KITH_E_FULL);
	kith__ratchet_wipe(&loaded);
	couple_end(&c);
}

static void *no_memory(void *ctx, void *p, size_t size)
{
	bool *empty = ctx;
	const struct kith_alloc *heap = kith_alloc_heap();

	return *empty && size != 0 ? NULL : heap->resize(heap->ctx, p, size);
}

TEST(ratchet_without_memory_stays_as_it_was)
{
	struct kith_rng rng = test_rng(test_seed());
	bool empty = true;
	struct kith_alloc alloc = {no_memory, &empty};
	size_t len;

	couple_begin(&c, &rng);
	couple_warm(&c);
	c.side[1].alloc = &alloc;
	lose(3);
	len = couple_seal(&c, 0, true, "needs three keys", NULL, frame);
	check_refused(1, frame, len, KITH_E_NOMEM);
	empty = false;
	CHECK_OK(couple_open(&c, 1, frame, len, &opened));
	CHECK_EQ(c.side[1].skipped_count, 3);
	couple_end(&c);
}
