/* SPDX-License-Identifier: ISC */
/*
 * Address and invitation link (crypto.md 2, client.md 5.2).
 *
 *	KITH: base32(version 1 | IK 32 | cap 16 | checksum 2) [. base32(hint)]..
 *	hint = node key 32 | IPv4 4 or IPv6 16 | port 2 big-endian; its length tells which
 *
 * The text is upper case only, so that a QR code uses its alphanumeric mode. Reading forgives case,
 * spaces and line breaks and nothing else.
 */
#include "node/proto.h"

#include <string.h>

#define ADDRESS      51u
#define ADDRESS_TEXT 82u
#define VERSION      1u
#define HINT4        38u
#define HINT4_TEXT   61u
#define HINT6        50u
#define HINT6_TEXT   80u
#define HINTS        3u
#define VERIFY_MORE  4096u /* further rounds of the safety number */

static const char prefix[] = "KITH:";
#define PREFIX (sizeof(prefix) - 1)

_Static_assert(PREFIX + ADDRESS_TEXT + HINTS * (1 + HINT6_TEXT) < KITH_LINK_TEXT, "link text");

static void checksum(uint8_t out[2], const uint8_t address[ADDRESS])
{
	uint8_t h[32];

	kith_hash(h, KITH_L_ADDR_SUM, address, ADDRESS - 2);
	memcpy(out, h, 2);
}

void kith__hint_format(char out[static 96], const struct kith_hint *h)
{
	uint8_t raw[HINT6];
	struct kith_writer w;
	bool v4 = kith_addr_is_v4(&h->addr);

	kith_writer_init(&w, raw, sizeof(raw));
	kith_write_bytes(&w, h->key, sizeof(h->key));
	kith_write_bytes(&w, h->addr.ip + (v4 ? 12 : 0), v4 ? 4 : 16);
	kith_write_u16be(&w, h->addr.port);
	KITH_ASSERT(w.len == (v4 ? HINT4 : HINT6));
	kith_base32_encode(out, raw, w.len);
}

int kith__hint_parse(struct kith_hint *h, const char *text, size_t len)
{
	uint8_t raw[HINT6];
	struct kith_reader r;
	struct kith_hint hint;
	size_t size = len == HINT4_TEXT ? HINT4 : HINT6;
	bool v4 = size == HINT4;

	if (len != HINT4_TEXT && len != HINT6_TEXT)
		return KITH_E_MALFORMED;
	if (kith_base32_decode(raw, size, text, len) != KITH_OK)
		return KITH_E_MALFORMED;
	hint.addr = kith_addr_v4(0, 0, 0, 0, 0);
	kith_reader_init(&r, raw, size);
	kith_read_bytes(&r, hint.key, sizeof(hint.key));
	kith_read_bytes(&r, hint.addr.ip + (v4 ? 12 : 0), v4 ? 4 : 16);
	hint.addr.port = kith_read_u16be(&r);
	/* one encoding: an IPv4 address never stands in the long form */
	if (kith_read_end(&r) != KITH_OK || kith_addr_is_v4(&hint.addr) != v4)
		return KITH_E_MALFORMED;
	*h = hint;
	return KITH_OK;
}

void kith__link_format(char out[static KITH_LINK_TEXT], const struct kith_address *a,
		       const struct kith_hint *hint, size_t hints)
{
	uint8_t raw[ADDRESS];
	size_t i, at = PREFIX + ADDRESS_TEXT;

	KITH_ASSERT(hints <= HINTS);
	raw[0] = VERSION;
	memcpy(raw + 1, a->ik, 32);
	memcpy(raw + 33, a->cap, 16);
	checksum(raw + 49, raw);
	memcpy(out, prefix, PREFIX);
	kith_base32_encode(out + PREFIX, raw, sizeof(raw));
	for (i = 0; i < hints; i++) {
		out[at] = '.';
		kith__hint_format(out + at + 1, &hint[i]);
		at += strlen(out + at);
	}
}

/* Copies `text` without spaces and line breaks, in upper case; 0 when it is too long. */
static size_t compact(char out[KITH_LINK_TEXT], const char *text, size_t len)
{
	size_t i, n = 0;

	for (i = 0; i < len; i++) {
		char c = text[i];

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
			continue;
		if (n == KITH_LINK_TEXT)
			return 0;
		out[n++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
	}
	return n;
}

static enum kith_link_error parse_address(struct kith_address *a, const char *text)
{
	uint8_t raw[ADDRESS];
	uint8_t sum[2];

	if (kith_base32_decode(raw, sizeof(raw), text, ADDRESS_TEXT) != KITH_OK)
		return KITH_LINK_LENGTH;
	if (raw[0] != VERSION)
		return KITH_LINK_VERSION;
	checksum(sum, raw);
	if (memcmp(sum, raw + 49, sizeof(sum)) != 0)
		return KITH_LINK_CHECKSUM;
	if (!kith_point_valid(raw + 1))
		return KITH_LINK_KEY;
	memcpy(a->ik, raw + 1, 32);
	memcpy(a->cap, raw + 33, 16);
	return KITH_LINK_OK;
}

/* Reads ".hint" pieces up to the end of the text. */
static bool parse_hints(struct kith_hint hint[HINTS], size_t *hints, const char *text, size_t len)
{
	size_t i, at = 0;

	for (i = 0; at < len; i++) {
		const char *start = text + at + 1;
		const char *dot;
		size_t size;

		if (i == HINTS || text[at] != '.')
			return false;
		dot = memchr(start, '.', len - at - 1);
		size = dot != NULL ? (size_t)(dot - start) : len - at - 1;
		if (kith__hint_parse(&hint[i], start, size) != KITH_OK)
			return false;
		at += 1 + size;
	}
	*hints = i;
	return true;
}

enum kith_link_error kith__link_parse(struct kith_address *a, struct kith_hint hint[static 3],
				      size_t *hints, const char *text, size_t len)
{
	char flat[KITH_LINK_TEXT];
	struct kith_hint found[HINTS];
	struct kith_address address;
	size_t count;
	size_t n = compact(flat, text, len);
	size_t rest = PREFIX + ADDRESS_TEXT;
	enum kith_link_error err;

	if (n < rest || memcmp(flat, prefix, PREFIX) != 0)
		return KITH_LINK_LENGTH;
	err = parse_address(&address, flat + PREFIX);
	if (err != KITH_LINK_OK)
		return err;
	if (!parse_hints(found, &count, flat + rest, n - rest))
		return KITH_LINK_LENGTH;
	*a = address;
	memcpy(hint, found, count * sizeof(found[0]));
	*hints = count;
	return KITH_LINK_OK;
}

void kith__safety_number(char out[static 61], const uint8_t ik_a[static 32],
			 const uint8_t ik_b[static 32])
{
	bool a_first = memcmp(ik_a, ik_b, 32) < 0;
	uint8_t h[64];
	size_t i, k;

	memcpy(h, a_first ? ik_a : ik_b, 32);
	memcpy(h + 32, a_first ? ik_b : ik_a, 32);
	for (i = 0; i <= VERIFY_MORE; i++) {
		uint8_t next[64];

		kith_hash64(next, KITH_L_VERIFY, h, sizeof(h));
		memcpy(h, next, sizeof(h));
	}
	for (i = 0; i < 12; i++) {
		uint64_t group = 0;

		for (k = 0; k < 5; k++)
			group = group << 8 | h[5 * i + k];
		group %= 100000;
		for (k = 5; k > 0; k--, group /= 10)
			out[5 * i + k - 1] = (char)('0' + group % 10);
	}
	out[60] = '\0';
}
