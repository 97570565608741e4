/* SPDX-License-Identifier: ISC */
#include "tests/break/forge.h"

#include <string.h>

#include "tests/test.h"

#define AT_WORK 4048u

static void step(uint8_t ck[32], enum kith_label label, const void *data, size_t len)
{
	uint8_t next[32];

	kith_kdf(next, ck, 32, label, data, len);
	memcpy(ck, next, 32);
}

static void forge_box(uint8_t *out, const uint8_t ck[32], enum kith_label label,
		      const uint8_t tr[32], const uint8_t *plain, size_t len)
{
	static const uint8_t nonce[24] = {9};
	uint8_t key[32];

	kith_kdf(key, ck, 32, label, NULL, 0);
	kith_seal(out, nonce, key, tr, 32, plain, len);
}

/* The plaintexts: the certificate of a victim is public. */
static void plaintexts(const struct kith_request *q, uint8_t plain1[208], uint8_t plain2[2632])
{
	struct kith_writer w;

	kith_writer_init(&w, plain1, 208);
	kith_write_bytes(&w, q->ik, 32);
	kith_write_bytes(&w, q->cert.xk, 32);
	kith_write_u32(&w, q->cert.device);
	kith_write_bytes(&w, q->cert.dk, 32);
	kith_write_u32(&w, q->cert.flags);
	kith_write_u64(&w, q->cert.not_after);
	kith_write_bytes(&w, q->cert.manifest, 32);
	kith_write_bytes(&w, q->cert.sig, 64);
	CHECK_OK(kith_write_end(&w));
	memset(plain2, 0, 2632);
	memcpy(plain2, q->rdh, 32);
	memcpy(plain2 + 32, q->rek, KITH_KEM_EK);
}

void forge_begin(struct forgery *f, struct kith_rng *rng, const struct person *b)
{
	memset(f, 0, sizeof(*f));
	kith_rng_fill(rng, f->e, 32);
	kith_rng_fill(rng, f->m, 32);
	CHECK_OK(kith_dh(f->dh1, f->e, b->xk));
	CHECK_OK(kith_dh(f->dh2, f->e, b->spk));
}

void forge(uint8_t out[KITH_INNER], uint8_t root[32], const struct kith_request *q,
	   const struct person *b, const struct forgery *f)
{
	uint8_t tr[32], ck[32], ss[32], plain1[208], plain2[2632];
	struct kith_hasher h;

	plaintexts(q, plain1, plain2);
	memset(out, 0, KITH_INNER);
	out[0] = KITH_SUITE;
	out[1] = (uint8_t)q->kind;
	kith_store_u32(out + 4, b->spk_id);
	kith_dh_public(out + 8, f->e);
	if (f->raw_e != NULL)
		memcpy(out + 8, f->raw_e, 32);
	CHECK_OK(kith_kem_encap(out + 40, ss, b->ek, f->m));
	kith_hasher_init(&h, KITH_L_CR_TR, 32);
	kith_hasher_add(&h, out, 2);
	kith_hasher_add(&h, out + 4, 4);
	kith_hasher_add(&h, b->ik, 32);
	kith_hasher_add(&h, b->xk, 32);
	kith_hasher_add(&h, b->spk, 32);
	kith_hasher_add(&h, b->ek, KITH_KEM_EK);
	kith_hasher_add(&h, out + 8, 32 + KITH_KEM_CT);
	kith_hasher_end(&h, tr);
	memcpy(ck, tr, 32);
	step(ck, KITH_L_CR_DH1, f->dh1, 32);
	step(ck, KITH_L_CR_DH2, f->dh2, 32);
	step(ck, KITH_L_CR_KEM, ss, 32);
	forge_box(out + 1128, ck, KITH_L_CR_BOX1, tr, plain1, 208);
	step(ck, KITH_L_CR_IDA, out + 1128, 248);
	step(ck, KITH_L_CR_DH3, f->dh3, 32);
	step(ck, KITH_L_CR_DH4, f->dh4, 32);
	forge_box(out + 1376, ck, KITH_L_CR_BOX2, tr, plain2, 2632);
	kith_kdf(root, ck, 32, KITH_L_CR_ROOT, out, AT_WORK);
}
