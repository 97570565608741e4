/* SPDX-License-Identifier: ISC */
/*
 * `kith up`: starts kithd if nobody answers on the socket, makes the profile, shows an invitation,
 * or adds the owner of a link. Safe to repeat.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "client/internal.h"

#define PATH_BYTES     1024u
#define LINK_BYTES_MAX 1024u
#define NAME_BYTES_MAX 64u

/* ---- starting kithd ---- */

/* kithd beside this program, else by PATH. */
static void find_kithd(char out[PATH_BYTES])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_BYTES - 16);
	char *slash;

	if (n > 0) {
		out[n] = '\0';
		slash = strrchr(out, '/');
		if (slash != NULL) {
			(void)snprintf(slash + 1, 8, "kithd");
			if (access(out, X_OK) == 0)
				return;
		}
	}
	(void)snprintf(out, PATH_BYTES, "kithd");
}

/* Makes the folders of `path` (not its last part), for their owner alone. */
static void make_folders(const char *path)
{
	char part[PATH_BYTES];

	(void)snprintf(part, sizeof(part), "%s", path);
	for (char *p = part + 1; *p != '\0'; p++)
		if (*p == '/') {
			*p = '\0';
			(void)mkdir(part, 0700);
			*p = '/';
		}
}

/* In the child: becomes kithd, or leaves. */
_Noreturn static void become(const struct kith__cli *cli, const char *log, int ready)
{
	char program[PATH_BYTES], number[16];
	const char *argv[12];
	char *words[12];
	int n = 0;
	int out = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);

	find_kithd(program);
	(void)snprintf(number, sizeof(number), "%d", ready);
	argv[n++] = program;
	argv[n++] = "--ready-fd";
	argv[n++] = number;
	if (cli->value[KITH__OPT_PROFILE] != NULL) {
		argv[n++] = "--profile";
		argv[n++] = cli->value[KITH__OPT_PROFILE];
	}
	if (cli->value[KITH__OPT_SOCKET] != NULL) {
		argv[n++] = "--socket";
		argv[n++] = cli->value[KITH__OPT_SOCKET];
	}
	if (cli->value[KITH__OPT_NETWORK] != NULL) {
		argv[n++] = "--network";
		argv[n++] = cli->value[KITH__OPT_NETWORK];
	}
	if (cli->value[KITH__OPT_WORK_BITS] != NULL) {
		argv[n++] = "--work-bits";
		argv[n++] = cli->value[KITH__OPT_WORK_BITS];
	}
	argv[n] = NULL;
	memcpy(words, argv, sizeof(words)); /* exec takes them unconst and changes nothing */
	if (in >= 0 && out >= 0 && dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2 &&
	    setsid() >= 0)
		(void)execvp(program, words);
	_exit(127);
}

/* Shows what kithd said before it gave up. */
static void show_log(const char *log)
{
	char text[4096];
	int fd = open(log, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	if (n > 0) {
		text[n] = '\0';
		if (kith_text_valid(text, (size_t)n))
			(void)kith__cli_show(stderr, KITH_TEXT_BODY, 0, text);
	}
	if (fd >= 0)
		(void)close(fd);
}

static bool kithd_ready(int fd)
{
	char byte;
	ssize_t n;

	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	return n == 1;
}

bool kith__cli_start(struct kith__cli *cli)
{
	char socket[PATH_BYTES], log[PATH_BYTES];
	int pipes[2];
	pid_t pid;
	bool ready;

	if (!kith__cli_socket(cli, socket, sizeof(socket)))
		return false;
	make_folders(socket);
	(void)snprintf(log, sizeof(log), "%.*s.log",
		       (int)(strlen(socket) > 900 ? 900 : strlen(socket)), socket);
	if (pipe(pipes) != 0)
		return false;
	(void)fcntl(pipes[0], F_SETFD, FD_CLOEXEC);
	pid = fork();
	if (pid == 0) {
		(void)close(pipes[0]);
		become(cli, log, pipes[1]);
	}
	(void)close(pipes[1]);
	ready = pid > 0 && kithd_ready(pipes[0]);
	(void)close(pipes[0]);
	if (!ready) {
		show_log(log);
		kith__cli_complain("kithd did not start; its last words are in %s.", log);
	}
	return ready;
}

/* ---- the profile ---- */

/* Asks on the terminal; NULL: there is none, or nothing was typed. */
static const char *ask_name(char out[NAME_BYTES_MAX + 2])
{
	size_t len;

	if (isatty(STDIN_FILENO) != 1)
		return NULL;
	(void)fputs("What should others call you?  ", stdout);
	(void)fflush(stdout);
	if (fgets(out, NAME_BYTES_MAX + 2, stdin) == NULL)
		return NULL;
	len = strlen(out);
	if (len > 0 && out[len - 1] == '\n')
		out[--len] = '\0';
	return len > 0 ? out : NULL;
}

/* Makes one, protected if a passphrase is typed (or comes with --passphrase). */
static int make(struct kith__cli *cli)
{
	const char *name = cli->value[KITH__OPT_NAME];
	bool piped = (cli->given & KITH__OPT_BIT(PASSPHRASE)) != 0;
	char typed[NAME_BYTES_MAX + 2], pass[KITH_PASSPHRASE_MAX + 2] = "";
	json_t *params, *r;

	if (name == NULL)
		name = ask_name(typed);
	if (name == NULL) {
		kith__cli_complain("a new profile needs a name: kith up --name X");
		return KITH__EXIT_USAGE;
	}
	if ((piped || kith__cli_asks()) &&
	    !kith__cli_secret("Passphrase (empty = none; protects this disk): ", true, pass))
		return KITH__EXIT_USAGE;
	params = json_pack("{s:s}", "name", name);
	if (pass[0] != '\0')
		(void)json_object_set_new(params, "passphrase", json_string(pass));
	kith_wipe(pass, sizeof(pass));
	r = kith__cli_call(cli, "profile.create", params);
	if (r == NULL)
		return cli->exit_code != KITH__EXIT_OK ? cli->exit_code : KITH__EXIT_REFUSED;
	json_decref(r);
	return KITH__EXIT_OK;
}

/* Makes the profile if there is none, opens it if it is locked. */
static int profile(struct kith__cli *cli, bool *fresh)
{
	bool locked = false, there = false;

	if (!kith__cli_hello(cli, &locked, &there))
		return cli->exit_code;
	*fresh = !there;
	if (!there)
		return make(cli);
	if (cli->value[KITH__OPT_NAME] != NULL && cli->words == 0 && !cli->quiet)
		kith__cli_complain("the profile has a name already; `kith identity set --name X` "
				   "changes it.");
	if (!locked)
		return KITH__EXIT_OK;
	if (!kith__cli_asks() && (cli->given & KITH__OPT_BIT(PASSPHRASE)) == 0) {
		kith__cli_complain("the profile is locked. `kith unlock` opens it.");
		return KITH__EXIT_LOCKED;
	}
	return kith__cli_unlock(cli);
}

/* ---- what follows ---- */

static int invitation(struct kith__cli *cli)
{
	bool self = (cli->given & KITH__OPT_BIT(SELF)) != 0;
	json_t *r;

	r = kith__cli_invitation(cli);
	if (r == NULL)
		return cli->exit_code;
	if (cli->json) {
		kith__cli_line(r);
	} else {
		(void)printf("%s%s\n",
			     cli->quiet ? "" : "Your invitation:  ", kith__cli_text(r, "link"));
		if (!cli->quiet && cli->tty)
			kith__cli_qr(cli, json_object_get(r, "qr"), kith__cli_text(r, "link"));
		if (self && !cli->quiet)
			(void)fputs("This link then shows your internet address.\n", stderr);
	}
	json_decref(r);
	return KITH__EXIT_OK;
}

static void say_status(struct kith__cli *cli)
{
	json_t *r = kith__cli_call(cli, "node.status", NULL);

	if (r != NULL)
		(void)printf("%s\n", kith__cli_text(r, "sentence"));
	json_decref(r);
}

static int add(struct kith__cli *cli, bool fresh)
{
	char *text = NULL;
	size_t len;
	int code;

	if (strcmp(cli->word[0], "-") == 0) {
		text = kith__cli_stdin(LINK_BYTES_MAX, &len);
		if (text == NULL)
			return KITH__EXIT_USAGE;
	}
	/* --name named the new profile; on an old one it names the contact */
	code = kith__cmd_add_link(cli, text != NULL ? text : cli->word[0],
				  fresh ? NULL : cli->value[KITH__OPT_NAME]);
	kith_alloc_free(NULL, text);
	return code;
}

int kith__cmd_up(struct kith__cli *cli)
{
	bool fresh = false;
	int code;

	if (!kith__cli_connect(cli, true)) {
		if (!cli->quiet && !cli->json) {
			(void)fputs("Starting ... ", stdout);
			(void)fflush(stdout);
		}
		if (!kith__cli_start(cli))
			return KITH__EXIT_NO_NODE;
		if (!cli->quiet && !cli->json)
			(void)puts("ready");
	}
	code = profile(cli, &fresh);
	if (code != KITH__EXIT_OK)
		return code;
	if (cli->words > 0)
		code = add(cli, fresh);
	else
		code = invitation(cli);
	if (code == KITH__EXIT_OK && !cli->json && !cli->quiet)
		say_status(cli);
	return code;
}
