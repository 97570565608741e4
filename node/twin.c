/* SPDX-License-Identifier: ISC */
/*
 * Another copy of this profile (crypto.md 11, store.md 7): a backup that went on elsewhere, a
 * copied folder, a cloned machine, or a rollback that took the key file with it.
 *
 * All show in the own presence record: somebody signed a seq that this database does not know. The
 * record is looked up before the first frame is sealed after a start, three times more within a
 * quarter of an hour, and when the DHT meets a newer one while ours is repeated, within a day. Its
 * instance begins with the account's session epoch:
 *
 *	theirs is greater           the profile was restored there: this copy stops, and says so
 *	equal, at a start           this database is an old one: as after a restore
 *	equal, later                two live copies: the one with the lower rest of it stops
 *	theirs is lower             an old copy: it will find ours and stop
 *
 * A copy that stopped reads and shows what it has; it seals, publishes, fetches and deletes nothing
 * until its owner takes over with it, which makes it the restored one.
 */
#include <string.h>

#include "node/internal.h"

#define WAIT_US   (20u * (kith_time)KITH_US_PER_S)
#define ALONE_US  (3u * (kith_time)KITH_US_PER_S) /* nobody to ask by then */
#define NEWEST_US (2u * (kith_time)KITH_US_PER_S) /* after the first record */
/* Looked up again, this long after each other: two copies that start together meet so. */
static const uint32_t again_s[] = {20, 60, 900};
#define LOOKS (sizeof(again_s) / sizeof(again_s[0]))

void kith__instance_renew(struct kith_node *n)
{
	kith_store_u32(n->id->instance, n->epoch);
	kith_rng_fill(n->rng, n->id->instance + 4, 4);
}

/* ---- stopping, taking over ---- */

static void stop(struct kith_node *n)
{
	size_t i;

	n->locked = true;
	kith__row_meta_int(n, "locked", 1);
	kith__publish_free(n);
	for (i = 0; i < n->contacts; i++) {
		struct kith_contact *c = n->contact[i];

		if (c->has_link)
			kith_net_link_peer_remove(n->net, (uint32_t)c->id, n->now);
		c->has_link = false;
		c->session = c->connecting = 0;
	}
	kith_net_drop_sessions(n->net, n->now);
	kith_log_add(n->log, n->now, KITH_LOG_WARN,
		     "this profile runs elsewhere: this copy sends nothing any more");
	kith__event(n, KITH_EVENT_MAILBOX_CHANGED, 0, 0);
}

int kith_node_take_over(struct kith_node *n, uint32_t call, kith_time now)
{
	size_t i;

	n->now = now;
	if (!n->locked)
		return KITH_E_STATE;
	n->locked = false;
	kith__row_meta_int(n, "locked", 0);
	for (i = 0; i < n->contacts; i++)
		kith__contact_link(n, n->contact[i]);
	kith__restore_now(n);
	kith__publish_soon(n);
	kith__reply_done(n, call, 0, 0);
	return KITH_OK;
}

bool kith_node_locked(const struct kith_node *n)
{
	return n->locked;
}

/* ---- the own record ---- */

/* A record under own P that this database did not sign. */
static void foreign(struct kith_node *n, uint64_t seq, const uint8_t instance[static 8])
{
	uint32_t theirs = kith_load_u32(instance);
	int order = memcmp(instance + 4, n->id->instance + 4, 4);

	if (n->epoch_seen < theirs)
		n->epoch_seen = theirs;
	if (n->locked)
		return;
	if (theirs > n->epoch || (theirs == n->epoch && !n->hold && order >= 0)) {
		stop(n);
		return;
	}
	n->id->record_seq = seq; /* greater than ours */
	kith__row_meta_int(n, "record_seq", (int64_t)seq);
	if (theirs == n->epoch && n->hold)
		kith__restore_now(n);
	kith__publish_again(n);
}

void kith__twin_record(struct kith_node *n, const struct kith_own_presence *p, uint64_t period,
		       const uint8_t *record)
{
	uint8_t content[KITH_RECORD_CONTENT];
	struct kith_record_secret s;
	struct kith_presence said;
	uint64_t seq;
	int status;

	memcpy(s.s, p->p, 32);
	memcpy(s.ik, n->id->ik, 32);
	status = kith_record_open(content, &seq, record, &s, period);
	kith_wipe(&s, sizeof(s));
	if (status != KITH_OK || kith__presence_decode(&said, content) != KITH_OK)
		return;
	if (seq <= n->id->record_seq && kith_load_u32(said.instance) <= n->epoch)
		return; /* our own, or one that ours outdoes */
	foreign(n, seq, said.instance);
}

/* ---- at a start ---- */

static void hold_ends(struct kith_node *n)
{
	size_t i;

	n->hold = false;
	n->twin_looks = 0;
	n->twin_next = n->now + again_s[0] * (kith_time)KITH_US_PER_S;
	for (i = 0; i < n->contacts; i++) {
		struct kith_contact *c = n->contact[i];

		if (c->outs == 0)
			continue;
		kith__outbox_seal(n, c);
		kith__delivery_run(n, c);
	}
}

static void look_ends(struct kith_node *n)
{
	kith_dht_cancel(n->dht, n->twin_op);
	n->twin_op = 0;
	if (n->hold)
		hold_ends(n);
}

void kith__twin_start(struct kith_node *n)
{
	if (!n->has_identity || n->locked || n->contacts == 0 || n->id->record_seq == 0)
		return;
	n->hold = true;
	n->hold_until = n->now + WAIT_US;
}

static void look_up(struct kith_node *n)
{
	struct kith_record_secret s;
	uint8_t blinded[32];
	struct kith_id key;

	memcpy(s.s, n->id->presence[0].p, 32);
	memcpy(s.ik, n->id->ik, 32);
	n->twin_period = kith__period(n, &s, 0);
	if (kith_record_key(&s, n->twin_period, blinded, &key) != KITH_OK ||
	    kith_dht_lookup(n->dht, &key, &n->twin_op, n->now) != KITH_OK)
		look_ends(n);
	kith_wipe(&s, sizeof(s));
}

void kith__twin_tick(struct kith_node *n)
{
	bool nobody = kith_dht_status(n->dht).peers == 0;

	if (!n->hold) {
		if (n->now >= kith__twin_deadline(n) && n->twin_op == 0) {
			if (++n->twin_looks < LOOKS)
				n->twin_next =
					n->now + again_s[n->twin_looks] * (kith_time)KITH_US_PER_S;
			look_up(n);
		}
		return;
	}
	if (n->now >= n->hold_until ||
	    (nobody && (!n->has_start || n->now >= n->started + ALONE_US)))
		look_ends(n);
	else if (n->twin_op == 0 && !nobody)
		look_up(n);
}

kith_time kith__twin_deadline(const struct kith_node *n)
{
	kith_time alone = n->started + ALONE_US;

	if (!n->hold)
		return n->twin_next != 0 && n->twin_op == 0 && n->twin_looks < LOOKS ? n->twin_next
										     : KITH_NEVER;
	if (!n->has_start)
		return n->now;
	return n->twin_op == 0 && alone > n->now && alone < n->hold_until ? alone : n->hold_until;
}

bool kith__twin_dht(struct kith_node *n, const struct kith_dht_event *e)
{
	if (n->twin_op == 0 || e->op != n->twin_op)
		return false;
	if (e->kind == KITH_DHT_FOUND) {
		kith__twin_record(n, &n->id->presence[0], n->twin_period, e->record);
		if (n->hold && !e->final && n->hold_until > n->now + NEWEST_US)
			n->hold_until = n->now + NEWEST_US; /* a newer one may follow */
	}
	if (e->kind == KITH_DHT_ABSENT || e->final)
		look_ends(n);
	return true;
}
