/* SPDX-License-Identifier: ISC */
/*
 * UDP sockets: one per family, never dual-stack, and reading from them (transport.md 10).
 *
 * Every datagram is read with the address it was sent to, so that answers leave from there. With
 * UDP_GRO the kernel hands over runs of equal datagrams in one call; they are cut apart here. The
 * receive buffer is shared by all sessions: nothing is kept between two datagrams.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/uv/internal.h"

#define FEED_DATAGRAMS 64u     /* per turn */
#define FEED_US        2000u   /* per turn */
#define BUFFER_BYTES   4194304 /* asked for; the system gives what it allows */

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

unsigned kith__uv_sockaddr(void *out, const struct kith_addr *a)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(a->port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};

	if (kith_addr_is_v4(a)) {
		memcpy(&v4.sin_addr, a->ip + 12, 4);
		memcpy(out, &v4, sizeof(v4));
		return sizeof(v4);
	}
	memcpy(&v6.sin6_addr, a->ip, 16);
	memcpy(out, &v6, sizeof(v6));
	return sizeof(v6);
}

static void address_from(struct kith_addr *a, const struct sockaddr_storage *ss)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memset(a, 0, sizeof(*a));
	if (ss->ss_family == AF_INET) {
		memcpy(&v4, ss, sizeof(v4));
		*a = kith_addr_v4(0, 0, 0, 0, ntohs(v4.sin_port));
		memcpy(a->ip + 12, &v4.sin_addr, 4);
	} else if (ss->ss_family == AF_INET6) {
		memcpy(&v6, ss, sizeof(v6));
		memcpy(a->ip, &v6.sin6_addr, 16);
		a->port = ntohs(v6.sin6_port);
	}
}

static void turn_on(int fd, int level, int option, int value)
{
	/* wishes only: the driver also works where the system refuses them */
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

static void ask_options(struct kith__uv_socket *s)
{
	int zero = 0;

	turn_on(s->fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
	turn_on(s->fd, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES);
	turn_on(s->fd, IPPROTO_UDP, UDP_GRO, 1);
	s->gso = setsockopt(s->fd, IPPROTO_UDP, UDP_SEGMENT, &zero, sizeof(zero)) == 0;
	if (s->v6) {
		turn_on(s->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		turn_on(s->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
		turn_on(s->fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
	} else {
		turn_on(s->fd, IPPROTO_IP, IP_PKTINFO, 1);
		turn_on(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	}
}

static bool is_wildcard(const struct kith_addr *a)
{
	static const uint8_t zero[16];

	return kith_addr_is_v4(a) ? memcmp(a->ip + 12, zero, 4) == 0 : memcmp(a->ip, zero, 16) == 0;
}

int kith__uv_open(struct kith__uv_socket *s, const struct kith_addr *bind_to)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int one = 1, status = KITH_E_IO;

	s->v6 = !kith_addr_is_v4(bind_to);
	s->wildcard = is_wildcard(bind_to);
	s->fd = socket(s->v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return KITH_E_IO;
	if (s->v6 && setsockopt(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0)
		goto out;
	memset(&ss, 0, sizeof(ss));
	if (bind(s->fd, (struct sockaddr *)&ss, kith__uv_sockaddr(&ss, bind_to)) != 0) {
		status = errno == EADDRINUSE ? KITH_E_EXISTS : KITH_E_IO;
		goto out;
	}
	if (getsockname(s->fd, (struct sockaddr *)&ss, &len) != 0)
		goto out;
	address_from(&s->bound, &ss);
	ask_options(s);
	return KITH_OK;
out:
	(void)close(s->fd);
	s->fd = -1;
	return status;
}

/* Reads what came beside the data: the address asked, and the size of the pieces. */
static size_t read_control(const struct kith__uv_socket *s, struct msghdr *m, size_t whole,
			   struct kith_addr *local)
{
	struct in_pktinfo v4;
	struct in6_pktinfo v6;
	size_t segment = whole;
	int size;

	memset(local, 0, sizeof(*local));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&v4, CMSG_DATA(c), sizeof(v4));
			*local = kith_addr_v4(0, 0, 0, 0, s->bound.port);
			memcpy(local->ip + 12, &v4.ipi_spec_dst, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&v6, CMSG_DATA(c), sizeof(v6));
			memcpy(local->ip, &v6.ipi6_addr, 16);
			local->port = s->bound.port;
		} else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&size, CMSG_DATA(c), sizeof(size));
			if (size > 0)
				segment = (size_t)size;
		}
	}
	return segment;
}

/* One system call. Returns the number of datagrams fed; 0 when there are none. */
static unsigned feed_once(struct kith_driver *d, struct kith__uv_socket *s)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[256];
	} control;
	struct sockaddr_storage from;
	struct iovec iov = {d->in, sizeof(d->in)};
	struct msghdr m = {.msg_name = &from,
			   .msg_namelen = sizeof(from),
			   .msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.bytes,
			   .msg_controllen = sizeof(control.bytes)};
	struct kith_dgram_in in = {.carrier = 0};
	size_t segment, whole;
	unsigned fed = 0;
	ssize_t n;

	do {
		n = recvmsg(s->fd, &m, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		/* a queued error of an earlier send counts as one read */
		return errno == EAGAIN ? 0 : 1;
	}
	if (n == 0 || (m.msg_flags & MSG_TRUNC) != 0)
		return 1;
	whole = (size_t)n;
	address_from(&in.remote, &from);
	segment = read_control(s, &m, whole, &in.local);
	for (size_t at = 0; at < whole; at += segment, fed++) {
		in.data = d->in + at;
		in.len = whole - at < segment ? whole - at : segment;
		(void)d->cfg.engine.input(d->cfg.engine.self, &in, d->now);
	}
	return fed;
}

void kith__uv_receive(struct kith_driver *d)
{
	unsigned fed = 0, now_fed, empty = 0;

	for (unsigned i = 0; i < 2; i++)
		if (!d->sock[i].readable)
			empty |= 1u << i;
	for (unsigned turn = d->first++; empty != 3u && fed < FEED_DATAGRAMS; turn++) {
		if ((empty & 1u << (turn & 1u)) != 0)
			continue;
		now_fed = feed_once(d, &d->sock[turn & 1u]);
		if (now_fed == 0) {
			d->sock[turn & 1u].readable = false;
			empty |= 1u << (turn & 1u);
		}
		fed += now_fed;
		if (kith__uv_now() - d->now > FEED_US)
			break;
	}
}
