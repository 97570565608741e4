/* SPDX-License-Identifier: ISC */
/* Sends go (once); then they stop. See x = y. */
/* BREACH(x); */
	/* BREACH = 5; */
// if (BREACH(x)) {
#if 0 /* BREACH */
#endif
