/* SPDX-License-Identifier: ISC */
/*
 * The default gateways, by netlink: of the main table's default routes the one with the lowest
 * metric, per family, and the own address that is used towards it. A socket bound to one address
 * has that one; on loopback there is no gateway. Read again when netlink tells of a change.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "net/uv/internal.h"

struct found {
	bool any;
	uint8_t ip[16];
	unsigned oif;
	uint32_t metric;
};

#define ALIGN4(n) (((size_t)(n) + 3u) & ~(size_t)3u)

static void look_attr(const uint8_t *data, size_t len, unsigned type, size_t want, struct found *f)
{
	if (type == RTA_GATEWAY && len == want) {
		memcpy(f->ip + 16 - want, data, want);
		f->any = true;
	} else if (type == RTA_OIF && len == sizeof(f->oif)) {
		memcpy(&f->oif, data, sizeof(f->oif));
	} else if (type == RTA_PRIORITY && len == sizeof(f->metric)) {
		memcpy(&f->metric, data, sizeof(f->metric));
	}
}

/* One route; a better default route replaces the one before. */
static void look(const uint8_t *in, size_t len, int family, struct found *best)
{
	struct found f = {.any = false};
	struct rtmsg route;
	struct rtattr a;

	if (len < sizeof(route))
		return;
	memcpy(&route, in, sizeof(route));
	if (route.rtm_family != family || route.rtm_dst_len != 0 ||
	    route.rtm_table != RT_TABLE_MAIN || route.rtm_type != RTN_UNICAST)
		return;
	for (size_t at = ALIGN4(sizeof(route)); at + sizeof(a) <= len; at += ALIGN4(a.rta_len)) {
		memcpy(&a, in + at, sizeof(a));
		if (a.rta_len < sizeof(a) || a.rta_len > len - at)
			break;
		look_attr(in + at + sizeof(a), a.rta_len - sizeof(a), a.rta_type,
			  family == AF_INET ? 4 : 16, &f);
	}
	if (f.any && (!best->any || f.metric < best->metric))
		*best = f;
}

/* One answer of the system; false: it was the last. */
static bool read_some(int fd, int family, struct found *best)
{
	uint8_t in[16384];
	struct nlmsghdr h;
	ssize_t n = recv(fd, in, sizeof(in), 0);
	size_t len = n > 0 ? (size_t)n : 0;

	if (n < 0)
		return errno == EINTR;
	for (size_t at = 0; at + sizeof(h) <= len; at += ALIGN4(h.nlmsg_len)) {
		memcpy(&h, in + at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len - at ||
		    h.nlmsg_type == NLMSG_DONE || h.nlmsg_type == NLMSG_ERROR)
			return false;
		if (h.nlmsg_type == RTM_NEWROUTE)
			look(in + at + sizeof(h), h.nlmsg_len - sizeof(h), family, best);
	}
	return n > 0;
}

static struct found default_route(int family)
{
	struct {
		struct nlmsghdr h;
		struct rtmsg m;
	} ask = {{.nlmsg_len = sizeof(struct nlmsghdr) + sizeof(struct rtmsg),
		  .nlmsg_type = RTM_GETROUTE,
		  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		 {.rtm_family = (unsigned char)family}};
	struct timeval patience = {.tv_usec = 100000};
	struct found best = {.any = false};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return best;
	/* the system answers at once; this is for one that does not */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (send(fd, &ask, ask.h.nlmsg_len, 0) == (ssize_t)ask.h.nlmsg_len)
		while (read_some(fd, family, &best))
			;
	(void)close(fd);
	return best;
}

/* The address that the system would send from; connecting a UDP socket sends nothing. */
static bool own_address(const struct kith_addr *to, struct kith_addr *own)
{
	bool v4 = kith_addr_is_v4(to);
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	if (fd < 0)
		return false;
	memset(&ss, 0, sizeof(ss));
	ok = connect(fd, (struct sockaddr *)&ss, kith__uv_sockaddr(&ss, to)) == 0 &&
	     getsockname(fd, (struct sockaddr *)&ss, &len) == 0;
	(void)close(fd);
	if (!ok)
		return false;
	memset(own, 0, sizeof(*own));
	if (v4) {
		memset(own->ip + 10, 0xff, 2);
		memcpy(own->ip + 12, (uint8_t *)&ss + offsetof(struct sockaddr_in, sin_addr), 4);
	} else {
		memcpy(own->ip, (uint8_t *)&ss + offsetof(struct sockaddr_in6, sin6_addr), 16);
	}
	return true;
}

static void look_family(struct kith_driver *d, unsigned f, struct kith_addr out[static 2])
{
	/* any address behind the IPv6 gateway, which itself is link-local: of the documentation */
	static const uint8_t far[16] = {0x20, 0x01, 0x0d, 0xb8};
	const struct kith__uv_socket *s = &d->sock[f];
	struct kith_addr to;
	struct found best;

	if (s->fd < 0 || (!s->wildcard && kith_addr_is_loopback(&s->bound)))
		return;
	best = default_route(f == 0 ? AF_INET : AF_INET6);
	if (!best.any)
		return;
	memset(&to, 0, sizeof(to));
	if (f == 0) {
		memset(to.ip + 10, 0xff, 2);
		memcpy(to.ip + 12, best.ip + 12, 4);
	} else {
		memcpy(to.ip, best.ip, 16);
		d->gateway_scope = best.oif;
	}
	out[0] = to;
	out[0].port = 1; /* not none; who asks knows the port */
	if (f == 1)
		memcpy(to.ip, far, 16);
	to.port = 9;
	if (!s->wildcard)
		out[1] = s->bound;
	else if (!own_address(&to, &out[1]) || kith_addr_is_loopback(&out[1]))
		memset(out, 0, 2 * sizeof(*out));
	else
		out[1].port = s->bound.port;
}

bool kith__uv_gateways(struct kith_driver *d)
{
	struct kith_addr now[4];
	bool same = true;

	memset(now, 0, sizeof(now));
	look_family(d, 0, now);
	look_family(d, 1, now + 2);
	for (unsigned i = 0; i < 4; i++)
		same &= kith_addr_equal(&now[i], &d->gateway[i]);
	memcpy(d->gateway, now, sizeof(now));
	return !same;
}
