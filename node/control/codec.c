/* SPDX-License-Identifier: ISC */
/*
 * One line of JSON to calls. Depth is counted before the parser sees the line, so no nesting can
 * cost stack or memory. Source: JSON-RPC 2.0; client.md 2.
 */
#include <string.h>

#include "node/control/internal.h"

#define ID_MAX 64u

/* Brackets outside strings never nest deeper than the cap. */
static bool depth_ok(const char *line, size_t len)
{
	unsigned depth = 0;
	bool string = false;

	for (size_t i = 0; i < len; i++) {
		if (string) {
			if (line[i] == '\\')
				i++;
			else if (line[i] == '"')
				string = false;
		} else if (line[i] == '"') {
			string = true;
		} else if (line[i] == '[' || line[i] == '{') {
			if (++depth > KITH_CONTROL_DEPTH_MAX)
				return false;
		} else if ((line[i] == ']' || line[i] == '}') && depth > 0) {
			depth--;
		}
	}
	return true;
}

static bool id_ok(const json_t *id)
{
	if (json_is_integer(id)) {
		json_int_t v = json_integer_value(id);

		return v <= KITH__INT_MAX && v >= -KITH__INT_MAX;
	}
	return id == NULL || json_is_null(id) ||
	       (json_is_string(id) && json_string_length(id) <= ID_MAX);
}

static const struct kith__control_method *find(const char *name)
{
	for (size_t i = 0; i < KITH__METHODS; i++)
		if (strcmp(kith__control_method[i].name, name) == 0)
			return &kith__control_method[i];
	return NULL;
}

static void run(struct kith_control *c, struct kith__call *call, unsigned rights, json_t *params)
{
	static const char *const need[] = {"R", "S", "C", "A", "O"};
	struct kith_node_identity id;
	struct kith__args args;
	const struct kith__control_method *m = call->method;

	if (m->right != 0 && (rights & m->right) == 0) {
		size_t bit = 0;

		while ((m->right >> bit & 1u) == 0)
			bit++;
		kith__control_error(c, call, KITH__RPC_DENIED, "This connection may not do that.",
				    json_pack("{s:s}", "needs", need[bit]));
	} else if (!m->open && !kith__control_identity(c, &id)) {
		kith__control_error(c, call, KITH__RPC_LOCKED,
				    c->n == NULL && !c->profile.absent ? "The profile is locked."
								       : "There is no profile yet.",
				    json_pack("{s:b}", "absent",
					      c->n != NULL || c->profile.absent));
	} else if (kith__control_params(c, call, params, &args)) {
		m->run(c, call, &args);
	}
}

/* Puts the answer to something that is no call where answers of its kind go. */
static void refuse(struct kith_control *c, uint32_t caller, struct kith__batch *batch, size_t index,
		   json_t *line)
{
	if (batch == NULL) {
		kith__control_line(c, caller, line);
		return;
	}
	(void)json_array_set_new(batch->answer, index, line);
	kith__control_batch_less(c, caller, batch);
}

/* One request object; `batch` NULL when it stands alone. */
static void take(struct kith_control *c, struct kith__caller *who, json_t *object,
		 struct kith__batch *batch, size_t index)
{
	json_t *id = json_object_get(object, "id");
	json_t *params = json_object_get(object, "params");
	const char *version = json_string_value(json_object_get(object, "jsonrpc"));
	const char *name = json_string_value(json_object_get(object, "method"));
	const struct kith__control_method *m;
	struct kith__call *call;

	if (!id_ok(id) || version == NULL || strcmp(version, "2.0") != 0 || name == NULL) {
		refuse(c, who->number, batch, index,
		       kith__control_error_object(id_ok(id) ? id : NULL, KITH__RPC_REQUEST,
						  "This is no JSON-RPC 2.0 request.", NULL));
		return;
	}
	m = find(name);
	call = kith__control_call_new(c, who->number);
	if (call == NULL) {
		refuse(c, who->number, batch, index,
		       kith__control_error_object(id, KITH__RPC_LIMIT, "Too many calls wait.",
						  NULL));
		return;
	}
	call->id = json_incref(id);
	call->batch = batch;
	call->index = index;
	if (m == NULL) {
		kith__control_error(c, call, KITH__RPC_METHOD, "There is no such method.", NULL);
		return;
	}
	call->method = m;
	who->calls++;
	run(c, call, who->rights, params);
}

static void take_batch(struct kith_control *c, struct kith__caller *who, const json_t *list)
{
	struct kith__batch *batch;
	size_t count = json_array_size(list);

	if (count < 1 || count > KITH_CONTROL_BATCH_MAX) {
		kith__control_line(c, who->number,
				   kith__control_error_object(NULL, KITH__RPC_REQUEST,
							      "A batch holds 1 to 64 calls.",
							      NULL));
		return;
	}
	batch = kith_alloc_zero(c->alloc, 1, sizeof(*batch));
	if (batch == NULL || (batch->answer = json_array()) == NULL) {
		kith_alloc_free(c->alloc, batch);
		who->dead = true;
		return;
	}
	batch->open = count + 1; /* one for this loop: calls may end at once */
	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(batch->answer, json_null());
	for (size_t i = 0; i < count; i++)
		take(c, who, json_array_get(list, i), batch, i);
	kith__control_batch_less(c, who->number, batch);
}

void kith__control_codec_line(struct kith_control *c, struct kith__caller *who, const char *line,
			      size_t len)
{
	json_error_t e;
	json_t *root = depth_ok(line, len)
			       ? json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e)
			       : NULL;

	if (root == NULL)
		kith__control_line(c, who->number,
				   kith__control_error_object(
					   NULL, KITH__RPC_PARSE,
					   "The line is no JSON value of this form.", NULL));
	else if (json_is_array(root))
		take_batch(c, who, root);
	else
		take(c, who, root, NULL, 0);
	json_decref(root);
}
