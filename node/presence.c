/* SPDX-License-Identifier: ISC */
/*
 * Finding contacts: the presence record under their P, then a direct session to an address it
 * names. Nothing waits for this: messages take the mailbox way at once (transport.md 8).
 *
 * Budget: at most 5 lookups a second; a contact that cannot be found is asked for again after
 * 1 min, 5 min, 15 min, then hourly, and every 6 h after a day - per contact, not per message. One
 * whose record was never seen is asked for again after 1, 2, 5, 15 s first.
 */
#include <string.h>

#include "node/internal.h"

#define START_GAP_US 200000u /* 5 starts a second */
#define DIAL_MAX     32u     /* contacts looked for at start */

static const uint32_t again_s[] = {60, 300, 900, 3600};
/* A record never seen: the contact may be about to publish it, an accept ago. */
static const uint32_t first_s[] = {1, 2, 5, 15};

static void later(struct kith_node *n, struct kith_contact *c)
{
	uint32_t wait_s = c->lookups_failed < 4    ? again_s[c->lookups_failed]
			  : c->lookups_failed < 24 ? 3600
						   : 21600;

	if (!c->has_lk && c->lookups_failed < 4)
		wait_s = first_s[c->lookups_failed];
	c->lookups_failed++;
	c->next_lookup = n->now + kith_rng_jitter(n->rng, (kith_time)wait_s * KITH_US_PER_S, 25);
	c->wanted = c->outs > 0 || kith__healing(c) || (!c->has_lk && c->lookups_failed < 4);
}

static void connect_to(struct kith_node *n, struct kith_contact *c)
{
	struct kith_net_target t;

	if (!c->has_link || c->paths == 0 || c->session != 0 || c->connecting != 0 ||
	    n->now < c->next_connect)
		return;
	memset(&t, 0, sizeof(t));
	t.kind = KITH_NET_LINK;
	t.peer = (uint32_t)c->id;
	t.addr_count = c->paths;
	memcpy(t.addr, c->path, c->paths * sizeof(t.addr[0]));
	c->next_connect = n->now + kith_rng_jitter(n->rng, 10u * (kith_time)KITH_US_PER_S, 25);
	if (kith_net_connect(n->net, &t, &c->connecting, n->now) != KITH_OK)
		c->connecting = 0;
}

void kith__presence_want(struct kith_node *n, struct kith_contact *c)
{
	if (c->state != KITH_CONTACT_ACCEPTED || !c->has_p || c->session != 0 || c->blocked)
		return;
	c->wanted = true;
	connect_to(n, c);
}

/* A session came or went, or an attempt failed. */
void kith__presence_session(struct kith_node *n, struct kith_contact *c, uint32_t session)
{
	c->connecting = 0;
	c->session = session;
	if (session != 0) {
		c->wanted = false;
		c->lookups_failed = 0;
		c->next_lookup = 0;
		c->last_seen_ms = kith__wall_ms(n);
	}
}

static void look_up(struct kith_node *n, struct kith_contact *c)
{
	struct kith_record_secret s;
	uint8_t blinded[32];
	struct kith_id key;

	memcpy(s.s, c->p, 32);
	memcpy(s.ik, c->ik, 32);
	if (kith_record_key(&s, kith__period(n, &s, c->lookups_failed), blinded, &key) != KITH_OK ||
	    kith_dht_lookup(n->dht, &key, &c->lookup_op, n->now) != KITH_OK)
		later(n, c);
	kith_wipe(&s, sizeof(s));
}

static void take_boxes(struct kith_node *n, struct kith_contact *c, const struct kith_presence *p)
{
	struct kith_list l;
	unsigned i;

	if (p->list_version <= c->list_version || p->count == 0 || c->ratchet == NULL)
		return;
	memset(&l, 0, sizeof(l)); /* no keys in the record: those already known stay */
	l.version = p->list_version;
	l.count = p->count;
	for (i = 0; i < p->count; i++) {
		memcpy(l.box[i].ml, p->box[i].ml, 32);
		l.box[i].addr = p->box[i].addr;
		l.box[i].p = p->box[i].p;
		l.box[i].retention = p->box[i].retention;
		l.box[i].flags = p->box[i].flags;
	}
	kith__peer_list(n, c, &l);
}

static void take_devices(struct kith_node *n, struct kith_contact *c, const struct kith_presence *p)
{
	bool changed = false;
	unsigned i;

	for (i = 0; i < p->devices; i++) {
		if (p->device[i].id != c->dev)
			continue;
		changed = !c->has_lk || memcmp(c->lk, p->device[i].lk, 32) != 0 ||
			  c->paths != p->device[i].count ||
			  memcmp(c->path, p->device[i].addr, c->paths * sizeof(c->path[0])) != 0;
		memcpy(c->lk, p->device[i].lk, 32);
		c->has_lk = true;
		c->paths = p->device[i].count;
		memcpy(c->path, p->device[i].addr, c->paths * sizeof(c->path[0]));
	}
	memcpy(c->instance, p->instance, 8);
	if (!changed)
		return;
	kith__contact_link(n, c);
	kith__row_device(n, c);
}

/* The greatest version counts (crypto.md 10): an older list of devices, or another one of the same
 * version, is somebody's who should not have the key. */
static bool take_manifest(struct kith_node *n, struct kith_contact *c,
			  const struct kith_presence *p)
{
	if (p->manifest_version < c->manifest_version ||
	    (p->manifest_version == c->manifest_version &&
	     memcmp(p->manifest, c->manifest_hash, 32) != 0)) {
		kith_log_add(n->log, n->now, KITH_LOG_WARN,
			     "a contact's record names another list of devices: not taken");
		return false;
	}
	if (p->manifest_version > c->manifest_version) {
		c->manifest_version = p->manifest_version;
		memcpy(c->manifest_hash, p->manifest, 32);
		kith__row_contact(n, c);
	}
	return true;
}

static bool take_record(struct kith_node *n, struct kith_contact *c, const uint8_t *record)
{
	uint8_t content[KITH_RECORD_CONTENT];
	struct kith_record_secret s;
	struct kith_presence p;
	uint64_t seq;
	int status;

	memcpy(s.s, c->p, 32);
	memcpy(s.ik, c->ik, 32);
	status =
		kith_record_open(content, &seq, record, &s, kith__period(n, &s, c->lookups_failed));
	kith_wipe(&s, sizeof(s));
	if (status != KITH_OK)
		return false;
	status = kith__presence_decode(&p, content);
	if (status == KITH_E_VERSION)
		c->newer = true;
	if (status != KITH_OK || p.expiry_s <= kith__wall_s(n))
		return false;
	c->p_seen = true;
	if (!take_manifest(n, c, &p))
		return false;
	if (seq > c->alive_s && seq <= kith__wall_s(n) + KITH_DAY_S)
		c->alive_s = seq;
	take_devices(n, c, &p);
	take_boxes(n, c, &p);
	return true;
}

bool kith__presence_dht(struct kith_node *n, const struct kith_dht_event *e)
{
	size_t i;

	for (i = 0; i < n->contacts; i++) {
		struct kith_contact *c = n->contact[i];

		if (c->state != KITH_CONTACT_ACCEPTED || c->lookup_op != e->op)
			continue;
		if (e->kind == KITH_DHT_FOUND && take_record(n, c, e->record)) {
			connect_to(n, c);
			kith__delivery_run(n, c);
		}
		/* A record comes twice, at first sight and when the search is over: one look-up
		 * counts once. Asked again only if no session comes of it. */
		if (e->final && c->lookup_op == e->op) {
			c->lookup_op = 0;
			c->p_missing = true;
			later(n, c);
		}
		return true;
	}
	return false;
}

/* At start: the contacts most recently talked with. */
void kith__presence_dial(struct kith_node *n)
{
	size_t i;

	for (i = n->contacts; i > 0 && n->contacts - i < DIAL_MAX; i--)
		kith__presence_want(n, n->contact[i - 1]);
}

void kith__presence_tick(struct kith_node *n)
{
	size_t i;

	if (!n->has_identity || !n->dht_ready || n->now < n->next_seek_start)
		return;
	for (i = 0; i < n->contacts; i++) {
		struct kith_contact *c = n->contact[i];

		if (!c->wanted || c->lookup_op != 0 || c->session != 0 || n->now < c->next_lookup)
			continue;
		n->next_seek_start = n->now + START_GAP_US;
		look_up(n, c);
		return;
	}
}

kith_time kith__presence_deadline(const struct kith_node *n)
{
	kith_time next = KITH_NEVER;
	size_t i;

	if (!n->has_identity || !n->dht_ready)
		return next;
	for (i = 0; i < n->contacts; i++) {
		const struct kith_contact *c = n->contact[i];

		if (c->wanted && c->lookup_op == 0 && c->session == 0 && c->next_lookup < next)
			next = c->next_lookup;
	}
	return next < n->next_seek_start ? n->next_seek_start : next;
}
