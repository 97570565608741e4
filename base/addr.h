/* SPDX-License-Identifier: ISC */
/*
 * Network addresses, and the one function behind every prefix rule.
 */
#ifndef KITH_BASE_ADDR_H
#define KITH_BASE_ADDR_H

#include "base/bytes.h"
#include "base/types.h"

/* IPv4 as v4-mapped (::ffff:a.b.c.d); port in host order. All zero = none. */
struct kith_addr {
	uint8_t ip[16];
	uint16_t port;
};

/* Widths of diversity rules (dht.md 2): NEAR = /24 or /56, SITE = /24 or /48, WIDE = /16 or /32. */
enum kith_width { KITH_WIDTH_NEAR, KITH_WIDTH_SITE, KITH_WIDTH_WIDE };

#define KITH_ADDR_WIRE 19u /* type 1 | ip 16 | port 2 big-endian */

/* True for an IPv4 address in its mapped form. */
bool kith_addr_is_v4(const struct kith_addr *a);
/* True when ip and port are all zero. */
bool kith_addr_is_none(const struct kith_addr *a);
/* 127.0.0.0/8 or ::1. */
bool kith_addr_is_loopback(const struct kith_addr *a);
/* RFC 1918, 100.64/10, link-local, fc00::/7 and loopback. */
bool kith_addr_is_private(const struct kith_addr *a);
/* Multicast, unspecified, broadcast or port 0: never a destination. */
bool kith_addr_is_unusable(const struct kith_addr *a);
bool kith_addr_equal(const struct kith_addr *a, const struct kith_addr *b);
struct kith_addr kith_addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);

/* The group of `a` in `width`: 18 bytes that compare equal for addresses of one group. A private
 * or link-local address is a group of its own, a loopback address with its port is, in every
 * width. So 256 nodes on 127.0.0.1 run under the rules of the public network. */
struct kith_group {
	uint8_t b[18];
};
struct kith_group kith_addr_group(const struct kith_addr *a, enum kith_width width);
bool kith_group_equal(const struct kith_group *a, const struct kith_group *b);

/* The 19-byte wire form: type 4 or 6, IPv4 mapped. A none address is written as 19 zeros. */
void kith_addr_write(struct kith_writer *w, const struct kith_addr *a);
/* Reads 19 bytes. Type 0 with zeros gives the none address; another type, or an IPv4 address that
 * is not mapped under type 4 (or mapped under 6), fails the reader. */
void kith_addr_read(struct kith_reader *r, struct kith_addr *a);

/* "192.0.2.1:4000" or "[2001:db8::1]:4000" plus NUL, at most KITH_ADDR_TEXT bytes. */
#define KITH_ADDR_TEXT 56u
void kith_addr_format(char out[static KITH_ADDR_TEXT], const struct kith_addr *a);
/* Reads numeric "a.b.c.d:port" or "[v6]:port"; no names. Errors: KITH_E_MALFORMED. */
int kith_addr_parse(struct kith_addr *a, const char *text) KITH_MUST_USE;

#endif
