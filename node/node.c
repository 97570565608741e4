/* SPDX-License-Identifier: ISC */
/*
 * A whole node: dht, net and store composed, and the turn that moves them.
 *
 * Datagrams are offered to net, then to dht (crypto.md 6.2). After every input the events of the
 * engines below are pulled and handled at once; what they change lands in the open batches, which
 * `job` hands to the workers at the end of the turn. Nothing here blocks.
 */
#include "node/internal.h"

#include <string.h>

#define TICK_SLOW_US (60u * (kith_time)KITH_US_PER_S)

uint64_t kith__wall_ms(const struct kith_node *n)
{
	/* A call of the turn in which the node was made may carry the turn's earlier time. */
	kith_time since = n->now > n->wall_base_at ? n->now - n->wall_base_at : 0;

	return n->wall_base_ms + since / KITH_US_PER_MS;
}

uint64_t kith__wall_s(const struct kith_node *n)
{
	int64_t s = (int64_t)(kith__wall_ms(n) / 1000u) + n->clock_off_s;

	return s > 0 ? (uint64_t)s : 0;
}

uint64_t kith__period(const struct kith_node *n, const struct kith_record_secret *s,
		      unsigned attempt)
{
	uint64_t t = kith__wall_s(n);
	uint64_t period = kith_record_period(s, t, NULL);
	uint64_t other = kith_record_period(s, t + 10800, NULL);

	if (other == period)
		other = kith_record_period(s, t - 10800, NULL);
	return attempt % 2 == 1 ? other : period;
}

uint32_t kith__minutes(const struct kith_node *n)
{
	return (uint32_t)(kith__wall_ms(n) / 60000u);
}

/* ---- period clock: median offset of five authenticated replies (crypto.md 1) ---- */

static void clock_sample(struct kith_node *n, const struct kith_dht_event *e)
{
	struct kith_group group = kith_addr_group(&e->from, KITH_WIDTH_NEAR);
	int64_t off = ((int64_t)e->minutes - (int64_t)kith__minutes(n)) * 60;
	int64_t sorted[5];
	size_t i;
	size_t k;

	if (e->minutes == 0)
		return;
	for (i = 0; i < n->clock_count; i++)
		if (kith_group_equal(&n->clock[i].group, &group))
			break;
	if (i == 5)
		i = kith_rng_below(n->rng, 5);
	else if (i == n->clock_count)
		n->clock_count++;
	n->clock[i].group = group;
	n->clock[i].off_s = off;
	if (n->clock_count < 5)
		return;
	for (i = 0; i < 5; i++) {
		for (k = i; k > 0 && sorted[k - 1] > n->clock[i].off_s; k--)
			sorted[k] = sorted[k - 1];
		sorted[k] = n->clock[i].off_s;
	}
	off = sorted[2];
	/* One minute is the rounding of the field; 36 h is beyond repair: then the own clock holds.
	 */
	n->clock_off_s = off > 60 || off < -60 ? off : 0;
	if (off > 129600 || off < -129600)
		n->clock_off_s = 0;
	kith_net_set_wall(n->net, kith__wall_s(n) * 1000u, n->now);
}

/* ---- events of the engines below ---- */

static void found(struct kith_node *n, const struct kith_dht_event *e)
{
	if (!kith__twin_dht(n, e) && !kith__seek_dht(n, e) && !kith__presence_dht(n, e) &&
	    n->service != NULL && e->kind == KITH_DHT_FOUND)
		kith__mbox_service_superseded(n->service, e->op, n->now);
}

static void dht_event(struct kith_node *n, const struct kith_dht_event *e)
{
	switch (e->kind) {
	case KITH_DHT_READY:
		n->dht_ready = true;
		n->next_publish = n->now;
		n->next_choose = n->now;
		kith__presence_dial(n);
		break;
	case KITH_DHT_OBSERVED:
		kith__observed(n, &e->from, &e->addr);
		clock_sample(n, e);
		break;
	case KITH_DHT_FOUND:
		if (kith__publish_dht(n, e))
			break;
		found(n, e);
		break;
	case KITH_DHT_ABSENT: found(n, e); break;
	case KITH_DHT_PEER:
	case KITH_DHT_LOCATED: (void)kith__choose_dht(n, e); break;
	case KITH_DHT_SPLIT:
		kith_log_add(n->log, n->now, KITH_LOG_WARN,
			     "two starting points lead to different networks");
		break;
	case KITH_DHT_STORED: break;
	}
}

static void link_up(struct kith_node *n, const struct kith_net_event *e)
{
	struct kith_net_session_info info;
	struct kith_contact *c;

	if (kith_net_session(n->net, e->session, &info) != KITH_OK || info.kind != KITH_NET_LINK)
		return;
	c = kith__contact_by_peer(n, info.peer);
	if (c == NULL)
		return;
	kith__presence_session(n, c, e->session);
	kith__delivery_session(n, c, e->session);
	kith__heal_link_up(n, c);
}

static struct kith_contact *contact_of_session(const struct kith_node *n, uint32_t session)
{
	size_t i;

	for (i = 0; i < n->contacts; i++)
		if (n->contact[i]->session == session || n->contact[i]->connecting == session)
			return n->contact[i];
	return NULL;
}

static void link_lost(struct kith_node *n, const struct kith_net_event *e)
{
	struct kith_contact *c = contact_of_session(n, e->session);

	if (c == NULL)
		return;
	if (c->session == e->session) {
		kith__presence_session(n, c, 0);
		kith__delivery_session(n, c, 0);
		kith__presence_want(n, c);
	} else {
		c->connecting = 0;
	}
}

static void link_state(struct kith_node *n, uint32_t peer)
{
	struct kith_contact *c = kith__contact_by_peer(n, peer);

	if (c == NULL || kith_net_link_peer_get(n->net, peer, &c->link) != KITH_OK)
		return;
	kith__row_device(n, c);
}

/* kind 1 | bytes (transport.md 6): 1 full frame, 2 light frame, 5 re-session; others are of later
 * versions. */
static void link_message(struct kith_node *n, const struct kith_net_event *e)
{
	struct kith_contact *c = contact_of_session(n, e->session);
	uint8_t kind = e->len < 2 ? 0 : e->data[0];

	if (c == NULL || (kind != 1 && kind != 2 && kind != KITH_HEAL_KIND)) {
		n->unknown_kinds++;
		return;
	}
	c->last_seen_ms = kith__wall_ms(n);
	if (kind == KITH_HEAL_KIND) {
		kith__heal_message(n, c, e->data, e->len);
		return;
	}
	if (kith__healing(c) && e->len == 1 + KITH_INNER &&
	    kith__request_answer_try(n, c, e->data + 1))
		return;
	(void)kith__inbox_frame(n, c, e->data + 1, e->len - 1, true);
}

static void link_observed(struct kith_node *n, const struct kith_net_event *e)
{
	struct kith_net_session_info info;

	if (kith_net_session(n->net, e->session, &info) == KITH_OK)
		kith__observed(n, &info.remote, &e->addr);
}

static void net_event(struct kith_node *n, const struct kith_net_event *e)
{
	if (kith__mbox_client_event(n->client, e, n->now))
		return;
	if (n->service != NULL && kith__mbox_service_event(n->service, e, kith__wall_s(n), n->now))
		return;
	switch (e->kind) {
	case KITH_NET_SESSION_UP: link_up(n, e); break;
	case KITH_NET_SESSION_LOST:
	case KITH_NET_CONNECT_FAILED: link_lost(n, e); break;
	case KITH_NET_PEER_RESTARTED:
		link_up(n, e); /* what was on its way is sent again */
		break;
	case KITH_NET_MSG_IN: link_message(n, e); break;
	case KITH_NET_MSG_RETURNED: kith__delivery_returned(n, e->token); break;
	case KITH_NET_LINK_STATE: link_state(n, e->peer); break;
	case KITH_NET_OBSERVED: link_observed(n, e); break;
	case KITH_NET_MSG_ACKED: /* in the peer's memory: no evidence of anything */
	case KITH_NET_STREAM_READABLE:
	case KITH_NET_STREAM_WRITABLE: break;
	}
}

static void client_results(struct kith_node *n)
{
	struct kith_mbox_result r;

	while (kith__mbox_client_result(n->client, &r)) {
		bool mine = false;

		kith__mbox_jobs_result(n, &r, &mine);
		if (!mine && !kith__audit_result(n, &r))
			kith__fetch_result(n, &r);
	}
}

static void pump(struct kith_node *n)
{
	struct kith_net_event ne;
	struct kith_dht_event de;

	while (kith_net_event(n->net, &ne))
		net_event(n, &ne);
	while (kith_dht_event(n->dht, &de))
		dht_event(n, &de);
	client_results(n);
	kith_net_set_hold(n->net, kith__gate_full(n));
}

/* ---- the engine's verbs ---- */

static bool node_input(void *self, const struct kith_dgram_in *in, kith_time now)
{
	struct kith_node *n = self;
	bool mine;

	n->now = now;
	mine = kith__reach_input(n, in) || kith_net_input(n->net, in, now) ||
	       kith_dht_input(n->dht, in, now);
	pump(n);
	return mine;
}

static void node_notice(void *self, const struct kith_notice *notice, kith_time now)
{
	struct kith_node *n = self;
	size_t had, i;
	bool same;

	n->now = now;
	switch (notice->kind) {
	case KITH_NOTICE_WALL:
		n->wall_base_ms = notice->wall_ms;
		n->wall_base_at = now;
		kith_net_set_wall(n->net, kith__wall_s(n) * 1000u, now);
		kith_dht_set_clock(n->dht, kith__minutes(n), now);
		break;
	case KITH_NOTICE_LOCAL:
		had = n->own_addrs;
		same = had == (notice->addr_count < 8 ? notice->addr_count : 8);
		n->own_addrs = 0;
		for (i = 0; i < notice->addr_count && n->own_addrs < 8; i++) {
			same = same && kith_addr_equal(&n->own_addr[i], &notice->addrs[i]);
			n->own_addr[n->own_addrs++] = notice->addrs[i];
		}
		if (had != 0 && !same)
			kith__daykey_moved(n);
		kith_dht_network_changed(n->dht, now);
		kith__observed_clear(n);
		kith__publish_soon(n);
		kith__presence_dial(n); /* addresses that worked before need no lookup */
		break;
	case KITH_NOTICE_RESUME:
		kith_noncer_init(&n->noncer, n->rng);
		kith_net_drop_sessions(n->net, now);
		kith_dht_network_changed(n->dht, now);
		if (n->has_identity) { /* a clone draws another one: the record then tells */
			kith__instance_renew(n);
			kith__publish_soon(n);
		}
		break;
	case KITH_NOTICE_GATEWAY: kith__reach_gateway(n, notice->addrs, notice->addr_count); break;
	case KITH_NOTICE_SEND_ERROR: break;
	}
	pump(n);
}

static void sweep(struct kith_node *n)
{
	struct kith_op op;

	if (n->now < n->next_sweep)
		return;
	n->next_sweep = n->now + 60u * TICK_SLOW_US;
	kith__daykey_tick(n);
	if (!n->has_identity)
		return;
	kith__identity_tick(n);
	kith__requests_sweep(n);
	op = kith_op(KITH_OP_SEEN_EXPIRE);
	kith_op_int(&op, (int64_t)kith__wall_s(n));
	kith__put(n, &op);
}

/* What an account does of itself. */
static void people_tick(struct kith_node *n)
{
	kith__twin_tick(n);
	kith__seek_tick(n);
	kith__publish_tick(n);
	kith__deposit_tick(n);
	kith__presence_tick(n);
	kith__choose_tick(n);
	kith__fetch_tick(n);
	kith__audit_tick(n);
	kith__hold_tick(n);
	kith__delivery_tick(n);
	kith__ack_tick(n);
}

static void node_tick(void *self, kith_time now)
{
	struct kith_node *n = self;

	n->now = now;
	kith_net_tick(n->net, now);
	kith_dht_tick(n->dht, now);
	kith__mbox_client_tick(n->client, now);
	pump(n);
	if (n->service != NULL)
		kith__mbox_service_tick(n->service, kith__wall_s(n), now);
	if (!n->locked)
		people_tick(n);
	kith__mbox_jobs_tick(n); /* what was ordered before a lock ends */
	kith__reach_tick(n);
	sweep(n);
	if (now >= kith_store_deadline(n->account))
		kith_store_tick(n->account, now);
	if (n->mailbox != NULL && now >= kith_store_deadline(n->mailbox))
		kith_store_tick(n->mailbox, now);
	pump(n);
}

static kith_time earlier(kith_time a, kith_time b)
{
	return a < b ? a : b;
}

static kith_time people_deadline(const struct kith_node *n)
{
	kith_time at = earlier(kith__seek_deadline(n), kith__publish_deadline(n));

	at = earlier(at, kith__twin_deadline(n));
	at = earlier(at, kith__presence_deadline(n));
	at = earlier(at, kith__choose_deadline(n));
	at = earlier(at, kith__deposit_deadline(n));
	at = earlier(at, kith__fetch_deadline(n));
	at = earlier(at, kith__audit_deadline(n));
	at = earlier(at, kith__hold_deadline(n));
	at = earlier(at, kith__delivery_deadline(n));
	return earlier(at, kith__ack_deadline(n));
}

static kith_time node_deadline(const void *self)
{
	const struct kith_node *n = self;
	kith_time at = earlier(kith_net_deadline(n->net), kith_dht_deadline(n->dht));

	at = earlier(at, kith__mbox_client_deadline(n->client));
	if (n->service != NULL)
		at = earlier(at, kith__mbox_service_deadline(n->service));
	if (!n->locked)
		at = earlier(at, people_deadline(n));
	at = earlier(at, kith__mbox_jobs_deadline(n));
	at = earlier(at, kith_mapping_deadline(&n->mapping));
	at = earlier(at, n->next_sweep);
	at = earlier(at, kith_store_deadline(n->account));
	if (n->mailbox != NULL)
		at = earlier(at, kith_store_deadline(n->mailbox));
	return at;
}

static bool node_output(void *self, struct kith_dgram_out *out, kith_time now)
{
	struct kith_node *n = self;

	n->now = now;
	return kith_mapping_output(&n->mapping, out, now) || kith_net_output(n->net, out, now) ||
	       kith_dht_output(n->dht, out, now);
}

static bool node_job(void *self, struct kith_job **out)
{
	struct kith_node *n = self;

	if (!n->account_busy) {
		kith__flush(n);
		if (kith_store_job(n->account, out)) {
			n->account_busy = true;
			n->account_job = *out;
			n->open_ops = 0;
			return true;
		}
	}
	if (n->mailbox != NULL && !n->mailbox_busy && kith_store_job(n->mailbox, out)) {
		n->mailbox_busy = true;
		n->mailbox_job = *out;
		return true;
	}
	return kith__work_job(n, out);
}

static void account_done(struct kith_node *n, struct kith_job *job)
{
	struct kith_store_result result;
	int status = kith_store_done(n->account, job, n->now);

	n->account_busy = false;
	while (kith_store_result(n->account, &result))
		(void)kith__expect_result(n, &result);
	if (status == KITH_OK) {
		kith__gate_open(n);
		kith__replies_open(n);
	} else {
		kith_log_add(n->log, n->now, KITH_LOG_ERROR,
			     status == KITH_E_NOSPACE ? "the disk is full: nothing new is accepted"
						      : "the database cannot be written");
	}
}

static void node_done(void *self, struct kith_job *job, kith_time now)
{
	struct kith_node *n = self;

	n->now = now;
	if (n->account_busy && job == n->account_job) {
		account_done(n, job);
	} else if (n->mailbox_busy && job == n->mailbox_job) {
		int status = kith_store_done(n->mailbox, job, now);

		n->mailbox_busy = false;
		if (n->service != NULL)
			kith__mbox_service_committed(n->service, status, now);
	} else {
		(void)kith__work_done(n, job);
	}
	pump(n);
}

static void node_wake(void *self, kith_time now)
{
	struct kith_node *n = self;

	n->now = now;
}

struct kith_engine kith_node_engine(struct kith_node *n)
{
	struct kith_engine e = {
		n,           node_input, node_notice, node_tick, node_deadline,
		node_output, node_job,   node_done,   node_wake,
	};

	return e;
}

/* ---- life ---- */

static int start_engines(struct kith_node *n)
{
	struct kith_dht_config dc;
	struct kith_net_config nc;

	memset(&nc, 0, sizeof(nc));
	nc.alloc = n->alloc;
	nc.log = n->log;
	nc.network = n->cfg.network;
	memcpy(nc.node_secret, n->cfg.node_secret, 32);
	nc.serve = n->mailbox != NULL;
	n->net = kith_net_new(&nc, n->rng, n->now);
	kith_wipe(&nc, sizeof(nc));
	n->book = kith_peerbook_new(n->alloc, KITH_DHT_BOOK_MAX, n->rng);
	if (n->net == NULL || n->book == NULL)
		return KITH_E_NOMEM;
	memset(&dc, 0, sizeof(dc));
	dc.alloc = n->alloc;
	dc.log = n->log;
	dc.network = n->cfg.network;
	n->key_day = kith__wall_s(n) / KITH_DAY_S;
	kith__daykey(n, dc.node_secret);
	dc.mode = n->cfg.role == KITH_ROLE_ALWAYS_ON ? KITH_DHT_SERVER : KITH_DHT_CLIENT;
	dc.services = n->mailbox != NULL ? KITH_DHT_MAILBOX : 0;
	dc.params = kith_dht_defaults();
	n->dht = kith_dht_new(&dc, n->book, n->rng, n->now);
	kith_wipe(&dc, sizeof(dc));
	n->client = kith__mbox_client_new(n->alloc, n->net, n->rng);
	if (n->dht == NULL || n->client == NULL)
		return KITH_E_NOMEM;
	kith_net_set_wall(n->net, n->cfg.wall_ms, n->now);
	kith_dht_set_clock(n->dht, kith__minutes(n), n->now);
	return KITH_OK;
}

/* A deposited record is published like an own one (mailbox.md 3). */
static uint32_t publish_deposit(void *ctx, const uint8_t record[static KITH_RECORD])
{
	struct kith_node *n = ctx;
	uint32_t op = 0;

	if (kith_dht_publish(n->dht, record, KITH_RECORD, &op, n->now) != KITH_OK) {
		kith_log_add(n->log, n->now, KITH_LOG_DEBUG, "a deposited record was not taken up");
		return 0;
	}
	return op;
}

static void unpublish_deposit(void *ctx, uint32_t op)
{
	struct kith_node *n = ctx;

	kith_dht_cancel(n->dht, op);
}

static int start_service(struct kith_node *n)
{
	struct kith_mbox_service_config sc;
	int status;

	if (n->mailbox == NULL)
		return KITH_OK;
	memset(&sc, 0, sizeof(sc));
	sc.alloc = n->alloc;
	sc.rng = n->rng;
	sc.net = n->net;
	sc.store = n->mailbox;
	memcpy(sc.ml_secret, n->cfg.node_secret, 32);
	sc.disk_max = n->cfg.mailbox_disk_max;
	sc.days_max = n->cfg.mailbox_days_max;
	sc.members_max = n->cfg.mailbox_members_max;
	sc.bits = (uint8_t)n->cfg.mailbox_bits;
	sc.serve = true;
	sc.publish_ctx = n;
	sc.publish = publish_deposit;
	sc.unpublish = unpublish_deposit;
	status = kith__mbox_service_new(&sc, kith__wall_s(n), &n->service);
	kith_wipe(&sc, sizeof(sc));
	return status;
}

int kith_node_new(const struct kith_node_config *cfg, kith_time now, struct kith_node **out)
{
	struct kith_node *n = kith_alloc_zero(cfg->alloc, 1, sizeof(*n));
	int status = KITH_E_NOMEM;

	if (n == NULL)
		return status;
	n->cfg = *cfg;
	n->alloc = cfg->alloc;
	n->rng = cfg->rng;
	n->log = cfg->log;
	n->account = cfg->account;
	n->mailbox = cfg->mailbox;
	kith_store_beyond(n->account, true);
	kith_store_force(n->account, true); /* own changes wait in the batch; input: gate.c */
	n->now = n->started = n->phase_since = n->wall_base_at = now;
	n->wall_base_ms = cfg->wall_ms;
	n->next_publish = n->next_choose = n->next_deposit = now;
	n->next_sweep = now + TICK_SLOW_US;
	kith__reach_init(n);
	n->hold_due = KITH_NEVER;
	n->arena = kith_arena_new();
	if (n->arena == NULL)
		goto fail;
	kith_noncer_init(&n->noncer, n->rng);
	kith_map_init(&n->contact_by_ik, n->alloc, 32, KITH_CONTACTS_MAX, n->rng);
	kith_map_init(&n->seen, n->alloc, 16, KITH_SEEN_MAX, n->rng);
	status = start_engines(n);
	if (status == KITH_OK)
		status = start_service(n);
	if (status == KITH_OK)
		status = kith__load(n);
	if (status != KITH_OK)
		goto fail;
	kith__seeds_load(n, cfg->seeds, cfg->seeds_len);
	*out = n;
	return KITH_OK;
fail:
	kith_node_free(n);
	return status;
}

void kith_node_free(struct kith_node *n)
{
	size_t i;

	if (n == NULL)
		return;
	for (i = 0; i < n->contacts; i++)
		kith__contact_free(n, n->contact[i]);
	kith_alloc_free(n->alloc, n->contact);
	kith_alloc_free(n->alloc, n->dirty);
	kith__pending_free(n);
	kith__mbox_jobs_free(n);
	kith__fetch_free(n);
	kith__choose_free(n);
	kith__msgs_free(n);
	kith__work_free(n);
	kith__publish_free(n);
	kith__deposit_free(n);
	kith__audit_free(n);
	kith__events_free(n);
	kith_alloc_free(n->alloc, n->gate.entry);
	kith__mbox_service_free(n->service);
	kith__mbox_client_free(n->client);
	kith_dht_free(n->dht);
	kith_peerbook_free(n->book);
	kith_net_free(n->net);
	kith_map_wipe(&n->contact_by_ik);
	kith_map_wipe(&n->seen);
	kith_arena_free(n->arena);
	{
		const struct kith_alloc *alloc = n->alloc;

		kith_wipe(n, sizeof(*n));
		kith_alloc_free(alloc, n);
	}
}

bool kith_node_stopping(struct kith_node *n, kith_time now)
{
	bool unmapped = kith_mapping_stop(&n->mapping, now);

	n->now = now;
	if (!n->stopping) {
		n->stopping = true;
		kith__ack_tick(n); /* bundled receipts leave before the node does */
	}
	return unmapped && !n->account_busy && !n->mailbox_busy && !n->job_busy &&
	       n->open_ops == 0 && n->dirties == 0 && n->gate.count == 0 && kith__mbox_jobs_idle(n);
}
