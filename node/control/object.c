/* SPDX-License-Identifier: ISC */
/*
 * Rows as objects of client.md 2.2 and 2.3. Fields are always present, null if unknown; names and
 * texts are given as received.
 */
#include <string.h>

#include "base/bytes.h"
#include "node/control/internal.h"

static json_t *prefixed(const char *prefix, const uint8_t id[16])
{
	char text[36];

	memcpy(text, prefix, 3);
	kith_hex_encode(text + 3, id, 16);
	return json_string(text);
}

json_t *kith__control_handle(const struct kith_control *c, enum kith__table table, uint64_t id)
{
	static const char *const prefix[] = {
		[KITH__TABLE_CONTACT] = "ct_",    [KITH__TABLE_CONVERSATION] = "cv_",
		[KITH__TABLE_MESSAGE] = "ms_",    [KITH__TABLE_REQUEST] = "rq_",
		[KITH__TABLE_INVITATION] = "in_",
	};
	uint8_t handle[16];

	kith_node_handle(c->n, (uint16_t)table, id, handle);
	return prefixed(prefix[table], handle);
}

json_t *kith__control_mid(const struct kith_msgid *mid)
{
	return prefixed("ms_", mid->b);
}

json_t *kith__control_time_or_null(uint64_t ms)
{
	return ms == 0 || ms > KITH__INT_MAX ? json_null() : json_integer((json_int_t)ms);
}

json_t *kith__control_text_or_null(const char *text)
{
	return text == NULL || text[0] == '\0' ? json_null() : json_string(text);
}

json_t *kith__control_identity_object(const struct kith_control *c)
{
	struct kith_node_identity id;
	char key[65];

	if (!kith__control_identity(c, &id))
		return NULL;
	kith_hex_encode(key, id.ik, 32);
	return json_pack("{s:s,s:s,s:s}", "name", id.name, "key", key, "short", id.shortname);
}

bool kith__control_conversation(const struct kith_control *c, uint64_t id,
				struct kith_node_conversation *out)
{
	for (size_t i = 0; kith_node_conversation(c->n, i, out); i++)
		if (out->id == id)
			return true;
	return false;
}

static const char *contact_state(enum kith_contact_state s)
{
	switch (s) {
	case KITH_CONTACT_REQUESTED: return "requested";
	case KITH_CONTACT_ACCEPTED: return "accepted";
	case KITH_CONTACT_REFUSED: return "refused";
	case KITH_CONTACT_REMOVED: return "removed";
	}
	return "removed";
}

/* How far an own request got; null when there is none. */
static json_t *own_request(const struct kith_node_contact *k)
{
	if (k->state != KITH_CONTACT_REQUESTED)
		return json_null();
	return json_pack("{s:i,s:o}", "kept", (int)k->request_kept, "until",
			 kith__control_time_or_null(k->request_until_s * 1000u));
}

json_t *kith__control_contact_object(const struct kith_control *c,
				     const struct kith_node_contact *k)
{
	struct kith_node_conversation v = {0};

	(void)kith__control_conversation(c, k->conversation, &v);
	return json_pack("{s:o,s:o,s:s,s:o,s:s,s:b,s:b,s:s,s:o,s:b,s:b,s:s,s:b,s:b,s:b,s:o,s:o}",
			 "contact", kith__control_handle(c, KITH__TABLE_CONTACT, k->id),
			 "conversation",
			 kith__control_handle(c, KITH__TABLE_CONVERSATION, k->conversation), "name",
			 k->name, "alias", kith__control_text_or_null(k->alias), "short",
			 k->shortname, "verified", k->verified, "key_changed", false, "state",
			 contact_state(k->state), "request", own_request(k), "blocked", k->blocked,
			 "muted", v.muted, "presence", k->online ? "online" : "unknown", "newer",
			 k->newer, "stalled", k->stalled, "renewed", k->renewed, "last_seen",
			 kith__control_time_or_null(k->last_seen_ms), "added",
			 kith__control_time_or_null(k->added_ms));
}

json_t *kith__control_request_object(const struct kith_control *c,
				     const struct kith_node_request *r)
{
	return json_pack("{s:o,s:s,s:s,s:s,s:o,s:i}", "request",
			 kith__control_handle(c, KITH__TABLE_REQUEST, r->id), "name", r->name,
			 "short", r->shortname, "greeting", r->greeting, "time",
			 kith__control_time_or_null(r->at_ms), "work", (int)r->work);
}

json_t *kith__control_conversation_object(const struct kith_control *c,
					  const struct kith_node_conversation *v)
{
	struct kith_node_contact k;
	const char *title = "";

	if (kith_node_contact_by_id(c->n, v->contact, &k) == KITH_OK)
		title = k.alias[0] != '\0' ? k.alias : k.name;
	return json_pack("{s:o,s:o,s:s,s:i,s:n,s:n,s:b,s:b,s:b}", "conversation",
			 kith__control_handle(c, KITH__TABLE_CONVERSATION, v->id), "contact",
			 kith__control_handle(c, KITH__TABLE_CONTACT, v->contact), "title", title,
			 "unread", (int)v->unread, "last", "draft", "muted", v->muted, "pinned",
			 v->pinned, "archived", v->archived);
}

/* ---- messages ---- */

static const char *const steps[] = {
	[KITH_STEP_QUEUED] = "queued",       [KITH_STEP_KEPT] = "kept",
	[KITH_STEP_DELIVERED] = "delivered", [KITH_STEP_READ] = "read",
	[KITH_STEP_CANCELLED] = "cancelled",
};

bool kith__control_step_parse(const char *text, enum kith_step *out)
{
	for (int i = KITH_STEP_QUEUED; i <= KITH_STEP_READ; i++)
		if (strcmp(text, steps[i]) == 0) {
			*out = (enum kith_step)i;
			return true;
		}
	return false;
}

/* The step, and never more: copies count while they are promised, delivered and read are true once
 * they are proved. */
json_t *kith__control_state_object(const struct kith_node_state *s)
{
	bool delivered = s->step == KITH_STEP_DELIVERED || s->step == KITH_STEP_READ;
	json_t *by = json_array();

	if (s->by_pinned)
		(void)json_array_append_new(by, json_string("your community"));
	return json_pack("{s:s,s:{s:i,s:i,s:o,s:o},s:o,s:o,s:i,s:o}", "step", steps[s->step],
			 "kept", "n", (int)s->kept, "wanted", (int)s->wanted, "until",
			 kith__control_time_or_null(s->until_s * 1000u), "by", by, "delivered",
			 delivered ? json_true() : json_null(), "read",
			 s->step == KITH_STEP_READ ? json_true() : json_null(), "tries",
			 (int)s->tries, "next_try", kith__control_time_or_null(s->next_try_ms));
}

json_t *kith__control_message_object(const struct kith_control *c,
				     const struct kith_node_message *m)
{
	bool own = m->author == 0;

	return json_pack("{s:o,s:o,s:I,s:o,s:o,s:o,s:s%,s:[],s:n,s:o,s:o,s:b,s:b,s:b}", "message",
			 own ? kith__control_mid(&m->mid)
			     : kith__control_handle(c, KITH__TABLE_MESSAGE, m->id),
			 "conversation",
			 kith__control_handle(c, KITH__TABLE_CONVERSATION, m->conversation), "pos",
			 (json_int_t)m->id, "from",
			 own ? json_string("me")
			     : kith__control_handle(c, KITH__TABLE_CONTACT, m->author),
			 "time", kith__control_time_or_null(m->hlc >> 16), "received",
			 kith__control_time_or_null(m->arrived_ms), "text", m->text, m->text_len,
			 "files", "preview", "reply_to",
			 m->has_reply ? kith__control_mid(&m->reply) : json_null(), "state",
			 own ? kith__control_state_object(&m->state) : json_null(), "overdue",
			 own && m->state.overdue, "newer", m->newer, "gap", m->gap);
}
