/* SPDX-License-Identifier: ISC */
/*
 * A profile: directory, lock, key file, node key, seeds (store.md 2, 6).
 *
 * Of the two copies of the key file the valid one with the greater write counter counts; equal
 * counters with other bytes are refused, and so is a profile with no valid copy: never is a new
 * identity made in place of one that cannot be read. The other copy is then mended.
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

static const char *const copies[] = {"profile.key", "profile.key.2"};

const char *kith_profile_sentence(int status)
{
	switch ((enum kith_status)status) {
	case KITH_OK: return "The profile is open.";
	case KITH_E_NOTFOUND: return "There is no profile here.";
	case KITH_E_EXISTS: return "There is a profile here already; it was left as it is.";
	case KITH_E_LOCKED: return "This profile is in use by another process.";
	case KITH_E_AUTH: return "The passphrase is wrong or missing.";
	case KITH_E_MALFORMED:
		return "Both copies of the key file are damaged; use the recovery phrase or a "
		       "backup. Nothing was changed.";
	case KITH_E_VERSION: return "This profile was written by a newer version of Kith.";
	case KITH_E_NOSPACE: return "The disk is full.";
	case KITH_E_NOMEM: return "There is not enough memory to unlock the profile.";
	case KITH_E_IO: return "The profile directory cannot be read or written.";
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
	status = kith__file_write(p, copies[0], out, sizeof(out));
	if (status == KITH_OK)
		status = kith__file_write(p, copies[1], out, sizeof(out));
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
static int take_lock(struct kith_profile *p)
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

static int begin(const struct kith_profile_config *cfg, bool create, struct kith_profile **out)
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

/* Looks before it locks, so that asking leaves no lock file where no profile is. */
static int has_copy(struct kith_profile *p, bool *any)
{
	uint64_t size;
	int status;

	*any = false;
	for (unsigned int i = 0; i < 2; i++) {
		status = kith__file_size(p, copies[i], &size);
		if (status == KITH_OK)
			*any = true;
		else if (status != KITH_E_NOTFOUND)
			return status;
	}
	return KITH_OK;
}

static int fill_new(struct kith_profile *p, const struct kith_profile_config *cfg, const char *pass,
		    size_t pass_len)
{
	struct kith__keyfile *kf = &p->keyfile;
	int status;

	kith_rng_fill(p->rng, p->master, KITH_KEY);
	kith_rng_fill(p->rng, kf->profile, sizeof(kf->profile));
	for (unsigned int i = 0; i < KITH__ENTRIES; i++)
		kith_rng_fill(p->rng, kf->entry[i].id, sizeof(kf->entry[i].id));
	status = kith__keyfile_wrap(kf, p->master, pass, pass_len,
				    cfg->argon_passes != 0 ? cfg->argon_passes : DEFAULT_PASSES,
				    cfg->argon_kib != 0 ? cfg->argon_kib : DEFAULT_KIB, p->rng);
	return status == KITH_OK ? kith__profile_save(p) : status;
}

int kith_profile_create(const struct kith_profile_config *cfg, const char *pass, size_t pass_len,
			struct kith_profile **out)
{
	struct kith_profile *p;
	bool any = false;
	int status;

	status = begin(cfg, true, &p);
	if (status != KITH_OK)
		return status;
	if (p->os)
		status = take_lock(p);
	if (status == KITH_OK)
		status = has_copy(p, &any);
	if (status == KITH_OK && any)
		status = KITH_E_EXISTS;
	if (status == KITH_OK)
		status = fill_new(p, cfg, pass, pass_len);
	if (status != KITH_OK) {
		kith_profile_close(p);
		return status;
	}
	kith__space_check(p);
	*out = p;
	return KITH_OK;
}

struct copy {
	uint8_t bytes[KITH__KEYFILE];
	struct kith__keyfile keyfile;
	int status; /* KITH_OK: valid */
};

static int read_copy(struct kith_profile *p, const char *name, struct copy *c)
{
	size_t len = 0;
	int status;

	memset(c, 0, sizeof(*c));
	status = kith__file_read(p, name, c->bytes, sizeof(c->bytes), &len);
	if (status == KITH_OK)
		c->status = kith__keyfile_parse(&c->keyfile, c->bytes, len);
	else
		c->status = status;
	return status == KITH_E_NOTFOUND ? KITH_OK : status;
}

/* Opens one copy with the passphrase: master and body. */
static int unlock(struct kith_profile *p, struct copy *c, const char *pass, size_t pass_len)
{
	int status;

	if (c->status != KITH_OK)
		return c->status;
	status = kith__keyfile_unwrap(&c->keyfile, pass, pass_len, p->master);
	if (status != KITH_OK)
		return status;
	status = kith__keyfile_body(&c->keyfile, c->bytes, p->master);
	if (status != KITH_OK)
		return KITH_E_MALFORMED;
	p->keyfile = c->keyfile;
	return KITH_OK;
}

/* A copy that is damaged or older is written again; the valid one stays as it is. */
static int mend(struct kith_profile *p, const struct copy *c, const struct copy *good)
{
	for (unsigned int i = 0; i < 2; i++) {
		if (c[i].status == KITH_OK &&
		    memcmp(c[i].bytes, good->bytes, sizeof(good->bytes)) == 0)
			continue;
		return kith__file_write(p, copies[i], good->bytes, sizeof(good->bytes));
	}
	return KITH_OK;
}

static int choose(struct kith_profile *p, struct copy c[static 2], const char *pass,
		  size_t pass_len)
{
	unsigned int first;
	int status;

	if (c[0].status == KITH_E_VERSION || c[1].status == KITH_E_VERSION)
		return KITH_E_VERSION;
	if (c[0].status != KITH_OK && c[1].status != KITH_OK)
		return KITH_E_MALFORMED;
	if (c[0].status == KITH_OK && c[1].status == KITH_OK &&
	    c[0].keyfile.counter == c[1].keyfile.counter &&
	    memcmp(c[0].bytes, c[1].bytes, sizeof(c[0].bytes)) != 0)
		return KITH_E_MALFORMED;
	first = c[0].status != KITH_OK ||
		(c[1].status == KITH_OK && c[1].keyfile.counter > c[0].keyfile.counter);
	status = unlock(p, &c[first], pass, pass_len);
	if (status == KITH_E_MALFORMED && c[first ^ 1u].status == KITH_OK) {
		first ^= 1u;
		status = unlock(p, &c[first], pass, pass_len);
	}
	if (status != KITH_OK)
		return status;
	status = mend(p, c, &c[first]);
	/* a full disk must not keep the profile shut: the copy is mended another time */
	return status == KITH_E_NOSPACE ? KITH_OK : status;
}

int kith_profile_open(const struct kith_profile_config *cfg, const char *pass, size_t pass_len,
		      struct kith_profile **out)
{
	struct kith_profile *p;
	struct copy *c;
	bool any = false;
	int status;

	status = begin(cfg, false, &p);
	if (status != KITH_OK)
		return status;
	c = kith_alloc_zero(p->alloc, 2, sizeof(*c));
	status = c == NULL ? KITH_E_NOMEM : has_copy(p, &any);
	if (status == KITH_OK && !any)
		status = KITH_E_NOTFOUND;
	if (status == KITH_OK && p->os)
		status = take_lock(p);
	for (unsigned int i = 0; i < 2 && status == KITH_OK; i++)
		status = read_copy(p, copies[i], &c[i]);
	if (status == KITH_OK)
		status = choose(p, c, pass, pass_len);
	if (c != NULL)
		kith_wipe(c, 2 * sizeof(*c));
	kith_alloc_free(p->alloc, c);
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
