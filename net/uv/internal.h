/* SPDX-License-Identifier: ISC */
/*
 * Shared inside net/uv: the driver's state and the parts of a turn.
 */
#ifndef KITH_NET_UV_INTERNAL_H
#define KITH_NET_UV_INTERNAL_H

#include <uv.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "net/uv/driver.h"

/* A UDP socket of one family; fd -1 = closed. */
struct kith__uv_socket {
	int fd;
	bool v6, wildcard;
	bool readable, blocked; /* blocked: the last send said EAGAIN */
	bool gso;               /* UDP_SEGMENT works here, as far as seen */
	int events;             /* what `poll` watches now */
	struct kith_addr bound;
	uv_poll_t poll;
};

/* Datagrams to one destination, one behind the other in the batch's data. */
struct kith__uv_out {
	struct kith_addr remote, local;
	size_t at, len, segment; /* segment: size of each but the last */
	unsigned count;
};

/* What was pulled from the engine and not yet taken by the system. */
struct kith__uv_batch {
	struct kith__uv_out msg[KITH_UV_BATCH_MAX];
	unsigned count, next;
	size_t used;
	uint8_t data[KITH_UV_BATCH_BYTES];
};

/* One worker thread and the jobs it was given; made at first use. */
struct kith__uv_lane {
	uv_thread_t thread;
	uv_mutex_t mutex;
	uv_cond_t cond;
	uv_async_t *async;
	struct kith_job *todo[KITH_UV_JOBS_MAX], *done[KITH_UV_JOBS_MAX];
	unsigned todo_first, todo_count, done_first, done_count;
	unsigned given; /* loop only: jobs between `job` and `done` */
	bool started, stop;
};

struct kith_driver {
	struct kith_driver_config cfg;
	kith_time now, owner_at, armed_at; /* armed_at: what the timer is set to */
	kith_time retry_at, rescan_at, minute_at;
	uint64_t slept_us; /* CLOCK_BOOTTIME minus CLOCK_MONOTONIC when last looked at */
	int64_t wall_off_ms;
	bool wall_told, dirty, turning, closing;
	unsigned hot;     /* turns in a row whose deadline did not move on */
	unsigned handles; /* open libuv handles: the last close callback frees */
	int timer_fd, jump_fd, link_fd;
	uv_check_t check;
	uv_idle_t idle;
	uv_async_t async;
	uv_poll_t timer_poll, jump_poll, link_poll;
	struct kith__uv_socket sock[2]; /* IPv4, IPv6 */
	unsigned first;                 /* which socket is read first this turn */
	struct kith__uv_lane lane[KITH_LANE_COUNT];
	struct kith_addr local[KITH_UV_ADDRS_MAX], refused[KITH_UV_REFUSED_MAX];
	size_t local_count, refused_count;
	struct kith__uv_batch out;
	uint8_t in[KITH_UV_RECEIVE_BYTES];
	struct kith_addr gateway[4]; /* as in KITH_NOTICE_GATEWAY */
	unsigned gateway_scope;      /* interface of a link-local IPv6 gateway */
	int portmap_fd;
	uv_poll_t portmap_poll;
	uint32_t portmap_first, portmap_seq; /* of the jobs given */
	unsigned portmap_owed, portmap_late; /* answers that may still come; to earlier drivers */
	uint64_t portmap_jobs;
};

/* clock.c: monotonic us; wall clock in unix ms; time spent asleep since boot in us. */
kith_time kith__uv_now(void);
uint64_t kith__uv_wall_ms(void);
uint64_t kith__uv_slept_us(void);

/* udp.c: opens and binds. KITH_E_EXISTS: port in use. KITH_E_IO. */
int kith__uv_open(struct kith__uv_socket *s, const struct kith_addr *bind) KITH_MUST_USE;
/* Feeds the engine what the sockets hold, within the bounds of a turn. */
void kith__uv_receive(struct kith_driver *d);
/* Fills a socket address of the right family; returns its length. */
unsigned kith__uv_sockaddr(void *out, const struct kith_addr *a);

/* send.c: pulls and sends until the engine is drained or a socket is full. */
void kith__uv_send(struct kith_driver *d);
/* Forgets what was pulled but not sent. */
void kith__uv_send_drop(struct kith_driver *d);

/* worker.c: asks the engine for jobs and gives them to their lanes. */
void kith__uv_jobs(struct kith_driver *d);
/* Hands finished jobs to the engine. */
void kith__uv_finished(struct kith_driver *d);
/* Waits until all jobs have run, ends the threads, hands over the rest. */
void kith__uv_workers_stop(struct kith_driver *d);

/* ifaces.c: a netlink socket that tells of address changes, or -1. */
int kith__uv_link_open(void);
/* Reads all that the netlink socket holds; true when addresses may have changed. */
bool kith__uv_link_drain(int fd);
/* Own addresses into d->local; true when they differ from before. */
bool kith__uv_addresses(struct kith_driver *d);

/* gateway.c: default gateways into d->gateway; true when they differ from before. */
bool kith__uv_gateways(struct kith_driver *d);

/* portmap.c: what kith-portmap sent. */
void kith__uv_portmap_read(struct kith_driver *d);

#endif
