/* SPDX-License-Identifier: ISC */
/*
 * A whole node: identity, contacts, messages, mailboxes over dht, net and store. Sans-I/O; the
 * driver moves it through kith_node_engine. Callers (node/control, sim) use the calls below.
 *
 * Calls that write or read rows answer later: the call returns KITH_OK, and a kith_node_reply with
 * the same `call` number follows, for writes only after their commit. Any other return value is
 * final and no reply follows. Ids of contacts, conversations, requests, invitations and messages
 * are local row numbers (node/control turns them into handles).
 */
#ifndef KITH_NODE_NODE_H
#define KITH_NODE_NODE_H

#include "base/engine.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/portmap.h"
#include "base/status.h"

struct kith_node;
struct kith_store; /* store/store.h */

enum kith_role { KITH_ROLE_USER, KITH_ROLE_ALWAYS_ON };

struct kith_node_config {
	const struct kith_alloc *alloc; /* NULL = heap */
	struct kith_log *log;           /* NULL = none */
	struct kith_rng *rng;
	uint32_t network;
	enum kith_role role;
	uint8_t node_secret[32];      /* from the profile */
	struct kith_store *account;   /* opened; always there */
	struct kith_store *mailbox;   /* NULL = no mailbox service */
	uint64_t wall_ms;             /* unix ms at `now` of kith_node_new */
	uint64_t mailbox_disk_max;    /* bytes */
	unsigned mailbox_days_max;    /* 30 */
	unsigned mailbox_members_max; /* 1000 */
	unsigned mailbox_bits;        /* hashcash bits, 14 */
	unsigned work_bits; /* work asked of strangers' requests, 18..24 (0..24 in own networks) */
	unsigned ack_delay_s; /* mean delay of receipts through mailboxes, 300 */
	unsigned audit_s;     /* mean time between two audits of a mailbox, 57,600; 0: that */
	bool publish_address; /* endpoints in the presence record (contacts see them) */
	struct kith_mapping_config map; /* port mapping; all zero: none */
	const char *version;            /* program version, for hello and status */
	const uint8_t *seeds;           /* saved seeds file content, or NULL */
	size_t seeds_len;
};

/* Loads everything from the stores, joins. KITH_E_MALFORMED: rows that cannot be. KITH_E_NOMEM. */
int kith_node_new(const struct kith_node_config *cfg, kith_time now, struct kith_node **out)
	KITH_MUST_USE;
/* NULL is legal. Stores stay open (their owner closes them). */
void kith_node_free(struct kith_node *n);
struct kith_engine kith_node_engine(struct kith_node *n);
/* Asks for an orderly end: pending acks leave, CLOSE is sent, last batch. True when all is done. */
bool kith_node_stopping(struct kith_node *n, kith_time now);
/* Content for the seeds file; returns its length (0: nothing yet). */
size_t kith_node_seeds(const struct kith_node *n, uint8_t *out, size_t cap);
/* A starting point: "HINT" text (base32 key and address). KITH_E_MALFORMED. */
int kith_node_bootstrap(struct kith_node *n, const char *hint, size_t len, kith_time now)
	KITH_MUST_USE;
/* Whether a text is a hint at all. KITH_E_MALFORMED. */
int kith_node_hint_check(const char *hint, size_t len) KITH_MUST_USE;
/* Own hint text for others (needs a known own address); KITH_E_STATE. out holds 96 bytes. */
int kith_node_own_hint(const struct kith_node *n, char *out, size_t cap) KITH_MUST_USE;
/* Hint text of a node that does not run: its secret and address. KITH_E_MALFORMED: unusable
 * address. */
int kith_node_hint_text(const uint8_t secret[static 32], const struct kith_addr *addr,
			char out[static 96]) KITH_MUST_USE;

/* ---- identity, invitations ---- */
struct kith_node_identity {
	char name[KITH_NAME_MAX + 1];
	uint8_t ik[32];
	char shortname[9];
};
int kith_node_identity_create(struct kith_node *n, const char *name, uint32_t call, kith_time now)
	KITH_MUST_USE; /* EXISTS */
int kith_node_identity_name(struct kith_node *n, const char *name, uint32_t call, kith_time now)
	KITH_MUST_USE;
int kith_node_identity(const struct kith_node *n, struct kith_node_identity *out)
	KITH_MUST_USE; /* STATE: none yet */
struct kith_node_invitation {
	uint64_t id;
	const char *label;
	uint64_t created_ms;
	uint32_t uses;
};
/* Reply: id, text = the link. FULL: 16 are active. */
int kith_node_invite(struct kith_node *n, const char *label, unsigned hints, bool include_self,
		     uint32_t call, kith_time now) KITH_MUST_USE;
bool kith_node_invitation(const struct kith_node *n, size_t i, struct kith_node_invitation *out);
/* The link of an active invitation, with hints of now. KITH_E_NOTFOUND. */
#define KITH_NODE_LINK 400u
int kith_node_invitation_link(const struct kith_node *n, uint64_t id, unsigned hints,
			      bool include_self, char out[static KITH_NODE_LINK]) KITH_MUST_USE;
int kith_node_invitation_revoke(struct kith_node *n, uint64_t id, uint32_t call, kith_time now)
	KITH_MUST_USE;
enum kith_invitation_fault {
	KITH_INVITATION_OK,
	KITH_INVITATION_LENGTH,
	KITH_INVITATION_VERSION,
	KITH_INVITATION_CHECKSUM,
	KITH_INVITATION_SELF
};
enum kith_invitation_fault kith_node_invitation_check(const struct kith_node *n, const char *link,
						      size_t len, unsigned *hints,
						      uint64_t *contact, char shortname[static 9]);
/* The key under which API handles are made (32 B, from the profile). */
const uint8_t *kith_node_handle_key(const struct kith_node *n);
void kith_node_handle(const struct kith_node *n, uint16_t table, uint64_t id,
		      uint8_t out[static 16]);
bool kith_node_unhandle(const struct kith_node *n, uint16_t table, const uint8_t in[static 16],
			uint64_t *id);

/* ---- contacts, requests ---- */
enum kith_contact_state {
	KITH_CONTACT_REQUESTED,
	KITH_CONTACT_ACCEPTED,
	KITH_CONTACT_REFUSED,
	KITH_CONTACT_REMOVED
};
struct kith_node_contact {
	uint64_t id, conversation;
	const char *name, *alias; /* alias "" = none */
	char shortname[9];
	uint8_t ik[32];
	enum kith_contact_state state;
	bool verified, blocked, online, newer;
	bool stalled; /* restored from a copy: messages wait for a new session */
	bool renewed; /* began a new session since it was verified last */
	unsigned request_kept;
	uint64_t request_until_s;        /* REQUESTED: copies of the request */
	uint64_t added_ms, last_seen_ms; /* 0 = unknown */
};
bool kith_node_contact(const struct kith_node *n, size_t i,
		       struct kith_node_contact *out); /* by order of id */
int kith_node_contact_by_id(const struct kith_node *n, uint64_t id, struct kith_node_contact *out)
	KITH_MUST_USE;
/* Reply: id = contact. NOTFOUND never: the search goes on. EXISTS: is a contact. MALFORMED: link.
 */
int kith_node_contact_add(struct kith_node *n, const char *link, size_t len, const char *name,
			  const char *greeting, uint32_t call, kith_time now) KITH_MUST_USE;
int kith_node_contact_alias(struct kith_node *n, uint64_t id, const char *alias, uint32_t call,
			    kith_time now) KITH_MUST_USE;
/* What the person said after comparing the digits. */
int kith_node_contact_verified(struct kith_node *n, uint64_t id, bool verified, uint32_t call,
			       kith_time now) KITH_MUST_USE;
int kith_node_contact_remove(struct kith_node *n, uint64_t id, bool history, uint32_t call,
			     kith_time now) KITH_MUST_USE;
struct kith_node_request {
	uint64_t id;
	char name[KITH_NAME_MAX + 1], greeting[KITH_GREETING_MAX + 1];
	char shortname[9];
	uint64_t at_ms;
	unsigned work;
};
bool kith_node_request(const struct kith_node *n, size_t i, struct kith_node_request *out);
int kith_node_request_accept(struct kith_node *n, uint64_t id, const char *alias, uint32_t call,
			     kith_time now)
	KITH_MUST_USE; /* reply: id = contact, id2 = conversation */
int kith_node_request_refuse(struct kith_node *n, uint64_t id, uint32_t call, kith_time now)
	KITH_MUST_USE;

/* ---- conversations, messages ---- */
struct kith_node_conversation {
	uint64_t id, contact, last_message;
	uint32_t unread;
	bool muted, pinned, archived;
};
bool kith_node_conversation(const struct kith_node *n, size_t i,
			    struct kith_node_conversation *out);
enum kith_step {
	KITH_STEP_QUEUED,
	KITH_STEP_KEPT,
	KITH_STEP_DELIVERED,
	KITH_STEP_READ,
	KITH_STEP_CANCELLED
};
struct kith_node_state {
	enum kith_step step;
	unsigned kept, wanted;
	uint64_t until_s;
	bool by_pinned;
	unsigned tries;
	uint64_t next_try_ms;
	bool overdue;
};
struct kith_node_message {
	uint64_t id, conversation, author; /* author: contact, 0 = me */
	struct kith_msgid mid;
	uint64_t hlc, arrived_ms;
	const char *text;
	size_t text_len;
	bool has_reply, newer, gap; /* gap: earlier message missing before this one */
	struct kith_msgid reply;
	struct kith_node_state state; /* own messages */
};
/* Sends a text. Reply: id = message row, message filled. Same id and text again: the same answer;
 * EXISTS: other content. MALFORMED: not UTF-8 or empty or > 16 KiB. STATE: refused or removed. */
int kith_node_say(struct kith_node *n, uint64_t conversation, const struct kith_msgid *id,
		  const char *text, size_t len, const struct kith_msgid *reply, uint32_t call,
		  kith_time now) KITH_MUST_USE;
/* Reply: rows of messages, oldest first; `more` on the far side. Exactly one of before/after set (0
 * = newest). */
int kith_node_history(struct kith_node *n, uint64_t conversation, uint64_t before, uint64_t after,
		      unsigned limit, uint32_t call, kith_time now) KITH_MUST_USE;
int kith_node_message(struct kith_node *n, uint64_t id, uint32_t call, kith_time now) KITH_MUST_USE;
int kith_node_message_by_mid(struct kith_node *n, const struct kith_msgid *mid, uint32_t call,
			     kith_time now) KITH_MUST_USE;
/* Messages with all words of `text` (at most KITH_SEARCH_MAX bytes; a word with * at its end is a
 * prefix), newest first, before row `before` (0 = from the newest) and of one conversation (0 = of
 * all). Reply: messages; status MALFORMED when there is no word or more than eight. */
struct kith_node_query {
	const char *text;
	size_t len;
	uint64_t conversation, before;
	unsigned limit; /* 1..50 */
};
int kith_node_search(struct kith_node *n, const struct kith_node_query *q, uint32_t call,
		     kith_time now) KITH_MUST_USE;
/* Present state of an own message, from memory. NOTFOUND: unknown id. */
int kith_node_message_state(const struct kith_node *n, uint64_t id, struct kith_node_state *out)
	KITH_MUST_USE;
int kith_node_read_up_to(struct kith_node *n, uint64_t conversation, uint64_t message,
			 uint32_t call, kith_time now) KITH_MUST_USE;

/* ---- events (client.md 2.4) ---- */
enum kith_event_type {
	KITH_EVENT_MESSAGE_NEW = 1,
	KITH_EVENT_MESSAGE_STATE,
	KITH_EVENT_REQUEST_NEW,
	KITH_EVENT_REQUEST_STATE,
	KITH_EVENT_CONTACT_NEW,
	KITH_EVENT_CONTACT_CHANGED,
	KITH_EVENT_CONVERSATION_CHANGED,
	KITH_EVENT_MAILBOX_CHANGED,
	KITH_EVENT_STATUS = 100 /* not durable */
};
struct kith_node_row {
	uint64_t seq, at_ms;
	enum kith_event_type type;
	uint64_t conversation, first, last;
};
/* Reply: event rows. `first` kept and `last` sequence number: kith_node_event_range. */
int kith_node_events_since(struct kith_node *n, uint64_t seq, unsigned limit, uint32_t call,
			   kith_time now) KITH_MUST_USE;
void kith_node_event_range(const struct kith_node *n, uint64_t *first, uint64_t *last);
/* Live: one row after its commit (seq 0: not durable). False: none. */
bool kith_node_news(struct kith_node *n, struct kith_node_row *out);
/* While on (default off) rows of messages bring these along, as long as the store has room for the
 * reads: news_with tells whether the row told last did, news_message gives them in turn. Pointers
 * live until the next kith_node_news. */
void kith_node_watch(struct kith_node *n, bool on);
bool kith_node_news_with(const struct kith_node *n);
bool kith_node_news_message(struct kith_node *n, struct kith_node_message *out);
/* Messages first..last of an event row, to be shown. Reply: rows of messages. */
int kith_node_messages(struct kith_node *n, uint64_t conversation, uint64_t first, uint64_t last,
		       uint32_t call, kith_time now) KITH_MUST_USE;

/* ---- replies ---- */
enum kith_reply_kind {
	KITH_REPLY_DONE,
	KITH_REPLY_TEXT,
	KITH_REPLY_MESSAGE,
	KITH_REPLY_MESSAGES,
	KITH_REPLY_EVENTS
};
struct kith_node_reply {
	uint32_t call;
	int status;
	enum kith_reply_kind kind;
	uint64_t id, id2;
	const char *text;
	bool more;
	struct kith_node_message message;
};
/* Next reply; then kith_node_reply_message / _row give its rows. Pointers live until the next
 * kith_node_reply. */
bool kith_node_reply(struct kith_node *n, struct kith_node_reply *out);
bool kith_node_reply_message(struct kith_node *n, struct kith_node_message *out);
bool kith_node_reply_row(struct kith_node *n, struct kith_node_row *out);

/* ---- status ---- */
enum kith_node_phase {
	KITH_PHASE_OFFLINE,
	KITH_PHASE_ALONE,
	KITH_PHASE_JOINING,
	KITH_PHASE_ONLINE,
	KITH_PHASE_FEW_MAILBOXES,
	KITH_PHASE_CLOCK,
	KITH_PHASE_DISK
};
struct kith_node_status {
	enum kith_node_phase phase;
	kith_time since;
	size_t peers, contacts_online, waiting; /* waiting: own messages not delivered */
	size_t stalled; /* contacts that wait for a new session after a restore */
	bool locked;    /* this profile runs elsewhere: this copy only reads */
	unsigned mailboxes, mailboxes_wanted, mailboxes_answering;
	bool mailbox_pinned;
	bool direct;
	int64_t clock_off_ms;
	bool serving;
	uint64_t items, members, disk_used, disk_max;
	bool protected_profile;
};
void kith_node_status(const struct kith_node *n, struct kith_node_status *out);
/* ---- reachability ---- */
enum kith_reach { KITH_REACH_UNKNOWN, KITH_REACH_NO, KITH_REACH_YES };
enum kith_reach_why {
	KITH_WHY_OFF,        /* port mapping is off, and nothing else is known */
	KITH_WHY_TRYING,     /* the router is being asked */
	KITH_WHY_UNSEEN,     /* the own address is public, and no peer has confirmed it */
	KITH_WHY_UNTOLD,     /* granted by a router that does not know its address; no peer yet */
	KITH_WHY_OWN,        /* YES: the own address is public, peers see it */
	KITH_WHY_MAPPED,     /* YES: the router forwards a port */
	KITH_WHY_PINHOLE,    /* YES: the router's IPv6 firewall lets a port in */
	KITH_WHY_CARRIER,    /* the provider shares its addresses (100.64/10) */
	KITH_WHY_DOUBLE,     /* the router is behind another router */
	KITH_WHY_DIFFERS,    /* the router names another address than peers see */
	KITH_WHY_NO_GATEWAY, /* no router */
	KITH_WHY_REFUSED,    /* the router refuses */
	KITH_WHY_SILENT      /* the router answers none of the protocols */
};
struct kith_node_reach {
	enum kith_reach reach;
	enum kith_reach_why why;
	struct kith_addr endpoint; /* YES: where others reach us */
	struct kith_addr external; /* held: what the router says */
	uint16_t port;             /* the own one */
	bool gateway, trying, held;
	enum kith_mapping_proto how; /* held */
	uint32_t lease_s;
	uint64_t took_us;
	enum kith_mapping_outcome outcome[KITH_MAPPING_PROTOS], pinhole;
	uint16_t code[KITH_MAPPING_PROTOS];
};
void kith_node_reach(const struct kith_node *n, struct kith_node_reach *out);
/* Asks the router now. Reply: when the answer is known, 30 s at the latest. STATE: one runs. */
int kith_node_network_test(struct kith_node *n, uint32_t call, kith_time now) KITH_MUST_USE;
/* UPnP is spoken by another process: whether it is there, its next job, what it answered. */
void kith_node_portmap_helper(struct kith_node *n, bool there, kith_time now);
bool kith_node_portmap_ask(struct kith_node *n, struct kith_portmap_ask *out, kith_time now);
void kith_node_portmap_reply(struct kith_node *n, const struct kith_portmap_reply *r,
			     kith_time now);
/* Wall clock at the last turn, Unix ms. */
uint64_t kith_node_wall_ms(const struct kith_node *n);
/* Every counter of all layers: calls `put` for each name ("net.drop_stranger"). */
void kith_node_counters(const struct kith_node *n,
			void (*put)(void *ctx, const char *name, uint64_t value), void *ctx);
bool kith_node_locked(const struct kith_node *n);
/* A locked copy becomes the restored one; the other will stop. STATE: it is not locked. */
int kith_node_take_over(struct kith_node *n, uint32_t call, kith_time now) KITH_MUST_USE;
struct kith_node_mailbox {
	char handle[17];
	const char *source;
	bool pinned;
	uint64_t last_seen_ms;
	unsigned score, kept;
	uint64_t until_s;
	bool answering;
};
bool kith_node_mailbox(const struct kith_node *n, size_t i, struct kith_node_mailbox *out);
/* Pins an always-on peer as own mailbox: hint text. */
int kith_node_mailbox_pin(struct kith_node *n, const char *hint, size_t len, uint32_t call,
			  kith_time now) KITH_MUST_USE;

#endif
