/* SPDX-License-Identifier: ISC */
/* Inside store/: small files of a profile and the key file (store.md 2, 6). */
#ifndef KITH_STORE_FILE_H
#define KITH_STORE_FILE_H

#include "base/bytes.h"
#include "base/crypto.h"
#include "store/store.h"

/* ---- small files of a profile (disk_os.c, file.c) ---- */
struct kith__os_disk {
	int dir; /* descriptor of the profile directory */
};
struct kith_disk kith__os_disk(struct kith__os_disk *d);
/* Reads at most `cap` bytes; *len = size of the file. KITH_E_NOTFOUND, KITH_E_IO. */
int kith__file_read(struct kith_profile *p, const char *name, uint8_t *dst, size_t cap, size_t *len)
	KITH_MUST_USE;
/* A handle of p->disk on a file that is there; the caller closes it. KITH_E_NOTFOUND, KITH_E_IO. */
int kith__file_handle(struct kith_profile *p, const char *name, uint32_t *file) KITH_MUST_USE;
/* Replaces the file at one instant: tmp, sync, rename, sync of the directory. */
int kith__file_write(struct kith_profile *p, const char *name, const uint8_t *src, size_t len)
	KITH_MUST_USE;
int kith__file_touch(struct kith_profile *p, const char *name) KITH_MUST_USE;  /* makes it, empty */
int kith__file_remove(struct kith_profile *p, const char *name) KITH_MUST_USE; /* absent is ok */
/* Renames, with a sync of the directory. KITH_E_NOTFOUND. */
int kith__file_move(struct kith_profile *p, const char *from, const char *to) KITH_MUST_USE;
int kith__file_size(struct kith_profile *p, const char *name, uint64_t *size) KITH_MUST_USE;
/* Sealed file: nonce | ciphertext | tag under the page key of `id`, AD = id | i64 0. */
int kith__file_seal(struct kith_profile *p, const char *name, const uint8_t id[static 16],
		    const uint8_t *src, size_t len) KITH_MUST_USE;
/* KITH_E_NOTFOUND, KITH_E_AUTH (damaged), KITH_E_FULL (longer than cap), KITH_E_IO. */
int kith__file_open(struct kith_profile *p, const char *name, const uint8_t id[static 16],
		    uint8_t *dst, size_t cap, size_t *len) KITH_MUST_USE;

/* ---- key file (keyfile.c; store.md 6) ---- */
#define KITH__KEYFILE     2048u
#define KITH__WRAPPERS    6u
#define KITH__WRAPPER     160u
#define KITH__ENTRIES     4u
#define KITH__OPENING     1u /* entry flags: the generation is being written to the database */
#define KITH__MADE        2u /* the database was made: it must be there */
#define KITH__RESTORING   4u /* account.db.new takes the place of account.db at the next opening */
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
/* The master key by passphrase or recovery words, or by a wrapper without one. KITH_E_AUTH,
 * KITH_E_NOMEM. */
int kith__keyfile_unwrap(const struct kith__keyfile *kf, const char *pass, size_t pass_len,
			 uint8_t master[static 32]) KITH_MUST_USE;
/* Opens the body of the file parsed before. KITH_E_AUTH, KITH_E_MALFORMED. */
int kith__keyfile_body(struct kith__keyfile *kf, const uint8_t in[static KITH__KEYFILE],
		       const uint8_t master[static 32]) KITH_MUST_USE;
/* Adds a wrapper; pass NULL = kind 4, recovery words = kind 2. KITH_E_FULL, KITH_E_NOMEM. */
int kith__keyfile_wrap(struct kith__keyfile *kf, const uint8_t master[static 32], const char *pass,
		       size_t pass_len, uint32_t passes, uint32_t kib, struct kith_rng *rng)
	KITH_MUST_USE;
void kith__keyfile_encode(const struct kith__keyfile *kf, const uint8_t master[static 32],
			  struct kith_rng *rng, uint8_t out[static KITH__KEYFILE]);
bool kith__keyfile_protected(const struct kith__keyfile *kf);
bool kith__keyfile_has(const struct kith__keyfile *kf, enum kith__wrap kind);
void kith__keyfile_drop(struct kith__keyfile *kf, enum kith__wrap kind); /* all of this kind */

#endif
