/* SPDX-License-Identifier: ISC */
/* The virtual town around whole nodes. */
#include "tests/sim/town.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DELAY   (20u * KITH_US_PER_MS)
#define WALL_MS (UINT64_C(20775) * 86400000u + 43200000u)
#define STUCK   200000u /* turns of one node at one instant */

struct town_dgram {
	struct town_dgram *next;
	kith_time at;
	unsigned from, to;
	size_t len;
	uint8_t data[KITH_DGRAM_MAX];
};

void town_init(struct town *t, unsigned boxes, unsigned nodes)
{
	memset(t, 0, sizeof(*t));
	CHECK(nodes <= TOWN_NODES);
	t->now = 1000 * SEC;
	t->delay = DELAY;
	t->nodes = nodes;
	t->loud = getenv("TOWN_LOUD") != NULL;
	for (unsigned i = 0; i < nodes; i++) {
		test_disk_init(&t->n[i].disk);
		t->n[i].always_on = i < boxes;
		t->n[i].nat = i >= boxes;
		t->n[i].addr = kith_addr_v4(192, 0, 2, (uint8_t)(i + 1), 4000);
		if (i < boxes) /* each in a net of its own */
			t->n[i].addr = kith_addr_v4((uint8_t)(20 + i), (uint8_t)i, 0, 1, 4000);
		t->n[i].rng = test_rng(test_seed() * 64 + i);
		t->n[i].disk_rng = test_rng(test_seed() * 64 + 32 + i);
		t->n[i].call = 1;
	}
}

/* ---- coming and going ---- */

static void open_stores(struct town_node *p)
{
	struct kith_profile_config cfg = {.dir = "p",
					  .disk = &p->disk.table,
					  .rng = &p->disk_rng,
					  .argon_passes = 1};
	int status;

	cfg.argon_kib = 64;
	status = kith_profile_open(&cfg, NULL, 0, &p->profile);
	if (status == KITH_E_NOTFOUND)
		status = kith_profile_create(&cfg, NULL, 0, &p->profile);
	CHECK_OK(status);
	CHECK_OK(kith_store_open(p->profile, KITH_DB_ACCOUNT, &p->account));
	if (p->always_on)
		CHECK_OK(kith_store_open(p->profile, KITH_DB_MAILBOX, &p->mailbox));
}

void town_boot(struct town *t, unsigned i)
{
	struct town_node *p = &t->n[i];
	struct kith_node_config cfg;
	struct kith_notice notice = {.kind = KITH_NOTICE_LOCAL, .addrs = &p->addr, .addr_count = 1};

	CHECK(!p->up);
	open_stores(p);
	memset(&cfg, 0, sizeof(cfg));
	cfg.log = &p->log;
	cfg.rng = &p->rng;
	cfg.network = 9;
	cfg.role = p->always_on ? KITH_ROLE_ALWAYS_ON : KITH_ROLE_USER;
	CHECK_OK(kith_profile_node_key(p->profile, cfg.node_secret));
	cfg.account = p->account;
	cfg.mailbox = p->mailbox;
	cfg.wall_ms = WALL_MS + t->now / KITH_US_PER_MS;
	cfg.mailbox_disk_max = 64u << 20;
	cfg.mailbox_days_max = 30;
	cfg.mailbox_members_max = 1000;
	cfg.mailbox_bits = 4;
	cfg.work_bits = 4;
	cfg.ack_delay_s = 2;
	cfg.version = "test";
	CHECK_OK(kith_node_new(&cfg, t->now, &p->node));
	p->e = kith_node_engine(p->node);
	p->up = true;
	memset(p->sent_to, 0, sizeof(p->sent_to));
	if (!p->nat)
		p->e.notice(p->e.self, &notice, t->now);
}

static void take_down(struct town *t, unsigned i)
{
	struct town_node *p = &t->n[i];

	p->up = false;
	kith_node_free(p->node);
	p->node = NULL;
	kith_store_close(p->account);
	if (p->mailbox != NULL)
		kith_store_close(p->mailbox);
	p->account = p->mailbox = NULL;
	kith_profile_close(p->profile);
}

static bool stopped(struct town *t, unsigned i)
{
	return kith_node_stopping(t->n[i].node, t->now);
}

void town_halt(struct town *t, unsigned i)
{
	(void)town_until(t, 10 * SEC, stopped, i);
	town_run(t, SEC / 10);
	take_down(t, i);
}

void town_kill(struct town *t, unsigned i, bool cut)
{
	uint64_t state = test_seed() + t->now;

	take_down(t, i);
	if (cut)
		test_disk_cut(&t->n[i].disk, &state);
}

void town_silence(struct town *t)
{
	while (t->queue != NULL) {
		struct town_dgram *d = t->queue;

		t->queue = d->next;
		free(d);
	}
}

void town_free(struct town *t)
{
	for (unsigned i = 0; i < t->nodes; i++) {
		if (t->n[i].up)
			take_down(t, i);
		test_disk_free(&t->n[i].disk);
	}
	town_silence(t);
}

/* ---- the wire ---- */

static void post(struct town *t, unsigned from, const struct kith_dgram_out *out)
{
	size_t step = out->segment == 0 ? out->len : out->segment;

	for (unsigned to = 0; to < t->nodes; to++) {
		if (!kith_addr_equal(&t->n[to].addr, &out->remote))
			continue;
		t->n[from].sent_to[to] = true;
		for (size_t at = 0; at < out->len; at += step) {
			struct town_dgram *d = calloc(1, sizeof(*d));

			CHECK(d != NULL);
			d->at = t->now + t->delay;
			d->from = from;
			d->to = to;
			d->len = out->len - at < step ? out->len - at : step;
			CHECK(d->len <= sizeof(d->data));
			memcpy(d->data, out->data + at, d->len);
			t->n[from].datagrams++;
			t->n[from].bytes += d->len;
			if (t->queue == NULL)
				t->queue = d;
			else
				t->last->next = d;
			t->last = d;
		}
	}
}

static void deliver(struct town *t)
{
	while (t->queue != NULL && t->queue->at <= t->now) {
		struct town_dgram *d = t->queue;
		struct town_node *p = &t->n[d->to];

		t->queue = d->next;
		if (p->up && (!p->nat || p->sent_to[d->from])) {
			struct kith_dgram_in in = {.remote = t->n[d->from].addr, .data = d->data};

			in.len = d->len;
			(void)p->e.input(p->e.self, &in, t->now);
		}
		free(d);
	}
}

/* ---- what nodes tell ---- */

static void take_reply(struct town_node *p, const struct kith_node_reply *r)
{
	struct kith_node_message m;

	if (r->kind == KITH_REPLY_MESSAGES) {
		while (kith_node_reply_message(p->node, &m)) {
			struct town_text *s = &p->shown[p->shown_count];

			if (m.author == 0)
				continue;
			CHECK(p->shown_count < TOWN_TEXTS);
			CHECK(m.text_len < sizeof(s->text));
			memcpy(s->text, m.text, m.text_len);
			s->text[m.text_len] = 0;
			s->conversation = m.conversation;
			p->shown_count++;
		}
		return;
	}
	p->reply = *r;
	if (r->text != NULL)
		(void)snprintf(p->text, sizeof(p->text), "%s", r->text);
}

static bool told(struct town *t, struct town_node *p)
{
	struct kith_node_reply r;
	struct kith_node_row row;
	struct kith_log_line line;
	bool any = false;

	while (kith_node_news(p->node, &row)) {
		any = true;
		if (row.type == KITH_EVENT_MESSAGE_NEW)
			CHECK_OK(kith_node_messages(p->node, row.conversation, row.first, row.last,
						    1000000u + p->shown_count, t->now));
	}
	while (kith_node_reply(p->node, &r)) {
		any = true;
		take_reply(p, &r);
	}
	while (kith_log_next(&p->log, &line))
		if (t->loud)
			printf("# %u %.3f %s\n", (unsigned)(p - t->n), (double)line.at / 1e6,
			       line.text);
	return any;
}

static void turn(struct town *t, unsigned i)
{
	struct town_node *p = &t->n[i];
	bool busy = true;

	for (unsigned k = 0; busy; k++) {
		struct kith_dgram_out out;
		struct kith_job *job;

		CHECK(k < STUCK);
		busy = false;
		if (t->now >= p->e.deadline(p->e.self)) {
			p->e.tick(p->e.self, t->now);
			busy = true;
			if (k > STUCK - 10)
				printf("# node %u does not come to rest\n", i);
		}
		while (p->e.job(p->e.self, &job)) {
			job->run(job);
			p->e.done(p->e.self, job, t->now);
			busy = true;
		}
		while (p->e.output(p->e.self, &out, t->now)) {
			post(t, i, &out);
			busy = true;
		}
		p->e.wake(p->e.self, t->now);
		busy |= told(t, p);
	}
}

static void turn_all(struct town *t)
{
	deliver(t);
	for (unsigned i = 0; i < t->nodes; i++)
		if (t->n[i].up)
			turn(t, i);
}

static kith_time next_at(const struct town *t, kith_time end)
{
	kith_time at = end;

	if (t->queue != NULL && t->queue->at < at)
		at = t->queue->at;
	for (unsigned i = 0; i < t->nodes; i++) {
		kith_time d = t->n[i].up ? t->n[i].e.deadline(t->n[i].e.self) : KITH_NEVER;

		if (d < at)
			at = d;
	}
	return at < t->now ? t->now : at;
}

bool town_until(struct town *t, kith_time us, bool (*done)(struct town *t, unsigned i), unsigned i)
{
	kith_time end = t->now + us;

	for (;;) {
		turn_all(t);
		if (done != NULL && done(t, i))
			return true;
		if (t->now >= end)
			return false;
		t->now = next_at(t, end);
	}
}

void town_run(struct town *t, kith_time us)
{
	(void)town_until(t, us, NULL, 0);
}

uint32_t town_call(struct town *t, unsigned i)
{
	return ++t->n[i].call;
}

static bool replied(struct town *t, unsigned i)
{
	return t->n[i].reply.call == t->n[i].call;
}

void town_reply(struct town *t, unsigned i)
{
	CHECK(town_until(t, SEC, replied, i));
	CHECK_OK(t->n[i].reply.status);
}

void town_meet(struct town *t, unsigned i, unsigned k)
{
	char hint[96];

	CHECK_OK(kith_node_own_hint(t->n[k].node, hint, sizeof(hint)));
	CHECK_OK(kith_node_bootstrap(t->n[i].node, hint, strlen(hint), t->now));
}
