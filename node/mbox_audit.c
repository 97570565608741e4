/* SPDX-License-Identifier: ISC */
/*
 * Are the copies still where their receipts say (mailbox.md 5)? Per mailbox one round at a time,
 * over all contacts, on a reading link of its own:
 *
 *	IDLE --a kept copy is due--> OPENS --INFO, same MK--> LISTS
 *	LISTS --every due tag seen or missed--> ASKS
 *	ASKS --HAVE of one own tag and 7 of a page, or GET of one and 3--> IDLE
 *
 * finding                                       effect
 * a tag is not on its page                      this copy lapses
 * another MK; no proof of the bytes, or an      every copy kept there lapses; the mailbox is
 *   earlier end than promised; not given        passed over for 5 s, an hour, a day
 * no answer for INTERVAL / 12, at least 10 s    every copy kept there lapses until it answers
 * all well                                      next time after INTERVAL +-25 %, in the second
 *                                               week four times that
 *
 * GET costs 17 KB and shows that the recipient gets it too; it is for a copy that was never
 * audited, and for one round in eight. With 16 h nothing goes unnoticed for longer than 20 h and 80
 * min. A lapsed copy is put again with equal bytes, or at another listed mailbox. Pages are asked
 * with p = 0, so a page of 60 tags from up to 59 places before the own one says little about which
 * one mattered.
 */
#include <string.h>

#include "node/mbox_own.h"
#include "node/msgs.h"

#define INTERVAL_S   57600u
#define PAGE         60u
#define ITEMS_MAX    256u /* copies of one round; further ones are due in the next */
#define PAGES_MAX    64u
#define GETS_OF      8u
#define TROUBLES     64u /* mailboxes that did not answer, remembered */
#define PATIENCE     12u /* part of the interval */
#define PATIENCE_MIN (10u * (kith_time)KITH_US_PER_S)
#define WEEK_MS      (7u * 86400u * UINT64_C(1000))
#define LOOK         (60u * (kith_time)KITH_US_PER_S)
#define LIFE         (60u * (kith_time)KITH_US_PER_S)

struct item { /* one kept copy, by id */
	uint64_t contact, out, box;
	uint32_t day, pos;
	uint8_t tag[16];
	bool seen;
};
struct trouble {
	uint8_t ml[32];
	unsigned fails;
	kith_time since, next;
};
enum step { IDLE, OPENS, LISTS, ASKS };
struct kith_audit {
	enum step step;
	uint8_t ml[32], mk[32];
	bool has_mk;
	uint32_t link;
	kith_time due;  /* of the round */
	kith_time next; /* next look for something due */
	struct item item[ITEMS_MAX];
	unsigned items, at, pages, target, place, asked; /* asked: tags, 4 of a GET, 8 of a HAVE */
	uint32_t day, pos;                               /* the page that is out begins here */
	uint8_t tags[8][16], nonces[8][16];
	struct trouble trouble[TROUBLES];
	unsigned troubles;
};

static uint64_t interval_ms(const struct kith_node *n)
{
	return (n->cfg.audit_s != 0 ? n->cfg.audit_s : INTERVAL_S) * UINT64_C(1000);
}

static struct kith_audit *audit(struct kith_node *n)
{
	if (n->audit == NULL)
		n->audit = kith_alloc_zero(n->alloc, 1, sizeof(*n->audit));
	return n->audit;
}

void kith__audit_free(struct kith_node *n)
{
	kith_alloc_free(n->alloc, n->audit);
	n->audit = NULL;
}

static void look_at(struct kith_node *n, uint64_t wall_ms)
{
	uint64_t now_ms = kith__wall_ms(n);
	kith_time wait = wall_ms > now_ms ? (wall_ms - now_ms) * KITH_US_PER_MS : 0;

	if (n->audit != NULL && n->now + wait < n->audit->next)
		n->audit->next = n->now + wait;
}

void kith__audit_plan(struct kith_node *n, struct kith_copy *copy)
{
	uint64_t wait = interval_ms(n);
	uint64_t now_ms = kith__wall_ms(n);

	if (now_ms > copy->received_s * 1000 + WEEK_MS)
		wait *= 4;
	copy->check_ms = now_ms + kith_rng_jitter(n->rng, wait, 25);
	look_at(n, copy->check_ms);
}

/* ---- mailboxes that do not answer ---- */
static struct trouble *trouble_of(struct kith_audit *a, const uint8_t ml[static 32])
{
	unsigned i;

	for (i = 0; i < a->troubles; i++)
		if (memcmp(a->trouble[i].ml, ml, 32) == 0)
			return &a->trouble[i];
	return NULL;
}

static void trouble_ends(struct kith_audit *a)
{
	struct trouble *t = trouble_of(a, a->ml);

	if (t != NULL)
		*t = a->trouble[--a->troubles];
}

/* Counts a round without an answer; true: for too long. */
static bool troubled(struct kith_node *n)
{
	static const unsigned wait_s[] = {5, 30, 120, 600, 3600};
	struct kith_audit *a = n->audit;
	struct trouble *t = trouble_of(a, a->ml);
	kith_time patience = interval_ms(n) / PATIENCE * KITH_US_PER_MS;
	kith_time wait;

	if (patience < PATIENCE_MIN)
		patience = PATIENCE_MIN;
	if (t == NULL) {
		t = &a->trouble[a->troubles < TROUBLES ? a->troubles++
						       : kith_rng_below(n->rng, TROUBLES)];
		memset(t, 0, sizeof(*t));
		memcpy(t->ml, a->ml, 32);
		t->since = n->now;
	}
	wait = (kith_time)wait_s[t->fails < 4 ? t->fails : 4] * KITH_US_PER_S;
	if (wait > patience)
		wait = patience;
	t->fails++;
	t->next = n->now + kith_rng_jitter(n->rng, wait, 25);
	return n->now >= t->since + patience;
}

/* ---- what is due ---- */
typedef void (*visit_fn)(struct kith_node *n, struct kith_contact *c, struct kith_out *o,
			 struct kith_copy *copy, struct kith_peer_box *box);

static void visit_kept(struct kith_node *n, visit_fn fn)
{
	size_t i;
	size_t k;
	unsigned m;

	for (i = 0; i < n->contacts; i++)
		for (k = 0; k < n->contact[i]->put && k < n->contact[i]->outs; k++)
			for (m = 0; m < n->contact[i]->out[k]->copies; m++) {
				struct kith_out *o = n->contact[i]->out[k];
				struct kith_peer_box *box =
					kith__peer_box(n->contact[i], o->copy[m].box);

				if (o->copy[m].state == KITH_COPY_KEPT && box != NULL)
					fn(n, n->contact[i], o, &o->copy[m], box);
			}
}

/* The mailbox of the copy that is due first. */
static void find_due(struct kith_node *n, struct kith_contact *c, struct kith_out *o,
		     struct kith_copy *copy, struct kith_peer_box *box)
{
	struct kith_audit *a = n->audit;
	const struct trouble *t = trouble_of(a, box->e.ml);

	(void)c;
	(void)o;
	if (t != NULL && t->next > n->now) {
		if (t->next < a->next)
			a->next = t->next;
		return;
	}
	if (copy->check_ms > kith__wall_ms(n)) {
		look_at(n, copy->check_ms);
		return;
	}
	if (a->step != IDLE)
		return;
	a->step = OPENS;
	memcpy(a->ml, box->e.ml, 32);
	memcpy(a->mk, box->e.mk, 32);
	a->has_mk = box->has_mk;
}

static void gather(struct kith_node *n, struct kith_contact *c, struct kith_out *o,
		   struct kith_copy *copy, struct kith_peer_box *box)
{
	struct kith_audit *a = n->audit;
	struct item *i = &a->item[a->items];
	struct kith_tag_keys k;

	if (a->items == ITEMS_MAX || memcmp(box->e.ml, a->ml, 32) != 0 ||
	    copy->check_ms > kith__wall_ms(n) + interval_ms(n) / 2 ||
	    kith__tagbook_send(c, copy->version, box->e.ml, o->index, &k) != KITH_OK)
		return;
	memset(i, 0, sizeof(*i));
	i->contact = c->id;
	i->out = o->id;
	i->box = copy->box;
	i->day = (uint32_t)(copy->received_s / KITH__DAY_S);
	i->pos = copy->position;
	memcpy(i->tag, k.tag, 16);
	kith_wipe(&k, sizeof(k));
	a->items++;
}

static bool before(const struct item *a, const struct item *b)
{
	return a->day != b->day ? a->day < b->day : a->pos < b->pos;
}

static void sort_items(struct kith_audit *a)
{
	unsigned i;
	unsigned k;

	for (i = 1; i < a->items; i++) {
		struct item t = a->item[i];

		for (k = i; k > 0 && before(&t, &a->item[k - 1]); k--)
			a->item[k] = a->item[k - 1];
		a->item[k] = t;
	}
}

static struct kith_copy *copy_of(struct kith_node *n, const struct item *i, struct kith_contact **c,
				 struct kith_out **o)
{
	unsigned k;

	*c = kith__contact(n, i->contact);
	*o = *c == NULL ? NULL : kith__out_by_id(*c, i->out);
	for (k = 0; *o != NULL && k < (*o)->copies; k++)
		if ((*o)->copy[k].box == i->box && (*o)->copy[k].state == KITH_COPY_KEPT)
			return &(*o)->copy[k];
	return NULL; /* acked or moved meanwhile */
}

/* ---- the end of a round ---- */
static void end_round(struct kith_node *n, bool gone)
{
	struct kith_audit *a = n->audit;

	if (a->link != 0 && !gone)
		kith__mbox_close(n->client, a->link, n->now);
	a->link = 0;
	a->step = IDLE;
	a->next = n->now;
}

static void lapse_there(struct kith_node *n, struct kith_contact *c, struct kith_out *o,
			struct kith_copy *copy, struct kith_peer_box *box)
{
	if (memcmp(box->e.ml, n->audit->ml, 32) == 0)
		kith__copy_lapse(n, c, o, copy);
}

static void doubt(struct kith_node *n)
{
	size_t i;
	unsigned k;

	for (i = 0; i < n->contacts; i++)
		for (k = 0; k < n->contact[i]->boxes; k++)
			if (memcmp(n->contact[i]->box[k].e.ml, n->audit->ml, 32) == 0)
				kith__box_doubted(n, n->contact[i], &n->contact[i]->box[k]);
}

static void failed(struct kith_node *n)
{
	kith_log_add(n->log, n->now, KITH_LOG_INFO, "a mailbox has not kept what it promised");
	trouble_ends(n->audit);
	doubt(n);
	visit_kept(n, lapse_there);
	end_round(n, false);
}

static void unanswered(struct kith_node *n, bool gone)
{
	if (troubled(n)) {
		visit_kept(n, lapse_there);
		trouble_ends(n->audit);
	}
	end_round(n, gone);
}

static void cleared(struct kith_node *n)
{
	size_t i;
	unsigned k;

	for (i = 0; i < n->contacts; i++)
		for (k = 0; k < n->contact[i]->boxes; k++)
			if (memcmp(n->contact[i]->box[k].e.ml, n->audit->ml, 32) == 0)
				n->contact[i]->box[k].audits = 0;
}

static void passed(struct kith_node *n)
{
	struct kith_audit *a = n->audit;
	bool missed = false;
	unsigned i;

	trouble_ends(a);
	for (i = 0; i < a->items; i++)
		missed |= !a->item[i].seen;
	if (missed)
		doubt(n);
	else
		cleared(n);
	for (i = 0; i < a->items; i++) {
		struct kith_contact *c;
		struct kith_out *o;
		struct kith_copy *copy = copy_of(n, &a->item[i], &c, &o);

		if (copy == NULL)
			continue;
		if (a->item[i].seen) {
			kith__audit_plan(n, copy);
			kith__row_copy(n, o, copy);
		} else {
			kith__copy_lapse(n, c, o, copy);
		}
	}
	end_round(n, false);
}

/* ---- HAVE, GET ---- */
/* One of the copies that are listed, best one that was never asked for. */
static unsigned choose_target(struct kith_node *n, bool *fresh)
{
	struct kith_audit *a = n->audit;
	unsigned best = a->items;
	unsigned seen = 0;
	unsigned i;

	*fresh = false;
	for (i = 0; i < a->items; i++) {
		struct kith_contact *c;
		struct kith_out *o;
		const struct kith_copy *copy = copy_of(n, &a->item[i], &c, &o);
		bool first = copy != NULL && !copy->audited;

		if (!a->item[i].seen || copy == NULL || (*fresh && !first))
			continue;
		if (first && !*fresh)
			seen = 0;
		*fresh |= first;
		if (kith_rng_below(n->rng, ++seen) == 0)
			best = i;
	}
	return best;
}

static void ask(struct kith_node *n)
{
	struct kith_audit *a = n->audit;
	bool get;
	unsigned i;
	int status;

	a->target = choose_target(n, &get);
	if (a->target == a->items) {
		passed(n); /* that is: all of them lapse, or are acked */
		return;
	}
	get |= kith_rng_below(n->rng, GETS_OF) == 0;
	a->asked = get ? 4 : 8;
	a->place = kith_rng_below(n->rng, a->asked);
	for (i = 0; i < 8; i++)
		kith_rng_fill(n->rng, a->nonces[i], 16);
	memcpy(a->tags[a->place], a->item[a->target].tag, 16);
	a->step = ASKS;
	if (get)
		status = kith__mbox_get(n->client, a->link, (const uint8_t(*)[16])a->tags, a->asked,
					n->now);
	else
		status = kith__mbox_have(n->client, a->link, (const uint8_t(*)[16])a->tags,
					 (const uint8_t(*)[16])a->nonces, n->now);
	if (status != KITH_OK)
		unanswered(n, false);
}

static bool have_proves(const struct kith_audit *a, const struct kith_copy *copy,
			const uint8_t blob[static KITH_BLOB], const struct kith_mbox_result *r)
{
	struct kith_hasher hasher;
	uint8_t want[32];

	kith_hasher_init(&hasher, KITH_L_MB_HAVE, sizeof(want));
	kith_hasher_add(&hasher, a->nonces[a->place], 16);
	kith_hasher_add(&hasher, blob, KITH_BLOB);
	kith_hasher_end(&hasher, want);
	return r->have[a->place].status == KITH_MBOX_OK &&
	       r->have[a->place].expiry_s >= copy->expires_s &&
	       kith_equal(r->have[a->place].hash, want, sizeof(want));
}

static bool get_proves(const struct kith_audit *a, const uint8_t blob[static KITH_BLOB],
		       const struct kith_mbox_result *r)
{
	return r->count == a->asked && r->item[a->place].status == KITH_MBOX_OK &&
	       r->item[a->place].len == KITH_BLOB &&
	       kith_equal(r->item[a->place].blob, blob, KITH_BLOB);
}

static void proved(struct kith_node *n, const struct kith_mbox_result *r)
{
	struct kith_audit *a = n->audit;
	struct kith_contact *c;
	struct kith_out *o;
	struct kith_copy *copy = copy_of(n, &a->item[a->target], &c, &o);
	uint8_t blob[KITH_BLOB];
	uint8_t tag[16];

	if (copy == NULL || kith__copy_blob(c, o, copy, tag, blob) != KITH_OK) {
		passed(n); /* acked while we asked: nothing left to prove */
		return;
	}
	copy->audited = true;
	if (r->verb == KITH_MBOX_HAVE ? have_proves(a, copy, blob, r) : get_proves(a, blob, r))
		passed(n);
	else
		failed(n);
}

/* ---- LIST ---- */
/* The page of the next copy that no page covered; none: on to the proof. */
static void list_next(struct kith_node *n)
{
	struct kith_audit *a = n->audit;
	struct kith_mbox_range page = {.max = PAGE}; /* all buckets */
	uint32_t back = kith_rng_below(n->rng, PAGE);

	if (a->at == a->items || a->pages++ == PAGES_MAX) {
		a->items = a->at; /* what was not looked at stays due */
		ask(n);
		return;
	}
	a->day = a->item[a->at].day;
	a->pos = a->item[a->at].pos > back ? a->item[a->at].pos - back : 0;
	a->step = LISTS;
	page.day = a->day;
	page.pos = a->pos;
	page.until_day = a->day + 1;
	if (kith__mbox_page(n->client, a->link, &page, n->now) != KITH_OK)
		unanswered(n, false);
}

static void take_dummies(struct kith_node *n, const struct kith_mbox_result *r)
{
	unsigned from = r->count > 0 ? kith_rng_below(n->rng, r->count) : 0;
	unsigned i;

	for (i = 0; i < 8; i++) {
		if (i < r->count)
			memcpy(n->audit->tags[i], r->tags[(from + i) % r->count], 16);
		else
			kith_rng_fill(n->rng, n->audit->tags[i], 16);
	}
}

static bool covered(const struct item *i, const struct kith_mbox_result *r)
{
	return !r->more || i->day < r->next_day || (i->day == r->next_day && i->pos < r->next_pos);
}

static void listed(struct kith_node *n, const struct kith_mbox_result *r)
{
	struct kith_audit *a = n->audit;
	unsigned first = a->at;
	unsigned k;

	take_dummies(n, r);
	for (; a->at < a->items && a->item[a->at].day <= a->day + 1 && covered(&a->item[a->at], r);
	     a->at++)
		for (k = 0; k < r->count && !a->item[a->at].seen; k++)
			a->item[a->at].seen = memcmp(r->tags[k], a->item[a->at].tag, 16) == 0;
	if (a->at == first)
		a->at++; /* a page that does not reach the place it was asked for: not seen */
	list_next(n);
}

bool kith__audit_result(struct kith_node *n, const struct kith_mbox_result *r)
{
	struct kith_audit *a = n->audit;

	if (a == NULL || a->link == 0 || a->link != r->link)
		return false;
	if (r->gone) {
		unanswered(n, true);
	} else if (r->status != KITH_MBOX_OK) { /* slow down, a link too many: not now */
		unanswered(n, false);
	} else if (r->verb == KITH_MBOX_INFO && a->step == OPENS) {
		if (a->has_mk && memcmp(r->info.mk, a->mk, 32) != 0)
			failed(n);
		else
			list_next(n);
	} else if (r->verb == KITH_MBOX_LIST && a->step == LISTS) {
		listed(n, r);
	} else if ((r->verb == KITH_MBOX_HAVE || r->verb == KITH_MBOX_GET) && a->step == ASKS) {
		proved(n, r);
	} else {
		unanswered(n, false);
	}
	return true;
}

/* ---- timers ---- */
static void begin(struct kith_node *n)
{
	struct kith_audit *a = n->audit;
	const struct kith_addr *addr = NULL;
	size_t i;
	unsigned k;

	a->items = a->at = a->pages = 0;
	visit_kept(n, gather);
	sort_items(a);
	for (i = 0; i < n->contacts && addr == NULL; i++)
		for (k = 0; k < n->contact[i]->boxes && addr == NULL; k++)
			if (memcmp(n->contact[i]->box[k].e.ml, a->ml, 32) == 0)
				addr = &n->contact[i]->box[k].e.addr;
	a->due = n->now + LIFE;
	if (addr == NULL || a->items == 0) {
		a->step = IDLE;
		a->next = n->now + LOOK;
		return;
	}
	if (kith__mbox_open(n->client, a->ml, addr, NULL, 0, &a->link, n->now) != KITH_OK) {
		a->link = 0;
		unanswered(n, true);
	} else if (kith__mbox_info(n->client, a->link, n->now) != KITH_OK) {
		unanswered(n, false);
	}
}

void kith__audit_tick(struct kith_node *n)
{
	struct kith_audit *a;

	if (!n->has_identity || n->stopping || audit(n) == NULL)
		return;
	a = n->audit;
	if (a->step != IDLE && n->now >= a->due)
		unanswered(n, false);
	if (a->step != IDLE || n->now < a->next)
		return;
	a->next = KITH_NEVER;
	visit_kept(n, find_due);
	if (a->step != IDLE)
		begin(n);
}

kith_time kith__audit_deadline(const struct kith_node *n)
{
	if (!n->has_identity || n->stopping)
		return KITH_NEVER;
	if (n->audit == NULL)
		return n->now;
	return n->audit->step != IDLE ? n->audit->due : n->audit->next;
}
