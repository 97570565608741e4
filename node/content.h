/* SPDX-License-Identifier: ISC */
/* Contents of knock and presence records, 880 bytes each (crypto.md 3). Part of node/proto.h. */
#ifndef KITH_NODE_CONTENT_H
#define KITH_NODE_CONTENT_H

#include "base/addr.h"
#include "base/limits.h"
#include "base/record.h"

/* Where somebody is written to: link key, address, bucket bits (<= 6), days kept. */
struct kith_mailbox_entry {
	uint8_t ml[32];
	struct kith_addr addr;
	uint8_t p, retention, flags;
};

/* For holders of an address. */
struct kith_knock {
	uint16_t flags;
	uint64_t expiry_s;
	uint8_t manifest[32], xk[32];
	uint32_t spk_id;
	uint8_t spk[32], ek_hash[32];
	uint8_t pow_bits;
	uint32_t device;
	unsigned count;
	struct kith_mailbox_entry box[3];
};

/* For contacts. */
struct kith_presence {
	uint16_t flags;
	uint64_t expiry_s;
	uint32_t p_epoch, list_version;
	uint64_t manifest_version;
	uint8_t manifest[32], instance[8];
	unsigned devices;
	struct {
		uint32_t id;
		uint8_t lk[32];
		unsigned count;
		struct kith_addr addr[3];
	} device[4];
	unsigned count;
	struct kith_mailbox_entry box[8];
};

/* What decodes encodes to the same bytes. MALFORMED, VERSION (by a newer program). */
void kith__knock_encode(uint8_t out[static KITH_RECORD_CONTENT], const struct kith_knock *k);
int kith__knock_decode(struct kith_knock *k, const uint8_t in[static KITH_RECORD_CONTENT])
	KITH_MUST_USE;
void kith__presence_encode(uint8_t out[static KITH_RECORD_CONTENT], const struct kith_presence *p);
int kith__presence_decode(struct kith_presence *p, const uint8_t in[static KITH_RECORD_CONTENT])
	KITH_MUST_USE;
/* An endpoint "behind the relay at mailbox `index`" (wire type 3) is held as 100::<index> port 0, a
 * discard address (RFC 6666): never a destination by accident. Index < KITH_MAILBOXES_MAX. */
struct kith_addr kith__relay_addr(unsigned index);
bool kith__relay_index(const struct kith_addr *a, unsigned *index);
/* 54 bytes; more than 6 bucket bits fail the reader. */
void kith__mailbox_entry_write(struct kith_writer *w, const struct kith_mailbox_entry *e);
void kith__mailbox_entry_read(struct kith_reader *r, struct kith_mailbox_entry *e);
/* `count` of them; a mailbox named twice is malformed. */
void kith__mailbox_entries_read(struct kith_reader *r, struct kith_mailbox_entry *e,
				unsigned count);

#endif
