/* SPDX-License-Identifier: ISC */
/*
 * The libuv driver: sockets, timer, workers around one struct kith_engine. architecture.md 3.
 */
#ifndef KITH_NET_UV_DRIVER_H
#define KITH_NET_UV_DRIVER_H

#include "base/engine.h"
#include "base/portmap.h"
#include "base/status.h"

struct kith_driver;
struct uv_loop_s;

struct kith_driver_config {
	struct uv_loop_s *loop;
	struct kith_engine engine;
	struct kith_addr bind4, bind6;          /* none = do not open that family; port 0 = any */
	void (*wake)(void *ctx, kith_time now); /* end of each turn: owner drains replies */
	void *ctx;
	bool gateways; /* tell the engine the default gateways (KITH_NOTICE_GATEWAY) */
	/* What kith-portmap answered; NULL: it is gone, or spoke nonsense and is heard no more. */
	void (*portmapped)(void *ctx, const struct kith_portmap_reply *r);
};

/* Opens sockets and starts. *out on success. KITH_E_EXISTS: the port is in use; KITH_E_IO. */
int kith_driver_new(const struct kith_driver_config *cfg, struct kith_driver **out) KITH_MUST_USE;
/* Runs a turn soon: after the owner called the engine itself (API input). */
void kith_driver_kick(struct kith_driver *d);
/* An extra deadline of the owner (control), or KITH_NEVER. */
void kith_driver_deadline(struct kith_driver *d, kith_time at);
kith_time kith_driver_now(const struct kith_driver *d);
/* Ports that were bound, in host order (0 = family closed). */
void kith_driver_ports(const struct kith_driver *d, uint16_t *port4, uint16_t *port6);
/* Takes over a socket to kith-portmap, on which `late` answers to earlier jobs may still come.
 * False: it cannot be watched, and is closed. */
bool kith_driver_portmap_open(struct kith_driver *d, int fd, unsigned late) KITH_MUST_USE;
/* Sends a job to kith-portmap; the answer comes by `portmapped`. False: it is gone. */
bool kith_driver_portmap(struct kith_driver *d, const struct kith_portmap_ask *ask) KITH_MUST_USE;
/* Waits for running jobs, closes handles; run the loop once more afterwards. */
void kith_driver_close(struct kith_driver *d);

#endif
