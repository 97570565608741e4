/* SPDX-License-Identifier: ISC */
/*
 * Shared inside kithd: configuration, the running node, its door and its log.
 */
#ifndef KITH_NODE_KITHD_INTERNAL_H
#define KITH_NODE_KITHD_INTERNAL_H

#include <uv.h>

#include "base/crypto.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/uv/driver.h"
#include "node/control/control.h"
#include "node/node.h"
#include "store/store.h"

#define KITHD_PATH 1024u
#define KITHD_HINT 96u
#ifndef KITH_VERSION
#define KITH_VERSION "0.1.0" /* the build gives the real one */
#endif

/* Exit codes; documented in kithd(8). */
enum kithd_exit {
	KITHD_EXIT_OK = 0,
	KITHD_EXIT_OTHER = 1,   /* self-test, memory */
	KITHD_EXIT_USAGE = 2,   /* options, configuration file */
	KITHD_EXIT_NETWORK = 3, /* busy port, no socket */
	KITHD_EXIT_DAMAGED = 4, /* profile or database damaged */
	KITHD_EXIT_LOCKED = 5,  /* already running, or protected */
	KITHD_EXIT_NEWER = 6,   /* written by a newer version */
	KITHD_EXIT_DISK = 7     /* full disk, input or output error */
};

/* All that options and configuration file say. */
struct kithd_config {
	char profile[KITHD_PATH], socket[KITHD_PATH], file[KITHD_PATH];
	enum kith_role role;
	uint32_t network;
	struct kith_addr listen4, listen6; /* none = default */
	bool listens, print_hint, publish_address, serve;
	char hint[KITH_CONFIG_HINTS_MAX][KITHD_HINT];
	/* port mapping: asked for, or in the public network where not said */
	enum { KITHD_MAP_AUTO, KITHD_MAP_YES, KITHD_MAP_NO } map;
	struct kith_mapping_config mapping;
	unsigned hints, work_bits, mailbox_bits, ack_delay_s, audit_s, days_max, members_max;
	uint64_t disk_max;
	int ready_fd;                     /* -1 = none */
	char passphrase_file[KITHD_PATH]; /* empty = none */
	char salvage[KITHD_PATH];         /* where to; empty = run */
	enum kith_log_level level;
};

struct kith__kithd_door;
struct kith__kithd_vault;

/* The running node. */
struct kithd {
	struct kithd_config cfg;
	struct kith_rng rng;
	struct kith_log log;
	struct kith_profile *profile;
	struct kith_store *account, *mailbox;
	struct kith_node *node;
	struct kith_control *control;
	struct kith_driver *driver;
	struct kith__kithd_door *door;
	struct kith__kithd_vault *vault;
	char *sentence; /* the last error said, KITHD_PATH + 128 bytes; kept across turns */
	struct kith_engine inner; /* the node's; the driver sees it with the seeds job added */
	uv_loop_t loop;
	uv_signal_t term, interrupt;
	uv_timer_t seeds_timer, stop_timer, trim_timer;
	bool stopping, stopped, seeds_due, seeds_running;
	struct kith_job seeds_job;
	uint8_t *seeds;
	size_t seeds_len;
	uint8_t node_secret[32];
	int portmap_fd;        /* to kith-portmap; each node's driver has a copy; -1 = none */
	unsigned portmap_owed; /* jobs without an answer */
};

/* config.c: sets one key of a section, as the file does. NULL, or a sentence that says what is
 * wrong with the value. */
const char *kith__kithd_set(struct kithd_config *c, const char *section, const char *key,
			    const char *value);
/* Reads the file; prints "file:line: sentence" on failure. False then. */
bool kith__kithd_config_read(struct kithd_config *c, const char *path);

/* Whether a router is to be asked for a port: in the public network, or when told to; never on
 * loopback. */
bool kith__kithd_maps(const struct kithd_config *c);

/* options.c: defaults, file and options. -1: go on; else the exit code. */
int kith__kithd_options(struct kithd_config *c, int argc, char **argv);

/* paths.c: fills in profile and socket where none was given. False: a sentence was printed. */
bool kith__kithd_paths(struct kithd_config *c);
/* Makes a directory and its parents, 0700. */
bool kith__kithd_mkdirs(const char *dir);
/* The UDP port of this profile: drawn once, then kept. `fresh`: draw another. 0: cannot be kept. */
uint16_t kith__kithd_port(const struct kithd_config *c, struct kith_rng *rng, bool *fresh);

/* harden.c: umask, no core dumps, no tracing, no new rights, SIGPIPE. */
bool kith__kithd_harden(void);

/* portmap.c: starts kith-portmap where port mapping wants it; before any key is in memory. */
void kith__kithd_portmap_start(struct kithd *k);
/* Gives a copy of the channel to the node's driver; then passes jobs and answers. */
void kith__kithd_portmap_attach(struct kithd *k);
void kith__kithd_portmap_close(struct kithd *k);
void kith__kithd_portmap_turn(struct kithd *k, kith_time now);
void kith__kithd_portmapped(void *ctx, const struct kith_portmap_reply *r);

/* log.c: one line "LEVEL sentence" on stderr, when `level` is wanted. */
__attribute__((format(printf, 3, 4))) void kith__kithd_say(const struct kithd *k,
							   enum kith_log_level level,
							   const char *format, ...);
/* Writes what the engines logged. */
void kith__kithd_log_drain(struct kithd *k);

/* start.c: takes the profile: makes one for a peer that has none, opens one that needs no
 * passphrase. Without a profile, or with a locked one, k->account stays NULL. The exit code, or -1.
 */
int kith__kithd_open(struct kithd *k);
/* Opens the control object, the door, and with them the node or an idle loop. The exit code, or -1.
 */
int kith__kithd_start(struct kithd *k);
/* The databases and the node key of an open profile; on any thread. */
int kith__kithd_open_stores(struct kithd *k);
/* Makes the profile; on any thread. */
int kith__kithd_create(struct kithd *k, const char *pass, size_t len);
int kith__kithd_restore(struct kithd *k, const struct kith_restore *r);
/* Node and sockets over open stores, in place of the idle loop; not within a turn. The exit code,
 * or -1; on failure nothing of them is left. */
int kith__kithd_node_up(struct kithd *k);
/* Closes node, sockets and stores and wipes the keys; the idle loop goes on. Not within a turn. */
void kith__kithd_node_down(struct kithd *k);
/* A loop without a node, for the door and jobs. */
int kith__kithd_idle(struct kithd *k);
/* What stores and profile answered, as a sentence and an exit code. */
int kith__kithd_profile_failed(struct kithd *k, int status);
/* Closes in reverse order whatever is open, and saves the seeds. The exit code. */
int kith__kithd_close(struct kithd *k);
/* Prints the hint of this profile; the exit code. */
int kith__kithd_print_hint(struct kithd *k);
/* The exit code of a failure; -1 for KITH_OK. */
int kith__kithd_exit_of(int status);
/* The first line of the passphrase file into KITH_PASSPHRASE_MAX bytes; the length, or -1 and a
 * sentence was said. */
int kith__kithd_read_passphrase(struct kithd *k, char *out);

/* salvage.c: --salvage; an exit code. */
int kith__kithd_salvage(struct kithd *k);

/* vault.c: what the profile is asked for (unlock, lock, passphrase, ..): jobs and back-off. */
int kith__kithd_vault_open(struct kithd *k);   /* KITH_OK, KITH_E_NOMEM */
void kith__kithd_vault_close(struct kithd *k); /* its handles; run the loop, then _free */
void kith__kithd_vault_free(struct kithd *k);
int kith__kithd_vault_ask(void *ctx, const struct kith_profile_ask *ask);
void kith__kithd_vault_drop(void *ctx, int descriptor);
bool kith__kithd_vault_job(struct kithd *k, struct kith_job **out);
bool kith__kithd_vault_done(struct kithd *k, struct kith_job *job);
/* At the end of a turn: goes on with a lock that waits for the node. */
void kith__kithd_vault_turn(struct kithd *k, kith_time now);
/* Tells control what is known of the profile. */
void kith__kithd_vault_tell(struct kithd *k);

/* run.c: the driver's view of the node and its end of turn. */
struct kith_engine kith__kithd_engine(struct kithd *k);
void kith__kithd_wake(void *ctx, kith_time now);
/* Begins an orderly end; more than once is harmless. */
void kith__kithd_stop(void *ctx);
/* Signals and timers; then runs the loop until the end. The exit code. */
int kith__kithd_run(struct kithd *k);

/* door_unix.c: binds and listens; under the profile's lock. -1, or the exit code. */
int kith__kithd_door_open(struct kithd *k);
/* Writes replies; call after kith_control_turn. */
void kith__kithd_door_turn(struct kithd *k);
/* No new connections, the socket's name goes away. */
void kith__kithd_door_shut(struct kithd *k);
/* Closes all; run the loop until its handles are gone, then kith__kithd_door_free. */
void kith__kithd_door_close(struct kithd *k);
void kith__kithd_door_free(struct kithd *k);

#endif
