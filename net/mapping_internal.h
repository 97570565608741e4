/* SPDX-License-Identifier: ISC */
/* Between mapping.c (rounds and timers) and mapping_wire.c (datagrams). */
#ifndef KITH_NET_MAPPING_INTERNAL_H
#define KITH_NET_MAPPING_INTERNAL_H

#include "net/mapping.h"

#define KITH__MAPPING_PORT 5351u /* of PCP and NAT-PMP */

/* A router said yes: the mapping is held from now on, unless another protocol holds it. */
void kith__mapping_granted(struct kith_mapping *m, struct kith__mapping_side *s,
			   enum kith_mapping_proto p, const struct kith_addr *external,
			   uint32_t lease_s, kith_time now);
/* A router said no, in the code of its protocol. */
void kith__mapping_refused(struct kith_mapping *m, struct kith__mapping_side *s,
			   enum kith_mapping_proto p, uint16_t code, kith_time now);
/* What was granted is taken back, or the router does not know it. */
void kith__mapping_removed(struct kith__mapping_side *s, enum kith_mapping_proto p);
/* The router's count of seconds since it lost its state (RFC 6887 8.5). */
void kith__mapping_epoch(struct kith_mapping *m, struct kith__mapping_side *s, uint32_t epoch_s,
			 kith_time now);

#endif
