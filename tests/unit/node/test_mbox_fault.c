/* SPDX-License-Identifier: ISC */
/* The n-th allocation of service or client fails: nothing false is said, and life goes on. */
#include <stdlib.h>
#include <string.h>

#include "node/mbox_wire.h"
#include "tests/unit/node/mbox_world.h"

static unsigned until_failure, failures;

static void *failing(void *ctx, void *p, size_t size)
{
	(void)ctx;
	if (size == 0) {
		free(p);
		return NULL;
	}
	if (until_failure > 0 && --until_failure == 0) {
		failures++;
		return NULL;
	}
	return realloc(p, size);
}

static const struct kith_alloc alloc = {.resize = failing};

static void use(struct world *w)
{
	w->box.alloc = &alloc;
	kith__mbox_service_free(w->service);
	CHECK_OK(kith__mbox_service_new(&w->box, world_wall(w), &w->service));
	kith__mbox_client_free(w->client[1]);
	w->client[1] = kith__mbox_client_new(&alloc, w->net[1], &w->rng[1]);
	CHECK(w->client[1] != NULL);
}

/* PUT of parcel n: 1 = a good receipt, 0 = anything else. */
static unsigned try_put(struct world *w, unsigned n)
{
	struct kith_addr addr = kith_addr_v4(10, 0, 0, 1, 4000);
	struct kith_mbox_result *r;
	uint8_t stamp[64];
	struct parcel p;
	uint32_t link;
	unsigned ok;

	parcel_make(&p, n);
	world_stamp(w, stamp, p.tag, p.blob, KITH_BLOB);
	if (kith__mbox_open(w->client[1], w->ml, &addr, NULL, 0, &link, w->now) != KITH_OK)
		return 0;
	ok = kith__mbox_put(w->client[1], link, p.tag, p.bucket, 2, stamp, p.blob, w->now) ==
	     KITH_OK;
	if (ok) {
		r = world_result(w);
		ok = !r->gone && r->status <= KITH_MBOX_HELD;
	}
	kith__mbox_close(w->client[1], link, w->now);
	return ok;
}

static bool held(struct world *w, unsigned n)
{
	uint32_t link = world_link(w, 2);
	uint8_t tags[4][16] = {{0}};
	struct kith_mbox_result *r;
	struct parcel p;
	bool there;

	parcel_make(&p, n);
	memcpy(tags[1], p.tag, 16);
	CHECK_OK(kith__mbox_get(w->client[2], link, (const uint8_t(*)[16])tags, 4, w->now));
	r = world_result(w);
	there = !r->gone && r->item[1].status == KITH_MBOX_OK;
	if (there)
		CHECK_MEM(r->item[1].blob, p.blob, KITH_BLOB);
	kith__mbox_close(w->client[2], link, w->now);
	return there;
}

TEST(mbox_fault_every_allocation)
{
	static struct world w;
	unsigned refused = 0;

	world_init(&w);
	until_failure = failures = 0;
	use(&w);
	for (unsigned n = 1; n <= 60; n++) {
		unsigned ok;

		until_failure = n % 30 + 1;
		ok = try_put(&w, n);
		until_failure = 0;
		CHECK(!ok || held(&w, n)); /* a receipt is a promise */
		refused += !ok;
		world_run(&w, 500 * MS);
		CHECK_EQ(try_put(&w, n), 1);
		CHECK(held(&w, n));
		world_run(&w, 500 * MS);
	}
	CHECK(failures >= 10);
	CHECK(refused >= 5);
	until_failure = 0;
	world_free(&w);
}

TEST(mbox_fault_start)
{
	static struct world w;
	unsigned failed = 0;

	world_init(&w);
	for (unsigned n = 1; n <= 6; n++)
		CHECK_EQ(try_put(&w, n), 1);
	w.box.alloc = &alloc;
	for (unsigned n = 1; n < 40; n++) {
		struct kith_mbox_service *s = NULL;
		int status;

		until_failure = n;
		status = kith__mbox_service_new(&w.box, world_wall(&w), &s);
		CHECK(status == KITH_OK || status == KITH_E_NOMEM);
		CHECK((status == KITH_OK) == (s != NULL));
		failed += status != KITH_OK;
		until_failure = 0;
		kith__mbox_service_free(s);
	}
	CHECK(failed >= 5);
	world_free(&w);
}
