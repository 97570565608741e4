/* SPDX-License-Identifier: ISC */
/*
 * SQLite over a disk that is a function table (base/disk.h): the simulator and the fault tests.
 * One process, one handle per file: locks do nothing. Time stands still and sleep does not wait,
 * so nothing of the host enters a run; SQLite draws its own random numbers (salts of the WAL)
 * from the process-wide default VFS, never from here.
 */
#include <string.h>

#include "store/internal.h"

struct disk_file {
	sqlite3_file base;
	const struct kith_disk *disk;
	const char *remove; /* name to remove at close, or NULL */
	uint32_t file;
};

static struct disk_file *self(sqlite3_file *f)
{
	return (struct disk_file *)(void *)f;
}

static int result(int status, int other)
{
	if (status == KITH_OK)
		return SQLITE_OK;
	return status == KITH_E_NOSPACE ? SQLITE_FULL : other;
}

static int disk_close(sqlite3_file *base)
{
	struct disk_file *f = self(base);

	f->disk->close(f->disk->ctx, f->file);
	if (f->remove != NULL)
		(void)f->disk->remove(f->disk->ctx, f->remove);
	return SQLITE_OK;
}

static int disk_read(sqlite3_file *base, void *dst, int len, sqlite3_int64 offset)
{
	struct disk_file *f = self(base);
	size_t got = 0;

	if (f->disk->read(f->disk->ctx, f->file, (uint64_t)offset, dst, (size_t)len, &got) !=
	    KITH_OK)
		return SQLITE_IOERR_READ;
	if (got == (size_t)len)
		return SQLITE_OK;
	memset((uint8_t *)dst + got, 0, (size_t)len - got);
	return SQLITE_IOERR_SHORT_READ;
}

static int disk_write(sqlite3_file *base, const void *src, int len, sqlite3_int64 offset)
{
	struct disk_file *f = self(base);

	return result(f->disk->write(f->disk->ctx, f->file, (uint64_t)offset, src, (size_t)len),
		      SQLITE_IOERR_WRITE);
}

static int disk_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct disk_file *f = self(base);

	return result(f->disk->truncate(f->disk->ctx, f->file, (uint64_t)size),
		      SQLITE_IOERR_TRUNCATE);
}

static int disk_sync(sqlite3_file *base, int flags)
{
	struct disk_file *f = self(base);

	(void)flags;
	return f->disk->sync(f->disk->ctx, f->file) == KITH_OK ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int disk_size(sqlite3_file *base, sqlite3_int64 *size)
{
	struct disk_file *f = self(base);
	uint64_t bytes = 0;

	if (f->disk->size(f->disk->ctx, f->file, &bytes) != KITH_OK)
		return SQLITE_IOERR_FSTAT;
	*size = (sqlite3_int64)bytes;
	return SQLITE_OK;
}

static int disk_lock(sqlite3_file *base, int level)
{
	(void)base;
	(void)level;
	return SQLITE_OK;
}

static int disk_reserved(sqlite3_file *base, int *out)
{
	(void)base;
	*out = 0;
	return SQLITE_OK;
}

static int disk_control(sqlite3_file *base, int op, void *arg)
{
	(void)base;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int disk_sector(sqlite3_file *base)
{
	(void)base;
	return 512;
}

static int disk_traits(sqlite3_file *base)
{
	(void)base;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = disk_close,
	.xRead = disk_read,
	.xWrite = disk_write,
	.xTruncate = disk_truncate,
	.xSync = disk_sync,
	.xFileSize = disk_size,
	.xLock = disk_lock,
	.xUnlock = disk_lock,
	.xCheckReservedLock = disk_reserved,
	.xFileControl = disk_control,
	.xSectorSize = disk_sector,
	.xDeviceCharacteristics = disk_traits,
};

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *out)
{
	struct disk_file *f = self(base);
	const char *rest = NULL;
	int status;

	(void)vfs;
	f->base.pMethods = NULL;
	f->disk = kith__vfs_context(name, &rest);
	if (f->disk == NULL)
		return SQLITE_CANTOPEN;
	status = f->disk->open(f->disk->ctx, rest, (flags & SQLITE_OPEN_CREATE) != 0, &f->file);
	if (status != KITH_OK)
		return result(status, SQLITE_CANTOPEN);
	f->remove = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0 ? rest : NULL;
	f->base.pMethods = &methods;
	if (out != NULL)
		*out = flags;
	return SQLITE_OK;
}

static int disk_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	const struct kith_disk *disk;
	const char *rest = NULL;
	int status;

	(void)vfs;
	(void)sync;
	disk = kith__vfs_context(name, &rest);
	if (disk == NULL)
		return SQLITE_IOERR_DELETE;
	status = disk->remove(disk->ctx, rest);
	if (status == KITH_E_NOTFOUND)
		return SQLITE_IOERR_DELETE_NOENT;
	return result(status, SQLITE_IOERR_DELETE);
}

static int disk_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	const struct kith_disk *disk;
	const char *rest = NULL;

	(void)vfs;
	(void)flags;
	disk = kith__vfs_context(name, &rest);
	*out = disk != NULL && disk->exists(disk->ctx, rest) ? 1 : 0;
	return SQLITE_OK;
}

static int disk_path(sqlite3_vfs *vfs, const char *name, int cap, char *out)
{
	size_t len = strlen(name);

	(void)vfs;
	if (len >= (size_t)cap)
		return SQLITE_CANTOPEN;
	memcpy(out, name, len + 1);
	return SQLITE_OK;
}

static int disk_random(sqlite3_vfs *vfs, int len, char *dst)
{
	(void)vfs;
	memset(dst, 0, (size_t)len);
	return len;
}

static int disk_sleep(sqlite3_vfs *vfs, int us)
{
	(void)vfs;
	return us;
}

static int disk_time(sqlite3_vfs *vfs, sqlite3_int64 *ms)
{
	(void)vfs;
	*ms = 0;
	return SQLITE_OK;
}

static int disk_last_error(sqlite3_vfs *vfs, int len, char *out)
{
	(void)vfs;
	(void)len;
	(void)out;
	return 0;
}

void kith__vfs_disk_fill(sqlite3_vfs *vfs)
{
	*vfs = (sqlite3_vfs){
		.iVersion = 2,
		.szOsFile = (int)sizeof(struct disk_file),
		.mxPathname = KITH__NAME_MAX,
		.zName = KITH__VFS_DISK,
		.xOpen = disk_open,
		.xDelete = disk_delete,
		.xAccess = disk_access,
		.xFullPathname = disk_path,
		.xRandomness = disk_random,
		.xSleep = disk_sleep,
		.xGetLastError = disk_last_error,
		.xCurrentTimeInt64 = disk_time,
	};
}
