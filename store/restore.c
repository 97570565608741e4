/* SPDX-License-Identifier: ISC */
/*
 * A profile from a backup file (store.md 8). The whole file is checked before anything is made:
 * head, passphrase, keyed hash. Then every page is opened and sealed anew under the keys of the new
 * profile into account.db.new, synced; then the key file is written, whose flag says that this file
 * takes the place of account.db at the first opening. Before the key file there is no profile,
 * after it a whole one.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/internal.h"

#define PIECE (1u << 20)

struct source {
	const struct kith_restore *r;
	struct kith__keyfile wrapped;
	uint8_t id[16];
	uint64_t size, pages, steps, step;
};

static void tell(struct source *in)
{
	if (in->r->told != NULL)
		in->r->told(in->r->ctx, in->step, in->steps);
}

static int read_head(struct source *in)
{
	uint8_t head[KITH__BACKUP_HEAD], hash[32];
	struct stat st;
	int status;

	if (fstat(in->r->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return KITH_E_MALFORMED;
	in->size = (uint64_t)st.st_size;
	if (in->size < KITH__BACKUP_HEAD + KITH__BACKUP_TAIL)
		return KITH_E_MALFORMED;
	status = kith__fd_read(in->r->fd, 0, head, sizeof(head));
	if (status != KITH_OK)
		return status;
	if (memcmp(head, "KITHBAK", 7) != 0)
		return KITH_E_MALFORMED;
	if (head[7] > '1' && head[7] <= '9')
		return KITH_E_VERSION;
	kith_blake2b(hash, head, 184);
	if (head[7] != '1' || !kith_equal(hash, head + 184, sizeof(hash)))
		return KITH_E_MALFORMED;
	memcpy(in->wrapped.wrapper[0], head + 8, KITH__WRAPPER);
	in->wrapped.count = 1;
	memcpy(in->id, head + 168, sizeof(in->id));
	in->size -= KITH__BACKUP_TAIL;
	in->pages = (in->size - KITH__BACKUP_HEAD) / KITH__BACKUP_PAGE;
	in->steps = 2 * in->size;
	return in->pages > 0 && (in->size - KITH__BACKUP_HEAD) % KITH__BACKUP_PAGE == 0
		       ? KITH_OK
		       : KITH_E_MALFORMED;
}

static int check_hash(struct source *in, const uint8_t *master, uint8_t *piece)
{
	uint8_t found[32], wanted[32];
	struct kith_hasher hasher;
	int status = KITH_OK;
	uint64_t at = 0;
	size_t len;

	kith_hasher_init_keyed(&hasher, master, KITH_KEY, KITH_L_BK_FILE, 32);
	while (at < in->size && status == KITH_OK) {
		len = in->size - at < PIECE ? (size_t)(in->size - at) : PIECE;
		status = kith__fd_read(in->r->fd, at, piece, len);
		if (status == KITH_OK)
			kith_hasher_add(&hasher, piece, len);
		at += len;
		in->step = at;
		tell(in);
	}
	kith_hasher_end(&hasher, found);
	if (status == KITH_OK)
		status = kith__fd_read(in->r->fd, in->size, wanted, sizeof(wanted));
	if (status == KITH_OK && !kith_equal(found, wanted, sizeof(found)))
		status = KITH_E_MALFORMED;
	return status;
}

/* Page by page from one seal to the other; page 1 says WAL, as every database of a profile does. */
static int reseal(struct source *in, struct kith__seal *from, struct kith__seal *to, int out,
		  uint8_t *piece)
{
	uint8_t *plain = piece, *cipher = piece + KITH__BACKUP_PAGE;
	int status = KITH_OK;

	for (uint64_t n = 0; n < in->pages && status == KITH_OK; n++) {
		uint64_t at = n * KITH__BACKUP_PAGE;

		status =
			kith__fd_read(in->r->fd, KITH__BACKUP_HEAD + at, cipher, KITH__BACKUP_PAGE);
		if (status == KITH_OK &&
		    kith__page_open(from, (int64_t)n + 1, cipher, plain) != KITH_OK)
			status = KITH_E_MALFORMED;
		if (status != KITH_OK)
			return status;
		kith__page_seal(to, (int64_t)n + 1, plain, cipher);
		status = kith__fd_write(out, at, cipher, KITH__BACKUP_PAGE);
		in->step = in->size + at;
		if (n % 256 == 0)
			tell(in);
	}
	kith_wipe(plain, KITH__BACKUP_PAGE);
	if (status == KITH_OK && fsync(out) != 0)
		status = KITH_E_IO;
	return status;
}

/* The pages into account.db.new. */
static int write_pages(struct source *in, struct kith_profile *p, const uint8_t *master,
		       uint8_t *keys, uint8_t *piece)
{
	uint8_t *own = kith__secret_get(p, 2 * KITH_KEY);
	struct kith__seal from, to;
	int out, status;

	if (own == NULL)
		return KITH_E_NOMEM;
	kith__backup_seal(&from, p, master, in->id, keys);
	kith__backup_seal(&to, p, p->master, p->keyfile.entry[KITH_DB_ACCOUNT].id, own);
	out = openat(p->os_disk.dir, KITH__RESTORE_NAME,
		     O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	status = out >= 0          ? reseal(in, &from, &to, out, piece)
		 : errno == ENOSPC ? KITH_E_NOSPACE
				   : KITH_E_IO;
	if (out >= 0)
		(void)close(out);
	kith_wipe(&from, sizeof(from));
	kith_wipe(&to, sizeof(to));
	kith__secret_put(p, own, 2 * KITH_KEY);
	return status;
}

static int fill(struct source *in, struct kith_profile *p, uint8_t *master, uint8_t *keys)
{
	uint8_t *piece = kith_alloc_zero(p->alloc, PIECE, 1);
	bool any = false;
	int status;

	if (piece == NULL)
		return KITH_E_NOMEM;
	status = kith__keyfile_unwrap(&in->wrapped, in->r->pass, in->r->pass_len, master);
	if (status == KITH_OK)
		status = check_hash(in, master, piece);
	if (status == KITH_OK)
		status = kith__profile_take_lock(p);
	if (status == KITH_OK) {
		status = kith__profile_there(p, &any);
		/* databases without a key file: not ours to replace either */
		if (any || status == KITH_E_MALFORMED)
			status = KITH_E_EXISTS;
	}
	if (status == KITH_OK) {
		kith__profile_draw(p);
		p->keyfile.entry[KITH_DB_ACCOUNT].flags = KITH__MADE | KITH__RESTORING;
		status = write_pages(in, p, master, keys, piece);
	}
	if (status == KITH_OK)
		status = kith__profile_wrap(p, &p->keyfile, in->r->next, in->r->next_len);
	if (status == KITH_OK)
		status = kith__profile_save(p);
	kith_alloc_free(p->alloc, piece);
	return status;
}

int kith_profile_restore(const struct kith_profile_config *cfg, const struct kith_restore *r,
			 struct kith_profile **out)
{
	struct source in = {.r = r};
	struct kith_profile *p = NULL;
	uint8_t *master, *keys;
	int status;

	status = read_head(&in);
	if (status == KITH_OK && cfg->disk != NULL)
		status = KITH_E_STATE;
	if (status == KITH_OK)
		status = kith__profile_begin(cfg, true, &p);
	if (status != KITH_OK)
		return status;
	master = kith__secret_get(p, KITH_KEY);
	keys = kith__secret_get(p, 2 * KITH_KEY);
	status = master == NULL || keys == NULL ? KITH_E_NOMEM : fill(&in, p, master, keys);
	kith__secret_put(p, master, KITH_KEY);
	kith__secret_put(p, keys, 2 * KITH_KEY);
	kith_wipe(&in.wrapped, sizeof(in.wrapped));
	if (status != KITH_OK) {
		kith_profile_close(p);
		return status;
	}
	kith__space_check(p);
	*out = p;
	return KITH_OK;
}
