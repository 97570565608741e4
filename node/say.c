/* SPDX-License-Identifier: ISC */
/*
 * kith_node_say: a text of the user becomes a message row and outbox entries (architecture.md 5).
 *
 * The same id is the same message, also after a restart. Ids ascend with time, so an id above
 * `floor` (the greatest own id at the start) that is not in `known` is new for
 * certain and goes in at once. Every other id is looked up first; what is found decides. Answers of
 * look-ups see all batches before them, and what was said since stands in `known`.
 */
#include <string.h>

#include "base/text.h"
#include "node/msgs.h"

#define KNOWN_MAX   65536u /* 20 B each; then the floor rises */
#define WAITING_MAX 64u    /* look-ups on their way */
#define TLVS_MAX    (KITH_TEXT_MAX + 64u)

struct waiting_say {
	struct waiting_say *next;
	uint32_t serial, call;
	uint64_t conv;
	struct kith_msgid id, reply;
	bool has_reply;
	size_t len;
	char *text;
};

struct kith_said {
	struct kith_map known;
	struct kith_msgid floor, greatest;
	struct waiting_say *waiting;
	size_t waitings;
	uint32_t serial;
};

static struct kith_said *said(struct kith_node *n)
{
	if (n->said == NULL) {
		n->said = kith_alloc_zero(n->alloc, 1, sizeof(*n->said));
		if (n->said != NULL)
			kith_map_init(&n->said->known, n->alloc, 16, KNOWN_MAX, n->rng);
	}
	return n->said;
}

static bool surely_new(const struct kith_said *s, const struct kith_msgid *id)
{
	uint32_t there;

	return memcmp(id->b, s->floor.b, 16) > 0 && !kith_map_get(&s->known, id->b, &there);
}

static void remember(struct kith_node *n, const struct kith_msgid *id)
{
	struct kith_said *s = n->said;

	if (memcmp(id->b, s->greatest.b, 16) > 0)
		s->greatest = *id;
	if (kith_map_put(&s->known, id->b, 1) == KITH_OK)
		return;
	kith_map_wipe(&s->known);
	kith_map_init(&s->known, n->alloc, 16, KNOWN_MAX, n->rng);
	s->floor = s->greatest;
}

int kith__said_load(struct kith_node *n)
{
	struct kith_op op = kith_op(KITH_OP_OWN_MID_MAX);
	struct kith_said *s = said(n);
	struct kith_rows rows;
	const uint8_t *p;
	size_t len;
	int status;

	if (s == NULL)
		return KITH_E_NOMEM;
	status = kith_store_read_now(n->account, &op, &rows);
	if (status != KITH_OK || !kith_rows_next(&rows))
		return status;
	p = kith_rows_blob(&rows, 0, &len);
	if (p == NULL || len != 16)
		return KITH_E_MALFORMED;
	memcpy(s->floor.b, p, 16);
	s->greatest = s->floor;
	return KITH_OK;
}

/* ---- saying ---- */

static int append_parts(struct kith_node *n, struct kith_contact *c, const struct kith_chat *chat,
			uint64_t message)
{
	uint8_t *tlvs = kith_alloc_zero(n->alloc, 1, TLVS_MAX);
	uint8_t content[KITH_CONTENT_FULL];
	size_t before = c->outs;
	size_t tlv_len;
	unsigned parts = 0;
	unsigned i;

	if (tlvs == NULL)
		return KITH_E_NOMEM;
	tlv_len = kith__chat_tlvs_encode(tlvs, TLVS_MAX, chat);
	parts = kith__chat_parts(tlv_len, KITH_CONTENT_FULL);
	KITH_ASSERT(tlv_len > 0 && parts > 0);
	for (i = 0; i < parts; i++) {
		size_t len = kith__chat_part_encode(content, sizeof(content), chat, i, parts, tlvs,
						    tlv_len, KITH_CONTENT_FULL);

		if (kith__outbox_append(n, c, KITH_BODY_CHAT, message, &chat->mid, content, len) ==
		    NULL)
			break;
	}
	kith_wipe(tlvs, TLVS_MAX);
	kith_wipe(content, sizeof(content));
	kith_alloc_free(n->alloc, tlvs);
	if (i == parts)
		return KITH_OK;
	while (c->outs > before)
		kith__out_free(n, c->out[--c->outs]);
	return KITH_E_FULL;
}

static void put_row(struct kith_node *n, const struct kith_contact *c,
		    const struct kith_node_message *m, uint32_t seq)
{
	struct kith_op op = kith_op(KITH_OP_MESSAGE_PUT);

	kith_op_int(&op, (int64_t)m->id);
	kith_op_int(&op, (int64_t)c->conv);
	kith_op_int(&op, 0);
	kith_op_blob(&op, m->mid.b, 16);
	kith_op_int(&op, c->epoch);
	kith_op_int(&op, seq);
	kith_op_int(&op, (int64_t)m->hlc);
	kith_op_int(&op, (int64_t)m->arrived_ms);
	kith_op_int(&op, 0);
	if (m->has_reply)
		kith_op_blob(&op, m->reply.b, 16);
	else
		kith_op_null(&op);
	kith_op_text(&op, m->text, m->text_len);
	kith_op_null(&op);
	kith_op_null(&op);
	kith__put(n, &op);
}

/* Everything is checked: row, entries, event, answer. */
static int say_now(struct kith_node *n, struct kith_contact *c, const struct kith_msgid *id,
		   const char *text, size_t len, const struct kith_msgid *reply, uint32_t call)
{
	struct kith_node_message m = {.id = n->next_message,
				      .conversation = c->conv,
				      .mid = *id,
				      .text = text,
				      .text_len = len,
				      .has_reply = reply != NULL};
	struct kith_chat chat = {.mid = *id,
				 .text = (const uint8_t *)text,
				 .text_len = len,
				 .has_reply = reply != NULL};
	size_t before = c->outs;
	size_t sealed = kith__outbox_waiting(c);
	uint64_t wall = kith__wall_ms(n);
	uint32_t seq = 0;
	int status;

	m.hlc = chat.hlc = wall << 16 > c->hlc ? wall << 16 : c->hlc + 1;
	m.arrived_ms = wall;
	if (reply != NULL)
		m.reply = chat.reply = *reply;
	status = append_parts(n, c, &chat, m.id);
	if (status != KITH_OK)
		return status;
	n->next_message++;
	if (c->ratchet != NULL && c->ratchet->may_send) { /* sealed in this order, now or later */
		seq = (c->flow.out_next == 0 ? 1 : c->flow.out_next) +
		      (uint32_t)(c->outs - sealed) - 1;
		c->out[c->outs - 1]->row_seq = true;
	}
	put_row(n, c, &m, seq);
	kith__outbox_seal(n, c);
	kith__outbox_rows(n, c, before);
	c->hlc = m.hlc;
	c->last_message = m.id;
	kith__dirty(n, c, false, true, false);
	remember(n, id);
	kith__event(n, KITH_EVENT_MESSAGE_NEW, c->conv, m.id);
	if (kith__state(n, c, m.id, &m.state) != KITH_OK)
		memset(&m.state, 0, sizeof(m.state));
	kith__reply_message(n, call, &m);
	return KITH_OK;
}

/* ---- looking an id up first ---- */

static void waiting_free(struct kith_node *n, struct waiting_say *w)
{
	kith_wipe(w->text, w->len);
	kith_alloc_free(n->alloc, w->text);
	kith_alloc_free(n->alloc, w);
}

static struct waiting_say *waiting_take(struct kith_node *n, uint32_t serial)
{
	struct waiting_say **at = &n->said->waiting;
	struct waiting_say *w;

	while (*at != NULL && (*at)->serial != serial)
		at = &(*at)->next;
	w = *at;
	if (w != NULL) {
		*at = w->next;
		n->said->waitings--;
	}
	return w;
}

static bool same_message(const struct waiting_say *w, const struct kith_node_message *m)
{
	return m->conversation == w->conv && m->text_len == w->len &&
	       memcmp(m->text, w->text, w->len) == 0 && m->has_reply == w->has_reply &&
	       (!w->has_reply || memcmp(m->reply.b, w->reply.b, 16) == 0);
}

static void looked_up(struct kith_node *n, uint64_t a, uint64_t b, struct kith_store_result *r);

static void look_up(struct kith_node *n, struct waiting_say *w)
{
	struct kith_op op = kith_op(KITH_OP_MESSAGE_BY_MID);

	kith_op_blob(&op, w->id.b, 16);
	kith_op_int(&op, 0);
	op.token = kith__expect(n, looked_up, w->serial, 0);
	w->next = n->said->waiting;
	n->said->waiting = w;
	n->said->waitings++;
	kith__put(n, &op);
}

static void looked_up(struct kith_node *n, uint64_t a, uint64_t b, struct kith_store_result *r)
{
	struct waiting_say *w = waiting_take(n, (uint32_t)a);
	struct kith_contact *c;
	struct kith_node_message m;
	uint32_t there;
	int status = KITH_E_STATE;

	(void)b;
	if (w == NULL)
		return;
	if (kith_rows_next(&r->rows)) {
		kith__message_from_row(n, &r->rows, (uint64_t)kith_rows_int(&r->rows, 11), &m);
		if (same_message(w, &m))
			kith__reply_message(n, w->call, &m);
		else
			kith__reply_fail(n, w->call, KITH_E_EXISTS);
		waiting_free(n, w);
		return;
	}
	if (kith_map_get(&n->said->known, w->id.b, &there)) {
		look_up(n, w); /* said meanwhile, in a batch after this answer */
		return;
	}
	c = kith__contact_by_conv(n, w->conv);
	if (c != NULL && (c->state == KITH_CONTACT_ACCEPTED || c->state == KITH_CONTACT_REQUESTED))
		status = say_now(n, c, &w->id, w->text, w->len, w->has_reply ? &w->reply : NULL,
				 w->call);
	if (status != KITH_OK)
		kith__reply_fail(n, w->call, status);
	waiting_free(n, w);
}

static int say_later(struct kith_node *n, uint64_t conv, const struct kith_msgid *id,
		     const char *text, size_t len, const struct kith_msgid *reply, uint32_t call)
{
	struct kith_said *s = n->said;
	struct waiting_say *w;

	if (s->waitings >= WAITING_MAX || !kith__read_room(n))
		return KITH_E_FULL;
	w = kith_alloc_zero(n->alloc, 1, sizeof(*w));
	if (w == NULL)
		return KITH_E_NOMEM;
	w->text = kith_alloc_copy(n->alloc, text, len);
	if (w->text == NULL) {
		kith_alloc_free(n->alloc, w);
		return KITH_E_NOMEM;
	}
	w->len = len;
	w->serial = ++s->serial;
	w->call = call;
	w->conv = conv;
	w->id = *id;
	w->has_reply = reply != NULL;
	if (reply != NULL)
		w->reply = *reply;
	look_up(n, w);
	return KITH_OK;
}

int kith_node_say(struct kith_node *n, uint64_t conversation, const struct kith_msgid *id,
		  const char *text, size_t len, const struct kith_msgid *reply, uint32_t call,
		  kith_time now)
{
	struct kith_contact *c = kith__contact_by_conv(n, conversation);

	n->now = now;
	if (c == NULL)
		return KITH_E_NOTFOUND;
	if (len == 0 || len > KITH_TEXT_MAX || !kith_text_valid(text, len))
		return KITH_E_MALFORMED;
	if (c->state != KITH_CONTACT_ACCEPTED && c->state != KITH_CONTACT_REQUESTED)
		return KITH_E_STATE;
	if (kith__may_write(n) != KITH_OK)
		return kith__may_write(n);
	if (kith__gate_full(n))
		return KITH_E_FULL;
	if (!surely_new(n->said, id))
		return say_later(n, conversation, id, text, len, reply, call);
	return say_now(n, c, id, text, len, reply, call);
}

int kith_node_message_state(const struct kith_node *n, uint64_t id, struct kith_node_state *out)
{
	size_t i;
	size_t k;

	if (id == 0 || id >= n->next_message)
		return KITH_E_NOTFOUND;
	for (i = 0; i < n->contacts; i++) {
		const struct kith_contact *c = n->contact[i];

		for (k = 0; k < c->outs && c->out[k]->message <= id; k++)
			if (c->out[k]->message == id)
				return kith__state(n, c, id, out);
	}
	memset(out, 0,
	       sizeof(*out)); /* not in any outbox: acked. Whether read, its conversation knows. */
	out->step = KITH_STEP_DELIVERED;
	return KITH_OK;
}

void kith__said_free(struct kith_node *n)
{
	struct kith_said *s = n->said;

	if (s == NULL)
		return;
	while (s->waiting != NULL) {
		struct waiting_say *w = s->waiting;

		s->waiting = w->next;
		waiting_free(n, w);
	}
	kith_map_wipe(&s->known);
	kith_alloc_free(n->alloc, s);
	n->said = NULL;
}

void kith__msgs_free(struct kith_node *n)
{
	kith__parts_room_free(n);
	kith__said_free(n);
	kith__todelete_free(n);
	kith__expect_free(n);
	kith__tagbook_free(n);
}
