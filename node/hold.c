/* SPDX-License-Identifier: ISC */
/*
 * Text order on a live link that loses packets (mailbox.md 8): messages overtake each other there.
 * One whose predecessor is missing is kept as it came, unopened, so nothing of it is acked or on
 * disk and a crash costs nothing. It is opened when its turn comes, or after 3 s with the mark of a
 * gap, which the late one resolves.
 */
#include <string.h>

#include "node/msgs.h"

#define HELD_MAX 64u /* per contact: 260 KiB at most */
#define WAIT     (3u * (kith_time)KITH_US_PER_S)

struct kith_held {
	unsigned count;
	struct {
		uint32_t seq;
		kith_time until;
		size_t len;
		uint8_t *frame;
	} entry[HELD_MAX]; /* ascending seq */
};

bool kith__hold_room(const struct kith_contact *c)
{
	return c->held == NULL || c->held->count < HELD_MAX;
}

bool kith__hold(struct kith_node *n, struct kith_contact *c, const uint8_t *frame, size_t len,
		uint32_t seq)
{
	struct kith_held *h = c->held;
	uint8_t *copy;
	unsigned i;

	if (h == NULL)
		h = c->held = kith_alloc_zero(n->alloc, 1, sizeof(*h));
	if (h == NULL || h->count == HELD_MAX)
		return false;
	for (i = 0; i < h->count; i++)
		if (h->entry[i].seq == seq)
			return true; /* the same one again, on a new session */
	copy = kith_alloc_copy(n->alloc, frame, len);
	if (copy == NULL)
		return false;
	for (i = h->count++; i > 0 && h->entry[i - 1].seq > seq; i--)
		h->entry[i] = h->entry[i - 1];
	h->entry[i].seq = seq;
	h->entry[i].until = n->now + WAIT;
	h->entry[i].len = len;
	h->entry[i].frame = copy;
	if (h->entry[i].until < n->hold_due)
		n->hold_due = h->entry[i].until;
	return true;
}

/* The first one, out of the list. */
static void take_first(struct kith_node *n, struct kith_contact *c)
{
	struct kith_held *h = c->held;
	uint8_t *frame = h->entry[0].frame;
	size_t len = h->entry[0].len;

	h->count--;
	memmove(&h->entry[0], &h->entry[1], h->count * sizeof(h->entry[0]));
	(void)kith__inbox_take(n, c, frame, len, true, false);
	kith_alloc_free(n->alloc, frame);
}

void kith__hold_next(struct kith_node *n, struct kith_contact *c)
{
	while (c->held != NULL && c->held->count > 0 && c->held->entry[0].seq <= c->flow.in_next)
		take_first(n, c);
}

/* All up to the last one whose time is over. */
static void release(struct kith_node *n, struct kith_contact *c)
{
	unsigned over = 0;
	unsigned i;

	for (i = 0; i < c->held->count; i++)
		if (c->held->entry[i].until <= n->now)
			over = i + 1;
	while (over-- > 0 && c->held != NULL && c->held->count > 0)
		take_first(n, c);
	kith__hold_next(n, c);
}

void kith__hold_tick(struct kith_node *n)
{
	size_t i;
	unsigned k;

	if (n->now < n->hold_due)
		return;
	n->hold_due = KITH_NEVER;
	for (i = 0; i < n->contacts; i++) {
		struct kith_contact *c = n->contact[i];

		if (c->held == NULL)
			continue;
		release(n, c);
		for (k = 0; c->held != NULL && k < c->held->count; k++)
			if (c->held->entry[k].until < n->hold_due)
				n->hold_due = c->held->entry[k].until;
	}
}

kith_time kith__hold_deadline(const struct kith_node *n)
{
	return n->hold_due;
}

void kith__hold_free(struct kith_node *n, struct kith_contact *c)
{
	unsigned i;

	for (i = 0; c->held != NULL && i < c->held->count; i++)
		kith_alloc_free(n->alloc, c->held->entry[i].frame);
	kith_alloc_free(n->alloc, c->held);
	c->held = NULL;
}
