/* SPDX-License-Identifier: ISC */
/*
 * Pre-images of copies that are no longer needed: each becomes one DELETE on a link of its own when
 * it is due (mailbox.md 6). The row goes when the order is given: a DELETE that is lost costs the
 * mailbox some space until the blob expires, and nothing else.
 */
#include <string.h>

#include "node/msgs.h"

#define TODELETE_MAX 65536u /* those in memory; further rows wait for the next start */
#define AT_ONCE      8u     /* per tick, so that a large ack does not open 900 links */
#define PACE         (2u * KITH_US_PER_S)

struct entry {
	uint8_t ml[32], d[32];
	struct kith_addr addr;
	uint64_t due_ms, batch; /* nothing is deleted before the ack behind it is durable */
};

struct kith_todelete {
	struct entry *entry;
	size_t count, cap;
	uint64_t first_ms; /* earliest due */
	kith_time paced;
};

static bool remember(struct kith_node *n, const struct entry *e)
{
	struct kith_todelete *t = n->todelete;
	void *entry;

	if (t == NULL) {
		t = kith_alloc_zero(n->alloc, 1, sizeof(*t));
		if (t == NULL)
			return false;
		t->first_ms = UINT64_MAX;
		n->todelete = t;
	}
	entry = t->entry;
	if (kith_alloc_grow(n->alloc, &entry, &t->cap, t->count + 1, TODELETE_MAX,
			    sizeof(*t->entry)) != KITH_OK)
		return false;
	t->entry = entry;
	t->entry[t->count++] = *e;
	if (e->due_ms < t->first_ms)
		t->first_ms = e->due_ms;
	return true;
}

void kith__todelete_add(struct kith_node *n, const uint8_t ml[static 32],
			const struct kith_addr *addr, const uint8_t d[static 32], uint64_t due_ms,
			uint64_t expires_s)
{
	struct entry e = {.due_ms = due_ms, .batch = kith__open_batch(n)};

	memcpy(e.ml, ml, 32);
	memcpy(e.d, d, 32);
	if (addr != NULL)
		e.addr = *addr;
	kith__row_todelete(n, ml, d, due_ms, expires_s);
	(void)remember(n, &e);
}

void kith__todelete_loaded(struct kith_node *n, const uint8_t ml[static 32],
			   const uint8_t d[static 32], uint64_t due_ms)
{
	struct entry e = {.due_ms = due_ms};

	memcpy(e.ml, ml, 32);
	memcpy(e.d, d, 32);
	(void)remember(n, &e);
}

/* Where the mailbox is: own ones, then those of contacts. */
static bool locate(const struct kith_node *n, struct entry *e)
{
	size_t i;
	unsigned k;

	for (i = 0; i < n->boxes && kith_addr_is_none(&e->addr); i++)
		if (memcmp(n->box[i].e.ml, e->ml, 32) == 0)
			e->addr = n->box[i].e.addr;
	for (i = 0; i < n->contacts && kith_addr_is_none(&e->addr); i++)
		for (k = 0; k < n->contact[i]->boxes; k++)
			if (memcmp(n->contact[i]->box[k].e.ml, e->ml, 32) == 0)
				e->addr = n->contact[i]->box[k].e.addr;
	return !kith_addr_is_none(&e->addr);
}

static void drop_row(struct kith_node *n, const struct entry *e)
{
	struct kith_op op = kith_op(KITH_OP_TODELETE_DELETE);

	kith_op_blob(&op, e->ml, 32);
	kith_op_blob(&op, e->d, 32);
	kith__put(n, &op);
}

void kith__todelete_tick(struct kith_node *n)
{
	struct kith_todelete *t = n->todelete;
	uint64_t now_ms = kith__wall_ms(n);
	unsigned given = 0;
	size_t kept = 0;
	size_t i;

	if (t == NULL || now_ms < t->first_ms || n->now < t->paced)
		return;
	t->first_ms = UINT64_MAX;
	for (i = 0; i < t->count; i++) {
		struct entry *e = &t->entry[i];

		if (e->due_ms <= now_ms && given < AT_ONCE && kith__durable(n, e->batch)) {
			given++;
			if (locate(n, e))
				kith__mbox_order_delete(n, e->ml, &e->addr, e->d);
			drop_row(n, e);
			continue;
		}
		if (e->due_ms < t->first_ms)
			t->first_ms = e->due_ms;
		t->entry[kept++] = *e;
	}
	kith_wipe(&t->entry[kept], (t->count - kept) * sizeof(*t->entry));
	t->count = kept;
	t->paced = n->now + PACE;
}

kith_time kith__todelete_deadline(const struct kith_node *n)
{
	const struct kith_todelete *t = n->todelete;
	uint64_t now_ms = kith__wall_ms(n);
	kith_time due;

	if (t == NULL || t->count == 0)
		return KITH_NEVER;
	due = t->first_ms <= now_ms ? n->now : n->now + (t->first_ms - now_ms) * KITH_US_PER_MS;
	return due < t->paced ? t->paced : due;
}

void kith__todelete_free(struct kith_node *n)
{
	if (n->todelete == NULL)
		return;
	kith_wipe(n->todelete->entry, n->todelete->count * sizeof(struct entry));
	kith_alloc_free(n->alloc, n->todelete->entry);
	kith_alloc_free(n->alloc, n->todelete);
	n->todelete = NULL;
}
