/* SPDX-License-Identifier: ISC */
/*
 * Double Ratchet with header encryption and an ML-KEM key beside each DH key (crypto.md 5): start,
 * the two kinds of step, sealing. Opening is in ratchet_open.c, the row in ratchet_codec.c.
 *
 *	x  = KDF64(RK, "rt.step", DH | ss | H("rt.tr", both dh, both ek, ct))
 *	RK = KDF(x, "rt.rk")     CK = KDF(x, "rt.ck")     NHK = KDF(x, "rt.nhk")
 *	MK = KDF(CK, "rt.msg")   CK = KDF(CK, "rt.next")
 *
 * Steps of sending are lazy: a receiving step only marks one as due, and the next full frame takes
 * it after a minute, 256 frames, or when a mailbox gets a copy. Every full frame of a chain repeats
 * dh, ek and ct, so any one of them steps the peer. A light frame has no room for them; it is
 * allowed once the peer has acknowledged a seq that was sealed for the first time in this chain.
 * (A seq sealed anew proves nothing: its ack may stem from a copy in an older chain.)
 */
#include "node/proto.h"

#include <string.h>

#include "node/proto_internal.h"

#define STEP_MS     60000u
#define STEP_FRAMES 256u
#define HEAD_FULL   (KITH__HEAD_FULL - KITH_SEAL_OVERHEAD)
#define HEAD_LIGHT  (KITH__HEAD_LIGHT - KITH_SEAL_OVERHEAD)
#define AT_SEQ      12u
#define HEAD_EK     42u /* where EK stands, behind: */
#define HEAD_SHORT  42u /* flags, pn, n, dh: what changes from frame to frame */

_Static_assert(KITH__HEAD_FULL + KITH_BODY + KITH_SEAL_OVERHEAD == KITH_INNER, "full frame");

/* ---- start ---- */

static void start(struct kith_ratchet *r, const uint8_t root[32],
		  const struct kith_ratchet_context *c)
{
	uint8_t in[76];
	struct kith_writer w;

	memset(r, 0, sizeof(*r));
	r->may_send = true;
	kith_kdf(r->rk, root, 32, KITH_L_RT_ROOT, NULL, 0);
	kith_writer_init(&w, in, sizeof(in));
	kith_write_bytes(&w, c->ik_a, 32);
	kith_write_bytes(&w, c->ik_b, 32);
	kith_write_u32(&w, c->dev_a);
	kith_write_u32(&w, c->dev_b);
	kith_write_u32(&w, c->session_epoch);
	KITH_ASSERT(w.len == sizeof(in) && kith_write_end(&w) == KITH_OK);
	kith_hash(r->ad, KITH_L_RT_AD, in, sizeof(in));
}

/* The two first header keys: `a` for frames of B, the first sender, `b` for those of A. */
static void first_header_keys(uint8_t a[32], uint8_t b[32], const uint8_t root[32])
{
	kith_kdf(a, root, 32, KITH_L_RT_HKA, NULL, 0);
	kith_kdf(b, root, 32, KITH_L_RT_HKB, NULL, 0);
}

void kith__ratchet_init_a(struct kith_ratchet *r, const uint8_t root[static 32],
			  const uint8_t rdh_secret[static 32], const uint8_t rek_seed[static 64],
			  const struct kith_ratchet_context *c)
{
	start(r, root, c);
	first_header_keys(r->nhkr, r->nhks, root);
	memcpy(r->dh_secret, rdh_secret, 32);
	kith_dh_public(r->dh, rdh_secret);
	memcpy(r->ek_seed, rek_seed, 64);
}

int kith__ratchet_init_b(struct kith_ratchet *r, const uint8_t root[static 32],
			 const uint8_t rdh_a[static 32], const uint8_t rek_a[static KITH_KEM_EK],
			 const struct kith_ratchet_seeds *seeds, uint64_t now_ms,
			 const struct kith_ratchet_context *c)
{
	struct kith_ratchet made;
	int err;

	start(&made, root, c);
	first_header_keys(made.nhks, made.nhkr, root);
	memcpy(made.peer_dh, rdh_a, 32);
	memcpy(made.peer_ek, rek_a, KITH_KEM_EK);
	made.has_peer = true;
	made.step_due = true;
	err = kith__ratchet_step_send(&made, seeds, now_ms);
	if (err == KITH_OK)
		*r = made;
	kith_wipe(&made, sizeof(made));
	return err;
}

void kith__root_derive(uint8_t tag_a[static 32], uint8_t tag_b[static 32], uint8_t link[static 32],
		       const uint8_t root[static 32])
{
	kith_kdf(tag_a, root, 32, KITH_L_TAG_A, NULL, 0);
	kith_kdf(tag_b, root, 32, KITH_L_TAG_B, NULL, 0);
	kith_kdf(link, root, 32, KITH_L_LK_ROOT, NULL, 0);
}

/* ---- steps ---- */

void kith__ratchet_ek(uint8_t ek[static KITH_KEM_EK], const struct kith_ratchet *r)
{
	uint8_t dk[KITH_KEM_DK];

	kith_kem_keygen(ek, dk, r->ek_seed);
	kith_wipe(dk, sizeof(dk));
}

/* What enters a step: both secrets, and the public keys of both sides. */
struct step {
	uint8_t secret[64]; /* DH | ss */
	const uint8_t *sender_dh, *receiver_dh, *sender_ek, *receiver_ek, *ct;
};

/* Moves rk on and gives the new chain's CK and the header key after it; wipes the secrets. */
static void mix(struct kith_ratchet *r, uint8_t ck[32], uint8_t nhk[32], struct step *s)
{
	struct kith_hasher h;
	uint8_t in[96], x[64];

	memcpy(in, s->secret, 64);
	kith_hasher_init(&h, KITH_L_RT_TR, 32);
	kith_hasher_add(&h, s->sender_dh, 32);
	kith_hasher_add(&h, s->receiver_dh, 32);
	kith_hasher_add(&h, s->sender_ek, KITH_KEM_EK);
	kith_hasher_add(&h, s->receiver_ek, KITH_KEM_EK);
	kith_hasher_add(&h, s->ct, KITH_KEM_CT);
	kith_hasher_end(&h, in + 64);
	kith_kdf64(x, r->rk, 32, KITH_L_RT_STEP, in, sizeof(in));
	kith_kdf(r->rk, x, sizeof(x), KITH_L_RT_RK, NULL, 0);
	kith_kdf(ck, x, sizeof(x), KITH_L_RT_CK, NULL, 0);
	kith_kdf(nhk, x, sizeof(x), KITH_L_RT_NHK, NULL, 0);
	kith_wipe(s->secret, sizeof(s->secret));
	kith_wipe(in, sizeof(in));
	kith_wipe(x, sizeof(x));
}

int kith__ratchet_step_send(struct kith_ratchet *r, const struct kith_ratchet_seeds *seeds,
			    uint64_t now_ms)
{
	uint8_t ct[KITH_KEM_CT], ek[KITH_KEM_EK];
	struct step s = {.sender_dh = r->dh,
			 .receiver_dh = r->peer_dh,
			 .sender_ek = ek,
			 .receiver_ek = r->peer_ek,
			 .ct = r->ct};

	KITH_ASSERT(r->has_peer && r->step_due);
	if (kith_dh(s.secret, seeds->dh_secret, r->peer_dh) != KITH_OK ||
	    kith_kem_encap(ct, s.secret + 32, r->peer_ek, seeds->m) != KITH_OK) {
		kith_wipe(s.secret, sizeof(s.secret));
		return KITH_E_AUTH;
	}
	memcpy(r->dh_secret, seeds->dh_secret, 32);
	kith_dh_public(r->dh, r->dh_secret);
	memcpy(r->ek_seed, seeds->kem, sizeof(r->ek_seed));
	kith__ratchet_ek(ek, r);
	memcpy(r->ct, ct, sizeof(r->ct));
	r->has_bound = r->has_keys_print = false;
	memcpy(r->hks, r->nhks, sizeof(r->hks));
	mix(r, r->cks, r->nhks, &s);
	r->pn = r->ns;
	r->ns = 0;
	r->has_cks = true;
	r->step_due = false;
	r->last_step_ms = now_ms;
	r->chain_acked = false;
	r->chain_first_seq = 0;
	return KITH_OK;
}

int kith__ratchet_step_receive(struct kith_ratchet *r, const uint8_t dh[static 32],
			       const uint8_t ek[static KITH_KEM_EK],
			       const uint8_t ct[static KITH_KEM_CT])
{
	uint8_t own_ek[KITH_KEM_EK], dk[KITH_KEM_DK];
	struct step s = {.sender_dh = dh,
			 .receiver_dh = r->dh,
			 .sender_ek = ek,
			 .receiver_ek = own_ek,
			 .ct = ct};

	if (!kith_kem_ek_valid(ek) || kith_dh(s.secret, r->dh_secret, dh) != KITH_OK)
		return KITH_E_AUTH;
	kith_kem_keygen(own_ek, dk, r->ek_seed);
	kith_kem_decap(s.secret + 32, ct, dk);
	kith_wipe(dk, sizeof(dk));
	memcpy(r->peer_dh, dh, 32);
	memcpy(r->peer_ek, ek, KITH_KEM_EK);
	r->has_keys_print = false;
	memcpy(r->hkr, r->nhkr, sizeof(r->hkr));
	mix(r, r->ckr, r->nhkr, &s);
	r->nr = 0;
	r->has_ckr = true;
	r->has_peer = true;
	r->step_due = true;
	return KITH_OK;
}

bool kith__ratchet_step_wanted(const struct kith_ratchet *r, uint64_t now_ms, bool mailbox_copy)
{
	if (!r->step_due)
		return false;
	if (!r->has_cks || mailbox_copy || r->ns >= STEP_FRAMES)
		return true;
	/* a clock that went back must not put the step off */
	return now_ms < r->last_step_ms || now_ms - r->last_step_ms >= STEP_MS;
}

/* ---- sealing ---- */

void kith__chain_next(uint8_t mk[static 32], uint8_t ck[static 32])
{
	uint8_t next[32];

	kith_kdf(mk, ck, 32, KITH_L_RT_MSG, NULL, 0);
	kith_kdf(next, ck, 32, KITH_L_RT_NEXT, NULL, 0);
	memcpy(ck, next, 32);
	kith_wipe(next, sizeof(next));
}

/*
 * What the nonces of a frame are bound to: all that enters the boxes, but each part is hashed once.
 * ek and ct stand for as long as the chain, so their hash does; the body's zero padding follows
 * from its size; and the header's nonce, itself bound, stands for the header box.
 */
static void bind_head(uint8_t bound[32], struct kith_ratchet *r, const uint8_t *head, size_t len,
		      bool full)
{
	const uint8_t *ek = head + HEAD_EK;
	uint8_t keys[33] = {KITH_SUITE};

	if (full && !r->has_bound) {
		kith_nonce_bind(r->bound, ek, KITH_KEM_EK, r->ct, sizeof(r->ct));
		r->has_bound = true;
	}
	if (full)
		memcpy(keys + 1, r->bound, 32);
	kith_nonce_bind(bound, keys, full ? 33 : 1, head, full ? HEAD_SHORT : len);
}

static void bind_body(uint8_t bound[32], const uint8_t *ad, const uint8_t *plain, size_t len)
{
	uint8_t all[32 + KITH_XNONCE + 4];
	size_t used = len;

	memcpy(all, ad, 32 + KITH_XNONCE);
	kith_store_u32(all + 32 + KITH_XNONCE, (uint32_t)len);
	while (used > 0 && plain[used - 1] == 0)
		used--;
	kith_nonce_bind(bound, all, sizeof(all), plain, used);
}

static size_t write_head(uint8_t out[HEAD_FULL], const struct kith_ratchet *r, bool full)
{
	uint8_t ek[KITH_KEM_EK];
	struct kith_writer w;
	size_t len = full ? HEAD_FULL : HEAD_LIGHT;

	kith_writer_init(&w, out, HEAD_FULL);
	kith_write_u16(&w, 0);
	kith_write_u32(&w, r->pn);
	kith_write_u32(&w, r->ns);
	kith_write_bytes(&w, r->dh, sizeof(r->dh));
	if (full) {
		KITH_ASSERT(w.len == HEAD_EK);
		kith__ratchet_ek(ek, r);
		kith_write_bytes(&w, ek, sizeof(ek));
		kith_write_bytes(&w, r->ct, sizeof(r->ct));
	}
	kith_write_pad(&w, len);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
	return len;
}

/* The nonce of one box: given, or hedged over ad and m. */
static void draw_nonce(uint8_t nonce[KITH_XNONCE], struct kith_noncer *noncer, const uint8_t *given,
		       const uint8_t bound[32])
{
	if (given != NULL)
		memcpy(nonce, given, KITH_XNONCE);
	else
		kith_noncer_next(noncer, nonce, bound);
}

/* Notes that `seq` is sealed now: the first seq that is new in a chain opens the door to light. */
static void note_seq(struct kith_ratchet *r, uint32_t seq)
{
	if (seq <= r->seq_high)
		return;
	r->seq_high = seq;
	if (r->chain_first_seq == 0)
		r->chain_first_seq = seq;
}

void kith__ratchet_seal(struct kith_ratchet *r, uint8_t *out, size_t size, const uint8_t *body,
			size_t body_len, struct kith_noncer *noncer, const uint8_t *nonces)
{
	static const uint8_t suite = KITH_SUITE;
	bool full = size == KITH_INNER;
	size_t box = full ? KITH__HEAD_FULL : KITH__HEAD_LIGHT;
	size_t head_len, plain_len = size - box - KITH_SEAL_OVERHEAD;
	uint8_t head[HEAD_FULL], ad[32 + KITH__HEAD_FULL], plain[KITH_BODY] = {0};
	uint8_t mk[32], nonce[KITH_XNONCE], bound[32];

	KITH_ASSERT(r->has_cks && r->ns < UINT32_MAX);
	KITH_ASSERT(body_len >= KITH_BODY_HEAD && body_len <= plain_len);
	head_len = write_head(head, r, full);
	bind_head(bound, r, head, head_len, full);
	draw_nonce(nonce, noncer, nonces, bound);
	kith_seal(out, nonce, r->hks, &suite, 1, head, head_len);
	memcpy(ad, r->ad, 32);
	memcpy(ad + 32, out, box);
	memcpy(plain, body, body_len);
	kith__chain_next(mk, r->cks);
	bind_body(bound, ad, plain, plain_len);
	draw_nonce(nonce, noncer, nonces == NULL ? NULL : nonces + KITH_XNONCE, bound);
	kith_seal(out + box, nonce, mk, ad, 32 + box, plain, plain_len);
	r->ns++;
	note_seq(r, kith_load_u32(body + AT_SEQ));
	kith_wipe(mk, sizeof(mk));
	kith_wipe(plain, sizeof(plain));
}

int kith__ratchet_seal_full(struct kith_ratchet *r, uint8_t out[static KITH_INNER],
			    const uint8_t body[static KITH_BODY], bool step,
			    const struct kith_ratchet_seeds *seeds, uint64_t now_ms,
			    struct kith_noncer *noncer)
{
	int err;

	if (!r->may_send || (step ? !r->step_due || !r->has_peer : !r->has_cks))
		return KITH_E_STATE;
	if (!step && r->ns == UINT32_MAX)
		return KITH_E_STATE;
	if (step) {
		err = kith__ratchet_step_send(r, seeds, now_ms);
		if (err != KITH_OK)
			return err;
	}
	kith__ratchet_seal(r, out, KITH_INNER, body, KITH_BODY, noncer, NULL);
	return KITH_OK;
}

int kith__ratchet_seal_light(struct kith_ratchet *r, uint8_t out[static KITH_FRAME_LIGHT_MAX],
			     size_t *out_len, const uint8_t *body, size_t body_len,
			     struct kith_noncer *noncer)
{
	size_t size = 256;

	while (size - KITH__HEAD_LIGHT - KITH_SEAL_OVERHEAD < body_len &&
	       size <= KITH_FRAME_LIGHT_MAX)
		size += 256;
	if (size > KITH_FRAME_LIGHT_MAX)
		return KITH_E_FULL;
	if (!r->may_send || !r->has_cks || !r->chain_acked || r->ns == UINT32_MAX)
		return KITH_E_STATE;
	kith__ratchet_seal(r, out, size, body, body_len, noncer, NULL);
	*out_len = size;
	return KITH_OK;
}

void kith__frame_hash(uint8_t h[static 16], const uint8_t *frame, size_t len)
{
	kith_hash16(h, KITH_L_RT_DUP, frame, len);
}
