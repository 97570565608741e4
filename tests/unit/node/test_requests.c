/* SPDX-License-Identifier: ISC */
/* Requests between whole nodes, handed over by hand: several roots, crossing, refusal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/msgs.h"
#include "tests/unit/node/pair.h"

#define FIRST_MS 100u

static struct pair *start(void)
{
	struct pair *p = calloc(1, sizeof(*p));
	unsigned i;

	CHECK(p != NULL);
	pair_init(p, 2);
	for (i = 0; i < 2; i++) { /* an answer needs a place */
		struct kith_own_box *b = &p->node[i]->box[p->node[i]->boxes++];

		memset(b, 0, sizeof(*b));
		memset(b->e.ml, 50 + (int)i, 32);
		b->e.addr = kith_addr_v4(10, 9, 9, 9, 9);
		b->listed = true;
		b->listed_version = 1;
		b->next_probe = b->next_list = KITH_NEVER;
		p->node[i]->list_version = 1;
	}
	return p;
}

static void end(struct pair *p)
{
	pair_free(p);
	free(p);
}

/* Node `from` makes a request to the other for its newest prekey; a copy of its bytes. */
static void request(struct pair *p, unsigned from, uint8_t out[static KITH_INNER])
{
	struct kith_node *n = p->node[from];
	const struct kith_identity *o = p->node[1 - from]->id;
	struct kith_contact *c = kith__contact_by_ik(n, o->ik);

	if (c == NULL) {
		c = kith__contact_new(n, o->ik);
		CHECK(c != NULL);
		c->state = KITH_CONTACT_REQUESTED;
		c->dev = o->device;
		memcpy(c->xk, o->xk, 32);
		kith__row_contact(n, c);
		kith__row_conversation(n, c);
		kith__row_device(n, c);
		c->knock = kith_alloc_zero(n->alloc, 1, sizeof(*c->knock)); /* no mailboxes */
		c->bundle = kith_alloc_zero(n->alloc, 1, sizeof(*c->bundle));
		CHECK(c->knock != NULL && c->bundle != NULL);
	}
	memcpy(c->bundle->xk, o->xk, 32);
	c->bundle->spk_id = o->prekey[0]->id;
	memcpy(c->bundle->spk, o->prekey[0]->spk, 32);
	memcpy(c->bundle->ek, o->prekey[0]->ek, sizeof(c->bundle->ek));
	c->seek = KITH_SEEK_WORK;
	c->next_seek = 0;
	n->now = p->now;
	kith__seek_tick(n);
	CHECK(c->request_blob != NULL && kith__request_open_at(c, 0)->used);
	c->seek = KITH_SEEK_PUT;
	memcpy(out, c->request_blob, KITH_INNER);
	pair_run(p, FIRST_MS);
	c->next_seek = KITH_NEVER;
}

static void arrive(struct pair *p, unsigned at, const uint8_t inner[static KITH_INNER])
{
	uint8_t ml[32] = {1};
	struct kith__request_way way = {.ml = ml, .day = 1};

	p->node[at]->now = p->now;
	CHECK(kith__request_arrived(p->node[at], &way, inner));
	pair_run(p, FIRST_MS);
}

static void accept_it(struct pair *p, unsigned at)
{
	struct kith_node_request r;

	CHECK(kith_node_request(p->node[at], 0, &r));
	CHECK_OK(kith_node_request_accept(p->node[at], r.id, NULL, ++p->call, p->now));
	pair_run(p, FIRST_MS);
}

/* The accept that waits at node `at`. */
static void accept_of(struct pair *p, unsigned at, uint8_t out[static KITH_INNER])
{
	struct kith_contact *c = pair_contact(p, at);

	CHECK(c->outs > 0 && c->out[0]->type == KITH_BODY_ACCEPT && c->out[0]->frame != NULL);
	CHECK_EQ(c->out[0]->frame_len, KITH_INNER);
	memcpy(out, c->out[0]->frame, KITH_INNER);
}

static void renew_prekey(struct pair *p, unsigned i)
{
	p->node[i]->now = p->now;
	CHECK_OK(kith__prekey_new(p->node[i]));
	pair_run(p, FIRST_MS);
}

static void know_link(struct pair *p)
{
	unsigned i;

	for (i = 0; i < 2; i++) { /* what the presence record would tell */
		struct kith_contact *c = pair_contact(p, i);

		memcpy(c->lk, p->node[1 - i]->id->lk, 32);
		memcpy(c->p, p->node[1 - i]->id->presence[0].p, 32);
		c->has_lk = c->has_p = true;
		c->p_epoch = p->node[1 - i]->id->presence[0].epoch;
		kith__contact_link(p->node[i], c);
	}
}

/* The first answer keeps the root of the newer request, over a restart; its accept replaces the
 * session, and both talk under it. */
TEST(requests_newer_accept_replaces_the_session)
{
	struct pair *p = start();
	uint8_t one[KITH_INNER], two[KITH_INNER], accept1[KITH_INNER], accept2[KITH_INNER];
	struct kith_contact *c;
	uint8_t root[32];
	uint32_t first;
	uint64_t said;

	request(p, 0, one);
	renew_prekey(p, 1);
	request(p, 0, two);
	c = pair_contact(p, 0);
	CHECK(kith__request_open_at(c, 0)->used && kith__request_open_at(c, 1)->used);
	first = kith__request_open_at(c, 1)->session_epoch;
	memcpy(root, kith__request_open_at(c, 0)->root, 32);
	arrive(p, 1, one);
	accept_it(p, 1);
	accept_of(p, 1, accept1);
	arrive(p, 1, two); /* from somebody accepted: no question */
	accept_of(p, 1, accept2);
	CHECK(memcmp(accept1, accept2, KITH_INNER) != 0);
	p->node[0]->now = p->now;
	CHECK(kith__request_answered(p->node[0], c, 1, accept1));
	pair_run(p, FIRST_MS);
	CHECK_EQ(c->epoch, first);
	CHECK(kith__request_open_at(c, 0)->used && !kith__request_open_at(c, 1)->used);
	pair_restart(p, 0, true);
	c = pair_contact(p, 0);
	CHECK_EQ(c->state, KITH_CONTACT_ACCEPTED);
	CHECK_EQ(c->epoch, first);
	CHECK(kith__request_open_at(c, 0)->used && !kith__request_open_at(c, 1)->used);
	CHECK_MEM(kith__request_open_at(c, 0)->root, root, 32);
	CHECK(kith__request_answered(p->node[0], c, 0, accept2));
	pair_run(p, FIRST_MS);
	CHECK_EQ(c->epoch, first + 1);
	CHECK(!kith__request_open_at(c, 0)->used);
	pair_restart(p, 0, true);
	pair_restart(p, 1, true);
	CHECK(!kith__request_open_at(pair_contact(p, 0), 0)->used);
	CHECK_EQ(pair_contact(p, 0)->recv.count, 1);
	CHECK_MEM(pair_contact(p, 0)->recv.list[0].chain[0].t,
		  pair_contact(p, 1)->send.list[0].chain[0].t, 32);
	know_link(p);
	pair_connect(p, 0);
	said = pair_say(p, 0, 1, "under the second root", 21);
	pair_run(p, KITH_US_PER_S);
	CHECK_EQ(pair_step(p, 0, said), KITH_STEP_DELIVERED);
	end(p);
}

/* Both asked: the request of the lower identity counts, the other one is void, also when it comes
 * late and is the newer of the two. */
TEST(requests_crossing_loser_comes_late)
{
	struct pair *p = start();
	uint8_t low_request[KITH_INNER], high_request[KITH_INNER], accept[KITH_INNER];
	struct kith_contact *c;
	unsigned low = memcmp(p->node[0]->id->ik, p->node[1]->id->ik, 32) < 0 ? 0 : 1;
	uint32_t epoch;

	request(p, low, low_request);
	pair_run(p, 10 * (kith_time)KITH_US_PER_S);
	request(p, 1 - low, high_request);
	c = pair_contact(p, low);
	epoch = kith__request_open_at(c, 0)->session_epoch;
	CHECK(kith__request_open_at(pair_contact(p, 1 - low), 0)->session_epoch > epoch);
	arrive(p, 1 - low, low_request);
	CHECK_EQ(pair_contact(p, 1 - low)->state, KITH_CONTACT_ACCEPTED);
	CHECK(!kith__request_open_at(pair_contact(p, 1 - low), 0)->used);
	accept_of(p, 1 - low, accept);
	p->node[low]->now = p->now;
	CHECK(kith__request_answered(p->node[low], c, 0, accept));
	pair_run(p, FIRST_MS);
	CHECK_EQ(c->epoch, epoch);
	CHECK(c->epoch_floor > epoch);
	pair_restart(p, low, true);
	c = pair_contact(p, low);
	CHECK(c->i_am_a && c->epoch_floor > epoch);
	arrive(p, low, high_request);
	CHECK_EQ(c->epoch, epoch);
	CHECK(c->i_am_a);
	end(p);
}

/* The same request under another proof of work neither doubles, moves, nor comes back refused. */
TEST(requests_refused_stay_refused)
{
	struct pair *p = start();
	uint8_t one[KITH_INNER], two[KITH_INNER];
	struct kith_node_request r;
	uint64_t at_ms;
	uint64_t id;

	request(p, 0, one);
	arrive(p, 1, one);
	CHECK(kith_node_request(p->node[1], 0, &r));
	at_ms = r.at_ms;
	id = r.id;
	pair_run(p, 5 * (kith_time)KITH_US_PER_S);
	one[KITH_INNER - 1] ^= 1;
	arrive(p, 1, one);
	CHECK(kith_node_request(p->node[1], 0, &r));
	CHECK_EQ(r.at_ms, at_ms);
	CHECK_EQ(r.id, id);
	CHECK(!kith_node_request(p->node[1], 1, &r));
	CHECK_OK(kith_node_request_refuse(p->node[1], id, ++p->call, p->now));
	pair_run(p, FIRST_MS);
	pair_restart(p, 1, true);
	one[KITH_INNER - 1] ^= 2;
	arrive(p, 1, one);
	CHECK(!kith_node_request(p->node[1], 0, &r));
	renew_prekey(p, 1);
	request(p, 0, two); /* a new one is a new question */
	arrive(p, 1, two);
	CHECK(kith_node_request(p->node[1], 0, &r));
	end(p);
}

/* ---- no memory ---- */

/* Fails the k-th allocation while `n` has written no row since: what comes later must have it. */
struct scarce {
	const struct kith_alloc *real;
	const struct kith_node *n;
	size_t ops;
	unsigned left;
	bool failed;
};

static void *scarce_resize(void *ctx, void *p, size_t size)
{
	struct scarce *s = ctx;

	if (size != 0 && s->left > 0 && --s->left == 0 && s->n->open_ops == s->ops) {
		s->failed = true;
		return NULL;
	}
	return s->real->resize(s->real->ctx, p, size);
}

static void scarce_begin(struct scarce *s, struct kith_node *n, unsigned k)
{
	*s = (struct scarce){.real = kith_alloc_heap(), .n = n, .ops = n->open_ops, .left = k};
}

/* An accept that finds no memory at any place changes nothing, and works afterwards. */
TEST(requests_accept_without_memory)
{
	struct pair *p = start();
	const struct kith_alloc *real = p->node[1]->alloc;
	struct kith_alloc table = {.resize = scarce_resize};
	struct kith_node *n = p->node[1];
	uint8_t one[KITH_INNER];
	struct kith_node_request r;
	struct scarce s;
	unsigned failed = 0;
	unsigned k;
	int status;

	request(p, 0, one);
	arrive(p, 1, one);
	CHECK(kith_node_request(n, 0, &r));
	for (k = 1; k < 100; k++) {
		scarce_begin(&s, n, k);
		table.ctx = &s;
		n->alloc = &table;
		status = kith_node_request_accept(n, r.id, NULL, 1000 + k, p->now);
		n->alloc = real;
		if (!s.failed)
			break;
		CHECK(status != KITH_OK);
		CHECK_EQ(n->contacts, 0);
		CHECK_EQ(n->pendings, 1);
		CHECK_EQ(n->open_ops, s.ops);
		failed++;
	}
	CHECK_OK(status);
	CHECK(failed >= 4);
	printf("# %u places\n", failed);
	pair_run(p, FIRST_MS);
	CHECK_EQ(pair_contact(p, 1)->state, KITH_CONTACT_ACCEPTED);
	CHECK_EQ(pair_contact(p, 1)->outs, 1);
	CHECK_EQ(pair_contact(p, 1)->out[0]->type, KITH_BODY_ACCEPT);
	end(p);
}

/* The same for the answer, and for a request that comes. */
TEST(requests_answer_without_memory)
{
	struct pair *p = start();
	const struct kith_alloc *real = p->node[0]->alloc;
	struct kith_alloc table = {.resize = scarce_resize};
	uint8_t ml[32] = {1};
	struct kith__request_way way = {.ml = ml, .day = 1};
	uint8_t one[KITH_INNER], accept[KITH_INNER];
	struct kith_contact *c;
	struct scarce s;
	unsigned failed = 0;
	unsigned k;
	bool ok = false;

	request(p, 0, one);
	for (k = 1; k < 100; k++) {
		scarce_begin(&s, p->node[1], k);
		table.ctx = &s;
		p->node[1]->alloc = &table;
		ok = kith__request_arrived(p->node[1], &way, one);
		p->node[1]->alloc = real;
		if (!s.failed)
			break;
		CHECK(!ok);
		CHECK_EQ(p->node[1]->pendings, 0);
		failed++;
	}
	CHECK(ok && failed >= 2);
	pair_run(p, FIRST_MS);
	accept_it(p, 1);
	accept_of(p, 1, accept);
	c = pair_contact(p, 0);
	for (k = 1; k < 100; k++) {
		scarce_begin(&s, p->node[0], k);
		table.ctx = &s;
		p->node[0]->alloc = &table;
		p->node[0]->now = p->now;
		ok = kith__request_answered(p->node[0], c, 0, accept);
		p->node[0]->alloc = real;
		if (!s.failed)
			break;
		CHECK(!ok);
		CHECK_EQ(c->state, KITH_CONTACT_REQUESTED);
		CHECK(kith__request_open_at(c, 0)->used && c->ratchet == NULL);
		CHECK_EQ(c->outs, 0);
		failed++;
	}
	CHECK(ok && failed >= 5);
	printf("# %u places\n", failed);
	pair_run(p, FIRST_MS);
	CHECK_EQ(c->state, KITH_CONTACT_ACCEPTED);
	CHECK_EQ(c->out[0]->type, KITH_BODY_PRESENCE);
	end(p);
}

/* A part whose frame was opened is kept though the heap is empty; the text comes when it is not. */
TEST(requests_part_without_memory)
{
	static const uint8_t tlv[6] = {1, 3, 0, 'a', 'b', 'c'};
	struct kith_alloc table = {.resize = scarce_resize};
	struct kith_chat_part part = {.parts = 2, .hlc = 77, .bytes = tlv, .len = 4};
	struct pair *p = calloc(1, sizeof(*p));
	const struct kith_alloc *real;
	struct kith_node_message m;
	struct kith_node *n;
	struct scarce s;

	CHECK(p != NULL);
	pair_init(p, 2);
	pair_befriend(p);
	n = p->node[1];
	real = n->alloc;
	part.mid.b[0] = 5;
	CHECK(kith__parts_room(n));
	scarce_begin(&s, n, 1);
	s.left = 0;
	table.ctx = &s;
	n->now = p->now;
	s.left = 1; /* the copy of its bytes */
	n->alloc = &table;
	kith__part_arrived(n, pair_contact(p, 1), &part, 2, false);
	n->alloc = real;
	CHECK(s.failed);
	CHECK_EQ(n->refused_frames, 0);
	pair_run(p, FIRST_MS);
	CHECK(kith__parts_room(n));
	part.part = 1;
	part.bytes = tlv + 4;
	part.len = 2;
	n->now = p->now;
	kith__part_arrived(n, pair_contact(p, 1), &part, 3, false);
	pair_run(p, FIRST_MS);
	CHECK_EQ(pair_count(p, 1, false, &m), 1);
	CHECK_EQ(n->refused_frames, 0);
	pair_free(p);
	free(p);
}
