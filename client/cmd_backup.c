/* SPDX-License-Identifier: ISC */
/* Verbs that take a profile elsewhere: backup, restore, export. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "client/internal.h"

#define SECRET (KITH_PASSPHRASE_MAX + 2)
#define PAGE   200

/* ---- backup, restore ---- */

static bool backup_secret(struct kith__cli *cli, char pass[SECRET])
{
	bool known, had = kith__cli_protected(cli, &known);

	if (!known)
		return false;
	cli->exit_code = KITH__EXIT_USAGE;
	if (!kith__cli_secret(had ? "Passphrase or recovery words of this profile: "
				  : "Passphrase or recovery words for this backup: ",
			      !had, pass))
		return false;
	if (pass[0] != '\0')
		return true;
	kith__cli_complain("a backup needs a passphrase: it holds all that you wrote.");
	return false;
}

int kith__cmd_backup(struct kith__cli *cli)
{
	const char *path = cli->word[0];
	char part[KITH__PATH_MAX], pass[SECRET];
	json_t *r;
	bool ok;
	int fd;

	if (!backup_secret(cli, pass))
		return cli->exit_code;
	if (!kith__cli_file_begin(path, part, &fd)) {
		kith_wipe(pass, sizeof(pass));
		return KITH__EXIT_REFUSED;
	}
	cli->pass_fd = fd;
	r = kith__cli_call(cli, "profile.backup", json_pack("{s:s}", "passphrase", pass));
	kith_wipe(pass, sizeof(pass));
	ok = kith__cli_file_end(path, part, fd, r != NULL);
	if (r == NULL)
		return cli->exit_code;
	if (ok && cli->json)
		kith__cli_line(r);
	else if (ok && !cli->quiet)
		(void)printf(
			"%lld bytes in %s. Keep the passphrase elsewhere; `kith restore` makes "
			"the profile again.\n",
			(long long)kith__cli_int(r, "bytes"), path);
	json_decref(r);
	return ok ? KITH__EXIT_OK : KITH__EXIT_REFUSED;
}

static json_t *restore(struct kith__cli *cli, int fd)
{
	char pass[SECRET], new[SECRET] = "";
	json_t *params;

	cli->exit_code = KITH__EXIT_USAGE;
	if (!kith__cli_secret("Passphrase or recovery words of the backup: ", false, pass))
		return NULL;
	if (!kith__cli_secret("New passphrase on this computer (empty = none): ", true, new)) {
		kith_wipe(pass, sizeof(pass));
		return NULL;
	}
	params = json_pack("{s:s}", "passphrase", pass);
	if (new[0] != '\0')
		(void)json_object_set_new(params, "new", json_string(new));
	kith_wipe(pass, sizeof(pass));
	kith_wipe(new, sizeof(new));
	cli->pass_fd = fd;
	return kith__cli_call(cli, "profile.restore", params);
}

int kith__cmd_restore(struct kith__cli *cli)
{
	bool locked = false, there = false;
	json_t *r;
	int fd = open(cli->word[0], O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		kith__cli_complain("%s cannot be read: %s.", cli->word[0], strerror(errno));
		return KITH__EXIT_REFUSED;
	}
	r = NULL;
	if (!kith__cli_connect(cli, true) && !kith__cli_start(cli)) {
		cli->exit_code = KITH__EXIT_NO_NODE;
	} else if (kith__cli_hello(cli, &locked, &there)) {
		if (!there)
			r = restore(cli, fd);
		else
			kith__cli_complain("there is a profile here already; `kith --profile DIR "
					   "restore FILE` makes another beside it.");
		if (there)
			cli->exit_code = KITH__EXIT_REFUSED;
	}
	(void)close(fd);
	if (r == NULL)
		return cli->exit_code;
	if (cli->json) {
		kith__cli_line(r);
	} else if (!cli->quiet) {
		(void)fputs("Restored: ", stdout);
		(void)kith__cli_show(stdout, KITH_TEXT_NAME, 0, kith__cli_text(r, "name"));
		(void)puts(
			". Conversations go on by themselves once the network is there; a copy of "
			"this profile elsewhere is shut out.");
	}
	json_decref(r);
	return KITH__EXIT_OK;
}

/* ---- export ---- */

static json_t *page(struct kith__cli *cli, const json_t *conversation, json_t *before)
{
	json_t *params = json_pack("{s:O,s:i}", "conversation", conversation, "limit", PAGE);

	if (before != NULL)
		(void)json_object_set(params, "before", before);
	return kith__cli_call(cli, "history.page", params);
}

static void write_message(const struct kith__cli *cli, FILE *to, const json_t *m, const char *who)
{
	bool own = strcmp(kith__cli_text(m, "from"), "me") == 0;
	time_t at = (time_t)(kith__cli_int(m, "time") / 1000);
	struct tm tm;
	char date[32] = "";
	json_t *line;

	if (cli->json) {
		line = json_deep_copy(m);
		(void)json_object_set_new(line, "contact_name", json_string(who));
		(void)json_dumpf(line, to, JSON_COMPACT);
		(void)fputs("\n", to);
		json_decref(line);
		return;
	}
	if (gmtime_r(&at, &tm) != NULL)
		(void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	(void)fprintf(to, "%s  ", date);
	(void)kith__cli_show(to, KITH_TEXT_NAME, 0, own ? "me" : who);
	(void)fputs(": ", to);
	(void)kith__cli_show(to, KITH_TEXT_BODY, 4, kith__cli_text(m, "text"));
	(void)fputs("\n", to);
}

/* Where each page begins is found from the newest back; then they are read the other way round, so
 * that the oldest is written first and no more than one page is in memory. */
static bool export_one(struct kith__cli *cli, FILE *to, const json_t *contact)
{
	const json_t *conversation = json_object_get(contact, "conversation");
	json_t *marks = json_array(), *r, *m;
	bool older = true;
	size_t i;

	if (json_is_null(conversation) || conversation == NULL) {
		json_decref(marks);
		return true;
	}
	if (!cli->json) {
		(void)fputs("== ", to);
		(void)kith__cli_show(to, KITH_TEXT_NAME, 0, kith__cli_title(contact));
		(void)fputs("\n", to);
	}
	(void)json_array_append_new(marks, json_null());
	while (older) {
		m = json_array_get(marks, json_array_size(marks) - 1);
		r = page(cli, conversation, json_is_null(m) ? NULL : m);
		if (r == NULL) {
			json_decref(marks);
			return false;
		}
		older = json_is_true(json_object_get(r, "has_older"));
		m = json_array_get(json_object_get(r, "messages"), 0);
		if (older)
			(void)json_array_append(marks, json_object_get(m, "message"));
		json_decref(r);
	}
	for (size_t k = json_array_size(marks); k-- > 0;) {
		m = json_array_get(marks, k);
		r = page(cli, conversation, json_is_null(m) ? NULL : m);
		json_array_foreach(json_object_get(r, "messages"), i, m)
			write_message(cli, to, m, kith__cli_title(contact));
		if (r == NULL)
			break;
		json_decref(r);
	}
	json_decref(marks);
	return cli->error_code == 0;
}

static bool export_all(struct kith__cli *cli, FILE *to)
{
	json_t *items, *k;
	bool ok = true;
	size_t i;

	if (cli->words > 1) {
		k = kith__cli_contact(cli, cli->word[1]);
		ok = k != NULL && export_one(cli, to, k);
		json_decref(k);
		return ok;
	}
	items = kith__cli_list(cli, "contact.list");
	ok = items != NULL;
	json_array_foreach(items, i, k) ok = ok && export_one(cli, to, k);
	json_decref(items);
	return ok;
}

/* What is written can be read by everybody: it is said, and on a terminal asked. */
static bool agreed(const struct kith__cli *cli)
{
	char line[8];

	if ((cli->given & KITH__OPT_BIT(YES)) != 0)
		return true;
	if (!kith__cli_asks()) {
		kith__cli_complain(
			"an export is not protected by anything; --yes says that this is "
			"meant.");
		return false;
	}
	(void)fputs("The export is not protected by anything. Write it? [y/N] ", stderr);
	return fgets(line, sizeof(line), stdin) != NULL && (line[0] == 'y' || line[0] == 'Y');
}

int kith__cmd_export(struct kith__cli *cli)
{
	bool out = strcmp(cli->word[0], "-") == 0, ok;
	char part[KITH__PATH_MAX];
	FILE *to = stdout;
	int fd = -1;

	if (!agreed(cli))
		return KITH__EXIT_USAGE;
	if (!out && !kith__cli_file_begin(cli->word[0], part, &fd))
		return KITH__EXIT_REFUSED;
	if (!out)
		to = fdopen(dup(fd), "w");
	cli->exit_code = KITH__EXIT_REFUSED;
	ok = to != NULL && export_all(cli, to);
	if (to != NULL && (fflush(to) != 0 || ferror(to) != 0))
		ok = false;
	if (!out && to != NULL)
		(void)fclose(to);
	if (!out)
		ok = kith__cli_file_end(cli->word[0], part, fd, ok) && ok;
	return ok ? KITH__EXIT_OK : cli->exit_code;
}
