/* SPDX-License-Identifier: ISC */
/* Certificate, device manifest, bundle (crypto.md 2, 3, 10), and the sizes of envelopes. Part of
 * node/proto.h. */
#ifndef KITH_NODE_CERT_H
#define KITH_NODE_CERT_H

#include "base/bytes.h"
#include "base/kem768.h"

#define KITH_INNER 4056u /* every inner envelope */
#define KITH_BLOB  4096u /* what a mailbox holds */

/* Certificate of a device; ids are the 4 bytes read as a little-endian number. */
struct kith_cert {
	uint32_t device;
	uint8_t dk[32], xk[32];
	uint32_t flags;
	uint64_t not_after;
	uint8_t manifest[32];
	uint8_t sig[64];
};
/* Fills c->sig. */
void kith__cert_sign(struct kith_cert *c, const uint8_t ik_seed[static 32],
		     const uint8_t ik[static 32]);
/* Signature, IK and DK (canonical, prime order), date. AUTH, EXPIRED. */
int kith__cert_check(const struct kith_cert *c, const uint8_t ik[static 32], uint64_t now_s)
	KITH_MUST_USE;

/* All devices of an account, 1..8. The hash that a certificate holds is BLAKE2b-256 of the whole
 * encoded manifest. */
struct kith_manifest {
	uint64_t version;
	uint8_t previous[32];
	unsigned count;
	struct {
		uint32_t id;
		uint8_t dk[32], xk[32];
		uint64_t added;
	} device[8];
	uint8_t sig[64];
};
/* Signs and encodes: 108 + 76 * count bytes; fills m->sig. */
size_t kith__manifest_make(uint8_t out[static 716], struct kith_manifest *m,
			   const uint8_t ik_seed[static 32], const uint8_t ik[static 32]);
/* MALFORMED, VERSION, AUTH. */
int kith__manifest_open(struct kith_manifest *m, const uint8_t *in, size_t len,
			const uint8_t ik[static 32]) KITH_MUST_USE;

/* Prekeys: SPK (X25519) and ek (ML-KEM-768). */
struct kith_bundle {
	uint8_t xk[32];
	uint32_t spk_id;
	uint8_t spk[32];
	uint8_t ek[KITH_KEM_EK];
	uint64_t not_after;
};
/* Signed and padded to an inner envelope. */
void kith__bundle_make(uint8_t inner[static KITH_INNER], const struct kith_bundle *b,
		       const uint8_t ik_seed[static 32], const uint8_t ik[static 32]);
/* Signature, modulus check of ek, padding, date. MALFORMED, AUTH, EXPIRED. The caller compares with
 * the knock record. */
int kith__bundle_open(struct kith_bundle *b, const uint8_t inner[static KITH_INNER],
		      const uint8_t ik[static 32], uint64_t now_s) KITH_MUST_USE;
/* Tag and wrap key of the bundle at mailbox ml, under S of a cap or P. */
void kith__bundle_place(uint8_t tag[static 16], uint8_t wrap[static 32], const uint8_t s[static 32],
			uint32_t spk_id, const uint8_t ml[static 32]);

#endif
