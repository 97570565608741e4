/* SPDX-License-Identifier: ISC */
/* Deposited records: KEEP, publication in their time, replacement, withdrawal, restart. */
#include <string.h>

#include "tests/unit/node/mbox_world.h"

#define DAY 86400u

struct owner {
	struct kith_record_secret s;
	uint8_t seed[32];
	struct kith_noncer noncer;
};

static void owner_make(struct owner *o, struct kith_rng *rng, uint8_t n)
{
	memset(o->seed, n, sizeof(o->seed));
	memset(o->s.s, n + 1, sizeof(o->s.s));
	kith_sign_public(o->s.ik, o->seed);
	kith_noncer_init(&o->noncer, rng);
}

static void record(struct owner *o, uint64_t seq, uint8_t out[KITH_RECORD])
{
	static const uint8_t content[KITH_RECORD_CONTENT];

	CHECK_OK(kith_record_make(out, &o->s, o->seed, 20775, seq, content, &o->noncer));
}

static struct kith_mbox_result *keep(struct world *w, uint64_t until_s, const uint8_t x[32],
				     const uint8_t (*records)[KITH_RECORD], unsigned count)
{
	uint32_t link = world_link(w, 1);
	struct kith_mbox_result *r;
	uint8_t stamp[64], del[16];

	kith_hash16(del, KITH_L_MB_DEL, x, 32);
	world_stamp(w, stamp, del, records[0], count * (size_t)KITH_RECORD);
	CHECK_OK(kith__mbox_keep(w->client[1], link, until_s, del, stamp, records, count, w->now));
	r = world_result(w);
	CHECK_EQ(r->verb, KITH_MBOX_KEEP);
	kith__mbox_close(w->client[1], link, w->now);
	return r;
}

TEST(mbox_keep_publishes_in_its_time)
{
	static struct world w;
	static uint8_t r[2][KITH_RECORD];
	const uint8_t(*records)[KITH_RECORD] = (const uint8_t(*)[KITH_RECORD])r;
	static const uint8_t x[32] = {5};
	struct kith_mbox_result *got;
	struct owner a, b;

	world_init(&w);
	owner_make(&a, &w.rng[1], 1);
	owner_make(&b, &w.rng[1], 3);
	record(&a, 100, r[0]);
	record(&b, 100, r[1]);
	r[1][900] ^= 1; /* one good, one forged */
	got = keep(&w, world_wall(&w) + 2 * DAY, x, records, 2);
	CHECK_EQ(got->status, KITH_MBOX_OK);
	CHECK_EQ(got->count, 2);
	CHECK_EQ(got->kept[0], KITH_MBOX_OK);
	CHECK_EQ(got->kept[1], KITH_MBOX_MALFORMED);
	world_run(&w, 100 * SEC);
	CHECK_EQ(w.published, 0); /* 18 h too early */
	w.wall_shift += 18 * 3600;
	world_run(&w, 100 * SEC);
	CHECK_EQ(w.published, 1);
	CHECK_MEM(w.last_published, r[0], KITH_RECORD);
	world_run(&w, 100 * SEC);
	CHECK_EQ(w.published, 1);
	record(&a, 99, r[0]); /* older */
	got = keep(&w, world_wall(&w) + DAY, x, records, 1);
	CHECK_EQ(got->kept[0], KITH_MBOX_TAKEN);
	record(&a, 101, r[0]); /* newer replaces and is published */
	got = keep(&w, world_wall(&w) + DAY, x, records, 1);
	CHECK_EQ(got->kept[0], KITH_MBOX_OK);
	world_run(&w, 100 * SEC);
	CHECK_EQ(w.published, 2);
	CHECK_MEM(w.last_published, r[0], KITH_RECORD);
	world_restart(&w, true);
	world_run(&w, 700 * SEC); /* spread over 10 min */
	CHECK_EQ(w.published, 3);
	CHECK_MEM(w.last_published, r[0], KITH_RECORD);
	w.wall_shift += 2 * DAY;
	world_run(&w, 100 * SEC);
	CHECK_EQ(kith__mbox_service_status(w.service).bytes, 0);
	world_free(&w);
}

TEST(mbox_keep_refuses_and_withdraws)
{
	static struct world w;
	static uint8_t r[1][KITH_RECORD];
	const uint8_t(*records)[KITH_RECORD] = (const uint8_t(*)[KITH_RECORD])r;
	static const uint8_t x[32] = {5}, y[32] = {6};
	struct owner a;

	world_init(&w);
	owner_make(&a, &w.rng[1], 1);
	record(&a, 100, r[0]);
	CHECK_EQ(keep(&w, world_wall(&w), x, records, 1)->status, KITH_MBOX_CLASS);
	CHECK_EQ(keep(&w, world_wall(&w) + 64 * DAY, x, records, 1)->status, KITH_MBOX_CLASS);
	CHECK_EQ(keep(&w, world_wall(&w) + 5 * DAY, x, records, 1)->kept[0], KITH_MBOX_OK);
	CHECK_EQ(keep(&w, world_wall(&w) + 5 * DAY, x, records, 1)->kept[0], KITH_MBOX_HELD);
	CHECK_EQ(world_delete(&w, 2, y)->status, KITH_MBOX_OK);
	CHECK(kith__mbox_service_status(w.service).bytes > 0);
	CHECK_EQ(world_delete(&w, 2, x)->status, KITH_MBOX_OK);
	CHECK_EQ(kith__mbox_service_status(w.service).bytes, 0);
	world_restart(&w, true);
	CHECK_EQ(kith__mbox_service_status(w.service).bytes, 0);
	world_free(&w);
}
