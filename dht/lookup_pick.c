/* SPDX-License-Identifier: ISC */
/*
 * Whom a lookup asks next (dht.md 6). Outside the region the candidate from which the key is
 * reached soonest, by its round trip and the bits that are still to go; inside it, in rounds over
 * WIDE groups, the quickest, since each may hold the record. Paths are disjoint until a candidate
 * has answered, then merged.
 */
#include "dht/internal.h"

#define FAR_BITS 3u /* a hop brings a lookup so much nearer */

static bool asked(const struct kith__cand *c)
{
	return c->state != KITH__CAND_NEW || (c->flags & KITH__C_AGAIN) != 0;
}

/* Answered candidates counted once per NEAR group, up to index `end`. */
static bool counts(const struct kith__lookup *l, size_t at)
{
	size_t i;

	if (l->cand[at].state != KITH__CAND_ANSWERED)
		return false;
	for (i = 0; i < at; i++)
		if (l->cand[i].state == KITH__CAND_ANSWERED && l->cand[i].near == l->cand[at].near)
			return false;
	return true;
}

size_t kith__lookup_nearest(const struct kith__lookup *l, size_t *out, size_t max)
{
	size_t n = 0, i;

	for (i = 0; i < l->count && n < max; i++)
		if (counts(l, i))
			out[n++] = i;
	return n;
}

/* Index behind the 16th counting candidate; candidates from there on are too far. */
static size_t horizon(const struct kith__lookup *l)
{
	size_t near[KITH__NEAREST];

	if (kith__lookup_nearest(l, near, KITH__NEAREST) < KITH__NEAREST)
		return l->count;
	return near[KITH__NEAREST - 1];
}

static unsigned rank(const struct kith__lookup *l, const struct kith__cand *c)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < l->count; i++)
		if (l->cand[i].wide == c->wide && asked(&l->cand[i]))
			n++;
	return n;
}

static bool endpoint_used(const struct kith__lookup *l, const struct kith__cand *c)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		if (&l->cand[i] != c && l->cand[i].endpoint == c->endpoint && asked(&l->cand[i]))
			return true;
	return false;
}

/* Outside the region: up to the horizon, and in the end the seeds as far as the kind needs them. */
static bool may_ask(const struct kith__lookup *l, const struct kith__cand *c, bool near)
{
	if (l->found)
		return false;
	return near || c->depth == 0 || (l->wide && c->depth == 1 && l->kind == KITH__LOOK_VALUE);
}

/* What a round trip to the candidate may take, 0.25 ms. */
static unsigned expected(const struct kith__cand *c, unsigned median)
{
	return c->srtt != 0 ? c->srtt : median;
}

/* The best new candidate of the paths in `mask`; inside before outside. Inside, where each may
 * hold the record, the lowest round of its group comes first, then the quickest. */
static struct kith__cand *best(struct kith__lookup *l, unsigned mask, size_t end, unsigned median)
{
	struct kith__cand *found = NULL;
	unsigned lowest = UINT32_MAX, r;
	size_t i;

	for (i = 0; i < l->count; i++) {
		struct kith__cand *c = &l->cand[i];

		if (c->state != KITH__CAND_NEW || (c->paths & mask) == 0)
			continue;
		if ((c->flags & KITH__C_AGAIN) != 0)
			return c;
		if ((c->flags & KITH__C_INSIDE) == 0) {
			if ((found != NULL && (found->flags & KITH__C_INSIDE) != 0) ||
			    !may_ask(l, c, i < end))
				continue;
			r = expected(c, median) + c->far * median / FAR_BITS;
			if (r < lowest) {
				lowest = r;
				found = c;
			}
			continue;
		}
		r = rank(l, c) << 16 | expected(c, median);
		if (r < lowest || (found->flags & KITH__C_INSIDE) == 0) {
			lowest = r;
			found = c;
		}
	}
	return found;
}

struct kith__cand *kith__lookup_pick(struct kith_dht *d, struct kith__lookup *l, kith_time now)
{
	unsigned all = 0xffu, path = 1u << l->requests % d->params.paths;
	unsigned median = kith__median_us(d) / 250u;
	struct kith__cand *c;

	for (;;) {
		size_t end = horizon(l);

		c = d->params.paths > 1 ? best(l, path, end, median) : NULL;
		if (c == NULL && (d->params.merge != 0 || d->params.paths == 1))
			c = best(l, all, end, median);
		if (c == NULL)
			return NULL;
		if ((c->flags & KITH__C_AGAIN) != 0 ||
		    ((l->desperate || !kith__banned(d, c->peer, now)) && !endpoint_used(l, c)))
			return c;
		c->state = KITH__CAND_FAILED;
	}
}

/* Whether an answer that is still out may change the result. */
bool kith__lookup_pending(const struct kith__lookup *l)
{
	size_t end = horizon(l), i;

	for (i = 0; i < l->count; i++)
		if ((l->cand[i].state == KITH__CAND_FLIGHT ||
		     l->cand[i].state == KITH__CAND_SLOW) &&
		    (i < end || (l->cand[i].flags & KITH__C_INSIDE) != 0 ||
		     (l->wide && !l->found && l->cand[i].depth < 2)))
			return true;
	return false;
}
