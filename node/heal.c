/* SPDX-License-Identifier: ISC */
/*
 * A new session with a contact, without anybody's hand (crypto.md 4): after a restore, or when what
 * comes from it no longer opens.
 *
 *	healing --bundle of its prekey--> request (kind 2) --its accept--> new session
 *
 * Two ways side by side. Mailboxes: the knock record under its shared cap names the prekey, the
 * request lies under a slot of its P (requests_out.c); without a P that it still publishes, a
 * request of kind 1 under the cap, with work. Live link: the bundle is asked for, the request sent
 * on it. The former ratchet opens what still comes and seals nothing. What waits is sealed anew in
 * the new session under the same message ids, so nothing is lost and nothing shown twice.
 * Bytes on the link: heal_wire.h.
 */
#include <string.h>

#include "node/msgs.h"

#define DOUBTS    3u            /* blobs that open under no key, then a new session */
#define DOUBT_S   86400u        /* one on own suspicion per day */
#define TOLD_WAIT KITH_US_PER_S /* a bundle per second and contact */
#define ASK_AGAIN (30u * (kith_time)KITH_US_PER_S)

bool kith__healing(const struct kith_contact *c)
{
	return c->state == KITH_CONTACT_ACCEPTED && (c->heal || kith__stalled(c));
}

void kith__heal_begin(struct kith_node *n, struct kith_contact *c)
{
	if (c->state != KITH_CONTACT_ACCEPTED || c->blocked)
		return;
	c->heal = true;
	c->seek = KITH_SEEK_NONE;
	c->next_seek = n->now;
	c->seek_fails = c->heal_tries = 0;
	c->p_seen = c->p_missing = false;
	kith__presence_want(n, c);
	kith__heal_link_up(n, c);
}

void kith__heal_ended(struct kith_node *n, struct kith_contact *c)
{
	kith_dht_cancel(n->dht, c->seek_op);
	c->seek_op = 0;
	c->seek = KITH_SEEK_NONE;
	c->heal = c->heal_live = false;
	c->heal_tries = c->unopened = c->seek_fails = 0;
	kith_alloc_free(n->alloc, c->knock);
	kith_alloc_free(n->alloc, c->bundle);
	kith_alloc_free(n->alloc, c->request_blob);
	c->knock = NULL;
	c->bundle = NULL;
	c->request_blob = NULL;
}

void kith__heal_crossed(struct kith_node *n, struct kith_contact *c, uint64_t created_s)
{
	if (kith__request_open_at(c, 0)->created_s >= created_s)
		return;
	kith_alloc_free(n->alloc, c->request_blob); /* the next one is made anew */
	c->request_blob = NULL;
	if (c->seek == KITH_SEEK_DONE || c->seek == KITH_SEEK_NONE) {
		c->seek = KITH_SEEK_NONE;
		c->next_seek = n->now + KITH_US_PER_S;
	}
	kith__heal_link_up(n, c);
}

bool kith__heal_kind(const struct kith_contact *c, enum kith_request_kind *kind)
{
	*kind = KITH_REQUEST_FIRST;
	if (c->state != KITH_CONTACT_ACCEPTED)
		return true;
	if (c->has_p && (c->p_seen || c->session != 0))
		*kind = KITH_REQUEST_AGAIN;
	else if (c->has_p && !c->p_missing)
		return false;
	return true;
}

void kith__heal_doubt(struct kith_node *n, struct kith_contact *c)
{
	uint64_t now_s = kith__wall_s(n);

	if (kith__healing(c) || ++c->unopened < DOUBTS || now_s < c->heal_last_s + DOUBT_S)
		return;
	c->heal_last_s = now_s;
	kith_log_add(n->log, n->now, KITH_LOG_WARN,
		     "messages of a contact do not open: a new session is asked for");
	kith__heal_begin(n, c);
}

/* ---- on a live link ---- */

static void send(struct kith_node *n, struct kith_contact *c, enum kith_heal_op op,
		 const uint8_t *inner)
{
	uint8_t message[KITH_HEAL_MAX];
	size_t len = kith__heal_encode(message, op, inner);

	if (kith_net_send_message(n->net, c->session, KITH_NET_CLASS_MESSAGE, message, len, 0,
				  n->now) != KITH_OK)
		kith_log_add(n->log, n->now, KITH_LOG_DEBUG, "a link took no re-session");
}

void kith__heal_link_up(struct kith_node *n, struct kith_contact *c)
{
	if (!kith__healing(c) || c->session == 0)
		return;
	c->heal_ask = n->now + ASK_AGAIN;
	send(n, c, KITH_HEAL_WANTED, NULL);
}

void kith__heal_tick(struct kith_node *n, struct kith_contact *c)
{
	if (c->session != 0 && n->now >= c->heal_ask)
		kith__heal_link_up(n, c);
}

static void tell_bundle(struct kith_node *n, struct kith_contact *c)
{
	const struct kith_own_prekey *k = n->id->prekey[0];
	struct kith_bundle b;
	uint8_t *inner;

	if (c->heal_told != 0 && n->now < c->heal_told + TOLD_WAIT)
		return;
	inner = kith_alloc_zero(n->alloc, KITH_INNER, 1);
	if (inner == NULL)
		return;
	c->heal_told = n->now;
	memcpy(b.xk, n->id->xk, 32);
	b.spk_id = k->id;
	memcpy(b.spk, k->spk, 32);
	memcpy(b.ek, k->ek, sizeof(b.ek));
	b.not_after = k->expires_s;
	kith__bundle_make(inner, &b, n->id->ik_seed, n->id->ik);
	send(n, c, KITH_HEAL_BUNDLE, inner);
	kith_alloc_free(n->alloc, inner);
}

static void take_bundle(struct kith_node *n, struct kith_contact *c,
			const uint8_t inner[static KITH_INNER])
{
	struct kith_bundle *b;

	if (!kith__healing(c))
		return;
	b = kith_alloc_zero(n->alloc, 1, sizeof(*b));
	if (b == NULL)
		return;
	if (kith__bundle_open(b, inner, c->ik, kith__wall_s(n)) != KITH_OK ||
	    memcmp(b->xk, c->xk, 32) != 0) {
		n->refused_frames++;
		kith_alloc_free(n->alloc, b);
		return;
	}
	kith_alloc_free(n->alloc, c->bundle);
	c->bundle = b;
	c->heal_live = true;
	if (kith__request_ready(n, c) != KITH_OK) /* no own mailbox yet: asked again then */
		c->heal_live = false;
}

void kith__heal_send(struct kith_node *n, struct kith_contact *c)
{
	if (c->heal_live && c->session != 0)
		send(n, c, KITH_HEAL_REQUEST, c->request_blob);
	c->heal_live = false;
}

void kith__heal_message(struct kith_node *n, struct kith_contact *c, const uint8_t *in, size_t len)
{
	const struct kith__request_way way = {.from_contact = true, .ik = c->ik};
	const uint8_t *inner;
	enum kith_heal_op op;

	if (c->state != KITH_CONTACT_ACCEPTED || c->blocked ||
	    kith__heal_decode(&op, &inner, in, len) != KITH_OK) {
		n->unknown_kinds++;
		return;
	}
	switch (op) {
	case KITH_HEAL_WANTED: tell_bundle(n, c); break;
	case KITH_HEAL_BUNDLE: take_bundle(n, c, inner); break;
	case KITH_HEAL_REQUEST: (void)kith__request_arrived(n, &way, inner); break;
	}
}
