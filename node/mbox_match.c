/* SPDX-License-Identifier: ISC */
/*
 * What is listed and what of it is ours: secrets and their buckets, cursors, matching of tags
 * (mailbox.md 6, crypto.md 8).
 *
 * Each P and each live cap has a bucket at a mailbox. Those that fall together (always, while
 * p = 0) share one group, so a tag is listed once, from the least of their cursors on. Tags of
 * messages are known to the tag book. A tag it does not know may be a knock: mbox_knocks.c.
 */
#include <string.h>

#include "node/mbox_own.h"

#define P_BACK   35u /* days that blobs may stand, and a margin */
#define CAP_BACK 9u  /* knocks live for 7 days */

unsigned kith__secrets(const struct kith_node *n, struct kith__secret out[static KITH__SECRETS])
{
	const struct kith_identity *id = n->id;
	unsigned count = 0;
	size_t i;

	if (!n->has_identity)
		return 0;
	for (i = 0; i < id->presences; i++) {
		out[count].id = id->presence[i].epoch;
		out[count].from_s = id->presence[i].created_s;
		out[count].cap = false;
		memcpy(out[count++].s, id->presence[i].p, 32);
	}
	for (i = 0; i < id->caps; i++) {
		if (id->cap[i].revoked)
			continue;
		out[count].id = KITH__SECRET_CAP + id->cap[i].id;
		out[count].from_s = id->cap[i].created_ms / 1000;
		out[count].cap = true;
		kith_record_knock_secret(out[count++].s, id->cap[i].cap, id->ik);
	}
	KITH_ASSERT(count <= KITH__SECRETS);
	return count;
}

static uint16_t bucket_of(const struct kith__secret *s, const uint8_t ml[static 32], uint8_t p)
{
	uint8_t ms[32];
	uint16_t bucket;

	kith__mailbox_secret(ms, s->s);
	bucket = kith__bucket(ms, ml, p);
	kith_wipe(ms, sizeof(ms));
	return bucket;
}

unsigned kith__buckets(const struct kith_node *n, const uint8_t ml[static 32], uint8_t p,
		       struct kith_mbox_bucket *out, unsigned max)
{
	struct kith__secret s[KITH__SECRETS];
	unsigned secrets = kith__secrets(n, s);
	unsigned count = 0;
	unsigned i;
	unsigned k;

	for (i = 0; i < secrets; i++) {
		uint16_t bucket = bucket_of(&s[i], ml, p);

		for (k = 0; k < count && out[k].bucket != bucket;)
			k++;
		if (k < count || count == max)
			continue;
		out[count].bucket = bucket;
		out[count++].p = p;
	}
	kith_wipe(s, sizeof(s));
	return count;
}

/* ---- cursors ---- */
static struct kith__cursor *cursor(struct kith_node *n, const uint8_t ml[static 32],
				   uint64_t secret)
{
	struct kith_fetch *f = kith__fetch(n);
	size_t i;

	for (i = 0; i < f->cursors; i++)
		if (f->cursor[i].secret == secret && memcmp(f->cursor[i].ml, ml, 32) == 0)
			return &f->cursor[i];
	return NULL;
}

/* Sets the cursor in memory; false: it stood there already, or there is no room. */
static bool cursor_set(struct kith_node *n, const uint8_t ml[static 32], uint64_t secret,
		       uint32_t day, uint32_t pos)
{
	struct kith_fetch *f = kith__fetch(n);
	struct kith__cursor *c = cursor(n, ml, secret);
	void *list = f->cursor;

	if (c != NULL && c->day == day && c->pos == pos)
		return false;
	if (c == NULL) {
		if (kith_alloc_grow(n->alloc, &list, &f->cursors_cap, f->cursors + 1,
				    KITH_FETCH_CURSORS_MAX, sizeof(*c)) != KITH_OK)
			return false;
		f->cursor = list;
		c = &f->cursor[f->cursors++];
		memcpy(c->ml, ml, 32);
		c->secret = secret;
	}
	c->day = day;
	c->pos = pos;
	return true;
}

void kith__fetch_cursor_loaded(struct kith_node *n, const uint8_t ml[static 32], uint64_t secret,
			       uint32_t day, uint32_t pos)
{
	(void)cursor_set(n, ml, secret, day, pos);
}

void kith__cursors_write(struct kith_node *n, struct kith__fetcher *r)
{
	unsigned g;
	unsigned i;

	for (g = 0; g < r->groups; g++) {
		const struct kith__group *group = &r->group[g];

		for (i = 0; i < group->secrets; i++) {
			struct kith_op op = kith_op(KITH_OP_CURSOR_PUT);

			if (!cursor_set(n, r->ml, group->secret[i], group->day, group->pos))
				continue;
			kith_op_blob(&op, r->ml, 32);
			kith_op_int(&op, (int64_t)group->secret[i]);
			kith_op_int(&op, group->day);
			kith_op_int(&op, group->pos);
			kith__put(n, &op);
		}
	}
	r->dirty = false;
}

void kith__fetch_back(struct kith_node *n)
{
	struct kith_fetch *f = kith__fetch(n);
	uint32_t today = (uint32_t)(kith__wall_s(n) / KITH__DAY_S);
	size_t i;

	for (i = 0; i < f->cursors; i++) {
		struct kith__cursor *c = &f->cursor[i];
		struct kith_op op = kith_op(KITH_OP_CURSOR_PUT);

		c->day = today > P_BACK ? today - P_BACK : 0;
		c->pos = 0;
		kith_op_blob(&op, c->ml, 32);
		kith_op_int(&op, (int64_t)c->secret);
		kith_op_int(&op, c->day);
		kith_op_int(&op, c->pos);
		kith__put(n, &op);
	}
}

/* Where listing for a secret begins: its row, else shortly before it was made. */
static void start_of(struct kith_node *n, const uint8_t ml[static 32], const struct kith__secret *s,
		     uint32_t *day, uint32_t *pos)
{
	const struct kith__cursor *c = cursor(n, ml, s->id);
	uint32_t today = (uint32_t)(kith__wall_s(n) / KITH__DAY_S);
	uint32_t back = s->cap ? CAP_BACK : P_BACK;
	uint32_t made = (uint32_t)(s->from_s / KITH__DAY_S);

	*pos = c == NULL ? 0 : c->pos;
	*day = c != NULL ? c->day : made > 0 ? made - 1 : 0;
	if (today > back && *day < today - back) {
		*day = today - back;
		*pos = 0;
	}
}

void kith__groups(struct kith_node *n, struct kith__fetcher *r, uint8_t p)
{
	struct kith__secret s[KITH__SECRETS];
	unsigned secrets = kith__secrets(n, s);
	unsigned i;

	r->groups = 0;
	for (i = 0; i < secrets; i++) {
		uint16_t bucket = bucket_of(&s[i], r->ml, p);
		struct kith__group *g;
		uint32_t day;
		uint32_t pos;
		unsigned k;

		start_of(n, r->ml, &s[i], &day, &pos);
		for (k = 0; k < r->groups && r->group[k].b.bucket != bucket;)
			k++;
		if (k == KITH__GROUPS)
			break;
		g = &r->group[k];
		if (k == r->groups) {
			r->groups++;
			memset(g, 0, sizeof(*g));
			g->b.bucket = bucket;
			g->b.p = p;
			g->day = day;
			g->pos = pos;
		}
		g->secret[g->secrets++] = s[i].id;
		if (day < g->day || (day == g->day && pos < g->pos)) {
			g->day = day;
			g->pos = pos;
		}
	}
	kith_wipe(s, sizeof(s));
}

/* ---- tags ---- */
static void remember_dummy(struct kith__fetcher *r, const uint8_t tag[static 16])
{
	memcpy(r->dummy[r->dummy_at], tag, 16);
	r->dummy_at = (r->dummy_at + 1) % KITH__DUMMIES;
	if (r->dummies < KITH__DUMMIES)
		r->dummies++;
}

/* True when it is one of ours, and wanted now. */
static bool wanted(struct kith_node *n, unsigned reader, const uint8_t tag[static 16])
{
	struct kith_tag_match m;
	struct kith__want key;
	bool ours = kith__tagbook_match(n, n->fetch->reader[reader].ml, tag, &m);

	if (ours) {
		memset(&key, 0, sizeof(key));
		key.contact = m.c->id;
		key.request = m.request;
		key.epoch = m.version;
		key.index = m.index;
		kith__want_add(n, &key, reader, tag);
	}
	kith_wipe(&m, sizeof(m));
	return ours;
}

void kith__match_tags(struct kith_node *n, unsigned reader, const struct kith__group *g,
		      uint32_t day, const struct kith_mbox_result *page)
{
	struct kith__fetcher *r = &kith__fetch(n)->reader[reader];
	uint8_t(*stranger)[16];
	size_t strangers = 0;
	size_t i;

	KITH_ASSERT(page->count <= KITH_MBOX_LIST_MAX);
	if (page->count == 0)
		return;
	stranger = kith_alloc_zero(n->alloc, page->count, sizeof(*stranger));
	r->again |= stranger == NULL;
	for (i = 0; i < page->count && stranger != NULL; i++) {
		if (wanted(n, reader, page->tags[i]))
			continue;
		remember_dummy(r, page->tags[i]);
		if (!kith__sieve_add(n, &r->sieve, page->tags[i], page->verb == KITH_MBOX_LIST) &&
		    page->verb == KITH_MBOX_LIST)
			r->again = true;
		memcpy(stranger[strangers++], page->tags[i], 16);
	}
	if (strangers > 0 && g != NULL && day != 0)
		kith__knocks_try(n, reader, g, day, (const uint8_t(*)[16])stranger, strangers);
	kith_alloc_free(n->alloc, stranger);
}
