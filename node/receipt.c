/* SPDX-License-Identifier: ISC */
/*
 * What a mailbox key MK signs: the receipt of a blob, and its own binding to the link key ML
 * (crypto.md 8). A receipt proves a promise by a key, not that the bytes are still there.
 */
#include "node/proto.h"

#include <string.h>

#define SIGNED 99u /* ML 32 | bucket 2 | p 1 | tag 16 | blob hash 32 | received 8 | expiry 8 */

/* The blob's place and content, as they enter the signature. */
struct placed {
	const uint8_t *ml, *tag, *blob;
	size_t len;
	uint16_t bucket;
	uint8_t p;
};

static void receipt_signed(uint8_t out[SIGNED], const struct kith_receipt *r,
			   const struct placed *at)
{
	uint8_t hash[32];
	struct kith_writer w;

	kith_blake2b(hash, at->blob, at->len);
	kith_writer_init(&w, out, SIGNED);
	kith_write_bytes(&w, at->ml, 32);
	kith_write_u16(&w, at->bucket);
	kith_write_u8(&w, at->p);
	kith_write_bytes(&w, at->tag, 16);
	kith_write_bytes(&w, hash, sizeof(hash));
	kith_write_u64(&w, r->received_s);
	kith_write_u64(&w, r->expiry_s);
	KITH_ASSERT(w.len == SIGNED && kith_write_end(&w) == KITH_OK);
}

void kith__receipt_sign(struct kith_receipt *r, const uint8_t mk_seed[static 32],
			const uint8_t ml[static 32], uint16_t bucket, uint8_t p,
			const uint8_t tag[static 16], const uint8_t *blob, size_t len)
{
	const struct placed at = {ml, tag, blob, len, bucket, p};
	uint8_t m[SIGNED];

	receipt_signed(m, r, &at);
	kith_sign(r->sig, mk_seed, KITH_L_MB_RCPT, m, sizeof(m));
}

int kith__receipt_check(const struct kith_receipt *r, const uint8_t mk[static 32],
			const uint8_t ml[static 32], uint16_t bucket, uint8_t p,
			const uint8_t tag[static 16], const uint8_t *blob, size_t len)
{
	const struct placed at = {ml, tag, blob, len, bucket, p};
	uint8_t m[SIGNED];

	if (!kith_point_valid(mk))
		return KITH_E_AUTH;
	receipt_signed(m, r, &at);
	return kith_sign_verify(r->sig, mk, KITH_L_MB_RCPT, m, sizeof(m));
}

static void bind_signed(uint8_t out[64], const uint8_t ml[32], const uint8_t mk[32])
{
	memcpy(out, ml, 32);
	memcpy(out + 32, mk, 32);
}

void kith__bind_sign(uint8_t sig[static 64], const uint8_t mk_seed[static 32],
		     const uint8_t ml[static 32], const uint8_t mk[static 32])
{
	uint8_t m[64];

	bind_signed(m, ml, mk);
	kith_sign(sig, mk_seed, KITH_L_MB_BIND, m, sizeof(m));
}

int kith__bind_check(const uint8_t sig[static 64], const uint8_t ml[static 32],
		     const uint8_t mk[static 32])
{
	uint8_t m[64];

	if (!kith_point_valid(mk))
		return KITH_E_AUTH;
	bind_signed(m, ml, mk);
	return kith_sign_verify(sig, mk, KITH_L_MB_BIND, m, sizeof(m));
}
