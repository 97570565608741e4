/* SPDX-License-Identifier: ISC */
/*
 * kith-portmap(8). Two long-lived processes and one per job:
 *
 *	kithd == descriptor 3 == broker --fork--> child (speaks UPnP, at most 20 s)
 *	                           ^
 *	                     first process: waits, and starts the broker again when it dies
 *
 * kithd cannot start programs once it has confined itself, so the first process does it. It ends
 * with the broker when kithd closes the socket. Signals for the whole group (Ctrl-C, a service
 * manager) are ignored: the removal of the mapping comes right after them.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/portmap/internal.h"

#define RESTARTS 10u /* in the life of one kithd; more means that something is broken for good */
#define PAUSE_MS 1000

static bool is_channel(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

int main(void)
{
	struct rlimit none = {0, 0};
	int status = 0;
	pid_t pid;

	if (!is_channel(PORTMAP_FD)) {
		(void)fputs("kith-portmap is started by kithd.\n", stderr);
		return 2;
	}
	if (signal(SIGTERM, SIG_IGN) == SIG_ERR || signal(SIGINT, SIG_IGN) == SIG_ERR ||
	    signal(SIGHUP, SIG_IGN) == SIG_ERR || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return 1;
	for (unsigned i = 0; i <= RESTARTS; i++) {
		if (i > 0)
			(void)poll(NULL, 0, PAUSE_MS);
		pid = fork();
		if (pid == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
			_exit(kith__portmap_serve(PORTMAP_FD));
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			return 1;
		if (WIFEXITED(status))
			return WEXITSTATUS(status);
	}
	return 1;
}
