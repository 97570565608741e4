/* SPDX-License-Identifier: ISC */
/*
 * Records as a storing peer and a reader meet them (crypto.md 3), and the address and text forms
 * that their contents carry. The reader's keys are fixed, so a corpus record can open; whatever
 * opens must check, and the two must name the same key.
 */
#include <string.h>

#include "base/addr.h"
#include "base/record.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void try_record(const uint8_t record[KITH_RECORD])
{
	struct kith_record_secret s;
	uint8_t seed[32], content[KITH_RECORD_CONTENT];
	struct kith_id key, claimed;
	uint64_t seq, claimed_seq;
	int checked, opened;

	memset(seed, 1, sizeof(seed));
	memset(s.s, 2, sizeof(s.s));
	kith_sign_public(s.ik, seed);
	kith_record_peek(record, &claimed, &claimed_seq);
	checked = kith_record_check(record, &key, &seq);
	opened = kith_record_open(content, &seq, record, &s, 20000);
	KITH_ASSERT(opened != KITH_OK || checked == KITH_OK);
	if (checked == KITH_OK)
		KITH_ASSERT(kith_equal(key.b, claimed.b, 32));
	if (opened == KITH_OK)
		KITH_ASSERT(seq == claimed_seq);
}

static void try_address(const uint8_t *data, size_t len)
{
	struct kith_reader r;
	struct kith_addr a, b;
	char text[KITH_ADDR_TEXT];

	kith_reader_init(&r, data, len);
	kith_addr_read(&r, &a);
	if (!kith_read_ok(&r) || kith_addr_is_none(&a))
		return;
	kith_addr_format(text, &a);
	KITH_ASSERT(kith_addr_parse(&b, text) == KITH_OK && kith_addr_equal(&a, &b));
}

static void try_text(const uint8_t *data, size_t len)
{
	char out[4096];
	size_t i;

	(void)kith_text_show(out, sizeof(out), KITH_TEXT_NAME, 0, (const char *)data, len);
	KITH_ASSERT(kith_text_valid(out, strlen(out)) && kith_text_columns(out) <= 32);
	for (i = 0; out[i] != '\0'; i++)
		KITH_ASSERT((uint8_t)out[i] >= 0x20 && out[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t record[KITH_RECORD] = {0};

	memcpy(record, data, len < sizeof(record) ? len : sizeof(record));
	try_record(record);
	try_address(data, len);
	if (len != 0)
		try_text(data, len);
	return 0;
}
