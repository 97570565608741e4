/* SPDX-License-Identifier: ISC */
/*
 * A backup of account.db into one file (store.md 8), while the node goes on.
 *
 *	WRAP    a fresh master key, wrapped by passphrase or words; the head is written   (new)
 *	COPY    SQLite copies 256 pages a slice, between the batches of the same handle;
 *	        what is written meanwhile enters the copy by itself
 *	STRIP   what a backup must not hold is taken out of the copy, 2,000 rows a slice
 *	HASH    the file is read once more and its keyed hash appended, synced
 *
 * The copy is a database of its own behind the head of the file, sealed page by page under keys of
 * its own. It has no journal: if anything fails the file is of no use, which its missing tail
 * shows.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/internal.h"

#define COPY_PAGES 256
#define STRIP_ROWS 2000
#define HASH_BYTES (1u << 20)

enum stage { COPY, STRIP, HASH, DONE };

struct kith_store_backup {
	struct kith_job job; /* first */
	struct kith_store *s;
	int fd;
	struct kith_disk disk;
	struct kith__seal seal;
	uint8_t *keys, *master; /* locked memory */
	char disk_name[KITH__NAME_MAX], wal_name[KITH__NAME_MAX], sqlite_name[KITH__NAME_MAX];
	sqlite3 *copy;
	sqlite3_backup *run;
	enum stage stage;
	unsigned strip;
	bool flying, hashing;
	struct kith_hasher hasher;
	uint64_t at, size;
	uint64_t done, total; /* bytes, of the slices that are taken back */
	uint8_t hash[32];
};

/* ---- the file behind its head as a disk of one file ---- */

int kith__fd_read(int fd, uint64_t at, void *dst, size_t len)
{
	size_t have = 0;
	ssize_t n;

	while (have < len) {
		n = pread(fd, (uint8_t *)dst + have, len - have, (off_t)(at + have));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? KITH_E_MALFORMED : KITH_E_IO;
		have += (size_t)n;
	}
	return KITH_OK;
}

int kith__fd_write(int fd, uint64_t at, const void *src, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pwrite(fd, (const uint8_t *)src + done, len - done, (off_t)(at + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ENOSPC || errno == EDQUOT ? KITH_E_NOSPACE : KITH_E_IO;
		done += (size_t)n;
	}
	return KITH_OK;
}

static int fd_of(void *ctx)
{
	const struct kith_store_backup *b = ctx;

	return b->fd;
}

static bool fd_exists(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "copy") == 0;
}

static int fd_open(void *ctx, const char *name, bool create, uint32_t *file)
{
	(void)create;
	*file = 1;
	return fd_exists(ctx, name) ? KITH_OK : KITH_E_NOTFOUND;
}

static void fd_close(void *ctx, uint32_t file)
{
	(void)ctx;
	(void)file;
}

static int fd_size(void *ctx, uint32_t file, uint64_t *size)
{
	struct stat st;

	(void)file;
	if (fstat(fd_of(ctx), &st) != 0)
		return KITH_E_IO;
	*size = st.st_size > (off_t)KITH__BACKUP_HEAD ? (uint64_t)st.st_size - KITH__BACKUP_HEAD
						      : 0;
	return KITH_OK;
}

static int fd_pread(void *ctx, uint32_t file, uint64_t offset, void *dst, size_t len, size_t *got)
{
	uint64_t size = 0;
	int status = fd_size(ctx, file, &size);

	if (status != KITH_OK)
		return status;
	*got = offset >= size ? 0 : size - offset < len ? (size_t)(size - offset) : len;
	return kith__fd_read(fd_of(ctx), KITH__BACKUP_HEAD + offset, dst, *got);
}

static int fd_pwrite(void *ctx, uint32_t file, uint64_t offset, const void *src, size_t len)
{
	(void)file;
	return kith__fd_write(fd_of(ctx), KITH__BACKUP_HEAD + offset, src, len);
}

static int fd_truncate(void *ctx, uint32_t file, uint64_t size)
{
	(void)file;
	return ftruncate(fd_of(ctx), (off_t)(KITH__BACKUP_HEAD + size)) == 0 ? KITH_OK : KITH_E_IO;
}

static int fd_sync(void *ctx, uint32_t file)
{
	(void)ctx;
	(void)file;
	return KITH_OK; /* the whole file is synced at its end */
}

static int fd_never(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return KITH_E_IO;
}

static int fd_no_rename(void *ctx, const char *from, const char *to)
{
	(void)from;
	return fd_never(ctx, to);
}

static struct kith_disk fd_disk(struct kith_store_backup *b)
{
	return (struct kith_disk){.open = fd_open,
				  .close = fd_close,
				  .read = fd_pread,
				  .write = fd_pwrite,
				  .truncate = fd_truncate,
				  .sync = fd_sync,
				  .size = fd_size,
				  .remove = fd_never,
				  .rename = fd_no_rename,
				  .exists = fd_exists,
				  .ctx = b};
}

/* ---- the copy as a database ---- */

void kith__backup_seal(struct kith__seal *seal, struct kith_profile *p, const uint8_t *master,
		       const uint8_t id[static 16], uint8_t *keys)
{
	memset(seal, 0, sizeof(*seal));
	seal->page = KITH__BACKUP_PAGE;
	memcpy(seal->id, id, sizeof(seal->id));
	seal->key = keys;
	seal->wal_key = keys + KITH_KEY;
	kith_kdf(seal->key, master, KITH_KEY, KITH_L_DB_PAGE, id, 16);
	kith_kdf(seal->wal_key, master, KITH_KEY, KITH_L_DB_WAL, id, 16);
	kith_noncer_init(&seal->noncer, p->rng);
	seal->fatal = p->fatal;
	seal->fatal_ctx = p->fatal_ctx;
}

static int status_of(struct kith_store_backup *b, int rc)
{
	struct kith_store told = {.name = "backup", .db = b->copy};

	return kith__sqlite_status(&told, rc, "copy");
}

static int exec(struct kith_store_backup *b, const char *sql)
{
	return status_of(b, sqlite3_exec(b->copy, sql, NULL, NULL, NULL));
}

/* Dirty pages may leave before the end: there is no WAL here that would suffer from it. */
static int open_copy(struct kith_store_backup *b)
{
	int reserve = KITH__RESERVE, rc, status;

	rc = sqlite3_open_v2(b->sqlite_name, &b->copy,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
				     SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
			     KITH__VFS_SEAL);
	status = status_of(b, rc);
	if (status == KITH_OK)
		status = exec(b, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA page_size=4096");
	if (status == KITH_OK)
		status = status_of(b, sqlite3_file_control(b->copy, "main",
							   SQLITE_FCNTL_RESERVE_BYTES, &reserve));
	if (status == KITH_OK)
		status = exec(b, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
				 "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-4096;"
				 "PRAGMA cache_spill=1; PRAGMA secure_delete=ON");
	return status;
}

static void close_copy(struct kith_store_backup *b)
{
	if (b->run != NULL)
		(void)sqlite3_backup_finish(b->run);
	b->run = NULL;
	if (b->copy != NULL)
		(void)sqlite3_close(b->copy);
	b->copy = NULL;
}

/* Page 1 says how a database is journalled: WAL as the one it came from, or rollback while the copy
 * is worked on, since it has no WAL. */
static int set_journal(struct kith_store_backup *b, uint8_t version)
{
	uint8_t *page = b->seal.plain, *cipher = b->seal.cipher;
	int status;

	status = kith__fd_read(b->fd, KITH__BACKUP_HEAD, cipher, KITH__BACKUP_PAGE);
	if (status == KITH_OK)
		status = kith__page_open(&b->seal, 1, cipher, page);
	if (status != KITH_OK)
		return status;
	page[18] = page[19] = version;
	kith__page_seal(&b->seal, 1, page, cipher);
	return kith__fd_write(b->fd, KITH__BACKUP_HEAD, cipher, KITH__BACKUP_PAGE);
}

/* ---- slices ---- */

static int copy_slice(struct kith_store_backup *b)
{
	int rc, status;

	if (b->run == NULL) {
		status = open_copy(b);
		if (status != KITH_OK)
			return status;
		b->run = sqlite3_backup_init(b->copy, "main", b->s->db, "main");
		if (b->run == NULL)
			return status_of(b, sqlite3_extended_errcode(b->copy));
	}
	rc = sqlite3_backup_step(b->run, COPY_PAGES);
	b->size = (uint64_t)sqlite3_backup_pagecount(b->run) * KITH__BACKUP_PAGE;
	b->at = b->size - (uint64_t)sqlite3_backup_remaining(b->run) * KITH__BACKUP_PAGE;
	if (rc == SQLITE_OK)
		return KITH_OK;
	if (rc != SQLITE_DONE)
		return status_of(b, rc);
	close_copy(b);
	status = set_journal(b, 1);
	if (status == KITH_OK)
		status = open_copy(b);
	b->stage = STRIP;
	b->strip = 0;
	return status;
}

/* What a backup does not hold. The newest event stays for its number alone. `%d` = rows a slice;
 * those without are one statement over few rows. Frames in the outbox stay: their
 * rows hold the text too, and a restored node seals it anew. */
static const char *const strips[] = {
	("DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE"
	 " seq<(SELECT MAX(seq) FROM event) LIMIT %d)"),
	"DELETE FROM token",
	"UPDATE ratchet SET may_send=0",
	"UPDATE device SET paths=NULL",
	"DELETE FROM meta WHERE k IN ('generation','clean','restored')",
	"INSERT INTO meta(k,v) VALUES('generation',0),('clean',1),('restored',1)",
};
#define STRIPS (sizeof(strips) / sizeof(strips[0]))

static int strip_slice(struct kith_store_backup *b)
{
	char sql[256];
	int status;

	(void)snprintf(sql, sizeof(sql), "%s", strips[b->strip]);
	if (strstr(sql, "%d") != NULL) {
		char *at = strstr(sql, "%d");

		(void)snprintf(at, sizeof(sql) - (size_t)(at - sql), "%d)", STRIP_ROWS);
	}
	status = exec(b, sql);
	if (status != KITH_OK)
		return status;
	if (strstr(strips[b->strip], "%d") == NULL || sqlite3_changes(b->copy) == 0)
		b->strip++;
	if (b->strip < STRIPS)
		return KITH_OK;
	close_copy(b);
	b->stage = HASH;
	b->at = 0;
	return set_journal(b, 2);
}

static int hash_slice(struct kith_store_backup *b)
{
	uint8_t *buffer;
	struct stat st;
	uint64_t left;
	int status = KITH_OK;

	if (fstat(b->fd, &st) != 0)
		return KITH_E_IO;
	if (!b->hashing) {
		kith_hasher_init_keyed(&b->hasher, b->master, KITH_KEY, KITH_L_BK_FILE, 32);
		b->hashing = true;
	}
	b->size = (uint64_t)st.st_size;
	left = b->size - b->at;
	buffer = kith_alloc_zero(b->s->profile->alloc, HASH_BYTES, 1);
	if (buffer == NULL)
		return KITH_E_NOMEM;
	if (left > HASH_BYTES)
		left = HASH_BYTES;
	status = kith__fd_read(b->fd, b->at, buffer, (size_t)left);
	if (status == KITH_OK)
		kith_hasher_add(&b->hasher, buffer, (size_t)left);
	kith_alloc_free(b->s->profile->alloc, buffer);
	b->at += left;
	if (status != KITH_OK || b->at < b->size)
		return status;
	b->hashing = false;
	kith_hasher_end(&b->hasher, b->hash);
	status = kith__fd_write(b->fd, b->size, b->hash, sizeof(b->hash));
	if (status == KITH_OK && fsync(b->fd) != 0)
		status = KITH_E_IO;
	b->size += KITH__BACKUP_TAIL;
	b->stage = DONE;
	return status;
}

static void run_slice(struct kith_job *job)
{
	struct kith_store_backup *b = (struct kith_store_backup *)(void *)job;

	switch (b->stage) {
	case COPY: job->status = copy_slice(b); return;
	case STRIP: job->status = strip_slice(b); return;
	case HASH: job->status = hash_slice(b); return;
	case DONE: break;
	}
	job->status = KITH_E_STATE;
}

/* ---- outside ---- */

static int write_head(struct kith_store_backup *b, const char *pass, size_t pass_len)
{
	struct kith_profile *p = b->s->profile;
	struct kith__keyfile wrapped;
	uint8_t head[KITH__BACKUP_HEAD], id[16];
	int status;

	memset(&wrapped, 0, sizeof(wrapped));
	kith_rng_fill(p->rng, b->master, KITH_KEY);
	kith_rng_fill(p->rng, id, sizeof(id));
	status = kith__keyfile_wrap(&wrapped, b->master, pass, pass_len, p->argon_passes,
				    p->argon_kib, p->rng);
	if (status != KITH_OK)
		return status;
	memcpy(head, KITH__BACKUP_MAGIC, 8);
	memcpy(head + 8, wrapped.wrapper[0], KITH__WRAPPER);
	memcpy(head + 168, id, sizeof(id));
	kith_blake2b(head + 184, head, 184);
	kith__backup_seal(&b->seal, p, b->master, id, b->keys);
	b->seal.lower = sqlite3_vfs_find(KITH__VFS_DISK);
	b->seal.cipher = kith_alloc_zero(p->alloc, KITH__FRAME_HEAD + KITH__BACKUP_PAGE, 1);
	b->seal.plain = kith_alloc_zero(p->alloc, KITH__BACKUP_PAGE, 1);
	if (b->seal.cipher == NULL || b->seal.plain == NULL)
		return KITH_E_NOMEM;
	kith__vfs_name(b->disk_name, &b->disk, "copy");
	kith__vfs_name(b->wal_name, &b->disk, "copy-wal");
	kith__vfs_name(b->sqlite_name, &b->seal, "");
	b->seal.path = b->disk_name;
	b->seal.wal_path = b->wal_name;
	return kith__fd_write(b->fd, 0, head, sizeof(head));
}

int kith_store_backup_new(struct kith_store *s, int fd, const char *pass, size_t pass_len,
			  struct kith_store_backup **out)
{
	struct kith_store_backup *b;
	struct stat st;
	int status;

	KITH_ASSERT(s->which == KITH_DB_ACCOUNT);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size != 0 ||
	    s->profile->page != KITH__BACKUP_PAGE)
		return KITH_E_MALFORMED;
	b = kith_alloc_zero(s->profile->alloc, 1, sizeof(*b));
	if (b == NULL)
		return KITH_E_NOMEM;
	b->s = s;
	b->fd = fd;
	b->disk = fd_disk(b);
	b->keys = kith__secret_get(s->profile, 2 * KITH_KEY);
	b->master = kith__secret_get(s->profile, KITH_KEY);
	status =
		b->keys == NULL || b->master == NULL ? KITH_E_NOMEM : write_head(b, pass, pass_len);
	if (status != KITH_OK) {
		kith_store_backup_free(b);
		return status;
	}
	*out = b;
	return KITH_OK;
}

bool kith_store_backup_job(struct kith_store_backup *b, struct kith_job **job)
{
	if (b->flying || b->stage == DONE)
		return false;
	b->flying = true;
	b->job.run = run_slice;
	b->job.lane = b->stage == COPY ? KITH_LANE_ACCOUNT : KITH_LANE_BULK;
	b->job.status = KITH_OK;
	*job = &b->job;
	return true;
}

bool kith_store_backup_done(struct kith_store_backup *b, struct kith_job *job, int *status)
{
	KITH_ASSERT(b->flying && job == &b->job);
	b->flying = false;
	/* copying and reading again are each a half */
	b->total = 2 * b->size;
	b->done = b->at + (b->stage == HASH || b->stage == DONE ? b->size : 0);
	*status = job->status;
	if (job->status != KITH_OK)
		b->stage = DONE;
	return b->stage == DONE;
}

void kith_store_backup_progress(const struct kith_store_backup *b, uint64_t *done, uint64_t *total)
{
	*done = b->done;
	*total = b->total;
}

uint64_t kith_store_backup_bytes(const struct kith_store_backup *b, uint8_t hash[static 32])
{
	memcpy(hash, b->hash, 32);
	return b->size;
}

void kith_store_backup_free(struct kith_store_backup *b)
{
	struct kith_profile *p;

	if (b == NULL)
		return;
	KITH_ASSERT(!b->flying);
	p = b->s->profile;
	close_copy(b);
	if (b->seal.plain != NULL)
		kith_wipe(b->seal.plain, KITH__BACKUP_PAGE);
	kith_alloc_free(p->alloc, b->seal.plain);
	kith_alloc_free(p->alloc, b->seal.cipher);
	kith__secret_put(p, b->keys, 2 * KITH_KEY);
	kith__secret_put(p, b->master, KITH_KEY);
	kith_wipe(b, sizeof(*b));
	kith_alloc_free(p->alloc, b);
}
