/* SPDX-License-Identifier: ISC */
/*
 * kith-portmap: the only program that speaks UPnP, because SSDP and XML of the local network are
 * hostile input. It holds no keys and no files. docs/portmap.md.
 */
#ifndef KITH_NET_PORTMAP_INTERNAL_H
#define KITH_NET_PORTMAP_INTERNAL_H

#include "base/portmap.h"

#define PORTMAP_FD       3    /* the socket to kithd */
#define PORTMAP_NOTE_MAX 256u /* what a child leaves for the next one */
#define PORTMAP_CHILD_MS 20000

/* What one child leaves for the next: the URL of the router's description, so that a refresh and
 * the removal at the end need no search. The broker does not look into it. */
struct kith__portmap_note {
	uint8_t b[PORTMAP_NOTE_MAX];
	size_t len;
};

/* broker.c: serves `fd` until its other end closes. 0, or 1: the socket failed. */
int kith__portmap_serve(int fd);

/* igd.c, in the child: does the job; blocks for seconds. Fills the reply but for its seq. */
void kith__portmap_job(const struct kith_portmap_ask *ask, struct kith__portmap_note *note,
		       struct kith_portmap_reply *reply);

/* confine.c: limits and the list of system calls; in the child, before the job. False: refused. */
bool kith__portmap_confine(void);

/* guard.c: from now on the library's sockets reach this gateway and the SSDP group only. */
void kith__portmap_guard(const struct kith_addr *gateway);

#endif
