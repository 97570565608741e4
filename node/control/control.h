/* SPDX-License-Identifier: ISC */
/*
 * The control protocol (JSON-RPC 2.0, one object a line) over a node: bytes in, bytes out, no
 * descriptor. Doors (node/kithd, sim, tests) own the connections. client.md 1-2.
 */
#ifndef KITH_NODE_CONTROL_H
#define KITH_NODE_CONTROL_H

#include "node/node.h"

struct kith_control;

/* Rights of a caller: bits. The Unix socket has all. */
#define KITH_RIGHT_READ     1u
#define KITH_RIGHT_SEND     2u
#define KITH_RIGHT_CONTACTS 4u
#define KITH_RIGHT_ADMIN    8u
#define KITH_RIGHT_OWNER    16u
#define KITH_RIGHTS_ALL     31u

/* What a profile is asked for; the host does it, since it needs files and takes up to seconds. */
enum kith_profile_verb {
	KITH_PROFILE_CREATE,     /* pass */
	KITH_PROFILE_UNLOCK,     /* pass */
	KITH_PROFILE_LOCK,       /* - */
	KITH_PROFILE_PASSPHRASE, /* pass = the old one, next = the new one, none = remove it */
	KITH_PROFILE_RECOVERY,   /* pass; answers `words` */
	KITH_PROFILE_BACKUP,     /* pass, descriptor; answers `bytes`, `hash` */
	KITH_PROFILE_RESTORE, /* pass of the backup, next = that of the new profile, descriptor */
	KITH_PROFILE_WIPE     /* pass */
};
struct kith_profile_ask {
	enum kith_profile_verb verb;
	uint32_t call;
	const char *pass, *next; /* NULL = none given; valid during the call */
	size_t pass_len, next_len;
	int descriptor; /* -1 = none; the host's from now on when it takes the ask */
};
struct kith_profile_result {
	uint32_t call;
	int status;           /* KITH_E_AUTH: the passphrase is wrong or missing */
	const char *sentence; /* of a failure, for people; NULL = the general one of its status */
	uint32_t retry_ms;    /* AUTH: before that no other is tried */
	const char *words;
	uint64_t bytes;
	uint8_t hash[32];
};

/* What the table asks of its host. */
struct kith_control_host {
	void (*shutdown)(void *ctx);
	/* KITH_OK: kith_control_profile_done follows. KITH_E_FULL: busy. NULL: there is no such. */
	int (*profile)(void *ctx, const struct kith_profile_ask *ask);
	void (*close)(void *ctx, int descriptor); /* one that no call wanted */
	void *ctx;
};

/* NULL when memory is short. `n` is borrowed, NULL while no profile is open (kith_control_node);
 * `host` is copied, may be NULL. */
struct kith_control *kith_control_new(const struct kith_alloc *alloc, struct kith_node *n,
				      const struct kith_control_host *host);
/* The node of an open profile, or NULL: calls that wait on the former one end with "locked". */
void kith_control_node(struct kith_control *c, struct kith_node *n);
/* What is known of the profile: none on this disk; it has a passphrase; words were drawn. */
struct kith_control_profile {
	bool absent, is_protected, words;
};
void kith_control_profile(struct kith_control *c, const struct kith_control_profile *p);
/* The end of what host.profile took. `now` is not before that of a node made meanwhile. */
void kith_control_profile_done(struct kith_control *c, const struct kith_profile_result *r,
			       kith_time now);
/* How far a long one is: told to its caller at most four times a second. */
void kith_control_profile_progress(struct kith_control *c, uint32_t call, uint64_t done,
				   uint64_t total, kith_time now);
/* Ends all calls without an answer. NULL is legal. */
void kith_control_free(struct kith_control *c);
/* A connection. KITH_E_FULL: 32 are open. */
int kith_control_open(struct kith_control *c, unsigned rights, uint32_t *caller) KITH_MUST_USE;
/* Forgets a connection; its calls end in silence. Unknown numbers are legal. */
void kith_control_close(struct kith_control *c, uint32_t caller);
/* Bytes from a caller, in any cut; all are taken. KITH_E_FULL: stop reading until a call with no
 * bytes gives KITH_OK (back-pressure); KITH_E_MALFORMED: line too long, take the last reply and
 * close. */
int kith_control_feed(struct kith_control *c, uint32_t caller, const uint8_t *in, size_t len,
		      kith_time now) KITH_MUST_USE;
/* A descriptor that came with the next bytes of a caller; for the next method that takes one. */
void kith_control_descriptor(struct kith_control *c, uint32_t caller, int descriptor);
/* Drains node replies and news into answers and events; call in `wake`. */
void kith_control_turn(struct kith_control *c, kith_time now);
/* Next bytes for any caller; valid until the next call. The door takes all of them. False: none. */
bool kith_control_reply(struct kith_control *c, uint32_t *caller, const uint8_t **out, size_t *len);
/* Tells how many bytes still wait in the door's own buffer of a caller (subscriptions and further
 * lines pause above 256 KiB). */
void kith_control_backlog(struct kith_control *c, uint32_t caller, size_t bytes);
/* When kith_control_turn is wanted at the latest: waits with a timeout. KITH_NEVER: no such. */
kith_time kith_control_deadline(const struct kith_control *c);

#endif
