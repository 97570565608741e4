/* SPDX-License-Identifier: ISC */
/* Links, hints and recovery words that people paste (client.md 5.2): what is read must be written
 * the same way. */
#include <string.h>

#include "base/words.h"
#include "node/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data;
	char out[KITH_LINK_TEXT], words[KITH_WORDS_TEXT];
	struct kith_address a, again;
	struct kith_hint hint[3], hint_again[3];
	size_t hints, hints_again;

	if (kith__link_parse(&a, hint, &hints, text, len) == KITH_LINK_OK) {
		kith__link_format(out, &a, hint, hints);
		KITH_ASSERT(kith__link_parse(&again, hint_again, &hints_again, out, strlen(out)) ==
			    KITH_LINK_OK);
		KITH_ASSERT(hints == hints_again && kith_equal(&a, &again, sizeof(a)));
	}
	if (kith_words_parse(text, len, words) == KITH_OK) {
		KITH_ASSERT(strlen(words) < sizeof(words));
		KITH_ASSERT(kith_words_parse(words, strlen(words), out) == KITH_OK &&
			    strcmp(words, out) == 0);
	}
	if (kith__hint_parse(&hint[0], text, len) == KITH_OK) {
		kith__hint_format(out, &hint[0]);
		KITH_ASSERT(strlen(out) == len);
	}
	return 0;
}
