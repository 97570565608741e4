/* SPDX-License-Identifier: ISC */
/*
 * Opening a profile in two steps: attach (lock file, key file read and checked) and unlock (the
 * passphrase opens the master key); and changing what opens it.
 *
 * Of the two copies of the key file the valid one with the greater write counter counts; equal
 * counters with other bytes are refused, and so is a profile with no valid copy: never is a new
 * identity made in place of one that cannot be read. The other copy is mended once the key is
 * unwrapped.
 */
#include <string.h>

#include "base/words.h"
#include "store/internal.h"

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
static int unlock_copy(struct kith_profile *p, struct copy *c, const char *pass, size_t pass_len)
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
		return kith__file_write(p, kith__profile_copies[i], good->bytes,
					sizeof(good->bytes));
	}
	return KITH_OK;
}

/* The copy that counts; its head goes to p->keyfile. */
static int choose(struct kith_profile *p, const struct copy c[static 2], unsigned int *first)
{
	if (c[0].status == KITH_E_VERSION || c[1].status == KITH_E_VERSION)
		return KITH_E_VERSION;
	if (c[0].status != KITH_OK && c[1].status != KITH_OK)
		return KITH_E_MALFORMED;
	if (c[0].status == KITH_OK && c[1].status == KITH_OK &&
	    c[0].keyfile.counter == c[1].keyfile.counter &&
	    memcmp(c[0].bytes, c[1].bytes, sizeof(c[0].bytes)) != 0)
		return KITH_E_MALFORMED;
	*first = c[0].status != KITH_OK ||
		 (c[1].status == KITH_OK && c[1].keyfile.counter > c[0].keyfile.counter);
	p->keyfile = c[*first].keyfile;
	return KITH_OK;
}

static int unlock(struct kith_profile *p, struct copy c[static 2], unsigned int first,
		  const char *pass, size_t pass_len)
{
	int status = unlock_copy(p, &c[first], pass, pass_len);

	if (status == KITH_E_MALFORMED && c[first ^ 1u].status == KITH_OK) {
		first ^= 1u;
		status = unlock_copy(p, &c[first], pass, pass_len);
	}
	if (status != KITH_OK)
		return status;
	p->locked = false;
	if (p->look)
		return KITH_OK;
	status = mend(p, c, &c[first]);
	/* a full disk must not keep the profile shut: the copy is mended another time */
	return status == KITH_E_NOSPACE ? KITH_OK : status;
}

static int read_copies(struct kith_profile *p, struct copy **out, unsigned int *first)
{
	struct copy *c = kith_alloc_zero(p->alloc, 2, sizeof(*c));
	int status = c == NULL ? KITH_E_NOMEM : KITH_OK;

	*out = c;
	for (unsigned int i = 0; i < 2 && status == KITH_OK; i++)
		status = read_copy(p, kith__profile_copies[i], &c[i]);
	return status == KITH_OK ? choose(p, c, first) : status;
}

static void free_copies(struct kith_profile *p, struct copy *c)
{
	if (c != NULL)
		kith_wipe(c, 2 * sizeof(*c));
	kith_alloc_free(p->alloc, c);
}

int kith_profile_attach(const struct kith_profile_config *cfg, struct kith_profile **out)
{
	struct copy *c = NULL;
	struct kith_profile *p;
	unsigned int first;
	bool any = false;
	int status;

	status = kith__profile_begin(cfg, false, &p);
	if (status != KITH_OK)
		return status;
	p->locked = true;
	status = kith__profile_there(p, &any);
	if (status == KITH_OK && !any)
		status = KITH_E_NOTFOUND;
	if (status == KITH_OK && p->os)
		status = kith__profile_take_lock(p);
	if (status == KITH_OK)
		status = read_copies(p, &c, &first);
	free_copies(p, c);
	if (status != KITH_OK) {
		kith_profile_close(p);
		return status;
	}
	*out = p;
	return KITH_OK;
}

int kith_profile_unlock(struct kith_profile *p, const char *pass, size_t pass_len)
{
	struct copy *c = NULL;
	unsigned int first;
	int status;

	KITH_ASSERT(p->locked);
	status = read_copies(p, &c, &first);
	if (status == KITH_OK)
		status = unlock(p, c, first, pass, pass_len);
	free_copies(p, c);
	if (status == KITH_OK && !p->look)
		kith__space_check(p);
	return status;
}

int kith_profile_look(struct kith_profile *p, const char *pass, size_t pass_len)
{
	p->look = true;
	return kith_profile_unlock(p, pass, pass_len);
}

void kith_profile_lock(struct kith_profile *p)
{
	kith_wipe(p->master, KITH_KEY);
	kith_wipe(p->keyfile.entry, sizeof(p->keyfile.entry));
	p->locked = true;
}

int kith_profile_open(const struct kith_profile_config *cfg, const char *pass, size_t pass_len,
		      struct kith_profile **out)
{
	struct kith_profile *p;
	int status;

	status = kith_profile_attach(cfg, &p);
	if (status != KITH_OK)
		return status;
	status = kith_profile_unlock(p, pass, pass_len);
	if (status != KITH_OK) {
		kith_profile_close(p);
		return status;
	}
	*out = p;
	return KITH_OK;
}

/* ---- passphrase and words of an open profile ---- */

int kith_profile_check(struct kith_profile *p, const char *pass, size_t pass_len)
{
	uint8_t *master = kith__secret_get(p, KITH_KEY);
	int status;

	if (master == NULL)
		return KITH_E_NOMEM;
	status = kith__keyfile_unwrap(&p->keyfile, pass, pass_len, master);
	kith__secret_put(p, master, KITH_KEY);
	return status;
}

int kith__profile_wrap(struct kith_profile *p, struct kith__keyfile *kf, const char *pass,
		       size_t pass_len)
{
	int status = kith__keyfile_wrap(kf, p->master, pass, pass_len, p->argon_passes,
					p->argon_kib, p->rng);

	if (status == KITH_E_NOMEM && p->argon_kib > KITH__ARGON_KIB_SMALL)
		status = kith__keyfile_wrap(kf, p->master, pass, pass_len, p->argon_passes,
					    KITH__ARGON_KIB_SMALL, p->rng);
	return status;
}

/* Puts one wrapper in the place of all of some kinds, and writes both copies. */
static int rewrap(struct kith_profile *p, const enum kith__wrap *kinds, size_t count,
		  const char *pass, size_t pass_len)
{
	struct kith__keyfile kf = p->keyfile, before = p->keyfile;
	int status;

	KITH_ASSERT(!p->locked);
	for (size_t i = 0; i < count; i++)
		kith__keyfile_drop(&kf, kinds[i]);
	status = kith__profile_wrap(p, &kf, pass, pass_len);
	if (status == KITH_OK) {
		p->keyfile = kf;
		status = kith__profile_save(p);
		if (status != KITH_OK) {
			/* what was written of it loses against the next counter, if the disk lets
			 * us */
			before.counter = p->keyfile.counter;
			p->keyfile = before;
			if (kith__profile_save(p) != KITH_OK)
				p->keyfile.counter = before.counter + 1;
		}
	}
	kith_wipe(&kf, sizeof(kf));
	kith_wipe(&before, sizeof(before));
	return status;
}

int kith_profile_passphrase(struct kith_profile *p, const char *pass, size_t pass_len)
{
	static const enum kith__wrap kinds[] = {KITH__WRAP_PASSPHRASE, KITH__WRAP_NONE};
	char words[KITH_WORDS_TEXT];
	bool are_words = pass != NULL && kith_words_parse(pass, pass_len, words) == KITH_OK;

	kith_wipe(words, sizeof(words));
	if (are_words) /* they would open the profile as words, without the cost of a passphrase */
		return KITH_E_STATE;
	return rewrap(p, kinds, 2, pass, pass_len);
}

int kith_profile_recovery(struct kith_profile *p, char *words)
{
	static const enum kith__wrap kinds[] = {KITH__WRAP_RECOVERY};
	uint8_t secret[KITH_WORDS_SECRET];
	int status;

	kith_rng_fill(p->rng, secret, sizeof(secret));
	kith_words_encode(secret, words);
	kith_wipe(secret, sizeof(secret));
	status = rewrap(p, kinds, 1, words, strlen(words));
	if (status != KITH_OK)
		kith_wipe(words, KITH_WORDS_TEXT);
	return status;
}

bool kith_profile_locked(const struct kith_profile *p)
{
	return p->locked;
}

bool kith_profile_has_words(const struct kith_profile *p)
{
	return kith__keyfile_has(&p->keyfile, KITH__WRAP_RECOVERY);
}
