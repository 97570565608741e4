/* SPDX-License-Identifier: ISC */
/* The mailbox, both sides over real links and a real store: every verb, order, restart, expiry. */
#include <string.h>

#include "node/mbox_wire.h"
#include "tests/unit/node/mbox_world.h"

static const struct kith_mbox_bucket all = {0, 0};

static void check_receipt(const struct world *w, const struct kith_mbox_result *r,
			  const struct parcel *p, const uint8_t mk[32])
{
	CHECK_OK(kith__receipt_check(&r->receipt, mk, w->ml, p->bucket.bucket, p->bucket.p, p->tag,
				     p->blob, KITH_BLOB));
	CHECK(r->receipt.expiry_s > r->receipt.received_s);
}

static void get_mk(struct world *w, uint8_t mk[32])
{
	uint32_t link = world_link(w, 1);
	struct kith_mbox_result *r;

	CHECK_OK(kith__mbox_info(w->client[1], link, w->now));
	r = world_result(w);
	CHECK_EQ(r->gone, false);
	CHECK_EQ(r->verb, KITH_MBOX_INFO);
	CHECK_EQ(r->info.bits, WORLD_BITS);
	CHECK_EQ(r->info.retention, 30);
	memcpy(mk, r->info.mk, 32);
	kith__mbox_close(w->client[1], link, w->now);
}

static struct kith_mbox_result *list(struct world *w, uint32_t link, struct kith_mbox_bucket b,
				     uint32_t day, uint32_t pos)
{
	struct kith_mbox_result *r;

	CHECK_OK(kith__mbox_list(w->client[1], link, b, day, pos, UINT32_MAX, w->now));
	r = world_result(w);
	CHECK_EQ(r->verb, KITH_MBOX_LIST);
	CHECK_EQ(r->status, KITH_MBOX_OK);
	return r;
}

static struct kith_mbox_result *get(struct world *w, uint32_t link, const struct parcel *p)
{
	uint8_t tags[4][16] = {{1}, {2}, {3}, {4}};
	struct kith_mbox_result *r;

	memcpy(tags[2], p->tag, 16);
	CHECK_OK(kith__mbox_get(w->client[1], link, (const uint8_t(*)[16])tags, 4, w->now));
	r = world_result(w);
	CHECK_EQ(r->verb, KITH_MBOX_GET);
	CHECK_EQ(r->count, 4);
	CHECK_EQ(r->item[0].status, KITH_MBOX_NOTFOUND);
	CHECK_EQ(r->item[3].status, KITH_MBOX_NOTFOUND);
	return r;
}

static void check_held(struct world *w, const struct parcel *p, bool there)
{
	uint32_t link = world_link(w, 1);
	struct kith_mbox_result *r = get(w, link, p);

	CHECK_EQ(r->item[2].status, there ? KITH_MBOX_OK : KITH_MBOX_NOTFOUND);
	if (there)
		CHECK_MEM(r->item[2].blob, p->blob, KITH_BLOB);
	kith__mbox_close(w->client[1], link, w->now);
}

TEST(mbox_put_list_get_delete)
{
	static struct world w;
	struct kith_mbox_result *r;
	struct parcel p;
	uint32_t link;
	uint8_t mk[32];

	world_init(&w);
	get_mk(&w, mk);
	parcel_make(&p, 1);
	r = world_put(&w, 1, &p);
	CHECK_EQ(r->status, KITH_MBOX_OK);
	CHECK_EQ(r->position, 0);
	check_receipt(&w, r, &p, mk);
	CHECK_EQ(r->receipt.expiry_s, r->receipt.received_s + 30 * 86400);
	link = world_link(&w, 1);
	r = list(&w, link, all, 0, 0);
	CHECK_EQ(r->count, 1);
	CHECK_MEM(r->tags[0], p.tag, 16);
	CHECK_EQ(r->more, false);
	r = list(&w, link, p.bucket, 0, 0);
	CHECK_EQ(r->count, 1);
	r = list(&w, link, (struct kith_mbox_bucket){(uint16_t)(p.bucket.bucket ^ 0x2000), 3}, 0,
		 0);
	CHECK_EQ(r->count, 0);
	r = list(&w, link, all, r->next_day, r->next_pos);
	CHECK_EQ(r->count, 0);
	kith__mbox_close(w.client[1], link, w.now);
	check_held(&w, &p, true);
	r = world_delete(&w, 1, p.d);
	CHECK_EQ(r->status, KITH_MBOX_OK);
	check_held(&w, &p, false);
	r = world_delete(&w, 1, p.d);
	CHECK_EQ(r->status, KITH_MBOX_OK);
	r = world_put(&w, 1, &p);
	CHECK_EQ(r->status, KITH_MBOX_NOTFOUND);
	CHECK_EQ(kith__mbox_service_status(w.service).items, 0);
	world_free(&w);
}

TEST(mbox_put_is_idempotent)
{
	static struct world w;
	struct kith_receipt first;
	struct kith_mbox_result *r;
	struct parcel p;
	uint8_t mk[32];

	world_init(&w);
	get_mk(&w, mk);
	parcel_make(&p, 1);
	r = world_put(&w, 1, &p);
	first = r->receipt;
	world_run(&w, 100 * SEC);
	r = world_put(&w, 2, &p);
	CHECK_EQ(r->status, KITH_MBOX_HELD);
	CHECK_EQ(r->position, 0);
	CHECK_EQ(r->receipt.received_s, first.received_s);
	CHECK(r->receipt.expiry_s >= first.expiry_s + 100);
	check_receipt(&w, r, &p, mk);
	p.blob[7] ^= 1; /* other bytes under a known tag */
	r = world_put(&w, 2, &p);
	CHECK_EQ(r->status, KITH_MBOX_TAKEN);
	p.blob[7] ^= 1;
	check_held(&w, &p, true);
	CHECK_EQ(kith__mbox_service_status(w.service).items, 1);
	world_free(&w);
}

TEST(mbox_receipt_waits_for_the_commit)
{
	static struct world w;
	uint32_t link, reader;
	uint8_t stamp[64];
	struct parcel p;

	world_init(&w);
	world_run(&w, 10 * MS);
	parcel_make(&p, 1);
	world_stamp(&w, stamp, p.tag, p.blob, KITH_BLOB);
	link = world_link(&w, 1);
	CHECK_OK(kith__mbox_put(w.client[1], link, p.tag, p.bucket, 2, stamp, p.blob, w.now));
	w.stall = true;
	CHECK(world_none(&w, 5 * SEC));
	reader = world_link(&w, 1);
	CHECK_EQ(list(&w, reader, all, 0, 0)->count, 0); /* not before it is durable */
	w.stall = false;
	CHECK_EQ(world_result(&w)->status, KITH_MBOX_OK);
	CHECK_EQ(list(&w, reader, all, 0, 0)->count, 1);
	world_free(&w);
}

TEST(mbox_lost_commit_reuses_no_seen_place)
{
	static struct world w;
	struct kith_mbox_result *r;
	uint32_t link, day, pos;
	uint8_t stamp[64];
	struct parcel p, q;

	world_init(&w);
	parcel_make(&p, 1);
	parcel_make(&q, 2);
	CHECK_EQ(world_put(&w, 1, &p)->status, KITH_MBOX_OK);
	link = world_link(&w, 1);
	world_stamp(&w, stamp, q.tag, q.blob, KITH_BLOB);
	CHECK_OK(kith__mbox_put(w.client[1], link, q.tag, q.bucket, 2, stamp, q.blob, w.now));
	w.stall = true;
	world_run(&w, 1 * SEC);
	link = world_link(&w, 2);
	CHECK_OK(kith__mbox_list(w.client[2], link, all, 0, 0, UINT32_MAX, w.now));
	r = world_result(&w);
	CHECK_EQ(r->count, 1);
	day = r->next_day;
	pos = r->next_pos;
	world_restart(&w, true); /* q never was durable */
	w.stall = false;
	world_run(&w, 40 * SEC); /* links notice */
	while (!world_none(&w, 0))
		CHECK(world_result(&w)->gone);
	check_held(&w, &p, true);
	check_held(&w, &q, false);
	CHECK_EQ(world_put(&w, 1, &q)->status, KITH_MBOX_OK);
	link = world_link(&w, 1);
	r = list(&w, link, all, day, pos); /* the old cursor finds the new item */
	CHECK_EQ(r->count, 1);
	CHECK_MEM(r->tags[0], q.tag, 16);
	world_free(&w);
}

TEST(mbox_bad_stamps_are_refused)
{
	static struct world w;
	uint8_t stamp[64] = {0};
	struct parcel p, other;
	uint32_t link;
	unsigned refused = 0;

	world_init(&w);
	parcel_make(&p, 1);
	parcel_make(&other, 2);
	for (unsigned i = 0; i < 4; i++) {
		switch (i) {
		case 0: memset(stamp, 0xff, sizeof(stamp)); break; /* no stamp */
		case 1: world_stamp(&w, stamp, other.tag, p.blob, KITH_BLOB); break;
		case 2: world_stamp(&w, stamp, p.tag, other.blob, KITH_BLOB); break;
		case 3:
			world_stamp(&w, stamp, p.tag, p.blob, KITH_BLOB);
			w.wall_shift += 7200; /* two hours old */
			break;
		}
		link = world_link(&w, 1);
		CHECK_OK(kith__mbox_put(w.client[1], link, p.tag, p.bucket, 2, stamp, p.blob,
					w.now));
		refused += world_result(&w)->status == KITH_MBOX_STAMP;
		kith__mbox_close(w.client[1], link, w.now);
	}
	CHECK(refused >= 2); /* each passes by chance once in 2^6 */
	link = world_link(&w, 1);
	world_stamp(&w, stamp, p.tag, p.blob, KITH_BLOB);
	w.wall_shift += 3600; /* the hour before is good */
	CHECK_OK(kith__mbox_put(w.client[1], link, p.tag, p.bucket, 2, stamp, p.blob, w.now));
	CHECK(world_result(&w)->status <= KITH_MBOX_HELD);
	world_free(&w);
}

TEST(mbox_watch_pushes_after_the_commit)
{
	static struct world w;
	struct kith_mbox_result *r;
	struct kith_mbox_bucket b[2];
	struct parcel p;
	uint32_t link;
	unsigned got = 0;

	world_init(&w);
	parcel_make(&p, 1);
	b[0] = p.bucket;
	b[1] = (struct kith_mbox_bucket){0, 3};
	link = world_link(&w, 1);
	CHECK_OK(kith__mbox_watch(w.client[1], link, b, 2, w.now));
	r = world_result(&w);
	CHECK_EQ(r->verb, KITH_MBOX_WATCH);
	CHECK_EQ(r->count, 2);
	CHECK_EQ(r->cursor_day[1], WORLD_WALL_S / 86400);
	for (unsigned n = 1; n <= 9; n++) { /* buckets 1..7, 0, 1 */
		uint8_t stamp[64];
		uint32_t put = world_link(&w, 2);

		parcel_make(&p, n);
		world_stamp(&w, stamp, p.tag, p.blob, KITH_BLOB);
		CHECK_OK(
			kith__mbox_put(w.client[2], put, p.tag, p.bucket, 2, stamp, p.blob, w.now));
	}
	for (unsigned seen = 0; seen < 9 + 3;) {
		r = world_result(&w);
		CHECK_EQ(r->gone, false);
		if (r->verb == KITH_MBOX_PUT) {
			seen++;
			continue;
		}
		CHECK_EQ(r->verb, KITH_MBOX_PUSH);
		CHECK(r->bucket == b[0].bucket || r->bucket == 0);
		for (unsigned i = 0; i < r->count; i++) {
			parcel_make(&p, r->positions[i] + 1);
			got += memcmp(r->tags[i], p.tag, 16) == 0;
		}
		seen += r->count;
	}
	CHECK(got >= 1);
	CHECK_EQ(kith__mbox_service_status(w.service).pushes, 3);
	CHECK_OK(kith__mbox_watch(w.client[1], link, b, 0, w.now));
	CHECK_EQ(world_result(&w)->count, 0);
	parcel_make(&p, 17); /* bucket 1 again */
	CHECK_EQ(world_put(&w, 2, &p)->status, KITH_MBOX_OK);
	CHECK(world_none(&w, 5 * SEC));
	world_free(&w);
}

TEST(mbox_restart_keeps_items_and_places)
{
	static struct world w;
	struct kith_mbox_result *r;
	uint8_t mk[32], again[32];
	struct parcel p[3];
	uint32_t link, day, pos;

	world_init(&w);
	get_mk(&w, mk);
	for (unsigned i = 0; i < 3; i++)
		parcel_make(&p[i], i + 1);
	CHECK_EQ(world_put(&w, 1, &p[0])->status, KITH_MBOX_OK);
	CHECK_EQ(world_put(&w, 1, &p[1])->status, KITH_MBOX_OK);
	CHECK_EQ(world_delete(&w, 1, p[1].d)->status, KITH_MBOX_OK);
	link = world_link(&w, 1);
	r = list(&w, link, all, 0, 0);
	CHECK_EQ(r->count, 1);
	day = r->next_day;
	pos = r->next_pos;
	kith__mbox_close(w.client[1], link, w.now);
	world_run(&w, 1 * SEC);
	world_restart(&w, true);
	get_mk(&w, again);
	CHECK_MEM(mk, again, 32);
	check_held(&w, &p[0], true);
	check_held(&w, &p[1], false);
	CHECK_EQ(world_put(&w, 1, &p[1])->status, KITH_MBOX_NOTFOUND);
	r = world_put(&w, 1, &p[2]);
	CHECK_EQ(r->status, KITH_MBOX_OK);
	CHECK_EQ(r->position, pos);
	check_receipt(&w, r, &p[2], mk);
	link = world_link(&w, 1);
	r = list(&w, link, all, day, pos);
	CHECK_EQ(r->count, 1);
	CHECK_MEM(r->tags[0], p[2].tag, 16);
	world_free(&w);
}

TEST(mbox_items_expire)
{
	static struct world w;
	uint8_t stamp[64];
	struct parcel p, q;
	uint32_t link;

	world_init(&w);
	parcel_make(&p, 1);
	parcel_make(&q, 2);
	link = world_link(&w, 1);
	world_stamp(&w, stamp, p.tag, p.blob, KITH_BLOB);
	CHECK_OK(kith__mbox_put(w.client[1], link, p.tag, p.bucket, 0, stamp, p.blob, w.now));
	CHECK_EQ(world_result(&w)->status, KITH_MBOX_OK); /* one day */
	kith__mbox_close(w.client[1], link, w.now);
	CHECK_EQ(world_put(&w, 1, &q)->status, KITH_MBOX_OK);
	CHECK_EQ(world_delete(&w, 1, q.d)->status, KITH_MBOX_OK);
	w.wall_shift += 86400 + 10;
	world_run(&w, 130 * SEC);
	CHECK_EQ(kith__mbox_service_status(w.service).expired, 1);
	check_held(&w, &p, false);
	CHECK_EQ(world_put(&w, 1, &p)->status, KITH_MBOX_OK); /* its tag is free again */
	CHECK_EQ(world_put(&w, 1, &q)->status, KITH_MBOX_NOTFOUND);
	w.wall_shift += 30 * 86400;
	world_run(&w, 130 * SEC);
	CHECK_EQ(kith__mbox_service_status(w.service).items, 0);
	CHECK_EQ(kith__mbox_service_status(w.service).bytes, 0);
	world_restart(&w, false);
	CHECK_EQ(kith__mbox_service_status(w.service).items, 0);
	CHECK_EQ(kith__mbox_service_status(w.service).bytes, 0);
	world_free(&w);
}

TEST(mbox_have_proves_the_bytes)
{
	static struct world w;
	uint8_t tags[8][16] = {{0}}, nonces[8][16] = {{0}}, expect[32];
	struct kith_mbox_result *r;
	struct kith_hasher h;
	struct parcel p;
	uint32_t link;

	world_init(&w);
	parcel_make(&p, 1);
	CHECK_EQ(world_put(&w, 1, &p)->status, KITH_MBOX_OK);
	memcpy(tags[5], p.tag, 16);
	memset(nonces[5], 9, 16);
	link = world_link(&w, 1);
	CHECK_OK(kith__mbox_have(w.client[1], link, (const uint8_t(*)[16])tags,
				 (const uint8_t(*)[16])nonces, w.now));
	r = world_result(&w);
	CHECK_EQ(r->verb, KITH_MBOX_HAVE);
	kith_hasher_init(&h, KITH_L_MB_HAVE, 32);
	kith_hasher_add(&h, nonces[5], 16);
	kith_hasher_add(&h, p.blob, KITH_BLOB);
	kith_hasher_end(&h, expect);
	CHECK_EQ(r->have[5].status, KITH_MBOX_OK);
	CHECK_MEM(r->have[5].hash, expect, 32);
	CHECK_EQ(r->have[4].status, KITH_MBOX_NOTFOUND);
	world_free(&w);
}

TEST(mbox_disk_cap_and_share)
{
	static struct world w;
	unsigned ok = 0, full = 0;
	struct parcel p;

	world_init(&w);
	kith__mbox_service_free(w.service);
	w.box.disk_max = 4687 * 128; /* above half, one prefix holds 2 of 128 items */
	CHECK_OK(kith__mbox_service_new(&w.box, world_wall(&w), &w.service));
	for (unsigned n = 0; n < 75; n++) {
		struct kith_mbox_result *r;

		parcel_make(&p, n);
		r = world_put(&w, 1, &p);
		ok += r->status == KITH_MBOX_OK;
		full += r->status == KITH_MBOX_FULL;
		world_run(&w, 100 * MS);
	}
	CHECK_EQ(ok, 65);
	CHECK_EQ(full, 10);
	for (unsigned n = 75; n < 80; n++) { /* another prefix still has its share */
		parcel_make(&p, n);
		ok += world_put(&w, 2, &p)->status == KITH_MBOX_OK;
	}
	CHECK_EQ(ok, 67);
	parcel_make(&p, 3); /* what was promised is still there */
	check_held(&w, &p, true);
	world_free(&w);
}

TEST(mbox_links_are_limited_by_rate)
{
	static struct world w;
	unsigned gone = 0, ok = 0;

	world_init(&w);
	for (unsigned n = 0; n < 40; n++) {
		for (unsigned i = 0; i < 6; i++)
			CHECK_OK(kith__mbox_info(w.client[1], world_link(&w, 1), w.now));
		for (unsigned i = 0; i < 6; i++) {
			struct kith_mbox_result *r = world_result(&w);

			gone += r->gone;
			ok += !r->gone;
			kith__mbox_close(w.client[1], r->link, w.now);
		}
	}
	CHECK(ok >= 200);
	CHECK_EQ(ok + gone, 240);
	CHECK(kith__mbox_service_status(w.service).links <= 240);
	world_run(&w, 200 * SEC); /* idle life */
	CHECK_EQ(kith__mbox_service_status(w.service).links, 0);
	world_free(&w);
}

TEST(mbox_wrong_mk_fails_the_link)
{
	static struct world w;
	struct kith_addr addr;
	uint8_t mk[32] = {1};
	struct kith_mbox_result *r;
	uint32_t link;

	world_init(&w);
	addr = kith_addr_v4(10, 0, 0, 1, 4000);
	CHECK_OK(kith__mbox_open(w.client[1], w.ml, &addr, mk, 0, &link, w.now));
	CHECK_OK(kith__mbox_info(w.client[1], link, w.now));
	r = world_result(&w);
	CHECK_EQ(r->gone, true);
	CHECK_EQ(r->link, link);
	CHECK(world_none(&w, 1 * SEC));
	CHECK_EQ(kith__mbox_info(w.client[1], link, w.now), KITH_E_NOTFOUND);
	world_free(&w);
}

TEST(mbox_silent_server_gives_gone)
{
	static struct world w;
	struct kith_addr nobody = kith_addr_v4(10, 9, 9, 9, 4000);
	uint32_t link;

	world_init(&w);
	CHECK_OK(kith__mbox_open(w.client[1], w.ml, &nobody, NULL, 0, &link, w.now));
	CHECK_OK(kith__mbox_info(w.client[1], link, w.now));
	CHECK_EQ(world_result(&w)->gone, true);
	CHECK_EQ(kith__mbox_info(w.client[1], link, w.now), KITH_E_NOTFOUND);
	world_free(&w);
}

/* 200 items, lists and reads of 16 with many requests open, in order. */
TEST(mbox_many_reads_in_order)
{
	static struct world w;
	static uint8_t tags[208][16];
	struct kith_mbox_result *r;
	struct parcel p;
	uint32_t link;

	world_init(&w);
	for (unsigned n = 0; n < 208; n++) {
		uint8_t stamp[64];

		parcel_make(&p, n);
		memcpy(tags[n], p.tag, 16);
		link = world_link(&w, 1);
		world_stamp(&w, stamp, p.tag, p.blob, KITH_BLOB);
		CHECK_OK(kith__mbox_put(w.client[1], link, p.tag, p.bucket, 2, stamp, p.blob,
					w.now));
		r = world_result(&w);
		CHECK_EQ(r->status, KITH_MBOX_OK);
		CHECK_EQ(r->position, n);
		kith__mbox_close(w.client[1], link, w.now);
		world_run(&w, 60 * MS); /* within 20 links a second */
	}
	link = world_link(&w, 1);
	for (unsigned n = 0; n < 13; n++)
		CHECK_OK(kith__mbox_get(w.client[1], link, (const uint8_t(*)[16])tags + 16 * n, 16,
					w.now));
	CHECK_OK(kith__mbox_list(w.client[1], link, all, 0, 0, UINT32_MAX, w.now));
	CHECK_OK(kith__mbox_info(w.client[1], link, w.now));
	CHECK_OK(kith__mbox_info(w.client[1], link, w.now));
	CHECK_EQ(kith__mbox_info(w.client[1], link, w.now), KITH_E_FULL);
	for (unsigned n = 0; n < 13; n++) {
		r = world_result(&w);
		CHECK_EQ(r->verb, KITH_MBOX_GET);
		for (unsigned i = 0; i < 16; i++) {
			parcel_make(&p, 16 * n + i);
			CHECK_EQ(r->item[i].status, KITH_MBOX_OK);
			CHECK_MEM(r->item[i].blob, p.blob, KITH_BLOB);
		}
	}
	r = world_result(&w);
	CHECK_EQ(r->verb, KITH_MBOX_LIST);
	CHECK_EQ(r->count, 208);
	CHECK_MEM(r->tags[0], tags, sizeof(tags));
	CHECK_EQ(world_result(&w)->verb, KITH_MBOX_INFO);
	CHECK_EQ(world_result(&w)->verb, KITH_MBOX_INFO);
	world_free(&w);
}

/* A reader that takes nothing is dropped and costs a bounded queue. */
TEST(mbox_slow_reader_is_dropped)
{
	static const uint8_t get[KITH__MBOX_REQUEST_MIN + 200] = {0x04, 1, 0, 0, 4, 1, 0, 16};
	static struct world w;
	struct parcel p;

	world_init(&w);
	parcel_make(&p, 1);
	CHECK_EQ(world_put(&w, 1, &p)->status, KITH_MBOX_OK);
	raw_open(&w);
	for (unsigned i = 0; i < 40; i++) {
		uint8_t frame[4 + 3 + 257];

		memcpy(frame, get, 8);
		for (unsigned n = 0; n < 16; n++)
			memcpy(frame + 8 + 16 * n, p.tag, 16);
		raw_send(&w, frame, sizeof(frame));
	}
	world_run(&w, 5 * SEC);
	CHECK(kith__mbox_service_status(w.service).gets < 8); /* held back by the queue */
	CHECK_EQ(kith__mbox_service_status(w.service).links, 1);
	world_run(&w, 60 * SEC);
	CHECK_EQ(kith__mbox_service_status(w.service).links, 0);
	CHECK(w.raw_lost);
	world_free(&w);
}

/* The connection is lost at every moment of a PUT; the sender puts again. */
TEST(mbox_put_cut_at_every_moment)
{
	static struct world w;
	struct parcel p;
	unsigned held = 0;

	world_init(&w);
	for (unsigned n = 0; n < 60; n++) {
		uint32_t link = world_link(&w, 1);
		struct kith_mbox_result *r;
		uint8_t stamp[64];

		parcel_make(&p, n);
		world_stamp(&w, stamp, p.tag, p.blob, KITH_BLOB);
		CHECK_OK(kith__mbox_put(w.client[1], link, p.tag, p.bucket, 2, stamp, p.blob,
					w.now));
		world_run(&w, n * (MS / 2));
		w.shown = w.results;
		kith__mbox_close(w.client[1], link, w.now);
		world_run(&w, 100 * MS);
		r = world_put(&w, 1, &p);
		CHECK(r->status == KITH_MBOX_OK || r->status == KITH_MBOX_HELD);
		held += r->status == KITH_MBOX_HELD;
		CHECK_EQ(r->position, n);
		CHECK_EQ(kith__mbox_service_status(w.service).items, n + 1);
		world_run(&w, 100 * MS);
	}
	CHECK(held > 0 && held < 60);
	world_free(&w);
}

/* Two senders under one tag before the first commit. */
TEST(mbox_put_twice_in_one_batch)
{
	static struct world w;
	struct parcel p, q;

	world_init(&w);
	for (unsigned other = 0; other < 2; other++) {
		unsigned count[KITH_MBOX_UNKNOWN + 1] = {0};
		uint8_t stamp[64];

		parcel_make(&p, other);
		q = p;
		q.blob[0] ^= (uint8_t)other;
		world_run(&w, 1 * SEC);
		w.stall = true;
		world_stamp(&w, stamp, p.tag, p.blob, KITH_BLOB);
		CHECK_OK(kith__mbox_put(w.client[1], world_link(&w, 1), p.tag, p.bucket, 2, stamp,
					p.blob, w.now));
		world_run(&w, 1 * SEC);
		world_stamp(&w, stamp, q.tag, q.blob, KITH_BLOB);
		CHECK_OK(kith__mbox_put(w.client[2], world_link(&w, 2), q.tag, q.bucket, 2, stamp,
					q.blob, w.now));
		CHECK(world_none(&w, 1 * SEC));
		w.stall = false;
		count[world_result(&w)->status]++;
		count[world_result(&w)->status]++;
		CHECK_EQ(count[KITH_MBOX_OK], 1);
		CHECK_EQ(count[other ? KITH_MBOX_TAKEN : KITH_MBOX_HELD], 1);
		check_held(&w, &p, true);
	}
	CHECK_EQ(kith__mbox_service_status(w.service).items, 2);
	world_free(&w);
}

/* More reads than a batch takes: the links wait and all are answered. */
TEST(mbox_reads_beyond_one_batch)
{
	static struct world w;
	uint8_t tags[16][16];
	struct parcel p;
	unsigned got = 0;

	world_init(&w);
	parcel_make(&p, 1);
	CHECK_EQ(world_put(&w, 1, &p)->status, KITH_MBOX_OK);
	for (unsigned i = 0; i < 16; i++)
		memcpy(tags[i], p.tag, 16);
	w.stall = true;
	for (unsigned n = 0; n < 9; n++) {
		uint32_t link = world_link(&w, 1);

		CHECK_OK(kith__mbox_get(w.client[1], link, (const uint8_t(*)[16])tags, 16, w.now));
		CHECK_OK(kith__mbox_info(w.client[1], link, w.now));
		world_run(&w, 100 * MS);
	}
	CHECK(kith_store_full(w.store));
	CHECK_EQ(w.shown, w.results);
	w.stall = false;
	for (unsigned n = 0; n < 18; n++) {
		struct kith_mbox_result *r = world_result(&w);

		CHECK_EQ(r->gone, false);
		for (unsigned i = 0; i < 16 && r->verb == KITH_MBOX_GET; i++) {
			CHECK_EQ(r->item[i].status, KITH_MBOX_OK);
			CHECK_MEM(r->item[i].blob, p.blob, KITH_BLOB);
			got++;
		}
	}
	CHECK_EQ(got, 9 * 16);
	world_free(&w);
}
