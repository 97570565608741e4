/* SPDX-License-Identifier: ISC */
/*
 * The storing half of a lookup (dht.md 9): whoever within the radius gave a token gets the STORE at
 * once; the search extends the region to 16 groups by itself. A VALUE lookup repairs up to three
 * replicas that are behind.
 */
#include <string.h>

#include "dht/internal.h"

#define FLYING_MAX 32u
#define REPAIR_MAX 3u

static bool wanted(const struct kith__lookup *l, const struct kith__cand *c)
{
	if ((c->flags & KITH__C_TOKEN) == 0 || (c->flags & (KITH__C_STORE | KITH__C_ACKED)) != 0 ||
	    c->state != KITH__CAND_ANSWERED)
		return false;
	if (l->kind == KITH__LOOK_VALUE)
		return l->found && (c->flags & KITH__C_HELD) != 0 && c->held < l->seq &&
		       l->repaired < REPAIR_MAX && l->stores_open;
	if (l->kind == KITH__LOOK_NODE || l->found)
		return false;
	return (c->flags & KITH__C_INSIDE) != 0;
}

static const uint8_t *record_of(const struct kith_dht *d, const struct kith__lookup *l)
{
	const struct kith__pub *p;

	if (l->kind == KITH__LOOK_VALUE)
		return l->record;
	p = kith__pub_get(d, &l->key);
	return p != NULL && p->serial == l->pub && p->seq == l->seq ? p->record : NULL;
}

static struct kith__ask store_ask(const struct kith_dht *d, const struct kith__lookup *l,
				  const struct kith__cand *c)
{
	return (struct kith__ask){.kind = KITH__ASK_STORE,
				  .method = KITH__STORE,
				  .peer = c->peer,
				  .owner = l->serial,
				  .token = c->token,
				  .record = record_of(d, l),
				  .ttl_min = (uint16_t)d->params.ttl_min};
}

void kith__store_pump(struct kith_dht *d, struct kith__lookup *l, kith_time now)
{
	size_t i;

	for (i = 0; i < l->count; i++) {
		struct kith__cand *c = &l->cand[i];
		struct kith__ask a;

		if (!wanted(l, c))
			continue;
		if (l->stores >= d->params.store_max)
			return;
		a = store_ask(d, l, c);
		if (a.record == NULL)
			return;
		if (d->stores_flying >= FLYING_MAX || !kith__ask(d, &a, now)) {
			d->starved = true;
			l->wants_more = true;
			return;
		}
		c->flags |= KITH__C_STORE;
		l->bytes += KITH__RPC_LARGE;
		l->repaired += l->kind == KITH__LOOK_VALUE;
		l->stores++;
		l->stores_flying++;
		d->stores_flying++;
	}
}

bool kith__store_busy(const struct kith__lookup *l)
{
	return l->stores_flying != 0 || l->wants_more;
}

void kith__store_again(struct kith_dht *d, struct kith__lookup *l, struct kith__request *r,
		       kith_time now)
{
	struct kith__cand *c = kith__cand_find(l, r->peer);
	struct kith__ask a;

	if (c == NULL)
		return;
	a = store_ask(d, l, c);
	if (a.record == NULL)
		return;
	l->bytes += KITH__RPC_LARGE;
	kith__ask_again(d, &a, r, now);
}

void kith__store_answer(struct kith_dht *d, struct kith__lookup *l, const struct kith__request *r,
			const struct kith__msg *m, kith_time now)
{
	struct kith__cand *c = kith__cand_find(l, r->peer);

	l->dirty = true;
	l->stores_flying--;
	l->bytes += r->got;
	if (c == NULL || m->method != KITH__STORED)
		return;
	if (m->status == KITH__ST_OK) {
		c->flags |= KITH__C_ACKED;
		l->acks++;
		d->counters.publish_acks++;
	} else if (m->status == KITH__ST_TOKEN && (c->flags & KITH__C_RETOKEN) == 0) {
		memcpy(c->token, m->token, 16);
		c->flags = (uint8_t)((c->flags | KITH__C_RETOKEN) & ~KITH__C_STORE);
	} else {
		d->counters.stores_refused++;
	}
	if (l->owner == KITH__OWN_PUBLISH)
		kith__pub_progress(d, l, now);
}

void kith__store_failed(struct kith_dht *d, struct kith__lookup *l, const struct kith__request *r,
			kith_time now)
{
	(void)d;
	(void)r;
	(void)now;
	l->dirty = true;
	l->stores_flying--;
}
