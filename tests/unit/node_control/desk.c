/* SPDX-License-Identifier: ISC */
#include "tests/unit/node_control/desk.h"

#include <stdio.h>
#include <string.h>

#include "tests/test.h"

static void on_shutdown(void *ctx)
{
	struct desk *d = ctx;

	d->shut = true;
}

/* The host of a profile: keeps what it was asked, and ends it at once unless `slow`. */
static int on_profile(void *ctx, const struct kith_profile_ask *ask)
{
	struct desk *d = ctx;
	struct kith_profile_result r = {.call = ask->call, .status = d->answer};

	if (d->busy)
		return KITH_E_FULL;
	d->asked++;
	d->ask = *ask;
	(void)snprintf(d->pass, sizeof(d->pass), "%.*s", (int)ask->pass_len,
		       ask->pass != NULL ? ask->pass : "");
	(void)snprintf(d->next, sizeof(d->next), "%.*s", (int)ask->next_len,
		       ask->next != NULL ? ask->next : "");
	if (d->slow)
		return KITH_OK;
	r.retry_ms = 1500;
	if (ask->verb == KITH_PROFILE_RECOVERY)
		r.words = "twenty four words";
	if (ask->verb == KITH_PROFILE_CREATE && r.status == KITH_OK)
		kith_control_node(d->c, d->n);
	kith_control_profile_done(d->c, &r, d->now);
	return KITH_OK;
}

static void on_close(void *ctx, int descriptor)
{
	struct desk *d = ctx;

	d->closed = descriptor;
}

void desk_open(struct desk *d)
{
	struct kith_control_host host = {on_shutdown, on_profile, on_close, d};
	struct kith_control_profile profile = {.is_protected = true};

	memset(d, 0, sizeof(*d));
	d->n = kith_alloc_zero(NULL, 1, sizeof(*d->n));
	CHECK(d->n != NULL);
	d->n->identity = true;
	d->n->first_event = 1;
	d->now = 1000000;
	d->c = kith_control_new(NULL, d->n, &host);
	CHECK(d->c != NULL);
	kith_control_profile(d->c, &profile);
	d->closed = -1;
	CHECK_OK(kith_control_open(d->c, KITH_RIGHTS_ALL, &d->caller));
}

void desk_close(struct desk *d)
{
	kith_control_free(d->c);
	kith_alloc_free(NULL, d->n);
}

int desk_feed(struct desk *d, const char *text)
{
	int status =
		kith_control_feed(d->c, d->caller, (const uint8_t *)text, strlen(text), d->now);

	kith_control_turn(d->c, d->now);
	return status;
}

json_t *desk_take(struct desk *d)
{
	const uint8_t *out;
	uint32_t caller;
	json_error_t e;
	json_t *line;
	size_t len;

	if (!kith_control_reply(d->c, &caller, &out, &len))
		return NULL;
	CHECK_EQ(caller, d->caller);
	CHECK(len > 0 && out[len - 1] == '\n' && memchr(out, '\n', len - 1) == NULL);
	line = json_loadb((const char *)out, len, 0, &e);
	CHECK(line != NULL);
	return line;
}

json_t *desk_call(struct desk *d, const char *method, const char *params)
{
	static char line[KITH_CONTROL_LINE_MAX];

	CHECK(snprintf(line, sizeof(line),
		       "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}\n", method,
		       params) < (int)sizeof(line));
	(void)desk_feed(d, line);
	for (int i = 0; i < 8; i++)
		kith_control_turn(d->c, d->now);
	return desk_take(d);
}

int desk_code(json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");
	int code = (int)json_integer_value(json_object_get(error, "code"));

	CHECK(answer != NULL);
	CHECK(error != NULL || json_object_get(answer, "result") != NULL);
	CHECK(error == NULL || json_string_length(json_object_get(error, "message")) > 0);
	json_decref(answer);
	return code;
}
