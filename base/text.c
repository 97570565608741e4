/* SPDX-License-Identifier: ISC */
/*
 * Text of strangers for terminals (client.md 5.3).
 *
 * A text is walked as units: one character as it is, one escape, one newline with the indent of
 * the next line, or nothing (a combining mark too many). What is cut is cut between units.
 */
#include "base/text.h"

#include <string.h>

#include "base/text_internal.h"

#define NAME_COLUMNS 32u /* client.md 5.3 */
#define MARKS_MAX    2u  /* combining marks per base */

static const char ellipsis[] = "\xe2\x80\xa6";

/* ---- UTF-8 ---- */

/* Length of the well-formed character at p (RFC 3629 section 4), or 0. */
static size_t decode(const char *p, size_t left, uint32_t *out)
{
	static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t first = (uint8_t)p[0];
	size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t cp = len == 1 ? first : first & (0x7fu >> len);
	size_t i;

	if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || len > left)
		return 0;
	for (i = 1; i < len; i++) {
		uint8_t c = (uint8_t)p[i];

		if ((c & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (c & 0x3fu);
	}
	if (cp < smallest[len] || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		return 0;
	*out = cp;
	return len;
}

bool kith_text_valid(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		uint32_t cp;
		size_t n = decode(text + at, len - at, &cp);

		if (n == 0 || cp == 0)
			return false;
		at += n;
	}
	return true;
}

/* ---- kinds of characters ---- */

static bool in_table(const struct kith__text_range *table, size_t count, uint32_t cp)
{
	size_t low = 0;

	while (count > 0) {
		size_t half = count / 2;

		if (cp > table[low + half].last) {
			low += half + 1;
			count -= half + 1;
		} else if (cp >= table[low + half].first) {
			return true;
		} else {
			count = half;
		}
	}
	return false;
}

static bool is_mark(uint32_t cp)
{
	return in_table(kith__text_marks, kith__text_marks_count, cp);
}

static bool is_joiner(uint32_t cp)
{
	return cp == 0x200c || cp == 0x200d;
}

/* Never shown as it is. Joiners depend on their neighbours and are not decided here. */
static bool is_dangerous(uint32_t cp)
{
	static const struct kith__text_range table[] = {
		{0x00, 0x1f},        {0x7f, 0x9f},   /* C0, DEL, C1 */
		{0xad, 0xad},        {0x61c, 0x61c}, /* soft hyphen, bidi mark */
		{0x115f, 0x1160},    {0x17b4, 0x17b5},
		{0x180b, 0x180f},                      /* invisible letters */
		{0x200b, 0x200b},    {0x200e, 0x200f}, /* zero width, bidi marks */
		{0x2028, 0x202e},    {0x2060, 0x206f}, /* line ends, bidi, operators */
		{0x2800, 0x2800},    {0x3164, 0x3164}, /* blank letters */
		{0xe000, 0xf8ff},    {0xfdd0, 0xfdef}, /* private, non-characters */
		{0xfeff, 0xfeff},    {0xffa0, 0xffa0},
		{0xfff0, 0xfffb},                        /* BOM, blank, annotations */
		{0xe0000, 0xe00ff},  {0xe01f0, 0xe0fff}, /* tags */
		{0xf0000, 0x10ffff},                     /* private */
	};

	return (cp & 0xfffe) == 0xfffe || in_table(table, sizeof(table) / sizeof(table[0]), cp);
}

bool kith_text_plain(const char *text, size_t len)
{
	bool blank = true;
	size_t at = 0;

	while (at < len) {
		uint32_t cp;
		size_t n = decode(text + at, len - at, &cp);

		if (n == 0 || is_dangerous(cp))
			return false;
		blank = blank && cp == ' ';
		at += n;
	}
	return !blank;
}

/* Letters of scripts that use joiners, and emoji. Latin, Greek and Cyrillic have no use for them,
 * so there a joiner could only hide. */
static bool takes_joiner(uint32_t cp)
{
	if (cp < 0x600 || is_dangerous(cp) || is_joiner(cp))
		return false;
	return cp < 0x2000 || (cp >= 0x2190 && cp < 0x2c00) || cp >= 0x3040;
}

static size_t columns_of(uint32_t cp)
{
	if (is_mark(cp) || is_joiner(cp))
		return 0;
	return in_table(kith__text_wide, kith__text_wide_count, cp) ? 2 : 1;
}

/* ---- the walk ---- */

struct walk {
	const char *text;
	size_t len, at;
	enum kith_text_mode mode;
	uint32_t before; /* last character shown as it is; 0 after an escape or newline */
	unsigned marks;  /* since the last base */
};

struct unit {
	char text[16];
	size_t len, columns;
	bool newline;
};

/* \u{1B}; a byte that is no UTF-8 as \x{FF}. */
static void escape(struct unit *u, char kind, uint32_t cp)
{
	char digits[8];
	size_t count = 0;

	do {
		digits[count++] = "0123456789ABCDEF"[cp & 15];
		cp >>= 4;
	} while (cp != 0);
	u->text[0] = '\\';
	u->text[1] = kind;
	u->text[2] = '{';
	u->len = 3;
	while (count > 0)
		u->text[u->len++] = digits[--count];
	u->text[u->len++] = '}';
	u->columns = u->len;
}

/* Whether the joiner that ends at w->at stands between two characters that use it. */
static bool joiner_fits(const struct walk *w)
{
	uint32_t next;

	return takes_joiner(w->before) && w->at < w->len &&
	       decode(w->text + w->at, w->len - w->at, &next) != 0 && takes_joiner(next);
}

static bool shown_plain(struct walk *w, uint32_t cp)
{
	if (is_joiner(cp))
		return joiner_fits(w);
	return !is_dangerous(cp) && !(is_mark(cp) && w->before == 0);
}

static bool next_unit(struct walk *w, struct unit *u)
{
	const char *p = w->text + w->at;
	uint32_t cp;
	size_t n;

	memset(u, 0, sizeof(*u));
	if (w->at == w->len)
		return false;
	n = decode(p, w->len - w->at, &cp);
	w->at += n != 0 ? n : 1;
	if (n == 0 || !shown_plain(w, cp)) {
		u->newline = n != 0 && cp == '\n' && w->mode == KITH_TEXT_BODY;
		if (n == 0)
			escape(u, 'x', (uint8_t)*p);
		else if (!u->newline)
			escape(u, 'u', cp);
		w->before = 0;
		w->marks = 0;
		return true;
	}
	if (is_mark(cp)) {
		if (++w->marks > MARKS_MAX)
			return true;
	} else if (!is_joiner(cp)) {
		w->marks = 0;
	}
	w->before = cp;
	memcpy(u->text, p, n);
	u->len = n;
	u->columns = columns_of(cp);
	return true;
}

/* ---- output ---- */

struct sink {
	char *out;
	size_t cap, len, total;
	bool full; /* a unit did not fit: nothing behind it is written */
};

static void put(struct sink *s, const char *text, size_t len)
{
	s->total += len;
	if (s->full || len >= s->cap - s->len) {
		s->full = true;
		return;
	}
	memcpy(s->out + s->len, text, len);
	s->len += len;
}

static size_t name_columns(const struct walk *from)
{
	struct walk w = *from;
	struct unit u;
	size_t columns = 0;

	while (columns <= NAME_COLUMNS && next_unit(&w, &u))
		columns += u.columns;
	return columns;
}

static void show_name(struct sink *s, struct walk *w)
{
	bool cut = name_columns(w) > NAME_COLUMNS;
	struct unit u;
	size_t columns = 0;

	while (next_unit(w, &u)) {
		if (cut && columns + u.columns > NAME_COLUMNS - 1)
			break;
		columns += u.columns;
		put(s, u.text, u.len);
	}
	if (cut)
		put(s, ellipsis, sizeof(ellipsis) - 1);
}

static void show_body(struct sink *s, struct walk *w, unsigned indent)
{
	struct unit u;
	unsigned i;

	while (next_unit(w, &u)) {
		put(s, u.newline ? "\n" : u.text, u.newline ? 1 : u.len);
		for (i = 0; u.newline && i < indent; i++)
			put(s, " ", 1);
	}
}

size_t kith_text_show(char *out, size_t cap, enum kith_text_mode mode, unsigned indent,
		      const char *text, size_t len)
{
	struct walk w = {.text = text, .len = len, .mode = mode};
	struct sink s = {.out = out, .cap = cap, .full = cap == 0};

	switch (mode) {
	case KITH_TEXT_NAME: show_name(&s, &w); break;
	case KITH_TEXT_BODY: show_body(&s, &w, indent); break;
	}
	if (cap != 0)
		out[s.len] = '\0';
	return s.total;
}

size_t kith_text_columns(const char *shown)
{
	size_t len = strlen(shown), at = 0, columns = 0, widest = 0;

	while (at < len) {
		uint32_t cp;
		size_t n = decode(shown + at, len - at, &cp);

		if (n == 0) {
			cp = '?';
			n = 1;
		}
		at += n;
		columns = cp == '\n' ? 0 : columns + columns_of(cp);
		if (columns > widest)
			widest = columns;
	}
	return widest;
}
