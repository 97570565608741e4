/* SPDX-License-Identifier: ISC */
/*
 * Own and deposited records (dht.md 9). A publication waits for READY, then starts when it is due
 * and the pace allows: 1 per s for a minute, then put_rate; renewals at known replicas 8 per s.
 * Rounds: at once, 30 s and 5 min after READY, then each republish +-25 %; two renewals (KEEP) to
 * one complete lookup. Fewer than half of the acknowledgements: again after 30 s, doubling.
 */
#include <string.h>

#include "dht/internal.h"

#define SECOND_US    ((kith_time)KITH_US_PER_S)
#define DAY_US       (86400u * SECOND_US)
#define ENOUGH       8u /* acknowledgements that tell the owner */
#define KEEP_RATE    8u
#define RETRY_MAX_US (1800u * SECOND_US)
#define WINDOW_US    (10u * SECOND_US)
#define RUNNING_MAX  12u

static struct kith__pub *find(const struct kith_dht *d, const struct kith_id *key, uint32_t *at)
{
	if (!kith_map_get(&d->pubs.index, key->b, at))
		return NULL;
	KITH_ASSERT(*at < d->pubs.count);
	return d->pubs.pub[*at];
}

const struct kith__pub *kith__pub_get(const struct kith_dht *d, const struct kith_id *key)
{
	uint32_t at;

	return find(d, key, &at);
}

const struct kith__pub *kith__pub_alone(const struct kith_dht *d, const struct kith_id *key)
{
	if (d->mode != KITH_DHT_SERVER || d->join == KITH__JOIN_READY || d->table.count != 0)
		return NULL;
	return kith__pub_get(d, key);
}

static void drop_replicas(struct kith_dht *d, struct kith__pub *p)
{
	size_t i;

	for (i = 0; i < p->replicas; i++)
		kith__peer_unref(d->book, p->replica[i]);
	kith_alloc_free(d->alloc, p->replica);
	p->replica = NULL;
	p->replicas = 0;
}

static void drop(struct kith_dht *d, uint32_t at)
{
	struct kith__pubs *s = &d->pubs;
	struct kith__pub *p = s->pub[at], *last = s->pub[s->count - 1];

	(void)kith_map_remove(&s->index, p->key.b);
	s->pub[at] = last;
	s->count--;
	if (last != p)
		KITH_ASSERT(kith_map_put(&s->index, last->key.b, at) == KITH_OK);
	drop_replicas(d, p);
	kith_alloc_free(d->alloc, p);
}

void kith__pub_wipe(struct kith_dht *d)
{
	while (d->pubs.count != 0)
		drop(d, (uint32_t)d->pubs.count - 1);
	kith_alloc_free(d->alloc, d->pubs.pub);
	kith_map_wipe(&d->pubs.index);
}

/* A SERVER within the region is a replica of its own record as well. */
static void keep_own(struct kith_dht *d, const struct kith__pub *p, kith_time now)
{
	static const struct kith_addr none;

	if (d->mode == KITH_DHT_SERVER && kith__size_known(d) &&
	    kith__within(d, &d->self[0].id, &p->key, 1))
		(void)kith__record_store(d, p->record, (uint16_t)d->params.ttl_min, &none, now);
}

static void set_due(struct kith_dht *d, struct kith__pub *p, kith_time due)
{
	p->due = due;
	d->pubs.next = kith__min_time(d->pubs.next, due);
}

static struct kith__pub *add(struct kith_dht *d, const struct kith_id *key)
{
	struct kith__pubs *s = &d->pubs;
	void *array = s->pub;
	struct kith__pub *p;

	if (kith_alloc_grow(d->alloc, &array, &s->cap, s->count + 1, KITH_DHT_PUBLISH_MAX,
			    sizeof(struct kith__pub *)) != KITH_OK)
		return NULL;
	s->pub = array;
	p = kith_alloc_zero(d->alloc, 1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->key = *key;
	if (kith_map_put(&s->index, key->b, (uint32_t)s->count) != KITH_OK) {
		kith_alloc_free(d->alloc, p);
		return NULL;
	}
	s->pub[s->count++] = p;
	return p;
}

int kith_dht_publish(struct kith_dht *d, const uint8_t *record, size_t len, uint32_t *op,
		     kith_time now)
{
	struct kith__pub *p;
	struct kith_id key;
	uint64_t seq;
	uint32_t at;

	if (len != KITH_RECORD || kith_record_check(record, &key, &seq) != KITH_OK)
		return KITH_E_MALFORMED;
	p = find(d, &key, &at);
	if (p != NULL &&
	    (seq < p->seq || (seq == p->seq && memcmp(p->record, record, KITH_RECORD) != 0)))
		return KITH_E_EXISTS;
	if (p == NULL)
		p = add(d, &key);
	if (p == NULL)
		return KITH_E_FULL;
	drop_replicas(d, p);
	memcpy(p->record, record, KITH_RECORD);
	p->seq = seq;
	p->op = ++d->last_op;
	p->serial = ++d->last_serial;
	p->born = now;
	p->rounds = p->retries = 0;
	p->running = p->stored = false;
	p->full = true;
	*op = p->op;
	d->counters.publications++;
	set_due(d, p, now);
	kith__pub_tick(d, now);
	kith__settle(d, now);
	return KITH_OK;
}

bool kith__pub_cancel(struct kith_dht *d, uint32_t op)
{
	uint32_t i;

	for (i = 0; i < d->pubs.count; i++)
		if (d->pubs.pub[i]->op == op) {
			drop(d, i);
			return true;
		}
	return false;
}

void kith__pub_ready(struct kith_dht *d, kith_time now)
{
	(void)now;
	d->pubs.next = d->pubs.count != 0 ? 0 : KITH_NEVER;
}

/* ---- pacing ---- */
static kith_time step(const struct kith_dht *d, bool keep, kith_time now)
{
	uint32_t rate = now - d->ready_at < 60u * SECOND_US ? 1 : d->params.put_rate;

	if (keep)
		rate = KEEP_RATE;
	return SECOND_US / (rate != 0 ? rate : 1) << d->pubs.slow;
}

void kith__pub_result(struct kith_dht *d, bool failed, kith_time now)
{
	struct kith__pubs *s = &d->pubs;

	s->sent++;
	s->failed += failed;
	if (now - s->window < WINDOW_US)
		return;
	if (s->sent >= 10 && s->failed * 10 > s->sent * 3)
		s->slow = s->slow < 5 ? s->slow + 1 : s->slow;
	else if (s->slow > 0)
		s->slow--;
	s->sent = s->failed = 0;
	s->window = now;
}

static bool is_keep(const struct kith__pub *p)
{
	return !p->full && p->replicas != 0;
}

/* Earlier: fresh before repeated, then the longer overdue. */
static bool before(const struct kith__pub *a, const struct kith__pub *b)
{
	if ((a->rounds == 0) != (b->rounds == 0))
		return a->rounds == 0;
	if (a->due != b->due)
		return a->due < b->due;
	return a->op < b->op;
}

static void start(struct kith_dht *d, struct kith__pub *p, kith_time now)
{
	bool keep = is_keep(p);
	struct kith__lookup *l = kith__lookup_new(d, keep ? KITH__LOOK_KEEP : KITH__LOOK_STORE,
						  KITH__OWN_PUBLISH, &p->key, now);
	size_t i;

	if (l == NULL) {
		set_due(d, p, now + SECOND_US);
		return;
	}
	l->op = p->op;
	l->pub = p->serial;
	l->seq = p->seq;
	if (keep) {
		l->radius = UINT64_MAX;
		for (i = 0; i < p->replicas; i++)
			kith__lookup_add(d, l, p->replica[i], 0xffu, 1);
		d->pubs.keep_free = now + step(d, true, now);
	} else {
		d->pubs.store_free = now + step(d, false, now);
	}
	p->running = true;
	keep_own(d, p, now);
}

static unsigned running(const struct kith_dht *d)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < d->look_count; i++)
		n += d->look[i]->owner == KITH__OWN_PUBLISH;
	return n;
}

void kith__pub_tick(struct kith_dht *d, kith_time now)
{
	struct kith__pubs *s = &d->pubs;
	struct kith__pub *store = NULL, *keep = NULL;
	uint32_t i;

	if (d->join != KITH__JOIN_READY || now < s->next || d->note_count >= KITH_DHT_EVENTS_MAX)
		return;
	for (i = (uint32_t)s->count; i > 0; i--)
		if (!s->pub[i - 1]->running && now - s->pub[i - 1]->born >= DAY_US)
			drop(d, i - 1);
	for (i = 0; i < s->count; i++) {
		struct kith__pub *p = s->pub[i], **best = is_keep(p) ? &keep : &store;

		if (!p->running && p->due <= now && (*best == NULL || before(p, *best)))
			*best = p;
	}
	if (running(d) >= RUNNING_MAX) {
		s->next = now + SECOND_US / KEEP_RATE;
		return;
	}
	if (store != NULL && now >= s->store_free)
		start(d, store, now);
	if (keep != NULL && now >= s->keep_free)
		start(d, keep, now);
	for (s->next = KITH_NEVER, i = 0; i < s->count; i++) {
		struct kith__pub *p = s->pub[i];
		kith_time pace = is_keep(p) ? s->keep_free : s->store_free;

		if (!p->running)
			s->next = kith__min_time(s->next, p->due > pace ? p->due : pace);
	}
}

kith_time kith__pub_deadline(const struct kith_dht *d)
{
	if (d->join != KITH__JOIN_READY || d->note_count >= KITH_DHT_EVENTS_MAX)
		return KITH_NEVER;
	return d->pubs.next;
}

/* ---- results ---- */
static void stored_event(struct kith_dht *d, const struct kith__pub *p, unsigned acks, bool final)
{
	struct kith_dht_event e = {.kind = KITH_DHT_STORED,
				   .op = p->op,
				   .acks = acks,
				   .final = final};

	kith__emit(d, &e, NULL);
}

void kith__pub_progress(struct kith_dht *d, struct kith__lookup *l, kith_time now)
{
	uint32_t at;
	struct kith__pub *p = find(d, &l->key, &at);

	(void)now;
	if (p == NULL || p->serial != l->pub || l->final_sent || p->stored)
		return;
	if (l->acks >= ENOUGH || (l->stores_open && l->acks != 0 && l->acks >= l->stores)) {
		l->final_sent = true;
		p->stored = true;
		stored_event(d, p, l->acks, false);
	}
}

static void take_replicas(struct kith_dht *d, struct kith__pub *p, const struct kith__lookup *l)
{
	uint32_t *list;
	size_t i, n = 0;

	drop_replicas(d, p);
	if (l->acks == 0)
		return;
	list = kith_alloc_zero(d->alloc, l->acks, sizeof(*list));
	if (list == NULL)
		return;
	for (i = 0; i < l->count && n < l->acks; i++)
		if ((l->cand[i].flags & KITH__C_ACKED) != 0) {
			list[n++] = l->cand[i].peer;
			kith__peer_ref(d->book, l->cand[i].peer);
		}
	p->replica = list;
	p->replicas = n;
}

static kith_time next_round(struct kith_dht *d, const struct kith__pub *p, kith_time now)
{
	kith_time a = d->ready_at + 30u * SECOND_US, b = d->ready_at + 300u * SECOND_US;

	if (now < a && p->rounds <= 1)
		return a + kith_rng_jitter(d->rng, 2 * SECOND_US, 100);
	if (now < b && p->rounds <= 2)
		return b + kith_rng_jitter(d->rng, 20 * SECOND_US, 100);
	return now + kith_rng_jitter(d->rng, (kith_time)d->params.republish_s * SECOND_US, 25);
}

static void plan(struct kith_dht *d, struct kith__pub *p, const struct kith__lookup *l,
		 kith_time now)
{
	size_t known = d->table.count < ENOUGH ? d->table.count * 3 / 4 : 0;
	size_t want = p->wanted < ENOUGH ? p->wanted : ENOUGH;
	kith_time wait;

	if (want < known) /* a small network of which too few answered */
		want = known;
	if (l->acks == 0 || l->acks < want) {
		wait = (30u * SECOND_US) << (p->retries < 6 ? p->retries : 6);
		p->retries++;
		p->full = true;
		wait = wait < RETRY_MAX_US ? wait : RETRY_MAX_US;
		set_due(d, p, now + kith_rng_jitter(d->rng, wait, 25));
		return;
	}
	p->retries = 0;
	p->rounds++;
	p->full = p->rounds % 3 == 0 || p->replicas * 4 < p->wanted * 3;
	set_due(d, p, next_round(d, p, now));
}

void kith__pub_end(struct kith_dht *d, struct kith__lookup *l, kith_time now)
{
	uint32_t at;
	struct kith__pub *p = find(d, &l->key, &at);

	if (p == NULL || p->serial != l->pub)
		return;
	p->running = false;
	if (l->kind == KITH__LOOK_STORE)
		p->wanted = l->stores;
	take_replicas(d, p, l);
	if (l->found) { /* a newer record exists: FOUND told the owner already */
		stored_event(d, p, l->acks, true);
		drop(d, at);
		return;
	}
	if (l->acks != 0 && (p->rounds == 0 || !p->stored)) {
		p->stored = true;
		stored_event(d, p, l->acks, true);
	}
	plan(d, p, l, now);
}
