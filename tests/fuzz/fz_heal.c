/* SPDX-License-Identifier: ISC */
/*
 * Message kind 5 as a contact with hostile intent may write it on a link (docs/protocol.md 5). What
 * decodes must encode to the same bytes; what it carries goes to the opener that the node uses. The
 * keys are those of b in tests/vectors/request.txt, whose messages are seeds.
 */
#include <string.h>

#include "node/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t ik[32] = {0x9d, 0x06, 0x70, 0x08, 0xd9, 0xcb, 0xad, 0x90, 0x52, 0xdc, 0x95,
			       0xa1, 0xa7, 0x76, 0xb1, 0x23, 0xd7, 0xae, 0x4a, 0x26, 0xde, 0xeb,
			       0x7f, 0xb4, 0xe5, 0x11, 0x48, 0xca, 0x42, 0xe6, 0x5e, 0x47};
static const uint8_t xk_secret[32] = {0x7f, 0xd5, 0x43, 0xd2, 0xce, 0x9b, 0x2e, 0xcd,
				      0xb2, 0xf1, 0xc7, 0xdf, 0xc4, 0xee, 0xb3, 0xb2,
				      0xa8, 0xa7, 0x45, 0x51, 0x9a, 0x0c, 0x60, 0xfa,
				      0x6e, 0x7e, 0xae, 0x46, 0x76, 0xfc, 0xe4, 0x89};
static const uint8_t spk_secret[32] = {0x3e, 0x81, 0x2b, 0x6e, 0x42, 0xab, 0xb4, 0xe8,
				       0x92, 0x2d, 0x4e, 0x0e, 0xfd, 0x61, 0xd9, 0xc3,
				       0xc3, 0x89, 0xb7, 0x64, 0x52, 0xcb, 0x79, 0xe3,
				       0x56, 0x3a, 0xb8, 0xb3, 0x0e, 0xbb, 0xd1, 0xbc};
static const uint8_t kem_seed[64] = {0x63, 0xb1, 0xcb, 0x61, 0x29, 0x53, 0xba, 0x95, 0xcb, 0x75,
				     0x52, 0xb4, 0x55, 0x1d, 0x06, 0x27, 0x30, 0x61, 0x23, 0xf3,
				     0xba, 0x3d, 0xba, 0x06, 0xf2, 0x64, 0xe0, 0xa1, 0xf8, 0x38,
				     0xff, 0x5a, 0x55, 0x11, 0x1e, 0x62, 0x53, 0x13, 0x4b, 0xe7,
				     0xd5, 0x6c, 0xc9, 0xc5, 0xb7, 0xec, 0x4c, 0x56, 0x72, 0xaa,
				     0x39, 0x94, 0x26, 0xf3, 0xe3, 0x6b, 0xf0, 0x1e, 0x7d, 0x94,
				     0x74, 0x6f, 0x87, 0x25};
static uint8_t xk[32], spk[32], ek[KITH_KEM_EK], dk[KITH_KEM_DK];

#define NOW 1794960000u

static void try_bundle(const uint8_t inner[static KITH_INNER])
{
	static uint8_t again[KITH_INNER];
	struct kith_bundle b;
	struct kith_writer w;

	if (kith__bundle_open(&b, inner, ik, NOW) != KITH_OK)
		return;
	KITH_ASSERT(b.not_after >= NOW && kith_kem_ek_valid(b.ek));
	kith_writer_init(&w, again, sizeof(again));
	kith_write_bytes(&w, b.xk, 32);
	kith_write_u32(&w, b.spk_id);
	kith_write_bytes(&w, b.spk, 32);
	kith_write_bytes(&w, b.ek, sizeof(b.ek));
	kith_write_u64(&w, b.not_after);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK && memcmp(again, inner, w.len) == 0);
	KITH_ASSERT(kith_is_zero(inner + w.len + 64, KITH_INNER - w.len - 64));
}

static void try_request(const uint8_t inner[static KITH_INNER])
{
	const struct kith_request_keys self = {ik, xk_secret, xk, spk_secret, spk, dk, ek};
	struct kith_request q;
	enum kith_request_kind kind;
	uint8_t root[32];
	uint32_t id;

	if (kith__request_peek(inner, &kind, &id) == KITH_OK &&
	    kith__request_open(&q, root, inner, &self, NOW) == KITH_OK)
		KITH_ASSERT(q.kind == kind && q.count <= KITH_MAILBOXES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t out[KITH_HEAL_MAX];
	const uint8_t *inner;
	enum kith_heal_op op;

	if (kith_is_zero(xk, sizeof(xk))) {
		kith_dh_public(xk, xk_secret);
		kith_dh_public(spk, spk_secret);
		kith_kem_keygen(ek, dk, kem_seed);
	}
	if (kith__heal_decode(&op, &inner, data, len) != KITH_OK)
		return 0;
	KITH_ASSERT(kith__heal_encode(out, op, inner) == len && memcmp(out, data, len) == 0);
	switch (op) {
	case KITH_HEAL_WANTED: KITH_ASSERT(inner == NULL); break;
	case KITH_HEAL_BUNDLE: try_bundle(inner); break;
	case KITH_HEAL_REQUEST: try_request(inner); break;
	}
	return 0;
}
