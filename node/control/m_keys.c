/* SPDX-License-Identifier: ISC */
/*
 * Methods of the profile's keys: unlock, lock, passphrase, recovery. The host does the work; here
 * are their parameters and answers. Nothing says in what a wrong passphrase was wrong.
 */
#include "base/bytes.h"
#include "node/control/internal.h"

#define PROGRESS_US (KITH_US_PER_S / 4)

static void busy(struct kith_control *c, struct kith__call *call)
{
	kith__control_error(c, call, KITH__RPC_LIMIT, "Another task on the profile is under way.",
			    json_pack("{s:i}", "retry_after_ms", 1000));
}

static void give_back(struct kith_control *c, int descriptor)
{
	if (descriptor >= 0 && c->host.close != NULL)
		c->host.close(c->host.ctx, descriptor);
}

void kith__control_host(struct kith_control *c, struct kith__call *call,
			const struct kith_profile_ask *ask)
{
	struct kith_profile_ask mine = *ask;
	int status = KITH_E_STATE;

	mine.call = call->number;
	call->hosted = true;
	if (c->host.profile != NULL)
		status = c->host.profile(c->host.ctx, &mine);
	if (status == KITH_OK)
		return;
	call->hosted = false;
	give_back(c, mine.descriptor);
	if (status == KITH_E_FULL)
		busy(c, call);
	else
		kith__control_error_status(c, call, status);
}

/* An absent or empty text is no passphrase. */
static const char *text_of(const struct kith__value *v, size_t *len)
{
	*len = v->given ? v->len : 0;
	return v->given && v->len > 0 ? v->text : NULL;
}

/* A peer without an identity has keys too: it is asked whether it is open, not who it is. */
static bool is_open(struct kith_control *c, struct kith__call *call)
{
	if (c->n != NULL)
		return true;
	kith__control_error(c, call, KITH__RPC_LOCKED,
			    c->profile.absent ? "There is no profile yet."
					      : "The profile is locked.",
			    json_pack("{s:b}", "absent", (int)c->profile.absent));
	return false;
}

static struct kith_profile_ask ask_of(enum kith_profile_verb verb, const struct kith__value *pass)
{
	struct kith_profile_ask ask = {.verb = verb, .descriptor = -1};

	if (pass != NULL)
		ask.pass = text_of(pass, &ask.pass_len);
	return ask;
}

void kith__control_m_profile_unlock(struct kith_control *c, struct kith__call *call,
				    const struct kith__args *a)
{
	struct kith_profile_ask ask =
		ask_of(KITH_PROFILE_UNLOCK, KITH__ARG(a, profile_unlock, passphrase));

	if (c->n != NULL)
		kith__control_error(c, call, KITH__RPC_CONFLICT, "The profile is open already.",
				    NULL);
	else if (c->profile.absent)
		(void)is_open(c, call);
	else
		kith__control_host(c, call, &ask);
}

void kith__control_m_profile_lock(struct kith_control *c, struct kith__call *call,
				  const struct kith__args *a)
{
	struct kith_profile_ask ask = ask_of(KITH_PROFILE_LOCK, NULL);

	(void)a;
	if (!is_open(c, call))
		return;
	if (!c->profile.is_protected)
		kith__control_error(c, call, KITH__RPC_CONFLICT,
				    "This profile has no passphrase, so locking would protect "
				    "nothing; set one first.",
				    NULL);
	else
		kith__control_host(c, call, &ask);
}

void kith__control_m_profile_passphrase(struct kith_control *c, struct kith__call *call,
					const struct kith__args *a)
{
	struct kith_profile_ask ask =
		ask_of(KITH_PROFILE_PASSPHRASE, KITH__ARG(a, profile_passphrase, old));

	ask.next = text_of(KITH__ARG(a, profile_passphrase, new), &ask.next_len);
	if (is_open(c, call))
		kith__control_host(c, call, &ask);
}

void kith__control_m_profile_recovery(struct kith_control *c, struct kith__call *call,
				      const struct kith__args *a)
{
	struct kith_profile_ask ask =
		ask_of(KITH_PROFILE_RECOVERY, KITH__ARG(a, profile_recovery, passphrase));

	if (is_open(c, call))
		kith__control_host(c, call, &ask);
}

void kith__control_m_profile_backup(struct kith_control *c, struct kith__call *call,
				    const struct kith__args *a)
{
	struct kith_profile_ask ask =
		ask_of(KITH_PROFILE_BACKUP, KITH__ARG(a, profile_backup, passphrase));
	struct kith_node_identity id;

	ask.descriptor = KITH__ARG(a, profile_backup, descriptor)->descriptor;
	if (kith__control_identity(c, &id)) {
		kith__control_host(c, call, &ask);
		return;
	}
	give_back(c, ask.descriptor);
	if (is_open(c, call))
		kith__control_error(c, call, KITH__RPC_CONFLICT,
				    "There is no identity yet that a backup could hold.", NULL);
}

void kith__control_m_profile_restore(struct kith_control *c, struct kith__call *call,
				     const struct kith__args *a)
{
	struct kith_profile_ask ask =
		ask_of(KITH_PROFILE_RESTORE, KITH__ARG(a, profile_restore, passphrase));

	ask.next = text_of(KITH__ARG(a, profile_restore, new), &ask.next_len);
	ask.descriptor = KITH__ARG(a, profile_restore, descriptor)->descriptor;
	if (c->n == NULL && c->profile.absent) {
		kith__control_host(c, call, &ask);
		return;
	}
	give_back(c, ask.descriptor);
	kith__control_error(c, call, KITH__RPC_CONFLICT,
			    "There is a profile here already; a backup becomes a profile only in a "
			    "place of its own.",
			    NULL);
}

/* ---- the end ---- */

static json_t *hash_text(const uint8_t hash[static 32])
{
	char text[65];

	kith_hex_encode(text, hash, 32);
	return json_string(text);
}

static void fail(struct kith_control *c, struct kith__call *call,
		 const struct kith_profile_result *r)
{
	if (r->status == KITH_E_AUTH)
		kith__control_error(c, call, KITH__RPC_PASSPHRASE,
				    r->sentence != NULL ? r->sentence
							: "The passphrase is wrong or missing.",
				    json_pack("{s:I}", "retry_after_ms", (json_int_t)r->retry_ms));
	else if (r->sentence == NULL)
		kith__control_error_status(c, call, r->status);
	else if (r->status == KITH_E_IO || r->status == KITH_E_NOSPACE ||
		 r->status == KITH_E_MALFORMED)
		kith__control_error(c, call, KITH__RPC_STORAGE, r->sentence, NULL);
	else
		kith__control_error(c, call, KITH__RPC_CONFLICT, r->sentence, NULL);
}

void kith_control_profile_done(struct kith_control *c, const struct kith_profile_result *r,
			       kith_time now)
{
	struct kith__call *call = kith__control_call(c, r->call);

	c->now = now;
	if (call == NULL || !call->hosted)
		return;
	call->hosted = false;
	if (call->caller == 0)
		kith__control_call_free(c, call);
	else if (r->status != KITH_OK)
		fail(c, call, r);
	else if (call->method == &kith__control_method[KITH__METHOD_profile_create])
		kith__control_create_identity(c, call);
	else if (call->method == &kith__control_method[KITH__METHOD_profile_restore])
		kith__control_answer(c, call, kith__control_identity_object(c));
	else if (call->method == &kith__control_method[KITH__METHOD_profile_backup])
		kith__control_answer(c, call,
				     json_pack("{s:I,s:o}", "bytes", (json_int_t)r->bytes, "hash",
					       hash_text(r->hash)));
	else if (r->words != NULL)
		kith__control_answer(c, call, json_pack("{s:s}", "words", r->words));
	else
		kith__control_answer(c, call, json_null());
}

void kith_control_profile_progress(struct kith_control *c, uint32_t number, uint64_t done,
				   uint64_t total, kith_time now)
{
	struct kith__call *call = kith__control_call(c, number);

	if (call == NULL || !call->hosted || call->id == NULL ||
	    (call->told_at != 0 && now - call->told_at < PROGRESS_US))
		return;
	call->told_at = now;
	kith__control_line(c, call->caller,
			   json_pack("{s:s,s:s,s:{s:O,s:I,s:I}}", "jsonrpc", "2.0", "method",
				     "progress", "params", "id", call->id, "done", (json_int_t)done,
				     "total", (json_int_t)total));
}
