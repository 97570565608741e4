/* SPDX-License-Identifier: ISC */
/*
 * Passphrases from people and pipes. On a terminal the echo is off while one is typed, and comes
 * back also when the program is interrupted. From a pipe one line is read, byte by byte, so that
 * what follows stays for the next reader.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/limits.h"
#include "client/internal.h"

static struct termios saved;

static void on_signal(int number)
{
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

bool kith__cli_asks(void)
{
	return isatty(STDIN_FILENO) == 1;
}

/* One line without its end; false: end of input before any byte, or the line is too long. */
static bool read_line(char *out, size_t *len)
{
	bool any = false;
	ssize_t n;
	char c;

	*len = 0;
	for (;;) {
		n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return any;
		any = true;
		if (c == '\n')
			return true;
		if (*len == KITH_PASSPHRASE_MAX)
			return false;
		out[(*len)++] = c;
	}
}

static bool read_hidden(const char *prompt, char *out)
{
	static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct termios quiet;
	size_t len;
	bool ok;

	if (tcgetattr(STDIN_FILENO, &saved) != 0)
		return false;
	quiet = saved;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		(void)signal(caught[i], on_signal);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	(void)fputs(prompt, stderr);
	(void)fflush(stderr);
	ok = read_line(out, &len);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		(void)signal(caught[i], SIG_DFL);
	(void)fputs("\n", stderr);
	out[ok ? len : 0] = '\0';
	return ok;
}

bool kith__cli_secret(const char *prompt, bool twice, char *out)
{
	char again[KITH_PASSPHRASE_MAX + 2];
	size_t len = 0;
	bool same = false;

	if (!kith__cli_asks()) {
		same = read_line(out, &len);
		out[same ? len : 0] = '\0';
		if (!same)
			kith__cli_complain("a passphrase was expected on standard input.");
		else if (!kith_text_valid(out, len))
			same = false;
		if (len > 0 && !same)
			kith__cli_complain("the passphrase is not UTF-8 text.");
		return same;
	}
	while (!same) {
		if (!read_hidden(prompt, out))
			return false;
		same = !twice || out[0] == '\0';
		if (same || !read_hidden("Again: ", again))
			break;
		same = strcmp(out, again) == 0;
		kith_wipe(again, sizeof(again));
		if (!same)
			kith__cli_complain("they differ; once more.");
	}
	if (same && kith_text_valid(out, strlen(out)))
		return true;
	kith_wipe(out, KITH_PASSPHRASE_MAX);
	return false;
}
