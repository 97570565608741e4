/* SPDX-License-Identifier: ISC */
/*
 * What a node holds: its identity, mailboxes, contacts and what waits for them. Who may do what
 * with it is in node/internal.h.
 */
#ifndef KITH_NODE_STATE_H
#define KITH_NODE_STATE_H

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
	struct {
		uint16_t table;
		uint64_t id;
		uint8_t handle[16];
	} handle[KITH_HANDLES]; /* made or opened lately; table 0: none */
	uint64_t record_seq;    /* greatest seq signed so far */
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
	unsigned fails, audits; /* audits: failed ones */
	kith_time audit_at;     /* of the last failed one */
	uint64_t audit_by;      /* and the contact that showed it */
	bool rekeyed;           /* another MK since it was listed */
};
#define KITH_OWN_BOXES_MAX 16u

/* ---- contacts ---- */
struct kith_peer_box {
	uint64_t row;
	struct kith_list_entry e;
	bool has_mk;
	unsigned fails, audits; /* audits: failed ones since the last that was passed */
	kith_time next_try;
};
struct kith_tag_chain {
	uint8_t ml[32];
	uint8_t t[32];
	uint32_t at; /* t is T_at */
};
struct kith_tag_ahead { /* of a receive chain, memory only: T at the end of the table's window */
	uint8_t t[32];
	uint32_t at; /* 0: not in the table */
};
struct kith_tag_list { /* one direction, one list version */
	uint32_t version;
	bool live;
	uint32_t low, next; /* send: lowest un-acked, next free; receive: first unconsumed, - */
	uint8_t used[128];
	uint64_t until_s; /* receive: consumed bits of low..low+1023; send: first 4 B = greatest
			     index announced in an acked body; end of a superseded list, 0 = current
			   */
	unsigned count;   /* at most KITH_MAILBOXES_MAX */
	struct kith_tag_chain *chain; /* `count` of them, on the heap */
	struct kith_tag_ahead *ahead; /* one per chain once the list is in the table, else NULL */
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
	uint64_t check_ms; /* KEPT: audited then (mbox_audit.c) */
	bool audited;      /* its bytes were asked for, since the start */
	bool taken;        /* FAILED: other bytes stand under its tag */
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
	unsigned anew;  /* how often it was put under a new index, because the peer overlooked it */
	uint64_t gap_s; /* an ack named a later one and not this, first then */
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
#define KITH_OPEN_REQUESTS 3u /* own requests kept per contact */
struct kith_open_request {    /* own request, until it or a newer one is answered */
	uint8_t root[32], rdh_secret[32], rek_seed[64];
	uint32_t session_epoch;
	uint64_t created_s;
	enum kith_request_kind kind;
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
	bool renewed; /* the peer began a new session; shown until the contact is verified */
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
	struct kith_held *held; /* hold.c */
	uint32_t ack_count;     /* messages since the last ack */
	/* dirty rows, written by kith__flush */
	bool dirty_ratchet, dirty_conv, dirty_tags, in_dirty_list;
	uint64_t skipped_print; /* fingerprint of the skipped keys on disk */
	uint64_t keys_print;    /* of the keys that change with steps only */
	/* finding and connecting */
	bool wanted;      /* presence is looked for */
	uint64_t alive_s; /* its newest presence record was signed then */
	uint32_t session, connecting, lookup_op;
	kith_time next_lookup;
	unsigned lookups_failed;
	kith_time next_connect;
	/* own request towards this contact: state REQUESTED, or a new session (heal.c) */
	struct kith_open_request *request; /* KITH_OPEN_REQUESTS, newest first; NULL: none open */
	enum kith_seek seek;
	uint32_t seek_op;
	bool heal, heal_live;   /* a new session is wanted; its request goes on the link too */
	unsigned heal_tries;    /* requests that were left at mailboxes */
	unsigned unopened;      /* blobs that unwrapped and opened under no key */
	uint64_t heal_last_s;   /* last begin on own suspicion */
	kith_time heal_told;    /* bundle given on the link */
	kith_time heal_ask;     /* asked for on the link: again then */
	bool p_seen, p_missing; /* a presence record under p was found, or looked for in vain */
	kith_time next_seek;
	unsigned seek_fails;
	struct kith_knock *knock;
	struct kith_bundle *bundle;
	unsigned bundle_from;
	uint8_t *request_blob;
	unsigned request_kept;
	uint64_t request_until_s;
	char *greeting; /* NULL: none */
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
	struct kith_deposit *deposit; /* deposit.c */
	struct kith_replies *replies;
	struct kith_news *news; /* news.c */
	bool watched;           /* news carry their messages */
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
	struct kith_mapping mapping;
	enum kith_reach reach;
	struct kith_addr endpoint; /* where others reach us; none unless reach is YES */
	bool dht_server;
	uint32_t test_call; /* who waits for a network test; 0 = nobody */
	bool dht_ready;
	uint32_t key_changes; /* of the own addresses; with the day, the key that the DHT goes by */
	uint64_t key_day;
	kith_time started, phase_since;
	enum kith_node_phase phase;
	struct kith_tagbook *tagbook;
	struct kith_expects *expects;
	struct kith_said *said;
	struct kith_part_spare *part_spare; /* parts.c */
	struct kith_ratchet_ek last_ek;     /* of the session that sealed last */
	struct kith_todelete *todelete;     /* tagbook.c, expect.c, say.c, todelete.c */
	kith_time delivery_due, ack_due, next_tag_sweep, hold_due;
	uint64_t unknown_bodies, refused_frames;
	struct kith_orders *orders;
	struct kith_fetch *fetch;
	struct kith_choose *choose; /* mbox_jobs.c, mbox_fetch.c, mbox_choose.c */
	struct kith_audit *audit;   /* mbox_audit.c */
	kith_time next_publish, next_choose, next_sweep, next_deposit;
	uint32_t presence_op, knock_op[KITH_CAPS_MAX];
	struct {
		struct kith_group group;
		int64_t off_s;
	} clock[5];
	size_t clock_count;
	int64_t clock_off_s;
	kith_time next_seek_start;
	uint64_t restored_s; /* last restore; requests of contacts made before it are void */
	uint32_t epoch;      /* of the account: least epoch of a new session, 0 = never restored */
	uint32_t epoch_seen; /* greatest one of another copy */
	bool hold;           /* nothing is sealed until the own record was looked at (twin.c) */
	bool locked;         /* another copy goes on: this one only reads */
	kith_time hold_until;
	kith_time twin_next; /* of the looks after a start; 0: none */
	unsigned twin_looks;
	uint32_t twin_op;
	uint64_t twin_period;
};

#endif
