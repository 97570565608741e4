/* SPDX-License-Identifier: ISC */
/*
 * The list of own mailboxes and its versions (mailbox.md 2, crypto.md 8).
 *
 * A version is made BATCH after the last mailbox that newly answered, at the latest BATCH_MAX after
 * the first one; the first list comes sooner, so that custody does. It holds up to 5: pinned ones
 * first, then by score, ties by ML. The first three need nothing but an answer and 30 days of
 * retention; from the 4th on >= 3 sites among all and <= 2 in one wide group. No two share an MK.
 * A listed one goes when its retention fell below 30 days, when it was silent for 72 h while 3
 * others answer, or failed 2 audits while another one is there; a found one also to make room for a
 * pinned one. It is drained for 30 days. One that answers under another MK is listed anew with
 * that.
 *
 * A new version is one step of one batch: rows, tag chains of the receive side for every accepted
 * contact, and the body that tells them. While a contact has no room for one more, it waits.
 */
#include <string.h>

#include "node/mbox_own.h"

#define USED      5u
#define FREE_USED 3u /* rules of groups begin after these */
#define RETENTION 30u
#define AUDITS    2u
#define SILENT_MS (72u * 3600u * 1000u)
#define DRAIN_S   (30u * KITH__DAY_S)
#define MS(x)     ((kith_time)(x)*KITH_US_PER_MS)
#define PINNED(b) ((b)->source != KITH_SOURCE_FOUND)

void kith__version_soon(struct kith_node *n)
{
	struct kith_choose *c = kith__choose(n);
	bool first = n->list_version == 0;
	kith_time due = n->now + MS(first ? 1000 : 5000);

	if (c->list_due == KITH_NEVER)
		c->list_by = n->now + MS(first ? 2000 : 15000);
	c->list_due = due < c->list_by ? due : c->list_by;
}

void kith__own_list(const struct kith_node *n, struct kith_list *out)
{
	size_t i;

	memset(out, 0, sizeof(*out));
	out->version = n->list_version;
	for (i = 0; i < n->boxes && out->count < KITH_MAILBOXES_MAX; i++)
		if (n->box[i].listed)
			out->box[out->count++] = n->box[i].e;
}

static bool eligible(const struct kith_own_box *b)
{
	return b->answered_ms != 0 && b->fails == 0 && b->has_mk && b->e.retention >= RETENTION &&
	       b->audits < AUDITS;
}

static unsigned answering(const struct kith_node *n)
{
	unsigned count = 0;
	size_t i;

	for (i = 0; i < n->boxes; i++)
		count += n->box[i].listed && eligible(&n->box[i]);
	return count;
}

static bool others(const struct kith_node *n)
{
	size_t i;

	for (i = 0; i < n->boxes; i++)
		if (eligible(&n->box[i]))
			return true;
	return false;
}

static bool outlived(const struct kith_node *n, const struct kith_own_box *b)
{
	uint64_t up_ms = (n->now - n->started) / KITH_US_PER_MS;
	uint64_t now_ms = kith__wall_ms(n);
	uint64_t silent_ms = b->answered_ms == 0 ? up_ms : now_ms - b->answered_ms;

	if (b->audits >= AUDITS && others(n))
		return true;
	if (b->answered_ms != 0 && b->fails == 0)
		return b->e.retention < RETENTION;
	return b->fails > 0 && silent_ms > SILENT_MS && answering(n) >= FREE_USED;
}

/* Distinct sites among the wanted ones and `b`. */
static unsigned sites(const struct kith_node *n, const bool *want, size_t extra)
{
	unsigned count = 0;
	size_t i;
	size_t k;

	for (i = 0; i < n->boxes; i++) {
		struct kith_group g = kith_addr_group(&n->box[i].e.addr, KITH_WIDTH_SITE);
		bool known = false;

		if (!want[i] && i != extra)
			continue;
		for (k = 0; k < i && !known; k++) {
			struct kith_group o = kith_addr_group(&n->box[k].e.addr, KITH_WIDTH_SITE);

			known = (want[k] || k == extra) && kith_group_equal(&g, &o);
		}
		count += !known;
	}
	return count;
}

/* May box `c` join the wanted ones? */
static bool fits(const struct kith_node *n, const bool *want, size_t c)
{
	struct kith_group wide = kith_addr_group(&n->box[c].e.addr, KITH_WIDTH_WIDE);
	unsigned count = 0;
	unsigned same = 0;
	size_t i;

	for (i = 0; i < n->boxes; i++) {
		struct kith_group g = kith_addr_group(&n->box[i].e.addr, KITH_WIDTH_WIDE);

		if (!want[i])
			continue;
		if (memcmp(n->box[i].e.mk, n->box[c].e.mk, 32) == 0)
			return false;
		count++;
		same += kith_group_equal(&g, &wide);
	}
	if (count < FREE_USED || PINNED(&n->box[c]))
		return true;
	return same < 2 && sites(n, want, c) >= 3;
}

static bool better(const struct kith_node *n, size_t a, size_t b)
{
	int sa = kith__own_score(n, &n->box[a]);
	int sb = kith__own_score(n, &n->box[b]);

	return sa != sb ? sa > sb : memcmp(n->box[a].e.ml, n->box[b].e.ml, 32) < 0;
}

/* The best one that could join; n->boxes: none. */
static size_t best_candidate(const struct kith_node *n, const bool *want, bool pinned_only)
{
	size_t best = n->boxes;
	size_t i;

	for (i = 0; i < n->boxes; i++) {
		if (want[i] || !eligible(&n->box[i]) || (pinned_only && !PINNED(&n->box[i])))
			continue;
		if (fits(n, want, i) && (best == n->boxes || better(n, i, best)))
			best = i;
	}
	return best;
}

static size_t worst_found(const struct kith_node *n, const bool *want)
{
	size_t worst = n->boxes;
	size_t i;

	for (i = 0; i < n->boxes; i++)
		if (want[i] && !PINNED(&n->box[i]) && (worst == n->boxes || better(n, worst, i)))
			worst = i;
	return worst;
}

/* Marks what should be listed; false: nothing changes. */
static bool decide(const struct kith_node *n, bool *want)
{
	bool changed = false;
	unsigned count = 0;
	size_t i;

	for (i = 0; i < n->boxes; i++) {
		want[i] = n->box[i].listed && !outlived(n, &n->box[i]);
		count += want[i];
	}
	for (; count < USED; count++) {
		i = best_candidate(n, want, false);
		if (i == n->boxes)
			break;
		want[i] = true;
	}
	i = best_candidate(n, want, true);
	if (count >= USED && i < n->boxes && worst_found(n, want) < n->boxes) {
		want[worst_found(n, want)] = false;
		want[i] = true;
	}
	for (i = 0; i < n->boxes; i++)
		changed |= want[i] != n->box[i].listed || (want[i] && n->box[i].rekeyed);
	return changed && count > 0;
}

static bool contacts_have_room(const struct kith_node *n)
{
	size_t i;

	for (i = 0; i < n->contacts; i++)
		if (n->contact[i]->recv.count >= KITH_LIST_VERSIONS_MAX)
			return false;
	return true;
}

static void tell(struct kith_node *n, struct kith_contact *c, const struct kith_list *l,
		 const uint8_t (*ml)[32], const uint8_t *content, size_t len)
{
	if (c->state != KITH_CONTACT_ACCEPTED || !c->recv.has_root)
		return;
	if (kith__tagbook_list(&c->recv, l->version, ml, l->count) != KITH_OK) {
		kith_log_add(n->log, n->now, KITH_LOG_ERROR, "no tag chains for a new list");
		return;
	}
	kith__dirty(n, c, false, false, true);
	if (kith__outbox_add(n, c, KITH_BODY_LIST, 0, NULL, content, len) == NULL)
		kith_log_add(n->log, n->now, KITH_LOG_ERROR, "a mailbox list was not queued");
}

static void tell_all(struct kith_node *n)
{
	uint8_t content[KITH_BODY - KITH_BODY_HEAD];
	uint8_t ml[KITH_MAILBOXES_MAX][32];
	struct kith_list l;
	size_t len;
	size_t i;

	kith__own_list(n, &l);
	for (i = 0; i < l.count; i++)
		memcpy(ml[i], l.box[i].ml, 32);
	len = kith__list_encode(content, sizeof(content), &l);
	KITH_ASSERT(len > 0);
	for (i = 0; i < n->contacts; i++)
		tell(n, n->contact[i], &l, (const uint8_t(*)[32])ml, content, len);
	kith__tagbook_changed(n);
}

void kith__version_run(struct kith_node *n)
{
	struct kith_choose *c = kith__choose(n);
	bool want[KITH_OWN_BOXES_MAX];
	size_t i;

	c->list_due = c->list_by = KITH_NEVER;
	if (!decide(n, want))
		return;
	if (!contacts_have_room(n)) {
		c->list_due = c->list_by = n->now + MS(3600u * 1000u);
		return;
	}
	n->list_version++;
	for (i = 0; i < n->boxes; i++) {
		struct kith_own_box *b = &n->box[i];

		if (want[i])
			b->listed_version = n->list_version;
		b->rekeyed = false;
		if (b->listed && !want[i])
			b->drain_until_s = kith__wall_s(n) + DRAIN_S;
		if (b->listed || want[i]) {
			b->listed = want[i];
			kith__row_own_box(n, b);
		}
	}
	tell_all(n);
	kith__event(n, KITH_EVENT_MAILBOX_CHANGED, 0, 0);
	kith__fetch_buckets_changed(n);
	kith__publish_soon(n);
}
