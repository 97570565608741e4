/* SPDX-License-Identifier: ISC */
/*
 * Callers, their lines, calls in flight and the queue of answers.
 *
 * A line is taken while fewer than 64 calls of its caller are in flight and the caller reads what
 * it is sent; else it stays in the caller's buffer, and the door is told to stop reading. Buffered
 * lines go on in kith_control_turn, callers in turn, one line each.
 *
 * A call makes node calls one after the other under one number. The answer leaves from the step
 * that gets the last reply, and the node replies after the commit; so nothing here needs to know
 * about commits. A caller that goes away leaves its calls behind: they end with their reply.
 */
#include <string.h>

#include "node/control/internal.h"

#define INPUT_MAX   (2 * KITH_CONTROL_LINE_MAX) /* a line, and what came with its end */
#define BACKLOG_MAX 262144u /* a subscription, and a line, wait above it (client.md 2.4) */

/* JSON holds passphrases and texts: all its memory is wiped when given back. One setting for the
 * process; the memory is that of the C heap. */
static void *json_get(size_t size)
{
	return kith_alloc_zero(NULL, size, 1);
}

struct kith_control *kith_control_new(const struct kith_alloc *alloc, struct kith_node *n,
				      const struct kith_control_host *host)
{
	struct kith_control *c = kith_alloc_zero(alloc, 1, sizeof(*c));

	if (c == NULL)
		return NULL;
	json_set_alloc_funcs(json_get, kith_alloc_wipe);
	c->alloc = alloc;
	c->n = n;
	if (host != NULL)
		c->host = *host;
	return c;
}

static void drop_descriptor(struct kith_control *c, struct kith__caller *who)
{
	if (who->descriptor >= 0 && c->host.close != NULL)
		c->host.close(c->host.ctx, who->descriptor);
	who->descriptor = -1;
}

static void forget_caller(struct kith_control *c, struct kith__caller *who)
{
	drop_descriptor(c, who);
	if (who->in != NULL)
		kith_wipe(who->in, who->in_cap);
	kith_alloc_free(c->alloc, who->in);
	memset(who, 0, sizeof(*who));
}

void kith_control_free(struct kith_control *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->calls_cap; i++)
		if (c->call[i] != NULL)
			kith__control_call_free(c, c->call[i]);
	while (c->out != NULL) {
		struct kith__out *o = c->out;

		c->out = o->next;
		kith_alloc_free(c->alloc, o);
	}
	for (size_t i = 0; i < KITH_CONTROL_CALLERS_MAX; i++)
		if (c->caller[i].number != 0)
			forget_caller(c, &c->caller[i]);
	kith_alloc_free(c->alloc, c->given);
	kith_alloc_free(c->alloc, c->call);
	kith_alloc_free(c->alloc, c);
}

/* ---- callers ---- */

struct kith__caller *kith__control_caller(struct kith_control *c, uint32_t number)
{
	for (size_t i = 0; number != 0 && i < KITH_CONTROL_CALLERS_MAX; i++)
		if (c->caller[i].number == number)
			return &c->caller[i];
	return NULL;
}

int kith_control_open(struct kith_control *c, unsigned rights, uint32_t *caller)
{
	for (size_t i = 0; i < KITH_CONTROL_CALLERS_MAX; i++) {
		struct kith__caller *who = &c->caller[i];

		if (who->number != 0)
			continue;
		memset(who, 0, sizeof(*who));
		if (++c->next_caller == 0)
			c->next_caller = 1;
		who->number = *caller = c->next_caller;
		who->rights = rights;
		who->descriptor = -1;
		return KITH_OK;
	}
	return KITH_E_FULL;
}

void kith_control_close(struct kith_control *c, uint32_t caller)
{
	struct kith__caller *who = kith__control_caller(c, caller);

	if (who == NULL)
		return;
	for (size_t i = 0; i < c->calls_cap; i++) {
		struct kith__call *call = c->call[i];

		if (call == NULL || call->caller != caller)
			continue;
		call->caller = 0;
		call->sub = NULL;
		if (call->step == NULL && !call->hosted) /* waits: no reply will come to end it */
			kith__control_call_free(c, call);
	}
	forget_caller(c, who);
}

void kith_control_descriptor(struct kith_control *c, uint32_t caller, int descriptor)
{
	struct kith__caller *who = kith__control_caller(c, caller);

	if (who == NULL) {
		if (c->host.close != NULL)
			c->host.close(c->host.ctx, descriptor);
		return;
	}
	drop_descriptor(c, who);
	who->descriptor = descriptor;
}

void kith_control_backlog(struct kith_control *c, uint32_t caller, size_t bytes)
{
	struct kith__caller *who = kith__control_caller(c, caller);

	if (who != NULL)
		who->backlog = bytes;
}

/* ---- calls ---- */

struct kith__call *kith__control_call_new(struct kith_control *c, uint32_t caller)
{
	struct kith__call *call = kith_alloc_zero(c->alloc, 1, sizeof(*call));
	void *list = c->call;
	size_t cap = c->calls_cap;
	size_t at;

	if (call == NULL)
		return NULL;
	if (c->calls == c->calls_cap) {
		if (kith_alloc_grow(c->alloc, &list, &c->calls_cap, cap + 1, KITH__CALLS_MAX,
				    sizeof(struct kith__call *)) != KITH_OK) {
			kith_alloc_free(c->alloc, call);
			return NULL;
		}
		c->call = list;
		for (at = cap; at < c->calls_cap; at++)
			c->call[at] = NULL;
	}
	for (at = 0; c->call[at] != NULL; at++)
		KITH_ASSERT(at < c->calls_cap);
	c->call[at] = call;
	c->calls++;
	/* the slot is in the low bits, so a reply finds its call; the rest tells old from new */
	c->next_call = (c->next_call + 1) & 0x7ffffu;
	call->number = ((c->next_call + 1) << 12 | (uint32_t)at);
	call->caller = caller;
	call->deadline = KITH_NEVER;
	return call;
}

_Static_assert(KITH__CALLS_MAX <= 4096, "a slot has 12 bits");

void kith__control_call_free(struct kith_control *c, struct kith__call *call)
{
	size_t at = call->number & 0xfffu;
	struct kith__caller *who = kith__control_caller(c, call->caller);

	if (who != NULL && call->method != NULL)
		who->calls--;
	if (call->sub != NULL)
		call->sub->busy = false;
	json_decref(call->id);
	json_decref(call->result);
	json_decref(call->list);
	json_decref(call->text);
	kith_alloc_free(c->alloc, call->row);
	if (call->batch != NULL)
		kith__control_batch_less(c, call->caller, call->batch);
	KITH_ASSERT(c->call[at] == call);
	c->call[at] = NULL;
	c->calls--;
	kith_alloc_free(c->alloc, call);
}

struct kith__call *kith__control_call(struct kith_control *c, uint32_t number)
{
	size_t at = number & 0xfffu;

	if (at >= c->calls_cap || c->call[at] == NULL || c->call[at]->number != number)
		return NULL;
	return c->call[at];
}

/* ---- answers out ---- */

struct text {
	const struct kith_alloc *alloc;
	struct kith__out *out;
	size_t cap;
};

static int append(const char *bytes, size_t len, void *ctx)
{
	struct text *t = ctx;

	if (t->cap - t->out->len < len + 1) {
		size_t want = (t->out->len + len + 1) * 2;
		void *grown = kith_alloc_resize(t->alloc, t->out, 1, sizeof(*t->out) + want);

		if (grown == NULL)
			return -1;
		t->out = grown;
		t->cap = want;
	}
	memcpy(t->out->data + t->out->len, bytes, len);
	t->out->len += len;
	return 0;
}

void kith__control_line(struct kith_control *c, uint32_t caller, json_t *line)
{
	struct kith__caller *who = kith__control_caller(c, caller);
	struct text t = {c->alloc, NULL, 512};

	if (who == NULL || line == NULL) {
		json_decref(line);
		return;
	}
	t.out = kith_alloc_zero(c->alloc, 1, sizeof(*t.out) + t.cap);
	if (t.out == NULL || json_dump_callback(line, append, &t, JSON_COMPACT) != 0 ||
	    append("\n", 1, &t) != 0) {
		kith_alloc_free(c->alloc, t.out);
		who->dead = true; /* an answer is lost: the connection must not go on */
		json_decref(line);
		return;
	}
	json_decref(line);
	t.out->caller = caller;
	t.out->next = NULL;
	if (c->out == NULL)
		c->out = t.out;
	else
		c->out_last->next = t.out;
	c->out_last = t.out;
	who->out += t.out->len;
}

bool kith_control_reply(struct kith_control *c, uint32_t *caller, const uint8_t **out, size_t *len)
{
	struct kith__caller *who;

	kith_alloc_free(c->alloc, c->given);
	c->given = c->out;
	if (c->given == NULL)
		return false;
	c->out = c->given->next;
	who = kith__control_caller(c, c->given->caller);
	if (who != NULL)
		who->out -= c->given->len;
	*caller = c->given->caller;
	*out = c->given->data;
	*len = c->given->len;
	return true;
}

/* ---- lines in ---- */

static bool may_take(const struct kith__caller *who)
{
	return !who->dead && who->calls < KITH_CONTROL_INFLIGHT_MAX &&
	       who->backlog + who->out < BACKLOG_MAX;
}

static void too_long(struct kith_control *c, struct kith__caller *who)
{
	json_t *data = json_pack("{s:i}", "max", (int)KITH_CONTROL_LINE_MAX);

	kith__control_line(c, who->number,
			   kith__control_error_object(NULL, KITH__RPC_TOO_LARGE,
						      "The line is too long.", data));
	who->dead = true;
}

/* Takes one complete line from the buffer. False: there is none, or it must wait. */
static bool take_line(struct kith_control *c, struct kith__caller *who)
{
	const uint8_t *line = who->in + who->start;
	const uint8_t *end;
	size_t left = who->in_len - who->start;
	size_t len;

	if (!may_take(who) || left == who->scanned)
		return false;
	end = memchr(line + who->scanned, '\n', left - who->scanned);
	len = end != NULL ? (size_t)(end - line) : left;
	if (len + 1 > KITH_CONTROL_LINE_MAX) {
		too_long(c, who);
		return false;
	}
	if (end == NULL) {
		who->scanned = len;
		return false;
	}
	who->start += len + 1;
	who->scanned = 0;
	kith__control_codec_line(c, who, (const char *)line, len);
	kith_wipe(who->in + who->start - len - 1, len); /* it may have held a passphrase */
	return true;
}

static int keep(struct kith_control *c, struct kith__caller *who, const uint8_t *in, size_t len)
{
	void *buffer = who->in;

	if (who->start > 0) {
		who->in_len -= who->start;
		memmove(who->in, who->in + who->start, who->in_len);
		who->start = 0;
	}
	if (kith_alloc_grow(c->alloc, &buffer, &who->in_cap, who->in_len + len, INPUT_MAX, 1) !=
	    KITH_OK)
		return KITH_E_FULL;
	who->in = buffer;
	memcpy(who->in + who->in_len, in, len);
	who->in_len += len;
	return KITH_OK;
}

int kith_control_feed(struct kith_control *c, uint32_t caller, const uint8_t *in, size_t len,
		      kith_time now)
{
	struct kith__caller *who = kith__control_caller(c, caller);

	c->now = now;
	if (who == NULL || who->dead)
		return KITH_E_MALFORMED;
	if (len > 0 && keep(c, who, in, len) != KITH_OK)
		too_long(c, who);
	while (take_line(c, who))
		;
	if (who->dead)
		return KITH_E_MALFORMED;
	return may_take(who) ? KITH_OK : KITH_E_FULL;
}

/* ---- the node comes and goes ---- */

bool kith__control_identity(const struct kith_control *c, struct kith_node_identity *out)
{
	return c->n != NULL && kith_node_identity(c->n, out) == KITH_OK;
}

void kith_control_node(struct kith_control *c, struct kith_node *n)
{
	for (size_t i = 0; i < c->calls_cap; i++) {
		struct kith__call *call = c->call[i];

		if (call == NULL || call->hosted)
			continue;
		if (call->caller == 0)
			kith__control_call_free(c, call);
		else
			kith__control_error_status(c, call, KITH_E_LOCKED);
	}
	c->n = n;
}

void kith_control_profile(struct kith_control *c, const struct kith_control_profile *p)
{
	c->profile = *p;
}

/* ---- the turn ---- */

static void take_replies(struct kith_control *c)
{
	struct kith_node_reply r;

	while (kith_node_reply(c->n, &r)) {
		struct kith__call *call = kith__control_call(c, r.call);
		kith__step_fn *step;

		if (call == NULL || call->step == NULL)
			continue;
		step = call->step;
		call->step = NULL;
		if (call->caller == 0)
			kith__control_call_free(c, call);
		else
			step(c, call, &r);
	}
}

static void take_news(struct kith_control *c)
{
	struct kith_node_row row;

	while (kith_node_news(c->n, &row)) {
		if (row.seq == 0) {
			kith__control_events_live(c, &row);
		} else {
			kith__control_events_row(c, &row);
			c->news = true;
		}
	}
}

/* Waits: news may end them, and so does their deadline. */
static void look_at_waits(struct kith_control *c)
{
	for (size_t i = 0; i < c->calls_cap; i++) {
		struct kith__call *call = c->call[i];

		if (call == NULL || !call->waiting || (!c->news && c->now < call->deadline))
			continue;
		if (call->method == &kith__control_method[KITH__METHOD_message_wait])
			kith__control_message_news(c, call);
		else
			kith__control_events_news(c, call);
	}
}

void kith_control_turn(struct kith_control *c, kith_time now)
{
	bool more = true;

	c->now = now;
	if (c->n != NULL) {
		take_replies(c);
		take_news(c);
		look_at_waits(c);
		kith__control_events_turn(c);
	}
	c->news = false;
	while (more) {
		more = false;
		for (size_t i = 0; i < KITH_CONTROL_CALLERS_MAX; i++) {
			size_t at = (c->turn_at + i) % KITH_CONTROL_CALLERS_MAX;

			if (c->caller[at].number != 0)
				more |= take_line(c, &c->caller[at]);
		}
	}
	c->turn_at = (c->turn_at + 1) % KITH_CONTROL_CALLERS_MAX;
}

kith_time kith_control_deadline(const struct kith_control *c)
{
	kith_time at = KITH_NEVER;

	for (size_t i = 0; i < c->calls_cap; i++)
		if (c->call[i] != NULL && c->call[i]->waiting && c->call[i]->deadline < at)
			at = c->call[i]->deadline;
	return at;
}
