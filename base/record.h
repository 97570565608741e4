/* SPDX-License-Identifier: ISC */
/*
 * Blinded DHT records: one format of 1,024 bytes for knock and presence (crypto.md 3).
 * Owners and readers use all of it (node/), storing peers only kith_record_check (dht/).
 *
 * IK' 32 | seq 8 | sig 64 | nonce 24 | ciphertext 880 | tag 16
 */
#ifndef KITH_BASE_RECORD_H
#define KITH_BASE_RECORD_H

#include "base/crypto.h"

#define KITH_RECORD         1024u
#define KITH_RECORD_CONTENT 880u
#define KITH_DAY_S          86400u

/* The secret behind a record: S, and the owner's identity. */
struct kith_record_secret {
	uint8_t s[32];
	uint8_t ik[32];
};

/* S of a knock record: KDF(cap, "cap", IK). (S of a presence record is P itself.) */
void kith_record_knock_secret(uint8_t s[static 32], const uint8_t cap[static 16],
			      const uint8_t ik[static 32]);
/* Period that `t_s` (unix seconds, corrected by the period clock) falls into, and the second at
 * which it starts. `start_s` may be NULL. */
uint64_t kith_record_period(const struct kith_record_secret *s, uint64_t t_s, uint64_t *start_s);
/* Blinded key IK' of period n and its DHT key. Errors: KITH_E_AUTH (IK is no valid point). */
int kith_record_key(const struct kith_record_secret *s, uint64_t period, uint8_t blinded[static 32],
		    struct kith_id *key) KITH_MUST_USE;
/* Seals and signs `content` (880 bytes) for period n. `ik_seed` is the owner's Ed25519 seed.
 * Errors: KITH_E_AUTH. */
int kith_record_make(uint8_t out[static KITH_RECORD], const struct kith_record_secret *s,
		     const uint8_t ik_seed[static 32], uint64_t period, uint64_t seq,
		     const uint8_t content[static KITH_RECORD_CONTENT], struct kith_noncer *noncer)
	KITH_MUST_USE;
/* What a storing peer checks: canonical torsion-free key, signature, seq < 2^63. Sets *key and
 * *seq. Errors: KITH_E_MALFORMED, KITH_E_AUTH. */
int kith_record_check(const uint8_t record[static KITH_RECORD], struct kith_id *key, uint64_t *seq)
	KITH_MUST_USE;
/* The same for a record whose key was checked before with another record: the signature alone. The
 * DHT key is a hash of the blinded one, so what is held under it tells. */
int kith_record_check_known(const uint8_t record[static KITH_RECORD], struct kith_id *key,
			    uint64_t *seq) KITH_MUST_USE;
/* Cheap look without checks: DHT key and seq as the bytes claim them. */
void kith_record_peek(const uint8_t record[static KITH_RECORD], struct kith_id *key, uint64_t *seq);
/* kith_record_check, and that it is the record of `s` in period n; then opens the content. */
int kith_record_open(uint8_t content[static KITH_RECORD_CONTENT], uint64_t *seq,
		     const uint8_t record[static KITH_RECORD], const struct kith_record_secret *s,
		     uint64_t period) KITH_MUST_USE;

#endif
