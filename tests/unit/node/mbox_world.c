/* SPDX-License-Identifier: ISC */
/* The virtual network around one mailbox. */
#include "tests/unit/node/mbox_world.h"

#include <stdlib.h>
#include <string.h>

#include "node/mbox_wire.h"

static const kith_time delay_us = 5000;

static struct kith_addr addr_of(unsigned i)
{
	return kith_addr_v4(10, 0, (uint8_t)i, 1, 4000);
}

uint64_t world_wall(const struct world *w)
{
	return WORLD_WALL_S + w->wall_shift + w->now / SEC;
}

static uint32_t publish(void *ctx, const uint8_t record[static KITH_RECORD])
{
	struct world *w = ctx;

	w->published++;
	memcpy(w->last_published, record, KITH_RECORD);
	return w->published;
}

/* ---- start and stop ---- */

static void boot_net(struct world *w, unsigned i)
{
	kith_net_free(w->net[i]);
	w->net[i] = kith_net_new(&w->cfg[i], &w->rng[i], w->now);
	CHECK(w->net[i] != NULL);
	kith_net_set_wall(w->net[i], world_wall(w) * 1000, w->now);
}

static void boot_box(struct world *w)
{
	struct kith_profile_config cfg = {.dir = "p",
					  .disk = &w->disk.table,
					  .rng = &w->disk_rng,
					  .argon_passes = 1};
	int status;

	cfg.argon_kib = 64;
	status = kith_profile_open(&cfg, NULL, 0, &w->profile);
	if (status == KITH_E_NOTFOUND)
		status = kith_profile_create(&cfg, NULL, 0, &w->profile);
	CHECK_OK(status);
	CHECK_OK(kith_store_open(w->profile, KITH_DB_MAILBOX, &w->store));
	w->box.rng = &w->rng[0];
	w->box.net = w->net[0];
	w->box.store = w->store;
	CHECK_OK(kith__mbox_service_new(&w->box, world_wall(w), &w->service));
}

void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->now = 1000 * SEC;
	memory_disk_init(&w->disk);
	w->disk_rng = test_rng(test_seed() + 99);
	for (unsigned i = 0; i < WORLD_NODES; i++) {
		w->rng[i] = test_rng(test_seed() + i);
		w->cfg[i] = (struct kith_net_config){.network = 5, .serve = i == 0};
		memset(w->cfg[i].node_secret, (int)i + 1, 32);
		boot_net(w, i);
		if (i > 0) {
			w->client[i] = kith__mbox_client_new(NULL, w->net[i], &w->rng[i]);
			CHECK(w->client[i] != NULL);
		}
	}
	kith_dh_public(w->ml, w->cfg[0].node_secret);
	w->box.disk_max = 64u << 20;
	w->box.days_max = 30;
	w->box.bits = WORLD_BITS;
	w->box.serve = true;
	w->box.publish_ctx = w;
	w->box.publish = publish;
	memcpy(w->box.ml_secret, w->cfg[0].node_secret, 32);
	boot_box(w);
}

static void drop_queue(struct world *w)
{
	while (w->queue != NULL) {
		struct world_dgram *d = w->queue;

		w->queue = d->next;
		free(d);
	}
}

static void commit(struct world *w)
{
	struct kith_job *job;

	while (!w->stall && kith_store_job(w->store, &job)) {
		int status;

		kith_store_run(job);
		status = kith_store_done(w->store, job, w->now);
		kith__mbox_service_committed(w->service, status, w->now);
	}
}

void world_restart(struct world *w, bool cut)
{
	if (!cut)
		commit(w);
	kith__mbox_service_free(w->service);
	kith_store_close(w->store);
	kith_profile_close(w->profile);
	boot_net(w, 0);
	drop_queue(w);
	boot_box(w);
}

void world_free(struct world *w)
{
	kith__mbox_service_free(w->service);
	kith_store_close(w->store);
	kith_profile_close(w->profile);
	memory_disk_free(&w->disk);
	for (unsigned i = 0; i < WORLD_NODES; i++) {
		kith__mbox_client_free(w->client[i]);
		kith_net_free(w->net[i]);
	}
	for (unsigned i = 0; i < WORLD_RESULTS; i++) {
		free(w->tags[i]);
		free(w->blobs[i]);
	}
	drop_queue(w);
}

/* ---- turns ---- */

static void send_all(struct world *w, unsigned i)
{
	struct kith_dgram_out out;

	while (kith_net_output(w->net[i], &out, w->now)) {
		size_t step = out.segment != 0 ? out.segment : out.len;

		for (size_t at = 0; at < out.len; at += step) {
			struct world_dgram **end = &w->queue, *d = calloc(1, sizeof(*d));

			CHECK(d != NULL);
			d->at = w->now + delay_us;
			d->from = i;
			d->to = WORLD_NODES;
			for (unsigned j = 0; j < WORLD_NODES; j++) {
				struct kith_addr a = addr_of(j);

				if (kith_addr_equal(&a, &out.remote))
					d->to = j;
			}
			d->len = out.len - at < step ? out.len - at : step;
			memcpy(d->data, out.data + at, d->len);
			while (*end != NULL)
				end = &(*end)->next;
			*end = d;
		}
	}
}

/* Keeps a result with copies of what it points at. */
static void keep(struct world *w, const struct kith_mbox_result *r)
{
	unsigned n = w->results;
	struct kith_mbox_result *copy = &w->result[n];

	CHECK(n < WORLD_RESULTS);
	*copy = *r;
	if ((r->verb == KITH_MBOX_LIST || r->verb == KITH_MBOX_PUSH) && r->count > 0) {
		w->tags[n] = calloc(r->count, 16);
		memcpy(w->tags[n], r->tags, 16 * (size_t)r->count);
		copy->tags = (const uint8_t(*)[16])w->tags[n];
	}
	w->blobs[n] = calloc(16, KITH_BLOB);
	for (unsigned i = 0; i < 16; i++) {
		if (r->item[i].blob == NULL)
			continue;
		memcpy(w->blobs[n] + i * KITH_BLOB, r->item[i].blob, KITH_BLOB);
		copy->item[i].blob = w->blobs[n] + i * KITH_BLOB;
	}
	w->results++;
}

static void raw_event(struct world *w, const struct kith_net_event *e)
{
	if (e->session != w->raw_session)
		return;
	if (e->kind == KITH_NET_SESSION_UP)
		w->raw_up = true;
	if (e->kind == KITH_NET_SESSION_LOST || e->kind == KITH_NET_CONNECT_FAILED)
		w->raw_lost = true;
}

static void events(struct world *w, unsigned i)
{
	struct kith_mbox_result r;
	struct kith_net_event e;

	while (kith_net_event(w->net[i], &e)) {
		if (i == 0)
			(void)kith__mbox_service_event(w->service, &e, world_wall(w), w->now);
		else if (!kith__mbox_client_event(w->client[i], &e, w->now) && i == 2)
			raw_event(w, &e);
	}
	while (i > 0 && kith__mbox_client_result(w->client[i], &r))
		keep(w, &r);
}

static void deliver(struct world *w)
{
	while (w->queue != NULL && w->queue->at <= w->now) {
		struct world_dgram *d = w->queue;
		struct kith_dgram_in in = {.remote = addr_of(d->from),
					   .local = addr_of(d->to),
					   .data = d->data};

		in.len = d->len;
		w->queue = d->next;
		if (d->to < WORLD_NODES)
			(void)kith_net_input(w->net[d->to], &in, w->now);
		free(d);
	}
}

static void turn(struct world *w)
{
	deliver(w);
	for (unsigned i = 0; i < WORLD_NODES; i++) {
		if (kith_net_deadline(w->net[i]) <= w->now)
			kith_net_tick(w->net[i], w->now);
		if (i > 0)
			kith__mbox_client_tick(w->client[i], w->now);
		else if (kith__mbox_service_deadline(w->service) <= w->now)
			kith__mbox_service_tick(w->service, world_wall(w), w->now);
		events(w, i);
	}
	commit(w);
	for (unsigned i = 0; i < WORLD_NODES; i++)
		send_all(w, i);
}

static kith_time next_time(const struct world *w)
{
	kith_time at = kith__mbox_service_deadline(w->service);

	for (unsigned i = 0; i < WORLD_NODES; i++) {
		kith_time t = kith_net_deadline(w->net[i]);

		if (t < at)
			at = t;
		t = i > 0 ? kith__mbox_client_deadline(w->client[i]) : KITH_NEVER;
		if (t < at)
			at = t;
	}
	return w->queue != NULL && w->queue->at < at ? w->queue->at : at;
}

/* One turn, then time moves to the next event, at most to `until`. */
static void step(struct world *w, kith_time until)
{
	kith_time at;

	turn(w);
	at = next_time(w);
	if (at <= w->now)
		at = w->now + 100;
	w->now = at < until ? at : until;
}

void world_run(struct world *w, kith_time us)
{
	kith_time until = w->now + us;

	while (w->now < until)
		step(w, until);
	turn(w);
}

struct kith_mbox_result *world_result(struct world *w)
{
	kith_time until = w->now + 15 * SEC;

	while (w->shown == w->results && w->now < until)
		step(w, until);
	CHECK(w->shown < w->results);
	w->shown++;
	if (w->shown == w->results && w->results > WORLD_RESULTS / 2) {
		w->result[0] = w->result[w->shown - 1]; /* begin anew, the last one stays */
		for (unsigned i = 0; i + 1 < w->results; i++) {
			free(w->tags[i]);
			free(w->blobs[i]);
		}
		w->tags[0] = w->tags[w->shown - 1];
		w->blobs[0] = w->blobs[w->shown - 1];
		memset(&w->tags[1], 0, sizeof(w->tags) - sizeof(w->tags[0]));
		memset(&w->blobs[1], 0, sizeof(w->blobs) - sizeof(w->blobs[0]));
		w->results = w->shown = 1;
		return &w->result[0];
	}
	return &w->result[w->shown - 1];
}

bool world_none(struct world *w, kith_time us)
{
	world_run(w, us);
	return w->shown == w->results;
}

/* ---- requests ---- */

uint32_t world_link(struct world *w, unsigned i)
{
	struct kith_addr addr = addr_of(0);
	uint32_t link;

	CHECK_OK(kith__mbox_open(w->client[i], w->ml, &addr, NULL, 0, &link, w->now));
	return link;
}

void parcel_make(struct parcel *p, unsigned n)
{
	memset(p, 0, sizeof(*p));
	memset(p->d, 0x11, sizeof(p->d));
	p->d[0] = (uint8_t)n;
	p->d[1] = (uint8_t)(n >> 8);
	kith_hash16(p->tag, KITH_L_TAG_HASH, p->d, sizeof(p->d));
	for (size_t i = 0; i < KITH_BLOB; i++)
		p->blob[i] = (uint8_t)(i * 7 + n);
	p->bucket.bucket = (uint16_t)((n & 7) << 13); /* three bits */
	p->bucket.p = 3;
}

void world_stamp(struct world *w, uint8_t stamp[static 64], const uint8_t tag[static 16],
		 const uint8_t *data, size_t len)
{
	uint64_t tried = 0;
	uint8_t q[32];

	kith__stamp_seed(q, w->ml, tag, data, len, world_wall(w) / 3600);
	CHECK(kith__stamp_search(stamp, &tried, 1u << 22, q, WORLD_BITS));
}

struct kith_mbox_result *world_put(struct world *w, unsigned i, const struct parcel *p)
{
	uint32_t link = world_link(w, i);
	struct kith_mbox_result *r;
	uint8_t stamp[64];

	world_stamp(w, stamp, p->tag, p->blob, KITH_BLOB);
	CHECK_OK(kith__mbox_put(w->client[i], link, p->tag, p->bucket, 2, stamp, p->blob, w->now));
	r = world_result(w);
	CHECK_EQ(r->link, link);
	kith__mbox_close(w->client[i], link, w->now);
	return r;
}

struct kith_mbox_result *world_delete(struct world *w, unsigned i, const uint8_t d[static 32])
{
	uint32_t link = world_link(w, i);
	struct kith_mbox_result *r;

	CHECK_OK(kith__mbox_delete(w->client[i], link, d, w->now));
	r = world_result(w);
	CHECK_EQ(r->link, link);
	CHECK_EQ(r->verb, KITH_MBOX_DELETE);
	kith__mbox_close(w->client[i], link, w->now);
	return r;
}

/* ---- raw links ---- */

void raw_open(struct world *w)
{
	struct kith_net_target t = {.kind = KITH_NET_SERVICE, .addr_count = 1};
	kith_time until = w->now + 5 * SEC;

	t.addr[0] = addr_of(0);
	memcpy(t.ml, w->ml, sizeof(t.ml));
	w->raw_up = w->raw_lost = false;
	CHECK_OK(kith_net_connect(w->net[2], &t, &w->raw_session, w->now));
	while (!w->raw_up && w->now < until)
		step(w, until);
	CHECK(w->raw_up);
	CHECK_OK(kith_net_stream_open(w->net[2], w->raw_session, KITH_NET_CLASS_SYNC,
				      &w->raw_stream, w->now));
}

void raw_send(struct world *w, const uint8_t *data, size_t len)
{
	kith_time until = w->now + 5 * SEC;

	while (len > 0 && w->now < until && !w->raw_lost) {
		size_t taken;

		if (kith_net_stream_write(w->net[2], w->raw_session, w->raw_stream, data, len,
					  &taken, w->now) != KITH_OK)
			return;
		data += taken;
		len -= taken;
		step(w, until);
	}
}

size_t raw_recv(struct world *w, uint8_t *out, size_t cap)
{
	kith_time until = w->now + 5 * SEC;
	size_t len = 0, want = 4;

	while (w->now < until) {
		size_t got = 0;
		bool fin;

		CHECK(want <= cap);
		if (kith_net_stream_read(w->net[2], w->raw_session, w->raw_stream, out + len,
					 want - len, &got, &fin, w->now) != KITH_OK)
			return 0;
		len += got;
		if (len == want && want > 4)
			return len;
		if (len == 4)
			want = 4 + (size_t)kith_load_u32(out);
		if (got == 0)
			step(w, until);
	}
	return 0;
}

void raw_close(struct world *w)
{
	kith_net_close(w->net[2], w->raw_session, w->now);
	world_run(w, 50 * MS);
}
