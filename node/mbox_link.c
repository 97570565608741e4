/* SPDX-License-Identifier: ISC */
/*
 * Links of the mailbox service: their life, their rules, and the loop that serves requests.
 *
 *	timer                     after        effect
 *	no request                120 s        dropped (1 h while it watches)
 *	write queue not moving    30 s         dropped: slow reader
 *	rule broken               2 s          closed, when the ERROR had time to leave
 *
 * A link carries one PUT, or one DELETE, or reading verbs, or hand-in; INFO goes with any.
 */
#include "node/mbox_service.h"

#include <string.h>

#define IDLE_US    (120u * (kith_time)KITH_US_PER_S)
#define WATCH_US   (3600u * (kith_time)KITH_US_PER_S)
#define SLOW_US    (30u * (kith_time)KITH_US_PER_S)
#define CLOSING_US (2u * (kith_time)KITH_US_PER_S)
#define SCAN_US    (5u * (kith_time)KITH_US_PER_S)
#define RETRY_S    60u /* retry-after of refusals */

_Static_assert(KITH_MBOX_LINKS_MAX <= 4096, "12 bits of a read token");

struct kith__mbox_link *kith__mbox_link_of(struct kith_mbox_service *s, uint32_t session)
{
	uint32_t slot;

	return kith_map_get(&s->by_session, &session, &slot) ? s->link[slot] : NULL;
}

static bool free_slot(struct kith_mbox_service *s, uint32_t *slot)
{
	if (s->links >= KITH_MBOX_LINKS_MAX)
		return false;
	if (s->links == s->slots) {
		*slot = (uint32_t)s->slots++;
		return true;
	}
	for (uint32_t i = 0; i < s->slots; i++) {
		if (s->link[i] == NULL) {
			*slot = i;
			return true;
		}
	}
	return false;
}

void kith__mbox_link_new(struct kith_mbox_service *s, uint32_t session, kith_time now)
{
	struct kith_net_session_info info;
	struct kith__mbox_link *l = NULL;
	uint32_t slot;

	if (kith_net_session(s->cfg.net, session, &info) != KITH_OK)
		return;
	if (kith__mbox_quota_take(&s->quota, &info.remote, KITH__MBOX_RATE_LINK, 1, now) &&
	    free_slot(s, &slot))
		l = kith_alloc_zero(s->alloc, 1, sizeof(*l));
	if (l == NULL || kith_map_put(&s->by_session, &session, slot) != KITH_OK) {
		kith_alloc_free(s->alloc, l);
		kith_net_close(s->cfg.net, session, now);
		return;
	}
	if (++s->serial[slot] == 0)
		s->serial[slot] = 1;
	l->slot = slot;
	l->serial = s->serial[slot];
	l->pipe.alloc = s->alloc;
	l->pipe.net = s->cfg.net;
	l->pipe.session = session;
	l->remote = info.remote;
	l->seen = l->moved_at = now;
	s->link[slot] = l;
	s->links++;
	if (s->next_scan > now + SCAN_US)
		s->next_scan = now + SCAN_US;
}

void kith__mbox_link_drop(struct kith_mbox_service *s, struct kith__mbox_link *l, bool close,
			  kith_time now)
{
	(void)kith_map_remove(&s->by_session, &l->pipe.session);
	if (close)
		kith_net_close(s->cfg.net, l->pipe.session, now);
	s->link[l->slot] = NULL;
	s->links--;
	kith__mbox_pipe_wipe(&l->pipe);
	kith_alloc_free(s->alloc, l->reply);
	kith_alloc_free(s->alloc, l);
}

/* ---- replies ---- */

bool kith__mbox_reply(struct kith__mbox_link *l, struct kith_writer *w, size_t cap,
		      enum kith_mbox_status status)
{
	if (kith__mbox_pipe_room(&l->pipe, w, cap) != KITH_OK) {
		l->state = KITH__MBOX_CLOSING;
		return false;
	}
	kith__mbox_begin(w, l->verb | KITH__MBOX_REPLY, l->number);
	kith_write_u8(w, (uint8_t)status);
	return true;
}

void kith__mbox_reply_end(struct kith__mbox_link *l, struct kith_writer *w, size_t step)
{
	int status = kith__mbox_end(w, step);

	KITH_ASSERT(status == KITH_OK); /* caps of replies are computed from their content */
	kith__mbox_pipe_queued(&l->pipe, w);
}

void kith__mbox_reply_status(struct kith__mbox_link *l, enum kith_mbox_status status)
{
	struct kith_writer w;

	if (!kith__mbox_reply(l, &w, KITH__MBOX_HEAD + 5, status))
		return;
	if (status == KITH_MBOX_FULL || status == KITH_MBOX_SLOW)
		kith_write_u32(&w, RETRY_S);
	kith__mbox_reply_end(l, &w, 0);
}

void kith__mbox_link_done(struct kith__mbox_link *l)
{
	if (l->state == KITH__MBOX_CLOSING)
		return;
	l->state = KITH__MBOX_OPEN;
	kith__mbox_pipe_next(&l->pipe);
}

static void closing(struct kith_mbox_service *s, struct kith__mbox_link *l, kith_time now)
{
	l->state = KITH__MBOX_CLOSING;
	l->watches = 0;
	l->close_at = now + CLOSING_US;
	if (s->next_scan > l->close_at)
		s->next_scan = l->close_at;
}

void kith__mbox_link_malformed(struct kith_mbox_service *s, struct kith__mbox_link *l,
			       kith_time now)
{
	kith__mbox_reply_status(l, KITH_MBOX_MALFORMED);
	closing(s, l, now);
}

void kith__mbox_link_error(struct kith_mbox_service *s, struct kith__mbox_link *l, kith_time now)
{
	struct kith_writer w;

	if (kith__mbox_pipe_room(&l->pipe, &w, KITH__MBOX_HEAD + 5) == KITH_OK) {
		kith__mbox_begin(&w, KITH_MBOX_ERROR, l->number);
		kith_write_u8(&w, KITH_MBOX_MALFORMED);
		kith_write_u32(&w, RETRY_S);
		kith__mbox_reply_end(l, &w, 0);
	}
	closing(s, l, now);
}

/* ---- serving ---- */

/* What kind of link a verb needs; NEW = any. */
static enum kith__mbox_link_kind kind_of(uint8_t verb)
{
	switch (verb) {
	case KITH_MBOX_PUT: return KITH__MBOX_LINK_PUT;
	case KITH_MBOX_DELETE: return KITH__MBOX_LINK_DELETE;
	case KITH_MBOX_LIST:
	case KITH_MBOX_GET:
	case KITH_MBOX_WATCH:
	case KITH_MBOX_HAVE: return KITH__MBOX_LINK_READ;
	case KITH_MBOX_KEEP: return KITH__MBOX_LINK_HANDIN;
	}
	return KITH__MBOX_LINK_NEW;
}

/* False: the verb may not come on this link: never two kinds, one PUT, one DELETE. */
static bool admit(struct kith__mbox_link *l, uint8_t verb)
{
	enum kith__mbox_link_kind kind = kind_of(verb);

	if (kind == KITH__MBOX_LINK_NEW)
		return true;
	if (l->kind == KITH__MBOX_LINK_NEW) {
		l->kind = kind;
		return true;
	}
	return l->kind == kind && kind != KITH__MBOX_LINK_PUT && kind != KITH__MBOX_LINK_DELETE;
}

static void serve(struct kith_mbox_service *s, struct kith__mbox_link *l,
		  const struct kith__mbox_frame *f, kith_time now)
{
	if (kind_of(f->verb) == KITH__MBOX_LINK_NEW && f->verb != KITH_MBOX_INFO) {
		kith__mbox_reply_status(l, KITH_MBOX_UNKNOWN); /* the link lives */
		return;
	}
	switch (f->verb) {
	case KITH_MBOX_INFO: kith__mbox_serve_info(s, l, now); break;
	case KITH_MBOX_PUT: kith__mbox_serve_put(s, l, f, now); break;
	case KITH_MBOX_LIST: kith__mbox_serve_list(s, l, f, now); break;
	case KITH_MBOX_GET: kith__mbox_serve_get(s, l, f, now); break;
	case KITH_MBOX_DELETE: kith__mbox_serve_delete(s, l, f, now); break;
	case KITH_MBOX_WATCH: kith__mbox_serve_watch(s, l, f, now); break;
	case KITH_MBOX_HAVE: kith__mbox_serve_have(s, l, f, now); break;
	case KITH_MBOX_KEEP: kith__mbox_serve_keep(s, l, f, now); break;
	}
}

static bool may_serve(const struct kith_mbox_service *s, const struct kith__mbox_link *l)
{
	return l->state == KITH__MBOX_OPEN && !kith_store_full(s->cfg.store) &&
	       kith_store_committed(s->cfg.store) >= s->mk_batch &&
	       kith__mbox_pipe_waiting(&l->pipe) < KITH_MBOX_QUEUE_MAX;
}

static void serve_frame(struct kith_mbox_service *s, struct kith__mbox_link *l,
			const struct kith__mbox_frame *f, kith_time now)
{
	l->verb = f->verb;
	l->number = f->number;
	l->seen = now;
	if (!admit(l, f->verb)) {
		kith__mbox_link_error(s, l, now);
		return;
	}
	serve(s, l, f, now);
	if (l->state == KITH__MBOX_OPEN)
		kith__mbox_pipe_next(&l->pipe);
}

void kith__mbox_link_pump(struct kith_mbox_service *s, struct kith__mbox_link *l, kith_time now)
{
	int status = kith__mbox_pipe_flush(&l->pipe, now); /* makes room for the next reply */

	while (status == KITH_OK && may_serve(s, l)) {
		struct kith__mbox_frame f;

		status = kith__mbox_pipe_frame(&l->pipe, &f, now);
		if (status == KITH_OK)
			serve_frame(s, l, &f, now);
		else if (status == KITH_E_MALFORMED)
			kith__mbox_link_error(s, l, now);
		if (kith__mbox_pipe_flush(&l->pipe, now) != KITH_OK)
			status = KITH_E_IO;
	}
	if (status == KITH_E_IO || status == KITH_E_NOMEM ||
	    (l->state == KITH__MBOX_CLOSING && l->close_at == 0)) {
		kith__mbox_link_drop(s, l, true, now);
		return;
	}
	if (l->state == KITH__MBOX_OPEN && l->pipe.fin && kith__mbox_pipe_waiting(&l->pipe) == 0)
		closing(s, l, now);
}

void kith__mbox_link_scan(struct kith_mbox_service *s, kith_time now)
{
	if (now < s->next_scan)
		return;
	s->next_scan = KITH_NEVER;
	for (size_t i = 0; i < s->slots; i++) {
		struct kith__mbox_link *l = s->link[i];
		bool drop;

		if (l == NULL)
			continue;
		if (kith__mbox_pipe_waiting(&l->pipe) == 0 || l->pipe.moved != l->moved) {
			l->moved = l->pipe.moved;
			l->moved_at = now;
		}
		drop = now >= l->moved_at + SLOW_US ||
		       now >= l->seen + (l->watches > 0 ? WATCH_US : IDLE_US) ||
		       (l->state == KITH__MBOX_CLOSING && now >= l->close_at);
		if (drop)
			kith__mbox_link_drop(s, l, true, now);
		else if (l->state == KITH__MBOX_CLOSING && l->close_at < s->next_scan)
			s->next_scan = l->close_at;
	}
	if (s->links > 0 && s->next_scan > now + SCAN_US)
		s->next_scan = now + SCAN_US;
}
