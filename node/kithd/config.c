/* SPDX-License-Identifier: ISC */
/*
 * kithd.conf(5): "key = value" lines in sections. One table serves the file and the options of the
 * same name. An unknown section or key, or a value out of range, is an error with file and line: a
 * setting that is silently ignored is worse than a node that does not start.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/kithd/internal.h"

static bool number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;
	unsigned long long v;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || v > max)
		return false;
	*out = v;
	return true;
}

/* A number and KiB, MiB, GiB or TiB (or nothing: bytes). */
static bool size(const char *text, uint64_t *out)
{
	static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
	char digits[24];
	size_t n = strspn(text, "0123456789");
	uint64_t v;

	if (n == 0 || n >= sizeof(digits))
		return false;
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (!number(digits, UINT64_MAX >> 41, &v))
		return false;
	for (unsigned i = 0; i < 5; i++)
		if (strcmp(text + n, units[i]) == 0) {
			*out = v << (10 * i);
			return true;
		}
	return false;
}

static const char *set_number(const char *value, uint64_t min, uint64_t max, unsigned *out)
{
	uint64_t v;

	if (!number(value, max, &v) || v < min)
		return "the number is not in the allowed range";
	*out = (unsigned)v;
	return NULL;
}

static const char *set_bool(const char *value, bool *out)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return "it must be yes or no";
	*out = value[0] == 'y';
	return NULL;
}

static const char *set_path(const char *value, char out[KITHD_PATH])
{
	size_t len = strlen(value);

	if (len == 0)
		return "a path is missing";
	if (len >= KITHD_PATH)
		return "the path is too long";
	memcpy(out, value, len + 1);
	return NULL;
}

static const char *set_role(struct kithd_config *c, const char *value)
{
	if (strcmp(value, "user") == 0)
		c->role = KITH_ROLE_USER;
	else if (strcmp(value, "always-on") == 0)
		c->role = KITH_ROLE_ALWAYS_ON;
	else
		return "it must be user or always-on";
	return NULL;
}

static const char *set_level(struct kithd_config *c, const char *value)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};

	for (unsigned i = 0; i < 4; i++)
		if (strcmp(value, names[i]) == 0) {
			c->level = (enum kith_log_level)i;
			return NULL;
		}
	return "it must be error, warn, info or debug";
}

static const char *set_listen(struct kithd_config *c, const char *value)
{
	struct kith_addr a;

	if (kith_addr_parse(&a, value) != KITH_OK)
		return "it must be a numeric address with a port, as 192.0.2.1:4000 or "
		       "[2001:db8::1]:4000";
	if (kith_addr_is_none(&a))
		return "a port is missing";
	if (kith_addr_is_v4(&a))
		c->listen4 = a;
	else
		c->listen6 = a;
	c->listens = true;
	return NULL;
}

static const char *set_hint(struct kithd_config *c, const char *value)
{
	size_t len = strlen(value);

	if (len == 0 || len >= KITHD_HINT)
		return "it is not a hint";
	if (c->hints == KITH_CONFIG_HINTS_MAX)
		return "there are too many starting points";
	memcpy(c->hint[c->hints++], value, len + 1);
	return NULL;
}

static const char *set_network(struct kithd_config *c, const char *value)
{
	uint64_t v;

	if (!number(value, UINT32_MAX, &v))
		return "it must be a number from 0 to 4294967295";
	c->network = (uint32_t)v;
	return NULL;
}

static const char *set_map(struct kithd_config *c, const char *value)
{
	if (strcmp(value, "auto") == 0)
		c->map = KITHD_MAP_AUTO;
	else if (strcmp(value, "yes") == 0)
		c->map = KITHD_MAP_YES;
	else if (strcmp(value, "no") == 0)
		c->map = KITHD_MAP_NO;
	else
		return "it must be auto, yes or no";
	return NULL;
}

static const char *set_mapping(struct kithd_config *c, const char *key, const char *value)
{
	unsigned v = 0;
	const char *why;

	if (strcmp(key, "port-mapping") == 0)
		return set_map(c, value);
	if (strcmp(key, "pcp") == 0)
		return set_bool(value, &c->mapping.use[KITH_MAPPING_PCP]);
	if (strcmp(key, "nat-pmp") == 0)
		return set_bool(value, &c->mapping.use[KITH_MAPPING_NATPMP]);
	if (strcmp(key, "upnp") == 0)
		return set_bool(value, &c->mapping.use[KITH_MAPPING_UPNP]);
	if (strcmp(key, "mapping-port") == 0) {
		why = set_number(value, 0, 65535, &v);
		c->mapping.external = why == NULL ? (uint16_t)v : c->mapping.external;
		return why;
	}
	if (strcmp(key, "mapping-lease") == 0) {
		why = set_number(value, 10, 86400, &v);
		c->mapping.lease_s = why == NULL ? v : c->mapping.lease_s;
		return why;
	}
	return "there is no such key in [net]";
}

static const char *set_node(struct kithd_config *c, const char *key, const char *value)
{
	if (strcmp(key, "role") == 0)
		return set_role(c, value);
	if (strcmp(key, "profile") == 0)
		return set_path(value, c->profile);
	if (strcmp(key, "socket") == 0)
		return set_path(value, c->socket);
	if (strcmp(key, "log-level") == 0)
		return set_level(c, value);
	if (strcmp(key, "work-bits") == 0)
		return set_number(value, 0, KITH_REQUEST_BITS_MAX, &c->work_bits);
	if (strcmp(key, "passphrase-file") == 0)
		return set_path(value, c->passphrase_file);
	if (strcmp(key, "ack-delay") == 0)
		return set_number(value, 0, 86400, &c->ack_delay_s);
	if (strcmp(key, "audit-every") == 0)
		return set_number(value, 1, 604800, &c->audit_s);
	return "there is no such key in [node]";
}

static const char *set_net(struct kithd_config *c, const char *key, const char *value)
{
	if (strcmp(key, "network") == 0)
		return set_network(c, value);
	if (strcmp(key, "listen") == 0)
		return set_listen(c, value);
	if (strcmp(key, "bootstrap") == 0)
		return set_hint(c, value);
	if (strcmp(key, "publish-address") == 0)
		return set_bool(value, &c->publish_address);
	return set_mapping(c, key, value);
}

static const char *set_mailbox(struct kithd_config *c, const char *key, const char *value)
{
	if (strcmp(key, "serve") == 0)
		return set_bool(value, &c->serve);
	if (strcmp(key, "disk_max") == 0)
		return size(value, &c->disk_max) ? NULL : "it must be a size as 2GiB";
	if (strcmp(key, "days_max") == 0)
		return set_number(value, 1, 30, &c->days_max);
	if (strcmp(key, "members_max") == 0)
		return set_number(value, 0, 4096, &c->members_max);
	if (strcmp(key, "mailbox-bits") == 0)
		return set_number(value, 0, 32, &c->mailbox_bits);
	return "there is no such key in [mailbox]";
}

const char *kith__kithd_set(struct kithd_config *c, const char *section, const char *key,
			    const char *value)
{
	if (strcmp(section, "node") == 0)
		return set_node(c, key, value);
	if (strcmp(section, "net") == 0)
		return set_net(c, key, value);
	if (strcmp(section, "mailbox") == 0)
		return set_mailbox(c, key, value);
	return "a key must stand below [node], [net] or [mailbox]";
}

bool kith__kithd_maps(const struct kithd_config *c)
{
	bool loopback = c->listens &&
			(kith_addr_is_none(&c->listen4) || kith_addr_is_loopback(&c->listen4)) &&
			(kith_addr_is_none(&c->listen6) || kith_addr_is_loopback(&c->listen6));

	return !loopback &&
	       (c->map == KITHD_MAP_YES || (c->map == KITHD_MAP_AUTO && c->network == 0));
}

static char *trim(char *text)
{
	size_t len;

	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* One line; `section` (16 bytes) is what the last heading said. NULL or a sentence. */
static const char *read_line(struct kithd_config *c, char *line, char section[16])
{
	char *text, *value;
	size_t len;

	line[strcspn(line, "#")] = '\0';
	text = trim(line);
	len = strlen(text);
	if (len == 0)
		return NULL;
	if (text[0] == '[') {
		if (text[len - 1] != ']' || len - 2 >= 16)
			return "this is not a section";
		text[len - 1] = '\0';
		memcpy(section, text + 1, len - 1);
		if (strcmp(section, "node") != 0 && strcmp(section, "net") != 0 &&
		    strcmp(section, "mailbox") != 0)
			return "there is no such section";
		return NULL;
	}
	value = strchr(text, '=');
	if (value == NULL)
		return "\"key = value\" was expected";
	*value++ = '\0';
	return kith__kithd_set(c, section, trim(text), trim(value));
}

bool kith__kithd_config_read(struct kithd_config *c, const char *path)
{
	char line[KITH_CONFIG_LINE_MAX], section[16] = "";
	const char *why = NULL;
	FILE *f = fopen(path, "re");

	if (f == NULL) {
		(void)fprintf(stderr, "kithd: %s cannot be read: %s.\n", path, strerror(errno));
		return false;
	}
	for (unsigned n = 1; why == NULL && fgets(line, sizeof(line), f) != NULL; n++) {
		if (strchr(line, '\n') == NULL && strlen(line) == sizeof(line) - 1)
			why = "the line is too long";
		else
			why = read_line(c, line, section);
		if (why != NULL)
			(void)fprintf(stderr, "%s:%u: %s.\n", path, n, why);
	}
	if (why == NULL && ferror(f) != 0) {
		(void)fprintf(stderr, "kithd: %s cannot be read.\n", path);
		why = "read error";
	}
	(void)fclose(f);
	return why == NULL;
}
