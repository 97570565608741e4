/* SPDX-License-Identifier: ISC */
/*
 * Tag state of a pair (crypto.md 8): roots, list versions, chains, one index per direction and
 * version for all mailboxes.
 *
 * Invariants. A side keeps R_{v+1} of its newest version v and no older root. A chain keeps T_at
 * and nothing before it: at = lowest un-acked index when sending, first unconsumed index when
 * receiving. An index is taken once (the row is in the batch that precedes the PUT). The sender
 * stays within 900 un-acked indices and 1,024 beyond the greatest index that an acked body
 * announced, so each blob still stored lies within the recipient's stream (docs/models.md, tags).
 * The table of expected tags of the receive side is in tagtable.c.
 */
#include <string.h>

#include "node/msgs.h"

#define STREAM           1024u
#define LIST_KEEP_S      (30u * 86400u)
#define VERSIONS_AT_ONCE 4096u

static struct kith_tag_list *list_of(struct kith_tag_side *s, uint32_t version)
{
	unsigned i;

	for (i = 0; i < s->count; i++)
		if (s->list[i].version == version)
			return &s->list[i];
	return NULL;
}

static const struct kith_tag_list *list_in_use(const struct kith_tag_side *s)
{
	return s->count > 0 ? &s->list[s->count - 1] : NULL;
}

struct kith_tag_list *kith__tagbook_add(struct kith_tag_side *s)
{
	struct kith_tag_list *list;
	unsigned cap = s->cap == 0 ? 1 : s->cap * 2;

	if (s->count == KITH_LIST_VERSIONS_MAX)
		return NULL;
	if (s->count == s->cap) { /* by hand: what is given back holds secrets */
		list = kith_alloc_zero(NULL, cap, sizeof(*list));
		if (list == NULL)
			return NULL;
		if (s->list != NULL) {
			memcpy(list, s->list, s->count * sizeof(*list));
			kith_wipe(s->list, s->count * sizeof(*list));
		}
		kith_alloc_free(NULL, s->list);
		s->list = list;
		s->cap = cap;
	}
	list = &s->list[s->count++];
	memset(list, 0, sizeof(*list));
	return list;
}

struct kith_tag_chain *kith__tagbook_chain(struct kith_tag_list *l)
{
	struct kith_tag_chain *chain;

	KITH_ASSERT(l->count < KITH_MAILBOXES_MAX && l->ahead == NULL);
	chain = kith_alloc_zero(NULL, l->count + 1, sizeof(*chain));
	if (chain == NULL)
		return NULL;
	if (l->chain != NULL) {
		memcpy(chain, l->chain, l->count * sizeof(*chain));
		kith_wipe(l->chain, l->count * sizeof(*chain));
	}
	kith_alloc_free(NULL, l->chain);
	l->chain = chain;
	return &chain[l->count++];
}

static void list_wipe(struct kith_tag_list *l)
{
	if (l->chain != NULL)
		kith_wipe(l->chain, l->count * sizeof(*l->chain));
	if (l->ahead != NULL)
		kith_wipe(l->ahead, l->count * sizeof(*l->ahead));
	kith_alloc_free(NULL, l->chain);
	kith_alloc_free(NULL, l->ahead);
	kith_wipe(l, sizeof(*l));
}

void kith__tagbook_wipe(struct kith_tag_side *s)
{
	unsigned i;

	for (i = 0; i < s->count; i++)
		list_wipe(&s->list[i]);
	if (s->list != NULL)
		kith_wipe(s->list, s->cap * sizeof(*s->list));
	kith_alloc_free(NULL, s->list);
	kith_wipe(s, sizeof(*s));
}

static void set_root(struct kith_tag_side *s, const uint8_t root[static 32])
{
	kith__tagbook_wipe(s);
	s->has_root = true;
	memcpy(s->root, root, 32);
}

void kith__tagbook_start(struct kith_node *n, struct kith_contact *c,
			 const uint8_t send_root[static 32], const uint8_t recv_root[static 32])
{
	struct kith_list own;
	uint8_t ml[KITH_MAILBOXES_MAX][32];
	unsigned i;

	set_root(&c->send, send_root);
	set_root(&c->recv, recv_root);
	kith__own_list(n, &own);
	for (i = 0; i < own.count; i++)
		memcpy(ml[i], own.box[i].ml, 32);
	if (own.version != 0 && kith__tagbook_list(&c->recv, own.version, (const uint8_t(*)[32])ml,
						   own.count) != KITH_OK)
		KITH_ASSERT(false); /* a new side takes any first version */
	for (i = 0; i < c->boxes; i++)
		memcpy(ml[i], c->box[i].e.ml, 32);
	if (c->list_version != 0 &&
	    kith__tagbook_list(&c->send, c->list_version, (const uint8_t(*)[32])ml, c->boxes) !=
		    KITH_OK)
		KITH_ASSERT(false);
	kith__dirty(n, c, false, false, true);
	kith__tagbook_changed(n);
}

int kith__tagbook_list(struct kith_tag_side *s, uint32_t version, const uint8_t (*ml)[32],
		       unsigned count)
{
	struct kith_tag_chain *chain = NULL;
	struct kith_tag_list *l;
	uint32_t v;
	unsigned i;

	KITH_ASSERT(count <= KITH_MAILBOXES_MAX);
	if (list_of(s, version) != NULL)
		return KITH_OK;
	if (!s->has_root)
		return KITH_E_STATE;
	if (s->count == KITH_LIST_VERSIONS_MAX)
		return KITH_E_FULL;
	v = s->count == 0 && s->root_version == 0 ? version : s->root_version; /* base */
	if (version < v || version - v > VERSIONS_AT_ONCE)
		return KITH_E_STATE;
	if (count > 0) {
		chain = kith_alloc_zero(NULL, count, sizeof(*chain));
		if (chain == NULL)
			return KITH_E_NOMEM;
	}
	l = kith__tagbook_add(s);
	if (l == NULL) {
		kith_alloc_free(NULL, chain);
		return KITH_E_NOMEM;
	}
	for (; v < version; v++)
		kith__tag_root_next(s->root, s->root);
	for (i = 0; i + 1 < s->count; i++)
		s->list[i].live = false;
	l->version = version;
	l->live = true;
	l->count = count;
	l->chain = chain;
	for (i = 0; i < count; i++) {
		memcpy(l->chain[i].ml, ml[i], 32);
		kith__tag_init(l->chain[i].t, s->root, ml[i], version);
	}
	kith__tag_root_next(s->root, s->root);
	s->root_version = version + 1;
	return KITH_OK;
}

uint32_t kith__tagbook_version(const struct kith_contact *c)
{
	const struct kith_tag_list *l = list_in_use(&c->send);

	return l == NULL ? 0 : l->version;
}

uint32_t kith__tagbook_low(const struct kith_contact *c)
{
	const struct kith_tag_list *l = list_in_use(&c->send);

	return l == NULL ? 0 : l->low;
}

uint32_t kith__tagbook_open(const struct kith_contact *c)
{
	const struct kith_tag_list *l = list_in_use(&c->send);

	return l == NULL ? 0 : l->next - l->low;
}

bool kith__tagbook_may_take(const struct kith_contact *c)
{
	const struct kith_tag_list *l = list_in_use(&c->send);

	if (l == NULL || l->count == 0 || l->next == UINT32_MAX)
		return false;
	/* Nothing outstanding: the recipient has all, one more index cannot hide anything. */
	return l->low == l->next ||
	       (l->next - l->low < KITH_UNACKED_MAX && l->next - kith_load_u32(l->used) < STREAM);
}

uint32_t kith__tagbook_take(struct kith_contact *c)
{
	KITH_ASSERT(c->send.count > 0);
	return c->send.list[c->send.count - 1].next++;
}

int kith__tagbook_send(const struct kith_contact *c, uint32_t version, const uint8_t ml[static 32],
		       uint32_t i, struct kith_tag_keys *k)
{
	unsigned l;
	unsigned m;

	for (l = 0; l < c->send.count; l++) {
		const struct kith_tag_list *list = &c->send.list[l];

		for (m = 0; list->version == version && m < list->count; m++) {
			if (memcmp(list->chain[m].ml, ml, 32) == 0)
				return kith__tagchain_keys(&list->chain[m], i, k);
		}
	}
	return KITH_E_NOTFOUND;
}

int kith__tagchain_keys(const struct kith_tag_chain *chain, uint32_t i, struct kith_tag_keys *k)
{
	uint8_t t[32];
	uint32_t at;

	if (i < chain->at || i - chain->at > 2 * STREAM)
		return KITH_E_NOTFOUND;
	memcpy(t, chain->t, 32);
	for (at = chain->at; at < i; at++)
		kith__tag_next(t);
	kith__tag_derive(k, t);
	kith_wipe(t, sizeof(t));
	return KITH_OK;
}

void kith__tagbook_heard(struct kith_contact *c, uint32_t version, uint32_t announced)
{
	struct kith_tag_list *l = list_of(&c->send, version);

	if (l != NULL && announced > kith_load_u32(l->used))
		kith_store_u32(l->used, announced);
}

void kith__tagbook_acked(struct kith_contact *c, uint32_t version, uint32_t lowest_unacked)
{
	struct kith_tag_list *l = list_of(&c->send, version);
	unsigned m;

	if (l == NULL || lowest_unacked <= l->low)
		return;
	if (lowest_unacked > l->next)
		lowest_unacked = l->next;
	for (m = 0; m < l->count; m++)
		for (; l->chain[m].at < lowest_unacked; l->chain[m].at++)
			kith__tag_next(l->chain[m].t);
	l->low = lowest_unacked;
}

static bool used(const struct kith_tag_list *l, uint32_t i)
{
	return (l->used[i / 8] >> (i % 8) & 1) != 0;
}

/* Drops the first `by` consumed bits. */
static void shift_used(struct kith_tag_list *l, uint32_t by)
{
	uint32_t i;

	for (i = 0; i < STREAM; i++) {
		bool on = i + by < STREAM && used(l, i + by);

		l->used[i / 8] =
			(uint8_t)((l->used[i / 8] & ~(1u << (i % 8))) | ((unsigned)on << (i % 8)));
	}
}

uint32_t kith__tagbook_reach(const struct kith_tag_list *l)
{
	uint32_t i = STREAM;

	while (i > 0 && l->used[(i - 1) / 8] == 0)
		i -= 8;
	while (i > 0 && !used(l, i - 1))
		i--;
	return i;
}

/* Moves the base to `low`, then over what is consumed there; the window follows. */
static void move_base(struct kith_node *n, struct kith_contact *c, struct kith_tag_list *l,
		      uint32_t low)
{
	uint32_t by = low - l->low;

	KITH_ASSERT(low >= l->low && by <= STREAM);
	while (by < STREAM && used(l, by))
		by++;
	if (by > 0) {
		kith__tagtable_forget(n, c, l, by);
		shift_used(l, by);
		l->low += by;
	}
	kith__tagtable_extend(n, c, l);
}

void kith__tagbook_consumed(struct kith_node *n, const struct kith_tag_match *m)
{
	struct kith_tag_side *s = &m->c->recv;
	struct kith_tag_list *l;
	uint32_t i;

	if (m->request >= 0)
		s = m->c->request == NULL ? NULL : &m->c->request[m->request].in;
	l = s == NULL ? NULL : list_of(s, m->version);
	if (l == NULL || m->index < l->low || m->index - l->low >= STREAM)
		return;
	i = m->index - l->low;
	l->used[i / 8] = (uint8_t)(l->used[i / 8] | 1u << (i % 8));
	move_base(n, m->c, l, l->low);
	kith__dirty(n, m->c, false, false, true);
}

bool kith__tagbook_unused(const struct kith_tag_list *l, uint32_t index)
{
	return index >= l->low && index - l->low < STREAM && !used(l, index - l->low);
}

void kith__tagbook_announced(struct kith_node *n, struct kith_contact *c, uint32_t version,
			     uint32_t index)
{
	struct kith_tag_list *l = list_of(&c->recv, version);

	if (l == NULL || index <= l->low || index - l->low > STREAM)
		return;
	move_base(n, c, l, index);
	kith__dirty(n, c, false, false, true);
}

static void list_rows_delete(struct kith_node *n, const struct kith_contact *c, int dir,
			     uint32_t version)
{
	struct kith_op op = kith_op(KITH_OP_TAGLIST_DELETE);

	kith_op_int(&op, (int64_t)c->id);
	kith_op_int(&op, dir);
	kith_op_int(&op, version);
	kith__put(n, &op);
	op = kith_op(KITH_OP_TAGCHAIN_DELETE);
	kith_op_int(&op, (int64_t)c->id);
	kith_op_int(&op, dir);
	kith_op_int(&op, version);
	kith__put(n, &op);
}

void kith__tagbook_drop(struct kith_node *n, struct kith_contact *c, int dir, unsigned i)
{
	struct kith_tag_side *s = dir == 0 ? &c->send : &c->recv;

	KITH_ASSERT(i < s->count);
	list_rows_delete(n, c, dir, s->list[i].version);
	if (dir == 1)
		kith__tagtable_forget(n, c, &s->list[i], STREAM);
	list_wipe(&s->list[i]);
	memmove(&s->list[i], &s->list[i + 1], (s->count - i - 1) * sizeof(s->list[0]));
	s->count--;
	kith_wipe(&s->list[s->count], sizeof(s->list[0]));
}

static void sweep_side(struct kith_node *n, struct kith_contact *c, int dir)
{
	struct kith_tag_side *s = dir == 0 ? &c->send : &c->recv;
	uint64_t now = kith__wall_s(n);
	unsigned i;

	for (i = s->count; i-- > 0;) {
		struct kith_tag_list *l = &s->list[i];

		if (l->live || i + 1 == s->count)
			continue;
		if (l->until_s == 0) {
			l->until_s = now + LIST_KEEP_S;
			kith__dirty(n, c, false, false, true);
		} else if (now > l->until_s) {
			kith__tagbook_drop(n, c, dir, i);
		}
	}
}

void kith__tagbook_sweep(struct kith_node *n)
{
	size_t i;

	for (i = 0; i < n->contacts; i++) {
		sweep_side(n, n->contact[i], 0);
		sweep_side(n, n->contact[i], 1);
	}
}
