/* SPDX-License-Identifier: ISC */
/* Processes, control connections and /proc for kith-bench. */
#include "tests/bench/kith_bench_node.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PORT_FIRST = 10000, CALL_MS = 10000, START_US = 20000000, ARGS = 64 };

static struct {
	char dir[64];
	unsigned network;
	struct bench_node *node[BENCH_NODES_MAX];
	int log;
} lab = {.log = -1};

bool bench_lab_open(void)
{
	char path[1024];
	unsigned tag = (unsigned)getpid();

	if (bench_options.bin == NULL)
		bench_options.bin = "build/release/bin";
	(void)snprintf(path, sizeof(path), "%s/kithd", bench_options.bin);
	if (access(path, X_OK) != 0)
		return bench_fail("%s is not there: give --bin", path) == 0;
	(void)snprintf(lab.dir, sizeof(lab.dir), "%s/kith-bench.XXXXXX",
		       bench_options.dir != NULL ? bench_options.dir : "/tmp");
	if (mkdtemp(lab.dir) == NULL)
		return bench_fail("no folder: %s", strerror(errno)) == 0;
	lab.network = 2000000 + tag;
	(void)snprintf(path, sizeof(path), "%s/log", lab.dir);
	lab.log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return lab.log >= 0;
}

bool bench_lab_path(unsigned number, char *out, size_t cap)
{
	(void)snprintf(out, cap, "%s/%u", lab.dir, number);
	return mkdir(out, 0700) == 0;
}

static void remove_tree(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char inner[1024];

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		(void)snprintf(inner, sizeof(inner), "%s/%s", path, e->d_name);
		if (unlink(inner) != 0)
			remove_tree(inner);
	}
	if (d != NULL)
		(void)closedir(d);
	(void)rmdir(path);
}

void bench_lab_close(void)
{
	for (size_t i = 0; i < BENCH_NODES_MAX; i++)
		if (lab.node[i] != NULL)
			bench_node_free(lab.node[i]);
	if (lab.log >= 0)
		(void)close(lab.log);
	lab.log = -1;
	if (lab.dir[0] != '\0' && getenv("KITH_KEEP") == NULL)
		remove_tree(lab.dir);
	lab.dir[0] = '\0';
}

/* ---- processes ---- */

struct words {
	char text[ARGS][128];
	char *arg[ARGS + 1];
	size_t count;
};

__attribute__((format(printf, 2, 3))) static void add(struct words *w, const char *format, ...)
{
	va_list ap;

	if (w->count == ARGS)
		abort();
	va_start(ap, format);
	(void)vsnprintf(w->text[w->count], sizeof(w->text[0]), format, ap);
	va_end(ap);
	w->arg[w->count] = w->text[w->count];
	w->arg[++w->count] = NULL;
}

static void common_words(struct words *w, const struct bench_node *n)
{
	w->count = 0;
	add(w, "kithd");
	add(w, "--profile");
	add(w, "%s/%u", lab.dir, n->number);
	add(w, "--listen");
	add(w, "127.0.0.1:%u", PORT_FIRST + (unsigned)getpid() % 200 * 100 + n->number);
}

/* `out`: where its standard output goes; `slow`: on a busy disk. */
static pid_t launch(struct words *w, int out, bool slow)
{
	char path[1024], disk[1024];
	pid_t pid;

	(void)snprintf(disk, sizeof(disk), "%s/e2e_slow_disk.so", bench_options.bin);

	(void)snprintf(path, sizeof(path), "%s/kithd", bench_options.bin);
	pid = fork();
	if (pid != 0)
		return pid;
	(void)dup2(out, 1);
	(void)dup2(lab.log, 2);
	if (slow && setenv("LD_PRELOAD", disk, 1) != 0)
		_exit(127);
	(void)execv(path, w->arg);
	_exit(127);
}

bool bench_node_init(struct bench_node *n, unsigned number, bool always_on)
{
	struct words w;
	int pipefd[2], status = 1;
	ssize_t got = 0;
	pid_t pid;

	if (number >= BENCH_NODES_MAX || pipe(pipefd) != 0)
		return false;
	*n = (struct bench_node){.always_on = always_on, .number = number, .fd = -1};
	n->line = malloc(BENCH_LINE);
	lab.node[number] = n;
	common_words(&w, n);
	add(&w, "--print-hint");
	pid = launch(&w, pipefd[1], false);
	(void)close(pipefd[1]);
	if (pid > 0) {
		got = read(pipefd[0], n->hint, sizeof(n->hint) - 1);
		(void)waitpid(pid, &status, 0);
	}
	(void)close(pipefd[0]);
	n->hint[got > 0 ? got : 0] = '\0';
	n->hint[strcspn(n->hint, "\n")] = '\0';
	return status == 0 && n->hint[0] != '\0' && n->line != NULL;
}

bool bench_node_launch(struct bench_node *n, const char *const *hints, size_t count)
{
	struct words w;

	common_words(&w, n);
	add(&w, "--role");
	add(&w, n->always_on ? "always-on" : "user");
	add(&w, "--socket");
	add(&w, "%s/%u.run/s", lab.dir, n->number);
	add(&w, "--network");
	add(&w, "%u", lab.network);
	add(&w, "--work-bits");
	add(&w, "8");
	add(&w, "--mailbox-bits");
	add(&w, "4");
	add(&w, "--ack-delay");
	add(&w, "1");
	for (size_t i = 0; i < count && i < 16; i++) {
		add(&w, "--bootstrap");
		add(&w, "%s", hints[i]);
	}
	n->pid = launch(&w, lab.log, n->slow);
	return n->pid > 0;
}

bool bench_node_attach(struct bench_node *n, double deadline_us)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s/%u.run/s", lab.dir, n->number);
	n->start = n->used = 0;
	do {
		n->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (n->fd >= 0 && connect(n->fd, (struct sockaddr *)&to, sizeof(to)) == 0)
			return true;
		(void)close(n->fd);
		n->fd = -1;
		(void)poll(NULL, 0, 1);
	} while (bench_us() < deadline_us && waitpid(n->pid, NULL, WNOHANG) == 0);
	return false;
}

bool bench_node_start(struct bench_node *n, const char *const *hints, size_t count)
{
	return bench_node_launch(n, hints, count) && bench_node_attach(n, bench_us() + START_US);
}

void bench_node_kill(struct bench_node *n)
{
	if (n->fd >= 0)
		(void)close(n->fd);
	n->fd = -1;
	if (n->pid > 0) {
		(void)kill(n->pid, SIGKILL);
		(void)waitpid(n->pid, NULL, 0);
	}
	n->pid = 0;
}

void bench_node_free(struct bench_node *n)
{
	bench_node_kill(n);
	free(n->line);
	n->line = NULL;
	lab.node[n->number] = NULL;
}

/* ---- control ---- */

bool bench_node_write(struct bench_node *n, const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		ssize_t put = send(n->fd, text + at, len - at, MSG_NOSIGNAL);

		if (put <= 0)
			return false;
		at += (size_t)put;
	}
	return true;
}

bool bench_node_send(struct bench_node *n, int id, const char *method, json_t *params)
{
	json_t *call = json_pack("{s:s,s:i,s:s,s:o}", "jsonrpc", "2.0", "id", id, "method", method,
				 "params", params);
	char *text = json_dumps(call, JSON_COMPACT);
	size_t len = text != NULL ? strlen(text) : 0;
	bool ok;

	json_decref(call);
	if (text == NULL)
		return false;
	text[len++] = '\n';
	ok = bench_node_write(n, text, len);
	free(text);
	return ok;
}

json_t *bench_node_line(struct bench_node *n, int wait_ms)
{
	struct pollfd p = {.fd = n->fd, .events = POLLIN};
	char *end;
	json_t *out;
	ssize_t got;
	size_t len;

	while ((end = memchr(n->line + n->start, '\n', n->used - n->start)) == NULL) {
		n->used -= n->start;
		memmove(n->line, n->line + n->start, n->used);
		n->start = 0;
		if (n->used == BENCH_LINE || (wait_ms != 0 && poll(&p, 1, wait_ms) <= 0))
			return NULL;
		got = recv(n->fd, n->line + n->used, BENCH_LINE - n->used, MSG_DONTWAIT);
		if (got <= 0)
			return NULL;
		n->used += (size_t)got;
	}
	len = (size_t)(end - n->line) - n->start;
	out = json_loadb(n->line + n->start, len, 0, NULL);
	n->start += len + 1;
	return out;
}

json_t *bench_node_call(struct bench_node *n, const char *method, json_t *params)
{
	json_t *line, *result = NULL;

	if (!bench_node_send(n, 1, method, params))
		return NULL;
	while ((line = bench_node_line(n, CALL_MS)) != NULL) {
		bool mine = json_integer_value(json_object_get(line, "id")) == 1;

		if (mine)
			result = json_incref(json_object_get(line, "result"));
		if (mine && result == NULL) {
			char *text = json_dumps(line, JSON_COMPACT);

			(void)bench_fail("%s: %s", method, text);
			free(text);
		}
		json_decref(line);
		if (mine)
			break;
	}
	return result;
}

static json_t *wait_for(struct bench_node *n, const char *method, const char *key, double seconds)
{
	double deadline = bench_us() + seconds * 1e6;

	while (bench_us() < deadline) {
		json_t *r = bench_node_call(n, method, json_object());
		json_t *first = json_array_get(json_object_get(r, "items"), 0);

		if (first != NULL &&
		    (key == NULL ||
		     strcmp(json_string_value(json_object_get(first, "state")), key) == 0)) {
			(void)json_incref(first);
			json_decref(r);
			return first;
		}
		json_decref(r);
		(void)poll(NULL, 0, 5);
	}
	return NULL;
}

bool bench_befriend(struct bench_node *a, struct bench_node *b, char conversation[2][40])
{
	json_t *link, *r, *done[2];
	bool ok = false;

	if (a->link[0] == '\0') { /* one invitation for all: its record is out by the second */
		link = bench_node_call(a, "invitation.create", json_object());
		(void)snprintf(a->link, sizeof(a->link), "%s",
			       link != NULL ? json_string_value(json_object_get(link, "link"))
					    : "");
		json_decref(link);
	}
	json_decref(bench_node_call(b, "contact.add",
				    json_pack("{s:s,s:s}", "link", a->link, "name", "a")));
	r = wait_for(a, "request.list", NULL, 30);
	done[0] = bench_node_call(a, "request.accept",
				  json_pack("{s:O}", "request", json_object_get(r, "request")));
	json_decref(r);
	done[1] = done[0] != NULL ? wait_for(b, "contact.list", "accepted", 30) : NULL;
	if (done[1] != NULL) {
		for (int i = 0; i < 2; i++)
			(void)snprintf(conversation[i], 40, "%s",
				       json_string_value(json_object_get(done[i], "conversation")));
		ok = true;
	}
	json_decref(done[0]);
	json_decref(done[1]);
	return ok;
}

double bench_node_number(struct bench_node *n, const char *key, const char *key2)
{
	json_t *r = bench_node_call(n, "node.status", json_object());
	json_t *v = json_object_get(r, key);
	double out;

	if (key2 != NULL)
		v = json_object_get(v, key2);
	out = json_number_value(v);
	json_decref(r);
	return out;
}

bool bench_node_online(struct bench_node *n)
{
	json_t *r = bench_node_call(n, "node.status", json_object());
	const char *state = json_string_value(json_object_get(r, "state"));
	bool online = state != NULL && strcmp(state, "online") == 0 &&
		      json_number_value(json_object_get(r, "peers")) > 0;

	json_decref(r);
	return online;
}

/* ---- /proc ---- */

/* The number after `key` at the start of a line of a /proc file; without key, the field `at`. */
static double proc_number(const char *path, const char *key, unsigned at)
{
	char text[4096], *p;
	FILE *f = fopen(path, "re");
	size_t len;

	if (f == NULL)
		return 0;
	len = fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	text[len] = '\0';
	if (key != NULL) {
		p = strstr(text, key);
		return p != NULL ? strtod(p + strlen(key), NULL) : 0;
	}
	p = strrchr(text, ')'); /* fields are counted behind the name of the program */
	for (at -= 2; p != NULL && at > 0; at--)
		p = strchr(p + 1, ' ');
	return p != NULL ? strtod(p, NULL) : 0;
}

double bench_node_rss(const struct bench_node *n)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)n->pid);
	return proc_number(path, "\nVmRSS:", 0);
}

double bench_node_ticks(const struct bench_node *n)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)n->pid);
	return proc_number(path, NULL, 14) + proc_number(path, NULL, 15);
}

double bench_node_switches(const struct bench_node *n)
{
	char path[128];
	double sum = 0;
	struct dirent *e;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)n->pid);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/task/%.20s/status", (int)n->pid,
			       e->d_name);
		sum += proc_number(path, "\nvoluntary_ctxt_switches:", 0);
	}
	if (d != NULL)
		(void)closedir(d);
	return sum;
}
