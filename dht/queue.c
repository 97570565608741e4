/* SPDX-License-Identifier: ISC */
/*
 * What leaves the engine: sealed datagrams and events, each in a list with a cap; and the cache of
 * pair keys, four ways per set, most recent first. The set is chosen by a keyed hash of the peer's
 * key, so nobody can aim at another's place.
 */
#include <string.h>

#include "dht/internal.h"

#define WAYS 4u

uint64_t kith__unix(const struct kith_dht *d, kith_time now)
{
	return d->wall_s + (now - d->wall_at) / KITH_US_PER_S;
}

uint32_t kith__group_hash(const struct kith_dht *d, const struct kith_addr *a, enum kith_width w)
{
	struct kith_group g = kith_addr_group(a, w);

	return (uint32_t)kith_siphash(d->hash_key, g.b, sizeof(g.b));
}

static bool derive(const struct kith__self *self, const uint8_t *key, struct kith__pair *p)
{
	uint8_t dh[32];
	bool good = kith_dh(dh, self->secret, key) == KITH_OK;

	if (good) {
		kith__rpc_key(p->out, dh, self->key, key);
		kith__rpc_key(p->in, dh, key, self->key);
	}
	kith_wipe(dh, sizeof(dh));
	return good;
}

/* False: the key is refused, or (for a datagram from outside) the budget for strangers is
 * used up. */
bool kith__pair_keys(struct kith_dht *d, const struct kith__self *self, const uint8_t *key,
		     bool stranger, const uint8_t **out, const uint8_t **in, kith_time now)
{
	size_t sets = d->params.pair_keys / WAYS, way;
	struct kith__pair *set, hit;
	uint8_t name[64];
	uint64_t tag;

	memcpy(name, key, 32);
	memcpy(name + 32, self->key, 32);
	tag = kith_siphash(d->hash_key, name, sizeof(name)) | 1u;
	set = d->pairs + (tag >> 32) % sets * WAYS;
	for (way = 0; way < WAYS - 1 && set[way].tag != tag; way++)
		;
	hit = set[way];
	if (hit.tag != tag) {
		if (stranger && !kith__budget_take(&d->limiter.dh, 1000, 1, 0, now)) {
			d->counters.drop_limit++;
			return false;
		}
		d->counters.dh_misses++;
		hit.tag = tag;
		if (!derive(self, key, &hit)) {
			d->counters.drop_key++;
			return false;
		}
	}
	memmove(set + 1, set, way * sizeof(*set));
	set[0] = hit;
	kith_wipe(&hit, sizeof(hit));
	*out = set[0].out;
	*in = set[0].in;
	return true;
}

void kith__send(struct kith_dht *d, const struct kith__self *self, const uint8_t key[static 32],
		const struct kith_addr *to, const struct kith__msg *m, size_t size)
{
	size_t body = kith__wire_body(size);
	struct kith__packet *p;
	const uint8_t *out, *in;
	uint8_t nonce[24];

	KITH_ASSERT(body != 0);
	if (d->packet_count >= KITH__PACKETS_MAX ||
	    !kith__pair_keys(d, self, key, false, &out, &in, d->wall_at))
		return;
	p = kith_alloc_zero(d->alloc, 1, sizeof(*p) + size);
	if (p == NULL)
		return;
	p->to = *to;
	p->len = size;
	kith__wire_encode(p->data + 64, body, m);
	kith_noncer_next(&d->noncer, nonce, p->data + 64);
	kith__rpc_seal(p->data, body, self, key, out, d->network, nonce);
	if (d->packet_tail != NULL)
		d->packet_tail->next = p;
	else
		d->packet_head = p;
	d->packet_tail = p;
	d->packet_count++;
	d->counters.tx_datagrams++;
	d->counters.tx_bytes += size;
}

bool kith_dht_output(struct kith_dht *d, struct kith_dgram_out *out, kith_time now)
{
	struct kith__packet *p = d->packet_head;

	(void)now;
	kith_alloc_free(d->alloc, d->packet_sent);
	d->packet_sent = p;
	if (p == NULL)
		return false;
	d->packet_head = p->next;
	if (p->next == NULL)
		d->packet_tail = NULL;
	d->packet_count--;
	memset(out, 0, sizeof(*out));
	out->remote = p->to;
	out->data = p->data;
	out->len = p->len;
	return true;
}

void kith__emit(struct kith_dht *d, const struct kith_dht_event *e, const uint8_t *record)
{
	size_t extra = record != NULL ? KITH_RECORD : 0;
	struct kith__note *n;

	if (d->note_count >= KITH_DHT_EVENTS_MAX)
		return;
	n = kith_alloc_zero(d->alloc, 1, sizeof(*n) + extra);
	if (n == NULL)
		return;
	n->event = *e;
	if (record != NULL) {
		memcpy(n->record, record, KITH_RECORD);
		n->event.record = n->record;
	}
	if (d->note_tail != NULL)
		d->note_tail->next = n;
	else
		d->note_head = n;
	d->note_tail = n;
	d->note_count++;
}

bool kith_dht_event(struct kith_dht *d, struct kith_dht_event *out)
{
	struct kith__note *n = d->note_head;

	kith_alloc_free(d->alloc, d->note_shown);
	d->note_shown = n;
	if (n == NULL)
		return false;
	d->note_head = n->next;
	if (n->next == NULL)
		d->note_tail = NULL;
	d->note_count--;
	*out = n->event;
	return true;
}

void kith__queue_wipe(struct kith_dht *d)
{
	struct kith_dgram_out out;
	struct kith_dht_event event;

	while (kith_dht_output(d, &out, 0))
		;
	while (kith_dht_event(d, &event))
		;
}
