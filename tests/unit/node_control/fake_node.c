/* SPDX-License-Identifier: ISC */
#include "tests/unit/node_control/fake_node.h"

#include <string.h>

#include "base/bytes.h"

static int answer(struct kith_node *n, uint32_t call, enum kith_reply_kind kind, bool write)
{
	struct fake_reply *q = &n->queue[n->tail++ % 8192];

	memset(q, 0, sizeof(*q));
	q->r.call = call;
	q->r.kind = kind;
	q->r.status = write ? n->status : KITH_OK;
	q->write = write;
	n->writes += write ? 1 : 0;
	return KITH_OK;
}

static struct fake_reply *last(struct kith_node *n)
{
	return &n->queue[(n->tail - 1) % 8192];
}

static void message(const struct kith_node *n, uint64_t id, struct kith_node_message *m)
{
	memset(m, 0, sizeof(*m));
	m->id = id;
	m->conversation = 1;
	m->author = id % 2 == 1 ? 0 : 1;
	m->mid.b[15] = (uint8_t)id;
	m->mid.b[0] = 1;
	m->hlc = (uint64_t)1766361600000 << 16;
	m->arrived_ms = 1766361600500;
	m->text = "text";
	m->text_len = 4;
	m->state.step = n->step;
	m->state.wanted = 5;
	m->state.kept = n->step == KITH_STEP_KEPT ? 2 : 0;
}

void fake_event(struct kith_node *n, enum kith_event_type type, uint64_t first, uint64_t end)
{
	struct kith_node_row *row = &n->row[n->rows++];

	row->seq = n->rows;
	row->at_ms = 1766361600000;
	row->type = type;
	row->conversation = type == KITH_EVENT_MESSAGE_NEW || type == KITH_EVENT_MESSAGE_STATE;
	row->first = first;
	row->last = end;
}

/* ---- replies and news ---- */

bool kith_node_reply(struct kith_node *n, struct kith_node_reply *out)
{
	if (n->head == n->tail || (n->held && n->queue[n->head % 8192].write))
		return false;
	n->given = n->queue[n->head++ % 8192];
	n->at = 0;
	*out = n->given.r;
	return true;
}

bool kith_node_reply_message(struct kith_node *n, struct kith_node_message *out)
{
	if (n->given.r.kind != KITH_REPLY_MESSAGES || n->at >= n->given.count)
		return false;
	message(n, n->given.first + n->at++, out);
	return true;
}

bool kith_node_reply_row(struct kith_node *n, struct kith_node_row *out)
{
	if (n->given.r.kind != KITH_REPLY_EVENTS || n->at >= n->given.limit ||
	    n->given.seq + n->at >= n->rows)
		return false;
	*out = n->row[n->given.seq + n->at++];
	return true;
}

bool kith_node_news(struct kith_node *n, struct kith_node_row *out)
{
	if (n->live) {
		n->live = false;
		memset(out, 0, sizeof(*out));
		out->type = KITH_EVENT_STATUS;
		return true;
	}
	if (n->news_at == n->rows)
		return false;
	n->with = n->watched && !n->bare;
	n->with_at = 0;
	*out = n->row[n->news_at++];
	return true;
}

void kith_node_watch(struct kith_node *n, bool on)
{
	n->watched = on;
}

bool kith_node_news_with(const struct kith_node *n)
{
	return n->with;
}

bool kith_node_news_message(struct kith_node *n, struct kith_node_message *out)
{
	const struct kith_node_row *row = &n->row[n->news_at - 1];

	if (!n->with || row->first + n->with_at > row->last || row->first + n->with_at > 5)
		return false;
	message(n, (unsigned)(row->first + n->with_at++), out);
	return true;
}

void kith_node_event_range(const struct kith_node *n, uint64_t *first, uint64_t *end)
{
	*first = n->first_event;
	*end = n->rows;
}

int kith_node_events_since(struct kith_node *n, uint64_t seq, unsigned limit, uint32_t call,
			   kith_time now)
{
	(void)now;
	if (seq + 1 < n->first_event)
		return KITH_E_EXPIRED;
	n->log_reads++;
	(void)answer(n, call, KITH_REPLY_EVENTS, false);
	last(n)->seq = seq;
	last(n)->limit = limit;
	return KITH_OK;
}

/* ---- identity, invitations ---- */

static int done(struct kith_node *n, uint32_t call, uint64_t id)
{
	(void)answer(n, call, KITH_REPLY_DONE, true);
	last(n)->r.id = id;
	last(n)->r.id2 = id;
	return KITH_OK;
}

int kith_node_identity_create(struct kith_node *n, const char *name, uint32_t call, kith_time now)
{
	(void)name;
	n->created_at = now;
	if (n->identity)
		return KITH_E_EXISTS;
	n->identity = n->status == KITH_OK;
	return done(n, call, 0);
}

int kith_node_identity_name(struct kith_node *n, const char *name, uint32_t call, kith_time now)
{
	(void)name;
	(void)now;
	return done(n, call, 0);
}

int kith_node_identity(const struct kith_node *n, struct kith_node_identity *out)
{
	if (!n->identity)
		return KITH_E_STATE;
	memset(out, 0, sizeof(*out));
	memcpy(out->name, "Ada", 4);
	memcpy(out->shortname, "AAAAAAAA", 9);
	return KITH_OK;
}

int kith_node_invite(struct kith_node *n, const char *label, unsigned hints, bool self,
		     uint32_t call, kith_time now)
{
	(void)label;
	(void)hints;
	(void)self;
	(void)now;
	(void)answer(n, call, KITH_REPLY_TEXT, true);
	last(n)->r.text = "KITH:LINK";
	last(n)->r.id = 3;
	return KITH_OK;
}

bool kith_node_invitation(const struct kith_node *n, size_t i, struct kith_node_invitation *out)
{
	(void)n;
	memset(out, 0, sizeof(*out));
	out->id = 3;
	out->label = "for Ben";
	return i == 0;
}

int kith_node_invitation_link(const struct kith_node *n, uint64_t id, unsigned hints,
			      bool include_self, char out[static KITH_NODE_LINK])
{
	(void)n;
	(void)hints;
	(void)include_self;
	if (id != 3)
		return KITH_E_NOTFOUND;
	memcpy(out, "KITH:LINK", 10);
	return KITH_OK;
}

int kith_node_invitation_revoke(struct kith_node *n, uint64_t id, uint32_t call, kith_time now)
{
	(void)now;
	return id == 3 ? done(n, call, id) : KITH_E_NOTFOUND;
}

enum kith_invitation_fault kith_node_invitation_check(const struct kith_node *n, const char *link,
						      size_t len, unsigned *hints,
						      uint64_t *contact, char shortname[static 9])
{
	(void)n;
	*hints = 1;
	*contact = 0;
	memcpy(shortname, "BBBBBBBB", 9);
	if (len < 5 || memcmp(link, "KITH:", 5) != 0)
		return KITH_INVITATION_LENGTH;
	return len == 9 && memcmp(link, "KITH:SELF", 9) == 0 ? KITH_INVITATION_SELF
							     : KITH_INVITATION_OK;
}

void kith_node_handle(const struct kith_node *n, uint16_t table, uint64_t id,
		      uint8_t out[static 16])
{
	(void)n;
	memset(out, 0xa5, 16);
	out[0] = (uint8_t)table;
	out[15] = (uint8_t)id;
}

bool kith_node_unhandle(const struct kith_node *n, uint16_t table, const uint8_t in[static 16],
			uint64_t *id)
{
	uint8_t want[16];

	kith_node_handle(n, table, in[15], want);
	*id = in[15];
	return memcmp(want, in, 16) == 0;
}

/* ---- contacts, requests ---- */

bool kith_node_contact(const struct kith_node *n, size_t i, struct kith_node_contact *out)
{
	(void)n;
	memset(out, 0, sizeof(*out));
	out->id = out->conversation = i + 1;
	out->name = i == 0 ? "Ben" : "Carla";
	out->alias = "";
	memcpy(out->shortname, "CCCCCCCC", 9);
	out->ik[0] = 9;
	out->state = i == 0 ? KITH_CONTACT_ACCEPTED : KITH_CONTACT_REFUSED;
	return i < 2;
}

int kith_node_contact_by_id(const struct kith_node *n, uint64_t id, struct kith_node_contact *out)
{
	return id >= 1 && kith_node_contact(n, (size_t)id - 1, out) ? KITH_OK : KITH_E_NOTFOUND;
}

int kith_node_contact_add(struct kith_node *n, const char *link, size_t len, const char *name,
			  const char *greeting, uint32_t call, kith_time now)
{
	(void)link;
	(void)name;
	(void)greeting;
	(void)now;
	return len == 10 ? KITH_E_EXISTS : done(n, call, 2);
}

int kith_node_contact_alias(struct kith_node *n, uint64_t id, const char *alias, uint32_t call,
			    kith_time now)
{
	(void)alias;
	(void)now;
	return id <= 2 ? done(n, call, id) : KITH_E_NOTFOUND;
}

int kith_node_contact_verified(struct kith_node *n, uint64_t id, bool verified, uint32_t call,
			       kith_time now)
{
	(void)verified;
	(void)now;
	return id <= 2 ? done(n, call, id) : KITH_E_NOTFOUND;
}

int kith_node_contact_remove(struct kith_node *n, uint64_t id, bool history, uint32_t call,
			     kith_time now)
{
	(void)history;
	(void)now;
	return id <= 2 ? done(n, call, id) : KITH_E_NOTFOUND;
}

bool kith_node_request(const struct kith_node *n, size_t i, struct kith_node_request *out)
{
	(void)n;
	memset(out, 0, sizeof(*out));
	out->id = 7;
	memcpy(out->name, "Dora", 5);
	memcpy(out->shortname, "DDDDDDDD", 9);
	out->work = 18;
	return i == 0;
}

int kith_node_request_accept(struct kith_node *n, uint64_t id, const char *alias, uint32_t call,
			     kith_time now)
{
	(void)alias;
	(void)now;
	return id == 7 ? done(n, call, 1) : KITH_E_NOTFOUND;
}

int kith_node_request_refuse(struct kith_node *n, uint64_t id, uint32_t call, kith_time now)
{
	(void)now;
	return id == 7 ? done(n, call, id) : KITH_E_NOTFOUND;
}

/* ---- conversations, messages ---- */

bool kith_node_conversation(const struct kith_node *n, size_t i, struct kith_node_conversation *out)
{
	(void)n;
	memset(out, 0, sizeof(*out));
	out->id = out->contact = i + 1;
	out->last_message = i == 0 ? 5 : 0;
	return i < 2;
}

static int one_message(struct kith_node *n, uint64_t id, uint32_t call, bool write)
{
	(void)answer(n, call, KITH_REPLY_MESSAGE, write);
	if (id < 1 || id > 5)
		last(n)->r.status = KITH_E_NOTFOUND;
	last(n)->r.id = id;
	message(n, id, &last(n)->r.message);
	return KITH_OK;
}

int kith_node_say(struct kith_node *n, uint64_t conversation, const struct kith_msgid *id,
		  const char *text, size_t len, const struct kith_msgid *reply, uint32_t call,
		  kith_time now)
{
	(void)text;
	(void)len;
	(void)reply;
	(void)now;
	if (conversation == 2)
		return KITH_E_STATE;
	if (id->b[0] == 0xee)
		return KITH_E_EXISTS;
	n->says++;
	return one_message(n, 1, call, true);
}

int kith_node_history(struct kith_node *n, uint64_t conversation, uint64_t before, uint64_t after,
		      unsigned limit, uint32_t call, kith_time now)
{
	uint64_t from = after != 0 ? after + 1 : 1, to = before != 0 ? before - 1 : 5;

	(void)now;
	if (conversation != 1)
		return KITH_E_NOTFOUND;
	(void)answer(n, call, KITH_REPLY_MESSAGES, false);
	if (to >= from && to - from + 1 > limit) {
		last(n)->r.more = true;
		if (after != 0)
			to = from + limit - 1;
		else
			from = to + 1 - limit;
	}
	last(n)->first = (unsigned)from;
	last(n)->count = to >= from ? (unsigned)(to - from + 1) : 0;
	return KITH_OK;
}

/* Every message has the word "all", none another. */
int kith_node_search(struct kith_node *n, const struct kith_node_query *q, uint32_t call,
		     kith_time now)
{
	uint64_t to = q->before != 0 ? q->before - 1 : 5,
		 from = to > q->limit ? to - q->limit + 1 : 1;

	(void)now;
	(void)answer(n, call, KITH_REPLY_MESSAGES, false);
	if (q->len == 1 && q->text[0] == '*')
		last(n)->r.status = KITH_E_MALFORMED;
	last(n)->r.more = from > 1;
	last(n)->first = (unsigned)from;
	last(n)->count = q->len == 3 && memcmp(q->text, "all", 3) == 0 && to >= from
				 ? (unsigned)(to - from + 1)
				 : 0;
	return KITH_OK;
}

int kith_node_message(struct kith_node *n, uint64_t id, uint32_t call, kith_time now)
{
	(void)now;
	return one_message(n, id, call, false);
}

int kith_node_message_by_mid(struct kith_node *n, const struct kith_msgid *mid, uint32_t call,
			     kith_time now)
{
	(void)now;
	return one_message(n, mid->b[0] == 1 ? mid->b[15] : 99, call, false);
}

int kith_node_message_state(const struct kith_node *n, uint64_t id, struct kith_node_state *out)
{
	struct kith_node_message m;

	if (id % 2 == 0 || id > 5)
		return KITH_E_NOTFOUND;
	message(n, id, &m);
	*out = m.state;
	return KITH_OK;
}

int kith_node_read_up_to(struct kith_node *n, uint64_t conversation, uint64_t id, uint32_t call,
			 kith_time now)
{
	(void)conversation;
	(void)now;
	return done(n, call, id);
}

int kith_node_messages(struct kith_node *n, uint64_t conversation, uint64_t first, uint64_t end,
		       uint32_t call, kith_time now)
{
	(void)conversation;
	(void)now;
	(void)answer(n, call, KITH_REPLY_MESSAGES, false);
	last(n)->first = (unsigned)first;
	last(n)->count = first > 5 ? 0 : (unsigned)(end - first + 1);
	return KITH_OK;
}

/* ---- status ---- */

bool kith_node_locked(const struct kith_node *n)
{
	return n->locked;
}

void kith_node_status(const struct kith_node *n, struct kith_node_status *out)
{
	*out = n->state;
}

void kith_node_reach(const struct kith_node *n, struct kith_node_reach *out)
{
	*out = n->reach;
}

int kith_node_network_test(struct kith_node *n, uint32_t call, kith_time now)
{
	(void)now;
	return answer(n, call, KITH_REPLY_DONE, false);
}

uint64_t kith_node_wall_ms(const struct kith_node *n)
{
	(void)n;
	return 1766361600000;
}

void kith_node_counters(const struct kith_node *n,
			void (*put)(void *ctx, const char *name, uint64_t value), void *ctx)
{
	(void)n;
	put(ctx, "net.drop_stranger", 12);
	put(ctx, "dht.peers", 3);
}

bool kith_node_mailbox(const struct kith_node *n, size_t i, struct kith_node_mailbox *out)
{
	(void)n;
	memset(out, 0, sizeof(*out));
	memcpy(out->handle, "ABCDEFGHABCDEFGH", 17);
	out->source = "found";
	return i == 0;
}

int kith_node_mailbox_pin(struct kith_node *n, const char *hint, size_t len, uint32_t call,
			  kith_time now)
{
	(void)hint;
	(void)now;
	return len < 9 ? KITH_E_MALFORMED : done(n, call, 0);
}

int kith_node_bootstrap(struct kith_node *n, const char *hint, size_t len, kith_time now)
{
	(void)n;
	(void)hint;
	(void)now;
	return len < 4 ? KITH_E_MALFORMED : KITH_OK;
}
