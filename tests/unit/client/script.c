/* SPDX-License-Identifier: ISC */
#include "tests/unit/client/script.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"

#define SCRIPT_MAX 64u

struct server {
	const struct script *script;
	bool used[SCRIPT_MAX];
	int listener, fd;
	char in[16384];
	size_t len;
};

static const struct script *entry(struct server *s, const char *line)
{
	const struct script *last = NULL;

	for (size_t i = 0; s->script[i].method != NULL; i++) {
		char key[96];

		(void)snprintf(key, sizeof(key), "\"method\":\"%s\"", s->script[i].method);
		if (strstr(line, key) == NULL)
			continue;
		last = &s->script[i];
		if (!s->used[i]) {
			s->used[i] = true;
			break;
		}
	}
	return last;
}

static void answer_line(struct server *s, const char *line)
{
	const struct script *e = entry(s, line);
	const char *id = strstr(line, "\"id\":");
	char out[32768];
	int n;

	if (e == NULL || e->answer == NULL) {
		(void)close(s->fd);
		s->fd = -1;
		return;
	}
	n = snprintf(out, sizeof(out), "{\"jsonrpc\":\"2.0\",\"id\":%d,%s}\n",
		     id != NULL ? (int)strtol(id + 5, NULL, 10) : 0, e->answer);
	CHECK(n > 0 && (size_t)n < sizeof(out));
	(void)send(s->fd, out, (size_t)n, MSG_NOSIGNAL);
}

static void serve(struct server *s, struct run *r)
{
	char *end;
	ssize_t n = recv(s->fd, s->in + s->len, sizeof(s->in) - 1 - s->len, 0);

	if (n <= 0) {
		(void)close(s->fd);
		s->fd = -1;
		return;
	}
	s->len += (size_t)n;
	s->in[s->len] = '\0';
	while (s->fd >= 0 && (end = strchr(s->in, '\n')) != NULL) {
		size_t used = (size_t)(end + 1 - s->in);

		CHECK(strlen(r->asked) + used < sizeof(r->asked));
		memcpy(r->asked + strlen(r->asked), s->in, used);
		*end = '\0';
		answer_line(s, s->in);
		memmove(s->in, s->in + used, s->len - used + 1);
		s->len -= used;
	}
}

static int listen_at(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0 &&
	      listen(fd, 4) == 0);
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

static pid_t spawn(const char *path, const char *const *words, int out, int err)
{
	const char *bin = getenv("KITH_BIN");
	const char *argv[48];
	char program[1024], *list[48];
	size_t n = 0;
	pid_t pid;

	CHECK(bin != NULL);
	(void)snprintf(program, sizeof(program), "%s/kith", bin);
	argv[n++] = program;
	argv[n++] = "--socket";
	argv[n++] = path;
	while (*words != NULL && n < 47)
		argv[n++] = *words++;
	argv[n] = NULL;
	memcpy(list, argv, sizeof(list));
	pid = fork();
	if (pid == 0) {
		int in = open("/dev/null", O_RDONLY);

		(void)dup2(in, 0);
		(void)dup2(out, 1);
		(void)dup2(err, 2);
		(void)setenv("TZ", "UTC", 1);
		(void)setenv("LC_ALL", "C.UTF-8", 1);
		(void)execv(program, list);
		_exit(99);
	}
	return pid;
}

static bool pour(int fd, char *into, size_t cap)
{
	size_t len = strlen(into);
	ssize_t n = read(fd, into + len, cap - 1 - len);

	if (n > 0)
		into[len + (size_t)n] = '\0';
	return n > 0;
}

/* Moves bytes until both outputs are closed. */
static void pump(struct server *s, struct run *r, int out, int err)
{
	bool open_out = true, open_err = true;

	while (open_out || open_err) {
		struct pollfd p[4] = {
			{.fd = open_out ? out : -1, .events = POLLIN},
			{.fd = open_err ? err : -1, .events = POLLIN},
			{.fd = s->fd < 0 ? s->listener : -1, .events = POLLIN},
			{.fd = s->fd, .events = POLLIN},
		};

		CHECK(poll(p, 4, 20000) > 0);
		if (p[0].revents != 0)
			open_out = pour(out, r->out, sizeof(r->out));
		if (p[1].revents != 0)
			open_err = pour(err, r->err, sizeof(r->err));
		if (p[3].fd >= 0 && p[3].revents != 0)
			serve(s, r);
		if (p[2].fd >= 0 && p[2].revents != 0)
			s->fd = accept(s->listener, NULL, NULL);
	}
}

void script_run(struct run *r, const struct script *script, const char *const *words)
{
	struct server s = {.script = script, .listener = -1, .fd = -1};
	char dir[] = "/tmp/kith-cli.XXXXXX", path[64];
	int out[2], err[2], status;
	pid_t pid;

	memset(r, 0, sizeof(*r));
	CHECK(mkdtemp(dir) != NULL && pipe(out) == 0 && pipe(err) == 0);
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	if (script != NULL)
		s.listener = listen_at(path);
	(void)fcntl(out[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(err[0], F_SETFD, FD_CLOEXEC);
	pid = spawn(path, words, out[1], err[1]);
	(void)close(out[1]);
	(void)close(err[1]);
	pump(&s, r, out[0], err[0]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	r->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	(void)close(out[0]);
	(void)close(err[0]);
	if (s.fd >= 0)
		(void)close(s.fd);
	if (s.listener >= 0)
		(void)close(s.listener);
	(void)unlink(path);
	(void)rmdir(dir);
}
