/* SPDX-License-Identifier: ISC */
/*
 * Budgets of a mailbox: rates and shares per source prefix (/24, v6 /56), in memory only, and what
 * the disk holds. Refuse, never evict. mailbox.md 9.
 */
#ifndef KITH_NODE_MBOX_QUOTA_H
#define KITH_NODE_MBOX_QUOTA_H

#include "base/map.h"
#include "node/mbox.h"

#define KITH__MBOX_ITEM_BYTES   4687u /* one item in the file (store.md 4, measured) */
#define KITH__MBOX_BURIED_BYTES 128u  /* a tombstone */
#define KITH__MBOX_RECORD_BYTES 1280u

/* The budgets. */
enum kith__mbox_rate {
	KITH__MBOX_RATE_LINK, /* links */
	KITH__MBOX_RATE_PUT,  /* PUT and KEEP */
	KITH__MBOX_RATE_LIST, /* bytes */
	KITH__MBOX_RATE_GET,  /* bytes */
	KITH__MBOX_RATES
};

/* One source prefix. */
struct kith__mbox_group {
	struct kith_group group;
	uint32_t serial;                  /* slot + generation x KITH_MBOX_GROUPS_MAX; 0 = free */
	uint64_t held;                    /* bytes on disk that came from here */
	uint64_t level[KITH__MBOX_RATES]; /* tokens left */
	kith_time at;                     /* of the levels */
};

/* All of them, and the disk. */
struct kith__mbox_quota {
	const struct kith_alloc *alloc;
	struct kith_map by_group;
	struct kith__mbox_group *group;
	size_t groups, cap, hand; /* hand: next to look at for reuse */
	uint64_t disk_max, used;  /* bytes */
	unsigned bits;
};

/* disk_max in bytes, `bits` of a stamp below half fill. wipe: frees everything. */
void kith__mbox_quota_init(struct kith__mbox_quota *q, const struct kith_alloc *alloc,
			   struct kith_rng *rng, uint64_t disk_max, unsigned bits);
void kith__mbox_quota_wipe(struct kith__mbox_quota *q);
/* Takes `amount` from a budget of the prefix of `from`. False: the budget is used up; nothing is
 * taken then. */
bool kith__mbox_quota_take(struct kith__mbox_quota *q, const struct kith_addr *from,
			   enum kith__mbox_rate rate, uint64_t amount, kith_time now);
/* Room for `bytes` more from there? Full disk and, above half, the share of the prefix. */
bool kith__mbox_quota_room(const struct kith__mbox_quota *q, const struct kith_addr *from,
			   uint64_t bytes);
/* Counts what is held; *serial names the prefix for the release (0 = none). */
void kith__mbox_quota_hold(struct kith__mbox_quota *q, const struct kith_addr *from, uint64_t bytes,
			   uint32_t *serial, kith_time now);
void kith__mbox_quota_release(struct kith__mbox_quota *q, uint32_t serial, uint64_t bytes);
/* Leading zero bits demanded of a stamp at the present fill. */
unsigned kith__mbox_quota_bits(const struct kith__mbox_quota *q);
uint8_t kith__mbox_quota_free(const struct kith__mbox_quota *q); /* 0..255 of 255 */

#endif
