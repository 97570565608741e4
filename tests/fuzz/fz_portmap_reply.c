/* SPDX-License-Identifier: ISC */
/* What kithd reads from kith-portmap, into the state that hears it: nothing but a grant is held. */
#include <string.h>

#include "net/mapping.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void draw(void *ctx, void *dst, size_t len)
{
	(void)ctx;
	memset(dst, 7, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct kith_mapping_config cfg = {.use = {false, false, true}, .lease_s = 3600};
	struct kith_addr gateway = kith_addr_v4(10, 1, 0, 1, 0);
	struct kith_addr local = kith_addr_v4(10, 1, 0, 2, 20000);
	uint8_t again[KITH_PORTMAP_BYTES];
	struct kith_rng rng = {.fill = draw};
	struct kith_mapping_status s;
	struct kith_portmap_reply r;
	struct kith_portmap_ask ask;
	struct kith_mapping m;

	if (kith_portmap_reply_decode(&r, data, len) != KITH_OK)
		return 0;
	kith_portmap_reply_encode(again, &r);
	KITH_ASSERT(len == sizeof(again) && memcmp(again, data, len) == 0);
	kith_mapping_init(&m, &cfg, &rng);
	kith_mapping_helper(&m, true, 1);
	kith_mapping_gateway(&m, KITH_MAPPING_IP4, &gateway, &local, 1);
	kith_mapping_tick(&m, 1);
	KITH_ASSERT(kith_mapping_ask(&m, &ask, 1));
	KITH_ASSERT(kith_mapping_reply(&m, &r, 2) == (r.seq == ask.seq));
	r.seq = ask.seq;
	(void)kith_mapping_reply(&m, &r, 2);
	kith_mapping_tick(&m, 2);
	kith_mapping_status(&m, KITH_MAPPING_IP4, &s);
	KITH_ASSERT((s.state == KITH_MAPPING_HELD) ==
		    (r.result == KITH_PORTMAP_GRANTED && r.external.port != 0));
	return 0;
}
