/* SPDX-License-Identifier: ISC */
/*
 * The turn of a real node (architecture.md 3). Every source - sockets, timer, workers, netlink, the
 * owner's kick - only marks the driver dirty; one check handle then runs one turn:
 *
 *	clocks, addresses -> finished jobs -> datagrams -> tick -> jobs -> output -> wake -> timer
 *
 *	timer      set to                                             cleared by
 *	timer_fd   the earliest of engine, owner, retry, rescan,      firing
 *	           minute; absolute microseconds, so it never lags
 *	jump_fd    far away on the wall clock; the system cancels     reading, set anew
 *	           it when that clock is set or the machine resumes
 *
 * An idle driver wakes once a minute, for the wall clock. An engine whose deadline does not move on
 * after a tick is asked again at once a few times and then each millisecond: no engine can keep the
 * processor busy by mistake.
 */
#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "net/uv/internal.h"

#define MINUTE_US   (60u * KITH_US_PER_S)
#define DEBOUNCE_US (200u * KITH_US_PER_MS)
#define SLEPT_US    KITH_US_PER_S /* a greater jump is a resume */
#define WALL_JUMP   500           /* ms */
#define HOT_TURNS   8u
#define HOT_US      KITH_US_PER_MS
#define FAR_S       (10 * 365 * 86400)

/* While active the loop does not block; the work is done in on_check. */
static void on_idle(uv_idle_t *h)
{
	(void)h;
}

void kith_driver_kick(struct kith_driver *d)
{
	if (d->closing)
		return;
	d->dirty = true;
	if (!uv_is_active((uv_handle_t *)&d->idle))
		(void)uv_idle_start(&d->idle, on_idle);
}

void kith_driver_deadline(struct kith_driver *d, kith_time at)
{
	if (at == d->owner_at)
		return;
	d->owner_at = at;
	/* within a turn the timer is set at its end anyway */
	if (!d->turning && at < d->armed_at)
		kith_driver_kick(d);
}

kith_time kith_driver_now(const struct kith_driver *d)
{
	kith_time now = kith__uv_now();

	return now > d->now ? now : d->now;
}

void kith_driver_ports(const struct kith_driver *d, uint16_t *port4, uint16_t *port6)
{
	*port4 = d->sock[0].fd >= 0 ? d->sock[0].bound.port : 0;
	*port6 = d->sock[1].fd >= 0 ? d->sock[1].bound.port : 0;
}

/* ---- the turn ---- */

static void look_at_clocks(struct kith_driver *d)
{
	struct kith_notice n = {.kind = KITH_NOTICE_RESUME};
	struct kith_engine *e = &d->cfg.engine;
	uint64_t slept = kith__uv_slept_us();
	uint64_t wall = kith__uv_wall_ms();
	int64_t off = (int64_t)wall - (int64_t)(d->now / KITH_US_PER_MS);
	int64_t jump = off - d->wall_off_ms;

	if (slept > d->slept_us + SLEPT_US) {
		kith__uv_send_drop(d); /* nothing leaves under an old key */
		n.wall_ms = wall;
		e->notice(e->self, &n, d->now);
		d->rescan_at = d->now;
	}
	d->slept_us = slept;
	if (!d->wall_told || d->now >= d->minute_at || jump > WALL_JUMP || jump < -WALL_JUMP) {
		n.kind = KITH_NOTICE_WALL;
		n.wall_ms = wall;
		e->notice(e->self, &n, d->now);
		d->wall_told = true;
		d->wall_off_ms = off;
		d->minute_at = d->now + MINUTE_US;
	}
}

static void look_at_addresses(struct kith_driver *d)
{
	struct kith_notice n = {.kind = KITH_NOTICE_LOCAL};

	if (d->now < d->rescan_at)
		return;
	d->rescan_at = KITH_NEVER;
	if (kith__uv_addresses(d)) {
		n.addrs = d->local;
		n.addr_count = d->local_count;
		d->cfg.engine.notice(d->cfg.engine.self, &n, d->now);
	}
	if (d->cfg.gateways && kith__uv_gateways(d)) {
		n.kind = KITH_NOTICE_GATEWAY;
		n.addrs = d->gateway;
		n.addr_count = 4;
		d->cfg.engine.notice(d->cfg.engine.self, &n, d->now);
	}
}

static kith_time earlier(kith_time a, kith_time b)
{
	return a < b ? a : b;
}

static void set_timer(struct kith_driver *d)
{
	struct itimerspec at = {{0, 0}, {0, 0}};
	kith_time when = d->cfg.engine.deadline(d->cfg.engine.self);

	when = earlier(earlier(when, d->owner_at), earlier(d->retry_at, d->rescan_at));
	when = earlier(when, d->minute_at);
	if (when > d->now) {
		d->hot = 0;
	} else if (d->hot < HOT_TURNS) {
		d->hot++;
		kith_driver_kick(d);
		return;
	} else {
		when = d->now + HOT_US;
	}
	if (when == d->armed_at)
		return;
	at.it_value.tv_sec = (time_t)(when / KITH_US_PER_S);
	at.it_value.tv_nsec = (long)(when % KITH_US_PER_S) * 1000;
	if (timerfd_settime(d->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) == 0)
		d->armed_at = when;
}

static void on_socket(uv_poll_t *h, int status, int events);

static void watch(struct kith__uv_socket *s)
{
	int events = UV_READABLE | (s->blocked ? UV_WRITABLE : 0);

	if (s->fd < 0 || events == s->events)
		return;
	if (uv_poll_start(&s->poll, events, on_socket) == 0)
		s->events = events;
}

static void turn(struct kith_driver *d)
{
	struct kith_engine *e = &d->cfg.engine;

	d->dirty = false;
	d->turning = true;
	(void)uv_idle_stop(&d->idle);
	d->now = kith_driver_now(d);
	look_at_clocks(d);
	look_at_addresses(d);
	kith__uv_finished(d);
	kith__uv_receive(d);
	if (e->deadline(e->self) <= d->now)
		e->tick(e->self, d->now);
	kith__uv_jobs(d);
	kith__uv_send(d);
	if (e->wake != NULL)
		e->wake(e->self, d->now);
	if (d->cfg.wake != NULL)
		d->cfg.wake(d->cfg.ctx, d->now);
	/* what the output and the owner caused does not wait for another turn */
	kith__uv_jobs(d);
	watch(&d->sock[0]);
	watch(&d->sock[1]);
	set_timer(d);
	d->turning = false;
}

/* ---- sources ---- */

static void on_check(uv_check_t *h)
{
	struct kith_driver *d = h->data;

	if (d->dirty && !d->closing)
		turn(d);
}

static void on_async(uv_async_t *h)
{
	struct kith_driver *d = h->data;

	d->dirty = true;
}

static void on_socket(uv_poll_t *h, int status, int events)
{
	struct kith_driver *d = h->data;
	struct kith__uv_socket *s = h == &d->sock[0].poll ? &d->sock[0] : &d->sock[1];

	/* an error is read, and so cleared, by the next recvmsg */
	if (status != 0 || (events & UV_READABLE) != 0)
		s->readable = true;
	if (status != 0 || (events & UV_WRITABLE) != 0)
		s->blocked = false;
	d->dirty = true;
}

static void on_timer(uv_poll_t *h, int status, int events)
{
	struct kith_driver *d = h->data;
	uint64_t times;

	(void)status;
	(void)events;
	if (read(d->timer_fd, &times, sizeof(times)) == (ssize_t)sizeof(times))
		d->armed_at = KITH_NEVER;
	d->dirty = true;
}

static void set_jump(int fd)
{
	struct itimerspec at = {{0, 0}, {0, 0}};

	at.it_value.tv_sec = (time_t)(kith__uv_wall_ms() / 1000u) + FAR_S;
	(void)timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL);
}

static void on_jump(uv_poll_t *h, int status, int events)
{
	struct kith_driver *d = h->data;
	uint64_t times;

	(void)status;
	(void)events;
	/* ECANCELED: the wall clock was set */
	if (read(d->jump_fd, &times, sizeof(times)) >= 0 || errno == ECANCELED)
		set_jump(d->jump_fd);
	d->dirty = true;
}

static void on_link(uv_poll_t *h, int status, int events)
{
	struct kith_driver *d = h->data;

	(void)status;
	(void)events;
	if (kith__uv_link_drain(d->link_fd) && d->rescan_at == KITH_NEVER) {
		d->rescan_at = kith__uv_now() + DEBOUNCE_US;
		d->dirty = true;
	}
}

static void on_portmap(uv_poll_t *h, int status, int events)
{
	struct kith_driver *d = h->data;

	(void)status;
	(void)events;
	kith__uv_portmap_read(d);
	d->dirty = true;
}

/* ---- opening and closing ---- */

static void on_closed(uv_handle_t *h)
{
	struct kith_driver *d = h->data;

	if (--d->handles == 0 && d->closing)
		kith_alloc_free(NULL, d);
}

static void close_handle(void *h)
{
	uv_handle_t *handle = h;

	if (handle->data != NULL && !uv_is_closing(handle))
		uv_close(handle, on_closed);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void kith_driver_close(struct kith_driver *d)
{
	if (d == NULL)
		return;
	d->now = kith_driver_now(d);
	kith__uv_workers_stop(d);
	d->closing = true;
	d->handles++; /* not freed before the descriptors are closed */
	close_handle(&d->check);
	close_handle(&d->idle);
	close_handle(&d->async);
	close_handle(&d->timer_poll);
	close_handle(&d->jump_poll);
	close_handle(&d->link_poll);
	close_handle(&d->portmap_poll);
	for (unsigned f = 0; f < 2; f++) {
		close_handle(&d->sock[f].poll);
		close_fd(&d->sock[f].fd);
	}
	close_fd(&d->timer_fd);
	close_fd(&d->jump_fd);
	close_fd(&d->link_fd);
	close_fd(&d->portmap_fd);
	if (--d->handles == 0)
		kith_alloc_free(NULL, d);
}

static bool poll_open(struct kith_driver *d, uv_poll_t *h, int fd, uv_poll_cb on)
{
	if (uv_poll_init(d->cfg.loop, h, fd) != 0)
		return false;
	h->data = d;
	d->handles++;
	return uv_poll_start(h, UV_READABLE, on) == 0;
}

static bool handles_open(struct kith_driver *d)
{
	struct uv_loop_s *loop = d->cfg.loop;

	if (uv_async_init(loop, &d->async, on_async) != 0)
		return false;
	(void)uv_check_init(loop, &d->check);
	(void)uv_idle_init(loop, &d->idle);
	d->check.data = d;
	d->idle.data = d;
	d->async.data = d;
	d->handles += 3;
	(void)uv_check_start(&d->check, on_check);
	d->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (d->timer_fd < 0 || !poll_open(d, &d->timer_poll, d->timer_fd, on_timer))
		return false;
	/* without the next two the node still works: it looks each minute, or not */
	d->jump_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (d->jump_fd >= 0) {
		set_jump(d->jump_fd);
		(void)poll_open(d, &d->jump_poll, d->jump_fd, on_jump);
	}
	d->link_fd = kith__uv_link_open();
	if (d->link_fd >= 0)
		(void)poll_open(d, &d->link_poll, d->link_fd, on_link);
	return true;
}

bool kith_driver_portmap_open(struct kith_driver *d, int fd, unsigned late)
{
	d->portmap_late = late;
	d->portmap_fd = fd;
	if (poll_open(d, &d->portmap_poll, fd, on_portmap))
		return true;
	close_fd(&d->portmap_fd);
	return false;
}

static int sockets_open(struct kith_driver *d)
{
	const struct kith_addr *bind[2] = {&d->cfg.bind4, &d->cfg.bind6};
	int status;

	for (unsigned f = 0; f < 2; f++) {
		struct kith__uv_socket *s = &d->sock[f];

		if (kith_addr_is_none(bind[f]))
			continue;
		if (kith_addr_is_v4(bind[f]) != (f == 0))
			return KITH_E_MALFORMED;
		status = kith__uv_open(s, bind[f]);
		if (status != KITH_OK)
			return status;
		if (!poll_open(d, &s->poll, s->fd, on_socket))
			return KITH_E_IO;
		s->events = UV_READABLE;
	}
	return KITH_OK;
}

int kith_driver_new(const struct kith_driver_config *cfg, struct kith_driver **out)
{
	struct kith_driver *d = kith_alloc_zero(NULL, 1, sizeof(*d));
	int status;

	if (d == NULL)
		return KITH_E_NOMEM;
	d->cfg = *cfg;
	d->timer_fd = -1;
	d->jump_fd = -1;
	d->link_fd = -1;
	d->portmap_fd = -1;
	d->sock[0].fd = -1;
	d->sock[1].fd = -1;
	d->owner_at = KITH_NEVER;
	d->armed_at = KITH_NEVER;
	d->retry_at = KITH_NEVER;
	d->now = kith__uv_now();
	d->slept_us = kith__uv_slept_us();
	status = sockets_open(d);
	if (status == KITH_OK && !handles_open(d))
		status = KITH_E_IO;
	if (status != KITH_OK) {
		kith_driver_close(d);
		return status;
	}
	kith_driver_kick(d);
	*out = d;
	return KITH_OK;
}
