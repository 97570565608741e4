/* SPDX-License-Identifier: ISC */
/* NAT-PMP: bytes. RFC 6886 3. Integers are big-endian. */
#ifndef KITH_NET_NATPMP_H
#define KITH_NET_NATPMP_H

#include "base/addr.h"

#define KITH__NATPMP_ADDRESS 2u  /* request for the external address */
#define KITH__NATPMP_MAP     12u /* request for a mapping */

enum kith__natpmp_kind { KITH__NATPMP_IS_ADDRESS, KITH__NATPMP_IS_MAP };

struct kith__natpmp_answer {
	enum kith__natpmp_kind kind;
	uint16_t result; /* 0 = success; else only kind, result and epoch are filled */
	uint32_t epoch_s;
	struct kith_addr external; /* ADDRESS: address, no port; MAP: port, no address */
	uint16_t internal;         /* MAP */
	uint32_t lifetime_s;       /* MAP; 0 = removed */
};

/* A request for the external address. */
void kith__natpmp_encode_address(uint8_t out[static KITH__NATPMP_ADDRESS]);
/* A mapping for UDP; lifetime 0 removes it, and external must then be 0. */
void kith__natpmp_encode_map(uint8_t out[static KITH__NATPMP_MAP], uint16_t internal,
			     uint16_t external, uint32_t lifetime_s);
/* KITH_E_VERSION: an answer of another version; KITH_E_MALFORMED. */
int kith__natpmp_decode(struct kith__natpmp_answer *a, const uint8_t *in, size_t len) KITH_MUST_USE;

#endif
