/* SPDX-License-Identifier: ISC */
/* The lies of hostile.h. */
#include "tests/unit/node/hostile.h"

#include <string.h>

#include "node/internal.h"
#include "node/mbox_pipe.h"

#define YEAR_S (365u * UINT64_C(86400))

/* What the linker makes of --wrap. */
void __real_kith__mbox_pipe_queued(struct kith__mbox_pipe *p, const struct kith_writer *w);
void __wrap_kith__mbox_pipe_queued(struct kith__mbox_pipe *p, const struct kith_writer *w);

const char *const hostile_name[HOSTILES] = {"honest",    "erase",   "withhold", "empty", "reorder",
					    "duplicate", "corrupt", "endless",  "future"};
static struct town *place;
static enum hostile kind[TOWN_NODES];
static unsigned lies;

void hostile_set(struct town *t, unsigned i, enum hostile how)
{
	place = t;
	kind[i] = how;
}

void hostile_clear(void)
{
	place = NULL;
	memset(kind, 0, sizeof(kind));
	lies = 0;
}

unsigned hostile_lies(void)
{
	return lies;
}

static enum hostile kind_of(const struct kith_net *net)
{
	for (unsigned i = 0; place != NULL && i < place->nodes; i++)
		if (place->n[i].up && place->n[i].node->net == net)
			return kind[i];
	return HONEST;
}

static void reverse(uint8_t *tags, unsigned count)
{
	uint8_t t[16];

	for (unsigned i = 0; i < count / 2; i++) {
		memcpy(t, tags + 16 * i, 16);
		memcpy(tags + 16 * i, tags + 16 * (count - 1 - i), 16);
		memcpy(tags + 16 * (count - 1 - i), t, 16);
	}
}

/* status | next day 4 | next position 4 | more 1 | count 2 | tags */
static bool lie_list(enum hostile how, uint8_t *f, size_t len)
{
	unsigned count = f[17] | (unsigned)f[18] << 8;

	switch (how) {
	case ERASE:
	case EMPTY: f[17] = f[18] = 0; return true;
	case REORDER: reverse(f + 19, count); return true;
	case DUPLICATE:
		if (19 + 32 * (size_t)count > len)
			return false;
		memcpy(f + 19 + 16 * count, f + 19, 16 * count);
		count *= 2;
		f[17] = (uint8_t)count;
		f[18] = (uint8_t)(count >> 8);
		return true;
	case ENDLESS:
		kith_store_u32(f + 12, kith_load_u32(f + 12) + 1);
		f[16] = 1;
		return true;
	case HONEST:
	case WITHHOLD:
	case CORRUPT:
	case FUTURE:
	case HOSTILES: break;
	}
	return false;
}

/* status | (status 1, class 1, blob if there) each; all of them absent: a shorter frame */
static size_t lie_get(enum hostile how, uint8_t *f, size_t len)
{
	size_t at = 8;
	unsigned count = 0;

	for (; at < len; count++) {
		bool there = f[at] == KITH_MBOX_OK;

		if (there && how == CORRUPT)
			f[at + 2 + 100] ^= 1;
		at += there ? 2 + KITH_BLOB : 2;
	}
	if (how == CORRUPT)
		return len;
	for (unsigned i = 0; i < count; i++) {
		f[8 + 2 * i] = KITH_MBOX_NOTFOUND;
		f[9 + 2 * i] = 0;
	}
	kith_store_u32(f, 4 + 2 * count);
	return 8 + 2 * (size_t)count;
}

static void lie_have(enum hostile how, uint8_t *f)
{
	for (unsigned i = 0; i < 8; i++) {
		uint8_t *item = f + 8 + 41 * i;

		if (how == CORRUPT)
			item[20] ^= 1;
		else
			memset(item, 0, 41);
		if (how == ERASE)
			item[0] = KITH_MBOX_NOTFOUND;
	}
}

/* The frame as it shall leave; 0: not at all. */
static size_t lie(enum hostile how, uint8_t *f, size_t len)
{
	if (f[4] == KITH_MBOX_PUSH && (how == ERASE || how == EMPTY))
		return 0;
	if (len < 9 || f[7] != KITH_MBOX_OK)
		return len;
	if (f[4] == (KITH_MBOX_LIST | 0x80) && lie_list(how, f, len))
		lies++;
	if (f[4] == (KITH_MBOX_HAVE | 0x80) && (how == ERASE || how == CORRUPT)) {
		lies++;
		lie_have(how, f);
	}
	if (f[4] == (KITH_MBOX_INFO | 0x80) && how == FUTURE) /* version 1, flags 1, now 8 */
		kith_store_u64(f + 10, kith_load_u64(f + 10) + YEAR_S);
	if (f[4] == (KITH_MBOX_GET | 0x80) && (how == ERASE || how == WITHHOLD || how == CORRUPT)) {
		lies++;
		return lie_get(how, f, len);
	}
	return len;
}

void __wrap_kith__mbox_pipe_queued(struct kith__mbox_pipe *p, const struct kith_writer *w)
{
	enum hostile how = kind_of(p->net);
	struct kith_writer changed = *w;

	if (how != HONEST && w->len > 7 && (w->start[4] & 0x80) != 0)
		changed.len = lie(how, w->start, w->len);
	if (changed.len > 0)
		__real_kith__mbox_pipe_queued(p, &changed);
}
