/* SPDX-License-Identifier: ISC */
/*
 * Contact devices: their keys, psk chains and timestamps.
 *
 * The chain L_d is advanced on evidence only: after a handshake succeeded on day D the root of
 * that handshake becomes L_D, never because a clock said so (crypto.md 6.1). While two roots live
 * the initiator makes its hint under the newest that the peer has for certain, the responder takes
 * the psk of the root that the hint names; a success under the newest ends the older one.
 */
#include "net/internal.h"

#include <string.h>

struct link_peer *kith__net_link_find(const struct kith_net *n, uint32_t peer)
{
	uint32_t at;

	return kith_map_get(&n->by_peer, &peer, &at) ? n->links[at] : NULL;
}

struct link_peer *kith__net_link_by_key(const struct kith_net *n, const uint8_t lk[32])
{
	uint32_t at;

	return kith_map_get(&n->by_lk, lk, &at) ? n->links[at] : NULL;
}

static bool root_equal(const struct kith_net_link_peer *a, const struct kith_net_link_peer *b)
{
	unsigned i;

	if (a->root_count != b->root_count)
		return false;
	for (i = 0; i < a->root_count; i++)
		if (a->root[i].day != b->root[i].day || !kith_equal(a->root[i].l, b->root[i].l, 32))
			return false;
	return true;
}

/* Links `l` at place `at` under its LK: the map names the head of the chain of equal keys. */
static int key_add(struct kith_net *n, struct link_peer *l, uint32_t at)
{
	struct link_peer *head = kith__net_link_by_key(n, l->v.lk);
	struct link_peer *each;
	unsigned count = 1;

	if (head == NULL)
		return kith_map_put(&n->by_lk, l->v.lk, at);
	for (each = head; each->same_key != NULL; each = each->same_key)
		count++;
	if (count >= KITH_NET_LINKS_PER_KEY)
		return KITH_E_FULL;
	each->same_key = l;
	return KITH_OK;
}

static void key_remove(struct kith_net *n, struct link_peer *l)
{
	struct link_peer *head = kith__net_link_by_key(n, l->v.lk);
	struct link_peer *each;
	uint32_t at;

	if (head == l) {
		if (l->same_key == NULL) {
			(void)kith_map_remove(&n->by_lk, l->v.lk);
		} else {
			/* replaces the value of a key that is there: no memory needed */
			(void)kith_map_get(&n->by_peer, &l->same_key->v.peer, &at);
			KITH_ASSERT(kith_map_put(&n->by_lk, l->v.lk, at) == KITH_OK);
		}
	} else {
		for (each = head; each != NULL && each->same_key != l; each = each->same_key)
			;
		if (each != NULL)
			each->same_key = l->same_key;
	}
	l->same_key = NULL;
}

static void forget(struct link_peer *l)
{
	kith_wipe(l->shared, sizeof(l->shared));
	l->has_shared = false;
}

int kith__net_link_shared(struct kith_net *n, struct link_peer *l, uint8_t out[static 32])
{
	if (!l->has_shared) {
		if (kith_dh(l->shared, n->cfg.link_secret, l->v.lk) != KITH_OK)
			return KITH_E_AUTH;
		l->has_shared = true;
	}
	memcpy(out, l->shared, 32);
	return KITH_OK;
}

void kith__net_link_forget_shared(struct kith_net *n)
{
	size_t i;

	for (i = 0; i < n->link_count; i++)
		forget(n->links[i]);
}

static int insert(struct kith_net *n, const struct kith_net_link_peer *peer)
{
	void *array = n->links;
	struct link_peer *l;
	uint32_t at = (uint32_t)n->link_count;
	int status = kith_alloc_grow(n->alloc, &array, &n->link_cap, n->link_count + 1,
				     KITH_NET_LINK_PEERS_MAX, sizeof(*n->links));

	if (status != KITH_OK)
		return status;
	n->links = array;
	l = kith_alloc_zero(n->alloc, 1, sizeof(*l));
	if (l == NULL)
		return KITH_E_NOMEM;
	l->v = *peer;
	l->state = kith__net_event_alloc(n, 0);
	status = l->state != NULL ? kith_map_put(&n->by_peer, &l->v.peer, at) : KITH_E_NOMEM;
	if (status == KITH_OK) {
		n->links[at] = l;
		status = key_add(n, l, at);
		if (status != KITH_OK)
			(void)kith_map_remove(&n->by_peer, &l->v.peer);
	}
	if (status != KITH_OK) {
		kith_alloc_free(n->alloc, l->state);
		kith_wipe(l, sizeof(*l));
		kith_alloc_free(n->alloc, l);
		return status;
	}
	l->state->kept = true;
	l->state->ev = (struct kith_net_event){.kind = KITH_NET_LINK_STATE, .peer = l->v.peer};
	n->link_count++;
	return KITH_OK;
}

int kith_net_link_peer_set(struct kith_net *n, const struct kith_net_link_peer *peer)
{
	struct link_peer *l = kith__net_link_find(n, peer->peer);
	uint32_t at;

	if (peer->peer == 0 || peer->root_count < 1 || peer->root_count > 2)
		return KITH_E_MALFORMED;
	if (l == NULL)
		return insert(n, peer);
	if (!kith_equal(l->v.lk, peer->lk, 32)) {
		struct kith_net_link_peer old = l->v;
		int status;

		(void)kith_map_get(&n->by_peer, &l->v.peer, &at);
		key_remove(n, l);
		forget(l);
		l->v = *peer;
		status = key_add(n, l, at);
		if (status != KITH_OK) {
			l->v = old;
			(void)key_add(n, l, at);
		}
		kith_wipe(&old, sizeof(old));
		return status;
	}
	if (!root_equal(&l->v, peer))
		l->forced = false;
	l->v = *peer;
	return KITH_OK;
}

int kith_net_link_peer_get(const struct kith_net *n, uint32_t peer, struct kith_net_link_peer *out)
{
	const struct link_peer *l = kith__net_link_find(n, peer);

	if (l == NULL)
		return KITH_E_NOTFOUND;
	*out = l->v;
	return KITH_OK;
}

static void destroy(struct kith_net *n, struct link_peer *l)
{
	kith__net_event_release(n, l->state);
	kith_wipe(l, sizeof(*l));
	kith_alloc_free(n->alloc, l);
}

void kith_net_link_peer_remove(struct kith_net *n, uint32_t peer, kith_time now)
{
	struct link_peer *l = kith__net_link_find(n, peer);
	uint32_t at;
	uint32_t last = (uint32_t)n->link_count - 1;

	if (l == NULL)
		return;
	if (l->pending != NULL)
		kith__net_pending_fail(n, l->pending);
	kith__net_half_void_for(n, NULL, l);
	if (l->session != NULL) {
		uint32_t number = l->session->number;

		kith_net_close(n, number, now);
		/* CLOSE still leaves by the session, which no longer knows the device */
		l->session->link = NULL;
	}
	key_remove(n, l);
	(void)kith_map_get(&n->by_peer, &peer, &at);
	(void)kith_map_remove(&n->by_peer, &peer);
	if (at != last) {
		struct link_peer *moved = n->links[last];
		struct link_peer *head = kith__net_link_by_key(n, moved->v.lk);

		n->links[at] = moved;
		KITH_ASSERT(kith_map_put(&n->by_peer, &moved->v.peer, at) == KITH_OK);
		if (head == moved)
			KITH_ASSERT(kith_map_put(&n->by_lk, moved->v.lk, at) == KITH_OK);
	}
	n->link_count--;
	destroy(n, l);
}

void kith__net_link_free_all(struct kith_net *n)
{
	size_t i;

	for (i = 0; i < n->link_count; i++)
		destroy(n, n->links[i]);
	n->link_count = 0;
	kith_alloc_free(n->alloc, n->links);
}

void kith__net_link_incarnation(struct kith_net *n, struct link_peer *l, uint8_t out[8])
{
	if (!l->showing) {
		memcpy(l->incarnation, n->process, sizeof(n->process));
		kith_rng_fill(n->rng, l->incarnation + 4, 4);
		l->showing = true;
	}
	memcpy(out, l->incarnation, 8);
}

void kith__net_link_renew(struct link_peer *l)
{
	l->showing = false;
}

void kith__net_link_changed(struct kith_net *n, struct link_peer *l)
{
	kith__net_event_signal(n, l->state);
}

void kith__net_link_success(struct kith_net *n, struct link_peer *l, uint64_t day, bool newest)
{
	unsigned at = newest || l->v.root_count < 2 ? 0 : 1;
	uint8_t next[32];
	bool changed = false;

	if (newest && l->v.root_count == 2) {
		kith_wipe(&l->v.root[1], sizeof(l->v.root[1]));
		l->v.root_count = 1;
		changed = true;
	}
	if (l->v.root[at].day < day &&
	    kith__net_root_at(next, l->v.root[at].l, l->v.root[at].day, day) == KITH_OK) {
		memcpy(l->v.root[at].l, next, sizeof(next));
		l->v.root[at].day = day;
		changed = true;
	}
	kith_wipe(next, sizeof(next));
	if (changed)
		kith__net_link_changed(n, l);
}
