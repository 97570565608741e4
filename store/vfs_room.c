/* SPDX-License-Identifier: ISC */
/*
 * Room of the log. A sync after a write within the file is twice as fast as one after a write that
 * made the file longer, because then no metadata goes to the disk. So the log is made longer in
 * steps, by zeros, before its frames come; and where SQLite cuts it to nothing its frames are
 * overwritten with zeros instead, up to the highest one that was ever written.
 *
 * Zeros never count as frames: a header of zeros is no header, and a frame of zeros does not open.
 * The order matters: while the old header stands, the first part of old frames would be a valid log
 * of older pages. So the header goes first, and is synced, before any frame goes.
 */
#include <string.h>

#include "store/internal.h"

#define STEP 65536

static const uint8_t zeros[STEP];

static int fill(struct kith__file *f, uint64_t from, uint64_t to)
{
	uint64_t len;
	int rc = SQLITE_OK;

	for (; from < to && rc == SQLITE_OK; from += len) {
		len = to - from < STEP ? to - from : STEP;
		rc = f->lower->pMethods->xWrite(f->lower, zeros, (int)len, (sqlite3_int64)from);
	}
	return rc;
}

/* The size of the file below, asked once. */
static bool measured(struct kith__file *f)
{
	sqlite3_int64 size = 0;

	if (!f->sized && f->lower->pMethods->xFileSize(f->lower, &size) == SQLITE_OK) {
		f->sized = true;
		f->size = f->used = (uint64_t)size;
	}
	return f->sized;
}

void kith__wal_room(struct kith__file *f, uint64_t end)
{
	uint64_t to;

	if (f->seal->room == 0 || !measured(f))
		return;
	if (end > f->size) {
		to = (end / f->seal->room + 1) * f->seal->room;
		/* a disk that is full says so at the frame */
		f->sized = fill(f, f->size, to) == SQLITE_OK;
		f->size = to;
	}
	if (end > f->used)
		f->used = end;
}

int kith__wal_clear(struct kith__file *f)
{
	int rc;

	if (f->seal->room == 0 || !measured(f))
		return f->lower->pMethods->xTruncate(f->lower, 0);
	if (f->used == 0)
		return SQLITE_OK;
	rc = fill(f, 0, KITH__WAL_HEADER);
	if (rc == SQLITE_OK)
		rc = kith__seal_sync(f, SQLITE_SYNC_NORMAL);
	if (rc == SQLITE_OK)
		rc = fill(f, KITH__WAL_HEADER, f->used < f->size ? f->used : f->size);
	if (rc == SQLITE_OK && f->size > KITH__ROOM_KEPT) {
		rc = f->lower->pMethods->xTruncate(f->lower, KITH__ROOM_KEPT);
		f->size = KITH__ROOM_KEPT;
	}
	if (rc == SQLITE_OK)
		rc = kith__seal_sync(f, SQLITE_SYNC_NORMAL);
	if (rc != SQLITE_OK)
		return rc;
	f->used = 0;
	return SQLITE_OK;
}
