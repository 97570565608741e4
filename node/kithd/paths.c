/* SPDX-License-Identifier: ISC */
/*
 * Where things are: profile directory, control socket, and the UDP port that a profile keeps so
 * that port forwardings and firewall rules stay right.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/kithd/internal.h"

#define PORT_FIRST 20000u
#define PORT_COUNT 12001u

bool kith__kithd_mkdirs(const char *dir)
{
	char path[KITHD_PATH];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path))
		return false;
	for (char *p = path + 1;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST && stat(path, &st) != 0)
			return false;
		*p = c;
		if (c == '\0')
			return true;
	}
}

static bool join(char out[KITHD_PATH], const char *a, const char *b)
{
	int n = snprintf(out, KITHD_PATH, "%s%s", a, b);

	if (n > 0 && n < (int)KITHD_PATH)
		return true;
	(void)fputs("kithd: a path is too long.\n", stderr);
	return false;
}

/* The last part of the profile directory names its socket folder. */
static const char *profile_name(char *path)
{
	size_t len = strlen(path);
	char *slash;

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	slash = strrchr(path, '/');
	return slash != NULL ? slash + 1 : path;
}

bool kith__kithd_paths(struct kithd_config *c)
{
	const char *home = getenv("HOME"), *run = getenv("XDG_RUNTIME_DIR");
	char base[KITHD_PATH], mid[KITHD_PATH];
	bool own = c->profile[0] != '\0';

	if ((!own || (c->socket[0] == '\0' && run == NULL)) && (home == NULL || home[0] != '/')) {
		(void)fputs("kithd: HOME is not set; give --profile and --socket.\n", stderr);
		return false;
	}
	if (!own && !join(c->profile, home, "/.local/share/kith"))
		return false;
	if (c->socket[0] != '\0')
		return true;
	if (run != NULL && run[0] == '/' ? !join(base, run, "/kith")
					 : !join(base, home, "/.local/state/kith"))
		return false;
	if (!own)
		return join(c->socket, base, "/control.sock");
	return join(mid, base, "/") && join(base, mid, profile_name(c->profile)) &&
	       join(c->socket, base, "/control.sock");
}

static uint16_t read_port(int fd)
{
	char text[16] = "", *end;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	unsigned long v;

	if (n <= 0)
		return 0;
	v = strtoul(text, &end, 10);
	return *end == '\n' && v >= PORT_FIRST && v < PORT_FIRST + PORT_COUNT ? (uint16_t)v : 0;
}

uint16_t kith__kithd_port(const struct kithd_config *c, struct kith_rng *rng, bool *fresh)
{
	char path[KITHD_PATH + 8], text[16];
	uint16_t port = 0;
	int fd, n;

	(void)snprintf(path, sizeof(path), "%s/port", c->profile);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return 0;
	if (!*fresh)
		port = read_port(fd);
	if (port == 0) {
		*fresh = true;
		port = (uint16_t)(PORT_FIRST + kith_rng_below(rng, PORT_COUNT));
		n = snprintf(text, sizeof(text), "%u\n", (unsigned)port);
		if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n || fsync(fd) != 0)
			port = 0;
	}
	(void)close(fd);
	return port;
}
