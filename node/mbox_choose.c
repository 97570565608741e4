/* SPDX-License-Identifier: ISC */
/*
 * Own mailboxes: where they come from, whether they answer (mailbox.md 2). Which of them are listed
 * is decided in mbox_version.c.
 *
 *	own        this node itself, when it is always on and has an identity
 *	community  pinned by the user with a hint
 *	found      kith_dht_find_service: when the DHT is ready, every 30 s while fewer than 5 are
 *	           listed (after ten rounds every 5 min), else hourly
 *	probe      INFO every 6 h +-25 %; after a failure 5 s, 30 s, 2 min, 10 min, then hourly
 *
 * answered_ms lives in memory: after a start everything is asked once. Not here yet: probation of
 * found ones, the share that one DHT peer may name, audits.
 */
#include <string.h>

#include "node/mbox_own.h"

#define USED        5u
#define FIND_WANT   8u
#define FIND_EARLY  10u
#define PROBES      6u /* at once */
#define RETENTION   30u
#define S(x)        ((kith_time)(x)*KITH_US_PER_S)
#define PINNED(b)   ((b)->source != KITH_SOURCE_FOUND)
#define HANDLE_FROM 10u /* bytes of ML that make a handle of 16 characters */

struct kith_choose *kith__choose(struct kith_node *n)
{
	if (n->choose == NULL) {
		n->choose = kith_alloc_zero(n->alloc, 1, sizeof(*n->choose));
		KITH_ASSERT(n->choose != NULL);
		n->choose->list_due = n->choose->list_by = KITH_NEVER;
	}
	return n->choose;
}

void kith__choose_free(struct kith_node *n)
{
	kith_alloc_free(n->alloc, n->choose);
	n->choose = NULL;
}

struct kith_own_box *kith__own_box(struct kith_node *n, const uint8_t ml[static 32])
{
	size_t i;

	for (i = 0; i < n->boxes; i++)
		if (memcmp(n->box[i].e.ml, ml, 32) == 0)
			return &n->box[i];
	return NULL;
}

unsigned kith__listed(const struct kith_node *n)
{
	unsigned count = 0;
	size_t i;

	for (i = 0; i < n->boxes; i++)
		count += n->box[i].listed;
	return count;
}

void kith__own_doubt(struct kith_node *n, const uint8_t ml[static 32], uint64_t by)
{
	struct kith_own_box *b = kith__own_box(n, ml);

	if (b == NULL || (b->audit_at != 0 && n->now < b->audit_at + S(3600)) ||
	    (by != 0 && b->audit_by == by))
		return;
	kith_log_add(n->log, n->now, KITH_LOG_INFO, "an own mailbox does not do what it says");
	b->audit_at = n->now;
	b->audit_by = by;
	b->audits += b->audits < 255 ? 1 : 0;
	kith__row_own_box(n, b);
	kith__version_soon(n);
}

int kith__own_score(const struct kith_node *n, const struct kith_own_box *b)
{
	uint64_t days = (kith__wall_ms(n) - b->since_ms) / (1000u * KITH__DAY_S);
	int score = PINNED(b) ? 1000 : 0;

	score += b->fails == 0 && b->answered_ms != 0 ? 500 : 0;
	return score + (int)(days > 90 ? 90 : days) - 100 * (int)(b->audits < 20 ? b->audits : 20);
}

static void drop(struct kith_node *n, size_t i)
{
	struct kith_own_box *b = &n->box[i];
	struct kith_op op = kith_op(KITH_OP_MYBOX_DELETE);

	if (b->probe_link != 0)
		kith__mbox_close(n->client, b->probe_link, n->now);
	kith_op_blob(&op, b->e.ml, 32);
	kith__put(n, &op);
	n->boxes--;
	memmove(b, b + 1, (n->boxes - i) * sizeof(*b));
	kith__fetch_buckets_changed(n);
}

/* Makes room: the spare found one with the most failures goes. */
static bool make_room(struct kith_node *n)
{
	size_t worst = n->boxes;
	size_t i;

	if (n->boxes < KITH_OWN_BOXES_MAX)
		return true;
	for (i = 0; i < n->boxes; i++) {
		const struct kith_own_box *b = &n->box[i];

		if (b->listed || PINNED(b) || b->drain_until_s > kith__wall_s(n))
			continue;
		if (worst == n->boxes || b->fails > n->box[worst].fails)
			worst = i;
	}
	if (worst == n->boxes)
		return false;
	drop(n, worst);
	return true;
}

static struct kith_own_box *add(struct kith_node *n, const uint8_t ml[static 32],
				const struct kith_addr *addr, enum kith_source source)
{
	struct kith_own_box *b;

	if (!make_room(n))
		return NULL;
	b = &n->box[n->boxes++];
	memset(b, 0, sizeof(*b));
	memcpy(b->e.ml, ml, 32);
	b->e.addr = *addr;
	b->source = source;
	b->since_ms = kith__wall_ms(n);
	b->next_probe = n->now;
	return b;
}

/* ---- probes ---- */
static void probe_failed(struct kith_node *n, struct kith_own_box *b, bool gone)
{
	static const unsigned wait_s[] = {5, 30, 120, 600, 3600};
	unsigned k = b->fails < 4 ? b->fails : 4;

	if (b->probe_link != 0 && !gone)
		kith__mbox_close(n->client, b->probe_link, n->now);
	b->probe_link = 0;
	b->next_probe = n->now + kith_rng_jitter(n->rng, S(wait_s[k]), 25);
	b->fails++;
	if (b->listed)
		kith__version_soon(n);
}

static void probe(struct kith_node *n, struct kith_own_box *b)
{
	uint32_t link;
	/* After failures without the key it was listed with: it may have lost that one. */
	const uint8_t *mk = b->listed && b->fails % 2 == 0 ? b->e.mk : NULL;
	int status = kith__mbox_open(n->client, b->e.ml, &b->e.addr, mk, 0, &link, n->now);

	if (status != KITH_OK) {
		probe_failed(n, b, true);
		return;
	}
	b->probe_link = link;
	if (kith__mbox_info(n->client, link, n->now) != KITH_OK)
		probe_failed(n, b, false);
}

void kith__choose_answered(struct kith_node *n, struct kith_own_box *b,
			   const struct kith_mbox_info *info)
{
	bool first = b->answered_ms == 0;
	bool back = b->fails > 0;

	if (b->listed && memcmp(b->e.mk, info->mk, 32) != 0) { /* all it had promised is gone */
		kith__own_doubt(n, b->e.ml, 0);
		memcpy(b->e.mk, info->mk, 32);
		b->rekeyed = true;
		kith__row_own_box(n, b);
		kith__version_soon(n);
	}
	if (b->audits > 0 && b->audit_at + S(7 * 86400) < n->now) {
		b->audits--;
		b->audit_at = n->now;
	}
	b->answered_ms = kith__wall_ms(n);
	b->fails = 0;
	b->next_probe = n->now + kith_rng_jitter(n->rng, S(6 * 3600), 25);
	if (!b->listed) {
		memcpy(b->e.mk, info->mk, 32);
		b->has_mk = true;
		b->e.p = info->p <= 6 ? info->p : 6;
	}
	b->e.retention = info->retention;
	b->e.flags = info->flags;
	b->score = kith__own_score(n, b);
	if (first)
		kith__row_own_box(n, b);
	if ((first || back) && !b->listed && info->retention >= RETENTION &&
	    (kith__listed(n) < USED || PINNED(b)))
		kith__version_soon(n);
	if (info->retention < RETENTION && b->listed)
		kith__version_soon(n);
}

bool kith__choose_result(struct kith_node *n, const struct kith_mbox_result *r)
{
	struct kith_mbox_info info;
	size_t i;

	for (i = 0; i < n->boxes; i++) {
		struct kith_own_box *b = &n->box[i];

		if (b->probe_link == 0 || b->probe_link != r->link)
			continue;
		if (r->gone || r->verb != KITH_MBOX_INFO || r->status != KITH_MBOX_OK) {
			probe_failed(n, b, r->gone);
			return true;
		}
		info = r->info;
		kith__mbox_close(n->client, b->probe_link, n->now);
		b->probe_link = 0;
		kith__choose_answered(n, b, &info);
		return true;
	}
	return false;
}

/* ---- sources ---- */
static void own_service(struct kith_node *n)
{
	struct kith_addr addr = kith_addr_is_none(&n->endpoint) ? n->observed : n->endpoint;
	struct kith_own_box *b;
	uint8_t ml[32];

	if (n->cfg.role != KITH_ROLE_ALWAYS_ON || n->service == NULL)
		return;
	if (kith_addr_is_none(&addr) && n->own_addrs > 0)
		addr = n->own_addr[0];
	if (kith_addr_is_none(&addr) || kith_addr_is_unusable(&addr))
		return;
	kith_dh_public(ml, n->cfg.node_secret);
	b = kith__own_box(n, ml);
	if (b == NULL)
		(void)add(n, ml, &addr, KITH_SOURCE_OWN);
	else if (!b->listed) /* a listed address changes with the next version only */
		b->e.addr = addr;
}

static void find(struct kith_node *n)
{
	struct kith_choose *c = n->choose;
	unsigned every = 3600;

	if (kith__listed(n) < USED)
		every = c->rounds++ < FIND_EARLY ? 30 : 300;
	c->next_find = n->now + S(every);
	if (kith_dht_find_service(n->dht, KITH_DHT_MAILBOX, FIND_WANT, &n->find_op, n->now) !=
	    KITH_OK)
		n->find_op = 0;
}

bool kith__choose_dht(struct kith_node *n, const struct kith_dht_event *e)
{
	uint8_t self[32];

	if (n->find_op == 0 || e->op != n->find_op)
		return false;
	if (e->final || e->kind == KITH_DHT_ABSENT)
		n->find_op = 0;
	if (e->kind != KITH_DHT_PEER || (e->services & KITH_DHT_MAILBOX) == 0 ||
	    kith_addr_is_unusable(&e->addr) || !n->has_identity)
		return true;
	kith_dh_public(self, n->cfg.node_secret);
	if (memcmp(self, e->key, 32) != 0 && kith__own_box(n, e->key) == NULL)
		(void)add(n, e->key, &e->addr, KITH_SOURCE_FOUND);
	return true;
}

/* ---- timers ---- */
static unsigned probes_open(const struct kith_node *n)
{
	unsigned open = 0;
	size_t i;

	for (i = 0; i < n->boxes; i++)
		open += n->box[i].probe_link != 0;
	return open;
}

static bool idle(const struct kith_node *n)
{
	return !n->has_identity || n->stopping;
}

void kith__choose_tick(struct kith_node *n)
{
	struct kith_choose *c;
	size_t i;

	if (idle(n))
		return;
	c = kith__choose(n);
	own_service(n);
	if (n->dht_ready && n->find_op == 0 && n->now >= c->next_find)
		find(n);
	for (i = 0; i < n->boxes && probes_open(n) < PROBES; i++)
		if (n->box[i].probe_link == 0 && n->now >= n->box[i].next_probe)
			probe(n, &n->box[i]);
	if (n->now >= c->list_due)
		kith__version_run(n);
}

kith_time kith__choose_deadline(const struct kith_node *n)
{
	const struct kith_choose *c = n->choose;
	kith_time best = KITH_NEVER;
	bool room = probes_open(n) < PROBES;
	size_t i;

	if (idle(n))
		return KITH_NEVER;
	if (c == NULL)
		return n->now;
	if (n->dht_ready && n->find_op == 0)
		best = c->next_find;
	if (c->list_due < best)
		best = c->list_due;
	for (i = 0; i < n->boxes && room; i++)
		if (n->box[i].probe_link == 0 && n->box[i].next_probe < best)
			best = n->box[i].next_probe;
	return best;
}

/* ---- what callers see ---- */
bool kith_node_mailbox(const struct kith_node *n, size_t i, struct kith_node_mailbox *out)
{
	static const char *const source[] = {"own", "community", "friend", "found"};
	size_t k;

	for (k = 0; k < n->boxes; k++) {
		const struct kith_own_box *b = &n->box[k];

		if (!b->listed && !PINNED(b))
			continue;
		if (i-- > 0)
			continue;
		memset(out, 0, sizeof(*out));
		kith_base32_encode(out->handle, b->e.ml, HANDLE_FROM);
		out->source = source[b->source];
		out->pinned = PINNED(b);
		out->last_seen_ms = b->answered_ms;
		out->score = (unsigned)kith__own_score(n, b);
		out->answering = b->fails == 0 && b->answered_ms != 0;
		return true;
	}
	return false;
}

int kith_node_mailbox_pin(struct kith_node *n, const char *hint, size_t len, uint32_t call,
			  kith_time now)
{
	struct kith_dht_seed seed;
	struct kith_own_box *b;
	struct kith_hint h;
	int status = kith__hint_parse(&h, hint, len);

	n->now = now;
	if (kith__may_write(n) != KITH_OK)
		return kith__may_write(n);
	if (status != KITH_OK)
		return status;
	if (!n->has_identity)
		return KITH_E_STATE;
	b = kith__own_box(n, h.key);
	if (b == NULL)
		b = add(n, h.key, &h.addr, KITH_SOURCE_COMMUNITY);
	if (b == NULL)
		return KITH_E_FULL;
	if (b->source == KITH_SOURCE_FOUND)
		b->source = KITH_SOURCE_COMMUNITY;
	if (!b->listed)
		b->next_probe = now;
	kith__row_own_box(n, b);
	memset(&seed, 0, sizeof(seed));
	memcpy(seed.key, h.key, 32);
	seed.addr = h.addr;
	if (kith_dht_seed_contact(n->dht, &seed, now) != KITH_OK)
		kith_log_add(n->log, now, KITH_LOG_INFO, "a pinned mailbox is no starting point");
	kith__event(n, KITH_EVENT_MAILBOX_CHANGED, 0, 0);
	kith__reply_done(n, call, 0, 0);
	return KITH_OK;
}
