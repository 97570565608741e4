/* SPDX-License-Identifier: ISC */
/*
 * What the profile is asked for over the control socket. One task at a time. Argon2id and opening
 * run as a job on the bulk lane; what follows of them - node and sockets up or down - runs from a
 * timer, outside of the driver's turn.
 *
 *	idle --ask--> job on the worker --done--> step --> idle
 *	idle --lock--> the node finishes, 5 s at most --> step --> idle
 *
 * A wrong passphrase makes the next try wait 1, 2, 4 .. 30 s. The wait is kept in memory and counts
 * monotonic time: neither a set clock nor a restart locks the owner out, and a thief who can
 * restart the node has the key file anyway.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/words.h"
#include "node/kithd/internal.h"

#define LOCK_MS   5000u
#define TELL_MS   250u
#define WAIT_MAX  (30u * KITH_US_PER_S)
#define WAIT_BASE KITH_US_PER_S

struct kith__kithd_vault {
	struct kith_job job; /* first */
	struct kithd *k;
	struct kith_arena *arena;
	char *pass, *next; /* locked memory */
	size_t pass_len, next_len;
	bool has_pass, has_next;
	enum kith_profile_verb verb;
	uint32_t call;
	int descriptor;
	bool busy, wanted, working, locking;
	bool ended, stepping; /* of a backup: its last slice is back; on_step comes */
	unsigned drained;     /* turns since the node finished */
	int code;             /* an exit code of opening; -1 = none */
	char *words;          /* locked memory */
	uv_timer_t step;
	bool step_open;
	unsigned wrong;
	kith_time next_try;
	struct kith_store_backup *backup;
	atomic_uint_fast64_t done, total; /* of a long task; told from `tell` */
	uv_timer_t tell;
};

/* ---- on the worker ---- */

static const char *given(const char *text, bool has)
{
	return has ? text : NULL;
}

/* The passphrase of the owner, asked for again in a call that needs it. */
static int check_owner(struct kith__kithd_vault *v)
{
	if (!kith_profile_protected(v->k->profile))
		return KITH_OK;
	return v->has_pass ? kith_profile_check(v->k->profile, v->pass, v->pass_len) : KITH_E_AUTH;
}

static int open_all(struct kith__kithd_vault *v, int status)
{
	struct kithd *k = v->k;

	if (status == KITH_OK) {
		v->code = kith__kithd_open_stores(k);
		return v->code < 0 ? KITH_OK : KITH_E_IO;
	}
	if (status != KITH_E_AUTH)
		v->code = kith__kithd_profile_failed(k, status);
	return status;
}

static int do_passphrase(struct kith__kithd_vault *v)
{
	int status = check_owner(v);

	if (status == KITH_OK)
		status = kith_profile_passphrase(v->k->profile, given(v->next, v->has_next),
						 v->next_len);
	return status;
}

static int do_recovery(struct kith__kithd_vault *v)
{
	int status = check_owner(v);

	return status == KITH_OK ? kith_profile_recovery(v->k->profile, v->words) : status;
}

/* A regular file, open for what is done with it. */
static bool file_ok(int fd, bool writes)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (flags < 0 || (flags & O_PATH) != 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	return writes ? (flags & O_ACCMODE) == O_RDWR : (flags & O_ACCMODE) != O_WRONLY;
}

static int do_backup(struct kith__kithd_vault *v)
{
	int status = v->has_pass ? check_owner(v) : KITH_E_AUTH;

	if (status == KITH_OK && !file_ok(v->descriptor, true))
		status = KITH_E_MALFORMED;
	if (status == KITH_OK)
		status = kith_store_backup_new(v->k->account, v->descriptor, v->pass, v->pass_len,
					       &v->backup);
	return status;
}

static void on_told(void *ctx, uint64_t done, uint64_t total)
{
	struct kith__kithd_vault *v = ctx;

	atomic_store(&v->done, done);
	atomic_store(&v->total, total);
}

static int do_restore(struct kith__kithd_vault *v)
{
	struct kith_restore r = {.fd = v->descriptor,
				 .pass = v->pass,
				 .next = given(v->next, v->has_next),
				 .pass_len = v->pass_len,
				 .next_len = v->next_len,
				 .told = on_told,
				 .ctx = v};

	if (!file_ok(v->descriptor, false))
		return KITH_E_MALFORMED;
	return kith__kithd_restore(v->k, &r);
}

static void run_job(struct kith_job *job)
{
	struct kith__kithd_vault *v = (struct kith__kithd_vault *)(void *)job;
	struct kithd *k = v->k;

	switch (v->verb) {
	case KITH_PROFILE_CREATE:
		job->status = open_all(v, kith__kithd_create(k, given(v->pass, v->has_pass),
							     v->pass_len));
		return;
	case KITH_PROFILE_UNLOCK:
		job->status =
			open_all(v, kith_profile_unlock(k->profile, given(v->pass, v->has_pass),
							v->pass_len));
		return;
	case KITH_PROFILE_PASSPHRASE: job->status = do_passphrase(v); return;
	case KITH_PROFILE_RECOVERY: job->status = do_recovery(v); return;
	case KITH_PROFILE_BACKUP: job->status = do_backup(v); return;
	case KITH_PROFILE_RESTORE:
		job->status = do_restore(v);
		if (job->status == KITH_OK)
			job->status = open_all(v, KITH_OK);
		return;
	case KITH_PROFILE_LOCK:
	case KITH_PROFILE_WIPE: break;
	}
	job->status = KITH_E_STATE;
}

/* ---- the end of a task ---- */

static uint32_t wait_ms(const struct kith__kithd_vault *v)
{
	kith_time now = kith_driver_now(v->k->driver);

	return now < v->next_try ? (uint32_t)((v->next_try - now) / KITH_US_PER_MS) + 1 : 0;
}

static void count_try(struct kith__kithd_vault *v, int status)
{
	kith_time wait;

	if (status != KITH_E_AUTH) {
		if (status == KITH_OK)
			v->wrong = 0;
		return;
	}
	wait = v->wrong < 5 ? (kith_time)WAIT_BASE << v->wrong : WAIT_MAX;
	v->wrong += v->wrong < 5 ? 1 : 0;
	v->next_try = kith_driver_now(v->k->driver) + wait;
}

static const char *backup_sentence(int status)
{
	if (status == KITH_E_MALFORMED)
		return "A backup needs an empty file that can be read and written, and a database "
		       "without damage.";
	if (status == KITH_E_NOSPACE)
		return "The disk of the backup is full; the file is of no use.";
	return "The backup could not be written; the file is of no use.";
}

static const char *restore_sentence(int status)
{
	switch ((enum kith_status)status) {
	case KITH_E_MALFORMED:
		return "This file is no backup, or a damaged or half-written one. Nothing was "
		       "made.";
	case KITH_E_VERSION: return "This backup was written by a newer version of Kith.";
	case KITH_E_EXISTS:
		return "There is a profile in this directory, or what is left of one; nothing was "
		       "changed.";
	case KITH_E_STATE: return "These are recovery words; choose another passphrase.";
	case KITH_E_NOSPACE: return "The disk is full. Nothing was made.";
	case KITH_OK:
	case KITH_E_NOMEM:
	case KITH_E_FULL:
	case KITH_E_AUTH:
	case KITH_E_NOTFOUND:
	case KITH_E_EXPIRED:
	case KITH_E_IO:
	case KITH_E_LOCKED: break;
	}
	return "The profile could not be written. Nothing was made.";
}

/* A general sentence where the failure itself said none. */
static const char *sentence_of(const struct kith__kithd_vault *v, int status)
{
	if (v->code >= 0 && v->k->sentence != NULL && v->k->sentence[0] != '\0')
		return v->k->sentence;
	if (v->verb == KITH_PROFILE_BACKUP)
		return backup_sentence(status);
	if (v->verb == KITH_PROFILE_RESTORE)
		return restore_sentence(status);
	if (v->verb == KITH_PROFILE_PASSPHRASE && status == KITH_E_STATE)
		return "These are recovery words; choose another passphrase.";
	if (status == KITH_E_NOMEM)
		return "There is not enough memory for the passphrase.";
	if (status == KITH_E_IO || status == KITH_E_NOSPACE)
		return "The key file could not be written; the former one holds.";
	return NULL;
}

static void finish(struct kith__kithd_vault *v, int status)
{
	struct kithd *k = v->k;
	struct kith_profile_result r = {.call = v->call, .status = status};

	count_try(v, status);
	r.retry_ms = wait_ms(v);
	if (status != KITH_OK)
		r.sentence = sentence_of(v, status);
	else if (v->verb == KITH_PROFILE_RECOVERY)
		r.words = v->words;
	else if (v->backup != NULL)
		r.bytes = kith_store_backup_bytes(v->backup, r.hash);
	kith_store_backup_free(v->backup);
	v->backup = NULL;
	(void)uv_timer_stop(&v->tell);
	kith_wipe(v->pass, KITH_PASSPHRASE_MAX);
	kith_wipe(v->next, KITH_PASSPHRASE_MAX);
	if (v->descriptor >= 0)
		(void)close(v->descriptor);
	v->descriptor = -1;
	v->busy = false;
	kith__kithd_vault_tell(k);
	kith_control_profile_done(k->control, &r, kith_driver_now(k->driver));
	kith_wipe(v->words, KITH_WORDS_TEXT);
	kith_driver_kick(k->driver);
}

static bool opens(enum kith_profile_verb verb)
{
	return verb == KITH_PROFILE_UNLOCK || verb == KITH_PROFILE_CREATE ||
	       verb == KITH_PROFILE_RESTORE;
}

/* Outside of a turn: node and sockets come or go. */
static void on_step(uv_timer_t *t)
{
	struct kith__kithd_vault *v = t->data;
	struct kithd *k = v->k;
	int status = v->job.status;

	if (k->stopping)
		return;
	v->stepping = false;
	if (v->locking) {
		v->locking = false;
		kith__kithd_node_down(k);
		kith__kithd_say(k, KITH_LOG_INFO, "Locked.");
		finish(v, KITH_OK);
		return;
	}
	if (opens(v->verb) && v->code < 0 && status == KITH_OK) {
		v->code = kith__kithd_node_up(k);
		if (v->code < 0) {
			kith_control_node(k->control, k->node);
			kith__kithd_say(k, KITH_LOG_INFO, "Unlocked.");
		} else {
			status = KITH_E_IO;
		}
	} else if (opens(v->verb)) {
		kith__kithd_node_down(k); /* a store may be open */
	}
	finish(v, status);
}

bool kith__kithd_vault_job(struct kithd *k, struct kith_job **out)
{
	struct kith__kithd_vault *v = k->vault;

	if (v == NULL)
		return false;
	if (v->working)
		return false; /* what it makes is not ours yet */
	if (v->backup != NULL && !v->stepping && kith_store_backup_job(v->backup, out))
		return true;
	if (!v->wanted)
		return false;
	v->wanted = false;
	v->working = true;
	v->job.run = run_job;
	v->job.lane = KITH_LANE_BULK;
	v->job.status = KITH_OK;
	*out = &v->job;
	return true;
}

/* A slice of the backup came back; the last one leaves its status as that of the task. */
static bool slice_done(struct kith__kithd_vault *v, struct kith_job *job)
{
	uint64_t done, total;
	int status;

	if (v->backup == NULL || (void *)job != (void *)v->backup)
		return false;
	v->ended = kith_store_backup_done(v->backup, job, &status);
	if (v->ended)
		v->job.status = status;
	kith_store_backup_progress(v->backup, &done, &total);
	on_told(v, done, total);
	return true;
}

bool kith__kithd_vault_done(struct kithd *k, struct kith_job *job)
{
	struct kith__kithd_vault *v = k->vault;

	if (v == NULL || (job != &v->job && !slice_done(v, job)))
		return false;
	if (job == &v->job)
		v->working = false;
	if (v->backup == NULL || v->ended || v->job.status != KITH_OK) {
		v->stepping = true;
		(void)uv_timer_start(&v->step, on_step, 0, 0);
	}
	return true;
}

void kith__kithd_vault_turn(struct kithd *k, kith_time now)
{
	struct kith__kithd_vault *v = k->vault;

	if (v == NULL || !v->locking || k->node == NULL || !kith_node_stopping(k->node, now))
		return;
	/* one more turn: the last datagrams leave */
	if (v->drained++ == 0)
		kith_driver_kick(k->driver);
	else
		(void)uv_timer_start(&v->step, on_step, 0, 0);
}

static void on_tell(uv_timer_t *t)
{
	struct kith__kithd_vault *v = t->data;
	uint64_t total = atomic_load(&v->total);

	if (total == 0)
		return;
	kith_control_profile_progress(v->k->control, v->call, atomic_load(&v->done), total,
				      kith_driver_now(v->k->driver));
	kith_driver_kick(v->k->driver);
}

/* ---- asking ---- */

static void keep(char *to, size_t *to_len, bool *has, const char *from, size_t len)
{
	*has = from != NULL;
	*to_len = *has ? len : 0;
	if (*has)
		memcpy(to, from, len);
}

static int begin_lock(struct kith__kithd_vault *v)
{
	v->locking = true;
	v->drained = 0;
	/* what waits on the node ends now, and nothing new begins */
	kith_control_node(v->k->control, NULL);
	(void)uv_timer_start(&v->step, on_step, LOCK_MS, 0);
	kith_driver_kick(v->k->driver);
	return KITH_OK;
}

int kith__kithd_vault_ask(void *ctx, const struct kith_profile_ask *ask)
{
	struct kithd *k = ctx;
	struct kith__kithd_vault *v = k->vault;
	struct kith_profile_result wrong = {.call = ask->call, .status = KITH_E_AUTH};

	if (v->busy || k->stopping)
		return KITH_E_FULL;
	if (ask->pass_len > KITH_PASSPHRASE_MAX || ask->next_len > KITH_PASSPHRASE_MAX)
		return KITH_E_MALFORMED;
	wrong.retry_ms = wait_ms(v);
	if (wrong.retry_ms > 0 && ask->verb != KITH_PROFILE_LOCK &&
	    ask->verb != KITH_PROFILE_CREATE) {
		wrong.sentence = "Not tried: too soon after a wrong passphrase.";
		if (ask->descriptor >= 0)
			(void)close(ask->descriptor);
		kith_control_profile_done(k->control, &wrong, kith_driver_now(k->driver));
		return KITH_OK;
	}
	v->busy = true;
	v->verb = ask->verb;
	v->call = ask->call;
	v->descriptor = ask->descriptor;
	v->code = -1;
	if (k->sentence != NULL)
		k->sentence[0] = '\0';
	keep(v->pass, &v->pass_len, &v->has_pass, ask->pass, ask->pass_len);
	keep(v->next, &v->next_len, &v->has_next, ask->next, ask->next_len);
	if (ask->verb == KITH_PROFILE_LOCK)
		return begin_lock(v);
	v->wanted = true;
	v->ended = v->stepping = false;
	atomic_store(&v->total, 0);
	if (ask->verb == KITH_PROFILE_BACKUP || ask->verb == KITH_PROFILE_RESTORE)
		(void)uv_timer_start(&v->tell, on_tell, TELL_MS, TELL_MS);
	kith_driver_kick(k->driver);
	return KITH_OK;
}

void kith__kithd_vault_drop(void *ctx, int descriptor)
{
	(void)ctx;
	(void)close(descriptor);
}

void kith__kithd_vault_tell(struct kithd *k)
{
	struct kith_control_profile p = {.absent = k->profile == NULL};

	if (k->profile != NULL) {
		p.is_protected = kith_profile_protected(k->profile);
		p.words = kith_profile_has_words(k->profile);
	}
	kith_control_profile(k->control, &p);
}

/* ---- opening and closing ---- */

int kith__kithd_vault_open(struct kithd *k)
{
	struct kith__kithd_vault *v = kith_alloc_zero(NULL, 1, sizeof(*v));

	if (v == NULL)
		return KITH_E_NOMEM;
	k->vault = v;
	v->k = k;
	v->descriptor = -1;
	v->arena = kith_arena_new();
	if (v->arena == NULL)
		return KITH_E_NOMEM;
	v->pass = kith_arena_get(v->arena, KITH_PASSPHRASE_MAX);
	v->next = kith_arena_get(v->arena, KITH_PASSPHRASE_MAX);
	v->words = kith_arena_get(v->arena, KITH_WORDS_TEXT);
	if (v->pass == NULL || v->next == NULL || v->words == NULL)
		return KITH_E_NOMEM;
	(void)uv_timer_init(&k->loop, &v->step);
	(void)uv_timer_init(&k->loop, &v->tell);
	v->step.data = v;
	v->tell.data = v;
	v->step_open = true;
	return KITH_OK;
}

void kith__kithd_vault_close(struct kithd *k)
{
	struct kith__kithd_vault *v = k->vault;

	if (v == NULL)
		return;
	kith_store_backup_free(v->backup); /* the driver is closed: no slice is under way */
	v->backup = NULL;
	if (v->step_open) {
		uv_close((uv_handle_t *)&v->step, NULL);
		uv_close((uv_handle_t *)&v->tell, NULL);
	}
}

void kith__kithd_vault_free(struct kithd *k)
{
	struct kith__kithd_vault *v = k->vault;

	if (v == NULL)
		return;
	if (v->descriptor >= 0)
		(void)close(v->descriptor);
	kith_arena_free(v->arena);
	kith_wipe(v, sizeof(*v));
	kith_alloc_free(NULL, v);
	k->vault = NULL;
}
