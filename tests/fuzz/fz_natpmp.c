/* SPDX-License-Identifier: ISC */
/*
 * Answers of a router to PCP and NAT-PMP: pieces of the input (u8 length each) come from the
 * gateway while time runs, patched at will with the nonce that an honest router would repeat.
 * Whatever it says, a mapping that is held names a port and an address that can be used.
 */
#include <string.h>

#include "net/mapping.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void draw(void *ctx, void *dst, size_t len)
{
	(void)ctx;
	memset(dst, 0x5a, len);
}

static void check(const struct kith_mapping *m)
{
	struct kith_mapping_status s;

	kith_mapping_status(m, KITH_MAPPING_IP4, &s);
	if (s.state != KITH_MAPPING_HELD)
		return;
	KITH_ASSERT(s.external.port != 0 && kith_addr_is_v4(&s.external));
	KITH_ASSERT(!kith_addr_is_loopback(&s.external) && s.lease_s > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct kith_mapping_config cfg = {.use = {true, true, false}, .lease_s = 3600};
	struct kith_addr gateway = kith_addr_v4(10, 1, 0, 1, 5351);
	struct kith_addr local = kith_addr_v4(10, 1, 0, 2, 20000);
	struct kith_rng rng = {.fill = draw};
	struct kith_dgram_out out;
	struct kith_reader r;
	struct kith_mapping m;
	kith_time now = 1000000;

	kith_mapping_init(&m, &cfg, &rng);
	kith_mapping_gateway(&m, KITH_MAPPING_IP4, &gateway, &local, now);
	kith_reader_init(&r, data, len);
	while (kith_read_ok(&r) && r.left > 1) {
		uint8_t way = kith_read_u8(&r), piece[256] = {0};
		size_t n = kith_read_u8(&r);
		struct kith_dgram_in in = {.remote = gateway, .local = local, .data = piece};

		in.len = n < r.left ? n : r.left;
		kith_read_bytes(&r, piece, in.len);
		if ((way & 1) != 0 && in.len >= 42) { /* the nonce and port that were asked with */
			memset(piece + 24, 0x5a, 12);
			piece[36] = 17;
			piece[40] = 0x4e;
			piece[41] = 0x20;
		}
		KITH_ASSERT(kith_mapping_input(&m, &in, now));
		check(&m);
		now += (kith_time)(way >> 1) * (way >> 1) * 100000u;
		if ((way & 2) != 0)
			kith_mapping_again(&m, now);
		kith_mapping_tick(&m, now);
		check(&m);
		while (kith_mapping_output(&m, &out, now))
			KITH_ASSERT(out.len <= 60 && kith_addr_equal(&out.remote, &gateway));
		KITH_ASSERT(kith_mapping_deadline(&m) != 0);
	}
	while (!kith_mapping_stop(&m, now)) {
		while (kith_mapping_output(&m, &out, now))
			;
		now += 100000;
	}
	return 0;
}
