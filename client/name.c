/* SPDX-License-Identifier: ISC */
/*
 * Which contact a name means: alias, else the name the contact chose, else id; a unique beginning
 * suffices. Never guesses.
 */
#include <string.h>

#include "client/internal.h"

json_t *kith__cli_list(struct kith__cli *cli, const char *method)
{
	json_t *items = json_array();
	const char *cursor = NULL;
	json_t *page = NULL;

	do {
		json_t *params = json_object();

		if (cursor != NULL)
			(void)json_object_set_new(params, "cursor", json_string(cursor));
		json_decref(page);
		page = kith__cli_call(cli, method, params);
		if (page == NULL) {
			json_decref(items);
			return NULL;
		}
		(void)json_array_extend(items, json_object_get(page, "items"));
		cursor = json_string_value(json_object_get(page, "next"));
	} while (cursor != NULL);
	json_decref(page);
	return items;
}

enum rule { RULE_ALIAS, RULE_NAME, RULE_ID, RULE_PREFIX, RULES };

static bool fits(const json_t *k, enum rule rule, const char *name)
{
	const char *alias = kith__cli_text(k, "alias"), *theirs = kith__cli_text(k, "name");
	size_t len = strlen(name);

	if (alias[0] == '\0' && theirs[0] == '\0')
		theirs = kith__cli_text(k, "short"); /* as it is shown */
	if (len == 0 || strcmp(kith__cli_text(k, "state"), "removed") == 0)
		return false; /* "" is what an unset variable of a shell becomes: it is nobody */
	switch (rule) {
	case RULE_ALIAS: return strcmp(alias, name) == 0;
	case RULE_NAME: return strcmp(theirs, name) == 0;
	case RULE_ID: return strcmp(kith__cli_text(k, "contact"), name) == 0;
	case RULE_PREFIX: return strncmp(alias, name, len) == 0 || strncmp(theirs, name, len) == 0;
	case RULES: break;
	}
	return false;
}

static void list_hits(const json_t *contacts, enum rule rule, const char *name)
{
	size_t i;
	const json_t *k;

	kith__cli_complain("this name means more than one contact:");
	json_array_foreach(contacts, i, k)
	{
		if (!fits(k, rule, name))
			continue;
		(void)fputs("  ", stderr);
		kith__cli_show_name(stderr, kith__cli_title(k), 32);
		(void)fprintf(stderr, "  %s  %s\n", kith__cli_text(k, "short"),
			      kith__cli_text(k, "contact"));
	}
}

json_t *kith__cli_contact(struct kith__cli *cli, const char *name)
{
	json_t *contacts = kith__cli_list(cli, "contact.list");
	json_t *found = NULL;
	size_t hits = 0;

	if (contacts == NULL)
		return NULL;
	for (int rule = 0; rule < RULES && hits == 0; rule++) {
		json_t *k;
		size_t i;

		json_array_foreach(contacts, i, k)
		{
			if (fits(k, (enum rule)rule, name)) {
				found = k;
				hits++;
			}
		}
		if (hits > 1)
			list_hits(contacts, (enum rule)rule, name);
	}
	if (hits == 0 && name[0] == '\0') {
		kith__cli_complain("the name of the contact is empty; see `kith contacts`.");
	} else if (hits == 0) {
		(void)fputs("kith: no contact is called ", stderr);
		(void)kith__cli_show(stderr, KITH_TEXT_NAME, 0, name);
		(void)fputs("; see `kith contacts`.\n", stderr);
	}
	json_incref(found);
	json_decref(contacts);
	if (hits != 1) {
		json_decref(found);
		cli->exit_code = KITH__EXIT_NAME;
		return NULL;
	}
	return found;
}
