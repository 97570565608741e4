/* SPDX-License-Identifier: ISC */
/*
 * The write-ahead log under the sealing VFS (store.md 5):
 *
 *	header 32 | frame f at 32 + f x (24 + page) = masked frame header 24 | sealed page
 *
 * Page: AD number -1 - f. Mask = first 24 B of KDF(wal key, "db.mask", u64 f | nonce of the page),
 * because the frame header holds a checksum over plaintext, a guess check for who reads the disk.
 * SQLite writes header and page in two calls; the header waits and both go down as one write.
 *
 * A frame at the end that does not open is normal after a power cut: it is read as zeros, and
 * SQLite's checksum ends the recovery there (trap 2). A page asked for by itself must open.
 * Frames follow each other: a lower one is written only after the log began anew, or after a
 * write that failed (trap 3).
 */
#include <string.h>

#include "store/internal.h"

void kith__wal_mask(const struct kith__seal *s, uint64_t frame, const uint8_t *cipher,
		    uint8_t head[static KITH__FRAME_HEAD])
{
	uint8_t data[8 + KITH_XNONCE], stream[32];

	kith_store_u64(data, frame);
	memcpy(data + 8, cipher + s->page - KITH_XNONCE, KITH_XNONCE);
	kith_kdf(stream, s->wal_key, 32, KITH_L_DB_MASK, data, sizeof(data));
	for (size_t i = 0; i < KITH__FRAME_HEAD; i++)
		head[i] ^= stream[i];
	kith_wipe(stream, sizeof(stream));
}

static int refuse(struct kith__file *f, int rc)
{
	f->seal->refused++;
	return rc;
}

static int read_frame(struct kith__file *f, uint8_t *dst, size_t len, uint64_t frame,
		      uint64_t offset)
{
	struct kith__seal *s = f->seal;
	const uint8_t *cipher = s->cipher + KITH__FRAME_HEAD;
	int rc;

	rc = f->lower->pMethods->xRead(f->lower, s->cipher, (int)len, (sqlite3_int64)offset);
	if (rc != SQLITE_OK) {
		memset(dst, 0, len);
		return rc;
	}
	if (kith__page_open(s, -1 - (int64_t)frame, cipher, dst + KITH__FRAME_HEAD) != KITH_OK) {
		s->torn++;
		memset(dst, 0, len);
		return SQLITE_OK;
	}
	memcpy(dst, s->cipher, KITH__FRAME_HEAD);
	kith__wal_mask(s, frame, cipher, dst);
	return SQLITE_OK;
}

static int read_page(struct kith__file *f, uint8_t *dst, uint64_t frame, uint64_t offset)
{
	struct kith__seal *s = f->seal;
	int rc;

	rc = f->lower->pMethods->xRead(f->lower, s->cipher, (int)s->page, (sqlite3_int64)offset);
	if (rc != SQLITE_OK)
		return rc == SQLITE_IOERR_SHORT_READ ? SQLITE_IOERR_READ : rc;
	if (kith__page_open(s, -1 - (int64_t)frame, s->cipher, dst) == KITH_OK)
		return SQLITE_OK;
	s->bad_tags++;
	return SQLITE_IOERR_READ;
}

int kith__wal_read(struct kith__file *f, void *dst, size_t len, uint64_t offset)
{
	uint64_t size = KITH__FRAME_HEAD + f->seal->page, frame, within;

	if (offset == 0 && len == KITH__WAL_HEADER)
		return f->lower->pMethods->xRead(f->lower, dst, (int)len, 0);
	if (offset < KITH__WAL_HEADER)
		return refuse(f, SQLITE_IOERR_READ);
	frame = (offset - KITH__WAL_HEADER) / size;
	within = (offset - KITH__WAL_HEADER) % size;
	if (within == 0 && len == size)
		return read_frame(f, dst, len, frame, offset);
	if (within == KITH__FRAME_HEAD && len == f->seal->page)
		return read_page(f, dst, frame, offset);
	return refuse(f, SQLITE_IOERR_READ);
}

static int write_log_header(struct kith__file *f, const void *src)
{
	int rc;

	if (f->held)
		return refuse(f, SQLITE_IOERR_WRITE);
	kith__wal_room(f, KITH__WAL_HEADER);
	rc = f->lower->pMethods->xWrite(f->lower, src, (int)KITH__WAL_HEADER, 0);
	f->known = true;
	f->next = 0;
	f->retreat = f->failed = rc != SQLITE_OK;
	return rc;
}

static int hold_head(struct kith__file *f, const void *src, uint64_t frame)
{
	if (f->held && !f->retreat)
		return refuse(f, SQLITE_IOERR_WRITE);
	if (f->known && (frame > f->next || (frame < f->next && !f->retreat)))
		return refuse(f, SQLITE_IOERR_WRITE);
	memcpy(f->head, src, KITH__FRAME_HEAD);
	f->frame = frame;
	f->held = true;
	return SQLITE_OK;
}

static int write_frame(struct kith__file *f, const uint8_t *page)
{
	struct kith__seal *s = f->seal;
	size_t size = KITH__FRAME_HEAD + s->page;
	uint8_t *cipher = s->cipher + KITH__FRAME_HEAD;
	int rc;

	f->held = false;
	kith__page_seal(s, -1 - (int64_t)f->frame, page, cipher);
	memcpy(s->cipher, f->head, KITH__FRAME_HEAD);
	kith__wal_mask(s, f->frame, cipher, s->cipher);
	kith__wal_room(f, KITH__WAL_HEADER + (f->frame + 1) * size);
	rc = f->lower->pMethods->xWrite(f->lower, s->cipher, (int)size,
					(sqlite3_int64)(KITH__WAL_HEADER + f->frame * size));
	f->known = true;
	f->next = f->frame + 1;
	f->failed = rc != SQLITE_OK;
	f->retreat = f->retreat || f->failed;
	return rc;
}

int kith__wal_write(struct kith__file *f, const void *src, size_t len, uint64_t offset)
{
	uint64_t size = KITH__FRAME_HEAD + f->seal->page, frame, within;
	const uint8_t *page = src;

	if (offset == 0 && len == KITH__WAL_HEADER)
		return write_log_header(f, src);
	if (offset < KITH__WAL_HEADER)
		return refuse(f, SQLITE_IOERR_WRITE);
	frame = (offset - KITH__WAL_HEADER) / size;
	within = (offset - KITH__WAL_HEADER) % size;
	if (within == 0 && len == KITH__FRAME_HEAD)
		return hold_head(f, src, frame);
	if (within == KITH__FRAME_HEAD && len == f->seal->page && f->held && f->frame == frame &&
	    kith_is_zero(page + len - KITH__RESERVE, KITH__RESERVE))
		return write_frame(f, page);
	f->held = false;
	f->retreat = f->failed = true;
	return refuse(f, SQLITE_IOERR_WRITE);
}
