/* SPDX-License-Identifier: ISC */
/* Polynomials of ML-KEM: arithmetic mod q = 3329, the NTT, sampling, encoding (FIPS 203 4).
 *
 * Coefficients are signed 16-bit numbers. Products use Montgomery's method with R = 2^16, single
 * reductions Barrett's; there is no division. Constants of the NTT carry a factor R, so a product
 * with one of them is exact. Written so that a compiler turns the loops over a row of 16 into
 * vector code at -O2, with nothing beyond C11.
 *
 * The NTT has seven layers. Seen as a square of 16 rows of 16, the first four pair whole rows.
 * Then the square is transposed, and the last three pair whole rows too. The result stays
 * transposed; only encode12 and decode12 and the uniform sampler know.
 *
 * No branch and no index depends on a secret. Shifts of negative numbers are arithmetic and
 * narrowing conversions wrap, as gcc and clang define them. */
#include "base/kem768_internal.h"

#include "base/crypto.h"
#include "base/keccak.h"

enum {
	Q = KITH__KEM768_Q,
	N = KITH__KEM768_N,
	ROW = 16,
	Q_INVERSE = -3327,  /* q^-1 mod 2^16 */
	R_SQUARED = 1353,   /* 2^32 mod q */
	LAST_FACTOR = 1441, /* 2^32 / 128 mod q: the 3303 of FIPS 203 algorithm 10, times R^2 */
	BARRETT = 20159,    /* round(2^26 / q) */
};

/* zeta[0][k] = 17^BitRev7(k) R mod q for k = 0..15, the layers of the untransposed square. The rows
 * below are for the transposed one: row 1 has k = 16 + x, row 2 + h has 32 + 2x + h, row 4 + h has
 * 64 + 4x + h. Source: FIPS 203 4.3 and appendix A. */
static const int16_t zeta[8][ROW] = {
	{-1044, -758, -359, -1517, 1493, 1422, 287, 202, -171, 622, 1577, 182, 962, -1202, -1474,
	 1468},
	{573, -1325, 264, 383, -829, 1458, -1602, -130, -681, 1017, 732, 608, -1542, 411, -205,
	 -1571},
	{1223, -552, -1293, -282, 516, -320, -1618, 126, -853, -271, 107, -247, -398, -1508, 448,
	 677},
	{652, 1015, 1491, -1544, -8, -666, -1162, 1469, -90, 830, -1421, -951, 961, -725, -1065,
	 -1275},
	{-1103, -1251, 422, -291, -246, -777, -1590, 418, 817, 1322, -1215, -874, -1185, -1510,
	 -108, 958},
	{430, 871, 587, -460, 778, 1483, 644, 329, 1097, -1285, -136, 220, -1530, -854, -308,
	 -1460},
	{555, 1550, 177, 1574, 1159, -602, -872, -156, 603, -1465, 1218, -1187, -1278, -870, 996,
	 1522},
	{843, 105, -235, 1653, -147, 1119, 349, -75, 610, 384, -1335, -1659, 794, 478, 991, 1628},
};

static inline int16_t low(int32_t a, int32_t b)
{
	return (int16_t)(a * b);
}

static inline int16_t high(int32_t a, int32_t b)
{
	return (int16_t)((a * b) >> 16);
}

/* a b / R mod q, |result| < q, for |a b| < q 2^15; bq = b q^-1 mod 2^16. The low halves of a b and
 * of t q are equal, so the difference of the high halves is exact. */
static inline int16_t multiply(int16_t a, int16_t b, int16_t bq)
{
	return (int16_t)(high(a, b) - high(low(a, bq), Q));
}

/* The representative in -(q-1)/2 .. (q-1)/2, for any a. */
static inline int16_t reduce(int16_t a)
{
	int16_t t = (int16_t)((high(a, BARRETT) + (1 << 9)) >> 10);

	return (int16_t)(a - low(t, Q));
}

/* The representative in 0 .. q-1, for any a. */
static inline uint16_t canonical(int16_t a)
{
	int16_t r = reduce(a);

	return (uint16_t)(r + ((r >> 15) & Q));
}

void kith__kem768_reduce(struct kith__poly *p)
{
	for (size_t i = 0; i < N; i++)
		p->c[i] = reduce(p->c[i]);
}

static void transpose(int16_t *c)
{
	for (size_t y = 1; y < ROW; y++) {
		for (size_t x = 0; x < y; x++) {
			int16_t t = c[ROW * y + x];

			c[ROW * y + x] = c[ROW * x + y];
			c[ROW * x + y] = t;
		}
	}
}

/* Cooley-Tukey: a, b = a + z b, a - z b. Adds less than q to |a|. */
static inline void forward(int16_t *restrict a, int16_t *restrict b, const int16_t *restrict z)
{
	for (size_t x = 0; x < ROW; x++) {
		int16_t t = multiply(b[x], z[x], low(z[x], Q_INVERSE));

		b[x] = (int16_t)(a[x] - t);
		a[x] = (int16_t)(a[x] + t);
	}
}

/* Gentleman-Sande: a, b = a + b, z (b - a). Doubles |a|, leaves |b| < q. */
static inline void backward(int16_t *restrict a, int16_t *restrict b, const int16_t *restrict z)
{
	for (size_t x = 0; x < ROW; x++) {
		int16_t d = (int16_t)(b[x] - a[x]);

		a[x] = (int16_t)(a[x] + b[x]);
		b[x] = multiply(d, z[x], low(z[x], Q_INVERSE));
	}
}

static inline void fill(int16_t row[ROW], int16_t v)
{
	for (size_t x = 0; x < ROW; x++)
		row[x] = v;
}

void kith__kem768_ntt(struct kith__poly *p)
{
	int16_t *c = p->c;
	int16_t z[ROW];

	/* |c| grows from q by less than q per layer: 8 q < 2^15. */
	for (size_t len = 8, blocks = 1; len >= 1; len /= 2, blocks *= 2) {
		for (size_t block = 0; block < blocks; block++) {
			int16_t *row = c + ROW * 2 * len * block;

			fill(z, zeta[0][blocks + block]);
			for (size_t y = 0; y < len; y++)
				forward(row + ROW * y, row + ROW * (y + len), z);
		}
	}
	transpose(c);
	for (size_t len = 8, blocks = 1; len >= 2; len /= 2, blocks *= 2) {
		for (size_t block = 0; block < blocks; block++) {
			int16_t *row = c + ROW * 2 * len * block;

			for (size_t y = 0; y < len; y++)
				forward(row + ROW * y, row + ROW * (y + len), zeta[blocks + block]);
		}
	}
	kith__kem768_reduce(p);
}

void kith__kem768_inverse_ntt(struct kith__poly *p)
{
	int16_t *c = p->c;
	int16_t z[ROW];

	/* |c| doubles from q to 8 q < 2^15 in three layers, hence the two reductions. Blocks run
	 * through the zetas from the last one down, within a row too (FIPS 203 algorithm 10). */
	for (size_t len = 2, blocks = 4; len <= 8; len *= 2, blocks /= 2) {
		for (size_t block = 0; block < blocks; block++) {
			int16_t *row = c + ROW * 2 * len * block;

			for (size_t x = 0; x < ROW; x++)
				z[x] = zeta[2 * blocks - 1 - block][ROW - 1 - x];
			for (size_t y = 0; y < len; y++)
				backward(row + ROW * y, row + ROW * (y + len), z);
		}
	}
	kith__kem768_reduce(p);
	transpose(c);
	for (size_t len = 1, blocks = 8; len <= 8; len *= 2, blocks /= 2) {
		for (size_t block = 0; block < blocks; block++) {
			int16_t *row = c + ROW * 2 * len * block;

			fill(z, zeta[0][2 * blocks - 1 - block]);
			for (size_t y = 0; y < len; y++)
				backward(row + ROW * y, row + ROW * (y + len), z);
		}
	}
	/* Four layers from (q-1)/2: |c| <= 8 q. */
	for (size_t i = 0; i < N; i++)
		c[i] = multiply(c[i], LAST_FACTOR, low(LAST_FACTOR, Q_INVERSE));
}

void kith__kem768_scale(struct kith__poly *p)
{
	for (size_t i = 0; i < N; i++)
		p->c[i] = multiply(p->c[i], R_SQUARED, low(R_SQUARED, Q_INVERSE));
}

void kith__kem768_factor(struct kith__poly_factor *restrict f, const struct kith__poly *restrict b)
{
	for (size_t i = 0; i < N; i++) {
		f->b[i] = b->c[i];
		f->bq[i] = low(b->c[i], Q_INVERSE);
	}
	/* Pair j of column x is number 8 x + j; its gamma is zeta[64 + number / 2], negated in
	 * every second pair. */
	for (size_t j = 0; j < ROW / 2; j++) {
		const int16_t *odd = b->c + ROW * (2 * j + 1);
		const int16_t *z = zeta[4 + j / 2];
		int16_t *g = f->g + ROW * j;
		int16_t sign = j % 2 == 0 ? 1 : -1;

		for (size_t x = 0; x < ROW; x++)
			g[x] = multiply(odd[x], low(z[x], sign), low(z[x], sign * Q_INVERSE));
	}
	for (size_t i = 0; i < N / 2; i++)
		f->gq[i] = low(f->g[i], Q_INVERSE);
}

/* (a0 + a1 X)(b0 + b1 X) mod X^2 - gamma for the 16 pairs of two rows. */
static inline void multiply_rows(int16_t *restrict acc, const int16_t *restrict a,
				 const int16_t *restrict b, const int16_t *restrict bq,
				 const int16_t *restrict g, const int16_t *restrict gq)
{
	for (size_t x = 0; x < ROW; x++) {
		int16_t a0 = a[x], a1 = a[ROW + x];

		acc[x] = (int16_t)(acc[x] + multiply(a0, b[x], bq[x]) + multiply(a1, g[x], gq[x]));
		acc[ROW + x] = (int16_t)(acc[ROW + x] + multiply(a0, b[ROW + x], bq[ROW + x]) +
					 multiply(a1, b[x], bq[x]));
	}
}

void kith__kem768_mul_add(struct kith__poly *restrict acc, const struct kith__poly *restrict a,
			  const struct kith__poly_factor *restrict f)
{
	for (size_t j = 0; j < ROW / 2; j++) {
		size_t at = 2 * ROW * j;

		multiply_rows(acc->c + at, a->c + at, f->b + at, f->bq + at, f->g + ROW * j,
			      f->gq + ROW * j);
	}
}

void kith__kem768_add(struct kith__poly *restrict sum, const struct kith__poly *restrict p)
{
	for (size_t i = 0; i < N; i++)
		sum->c[i] = (int16_t)(sum->c[i] + p->c[i]);
}

void kith__kem768_sub(struct kith__poly *restrict difference, const struct kith__poly *restrict p)
{
	for (size_t i = 0; i < N; i++)
		difference->c[i] = (int16_t)(difference->c[i] - p->c[i]);
}

void kith__kem768_sample_uniform(struct kith__poly *p, const uint8_t rho[static 32], uint8_t x,
				 uint8_t y)
{
	enum { BLOCK = KITH_SHAKE128_RATE };
	const uint8_t index[2] = {x, y};
	uint8_t block[BLOCK];
	int16_t found[N + BLOCK * 2 / 3]; /* the last block may give more than is needed */
	struct kith_shake s;
	size_t count = 0;

	kith_shake128_init(&s);
	kith_shake_absorb(&s, rho, 32);
	kith_shake_absorb(&s, index, sizeof index);
	kith_shake_finalize(&s);
	while (count < N) {
		kith_shake_squeeze(&s, block, BLOCK);
		for (size_t i = 0; i < BLOCK; i += 3) {
			unsigned v = block[i] | (unsigned)block[i + 1] << 8 |
				     (unsigned)block[i + 2] << 16;

			found[count] = (int16_t)(v & 0xfff);
			count += (v & 0xfff) < Q;
			found[count] = (int16_t)(v >> 12);
			count += (v >> 12) < Q;
		}
	}
	for (size_t row = 0; row < ROW; row++) {
		for (size_t i = 0; i < ROW; i++)
			p->c[ROW * row + i] = found[ROW * i + row];
	}
}

void kith__kem768_sample_noise(struct kith__poly *p, const uint8_t seed[static 32], uint8_t nonce)
{
	uint8_t bytes[N / 2];
	struct kith_shake s;

	kith_shake256_init(&s);
	kith_shake_absorb(&s, seed, 32);
	kith_shake_absorb(&s, &nonce, 1);
	kith_shake_finalize(&s);
	kith_shake_squeeze(&s, bytes, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++) {
		/* Sums of neighbouring bits: four numbers 0..2 in the four pairs of bits. */
		unsigned pairs = (bytes[i] & 0x55U) + ((bytes[i] >> 1) & 0x55U);

		p->c[2 * i] = (int16_t)((int)(pairs & 3) - (int)((pairs >> 2) & 3));
		p->c[2 * i + 1] = (int16_t)((int)((pairs >> 4) & 3) - (int)(pairs >> 6));
	}
	kith_wipe(bytes, sizeof bytes);
	kith_shake_wipe(&s);
}

/* Where NTT coefficient i lives. */
static inline size_t place(size_t i)
{
	return ROW * (i % ROW) + i / ROW;
}

void kith__kem768_encode12(uint8_t out[static KITH__KEM768_POLY_BYTES], const struct kith__poly *p)
{
	for (size_t i = 0; i < N; i += 2, out += 3) {
		unsigned a = canonical(p->c[place(i)]), b = canonical(p->c[place(i + 1)]);

		out[0] = (uint8_t)a;
		out[1] = (uint8_t)(a >> 8 | b << 4);
		out[2] = (uint8_t)(b >> 4);
	}
}

void kith__kem768_decode12(struct kith__poly *p, const uint8_t in[static KITH__KEM768_POLY_BYTES])
{
	for (size_t i = 0; i < N; i += 2, in += 3) {
		p->c[place(i)] = (int16_t)(in[0] | (in[1] & 15) << 8);
		p->c[place(i + 1)] = (int16_t)(in[1] >> 4 | in[2] << 4);
	}
}

void kith__kem768_encode10(uint8_t out[static KITH__KEM768_U_BYTES], const struct kith__poly *p)
{
	for (size_t i = 0; i < N; i += 4, out += 5) {
		uint64_t v = 0;

		for (size_t j = 0; j < 4; j++)
			v |= (uint64_t)kith__kem768_compress(canonical(p->c[i + j]), 10) << 10 * j;
		for (size_t j = 0; j < 5; j++)
			out[j] = (uint8_t)(v >> 8 * j);
	}
}

void kith__kem768_decode10(struct kith__poly *p, const uint8_t in[static KITH__KEM768_U_BYTES])
{
	for (size_t i = 0; i < N; i += 4, in += 5) {
		uint64_t v = 0;

		for (size_t j = 0; j < 5; j++)
			v |= (uint64_t)in[j] << 8 * j;
		for (size_t j = 0; j < 4; j++)
			p->c[i + j] = (int16_t)(((v >> 10 * j & 1023) * Q + 512) >> 10);
	}
}

void kith__kem768_encode4(uint8_t out[static KITH__KEM768_V_BYTES], const struct kith__poly *p)
{
	for (size_t i = 0; i < N; i += 2)
		out[i / 2] = (uint8_t)(kith__kem768_compress(canonical(p->c[i]), 4) |
				       kith__kem768_compress(canonical(p->c[i + 1]), 4) << 4);
}

void kith__kem768_decode4(struct kith__poly *p, const uint8_t in[static KITH__KEM768_V_BYTES])
{
	for (size_t i = 0; i < N; i += 2) {
		p->c[i] = (int16_t)(((in[i / 2] & 15U) * Q + 8) >> 4);
		p->c[i + 1] = (int16_t)(((in[i / 2] >> 4) * (unsigned)Q + 8) >> 4);
	}
}

void kith__kem768_encode1(uint8_t out[static 32], const struct kith__poly *p)
{
	for (size_t i = 0; i < N; i += 8) {
		uint32_t v = 0;

		for (size_t j = 0; j < 8; j++)
			v |= kith__kem768_compress(canonical(p->c[i + j]), 1) << j;
		out[i / 8] = (uint8_t)v;
	}
}

/* Hides from the optimizer that v has two values only, so that it makes no branch of the select. */
static inline uint32_t opaque(uint32_t v)
{
	__asm__("" : "+r"(v));
	return v;
}

void kith__kem768_decode1(struct kith__poly *p, const uint8_t in[static 32])
{
	for (size_t i = 0; i < N; i++) {
		uint32_t bit = opaque((uint32_t)in[i / 8] >> (i % 8) & 1);

		p->c[i] = (int16_t)((0U - bit) & ((Q + 1) / 2));
	}
}
