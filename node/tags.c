/* SPDX-License-Identifier: ISC */
/*
 * Tag chains, wraps and buckets: what a mailbox sees of a message (crypto.md 8).
 *
 *	R_v -> T_{m,0} -> T_{m,1} -> ..     T -> d -> tag     T -> w
 *	 |
 *	R_{v+1} -> ..
 *
 * One-way in every direction: who holds T_{m,i} cannot go back, and a tag shows nothing of its
 * pre-image d, whose bearer may delete the blob.
 */
#include "node/proto.h"

#include <string.h>

#include "node/proto_internal.h"

_Static_assert(KITH_BLOB == KITH_INNER + KITH_SEAL_OVERHEAD, "blob = sealed inner envelope");

void kith__tag_root_next(uint8_t next[static 32], const uint8_t root[static 32])
{
	uint8_t out[32];

	kith_kdf(out, root, 32, KITH_L_TAG_VER, NULL, 0);
	memcpy(next, out, 32);
	kith_wipe(out, sizeof(out));
}

void kith__tag_init(uint8_t t[static 32], const uint8_t root[static 32],
		    const uint8_t ml[static 32], uint32_t version)
{
	uint8_t in[36];

	memcpy(in, ml, 32);
	kith_store_u32(in + 32, version);
	kith_kdf(t, root, 32, KITH_L_TAG_INIT, in, sizeof(in));
}

void kith__tag_next(uint8_t t[static 32])
{
	uint8_t out[32];

	kith_kdf(out, t, 32, KITH_L_TAG_NEXT, NULL, 0);
	memcpy(t, out, 32);
	kith_wipe(out, sizeof(out));
}

void kith__tag_only(uint8_t tag[static 16], const uint8_t t[static 32])
{
	uint8_t d[32];

	kith_kdf(d, t, 32, KITH_L_TAG_PRE, NULL, 0);
	kith_hash16(tag, KITH_L_TAG_HASH, d, sizeof(d));
	kith_wipe(d, sizeof(d));
}

void kith__tag_derive(struct kith_tag_keys *k, const uint8_t t[static 32])
{
	kith_kdf(k->d, t, 32, KITH_L_TAG_PRE, NULL, 0);
	kith_hash16(k->tag, KITH_L_TAG_HASH, k->d, sizeof(k->d));
	kith_kdf(k->wrap, t, 32, KITH_L_TAG_WRAP, NULL, 0);
}

void kith__knock_tag(uint8_t tag[static 16], const uint8_t pre[static 32])
{
	kith_hash16(tag, KITH_L_KN_TAG, pre, 32);
}

void kith__blob_wrap(uint8_t blob[static KITH_BLOB], const uint8_t nonce[static 24],
		     const uint8_t wrap[static 32], const uint8_t tag[static 16],
		     const uint8_t inner[static KITH_INNER])
{
	kith_seal(blob, nonce, wrap, tag, 16, inner, KITH_INNER);
}

int kith__blob_unwrap(uint8_t inner[static KITH_INNER], const uint8_t wrap[static 32],
		      const uint8_t tag[static 16], const uint8_t blob[static KITH_BLOB])
{
	return kith_open(inner, wrap, tag, 16, blob, KITH_BLOB);
}

void kith__mailbox_secret(uint8_t ms[static 32], const uint8_t s[static 32])
{
	kith_kdf(ms, s, 32, KITH_L_MB_SECRET, NULL, 0);
}

uint16_t kith__bucket(const uint8_t ms[static 32], const uint8_t ml[static 32], unsigned p)
{
	uint8_t h[32];
	struct kith_reader r;

	KITH_ASSERT(p <= 16);
	kith_kdf(h, ms, 32, KITH_L_MB_BUCKET, ml, 32);
	kith_reader_init(&r, h, sizeof(h));
	return (uint16_t)(kith_read_u16be(&r) & ~(0xffffu >> p));
}
