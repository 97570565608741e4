/* SPDX-License-Identifier: ISC */
/* Methods node.* and mailbox.*. */
#include <string.h>

#include "node/control/internal.h"

void kith__control_m_node_status(struct kith_control *c, struct kith__call *call,
				 const struct kith__args *a)
{
	(void)a;
	kith__control_answer(c, call, kith__control_status_object(c, true));
}

void kith__control_m_node_metrics(struct kith_control *c, struct kith__call *call,
				  const struct kith__args *a)
{
	(void)a;
	kith__control_answer(c, call, kith__control_metrics_text(c));
}

void kith__control_m_node_shutdown(struct kith_control *c, struct kith__call *call,
				   const struct kith__args *a)
{
	(void)a;
	kith__control_answer(c, call, json_null());
	if (c->host.shutdown != NULL)
		c->host.shutdown(c->host.ctx);
}

void kith__control_m_node_bootstrap(struct kith_control *c, struct kith__call *call,
				    const struct kith__args *a)
{
	const json_t *peers = KITH__ARG(a, node_bootstrap, peers)->texts;
	size_t tried = 0;

	for (size_t i = 0; i < json_array_size(peers); i++) {
		const json_t *hint = json_array_get(peers, i);

		if (kith_node_bootstrap(c->n, json_string_value(hint), json_string_length(hint),
					c->now) == KITH_E_MALFORMED) {
			kith__control_error(c, call, KITH__RPC_PARAMS, "This is no hint.",
					    json_pack("{s:s,s:I}", "param", "peers", "index",
						      (json_int_t)i));
			return;
		}
		tried++;
	}
	kith__control_answer(c, call,
			     json_pack("{s:I,s:n}", "tried", (json_int_t)tried, "answered"));
}

/* ---- mailboxes ---- */

void kith__control_m_mailbox_list(struct kith_control *c, struct kith__call *call,
				  const struct kith__args *a)
{
	json_t *list = json_array();
	struct kith_node_status s;
	struct kith_node_mailbox m;

	(void)a;
	for (size_t i = 0; kith_node_mailbox(c->n, i, &m); i++)
		(void)json_array_append_new(
			list,
			json_pack("{s:o,s:s,s:b,s:o,s:i,s:i,s:o,s:b}", "mailbox",
				  json_sprintf("mb_%s", m.handle), "source", m.source, "pinned",
				  m.pinned, "last_seen", kith__control_time_or_null(m.last_seen_ms),
				  "score", (int)m.score, "kept", (int)m.kept, "until",
				  kith__control_time_or_null(m.until_s * 1000u), "answering",
				  m.answering));
	kith_node_status(c->n, &s);
	kith__control_answer(c, call,
			     json_pack("{s:o,s:i,s:i}", "mailboxes", list, "wanted",
				       (int)s.mailboxes_wanted, "found", (int)s.mailboxes));
}

void kith__control_m_mailbox_pin(struct kith_control *c, struct kith__call *call,
				 const struct kith__args *a)
{
	const struct kith__value *link = KITH__ARG(a, mailbox_pin, link);
	int status = kith_node_mailbox_pin(c->n, link->text, link->len, call->number, c->now);

	if (status == KITH_E_MALFORMED)
		kith__control_error_param(c, call, "link", "This is no hint.");
	else
		kith__control_wait(c, call, status, kith__control_step_done);
}
