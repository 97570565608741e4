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
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/words.h"
#include "node/kithd/internal.h"

#define LOCK_MS   5000u
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
	bool busy, wanted, locking;
	unsigned drained; /* turns since the node finished */
	int code;         /* an exit code of opening; -1 = none */
	char *words;      /* locked memory */
	uv_timer_t step;
	bool step_open;
	unsigned wrong;
	kith_time next_try;
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
	case KITH_PROFILE_LOCK:
	case KITH_PROFILE_BACKUP:
	case KITH_PROFILE_RESTORE:
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

/* A general sentence where the failure itself said none. */
static const char *sentence_of(const struct kith__kithd_vault *v, int status)
{
	if (v->code >= 0 && v->k->sentence != NULL && v->k->sentence[0] != '\0')
		return v->k->sentence;
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
	kith_wipe(v->pass, KITH_PASSPHRASE_MAX);
	kith_wipe(v->next, KITH_PASSPHRASE_MAX);
	if (v->descriptor >= 0)
		(void)close(v->descriptor);
	v->descriptor = -1;
	v->busy = false;
	kith__kithd_vault_tell(k);
	kith_control_profile_done(k->control, &r);
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

	if (v == NULL || !v->wanted)
		return false;
	v->wanted = false;
	v->job.run = run_job;
	v->job.lane = KITH_LANE_BULK;
	v->job.status = KITH_OK;
	*out = &v->job;
	return true;
}

bool kith__kithd_vault_done(struct kithd *k, struct kith_job *job)
{
	struct kith__kithd_vault *v = k->vault;

	if (v == NULL || job != &v->job)
		return false;
	(void)uv_timer_start(&v->step, on_step, 0, 0);
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
		if (ask->descriptor >= 0)
			(void)close(ask->descriptor);
		kith_control_profile_done(k->control, &wrong);
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
	v->step.data = v;
	v->step_open = true;
	return KITH_OK;
}

void kith__kithd_vault_close(struct kithd *k)
{
	struct kith__kithd_vault *v = k->vault;

	if (v != NULL && v->step_open)
		uv_close((uv_handle_t *)&v->step, NULL);
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
