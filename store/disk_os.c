/* SPDX-License-Identifier: ISC */
/*
 * The operating system's disk as the function table of base/disk.h, relative to the profile
 * directory; for the small files. The databases go through SQLite's own "unix" VFS.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/internal.h"

static int dir_of(void *ctx)
{
	const struct kith__os_disk *d = ctx;

	return d->dir;
}

static int status_of(int error)
{
	if (error == ENOSPC || error == EDQUOT)
		return KITH_E_NOSPACE;
	return error == ENOENT ? KITH_E_NOTFOUND : KITH_E_IO;
}

static int os_open(void *ctx, const char *name, bool create, uint32_t *file)
{
	int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0);
	int fd;

	do {
		fd = openat(dir_of(ctx), name, flags, 0600);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return status_of(errno);
	*file = (uint32_t)fd;
	return KITH_OK;
}

static void os_close(void *ctx, uint32_t file)
{
	(void)ctx;
	(void)close((int)file);
}

static int os_read(void *ctx, uint32_t file, uint64_t offset, void *dst, size_t len, size_t *got)
{
	size_t have = 0;
	ssize_t n;

	(void)ctx;
	while (have < len) {
		n = pread((int)file, (uint8_t *)dst + have, len - have, (off_t)(offset + have));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return status_of(errno);
		if (n == 0)
			break;
		have += (size_t)n;
	}
	*got = have;
	return KITH_OK;
}

static int os_write(void *ctx, uint32_t file, uint64_t offset, const void *src, size_t len)
{
	size_t done = 0;
	ssize_t n;

	(void)ctx;
	while (done < len) {
		n = pwrite((int)file, (const uint8_t *)src + done, len - done,
			   (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return status_of(errno);
		done += (size_t)n;
	}
	return KITH_OK;
}

static int os_truncate(void *ctx, uint32_t file, uint64_t size)
{
	(void)ctx;
	return ftruncate((int)file, (off_t)size) == 0 ? KITH_OK : status_of(errno);
}

static int os_sync(void *ctx, uint32_t file)
{
	(void)ctx;
	return fsync((int)file) == 0 ? KITH_OK : status_of(errno);
}

static int os_size(void *ctx, uint32_t file, uint64_t *size)
{
	struct stat st;

	(void)ctx;
	if (fstat((int)file, &st) != 0)
		return status_of(errno);
	*size = (uint64_t)st.st_size;
	return KITH_OK;
}

static int os_remove(void *ctx, const char *name)
{
	return unlinkat(dir_of(ctx), name, 0) == 0 ? KITH_OK : status_of(errno);
}

static int os_rename(void *ctx, const char *from, const char *to)
{
	int dir = dir_of(ctx);

	if (renameat(dir, from, dir, to) != 0)
		return status_of(errno);
	return fsync(dir) == 0 ? KITH_OK : status_of(errno);
}

static bool os_exists(void *ctx, const char *name)
{
	struct stat st;

	return fstatat(dir_of(ctx), name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

struct kith_disk kith__os_disk(struct kith__os_disk *d)
{
	return (struct kith_disk){
		.open = os_open,
		.close = os_close,
		.read = os_read,
		.write = os_write,
		.truncate = os_truncate,
		.sync = os_sync,
		.size = os_size,
		.remove = os_remove,
		.rename = os_rename,
		.exists = os_exists,
		.ctx = d,
	};
}
