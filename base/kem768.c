/* SPDX-License-Identifier: ISC */
/* ML-KEM-768, FIPS 203: K-PKE (section 5) and the KEM around it (sections 6 and 7).
 *
 * Names are those of the standard: A the public matrix in NTT form, expanded from rho one entry at
 * a time; s, e, y, e1, e2 noise; t = A s + e; u, v the two parts of a ciphertext. Products of
 * NTT forms carry 2^-16, which scale() or the inverse NTT removes.
 *
 * Secrets: d, z, sigma, s, e, m, r, y, e1, e2, the decrypted message, both candidate secrets and
 * whether they differ. Public: rho, ek, ct. tests/ct checks that time depends on public values
 * only. Every working set is wiped. */
#include "base/kem768_internal.h"

#include "base/crypto.h"
#include "base/keccak.h"

#include <string.h>

enum {
	K = KITH__KEM768_K,
	POLY = KITH__KEM768_POLY_BYTES,
	U = KITH__KEM768_U_BYTES,
	S_BYTES = K * POLY,
	HASH_AT = S_BYTES + KITH_KEM_EK, /* offsets in dk, FIPS 203 algorithm 16 */
	Z_AT = HASH_AT + 32,
};

_Static_assert(K *POLY + 32 == KITH_KEM_EK, "ek is t and rho");
_Static_assert(Z_AT + 32 == KITH_KEM_DK, "dk is s, ek, H(ek) and z");
_Static_assert(K *U + KITH__KEM768_V_BYTES == KITH_KEM_CT, "ct is u and v");

void kith__kem768_expand(uint8_t rho[static 32], uint8_t sigma[static 32],
			 const uint8_t d[static 32])
{
	uint8_t in[33], out[64];

	memcpy(in, d, 32);
	in[32] = K;
	kith_sha3_512(out, in, sizeof in);
	memcpy(rho, out, 32);
	memcpy(sigma, out + 32, 32);
	kith_wipe(in, sizeof in);
	kith_wipe(out, sizeof out);
}

/* K-PKE.KeyGen, FIPS 203 algorithm 13, from its second line on. */
static void pke_keygen(uint8_t ek[static KITH_KEM_EK], uint8_t s_out[static S_BYTES],
		       const uint8_t rho[static 32], const uint8_t sigma[static 32])
{
	struct {
		struct kith__poly_factor s[K];
		struct kith__poly p, t;
	} w;

	for (uint8_t i = 0; i < K; i++) {
		kith__kem768_sample_noise(&w.p, sigma, i);
		kith__kem768_ntt(&w.p);
		kith__kem768_encode12(s_out + POLY * i, &w.p);
		kith__kem768_factor(&w.s[i], &w.p);
	}
	for (uint8_t i = 0; i < K; i++) {
		memset(&w.t, 0, sizeof w.t);
		for (uint8_t j = 0; j < K; j++) {
			kith__kem768_sample_uniform(&w.p, rho, j, i);
			kith__kem768_mul_add(&w.t, &w.p, &w.s[j]);
		}
		kith__kem768_scale(&w.t);
		kith__kem768_sample_noise(&w.p, sigma, (uint8_t)(K + i));
		kith__kem768_ntt(&w.p);
		kith__kem768_add(&w.t, &w.p);
		kith__kem768_encode12(ek + POLY * i, &w.t);
	}
	memcpy(ek + S_BYTES, rho, 32);
	kith_wipe(&w, sizeof w);
}

/* K-PKE.Encrypt, FIPS 203 algorithm 14. */
static void pke_encrypt(uint8_t ct[static KITH_KEM_CT], const uint8_t ek[static KITH_KEM_EK],
			const uint8_t m[static 32], const uint8_t r[static 32])
{
	const uint8_t *rho = ek + S_BYTES;
	struct {
		struct kith__poly_factor y[K];
		struct kith__poly p, u, v;
	} w;

	memset(&w.v, 0, sizeof w.v);
	for (uint8_t i = 0; i < K; i++) {
		kith__kem768_sample_noise(&w.p, r, i);
		kith__kem768_ntt(&w.p);
		kith__kem768_factor(&w.y[i], &w.p);
		kith__kem768_decode12(&w.p, ek + POLY * i);
		kith__kem768_mul_add(&w.v, &w.p, &w.y[i]);
	}
	for (uint8_t i = 0; i < K; i++) {
		memset(&w.u, 0, sizeof w.u);
		for (uint8_t j = 0; j < K; j++) {
			kith__kem768_sample_uniform(&w.p, rho, i, j);
			kith__kem768_mul_add(&w.u, &w.p, &w.y[j]);
		}
		kith__kem768_reduce(&w.u);
		kith__kem768_inverse_ntt(&w.u);
		kith__kem768_sample_noise(&w.p, r, (uint8_t)(K + i)); /* e1 */
		kith__kem768_add(&w.u, &w.p);
		kith__kem768_encode10(ct + U * i, &w.u);
	}
	kith__kem768_reduce(&w.v);
	kith__kem768_inverse_ntt(&w.v);
	kith__kem768_sample_noise(&w.p, r, 2 * K); /* e2 */
	kith__kem768_add(&w.v, &w.p);
	kith__kem768_decode1(&w.p, m);
	kith__kem768_add(&w.v, &w.p);
	kith__kem768_encode4(ct + K * U, &w.v);
	kith_wipe(&w, sizeof w);
}

/* K-PKE.Decrypt, FIPS 203 algorithm 15. */
static void pke_decrypt(uint8_t m[static 32], const uint8_t ct[static KITH_KEM_CT],
			const uint8_t s[static S_BYTES])
{
	struct {
		struct kith__poly_factor u;
		struct kith__poly p, w;
	} w;

	memset(&w.w, 0, sizeof w.w);
	for (size_t i = 0; i < K; i++) {
		kith__kem768_decode10(&w.p, ct + U * i);
		kith__kem768_ntt(&w.p);
		kith__kem768_factor(&w.u, &w.p);
		kith__kem768_decode12(&w.p, s + POLY * i);
		kith__kem768_mul_add(&w.w, &w.p, &w.u);
	}
	kith__kem768_reduce(&w.w);
	kith__kem768_inverse_ntt(&w.w);
	kith__kem768_decode4(&w.p, ct + K * U);
	kith__kem768_sub(&w.p, &w.w);
	kith__kem768_encode1(m, &w.p);
	kith_wipe(&w, sizeof w);
}

void kith__kem768_keygen_from(uint8_t ek[static KITH_KEM_EK], uint8_t dk[static KITH_KEM_DK],
			      const uint8_t rho[static 32], const uint8_t sigma[static 32],
			      const uint8_t z[static 32])
{
	pke_keygen(ek, dk, rho, sigma);
	memcpy(dk + S_BYTES, ek, KITH_KEM_EK);
	kith_sha3_256(dk + HASH_AT, ek, KITH_KEM_EK);
	memcpy(dk + Z_AT, z, 32);
}

void kith_kem768_keygen(uint8_t ek[static KITH_KEM_EK], uint8_t dk[static KITH_KEM_DK],
			const uint8_t seed[static KITH_KEM_KEYGEN_SEED])
{
	uint8_t rho[32], sigma[32];

	kith__kem768_expand(rho, sigma, seed);
	kith__kem768_keygen_from(ek, dk, rho, sigma, seed + 32);
	kith_wipe(sigma, sizeof sigma);
}

bool kith_kem_ek_valid(const uint8_t ek[static KITH_KEM_EK])
{
	for (size_t i = 0; i < S_BYTES; i += 3) {
		unsigned v = ek[i] | (unsigned)ek[i + 1] << 8 | (unsigned)ek[i + 2] << 16;

		if ((v & 0xfff) >= KITH__KEM768_Q || v >> 12 >= KITH__KEM768_Q)
			return false;
	}
	return true;
}

bool kith_kem_dk_valid(const uint8_t dk[static KITH_KEM_DK])
{
	uint8_t hash[32];
	unsigned differ = 0;

	kith_sha3_256(hash, dk + S_BYTES, KITH_KEM_EK);
	for (size_t i = 0; i < sizeof hash; i++)
		differ |= hash[i] ^ dk[HASH_AT + i];
	return differ == 0;
}

/* G of FIPS 203 4.1: shared secret and encryption randomness from m and H(ek). */
static void derive(uint8_t ss_r[static 64], const uint8_t m[static 32],
		   const uint8_t hash[static 32])
{
	uint8_t in[64];

	memcpy(in, m, 32);
	memcpy(in + 32, hash, 32);
	kith_sha3_512(ss_r, in, sizeof in);
	kith_wipe(in, sizeof in);
}

int kith_kem768_encap(uint8_t ct[static KITH_KEM_CT], uint8_t ss[static KITH_KEM_SS],
		      const uint8_t ek[static KITH_KEM_EK],
		      const uint8_t m[static KITH_KEM_ENCAP_SEED])
{
	uint8_t hash[32], ss_r[64];

	if (!kith_kem_ek_valid(ek))
		return KITH_E_MALFORMED;
	kith_sha3_256(hash, ek, KITH_KEM_EK);
	derive(ss_r, m, hash);
	pke_encrypt(ct, ek, m, ss_r + 32);
	memcpy(ss, ss_r, KITH_KEM_SS);
	kith_wipe(ss_r, sizeof ss_r);
	return KITH_OK;
}

/* 0xff when the two ciphertexts differ anywhere, else 0, in one time. */
static uint8_t differ_mask(const uint8_t *a, const uint8_t *b)
{
	uint32_t differ = 0;

	for (size_t i = 0; i < KITH_KEM_CT; i++)
		differ |= (uint32_t)(a[i] ^ b[i]);
	differ = (0U - differ) >> 31; /* 1 if any bit was set */
	__asm__("" : "+r"(differ));   /* keeps the optimizer from a branch on it */
	return (uint8_t)(0U - differ);
}

void kith_kem768_decap(uint8_t ss[static KITH_KEM_SS], const uint8_t ct[static KITH_KEM_CT],
		       const uint8_t dk[static KITH_KEM_DK])
{
	const uint8_t *ek = dk + S_BYTES;
	struct {
		uint8_t m[32], ss_r[64], rejected[KITH_KEM_SS], again[KITH_KEM_CT];
		struct kith_shake j;
	} w;
	uint8_t mask;

	pke_decrypt(w.m, ct, dk);
	derive(w.ss_r, w.m, dk + HASH_AT);
	kith_shake256_init(&w.j); /* J(z | ct) */
	kith_shake_absorb(&w.j, dk + Z_AT, 32);
	kith_shake_absorb(&w.j, ct, KITH_KEM_CT);
	kith_shake_finalize(&w.j);
	kith_shake_squeeze(&w.j, w.rejected, sizeof w.rejected);
	pke_encrypt(w.again, ek, w.m, w.ss_r + 32);
	mask = differ_mask(ct, w.again);
	for (size_t i = 0; i < KITH_KEM_SS; i++)
		ss[i] = (uint8_t)(w.ss_r[i] ^ (mask & (w.ss_r[i] ^ w.rejected[i])));
	kith_wipe(&w, sizeof w);
}
