/* SPDX-License-Identifier: ISC */
/*
 * From a root to a session (crypto.md 5, 8): ratchet, tag chains of both directions, the peer's
 * mailboxes, link root. The former session of the contact, if any, ends with its keys.
 */
#include "node/session.h"

#include <string.h>

static int start_ratchet_b(struct kith_node *n, struct kith__fresh *f, const struct kith_request *q,
			   const uint8_t root[static 32])
{
	struct kith_ratchet_context ctx = {q->ik, n->id->ik, q->cert.device, n->id->device,
					   q->session_epoch};
	struct kith_ratchet_seeds seeds;
	int status;

	f->ratchet = kith_arena_get(n->arena, sizeof(*f->ratchet));
	if (f->ratchet == NULL)
		return KITH_E_NOMEM;
	kith_rng_fill(n->rng, &seeds, sizeof(seeds));
	status = kith__ratchet_init_b(f->ratchet, root, q->rdh, q->rek, &seeds, kith__wall_ms(n),
				      &ctx);
	f->ratchet->alloc = n->alloc;
	f->ratchet->last = &n->last_ek;
	kith_wipe(&seeds, sizeof(seeds));
	return status;
}

/* Starts one direction of tags from its root at the list version told at first contact. */
static int start_tags(struct kith_tag_side *s, const uint8_t root[static 32], uint32_t version,
		      const struct kith_list_entry *e, unsigned count)
{
	uint8_t ml[KITH_MAILBOXES_MAX][32];
	unsigned i;

	kith__tagbook_wipe(s);
	memcpy(s->root, root, 32);
	s->has_root = true;
	s->root_version = version;
	for (i = 0; i < count; i++)
		memcpy(ml[i], e[i].ml, 32);
	return kith__tagbook_list(s, version, (const uint8_t(*)[32])ml, count);
}

static void boxes_of_request(struct kith__fresh *f, const struct kith_request *q)
{
	unsigned i;

	f->list_version = q->list_version;
	f->boxes = q->count;
	for (i = 0; i < q->count; i++) {
		memcpy(f->box[i].ml, q->box[i].ml, 32);
		f->box[i].addr = q->box[i].addr;
		f->box[i].p = q->box[i].p;
		f->box[i].retention = q->box[i].retention;
		f->box[i].flags = q->box[i].flags;
	}
}

int kith__fresh_b(struct kith_node *n, struct kith__fresh *f, const struct kith_request *q,
		  const uint8_t root[static 32])
{
	struct kith_list own;
	uint8_t tag_a[32];
	uint8_t tag_b[32];
	int status;

	memset(f, 0, sizeof(*f));
	f->day = kith__wall_s(n) / KITH_DAY_S;
	f->epoch = f->floor = q->session_epoch;
	f->cert = q->cert;
	boxes_of_request(f, q);
	kith__own_list(n, &own);
	kith__root_derive(tag_a, tag_b, f->link, root);
	status = start_ratchet_b(n, f, q, root);
	if (status == KITH_OK)
		status = start_tags(&f->send, tag_b, f->list_version, f->box, f->boxes);
	if (status == KITH_OK)
		status = start_tags(&f->recv, tag_a, own.version, own.box, own.count);
	kith_wipe(tag_a, 32);
	kith_wipe(tag_b, 32);
	if (status != KITH_OK)
		kith__fresh_drop(n, f);
	return status;
}

int kith__fresh_a(struct kith_node *n, struct kith__fresh *f, const struct kith_open_request *r,
		  const struct kith_accept *a, struct kith_ratchet *ratchet)
{
	uint8_t tag_a[32];
	uint8_t tag_b[32];
	int status;

	memset(f, 0, sizeof(*f));
	f->day = a->accept_day;
	f->i_am_a = true;
	f->epoch = r->session_epoch;
	f->floor = a->session_epoch;
	f->cert = a->cert;
	f->list_version = a->list.version;
	f->boxes = a->list.count;
	memcpy(f->box, a->list.box, sizeof(f->box));
	f->with_mk = true;
	kith__root_derive(tag_a, tag_b, f->link, r->root);
	status = start_tags(&f->send, tag_a, f->list_version, f->box, f->boxes);
	kith_wipe(tag_a, 32);
	kith_wipe(tag_b, 32);
	if (status == KITH_OK)
		f->ratchet = ratchet;
	else
		kith__fresh_drop(n, f);
	return status;
}

void kith__fresh_drop(struct kith_node *n, struct kith__fresh *f)
{
	if (f->ratchet != NULL) {
		kith__ratchet_wipe(f->ratchet);
		kith_arena_put(n->arena, f->ratchet);
	}
	kith__tagbook_wipe(&f->send);
	kith__tagbook_wipe(&f->recv);
	kith_wipe(f, sizeof(*f));
}

/* ---- taking over ---- */

/* The lists of the former session end: memory and rows. */
static void drop_tags(struct kith_node *n, struct kith_contact *c)
{
	while (c->send.count > 0)
		kith__tagbook_drop(n, c, 0, 0);
	while (c->recv.count > 0)
		kith__tagbook_drop(n, c, 1, 0);
}

static void take_boxes(struct kith_node *n, struct kith_contact *c, const struct kith__fresh *f)
{
	struct kith_op op;
	unsigned i;

	kith__outbox_uncopy(n, c);
	for (i = 0; i < c->boxes; i++)
		if (c->box[i].row != 0) {
			op = kith_op(KITH_OP_PEERBOX_DELETE);
			kith_op_int(&op, (int64_t)c->box[i].row);
			kith__put(n, &op);
		}
	memset(c->box, 0, sizeof(c->box));
	c->list_version = f->list_version;
	c->boxes = f->boxes;
	for (i = 0; i < f->boxes; i++) {
		c->box[i].e = f->box[i];
		c->box[i].has_mk = f->with_mk;
	}
}

static void take_identity(struct kith_contact *c, const struct kith_cert *cert)
{
	c->dev = cert->device;
	memcpy(c->dk, cert->dk, 32);
	memcpy(c->xk, cert->xk, 32);
	memcpy(c->manifest_hash, cert->manifest, 32);
}

static void take_keys(struct kith_node *n, struct kith_contact *c, struct kith__fresh *f)
{
	kith__contact_drop_ratchet(n, c);
	c->ratchet = f->ratchet;
	kith__wants_forget(n, c->id);
	drop_tags(n, c);
	kith__tagbook_wipe(&c->send);
	kith__tagbook_wipe(&c->recv);
	c->send = f->send; /* move: their lists are on the heap */
	c->recv = f->recv;
	memset(c->link.root, 0, sizeof(c->link.root));
	memcpy(c->link.root[0].l, f->link, 32);
	c->link.root[0].day = f->day;
	c->link.root_count = 1;
	c->link.newest_known = false;
}

void kith__fresh_take(struct kith_node *n, struct kith_contact *c, struct kith__fresh *f)
{
	take_identity(c, &f->cert);
	c->epoch = f->epoch;
	if (f->floor > c->epoch_floor)
		c->epoch_floor = f->floor;
	c->i_am_a = f->i_am_a;
	memset(&c->flow, 0, sizeof(c->flow));
	c->flow.out_next = 1;
	c->flow.in_next = f->i_am_a ? 2 : 1; /* 1 was the accept */
	c->state = KITH_CONTACT_ACCEPTED;
	c->seek = KITH_SEEK_NONE;
	take_boxes(n, c, f);
	take_keys(n, c, f);
	kith__row_contact(n, c); /* before the rows that refer to it */
	kith__row_conversation(n, c);
	kith__row_device(n, c);
	kith__row_peer_boxes(n, c);
	kith__dirty(n, c, true, true, true);
	kith_wipe(f, sizeof(*f));
}
