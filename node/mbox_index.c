/* SPDX-License-Identifier: ISC */
/*
 * The tag index of a mailbox.
 *
 * Items stand in slots; a map finds a slot by tag, a day lists slots by position, a heap gives the
 * next to expire. Positions of a day are dense and only grow, so the position is the index into
 * the day's list. Days and positions never go back, whatever the clock does, because readers keep
 * cursors. What lies behind the committed end is not listed: a crash could give its position to
 * another item, which a reader with a cursor behind it would never see.
 */
#include "node/mbox_index.h"

#include <string.h>

#define SCAN_MAX 65536u /* entries looked at for one page: about 0.3 ms */

void kith__mbox_index_init(struct kith__mbox_index *x, const struct kith_alloc *alloc,
			   struct kith_rng *rng)
{
	memset(x, 0, sizeof(*x));
	x->alloc = alloc;
	x->next_id = 1;
	kith_map_init(&x->by_tag, alloc, 16, KITH_MBOX_ITEMS_MAX, rng);
}

void kith__mbox_index_wipe(struct kith__mbox_index *x)
{
	for (size_t i = 0; i < x->days; i++)
		kith_alloc_free(x->alloc, x->day[i].slot);
	kith_alloc_free(x->alloc, x->day);
	kith_alloc_free(x->alloc, x->item);
	kith_alloc_free(x->alloc, x->free_slot);
	kith_alloc_free(x->alloc, x->due);
	kith_map_wipe(&x->by_tag);
}

uint32_t kith__mbox_index_find(const struct kith__mbox_index *x, const uint8_t tag[static 16])
{
	uint32_t slot;

	return kith_map_get(&x->by_tag, tag, &slot) ? slot : KITH__MBOX_NONE;
}

struct kith__mbox_item *kith__mbox_index_at(struct kith__mbox_index *x, uint32_t slot)
{
	KITH_ASSERT(slot < x->items && x->item[slot].used);
	return &x->item[slot];
}

/* ---- buckets ---- */

uint16_t kith__mbox_bucket_cut(uint16_t bucket, uint8_t p)
{
	return p >= 16 ? bucket : (uint16_t)(bucket & ~(0xffffu >> p));
}

bool kith__mbox_bucket_match(uint16_t a, uint8_t pa, uint16_t b, uint8_t pb)
{
	return kith__mbox_bucket_cut(a ^ b, pa < pb ? pa : pb) == 0;
}

/* ---- days ---- */

/* The first day not before `day`. */
static size_t day_from(const struct kith__mbox_index *x, uint32_t day)
{
	size_t low = 0, high = x->days;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (x->day[mid].day < day)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void kith__mbox_index_place(const struct kith__mbox_index *x, uint32_t today, uint32_t *day,
			    uint32_t *pos)
{
	const struct kith__mbox_day *last = x->days > 0 ? &x->day[x->days - 1] : NULL;

	*day = today;
	*pos = 0;
	if (last != NULL && last->day >= today) {
		*day = last->day;
		*pos = (uint32_t)last->count;
	}
	if (*day < x->end_day || (*day == x->end_day && *pos < x->end_pos)) {
		*day = x->end_day;
		*pos = x->end_pos;
	}
}

/* The day's entry with room for position `pos`. */
static int day_room(struct kith__mbox_index *x, uint32_t day, uint32_t pos, size_t *at)
{
	size_t i = day_from(x, day);
	void *p = x->day;
	struct kith__mbox_day *d;
	int status;

	if (i == x->days || x->day[i].day != day) {
		status = kith_alloc_grow(x->alloc, &p, &x->days_cap, x->days + 1,
					 KITH_MBOX_DAYS_MAX, sizeof(*x->day));
		if (status != KITH_OK)
			return status;
		x->day = p;
		memmove(&x->day[i + 1], &x->day[i], (x->days - i) * sizeof(*x->day));
		x->day[i] = (struct kith__mbox_day){.day = day};
		x->days++;
	}
	d = &x->day[i];
	if (pos < d->count)
		return KITH_E_EXISTS;
	p = d->slot;
	status = kith_alloc_grow(x->alloc, &p, &d->cap, (size_t)pos + 1, KITH_MBOX_ITEMS_MAX,
				 sizeof(*d->slot));
	d->slot = p;
	*at = i;
	return status;
}

/* Days without an item go, but the newest stays: it knows the next position. */
static void drop_days(struct kith__mbox_index *x)
{
	size_t kept = 0;

	for (size_t i = 0; i < x->days; i++) {
		if (x->day[i].live == 0 && i + 1 < x->days) {
			kith_alloc_free(x->alloc, x->day[i].slot);
			continue;
		}
		x->day[kept++] = x->day[i];
	}
	x->days = kept;
}

/* ---- expiry: a binary heap ---- */

static void due_up(struct kith__mbox_due *h, size_t i)
{
	while (i > 0 && h[(i - 1) / 2].expires_s > h[i].expires_s) {
		struct kith__mbox_due t = h[i];

		h[i] = h[(i - 1) / 2];
		h[(i - 1) / 2] = t;
		i = (i - 1) / 2;
	}
}

static void due_down(struct kith__mbox_due *h, size_t count, size_t i)
{
	for (;;) {
		size_t least = i, left = 2 * i + 1;
		struct kith__mbox_due t = h[i];

		if (left < count && h[left].expires_s < h[least].expires_s)
			least = left;
		if (left + 1 < count && h[left + 1].expires_s < h[least].expires_s)
			least = left + 1;
		if (least == i)
			return;
		h[i] = h[least];
		h[least] = t;
		i = least;
	}
}

uint32_t kith__mbox_index_expired(struct kith__mbox_index *x, uint64_t wall_s)
{
	while (x->dues > 0 && x->due[0].expires_s <= wall_s) {
		const struct kith__mbox_item *item = &x->item[x->due[0].slot];

		KITH_ASSERT(item->used);
		if (item->expires_s <= wall_s)
			return x->due[0].slot;
		x->due[0].expires_s = item->expires_s; /* was extended */
		due_down(x->due, x->dues, 0);
	}
	return KITH__MBOX_NONE;
}

/* ---- items ---- */

static int slot_room(struct kith__mbox_index *x, uint32_t *slot)
{
	void *p = x->due;
	int status;

	status = kith_alloc_grow(x->alloc, &p, &x->due_cap, x->dues + 1, KITH_MBOX_ITEMS_MAX,
				 sizeof(*x->due));
	x->due = p;
	if (status != KITH_OK)
		return status;
	if (x->frees > 0) {
		*slot = x->free_slot[x->frees - 1];
		return KITH_OK;
	}
	p = x->free_slot; /* grown along, so that a removal never needs memory */
	status = kith_alloc_grow(x->alloc, &p, &x->free_cap, x->items + 1, KITH_MBOX_ITEMS_MAX,
				 sizeof(*x->free_slot));
	x->free_slot = p;
	if (status != KITH_OK)
		return status;
	p = x->item;
	status = kith_alloc_grow(x->alloc, &p, &x->cap, x->items + 1, KITH_MBOX_ITEMS_MAX,
				 sizeof(*x->item));
	x->item = p;
	*slot = (uint32_t)x->items;
	return status;
}

static int make_room(struct kith__mbox_index *x, const struct kith__mbox_item *item, uint32_t *slot,
		     size_t *at)
{
	int status;

	if (kith__mbox_index_find(x, item->tag) != KITH__MBOX_NONE)
		return KITH_E_EXISTS;
	status = day_room(x, item->day, item->pos, at);
	if (status == KITH_OK)
		status = slot_room(x, slot);
	return status;
}

int kith__mbox_index_room(struct kith__mbox_index *x, const struct kith__mbox_item *item)
{
	uint32_t slot = 0;
	size_t at = 0;
	int status = make_room(x, item, &slot, &at);

	if (status != KITH_OK)
		return status;
	/* The map has no reserve: enter the tag now, take it out again; the slots stay. */
	status = kith_map_put(&x->by_tag, item->tag, slot);
	if (status == KITH_OK)
		(void)kith_map_remove(&x->by_tag, item->tag);
	return status;
}

int kith__mbox_index_add(struct kith__mbox_index *x, const struct kith__mbox_item *item,
			 uint32_t *slot)
{
	struct kith__mbox_day *d;
	uint32_t s = 0;
	size_t at = 0;
	int status = make_room(x, item, &s, &at);

	if (status == KITH_OK)
		status = kith_map_put(&x->by_tag, item->tag, s);
	if (status != KITH_OK)
		return status;
	d = &x->day[at];
	while (d->count < item->pos)
		d->slot[d->count++] = KITH__MBOX_NONE;
	d->slot[d->count++] = s;
	d->live++;
	if (x->frees > 0)
		x->frees--;
	else
		x->items++;
	x->item[s] = *item;
	x->item[s].used = true;
	x->due[x->dues] = (struct kith__mbox_due){.expires_s = item->expires_s, .slot = s};
	due_up(x->due, x->dues++);
	if (item->buried)
		x->buried++;
	else
		x->live++;
	if (item->id >= x->next_id)
		x->next_id = item->id + 1;
	*slot = s;
	drop_days(x);
	return KITH_OK;
}

void kith__mbox_index_bury(struct kith__mbox_index *x, uint32_t slot)
{
	struct kith__mbox_item *item = kith__mbox_index_at(x, slot);

	KITH_ASSERT(!item->buried);
	item->buried = true;
	x->live--;
	x->buried++;
}

/* Only the front of the heap leaves: that is how expiry calls it. */
void kith__mbox_index_remove(struct kith__mbox_index *x, uint32_t slot)
{
	struct kith__mbox_item *item = kith__mbox_index_at(x, slot);
	size_t at = day_from(x, item->day);

	KITH_ASSERT(x->dues > 0 && x->due[0].slot == slot);
	KITH_ASSERT(at < x->days && x->day[at].slot[item->pos] == slot);
	x->due[0] = x->due[--x->dues];
	if (x->dues > 0)
		due_down(x->due, x->dues, 0);
	x->day[at].slot[item->pos] = KITH__MBOX_NONE;
	x->day[at].live--;
	(void)kith_map_remove(&x->by_tag, item->tag);
	if (item->buried)
		x->buried--;
	else
		x->live--;
	memset(item, 0, sizeof(*item));
	x->free_slot[x->frees++] = slot;
}

/* ---- listing ---- */

static bool before(uint32_t day_a, uint32_t pos_a, uint32_t day_b, uint32_t pos_b)
{
	return day_a < day_b || (day_a == day_b && pos_a < pos_b);
}

void kith__mbox_index_commit(struct kith__mbox_index *x, uint32_t day, uint32_t pos)
{
	if (before(x->end_day, x->end_pos, day, pos + 1)) {
		x->end_day = day;
		x->end_pos = pos + 1;
	}
}

bool kith__mbox_index_visible(const struct kith__mbox_index *x, const struct kith__mbox_item *i)
{
	return before(i->day, i->pos, x->end_day, x->end_pos);
}

void kith__mbox_index_end(struct kith__mbox_index *x, uint32_t today, uint32_t *day, uint32_t *pos)
{
	/* The day may turn only when nothing of the old one waits for its commit. */
	bool waits = x->days > 0 && (x->day[x->days - 1].day != x->end_day ||
				     x->day[x->days - 1].count > x->end_pos);

	if (today > x->end_day && !waits) {
		x->end_day = today;
		x->end_pos = 0;
	}
	*day = x->end_day;
	*pos = x->end_pos;
}

/* Takes from one day; false: the page or its work is full (the cursor tells where). */
static bool list_day(const struct kith__mbox_index *x, const struct kith__mbox_day *d,
		     struct kith__mbox_page *page, size_t *scan)
{
	for (; page->pos < d->count; page->pos++) {
		uint32_t slot = d->slot[page->pos];
		const struct kith__mbox_item *i;

		if (!before(d->day, page->pos, x->end_day, x->end_pos))
			return true;
		if (page->count == page->max || *scan >= SCAN_MAX) {
			page->more = true;
			return false;
		}
		(*scan)++;
		if (slot == KITH__MBOX_NONE)
			continue;
		i = &x->item[slot];
		if (i->buried ||
		    !kith__mbox_bucket_match(i->bucket, i->p, page->bucket.bucket, page->bucket.p))
			continue;
		memcpy(page->tags[page->count++], i->tag, 16);
	}
	return true;
}

void kith__mbox_index_list(struct kith__mbox_index *x, struct kith__mbox_page *page)
{
	uint32_t end_day, end_pos;
	size_t scan = 0;

	page->count = 0;
	page->more = false;
	for (size_t i = day_from(x, page->day); i < x->days; i++) {
		const struct kith__mbox_day *d = &x->day[i];

		if (d->day > page->until_day || d->day > x->end_day)
			break;
		if (d->day != page->day) {
			page->day = d->day;
			page->pos = 0;
		}
		if (!list_day(x, d, page, &scan))
			return;
	}
	kith__mbox_index_end(x, page->today, &end_day, &end_pos);
	if (page->until_day < end_day && page->until_day != UINT32_MAX) {
		end_day = page->until_day + 1;
		end_pos = 0;
	}
	if (before(page->day, page->pos, end_day, end_pos)) {
		page->day = end_day;
		page->pos = end_pos;
	}
}
