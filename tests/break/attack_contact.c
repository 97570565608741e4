/* SPDX-License-Identifier: ISC */
/*
 * A hostile contact with all keys of its own side (attack_05, attack_20, attack_32 at a whole
 * node): well sealed frames with skipped numbers, extreme counters, and contents that are wrong in
 * every field. The node lives, keeps its caps, and starts again from what it wrote.
 */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "node/msgs.h"
#include "node/proto_internal.h"
#include "tests/break/tally.h"
#include "tests/unit/node/pair.h"

#define FRAMES  2000u
#define MEM_MAX (24u << 20)

static struct pair p;
static struct kith_noncer noncer;
static uint32_t next_seq;

static uint32_t extreme(uint64_t *state)
{
	static const uint32_t ends[] = {0,    1,          2,          63,         64,
					65,   899,        900,        1023,       1024,
					1025, 0x7fffffff, 0x80000000, 0xfffffffe, UINT32_MAX};
	uint32_t pick = (uint32_t)(test_random(state) >> 20);

	return pick % 4 == 0 ? pick : ends[pick % (sizeof(ends) / sizeof(ends[0]))];
}

/* A content that its decoder knows, then a few bytes of it changed. */
static size_t content(uint16_t type, uint8_t out[1616], uint64_t *state)
{
	static struct kith_list list;
	static uint8_t text[900];
	struct kith_share share = {.p_epoch = extreme(state)};
	struct kith_link_root root = {.start_day = extreme(state)};
	struct kith_chat chat = {.text = text, .text_len = 900, .hlc = UINT64_MAX - extreme(state)};
	uint8_t tlvs[128];
	unsigned parts;
	size_t len = 0;

	memset(text, 'x', sizeof(text));
	memset(&list, 0, sizeof(list));
	list.version = extreme(state);
	list.count = (unsigned)(test_random(state) % 9);
	for (unsigned i = 0; i < list.count; i++) {
		list.box[i].ml[0] = (uint8_t)(i + 1);
		list.box[i].addr = kith_addr_v4(10, 7, 7, (uint8_t)i, 7);
	}
	kith_store_u64(chat.mid.b, test_random(state));
	kith_store_u64(share.p, test_random(state));
	if (type == KITH_BODY_CHAT) {
		parts = (unsigned)(test_random(state) % 17);
		if (parts == 0) { /* a sound text for once */
			chat.text_len = 90;
			len = kith__chat_tlvs_encode(tlvs, sizeof(tlvs), &chat);
			return kith__chat_part_encode(out, 1616, &chat, 0, 1, tlvs, len, 800);
		}
		len = kith__chat_part_encode(out, 1616, &chat,
					     (unsigned)(test_random(state) % parts), parts, text,
					     sizeof(text), 60);
	} else if (type == KITH_BODY_LIST) {
		len = kith__list_encode(out, 1616, &list);
	} else if (type == KITH_BODY_PRESENCE) {
		len = kith__share_encode(out, 1616, &share);
	} else if (type == KITH_BODY_LINK_ROOT) {
		len = kith__link_root_encode(out, 1616, &root);
	}
	if (len == 0) {
		len = test_random(state) % 1617;
		for (size_t i = 0; i < len; i++)
			out[i] = (uint8_t)(test_random(state) >> 30);
	}
	for (unsigned n = (unsigned)(test_random(state) % 3); n > 0 && len > 0; n--)
		out[test_random(state) % len] = (uint8_t)(test_random(state) >> 17);
	return len;
}

/* Leaves `count` numbers of its chain out. */
static void jump(struct kith_ratchet *r, unsigned count)
{
	uint8_t mk[32];

	for (; count > 0; count--, r->ns++)
		kith__chain_next(mk, r->cks);
}

/* One frame of the hostile side, sealed by its true keys. */
static size_t hostile(uint8_t frame[KITH_INNER], uint64_t *state)
{
	static const uint16_t types[] = {KITH_BODY_CHAT,
					 KITH_BODY_ACK,
					 KITH_BODY_ACCEPT,
					 KITH_BODY_LIST,
					 KITH_BODY_PRESENCE,
					 0x0103,
					 KITH_BODY_LINK_ROOT,
					 KITH_BODY_NAME,
					 0x0200,
					 0x0300,
					 0xffff};
	struct kith_ratchet *r = pair_contact(&p, 0)->ratchet;
	struct kith_ratchet_seeds seeds;
	uint8_t body[KITH_BODY] = {0}, bytes[1616];
	struct kith_body b = {.type = types[test_random(state) % 11]};
	bool step;

	b.list_version = extreme(state);
	b.tag_index = extreme(state);
	b.seq = test_random(state) % 3 == 0 ? extreme(state) : ++next_seq;
	b.ack.next = extreme(state);
	b.ack.bitmap = test_random(state);
	b.ack.read = extreme(state);
	b.content = bytes;
	b.len = content(b.type, bytes, state);
	if (kith__body_encode(body, sizeof(body), &b) == 0)
		memset(body, 0xff, sizeof(body));
	if (test_random(state) % 8 == 0) /* a gap, within the limits and beyond */
		jump(r, (unsigned)(test_random(state) % 1300));
	kith_rng_fill(&p.rng[0], &seeds, sizeof(seeds));
	step = r->step_due && test_random(state) % 4 == 0;
	CHECK_OK(kith__ratchet_seal_full(r, frame, body, step, &seeds,
					 PAIR_WALL_S * 1000 + p.now / 1000, &noncer));
	return KITH_INNER;
}

static void first_words(void)
{
	next_seq = 2;
	pair_init(&p, 2);
	kith_noncer_init(&noncer, &p.rng[0]);
	pair_befriend(&p);
	pair_connect(&p, 0);
	(void)pair_say(&p, 1, 1, "hello", 5);
	(void)pair_say(&p, 0, 2, "hello", 5);
	pair_run(&p, 2 * KITH_US_PER_S);
	pair_contact(&p, 0)->outs = 0; /* from here on this side says what it likes */
}

static void caps_hold(void)
{
	const struct kith_contact *c = pair_contact(&p, 1);

	CHECK(c->ratchet->skipped_count <= KITH_SKIP_CONTACT_MAX);
	CHECK(c->ratchet->skipped_cap <= KITH_SKIP_CONTACT_MAX);
	CHECK(c->boxes <= KITH_MAILBOXES_MAX && c->send.count <= 12 && c->recv.count <= 12);
	CHECK(c->outs <= 4096);
}

static void scripts(uint64_t salt)
{
	uint64_t state = test_seed() + salt, opened = 0;
	size_t memory = mallinfo2().uordblks;
	struct kith_node_message m;
	unsigned shown;

	first_words();
	for (unsigned i = 0; i < FRAMES; i++) {
		struct kith_contact *c = pair_contact(&p, 1);
		uint8_t frame[KITH_INNER];
		struct kith_ratchet before = *pair_contact(&p, 0)->ratchet;

		p.node[1]->now = p.now;
		if (kith__inbox_frame(p.node[1], c, frame, hostile(frame, &state), i % 2 == 0)) {
			opened++;
		} else { /* beyond the skip limit: the hostile side takes its gap back */
			before.skipped = pair_contact(&p, 0)->ratchet->skipped;
			*pair_contact(&p, 0)->ratchet = before;
		}
		caps_hold();
		if (i % 16 == 15)
			pair_run(&p, 100 * KITH_US_PER_MS);
	}
	pair_run(&p, 5 * KITH_US_PER_S);
	CHECK(mallinfo2().uordblks < memory + MEM_MAX);
	shown = pair_count(&p, 1, false, &m);
	pair_restart(&p, 1, true); /* what it wrote can be read again */
	caps_hold();
	pair_run(&p, 2 * KITH_US_PER_S);
	CHECK_EQ(pair_count(&p, 1, false, &m), shown);
	CHECK_EQ(kith_store_state(p.account[1]), KITH_STORE_OK);
	printf("# %u of %u frames opened, %u texts shown\n", (unsigned)opened, FRAMES, shown);
	CHECK(opened > FRAMES / 2 && shown > 2);
	pair_free(&p);
}

TEST(attack_05_a_hostile_contact_first)
{
	scripts(1);
}

TEST(attack_05_a_hostile_contact_second)
{
	scripts(2);
}

TEST(attack_05_a_hostile_contact_third)
{
	scripts(3);
}

/* Gap after gap: the keys of skipped messages stay within 2,000, the newest are kept. */
TEST(attack_05_skipped_key_flood)
{
	uint64_t flooded = 0, refused = 0;
	uint8_t frame[KITH_INNER], last[KITH_INNER];
	struct kith_ratchet *r;

	first_words();
	r = pair_contact(&p, 0)->ratchet;
	for (unsigned i = 0; i < 60; i++) {
		uint8_t body[KITH_BODY] = {0};
		struct kith_ratchet_seeds seeds;
		struct kith_body b = {.type = KITH_BODY_ACK};
		struct kith_ratchet before = *r;
		bool too_far = i % 10 == 9;

		CHECK(kith__body_encode(body, sizeof(body), &b) != 0);
		kith_rng_fill(&p.rng[0], &seeds, sizeof(seeds));
		CHECK_OK(kith__ratchet_seal_full(r, last, body, r->step_due, &seeds,
						 PAIR_WALL_S * 1000 + p.now / 1000, &noncer));
		jump(r, too_far ? 1100 : 998);
		CHECK_OK(kith__ratchet_seal_full(r, frame, body, false, &seeds,
						 PAIR_WALL_S * 1000 + p.now / 1000, &noncer));
		p.node[1]->now = p.now;
		if (kith__inbox_frame(p.node[1], pair_contact(&p, 1), frame, KITH_INNER, true)) {
			flooded += 998;
		} else {
			refused++;
			*r = before;
		}
		caps_hold();
		pair_run(&p, 20 * KITH_US_PER_MS);
	}
	tally("jumps beyond 1,000 refused", refused, 6);
	printf("# %u keys asked for, %u kept\n", (unsigned)flooded,
	       (unsigned)pair_contact(&p, 1)->ratchet->skipped_count);
	CHECK(flooded > 50000);
	pair_restart(&p, 1, true);
	caps_hold();
	pair_free(&p);
}
