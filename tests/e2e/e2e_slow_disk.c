/* SPDX-License-Identifier: ISC */
/*
 * A busy disk for one program: preloaded, the first write after each sync waits for 20 ms, as on a
 * cheap memory card. What a program that is killed had not yet handed to the system is then some
 * 20 ms of its work, and not a lucky fraction of one: whoever acknowledges before the commit loses
 * messages for certain.
 */
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_bool idle = true;

/* Both names of the call, as libraries use either. */
ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at)
{
	if (atomic_exchange(&idle, false))
		(void)poll(NULL, 0, 20);
	return syscall(SYS_pwrite64, fd, bytes, len, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	return pwrite64(fd, bytes, len, at);
}

int fdatasync(int fd)
{
	atomic_store(&idle, true);
	return (int)syscall(SYS_fdatasync, fd);
}
