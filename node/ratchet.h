/* SPDX-License-Identifier: ISC */
/* The ratchet with lazy steps and its frames (crypto.md 5). Part of node/proto.h. */
#ifndef KITH_NODE_RATCHET_H
#define KITH_NODE_RATCHET_H

#include "base/alloc.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "node/cert.h"

/* Key of one frame that has not come yet. */
struct kith_skipped {
	uint8_t hk[32];
	uint32_t n;
	uint8_t mk[32];
	uint64_t expires_s;
};

/* One end of a session. Plain data; copies share `skipped`. */
struct kith_ratchet {
	uint8_t rk[32], cks[32], ckr[32], hks[32], hkr[32], nhks[32], nhkr[32];
	bool has_cks, has_ckr, has_peer, step_due;
	bool may_send; /* true from init on; the node clears it for good after restoring a backup */
	uint8_t dh_secret[32], dh[32], ek_seed[64]; /* own; EK from the seed */
	uint8_t peer_dh[32], peer_ek[KITH_KEM_EK];
	uint8_t ct[KITH_KEM_CT]; /* of the own last step */
	uint8_t bound[32];       /* memory only: hash of ek and ct, for nonces of headers */
	bool has_bound;
	uint64_t keys_print; /* memory only: kith__ratchet_keys_print() */
	bool has_keys_print;
	uint32_t ns, nr, pn;
	uint64_t last_step_ms;
	uint8_t ad[32];           /* H("rt.ad", ...) */
	bool chain_acked;         /* the peer has the present sending chain: light frames allowed */
	uint32_t chain_first_seq; /* lowest seq first sealed in this chain, 0 = none yet */
	uint32_t seq_high;        /* highest seq sealed so far; one not above it is sealed anew */
	struct kith_skipped *skipped;
	size_t skipped_count; /* oldest first; grows by `alloc` to KITH_SKIP_CONTACT_MAX */
	size_t skipped_cap;
	const struct kith_alloc *alloc; /* NULL = heap; set by the caller after init or decode */
};

/* Who talks; A = sender of the request. */
struct kith_ratchet_context {
	const uint8_t *ik_a, *ik_b;
	uint32_t dev_a, dev_b, session_epoch;
};

/* Fresh randomness for one sending step. */
struct kith_ratchet_seeds {
	uint8_t dh_secret[32], kem[64], m[32];
};

/* A: after the request (own rdh secret and ek seed of that request). Cannot send before B's first
 * frame. */
void kith__ratchet_init_a(struct kith_ratchet *r, const uint8_t root[static 32],
			  const uint8_t rdh_secret[static 32], const uint8_t rek_seed[static 64],
			  const struct kith_ratchet_context *c);
/* B: on accepting; steps at once with `seeds`. AUTH on a bad key. */
int kith__ratchet_init_b(struct kith_ratchet *r, const uint8_t root[static 32],
			 const uint8_t rdh_a[static 32], const uint8_t rek_a[static KITH_KEM_EK],
			 const struct kith_ratchet_seeds *seeds, uint64_t now_ms,
			 const struct kith_ratchet_context *c) KITH_MUST_USE;
/* What else a root gives: tag roots (a = A to B) and the link root. */
void kith__root_derive(uint8_t tag_a[static 32], uint8_t tag_b[static 32], uint8_t link[static 32],
		       const uint8_t root[static 32]);
#define KITH_BODY            1648u /* full frame: body plaintext */
#define KITH_BODY_HEAD       32u
#define KITH_FRAME_LIGHT_MAX 1024u
/* True when the own sending step is due with the next full frame: step_due and (60 s or 256 frames
 * or mailbox copy). */
bool kith__ratchet_step_wanted(const struct kith_ratchet *r, uint64_t now_ms, bool mailbox_copy);
/* Seals one full frame. `step` = take the sending step first (seeds then used). STATE: may not
 * send, or 2^32 frames. */
int kith__ratchet_seal_full(struct kith_ratchet *r, uint8_t out[static KITH_INNER],
			    const uint8_t body[static KITH_BODY], bool step,
			    const struct kith_ratchet_seeds *seeds, uint64_t now_ms,
			    struct kith_noncer *noncer) KITH_MUST_USE;
/* Light frame: `body` = head 32 + content; *out_len = 256, 512, 768 or 1,024. FULL: too long;
 * STATE: chain not acked. */
int kith__ratchet_seal_light(struct kith_ratchet *r, uint8_t out[static KITH_FRAME_LIGHT_MAX],
			     size_t *out_len, const uint8_t *body, size_t body_len,
			     struct kith_noncer *noncer) KITH_MUST_USE;
struct kith_opened {
	bool light;
	bool stepped;
	uint32_t n;
	size_t body_len;
	uint8_t body[KITH_BODY]; /* with head and padding */
	/* What became of the stored keys: a key (hk, n) was used up; the last `added` of skipped[]
	 * are new; `dropped` > 0: that many of the oldest went to make room (rare: write the whole
	 * set anew). */
	bool skip_used;
	uint8_t skip_hk[32];
	size_t skip_added, skip_dropped;
};
/* Opens a frame of either kind. The state changes only on success (worked on copies inside). AUTH:
 * no key opens it; MALFORMED: it opened and says nonsense; FULL: too many skipped; NOMEM. Applies
 * the ack to chain_acked. */
int kith__ratchet_open(struct kith_ratchet *r, struct kith_opened *out, const uint8_t *in,
		       size_t len, uint64_t now_ms) KITH_MUST_USE;
/* The same, unless `turn` does not want this seq now: KITH_E_STATE, and nothing has changed. */
struct kith_turn {
	bool (*take)(struct kith_turn *turn, uint32_t seq);
	const void *ctx;
	uint32_t seq; /* for the owner: the one that was left */
};
int kith__ratchet_open_if(struct kith_ratchet *r, struct kith_opened *out, const uint8_t *in,
			  size_t len, uint64_t now_ms, struct kith_turn *turn) KITH_MUST_USE;
/* Puts back one stored skipped key while loading, oldest first. FULL, NOMEM. */
int kith__ratchet_skipped_add(struct kith_ratchet *r, const struct kith_skipped *key) KITH_MUST_USE;
/* Drops skipped keys past their date. */
void kith__ratchet_expire(struct kith_ratchet *r, uint64_t now_s);
/* Wipes everything and gives `skipped` back; needed before an init or decode over a used one. */
void kith__ratchet_wipe(struct kith_ratchet *r);
/* H16("rt.dup", frame). */
void kith__frame_hash(uint8_t h[static 16], const uint8_t *frame, size_t len);
/* Row body without skipped keys, versioned. MALFORMED, VERSION. */
#define KITH_RATCHET_ROW 6144u
/* The part of a row that changes with steps only: key pairs and ciphertext. Its print is
 * a fingerprint of what stands on disk. */
#define KITH_RATCHET_KEYS_AT 226u
#define KITH_RATCHET_KEYS    (4u * 32u + 32u + 2u * KITH_KEM_EK + KITH_KEM_CT)
uint64_t kith__keys_print(const uint8_t keys[static KITH_RATCHET_KEYS]);
/* kith__keys_print() of its keys; kept until a step. */
uint64_t kith__ratchet_keys_print(struct kith_ratchet *r);
/* That part alone. */
void kith__ratchet_encode_keys(uint8_t out[static KITH_RATCHET_KEYS], const struct kith_ratchet *r);
/* The row without it: `out` has room for KITH_RATCHET_ROW. */
size_t kith__ratchet_encode_rest(uint8_t out[static KITH_RATCHET_ROW],
				 const struct kith_ratchet *r);
size_t kith__ratchet_encode(uint8_t out[static KITH_RATCHET_ROW], const struct kith_ratchet *r);
int kith__ratchet_decode(struct kith_ratchet *r, const uint8_t *in, size_t len) KITH_MUST_USE;

#endif
