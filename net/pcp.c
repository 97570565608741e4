/* SPDX-License-Identifier: ISC */
/*
 * PCP MAP. The answer to an unknown version may be as short as a header (RFC 6887 9.4), and a
 * NAT-PMP server answers in its own form (version 0, 8 bytes): both are "another version" here.
 */
#include <string.h>

#include "net/pcp.h"

#define VERSION  2u
#define OP_MAP   1u
#define RESPONSE 0x80u
#define UDP      17u
#define HEADER   24u

static void write_u32be(struct kith_writer *w, uint32_t v)
{
	kith_write_u16be(w, (uint16_t)(v >> 16));
	kith_write_u16be(w, (uint16_t)v);
}

static uint32_t read_u32be(struct kith_reader *r)
{
	uint32_t high = kith_read_u16be(r);

	return high << 16 | kith_read_u16be(r);
}

void kith__pcp_encode(uint8_t out[static KITH__PCP_MAP], const struct kith__pcp_map *m)
{
	struct kith_writer w;

	kith_writer_init(&w, out, KITH__PCP_MAP);
	kith_write_u8(&w, VERSION);
	kith_write_u8(&w, OP_MAP);
	kith_write_zeros(&w, 2);
	write_u32be(&w, m->lifetime_s);
	kith_write_bytes(&w, m->client.ip, 16);
	kith_write_bytes(&w, m->nonce, KITH__PCP_NONCE);
	kith_write_u8(&w, UDP);
	kith_write_zeros(&w, 3);
	kith_write_u16be(&w, m->internal);
	kith_write_u16be(&w, m->external.port);
	kith_write_bytes(&w, m->external.ip, 16);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
}

int kith__pcp_decode(struct kith__pcp_map *m, const uint8_t *in, size_t len)
{
	struct kith__pcp_map out;
	struct kith_reader r;
	uint8_t version, op;

	memset(&out, 0, sizeof(out));
	if (len < 4 || len > KITH__PCP_MAX)
		return KITH_E_MALFORMED;
	kith_reader_init(&r, in, len);
	version = kith_read_u8(&r);
	op = kith_read_u8(&r);
	kith_read_skip(&r, 1);
	out.result = kith_read_u8(&r);
	if (version != VERSION)
		return version == 0 && out.result != 0 ? KITH_E_VERSION : KITH_E_MALFORMED;
	if (op != (RESPONSE | OP_MAP) || len < HEADER || len % 4 != 0)
		return KITH_E_MALFORMED;
	if (out.result == KITH__PCP_UNSUPP_VERSION)
		return KITH_E_VERSION;
	out.lifetime_s = read_u32be(&r);
	out.epoch_s = read_u32be(&r);
	kith_read_skip(&r, 12);
	kith_read_bytes(&r, out.nonce, KITH__PCP_NONCE);
	if (kith_read_u8(&r) != UDP)
		kith_read_fail(&r);
	kith_read_skip(&r, 3);
	out.internal = kith_read_u16be(&r);
	out.external.port = kith_read_u16be(&r);
	kith_read_bytes(&r, out.external.ip, 16);
	if (!kith_read_ok(&r))
		return KITH_E_MALFORMED;
	*m = out;
	return KITH_OK;
}
