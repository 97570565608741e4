/* SPDX-License-Identifier: ISC */
/*
 * The decoder of message bodies, below the seal. What decodes without skipped contacts must encode
 * to the same bytes but for unused flags, which are masked out first.
 */
#include <string.h>

#include "dht/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void round_trip(const uint8_t *body, size_t len)
{
	uint8_t again[KITH__RPC_BODY_MAX];
	struct kith__msg m, back;

	if (kith__wire_decode(&m, body, len) != KITH__PARSE_OK)
		return;
	KITH_ASSERT(m.count + m.skipped <= KITH__RPC_CONTACTS);
	if (m.skipped != 0 || (!kith__wire_is_reply(m.method) && len < 64))
		return;
	if (kith__wire_is_reply(m.method) && m.method != KITH__NODES && m.method != KITH__VALUE)
		m.flags &= (uint16_t)~KITH__COUNT;
	kith__wire_encode(again, len, &m);
	KITH_ASSERT(kith__wire_decode(&back, again, len) == KITH__PARSE_OK);
	KITH_ASSERT(back.count == m.count && back.seq == m.seq && back.tx == m.tx);
	KITH_ASSERT(memcmp(again + 4, body + 4, 12) == 0);
	if (m.method != KITH__NODES && m.method != KITH__VALUE)
		KITH_ASSERT(memcmp(again + 16, body + 16, len - 16) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const size_t sizes[] = {64, 432, 1152};
	uint8_t body[KITH__RPC_BODY_MAX];
	struct kith__msg m;
	size_t i;

	(void)kith__wire_decode(&m, data, len);
	for (i = 0; i < 3; i++) {
		memset(body, 0, sizeof(body));
		memcpy(body, data, len < sizes[i] ? len : sizes[i]);
		round_trip(body, sizes[i]);
	}
	return 0;
}
