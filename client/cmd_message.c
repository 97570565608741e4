/* SPDX-License-Identifier: ISC */
/* Verbs about messages: send, history, tail. */
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "client/internal.h"

static const char *const steps[] = {"queued", "kept", "delivered", "read"};
#define STEPS          (sizeof(steps) / sizeof(steps[0]))
#define TIMEOUT_MAX_MS 600000 /* of message.wait */

/* ---- send ---- */

/* 6 B of Unix ms, big-endian, then 10 B random (client.md 2.3). */
static bool message_id(char hex[33])
{
	struct kith_rng rng = kith_crypto_system_rng();
	const char *fault = kith_crypto_start();
	struct timespec now;
	uint8_t id[16];
	uint64_t ms;

	if (fault != NULL || clock_gettime(CLOCK_REALTIME, &now) != 0) {
		kith__cli_complain("%s", fault != NULL ? fault : "the clock cannot be read.");
		return false;
	}
	ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	for (int i = 0; i < 6; i++)
		id[i] = (uint8_t)(ms >> (40 - 8 * i));
	kith_rng_fill(&rng, id + 6, 10);
	kith_hex_encode(hex, id, 16);
	return true;
}

/* The words joined by spaces, or standard input. Freed by the caller. */
static char *text_of(const struct kith__cli *cli, size_t *len)
{
	size_t room = 0;
	char *text;

	if (cli->words == 2 && strcmp(cli->word[1], "-") == 0) {
		text = kith__cli_stdin(KITH_TEXT_MAX, len);
		if (text != NULL && *len > 0 && text[*len - 1] == '\n')
			text[--*len] = '\0'; /* the newline of the last line is the shell's */
		return text;
	}
	for (size_t i = 1; i < cli->words; i++)
		room += strlen(cli->word[i]) + 1;
	text = kith_alloc_zero(NULL, room + 1, 1);
	*len = 0;
	for (size_t i = 1; i < cli->words && text != NULL; i++) {
		size_t n = strlen(cli->word[i]);

		if (i > 1)
			text[(*len)++] = ' ';
		memcpy(text + *len, cli->word[i], n);
		*len += n;
	}
	return text;
}

/* People see each state; a pipe sees the id alone, or with --json the last state. */
static void show_state(const struct kith__cli *cli, const json_t *state)
{
	char words[128];

	if (cli->json || cli->quiet || !cli->tty)
		return;
	kith__cli_state(words, state);
	(void)printf("  %s\n", words);
	(void)fflush(stdout);
}

/* Waits state by state up to `wanted`. *r becomes the last answer. */
static int wait_for(struct kith__cli *cli, json_t **r, size_t wanted, json_int_t timeout_ms)
{
	const char *message = kith__cli_text(*r, "message");
	json_t *id = json_string(message);
	struct timespec start, now;
	bool reached = true;
	char words[128];

	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	for (size_t step = cli->tty ? 1 : wanted; step <= wanted && reached; step++) {
		json_int_t left;
		json_t *w;

		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		left = timeout_ms - (now.tv_sec - start.tv_sec) * 1000 -
		       (now.tv_nsec - start.tv_nsec) / 1000000;
		w = kith__cli_call(cli, "message.wait",
				   json_pack("{s:O,s:s,s:I}", "message", id, "state", steps[step],
					     "timeout_ms", left > 0 ? left : (json_int_t)0));
		if (w == NULL) {
			json_decref(id);
			return cli->exit_code;
		}
		reached = json_is_true(json_object_get(w, "reached"));
		if (reached)
			show_state(cli, json_object_get(w, "state"));
		(void)json_object_set_new(w, "message", json_incref(id));
		json_decref(*r);
		*r = w;
	}
	json_decref(id);
	if (reached)
		return KITH__EXIT_OK;
	kith__cli_state(words, json_object_get(*r, "state"));
	if (!cli->quiet)
		kith__cli_complain("not %s within %lld s; the message is %s so far, and goes on by "
				   "itself.",
				   steps[wanted], (long long)(timeout_ms / 1000), words);
	return KITH__EXIT_TIMEOUT;
}

struct order {
	size_t wanted;
	json_int_t timeout_ms;
};

/* What --wait and --timeout ask for; false: that is no usage. */
static bool order_of(const struct kith__cli *cli, struct order *o)
{
	const char *wait = cli->value[KITH__OPT_WAIT], *timeout = cli->value[KITH__OPT_TIMEOUT];

	o->timeout_ms = 60000;
	o->wanted = 0;
	while (wait != NULL && o->wanted < STEPS && strcmp(steps[o->wanted], wait) != 0)
		o->wanted++;
	if (o->wanted == STEPS) {
		kith__cli_complain("--wait takes queued, kept, delivered or read.");
		return false;
	}
	if (timeout == NULL ||
	    (kith__cli_duration(timeout, &o->timeout_ms) && o->timeout_ms <= TIMEOUT_MAX_MS))
		return true;
	kith__cli_complain("--timeout takes a time up to 10m, such as 500ms, 30s or 2m.");
	return false;
}

/* Sends; the id is said at once, with --json the last answer is the result. */
static int send_text(struct kith__cli *cli, const struct order *o, const json_t *contact,
		     const char *text, size_t len)
{
	char id[33];
	json_t *r;
	int code = KITH__EXIT_OK;

	if (!message_id(id))
		return KITH__EXIT_REFUSED;
	r = kith__cli_call(cli, "message.send",
			   json_pack("{s:s,s:O,s:s%}", "id", id, "conversation",
				     json_object_get(contact, "conversation"), "text", text, len));
	if (r == NULL)
		return cli->exit_code;
	if (!cli->json) {
		(void)printf("%s\n", kith__cli_text(r, "message"));
		show_state(cli, json_object_get(r, "state"));
		(void)fflush(stdout);
	}
	if (o->wanted > 0)
		code = wait_for(cli, &r, o->wanted, o->timeout_ms);
	if (cli->json)
		kith__cli_line(r);
	json_decref(r);
	return code;
}

int kith__cmd_send(struct kith__cli *cli)
{
	struct order order;
	json_t *contact;
	char *text;
	size_t len;
	int code;

	if (!order_of(cli, &order))
		return kith__cli_usage(cli);
	text = text_of(cli, &len);
	if (text == NULL)
		return KITH__EXIT_USAGE;
	if (len == 0 || len > KITH_TEXT_MAX) {
		if (len == 0)
			kith__cli_complain("the text is empty; nothing was sent.");
		else
			kith__cli_complain("the text has %zu bytes, a message at most %u; nothing "
					   "was sent.",
					   len, KITH_TEXT_MAX);
		kith_alloc_free(NULL, text);
		return KITH__EXIT_USAGE;
	}
	contact = kith__cli_contact(cli, cli->word[0]);
	code = contact != NULL ? send_text(cli, &order, contact, text, len) : cli->exit_code;
	json_decref(contact);
	kith_alloc_free(NULL, text);
	return code;
}

/* ---- history ---- */

static bool marks_read(const struct kith__cli *cli)
{
	return (cli->given & KITH__OPT_BIT(READ)) != 0 || (cli->tty && !cli->json);
}

/* Marks as read what was shown: the last message of the other side. */
static void mark_read(struct kith__cli *cli, const json_t *messages)
{
	for (size_t i = json_array_size(messages); i-- > 0;) {
		const json_t *m = json_array_get(messages, i);

		if (strcmp(kith__cli_text(m, "from"), "me") == 0)
			continue;
		json_decref(kith__cli_call(cli, "conversation.read",
					   json_pack("{s:O,s:O}", "conversation",
						     json_object_get(m, "conversation"), "up_to",
						     json_object_get(m, "message"))));
		return;
	}
}

/* Pages backwards until `count` messages are there; oldest first. NULL: printed. */
static json_t *newest(struct kith__cli *cli, json_t *conversation, json_int_t count)
{
	json_t *all = json_array();
	bool older = true;

	while (older && (json_int_t)json_array_size(all) < count) {
		json_int_t left = count - (json_int_t)json_array_size(all);
		json_t *params = json_pack("{s:O,s:I}", "conversation", conversation, "limit",
					   left < 200 ? left : (json_int_t)200);
		json_t *page, *messages;

		if (json_array_size(all) > 0)
			(void)json_object_set(params, "before",
					      json_object_get(json_array_get(all, 0), "message"));
		page = kith__cli_call(cli, "history.page", params);
		if (page == NULL) {
			json_decref(all);
			return NULL;
		}
		messages = json_incref(json_object_get(page, "messages"));
		older = json_is_true(json_object_get(page, "has_older")) &&
			json_array_size(messages) > 0;
		(void)json_array_extend(messages, all);
		json_decref(all);
		all = messages;
		json_decref(page);
	}
	return all;
}

int kith__cmd_history(struct kith__cli *cli)
{
	const char *n = cli->value[KITH__OPT_COUNT];
	json_int_t count = 50;
	json_t *contact, *all, *m;
	size_t i;

	if (n != NULL && !kith__cli_number(n, 1, 1000000, &count))
		return kith__cli_usage(cli);
	contact = kith__cli_contact(cli, cli->word[0]);
	if (contact == NULL)
		return cli->exit_code;
	all = newest(cli, json_object_get(contact, "conversation"), count);
	if (all != NULL && !kith__cli_items(cli, all))
		json_array_foreach(all, i, m) kith__cli_message(cli, m, kith__cli_title(contact));
	(void)fflush(stdout);
	if (all != NULL && marks_read(cli))
		mark_read(cli, all);
	json_decref(contact);
	if (all == NULL)
		return cli->exit_code;
	json_decref(all);
	return KITH__EXIT_OK;
}

/* ---- tail ---- */

const char *kith__cli_title_of(struct kith__cli *cli, json_t *titles, const char *conversation)
{
	const json_t *known = json_object_get(titles, conversation);
	json_t *v, *k;

	if (known == NULL) {
		v = kith__cli_call(cli, "conversation.get",
				   json_pack("{s:s}", "conversation", conversation));
		k = v == NULL ? NULL
			      : kith__cli_call(cli, "contact.get",
					       json_pack("{s:O}", "contact",
							 json_object_get(v, "contact")));
		(void)json_object_set_new(titles, conversation,
					  json_string(k != NULL ? kith__cli_title(k) : "?"));
		json_decref(k);
		json_decref(v);
		known = json_object_get(titles, conversation);
	}
	return json_string_value(known) != NULL ? json_string_value(known) : "?";
}

static void show_event(struct kith__cli *cli, json_t *titles, const json_t *event)
{
	const char *type = kith__cli_text(event, "type");
	const json_t *messages = json_object_get(event, "messages"), *item;
	size_t i;

	if (strcmp(type, "message.new") == 0 || strcmp(type, "message.state") == 0) {
		const char *who =
			kith__cli_title_of(cli, titles, kith__cli_text(event, "conversation"));

		json_array_foreach(messages, i, item) kith__cli_message(cli, item, who);
	} else if (strcmp(type, "request.new") == 0) {
		json_array_foreach(json_object_get(event, "requests"), i, item)
		{
			(void)fputs("Request from ", stdout);
			(void)kith__cli_show(stdout, KITH_TEXT_NAME, 0,
					     kith__cli_text(item, "name"));
			(void)printf(" (%s); see `kith requests`.\n",
				     kith__cli_text(item, "short"));
		}
	} else if (strcmp(type, "contact.new") == 0 || strcmp(type, "contact.changed") == 0) {
		json_array_foreach(json_object_get(event, "contacts"), i, item)
		{
			(void)kith__cli_show(stdout, KITH_TEXT_NAME, 0, kith__cli_title(item));
			(void)printf(": %s.\n", kith__cli_text(item, "state"));
		}
	} else if (strcmp(type, "node.status") == 0 && !cli->quiet) {
		(void)printf("%s\n", kith__cli_text(json_object_get(event, "status"), "sentence"));
	}
}

static int follow(struct kith__cli *cli)
{
	json_t *titles = json_object(), *event;

	while ((event = kith__cli_event(cli)) != NULL) {
		if (cli->json)
			kith__cli_line(event);
		else
			show_event(cli, titles, event);
		if (fflush(stdout) != 0) {
			json_decref(event);
			break;
		}
		if (marks_read(cli) && strcmp(kith__cli_text(event, "type"), "message.new") == 0)
			mark_read(cli, json_object_get(event, "messages"));
		json_decref(event);
	}
	json_decref(titles);
	return event == NULL ? cli->exit_code : KITH__EXIT_OK;
}

int kith__cmd_tail(struct kith__cli *cli)
{
	const char *since = cli->value[KITH__OPT_SINCE];
	json_t *params = json_object(), *contact, *r;
	json_int_t seq = 0;

	if (since != NULL && !kith__cli_number(since, 0, 9007199254740991, &seq)) {
		json_decref(params);
		return kith__cli_usage(cli);
	}
	if (since != NULL)
		(void)json_object_set_new(params, "since", json_integer(seq));
	if (cli->words > 0) {
		contact = kith__cli_contact(cli, cli->word[0]);
		if (contact == NULL) {
			json_decref(params);
			return cli->exit_code;
		}
		(void)json_object_set(params, "conversation",
				      json_object_get(contact, "conversation"));
		json_decref(contact);
	}
	r = kith__cli_call(cli, "events.subscribe", params);
	if (r == NULL)
		return cli->exit_code;
	json_decref(r);
	return follow(cli);
}
