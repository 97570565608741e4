/* SPDX-License-Identifier: ISC */
/*
 * A new session with a contact: everything it needs is made first, and then taken over in one step
 * that cannot fail, so no contact stands between two sessions. For requests_*.c and restore.c.
 */
#ifndef KITH_NODE_SESSION_H
#define KITH_NODE_SESSION_H

#include "node/msgs.h"

struct kith__fresh {
	struct kith_ratchet *ratchet; /* arena cell */
	struct kith_tag_side send, recv;
	uint8_t link[32]; /* first link root, of `day` */
	uint64_t day;
	bool i_am_a;
	uint32_t epoch, floor; /* of the session; requests of the peer not above it are void */
	struct kith_cert cert; /* of the peer */
	uint32_t list_version; /* the peer's mailboxes */
	unsigned boxes;
	struct kith_list_entry box[KITH_MAILBOXES_MAX];
	bool with_mk;
};

/* The parts for role B from a request `q` and its root. NOMEM, AUTH (bad key): `f` is empty. */
int kith__fresh_b(struct kith_node *n, struct kith__fresh *f, const struct kith_request *q,
		  const uint8_t root[static 32]) KITH_MUST_USE;
/* The same for role A from the root of own request `r` and the accept; `ratchet` opened it and is
 * taken over on success. The tags of the answer stay with `r` until kith__fresh_take. */
int kith__fresh_a(struct kith_node *n, struct kith__fresh *f, const struct kith_open_request *r,
		  const struct kith_accept *a, struct kith_ratchet *ratchet) KITH_MUST_USE;
/* Gives back what was made and is not wanted. */
void kith__fresh_drop(struct kith_node *n, struct kith__fresh *f);
/* Makes it the session of `c`, with all rows; the former one ends. Empties `f`. What waits in the
 * outbox is sealed anew, the first accept before all else. */
void kith__fresh_take(struct kith_node *n, struct kith_contact *c, struct kith__fresh *f);

#endif
