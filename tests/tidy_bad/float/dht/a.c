/* SPDX-License-Identifier: ISC */

static double go(int a); /* BREACH */
/* a float in prose */
