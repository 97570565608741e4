/* SPDX-License-Identifier: ISC */
/*
 * Requests of others and answers to own ones (crypto.md 4-5).
 *
 * Nothing is answered before the user accepts. Crossing requests: the request of the bytewise lower
 * identity counts; the higher answers it with the accept and drops its own, the lower goes on
 * sending its own. An accept carries the acceptor's own newest session epoch, so that a dropped
 * request that arrives late cannot take the conversation over (docs/models.md, crossing).
 */
#include <string.h>

#include "base/text.h"
#include "node/internal.h"

#define EPOCH_AHEAD_S 172800u  /* a request may be 2 days ahead of our clock */
#define SEEN_S        3196800u /* 37 d: as long as the prekey that opens it */

static struct kith_pending *pending_by_ik(const struct kith_node *n, const uint8_t ik[static 32])
{
	size_t i;

	for (i = 0; i < n->pendings; i++)
		if (memcmp(n->pending[i]->q.ik, ik, 32) == 0)
			return n->pending[i];
	return NULL;
}

static struct kith_pending *pending_by_id(const struct kith_node *n, uint64_t id)
{
	size_t i;

	for (i = 0; i < n->pendings; i++)
		if (n->pending[i]->id == id)
			return n->pending[i];
	return NULL;
}

/* Takes `p` out of the list and frees it; its row goes too. */
static void pending_drop(struct kith_node *n, struct kith_pending *p)
{
	struct kith_op op = kith_op(KITH_OP_REQUEST_DELETE);
	size_t i;

	kith_op_int(&op, (int64_t)p->id);
	kith__put(n, &op);
	for (i = 0; i < n->pendings; i++)
		if (n->pending[i] == p) {
			memmove(&n->pending[i], &n->pending[i + 1],
				(n->pendings - i - 1) * sizeof(p));
			n->pendings--;
			break;
		}
	kith_wipe(p, sizeof(*p));
	kith_alloc_free(n->alloc, p);
}

void kith__pending_free(struct kith_node *n)
{
	while (n->pendings > 0) {
		struct kith_pending *p = n->pending[--n->pendings];

		kith_wipe(p, sizeof(*p));
		kith_alloc_free(n->alloc, p);
	}
}

static int open_request(struct kith_node *n, struct kith_pending *p,
			const uint8_t inner[static KITH_INNER])
{
	const struct kith_own_prekey *k;
	struct kith_request_keys self;
	enum kith_request_kind kind;
	uint8_t ek[KITH_KEM_EK];
	uint8_t dk[KITH_KEM_DK];
	uint32_t spk_id;
	int status = kith__request_peek(inner, &kind, &spk_id);

	if (status != KITH_OK)
		return status;
	k = kith__prekey(n, spk_id);
	if (k == NULL)
		return KITH_E_NOTFOUND;
	kith_kem_keygen(ek, dk, k->kem_seed);
	self.ik = n->id->ik;
	self.xk_secret = n->id->xk_secret;
	self.xk = n->id->xk;
	self.spk_secret = k->secret;
	self.spk = k->spk;
	self.dk = dk;
	self.ek = k->ek;
	status = kith__request_open(&p->q, p->root, inner, &self, kith__wall_s(n));
	kith_wipe(dk, sizeof(dk));
	if (status == KITH_OK && (!kith_text_valid(p->q.name, p->q.name_len) ||
				  !kith_text_valid(p->q.greeting, p->q.greeting_len)))
		status = KITH_E_MALFORMED;
	return status;
}

static void pending_row(struct kith_node *n, const struct kith_pending *p,
			const uint8_t inner[static KITH_INNER])
{
	struct kith_op op = kith_op(KITH_OP_REQUEST_PUT);

	kith_op_int(&op, (int64_t)p->id);
	kith_op_int(&op, 0);
	kith_op_blob(&op, p->q.ik, 32);
	kith_op_blob(&op, inner, KITH_INNER);
	kith_op_text(&op, p->q.name, p->q.name_len);
	kith_op_text(&op, p->q.greeting, p->q.greeting_len);
	kith_op_int(&op, p->work);
	kith_op_int(&op, 0);
	kith_op_int(&op, (int64_t)p->at_ms);
	kith__put(n, &op);
}

/* Room for one more: when full, the request with the least work goes. */
static bool make_room(struct kith_node *n, unsigned work)
{
	struct kith_pending *least;
	size_t i;

	if (n->pendings < KITH_REQUESTS_MAX)
		return true;
	least = n->pending[0];
	for (i = 1; i < n->pendings; i++)
		if (n->pending[i]->work < least->work)
			least = n->pending[i];
	if (least->work >= work)
		return false;
	pending_drop(n, least);
	return true;
}

static int accept_pending(struct kith_node *n, struct kith_pending *p, const char *alias,
			  struct kith_contact **out);

/* What a request from somebody we know means; true when it is dealt with. */
static bool from_known(struct kith_node *n, struct kith_pending *p)
{
	struct kith_contact *c = kith__contact_by_ik(n, p->q.ik);

	if (c == NULL)
		return false;
	if (c->blocked)
		return true;
	switch (c->state) {
	case KITH_CONTACT_REQUESTED:
		if (memcmp(p->q.ik, n->id->ik, 32) < 0 && p->q.session_epoch > c->epoch_floor)
			(void)accept_pending(n, p, NULL, &c);
		return true;
	case KITH_CONTACT_ACCEPTED:
		if (p->q.session_epoch > c->epoch_floor)
			(void)accept_pending(n, p, NULL, &c);
		return true;
	case KITH_CONTACT_REFUSED:
	case KITH_CONTACT_REMOVED: break;
	}
	return false;
}

static void pending_add(struct kith_node *n, struct kith_pending *p,
			const uint8_t inner[static KITH_INNER])
{
	struct kith_pending *old = pending_by_ik(n, p->q.ik);

	if (old != NULL && old->q.session_epoch >= p->q.session_epoch)
		return;
	if (old != NULL)
		pending_drop(n, old);
	if (!make_room(n, p->work))
		return;
	p->id = n->next_request++;
	n->pending[n->pendings] = kith_alloc_copy(n->alloc, p, sizeof(*p));
	if (n->pending[n->pendings] == NULL)
		return;
	n->pendings++;
	pending_row(n, p, inner);
	kith__event(n, KITH_EVENT_REQUEST_NEW, 0, p->id);
}

void kith__request_arrived(struct kith_node *n, const uint8_t ml[static 32], uint64_t day,
			   const uint8_t inner[static KITH_INNER])
{
	struct kith_pending *p;
	uint8_t seen[16];
	uint8_t no[16];
	uint32_t known;

	if (!n->has_identity)
		return;
	kith__request_seen(seen, inner);
	if (kith_map_get(&n->seen, seen, &known))
		return;
	p = kith_alloc_zero(n->alloc, 1, sizeof(*p));
	if (p == NULL)
		return;
	p->work = kith__request_work_bits(inner, n->id->ik, ml, day);
	p->at_ms = kith__wall_ms(n);
	memcpy(p->seen, seen, 16);
	if (p->work >= n->cfg.work_bits && open_request(n, p, inner) == KITH_OK &&
	    p->q.session_epoch <= kith__wall_s(n) + EPOCH_AHEAD_S &&
	    memcmp(p->q.ik, n->id->ik, 32) != 0) {
		kith__row_seen(n, seen, kith__wall_s(n) + SEEN_S);
		kith__request_refusal(no, p->q.ik, p->q.session_epoch);
		if (!kith_map_get(&n->seen, no, &known) && !from_known(n, p))
			pending_add(n, p, inner);
	}
	kith_wipe(p, sizeof(*p));
	kith_alloc_free(n->alloc, p);
}

int kith__pending_load(struct kith_node *n, uint64_t id, unsigned work, uint64_t at_ms,
		       const uint8_t inner[static KITH_INNER])
{
	struct kith_pending *p;

	if (n->pendings == KITH_REQUESTS_MAX)
		return KITH_E_MALFORMED;
	p = kith_alloc_zero(n->alloc, 1, sizeof(*p));
	if (p == NULL)
		return KITH_E_NOMEM;
	p->id = id;
	p->work = work;
	p->at_ms = at_ms;
	kith__request_seen(p->seen, inner);
	if (open_request(n, p, inner) !=
	    KITH_OK) { /* its prekey has ended: it can no longer be answered */
		kith_wipe(p, sizeof(*p));
		kith_alloc_free(n->alloc, p);
		return KITH_OK;
	}
	n->pending[n->pendings++] = p;
	return KITH_OK;
}

bool kith_node_request(const struct kith_node *n, size_t i, struct kith_node_request *out)
{
	const struct kith_pending *p;

	if (i >= n->pendings)
		return false;
	p = n->pending[i];
	memset(out, 0, sizeof(*out));
	out->id = p->id;
	memcpy(out->name, p->q.name, p->q.name_len);
	memcpy(out->greeting, p->q.greeting, p->q.greeting_len);
	kith__shortname(out->shortname, p->q.ik);
	out->at_ms = p->at_ms;
	out->work = p->work;
	return true;
}

static void set_boxes(struct kith_node *n, struct kith_contact *c, uint32_t version,
		      const struct kith_list_entry *e, unsigned count, bool with_mk)
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
	c->list_version = version;
	c->boxes = count;
	for (i = 0; i < count; i++) {
		c->box[i].e = e[i];
		c->box[i].has_mk = with_mk;
	}
	kith__row_peer_boxes(n, c);
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

/* The lists of the former session end: memory and rows. */
static void drop_tags(struct kith_node *n, struct kith_contact *c)
{
	while (c->send.count > 0)
		kith__tagbook_drop(n, c, 0, 0);
	while (c->recv.count > 0)
		kith__tagbook_drop(n, c, 1, 0);
}

static void start_link(struct kith_contact *c, const uint8_t link[static 32], uint64_t day)
{
	memset(&c->link, 0, sizeof(c->link));
	memcpy(c->link.root[0].l, link, 32);
	c->link.root[0].day = day;
	c->link.root_count = 1;
}

static void take_identity(struct kith_contact *c, const struct kith_cert *cert)
{
	c->dev = cert->device;
	memcpy(c->dk, cert->dk, 32);
	memcpy(c->xk, cert->xk, 32);
	memcpy(c->manifest_hash, cert->manifest, 32);
}

static void queue_accept(struct kith_node *n, struct kith_contact *c, uint64_t day)
{
	const struct kith_own_cap *shared = kith__cap_shared(n);
	struct kith_accept a;
	uint8_t content[1616];
	size_t len;

	memset(&a, 0, sizeof(a));
	memcpy(a.p, n->id->presence[0].p, 32);
	a.p_epoch = n->id->presence[0].epoch;
	if (shared != NULL)
		memcpy(a.cap, shared->cap, 16);
	a.session_epoch = c->epoch_own > c->epoch ? c->epoch_own : c->epoch;
	a.accept_day = day;
	a.cert = n->id->cert;
	kith__own_list(n, &a.list);
	len = kith__accept_encode(content, sizeof(content), &a);
	KITH_ASSERT(len > 0);
	(void)kith__outbox_add(n, c, KITH_BODY_ACCEPT, 0, NULL, content, len);
	kith_wipe(&a, sizeof(a));
	kith_wipe(content, sizeof(content));
}

static int start_ratchet_b(struct kith_node *n, struct kith_contact *c,
			   const struct kith_pending *p)
{
	struct kith_ratchet_context ctx = {p->q.ik, n->id->ik, p->q.cert.device, n->id->device,
					   p->q.session_epoch};
	struct kith_ratchet_seeds seeds;
	int status;

	kith__contact_drop_ratchet(n, c);
	c->ratchet = kith_arena_get(n->arena, sizeof(*c->ratchet));
	if (c->ratchet == NULL)
		return KITH_E_NOMEM;
	c->ratchet->alloc = n->alloc;
	kith_rng_fill(n->rng, &seeds, sizeof(seeds));
	status = kith__ratchet_init_b(c->ratchet, p->root, p->q.rdh, p->q.rek, &seeds,
				      kith__wall_ms(n), &ctx);
	c->ratchet->alloc = n->alloc;
	kith_wipe(&seeds, sizeof(seeds));
	return status;
}

static void boxes_of_request(const struct kith_request *q, struct kith_list_entry *e)
{
	unsigned i;

	memset(e, 0, KITH_MAILBOXES_MAX * sizeof(*e));
	for (i = 0; i < q->count; i++) {
		memcpy(e[i].ml, q->box[i].ml, 32);
		e[i].addr = q->box[i].addr;
		e[i].p = q->box[i].p;
		e[i].retention = q->box[i].retention;
		e[i].flags = q->box[i].flags;
	}
}

static int session_b(struct kith_node *n, struct kith_contact *c, const struct kith_pending *p,
		     uint64_t day)
{
	struct kith_list_entry e[KITH_MAILBOXES_MAX];
	struct kith_list own;
	uint8_t tag_a[32];
	uint8_t tag_b[32];
	uint8_t link[32];
	int status = start_ratchet_b(n, c, p);

	if (status != KITH_OK)
		return status;
	kith__root_derive(tag_a, tag_b, link, p->root);
	boxes_of_request(&p->q, e);
	kith__own_list(n, &own);
	drop_tags(n, c);
	set_boxes(n, c, p->q.list_version, e, p->q.count, false);
	status = start_tags(&c->send, tag_b, p->q.list_version, e, p->q.count);
	if (status == KITH_OK)
		status = start_tags(&c->recv, tag_a, own.version, own.box, own.count);
	start_link(c, link, day);
	kith_wipe(tag_a, 32);
	kith_wipe(tag_b, 32);
	kith_wipe(link, 32);
	return status;
}

static int accept_pending(struct kith_node *n, struct kith_pending *p, const char *alias,
			  struct kith_contact **out)
{
	uint64_t day = kith__wall_s(n) / KITH_DAY_S;
	struct kith_contact *c = kith__contact_by_ik(n, p->q.ik);
	bool again = c != NULL && c->state == KITH_CONTACT_ACCEPTED;
	int status;

	if (c == NULL)
		c = kith__contact_new(n, p->q.ik);
	if (c == NULL)
		return KITH_E_FULL;
	take_identity(c, &p->q.cert);
	memset(c->name, 0, sizeof(c->name));
	memcpy(c->name, p->q.name, p->q.name_len);
	if (alias != NULL && strlen(alias) <= KITH_NAME_MAX)
		memcpy(c->alias, alias, strlen(alias) + 1);
	memcpy(c->ms, p->q.ms, 32);
	c->has_ms = true;
	c->epoch = c->epoch_floor = p->q.session_epoch;
	kith__requests_close(n, c, UINT32_MAX); /* own ones are dropped: this one counts */
	c->i_am_a = false;
	memset(&c->flow, 0, sizeof(c->flow));
	c->flow.out_next = c->flow.in_next = 1;
	c->state = KITH_CONTACT_ACCEPTED;
	kith__row_contact(n, c); /* before the rows that refer to it */
	kith__row_conversation(n, c);
	status = session_b(n, c, p, day);
	if (status != KITH_OK)
		return status;
	kith__row_contact(n, c); /* with the list version of the session */
	c->seek = KITH_SEEK_NONE;
	kith__row_device(n, c);
	kith__dirty(n, c, true, true, true);
	queue_accept(n, c, day);
	if (again || c->outs > 1)
		kith__outbox_reseal(n, c);
	kith__contact_link(n, c); /* a known device: its new link root */
	kith__tagbook_changed(n);
	kith__publish_soon(n); /* now somebody may ask for the presence record */
	kith__event(n, KITH_EVENT_CONTACT_NEW, c->conv, c->id);
	kith__delivery_run(n, c);
	*out = c;
	return KITH_OK;
}

int kith_node_request_accept(struct kith_node *n, uint64_t id, const char *alias, uint32_t call,
			     kith_time now)
{
	struct kith_pending *p = pending_by_id(n, id);
	struct kith_contact *c = NULL;
	int status;

	n->now = now;
	if (kith__may_write(n) != KITH_OK)
		return kith__may_write(n);
	if (p == NULL)
		return KITH_E_NOTFOUND;
	if (alias != NULL &&
	    (strlen(alias) > KITH_NAME_MAX || !kith_text_valid(alias, strlen(alias))))
		return KITH_E_MALFORMED;
	status = accept_pending(n, p, alias, &c);
	if (status != KITH_OK)
		return status;
	pending_drop(n, p);
	kith__event(n, KITH_EVENT_REQUEST_STATE, 0, id);
	kith__reply_done(n, call, c->id, c->conv);
	return KITH_OK;
}

int kith_node_request_refuse(struct kith_node *n, uint64_t id, uint32_t call, kith_time now)
{
	struct kith_pending *p = pending_by_id(n, id);
	uint8_t no[16];

	n->now = now;
	if (p == NULL)
		return KITH_E_NOTFOUND;
	/* By sender and epoch: its bytes differ per mailbox and with each new proof of work. */
	kith__request_refusal(no, p->q.ik, p->q.session_epoch);
	kith__row_seen(n, no, kith__wall_s(n) + SEEN_S);
	pending_drop(n, p);
	kith__event(n, KITH_EVENT_REQUEST_STATE, 0, id);
	kith__reply_done(n, call, id, 0);
	return KITH_OK;
}

/* ---- the answer to an own request ---- */

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

static int session_a(struct kith_node *n, struct kith_contact *c, struct kith_open_request *r,
		     const struct kith_accept *a)
{
	uint8_t tag_a[32];
	uint8_t tag_b[32];
	uint8_t link[32];
	int status;

	kith__root_derive(tag_a, tag_b, link, r->root);
	drop_tags(n, c);
	set_boxes(n, c, a->list.version, a->list.box, a->list.count, true);
	status = start_tags(&c->send, tag_a, a->list.version, a->list.box, a->list.count);
	kith__tagbook_wipe(&c->recv);
	c->recv = r->in; /* moves: the request ends */
	memset(&r->in, 0, sizeof(r->in));
	start_link(c, link, a->accept_day);
	kith_wipe(tag_a, 32);
	kith_wipe(tag_b, 32);
	kith_wipe(link, 32);
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

static void queue_first(struct kith_node *n, struct kith_contact *c)
{
	struct kith_list own;
	uint8_t content[800];
	size_t len;

	kith__presence_tell(n, c);
	kith__own_list(n, &own);
	if (c->recv.count > 0 && c->recv.list[c->recv.count - 1].version == own.version)
		len = 0;
	else
		len = own_list_changed(n, c, &own, content, sizeof(content));
	if (len > 0)
		(void)kith__outbox_add(n, c, KITH_BODY_LIST, 0, NULL, content, len);
	kith__outbox_reseal(n, c);
}

bool kith__request_answered(struct kith_node *n, struct kith_contact *c, unsigned i,
			    const uint8_t inner[static KITH_INNER])
{
	struct kith_open_request *r = &c->request[i];
	struct kith_ratchet *ratchet;
	struct kith_accept a;
	uint8_t hash[16];
	uint32_t known;

	kith__frame_hash(hash, inner, KITH_INNER);
	if (kith_map_get(&n->seen, hash, &known)) {
		kith__ack_owe(n, c, false);
		return true;
	}
	if (!r->used || c->blocked ||
	    (c->state == KITH_CONTACT_ACCEPTED && r->session_epoch <= c->epoch))
		return false;
	ratchet = kith_arena_get(n->arena, sizeof(*ratchet));
	if (ratchet == NULL)
		return false;
	memset(&a, 0, sizeof(a));
	if (open_accept(n, c, r, inner, ratchet, &a) != KITH_OK) {
		kith__ratchet_wipe(ratchet);
		kith_arena_put(n->arena, ratchet);
		return false;
	}
	kith__contact_drop_ratchet(n, c);
	c->ratchet = ratchet;
	take_identity(c, &a.cert);
	memcpy(c->p, a.p, 32);
	memcpy(c->cap, a.cap, 16);
	c->has_p = c->has_cap = true;
	c->p_epoch = a.p_epoch;
	c->epoch = r->session_epoch;
	if (a.session_epoch > c->epoch_floor)
		c->epoch_floor = a.session_epoch;
	c->i_am_a = true;
	memset(&c->flow, 0, sizeof(c->flow));
	c->flow.out_next = 1;
	c->flow.in_next = 2;
	if (session_a(n, c, r, &a) != KITH_OK)
		kith_log_add(n->log, n->now, KITH_LOG_ERROR,
			     "an accepted contact has no usable mailboxes");
	kith_wipe(&a, sizeof(a));
	kith__requests_close(n, c, c->epoch);
	c->state = KITH_CONTACT_ACCEPTED;
	c->seek = KITH_SEEK_NONE;
	kith__row_seen(n, hash, kith__wall_s(n) + 2592000u);
	kith__row_contact(n, c);
	kith__row_device(n, c);
	kith__dirty(n, c, true, true, true);
	kith__request_out_row(n, c);
	queue_first(n, c);
	kith__ack_owe(n, c, false);
	kith__contact_link(n, c); /* a known device: its new link root */
	kith__tagbook_changed(n);
	kith__presence_want(n, c);
	kith__publish_soon(n);
	kith__event(n, KITH_EVENT_CONTACT_CHANGED, c->conv, c->id);
	kith__delivery_run(n, c);
	return true;
}

/* ---- adding by link ---- */

static void seed_hints(struct kith_node *n, const struct kith_hint *hint, size_t hints)
{
	size_t i;

	for (i = 0; i < hints; i++) {
		struct kith_dht_seed seed;

		memset(&seed, 0, sizeof(seed));
		memcpy(seed.key, hint[i].key, 32);
		seed.addr = hint[i].addr;
		if (kith_dht_seed_contact(n->dht, &seed, n->now) == KITH_OK)
			n->has_start = true;
	}
}

static int add_checked(struct kith_node *n, const struct kith_address *a, const char *name,
		       const char *greeting, uint32_t call)
{
	struct kith_contact *c = kith__contact_by_ik(n, a->ik);
	struct kith_pending *p = pending_by_ik(n, a->ik);

	if (c != NULL && c->state == KITH_CONTACT_ACCEPTED)
		return KITH_E_EXISTS;
	if (p != NULL) { /* they asked us already: adding them is accepting */
		int status = accept_pending(n, p, name, &c);

		if (status == KITH_OK) {
			pending_drop(n, p);
			kith__reply_done(n, call, c->id, c->conv);
		}
		return status;
	}
	if (c == NULL)
		c = kith__contact_new(n, a->ik);
	if (c == NULL)
		return KITH_E_FULL;
	memcpy(c->cap, a->cap, 16);
	c->has_cap = true;
	c->state = KITH_CONTACT_REQUESTED;
	c->seek = KITH_SEEK_NONE;
	c->next_seek = n->now;
	c->seek_fails = 0;
	memset(c->alias, 0, sizeof(c->alias));
	if (name != NULL)
		memcpy(c->alias, name, strlen(name));
	memset(c->greeting, 0, sizeof(c->greeting));
	if (greeting != NULL)
		memcpy(c->greeting, greeting, strlen(greeting));
	kith__row_contact(n, c);
	kith__row_conversation(n, c);
	kith__row_device(n, c); /* messages may be queued before the answer: their rows name it */
	kith__request_out_row(n, c);
	kith__event(n, KITH_EVENT_CONTACT_NEW, c->conv, c->id);
	kith__seek_tick(n);
	kith__reply_done(n, call, c->id, c->conv);
	return KITH_OK;
}

int kith_node_contact_add(struct kith_node *n, const char *link, size_t len, const char *name,
			  const char *greeting, uint32_t call, kith_time now)
{
	struct kith_address a;
	struct kith_hint hint[3];
	size_t hints = 0;

	n->now = now;
	if (kith__may_write(n) != KITH_OK)
		return kith__may_write(n);
	if (!n->has_identity)
		return KITH_E_STATE;
	if ((name != NULL &&
	     (strlen(name) > KITH_NAME_MAX || !kith_text_valid(name, strlen(name)))) ||
	    (greeting != NULL && (strlen(greeting) > KITH_GREETING_MAX ||
				  !kith_text_valid(greeting, strlen(greeting)))))
		return KITH_E_MALFORMED;
	if (kith__link_parse(&a, hint, &hints, link, len) != KITH_LINK_OK ||
	    memcmp(a.ik, n->id->ik, 32) == 0)
		return KITH_E_MALFORMED;
	seed_hints(n, hint, hints);
	return add_checked(n, &a, name, greeting, call);
}
