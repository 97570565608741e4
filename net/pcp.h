/* SPDX-License-Identifier: ISC */
/* Port Control Protocol, opcode MAP only: bytes. RFC 6887 7, 11. Integers are big-endian. */
#ifndef KITH_NET_PCP_H
#define KITH_NET_PCP_H

#include "base/addr.h"

#define KITH__PCP_MAP   60u /* header 24 + MAP 36, both ways */
#define KITH__PCP_NONCE 12u
#define KITH__PCP_MAX   1100u /* RFC 6887 7: longer answers are not read */

#define KITH__PCP_UNSUPP_VERSION   1u
#define KITH__PCP_ADDRESS_MISMATCH 12u /* a router in between changed the source address */

struct kith__pcp_map {
	uint8_t nonce[KITH__PCP_NONCE];
	uint8_t result;            /* answers only; 0 = success */
	uint32_t lifetime_s;       /* 0: remove */
	uint32_t epoch_s;          /* answers only */
	uint16_t internal;         /* port */
	struct kith_addr client;   /* requests only: the address this is sent from */
	struct kith_addr external; /* suggested, or assigned */
};

/* A request for UDP. */
void kith__pcp_encode(uint8_t out[static KITH__PCP_MAP], const struct kith__pcp_map *m);
/* An answer to MAP for UDP. Options behind it are skipped. KITH_E_VERSION: no PCP answer, or one
 * of a server without MAP; KITH_E_MALFORMED. */
int kith__pcp_decode(struct kith__pcp_map *m, const uint8_t *in, size_t len) KITH_MUST_USE;

#endif
