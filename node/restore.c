/* SPDX-License-Identifier: ISC */
/*
 * A database that is older than its profile (store.md 7, crypto.md 4): its ratchets have moved on
 * elsewhere, so their keys may be used up. They may open late frames and never seal again; frames
 * sealed before do not leave either. What waits stays queued until a new session. One batch holds
 * the marked ratchets and the end of the store's mark, so a crash in between begins anew.
 */
#include "node/internal.h"

bool kith__stalled(const struct kith_contact *c)
{
	return c->state == KITH_CONTACT_ACCEPTED && c->ratchet != NULL && !c->ratchet->may_send;
}

void kith__restored(struct kith_node *n)
{
	unsigned stalled = 0;
	size_t i;
	size_t k;

	if (!kith_store_restored(n->account))
		return;
	for (i = 0; i < n->contacts; i++) {
		struct kith_contact *c = n->contact[i];

		if (c->ratchet == NULL)
			continue;
		c->ratchet->may_send = false;
		for (k = 0; k < c->outs; k++)
			c->out[k]->copies = 0; /* what stands at mailboxes may still be read */
		kith__outbox_reseal(n, c);     /* takes the frames away and seals nothing */
		c->flow.ack_owed = c->flow.ack_live = false;
		kith__dirty(n, c, true, false, false);
		stalled += kith__stalled(c) ? 1 : 0;
	}
	kith__row_meta_int(n, "restored", 0);
	kith_log_add_number(n->log, n->now, KITH_LOG_WARN,
			    "restored from a copy: contacts that wait for a new session:", stalled);
}
