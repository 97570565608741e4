/* SPDX-License-Identifier: ISC */
/*
 * Sequence numbers received from a contact (crypto.md 5): next expected seq, the 64 after it as the
 * wire bitmap, and what lies further ahead. A sender runs at most 900 un-acked frames ahead, so
 * KITH_FLOW_FAR bytes beyond the bitmap hold every seq it may use; one beyond them is not taken.
 */
#include "node/msgs.h"

#define FAR_BITS (KITH_FLOW_FAR * 8u)
#define SPAN     (65u + FAR_BITS)

_Static_assert(SPAN > KITH_UNACKED_MAX + 64u, "every seq in a sender's window has a bit");

/* Bit `i` stands for seq in_next + 1 + i. */
static bool ahead_get(const struct kith_flow *f, uint32_t i)
{
	if (i < 64)
		return (f->in_bitmap >> i & 1) != 0;
	return (f->in_far[(i - 64) / 8] >> ((i - 64) % 8) & 1) != 0;
}

static void ahead_set(struct kith_flow *f, uint32_t i)
{
	if (i < 64)
		f->in_bitmap |= UINT64_C(1) << i;
	else
		f->in_far[(i - 64) / 8] = (uint8_t)(f->in_far[(i - 64) / 8] | 1u << ((i - 64) % 8));
}

/* in_next + 1: all bits move down by one. Nothing beyond the bitmap is the usual case. */
static void ahead_shift(struct kith_flow *f)
{
	unsigned i;

	f->in_bitmap = f->in_bitmap >> 1 | (uint64_t)(f->in_far[0] & 1u) << 63;
	for (i = 0; i < KITH_FLOW_FAR; i++) {
		unsigned above = i + 1 < KITH_FLOW_FAR ? f->in_far[i + 1] : 0;

		f->in_far[i] = (uint8_t)(f->in_far[i] >> 1 | above << 7);
	}
}

bool kith__flow_knows(const struct kith_flow *f, uint32_t seq)
{
	if (seq < f->in_next)
		return true;
	return seq > f->in_next && seq - f->in_next < SPAN && ahead_get(f, seq - f->in_next - 1);
}

bool kith__flow_take(struct kith_flow *f, uint32_t seq, bool *gap, bool *far)
{
	bool more;

	KITH_ASSERT(seq != 0);
	*gap = false;
	*far = false;
	if (f->in_next == 0)
		f->in_next = 1;
	if (kith__flow_knows(f, seq))
		return false;
	if (seq > f->in_next) {
		*far = seq - f->in_next >= SPAN;
		*gap = seq == f->in_next + 1 || !kith__flow_knows(f, seq - 1);
		if (!*far)
			ahead_set(f, seq - f->in_next - 1);
		return !*far;
	}
	do {
		more = (f->in_bitmap & 1) != 0;
		f->in_next++;
		ahead_shift(f);
	} while (more);
	return true;
}

bool kith__ack_covers(const struct kith_ack *ack, uint32_t seq)
{
	if (seq < ack->next)
		return true;
	return seq > ack->next && seq - ack->next <= 64 &&
	       (ack->bitmap >> (seq - ack->next - 1) & 1) != 0;
}

void kith__ack_fill(const struct kith_contact *c, struct kith_ack *ack)
{
	ack->next = c->flow.in_next == 0 ? 1 : c->flow.in_next;
	ack->bitmap = c->flow.in_bitmap;
	ack->read = c->flow.in_read;
}
