/* SPDX-License-Identifier: ISC */
/*
 * The protocol between two people as pure functions: no node, no clock, no table. Inside node/
 * only. Each part has its own .c file; golden vectors in tests/vectors drive all of it.
 * Bytes: crypto.md 2-5, 8 and docs/protocol.md.
 */
#ifndef KITH_NODE_PROTO_H
#define KITH_NODE_PROTO_H

#include "base/addr.h"
#include "base/alloc.h"
#include "base/crypto.h"
#include "base/kem768.h"
#include "base/limits.h"
#include "base/record.h"

/* ---- invitation.c: address and KITH: link (crypto.md 2, client.md 5.2) ---- */
struct kith_hint { uint8_t key[32]; struct kith_addr addr; };
struct kith_address { uint8_t ik[32]; uint8_t cap[16]; };
#define KITH_LINK_TEXT 400u /* "KITH:" + 82 + 3 hints x 81 + NUL */
enum kith_link_error { KITH_LINK_OK, KITH_LINK_LENGTH, KITH_LINK_VERSION, KITH_LINK_CHECKSUM, KITH_LINK_KEY };
void kith__link_format(char out[static KITH_LINK_TEXT], const struct kith_address *a, const struct kith_hint *hint, size_t hints);
/* Case-insensitive, spaces and line breaks ignored; up to 3 hints. */
enum kith_link_error kith__link_parse(struct kith_address *a, struct kith_hint hint[static 3], size_t *hints, const char *text, size_t len);
/* One hint alone ("key and address" form), for node.bootstrap and configuration. */
void kith__hint_format(char out[static 96], const struct kith_hint *h);
int kith__hint_parse(struct kith_hint *h, const char *text, size_t len) KITH_MUST_USE;
/* 60 digits and NUL. */
void kith__safety_number(char out[static 61], const uint8_t ik_a[static 32], const uint8_t ik_b[static 32]);

/* ---- cert.c: certificate, device manifest, bundle (crypto.md 2, 3, 10) ---- */
struct kith_cert { uint32_t device; uint8_t dk[32], xk[32]; uint32_t flags; uint64_t not_after; uint8_t manifest[32]; uint8_t sig[64]; };
void kith__cert_sign(struct kith_cert *c, const uint8_t ik_seed[static 32], const uint8_t ik[static 32]);
int kith__cert_check(const struct kith_cert *c, const uint8_t ik[static 32], uint64_t now_s) KITH_MUST_USE; /* AUTH, EXPIRED */
struct kith_manifest { uint64_t version; uint8_t previous[32]; unsigned count; struct { uint32_t id; uint8_t dk[32], xk[32]; uint64_t added; } device[8]; uint8_t sig[64]; };
size_t kith__manifest_make(uint8_t out[static 716], struct kith_manifest *m, const uint8_t ik_seed[static 32], const uint8_t ik[static 32]);
int kith__manifest_open(struct kith_manifest *m, const uint8_t *in, size_t len, const uint8_t ik[static 32]) KITH_MUST_USE;
/* H of the manifest = BLAKE2b-256 of its bytes. */
#define KITH_INNER 4056u /* every inner envelope */
#define KITH_BLOB 4096u  /* what a mailbox holds */
struct kith_bundle { uint8_t xk[32]; uint32_t spk_id; uint8_t spk[32]; uint8_t ek[KITH_KEM_EK]; uint64_t not_after; };
void kith__bundle_make(uint8_t inner[static KITH_INNER], const struct kith_bundle *b, const uint8_t ik_seed[static 32], const uint8_t ik[static 32]);
int kith__bundle_open(struct kith_bundle *b, const uint8_t inner[static KITH_INNER], const uint8_t ik[static 32], uint64_t now_s) KITH_MUST_USE;
void kith__bundle_place(uint8_t tag[static 16], uint8_t wrap[static 32], const uint8_t s[static 32], uint32_t spk_id, const uint8_t ml[static 32]);

/* ---- content.c: knock and presence contents (880 B) ---- */
struct kith_mailbox_entry { uint8_t ml[32]; struct kith_addr addr; uint8_t p, retention, flags; };
struct kith_knock { uint16_t flags; uint64_t expiry_s; uint8_t manifest[32], xk[32]; uint32_t spk_id; uint8_t spk[32], ek_hash[32]; uint8_t pow_bits; uint32_t device; unsigned count; struct kith_mailbox_entry box[3]; };
struct kith_presence { uint16_t flags; uint64_t expiry_s; uint32_t p_epoch, list_version; uint64_t manifest_version; uint8_t manifest[32], instance[8];
	unsigned devices; struct { uint32_t id; uint8_t lk[32]; unsigned count; struct kith_addr addr[3]; } device[4];
	unsigned count; struct kith_mailbox_entry box[8]; };
void kith__knock_encode(uint8_t out[static KITH_RECORD_CONTENT], const struct kith_knock *k);
int kith__knock_decode(struct kith_knock *k, const uint8_t in[static KITH_RECORD_CONTENT]) KITH_MUST_USE; /* MALFORMED, VERSION */
void kith__presence_encode(uint8_t out[static KITH_RECORD_CONTENT], const struct kith_presence *p);
int kith__presence_decode(struct kith_presence *p, const uint8_t in[static KITH_RECORD_CONTENT]) KITH_MUST_USE;
/* An endpoint "behind the relay at mailbox `index`" (wire type 3) is held as 100::<index> port 0, a
 * discard address (RFC 6666): never a destination by accident. Index < KITH_MAILBOXES_MAX. */
struct kith_addr kith__relay_addr(unsigned index);
bool kith__relay_index(const struct kith_addr *a, unsigned *index);
void kith__mailbox_entry_write(struct kith_writer *w, const struct kith_mailbox_entry *e); /* 54 B */
void kith__mailbox_entry_read(struct kith_reader *r, struct kith_mailbox_entry *e);

/* ---- request.c: contact request, 4,056 B (crypto.md 4) ---- */
#define KITH_EXTENSION_MAX 354u
enum kith_request_kind { KITH_REQUEST_FIRST = 1, KITH_REQUEST_AGAIN = 2 };
struct kith_request {
	enum kith_request_kind kind; uint32_t spk_id;
	uint8_t ik[32]; struct kith_cert cert;      /* sender */
	uint8_t rdh[32], rek[KITH_KEM_EK];          /* sender's first ratchet keys */
	uint8_t ms[32]; uint32_t list_version, session_epoch; uint64_t created_s;
	unsigned count; struct kith_mailbox_entry box[KITH_MAILBOXES_MAX];
	unsigned name_len; char name[KITH_NAME_MAX]; unsigned greeting_len; char greeting[KITH_GREETING_MAX];
	unsigned extension_len; uint8_t extension[KITH_EXTENSION_MAX]; /* TLVs of newer versions, kept as they are */
};
struct kith_request_peer { const uint8_t *ik, *xk, *spk, *ek; };                  /* recipient's public keys */
/* Builds bytes 0..4055 with PoW nonce 0; root out. `e_secret` 32, `m` 32 random bytes. AUTH on a bad key. */
int kith__request_make(uint8_t out[static KITH_INNER], uint8_t root[static 32], const struct kith_request *q, const uint8_t xk_secret[static 32],
		       const struct kith_request_peer *to, const uint8_t e_secret[static 32], const uint8_t m[static 32], struct kith_noncer *noncer) KITH_MUST_USE;
/* Prekey lookup without secrets: suite, kind, spk id. MALFORMED, VERSION. */
int kith__request_peek(const uint8_t in[static KITH_INNER], enum kith_request_kind *kind, uint32_t *spk_id) KITH_MUST_USE;
struct kith_request_keys { const uint8_t *ik, *xk_secret, *xk, *spk_secret, *spk, *dk, *ek; }; /* recipient */
/* Opens both boxes, checks certificate; one AUTH for every failure. */
int kith__request_open(struct kith_request *q, uint8_t root[static 32], const uint8_t in[static KITH_INNER], const struct kith_request_keys *self, uint64_t now_s) KITH_MUST_USE;
void kith__request_seen(uint8_t h[static 16], const uint8_t in[static KITH_INNER]);
/* Work: hash of (IK_B | ML | day | BLAKE2b(0..4047) | nonce); put writes the nonce at 4048. `search` tries `count` nonces from *nonce on, true when found. */
void kith__request_digest(uint8_t digest[static 32], const uint8_t in[static KITH_INNER]);
bool kith__request_work_search(uint64_t *nonce, uint64_t count, const uint8_t ik_b[static 32], const uint8_t ml[static 32], uint64_t day, const uint8_t digest[static 32], unsigned bits);
unsigned kith__request_work_bits(const uint8_t in[static KITH_INNER], const uint8_t ik_b[static 32], const uint8_t ml[static 32], uint64_t day); /* leading zero bits reached */
void kith__request_work_put(uint8_t in[static KITH_INNER], uint64_t nonce);
void kith__request_place(uint8_t tag[static 16], uint8_t wrap[static 32], const uint8_t s[static 32], uint64_t day, uint16_t slot, const uint8_t ml[static 32]);

/* ---- ratchet.c, ratchet_codec.c (crypto.md 5) ---- */
struct kith_skipped { uint8_t hk[32]; uint32_t n; uint8_t mk[32]; uint64_t expires_s; };
struct kith_ratchet {
	uint8_t rk[32], cks[32], ckr[32], hks[32], hkr[32], nhks[32], nhkr[32];
	bool has_cks, has_ckr, has_peer, step_due;
	bool may_send; /* true from init on; the node clears it for good after restoring a backup */
	uint8_t dh_secret[32], dh[32]; uint8_t ek_seed[64], ek[KITH_KEM_EK];   /* own */
	uint8_t peer_dh[32], peer_ek[KITH_KEM_EK], ct[KITH_KEM_CT];            /* theirs; ct of own last step */
	uint32_t ns, nr, pn; uint64_t last_step_ms;
	uint8_t ad[32];            /* H("rt.ad", ...) */
	bool chain_acked;          /* an ack named a full frame of the present sending chain: light allowed */
	uint32_t chain_first_seq;  /* lowest seq sealed for the first time in this chain, 0 = none yet */
	uint32_t seq_high;         /* highest seq sealed so far; a seq not above it is sealed anew */
	struct kith_skipped *skipped; size_t skipped_count; /* oldest first; grows by `alloc` to KITH_SKIP_CONTACT_MAX */
	size_t skipped_cap; const struct kith_alloc *alloc; /* NULL = heap; set by the caller after init or decode */
};
struct kith_ratchet_context { const uint8_t *ik_a, *ik_b; uint32_t dev_a, dev_b, session_epoch; }; /* A = sender of the request */
struct kith_ratchet_seeds { uint8_t dh_secret[32], kem[64], m[32]; }; /* fresh randomness for one sending step */
/* A: after the request (own rdh secret and ek seed of that request). Cannot send before B's first frame. */
void kith__ratchet_init_a(struct kith_ratchet *r, const uint8_t root[static 32], const uint8_t rdh_secret[static 32], const uint8_t rek_seed[static 64], const struct kith_ratchet_context *c);
/* B: on accepting; steps at once with `seeds`. AUTH on a bad key. */
int kith__ratchet_init_b(struct kith_ratchet *r, const uint8_t root[static 32], const uint8_t rdh_a[static 32], const uint8_t rek_a[static KITH_KEM_EK], const struct kith_ratchet_seeds *seeds,
			 uint64_t now_ms, const struct kith_ratchet_context *c) KITH_MUST_USE;
/* What else a root gives: tag roots (a = A to B) and the link root. */
void kith__root_derive(uint8_t tag_a[static 32], uint8_t tag_b[static 32], uint8_t link[static 32], const uint8_t root[static 32]);
#define KITH_BODY 1648u          /* full frame: body plaintext */
#define KITH_BODY_HEAD 32u
#define KITH_FRAME_LIGHT_MAX 1024u
/* True when the own sending step is due with the next full frame: step_due and (60 s or 256 frames or mailbox copy). */
bool kith__ratchet_step_wanted(const struct kith_ratchet *r, uint64_t now_ms, bool mailbox_copy);
/* Seals one full frame. `step` = take the sending step first (seeds then used). STATE: may not send, or 2^32 frames. */
int kith__ratchet_seal_full(struct kith_ratchet *r, uint8_t out[static KITH_INNER], const uint8_t body[static KITH_BODY], bool step, const struct kith_ratchet_seeds *seeds, uint64_t now_ms, struct kith_noncer *noncer) KITH_MUST_USE;
/* Light frame: `body` = head 32 + content; *out_len = 256, 512, 768 or 1,024. FULL: too long; STATE: chain not acked. */
int kith__ratchet_seal_light(struct kith_ratchet *r, uint8_t out[static KITH_FRAME_LIGHT_MAX], size_t *out_len, const uint8_t *body, size_t body_len, struct kith_noncer *noncer) KITH_MUST_USE;
struct kith_opened { bool light; bool stepped; uint32_t n; size_t body_len; uint8_t body[KITH_BODY]; /* body incl. head and padding */
	/* What became of the stored keys: a key (hk, n) was used up; the last `added` of skipped[] are new; `dropped` > 0: that many of the
	 * oldest went to make room (rare: write the whole set anew). */
	bool skip_used; uint8_t skip_hk[32]; size_t skip_added, skip_dropped; };
/* Opens a frame of either kind. The state changes only on success (worked on copies inside). AUTH: no key opens it; MALFORMED: it opened and
 * says nonsense; FULL: too many skipped; NOMEM. Applies the ack to chain_acked. */
int kith__ratchet_open(struct kith_ratchet *r, struct kith_opened *out, const uint8_t *in, size_t len, uint64_t now_ms) KITH_MUST_USE;
/* Puts back one stored skipped key while loading, oldest first. FULL, NOMEM. */
int kith__ratchet_skipped_add(struct kith_ratchet *r, const struct kith_skipped *key) KITH_MUST_USE;
void kith__ratchet_expire(struct kith_ratchet *r, uint64_t now_s); /* skipped keys past their date */
void kith__ratchet_wipe(struct kith_ratchet *r);
void kith__frame_hash(uint8_t h[static 16], const uint8_t *frame, size_t len); /* H16("rt.dup", ..) */
/* Row body without skipped keys, versioned. At most KITH_RATCHET_ROW bytes. */
#define KITH_RATCHET_ROW 6144u
size_t kith__ratchet_encode(uint8_t out[static KITH_RATCHET_ROW], const struct kith_ratchet *r);
int kith__ratchet_decode(struct kith_ratchet *r, const uint8_t *in, size_t len) KITH_MUST_USE; /* MALFORMED, VERSION */

/* ---- body.c: what a frame says (crypto.md 5) ---- */
enum kith_body_type { KITH_BODY_CHAT = 0x0001, KITH_BODY_ACK = 0x0002, KITH_BODY_ACCEPT = 0x0100, KITH_BODY_LIST = 0x0101, KITH_BODY_PRESENCE = 0x0102, KITH_BODY_LINK_ROOT = 0x0104 };
struct kith_ack { uint32_t next; uint64_t bitmap; uint32_t read; };
struct kith_body { uint16_t type; uint32_t list_version, tag_index, seq; struct kith_ack ack; const uint8_t *content; size_t len; };
size_t kith__body_encode(uint8_t *out, size_t cap, const struct kith_body *b); /* head 32 + content; 0 = does not fit */
int kith__body_decode(struct kith_body *b, const uint8_t *in, size_t len) KITH_MUST_USE; /* padding must be zero; unknown types are fine */
struct kith_list_entry { uint8_t ml[32], mk[32]; struct kith_addr addr; uint8_t p, retention, flags; };
struct kith_list { uint32_t version; unsigned count; struct kith_list_entry box[KITH_MAILBOXES_MAX]; };
size_t kith__list_encode(uint8_t *out, size_t cap, const struct kith_list *l);
int kith__list_decode(struct kith_list *l, const uint8_t *in, size_t len) KITH_MUST_USE;
struct kith_accept { uint8_t p[32]; uint32_t p_epoch; uint8_t cap[16]; uint32_t session_epoch; uint64_t accept_day; struct kith_cert cert; struct kith_list list; };
size_t kith__accept_encode(uint8_t *out, size_t cap, const struct kith_accept *a);
int kith__accept_decode(struct kith_accept *a, const uint8_t *in, size_t len) KITH_MUST_USE;
struct kith_share { uint8_t p[32]; uint32_t p_epoch; uint8_t cap[16]; }; /* KITH_BODY_PRESENCE */
size_t kith__share_encode(uint8_t *out, size_t cap, const struct kith_share *s);
int kith__share_decode(struct kith_share *s, const uint8_t *in, size_t len) KITH_MUST_USE;
struct kith_link_root { uint8_t root[32]; uint64_t start_day; };
size_t kith__link_root_encode(uint8_t *out, size_t cap, const struct kith_link_root *l);
int kith__link_root_decode(struct kith_link_root *l, const uint8_t *in, size_t len) KITH_MUST_USE;
/* Chat: one text, cut into parts of at most `part_max` content bytes. */
struct kith_chat { struct kith_msgid mid; uint64_t hlc; const uint8_t *text; size_t text_len; bool has_reply; struct kith_msgid reply; };
size_t kith__chat_tlvs_encode(uint8_t *out, size_t cap, const struct kith_chat *c);      /* the TLV bytes of all parts together */
unsigned kith__chat_parts(size_t tlv_len, size_t part_max);                               /* 1..16, 0 = too long */
size_t kith__chat_part_encode(uint8_t *out, size_t cap, const struct kith_chat *c, unsigned part, unsigned parts, const uint8_t *tlvs, size_t tlv_len, size_t part_max);
struct kith_chat_part { struct kith_msgid mid; unsigned part, parts; uint64_t hlc; const uint8_t *bytes; size_t len; };
int kith__chat_part_decode(struct kith_chat_part *p, const uint8_t *in, size_t len) KITH_MUST_USE;
struct kith_chat_text { const uint8_t *text; size_t text_len; bool has_reply; struct kith_msgid reply; bool newer; /* unknown TLVs present */ };
int kith__chat_tlvs_decode(struct kith_chat_text *t, const uint8_t *in, size_t len) KITH_MUST_USE; /* text is valid UTF-8 */

/* ---- tags.c: chains, buckets, wraps, stamps, receipts (crypto.md 8) ---- */
void kith__tag_root_next(uint8_t next[static 32], const uint8_t root[static 32]);                         /* R_{v+1} */
void kith__tag_init(uint8_t t[static 32], const uint8_t root[static 32], const uint8_t ml[static 32], uint32_t version); /* T_{m,0} */
void kith__tag_next(uint8_t t[static 32]);                                                               /* in place */
struct kith_tag_keys { uint8_t d[32]; uint8_t tag[16]; uint8_t wrap[32]; };
void kith__tag_derive(struct kith_tag_keys *k, const uint8_t t[static 32]);
void kith__blob_wrap(uint8_t blob[static KITH_BLOB], const uint8_t nonce[static 24], const uint8_t wrap[static 32], const uint8_t tag[static 16], const uint8_t inner[static KITH_INNER]);
int kith__blob_unwrap(uint8_t inner[static KITH_INNER], const uint8_t wrap[static 32], const uint8_t tag[static 16], const uint8_t blob[static KITH_BLOB]) KITH_MUST_USE;
void kith__mailbox_secret(uint8_t ms[static 32], const uint8_t s[static 32]);                            /* MS = KDF(S, "mb.secret") */
uint16_t kith__bucket(const uint8_t ms[static 32], const uint8_t ml[static 32], unsigned p);             /* left-aligned p bits, rest 0 */
void kith__stamp_seed(uint8_t q[static 32], const uint8_t ml[static 32], const uint8_t tag[static 16], const uint8_t *blob, size_t blob_len, uint64_t hour);
bool kith__stamp_search(uint8_t stamp[static 64], uint64_t *tried, uint64_t count, const uint8_t q[static 32], unsigned bits);
bool kith__stamp_check(const uint8_t stamp[static 64], const uint8_t q[static 32], unsigned bits);
struct kith_receipt { uint64_t received_s, expiry_s; uint8_t sig[64]; };
void kith__receipt_sign(struct kith_receipt *r, const uint8_t mk_seed[static 32], const uint8_t ml[static 32], uint16_t bucket, uint8_t p, const uint8_t tag[static 16], const uint8_t *blob, size_t len);
int kith__receipt_check(const struct kith_receipt *r, const uint8_t mk[static 32], const uint8_t ml[static 32], uint16_t bucket, uint8_t p, const uint8_t tag[static 16], const uint8_t *blob, size_t len) KITH_MUST_USE;
void kith__bind_sign(uint8_t sig[static 64], const uint8_t mk_seed[static 32], const uint8_t ml[static 32], const uint8_t mk[static 32]);
int kith__bind_check(const uint8_t sig[static 64], const uint8_t ml[static 32], const uint8_t mk[static 32]) KITH_MUST_USE;

/* ---- handle.c: API handles, a keyed permutation of (table, row id) (store.md 4) ---- */
void kith__handle_make(uint8_t out[static 16], const uint8_t key[static 32], uint16_t table, uint64_t id);
bool kith__handle_open(const uint8_t in[static 16], const uint8_t key[static 32], uint16_t table, uint64_t *id);

#endif
