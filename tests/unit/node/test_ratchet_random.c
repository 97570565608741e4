/* SPDX-License-Identifier: ISC */
/*
 * Two people, 10,000 messages, a bad network and power cuts. What must hold: every text arrives
 * exactly once and unchanged, nothing opens twice, no message key seals two frames that leave, and
 * in the end nothing is missing.
 */
#include <stdlib.h>
#include <string.h>

#include "node/proto_internal.h"
#include "tests/test.h"
#include "tests/unit/node/people.h"

#define MESSAGES 10000u
#define FLIGHT   48u

struct saved {
	struct kith_ratchet r; /* without keys */
	struct kith_skipped *keys;
};

struct packet {
	uint8_t frame[KITH_INNER];
	size_t len;
	uint32_t seq;
	bool opened; /* this very frame was opened by a state that was kept */
};

static struct couple c;
static struct saved kept[2];
static struct packet *flight[2]; /* [receiver] */
static size_t flying[2];
static uint8_t *got[2], *acked[2]; /* per seq of the sender 1 - who / who */
static uint32_t next_seq[2], delivered[2];
static uint8_t (*used)[32];
static size_t used_count, used_cap;
static uint32_t count_step, count_light, count_stored, count_cut, count_anew;

static void keep(int who)
{
	struct kith_ratchet *r = &c.side[who];

	free(kept[who].keys);
	kept[who].r = *r;
	kept[who].keys = malloc((r->skipped_count + 1) * sizeof(*r->skipped));
	CHECK(kept[who].keys != NULL);
	if (r->skipped_count != 0)
		memcpy(kept[who].keys, r->skipped, r->skipped_count * sizeof(*r->skipped));
}

/* A power cut: back to what was committed, through the row. */
static void cut(int who)
{
	struct kith_ratchet *r = &c.side[who];
	size_t i, count = kept[who].r.skipped_count;
	uint8_t row[KITH_RATCHET_ROW];

	kith__ratchet_wipe(r);
	CHECK_OK(kith__ratchet_decode(r, row, kith__ratchet_encode(row, &kept[who].r)));
	for (i = 0; i < count; i++)
		CHECK_OK(kith__ratchet_skipped_add(r, &kept[who].keys[i]));
	count_cut++;
}

static void fill_ack(int who, struct kith_ack *a)
{
	uint32_t k;

	a->next = 1;
	while (got[who][a->next])
		a->next++;
	a->bitmap = 0;
	for (k = 0; k < 64 && a->next + 1 + k <= 2 * MESSAGES; k++)
		if (got[who][a->next + 1 + k])
			a->bitmap |= (uint64_t)1 << k;
	a->read = 0;
}

static void note_acks(int who, const struct kith_ack *a)
{
	uint32_t k, s;

	for (s = 1; s < a->next; s++)
		acked[who][s] = 1;
	for (k = 0; k < 64; k++)
		if (a->bitmap >> k & 1)
			acked[who][a->next + 1 + k] = 1;
}

/* The text of a seq can be told from any other. */
static size_t text_of(int who, uint32_t seq, uint8_t out[1500])
{
	size_t len = 4 + (seq * 2654435761u >> 8) % (seq % 5 == 0 ? 1400u : 80u);

	memset(out, (int)(seq * 7 + (unsigned)who), len);
	kith_store_u32(out, seq);
	return len;
}

static void note_key(const struct kith_ratchet *r)
{
	if (used_count == used_cap) {
		used_cap = used_cap ? 2 * used_cap : 1024;
		used = realloc(used, used_cap * sizeof(*used));
		CHECK(used != NULL);
	}
	memcpy(used[used_count++], r->cks, 32);
}

static void release(int who, const struct packet *p)
{
	size_t *n = &flying[!who];
	size_t at = *n < FLIGHT ? (*n)++ : kith_rng_below(c.rng, FLIGHT); /* a full net loses one */

	flight[!who][at] = *p;
}

static void seal(int who, uint32_t seq, bool reliable)
{
	static struct packet p;
	struct kith_ratchet *r = &c.side[who];
	struct kith_ratchet_seeds seeds;
	uint8_t body[KITH_BODY] = {0}, text[1500];
	struct kith_body b = {.type = KITH_BODY_CHAT, .seq = seq, .content = text};
	bool mailbox = kith_rng_below(c.rng, 20) == 0, step;
	size_t len;

	if (seq != 0)
		b.len = text_of(who, seq, text);
	fill_ack(who, &b.ack);
	len = kith__body_encode(body, sizeof(body), &b);
	p.seq = seq;
	p.opened = false;
	if (r->chain_acked && !mailbox && len <= 32 + 864 && kith_rng_below(c.rng, 4) != 0) {
		CHECK_OK(kith__ratchet_seal_light(r, p.frame, &p.len, body, len, &c.noncer[who]));
		count_light++;
	} else {
		kith_rng_fill(c.rng, &seeds, sizeof(seeds));
		step = kith__ratchet_step_wanted(r, c.now_ms, mailbox);
		CHECK_OK(kith__ratchet_seal_full(r, p.frame, body, step, &seeds, c.now_ms,
						 &c.noncer[who]));
		p.len = KITH_INNER;
		count_step += step;
	}
	if (!reliable && kith_rng_below(c.rng, 50) == 0) {
		cut(who); /* before the commit: the frame never left */
		return;
	}
	keep(who);
	note_key(r); /* the chain key behind the one that sealed it: equal only for equal ones */
	if (!reliable && kith_rng_below(c.rng, 50) == 0) {
		cut(who); /* after the commit, before the send */
		return;
	}
	if (reliable || kith_rng_below(c.rng, 100) >= 15)
		release(who, &p);
}

static void check_text(int who, const struct kith_body *b)
{
	uint8_t text[1500];

	if (b->seq == 0)
		return;
	CHECK(b->seq < 2 * MESSAGES);
	CHECK_EQ(b->len, text_of(!who, b->seq, text));
	CHECK_MEM(b->content, text, b->len);
}

static void receive(int who, bool reliable)
{
	static struct kith_opened o;
	size_t at = kith_rng_below(c.rng, (uint32_t)flying[who]);
	struct packet *p = &flight[who][at];
	struct kith_body b;
	bool twice = !reliable && kith_rng_below(c.rng, 12) == 0;
	int err = kith__ratchet_open(&c.side[who], &o, p->frame, p->len, c.now_ms);

	CHECK(err == KITH_OK || err == KITH_E_AUTH);
	if (p->opened)
		CHECK_EQ(err, KITH_E_AUTH);
	if (err == KITH_OK) {
		CHECK_OK(kith__body_decode(&b, o.body, o.body_len));
		CHECK_EQ(b.seq, p->seq);
		check_text(who, &b);
		if (!reliable && kith_rng_below(c.rng, 40) == 0) {
			cut(who); /* before the commit: as if it never came; the copy stays */
			return;
		}
		keep(who);
		p->opened = true;
		count_stored += o.skip_used;
		note_acks(who, &b.ack);
		if (b.seq != 0 && !got[who][b.seq]) {
			got[who][b.seq] = 1;
			delivered[who]++;
		}
	}
	if (!twice)
		*p = flight[who][--flying[who]];
}

static uint32_t oldest_unacked(int who)
{
	uint32_t s = 1;

	while (s < next_seq[who] && acked[who][s])
		s++;
	return s;
}

static void turn(void)
{
	int who = (int)kith_rng_below(c.rng, 2);
	uint32_t old = oldest_unacked(who);

	c.now_ms += kith_rng_below(c.rng, 8000);
	if (kith_rng_below(c.rng, 2) == 0) {
		if (flying[who] != 0)
			receive(who, false);
		return;
	}
	if (!c.side[who].has_cks && !c.side[who].has_peer)
		return; /* A waits for the accept */
	if (next_seq[who] - old > 60 || (old < next_seq[who] && kith_rng_below(c.rng, 5) == 0)) {
		count_anew++;
		seal(who, old, false);
	} else if (kith_rng_below(c.rng, 15) == 0) {
		seal(who, 0, false);
	} else {
		seal(who, next_seq[who]++, false);
	}
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

static void settle(void)
{
	int who, round;
	uint32_t s;

	for (round = 0; round < 400; round++)
		for (who = 0; who < 2; who++) {
			s = oldest_unacked(who);
			seal(who, s < next_seq[who] ? s : 0, true);
			while (flying[!who] != 0)
				receive(!who, true);
		}
}

TEST(ratchet_survives_ten_thousand_messages)
{
	struct kith_rng rng = test_rng(test_seed());
	size_t i;
	int who;

	couple_begin(&c, &rng);
	for (who = 0; who < 2; who++) {
		flight[who] = calloc(FLIGHT, sizeof(struct packet));
		got[who] = calloc(2 * MESSAGES + 70, 1);
		acked[who] = calloc(2 * MESSAGES + 70, 1);
		next_seq[who] = 1;
		CHECK(flight[who] != NULL && got[who] != NULL && acked[who] != NULL);
		keep(who);
	}
	while (next_seq[0] + next_seq[1] < MESSAGES + 2)
		turn();
	settle();
	for (who = 0; who < 2; who++)
		for (i = 1; i < next_seq[!who]; i++)
			CHECK(got[who][i] && acked[!who][i]);
	CHECK_EQ(delivered[0] + delivered[1], next_seq[0] + next_seq[1] - 2);
	qsort(used, used_count, 32, by_bytes);
	for (i = 1; i < used_count; i++)
		CHECK(memcmp(used[i - 1], used[i], 32) != 0);
	CHECK(count_step > 100 && count_light > 500 && count_stored > 100 && count_cut > 100 &&
	      count_anew > 100);
	for (who = 0; who < 2; who++) {
		free(flight[who]);
		free(got[who]);
		free(acked[who]);
		free(kept[who].keys);
	}
	free(used);
	couple_end(&c);
}
