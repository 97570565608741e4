/* SPDX-License-Identifier: ISC */
/*
 * A stranger with a lot of garbage: sends datagrams that no node can want to one UDP port of
 * loopback and counts what comes back.
 *
 *	e2e_flood PORT COUNT SEED [CAPTURE]    prints "sent N datagrams, B bytes; answered A bytes"
 *	e2e_flood PORT --say TEXT              one datagram with this text
 *	e2e_flood PORT --replay CAPTURE        every captured datagram to this port, as it was
 *
 * CAPTURE is a file of e2e_tap: real datagrams, to be truncated, lengthened and flipped.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOCKETS = 16, REAL_MAX = 4096, BYTES_MAX = 9000, PAUSE_EVERY = 64, PAUSE_MS = 2 };

struct real {
	uint16_t len;
	uint8_t data[BYTES_MAX];
};

static struct {
	struct sockaddr_in to;
	int fd[SOCKETS];
	uint64_t state, sent, sent_bytes, answers, answered_bytes;
	struct real *real[REAL_MAX];
	size_t reals;
} w;

/* splitmix64 */
static uint64_t draw(void)
{
	uint64_t z = (w.state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void load(const char *path, uint16_t port)
{
	FILE *f = fopen(path, "rb");
	uint16_t head[2]; /* length, destination port */

	if (f == NULL)
		return;
	while (w.reals < REAL_MAX && fread(head, sizeof(head), 1, f) == 1 && head[0] < BYTES_MAX) {
		struct real *r = calloc(1, sizeof(*r));

		if (r == NULL || fread(r->data, 1, head[0], f) != head[0] || head[1] != port) {
			free(r);
			continue;
		}
		r->len = head[0];
		w.real[w.reals++] = r;
	}
	(void)fclose(f);
}

static void listen_for_answers(int wait_ms)
{
	struct pollfd p[SOCKETS];
	uint8_t data[BYTES_MAX];

	for (int i = 0; i < SOCKETS; i++)
		p[i] = (struct pollfd){.fd = w.fd[i], .events = POLLIN};
	while (poll(p, SOCKETS, wait_ms) > 0) {
		for (int i = 0; i < SOCKETS; i++) {
			ssize_t n = (p[i].revents & POLLIN) != 0
					    ? recv(w.fd[i], data, sizeof(data), MSG_DONTWAIT)
					    : -1;

			if (n >= 0) {
				w.answers++;
				w.answered_bytes += (uint64_t)n;
			}
		}
	}
}

static void transmit(const uint8_t *data, size_t len)
{
	(void)sendto(w.fd[w.sent % SOCKETS], data, len, 0, (struct sockaddr *)&w.to, sizeof(w.to));
	w.sent++;
	w.sent_bytes += len;
	if (w.sent % PAUSE_EVERY == 0)
		listen_for_answers(PAUSE_MS); /* so that the socket buffer of the node holds */
}

static void garbage(void)
{
	uint8_t data[BYTES_MAX];
	unsigned kind = (unsigned)(draw() % 6);
	const struct real *r = w.reals > 0 ? w.real[draw() % w.reals] : NULL;
	size_t len = kind == 1 ? draw() % BYTES_MAX : draw() % 1500;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(draw() >> 24);
	if (r != NULL && kind == 2) { /* truncated */
		memcpy(data, r->data, r->len);
		len = r->len > 0 ? draw() % r->len : 0;
		/* two datagrams may have left as one batch: not cut between them */
		len -= len == 144 || len == 512 || len == 1232;
	} else if (r != NULL && kind == 3) { /* longer than it was */
		memcpy(data, r->data, r->len);
		len = r->len + 1u + draw() % (sizeof(data) - r->len - 1u);
	} else if (r != NULL && kind == 4 && r->len > 0) { /* one bit wrong */
		memcpy(data, r->data, r->len);
		len = r->len;
		data[draw() % len] ^= (uint8_t)(1u << draw() % 8);
	}
	transmit(data, len);
}

static int open_sockets(uint16_t port)
{
	struct sockaddr_in own = {.sin_family = AF_INET};

	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	w.to = own;
	w.to.sin_port = htons(port);
	for (int i = 0; i < SOCKETS; i++) {
		w.fd[i] = socket(AF_INET, SOCK_DGRAM, 0);
		if (w.fd[i] < 0 || bind(w.fd[i], (struct sockaddr *)&own, sizeof(own)) != 0)
			return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	uint16_t port = argc >= 4 ? (uint16_t)strtoul(argv[1], NULL, 10) : 0;
	unsigned long count = 0;

	if (port == 0) {
		(void)fputs("usage: e2e_flood PORT COUNT SEED [CAPTURE] | PORT --say TEXT | "
			    "PORT --replay CAPTURE\n",
			    stderr);
		return 2;
	}
	if (open_sockets(port) != 0) {
		(void)fprintf(stderr, "e2e_flood: %s\n", strerror(errno));
		return 1;
	}
	if (strcmp(argv[2], "--say") == 0) {
		transmit((const uint8_t *)argv[3], strlen(argv[3]));
		return 0;
	}
	if (strcmp(argv[2], "--replay") == 0) {
		load(argv[3], port);
		for (size_t i = 0; i < w.reals; i++)
			transmit(w.real[i]->data, w.real[i]->len);
	} else {
		count = strtoul(argv[2], NULL, 10);
		w.state = strtoull(argv[3], NULL, 10);
		if (argc > 4)
			load(argv[4], port);
		for (unsigned long i = 0; i < count; i++)
			garbage();
	}
	listen_for_answers(500);
	printf("sent %llu datagrams, %llu bytes, %zu real ones at hand; "
	       "answered %llu bytes in %llu\n",
	       (unsigned long long)w.sent, (unsigned long long)w.sent_bytes, w.reals,
	       (unsigned long long)w.answered_bytes, (unsigned long long)w.answers);
	return 0;
}
