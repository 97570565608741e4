/* SPDX-License-Identifier: ISC */
/*
 * How a call ends: its result or error goes out as a line, or into its batch, which goes out when
 * its last call has ended. Notifications end in silence.
 */
#include <string.h>

#include "node/control/internal.h"

static const struct {
	enum kith__rpc code;
	const char *name;
} names[] = {
	{KITH__RPC_PARSE, "parse"},
	{KITH__RPC_REQUEST, "request"},
	{KITH__RPC_METHOD, "method"},
	{KITH__RPC_PARAMS, "params"},
	{KITH__RPC_INTERNAL, "internal"},
	{KITH__RPC_LOCKED, "locked"},
	{KITH__RPC_DENIED, "denied"},
	{KITH__RPC_NOT_FOUND, "not_found"},
	{KITH__RPC_CONFLICT, "conflict"},
	{KITH__RPC_TOO_LARGE, "too_large"},
	{KITH__RPC_LIMIT, "limit"},
	{KITH__RPC_STORAGE, "storage"},
	{KITH__RPC_PRUNED, "events_pruned"},
	{KITH__RPC_INVITATION, "bad_invitation"},
	{KITH__RPC_NOT_ACCEPTED, "not_accepted"},
	{KITH__RPC_PASSPHRASE, "passphrase"},
};

json_t *kith__control_error_object(json_t *id, enum kith__rpc code, const char *sentence,
				   json_t *data)
{
	const char *name = "internal";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].code == code)
			name = names[i].name;
	if (data == NULL)
		data = json_object();
	(void)json_object_set_new(data, "name", json_string(name));
	return json_pack("{s:s,s:O?,s:{s:i,s:s,s:o}}", "jsonrpc", "2.0", "id", id, "error", "code",
			 (int)code, "message", sentence, "data", data);
}

static void finish(struct kith_control *c, struct kith__call *call, json_t *line)
{
	struct kith__batch *batch = call->batch;
	uint32_t caller = call->caller;

	if (batch == NULL) {
		if (call->id != NULL)
			kith__control_line(c, caller, line);
		else
			json_decref(line);
		kith__control_call_free(c, call);
		return;
	}
	if (call->id != NULL)
		(void)json_array_set_new(batch->answer, call->index, line);
	else
		json_decref(line);
	call->batch = NULL;
	kith__control_call_free(c, call);
	kith__control_batch_less(c, caller, batch);
}

void kith__control_batch_less(struct kith_control *c, uint32_t caller, struct kith__batch *batch)
{
	if (--batch->open > 0)
		return;
	for (size_t i = json_array_size(batch->answer); i-- > 0;)
		if (json_is_null(json_array_get(batch->answer, i)))
			(void)json_array_remove(batch->answer, i);
	if (json_array_size(batch->answer) > 0)
		kith__control_line(c, caller, json_incref(batch->answer));
	json_decref(batch->answer);
	kith_alloc_free(c->alloc, batch);
}

void kith__control_answer(struct kith_control *c, struct kith__call *call, json_t *result)
{
	json_t *line;

	if (result == NULL) {
		kith__control_error(c, call, KITH__RPC_INTERNAL, "Memory is short.", NULL);
		return;
	}
	line = json_pack("{s:s,s:O?,s:o}", "jsonrpc", "2.0", "id", call->id, "result", result);
	finish(c, call, line);
}

void kith__control_error(struct kith_control *c, struct kith__call *call, enum kith__rpc code,
			 const char *sentence, json_t *data)
{
	finish(c, call, kith__control_error_object(call->id, code, sentence, data));
}

void kith__control_error_param(struct kith_control *c, struct kith__call *call, const char *name,
			       const char *sentence)
{
	kith__control_error(c, call, KITH__RPC_PARAMS, sentence, json_pack("{s:s}", "param", name));
}

void kith__control_error_status(struct kith_control *c, struct kith__call *call, int status)
{
	switch ((enum kith_status)status) {
	case KITH_E_NOTFOUND:
		kith__control_error(c, call, KITH__RPC_NOT_FOUND, "There is no such thing.", NULL);
		return;
	case KITH_E_EXISTS:
		kith__control_error(c, call, KITH__RPC_CONFLICT, "It exists, with other content.",
				    NULL);
		return;
	case KITH_E_STATE:
		kith__control_error(c, call, KITH__RPC_CONFLICT,
				    kith_node_locked(c->n)
					    ? "This profile runs elsewhere; this copy only reads."
					    : "Not possible in the present state.",
				    NULL);
		return;
	case KITH_E_MALFORMED:
		kith__control_error(c, call, KITH__RPC_PARAMS, "A parameter has no legal form.",
				    NULL);
		return;
	case KITH_E_FULL:
		kith__control_error(c, call, KITH__RPC_LIMIT, "There are too many already.",
				    json_pack("{s:n}", "retry_after_ms"));
		return;
	case KITH_E_IO:
	case KITH_E_NOSPACE:
		kith__control_error(c, call, KITH__RPC_STORAGE,
				    "The disk is full or fails; nothing was accepted.", NULL);
		return;
	case KITH_E_LOCKED:
		kith__control_error(c, call, KITH__RPC_LOCKED, "The profile is locked.", NULL);
		return;
	case KITH_OK:
	case KITH_E_NOMEM:
	case KITH_E_AUTH:
	case KITH_E_EXPIRED:
	case KITH_E_VERSION: break;
	}
	kith__control_error(c, call, KITH__RPC_INTERNAL, kith_status_text(status), NULL);
}

void kith__control_wait(struct kith_control *c, struct kith__call *call, int status,
			kith__step_fn *step)
{
	if (status == KITH_OK)
		call->step = step;
	else
		kith__control_error_status(c, call, status);
}

void kith__control_step_done(struct kith_control *c, struct kith__call *call,
			     const struct kith_node_reply *r)
{
	if (r->status == KITH_OK)
		kith__control_answer(c, call, json_null());
	else
		kith__control_error_status(c, call, r->status);
}
