/* SPDX-License-Identifier: ISC */
/* Verbs about oneself: invite, status, network test, mailboxes, mailbox pin, down. */
#include <string.h>

#include "client/internal.h"

/* The newest active invitation with this label, or NULL; `items` keeps it alive. */
static json_t *find_invitation(const json_t *items, const char *label)
{
	json_t *item, *found = NULL;
	size_t i;

	json_array_foreach(items, i,
			   item) if (strcmp(kith__cli_text(item, "label"), label) == 0 &&
				     (found == NULL || kith__cli_int(item, "created") >=
							       kith__cli_int(found, "created")))
		found = item;
	return found;
}

json_t *kith__cli_invitation(struct kith__cli *cli)
{
	const char *label = cli->value[KITH__OPT_LABEL] != NULL ? cli->value[KITH__OPT_LABEL] : "";
	json_t *params =
		json_pack("{s:b}", "include_self", (cli->given & KITH__OPT_BIT(SELF)) != 0);
	json_t *list = NULL, *found = NULL, *r;

	if ((cli->given & KITH__OPT_BIT(NEW)) == 0) {
		list = kith__cli_call(cli, "invitation.list", NULL);
		if (list == NULL) {
			json_decref(params);
			return NULL;
		}
		found = find_invitation(json_object_get(list, "items"), label);
	}
	if (found != NULL)
		(void)json_object_set(params, "invitation", json_object_get(found, "invitation"));
	else if (label[0] != '\0')
		(void)json_object_set_new(params, "label", json_string(label));
	r = kith__cli_call(cli, found != NULL ? "invitation.link" : "invitation.create", params);
	json_decref(list);
	if (r == NULL && cli->error_code == -32005)
		kith__cli_complain("`kith invitation list` shows the active invitations, `kith "
				   "invitation revoke --invitation ID` ends one.");
	return r;
}

int kith__cmd_invite(struct kith__cli *cli)
{
	json_t *r = kith__cli_invitation(cli);

	if (r == NULL)
		return cli->exit_code;
	if (cli->json) {
		kith__cli_line(r);
	} else {
		(void)printf("%s\n", kith__cli_text(r, "link"));
		if ((cli->given & KITH__OPT_BIT(QR)) != 0)
			kith__cli_qr(cli, json_object_get(r, "qr"), kith__cli_text(r, "link"));
		if ((cli->given & KITH__OPT_BIT(SELF)) != 0 && !cli->quiet)
			(void)fputs("This link then shows your internet address.\n", stderr);
	}
	json_decref(r);
	return KITH__EXIT_OK;
}

int kith__cmd_status(struct kith__cli *cli)
{
	json_t *r = kith__cli_call(cli, "node.status", NULL);
	const char *advice;

	if (r == NULL)
		return cli->exit_code;
	advice = kith__cli_text(r, "advice");
	if (cli->json) {
		kith__cli_line(r);
	} else {
		(void)printf("%s\n", kith__cli_text(r, "sentence"));
		if (json_is_object(json_object_get(r, "reach")))
			(void)printf("%s\n",
				     kith__cli_text(json_object_get(r, "reach"), "sentence"));
		if (advice[0] != '\0' && !cli->quiet)
			(void)printf("%s\n", advice);
	}
	json_decref(r);
	return KITH__EXIT_OK;
}

int kith__cmd_network_test(struct kith__cli *cli)
{
	json_t *r = kith__cli_call(cli, "network.test", NULL);
	const json_t *list = json_object_get(r, "protocols"), *p;
	size_t i;

	if (r == NULL)
		return cli->exit_code;
	if (cli->json) {
		kith__cli_line(r);
		json_decref(r);
		return KITH__EXIT_OK;
	}
	if (!cli->quiet) {
		(void)printf("%-13s %s\n", "router",
			     json_is_true(json_object_get(r, "router")) ? "found" : "none");
		json_array_foreach(list, i, p)
		{
			(void)printf("%-13s %s", kith__cli_text(p, "protocol"),
				     kith__cli_text(p, "result"));
			if (kith__cli_int(p, "code") != 0)
				(void)printf(" (code %d)", (int)kith__cli_int(p, "code"));
			(void)putchar('\n');
		}
		if (json_is_string(json_object_get(r, "external")))
			(void)printf("%-13s %s, after %d ms\n", "granted",
				     kith__cli_text(r, "external"),
				     (int)kith__cli_int(r, "took_ms"));
	}
	(void)printf("%s\n", kith__cli_text(json_object_get(r, "reach"), "sentence"));
	json_decref(r);
	return KITH__EXIT_OK;
}

int kith__cmd_mailboxes(struct kith__cli *cli)
{
	json_t *r = kith__cli_call(cli, "mailbox.list", NULL);
	const json_t *list = json_object_get(r, "mailboxes"), *m;
	size_t i;

	if (r == NULL)
		return cli->exit_code;
	if (!kith__cli_items(cli, list)) {
		json_array_foreach(list, i, m)
		{
			char seen[32];

			kith__cli_time(seen, kith__cli_int(m, "last_seen"));
			(void)printf("%s  %-9s %s  last seen %s\n", kith__cli_text(m, "mailbox"),
				     kith__cli_text(m, "source"),
				     json_is_true(json_object_get(m, "answering")) ? "answers"
										   : "silent ",
				     seen);
		}
		if (!cli->quiet)
			(void)printf("%d of %d wanted mailboxes found.\n",
				     (int)kith__cli_int(r, "found"),
				     (int)kith__cli_int(r, "wanted"));
	}
	json_decref(r);
	return KITH__EXIT_OK;
}

/* Prints the result of a call that has none worth words. */
static int done(struct kith__cli *cli, json_t *r, const char *words)
{
	if (r == NULL)
		return cli->exit_code;
	if (cli->json)
		kith__cli_line(r);
	else if (!cli->quiet)
		(void)puts(words);
	json_decref(r);
	return KITH__EXIT_OK;
}

int kith__cmd_mailbox_pin(struct kith__cli *cli)
{
	return done(cli,
		    kith__cli_call(cli, "mailbox.pin", json_pack("{s:s}", "link", cli->word[0])),
		    "Pinned.");
}

/* Waits until the node has closed the connection: then it has ended. */
int kith__cmd_down(struct kith__cli *cli)
{
	char byte;
	json_t *r = kith__cli_call(cli, "node.shutdown", NULL);

	if (r == NULL)
		return cli->exit_code;
	while (kith__cli_byte(cli, &byte))
		;
	return done(cli, r, "The node has ended.");
}
