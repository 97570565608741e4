/* SPDX-License-Identifier: ISC */
/*
 * The library finds these in place of the C library's: whatever an answer of the network says, a
 * connection goes to the gateway alone, a datagram to the SSDP group alone, and a name is never
 * looked up. So no address outside the local network is contacted, and no other host in it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net/portmap/internal.h"

#define SSDP_PORT 1900

static struct in_addr allowed;
static struct addrinfo found; /* one look-up at a time: this process has one thread */
static struct sockaddr_in found_at;

void kith__portmap_guard(const struct kith_addr *gateway)
{
	memcpy(&allowed, gateway->ip + 12, sizeof(allowed));
}

static bool read_v4(const struct sockaddr *to, socklen_t len, struct sockaddr_in *out)
{
	if (to == NULL || len < sizeof(*out) || to->sa_family != AF_INET)
		return false;
	memcpy(out, to, sizeof(*out));
	return true;
}

int kith__portmap_connect(int fd, const struct sockaddr *to, socklen_t len) __asm__("connect");
int kith__portmap_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	struct sockaddr_in v4;

	if (!read_v4(to, len, &v4) || v4.sin_addr.s_addr != allowed.s_addr) {
		errno = ENETUNREACH;
		return -1;
	}
	return (int)syscall(SYS_connect, fd, to, len);
}

ssize_t kith__portmap_sendto(int fd, const void *data, size_t n, int flags,
			     const struct sockaddr *to, socklen_t len) __asm__("sendto");
ssize_t kith__portmap_sendto(int fd, const void *data, size_t n, int flags,
			     const struct sockaddr *to, socklen_t len)
{
	static const uint8_t group[4] = {239, 255, 255, 250};
	struct sockaddr_in v4;

	if (!read_v4(to, len, &v4) || memcmp(&v4.sin_addr, group, sizeof(group)) != 0 ||
	    ntohs(v4.sin_port) != SSDP_PORT) {
		errno = ENETUNREACH;
		return -1;
	}
	return (ssize_t)syscall(SYS_sendto, fd, data, n, flags | MSG_NOSIGNAL, to, len);
}

int kith__portmap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
			      struct addrinfo **out) __asm__("getaddrinfo");
int kith__portmap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
			      struct addrinfo **out)
{
	char *end = NULL;
	unsigned long port = service != NULL ? strtoul(service, &end, 10) : 0;

	memset(&found, 0, sizeof(found));
	memset(&found_at, 0, sizeof(found_at));
	found_at.sin_family = AF_INET;
	found_at.sin_port = htons((uint16_t)port);
	if (host == NULL || port > 65535 || (end != NULL && *end != '\0') ||
	    inet_pton(AF_INET, host, &found_at.sin_addr) != 1)
		return EAI_NONAME;
	found.ai_family = AF_INET;
	found.ai_socktype = hints != NULL ? hints->ai_socktype : 0;
	found.ai_protocol = hints != NULL ? hints->ai_protocol : 0;
	found.ai_addr = (struct sockaddr *)&found_at;
	found.ai_addrlen = sizeof(found_at);
	*out = &found;
	return 0;
}

void kith__portmap_freeaddrinfo(struct addrinfo *list) __asm__("freeaddrinfo");
void kith__portmap_freeaddrinfo(struct addrinfo *list)
{
	(void)list;
}
