/* SPDX-License-Identifier: ISC */
/*
 * A mailbox against a hostile user on a live link (mailbox.md 4): the input is a list of frames,
 *
 *	u8 way | u16 length | bytes      way 0: raw bytes; 1..8: the body of that verb; 9: KEEP;
 *	                                 10: a PUT whose blob is filled up; 11: a new link
 *
 * The store works on a disk in memory. The service lives, and its stock stays within its caps.
 */
#include <string.h>

#include "node/mbox_wire.h"
#include "store/store.h"
#include "tests/fuzz/two.h"
#include "tests/unit/node/mbox_disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct kith_mbox_service *service;
static struct kith_store *store;

static void event(struct two *t, const struct kith_net_event *e)
{
	(void)kith__mbox_service_event(service, e, TWO_WALL_S, t->now);
}

static void turn(struct two *t)
{
	struct kith_job *job;

	kith__mbox_service_tick(service, TWO_WALL_S, t->now);
	while (kith_store_job(store, &job)) {
		kith_store_run(job);
		kith__mbox_service_committed(service, kith_store_done(store, job, t->now), t->now);
	}
}

static uint32_t publish(void *ctx, const uint8_t record[static KITH_RECORD])
{
	(void)ctx;
	(void)record;
	return 1;
}

static void open_link(struct two *t)
{
	struct kith_net_target target = {.kind = KITH_NET_SERVICE, .addr_count = 1};

	if (t->up && !t->lost)
		kith_net_close(t->net[0], t->session, t->now);
	two_run(t, 50000);
	t->up = t->lost = t->has_stream = false;
	target.addr[0] = two_addr(1);
	kith_dh_public(target.ml, t->cfg[1].node_secret);
	if (kith_net_connect(t->net[0], &target, &t->session, t->now) != KITH_OK)
		return;
	two_run(t, 100000);
	t->has_stream = t->up && kith_net_stream_open(t->net[0], t->session, KITH_NET_CLASS_SYNC,
						      &t->stream, t->now) == KITH_OK;
}

static void give(struct two *t, unsigned way, const uint8_t *bytes, size_t len, uint16_t *number)
{
	static uint8_t out[KITH__MBOX_DATA_MAX];
	struct kith_writer w;

	if (way == 0) {
		two_write(t, bytes, len);
		return;
	}
	if (way == 11) {
		open_link(t);
		return;
	}
	kith_writer_init(&w, out, sizeof(out));
	kith__mbox_begin(&w,
			 way == 10  ? KITH_MBOX_PUT
			 : way == 9 ? KITH_MBOX_KEEP
				    : (uint8_t)way,
			 ++*number);
	kith_write_bytes(&w, bytes, len);
	if (way == 10 && len < KITH__MBOX_PUT_LEN)
		kith_write_zeros(&w, KITH__MBOX_PUT_LEN - len);
	if (kith__mbox_end_request(&w) == KITH_OK)
		two_write(t, out, w.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct kith_mbox_service_config box = {.disk_max = 1u << 20, .days_max = 30, .serve = true};
	struct kith_profile_config cfg = {.dir = "p", .argon_passes = 1, .argon_kib = 64};
	struct kith_profile *profile;
	struct memory_disk disk;
	struct kith_reader r;
	uint16_t number = 0;
	struct two t;

	if (kith_crypto_start() != NULL)
		return 0;
	two_begin(&t, 1);
	t.event = event;
	t.turn = turn;
	memory_disk_init(&disk);
	cfg.disk = &disk.table;
	cfg.rng = &t.rng[1];
	KITH_ASSERT(kith_profile_create(&cfg, NULL, 0, &profile) == KITH_OK &&
		    kith_store_open(profile, KITH_DB_MAILBOX, &store) == KITH_OK);
	box.rng = &t.rng[1];
	box.net = t.net[1];
	box.store = store;
	box.publish = publish;
	memcpy(box.ml_secret, t.cfg[1].node_secret, 32);
	KITH_ASSERT(kith__mbox_service_new(&box, TWO_WALL_S, &service) == KITH_OK);
	open_link(&t);
	kith_reader_init(&r, data, len);
	while (kith_read_ok(&r) && r.left >= 3) {
		unsigned way = kith_read_u8(&r) % 12;
		size_t part = kith_read_u16(&r);
		const uint8_t *bytes;

		part = part < r.left ? part : r.left;
		bytes = kith_read_view(&r, part);
		give(&t, way, bytes, part, &number);
		two_run(&t, 20000);
	}
	two_run(&t, 100000);
	kith__mbox_service_free(service);
	kith_store_close(store);
	kith_profile_close(profile);
	memory_disk_free(&disk);
	two_end(&t);
	return 0;
}
