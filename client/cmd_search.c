/* SPDX-License-Identifier: ISC */
/* Verb search: what has all words, the newest first. */
#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "client/internal.h"

#define PAGE 50

/* The words as one text; NULL: too long, a sentence was printed. */
static json_t *query_of(const struct kith__cli *cli)
{
	char text[KITH_SEARCH_MAX + 1];
	size_t len = 0, word;

	for (unsigned i = 0; i < cli->words; i++) {
		word = strlen(cli->word[i]);
		if (len + word + 1 > KITH_SEARCH_MAX) {
			kith__cli_complain("At most %u bytes can be searched for.",
					   KITH_SEARCH_MAX);
			return NULL;
		}
		if (i > 0)
			text[len++] = ' ';
		memcpy(text + len, cli->word[i], word);
		len += word;
	}
	return json_stringn(text, len);
}

static void show(struct kith__cli *cli, json_t *titles, const json_t *items)
{
	const json_t *m;
	size_t i;

	if (kith__cli_items(cli, items))
		return;
	json_array_foreach(items, i, m)
	{
		const char *who =
			kith__cli_title_of(cli, titles, kith__cli_text(m, "conversation"));

		(void)kith__cli_show(stdout, KITH_TEXT_NAME, 0, who);
		(void)fputs("  ", stdout);
		kith__cli_message(cli, m, who);
	}
}

/* Pages until `count` messages were shown or there are no more. */
static int search(struct kith__cli *cli, json_t *query, json_t *conversation, json_int_t count)
{
	json_t *titles = json_object(), *cursor = NULL, *page, *items;
	const json_int_t wanted = count;
	bool ok = true;

	while (ok && count > 0) {
		page = kith__cli_call(cli, "search.messages",
				      json_pack("{s:O,s:O*,s:O*,s:I}", "query", query,
						"conversation", conversation, "cursor", cursor,
						"limit", count < PAGE ? count : (json_int_t)PAGE));
		ok = page != NULL;
		items = json_object_get(page, "items");
		show(cli, titles, items);
		count -= (json_int_t)json_array_size(items);
		json_decref(cursor);
		cursor = json_incref(json_object_get(page, "next"));
		json_decref(page);
		if (!json_is_string(cursor))
			break;
	}
	json_decref(cursor);
	json_decref(titles);
	(void)fflush(stdout);
	if (ok && count == wanted && !cli->json)
		(void)fputs("No message has all these words.\n", stderr);
	return ok ? KITH__EXIT_OK : cli->exit_code;
}

int kith__cmd_search(struct kith__cli *cli)
{
	const char *n = cli->value[KITH__OPT_COUNT], *name = cli->value[KITH__OPT_IN];
	json_t *contact = NULL, *query;
	json_int_t count = PAGE;
	int code;

	if (n != NULL && !kith__cli_number(n, 1, 1000000, &count))
		return kith__cli_usage(cli);
	query = query_of(cli);
	if (query == NULL)
		return KITH__EXIT_USAGE;
	if (name != NULL) {
		contact = kith__cli_contact(cli, name);
		if (contact == NULL) {
			json_decref(query);
			return cli->exit_code;
		}
	}
	code = search(cli, query, json_object_get(contact, "conversation"), count);
	json_decref(contact);
	json_decref(query);
	return code;
}
