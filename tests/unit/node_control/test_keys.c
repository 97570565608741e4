/* SPDX-License-Identifier: ISC */
/* Locked and absent profiles, the host's part of profile.*, descriptors, names. */
#include <string.h>

#include "tests/test.h"
#include "tests/unit/node_control/desk.h"

static void lock(struct desk *d, bool absent)
{
	struct kith_control_profile p = {.absent = absent, .is_protected = !absent};

	kith_control_node(d->c, NULL);
	kith_control_profile(d->c, &p);
}

static json_t *result(json_t *answer)
{
	json_t *r = json_incref(json_object_get(answer, "result"));

	CHECK(r != NULL);
	json_decref(answer);
	return r;
}

TEST(while_locked_only_the_open_ones)
{
	struct desk d;

	desk_open(&d);
	lock(&d, false);
	CHECK_EQ(desk_code(desk_call(&d, "contact.list", "{}")), -32000);
	CHECK_EQ(desk_code(desk_call(&d, "identity.get", "{}")), -32000);
	CHECK_EQ(desk_code(desk_call(&d, "profile.lock", "{}")), -32000);
	CHECK_EQ(desk_code(desk_call(&d, "profile.recovery", "{}")), -32000);
	CHECK_EQ(desk_code(desk_call(&d, "profile.create", "{\"name\":\"x\"}")), -32003);
	CHECK_EQ(d.asked, 0);
	CHECK_EQ(desk_code(desk_call(&d, "node.status", "{}")), 0);
	CHECK_EQ(desk_code(desk_call(&d, "rpc.discover", "{}")), 0);
	CHECK_EQ(desk_code(desk_call(&d, "node.shutdown", "{}")), 0);
	CHECK(d.shut);
	desk_close(&d);
}

TEST(status_and_hello_say_locked_or_absent)
{
	static const char hello[] = "{\"client\":\"t\",\"version\":\"1\"}";
	struct desk d;
	json_t *r;

	desk_open(&d);
	r = result(desk_call(&d, "hello", hello));
	CHECK(json_is_false(json_object_get(r, "locked")));
	json_decref(r);
	lock(&d, false);
	r = result(desk_call(&d, "hello", hello));
	CHECK(json_is_true(json_object_get(r, "locked")));
	CHECK(json_is_null(json_object_get(r, "profile")));
	json_decref(r);
	r = result(desk_call(&d, "node.status", "{}"));
	CHECK(strcmp(json_string_value(json_object_get(r, "state")), "locked") == 0);
	CHECK(strstr(json_string_value(json_object_get(r, "advice")), "unlock") != NULL);
	json_decref(r);
	lock(&d, true);
	r = result(desk_call(&d, "hello", hello));
	CHECK(json_is_false(json_object_get(r, "locked")));
	json_decref(r);
	r = result(desk_call(&d, "node.status", "{}"));
	CHECK(strcmp(json_string_value(json_object_get(r, "state")), "absent") == 0);
	json_decref(r);
	desk_close(&d);
}

TEST(unlock_gives_the_passphrase_to_the_host_and_nothing_back)
{
	struct desk d;
	json_t *answer;
	const json_t *data;

	desk_open(&d);
	lock(&d, false);
	d.answer = KITH_E_AUTH;
	answer = desk_call(&d, "profile.unlock", "{\"passphrase\":\"open sesame\"}");
	data = json_object_get(json_object_get(answer, "error"), "data");
	CHECK_EQ(json_integer_value(json_object_get(data, "retry_after_ms")), 1500);
	CHECK_EQ(desk_code(answer), -32010);
	CHECK(strcmp(d.pass, "open sesame") == 0);
	d.answer = KITH_OK;
	CHECK_EQ(desk_code(desk_call(&d, "profile.unlock", "{\"passphrase\":\"\"}")), 0);
	CHECK(d.ask.pass == NULL);
	d.busy = true;
	CHECK_EQ(desk_code(desk_call(&d, "profile.unlock", "{\"passphrase\":\"x\"}")), -32005);
	desk_close(&d);
}

TEST(passphrase_and_words)
{
	struct desk d;
	json_t *r;

	desk_open(&d);
	CHECK_EQ(desk_code(
			 desk_call(&d, "profile.passphrase", "{\"old\":\"one\",\"new\":\"two\"}")),
		 0);
	CHECK_EQ(d.ask.verb, KITH_PROFILE_PASSPHRASE);
	CHECK(strcmp(d.pass, "one") == 0 && strcmp(d.next, "two") == 0);
	CHECK_EQ(desk_code(desk_call(&d, "profile.passphrase", "{\"old\":\"one\"}")), 0);
	CHECK(d.ask.next == NULL);
	r = result(desk_call(&d, "profile.recovery", "{\"passphrase\":\"one\"}"));
	CHECK(strcmp(json_string_value(json_object_get(r, "words")), "twenty four words") == 0);
	json_decref(r);
	desk_close(&d);
}

TEST(create_where_nothing_is)
{
	struct desk d;

	desk_open(&d);
	d.n->identity = false;
	lock(&d, true);
	CHECK_EQ(desk_code(desk_call(&d, "profile.create",
				     "{\"name\":\"Ada\",\"passphrase\":\"one\"}")),
		 0);
	CHECK_EQ(d.ask.verb, KITH_PROFILE_CREATE);
	CHECK(strcmp(d.pass, "one") == 0);
	CHECK(d.n->identity);
	CHECK_EQ(desk_code(desk_call(&d, "profile.create", "{\"name\":\"Ada\"}")), -32003);
	CHECK_EQ(d.asked, 1);
	desk_close(&d);
}

/* Making it took a while: the node is younger than the call, and time never goes back for it. */
TEST(create_goes_on_at_the_time_of_its_end)
{
	struct kith_profile_result r = {.status = KITH_OK};
	struct desk d;

	desk_open(&d);
	d.n->identity = false;
	lock(&d, true);
	d.slow = true;
	CHECK(desk_call(&d, "profile.create", "{\"name\":\"Ada\"}") == NULL);
	kith_control_node(d.c, d.n);
	r.call = d.ask.call;
	kith_control_profile_done(d.c, &r, d.now + KITH_US_PER_S);
	CHECK_EQ(d.n->created_at, d.now + KITH_US_PER_S);
	desk_close(&d);
}

TEST(names_that_could_fool_a_terminal_are_refused)
{
	static const char *const names[] = {"\\u001b[2J", "a\\nb",   "\\u202eevil",
					    " ",          "\\u200b", "a\\u0007"};
	char params[64];
	struct desk d;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		desk_open(&d);
		(void)snprintf(params, sizeof(params), "{\"name\":\"%s\"}", names[i]);
		CHECK_EQ(desk_code(desk_call(&d, "identity.set", params)), -32602);
		d.n->identity = false;
		CHECK_EQ(desk_code(desk_call(&d, "profile.create", params)), -32602);
		CHECK(!d.n->identity);
		desk_close(&d);
	}
}

TEST(what_waits_on_a_node_ends_when_it_goes)
{
	struct desk d;

	desk_open(&d);
	d.n->held = true;
	(void)desk_feed(&d, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"identity.set\","
			    "\"params\":{\"name\":\"B\"}}\n"
			    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"events.since\","
			    "\"params\":{\"seq\":0,\"wait_ms\":60000}}\n");
	CHECK(desk_take(&d) == NULL);
	d.slow = true;
	(void)desk_feed(&d, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"profile.lock\"}\n");
	CHECK(desk_take(&d) == NULL);
	lock(&d, false);
	CHECK_EQ(desk_code(desk_take(&d)), -32000);
	CHECK_EQ(desk_code(desk_take(&d)), -32000);
	CHECK(desk_take(&d) == NULL);
	{
		struct kith_profile_result r = {.call = d.ask.call, .status = KITH_OK};

		kith_control_profile_done(d.c, &r, d.now);
		kith_control_profile_done(d.c, &r, d.now); /* once only */
	}
	CHECK_EQ(desk_code(desk_take(&d)), 0);
	CHECK(desk_take(&d) == NULL);
	desk_close(&d);
}

TEST(a_gone_caller_and_its_host_task)
{
	struct kith_profile_result r = {.status = KITH_OK};
	struct desk d;

	desk_open(&d);
	d.slow = true;
	(void)desk_feed(&d, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"profile.recovery\"}\n");
	kith_control_close(d.c, d.caller);
	r.call = d.ask.call;
	kith_control_profile_progress(d.c, r.call, 1, 2, d.now);
	kith_control_profile_done(d.c, &r, d.now);
	CHECK(desk_take(&d) == NULL);
	CHECK_OK(kith_control_open(d.c, KITH_RIGHTS_ALL, &d.caller));
	kith_control_descriptor(d.c, d.caller, 77);
	kith_control_descriptor(d.c, d.caller, 78); /* the first is given back */
	CHECK_EQ(d.closed, 77);
	kith_control_close(d.c, d.caller);
	CHECK_EQ(d.closed, 78);
	desk_close(&d);
}
