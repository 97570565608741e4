/* SPDX-License-Identifier: ISC */
/* Every method of the table: right call, each parameter missing, of wrong type, too large, unknown,
 * without the right, without a profile. */
#include <string.h>

#include "tests/test.h"
#include "tests/unit/node_control/desk.h"

/* A good value by type. */
static json_t *sample(const struct kith__control_param *p, const char *method)
{
	static const char *const prefix[] = {
		[KITH__TYPE_CONTACT] = "ct_01a5a5a5a5a5a5a5a5a5a5a5a5a5a501",
		[KITH__TYPE_CONVERSATION] = "cv_02a5a5a5a5a5a5a5a5a5a5a5a5a5a501",
		[KITH__TYPE_MESSAGE] = "ms_03a5a5a5a5a5a5a5a5a5a5a5a5a5a501",
		[KITH__TYPE_REQUEST] = "rq_04a5a5a5a5a5a5a5a5a5a5a5a5a5a507",
		[KITH__TYPE_INVITATION] = "in_05a5a5a5a5a5a5a5a5a5a5a5a5a5a503",
		[KITH__TYPE_ID] = "00000000000000000000000000000001",
	};

	switch (p->type) {
	case KITH__TYPE_TEXT:
		if (strcmp(p->name, "level") == 0)
			return json_string("L");
		if (strcmp(method, "message.wait") == 0)
			return json_string("queued");
		return json_string(p->max >= 16 ? "KITH:LINKS1" : "x");
	case KITH__TYPE_INT: return json_integer(p->min);
	case KITH__TYPE_BOOL: return json_false();
	case KITH__TYPE_TEXTS: return json_pack("[s]", "message.new");
	case KITH__TYPE_DESCRIPTOR: return json_true();
	case KITH__TYPE_ID:
	case KITH__TYPE_CONTACT:
	case KITH__TYPE_CONVERSATION:
	case KITH__TYPE_MESSAGE:
	case KITH__TYPE_REQUEST:
	case KITH__TYPE_INVITATION: return json_string(prefix[p->type]);
	}
	return NULL;
}

/* All that must be there, or all; `without` is left out, `with` set to `value`. */
static int call(struct desk *d, const struct kith__control_method *m, const char *without,
		const char *with, json_t *value)
{
	json_t *params = json_object(), *line;
	char *text;
	int code;

	for (size_t i = 0; i < kith__control_param_count(m); i++) {
		const struct kith__control_param *p = &kith__control_param[m->first + i];

		if (p->type == KITH__TYPE_DESCRIPTOR &&
		    (without == NULL || strcmp(without, p->name) != 0))
			kith_control_descriptor(d->c, d->caller, 5);
		if (p->must && p->type != KITH__TYPE_DESCRIPTOR &&
		    (without == NULL || strcmp(without, p->name) != 0))
			(void)json_object_set_new(params, p->name, sample(p, m->name));
	}
	if (with != NULL)
		(void)json_object_set_new(params, with, value);
	text = json_dumps(params, JSON_COMPACT);
	json_decref(params);
	line = desk_call(d, m->name, text);
	code = desk_code(line);
	kith_alloc_free(NULL, text); /* jansson and kith_alloc_heap share the C heap */
	return code;
}

static json_t *wrong(enum kith__type type)
{
	return type == KITH__TYPE_INT ? json_string("1") : json_real(1.5);
}

static json_t *large(const struct kith__control_param *p)
{
	static char text[65537];
	json_t *list;

	if (p->type == KITH__TYPE_TEXT) {
		memset(text, 'a', sizeof(text));
		return json_stringn(text, (size_t)p->max + 1);
	}
	list = json_array();
	for (int64_t i = 0; i <= p->max; i++)
		(void)json_array_append_new(list, json_string("x"));
	return list;
}

/* What a call without fault answers while a profile is open. */
static int good_code(const struct kith__control_method *m)
{
	if (strcmp(m->name, "events.unsubscribe") == 0)
		return -32002;
	if (strcmp(m->name, "profile.unlock") == 0 || strcmp(m->name, "profile.restore") == 0)
		return -32003;
	return 0;
}

/* The parameters of one method, each in turn. */
static void check_params(const struct kith__control_method *m)
{
	for (size_t i = 0; i < kith__control_param_count(m); i++) {
		const struct kith__control_param *p = &kith__control_param[m->first + i];
		struct desk d;

		desk_open(&d);
		d.n->identity = strcmp(m->name, "profile.create") != 0;
		CHECK_EQ(call(&d, m, p->name, NULL, NULL), p->must ? -32602 : good_code(m));
		d.n->identity = strcmp(m->name, "profile.create") != 0;
		CHECK_EQ(call(&d, m, NULL, p->name, wrong(p->type)), -32602);
		CHECK_EQ(call(&d, m, NULL, p->name, json_null()), -32602);
		CHECK_EQ(call(&d, m, NULL, p->name, json_object()), -32602);
		if (p->type == KITH__TYPE_TEXT || p->type == KITH__TYPE_TEXTS)
			CHECK_EQ(call(&d, m, NULL, p->name, large(p)), -32004);
		if (p->type == KITH__TYPE_TEXT && p->min > 0)
			CHECK_EQ(call(&d, m, NULL, p->name, json_string("")), -32602);
		if (p->type == KITH__TYPE_INT && p->max < KITH__INT_MAX)
			CHECK_EQ(call(&d, m, NULL, p->name, json_integer(p->max + 1)), -32602);
		if (p->type == KITH__TYPE_INT)
			CHECK_EQ(call(&d, m, NULL, p->name, json_integer(p->min - 1)), -32602);
		if (p->type == KITH__TYPE_CONTACT)
			CHECK_EQ(call(&d, m, NULL, p->name,
				      json_string("ct_02a5a5a5a5a5a5a5a5a5a5a5a5a5a501")),
				 -32002);
		desk_close(&d);
	}
}

TEST(each_method_takes_what_its_table_says)
{
	for (size_t k = 0; k < KITH__METHODS; k++) {
		const struct kith__control_method *m = &kith__control_method[k];
		bool creates = strcmp(m->name, "profile.create") == 0;
		struct desk d;
		int good;

		desk_open(&d);
		d.n->identity = !creates;
		good = call(&d, m, NULL, NULL, NULL);
		CHECK_EQ(good, good_code(m));
		CHECK_EQ(call(&d, m, NULL, "surplus", json_integer(1)), -32602);
		desk_close(&d);
		check_params(m);
	}
}

TEST(without_profile_only_the_open_ones)
{
	for (size_t k = 0; k < KITH__METHODS; k++) {
		const struct kith__control_method *m = &kith__control_method[k];
		struct desk d;

		desk_open(&d);
		d.n->identity = false;
		CHECK_EQ(call(&d, m, NULL, NULL, NULL), strcmp(m->name, "profile.backup") == 0
								? -32003
							: m->open ? good_code(m)
								  : -32000);
		desk_close(&d);
	}
}

TEST(each_right_is_asked_for)
{
	for (size_t k = 0; k < KITH__METHODS; k++)
		for (unsigned rights = 0; rights <= KITH_RIGHTS_ALL; rights++) {
			const struct kith__control_method *m = &kith__control_method[k];
			struct desk d;
			int code;

			desk_open(&d);
			kith_control_close(d.c, d.caller);
			CHECK_OK(kith_control_open(d.c, rights, &d.caller));
			code = call(&d, m, NULL, NULL, NULL);
			CHECK_EQ(code == -32001, m->right != 0 && (rights & m->right) == 0);
			desk_close(&d);
		}
}

TEST(discover_lists_what_may_be_called)
{
	struct desk d;
	json_t *answer, *methods;

	desk_open(&d);
	answer = desk_call(&d, "rpc.discover", "{}");
	methods = json_object_get(json_object_get(answer, "result"), "methods");
	CHECK_EQ(json_array_size(methods), KITH__METHODS);
	json_decref(answer);
	kith_control_close(d.c, d.caller);
	CHECK_OK(kith_control_open(d.c, KITH_RIGHT_READ, &d.caller));
	answer = desk_call(&d, "rpc.discover", "{}");
	methods = json_object_get(json_object_get(answer, "result"), "methods");
	CHECK(json_array_size(methods) > 10 && json_array_size(methods) < KITH__METHODS);
	json_decref(answer);
	desk_close(&d);
}

TEST(reserved_names_are_absent)
{
	static const char *const names[] = {"group.create",   "device.list", "message.edit",
					    "history.import", "call.start",  "channel.list"};
	struct desk d;

	desk_open(&d);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK_EQ(desk_code(desk_call(&d, names[i], "{}")), -32601);
	desk_close(&d);
}
