/* SPDX-License-Identifier: ISC */
/*
 * The table as data, and the check of parameters against it: by name only; unknown, missing and
 * wrong-typed names are refused and named.
 */
#include <string.h>

#include "base/bytes.h"
#include "node/control/internal.h"

#define RIGHT_ANY      0u
#define RIGHT_READ     KITH_RIGHT_READ
#define RIGHT_SEND     KITH_RIGHT_SEND
#define RIGHT_CONTACTS KITH_RIGHT_CONTACTS
#define RIGHT_ADMIN    KITH_RIGHT_ADMIN
#define RIGHT_OWNER    KITH_RIGHT_OWNER
#define LOCKED_OPEN    true
#define LOCKED_SHUT    false
#define NEED_MUST      true
#define NEED_MAY       false

const struct kith__control_param kith__control_param[KITH__PARAMS] = {
#define METHOD(id, name, right, locked, result, summary)
#define PARAM(method, name, type, need, min, max) {#name, KITH__TYPE_##type, NEED_##need, min, max},
#include "node/control/methods.def"
#undef METHOD
#undef PARAM
};

const struct kith__control_method kith__control_method[KITH__METHODS] = {
#define METHOD(id, name, right, locked, result, summary) \
	{name, \
	 result, \
	 summary, \
	 RIGHT_##right, \
	 LOCKED_##locked, \
	 KITH__FIRST_##id, \
	 kith__control_m_##id},
#define PARAM(method, name, type, need, min, max)
#include "node/control/methods.def"
#undef METHOD
#undef PARAM
};

size_t kith__control_param_count(const struct kith__control_method *m)
{
	size_t end = m == &kith__control_method[KITH__METHODS - 1] ? KITH__PARAMS : m[1].first;

	return end - m->first;
}

static bool fail_type(struct kith_control *c, struct kith__call *call,
		      const struct kith__control_param *p)
{
	kith__control_error_param(c, call, p->name, "A parameter has the wrong type.");
	return false;
}

static bool fail_large(struct kith_control *c, struct kith__call *call,
		       const struct kith__control_param *p)
{
	kith__control_error(c, call, KITH__RPC_TOO_LARGE, "A parameter is too large.",
			    json_pack("{s:s,s:I}", "param", p->name, "max", (json_int_t)p->max));
	return false;
}

static bool take_text(struct kith_control *c, struct kith__call *call,
		      const struct kith__control_param *p, const json_t *in,
		      struct kith__value *out)
{
	if (!json_is_string(in))
		return fail_type(c, call, p);
	out->text = json_string_value(in);
	out->len = json_string_length(in);
	if (out->len > (uint64_t)p->max)
		return fail_large(c, call, p);
	if (out->len < (uint64_t)p->min) {
		kith__control_error_param(c, call, p->name, "A parameter is empty.");
		return false;
	}
	return true;
}

static bool take_number(struct kith_control *c, struct kith__call *call,
			const struct kith__control_param *p, const json_t *in,
			struct kith__value *out)
{
	if (!json_is_integer(in))
		return fail_type(c, call, p);
	out->number = json_integer_value(in);
	if (out->number >= p->min && out->number <= p->max)
		return true;
	kith__control_error(c, call, KITH__RPC_PARAMS, "A number is out of range.",
			    json_pack("{s:s,s:I,s:I}", "param", p->name, "min", (json_int_t)p->min,
				      "max", (json_int_t)p->max));
	return false;
}

static bool take_texts(struct kith_control *c, struct kith__call *call,
		       const struct kith__control_param *p, const json_t *in,
		       struct kith__value *out)
{
	size_t count = json_array_size(in);

	if (!json_is_array(in) || count < (uint64_t)p->min)
		return fail_type(c, call, p);
	if (count > (uint64_t)p->max)
		return fail_large(c, call, p);
	for (size_t i = 0; i < count; i++)
		if (!json_is_string(json_array_get(in, i)))
			return fail_type(c, call, p);
	out->texts = in;
	return true;
}

/* Not in the line: it came beside it. In a batch nobody could say which call it belongs to. */
static bool take_descriptor(struct kith_control *c, struct kith__call *call,
			    const struct kith__control_param *p, struct kith__value *out)
{
	struct kith__caller *who = kith__control_caller(c, call->caller);

	if (who == NULL || who->descriptor < 0 || call->batch != NULL) {
		kith__control_error_param(
			c, call, p->name,
			"This method takes a descriptor beside its line, not in a "
			"batch: use the verb of kith(1).");
		return false;
	}
	out->given = true;
	out->descriptor = who->descriptor;
	who->descriptor = -1;
	return true;
}

static const struct {
	char prefix[4];
	enum kith__table table;
} handles[] = {
	[KITH__TYPE_CONTACT] = {"ct_", KITH__TABLE_CONTACT},
	[KITH__TYPE_CONVERSATION] = {"cv_", KITH__TABLE_CONVERSATION},
	[KITH__TYPE_MESSAGE] = {"ms_", KITH__TABLE_MESSAGE},
	[KITH__TYPE_REQUEST] = {"rq_", KITH__TABLE_REQUEST},
	[KITH__TYPE_INVITATION] = {"in_", KITH__TABLE_INVITATION},
};

/* An id of the right form that names nothing is "not found", not a wrong type. */
static bool take_handle(struct kith_control *c, struct kith__call *call,
			const struct kith__control_param *p, const json_t *in,
			struct kith__value *out)
{
	const char *text = json_string_value(in);
	size_t len = json_string_length(in);

	if (text == NULL || len != 35 || memcmp(text, handles[p->type].prefix, 3) != 0 ||
	    kith_hex_decode(out->mid.b, 16, text + 3, 32) != KITH_OK)
		return fail_type(c, call, p);
	if (kith_node_unhandle(c->n, (uint16_t)handles[p->type].table, out->mid.b, &out->row))
		return true;
	if (p->type == KITH__TYPE_MESSAGE) {
		out->is_mid = true;
		return true;
	}
	kith__control_error(c, call, KITH__RPC_NOT_FOUND, "There is no such id.",
			    json_pack("{s:s}", "param", p->name));
	return false;
}

static bool take(struct kith_control *c, struct kith__call *call,
		 const struct kith__control_param *p, const json_t *in, struct kith__value *out)
{
	out->given = true;
	switch (p->type) {
	case KITH__TYPE_TEXT: return take_text(c, call, p, in, out);
	case KITH__TYPE_INT: return take_number(c, call, p, in, out);
	case KITH__TYPE_TEXTS: return take_texts(c, call, p, in, out);
	case KITH__TYPE_DESCRIPTOR: return fail_type(c, call, p);
	case KITH__TYPE_BOOL:
		out->number = json_is_true(in) ? 1 : 0;
		return json_is_boolean(in) || fail_type(c, call, p);
	case KITH__TYPE_ID:
		return (json_is_string(in) && kith_hex_decode(out->mid.b, 16, json_string_value(in),
							      json_string_length(in)) == KITH_OK) ||
		       fail_type(c, call, p);
	case KITH__TYPE_CONTACT:
	case KITH__TYPE_CONVERSATION:
	case KITH__TYPE_MESSAGE:
	case KITH__TYPE_REQUEST:
	case KITH__TYPE_INVITATION: return take_handle(c, call, p, in, out);
	}
	return false;
}

static bool known(struct kith_control *c, struct kith__call *call, json_t *params)
{
	size_t count = kith__control_param_count(call->method);
	const char *key;
	json_t *value;

	json_object_foreach(params, key, value)
	{
		size_t i = 0;

		while (i < count &&
		       strcmp(kith__control_param[call->method->first + i].name, key) != 0)
			i++;
		if (i == count) {
			kith__control_error_param(c, call, key,
						  "This method has no such parameter.");
			return false;
		}
	}
	return true;
}

bool kith__control_params(struct kith_control *c, struct kith__call *call, json_t *params,
			  struct kith__args *out)
{
	const struct kith__control_param *p = &kith__control_param[call->method->first];
	size_t count = kith__control_param_count(call->method);

	KITH_ASSERT(count <= KITH__PARAMS_MAX);
	memset(out, 0, sizeof(*out));
	out->first = call->method->first;
	if (params != NULL && !json_is_object(params)) {
		kith__control_error(c, call, KITH__RPC_PARAMS, "Parameters are given by name.",
				    NULL);
		return false;
	}
	if (!known(c, call, params))
		return false;
	for (size_t i = 0; i < count; i++) {
		const json_t *in = json_object_get(params, p[i].name);

		if (in == NULL && p[i].type == KITH__TYPE_DESCRIPTOR) {
			if (!take_descriptor(c, call, &p[i], &out->value[i]))
				return false;
			continue;
		}
		if (in == NULL && p[i].must) {
			kith__control_error_param(c, call, p[i].name, "A parameter is missing.");
			return false;
		}
		if (in != NULL && !take(c, call, &p[i], in, &out->value[i]))
			return false;
	}
	return true;
}
