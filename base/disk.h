/* SPDX-License-Identifier: ISC */
/*
 * A disk as a function table: what store/vfs_disk needs when there is no operating system below,
 * that is in the simulator and in fault tests (sim/disk.c, tests supply it). Whole-file semantics
 * of POSIX: writes are volatile until `sync`.
 */
#ifndef KITH_BASE_DISK_H
#define KITH_BASE_DISK_H

#include "base/status.h"
#include "base/types.h"

struct kith_disk {
	/* All return 0 or KITH_E_IO, KITH_E_NOSPACE, KITH_E_NOTFOUND. Names are relative, < 256 B.
	 */
	int (*open)(void *ctx, const char *name, bool create, uint32_t *file);
	void (*close)(void *ctx, uint32_t file);
	/* Bytes beyond the end read as zero; *got = bytes that exist. */
	int (*read)(void *ctx, uint32_t file, uint64_t offset, void *dst, size_t len, size_t *got);
	int (*write)(void *ctx, uint32_t file, uint64_t offset, const void *src, size_t len);
	int (*truncate)(void *ctx, uint32_t file, uint64_t size);
	int (*sync)(void *ctx, uint32_t file);
	int (*size)(void *ctx, uint32_t file, uint64_t *size);
	int (*remove)(void *ctx, const char *name);
	int (*rename)(void *ctx, const char *from,
		      const char *to); /* atomic, with directory sync */
	bool (*exists)(void *ctx, const char *name);
	void *ctx;
};

#endif
