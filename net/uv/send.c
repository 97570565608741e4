/* SPDX-License-Identifier: ISC */
/*
 * Sending (transport.md 10). Datagrams are pulled into one batch; neighbours of one destination and
 * size leave by one call (UDP_SEGMENT) where the system can. A full socket keeps the batch, and
 * pulling ends, so that the engine sees the back-pressure. No error of a send is fatal: refused
 * destinations are told to the engine after the output phase, everything else is loss, which the
 * engines mend anyway.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "net/uv/internal.h"

#define NOBUFS_RETRY_US 1000u

enum sent {
	SENT,
	SENT_LATER,   /* socket full: wait until it is writable */
	SENT_NOBUFS,  /* queue of the interface full: try again in 1 ms */
	SENT_SINGLY,  /* the system cannot send segments here */
	SENT_REFUSED, /* tell the engine */
	SENT_LOST
};

static enum sent judge(int error, bool segmented)
{
	switch (error) {
	case EAGAIN: return SENT_LATER;
	case ENOBUFS: return SENT_NOBUFS;
	case EINVAL:
	case EIO:
	case EOPNOTSUPP: return segmented ? SENT_SINGLY : SENT_REFUSED;
	case EPERM:
	case EACCES:
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EADDRNOTAVAIL:
	case ECONNREFUSED: return SENT_REFUSED;
	default: return SENT_LOST;
	}
}

static void put_control(struct msghdr *m, int level, int type, const void *data, size_t len)
{
	size_t at = m->msg_controllen;
	struct cmsghdr c = {.cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type};

	memcpy((uint8_t *)m->msg_control + at, &c, sizeof(c));
	memcpy((uint8_t *)m->msg_control + at + CMSG_LEN(0), data, len);
	m->msg_controllen = at + CMSG_SPACE(len);
}

static void pin_source(struct msghdr *m, const struct kith_addr *local)
{
	struct in_pktinfo v4 = {.ipi_ifindex = 0};
	struct in6_pktinfo v6 = {.ipi6_ifindex = 0};

	if (kith_addr_is_v4(local)) {
		memcpy(&v4.ipi_spec_dst, local->ip + 12, 4);
		put_control(m, IPPROTO_IP, IP_PKTINFO, &v4, sizeof(v4));
	} else {
		memcpy(&v6.ipi6_addr, local->ip, 16);
		put_control(m, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof(v6));
	}
}

static enum sent send_call(struct kith_driver *d, const struct kith__uv_socket *s,
			   const struct kith__uv_out *o, bool pin)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[128];
	} control;
	struct sockaddr_storage to;
	struct iovec iov = {d->out.data + o->at, o->len};
	struct msghdr m = {.msg_name = &to,
			   .msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.bytes};
	uint16_t segment = (uint16_t)o->segment;
	ssize_t n;

	memset(&control, 0, sizeof(control));
	m.msg_namelen = kith__uv_sockaddr(&to, &o->remote);
	if (s->v6 && o->remote.ip[0] == 0xfe && (o->remote.ip[1] & 0xc0) == 0x80)
		memcpy((uint8_t *)&to + offsetof(struct sockaddr_in6, sin6_scope_id),
		       &d->gateway_scope, sizeof(d->gateway_scope));
	if (pin && s->wildcard && !kith_addr_is_none(&o->local))
		pin_source(&m, &o->local);
	if (o->count > 1)
		put_control(&m, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	if (m.msg_controllen == 0)
		m.msg_control = NULL;
	do {
		n = sendmsg(s->fd, &m, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n >= 0 ? SENT : judge(errno, o->count > 1);
}

/* Sends the next message, or its first datagram when segments do not work here. */
static enum sent send_next(struct kith_driver *d, struct kith__uv_socket *s, struct kith__uv_out *o)
{
	struct kith__uv_out one = *o;
	enum sent r;

	if (o->count > 1 && !s->gso) {
		one.len = o->segment;
		one.count = 1;
	}
	r = send_call(d, s, &one, true);
	if (r == SENT_SINGLY) {
		s->gso = false;
		return SENT_SINGLY;
	}
	/* the address asked may be gone: any other is better than silence */
	if (r == SENT_REFUSED && s->wildcard && !kith_addr_is_none(&o->local))
		r = send_call(d, s, &one, false);
	if (r != SENT_LATER && r != SENT_NOBUFS && one.len < o->len) {
		o->at += one.len;
		o->len -= one.len;
		o->count--;
		return r == SENT ? SENT_SINGLY : r;
	}
	return r;
}

static void refuse(struct kith_driver *d, const struct kith_addr *to)
{
	if (d->refused_count < KITH_UV_REFUSED_MAX)
		d->refused[d->refused_count++] = *to;
}

/* Sends the batch. False: some of it waits. */
static bool flush(struct kith_driver *d)
{
	struct kith__uv_batch *b = &d->out;
	struct kith__uv_socket *s;
	struct kith__uv_out *o;

	while (b->next < b->count) {
		o = &b->msg[b->next];
		s = &d->sock[kith_addr_is_v4(&o->remote) ? 0 : 1];
		switch (s->fd < 0 ? SENT_REFUSED : send_next(d, s, o)) {
		case SENT_SINGLY: continue;
		case SENT_LATER: s->blocked = true; return false;
		case SENT_NOBUFS: d->retry_at = d->now + NOBUFS_RETRY_US; return false;
		case SENT_REFUSED: refuse(d, &o->remote); break;
		case SENT:
		case SENT_LOST: break;
		}
		b->next++;
	}
	kith__uv_send_drop(d);
	return true;
}

void kith__uv_send_drop(struct kith_driver *d)
{
	d->out.count = 0;
	d->out.next = 0;
	d->out.used = 0;
}

static bool joins(const struct kith__uv_out *o, const struct kith_dgram_out *out)
{
	return o->count < KITH_UV_SEGMENTS_MAX && o->len == o->count * o->segment &&
	       out->len <= o->segment && kith_addr_equal(&o->remote, &out->remote) &&
	       kith_addr_equal(&o->local, &out->local);
}

/* Copies one pulled datagram, or a run of them, into the batch; it always fits. */
static unsigned append(struct kith__uv_batch *b, const struct kith_dgram_out *out)
{
	struct kith__uv_out *o = b->count > 0 ? &b->msg[b->count - 1] : NULL;

	memcpy(b->data + b->used, out->data, out->len);
	if (o != NULL && out->segment == 0 && joins(o, out)) {
		o->len += out->len;
		o->count++;
	} else {
		o = &b->msg[b->count++];
		o->remote = out->remote;
		o->local = out->local;
		o->at = b->used;
		o->len = out->len;
		o->segment = out->segment != 0 ? out->segment : out->len;
		o->count = (unsigned)((out->len + o->segment - 1) / o->segment);
	}
	b->used += out->len;
	return out->segment != 0 ? o->count : 1;
}

static bool has_room(const struct kith__uv_batch *b)
{
	/* a run from the engine is at most one segmented send */
	return b->count < KITH_UV_BATCH_MAX &&
	       sizeof(b->data) - b->used >= KITH_UV_SEGMENTS_MAX * (size_t)KITH_DGRAM_MAX;
}

static void tell_refused(struct kith_driver *d)
{
	struct kith_notice n = {.kind = KITH_NOTICE_SEND_ERROR, .addr_count = 1};

	if (d->refused_count == 0)
		return;
	for (size_t i = 0; i < d->refused_count; i++) {
		n.addrs = &d->refused[i];
		d->cfg.engine.notice(d->cfg.engine.self, &n, d->now);
	}
	d->refused_count = 0;
	kith_driver_kick(d);
}

void kith__uv_send(struct kith_driver *d)
{
	struct kith_engine *e = &d->cfg.engine;
	struct kith_dgram_out out;
	unsigned pulled = 0;
	bool more = true, open;

	if (d->retry_at != KITH_NEVER && d->now < d->retry_at)
		return;
	d->retry_at = KITH_NEVER;
	if (d->sock[0].blocked || d->sock[1].blocked)
		return;
	open = flush(d);
	while (open && more && pulled < KITH_UV_SEND_TURN) {
		while (has_room(&d->out)) {
			memset(&out, 0, sizeof(out));
			more = e->output(e->self, &out, d->now);
			if (!more)
				break;
			if (out.len == 0 || out.len > KITH_UV_SEGMENTS_MAX * (size_t)KITH_DGRAM_MAX)
				continue;
			pulled += append(&d->out, &out);
		}
		open = flush(d);
	}
	if (open && more)
		kith_driver_kick(d);
	tell_refused(d);
}
