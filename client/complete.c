/* SPDX-License-Identifier: ISC */
/*
 * `kith __complete [WORD..]`: what may follow these words, one a line, for the shells. Verbs and
 * methods are known at build time; names are asked from the node, silently.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "client/internal.h"
#include "client/methods.h"

#define PATIENCE_US 200000

static const struct {
	const char *name, *options;
} methods[] = {
#define METHOD(name, options) {name, options},
	KITH__METHOD_NAMES
#undef METHOD
};

static void first_words(void)
{
	for (size_t i = 0; kith__verb[i].name != NULL; i++)
		if (strchr(kith__verb[i].name, ' ') == NULL)
			(void)puts(kith__verb[i].name);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strchr(methods[i].name, '.') != NULL)
			(void)puts(methods[i].name);
}

/* The parameters of a method, one a line. */
static void method_options(const char *name)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		const char *o = methods[i].options;

		if (strcmp(methods[i].name, name) != 0)
			continue;
		while (*o != '\0') {
			size_t len = strcspn(o, " ");

			(void)printf("%.*s\n", (int)len, o);
			o += len + (o[len] != '\0' ? 1 : 0);
		}
		return;
	}
}

/* Names a shell can hold and a terminal can show: others are left out. */
static bool plain(const char *name)
{
	char shown[160];
	size_t len = strlen(name);

	return len > 0 && len < 64 &&
	       kith_text_show(shown, sizeof(shown), KITH_TEXT_NAME, 0, name, len) == len &&
	       memcmp(shown, name, len) == 0;
}

static void names(struct kith__cli *cli)
{
	struct timeval patience = {0, PATIENCE_US};
	const json_t *k;
	json_t *items;
	size_t i;

	cli->silent = true;
	if (!kith__cli_connect(cli, true))
		return;
	(void)setsockopt(cli->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	items = kith__cli_list(cli, "contact.list");
	json_array_foreach(items, i, k) if (plain(kith__cli_title(k)))(void)
		puts(kith__cli_title(k));
	json_decref(items);
}

int kith__cmd_complete(struct kith__cli *cli)
{
	static const char *const takes_name[] = {"send", "history", "tail", "verify"};

	if (cli->words == 0) {
		first_words();
		return KITH__EXIT_OK;
	}
	for (size_t i = 0; i < sizeof(takes_name) / sizeof(takes_name[0]); i++)
		if (cli->words == 1 && strcmp(cli->word[0], takes_name[i]) == 0)
			names(cli);
	method_options(cli->word[0]);
	return KITH__EXIT_OK;
}
