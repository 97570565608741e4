/* SPDX-License-Identifier: ISC */
/*
 * PUT of one blob: INFO names the price and the key, the stamp is searched on the bulk lane, the
 * blob goes over the same link, and only a receipt that verifies counts (mailbox.md 5, 9).
 *
 * The hour of the stamp is the mailbox's own, so a wrong clock here costs nothing. A price above
 * BITS_MAX is a refusal in disguise. A receipt that promises more than EXPIRY_MAX is worth nothing.
 */
#include <string.h>

#include "node/mbox_own.h"

#define BITS_MAX   22u                 /* 4 million tries: 3 s */
#define EXPIRY_MAX (36u * KITH__DAY_S) /* 30 d and clocks that differ */

int kith__mbox_order_put(struct kith_node *n, const struct kith_put_order *p)
{
	struct kith_order *o;
	uint8_t *blob = kith_alloc_copy(n->alloc, p->blob, KITH_BLOB);
	int status;

	if (blob == NULL)
		return KITH_E_NOMEM;
	status = kith__order_new(n, KITH_ORDER_PUT, p->ml, &p->addr, &o);
	if (status != KITH_OK) {
		kith_alloc_free(n->alloc, blob);
		return status;
	}
	o->blob = blob;
	o->has_mk = p->has_mk;
	if (p->has_mk)
		memcpy(o->mk, p->mk, 32);
	memcpy(o->tag, p->tag, 16);
	o->bucket = p->bucket;
	o->ttl_class = p->ttl_class;
	o->put_fn = p->fn;
	o->a = p->a;
	o->b = p->b;
	return KITH_OK;
}

int kith__put_start(struct kith_node *n, struct kith_order *o)
{
	return kith__mbox_info(n->client, o->link, n->now);
}

static void finish(struct kith_node *n, struct kith_order *o, int status,
		   const struct kith_mbox_result *r, bool gone)
{
	struct kith_receipt receipt;
	uint32_t position = 0;

	memset(&receipt, 0, sizeof(receipt));
	if (r != NULL) { /* closing the link ends the life of the result */
		receipt = r->receipt;
		position = r->position;
	}
	kith__order_end(n, o, gone);
	o->put_fn(n, o->a, o->b, status, status == KITH_OK ? &receipt : NULL, o->mk, position);
	kith__order_free(n, o);
}

void kith__put_failed(struct kith_node *n, struct kith_order *o, int status, bool gone)
{
	finish(n, o, status, NULL, gone);
}

static void stamped(struct kith_node *n, uint64_t a, uint64_t b, struct kith_work *w)
{
	struct kith_order *o = kith__order_find(n, a);

	(void)b;
	if (o == NULL || o->step != KITH_ORDER_WORKS)
		return;
	o->step = KITH_ORDER_SENT;
	if (kith__mbox_put(n->client, o->link, o->tag, o->bucket, o->ttl_class,
			   kith__work_stamp_result(w), o->blob, n->now) != KITH_OK)
		finish(n, o, KITH_E_IO, NULL, false);
}

static void informed(struct kith_node *n, struct kith_order *o, const struct kith_mbox_info *info)
{
	uint8_t q[32];
	int status;

	if (o->has_mk && memcmp(o->mk, info->mk, 32) != 0) {
		finish(n, o, KITH_E_AUTH, NULL, false);
		return;
	}
	memcpy(o->mk, info->mk, 32);
	o->has_mk = true;
	if (info->bits > BITS_MAX) {
		finish(n, o, KITH_E_FULL, NULL, false);
		return;
	}
	kith__stamp_seed(q, o->ml, o->tag, o->blob, KITH_BLOB, info->now_s / 3600);
	o->step = KITH_ORDER_WORKS;
	status = kith__work_stamp(n, q, info->bits, stamped, o->id, 0);
	if (status != KITH_OK)
		finish(n, o, KITH_E_FULL, NULL, false);
}

static int judge(const struct kith_node *n, const struct kith_order *o,
		 const struct kith_mbox_result *r)
{
	const struct kith_receipt *c = &r->receipt;
	uint64_t now_s = kith__wall_s(n);

	switch (r->status) {
	case KITH_MBOX_OK:
	case KITH_MBOX_HELD:
		if (kith__receipt_check(c, o->mk, o->ml, o->bucket.bucket, o->bucket.p, o->tag,
					o->blob, KITH_BLOB) != KITH_OK)
			return KITH_E_AUTH;
		return c->expiry_s > now_s && c->expiry_s <= now_s + EXPIRY_MAX ? KITH_OK
										: KITH_E_AUTH;
	case KITH_MBOX_TAKEN: return KITH_E_EXISTS;
	case KITH_MBOX_NOTFOUND: return KITH_E_NOTFOUND;
	case KITH_MBOX_FULL:
	case KITH_MBOX_SLOW:
	case KITH_MBOX_STAMP: return KITH_E_FULL;
	case KITH_MBOX_CLASS:
	case KITH_MBOX_MALFORMED:
	case KITH_MBOX_UNKNOWN: break;
	}
	return KITH_E_IO;
}

void kith__put_result(struct kith_node *n, struct kith_order *o, const struct kith_mbox_result *r)
{
	if (r->verb == KITH_MBOX_INFO && o->step == KITH_ORDER_OPENS) {
		struct kith_mbox_info info = r->info;

		if (r->status == KITH_MBOX_OK)
			informed(n, o, &info);
		else
			finish(n, o, KITH_E_IO, NULL, false);
	} else if (r->verb == KITH_MBOX_PUT && o->step == KITH_ORDER_SENT) {
		finish(n, o, judge(n, o, r), r, false);
	} else {
		finish(n, o, KITH_E_IO, NULL, false);
	}
}
