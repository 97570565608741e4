/* SPDX-License-Identifier: ISC */
/* The Unix socket, lines on it, calls and events. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "client/internal.h"

#define LINE_MAX_BYTES (64u * KITH_CONTROL_LINE_MAX) /* a batch of answers; the node is ours */

/* The last part of the profile directory names its socket folder, as kithd does it. */
static const char *profile_name(const char *path, size_t *len)
{
	const char *slash;

	*len = strlen(path);
	while (*len > 1 && path[*len - 1] == '/')
		--*len;
	slash = path + *len;
	while (slash > path && slash[-1] != '/')
		slash--;
	*len -= (size_t)(slash - path);
	return slash;
}

bool kith__cli_socket(const struct kith__cli *cli, char *out, size_t cap)
{
	const char *given = cli->value[KITH__OPT_SOCKET], *env = getenv("KITH_SOCKET");
	const char *run = getenv("XDG_RUNTIME_DIR"), *home = getenv("HOME");
	const char *profile = cli->value[KITH__OPT_PROFILE];
	const char *name = "", *root, *middle;
	size_t len = 0;
	int n;

	if (given == NULL && profile == NULL)
		given = env;
	if (run != NULL && run[0] == '/') {
		root = run;
		middle = "/kith/";
	} else {
		root = home;
		middle = "/.local/state/kith/";
	}
	if (profile != NULL)
		name = profile_name(profile, &len);
	if (given == NULL && root == NULL) {
		kith__cli_complain("HOME is not set; give --socket.");
		return false;
	}
	if (given != NULL)
		n = snprintf(out, cap, "%s", given);
	else
		n = snprintf(out, cap, "%s%s%.*s%scontrol.sock", root, middle, (int)len, name,
			     len > 0 ? "/" : "");
	if (n > 0 && (size_t)n < cap && (size_t)n < sizeof(((struct sockaddr_un *)0)->sun_path))
		return true;
	kith__cli_complain("the path of the socket is longer than 107 bytes.");
	return false;
}

bool kith__cli_connect(struct kith__cli *cli, bool quietly)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	if (cli->fd >= 0)
		return true;
	cli->exit_code = KITH__EXIT_NO_NODE;
	if (!kith__cli_socket(cli, name.sun_path, sizeof(name.sun_path)))
		return false;
	cli->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (cli->fd >= 0 && connect(cli->fd, (struct sockaddr *)&name, sizeof(name)) == 0)
		return true;
	if (!quietly)
		kith__cli_complain("no node answers at %s; `kith up` starts one.", name.sun_path);
	if (cli->fd >= 0)
		(void)close(cli->fd);
	cli->fd = -1;
	return false;
}

void kith__cli_disconnect(struct kith__cli *cli)
{
	if (cli->fd >= 0)
		(void)close(cli->fd);
	cli->fd = -1;
	kith_alloc_free(NULL, cli->in);
	cli->in = NULL;
	cli->in_len = cli->in_cap = 0;
	json_decref(cli->events);
	cli->events = NULL;
}

/* As send, with cli->pass_fd beside the first byte. */
static ssize_t send_some(struct kith__cli *cli, const char *bytes, size_t len)
{
	_Alignas(struct cmsghdr) uint8_t aside[CMSG_SPACE(sizeof(int))] = {0};
	char first = bytes[0];
	struct iovec part = {&first, 1};
	struct msghdr m = {.msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = aside,
			   .msg_controllen = sizeof(aside)};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	ssize_t n;

	if (cli->pass_fd < 0)
		return send(cli->fd, bytes, len, MSG_NOSIGNAL);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &cli->pass_fd, sizeof(int));
	n = sendmsg(cli->fd, &m, MSG_NOSIGNAL);
	if (n == 1)
		cli->pass_fd = -1;
	return n;
}

bool kith__cli_send(struct kith__cli *cli, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send_some(cli, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

static bool more(struct kith__cli *cli)
{
	void *in = cli->in;
	ssize_t n;

	if (kith_alloc_grow(NULL, &in, &cli->in_cap, cli->in_len + 65536, LINE_MAX_BYTES, 1) !=
	    KITH_OK)
		return false;
	cli->in = in;
	do {
		n = recv(cli->fd, cli->in + cli->in_len, cli->in_cap - cli->in_len, 0);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	cli->in_len += (size_t)n;
	return true;
}

json_t *kith__cli_receive(struct kith__cli *cli)
{
	json_error_t e;
	json_t *line;
	char *end;
	size_t seen = 0;

	while (cli->in == NULL ||
	       (end = memchr(cli->in + seen, '\n', cli->in_len - seen)) == NULL) {
		seen = cli->in_len;
		if (!more(cli)) {
			if (!cli->silent)
				kith__cli_complain("the node closed the connection.");
			cli->exit_code = KITH__EXIT_NO_NODE;
			return NULL;
		}
	}
	line = json_loadb(cli->in, (size_t)(end - cli->in), 0, &e);
	cli->in_len -= (size_t)(end + 1 - cli->in);
	memmove(cli->in, end + 1, cli->in_len);
	if (line == NULL) {
		kith__cli_complain("the node answered in a way that cannot be read.");
		cli->exit_code = KITH__EXIT_NO_NODE;
	}
	return line;
}

static int exit_of(json_int_t code)
{
	switch (code) {
	case -32000: return KITH__EXIT_LOCKED;
	case -32001: return KITH__EXIT_DENIED;
	case -32002: return KITH__EXIT_NAME;
	case -32010: return KITH__EXIT_DENIED;
	default: return KITH__EXIT_REFUSED;
	}
}

/* When the next passphrase is looked at. */
static void wait_words(json_int_t ms)
{
	if (ms > 0)
		(void)fprintf(stderr, " The next try counts in %lld s.",
			      (long long)(ms + 999) / 1000);
}

static void explain(struct kith__cli *cli, const json_t *error)
{
	const char *param = kith__cli_text(json_object_get(error, "data"), "param");

	cli->error_code = kith__cli_int(error, "code");
	cli->exit_code = exit_of(cli->error_code);
	if (cli->silent)
		return;
	(void)fputs("kith: ", stderr);
	(void)kith__cli_show(stderr, KITH_TEXT_BODY, 6, kith__cli_text(error, "message"));
	if (param[0] != '\0') {
		(void)fputs(" (", stderr);
		(void)kith__cli_show(stderr, KITH_TEXT_NAME, 0, param);
		(void)fputs(")", stderr);
	}
	if (cli->error_code == -32000)
		(void)fputs(json_is_true(json_object_get(json_object_get(error, "data"), "absent"))
				    ? " `kith up` makes one."
				    : " `kith unlock` opens it.",
			    stderr);
	if (cli->error_code == -32010)
		wait_words(kith__cli_int(json_object_get(error, "data"), "retry_after_ms"));
	(void)fputs("\n", stderr);
}

/* Waits for the answer to `id`; events that come before it are kept. */
static json_t *answer(struct kith__cli *cli, json_int_t id)
{
	json_t *line;

	while ((line = kith__cli_receive(cli)) != NULL) {
		json_t *result = json_object_get(line, "result");
		json_t *error = json_object_get(line, "error");

		if (strcmp(kith__cli_text(line, "method"), "progress") == 0) {
			kith__cli_progress(cli, json_object_get(line, "params"));
		} else if (json_object_get(line, "method") != NULL) {
			if (cli->events == NULL)
				cli->events = json_array();
			(void)json_array_append(cli->events, json_object_get(line, "params"));
		} else if (error != NULL || kith__cli_int(line, "id") == id) {
			if (error != NULL)
				explain(cli, error);
			json_incref(result);
			json_decref(line);
			return error != NULL ? NULL : result;
		}
		json_decref(line);
	}
	return NULL;
}

json_t *kith__cli_call(struct kith__cli *cli, const char *method, json_t *params)
{
	json_t *line;
	char *text;
	size_t len;
	bool sent;

	if (params == NULL)
		params = json_object();
	if (!kith__cli_connect(cli, false)) {
		json_decref(params);
		return NULL;
	}
	line = json_pack("{s:s,s:I,s:s,s:o}", "jsonrpc", "2.0", "id", ++cli->next_id, "method",
			 method, "params", params);
	len = line != NULL ? json_dumpb(line, NULL, 0, JSON_COMPACT) : 0;
	text = len > 0 ? kith_alloc_zero(NULL, len + 1, 1) : NULL;
	if (text == NULL) {
		json_decref(line);
		kith__cli_complain("the text is not UTF-8, or memory is short.");
		cli->exit_code = KITH__EXIT_USAGE;
		return NULL;
	}
	(void)json_dumpb(line, text, len, JSON_COMPACT);
	text[len] = '\n';
	sent = kith__cli_send(cli, text, len + 1);
	kith_wipe(text, len); /* it may hold a passphrase */
	kith_alloc_free(NULL, text);
	json_decref(line);
	if (!sent) {
		kith__cli_complain("the node closed the connection.");
		cli->exit_code = KITH__EXIT_NO_NODE;
		return NULL;
	}
	return answer(cli, cli->next_id);
}

json_t *kith__cli_event(struct kith__cli *cli)
{
	for (;;) {
		json_t *line, *event;

		if (json_array_size(cli->events) > 0) {
			event = json_incref(json_array_get(cli->events, 0));
			(void)json_array_remove(cli->events, 0);
			return event;
		}
		line = kith__cli_receive(cli);
		if (line == NULL)
			return NULL;
		event = json_object_get(line, "method") != NULL
				? json_incref(json_object_get(line, "params"))
				: NULL;
		json_decref(line);
		if (event != NULL)
			return event;
	}
}

bool kith__cli_byte(struct kith__cli *cli, char *byte)
{
	return recv(cli->fd, byte, 1, 0) == 1;
}
