/* SPDX-License-Identifier: ISC */
/*
 * A long wire between two network namespaces: a TUN device at each end, every packet is late by
 * the same time. For kernels without netem. Prints "ready" when both devices are there; ends with
 * SIGTERM.
 *
 *	e2e_wire DELAY_MS NAMESPACE_FILE DEVICE NAMESPACE_FILE DEVICE
 */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 8192, PACKET = 2048 };

struct late {
	int64_t due_us;
	int to;
	size_t len;
	uint8_t data[PACKET];
};

static struct {
	int fd[2];
	int64_t delay_us;
	struct late *late; /* a ring; the delay is the same for all, so it is in order */
	size_t first, count;
} w;

static int64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int open_end(const char *space, const char *device)
{
	struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int ns = open(space, O_RDONLY | O_CLOEXEC), fd;

	if (ns < 0 || setns(ns, CLONE_NEWNET) != 0)
		return -1;
	(void)close(ns);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", device);
	return fd >= 0 && ioctl(fd, TUNSETIFF, &r) == 0 ? fd : -1;
}

static void take(int from)
{
	while (w.count < SLOTS) {
		struct late *l = &w.late[(w.first + w.count) % SLOTS];
		ssize_t n = read(w.fd[from], l->data, PACKET);

		if (n <= 0)
			return;
		l->len = (size_t)n;
		l->to = !from;
		l->due_us = now_us() + w.delay_us;
		w.count++;
	}
}

static int give(void)
{
	while (w.count > 0) {
		struct late *l = &w.late[w.first];
		int64_t wait = l->due_us - now_us();
		ssize_t n;

		if (wait > 0)
			return (int)(wait / 1000 + 1);
		n = write(w.fd[l->to], l->data, l->len); /* a full device loses it, as wires do */
		(void)n;
		w.first = (w.first + 1) % SLOTS;
		w.count--;
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct pollfd p[2];

	if (argc != 6)
		return 2;
	w.delay_us = strtol(argv[1], NULL, 10) * 1000;
	w.late = calloc(SLOTS, sizeof(*w.late));
	for (int i = 0; i < 2; i++) {
		w.fd[i] = open_end(argv[2 + 2 * i], argv[3 + 2 * i]);
		p[i] = (struct pollfd){.fd = w.fd[i], .events = POLLIN};
		if (w.fd[i] < 0 || w.late == NULL)
			return 77;
	}
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;) {
		int wait = give();

		p[0].events = p[1].events = w.count < SLOTS ? POLLIN : 0;
		if (poll(p, 2, wait) < 0)
			return 1;
		take(0);
		take(1);
	}
}
