/* SPDX-License-Identifier: ISC */
/*
 * Chat content (type 0x0001, crypto.md 5): one text as a run of TLVs, cut into parts.
 *
 *	part     mid 16 | part 1 | parts 1 | in part 0: hlc 8 | bytes
 *	TLVs     all bytes together: type 1 | length 2 | value; ascending, each once except files
 *
 * A type that this version does not know is skipped and told, never refused.
 */
#include "node/proto.h"

#include <string.h>

#include "base/text.h"

#define PARTS_MAX 16u
#define HEAD      18u /* mid, part, parts */
#define HEAD_0    26u /* and hlc */
#define MID       16u

enum tlv { TLV_TEXT = 1, TLV_REPLY = 2, TLV_FILE = 4 };

size_t kith__chat_tlvs_encode(uint8_t *out, size_t cap, const struct kith_chat *c)
{
	struct kith_writer w;

	if (c->text_len > KITH_TEXT_MAX)
		return 0;
	kith_writer_init(&w, out, cap);
	kith_write_u8(&w, TLV_TEXT);
	kith_write_u16(&w, (uint16_t)c->text_len);
	kith_write_bytes(&w, c->text, c->text_len);
	if (c->has_reply) {
		kith_write_u8(&w, TLV_REPLY);
		kith_write_u16(&w, MID);
		kith_write_bytes(&w, c->reply.b, MID);
	}
	return kith_write_end(&w) == KITH_OK ? w.len : 0;
}

unsigned kith__chat_parts(size_t tlv_len, size_t part_max)
{
	size_t parts = 1;

	KITH_ASSERT(part_max > HEAD_0);
	if (tlv_len > part_max - HEAD_0)
		parts += (tlv_len - (part_max - HEAD_0) + part_max - HEAD - 1) / (part_max - HEAD);
	return parts <= PARTS_MAX ? (unsigned)parts : 0;
}

size_t kith__chat_part_encode(uint8_t *out, size_t cap, const struct kith_chat *c, unsigned part,
			      unsigned parts, const uint8_t *tlvs, size_t tlv_len, size_t part_max)
{
	size_t start = part == 0 ? 0 : part_max - HEAD_0 + (part - 1) * (part_max - HEAD);
	size_t len = part == 0 ? part_max - HEAD_0 : part_max - HEAD;
	struct kith_writer w;

	KITH_ASSERT(part_max > HEAD_0 && part < parts && parts <= PARTS_MAX && start <= tlv_len);
	if (len > tlv_len - start)
		len = tlv_len - start;
	kith_writer_init(&w, out, cap);
	kith_write_bytes(&w, c->mid.b, MID);
	kith_write_u8(&w, (uint8_t)part);
	kith_write_u8(&w, (uint8_t)parts);
	if (part == 0)
		kith_write_u64(&w, c->hlc);
	kith_write_bytes(&w, tlvs + start, len);
	return kith_write_end(&w) == KITH_OK ? w.len : 0;
}

int kith__chat_part_decode(struct kith_chat_part *p, const uint8_t *in, size_t len)
{
	struct kith_chat_part got;
	struct kith_reader r;

	kith_reader_init(&r, in, len);
	kith_read_bytes(&r, got.mid.b, MID);
	got.part = kith_read_u8(&r);
	got.parts = kith_read_u8(&r);
	got.hlc = got.part == 0 ? kith_read_u64(&r) : 0;
	got.len = r.left;
	got.bytes = kith_read_view(&r, r.left);
	if (kith_read_end(&r) != KITH_OK || got.parts > PARTS_MAX || got.part >= got.parts)
		return KITH_E_MALFORMED;
	*p = got;
	return KITH_OK;
}

/* Takes one TLV into `t`. */
static void take(struct kith_chat_text *t, struct kith_reader *r, unsigned type)
{
	size_t len = kith_read_u16(r);
	const uint8_t *value = kith_read_view(r, len);

	if (value == NULL)
		return;
	if (type == TLV_TEXT) {
		t->text = value;
		t->text_len = len;
		if (len > KITH_TEXT_MAX || !kith_text_valid((const char *)value, len))
			kith_read_fail(r);
	} else if (type == TLV_REPLY) {
		t->has_reply = true;
		if (len == MID)
			memcpy(t->reply.b, value, MID);
		else
			kith_read_fail(r);
	} else {
		t->newer = true;
	}
}

int kith__chat_tlvs_decode(struct kith_chat_text *t, const uint8_t *in, size_t len)
{
	struct kith_chat_text got;
	struct kith_reader r;
	unsigned last = 0;

	memset(&got, 0, sizeof(got));
	kith_reader_init(&r, in, len);
	while (kith_read_ok(&r) && r.left != 0) {
		unsigned type = kith_read_u8(&r);

		if (type < last || (type == last && type != TLV_FILE))
			kith_read_fail(&r);
		last = type;
		take(&got, &r, type);
	}
	if (kith_read_end(&r) != KITH_OK)
		return KITH_E_MALFORMED;
	*t = got;
	return KITH_OK;
}
