/* SPDX-License-Identifier: ISC */
/* Shared inside the folder. */
int kith__ratchet_open(int a);
