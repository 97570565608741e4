/* SPDX-License-Identifier: ISC */
#define KITH_LABELS(X) \
	X(ONE, "one") X(TWO, "two") \
	X(TOO, "two") /* BREACH */
