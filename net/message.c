/* SPDX-License-Identifier: ISC */
/*
 * Messages: reliable units of <= 64 KiB, delivered when complete, in any order (transport.md 6).
 *
 * Out: a ring by seq from the oldest unacked one; what has bytes to send is also in the queue of
 * its class. A message that fits one frame has no interval sets: it is acked or lost as a whole.
 * In: a window of 4,096 seqs with one bit each; an incomplete message holds all its bytes from the
 * first fragment on, counted against 1 MiB and 256 messages. The peer keeps to the same sums for
 * what it has unacked, so only a broken one runs over them.
 */
#include "net/internal.h"

#include <string.h>

#define HEAD_MAX  24u  /* bytes of a MSG frame before its data, at most */
#define SLICE_MIN 256u /* no smaller fragments, unless the rest fits */

/* ---- out: queues ---- */

static void enqueue(struct session *s, struct msg_out *m, bool front)
{
	if (m->queued)
		return;
	m->queued = true;
	m->prev = m->next = NULL;
	if (s->queue_first[m->class] == NULL) {
		s->queue_first[m->class] = s->queue_last[m->class] = m;
	} else if (front) {
		m->next = s->queue_first[m->class];
		m->next->prev = m;
		s->queue_first[m->class] = m;
	} else {
		m->prev = s->queue_last[m->class];
		m->prev->next = m;
		s->queue_last[m->class] = m;
	}
}

static void dequeue(struct session *s, struct msg_out *m)
{
	if (!m->queued)
		return;
	m->queued = false;
	if (m->prev != NULL)
		m->prev->next = m->next;
	else
		s->queue_first[m->class] = m->next;
	if (m->next != NULL)
		m->next->prev = m->prev;
	else
		s->queue_last[m->class] = m->prev;
}

static struct msg_out *find_out(const struct session *s, uint64_t seq)
{
	struct msg_out *m;

	if (seq < s->out_base || seq >= s->out_next)
		return NULL;
	m = s->out_ring[seq & (s->out_cap - 1)];
	return m;
}

static bool ring_room(struct kith_net *n, struct session *s)
{
	uint32_t cap = s->out_cap == 0 ? 16 : s->out_cap * 2;
	struct msg_out **ring;
	uint64_t seq;

	if (s->out_next - s->out_base < s->out_cap)
		return true;
	if (cap > KITH_NET_MSG_WINDOW)
		return false;
	ring = kith_alloc_zero(n->alloc, cap, sizeof(*ring));
	if (ring == NULL)
		return false;
	for (seq = s->out_base; seq != s->out_next; seq++)
		ring[seq & (cap - 1)] = s->out_ring[seq & (s->out_cap - 1)];
	kith_alloc_free(n->alloc, s->out_ring);
	s->out_ring = ring;
	s->out_cap = cap;
	return true;
}

int kith_net_send_message(struct kith_net *n, uint32_t session, enum kith_net_class c,
			  const uint8_t *data, size_t len, uint32_t token, kith_time now)
{
	struct session *s = kith__net_session_find(n, session);
	struct msg_out *m;

	if (len < 1 || len > KITH_NET_MSG_MAX)
		return KITH_E_MALFORMED;
	if (s == NULL)
		return kith__net_pending_by_number(n, session) != NULL ? KITH_E_STATE
								       : KITH_E_NOTFOUND;
	if (!s->up)
		return KITH_E_STATE;
	if (s->out_bytes + len > KITH_NET_MSG_BUFFER_MAX || !ring_room(n, s))
		return KITH_E_FULL;
	m = kith_alloc_zero(n->alloc, 1, sizeof(*m) + len);
	if (m == NULL)
		return KITH_E_FULL;
	m->event = kith__net_event_alloc(n, 0);
	if (m->event == NULL) {
		kith_alloc_free(n->alloc, m);
		return KITH_E_FULL;
	}
	m->event->ev.session = session;
	m->event->ev.peer = s->link != NULL ? s->link->v.peer : 0;
	m->event->ev.token = token;
	m->seq = s->out_next++;
	m->len = (uint32_t)len;
	m->class = (uint8_t)c;
	memcpy(m->data, data, len);
	s->out_ring[m->seq & (s->out_cap - 1)] = m;
	s->out_bytes += len;
	enqueue(s, m, false);
	n->count.messages_out++;
	s->last_used = now;
	kith__net_session_ready(n, s);
	return KITH_OK;
}

/* Takes a message out of the session and tells the owner how it ended. */
static void finish(struct kith_net *n, struct session *s, struct msg_out *m,
		   enum kith_net_event_kind how)
{
	dequeue(s, m);
	s->out_ring[m->seq & (s->out_cap - 1)] = NULL;
	s->out_bytes -= m->len;
	while (s->out_base < s->out_next && s->out_ring[s->out_base & (s->out_cap - 1)] == NULL)
		s->out_base++;
	m->event->ev.kind = how;
	kith__net_event_push(n, m->event);
	kith__net_ranges_free(&m->acked, n->alloc);
	kith__net_ranges_free(&m->lost, n->alloc);
	kith_wipe(m->data, m->len);
	kith_alloc_free(n->alloc, m);
}

void kith__net_msg_return_all(struct kith_net *n, struct session *s)
{
	while (s->out_base < s->out_next)
		finish(n, s, s->out_ring[s->out_base & (s->out_cap - 1)], KITH_NET_MSG_RETURNED);
}

/* ---- out: frames ---- */

/* The next piece of `m` that has to leave: lost bytes first. */
static bool next_piece(const struct msg_out *m, uint32_t *offset, uint32_t *len)
{
	if (m->lost.count > 0) {
		*offset = (uint32_t)m->lost.v[0].low;
		*len = (uint32_t)(m->lost.v[0].end - m->lost.v[0].low);
		return true;
	}
	*offset = m->next_offset;
	*len = m->len - m->next_offset;
	return *len > 0;
}

static bool write_piece(struct kith_net *n, struct session *s, struct kith_writer *w,
			struct msg_out *m)
{
	struct ref ref = {.kind = REF_MSG, .number = m->seq};
	uint32_t offset;
	uint32_t len;
	size_t room = w->cap - w->len;

	if (!next_piece(m, &offset, &len) || room <= HEAD_MAX)
		return false;
	room -= HEAD_MAX;
	if (len > room) {
		if (room < SLICE_MIN)
			return false;
		len = (uint32_t)room;
	}
	ref.offset = offset;
	ref.len = len;
	if (!kith__net_ref_add(n, s, &ref))
		return false;
	kith__net_frame_msg(w, m->seq, m->len, offset, m->data + offset, len);
	if (m->lost.count > 0) {
		/* shortens the first interval: needs no memory */
		KITH_ASSERT(kith__net_ranges_remove(&m->lost, n->alloc, offset, offset + len,
						    NET_RANGES_MAX) == KITH_OK);
	} else {
		m->next_offset = offset + len;
	}
	return true;
}

void kith__net_msg_write(struct kith_net *n, struct session *s, struct kith_writer *w,
			 unsigned class)
{
	struct msg_out *m = s->queue_first[class];
	uint32_t offset;
	uint32_t len;

	while (m != NULL) {
		if (m->seq >= s->out_limit || !write_piece(n, s, w, m))
			return;
		if (!next_piece(m, &offset, &len))
			dequeue(s, m);
		m = s->queue_first[class];
	}
}

void kith__net_msg_acked(struct kith_net *n, struct session *s, const struct ref *ref)
{
	struct msg_out *m = find_out(s, ref->number);
	uint64_t end = ref->offset + ref->len;

	if (m == NULL)
		return;
	if (ref->len < m->len) {
		if (kith__net_ranges_add(&m->acked, n->alloc, ref->offset, end, NET_RANGES_MAX) !=
			    KITH_OK ||
		    kith__net_ranges_remove(&m->lost, n->alloc, ref->offset, end, NET_RANGES_MAX) !=
			    KITH_OK) {
			/* no memory to note it: all of it goes again */
			kith__net_ranges_free(&m->acked, n->alloc);
			kith__net_ranges_free(&m->lost, n->alloc);
			m->next_offset = 0;
			enqueue(s, m, true);
			return;
		}
		if (!kith__net_ranges_cover(&m->acked, 0, m->len))
			return;
	}
	finish(n, s, m, KITH_NET_MSG_ACKED);
}

void kith__net_msg_lost(struct kith_net *n, struct session *s, const struct ref *ref)
{
	struct msg_out *m = find_out(s, ref->number);
	uint64_t end = ref->offset + ref->len;
	int status = KITH_OK;
	size_t i;

	if (m == NULL)
		return;
	if (ref->len >= m->len) {
		m->next_offset = 0;
	} else {
		status = kith__net_ranges_add(&m->lost, n->alloc, ref->offset, end, NET_RANGES_MAX);
		for (i = 0; status == KITH_OK && i < m->acked.count; i++)
			status = kith__net_ranges_remove(&m->lost, n->alloc, m->acked.v[i].low,
							 m->acked.v[i].end, NET_RANGES_MAX);
	}
	if (status != KITH_OK) {
		kith__net_ranges_free(&m->acked, n->alloc);
		kith__net_ranges_free(&m->lost, n->alloc);
		m->next_offset = 0;
	}
	if (m->lost.count > 0 || m->next_offset < m->len)
		enqueue(s, m, true);
	kith__net_session_ready(n, s);
}

/* ---- in ---- */

static bool done_get(const struct msgs_in *in, uint64_t seq)
{
	return (in->done[seq / 64 % (KITH_NET_MSG_WINDOW / 64)] >> (seq % 64) & 1) != 0;
}

static void done_flip(struct msgs_in *in, uint64_t seq)
{
	in->done[seq / 64 % (KITH_NET_MSG_WINDOW / 64)] ^= UINT64_C(1) << (seq % 64);
}

static void deliver(struct kith_net *n, struct session *s, uint64_t seq, struct event_node *e)
{
	e->ev.kind = KITH_NET_MSG_IN;
	e->ev.session = s->number;
	e->ev.peer = s->link != NULL ? s->link->v.peer : 0;
	kith__net_event_push(n, e);
	n->count.messages_in++;
	done_flip(s->in, seq);
	while (done_get(s->in, s->in_base)) {
		done_flip(s->in, s->in_base);
		s->in_base++;
	}
	if (s->in_base + KITH_NET_MSG_WINDOW - s->in_limit >= KITH_NET_MSG_WINDOW / 4)
		s->max_msg_due = true;
}

static struct partial *find_partial(struct msgs_in *in, uint64_t seq)
{
	size_t i;

	for (i = 0; i < in->partial_count; i++)
		if (in->partial[i].seq == seq)
			return &in->partial[i];
	return NULL;
}

static void drop_partial(struct kith_net *n, struct msgs_in *in, struct partial *p)
{
	in->bytes -= p->total;
	n->partial_bytes -= p->total;
	kith__net_ranges_free(&p->have, n->alloc);
	kith_alloc_free(n->alloc, p->event);
	*p = in->partial[--in->partial_count];
}

/* Whether `s` may hold `bytes` more: strangers share one cap, so that they cannot fill the memory.
 */
static bool may_hold(const struct kith_net *n, const struct session *s, uint64_t bytes)
{
	if (s->in->bytes + bytes > KITH_NET_MSG_BUFFER_MAX)
		return false;
	return s->kind == KITH_NET_LINK || s->initiator ||
	       n->partial_bytes + bytes <= KITH_NET_PARTIAL_STRANGERS_MAX;
}

static struct partial *new_partial(struct kith_net *n, struct session *s, const struct frame *f,
				   int *status)
{
	struct msgs_in *in = s->in;
	void *array = in->partial;
	struct partial *p;

	*status = in->bytes + f->value > KITH_NET_MSG_BUFFER_MAX ? KITH_E_MALFORMED : KITH_E_NOMEM;
	if (!may_hold(n, s, f->value))
		return NULL;
	*status = kith_alloc_grow(n->alloc, &array, &in->partial_cap, in->partial_count + 1,
				  KITH_NET_MSG_PARTIAL_MAX, sizeof(*in->partial));
	if (*status != KITH_OK) {
		*status = *status == KITH_E_FULL ? KITH_E_MALFORMED : *status;
		return NULL;
	}
	in->partial = array;
	p = &in->partial[in->partial_count];
	*p = (struct partial){.seq = f->number, .total = (uint32_t)f->value};
	p->event = kith__net_event_alloc(n, p->total);
	if (p->event == NULL) {
		*status = KITH_E_NOMEM;
		return NULL;
	}
	in->bytes += p->total;
	n->partial_bytes += p->total;
	in->partial_count++;
	return p;
}

static int take_fragment(struct kith_net *n, struct session *s, const struct frame *f)
{
	struct msgs_in *in = s->in;
	struct partial *p = find_partial(in, f->number);
	struct event_node *e;
	int status = KITH_OK;

	if (p == NULL)
		p = new_partial(n, s, f, &status);
	if (p == NULL)
		return status;
	if (p->total != f->value)
		return KITH_E_MALFORMED;
	status = kith__net_ranges_add(&p->have, n->alloc, f->offset, f->offset + f->len,
				      NET_RANGES_MAX);
	if (status != KITH_OK)
		return status == KITH_E_FULL ? KITH_E_MALFORMED : status;
	memcpy(p->event->bytes + f->offset, f->data, f->len);
	if (!kith__net_ranges_cover(&p->have, 0, p->total))
		return KITH_OK;
	e = p->event;
	p->event = NULL;
	drop_partial(n, in, p);
	deliver(n, s, f->number, e);
	return KITH_OK;
}

int kith__net_msg_input(struct kith_net *n, struct session *s, const struct frame *f)
{
	struct event_node *e;
	struct partial *p;

	if (f->number < s->in_base) {
		n->count.messages_doubled++;
		return KITH_OK;
	}
	if (f->number >= s->in_base + KITH_NET_MSG_WINDOW)
		return KITH_E_MALFORMED;
	if (s->in == NULL) {
		s->in = kith_alloc_zero(n->alloc, 1, sizeof(*s->in));
		if (s->in == NULL)
			return KITH_E_NOMEM;
	}
	if (done_get(s->in, f->number)) {
		n->count.messages_doubled++;
		return KITH_OK;
	}
	if (f->len < f->value)
		return take_fragment(n, s, f);
	p = find_partial(s->in, f->number);
	if (p != NULL && p->total != f->value)
		return KITH_E_MALFORMED;
	e = kith__net_event_alloc(n, f->len);
	if (e == NULL)
		return KITH_E_NOMEM;
	if (p != NULL)
		drop_partial(n, s->in, p);
	memcpy(e->bytes, f->data, f->len);
	deliver(n, s, f->number, e);
	return KITH_OK;
}

/* ---- memory ---- */

static void clear_in(struct kith_net *n, struct session *s)
{
	if (s->in == NULL)
		return;
	while (s->in->partial_count > 0)
		drop_partial(n, s->in, &s->in->partial[0]);
	kith_alloc_free(n->alloc, s->in->partial);
	kith_alloc_free(n->alloc, s->in);
	s->in = NULL;
}

void kith__net_msg_clear(struct kith_net *n, struct session *s)
{
	KITH_ASSERT(s->out_base == s->out_next);
	kith_alloc_free(n->alloc, s->out_ring);
	s->out_ring = NULL;
	s->out_cap = 0;
	clear_in(n, s);
}

void kith__net_msg_tidy(struct kith_net *n, struct session *s)
{
	size_t i;

	if (s->out_base == s->out_next) {
		kith_alloc_free(n->alloc, s->out_ring);
		s->out_ring = NULL;
		s->out_cap = 0;
	}
	if (s->in == NULL || s->in->partial_count > 0)
		return;
	for (i = 0; i < KITH_NET_MSG_WINDOW / 64; i++)
		if (s->in->done[i] != 0)
			return;
	clear_in(n, s);
}
