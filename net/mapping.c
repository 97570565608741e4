/* SPDX-License-Identifier: ISC */
/*
 * Rounds and timers of port mapping. One side per family:
 *
 *	NONE -- gateway --> TRYING -- granted --> HELD -- lease over, refused --> TRYING
 *	NONE -- public address --> NOT_NEEDED     TRYING -- all silent or refused --> FAILED
 *	FAILED -- back-off over, again, helper --> TRYING      any -- gateway changes --> anew
 *
 * A round asks up to four times. PCP comes first; NAT-PMP joins at the second try, and UPnP with
 * it, so a silent router costs 250 ms and not the sum of all patience. The first grant wins and
 * ends the round. A round of a held mapping is its renewal and uses its own protocol alone.
 *
 *	timer      at its end
 *	next_try   next try: 0, 250, 750, 1,750, 3,750 ms of the round, then the round ends
 *	renew_at   a round begins: half the lease +-10 %, a quarter of the rest after a renewal
 *	           that failed, the back-off when FAILED
 *	ends_at    the lease is over: it is not held any more
 *	until      25 s after a job for the helper: UPnP counts as silent
 *	stop_at    800 ms after the stop began: stopped, whatever was answered
 */
#include <string.h>

#include "net/mapping_internal.h"

#define MS(n) ((kith_time)(n)*KITH_US_PER_MS)
#define S(n)  ((kith_time)(n)*KITH_US_PER_S)

#define TRIES        4u
#define HELPER_US    S(25) /* the broker kills a child after 20 s */
#define STOP_US      MS(800)
#define STOP_GAP_US  MS(200)
#define DOUBT_US     S(60)
#define RENEW_MIN_US S(4) /* RFC 6887 11.2.1 */
#define LEASE_MAX_S  86400u
#define FOREVER_S    3600u /* a mapping for good is looked after as if it had this lease */

static const uint16_t try_ms[TRIES + 1] = {0, 250, 750, 1750, 3750};
static const uint16_t back_off_s[] = {300, 900, 3600};

static bool is_v4(const struct kith_mapping *m, const struct kith__mapping_side *s)
{
	return s == &m->side[KITH_MAPPING_IP4];
}

/* May this protocol be asked in the present round? */
static bool usable(const struct kith_mapping *m, const struct kith__mapping_side *s,
		   enum kith_mapping_proto p)
{
	if (!m->cfg.use[p] || (p != KITH_MAPPING_PCP && !is_v4(m, s)) ||
	    (p == KITH_MAPPING_UPNP && !m->upnp.there))
		return false;
	if (s->state == KITH_MAPPING_HELD && s->how != p)
		return false;
	return s->outcome[p] != KITH_MAPPING_REFUSED && s->outcome[p] != KITH_MAPPING_SILENT;
}

static void round_begin(struct kith_mapping *m, struct kith__mapping_side *s, kith_time now)
{
	unsigned p;

	if (m->stopping)
		return;
	for (p = 0; p < KITH_MAPPING_PROTOS; p++) {
		bool mine = m->cfg.use[p] && (p == KITH_MAPPING_PCP || is_v4(m, s));

		if (s->state == KITH_MAPPING_HELD && s->how != p)
			continue;
		s->outcome[p] = mine ? KITH_MAPPING_NOT_TRIED : KITH_MAPPING_SWITCHED_OFF;
		s->code[p] = 0;
	}
	s->round = true;
	s->tries = 0;
	s->began = now;
	s->asked_at = now;
	s->next_try = now;
	if (s->state == KITH_MAPPING_HELD)
		return;
	s->state = KITH_MAPPING_TRYING;
	memset(&s->external, 0, sizeof(s->external));
}

static void quiet(struct kith__mapping_side *s)
{
	s->round = false;
	s->next_try = KITH_NEVER;
	s->out[KITH_MAPPING_PCP] = false;
	s->out[KITH_MAPPING_NATPMP] = false;
	s->out_address = false;
}

static void round_end(struct kith_mapping *m, struct kith__mapping_side *s, kith_time now)
{
	unsigned p;

	for (p = 0; p < KITH_MAPPING_PROTOS; p++)
		if (s->outcome[p] == KITH_MAPPING_ASKED)
			s->outcome[p] = KITH_MAPPING_SILENT;
	quiet(s);
	if (s->state == KITH_MAPPING_HELD) {
		kith_time left = s->ends_at > now ? s->ends_at - now : 0;

		s->renew_at = now + (left / 4 > RENEW_MIN_US ? left / 4 : RENEW_MIN_US);
		return;
	}
	s->state = KITH_MAPPING_FAILED;
	s->renew_at = now + kith_rng_jitter(m->rng, S(back_off_s[s->fails]), 10);
	if (s->fails + 1 < sizeof(back_off_s) / sizeof(back_off_s[0]))
		s->fails++;
}

static void upnp_want(struct kith_mapping *m, enum kith_portmap_verb verb)
{
	m->upnp.want = true;
	m->upnp.verb = verb;
}

static void try_step(struct kith_mapping *m, struct kith__mapping_side *s, kith_time now)
{
	bool pcp = usable(m, s, KITH_MAPPING_PCP);
	bool natpmp = usable(m, s, KITH_MAPPING_NATPMP) && (s->tries > 0 || !pcp);
	bool upnp = usable(m, s, KITH_MAPPING_UPNP) && (s->tries > 0 || !(pcp || natpmp));

	if (upnp && s->outcome[KITH_MAPPING_UPNP] == KITH_MAPPING_NOT_TRIED) {
		upnp_want(m, KITH_PORTMAP_ADD);
		s->outcome[KITH_MAPPING_UPNP] = KITH_MAPPING_ASKED;
	}
	if (s->tries == TRIES || !(pcp || natpmp)) {
		/* the helper may still be at it; its reply or its time ends the round */
		if (s->outcome[KITH_MAPPING_UPNP] != KITH_MAPPING_ASKED || !is_v4(m, s))
			round_end(m, s, now);
		else
			s->next_try = KITH_NEVER;
		return;
	}
	if (pcp) {
		s->out[KITH_MAPPING_PCP] = true;
		s->outcome[KITH_MAPPING_PCP] = KITH_MAPPING_ASKED;
	}
	if (natpmp) {
		s->out[KITH_MAPPING_NATPMP] = true;
		s->out_address = true;
		s->outcome[KITH_MAPPING_NATPMP] = KITH_MAPPING_ASKED;
	}
	s->tries++;
	s->next_try = s->began + MS(try_ms[s->tries]);
	if (s->next_try <= now)
		s->next_try = now + MS(try_ms[1]);
}

void kith__mapping_granted(struct kith_mapping *m, struct kith__mapping_side *s,
			   enum kith_mapping_proto p, const struct kith_addr *external,
			   uint32_t lease_s, kith_time now)
{
	uint32_t effective = lease_s == 0 ? FOREVER_S : lease_s;
	kith_time half;

	s->outcome[p] = KITH_MAPPING_GRANTED;
	s->code[p] = 0;
	if (m->stopping || (s->state == KITH_MAPPING_HELD && s->how != p))
		return;
	if (effective > LEASE_MAX_S)
		effective = LEASE_MAX_S;
	if (s->state != KITH_MAPPING_HELD)
		s->took_us = now - s->began;
	s->state = KITH_MAPPING_HELD;
	s->how = p;
	s->external = *external;
	s->lease_s = lease_s == 0 ? 0 : effective;
	s->fails = 0;
	half = kith_rng_jitter(m->rng, S(effective) / 2, 10);
	s->renew_at = now + (half > RENEW_MIN_US ? half : RENEW_MIN_US);
	s->ends_at = lease_s == 0 ? KITH_NEVER : now + S(effective);
	for (unsigned q = 0; q < KITH_MAPPING_PROTOS; q++)
		if (q != p && s->outcome[q] == KITH_MAPPING_ASKED)
			s->outcome[q] = KITH_MAPPING_NOT_TRIED;
	quiet(s);
}

void kith__mapping_refused(struct kith_mapping *m, struct kith__mapping_side *s,
			   enum kith_mapping_proto p, uint16_t code, kith_time now)
{
	if (s->outcome[p] != KITH_MAPPING_ASKED)
		return;
	s->outcome[p] = KITH_MAPPING_REFUSED;
	s->code[p] = code;
	if (s->state == KITH_MAPPING_HELD) {
		s->state = KITH_MAPPING_TRYING;
		round_begin(m, s, now);
		s->outcome[p] = KITH_MAPPING_REFUSED;
		s->code[p] = code;
	} else if (s->round) {
		s->next_try = now;
	}
}

void kith__mapping_removed(struct kith__mapping_side *s, enum kith_mapping_proto p)
{
	s->remove[p] = false;
}

void kith__mapping_epoch(struct kith_mapping *m, struct kith__mapping_side *s, uint32_t epoch_s,
			 kith_time now)
{
	uint64_t ours = (now - s->epoch_at) / KITH_US_PER_S;
	uint64_t theirs = epoch_s - s->epoch_s;
	bool lost = s->has_epoch && (epoch_s + 1u < s->epoch_s ||
				     (epoch_s >= s->epoch_s && (ours + 2 < theirs - theirs / 16 ||
								theirs + 2 < ours - ours / 16)));

	s->has_epoch = true;
	s->epoch_s = epoch_s;
	s->epoch_at = now;
	if (lost && s->state == KITH_MAPPING_HELD && !s->round && !m->stopping)
		round_begin(m, s, now);
}

/* ---- the owner ---- */

void kith_mapping_init(struct kith_mapping *m, const struct kith_mapping_config *cfg,
		       struct kith_rng *rng)
{
	memset(m, 0, sizeof(*m));
	m->cfg = *cfg;
	m->rng = rng;
	m->upnp.until = KITH_NEVER;
	for (unsigned f = 0; f < KITH_MAPPING_FAMILIES; f++) {
		m->side[f].next_try = KITH_NEVER;
		m->side[f].renew_at = KITH_NEVER;
		m->side[f].ends_at = KITH_NEVER;
	}
}

static bool any_use(const struct kith_mapping *m, const struct kith__mapping_side *s)
{
	return m->cfg.use[KITH_MAPPING_PCP] ||
	       (is_v4(m, s) && (m->cfg.use[KITH_MAPPING_NATPMP] || m->cfg.use[KITH_MAPPING_UPNP]));
}

void kith_mapping_gateway(struct kith_mapping *m, enum kith_mapping_family f,
			  const struct kith_addr *gateway, const struct kith_addr *local,
			  kith_time now)
{
	struct kith__mapping_side *s = &m->side[f];
	struct kith_addr at = *gateway;

	if (!kith_addr_is_none(gateway))
		at.port = KITH__MAPPING_PORT;
	if (m->stopping || (kith_addr_equal(&at, &s->gateway) && kith_addr_equal(local, &s->local)))
		return;
	memset(s, 0, sizeof(*s));
	s->gateway = at;
	s->local = *local;
	s->next_try = KITH_NEVER;
	s->renew_at = KITH_NEVER;
	s->ends_at = KITH_NEVER;
	kith_rng_fill(m->rng, s->nonce, sizeof(s->nonce));
	if (f == KITH_MAPPING_IP4) {
		m->upnp.stale = m->upnp.busy;
		m->upnp.want = false;
		m->upnp.held = 0;
	}
	if (kith_addr_is_none(gateway) || local->port == 0 || !any_use(m, s))
		return;
	if (f == KITH_MAPPING_IP4 && !kith_addr_is_private(local)) {
		s->state = KITH_MAPPING_NOT_NEEDED;
		return;
	}
	round_begin(m, s, now);
}

void kith_mapping_helper(struct kith_mapping *m, bool there, kith_time now)
{
	struct kith__mapping_side *s = &m->side[KITH_MAPPING_IP4];

	if (m->upnp.there == there)
		return;
	m->upnp.there = there;
	if (there) {
		if (s->state == KITH_MAPPING_FAILED)
			round_begin(m, s, now);
		return;
	}
	m->upnp.want = false;
	m->upnp.busy = false;
	m->upnp.stale = false;
	m->upnp.until = KITH_NEVER;
	s->remove[KITH_MAPPING_UPNP] = false;
	if (s->outcome[KITH_MAPPING_UPNP] == KITH_MAPPING_ASKED) {
		s->outcome[KITH_MAPPING_UPNP] = KITH_MAPPING_SILENT;
		if (s->round)
			s->next_try = now;
	}
}

void kith_mapping_doubt(struct kith_mapping *m, kith_time now)
{
	struct kith__mapping_side *s = &m->side[KITH_MAPPING_IP4];

	if (s->state == KITH_MAPPING_HELD && !s->round && now >= s->asked_at + DOUBT_US)
		round_begin(m, s, now);
}

void kith_mapping_again(struct kith_mapping *m, kith_time now)
{
	for (unsigned f = 0; f < KITH_MAPPING_FAMILIES; f++) {
		struct kith__mapping_side *s = &m->side[f];

		if ((s->state == KITH_MAPPING_HELD || s->state == KITH_MAPPING_FAILED) && !s->round)
			round_begin(m, s, now);
	}
}

static void side_tick(struct kith_mapping *m, struct kith__mapping_side *s, kith_time now)
{
	if (s->state == KITH_MAPPING_HELD && now >= s->ends_at) {
		s->state = KITH_MAPPING_TRYING;
		s->ends_at = KITH_NEVER;
		round_begin(m, s, now);
	}
	if (!s->round && now >= s->renew_at) {
		s->renew_at = KITH_NEVER;
		round_begin(m, s, now);
	}
	if (s->round && now >= s->next_try)
		try_step(m, s, now);
}

void kith_mapping_tick(struct kith_mapping *m, kith_time now)
{
	struct kith__mapping_side *s = &m->side[KITH_MAPPING_IP4];

	if (m->stopping) {
		(void)kith_mapping_stop(m, now);
		return;
	}
	if (m->upnp.busy && now >= m->upnp.until) {
		m->upnp.busy = false;
		m->upnp.stale = false;
		m->upnp.until = KITH_NEVER;
		if (s->outcome[KITH_MAPPING_UPNP] == KITH_MAPPING_ASKED) {
			s->outcome[KITH_MAPPING_UPNP] = KITH_MAPPING_SILENT;
			s->next_try = s->round ? now : s->next_try;
		}
	}
	for (unsigned f = 0; f < KITH_MAPPING_FAMILIES; f++)
		if (m->side[f].state != KITH_MAPPING_NONE &&
		    m->side[f].state != KITH_MAPPING_NOT_NEEDED)
			side_tick(m, &m->side[f], now);
}

/* Something is still to be removed from a router. */
static bool removing(const struct kith_mapping *m)
{
	bool left = false;

	for (unsigned f = 0; f < KITH_MAPPING_FAMILIES; f++)
		for (unsigned p = 0; p < KITH_MAPPING_PROTOS; p++)
			left |= m->side[f].remove[p];
	return left;
}

static kith_time stop_deadline(const struct kith_mapping *m)
{
	kith_time at = m->stop_at;

	if (!removing(m))
		return KITH_NEVER;
	for (unsigned f = 0; f < KITH_MAPPING_FAMILIES; f++) {
		const struct kith__mapping_side *s = &m->side[f];

		if (s->out[KITH_MAPPING_PCP] || s->out[KITH_MAPPING_NATPMP])
			return 0; /* the removal does not wait for a timer */
		at = s->next_try < at ? s->next_try : at;
	}
	return at;
}

kith_time kith_mapping_deadline(const struct kith_mapping *m)
{
	kith_time at = m->upnp.busy ? m->upnp.until : KITH_NEVER;

	if (m->stopping)
		return stop_deadline(m);
	for (unsigned f = 0; f < KITH_MAPPING_FAMILIES; f++) {
		const struct kith__mapping_side *s = &m->side[f];

		if (s->round && s->next_try < at)
			at = s->next_try;
		if (!s->round && s->renew_at < at)
			at = s->renew_at;
		if (s->state == KITH_MAPPING_HELD && s->ends_at < at)
			at = s->ends_at;
	}
	return at;
}

bool kith_mapping_ask(struct kith_mapping *m, struct kith_portmap_ask *out, kith_time now)
{
	const struct kith__mapping_side *s = &m->side[KITH_MAPPING_IP4];
	uint16_t external = m->cfg.external != 0 ? m->cfg.external : s->local.port;

	if (!m->upnp.want || !m->upnp.there || (m->upnp.busy && !m->stopping))
		return false;
	m->upnp.want = false;
	m->upnp.busy = true;
	m->upnp.stale = false;
	m->upnp.until = now + HELPER_US;
	/* a helper may still answer to the node before this one: no number comes twice */
	m->upnp.seq = m->upnp.seq == 0 ? kith_rng_u32(m->rng) | 1u : m->upnp.seq + 1;
	memset(out, 0, sizeof(*out));
	out->verb = m->upnp.verb;
	out->seq = m->upnp.seq;
	out->internal = s->local.port;
	out->external = m->upnp.held != 0 ? m->upnp.held : external;
	out->lease_s = m->cfg.lease_s;
	out->gateway = s->gateway;
	out->local = s->local;
	return true;
}

static void upnp_granted(struct kith_mapping *m, const struct kith_portmap_reply *r, kith_time now)
{
	struct kith__mapping_side *s = &m->side[KITH_MAPPING_IP4];

	if (r->external.port == 0 || !kith_addr_is_v4(&r->external)) {
		kith__mapping_refused(m, s, KITH_MAPPING_UPNP, 0, now);
		return;
	}
	m->upnp.held = r->external.port;
	kith__mapping_granted(m, s, KITH_MAPPING_UPNP, &r->external, r->lease_s, now);
	if (m->stopping) {
		upnp_want(m, KITH_PORTMAP_DELETE);
		s->remove[KITH_MAPPING_UPNP] = true;
	}
}

static void upnp_silent(struct kith__mapping_side *s, kith_time now)
{
	if (s->outcome[KITH_MAPPING_UPNP] != KITH_MAPPING_ASKED)
		return;
	s->outcome[KITH_MAPPING_UPNP] = KITH_MAPPING_SILENT;
	if (s->round && s->next_try == KITH_NEVER)
		s->next_try = now;
}

bool kith_mapping_reply(struct kith_mapping *m, const struct kith_portmap_reply *r, kith_time now)
{
	struct kith__mapping_side *s = &m->side[KITH_MAPPING_IP4];
	bool stale = m->upnp.stale;

	if (!m->upnp.busy || r->seq != m->upnp.seq)
		return false;
	m->upnp.busy = false;
	m->upnp.stale = false;
	m->upnp.until = KITH_NEVER;
	if (stale) /* of another network */
		return true;
	if (m->upnp.verb == KITH_PORTMAP_DELETE) {
		m->upnp.held = 0;
		kith__mapping_removed(s, KITH_MAPPING_UPNP);
		return true;
	}
	switch (r->result) {
	case KITH_PORTMAP_GRANTED: upnp_granted(m, r, now); break;
	case KITH_PORTMAP_REFUSED:
		kith__mapping_refused(m, s, KITH_MAPPING_UPNP, r->code, now);
		break;
	case KITH_PORTMAP_NO_IGD:
	case KITH_PORTMAP_TIMED_OUT:
	case KITH_PORTMAP_CHILD_DIED:
	case KITH_PORTMAP_BAD_REQUEST:
	case KITH_PORTMAP_RESULTS: upnp_silent(s, now); break;
	}
	return true;
}

/* ---- the end ---- */

static void stop_begin(struct kith_mapping *m, kith_time now)
{
	struct kith__mapping_side *v4 = &m->side[KITH_MAPPING_IP4];

	m->stopping = true;
	m->stop_at = now + STOP_US;
	m->upnp.want = false;
	for (unsigned f = 0; f < KITH_MAPPING_FAMILIES; f++) {
		struct kith__mapping_side *s = &m->side[f];

		for (unsigned p = 0; p < KITH_MAPPING_UPNP; p++)
			s->remove[p] = s->outcome[p] == KITH_MAPPING_GRANTED ||
				       s->outcome[p] == KITH_MAPPING_ASKED ||
				       (s->state == KITH_MAPPING_HELD && s->how == p);
		quiet(s);
		s->next_try = now;
	}
	if (m->upnp.held != 0 && m->upnp.there) {
		v4->remove[KITH_MAPPING_UPNP] = true;
		upnp_want(m, KITH_PORTMAP_DELETE);
	}
}

bool kith_mapping_stop(struct kith_mapping *m, kith_time now)
{
	if (!m->stopping)
		stop_begin(m, now);
	for (unsigned f = 0; f < KITH_MAPPING_FAMILIES; f++) {
		struct kith__mapping_side *s = &m->side[f];

		if (now >= m->stop_at) /* the lease ends it */
			memset(s->remove, 0, sizeof(s->remove));
		if (now >= s->next_try) {
			s->out[KITH_MAPPING_PCP] = s->remove[KITH_MAPPING_PCP];
			s->out[KITH_MAPPING_NATPMP] = s->remove[KITH_MAPPING_NATPMP];
			s->next_try = now + STOP_GAP_US;
		}
	}
	return !removing(m);
}

void kith_mapping_status(const struct kith_mapping *m, enum kith_mapping_family f,
			 struct kith_mapping_status *out)
{
	const struct kith__mapping_side *s = &m->side[f];

	memset(out, 0, sizeof(*out));
	out->state = s->state;
	out->gateway = !kith_addr_is_none(&s->gateway);
	memcpy(out->outcome, s->outcome, sizeof(out->outcome));
	memcpy(out->code, s->code, sizeof(out->code));
	out->trying = s->round;
	if (s->state != KITH_MAPPING_HELD)
		return;
	out->how = s->how;
	out->external = s->external;
	out->lease_s = s->lease_s;
	out->took_us = s->took_us;
}
