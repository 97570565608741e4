/* SPDX-License-Identifier: ISC */
/* The command line in words and options. `--` ends the options; `-` is a word. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "client/internal.h"

static const struct {
	const char *name;
	bool value;
} options[KITH__OPTIONS] = {
	[KITH__OPT_JSON] = {"--json", false},
	[KITH__OPT_QUIET] = {"--quiet", false},
	[KITH__OPT_PROFILE] = {"--profile", true},
	[KITH__OPT_SOCKET] = {"--socket", true},
	[KITH__OPT_HELP] = {"--help", false},
	[KITH__OPT_VERSION] = {"--version", false},
	[KITH__OPT_LABEL] = {"--label", true},
	[KITH__OPT_QR] = {"--qr", false},
	[KITH__OPT_SELF] = {"--with-my-address", false},
	[KITH__OPT_NAME] = {"--name", true},
	[KITH__OPT_GREETING] = {"--greeting", true},
	[KITH__OPT_WAIT] = {"--wait", true},
	[KITH__OPT_TIMEOUT] = {"--timeout", true},
	[KITH__OPT_SINCE] = {"--since", true},
	[KITH__OPT_READ] = {"--read", false},
	[KITH__OPT_COUNT] = {"-n", true},
	[KITH__OPT_PASSPHRASE] = {"--passphrase", false},
	[KITH__OPT_NETWORK] = {"--network", true},
	[KITH__OPT_WORK_BITS] = {"--work-bits", true},
	[KITH__OPT_NEW] = {"--new", false},
	[KITH__OPT_YES] = {"--yes", false},
	[KITH__OPT_NO] = {"--no", false},
	[KITH__OPT_IN] = {"--in", true},
};

/* Whether the first words name a short verb: then unknown options are no parameters. */
static bool short_verb(const char *word)
{
	for (size_t i = 0; kith__verb[i].name != NULL; i++)
		if (strcmp(kith__verb[i].name, word) == 0)
			return true;
	return false;
}

static size_t option_of(const char *arg, size_t len)
{
	size_t i = 0;

	if (len == 2 && arg[0] == '-' && arg[1] == 'h')
		return KITH__OPT_HELP;
	while (i < KITH__OPTIONS &&
	       (strlen(options[i].name) != len || strncmp(options[i].name, arg, len) != 0))
		i++;
	return i;
}

/* Takes the option at argv[*i]; its value may stand in the next place. */
static bool take(struct kith__cli *cli, int argc, char **argv, int *i, bool method)
{
	const char *arg = argv[*i];
	const char *equals = strchr(arg, '=');
	size_t len = equals != NULL ? (size_t)(equals - arg) : strlen(arg);
	size_t at = option_of(arg, len);
	bool global = at < KITH__OPTIONS && (KITH__OPT_GLOBAL >> at & 1u) != 0;
	const char *value = equals != NULL ? equals + 1 : NULL;
	bool wants = true;

	if (at < KITH__OPTIONS && (global || !method))
		wants = options[at].value;
	else if (!method || len < 3 || arg[1] != '-')
		at = KITH__OPTIONS + 1;
	else
		at = KITH__OPTIONS;
	if (at > KITH__OPTIONS || (!wants && equals != NULL)) {
		kith__cli_complain("there is no option of this kind: %.*s%s", (int)len, arg,
				   cli->words > 0 && strcmp(cli->word[0], "send") == 0
					   ? "; put -- before words that begin with -"
					   : "");
		return false;
	}
	if (wants && value == NULL) {
		if (*i + 1 >= argc) {
			kith__cli_complain("the option %s needs a value.", arg);
			return false;
		}
		value = argv[++*i];
	}
	if (value != NULL && at != KITH__OPT_PROFILE && at != KITH__OPT_SOCKET &&
	    !kith_text_valid(value, strlen(value))) {
		kith__cli_complain("the value of %.*s is not UTF-8 text.", (int)len, arg);
		return false;
	}
	if (at == KITH__OPTIONS) {
		cli->param[cli->params] = kith_alloc_copy(NULL, arg + 2, len - 2);
		if (cli->param[cli->params] == NULL)
			return false;
		cli->param_value[cli->params++] = value;
	} else {
		cli->given |= 1u << at;
		cli->value[at] = value;
	}
	return true;
}

bool kith__cli_args(struct kith__cli *cli, int argc, char **argv)
{
	size_t room = (size_t)argc + 1;
	bool ended = false;

	cli->store = cli->word = kith_alloc_zero(NULL, room * 3, sizeof(*cli->word));
	if (cli->word == NULL || argc > (int)KITH__WORDS_MAX) {
		kith__cli_complain("there are more than %u words.", KITH__WORDS_MAX - 1);
		return false;
	}
	cli->param = cli->word + room;
	cli->param_value = cli->param + room;
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];

		if (!ended && strcmp(arg, "--") == 0) {
			ended = true;
		} else if (!ended && arg[0] == '-' && arg[1] != '\0') {
			if (!take(cli, argc, argv, &i, cli->words > 0 && !short_verb(cli->word[0])))
				return false;
		} else if (!kith_text_valid(arg, strlen(arg))) {
			kith__cli_complain("word %d is not UTF-8 text.", i);
			return false;
		} else {
			cli->word[cli->words++] = arg;
		}
	}
	return true;
}

void kith__cli_args_free(struct kith__cli *cli)
{
	void *p;

	for (size_t i = 0; i < cli->params; i++) {
		memcpy(&p, &cli->param[i], sizeof(p)); /* const for all others */
		kith_alloc_free(NULL, p);
	}
	kith_alloc_free(NULL, cli->store);
	cli->store = NULL;
}

int kith__cli_usage(const struct kith__cli *cli)
{
	(void)fprintf(stderr, "usage: kith %s%s%s\n", cli->verb->name,
		      cli->verb->usage[0] != '\0' ? " " : "", cli->verb->usage);
	return KITH__EXIT_USAGE;
}

bool kith__cli_number(const char *text, json_int_t min, json_int_t max, json_int_t *out)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || v < min || v > max)
		return false;
	*out = v;
	return true;
}

bool kith__cli_duration(const char *text, json_int_t *ms)
{
	static const struct {
		const char *unit;
		json_int_t ms;
	} units[] = {{"", 1000}, {"s", 1000}, {"ms", 1}, {"m", 60000}, {"h", 3600000}};
	char *end;
	long long v;

	errno = 0;
	v = strtoll(text, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (errno == 0 && end != text && strcmp(end, units[i].unit) == 0 && v >= 0 &&
		    v <= 864000) {
			*ms = v * units[i].ms;
			return true;
		}
	return false;
}

char *kith__cli_stdin(size_t max, size_t *len)
{
	char *text = kith_alloc_zero(NULL, max + 2, 1);
	ssize_t n = 1;

	*len = 0;
	while (text != NULL && n > 0 && *len <= max) {
		n = read(STDIN_FILENO, text + *len, max + 1 - *len);
		*len += n > 0 ? (size_t)n : 0;
	}
	if (text == NULL || n < 0 || *len > max || !kith_text_valid(text, *len)) {
		kith__cli_complain("standard input is not UTF-8 text of at most %zu bytes.", max);
		kith_alloc_free(NULL, text);
		return NULL;
	}
	text[*len] = '\0';
	return text;
}
