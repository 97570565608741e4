/* SPDX-License-Identifier: ISC */
/*
 * The sealing VFS (store.md 5): pages in, sealed pages out, over another VFS.
 *
 *	database	page N at (N - 1) x page = ciphertext | tag 16 | nonce 24
 *	WAL		header 32 as SQLite writes it, then frames (vfs_wal.c)
 *
 * Rules, each an answer to something that leaks or breaks otherwise: only whole aligned pages are
 * written; a part of page 1 is read for the header alone; any other form of access is an error and
 * counted, never guessed. No file but database and WAL can be opened, so no journal and no
 * temporary file exists. Methods are version 1: no memory map, no shared memory. A failed sync
 * ends the process.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/internal.h"

#define LOWER_AT ((sizeof(struct kith__file) + 15u) & ~(size_t)15u)

static struct kith__file *self(sqlite3_file *f)
{
	return (struct kith__file *)(void *)f;
}

static void page_ad(const struct kith__seal *s, int64_t number, uint8_t ad[static 24])
{
	memcpy(ad, s->id, 16);
	kith_store_u64(ad + 16, (uint64_t)number);
}

int kith__page_open(struct kith__seal *s, int64_t number, const uint8_t *cipher, uint8_t *out)
{
	size_t content = s->page - KITH__RESERVE;
	uint8_t ad[24];
	int status;

	page_ad(s, number, ad);
	status = kith_xopen(out, cipher + content + KITH_TAG, s->key, ad, sizeof(ad), cipher,
			    content + KITH_TAG);
	if (status == KITH_OK)
		memset(out + content, 0, KITH__RESERVE);
	return status;
}

void kith__page_seal(struct kith__seal *s, int64_t number, const uint8_t *page, uint8_t *cipher)
{
	size_t content = s->page - KITH__RESERVE;
	uint8_t *nonce = cipher + content + KITH_TAG;
	uint8_t ad[24];

	page_ad(s, number, ad);
	kith_noncer_next(&s->noncer, nonce, page);
	kith_xseal(cipher, nonce, s->key, ad, sizeof(ad), page, content);
}

/* The header of a database whose page 1 was torn in a checkpoint: enough for SQLite to begin the
 * recovery of the WAL, which then supplies the page (trap 1). */
static void synthetic_page(const struct kith__seal *s, uint8_t *out)
{
	static const char magic[16] = "SQLite format 3";

	memset(out, 0, s->page);
	memcpy(out, magic, sizeof(magic));
	out[16] = (uint8_t)(s->page >> 8);
	out[17] = (uint8_t)(s->page & 0xff);
	out[18] = 2; /* WAL for writers and readers */
	out[19] = 2;
	out[20] = KITH__RESERVE;
	out[21] = 64; /* payload fractions: fixed by the format */
	out[22] = 32;
	out[23] = 32;
}

static bool wal_has_frame(struct kith__seal *s)
{
	uint8_t head[KITH__WAL_HEADER];
	sqlite3_int64 size = 0;
	sqlite3_file *f;
	int there = 0, rc;

	if (s->lower->xAccess(s->lower, s->wal_path, SQLITE_ACCESS_EXISTS, &there) != SQLITE_OK ||
	    there == 0)
		return false;
	f = kith_alloc_zero(NULL, 1, (size_t)s->lower->szOsFile);
	if (f == NULL)
		return false;
	rc = s->lower->xOpen(s->lower, s->wal_path, f, SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL,
			     NULL);
	if (rc == SQLITE_OK)
		rc = f->pMethods->xFileSize(f, &size);
	if (rc == SQLITE_OK)
		rc = f->pMethods->xRead(f, head, sizeof(head), 0);
	if (f->pMethods != NULL)
		(void)f->pMethods->xClose(f);
	kith_alloc_free(NULL, f);
	return rc == SQLITE_OK && !kith_is_zero(head, sizeof(head)) &&
	       size >= (sqlite3_int64)(KITH__WAL_HEADER + KITH__FRAME_HEAD + s->page);
}

/* Reads page N sealed into s->cipher. SQLITE_IOERR_SHORT_READ: it lies behind the end. */
static int fetch(struct kith__file *f, uint64_t offset, bool *part)
{
	struct kith__seal *s = f->seal;
	sqlite3_int64 size = 0;
	int rc;

	*part = false;
	rc = f->lower->pMethods->xRead(f->lower, s->cipher, (int)s->page, (sqlite3_int64)offset);
	if (rc == SQLITE_IOERR_SHORT_READ) {
		if (f->lower->pMethods->xFileSize(f->lower, &size) != SQLITE_OK)
			return SQLITE_IOERR_FSTAT;
		*part = (uint64_t)size > offset;
	}
	return rc;
}

static int read_page(struct kith__file *f, void *dst, uint64_t offset)
{
	struct kith__seal *s = f->seal;
	bool part;
	int rc;

	rc = fetch(f, offset, &part);
	if (rc == SQLITE_IOERR_SHORT_READ && !part) {
		memset(dst, 0, s->page);
		return rc;
	}
	if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ)
		return rc;
	if (rc == SQLITE_OK &&
	    kith__page_open(s, (int64_t)(offset / s->page) + 1, s->cipher, dst) == KITH_OK)
		return SQLITE_OK;
	s->bad_tags++;
	return SQLITE_IOERR_READ;
}

static int read_part(struct kith__file *f, void *dst, size_t len, uint64_t offset)
{
	struct kith__seal *s = f->seal;
	bool part;
	int rc;

	rc = fetch(f, 0, &part);
	if (rc == SQLITE_IOERR_SHORT_READ && !part) {
		memset(dst, 0, len);
		return rc;
	}
	if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ)
		return rc;
	if (rc != SQLITE_OK || kith__page_open(s, 1, s->cipher, s->plain) != KITH_OK) {
		if (offset >= 100 || !wal_has_frame(s)) {
			s->bad_tags++;
			return SQLITE_IOERR_READ;
		}
		s->synthetic++;
		synthetic_page(s, s->plain);
	}
	memcpy(dst, s->plain + offset, len);
	kith_wipe(s->plain, s->page);
	return SQLITE_OK;
}

static int seal_read(sqlite3_file *base, void *dst, int amount, sqlite3_int64 at)
{
	struct kith__file *f = self(base);
	size_t len = (size_t)amount;
	uint64_t offset = (uint64_t)at;

	if (f->wal)
		return kith__wal_read(f, dst, len, offset);
	if (len == f->seal->page && offset % len == 0)
		return read_page(f, dst, offset);
	if (len < f->seal->page && offset + len <= f->seal->page)
		return read_part(f, dst, len, offset);
	f->seal->refused++;
	return SQLITE_IOERR_READ;
}

static int seal_write(sqlite3_file *base, const void *src, int amount, sqlite3_int64 at)
{
	struct kith__file *f = self(base);
	struct kith__seal *s = f->seal;
	const uint8_t *page = src;
	uint64_t offset = (uint64_t)at;

	if (f->wal)
		return kith__wal_write(f, src, (size_t)amount, offset);
	if ((size_t)amount != s->page || offset % s->page != 0 ||
	    !kith_is_zero(page + s->page - KITH__RESERVE, KITH__RESERVE)) {
		s->refused++;
		return SQLITE_IOERR_WRITE;
	}
	kith__page_seal(s, (int64_t)(offset / s->page) + 1, page, s->cipher);
	return f->lower->pMethods->xWrite(f->lower, s->cipher, amount, at);
}

static int seal_close(sqlite3_file *base)
{
	struct kith__file *f = self(base);

	kith_wipe(f->head, sizeof(f->head));
	return f->lower->pMethods->xClose(f->lower);
}

static int seal_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct kith__file *f = self(base);

	f->sized = f->sized && size == 0;
	if (!f->wal || size != 0)
		return f->lower->pMethods->xTruncate(f->lower, size);
	f->known = true;
	f->next = 0;
	f->held = false;
	return kith__wal_clear(f);
}

int kith__seal_sync(struct kith__file *f, int flags)
{
	static const char sentence[] =
		"kith: the disk failed to keep data (sync error); stopping so that a restart "
		"recovers what was acknowledged\n";
	struct kith__seal *s = f->seal;
	int rc;

	if (f->held) {
		s->refused++;
		return SQLITE_IOERR_WRITE;
	}
	rc = f->lower->pMethods->xSync(f->lower, flags);
	if (rc == SQLITE_OK) {
		/* a checkpoint syncs too: after a failed write the next one is still to come */
		f->retreat = f->retreat && f->failed;
		return SQLITE_OK;
	}
	if (s->fatal != NULL) {
		s->fatal(s->fatal_ctx, sentence);
		return SQLITE_IOERR_FSYNC;
	}
	if (write(STDERR_FILENO, sentence, sizeof(sentence) - 1) < 0)
		_exit(74);
	_exit(74); /* EX_IOERR */
}

static int seal_sync(sqlite3_file *base, int flags)
{
	return kith__seal_sync(self(base), flags);
}

static int seal_size(sqlite3_file *base, sqlite3_int64 *size)
{
	struct kith__file *f = self(base);

	return f->lower->pMethods->xFileSize(f->lower, size);
}

static int seal_lock(sqlite3_file *base, int level)
{
	struct kith__file *f = self(base);

	return f->lower->pMethods->xLock(f->lower, level);
}

static int seal_unlock(sqlite3_file *base, int level)
{
	struct kith__file *f = self(base);

	return f->lower->pMethods->xUnlock(f->lower, level);
}

static int seal_reserved(sqlite3_file *base, int *out)
{
	struct kith__file *f = self(base);

	return f->lower->pMethods->xCheckReservedLock(f->lower, out);
}

static int seal_control(sqlite3_file *base, int op, void *arg)
{
	struct kith__file *f = self(base);

	return op == SQLITE_FCNTL_HAS_MOVED ? f->lower->pMethods->xFileControl(f->lower, op, arg)
					    : SQLITE_NOTFOUND;
}

static int seal_sector(sqlite3_file *base)
{
	struct kith__file *f = self(base);

	return f->lower->pMethods->xSectorSize(f->lower);
}

/* Overwriting is safe, so that SQLite never pads frames to sectors (trap 6); no promise of atomic
 * writes, because a sealed page is never one sector. */
static int seal_traits(sqlite3_file *base)
{
	(void)base;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = seal_close,
	.xRead = seal_read,
	.xWrite = seal_write,
	.xTruncate = seal_truncate,
	.xSync = seal_sync,
	.xFileSize = seal_size,
	.xLock = seal_lock,
	.xUnlock = seal_unlock,
	.xCheckReservedLock = seal_reserved,
	.xFileControl = seal_control,
	.xSectorSize = seal_sector,
	.xDeviceCharacteristics = seal_traits,
};

/* The lower name of "<context>" or "<context>-wal"; NULL for any other file. */
static const char *lower_name(const char *name, struct kith__seal **seal)
{
	const char *rest = NULL;
	struct kith__seal *s;

	s = kith__vfs_context(name, &rest);
	if (s == NULL)
		return NULL;
	*seal = s;
	if (rest[0] == '\0')
		return s->path;
	return strcmp(rest, "-wal") == 0 ? s->wal_path : NULL;
}

static int seal_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *out)
{
	struct kith__file *f = self(base);
	struct kith__seal *s = NULL;
	const char *path;
	int rc;

	(void)vfs;
	f->base.pMethods = NULL;
	if ((flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) == 0)
		return SQLITE_CANTOPEN; /* journals and temporary files (trap 4) */
	path = lower_name(name, &s);
	if (path == NULL)
		return SQLITE_CANTOPEN;
	memset(f, 0, sizeof(*f));
	f->seal = s;
	f->wal = (flags & SQLITE_OPEN_WAL) != 0;
	f->lower = (sqlite3_file *)(void *)((uint8_t *)base + LOWER_AT);
	f->lower->pMethods = NULL;
	rc = s->lower->xOpen(s->lower, path, f->lower, flags, out);
	if (rc == SQLITE_OK)
		f->base.pMethods = &methods;
	else if (f->lower->pMethods != NULL)
		(void)f->lower->pMethods->xClose(f->lower);
	return rc;
}

static int seal_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	struct kith__seal *s = NULL;
	const char *path = lower_name(name, &s);

	(void)vfs;
	return path != NULL ? s->lower->xDelete(s->lower, path, sync) : SQLITE_IOERR_DELETE_NOENT;
}

static int seal_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	struct kith__seal *s = NULL;
	const char *path = lower_name(name, &s);

	(void)vfs;
	if (path != NULL)
		return s->lower->xAccess(s->lower, path, flags, out);
	*out = 0;
	return SQLITE_OK;
}

static int seal_path(sqlite3_vfs *vfs, const char *name, int cap, char *out)
{
	size_t len = strlen(name);

	(void)vfs;
	if (len >= (size_t)cap)
		return SQLITE_CANTOPEN;
	memcpy(out, name, len + 1);
	return SQLITE_OK;
}

/* The rest is asked for database handles only and has no context: time and noise of "unix" are
 * good enough, since no SQL of the program uses either. */
static sqlite3_vfs *unix_vfs(sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

static int seal_random(sqlite3_vfs *vfs, int len, char *dst)
{
	return unix_vfs(vfs)->xRandomness(unix_vfs(vfs), len, dst);
}

static int seal_sleep(sqlite3_vfs *vfs, int us)
{
	return unix_vfs(vfs)->xSleep(unix_vfs(vfs), us);
}

static int seal_time(sqlite3_vfs *vfs, sqlite3_int64 *ms)
{
	(void)vfs;
	*ms = 0;
	return SQLITE_OK;
}

static int seal_last_error(sqlite3_vfs *vfs, int len, char *out)
{
	return unix_vfs(vfs)->xGetLastError(unix_vfs(vfs), len, out);
}

void kith__vfs_seal_fill(sqlite3_vfs *vfs, sqlite3_vfs *lower)
{
	int room = lower->szOsFile > 256 ? lower->szOsFile : 256;

	*vfs = (sqlite3_vfs){
		.iVersion = 2,
		.szOsFile = (int)LOWER_AT + room,
		.mxPathname = KITH__NAME_MAX,
		.zName = KITH__VFS_SEAL,
		.pAppData = lower,
		.xOpen = seal_open,
		.xDelete = seal_delete,
		.xAccess = seal_access,
		.xFullPathname = seal_path,
		.xRandomness = seal_random,
		.xSleep = seal_sleep,
		.xGetLastError = seal_last_error,
		.xCurrentTimeInt64 = seal_time,
	};
}
