/* SPDX-License-Identifier: ISC */
/*
 * The protocol between two people as pure functions: no node, no clock, no table. Inside node/
 * only. Each part has its own .c file; golden vectors in tests/vectors drive all of it.
 * Bytes: crypto.md 2-5, 8 and docs/protocol.md.
 */
#ifndef KITH_NODE_PROTO_H
#define KITH_NODE_PROTO_H

#include "node/body.h"
#include "node/cert.h"
#include "node/content.h"
#include "node/heal_wire.h"
#include "node/invitation.h"
#include "node/ratchet.h"
#include "node/request.h"
#include "node/tags.h"

#endif
