/* SPDX-License-Identifier: ISC */
/*
 * What a mailbox holds, in memory: tag -> item, items by day and position, expiry order. Blobs stay
 * in the store. mailbox.md 4, 9; store.md 4.
 */
#ifndef KITH_NODE_MBOX_INDEX_H
#define KITH_NODE_MBOX_INDEX_H

#include "base/map.h"
#include "node/mbox.h"

#define KITH__MBOX_NONE UINT32_MAX /* no slot */

/* An item or tombstone. */
struct kith__mbox_item {
	uint8_t tag[16];
	uint64_t id, expires_s;
	uint32_t day, pos;
	uint32_t group; /* serial of the source in the quota table, 0 = unknown */
	uint16_t bucket;
	uint8_t p;
	bool used, buried;
};

/* One day: slot numbers by position, KITH__MBOX_NONE where an item is gone. */
struct kith__mbox_day {
	uint32_t day, live;
	uint32_t *slot;
	size_t count, cap;
};

/* When a slot is looked at for expiry. */
struct kith__mbox_due {
	uint64_t expires_s;
	uint32_t slot;
};

/* The whole of it; the owner reads the counters and next_id. */
struct kith__mbox_index {
	const struct kith_alloc *alloc;
	struct kith_map by_tag;
	struct kith__mbox_item *item;
	size_t items, cap; /* slots in use or on the free list */
	uint32_t *free_slot;
	size_t frees, free_cap;
	struct kith__mbox_day *day; /* ascending */
	size_t days, days_cap;
	struct kith__mbox_due *due; /* heap, least first; an extended item is pushed down lazily */
	size_t dues, due_cap;
	size_t live, buried;
	uint32_t end_day, end_pos; /* what lies before is committed: listed and watched */
	uint64_t next_id;
};

/* Empty; `rng` draws the hash key. wipe: frees everything. */
void kith__mbox_index_init(struct kith__mbox_index *x, const struct kith_alloc *alloc,
			   struct kith_rng *rng);
void kith__mbox_index_wipe(struct kith__mbox_index *x);
/* The slot of `tag`, buried ones included. */
uint32_t kith__mbox_index_find(const struct kith__mbox_index *x, const uint8_t tag[static 16]);
struct kith__mbox_item *kith__mbox_index_at(struct kith__mbox_index *x, uint32_t slot);
/* Day and position that the next item of `today` gets (never before those given already). */
void kith__mbox_index_place(const struct kith__mbox_index *x, uint32_t today, uint32_t *day,
			    uint32_t *pos);
/* Adds an item at its day and pos (beyond all of that day). KITH_E_EXISTS (tag or place is taken),
 * KITH_E_FULL, KITH_E_NOMEM; nothing is changed then. */
int kith__mbox_index_add(struct kith__mbox_index *x, const struct kith__mbox_item *item,
			 uint32_t *slot) KITH_MUST_USE;
/* Makes the room that adding `item` needs, so that it cannot fail then. Errors as add. */
int kith__mbox_index_room(struct kith__mbox_index *x, const struct kith__mbox_item *item)
	KITH_MUST_USE;
/* Everything up to and including this place is committed. */
void kith__mbox_index_commit(struct kith__mbox_index *x, uint32_t day, uint32_t pos);
bool kith__mbox_index_visible(const struct kith__mbox_index *x, const struct kith__mbox_item *i);
void kith__mbox_index_bury(struct kith__mbox_index *x, uint32_t slot);
void kith__mbox_index_remove(struct kith__mbox_index *x, uint32_t slot);
/* The slot that expires first, if it does so at or before `wall_s`; else KITH__MBOX_NONE. */
uint32_t kith__mbox_index_expired(struct kith__mbox_index *x, uint64_t wall_s);

/* True when the buckets agree on the first min(p, p) bits. */
bool kith__mbox_bucket_match(uint16_t a, uint8_t pa, uint16_t b, uint8_t pb);
/* The first `p` bits, rest zero. */
uint16_t kith__mbox_bucket_cut(uint16_t bucket, uint8_t p);

/* One LIST: what is asked, and what came. */
struct kith__mbox_page {
	struct kith_mbox_bucket bucket;
	uint32_t day, pos;  /* in: from here on; out: next cursor */
	uint32_t until_day; /* last day wanted */
	uint32_t today;
	size_t max, count;
	bool more;
	uint8_t (*tags)[16]; /* room for max */
};
/* Fills one page of committed, unburied tags. Work is bounded: `more` may come with few tags. */
void kith__mbox_index_list(struct kith__mbox_index *x, struct kith__mbox_page *page);
/* The cursor behind everything committed. A new day turns it; no later item gets a place before. */
void kith__mbox_index_end(struct kith__mbox_index *x, uint32_t today, uint32_t *day, uint32_t *pos);

#endif
