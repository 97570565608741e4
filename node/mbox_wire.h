/* SPDX-License-Identifier: ISC */
/*
 * The bytes of the mailbox verbs: one writer and one reader per request and reply, used by client,
 * service, tests and fuzzers. mailbox.md 4.
 *
 * A frame is u32 length of the rest | u8 verb | u16 request number | body. Readers take the fields
 * they know and leave what follows (padding, fields of later versions); only the length of a PUT
 * tells its class. Views lead into the input.
 */
#ifndef KITH_NODE_MBOX_WIRE_H
#define KITH_NODE_MBOX_WIRE_H

#include "base/bytes.h"
#include "node/mbox.h"

#define KITH__MBOX_HEAD        7u    /* length 4, verb 1, number 2 */
#define KITH__MBOX_REQUEST_MIN 128u  /* shorter requests are padded, whole frame */
#define KITH__MBOX_LIST_STEP   1024u /* LIST replies are padded to a multiple, whole frame */
#define KITH__MBOX_REPLY       0x80u /* bit of the verb in a reply */
#define KITH__MBOX_PUT_LEN     (85u + KITH_BLOB)
#define KITH__MBOX_PUT_LEN_B   65677u
#define KITH__MBOX_STAMP_HASH  3u /* stamp kind: hashcash */
#define KITH__MBOX_P_MAX       6u
#define KITH__MBOX_GET_MAX     16u
#define KITH__MBOX_HAVE_COUNT  8u
#define KITH__MBOX_KEEP_MAX    8u
#define KITH__MBOX_PUSH_MAX    32u
#define KITH__MBOX_DATA_MAX    (KITH_MBOX_FRAME_MAX + 4u) /* longest frame with its length */

/* Flags of INFO. */
#define KITH__MBOX_F_SERVE  1u
#define KITH__MBOX_F_RELAY  2u
#define KITH__MBOX_F_KNOCKS 4u
#define KITH__MBOX_F_PUSH   8u

/* One frame, cut into its fields. */
struct kith__mbox_frame {
	uint8_t verb;
	uint16_t number;
	const uint8_t *body;
	size_t len;
};

/* ---- frames ---- */
/* Begins a frame; the length is filled in by kith__mbox_end. */
void kith__mbox_begin(struct kith_writer *w, uint8_t verb, uint16_t number);
/* Ends it, padded with zeros to a multiple of `step` (0 = no padding). KITH_E_FULL. */
int kith__mbox_end(struct kith_writer *w, size_t step) KITH_MUST_USE;
/* Ends a request: at least KITH__MBOX_REQUEST_MIN bytes. */
int kith__mbox_end_request(struct kith_writer *w) KITH_MUST_USE;
/* Reads one whole frame of `len` bytes. KITH_E_MALFORMED. */
int kith__mbox_frame_read(struct kith__mbox_frame *f, const uint8_t *in, size_t len) KITH_MUST_USE;

/* ---- requests (body only): write one, read one ---- */
struct kith__mbox_put {
	uint8_t tag[16];
	struct kith_mbox_bucket bucket;
	uint8_t ttl_class, stamp_kind;
	const uint8_t *stamp, *blob; /* 64 and KITH_BLOB */
};
void kith__mbox_put_write(struct kith_writer *w, const struct kith__mbox_put *p);
int kith__mbox_put_read(struct kith__mbox_put *p, const struct kith__mbox_frame *f) KITH_MUST_USE;

/* LIST: what agrees with the bucket, from (day, pos) to until_day. */
struct kith__mbox_list {
	struct kith_mbox_bucket bucket;
	uint32_t day, pos, until_day;
	uint16_t max;
};
void kith__mbox_list_write(struct kith_writer *w, const struct kith__mbox_list *l);
int kith__mbox_list_read(struct kith__mbox_list *l, const struct kith__mbox_frame *f) KITH_MUST_USE;

/* GET: `tags` has room for KITH__MBOX_GET_MAX. */
void kith__mbox_get_write(struct kith_writer *w, const uint8_t (*tags)[16], unsigned count);
int kith__mbox_get_read(uint8_t (*tags)[16], unsigned *count, const struct kith__mbox_frame *f)
	KITH_MUST_USE;

/* DELETE: the pre-image. */
int kith__mbox_delete_read(uint8_t d[static 32], const struct kith__mbox_frame *f) KITH_MUST_USE;

/* WATCH: count 0 stops. */
void kith__mbox_watch_write(struct kith_writer *w, const struct kith_mbox_bucket *b,
			    unsigned count);
int kith__mbox_watch_read(struct kith_mbox_bucket b[static KITH_MBOX_WATCH_MAX], unsigned *count,
			  const struct kith__mbox_frame *f) KITH_MUST_USE;

/* HAVE: tags and nonces. */
struct kith__mbox_have {
	uint8_t tag[KITH__MBOX_HAVE_COUNT][16], nonce[KITH__MBOX_HAVE_COUNT][16];
};
void kith__mbox_have_write(struct kith_writer *w, const struct kith__mbox_have *h);
int kith__mbox_have_read(struct kith__mbox_have *h, const struct kith__mbox_frame *f) KITH_MUST_USE;

/* KEEP: records of one period. */
struct kith__mbox_keep {
	uint64_t until_s;
	const uint8_t *del, *stamp; /* 16, 64 */
	uint8_t stamp_kind;
	unsigned count;
	const uint8_t *records; /* count x KITH_RECORD */
};
/* Writes all but the records, which the caller appends. */
void kith__mbox_keep_write(struct kith_writer *w, const struct kith__mbox_keep *k);
int kith__mbox_keep_read(struct kith__mbox_keep *k, const struct kith__mbox_frame *f) KITH_MUST_USE;

/* ---- replies (body after the status byte) ---- */
void kith__mbox_info_write(struct kith_writer *w, const struct kith_mbox_info *i,
			   const uint8_t sig[static 64]);
void kith__mbox_info_read(struct kith_reader *r, struct kith_mbox_info *i, uint8_t sig[static 64]);
void kith__mbox_receipt_write(struct kith_writer *w, const struct kith_receipt *c, uint32_t pos);
void kith__mbox_receipt_read(struct kith_reader *r, struct kith_receipt *c, uint32_t *pos);

#endif
