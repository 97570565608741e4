/* SPDX-License-Identifier: ISC */
/*
 * Mailboxes that lie: the honest service runs, and what it says is changed on its way out. The
 * binary is linked with --wrap=kith__mbox_pipe_queued, where every reply of a service passes.
 */
#ifndef KITH_TEST_HOSTILE_H
#define KITH_TEST_HOSTILE_H

#include "tests/sim/town.h"

enum hostile {
	HONEST,
	ERASE,     /* holds nothing that it promised: not in LIST, GET, HAVE, PUSH */
	WITHHOLD,  /* lists it, and gives it to nobody */
	EMPTY,     /* lists nothing, proves all */
	REORDER,   /* lists backwards */
	DUPLICATE, /* lists everything twice */
	CORRUPT,   /* changes a byte of each blob and of each proof */
	ENDLESS,   /* says that more follows, for ever */
	FUTURE,    /* promises a year; its clock is a year ahead */
	HOSTILES
};
/* Node i of `t` behaves so from now on, over its restarts too. */
void hostile_set(struct town *t, unsigned i, enum hostile how);
void hostile_clear(void);
extern const char *const hostile_name[HOSTILES];
/* How many replies were changed in all. */
unsigned hostile_lies(void);

#endif
