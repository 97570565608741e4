/* SPDX-License-Identifier: ISC */
/* Seq bookkeeping against a plain set, and the acks drawn from it. */
#include <string.h>

#include "node/msgs.h"
#include "tests/test.h"

TEST(flow_takes_each_seq_once)
{
	static bool got[4000];
	struct kith_contact c = {0};
	uint64_t state = test_seed();
	uint32_t next = 1;
	unsigned round;

	memset(got, 0, sizeof(got));
	for (round = 0; round < 20000 && next < 2500; round++) {
		uint32_t reach = round % 7 == 0 ? 1100 : 30;
		uint32_t seq = next + (uint32_t)(test_random(&state) % reach);
		bool gap = false;
		bool far = false;
		bool fresh = kith__flow_take(&c.flow, seq, &gap, &far);
		struct kith_ack ack;
		uint32_t i;

		CHECK_EQ(far, seq - next > 1024);
		CHECK_EQ(fresh, !got[seq] && !far);
		if (fresh) {
			CHECK_EQ(gap, seq > 1 && !got[seq - 1]);
			got[seq] = true;
		}
		while (got[next])
			next++;
		kith__ack_fill(&c, &ack);
		CHECK_EQ(ack.next, next);
		for (i = 1; i < next + 64; i++)
			CHECK_EQ(kith__ack_covers(&ack, i), got[i]);
	}
	CHECK(next > 100);
}

TEST(flow_starts_at_one)
{
	struct kith_contact c = {0};
	struct kith_ack ack;
	bool gap;
	bool far;

	kith__ack_fill(&c, &ack);
	CHECK_EQ(ack.next, 1);
	CHECK(kith__flow_take(&c.flow, 1, &gap, &far));
	CHECK(!gap && !far);
	CHECK(!kith__flow_take(&c.flow, 1, &gap, &far));
	CHECK(kith__flow_take(&c.flow, 3, &gap, &far));
	CHECK(gap);
	kith__ack_fill(&c, &ack);
	CHECK_EQ(ack.next, 2);
	CHECK_EQ(ack.bitmap, 1);
}
