/* SPDX-License-Identifier: ISC */
/*
 * ACK frames are read off the replay window: it knows which of the last 2,048 packets came. What
 * the peer is known to have seen in an earlier ACK is left out, but for the last 64.
 */
#include "net/session.h"

#define WORDS (KITH_NET_REPLAY_BITS / 64)

void kith__net_ack_note(struct session *s, uint64_t pn, bool eliciting, bool at_once, kith_time now)
{
	uint64_t limit = s->rec.cwnd / NET_MSS / 8;
	bool gap = pn != s->replay.next;

	if (pn >= s->replay.next)
		s->largest_at = now;
	kith__net_replay_add(&s->replay, pn);
	if (!eliciting)
		return;
	s->ack_wanted = true;
	s->ack_count++;
	limit = limit < 2 ? 2 : limit > 10 ? 10 : limit;
	if (at_once || gap || s->ack_count >= limit)
		s->ack_now = true;
	else if (s->ack_at > now + NET_ACK_DELAY_US)
		s->ack_at = now + NET_ACK_DELAY_US;
}

/* How many numbers from `pn` downwards, not below `low`, have the state `seen`. */
static uint64_t run(const struct replay *r, uint64_t pn, uint64_t low, bool seen)
{
	uint64_t length = 0;

	for (;;) {
		uint64_t word = r->bits[pn / 64 % WORDS];
		uint64_t part = pn % 64 + 1; /* bits of this word from pn down */
		uint64_t same;

		word = (seen ? ~word : word) << (64 - part);
		same = word == 0 ? 64 : (uint64_t)__builtin_clzll(word);
		if (same < part) {
			length += same;
			break;
		}
		length += part;
		if (pn < low + part)
			break;
		pn -= part;
	}
	return length;
}

bool kith__net_ack_write(const struct session *s, struct kith_writer *w, kith_time now)
{
	const struct replay *r = &s->replay;
	struct ack_range range[FRAME_ACK_RANGES];
	unsigned count = 0;
	uint64_t pn = r->next;
	uint64_t low = 0;

	if (pn == 0)
		return false;
	pn--;
	if (pn / 64 >= WORDS)
		low = (pn / 64 - WORDS + 1) * 64;
	if (low < s->ack_floor)
		low = s->ack_floor;
	while (count < FRAME_ACK_RANGES && pn >= low) {
		uint64_t length = run(r, pn, low, true);
		uint64_t gap;

		if (length > pn - low + 1)
			length = pn - low + 1;
		range[count++] = (struct ack_range){pn - (length - 1), pn};
		if (length > pn - low)
			break;
		pn -= length;
		gap = run(r, pn, low, false);
		if (gap > pn - low)
			break;
		pn -= gap;
	}
	kith__net_frame_ack(w, (now - s->largest_at) / 8, range, count);
	return true;
}

void kith__net_ack_done(struct session *s)
{
	s->ack_wanted = s->ack_now = false;
	s->ack_count = 0;
	s->ack_at = KITH_NEVER;
}
