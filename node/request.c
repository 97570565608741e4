/* SPDX-License-Identifier: ISC */
/*
 * Contact request, 4,056 bytes (crypto.md 4): one message that opens a session with somebody who
 * has published a signed prekey SPK and an ML-KEM key ek.
 *
 *	0     suite 1 | kind 1 | zero 2 | spk id 4
 *	8     E 32 | ct 1088
 *	1128  box1 248: IK_A, XK_A, certificate     key: DH(e,XK_B), DH(e,SPK_B), ss
 *	1376  box2 2672: the rest                   key: and DH(XK_A,SPK_B), DH(XK_A,XK_B)
 *	4048  PoW nonce 8
 *
 * The DH of both identity keys is what keeps the thief of SPK_B alone from posing as A. Nothing is
 * signed, so neither side can prove the conversation. Each failure of opening looks the same.
 */
#include "node/proto.h"

#include <string.h>

#include "base/text.h"
#include "node/proto_internal.h"

#define AT_E    8u
#define AT_CT   40u
#define AT_BOX1 1128u
#define AT_BOX2 1376u
#define AT_WORK 4048u
#define PLAIN1  208u
#define PLAIN2  KITH__PLAIN2
#define BOX1    (PLAIN1 + KITH_SEAL_OVERHEAD)
#define BOX2    (PLAIN2 + KITH_SEAL_OVERHEAD)
#define BOXES   (KITH_MAILBOXES_MAX * 54u)

_Static_assert(AT_CT + KITH_KEM_CT == AT_BOX1 && AT_BOX1 + BOX1 == AT_BOX2 &&
		       AT_BOX2 + BOX2 == AT_WORK && AT_WORK + 8 == KITH_INNER,
	       "layout of a request");

/* The four Diffie-Hellman results, the KEM secret and what is made of them. */
struct schedule {
	uint8_t tr[32], ck[32];
	uint8_t dh1[32], dh2[32], dh3[32], dh4[32], ss[32];
	uint8_t key[32];
};

/* ck = KDF(ck, label, data 32) */
static void mix(struct schedule *s, enum kith_label label, const uint8_t data[32])
{
	uint8_t next[32];

	kith_kdf(next, s->ck, 32, label, data, 32);
	memcpy(s->ck, next, 32);
	kith_wipe(next, sizeof(next));
}

/* tr = H(suite | kind | spk id | IK_B | XK_B | SPK_B | ek_B | E | ct) */
static void transcript(struct schedule *s, const uint8_t *head, const struct kith_request_peer *to)
{
	struct kith_hasher h;

	kith_hasher_init(&h, KITH_L_CR_TR, 32);
	kith_hasher_add(&h, head, 2);
	kith_hasher_add(&h, head + 4, 4);
	kith_hasher_add(&h, to->ik, 32);
	kith_hasher_add(&h, to->xk, 32);
	kith_hasher_add(&h, to->spk, 32);
	kith_hasher_add(&h, to->ek, KITH_KEM_EK);
	kith_hasher_add(&h, head + AT_E, 32 + KITH_KEM_CT);
	kith_hasher_end(&h, s->tr);
}

/* From tr, dh1, dh2 and ss to ck3 and the key of box1. */
static void to_box1(struct schedule *s)
{
	memcpy(s->ck, s->tr, 32);
	mix(s, KITH_L_CR_DH1, s->dh1);
	mix(s, KITH_L_CR_DH2, s->dh2);
	mix(s, KITH_L_CR_KEM, s->ss);
	kith_kdf(s->key, s->ck, 32, KITH_L_CR_BOX1, NULL, 0);
}

/* From ck3, the bytes of box1, dh3 and dh4 to ck6 and the key of box2. */
static void to_box2(struct schedule *s, const uint8_t box1[BOX1])
{
	uint8_t next[32];

	kith_kdf(next, s->ck, 32, KITH_L_CR_IDA, box1, BOX1);
	memcpy(s->ck, next, 32);
	mix(s, KITH_L_CR_DH3, s->dh3);
	mix(s, KITH_L_CR_DH4, s->dh4);
	kith_kdf(s->key, s->ck, 32, KITH_L_CR_BOX2, NULL, 0);
	kith_wipe(next, sizeof(next));
}

static void to_root(uint8_t root[32], const struct schedule *s, const uint8_t *request)
{
	kith_kdf(root, s->ck, 32, KITH_L_CR_ROOT, request, AT_WORK);
}

/* ---- the two plaintexts ---- */

static void write_plain1(uint8_t out[PLAIN1], const struct kith_request *q)
{
	struct kith_writer w;

	kith_writer_init(&w, out, PLAIN1);
	kith_write_bytes(&w, q->ik, 32);
	kith_write_bytes(&w, q->cert.xk, 32);
	kith_write_u32(&w, q->cert.device);
	kith_write_bytes(&w, q->cert.dk, 32);
	kith_write_u32(&w, q->cert.flags);
	kith_write_u64(&w, q->cert.not_after);
	kith_write_bytes(&w, q->cert.manifest, 32);
	kith_write_bytes(&w, q->cert.sig, 64);
	KITH_ASSERT(w.len == PLAIN1 && kith_write_end(&w) == KITH_OK);
}

static void read_plain1(struct kith_request *q, const uint8_t in[PLAIN1])
{
	struct kith_reader r;

	kith_reader_init(&r, in, PLAIN1);
	kith_read_bytes(&r, q->ik, 32);
	kith_read_bytes(&r, q->cert.xk, 32);
	q->cert.device = kith_read_u32(&r);
	kith_read_bytes(&r, q->cert.dk, 32);
	q->cert.flags = kith_read_u32(&r);
	q->cert.not_after = kith_read_u64(&r);
	kith_read_bytes(&r, q->cert.manifest, 32);
	kith_read_bytes(&r, q->cert.sig, 64);
	KITH_ASSERT(kith_read_end(&r) == KITH_OK);
}

static void write_plain2(uint8_t out[PLAIN2], const struct kith_request *q)
{
	struct kith_writer w;
	unsigned i;

	KITH_ASSERT(q->count <= KITH_MAILBOXES_MAX && q->name_len <= KITH_NAME_MAX &&
		    q->greeting_len <= KITH_GREETING_MAX && q->extension_len <= KITH_EXTENSION_MAX);
	kith_writer_init(&w, out, PLAIN2);
	kith_write_bytes(&w, q->rdh, sizeof(q->rdh));
	kith_write_bytes(&w, q->rek, sizeof(q->rek));
	kith_write_bytes(&w, q->ms, sizeof(q->ms));
	kith_write_u32(&w, q->list_version);
	kith_write_u32(&w, q->session_epoch);
	kith_write_u64(&w, q->created_s);
	kith_write_u8(&w, (uint8_t)q->count);
	for (i = 0; i < q->count; i++)
		kith__mailbox_entry_write(&w, &q->box[i]);
	kith_write_zeros(&w, BOXES - q->count * 54u);
	kith_write_u8(&w, (uint8_t)q->name_len);
	kith_write_bytes(&w, q->name, q->name_len);
	kith_write_zeros(&w, KITH_NAME_MAX - q->name_len);
	kith_write_u16(&w, (uint16_t)q->greeting_len);
	kith_write_bytes(&w, q->greeting, q->greeting_len);
	kith_write_zeros(&w, KITH_GREETING_MAX - q->greeting_len);
	kith_write_u16(&w, (uint16_t)q->extension_len);
	kith_write_bytes(&w, q->extension, q->extension_len);
	kith_write_pad(&w, PLAIN2);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
}

/* `len` bytes of text in a field of `size`, the rest zero. */
static void read_text(struct kith_reader *r, void *out, size_t len, size_t size)
{
	if (len > size) {
		kith_read_fail(r);
		return;
	}
	kith_read_bytes(r, out, len);
	kith_read_zeros(r, size - len);
}

int kith__request_plain2_read(struct kith_request *q, const uint8_t in[static KITH__PLAIN2])
{
	struct kith_reader r;

	kith_reader_init(&r, in, PLAIN2);
	kith_read_bytes(&r, q->rdh, sizeof(q->rdh));
	kith_read_bytes(&r, q->rek, sizeof(q->rek));
	kith_read_bytes(&r, q->ms, sizeof(q->ms));
	q->list_version = kith_read_u32(&r);
	q->session_epoch = kith_read_u32(&r);
	q->created_s = kith_read_u64(&r);
	q->count = kith_read_u8(&r);
	if (q->count > KITH_MAILBOXES_MAX)
		return KITH_E_MALFORMED;
	kith__mailbox_entries_read(&r, q->box, q->count);
	kith_read_zeros(&r, BOXES - q->count * 54u);
	q->name_len = kith_read_u8(&r);
	read_text(&r, q->name, q->name_len, KITH_NAME_MAX);
	q->greeting_len = kith_read_u16(&r);
	read_text(&r, q->greeting, q->greeting_len, KITH_GREETING_MAX);
	q->extension_len = kith_read_u16(&r);
	read_text(&r, q->extension, q->extension_len, KITH_EXTENSION_MAX);
	if (kith_read_end(&r) != KITH_OK || !kith_text_valid(q->name, q->name_len) ||
	    !kith_text_valid(q->greeting, q->greeting_len) || !kith_kem_ek_valid(q->rek))
		return KITH_E_MALFORMED;
	return KITH_OK;
}

/* ---- making ---- */

/* Seals `m` under s->key into `out`; the nonce is given or drawn. */
static void seal_box(uint8_t *out, const struct schedule *s, const uint8_t *m, size_t len,
		     struct kith_noncer *noncer, const uint8_t *given)
{
	uint8_t nonce[KITH_XNONCE], bound[32];

	if (given != NULL) {
		memcpy(nonce, given, sizeof(nonce));
	} else {
		kith_nonce_bind(bound, s->tr, 32, m, len);
		kith_noncer_next(noncer, nonce, bound);
	}
	kith_seal(out, nonce, s->key, s->tr, 32, m, len);
}

static int make_shared(struct schedule *s, uint8_t *head, const struct kith_request_peer *to,
		       const uint8_t xk_secret[32], const struct kith__request_random *random)
{
	const uint8_t *e_secret = random->e_secret;

	kith_dh_public(head + AT_E, e_secret);
	if (kith_kem_encap(head + AT_CT, s->ss, to->ek, random->m) != KITH_OK ||
	    kith_dh(s->dh1, e_secret, to->xk) != KITH_OK ||
	    kith_dh(s->dh2, e_secret, to->spk) != KITH_OK ||
	    kith_dh(s->dh3, xk_secret, to->spk) != KITH_OK ||
	    kith_dh(s->dh4, xk_secret, to->xk) != KITH_OK)
		return KITH_E_AUTH;
	return KITH_OK;
}

int kith__request_build(uint8_t out[static KITH_INNER], uint8_t root[static 32],
			const struct kith_request *q, const uint8_t xk_secret[static 32],
			const struct kith_request_peer *to,
			const struct kith__request_random *random)
{
	uint8_t made[KITH_INNER] = {0};
	uint8_t plain1[PLAIN1], plain2[PLAIN2];
	const uint8_t *nonces = random->nonces;
	struct schedule s;
	int err;

	made[0] = KITH_SUITE;
	made[1] = (uint8_t)q->kind;
	kith_store_u32(made + 4, q->spk_id);
	err = make_shared(&s, made, to, xk_secret, random);
	if (err != KITH_OK)
		goto out;
	write_plain1(plain1, q);
	write_plain2(plain2, q);
	transcript(&s, made, to);
	to_box1(&s);
	seal_box(made + AT_BOX1, &s, plain1, PLAIN1, random->noncer, nonces);
	to_box2(&s, made + AT_BOX1);
	seal_box(made + AT_BOX2, &s, plain2, PLAIN2, random->noncer,
		 nonces == NULL ? NULL : nonces + 24);
	to_root(root, &s, made);
	memcpy(out, made, KITH_INNER);
out:
	kith_wipe(&s, sizeof(s));
	kith_wipe(plain2, sizeof(plain2));
	return err;
}

int kith__request_make(uint8_t out[static KITH_INNER], uint8_t root[static 32],
		       const struct kith_request *q, const uint8_t xk_secret[static 32],
		       const struct kith_request_peer *to, const uint8_t e_secret[static 32],
		       const uint8_t m[static 32], struct kith_noncer *noncer)
{
	const struct kith__request_random random = {e_secret, m, noncer, NULL};

	return kith__request_build(out, root, q, xk_secret, to, &random);
}

/* ---- opening ---- */

int kith__request_peek(const uint8_t in[static KITH_INNER], enum kith_request_kind *kind,
		       uint32_t *spk_id)
{
	struct kith_reader r;
	uint8_t suite, k;
	uint32_t id;

	kith_reader_init(&r, in, 8);
	suite = kith_read_u8(&r);
	k = kith_read_u8(&r);
	kith_read_zeros(&r, 2);
	id = kith_read_u32(&r);
	if (suite > KITH_SUITE)
		return KITH_E_VERSION;
	if (suite != KITH_SUITE || kith_read_end(&r) != KITH_OK ||
	    (k != KITH_REQUEST_FIRST && k != KITH_REQUEST_AGAIN))
		return KITH_E_MALFORMED;
	*kind = k == KITH_REQUEST_FIRST ? KITH_REQUEST_FIRST : KITH_REQUEST_AGAIN;
	*spk_id = id;
	return KITH_OK;
}

/* box1: who it is from. 2 DH and one decapsulation; garbage ends here. */
static int open_box1(struct schedule *s, struct kith_request *q, const uint8_t *in,
		     const struct kith_request_keys *self, uint64_t now_s)
{
	const struct kith_request_peer own = {self->ik, self->xk, self->spk, self->ek};
	uint8_t plain1[PLAIN1];

	if (kith_dh(s->dh1, self->xk_secret, in + AT_E) != KITH_OK ||
	    kith_dh(s->dh2, self->spk_secret, in + AT_E) != KITH_OK)
		return KITH_E_AUTH;
	kith_kem_decap(s->ss, in + AT_CT, self->dk);
	transcript(s, in, &own);
	to_box1(s);
	if (kith_open(plain1, s->key, s->tr, 32, in + AT_BOX1, BOX1) != KITH_OK)
		return KITH_E_AUTH;
	read_plain1(q, plain1);
	return kith__cert_check(&q->cert, q->ik, now_s) == KITH_OK ? KITH_OK : KITH_E_AUTH;
}

/* The first ratchet key must be one that a session can step with: nobody is shown a request whose
 * acceptance would fail. */
static int check_rdh(const uint8_t rdh[32], const uint8_t any_secret[32])
{
	uint8_t shared[32];
	int err = kith_dh(shared, any_secret, rdh);

	kith_wipe(shared, sizeof(shared));
	return err;
}

static int open_box2(struct schedule *s, struct kith_request *q, const uint8_t *in,
		     const struct kith_request_keys *self)
{
	uint8_t plain2[PLAIN2];
	int err = KITH_E_AUTH;

	if (kith_dh(s->dh3, self->spk_secret, q->cert.xk) != KITH_OK ||
	    kith_dh(s->dh4, self->xk_secret, q->cert.xk) != KITH_OK)
		return KITH_E_AUTH;
	to_box2(s, in + AT_BOX1);
	if (kith_open(plain2, s->key, s->tr, 32, in + AT_BOX2, BOX2) == KITH_OK &&
	    kith__request_plain2_read(q, plain2) == KITH_OK)
		err = check_rdh(q->rdh, self->spk_secret);
	kith_wipe(plain2, sizeof(plain2));
	return err;
}

int kith__request_open(struct kith_request *q, uint8_t root[static 32],
		       const uint8_t in[static KITH_INNER], const struct kith_request_keys *self,
		       uint64_t now_s)
{
	struct kith_request got;
	struct schedule s;
	int err = KITH_E_AUTH;

	memset(&got, 0, sizeof(got));
	memset(&s, 0, sizeof(s));
	if (kith__request_peek(in, &got.kind, &got.spk_id) == KITH_OK)
		err = open_box1(&s, &got, in, self, now_s);
	if (err == KITH_OK)
		err = open_box2(&s, &got, in, self);
	if (err == KITH_OK) {
		to_root(root, &s, in);
		*q = got;
	}
	kith_wipe(&s, sizeof(s));
	kith_wipe(&got, sizeof(got));
	return err;
}

bool kith__request_beats(enum kith_request_kind kind, const uint8_t ik[static 32],
			 enum kith_request_kind own, const uint8_t own_ik[static 32])
{
	return kind != own ? kind == KITH_REQUEST_AGAIN : memcmp(ik, own_ik, 32) < 0;
}

void kith__request_seen(uint8_t h[static 16], const uint8_t in[static KITH_INNER])
{
	kith_hash16(h, KITH_L_CR_SEEN, in, KITH_INNER);
}

void kith__request_refusal(uint8_t h[static 16], const uint8_t ik[static 32], uint32_t epoch)
{
	uint8_t data[36];

	memcpy(data, ik, 32);
	kith_store_u32(data + 32, epoch);
	kith_hash16(h, KITH_L_CR_NO, data, sizeof(data));
}

/* ---- work ---- */

void kith__request_digest(uint8_t digest[static 32], const uint8_t in[static KITH_INNER])
{
	kith_blake2b(digest, in, AT_WORK);
}

/* IK_B 32 | ML 32 | day 8 | digest 32 | nonce 8 */
#define WORK 112u

static void work_start(uint8_t in[WORK], const uint8_t ik_b[32], const uint8_t ml[32], uint64_t day,
		       const uint8_t digest[32])
{
	memcpy(in, ik_b, 32);
	memcpy(in + 32, ml, 32);
	kith_store_u64(in + 64, day);
	memcpy(in + 72, digest, 32);
}

bool kith__request_work_search(uint64_t *nonce, uint64_t count, const uint8_t ik_b[static 32],
			       const uint8_t ml[static 32], uint64_t day,
			       const uint8_t digest[static 32], unsigned bits)
{
	uint8_t in[WORK], h[32];
	uint64_t i;

	work_start(in, ik_b, ml, day, digest);
	for (i = 0; i < count; i++, (*nonce)++) {
		kith_store_u64(in + 104, *nonce);
		kith_hash(h, KITH_L_CR_POW, in, WORK);
		if (kith_leading_zeros(h, bits))
			return true;
	}
	return false;
}

void kith__request_work_put(uint8_t in[static KITH_INNER], uint64_t nonce)
{
	kith_store_u64(in + AT_WORK, nonce);
}

unsigned kith__request_work_bits(const uint8_t in[static KITH_INNER], const uint8_t ik_b[static 32],
				 const uint8_t ml[static 32], uint64_t day)
{
	uint8_t work[WORK], h[32], digest[32];
	unsigned bits = 0;

	kith__request_digest(digest, in);
	work_start(work, ik_b, ml, day, digest);
	memcpy(work + 104, in + AT_WORK, 8);
	kith_hash(h, KITH_L_CR_POW, work, WORK);
	while (bits < 256 && kith_leading_zeros(h, bits + 1))
		bits++;
	return bits;
}

/* day 8 | slot 2 | ML 32 */
#define PLACE 42u

static void place_write(uint8_t in[PLACE], uint64_t day, uint16_t slot, const uint8_t ml[32])
{
	struct kith_writer w;

	kith_writer_init(&w, in, PLACE);
	kith_write_u64(&w, day);
	kith_write_u16(&w, slot);
	kith_write_bytes(&w, ml, 32);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
}

void kith__request_tag(uint8_t tag[static 16], const uint8_t s[static 32], uint64_t day,
		       uint16_t slot, const uint8_t ml[static 32])
{
	uint8_t in[PLACE], pre[32];

	place_write(in, day, slot, ml);
	kith_kdf(pre, s, 32, KITH_L_KN_SLOT, in, sizeof(in));
	kith__knock_tag(tag, pre);
	kith_wipe(pre, sizeof(pre));
}

void kith__request_place(uint8_t tag[static 16], uint8_t wrap[static 32],
			 const uint8_t s[static 32], uint64_t day, uint16_t slot,
			 const uint8_t ml[static 32])
{
	uint8_t in[PLACE];

	kith__request_tag(tag, s, day, slot, ml);
	place_write(in, day, slot, ml);
	kith_kdf(wrap, s, 32, KITH_L_KN_WRAP, in, sizeof(in));
}
