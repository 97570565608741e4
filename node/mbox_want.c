/* SPDX-License-Identifier: ISC */
/*
 * Blobs that wait for us: which copy to ask for, GET with dummies, and what comes out of it.
 *
 *	listed --> waits --GET--> asked --opened--> gone, tag consumed, DELETE due in a day
 *	             ^              |--consumed meanwhile: gone
 *	             |              |--missing, corrupt: the mailbox failed an audit; next copy
 *	             |              |--all of them failed, or it does not open yet: 10 s, 1 min, 10
 *	             |              |     min, 1 h, then 6 h, for about two days
 *	             +--------------+--slower than 3 s, or still listed: next copy, if there is one
 *
 * One want stands for one message, wherever its copies lie; each copy has a tag of its own. Knocks
 * differ: every holder of the address draws slots of its own, so the same slot at two mailboxes may
 * hold two requests, and each is fetched. A want
 * keeps no keys: when the blob is here, its tag is matched again, and a tag that was consumed
 * meanwhile (another copy, a live session) matches nothing. At most half of a GET is ours. Wants
 * are asked for and handled in the order of their index, so messages arrive in order.
 */
#include <string.h>

#include "node/mbox_own.h"

#define HITS      8u
#define SLOW      (3u * KITH_US_PER_S)
#define TRIES     12u
#define WAITS_MAX 2u   /* a new session waits so often for blobs of the one before: 70 s */
#define CROWD     512u /* wants: asked for although their mailbox is still being listed */
#define GATE_US   50000u
#define DELETE_S  KITH__DAY_S /* the sender normally deletes before */
#define EXPIRY_S  (31u * KITH__DAY_S)

static bool same_key(const struct kith__want *a, const struct kith__want *b)
{
	return a->knock == b->knock && a->contact == b->contact && a->request == b->request &&
	       a->epoch == b->epoch && a->index == b->index;
}

static bool before(const struct kith__want *a, const struct kith__want *b)
{
	if (a->contact != b->contact)
		return a->contact < b->contact;
	if (a->epoch != b->epoch)
		return a->epoch < b->epoch;
	return a->index < b->index;
}

static void remove_want(struct kith_fetch *f, size_t i)
{
	KITH_ASSERT(i < f->wants);
	f->want[i] = f->want[--f->wants];
}

/* Takes place `k` away; false: it was the last one, and the want is gone. */
static bool leave_place(struct kith_fetch *f, size_t i, unsigned k)
{
	struct kith__want *w = &f->want[i];

	KITH_ASSERT(k < w->places);
	if (k == 0)
		w->asked = false;
	w->places--;
	memmove(&w->place[k], &w->place[k + 1], (w->places - k) * sizeof(w->place[0]));
	if (w->places > 0)
		return true;
	remove_want(f, i);
	return false;
}

/* All of a contact are asked of one mailbox where it has them, so that they come in order. */
static void go_home(struct kith_fetch *f, struct kith__want *w)
{
	struct kith__place first = w->place[0];
	size_t i;
	unsigned k;

	for (i = 0; i < f->wants; i++)
		if (&f->want[i] != w && f->want[i].contact == w->contact && !f->want[i].knock)
			break;
	if (i == f->wants || w->asked || w->knock || f->want[i].places == 0)
		return;
	for (k = 1; k < w->places; k++)
		if (w->place[k].reader == f->want[i].place[0].reader) {
			w->place[0] = w->place[k];
			w->place[k] = first;
		}
}

void kith__want_add(struct kith_node *n, const struct kith__want *key, unsigned reader,
		    const uint8_t tag[static 16])
{
	struct kith_fetch *f = kith__fetch(n);
	struct kith__want *w = NULL;
	void *list = f->want;
	size_t i;
	unsigned k;

	for (i = 0; i < f->wants && w == NULL; i++)
		if (same_key(&f->want[i], key))
			w = &f->want[i];
	if (w == NULL) {
		if (kith_alloc_grow(n->alloc, &list, &f->wants_cap, f->wants + 1,
				    KITH_FETCH_WANTS_MAX, sizeof(*w)) != KITH_OK) {
			f->reader[reader].again = true;
			return;
		}
		f->want = list;
		w = &f->want[f->wants++];
		*w = *key;
		w->places = 0;
		w->since = n->now;
	}
	for (k = 0; k < w->places; k++) {
		if (w->place[k].reader != reader)
			continue;
		if (memcmp(w->place[k].tag, tag, 16) != 0) { /* the index of an ended session */
			memcpy(w->place[k].tag, tag, 16);
			w->asked = w->asked && k != 0;
			w->tries = 0;
			w->not_before = 0;
		}
		return;
	}
	if (w->places == KITH_MAILBOXES_MAX)
		return;
	w->place[w->places].reader = reader;
	memcpy(w->place[w->places++].tag, tag, 16);
	go_home(f, w);
}

bool kith__wants_at(const struct kith_node *n, unsigned reader)
{
	const struct kith_fetch *f = n->fetch;
	size_t i;
	unsigned k;

	for (i = 0; i < f->wants; i++)
		for (k = 0; k < f->want[i].places; k++)
			if (f->want[i].place[k].reader == reader)
				return true;
	return false;
}

void kith__wants_leave(struct kith_node *n, unsigned reader)
{
	struct kith_fetch *f = kith__fetch(n);
	size_t i;
	unsigned k;

	for (i = f->wants; i-- > 0;)
		for (k = f->want[i].places; k-- > 0;)
			if (f->want[i].place[k].reader == reader && !leave_place(f, i, k))
				break;
}

bool kith__wants_of(const struct kith_node *n, uint64_t contact)
{
	const struct kith_fetch *f = n->fetch;
	size_t i;

	for (i = 0; f != NULL && i < f->wants; i++)
		if (!f->want[i].knock && f->want[i].request < 0 && f->want[i].contact == contact)
			return true;
	return false;
}

void kith__wants_forget(struct kith_node *n, uint64_t contact)
{
	struct kith_fetch *f = kith__fetch(n);
	size_t i;

	for (i = f->wants; i-- > 0;)
		if (!f->want[i].knock && f->want[i].request < 0 && f->want[i].contact == contact)
			remove_want(f, i);
}

/* ---- asking ---- */
static bool ready(const struct kith_fetch *f, unsigned reader)
{
	const struct kith__fetcher *r = &f->reader[reader];

	return r->used && r->gets < KITH__GETS &&
	       (r->state == KITH__STANDING || (r->state == KITH__LISTING && f->wants >= CROWD));
}

/* The next want to ask of a reader; f->wants: none. */
static size_t next_want(const struct kith_fetch *f, unsigned reader, kith_time now)
{
	size_t best = f->wants;
	size_t i;

	for (i = 0; i < f->wants; i++) {
		const struct kith__want *w = &f->want[i];

		if (w->asked || w->not_before > now || w->place[0].reader != reader)
			continue;
		if (best == f->wants || before(w, &f->want[best]))
			best = i;
	}
	return best;
}

static void shuffle(struct kith_node *n, struct kith__get *g)
{
	unsigned i;

	for (i = g->count; i > 1; i--) {
		unsigned k = kith_rng_below(n->rng, i);
		uint8_t t[16];
		bool hit = g->hit[i - 1];

		g->hit[i - 1] = g->hit[k];
		g->hit[k] = hit;
		memcpy(t, g->tag[i - 1], 16);
		memcpy(g->tag[i - 1], g->tag[k], 16);
		memcpy(g->tag[k], t, 16);
	}
}

static void add_dummies(struct kith_node *n, const struct kith__fetcher *r, struct kith__get *g,
			unsigned hits)
{
	unsigned from = r->dummies > 0 ? kith_rng_below(n->rng, r->dummies) : 0;
	unsigned i;

	g->count = hits <= 2 ? 4 : hits <= 4 ? 8 : 16;
	for (i = hits; i < g->count; i++) {
		if (i - hits < r->dummies)
			memcpy(g->tag[i], r->dummy[(from + i - hits) % r->dummies], 16);
		else
			kith_rng_fill(n->rng, g->tag[i], 16);
	}
	shuffle(n, g);
}

/* One GET to a reader; false: nothing to ask. */
static bool ask(struct kith_node *n, unsigned reader)
{
	struct kith_fetch *f = n->fetch;
	struct kith__fetcher *r = &f->reader[reader];
	struct kith__get *g = &r->get[r->gets];
	unsigned hits;

	memset(g, 0, sizeof(*g));
	for (hits = 0; hits < HITS; hits++) {
		size_t i = next_want(f, reader, n->now);

		if (i == f->wants)
			break;
		f->want[i].asked = true;
		f->want[i].since = n->now;
		memcpy(g->tag[hits], f->want[i].place[0].tag, 16);
		g->hit[hits] = true;
	}
	if (hits == 0)
		return false;
	add_dummies(n, r, g, hits);
	r->gets++;
	if (kith__mbox_get(n->client, r->link, (const uint8_t(*)[16])g->tag, g->count, n->now) !=
	    KITH_OK) {
		kith__reader_failed(n, reader, false);
		return false;
	}
	return true;
}

/* Its first place answers late, or cannot be asked because its listing never ends. */
static bool slow(const struct kith_fetch *f, const struct kith__want *w)
{
	return w->places > 1 && (w->asked || f->reader[w->place[0].reader].state != KITH__STANDING);
}

static void pass_slow(struct kith_node *n)
{
	struct kith_fetch *f = n->fetch;
	size_t i;

	for (i = 0; i < f->wants; i++) {
		struct kith__want *w = &f->want[i];
		struct kith__place first = w->place[0];

		if (!slow(f, w) || n->now < w->since + SLOW)
			continue;
		memmove(&w->place[0], &w->place[1], (w->places - 1) * sizeof(first));
		w->place[w->places - 1] = first;
		w->asked = false;
		w->since = n->now;
	}
}

void kith__wants_run(struct kith_node *n)
{
	unsigned i;

	pass_slow(n);
	if (kith__gate_full(n))
		return;
	for (i = 0; i < KITH_OWN_BOXES_MAX; i++)
		while (ready(n->fetch, i) && ask(n, i))
			;
}

kith_time kith__wants_deadline(const struct kith_node *n)
{
	const struct kith_fetch *f = n->fetch;
	kith_time best = KITH_NEVER;
	size_t i;

	for (i = 0; i < f->wants; i++) {
		const struct kith__want *w = &f->want[i];
		kith_time due = KITH_NEVER;

		if (slow(f, w))
			due = w->since + SLOW;
		if (!w->asked && ready(f, w->place[0].reader))
			due = w->not_before > n->now ? w->not_before : n->now;
		if (due < best)
			best = due;
	}
	return best <= n->now && kith__gate_full(n) ? n->now + GATE_US : best;
}

/* ---- what comes back ---- */
enum outcome { DONE, NEXT_COPY, BAD_COPY, NOT_YET };

static enum outcome take_knock(struct kith_node *n, const struct kith__want *w,
			       const uint8_t ml[static 32], const uint8_t tag[static 16],
			       const uint8_t blob[static KITH_BLOB])
{
	struct kith__secret s[KITH__SECRETS];
	unsigned secrets = kith__secrets(n, s);
	enum outcome out = DONE;
	uint8_t inner[KITH_INNER];
	uint8_t place[16];
	uint8_t wrap[32];
	unsigned i;

	for (i = 0; i < secrets; i++) {
		const struct kith__request_way way = {.from_contact = !s[i].cap,
						      .last = w->tries >= WAITS_MAX,
						      .ml = ml,
						      .day = w->epoch};

		if (s[i].id != w->contact)
			continue;
		kith__request_place(place, wrap, s[i].s, w->epoch, (uint16_t)w->index, ml);
		out = NEXT_COPY; /* what lies in this slot elsewhere is not a copy of it */
		if (kith__blob_unwrap(inner, wrap, tag, blob) == KITH_OK &&
		    !kith__request_arrived(n, &way, inner))
			out = NOT_YET;
		break;
	}
	kith_wipe(s, sizeof(s));
	kith_wipe(wrap, sizeof(wrap));
	return out;
}

/* An opened blob: its tag serves no more, its pre-image is shown in a day. */
static void opened(struct kith_node *n, const struct kith__tag_place *at,
		   const uint8_t ml[static 32], const uint8_t tag[static 16],
		   const uint8_t d[static 32])
{
	const struct kith_own_box *b = kith__own_box(n, ml);
	uint64_t due_s = kith__wall_s(n) + DELETE_S + kith_rng_below(n->rng, DELETE_S / 2);
	struct kith_tag_match m;

	if (kith__tagbook_find(n, at, ml, tag, &m)) /* an accept moved it from request to session */
		kith__tagbook_consumed(n, &m);
	kith_wipe(&m, sizeof(m));
	kith__todelete_add(n, ml, b == NULL ? NULL : &b->e.addr, d, due_s * 1000,
			   kith__wall_s(n) + EXPIRY_S);
}

/* `first`: it was not tried before. */
static enum outcome take_message(struct kith_node *n, const struct kith__want *w,
				 const uint8_t ml[static 32], const uint8_t tag[static 16],
				 const uint8_t blob[static KITH_BLOB], bool first)
{
	const struct kith__tag_place at = {w->contact, w->epoch, w->index};
	struct kith_tag_match m;
	struct kith_contact *c;
	uint8_t inner[KITH_INNER];
	uint8_t d[32];
	bool ok;

	if (!kith__tagbook_find(n, &at, ml, tag, &m))
		return DONE;
	if (kith__blob_unwrap(inner, m.keys.wrap, tag, blob) != KITH_OK) {
		kith_wipe(&m, sizeof(m));
		return BAD_COPY;
	}
	memcpy(d, m.keys.d, 32);
	c = m.c;
	if (m.request < 0)
		ok = kith__inbox_frame(n, c, inner, sizeof(inner), false);
	else
		ok = kith__request_answered(n, c, (unsigned)m.request, inner);
	if (ok)
		opened(n, &at, ml, tag, d);
	else
		n->fetch->unopened++;
	if (!ok && m.request < 0 && first)
		kith__heal_doubt(n, c);
	kith_wipe(&m, sizeof(m));
	kith_wipe(d, sizeof(d));
	return ok ? DONE : NOT_YET;
}

/* Nobody but the sender, once he has our ack, and the day of its end take a copy away. */
static bool is_ours(struct kith_node *n, const struct kith__want *w, const uint8_t ml[static 32],
		    const uint8_t tag[static 16])
{
	const struct kith__tag_place at = {w->contact, w->epoch, w->index};
	struct kith_tag_match m;
	bool ours = kith__tagbook_find(n, &at, ml, tag, &m);

	kith_wipe(&m, sizeof(m));
	return ours;
}

/* Nothing came of it: later once more. */
static void again(struct kith_node *n, size_t i)
{
	static const unsigned wait_s[] = {10, 60, 600, 3600, 21600};
	struct kith__want *w = &n->fetch->want[i];
	unsigned k = w->tries < 4 ? w->tries : 4;

	w->asked = false;
	w->bad = 0;
	w->not_before = n->now + kith_rng_jitter(n->rng, wait_s[k] * KITH_US_PER_S, 25);
	if (++w->tries >= TRIES)
		remove_want(n->fetch, i);
}

/* The copy at place `k` is no good; the others are asked first, then this one again. */
static void bad_copy(struct kith_node *n, size_t i, unsigned k)
{
	struct kith__want *w = &n->fetch->want[i];
	struct kith__place bad = w->place[k];

	kith__own_doubt(n, n->fetch->reader[bad.reader].ml, w->contact);
	memmove(&w->place[k], &w->place[k + 1], (w->places - k - 1) * sizeof(bad));
	w->place[w->places - 1] = bad;
	w->asked = false;
	w->since = n->now;
	if (++w->bad >= w->places)
		again(n, i);
}

static void settle(struct kith_node *n, const struct kith__want *key, unsigned k, enum outcome out)
{
	struct kith_fetch *f = n->fetch;
	size_t i;

	for (i = 0; i < f->wants && !same_key(&f->want[i], key);)
		i++;
	if (i == f->wants) /* a new session began with it */
		return;
	switch (out) {
	case DONE: remove_want(n->fetch, i); break;
	case NEXT_COPY: (void)leave_place(n->fetch, i, k); break;
	case BAD_COPY: bad_copy(n, i, k); break;
	case NOT_YET: again(n, i); break;
	}
}

/* The next want whose blob lies in the buffer, by order; f->wants: none is left. A dummy that
 * turned out to be ours meanwhile is asked for in its turn: taken now, it would come before its
 * time. */
static size_t next_arrived(const struct kith_fetch *f, unsigned reader, const struct kith__get *g,
			   const bool *handled, unsigned *at, unsigned *place)
{
	size_t best = f->wants;
	size_t i;
	unsigned k;
	unsigned t;

	for (i = 0; i < f->wants; i++) {
		const struct kith__want *w = &f->want[i];

		for (k = 0; k < w->places && w->place[k].reader != reader;)
			k++;
		if (k == w->places || (best < f->wants && !before(w, &f->want[best])))
			continue;
		for (t = 0; t < g->count; t++) {
			if (handled[t] || !g->hit[t] || memcmp(g->tag[t], w->place[k].tag, 16) != 0)
				continue;
			best = i;
			*at = t;
			*place = k;
			break;
		}
	}
	return best;
}

/* What lies in a reply, away from the link: handling it calls the link again. */
struct arrived {
	bool there[16], handled[16];
	uint8_t blob[16][KITH_BLOB];
};

static void take_all(struct kith_node *n, unsigned reader, const struct kith__get *g,
		     struct arrived *a)
{
	struct kith_fetch *f = n->fetch;
	const uint8_t *ml = f->reader[reader].ml;
	unsigned at = 0;
	unsigned place = 0;
	size_t w;

	while ((w = next_arrived(f, reader, g, a->handled, &at, &place)) < f->wants) {
		const struct kith__want copy = f->want[w];
		enum outcome out = NEXT_COPY;

		a->handled[at] = true;
		if (a->there[at] && copy.knock)
			out = take_knock(n, &copy, ml, g->tag[at], a->blob[at]);
		else if (a->there[at])
			out = take_message(n, &copy, ml, g->tag[at], a->blob[at], copy.tries == 0);
		else if (!copy.knock)
			out = is_ours(n, &copy, ml, g->tag[at]) ? BAD_COPY : DONE;
		if (out == BAD_COPY && a->there[at])
			f->corrupt++;
		settle(n, &copy, place, out);
	}
}

void kith__wants_result(struct kith_node *n, unsigned reader, const struct kith_mbox_result *r)
{
	struct kith__fetcher *from = &kith__fetch(n)->reader[reader];
	struct arrived *a;
	struct kith__get g;
	unsigned i;

	if (from->gets == 0 || r->status != KITH_MBOX_OK || r->count != from->get[0].count) {
		kith__reader_failed(n, reader, false);
		return;
	}
	a = kith_alloc_zero(n->alloc, 1, sizeof(*a));
	if (a == NULL) { /* it will be listed again */
		kith__reader_failed(n, reader, false);
		return;
	}
	g = from->get[0];
	from->gets--;
	memmove(&from->get[0], &from->get[1], from->gets * sizeof(g));
	for (i = 0; i < g.count; i++) {
		a->there[i] = r->item[i].status == KITH_MBOX_OK && r->item[i].len == KITH_BLOB;
		if (a->there[i])
			memcpy(a->blob[i], r->item[i].blob, KITH_BLOB);
	}
	take_all(n, reader, &g, a);
	kith_alloc_free(n->alloc, a);
}
