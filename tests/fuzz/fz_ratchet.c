/* SPDX-License-Identifier: ISC */
/*
 * Frames at a receiver: raw bytes, and header and body as a hostile contact may seal them with the
 * right keys (crypto.md 5). Byte 0 chooses; a refused frame must leave the state as it was, and the
 * stored keys stay within their cap. Rows of the ratchet too.
 */
#include <string.h>

#include "node/proto_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t root[32] = {7}, ik[32] = {8};
static const struct kith_ratchet_context context = {ik, ik, 1, 2, 3};

static void start(struct kith_ratchet *a, struct kith_ratchet *b)
{
	static const struct kith_ratchet_seeds seeds = {{1}, {2}, {3}};
	static const uint8_t secret[32] = {4}, kem[64] = {5};
	uint8_t ek[KITH_KEM_EK];
	int err;

	kith__ratchet_init_a(a, root, secret, kem, &context);
	kith__ratchet_ek(ek, a);
	err = kith__ratchet_init_b(b, root, a->dh, ek, &seeds, 1000, &context);
	KITH_ASSERT(err == KITH_OK);
}

/* Header and body of `data`, sealed as B would. */
static size_t seal_as(const struct kith_ratchet *b, uint8_t frame[KITH_INNER], bool full,
		      const uint8_t *data, size_t len)
{
	static const uint8_t suite = KITH_SUITE, nonce[24] = {1};
	size_t size = full ? KITH_INNER : 256;
	size_t box = full ? KITH__HEAD_FULL : KITH__HEAD_LIGHT;
	uint8_t plain[KITH_INNER] = {0}, ad[32 + KITH__HEAD_FULL], mk[32], ck[32], ek[KITH_KEM_EK];
	struct kith_writer w;

	kith__ratchet_ek(ek, b);
	kith_writer_init(&w, plain, sizeof(plain));
	kith_write_zeros(&w, 10); /* flags, pn, n: a frame that steps, then data over it */
	kith_write_bytes(&w, b->dh, 32);
	kith_write_bytes(&w, ek, KITH_KEM_EK);
	kith_write_bytes(&w, b->ct, KITH_KEM_CT);
	if (!full)
		memset(plain + 42, 0, sizeof(plain) - 42);
	if (len > 10) {
		memcpy(plain, data, 10);
		memcpy(plain + box - 40, data + 10,
		       len - 10 < size - box ? len - 10 : size - box - 40);
	}
	kith_seal(frame, nonce, b->hks, &suite, 1, plain, box - 40);
	memcpy(ad, b->ad, 32);
	memcpy(ad + 32, frame, box);
	memcpy(ck, b->cks, 32);
	for (uint32_t n = kith_load_u32(plain + 6), i = 0; i <= n && i < 1100; i++)
		kith__chain_next(mk, ck);
	kith_seal(frame + box, nonce, mk, ad, 32 + box, plain + box - 40, size - box - 40);
	return size;
}

static void try_frame(struct kith_ratchet *a, const uint8_t *frame, size_t len)
{
	static struct kith_opened o;
	uint8_t before[KITH_RATCHET_ROW], after[KITH_RATCHET_ROW];
	size_t row = kith__ratchet_encode(before, a);
	size_t keys = a->skipped_count;

	if (kith__ratchet_open(a, &o, frame, len, 5000) == KITH_OK) {
		struct kith_body body;

		KITH_ASSERT(kith__body_decode(&body, o.body, o.body_len) == KITH_OK);
		KITH_ASSERT(a->skipped_count <= KITH_SKIP_CONTACT_MAX);
		return;
	}
	KITH_ASSERT(kith__ratchet_encode(after, a) == row && memcmp(before, after, row) == 0);
	KITH_ASSERT(a->skipped_count == keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct kith_ratchet a, b, back;
	static uint8_t frame[KITH_INNER];
	uint8_t row[KITH_RATCHET_ROW];

	if (len == 0)
		return 0;
	start(&a, &b);
	if (data[0] == 0) {
		try_frame(&a, data + 1, len - 1);
	} else if (data[0] == 1) {
		if (kith__ratchet_decode(&back, data + 1, len - 1) == KITH_OK)
			KITH_ASSERT(kith__ratchet_encode(row, &back) == len - 1 &&
				    memcmp(row, data + 1, len - 1) == 0);
	} else {
		try_frame(&a, frame, seal_as(&b, frame, true, data + 1, len - 1));
		try_frame(&a, frame, seal_as(&b, frame, data[0] & 1, data + 1, len - 1));
	}
	kith__ratchet_wipe(&a);
	kith__ratchet_wipe(&b);
	return 0;
}
