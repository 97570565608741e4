/* SPDX-License-Identifier: ISC */
/* What the files of store/ share. Nothing here is seen by another layer. */
#ifndef KITH_STORE_INTERNAL_H
#define KITH_STORE_INTERNAL_H

#include <sqlite3.h>
#include <stdatomic.h>

#include "base/bytes.h"
#include "base/crypto.h"
#include "store/store.h"

#define KITH__RESERVE	  40u /* nonce 24 and tag 16 at the end of a page (store.md 5) */
#define KITH__WAL_HEADER  32u
#define KITH__FRAME_HEAD  24u
#define KITH__PAGE_MAX	  4096u
#define KITH__APPLICATION 0x4b697468 /* "Kith" */

/* ---- growing bytes (batch.c) ---- */
struct kith__bytes {
	const struct kith_alloc *alloc;
	void *p;
	size_t len, cap;
};
/* Room for `len` more bytes, or NULL: no memory, or more than `max` in all. */
uint8_t *kith__bytes_room(struct kith__bytes *b, size_t len, size_t max) KITH_MUST_USE;
void kith__bytes_free(struct kith__bytes *b); /* wipes as well */

/* Appends one value: u8 type, then i64, or u32 length and bytes. The form of operations in a batch
 * and of result rows. */
int kith__value_add(struct kith__bytes *b, const struct kith_value *v, size_t max) KITH_MUST_USE;
/* Reads one value; pointers lead into the reader's input. */
void kith__value_read(struct kith_reader *r, struct kith_value *v);

/* ---- batch (batch.c) ---- */
struct kith__item {
	uint32_t offset, token;
	uint16_t kind;
	uint8_t count;
	bool if_new, already;
};
struct kith__answer {
	uint32_t token;
	bool already;
	uint8_t columns;
	int status;
	size_t start, len; /* rows, in `rows` of the batch */
};
struct kith__batch {
	struct kith__item *items;
	size_t count, cap;
	unsigned int reads, tokens;
	bool writes, erases; /* erases: content was deleted */
	struct kith__bytes args;
	struct kith__answer *answers; /* of the last run */
	size_t answer_count, answer_cap;
	struct kith__bytes rows;
};
void kith__batch_init(struct kith__batch *b, const struct kith_alloc *alloc);
void kith__batch_wipe(struct kith__batch *b);
/* Empties the batch; its answers stay. */
void kith__batch_clear(struct kith__batch *b);
bool kith__batch_full(const struct kith__batch *b);
/* KITH_E_FULL, KITH_E_NOMEM: the batch is as before. */
int kith__batch_add(struct kith__batch *b, const struct kith_op *op) KITH_MUST_USE;

/* ---- the table of operations (ops.c) ---- */
const char *kith__op_sql(enum kith_op_kind kind);
const char *kith__op_name(enum kith_op_kind kind);
char kith__op_how(enum kith_op_kind kind); /* 'W', 'I' or 'R' */
enum kith_db kith__op_db(enum kith_op_kind kind);
bool kith__op_frees(enum kith_op_kind kind);  /* gives space back: taken on a full disk */
bool kith__op_erases(enum kith_op_kind kind); /* deletes content: wants an emptied WAL */

/* ---- SQLite in this process (vfs.c, vfs_disk.c, vfs_seal.c, vfs_wal.c) ---- */
/* Registers the two VFS, once per process. */
int kith__vfs_start(void) KITH_MUST_USE;
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
	size_t page;		     /* bytes */
	uint8_t id[16];
	uint8_t key[32], wal_key[32];
	struct kith_noncer noncer;
	void (*fatal)(void *ctx, const char *sentence);
	void *fatal_ctx;
	uint32_t bad_tags;	/* pages that did not open */
	uint32_t torn;		/* frames that did not open: a normal end of a WAL */
	uint32_t refused;	/* accesses of a form that must not happen */
	uint32_t synthetic;	/* headers supplied for a torn page 1 */
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
	uint64_t next, frame;
	uint8_t head[KITH__FRAME_HEAD];
};
/* `cipher` = page bytes as on disk, number N or -1 - frame; plain page to `out`, reserve zero. */
int kith__page_open(struct kith__seal *s, int64_t number, const uint8_t *cipher, uint8_t *out)
	KITH_MUST_USE;
void kith__page_seal(struct kith__seal *s, int64_t number, const uint8_t *page, uint8_t *cipher);
int kith__wal_read(struct kith__file *f, void *dst, size_t len, uint64_t offset) KITH_MUST_USE;
int kith__wal_write(struct kith__file *f, const void *src, size_t len, uint64_t offset)
	KITH_MUST_USE;

/* ---- small files of a profile (disk_os.c, file.c) ---- */
struct kith__os_disk {
	int dir; /* descriptor of the profile directory */
};
struct kith_disk kith__os_disk(struct kith__os_disk *d);
/* Reads at most `cap` bytes; *len = size of the file. KITH_E_NOTFOUND, KITH_E_IO. */
int kith__file_read(struct kith_profile *p, const char *name, uint8_t *dst, size_t cap, size_t *len)
	KITH_MUST_USE;
/* Replaces the file at one instant: tmp, sync, rename, sync of the directory. */
int kith__file_write(struct kith_profile *p, const char *name, const uint8_t *src, size_t len)
	KITH_MUST_USE;
int kith__file_touch(struct kith_profile *p, const char *name) KITH_MUST_USE; /* makes it, empty */
int kith__file_remove(struct kith_profile *p, const char *name) KITH_MUST_USE; /* absent is ok */
int kith__file_size(struct kith_profile *p, const char *name, uint64_t *size) KITH_MUST_USE;
/* Sealed file: nonce | ciphertext | tag under the page key of `id`, AD = id | i64 0. */
int kith__file_seal(struct kith_profile *p, const char *name, const uint8_t id[static 16],
		    const uint8_t *src, size_t len) KITH_MUST_USE;
/* KITH_E_NOTFOUND, KITH_E_AUTH (damaged), KITH_E_FULL (longer than cap), KITH_E_IO. */
int kith__file_open(struct kith_profile *p, const char *name, const uint8_t id[static 16],
		    uint8_t *dst, size_t cap, size_t *len) KITH_MUST_USE;

/* ---- key file (keyfile.c; store.md 6) ---- */
#define KITH__KEYFILE	  2048u
#define KITH__WRAPPERS	  6u
#define KITH__WRAPPER	  160u
#define KITH__ENTRIES	  4u
#define KITH__OPENING	  1u /* entry flags: the generation is being written to the database */
#define KITH__MADE	  2u /* the database was made: it must be there */
#define KITH__ENTRY_SEEDS 2u /* entries 0, 1 = enum kith_db */
#define KITH__ENTRY_NODE  3u
enum kith__wrap {
	KITH__WRAP_PASSPHRASE = 1,
	KITH__WRAP_RECOVERY = 2,
	KITH__WRAP_KEYFILE = 3,
	KITH__WRAP_NONE = 4
};
struct kith__entry {
	uint8_t id[16];
	uint64_t generation, flags;
};
struct kith__keyfile {
	uint64_t counter;
	uint8_t profile[16];
	unsigned int count;
	uint8_t wrapper[KITH__WRAPPERS][KITH__WRAPPER];
	struct kith__entry entry[KITH__ENTRIES];
	uint32_t session_epoch;
	uint8_t boot[8];
};
/* Head, wrappers and checksum; the body stays sealed. KITH_E_MALFORMED, KITH_E_VERSION. */
int kith__keyfile_parse(struct kith__keyfile *kf, const uint8_t *in, size_t len) KITH_MUST_USE;
/* The master key by passphrase, or by a wrapper without one. KITH_E_AUTH, KITH_E_NOMEM. */
int kith__keyfile_unwrap(const struct kith__keyfile *kf, const char *pass, size_t pass_len,
			 uint8_t master[static 32]) KITH_MUST_USE;
/* Opens the body of the file parsed before. KITH_E_AUTH, KITH_E_MALFORMED. */
int kith__keyfile_body(struct kith__keyfile *kf, const uint8_t in[static KITH__KEYFILE],
		       const uint8_t master[static 32]) KITH_MUST_USE;
/* Adds a wrapper; pass NULL = kind 4. KITH_E_FULL, KITH_E_NOMEM. */
int kith__keyfile_wrap(struct kith__keyfile *kf, const uint8_t master[static 32], const char *pass,
		       size_t pass_len, uint32_t passes, uint32_t kib, struct kith_rng *rng)
	KITH_MUST_USE;
void kith__keyfile_encode(const struct kith__keyfile *kf, const uint8_t master[static 32],
			  struct kith_rng *rng, uint8_t out[static KITH__KEYFILE]);
bool kith__keyfile_protected(const struct kith__keyfile *kf);

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
	bool plain; /* databases unsealed: tests and comparisons only */
	uint64_t reserve_bytes; /* 0 = no reserve file */
	atomic_bool reserve_there, low; /* low: the disk is full or nearly so */
	void (*fatal)(void *ctx, const char *sentence);
	void *fatal_ctx;
	uint8_t master[32];
	struct kith__keyfile keyfile;
};
int kith__profile_save(struct kith_profile *p) KITH_MUST_USE; /* both copies, counter + 1 */
void kith__profile_page_key(const struct kith_profile *p, const uint8_t id[static 16],
			    uint8_t key[static 32]);
int kith__profile_path(const struct kith_profile *p, const char *name, char *out, size_t cap)
	KITH_MUST_USE;
/* Looks at the free space: makes the reserve when there is much, gives it up when there is little;
 * keeps p->low (store.md 9). On the workers. */
void kith__space_check(struct kith_profile *p);
/* The disk was full: gives up the reserve; true: it was there. */
bool kith__space_free(struct kith_profile *p);

/* ---- store (store.c, run.c, schema.c) ---- */
#define KITH__RETRY_US	    (5u * KITH_US_PER_S)
#define KITH__IDLE_US	    (10u * KITH_US_PER_S)
#define KITH__ERASE_US	    (60u * KITH_US_PER_S)
#define KITH__WAL_FRAMES    1000 /* between checkpoints */
#define KITH__SENTENCE	    256
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
	kith_time retry_at, empty_at;
	const struct kith__batch *done; /* whose answers are read */
	size_t answer_next;
	/* of the worker, between job and done */
	sqlite3 *db;
	struct kith__seal seal;
	sqlite3_stmt *statement[KITH_OP_COUNT];
	int wal_frames, wal_frames_max;
	bool erased;	   /* content was deleted and may stand in the WAL */
	bool empty_wanted; /* the next run empties the WAL */
	bool broken;	   /* no write any more */
	bool low;	   /* the disk is full or nearly so */
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
int kith__read(struct kith_store *s, enum kith_op_kind kind, struct kith_reader *args,
	       unsigned int count, struct kith__bytes *out, uint8_t *columns) KITH_MUST_USE;
void kith__checkpoint(struct kith_store *s, bool empty);

#endif
