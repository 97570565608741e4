/* SPDX-License-Identifier: ISC */
/* `kith rpc`, and methods by their name: checked against rpc.discover, so that an old client can
 * call a newer node. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/internal.h"

static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

int kith__cmd_rpc(struct kith__cli *cli)
{
	struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.events = POLLIN}};
	char bytes[65536];
	ssize_t n;

	if (!kith__cli_connect(cli, false))
		return cli->exit_code;
	p[1].fd = cli->fd;
	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return KITH__EXIT_REFUSED;
		if (p[0].fd >= 0 && (p[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
			n = read(STDIN_FILENO, bytes, sizeof(bytes));
			if (n > 0 && !kith__cli_send(cli, bytes, (size_t)n))
				return KITH__EXIT_NO_NODE;
			if (n <= 0) { /* the node answers what it has, then closes */
				(void)shutdown(cli->fd, SHUT_WR);
				p[0].fd = -1;
			}
		}
		if ((p[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
			n = recv(cli->fd, bytes, sizeof(bytes), 0);
			if (n <= 0)
				return p[0].fd < 0 ? KITH__EXIT_OK : KITH__EXIT_NO_NODE;
			if (!write_all(STDOUT_FILENO, bytes, (size_t)n))
				return KITH__EXIT_OK;
		}
	}
}

/* ---- methods by name ---- */

static const json_t *method_of(const json_t *document, const char *name)
{
	const json_t *m;
	size_t i;

	json_array_foreach(json_object_get(document, "methods"), i,
			   m) if (strcmp(kith__cli_text(m, "name"), name) == 0) return m;
	return NULL;
}

static const json_t *param_of(const json_t *method, const char *name)
{
	const json_t *p;
	size_t i;

	json_array_foreach(json_object_get(method, "params"), i,
			   p) if (strcmp(kith__cli_text(p, "name"), name) == 0) return p;
	return NULL;
}

static json_t *texts(const char *list)
{
	json_t *out = json_array();

	for (;;) {
		size_t len = strcspn(list, ",");

		(void)json_array_append_new(out, json_stringn(list, len));
		if (list[len] == '\0')
			return out;
		list += len + 1;
	}
}

/* A word of the command line as the type asks; NULL: it has not that form. */
static json_t *value_of(const char *type, const char *text)
{
	json_int_t n;

	if (strcmp(type, "integer") == 0)
		return kith__cli_number(text, -9007199254740991, 9007199254740991, &n)
			       ? json_integer(n)
			       : NULL;
	if (strcmp(type, "boolean") == 0 && strcmp(text, "true") == 0)
		return json_true();
	if (strcmp(type, "boolean") == 0)
		return strcmp(text, "false") == 0 ? json_false() : NULL;
	if (strcmp(type, "array") == 0)
		return texts(text);
	return json_string(text);
}

static void method_usage(FILE *to, const json_t *m)
{
	const json_t *p;
	size_t i;

	(void)fprintf(to, "usage: kith %s", kith__cli_text(m, "name"));
	json_array_foreach(json_object_get(m, "params"), i, p)
	{
		bool must = json_is_true(json_object_get(p, "required"));

		(void)fprintf(to, " %s--%s %s%s", must ? "" : "[", kith__cli_text(p, "name"),
			      kith__cli_text(json_object_get(p, "schema"), "type"),
			      must ? "" : "]");
	}
	(void)fprintf(to, "\n%s\n", kith__cli_text(m, "summary"));
}

static json_t *params_of(struct kith__cli *cli, const json_t *m)
{
	json_t *params = json_object();
	const json_t *p;
	size_t i;

	for (i = 0; i < cli->params; i++) {
		json_t *v;

		p = param_of(m, cli->param[i]);
		v = p != NULL ? value_of(kith__cli_text(json_object_get(p, "schema"), "type"),
					 cli->param_value[i])
			      : NULL;
		if (v == NULL || json_object_set_new(params, cli->param[i], v) != 0) {
			kith__cli_complain(p == NULL ? "this method has no parameter %s."
						     : "the value of --%s has the wrong type.",
					   cli->param[i]);
			json_decref(params);
			return NULL;
		}
	}
	json_array_foreach(json_object_get(m, "params"), i, p)
	{
		if (json_is_true(json_object_get(p, "required")) &&
		    json_object_get(params, kith__cli_text(p, "name")) == NULL) {
			kith__cli_complain("--%s is missing.", kith__cli_text(p, "name"));
			json_decref(params);
			return NULL;
		}
	}
	return params;
}

int kith__cmd_method(struct kith__cli *cli, const char *name)
{
	json_t *document = kith__cli_call(cli, "rpc.discover", NULL);
	const json_t *m = method_of(document, name);
	json_t *params, *r;

	if (document == NULL)
		return cli->exit_code;
	if (m == NULL) {
		kith__cli_complain("the node has no method of this name; see `kith --help`.");
		json_decref(document);
		return KITH__EXIT_USAGE;
	}
	if ((cli->given & KITH__OPT_BIT(HELP)) != 0) {
		method_usage(stdout, m);
		json_decref(document);
		return KITH__EXIT_OK;
	}
	params = params_of(cli, m);
	if (params == NULL) {
		method_usage(stderr, m);
		json_decref(document);
		return KITH__EXIT_USAGE;
	}
	json_decref(document);
	r = kith__cli_call(cli, name, params);
	if (r == NULL)
		return cli->exit_code;
	kith__cli_line(r);
	json_decref(r);
	return KITH__EXIT_OK;
}
