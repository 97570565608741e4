/* SPDX-License-Identifier: ISC */
/* The 64-byte messages of kith-portmap, both ways. */
#include <string.h>

#include "base/portmap.h"

#define VERSION 1u
#define UDP     17u

void kith_portmap_ask_encode(uint8_t out[static KITH_PORTMAP_BYTES],
			     const struct kith_portmap_ask *a)
{
	struct kith_writer w;

	kith_writer_init(&w, out, KITH_PORTMAP_BYTES);
	kith_write_u8(&w, VERSION);
	kith_write_u8(&w, (uint8_t)a->verb);
	kith_write_u32(&w, a->seq);
	kith_write_u8(&w, UDP);
	kith_write_u8(&w, 0);
	kith_write_u16(&w, a->internal);
	kith_write_u16(&w, a->external);
	kith_write_u32(&w, a->lease_s);
	kith_addr_write(&w, &a->gateway);
	kith_addr_write(&w, &a->local);
	kith_write_pad(&w, KITH_PORTMAP_BYTES);
}

int kith_portmap_ask_decode(struct kith_portmap_ask *a, const uint8_t *in, size_t len)
{
	struct kith_portmap_ask out;
	struct kith_reader r;
	uint8_t verb;

	memset(&out, 0, sizeof(out));
	kith_reader_init(&r, in, len);
	if (len != KITH_PORTMAP_BYTES || kith_read_u8(&r) != VERSION)
		return KITH_E_MALFORMED;
	verb = kith_read_u8(&r);
	if (verb != KITH_PORTMAP_ADD && verb != KITH_PORTMAP_DELETE)
		kith_read_fail(&r);
	out.verb = verb == KITH_PORTMAP_ADD ? KITH_PORTMAP_ADD : KITH_PORTMAP_DELETE;
	out.seq = kith_read_u32(&r);
	if (kith_read_u8(&r) != UDP)
		kith_read_fail(&r);
	kith_read_zeros(&r, 1);
	out.internal = kith_read_u16(&r);
	out.external = kith_read_u16(&r);
	out.lease_s = kith_read_u32(&r);
	kith_addr_read(&r, &out.gateway);
	kith_addr_read(&r, &out.local);
	kith_read_zeros(&r, 10);
	if (!kith_addr_is_v4(&out.gateway) || !kith_addr_is_v4(&out.local) || out.internal == 0 ||
	    out.external == 0)
		kith_read_fail(&r);
	if (kith_read_end(&r) != KITH_OK)
		return KITH_E_MALFORMED;
	*a = out;
	return KITH_OK;
}

void kith_portmap_reply_encode(uint8_t out[static KITH_PORTMAP_BYTES],
			       const struct kith_portmap_reply *r)
{
	struct kith_writer w;

	kith_writer_init(&w, out, KITH_PORTMAP_BYTES);
	kith_write_u8(&w, VERSION);
	kith_write_u8(&w, (uint8_t)r->result);
	kith_write_u32(&w, r->seq);
	kith_write_u32(&w, r->lease_s);
	kith_addr_write(&w, &r->external);
	kith_write_u16(&w, r->code);
	kith_write_pad(&w, KITH_PORTMAP_BYTES);
}

int kith_portmap_reply_decode(struct kith_portmap_reply *reply, const uint8_t *in, size_t len)
{
	struct kith_portmap_reply out;
	struct kith_reader r;
	uint8_t result;

	memset(&out, 0, sizeof(out));
	kith_reader_init(&r, in, len);
	if (len != KITH_PORTMAP_BYTES || kith_read_u8(&r) != VERSION)
		return KITH_E_MALFORMED;
	result = kith_read_u8(&r);
	if (result >= KITH_PORTMAP_RESULTS)
		return KITH_E_MALFORMED;
	out.result = (enum kith_portmap_result)result;
	out.seq = kith_read_u32(&r);
	out.lease_s = kith_read_u32(&r);
	kith_addr_read(&r, &out.external);
	out.code = kith_read_u16(&r);
	kith_read_zeros(&r, 33);
	if (!kith_addr_is_none(&out.external) && !kith_addr_is_v4(&out.external))
		kith_read_fail(&r);
	if (kith_read_end(&r) != KITH_OK)
		return KITH_E_MALFORMED;
	*reply = out;
	return KITH_OK;
}
