/* SPDX-License-Identifier: ISC */
/*
 * Hex and base32 (RFC 4648 section 6), the two text forms of bytes; declared in bytes.h.
 */
#include <string.h>

#include "base/bytes.h"

void kith_hex_encode(char *out, const uint8_t *in, size_t len)
{
	static const char digit[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < len; i++) {
		out[2 * i] = digit[in[i] >> 4];
		out[2 * i + 1] = digit[in[i] & 15];
	}
	out[2 * len] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int kith_hex_decode(uint8_t *out, size_t len, const char *hex, size_t hex_len)
{
	size_t i;

	if (hex_len != 2 * len)
		return KITH_E_MALFORMED;
	for (i = 0; i < hex_len; i++)
		if (hex_value(hex[i]) < 0)
			return KITH_E_MALFORMED;
	for (i = 0; i < len; i++)
		out[i] = (uint8_t)(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
	return KITH_OK;
}

void kith_base32_encode(char *out, const uint8_t *in, size_t len)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		acc = acc << 8 | in[i];
		for (bits += 8; bits >= 5; bits -= 5)
			*out++ = digit[acc >> (bits - 5) & 31u];
	}
	if (bits > 0)
		*out++ = digit[acc << (5 - bits) & 31u];
	*out = '\0';
}

static int base32_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	return -1;
}

int kith_base32_decode(uint8_t *out, size_t len, const char *text, size_t text_len)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t i;

	if (text_len != (len * 8 + 4) / 5)
		return KITH_E_MALFORMED;
	for (i = 0; i < text_len; i++)
		if (base32_value(text[i]) < 0)
			return KITH_E_MALFORMED;
	if (len > 0) {
		unsigned spare = (unsigned)(text_len * 5 - len * 8);

		if (((unsigned)base32_value(text[text_len - 1]) & ((1u << spare) - 1u)) != 0)
			return KITH_E_MALFORMED;
	}
	for (i = 0; i < text_len; i++) {
		acc = acc << 5 | (uint32_t)base32_value(text[i]);
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			*out++ = (uint8_t)(acc >> bits);
		}
	}
	return KITH_OK;
}
