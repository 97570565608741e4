/* SPDX-License-Identifier: ISC */
/* Inside store/: SQLite in this process and the sealing VFS (store.md 5). */
#ifndef KITH_STORE_SEAL_H
#define KITH_STORE_SEAL_H

#include <sqlite3.h>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/disk.h"

#define KITH__RESERVE    40u /* nonce 24 and tag 16 at the end of a page (store.md 5) */
#define KITH__WAL_HEADER 32u
#define KITH__FRAME_HEAD 24u
#define KITH__PAGE_MAX   4096u
#define KITH__ROOM       (256u << 10) /* step by which the log grows */
#define KITH__ROOM_KEPT  (5u << 20)   /* longest log that is kept when it is emptied */

/* ---- SQLite in this process (vfs.c, vfs_disk.c, vfs_seal.c, vfs_wal.c) ---- */
/* Registers the two VFS, once per process. `rng` not NULL (simulator): the first one given also
 * seeds SQLite's own generator, which is one for the process and makes the salts of WAL files. */
int kith__vfs_start(struct kith_rng *rng) KITH_MUST_USE;
#define KITH__VFS_DISK "kith-disk" /* over struct kith_disk */
#define KITH__VFS_SEAL "kith-seal" /* seals, over "unix" or the one above */
/* A file name that carries a pointer: 16 hex digits, then `rest`. */
#define KITH__NAME_MAX 300
void kith__vfs_name(char out[static KITH__NAME_MAX], const void *ctx, const char *rest);
/* The pointer of such a name, *rest = what follows; NULL for any other name. */
void *kith__vfs_context(const char *name, const char **rest);
void kith__vfs_disk_fill(sqlite3_vfs *vfs);
void kith__vfs_seal_fill(sqlite3_vfs *vfs, sqlite3_vfs *lower);

/* One sealed database. Used by one thread at a time. */
struct kith__seal {
	sqlite3_vfs *lower;
	const char *path, *wal_path; /* names below */
	size_t page;                 /* bytes */
	uint8_t id[16];
	uint8_t *key, *wal_key; /* 32 bytes each, in one piece of locked memory */
	struct kith_noncer noncer;
	void (*fatal)(void *ctx, const char *sentence);
	void *fatal_ctx;
	uint64_t room;           /* bytes by which the log grows ahead; 0 = with each frame */
	uint32_t bad_tags;       /* pages that did not open */
	uint32_t torn;           /* frames that did not open: a normal end of a WAL */
	uint32_t refused;        /* accesses of a form that must not happen */
	uint32_t synthetic;      /* headers supplied for a torn page 1 */
	uint8_t *cipher, *plain; /* a frame and a page */
};
struct kith__file {
	sqlite3_file base;
	struct kith__seal *seal;
	sqlite3_file *lower;
	bool wal;
	bool held;    /* a frame header waits for its page */
	bool known;   /* `next` is known: something was written since open */
	bool retreat; /* a write failed: the next one may begin lower */
	bool failed;  /* the last one did */
	bool sized;   /* `size` of the file below and the `used` part are known */
	uint64_t next, frame, size, used;
	uint8_t head[KITH__FRAME_HEAD];
};
/* `cipher` = page bytes as on disk, number N or -1 - frame; plain page to `out`, reserve zero. */
int kith__page_open(struct kith__seal *s, int64_t number, const uint8_t *cipher, uint8_t *out)
	KITH_MUST_USE;
void kith__page_seal(struct kith__seal *s, int64_t number, const uint8_t *page, uint8_t *cipher);
/* Masks or unmasks the header of frame `frame`, whose sealed page is `cipher`. */
void kith__wal_mask(const struct kith__seal *s, uint64_t frame, const uint8_t *cipher,
		    uint8_t head[static KITH__FRAME_HEAD]);
/* Makes the log long enough for a write up to `end`, by zeros (vfs_room.c). */
void kith__wal_room(struct kith__file *f, uint64_t end);
/* Ends the log: nothing of it counts or stays readable. A SQLite result. */
int kith__wal_clear(struct kith__file *f) KITH_MUST_USE;
/* Sync; ends the process when it fails, unless there is a `fatal`. */
int kith__seal_sync(struct kith__file *f, int flags) KITH_MUST_USE;
int kith__wal_read(struct kith__file *f, void *dst, size_t len, uint64_t offset) KITH_MUST_USE;
int kith__wal_write(struct kith__file *f, const void *src, size_t len, uint64_t offset)
	KITH_MUST_USE;

#endif
