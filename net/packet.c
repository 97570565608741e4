/* SPDX-License-Identifier: ISC */
/*
 * Data packets (transport.md 4) and the replay window.
 *
 *	idx 4 | pn 8 | ciphertext | tag 16       the first 12 bytes are masked
 *
 * The mask comes from the tag under the receiver's header key, so nothing on the wire is constant.
 * The AEAD covers the clear header as additional data and as nonce (pn).
 */
#include "net/codec.h"

#include <string.h>

#define WORDS (KITH_NET_REPLAY_BITS / 64)

bool kith__net_replay_fresh(const struct replay *r, uint64_t pn)
{
	if (pn >= r->next)
		return true;
	/* the ring turns by whole words: the oldest, partly reused word is out of the window */
	if ((r->next - 1) / 64 - pn / 64 >= WORDS)
		return false;
	return (r->bits[pn / 64 % WORDS] >> (pn % 64) & 1) == 0;
}

void kith__net_replay_add(struct replay *r, uint64_t pn)
{
	if (pn >= r->next) {
		uint64_t from = r->next / 64; /* word that holds the old top or the next bit */
		uint64_t to = pn / 64;
		uint64_t word;

		if (r->next % 64 != 0)
			from++;
		if (to >= from + WORDS)
			from = to - WORDS + 1;
		for (word = from; word <= to; word++)
			r->bits[word % WORDS] = 0;
		r->next = pn + 1;
	}
	r->bits[pn / 64 % WORDS] |= UINT64_C(1) << (pn % 64);
}

size_t kith__net_seal(uint8_t *dgram, size_t len, const uint8_t key[static 32],
		      const uint8_t rhk[static 32], uint32_t idx, uint64_t pn)
{
	kith_store_u32(dgram, idx);
	kith_store_u64(dgram + 4, pn);
	kith_aead_seal(dgram + NET_HEAD, key, pn, dgram, NET_HEAD, dgram + NET_HEAD, len);
	kith_header_mask(dgram, rhk, dgram + NET_HEAD + len);
	return len + NET_OVERHEAD;
}

void kith__net_unmask(const uint8_t *in, size_t len, const uint8_t rhk[static 32],
		      uint8_t head[static NET_HEAD])
{
	memcpy(head, in, NET_HEAD);
	kith_header_mask(head, rhk, in + len - KITH_TAG);
}

int kith__net_open(uint8_t *plain, const uint8_t key[static 32],
		   const uint8_t head[static NET_HEAD], const uint8_t *in, size_t len)
{
	return kith_aead_open(plain, key, kith_load_u64(head + 4), head, NET_HEAD, in + NET_HEAD,
			      len - NET_HEAD);
}
