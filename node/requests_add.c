/* SPDX-License-Identifier: ISC */
/* Adding somebody by a link: an own request begins, or the one that waits here is accepted. */
#include <string.h>

#include "base/text.h"
#include "node/internal.h"

static void seed_hints(struct kith_node *n, const struct kith_hint *hint, size_t hints)
{
	size_t i;

	for (i = 0; i < hints; i++) {
		struct kith_dht_seed seed;

		memset(&seed, 0, sizeof(seed));
		memcpy(seed.key, hint[i].key, 32);
		seed.addr = hint[i].addr;
		if (kith_dht_seed_contact(n->dht, &seed, n->now) == KITH_OK)
			n->has_start = true;
	}
}

static int add_checked(struct kith_node *n, const struct kith_address *a, const char *name,
		       const char *greeting, uint32_t call)
{
	struct kith_contact *c = kith__contact_by_ik(n, a->ik);
	struct kith_pending *p = kith__pending_by_ik(n, a->ik);

	if (c != NULL && c->state == KITH_CONTACT_ACCEPTED)
		return KITH_E_EXISTS;
	if (p != NULL) { /* they asked us already: adding them is accepting */
		int status = kith__pending_accept(n, p, name, &c);

		if (status == KITH_OK)
			kith__reply_done(n, call, c->id, c->conv);
		return status;
	}
	if (c == NULL)
		c = kith__contact_new(n, a->ik);
	if (c == NULL)
		return KITH_E_FULL;
	memcpy(c->cap, a->cap, 16);
	c->has_cap = true;
	c->state = KITH_CONTACT_REQUESTED;
	c->seek = KITH_SEEK_NONE;
	c->next_seek = n->now;
	c->seek_fails = 0;
	memset(c->alias, 0, sizeof(c->alias));
	if (name != NULL)
		memcpy(c->alias, name, strlen(name));
	kith_alloc_free(n->alloc, c->greeting);
	c->greeting = NULL; /* without memory the request goes without it */
	if (greeting != NULL && greeting[0] != '\0')
		c->greeting = kith_alloc_copy(n->alloc, greeting, strlen(greeting));
	kith__row_contact(n, c);
	kith__row_conversation(n, c);
	kith__row_device(n, c); /* messages may be queued before the answer: their rows name it */
	kith__request_out_row(n, c);
	kith__event(n, KITH_EVENT_CONTACT_NEW, c->conv, c->id);
	kith__seek_tick(n);
	kith__reply_done(n, call, c->id, c->conv);
	return KITH_OK;
}

int kith_node_contact_add(struct kith_node *n, const char *link, size_t len, const char *name,
			  const char *greeting, uint32_t call, kith_time now)
{
	struct kith_address a;
	struct kith_hint hint[3];
	size_t hints = 0;

	n->now = now;
	if (kith__may_write(n) != KITH_OK)
		return kith__may_write(n);
	if (!n->has_identity)
		return KITH_E_STATE;
	if ((name != NULL &&
	     (strlen(name) > KITH_NAME_MAX || !kith_text_valid(name, strlen(name)))) ||
	    (greeting != NULL && (strlen(greeting) > KITH_GREETING_MAX ||
				  !kith_text_valid(greeting, strlen(greeting)))))
		return KITH_E_MALFORMED;
	if (kith__link_parse(&a, hint, &hints, link, len) != KITH_LINK_OK ||
	    memcmp(a.ik, n->id->ik, 32) == 0)
		return KITH_E_MALFORMED;
	seed_hints(n, hint, hints);
	return add_checked(n, &a, name, greeting, call);
}
