/* SPDX-License-Identifier: ISC */
/*
 * Invitations: a capability each, shown as a KITH: link with hints to peers that last. A link holds
 * the own node only when asked for (client.md 5.2).
 */
#include <string.h>

#include "base/text.h"
#include "node/internal.h"

static bool own_address(const struct kith_node *n, struct kith_addr *out)
{
	size_t i;

	if (!kith_addr_is_none(&n->endpoint)) {
		*out = n->endpoint;
		return true;
	}
	for (i = 0; i < n->own_addrs; i++)
		if (!kith_addr_is_private(&n->own_addr[i])) {
			*out = n->own_addr[i];
			return true;
		}
	if (!kith_addr_is_none(&n->observed)) {
		*out = n->observed;
		return true;
	}
	for (i = 0; i < n->own_addrs; i++)
		if (!kith_addr_is_loopback(&n->own_addr[i])) {
			*out = n->own_addr[i];
			return true;
		}
	if (n->own_addrs == 0)
		return false;
	*out = n->own_addr[0];
	return true;
}

static bool own_hint(const struct kith_node *n, struct kith_hint *h)
{
	if (!own_address(n, &h->addr))
		return false;
	kith_dh_public(h->key, n->cfg.node_secret);
	return true;
}

int kith_node_own_hint(const struct kith_node *n, char *out, size_t cap)
{
	struct kith_hint h;

	if (cap < 96)
		return KITH_E_MALFORMED;
	if (!own_hint(n, &h))
		return KITH_E_STATE;
	kith__hint_format(out, &h);
	return KITH_OK;
}

int kith_node_hint_text(const uint8_t secret[static 32], const struct kith_addr *addr,
			char out[static 96])
{
	struct kith_hint h;

	if (kith_addr_is_unusable(addr))
		return KITH_E_MALFORMED;
	kith_dh_public(h.key, secret);
	h.addr = *addr;
	kith__hint_format(out, &h);
	return KITH_OK;
}

/* Long-lived peers first: own mailboxes by rank, then the oldest entries of the table. */
static size_t gather_hints(const struct kith_node *n, struct kith_hint *hint, size_t max)
{
	size_t count = 0;
	size_t i;
	size_t k;

	for (i = 0; i < n->boxes && count < max; i++)
		if (n->box[i].listed && !kith_addr_is_none(&n->box[i].e.addr)) {
			memcpy(hint[count].key, n->box[i].e.ml, 32);
			hint[count++].addr = n->box[i].e.addr;
		}
	for (i = 0; count < max; i++) {
		struct kith_dht_seed seed;
		uint32_t srtt;
		bool known = false;

		if (!kith_dht_peer(n->dht, i, &seed, &srtt))
			break;
		for (k = 0; k < count; k++)
			known |= memcmp(hint[k].key, seed.key, 32) == 0;
		if (!known) {
			memcpy(hint[count].key, seed.key, 32);
			hint[count++].addr = seed.addr;
		}
	}
	return count;
}

static void format_link(const struct kith_node *n, const struct kith_own_cap *cap, unsigned hints,
			bool include_self, char link[static KITH_LINK_TEXT])
{
	struct kith_address address;
	struct kith_hint hint[3];
	size_t count = 0;

	if (include_self && own_hint(n, &hint[0]))
		count = 1;
	if (hints > count)
		count += gather_hints(n, hint + count, hints - count);
	memcpy(address.ik, n->id->ik, 32);
	memcpy(address.cap, cap->cap, 16);
	kith__link_format(link, &address, hint, count);
}

_Static_assert(KITH_NODE_LINK == KITH_LINK_TEXT, "one length for links");

int kith_node_invitation_link(const struct kith_node *n, uint64_t id, unsigned hints,
			      bool include_self, char out[static KITH_NODE_LINK])
{
	if (!n->has_identity)
		return KITH_E_STATE;
	for (size_t k = 0; k < n->id->caps; k++) {
		const struct kith_own_cap *cap = &n->id->cap[k];

		if (cap->id != id || cap->revoked || cap->shared)
			continue;
		format_link(n, cap, hints > 3 ? 3 : hints, include_self, out);
		return KITH_OK;
	}
	return KITH_E_NOTFOUND;
}

int kith_node_invite(struct kith_node *n, const char *label, unsigned hints, bool include_self,
		     uint32_t call, kith_time now)
{
	char link[KITH_LINK_TEXT];
	struct kith_own_cap *cap;

	n->now = now;
	if (kith__may_write(n) != KITH_OK)
		return kith__may_write(n);
	if (!n->has_identity)
		return KITH_E_STATE;
	if (hints > 3 || strlen(label) > KITH_NAME_MAX || !kith_text_valid(label, strlen(label)))
		return KITH_E_MALFORMED;
	cap = kith__cap_new(n, label, false);
	if (cap == NULL)
		return KITH_E_FULL;
	format_link(n, cap, hints, include_self, link);
	kith__publish_soon(n);
	kith__fetch_buckets_changed(n);
	kith__reply_text(n, call, cap->id, link);
	return KITH_OK;
}

bool kith_node_invitation(const struct kith_node *n, size_t i, struct kith_node_invitation *out)
{
	size_t k;

	if (!n->has_identity)
		return false;
	for (k = 0; k < n->id->caps; k++) {
		const struct kith_own_cap *cap = &n->id->cap[k];

		if (cap->revoked || cap->shared || i-- > 0)
			continue;
		out->id = cap->id;
		out->label = cap->label;
		out->created_ms = cap->created_ms;
		out->uses = cap->uses;
		return true;
	}
	return false;
}

int kith_node_invitation_revoke(struct kith_node *n, uint64_t id, uint32_t call, kith_time now)
{
	size_t k;

	n->now = now;
	if (!n->has_identity)
		return KITH_E_STATE;
	for (k = 0; k < n->id->caps; k++) {
		struct kith_own_cap *cap = &n->id->cap[k];

		if (cap->id != id || cap->revoked || cap->shared)
			continue;
		cap->revoked = true;
		kith__row_invitation(n, cap);
		*cap = n->id->cap[--n->id->caps];
		kith_wipe(&n->id->cap[n->id->caps], sizeof(*cap));
		kith__publish_soon(n);
		kith__fetch_buckets_changed(n);
		kith__reply_done(n, call, id, 0);
		return KITH_OK;
	}
	return KITH_E_NOTFOUND;
}

enum kith_invitation_fault kith_node_invitation_check(const struct kith_node *n, const char *link,
						      size_t len, unsigned *hints,
						      uint64_t *contact, char shortname[static 9])
{
	static const enum kith_invitation_fault fault[] = {
		[KITH_LINK_OK] = KITH_INVITATION_OK,
		[KITH_LINK_LENGTH] = KITH_INVITATION_LENGTH,
		[KITH_LINK_VERSION] = KITH_INVITATION_VERSION,
		[KITH_LINK_CHECKSUM] = KITH_INVITATION_CHECKSUM,
		[KITH_LINK_KEY] = KITH_INVITATION_CHECKSUM,
	};
	struct kith_address a;
	struct kith_hint hint[3];
	struct kith_contact *c;
	size_t count = 0;
	enum kith_link_error error = kith__link_parse(&a, hint, &count, link, len);

	*hints = (unsigned)count;
	*contact = 0;
	shortname[0] = '\0';
	if (error != KITH_LINK_OK)
		return fault[error];
	kith__shortname(shortname, a.ik);
	if (n->has_identity && memcmp(a.ik, n->id->ik, 32) == 0)
		return KITH_INVITATION_SELF;
	c = kith__contact_by_ik(n, a.ik);
	if (c != NULL)
		*contact = c->id;
	return KITH_INVITATION_OK;
}

int kith_node_hint_check(const char *hint, size_t len)
{
	struct kith_hint h;

	return kith__hint_parse(&h, hint, len);
}

int kith_node_bootstrap(struct kith_node *n, const char *hint, size_t len, kith_time now)
{
	struct kith_dht_seed seed;
	struct kith_hint h;
	int status = kith__hint_parse(&h, hint, len);

	n->now = now;
	if (status != KITH_OK)
		return status;
	memset(&seed, 0, sizeof(seed));
	memcpy(seed.key, h.key, 32);
	seed.addr = h.addr;
	n->has_start = true;
	return kith_dht_seed_contact(n->dht, &seed, now);
}
