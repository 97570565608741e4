/* SPDX-License-Identifier: ISC */
#ifndef KITH_BASE_LIMITS_H
#define KITH_BASE_LIMITS_H
#define KITH_A_MAX 5 /* five is enough */
/* as many as fit */
#define KITH_B_MAX 7

#define KITH_BREACH_MAX 9
#endif
