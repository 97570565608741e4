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

#include "node/state.h"

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
/* A ratchet is two rows: flow | ratchet without its keys | print 8, and the keys, written when they
 * changed. The print ties the two. */
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
void kith__name_tell(struct kith_node *n, struct kith_contact *c);      /* queues 0x0105 */
void kith__link_root_tell(struct kith_node *n, struct kith_contact *c); /* role A: 0x0104 */
void kith__presence_tell(struct kith_node *n,
			 struct kith_contact *c); /* queues 0x0102 for an accepted contact */
bool kith__presence_append(struct kith_node *n,
			   struct kith_contact *c); /* appends it, unsealed and without a row */
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
void kith__contact_undo(struct kith_node *n, struct kith_contact *c); /* the newest, without rows */
/* requests_out.c: knock lookup, bundle, request, work, PUT; requests_in.c: opened knocks, accept */
#define KITH_REQUEST_OUT_BASE 1000000000u /* row ids of own requests: this + contact id */
void kith__request_out_row(struct kith_node *n, const struct kith_contact *c);
void kith__request_roots_row(struct kith_node *n, const struct kith_contact *c);
/* Ends own requests of `c` whose epoch is at most `upto`, as rows too; newer ones stay. */
void kith__requests_close(struct kith_node *n, struct kith_contact *c, uint32_t upto);
void kith__requests_sweep(struct kith_node *n); /* hourly: roots that nobody can answer any more */
int kith__request_tags(struct kith_open_request *r, uint32_t version, const uint8_t (*ml)[32],
		       unsigned count) KITH_MUST_USE;
struct kith_pending *kith__pending_by_ik(const struct kith_node *n, const uint8_t ik[static 32]);
/* Accepts `p`, which ends. FULL, NOMEM, AUTH: nothing changed. */
int kith__pending_accept(struct kith_node *n, struct kith_pending *p, const char *alias,
			 struct kith_contact **out) KITH_MUST_USE;
int kith__pending_load(struct kith_node *n, uint64_t id, unsigned work, uint64_t at_ms,
		       const uint8_t inner[static KITH_INNER]) KITH_MUST_USE;
void kith__pending_free(struct kith_node *n);
int kith__load_requests(struct kith_node *n) KITH_MUST_USE;
void kith__seek_tick(struct kith_node *n);
kith_time kith__seek_deadline(const struct kith_node *n);
bool kith__seek_dht(struct kith_node *n,
		    const struct kith_dht_event *e); /* true: was one of its ops */
/* How a request came: under a slot of a cap (proof of work for ml and day), or as a contact's,
 * under a slot of P or on its link (`ik`: whose; NULL: any). */
struct kith__request_way {
	bool from_contact;
	bool last; /* it will not be tried again */
	const uint8_t *ml, *ik;
	uint64_t day;
};
/* False: not now, nothing changed, try again: no memory, or mailboxes still hold blobs of the
 * session that it would end. */
bool kith__request_arrived(struct kith_node *n, const struct kith__request_way *way,
			   const uint8_t inner[static KITH_INNER]);
/* A's side: a full frame under the answer tags of open request `i`; true when it opened as accept.
 */
bool kith__request_answered(struct kith_node *n, struct kith_contact *c, unsigned i,
			    const uint8_t inner[static KITH_INNER]);
/* The same with each open request, for a frame from a live link. */
bool kith__request_answer_try(struct kith_node *n, struct kith_contact *c,
			      const uint8_t inner[static KITH_INNER]);
/* requests_out.c: a request for the prekey of c->bundle, made or still good. STATE: no own mailbox
 * yet; NOMEM, AUTH. */
int kith__request_ready(struct kith_node *n, struct kith_contact *c) KITH_MUST_USE;
/* heal.c: new sessions with contacts (crypto.md 4, re-session) */
bool kith__healing(const struct kith_contact *c);
void kith__heal_begin(struct kith_node *n, struct kith_contact *c);
/* A session stands: forgets what was for finding it. */
void kith__heal_ended(struct kith_node *n, struct kith_contact *c);
/* Their request crossed ours, which counts: it must not be older than what made them ask. */
void kith__heal_crossed(struct kith_node *n, struct kith_contact *c, uint64_t created_s);
/* Kind of the next request; false: the look-up that tells is still out. */
bool kith__heal_kind(const struct kith_contact *c, enum kith_request_kind *kind);
void kith__heal_link_up(struct kith_node *n, struct kith_contact *c);
void kith__heal_message(struct kith_node *n, struct kith_contact *c, const uint8_t *in, size_t len);
void kith__heal_tick(struct kith_node *n, struct kith_contact *c); /* of one that is healing */
/* The request is durable: on the link with it, if that was asked for. */
void kith__heal_send(struct kith_node *n, struct kith_contact *c);
/* A blob for this contact unwrapped and opened under no key. */
void kith__heal_doubt(struct kith_node *n, struct kith_contact *c);
/* restore.c: at the end of loading, when the database is older than its profile */
void kith__restored(struct kith_node *n);
void kith__restore_now(struct kith_node *n); /* this database is an old one: the same, later */
/* twin.c: other copies of this profile */
void kith__instance_renew(struct kith_node *n);
void kith__twin_start(struct kith_node *n); /* at the end of loading */
void kith__twin_tick(struct kith_node *n);
kith_time kith__twin_deadline(const struct kith_node *n);
bool kith__twin_dht(struct kith_node *n, const struct kith_dht_event *e);
/* A record under own P was found. */
void kith__twin_record(struct kith_node *n, const struct kith_own_presence *p, uint64_t period,
		       const uint8_t *record);
bool kith__stalled(const struct kith_contact *c); /* accepted, and nothing may be sealed for it */
/* daykey.c: the key that the DHT goes by. */
void kith__daykey(const struct kith_node *n, uint8_t secret[static 32]);
void kith__daykey_moved(struct kith_node *n); /* other own addresses: another key */
void kith__daykey_tick(struct kith_node *n);  /* another day: another key, unless we serve */

/* publish.c: knock and presence records, bundles; seek of contacts' presence (presence.c) */
void kith__publish_soon(struct kith_node *n); /* content changed */
/* Somebody at `from` sees us at `addr`. */
void kith__observed(struct kith_node *n, const struct kith_addr *from,
		    const struct kith_addr *addr);
void kith__observed_clear(struct kith_node *n); /* the network changed */
/* reach.c: the one place that acts on reachability: DHT mode, advertised endpoint. */
void kith__reachable(struct kith_node *n, enum kith_reach reach, const struct kith_addr *endpoint);
void kith__reach_init(struct kith_node *n);
void kith__reach_gateway(struct kith_node *n, const struct kith_addr *addrs, size_t count);
void kith__reach_tick(struct kith_node *n); /* also after anything else that may change it */
bool kith__reach_input(struct kith_node *n, const struct kith_dgram_in *in); /* true: ours */
void kith__publish_free(struct kith_node *n);
/* The content of a record for the period that starts at start_s. `ahead`: for the time we are away,
 * so without endpoints. Knock: false while no mailbox has the bundle; *whole: all that should. */
void kith__publish_presence(const struct kith_node *n, const struct kith_record_secret *s,
			    uint64_t start_s, bool ahead,
			    uint8_t content[static KITH_RECORD_CONTENT]);
bool kith__publish_knock(struct kith_node *n, const struct kith_record_secret *s, uint64_t start_s,
			 uint8_t content[static KITH_RECORD_CONTENT], bool *whole);
/* A sequence number above all drawn before; its row is in the open batch. */
uint64_t kith__publish_seq(struct kith_node *n);
/* deposit.c: records signed ahead, at the own mailboxes (mailbox.md 3) */
void kith__deposit_tick(struct kith_node *n);
kith_time kith__deposit_deadline(const struct kith_node *n);
void kith__deposit_free(struct kith_node *n);
int kith__deposit_loaded(struct kith_node *n, uint32_t slot, const uint8_t *body, size_t len)
	KITH_MUST_USE;                         /* load.c: a row of SECRET named "keep" */
void kith__publish_again(struct kith_node *n); /* all records with a new seq */
bool kith__publish_dht(struct kith_node *n, const struct kith_dht_event *e);
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
bool kith__may_seal(const struct kith_node *n, const struct kith_contact *c);
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
/* hold.c: live frames that wait for those before them */
void kith__hold_tick(struct kith_node *n);
kith_time kith__hold_deadline(const struct kith_node *n);
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
/* Room for a further chain, zeroed, before the list enters the table; NULL: no memory. */
struct kith_tag_chain *kith__tagbook_chain(struct kith_tag_list *l);
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
	struct kith_tag_list *list;
	int request; /* -1 = session */
	uint32_t version, index;
	struct kith_tag_keys keys;
};
/* Among the tags of the table: of each chain 32 beyond the greatest consumed index, and gaps. */
bool kith__tagbook_match(struct kith_node *n, const uint8_t ml[static 32],
			 const uint8_t tag[static 16], struct kith_tag_match *m);
/* The same for a tag whose place was found before, anywhere within 1,024 indices. */
struct kith__tag_place {
	uint64_t contact;
	uint32_t version, index;
};
bool kith__tagbook_find(struct kith_node *n, const struct kith__tag_place *p,
			const uint8_t ml[static 32], const uint8_t tag[static 16],
			struct kith_tag_match *m);
void kith__tagbook_consumed(struct kith_node *n, const struct kith_tag_match *m);
void kith__tagbook_announced(struct kith_node *n, struct kith_contact *c, uint32_t version,
			     uint32_t index);
/* Calls fn for every receive list of a contact: the session's and those of open requests. */
typedef void (*kith__tag_list_fn)(struct kith_node *n, struct kith_contact *c,
				  struct kith_tag_list *l, void *ctx);
void kith__tagbook_each(struct kith_node *n, struct kith_contact *c, kith__tag_list_fn fn,
			void *ctx);
void kith__tagbook_drop(struct kith_node *n, struct kith_contact *c, int dir,
			unsigned i); /* list i of a direction (0 send, 1 receive) and its rows */
void kith__tagbook_free(struct kith_node *n);
void kith__tagbook_sweep(struct kith_node *n); /* hourly: superseded lists end after 30 days */
/* Receive lists came or went: new ones enter the table, and it is made anew once a fifth of it
 * belongs to lists that are gone. */
void kith__tagbook_changed(struct kith_node *n);

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
/* Hand-in of records, one KEEP each, over one link (mailbox.md 3). `done` records are there. */
typedef void (*kith_keep_fn)(struct kith_node *n, uint64_t a, uint64_t b, int status,
			     unsigned done);
struct kith_keep_order {
	uint8_t ml[32], mk[32];
	struct kith_addr addr;
	uint8_t del[16];
	const uint8_t (*records)[KITH_RECORD]; /* copied, as is until_s */
	const uint64_t *until_s;               /* end of each record's period + 3 h */
	unsigned count;
	kith_keep_fn fn;
	uint64_t a, b;
};
/* status: OK (all), FULL (no room, slow down, too dear), AUTH (another MK), IO. */
int kith__mbox_order_keep(struct kith_node *n, const struct kith_keep_order *k) KITH_MUST_USE;
/* mbox_audit.c: are copies still where their receipts say? */
void kith__audit_tick(struct kith_node *n);
kith_time kith__audit_deadline(const struct kith_node *n);
void kith__audit_free(struct kith_node *n);
bool kith__audit_result(struct kith_node *n,
			const struct kith_mbox_result *r);          /* true: was of its link */
void kith__audit_plan(struct kith_node *n, struct kith_copy *copy); /* KEPT just now, or proved */
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
/* Blobs of the present session of a contact that are listed and not yet read. */
bool kith__wants_of(const struct kith_node *n, uint64_t contact);
/* The session of a contact ended: what is listed under its tags is wanted no more. */
void kith__wants_forget(struct kith_node *n, uint64_t contact);
void kith__fetch_back(struct kith_node *n); /* all cursors, with rows, as far back as blobs stand */
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
