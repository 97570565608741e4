/* SPDX-License-Identifier: ISC */
/*
 * The copies of one outbox entry at the contact's mailboxes (mailbox.md 5).
 *
 *	(none) -> WORKING: nonce drawn, row in the open batch
 *	WORKING -> PUTTING: batch durable, PUT ordered     PUTTING -> KEPT: receipt verified
 *	PUTTING -> FAILED: refused or no answer            FAILED, KEPT near its end -> WORKING
 *	KEPT -> FAILED: an audit did not find it (mbox_audit.c): the tick steps back
 *
 * An entry has one tag index under one list version for all its copies; it is drawn with the first
 * of them, and a light frame is then sealed anew as a full one. PUTTING is never on disk: after a
 * start such a copy is put again with equal bytes. Five copies are wanted, ranks first; a mailbox
 * that fails is passed over until its back-off ends, and the next listed one takes its place.
 */
#include <string.h>

#include "node/msgs.h"

#define COPIES_WISH 5u
#define SOON        (KITH_US_PER_S)
#define LOOK_S      3600u
#define RENEW_S     (3u * 86400u) /* a receipt that ends sooner is renewed */
#define GONE_S      86400u        /* taken or deleted: look again a day later */
#define MOVED_MS    86400000u     /* copies under an old list are still fetched for a while */
#define KEEP_S      (30u * 86400u)
#define TTL_CLASS   2u
#define ALIVE_S     600u  /* the peer was there so long after the copy was taken, */
#define GRACE_S     2700u /* and had time for its ack, which may wait for 30 min */
#define GAP_S       600u  /* or names later ones for so long */
#define ANEW_MAX    6u

struct kith_peer_box *kith__peer_box(struct kith_contact *c, uint64_t row)
{
	unsigned i;

	for (i = 0; i < c->boxes; i++)
		if (c->box[i].row == row)
			return &c->box[i];
	return NULL;
}

void kith__box_failed(struct kith_node *n, struct kith_peer_box *box)
{
	static const uint32_t wait_s[] = {5, 30, 120, 600, 3600};
	unsigned step = box->fails < 4 ? box->fails : 4;

	box->fails++;
	box->next_try =
		n->now + kith_rng_jitter(n->rng, (uint64_t)wait_s[step] * KITH_US_PER_S, 25);
}

void kith__box_doubted(struct kith_node *n, struct kith_contact *c, struct kith_peer_box *box)
{
	static const uint32_t wait_s[] = {5, 3600, 86400};
	unsigned step = box->audits < 2 ? box->audits : 2;

	box->audits++;
	box->next_try =
		n->now + kith_rng_jitter(n->rng, (uint64_t)wait_s[step] * KITH_US_PER_S, 25);
	kith__row_peer_boxes(n, c);
}

unsigned kith__copies_kept(const struct kith_node *n, const struct kith_out *o, uint64_t *until_s)
{
	uint64_t now_s = kith__wall_s(n);
	unsigned kept = 0;
	unsigned i;

	for (i = 0; i < o->copies; i++) {
		if (o->copy[i].state != KITH_COPY_KEPT || o->copy[i].expires_s <= now_s)
			continue;
		kept++;
		if (*until_s == 0 || o->copy[i].expires_s < *until_s)
			*until_s = o->copy[i].expires_s;
	}
	return kept;
}

static struct kith_copy *copy_at(struct kith_out *o, uint64_t box)
{
	unsigned i;

	for (i = 0; i < o->copies; i++)
		if (o->copy[i].box == box)
			return &o->copy[i];
	return NULL;
}

static void row_delete(struct kith_node *n, const struct kith_out *o, uint64_t box)
{
	struct kith_op op = kith_op(KITH_OP_COPY_DELETE);

	kith_op_int(&op, (int64_t)o->id);
	kith_op_int(&op, (int64_t)box);
	kith__put(n, &op);
}

/* What may stand at a mailbox is deleted there later; a PUT on its way counts. */
static void copy_end(struct kith_node *n, struct kith_contact *c, const struct kith_out *o,
		     const struct kith_copy *copy, uint32_t delay_ms)
{
	const struct kith_peer_box *box = kith__peer_box(c, copy->box);
	struct kith_tag_keys k;

	if (box == NULL || copy->state == KITH_COPY_NONE || copy->state == KITH_COPY_WORKING ||
	    kith__tagbook_send(c, copy->version, box->e.ml, o->index, &k) != KITH_OK)
		return;
	kith__todelete_add(n, box->e.ml, &box->e.addr, k.d,
			   kith__wall_ms(n) + kith_rng_below(n->rng, delay_ms) + 1,
			   kith__wall_s(n) + KEEP_S);
	kith_wipe(&k, sizeof(k));
}

void kith__copies_end(struct kith_node *n, struct kith_contact *c, struct kith_out *o,
		      uint32_t delay_ms, bool rows)
{
	unsigned i;

	for (i = 0; i < o->copies; i++) {
		copy_end(n, c, o, &o->copy[i], delay_ms);
		if (rows)
			row_delete(n, o, o->copy[i].box);
	}
	o->copies = 0;
}

void kith__copies_leave(struct kith_node *n, struct kith_contact *c, struct kith_peer_box *box)
{
	size_t i;

	for (i = 0; i < c->outs; i++) {
		struct kith_out *o = c->out[i];
		struct kith_copy *copy = copy_at(o, box->row);

		if (copy == NULL)
			continue;
		copy_end(n, c, o, copy, MOVED_MS);
		row_delete(n, o, box->row);
		*copy = o->copy[--o->copies];
		o->put_due = n->now;
	}
}

uint16_t kith__bucket_word(struct kith_node *n, const uint8_t ms[static 32],
			   const uint8_t ml[static 32], uint8_t p)
{
	uint32_t any = p < 16 ? kith_rng_u32(n->rng) & (0xffffu >> p) : 0;

	return (uint16_t)(kith__bucket(ms, ml, p) | any);
}

int kith__copies_order(struct kith_node *n, const struct kith_contact *c,
		       const struct kith_copy_order *o)
{
	const struct kith_peer_box *box = o->box;
	uint8_t blob[KITH_BLOB];
	uint8_t ms[32];
	struct kith_put_order put = {.has_mk = box->has_mk,
				     .addr = box->e.addr,
				     .ttl_class = TTL_CLASS,
				     .blob = blob,
				     .fn = o->fn,
				     .a = o->a,
				     .b = o->b};

	if (!c->has_p && !c->has_ms)
		return KITH_E_STATE;
	if (c->has_p)
		kith__mailbox_secret(ms, c->p);
	else
		memcpy(ms, c->ms, 32);
	kith__blob_wrap(blob, o->nonce, o->keys->wrap, o->keys->tag, o->frame);
	memcpy(put.ml, box->e.ml, 32);
	memcpy(put.mk, box->e.mk, 32);
	memcpy(put.tag, o->keys->tag, 16);
	put.bucket.p = box->e.p;
	put.bucket.bucket = kith__bucket_word(n, ms, box->e.ml, box->e.p);
	kith_wipe(ms, sizeof(ms));
	return kith__mbox_order_put(n, &put);
}

static void row_tries(struct kith_node *n, struct kith_out *o, uint64_t next_ms)
{
	struct kith_op op = kith_op(KITH_OP_OUTBOX_TRY);

	o->tries++;
	o->next_ms = next_ms;
	kith_op_int(&op, (int64_t)o->id);
	kith_op_int(&op, o->tries);
	kith_op_int(&op, (int64_t)o->next_ms);
	kith__put(n, &op);
}

static void copy_kept(struct kith_node *n, struct kith_contact *c, struct kith_copy *copy,
		      struct kith_peer_box *box, const struct kith_receipt *r,
		      const uint8_t mk[static 32], uint32_t position)
{
	copy->state = KITH_COPY_KEPT;
	copy->received_s = r->received_s;
	copy->expires_s = r->expiry_s;
	copy->position = position;
	memcpy(copy->sig, r->sig, 64);
	copy->next = KITH_NEVER;
	kith__audit_plan(n, copy);
	box->fails = 0;
	box->next_try = 0;
	if (!box->has_mk) {
		box->has_mk = true;
		memcpy(box->e.mk, mk, 32);
		kith__row_peer_boxes(n, c);
	}
}

static void copy_failed(struct kith_node *n, struct kith_out *o, struct kith_copy *copy,
			struct kith_peer_box *box, int status)
{
	bool gone = status == KITH_E_EXISTS || status == KITH_E_NOTFOUND;

	copy->state = KITH_COPY_FAILED;
	copy->tries++;
	copy->taken = status == KITH_E_EXISTS;
	if (gone) { /* the box is well: other bytes under the tag, or a tombstone: the ack will tell
		     */
		copy->next = n->now + (kith_time)GONE_S * KITH_US_PER_S;
	} else {
		if (box->next_try <= n->now)
			kith__box_failed(n, box);
		copy->next = box->next_try;
	}
	row_tries(n, o, kith__wall_ms(n) + (copy->next - n->now) / KITH_US_PER_MS);
}

static void put_done(struct kith_node *n, uint64_t a, uint64_t b, int status,
		     const struct kith_receipt *r, const uint8_t mk[static 32], uint32_t position)
{
	struct kith_contact *c = kith__contact(n, b >> 32);
	struct kith_out *o = c == NULL ? NULL : kith__out_by_id(c, a);
	struct kith_copy *copy = o == NULL ? NULL : copy_at(o, b & UINT32_MAX);
	struct kith_peer_box *box = copy == NULL ? NULL : kith__peer_box(c, copy->box);

	if (box == NULL || copy->state != KITH_COPY_PUTTING)
		return; /* acked or moved meanwhile: its pre-image stands in todelete */
	if (status == KITH_OK && r->expiry_s > kith__wall_s(n))
		copy_kept(n, c, copy, box, r, mk, position);
	else
		copy_failed(n, o, copy, box, status);
	kith__row_copy(n, o, copy);
	if (o->message != 0)
		kith__event(n, KITH_EVENT_MESSAGE_STATE, c->conv, o->message);
	o->put_due = n->now;
	kith__delivery_at(n, c, n->now);
}

void kith__copy_lapse(struct kith_node *n, struct kith_contact *c, struct kith_out *o,
		      struct kith_copy *copy)
{
	const struct kith_peer_box *box = kith__peer_box(c, copy->box);

	KITH_ASSERT(copy->state == KITH_COPY_KEPT);
	copy->state = KITH_COPY_FAILED;
	copy->next = box != NULL && box->next_try > n->now ? box->next_try : n->now;
	kith__row_copy(n, o, copy);
	if (o->message != 0)
		kith__event(n, KITH_EVENT_MESSAGE_STATE, c->conv, o->message);
	o->put_due = n->now;
	kith__delivery_at(n, c, n->now);
}

int kith__copy_blob(const struct kith_contact *c, const struct kith_out *o,
		    const struct kith_copy *copy, uint8_t tag[static 16],
		    uint8_t blob[static KITH_BLOB])
{
	const struct kith_peer_box *box = NULL;
	struct kith_tag_keys k;
	int status;
	unsigned i;

	for (i = 0; i < c->boxes && box == NULL; i++)
		if (c->box[i].row == copy->box)
			box = &c->box[i];
	if (box == NULL || o->frame == NULL || o->light || !o->has_index)
		return KITH_E_STATE;
	status = kith__tagbook_send(c, copy->version, box->e.ml, o->index, &k);
	if (status == KITH_OK) {
		memcpy(tag, k.tag, 16);
		kith__blob_wrap(blob, copy->nonce, k.wrap, k.tag, o->frame);
	}
	kith_wipe(&k, sizeof(k));
	return status;
}

/* The entry may be wrapped: full frame, index under the list version in use. */
static bool prepare(struct kith_node *n, struct kith_contact *c, struct kith_out *o)
{
	if (o->has_index)
		return true;
	if (!kith__tagbook_may_take(c) ||
	    ((o->light || o->anew > 1) && !kith__seal_out(n, c, o, true, true)))
		return false; /* its message key may be gone at the peer by now: a new one */
	o->index = kith__tagbook_take(c);
	o->list_version = kith__tagbook_version(c);
	o->has_index = true;
	o->batch = kith__open_batch(n);
	kith__row_out(n, c, o);
	kith__dirty(n, c, false, false, true);
	return true;
}

/* Under an old list and kept nowhere that is still listed: all copies anew under the present one.
 */
static void move_list(struct kith_node *n, struct kith_contact *c, struct kith_out *o)
{
	uint64_t until = 0;

	if (!o->has_index || o->list_version == kith__tagbook_version(c) ||
	    kith__copies_kept(n, o, &until) > 0)
		return;
	kith__copies_end(n, c, o, MOVED_MS, true);
	o->has_index = false;
}

/* Somebody put other bytes under its tag everywhere it was tried: another index. */
static bool squatted(const struct kith_out *o)
{
	unsigned i;

	for (i = 0; i < o->copies; i++)
		if (o->copy[i].state != KITH_COPY_FAILED || !o->copy[i].taken)
			return false;
	return o->copies > 0 && o->has_index && o->anew < ANEW_MAX;
}

/* Kept, and yet the peer, who was there since, has not acked it: its mailboxes did not list or give
 * it. Under a new index it is new to them and to him. */
static bool overlooked(const struct kith_node *n, const struct kith_contact *c,
		       const struct kith_out *o)
{
	uint64_t now_s = kith__wall_s(n);
	uint64_t put_s = UINT64_MAX;
	unsigned i;

	for (i = 0; i < o->copies; i++)
		if (o->copy[i].state == KITH_COPY_KEPT && o->copy[i].received_s < put_s)
			put_s = o->copy[i].received_s;
	if (put_s == UINT64_MAX || !o->has_index || now_s < put_s + (uint64_t)GRACE_S)
		return false;
	put_s += (uint64_t)ALIVE_S << (o->anew < ANEW_MAX ? o->anew * 2 : ANEW_MAX * 2);
	return (c->alive_s > put_s && now_s > c->alive_s + GRACE_S) ||
	       (o->gap_s != 0 && now_s > o->gap_s + GAP_S && now_s > put_s);
}

static void put_anew(struct kith_node *n, struct kith_contact *c, struct kith_out *o)
{
	kith__copies_end(n, c, o, MOVED_MS, true);
	o->has_index = false;
	o->anew++;
	o->gap_s = 0;
	if (o->message != 0)
		kith__event(n, KITH_EVENT_MESSAGE_STATE, c->conv, o->message);
}

static bool has_chain(const struct kith_contact *c, const struct kith_out *o,
		      const struct kith_peer_box *box)
{
	unsigned l;
	unsigned m;

	for (l = 0; l < c->send.count; l++)
		for (m = 0; c->send.list[l].version == o->list_version && m < c->send.list[l].count;
		     m++)
			if (memcmp(c->send.list[l].chain[m].ml, box->e.ml, 32) == 0)
				return true;
	return false;
}

static bool copy_counts(const struct kith_node *n, const struct kith_copy *copy)
{
	return copy->state == KITH_COPY_WORKING || copy->state == KITH_COPY_PUTTING ||
	       (copy->state == KITH_COPY_KEPT && copy->expires_s > kith__wall_s(n) + RENEW_S);
}

static void begin_copy(struct kith_node *n, struct kith_out *o, const struct kith_peer_box *box)
{
	struct kith_copy *copy = copy_at(o, box->row);

	if (copy == NULL) {
		KITH_ASSERT(o->copies < KITH_MAILBOXES_MAX);
		copy = &o->copy[o->copies++];
		memset(copy, 0, sizeof(*copy));
		copy->box = box->row;
		copy->version = o->list_version;
		kith_noncer_next(&n->noncer, copy->nonce, o->frame);
	}
	copy->state = KITH_COPY_WORKING; /* again: same tag, nonce and bytes */
	o->batch = kith__open_batch(n);
	kith__row_copy(n, o, copy);
}

/* Begins as many copies as are missing; returns when a mailbox can be tried again. */
static kith_time begin_missing(struct kith_node *n, struct kith_contact *c, struct kith_out *o)
{
	kith_time next = KITH_NEVER;
	unsigned counted = 0;
	unsigned i;

	for (i = 0; i < o->copies; i++)
		counted += copy_counts(n, &o->copy[i]) ? 1 : 0;
	for (i = 0; i < c->boxes && counted < COPIES_WISH; i++) {
		struct kith_peer_box *box = &c->box[i];
		struct kith_copy *copy = copy_at(o, box->row);
		kith_time when = box->next_try;

		if (copy != NULL && copy_counts(n, copy))
			continue;
		if (copy != NULL && copy->state == KITH_COPY_FAILED && copy->next > when)
			when = copy->next;
		if (when > n->now) {
			next = when < next ? when : next;
			continue;
		}
		if (!prepare(n, c, o))
			return n->now + 30 * SOON; /* the window is closed: an ack opens it */
		if (!has_chain(c, o, box))
			continue;
		begin_copy(n, o, box);
		counted++;
	}
	return next;
}

static kith_time order_working(struct kith_node *n, struct kith_contact *c, struct kith_out *o)
{
	kith_time next = KITH_NEVER;
	unsigned i;

	for (i = 0; i < o->copies; i++) {
		struct kith_copy *copy = &o->copy[i];
		struct kith_peer_box *box = kith__peer_box(c, copy->box);
		struct kith_tag_keys k;
		struct kith_copy_order put = {.box = box,
					      .keys = &k,
					      .nonce = copy->nonce,
					      .frame = o->frame,
					      .fn = put_done,
					      .a = o->id};
		int status;

		if (copy->state != KITH_COPY_WORKING || box == NULL)
			continue;
		status = kith__tagbook_send(c, copy->version, box->e.ml, o->index, &k);
		if (status == KITH_OK) {
			put.b = c->id << 32 | box->row;
			copy->state = KITH_COPY_PUTTING; /* before: the answer may come at once */
			status = kith__copies_order(n, c, &put);
		}
		kith_wipe(&k, sizeof(k));
		if (status == KITH_OK)
			continue;
		copy->state = KITH_COPY_WORKING;
		next = n->now + (status == KITH_E_FULL ? 1 : 60) * SOON;
	}
	return next;
}

kith_time kith__copies_run(struct kith_node *n, struct kith_contact *c, struct kith_out *o)
{
	uint64_t until = 0;
	kith_time next;
	kith_time working;

	KITH_ASSERT(c->id <= UINT32_MAX);
	if (c->boxes == 0 || kith__tagbook_version(c) == 0)
		return KITH_NEVER;
	move_list(n, c, o);
	if (squatted(o) || overlooked(n, c, o))
		put_anew(n, c, o);
	next = begin_missing(n, c, o);
	if (!kith__durable(n, o->batch)) {
		kith__delivery_gate(n, c);
		return n->now; /* looked at again right after the commit */
	}
	working = order_working(n, c, o);
	if (working < next)
		next = working;
	if (kith__copies_kept(n, o, &until) > 0 && next > n->now + LOOK_S * SOON) {
		uint64_t now_s = kith__wall_s(n);
		uint64_t wait = until > now_s + RENEW_S ? until - now_s - RENEW_S : LOOK_S;

		next = n->now + (wait < LOOK_S ? wait : LOOK_S) * SOON;
	}
	return next;
}
