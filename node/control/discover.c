/* SPDX-License-Identifier: ISC */
/* rpc.discover: the table as an OpenRPC document. */
#include <string.h>

#include "node/control/internal.h"

static const char *right_letter(unsigned right)
{
	static const struct {
		unsigned right;
		const char *letter;
	} letters[] = {
		{KITH_RIGHT_READ, "R"},  {KITH_RIGHT_SEND, "S"},  {KITH_RIGHT_CONTACTS, "C"},
		{KITH_RIGHT_ADMIN, "A"}, {KITH_RIGHT_OWNER, "O"},
	};

	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if (letters[i].right == right)
			return letters[i].letter;
	return "-";
}

static json_t *schema(const struct kith__control_param *p)
{
	static const char *const pattern[] = {
		[KITH__TYPE_ID] = "^[0-9a-f]{32}$",
		[KITH__TYPE_CONTACT] = "^ct_[0-9a-f]{32}$",
		[KITH__TYPE_CONVERSATION] = "^cv_[0-9a-f]{32}$",
		[KITH__TYPE_MESSAGE] = "^ms_[0-9a-f]{32}$",
		[KITH__TYPE_REQUEST] = "^rq_[0-9a-f]{32}$",
		[KITH__TYPE_INVITATION] = "^in_[0-9a-f]{32}$",
	};

	switch (p->type) {
	case KITH__TYPE_TEXT:
		return json_pack("{s:s,s:I,s:I}", "type", "string", "x-bytes-min",
				 (json_int_t)p->min, "x-bytes-max", (json_int_t)p->max);
	case KITH__TYPE_INT:
		return json_pack("{s:s,s:I,s:I}", "type", "integer", "minimum", (json_int_t)p->min,
				 "maximum", (json_int_t)p->max);
	case KITH__TYPE_BOOL: return json_pack("{s:s}", "type", "boolean");
	case KITH__TYPE_TEXTS:
		return json_pack("{s:s,s:{s:s},s:I,s:I}", "type", "array", "items", "type",
				 "string", "minItems", (json_int_t)p->min, "maxItems",
				 (json_int_t)p->max);
	case KITH__TYPE_DESCRIPTOR:
		return json_pack("{s:s,s:b}", "type", "null", "x-descriptor", 1);
	case KITH__TYPE_ID:
	case KITH__TYPE_CONTACT:
	case KITH__TYPE_CONVERSATION:
	case KITH__TYPE_MESSAGE:
	case KITH__TYPE_REQUEST:
	case KITH__TYPE_INVITATION: break;
	}
	return json_pack("{s:s,s:s}", "type", "string", "pattern", pattern[p->type]);
}

static json_t *params(const struct kith__control_method *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < kith__control_param_count(m); i++) {
		const struct kith__control_param *p = &kith__control_param[m->first + i];

		(void)json_array_append_new(list,
					    json_pack("{s:s,s:b,s:o}", "name", p->name, "required",
						      p->must, "schema", schema(p)));
	}
	return list;
}

json_t *kith__control_discover(unsigned rights)
{
	json_t *methods = json_array();

	for (size_t i = 0; i < KITH__METHODS; i++) {
		const struct kith__control_method *m = &kith__control_method[i];

		if (m->right != 0 && (rights & m->right) == 0)
			continue;
		(void)json_array_append_new(
			methods, json_pack("{s:s,s:s,s:s,s:o,s:{s:s,s:s,s:{}},s:s,s:b}", "name",
					   m->name, "summary", m->summary, "paramStructure",
					   "by-name", "params", params(m), "result", "name",
					   "result", "description", m->result, "schema", "x-right",
					   right_letter(m->right), "x-while-locked", m->open));
	}
	return json_pack("{s:s,s:{s:s,s:s},s:o}", "openrpc", "1.2.6", "info", "title",
			 "Kith control protocol", "version", "1", "methods", methods);
}
