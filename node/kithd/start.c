/* SPDX-License-Identifier: ISC */
/*
 * Opening and closing, in the order lock -> keys -> databases -> node -> sockets -> door, and back.
 * Each failure has its own sentence and exit code; nothing that is there is overwritten.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "node/kithd/internal.h"

#define SEEDS_BYTES (KITH_DHT_SEEDS_MAX * 64u)
#define PORT_TRIES  16u

static int exit_of(int status)
{
	switch ((enum kith_status)status) {
	case KITH_OK: return -1;
	case KITH_E_LOCKED:
	case KITH_E_AUTH: return KITHD_EXIT_LOCKED;
	case KITH_E_MALFORMED:
	case KITH_E_EXISTS: return KITHD_EXIT_DAMAGED;
	case KITH_E_VERSION: return KITHD_EXIT_NEWER;
	case KITH_E_IO:
	case KITH_E_NOSPACE:
	case KITH_E_NOTFOUND: return KITHD_EXIT_DISK;
	case KITH_E_NOMEM:
	case KITH_E_FULL:
	case KITH_E_STATE:
	case KITH_E_EXPIRED: break;
	}
	return KITHD_EXIT_OTHER;
}

/* The pid that the running process wrote into the lock file; 0 when unreadable. */
static long lock_pid(const char *profile)
{
	char path[KITHD_PATH + 8];
	long pid = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/lock", profile);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%ld", &pid) != 1)
		pid = 0;
	(void)fclose(f);
	return pid;
}

static int profile_failed(const struct kithd *k, int status)
{
	long pid = status == KITH_E_LOCKED ? lock_pid(k->cfg.profile) : 0;

	if (pid > 0)
		kith__kithd_say(k, KITH_LOG_ERROR, "kithd is already running as pid %ld.", pid);
	else if (status == KITH_E_AUTH)
		kith__kithd_say(k, KITH_LOG_ERROR,
				"This profile is protected by a passphrase, which this version "
				"cannot ask for.");
	else
		kith__kithd_say(k, KITH_LOG_ERROR, "%s (%s)", kith_profile_sentence(status),
				k->cfg.profile);
	return exit_of(status);
}

static const char *store_sentence(int status)
{
	switch ((enum kith_status)status) {
	case KITH_E_VERSION: return "was written by a newer version of Kith; it was left as it is";
	case KITH_E_MALFORMED:
	case KITH_E_AUTH: return "is damaged or belongs to another profile; nothing was changed";
	case KITH_E_NOSPACE: return "cannot be opened: the disk is full";
	case KITH_E_LOCKED: return "is in use by another process";
	case KITH_E_NOMEM: return "cannot be opened: there is not enough memory";
	case KITH_OK:
	case KITH_E_IO:
	case KITH_E_FULL:
	case KITH_E_NOTFOUND:
	case KITH_E_EXISTS:
	case KITH_E_STATE:
	case KITH_E_EXPIRED: break;
	}
	return "cannot be read or written";
}

static int open_store(struct kithd *k, enum kith_db db, const char *name, struct kith_store **out)
{
	int status = kith_store_open(k->profile, db, out);

	if (status == KITH_OK) {
		if (kith_store_restored(*out))
			kith__kithd_say(k, KITH_LOG_WARN,
					"%s is older than this profile knows: "
					"it was restored from a copy.",
					name);
		return -1;
	}
	kith__kithd_say(k, KITH_LOG_ERROR, "%s %s.", name, store_sentence(status));
	return status == KITH_E_AUTH ? KITHD_EXIT_DAMAGED : exit_of(status);
}

static int open_profile(struct kithd *k)
{
	struct kith_profile_config cfg = {.dir = k->cfg.profile, .rng = &k->rng};
	int status = kith_profile_open(&cfg, NULL, 0, &k->profile);

	if (status == KITH_E_NOTFOUND) {
		if (!kith__kithd_mkdirs(k->cfg.profile))
			return profile_failed(k, KITH_E_IO);
		status = kith_profile_create(&cfg, NULL, 0, &k->profile);
		if (status == KITH_OK)
			kith__kithd_say(k, KITH_LOG_INFO, "A new profile was made in %s.",
					k->cfg.profile);
	}
	if (status == KITH_OK)
		status = kith_profile_node_key(k->profile, k->node_secret);
	return status == KITH_OK ? -1 : profile_failed(k, status);
}

int kith__kithd_open(struct kithd *k)
{
	int code = open_profile(k);

	if (code < 0)
		code = open_store(k, KITH_DB_ACCOUNT, "account.db", &k->account);
	if (code < 0 && k->cfg.role == KITH_ROLE_ALWAYS_ON && k->cfg.serve)
		code = open_store(k, KITH_DB_MAILBOX, "mailbox.db", &k->mailbox);
	return code;
}

static uint64_t clock_us(clockid_t clock)
{
	struct timespec t = {0, 0};

	if (clock_gettime(clock, &t) != 0)
		return 0;
	return (uint64_t)t.tv_sec * KITH_US_PER_S + (uint64_t)t.tv_nsec / 1000u;
}

static int new_node(struct kithd *k)
{
	const struct kithd_config *c = &k->cfg;
	kith_time now = clock_us(CLOCK_MONOTONIC);
	struct kith_node_config cfg = {.log = &k->log,
				       .rng = &k->rng,
				       .network = c->network,
				       .role = c->role,
				       .account = k->account,
				       .mailbox = k->mailbox,
				       .wall_ms = clock_us(CLOCK_REALTIME) / KITH_US_PER_MS,
				       .mailbox_disk_max = c->disk_max,
				       .mailbox_days_max = c->days_max,
				       .mailbox_members_max = c->members_max,
				       .mailbox_bits = c->mailbox_bits,
				       .work_bits = c->work_bits,
				       .ack_delay_s = c->ack_delay_s,
				       .audit_s = c->audit_s,
				       .publish_address = c->publish_address,
				       .version = KITH_VERSION};
	int status;

	if (kith__kithd_maps(c))
		cfg.map = c->mapping;

	k->seeds = kith_alloc_zero(NULL, 1, SEEDS_BYTES);
	if (k->seeds == NULL)
		return KITH_E_NOMEM;
	/* unreadable seeds are no seeds */
	if (kith_profile_seeds_load(k->profile, k->seeds, SEEDS_BYTES, &k->seeds_len) != KITH_OK)
		k->seeds_len = 0;
	cfg.seeds = k->seeds_len > 0 ? k->seeds : NULL;
	cfg.seeds_len = k->seeds_len;
	memcpy(cfg.node_secret, k->node_secret, sizeof(cfg.node_secret));
	status = kith_node_new(&cfg, now, &k->node);
	kith_wipe(cfg.node_secret, sizeof(cfg.node_secret));
	for (unsigned i = 0; status == KITH_OK && i < c->hints; i++)
		if (kith_node_bootstrap(k->node, c->hint[i], strlen(c->hint[i]), now) != KITH_OK) {
			kith__kithd_say(k, KITH_LOG_ERROR,
					"Starting point %u is not a hint to another node.", i + 1);
			return KITH_E_EXPIRED;
		}
	return status;
}

static int try_driver(struct kithd *k, const struct kith_addr *v4, const struct kith_addr *v6)
{
	struct kith_driver_config cfg = {.loop = &k->loop,
					 .engine = kith__kithd_engine(k),
					 .bind4 = *v4,
					 .bind6 = *v6,
					 .wake = kith__kithd_wake,
					 .gateways = kith__kithd_maps(&k->cfg),
					 .portmapped = kith__kithd_portmapped,
					 .ctx = k};

	return kith_driver_new(&cfg, &k->driver);
}

/* The profile's own port on all addresses; a port just drawn may be drawn again when it is busy. */
static int default_driver(struct kithd *k, unsigned *port)
{
	static const struct kith_addr none;
	struct kith_addr v4, v6;
	bool fresh = false;
	int status = KITH_E_IO;

	for (unsigned i = 0; i < PORT_TRIES; i++) {
		*port = kith__kithd_port(&k->cfg, &k->rng, &fresh);
		if (*port == 0)
			return KITH_E_NOSPACE;
		v4 = kith_addr_v4(0, 0, 0, 0, (uint16_t)*port);
		v6 = none;
		v6.port = (uint16_t)*port;
		status = try_driver(k, &v4, &v6);
		if (status == KITH_E_IO)
			status = try_driver(k, &v4, &none); /* a machine without IPv6 */
		if (status != KITH_E_EXISTS || !fresh)
			break;
	}
	return status;
}

static int new_driver(struct kithd *k)
{
	unsigned port = k->cfg.listen4.port != 0 ? k->cfg.listen4.port : k->cfg.listen6.port;
	int status;

	if (k->cfg.listens)
		status = try_driver(k, &k->cfg.listen4, &k->cfg.listen6);
	else
		status = default_driver(k, &port);
	if (status == KITH_OK)
		return -1;
	if (status == KITH_E_EXISTS) {
		kith__kithd_say(k, KITH_LOG_ERROR,
				"UDP port %u is in use by another program; "
				"choose another one with --listen.",
				port);
		return KITHD_EXIT_NETWORK;
	}
	if (status == KITH_E_NOSPACE) {
		kith__kithd_say(k, KITH_LOG_ERROR, "The port file cannot be written in %s.",
				k->cfg.profile);
		return KITHD_EXIT_DISK;
	}
	kith__kithd_say(k, KITH_LOG_ERROR, "No UDP socket can be opened%s.",
			k->cfg.listens ? " on the address of --listen" : "");
	return KITHD_EXIT_NETWORK;
}

int kith__kithd_start(struct kithd *k)
{
	struct kith_control_host host = {kith__kithd_stop, k};
	int code, status = new_node(k);

	if (status == KITH_E_EXPIRED)
		return KITHD_EXIT_USAGE;
	if (status != KITH_OK) {
		kith__kithd_say(
			k, KITH_LOG_ERROR,
			status == KITH_E_MALFORMED
				? "account.db holds rows that cannot be; nothing was changed."
				: "The node cannot start: %s.",
			kith_status_text(status));
		return exit_of(status);
	}
	code = new_driver(k);
	if (code >= 0)
		return code;
	kith__kithd_portmap_attach(k);
	k->control = kith_control_new(NULL, k->node, &host);
	if (k->control == NULL) {
		kith__kithd_say(k, KITH_LOG_ERROR, "There is not enough memory.");
		return KITHD_EXIT_OTHER;
	}
	return kith__kithd_door_open(k);
}

static void save_seeds(struct kithd *k)
{
	size_t len = kith_node_seeds(k->node, k->seeds, SEEDS_BYTES);

	if (len > 0 && kith_profile_seeds_save(k->profile, k->seeds, len) != KITH_OK)
		kith__kithd_say(k, KITH_LOG_WARN, "The seeds file could not be written.");
}

int kith__kithd_close(struct kithd *k)
{
	kith__kithd_door_close(k);
	kith_driver_close(k->driver); /* waits for commits and hands them over */
	(void)uv_run(&k->loop, UV_RUN_DEFAULT);
	kith__kithd_door_free(k);
	kith_control_free(k->control);
	if (k->node != NULL && k->seeds != NULL)
		save_seeds(k);
	kith__kithd_log_drain(k);
	kith_node_free(k->node);
	if (k->mailbox != NULL)
		kith_store_close(k->mailbox);
	if (k->account != NULL)
		kith_store_close(k->account);
	kith_profile_close(k->profile);
	kith_alloc_free(NULL, k->seeds);
	kith_wipe(k->node_secret, sizeof(k->node_secret));
	return uv_loop_close(&k->loop) == 0 ? KITHD_EXIT_OK : KITHD_EXIT_OTHER;
}

int kith__kithd_print_hint(struct kithd *k)
{
	const struct kith_addr *a =
		kith_addr_is_none(&k->cfg.listen4) ? &k->cfg.listen6 : &k->cfg.listen4;
	char text[96];
	int code = open_profile(k);

	if (code >= 0)
		return code;
	if (kith_node_hint_text(k->node_secret, a, text) != KITH_OK) {
		(void)fputs("kithd: --print-hint needs --listen with the address that others "
			    "use.\n",
			    stderr);
		return KITHD_EXIT_USAGE;
	}
	(void)puts(text);
	return KITHD_EXIT_OK;
}
