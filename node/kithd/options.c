/* SPDX-License-Identifier: ISC */
/*
 * The command line of kithd(8). Options win over the configuration file: the file is read first,
 * wherever --config stands. An option with a key of the same name goes through the same setter.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/kithd/internal.h"

enum option_id {
	ID_ROLE = 256,
	ID_PROFILE,
	ID_SOCKET,
	ID_CONFIG,
	ID_NETWORK,
	ID_LISTEN,
	ID_BOOTSTRAP,
	ID_READY_FD,
	ID_LOG_LEVEL,
	ID_WORK_BITS,
	ID_MAILBOX_BITS,
	ID_ACK_DELAY,
	ID_AUDIT_EVERY,
	ID_PASSPHRASE_FILE,
	ID_PRINT_HINT,
	ID_SALVAGE,
	ID_PORT_MAPPING,
	ID_PCP,
	ID_NAT_PMP,
	ID_UPNP,
	ID_MAPPING_PORT,
	ID_MAPPING_LEASE,
	ID_VERSION,
	ID_HELP
};

static const struct option options[] = {
	{"role", required_argument, NULL, ID_ROLE},
	{"profile", required_argument, NULL, ID_PROFILE},
	{"socket", required_argument, NULL, ID_SOCKET},
	{"config", required_argument, NULL, ID_CONFIG},
	{"network", required_argument, NULL, ID_NETWORK},
	{"listen", required_argument, NULL, ID_LISTEN},
	{"bootstrap", required_argument, NULL, ID_BOOTSTRAP},
	{"ready-fd", required_argument, NULL, ID_READY_FD},
	{"log-level", required_argument, NULL, ID_LOG_LEVEL},
	{"work-bits", required_argument, NULL, ID_WORK_BITS},
	{"mailbox-bits", required_argument, NULL, ID_MAILBOX_BITS},
	{"ack-delay", required_argument, NULL, ID_ACK_DELAY},
	{"port-mapping", required_argument, NULL, ID_PORT_MAPPING},
	{"pcp", required_argument, NULL, ID_PCP},
	{"nat-pmp", required_argument, NULL, ID_NAT_PMP},
	{"upnp", required_argument, NULL, ID_UPNP},
	{"mapping-port", required_argument, NULL, ID_MAPPING_PORT},
	{"mapping-lease", required_argument, NULL, ID_MAPPING_LEASE},
	{"audit-every", required_argument, NULL, ID_AUDIT_EVERY},
	{"passphrase-file", required_argument, NULL, ID_PASSPHRASE_FILE},
	{"print-hint", no_argument, NULL, ID_PRINT_HINT},
	{"salvage", required_argument, NULL, ID_SALVAGE},
	{"version", no_argument, NULL, ID_VERSION},
	{"help", no_argument, NULL, ID_HELP},
	{NULL, 0, NULL, 0},
};

/* Options that are keys of the file: the section they stand in there. */
static const char *section_of(int id)
{
	switch (id) {
	case ID_ROLE:
	case ID_PROFILE:
	case ID_SOCKET:
	case ID_LOG_LEVEL:
	case ID_WORK_BITS:
	case ID_ACK_DELAY:
	case ID_PASSPHRASE_FILE:
	case ID_AUDIT_EVERY: return "node";
	case ID_NETWORK:
	case ID_LISTEN:
	case ID_PORT_MAPPING:
	case ID_PCP:
	case ID_NAT_PMP:
	case ID_UPNP:
	case ID_MAPPING_PORT:
	case ID_MAPPING_LEASE:
	case ID_BOOTSTRAP: return "net";
	case ID_MAILBOX_BITS: return "mailbox";
	default: return NULL;
	}
}

static void help(void)
{
	(void)puts("usage: kithd [options]\n"
		   "  --role user|always-on   what this node is (user)\n"
		   "  --profile DIR           keys and databases (~/.local/share/kith)\n"
		   "  --socket PATH           control socket\n"
		   "  --config FILE           kithd.conf(5)\n"
		   "  --listen ADDR:PORT      UDP address; once each for IPv4 and IPv6\n"
		   "  --bootstrap HINT        a peer to start from; may be repeated\n"
		   "  --network N             network number (0 = public)\n"
		   "  --ready-fd N            descriptor that gets one byte when ready\n"
		   "  --log-level LEVEL       error, warn, info or debug (info)\n"
		   "  --passphrase-file FILE  opens a protected profile without anybody's help\n"
		   "  --port-mapping auto|yes|no\n"
		   "                          ask the router for a port (auto: in network 0)\n"
		   "  --pcp, --nat-pmp, --upnp yes|no\n"
		   "                          ways to ask it (yes)\n"
		   "  --mapping-port N        port outside (as inside)\n"
		   "  --mapping-lease SECONDS how long a mapping lasts (3600)\n"
		   "  --print-hint            print the hint for --listen and exit\n"
		   "  --salvage DIR           rescue what can be read of a damaged profile to DIR\n"
		   "  --work-bits N, --mailbox-bits N, --ack-delay SECONDS,\n"
		   "  --audit-every SECONDS\n"
		   "                          for own networks; see kithd(8)\n"
		   "  --version, --help");
}

static void defaults(struct kithd_config *c)
{
	memset(c, 0, sizeof(*c));
	c->role = KITH_ROLE_USER;
	c->publish_address = true;
	c->serve = true;
	c->work_bits = 18;
	c->mailbox_bits = 14;
	c->ack_delay_s = 300;
	c->audit_s = 57600;
	c->days_max = 30;
	c->members_max = 1000;
	c->disk_max = UINT64_C(2) << 30;
	c->mapping.use[KITH_MAPPING_PCP] = true;
	c->mapping.use[KITH_MAPPING_NATPMP] = true;
	c->mapping.use[KITH_MAPPING_UPNP] = true;
	c->mapping.lease_s = 3600;
	c->ready_fd = -1;
	c->level = KITH_LOG_INFO;
}

/* Finds --config, reads the file. */
static bool read_file(struct kithd_config *c, int argc, char **argv)
{
	int id;

	opterr = 0;
	optind = 1;
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (id == ID_CONFIG)
			(void)snprintf(c->file, sizeof(c->file), "%s", optarg);
	opterr = 1;
	optind = 1;
	return c->file[0] == '\0' || kith__kithd_config_read(c, c->file);
}

static const char *set_ready(struct kithd_config *c, const char *text)
{
	char *end;
	long v = strtol(text, &end, 10);

	if (end == text || *end != '\0' || v < 3 || v > 65535)
		return "it must be an open descriptor from 3 on";
	c->ready_fd = (int)v;
	return NULL;
}

static const char *set_salvage(struct kithd_config *c, const char *text)
{
	if (text[0] == '\0' || strlen(text) >= sizeof(c->salvage))
		return "it must be the name of a new directory";
	memcpy(c->salvage, text, strlen(text) + 1);
	return NULL;
}

static const char *set_option(struct kithd_config *c, int id, const char *name, bool *listened)
{
	const char *section = section_of(id);

	if (id == ID_LISTEN && !*listened) {
		/* the first one replaces those of the file */
		memset(&c->listen4, 0, sizeof(c->listen4));
		memset(&c->listen6, 0, sizeof(c->listen6));
		*listened = true;
	}
	if (id == ID_READY_FD)
		return set_ready(c, optarg);
	if (id == ID_SALVAGE)
		return set_salvage(c, optarg);
	return section != NULL ? kith__kithd_set(c, section, name, optarg) : NULL;
}

int kith__kithd_options(struct kithd_config *c, int argc, char **argv)
{
	const char *why;
	bool listened = false;
	int id, index = 0;

	defaults(c);
	if (!read_file(c, argc, argv))
		return KITHD_EXIT_USAGE;
	while ((id = getopt_long(argc, argv, "", options, &index)) != -1) {
		if (id == ID_HELP) {
			help();
			return KITHD_EXIT_OK;
		}
		if (id == ID_VERSION) {
			(void)puts("kithd " KITH_VERSION);
			return KITHD_EXIT_OK;
		}
		if (id < ID_ROLE) {
			(void)fputs("kithd: see kithd --help.\n", stderr);
			return KITHD_EXIT_USAGE;
		}
		if (id == ID_PRINT_HINT)
			c->print_hint = true;
		why = set_option(c, id, options[index].name, &listened);
		if (why != NULL) {
			(void)fprintf(stderr, "kithd: --%s %s: %s.\n", options[index].name, optarg,
				      why);
			return KITHD_EXIT_USAGE;
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, "kithd: \"%s\" is not an option.\n", argv[optind]);
		return KITHD_EXIT_USAGE;
	}
	if (c->work_bits < 18 && c->network == 0) {
		(void)fputs("kithd: fewer than 18 work bits are for own networks (--network).\n",
			    stderr);
		return KITHD_EXIT_USAGE;
	}
	return -1;
}
