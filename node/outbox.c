/* SPDX-License-Identifier: ISC */
/*
 * The outbox of a contact: every body that has no end-to-end ack yet, in the order of its seq.
 *
 *	c->out:  sealed (seq ascending) ............ | waiting for the window (seq 0)
 *
 * Invariants. Ids ascend with the position. Entries are sealed in order, so the sealed ones are a
 * prefix. An entry ends only by an ack that the ratchet opened, by a new session (then it is sealed
 * anew) or with its contact. Each change is in the open batch when the function returns.
 * `sent` and `put` count the leading entries that left on the live session and that go to
 * mailboxes (delivery.c). A message is delivered when none of its parts is left here.
 */
#include <string.h>

#include "node/msgs.h"

#define OVERDUE_MS  (30u * 86400u * UINT64_C(1000))
#define DELETE_MS   60000u /* DELETEs of acked copies: within a minute, each on a link of its own */
#define RECENT      64u
#define COPIES_WISH 5u

struct kith_recent {
	struct {
		uint32_t seq;
		uint64_t message;
	} entry[RECENT];
	unsigned count, next;
};

void kith__out_free(struct kith_node *n, struct kith_out *o)
{
	if (o == NULL)
		return;
	if (o->content != NULL)
		kith_wipe(o->content, o->content_len);
	kith_alloc_free(n->alloc, o->content);
	kith_alloc_free(n->alloc, o->frame);
	kith_wipe(o, sizeof(*o));
	kith_alloc_free(n->alloc, o);
}

static int push(struct kith_node *n, struct kith_contact *c, struct kith_out *o)
{
	void *list = c->out;
	int status = kith_alloc_grow(n->alloc, &list, &c->outs_cap, c->outs + 1, KITH_OUTBOX_MAX,
				     sizeof(struct kith_out *));

	if (status != KITH_OK)
		return status;
	c->out = list;
	KITH_ASSERT(c->outs == 0 || c->out[c->outs - 1]->id < o->id);
	c->out[c->outs++] = o;
	return KITH_OK;
}

struct kith_out *kith__outbox_append(struct kith_node *n, struct kith_contact *c, uint16_t type,
				     uint64_t message, const struct kith_msgid *mid,
				     const uint8_t *content, size_t len)
{
	struct kith_out *o = kith_alloc_zero(n->alloc, 1, sizeof(*o));

	KITH_ASSERT(len <= KITH_CONTENT_FULL);
	if (o == NULL)
		return NULL;
	o->id = n->next_out;
	o->message = message;
	o->type = type;
	if (mid != NULL)
		o->mid = *mid;
	o->created_ms = kith__wall_ms(n);
	o->content = kith_alloc_copy(n->alloc, content, len);
	o->content_len = len;
	if (o->content == NULL || push(n, c, o) != KITH_OK) {
		kith__out_free(n, o);
		return NULL;
	}
	n->next_out++;
	return o;
}

int kith__outbox_loaded(struct kith_node *n, struct kith_contact *c, struct kith_out *o)
{
	o->batch = 0;
	o->row_seq = o->frame != NULL;
	return push(n, c, o);
}

size_t kith__outbox_waiting(const struct kith_contact *c)
{
	size_t low = 0;
	size_t high = c->outs;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (c->out[mid]->frame != NULL)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

size_t kith__outbox_find(const struct kith_contact *c, uint64_t id)
{
	size_t low = 0;
	size_t high = c->outs;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (c->out[mid]->id == id)
			return mid;
		if (c->out[mid]->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return c->outs;
}

struct kith_out *kith__out_by_id(const struct kith_contact *c, uint64_t id)
{
	size_t at = kith__outbox_find(c, id);

	return at < c->outs ? c->out[at] : NULL;
}

void kith__outbox_rows(struct kith_node *n, struct kith_contact *c, size_t from)
{
	for (; from < c->outs; from++)
		if (c->out[from]->frame == NULL)
			kith__row_out(n, c, c->out[from]);
}

void kith__outbox_seal(struct kith_node *n, struct kith_contact *c)
{
	size_t at = kith__outbox_waiting(c);
	bool for_mailbox = c->session == 0 && c->boxes > 0;

	if (kith__may_seal(n, c)) {
		while (at < c->outs && kith__seal_allowed(c) &&
		       kith__seal_out(n, c, c->out[at], false, for_mailbox))
			at++;
	}
	kith__delivery_gate(n, c);
}

struct kith_out *kith__outbox_add(struct kith_node *n, struct kith_contact *c, uint16_t type,
				  uint64_t message, const struct kith_msgid *mid,
				  const uint8_t *content, size_t len)
{
	struct kith_out *o = kith__outbox_append(n, c, type, message, mid, content, len);

	if (o == NULL)
		return NULL;
	kith__outbox_seal(n, c);
	kith__outbox_rows(n, c, c->outs - 1);
	return o;
}

/* ---- acknowledgements ---- */

void kith__recent_note(struct kith_node *n, struct kith_contact *c, uint32_t seq, uint64_t message)
{
	if (c->recent == NULL)
		c->recent = kith_alloc_zero(n->alloc, 1, sizeof(*c->recent));
	if (c->recent == NULL)
		return;
	c->recent->entry[c->recent->next].seq = seq;
	c->recent->entry[c->recent->next].message = message;
	c->recent->next = (c->recent->next + 1) % RECENT;
	if (c->recent->count < RECENT)
		c->recent->count++;
}

uint64_t kith__recent_message(const struct kith_contact *c, uint32_t seq)
{
	uint32_t best = 0;
	uint64_t message = 0;
	unsigned i;

	for (i = 0; c->recent != NULL && i < c->recent->count; i++) {
		if (c->recent->entry[i].seq <= seq && c->recent->entry[i].seq > best) {
			best = c->recent->entry[i].seq;
			message = c->recent->entry[i].message;
		}
	}
	return message;
}

void kith__recent_clear(struct kith_contact *c)
{
	if (c->recent != NULL)
		memset(c->recent, 0, sizeof(*c->recent));
}

static void delete_row(struct kith_node *n, uint64_t id)
{
	struct kith_op op = kith_op(KITH_OP_OUTBOX_DELETE);

	kith_op_int(&op, (int64_t)id);
	kith__put(n, &op);
}

/* Rows below ack.next go by one statement, the few of the bitmap one by one. Entries stand in the
 * order of their ids; `high`: behind the last one that may go. */
static void delete_range(struct kith_node *n, const struct kith_contact *c, uint32_t next,
			 size_t high)
{
	struct kith_op op = kith_op(KITH_OP_OUTBOX_RANGE_DELETE);

	kith_op_int(&op, (int64_t)c->id);
	kith_op_int(&op, c->epoch);
	kith_op_int(&op, next);
	kith_op_int(&op, (int64_t)c->out[0]->id);
	kith_op_int(&op, (int64_t)c->out[high - 1]->id);
	kith__put(n, &op);
}

/* T before the lowest un-acked index of each list version is erased. Who waited for an index takes
 * one before those after him. */
static void indices_end(struct kith_node *n, struct kith_contact *c)
{
	unsigned l;
	size_t i;

	for (l = 0; l < c->send.count; l++) {
		const struct kith_tag_list *list = &c->send.list[l];
		uint32_t low = list->next;

		for (i = 0; i < c->outs; i++) {
			const struct kith_out *o = c->out[i];

			if (o->has_index && o->list_version == list->version && o->index < low)
				low = o->index;
		}
		kith__tagbook_acked(c, list->version, low);
	}
	for (i = 0; i < c->put; i++)
		if (!c->out[i]->has_index)
			c->out[i]->put_due = n->now;
	kith__dirty(n, c, false, false, true);
}

/* One pass over the entries that the ack may name. `high`: the first beyond it. */
static size_t remove_acked(struct kith_node *n, struct kith_contact *c, const struct kith_ack *ack,
			   size_t high, bool *index_freed)
{
	size_t sent = c->sent;
	size_t put = c->put;
	size_t kept = 0;
	size_t i;

	for (i = 0; i < high; i++) {
		struct kith_out *o = c->out[i];

		if (!kith__ack_covers(ack, o->seq)) {
			c->out[kept++] = o;
			continue;
		}
		if (o->seq >= ack->next)
			delete_row(n, o->id);
		if (i < c->sent)
			sent--;
		if (i < c->put)
			put--;
		if (o->message != 0) {
			kith__recent_note(n, c, o->seq, o->message);
			/* the last part of it: the next entry is another message, none is kept */
			if ((kept == 0 || c->out[kept - 1]->message != o->message) &&
			    (i + 1 == c->outs || c->out[i + 1]->message != o->message))
				kith__event(n, KITH_EVENT_MESSAGE_STATE, c->conv, o->message);
		}
		if (o->chain_n != UINT32_MAX && c->chain_known && o->chain_n >= c->chain_seen)
			c->chain_seen = o->chain_n + 1;
		if (o->type == KITH_BODY_LINK_ROOT && !c->link.newest_known) {
			c->link.newest_known = true;
			kith__contact_link(n, c);
		}
		kith__tagbook_heard(c, o->announced_version, o->announced);
		*index_freed |= o->has_index;
		kith__copies_end(n, c, o, DELETE_MS, false);
		kith__out_free(n, o);
	}
	c->sent = sent;
	c->put = put;
	return kept;
}

/* What an ack passes over is missing at the peer, or still on its way. */
static void note_gaps(struct kith_node *n, struct kith_contact *c, const struct kith_ack *ack)
{
	uint32_t top = ack->next;
	size_t i;
	unsigned k;

	for (k = 0; k < 64; k++)
		if ((ack->bitmap >> k & 1) != 0)
			top = ack->next + 1 + k;
	for (i = 0; i < c->outs && c->out[i]->seq != 0 && c->out[i]->seq < top; i++)
		if (c->out[i]->gap_s == 0)
			c->out[i]->gap_s = kith__wall_s(n);
}

static void read_found(struct kith_node *n, uint64_t a, uint64_t b, struct kith_store_result *r)
{
	struct kith_contact *c = kith__contact(n, a);

	(void)b;
	if (c == NULL || !kith_rows_next(&r->rows))
		return;
	if ((uint64_t)kith_rows_int(&r->rows, 0) > c->peer_read_id) {
		c->peer_read_id = (uint64_t)kith_rows_int(&r->rows, 0);
		kith__dirty(n, c, false, true, false);
		kith__event(n, KITH_EVENT_MESSAGE_STATE, c->conv, c->peer_read_id);
	}
}

/* The peer has read up to `seq`: memory knows the message, or the store is asked. */
static void peer_read(struct kith_node *n, struct kith_contact *c, uint32_t seq)
{
	uint64_t message = kith__recent_message(c, seq);
	struct kith_op op;

	if (message == 0 && !kith__read_room(n))
		return; /* the next ack says it again */
	c->flow.peer_read = seq;
	kith__dirty(n, c, true, false, false);
	if (message > c->peer_read_id) {
		c->peer_read_id = message;
		kith__dirty(n, c, false, true, false);
		kith__event(n, KITH_EVENT_MESSAGE_STATE, c->conv, message);
	}
	if (message != 0)
		return;
	op = kith_op(KITH_OP_MESSAGE_BY_SEQ);
	kith_op_int(&op, (int64_t)c->conv);
	kith_op_int(&op, c->epoch);
	kith_op_int(&op, seq);
	op.token = kith__expect(n, read_found, c->id, 0);
	kith__put(n, &op);
}

void kith__outbox_acked(struct kith_node *n, struct kith_contact *c, const struct kith_ack *ack)
{
	size_t sealed = kith__outbox_waiting(c);
	size_t high = 0;
	size_t kept;
	bool index_freed = false;

	if (ack->next == 0 || ack->next > c->flow.out_next)
		return; /* names what was never sealed: nothing of it counts */
	kith__seal_acked(c, ack);
	while (high < sealed &&
	       (c->out[high]->seq < ack->next || c->out[high]->seq - ack->next <= 64))
		high++;
	if (high > 0 && (c->out[0]->seq < ack->next || ack->bitmap != 0)) {
		if (c->out[0]->seq < ack->next)
			delete_range(n, c, ack->next, high);
		kept = remove_acked(n, c, ack, high, &index_freed);
		if (kept < high) {
			memmove(&c->out[kept], &c->out[high], (c->outs - high) * sizeof(c->out[0]));
			c->outs -= high - kept;
			if (index_freed)
				indices_end(n, c);
			if (kith__outbox_waiting(c) < c->outs)
				kith__outbox_seal(n, c);
		}
	}
	if (ack->bitmap != 0)
		note_gaps(n, c, ack);
	if (ack->read > c->flow.peer_read && ack->read < c->flow.out_next)
		peer_read(n, c, ack->read);
}

/* ---- the whole box ---- */

void kith__outbox_uncopy(struct kith_node *n, struct kith_contact *c)
{
	size_t i;

	for (i = 0; i < c->outs; i++)
		kith__copies_end(n, c, c->out[i], DELETE_MS, true);
}

/* Only the newest accept counts, and no link root; it is the first body of its session. Row ids
 * stay ascending. */
static void accept_first(struct kith_node *n, struct kith_contact *c)
{
	struct kith_out *accept = NULL;
	size_t kept = c->outs;
	size_t i;

	for (i = c->outs; i-- > 0;) {
		struct kith_out *o = c->out[i];

		if (o->type == KITH_BODY_LINK_ROOT) /* of the former session's links */
			kith__out_free(n, o);
		else if (o->type != KITH_BODY_ACCEPT)
			c->out[--kept] = o;
		else if (accept == NULL && !c->i_am_a)
			accept = o;
		else
			kith__out_free(n, o);
	}
	if (accept != NULL)
		c->out[--kept] = accept;
	memmove(&c->out[0], &c->out[kept], (c->outs - kept) * sizeof(c->out[0]));
	c->outs -= kept;
	for (i = 0; i < c->outs; i++)
		c->out[i]->id = n->next_out++;
}

void kith__outbox_reseal(struct kith_node *n, struct kith_contact *c)
{
	size_t i;

	for (i = 0; i < c->outs; i++) {
		struct kith_out *o = c->out[i];

		kith__copies_end(n, c, o, DELETE_MS, false);
		delete_row(n, o->id);
		kith_alloc_free(n->alloc, o->frame);
		o->frame = NULL;
		o->frame_len = 0;
		o->seq = 0;
		o->has_index = o->putting = o->row_seq = false;
		o->sent = 0;
	}
	if (c->outs > 0)
		accept_first(n, c);
	c->flow.out_next = 1;
	c->flow.peer_read = 0;
	c->sent = c->put = 0;
	c->chain_seen = 0;
	c->chain_known = true;
	kith__recent_clear(c);
	kith__dirty(n, c, true, false, false);
	kith__outbox_seal(n, c);
	kith__outbox_rows(n, c, 0);
}

void kith__outbox_free(struct kith_node *n, struct kith_contact *c)
{
	size_t i;

	for (i = 0; i < c->outs; i++)
		kith__out_free(n, c->out[i]);
	kith_alloc_free(n->alloc, c->out);
	c->out = NULL;
	c->outs = c->outs_cap = c->sent = c->put = 0;
	kith_alloc_free(n->alloc, c->recent);
	c->recent = NULL;
	kith_alloc_free(n->alloc, c->ack_frame);
	c->ack_frame = NULL;
	c->ack_waiting = false;
	kith__parts_free(n, c);
	kith__hold_free(n, c);
}

void kith__outbox_clear(struct kith_node *n, struct kith_contact *c)
{
	size_t i;

	for (i = 0; i < c->outs; i++) {
		kith__copies_end(n, c, c->out[i], DELETE_MS, false);
		delete_row(n, c->out[i]->id);
	}
	kith__outbox_free(n, c);
}

int kith__state(const struct kith_node *n, const struct kith_contact *c, uint64_t message,
		struct kith_node_state *out)
{
	unsigned kept = UINT32_MAX;
	size_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < c->outs && c->out[i]->message <= message; i++) {
		const struct kith_out *o = c->out[i];
		uint64_t until = 0;
		unsigned k;

		if (o->message != message)
			continue;
		k = kith__copies_kept(n, o, &until);
		if (k < kept)
			kept = k;
		if (until != 0 && (out->until_s == 0 || until < out->until_s))
			out->until_s = until;
		out->tries += o->tries;
		if (o->next_ms > out->next_try_ms)
			out->next_try_ms = o->next_ms;
		out->overdue |= kith__wall_ms(n) > o->created_ms + OVERDUE_MS;
	}
	if (kept == UINT32_MAX) {
		out->step = message <= c->peer_read_id ? KITH_STEP_READ : KITH_STEP_DELIVERED;
		return KITH_OK;
	}
	out->kept = kept;
	out->wanted = c->boxes < COPIES_WISH ? c->boxes : COPIES_WISH;
	out->step = kept > 0 ? KITH_STEP_KEPT : KITH_STEP_QUEUED;
	return KITH_OK;
}
