/* SPDX-License-Identifier: ISC */
/*
 * Bodies of DHT messages: what is inside the seal. Layouts: dht.md 5.
 */
#ifndef KITH_DHT_WIRE_H
#define KITH_DHT_WIRE_H

#include "base/addr.h"
#include "base/record.h"
#include "base/types.h"

#define KITH__RPC_OVERHEAD 80u
#define KITH__RPC_SMALL    144u
#define KITH__RPC_MEDIUM   512u
#define KITH__RPC_LARGE    1232u
#define KITH__RPC_BODY_MAX (KITH__RPC_LARGE - KITH__RPC_OVERHEAD)
#define KITH__RPC_VERSION  1u
#define KITH__RPC_CONTACTS 8u
#define KITH__RPC_CONTACT  51u

/* Bit 7 = reply. */
enum kith__method {
	KITH__PING = 0x01,
	KITH__FIND = 0x02,
	KITH__FIND_VALUE = 0x03,
	KITH__STORE = 0x04,
	KITH__PONG = 0x81,
	KITH__NODES = 0x82,
	KITH__VALUE = 0x83,
	KITH__STORED = 0x84,
	KITH__SAME = 0x86,
	KITH__BUSY = 0x8f
};

/* Request flags. */
#define KITH__WANT4      0x0001u
#define KITH__WANT6      0x0002u
#define KITH__SVC        0x0004u
#define KITH__REQ_CLIENT 0x0008u
#define KITH__COOKIE     0x0010u
#define KITH__KEEP       0x0020u
/* Both directions: services of the sender. */
#define KITH__MAILBOX 0x0040u
#define KITH__RELAY   0x0080u
/* Reply flags; bits 0-3 hold the number of contacts. */
#define KITH__COUNT      0x000fu
#define KITH__TOKEN      0x0010u
#define KITH__HAVE       0x0020u
#define KITH__REP_CLIENT 0x0100u

/* Status of STORED. */
enum kith__stored {
	KITH__ST_OK,
	KITH__ST_OLDER,
	KITH__ST_OTHER,
	KITH__ST_FAR,
	KITH__ST_FULL,
	KITH__ST_BAD,
	KITH__ST_TOKEN,
	KITH__ST_COUNT
};

/* A peer as another names it. */
struct kith__contact {
	uint8_t key[32];
	struct kith_addr addr;
	uint8_t services; /* KITH_DHT_MAILBOX, KITH_DHT_RELAY: hearsay */
};

/* One decoded body. Fields that the method lacks are zero. */
struct kith__msg {
	uint8_t method;
	uint16_t flags;
	uint32_t minutes;
	uint64_t tx;
	uint8_t cookie[8];
	uint8_t token[16];
	struct kith_id target; /* FIND: target; FIND_VALUE: key */
	uint64_t seq;          /* have-seq or held seq */
	uint16_t ttl_min, retry_s;
	uint8_t status;
	struct kith_addr addr;
	const uint8_t *record; /* 1,024 B inside the decoded buffer, or NULL */
	unsigned count;        /* usable contacts */
	unsigned skipped;      /* contacts dropped for their type or address */
	struct kith__contact contact[KITH__RPC_CONTACTS];
};

/* Results of the decoder. METHOD: also an unknown status. */
enum kith__parse { KITH__PARSE_OK, KITH__PARSE_BAD, KITH__PARSE_VERSION, KITH__PARSE_METHOD };

/* Body length that goes with a datagram length, 0 when no such class exists. */
size_t kith__wire_body(size_t datagram);
/* The datagram length a reply of `method` has. */
size_t kith__wire_reply_size(uint8_t method);
bool kith__wire_is_reply(uint8_t method);
/* Writes `m` and zeros up to `len` bytes (a body length that fits the method). */
void kith__wire_encode(uint8_t *body, size_t len, const struct kith__msg *m);
/* Reads a whole body; m->record points into it. */
enum kith__parse kith__wire_decode(struct kith__msg *m, const uint8_t *body, size_t len);

#endif
