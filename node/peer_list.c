/* SPDX-License-Identifier: ISC */
/*
 * The mailbox list of a contact, as the contact itself tells it (mailbox.md 2): accept, request,
 * 0x0101, presence record. A newer version replaces the list; tag chains of the new version come
 * into use and the root moves on, in the same batch.
 */
#include <string.h>

#include "node/msgs.h"

static const struct kith_list_entry *listed(const struct kith_list *l, const uint8_t ml[static 32])
{
	unsigned i;

	for (i = 0; i < l->count; i++)
		if (memcmp(l->box[i].ml, ml, 32) == 0)
			return &l->box[i];
	return NULL;
}

static const struct kith_peer_box *known(const struct kith_contact *c, const uint8_t ml[static 32])
{
	unsigned i;

	for (i = 0; i < c->boxes; i++)
		if (memcmp(c->box[i].e.ml, ml, 32) == 0)
			return &c->box[i];
	return NULL;
}

static void leave(struct kith_node *n, struct kith_contact *c, const struct kith_list *l)
{
	unsigned i;

	for (i = 0; i < c->boxes; i++) {
		struct kith_op op = kith_op(KITH_OP_PEERBOX_DELETE);

		if (listed(l, c->box[i].e.ml) != NULL || c->box[i].row == 0)
			continue;
		kith__copies_leave(n, c, &c->box[i]);
		kith_op_int(&op, (int64_t)c->box[i].row);
		kith__put(n, &op);
	}
}

/* A box keeps its row and back-off; a key once known stays unless the list names another. */
static void enter(struct kith_contact *c, const struct kith_list *l)
{
	struct kith_peer_box box[KITH_MAILBOXES_MAX];
	unsigned i;

	memset(box, 0, sizeof(box));
	for (i = 0; i < l->count; i++) {
		const struct kith_peer_box *old = known(c, l->box[i].ml);

		if (old != NULL)
			box[i] = *old;
		box[i].e = l->box[i];
		box[i].has_mk = !kith_is_zero(l->box[i].mk, 32);
		if (!box[i].has_mk && old != NULL && old->has_mk) {
			memcpy(box[i].e.mk, old->e.mk, 32);
			box[i].has_mk = true;
		}
	}
	memcpy(c->box, box, sizeof(box));
	c->boxes = l->count;
}

static bool chains(struct kith_node *n, struct kith_contact *c, const struct kith_list *l)
{
	uint8_t ml[KITH_MAILBOXES_MAX][32];
	unsigned i;

	if (!c->send.has_root)
		return true; /* kith__tagbook_start does it */
	for (i = 0; i < l->count; i++)
		memcpy(ml[i], l->box[i].ml, 32);
	if (c->send.count == KITH_LIST_VERSIONS_MAX)
		kith__tagbook_drop(n, c, 0, 0);
	kith__dirty(n, c, false, false, true);
	return kith__tagbook_list(&c->send, l->version, (const uint8_t(*)[32])ml, l->count) ==
	       KITH_OK;
}

void kith__peer_list(struct kith_node *n, struct kith_contact *c, const struct kith_list *l)
{
	KITH_ASSERT(l->count <= KITH_MAILBOXES_MAX);
	if (l->version < c->list_version ||
	    (l->version == c->list_version && c->boxes > 0 && c->boxes != l->count))
		return;
	if (!chains(n, c, l)) {
		n->refused_frames++;
		return;
	}
	leave(n, c, l);
	enter(c, l);
	c->list_version = l->version;
	kith__row_contact(n, c);
	kith__row_peer_boxes(n, c);
	if (c->outs > 0)
		kith__delivery_at(n, c, n->now);
}
