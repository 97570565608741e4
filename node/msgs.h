/* SPDX-License-Identifier: ISC */
/*
 * What the files of the message half of node/ share with each other and with nobody else: outbox,
 * sealing, delivery, inbox, receipts, tags. The contract with the rest is in internal.h.
 */
#ifndef KITH_NODE_MSGS_H
#define KITH_NODE_MSGS_H

#include "node/internal.h"

#define KITH_CONTENT_FULL  (KITH_BODY - KITH_BODY_HEAD)                   /* 1,616 B */
#define KITH_CONTENT_LIGHT (KITH_FRAME_LIGHT_MAX - 128u - KITH_BODY_HEAD) /* 864 B */

/* ---- tagbook.c, tagtable.c ---- */
#define KITH__TAG_NEAR 32u /* indices of a chain that the table holds beyond what has come */
/* Indices of the send list in use between the lowest un-acked one and the next. */
uint32_t kith__tagbook_open(const struct kith_contact *c);
/* Keys of index i of one chain. NOTFOUND: erased, or out of any window. */
int kith__tagchain_keys(const struct kith_tag_chain *chain, uint32_t i, struct kith_tag_keys *k)
	KITH_MUST_USE;
/* True while index i of a receive list is neither consumed nor out of its window. */
bool kith__tagbook_unused(const struct kith_tag_list *l, uint32_t index);
/* 1 + the greatest consumed index of a receive list, counted from its base; 0: none is. */
uint32_t kith__tagbook_reach(const struct kith_tag_list *l);
/* Moves the chains of a receive list `by` steps on, out of the table. */
void kith__tagtable_forget(struct kith_node *n, const struct kith_contact *c,
			   struct kith_tag_list *l, uint32_t by);
/* Words in the table. */
size_t kith__tagtable_words(const struct kith_node *n);
/* Fills the windows of a receive list's chains. */
void kith__tagtable_extend(struct kith_node *n, struct kith_contact *c, struct kith_tag_list *l);

/* ---- outbox.c ---- */
/* Appends without sealing and without a row; takes nothing over. NULL: full, no memory. */
struct kith_out *kith__outbox_append(struct kith_node *n, struct kith_contact *c, uint16_t type,
				     uint64_t message, const struct kith_msgid *mid,
				     const uint8_t *content, size_t len);
/* Rows of entries from position `from` on that are still unsealed (sealing writes its own). */
void kith__outbox_rows(struct kith_node *n, struct kith_contact *c, size_t from);
/* Position of the first entry that is not sealed; = c->outs when all are. */
size_t kith__outbox_waiting(const struct kith_contact *c);
/* Position of entry `id`, or c->outs. */
size_t kith__outbox_find(const struct kith_contact *c, uint64_t id);
/* Wipes and frees one entry that is in no list. */
void kith__out_free(struct kith_node *n, struct kith_out *o);
/* Remembers which message a seq was, for read receipts. */
void kith__recent_note(struct kith_node *n, struct kith_contact *c, uint32_t seq, uint64_t message);
/* The newest own message with a seq <= `seq`; 0: not in memory. */
uint64_t kith__recent_message(const struct kith_contact *c, uint32_t seq);
void kith__recent_clear(struct kith_contact *c);

/* ---- seal.c ---- */
/* True when the window lets one more frame be sealed. */
bool kith__seal_allowed(const struct kith_contact *c);
/* How many frames of the sending chain the peer may not have seen. */
uint32_t kith__seal_ahead(const struct kith_contact *c);
/* Seals entry `o` (first time: draws its seq), marks the ratchet dirty, writes the row. `full`: no
 * light frame; `copy`: for a mailbox. False: not possible now, nothing changed. */
bool kith__seal_out(struct kith_node *n, struct kith_contact *c, struct kith_out *o, bool full,
		    bool copy);
/* Seals a bare ack (seq 0) into `out` (KITH_INNER bytes); returns its length, 0: not possible. */
size_t kith__seal_ack(struct kith_node *n, struct kith_contact *c, uint8_t *out, bool light,
		      bool *is_light);
/* An ack came: what it says of the sending chain. */
void kith__seal_acked(struct kith_contact *c, const struct kith_ack *ack);

/* ---- copies.c ---- */
/* Starts and continues the mailbox copies of `o`; returns when to look again. */
kith_time kith__copies_run(struct kith_node *n, struct kith_contact *c, struct kith_out *o);
/* Ends all copies of `o`: pre-images of those that may stand at a mailbox go to todelete. `rows`:
 * delete the rows too (they go with the outbox row otherwise). */
void kith__copies_end(struct kith_node *n, struct kith_contact *c, struct kith_out *o,
		      uint32_t delay_ms, bool rows);
/* The same for the copies at one mailbox, which the contact no longer lists. */
void kith__copies_leave(struct kith_node *n, struct kith_contact *c, struct kith_peer_box *box);
/* Unexpired verified receipts of `o`, and the earliest expiry (unix s). */
unsigned kith__copies_kept(const struct kith_node *n, const struct kith_out *o, uint64_t *until_s);
/* One copy of a full frame: where, under which tag and wrap nonce, and who is told. */
struct kith_copy_order {
	const struct kith_peer_box *box;
	const struct kith_tag_keys *keys;
	const uint8_t *nonce, *frame; /* 24 and KITH_INNER bytes */
	kith_put_fn fn;
	uint64_t a, b;
};
/* Wraps the frame and orders its PUT. Errors of kith__mbox_order_put; STATE: no P or MS known. */
int kith__copies_order(struct kith_node *n, const struct kith_contact *c,
		       const struct kith_copy_order *o) KITH_MUST_USE;
/* Its custody is in doubt: KEPT no more, as row and event, and put again. */
void kith__copy_lapse(struct kith_node *n, struct kith_contact *c, struct kith_out *o,
		      struct kith_copy *copy);
/* The blob of a copy, as its mailbox has it. STATE, NOTFOUND: not to be made any more. */
int kith__copy_blob(const struct kith_contact *c, const struct kith_out *o,
		    const struct kith_copy *copy, uint8_t tag[static 16],
		    uint8_t blob[static KITH_BLOB]) KITH_MUST_USE;
/* The mailbox failed an audit: it is passed over for a while, longer each time. */
void kith__box_doubted(struct kith_node *n, struct kith_contact *c, struct kith_peer_box *box);
/* A mailbox of the contact failed or answered: its back-off. */
void kith__box_failed(struct kith_node *n, struct kith_peer_box *box);
struct kith_peer_box *kith__peer_box(struct kith_contact *c, uint64_t row);

/* ---- delivery.c ---- */
/* Has delivery look at `c` at `when` at the latest. */
void kith__delivery_at(struct kith_node *n, struct kith_contact *c, kith_time when);
/* One frame on the live session: kind byte | frame. Errors of kith_net_send_message. */
int kith__frame_send(struct kith_node *n, struct kith_contact *c, const uint8_t *frame, size_t len,
		     bool light, uint32_t token) KITH_MUST_USE;
/* Runs delivery of `c` after the commit of the open batch, once. */
void kith__delivery_gate(struct kith_node *n, struct kith_contact *c);

/* ---- flow.c ---- */
/* Takes a received seq (not 0) in. False: known, or out of the window (*far). `gap`: one before it
 * is missing. */
bool kith__flow_take(struct kith_flow *f, uint32_t seq, bool *gap, bool *far);
bool kith__flow_knows(const struct kith_flow *f, uint32_t seq);
/* True when an ack covers `seq`. */
bool kith__ack_covers(const struct kith_ack *ack, uint32_t seq);

/* ---- inbox.c, hold.c ---- */
/* kith__inbox_frame for one frame alone. `may_wait`: it may be held for those before it. */
bool kith__inbox_take(struct kith_node *n, struct kith_contact *c, const uint8_t *frame, size_t len,
		      bool live, bool may_wait);
/* Keeps a live frame, unopened, until those before it are there, for at most 3 s. */
bool kith__hold(struct kith_node *n, struct kith_contact *c, const uint8_t *frame, size_t len,
		uint32_t seq);
bool kith__hold_room(const struct kith_contact *c);
void kith__hold_next(struct kith_node *n,
		     struct kith_contact *c); /* takes those whose turn it is */
void kith__hold_free(struct kith_node *n, struct kith_contact *c);

/* ---- inbox_body.c, parts.c ---- */
void kith__inbox_body(struct kith_node *n, struct kith_contact *c, const struct kith_body *b,
		      bool gap);
void kith__part_arrived(struct kith_node *n, struct kith_contact *c, const struct kith_chat_part *p,
			uint32_t seq, bool gap);
/* Sets memory aside for the part that the next frame may be. False: none; open nothing now. */
bool kith__parts_room(struct kith_node *n);
void kith__parts_room_free(struct kith_node *n);
void kith__parts_free(struct kith_node *n, struct kith_contact *c);
/* One whole text of `c`: row, event, counters. */
void kith__text_arrived(struct kith_node *n, struct kith_contact *c, const struct kith_chat_part *p,
			const uint8_t *tlvs, size_t len, uint32_t seq, bool gap);

/* ---- todelete.c, expect.c, say.c ---- */
void kith__todelete_tick(struct kith_node *n);
kith_time kith__todelete_deadline(const struct kith_node *n);
void kith__todelete_free(struct kith_node *n);
/* True (and counted) when the open batch has room for one more read of the message half. */
bool kith__read_room(struct kith_node *n);
void kith__expect_free(struct kith_node *n);
void kith__said_free(struct kith_node *n);

#endif
