/* SPDX-License-Identifier: ISC */
/*
 * kith(1): the command line. Short verbs for people; every other method of the node by its name.
 * All it knows of the node is the control protocol on a Unix socket.
 */
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/internal.h"

#ifndef KITH_VERSION
#define KITH_VERSION "0.1.0" /* the build gives the real one */
#endif

static void help(FILE *to)
{
	(void)fputs("usage: kith VERB [options]\n\n", to);
	for (size_t i = 0; kith__verb[i].name != NULL; i++)
		(void)fprintf(to, "  %-12s %s\n", kith__verb[i].name, kith__verb[i].summary);
	(void)fputs("  A.B          any method of the node: kith a.b --param value\n\n"
		    "  --json       results as JSON, one object a line\n"
		    "  --quiet      no words beside the result\n"
		    "  --profile D  another profile: its directory, as kithd has it\n"
		    "  --socket P   another control socket\n"
		    "  --help       this list; after a verb, its usage\n"
		    "  --version    the version\n",
		    to);
}

static void verb_help(const struct kith__verb *v)
{
	(void)printf("usage: kith %s%s%s\n\n%s\n", v->name, v->usage[0] != '\0' ? " " : "",
		     v->usage, v->summary);
}

static void look_around(struct kith__cli *cli)
{
	const char *term = getenv("TERM"), *none = getenv("NO_COLOR");
	const char *set;

	(void)setlocale(LC_ALL, "");
	set = nl_langinfo(CODESET);
	cli->utf8 = set != NULL && strcmp(set, "UTF-8") == 0;
	cli->tty = isatty(STDOUT_FILENO) == 1;
	cli->colour = cli->tty && (none == NULL || none[0] == '\0') &&
		      (term == NULL || strcmp(term, "dumb") != 0);
	cli->json = (cli->given & KITH__OPT_BIT(JSON)) != 0;
	cli->quiet = (cli->given & KITH__OPT_BIT(QUIET)) != 0;
}

/* "mailbox pin" before "mailbox"; the words of the verb are taken away. */
static const struct kith__verb *find_verb(struct kith__cli *cli)
{
	for (size_t i = 0; kith__verb[i].name != NULL; i++) {
		const char *space = strchr(kith__verb[i].name, ' ');

		if (space == NULL) {
			if (strcmp(cli->word[0], kith__verb[i].name) != 0)
				continue;
			cli->word++;
			cli->words--;
			return &kith__verb[i];
		}
		if (cli->words >= 2 && strcmp(cli->word[1], space + 1) == 0 &&
		    strlen(cli->word[0]) == (size_t)(space - kith__verb[i].name) &&
		    strncmp(cli->word[0], kith__verb[i].name, strlen(cli->word[0])) == 0) {
			cli->word += 2;
			cli->words -= 2;
			return &kith__verb[i];
		}
	}
	return NULL;
}

/* `a.b` or `a b`. */
static int by_name(struct kith__cli *cli)
{
	char method[128];
	size_t used = strchr(cli->word[0], '.') != NULL ? 1 : 2;

	if (cli->words != used ||
	    snprintf(method, sizeof(method), "%s%s%s", cli->word[0], used == 2 ? "." : "",
		     used == 2 ? cli->word[1] : "") >= (int)sizeof(method)) {
		kith__cli_complain("there is no verb of this name; see `kith --help`.");
		return KITH__EXIT_USAGE;
	}
	return kith__cmd_method(cli, method);
}

static int run(struct kith__cli *cli)
{
	if ((cli->given & KITH__OPT_BIT(VERSION)) != 0) {
		(void)puts("kith " KITH_VERSION);
		return KITH__EXIT_OK;
	}
	if (cli->words == 0) {
		help((cli->given & KITH__OPT_BIT(HELP)) != 0 ? stdout : stderr);
		return (cli->given & KITH__OPT_BIT(HELP)) != 0 ? KITH__EXIT_OK : KITH__EXIT_USAGE;
	}
	if (strcmp(cli->word[0], "__complete") == 0) {
		cli->word++;
		cli->words--;
		return kith__cmd_complete(cli);
	}
	cli->verb = find_verb(cli);
	if (cli->verb == NULL)
		return by_name(cli);
	if ((cli->given & KITH__OPT_BIT(HELP)) != 0) {
		verb_help(cli->verb);
		return KITH__EXIT_OK;
	}
	if (cli->params > 0 || (cli->given & ~(cli->verb->options | KITH__OPT_GLOBAL)) != 0 ||
	    cli->words < cli->verb->words_min || cli->words > cli->verb->words_max)
		return kith__cli_usage(cli);
	return cli->verb->run(cli);
}

int main(int argc, char **argv)
{
	struct kith__cli cli = {.program = argv[0], .fd = -1, .pass_fd = -1};
	int code = KITH__EXIT_USAGE;

	if (kith__cli_args(&cli, argc, argv)) {
		look_around(&cli);
		code = run(&cli);
	}
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == KITH__EXIT_OK) {
		kith__cli_complain("the output could not be written.");
		code = KITH__EXIT_REFUSED;
	}
	kith__cli_disconnect(&cli);
	kith__cli_args_free(&cli);
	return code;
}
