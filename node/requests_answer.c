/* SPDX-License-Identifier: ISC */
/*
 * The answer to an own request (crypto.md 5): a full frame under the tags of the request, or on a
 * live link, that opens as an accept. It makes us role A of a new session; the first body we send
 * tells P and the shared capability. All that can fail is done before anything changes, so an
 * answer that finds no memory is opened again later.
 */
#include <string.h>

#include "node/session.h"

#define SEEN_S 2592000u /* 30 d, as every frame */

static int open_accept(struct kith_node *n, struct kith_contact *c,
		       const struct kith_open_request *r, const uint8_t inner[static KITH_INNER],
		       struct kith_ratchet *ratchet, struct kith_accept *a)
{
	struct kith_ratchet_context ctx = {n->id->ik, c->ik, n->id->device, c->dev,
					   r->session_epoch};
	struct kith_opened *o = kith_alloc_zero(n->alloc, 1, sizeof(*o));
	struct kith_body body;
	int status = KITH_E_NOMEM;

	if (o == NULL)
		return status;
	kith__ratchet_init_a(ratchet, r->root, r->rdh_secret, r->rek_seed, &ctx);
	ratchet->alloc = n->alloc;
	ratchet->last = &n->last_ek;
	status = kith__ratchet_open(ratchet, o, inner, KITH_INNER, kith__wall_ms(n));
	if (status == KITH_OK)
		status = kith__body_decode(&body, o->body, o->body_len);
	if (status == KITH_OK && (body.type != KITH_BODY_ACCEPT || body.seq != 1))
		status = KITH_E_MALFORMED;
	if (status == KITH_OK)
		status = kith__accept_decode(a, body.content, body.len);
	if (status == KITH_OK)
		status = kith__cert_check(&a->cert, c->ik, kith__wall_s(n));
	if (status == KITH_OK && (a->cert.device != c->dev || memcmp(a->cert.xk, c->xk, 32) != 0))
		status = KITH_E_AUTH;
	kith_wipe(o, sizeof(*o));
	kith_alloc_free(n->alloc, o);
	return status;
}

/* The request told an older list: chains of the present one, and the body that tells it (0: none).
 */
static size_t own_list_changed(struct kith_node *n, struct kith_contact *c,
			       const struct kith_list *own, uint8_t *out, size_t cap)
{
	uint8_t ml[KITH_MAILBOXES_MAX][32];
	unsigned i;

	for (i = 0; i < own->count; i++)
		memcpy(ml[i], own->box[i].ml, 32);
	if (kith__tagbook_list(&c->recv, own->version, (const uint8_t(*)[32])ml, own->count) !=
	    KITH_OK)
		return 0;
	kith__dirty(n, c, false, false, true);
	return kith__list_encode(out, cap, own);
}

static void list_first(struct kith_node *n, struct kith_contact *c)
{
	struct kith_list own;
	uint8_t content[KITH_CONTENT_FULL];
	size_t len;

	kith__own_list(n, &own);
	if (c->recv.count > 0 && c->recv.list[c->recv.count - 1].version == own.version)
		return;
	len = own_list_changed(n, c, &own, content, sizeof(content));
	if (len > 0 && kith__outbox_append(n, c, KITH_BODY_LIST, 0, NULL, content, len) == NULL)
		kith_log_add(n->log, n->now, KITH_LOG_ERROR, "a mailbox list was not queued");
}

static void take_accept(struct kith_contact *c, const struct kith_accept *a)
{
	memcpy(c->p, a->p, 32);
	memcpy(c->cap, a->cap, 16);
	c->has_p = true;
	c->has_cap = !kith_is_zero(a->cap, 16);
	c->p_epoch = a->p_epoch;
}

/* The session of the answer, or nothing changed. */
static int take_session(struct kith_node *n, struct kith_contact *c, struct kith_open_request *r,
			struct kith_accept *a, struct kith_ratchet *ratchet)
{
	struct kith__fresh f;
	uint64_t most = kith__wall_s(n) + KITH_EPOCH_AHEAD_S;
	int status;

	if (a->session_epoch > most) /* it would make all of its later requests void */
		a->session_epoch = (uint32_t)most;
	status = kith__fresh_a(n, &f, r, a, ratchet);
	if (status == KITH_OK && !kith__presence_append(n, c)) {
		f.ratchet = NULL; /* the caller's */
		kith__fresh_drop(n, &f);
		status = KITH_E_FULL;
	}
	if (status != KITH_OK)
		return status;
	f.recv = r->in; /* moves: the request ends */
	memset(&r->in, 0, sizeof(r->in));
	take_accept(c, a);
	kith__requests_close(n, c, f.epoch);
	kith__fresh_take(n, c, &f);
	return KITH_OK;
}

static void answered(struct kith_node *n, struct kith_contact *c)
{
	kith__heal_ended(n, c);
	kith__request_out_row(n, c);
	list_first(n, c);
	kith__outbox_reseal(n, c);
	kith__ack_owe(n, c, c->session != 0);
	kith__contact_link(n, c); /* a known device: its new link root */
	kith__tagbook_changed(n);
	kith__presence_want(n, c);
	kith__publish_soon(n);
	kith__event(n, KITH_EVENT_CONTACT_CHANGED, c->conv, c->id);
	kith__delivery_run(n, c);
}

bool kith__request_answered(struct kith_node *n, struct kith_contact *c, unsigned i,
			    const uint8_t inner[static KITH_INNER])
{
	struct kith_open_request *r = c->request == NULL ? NULL : &c->request[i];
	struct kith_ratchet *ratchet;
	struct kith_accept a;
	uint8_t hash[16];
	uint32_t known;
	int status;

	kith__frame_hash(hash, inner, KITH_INNER);
	if (kith_map_get(&n->seen, hash, &known)) {
		kith__ack_owe(n, c, false);
		return true;
	}
	if (r == NULL || !r->used || c->blocked ||
	    (c->state == KITH_CONTACT_ACCEPTED && r->session_epoch <= c->epoch))
		return false;
	ratchet = kith_arena_get(n->arena, sizeof(*ratchet));
	if (ratchet == NULL)
		return false;
	memset(&a, 0, sizeof(a));
	status = open_accept(n, c, r, inner, ratchet, &a);
	if (status == KITH_OK)
		status = take_session(n, c, r, &a, ratchet);
	kith_wipe(&a, sizeof(a));
	if (status != KITH_OK) {
		kith__ratchet_wipe(ratchet);
		kith_arena_put(n->arena, ratchet);
		return false;
	}
	kith__row_seen(n, hash, kith__wall_s(n) + SEEN_S);
	answered(n, c);
	return true;
}

bool kith__request_answer_try(struct kith_node *n, struct kith_contact *c,
			      const uint8_t inner[static KITH_INNER])
{
	unsigned i;

	for (i = 0; i < KITH_OPEN_REQUESTS; i++)
		if (kith__request_open_at(c, i)->used && kith__request_answered(n, c, i, inner))
			return true;
	return false;
}
