/* SPDX-License-Identifier: ISC */
/* What a frame says (crypto.md 5): head, control contents, chat. Part of node/proto.h. */
#ifndef KITH_NODE_BODY_H
#define KITH_NODE_BODY_H

#include "base/addr.h"
#include "base/limits.h"
#include "node/cert.h"

/* Unknown types are acknowledged, counted and shown as "needs a newer version". */
enum kith_body_type {
	KITH_BODY_CHAT = 0x0001,
	KITH_BODY_ACK = 0x0002,
	KITH_BODY_ACCEPT = 0x0100,
	KITH_BODY_LIST = 0x0101,
	KITH_BODY_PRESENCE = 0x0102,
	KITH_BODY_LINK_ROOT = 0x0104,
	KITH_BODY_NAME = 0x0105 /* the name one wants to be called by: 1..64 B of UTF-8 */
};

/* Own state of receiving: lowest seq missing, bit k = seq next + 1 + k is here, read up to. */
struct kith_ack {
	uint32_t next;
	uint64_t bitmap;
	uint32_t read;
};

/* A body; `content` points into what was decoded. */
struct kith_body {
	uint16_t type;
	uint32_t list_version, tag_index, seq;
	struct kith_ack ack;
	const uint8_t *content;
	size_t len;
};
/* Every encoder of this file returns the length, 0 = does not fit; every decoder takes exactly the
 * content: KITH_OK or MALFORMED. Head 32 + content: */
size_t kith__body_encode(uint8_t *out, size_t cap, const struct kith_body *b);
/* What follows the content must be zero; unknown types are fine. */
int kith__body_decode(struct kith_body *b, const uint8_t *in, size_t len) KITH_MUST_USE;

/* KITH_BODY_LIST */
struct kith_list_entry {
	uint8_t ml[32], mk[32];
	struct kith_addr addr;
	uint8_t p, retention, flags;
};
struct kith_list {
	uint32_t version;
	unsigned count;
	struct kith_list_entry box[KITH_MAILBOXES_MAX];
};
size_t kith__list_encode(uint8_t *out, size_t cap, const struct kith_list *l);
int kith__list_decode(struct kith_list *l, const uint8_t *in, size_t len) KITH_MUST_USE;

/* KITH_BODY_ACCEPT */
struct kith_accept {
	uint8_t p[32];
	uint32_t p_epoch;
	uint8_t cap[16];
	uint32_t session_epoch;
	uint64_t accept_day;
	struct kith_cert cert;
	struct kith_list list;
};
size_t kith__accept_encode(uint8_t *out, size_t cap, const struct kith_accept *a);
int kith__accept_decode(struct kith_accept *a, const uint8_t *in, size_t len) KITH_MUST_USE;

/* KITH_BODY_PRESENCE: a new P and the shared cap. */
struct kith_share {
	uint8_t p[32];
	uint32_t p_epoch;
	uint8_t cap[16];
};
size_t kith__share_encode(uint8_t *out, size_t cap, const struct kith_share *s);
int kith__share_decode(struct kith_share *s, const uint8_t *in, size_t len) KITH_MUST_USE;

/* KITH_BODY_LINK_ROOT */
struct kith_link_root {
	uint8_t root[32];
	uint64_t start_day;
};
size_t kith__link_root_encode(uint8_t *out, size_t cap, const struct kith_link_root *l);
int kith__link_root_decode(struct kith_link_root *l, const uint8_t *in, size_t len) KITH_MUST_USE;

/* KITH_BODY_CHAT: one text, cut into parts of at most `part_max` content bytes. */
struct kith_chat {
	struct kith_msgid mid;
	uint64_t hlc;
	const uint8_t *text;
	size_t text_len;
	bool has_reply;
	struct kith_msgid reply;
};
/* The TLV bytes of all parts together. */
size_t kith__chat_tlvs_encode(uint8_t *out, size_t cap, const struct kith_chat *c);
/* 1..16, 0 = too long. */
unsigned kith__chat_parts(size_t tlv_len, size_t part_max);
size_t kith__chat_part_encode(uint8_t *out, size_t cap, const struct kith_chat *c, unsigned part,
			      unsigned parts, const uint8_t *tlvs, size_t tlv_len, size_t part_max);
struct kith_chat_part {
	struct kith_msgid mid;
	unsigned part, parts;
	uint64_t hlc;
	const uint8_t *bytes;
	size_t len;
};
int kith__chat_part_decode(struct kith_chat_part *p, const uint8_t *in, size_t len) KITH_MUST_USE;
struct kith_chat_text {
	const uint8_t *text;
	size_t text_len;
	bool has_reply;
	struct kith_msgid reply;
	bool newer; /* unknown TLVs present */
};
/* Of the joined bytes; the text is valid UTF-8. */
int kith__chat_tlvs_decode(struct kith_chat_text *t, const uint8_t *in, size_t len) KITH_MUST_USE;

#endif
