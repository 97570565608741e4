/* SPDX-License-Identifier: ISC */
/* Message kind 5 on a link: a new session with a contact (protocol.md 5). Part of node/proto.h. */
#ifndef KITH_NODE_HEAL_WIRE_H
#define KITH_NODE_HEAL_WIRE_H

#include "node/cert.h"

#define KITH_HEAL_KIND 5u               /* first byte of the message */
#define KITH_HEAL_MAX  (2 + KITH_INNER) /* bytes of the longest one */

enum kith_heal_op { KITH_HEAL_WANTED = 1, KITH_HEAL_BUNDLE = 2, KITH_HEAL_REQUEST = 3 };

/* The message with its kind byte; returns its length: 2, or KITH_HEAL_MAX. `inner`: KITH_INNER
 * bytes of a bundle or request, NULL with WANTED. */
size_t kith__heal_encode(uint8_t out[static KITH_HEAL_MAX], enum kith_heal_op op,
			 const uint8_t *inner);
/* Reads one. *inner points into `in`, NULL with WANTED. MALFORMED: another kind, operation or
 * length; nothing is written then. What inner holds is not looked at. */
int kith__heal_decode(enum kith_heal_op *op, const uint8_t **inner, const uint8_t *in, size_t len)
	KITH_MUST_USE;

#endif
