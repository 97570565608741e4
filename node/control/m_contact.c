/* SPDX-License-Identifier: ISC */
/* Methods contact.* and request.*. */
#include <string.h>

#include "base/bytes.h"
#include "base/crypto.h"
#include "node/control/internal.h"

/* ---- contacts ---- */

static char lower(char ch)
{
	return ch >= 'A' && ch <= 'Z' ? (char)(ch - 'A' + 'a') : ch;
}

static bool contains(const char *text, const struct kith__value *part)
{
	size_t len = strlen(text);

	for (size_t i = 0; i + part->len <= len; i++) {
		size_t k = 0;

		while (k < part->len && lower(text[i + k]) == lower(part->text[k]))
			k++;
		if (k == part->len)
			return true;
	}
	return false;
}

void kith__control_m_contact_list(struct kith_control *c, struct kith__call *call,
				  const struct kith__args *a)
{
	const struct kith__value *filter = KITH__ARG(a, contact_list, filter);
	const struct kith__value *cursor = KITH__ARG(a, contact_list, cursor);
	const struct kith__value *limit = KITH__ARG(a, contact_list, limit);
	size_t max = limit->given ? (size_t)limit->number : 100;
	json_t *items = json_array();
	json_t *next = json_null();
	struct kith_node_contact k;
	uint64_t last = 0;

	for (size_t i = 0; kith_node_contact(c->n, i, &k); i++) {
		if (k.id <= cursor->row && cursor->given)
			continue;
		if (filter->given && !contains(k.name, filter) && !contains(k.alias, filter))
			continue;
		if (json_array_size(items) == max) {
			next = kith__control_handle(c, KITH__TABLE_CONTACT, last);
			break;
		}
		last = k.id;
		(void)json_array_append_new(items, kith__control_contact_object(c, &k));
	}
	kith__control_answer(c, call, json_pack("{s:o,s:o}", "items", items, "next", next));
}

static void answer_contact(struct kith_control *c, struct kith__call *call, uint64_t id)
{
	struct kith_node_contact k;
	int status = kith_node_contact_by_id(c->n, id, &k);

	if (status == KITH_OK)
		kith__control_answer(c, call, kith__control_contact_object(c, &k));
	else
		kith__control_error_status(c, call, status);
}

void kith__control_m_contact_get(struct kith_control *c, struct kith__call *call,
				 const struct kith__args *a)
{
	answer_contact(c, call, KITH__ARG(a, contact_get, contact)->row);
}

static void contact_added(struct kith_control *c, struct kith__call *call,
			  const struct kith_node_reply *r)
{
	struct kith_node_contact k;
	json_t *object;

	if (r->status != KITH_OK || kith_node_contact_by_id(c->n, r->id, &k) != KITH_OK) {
		kith__control_error_status(c, call,
					   r->status != KITH_OK ? r->status : KITH_E_NOTFOUND);
		return;
	}
	object = kith__control_contact_object(c, &k);
	kith__control_answer(c, call,
			     json_pack("{s:O,s:O,s:O}", "contact",
				       json_object_get(object, "contact"), "conversation",
				       json_object_get(object, "conversation"), "request",
				       json_object_get(object, "request")));
	json_decref(object);
}

void kith__control_m_contact_add(struct kith_control *c, struct kith__call *call,
				 const struct kith__args *a)
{
	const struct kith__value *link = KITH__ARG(a, contact_add, link);
	const struct kith__value *name = KITH__ARG(a, contact_add, name);
	const struct kith__value *greeting = KITH__ARG(a, contact_add, greeting);
	char shortname[9] = "";
	uint64_t contact = 0;
	unsigned hints = 0;
	int status;

	if (!kith__control_link_ok(c, call, link, &hints, &contact, shortname))
		return;
	status = kith_node_contact_add(c->n, link->text, link->len, name->given ? name->text : "",
				       greeting->given ? greeting->text : "", call->number, c->now);
	if (status == KITH_E_EXISTS)
		kith__control_error(c, call, KITH__RPC_CONFLICT,
				    "This person is a contact already.",
				    contact == 0
					    ? NULL
					    : json_pack("{s:o}", "contact",
							kith__control_handle(c, KITH__TABLE_CONTACT,
									     contact)));
	else
		kith__control_wait(c, call, status, contact_added);
}

static void contact_changed(struct kith_control *c, struct kith__call *call,
			    const struct kith_node_reply *r)
{
	if (r->status == KITH_OK)
		answer_contact(c, call, r->id);
	else
		kith__control_error_status(c, call, r->status);
}

void kith__control_m_contact_set(struct kith_control *c, struct kith__call *call,
				 const struct kith__args *a)
{
	kith__control_wait(c, call,
			   kith_node_contact_alias(c->n, KITH__ARG(a, contact_set, contact)->row,
						   KITH__ARG(a, contact_set, alias)->text,
						   call->number, c->now),
			   contact_changed);
}

void kith__control_m_contact_remove(struct kith_control *c, struct kith__call *call,
				    const struct kith__args *a)
{
	kith__control_wait(
		c, call,
		kith_node_contact_remove(c->n, KITH__ARG(a, contact_remove, contact)->row,
					 KITH__ARG(a, contact_remove, delete_history)->number != 0,
					 call->number, c->now),
		kith__control_step_done);
}

/* ---- verification (crypto.md 3): both sides compare the same 60 digits ---- */

#define VERIFY_ROUNDS 4096u
#define VERIFY_GROUPS 12u

void kith__control_verify_digits(char out[static 61], const uint8_t a[static 32],
				 const uint8_t b[static 32])
{
	uint8_t h[64];
	bool less = memcmp(a, b, 32) < 0;

	memcpy(h, less ? a : b, 32);
	memcpy(h + 32, less ? b : a, 32);
	for (unsigned i = 0; i <= VERIFY_ROUNDS; i++)
		kith_hash64(h, KITH_L_VERIFY, h, 64);
	for (unsigned g = 0; g < VERIFY_GROUPS; g++) {
		struct kith_reader r;
		uint64_t v = 0;

		kith_reader_init(&r, h + (size_t)g * 5, 5);
		for (unsigned i = 0; i < 5; i++)
			v = v << 8 | kith_read_u8(&r);
		v %= 100000;
		for (unsigned i = 5; i-- > 0; v /= 10)
			out[g * 5 + i] = (char)('0' + v % 10);
	}
	out[60] = '\0';
}

/* The digits; after a change of `verified`, once it is durable. */
static void verify_answer(struct kith_control *c, struct kith__call *call,
			  const struct kith_node_reply *r)
{
	struct kith_node_identity own;
	struct kith_node_contact k;
	char digits[61];
	json_t *qr;
	int status = r != NULL ? r->status : KITH_OK;

	if (status == KITH_OK)
		status = kith_node_contact_by_id(c->n, call->a, &k);
	if (status == KITH_OK)
		status = kith_node_identity(c->n, &own);
	if (status != KITH_OK) {
		kith__control_error_status(c, call, status);
		return;
	}
	kith__control_verify_digits(digits, own.ik, k.ik);
	qr = kith__control_qr(digits, 'M');
	kith__control_answer(c, call,
			     json_pack("{s:s,s:o,s:b,s:b}", "digits", digits, "qr",
				       qr != NULL ? qr : json_null(), "verified", k.verified,
				       "key_changed", false));
}

void kith__control_m_contact_verify(struct kith_control *c, struct kith__call *call,
				    const struct kith__args *a)
{
	const struct kith__value *verified = KITH__ARG(a, contact_verify, verified);

	call->a = KITH__ARG(a, contact_verify, contact)->row;
	if (verified->given)
		kith__control_wait(c, call,
				   kith_node_contact_verified(c->n, call->a, verified->number != 0,
							      call->number, c->now),
				   verify_answer);
	else
		verify_answer(c, call, NULL);
}

/* ---- requests ---- */

void kith__control_m_request_list(struct kith_control *c, struct kith__call *call,
				  const struct kith__args *a)
{
	json_t *items = json_array();
	struct kith_node_request r;

	(void)a;
	for (size_t i = 0; kith_node_request(c->n, i, &r); i++)
		(void)json_array_append_new(items, kith__control_request_object(c, &r));
	kith__control_answer(c, call, json_pack("{s:o,s:n}", "items", items, "next"));
}

static void request_accepted(struct kith_control *c, struct kith__call *call,
			     const struct kith_node_reply *r)
{
	if (r->status != KITH_OK)
		kith__control_error_status(c, call, r->status);
	else
		kith__control_answer(c, call,
				     json_pack("{s:o,s:o}", "contact",
					       kith__control_handle(c, KITH__TABLE_CONTACT, r->id),
					       "conversation",
					       kith__control_handle(c, KITH__TABLE_CONVERSATION,
								    r->id2)));
}

void kith__control_m_request_accept(struct kith_control *c, struct kith__call *call,
				    const struct kith__args *a)
{
	const struct kith__value *alias = KITH__ARG(a, request_accept, alias);

	kith__control_wait(c, call,
			   kith_node_request_accept(c->n,
						    KITH__ARG(a, request_accept, request)->row,
						    alias->given ? alias->text : "", call->number,
						    c->now),
			   request_accepted);
}

void kith__control_m_request_refuse(struct kith_control *c, struct kith__call *call,
				    const struct kith__args *a)
{
	kith__control_wait(c, call,
			   kith_node_request_refuse(c->n,
						    KITH__ARG(a, request_refuse, request)->row,
						    call->number, c->now),
			   kith__control_step_done);
}
