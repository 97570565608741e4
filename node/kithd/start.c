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

int kith__kithd_exit_of(int status)
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

int kith__kithd_profile_failed(struct kithd *k, int status)
{
	long pid = status == KITH_E_LOCKED ? lock_pid(k->cfg.profile) : 0;

	if (pid > 0)
		kith__kithd_say(k, KITH_LOG_ERROR, "kithd is already running as pid %ld.", pid);
	else
		kith__kithd_say(k, KITH_LOG_ERROR, "%s (%s)", kith_profile_sentence(status),
				k->cfg.profile);
	return kith__kithd_exit_of(status);
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
	if (db == KITH_DB_ACCOUNT && (status == KITH_E_MALFORMED || status == KITH_E_IO))
		kith__kithd_say(k, KITH_LOG_ERROR,
				"%s %s. \"kithd --profile %s --salvage NEWDIR\" rescues what can "
				"be read of it.",
				name, store_sentence(status), k->cfg.profile);
	else
		kith__kithd_say(k, KITH_LOG_ERROR, "%s %s.", name, store_sentence(status));
	return status == KITH_E_AUTH ? KITHD_EXIT_DAMAGED : kith__kithd_exit_of(status);
}

static struct kith_profile_config profile_config(struct kithd *k)
{
	return (struct kith_profile_config){.dir = k->cfg.profile, .rng = &k->rng};
}

int kith__kithd_create(struct kithd *k, const char *pass, size_t len)
{
	struct kith_profile_config cfg = profile_config(k);
	int status;

	if (!kith__kithd_mkdirs(k->cfg.profile))
		return KITH_E_IO;
	status = kith_profile_create(&cfg, pass, len, &k->profile);
	if (status == KITH_OK)
		kith__kithd_say(k, KITH_LOG_INFO, "A new profile was made in %s.", k->cfg.profile);
	return status;
}

int kith__kithd_restore(struct kithd *k, const struct kith_restore *r)
{
	struct kith_profile_config cfg = profile_config(k);

	if (!kith__kithd_mkdirs(k->cfg.profile))
		return KITH_E_IO;
	return kith_profile_restore(&cfg, r, &k->profile);
}

int kith__kithd_read_passphrase(struct kithd *k, char *out)
{
	int fd = open(k->cfg.passphrase_file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, out, KITH_PASSPHRASE_MAX) : -1;
	const char *end;

	if (fd >= 0)
		(void)close(fd);
	if (n < 0) {
		kith__kithd_say(k, KITH_LOG_ERROR, "The passphrase file %s cannot be read.",
				k->cfg.passphrase_file);
		return -1;
	}
	end = memchr(out, '\n', (size_t)n);
	return end != NULL ? (int)(end - out) : (int)n;
}

/* Without a passphrase, or with that of the file; a locked profile is no failure. */
static int unlock_at_start(struct kithd *k)
{
	char pass[KITH_PASSPHRASE_MAX];
	int len, status = kith_profile_unlock(k->profile, NULL, 0);

	if (status != KITH_E_AUTH || k->cfg.passphrase_file[0] == '\0')
		return status;
	len = kith__kithd_read_passphrase(k, pass);
	if (len < 0)
		return KITH_E_EXPIRED; /* said already */
	status = kith_profile_unlock(k->profile, pass, (size_t)len);
	kith_wipe(pass, sizeof(pass));
	if (status == KITH_E_AUTH) {
		kith__kithd_say(k, KITH_LOG_ERROR,
				"The passphrase of %s does not open this profile.",
				k->cfg.passphrase_file);
		return KITH_E_EXPIRED;
	}
	return status;
}

/* `make`: begins without anybody's help where there is none. */
static int open_profile(struct kithd *k, bool make)
{
	struct kith_profile_config cfg = profile_config(k);
	int status = kith_profile_attach(&cfg, &k->profile);

	if (status == KITH_OK)
		status = unlock_at_start(k);
	else if (status == KITH_E_NOTFOUND && make)
		status = kith__kithd_create(k, NULL, 0);
	if (status == KITH_E_EXPIRED)
		return KITHD_EXIT_LOCKED;
	if (status == KITH_OK || status == KITH_E_AUTH || (status == KITH_E_NOTFOUND && !make))
		return -1;
	return kith__kithd_profile_failed(k, status);
}

int kith__kithd_open_stores(struct kithd *k)
{
	int code = open_store(k, KITH_DB_ACCOUNT, "account.db", &k->account);
	int status;

	if (code < 0 && k->cfg.role == KITH_ROLE_ALWAYS_ON && k->cfg.serve)
		code = open_store(k, KITH_DB_MAILBOX, "mailbox.db", &k->mailbox);
	if (code >= 0)
		return code;
	status = kith_profile_node_key(k->profile, k->node_secret);
	return status == KITH_OK ? -1 : kith__kithd_profile_failed(k, status);
}

int kith__kithd_open(struct kithd *k)
{
	int code = open_profile(k, k->cfg.role == KITH_ROLE_ALWAYS_ON);

	if (code >= 0 || k->profile == NULL || kith_profile_locked(k->profile))
		return code;
	return kith__kithd_open_stores(k);
}

static uint64_t clock_us(clockid_t clock)
{
	struct timespec t = {0, 0};

	if (clock_gettime(clock, &t) != 0)
		return 0;
	return (uint64_t)t.tv_sec * KITH_US_PER_S + (uint64_t)t.tv_nsec / 1000u;
}

static void say_bad_hint(struct kithd *k, unsigned at)
{
	kith__kithd_say(k, KITH_LOG_ERROR, "Starting point %u is not a hint to another node.",
			at + 1);
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
			say_bad_hint(k, i);
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

static int node_failed(struct kithd *k, int status)
{
	if (status == KITH_E_EXPIRED)
		return KITHD_EXIT_USAGE;
	kith__kithd_say(k, KITH_LOG_ERROR,
			status == KITH_E_MALFORMED
				? "account.db holds rows that cannot be; nothing was changed. "
				  "kithd --salvage NEWDIR rescues what can be read of it."
				: "The node cannot start: %s.",
			kith_status_text(status));
	return kith__kithd_exit_of(status);
}

int kith__kithd_idle(struct kithd *k)
{
	static const struct kith_addr none;

	return try_driver(k, &none, &none) == KITH_OK ? -1 : KITHD_EXIT_OTHER;
}

/* What a node will want later is looked at now: a busy port and a wrong hint are told at the start,
 * not at the unlocking. The idle loop follows. */
static int idle_at_start(struct kithd *k)
{
	int code = -1;

	for (unsigned i = 0; i < k->cfg.hints; i++)
		if (kith_node_hint_check(k->cfg.hint[i], strlen(k->cfg.hint[i])) != KITH_OK) {
			say_bad_hint(k, i);
			return KITHD_EXIT_USAGE;
		}
	if (k->cfg.listens)
		code = new_driver(k);
	kith_driver_close(k->driver);
	k->driver = NULL;
	return code < 0 ? kith__kithd_idle(k) : code;
}

int kith__kithd_node_up(struct kithd *k)
{
	struct kith_driver *idle = k->driver;
	int status = new_node(k), code;

	k->driver = NULL;
	code = status == KITH_OK ? new_driver(k) : node_failed(k, status);
	if (code < 0) {
		kith_driver_close(idle);
		kith__kithd_portmap_attach(k);
		return -1;
	}
	k->driver = idle;
	kith__kithd_node_down(k);
	return code;
}

int kith__kithd_start(struct kithd *k)
{
	struct kith_control_host host = {kith__kithd_stop, kith__kithd_vault_ask,
					 kith__kithd_vault_drop, k};
	int code;

	if (kith__kithd_vault_open(k) != KITH_OK)
		return KITHD_EXIT_OTHER;
	code = k->account != NULL ? kith__kithd_node_up(k) : idle_at_start(k);
	if (code >= 0)
		return code;
	k->control = kith_control_new(NULL, k->node, &host);
	if (k->control == NULL) {
		kith__kithd_say(k, KITH_LOG_ERROR, "There is not enough memory.");
		return KITHD_EXIT_OTHER;
	}
	kith__kithd_vault_tell(k);
	return kith__kithd_door_open(k);
}

static void save_seeds(struct kithd *k)
{
	size_t len = kith_node_seeds(k->node, k->seeds, SEEDS_BYTES);

	if (len > 0 && kith_profile_seeds_save(k->profile, k->seeds, len) != KITH_OK)
		kith__kithd_say(k, KITH_LOG_WARN, "The seeds file could not be written.");
}

/* Node and stores; their driver is closed. */
static void close_node(struct kithd *k)
{
	if (k->node != NULL && k->seeds != NULL)
		save_seeds(k);
	kith__kithd_log_drain(k);
	kith_node_free(k->node);
	k->node = NULL;
	kith_store_close(k->mailbox);
	kith_store_close(k->account);
	k->mailbox = k->account = NULL;
	kith_alloc_free(NULL, k->seeds);
	k->seeds = NULL;
	k->seeds_due = false;
	kith_wipe(k->node_secret, sizeof(k->node_secret));
}

void kith__kithd_node_down(struct kithd *k)
{
	bool ran = k->inner.self != NULL;

	if (ran) {
		kith_driver_close(k->driver); /* waits for commits and hands them over */
		k->driver = NULL;
	}
	memset(&k->inner, 0, sizeof(k->inner));
	close_node(k);
	if (k->profile != NULL && !kith_profile_locked(k->profile))
		kith_profile_lock(k->profile);
	if (ran && kith__kithd_idle(k) >= 0)
		kith__kithd_say(k, KITH_LOG_ERROR, "The event loop cannot go on.");
}

int kith__kithd_close(struct kithd *k)
{
	kith__kithd_door_close(k);
	kith_driver_close(k->driver); /* waits for commits and hands them over */
	kith__kithd_vault_close(k);
	(void)uv_run(&k->loop, UV_RUN_DEFAULT);
	kith__kithd_door_free(k);
	kith_control_free(k->control);
	close_node(k);
	kith__kithd_vault_free(k);
	kith_profile_close(k->profile);
	return uv_loop_close(&k->loop) == 0 ? KITHD_EXIT_OK : KITHD_EXIT_OTHER;
}

int kith__kithd_print_hint(struct kithd *k)
{
	const struct kith_addr *a =
		kith_addr_is_none(&k->cfg.listen4) ? &k->cfg.listen6 : &k->cfg.listen4;
	char text[96];
	int code = open_profile(k, true), status = KITH_E_AUTH;

	if (code >= 0)
		return code;
	if (!kith_profile_locked(k->profile))
		status = kith_profile_node_key(k->profile, k->node_secret);
	if (status == KITH_E_AUTH)
		kith__kithd_say(
			k, KITH_LOG_ERROR,
			"This profile is protected by a passphrase; give --passphrase-file.");
	else if (status != KITH_OK)
		return kith__kithd_profile_failed(k, status);
	if (status != KITH_OK)
		return KITHD_EXIT_LOCKED;
	if (kith_node_hint_text(k->node_secret, a, text) != KITH_OK) {
		(void)fputs("kithd: --print-hint needs --listen with the address that others "
			    "use.\n",
			    stderr);
		return KITHD_EXIT_USAGE;
	}
	(void)puts(text);
	return KITHD_EXIT_OK;
}
