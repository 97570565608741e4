/* SPDX-License-Identifier: ISC */
/* Address and KITH: link (crypto.md 2, client.md 5.2). Part of node/proto.h. */
#ifndef KITH_NODE_INVITATION_H
#define KITH_NODE_INVITATION_H

#include "base/addr.h"
#include "base/status.h"

/* A reachable peer: node key and address. */
struct kith_hint {
	uint8_t key[32];
	struct kith_addr addr;
};

/* What a link is about: identity and capability. */
struct kith_address {
	uint8_t ik[32];
	uint8_t cap[16];
};
#define KITH_LINK_TEXT 400u /* "KITH:" + 82 + 3 hints x 81 + NUL */

enum kith_link_error {
	KITH_LINK_OK,
	KITH_LINK_LENGTH, /* or another thing that is no link at all */
	KITH_LINK_VERSION,
	KITH_LINK_CHECKSUM,
	KITH_LINK_KEY
};
/* With 0..3 hints. */
void kith__link_format(char out[static KITH_LINK_TEXT], const struct kith_address *a,
		       const struct kith_hint *hint, size_t hints);
/* Case-insensitive, spaces and line breaks ignored; up to 3 hints. */
enum kith_link_error kith__link_parse(struct kith_address *a, struct kith_hint hint[static 3],
				      size_t *hints, const char *text, size_t len);
/* One hint alone ("key and address" form), for node.bootstrap and configuration. */
void kith__hint_format(char out[static 96], const struct kith_hint *h);
/* MALFORMED. */
int kith__hint_parse(struct kith_hint *h, const char *text, size_t len) KITH_MUST_USE;
/* 60 digits and NUL. */
void kith__safety_number(char out[static 61], const uint8_t ik_a[static 32],
			 const uint8_t ik_b[static 32]);

#endif
