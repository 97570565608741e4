/* SPDX-License-Identifier: ISC */
/*
 * The table of expected tags (crypto.md 8): for each receive chain the window of the next indices
 * from its base on, tag -> (contact, request, version, index).
 *
 * The window holds 1,024 indices while all chains together fit into TABLE_WISH entries, else fewer,
 * never less than 64. What lies beyond is found by kith__tagbook_stream: the listed tags stand in a
 * set and each chain runs once past it; hits enter the table. `ahead` of a chain is T at the end
 * of its window, so moving the base by k costs 2 k steps.
 */
#include <string.h>

#include "node/msgs.h"

#define STREAM     1024u
#define WINDOW_MIN 64u
#define TABLE_WISH 262144u  /* entries: about 12 MiB, 0.1 s to derive */
#define TABLE_MAX  4194304u /* 4,096 contacts x 8 chains x 64, twice */
#define NO_SLOT    UINT32_MAX

struct expected {
	uint32_t contact, version, index;
	int32_t request;
};

struct kith_tagbook {
	struct kith_map map; /* tag -> slot */
	struct expected *slot;
	size_t slots, cap;
	uint32_t free; /* list through `index` */
	uint32_t window;
};

static void book_clear(struct kith_node *n)
{
	struct kith_tagbook *b = n->tagbook;

	kith_map_wipe(&b->map);
	kith_map_init(&b->map, n->alloc, 16, TABLE_MAX, n->rng);
	b->slots = 0;
	b->free = NO_SLOT;
}

static struct kith_tagbook *book(struct kith_node *n)
{
	if (n->tagbook == NULL) {
		n->tagbook = kith_alloc_zero(n->alloc, 1, sizeof(*n->tagbook));
		KITH_ASSERT(n->tagbook != NULL);
		kith_map_init(&n->tagbook->map, n->alloc, 16, TABLE_MAX, n->rng);
		n->tagbook->free = NO_SLOT;
		n->tagbook->window = STREAM;
	}
	return n->tagbook;
}

void kith__tagbook_free(struct kith_node *n)
{
	if (n->tagbook == NULL)
		return;
	kith_map_wipe(&n->tagbook->map);
	kith_alloc_free(n->alloc, n->tagbook->slot);
	kith_alloc_free(n->alloc, n->tagbook);
	n->tagbook = NULL;
}

/* A lost entry costs a late fetch (stream, or the next mailbox), so no memory is not fatal here. */
static void expect(struct kith_node *n, const uint8_t tag[static 16], struct expected e)
{
	struct kith_tagbook *b = n->tagbook;
	void *slots = b->slot;
	uint32_t at = b->free;
	uint32_t there;

	if (kith_map_get(&b->map, tag, &there)) {
		if (e.request < 0 || b->slot[there].request >= 0) /* a session's tag wins */
			b->slot[there] = e;
		return;
	}
	if (at == NO_SLOT) {
		if (kith_alloc_grow(n->alloc, &slots, &b->cap, b->slots + 1, TABLE_MAX,
				    sizeof(*b->slot)) != KITH_OK)
			return;
		b->slot = slots;
		at = (uint32_t)b->slots++;
	} else {
		b->free = b->slot[at].index;
	}
	b->slot[at] = e;
	if (kith_map_put(&b->map, tag, at) != KITH_OK) {
		b->slot[at].index = b->free;
		b->free = at;
	}
}

static void unexpect(struct kith_tagbook *b, const uint8_t tag[static 16])
{
	uint32_t at;

	if (!kith_map_get(&b->map, tag, &at))
		return;
	(void)kith_map_remove(&b->map, tag);
	memset(&b->slot[at], 0, sizeof(b->slot[at]));
	b->slot[at].index = b->free;
	b->free = at;
}

void kith__tagtable_extend(struct kith_node *n, struct kith_contact *c, int request,
			   struct kith_tag_list *l)
{
	struct kith_tagbook *b = book(n);
	struct kith_tag_keys k;
	unsigned m;

	for (m = 0; m < l->count; m++) {
		struct kith_tag_chain *ch = &l->chain[m];

		if (ch->ahead_at <= ch->at) {
			memcpy(ch->ahead, ch->t, 32);
			ch->ahead_at = ch->at;
		}
		for (; ch->ahead_at - ch->at < b->window; ch->ahead_at++) {
			struct expected e = {(uint32_t)c->id, l->version, ch->ahead_at, request};

			kith__tag_derive(&k, ch->ahead);
			kith__tag_next(ch->ahead);
			expect(n, k.tag, e);
		}
	}
	kith_wipe(&k, sizeof(k));
}

void kith__tagtable_forget(struct kith_node *n, struct kith_tag_list *l, uint32_t by)
{
	struct kith_tagbook *b = book(n);
	struct kith_tag_keys k;
	unsigned m;
	uint32_t i;

	for (m = 0; m < l->count; m++) {
		struct kith_tag_chain *ch = &l->chain[m];

		for (i = 0; i < by; i++, ch->at++) {
			kith__tag_derive(&k, ch->t);
			kith__tag_next(ch->t);
			unexpect(b, k.tag);
		}
	}
	kith_wipe(&k, sizeof(k));
}

void kith__tagtable_remove(struct kith_node *n, const struct kith_tag_list *l)
{
	struct kith_tag_list copy = *l;

	kith__tagtable_forget(n, &copy, STREAM);
	kith_wipe(&copy, sizeof(copy));
}

/* Calls fn for every receive list of a contact: the session's and those of open requests. */
static void each_list(struct kith_node *n, struct kith_contact *c,
		      void (*fn)(struct kith_node *n, struct kith_contact *c, int request,
				 struct kith_tag_list *l, void *ctx),
		      void *ctx)
{
	unsigned i;
	int r;

	for (i = 0; i < c->recv.count; i++)
		fn(n, c, -1, &c->recv.list[i], ctx);
	for (r = 0; r < (int)(sizeof(c->request) / sizeof(c->request[0])); r++)
		for (i = 0; c->request[r].used && i < c->request[r].in.count; i++)
			fn(n, c, r, &c->request[r].in.list[i], ctx);
}

static void count_chains(struct kith_node *n, struct kith_contact *c, int request,
			 struct kith_tag_list *l, void *ctx)
{
	size_t *total = ctx;

	(void)n;
	(void)c;
	(void)request;
	*total += l->count;
}

static void add_list(struct kith_node *n, struct kith_contact *c, int request,
		     struct kith_tag_list *l, void *ctx)
{
	unsigned m;

	(void)ctx;
	for (m = 0; m < l->count; m++)
		l->chain[m].ahead_at = 0;
	kith__tagtable_extend(n, c, request, l);
}

void kith__tagbook_changed(struct kith_node *n)
{
	struct kith_tagbook *b = book(n);
	size_t chains = 1;
	size_t i;

	book_clear(n);
	for (i = 0; i < n->contacts; i++)
		each_list(n, n->contact[i], count_chains, &chains);
	b->window = chains <= TABLE_WISH / STREAM ? STREAM : (uint32_t)(TABLE_WISH / chains);
	if (b->window < WINDOW_MIN)
		b->window = WINDOW_MIN;
	for (i = 0; i < n->contacts; i++)
		each_list(n, n->contact[i], add_list, NULL);
}

static struct kith_tag_list *expected_list(struct kith_contact *c, const struct expected *e)
{
	struct kith_tag_side *s;
	unsigned i;

	if (e->request >= 0 && !c->request[e->request].used)
		return NULL;
	s = e->request < 0 ? &c->recv : &c->request[e->request].in;
	for (i = 0; i < s->count; i++)
		if (s->list[i].version == e->version)
			return &s->list[i];
	return NULL;
}

bool kith__tagbook_match(struct kith_node *n, const uint8_t ml[static 32],
			 const uint8_t tag[static 16], struct kith_tag_match *m)
{
	struct kith_tagbook *b = book(n);
	const struct expected *e;
	struct kith_tag_list *l;
	struct kith_contact *c;
	uint32_t at;
	unsigned k;

	if (!kith_map_get(&b->map, tag, &at))
		return false;
	e = &b->slot[at];
	c = kith__contact(n, e->contact);
	l = c == NULL ? NULL : expected_list(c, e);
	if (l == NULL || !kith__tagbook_unused(l, e->index))
		return false;
	for (k = 0; k < l->count; k++) {
		if (memcmp(l->chain[k].ml, ml, 32) != 0 ||
		    kith__tagchain_keys(&l->chain[k], e->index, &m->keys) != KITH_OK ||
		    !kith_equal(m->keys.tag, tag, 16))
			continue;
		m->c = c;
		m->request = e->request;
		m->version = e->version;
		m->index = e->index;
		return true;
	}
	return false; /* a tag of ours at another mailbox: somebody copied it there */
}

struct stream {
	const uint8_t *ml;
	struct kith_map listed;
};

static void stream_list(struct kith_node *n, struct kith_contact *c, int request,
			struct kith_tag_list *l, void *ctx)
{
	const struct stream *s = ctx;
	struct kith_tag_keys k;
	uint8_t t[32];
	uint32_t i;
	uint32_t found;
	unsigned m;

	for (m = 0; m < l->count; m++) {
		const struct kith_tag_chain *ch = &l->chain[m];

		if (memcmp(ch->ml, s->ml, 32) != 0 || ch->ahead_at <= ch->at)
			continue;
		memcpy(t, ch->ahead, 32);
		for (i = ch->ahead_at; i - ch->at < STREAM; i++) {
			struct expected e = {(uint32_t)c->id, l->version, i, request};

			kith__tag_derive(&k, t);
			kith__tag_next(t);
			if (kith_map_get(&s->listed, k.tag, &found))
				expect(n, k.tag, e);
		}
	}
	kith_wipe(&k, sizeof(k));
	kith_wipe(t, sizeof(t));
}

void kith__tagbook_stream(struct kith_node *n, const uint8_t ml[static 32],
			  const uint8_t (*tags)[16], size_t count)
{
	struct stream s = {.ml = ml};
	size_t i;

	if (book(n)->window >= STREAM || count == 0)
		return;
	kith_map_init(&s.listed, n->alloc, 16, count, n->rng);
	for (i = 0; i < count; i++)
		if (kith_map_put(&s.listed, tags[i], 1) != KITH_OK)
			break;
	for (i = 0; i < n->contacts; i++)
		each_list(n, n->contact[i], stream_list, &s);
	kith_map_wipe(&s.listed);
}
