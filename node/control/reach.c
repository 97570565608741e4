/* SPDX-License-Identifier: ISC */
/* Whether others can reach this node, and if not why, as people read it; the test of it. */
#include "node/control/internal.h"

static const char *reach_name(enum kith_reach r)
{
	switch (r) {
	case KITH_REACH_UNKNOWN: return "unknown";
	case KITH_REACH_NO: return "no";
	case KITH_REACH_YES: return "yes";
	}
	return "unknown";
}

static const char *why_name(enum kith_reach_why w)
{
	switch (w) {
	case KITH_WHY_OFF: return "off";
	case KITH_WHY_TRYING: return "trying";
	case KITH_WHY_UNSEEN: return "unseen";
	case KITH_WHY_UNTOLD: return "untold";
	case KITH_WHY_OWN: return "own";
	case KITH_WHY_MAPPED: return "mapped";
	case KITH_WHY_PINHOLE: return "pinhole";
	case KITH_WHY_CARRIER: return "carrier";
	case KITH_WHY_DOUBLE: return "double";
	case KITH_WHY_DIFFERS: return "differs";
	case KITH_WHY_NO_GATEWAY: return "no_gateway";
	case KITH_WHY_REFUSED: return "refused";
	case KITH_WHY_SILENT: return "silent";
	}
	return "off";
}

static const char *proto_name(unsigned p)
{
	static const char *const names[KITH_MAPPING_PROTOS] = {"PCP", "NAT-PMP", "UPnP"};

	return p < KITH_MAPPING_PROTOS ? names[p] : "";
}

#define NOT_DIRECT "Others cannot reach this node directly: "
#define NOT_KNOWN  "Whether others can reach this node is not known: "

static json_t *reach_sentence(const struct kith_node_reach *r)
{
	unsigned outside = r->endpoint.port, inside = r->port;

	switch (r->why) {
	case KITH_WHY_OFF:
		return json_string(NOT_KNOWN "asking the router for a port is switched off.");
	case KITH_WHY_TRYING: return json_string(NOT_KNOWN "the router is being asked.");
	case KITH_WHY_UNSEEN:
		return json_string(NOT_KNOWN "this computer has a public address, but no other "
					     "node has seen it yet.");
	case KITH_WHY_UNTOLD:
		return json_string(NOT_KNOWN "the router opened a port without naming its "
					     "address, and no other node has seen it yet.");
	case KITH_WHY_OWN:
		return json_string("Others can reach this node: its internet address is its own.");
	case KITH_WHY_MAPPED:
		return json_sprintf("Others can reach this node: the router forwards UDP port %u "
				    "to it (%s).",
				    outside, proto_name(r->how));
	case KITH_WHY_PINHOLE:
		return json_sprintf("Others can reach this node over IPv6: the router lets UDP "
				    "port %u in (PCP).",
				    outside);
	case KITH_WHY_CARRIER:
		return json_string(NOT_DIRECT "the internet provider shares one address among "
					      "many customers. Mailboxes carry the messages.");
	case KITH_WHY_DOUBLE:
		return json_sprintf(NOT_DIRECT "the router is itself behind another router. "
					       "Let the outer one forward UDP port %u too.",
				    inside);
	case KITH_WHY_DIFFERS:
		return json_string(NOT_DIRECT "the router names another internet address than "
					      "other nodes see, so a further router or the "
					      "provider stands in between.");
	case KITH_WHY_NO_GATEWAY: return json_string(NOT_DIRECT "there is no router.");
	case KITH_WHY_REFUSED:
		return json_sprintf(NOT_DIRECT "the router refuses to open a port. Allow it there, "
					       "or forward UDP port %u by hand.",
				    inside);
	case KITH_WHY_SILENT:
		return json_sprintf(NOT_DIRECT
				    "the router opens no port on request. Switch on UPnP, NAT-PMP "
				    "or PCP there, or forward UDP port %u by hand.",
				    inside);
	}
	return NULL;
}

json_t *kith__control_reach_object(struct kith_control *c)
{
	struct kith_node_reach r;
	char text[KITH_ADDR_TEXT];

	kith_node_reach(c->n, &r);
	kith_addr_format(text, &r.endpoint);
	return json_pack("{s:s,s:s,s:o,s:o}", "state", reach_name(r.reach), "why", why_name(r.why),
			 "sentence", reach_sentence(&r), "address",
			 r.reach == KITH_REACH_YES ? json_string(text) : json_null());
}

/* ---- network.test ---- */

static const char *outcome_name(enum kith_mapping_outcome o)
{
	switch (o) {
	case KITH_MAPPING_SWITCHED_OFF: return "off";
	case KITH_MAPPING_NOT_TRIED: return "not needed";
	case KITH_MAPPING_ASKED: return "asked";
	case KITH_MAPPING_SILENT: return "no answer";
	case KITH_MAPPING_REFUSED: return "refused";
	case KITH_MAPPING_GRANTED: return "granted";
	}
	return "off";
}

static void step_tested(struct kith_control *c, struct kith__call *call,
			const struct kith_node_reply *reply)
{
	struct kith_node_reach r;
	json_t *list = json_array();
	char text[KITH_ADDR_TEXT];

	(void)reply;
	kith_node_reach(c->n, &r);
	for (unsigned p = 0; p < KITH_MAPPING_PROTOS; p++)
		(void)json_array_append_new(list,
					    json_pack("{s:s,s:s,s:i}", "protocol", proto_name(p),
						      "result", outcome_name(r.outcome[p]), "code",
						      (int)r.code[p]));
	(void)json_array_append_new(list, json_pack("{s:s,s:s,s:i}", "protocol", "PCP for IPv6",
						    "result", outcome_name(r.pinhole), "code", 0));
	kith_addr_format(text, &r.external);
	kith__control_answer(
		c, call,
		json_pack("{s:b,s:o,s:o,s:o,s:o,s:o}", "router", r.gateway, "protocols", list,
			  "external", r.held ? json_string(text) : json_null(), "lease_s",
			  r.held ? json_integer((json_int_t)r.lease_s) : json_null(), "took_ms",
			  r.held ? json_integer((json_int_t)(r.took_us / KITH_US_PER_MS))
				 : json_null(),
			  "reach", kith__control_reach_object(c)));
}

void kith__control_m_network_test(struct kith_control *c, struct kith__call *call,
				  const struct kith__args *a)
{
	(void)a;
	if (c->n == NULL) {
		kith__control_error(c, call, KITH__RPC_LOCKED,
				    "No node runs: the profile is not open.",
				    json_pack("{s:b}", "absent", (int)c->profile.absent));
		return;
	}
	kith__control_wait(c, call, kith_node_network_test(c->n, call->number, c->now),
			   step_tested);
}
