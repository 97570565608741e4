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

/* What the table asks of its host: node.shutdown. May be NULL. */
struct kith_control_host {
	void (*shutdown)(void *ctx);
	void *ctx;
};

/* NULL when memory is short. `n` is borrowed and outlives it; `host` is copied, may be NULL. */
struct kith_control *kith_control_new(const struct kith_alloc *alloc, struct kith_node *n,
				      const struct kith_control_host *host);
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
