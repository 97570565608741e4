/* SPDX-License-Identifier: ISC */
/*
 * Listens on the loopback wire of its own network namespace and writes every UDP payload to a file:
 * length 2 | destination port 2 (both in host order) | payload. Prints "ready", ends with SIGTERM.
 *
 *	e2e_tap FILE
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void end(int number)
{
	(void)number;
	ended = 1;
}

/* The UDP payload of an IPv4 packet; 0: there is none. */
static size_t payload(const uint8_t *packet, size_t len, const uint8_t **data, uint16_t *port)
{
	size_t head = len >= 20 ? (packet[0] & 15u) * 4u : len;

	if (len < head + 8 || packet[0] >> 4 != 4 || packet[9] != 17)
		return 0;
	*port = (uint16_t)(packet[head + 2] << 8 | packet[head + 3]);
	*data = packet + head + 8;
	return len - head - 8;
}

int main(int argc, char **argv)
{
	static uint8_t packet[65536];
	struct sockaddr_ll from, lo = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	struct sigaction action = {.sa_handler = end};
	int fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP)), room = 64 << 20;
	FILE *f = argc == 2 ? fopen(argv[1], "wb") : NULL;

	lo.sll_ifindex = (int)if_nametoindex("lo");
	if (f == NULL || fd < 0 || bind(fd, (struct sockaddr *)&lo, sizeof(lo)) != 0)
		return 77;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	(void)sigaction(SIGTERM, &action, NULL);
	(void)puts("ready");
	(void)fflush(stdout);
	while (!ended) {
		socklen_t size = sizeof(from);
		ssize_t n =
			recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &size);
		const uint8_t *data = NULL;
		uint16_t head[2] = {0, 0};
		size_t len = 0;

		if (n > 0 && from.sll_pkttype != PACKET_OUTGOING)
			len = payload(packet, (size_t)n, &data, &head[1]);
		if (len == 0)
			continue;
		head[0] = (uint16_t)len;
		if (fwrite(head, sizeof(head), 1, f) != 1 || fwrite(data, 1, len, f) != len)
			return 1;
	}
	return fclose(f) == 0 ? 0 : 1;
}
