/* SPDX-License-Identifier: ISC */
#ifndef KITH_TEST_KEM768_ACCUMULATED_H
#define KITH_TEST_KEM768_ACCUMULATED_H

#include <stddef.h>
#include <stdint.h>

/* One implementation of ML-KEM-768. */
struct kem {
	void (*keygen)(uint8_t *ek, uint8_t *dk, const uint8_t *seed);
	int (*encap)(uint8_t *ct, uint8_t *ss, const uint8_t *ek, const uint8_t *m);
	void (*decap)(uint8_t *ss, const uint8_t *ct, const uint8_t *dk);
};

/* Checks both digests of mlkem_768_accumulated.json for `runs` runs; ends the case on failure. */
void kem768_accumulated(const struct kem *kem, size_t runs);

#endif
