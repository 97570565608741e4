/* SPDX-License-Identifier: ISC */
/* Tag chains, buckets, wraps, stamps, receipts (crypto.md 8) and API handles (store.md 4). Part of
 * node/proto.h. */
#ifndef KITH_NODE_TAGS_H
#define KITH_NODE_TAGS_H

#include "base/crypto.h"
#include "node/cert.h"

/* R_{v+1} of R_v; may be in place. */
void kith__tag_root_next(uint8_t next[static 32], const uint8_t root[static 32]);
/* T_{m,0} of mailbox m under R_v. */
void kith__tag_init(uint8_t t[static 32], const uint8_t root[static 32],
		    const uint8_t ml[static 32], uint32_t version);
/* T_{m,i+1}, in place. */
void kith__tag_next(uint8_t t[static 32]);

/* What one index gives: pre-image, tag, wrap key. */
struct kith_tag_keys {
	uint8_t d[32];
	uint8_t tag[16];
	uint8_t wrap[32];
};
/* The tag alone: half the price. */
void kith__tag_only(uint8_t tag[static 16], const uint8_t t[static 32]);
void kith__tag_derive(struct kith_tag_keys *k, const uint8_t t[static 32]);
/* An inner envelope sealed for one mailbox, and back: AUTH. */
void kith__blob_wrap(uint8_t blob[static KITH_BLOB], const uint8_t nonce[static 24],
		     const uint8_t wrap[static 32], const uint8_t tag[static 16],
		     const uint8_t inner[static KITH_INNER]);
int kith__blob_unwrap(uint8_t inner[static KITH_INNER], const uint8_t wrap[static 32],
		      const uint8_t tag[static 16], const uint8_t blob[static KITH_BLOB])
	KITH_MUST_USE;
/* MS = KDF(S, "mb.secret"). */
void kith__mailbox_secret(uint8_t ms[static 32], const uint8_t s[static 32]);
/* The bucket's p bits, left-aligned, the rest 0. */
uint16_t kith__bucket(const uint8_t ms[static 32], const uint8_t ml[static 32], unsigned p);

/* Stamps of kind 3: q of what is stamped; `count` more nonces from *tried on; the check. */
void kith__stamp_seed(uint8_t q[static 32], const uint8_t ml[static 32],
		      const uint8_t tag[static 16], const uint8_t *blob, size_t blob_len,
		      uint64_t hour);
bool kith__stamp_search(uint8_t stamp[static 64], uint64_t *tried, uint64_t count,
			const uint8_t q[static 32], unsigned bits);
bool kith__stamp_check(const uint8_t stamp[static 64], const uint8_t q[static 32], unsigned bits);

/* Signed promise of a mailbox; the check gives AUTH. */
struct kith_receipt {
	uint64_t received_s, expiry_s;
	uint8_t sig[64];
};
void kith__receipt_sign(struct kith_receipt *r, const uint8_t mk_seed[static 32],
			const uint8_t ml[static 32], uint16_t bucket, uint8_t p,
			const uint8_t tag[static 16], const uint8_t *blob, size_t len);
int kith__receipt_check(const struct kith_receipt *r, const uint8_t mk[static 32],
			const uint8_t ml[static 32], uint16_t bucket, uint8_t p,
			const uint8_t tag[static 16], const uint8_t *blob, size_t len)
	KITH_MUST_USE;
/* MK's own statement that it belongs to ML; the check gives AUTH. */
void kith__bind_sign(uint8_t sig[static 64], const uint8_t mk_seed[static 32],
		     const uint8_t ml[static 32], const uint8_t mk[static 32]);
int kith__bind_check(const uint8_t sig[static 64], const uint8_t ml[static 32],
		     const uint8_t mk[static 32]) KITH_MUST_USE;

/* API handles: a keyed permutation of (table, row id). `open` is false for a foreign handle. */
void kith__handle_make(uint8_t out[static 16], const uint8_t key[static 32], uint16_t table,
		       uint64_t id);
bool kith__handle_open(const uint8_t in[static 16], const uint8_t key[static 32], uint16_t table,
		       uint64_t *id);

#endif
