/* SPDX-License-Identifier: ISC */
/*
 * GET of one blob at somebody else's mailbox, such as a bundle: asked together with three dummies
 * from a LIST of the same bucket, so the mailbox does not see which one mattered; random tags where
 * that list is empty (mailbox.md 4).
 */
#include <string.h>

#include "node/mbox_own.h"

#define ASKED 4u

int kith__mbox_order_get(struct kith_node *n, const struct kith_get_order *g)
{
	struct kith_order *o;
	int status = kith__order_new(n, KITH_ORDER_GET, g->ml, &g->addr, &o);

	if (status != KITH_OK)
		return status;
	memcpy(o->tag, g->tag, 16);
	o->bucket = g->bucket;
	o->get_fn = g->fn;
	o->a = g->a;
	o->b = g->b;
	return KITH_OK;
}

int kith__get_start(struct kith_node *n, struct kith_order *o)
{
	uint32_t today = (uint32_t)(kith__wall_s(n) / KITH__DAY_S);

	return kith__mbox_list(n->client, o->link, o->bucket, today, 0, today, n->now);
}

static void finish(struct kith_node *n, struct kith_order *o, int status, const uint8_t *blob,
		   bool gone)
{
	uint8_t *copy = NULL; /* closing the link ends the life of the result */

	if (status == KITH_OK) {
		copy = kith_alloc_copy(n->alloc, blob, KITH_BLOB);
		status = copy == NULL ? KITH_E_NOMEM : KITH_OK;
	}
	kith__order_end(n, o, gone);
	o->get_fn(n, o->a, o->b, status, copy, copy == NULL ? 0 : KITH_BLOB);
	kith_alloc_free(n->alloc, copy);
	kith__order_free(n, o);
}

void kith__get_failed(struct kith_node *n, struct kith_order *o, int status, bool gone)
{
	finish(n, o, status, NULL, gone);
}

static void listed(struct kith_node *n, struct kith_order *o, const struct kith_mbox_result *r)
{
	uint32_t from = r->count > 0 ? kith_rng_below(n->rng, r->count) : 0;
	unsigned filled = 0;
	unsigned i;

	o->wanted = kith_rng_below(n->rng, ASKED);
	for (i = 0; i < ASKED; i++) {
		const uint8_t *dummy = NULL;

		if (i == o->wanted) {
			memcpy(o->asked[i], o->tag, 16);
			continue;
		}
		for (; filled < r->count && dummy == NULL; filled++) {
			dummy = r->tags[(from + filled) % r->count];
			if (memcmp(dummy, o->tag, 16) == 0)
				dummy = NULL;
		}
		if (dummy != NULL)
			memcpy(o->asked[i], dummy, 16);
		else
			kith_rng_fill(n->rng, o->asked[i], 16);
	}
	o->step = KITH_ORDER_SENT;
	if (kith__mbox_get(n->client, o->link, (const uint8_t(*)[16])o->asked, ASKED, n->now) !=
	    KITH_OK)
		finish(n, o, KITH_E_IO, NULL, false);
}

void kith__get_result(struct kith_node *n, struct kith_order *o, const struct kith_mbox_result *r)
{
	if (r->verb == KITH_MBOX_LIST && r->status == KITH_MBOX_OK && o->step == KITH_ORDER_OPENS) {
		listed(n, o, r);
	} else if (r->verb == KITH_MBOX_GET && r->status == KITH_MBOX_OK &&
		   o->step == KITH_ORDER_SENT && r->count == ASKED) {
		bool there = r->item[o->wanted].status == KITH_MBOX_OK &&
			     r->item[o->wanted].len == KITH_BLOB;

		finish(n, o, there ? KITH_OK : KITH_E_NOTFOUND,
		       there ? r->item[o->wanted].blob : NULL, false);
	} else {
		finish(n, o, KITH_E_IO, NULL, false);
	}
}
