/* SPDX-License-Identifier: ISC */
/* BREACH  */
int a; /* BREACH  */
