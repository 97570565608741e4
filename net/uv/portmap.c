/* SPDX-License-Identifier: ISC */
/*
 * The channel to kith-portmap: 64-byte messages on a SOCK_SEQPACKET socket. One answer per job is
 * owed; anything else - another length, an unknown value, an answer nobody asked for - ends the
 * channel for good, however much more comes. transport.md 10.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/uv/internal.h"

static void hang_up(struct kith_driver *d)
{
	(void)uv_poll_stop(&d->portmap_poll);
	(void)close(d->portmap_fd);
	d->portmap_fd = -1;
	if (d->cfg.portmapped != NULL)
		d->cfg.portmapped(d->cfg.ctx, NULL);
}

bool kith_driver_portmap(struct kith_driver *d, const struct kith_portmap_ask *ask)
{
	uint8_t out[KITH_PORTMAP_BYTES];

	if (d->portmap_fd < 0)
		return false;
	kith_portmap_ask_encode(out, ask);
	if (send(d->portmap_fd, out, sizeof(out), MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof(out)) {
		hang_up(d);
		return false;
	}
	if (d->portmap_jobs++ == 0)
		d->portmap_first = ask->seq;
	d->portmap_seq = ask->seq;
	d->portmap_owed++;
	return true;
}

void kith__uv_portmap_read(struct kith_driver *d)
{
	struct kith_portmap_reply r;
	uint8_t in[KITH_PORTMAP_BYTES];
	ssize_t n;

	if (d->portmap_fd < 0)
		return;
	do {
		n = recv(d->portmap_fd, in, sizeof(in), MSG_DONTWAIT | MSG_TRUNC);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n != (ssize_t)sizeof(in) || kith_portmap_reply_decode(&r, in, sizeof(in)) != KITH_OK) {
		hang_up(d);
		return;
	}
	if (d->portmap_owed == 0 || r.seq - d->portmap_first > d->portmap_seq - d->portmap_first) {
		if (d->portmap_late > 0)
			d->portmap_late--;
		else
			hang_up(d);
		return;
	}
	d->portmap_owed--;
	if (d->cfg.portmapped != NULL)
		d->cfg.portmapped(d->cfg.ctx, &r);
}
