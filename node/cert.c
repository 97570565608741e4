/* SPDX-License-Identifier: ISC */
/*
 * What an identity key signs: the certificate of a device, the manifest of devices, the bundle of
 * prekeys (crypto.md 2, 3, 10). It certifies keys, never a message.
 */
#include "node/proto.h"

#include <string.h>

#include "node/proto_internal.h"

#define SIG          64u
#define CERT_SIGNED  (32u + KITH__CERT_FIELDS)
#define BUNDLE_PART  1260u /* before the signature */
#define MANIFEST_MAX 716u
#define DEVICES_MAX  8u
#define DEVICE_SIZE  76u
#define MANIFEST_TOP 44u

void kith__cert_fields_write(struct kith_writer *w, const struct kith_cert *c)
{
	kith_write_u32(w, c->device);
	kith_write_bytes(w, c->dk, sizeof(c->dk));
	kith_write_bytes(w, c->xk, sizeof(c->xk));
	kith_write_u32(w, c->flags);
	kith_write_u64(w, c->not_after);
	kith_write_bytes(w, c->manifest, sizeof(c->manifest));
}

void kith__cert_read(struct kith_reader *r, struct kith_cert *c)
{
	c->device = kith_read_u32(r);
	kith_read_bytes(r, c->dk, sizeof(c->dk));
	kith_read_bytes(r, c->xk, sizeof(c->xk));
	c->flags = kith_read_u32(r);
	c->not_after = kith_read_u64(r);
	kith_read_bytes(r, c->manifest, sizeof(c->manifest));
	kith_read_bytes(r, c->sig, sizeof(c->sig));
}

/* IK | fields: what is signed. */
static void cert_signed(uint8_t out[CERT_SIGNED], const struct kith_cert *c, const uint8_t ik[32])
{
	struct kith_writer w;

	kith_writer_init(&w, out, CERT_SIGNED);
	kith_write_bytes(&w, ik, 32);
	kith__cert_fields_write(&w, c);
	KITH_ASSERT(w.len == CERT_SIGNED && kith_write_end(&w) == KITH_OK);
}

void kith__cert_sign(struct kith_cert *c, const uint8_t ik_seed[static 32],
		     const uint8_t ik[static 32])
{
	uint8_t m[CERT_SIGNED];

	cert_signed(m, c, ik);
	kith_sign(c->sig, ik_seed, KITH_L_CERT, m, sizeof(m));
}

int kith__cert_check(const struct kith_cert *c, const uint8_t ik[static 32], uint64_t now_s)
{
	uint8_t m[CERT_SIGNED];

	if (!kith_point_valid(ik) || !kith_point_valid(c->dk))
		return KITH_E_AUTH;
	cert_signed(m, c, ik);
	if (kith_sign_verify(c->sig, ik, KITH_L_CERT, m, sizeof(m)) != KITH_OK)
		return KITH_E_AUTH;
	return now_s > c->not_after ? KITH_E_EXPIRED : KITH_OK;
}

/* ---- manifest ---- */

size_t kith__manifest_make(uint8_t out[static 716], struct kith_manifest *m,
			   const uint8_t ik_seed[static 32], const uint8_t ik[static 32])
{
	uint8_t in[32 + MANIFEST_MAX];
	struct kith_writer w;
	size_t len;
	unsigned i;

	KITH_ASSERT(m->count >= 1 && m->count <= DEVICES_MAX);
	kith_writer_init(&w, in, sizeof(in));
	kith_write_bytes(&w, ik, 32);
	kith_write_u8(&w, KITH_SUITE);
	kith_write_u8(&w, (uint8_t)m->count);
	kith_write_zeros(&w, 2);
	kith_write_u64(&w, m->version);
	kith_write_bytes(&w, m->previous, sizeof(m->previous));
	for (i = 0; i < m->count; i++) {
		kith_write_u32(&w, m->device[i].id);
		kith_write_bytes(&w, m->device[i].dk, 32);
		kith_write_bytes(&w, m->device[i].xk, 32);
		kith_write_u64(&w, m->device[i].added);
	}
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
	kith_sign(m->sig, ik_seed, KITH_L_MANIFEST, in, w.len);
	len = w.len - 32;
	memcpy(out, in + 32, len);
	memcpy(out + len, m->sig, SIG);
	return len + SIG;
}

/* The fields of `m` from all `len` bytes; the signature is not yet checked. */
static int manifest_decode(struct kith_manifest *m, const uint8_t *in, size_t len)
{
	struct kith_reader r;
	unsigned i;

	memset(m, 0, sizeof(*m));
	kith_reader_init(&r, in, len);
	if (kith_read_u8(&r) > KITH_SUITE)
		return KITH_E_VERSION;
	m->count = kith_read_u8(&r);
	kith_read_zeros(&r, 2);
	m->version = kith_read_u64(&r);
	kith_read_bytes(&r, m->previous, sizeof(m->previous));
	if (len < 1 || in[0] != KITH_SUITE || m->count < 1 || m->count > DEVICES_MAX)
		return KITH_E_MALFORMED;
	for (i = 0; i < m->count; i++) {
		m->device[i].id = kith_read_u32(&r);
		kith_read_bytes(&r, m->device[i].dk, 32);
		kith_read_bytes(&r, m->device[i].xk, 32);
		m->device[i].added = kith_read_u64(&r);
	}
	kith_read_bytes(&r, m->sig, sizeof(m->sig));
	return kith_read_end(&r);
}

int kith__manifest_open(struct kith_manifest *m, const uint8_t *in, size_t len,
			const uint8_t ik[static 32])
{
	uint8_t part[32 + MANIFEST_MAX];
	struct kith_manifest got;
	int err = manifest_decode(&got, in, len);

	if (err != KITH_OK)
		return err;
	KITH_ASSERT(len == MANIFEST_TOP + got.count * DEVICE_SIZE + SIG);
	memcpy(part, ik, 32);
	memcpy(part + 32, in, len - SIG);
	if (!kith_point_valid(ik) ||
	    kith_sign_verify(got.sig, ik, KITH_L_MANIFEST, part, 32 + len - SIG) != KITH_OK)
		return KITH_E_AUTH;
	*m = got;
	return KITH_OK;
}

/* ---- bundle ---- */

void kith__bundle_make(uint8_t inner[static KITH_INNER], const struct kith_bundle *b,
		       const uint8_t ik_seed[static 32], const uint8_t ik[static 32])
{
	uint8_t in[32 + BUNDLE_PART];
	struct kith_writer w;

	kith_writer_init(&w, in, sizeof(in));
	kith_write_bytes(&w, ik, 32);
	kith_write_bytes(&w, b->xk, sizeof(b->xk));
	kith_write_u32(&w, b->spk_id);
	kith_write_bytes(&w, b->spk, sizeof(b->spk));
	kith_write_bytes(&w, b->ek, sizeof(b->ek));
	kith_write_u64(&w, b->not_after);
	KITH_ASSERT(w.len == sizeof(in) && kith_write_end(&w) == KITH_OK);
	memset(inner, 0, KITH_INNER);
	memcpy(inner, in + 32, BUNDLE_PART);
	kith_sign(inner + BUNDLE_PART, ik_seed, KITH_L_BUNDLE, in, sizeof(in));
}

int kith__bundle_open(struct kith_bundle *b, const uint8_t inner[static KITH_INNER],
		      const uint8_t ik[static 32], uint64_t now_s)
{
	uint8_t in[32 + BUNDLE_PART];
	struct kith_bundle got;
	struct kith_reader r;

	kith_reader_init(&r, inner, KITH_INNER);
	kith_read_bytes(&r, got.xk, sizeof(got.xk));
	got.spk_id = kith_read_u32(&r);
	kith_read_bytes(&r, got.spk, sizeof(got.spk));
	kith_read_bytes(&r, got.ek, sizeof(got.ek));
	got.not_after = kith_read_u64(&r);
	kith_read_skip(&r, SIG);
	kith_read_zeros(&r, KITH_INNER - BUNDLE_PART - SIG);
	if (kith_read_end(&r) != KITH_OK)
		return KITH_E_MALFORMED;
	memcpy(in, ik, 32);
	memcpy(in + 32, inner, BUNDLE_PART);
	if (!kith_point_valid(ik) ||
	    kith_sign_verify(inner + BUNDLE_PART, ik, KITH_L_BUNDLE, in, sizeof(in)) != KITH_OK ||
	    !kith_kem_ek_valid(got.ek))
		return KITH_E_AUTH;
	if (now_s > got.not_after)
		return KITH_E_EXPIRED;
	*b = got;
	return KITH_OK;
}

void kith__bundle_place(uint8_t tag[static 16], uint8_t wrap[static 32], const uint8_t s[static 32],
			uint32_t spk_id, const uint8_t ml[static 32])
{
	uint8_t in[36], pre[32];

	kith_store_u32(in, spk_id);
	memcpy(in + 4, ml, 32);
	kith_kdf(pre, s, 32, KITH_L_BU_TAG, in, sizeof(in));
	kith__knock_tag(tag, pre);
	kith_kdf(wrap, s, 32, KITH_L_BU_WRAP, in, sizeof(in));
	kith_wipe(pre, sizeof(pre));
}
