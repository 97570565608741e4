/* SPDX-License-Identifier: ISC */
/*
 * Opening a frame, and the keys of messages that have not come yet (crypto.md 5).
 *
 * A frame is tried under the header key of the receiving chain, under those of older chains that
 * still own skipped keys, and under the next one; it then takes one of three ways:
 *
 *	CHAIN   the present receiving chain, at or beyond its next number
 *	STORED  a number that was skipped; its key is used up
 *	STEP    the peer's next chain (full frames only): receiving step, old chain skipped up to pn
 *
 * Everything is worked out on a copy. The state, the stored keys and the caller's memory change
 * only when the body box has opened and its form is right; nothing is allocated before that.
 * Bounds: 1,000 skipped at once per chain, 2,000 kept, 30 old header keys; the oldest go first.
 */
#include "node/proto.h"

#include <string.h>

#include "node/proto_internal.h"

#define OLD_KEYS_MAX 30u /* with the present and the next one: 32 trials */
#define SKIP_LIFE_S  (30u * 86400u)

enum way { WAY_NONE, WAY_CHAIN, WAY_STORED, WAY_STEP };

struct head {
	uint32_t pn, n;
	uint8_t dh[32];
	const uint8_t *ek, *ct; /* inside `plain`, full frames only */
	uint8_t plain[KITH__HEAD_FULL - KITH_SEAL_OVERHEAD];
};

/* One frame on its way. */
struct opening {
	const uint8_t *in;
	size_t len, box;
	bool light;
	enum way way;
	uint8_t hk_used[32];         /* the header key that opened it */
	size_t stored;               /* WAY_STORED: index of the key */
	uint32_t skip_old, skip_new; /* keys to store of the chain before and after a step */
	struct head head;
	struct kith_ratchet next; /* the state after it */
	uint8_t ck_new[32];       /* chain key before the skipped numbers */
	uint8_t mk[32];
	uint8_t body[KITH_BODY];
	size_t body_len;
};

/* ---- stored keys ---- */

/* Makes room for `want` keys, wiping the place they leave. */
static int make_room(struct kith_ratchet *r, size_t want)
{
	struct kith_skipped *p;
	size_t cap = r->skipped_cap == 0 ? 2 : r->skipped_cap; /* most have none or one */

	KITH_ASSERT(want <= KITH_SKIP_CONTACT_MAX);
	if (want <= r->skipped_cap)
		return KITH_OK;
	while (cap < want)
		cap *= 2;
	if (cap > KITH_SKIP_CONTACT_MAX)
		cap = KITH_SKIP_CONTACT_MAX;
	p = kith_alloc_zero(r->alloc, cap, sizeof(*p));
	if (p == NULL)
		return KITH_E_NOMEM;
	if (r->skipped_count != 0)
		memcpy(p, r->skipped, r->skipped_count * sizeof(*p));
	if (r->skipped != NULL)
		kith_wipe(r->skipped, r->skipped_cap * sizeof(*p));
	kith_alloc_free(r->alloc, r->skipped);
	r->skipped = p;
	r->skipped_cap = cap;
	return KITH_OK;
}

/* Takes `count` keys from place `at` on out of the array. */
static void remove_keys(struct kith_ratchet *r, size_t at, size_t count)
{
	KITH_ASSERT(at + count <= r->skipped_count);
	if (count == 0)
		return;
	memmove(r->skipped + at, r->skipped + at + count,
		(r->skipped_count - at - count) * sizeof(*r->skipped));
	r->skipped_count -= count;
	kith_wipe(r->skipped + r->skipped_count, count * sizeof(*r->skipped));
}

int kith__ratchet_skipped_add(struct kith_ratchet *r, const struct kith_skipped *key)
{
	int err;

	if (r->skipped_count == KITH_SKIP_CONTACT_MAX)
		return KITH_E_FULL;
	err = make_room(r, r->skipped_count + 1);
	if (err == KITH_OK)
		r->skipped[r->skipped_count++] = *key;
	return err;
}

void kith__ratchet_expire(struct kith_ratchet *r, uint64_t now_s)
{
	size_t i, kept = 0;

	for (i = 0; i < r->skipped_count; i++)
		if (r->skipped[i].expires_s > now_s)
			r->skipped[kept++] = r->skipped[i];
	remove_keys(r, kept, r->skipped_count - kept);
}

void kith__ratchet_wipe(struct kith_ratchet *r)
{
	if (r->skipped != NULL)
		kith_wipe(r->skipped, r->skipped_cap * sizeof(*r->skipped));
	kith_alloc_free(r->alloc, r->skipped);
	kith_wipe(r, sizeof(*r));
}

/* True when key i is the first of its chain: keys of one chain stand together. */
static bool begins_chain(const struct kith_ratchet *r, size_t i)
{
	return i == 0 || !kith_equal(r->skipped[i].hk, r->skipped[i - 1].hk, 32);
}

/* Drops the oldest chains beyond OLD_KEYS_MAX; the number of keys that went. */
static size_t drop_old_chains(struct kith_ratchet *r)
{
	size_t i = r->skipped_count, chains = 0;

	while (i > 0) {
		i--;
		if (!begins_chain(r, i) || kith_equal(r->skipped[i].hk, r->hkr, 32))
			continue;
		if (++chains == OLD_KEYS_MAX) {
			remove_keys(r, 0, i);
			return i;
		}
	}
	return 0;
}

/* Derives the keys of numbers `from` up to `to` and stores them where `out` is not NULL. */
static void skip(uint8_t ck[32], uint32_t from, uint32_t to, const uint8_t hk[32],
		 uint64_t expires_s, struct kith_skipped *out)
{
	uint8_t mk[32];
	uint32_t n;

	for (n = from; n < to; n++) {
		kith__chain_next(mk, ck);
		if (out == NULL)
			continue;
		memcpy(out->hk, hk, 32);
		memcpy(out->mk, mk, 32);
		out->n = n;
		out->expires_s = expires_s;
		out++;
	}
	kith_wipe(mk, sizeof(mk));
}

/* ---- header ---- */

static int parse_head(struct head *h, size_t len)
{
	struct kith_reader r;

	kith_reader_init(&r, h->plain, len);
	kith_read_zeros(&r, 2);
	h->pn = kith_read_u32(&r);
	h->n = kith_read_u32(&r);
	kith_read_bytes(&r, h->dh, sizeof(h->dh));
	h->ek = h->ct = NULL;
	if (len == sizeof(h->plain)) {
		h->ek = kith_read_view(&r, KITH_KEM_EK);
		h->ct = kith_read_view(&r, KITH_KEM_CT);
	}
	kith_read_zeros(&r, r.left);
	return kith_read_end(&r);
}

static bool try_key(struct opening *o, const uint8_t hk[32])
{
	static const uint8_t suite = KITH_SUITE;

	if (kith_open(o->head.plain, hk, &suite, 1, o->in, o->box) != KITH_OK)
		return false;
	memcpy(o->hk_used, hk, 32);
	return true;
}

/* Which header key opens it, and whether its number is one of the stored ones. */
static int find_way(struct opening *o, const struct kith_ratchet *r)
{
	size_t i;

	o->way = WAY_NONE;
	if (r->has_ckr && try_key(o, r->hkr))
		o->way = WAY_CHAIN;
	for (i = 0; o->way == WAY_NONE && i < r->skipped_count; i++)
		if (begins_chain(r, i) && try_key(o, r->skipped[i].hk))
			o->way = WAY_STORED;
	if (o->way == WAY_NONE && try_key(o, r->nhkr))
		o->way = WAY_STEP;
	if (o->way == WAY_NONE || parse_head(&o->head, o->box - KITH_SEAL_OVERHEAD) != KITH_OK)
		return KITH_E_AUTH;
	for (i = 0; o->way != WAY_STEP && i < r->skipped_count; i++) {
		if (r->skipped[i].n != o->head.n || !kith_equal(r->skipped[i].hk, o->hk_used, 32))
			continue;
		o->way = WAY_STORED;
		o->stored = i;
		return KITH_OK;
	}
	return o->way == WAY_STORED ? KITH_E_AUTH : KITH_OK; /* used before, or dropped */
}

/* ---- the three ways to the message key ---- */

static int way_chain(struct opening *o)
{
	struct kith_ratchet *t = &o->next;

	if (o->head.n < t->nr || !kith_equal(o->head.dh, t->peer_dh, 32))
		return KITH_E_AUTH;
	o->skip_new = o->head.n - t->nr;
	return o->skip_new > KITH_SKIP_CHAIN_MAX ? KITH_E_FULL : KITH_OK;
}

static int way_step(struct opening *o)
{
	struct kith_ratchet *t = &o->next;

	if (o->light)
		return KITH_E_AUTH; /* it holds neither ek nor ct */
	if (t->has_ckr && o->head.pn > t->nr)
		o->skip_old = o->head.pn - t->nr;
	o->skip_new = o->head.n;
	if (o->skip_old > KITH_SKIP_CHAIN_MAX || o->skip_new > KITH_SKIP_CHAIN_MAX)
		return KITH_E_FULL;
	return kith__ratchet_step_receive(t, o->head.dh, o->head.ek, o->head.ct);
}

/* Fills o->mk and moves o->next on. */
static int derive(struct opening *o, const struct kith_ratchet *r)
{
	struct kith_ratchet *t = &o->next;
	int err;

	if (o->way == WAY_STORED) {
		memcpy(o->mk, r->skipped[o->stored].mk, 32);
		return KITH_OK;
	}
	if (o->head.n == UINT32_MAX) /* no chain is that long, and the next number must exist */
		return KITH_E_AUTH;
	err = o->way == WAY_STEP ? way_step(o) : way_chain(o);
	if (err != KITH_OK)
		return err;
	memcpy(o->ck_new, t->ckr, 32);
	skip(t->ckr, t->nr, o->head.n, t->hkr, 0, NULL);
	kith__chain_next(o->mk, t->ckr);
	t->nr = o->head.n + 1;
	return KITH_OK;
}

static int open_body(struct opening *o, struct kith_ack *ack, uint32_t *seq)
{
	uint8_t ad[32 + KITH__HEAD_FULL];
	struct kith_body body;

	memcpy(ad, o->next.ad, 32);
	memcpy(ad + 32, o->in, o->box);
	o->body_len = o->len - o->box - KITH_SEAL_OVERHEAD;
	if (kith_open(o->body, o->mk, ad, 32 + o->box, o->in + o->box, o->len - o->box) != KITH_OK)
		return KITH_E_AUTH;
	if (kith__body_decode(&body, o->body, o->body_len) != KITH_OK)
		return KITH_E_MALFORMED;
	*ack = body.ack;
	*seq = body.seq;
	return KITH_OK;
}

/* ---- taking effect ---- */

/* True when the ack in `body` covers a seq that was sealed for the first time in this chain. */
static bool names_chain(const struct kith_ratchet *r, const struct kith_ack *ack)
{
	unsigned k;

	if (r->chain_first_seq == 0)
		return false;
	if (ack->next > r->chain_first_seq)
		return true;
	for (k = 0; k < 64; k++) {
		uint64_t seq = (uint64_t)ack->next + 1 + k;

		if ((ack->bitmap >> k & 1) != 0 && seq >= r->chain_first_seq && seq <= r->seq_high)
			return true;
	}
	return false;
}

/* Stores the skipped keys in `r`, whose other fields are still old. The last thing that can fail;
 * sets how many old keys made room. */
static int store_keys(struct opening *o, struct kith_ratchet *r, uint64_t now_ms, size_t *dropped)
{
	size_t added = (size_t)o->skip_old + o->skip_new;
	size_t total = r->skipped_count + added;
	size_t over = total > KITH_SKIP_CONTACT_MAX ? total - KITH_SKIP_CONTACT_MAX : 0;
	uint64_t expires_s = now_ms / 1000 + SKIP_LIFE_S;
	struct kith_skipped *end;
	uint8_t ck[32];
	int err;

	*dropped = over;
	if (added == 0)
		return KITH_OK;
	err = make_room(r, total - over);
	if (err != KITH_OK)
		return err;
	remove_keys(r, 0, over);
	end = r->skipped + r->skipped_count;
	memcpy(ck, r->ckr, 32);
	skip(ck, r->nr, r->nr + o->skip_old, r->hkr, expires_s, end);
	skip(o->ck_new, o->head.n - o->skip_new, o->head.n, o->next.hkr, expires_s,
	     end + o->skip_old);
	r->skipped_count += added;
	kith_wipe(ck, sizeof(ck));
	return KITH_OK;
}

static int commit(struct opening *o, struct kith_ratchet *r, struct kith_opened *out,
		  uint64_t now_ms, const struct kith_ack *ack)
{
	struct kith_ratchet *t = &o->next;
	size_t dropped;
	int err = store_keys(o, r, now_ms, &dropped);

	if (err != KITH_OK)
		return err;
	memset(out, 0, sizeof(*out));
	memcpy(out->skip_hk, o->hk_used, sizeof(out->skip_hk));
	out->skip_used = o->way == WAY_STORED;
	if (out->skip_used)
		remove_keys(r, o->stored, 1);
	t->skipped = r->skipped;
	t->skipped_count = r->skipped_count;
	t->skipped_cap = r->skipped_cap;
	t->chain_acked = t->chain_acked || names_chain(t, ack);
	*r = *t;
	out->light = o->light;
	out->stepped = o->way == WAY_STEP;
	out->n = o->head.n;
	out->body_len = o->body_len;
	memcpy(out->body, o->body, o->body_len);
	out->skip_added = (size_t)o->skip_old + o->skip_new;
	out->skip_dropped = dropped + drop_old_chains(r);
	return KITH_OK;
}

static bool is_light(size_t len)
{
	return len == 256 || len == 512 || len == 768 || len == KITH_FRAME_LIGHT_MAX;
}

int kith__ratchet_open(struct kith_ratchet *r, struct kith_opened *out, const uint8_t *in,
		       size_t len, uint64_t now_ms)
{
	return kith__ratchet_open_if(r, out, in, len, now_ms, NULL);
}

int kith__ratchet_open_if(struct kith_ratchet *r, struct kith_opened *out, const uint8_t *in,
			  size_t len, uint64_t now_ms, struct kith_turn *turn)
{
	struct opening o;
	struct kith_ack ack;
	uint32_t seq;
	int err;

	if (len != KITH_INNER && !is_light(len))
		return KITH_E_AUTH;
	o.in = in;
	o.len = len;
	o.light = len != KITH_INNER;
	o.box = o.light ? KITH__HEAD_LIGHT : KITH__HEAD_FULL;
	o.skip_old = o.skip_new = 0;
	o.next = *r;
	err = find_way(&o, r);
	if (err == KITH_OK)
		err = derive(&o, r);
	if (err == KITH_OK)
		err = open_body(&o, &ack, &seq);
	if (err == KITH_OK && turn != NULL && !turn->take(turn, seq))
		err = KITH_E_STATE;
	if (err == KITH_OK)
		err = commit(&o, r, out, now_ms, &ack);
	kith_wipe(&o, sizeof(o));
	return err;
}
