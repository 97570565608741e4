/* SPDX-License-Identifier: ISC */
/*
 * The broker. It reads 64-byte messages and copies bytes; everything that comes from the network is
 * read by the child. One job at a time: a newer one ends the one that runs. A child that overstays
 * or crashes costs its job and nothing else.
 *
 *	idle -- ask --> running -- reply of the child, crash, 20 s, newer ask --> idle
 *	kithd closes: a removal may still finish (5 s), anything else is killed; then the end
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "net/portmap/internal.h"

#define LAST_MS 5000

struct broker {
	int fd, child; /* child: its end of the result, or -1 */
	pid_t pid;
	uint64_t until_ms;
	struct kith_portmap_ask ask;
	struct kith__portmap_note note;
	bool closing;
};

static uint64_t now_ms(void)
{
	struct timespec t = {0, 0};

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* ---- the child ---- */

_Noreturn static void child(const struct broker *b, int out)
{
	uint8_t message[KITH_PORTMAP_BYTES + PORTMAP_NOTE_MAX];
	struct kith_portmap_reply reply;
	struct kith__portmap_note note = b->note;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)close(b->fd);
	kith__portmap_guard(&b->ask.gateway);
	if (!kith__portmap_confine())
		_exit(1);
	memset(&reply, 0, sizeof(reply));
	kith__portmap_job(&b->ask, &note, &reply);
	reply.seq = b->ask.seq;
	kith_portmap_reply_encode(message, &reply);
	memcpy(message + KITH_PORTMAP_BYTES, note.b, note.len);
	_exit(send(out, message, KITH_PORTMAP_BYTES + note.len, MSG_NOSIGNAL) < 0 ? 1 : 0);
}

static void child_end(struct broker *b)
{
	if (b->child < 0)
		return;
	(void)close(b->child);
	b->child = -1;
	(void)kill(b->pid, SIGKILL);
	while (waitpid(b->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void answer(const struct broker *b, enum kith_portmap_result result)
{
	struct kith_portmap_reply r = {.result = result, .seq = b->ask.seq};
	uint8_t out[KITH_PORTMAP_BYTES];

	kith_portmap_reply_encode(out, &r);
	(void)send(b->fd, out, sizeof(out), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void child_start(struct broker *b)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		answer(b, KITH_PORTMAP_CHILD_DIED);
		return;
	}
	b->pid = fork();
	if (b->pid == 0) {
		(void)close(pair[0]);
		child(b, pair[1]);
	}
	(void)close(pair[1]);
	if (b->pid < 0) {
		(void)close(pair[0]);
		answer(b, KITH_PORTMAP_CHILD_DIED);
		return;
	}
	b->child = pair[0];
	b->until_ms = now_ms() + PORTMAP_CHILD_MS;
}

/* The child has spoken, or is gone. What it says is checked: its memory may be anybody's. */
static void child_result(struct broker *b)
{
	uint8_t in[KITH_PORTMAP_BYTES + PORTMAP_NOTE_MAX];
	struct kith_portmap_reply r;
	ssize_t n = recv(b->child, in, sizeof(in), MSG_DONTWAIT | MSG_TRUNC);
	size_t len = n > 0 ? (size_t)n : 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	child_end(b);
	if (len < KITH_PORTMAP_BYTES || len > sizeof(in) ||
	    kith_portmap_reply_decode(&r, in, KITH_PORTMAP_BYTES) != KITH_OK ||
	    r.seq != b->ask.seq) {
		b->note.len = 0;
		answer(b, KITH_PORTMAP_CHILD_DIED);
		return;
	}
	b->note.len = len - KITH_PORTMAP_BYTES;
	memcpy(b->note.b, in + KITH_PORTMAP_BYTES, b->note.len);
	(void)send(b->fd, in, KITH_PORTMAP_BYTES, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ---- kithd ---- */

static bool is_other_network(const struct broker *b, const struct kith_portmap_ask *ask)
{
	return !kith_addr_equal(&b->ask.gateway, &ask->gateway) ||
	       !kith_addr_equal(&b->ask.local, &ask->local);
}

/* False: the socket failed. */
static bool take_ask(struct broker *b)
{
	struct kith_portmap_ask ask;
	uint8_t in[KITH_PORTMAP_BYTES];
	ssize_t n = recv(b->fd, in, sizeof(in), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0) {
		b->closing = true;
		if (b->child >= 0 && b->ask.verb != KITH_PORTMAP_DELETE)
			child_end(b);
		if (b->until_ms > now_ms() + LAST_MS)
			b->until_ms = now_ms() + LAST_MS;
		return true;
	}
	if (kith_portmap_ask_decode(&ask, in, (size_t)n) != KITH_OK) {
		answer(b, KITH_PORTMAP_BAD_REQUEST);
		return true;
	}
	child_end(b);
	if (is_other_network(b, &ask))
		b->note.len = 0;
	b->ask = ask;
	child_start(b);
	return true;
}

int kith__portmap_serve(int fd)
{
	struct broker b = {.fd = fd, .child = -1};
	bool ok = true;

	while (ok && !(b.closing && b.child < 0)) {
		struct pollfd p[2] = {{.fd = b.closing ? -1 : b.fd, .events = POLLIN},
				      {.fd = b.child, .events = POLLIN}};
		uint64_t now = now_ms();
		int wait = -1, n;

		if (b.child >= 0)
			wait = b.until_ms > now ? (int)(b.until_ms - now) : 0;
		n = poll(p, 2, wait);
		if (n < 0 && errno != EINTR)
			return 1;
		if (b.child >= 0 && now_ms() >= b.until_ms) {
			child_end(&b);
			b.note.len = 0;
			answer(&b, KITH_PORTMAP_TIMED_OUT);
			continue;
		}
		if (n > 0 && p[1].revents != 0)
			child_result(&b);
		if (n > 0 && p[0].revents != 0)
			ok = take_ask(&b);
	}
	child_end(&b);
	return ok ? 0 : 1;
}
