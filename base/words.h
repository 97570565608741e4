/* SPDX-License-Identifier: ISC */
/* Recovery words: a random secret that a person can write down (store.md 6, client.md 2.2). */
#ifndef KITH_BASE_WORDS_H
#define KITH_BASE_WORDS_H

#include "base/status.h"
#include "base/types.h"

#define KITH_WORDS        24u
#define KITH_WORDS_SECRET 29u               /* bytes: 232 random bits */
#define KITH_WORDS_TEXT   (KITH_WORDS * 9u) /* words of at most 8 letters, spaces, a zero */

/* The words of a secret, in lower case, one space between them. */
void kith_words_encode(const uint8_t secret[static KITH_WORDS_SECRET],
		       char out[static KITH_WORDS_TEXT]);
/* Brings typed words into that form: any case and space, four letters of a word suffice.
 * KITH_E_MALFORMED: not 24 words of the list, or they do not belong together; `out` is untouched.
 */
int kith_words_parse(const char *text, size_t len, char out[static KITH_WORDS_TEXT]) KITH_MUST_USE;

#endif
