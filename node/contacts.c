/* SPDX-License-Identifier: ISC */
/*
 * The table of contacts and what others ask of it. Contacts are ordered by id; the device row of a
 * contact has the contact's id (version 1: one device each), and so has its link peer in net.
 */
#include <string.h>

#include "base/text.h"
#include "node/internal.h"

static size_t index_of(const struct kith_node *n, uint64_t id)
{
	size_t lo = 0;
	size_t hi = n->contacts;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (n->contact[mid]->id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct kith_contact *kith__contact(const struct kith_node *n, uint64_t id)
{
	size_t i = index_of(n, id);

	return i < n->contacts && n->contact[i]->id == id ? n->contact[i] : NULL;
}

struct kith_contact *kith__contact_by_ik(const struct kith_node *n, const uint8_t ik[static 32])
{
	uint32_t id;

	return kith_map_get(&n->contact_by_ik, ik, &id) ? kith__contact(n, id) : NULL;
}

struct kith_contact *kith__contact_by_conv(const struct kith_node *n, uint64_t conv)
{
	return kith__contact(n, conv); /* version 1: a conversation has its contact's id */
}

struct kith_contact *kith__contact_by_peer(const struct kith_node *n, uint32_t peer)
{
	return kith__contact(n, peer);
}

/* Adds `c` (id set) to the table; used by load.c too. */
int kith__contact_insert(struct kith_node *n, struct kith_contact *c)
{
	void *list = n->contact;
	int status;

	status = kith_alloc_grow(n->alloc, &list, &n->contacts_cap, n->contacts + 1,
				 KITH_CONTACTS_MAX, sizeof(*n->contact));
	if (status != KITH_OK)
		return status;
	n->contact = list;
	status = kith_map_put(&n->contact_by_ik, c->ik, (uint32_t)c->id);
	if (status != KITH_OK)
		return status;
	KITH_ASSERT(n->contacts == 0 || n->contact[n->contacts - 1]->id < c->id);
	n->contact[n->contacts++] = c;
	return KITH_OK;
}

struct kith_contact *kith__contact_new(struct kith_node *n, const uint8_t ik[static 32])
{
	struct kith_contact *c = kith_alloc_zero(n->alloc, 1, sizeof(*c));

	if (c == NULL)
		return NULL;
	memcpy(c->ik, ik, 32);
	c->id = c->conv = n->next_contact;
	c->added_ms = kith__wall_ms(n);
	c->flow.out_next = c->flow.in_next = 1;
	if (kith__contact_insert(n, c) != KITH_OK) {
		kith_alloc_free(n->alloc, c);
		return NULL;
	}
	n->next_contact++;
	kith__publish_soon(n); /* with the first contact, a presence record is of use */
	return c;
}

void kith__contact_undo(struct kith_node *n, struct kith_contact *c)
{
	KITH_ASSERT(n->contacts > 0 && n->contact[n->contacts - 1] == c);
	n->contacts--;
	n->next_contact--;
	(void)kith_map_remove(&n->contact_by_ik, c->ik);
	kith__contact_free(n, c);
}

void kith__contact_drop_ratchet(struct kith_node *n, struct kith_contact *c)
{
	if (c->ratchet == NULL)
		return;
	kith__ratchet_wipe(c->ratchet);
	kith_arena_put(n->arena, c->ratchet);
	c->ratchet = NULL;
}

void kith__contact_free(struct kith_node *n, struct kith_contact *c)
{
	if (c == NULL)
		return;
	kith__outbox_free(n, c);
	kith__tagbook_wipe(&c->send);
	kith__tagbook_wipe(&c->recv);
	kith__request_open_wipe(c);
	kith__contact_drop_ratchet(n, c);
	kith_alloc_free(n->alloc, c->knock);
	kith_alloc_free(n->alloc, c->bundle);
	kith_alloc_free(n->alloc, c->request_blob);
	if (c->greeting != NULL)
		kith_wipe(c->greeting, strlen(c->greeting));
	kith_alloc_free(n->alloc, c->greeting);
	kith_wipe(c, sizeof(*c));
	kith_alloc_free(n->alloc, c);
}

void kith__contact_link(struct kith_node *n, struct kith_contact *c)
{
	if (!c->has_lk || !c->has_p || c->link.root_count == 0 || c->blocked)
		return;
	c->link.peer = (uint32_t)c->id;
	c->link.device = c->dev;
	if (!c->i_am_a) /* it came from the peer */
		c->link.newest_known = true;
	memcpy(c->link.lk, c->lk, 32);
	memcpy(c->link.presence.p, c->p, 32);
	c->link.presence.epoch = c->p_epoch;
	if (kith_net_link_peer_set(n->net, &c->link) == KITH_OK)
		c->has_link = true;
}

static void fill(const struct kith_node *n, const struct kith_contact *c,
		 struct kith_node_contact *out)
{
	memset(out, 0, sizeof(*out));
	out->id = c->id;
	out->conversation = c->conv;
	out->name = c->name;
	out->alias = c->alias;
	kith__shortname(out->shortname, c->ik);
	memcpy(out->ik, c->ik, 32);
	out->state = c->state;
	out->verified = c->verified;
	out->blocked = c->blocked;
	out->newer = c->newer;
	out->online = c->session != 0;
	out->stalled = kith__stalled(c);
	out->renewed = c->renewed;
	out->request_kept = c->request_kept;
	out->request_until_s = c->request_until_s;
	out->added_ms = c->added_ms;
	out->last_seen_ms = c->last_seen_ms;
	(void)n;
}

bool kith_node_contact(const struct kith_node *n, size_t i, struct kith_node_contact *out)
{
	if (i >= n->contacts)
		return false;
	fill(n, n->contact[i], out);
	return true;
}

int kith_node_contact_by_id(const struct kith_node *n, uint64_t id, struct kith_node_contact *out)
{
	const struct kith_contact *c = kith__contact(n, id);

	if (c == NULL)
		return KITH_E_NOTFOUND;
	fill(n, c, out);
	return KITH_OK;
}

int kith_node_contact_alias(struct kith_node *n, uint64_t id, const char *alias, uint32_t call,
			    kith_time now)
{
	struct kith_contact *c = kith__contact(n, id);
	size_t len = strlen(alias);

	n->now = now;
	if (kith__may_write(n) != KITH_OK)
		return kith__may_write(n);
	if (c == NULL)
		return KITH_E_NOTFOUND;
	if (len > KITH_NAME_MAX || !kith_text_valid(alias, len))
		return KITH_E_MALFORMED;
	memset(c->alias, 0, sizeof(c->alias));
	memcpy(c->alias, alias, len);
	kith__row_contact(n, c);
	kith__event(n, KITH_EVENT_CONTACT_CHANGED, 0, c->id);
	kith__reply_done(n, call, c->id, c->conv);
	return KITH_OK;
}

int kith_node_contact_verified(struct kith_node *n, uint64_t id, bool verified, uint32_t call,
			       kith_time now)
{
	struct kith_contact *c = kith__contact(n, id);

	n->now = now;
	if (kith__may_write(n) != KITH_OK)
		return kith__may_write(n);
	if (c == NULL)
		return KITH_E_NOTFOUND;
	c->verified = verified;
	kith__row_contact(n, c);
	kith__event(n, KITH_EVENT_CONTACT_CHANGED, 0, c->id);
	kith__reply_done(n, call, c->id, c->conv);
	return KITH_OK;
}

static void forget_tags(struct kith_node *n, const struct kith_contact *c)
{
	const struct kith_tag_side *side[2] = {&c->send, &c->recv};
	int dir;
	unsigned i;

	for (dir = 0; dir < 2; dir++)
		for (i = 0; i < side[dir]->count; i++) {
			struct kith_op op = kith_op(KITH_OP_TAGLIST_DELETE);

			kith_op_int(&op, (int64_t)c->id);
			kith_op_int(&op, dir);
			kith_op_int(&op, side[dir]->list[i].version);
			kith__put(n, &op);
			op.kind = KITH_OP_TAGCHAIN_DELETE;
			kith__put(n, &op);
		}
}

/* What was not acknowledged stays in the history as cancelled, never as more than it was. */
static void cancel_unsent(struct kith_node *n, const struct kith_contact *c)
{
	uint64_t last = 0;
	size_t i;

	for (i = 0; i < c->outs; i++) {
		struct kith_op op = kith_op(KITH_OP_MESSAGE_KIND);

		if (c->out[i]->message == 0 || c->out[i]->message == last)
			continue;
		last = c->out[i]->message;
		kith_op_int(&op, (int64_t)last);
		kith_op_int(&op, KITH_MESSAGE_CANCELLED);
		kith__put(n, &op);
	}
}

/* The person is gone for us: no sending, no presence, no request. With `history` the conversation
 * goes too. Deleting the contact row cascades to device, ratchet and outbox. */
int kith_node_contact_remove(struct kith_node *n, uint64_t id, bool history, uint32_t call,
			     kith_time now)
{
	struct kith_contact *c = kith__contact(n, id);
	struct kith_op op;

	n->now = now;
	if (c == NULL || c->state == KITH_CONTACT_REMOVED)
		return KITH_E_NOTFOUND;
	if (c->has_link)
		kith_net_link_peer_remove(n->net, (uint32_t)c->id, now);
	cancel_unsent(n, c);
	kith__outbox_clear(n, c);
	kith__contact_drop_ratchet(n, c);
	forget_tags(n, c);
	kith__tagbook_wipe(&c->send);
	kith__tagbook_wipe(&c->recv);
	kith__requests_close(n, c, UINT32_MAX);
	c->has_link = c->has_p = c->has_ms = c->has_cap = false;
	c->seek = KITH_SEEK_NONE;
	c->session = 0;
	c->boxes = 0;
	c->state = KITH_CONTACT_REMOVED;
	c->dirty_ratchet = c->dirty_tags = false;
	kith__row_contact(n, c);
	if (history) {
		op = kith_op(KITH_OP_MESSAGE_CLEAR);
		kith_op_int(&op, (int64_t)c->conv);
		kith__put(n, &op);
	}
	kith__presence_rotate(n);
	kith__tagbook_changed(n);
	kith__event(n, KITH_EVENT_CONTACT_CHANGED, 0, c->id);
	kith__reply_done(n, call, c->id, 0);
	return KITH_OK;
}

bool kith_node_conversation(const struct kith_node *n, size_t i, struct kith_node_conversation *out)
{
	const struct kith_contact *c;

	if (i >= n->contacts)
		return false;
	c = n->contact[i];
	out->id = c->conv;
	out->contact = c->id;
	out->last_message = c->last_message;
	out->unread = c->unread;
	out->muted = c->muted;
	out->pinned = c->pinned;
	out->archived = c->archived;
	return true;
}
