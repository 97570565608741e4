/* SPDX-License-Identifier: ISC */
/* The tag index against a naive twin. */
#include <stdlib.h>
#include <string.h>

#include "node/mbox_index.h"
#include "tests/test.h"

#define TWINS 4000u

struct twin {
	struct kith__mbox_item item;
	bool there;
};

static struct twin twins[TWINS];
static uint8_t tags[KITH_MBOX_LIST_MAX][16];

static void item_make(struct kith__mbox_item *i, unsigned n, uint64_t *state)
{
	memset(i, 0, sizeof(*i));
	i->tag[0] = (uint8_t)n;
	i->tag[1] = (uint8_t)(n >> 8);
	i->id = n + 1;
	i->p = (uint8_t)(test_random(state) % 7);
	i->bucket = kith__mbox_bucket_cut((uint16_t)test_random(state), i->p);
}

/* All pages of one bucket from (0, 0) on, against the twin. */
static void check_list(struct kith__mbox_index *x, unsigned count, struct kith_mbox_bucket b,
		       uint32_t today, size_t max)
{
	struct kith__mbox_page page = {.bucket = b, .until_day = UINT32_MAX, .today = today};
	unsigned at = 0;

	page.max = max;
	page.tags = tags;
	do {
		kith__mbox_index_list(x, &page);
		CHECK(page.count <= max);
		for (size_t i = 0; i < page.count; i++) {
			while (at < count &&
			       (!twins[at].there || twins[at].item.buried ||
				!kith__mbox_bucket_match(twins[at].item.bucket, twins[at].item.p,
							 b.bucket, b.p)))
				at++;
			CHECK(at < count);
			CHECK_MEM(page.tags[i], twins[at].item.tag, 16);
			at++;
		}
	} while (page.more);
	for (; at < count; at++)
		CHECK(!twins[at].there || twins[at].item.buried ||
		      !kith__mbox_bucket_match(twins[at].item.bucket, twins[at].item.p, b.bucket,
					       b.p));
	CHECK_EQ(page.day, today);
}

TEST(mbox_index_follows_a_twin)
{
	uint64_t state = test_seed(), wall = 100;
	struct kith_rng rng = test_rng(test_seed());
	struct kith__mbox_index x;
	uint32_t today = 50, slot;
	size_t live = 0;

	memset(twins, 0, sizeof(twins));
	kith__mbox_index_init(&x, NULL, &rng);
	for (unsigned n = 0; n < TWINS; n++) {
		struct kith__mbox_item *i = &twins[n].item;

		item_make(i, n, &state);
		if (test_random(&state) % 100 == 0)
			today++;
		if (test_random(&state) % 200 == 0)
			today--; /* a clock that goes back */
		kith__mbox_index_place(&x, today, &i->day, &i->pos);
		i->expires_s = wall + 1 + test_random(&state) % 2000;
		CHECK_OK(kith__mbox_index_room(&x, i));
		CHECK_OK(kith__mbox_index_add(&x, i, &slot));
		CHECK_EQ(kith__mbox_index_add(&x, i, &slot), KITH_E_EXISTS);
		kith__mbox_index_commit(&x, i->day, i->pos);
		twins[n].there = true;
		if (n > 0) {
			CHECK(i->day > twins[n - 1].item.day ||
			      (i->day == twins[n - 1].item.day && i->pos > twins[n - 1].item.pos));
		}
		if (test_random(&state) % 5 == 0) { /* bury one */
			struct twin *t = &twins[test_random(&state) % (n + 1)];

			slot = kith__mbox_index_find(&x, t->item.tag);
			CHECK_EQ(slot != KITH__MBOX_NONE, t->there);
			if (t->there && !t->item.buried) {
				kith__mbox_index_bury(&x, slot);
				t->item.buried = true;
			}
		}
		if (test_random(&state) % 5 == 0) { /* extend one */
			struct twin *t = &twins[test_random(&state) % (n + 1)];

			t->item.expires_s += 500;
			if (t->there)
				kith__mbox_index_at(&x, kith__mbox_index_find(&x, t->item.tag))
					->expires_s += 500;
		}
		wall++;
		while ((slot = kith__mbox_index_expired(&x, wall)) != KITH__MBOX_NONE) {
			struct twin *t = &twins[kith__mbox_index_at(&x, slot)->id - 1];

			CHECK(t->there && t->item.expires_s <= wall);
			t->there = false;
			kith__mbox_index_remove(&x, slot);
		}
	}
	for (unsigned n = 0; n < TWINS; n++) {
		CHECK(!twins[n].there || twins[n].item.expires_s > wall);
		live += twins[n].there && !twins[n].item.buried;
	}
	CHECK_EQ(x.live, live);
	today += 10;
	for (uint8_t p = 0; p <= 6; p++)
		check_list(&x, TWINS, (struct kith_mbox_bucket){(uint16_t)test_random(&state), p},
			   today, p == 0 ? 7 : KITH_MBOX_LIST_MAX);
	kith__mbox_index_wipe(&x);
}

TEST(mbox_index_hides_the_uncommitted)
{
	struct kith_rng rng = test_rng(test_seed());
	struct kith__mbox_page page = {.until_day = UINT32_MAX, .today = 9, .tags = tags};
	struct kith__mbox_item i = {.id = 1, .expires_s = 99};
	struct kith__mbox_index x;
	uint32_t slot, day, pos;

	kith__mbox_index_init(&x, NULL, &rng);
	kith__mbox_index_end(&x, 9, &day, &pos);
	CHECK_EQ(day, 9);
	kith__mbox_index_place(&x, 8, &i.day, &i.pos); /* the clock went back a day */
	CHECK_EQ(i.day, 9);
	CHECK_OK(kith__mbox_index_add(&x, &i, &slot));
	page.max = 8;
	kith__mbox_index_list(&x, &page);
	CHECK_EQ(page.count, 0);
	kith__mbox_index_end(&x, 10, &day, &pos); /* the day may not turn over it */
	CHECK_EQ(day, 9);
	CHECK_EQ(pos, 0);
	kith__mbox_index_commit(&x, i.day, i.pos);
	kith__mbox_index_list(&x, &page);
	CHECK_EQ(page.count, 1);
	kith__mbox_index_end(&x, 10, &day, &pos);
	CHECK_EQ(day, 10);
	kith__mbox_index_wipe(&x);
}

TEST(mbox_index_until_day)
{
	struct kith_rng rng = test_rng(test_seed());
	struct kith__mbox_page page = {.until_day = 5, .today = 9, .tags = tags, .max = 8};
	struct kith__mbox_item i = {.expires_s = 99};
	struct kith__mbox_index x;
	uint32_t slot;

	kith__mbox_index_init(&x, NULL, &rng);
	for (unsigned n = 0; n < 4; n++) {
		i.id = n + 1;
		i.tag[0] = (uint8_t)n;
		i.day = 4 + n;
		CHECK_OK(kith__mbox_index_add(&x, &i, &slot));
		kith__mbox_index_commit(&x, i.day, i.pos);
	}
	kith__mbox_index_list(&x, &page);
	CHECK_EQ(page.count, 2);
	CHECK_EQ(page.day, 6);
	CHECK_EQ(page.pos, 0);
	kith__mbox_index_wipe(&x);
}

TEST(mbox_bucket_prefix)
{
	CHECK_EQ(kith__mbox_bucket_cut(0xffff, 0), 0);
	CHECK_EQ(kith__mbox_bucket_cut(0xffff, 1), 0x8000);
	CHECK_EQ(kith__mbox_bucket_cut(0xffff, 6), 0xfc00);
	CHECK(kith__mbox_bucket_match(0x8000, 1, 0xbfff, 2));
	CHECK(!kith__mbox_bucket_match(0x8000, 2, 0xc000, 6));
	CHECK(kith__mbox_bucket_match(0x1234, 0, 0xffff, 6));
}
