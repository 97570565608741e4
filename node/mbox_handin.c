/* SPDX-License-Identifier: ISC */
/*
 * Hand-in of records for the time their owner is away: INFO names price and key, then one KEEP per
 * record, each with a stamp of its own, over one link that carries nothing else (mailbox.md 3, 4).
 * One frame holds records of one period, and periods of two secrets begin at different hours.
 */
#include <string.h>

#include "node/mbox_own.h"

#define BITS_MAX 22u /* dearer is a refusal in disguise */
#define HOUR_S   3600u

int kith__mbox_order_keep(struct kith_node *n, const struct kith_keep_order *k)
{
	uint8_t *records = kith_alloc_copy(n->alloc, k->records, k->count * (size_t)KITH_RECORD);
	uint64_t *until_s = kith_alloc_copy(n->alloc, k->until_s, k->count * sizeof(*until_s));
	struct kith_order *o;
	int status = KITH_E_NOMEM;

	KITH_ASSERT(k->count > 0);
	if (records != NULL && until_s != NULL)
		status = kith__order_new(n, KITH_ORDER_KEEP, k->ml, &k->addr, &o);
	if (status != KITH_OK) {
		kith_alloc_free(n->alloc, records);
		kith_alloc_free(n->alloc, until_s);
		return status;
	}
	o->blob = records;
	o->until_s = until_s;
	o->count = k->count;
	o->has_mk = true;
	memcpy(o->mk, k->mk, 32);
	memcpy(o->tag, k->del, 16);
	o->keep_fn = k->fn;
	o->a = k->a;
	o->b = k->b;
	return KITH_OK;
}

int kith__keep_start(struct kith_node *n, struct kith_order *o)
{
	return kith__mbox_info(n->client, o->link, n->now);
}

static void finish(struct kith_node *n, struct kith_order *o, int status, bool gone)
{
	kith__order_end(n, o, gone);
	o->keep_fn(n, o->a, o->b, status, o->at);
	kith__order_free(n, o);
}

void kith__keep_failed(struct kith_node *n, struct kith_order *o, int status, bool gone)
{
	finish(n, o, status, gone);
}

static const uint8_t *in_hand(const struct kith_order *o)
{
	return o->blob + o->at * (size_t)KITH_RECORD;
}

static void stamped(struct kith_node *n, uint64_t a, uint64_t b, struct kith_work *w)
{
	struct kith_order *o = kith__order_find(n, a);
	uint8_t record[1][KITH_RECORD];

	(void)b;
	if (o == NULL || o->step != KITH_ORDER_WORKS)
		return;
	o->step = KITH_ORDER_SENT;
	memcpy(record[0], in_hand(o), KITH_RECORD);
	if (kith__mbox_keep(n->client, o->link, o->until_s[o->at], o->tag,
			    kith__work_stamp_result(w), (const uint8_t(*)[KITH_RECORD])record, 1,
			    n->now) != KITH_OK)
		finish(n, o, KITH_E_IO, false);
}

static void next_record(struct kith_node *n, struct kith_order *o)
{
	uint64_t at_s = o->info_s + (n->now - o->info_at) / KITH_US_PER_S;
	uint8_t q[32];

	if (o->at == o->count) {
		finish(n, o, KITH_OK, false);
		return;
	}
	kith__order_alive(n, o);
	kith__stamp_seed(q, o->ml, o->tag, in_hand(o), KITH_RECORD, at_s / HOUR_S);
	o->step = KITH_ORDER_WORKS;
	if (kith__work_stamp(n, q, o->bits, stamped, o->id, 0) != KITH_OK)
		finish(n, o, KITH_E_FULL, false);
}

static void informed(struct kith_node *n, struct kith_order *o, const struct kith_mbox_info *info)
{
	if (memcmp(o->mk, info->mk, 32) != 0) {
		finish(n, o, KITH_E_AUTH, false);
		return;
	}
	if (info->bits > BITS_MAX) {
		finish(n, o, KITH_E_FULL, false);
		return;
	}
	o->bits = info->bits;
	o->info_s = info->now_s;
	o->info_at = n->now;
	next_record(n, o);
}

/* TAKEN: it has a newer one of the key, ours or of a later start. */
static int judge(const struct kith_mbox_result *r)
{
	if (r->status == KITH_MBOX_FULL || r->status == KITH_MBOX_SLOW ||
	    r->status == KITH_MBOX_STAMP)
		return KITH_E_FULL;
	if (r->status != KITH_MBOX_OK || r->count != 1)
		return KITH_E_IO;
	if (r->kept[0] == KITH_MBOX_OK || r->kept[0] == KITH_MBOX_HELD ||
	    r->kept[0] == KITH_MBOX_TAKEN)
		return KITH_OK;
	return r->kept[0] == KITH_MBOX_FULL ? KITH_E_FULL : KITH_E_IO;
}

void kith__keep_result(struct kith_node *n, struct kith_order *o, const struct kith_mbox_result *r)
{
	if (r->verb == KITH_MBOX_INFO && r->status == KITH_MBOX_OK && o->step == KITH_ORDER_OPENS) {
		struct kith_mbox_info info = r->info;

		informed(n, o, &info);
	} else if (r->verb == KITH_MBOX_KEEP && o->step == KITH_ORDER_SENT) {
		int status = judge(r);

		if (status != KITH_OK) {
			finish(n, o, status, false);
			return;
		}
		o->at++;
		next_record(n, o);
	} else {
		finish(n, o, KITH_E_IO, false);
	}
}
