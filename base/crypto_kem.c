/* SPDX-License-Identifier: ISC */
/* The KEM the product uses: libsodium's ML-KEM-768 where CMake found it (KITH_HAVE_SODIUM_MLKEM,
 * libsodium 1.0.22 and later), else our own. Same standard, same bytes, same checks; the tests run
 * one vector set over both. */
#include "base/kem768.h"

#ifdef KITH_HAVE_SODIUM_MLKEM
#include <sodium.h>

void kith_kem_keygen(uint8_t ek[static KITH_KEM_EK], uint8_t dk[static KITH_KEM_DK],
		     const uint8_t seed[static KITH_KEM_KEYGEN_SEED])
{
	KITH_ASSERT(crypto_kem_mlkem768_seed_keypair(ek, dk, seed) == 0);
}

int kith_kem_encap(uint8_t ct[static KITH_KEM_CT], uint8_t ss[static KITH_KEM_SS],
		   const uint8_t ek[static KITH_KEM_EK],
		   const uint8_t m[static KITH_KEM_ENCAP_SEED])
{
	if (!kith_kem_ek_valid(ek))
		return KITH_E_MALFORMED;
	KITH_ASSERT(crypto_kem_mlkem768_enc_deterministic(ct, ss, ek, m) == 0);
	return KITH_OK;
}

void kith_kem_decap(uint8_t ss[static KITH_KEM_SS], const uint8_t ct[static KITH_KEM_CT],
		    const uint8_t dk[static KITH_KEM_DK])
{
	KITH_ASSERT(crypto_kem_mlkem768_dec(ss, ct, dk) == 0);
}

#else

void kith_kem_keygen(uint8_t ek[static KITH_KEM_EK], uint8_t dk[static KITH_KEM_DK],
		     const uint8_t seed[static KITH_KEM_KEYGEN_SEED])
{
	kith_kem768_keygen(ek, dk, seed);
}

int kith_kem_encap(uint8_t ct[static KITH_KEM_CT], uint8_t ss[static KITH_KEM_SS],
		   const uint8_t ek[static KITH_KEM_EK],
		   const uint8_t m[static KITH_KEM_ENCAP_SEED])
{
	return kith_kem768_encap(ct, ss, ek, m);
}

void kith_kem_decap(uint8_t ss[static KITH_KEM_SS], const uint8_t ct[static KITH_KEM_CT],
		    const uint8_t dk[static KITH_KEM_DK])
{
	kith_kem768_decap(ss, ct, dk);
}

#endif
