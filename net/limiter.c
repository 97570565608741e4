/* SPDX-License-Identifier: ISC */
/*
 * Who may cost us a handshake: 10/s with burst 20 for each NEAR group, 20/s with burst 200 where we
 * serve (a link carries one PUT: mailbox.md 9), 1,000/s for all; above
 * 200/s, or with the half-open table 3/4 full, cookies are demanded (transport.md 3).
 *
 * The groups share a fixed table, four places each by a keyed hash; the least recently used place
 * of the four is taken over. Who owns enough groups to push others out is bound by the global
 * bucket and by cookies.
 */
#include "net/internal.h"

#define GROUP_PER_S  10u
#define GROUP_BURST  20u
#define SERVE_PER_S  20u
#define SERVE_BURST  200u
#define GLOBAL_PER_S 1000u
#define GLOBAL_BURST 1000u
#define STRICT_PER_S 200u
#define WAYS         4u

static void refill(struct bucket *b, unsigned per_s, unsigned burst, kith_time now)
{
	uint64_t gain = (now - b->at) * per_s / 1000u; /* us * tokens/s / 1,000 = millitokens */
	uint64_t full = (uint64_t)burst * 1000u;

	if (gain == 0)
		return;
	b->at = now;
	b->millis = (uint32_t)(gain >= full - b->millis ? full : b->millis + gain);
}

static struct bucket *group_bucket(struct kith_net *n, const struct kith_addr *a, kith_time now)
{
	struct kith_group g = kith_addr_group(a, KITH_WIDTH_NEAR);
	uint64_t tag = kith_siphash(n->limiter_key, g.b, sizeof(g.b)) | 1u;
	struct bucket *set = &n->group[tag / 2 % (LIMITER_SLOTS / WAYS) * WAYS];
	struct bucket *oldest = set;
	unsigned i;

	for (i = 0; i < WAYS; i++) {
		if (set[i].tag == tag)
			return &set[i];
		if (set[i].at < oldest->at || set[i].tag == 0)
			oldest = &set[i];
	}
	*oldest = (struct bucket){.tag = tag, .at = now};
	oldest->millis = (n->cfg.serve ? SERVE_BURST : GROUP_BURST) * 1000u;
	return oldest;
}

bool kith__net_limiter_take(struct kith_net *n, const struct kith_addr *a, kith_time now)
{
	struct bucket *b = group_bucket(n, a, now);

	refill(b, n->cfg.serve ? SERVE_PER_S : GROUP_PER_S,
	       n->cfg.serve ? SERVE_BURST : GROUP_BURST, now);
	refill(&n->global, GLOBAL_PER_S, GLOBAL_BURST, now);
	if (b->millis < 1000u || n->global.millis < 1000u) {
		n->count.drop_limit++;
		return false;
	}
	b->millis -= 1000u;
	n->global.millis -= 1000u;
	return true;
}

static void turn_second(struct kith_net *n, kith_time now)
{
	if (now - n->rate_from < KITH_US_PER_S)
		return;
	n->rate_before = now - n->rate_from < 2u * KITH_US_PER_S ? n->rate_now : 0;
	n->rate_now = 0;
	n->rate_from = now;
}

void kith__net_limiter_count(struct kith_net *n, kith_time now)
{
	turn_second(n, now);
	n->rate_now++;
}

bool kith__net_limiter_strict(struct kith_net *n, kith_time now)
{
	uint64_t open = n->half_next - n->half_first;

	turn_second(n, now);
	return n->rate_now > STRICT_PER_S || n->rate_before > STRICT_PER_S ||
	       open >= KITH_NET_HALFOPEN_MAX / 4 * 3;
}
