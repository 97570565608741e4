/* SPDX-License-Identifier: ISC */
/* What the files of store/ share. Nothing here is seen by another layer. */
#ifndef KITH_STORE_INTERNAL_H
#define KITH_STORE_INTERNAL_H

#include <sqlite3.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/crypto.h"
#include "store/batch.h"
#include "store/file.h"
#include "store/seal.h"
#include "store/store.h"

#define KITH__APPLICATION 0x4b697468 /* "Kith" */

/* ---- profile (profile.c, space.c) ---- */
struct kith_profile {
	const struct kith_alloc *alloc;
	struct kith_rng *rng;
	char *dir; /* also the prefix of file names of a given disk */
	bool os;   /* the operating system's disk */
	struct kith__os_disk os_disk;
	struct kith_disk disk;
	int lock;
	size_t page;
	int schema_last;                /* tests: the last schema step to take; 0 = all */
	bool plain;                     /* databases unsealed: tests and comparisons only */
	uint64_t reserve_bytes;         /* 0 = no reserve file */
	uint64_t wal_room;              /* step by which logs grow ahead; 0 = with each frame */
	atomic_bool reserve_there, low; /* low: the disk is full or nearly so */
	void (*fatal)(void *ctx, const char *sentence);
	void *fatal_ctx;
	struct kith_arena *arena; /* locked memory; NULL on a given disk: the table's memory */
	bool look;                /* opened to be read: nothing in it is mended */
	bool locked;              /* `master` and the body of the key file are not there */
	uint32_t argon_passes, argon_kib;
	uint8_t *master; /* 32 bytes */
	struct kith__keyfile keyfile;
};
/* Zeroed memory for keys, at most 64 bytes; wiped when given back. NULL: none. */
uint8_t *kith__secret_get(struct kith_profile *p, size_t size) KITH_MUST_USE;
void kith__secret_put(struct kith_profile *p, uint8_t *secret, size_t size);
extern const char *const kith__profile_copies[2]; /* names of the key file's copies */
/* Allocates and opens the directory; `create` makes it. */
int kith__profile_begin(const struct kith_profile_config *cfg, bool create,
			struct kith_profile **out) KITH_MUST_USE;
int kith__profile_take_lock(struct kith_profile *p) KITH_MUST_USE;
/* *any: a copy of the key file is there. Looks before it locks, so that asking leaves no lock file
 * where no profile is. KITH_E_MALFORMED: databases without a key file. */
int kith__profile_there(struct kith_profile *p, bool *any) KITH_MUST_USE;
/* Adds a wrapper at the profile's cost; on a small machine with less memory. */
#define KITH__ARGON_KIB_SMALL 65536u
int kith__profile_wrap(struct kith_profile *p, struct kith__keyfile *kf, const char *pass,
		       size_t pass_len) KITH_MUST_USE;
/* Draws master key and ids. */
void kith__profile_draw(struct kith_profile *p);
int kith__profile_save(struct kith_profile *p) KITH_MUST_USE; /* both copies, counter + 1 */
void kith__profile_page_key(const struct kith_profile *p, const uint8_t id[static 16],
			    uint8_t key[static 32]);
int kith__profile_path(const struct kith_profile *p, const char *name, char *out, size_t cap)
	KITH_MUST_USE;
/* What counts as little and as enough on a disk of so many bytes, and how large a reserve is. */
struct kith__room {
	uint64_t low, plenty, reserve;
};
struct kith__room kith__space_room(uint64_t disk, uint64_t reserve);
/* Looks at the free space: makes the reserve when there is much, gives it up when there is little;
 * keeps p->low (store.md 9). On the workers. */
void kith__space_check(struct kith_profile *p);
/* The disk was full: gives up the reserve; true: it was there. */
bool kith__space_free(struct kith_profile *p);

/* ---- backup files (backup.c, restore.c) ---- */
#define KITH__BACKUP_MAGIC "KITHBAK1"
#define KITH__BACKUP_HEAD  216u /* magic 8 | wrapper 160 | id 16 | BLAKE2b-256 of these */
#define KITH__BACKUP_TAIL  32u  /* keyed hash of all before */
#define KITH__BACKUP_PAGE  4096u
#define KITH__RESTORE_NAME "account.db.new"
/* Fills in the seal of a backup's pages: keys in `keys` (64 bytes, locked memory). */
void kith__backup_seal(struct kith__seal *seal, struct kith_profile *p, const uint8_t *master,
		       const uint8_t id[static 16], uint8_t *keys);
/* pread and pwrite of all bytes. KITH_E_IO, KITH_E_NOSPACE; short reads are KITH_E_MALFORMED. */
int kith__fd_read(int fd, uint64_t at, void *dst, size_t len) KITH_MUST_USE;
int kith__fd_write(int fd, uint64_t at, const void *src, size_t len) KITH_MUST_USE;

/* ---- salvage (salvage.c, salvage_page.c; docs/store.md) ---- */
#define KITH__COLUMNS_MAX 24u
#define KITH__TREE_DEPTH  20u
/* A damaged database as pages: the file, and over it the log up to its last whole commit. */
struct kith__image {
	const struct kith_alloc *alloc;
	struct kith__seal seal; /* of the pages; its buffers are the image's */
	uint64_t pages, bad, frames_bad;
	bool trying;     /* rows are compared: their pages stay to be taken */
	bool mixed;      /* the log does not open to its end: pages may be of different times */
	uint32_t *frame; /* of the log, from 1, that holds a page; 0 = the file */
	uint8_t *state;  /* of each page: enum kith__page_state */
	const struct kith_disk *disk;
	uint32_t file, log;
	bool file_open, log_open;
	uint8_t *stack; /* a page for each level of a tree */
	struct kith__bytes row;
};
enum kith__page_state { KITH__PAGE_BAD, KITH__PAGE_SOUND, KITH__PAGE_USED };
/* One value of a row. */
struct kith__cell {
	enum kith_value_type type;
	int64_t i;
	const uint8_t *p;
	size_t len;
};
/* What is told of a tree while it is walked. */
struct kith__walk {
	/* One row: `count` cells; false: it cannot be one of this table. */
	bool (*row)(void *ctx, int64_t rowid, const struct kith__cell *cell, unsigned int count);
	void *ctx;
	uint64_t pages_lost; /* below this root, as far as known: one stands for all under it */
	uint64_t rows_lost;  /* rows whose cell is there and does not open, or is no row */
};
/* Reads log and file and looks at each page. KITH_E_NOMEM, KITH_E_IO, KITH_E_NOTFOUND. */
int kith__image_open(struct kith__image *im, struct kith_profile *p) KITH_MUST_USE;
void kith__image_close(struct kith__image *im, struct kith_profile *p);
/* Tells all rows under a root page, of tables with and without rowid. */
void kith__image_walk(struct kith__image *im, uint32_t root, struct kith__walk *w);
/* The kind of b-tree page that no root leads to: 13 or 10 and 2 (SQLite's numbers), else 0. */
unsigned int kith__image_orphan(struct kith__image *im, uint32_t number);
/* Tells the rows of one page alone; `try` leaves its pages to be taken afterwards. */
void kith__image_try(struct kith__image *im, uint32_t number, struct kith__walk *w);
void kith__image_page(struct kith__image *im, uint32_t number, struct kith__walk *w);

/* A page into im->seal.plain; false: it does not open. */
bool kith__image_plain(struct kith__image *im, uint32_t number) KITH_MUST_USE;

/* ---- store (store.c, run.c, schema.c) ---- */
#define KITH__RETRY_US    (5u * KITH_US_PER_S)
#define KITH__IDLE_US     (10u * KITH_US_PER_S)
#define KITH__ERASE_US    (60u * KITH_US_PER_S)
#define KITH__WAL_FRAMES  1000 /* between checkpoints */
#define KITH__SENTENCE    256
#define KITH__INDEX_SLICE 500 /* rows, about 6 ms */
#define KITH__INDEX_IDLE  256 /* an idle store indexes a tail of as many rows */
enum kith__purge { KITH__PURGE_NONE, KITH__PURGE_BEGIN, KITH__PURGE_ON };
struct kith_store {
	struct kith_job job; /* first */
	struct kith_profile *profile;
	enum kith_db which;
	const char *name;
	/* of the engine side */
	struct kith__batch batch[2];
	unsigned int open; /* index of the open batch */
	bool flying, kept, force, restored;
	bool due; /* a job is wanted though no batch waits */
	uint64_t open_number, flying_number, committed;
	enum kith_store_state state;
	kith_time retry_at, idle_at, erase_at;
	const struct kith__batch *done; /* whose answers are read */
	size_t answer_next;
	/* of the worker, between job and done */
	sqlite3 *db;
	struct kith__seal seal;
	sqlite3_stmt *statement[KITH_OP_COUNT];
	int wal_frames, wal_frames_max;
	bool erased;            /* content was deleted and may stand in the WAL */
	bool empty_wanted;      /* the next run empties the WAL */
	bool broken;            /* no write any more */
	int64_t tail;           /* messages not in the search index yet, at most */
	enum kith__purge purge; /* deleted words are still in it */
	bool more, indexing;    /* more: the slice was not the last one */
	fts5_tokenizer tokenizer;
	Fts5Tokenizer *tokens;
	bool lost; /* a batch failed for good: none counts as committed after it */
	bool low;  /* the disk is full or nearly so */
	char sentence[KITH__SENTENCE];
	struct kith__bytes now_rows;
	char path[512], wal_path[520], sqlite_name[512];
};
/* Number of schema steps known for a database: its user_version. */
int kith__schema_version(enum kith_db which);
/* Pragmas, limits, authorizer of an open handle; `fresh`: the file is empty. */
int kith__schema_prepare(struct kith_store *s, bool fresh) KITH_MUST_USE;
/* Refuses foreign and newer databases, brings older ones up to date. */
int kith__schema_migrate(struct kith_store *s, bool fresh) KITH_MUST_USE;
/* KITH_E_MALFORMED unless quick_check says "ok". */
int kith__schema_check(struct kith_store *s) KITH_MUST_USE;
/* One integer from the table of state: meta or box; 0 when it is not there. */
int kith__meta_get(struct kith_store *s, const char *key, int64_t *value) KITH_MUST_USE;
int kith__meta_set(struct kith_store *s, const char *key, int64_t value) KITH_MUST_USE;
int kith__exec(struct kith_store *s, const char *sql) KITH_MUST_USE;
/* The status of a SQLite result; keeps a sentence in s. */
int kith__sqlite_status(struct kith_store *s, int rc, const char *what);
/* Steps a read with `count` packed values and appends its packed rows; nothing on failure. */
int kith__run_read(struct kith_store *s, enum kith_op_kind kind, struct kith_reader *args,
		   unsigned int count, struct kith__bytes *out, uint8_t *columns) KITH_MUST_USE;
/* A cached statement; given back reset. SQLite results. */
int kith__statement(struct kith_store *s, enum kith_op_kind kind, sqlite3_stmt **out) KITH_MUST_USE;
void kith__statement_release(sqlite3_stmt *stmt); /* NULL is legal */
/* Packs the row that a statement stands on. */
int kith__row_add(sqlite3_stmt *stmt, int columns, struct kith__bytes *out) KITH_MUST_USE;
/* ---- search.c ---- */
int kith__search_open(struct kith_store *s) KITH_MUST_USE;
void kith__search_close(struct kith_store *s);
/* The read SEARCH: text, before, limit, conversation or null. KITH_E_MALFORMED: no words, more than
 * KITH_SEARCH_TERMS_MAX, or a very long one. */
int kith__search_run(struct kith_store *s, struct kith_reader *args, unsigned int count,
		     struct kith__bytes *out, uint8_t *columns) KITH_MUST_USE;
/* After opening: what is left to do for the index. */
int kith__search_load(struct kith_store *s) KITH_MUST_USE;
/* How many messages are not in the index; counts no further than twice the limit. */
int kith__search_tail(struct kith_store *s, int64_t *rows) KITH_MUST_USE;
/* One slice of work on the index, a transaction of its own; true: there is more. */
bool kith__search_slice(struct kith_store *s);
void kith__checkpoint(struct kith_store *s, bool empty);

#endif
