/* SPDX-License-Identifier: ISC */
/*
 * The outer layer of handshake datagrams (crypto.md 6.1, 6.3): XChaCha20-Poly1305 under a key that
 * only those have who may speak, so that a stranger cannot tell the bytes from noise.
 *
 *	msg1    ver 1 | type 1 | idx_i 4 | len 2 | noise1 168 | mac2 16 | pad
 *	msg2    ver 1 | type 1 | idx_i 4 | idx_r 4 | len 2 | noise2 108 | pad
 *	cookie  ver 1 | type 1 | cookie 16 | pad
 *
 * Pad bytes are zero, their number is drawn; a reader refuses anything else.
 */
#include "net/codec.h"

#include <string.h>

#define VERSION     1u
#define TYPE_MSG1   1u
#define TYPE_MSG2   2u
#define TYPE_COOKIE 3u

static const uint8_t suite = KITH_SUITE;

static size_t wrap(uint8_t *out, const uint8_t key[static 32], struct kith_noncer *noncer,
		   const uint8_t *plain, size_t len)
{
	uint8_t nonce[KITH_XNONCE], bound[32] = {0};

	memcpy(bound, plain, len < sizeof(bound) ? len : sizeof(bound));
	kith_noncer_next(noncer, nonce, bound);
	kith_seal(out, nonce, key, &suite, 1, plain, len);
	return len + KITH_SEAL_OVERHEAD;
}

/* Opens into `plain` (NET_MSG1_MAX bytes) and checks version and type. */
static int unwrap(struct kith_reader *r, uint8_t *plain, unsigned type,
		  const uint8_t key[static 32], const uint8_t *in, size_t len)
{
	if (len < NET_COOKIE_MIN || len > NET_MSG1_MAX ||
	    kith_open(plain, key, &suite, 1, in, len) != KITH_OK)
		return KITH_E_AUTH;
	kith_reader_init(r, plain, len - KITH_SEAL_OVERHEAD);
	if (kith_read_u8(r) != VERSION || kith_read_u8(r) != type)
		kith_read_fail(r);
	return KITH_OK;
}

size_t kith__net_wrap1(uint8_t *out, const uint8_t key[static 32], struct kith_noncer *noncer,
		       const struct outer1 *m, size_t pad)
{
	uint8_t plain[NET_MSG1_MAX];
	struct kith_writer w;

	kith_writer_init(&w, plain, NET_MSG1_MAX - KITH_SEAL_OVERHEAD);
	kith_write_u8(&w, VERSION);
	kith_write_u8(&w, TYPE_MSG1);
	kith_write_u32(&w, m->idx_i);
	kith_write_u16(&w, NET_NOISE1);
	kith_write_bytes(&w, m->noise1, NET_NOISE1);
	kith_write_bytes(&w, m->mac2, sizeof(m->mac2));
	kith_write_zeros(&w, pad);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
	return wrap(out, key, noncer, plain, w.len);
}

int kith__net_unwrap1(struct outer1 *m, const uint8_t key[static 32], const uint8_t *in, size_t len)
{
	uint8_t plain[NET_MSG1_MAX];
	struct kith_reader r;

	if (len < NET_MSG1_MIN || len > NET_MSG1_MAX)
		return KITH_E_AUTH;
	if (unwrap(&r, plain, TYPE_MSG1, key, in, len) != KITH_OK)
		return KITH_E_AUTH;
	memcpy(m->nonce, in, sizeof(m->nonce));
	m->idx_i = kith_read_u32(&r);
	if (kith_read_u16(&r) != NET_NOISE1)
		kith_read_fail(&r);
	kith_read_bytes(&r, m->noise1, NET_NOISE1);
	kith_read_bytes(&r, m->mac2, sizeof(m->mac2));
	kith_read_zeros(&r, r.left);
	return kith_read_end(&r);
}

void kith__net_key2(uint8_t out[static 32], const uint8_t k_obf[static 32],
		    const uint8_t e[static 32])
{
	kith_kdf(out, k_obf, 32, KITH_L_LK_MSG2, e, 32);
}

size_t kith__net_wrap2(uint8_t *out, const uint8_t key[static 32], struct kith_noncer *noncer,
		       uint32_t idx_i, uint32_t idx_r, const uint8_t noise2[static NET_NOISE2],
		       size_t pad)
{
	uint8_t plain[NET_MSG1_MAX];
	struct kith_writer w;

	kith_writer_init(&w, plain, NET_MSG1_MAX - KITH_SEAL_OVERHEAD);
	kith_write_u8(&w, VERSION);
	kith_write_u8(&w, TYPE_MSG2);
	kith_write_u32(&w, idx_i);
	kith_write_u32(&w, idx_r);
	kith_write_u16(&w, NET_NOISE2);
	kith_write_bytes(&w, noise2, NET_NOISE2);
	kith_write_zeros(&w, pad);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
	return wrap(out, key, noncer, plain, w.len);
}

int kith__net_unwrap2(uint8_t noise2[static NET_NOISE2], uint32_t *idx_i, uint32_t *idx_r,
		      const uint8_t key[static 32], const uint8_t *in, size_t len)
{
	uint8_t plain[NET_MSG1_MAX];
	struct kith_reader r;

	if (len < NET_MSG2_MIN || unwrap(&r, plain, TYPE_MSG2, key, in, len) != KITH_OK)
		return KITH_E_AUTH;
	*idx_i = kith_read_u32(&r);
	*idx_r = kith_read_u32(&r);
	if (kith_read_u16(&r) != NET_NOISE2)
		kith_read_fail(&r);
	kith_read_bytes(&r, noise2, NET_NOISE2);
	kith_read_zeros(&r, r.left);
	return kith_read_end(&r);
}

void kith__net_cookie(uint8_t out[static 16], const uint8_t secret[static 32],
		      const struct kith_addr *addr)
{
	uint8_t wire[KITH_ADDR_WIRE], whole[32];
	struct kith_writer w;

	kith_writer_init(&w, wire, sizeof(wire));
	kith_addr_write(&w, addr);
	kith_kdf(whole, secret, 32, KITH_L_COOKIE, wire, sizeof(wire));
	memcpy(out, whole, 16);
}

void kith__net_mac2(uint8_t out[static 16], const uint8_t cookie[static 16], uint32_t idx_i,
		    const uint8_t noise1[static NET_NOISE1])
{
	uint8_t data[4 + NET_NOISE1], whole[32];

	kith_store_u32(data, idx_i);
	memcpy(data + 4, noise1, NET_NOISE1);
	kith_kdf(whole, cookie, 16, KITH_L_CK_MAC, data, sizeof(data));
	memcpy(out, whole, 16);
}

/* KDF(k_obf, "ck.seal", nonce of msg1). */
static void cookie_key(uint8_t out[static 32], const uint8_t k_obf[static 32],
		       const uint8_t nonce1[static 24])
{
	kith_kdf(out, k_obf, 32, KITH_L_CK_SEAL, nonce1, 24);
}

size_t kith__net_wrap_cookie(uint8_t *out, const uint8_t k_obf[static 32],
			     const uint8_t nonce1[static 24], struct kith_noncer *noncer,
			     const uint8_t cookie[static 16], size_t pad)
{
	uint8_t plain[NET_MSG1_MAX], key[32];
	struct kith_writer w;
	size_t len;

	cookie_key(key, k_obf, nonce1);
	kith_writer_init(&w, plain, NET_MSG1_MAX - KITH_SEAL_OVERHEAD);
	kith_write_u8(&w, VERSION);
	kith_write_u8(&w, TYPE_COOKIE);
	kith_write_bytes(&w, cookie, 16);
	kith_write_zeros(&w, pad);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
	len = wrap(out, key, noncer, plain, w.len);
	kith_wipe(key, sizeof(key));
	return len;
}

int kith__net_unwrap_cookie(uint8_t cookie[static 16], const uint8_t k_obf[static 32],
			    const uint8_t nonce1[static 24], const uint8_t *in, size_t len)
{
	uint8_t plain[NET_MSG1_MAX], key[32], read[16];
	struct kith_reader r;
	int status;

	cookie_key(key, k_obf, nonce1);
	status = unwrap(&r, plain, TYPE_COOKIE, key, in, len);
	kith_wipe(key, sizeof(key));
	if (status != KITH_OK)
		return KITH_E_AUTH;
	kith_read_bytes(&r, read, sizeof(read));
	kith_read_zeros(&r, r.left);
	status = kith_read_end(&r);
	if (status == KITH_OK)
		memcpy(cookie, read, sizeof(read));
	return status;
}
