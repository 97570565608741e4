/* SPDX-License-Identifier: ISC */
/*
 * Always-on peers without a list (dht.md 11). A sampler holds the service peer whose SITE prefix
 * has the smallest keyed hash, so a prefix counts once however many ids stand behind it. The own
 * samplers take peers that answered twice >= 10 min apart; a search (walk) takes one answer.
 */
#include <string.h>

#include "dht/internal.h"

#define WALK_STEP_US    (KITH_US_PER_S / 2u)
#define EARLY_STEP_US   (KITH_US_PER_S / 10u) /* a person waits for a first mailbox */
#define EARLY_WALKS     10u
#define WALKS_MAX       60u
#define IDLE_MAX        5u
#define PREFIXES        50u
#define HOPS            3u
#define CHECKS_PER_HOUR 6u
#define HOUR_US         (3600u * (kith_time)KITH_US_PER_S)

static uint64_t score(const uint8_t secret[32], unsigned j, uint8_t service,
		      const struct kith_addr *addr)
{
	struct kith_group g = kith_addr_group(addr, KITH_WIDTH_SITE);
	uint8_t in[2 + sizeof(g.b)], out[32];

	in[0] = (uint8_t)j;
	in[1] = service;
	memcpy(in + 2, g.b, sizeof(g.b));
	kith_kdf(out, secret, 32, KITH_L_DHT_SAMP, in, sizeof(in));
	return kith_load_u64(out);
}

/* Offers the peer to all samplers of a set; returns how many took it. */
static unsigned offer(struct kith_dht *d, struct kith__sampler *set, unsigned count,
		      const uint8_t secret[32], uint32_t peer, uint8_t service)
{
	const struct kith_addr addr = kith__peer_get(d->book, peer)->addr;
	unsigned taken = 0, j;

	for (j = 0; j < count; j++) {
		uint64_t s = score(secret, j, service, &addr);

		if (set[j].peer != KITH__NO_PEER && s >= set[j].min)
			continue;
		kith__peer_ref(d->book, peer);
		kith__peer_unref(d->book, set[j].peer);
		set[j] = (struct kith__sampler){s, peer};
		taken++;
	}
	return taken;
}

void kith__sample(struct kith_dht *d, uint32_t peer, uint8_t services, kith_time now)
{
	kith_time age_min = (kith_time)d->params.age_min_s * KITH_US_PER_S;
	int at = kith__table_find(&d->table, peer);
	unsigned j;

	(void)services;
	if (at < 0 || kith__entry_age(&d->table.entry[at], now) < age_min)
		return;
	for (j = 0; j < KITH__SAMPLERS; j++)
		if (d->sampler[j].peer == peer)
			return;
	if (now - d->checks_at >= HOUR_US || d->checks_at == 0) {
		d->checks_at = now;
		d->checks = 0;
	}
	if (d->checks >= CHECKS_PER_HOUR)
		return;
	if (offer(d, d->sampler, KITH__SAMPLERS, d->secret, peer, 0) != 0)
		d->checks++;
}

/* Up to `max` distinct peers: random samplers, then (young node) service peers of the table. */
unsigned kith__sample_pick(struct kith_dht *d, uint32_t *out, unsigned max)
{
	unsigned n = 0, i, j, first = kith_rng_below(d->rng, KITH__SAMPLERS);
	size_t e;

	for (i = 0; i < KITH__SAMPLERS && n < max; i++) {
		uint32_t peer = d->sampler[(first + i) % KITH__SAMPLERS].peer;

		for (j = 0; j < n && out[j] != peer; j++)
			;
		if (peer != KITH__NO_PEER && j == n)
			out[n++] = peer;
	}
	for (e = 0; e < d->table.count && n < max; e++) {
		uint32_t peer = d->table.entry[e].peer;

		for (j = 0; j < n && out[j] != peer; j++)
			;
		if ((d->table.entry[e].state & (KITH__ST_MAILBOX | KITH__ST_RELAY)) != 0 && j == n)
			out[n++] = peer;
	}
	return n;
}

/* ---- searches ---- */
static struct kith__walk *walk_find(const struct kith_dht *d, uint32_t serial)
{
	unsigned i;

	for (i = 0; i < KITH__WALKS_MAX; i++)
		if (d->walk[i] != NULL && d->walk[i]->serial == serial)
			return d->walk[i];
	return NULL;
}

static void walk_free(struct kith_dht *d, unsigned i)
{
	unsigned j;

	for (j = 0; j < KITH__WALK_SAMPLERS; j++)
		kith__peer_unref(d->book, d->walk[i]->sampler[j].peer);
	kith_wipe(d->walk[i], sizeof(*d->walk[i]));
	kith_alloc_free(d->alloc, d->walk[i]);
	d->walk[i] = NULL;
}

void kith__sampler_wipe(struct kith_dht *d)
{
	unsigned i;

	for (i = 0; i < KITH__SAMPLERS; i++)
		kith__peer_unref(d->book, d->sampler[i].peer);
	for (i = 0; i < KITH__WALKS_MAX; i++)
		if (d->walk[i] != NULL)
			walk_free(d, i);
}

bool kith__walk_cancel(struct kith_dht *d, uint32_t op)
{
	unsigned i;

	for (i = 0; i < KITH__WALKS_MAX; i++)
		if (d->walk[i] != NULL && d->walk[i]->op == op) {
			walk_free(d, i);
			return true;
		}
	return false;
}

int kith_dht_find_service(struct kith_dht *d, uint8_t services, unsigned want, uint32_t *op,
			  kith_time now)
{
	struct kith__walk *w;
	unsigned i, j;
	size_t e;

	for (i = 0; i < KITH__WALKS_MAX && d->walk[i] != NULL; i++)
		;
	if (i == KITH__WALKS_MAX)
		return KITH_E_FULL;
	w = kith_alloc_zero(d->alloc, 1, sizeof(*w));
	if (w == NULL)
		return KITH_E_NOMEM;
	d->walk[i] = w;
	w->op = *op = ++d->last_op;
	w->serial = ++d->last_serial;
	w->services = services;
	w->want = want;
	w->next = now;
	kith_rng_fill(d->rng, w->secret, sizeof(w->secret));
	for (j = 0; j < KITH__WALK_SAMPLERS; j++)
		w->sampler[j].peer = KITH__NO_PEER;
	for (e = 0; e < d->table.count; e++) {
		uint8_t has = (uint8_t)(d->table.entry[e].state >> 4 & 3u);

		if (has != 0)
			kith__ping(d, d->table.entry[e].peer, now);
	}
	kith__walk_tick(d, now);
	kith__settle(d, now);
	return KITH_OK;
}

/* A peer answered by itself and offers services. */
void kith__walk_seen(struct kith_dht *d, uint32_t peer, uint8_t services)
{
	unsigned i;

	for (i = 0; i < KITH__WALKS_MAX && services != 0; i++) {
		struct kith__walk *w = d->walk[i];

		if (w == NULL || (services & w->services) != w->services)
			continue;
		if (offer(d, w->sampler, KITH__WALK_SAMPLERS, w->secret, peer, w->services) != 0) {
			w->seen++;
			w->idle = 0;
		}
	}
}

static bool walk_used(const struct kith__walk *w, uint32_t peer)
{
	unsigned i;

	for (i = 0; i < w->hop; i++)
		if (w->asked[i] == peer)
			return true;
	return false;
}

static bool walk_ask(struct kith_dht *d, struct kith__walk *w, uint32_t peer, kith_time now)
{
	struct kith__ask a = {.kind = KITH__ASK_WALK,
			      .method = KITH__FIND,
			      .peer = peer,
			      .owner = w->serial,
			      .flags = KITH__SVC,
			      .target = &w->target,
			      .third_party = true};

	if (w->hop >= HOPS || walk_used(w, peer) || kith__banned(d, peer, now) ||
	    !kith__ask(d, &a, now))
		return false;
	w->asked[w->hop++] = peer;
	w->flying = true;
	return true;
}

static void walk_start(struct kith_dht *d, struct kith__walk *w, kith_time now)
{
	uint16_t near[4];
	size_t n, i;

	kith__random_id(d, &d->self[0].id, 0, &w->target);
	w->hop = 0;
	w->walks++;
	w->idle++;
	n = kith__table_nearest(&d->table, &w->target, near, 4, NULL, NULL);
	for (i = 0; i < n; i++)
		if (walk_ask(d, w, d->table.entry[near[i]].peer, now))
			return;
}

void kith__walk_answer(struct kith_dht *d, const struct kith__request *r, const struct kith__msg *m,
		       kith_time now)
{
	struct kith__walk *w = walk_find(d, r->owner);
	bool private_ok = kith_addr_is_private(&kith__peer_get(d->book, r->peer)->addr);
	uint32_t peer, next = KITH__NO_PEER;
	unsigned i;

	if (w == NULL)
		return;
	w->flying = false;
	for (i = 0; i < m->count; i++) {
		const struct kith__contact *c = &m->contact[i];

		if (memcmp(c->key, d->self[0].key, 32) == 0 ||
		    (kith_addr_is_private(&c->addr) && !private_ok))
			continue;
		peer = kith__peer_intern(d->book, c->key, &c->addr);
		if (peer == KITH__NO_PEER)
			break;
		if ((c->services & w->services) == w->services)
			kith__ping(d, peer, now);
		if (walk_used(w, peer) ||
		    (next != KITH__NO_PEER &&
		     kith__closer(&w->target, &kith__peer_get(d->book, next)->id,
				  &kith__peer_get(d->book, peer)->id) < 0)) {
			kith__peer_unref(d->book, peer);
			continue;
		}
		kith__peer_unref(d->book, next);
		next = peer;
	}
	if (next != KITH__NO_PEER)
		(void)walk_ask(d, w, next, now);
	kith__peer_unref(d->book, next);
}

void kith__walk_failed(struct kith_dht *d, const struct kith__request *r, kith_time now)
{
	struct kith__walk *w = walk_find(d, r->owner);

	(void)now;
	if (w != NULL)
		w->flying = false;
}

/* The sampled peers, one event each; the last one (or an empty one) is final. */
static void walk_report(struct kith_dht *d, const struct kith__walk *w)
{
	uint32_t out[KITH__WALK_SAMPLERS];
	unsigned n = 0, i, j;

	for (i = 0; i < KITH__WALK_SAMPLERS && n < w->want; i++) {
		for (j = 0; j < n && out[j] != w->sampler[i].peer; j++)
			;
		if (w->sampler[i].peer != KITH__NO_PEER && j == n)
			out[n++] = w->sampler[i].peer;
	}
	for (i = 0; i < n || (n == 0 && i == 0); i++) {
		struct kith_dht_event e = {.kind = KITH_DHT_PEER, .op = w->op, .final = i + 1 >= n};

		if (n != 0) {
			const struct kith__peer *p = kith__peer_get(d->book, out[i]);

			memcpy(e.key, p->key, 32);
			e.addr = p->addr;
			e.services = w->services;
		}
		kith__emit(d, &e, NULL);
	}
}

void kith__walk_tick(struct kith_dht *d, kith_time now)
{
	unsigned i;

	for (i = 0; i < KITH__WALKS_MAX; i++) {
		struct kith__walk *w = d->walk[i];

		if (w == NULL || now < w->next)
			continue;
		w->next = now + (w->walks < EARLY_WALKS ? EARLY_STEP_US : WALK_STEP_US);
		if (w->idle >= IDLE_MAX || w->seen >= PREFIXES || w->walks >= WALKS_MAX) {
			if (d->ping_count != 0 && w->walks < WALKS_MAX)
				continue;
			walk_report(d, w);
			walk_free(d, i);
			continue;
		}
		if (!w->flying && d->table.count != 0)
			walk_start(d, w, now);
		else if (!w->flying)
			w->idle++;
	}
}

kith_time kith__walk_deadline(const struct kith_dht *d)
{
	kith_time next = KITH_NEVER;
	unsigned i;

	for (i = 0; i < KITH__WALKS_MAX; i++)
		if (d->walk[i] != NULL)
			next = kith__min_time(next, d->walk[i]->next);
	return next;
}
