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
	uint8_t d[32];
	uint64_t due_ms, batch; /* nothing is deleted before the ack behind it is durable */
	uint32_t place;
};

/* A mailbox of entries: a few of them share it. */
struct place {
	uint8_t ml[32];
	struct kith_addr addr; /* none: looked for when an entry is due */
	uint32_t entries;      /* 0: free for another */
};

struct kith_todelete {
	struct entry *entry;
	struct place *place;
	size_t count, cap, places, places_cap;
	uint64_t first_ms; /* earliest due */
	kith_time paced;
};

/* Makes room for one more element: by an eighth, as there may be many and they stay for long. */
static bool room(struct kith_node *n, void **array, size_t *cap, size_t count, size_t size)
{
	size_t more = count + count / 8 + 4;
	uint8_t *grown;

	if (count < *cap)
		return true;
	grown = count < TODELETE_MAX ? kith_alloc_zero(n->alloc, more, size) : NULL;
	if (grown == NULL)
		return false;
	if (count > 0) { /* by hand: what is given back holds secrets */
		memcpy(grown, *array, count * size);
		kith_wipe(*array, count * size);
	}
	kith_alloc_free(n->alloc, *array);
	*array = grown;
	*cap = more;
	return true;
}

static struct kith_todelete *book(struct kith_node *n)
{
	if (n->todelete == NULL) {
		n->todelete = kith_alloc_zero(n->alloc, 1, sizeof(*n->todelete));
		if (n->todelete != NULL)
			n->todelete->first_ms = UINT64_MAX;
	}
	return n->todelete;
}

/* The place of a mailbox, an old one or a new one; false: no memory. */
static bool place_of(struct kith_node *n, const uint8_t ml[static 32], const struct kith_addr *addr,
		     uint32_t *out)
{
	struct kith_todelete *t = n->todelete;
	size_t at = t->places;
	void *place = t->place;
	size_t i;

	for (i = 0; i < t->places; i++) {
		if (t->place[i].entries == 0)
			at = i;
		else if (memcmp(t->place[i].ml, ml, 32) == 0)
			break;
	}
	if (i == t->places) {
		if (at == t->places &&
		    !room(n, &place, &t->places_cap, t->places, sizeof(*t->place)))
			return false;
		t->place = place;
		t->places += at == t->places;
		memset(&t->place[at], 0, sizeof(t->place[at]));
		memcpy(t->place[at].ml, ml, 32);
		i = at;
	}
	if (addr != NULL)
		t->place[i].addr = *addr;
	*out = (uint32_t)i;
	return true;
}

static void remember(struct kith_node *n, const uint8_t ml[static 32], const struct kith_addr *addr,
		     const uint8_t d[static 32], uint64_t due_ms, uint64_t batch)
{
	struct entry e = {.due_ms = due_ms, .batch = batch};
	struct kith_todelete *t = book(n);
	void *entry;

	if (t == NULL)
		return;
	entry = t->entry;
	if (!room(n, &entry, &t->cap, t->count, sizeof(e)))
		return;
	t->entry = entry;
	if (!place_of(n, ml, addr, &e.place))
		return;
	memcpy(e.d, d, 32);
	t->place[e.place].entries++;
	t->entry[t->count++] = e;
	if (due_ms < t->first_ms)
		t->first_ms = due_ms;
}

void kith__todelete_add(struct kith_node *n, const uint8_t ml[static 32],
			const struct kith_addr *addr, const uint8_t d[static 32], uint64_t due_ms,
			uint64_t expires_s)
{
	uint64_t batch = kith__open_batch(n);

	kith__row_todelete(n, ml, d, due_ms, expires_s);
	remember(n, ml, addr, d, due_ms, batch);
}

void kith__todelete_loaded(struct kith_node *n, const uint8_t ml[static 32],
			   const uint8_t d[static 32], uint64_t due_ms)
{
	remember(n, ml, NULL, d, due_ms, 0);
}

/* Where the mailbox is: own ones, then those of contacts. */
static bool locate(const struct kith_node *n, struct place *e)
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

static void drop_row(struct kith_node *n, const uint8_t ml[static 32], const uint8_t d[static 32])
{
	struct kith_op op = kith_op(KITH_OP_TODELETE_DELETE);

	kith_op_blob(&op, ml, 32);
	kith_op_blob(&op, d, 32);
	kith__put(n, &op);
}

/* Nothing left: what many entries took goes back. */
static void trim(struct kith_node *n, struct kith_todelete *t)
{
	if (t->count > 0)
		return;
	kith_alloc_free(n->alloc, t->entry);
	kith_alloc_free(n->alloc, t->place);
	t->entry = NULL;
	t->place = NULL;
	t->cap = t->places = t->places_cap = 0;
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
		struct place *p = &t->place[e->place];

		if (e->due_ms <= now_ms && given < AT_ONCE && kith__durable(n, e->batch)) {
			given++;
			if (locate(n, p))
				kith__mbox_order_delete(n, p->ml, &p->addr, e->d);
			drop_row(n, p->ml, e->d);
			p->entries--;
			continue;
		}
		if (e->due_ms < t->first_ms)
			t->first_ms = e->due_ms;
		t->entry[kept++] = *e;
	}
	kith_wipe(&t->entry[kept], (t->count - kept) * sizeof(*t->entry));
	t->count = kept;
	trim(n, t);
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
	if (n->todelete->entry != NULL)
		kith_wipe(n->todelete->entry, n->todelete->count * sizeof(struct entry));
	kith_alloc_free(n->alloc, n->todelete->entry);
	kith_alloc_free(n->alloc, n->todelete->place);
	kith_alloc_free(n->alloc, n->todelete);
	n->todelete = NULL;
}
