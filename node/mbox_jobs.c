/* SPDX-License-Identifier: ISC */
/*
 * One-shot work at anybody's mailboxes: PUT, GET of one blob, DELETE, hand-in of records, each on a
 * link of its own, so that a mailbox cannot tie two of them together (mailbox.md 4).
 *
 *	WAITS --link free, pace--> OPENS --INFO--> WORKS --stamp--> SENT --answer--> end     PUT
 *	                           OPENS --LIST---------------------> SENT --answer--> end   GET
 *	                           OPENS --answer--> end                                     DELETE
 *	                           OPENS --INFO--> (WORKS --stamp--> SENT --answer-->) * end   KEEP
 *
 * At most KITH_MBOX_ORDER_LINKS are open, DELETES of them for DELETE, and PER_MAILBOX handshakes at
 * one mailbox: net tries only four per source address. What cannot start stays in the queue. A link
 * that fails or stays silent ends its order with KITH_E_IO; a DELETE is tried again, TRIES times in
 * all, and then forgotten: the blob expires by itself. Rows of pre-images belong to the caller.
 *
 * No fn is called from inside an order call: orders start in kith__mbox_jobs_tick.
 */
#include <string.h>

#include "node/mbox_own.h"

#define DELETES     4u
#define PER_MAILBOX 4u
#define TRIES       3u
#define LIFE        (60u * KITH_US_PER_S) /* of an open order, stamp included */
#define AGAIN       (30u * KITH_US_PER_S) /* DELETE, times the number of failures */
#define BUSY        (1u * KITH_US_PER_S)  /* net takes no handshake just now */

struct kith_orders {
	struct kith_order *first, *last; /* waiting */
	size_t waiting;
	struct kith_order *open[KITH_MBOX_ORDER_LINKS];
	uint64_t next_id;
};

static struct kith_orders *orders(struct kith_node *n)
{
	if (n->orders == NULL) {
		n->orders = kith_alloc_zero(n->alloc, 1, sizeof(*n->orders));
		if (n->orders != NULL)
			n->orders->next_id = 1;
	}
	return n->orders;
}

static void append(struct kith_orders *all, struct kith_order *o)
{
	o->next = NULL;
	o->step = KITH_ORDER_WAITS;
	if (all->first == NULL)
		all->first = o;
	else
		all->last->next = o;
	all->last = o;
	all->waiting++;
}

static void unlink_order(struct kith_orders *all, struct kith_order *before, struct kith_order *o)
{
	if (before == NULL)
		all->first = o->next;
	else
		before->next = o->next;
	if (all->last == o)
		all->last = before;
	all->waiting--;
	o->next = NULL;
}

int kith__order_new(struct kith_node *n, enum kith_order_kind kind, const uint8_t ml[static 32],
		    const struct kith_addr *addr, struct kith_order **out)
{
	struct kith_orders *all = orders(n);
	struct kith_order *o;

	if (all == NULL)
		return KITH_E_NOMEM;
	if (all->waiting >= KITH_MBOX_ORDERS_MAX)
		return KITH_E_FULL;
	o = kith_alloc_zero(n->alloc, 1, sizeof(*o));
	if (o == NULL)
		return KITH_E_NOMEM;
	o->id = all->next_id++;
	o->kind = kind;
	memcpy(o->ml, ml, 32);
	o->addr = *addr;
	append(all, o);
	*out = o;
	return KITH_OK;
}

void kith__order_free(struct kith_node *n, struct kith_order *o)
{
	kith_alloc_free(n->alloc, o->blob);
	kith_alloc_free(n->alloc, o->until_s);
	kith_wipe(o, sizeof(*o));
	kith_alloc_free(n->alloc, o);
}

struct kith_order *kith__order_find(const struct kith_node *n, uint64_t id)
{
	unsigned i;

	for (i = 0; n->orders != NULL && i < KITH_MBOX_ORDER_LINKS; i++)
		if (n->orders->open[i] != NULL && n->orders->open[i]->id == id)
			return n->orders->open[i];
	return NULL;
}

void kith__order_end(struct kith_node *n, struct kith_order *o, bool gone)
{
	unsigned i;

	for (i = 0; i < KITH_MBOX_ORDER_LINKS; i++)
		if (n->orders->open[i] == o)
			n->orders->open[i] = NULL;
	if (o->link != 0 && !gone)
		kith__mbox_close(n->client, o->link, n->now);
	o->link = 0;
}

void kith__order_alive(struct kith_node *n, struct kith_order *o)
{
	o->due = n->now + LIFE;
}

void kith__mbox_order_delete(struct kith_node *n, const uint8_t ml[static 32],
			     const struct kith_addr *addr, const uint8_t d[static 32])
{
	struct kith_order *o;

	if (kith__order_new(n, KITH_ORDER_DELETE, ml, addr, &o) == KITH_OK)
		memcpy(o->d, d, 32);
	else
		kith_log_add(n->log, n->now, KITH_LOG_WARN, "a DELETE found no room in the queue");
}

static void delete_end(struct kith_node *n, struct kith_order *o, bool answered, bool gone)
{
	kith__order_end(n, o, gone);
	o->tries++;
	if (answered || o->tries >= TRIES) {
		kith__order_free(n, o);
		return;
	}
	o->due = n->now + kith_rng_jitter(n->rng, (kith_time)AGAIN * o->tries, 25);
	append(n->orders, o);
}

static void failed(struct kith_node *n, struct kith_order *o, int status, bool gone)
{
	switch (o->kind) {
	case KITH_ORDER_PUT: kith__put_failed(n, o, status, gone); break;
	case KITH_ORDER_GET: kith__get_failed(n, o, status, gone); break;
	case KITH_ORDER_DELETE: delete_end(n, o, false, gone); break;
	case KITH_ORDER_KEEP: kith__keep_failed(n, o, status, gone); break;
	}
}

static int first_verb(struct kith_node *n, struct kith_order *o)
{
	switch (o->kind) {
	case KITH_ORDER_PUT: return kith__put_start(n, o);
	case KITH_ORDER_GET: return kith__get_start(n, o);
	case KITH_ORDER_DELETE: return kith__mbox_delete(n->client, o->link, o->d, n->now);
	case KITH_ORDER_KEEP: return kith__keep_start(n, o);
	}
	return KITH_E_STATE;
}

static unsigned slot_free(const struct kith_orders *all)
{
	unsigned i;

	for (i = 0; i < KITH_MBOX_ORDER_LINKS && all->open[i] != NULL;)
		i++;
	return i;
}

/* May `o` open a link now, as far as the open ones go? */
static bool startable(const struct kith_orders *all, const struct kith_order *o, kith_time now)
{
	unsigned same = 0;
	unsigned deletes = 0;
	unsigned i;

	if (o->due > now)
		return false;
	for (i = 0; i < KITH_MBOX_ORDER_LINKS; i++) {
		const struct kith_order *p = all->open[i];

		if (p == NULL)
			continue;
		same += p->step == KITH_ORDER_OPENS && memcmp(p->ml, o->ml, 32) == 0;
		deletes += p->kind == KITH_ORDER_DELETE;
	}
	return same < PER_MAILBOX && (o->kind != KITH_ORDER_DELETE || deletes < DELETES);
}

/* Opens the link of `o`, which is out of the queue. */
static void start(struct kith_node *n, struct kith_order *o, unsigned slot)
{
	struct kith_orders *all = n->orders;
	int status = kith__mbox_open(n->client, o->ml, &o->addr, o->has_mk ? o->mk : NULL, 0,
				     &o->link, n->now);

	if (status == KITH_E_FULL || status == KITH_E_NOMEM) {
		o->link = 0;
		o->due = n->now + BUSY;
		append(all, o);
		return;
	}
	all->open[slot] = o;
	o->step = KITH_ORDER_OPENS;
	o->due = n->now + LIFE;
	if (status != KITH_OK) {
		o->link = 0;
		failed(n, o, KITH_E_IO, true);
	} else if (first_verb(n, o) != KITH_OK) {
		failed(n, o, KITH_E_IO, false);
	}
}

static void start_waiting(struct kith_node *n)
{
	struct kith_orders *all = n->orders;
	struct kith_order *before = NULL;
	struct kith_order *o = all->first;
	size_t left = all->waiting; /* those appended meanwhile come next time */

	for (; o != NULL && left > 0; left--) {
		struct kith_order *next = o->next;
		unsigned slot = slot_free(all);

		if (slot == KITH_MBOX_ORDER_LINKS)
			return;
		if (startable(all, o, n->now)) {
			unlink_order(all, before, o);
			start(n, o, slot);
		} else {
			before = o;
		}
		o = next;
	}
}

void kith__mbox_jobs_tick(struct kith_node *n)
{
	unsigned i;

	if (n->orders == NULL)
		return;
	for (i = 0; i < KITH_MBOX_ORDER_LINKS; i++) {
		struct kith_order *o = n->orders->open[i];

		if (o != NULL && n->now >= o->due)
			failed(n, o, KITH_E_IO, false);
	}
	start_waiting(n);
}

kith_time kith__mbox_jobs_deadline(const struct kith_node *n)
{
	const struct kith_orders *all = n->orders;
	const struct kith_order *o;
	kith_time best = KITH_NEVER;
	unsigned i;

	if (all == NULL)
		return KITH_NEVER;
	for (i = 0; i < KITH_MBOX_ORDER_LINKS; i++)
		if (all->open[i] != NULL && all->open[i]->due < best)
			best = all->open[i]->due;
	if (slot_free(all) == KITH_MBOX_ORDER_LINKS)
		return best;
	for (o = all->first; o != NULL; o = o->next) {
		if (o->due <= n->now ? !startable(all, o, n->now) : o->due >= best)
			continue;
		best = o->due <= n->now ? n->now : o->due;
		if (best <= n->now)
			break;
	}
	return best;
}

void kith__mbox_jobs_result(struct kith_node *n, const struct kith_mbox_result *r, bool *mine)
{
	struct kith_order *o = NULL;
	unsigned i;

	*mine = false;
	for (i = 0; n->orders != NULL && i < KITH_MBOX_ORDER_LINKS && o == NULL; i++)
		if (n->orders->open[i] != NULL && n->orders->open[i]->link == r->link)
			o = n->orders->open[i];
	if (o == NULL)
		return;
	*mine = true;
	if (r->gone) {
		failed(n, o, KITH_E_IO, true);
		return;
	}
	switch (o->kind) {
	case KITH_ORDER_PUT: kith__put_result(n, o, r); break;
	case KITH_ORDER_GET: kith__get_result(n, o, r); break;
	case KITH_ORDER_KEEP: kith__keep_result(n, o, r); break;
	case KITH_ORDER_DELETE:
		if (r->verb == KITH_MBOX_DELETE)
			delete_end(n, o, r->status == KITH_MBOX_OK, false);
		break;
	}
}

bool kith__mbox_jobs_idle(const struct kith_node *n)
{
	const struct kith_orders *all = n->orders;
	const struct kith_order *o;
	unsigned i;

	if (all == NULL)
		return true;
	for (i = 0; i < KITH_MBOX_ORDER_LINKS; i++)
		if (all->open[i] != NULL && all->open[i]->kind != KITH_ORDER_KEEP)
			return false;
	for (o = all->first; o != NULL; o = o->next)
		if (o->kind == KITH_ORDER_PUT || o->kind == KITH_ORDER_GET) /* others can wait */
			return false;
	return true;
}

void kith__mbox_jobs_free(struct kith_node *n)
{
	struct kith_orders *all = n->orders;
	unsigned i;

	if (all == NULL)
		return;
	for (i = 0; i < KITH_MBOX_ORDER_LINKS; i++)
		if (all->open[i] != NULL)
			kith__order_free(n, all->open[i]);
	while (all->first != NULL) {
		struct kith_order *o = all->first;

		all->first = o->next;
		kith__order_free(n, o);
	}
	kith_alloc_free(n->alloc, all);
	n->orders = NULL;
}
