/* SPDX-License-Identifier: ISC */
/*
 * The table of sessions, their epochs and their end.
 *
 * An index on the wire names (slot, epoch); a number is the owner's name for a session and is not
 * used again for 2^32 sessions. A session ends for the owner at once, with messages returned and
 * SESSION_LOST; where CLOSE has to leave first, the nameless rest lives until it is sent twice.
 */
#include "net/internal.h"

#include <string.h>

#define NO_SLOT    UINT32_MAX
#define PUNISH_US  (600u * KITH_US_PER_S)
#define CROSSED_US (10u * KITH_US_PER_S)

struct session *kith__net_session_find(const struct kith_net *n, uint32_t number)
{
	uint32_t slot;

	return kith_map_get(&n->by_number, &number, &slot) ? n->sessions[slot] : NULL;
}

uint32_t kith__net_session_number(struct kith_net *n)
{
	do {
		n->next_number++;
	} while (n->next_number == 0 || kith__net_session_find(n, n->next_number) != NULL ||
		 kith__net_pending_by_number(n, n->next_number) != NULL);
	return n->next_number;
}

uint32_t kith__net_draw_idx(struct kith_net *n)
{
	uint32_t idx;
	uint32_t at;

	do {
		idx = kith_rng_u32(n->rng);
	} while (kith_map_get(&n->by_idx, &idx, &at));
	return idx;
}

/* A free slot, with room for it in the heap. */
static uint32_t take_slot(struct kith_net *n)
{
	size_t want = n->session_count + 1;
	void *sessions = n->sessions;
	void *heap = n->heap;
	void *slots = n->free_slots;
	size_t old = n->session_cap;

	if (n->free_count > 0)
		return n->free_slots[--n->free_count];
	if (kith_alloc_grow(n->alloc, &heap, &n->heap_cap, want, KITH_NET_SESSIONS_MAX,
			    sizeof(*n->heap)) != KITH_OK)
		return NO_SLOT;
	n->heap = heap;
	if (kith_alloc_grow(n->alloc, &slots, &n->free_cap, want, KITH_NET_SESSIONS_MAX,
			    sizeof(*n->free_slots)) != KITH_OK)
		return NO_SLOT;
	n->free_slots = slots;
	if (kith_alloc_grow(n->alloc, &sessions, &n->session_cap, want, KITH_NET_SESSIONS_MAX,
			    sizeof(struct session *)) != KITH_OK)
		return NO_SLOT;
	n->sessions = sessions;
	for (; old < n->session_cap; old++)
		n->sessions[old] = NULL;
	return (uint32_t)n->session_count;
}

struct session *kith__net_session_new(struct kith_net *n, enum kith_net_kind kind, uint32_t number,
				      kith_time now)
{
	struct session *s = kith_alloc_zero(n->alloc, 1, sizeof(*s));
	uint32_t slot;

	if (s == NULL)
		return NULL;
	s->number = number != 0 ? number : kith__net_session_number(n);
	s->came = kith__net_event_alloc(n, 0);
	s->lost = kith__net_event_alloc(n, 0);
	if (s->came == NULL || s->lost == NULL ||
	    kith_map_put(&n->by_number, &s->number, 0) != KITH_OK)
		goto fail;
	slot = take_slot(n);
	if (slot == NO_SLOT) {
		(void)kith_map_remove(&n->by_number, &s->number);
		goto fail;
	}
	/* replaces the value of a key that is there: no memory needed */
	KITH_ASSERT(kith_map_put(&n->by_number, &s->number, slot) == KITH_OK);
	s->slot = slot;
	s->kind = kind;
	s->heap_at = UINT32_MAX;
	s->deadline = KITH_NEVER;
	s->last_heard = s->last_used = now;
	s->erase_at = s->ack_at = s->tidy_at = s->candidate_at = KITH_NEVER;
	s->keepalive_at = now;
	s->out_limit = s->in_limit = KITH_NET_MSG_WINDOW;
	s->data_out_limit = s->data_in_limit = s->data_in_window = 4u * KITH_NET_STREAM_WINDOW;
	kith__net_recovery_init(n, s);
	n->sessions[slot] = s;
	n->session_count++;
	return s;
fail:
	kith_alloc_free(n->alloc, s->came);
	kith_alloc_free(n->alloc, s->lost);
	kith_alloc_free(n->alloc, s);
	return NULL;
}

void kith__net_session_up(struct kith_net *n, struct session *s)
{
	struct event_node *e = s->came;

	KITH_ASSERT(!s->up && e != NULL);
	s->came = NULL;
	s->up = true;
	e->ev.kind = KITH_NET_SESSION_UP;
	e->ev.session = s->number;
	e->ev.peer = s->link != NULL ? s->link->v.peer : 0;
	kith__net_event_push(n, e);
	n->count.sessions_up++;
}

void kith__net_epoch_erase(struct kith_net *n, struct session *s, unsigned i)
{
	if (s->epoch[i].live)
		(void)kith_map_remove(&n->by_idx, &s->epoch[i].idx_in);
	kith_wipe(&s->epoch[i], sizeof(s->epoch[i]));
}

static void token_remove(struct kith_net *n, const struct session *s)
{
	uint8_t token[16];

	if (s->kind != KITH_NET_SERVICE || s->initiator)
		return;
	kith__net_token(token, s->s);
	(void)kith_map_remove(&n->by_token, token);
}

int kith__net_session_epoch(struct kith_net *n, struct session *s, const struct epoch *e,
			    const uint8_t secret[static 32], kith_time now)
{
	const struct epoch *cur = &s->epoch[s->current];
	bool first = !cur->live;
	unsigned at = first ? s->current : 1 - s->current;
	/* both handshakes of a crossing came through: both sides prefer the same one */
	bool second = s->kind == KITH_NET_LINK && !first && cur->lower && !e->lower &&
		      now - cur->began < CROSSED_US;
	uint8_t token[16];

	if (kith_map_put(&n->by_idx, &e->idx_in, s->slot * 2 + at) != KITH_OK)
		return KITH_E_NOMEM;
	if (s->kind == KITH_NET_SERVICE && !s->initiator) {
		kith__net_token(token, secret);
		if (kith_map_put(&n->by_token, token, s->slot) != KITH_OK) {
			(void)kith_map_remove(&n->by_idx, &e->idx_in);
			return KITH_E_NOMEM;
		}
		if (!first)
			token_remove(n, s);
	}
	kith__net_epoch_erase(n, s, at);
	s->epoch[at] = *e;
	s->epoch[at].live = true;
	s->epoch[at].began = now;
	s->epoch[at].heard = s->epoch[at].carried_at = KITH_NEVER;
	s->erase_at = second ? now + CROSSED_US : KITH_NEVER;
	if (!second)
		s->current = at;
	memcpy(s->s, secret, 32);
	if (first)
		memcpy(s->binding, secret, 32);
	s->frozen = false;
	s->rekey_retry_at = 0;
	return KITH_OK;
}

static void unready(struct kith_net *n, struct session *s)
{
	struct session **at = &n->ready_first;
	struct session *before = NULL;

	if (!s->on_ready)
		return;
	while (*at != s) {
		before = *at;
		at = &before->ready_next;
	}
	*at = s->ready_next;
	if (n->ready_last == s)
		n->ready_last = before;
	s->on_ready = false;
}

void kith__net_session_ready(struct kith_net *n, struct session *s)
{
	if (s->on_ready)
		return;
	s->on_ready = true;
	s->ready_next = NULL;
	if (n->ready_last != NULL)
		n->ready_last->ready_next = s;
	else
		n->ready_first = s;
	n->ready_last = s;
}

/* Everything by which others know the session, but not its keys. */
static void detach(struct kith_net *n, struct session *s, enum kith_net_lost why)
{
	unsigned i = 0;

	kith__net_half_void_for(n, s, NULL);
	while (i < n->pending_count)
		if (n->pending[i]->rekey == s)
			kith__net_pending_free(n, n->pending[i]);
		else
			i++;
	if (s->link != NULL) {
		kith__net_half_void_for(n, NULL, s->link);
		if (s->link->session == s)
			s->link->session = NULL;
		if (s->link->pending == NULL)
			kith__net_link_renew(s->link);
	}
	token_remove(n, s);
	kith__net_msg_return_all(n, s);
	kith__net_stream_drop_all(n, s);
	(void)kith_map_remove(&n->by_number, &s->number);
	if (s->up && s->lost != NULL) {
		struct event_node *e = s->lost;

		s->lost = NULL;
		e->ev.kind = KITH_NET_SESSION_LOST;
		e->ev.session = s->number;
		e->ev.peer = s->link != NULL ? s->link->v.peer : 0;
		e->ev.code = (uint32_t)why;
		kith__net_event_push(n, e);
		n->count.sessions_lost++;
	}
	s->link = NULL;
	s->up = false;
}

void kith__net_session_drop(struct kith_net *n, struct session *s, enum kith_net_lost why)
{
	if (!s->closing)
		detach(n, s, why);
	kith__net_epoch_erase(n, s, 0);
	kith__net_epoch_erase(n, s, 1);
	unready(n, s);
	kith__net_heap_fix(n, s, KITH_NEVER);
	kith__net_msg_clear(n, s);
	kith__net_recovery_clear(n, s);
	kith_alloc_free(n->alloc, s->came);
	kith_alloc_free(n->alloc, s->lost);
	n->sessions[s->slot] = NULL;
	n->free_slots[n->free_count++] = s->slot;
	n->session_count--;
	kith_wipe(s, sizeof(*s));
	kith_alloc_free(n->alloc, s);
}

void kith__net_session_close(struct kith_net *n, struct session *s, uint64_t code,
			     enum kith_net_lost why, kith_time now)
{
	if (s->closing)
		return;
	detach(n, s, why);
	s->closing = true;
	s->close_left = 2;
	s->close_code = code;
	if (s->frozen) {
		kith__net_session_drop(n, s, why);
		return;
	}
	kith__net_session_ready(n, s);
	kith__net_session_timer(n, s, now);
}

void kith__net_session_fault(struct kith_net *n, struct session *s, kith_time now)
{
	if (s->link != NULL) {
		s->link->punish_until = now + PUNISH_US;
		s->link->punish_next = now + 60u * KITH_US_PER_S;
	}
	kith__net_session_close(n, s, 1, KITH_NET_LOST_PROTOCOL, now);
}

void kith__net_session_restart(struct kith_net *n, struct session *s, kith_time now)
{
	uint32_t number = s->number;

	/* packet numbers begin anew: no key of the old life may be used again */
	kith__net_epoch_erase(n, s, 0);
	kith__net_epoch_erase(n, s, 1);
	token_remove(n, s);
	kith__net_msg_return_all(n, s);
	kith__net_stream_drop_all(n, s);
	kith__net_msg_clear(n, s);
	kith__net_recovery_clear(n, s);
	kith__net_recovery_init(n, s);
	memset(&s->replay, 0, sizeof(s->replay));
	s->ack_floor = 0;
	s->ack_count = 0;
	s->ack_wanted = s->ack_now = false;
	s->ack_at = s->erase_at = KITH_NEVER;
	s->out_base = s->out_next = s->in_base = 0;
	s->out_limit = s->in_limit = KITH_NET_MSG_WINDOW;
	s->next_own = s->next_peer = 0;
	s->data_out = s->data_in = s->data_in_read = 0;
	s->data_out_limit = s->data_in_limit = s->data_in_window = 4u * KITH_NET_STREAM_WINDOW;
	s->max_msg_due = s->max_data_due = s->has_candidate = s->frozen = false;
	s->current = 0;
	s->last_heard = now;
	(void)kith__net_event_add(n,
				  &(struct kith_net_event){.kind = KITH_NET_PEER_RESTARTED,
							   .session = number,
							   .peer = s->link != NULL ? s->link->v.peer
										   : 0});
}
