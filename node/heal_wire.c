/* SPDX-License-Identifier: ISC */
#include "node/heal_wire.h"

#include "base/bytes.h"

size_t kith__heal_encode(uint8_t out[static KITH_HEAL_MAX], enum kith_heal_op op,
			 const uint8_t *inner)
{
	struct kith_writer w;

	KITH_ASSERT((inner == NULL) == (op == KITH_HEAL_WANTED));
	kith_writer_init(&w, out, KITH_HEAL_MAX);
	kith_write_u8(&w, KITH_HEAL_KIND);
	kith_write_u8(&w, (uint8_t)op);
	if (inner != NULL)
		kith_write_bytes(&w, inner, KITH_INNER);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
	return w.len;
}

int kith__heal_decode(enum kith_heal_op *op, const uint8_t **inner, const uint8_t *in, size_t len)
{
	struct kith_reader r;
	const uint8_t *view = NULL;
	uint8_t kind, code;

	kith_reader_init(&r, in, len);
	kind = kith_read_u8(&r);
	code = kith_read_u8(&r);
	if (kind != KITH_HEAL_KIND || code < KITH_HEAL_WANTED || code > KITH_HEAL_REQUEST)
		return KITH_E_MALFORMED;
	if (code != KITH_HEAL_WANTED)
		view = kith_read_view(&r, KITH_INNER);
	if (kith_read_end(&r) != KITH_OK)
		return KITH_E_MALFORMED;
	*op = (enum kith_heal_op)code;
	*inner = view;
	return KITH_OK;
}
