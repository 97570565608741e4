/* SPDX-License-Identifier: ISC */
#ifndef KITH_BASE_KEM768_H
#define KITH_BASE_KEM768_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* ML-KEM-768 (FIPS 203). Kith only uses it beside X25519, never alone (crypto.md 4 and 5).
 *
 * kith_kem_* are the names to call: libsodium's code where it offers ML-KEM-768 (1.0.22 and later),
 * else our own. kith_kem768_* is our own, always compiled and tested; both give the same bytes.
 * Randomness is an argument; lengths are checked by the caller when it decodes. */

enum {
	KITH_KEM_EK = 1184,        /* encapsulation key, public */
	KITH_KEM_DK = 2400,        /* decapsulation key: s 1152 | ek 1184 | H(ek) 32 | z 32 */
	KITH_KEM_CT = 1088,        /* ciphertext */
	KITH_KEM_SS = 32,          /* shared secret */
	KITH_KEM_KEYGEN_SEED = 64, /* d 32 | z 32 */
	KITH_KEM_ENCAP_SEED = 32,  /* m */
};

/* Derive a key pair from 64 random bytes d | z, all secret. Source: FIPS 203 algorithm 16. */
void kith_kem_keygen(uint8_t ek[static KITH_KEM_EK], uint8_t dk[static KITH_KEM_DK],
		     const uint8_t seed[static KITH_KEM_KEYGEN_SEED]);

/* True when every coefficient of a received ek is below q. Source: FIPS 203 7.2, modulus check. */
bool kith_kem_ek_valid(const uint8_t ek[static KITH_KEM_EK]) KITH_MUST_USE;

/* True when a stored dk carries the hash of its own ek. Source: FIPS 203 7.3, hash check. */
bool kith_kem_dk_valid(const uint8_t dk[static KITH_KEM_DK]) KITH_MUST_USE;

/* Make a shared secret and its ciphertext for ek from 32 fresh random bytes m, which no other call
 * may see again. Errors: KITH_E_MALFORMED when ek fails the modulus check; ct and ss are untouched.
 * Source: FIPS 203 algorithms 17 and 20. */
int kith_kem_encap(uint8_t ct[static KITH_KEM_CT], uint8_t ss[static KITH_KEM_SS],
		   const uint8_t ek[static KITH_KEM_EK],
		   const uint8_t m[static KITH_KEM_ENCAP_SEED]) KITH_MUST_USE;

/* Recover the shared secret. Never fails: for a ct that was not made for dk, ss is a secret value
 * that nobody else has (implicit rejection), in the same time. Load dk only after
 * kith_kem_dk_valid. Source: FIPS 203 algorithms 18 and 21. */
void kith_kem_decap(uint8_t ss[static KITH_KEM_SS], const uint8_t ct[static KITH_KEM_CT],
		    const uint8_t dk[static KITH_KEM_DK]);

/* Our own implementation, as kith_kem_keygen. */
void kith_kem768_keygen(uint8_t ek[static KITH_KEM_EK], uint8_t dk[static KITH_KEM_DK],
			const uint8_t seed[static KITH_KEM_KEYGEN_SEED]);

/* Our own implementation, as kith_kem_encap. */
int kith_kem768_encap(uint8_t ct[static KITH_KEM_CT], uint8_t ss[static KITH_KEM_SS],
		      const uint8_t ek[static KITH_KEM_EK],
		      const uint8_t m[static KITH_KEM_ENCAP_SEED]) KITH_MUST_USE;

/* Our own implementation, as kith_kem_decap. */
void kith_kem768_decap(uint8_t ss[static KITH_KEM_SS], const uint8_t ct[static KITH_KEM_CT],
		       const uint8_t dk[static KITH_KEM_DK]);

#endif
