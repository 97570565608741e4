/* SPDX-License-Identifier: ISC */
/*
 * From a link to a contact: own requests, until they are answered (crypto.md 3-4). A new session
 * with a contact (heal.c) goes the same way.
 *
 *	KNOCK   look up the owner's knock record under the link's capability
 *	BUNDLE  fetch and check the prekey bundle from one of its mailboxes
 *	WORK    build the request (once per prekey), find the proof of work for each mailbox
 *	PUT     leave it there; "taken": another slot
 *	DONE    kept by some; again after most of a day, until the answer comes
 *
 * The request's keys and root are durable before any byte of it leaves.
 */
#include <string.h>

#include "node/internal.h"

#define SEEK_AGAIN_US (20u * 3600u * (kith_time)KITH_US_PER_S)
#define SLOTS         16384u
#define SLOT_TRIES    8u
#define AGAIN_FRESH_S 1800u /* age up to which a re-session is left again as it is */

/* A link is often used within seconds of being made, its record not out yet; later somebody still
 * waits: every few minutes in the first hour. */
static const uint32_t backoff_s[] = {1,   1,   2,   3,   5,   10,   30,  60,
				     120, 300, 300, 600, 900, 1800, 3600};
#define BACKOFFS (sizeof(backoff_s) / sizeof(backoff_s[0]))

static bool seeking(const struct kith_contact *c)
{
	return c->state == KITH_CONTACT_REQUESTED || kith__healing(c);
}

static void seek_later(struct kith_node *n, struct kith_contact *c)
{
	size_t i = c->seek_fails < BACKOFFS ? c->seek_fails : BACKOFFS - 1;

	c->seek_fails++;
	c->seek = KITH_SEEK_NONE;
	c->next_seek =
		n->now + kith_rng_jitter(n->rng, (kith_time)backoff_s[i] * KITH_US_PER_S, 25);
}

static void knock_secret(const struct kith_contact *c, struct kith_record_secret *s)
{
	memcpy(s->ik, c->ik, 32);
	kith_record_knock_secret(s->s, c->cap, c->ik);
}

/* The secret under whose slots the request is left: P of a contact, else the cap. */
static void place_secret(const struct kith_contact *c, struct kith_record_secret *s)
{
	knock_secret(c, s);
	if (kith__request_open_at(c, 0)->kind == KITH_REQUEST_AGAIN)
		memcpy(s->s, c->p, 32);
}

static void seek_knock(struct kith_node *n, struct kith_contact *c)
{
	struct kith_record_secret s;
	uint8_t blinded[32];
	struct kith_id key;

	if (kith_dht_status(n->dht).peers == 0)
		return;
	if (!c->has_cap) { /* only its link can help */
		seek_later(n, c);
		return;
	}
	knock_secret(c, &s);
	if (kith_record_key(&s, kith__period(n, &s, c->seek_fails), blinded, &key) != KITH_OK ||
	    kith_dht_lookup(n->dht, &key, &c->seek_op, n->now) != KITH_OK) {
		seek_later(n, c);
		return;
	}
	c->seek = KITH_SEEK_KNOCK;
}

static void bundle_got(struct kith_node *n, uint64_t id, uint64_t box, int status,
		       const uint8_t *blob, size_t len);

static void seek_bundle(struct kith_node *n, struct kith_contact *c)
{
	const struct kith_mailbox_entry *e;
	struct kith_record_secret s;
	struct kith_get_order o;
	uint8_t wrap[32];
	uint8_t ms[32];

	if (c->bundle_from >= c->knock->count) {
		seek_later(n, c);
		return;
	}
	e = &c->knock->box[c->bundle_from];
	memset(&o, 0, sizeof(o));
	knock_secret(c, &s);
	memcpy(o.ml, e->ml, 32);
	o.addr = e->addr;
	kith__bundle_place(o.tag, wrap, s.s, c->knock->spk_id, e->ml);
	kith__mailbox_secret(ms, s.s);
	o.bucket.p = e->p;
	o.bucket.bucket = kith__bucket(ms, e->ml, e->p);
	o.fn = bundle_got;
	o.a = c->id;
	o.b = c->bundle_from;
	c->seek = KITH_SEEK_BUNDLE;
	if (kith__mbox_order_get(n, &o) != KITH_OK)
		seek_later(n, c);
	kith_wipe(&s, sizeof(s));
	kith_wipe(ms, sizeof(ms));
	kith_wipe(wrap, sizeof(wrap));
}

static bool knock_open(struct kith_node *n, struct kith_contact *c, const uint8_t *record)
{
	uint8_t content[KITH_RECORD_CONTENT];
	struct kith_record_secret s;
	uint64_t seq;
	int status;

	knock_secret(c, &s);
	status = kith_record_open(content, &seq, record, &s, kith__period(n, &s, c->seek_fails));
	kith_wipe(&s, sizeof(s));
	if (status != KITH_OK)
		return false;
	if (c->knock == NULL)
		c->knock = kith_alloc_zero(n->alloc, 1, sizeof(*c->knock));
	if (c->knock == NULL)
		return false;
	if (kith__knock_decode(c->knock, content) != KITH_OK ||
	    c->knock->expiry_s <= kith__wall_s(n) || c->knock->count == 0)
		return false;
	if (c->state == KITH_CONTACT_ACCEPTED)
		return c->dev == c->knock->device && memcmp(c->xk, c->knock->xk, 32) == 0;
	c->dev = c->knock->device;
	memcpy(c->xk, c->knock->xk, 32);
	return true;
}

bool kith__seek_dht(struct kith_node *n, const struct kith_dht_event *e)
{
	size_t i;

	for (i = 0; i < n->contacts; i++) {
		struct kith_contact *c = n->contact[i];

		if (c->seek != KITH_SEEK_KNOCK || c->seek_op != e->op)
			continue;
		if (e->kind == KITH_DHT_FOUND) {
			if (!knock_open(n, c, e->record))
				return true; /* a newer one may follow, or ABSENT ends it */
			kith_dht_cancel(n->dht, e->op);
			c->seek_op = 0;
			c->bundle_from = 0;
			seek_bundle(n, c);
		} else if (e->kind == KITH_DHT_ABSENT) {
			c->seek_op = 0;
			seek_later(n, c);
		}
		return true;
	}
	return false;
}

static bool bundle_open(struct kith_node *n, struct kith_contact *c, const uint8_t *blob)
{
	const struct kith_mailbox_entry *e = &c->knock->box[c->bundle_from];
	uint8_t inner[KITH_INNER];
	uint8_t tag[16];
	uint8_t wrap[32];
	uint8_t hash[32];
	struct kith_record_secret s;
	struct kith_bundle *b;
	int status;

	knock_secret(c, &s);
	kith__bundle_place(tag, wrap, s.s, c->knock->spk_id, e->ml);
	status = kith__blob_unwrap(inner, wrap, tag, blob);
	kith_wipe(&s, sizeof(s));
	kith_wipe(wrap, sizeof(wrap));
	if (status != KITH_OK)
		return false;
	if (c->bundle == NULL)
		c->bundle = kith_alloc_zero(n->alloc, 1, sizeof(*c->bundle));
	b = c->bundle;
	if (b == NULL || kith__bundle_open(b, inner, c->ik, kith__wall_s(n)) != KITH_OK)
		return false;
	kith_blake2b(hash, b->ek, sizeof(b->ek));
	return b->spk_id == c->knock->spk_id && memcmp(b->xk, c->knock->xk, 32) == 0 &&
	       memcmp(b->spk, c->knock->spk, 32) == 0 && memcmp(hash, c->knock->ek_hash, 32) == 0 &&
	       kith_kem_ek_valid(b->ek);
}

/* Is the newest open request for the prekey at hand, of this kind, and still fresh? One for a new
 * session is soon made anew: its epoch and date are what a restored peer judges it by. */
static bool usable_request(const struct kith_node *n, const struct kith_contact *c,
			   enum kith_request_kind kind)
{
	const struct kith_open_request *q = kith__request_open_at(c, 0);
	enum kith_request_kind made;
	uint32_t spk_id;

	if (!q->used || c->request_blob == NULL ||
	    kith__request_peek(c->request_blob, &made, &spk_id) != KITH_OK ||
	    spk_id != c->bundle->spk_id || made != kind)
		return false;
	return c->state == KITH_CONTACT_REQUESTED || kith__wall_s(n) < q->created_s + AGAIN_FRESH_S;
}

void kith__request_out_row(struct kith_node *n, const struct kith_contact *c)
{
	struct kith_op op = kith_op(KITH_OP_REQUEST_PUT);
	const char *greeting = c->greeting == NULL ? "" : c->greeting;

	kith_op_int(&op, (int64_t)(KITH_REQUEST_OUT_BASE + c->id));
	kith_op_int(&op, 1);
	kith_op_blob(&op, c->ik, 32);
	if (c->request_blob != NULL)
		kith_op_blob(&op, c->request_blob, KITH_INNER);
	else
		kith_op_null(&op);
	kith_op_text(&op, c->name, strlen(c->name));
	kith_op_text(&op, greeting, strlen(greeting));
	kith_op_int(&op, c->request_kept);
	kith_op_int(&op, (int64_t)c->request_until_s);
	kith_op_int(&op, (int64_t)kith__wall_ms(n));
	kith__put(n, &op);
}

/* Greater than all before. What was drawn under a clock far ahead counts for nothing: no peer takes
 * an epoch more than two days ahead, so nobody has it, and going on from it would never end. */
static uint32_t next_epoch(const struct kith_node *n, const struct kith_contact *c)
{
	uint32_t now = (uint32_t)kith__wall_s(n), epoch = now;
	const uint32_t last[] = {c->epoch_own, c->epoch, n->epoch == 0 ? 0 : n->epoch - 1};
	unsigned i;

	for (i = 0; i < sizeof(last) / sizeof(last[0]); i++)
		if (last[i] >= epoch && last[i] < now + KITH_EPOCH_AHEAD_S)
			epoch = last[i] + 1;
	return epoch;
}

static void fill_request(const struct kith_node *n, const struct kith_contact *c,
			 const struct kith_list *own, struct kith_request *q)
{
	unsigned i;

	memset(q, 0, sizeof(*q));
	q->spk_id = c->bundle->spk_id;
	memcpy(q->ik, n->id->ik, 32);
	q->cert = n->id->cert;
	kith__mailbox_secret(q->ms, n->id->presence[0].p);
	q->list_version = own->version;
	q->created_s = kith__wall_s(n);
	q->session_epoch = next_epoch(n, c);
	q->count = own->count;
	for (i = 0; i < own->count; i++) {
		memcpy(q->box[i].ml, own->box[i].ml, 32);
		q->box[i].addr = own->box[i].addr;
		q->box[i].p = own->box[i].p;
		q->box[i].retention = own->box[i].retention;
		q->box[i].flags = own->box[i].flags;
	}
	q->name_len = (unsigned)strlen(n->id->name);
	memcpy(q->name, n->id->name, q->name_len);
	if (c->greeting == NULL)
		return;
	q->greeting_len = (unsigned)strlen(c->greeting);
	memcpy(q->greeting, c->greeting, q->greeting_len);
}

int kith__request_tags(struct kith_open_request *r, uint32_t version, const uint8_t (*ml)[32],
		       unsigned count)
{
	uint8_t tag_a[32];
	uint8_t link[32];

	memset(&r->in, 0, sizeof(r->in));
	kith__root_derive(tag_a, r->in.root, link, r->root);
	kith_wipe(tag_a, 32);
	kith_wipe(link, 32);
	r->in.has_root = true;
	r->in.root_version = version;
	return kith__tagbook_list(&r->in, version, ml, count);
}

static int make_request(struct kith_node *n, struct kith_contact *c, const struct kith_list *own,
			enum kith_request_kind kind)
{
	struct kith_request *q = kith_alloc_zero(n->alloc, 1, sizeof(*q));
	struct kith_open_request r;
	struct kith_request_peer to = {c->ik, c->xk, c->bundle->spk, c->bundle->ek};
	uint8_t dk[KITH_KEM_DK];
	uint8_t secret[64];
	uint8_t ml[KITH_MAILBOXES_MAX][32];
	unsigned i;
	int status = KITH_E_NOMEM;

	if (c->request_blob == NULL)
		c->request_blob = kith_alloc_zero(n->alloc, KITH_INNER, 1);
	if (q == NULL || c->request_blob == NULL)
		goto out;
	memset(&r, 0, sizeof(r));
	fill_request(n, c, own, q);
	q->kind = r.kind = kind;
	kith_rng_fill(n->rng, r.rdh_secret, 32);
	kith_rng_fill(n->rng, r.rek_seed, 64);
	kith_rng_fill(n->rng, secret, 64);
	kith_dh_public(q->rdh, r.rdh_secret);
	kith_kem_keygen(q->rek, dk, r.rek_seed);
	r.session_epoch = q->session_epoch;
	r.created_s = q->created_s;
	r.used = true;
	status = kith__request_make(c->request_blob, r.root, q, n->id->xk_secret, &to, secret,
				    secret + 32, &n->noncer);
	if (status != KITH_OK)
		goto out;
	for (i = 0; i < own->count; i++)
		memcpy(ml[i], own->box[i].ml, 32);
	status = kith__request_tags(&r, own->version, (const uint8_t(*)[32])ml, own->count);
	if (status != KITH_OK)
		goto out;
	status = kith__request_open_new(c, &r);
	if (status != KITH_OK) {
		kith__tagbook_wipe(&r.in);
		goto out;
	}
	c->epoch_own = r.session_epoch;
	c->request_kept = 0;
	kith__row_device(n, c); /* device and XK of the knock record: the answer binds them */
	kith__request_roots_row(n, c);
	kith__request_out_row(n, c);
	kith__tagbook_changed(n);
out:
	kith_wipe(&r, sizeof(r));
	kith_wipe(dk, sizeof(dk));
	kith_wipe(secret, sizeof(secret));
	if (q != NULL)
		kith_wipe(q, sizeof(*q));
	kith_alloc_free(n->alloc, q);
	return status;
}

static void put_done(struct kith_node *n, uint64_t id, uint64_t place, int status,
		     const struct kith_receipt *r, const uint8_t mk[static 32], uint32_t position);

/* place: box 8 | tries 8 | day 32 */
static uint64_t place_make(unsigned box, unsigned tries, uint64_t day)
{
	return (uint64_t)box | (uint64_t)tries << 8 | day << 16;
}

static void put_with_nonce(struct kith_node *n, struct kith_contact *c, uint64_t place,
			   uint64_t nonce)
{
	const struct kith_mailbox_entry *e = &c->knock->box[place & 255];
	struct kith_put_order o;
	struct kith_record_secret s;
	uint8_t *inner = kith_alloc_copy(n->alloc, c->request_blob, KITH_INNER);
	uint8_t *blob = kith_alloc_zero(n->alloc, KITH_BLOB, 1);
	uint8_t wrap[32];
	uint8_t ms[32];
	uint8_t xnonce[24];
	uint8_t bound[32];
	uint16_t slot = (uint16_t)kith_rng_below(n->rng, SLOTS);

	if (inner == NULL || blob == NULL)
		goto out;
	kith_store_u64(inner + 4048, nonce);
	place_secret(c, &s);
	memset(&o, 0, sizeof(o));
	memcpy(o.ml, e->ml, 32);
	o.addr = e->addr;
	kith__request_place(o.tag, wrap, s.s, place >> 16, slot, e->ml);
	kith_nonce_bind(bound, o.tag, 16, inner, KITH_INNER);
	kith_noncer_next(&n->noncer, xnonce, bound);
	kith__blob_wrap(blob, xnonce, wrap, o.tag, inner);
	kith__mailbox_secret(ms, s.s);
	o.bucket.p = e->p;
	o.bucket.bucket = kith__bucket_word(n, ms, e->ml, e->p);
	o.ttl_class = 1;
	o.blob = blob;
	o.fn = put_done;
	o.a = c->id;
	o.b = place;
	if (kith__mbox_order_put(n, &o) != KITH_OK)
		kith_log_add(n->log, n->now, KITH_LOG_WARN,
			     "too much mailbox work: a contact request waits");
	kith_wipe(&s, sizeof(s));
	kith_wipe(ms, sizeof(ms));
	kith_wipe(wrap, sizeof(wrap));
out:
	kith_alloc_free(n->alloc, inner);
	kith_alloc_free(n->alloc, blob);
}

static void work_done(struct kith_node *n, uint64_t id, uint64_t place, struct kith_work *w)
{
	struct kith_contact *c = kith__contact(n, id);

	if (c == NULL || c->seek != KITH_SEEK_PUT || c->knock == NULL || c->request_blob == NULL ||
	    (place & 255) >= c->knock->count)
		return;
	put_with_nonce(n, c, place, kith__work_nonce(w));
}

static void start_work(struct kith_node *n, struct kith_contact *c, unsigned box, unsigned tries)
{
	uint64_t day = kith__wall_s(n) / KITH_DAY_S;
	struct kith_work_request q;

	if (kith__request_open_at(c, 0)->kind ==
	    KITH_REQUEST_AGAIN) { /* a contact asks without work */
		put_with_nonce(n, c, place_make(box, tries, day), 0);
		return;
	}
	memcpy(q.ik_b, c->ik, 32);
	memcpy(q.ml, c->knock->box[box].ml, 32);
	kith__request_digest(q.digest, c->request_blob);
	q.day = day;
	q.bits = c->knock->pow_bits;
	if (kith__work_request(n, &q, work_done, c->id, place_make(box, tries, day)) != KITH_OK)
		kith_log_add(n->log, n->now, KITH_LOG_WARN,
			     "too much work: a contact request waits");
}

static void start_puts(struct kith_node *n, uint64_t id, uint64_t unused)
{
	struct kith_contact *c = kith__contact(n, id);
	unsigned i;

	(void)unused;
	if (c == NULL || !seeking(c) || c->request_blob == NULL)
		return;
	kith__heal_send(n, c);
	if (c->knock == NULL) /* asked for on the link, before a mailbox was found */
		return;
	c->seek = KITH_SEEK_PUT;
	c->request_kept = 0;
	c->next_seek = n->now +
		       120u * (kith_time)KITH_US_PER_S; /* all of them answered by then, or again */
	for (i = 0; i < c->knock->count; i++)
		start_work(n, c, i, 0);
}

int kith__request_ready(struct kith_node *n, struct kith_contact *c)
{
	enum kith_request_kind kind;
	struct kith_list own;
	int status = KITH_OK;

	kith__own_list(n, &own);
	if (own.count == 0 || !kith__heal_kind(c, &kind))
		return KITH_E_STATE;
	if (!usable_request(n, c, kind))
		status = make_request(n, c, &own, kind);
	if (status == KITH_OK)
		kith__gate(n, start_puts, c->id, 0);
	return status;
}

static void seek_work(struct kith_node *n, struct kith_contact *c)
{
	int status = kith__request_ready(n, c);

	if (status == KITH_E_STATE) { /* the answer needs a place: wait for own mailboxes */
		c->seek = KITH_SEEK_WORK;
		c->next_seek = n->now + KITH_US_PER_S;
		return;
	}
	if (status != KITH_OK) {
		seek_later(n, c);
		return;
	}
	c->seek = KITH_SEEK_PUT;
	c->next_seek = KITH_NEVER;
}

static void bundle_got(struct kith_node *n, uint64_t id, uint64_t box, int status,
		       const uint8_t *blob, size_t len)
{
	struct kith_contact *c = kith__contact(n, id);

	if (c == NULL || c->seek != KITH_SEEK_BUNDLE || c->bundle_from != box)
		return;
	if (status != KITH_OK || len != KITH_BLOB || !bundle_open(n, c, blob)) {
		c->bundle_from++;
		seek_bundle(n, c);
		return;
	}
	seek_work(n, c);
}

/* A contact answers a new session as soon as it reads: who stays away is asked less often. */
static kith_time again_us(const struct kith_contact *c)
{
	kith_time wait = 3600u * (kith_time)KITH_US_PER_S;

	if (c->state == KITH_CONTACT_REQUESTED || c->heal_tries > 5)
		return SEEK_AGAIN_US;
	return wait << (c->heal_tries > 0 ? c->heal_tries - 1 : 0);
}

static void put_done(struct kith_node *n, uint64_t id, uint64_t place, int status,
		     const struct kith_receipt *r, const uint8_t mk[static 32], uint32_t position)
{
	struct kith_contact *c = kith__contact(n, id);
	unsigned tries = (unsigned)(place >> 8 & 255);

	(void)mk;
	(void)position;
	if (c == NULL || (c->seek != KITH_SEEK_PUT && c->seek != KITH_SEEK_DONE))
		return;
	if (status == KITH_E_EXISTS && tries + 1 < SLOT_TRIES) {
		start_work(n, c, (unsigned)(place & 255), tries + 1);
		return;
	}
	if (status != KITH_OK)
		return;
	if (c->request_kept == 0)
		c->heal_tries++;
	if (c->request_kept == 0 || r->expiry_s < c->request_until_s)
		c->request_until_s = r->expiry_s;
	c->request_kept++;
	c->seek = KITH_SEEK_DONE;
	c->seek_fails = 0;
	c->next_seek = n->now + kith_rng_jitter(n->rng, again_us(c), 10);
	kith__request_out_row(n, c);
	kith__event(n, KITH_EVENT_REQUEST_STATE, c->conv, c->id);
}

void kith__seek_tick(struct kith_node *n)
{
	size_t i;

	if (!n->has_identity)
		return;
	for (i = 0; i < n->contacts; i++) {
		struct kith_contact *c = n->contact[i];

		if (!seeking(c))
			continue;
		if (kith__healing(c))
			kith__heal_tick(n, c);
		if (n->now < c->next_seek)
			continue;
		switch (c->seek) {
		case KITH_SEEK_NONE:
		case KITH_SEEK_DONE: seek_knock(n, c); break;
		case KITH_SEEK_WORK: seek_work(n, c); break;
		case KITH_SEEK_PUT: seek_later(n, c); break;
		case KITH_SEEK_KNOCK:
		case KITH_SEEK_BUNDLE: break;
		}
	}
}

kith_time kith__seek_deadline(const struct kith_node *n)
{
	kith_time next = KITH_NEVER;
	size_t i;

	if (!n->has_identity)
		return next;
	for (i = 0; i < n->contacts; i++) {
		const struct kith_contact *c = n->contact[i];
		kith_time at = c->next_seek;

		if (!seeking(c))
			continue;
		if (kith__healing(c) && c->session != 0 && c->heal_ask < next)
			next = c->heal_ask;
		if (c->seek == KITH_SEEK_KNOCK || c->seek == KITH_SEEK_BUNDLE)
			continue;
		if (c->seek == KITH_SEEK_NONE &&
		    at <= n->now) /* waits for a peer: DHT events wake it */
			at = n->now + KITH_US_PER_S;
		if (at < next)
			next = at;
	}
	return next;
}
