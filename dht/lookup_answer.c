/* SPDX-License-Identifier: ISC */
/*
 * What an answer, a timeout or a failure changes in a lookup. A candidate counts only once it
 * answered by itself; a false record bars its sender for an hour.
 */
#include <string.h>

#include "dht/internal.h"

static void release(struct kith__lookup *l, const struct kith__cand *c)
{
	if (c->state == KITH__CAND_FLIGHT)
		l->fast--;
	if (c->state == KITH__CAND_FLIGHT || c->state == KITH__CAND_SLOW)
		l->flying--;
}

static bool acceptable(struct kith_dht *d, const struct kith__contact *k, bool from_private)
{
	if (memcmp(k->key, d->self[0].key, 32) == 0 || memcmp(k->key, d->self[1].key, 32) == 0)
		return false;
	return from_private || !kith_addr_is_private(&k->addr);
}

static void take_contacts(struct kith_dht *d, struct kith__lookup *l, const struct kith__cand *by,
			  const struct kith__msg *m)
{
	bool private_ok = kith_addr_is_private(&kith__peer_get(d->book, by->peer)->addr);
	bool relaxed = d->table.count < KITH__NEAREST;
	unsigned paths = by->paths, depth = by->depth != 0 ? by->depth + 1u : 2u, i, j, same;
	uint32_t group[KITH__RPC_CONTACTS], peer;

	d->counters.skipped_contact += m->skipped;
	for (i = 0; i < m->count; i++) {
		const struct kith__contact *k = &m->contact[i];

		group[i] = kith__group_hash(d, &k->addr, KITH_WIDTH_NEAR);
		for (same = 0, j = 0; j < i; j++)
			same += group[j] == group[i];
		if (!acceptable(d, k, private_ok) || (same >= 2 && !relaxed)) {
			d->counters.skipped_contact++;
			continue;
		}
		peer = kith__peer_intern(d->book, k->key, &k->addr);
		if (peer == KITH__NO_PEER)
			return;
		kith__lookup_add(d, l, peer, paths, depth);
		kith__peer_unref(d->book, peer);
	}
}

void kith__lookup_tell(struct kith_dht *d, const struct kith__lookup *l, bool final)
{
	struct kith_dht_event e = {.kind = KITH_DHT_FOUND,
				   .op = l->op,
				   .final = final,
				   .answered = l->answered};

	kith__emit(d, &e, l->record);
}

/* A record arrived; false: it was false, and its sender pays. */
static bool take_value(struct kith_dht *d, struct kith__lookup *l, struct kith__cand *c,
		       const struct kith__msg *m, kith_time now)
{
	struct kith_id key;
	uint64_t seq;

	kith_record_peek(m->record, &key, &seq);
	if (memcmp(key.b, l->key.b, 32) != 0 ||
	    (!(l->record != NULL && memcmp(l->record, m->record, KITH_RECORD) == 0) &&
	     kith_record_check(m->record, &key, &seq) != KITH_OK))
		return false;
	c->held = seq;
	c->flags |= KITH__C_HELD;
	if (l->found && seq <= l->seq) {
		l->agree += seq == l->seq;
		return true;
	}
	if (l->kind != KITH__LOOK_VALUE && seq <= l->seq)
		return true;
	if (l->record == NULL)
		l->record = kith_alloc_zero(d->alloc, 1, KITH_RECORD);
	if (l->record == NULL)
		return true;
	memcpy(l->record, m->record, KITH_RECORD);
	l->seq = seq;
	l->agree = 1;
	if (!l->found) {
		l->found_at = now;
		l->hops_found = c->depth;
		l->requests_found = l->requests;
		l->bytes_found = l->bytes;
	}
	l->found = true;
	kith__lookup_tell(d, l, false);
	return true;
}

/* PONG instead of what was asked: the reply did not fit. Ask again if there is something to get. */
static bool second_step(const struct kith__lookup *l, struct kith__cand *c,
			const struct kith__request *r, const struct kith__msg *m)
{
	if (m->method != KITH__PONG || (c->flags & KITH__C_SECOND) != 0)
		return false;
	if (r->method == KITH__FIND_VALUE && l->kind == KITH__LOOK_VALUE &&
	    (m->flags & KITH__HAVE) == 0)
		return false;
	c->flags |= KITH__C_SECOND | KITH__C_AGAIN;
	c->state = KITH__CAND_NEW;
	return true;
}

static void located(struct kith_dht *d, struct kith__lookup *l, const struct kith__cand *c)
{
	const struct kith__peer *p = kith__peer_get(d->book, c->peer);
	struct kith_dht_event e = {.kind = KITH_DHT_LOCATED,
				   .op = l->op,
				   .final = true,
				   .addr = p->addr,
				   .answered = l->answered};

	memcpy(e.key, p->key, 32);
	kith__emit(d, &e, NULL);
	l->found = l->done = true;
}

void kith__lookup_answer(struct kith_dht *d, struct kith__lookup *l, const struct kith__request *r,
			 const struct kith__msg *m, kith_time now)
{
	struct kith__cand *c = kith__cand_find(l, r->peer), by;

	l->dirty = true;
	l->bytes += r->got;
	if (c == NULL)
		return;
	release(l, c);
	if (m->method == KITH__BUSY) {
		c->state = KITH__CAND_FAILED;
		return;
	}
	if (second_step(l, c, r, m))
		return;
	c->state = KITH__CAND_ANSWERED;
	l->answered++;
	if (m->method == KITH__VALUE && !take_value(d, l, c, m, now)) {
		c->state = KITH__CAND_FAILED;
		(void)kith__table_failed(&d->table, c->peer);
		kith__ban(d, c->peer, KITH__BAN_FALSE, now + 3600u * (kith_time)KITH_US_PER_S);
		return;
	}
	if (m->method == KITH__SAME || m->method == KITH__VALUE || (m->flags & KITH__TOKEN) != 0) {
		memcpy(c->token, m->token, 16);
		c->flags |= KITH__C_TOKEN;
	}
	if (m->method == KITH__SAME) {
		c->held = m->seq;
		c->flags |= KITH__C_HELD;
		l->agree += l->found && m->seq == l->seq;
		if (l->kind == KITH__LOOK_KEEP && m->seq == l->seq) {
			c->flags |= KITH__C_ACKED;
			l->acks++;
		}
	}
	by = *c; /* take_contacts moves candidates */
	if (l->owner == KITH__OWN_LOCATE &&
	    memcmp(kith__peer_get(d->book, by.peer)->id.b, l->key.b, 32) == 0)
		located(d, l, &by);
	else if (l->kind != KITH__LOOK_KEEP)
		take_contacts(d, l, &by, m);
}

void kith__lookup_soft(struct kith_dht *d, struct kith__lookup *l, const struct kith__request *r)
{
	struct kith__cand *c = kith__cand_find(l, r->peer);

	(void)d;
	l->dirty = true;
	if (c == NULL || c->state != KITH__CAND_FLIGHT)
		return;
	c->state = KITH__CAND_SLOW;
	l->fast--;
	l->slow++;
}

void kith__lookup_failed(struct kith_dht *d, struct kith__lookup *l, const struct kith__request *r)
{
	struct kith__cand *c = kith__cand_find(l, r->peer);

	(void)d;
	l->dirty = true;
	if (c == NULL)
		return;
	release(l, c);
	c->state = KITH__CAND_FAILED;
}
