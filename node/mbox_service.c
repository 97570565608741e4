/* SPDX-License-Identifier: ISC */
/*
 * The mailbox service: start, events, commits, timers. mailbox.md 4, 9.
 *
 * Rules. (1) Whatever a reply promises is in a batch, and the reply waits for that batch in the
 * link. (2) What a promise covers is never evicted: full means refuse. (3) Only committed items are
 * listed, given out and pushed. (4) Source addresses stay in memory.
 */
#include "node/mbox_service.h"

#include <string.h>

static const char mk_name[] = "mk";

uint64_t kith__mbox_wall(const struct kith_mbox_service *s, kith_time now)
{
	return s->wall_s + (now > s->wall_at ? (now - s->wall_at) / KITH_US_PER_S : 0);
}

uint32_t kith__mbox_today(const struct kith_mbox_service *s, kith_time now)
{
	return (uint32_t)(kith__mbox_wall(s, now) / KITH_DAY_S);
}

static void set_wall(struct kith_mbox_service *s, uint64_t wall_s, kith_time now)
{
	s->wall_s = wall_s;
	s->wall_at = now;
}

/* ---- start ---- */

static int load_mk(struct kith_mbox_service *s)
{
	struct kith_op op = kith_op(KITH_OP_LOAD_BOX);
	struct kith_rows rows;
	bool found = false;
	int status = kith_store_read_now(s->cfg.store, &op, &rows);

	while (status == KITH_OK && kith_rows_next(&rows)) {
		size_t name_len, len;
		const uint8_t *name = kith_rows_blob(&rows, 0, &name_len);

		if (name == NULL || name_len != sizeof(mk_name) - 1 ||
		    memcmp(name, mk_name, name_len) != 0)
			continue;
		name = kith_rows_blob(&rows, 1, &len);
		if (name == NULL || len != sizeof(s->mk_seed))
			return KITH_E_MALFORMED; /* never a new MK in place of a damaged one */
		memcpy(s->mk_seed, name, sizeof(s->mk_seed));
		found = true;
	}
	if (status == KITH_OK && !found) {
		kith_rng_fill(s->cfg.rng, s->mk_seed, sizeof(s->mk_seed));
		op = kith_op(KITH_OP_BOX_SET);
		kith_op_text(&op, mk_name, sizeof(mk_name) - 1);
		kith_op_blob(&op, s->mk_seed, sizeof(s->mk_seed));
		status = kith_store_put(s->cfg.store, &op, &s->mk_batch);
	}
	return status;
}

static int start(struct kith_mbox_service *s)
{
	int status;

	kith_dh_public(s->ml, s->cfg.ml_secret);
	status = load_mk(s);
	if (status != KITH_OK)
		return status;
	kith_sign_public(s->mk, s->mk_seed);
	kith__bind_sign(s->bind, s->mk_seed, s->ml, s->mk);
	status = kith__mbox_items_load(s);
	return status == KITH_OK ? kith__mbox_records_load(s) : status;
}

int kith__mbox_service_new(const struct kith_mbox_service_config *cfg, uint64_t wall_s,
			   struct kith_mbox_service **out)
{
	const struct kith_alloc *alloc = cfg->alloc;
	struct kith_mbox_service *s = kith_alloc_zero(alloc, 1, sizeof(*s));
	int status;

	if (s == NULL)
		return KITH_E_NOMEM;
	s->cfg = *cfg;
	s->alloc = alloc;
	set_wall(s, wall_s, 0);
	kith__mbox_index_init(&s->index, alloc, cfg->rng);
	kith__mbox_quota_init(&s->quota, alloc, cfg->rng, cfg->disk_max, cfg->bits);
	kith_map_init(&s->by_session, alloc, sizeof(uint32_t), KITH_MBOX_LINKS_MAX, cfg->rng);
	kith_map_init(&s->by_record, alloc, sizeof(struct kith_id), KITH_MBOX_RECORDS_MAX,
		      cfg->rng);
	s->next_scan = s->push_due = KITH_NEVER;
	status = start(s);
	if (status != KITH_OK) {
		kith__mbox_service_free(s);
		return status;
	}
	*out = s;
	return KITH_OK;
}

void kith__mbox_service_free(struct kith_mbox_service *s)
{
	const struct kith_alloc *alloc;

	if (s == NULL)
		return;
	alloc = s->alloc;
	for (size_t i = 0; i < s->slots; i++) {
		if (s->link[i] != NULL)
			kith__mbox_link_drop(s, s->link[i], false, 0);
	}
	kith__mbox_index_wipe(&s->index);
	kith__mbox_quota_wipe(&s->quota);
	kith__mbox_records_wipe(s);
	kith_map_wipe(&s->by_session);
	kith_alloc_free(alloc, s->put);
	kith_alloc_free(alloc, s->push);
	kith_wipe(s, sizeof(*s));
	kith_alloc_free(alloc, s);
}

/* ---- events ---- */

static bool session_up(struct kith_mbox_service *s, uint32_t session, kith_time now)
{
	struct kith_net_session_info info;

	if (kith_net_session(s->cfg.net, session, &info) != KITH_OK ||
	    info.kind != KITH_NET_SERVICE || info.initiator)
		return false;
	kith__mbox_link_new(s, session, now);
	return true;
}

static void readable(struct kith_mbox_service *s, struct kith__mbox_link *l, uint32_t stream,
		     kith_time now)
{
	if (!l->pipe.up) {
		l->pipe.stream = stream;
		l->pipe.up = true;
	}
	if (stream == l->pipe.stream)
		kith__mbox_link_pump(s, l, now);
	else
		kith_net_stream_reset(s->cfg.net, l->pipe.session, stream, 0, now);
}

bool kith__mbox_service_event(struct kith_mbox_service *s, const struct kith_net_event *e,
			      uint64_t wall_s, kith_time now)
{
	struct kith__mbox_link *l;

	set_wall(s, wall_s, now);
	if (e->kind == KITH_NET_SESSION_UP)
		return session_up(s, e->session, now);
	l = e->session != 0 ? kith__mbox_link_of(s, e->session) : NULL;
	if (l == NULL)
		return false;
	switch (e->kind) {
	case KITH_NET_STREAM_READABLE: readable(s, l, e->stream, now); break;
	case KITH_NET_STREAM_WRITABLE: kith__mbox_link_pump(s, l, now); break;
	case KITH_NET_SESSION_LOST: kith__mbox_link_drop(s, l, false, now); break;
	case KITH_NET_PEER_RESTARTED:
	case KITH_NET_MSG_IN: /* no messages on a service link */
		kith__mbox_link_drop(s, l, true, now);
		break;
	case KITH_NET_SESSION_UP:
	case KITH_NET_MSG_ACKED:
	case KITH_NET_MSG_RETURNED:
	case KITH_NET_LINK_STATE:
	case KITH_NET_OBSERVED:
	case KITH_NET_CONNECT_FAILED: return false;
	}
	return true;
}

/* ---- commits ---- */

static void finish(struct kith_mbox_service *s, struct kith__mbox_link *l)
{
	if (l->verb == KITH_MBOX_PUT) {
		kith__mbox_put_committed(s, l);
	} else if (l->verb == KITH_MBOX_KEEP) {
		kith__mbox_keep_committed(l);
	} else {
		KITH_ASSERT(l->verb == KITH_MBOX_DELETE);
		kith__mbox_reply_status(l, l->status);
		kith__mbox_link_done(l);
	}
}

void kith__mbox_service_committed(struct kith_mbox_service *s, int status, kith_time now)
{
	uint64_t committed = kith_store_committed(s->cfg.store);
	struct kith_store_result r;

	while (kith_store_result(s->cfg.store, &r))
		kith__mbox_read_result(s, &r, now);
	if (status != KITH_OK)
		return; /* the store keeps the batch, links wait on */
	kith__mbox_news_committed(s, committed, now);
	for (size_t i = 0; i < s->slots; i++) {
		struct kith__mbox_link *l = s->link[i];

		if (l == NULL)
			continue;
		if (l->state == KITH__MBOX_BATCH && l->batch <= committed)
			finish(s, l);
		kith__mbox_read_ask(s, l);
		kith__mbox_link_pump(s, l, now);
	}
	kith__mbox_push(s, now);
}

/* ---- timers ---- */

void kith__mbox_service_tick(struct kith_mbox_service *s, uint64_t wall_s, kith_time now)
{
	set_wall(s, wall_s, now);
	if (!s->ticked)
		kith__mbox_records_spread(s, now);
	s->ticked = true;
	kith__mbox_push(s, now);
	kith__mbox_link_scan(s, now);
	kith__mbox_sweep(s, now);
	kith__mbox_records_tick(s, now);
}

kith_time kith__mbox_service_deadline(const struct kith_mbox_service *s)
{
	kith_time at = s->next_sweep;

	if (s->pushes > 0 && s->push_due < at)
		at = s->push_due;
	if (s->next_scan < at)
		at = s->next_scan;
	return s->next_publish < at ? s->next_publish : at;
}

struct kith_mbox_service_status kith__mbox_service_status(const struct kith_mbox_service *s)
{
	struct kith_mbox_service_status status = s->count;

	status.serving = s->cfg.serve && kith_store_state(s->cfg.store) == KITH_STORE_OK;
	status.items = s->index.live;
	status.bytes = s->quota.used;
	status.links = s->links;
	status.disk_max = s->quota.disk_max;
	return status;
}
