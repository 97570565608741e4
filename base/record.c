/* SPDX-License-Identifier: ISC */
/*
 * Blinded records (crypto.md 3). Step numbers below are those of that section.
 *
 * A storing peer learns a key that lives for one day and a sealed body. It cannot tell knock from
 * presence, nor connect two periods of one owner.
 */
#include "base/record.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crypto_internal.h"

/* Offsets inside a record. */
#define AT_SEQ 32u
#define AT_SIG 40u
#define AT_BOX 104u /* nonce 24 | ciphertext 880 | tag 16 */
#define BOX    (KITH_RECORD_CONTENT + KITH_SEAL_OVERHEAD)
#define SIGNED (8u + BOX) /* seq | box */

static_assert(AT_BOX + BOX == KITH_RECORD, "record layout");

void kith_record_knock_secret(uint8_t s[static 32], const uint8_t cap[static 16],
			      const uint8_t ik[static 32])
{
	kith_kdf(s, cap, 16, KITH_L_CAP, ik, 32);
}

/* Step 1. A time before the first period counts as in it. */
uint64_t kith_record_period(const struct kith_record_secret *s, uint64_t t_s, uint64_t *start_s)
{
	uint8_t out[32];
	uint64_t off, n;

	kith_kdf(out, s->s, sizeof(s->s), KITH_L_BL_OFF, s->ik, sizeof(s->ik));
	off = kith_load_u32(out) % KITH_DAY_S;
	n = t_s < off ? 0 : (t_s - off) / KITH_DAY_S;
	if (start_s != NULL)
		*start_s = n * KITH_DAY_S + off;
	kith_wipe(out, sizeof(out));
	return n;
}

/* Step 2: h before its reduction. */
static void derive_h(uint8_t h[64], const struct kith_record_secret *s, uint64_t period)
{
	uint8_t in[40];

	memcpy(in, s->ik, 32);
	kith_store_u64(in + 32, period);
	kith_kdf64(h, s->s, sizeof(s->s), KITH_L_BL_H, in, sizeof(in));
}

static void derive_seal_key(uint8_t key[32], const struct kith_record_secret *s, uint64_t period,
			    const uint8_t blinded[32])
{
	uint8_t in[40];

	kith_store_u64(in, period);
	memcpy(in + 8, blinded, 32);
	kith_kdf(key, s->s, sizeof(s->s), KITH_L_REC_SEAL, in, sizeof(in));
}

static void dht_key(struct kith_id *key, const uint8_t blinded[32])
{
	kith_hash(key->b, KITH_L_REC_KEY, blinded, 32);
}

int kith_record_key(const struct kith_record_secret *s, uint64_t period, uint8_t blinded[static 32],
		    struct kith_id *key)
{
	uint8_t h[64];
	int err;

	derive_h(h, s, period);
	err = kith_blind_public(blinded, s->ik, h);
	if (err == KITH_OK)
		dht_key(key, blinded);
	kith_wipe(h, sizeof(h));
	return err;
}

/* Step 4: what the signature covers besides label and suite. */
static void signed_part(uint8_t out[SIGNED], const uint8_t record[KITH_RECORD])
{
	memcpy(out, record + AT_SEQ, 8);
	memcpy(out + 8, record + AT_BOX, BOX);
}

int kith__record_make(uint8_t out[static KITH_RECORD], const struct kith_record_secret *s,
		      const uint8_t ik_seed[static 32], uint64_t period, uint64_t seq,
		      const uint8_t content[static KITH_RECORD_CONTENT],
		      const uint8_t nonce[static 24], const uint8_t random[static 32])
{
	uint8_t record[KITH_RECORD];
	uint8_t to_sign[SIGNED];
	uint8_t h[64], key[32];
	int err;

	derive_h(h, s, period);
	err = kith_blind_public(record, s->ik, h);
	if (err != KITH_OK)
		goto out;
	kith_store_u64(record + AT_SEQ, seq);
	derive_seal_key(key, s, period, record);
	kith_seal(record + AT_BOX, nonce, key, record, AT_SIG, content, KITH_RECORD_CONTENT);
	signed_part(to_sign, record);
	err = kith_blind_sign(record + AT_SIG, ik_seed, h, random, KITH_L_REC_SIG, to_sign, SIGNED);
	if (err == KITH_OK)
		memcpy(out, record, KITH_RECORD);
out:
	kith_wipe(h, sizeof(h));
	kith_wipe(key, sizeof(key));
	return err;
}

int kith_record_make(uint8_t out[static KITH_RECORD], const struct kith_record_secret *s,
		     const uint8_t ik_seed[static 32], uint64_t period, uint64_t seq,
		     const uint8_t content[static KITH_RECORD_CONTENT], struct kith_noncer *noncer)
{
	uint8_t ad[AT_SIG];
	uint8_t bound[32], nonce[24], random[32];
	struct kith_id id;
	int err;

	KITH_ASSERT(seq <= INT64_MAX);
	err = kith_record_key(s, period, ad, &id);
	if (err != KITH_OK)
		return err;
	kith_store_u64(ad + AT_SEQ, seq);
	kith_nonce_bind(bound, ad, sizeof(ad), content, KITH_RECORD_CONTENT);
	kith_noncer_next(noncer, nonce, bound);
	kith_rng_fill(noncer->rng, random, sizeof(random));
	err = kith__record_make(out, s, ik_seed, period, seq, content, nonce, random);
	kith_wipe(random, sizeof(random));
	return err;
}

void kith_record_peek(const uint8_t record[static KITH_RECORD], struct kith_id *key, uint64_t *seq)
{
	dht_key(key, record);
	*seq = kith_load_u64(record + AT_SEQ);
}

static int check_signature(const uint8_t record[KITH_RECORD])
{
	uint8_t part[SIGNED];

	if (kith_load_u64(record + AT_SEQ) > INT64_MAX)
		return KITH_E_MALFORMED;
	signed_part(part, record);
	return kith_sign_verify(record + AT_SIG, record, KITH_L_REC_SIG, part, SIGNED);
}

int kith_record_check_known(const uint8_t record[static KITH_RECORD], struct kith_id *key,
			    uint64_t *seq)
{
	int err = check_signature(record);

	if (err == KITH_OK)
		kith_record_peek(record, key, seq);
	return err;
}

int kith_record_check(const uint8_t record[static KITH_RECORD], struct kith_id *key, uint64_t *seq)
{
	int err = check_signature(record);

	if (err != KITH_OK)
		return err;
	if (!kith_point_valid(record))
		return KITH_E_AUTH;
	kith_record_peek(record, key, seq);
	return KITH_OK;
}

int kith_record_open(uint8_t content[static KITH_RECORD_CONTENT], uint64_t *seq,
		     const uint8_t record[static KITH_RECORD], const struct kith_record_secret *s,
		     uint64_t period)
{
	uint8_t blinded[32], key[32];
	struct kith_id id;
	int err = kith_record_key(s, period, blinded, &id);

	if (err != KITH_OK)
		return err;
	if (!kith_equal(blinded, record, 32)) /* equal: then it is a point of prime order */
		return KITH_E_AUTH;
	err = check_signature(record);
	if (err != KITH_OK)
		return err;
	derive_seal_key(key, s, period, record);
	err = kith_open(content, key, record, AT_SIG, record + AT_BOX, BOX);
	if (err == KITH_OK)
		*seq = kith_load_u64(record + AT_SEQ);
	kith_wipe(key, sizeof(key));
	return err;
}
