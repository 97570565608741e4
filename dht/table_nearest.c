/* SPDX-License-Identifier: ISC */
/*
 * The entries of a table that are nearest to a target, with few of one NEAR group.
 */
#include "base/addr.h"
#include "dht/table.h"

struct gather {
	const struct kith__table *t;
	const struct kith_id *target;
	uint16_t *out;
	size_t count, max;
	bool relaxed; /* a small table lifts the limits of diversity */
	bool (*usable)(void *ctx, const struct kith__entry *e);
	void *ctx;
};

static bool crowded(const struct gather *g, const struct kith_addr *addr)
{
	unsigned same = 0;
	size_t i;

	if (g->relaxed)
		return false;
	for (i = 0; i < g->count; i++)
		if (kith__same_group(&kith__entry_peer(g->t, &g->t->entry[g->out[i]])->addr, addr,
				     KITH_WIDTH_NEAR))
			same++;
	return same >= KITH__NEAR_MAX;
}

/* Appends entries [first, first + count) in order of distance. */
static void gather_range(struct gather *g, size_t first, size_t count)
{
	uint16_t order[KITH_DHT_TABLE_MAX];
	size_t n = 0, i, j;

	for (i = first; i < first + count; i++) {
		const struct kith__entry *e = g->t->entry;
		const struct kith_id *id = &kith__entry_peer(g->t, &e[i])->id;

		if (g->usable != NULL && !g->usable(g->ctx, &g->t->entry[i]))
			continue;
		for (j = n++; j > 0; j--) {
			const struct kith__peer *p = kith__entry_peer(g->t, &e[order[j - 1]]);

			if (kith__closer(g->target, &p->id, id) < 0)
				break;
			order[j] = order[j - 1];
		}
		order[j] = (uint16_t)i;
	}
	for (i = 0; i < n && g->count < g->max; i++)
		if (!crowded(g, &kith__entry_peer(g->t, &g->t->entry[order[i]])->addr))
			g->out[g->count++] = order[i];
}

/* Entries that share more bits with the target come first: its own level, then all deeper ones
 * (they differ from it in exactly that bit), then the shallower ones one by one. */
size_t kith__table_nearest(const struct kith__table *t, const struct kith_id *target, uint16_t *out,
			   size_t max, bool (*usable)(void *ctx, const struct kith__entry *e),
			   void *ctx)
{
	struct gather g = {t, target, out, 0, max, t->count < KITH__SMALL_TABLE, usable, ctx};
	unsigned level = kith__table_level(t, target), l;
	size_t first = 0;

	for (l = 0; l < level; l++)
		first += t->level[l].count;
	gather_range(&g, first, t->level[level].count);
	if (g.count < max)
		gather_range(&g, first + t->level[level].count,
			     t->count - first - t->level[level].count);
	while (level > 0 && g.count < max) {
		level--;
		first -= t->level[level].count;
		gather_range(&g, first, t->level[level].count);
	}
	return g.count;
}
