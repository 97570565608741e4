/* SPDX-License-Identifier: ISC */
/*
 * What a body says, by its type (crypto.md 5). Each new seq comes here once. Unknown types are
 * counted and make the contact "newer"; malformed contents are counted and nothing else.
 */
#include <string.h>

#include "base/text.h"
#include "node/msgs.h"

#define HLC_AHEAD_MS 600000u /* a clock further ahead than this does not move ours */

static void already(struct kith_node *n, uint64_t a, uint64_t b, struct kith_store_result *r)
{
	struct kith_contact *c = kith__contact(n, a);

	(void)b;
	if (c == NULL || !r->already || c->unread == 0)
		return;
	c->unread--; /* the same text in a new session: counted once */
	kith__dirty(n, c, false, true, false);
}

/* `more`: the TLVs as received, kept where some are of a later version. */
static void put_message(struct kith_node *n, struct kith_contact *c, const struct kith_chat_part *p,
			const struct kith_chat_text *t, uint32_t seq, bool gap,
			const struct kith_value *more)
{
	struct kith_op op = kith_op(KITH_OP_MESSAGE_PUT);

	kith_op_int(&op, (int64_t)n->next_message);
	kith_op_int(&op, (int64_t)c->conv);
	kith_op_int(&op, (int64_t)c->id);
	kith_op_blob(&op, p->mid.b, 16);
	kith_op_int(&op, c->epoch);
	kith_op_int(&op, seq);
	kith_op_int(&op, (int64_t)p->hlc);
	kith_op_int(&op, (int64_t)kith__wall_ms(n));
	kith_op_int(&op, gap ? KITH_MESSAGE_GAP : 0);
	if (t->has_reply)
		kith_op_blob(&op, t->reply.b, 16);
	else
		kith_op_null(&op);
	kith_op_text(&op, (const char *)t->text, t->text_len);
	if (t->newer)
		kith_op_blob(&op, more->p, more->len);
	else
		kith_op_null(&op);
	kith_op_null(&op);
	op.token = kith__expect(n, already, c->id, 0);
	kith__put(n, &op);
}

void kith__text_arrived(struct kith_node *n, struct kith_contact *c, const struct kith_chat_part *p,
			const uint8_t *tlvs, size_t len, uint32_t seq, bool gap)
{
	struct kith_value more = {.type = KITH_VALUE_BLOB, .p = tlvs, .len = len};
	struct kith_chat_text t;

	memset(&t, 0, sizeof(t));
	if (kith__chat_tlvs_decode(&t, tlvs, len) != KITH_OK || t.text_len > KITH_TEXT_MAX) {
		n->refused_frames++;
		return;
	}
	if (t.text == NULL) {
		t.text = (const uint8_t *)"";
		t.text_len = 0;
	}
	put_message(n, c, p, &t, seq, gap, &more);
	kith__event(n, KITH_EVENT_MESSAGE_NEW, c->conv, n->next_message);
	c->last_message = n->next_message++;
	c->unread++;
	if (p->hlc > c->hlc && p->hlc >> 16 <= kith__wall_ms(n) + HLC_AHEAD_MS)
		c->hlc = p->hlc;
	kith__dirty(n, c, false, true, false);
}

static void chat(struct kith_node *n, struct kith_contact *c, const struct kith_body *b, bool gap)
{
	struct kith_chat_part p;

	if (kith__chat_part_decode(&p, b->content, b->len) != KITH_OK)
		n->refused_frames++;
	else if (p.parts == 1)
		kith__text_arrived(n, c, &p, p.bytes, p.len, b->seq, gap);
	else
		kith__part_arrived(n, c, &p, b->seq, gap);
}

static void list(struct kith_node *n, struct kith_contact *c, const struct kith_body *b)
{
	struct kith_list l;

	if (kith__list_decode(&l, b->content, b->len) == KITH_OK)
		kith__peer_list(n, c, &l);
	else
		n->refused_frames++;
}

static void presence(struct kith_node *n, struct kith_contact *c, const struct kith_body *b)
{
	struct kith_share s;

	if (kith__share_decode(&s, b->content, b->len) != KITH_OK) {
		n->refused_frames++;
		return;
	}
	if (!c->has_p && !c->i_am_a)
		kith__name_tell(n, c);              /* the link and the accept carry none */
	if (!c->has_p || s.p_epoch >= c->p_epoch) { /* else an older one that came late */
		memcpy(c->p, s.p, 32);
		memcpy(c->cap, s.cap, 16);
		c->p_epoch = s.p_epoch;
		c->has_p = true;
		c->has_cap = !kith_is_zero(s.cap, 16);
		c->p_seen = c->p_missing = false;
		kith__row_contact(n, c);
		kith__contact_link(n, c);
		kith__presence_want(n, c);
	}
	kith_wipe(&s, sizeof(s));
}

static void name(struct kith_node *n, struct kith_contact *c, const struct kith_body *b)
{
	if (b->len < 1 || b->len > KITH_NAME_MAX ||
	    !kith_text_valid((const char *)b->content, b->len)) {
		n->refused_frames++;
		return;
	}
	memset(c->name, 0, sizeof(c->name));
	memcpy(c->name, b->content, b->len);
	kith__row_contact(n, c);
	kith__event(n, KITH_EVENT_CONTACT_CHANGED, 0, c->id);
}

/* From role A only (crypto.md 6). */
static void link_root(struct kith_node *n, struct kith_contact *c, const struct kith_body *b)
{
	struct kith_link_root l;

	if (c->i_am_a || kith__link_root_decode(&l, b->content, b->len) != KITH_OK) {
		n->refused_frames++;
		return;
	}
	c->link.root[1] = c->link.root[0];
	c->link.root_count = c->link.root_count == 0 ? 1 : 2;
	memcpy(c->link.root[0].l, l.root, 32);
	c->link.root[0].day = l.start_day;
	kith_wipe(&l, sizeof(l));
	kith__row_device(n, c);
	kith__contact_link(n, c);
}

void kith__inbox_body(struct kith_node *n, struct kith_contact *c, const struct kith_body *b,
		      bool gap)
{
	switch (b->type) {
	case KITH_BODY_CHAT: chat(n, c, b, gap); return;
	case KITH_BODY_LIST: list(n, c, b); return;
	case KITH_BODY_PRESENCE: presence(n, c, b); return;
	case KITH_BODY_LINK_ROOT: link_root(n, c, b); return;
	case KITH_BODY_NAME: name(n, c, b); return;
	case KITH_BODY_ACK: /* with a seq: it only wants its own ack */
	case KITH_BODY_ACCEPT: /* requests_out.c took it; a later copy says nothing new */ return;
	}
	n->unknown_bodies++;
	if (c->newer)
		return;
	c->newer = true;
	kith__row_contact(n, c);
	kith__event(n, KITH_EVENT_CONTACT_CHANGED, 0, c->id);
}
