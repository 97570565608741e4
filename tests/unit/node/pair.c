/* SPDX-License-Identifier: ISC */
/* Whole nodes on a wire in memory. */
#include "tests/unit/node/pair.h"

#include <stdlib.h>
#include <string.h>

static struct kith_addr addr_of(unsigned i)
{
	return kith_addr_v4(10, 0, (uint8_t)(i + 1), 1, 4000);
}

static void boot(struct pair *p, unsigned i)
{
	struct kith_profile_config pc = {.dir = "p",
					 .disk = &p->disk[i].table,
					 .rng = &p->rng[i],
					 .argon_passes = 1,
					 .argon_kib = 64};
	struct kith_node_config cfg = {.rng = &p->rng[i],
				       .log = &p->log,
				       .network = 7,
				       .work_bits = 0,
				       .mailbox_bits = 4,
				       .mailbox_disk_max = 64u << 20,
				       .mailbox_days_max = 30,
				       .mailbox_members_max = 10,
				       .ack_delay_s = 10,
				       .publish_address = true,
				       .version = "test"};
	struct kith_notice notice = {.kind = KITH_NOTICE_WALL};
	struct kith_addr local = addr_of(i);
	int status = kith_profile_open(&pc, NULL, 0, &p->profile[i]);

	if (status == KITH_E_NOTFOUND)
		status = kith_profile_create(&pc, NULL, 0, &p->profile[i]);
	CHECK_OK(status);
	CHECK_OK(kith_profile_node_key(p->profile[i], cfg.node_secret));
	CHECK_OK(kith_store_open(p->profile[i], KITH_DB_ACCOUNT, &p->account[i]));
	cfg.role = i == 2 ? KITH_ROLE_ALWAYS_ON : KITH_ROLE_USER;
	if (i == 2)
		CHECK_OK(kith_store_open(p->profile[i], KITH_DB_MAILBOX, &p->mailbox[i]));
	cfg.account = p->account[i];
	cfg.mailbox = p->mailbox[i];
	cfg.wall_ms = PAIR_WALL_S * 1000 + p->now / KITH_US_PER_MS;
	CHECK_OK(kith_node_new(&cfg, p->now, &p->node[i]));
	p->engine[i] = kith_node_engine(p->node[i]);
	notice.wall_ms = cfg.wall_ms;
	p->engine[i].notice(p->engine[i].self, &notice, p->now);
	notice.kind = KITH_NOTICE_LOCAL;
	notice.addrs = &local;
	notice.addr_count = 1;
	p->engine[i].notice(p->engine[i].self, &notice, p->now);
}

static void halt(struct pair *p, unsigned i)
{
	kith_node_free(p->node[i]);
	kith_store_close(p->account[i]);
	kith_store_close(p->mailbox[i]);
	kith_profile_close(p->profile[i]);
	p->node[i] = NULL;
	p->account[i] = p->mailbox[i] = NULL;
	p->profile[i] = NULL;
}

void pair_init(struct pair *p, unsigned nodes)
{
	unsigned i;

	memset(p, 0, sizeof(*p));
	p->now = 1000 * (kith_time)KITH_US_PER_S;
	p->delay = 5000;
	p->nodes = nodes;
	p->state = test_seed();
	for (i = 0; i < nodes; i++) {
		test_disk_init(&p->disk[i]);
		p->rng[i] = test_rng(test_seed() + i);
		boot(p, i);
		CHECK_OK(kith_node_identity_create(p->node[i], i == 0 ? "alice" : "bob", ++p->call,
						   p->now));
	}
	pair_run(p, KITH_US_PER_S);
	for (i = 0; i < nodes; i++)
		CHECK_EQ(p->seen[i].replies, 1);
}

static void drop_queue(struct pair *p)
{
	while (p->queue != NULL) {
		struct pair_dgram *d = p->queue;

		p->queue = d->next;
		free(d);
	}
}

void pair_free(struct pair *p)
{
	unsigned i;

	for (i = 0; i < p->nodes; i++) {
		halt(p, i);
		test_disk_free(&p->disk[i]);
		free(p->seen[i].text);
	}
	drop_queue(p);
}

void pair_restart(struct pair *p, unsigned i, bool power)
{
	halt(p, i);
	if (power)
		test_disk_cut(&p->disk[i], &p->state);
	boot(p, i);
}

void pair_restore(struct pair *p, unsigned i, const uint8_t *image, size_t len)
{
	struct test_disk_file *f;

	halt(p, i);
	f = test_disk_find(&p->disk[i], "p/account.db");
	CHECK(f != NULL && len <= f->now_cap);
	memcpy(f->now, image, len);
	f->now_len = len;
	boot(p, i);
}

/* ---- turns ---- */

static void enqueue(struct pair *p, unsigned from, unsigned to, const uint8_t *data, size_t len)
{
	struct pair_dgram **at = &p->queue;
	struct pair_dgram *d = malloc(sizeof(*d));

	CHECK(d != NULL && len <= sizeof(d->data));
	d->at = p->now + p->delay;
	d->to = to;
	d->from = addr_of(from);
	d->len = len;
	memcpy(d->data, data, len);
	while (*at != NULL && (*at)->at <= d->at)
		at = &(*at)->next;
	d->next = *at;
	*at = d;
}

static void send_all(struct pair *p, unsigned i)
{
	struct kith_dgram_out out;

	while (p->engine[i].output(p->engine[i].self, &out, p->now)) {
		size_t step = out.segment != 0 ? out.segment : out.len;
		size_t at;
		unsigned to;

		for (to = 0; to < p->nodes; to++) {
			struct kith_addr a = addr_of(to);

			if (kith_addr_equal(&a, &out.remote))
				break;
		}
		if (to == p->nodes || (p->cut && to < 2 && i < 2))
			continue;
		for (at = 0; at < out.len; at += step) {
			if (test_random(&p->state) % 100 < p->loss_pct)
				continue;
			enqueue(p, i, to, out.data + at, out.len - at < step ? out.len - at : step);
		}
	}
}

static void jobs(struct pair *p, unsigned i)
{
	struct kith_job *job;

	while (p->engine[i].job(p->engine[i].self, &job)) {
		job->run(job);
		p->engine[i].done(p->engine[i].self, job, p->now);
	}
}

static void drain(struct pair *p, unsigned i)
{
	struct pair_seen *s = &p->seen[i];
	struct kith_node_message m;
	struct kith_node_row row;
	struct kith_node_reply r;

	p->engine[i].wake(p->engine[i].self, p->now);
	while (kith_node_news(p->node[i], &row)) {
		s->news[row.type]++;
		if (row.type == KITH_EVENT_MESSAGE_NEW || row.type == KITH_EVENT_MESSAGE_STATE) {
			if (kith_node_news_message(p->node[i], &m)) {
				s->with++;
				CHECK(m.id >= row.first && m.id <= row.last);
			} else {
				s->without++;
			}
		}
	}
	while (kith_node_reply(p->node[i], &r)) {
		s->replies++;
		s->reply = r;
		if (r.kind == KITH_REPLY_MESSAGE && r.status == KITH_OK) {
			free(s->text);
			s->text_len = r.message.text_len;
			s->text = malloc(s->text_len + 1);
			CHECK(s->text != NULL);
			memcpy(s->text, r.message.text, s->text_len);
			s->text[s->text_len] = 0;
		}
	}
}

static void turn(struct pair *p, unsigned i)
{
	struct kith_engine *e = &p->engine[i];

	if (e->deadline(e->self) <= p->now)
		e->tick(e->self, p->now);
	jobs(p, i);
	send_all(p, i);
	jobs(p, i);
	send_all(p, i);
	drain(p, i);
}

static kith_time next_at(const struct pair *p)
{
	kith_time at = p->queue != NULL ? p->queue->at : KITH_NEVER;
	unsigned i;

	for (i = 0; i < p->nodes; i++) {
		kith_time t = p->engine[i].deadline(p->engine[i].self);

		if (t < at)
			at = t;
	}
	return at;
}

void pair_run(struct pair *p, kith_time us)
{
	kith_time end = p->now + us;
	unsigned stuck = 0;
	unsigned i;

	for (;;) {
		kith_time at;

		while (p->queue != NULL && p->queue->at <= p->now) {
			struct pair_dgram *d = p->queue;
			struct kith_dgram_in in = {.remote = d->from,
						   .local = addr_of(d->to),
						   .data = d->data,
						   .len = d->len};

			p->queue = d->next;
			(void)p->engine[d->to].input(p->engine[d->to].self, &in, p->now);
			free(d);
		}
		for (i = 0; i < p->nodes; i++)
			turn(p, i);
		at = next_at(p);
		if (at > end)
			break;
		stuck = at > p->now ? 0 : stuck + 1;
		CHECK(stuck < 10000); /* a deadline that does not move */
		if (at > p->now)
			p->now = at;
	}
	p->now = end;
}

/* ---- people ---- */

struct kith_contact *pair_contact(struct pair *p, unsigned i)
{
	CHECK(p->node[i]->contacts > 0);
	return p->node[i]->contact[0];
}

static struct kith_contact *know(struct pair *p, unsigned i, unsigned other, bool a)
{
	struct kith_node *n = p->node[i];
	const struct kith_identity *o = p->node[other]->id;
	struct kith_contact *c = kith__contact_new(n, o->ik);

	CHECK(c != NULL);
	c->state = KITH_CONTACT_ACCEPTED;
	c->dev = o->device;
	c->epoch = 1;
	c->i_am_a = a;
	memcpy(c->dk, o->dk, 32);
	memcpy(c->xk, o->xk, 32);
	memcpy(c->lk, o->lk, 32);
	memcpy(c->p, o->presence[0].p, 32);
	c->has_lk = c->has_p = true;
	c->p_epoch = o->presence[0].epoch;
	c->link.root_count = 1;
	memset(c->link.root[0].l, 77, 32);
	c->link.root[0].day = kith__wall_s(n) / KITH_DAY_S;
	c->ratchet = kith_arena_get(n->arena, sizeof(*c->ratchet));
	CHECK(c->ratchet != NULL);
	return c;
}

static void rows(struct kith_node *n, struct kith_contact *c)
{
	kith__row_contact(n, c);
	kith__row_device(n, c);
	kith__row_conversation(n, c);
	kith__contact_link(n, c);
	kith__dirty(n, c, true, true, true);
}

void pair_befriend(struct pair *p)
{
	struct kith_ratchet_context ctx = {p->node[0]->id->ik, p->node[1]->id->ik,
					   p->node[0]->id->device, p->node[1]->id->device, 1};
	struct kith_contact *a = know(p, 0, 1, true);
	struct kith_contact *b = know(p, 1, 0, false);
	struct kith_ratchet_seeds seeds;
	uint8_t root[32], rdh_secret[32], rdh[32], rek_seed[64], ek[KITH_KEM_EK], dk[KITH_KEM_DK];
	uint8_t tag_a[32], tag_b[32], link[32];

	kith_rng_fill(&p->rng[0], root, 32);
	kith_rng_fill(&p->rng[0], rdh_secret, 32);
	kith_rng_fill(&p->rng[0], rek_seed, 64);
	kith_rng_fill(&p->rng[1], &seeds, sizeof(seeds));
	kith_dh_public(rdh, rdh_secret);
	kith_kem_keygen(ek, dk, rek_seed);
	kith__ratchet_init_a(a->ratchet, root, rdh_secret, rek_seed, &ctx);
	CHECK_OK(kith__ratchet_init_b(b->ratchet, root, rdh, ek, &seeds,
				      PAIR_WALL_S * 1000 + p->now / 1000, &ctx));
	kith__root_derive(tag_a, tag_b, link, root);
	kith__tagbook_start(p->node[0], a, tag_a, tag_b);
	kith__tagbook_start(p->node[1], b, tag_b, tag_a);
	rows(p->node[0], a);
	rows(p->node[1], b);
	pair_run(p, KITH_US_PER_MS);
}

void pair_connect(struct pair *p, unsigned from)
{
	struct kith_net_target t = {.kind = KITH_NET_LINK, .addr_count = 1};
	struct kith_contact *c = pair_contact(p, from);

	t.peer = (uint32_t)c->id;
	t.addr[0] = addr_of(1 - from);
	CHECK_OK(kith_net_connect(p->node[from]->net, &t, &c->connecting, p->now));
	pair_run(p, KITH_US_PER_S);
	CHECK(c->session != 0);
	CHECK(pair_contact(p, 1 - from)->session != 0);
}

int pair_say_only(struct pair *p, unsigned i, uint32_t number, const char *text, size_t len)
{
	struct kith_msgid id = {{0}};
	uint64_t ms = PAIR_WALL_S * 1000;
	unsigned k;

	for (k = 0; k < 6; k++)
		id.b[k] = (uint8_t)(ms >> (40 - 8 * k));
	for (k = 0; k < 4; k++)
		id.b[6 + k] = (uint8_t)(number >> (24 - 8 * k));
	id.b[10] = (uint8_t)i;
	return kith_node_say(p->node[i], pair_contact(p, i)->conv, &id, text, len, NULL, ++p->call,
			     p->now);
}

uint64_t pair_say(struct pair *p, unsigned i, uint32_t number, const char *text, size_t len)
{
	unsigned before = p->seen[i].replies;

	CHECK_OK(pair_say_only(p, i, number, text, len));
	pair_run(p, KITH_US_PER_MS);
	CHECK_EQ(p->seen[i].replies, before + 1);
	CHECK_OK(p->seen[i].reply.status);
	CHECK_EQ(p->seen[i].reply.call, p->call);
	CHECK_EQ(p->seen[i].text_len, len);
	CHECK_MEM(p->seen[i].text, text, len);
	return p->seen[i].reply.id;
}

enum kith_step pair_step(struct pair *p, unsigned i, uint64_t message)
{
	struct kith_node_state s;

	CHECK_OK(kith__state(p->node[i], pair_contact(p, i), message, &s));
	return s.step;
}

unsigned pair_count(struct pair *p, unsigned i, bool own, struct kith_node_message *last)
{
	struct kith_op op = kith_op(KITH_OP_HISTORY_AFTER);
	struct kith_rows r;
	unsigned count = 0;

	jobs(p, i);
	kith_op_int(&op, (int64_t)pair_contact(p, i)->conv);
	kith_op_int(&op, 0);
	kith_op_int(&op, PAIR_TEXTS);
	CHECK_OK(kith_store_read_now(p->account[i], &op, &r));
	while (kith_rows_next(&r)) {
		if ((kith_rows_int(&r, 1) == 0) != own)
			continue;
		count++;
		if (last != NULL)
			kith__message_from_row(p->node[i], &r, pair_contact(p, i)->conv, last);
	}
	return count;
}
