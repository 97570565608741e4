/* SPDX-License-Identifier: ISC */
/*
 * A profile: directory, lock, making it, node key, seeds (store.md 2, 6). How it is opened and what
 * opens it: unlock.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/internal.h"

#define DEFAULT_PASSES 3u
#define DEFAULT_KIB    262144u /* 256 MiB: about 0.5 s */
#define RESERVE        (UINT64_C(16) << 20)
#define NODE_KEY       88u /* u16 version 1 | zero 6 | current 32 | former 32 | zero 16 */

const char *const kith__profile_copies[2] = {"profile.key", "profile.key.2"};

const char *kith_profile_sentence(int status)
{
	switch ((enum kith_status)status) {
	case KITH_OK: return "The profile is open.";
	case KITH_E_NOTFOUND: return "There is no profile here.";
	case KITH_E_EXISTS: return "There is a profile here already; it was left as it is.";
	case KITH_E_LOCKED: return "This profile is in use by another process.";
	case KITH_E_AUTH: return "The passphrase is wrong or missing.";
	case KITH_E_MALFORMED:
		return "The key file of this profile is missing or damaged in both copies; "
		       "restore a backup into another directory. Nothing was changed.";
	case KITH_E_VERSION: return "This profile was written by a newer version of Kith.";
	case KITH_E_NOSPACE: return "The disk is full.";
	case KITH_E_NOMEM: return "There is not enough memory to unlock the profile.";
	case KITH_E_IO:
		return "The profile directory cannot be read or written: it belongs to somebody "
		       "else, its file system is read-only, or the disk fails.";
	case KITH_E_FULL:
	case KITH_E_STATE:
	case KITH_E_EXPIRED: break;
	}
	return "The profile cannot be opened.";
}

int kith__profile_path(const struct kith_profile *p, const char *name, char *out, size_t cap)
{
	int n = snprintf(out, cap, "%s/%s", p->dir, name);

	return n > 0 && (size_t)n < cap ? KITH_OK : KITH_E_IO;
}

void kith__profile_page_key(const struct kith_profile *p, const uint8_t id[static 16],
			    uint8_t key[static 32])
{
	kith_kdf(key, p->master, KITH_KEY, KITH_L_DB_PAGE, id, 16);
}

int kith__profile_save(struct kith_profile *p)
{
	uint8_t out[KITH__KEYFILE];
	int status;

	p->keyfile.counter++;
	kith__keyfile_encode(&p->keyfile, p->master, p->rng, out);
	status = kith__file_write(p, kith__profile_copies[0], out, sizeof(out));
	if (status == KITH_OK)
		status = kith__file_write(p, kith__profile_copies[1], out, sizeof(out));
	kith_wipe(out, sizeof(out));
	return status;
}

uint8_t *kith__secret_get(struct kith_profile *p, size_t size)
{
	return p->arena != NULL ? kith_arena_get(p->arena, size)
				: kith_alloc_zero(p->alloc, size, 1);
}

void kith__secret_put(struct kith_profile *p, uint8_t *secret, size_t size)
{
	if (secret == NULL)
		return;
	kith_wipe(secret, size);
	if (p->arena != NULL)
		kith_arena_put(p->arena, secret);
	else
		kith_alloc_free(p->alloc, secret);
}

void kith_profile_close(struct kith_profile *p)
{
	const struct kith_alloc *alloc;

	if (p == NULL)
		return;
	alloc = p->alloc;
	kith__secret_put(p, p->master, KITH_KEY);
	kith_arena_free(p->arena);
	if (p->lock >= 0)
		(void)close(p->lock);
	if (p->os && p->os_disk.dir >= 0)
		(void)close(p->os_disk.dir);
	kith_alloc_free(alloc, p->dir);
	kith_wipe(p, sizeof(*p));
	kith_alloc_free(alloc, p);
}

static int open_directory(struct kith_profile *p, bool create)
{
	struct stat st;

	if (create && mkdir(p->dir, 0700) != 0 && errno != EEXIST)
		return errno == ENOSPC ? KITH_E_NOSPACE : KITH_E_IO;
	p->os_disk.dir = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->os_disk.dir < 0)
		return errno == ENOENT ? KITH_E_NOTFOUND : KITH_E_IO;
	/* nobody else looks in: an older umask or a copy may have left it open */
	if (fstat(p->os_disk.dir, &st) == 0 && (st.st_mode & 077) != 0)
		(void)fchmod(p->os_disk.dir, 0700);
	return KITH_OK;
}

/* The lock lives as long as its descriptor; what is written into it is for people. */
int kith__profile_take_lock(struct kith_profile *p)
{
	char text[64];
	int n;

	p->lock = openat(p->os_disk.dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (p->lock < 0)
		return errno == ENOSPC ? KITH_E_NOSPACE : KITH_E_IO;
	if (flock(p->lock, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK ? KITH_E_LOCKED : KITH_E_IO;
	n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	/* who holds it is a help for people: a full disk must not keep the profile shut */
	if (ftruncate(p->lock, 0) != 0 || pwrite(p->lock, text, (size_t)n, 0) != n)
		return errno == ENOSPC ? KITH_OK : KITH_E_IO;
	return KITH_OK;
}

int kith__profile_begin(const struct kith_profile_config *cfg, bool create,
			struct kith_profile **out)
{
	struct kith_profile *p;
	int status = KITH_OK;

	p = kith_alloc_zero(cfg->alloc, 1, sizeof(*p));
	if (p == NULL)
		return KITH_E_NOMEM;
	p->alloc = cfg->alloc;
	p->rng = cfg->rng;
	p->lock = -1;
	p->os = cfg->disk == NULL;
	p->os_disk.dir = -1;
	p->page = cfg->page_bytes != 0 ? cfg->page_bytes : KITH__PAGE_MAX;
	p->reserve_bytes = p->os ? RESERVE : 0;
	p->wal_room = p->os ? KITH__ROOM : 0;
	p->argon_passes = cfg->argon_passes != 0 ? cfg->argon_passes : DEFAULT_PASSES;
	p->argon_kib = cfg->argon_kib != 0 ? cfg->argon_kib : DEFAULT_KIB;
	p->fatal = cfg->fatal;
	p->fatal_ctx = cfg->fatal_ctx;
	KITH_ASSERT(p->page == 1024 || p->page == 2048 || p->page == 4096);
	p->dir = kith_alloc_copy(p->alloc, cfg->dir, strlen(cfg->dir));
	p->arena = p->os ? kith_arena_new() : NULL;
	p->master = p->os && p->arena == NULL ? NULL : kith__secret_get(p, KITH_KEY);
	if (p->dir == NULL || p->master == NULL) {
		status = KITH_E_NOMEM;
	} else if (p->os) {
		p->disk = kith__os_disk(&p->os_disk);
		status = open_directory(p, create);
	} else {
		p->disk = *cfg->disk;
	}
	if (status != KITH_OK) {
		kith_profile_close(p);
		return status;
	}
	*out = p;
	return KITH_OK;
}

static int file_there(struct kith_profile *p, const char *name, bool *any)
{
	uint64_t size;
	int status = kith__file_size(p, name, &size);

	if (status == KITH_OK)
		*any = true;
	return status == KITH_E_NOTFOUND ? KITH_OK : status;
}

/* Databases without a key file: it was lost, and nothing may be made in their place. */
int kith__profile_there(struct kith_profile *p, bool *any)
{
	bool databases = false;
	int status;

	*any = false;
	status = file_there(p, kith__profile_copies[0], any);
	if (status == KITH_OK)
		status = file_there(p, kith__profile_copies[1], any);
	if (status == KITH_OK && !*any)
		status = file_there(p, "account.db", &databases);
	if (status == KITH_OK && !*any)
		status = file_there(p, "mailbox.db", &databases);
	return status == KITH_OK && databases ? KITH_E_MALFORMED : status;
}

void kith__profile_draw(struct kith_profile *p)
{
	struct kith__keyfile *kf = &p->keyfile;

	kith_rng_fill(p->rng, p->master, KITH_KEY);
	kith_rng_fill(p->rng, kf->profile, sizeof(kf->profile));
	for (unsigned int i = 0; i < KITH__ENTRIES; i++)
		kith_rng_fill(p->rng, kf->entry[i].id, sizeof(kf->entry[i].id));
}

static int fill_new(struct kith_profile *p, const char *pass, size_t pass_len)
{
	int status;

	kith__profile_draw(p);
	status = kith__profile_wrap(p, &p->keyfile, pass, pass_len);
	return status == KITH_OK ? kith__profile_save(p) : status;
}

int kith_profile_create(const struct kith_profile_config *cfg, const char *pass, size_t pass_len,
			struct kith_profile **out)
{
	struct kith_profile *p;
	bool any = false;
	int status;

	status = kith__profile_begin(cfg, true, &p);
	if (status != KITH_OK)
		return status;
	if (p->os)
		status = kith__profile_take_lock(p);
	if (status == KITH_OK)
		status = kith__profile_there(p, &any);
	if (status == KITH_OK && any)
		status = KITH_E_EXISTS;
	if (status == KITH_OK)
		status = fill_new(p, pass, pass_len);
	if (status != KITH_OK) {
		kith_profile_close(p);
		return status;
	}
	kith__space_check(p);
	*out = p;
	return KITH_OK;
}

bool kith_profile_protected(const struct kith_profile *p)
{
	return kith__keyfile_protected(&p->keyfile);
}

int kith_profile_node_key(struct kith_profile *p, uint8_t secret[static 32])
{
	const uint8_t *id = p->keyfile.entry[KITH__ENTRY_NODE].id;
	uint8_t plain[NODE_KEY] = {0};
	size_t len = 0;
	int status;

	status = kith__file_open(p, "node.key", id, plain, sizeof(plain), &len);
	if (status == KITH_E_IO || status == KITH_E_NOMEM)
		return status;
	if (status == KITH_OK && len == sizeof(plain) && plain[0] == 1 && plain[1] == 0) {
		memcpy(secret, plain + 8, 32);
		kith_wipe(plain, sizeof(plain));
		return KITH_OK;
	}
	/* none, or damaged: a node key names no account and is simply drawn anew */
	memset(plain, 0, sizeof(plain));
	plain[0] = 1;
	kith_rng_fill(p->rng, plain + 8, 32);
	status = kith__file_seal(p, "node.key", id, plain, sizeof(plain));
	if (status == KITH_OK)
		memcpy(secret, plain + 8, 32);
	kith_wipe(plain, sizeof(plain));
	return status;
}

int kith_profile_seeds_save(struct kith_profile *p, const uint8_t *data, size_t len)
{
	return kith__file_seal(p, "seeds", p->keyfile.entry[KITH__ENTRY_SEEDS].id, data, len);
}

int kith_profile_seeds_load(struct kith_profile *p, uint8_t *data, size_t cap, size_t *len)
{
	int status;

	*len = 0;
	status =
		kith__file_open(p, "seeds", p->keyfile.entry[KITH__ENTRY_SEEDS].id, data, cap, len);
	if (status == KITH_E_NOTFOUND || status == KITH_E_AUTH || status == KITH_E_FULL) {
		*len = 0;
		return KITH_OK;
	}
	return status;
}
