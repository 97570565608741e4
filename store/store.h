/* SPDX-License-Identifier: ISC */
/*
 * Local persistence: profiles, two sealed databases, group commit. Knows rows and blobs, no
 * protocol. Format: docs/store.md (store.md).
 *
 * The engine side (put, job, done, result) touches no file. kith_store_run does, on the worker of
 * the database's lane; open and read_now do, before the loop starts. One batch is open and at most
 * one in flight; load alone makes groups.
 */
#ifndef KITH_STORE_STORE_H
#define KITH_STORE_STORE_H

#include "base/alloc.h"
#include "base/disk.h"
#include "base/engine.h"
#include "base/limits.h"
#include "base/status.h"

/* ---- profile: a directory with key file, databases and lock (store.md 2, 6) ---- */
struct kith_profile;

struct kith_profile_config {
	const struct kith_alloc *alloc; /* NULL = heap */
	const char *dir;                /* profile directory; with `disk`: a name prefix */
	const struct kith_disk *disk;   /* NULL = the operating system; then no lock file */
	struct kith_rng *rng; /* keys and page nonces, also on the workers; outlives the profile */
	uint32_t argon_passes, argon_kib; /* 0 = 3 passes, 256 MiB */
	uint32_t page_bytes;              /* 0 = 4,096; 1,024 in large simulations */
	/* A sync failed: what was written may be lost. NULL = one line on stderr, exit status 74.
	 * One that returns leaves the database read-only. */
	void (*fatal)(void *ctx, const char *sentence);
	void *fatal_ctx;
};

/* Makes the directory (0700), key file copies and lock. `pass` NULL = unprotected (kind 4).
 * KITH_E_EXISTS (a profile is there), KITH_E_LOCKED (another process), KITH_E_IO, KITH_E_NOSPACE.
 */
int kith_profile_create(const struct kith_profile_config *cfg, const char *pass, size_t pass_len,
			struct kith_profile **out) KITH_MUST_USE;
/* Takes the lock, reads and checks the key file; the profile is locked. KITH_E_NOTFOUND (no profile
 * here), KITH_E_LOCKED (in use), KITH_E_MALFORMED (both copies damaged, or lost beside databases:
 * never a new identity), KITH_E_VERSION, KITH_E_IO. */
int kith_profile_attach(const struct kith_profile_config *cfg, struct kith_profile **out)
	KITH_MUST_USE;
/* Unwraps the keys of a locked profile by passphrase or recovery words (NULL: neither) and mends
 * the key file. KITH_E_AUTH (wrong or missing), KITH_E_NOMEM, and as attach. Takes half a second,
 * right or wrong: on a worker. */
int kith_profile_unlock(struct kith_profile *p, const char *pass, size_t pass_len) KITH_MUST_USE;
/* Wipes the keys; its stores are closed. The lock stays. */
void kith_profile_lock(struct kith_profile *p);
/* Attach and unlock. */
int kith_profile_open(const struct kith_profile_config *cfg, const char *pass, size_t pass_len,
		      struct kith_profile **out) KITH_MUST_USE;
bool kith_profile_locked(const struct kith_profile *p);
/* Whether this passphrase, or these words, open the profile. KITH_E_AUTH, KITH_E_NOMEM. Any time;
 * half a second. */
int kith_profile_check(struct kith_profile *p, const char *pass, size_t pass_len) KITH_MUST_USE;
/* Sets, changes or (NULL) removes the passphrase of an open profile; recovery words stay as they
 * are. KITH_E_STATE: these are recovery words. KITH_E_NOMEM, KITH_E_IO, KITH_E_NOSPACE: as before.
 */
int kith_profile_passphrase(struct kith_profile *p, const char *pass, size_t pass_len)
	KITH_MUST_USE;
/* Draws recovery words in place of earlier ones; `words` holds KITH_WORDS_TEXT (base/words.h). */
int kith_profile_recovery(struct kith_profile *p, char *words) KITH_MUST_USE;
bool kith_profile_has_words(const struct kith_profile *p);
/* One sentence about the last failure of create or open in `dir`, for people. Never NULL. */
const char *kith_profile_sentence(int status);
void kith_profile_close(struct kith_profile *p);           /* after its stores; NULL is legal */
bool kith_profile_protected(const struct kith_profile *p); /* a passphrase is set */
/* The node key (X25519 secret), drawn and written (node.key) at first use. */
int kith_profile_node_key(struct kith_profile *p, uint8_t secret[static 32]) KITH_MUST_USE;
/* The sealed seeds file: whole content. load: *len = 0 when there is none or it is damaged. */
int kith_profile_seeds_save(struct kith_profile *p, const uint8_t *data, size_t len) KITH_MUST_USE;
int kith_profile_seeds_load(struct kith_profile *p, uint8_t *data, size_t cap, size_t *len)
	KITH_MUST_USE;

/* ---- backup: one sealed file that a profile can be made from (docs/store.md) ---- */
struct kith_store_backup;
struct kith_store;
/* Prepares a copy of account.db into an empty regular file, open for reading and writing; `fd`
 * stays the caller's. Sealed under a passphrase or recovery words. About half a second: on a
 * worker. KITH_E_MALFORMED (no empty file), KITH_E_NOMEM. `s` outlives it. */
int kith_store_backup_new(struct kith_store *s, int fd, const char *pass, size_t pass_len,
			  struct kith_store_backup **out) KITH_MUST_USE;
/* The next slice, on the lane of its job, between batches. False: none, or one is under way. */
bool kith_store_backup_job(struct kith_store_backup *b, struct kith_job **job);
/* Takes a slice back. True: that was the last; *status: KITH_OK, the file is whole and synced;
 * KITH_E_NOSPACE, KITH_E_IO, KITH_E_MALFORMED (the database), KITH_E_NOMEM: it is of no use. */
bool kith_store_backup_done(struct kith_store_backup *b, struct kith_job *job, int *status);
/* Bytes copied and read again, of how many; for people. */
void kith_store_backup_progress(const struct kith_store_backup *b, uint64_t *done, uint64_t *total);
uint64_t kith_store_backup_bytes(const struct kith_store_backup *b, uint8_t hash[static 32]);
void kith_store_backup_free(
	struct kith_store_backup *b); /* not while a slice is under way; NULL is legal */
/* Makes a profile from such a file, in a directory that holds none; it is open afterwards, and its
 * account.db counts as restored. `next` = its own passphrase (NULL = none). KITH_E_AUTH (of the
 * backup), KITH_E_MALFORMED (no backup, or a damaged or half-written one), KITH_E_EXISTS,
 * KITH_E_VERSION, and as create. `told` may be NULL. Nothing is left of a failed attempt that could
 * be taken for a profile. */
struct kith_restore {
	int fd;
	const char *pass, *next;
	size_t pass_len, next_len;
	void (*told)(void *ctx, uint64_t done, uint64_t total);
	void *ctx;
};
int kith_profile_restore(const struct kith_profile_config *cfg, const struct kith_restore *r,
			 struct kith_profile **out) KITH_MUST_USE;

/* ---- salvage: what can still be read of a damaged account.db (docs/store.md) ---- */
#define KITH_SALVAGE_TABLES 32u
struct kith_salvage {
	uint64_t pages, pages_bad;   /* of account.db; those that do not open */
	uint64_t frames_bad;         /* of its log */
	unsigned int people;         /* contacts kept without name, for their history */
	uint64_t pages_orphan;       /* sound ones that no page leads to */
	uint64_t rows, rows_lost;    /* of all tables: written, known to be lost */
	bool schema_lost, keys_lost; /* the list of tables; rows of the identity's keys */
	unsigned int tables;
	struct {
		char name[24];
		uint64_t rows;       /* written to the new profile */
		uint64_t lost;       /* rows seen that could not be read or used */
		uint64_t pages_lost; /* each may stand for more below it */
	} table[KITH_SALVAGE_TABLES];
};
/* Opens an attached profile for reading alone: neither its key file nor anything else is mended.
 * As kith_profile_unlock. */
int kith_profile_look(struct kith_profile *p, const char *pass, size_t pass_len) KITH_MUST_USE;
/* Reads account.db of such a profile page by page and writes what opens into a new profile at
 * `to`, with its own passphrase (NULL = none); it counts as restored. KITH_E_MALFORMED: there is
 * nothing to rescue, or the keys of the identity are gone: nothing is left at `to` that could be
 * taken for a profile. KITH_E_EXISTS, KITH_E_VERSION (a newer or an older schema), KITH_E_NOMEM,
 * KITH_E_NOSPACE, KITH_E_IO. `report` is filled in as far as it came. */
int kith_profile_salvage(struct kith_profile *from, const struct kith_profile_config *to,
			 const char *pass, size_t pass_len, struct kith_salvage *report)
	KITH_MUST_USE;

/* ---- operations ---- */
enum kith_op_kind {
#define OP(name, how, sql) KITH_OP_##name,
#include "store/ops.def"
#undef OP
	KITH_OP_COUNT
};

enum kith_value_type { KITH_VALUE_NULL, KITH_VALUE_INT, KITH_VALUE_BLOB, KITH_VALUE_TEXT };
struct kith_value {
	enum kith_value_type type;
	int64_t i;
	const void *p; /* BLOB, TEXT: copied by kith_store_put */
	size_t len;
};
#define KITH_OP_VALUES 16u
/* One operation; made by the builders below. */
struct kith_op {
	enum kith_op_kind kind;
	bool if_new;    /* run only when the last `I` operation before it inserted its row */
	uint32_t token; /* not 0: a kith_store_result with it follows the commit */
	unsigned count;
	struct kith_value v[KITH_OP_VALUES];
};
/* Builders: kith_op(KITH_OP_X), then one call per parameter, in order. */
struct kith_op kith_op(enum kith_op_kind kind);
void kith_op_int(struct kith_op *op, int64_t v);
void kith_op_blob(struct kith_op *op, const void *p, size_t len);
void kith_op_text(struct kith_op *op, const char *text, size_t len);
void kith_op_null(struct kith_op *op);

/* Result rows of a read: kith_rows_next moves to the next row (false: end); columns from 0.
 * Pointers live until the next kith_store_result or kith_store_done. */
struct kith_rows {
	const uint8_t *p, *end;
	unsigned columns;
	struct kith_value v[KITH_OP_VALUES];
};
bool kith_rows_next(struct kith_rows *r);
int64_t kith_rows_int(const struct kith_rows *r, unsigned col); /* 0 for NULL */
const uint8_t *kith_rows_blob(const struct kith_rows *r, unsigned col,
			      size_t *len); /* also TEXT; NULL for NULL */
bool kith_rows_is_null(const struct kith_rows *r, unsigned col);

/* ---- one database ---- */
enum kith_db { KITH_DB_ACCOUNT, KITH_DB_MAILBOX };
struct kith_store;

/* Opens or creates the database; checks generation, version, integrity after an unclean stop.
 * KITH_E_VERSION (newer), KITH_E_MALFORMED (damaged or foreign), KITH_E_IO, KITH_E_NOSPACE. */
int kith_store_open(struct kith_profile *p, enum kith_db db, struct kith_store **out) KITH_MUST_USE;
/* Marks a clean stop and closes. No batch may be in flight; an open batch is lost. */
void kith_store_close(struct kith_store *s);
/* Runs one read at once, on the caller's thread; before the loop starts and in tests only. Rows
 * live until the next call. */
int kith_store_read_now(struct kith_store *s, const struct kith_op *op, struct kith_rows *rows)
	KITH_MUST_USE;
/* True when the opened database is older than its key file says (store.md 7). Stays so over
 * restarts until the node sets the meta (or box) key "restored" to 0, best with what it restores
 * by. */
bool kith_store_restored(const struct kith_store *s);

/* Appends to the open batch and sets *batch to its number (from 1). Touches no file.
 * KITH_E_FULL (caps of base/limits.h: wait for done), KITH_E_NOSPACE (disk full: reads, deletions
 * and `force` are still taken), KITH_E_NOMEM. */
int kith_store_put(struct kith_store *s, const struct kith_op *op, uint64_t *batch) KITH_MUST_USE;
/* While true (default false) writes are taken on a full disk: acknowledgements, deletions. */
void kith_store_force(struct kith_store *s, bool on);
/* While true (default false) kith_store_put takes what is under way beyond kith_store_full, up to
 * the _HARD caps: for an owner that stops its input then and cannot undo half of a change. */
void kith_store_beyond(struct kith_store *s, bool on);
/* True when no more input should be taken until a commit is done. */
bool kith_store_full(const struct kith_store *s);
/* Number of the open batch (what the next put gets), and of the last committed one. */
uint64_t kith_store_open_batch(const struct kith_store *s);
uint64_t kith_store_committed(const struct kith_store *s);
/* "Commit wanted": true and *job set when a batch waits and none is in flight. */
bool kith_store_job(struct kith_store *s, struct kith_job **job);
/* The job's run function: one transaction, sync, then the reads. */
void kith_store_run(struct kith_job *job);
/* "Commit done". KITH_OK: the batch is durable. KITH_E_NOSPACE: it is kept and offered again (after
 * 5 s of `now`). KITH_E_IO: read-only from now on. Fatal sync errors end the process in run. */
int kith_store_done(struct kith_store *s, struct kith_job *job, kith_time now) KITH_MUST_USE;
/* When kith_store_tick should be called without other cause (KITH_NEVER usually); after it
 * kith_store_job may be true: a kept batch is tried again, free space looked at, the WAL emptied.
 */
kith_time kith_store_deadline(const struct kith_store *s);
/* Lets what `deadline` names happen; any other call does nothing. */
void kith_store_tick(struct kith_store *s, kith_time now);

struct kith_store_result {
	uint32_t token;
	bool already;          /* an `I` operation found its row there, or `if_new` held it back */
	int status;            /* not KITH_OK: the read failed and has no rows */
	struct kith_rows rows; /* of a read */
};
/* Results of the last done batch, in order; false: no more. */
bool kith_store_result(struct kith_store *s, struct kith_store_result *out);

/* NOSPACE: writes are refused but for deletions and `force`. READONLY: reads only, until a restart.
 */
enum kith_store_state { KITH_STORE_OK, KITH_STORE_NOSPACE, KITH_STORE_READONLY };
/* As of the last kith_store_done. */
enum kith_store_state kith_store_state(const struct kith_store *s);
/* What went wrong last, for people: database, operation, SQLite's words. Never NULL. */
const char *kith_store_sentence(const struct kith_store *s);

#endif
