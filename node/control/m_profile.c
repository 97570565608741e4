/* SPDX-License-Identifier: ISC */
/* Methods hello, rpc.*, profile.*, identity.*, invitation.*, qr.*. */
#include <string.h>

#include "node/control/internal.h"

#ifndef KITH_VERSION
#define KITH_VERSION "0.1.0" /* the build gives the real one */
#endif

static json_t *rights_text(unsigned rights)
{
	char text[6];
	size_t len = 0;

	for (unsigned i = 0; i < 5; i++)
		if ((rights >> i & 1u) != 0)
			text[len++] = "RSCAO"[i];
	return json_stringn(text, len);
}

void kith__control_m_hello(struct kith_control *c, struct kith__call *call,
			   const struct kith__args *a)
{
	struct kith__caller *who = kith__control_caller(c, call->caller);
	struct kith_node_identity id;
	bool open = kith__control_identity(c, &id);

	(void)a;
	kith__control_answer(c, call,
			     json_pack("{s:i,s:s,s:o,s:b,s:o,s:{s:i,s:i,s:i,s:i,s:i,s:i,s:i}}",
				       "api", 1, "server", "kithd " KITH_VERSION, "profile",
				       open ? json_string(id.name) : json_null(), "locked",
				       c->n == NULL && !c->profile.absent, "rights",
				       rights_text(who != NULL ? who->rights : 0), "limits", "line",
				       (int)KITH_CONTROL_LINE_MAX, "depth",
				       (int)KITH_CONTROL_DEPTH_MAX, "batch",
				       (int)KITH_CONTROL_BATCH_MAX, "in_flight",
				       (int)KITH_CONTROL_INFLIGHT_MAX, "text", (int)KITH_TEXT_MAX,
				       "name", (int)KITH_NAME_MAX, "greeting",
				       (int)KITH_GREETING_MAX));
}

void kith__control_m_rpc_discover(struct kith_control *c, struct kith__call *call,
				  const struct kith__args *a)
{
	struct kith__caller *who = kith__control_caller(c, call->caller);

	(void)a;
	kith__control_answer(c, call, kith__control_discover(who != NULL ? who->rights : 0));
}

/* ---- identity ---- */

static void identity_done(struct kith_control *c, struct kith__call *call,
			  const struct kith_node_reply *r)
{
	if (r->status == KITH_OK)
		kith__control_answer(c, call, kith__control_identity_object(c));
	else
		kith__control_error_status(c, call, r->status);
}

/* A name is one line that a terminal and a page can show as it is. */
static bool name_ok(struct kith_control *c, struct kith__call *call, const struct kith__value *name)
{
	if (kith_text_plain(name->text, name->len))
		return true;
	kith__control_error_param(c, call, "name",
				  "A name holds no control, direction or invisible characters.");
	return false;
}

void kith__control_create_identity(struct kith_control *c, struct kith__call *call)
{
	kith__control_wait(c, call,
			   kith_node_identity_create(c->n, json_string_value(call->text),
						     call->number, c->now),
			   identity_done);
}

void kith__control_m_profile_create(struct kith_control *c, struct kith__call *call,
				    const struct kith__args *a)
{
	const struct kith__value *name = KITH__ARG(a, profile_create, name);
	const struct kith__value *pass = KITH__ARG(a, profile_create, passphrase);
	struct kith_profile_ask ask = {.verb = KITH_PROFILE_CREATE, .descriptor = -1};
	struct kith_node_identity id;

	if (!name_ok(c, call, name))
		return;
	if (kith__control_identity(c, &id) || (c->n == NULL && !c->profile.absent)) {
		kith__control_error(c, call, KITH__RPC_CONFLICT, "There is a profile here already.",
				    NULL);
		return;
	}
	call->text = json_stringn(name->text, name->len);
	if (pass->given && pass->len > 0) {
		ask.pass = ask.next = pass->text;
		ask.pass_len = ask.next_len = pass->len;
	}
	/* a peer that began without anybody has its keys already, open: they get the passphrase */
	if (c->n != NULL)
		ask.verb = KITH_PROFILE_PASSPHRASE;
	if (c->n == NULL || ask.pass != NULL)
		kith__control_host(c, call, &ask);
	else
		kith__control_create_identity(c, call);
}

void kith__control_m_identity_get(struct kith_control *c, struct kith__call *call,
				  const struct kith__args *a)
{
	(void)a;
	kith__control_answer(c, call, kith__control_identity_object(c));
}

void kith__control_m_identity_set(struct kith_control *c, struct kith__call *call,
				  const struct kith__args *a)
{
	if (!name_ok(c, call, KITH__ARG(a, identity_set, name)))
		return;
	kith__control_wait(c, call,
			   kith_node_identity_name(c->n, KITH__ARG(a, identity_set, name)->text,
						   call->number, c->now),
			   identity_done);
}

/* ---- invitations ---- */

static void invitation_made(struct kith_control *c, struct kith__call *call,
			    const struct kith_node_reply *r)
{
	json_t *qr;

	if (r->status != KITH_OK) {
		kith__control_error_status(c, call, r->status);
		return;
	}
	qr = kith__control_qr(r->text, 'M');
	kith__control_answer(c, call,
			     json_pack("{s:o,s:s,s:o}", "invitation",
				       kith__control_handle(c, KITH__TABLE_INVITATION, r->id),
				       "link", r->text, "qr", qr != NULL ? qr : json_null()));
}

void kith__control_m_invitation_link(struct kith_control *c, struct kith__call *call,
				     const struct kith__args *a)
{
	const struct kith__value *hints = KITH__ARG(a, invitation_link, hints);
	uint64_t id = KITH__ARG(a, invitation_link, invitation)->row;
	char link[KITH_NODE_LINK];
	json_t *qr;
	int status =
		kith_node_invitation_link(c->n, id, hints->given ? (unsigned)hints->number : 1,
					  KITH__ARG(a, invitation_link, include_self)->number != 0,
					  link);

	if (status != KITH_OK) {
		kith__control_error_status(c, call, status);
		return;
	}
	qr = kith__control_qr(link, 'M');
	kith__control_answer(c, call,
			     json_pack("{s:o,s:s,s:o}", "invitation",
				       kith__control_handle(c, KITH__TABLE_INVITATION, id), "link",
				       link, "qr", qr != NULL ? qr : json_null()));
}

void kith__control_m_invitation_create(struct kith_control *c, struct kith__call *call,
				       const struct kith__args *a)
{
	const struct kith__value *label = KITH__ARG(a, invitation_create, label);
	const struct kith__value *hints = KITH__ARG(a, invitation_create, hints);

	kith__control_wait(c, call,
			   kith_node_invite(c->n, label->given ? label->text : "",
					    hints->given ? (unsigned)hints->number : 1,
					    KITH__ARG(a, invitation_create, include_self)->number !=
						    0,
					    call->number, c->now),
			   invitation_made);
}

static const char *fault_reason(enum kith_invitation_fault f)
{
	switch (f) {
	case KITH_INVITATION_OK: break;
	case KITH_INVITATION_LENGTH: return "length";
	case KITH_INVITATION_VERSION: return "version";
	case KITH_INVITATION_CHECKSUM: return "checksum";
	case KITH_INVITATION_SELF: return "self";
	}
	return NULL;
}

bool kith__control_link_ok(struct kith_control *c, struct kith__call *call,
			   const struct kith__value *link, unsigned *hints, uint64_t *contact,
			   char shortname[static 9])
{
	static const char *const sentence[] = {
		[KITH_INVITATION_LENGTH] = "The link is not complete.",
		[KITH_INVITATION_VERSION] = "The link needs a newer version of Kith.",
		[KITH_INVITATION_CHECKSUM] = "The link has a typing error.",
		[KITH_INVITATION_SELF] = "This is your own link.",
	};
	enum kith_invitation_fault f =
		kith_node_invitation_check(c->n, link->text, link->len, hints, contact, shortname);

	if (f == KITH_INVITATION_OK)
		return true;
	kith__control_error(c, call, KITH__RPC_INVITATION, sentence[f],
			    json_pack("{s:s}", "reason", fault_reason(f)));
	return false;
}

void kith__control_m_invitation_parse(struct kith_control *c, struct kith__call *call,
				      const struct kith__args *a)
{
	char shortname[9] = "";
	uint64_t contact = 0;
	unsigned hints = 0;

	if (!kith__control_link_ok(c, call, KITH__ARG(a, invitation_parse, link), &hints, &contact,
				   shortname))
		return;
	kith__control_answer(
		c, call,
		json_pack("{s:s,s:i,s:o}", "short", shortname, "hints", (int)hints, "contact",
			  contact != 0 ? kith__control_handle(c, KITH__TABLE_CONTACT, contact)
				       : json_null()));
}

void kith__control_m_invitation_list(struct kith_control *c, struct kith__call *call,
				     const struct kith__args *a)
{
	json_t *items = json_array();
	struct kith_node_invitation v;

	(void)a;
	for (size_t i = 0; kith_node_invitation(c->n, i, &v); i++)
		(void)json_array_append_new(
			items,
			json_pack("{s:o,s:s,s:o,s:I}", "invitation",
				  kith__control_handle(c, KITH__TABLE_INVITATION, v.id), "label",
				  v.label, "created", kith__control_time_or_null(v.created_ms),
				  "uses", (json_int_t)v.uses));
	kith__control_answer(c, call, json_pack("{s:o,s:n}", "items", items, "next"));
}

void kith__control_m_invitation_revoke(struct kith_control *c, struct kith__call *call,
				       const struct kith__args *a)
{
	kith__control_wait(
		c, call,
		kith_node_invitation_revoke(c->n, KITH__ARG(a, invitation_revoke, invitation)->row,
					    call->number, c->now),
		kith__control_step_done);
}

void kith__control_m_qr_make(struct kith_control *c, struct kith__call *call,
			     const struct kith__args *a)
{
	const struct kith__value *level = KITH__ARG(a, qr_make, level);
	char grade = level->given ? level->text[0] : 'M';

	if (grade != 'L' && grade != 'M') {
		kith__control_error_param(c, call, "level", "The level is L or M.");
		return;
	}
	kith__control_answer(c, call, kith__control_qr(KITH__ARG(a, qr_make, text)->text, grade));
}
