/* SPDX-License-Identifier: ISC */
/*
 * A database that is older than its profile (store.md 7, crypto.md 4): its ratchets have moved on
 * elsewhere, so their keys may be used up. They may open late frames and never seal again; frames
 * sealed before do not leave either. What waits stays queued until a new session (heal.c), whose
 * epochs are beyond all before. One batch holds the marked ratchets and the end of the store's
 * mark, so a crash in between begins anew.
 */
#include "node/internal.h"

#define SEQ_STEP 4096u /* well below a day: numbers follow the clock */

bool kith__stalled(const struct kith_contact *c)
{
	return c->state == KITH_CONTACT_ACCEPTED && (c->ratchet == NULL || !c->ratchet->may_send);
}

static void mark(struct kith_node *n, struct kith_contact *c)
{
	size_t k;

	if (c->ratchet == NULL)
		return;
	c->ratchet->may_send = false;
	for (k = 0; k < c->outs; k++)
		c->out[k]->copies = 0; /* what stands at mailboxes may still be read */
	kith__outbox_reseal(n, c);     /* takes the frames away and seals nothing */
	c->flow.ack_owed = c->flow.ack_live = false;
	kith__dirty(n, c, true, false, false);
}

static void mark_all(struct kith_node *n)
{
	size_t i;

	n->restored_s = kith__wall_s(n);
	n->epoch = n->epoch < n->epoch_seen ? n->epoch_seen : n->epoch;
	n->epoch = n->epoch < n->restored_s ? (uint32_t)n->restored_s : n->epoch + 1;
	kith__instance_renew(n);
	for (i = 0; i < n->contacts; i++)
		mark(n, n->contact[i]);
	kith__fetch_back(n);
	kith__row_meta_int(n, "restored_s", (int64_t)n->restored_s);
	kith__row_meta_int(n, "session_epoch", n->epoch);
	kith__row_meta_int(n, "restored", 0);
	/* Two copies of one age draw other numbers: else equal ones would hide each from the other.
	 */
	n->id->record_seq += 1 + kith_rng_below(n->rng, SEQ_STEP);
	kith__row_meta_int(n, "record_seq", (int64_t)n->id->record_seq);
}

/* Also after a start without a restore: what was not finished then goes on. */
static void heal_all(struct kith_node *n)
{
	unsigned stalled = 0;
	size_t i;

	for (i = 0; i < n->contacts; i++) {
		if (!kith__stalled(n->contact[i]))
			continue;
		stalled++;
		kith__heal_begin(n, n->contact[i]);
	}
	if (stalled > 0)
		kith_log_add_number(n->log, n->now, KITH_LOG_WARN,
				    "restored from a copy: contacts that wait for a new session:",
				    stalled);
}

void kith__restore_now(struct kith_node *n)
{
	mark_all(n);
	heal_all(n);
}

void kith__restored(struct kith_node *n)
{
	if (!n->has_identity || n->locked)
		return;
	if (kith_store_restored(n->account))
		mark_all(n);
	heal_all(n);
}
