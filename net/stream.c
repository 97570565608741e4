/* SPDX-License-Identifier: ISC */
/*
 * Streams as the owner sees them: bidirectional ordered bytes (transport.md 6). Each direction has
 * a ring of bytes that grows on need. A stream is forgotten when both directions have ended: ours
 * by an acked FIN or RESET, theirs by a FIN that was read, or a RESET.
 *
 *	our side     OPEN -> finish: FIN sent -> FIN acked
 *	             OPEN -> reset (by us, or the peer's STOP): RESET sent -> RESET acked
 *	their side   OPEN -> FIN known -> all read
 *	             OPEN -> RESET received
 */
#include "net/internal.h"

#include <string.h>

#define RING_FIRST  4096u
#define WRITE_LEAST KITH_NET_STREAM_WINDOW /* bytes taken before any is acked, at least */

struct stream *kith__net_stream_find(const struct session *s, uint64_t id)
{
	size_t i;

	for (i = 0; i < s->stream_count; i++)
		if (s->streams[i]->id == id)
			return s->streams[i];
	return NULL;
}

static struct event_node *own_event(struct kith_net *n, const struct session *s, uint64_t id,
				    enum kith_net_event_kind kind)
{
	struct event_node *e = kith__net_event_alloc(n, 0);

	if (e == NULL)
		return NULL;
	e->kept = true;
	e->ev = (struct kith_net_event){.kind = kind,
					.session = s->number,
					.stream = (uint32_t)id,
					.peer = s->link != NULL ? s->link->v.peer : 0};
	return e;
}

struct stream *kith__net_stream_new(struct kith_net *n, struct session *s, uint64_t id,
				    unsigned class)
{
	void *array = s->streams;
	struct stream *t;

	/* the peer may hold streams that we have finished: twice the cap */
	if (kith_alloc_grow(n->alloc, &array, &s->stream_cap, s->stream_count + 1,
			    2u * KITH_NET_STREAMS_MAX, sizeof(struct stream *)) != KITH_OK)
		return NULL;
	s->streams = array;
	t = kith_alloc_zero(n->alloc, 1, sizeof(*t));
	if (t == NULL)
		return NULL;
	t->id = id;
	t->class = (uint8_t) class;
	t->tx_limit = t->rx_limit = t->rx_window = KITH_NET_STREAM_WINDOW;
	t->rx_final = UINT64_MAX;
	t->readable = own_event(n, s, id, KITH_NET_STREAM_READABLE);
	t->writable = own_event(n, s, id, KITH_NET_STREAM_WRITABLE);
	if (t->readable == NULL || t->writable == NULL) {
		kith__net_event_release(n, t->readable);
		kith__net_event_release(n, t->writable);
		kith_alloc_free(n->alloc, t);
		return NULL;
	}
	s->streams[s->stream_count++] = t;
	return t;
}

static void ring_free(struct kith_net *n, struct ring *r)
{
	if (r->bytes != NULL)
		kith_wipe(r->bytes, r->cap);
	kith_alloc_free(n->alloc, r->bytes);
	*r = (struct ring){0};
}

int kith__net_ring_room(struct kith_net *n, struct ring *r, uint64_t base, uint64_t used_end,
			uint64_t end)
{
	size_t cap = r->cap == 0 ? RING_FIRST : r->cap;
	uint8_t *bytes;
	uint64_t at;

	while (cap < end - base)
		cap *= 2;
	if (cap == r->cap)
		return KITH_OK;
	bytes = kith_alloc_zero(n->alloc, 1, cap);
	if (bytes == NULL)
		return KITH_E_NOMEM;
	/* a FIN may lie beyond all bytes that came */
	if (used_end > base + r->cap)
		used_end = base + r->cap;
	for (at = base; at < used_end;) {
		size_t from = (size_t)(at & (r->cap - 1));
		size_t to = (size_t)(at & (cap - 1));
		size_t len = r->cap - from < cap - to ? r->cap - from : cap - to;

		if (len > used_end - at)
			len = (size_t)(used_end - at);
		memcpy(bytes + to, r->bytes + from, len);
		at += len;
	}
	ring_free(n, r);
	r->bytes = bytes;
	r->cap = cap;
	return KITH_OK;
}

static void destroy(struct kith_net *n, struct stream *t)
{
	ring_free(n, &t->tx);
	ring_free(n, &t->rx);
	kith__net_ranges_free(&t->tx_acked, n->alloc);
	kith__net_ranges_free(&t->tx_lost, n->alloc);
	kith__net_ranges_free(&t->rx_have, n->alloc);
	kith__net_event_release(n, t->readable);
	kith__net_event_release(n, t->writable);
	kith_alloc_free(n->alloc, t);
}

void kith__net_stream_drop_all(struct kith_net *n, struct session *s)
{
	while (s->stream_count > 0)
		destroy(n, s->streams[--s->stream_count]);
	kith_alloc_free(n->alloc, s->streams);
	s->streams = NULL;
	s->stream_cap = 0;
}

void kith__net_stream_settle(struct kith_net *n, struct session *s, struct stream *t)
{
	bool ours = (t->tx_fin_acked && t->tx_base == t->tx_end) || t->reset_acked;
	bool theirs = t->rx_fin_read || (t->rx_reset && t->gone) ||
		      (t->gone && t->rx_final != UINT64_MAX);
	size_t i;

	if (!ours || !theirs)
		return;
	for (i = 0; s->streams[i] != t; i++)
		;
	s->streams[i] = s->streams[--s->stream_count];
	destroy(n, t);
}

void kith__net_stream_abandon(struct kith_net *n, struct stream *t)
{
	if (t->reset || (t->tx_fin_acked && t->tx_base == t->tx_end))
		return;
	t->reset = t->reset_due = true;
	ring_free(n, &t->tx);
	kith__net_ranges_free(&t->tx_lost, n->alloc);
	kith__net_ranges_free(&t->tx_acked, n->alloc);
	t->tx_base = t->tx_end = t->tx_next;
	t->tx_fin_lost = false;
}

static int find_open(const struct kith_net *n, uint32_t session, uint32_t stream,
		     struct session **s, struct stream **t)
{
	*s = kith__net_session_find(n, session);
	if (*s == NULL)
		return KITH_E_NOTFOUND;
	*t = kith__net_stream_find(*s, stream);
	return *t != NULL && !(*t)->gone ? KITH_OK : KITH_E_NOTFOUND;
}

int kith_net_stream_open(struct kith_net *n, uint32_t session, enum kith_net_class c,
			 uint32_t *stream, kith_time now)
{
	struct session *s = kith__net_session_find(n, session);
	uint64_t id;

	if (s == NULL)
		return KITH_E_NOTFOUND;
	if (!s->up)
		return KITH_E_STATE;
	id = s->next_own * 2 + (s->role_a ? 0 : 1);
	if (s->stream_count >= KITH_NET_STREAMS_MAX || id > UINT32_MAX ||
	    kith__net_stream_new(n, s, id, c) == NULL)
		return KITH_E_FULL;
	s->next_own++;
	s->last_used = now;
	*stream = (uint32_t)id;
	return KITH_OK;
}

int kith_net_stream_write(struct kith_net *n, uint32_t session, uint32_t stream,
			  const uint8_t *data, size_t len, size_t *taken, kith_time now)
{
	struct session *s;
	struct stream *t;
	int status = find_open(n, session, stream, &s, &t);
	uint64_t most;
	size_t take;
	size_t done;

	if (status != KITH_OK)
		return status;
	if (t->reset || t->rx_reset || t->tx_fin)
		return KITH_E_STATE;
	most = 2 * s->rec.cwnd < WRITE_LEAST ? WRITE_LEAST : 2 * s->rec.cwnd;
	most = most > KITH_NET_STREAM_WINDOW_MAX ? KITH_NET_STREAM_WINDOW_MAX : most;
	take = most > t->tx_end - t->tx_base ? (size_t)(most - (t->tx_end - t->tx_base)) : 0;
	if (take >= len)
		take = len;
	else
		t->short_write = true;
	if (take > 0 &&
	    kith__net_ring_room(n, &t->tx, t->tx_base, t->tx_end, t->tx_end + take) != KITH_OK)
		return KITH_E_FULL;
	for (done = 0; done < take;) {
		size_t at = (size_t)(t->tx_end & (t->tx.cap - 1));
		size_t part = t->tx.cap - at < take - done ? t->tx.cap - at : take - done;

		memcpy(t->tx.bytes + at, data + done, part);
		done += part;
		t->tx_end += part;
	}
	*taken = take;
	s->last_used = now;
	kith__net_session_ready(n, s);
	return KITH_OK;
}

int kith_net_stream_finish(struct kith_net *n, uint32_t session, uint32_t stream, kith_time now)
{
	struct session *s;
	struct stream *t;
	int status = find_open(n, session, stream, &s, &t);

	if (status != KITH_OK)
		return status;
	if (t->reset || t->rx_reset)
		return KITH_E_STATE;
	t->tx_fin = true;
	s->last_used = now;
	kith__net_session_ready(n, s);
	return KITH_OK;
}

/* More room for the peer, when half of it is used; twice as much when it went fast. */
static void raise_window(struct session *s, struct stream *t, size_t got, kith_time now)
{
	uint64_t two_rtt = 2 * (s->rec.srtt != 0 ? s->rec.srtt : 100000u);

	s->data_in_read += got;
	if (t->rx_final == UINT64_MAX && t->rx_limit - t->rx_base < t->rx_window / 2) {
		if (now - t->rx_raised < two_rtt && t->rx_window < KITH_NET_STREAM_WINDOW_MAX)
			t->rx_window *= 2;
		t->rx_raised = now;
		t->rx_limit = t->rx_base + t->rx_window;
		t->limit_due = true;
	}
	if (s->data_in_limit - s->data_in_read < s->data_in_window / 2) {
		if (now - s->data_in_raised < two_rtt &&
		    s->data_in_window < 2u * KITH_NET_STREAM_WINDOW_MAX)
			s->data_in_window *= 2;
		s->data_in_raised = now;
		s->data_in_limit = s->data_in_read + s->data_in_window;
		s->max_data_due = true;
	}
}

int kith_net_stream_read(struct kith_net *n, uint32_t session, uint32_t stream, uint8_t *dst,
			 size_t cap, size_t *got, bool *fin, kith_time now)
{
	struct session *s;
	struct stream *t;
	int status = find_open(n, session, stream, &s, &t);
	size_t len = 0;
	size_t done;

	if (status != KITH_OK)
		return status;
	if (t->rx_reset) {
		t->gone = true;
		kith__net_stream_abandon(n, t);
		kith__net_stream_settle(n, s, t);
		kith__net_session_ready(n, s);
		return KITH_E_STATE;
	}
	if (t->rx_have.count > 0 && t->rx_have.v[0].low <= t->rx_base)
		len = (size_t)(t->rx_have.v[0].end - t->rx_base);
	len = len > cap ? cap : len;
	for (done = 0; done < len;) {
		size_t at = (size_t)(t->rx_base & (t->rx.cap - 1));
		size_t part = t->rx.cap - at < len - done ? t->rx.cap - at : len - done;

		memcpy(dst + done, t->rx.bytes + at, part);
		done += part;
		t->rx_base += part;
	}
	/* cuts at the low end: needs no memory */
	KITH_ASSERT(kith__net_ranges_remove(&t->rx_have, n->alloc, 0, t->rx_base, NET_RANGES_MAX) ==
		    KITH_OK);
	*got = len;
	*fin = t->rx_base == t->rx_final;
	if (len > 0)
		raise_window(s, t, len, now);
	if (*fin)
		t->rx_fin_read = true;
	if (t->limit_due || s->max_data_due)
		kith__net_session_ready(n, s);
	kith__net_stream_settle(n, s, t);
	return KITH_OK;
}

void kith_net_stream_reset(struct kith_net *n, uint32_t session, uint32_t stream, uint32_t code,
			   kith_time now)
{
	struct session *s;
	struct stream *t;

	if (find_open(n, session, stream, &s, &t) != KITH_OK)
		return;
	t->code = code;
	t->stop_due = !t->rx_fin_read && !t->rx_reset;
	t->gone = true;
	kith__net_stream_abandon(n, t);
	/* what was not read counts as read, or the session's window would shrink for ever */
	s->data_in_read += t->rx_high - t->rx_base;
	t->rx_base = t->rx_high;
	kith__net_ranges_free(&t->rx_have, n->alloc);
	ring_free(n, &t->rx);
	s->last_used = now;
	kith__net_session_ready(n, s);
	kith__net_stream_settle(n, s, t);
}
