/* SPDX-License-Identifier: ISC */
/*
 * kith-portmap, started once, before any key is in memory and before kithd confines itself: with
 * descriptor 3, the null device on 0 to 2, an empty environment and nothing else. It ends when the
 * socket closes. Without it the node runs, and UPnP counts as silent. A profile that is locked and
 * opened again has a new node and driver: the driver gets a copy of the socket.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/kithd/internal.h"

#define CHANNEL 3

/* kith-portmap beside this program; PATH is not asked. */
static bool find_program(char out[KITHD_PATH])
{
	ssize_t n = readlink("/proc/self/exe", out, KITHD_PATH - 16);
	char *slash;

	if (n <= 0)
		return false;
	out[n] = '\0';
	slash = strrchr(out, '/');
	if (slash == NULL)
		return false;
	(void)snprintf(slash + 1, 16, "kith-portmap");
	return access(out, X_OK) == 0;
}

/* In the child. */
_Noreturn static void become(char *program, int channel)
{
	char *argv[] = {program, NULL}, *env[] = {NULL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* a group of its own: Ctrl-C is for kithd, which then takes the mapping back */
	if (null >= 0 && setsid() >= 0 && dup2(channel, CHANNEL) == CHANNEL && dup2(null, 0) == 0 &&
	    dup2(null, 1) == 1 && dup2(null, 2) == 2 && close_range(CHANNEL + 1, ~0U, 0) == 0)
		(void)execve(program, argv, env);
	_exit(127);
}

void kith__kithd_portmap_start(struct kithd *k)
{
	char program[KITHD_PATH];
	int pair[2];
	pid_t pid;

	if (!kith__kithd_maps(&k->cfg) || !k->cfg.mapping.use[KITH_MAPPING_UPNP])
		return;
	if (!find_program(program)) {
		kith__kithd_say(k, KITH_LOG_WARN,
				"kith-portmap is not installed; UPnP is not tried.");
		return;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return;
	pid = fork();
	if (pid == 0) {
		/* a descriptor that is 3 already would close on exec */
		int channel = fcntl(pair[1], F_DUPFD, CHANNEL + 1);

		become(program, channel);
	}
	(void)close(pair[1]);
	if (pid < 0) {
		(void)close(pair[0]);
		return;
	}
	k->portmap_fd = pair[0];
}

void kith__kithd_portmap_attach(struct kithd *k)
{
	int fd = k->portmap_fd >= 0 ? fcntl(k->portmap_fd, F_DUPFD_CLOEXEC, CHANNEL) : -1;
	unsigned late = k->portmap_owed;

	k->portmap_owed = 0;
	if (fd >= 0 && kith_driver_portmap_open(k->driver, fd, late))
		kith_node_portmap_helper(k->node, true, kith_driver_now(k->driver));
}

void kith__kithd_portmap_turn(struct kithd *k, kith_time now)
{
	struct kith_portmap_ask ask;

	while (k->node != NULL && kith_node_portmap_ask(k->node, &ask, now)) {
		if (!kith_driver_portmap(k->driver, &ask))
			return;
		k->portmap_owed++;
	}
}

void kith__kithd_portmap_close(struct kithd *k)
{
	if (k->portmap_fd >= 0)
		(void)close(k->portmap_fd);
	k->portmap_fd = -1;
}

void kith__kithd_portmapped(void *ctx, const struct kith_portmap_reply *r)
{
	struct kithd *k = ctx;
	kith_time now = kith_driver_now(k->driver);

	if (r != NULL) {
		k->portmap_owed -= k->portmap_owed > 0 ? 1 : 0;
		if (k->node != NULL)
			kith_node_portmap_reply(k->node, r, now);
		return;
	}
	kith__kithd_say(k, KITH_LOG_WARN, "kith-portmap has ended; UPnP is not tried any more.");
	kith__kithd_portmap_close(k);
	if (k->node != NULL)
		kith_node_portmap_helper(k->node, false, now);
}
