/* SPDX-License-Identifier: ISC */
/*
 * The table of expected tags (crypto.md 8): which contact a tag that was pushed or listed may
 * belong to.
 *
 * For each receive chain it holds the 32 indices beyond the greatest consumed one, and all gaps
 * below. An entry is one word and keeps no tag: 29 bits of a keyed hash, then where to look. What
 * it points at derives the tag again, so an entry that is wrong or has outlived its list costs a
 * few steps and never matches. A chain's place is its contact's position (contacts are only ever
 * appended), its version and its number in the list; whether the list is that of the session or of
 * an open request is looked up.
 *
 * Farther indices, up to 1,024, are found by a pass over the chains: mbox_sieve.c. `ahead` of a
 * list is T at the end of its window, so moving the base by k costs 2 k steps.
 */
#include <string.h>

#include "node/mbox_own.h"
#include "node/msgs.h"

#define STREAM 1024u
#define TABLE_MAX \
	16777216u /* slots: 4,096 contacts x 8 chains x (32 and gaps), 128 MiB at worst \
		   */
#define FIRST     256u
#define STALE_MIN 256u

/* hash 29 | contact 12 | chain 3 | version 9 | index 11; never 0: the hash is not. */
#define HASH_BITS    29u
#define CONTACT_BITS 12u
#define CHAIN_BITS   3u
#define VERSION_BITS 9u
#define INDEX_BITS   11u
#define LOW(x, bits) ((uint64_t)(x) & ((UINT64_C(1) << (bits)) - 1))

_Static_assert(HASH_BITS + CONTACT_BITS + CHAIN_BITS + VERSION_BITS + INDEX_BITS == 64, "a word");
_Static_assert(KITH_CONTACTS_MAX <= 1u << CONTACT_BITS, "positions of contacts");
_Static_assert(KITH_MAILBOXES_MAX <= 1u << CHAIN_BITS, "chains of a list");
_Static_assert(STREAM <= 1u << (INDEX_BITS - 1), "an index within its window");

struct kith_tagbook {
	uint64_t *slot; /* linear probing, in the order of the hash; 0: free */
	size_t cap, count;
	uint8_t key[16];
};

static struct kith_tagbook *book(struct kith_node *n)
{
	if (n->tagbook == NULL) {
		n->tagbook = kith_alloc_zero(n->alloc, 1, sizeof(*n->tagbook));
		KITH_ASSERT(n->tagbook != NULL);
		kith_rng_fill(n->rng, n->tagbook->key, sizeof(n->tagbook->key));
	}
	return n->tagbook;
}

static void slots_free(struct kith_node *n, uint64_t *slot, size_t cap)
{
	if (slot != NULL)
		kith_wipe(slot, cap * sizeof(*slot));
	kith_alloc_free(n->alloc, slot);
}

static void book_clear(struct kith_node *n)
{
	struct kith_tagbook *b = n->tagbook;

	slots_free(n, b->slot, b->cap);
	b->slot = NULL;
	b->cap = b->count = 0;
}

void kith__tagbook_free(struct kith_node *n)
{
	if (n->tagbook == NULL)
		return;
	book_clear(n);
	kith_wipe(n->tagbook, sizeof(*n->tagbook));
	kith_alloc_free(n->alloc, n->tagbook);
	n->tagbook = NULL;
}

/* ---- the words ---- */
static uint64_t hash_of(const struct kith_tagbook *b, const uint8_t tag[static 16])
{
	uint64_t h = kith_siphash(b->key, tag, 16) >> (64 - HASH_BITS);

	return h == 0 ? 1 : h;
}

static size_t home_of(uint64_t word, size_t cap)
{
	return (size_t)((word >> (64 - HASH_BITS)) * cap >> HASH_BITS);
}

static size_t after(size_t i, size_t cap)
{
	return i + 1 == cap ? 0 : i + 1;
}

/* What `ahead` steps of going round lie between two slots. */
static size_t distance(size_t from, size_t to, size_t cap)
{
	return to >= from ? to - from : to + cap - from;
}

static void place(uint64_t *slot, size_t cap, uint64_t word)
{
	size_t i = home_of(word, cap);

	while (slot[i] != 0)
		i = after(i, cap);
	slot[i] = word;
}

/* By a fifth at a time: the table stays between 70 and 85 per cent full. */
static bool grow(struct kith_node *n, struct kith_tagbook *b)
{
	size_t cap = b->cap == 0 ? FIRST : b->cap + b->cap / 5;
	uint64_t *slot;
	size_t i;

	if (cap > TABLE_MAX)
		return false;
	slot = kith_alloc_zero(n->alloc, cap, sizeof(*slot));
	if (slot == NULL)
		return false;
	for (i = 0; i < b->cap; i++)
		if (b->slot[i] != 0)
			place(slot, cap, b->slot[i]);
	slots_free(n, b->slot, b->cap);
	b->slot = slot;
	b->cap = cap;
	return true;
}

/* A lost entry costs a late fetch (the next pass, or another mailbox): no memory is not fatal. */
static void expect(struct kith_node *n, uint64_t word)
{
	struct kith_tagbook *b = n->tagbook;

	if ((b->count + 1) * 20 > b->cap * 17 && !grow(n, b) && b->count + 1 >= b->cap)
		return;
	place(b->slot, b->cap, word);
	b->count++;
}

static void unexpect(struct kith_tagbook *b, uint64_t word)
{
	size_t hole;
	size_t i;

	if (b->cap == 0)
		return;
	for (hole = home_of(word, b->cap); b->slot[hole] != word; hole = after(hole, b->cap))
		if (b->slot[hole] == 0)
			return;
	for (i = after(hole, b->cap); b->slot[i] != 0; i = after(i, b->cap)) {
		size_t home = home_of(b->slot[i], b->cap);

		/* It may fill the hole unless its home lies behind the hole. */
		if (distance(home, i, b->cap) < distance(hole, i, b->cap))
			continue;
		b->slot[hole] = b->slot[i];
		hole = i;
	}
	b->slot[hole] = 0;
	b->count--;
}

/* Position of a contact; contacts ascend by id. */
static size_t position(const struct kith_node *n, const struct kith_contact *c)
{
	size_t lo = 0;
	size_t hi = n->contacts;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (n->contact[mid]->id < c->id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static uint64_t word_of(const struct kith_tagbook *b, const uint8_t tag[static 16], size_t who,
			unsigned chain, uint32_t version, uint32_t index)
{
	uint64_t w = hash_of(b, tag);

	w = w << CONTACT_BITS | LOW(who, CONTACT_BITS);
	w = w << CHAIN_BITS | LOW(chain, CHAIN_BITS);
	w = w << VERSION_BITS | LOW(version, VERSION_BITS);
	return w << INDEX_BITS | LOW(index, INDEX_BITS);
}

/* ---- windows ---- */
void kith__tagtable_extend(struct kith_node *n, struct kith_contact *c, struct kith_tag_list *l)
{
	struct kith_tagbook *b = book(n);
	uint32_t window = kith__tagbook_reach(l) + KITH__TAG_NEAR;
	size_t who = position(n, c);
	uint8_t tag[16];
	unsigned m;

	if (window > STREAM)
		window = STREAM;
	if (l->ahead == NULL && l->count > 0) {
		l->ahead = kith_alloc_zero(NULL, l->count, sizeof(*l->ahead));
		if (l->ahead == NULL) /* as in expect() */
			return;
	}
	for (m = 0; m < l->count; m++) {
		struct kith_tag_ahead *ah = &l->ahead[m];
		struct kith_tag_chain *ch = &l->chain[m];

		if (ah->at <= ch->at) {
			memcpy(ah->t, ch->t, 32);
			ah->at = ch->at;
		}
		for (; ah->at - ch->at < window; ah->at++) {
			kith__tag_only(tag, ah->t);
			kith__tag_next(ah->t);
			expect(n, word_of(b, tag, who, m, l->version, ah->at));
			kith__sieve_expected(n, ch->ml, tag, c, l->version, ah->at);
		}
	}
}

void kith__tagtable_forget(struct kith_node *n, const struct kith_contact *c,
			   struct kith_tag_list *l, uint32_t by)
{
	struct kith_tagbook *b = book(n);
	size_t who = position(n, c);
	uint8_t tag[16];
	unsigned m;
	uint32_t i;

	for (m = 0; m < l->count; m++) {
		struct kith_tag_chain *ch = &l->chain[m];

		for (i = 0; i < by; i++, ch->at++) {
			if (l->ahead != NULL && ch->at < l->ahead[m].at) {
				kith__tag_only(tag, ch->t);
				unexpect(b, word_of(b, tag, who, m, l->version, ch->at));
			}
			kith__tag_next(ch->t);
		}
	}
}

size_t kith__tagtable_words(const struct kith_node *n)
{
	return n->tagbook == NULL ? 0 : n->tagbook->count;
}

void kith__tagbook_each(struct kith_node *n, struct kith_contact *c, kith__tag_list_fn fn,
			void *ctx)
{
	unsigned i;
	unsigned r;

	for (i = 0; i < c->recv.count; i++)
		fn(n, c, &c->recv.list[i], ctx);
	for (r = 0; c->request != NULL && r < KITH_OPEN_REQUESTS; r++)
		for (i = 0; c->request[r].used && i < c->request[r].in.count; i++)
			fn(n, c, &c->request[r].in.list[i], ctx);
}

/* Counts what the windows hold; a list that is new to the table enters it. */
static void enter(struct kith_node *n, struct kith_contact *c, struct kith_tag_list *l, void *ctx)
{
	size_t *live = ctx;
	unsigned m;

	kith__tagtable_extend(n, c, l);
	for (m = 0; m < l->count; m++)
		*live += l->ahead == NULL ? 0 : l->ahead[m].at - l->chain[m].at;
}

static void enter_anew(struct kith_node *n, struct kith_contact *c, struct kith_tag_list *l,
		       void *ctx)
{
	unsigned m;

	(void)ctx;
	for (m = 0; l->ahead != NULL && m < l->count; m++)
		l->ahead[m].at = 0;
	kith__tagtable_extend(n, c, l);
}

void kith__tagbook_changed(struct kith_node *n)
{
	struct kith_tagbook *b = book(n);
	size_t live = 0;
	size_t i;

	for (i = 0; i < n->contacts; i++)
		kith__tagbook_each(n, n->contact[i], enter, &live);
	if (b->count <= live + live / 4 + STALE_MIN)
		return;
	book_clear(n);
	for (i = 0; i < n->contacts; i++)
		kith__tagbook_each(n, n->contact[i], enter_anew, NULL);
}

/* ---- matching ---- */
/* True when index i of a chain of `l` at mailbox ml makes this tag, and was not consumed. */
static bool makes(const struct kith_tag_list *l, uint32_t index, const uint8_t ml[static 32],
		  const uint8_t tag[static 16], struct kith_tag_keys *k)
{
	unsigned m;

	if (!kith__tagbook_unused(l, index))
		return false;
	for (m = 0; m < l->count; m++)
		if (memcmp(l->chain[m].ml, ml, 32) == 0 &&
		    kith__tagchain_keys(&l->chain[m], index, k) == KITH_OK &&
		    kith_equal(k->tag, tag, 16))
			return true;
	return false;
}

struct search {
	const uint8_t *ml, *tag;
	uint64_t version, version_mask;
	uint64_t index, index_mask;
	struct kith_tag_match *m;
	bool found;
};

static void try_list(struct kith_node *n, struct kith_contact *c, struct kith_tag_list *l,
		     void *ctx)
{
	struct search *s = ctx;
	uint32_t index = l->low + (uint32_t)((s->index - l->low) & s->index_mask);

	(void)n;
	if (s->found || (l->version & s->version_mask) != s->version ||
	    !makes(l, index, s->ml, s->tag, &s->m->keys))
		return;
	s->found = true;
	s->m->c = c;
	s->m->list = l;
	s->m->version = l->version;
	s->m->index = index;
}

/* Which of the open requests the list belongs to; -1: the session. */
static int request_of(const struct kith_contact *c, const struct kith_tag_list *l)
{
	unsigned r;

	for (r = 0; c->request != NULL && r < KITH_OPEN_REQUESTS; r++)
		for (unsigned i = 0; c->request[r].used && i < c->request[r].in.count; i++)
			if (&c->request[r].in.list[i] == l)
				return (int)r;
	return -1;
}

static bool search(struct kith_node *n, struct kith_contact *c, struct search *s)
{
	kith__tagbook_each(n, c, try_list, s);
	if (s->found)
		s->m->request = request_of(c, s->m->list);
	else
		kith_wipe(&s->m->keys, sizeof(s->m->keys));
	return s->found;
}

bool kith__tagbook_match(struct kith_node *n, const uint8_t ml[static 32],
			 const uint8_t tag[static 16], struct kith_tag_match *m)
{
	struct kith_tagbook *b = book(n);
	uint64_t h = hash_of(b, tag);
	size_t i;

	memset(m, 0, sizeof(*m));
	if (b->cap == 0)
		return false;
	for (i = home_of(h << (64 - HASH_BITS), b->cap); b->slot[i] != 0; i = after(i, b->cap)) {
		uint64_t w = b->slot[i];
		size_t who = LOW(w >> (CHAIN_BITS + VERSION_BITS + INDEX_BITS), CONTACT_BITS);
		struct search s = {.ml = ml,
				   .tag = tag,
				   .version = LOW(w >> INDEX_BITS, VERSION_BITS),
				   .version_mask = LOW(UINT64_MAX, VERSION_BITS),
				   .index = LOW(w, INDEX_BITS),
				   .index_mask = LOW(UINT64_MAX, INDEX_BITS),
				   .m = m};

		if (w >> (64 - HASH_BITS) == h && who < n->contacts &&
		    search(n, n->contact[who], &s))
			return true;
	}
	return false;
}

bool kith__tagbook_find(struct kith_node *n, const struct kith__tag_place *p,
			const uint8_t ml[static 32], const uint8_t tag[static 16],
			struct kith_tag_match *m)
{
	struct kith_contact *c = kith__contact(n, p->contact);
	struct search s = {.ml = ml,
			   .tag = tag,
			   .version = p->version,
			   .version_mask = UINT32_MAX,
			   .index = p->index,
			   .index_mask = UINT32_MAX,
			   .m = m};

	memset(m, 0, sizeof(*m));
	return c != NULL && search(n, c, &s);
}
