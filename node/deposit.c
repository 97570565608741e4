/* SPDX-License-Identifier: ISC */
/*
 * Records for the time this node is away (mailbox.md 3): signed ahead and left at the own
 * mailboxes, which publish them day by day. Presence for 35 days, knock for 28, and none that
 * names a prekey beyond 29 days of its age. Of r mailboxes number j gets the periods n with n mod
 * r in {j, j + 1}, so two hold each and none can link them all.
 *
 *	content changed --15 s unchanged--> all periods signed anew, one link per secret and mailbox
 *	a day passed -----------------------> the day at the far end
 *	capability revoked -----------------> withdrawn: the pre-image is shown
 *
 * What a mailbox took stands in a row, so a start sends nothing again. Records are signed and their
 * number is durable before any leaves. The own service is left out: it is off when the owner is.
 */
#include <string.h>

#include "node/mbox_own.h"

#define ENTRIES_MAX    ((KITH_CAPS_MAX + KITH_PRESENCES_MAX) * KITH_OWN_BOXES_MAX)
#define SECRETS        (KITH_CAPS_MAX + KITH_PRESENCES_MAX)
#define PRESENCE_DAYS  35u
#define KNOCK_DAYS     28u
#define PREKEY_S       (29u * (uint64_t)KITH_DAY_S)
#define MARGIN_S       (3u * 3600u)
#define ROW            88u /* ml 32 | x 32 | secret 8 | content 8 | upto 8 */
#define AT_ONCE        2u
#define S(x)           ((kith_time)(x)*KITH_US_PER_S)
#define SETTLE         S(15)
#define SETTLE_PARTIAL S(600) /* a mailbox does not take the bundle: without it */

struct entry { /* what one mailbox holds under one secret */
	uint8_t ml[32], x[32];
	uint64_t secret, content, upto; /* fingerprints; periods before upto are there */
	uint32_t slot;
	/* memory */
	bool busy, live;
	unsigned fails;
	kith_time next;
	uint64_t sent_content, sent_upto; /* of the order that is out */
	struct kith_keep_order order;
	uint8_t (*records)[KITH_RECORD];
	uint64_t *until_s;
};
struct sight { /* how long a content has been the same */
	uint64_t secret, content;
	kith_time since;
};
struct kith_deposit {
	struct entry *entry[ENTRIES_MAX];
	size_t count;
	struct sight sight[SECRETS];
	size_t sights;
};
struct subject { /* one P or capability */
	struct kith_record_secret s;
	bool knock;
	uint64_t print, content, first, start_s; /* first: the present period, from start_s on */
	unsigned days;
};

static uint64_t print_of(const void *p, size_t len)
{
	static const uint8_t key[16];

	return kith_siphash(key, p, len);
}

static struct kith_deposit *deposit(struct kith_node *n)
{
	if (n->deposit == NULL)
		n->deposit = kith_alloc_zero(n->alloc, 1, sizeof(*n->deposit));
	return n->deposit;
}

static void due(struct kith_node *n, kith_time at)
{
	if (at < n->next_deposit)
		n->next_deposit = at;
}

/* ---- rows ---- */
int kith__deposit_loaded(struct kith_node *n, uint32_t slot, const uint8_t *body, size_t len)
{
	struct kith_deposit *d = deposit(n);
	struct kith_reader r;
	struct entry *e;

	if (d == NULL)
		return KITH_E_NOMEM;
	if (len != ROW || slot >= ENTRIES_MAX || d->count == ENTRIES_MAX)
		return KITH_E_MALFORMED;
	e = kith_alloc_zero(n->alloc, 1, sizeof(*e));
	if (e == NULL)
		return KITH_E_NOMEM;
	kith_reader_init(&r, body, len);
	kith_read_bytes(&r, e->ml, 32);
	kith_read_bytes(&r, e->x, 32);
	e->secret = kith_read_u64(&r);
	e->content = kith_read_u64(&r);
	e->upto = kith_read_u64(&r);
	e->slot = slot;
	d->entry[d->count++] = e;
	return KITH_OK;
}

static void write_row(struct kith_node *n, const struct entry *e)
{
	uint8_t body[ROW];
	struct kith_writer w;

	kith_writer_init(&w, body, sizeof(body));
	kith_write_bytes(&w, e->ml, 32);
	kith_write_bytes(&w, e->x, 32);
	kith_write_u64(&w, e->secret);
	kith_write_u64(&w, e->content);
	kith_write_u64(&w, e->upto);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
	kith__row_secret(n, "keep", e->slot, body, sizeof(body), 0);
	kith_wipe(body, sizeof(body));
}

static void delete_row(struct kith_node *n, const struct entry *e)
{
	struct kith_op op = kith_op(KITH_OP_SECRET_DELETE);

	kith_op_text(&op, "keep", 4);
	kith_op_int(&op, e->slot);
	kith__put(n, &op);
}

static void free_records(struct kith_node *n, struct entry *e)
{
	kith_alloc_free(n->alloc, e->records);
	kith_alloc_free(n->alloc, e->until_s);
	e->records = NULL;
	e->until_s = NULL;
}

static void entry_free(struct kith_node *n, struct entry *e)
{
	free_records(n, e);
	kith_wipe(e, sizeof(*e));
	kith_alloc_free(n->alloc, e);
}

void kith__deposit_free(struct kith_node *n)
{
	size_t i;

	if (n->deposit == NULL)
		return;
	for (i = 0; i < n->deposit->count; i++)
		entry_free(n, n->deposit->entry[i]);
	kith_alloc_free(n->alloc, n->deposit);
	n->deposit = NULL;
}

/* ---- entries ---- */
static struct entry *by_slot(const struct kith_deposit *d, uint64_t slot)
{
	size_t i;

	for (i = 0; i < d->count; i++)
		if (d->entry[i]->slot == slot)
			return d->entry[i];
	return NULL;
}

static struct entry *entry_of(struct kith_node *n, const uint8_t ml[static 32], uint64_t secret)
{
	struct kith_deposit *d = n->deposit;
	struct entry *e;
	uint32_t slot = 0;
	size_t i;

	for (i = 0; i < d->count; i++)
		if (d->entry[i]->secret == secret && memcmp(d->entry[i]->ml, ml, 32) == 0)
			return d->entry[i];
	if (d->count == ENTRIES_MAX)
		return NULL;
	e = kith_alloc_zero(n->alloc, 1, sizeof(*e));
	if (e == NULL)
		return NULL;
	while (by_slot(d, slot) != NULL)
		slot++;
	e->slot = slot;
	e->secret = secret;
	memcpy(e->ml, ml, 32);
	kith_rng_fill(n->rng, e->x, 32);
	d->entry[d->count++] = e;
	return e;
}

/* ---- hand-in ---- */
static void kept(struct kith_node *n, uint64_t slot, uint64_t secret, int status, unsigned done)
{
	static const unsigned wait_s[] = {30, 120, 600, 3600};
	struct entry *e = n->deposit == NULL ? NULL : by_slot(n->deposit, slot);

	(void)done;
	if (e == NULL || !e->busy || e->secret != secret)
		return;
	e->busy = false;
	if (status == KITH_OK) {
		e->fails = 0;
		e->content = e->sent_content;
		e->upto = e->sent_upto;
		write_row(n, e);
		due(n, n->now);
		return;
	}
	e->next = n->now + kith_rng_jitter(n->rng, S(wait_s[e->fails < 3 ? e->fails : 3]), 25);
	e->fails++;
	due(n, e->next);
}

/* The sequence number is durable. */
static void hand_in(struct kith_node *n, uint64_t slot, uint64_t secret)
{
	struct entry *e = n->deposit == NULL ? NULL : by_slot(n->deposit, slot);
	int status;

	if (e == NULL || !e->busy || e->secret != secret || e->records == NULL)
		return;
	e->order.records = (const uint8_t(*)[KITH_RECORD])e->records;
	e->order.until_s = e->until_s;
	status = kith__mbox_order_keep(n, &e->order);
	free_records(n, e);
	if (status != KITH_OK)
		kept(n, slot, secret, status, 0);
}

static bool content_at(struct kith_node *n, const struct subject *u, uint64_t start_s,
		       uint8_t content[static KITH_RECORD_CONTENT], bool *whole)
{
	*whole = true;
	if (u->knock)
		return kith__publish_knock(n, &u->s, start_s, content, whole);
	kith__publish_presence(n, &u->s, start_s, true, content);
	return true;
}

/* Signs the periods of [from, to) that are for mailbox j of r; false: no memory, nothing to say. */
static bool sign(struct kith_node *n, const struct subject *u, struct entry *e, uint64_t from,
		 uint64_t to, unsigned j, unsigned r)
{
	uint8_t content[KITH_RECORD_CONTENT];
	uint64_t seq = kith__publish_seq(n);
	uint64_t period;
	bool whole;

	e->records = kith_alloc_zero(n->alloc, PRESENCE_DAYS, KITH_RECORD);
	e->until_s = kith_alloc_zero(n->alloc, PRESENCE_DAYS, sizeof(*e->until_s));
	e->order.count = 0;
	if (e->records == NULL || e->until_s == NULL)
		return false;
	for (period = from; period < to && e->order.count < PRESENCE_DAYS; period++) {
		uint64_t start_s = u->start_s + (period - u->first) * KITH_DAY_S;

		if (r > 2 && period % r != j && period % r != (j + 1) % r)
			continue;
		if (!content_at(n, u, start_s, content, &whole) ||
		    kith_record_make(e->records[e->order.count], &u->s, n->id->ik_seed, period, seq,
				     content, &n->noncer) != KITH_OK)
			return false;
		e->until_s[e->order.count++] = start_s + KITH_DAY_S + MARGIN_S;
	}
	return true;
}

static unsigned busy(const struct kith_deposit *d)
{
	unsigned count = 0;
	size_t i;

	for (i = 0; i < d->count; i++)
		count += d->entry[i]->busy ? 1 : 0;
	return count;
}

/* Brings mailbox j of the own list up to date for one secret. */
static void bring(struct kith_node *n, const struct subject *u, const struct kith_list *own,
		  unsigned j)
{
	struct entry *e = entry_of(n, own->box[j].ml, u->print);
	uint64_t to = u->first + u->days;
	uint64_t from = u->first;

	if (e == NULL)
		return;
	e->live = true; /* also a new one */
	if (e->content == u->content && e->upto > from)
		from = e->upto;
	if (e->busy || from >= to)
		return;
	if (e->next > n->now || busy(n->deposit) >= AT_ONCE) {
		if (e->next > n->now)
			due(n, e->next);
		return; /* the end of an order looks again */
	}
	e->sent_content = u->content;
	e->sent_upto = to;
	memcpy(e->order.ml, e->ml, 32);
	memcpy(e->order.mk, own->box[j].mk, 32);
	e->order.addr = own->box[j].addr;
	kith_hash16(e->order.del, KITH_L_MB_DEL, e->x, 32);
	e->order.fn = kept;
	e->order.a = e->slot;
	e->order.b = e->secret;
	e->busy = true;
	if (!sign(n, u, e, from, to, j, own->count)) {
		free_records(n, e);
		kept(n, e->slot, e->secret, KITH_E_NOMEM, 0);
	} else if (e->order.count == 0) { /* those days are of other mailboxes */
		free_records(n, e);
		kept(n, e->slot, e->secret, KITH_OK, 0);
	} else {
		write_row(n, e); /* the pre-image, before what it withdraws */
		kith__gate(n, hand_in, e->slot, e->secret);
	}
}

/* ---- what there is to say ---- */
/* True once the content has been the same for a while. */
static bool settled(struct kith_node *n, const struct subject *u, bool whole)
{
	struct kith_deposit *d = n->deposit;
	kith_time wait = whole ? SETTLE : SETTLE_PARTIAL;
	struct sight *t = NULL;
	size_t i;

	for (i = 0; i < d->sights && t == NULL; i++)
		if (d->sight[i].secret == u->print)
			t = &d->sight[i];
	if (t == NULL) {
		t = &d->sight[d->sights < SECRETS ? d->sights++ : kith_rng_below(n->rng, SECRETS)];
		t->secret = u->print;
		t->content = ~u->content;
	}
	if (t->content != u->content) {
		t->content = u->content;
		t->since = n->now;
	}
	if (n->now >= t->since + wait)
		return true;
	due(n, t->since + wait);
	return false;
}

/* What the listed mailboxes hold under a living secret stays. */
static void mark_live(struct kith_node *n, uint64_t print, const struct kith_list *own)
{
	size_t i;
	unsigned j;

	for (i = 0; i < n->deposit->count; i++)
		for (j = 0; j < own->count; j++)
			if (n->deposit->entry[i]->secret == print &&
			    memcmp(n->deposit->entry[i]->ml, own->box[j].ml, 32) == 0)
				n->deposit->entry[i]->live = true;
}

static void subject(struct kith_node *n, struct subject *u, const struct kith_list *own)
{
	uint8_t content[KITH_RECORD_CONTENT];
	uint64_t end_s = n->id->prekey[0]->created_s + PREKEY_S;
	bool whole;
	unsigned j;

	u->print = print_of(u->s.s, 32);
	mark_live(n, u->print, own);
	u->first = kith_record_period(&u->s, kith__wall_s(n), &u->start_s);
	u->days = u->knock ? KNOCK_DAYS : PRESENCE_DAYS;
	while (u->knock && u->days > 0 && u->start_s + (uint64_t)u->days * KITH_DAY_S > end_s)
		u->days--;
	if (!content_at(n, u, 0, content, &whole))
		return;
	u->content = print_of(content, sizeof(content));
	if (!settled(n, u, whole))
		return;
	for (j = 0; j < own->count; j++) {
		const struct kith_own_box *b = kith__own_box(n, own->box[j].ml);

		if (b != NULL && b->source != KITH_SOURCE_OWN)
			bring(n, u, own, j);
	}
}

/* Under a revoked capability nobody shall knock; other records lapse by themselves. */
static void end_entries(struct kith_node *n, const struct kith_list *own)
{
	struct kith_deposit *d = n->deposit;
	size_t i;
	unsigned j;

	for (i = d->count; i-- > 0;) {
		struct entry *e = d->entry[i];

		if (e->live || e->busy)
			continue;
		for (j = 0; j < own->count && memcmp(own->box[j].ml, e->ml, 32) != 0;)
			j++;
		if (j < own->count && e->upto != 0)
			kith__mbox_order_delete(n, e->ml, &own->box[j].addr, e->x);
		delete_row(n, e);
		entry_free(n, e);
		d->entry[i] = d->entry[--d->count];
	}
}

static void look(struct kith_node *n)
{
	struct subject u = {.knock = true};
	struct kith_list own;
	size_t live = n->contacts > 0 ? kith__presences_live(n) : 0;
	size_t i;

	kith__own_list(n, &own);
	memcpy(u.s.ik, n->id->ik, 32);
	for (i = 0; i < n->deposit->count; i++)
		n->deposit->entry[i]->live = false;
	for (i = 0; i < n->id->caps; i++) {
		if (n->id->cap[i].revoked || (n->id->cap[i].shared && n->contacts == 0))
			continue;
		kith_record_knock_secret(u.s.s, n->id->cap[i].cap, n->id->ik);
		subject(n, &u, &own);
	}
	u.knock = false;
	for (i = 0; i < live; i++) {
		memcpy(u.s.s, n->id->presence[i].p, 32);
		subject(n, &u, &own);
	}
	for (i = live; i < n->id->presences; i++) /* ended ones: contacts of then may be away */
		mark_live(n, print_of(n->id->presence[i].p, 32), &own);
	end_entries(n, &own);
	kith_wipe(&u, sizeof(u));
}

void kith__deposit_tick(struct kith_node *n)
{
	if (!n->has_identity || n->stopping || n->now < n->next_deposit)
		return;
	n->next_deposit = KITH_NEVER; /* kith__publish_tick wakes it every ten minutes */
	if (n->publish != NULL && n->list_version > 0 && deposit(n) != NULL)
		look(n);
}

kith_time kith__deposit_deadline(const struct kith_node *n)
{
	return n->has_identity && !n->stopping ? n->next_deposit : KITH_NEVER;
}
