/* SPDX-License-Identifier: ISC */
/* Verbs about others: add, requests, accept, refuse, contacts, verify. */
#include <string.h>

#include "base/alloc.h"
#include "client/internal.h"

#define LINK_BYTES_MAX 1024u

/* What became of an own request so far, as one sentence. */
static void say_request(const json_t *r, const char *who)
{
	const json_t *request = json_object_get(r, "request");
	json_int_t kept = kith__cli_int(request, "kept");
	char date[32];

	(void)fputs("Request to ", stdout);
	(void)kith__cli_show(stdout, KITH_TEXT_NAME, 0, who);
	if (kept > 0) {
		kith__cli_date(date, kith__cli_int(request, "until"));
		(void)printf(": kept by %d until %s.", (int)kept, date);
	} else {
		(void)fputs(": queued.", stdout);
	}
	(void)fputs(" You can write already; it goes out when the request is accepted.\n", stdout);
}

int kith__cmd_add_link(struct kith__cli *cli, const char *link, const char *name)
{
	const char *greeting = cli->value[KITH__OPT_GREETING];
	json_t *params = json_pack("{s:s}", "link", link);
	json_t *r, *k;

	if (params == NULL) {
		kith__cli_complain("the link is not UTF-8 text.");
		return KITH__EXIT_USAGE;
	}
	if (name != NULL)
		(void)json_object_set_new(params, "name", json_string(name));
	if (greeting != NULL)
		(void)json_object_set_new(params, "greeting", json_string(greeting));
	r = kith__cli_call(cli, "contact.add", params);
	if (r == NULL)
		return cli->exit_code;
	if (cli->json) {
		kith__cli_line(r);
	} else if (!cli->quiet) {
		k = kith__cli_call(cli, "contact.get",
				   json_pack("{s:O}", "contact", json_object_get(r, "contact")));
		if (k != NULL)
			say_request(r, kith__cli_title(k));
		json_decref(k);
	}
	json_decref(r);
	return KITH__EXIT_OK;
}

int kith__cmd_add(struct kith__cli *cli)
{
	char *text = NULL;
	size_t len;
	int code;

	if (strcmp(cli->word[0], "-") == 0) {
		text = kith__cli_stdin(LINK_BYTES_MAX, &len);
		if (text == NULL)
			return KITH__EXIT_USAGE;
	}
	code = kith__cmd_add_link(cli, text != NULL ? text : cli->word[0],
				  cli->value[KITH__OPT_NAME]);
	kith_alloc_free(NULL, text);
	return code;
}

int kith__cmd_requests(struct kith__cli *cli)
{
	json_t *items = kith__cli_list(cli, "request.list");
	const json_t *r;
	size_t i;

	if (items == NULL)
		return cli->exit_code;
	if (!kith__cli_items(cli, items)) {
		json_array_foreach(items, i, r)
		{
			char at[32];

			kith__cli_time(at, kith__cli_int(r, "time"));
			(void)printf("%zu  ", i + 1);
			kith__cli_show_name(stdout, kith__cli_text(r, "name"), 32);
			(void)printf("  %s  %s  work %d\n", kith__cli_text(r, "short"), at,
				     (int)kith__cli_int(r, "work"));
			if (kith__cli_text(r, "greeting")[0] != '\0') {
				(void)fputs("     ", stdout);
				(void)kith__cli_show(stdout, KITH_TEXT_BODY, 5,
						     kith__cli_text(r, "greeting"));
				(void)fputs("\n", stdout);
			}
		}
		if (json_array_size(items) == 0 && !cli->quiet)
			(void)puts("No requests.");
	}
	json_decref(items);
	return KITH__EXIT_OK;
}

/* By number in the list, by name, or by id. */
static json_t *find_request(struct kith__cli *cli, const char *what)
{
	json_t *items = kith__cli_list(cli, "request.list");
	json_t *found = NULL, *r;
	json_int_t n;
	size_t i, hits = 0;

	if (items == NULL)
		return NULL;
	if (kith__cli_number(what, 1, (json_int_t)json_array_size(items), &n)) {
		found = json_array_get(items, (size_t)n - 1);
		hits = 1;
	} else {
		json_array_foreach(items, i, r)
		{
			if (strcmp(kith__cli_text(r, "name"), what) == 0 ||
			    strcmp(kith__cli_text(r, "request"), what) == 0) {
				found = r;
				hits++;
			}
		}
	}
	if (hits != 1) {
		kith__cli_complain(hits == 0 ? "there is no such request; see `kith requests`."
					     : "more than one request has this name; give its "
					       "number, see `kith requests`.");
		cli->exit_code = KITH__EXIT_NAME;
		found = NULL;
	}
	json_incref(found);
	json_decref(items);
	return found;
}

static int answer_request(struct kith__cli *cli, const char *method, const char *words)
{
	const char *alias = cli->value[KITH__OPT_NAME];
	json_t *request = find_request(cli, cli->word[0]);
	json_t *params, *r;

	if (request == NULL)
		return cli->exit_code;
	params = json_pack("{s:O}", "request", json_object_get(request, "request"));
	if (alias != NULL)
		(void)json_object_set_new(params, "alias", json_string(alias));
	r = kith__cli_call(cli, method, params);
	if (r != NULL && cli->json) {
		kith__cli_line(r);
	} else if (r != NULL && !cli->quiet) {
		(void)kith__cli_show(stdout, KITH_TEXT_NAME, 0, kith__cli_text(request, "name"));
		(void)printf(" %s\n", words);
	}
	json_decref(request);
	if (r == NULL)
		return cli->exit_code;
	json_decref(r);
	return KITH__EXIT_OK;
}

int kith__cmd_accept(struct kith__cli *cli)
{
	return answer_request(cli, "request.accept", "is a contact now.");
}

int kith__cmd_refuse(struct kith__cli *cli)
{
	return answer_request(cli, "request.refuse", "was refused and is not told.");
}

int kith__cmd_contacts(struct kith__cli *cli)
{
	json_t *items = kith__cli_list(cli, "contact.list");
	const json_t *k;
	size_t i;

	if (items == NULL)
		return cli->exit_code;
	if (!kith__cli_items(cli, items)) {
		json_array_foreach(items, i, k)
		{
			bool online = strcmp(kith__cli_text(k, "presence"), "online") == 0;

			kith__cli_show_name(stdout, kith__cli_title(k), 32);
			(void)printf("  %s  %-9s%s%s\n", kith__cli_text(k, "short"),
				     kith__cli_text(k, "state"), online ? "  online" : "",
				     json_is_true(json_object_get(k, "verified")) ? "  verified"
										  : "");
		}
		if (json_array_size(items) == 0 && !cli->quiet)
			(void)puts("No contacts yet; `kith invite` makes a link for somebody.");
	}
	json_decref(items);
	return KITH__EXIT_OK;
}

/* --yes and --no answer; on a terminal the question is asked after the digits were shown. 1: equal,
 * 0: not, -1: nothing was said. */
static int answered(const struct kith__cli *cli, bool ask)
{
	char line[16];

	if ((cli->given & (KITH__OPT_BIT(YES) | KITH__OPT_BIT(NO))) != 0)
		return (cli->given & KITH__OPT_BIT(YES)) != 0;
	if (!ask || cli->quiet || cli->json || !cli->tty || !kith__cli_asks())
		return -1;
	(void)fputs("Are they equal? [y/n, Enter = later] ", stdout);
	(void)fflush(stdout);
	if (fgets(line, sizeof(line), stdin) == NULL || (line[0] != 'y' && line[0] != 'n'))
		return -1;
	return line[0] == 'y';
}

static void show_digits(const struct kith__cli *cli, const json_t *r, const json_t *k)
{
	const char *digits = kith__cli_text(r, "digits");

	if (strlen(digits) != 60)
		return;
	for (int i = 0; i < 12; i++)
		(void)printf("%.5s%s", digits + (size_t)i * 5, i % 4 == 3 ? "\n" : " ");
	if (cli->quiet)
		return;
	(void)fputs("Compare these digits with ", stdout);
	(void)kith__cli_show(stdout, KITH_TEXT_NAME, 0, kith__cli_title(k));
	(void)fputs(" face to face or in a call: they must be equal.\n", stdout);
}

int kith__cmd_verify(struct kith__cli *cli)
{
	json_t *k = kith__cli_contact(cli, cli->word[0]);
	json_t *r = NULL, *params;
	int equal = answered(cli, false);

	for (int pass = 0; k != NULL && pass < 2; pass++) {
		params = json_pack("{s:O}", "contact", json_object_get(k, "contact"));
		if (equal >= 0)
			(void)json_object_set_new(params, "verified", json_boolean(equal));
		json_decref(r);
		r = kith__cli_call(cli, "contact.verify", params);
		if (r == NULL || cli->json)
			break;
		if (pass == 0)
			show_digits(cli, r, k);
		if (equal >= 0 || (equal = answered(cli, true)) < 0)
			break;
	}
	if (r != NULL && cli->json)
		kith__cli_line(r);
	else if (r != NULL && equal >= 0 && !cli->quiet)
		(void)puts(equal == 1 ? "Marked as verified." : "Marked as not verified.");
	json_decref(k);
	if (r == NULL)
		return cli->exit_code;
	json_decref(r);
	return KITH__EXIT_OK;
}
