/* SPDX-License-Identifier: ISC */
/*
 * Which listed tags are knocks for us (mailbox.md 6, crypto.md 4): under a cap those of strangers,
 * under a P the re-sessions of contacts.
 *
 * The 16,384 slots of (cap or P, mailbox, day) become a table once, on the bulk lane; then a tag of
 * somebody else costs a search. While p = 0 every user of a mailbox is pushed every tag of it, so
 * that search is what a busy mailbox costs each of them.
 *
 *	none --first tag--> made (tags wait with it) --bulk lane--> ready --day out of reach--> none
 *
 * Tables are bounded: the least recently used ready one makes room. What finds no room is listed
 * again. A table goes when nobody asked it for REST_S, when the link to its mailbox ends, when its
 * day lies before what its mailbox still lists, or its cap ended. A table takes 64 KiB
 * and 14 ms, so strangers' tags that come slower than it rests cost 0.02 per cent of a core.
 *
 * A sender takes the day of its own clock right before the PUT, so the slot is of the day that the
 * mailbox files it under, or, within SKEW_S of midnight, of the one next to it.
 */
#include <string.h>

#include "node/mbox_own.h"

#define REST_S     60u
#define SKEW_S     (3u * 3600u)
#define KNOCK_DAYS 9u               /* they live for 7 */
#define LATE_S     (SKEW_S + 4500u) /* the hourly LIST looks back as far as 75 min */

struct knock_wait {
	uint8_t tag[16];
	unsigned reader;
	uint32_t gen;
};

struct knock_table {
	uint64_t number, secret, used; /* used: order of use */
	kith_time asked;
	uint8_t ml[32];
	uint32_t day;
	uint32_t *slots; /* NULL: being made */
	struct knock_wait *wait;
	size_t waits, waits_cap;
};

struct kith_knocks {
	struct knock_table table[KITH_KNOCK_TABLES_MAX];
	size_t tables, waits;
	uint64_t clock;
};

static void drop(struct kith_node *n, struct kith_knocks *k, struct knock_table *t)
{
	struct knock_table *last = &k->table[--k->tables];

	k->waits -= t->waits;
	kith__knock_table_free(n, t->slots);
	kith_alloc_free(n->alloc, t->wait);
	*t = *last;
	memset(last, 0, sizeof(*last));
}

void kith__knocks_free(struct kith_node *n, struct kith_knocks *k)
{
	if (k == NULL)
		return;
	while (k->tables > 0)
		drop(n, k, &k->table[k->tables - 1]);
	kith_alloc_free(n->alloc, k);
}

static struct knock_table *by_number(struct kith_knocks *k, uint64_t number)
{
	size_t i;

	for (i = 0; i < k->tables; i++)
		if (k->table[i].number == number)
			return &k->table[i];
	return NULL;
}

static void hold_against(struct kith_node *n, const struct knock_table *t,
			 const struct kith__secret *s, unsigned reader, const uint8_t *tag)
{
	const struct kith_work_knocks place = {s->s, t->ml, t->day};
	struct kith__want key;
	uint16_t slot;

	if (!kith__knock_slot(t->slots, &place, tag, &slot))
		return;
	memset(&key, 0, sizeof(key));
	key.knock = true;
	key.contact = t->secret;
	key.epoch = t->day;
	key.index = slot;
	kith__want_add(n, &key, reader, tag);
}

/* Nothing is left to wait for: the readers that still are the same may go on. */
static void release(struct kith_node *n, struct knock_table *t, const struct kith__secret *s)
{
	struct kith_fetch *f = kith__fetch(n);
	size_t i;

	for (i = 0; i < t->waits; i++) {
		const struct knock_wait *w = &t->wait[i];
		struct kith__fetcher *r = &f->reader[w->reader];

		if (!r->used || r->gen != w->gen)
			continue;
		KITH_ASSERT(r->knocks > 0);
		r->knocks--;
		if (s != NULL)
			hold_against(n, t, s, w->reader, w->tag);
	}
	f->knocks->waits -= t->waits;
	kith_alloc_free(n->alloc, t->wait);
	t->wait = NULL;
	t->waits = t->waits_cap = 0;
}

static void made(struct kith_node *n, uint64_t number, uint64_t unused, struct kith_work *w)
{
	struct kith_knocks *k = kith__fetch(n)->knocks;
	struct knock_table *t = k == NULL ? NULL : by_number(k, number);
	struct kith__secret s[KITH__SECRETS];
	unsigned secrets;
	unsigned i;

	(void)unused;
	if (t == NULL)
		return;
	t->slots = kith__work_table(w);
	secrets = kith__secrets(n, s);
	for (i = 0; i < secrets && s[i].id != t->secret;)
		i++;
	release(n, t, i < secrets ? &s[i] : NULL);
	if (i == secrets)
		drop(n, k, t);
	kith_wipe(s, sizeof(s));
	kith__wants_run(n);
}

/* A place for one more table, or NULL: all are being made. */
static struct knock_table *room(struct kith_node *n, struct kith_knocks *k)
{
	struct knock_table *oldest = NULL;
	size_t i;

	if (k->tables == KITH_KNOCK_TABLES_MAX) {
		for (i = 0; i < k->tables; i++)
			if (k->table[i].slots != NULL &&
			    (oldest == NULL || k->table[i].used < oldest->used))
				oldest = &k->table[i];
		if (oldest == NULL)
			return NULL;
		drop(n, k, oldest);
	}
	return &k->table[k->tables];
}

/* The table of (s, ml, day): ready, being made, or NULL without room. */
static struct knock_table *table_of(struct kith_node *n, const struct kith__secret *s,
				    const uint8_t ml[static 32], uint32_t day)
{
	struct kith_knocks *k = kith__fetch(n)->knocks;
	const struct kith_work_knocks q = {s->s, ml, day};
	struct knock_table *t;
	size_t i;

	k->clock++;
	for (i = 0; i < k->tables; i++) {
		t = &k->table[i];
		if (t->secret != s->id || t->day != day || memcmp(t->ml, ml, 32) != 0)
			continue;
		t->used = k->clock;
		t->asked = n->now;
		return t;
	}
	t = room(n, k);
	if (t == NULL || kith__work_knocks(n, &q, made, k->clock, 0) != KITH_OK)
		return NULL;
	k->tables++;
	memset(t, 0, sizeof(*t));
	t->number = t->used = k->clock;
	t->asked = n->now;
	t->secret = s->id;
	t->day = day;
	memcpy(t->ml, ml, 32);
	return t;
}

static bool wait_add(struct kith_node *n, struct knock_table *t, unsigned reader,
		     const uint8_t tag[static 16])
{
	struct kith_fetch *f = kith__fetch(n);
	void *list = t->wait;

	if (f->knocks->waits == KITH_KNOCK_WAITS_MAX ||
	    kith_alloc_grow(n->alloc, &list, &t->waits_cap, t->waits + 1, KITH_KNOCK_WAITS_MAX,
			    sizeof(*t->wait)) != KITH_OK)
		return false;
	t->wait = list;
	memcpy(t->wait[t->waits].tag, tag, 16);
	t->wait[t->waits].reader = reader;
	t->wait[t->waits++].gen = f->reader[reader].gen;
	f->knocks->waits++;
	f->reader[reader].knocks++;
	return true;
}

static void try_day(struct kith_node *n, unsigned reader, const struct kith__secret *s,
		    uint32_t day, const uint8_t (*tags)[16], size_t count)
{
	struct kith__fetcher *r = &kith__fetch(n)->reader[reader];
	struct knock_table *t;
	size_t i;

	if (((uint64_t)day + 1) * KITH__DAY_S + SKEW_S <= s->from_s)
		return; /* the cap was not yet made */
	t = table_of(n, s, r->ml, day);
	if (t == NULL) {
		r->again = true;
		return;
	}
	for (i = 0; i < count; i++) {
		if (t->slots != NULL)
			hold_against(n, t, s, reader, tags[i]);
		else if (!wait_add(n, t, reader, tags[i]))
			r->again = true;
	}
}

void kith__knocks_try(struct kith_node *n, unsigned reader, const struct kith__group *g,
		      uint32_t day, const uint8_t (*tags)[16], size_t count)
{
	struct kith_fetch *f = kith__fetch(n);
	struct kith__fetcher *r = &f->reader[reader];
	uint64_t clock_s = r->info_s + (n->now - r->info_at) / KITH_US_PER_S;
	uint64_t into_s = clock_s % KITH__DAY_S;
	bool past = day < clock_s / KITH__DAY_S;
	struct kith__secret s[KITH__SECRETS];
	unsigned secrets = kith__secrets(n, s);
	unsigned i;
	unsigned k;

	if (f->knocks == NULL)
		f->knocks = kith_alloc_zero(n->alloc, 1, sizeof(*f->knocks));
	if (f->knocks == NULL)
		r->again = true;
	for (i = 0; i < secrets && f->knocks != NULL; i++) {
		bool member = false;

		for (k = 0; k < g->secrets; k++)
			member |= g->secret[k] == s[i].id;
		if (!member || (uint64_t)day + KNOCK_DAYS < clock_s / KITH__DAY_S)
			continue;
		try_day(n, reader, &s[i], day, tags, count);
		if (past || !r->listed_once || into_s < LATE_S)
			try_day(n, reader, &s[i], day - 1, tags, count);
		if (past || into_s + SKEW_S >= KITH__DAY_S)
			try_day(n, reader, &s[i], day + 1, tags, count);
	}
	kith_wipe(s, sizeof(s));
}

void kith__knocks_trim(struct kith_node *n, const struct kith__fetcher *r)
{
	struct kith_knocks *k = kith__fetch(n)->knocks;
	struct kith__secret s[KITH__SECRETS];
	uint32_t from = UINT32_MAX;
	unsigned secrets;
	unsigned i;
	size_t t;

	if (k == NULL)
		return;
	secrets = kith__secrets(n, s);
	for (i = 0; i < r->groups; i++)
		if (r->group[i].day < from)
			from = r->group[i].day;
	for (t = k->tables; t-- > 0;) {
		struct knock_table *at = &k->table[t];

		for (i = 0; i < secrets && s[i].id != at->secret;)
			i++;
		if (at->slots != NULL && memcmp(at->ml, r->ml, 32) == 0 &&
		    (i == secrets || (uint64_t)at->day + 1 < from))
			drop(n, k, at);
	}
	kith_wipe(s, sizeof(s));
}

void kith__knocks_rest(struct kith_node *n, const uint8_t *ml)
{
	struct kith_knocks *k = n->fetch->knocks;
	size_t t;

	for (t = k == NULL ? 0 : k->tables; t-- > 0;) {
		struct knock_table *at = &k->table[t];

		if (at->slots == NULL)
			continue;
		if (n->now >= at->asked + REST_S * KITH_US_PER_S ||
		    (ml != NULL && memcmp(at->ml, ml, 32) == 0))
			drop(n, k, at);
	}
}

kith_time kith__knocks_deadline(const struct kith_node *n)
{
	const struct kith_knocks *k = n->fetch->knocks;
	kith_time best = KITH_NEVER;
	size_t t;

	for (t = 0; k != NULL && t < k->tables; t++)
		if (k->table[t].slots != NULL && k->table[t].asked + REST_S * KITH_US_PER_S < best)
			best = k->table[t].asked + REST_S * KITH_US_PER_S;
	return best > n->now ? best : n->now;
}
