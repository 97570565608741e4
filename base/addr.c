/* SPDX-License-Identifier: ISC */
/*
 * Addresses: kinds, groups, the 19 wire bytes and the text form. Ranges by RFC 1918, 3927, 4193,
 * 4291, 6598.
 */
#include "base/addr.h"

#include <string.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool kith_addr_is_v4(const struct kith_addr *a)
{
	return memcmp(a->ip, mapped, sizeof(mapped)) == 0;
}

static bool ip_is_zero(const uint8_t *ip, size_t len)
{
	uint8_t any = 0;

	while (len > 0)
		any |= ip[--len];
	return any == 0;
}

bool kith_addr_is_none(const struct kith_addr *a)
{
	return a->port == 0 && ip_is_zero(a->ip, sizeof(a->ip));
}

bool kith_addr_is_loopback(const struct kith_addr *a)
{
	if (kith_addr_is_v4(a))
		return a->ip[12] == 127;
	return ip_is_zero(a->ip, 15) && a->ip[15] == 1;
}

bool kith_addr_is_private(const struct kith_addr *a)
{
	const uint8_t *v4 = a->ip + 12;

	if (kith_addr_is_loopback(a))
		return true;
	if (kith_addr_is_v4(a))
		return v4[0] == 10 || (v4[0] == 172 && (v4[1] & 0xf0) == 16) ||
		       (v4[0] == 192 && v4[1] == 168) || (v4[0] == 100 && (v4[1] & 0xc0) == 64) ||
		       (v4[0] == 169 && v4[1] == 254);
	return (a->ip[0] & 0xfe) == 0xfc || (a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80);
}

bool kith_addr_is_unusable(const struct kith_addr *a)
{
	const uint8_t *v4 = a->ip + 12;

	if (a->port == 0)
		return true;
	if (kith_addr_is_v4(a)) /* 0/8, multicast 224/4, reserved 240/4 with the broadcast */
		return v4[0] == 0 || v4[0] >= 224;
	return a->ip[0] == 0xff || ip_is_zero(a->ip, sizeof(a->ip));
}

bool kith_addr_equal(const struct kith_addr *a, const struct kith_addr *b)
{
	return a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

struct kith_addr kith_addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
	struct kith_addr out;

	memcpy(out.ip, mapped, sizeof(mapped));
	out.ip[12] = a;
	out.ip[13] = b;
	out.ip[14] = c;
	out.ip[15] = d;
	out.port = port;
	return out;
}

/* ---- groups ---- */

static size_t group_bytes(bool v4, enum kith_width width)
{
	switch (width) {
	case KITH_WIDTH_NEAR: return v4 ? 15 : 7;
	case KITH_WIDTH_SITE: return v4 ? 15 : 6;
	case KITH_WIDTH_WIDE: return v4 ? 14 : 4;
	}
	return 0;
}

struct kith_group kith_addr_group(const struct kith_addr *a, enum kith_width width)
{
	struct kith_group g = {{0}};
	size_t len = sizeof(a->ip);

	if (!kith_addr_is_private(a))
		len = group_bytes(kith_addr_is_v4(a), width);
	memcpy(g.b, a->ip, len);
	if (kith_addr_is_loopback(a)) {
		g.b[16] = (uint8_t)(a->port >> 8);
		g.b[17] = (uint8_t)a->port;
	}
	return g;
}

bool kith_group_equal(const struct kith_group *a, const struct kith_group *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* ---- wire ---- */

void kith_addr_write(struct kith_writer *w, const struct kith_addr *a)
{
	if (kith_addr_is_none(a)) {
		kith_write_zeros(w, KITH_ADDR_WIRE);
		return;
	}
	kith_write_u8(w, kith_addr_is_v4(a) ? 4 : 6);
	kith_write_bytes(w, a->ip, sizeof(a->ip));
	kith_write_u16be(w, a->port);
}

void kith_addr_read(struct kith_reader *r, struct kith_addr *a)
{
	uint8_t type = kith_read_u8(r);

	kith_read_bytes(r, a->ip, sizeof(a->ip));
	a->port = kith_read_u16be(r);
	if (type == 0 ? !kith_addr_is_none(a)
		      : (type != 4 && type != 6) || kith_addr_is_v4(a) != (type == 4) ||
				kith_addr_is_none(a))
		kith_read_fail(r);
	if (!kith_read_ok(r))
		memset(a, 0, sizeof(*a));
}

/* ---- text ---- */

static char *put_number(char *p, unsigned v, unsigned base)
{
	char digits[8];
	size_t count = 0;

	do {
		digits[count++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v != 0);
	while (count > 0)
		*p++ = digits[--count];
	return p;
}

/* RFC 5952: the longest run of zero groups, the first of equals, becomes "::". */
static char *put_v6(char *p, const uint8_t ip[16])
{
	unsigned group[8];
	unsigned best = 8, best_len = 1, i, run = 0;

	for (i = 0; i < 8; i++) {
		group[i] = (unsigned)ip[2 * i] << 8 | ip[2 * i + 1];
		run = group[i] == 0 ? run + 1 : 0;
		if (run > best_len) {
			best_len = run;
			best = i + 1 - run;
		}
	}
	for (i = 0; i < 8; i++) {
		if (i == best) {
			*p++ = ':';
			*p++ = ':';
			i += best_len - 1;
			continue;
		}
		if (i > 0 && i != best + best_len)
			*p++ = ':';
		p = put_number(p, group[i], 16);
	}
	return p;
}

void kith_addr_format(char out[static KITH_ADDR_TEXT], const struct kith_addr *a)
{
	char *p = out;
	int i;

	if (kith_addr_is_v4(a)) {
		for (i = 12; i < 16; i++) {
			if (i > 12)
				*p++ = '.';
			p = put_number(p, a->ip[i], 10);
		}
	} else {
		*p++ = '[';
		p = put_v6(p, a->ip);
		*p++ = ']';
	}
	*p++ = ':';
	p = put_number(p, a->port, 10);
	*p = '\0';
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* Reads 1..digits digits, value <= max; decimal without leading zeros. NULL on error. */
static const char *get_number(const char *p, unsigned *v, unsigned base, unsigned digits,
			      unsigned max)
{
	const char *start = p;

	*v = 0;
	while ((unsigned)digit_of(*p) < base && (size_t)(p - start) < digits)
		*v = *v * base + (unsigned)digit_of(*p++);
	if (p == start || *v > max || (base == 10 && *start == '0' && p - start > 1))
		return NULL;
	return p;
}

static const char *get_v4(const char *p, uint8_t ip[4])
{
	unsigned v;
	int i;

	for (i = 0; i < 4; i++) {
		if (i > 0 && *p++ != '.')
			return NULL;
		p = get_number(p, &v, 10, 3, 255);
		if (p == NULL)
			return NULL;
		ip[i] = (uint8_t)v;
	}
	return p;
}

/* Up to the closing bracket. The groups behind "::" move to the end. */
static const char *get_v6(const char *p, uint8_t ip[16])
{
	size_t count = 0, gap = 9;
	unsigned v;

	memset(ip, 0, 16);
	if (p[0] == ':' && p[1] == ':') {
		gap = 0;
		p += 2;
	}
	while (*p != ']') {
		p = count < 8 ? get_number(p, &v, 16, 4, 0xffff) : NULL;
		if (p == NULL)
			return NULL;
		ip[2 * count] = (uint8_t)(v >> 8);
		ip[2 * count + 1] = (uint8_t)v;
		count++;
		if (*p == ']')
			break;
		if (*p++ != ':')
			return NULL;
		if (*p == ':') {
			if (gap <= 8)
				return NULL;
			gap = count;
			p++;
		} else if (*p == ']') {
			return NULL;
		}
	}
	if (gap > 8)
		return count == 8 ? p : NULL;
	if (count > 7)
		return NULL;
	memmove(ip + 16 - 2 * (count - gap), ip + 2 * gap, 2 * (count - gap));
	memset(ip + 2 * gap, 0, 16 - 2 * count);
	return p;
}

int kith_addr_parse(struct kith_addr *a, const char *text)
{
	struct kith_addr out = kith_addr_v4(0, 0, 0, 0, 0);
	const char *p = text;
	unsigned port;

	if (*p == '[') {
		p = get_v6(p + 1, out.ip);
		if (p == NULL || kith_addr_is_v4(&out)) /* one text per address */
			return KITH_E_MALFORMED;
		p++;
	} else {
		p = get_v4(p, out.ip + 12);
	}
	if (p == NULL || *p++ != ':')
		return KITH_E_MALFORMED;
	p = get_number(p, &port, 10, 5, 65535);
	if (p == NULL || *p != '\0')
		return KITH_E_MALFORMED;
	out.port = (uint16_t)port;
	*a = out;
	return KITH_OK;
}
