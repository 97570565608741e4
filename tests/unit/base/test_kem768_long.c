/* SPDX-License-Identifier: ISC */
/* 10,000 accumulated runs: seconds in slow builds, hence a program of its own. */
#include "base/kem768.h"

#include "tests/test.h"
#include "tests/unit/base/kem768_accumulated.h"

TEST(kem768_accumulated_10000)
{
	static const struct kem own = {kith_kem768_keygen, kith_kem768_encap, kith_kem768_decap};

	kem768_accumulated(&own, 10000);
}
