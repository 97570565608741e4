/* SPDX-License-Identifier: ISC */
/* What the broker reads from kithd: all or nothing, and what is accepted has one form. */
#include <string.h>

#include "base/portmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t again[KITH_PORTMAP_BYTES];
	struct kith_portmap_ask a;

	if (kith_portmap_ask_decode(&a, data, len) != KITH_OK)
		return 0;
	kith_portmap_ask_encode(again, &a);
	KITH_ASSERT(len == sizeof(again) && memcmp(again, data, len) == 0);
	KITH_ASSERT(a.internal != 0 && a.external != 0 && kith_addr_is_v4(&a.gateway));
	return 0;
}
