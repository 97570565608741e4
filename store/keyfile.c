/* SPDX-License-Identifier: ISC */
/*
 * The key file (store.md 6): 2,048 bytes, two copies on disk. Pure bytes here; profile.c reads,
 * chooses and writes.
 *
 *	0	"KITHKEY1" | u16 format 1 | u16 wrappers | u64 write counter | profile id 16 | zero
 *	64	6 x 160: kind u8 | zero 3 | passes u32 | KiB u32 | zero 4 | salt 16 | commitment 32
 *| nonce 24 | sealed master 48 | zero 24 1,024	seal(KDF(master, "db.body", ""), AD = bytes
 *0..1,023) of 4 x (id 16 | generation u64 | flags u64) | session epoch u32 | boot id 8 | zero, to
 *512 1,576	zero 440 2,016	BLAKE2b-256 of all before
 *
 * The commitment is checked before the AEAD, so that no two passphrases open one file. A wrapper
 * of kind 4 holds the master key as it is: 32 bytes, then 16 zeros.
 */
#include <string.h>

#include "base/words.h"
#include "store/internal.h"

#define FORMAT     1u
#define HEAD       1024u
#define BODY       512u
#define HASH_AT    2016u
#define PASSES_MAX 64u      /* an attacker's file must not keep us busy for ever */
#define KIB_MAX    4194304u /* 4 GiB: more than Kith ever writes */

/* The words hold 232 random bits: stretching adds nothing to them. */
#define WORDS_PASSES 1u
#define WORDS_KIB    64u

struct wrapper {
	uint8_t kind;
	uint32_t passes, kib;
	uint8_t salt[16], commitment[32], nonce[24], sealed[48];
};

static int read_wrapper(const uint8_t in[static KITH__WRAPPER], struct wrapper *w)
{
	struct kith_reader r;

	kith_reader_init(&r, in, KITH__WRAPPER);
	w->kind = kith_read_u8(&r);
	kith_read_zeros(&r, 3);
	w->passes = kith_read_u32(&r);
	w->kib = kith_read_u32(&r);
	kith_read_zeros(&r, 4);
	kith_read_bytes(&r, w->salt, sizeof(w->salt));
	kith_read_bytes(&r, w->commitment, sizeof(w->commitment));
	kith_read_bytes(&r, w->nonce, sizeof(w->nonce));
	kith_read_bytes(&r, w->sealed, sizeof(w->sealed));
	kith_read_zeros(&r, 24);
	if (w->kind < KITH__WRAP_PASSPHRASE || w->kind > KITH__WRAP_NONE)
		kith_read_fail(&r);
	if (w->kind != KITH__WRAP_NONE &&
	    (w->passes == 0 || w->passes > PASSES_MAX || w->kib < 8 || w->kib > KIB_MAX))
		kith_read_fail(&r);
	if (w->kind == KITH__WRAP_NONE && (w->passes != 0 || w->kib != 0))
		kith_read_fail(&r);
	return kith_read_end(&r);
}

int kith__keyfile_parse(struct kith__keyfile *kf, const uint8_t *in, size_t len)
{
	static const uint8_t none[KITH__WRAPPER];
	struct kith__keyfile out;
	struct kith_reader r;
	struct wrapper w;
	const uint8_t *magic;
	uint16_t format;
	uint8_t hash[32];
	bool bad = false;

	if (len != KITH__KEYFILE)
		return KITH_E_MALFORMED;
	kith_blake2b(hash, in, HASH_AT);
	memset(&out, 0, sizeof(out));
	kith_reader_init(&r, in, len);
	magic = kith_read_view(&r, 8);
	format = kith_read_u16(&r);
	if (memcmp(magic, "KITHKEY1", 8) != 0 || !kith_equal(hash, in + HASH_AT, sizeof(hash)))
		return KITH_E_MALFORMED;
	if (format > FORMAT)
		return KITH_E_VERSION;
	out.count = kith_read_u16(&r);
	out.counter = kith_read_u64(&r);
	kith_read_bytes(&r, out.profile, sizeof(out.profile));
	kith_read_zeros(&r, 28);
	for (unsigned int i = 0; i < KITH__WRAPPERS; i++) {
		kith_read_bytes(&r, out.wrapper[i], KITH__WRAPPER);
		if (i < out.count)
			bad = bad || read_wrapper(out.wrapper[i], &w) != KITH_OK;
		else
			bad = bad || memcmp(out.wrapper[i], none, sizeof(none)) != 0;
	}
	kith_read_skip(&r, BODY + KITH_SEAL_OVERHEAD);
	kith_read_zeros(&r, 440);
	kith_read_skip(&r, sizeof(hash));
	kith_wipe(&w, sizeof(w));
	if (format != FORMAT || out.count == 0 || out.count > KITH__WRAPPERS || bad ||
	    kith_read_end(&r) != KITH_OK)
		return KITH_E_MALFORMED;
	*kf = out;
	return KITH_OK;
}

static void commit_to(uint8_t out[static 32], const uint8_t key[static 32],
		      const uint8_t salt[static 16])
{
	kith_kdf(out, key, 32, KITH_L_DB_COMMIT, salt, 16);
}

static void wrap_key(uint8_t out[static 32], const uint8_t key[static 32],
		     const uint8_t salt[static 16])
{
	kith_kdf(out, key, 32, KITH_L_DB_WRAP, salt, 16);
}

static int unwrap_plain(const struct wrapper *w, uint8_t master[static 32])
{
	uint8_t commitment[32];

	commit_to(commitment, w->sealed, w->salt);
	if (!kith_equal(commitment, w->commitment, sizeof(commitment)))
		return KITH_E_AUTH;
	memcpy(master, w->sealed, 32);
	return KITH_OK;
}

/* What Argon2id gets for a wrapper of this kind; NULL: this text cannot open it. */
static const char *stretch_text(uint8_t kind, const char *pass, size_t *len, const char *words)
{
	if (kind == KITH__WRAP_PASSPHRASE)
		return pass;
	if (kind != KITH__WRAP_RECOVERY || words == NULL)
		return NULL;
	*len = strlen(words);
	return words;
}

static int unwrap_sealed(const struct wrapper *w, const char *pass, size_t pass_len,
			 uint8_t master[static 32])
{
	uint8_t stretched[32], key[32], commitment[32];
	int status;

	status = kith_passphrase_key(stretched, pass, pass_len, w->salt, w->passes, w->kib);
	if (status != KITH_OK)
		return status;
	commit_to(commitment, stretched, w->salt);
	wrap_key(key, stretched, w->salt);
	status = KITH_E_AUTH;
	if (kith_equal(commitment, w->commitment, sizeof(commitment)))
		status = kith_xopen(master, w->nonce, key, NULL, 0, w->sealed, sizeof(w->sealed));
	kith_wipe(stretched, sizeof(stretched));
	kith_wipe(key, sizeof(key));
	return status;
}

/* Words that are well formed are tried as such first: their wrapper is cheap and cannot be hit by
 * chance. All else costs one Argon2id, right or wrong. */
static int unwrap_kind(const struct kith__keyfile *kf, uint8_t kind, const char *pass,
		       size_t pass_len, const char *words, uint8_t master[static 32])
{
	int status = KITH_E_AUTH;
	const char *text;
	struct wrapper w;
	size_t len;

	for (unsigned int i = 0; i < kf->count && status == KITH_E_AUTH; i++) {
		len = pass_len;
		if (read_wrapper(kf->wrapper[i], &w) != KITH_OK || w.kind != kind)
			continue;
		text = pass != NULL ? stretch_text(kind, pass, &len, words) : NULL;
		if (kind == KITH__WRAP_NONE)
			status = unwrap_plain(&w, master);
		else if (text != NULL)
			status = unwrap_sealed(&w, text, len, master);
	}
	kith_wipe(&w, sizeof(w));
	return status;
}

int kith__keyfile_unwrap(const struct kith__keyfile *kf, const char *pass, size_t pass_len,
			 uint8_t master[static 32])
{
	static const uint8_t order[] = {KITH__WRAP_NONE, KITH__WRAP_RECOVERY,
					KITH__WRAP_PASSPHRASE};
	int status = KITH_E_AUTH;
	char words[KITH_WORDS_TEXT];
	bool are_words = pass != NULL && kith_words_parse(pass, pass_len, words) == KITH_OK;

	for (size_t i = 0; i < sizeof(order) && status == KITH_E_AUTH; i++)
		status =
			unwrap_kind(kf, order[i], pass, pass_len, are_words ? words : NULL, master);
	kith_wipe(words, sizeof(words));
	return status;
}

void kith__keyfile_drop(struct kith__keyfile *kf, enum kith__wrap kind)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < kf->count; i++)
		if (kf->wrapper[i][0] != (uint8_t)kind)
			memmove(kf->wrapper[kept++], kf->wrapper[i], KITH__WRAPPER);
	for (unsigned int i = kept; i < KITH__WRAPPERS; i++)
		kith_wipe(kf->wrapper[i], KITH__WRAPPER);
	kf->count = kept;
}

bool kith__keyfile_has(const struct kith__keyfile *kf, enum kith__wrap kind)
{
	for (unsigned int i = 0; i < kf->count; i++)
		if (kf->wrapper[i][0] == (uint8_t)kind)
			return true;
	return false;
}

bool kith__keyfile_protected(const struct kith__keyfile *kf)
{
	return !kith__keyfile_has(kf, KITH__WRAP_NONE);
}

static void put_wrapper(uint8_t out[static KITH__WRAPPER], const struct wrapper *v)
{
	struct kith_writer w;

	kith_writer_init(&w, out, KITH__WRAPPER);
	kith_write_u8(&w, v->kind);
	kith_write_zeros(&w, 3);
	kith_write_u32(&w, v->passes);
	kith_write_u32(&w, v->kib);
	kith_write_zeros(&w, 4);
	kith_write_bytes(&w, v->salt, sizeof(v->salt));
	kith_write_bytes(&w, v->commitment, sizeof(v->commitment));
	kith_write_bytes(&w, v->nonce, sizeof(v->nonce));
	kith_write_bytes(&w, v->sealed, sizeof(v->sealed));
	kith_write_zeros(&w, 24);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
}

/* Seals the master key under a text. */
static int wrap_sealed(struct wrapper *w, const uint8_t master[static 32], const char *text,
		       size_t len, struct kith_rng *rng)
{
	uint8_t stretched[32], key[32];
	int status;

	status = kith_passphrase_key(stretched, text, len, w->salt, w->passes, w->kib);
	if (status != KITH_OK)
		return status;
	kith_rng_fill(rng, w->nonce, sizeof(w->nonce));
	wrap_key(key, stretched, w->salt);
	kith_xseal(w->sealed, w->nonce, key, NULL, 0, master, 32);
	commit_to(w->commitment, stretched, w->salt);
	kith_wipe(stretched, sizeof(stretched));
	kith_wipe(key, sizeof(key));
	return KITH_OK;
}

int kith__keyfile_wrap(struct kith__keyfile *kf, const uint8_t master[static 32], const char *pass,
		       size_t pass_len, uint32_t passes, uint32_t kib, struct kith_rng *rng)
{
	struct wrapper w = {.kind = KITH__WRAP_PASSPHRASE, .passes = passes, .kib = kib};
	char words[KITH_WORDS_TEXT];
	int status = KITH_OK;

	if (kf->count >= KITH__WRAPPERS)
		return KITH_E_FULL;
	kith_rng_fill(rng, w.salt, sizeof(w.salt));
	if (pass == NULL) {
		w.kind = KITH__WRAP_NONE;
		w.passes = w.kib = 0;
		memcpy(w.sealed, master, 32);
		commit_to(w.commitment, master, w.salt);
	} else if (kith_words_parse(pass, pass_len, words) == KITH_OK) {
		w.kind = KITH__WRAP_RECOVERY;
		w.passes = WORDS_PASSES;
		w.kib = WORDS_KIB;
		status = wrap_sealed(&w, master, words, strlen(words), rng);
	} else {
		status = wrap_sealed(&w, master, pass, pass_len, rng);
	}
	if (status == KITH_OK)
		put_wrapper(kf->wrapper[kf->count++], &w);
	kith_wipe(words, sizeof(words));
	kith_wipe(&w, sizeof(w));
	return status;
}

/* The one user of the label "db.body". */
static void body_key(uint8_t key[static 32], const uint8_t master[static 32])
{
	kith_kdf(key, master, 32, KITH_L_DB_BODY, "", 0);
}

int kith__keyfile_body(struct kith__keyfile *kf, const uint8_t in[static KITH__KEYFILE],
		       const uint8_t master[static 32])
{
	uint8_t key[32], body[BODY];
	struct kith_reader r;
	int status;

	body_key(key, master);
	status = kith_open(body, key, in, HEAD, in + HEAD, BODY + KITH_SEAL_OVERHEAD);
	kith_wipe(key, sizeof(key));
	if (status != KITH_OK)
		return status;
	kith_reader_init(&r, body, sizeof(body));
	for (unsigned int i = 0; i < KITH__ENTRIES; i++) {
		kith_read_bytes(&r, kf->entry[i].id, 16);
		kf->entry[i].generation = kith_read_u64(&r);
		kf->entry[i].flags = kith_read_u64(&r);
	}
	kf->session_epoch = kith_read_u32(&r);
	kith_read_bytes(&r, kf->boot, sizeof(kf->boot));
	kith_read_zeros(&r, r.left);
	return kith_read_end(&r);
}

void kith__keyfile_encode(const struct kith__keyfile *kf, const uint8_t master[static 32],
			  struct kith_rng *rng, uint8_t out[static KITH__KEYFILE])
{
	uint8_t key[32], nonce[24], bound[32], body[BODY];
	struct kith_noncer noncer;
	struct kith_writer w;

	kith_writer_init(&w, body, sizeof(body));
	for (unsigned int i = 0; i < KITH__ENTRIES; i++) {
		kith_write_bytes(&w, kf->entry[i].id, 16);
		kith_write_u64(&w, kf->entry[i].generation);
		kith_write_u64(&w, kf->entry[i].flags);
	}
	kith_write_u32(&w, kf->session_epoch);
	kith_write_bytes(&w, kf->boot, sizeof(kf->boot));
	kith_write_pad(&w, BODY);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);

	kith_writer_init(&w, out, KITH__KEYFILE);
	kith_write_bytes(&w, "KITHKEY1", 8);
	kith_write_u16(&w, FORMAT);
	kith_write_u16(&w, (uint16_t)kf->count);
	kith_write_u64(&w, kf->counter);
	kith_write_bytes(&w, kf->profile, sizeof(kf->profile));
	kith_write_zeros(&w, 28);
	for (unsigned int i = 0; i < KITH__WRAPPERS; i++)
		kith_write_bytes(&w, kf->wrapper[i], KITH__WRAPPER);
	kith_write_pad(&w, HASH_AT);
	body_key(key, master);
	kith_noncer_init(&noncer, rng);
	kith_nonce_bind(bound, out, HEAD, body, BODY);
	kith_noncer_next(&noncer, nonce, bound);
	kith_seal(out + HEAD, nonce, key, out, HEAD, body, BODY);
	kith_blake2b(out + HASH_AT, out, HASH_AT);
	kith_wipe(key, sizeof(key));
	kith_wipe(body, sizeof(body));
	kith_wipe(&noncer, sizeof(noncer));
}
