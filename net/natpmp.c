/* SPDX-License-Identifier: ISC */
/*
 * NAT-PMP. A refusal may be cut down to 8 bytes; a grant has its whole length. Only UDP mappings
 * (opcode 1) and the external address (opcode 0) exist here.
 */
#include <string.h>

#include "net/natpmp.h"

#define RESPONSE    128u
#define OP_ADDRESS  0u
#define OP_MAP_UDP  1u
#define LEN_ADDRESS 12u
#define LEN_MAP     16u
#define LEN_REFUSAL 8u

static uint32_t read_u32be(struct kith_reader *r)
{
	uint32_t high = kith_read_u16be(r);

	return high << 16 | kith_read_u16be(r);
}

void kith__natpmp_encode_address(uint8_t out[static KITH__NATPMP_ADDRESS])
{
	memset(out, 0, KITH__NATPMP_ADDRESS);
}

void kith__natpmp_encode_map(uint8_t out[static KITH__NATPMP_MAP], uint16_t internal,
			     uint16_t external, uint32_t lifetime_s)
{
	struct kith_writer w;

	kith_writer_init(&w, out, KITH__NATPMP_MAP);
	kith_write_u8(&w, 0);
	kith_write_u8(&w, OP_MAP_UDP);
	kith_write_zeros(&w, 2);
	kith_write_u16be(&w, internal);
	kith_write_u16be(&w, external);
	kith_write_u16be(&w, (uint16_t)(lifetime_s >> 16));
	kith_write_u16be(&w, (uint16_t)lifetime_s);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
}

int kith__natpmp_decode(struct kith__natpmp_answer *a, const uint8_t *in, size_t len)
{
	struct kith__natpmp_answer out;
	struct kith_reader r;
	uint8_t version, op;

	memset(&out, 0, sizeof(out));
	kith_reader_init(&r, in, len);
	version = kith_read_u8(&r);
	op = kith_read_u8(&r);
	if (len < LEN_REFUSAL)
		return KITH_E_MALFORMED;
	if (version != 0)
		return KITH_E_VERSION;
	if (op != (RESPONSE | OP_ADDRESS) && op != (RESPONSE | OP_MAP_UDP))
		return KITH_E_MALFORMED;
	out.kind = op == (RESPONSE | OP_MAP_UDP) ? KITH__NATPMP_IS_MAP : KITH__NATPMP_IS_ADDRESS;
	out.result = kith_read_u16be(&r);
	out.epoch_s = read_u32be(&r);
	if (out.result == 0 && out.kind == KITH__NATPMP_IS_ADDRESS) {
		memset(out.external.ip + 10, 0xff, 2);
		kith_read_bytes(&r, out.external.ip + 12, 4);
		if (len != LEN_ADDRESS)
			kith_read_fail(&r);
	} else if (out.result == 0) {
		out.internal = kith_read_u16be(&r);
		out.external.port = kith_read_u16be(&r);
		out.lifetime_s = read_u32be(&r);
		if (len != LEN_MAP)
			kith_read_fail(&r);
	} else if (len > LEN_MAP) {
		kith_read_fail(&r);
	}
	if (!kith_read_ok(&r))
		return KITH_E_MALFORMED;
	*a = out;
	return KITH_OK;
}
