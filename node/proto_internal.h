/* SPDX-License-Identifier: ISC */
/*
 * Pieces that the files behind node/proto.h share, and the forms with explicit nonces that golden
 * vectors need. For those files and their tests only.
 */
#ifndef KITH_NODE_PROTO_INTERNAL_H
#define KITH_NODE_PROTO_INTERNAL_H

#include "node/proto.h"

/* Certificate without IK and signature, and what the reader takes with it. */
#define KITH__CERT_FIELDS 112u
#define KITH__CERT        176u
/* Device id 4 | DK | XK | flags 4 | not-after 8 | manifest hash 32. */
void kith__cert_fields_write(struct kith_writer *w, const struct kith_cert *c);
/* The same and the signature, 176 bytes. */
void kith__cert_read(struct kith_reader *r, struct kith_cert *c);

/* H16("kn.tag", pre): the tag of a request slot or a bundle. It differs from that of a message, so
 * nobody deletes such a blob by showing a pre-image (crypto.md 4). */
void kith__knock_tag(uint8_t tag[static 16], const uint8_t pre[static 32]);

/* The 19 address bytes of a mailbox or endpoint: as kith_addr_write, and type 3 for a relay. */
void kith__place_write(struct kith_writer *w, const struct kith_addr *a);
void kith__place_read(struct kith_reader *r, struct kith_addr *a);

/* Randomness of a request; nonces NULL: from noncer. */
struct kith__request_random {
	const uint8_t *e_secret, *m;
	struct kith_noncer *noncer;
	const uint8_t *nonces; /* 24 of box1, 24 of box2 */
};
/* kith__request_make with all randomness given. */
int kith__request_build(uint8_t out[static KITH_INNER], uint8_t root[static 32],
			const struct kith_request *q, const uint8_t xk_secret[static 32],
			const struct kith_request_peer *to,
			const struct kith__request_random *random) KITH_MUST_USE;

#define KITH__PLAIN2 2632u
/* What box2 held: everything of `q` behind the certificate. MALFORMED (q is then half written). */
int kith__request_plain2_read(struct kith_request *q, const uint8_t in[static KITH__PLAIN2])
	KITH_MUST_USE;

/* Seals one frame of `size` bytes: 4,056 = full, else light. `nonces` as above. */
void kith__ratchet_seal(struct kith_ratchet *r, uint8_t *out, size_t size, const uint8_t *body,
			size_t body_len, struct kith_noncer *noncer, const uint8_t *nonces);
/* Its own EK: of the seed, 20 us. It takes a third of a session's memory and is wanted by full
 * frames only. */
void kith__ratchet_ek(uint8_t ek[static KITH_KEM_EK], const struct kith_ratchet *r);
/* The own sending step: new keys of `seeds`, one encapsulation. AUTH on a bad peer key. */
int kith__ratchet_step_send(struct kith_ratchet *r, const struct kith_ratchet_seeds *seeds,
			    uint64_t now_ms) KITH_MUST_USE;
/* The receiving step: peer's new keys and the ct they came with. AUTH on a bad key. */
int kith__ratchet_step_receive(struct kith_ratchet *r, const uint8_t dh[static 32],
			       const uint8_t ek[static KITH_KEM_EK],
			       const uint8_t ct[static KITH_KEM_CT]) KITH_MUST_USE;
/* MK of the present chain key, which moves on. */
void kith__chain_next(uint8_t mk[static 32], uint8_t ck[static 32]);

/* Sizes of a frame's header box. */
#define KITH__HEAD_FULL  2368u
#define KITH__HEAD_LIGHT 88u

#endif
