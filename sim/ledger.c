/* SPDX-License-Identifier: ISC */
/*
 * What must hold, judged from outside of all nodes:
 *
 *	lost     a send that was answered stands in no history of its recipient
 *	doubled  a text stands there more than once
 *	false    a state claims more than that history shows: delivered, though nothing is there;
 *	         read, though nobody in this world reads
 *	open     it arrived, but its sender was never told
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sim/sim.h"

static int by_time(const void *a, const void *b)
{
	const kith_time *x = a;
	const kith_time *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool is_false(const struct sim_letter *l)
{
	bool told = l->delivered != 0 || l->step == KITH_STEP_DELIVERED;

	return l->step == KITH_STEP_READ || (told && l->shown == 0);
}

struct sim_verdict sim_ledger_judge(const struct sim_letter *letter, uint32_t count)
{
	kith_time *took = kith_alloc_zero(NULL, (size_t)count + 1, sizeof(*took));
	struct sim_verdict v;
	uint32_t i;

	memset(&v, 0, sizeof(v));
	for (i = 0; i < count; i++) {
		const struct sim_letter *l = &letter[i];

		v.accepted += l->accepted ? 1 : 0;
		v.lost += l->accepted && l->shown == 0 ? 1 : 0;
		v.doubled += l->shown > 1 ? 1 : 0;
		v.false_states += is_false(l) ? 1 : 0;
		v.open += l->shown > 0 && l->step != KITH_STEP_DELIVERED ? 1 : 0;
		if (l->delivered != 0 && took != NULL)
			took[v.told++] = l->delivered - l->said;
	}
	if (v.told > 0) {
		qsort(took, v.told, sizeof(*took), by_time);
		v.p50 = took[v.told / 2];
		v.p95 = took[v.told * UINT64_C(95) / 100];
	}
	kith_alloc_free(NULL, took);
	return v;
}

bool sim_ledger_holds(const struct sim_verdict *v, const struct sim_plan *p)
{
	return v->accepted == p->messages && v->lost <= p->expect_lost &&
	       v->doubled <= p->expect_doubled && v->false_states <= p->expect_false &&
	       v->open <= p->expect_open;
}
