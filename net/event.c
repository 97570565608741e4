/* SPDX-License-Identifier: ISC */
/*
 * Events for the owner: a list of nodes. What must not be lost has its node before it happens:
 * a message carries the one for its ACK, a session the one for its end, a stream its own two.
 * So the queue never drops an event; when it is long, no more data is taken from peers.
 */
#include "net/internal.h"

struct event_node *kith__net_event_alloc(struct kith_net *n, size_t bytes)
{
	struct event_node *e = kith_alloc_zero(n->alloc, 1, sizeof(*e) + bytes);

	if (e != NULL && bytes > 0) {
		e->ev.data = e->bytes;
		e->ev.len = bytes;
	}
	return e;
}

void kith__net_event_push(struct kith_net *n, struct event_node *e)
{
	KITH_ASSERT(!e->queued);
	e->queued = true;
	e->next = NULL;
	if (n->event_last != NULL)
		n->event_last->next = e;
	else
		n->event_first = e;
	n->event_last = e;
	n->event_count++;
	n->event_bytes += e->ev.len;
}

bool kith__net_event_add(struct kith_net *n, const struct kith_net_event *ev)
{
	struct event_node *e = kith__net_event_alloc(n, 0);

	if (e == NULL)
		return false;
	e->ev = *ev;
	kith__net_event_push(n, e);
	return true;
}

void kith__net_event_signal(struct kith_net *n, struct event_node *e)
{
	if (!e->queued)
		kith__net_event_push(n, e);
}

void kith__net_event_release(struct kith_net *n, struct event_node *e)
{
	if (e == NULL)
		return;
	e->kept = false;
	if (!e->queued)
		kith_alloc_free(n->alloc, e);
}

bool kith__net_event_full(const struct kith_net *n)
{
	return n->hold || n->event_count >= KITH_NET_EVENTS_MAX ||
	       n->event_bytes >= EVENT_BYTES_MAX;
}

bool kith_net_event(struct kith_net *n, struct kith_net_event *out)
{
	struct event_node *e = n->event_first;

	kith_alloc_free(n->alloc, n->event_held);
	n->event_held = NULL;
	if (e == NULL)
		return false;
	n->event_first = e->next;
	if (n->event_first == NULL)
		n->event_last = NULL;
	n->event_count--;
	n->event_bytes -= e->ev.len;
	e->queued = false;
	*out = e->ev;
	if (!e->kept)
		n->event_held = e; /* its bytes live until the next call */
	return true;
}

void kith__net_event_clear(struct kith_net *n)
{
	struct kith_net_event ev;

	while (kith_net_event(n, &ev))
		;
}
