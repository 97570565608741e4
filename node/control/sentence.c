/* SPDX-License-Identifier: ISC */
/* The state of the node as people read it (client.md 6.3), its numbers and its counters. */
#include <string.h>

#include "node/control/internal.h"

static const char *phase_name(enum kith_node_phase p)
{
	switch (p) {
	case KITH_PHASE_OFFLINE: return "offline";
	case KITH_PHASE_ALONE: return "alone";
	case KITH_PHASE_JOINING: return "joining";
	case KITH_PHASE_ONLINE: return "online";
	case KITH_PHASE_FEW_MAILBOXES: return "few_mailboxes";
	case KITH_PHASE_CLOCK: return "clock";
	case KITH_PHASE_DISK: return "disk";
	}
	return "offline";
}

static const char *s_of(size_t count)
{
	return count == 1 ? "" : "s";
}

/* "5 mailboxes keep messages for you." and its like. */
static json_t *mailbox_words(const struct kith_node_status *s)
{
	if (s->mailboxes == 0)
		return json_string("No mailbox keeps messages for you yet.");
	return json_sprintf("%u mailbox%s%s keep%s messages for you%s.", s->mailboxes,
			    s->mailboxes == 1 ? "" : "es",
			    s->mailbox_pinned && s->mailboxes == 1 ? " (your community)" : "",
			    s->mailboxes == 1 ? "s" : "",
			    s->mailboxes < s->mailboxes_wanted ? "; more join as they are found"
							       : "");
}

static json_t *online_sentence(const struct kith_node_status *s)
{
	json_t *boxes = mailbox_words(s);
	json_t *out =
		json_sprintf("Online%s. %llu peer%s. %s", s->direct ? ", reachable directly" : "",
			     (unsigned long long)s->peers, s_of(s->peers),
			     json_string_value(boxes));

	json_decref(boxes);
	return out;
}

static json_t *clock_sentence(const struct kith_node_status *s)
{
	int64_t off = s->clock_off_ms < 0 ? -s->clock_off_ms : s->clock_off_ms;
	unsigned long long minutes = (unsigned long long)(off + 30000) / 60000;

	return json_sprintf("This computer's clock is %llu minute%s off; others may not find you. "
			    "Please set it.",
			    minutes, s_of((size_t)minutes));
}

static json_t *sentence(const struct kith_node_status *s, kith_time now)
{
	kith_time since = now > s->since ? (now - s->since) / KITH_US_PER_S : 0;

	switch (s->phase) {
	case KITH_PHASE_OFFLINE:
		return json_sprintf(
			"No network, or no peer answers. %llu message%s on this computer.",
			(unsigned long long)s->waiting, s->waiting == 1 ? " waits" : "s wait");
	case KITH_PHASE_ALONE:
		return json_string("The internet works, but no Kith peer is known. "
				   "Open an invitation or add a peer.");
	case KITH_PHASE_JOINING:
		return json_sprintf("Looking for peers: %llu found so far (%llu s).",
				    (unsigned long long)s->peers, (unsigned long long)since);
	case KITH_PHASE_ONLINE: return online_sentence(s);
	case KITH_PHASE_FEW_MAILBOXES:
		return json_sprintf("Online, but none of your %u mailbox%s answers: messages sent "
				    "while you are away wait at the sender.",
				    s->mailboxes, s->mailboxes == 1 ? "" : "es");
	case KITH_PHASE_CLOCK: return clock_sentence(s);
	case KITH_PHASE_DISK:
		return json_string("The disk is full. No new message can be accepted; "
				   "nothing is lost.");
	}
	return NULL;
}

/* After a restore: who cannot be written to is said with every state. */
static json_t *whole_sentence(const struct kith_node_status *s, kith_time now)
{
	json_t *first = sentence(s, now);
	json_t *out;

	if (s->locked && first != NULL) {
		json_decref(first);
		return json_string("This profile runs elsewhere: another copy of it went on. "
				   "This one shows what it has and sends nothing.");
	}
	if (s->stalled == 0 || first == NULL)
		return first;
	out = json_sprintf("%s This profile was restored from a copy: messages to %llu contact%s "
			   "wait for a new session.",
			   json_string_value(first), (unsigned long long)s->stalled,
			   s_of(s->stalled));
	json_decref(first);
	return out;
}

static json_t *advice(enum kith_node_phase p)
{
	switch (p) {
	case KITH_PHASE_OFFLINE: return json_string("Connect this computer to a network.");
	case KITH_PHASE_ALONE:
		return json_string("Open an invitation with `kith up LINK`, or add a peer with "
				   "`kith node bootstrap --peers HINT`.");
	case KITH_PHASE_CLOCK: return json_string("Set the clock of this computer.");
	case KITH_PHASE_DISK: return json_string("Make room on the disk.");
	case KITH_PHASE_JOINING:
	case KITH_PHASE_ONLINE:
	case KITH_PHASE_FEW_MAILBOXES: break;
	}
	return json_null();
}

static void put_counter(void *ctx, const char *name, uint64_t value)
{
	(void)json_object_set_new(ctx, name,
				  json_integer(value > KITH__INT_MAX ? KITH__INT_MAX
								     : (json_int_t)value));
}

static json_t *serving(const struct kith_node_status *s)
{
	if (!s->serving)
		return json_null();
	return json_pack("{s:I,s:I,s:I,s:I}", "items", (json_int_t)s->items, "members",
			 (json_int_t)s->members, "disk_used", (json_int_t)s->disk_used, "disk_max",
			 (json_int_t)s->disk_max);
}

/* Without a node: the same fields, and what to do. */
static json_t *closed_status(const struct kith_control *c)
{
	bool absent = c->profile.absent;

	return json_pack(
		"{s:s,s:n,s:s,s:s,s:i,s:i,s:n,s:{s:i,s:i,s:i},s:{s:i},s:i,s:n,s:n,s:b,s:b,s:{}}",
		"state", absent ? "absent" : "locked", "since", "sentence",
		absent ? "There is no profile here yet."
		       : "This profile is locked. Nothing is sent or received until it is "
			 "unlocked; messages to you wait at your mailboxes and senders.",
		"advice",
		absent ? "`kith up` makes a profile; `kith restore FILE` brings one back "
			 "from a backup."
		       : "`kith unlock` opens it.",
		"peers", 0, "contacts_online", 0, "path", "mailboxes", "found", 0, "wanted", 0,
		"answering", 0, "waiting", "messages", 0, "clock_off_ms", 0, "serving", "reach",
		"protected", (int)c->profile.is_protected, "recovery", (int)c->profile.words,
		"counters");
}

json_t *kith__control_status_object(struct kith_control *c, bool counters)
{
	struct kith_node_status s;
	kith_time ago;
	uint64_t wall;
	json_t *out;

	if (c->n == NULL)
		return closed_status(c);
	wall = kith_node_wall_ms(c->n);
	kith_node_status(c->n, &s);
	ago = c->now > s.since ? (c->now - s.since) / KITH_US_PER_MS : 0;
	out = json_pack("{s:s,s:o,s:o,s:o,s:I,s:I,s:o,s:{s:i,s:i,s:i},s:{s:I},s:I,s:o,s:o,s:b,s:b}",
			"state", phase_name(s.phase), "since",
			kith__control_time_or_null(wall > ago ? wall - ago : 0), "sentence",
			whole_sentence(&s, c->now), "advice", advice(s.phase), "peers",
			(json_int_t)s.peers, "contacts_online", (json_int_t)s.contacts_online,
			"path", s.direct ? json_string("direct") : json_null(), "mailboxes",
			"found", (int)s.mailboxes, "wanted", (int)s.mailboxes_wanted, "answering",
			(int)s.mailboxes_answering, "waiting", "messages", (json_int_t)s.waiting,
			"clock_off_ms", (json_int_t)s.clock_off_ms, "serving", serving(&s), "reach",
			kith__control_reach_object(c), "protected", (int)c->profile.is_protected,
			"recovery", (int)c->profile.words);
	if (out != NULL && counters) {
		json_t *all = json_object();

		kith_node_counters(c->n, put_counter, all);
		(void)json_object_set_new(out, "counters", all);
	}
	return out;
}

/* ---- metrics ---- */

struct text {
	const struct kith_alloc *alloc;
	char *bytes;
	size_t len;
	void *grown;
	size_t cap;
	bool bad;
};

static void put_text(struct text *t, const char *s)
{
	size_t len = strlen(s);

	t->grown = t->bytes;
	if (kith_alloc_grow(t->alloc, &t->grown, &t->cap, t->len + len, KITH_CONTROL_LINE_MAX / 2,
			    1) != KITH_OK) {
		t->bad = true;
		return;
	}
	t->bytes = t->grown;
	memcpy(t->bytes + t->len, s, len);
	t->len += len;
}

static void put_metric(void *ctx, const char *name, uint64_t value)
{
	struct text *t = ctx;
	char digits[24];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	digits[--at] = '\n';
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	put_text(t, "kith_");
	put_text(t, name);
	put_text(t, " ");
	put_text(t, digits + at);
}

json_t *kith__control_metrics_text(struct kith_control *c)
{
	struct text t = {.alloc = c->alloc};
	json_t *out;

	kith_node_counters(c->n, put_metric, &t);
	for (size_t i = 0; i < t.len; i++)
		if (t.bytes[i] == '.')
			t.bytes[i] = '_';
	out = t.bad ? NULL : json_pack("{s:s%}", "text", t.len > 0 ? t.bytes : "", t.len);
	kith_alloc_free(c->alloc, t.bytes);
	return out;
}
