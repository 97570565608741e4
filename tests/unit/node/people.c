/* SPDX-License-Identifier: ISC */
#include "tests/unit/node/people.h"

#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

struct person *person_new(struct kith_rng *rng)
{
	struct person *p = calloc(1, sizeof(*p));
	uint8_t seed[64];

	CHECK(p != NULL);
	kith_rng_fill(rng, p->ik_seed, 32);
	kith_rng_fill(rng, p->xk_secret, 32);
	kith_rng_fill(rng, p->spk_secret, 32);
	kith_rng_fill(rng, p->cap, 16);
	kith_rng_fill(rng, p->p, 32);
	kith_rng_fill(rng, seed, 64);
	p->spk_id = kith_rng_u32(rng);
	kith_sign_public(p->ik, p->ik_seed);
	kith_dh_public(p->xk, p->xk_secret);
	kith_dh_public(p->spk, p->spk_secret);
	kith_kem_keygen(p->ek, p->dk, seed);
	p->cert.device = kith_rng_u32(rng);
	kith_sign_public(p->cert.dk, p->cap[0] ? p->spk_secret : p->p);
	memcpy(p->cert.xk, p->xk, 32);
	p->cert.not_after = TEST_NOW + 400u * 86400u;
	kith__cert_sign(&p->cert, p->ik_seed, p->ik);
	return p;
}

void person_free(struct person *p)
{
	free(p);
}

struct kith_request_keys person_keys(const struct person *p)
{
	return (struct kith_request_keys){p->ik,  p->xk_secret, p->xk, p->spk_secret,
					  p->spk, p->dk,        p->ek};
}

void person_request(struct person *a, const struct person *b, struct kith_rng *rng,
		    enum kith_request_kind kind, uint8_t out[KITH_INNER], uint8_t root[32],
		    struct kith_request *q)
{
	const struct kith_request_peer to = {b->ik, b->xk, b->spk, b->ek};
	struct kith_noncer noncer;
	uint8_t e[32], m[32], dk[KITH_KEM_DK];

	memset(q, 0, sizeof(*q));
	kith_noncer_init(&noncer, rng);
	kith_rng_fill(rng, e, 32);
	kith_rng_fill(rng, m, 32);
	kith_rng_fill(rng, a->rdh_secret, 32);
	kith_rng_fill(rng, a->rek_seed, 64);
	q->kind = kind;
	q->spk_id = b->spk_id;
	memcpy(q->ik, a->ik, 32);
	q->cert = a->cert;
	kith_dh_public(q->rdh, a->rdh_secret);
	kith_kem_keygen(q->rek, dk, a->rek_seed);
	kith__mailbox_secret(q->ms, a->p);
	q->list_version = 1;
	q->session_epoch = TEST_NOW;
	q->created_s = TEST_NOW;
	q->count = 1;
	memcpy(q->box[0].ml, a->cap, 16);
	q->box[0].addr = kith_addr_v4(192, 0, 2, 1, 4000);
	q->box[0].retention = 30;
	q->name_len = 3;
	memcpy(q->name, "Ada", 3);
	CHECK_OK(kith__request_make(out, root, q, a->xk_secret, &to, e, m, &noncer));
}

static void draw_seeds(struct kith_rng *rng, struct kith_ratchet_seeds *s)
{
	kith_rng_fill(rng, s->dh_secret, 32);
	kith_rng_fill(rng, s->kem, 64);
	kith_rng_fill(rng, s->m, 32);
}

void couple_begin(struct couple *c, struct kith_rng *rng)
{
	uint8_t request[KITH_INNER], root_a[32], root_b[32];
	struct kith_ratchet_context context;
	struct kith_ratchet_seeds seeds;
	struct kith_request_keys self;
	struct kith_request q;

	memset(c, 0, sizeof(*c));
	c->rng = rng;
	c->now_ms = (uint64_t)TEST_NOW * 1000;
	c->a = person_new(rng);
	c->b = person_new(rng);
	kith_noncer_init(&c->noncer[0], rng);
	kith_noncer_init(&c->noncer[1], rng);
	person_request(c->a, c->b, rng, KITH_REQUEST_FIRST, request, root_a, &q);
	self = person_keys(c->b);
	CHECK_OK(kith__request_open(&q, root_b, request, &self, TEST_NOW));
	CHECK_MEM(root_a, root_b, 32);
	context = (struct kith_ratchet_context){c->a->ik, c->b->ik, c->a->cert.device,
						c->b->cert.device, q.session_epoch};
	kith__ratchet_init_a(&c->side[0], root_a, c->a->rdh_secret, c->a->rek_seed, &context);
	draw_seeds(rng, &seeds);
	CHECK_OK(kith__ratchet_init_b(&c->side[1], root_b, q.rdh, q.rek, &seeds, c->now_ms,
				      &context));
}

void couple_end(struct couple *c)
{
	kith__ratchet_wipe(&c->side[0]);
	kith__ratchet_wipe(&c->side[1]);
	person_free(c->a);
	person_free(c->b);
}

size_t couple_seal(struct couple *c, int who, bool light, const char *text,
		   const struct kith_ack *ack, uint8_t out[KITH_INNER])
{
	struct kith_ratchet *r = &c->side[who];
	struct kith_ratchet_seeds seeds;
	uint8_t body[KITH_BODY] = {0};
	struct kith_body b = {.type = KITH_BODY_CHAT, .seq = ++c->seq[who]};
	size_t len, size = KITH_INNER;

	if (ack != NULL)
		b.ack = *ack;
	b.content = (const uint8_t *)text;
	b.len = strlen(text);
	len = kith__body_encode(body, sizeof(body), &b);
	CHECK(len != 0);
	if (light && r->chain_acked) {
		CHECK_OK(kith__ratchet_seal_light(r, out, &size, body, len, &c->noncer[who]));
		return size;
	}
	draw_seeds(c->rng, &seeds);
	CHECK_OK(kith__ratchet_seal_full(r, out, body,
					 kith__ratchet_step_wanted(r, c->now_ms, false), &seeds,
					 c->now_ms, &c->noncer[who]));
	return size;
}

int couple_open(struct couple *c, int who, const uint8_t *frame, size_t len,
		struct kith_opened *opened)
{
	return kith__ratchet_open(&c->side[who], opened, frame, len, c->now_ms);
}

void couple_warm(struct couple *c)
{
	uint8_t frame[KITH_INNER];
	struct kith_opened o;
	struct kith_ack ack = {.next = 1};
	size_t len;
	int turn;

	for (turn = 0; turn < 4; turn++) {
		int who = turn % 2 == 0;

		ack.next = c->seq[!who] + 1;
		len = couple_seal(c, who, turn == 3, "hello", &ack, frame);
		CHECK_OK(couple_open(c, !who, frame, len, &o));
		c->now_ms += 31000;
	}
	c->now_ms -= 62000;
	CHECK(c->side[0].chain_acked && c->side[1].chain_acked);
	CHECK(c->side[0].step_due && !c->side[1].step_due);
}

void couple_state(uint8_t out[32], const struct kith_ratchet *r)
{
	uint8_t row[KITH_RATCHET_ROW];
	struct kith_hasher h;
	size_t i;

	kith_hasher_init(&h, KITH_L_NONCE, 32);
	kith_hasher_add(&h, row, kith__ratchet_encode(row, r));
	for (i = 0; i < r->skipped_count; i++) {
		uint8_t n[4];

		kith_store_u32(n, r->skipped[i].n);
		kith_hasher_add(&h, r->skipped[i].hk, 32);
		kith_hasher_add(&h, r->skipped[i].mk, 32);
		kith_hasher_add(&h, n, 4);
	}
	kith_hasher_end(&h, out);
}
