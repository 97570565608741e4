/* SPDX-License-Identifier: ISC */
/*
 * The datagrams of port mapping. An answer counts only from the gateway's address and port 5351,
 * with our nonce (PCP) or our port (NAT-PMP), while one is awaited; everything else from there is
 * dropped and counted. docs/portmap.md.
 */
#include <string.h>

#include "net/mapping_internal.h"
#include "net/natpmp.h"
#include "net/pcp.h"

static uint16_t wanted_port(const struct kith_mapping *m, const struct kith__mapping_side *s)
{
	return m->cfg.external != 0 ? m->cfg.external : s->local.port;
}

/* ---- out ---- */

static size_t put_pcp(struct kith_mapping *m, struct kith__mapping_side *s)
{
	struct kith__pcp_map map = {.lifetime_s = m->cfg.lease_s, .internal = s->local.port};
	bool v4 = kith_addr_is_v4(&s->local);

	memcpy(map.nonce, s->nonce, sizeof(map.nonce));
	map.client = s->local;
	if (s->state == KITH_MAPPING_HELD && s->how == KITH_MAPPING_PCP) {
		map.external = s->external;
	} else {
		if (v4)
			memset(map.external.ip + 10, 0xff, 2);
		map.external.port = wanted_port(m, s);
	}
	if (m->stopping) {
		map.lifetime_s = 0;
		memset(&map.external, 0, sizeof(map.external));
	}
	kith__pcp_encode(m->buffer, &map);
	return KITH__PCP_MAP;
}

static size_t put_natpmp(struct kith_mapping *m, struct kith__mapping_side *s)
{
	bool held = s->state == KITH_MAPPING_HELD && s->how == KITH_MAPPING_NATPMP;
	uint16_t external = held ? s->external.port : wanted_port(m, s);

	kith__natpmp_encode_map(m->buffer, s->local.port, m->stopping ? 0 : external,
				m->stopping ? 0 : m->cfg.lease_s);
	return KITH__NATPMP_MAP;
}

bool kith_mapping_output(struct kith_mapping *m, struct kith_dgram_out *out, kith_time now)
{
	(void)now;
	for (unsigned f = 0; f < KITH_MAPPING_FAMILIES; f++) {
		struct kith__mapping_side *s = &m->side[f];
		size_t len = 0;

		if (s->out[KITH_MAPPING_PCP]) {
			s->out[KITH_MAPPING_PCP] = false;
			len = put_pcp(m, s);
		} else if (s->out_address) {
			/* first, so that the grant finds the address known */
			s->out_address = false;
			kith__natpmp_encode_address(m->buffer);
			len = KITH__NATPMP_ADDRESS;
		} else if (s->out[KITH_MAPPING_NATPMP]) {
			s->out[KITH_MAPPING_NATPMP] = false;
			len = put_natpmp(m, s);
		}
		if (len == 0)
			continue;
		memset(out, 0, sizeof(*out));
		out->remote = s->gateway;
		out->local = s->local;
		out->data = m->buffer;
		out->len = len;
		m->sent++;
		return true;
	}
	return false;
}

/* ---- in ---- */

/* An external address that nobody could use is no grant. */
static bool sane(const struct kith__mapping_side *s, const struct kith_addr *external)
{
	struct kith_addr a = *external;

	if (kith_addr_is_v4(&s->local) != kith_addr_is_v4(external) || external->port == 0 ||
	    kith_addr_is_loopback(external))
		return false;
	if (kith_addr_is_v4(&a) && memcmp(a.ip + 12, "\0\0\0\0", 4) == 0)
		return true; /* not told */
	return !kith_addr_is_unusable(&a);
}

static bool take_pcp(struct kith_mapping *m, struct kith__mapping_side *s,
		     const struct kith__pcp_map *a, kith_time now)
{
	bool asked = s->outcome[KITH_MAPPING_PCP] == KITH_MAPPING_ASKED;

	if (memcmp(a->nonce, s->nonce, sizeof(s->nonce)) != 0 || a->internal != s->local.port)
		return false;
	if (m->stopping) {
		if (a->lifetime_s == 0 || a->result != 0)
			kith__mapping_removed(s, KITH_MAPPING_PCP);
		return true;
	}
	if (!asked)
		return false;
	if (a->result != 0 || a->lifetime_s == 0 || !sane(s, &a->external))
		kith__mapping_refused(m, s, KITH_MAPPING_PCP, a->result, now);
	else
		kith__mapping_granted(m, s, KITH_MAPPING_PCP, &a->external, a->lifetime_s, now);
	kith__mapping_epoch(m, s, a->epoch_s, now);
	return true;
}

static bool take_natpmp(struct kith_mapping *m, struct kith__mapping_side *s,
			const struct kith__natpmp_answer *a, kith_time now)
{
	bool asked = s->outcome[KITH_MAPPING_NATPMP] == KITH_MAPPING_ASKED;
	struct kith_addr external = s->external;

	if (a->result == 0 && a->kind == KITH__NATPMP_IS_MAP && a->internal != s->local.port)
		return false;
	if (m->stopping) {
		if (a->kind == KITH__NATPMP_IS_MAP && (a->lifetime_s == 0 || a->result != 0))
			kith__mapping_removed(s, KITH_MAPPING_NATPMP);
		return true;
	}
	if (a->kind == KITH__NATPMP_IS_ADDRESS) {
		bool held = s->state == KITH_MAPPING_HELD && s->how == KITH_MAPPING_NATPMP;

		/* kept for the grant that follows; a late one completes a grant */
		memcpy(external.ip, a->external.ip, 16);
		external.port = s->local.port;
		if (a->result != 0 || !(asked || held) || !sane(s, &external))
			return false;
		memcpy(s->external.ip, a->external.ip, 16);
		return true;
	}
	if (!asked)
		return false;
	memset(external.ip, 0, 10);
	memset(external.ip + 10, 0xff, 2);
	external.port = a->external.port;
	if (a->result != 0 || a->lifetime_s == 0 || !sane(s, &external))
		kith__mapping_refused(m, s, KITH_MAPPING_NATPMP, a->result, now);
	else
		kith__mapping_granted(m, s, KITH_MAPPING_NATPMP, &external, a->lifetime_s, now);
	kith__mapping_epoch(m, s, a->epoch_s, now);
	return true;
}

static bool take(struct kith_mapping *m, struct kith__mapping_side *s,
		 const struct kith_dgram_in *in, kith_time now)
{
	struct kith__natpmp_answer n;
	struct kith__pcp_map p;
	int pcp = kith__pcp_decode(&p, in->data, in->len);

	if (pcp == KITH_OK)
		return take_pcp(m, s, &p, now);
	if (kith__natpmp_decode(&n, in->data, in->len) == KITH_OK &&
	    s->outcome[KITH_MAPPING_NATPMP] != KITH_MAPPING_NOT_TRIED &&
	    s->outcome[KITH_MAPPING_NATPMP] != KITH_MAPPING_SWITCHED_OFF)
		return take_natpmp(m, s, &n, now);
	if (pcp == KITH_E_VERSION && s->outcome[KITH_MAPPING_PCP] == KITH_MAPPING_ASKED) {
		/* a NAT-PMP server: that is asked at once */
		kith__mapping_refused(m, s, KITH_MAPPING_PCP, KITH__PCP_UNSUPP_VERSION, now);
		return true;
	}
	return false;
}

bool kith_mapping_input(struct kith_mapping *m, const struct kith_dgram_in *in, kith_time now)
{
	for (unsigned f = 0; f < KITH_MAPPING_FAMILIES; f++) {
		struct kith__mapping_side *s = &m->side[f];

		if (in->remote.port != KITH__MAPPING_PORT ||
		    !kith_addr_equal(&in->remote, &s->gateway))
			continue;
		if (take(m, s, in, now))
			m->answers++;
		else
			m->dropped++;
		return true;
	}
	return false;
}
