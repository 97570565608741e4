/* SPDX-License-Identifier: ISC */
/*
 * Own records in the DHT (crypto.md 3, mailbox.md 3): a knock record under each live capability, a
 * presence record under each live P (a contact may not have the newest), for the present period
 * and, near an edge, its neighbour.
 *
 * Order: the prekey bundle is PUT at a mailbox before any knock record names that mailbox; the
 * record's sequence number is durable before the record is published. dht/ repeats what it was
 * given every hour, so a record is signed again only when its content or the period changed.
 */
#include <string.h>

#include "node/internal.h"

#define RECORDS_MAX     64u /* 16 capabilities and 3 P, two periods each, some ending */
#define BUNDLES_MAX     64u /* 16 capabilities x 3 mailboxes */
#define KNOCK_BOXES     3u
#define EDGE_S          10800u /* neighbours of a period are published within 3 h of its edge */
#define LOOK_AGAIN_US   (600u * (kith_time)KITH_US_PER_S)
#define BUNDLE_RETRY_US (30u * (kith_time)KITH_US_PER_S)
#define AGREE_US        (1800u * (kith_time)KITH_US_PER_S)
#define BUNDLE_AGAIN_US (86400u * (kith_time)KITH_US_PER_S)

struct record_slot {
	uint64_t secret, period, content; /* fingerprints and period number */
	uint32_t op;
	uint8_t record[KITH_RECORD];
};

enum bundle_state { BUNDLE_NONE, BUNDLE_PUTTING, BUNDLE_PUT };
struct bundle_slot {
	uint32_t spk_id;
	uint64_t secret;
	uint8_t ml[32];
	enum bundle_state state;
	bool there; /* put at least once since the start */
	kith_time next;
};

struct kith_publish {
	struct record_slot *record[RECORDS_MAX];
	size_t records;
	struct bundle_slot bundle[BUNDLES_MAX];
	size_t bundles;
};

static uint64_t print_of(const void *p, size_t len)
{
	static const uint8_t key[16];

	return kith_siphash(key, p, len);
}

void kith__publish_soon(struct kith_node *n)
{
	kith_time at = n->now + 200u * (kith_time)KITH_US_PER_MS; /* changes come in groups */

	if (n->next_publish > at)
		n->next_publish = at;
}

/* ---- bundles ---- */

static void bundle_done(struct kith_node *n, uint64_t index, uint64_t spk_id, int status,
			const struct kith_receipt *r, const uint8_t mk[static 32],
			uint32_t position)
{
	struct bundle_slot *b = &n->publish->bundle[index];

	(void)r;
	(void)mk;
	(void)position;
	if (index >= n->publish->bundles || b->spk_id != spk_id || b->state != BUNDLE_PUTTING)
		return;
	b->state = status == KITH_OK ? BUNDLE_PUT : BUNDLE_NONE;
	b->there |= status == KITH_OK;
	b->next = n->now + (status == KITH_OK ? BUNDLE_AGAIN_US : BUNDLE_RETRY_US);
	/* Somebody squats the place: another prekey. */
	if (status == KITH_E_EXISTS && n->id->prekey[0]->id == spk_id &&
	    kith__prekey_new(n) != KITH_OK)
		kith_log_add(n->log, n->now, KITH_LOG_ERROR, "no memory for a new prekey");
	kith__publish_soon(n);
}

static void bundle_put(struct kith_node *n, const struct kith_record_secret *s,
		       const struct kith_list_entry *e, size_t index)
{
	const struct kith_own_prekey *k = n->id->prekey[0];
	struct kith_put_order o;
	struct kith_bundle b;
	uint8_t *inner = kith_alloc_zero(n->alloc, KITH_INNER, 1);
	uint8_t *blob = kith_alloc_zero(n->alloc, KITH_BLOB, 1);
	uint8_t wrap[32];
	uint8_t place[64];
	uint8_t nonce[32];
	uint8_t ms[32];

	if (inner == NULL || blob == NULL)
		goto out;
	memcpy(b.xk, n->id->xk, 32);
	b.spk_id = k->id;
	memcpy(b.spk, k->spk, 32);
	memcpy(b.ek, k->ek, sizeof(b.ek));
	b.not_after = k->expires_s;
	kith__bundle_make(inner, &b, n->id->ik_seed, n->id->ik);
	memset(&o, 0, sizeof(o));
	memcpy(o.ml, e->ml, 32);
	memcpy(o.mk, e->mk, 32);
	o.has_mk = true;
	o.addr = e->addr;
	kith__bundle_place(o.tag, wrap, s->s, k->id, e->ml);
	/* The same bytes each time, also after a restart: the nonce follows from the prekey's
	 * secret. */
	memcpy(place, s->s, 32);
	memcpy(place + 32, e->ml, 32);
	kith_kdf(nonce, k->kem_seed, 64, KITH_L_BU_NONCE, place, sizeof(place));
	kith__blob_wrap(blob, nonce, wrap, o.tag, inner);
	kith__mailbox_secret(ms, s->s);
	o.bucket.p = e->p;
	o.bucket.bucket = kith__bucket_word(n, ms, e->ml, e->p);
	kith_wipe(ms, sizeof(ms));
	o.ttl_class = 2;
	o.blob = blob;
	o.fn = bundle_done;
	o.a = index;
	o.b = k->id;
	n->publish->bundle[index].state = BUNDLE_PUTTING;
	if (kith__mbox_order_put(n, &o) != KITH_OK) {
		n->publish->bundle[index].state = BUNDLE_NONE;
		n->publish->bundle[index].next = n->now + BUNDLE_RETRY_US;
	}
out:
	kith_wipe(wrap, sizeof(wrap));
	kith_alloc_free(n->alloc, inner);
	kith_alloc_free(n->alloc, blob);
}

static struct bundle_slot *bundle_slot(struct kith_node *n, uint64_t secret,
				       const uint8_t ml[static 32])
{
	struct kith_publish *p = n->publish;
	uint32_t spk_id = n->id->prekey[0]->id;
	struct bundle_slot *b;
	size_t i;

	for (i = 0; i < p->bundles; i++) {
		b = &p->bundle[i];
		if (b->spk_id == spk_id && b->secret == secret && memcmp(b->ml, ml, 32) == 0)
			return b;
	}
	for (i = 0; i < p->bundles; i++) /* a slot of a former prekey */
		if (p->bundle[i].spk_id != spk_id && p->bundle[i].state != BUNDLE_PUTTING)
			break;
	if (i == p->bundles) {
		if (p->bundles == BUNDLES_MAX)
			return NULL;
		p->bundles++;
	}
	b = &p->bundle[i];
	memset(b, 0, sizeof(*b));
	b->spk_id = spk_id;
	b->secret = secret;
	memcpy(b->ml, ml, 32);
	return b;
}

/* Starts what is missing; fills `k` with the mailboxes where the bundle is. */
static void knock_boxes(struct kith_node *n, const struct kith_record_secret *s,
			const struct kith_list *own, struct kith_knock *k)
{
	unsigned i;

	for (i = 0; i < own->count && k->count < KNOCK_BOXES; i++) {
		struct bundle_slot *b = bundle_slot(n, print_of(s->s, 32), own->box[i].ml);

		if (b == NULL)
			continue;
		if (b->state != BUNDLE_PUTTING && n->now >= b->next)
			bundle_put(n, s, &own->box[i], (size_t)(b - n->publish->bundle));
		if (b->there) {
			memcpy(k->box[k->count].ml, own->box[i].ml, 32);
			k->box[k->count].addr = own->box[i].addr;
			k->box[k->count].p = own->box[i].p;
			k->box[k->count].retention = own->box[i].retention;
			k->box[k->count].flags = own->box[i].flags;
			k->count++;
		}
	}
}

/* ---- records ---- */

static void publish_entry(struct kith_node *n, uint64_t secret, uint64_t period)
{
	struct kith_publish *p = n->publish;
	size_t i;

	for (i = 0; i < p->records; i++)
		if (p->record[i]->secret == secret && p->record[i]->period == period &&
		    kith_dht_publish(n->dht, p->record[i]->record, KITH_RECORD, &p->record[i]->op,
				     n->now) != KITH_OK)
			kith_log_add(n->log, n->now, KITH_LOG_WARN,
				     "a record could not be published");
}

static struct record_slot *record_slot(struct kith_node *n, uint64_t secret, uint64_t period)
{
	struct kith_publish *p = n->publish;
	struct record_slot *slot;
	size_t i;

	for (i = 0; i < p->records; i++)
		if (p->record[i]->secret == secret && p->record[i]->period == period)
			return p->record[i];
	for (i = 0; i < p->records; i++)
		if (p->record[i]->secret == secret && p->record[i]->period + 2 < period)
			break;
	if (i == p->records) {
		if (p->records == RECORDS_MAX)
			return NULL;
		slot = kith_alloc_zero(n->alloc, 1, sizeof(*slot));
		if (slot == NULL)
			return NULL;
		p->record[p->records++] = slot;
	} else {
		slot = p->record[i];
		kith_dht_cancel(n->dht, slot->op);
		memset(slot, 0, sizeof(*slot));
	}
	slot->secret = secret;
	slot->period = period;
	return slot;
}

uint64_t kith__publish_seq(struct kith_node *n)
{
	uint64_t seq = n->id->record_seq + 1;

	if (seq < kith__wall_s(n))
		seq = kith__wall_s(n);
	n->id->record_seq = seq;
	kith__row_meta_int(n, "record_seq", (int64_t)seq);
	return seq;
}

static void record_make(struct kith_node *n, const struct kith_record_secret *s, uint64_t period,
			const uint8_t content[static KITH_RECORD_CONTENT])
{
	uint64_t secret = print_of(s->s, 32);
	uint64_t print = print_of(content, KITH_RECORD_CONTENT);
	struct record_slot *slot = record_slot(n, secret, period);

	if (slot == NULL || slot->content == print)
		return;
	if (kith_record_make(slot->record, s, n->id->ik_seed, period, kith__publish_seq(n), content,
			     &n->noncer) != KITH_OK)
		return;
	slot->content = print;
	kith__gate(n, publish_entry, secret, period);
}

/* Calls make for the present period and, near its edges, the neighbour. */
static void for_periods(struct kith_node *n, const struct kith_record_secret *s,
			void (*make)(struct kith_node *n, const struct kith_record_secret *s,
				     uint64_t period, uint64_t start_s))
{
	uint64_t now_s = kith__wall_s(n);
	uint64_t start_s;
	uint64_t period = kith_record_period(s, now_s, &start_s);

	make(n, s, period, start_s);
	if (now_s < start_s + EDGE_S)
		make(n, s, period - 1, start_s - KITH_DAY_S);
	if (now_s >= start_s + KITH_DAY_S - EDGE_S)
		make(n, s, period + 1, start_s + KITH_DAY_S);
}

bool kith__publish_knock(struct kith_node *n, const struct kith_record_secret *s, uint64_t start_s,
			 uint8_t content[static KITH_RECORD_CONTENT], bool *whole)
{
	struct kith_own_prekey *spk = n->id->prekey[0];
	struct kith_list own;
	struct kith_knock k;

	memset(&k, 0, sizeof(k));
	kith__own_list(n, &own);
	knock_boxes(n, s, &own, &k);
	*whole = k.count == (own.count < KNOCK_BOXES ? own.count : KNOCK_BOXES);
	if (k.count == 0)
		return false;
	k.expiry_s = start_s + 2u * KITH_DAY_S;
	memcpy(k.manifest, n->id->manifest_hash, 32);
	memcpy(k.xk, n->id->xk, 32);
	k.spk_id = spk->id;
	memcpy(k.spk, spk->spk, 32);
	kith_blake2b(k.ek_hash, spk->ek, sizeof(spk->ek));
	k.pow_bits = (uint8_t)n->cfg.work_bits;
	k.device = n->id->device;
	kith__knock_encode(content, &k);
	return true;
}

static void make_knock(struct kith_node *n, const struct kith_record_secret *s, uint64_t period,
		       uint64_t start_s)
{
	uint8_t content[KITH_RECORD_CONTENT];
	bool whole;

	if (kith__publish_knock(n, s, start_s, content, &whole))
		record_make(n, s, period, content);
}

static unsigned endpoint_add(struct kith_addr out[static 3], unsigned count,
			     const struct kith_addr *a)
{
	for (unsigned i = 0; i < count; i++)
		if (kith_addr_equal(&out[i], a))
			return count;
	if (count < 3 && !kith_addr_is_unusable(a))
		out[count++] = *a;
	return count;
}

/* One reporter could send our contacts anywhere: two of different groups must agree. */
void kith__observed(struct kith_node *n, const struct kith_addr *from, const struct kith_addr *addr)
{
	struct kith_group group = kith_addr_group(from, KITH_WIDTH_NEAR);
	size_t oldest = 0;
	bool agreed = false;
	size_t i;

	n->observed = *addr;
	for (i = 0; i < n->tolds; i++) {
		if (kith_group_equal(&n->told[i].group, &group))
			break;
		if (n->told[i].at < n->told[oldest].at)
			oldest = i;
	}
	if (i == sizeof(n->told) / sizeof(n->told[0]))
		i = oldest;
	else if (i == n->tolds)
		n->tolds++;
	n->told[i].group = group;
	n->told[i].addr = *addr;
	n->told[i].at = n->now;
	for (i = 0; i < n->tolds; i++)
		agreed |= !kith_group_equal(&n->told[i].group, &group) &&
			  kith_addr_equal(&n->told[i].addr, addr) &&
			  n->now - n->told[i].at <= AGREE_US;
	if (agreed && !kith_addr_equal(&n->observed_sure, addr)) {
		n->observed_sure = *addr;
		kith__publish_soon(n);
	}
}

void kith__observed_clear(struct kith_node *n)
{
	n->tolds = 0;
	memset(&n->observed_sure, 0, sizeof(n->observed_sure));
}

/* Addresses contacts may try: public ones, then the observed one, then local ones. */
static unsigned endpoints(const struct kith_node *n, struct kith_addr out[static 3])
{
	unsigned count = 0;

	if (!n->cfg.publish_address)
		return 0;
	if (!kith_addr_is_none(&n->endpoint))
		count = endpoint_add(out, count, &n->endpoint);
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < n->own_addrs; i++)
			if (kith_addr_is_private(&n->own_addr[i]) == (pass == 1))
				count = endpoint_add(out, count, &n->own_addr[i]);
		if (pass == 0 && !kith_addr_is_none(&n->observed_sure))
			count = endpoint_add(out, count, &n->observed_sure);
	}
	return count;
}

void kith__publish_presence(const struct kith_node *n, const struct kith_record_secret *s,
			    uint64_t start_s, bool ahead,
			    uint8_t content[static KITH_RECORD_CONTENT])
{
	struct kith_presence p;
	struct kith_list own;
	unsigned i;

	memset(&p, 0, sizeof(p));
	kith__own_list(n, &own);
	p.expiry_s = start_s + 2u * KITH_DAY_S;
	for (i = 0; i + 1 < n->id->presences && !kith_equal(n->id->presence[i].p, s->s, 32);)
		i++;
	p.p_epoch = n->id->presence[i].epoch;
	p.list_version = own.version;
	p.manifest_version = 1;
	memcpy(p.manifest, n->id->manifest_hash, 32);
	memcpy(p.instance, n->id->instance, 8);
	p.devices = 1;
	p.device[0].id = n->id->device;
	memcpy(p.device[0].lk, n->id->lk, 32);
	p.device[0].count = ahead ? 0 : endpoints(n, p.device[0].addr);
	p.count = own.count;
	for (i = 0; i < own.count; i++) {
		memcpy(p.box[i].ml, own.box[i].ml, 32);
		p.box[i].addr = own.box[i].addr;
		p.box[i].p = own.box[i].p;
		p.box[i].retention = own.box[i].retention;
		p.box[i].flags = own.box[i].flags;
	}
	kith__presence_encode(content, &p);
}

static void make_presence(struct kith_node *n, const struct kith_record_secret *s, uint64_t period,
			  uint64_t start_s)
{
	uint8_t content[KITH_RECORD_CONTENT];

	kith__publish_presence(n, s, start_s, false, content);
	record_make(n, s, period, content);
}

/* Records under what has ended are repeated no more. */
static void drop_records(struct kith_node *n, const uint64_t *print, size_t prints)
{
	struct kith_publish *p = n->publish;
	size_t i;
	size_t k;

	for (i = p->records; i-- > 0;) {
		for (k = 0; k < prints && print[k] != p->record[i]->secret;)
			k++;
		if (k < prints)
			continue;
		kith_dht_cancel(n->dht, p->record[i]->op);
		kith_alloc_free(n->alloc, p->record[i]);
		p->record[i] = p->record[--p->records];
	}
}

static void publish_all(struct kith_node *n)
{
	struct kith_record_secret s;
	size_t live = n->contacts > 0 ? kith__presences_live(n) : 0; /* else nobody can ask */
	uint64_t print[KITH_CAPS_MAX + KITH_PRESENCES_MAX];
	size_t prints = 0;
	size_t i;

	memcpy(s.ik, n->id->ik, 32);
	for (i = 0; i < n->id->caps; i++) {
		const struct kith_own_cap *cap = &n->id->cap[i];

		if (cap->revoked || (cap->shared && n->contacts == 0))
			continue;
		kith_record_knock_secret(s.s, cap->cap, n->id->ik);
		print[prints++] = print_of(s.s, 32);
		for_periods(n, &s, make_knock);
	}
	for (i = 0; i < live; i++) {
		memcpy(s.s, n->id->presence[i].p, 32);
		print[prints++] = print_of(s.s, 32);
		for_periods(n, &s, make_presence);
	}
	drop_records(n, print, prints);
	kith_wipe(&s, sizeof(s));
}

void kith__publish_tick(struct kith_node *n)
{
	if (!n->has_identity || !n->dht_ready || n->hold || n->now < n->next_publish)
		return;
	if (n->publish == NULL)
		n->publish = kith_alloc_zero(n->alloc, 1, sizeof(*n->publish));
	if (n->publish == NULL)
		return;
	n->next_publish = n->now + kith_rng_jitter(n->rng, LOOK_AGAIN_US, 25);
	publish_all(n);
	if (n->next_deposit > n->now)
		n->next_deposit = n->now;
}

kith_time kith__publish_deadline(const struct kith_node *n)
{
	return n->has_identity && n->dht_ready && !n->hold ? n->next_publish : KITH_NEVER;
}

void kith__publish_again(struct kith_node *n)
{
	size_t i;

	for (i = 0; n->publish != NULL && i < n->publish->records; i++)
		n->publish->record[i]->content = 0;
	kith__publish_soon(n);
}

/* The network holds a newer record under an own key than ours. */
bool kith__publish_dht(struct kith_node *n, const struct kith_dht_event *e)
{
	struct kith_publish *p = n->publish;
	const struct record_slot *slot = NULL;
	size_t i;

	for (i = 0; p != NULL && i < p->records; i++)
		if (e->op != 0 && p->record[i]->op == e->op)
			slot = p->record[i];
	if (slot == NULL)
		return false;
	for (i = 0; i < n->id->presences; i++)
		if (print_of(n->id->presence[i].p, 32) == slot->secret) {
			kith__twin_record(n, &n->id->presence[i], slot->period, e->record);
			break;
		}
	return true;
}

void kith__publish_free(struct kith_node *n)
{
	size_t i;

	if (n->publish == NULL)
		return;
	for (i = 0; i < n->publish->records; i++) {
		kith_dht_cancel(n->dht, n->publish->record[i]->op);
		kith_alloc_free(n->alloc, n->publish->record[i]);
	}
	kith_alloc_free(n->alloc, n->publish);
	n->publish = NULL;
}
