/* SPDX-License-Identifier: ISC */
/*
 * The state of the node in numbers (node/control makes the sentence), counters of all layers, and
 * the seeds file.
 */
#include <string.h>

#include "node/internal.h"

#define SEED_BYTES       56u /* key 32, address 19, classes 2, zero 3 (dht.md 10) */
#define JOIN_PATIENCE_US (20u * (kith_time)KITH_US_PER_S)

static unsigned answering(const struct kith_node *n, bool *pinned)
{
	unsigned count = 0;
	size_t i;

	for (i = 0; i < n->boxes; i++)
		if (n->box[i].listed && n->box[i].fails == 0 && n->box[i].answered_ms != 0) {
			count++;
			*pinned |= n->box[i].source != KITH_SOURCE_FOUND;
		}
	return count;
}

static enum kith_node_phase phase(const struct kith_node *n, const struct kith_node_status *s,
				  const struct kith_dht_status *d)
{
	if (kith_store_state(n->account) == KITH_STORE_NOSPACE ||
	    (n->mailbox != NULL && kith_store_state(n->mailbox) == KITH_STORE_NOSPACE))
		return KITH_PHASE_DISK;
	if (d->offline && d->peers > 0)
		return KITH_PHASE_OFFLINE;
	if (d->peers == 0 && n->cfg.role == KITH_ROLE_ALWAYS_ON &&
	    n->now - n->started > JOIN_PATIENCE_US)
		return KITH_PHASE_ALONE;
	if (d->peers == 0)
		return n->now - n->started > JOIN_PATIENCE_US || !n->has_start ? KITH_PHASE_ALONE
									       : KITH_PHASE_JOINING;
	if (!d->ready)
		return KITH_PHASE_JOINING;
	if (n->clock_off_s > 300 || n->clock_off_s < -300)
		return KITH_PHASE_CLOCK;
	if (s->mailboxes > 0 && s->mailboxes_answering == 0 &&
	    n->now - n->started > JOIN_PATIENCE_US)
		return KITH_PHASE_FEW_MAILBOXES;
	return KITH_PHASE_ONLINE;
}

void kith_node_status(const struct kith_node *n, struct kith_node_status *out)
{
	struct kith_dht_status d = kith_dht_status(n->dht);
	size_t i;
	size_t k;

	memset(out, 0, sizeof(*out));
	out->peers = d.peers;
	out->mailboxes_wanted = 5;
	out->locked = n->locked;
	for (i = 0; i < n->boxes; i++)
		out->mailboxes += n->box[i].listed ? 1 : 0;
	out->mailboxes_answering = answering(n, &out->mailbox_pinned);
	for (i = 0; i < n->contacts; i++) {
		uint64_t last = 0;

		out->contacts_online += n->contact[i]->session != 0 ? 1 : 0;
		out->stalled += kith__stalled(n->contact[i]) ? 1 : 0;
		for (k = 0; k < n->contact[i]->outs; k++)
			if (n->contact[i]->out[k]->message != last &&
			    n->contact[i]->out[k]->message != 0) {
				last = n->contact[i]->out[k]->message;
				out->waiting++;
			}
	}
	for (i = 0; i < n->own_addrs; i++)
		out->direct |= kith_addr_equal(&n->own_addr[i], &n->observed);
	out->clock_off_ms = n->clock_off_s * 1000;
	out->phase = phase(n, out, &d);
	out->since = n->phase_since;
	if (n->service != NULL) {
		struct kith_mbox_service_status m = kith__mbox_service_status(n->service);

		out->serving = m.serving;
		out->items = m.items;
		out->members = m.members;
		out->disk_used = m.bytes;
		out->disk_max = m.disk_max;
	}
}

uint64_t kith_node_wall_ms(const struct kith_node *n)
{
	return kith__wall_ms(n);
}

void kith_node_counters(const struct kith_node *n,
			void (*put)(void *ctx, const char *name, uint64_t value), void *ctx)
{
	const struct kith_net_counters *net = kith_net_counters(n->net);
	const struct kith_dht_counters *dht = kith_dht_counters(n->dht);

#define X(name) put(ctx, "net." #name, net->name);
	KITH_NET_COUNTERS(X)
#undef X
#define X(name) put(ctx, "dht." #name, dht->name);
	KITH_DHT_COUNTERS(X)
#undef X
	put(ctx, "node.unknown_kinds", n->unknown_kinds);
	put(ctx, "node.frames_refused", n->refused_frames);
	put(ctx, "map.sent", n->mapping.sent);
	put(ctx, "map.answers", n->mapping.answers);
	put(ctx, "map.dropped", n->mapping.dropped);
	put(ctx, "net.sessions", kith_net_session_count(n->net));
	put(ctx, "dht.peers", kith_dht_status(n->dht).peers);
	put(ctx, "dht.records", kith_dht_status(n->dht).records);
	put(ctx, "dht.size_estimate", kith_dht_status(n->dht).size_estimate);
	put(ctx, "dht.server", n->dht_server);
	if (n->service != NULL) {
		struct kith_mbox_service_status m = kith__mbox_service_status(n->service);

		put(ctx, "mailbox.items", m.items);
		put(ctx, "mailbox.bytes", m.bytes);
		put(ctx, "mailbox.links", m.links);
		put(ctx, "mailbox.puts", m.puts);
		put(ctx, "mailbox.refused", m.refused);
		put(ctx, "mailbox.lists", m.lists);
		put(ctx, "mailbox.gets", m.gets);
		put(ctx, "mailbox.deletes", m.deletes);
		put(ctx, "mailbox.expired", m.expired);
		put(ctx, "mailbox.pushes", m.pushes);
	}
}

size_t kith_node_seeds(const struct kith_node *n, uint8_t *out, size_t cap)
{
	struct kith_dht_seed seed[KITH_DHT_SEEDS_MAX];
	size_t count = kith_dht_save(n->dht, seed, KITH_DHT_SEEDS_MAX);
	struct kith_writer w;
	size_t i;

	if (count > cap / SEED_BYTES)
		count = cap / SEED_BYTES;
	kith_writer_init(&w, out, cap);
	for (i = 0; i < count; i++) {
		kith_write_bytes(&w, seed[i].key, 32);
		kith_addr_write(&w, &seed[i].addr);
		kith_write_u8(&w, seed[i].age_class);
		kith_write_u8(&w, seed[i].srtt_class);
		kith_write_zeros(&w, 3);
	}
	return kith_write_end(&w) == KITH_OK ? w.len : 0;
}

void kith__seeds_load(struct kith_node *n, const uint8_t *in, size_t len)
{
	struct kith_reader r;

	kith_reader_init(&r, in, len);
	while (r.left >= SEED_BYTES) {
		struct kith_dht_seed seed;

		memset(&seed, 0, sizeof(seed));
		kith_read_bytes(&r, seed.key, 32);
		kith_addr_read(&r, &seed.addr);
		seed.age_class = kith_read_u8(&r);
		seed.srtt_class = kith_read_u8(&r);
		kith_read_skip(&r, 3);
		if (!kith_read_ok(&r))
			return;
		if (kith_dht_seed_contact(n->dht, &seed, n->now) == KITH_OK)
			n->has_start = true;
	}
}
