/* SPDX-License-Identifier: ISC */
/* Contact request, 4,056 bytes (crypto.md 4). Part of node/proto.h. */
#ifndef KITH_NODE_REQUEST_H
#define KITH_NODE_REQUEST_H

#include "base/crypto.h"
#include "node/cert.h"
#include "node/content.h"

#define KITH_EXTENSION_MAX 354u
enum kith_request_kind { KITH_REQUEST_FIRST = 1, KITH_REQUEST_AGAIN = 2 };

/* What a request says, decoded. */
struct kith_request {
	enum kith_request_kind kind;
	uint32_t spk_id;
	uint8_t ik[32];
	struct kith_cert cert;             /* sender */
	uint8_t rdh[32], rek[KITH_KEM_EK]; /* sender's first ratchet keys */
	uint8_t ms[32];
	uint32_t list_version, session_epoch;
	uint64_t created_s;
	unsigned count;
	struct kith_mailbox_entry box[KITH_MAILBOXES_MAX];
	unsigned name_len;
	char name[KITH_NAME_MAX];
	unsigned greeting_len;
	char greeting[KITH_GREETING_MAX];
	unsigned extension_len;
	uint8_t extension[KITH_EXTENSION_MAX]; /* TLVs of newer versions, kept as they are */
};

/* Recipient's public keys. */
struct kith_request_peer {
	const uint8_t *ik, *xk, *spk, *ek;
};

/* Recipient's own keys. */
struct kith_request_keys {
	const uint8_t *ik, *xk_secret, *xk, *spk_secret, *spk, *dk, *ek;
};

/* Builds bytes 0..4055 with PoW nonce 0; root out. `e_secret` 32, `m` 32 random bytes. AUTH on a
 * bad key. */
int kith__request_make(uint8_t out[static KITH_INNER], uint8_t root[static 32],
		       const struct kith_request *q, const uint8_t xk_secret[static 32],
		       const struct kith_request_peer *to, const uint8_t e_secret[static 32],
		       const uint8_t m[static 32], struct kith_noncer *noncer) KITH_MUST_USE;
/* Prekey lookup without secrets: suite, kind, spk id. MALFORMED, VERSION. */
int kith__request_peek(const uint8_t in[static KITH_INNER], enum kith_request_kind *kind,
		       uint32_t *spk_id) KITH_MUST_USE;
/* Opens both boxes, checks certificate; one AUTH for every failure. */
int kith__request_open(struct kith_request *q, uint8_t root[static 32],
		       const uint8_t in[static KITH_INNER], const struct kith_request_keys *self,
		       uint64_t now_s) KITH_MUST_USE;
/* H16("cr.seen", all bytes). */
void kith__request_seen(uint8_t h[static 16], const uint8_t in[static KITH_INNER]);
/* Requests that cross: does that of `ik` count, and not that of own_ik? Kind 2 beats kind 1, else
 * that of the bytewise lower identity counts. */
bool kith__request_beats(enum kith_request_kind kind, const uint8_t ik[static 32],
			 enum kith_request_kind own, const uint8_t own_ik[static 32]);

/* H16("cr.no", ik | epoch): the mark of a refused request. */
void kith__request_refusal(uint8_t h[static 16], const uint8_t ik[static 32], uint32_t epoch);

/* Work: hash of (IK_B | ML | day | digest of bytes 0..4047 | nonce). `search` tries `count` nonces
 * from *nonce on; true: *nonce is one, false: *nonce is the next to try. `put` writes it, `bits`
 * counts the leading zero bits that a request reaches. */
void kith__request_digest(uint8_t digest[static 32], const uint8_t in[static KITH_INNER]);
bool kith__request_work_search(uint64_t *nonce, uint64_t count, const uint8_t ik_b[static 32],
			       const uint8_t ml[static 32], uint64_t day,
			       const uint8_t digest[static 32], unsigned bits);
unsigned kith__request_work_bits(const uint8_t in[static KITH_INNER], const uint8_t ik_b[static 32],
				 const uint8_t ml[static 32], uint64_t day);
void kith__request_work_put(uint8_t in[static KITH_INNER], uint64_t nonce);
/* Tag of a request slot (0..16,383) at mailbox ml on `day`; then tag and wrap key. */
void kith__request_tag(uint8_t tag[static 16], const uint8_t s[static 32], uint64_t day,
		       uint16_t slot, const uint8_t ml[static 32]);
void kith__request_place(uint8_t tag[static 16], uint8_t wrap[static 32],
			 const uint8_t s[static 32], uint64_t day, uint16_t slot,
			 const uint8_t ml[static 32]);

#endif
