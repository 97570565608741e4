/* SPDX-License-Identifier: ISC */
/* The judge of the simulator against doctored ledgers: each fault must be seen, and only it. */
#include <string.h>

#include "sim/sim.h"
#include "tests/test.h"

#define LETTERS 5u

static void good(struct sim_letter l[LETTERS], struct sim_plan *p)
{
	uint32_t i;

	memset(p, 0, sizeof(*p));
	memset(l, 0, LETTERS * sizeof(*l));
	p->messages = LETTERS;
	for (i = 0; i < LETTERS; i++) {
		l[i].from = i;
		l[i].to = i + 1;
		l[i].accepted = true;
		l[i].shown = 1;
		l[i].step = KITH_STEP_DELIVERED;
		l[i].said = 1000;
		l[i].delivered = 1000 + (i + 1) * 10;
	}
}

TEST(ledger_passes_what_is_right)
{
	struct sim_letter l[LETTERS];
	struct sim_plan p;
	struct sim_verdict v;

	good(l, &p);
	v = sim_ledger_judge(l, LETTERS);
	CHECK_EQ(v.accepted, LETTERS);
	CHECK_EQ(v.lost + v.doubled + v.false_states + v.open, 0);
	CHECK_EQ(v.told, LETTERS);
	CHECK_EQ(v.p50, 30);
	CHECK_EQ(v.p95, 50);
	CHECK(sim_ledger_holds(&v, &p));
}

TEST(ledger_sees_a_lost_letter)
{
	struct sim_letter l[LETTERS];
	struct sim_plan p;
	struct sim_verdict v;

	good(l, &p);
	l[2].shown = 0;
	l[2].step = KITH_STEP_KEPT;
	l[2].delivered = 0;
	v = sim_ledger_judge(l, LETTERS);
	CHECK_EQ(v.lost, 1);
	CHECK_EQ(v.doubled + v.false_states + v.open, 0);
	CHECK(!sim_ledger_holds(&v, &p));
	p.expect_lost = 1;
	CHECK(sim_ledger_holds(&v, &p));
}

TEST(ledger_sees_a_doubled_letter)
{
	struct sim_letter l[LETTERS];
	struct sim_plan p;
	struct sim_verdict v;

	good(l, &p);
	l[4].shown = 2;
	v = sim_ledger_judge(l, LETTERS);
	CHECK_EQ(v.doubled, 1);
	CHECK_EQ(v.lost + v.false_states + v.open, 0);
	CHECK(!sim_ledger_holds(&v, &p));
}

/* Told delivered although nothing is there: both ways of telling count, and a later correction
 * does not undo it. */
TEST(ledger_sees_a_false_state)
{
	struct sim_letter l[LETTERS];
	struct sim_plan p;
	struct sim_verdict v;

	good(l, &p);
	l[0].shown = 0;
	l[0].step = KITH_STEP_QUEUED;
	l[1].shown = 0;
	l[1].delivered = 0;
	l[3].step = KITH_STEP_READ;
	v = sim_ledger_judge(l, LETTERS);
	CHECK_EQ(v.false_states, 3);
	CHECK_EQ(v.lost, 2);
	p.expect_lost = p.expect_open = LETTERS;
	CHECK(!sim_ledger_holds(&v, &p));
	p.expect_false = 3;
	CHECK(sim_ledger_holds(&v, &p));
}

TEST(ledger_sees_who_was_never_told)
{
	struct sim_letter l[LETTERS];
	struct sim_plan p;
	struct sim_verdict v;

	good(l, &p);
	l[1].step = KITH_STEP_KEPT;
	l[1].delivered = 0;
	v = sim_ledger_judge(l, LETTERS);
	CHECK_EQ(v.open, 1);
	CHECK_EQ(v.lost + v.doubled + v.false_states, 0);
	CHECK(!sim_ledger_holds(&v, &p));
}

/* A run in which sends were refused proves nothing. */
TEST(ledger_wants_every_letter_accepted)
{
	struct sim_letter l[LETTERS];
	struct sim_plan p;
	struct sim_verdict v;

	good(l, &p);
	l[0].accepted = false;
	l[0].shown = 0;
	l[0].step = KITH_STEP_QUEUED;
	l[0].delivered = 0;
	v = sim_ledger_judge(l, LETTERS);
	CHECK_EQ(v.lost + v.doubled + v.false_states + v.open, 0);
	CHECK(!sim_ledger_holds(&v, &p));
}
