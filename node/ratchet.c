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

_Static_assert(KITH__HEAD_FULL + KITH_BODY + KITH_SEAL_OVERHEAD == KITH_INNER, "full frame");

/* ---- start ---- */

static void start(struct kith_ratchet *r, const uint8_t root[32], const struct kith_ratchet_context *c)
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
	uint8_t dk[KITH_KEM_DK];

	start(r, root, c);
	first_header_keys(r->nhkr, r->nhks, root);
	memcpy(r->dh_secret, rdh_secret, 32);
	kith_dh_public(r->dh, rdh_secret);
	memcpy(r->ek_seed, rek_seed, 64);
	kith_kem_keygen(r->ek, dk, rek_seed);
	kith_wipe(dk, sizeof(dk));
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

/* One side's public keys of a step. */
struct pair {
	const uint8_t *dh, *ek;
};

/* Moves rk on and gives the new chain's CK and the header key after it. */
static void mix(struct kith_ratchet *r, uint8_t ck[32], uint8_t nhk[32], const uint8_t dh[32],
		const uint8_t ss[32], struct pair sender, struct pair receiver, const uint8_t *ct)
{
	struct kith_hasher h;
	uint8_t in[96], x[64];

	memcpy(in, dh, 32);
	memcpy(in + 32, ss, 32);
	kith_hasher_init(&h, KITH_L_RT_TR, 32);
	kith_hasher_add(&h, sender.dh, 32);
	kith_hasher_add(&h, receiver.dh, 32);
	kith_hasher_add(&h, sender.ek, KITH_KEM_EK);
	kith_hasher_add(&h, receiver.ek, KITH_KEM_EK);
	kith_hasher_add(&h, ct, KITH_KEM_CT);
	kith_hasher_end(&h, in + 64);
	kith_kdf64(x, r->rk, 32, KITH_L_RT_STEP, in, sizeof(in));
	kith_kdf(r->rk, x, sizeof(x), KITH_L_RT_RK, NULL, 0);
	kith_kdf(ck, x, sizeof(x), KITH_L_RT_CK, NULL, 0);
	kith_kdf(nhk, x, sizeof(x), KITH_L_RT_NHK, NULL, 0);
	kith_wipe(in, sizeof(in));
	kith_wipe(x, sizeof(x));
}

int kith__ratchet_step_send(struct kith_ratchet *r, const struct kith_ratchet_seeds *seeds,
			    uint64_t now_ms)
{
	uint8_t dh[32], ss[KITH_KEM_SS], ct[KITH_KEM_CT];
	uint8_t dk[KITH_KEM_DK];
	int err = KITH_E_AUTH;

	KITH_ASSERT(r->has_peer && r->step_due);
	if (kith_dh(dh, seeds->dh_secret, r->peer_dh) != KITH_OK ||
	    kith_kem_encap(ct, ss, r->peer_ek, seeds->m) != KITH_OK)
		goto out;
	memcpy(r->dh_secret, seeds->dh_secret, 32);
	kith_dh_public(r->dh, r->dh_secret);
	memcpy(r->ek_seed, seeds->kem, sizeof(r->ek_seed));
	kith_kem_keygen(r->ek, dk, r->ek_seed);
	memcpy(r->ct, ct, sizeof(r->ct));
	memcpy(r->hks, r->nhks, sizeof(r->hks));
	mix(r, r->cks, r->nhks, dh, ss, (struct pair){r->dh, r->ek},
	    (struct pair){r->peer_dh, r->peer_ek}, ct);
	r->pn = r->ns;
	r->ns = 0;
	r->has_cks = true;
	r->step_due = false;
	r->last_step_ms = now_ms;
	r->chain_acked = false;
	r->chain_first_seq = 0;
	err = KITH_OK;
out:
	kith_wipe(dh, sizeof(dh));
	kith_wipe(ss, sizeof(ss));
	kith_wipe(dk, sizeof(dk));
	return err;
}

int kith__ratchet_step_receive(struct kith_ratchet *r, const uint8_t dh[static 32],
			       const uint8_t ek[static KITH_KEM_EK],
			       const uint8_t ct[static KITH_KEM_CT])
{
	uint8_t shared[32], ss[KITH_KEM_SS], own_ek[KITH_KEM_EK];
	uint8_t dk[KITH_KEM_DK];

	if (!kith_kem_ek_valid(ek) || kith_dh(shared, r->dh_secret, dh) != KITH_OK)
		return KITH_E_AUTH;
	kith_kem_keygen(own_ek, dk, r->ek_seed);
	kith_kem_decap(ss, ct, dk);
	memcpy(r->peer_dh, dh, 32);
	memcpy(r->peer_ek, ek, KITH_KEM_EK);
	memcpy(r->hkr, r->nhkr, sizeof(r->hkr));
	mix(r, r->ckr, r->nhkr, shared, ss, (struct pair){r->peer_dh, r->peer_ek},
	    (struct pair){r->dh, r->ek}, ct);
	r->nr = 0;
	r->has_ckr = true;
	r->has_peer = true;
	r->step_due = true;
	kith_wipe(shared, sizeof(shared));
	kith_wipe(ss, sizeof(ss));
	kith_wipe(dk, sizeof(dk));
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

static size_t write_head(uint8_t out[HEAD_FULL], const struct kith_ratchet *r, bool full)
{
	struct kith_writer w;
	size_t len = full ? HEAD_FULL : HEAD_LIGHT;

	kith_writer_init(&w, out, HEAD_FULL);
	kith_write_u16(&w, 0);
	kith_write_u32(&w, r->pn);
	kith_write_u32(&w, r->ns);
	kith_write_bytes(&w, r->dh, sizeof(r->dh));
	if (full) {
		kith_write_bytes(&w, r->ek, sizeof(r->ek));
		kith_write_bytes(&w, r->ct, sizeof(r->ct));
	}
	kith_write_pad(&w, len);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
	return len;
}

/* seal with the nonce given, or hedged over ad and m. */
static void seal_box(uint8_t *out, const uint8_t key[32], const uint8_t *ad, size_t ad_len,
		     const uint8_t *m, size_t len, struct kith_noncer *noncer, const uint8_t *given)
{
	uint8_t nonce[KITH_XNONCE], bound[32];

	if (given != NULL) {
		memcpy(nonce, given, sizeof(nonce));
	} else {
		kith_nonce_bind(bound, ad, ad_len, m, len);
		kith_noncer_next(noncer, nonce, bound);
	}
	kith_seal(out, nonce, key, ad, ad_len, m, len);
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
	uint8_t head[HEAD_FULL], ad[32 + KITH__HEAD_FULL];
	uint8_t plain[KITH_BODY] = {0};
	uint8_t mk[32];
	size_t plain_len = size - box - KITH_SEAL_OVERHEAD;

	KITH_ASSERT(r->has_cks && r->ns < UINT32_MAX);
	KITH_ASSERT(body_len >= KITH_BODY_HEAD && body_len <= plain_len);
	memcpy(plain, body, body_len);
	seal_box(out, r->hks, &suite, 1, head, write_head(head, r, full), noncer, nonces);
	memcpy(ad, r->ad, 32);
	memcpy(ad + 32, out, box);
	kith__chain_next(mk, r->cks);
	seal_box(out + box, mk, ad, 32 + box, plain, plain_len, noncer,
		 nonces == NULL ? NULL : nonces + KITH_XNONCE);
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

	while (size - KITH__HEAD_LIGHT - KITH_SEAL_OVERHEAD < body_len && size <= KITH_FRAME_LIGHT_MAX)
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
