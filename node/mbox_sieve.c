/* SPDX-License-Identifier: ISC */
/*
 * Tags of far indices among the tags that nobody was found for (crypto.md 8, mailbox.md 6).
 *
 * The table of expected tags ends 32 beyond the greatest consumed index of a chain, but a sender
 * may be 1,024 ahead. So tags that match nothing are kept in a set, per mailbox, and meet the rest
 * in two ways:
 *
 * 1. A window that moves on looks its new tags up in the set: a burst in order is found as fast
 *    as it is fetched, at no cost.
 * 2. A pass derives what lies between the window and 1,024 of every chain at this mailbox and looks
 *    that up. One pass answers for all tags of the set. It runs in slices, one per tick, and the
 *    set is empty after it.
 *
 *	empty --a tag of nobody--> waits --debt allows--> pass --last contact--> empty
 *	                             ^-- tags that came meanwhile --|
 *
 * What is listed is not done with before its pass, and the cursor stays where it was: nothing is
 * lost. What is pushed is only kept up to PUSHED_MAX: the hourly LIST names it again.
 *
 * Passes are a debt that is paid off at PAID_S steps a second and mailbox. A listing may make it
 * eight passes deep, pushes four. So a mailbox that invents tags costs 0.1 per cent of a core for
 * each that is watched, and can delay only what it keeps itself.
 */
#include <string.h>

#include "node/mbox_own.h"
#include "node/msgs.h"

#define STREAM     1024u
#define PUSHED_MAX 1024u
#define LISTED_MAX 65536u
#define SLICE      2048u /* steps of a tick: about 2 ms */
#define PAID_S     1000u /* steps paid off a second: about 1 ms */
#define STEP_US    (KITH_US_PER_S / PAID_S)
#define PASSES     8u            /* that may be owed */
#define PUSH_US    KITH_US_PER_S /* tags pushed within it share a pass */
#define KEY        8u            /* bytes of a tag in the set */

static void count_chains(struct kith_node *n, struct kith_contact *c, struct kith_tag_list *l,
			 void *ctx)
{
	struct kith__sieve *s = ctx;
	unsigned m;

	(void)n;
	(void)c;
	for (m = 0; m < l->count; m++)
		s->cost += memcmp(l->chain[m].ml, s->ml, 32) == 0 ? STREAM : 0;
}

/* What a pass costs now, and what is still owed. */
static void reckon(struct kith_node *n, struct kith__sieve *s)
{
	uint64_t paid = (n->now - s->paid_at) / STEP_US;
	size_t i;

	s->cost = 0;
	for (i = 0; i < n->contacts; i++)
		kith__tagbook_each(n, n->contact[i], count_chains, s);
	s->debt -= paid < s->debt ? paid : s->debt;
	s->paid_at += paid * STEP_US;
}

/* Debt with which one more pass may begin. */
static uint64_t allowed(const struct kith__sieve *s)
{
	return s->cost * ((s->listed ? PASSES : PASSES / 2) - 1);
}

void kith__sieve_init(struct kith_node *n, struct kith__sieve *s, const uint8_t ml[static 32])
{
	kith__sieve_wipe(s);
	memset(s, 0, sizeof(*s));
	memcpy(s->ml, ml, 32);
	kith_map_init(&s->tags, n->alloc, KEY, LISTED_MAX, n->rng);
}

void kith__sieve_wipe(struct kith__sieve *s)
{
	if (s->tags.key_len != 0)
		kith_map_wipe(&s->tags);
	s->due = s->listed = s->running = s->passes_listed = false;
}

bool kith__sieve_add(struct kith_node *n, struct kith__sieve *s, const uint8_t tag[static 16],
		     bool listed)
{
	if (!listed && s->tags.count >= PUSHED_MAX && !kith__sieve_busy(s) && !s->running)
		kith_map_wipe(&s->tags);
	if (!s->due)
		s->since = n->now;
	s->due = true;
	s->listed |= listed;
	return kith_map_put(&s->tags, tag, 1) == KITH_OK;
}

bool kith__sieve_full(const struct kith__sieve *s)
{
	return s->tags.count + KITH_MBOX_LIST_MAX > LISTED_MAX;
}

bool kith__sieve_busy(const struct kith__sieve *s)
{
	return s->listed || s->passes_listed;
}

/* ---- hits ---- */
static void hit(struct kith_node *n, unsigned reader, const struct kith_contact *c,
		uint32_t version, uint32_t index, const uint8_t tag[static 16])
{
	const struct kith__tag_place at = {c->id, version, index};
	struct kith_tag_match m;
	struct kith__want key;

	if (kith__tagbook_find(n, &at, n->fetch->reader[reader].ml, tag, &m)) {
		memset(&key, 0, sizeof(key));
		key.contact = c->id;
		key.request = m.request;
		key.epoch = version;
		key.index = index;
		kith__want_add(n, &key, reader, tag);
	}
	kith_wipe(&m, sizeof(m));
}

void kith__sieve_expected(struct kith_node *n, const uint8_t ml[static 32],
			  const uint8_t tag[static 16], const struct kith_contact *c,
			  uint32_t version, uint32_t index)
{
	uint32_t there;
	unsigned i;

	for (i = 0; n->fetch != NULL && i < KITH_OWN_BOXES_MAX; i++) {
		struct kith__fetcher *r = &n->fetch->reader[i];

		if (r->used && r->sieve.tags.count > 0 && memcmp(r->ml, ml, 32) == 0 &&
		    kith_map_get(&r->sieve.tags, tag, &there))
			hit(n, i, c, version, index, tag);
	}
}

/* ---- the pass ---- */
struct pass {
	struct kith__sieve *s;
	unsigned reader;
	uint32_t steps;
};

static void pass_list(struct kith_node *n, struct kith_contact *c, struct kith_tag_list *l,
		      void *ctx)
{
	struct pass *p = ctx;
	uint8_t t[32];
	uint8_t tag[16];
	uint32_t there;
	uint32_t i;
	unsigned m;

	for (m = 0; m < l->count; m++) {
		const struct kith_tag_chain *ch = &l->chain[m];

		if (memcmp(ch->ml, p->s->ml, 32) != 0 || l->ahead == NULL ||
		    l->ahead[m].at <= ch->at)
			continue;
		memcpy(t, l->ahead[m].t, 32);
		for (i = l->ahead[m].at; i - ch->at < STREAM; i++, p->steps++) {
			kith__tag_only(tag, t);
			kith__tag_next(t);
			if (kith_map_get(&p->s->tags, tag, &there))
				hit(n, p->reader, c, l->version, i, tag);
		}
	}
	kith_wipe(t, sizeof(t));
}

static void finish(struct kith__sieve *s)
{
	s->running = s->passes_listed = false;
	if (!s->due)
		kith_map_wipe(&s->tags);
}

static void slice(struct kith_node *n, unsigned reader)
{
	struct kith__sieve *s = &n->fetch->reader[reader].sieve;
	struct pass p = {s, reader, 0};

	while (s->next < n->contacts && p.steps < SLICE)
		kith__tagbook_each(n, n->contact[s->next++], pass_list, &p);
	s->steps += p.steps;
	s->debt += p.steps;
	if (s->next >= n->contacts)
		finish(s);
}

void kith__sieve_run(struct kith_node *n, unsigned reader)
{
	struct kith__sieve *s = &n->fetch->reader[reader].sieve;

	if (!s->running && s->due && n->now >= kith__sieve_deadline(n, s)) {
		reckon(n, s);
		if (s->debt > allowed(s))
			return;
		s->running = true;
		s->passes_listed = s->listed;
		s->due = s->listed = false;
		s->next = 0;
	}
	if (s->running)
		slice(n, reader);
}

kith_time kith__sieve_deadline(const struct kith_node *n, const struct kith__sieve *s)
{
	kith_time ready = s->listed ? n->now : s->since + PUSH_US;
	kith_time paid = s->paid_at;

	if (s->running)
		return n->now;
	if (!s->due)
		return KITH_NEVER;
	if (s->debt > allowed(s))
		paid += (s->debt - allowed(s)) * STEP_US;
	if (paid > ready)
		ready = paid;
	return ready > n->now ? ready : n->now;
}
