/* SPDX-License-Identifier: ISC */
/*
 * Bodies and their contents as a hostile contact may write them (crypto.md 5). What decodes must
 * encode to the same bytes: every layout has one form.
 */
#include <string.h>

#include "base/text.h"
#include "node/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t out[65536 + 64];

static void try_controls(const uint8_t *data, size_t len)
{
	static union {
		struct kith_accept accept;
		struct kith_list list;
		struct kith_share share;
		struct kith_link_root link;
	} c;

	if (kith__accept_decode(&c.accept, data, len) == KITH_OK)
		KITH_ASSERT(kith__accept_encode(out, sizeof(out), &c.accept) == len &&
			    memcmp(out, data, len) == 0);
	if (kith__list_decode(&c.list, data, len) == KITH_OK)
		KITH_ASSERT(kith__list_encode(out, sizeof(out), &c.list) == len &&
			    memcmp(out, data, len) == 0);
	if (kith__share_decode(&c.share, data, len) == KITH_OK)
		KITH_ASSERT(kith__share_encode(out, sizeof(out), &c.share) == len &&
			    memcmp(out, data, len) == 0);
	if (kith__link_root_decode(&c.link, data, len) == KITH_OK)
		KITH_ASSERT(kith__link_root_encode(out, sizeof(out), &c.link) == len &&
			    memcmp(out, data, len) == 0);
}

static void try_chat(const uint8_t *data, size_t len)
{
	struct kith_chat_part part;
	struct kith_chat_text text;

	if (kith__chat_part_decode(&part, data, len) == KITH_OK)
		KITH_ASSERT(part.part < part.parts && part.parts <= 16 && part.len <= len);
	if (kith__chat_tlvs_decode(&text, data, len) != KITH_OK)
		return;
	KITH_ASSERT(text.text_len <= KITH_TEXT_MAX);
	KITH_ASSERT(text.text_len == 0 ||
		    (text.text >= data && text.text + text.text_len <= data + len));
	KITH_ASSERT(kith_text_valid((const char *)text.text, text.text_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct kith_body b;
	size_t n;

	if (kith__body_decode(&b, data, len) == KITH_OK) {
		n = kith__body_encode(out, sizeof(out), &b);
		KITH_ASSERT(n != 0 && n <= len && memcmp(out, data, n) == 0);
		try_controls(b.content, b.len);
		try_chat(b.content, b.len);
	}
	try_controls(data, len);
	try_chat(data, len);
	return 0;
}
