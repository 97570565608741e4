/* SPDX-License-Identifier: ISC */
/*
 * The stored form of a ratchet, without skipped keys, which have rows of their own (store.md 4).
 *
 *	version 1 | flags 1 | RK CKs CKr HKs HKr NHKs NHKr | own dh pair, ek seed 64, ek |
 *	peer dh, ek | ct | ns nr pn 4 each | last step ms 8 | ad 32 | first seq 4 | highest seq 4
 */
#include <string.h>

#include "base/map.h"
#include "node/proto_internal.h"

#define VERSION 1u

enum flag {
	FLAG_CKS = 1,
	FLAG_CKR = 2,
	FLAG_PEER = 4,
	FLAG_DUE = 8,
	FLAG_SEND = 16,
	FLAG_ACKED = 32,
	FLAGS = 63
};

static uint8_t flags_of(const struct kith_ratchet *r)
{
	return (uint8_t)((r->has_cks ? FLAG_CKS : 0) | (r->has_ckr ? FLAG_CKR : 0) |
			 (r->has_peer ? FLAG_PEER : 0) | (r->step_due ? FLAG_DUE : 0) |
			 (r->may_send ? FLAG_SEND : 0) | (r->chain_acked ? FLAG_ACKED : 0));
}

static void write_first(struct kith_writer *w, const struct kith_ratchet *r)
{
	kith_write_u8(w, VERSION);
	kith_write_u8(w, flags_of(r));
	kith_write_bytes(w, r->rk, 32);
	kith_write_bytes(w, r->cks, 32);
	kith_write_bytes(w, r->ckr, 32);
	kith_write_bytes(w, r->hks, 32);
	kith_write_bytes(w, r->hkr, 32);
	kith_write_bytes(w, r->nhks, 32);
	kith_write_bytes(w, r->nhkr, 32);
	KITH_ASSERT(w->len == KITH_RATCHET_KEYS_AT);
}

static void write_keys(struct kith_writer *w, const struct kith_ratchet *r)
{
	uint8_t ek[KITH_KEM_EK];

	kith__ratchet_ek(ek, r);
	kith_write_bytes(w, r->dh_secret, 32);
	kith_write_bytes(w, r->dh, 32);
	kith_write_bytes(w, r->ek_seed, sizeof(r->ek_seed));
	kith_write_bytes(w, ek, sizeof(ek));
	kith_write_bytes(w, r->peer_dh, 32);
	kith_write_bytes(w, r->peer_ek, sizeof(r->peer_ek));
	kith_write_bytes(w, r->ct, sizeof(r->ct));
}

static void write_last(struct kith_writer *w, const struct kith_ratchet *r)
{
	kith_write_u32(w, r->ns);
	kith_write_u32(w, r->nr);
	kith_write_u32(w, r->pn);
	kith_write_u64(w, r->last_step_ms);
	kith_write_bytes(w, r->ad, 32);
	kith_write_u32(w, r->chain_first_seq);
	kith_write_u32(w, r->seq_high);
	KITH_ASSERT(kith_write_end(w) == KITH_OK);
}

uint64_t kith__keys_print(const uint8_t keys[static KITH_RATCHET_KEYS])
{
	static const uint8_t key[16];

	return kith_siphash(key, keys, KITH_RATCHET_KEYS);
}

void kith__ratchet_encode_keys(uint8_t out[static KITH_RATCHET_KEYS], const struct kith_ratchet *r)
{
	struct kith_writer w;

	kith_writer_init(&w, out, KITH_RATCHET_KEYS);
	write_keys(&w, r);
	KITH_ASSERT(w.len == KITH_RATCHET_KEYS && kith_write_end(&w) == KITH_OK);
}

uint64_t kith__ratchet_keys_print(struct kith_ratchet *r)
{
	uint8_t keys[KITH_RATCHET_KEYS];

	if (!r->has_keys_print) {
		kith__ratchet_encode_keys(keys, r);
		r->keys_print = kith__keys_print(keys);
		r->has_keys_print = true;
		kith_wipe(keys, sizeof(keys));
	}
	return r->keys_print;
}

size_t kith__ratchet_encode_rest(uint8_t out[static KITH_RATCHET_ROW], const struct kith_ratchet *r)
{
	struct kith_writer w;

	kith_writer_init(&w, out, KITH_RATCHET_ROW);
	write_first(&w, r);
	write_last(&w, r);
	return w.len;
}

size_t kith__ratchet_encode(uint8_t out[static KITH_RATCHET_ROW], const struct kith_ratchet *r)
{
	struct kith_writer w;

	kith_writer_init(&w, out, KITH_RATCHET_ROW);
	write_first(&w, r);
	write_keys(&w, r);
	KITH_ASSERT(w.len == KITH_RATCHET_KEYS_AT + KITH_RATCHET_KEYS);
	write_last(&w, r);
	return w.len;
}

static void read_flags(struct kith_ratchet *r, struct kith_reader *in)
{
	unsigned flags = kith_read_u8(in);

	if ((flags & ~(unsigned)FLAGS) != 0)
		kith_read_fail(in);
	r->has_cks = (flags & FLAG_CKS) != 0;
	r->has_ckr = (flags & FLAG_CKR) != 0;
	r->has_peer = (flags & FLAG_PEER) != 0;
	r->step_due = (flags & FLAG_DUE) != 0;
	r->may_send = (flags & FLAG_SEND) != 0;
	r->chain_acked = (flags & FLAG_ACKED) != 0;
}

int kith__ratchet_decode(struct kith_ratchet *r, const uint8_t *in, size_t len)
{
	struct kith_ratchet got;
	struct kith_reader reader;
	uint8_t ek[KITH_KEM_EK], own[KITH_KEM_EK];
	uint8_t version;
	int err;

	memset(&got, 0, sizeof(got));
	kith_reader_init(&reader, in, len);
	version = kith_read_u8(&reader);
	if (version > VERSION)
		return KITH_E_VERSION;
	if (version != VERSION)
		return KITH_E_MALFORMED;
	read_flags(&got, &reader);
	kith_read_bytes(&reader, got.rk, 32);
	kith_read_bytes(&reader, got.cks, 32);
	kith_read_bytes(&reader, got.ckr, 32);
	kith_read_bytes(&reader, got.hks, 32);
	kith_read_bytes(&reader, got.hkr, 32);
	kith_read_bytes(&reader, got.nhks, 32);
	kith_read_bytes(&reader, got.nhkr, 32);
	kith_read_bytes(&reader, got.dh_secret, 32);
	kith_read_bytes(&reader, got.dh, 32);
	kith_read_bytes(&reader, got.ek_seed, sizeof(got.ek_seed));
	kith_read_bytes(&reader, ek, sizeof(ek));
	kith_read_bytes(&reader, got.peer_dh, 32);
	kith_read_bytes(&reader, got.peer_ek, sizeof(got.peer_ek));
	kith_read_bytes(&reader, got.ct, sizeof(got.ct));
	got.ns = kith_read_u32(&reader);
	got.nr = kith_read_u32(&reader);
	got.pn = kith_read_u32(&reader);
	got.last_step_ms = kith_read_u64(&reader);
	kith_read_bytes(&reader, got.ad, 32);
	got.chain_first_seq = kith_read_u32(&reader);
	got.seq_high = kith_read_u32(&reader);
	err = kith_read_end(&reader);
	if (err == KITH_OK) { /* it is not kept: a row with another is damaged */
		kith__ratchet_ek(own, &got);
		err = kith_equal(own, ek, sizeof(ek)) ? KITH_OK : KITH_E_MALFORMED;
	}
	if (err == KITH_OK)
		*r = got;
	kith_wipe(&got, sizeof(got));
	return err;
}
