/* SPDX-License-Identifier: ISC */
/*
 * Text that strangers wrote: validity, and a form that is safe on a terminal (client.md 5.3).
 */
#ifndef KITH_BASE_TEXT_H
#define KITH_BASE_TEXT_H

#include "base/status.h"
#include "base/types.h"

/* True for well-formed UTF-8 (no overlong forms, no surrogates, <= U+10FFFF) without NUL. */
bool kith_text_valid(const char *text, size_t len);

/* True for one that can be shown as it is: valid, no control, direction, invisible or private
 * character in it, and not blank. For names that people give themselves. */
bool kith_text_plain(const char *text, size_t len);

enum kith_text_mode {
	KITH_TEXT_NAME, /* one line, cut at 32 columns with an ellipsis */
	KITH_TEXT_BODY  /* newlines kept, every further line indented by `indent` spaces */
};

/* Writes `text` so that it can do nothing to a terminal: controls, bidi controls, zero-width and
 * private characters appear as \u{..}; at most 2 combining marks per base. Returns the length of
 * the complete form (as snprintf); at most cap - 1 bytes and a NUL are written. */
size_t kith_text_show(char *out, size_t cap, enum kith_text_mode mode, unsigned indent,
		      const char *text, size_t len);
/* Columns the shown form takes on a terminal: those of its widest line, an upper bound for emoji.
 */
size_t kith_text_columns(const char *shown);

#endif
