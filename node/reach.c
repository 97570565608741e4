/* SPDX-License-Identifier: ISC */
/*
 * Can others reach this node, and why not? One verdict from what the router granted, what peers
 * observe and the own addresses; kith__reachable is the one place that acts on it: the mode in the
 * DHT, the endpoint in records, hints and the own mailbox. A router that is not believed (it names
 * a private address, or another than peers see) makes nobody reachable. docs/portmap.md.
 */
#include <string.h>

#include "node/internal.h"

static bool same_ip(const struct kith_addr *a, const struct kith_addr *b)
{
	return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static bool is_carrier(const struct kith_addr *a)
{
	return kith_addr_is_v4(a) && a->ip[12] == 100 && (a->ip[13] & 0xc0) == 64;
}

static bool is_untold(const struct kith_addr *a)
{
	static const uint8_t zero[4];

	return kith_addr_is_v4(a) && memcmp(a->ip + 12, zero, 4) == 0;
}

/* The address that two peers agree on, when it is IPv4; else none. */
static struct kith_addr seen_v4(const struct kith_node *n)
{
	static const struct kith_addr none;

	return kith_addr_is_v4(&n->observed_sure) ? n->observed_sure : none;
}

static void verdict(struct kith_node_reach *r, enum kith_reach reach, enum kith_reach_why why)
{
	r->reach = reach;
	r->why = why;
}

/* The router says yes: is it the one that the world sees? */
static void judge_grant(const struct kith_node *n, const struct kith_mapping_status *m,
			struct kith_node_reach *r)
{
	struct kith_addr seen = seen_v4(n);

	r->endpoint = m->external;
	if (is_untold(&m->external)) {
		if (kith_addr_is_none(&seen)) {
			verdict(r, KITH_REACH_UNKNOWN, KITH_WHY_UNTOLD);
			return;
		}
		memcpy(r->endpoint.ip, seen.ip, sizeof(seen.ip));
		verdict(r, KITH_REACH_YES, KITH_WHY_MAPPED);
	} else if (is_carrier(&m->external)) {
		verdict(r, KITH_REACH_NO, KITH_WHY_CARRIER);
	} else if (kith_addr_is_private(&m->external)) {
		verdict(r, KITH_REACH_NO, KITH_WHY_DOUBLE);
	} else if (!kith_addr_is_none(&seen) && !same_ip(&seen, &m->external)) {
		verdict(r, KITH_REACH_NO, KITH_WHY_DIFFERS);
	} else {
		verdict(r, KITH_REACH_YES, KITH_WHY_MAPPED);
	}
}

/* A public IPv4 address of this machine that a peer has seen. */
static bool judge_own(const struct kith_node *n, struct kith_node_reach *r)
{
	for (size_t i = 0; i < n->own_addrs; i++) {
		const struct kith_addr *a = &n->own_addr[i];

		if (kith_addr_is_v4(a) && !kith_addr_is_private(a) &&
		    kith_addr_equal(a, &n->observed)) {
			r->endpoint = *a;
			verdict(r, KITH_REACH_YES, KITH_WHY_OWN);
			return true;
		}
	}
	return false;
}

static bool has_own(const struct kith_node *n, bool (*is)(const struct kith_addr *a))
{
	for (size_t i = 0; i < n->own_addrs; i++)
		if (kith_addr_is_v4(&n->own_addr[i]) && is(&n->own_addr[i]))
			return true;
	return false;
}

static bool is_public(const struct kith_addr *a)
{
	return !kith_addr_is_private(a);
}

static void judge_failure(const struct kith_node *n, const struct kith_mapping_status *m,
			  struct kith_node_reach *r)
{
	bool wanted = n->cfg.map.use[0] || n->cfg.map.use[1] || n->cfg.map.use[2];
	bool refused = false;

	for (unsigned p = 0; p < KITH_MAPPING_PROTOS; p++)
		/* that another version is spoken is no refusal */
		refused |= m->outcome[p] == KITH_MAPPING_REFUSED &&
			   (p != KITH_MAPPING_PCP || m->code[p] > 1);
	if (has_own(n, is_public))
		verdict(r, KITH_REACH_UNKNOWN, KITH_WHY_UNSEEN);
	else if (!wanted)
		verdict(r, KITH_REACH_UNKNOWN, KITH_WHY_OFF);
	else if (m->state == KITH_MAPPING_TRYING)
		verdict(r, KITH_REACH_UNKNOWN, KITH_WHY_TRYING);
	else if (has_own(n, is_carrier))
		verdict(r, KITH_REACH_NO, KITH_WHY_CARRIER);
	else if (!m->gateway)
		verdict(r, KITH_REACH_NO, KITH_WHY_NO_GATEWAY);
	else
		verdict(r, KITH_REACH_NO, refused ? KITH_WHY_REFUSED : KITH_WHY_SILENT);
}

void kith_node_reach(const struct kith_node *n, struct kith_node_reach *out)
{
	struct kith_mapping_status v4, v6;
	struct kith_node_reach six;

	memset(out, 0, sizeof(*out));
	memset(&six, 0, sizeof(six));
	kith_mapping_status(&n->mapping, KITH_MAPPING_IP4, &v4);
	kith_mapping_status(&n->mapping, KITH_MAPPING_IP6, &v6);
	memcpy(out->outcome, v4.outcome, sizeof(out->outcome));
	memcpy(out->code, v4.code, sizeof(out->code));
	out->pinhole = v6.outcome[KITH_MAPPING_PCP];
	out->gateway = v4.gateway || v6.gateway;
	out->trying = v4.trying || v6.trying;
	out->held = v4.state == KITH_MAPPING_HELD;
	out->external = v4.external;
	out->port = n->own_addrs > 0 ? n->own_addr[0].port : 0;
	out->how = v4.how;
	out->lease_s = v4.lease_s;
	out->took_us = v4.took_us;
	if (out->held)
		judge_grant(n, &v4, out);
	else if (!judge_own(n, out))
		judge_failure(n, &v4, out);
	if (out->reach != KITH_REACH_YES && v6.state == KITH_MAPPING_HELD) {
		judge_grant(n, &v6, &six);
		if (six.reach == KITH_REACH_YES) {
			out->endpoint = six.endpoint;
			verdict(out, KITH_REACH_YES, KITH_WHY_PINHOLE);
		}
	}
	if (out->reach != KITH_REACH_YES)
		memset(&out->endpoint, 0, sizeof(out->endpoint));
}

void kith__reachable(struct kith_node *n, enum kith_reach reach, const struct kith_addr *endpoint)
{
	/* who keeps the own address private serves nobody in the DHT either */
	bool server = n->cfg.role == KITH_ROLE_ALWAYS_ON ||
		      (reach == KITH_REACH_YES && n->cfg.publish_address);
	bool moved = !kith_addr_equal(&n->endpoint, endpoint);

	for (size_t i = 0; i < n->own_addrs; i++) /* those are published anyway */
		moved &= !kith_addr_equal(&n->own_addr[i], endpoint);
	n->reach = reach;
	n->endpoint = *endpoint;
	if (server != n->dht_server) {
		n->dht_server = server;
		kith_dht_set_mode(n->dht, server ? KITH_DHT_SERVER : KITH_DHT_CLIENT,
				  n->mailbox != NULL ? KITH_DHT_MAILBOX : 0, n->now);
	}
	if (moved)
		kith__publish_soon(n);
}

/* ---- what moves it ---- */

static void update(struct kith_node *n)
{
	struct kith_node_reach r;

	kith_node_reach(n, &r);
	if (r.why == KITH_WHY_DIFFERS)
		kith_mapping_doubt(&n->mapping, n->now);
	if (r.reach != n->reach || !kith_addr_equal(&r.endpoint, &n->endpoint))
		kith__reachable(n, r.reach, &r.endpoint);
	if (n->test_call != 0 && !r.trying) {
		kith__reply_fail(n, n->test_call, KITH_OK);
		n->test_call = 0;
	}
}

void kith__reach_init(struct kith_node *n)
{
	n->dht_server = n->cfg.role == KITH_ROLE_ALWAYS_ON;
	kith_mapping_init(&n->mapping, &n->cfg.map, n->rng);
}

void kith__reach_gateway(struct kith_node *n, const struct kith_addr *addrs, size_t count)
{
	static const struct kith_addr none;

	for (unsigned f = 0; f < KITH_MAPPING_FAMILIES; f++)
		kith_mapping_gateway(&n->mapping, (enum kith_mapping_family)f,
				     2 * f + 1 < count ? &addrs[2 * f] : &none,
				     2 * f + 1 < count ? &addrs[2 * f + 1] : &none, n->now);
	update(n);
}

void kith__reach_tick(struct kith_node *n)
{
	if (n->now >= kith_mapping_deadline(&n->mapping))
		kith_mapping_tick(&n->mapping, n->now);
	update(n);
}

bool kith__reach_input(struct kith_node *n, const struct kith_dgram_in *in)
{
	if (!kith_mapping_input(&n->mapping, in, n->now))
		return false;
	update(n);
	return true;
}

/* ---- the owner ---- */

bool kith_node_portmap_ask(struct kith_node *n, struct kith_portmap_ask *out, kith_time now)
{
	n->now = now;
	return kith_mapping_ask(&n->mapping, out, now);
}

void kith_node_portmap_reply(struct kith_node *n, const struct kith_portmap_reply *r, kith_time now)
{
	n->now = now;
	if (kith_mapping_reply(&n->mapping, r, now))
		update(n);
}

void kith_node_portmap_helper(struct kith_node *n, bool there, kith_time now)
{
	n->now = now;
	kith_mapping_helper(&n->mapping, there, now);
	update(n);
}

int kith_node_network_test(struct kith_node *n, uint32_t call, kith_time now)
{
	if (n->test_call != 0)
		return KITH_E_STATE;
	n->now = now;
	n->test_call = call;
	kith_mapping_again(&n->mapping, now);
	update(n);
	return KITH_OK;
}
