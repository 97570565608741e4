/* SPDX-License-Identifier: ISC */
/*
 * The home router of a user: endpoint-independent mapping, address- and port-dependent filtering.
 * A datagram enters only from an address that was written to within the timeout.
 */
#include "base/alloc.h"
#include "sim/sim.h"

#define NAT_TIMEOUT_US (120u * (kith_time)KITH_US_PER_S) /* Linux, replied flows */

static bool behind(const struct sim_world *w, const struct sim_host *h)
{
	return !h->always_on && !w->plan.direct;
}

bool sim_nat_pass(struct sim_world *w, struct sim_host *from, struct sim_host *to)
{
	if (behind(w, from)) {
		if (from->opened == NULL)
			from->opened = kith_alloc_zero(NULL, w->plan.nodes, sizeof(*from->opened));
		KITH_ASSERT(from->opened != NULL);
		from->opened[to->index] = w->now + 1;
	}
	if (!behind(w, to))
		return true;
	return to->opened != NULL && to->opened[from->index] != 0 &&
	       w->now < to->opened[from->index] + NAT_TIMEOUT_US;
}

void sim_nat_free(struct sim_host *h)
{
	kith_alloc_free(NULL, h->opened);
	h->opened = NULL;
}
