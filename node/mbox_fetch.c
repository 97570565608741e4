/* SPDX-License-Identifier: ISC */
/*
 * Fetching: one reading link to each own mailbox (mailbox.md 6).
 *
 *	CLOSED --open, INFO--> OPENING --WATCH--> LISTING --all buckets listed--> STANDING
 *	  ^                                          ^                              |   |
 *	  |--gone: 1 s, 5 s, 30 s, 2 min, +-25 %     +--hourly, or buckets changed--+   |
 *	  +--a drained mailbox that has nothing more: in an hour -----------------------+
 *
 * WATCH comes before LIST, so what arrives in between is pushed or listed, often both. Two
 * mailboxes are watched, which keeps an idle node quiet: a message lies at each of them. The others
 * are listed once an hour, and all at once when a watch is lost. The first to push a message is
 * asked for it. A pushed tag does not move the cursor; the hourly LIST does, and finds what a lost
 * push left behind. Rows of cursors follow only when nothing listed is outstanding, so whatever was
 * not handled when the node or the link ends is listed again.
 *
 * Days of the last week are listed one by one because knock slots are matched per day; what lies
 * further back holds no knocks and is listed in one go. Nothing here waits, and results are handled
 * in the order of the calls; changes from elsewhere only set flags for the next tick.
 */
#include <string.h>

#include "node/mbox_own.h"

#define KEEPALIVE_S 25u
#define LIST_S      3600u
#define AGAIN_S     30u /* something listed found no room */
#define KNOCK_DAYS  9u
#define WATCHES     2u   /* mailbox.md 6 */
#define PAGES_MAX   256u /* of one listing: 110 full ones hold all that a mailbox may */
#define S(x)        ((kith_time)(x)*KITH_US_PER_S)

struct kith_fetch *kith__fetch(struct kith_node *n)
{
	if (n->fetch == NULL) {
		n->fetch = kith_alloc_zero(n->alloc, 1, sizeof(*n->fetch));
		KITH_ASSERT(n->fetch != NULL);
		n->fetch->changed = true; /* what was loaded is new to us */
	}
	return n->fetch;
}

void kith__fetch_free(struct kith_node *n)
{
	struct kith_fetch *f = n->fetch;

	if (f == NULL)
		return;
	for (unsigned i = 0; i < KITH_OWN_BOXES_MAX; i++)
		kith__sieve_wipe(&f->reader[i].sieve);
	kith__knocks_free(n, f->knocks);
	kith_alloc_free(n->alloc, f->want);
	kith_alloc_free(n->alloc, f->cursor);
	kith_wipe(f, sizeof(*f));
	kith_alloc_free(n->alloc, f);
	n->fetch = NULL;
}

void kith__fetch_buckets_changed(struct kith_node *n)
{
	kith__fetch(n)->changed = true;
}

static uint32_t today(const struct kith_node *n, const struct kith__fetcher *r)
{
	uint64_t s = r->info_s + (n->now - r->info_at) / KITH_US_PER_S;

	return (uint32_t)(s / KITH__DAY_S);
}

static void show_state(struct kith_node *n, const struct kith__fetcher *r)
{
	struct kith_own_box *b = kith__own_box(n, r->ml);

	if (b == NULL)
		return;
	b->read_link = r->link;
	b->listing = r->state == KITH__LISTING;
	b->watching = r->state == KITH__STANDING && r->watches;
	b->next_list = r->next_list;
}

/* The link is over; what was outstanding on it will be listed again. */
static void shut(struct kith_node *n, unsigned i, bool gone)
{
	struct kith__fetcher *r = &n->fetch->reader[i];

	if (r->link != 0 && !gone)
		kith__mbox_close(n->client, r->link, n->now);
	r->link = 0;
	r->gen++;
	r->knocks = r->gets = 0;
	r->dirty = r->watches = r->listed_once = r->held = false;
	kith__sieve_wipe(&r->sieve);
	r->state = KITH__CLOSED;
	kith__wants_leave(n, i);
	kith__knocks_rest(n, r->ml);
	show_state(n, r);
}

void kith__reader_failed(struct kith_node *n, unsigned i, bool gone)
{
	static const unsigned wait_s[] = {1, 5, 30, 120};
	struct kith__fetcher *r = &n->fetch->reader[i];
	unsigned k = r->fails < 3 ? r->fails : 3;

	for (unsigned other = 0; r->watches && other < KITH_OWN_BOXES_MAX; other++) {
		struct kith__fetcher *o = &n->fetch->reader[other]; /* another takes the watch */

		if (o->used && o->state == KITH__CLOSED && o->fails == 0)
			o->next_open = n->now;
	}
	if (++r->fails == 2 && kith__own_box(n, r->ml) != NULL)
		kith__own_box(n, r->ml)->next_probe = n->now; /* another key, another address? */
	r->next_open = n->now + kith_rng_jitter(n->rng, S(wait_s[k]), 25);
	shut(n, i, gone);
}

static void open_link(struct kith_node *n, unsigned i, const struct kith_own_box *b)
{
	struct kith__fetcher *r = &n->fetch->reader[i];

	r->link = 0;
	if (kith__mbox_open(n->client, r->ml, &b->e.addr, b->has_mk ? b->e.mk : NULL, KEEPALIVE_S,
			    &r->link, n->now) != KITH_OK) {
		kith__reader_failed(n, i, true);
		return;
	}
	r->state = KITH__OPENING;
	r->rewatch = true;
	if (kith__mbox_info(n->client, r->link, n->now) != KITH_OK)
		kith__reader_failed(n, i, false);
}

/* What no honest mailbox does: not again before long. */
static void lied(struct kith_node *n, unsigned i)
{
	kith__own_doubt(n, n->fetch->reader[i].ml, 0);
	kith__reader_failed(n, i, false);
	n->fetch->reader[i].next_open = n->now + kith_rng_jitter(n->rng, S(LIST_S), 25);
}

/* Asks for the next page, or stands. */
static void list_next(struct kith_node *n, unsigned i)
{
	struct kith__fetcher *r = &n->fetch->reader[i];
	struct kith__group *g;
	uint32_t day = today(n, r);

	r->held = kith__sieve_full(&r->sieve);
	if (r->held)
		return; /* fetch_tick goes on after the pass */
	while (r->at < r->groups && r->group[r->at].listed)
		r->at++;
	if (r->at < r->groups && r->pages++ >= PAGES_MAX) {
		lied(n, i); /* one that never ends */
		return;
	}
	if (r->at == r->groups) {
		r->state = KITH__STANDING;
		r->listed_once = true;
		r->fails = 0;
		kith__knocks_trim(n, r);
		r->next_list = n->now + kith_rng_jitter(n->rng, S(r->again ? AGAIN_S : LIST_S), 25);
		show_state(n, r);
		return;
	}
	g = &r->group[r->at];
	r->until = day;
	if (g->day < day) /* by days: a knock is of the day it is filed under */
		r->until = g->day + KNOCK_DAYS >= day ? g->day : day - KNOCK_DAYS - 1;
	if (kith__mbox_list(n->client, r->link, g->b, g->day, g->pos,
			    r->until == day ? UINT32_MAX : r->until, n->now) != KITH_OK)
		kith__reader_failed(n, i, false);
}

static void list_start(struct kith_node *n, unsigned i)
{
	struct kith__fetcher *r = &n->fetch->reader[i];
	unsigned g;

	r->state = KITH__LISTING;
	r->at = r->pages = 0;
	for (g = 0; g < r->groups; g++)
		r->group[g].listed = false;
	list_next(n, i);
}

static void informed(struct kith_node *n, unsigned i, struct kith_own_box *b,
		     const struct kith_mbox_info *info)
{
	struct kith__fetcher *r = &n->fetch->reader[i];
	struct kith_mbox_bucket bucket[KITH__GROUPS];
	unsigned g;

	r->info_s = info->now_s;
	r->info_at = n->now;
	kith__choose_answered(n, b, info);
	if (r->rewatch || r->again)
		kith__groups(n, r, b->e.p);
	r->again = false;
	if (!b->listed || !r->rewatch) {
		r->rewatch = false;
		list_start(n, i);
		return;
	}
	r->rewatch = false;
	for (g = 0; g < r->groups; g++)
		bucket[g] = r->group[g].b;
	if (kith__mbox_watch(n->client, r->link, bucket, r->groups, n->now) != KITH_OK)
		kith__reader_failed(n, i, false);
}

static void listed(struct kith_node *n, unsigned i, const struct kith_mbox_result *res)
{
	struct kith__fetcher *r = &n->fetch->reader[i];
	struct kith__group *g = &r->group[r->at];
	uint32_t day = g->day;
	uint32_t next_day = res->next_day;
	uint32_t next_pos = res->next_pos;
	bool more = res->more;
	bool whole = r->until == today(n, r); /* what came up to now, not only up to a day */

	if (next_day < g->day || (next_day == g->day && next_pos < g->pos) ||
	    next_day > today(n, r) + 1) {
		lied(n, i); /* it runs backwards, or into days to come */
		return;
	}
	r->dirty |= next_day != g->day || next_pos != g->pos;
	kith__match_tags(n, i, g, r->until == day || whole ? day : 0, res);
	if (more && next_day == g->day && next_pos == g->pos) {
		lied(n, i); /* or stands still */
		return;
	}
	g->day = next_day;
	g->pos = next_pos;
	if (!more && !whole && g->day <= r->until) {
		g->day = r->until + 1;
		g->pos = 0;
	}
	g->listed = !more && whole;
	list_next(n, i);
}

static void pushed(struct kith_node *n, unsigned i, const struct kith_mbox_result *res)
{
	struct kith__fetcher *r = &n->fetch->reader[i];
	const struct kith__group *g = NULL;
	unsigned k;

	for (k = 0; k < r->groups && g == NULL; k++)
		if (r->group[k].b.bucket == res->bucket)
			g = &r->group[k];
	kith__match_tags(n, i, g, today(n, r), res);
}

static void reader_result(struct kith_node *n, unsigned i, const struct kith_mbox_result *res)
{
	struct kith__fetcher *r = &n->fetch->reader[i];
	struct kith_own_box *b = kith__own_box(n, r->ml);
	struct kith_mbox_info info;

	if (res->gone || b == NULL) {
		kith__reader_failed(n, i, res->gone);
	} else if (res->verb == KITH_MBOX_PUSH) {
		pushed(n, i, res);
	} else if (res->verb == KITH_MBOX_GET) {
		kith__wants_result(n, i, res);
	} else if (res->status != KITH_MBOX_OK) {
		kith__reader_failed(n, i, false);
	} else if (res->verb == KITH_MBOX_INFO && r->state == KITH__OPENING) {
		info = res->info;
		informed(n, i, b, &info);
	} else if (res->verb == KITH_MBOX_WATCH && r->state == KITH__OPENING) {
		r->watches = true;
		list_start(n, i);
	} else if (res->verb == KITH_MBOX_LIST && r->state == KITH__LISTING) {
		listed(n, i, res);
	}
}

static void write_cursors(struct kith_node *n)
{
	unsigned i;

	for (i = 0; i < KITH_OWN_BOXES_MAX; i++) {
		struct kith__fetcher *r = &n->fetch->reader[i];

		if (r->used && r->dirty && r->state == KITH__STANDING && !r->again &&
		    r->knocks == 0 && !kith__sieve_busy(&r->sieve) && !kith__wants_at(n, i))
			kith__cursors_write(n, r);
	}
}

void kith__fetch_result(struct kith_node *n, const struct kith_mbox_result *r)
{
	struct kith_fetch *f = kith__fetch(n);
	unsigned i;

	if (kith__choose_result(n, r))
		return;
	for (i = 0; i < KITH_OWN_BOXES_MAX; i++) {
		if (!f->reader[i].used || f->reader[i].link == 0 || f->reader[i].link != r->link)
			continue;
		reader_result(n, i, r);
		if (f->reader[i].again && f->reader[i].next_list > n->now + S(AGAIN_S))
			f->reader[i].next_list = n->now + S(AGAIN_S);
		kith__wants_run(n);
		write_cursors(n);
		return;
	}
}

/* ---- timers ---- */
static bool wanted(const struct kith_node *n, const struct kith_own_box *b)
{
	return b->listed || b->drain_until_s > kith__wall_s(n);
}

static bool has_reader(const struct kith_fetch *f, const uint8_t ml[static 32])
{
	unsigned i;

	for (i = 0; i < KITH_OWN_BOXES_MAX; i++)
		if (f->reader[i].used && memcmp(f->reader[i].ml, ml, 32) == 0)
			return true;
	return false;
}

/* One reader for each mailbox that is read, and none for others. */
static void readers_sync(struct kith_node *n)
{
	struct kith_fetch *f = n->fetch;
	size_t b;
	unsigned i;

	for (i = 0; i < KITH_OWN_BOXES_MAX; i++) {
		const struct kith_own_box *box = kith__own_box(n, f->reader[i].ml);

		if (!f->reader[i].used || (box != NULL && wanted(n, box)))
			continue;
		shut(n, i, false);
		f->reader[i].used = false;
	}
	for (b = 0; b < n->boxes; b++) {
		if (!wanted(n, &n->box[b]) || has_reader(f, n->box[b].e.ml))
			continue;
		for (i = 0; i < KITH_OWN_BOXES_MAX && f->reader[i].used;)
			i++;
		if (i == KITH_OWN_BOXES_MAX)
			break;
		f->reader[i].used = true;
		memcpy(f->reader[i].ml, n->box[b].e.ml, 32);
		f->reader[i].next_open = n->now;
		f->reader[i].fails = 0;
		kith__sieve_init(n, &f->reader[i].sieve, f->reader[i].ml);
	}
}

static void poll_again(struct kith_node *n, unsigned i)
{
	struct kith__fetcher *r = &n->fetch->reader[i];

	r->state = KITH__OPENING;
	if (kith__mbox_info(n->client, r->link, n->now) != KITH_OK)
		kith__reader_failed(n, i, false);
}

/* Enough others before it watch: this one has said what it holds and may rest. */
static bool surplus(const struct kith_node *n, unsigned i)
{
	unsigned watches = 0;

	for (unsigned other = 0; other < i; other++) {
		const struct kith__fetcher *r = &n->fetch->reader[other];

		watches += r->used && r->watches && r->state == KITH__STANDING ? 1 : 0;
	}
	return watches >= WATCHES;
}

static void reader_tick(struct kith_node *n, unsigned i)
{
	struct kith__fetcher *r = &n->fetch->reader[i];
	const struct kith_own_box *b = kith__own_box(n, r->ml);

	if (!r->used || b == NULL)
		return;
	switch (r->state) {
	case KITH__CLOSED:
		if (n->now >= r->next_open)
			open_link(n, i, b);
		break;
	case KITH__STANDING:
		if ((!b->listed || surplus(n, i)) && !r->dirty && !r->again && r->knocks == 0 &&
		    !kith__sieve_busy(&r->sieve) && !kith__wants_at(n, i)) {
			r->next_open = n->now + kith_rng_jitter(n->rng, S(LIST_S), 25);
			shut(n, i, false);
		} else if (r->rewatch || n->now >= r->next_list) {
			poll_again(n, i);
		}
		break;
	case KITH__OPENING:
	case KITH__LISTING: break;
	}
}

static void sieve_tick(struct kith_node *n, unsigned i)
{
	struct kith__fetcher *r = &n->fetch->reader[i];

	if (!r->used)
		return;
	kith__sieve_run(n, i);
	if (r->held && !kith__sieve_full(&r->sieve))
		list_next(n, i);
}

void kith__fetch_tick(struct kith_node *n)
{
	struct kith_fetch *f = kith__fetch(n);
	unsigned i;

	if (!n->has_identity || n->stopping)
		return;
	if (f->changed) {
		f->changed = false;
		readers_sync(n);
		for (i = 0; i < KITH_OWN_BOXES_MAX; i++)
			f->reader[i].rewatch = true;
	}
	for (i = 0; i < KITH_OWN_BOXES_MAX; i++) {
		reader_tick(n, i);
		sieve_tick(n, i);
	}
	kith__knocks_rest(n, NULL);
	kith__wants_run(n);
	write_cursors(n);
}

kith_time kith__fetch_deadline(const struct kith_node *n)
{
	const struct kith_fetch *f = n->fetch;
	kith_time best;
	unsigned i;

	if (!n->has_identity || n->stopping)
		return KITH_NEVER;
	if (f == NULL || f->changed)
		return n->now;
	best = kith__wants_deadline(n);
	if (kith__knocks_deadline(n) < best)
		best = kith__knocks_deadline(n);
	for (i = 0; i < KITH_OWN_BOXES_MAX; i++) {
		const struct kith__fetcher *r = &f->reader[i];
		kith_time due = KITH_NEVER;

		if (r->used && r->state == KITH__CLOSED)
			due = r->next_open;
		else if (r->used && r->state == KITH__STANDING)
			due = r->rewatch ? n->now : r->next_list;
		if (r->used && kith__sieve_deadline(n, &r->sieve) < due)
			due = kith__sieve_deadline(n, &r->sieve);
		if (due < best)
			best = due;
	}
	return best;
}
