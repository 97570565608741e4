/* SPDX-License-Identifier: ISC */
/*
 * The verbs of the engine and the order in which a datagram is offered (crypto.md 6.2): sessions,
 * own pending handshakes, contact msg1, service msg1; what none of them opens is not ours, changes
 * no state but a counter and gets no answer.
 */
#include "net/internal.h"

#include <string.h>

#define RHK_LIFE_US   (UINT64_C(86400) * KITH_US_PER_S)
#define RHK_FORMER_US (UINT64_C(4000) * KITH_US_PER_S) /* longest life of an epoch */

static void draw_identity(struct kith_net *n, kith_time now)
{
	kith_rng_fill(n->rng, n->process, sizeof(n->process));
	kith_rng_fill(n->rng, n->rhk, sizeof(n->rhk));
	n->rhk_renew_at = now + RHK_LIFE_US;
	n->rhk_former_until = 0;
	n->cookie_born = KITH_NEVER;
	kith_noncer_init(&n->noncer, n->rng);
}

struct kith_net *kith_net_new(const struct kith_net_config *cfg, struct kith_rng *rng,
			      kith_time now)
{
	struct kith_net *n = kith_alloc_zero(cfg->alloc, 1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->cfg = *cfg;
	n->alloc = cfg->alloc;
	n->rng = rng;
	n->next_number = kith_rng_u32(rng);
	kith_rng_fill(rng, n->limiter_key, sizeof(n->limiter_key));
	kith_dh_public(n->ml, cfg->node_secret);
	if (cfg->has_link)
		kith_dh_public(n->lk, cfg->link_secret);
	kith__net_obf_service(n->service_obf, n->ml, cfg->network);
	n->global = (struct bucket){.at = now, .millis = 1000u * 1000u};
	kith_map_init(&n->by_idx, n->alloc, 4,
		      2u * KITH_NET_SESSIONS_MAX + KITH_NET_HALFOPEN_MAX + KITH_NET_PENDING_MAX,
		      rng);
	kith_map_init(&n->by_number, n->alloc, 4, KITH_NET_SESSIONS_MAX, rng);
	kith_map_init(&n->by_e, n->alloc, 32, KITH_NET_HALFOPEN_MAX, rng);
	kith_map_init(&n->by_token, n->alloc, 16, KITH_NET_SESSIONS_MAX + 1u, rng);
	kith_map_init(&n->by_peer, n->alloc, 4, KITH_NET_LINK_PEERS_MAX, rng);
	kith_map_init(&n->by_lk, n->alloc, 32, KITH_NET_LINK_PEERS_MAX, rng);
	draw_identity(n, now);
	return n;
}

/* Ends everything that lives, without a byte on the wire. */
static void drop_all(struct kith_net *n)
{
	size_t i;

	n->ready_first = n->ready_last = NULL;
	for (i = 0; i < n->session_cap; i++)
		if (n->sessions[i] != NULL)
			n->sessions[i]->on_ready = false;
	for (i = 0; i < n->session_cap; i++)
		if (n->sessions[i] != NULL)
			kith__net_session_drop(n, n->sessions[i], KITH_NET_LOST_LOCAL);
	while (n->pending_count > 0)
		kith__net_pending_fail(n, n->pending[0]);
	kith__net_half_clear(n);
	n->answer_count = n->probe_count = 0;
	kith_wipe(n->answers, sizeof(n->answers));
	kith_wipe(n->out, sizeof(n->out));
	kith_wipe(n->plain, sizeof(n->plain));
}

void kith_net_drop_sessions(struct kith_net *n, kith_time now)
{
	size_t i;

	drop_all(n);
	for (i = 0; i < n->link_count; i++)
		kith__net_link_renew(n->links[i]);
	draw_identity(n, now);
}

void kith_net_free(struct kith_net *n)
{
	const struct kith_alloc *alloc;

	if (n == NULL)
		return;
	alloc = n->alloc;
	drop_all(n);
	kith__net_link_free_all(n);
	kith__net_event_clear(n);
	kith_map_wipe(&n->by_idx);
	kith_map_wipe(&n->by_number);
	kith_map_wipe(&n->by_e);
	kith_map_wipe(&n->by_token);
	kith_map_wipe(&n->by_peer);
	kith_map_wipe(&n->by_lk);
	kith_alloc_free(alloc, n->sessions);
	kith_alloc_free(alloc, n->free_slots);
	kith_alloc_free(alloc, n->heap);
	kith_wipe(n, sizeof(*n));
	kith_alloc_free(alloc, n);
}

uint64_t kith__net_wall_us(const struct kith_net *n, kith_time now)
{
	return n->wall_us + (now - n->wall_at);
}

void kith_net_set_wall(struct kith_net *n, uint64_t wall_ms, kith_time now)
{
	n->wall_us = wall_ms * KITH_US_PER_MS;
	n->wall_at = now;
	n->obf_until_s = 0;
}

void kith_net_set_link(struct kith_net *n, const uint8_t link_secret[static 32], uint32_t device)
{
	memcpy(n->cfg.link_secret, link_secret, sizeof(n->cfg.link_secret));
	kith_dh_public(n->lk, n->cfg.link_secret);
	kith__net_link_forget_shared(n);
	n->cfg.device = device;
	n->cfg.has_link = true;
}

void kith_net_set_presence(struct kith_net *n, const struct kith_net_presence *p, size_t count)
{
	size_t i;

	KITH_ASSERT(count <= 3);
	kith_wipe(n->presence, sizeof(n->presence));
	kith_wipe(n->obf, sizeof(n->obf));
	for (i = 0; i < count; i++)
		n->presence[i] = p[i];
	n->presence_count = count;
	n->obf_count = 0;
	n->obf_until_s = 0;
}

void kith_net_set_hold(struct kith_net *n, bool hold)
{
	n->hold = hold;
}

bool kith_net_input(struct kith_net *n, const struct kith_dgram_in *in, kith_time now)
{
	n->count.rx_datagrams++;
	n->count.rx_bytes += in->len;
	if (in->len < KITH_DGRAM_MIN || in->len > KITH_DGRAM_MAX) {
		n->count.drop_length++;
		return false;
	}
	if (kith__net_data_input(n, in, now) || kith__net_pending_input(n, in, now) ||
	    kith__net_accept(n, in, now))
		return true;
	n->count.drop_stranger++;
	return false;
}

void kith_net_tick(struct kith_net *n, kith_time now)
{
	if (now >= n->rhk_renew_at) {
		memcpy(n->rhk[1], n->rhk[0], sizeof(n->rhk[1]));
		kith_rng_fill(n->rng, n->rhk[0], sizeof(n->rhk[0]));
		n->rhk_renew_at = now + RHK_LIFE_US;
		n->rhk_former_until = now + RHK_FORMER_US;
	}
	kith__net_pending_tick(n, now);
	kith__net_half_tick(n, now);
	while (n->heap_len > 0 && n->sessions[n->heap[0]]->deadline <= now)
		kith__net_session_expire(n, n->sessions[n->heap[0]], now);
}

kith_time kith_net_deadline(const struct kith_net *n)
{
	kith_time at = kith__net_pending_deadline(n);

	if (n->heap_len > 0 && n->sessions[n->heap[0]]->deadline < at)
		at = n->sessions[n->heap[0]]->deadline;
	if (n->half_first != n->half_next) {
		kith_time end = n->half[n->half_first % KITH_NET_HALFOPEN_MAX]->born + HALF_LIFE_US;

		at = end < at ? end : at;
	}
	/* a header key is renewed when the engine next runs after 24 h: no deadline of its own */
	return at;
}

static bool answer_output(struct kith_net *n, struct kith_dgram_out *out)
{
	while (n->answer_count > 0) {
		const struct answer *a = &n->answers[n->answer_first];

		n->answer_first = (n->answer_first + 1) % ANSWERS_MAX;
		n->answer_count--;
		if (a->len == 0)
			continue;
		out->data = a->bytes;
		out->len = a->len;
		out->remote = a->path.remote;
		out->local = a->path.local;
		out->carrier = a->path.carrier;
		return true;
	}
	return false;
}

static bool session_output(struct kith_net *n, struct kith_dgram_out *out, kith_time now)
{
	while (n->ready_first != NULL) {
		struct session *s = n->ready_first;
		bool sent;

		n->ready_first = s->ready_next;
		if (n->ready_first == NULL)
			n->ready_last = NULL;
		s->on_ready = false;
		if (s->rec.base + s->rec.sent_count >= NET_PN_MAX - 1) {
			/* no number is left, not even for CLOSE */
			kith__net_session_drop(n, s, KITH_NET_LOST_PROTOCOL);
			continue;
		}
		sent = kith__net_build(n, s, out, now);
		if (sent) {
			if (!s->closing)
				kith__net_session_ready(n, s); /* there may be more */
			return true;
		}
		kith__net_session_timer(n, s, now);
	}
	return false;
}

bool kith_net_output(struct kith_net *n, struct kith_dgram_out *out, kith_time now)
{
	*out = (struct kith_dgram_out){0};
	if (!answer_output(n, out) && !kith__net_pending_output(n, out, now) &&
	    !kith__net_probe_output(n, out, now) && !session_output(n, out, now))
		return false;
	n->count.tx_datagrams++;
	n->count.tx_bytes += out->len;
	return true;
}

int kith_net_connect(struct kith_net *n, const struct kith_net_target *target, uint32_t *session,
		     kith_time now)
{
	if (target->kind == KITH_NET_LINK) {
		const struct link_peer *l = kith__net_link_find(n, target->peer);

		if (l != NULL && l->session != NULL) {
			*session = l->session->number;
			return KITH_OK;
		}
		if (l != NULL && l->pending != NULL) {
			*session = l->pending->number;
			return KITH_OK;
		}
	}
	return kith__net_start(n, target, NULL, session, now);
}

uint32_t kith_net_link_session(const struct kith_net *n, uint32_t peer)
{
	const struct link_peer *l = kith__net_link_find(n, peer);

	return l != NULL && l->session != NULL ? l->session->number : 0;
}

int kith_net_session(const struct kith_net *n, uint32_t session, struct kith_net_session_info *out)
{
	const struct session *s = kith__net_session_find(n, session);

	if (s == NULL)
		return KITH_E_NOTFOUND;
	*out = (struct kith_net_session_info){
		.kind = s->kind,
		.initiator = s->initiator,
		.peer = s->link != NULL ? s->link->v.peer : 0,
		.remote = s->path.remote,
		.srtt_us = (uint32_t)s->rec.srtt,
		.peer_incarnation = kith_load_u64(s->peer_incarnation),
	};
	memcpy(out->ml, s->ml, sizeof(out->ml));
	memcpy(out->binding, s->binding, sizeof(out->binding));
	return KITH_OK;
}

void kith_net_close(struct kith_net *n, uint32_t session, kith_time now)
{
	struct session *s = kith__net_session_find(n, session);
	struct pending *p = kith__net_pending_by_number(n, session);

	if (s != NULL)
		kith__net_session_close(n, s, 0, KITH_NET_LOST_LOCAL, now);
	else if (p != NULL)
		kith__net_pending_fail(n, p);
}

const struct kith_net_counters *kith_net_counters(const struct kith_net *n)
{
	return &n->count;
}

size_t kith_net_session_count(const struct kith_net *n)
{
	return n->session_count;
}
