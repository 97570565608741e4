/* SPDX-License-Identifier: ISC */
/*
 * Streams on the wire: STREAM, RESET, STOP and the limits, in and out. A peer that runs over a
 * limit or contradicts a final size broke the protocol. Lost control frames leave again with the
 * newest value; lost bytes are an interval set per stream.
 */
#include "net/internal.h"

#include <string.h>

#define HEAD_MAX  24u /* bytes of a STREAM frame before its data, at most */
#define SLICE_MIN 64u
#define QUANTUM   4800u

/* ---- in ---- */

/* The stream a frame names; NULL with KITH_OK: it has ended. Opens the peer's, with all before. */
static int find_or_open(struct kith_net *n, struct session *s, uint64_t id, struct stream **t)
{
	bool own = (id % 2 == 0) == s->role_a;

	*t = kith__net_stream_find(s, id);
	if (*t != NULL)
		return KITH_OK;
	if (id / 2 < (own ? s->next_own : s->next_peer))
		return KITH_OK;
	if (own || id > UINT32_MAX ||
	    id / 2 - s->next_peer >= 2u * KITH_NET_STREAMS_MAX - s->stream_count)
		return KITH_E_MALFORMED;
	while (s->next_peer <= id / 2) {
		*t = kith__net_stream_new(n, s, s->next_peer * 2 + (s->role_a ? 1 : 0),
					  KITH_NET_CLASS_SYNC);
		if (*t == NULL)
			return KITH_E_NOMEM;
		s->next_peer++;
	}
	return KITH_OK;
}

/* Accounts for bytes up to `end`. */
static int extend(struct session *s, struct stream *t, uint64_t end)
{
	uint64_t more = end > t->rx_high ? end - t->rx_high : 0;

	if (end > t->rx_limit || more > s->data_in_limit - s->data_in)
		return KITH_E_MALFORMED;
	s->data_in += more;
	t->rx_high += more;
	if (t->gone) {
		s->data_in_read += more;
		t->rx_base = t->rx_high;
	}
	return KITH_OK;
}

static void copy_in(struct stream *t, uint64_t offset, const uint8_t *data, uint64_t end)
{
	while (offset < end) {
		size_t at = (size_t)(offset & (t->rx.cap - 1));
		size_t part = t->rx.cap - at;

		if (part > end - offset)
			part = (size_t)(end - offset);
		memcpy(t->rx.bytes + at, data, part);
		data += part;
		offset += part;
	}
}

static int take_data(struct kith_net *n, struct session *s, struct stream *t, const struct frame *f)
{
	uint64_t end = f->offset + f->len;
	uint64_t from = f->offset > t->rx_base ? f->offset : t->rx_base;
	int status;

	if ((t->rx_final != UINT64_MAX && (end > t->rx_final || (f->fin && end != t->rx_final))) ||
	    (f->fin && end < t->rx_high) || end > t->rx_limit)
		return KITH_E_MALFORMED;
	if (!t->gone && end > from) {
		status = kith__net_ring_room(n, &t->rx, t->rx_base, t->rx_high,
					     end > t->rx_high ? end : t->rx_high);
		if (status == KITH_OK)
			status = kith__net_ranges_add(&t->rx_have, n->alloc, from, end,
						      NET_RANGES_MAX);
		if (status != KITH_OK)
			return status == KITH_E_FULL ? KITH_E_NOMEM : status;
		copy_in(t, from, f->data + (from - f->offset), end);
	}
	status = extend(s, t, end);
	if (status != KITH_OK)
		return status;
	if (f->fin)
		t->rx_final = end;
	if (t->gone) {
		kith__net_stream_settle(n, s, t);
		return KITH_OK;
	}
	if (t->rx_base == t->rx_final ||
	    (t->rx_have.count > 0 && t->rx_have.v[0].low <= t->rx_base))
		kith__net_event_signal(n, t->readable);
	return KITH_OK;
}

static int take_reset(struct kith_net *n, struct session *s, struct stream *t,
		      const struct frame *f)
{
	if (f->value < t->rx_high || (t->rx_final != UINT64_MAX && t->rx_final != f->value))
		return KITH_E_MALFORMED;
	if (t->rx_reset || t->rx_fin_read)
		return KITH_OK;
	if (extend(s, t, f->value) != KITH_OK)
		return KITH_E_MALFORMED;
	t->rx_final = f->value;
	t->rx_reset = true;
	s->data_in_read += t->rx_high - t->rx_base;
	t->rx_base = t->rx_high;
	kith__net_ranges_free(&t->rx_have, n->alloc);
	kith__net_stream_abandon(n, t);
	if (!t->gone)
		kith__net_event_signal(n, t->readable);
	kith__net_stream_settle(n, s, t);
	return KITH_OK;
}

int kith__net_stream_input(struct kith_net *n, struct session *s, const struct frame *f,
			   kith_time now)
{
	struct stream *t;
	int status;

	(void)now;
	if (f->id == FRAME_MAX_DATA) {
		if (f->value > s->data_out_limit)
			s->data_out_limit = f->value;
		return KITH_OK;
	}
	status = find_or_open(n, s, f->number, &t);
	if (status != KITH_OK || t == NULL)
		return status;
	if (f->id == FRAME_STREAM)
		return take_data(n, s, t, f);
	if (f->id == FRAME_RESET)
		return take_reset(n, s, t, f);
	if (f->id == FRAME_MAX_STREAM) {
		if (f->value > t->tx_limit)
			t->tx_limit = f->value;
		return KITH_OK;
	}
	KITH_ASSERT(f->id == FRAME_STOP);
	kith__net_stream_abandon(n, t);
	if (!t->gone)
		kith__net_event_signal(n, t->writable);
	return KITH_OK;
}

/* ---- out ---- */

static bool room_for(const struct kith_writer *w, size_t len)
{
	return w->cap - w->len >= len;
}

static void control_of(struct kith_net *n, struct session *s, struct stream *t,
		       struct kith_writer *w)
{
	struct ref ref = {.number = t->id};

	ref.kind = REF_MAX_STREAM;
	if (t->limit_due && room_for(w, HEAD_MAX) && kith__net_ref_add(n, s, &ref)) {
		t->limit_due = false;
		kith__net_frame_plain(w, FRAME_MAX_STREAM, (uint64_t[]){t->id, t->rx_limit}, 2);
	}
	ref.kind = REF_RESET;
	if (t->reset_due && room_for(w, 32) && kith__net_ref_add(n, s, &ref)) {
		t->reset_due = false;
		kith__net_frame_plain(w, FRAME_RESET, (uint64_t[]){t->id, t->code, t->tx_next}, 3);
	}
	ref.kind = REF_STOP;
	if (t->stop_due && room_for(w, HEAD_MAX) && kith__net_ref_add(n, s, &ref)) {
		t->stop_due = false;
		kith__net_frame_plain(w, FRAME_STOP, (uint64_t[]){t->id, t->code}, 2);
	}
}

void kith__net_stream_control(struct kith_net *n, struct session *s, struct kith_writer *w)
{
	struct ref ref = {.kind = REF_MAX_DATA};
	size_t i;

	if (s->max_data_due && kith__net_ref_add(n, s, &ref)) {
		s->max_data_due = false;
		kith__net_frame_plain(w, FRAME_MAX_DATA, &s->data_in_limit, 1);
	}
	for (i = 0; i < s->stream_count; i++)
		control_of(n, s, s->streams[i], w);
}

/* The next bytes of `t` that may leave: lost ones first. False: nothing. */
static bool next_piece(const struct session *s, const struct stream *t, uint64_t *offset,
		       uint64_t *len)
{
	uint64_t end = t->tx_end < t->tx_limit ? t->tx_end : t->tx_limit;
	uint64_t left = s->data_out_limit - s->data_out;

	if (t->reset)
		return false;
	if (t->tx_lost.count > 0) {
		*offset = t->tx_lost.v[0].low;
		*len = t->tx_lost.v[0].end - t->tx_lost.v[0].low;
		return true;
	}
	*offset = t->tx_next;
	*len = end > t->tx_next ? end - t->tx_next : 0;
	*len = *len > left ? left : *len;
	return *len > 0 || (t->tx_fin && !t->tx_fin_acked && t->tx_next == t->tx_end &&
			    (!t->tx_fin_sent || t->tx_fin_lost));
}

static bool write_piece(struct kith_net *n, struct session *s, struct stream *t,
			struct kith_writer *w)
{
	struct ref ref = {.kind = REF_STREAM, .number = t->id};
	size_t room = w->cap - w->len;
	uint64_t offset;
	uint64_t len;
	size_t at;

	if (room <= HEAD_MAX || !next_piece(s, t, &offset, &len))
		return false;
	room -= HEAD_MAX;
	if (len > room) {
		if (room < SLICE_MIN)
			return false;
		len = room;
	}
	at = t->tx.cap != 0 ? (size_t)(offset & (t->tx.cap - 1)) : 0;
	if (len > t->tx.cap - at)
		len = t->tx.cap - at; /* up to the turn of the ring */
	ref.offset = offset;
	ref.len = (uint32_t)len;
	ref.fin = t->tx_fin && offset + len == t->tx_end;
	if (!kith__net_ref_add(n, s, &ref))
		return false;
	kith__net_frame_stream(w, t->id, offset, ref.fin,
			       len > 0 ? t->tx.bytes + at : (const uint8_t *)"", (size_t)len);
	if (t->tx_lost.count > 0) {
		/* shortens the first interval: needs no memory */
		KITH_ASSERT(kith__net_ranges_remove(&t->tx_lost, n->alloc, offset, offset + len,
						    NET_RANGES_MAX) == KITH_OK);
	} else {
		t->tx_next += len;
		s->data_out += len;
	}
	if (ref.fin) {
		t->tx_fin_sent = true;
		t->tx_fin_lost = false;
	}
	t->deficit += (uint32_t)len;
	return true;
}

void kith__net_stream_write_class(struct kith_net *n, struct session *s, struct kith_writer *w,
				  unsigned class)
{
	size_t tries;

	for (tries = 0; tries < s->stream_count; tries++) {
		struct stream *t = s->streams[(s->turn + tries) % s->stream_count];

		if (t->class != class)
			continue;
		while (write_piece(n, s, t, w))
			;
		if (t->deficit >= QUANTUM) {
			t->deficit = 0;
			s->turn = (unsigned)((s->turn + tries + 1) % s->stream_count);
			return;
		}
		if (w->cap - w->len <= HEAD_MAX + SLICE_MIN)
			return;
	}
}

/* ---- ACK and loss ---- */

static void bytes_acked(struct kith_net *n, struct session *s, struct stream *t,
			const struct ref *ref)
{
	uint64_t end = ref->offset + ref->len;
	uint64_t low = ref->offset > t->tx_base ? ref->offset : t->tx_base;

	if (ref->fin)
		t->tx_fin_acked = true;
	if (t->reset || low > end)
		return;
	if (kith__net_ranges_add(&t->tx_acked, n->alloc, low, end, NET_RANGES_MAX) != KITH_OK ||
	    kith__net_ranges_remove(&t->tx_lost, n->alloc, ref->offset, end, NET_RANGES_MAX) !=
		    KITH_OK) {
		/* not to be noted: it goes again */
		kith__net_stream_lost(n, s, ref);
		t->tx_fin_acked = false;
		return;
	}
	if (t->tx_acked.count > 0 && t->tx_acked.v[0].low <= t->tx_base) {
		t->tx_base = t->tx_acked.v[0].end;
		KITH_ASSERT(kith__net_ranges_remove(&t->tx_acked, n->alloc, 0, t->tx_base,
						    NET_RANGES_MAX) == KITH_OK);
		if (t->short_write) {
			t->short_write = false;
			kith__net_event_signal(n, t->writable);
		}
	}
}

void kith__net_stream_acked(struct kith_net *n, struct session *s, const struct ref *ref)
{
	struct stream *t = kith__net_stream_find(s, ref->number);

	if (ref->kind == REF_MAX_DATA || ref->kind == REF_MAX_MSG || t == NULL)
		return;
	if (ref->kind == REF_RESET)
		t->reset_acked = true;
	if (ref->kind == REF_STREAM)
		bytes_acked(n, s, t, ref);
	kith__net_stream_settle(n, s, t);
}

static void bytes_lost(struct kith_net *n, struct stream *t, const struct ref *ref)
{
	uint64_t end = ref->offset + ref->len;
	uint64_t low = ref->offset > t->tx_base ? ref->offset : t->tx_base;
	int status;
	size_t i;

	if (ref->fin && !t->tx_fin_acked)
		t->tx_fin_lost = true;
	if (low >= end)
		return;
	status = kith__net_ranges_add(&t->tx_lost, n->alloc, low, end, NET_RANGES_MAX);
	for (i = 0; status == KITH_OK && i < t->tx_acked.count; i++)
		status = kith__net_ranges_remove(&t->tx_lost, n->alloc, t->tx_acked.v[i].low,
						 t->tx_acked.v[i].end, NET_RANGES_MAX);
	if (status != KITH_OK && t->tx_lost.count > 0) {
		/* no room for exact books: everything from the first loss on goes again */
		t->tx_lost.v[0].low = t->tx_lost.v[0].low < low ? t->tx_lost.v[0].low : low;
		t->tx_lost.v[0].end = t->tx_next;
		t->tx_lost.count = 1;
	}
}

void kith__net_stream_lost(struct kith_net *n, struct session *s, const struct ref *ref)
{
	struct stream *t = kith__net_stream_find(s, ref->number);

	kith__net_session_ready(n, s);
	if (ref->kind == REF_MAX_DATA) {
		s->max_data_due = true;
	} else if (ref->kind == REF_MAX_MSG) {
		s->max_msg_due = true;
	} else if (t == NULL) {
		return;
	} else if (ref->kind == REF_MAX_STREAM) {
		t->limit_due = !t->gone;
	} else if (ref->kind == REF_RESET) {
		t->reset_due = !t->reset_acked;
	} else if (ref->kind == REF_STOP) {
		t->stop_due = t->rx_final == UINT64_MAX;
	} else if (!t->reset) {
		bytes_lost(n, t, ref);
	}
}
