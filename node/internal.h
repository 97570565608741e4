/* SPDX-License-Identifier: ISC */
/*
 * What the files of node/ share: the state of a node and who may do what with it.
 *
 * Rules. (1) Every lasting change goes through row.c into the open batch of account.db, in the same
 * call that changes memory. (2) Whatever may leave the node because of it waits for that batch:
 * kith__gate(n, fn, a, b) runs fn after the commit; entries name things by id, never by pointer.
 * (3) Hot rows (ratchet, conversation counters, tag lists, receipts owed) are only marked dirty and
 * written once per batch by kith__flush, which runs right before a batch is handed to the worker.
 * (4) One clock: n->now of the turn; wall time is kith__wall_ms(n).
 */
#ifndef KITH_NODE_INTERNAL_H
#define KITH_NODE_INTERNAL_H

#include "base/arena.h"
#include "base/map.h"
#include "dht/dht.h"
#include "net/net.h"
#include "node/mbox.h"
#include "node/node.h"
#include "node/proto.h"
#include "store/store.h"

/* ---- own identity (identity.c) ---- */
struct kith_own_presence {
	uint8_t p[32];
	uint32_t epoch;
	uint64_t created_s, ends_s;
}; /* ends_s 0 = current; past it only its bucket is listed, for 35 days */
struct kith_own_cap {
	uint64_t id;
	uint8_t cap[16];
	char label[KITH_NAME_MAX + 1];
	uint64_t created_ms;
	uint32_t uses;
	bool revoked, shared;
};
struct kith_own_prekey {
	uint32_t id;
	uint8_t secret[32], spk[32], kem_seed[64], ek[KITH_KEM_EK];
	uint64_t created_s, expires_s;
	bool put; /* bundle is at a mailbox */
};
#define KITH_PREKEYS_MAX 8u /* one a week, each kept 37 days */
struct kith_identity {
	char name[KITH_NAME_MAX + 1];
	uint8_t ik_seed[32], ik[32], dk_seed[32], dk[32], xk_secret[32], xk[32], lk_secret[32],
		lk[32];
	uint32_t device;
	struct kith_cert cert;
	uint8_t manifest[716];
	size_t manifest_len;
	uint8_t manifest_hash[32];
	struct kith_own_presence presence[KITH_PRESENCES_MAX];
	size_t presences; /* current first, then live ones, then those only listed */
	size_t applied;   /* live ones that net knows */
	struct kith_own_cap cap[KITH_CAPS_MAX];
	size_t caps;
	struct kith_own_prekey *prekey[KITH_PREKEYS_MAX];
	size_t prekeys; /* newest first, arena cells */
	uint8_t handle_key[32], instance[8];
	uint64_t record_seq; /* greatest seq signed so far */
};

/* ---- own mailboxes (mbox_choose.c) ---- */
enum kith_source { KITH_SOURCE_OWN, KITH_SOURCE_COMMUNITY, KITH_SOURCE_FRIEND, KITH_SOURCE_FOUND };
struct kith_own_box {
	struct kith_list_entry e;
	enum kith_source source;
	bool listed, has_mk;
	uint64_t since_ms, answered_ms, drain_until_s;
	uint32_t listed_version;
	int score;
	uint32_t probe_link, read_link; /* client links, 0 = none */
	bool watching, listing;
	kith_time next_probe, next_list;
	unsigned fails;
};
#define KITH_OWN_BOXES_MAX 16u

/* ---- contacts ---- */
struct kith_peer_box {
	uint64_t row;
	struct kith_list_entry e;
	bool has_mk;
	unsigned fails;
	kith_time next_try;
};
struct kith_tag_chain {
	uint8_t ml[32];
	uint8_t t[32];
	uint32_t at; /* t is T_at */
	uint8_t ahead[32];
	uint32_t ahead_at; /* receive, memory only: end of the table's window */
};
struct kith_tag_list { /* one direction, one list version */
	uint32_t version;
	bool live;
	uint32_t low, next; /* send: lowest un-acked, next free; receive: first unconsumed, - */
	uint8_t used[128];
	uint64_t until_s; /* receive: consumed bits of low..low+1023; send: first 4 B = greatest
			     index announced in an acked body; end of a superseded list, 0 = current
			   */
	unsigned count;
	struct kith_tag_chain chain[KITH_MAILBOXES_MAX];
};
struct kith_tag_side {
	bool has_root;
	uint8_t root[32];
	uint32_t root_version;      /* R_v+1 of the newest */
	unsigned count, cap;        /* at most KITH_LIST_VERSIONS_MAX */
	struct kith_tag_list *list; /* on the heap: most sides have one or two */
};

/* A copy in a mailbox, from the choice of the mailbox to its receipt. */
enum kith_copy_state {
	KITH_COPY_NONE,
	KITH_COPY_WORKING,
	KITH_COPY_PUTTING,
	KITH_COPY_KEPT,
	KITH_COPY_FAILED
};

/* One copy of an envelope: where it is kept and under which version of the tag list. */
struct kith_copy {
	uint64_t box;
	enum kith_copy_state state;
	uint32_t version;
	uint8_t nonce[24];
	uint32_t position;
	uint64_t received_s, expires_s;
	uint8_t sig[64];
	unsigned tries;
	kith_time next;
};
struct kith_out { /* one un-acked frame, or a text part waiting for its turn (frame NULL) */
	uint64_t id, message;
	uint16_t type;
	uint32_t seq, epoch, index, list_version;
	bool has_index;
	struct kith_msgid mid;
	uint64_t created_ms;
	uint8_t *content;
	size_t content_len; /* body content: sealed anew if needed; wiped at the end */
	uint8_t *frame;
	size_t frame_len;
	bool light, chain_full; /* chain_full: first sealed as a full frame of the present chain */
	uint64_t batch;         /* leaves only after this commit */
	uint32_t session;
	kith_time sent, put_due; /* last sent on this session; when mailboxes get it */
	unsigned copies;
	struct kith_copy copy[KITH_MAILBOXES_MAX];
	bool putting;
	unsigned tries;
	uint64_t next_ms;
	uint32_t announced, announced_version, chain_n;
	bool row_seq; /* memory only: tag index it announced, its number in the chain, seq stands in
			 the message row */
};
#define KITH_FLOW_FAR 120u /* bytes: a sender runs at most 900 frames ahead of an un-acked one */
struct kith_flow {         /* sequence numbers of a session epoch; kept in the ratchet row */
	uint32_t out_next; /* seq of the next body, from 1 */
	uint32_t in_next;
	uint64_t in_bitmap;            /* own acknowledgement state */
	uint8_t in_far[KITH_FLOW_FAR]; /* received seqs beyond the bitmap: bit k = in_next + 65 + k
					*/
	uint32_t in_read;              /* seq up to which the user has read */
	uint32_t peer_read;
	bool ack_owed;
	kith_time ack_at; /* bare ack due (mailbox way) */
	bool ack_live;    /* bare ack due on the live session after this commit */
};
struct kith_open_request { /* own request, until it or a newer one is answered */
	uint8_t root[32], rdh_secret[32], rek_seed[64];
	uint32_t session_epoch;
	uint64_t created_s;
	bool used;
	struct kith_tag_side in; /* tags of the answer under this root */
};
enum kith_seek {
	KITH_SEEK_NONE,
	KITH_SEEK_KNOCK,
	KITH_SEEK_BUNDLE,
	KITH_SEEK_WORK,
	KITH_SEEK_PUT,
	KITH_SEEK_DONE
};
struct kith_contact {
	uint64_t id, conv;
	uint8_t ik[32];
	enum kith_contact_state state;
	char name[KITH_NAME_MAX + 1], alias[KITH_NAME_MAX + 1];
	bool verified, blocked, newer, muted, pinned, archived;
	uint64_t added_ms, last_seen_ms;
	bool has_p, has_ms, has_cap;
	uint8_t p[32], ms[32], cap[16];
	uint32_t p_epoch;
	uint64_t manifest_version;
	uint8_t manifest_hash[32];
	/* its device (version 1: one); device row id = contact id */
	uint32_t dev;
	uint8_t dk[32], xk[32], lk[32];
	bool has_lk;
	uint32_t epoch;       /* of the session in force: that of its request */
	uint32_t epoch_floor; /* requests of the peer not above it are void */
	uint32_t epoch_own;   /* of the newest own request ever made */
	struct kith_net_link_peer link;
	bool has_link;
	struct kith_addr path[8];
	size_t paths;
	uint8_t instance[8];
	bool i_am_a;                  /* my request made this session */
	struct kith_ratchet *ratchet; /* arena cell; NULL until accepted */
	struct kith_flow flow;
	struct kith_tag_side send, recv;
	uint32_t list_version;
	unsigned boxes;
	struct kith_peer_box box[KITH_MAILBOXES_MAX];
	struct kith_out **out;
	size_t outs, outs_cap; /* ascending seq */
	uint64_t hlc, read_id, peer_read_id, last_message;
	uint32_t unread;
	/* memory of outbox.c, delivery.c, receipts.c: entries before `sent` left on `session`,
	 * those before `put` go to mailboxes */
	size_t sent, put;
	uint64_t run_batch;
	kith_time deliver_at, ack_sent;
	bool ack_waiting;
	uint8_t *ack_frame;
	size_t ack_len;
	bool ack_light;
	uint32_t chain_seen;
	bool chain_known;
	struct kith_recent *recent;
	struct kith_parts *parts;
	uint32_t ack_count; /* messages since the last ack */
	/* dirty rows, written by kith__flush */
	bool dirty_ratchet, dirty_conv, dirty_tags, in_dirty_list;
	uint64_t skipped_print; /* fingerprint of the skipped keys on disk */
	/* finding and connecting */
	bool wanted; /* presence is looked for */
	uint32_t session, connecting, lookup_op;
	kith_time next_lookup;
	unsigned lookups_failed;
	kith_time next_connect;
	/* own request towards this contact (state REQUESTED) */
	struct kith_open_request request[3];
	enum kith_seek seek;
	kith_time next_seek;
	unsigned seek_fails;
	struct kith_knock *knock;
	struct kith_bundle *bundle;
	unsigned bundle_from;
	uint8_t *request_blob;
	unsigned request_kept;
	uint64_t request_until_s;
	char greeting[KITH_GREETING_MAX + 1];
};

struct kith_pending { /* somebody else's request, waiting for the user */
	uint64_t id;
	uint64_t at_ms;
	unsigned work;
	struct kith_request q;
	uint8_t root[32];
	uint8_t seen[16];
	uint32_t cap_used;
	bool shown;
};

/* ---- gate (gate.c) ---- */
typedef void (*kith_gate_fn)(struct kith_node *n, uint64_t a, uint64_t b);
struct kith_gated {
	uint64_t batch;
	kith_gate_fn fn;
	uint64_t a, b;
};
struct kith_gate {
	struct kith_gated *entry;
	size_t head, count, cap;
};

/* ---- bulk work (work.c): stamps, request work, knock matching; one job in flight ---- */
enum kith_work_kind { KITH_WORK_STAMP, KITH_WORK_REQUEST, KITH_WORK_KNOCKS };
struct kith_work;

struct kith_node {
	struct kith_node_config cfg;
	const struct kith_alloc *alloc;
	struct kith_rng *rng;
	struct kith_log *log;
	struct kith_arena *arena;
	struct kith_noncer noncer;
	struct kith_net *net;
	struct kith_dht *dht;
	struct kith_peerbook *book;
	struct kith_store *account, *mailbox;
	struct kith_mbox_client *client;
	struct kith_mbox_service *service;
	kith_time now;
	uint64_t wall_base_ms;
	kith_time wall_base_at; /* wall clock at a monotonic instant */
	bool has_identity, stopping;
	struct kith_identity *id; /* arena-backed pieces inside */
	struct kith_contact **contact;
	size_t contacts, contacts_cap;       /* ascending id */
	struct kith_map contact_by_ik, seen; /* ik -> index into contact; H16 -> 1 */
	struct kith_pending *pending[KITH_REQUESTS_MAX];
	size_t pendings;
	struct kith_own_box box[KITH_OWN_BOXES_MAX];
	size_t boxes;
	uint32_t list_version;
	uint32_t find_op;
	bool list_dirty;
	uint64_t next_message, next_event, first_event, next_out, next_contact, next_conv,
		next_request, next_invitation, next_peerbox;
	struct kith_gate gate;
	size_t open_ops;
	bool account_busy, mailbox_busy, has_start;
	struct kith_job *account_job, *mailbox_job;
	uint64_t unknown_kinds;
	struct kith_contact **dirty;
	size_t dirties, dirty_cap;
	uint32_t next_token;
	struct kith_work *work_first;
	bool job_busy;
	struct kith_publish *publish;
	struct kith_replies *replies;
	struct kith_news *news; /* events.c */
	struct kith_addr own_addr[8];
	size_t own_addrs;
	struct kith_addr observed;      /* as the last reporter saw it */
	struct kith_addr observed_sure; /* two reporters of different groups agreed on it */
	struct {
		struct kith_group group;
		struct kith_addr addr;
		kith_time at;
	} told[8];
	size_t tolds;
	bool dht_ready, reach_server;
	uint32_t reach_changes; /* of the own addresses */
	uint64_t reach_day;     /* of the key that the DHT goes by */
	kith_time started, phase_since;
	enum kith_node_phase phase;
	struct kith_tagbook *tagbook;
	struct kith_expects *expects;
	struct kith_said *said;
	struct kith_todelete *todelete; /* tagbook.c, expect.c, say.c, todelete.c */
	kith_time delivery_due, ack_due, next_tag_sweep;
	uint64_t unknown_bodies, refused_frames;
	struct kith_orders *orders;
	struct kith_fetch *fetch;
	struct kith_choose *choose; /* mbox_jobs.c, mbox_fetch.c, mbox_choose.c */
	kith_time next_publish, next_choose, next_sweep;
	uint32_t presence_op, knock_op[KITH_CAPS_MAX];
	struct {
		struct kith_group group;
		int64_t off_s;
	} clock[5];
	size_t clock_count;
	int64_t clock_off_s;
	kith_time next_seek_start;
};

/* node.c */
uint64_t kith__wall_ms(const struct kith_node *n);
uint64_t kith__wall_s(
	const struct kith_node *n); /* period clock: wall plus DHT median (crypto.md 1) */
/* The period to look a record of `s` up under: within 3 h of an edge both neighbours are published,
 * so attempts alternate between them. */
uint64_t kith__period(const struct kith_node *n, const struct kith_record_secret *s,
		      unsigned attempt);
uint32_t kith__minutes(const struct kith_node *n);
/* status.c */
void kith__seeds_load(struct kith_node *n, const uint8_t *in, size_t len);

/* gate.c */
/* Runs fn(n, a, b) once everything put so far into the open batch is durable (at once when the open
 * batch is empty and none is in flight). */
void kith__gate(struct kith_node *n, kith_gate_fn fn, uint64_t a, uint64_t b);
void kith__gate_open(struct kith_node *n); /* after a commit */
bool kith__gate_full(const struct kith_node *n);
uint64_t kith__open_batch(const struct kith_node *n);
bool kith__durable(const struct kith_node *n, uint64_t batch);
/* row.c: one function per row; asserts that the store took it (caps are checked before input). */
void kith__put(struct kith_node *n, const struct kith_op *op);
int kith__may_write(const struct kith_node *n) KITH_MUST_USE; /* NOSPACE, IO: no new rows */
void kith__row_contact(struct kith_node *n, const struct kith_contact *c);
void kith__row_device(struct kith_node *n, const struct kith_contact *c);
void kith__row_conversation(struct kith_node *n, const struct kith_contact *c);
void kith__row_ratchet(struct kith_node *n,
		       struct kith_contact *c); /* ratchet, flow, skipped keys */
void kith__row_tags(struct kith_node *n, const struct kith_contact *c);
void kith__row_peer_boxes(struct kith_node *n, struct kith_contact *c);
void kith__row_out(struct kith_node *n, const struct kith_contact *c, const struct kith_out *o);
void kith__row_copy(struct kith_node *n, const struct kith_out *o, const struct kith_copy *copy);
void kith__row_own_box(struct kith_node *n, const struct kith_own_box *b);
void kith__row_secret(struct kith_node *n, const char *name, uint64_t slot, const void *body,
		      size_t len, uint64_t expires_s);
void kith__row_meta_int(struct kith_node *n, const char *k, int64_t v);
void kith__row_meta_blob(struct kith_node *n, const char *k, const void *p, size_t len);
void kith__row_setting(struct kith_node *n, const char *k, const char *v);
void kith__row_invitation(struct kith_node *n, const struct kith_own_cap *cap);
#define KITH_FLOW_ROW (32u + KITH_FLOW_FAR) /* sequence numbers in front of a ratchet row */
#define KITH_OUT_ROW_HEAD \
	29u /* type 2, flags 1, index 4, list version 4, mid 16, content length 2 */
void kith__row_seen(struct kith_node *n, const uint8_t h[static 16], uint64_t expires_s);
void kith__row_todelete(struct kith_node *n, const uint8_t ml[static 32],
			const uint8_t d[static 32], uint64_t due_ms, uint64_t expires_s);
void kith__dirty(struct kith_node *n, struct kith_contact *c, bool ratchet, bool conv, bool tags);
void kith__flush(struct kith_node *n);
/* load.c */
int kith__load(struct kith_node *n) KITH_MUST_USE;
/* expect.c: who waits for a store result. kith__expect gives the token for an operation of the open
 * batch; node.c offers every result of account.db to kith__expect_result first (true: it was one).
 */
typedef void (*kith_store_fn)(struct kith_node *n, uint64_t a, uint64_t b,
			      struct kith_store_result *r);
uint32_t kith__expect(struct kith_node *n, kith_store_fn fn, uint64_t a, uint64_t b);
bool kith__expect_result(struct kith_node *n, struct kith_store_result *r);
/* events.c: durable event rows (one per batch, type and conversation is merged), news, replies */
void kith__event(struct kith_node *n, enum kith_event_type type, uint64_t conv, uint64_t first);
void kith__event_flush(
	struct kith_node *n); /* writes the merged rows of this batch; from kith__flush */
void kith__reply_done(struct kith_node *n, uint32_t call, uint64_t id,
		      uint64_t id2); /* waits for the open batch */
void kith__reply_text(struct kith_node *n, uint32_t call, uint64_t id,
		      const char *text); /* also waits */
/* The message as it stands after the commit: copies all; waits for the open batch. */
void kith__reply_message(struct kith_node *n, uint32_t call, const struct kith_node_message *m);
void kith__replies_open(
	struct kith_node *n); /* after a commit: replies and news that rested on it */
void kith__events_free(struct kith_node *n);
/* reads.c: one operation with a result; fn runs after the batch, exactly once. `op` gets a token.
 */
int kith__read(struct kith_node *n, struct kith_op *op, kith_store_fn fn, uint64_t a, uint64_t b)
	KITH_MUST_USE;
/* A message from a row of HISTORY_* or MESSAGE_*: pointers into the row. */
void kith__message_from_row(const struct kith_node *n, const struct kith_rows *r, uint64_t conv,
			    struct kith_node_message *m);
void kith__reply_fail(struct kith_node *n, uint32_t call, int status);

/* identity.c */
int kith__identity_make(struct kith_node *n, const char *name) KITH_MUST_USE;
void kith__identity_tick(struct kith_node *n);  /* prekey and presence rotation */
void kith__identity_apply(struct kith_node *n); /* gives link key and presence secrets to net */
const struct kith_own_prekey *kith__prekey(const struct kith_node *n, uint32_t id);
int kith__prekey_new(struct kith_node *n) KITH_MUST_USE;
void kith__prekey_complete(struct kith_own_prekey *k);
void kith__identity_complete(struct kith_node *n, uint64_t made_s);
struct kith_own_cap *kith__cap_new(struct kith_node *n, const char *label,
				   bool shared); /* NULL: 16 are live */
const struct kith_own_cap *kith__cap_shared(const struct kith_node *n);
size_t kith__presences_live(const struct kith_node *n); /* the first so many of presence[] */
void kith__presence_rotate(
	struct kith_node *n); /* after a removal: new P and shared cap, old ones end at once */
void kith__name_tell(struct kith_node *n, struct kith_contact *c); /* queues 0x0105 */
void kith__presence_tell(struct kith_node *n,
			 struct kith_contact *c); /* queues 0x0102 for an accepted contact */
void kith__shortname(char out[static 9], const uint8_t ik[static 32]);
/* contacts.c */
int kith__contact_insert(struct kith_node *n, struct kith_contact *c) KITH_MUST_USE;
void kith__contact_free(struct kith_node *n, struct kith_contact *c);
struct kith_contact *kith__contact(const struct kith_node *n, uint64_t id);
struct kith_contact *kith__contact_by_ik(const struct kith_node *n, const uint8_t ik[static 32]);
struct kith_contact *kith__contact_by_conv(const struct kith_node *n, uint64_t conv);
struct kith_contact *kith__contact_by_peer(const struct kith_node *n,
					   uint32_t peer); /* link peer number = contact id */
struct kith_contact *kith__contact_new(struct kith_node *n,
				       const uint8_t ik[static 32]); /* NULL: full or no memory */
void kith__contact_link(
	struct kith_node *n,
	struct kith_contact *c); /* (re)sets the link peer in net, if LK, P and a root are known */
void kith__contact_drop_ratchet(struct kith_node *n, struct kith_contact *c);
/* requests_out.c: knock lookup, bundle, request, work, PUT; requests_in.c: opened knocks, accept */
#define KITH_REQUEST_OUT_BASE 1000000000u /* row ids of own requests: this + contact id */
void kith__request_out_row(struct kith_node *n, const struct kith_contact *c);
void kith__request_roots_row(struct kith_node *n, const struct kith_contact *c);
/* Ends own requests of `c` whose epoch is at most `upto`, as rows too; newer ones stay. */
void kith__requests_close(struct kith_node *n, struct kith_contact *c, uint32_t upto);
void kith__requests_sweep(struct kith_node *n); /* hourly: roots that nobody can answer any more */
int kith__request_tags(struct kith_open_request *r, uint32_t version, const uint8_t (*ml)[32],
		       unsigned count) KITH_MUST_USE;
int kith__pending_load(struct kith_node *n, uint64_t id, unsigned work, uint64_t at_ms,
		       const uint8_t inner[static KITH_INNER]) KITH_MUST_USE;
void kith__pending_free(struct kith_node *n);
int kith__load_requests(struct kith_node *n) KITH_MUST_USE;
void kith__seek_tick(struct kith_node *n);
kith_time kith__seek_deadline(const struct kith_node *n);
bool kith__seek_dht(struct kith_node *n,
		    const struct kith_dht_event *e); /* true: was one of its ops */
void kith__request_arrived(struct kith_node *n, const uint8_t ml[static 32], uint64_t day,
			   const uint8_t inner[static KITH_INNER]);
/* A's side: a full frame under the answer tags of open request `i`; true when it opened as accept.
 */
bool kith__request_answered(struct kith_node *n, struct kith_contact *c, unsigned i,
			    const uint8_t inner[static KITH_INNER]);
/* restore.c: at the end of loading, when the database is older than its profile */
void kith__restored(struct kith_node *n);
bool kith__stalled(const struct kith_contact *c); /* accepted, and nothing may be sealed for it */
/* reach.c: can others reach this node? The DHT's mode, and the key it goes by. */
void kith__reach_key(const struct kith_node *n, uint8_t secret[static 32]);
void kith__reach_observed(struct kith_node *n, const struct kith_addr *addr);
void kith__reach_changed(struct kith_node *n); /* other own addresses */
void kith__reach_tick(struct kith_node *n);

/* publish.c: knock and presence records, bundles; seek of contacts' presence (presence.c) */
void kith__publish_soon(struct kith_node *n); /* content changed */
/* Somebody at `from` sees us at `addr`. */
void kith__observed(struct kith_node *n, const struct kith_addr *from,
		    const struct kith_addr *addr);
void kith__observed_clear(struct kith_node *n); /* the network changed */
void kith__publish_free(struct kith_node *n);
void kith__publish_tick(struct kith_node *n);
kith_time kith__publish_deadline(const struct kith_node *n);
void kith__presence_want(struct kith_node *n,
			 struct kith_contact *c); /* look up and connect, within the budget */
void kith__presence_session(struct kith_node *n, struct kith_contact *c,
			    uint32_t session); /* up; 0 = lost or failed */
void kith__presence_dial(struct kith_node *n); /* at start: recent contacts */
void kith__presence_tick(struct kith_node *n);
kith_time kith__presence_deadline(const struct kith_node *n);
bool kith__presence_dht(struct kith_node *n, const struct kith_dht_event *e);

/* load.c, after contacts: text parts that wait for the rest of their message. */
int kith__parts_load(struct kith_node *n) KITH_MUST_USE;
/* load.c: the greatest own message id, from which kith_node_say tells new ids. */
int kith__said_load(struct kith_node *n) KITH_MUST_USE;
/* Everything of the message half, at the end of a node (memory only). Contacts: kith__outbox_free.
 */
void kith__msgs_free(struct kith_node *n);
void kith__outbox_free(struct kith_node *n, struct kith_contact *c);
/* load.c: appends an entry made from its row (rows in order of id); takes content and frame. */
int kith__outbox_loaded(struct kith_node *n, struct kith_contact *c, struct kith_out *o)
	KITH_MUST_USE;
/* todelete.c: one DELETE per pre-image when due. `add` also writes the row; addr may be none (then
 * found by ML). */
void kith__todelete_add(struct kith_node *n, const uint8_t ml[static 32],
			const struct kith_addr *addr, const uint8_t d[static 32], uint64_t due_ms,
			uint64_t expires_s);
void kith__todelete_loaded(struct kith_node *n, const uint8_t ml[static 32],
			   const uint8_t d[static 32], uint64_t due_ms);
/* peer_list.c: the contact's mailbox list as told by itself (accept, 0x0101, presence): peer boxes,
 * rows, tag chains of the send side. Older or known versions change nothing. */
void kith__peer_list(struct kith_node *n, struct kith_contact *c, const struct kith_list *l);
#define KITH_MESSAGE_CANCELLED 1u /* bits of message.kind */
#define KITH_MESSAGE_GAP       2u /* earlier message missing when it came */

/* outbox.c: queue, seal, ack; delivery.c: sessions and timers */
/* Queues one body for `c` (message 0 = control) and seals it if the window allows; NULL: full. */
struct kith_out *kith__outbox_add(struct kith_node *n, struct kith_contact *c, uint16_t type,
				  uint64_t message, const struct kith_msgid *mid,
				  const uint8_t *content, size_t len);
void kith__outbox_seal(struct kith_node *n, struct kith_contact *c); /* seals what waits */
void kith__outbox_acked(struct kith_node *n, struct kith_contact *c, const struct kith_ack *ack);
void kith__outbox_reseal(struct kith_node *n, struct kith_contact *c); /* new session: all anew */
void kith__outbox_uncopy(struct kith_node *n,
			 struct kith_contact *c); /* before peer boxes go: ends all copies */
void kith__outbox_clear(struct kith_node *n, struct kith_contact *c);
struct kith_out *kith__out_by_id(const struct kith_contact *c, uint64_t id);
void kith__delivery_run(struct kith_node *n,
			struct kith_contact *c); /* send what is durable and due */
void kith__delivery_tick(struct kith_node *n);
kith_time kith__delivery_deadline(const struct kith_node *n);
void kith__delivery_session(struct kith_node *n, struct kith_contact *c,
			    uint32_t session); /* up (0 = lost) */
void kith__delivery_returned(struct kith_node *n, uint32_t token);
int kith__state(const struct kith_node *n, const struct kith_contact *c, uint64_t message,
		struct kith_node_state *out);
/* inbox.c: a frame from a live session (kind 1 byte stripped) or from a mailbox; true when opened
 * or known */
bool kith__inbox_frame(struct kith_node *n, struct kith_contact *c, const uint8_t *frame,
		       size_t len, bool live);
/* The second half of it, for a frame that the caller opened with c->ratchet (the accept): marks it
 * seen, takes ack, tag index and seq, acts on the body, owes the ack. */
void kith__inbox_opened(struct kith_node *n, struct kith_contact *c, const struct kith_opened *o,
			const uint8_t h[static 16], bool live);
/* receipts.c: own acknowledgements towards c */
void kith__ack_fill(const struct kith_contact *c, struct kith_ack *ack);
void kith__ack_owe(struct kith_node *n, struct kith_contact *c, bool live);
/* From kith__flush, for each dirty contact before its rows: seals the bare ack that this batch
 * owes. */
void kith__ack_flush(struct kith_node *n, struct kith_contact *c);
void kith__ack_tick(struct kith_node *n);
kith_time kith__ack_deadline(const struct kith_node *n);

/* tagbook.c: tag state of both directions. `start` sets the roots and, where already known, the
 * present own list (recv) and peer list (send); the first version used is the base of a root. */
void kith__tagbook_start(struct kith_node *n, struct kith_contact *c,
			 const uint8_t send_root[static 32], const uint8_t recv_root[static 32]);
/* A new list version came into use: derive chains and the next root, erase the old one. */
/* A zeroed further list at the end; NULL: 12 are live, or no memory. */
struct kith_tag_list *kith__tagbook_add(struct kith_tag_side *s);
/* Forgets roots and lists. */
void kith__tagbook_wipe(struct kith_tag_side *s);
int kith__tagbook_list(struct kith_tag_side *s, uint32_t version, const uint8_t (*ml)[32],
		       unsigned count) KITH_MUST_USE;
uint32_t kith__tagbook_take(struct kith_contact *c); /* next send index */
/* Keys of index i at mailbox ml (send side). NOTFOUND: unknown list or erased. */
int kith__tagbook_send(const struct kith_contact *c, uint32_t version, const uint8_t ml[static 32],
		       uint32_t i, struct kith_tag_keys *k) KITH_MUST_USE;
bool kith__tagbook_may_take(
	const struct kith_contact *c); /* 900 un-acked, 1,024 beyond what the peer has heard */
uint32_t kith__tagbook_version(
	const struct kith_contact *c); /* send side: version in use, 0 = none */
uint32_t kith__tagbook_low(
	const struct kith_contact *c); /* its lowest un-acked index: goes into each body */
void kith__tagbook_heard(struct kith_contact *c, uint32_t version,
			 uint32_t announced); /* an acked body announced it */
void kith__tagbook_acked(struct kith_contact *c, uint32_t version,
			 uint32_t lowest_unacked); /* erases T before it */
/* Which contact (and request) a listed tag at mailbox ml belongs to. */
struct kith_tag_match {
	struct kith_contact *c;
	int request; /* -1 = session */
	uint32_t version, index;
	struct kith_tag_keys keys;
};
bool kith__tagbook_match(struct kith_node *n, const uint8_t ml[static 32],
			 const uint8_t tag[static 16], struct kith_tag_match *m);
void kith__tagbook_consumed(struct kith_node *n, const struct kith_tag_match *m);
void kith__tagbook_announced(struct kith_node *n, struct kith_contact *c, uint32_t version,
			     uint32_t index);
/* After a LIST on return from absence, and daily: lets `match` find those of the listed tags that
 * lie beyond the table, within 1,024 indices. */
void kith__tagbook_stream(struct kith_node *n, const uint8_t ml[static 32],
			  const uint8_t (*tags)[16], size_t count);
void kith__tagbook_drop(struct kith_node *n, struct kith_contact *c, int dir,
			unsigned i); /* list i of a direction (0 send, 1 receive) and its rows */
void kith__tagbook_free(struct kith_node *n);
void kith__tagbook_sweep(struct kith_node *n);   /* hourly: superseded lists end after 30 days */
void kith__tagbook_changed(struct kith_node *n); /* rebuild the table of expected tags */

/* mbox_jobs.c: one-shot work at anybody's mailboxes, each on a link of its own */
typedef void (*kith_put_fn)(struct kith_node *n, uint64_t a, uint64_t b, int status,
			    const struct kith_receipt *r, const uint8_t mk[static 32],
			    uint32_t position);
struct kith_put_order {
	uint8_t ml[32], mk[32];
	bool has_mk;
	struct kith_addr addr;
	uint8_t tag[16];
	struct kith_mbox_bucket bucket;
	uint8_t ttl_class;
	const uint8_t *blob;
	kith_put_fn fn;
	uint64_t a, b;
};
/* Stamp (bulk lane, after INFO told the bits), PUT, receipt signature checked; fn exactly once.
 * status: KITH_OK with receipt; EXISTS (taken); FULL (no room, slow down, stamp too dear); NOTFOUND
 * (tombstone); IO (no answer); AUTH (receipt does not verify). receipt NULL unless OK. Copies the
 * blob. */
int kith__mbox_order_put(struct kith_node *n, const struct kith_put_order *o) KITH_MUST_USE;
typedef void (*kith_get_fn)(struct kith_node *n, uint64_t a, uint64_t b, int status,
			    const uint8_t *blob, size_t len);
struct kith_get_order {
	uint8_t ml[32];
	struct kith_addr addr;
	uint8_t tag[16];
	struct kith_mbox_bucket bucket;
	kith_get_fn fn;
	uint64_t a, b;
};
int kith__mbox_order_get(struct kith_node *n, const struct kith_get_order *o)
	KITH_MUST_USE; /* 1 of 4 with dummies */
void kith__mbox_order_delete(struct kith_node *n, const uint8_t ml[static 32],
			     const struct kith_addr *addr, const uint8_t d[static 32]);
void kith__mbox_jobs_result(struct kith_node *n, const struct kith_mbox_result *r, bool *mine);
void kith__mbox_jobs_tick(struct kith_node *n);
kith_time kith__mbox_jobs_deadline(const struct kith_node *n);
void kith__mbox_jobs_free(struct kith_node *n);       /* calls no fn */
bool kith__mbox_jobs_idle(const struct kith_node *n); /* nothing ordered, nothing running */
/* work.c */
typedef void (*kith_work_fn)(struct kith_node *n, uint64_t a, uint64_t b, struct kith_work *w);
bool kith__work_job(struct kith_node *n, struct kith_job **out);
bool kith__work_done(struct kith_node *n, struct kith_job *job); /* true: was bulk work */
int kith__work_stamp(struct kith_node *n, const uint8_t q[static 32], unsigned bits,
		     kith_work_fn fn, uint64_t a, uint64_t b) KITH_MUST_USE;
struct kith_work_request {
	uint8_t ik_b[32], ml[32], digest[32];
	uint64_t day;
	unsigned bits;
};
int kith__work_request(struct kith_node *n, const struct kith_work_request *q, kith_work_fn fn,
		       uint64_t a, uint64_t b) KITH_MUST_USE;
#define KITH_KNOCK_SLOTS 16384u /* of (S, ML, day): crypto.md 4 */
struct kith_work_knocks {
	const uint8_t *s, *ml;
	uint64_t day;
};
/* The table of the knock slots of S at ml on `day`; fn takes it with kith__work_table. */
int kith__work_knocks(struct kith_node *n, const struct kith_work_knocks *k, kith_work_fn fn,
		      uint64_t a, uint64_t b) KITH_MUST_USE;
const uint8_t *kith__work_stamp_result(const struct kith_work *w);
uint64_t kith__work_nonce(const struct kith_work *w);
uint32_t *kith__work_table(struct kith_work *w); /* the caller's from now on */
/* The slot of (S, ML, day) that `tag` is of, by the table made for it. */
bool kith__knock_slot(const uint32_t *table, const struct kith_work_knocks *k,
		      const uint8_t tag[static 16], uint16_t *slot);
void kith__knock_table_free(struct kith_node *n, uint32_t *table); /* wiped; NULL is allowed */
void kith__work_free(struct kith_node *n);
/* mbox_choose.c, mbox_fetch.c */
void kith__choose_tick(struct kith_node *n);
kith_time kith__choose_deadline(const struct kith_node *n);
bool kith__choose_dht(struct kith_node *n, const struct kith_dht_event *e);
void kith__choose_free(struct kith_node *n);
void kith__fetch_cursor_loaded(struct kith_node *n, const uint8_t ml[static 32], uint64_t secret,
			       uint32_t day, uint32_t pos); /* load.c: a row of CURSOR */
void kith__fetch_free(struct kith_node *n);
void kith__own_list(const struct kith_node *n,
		    struct kith_list *out); /* listed mailboxes, present version */
void kith__fetch_tick(struct kith_node *n);
kith_time kith__fetch_deadline(const struct kith_node *n);
void kith__fetch_result(struct kith_node *n,
			const struct kith_mbox_result *r); /* links of own mailboxes */
void kith__fetch_buckets_changed(struct kith_node *n);     /* P, caps or list changed: watch anew */
/* Word for a PUT into the bucket of `ms` at ml: bits beyond p are random (crypto.md 8). */
uint16_t kith__bucket_word(struct kith_node *n, const uint8_t ms[static 32],
			   const uint8_t ml[static 32], uint8_t p);
unsigned kith__buckets(const struct kith_node *n, const uint8_t ml[static 32], uint8_t p,
		       struct kith_mbox_bucket *out, unsigned max);

#endif
