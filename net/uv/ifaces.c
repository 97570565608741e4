/* SPDX-License-Identifier: ISC */
/*
 * Own addresses. A socket bound to one address has that one; a wildcard socket has those of the
 * interfaces that are up. Loopback counts only where there is nothing else, link-local IPv6 never
 * (it needs a scope). Netlink tells of changes; the list is then read again as a whole.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/uv/internal.h"

int kith__uv_link_open(void)
{
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK,
				 .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
					      RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&nl, sizeof(nl)) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

bool kith__uv_link_drain(int fd)
{
	uint8_t buffer[4096];
	bool any = false;
	ssize_t n;

	for (;;) {
		n = recv(fd, buffer, sizeof(buffer), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) {
			any = true; /* messages were lost: something changed */
			continue;
		}
		if (n <= 0)
			return any;
		any = true;
	}
}

static bool add(struct kith_addr *list, size_t *count, const struct kith_addr *a)
{
	for (size_t i = 0; i < *count; i++)
		if (kith_addr_equal(&list[i], a))
			return true;
	if (*count == KITH_UV_ADDRS_MAX)
		return false;
	list[(*count)++] = *a;
	return true;
}

/* Reads the address of one entry; false: not one of this socket, or not to be told. */
static bool usable(const struct ifaddrs *i, const struct kith__uv_socket *s, bool loopback,
		   struct kith_addr *a)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (i->ifa_addr == NULL || (i->ifa_flags & IFF_UP) == 0 ||
	    ((i->ifa_flags & IFF_LOOPBACK) != 0) != loopback)
		return false;
	memset(a, 0, sizeof(*a));
	if (!s->v6 && i->ifa_addr->sa_family == AF_INET) {
		memcpy(&v4, i->ifa_addr, sizeof(v4));
		*a = kith_addr_v4(0, 0, 0, 0, s->bound.port);
		memcpy(a->ip + 12, &v4.sin_addr, 4);
		return true;
	}
	if (s->v6 && i->ifa_addr->sa_family == AF_INET6) {
		memcpy(&v6, i->ifa_addr, sizeof(v6));
		if (v6.sin6_addr.s6_addr[0] == 0xfe && (v6.sin6_addr.s6_addr[1] & 0xc0) == 0x80)
			return false;
		memcpy(a->ip, &v6.sin6_addr, 16);
		a->port = s->bound.port;
		return true;
	}
	return false;
}

static void collect(const struct kith_driver *d, const struct ifaddrs *all, bool loopback,
		    struct kith_addr *list, size_t *count)
{
	struct kith_addr a;

	for (unsigned f = 0; f < 2; f++) {
		if (d->sock[f].fd < 0 || !d->sock[f].wildcard)
			continue;
		for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
			if (usable(i, &d->sock[f], loopback, &a) && !add(list, count, &a))
				return;
	}
}

bool kith__uv_addresses(struct kith_driver *d)
{
	struct kith_addr list[KITH_UV_ADDRS_MAX];
	struct ifaddrs *all = NULL;
	size_t count = 0;
	bool same;

	memset(list, 0, sizeof(list));
	for (unsigned f = 0; f < 2; f++)
		if (d->sock[f].fd >= 0 && !d->sock[f].wildcard)
			(void)add(list, &count, &d->sock[f].bound);
	if ((d->sock[0].fd >= 0 && d->sock[0].wildcard) ||
	    (d->sock[1].fd >= 0 && d->sock[1].wildcard)) {
		if (getifaddrs(&all) != 0)
			return false;
		collect(d, all, false, list, &count);
		if (count == 0)
			collect(d, all, true, list, &count);
		freeifaddrs(all);
	}
	same = count == d->local_count;
	for (size_t i = 0; i < count && same; i++)
		same = kith_addr_equal(&list[i], &d->local[i]);
	memcpy(d->local, list, sizeof(list));
	d->local_count = count;
	return !same;
}
