/* SPDX-License-Identifier: ISC */
/*
 * People in the simulated world: they make identities, invite, accept, write; nodes die and come
 * back. A ledger outside of all nodes knows what each person was told, and at the end every
 * history is read back from the nodes and compared with it (ledger.c).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/alloc.h"
#include "sim/sim.h"

enum action { BOOT = 1, INVITE, SAY, CRASH, COLLECT };
enum call {
	CALL_IDENTITY = 1,
	CALL_INVITE,
	CALL_ADD,
	CALL_ACCEPT,
	CALL_SAY,
	CALL_READ,
	CALL_HISTORY
};

struct sim_work {
	char hint[96];
	struct sim_letter *letter;
	uint32_t adds, accepts, refused_calls, boots, crashes, bad_boots;
	uint32_t pages; /* history pages outstanding */
};

static uint32_t action(enum action a, uint32_t arg)
{
	return (uint32_t)a << 28 | arg;
}

static uint32_t call(enum call c, uint32_t arg)
{
	return (uint32_t)c << 28 | arg;
}

static uint32_t users(const struct sim_world *w)
{
	return w->plan.nodes - w->plan.always_on;
}

static struct sim_host *user(struct sim_world *w, uint32_t u)
{
	return &w->host[w->plan.always_on + u % users(w)];
}

bool sim_work_init(struct sim_world *w)
{
	const struct sim_plan *p = &w->plan;
	uint32_t i;
	uint32_t k;

	w->work = kith_alloc_zero(NULL, 1, sizeof(*w->work));
	if (w->work == NULL)
		return false;
	w->work->letter = kith_alloc_zero(NULL, p->messages, sizeof(struct sim_letter));
	if (w->work->letter == NULL)
		return false;
	for (i = 0; i < p->nodes; i++)
		sim_world_at(w, i < p->always_on ? i * 10000u : KITH_US_PER_S + i * 20000u,
			     action(BOOT, i));
	for (i = 0; i < users(w); i++)
		for (k = 1; k <= p->degree && k < users(w); k++)
			sim_world_at(w,
				     10u * (kith_time)KITH_US_PER_S + (i * p->degree + k) * 50000u,
				     action(INVITE, i << 8 | k));
	for (i = 0; i < p->messages; i++) {
		struct sim_letter *l = &w->work->letter[i];
		uint32_t u = sim_draw_below(&w->draw, SIM_DRAW_WORK, i, 0, 0, users(w));
		uint32_t v = u + 1 + sim_draw_below(&w->draw, SIM_DRAW_WORK, i, 1, 0, p->degree);
		bool back = (sim_draw(&w->draw, SIM_DRAW_WORK, i, 2, 0) & 1) != 0;

		l->from = user(w, back ? v : u)->index;
		l->to = user(w, back ? u : v)->index;
		sim_world_at(w, p->message_start + p->message_span / (p->messages + 1u) * (i + 1u),
			     action(SAY, i));
	}
	for (i = 0; i < p->crashes; i++)
		sim_world_at(w, p->message_start + p->message_span / (p->crashes + 1u) * (i + 1u),
			     action(CRASH, i));
	sim_world_at(w, p->duration - 20u * (kith_time)KITH_US_PER_S, action(COLLECT, 0));
	return true;
}

void sim_work_free(struct sim_world *w)
{
	if (w->work == NULL)
		return;
	kith_alloc_free(NULL, w->work->letter);
	kith_alloc_free(NULL, w->work);
	w->work = NULL;
}

void sim_work_booted(struct sim_world *w, struct sim_host *h)
{
	struct kith_node_identity id;
	char name[32];

	w->work->boots++;
	if (h->index == 0 && w->work->hint[0] == '\0')
		(void)!kith_node_own_hint(h->node, w->work->hint, sizeof(w->work->hint));
	else if (w->work->hint[0] != '\0' &&
		 kith_node_bootstrap(h->node, w->work->hint, strlen(w->work->hint), w->now) !=
			 KITH_OK)
		w->work->refused_calls++;
	if (h->always_on || kith_node_identity(h->node, &id) == KITH_OK)
		return;
	snprintf(name, sizeof(name), "user %u", (unsigned)h->index);
	if (kith_node_identity_create(h->node, name, call(CALL_IDENTITY, 0), w->now) != KITH_OK)
		w->work->refused_calls++;
}

/* The conversation of host `h` with the person on `peer`, by the name they gave; 0: none yet. */
static uint64_t conversation(const struct sim_host *h, uint32_t peer, bool *accepted)
{
	struct kith_node_contact c;
	char name[32];
	size_t i;

	snprintf(name, sizeof(name), "user %u", (unsigned)peer);
	for (i = 0; kith_node_contact(h->node, i, &c); i++)
		if (strcmp(c.name, name) == 0 || strcmp(c.alias, name) == 0) {
			*accepted = c.state == KITH_CONTACT_ACCEPTED;
			return c.conversation;
		}
	return 0;
}

static void boot(struct sim_world *w, uint32_t i)
{
	if (w->host[i].up)
		return;
	if (sim_host_boot(w, &w->host[i]) != KITH_OK) {
		w->work->bad_boots++;
		fprintf(stderr, "node %u does not start again at %" PRIu64 " us\n", (unsigned)i,
			w->now);
	}
}

static void again(struct sim_world *w, uint32_t what)
{
	sim_world_at(w, w->now + KITH_US_PER_S, what);
}

static void invite(struct sim_world *w, uint32_t what)
{
	uint32_t arg = what & 0xfffffffu;
	struct sim_host *u = user(w, arg >> 8);
	struct sim_host *v = user(w, (arg >> 8) + (arg & 255));

	if (!u->up || !v->up ||
	    kith_node_invite(u->node, "sim", 0, false, call(CALL_INVITE, v->index), w->now) !=
		    KITH_OK) {
		again(w, what);
		return;
	}
	sim_host_turn(w, u, NULL);
}

static void say(struct sim_world *w, uint32_t what)
{
	uint32_t i = what & 0xfffffffu;
	struct sim_letter *l = &w->work->letter[i];
	struct sim_host *h = &w->host[l->from];
	struct kith_msgid id;
	bool accepted = false;
	uint64_t conv;
	char text[48];

	if (l->accepted)
		return;
	again(w, what); /* a client repeats the same id until it is answered */
	if (!h->up)
		return;
	conv = conversation(h, l->to, &accepted);
	if (conv == 0)
		return;
	memset(&id, 0, sizeof(id));
	kith_store_u64(id.b, i + 1u);
	kith_store_u64(id.b + 8, w->plan.seed);
	snprintf(text, sizeof(text), "letter %u", (unsigned)i);
	if (l->said == 0)
		l->said = w->now;
	if (kith_node_say(h->node, conv, &id, text, strlen(text), NULL, call(CALL_SAY, i),
			  w->now) != KITH_OK)
		w->work->refused_calls++;
	sim_host_turn(w, h, NULL);
}

static void crash(struct sim_world *w, uint32_t k)
{
	const struct sim_plan *p = &w->plan;
	uint32_t i = sim_draw_below(&w->draw, SIM_DRAW_FAULT, k, 0, 0, p->nodes);
	struct sim_host *h = &w->host[i];
	kith_time down = p->down_min + sim_draw(&w->draw, SIM_DRAW_FAULT, k, 1, 0) %
					       (p->down_max - p->down_min + 1u);

	if (!h->up)
		return;
	w->work->crashes++;
	sim_host_kill(w, h, (sim_draw(&w->draw, SIM_DRAW_FAULT, k, 2, 0) & 1) != 0);
	sim_world_at(w, w->now + down, action(BOOT, i));
}

static void page(struct sim_world *w, struct sim_host *h, uint64_t conv, uint64_t before)
{
	if (kith_node_history(h->node, conv, before, 0, 200, call(CALL_HISTORY, (uint32_t)conv),
			      w->now) == KITH_OK)
		w->work->pages++;
	else
		w->work->refused_calls++;
}

static void collect(struct sim_world *w)
{
	uint32_t i;
	size_t k;

	for (i = w->plan.always_on; i < w->plan.nodes; i++) {
		struct kith_node_conversation c;

		boot(w, i);
		for (k = 0; w->host[i].up && kith_node_conversation(w->host[i].node, k, &c); k++)
			page(w, &w->host[i], c.id, 0);
		if (w->host[i].up)
			sim_host_turn(w, &w->host[i], NULL);
	}
}

void sim_work_action(struct sim_world *w, uint32_t what)
{
	uint32_t arg = what & 0xfffffffu;

	switch ((enum action)(what >> 28)) {
	case BOOT: boot(w, arg); break;
	case INVITE: invite(w, what); break;
	case SAY: say(w, what); break;
	case CRASH: crash(w, arg); break;
	case COLLECT: collect(w); break;
	}
}

static void add_link(struct sim_world *w, struct sim_host *from, uint32_t to, const char *link)
{
	struct sim_host *v = &w->host[to];
	char name[32];

	snprintf(name, sizeof(name), "user %u", (unsigned)from->index);
	if (!v->up || kith_node_contact_add(v->node, link, strlen(link), name, "",
					    call(CALL_ADD, from->index), w->now) != KITH_OK) {
		w->work->refused_calls++;
		return;
	}
	sim_host_turn(w, v, NULL);
}

static void history_row(struct sim_world *w, struct sim_host *h, const struct kith_node_message *m)
{
	unsigned i;

	if (sscanf(m->text, "letter %u", &i) != 1 || i >= w->plan.messages)
		return;
	if (m->author == 0 && w->work->letter[i].from == h->index)
		w->work->letter[i].step = m->state.step;
	if (m->author != 0 && w->work->letter[i].to == h->index)
		w->work->letter[i].shown++;
}

static void history_page(struct sim_world *w, struct sim_host *h, const struct kith_node_reply *r,
			 uint64_t conv)
{
	struct kith_node_message m;
	uint64_t first = 0;

	w->work->pages--;
	while (kith_node_reply_message(h->node, &m)) {
		if (first == 0)
			first = m.id;
		history_row(w, h, &m);
	}
	if (r->more && first != 0)
		page(w, h, conv, first);
}

static void states_read(struct sim_world *w, struct sim_host *h)
{
	struct kith_node_message m;
	unsigned i;

	while (kith_node_reply_message(h->node, &m))
		if (m.author == 0 && m.state.step >= KITH_STEP_DELIVERED &&
		    sscanf(m.text, "letter %u", &i) == 1 && i < w->plan.messages &&
		    w->work->letter[i].delivered == 0)
			w->work->letter[i].delivered = w->now;
}

static void reply(struct sim_world *w, struct sim_host *h, const struct kith_node_reply *r)
{
	uint32_t arg = r->call & 0xfffffffu;

	switch ((enum call)(r->call >> 28)) {
	case CALL_INVITE:
		if (r->status == KITH_OK)
			add_link(w, h, arg, r->text);
		break;
	case CALL_ADD: w->work->adds++; break;
	case CALL_ACCEPT: w->work->accepts++; break;
	case CALL_SAY:
		if (r->status == KITH_OK)
			w->work->letter[arg].accepted = true;
		break;
	case CALL_HISTORY: history_page(w, h, r, arg); break;
	case CALL_READ: states_read(w, h); break;
	case CALL_IDENTITY: break;
	}
}

/* Everybody accepts everybody; a request that waited through a restart too. */
static void accept_all(struct sim_world *w, struct sim_host *h)
{
	struct kith_node_request q;

	while (kith_node_request(h->node, 0, &q))
		if (kith_node_request_accept(h->node, q.id, NULL, call(CALL_ACCEPT, 0), w->now) !=
		    KITH_OK) {
			w->work->refused_calls++;
			return;
		}
}

void sim_work_drain(struct sim_world *w, struct sim_host *h)
{
	struct kith_node_reply r;
	struct kith_node_row row;
	struct kith_log_line line;

	while (kith_node_reply(h->node, &r))
		reply(w, h, &r);
	while (kith_node_news(h->node, &row))
		if (row.type == KITH_EVENT_MESSAGE_STATE &&
		    kith_node_messages(h->node, row.conversation, row.first, row.last,
				       call(CALL_READ, 0), w->now) != KITH_OK)
			w->work->refused_calls++;
	if (!h->always_on)
		accept_all(w, h);
	while (kith_log_next(&h->log, &line))
		if (w->verbose)
			fprintf(stderr, "%10.3f node %u: %s\n", (double)w->now / 1e6,
				(unsigned)h->index, line.text);
}

/* What is worth a look, on stderr. */
static void tell_letters(const struct sim_world *w)
{
	static const char *const steps[] = {"queued", "kept", "delivered", "read", "cancelled"};
	uint32_t i;

	for (i = 0; i < w->plan.messages; i++) {
		const struct sim_letter *l = &w->work->letter[i];

		if (l->accepted && l->shown == 1 && l->step == KITH_STEP_DELIVERED)
			continue;
		fprintf(stderr,
			"letter %u from node %u to node %u, said at %.3f: %s, "
			"shown %u, %s\n",
			(unsigned)i, (unsigned)l->from, (unsigned)l->to, (double)l->said / 1e6,
			l->accepted ? "accepted" : "not accepted", (unsigned)l->shown,
			steps[l->step]);
	}
}

void sim_work_finish(struct sim_world *w)
{
	if (w->verbose)
		tell_letters(w);
	if (w->work->pages != 0)
		fprintf(stderr, "kith-sim: %u pages of history were not answered\n",
			(unsigned)w->work->pages);
}

static void line(bool json, const char *name, double value, const char *unit, uint32_t n)
{
	if (json)
		printf("{\"name\":\"%s\",\"value\":%.6g,\"unit\":\"%s\",\"n\":%u}\n", name, value,
		       unit, (unsigned)n);
	else
		printf("%-26s %.6g %s (n = %u)\n", name, value, unit, (unsigned)n);
}

bool sim_work_report(const struct sim_world *w, bool json)
{
	struct sim_verdict r = sim_ledger_judge(w->work->letter, w->plan.messages);
	struct rusage usage;
	uint8_t hash[32];
	char hex[65];
	uint64_t bytes = 0;
	uint32_t i;

	for (i = 0; i < w->plan.nodes; i++)
		bytes += w->host[i].tx_bytes;
	getrusage(RUSAGE_SELF, &usage);
	line(json, "message.accepted", r.accepted, "count", w->plan.messages);
	line(json, "message.lost", r.lost, "count", r.accepted);
	line(json, "message.doubled", r.doubled, "count", r.accepted);
	line(json, "message.false_states", r.false_states, "count", r.accepted);
	line(json, "message.open", r.open, "count", r.accepted);
	line(json, "message.receipt.p50", (double)r.p50 / 1e3, "ms", r.told);
	line(json, "message.receipt.p95", (double)r.p95 / 1e3, "ms", r.told);
	line(json, "contacts", w->work->accepts, "count", w->work->adds);
	line(json, "crashes", w->work->crashes, "count", w->plan.nodes);
	line(json, "starts.failed", w->work->bad_boots, "count", w->work->boots);
	line(json, "sent", (double)bytes / (double)w->plan.nodes / ((double)w->plan.duration / 1e6),
	     "B/s", w->plan.nodes);
	line(json, "rss", (double)usage.ru_maxrss, "KiB", w->plan.nodes);
	line(json, "events.packet", (double)w->kinds[SIM_PACKET], "count", w->plan.nodes);
	line(json, "events.timer", (double)w->kinds[SIM_TIMER], "count", w->plan.nodes);
	line(json, "events.job", (double)w->kinds[SIM_DISK], "count", w->plan.nodes);
	line(json, "cpu", (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6, "s",
	     w->plan.nodes);
	sim_world_trace_hash(w, hash);
	kith_hex_encode(hex, hash, 32);
	if (json)
		printf("{\"name\":\"trace_hash\",\"value\":\"%s\",\"unit\":\"hex\",\"n\":%u}\n"
		       "{\"name\":\"crypto_level\",\"value\":\"real\",\"unit\":\"\",\"n\":1}\n",
		       hex, (unsigned)w->plan.nodes);
	else
		printf("%-26s %s\n%-26s real\n", "trace_hash", hex, "crypto_level");
	return sim_ledger_holds(&r, &w->plan) && w->work->bad_boots == 0 && w->work->pages == 0;
}
