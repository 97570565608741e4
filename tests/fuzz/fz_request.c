/* SPDX-License-Identifier: ISC */
/*
 * Contact requests: the bytes a stranger puts into a mailbox, and below the AEAD what an honest
 * key holder with hostile content could seal into box2 (crypto.md 4).
 */
#include <string.h>

#include "node/proto_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t ik_seed[32] = {1}, xk_secret[32] = {2}, spk_secret[32] = {3}, kem_seed[64] = {4};
static uint8_t ik[32], xk[32], spk[32], ek[KITH_KEM_EK], dk[KITH_KEM_DK];

static void try_open(const uint8_t *in)
{
	const struct kith_request_keys self = {ik, xk_secret, xk, spk_secret, spk, dk, ek};
	struct kith_request q;
	enum kith_request_kind kind;
	uint8_t root[32], h[32];
	uint32_t id;

	if (kith__request_peek(in, &kind, &id) == KITH_OK)
		KITH_ASSERT(kind == KITH_REQUEST_FIRST || kind == KITH_REQUEST_AGAIN);
	(void)kith__request_work_bits(in, ik, xk, 7);
	kith__request_seen(h, in);
	if (kith__request_open(&q, root, in, &self, 1) == KITH_OK)
		KITH_ASSERT(q.count <= KITH_MAILBOXES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t in[KITH_INNER];
	static struct kith_request q;

	if (ek[0] == 0 && ek[1] == 0) {
		kith_sign_public(ik, ik_seed);
		kith_dh_public(xk, xk_secret);
		kith_dh_public(spk, spk_secret);
		kith_kem_keygen(ek, dk, kem_seed);
	}
	memset(in, 0, sizeof(in));
	if (len != 0)
		memcpy(in, data, len < sizeof(in) ? len : sizeof(in));
	try_open(in);
	if (kith__request_plain2_read(&q, in) == KITH_OK) {
		KITH_ASSERT(q.name_len <= KITH_NAME_MAX && q.greeting_len <= KITH_GREETING_MAX);
		KITH_ASSERT(q.extension_len <= KITH_EXTENSION_MAX && kith_kem_ek_valid(q.rek));
	}
	return 0;
}
