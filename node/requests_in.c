/* SPDX-License-Identifier: ISC */
/*
 * Requests of others (crypto.md 4-5).
 *
 * From a stranger: nothing is answered before the user accepts. From a contact: answered at once,
 * when its session epoch is greater than all before, it was made after our last restore, and no own
 * request that beats it is on its way. Crossing requests of one kind: that of the bytewise lower
 * identity counts; the higher answers it with the accept and drops its own, the lower goes on
 * sending its own. Kind 2 beats kind 1. An accept carries the acceptor's own newest session epoch,
 * so that a dropped request that arrives late cannot take the conversation over (docs/models.md,
 * crossing).
 */
#include <string.h>

#include "base/text.h"
#include "node/session.h"

#define SEEN_S 3196800u /* 37 d: as long as the prekey that opens it */

#define RENEWED_ALIVE_MS (86400u * UINT64_C(1000))

struct kith_pending *kith__pending_by_ik(const struct kith_node *n, const uint8_t ik[static 32])
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

/* The accept as an entry of the outbox, not yet sealed. `epoch`: of the session that it opens. */
static int add_accept(struct kith_node *n, struct kith_contact *c, uint32_t epoch, uint64_t day)
{
	const struct kith_own_cap *shared = kith__cap_shared(n);
	struct kith_accept a;
	uint8_t content[KITH_CONTENT_FULL];
	size_t len;
	bool added;

	memset(&a, 0, sizeof(a));
	memcpy(a.p, n->id->presence[0].p, 32);
	a.p_epoch = n->id->presence[0].epoch;
	if (shared != NULL)
		memcpy(a.cap, shared->cap, 16);
	a.session_epoch = c->epoch_own > epoch ? c->epoch_own : epoch;
	a.accept_day = day;
	a.cert = n->id->cert;
	kith__own_list(n, &a.list);
	len = kith__accept_encode(content, sizeof(content), &a);
	KITH_ASSERT(len > 0);
	added = kith__outbox_append(n, c, KITH_BODY_ACCEPT, 0, NULL, content, len) != NULL;
	kith_wipe(&a, sizeof(a));
	kith_wipe(content, sizeof(content));
	return added ? KITH_OK : KITH_E_FULL;
}

/* The chat shows a new session of a known contact; verified is who was, unless the old session was
 * alive a day ago: then somebody may have stolen a copy (crypto.md 4). */
static void mark_renewed(struct kith_node *n, struct kith_contact *c)
{
	c->renewed = true;
	if (c->last_seen_ms + RENEWED_ALIVE_MS > kith__wall_ms(n))
		c->verified = false;
}

/* Where the answer goes. A P that does not fit is one that the peer no longer has. */
static void take_secret(struct kith_contact *c, const struct kith_request *q)
{
	uint8_t ms[32];

	kith__mailbox_secret(ms, c->p);
	if (!kith_equal(ms, q->ms, 32))
		c->has_p = false;
	memcpy(c->ms, q->ms, 32);
	c->has_ms = true;
	kith_wipe(ms, sizeof(ms));
}

static void name_of_request(struct kith_contact *c, const struct kith_request *q, const char *alias)
{
	memset(c->name, 0, sizeof(c->name));
	memcpy(c->name, q->name, q->name_len);
	if (alias != NULL && strlen(alias) <= KITH_NAME_MAX)
		memcpy(c->alias, alias, strlen(alias) + 1);
}

/* All that can fail comes first: then the session stands, with its accept in the outbox. */
static int accept_request(struct kith_node *n, const struct kith_request *q,
			  const uint8_t root[static 32], const char *alias,
			  struct kith_contact **out)
{
	struct kith_contact *c = kith__contact_by_ik(n, q->ik);
	bool known = c != NULL;
	bool again = known && c->state == KITH_CONTACT_ACCEPTED;
	struct kith__fresh f;
	int status;

	if (!known)
		c = kith__contact_new(n, q->ik);
	if (c == NULL)
		return KITH_E_FULL;
	status = kith__fresh_b(n, &f, q, root);
	if (status == KITH_OK)
		status = add_accept(n, c, f.epoch, f.day);
	if (status != KITH_OK) {
		kith__fresh_drop(n, &f);
		if (!known)
			kith__contact_undo(n, c);
		return status;
	}
	name_of_request(c, q, alias);
	take_secret(c, q);
	if (again)
		mark_renewed(n, c);
	kith__requests_close(n, c, UINT32_MAX); /* own ones are dropped: this one counts */
	kith__fresh_take(n, c, &f);
	kith__heal_ended(n, c);
	kith__outbox_reseal(n, c);
	kith__contact_link(n, c); /* a known device: its new link root */
	kith__tagbook_changed(n);
	kith__publish_soon(n); /* now somebody may ask for the presence record */
	kith__event(n, again ? KITH_EVENT_CONTACT_CHANGED : KITH_EVENT_CONTACT_NEW, c->conv, c->id);
	kith__delivery_run(n, c);
	*out = c;
	return KITH_OK;
}

/* May a request of an accepted contact open a new session? */
static bool counts(struct kith_node *n, struct kith_contact *c, const struct kith_request *q)
{
	const struct kith_open_request *own = kith__request_open_at(c, 0);

	if (q->session_epoch <= c->epoch_floor || q->created_s < n->restored_s)
		return false;
	if (!kith__healing(c) || !own->used)
		return true;
	if (kith__request_beats(q->kind, q->ik, own->kind, n->id->ik))
		return true;
	if (own->kind == q->kind)
		kith__heal_crossed(n, c, q->created_s);
	return false;
}

/* What a request from somebody we know means; NOTFOUND: from nobody we know. */
static int from_known(struct kith_node *n, const struct kith_request *q,
		      const uint8_t root[static 32], bool last)
{
	struct kith_contact *c = kith__contact_by_ik(n, q->ik);

	if (c == NULL)
		return KITH_E_NOTFOUND;
	if (c->blocked)
		return KITH_OK;
	switch (c->state) {
	case KITH_CONTACT_REQUESTED:
		if (q->session_epoch > c->epoch_floor &&
		    kith__request_beats(q->kind, q->ik, KITH_REQUEST_FIRST, n->id->ik))
			return accept_request(n, q, root, NULL, &c);
		return KITH_OK;
	case KITH_CONTACT_ACCEPTED:
		if (!last && kith__wants_of(n, c->id))
			return KITH_E_STATE; /* what came before it is read before its keys go */
		return counts(n, c, q) ? accept_request(n, q, root, NULL, &c) : KITH_OK;
	case KITH_CONTACT_REFUSED:
	case KITH_CONTACT_REMOVED: break;
	}
	return KITH_E_NOTFOUND;
}

static int pending_add(struct kith_node *n, const struct kith_pending *p,
		       const uint8_t inner[static KITH_INNER])
{
	struct kith_pending *old = kith__pending_by_ik(n, p->q.ik);
	struct kith_pending *kept;

	if (old != NULL && old->q.session_epoch >= p->q.session_epoch)
		return KITH_OK;
	kept = kith_alloc_copy(n->alloc, p, sizeof(*p));
	if (kept == NULL)
		return KITH_E_NOMEM;
	if (old != NULL)
		pending_drop(n, old);
	if (!make_room(n, p->work)) {
		kith_wipe(kept, sizeof(*kept));
		kith_alloc_free(n->alloc, kept);
		return KITH_OK;
	}
	kept->id = n->next_request++;
	n->pending[n->pendings++] = kept;
	pending_row(n, kept, inner);
	kith__event(n, KITH_EVENT_REQUEST_NEW, 0, kept->id);
	return KITH_OK;
}

/* It opened: true when it is dealt with, false when memory or room was missing. */
static bool opened(struct kith_node *n, struct kith_pending *p,
		   const uint8_t inner[static KITH_INNER], bool last)
{
	uint8_t no[16];
	uint32_t known;
	int status = KITH_OK;

	if (p->q.session_epoch > kith__wall_s(n) + KITH_EPOCH_AHEAD_S ||
	    memcmp(p->q.ik, n->id->ik, 32) == 0)
		return true;
	kith__request_refusal(no, p->q.ik, p->q.session_epoch);
	if (!kith_map_get(&n->seen, no, &known)) {
		status = from_known(n, &p->q, p->root, last);
		if (status == KITH_E_NOTFOUND) /* kind 2 is for contacts */
			status = p->q.kind == KITH_REQUEST_FIRST ? pending_add(n, p, inner)
								 : KITH_OK;
	}
	if (status != KITH_OK && status != KITH_E_AUTH)
		return false;
	kith__row_seen(n, p->seen, kith__wall_s(n) + SEEN_S);
	return true;
}

bool kith__request_arrived(struct kith_node *n, const struct kith__request_way *way,
			   const uint8_t inner[static KITH_INNER])
{
	struct kith_pending *p;
	enum kith_request_kind kind;
	uint32_t known;
	uint8_t seen[16];
	bool done = true;

	if (!n->has_identity || kith__request_peek(inner, &kind, &known) != KITH_OK ||
	    (kind == KITH_REQUEST_AGAIN) != way->from_contact)
		return true;
	kith__request_seen(seen, inner);
	if (kith_map_get(&n->seen, seen, &known))
		return true;
	p = kith_alloc_zero(n->alloc, 1, sizeof(*p));
	if (p == NULL)
		return false;
	memcpy(p->seen, seen, 16);
	p->at_ms = kith__wall_ms(n);
	if (!way->from_contact)
		p->work = kith__request_work_bits(inner, n->id->ik, way->ml, way->day);
	if ((way->from_contact || p->work >= n->cfg.work_bits) &&
	    open_request(n, p, inner) == KITH_OK &&
	    (way->ik == NULL || memcmp(p->q.ik, way->ik, 32) == 0))
		done = opened(n, p, inner, way->last);
	kith_wipe(p, sizeof(*p));
	kith_alloc_free(n->alloc, p);
	return done;
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

int kith__pending_accept(struct kith_node *n, struct kith_pending *p, const char *alias,
			 struct kith_contact **out)
{
	int status = accept_request(n, &p->q, p->root, alias, out);

	if (status == KITH_OK)
		pending_drop(n, p);
	return status;
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
	status = kith__pending_accept(n, p, alias, &c);
	if (status != KITH_OK)
		return status;
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
