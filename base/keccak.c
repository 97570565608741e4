/* SPDX-License-Identifier: ISC */
/* Keccak-f[1600] and the sponge of FIPS 202.
 *
 * The permutation keeps its 25 lanes in local variables and goes from one set (A) to a second (E)
 * and back, two rounds per turn, so that no lane is ever moved only to be moved again. The steps
 * rho and pi are folded into the operands of chi: row y of the result takes lane
 * (x + 3 y, x) of the input at place x (FIPS 202 3.2.3).
 *
 * No branch and no index depends on the data; lengths are public. */
#include "base/keccak.h"

#include "base/crypto.h"

enum {
	DOMAIN_SHA3 = 0x06,
	DOMAIN_SHAKE = 0x1f
}; /* suffix bits and first padding bit, FIPS 202 6 */

/* Iota, FIPS 202 3.2.5. */
static const uint64_t round_constant[24] = {
	0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
	0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
	0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
	0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
	0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
	0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

#define ROL(v, n) (((v) << (n)) | ((v) >> (64 - (n))))

/* Column parities and what theta adds to each column (FIPS 202 3.2.1). */
#define THETA(a) \
	c0 = a[0] ^ a[5] ^ a[10] ^ a[15] ^ a[20]; \
	c1 = a[1] ^ a[6] ^ a[11] ^ a[16] ^ a[21]; \
	c2 = a[2] ^ a[7] ^ a[12] ^ a[17] ^ a[22]; \
	c3 = a[3] ^ a[8] ^ a[13] ^ a[18] ^ a[23]; \
	c4 = a[4] ^ a[9] ^ a[14] ^ a[19] ^ a[24]; \
	d0 = c4 ^ ROL(c1, 1); \
	d1 = c0 ^ ROL(c2, 1); \
	d2 = c1 ^ ROL(c3, 1); \
	d3 = c2 ^ ROL(c4, 1); \
	d4 = c3 ^ ROL(c0, 1)

/* One row of chi (FIPS 202 3.2.4) on the lanes b0..b4. */
#define CHI(e, row) \
	e[row] = b0 ^ (~b1 & b2); \
	e[row + 1] = b1 ^ (~b2 & b3); \
	e[row + 2] = b2 ^ (~b3 & b4); \
	e[row + 3] = b3 ^ (~b4 & b0); \
	e[row + 4] = b4 ^ (~b0 & b1)

/* One round from a to e: theta, rho (rotations of FIPS 202 table 2), pi, chi, iota. */
#define ROUND(e, a, rc) \
	THETA(a); \
	b0 = a[0] ^ d0; \
	b1 = ROL(a[6] ^ d1, 44); \
	b2 = ROL(a[12] ^ d2, 43); \
	b3 = ROL(a[18] ^ d3, 21); \
	b4 = ROL(a[24] ^ d4, 14); \
	CHI(e, 0); \
	e[0] ^= (rc); \
	b0 = ROL(a[3] ^ d3, 28); \
	b1 = ROL(a[9] ^ d4, 20); \
	b2 = ROL(a[10] ^ d0, 3); \
	b3 = ROL(a[16] ^ d1, 45); \
	b4 = ROL(a[22] ^ d2, 61); \
	CHI(e, 5); \
	b0 = ROL(a[1] ^ d1, 1); \
	b1 = ROL(a[7] ^ d2, 6); \
	b2 = ROL(a[13] ^ d3, 25); \
	b3 = ROL(a[19] ^ d4, 8); \
	b4 = ROL(a[20] ^ d0, 18); \
	CHI(e, 10); \
	b0 = ROL(a[4] ^ d4, 27); \
	b1 = ROL(a[5] ^ d0, 36); \
	b2 = ROL(a[11] ^ d1, 10); \
	b3 = ROL(a[17] ^ d2, 15); \
	b4 = ROL(a[23] ^ d3, 56); \
	CHI(e, 15); \
	b0 = ROL(a[2] ^ d2, 62); \
	b1 = ROL(a[8] ^ d3, 55); \
	b2 = ROL(a[14] ^ d4, 39); \
	b3 = ROL(a[15] ^ d0, 41); \
	b4 = ROL(a[21] ^ d1, 2); \
	CHI(e, 20)

void kith_keccak_permute(struct kith_keccak *k)
{
	uint64_t *a = k->lane;
	uint64_t e[25];
	uint64_t b0, b1, b2, b3, b4, c0, c1, c2, c3, c4, d0, d1, d2, d3, d4;

	for (size_t i = 0; i < 24; i += 2) {
		ROUND(e, a, round_constant[i]);
		ROUND(a, e, round_constant[i + 1]);
	}
	kith_wipe(e, sizeof e);
}

static uint64_t load64(const uint8_t *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
	       (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
	       (uint64_t)p[7] << 56;
}

static void store64(uint8_t *p, uint64_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
	p[4] = (uint8_t)(v >> 32);
	p[5] = (uint8_t)(v >> 40);
	p[6] = (uint8_t)(v >> 48);
	p[7] = (uint8_t)(v >> 56);
}

static void xor_byte(struct kith_keccak *k, size_t at, uint8_t v)
{
	k->lane[at / 8] ^= (uint64_t)v << (8 * (at % 8));
}

static void init(struct kith_shake *s, size_t rate)
{
	*s = (struct kith_shake){.rate = rate};
}

void kith_shake128_init(struct kith_shake *s)
{
	init(s, KITH_SHAKE128_RATE);
}

void kith_shake256_init(struct kith_shake *s)
{
	init(s, KITH_SHAKE256_RATE);
}

void kith_shake_absorb(struct kith_shake *s, const uint8_t *in, size_t len)
{
	size_t i = 0;

	while (i < len) {
		if (s->used % 8 == 0 && len - i >= 8) {
			s->state.lane[s->used / 8] ^= load64(in + i);
			s->used += 8;
			i += 8;
		} else {
			xor_byte(&s->state, s->used, in[i]);
			s->used++;
			i++;
		}
		if (s->used == s->rate) {
			kith_keccak_permute(&s->state);
			s->used = 0;
		}
	}
}

/* pad10*1 (FIPS 202 5.1) behind the domain suffix. The next squeeze begins with a permutation. */
static void pad(struct kith_shake *s, uint8_t domain)
{
	xor_byte(&s->state, s->used, domain);
	xor_byte(&s->state, s->rate - 1, 0x80);
	s->used = s->rate;
}

void kith_shake_finalize(struct kith_shake *s)
{
	pad(s, DOMAIN_SHAKE);
}

void kith_shake_squeeze(struct kith_shake *s, uint8_t *out, size_t len)
{
	size_t i = 0;

	while (i < len) {
		if (s->used == s->rate) {
			kith_keccak_permute(&s->state);
			s->used = 0;
		}
		if (s->used % 8 == 0 && len - i >= 8) {
			store64(out + i, s->state.lane[s->used / 8]);
			s->used += 8;
			i += 8;
		} else {
			out[i] = (uint8_t)(s->state.lane[s->used / 8] >> (8 * (s->used % 8)));
			s->used++;
			i++;
		}
	}
}

void kith_shake_wipe(struct kith_shake *s)
{
	kith_wipe(s, sizeof *s);
}

static void sponge(size_t rate, uint8_t domain, uint8_t *out, size_t out_len, const uint8_t *in,
		   size_t len)
{
	struct kith_shake s;

	init(&s, rate);
	kith_shake_absorb(&s, in, len);
	pad(&s, domain);
	kith_shake_squeeze(&s, out, out_len);
	kith_shake_wipe(&s);
}

void kith_sha3_256(uint8_t out[static 32], const uint8_t *in, size_t len)
{
	sponge(KITH_SHA3_256_RATE, DOMAIN_SHA3, out, 32, in, len);
}

void kith_sha3_512(uint8_t out[static 64], const uint8_t *in, size_t len)
{
	sponge(KITH_SHA3_512_RATE, DOMAIN_SHA3, out, 64, in, len);
}

void kith_shake128(uint8_t *out, size_t out_len, const uint8_t *in, size_t len)
{
	sponge(KITH_SHAKE128_RATE, DOMAIN_SHAKE, out, out_len, in, len);
}

void kith_shake256(uint8_t *out, size_t out_len, const uint8_t *in, size_t len)
{
	sponge(KITH_SHAKE256_RATE, DOMAIN_SHAKE, out, out_len, in, len);
}
