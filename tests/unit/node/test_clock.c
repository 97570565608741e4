/* SPDX-License-Identifier: ISC */
/* Clocks on walks of ten years in either direction, sleeps and restarts between: nothing is lost,
 * nothing expires by a jump, history keeps its order. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/node/pair.h"

#define YEARS_S (INT64_C(10) * 365 * 86400)
#define STEPS   24u

static void set_wall(struct pair *p, unsigned i, int64_t shift_s)
{
	struct kith_notice notice = {.kind = KITH_NOTICE_WALL};

	notice.wall_ms = (uint64_t)((int64_t)(PAIR_WALL_S * 1000 + p->now / KITH_US_PER_MS) +
				    shift_s * 1000);
	p->engine[i].notice(p->engine[i].self, &notice, p->now);
}

static void sleep_over(struct pair *p, unsigned i, int64_t shift_s)
{
	struct kith_notice notice = {.kind = KITH_NOTICE_RESUME};

	notice.wall_ms = (uint64_t)((int64_t)(PAIR_WALL_S * 1000 + p->now / KITH_US_PER_MS) +
				    shift_s * 1000);
	p->engine[i].notice(p->engine[i].self, &notice, p->now);
}

static int64_t draw_shift(struct kith_rng *rng)
{
	static const int64_t fixed[] = {0, YEARS_S, -YEARS_S, 86400, -86400, 3600};
	uint32_t n = kith_rng_below(rng, 12);

	if (n < 6)
		return fixed[n];
	return (int64_t)kith_rng_below(rng, (uint32_t)(2 * YEARS_S)) - YEARS_S;
}

TEST(walks_of_ten_years_lose_nothing)
{
	struct kith_rng rng = test_rng(test_seed());
	struct pair *p = calloc(1, sizeof(*p));
	struct kith_node_message last;
	unsigned number = 1;

	CHECK(p != NULL);
	pair_init(p, 2);
	pair_befriend(p);
	pair_connect(p, 0);
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = kith_rng_below(&rng, 2);
		uint64_t id[2];

		set_wall(p, i, draw_shift(&rng));
		if (step % 5 == 4) { /* a link is made anew only between clocks that agree */
			set_wall(p, 0, 0);
			set_wall(p, 1, 0);
			if (step % 2 == 0)
				sleep_over(p, i, 0);
			else
				pair_restart(p, i, false);
			pair_run(p, KITH_US_PER_S);
			pair_connect(p, i);
		}
		id[0] = pair_say(p, 0, 2 * number, "forth", 5);
		id[1] = pair_say(p, 1, 2 * number + 1, "and back", 8);
		pair_run(p, 3 * (kith_time)KITH_US_PER_S);
		for (unsigned k = 0; k < 2; k++) {
			CHECK_EQ(pair_count(p, k, true, NULL), number);
			CHECK_EQ(pair_count(p, k, false, &last), number);
			CHECK(last.id > 0 && last.text_len == (k == 0 ? 8 : 5));
			CHECK_EQ(pair_step(p, k, id[k]), KITH_STEP_DELIVERED);
		}
		number++;
	}
	pair_free(p);
	free(p);
}

/* What waits, waits: a jump of ten years neither marks it as gone nor takes it away. */
TEST(what_waits_does_not_expire_by_a_jump)
{
	static const int64_t shift[] = {YEARS_S, -YEARS_S, 40 * 86400};

	for (size_t i = 0; i < sizeof(shift) / sizeof(shift[0]); i++) {
		struct pair *p = calloc(1, sizeof(*p));
		uint64_t id;

		CHECK(p != NULL);
		pair_init(p, 2);
		pair_befriend(p);
		pair_connect(p, 0);
		(void)pair_say(p, 1, 1, "hello", 5);
		pair_run(p, KITH_US_PER_S);
		(void)pair_say(p, 0, 1, "first", 5);
		pair_run(p, KITH_US_PER_S);
		CHECK_EQ(pair_count(p, 1, false, NULL), 1);
		p->cut = true;
		id = pair_say(p, 0, 2, "waits", 5);
		set_wall(p, 0, shift[i]);
		set_wall(p, 1, -shift[i]);
		pair_run(p, 60 * (kith_time)KITH_US_PER_S);
		CHECK_EQ(pair_step(p, 0, id), KITH_STEP_QUEUED);
		CHECK_EQ(pair_count(p, 0, true, NULL), 2);
		CHECK_EQ(pair_count(p, 1, false, NULL), 1);
		set_wall(p, 0, 0);
		set_wall(p, 1, 0);
		pair_restart(p, 0, false);
		p->cut = false;
		pair_connect(p, 0);
		pair_run(p, 10 * (kith_time)KITH_US_PER_S);
		CHECK_EQ(pair_step(p, 0, id), KITH_STEP_DELIVERED);
		CHECK_EQ(pair_count(p, 1, false, NULL), 2);
		pair_free(p);
		free(p);
	}
}
