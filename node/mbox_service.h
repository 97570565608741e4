/* SPDX-License-Identifier: ISC */
/*
 * What the files of the mailbox service share.
 *
 * A link serves one request at a time and keeps its frame in the pipe until the reply is queued, so
 * replies come in request order and nothing is copied aside. While it waits for the store it is
 * not read: the stream's window holds the sender back.
 *
 *	OPEN --PUT, DELETE, KEEP put into a batch--> BATCH --committed, reply--> OPEN
 *	OPEN --GET, HAVE, PUT of a held tag--> READS --all answers there--> OPEN (or BATCH)
 *	any --broken rule--> CLOSING --2 s--> gone
 */
#ifndef KITH_NODE_MBOX_SERVICE_H
#define KITH_NODE_MBOX_SERVICE_H

#include "node/mbox_index.h"
#include "node/mbox_pipe.h"
#include "node/mbox_quota.h"

/* What a link is doing. */
enum kith__mbox_link_state {
	KITH__MBOX_OPEN,
	KITH__MBOX_BATCH,
	KITH__MBOX_READS,
	KITH__MBOX_CLOSING
};
/* What a link was used for first; it stays that. */
enum kith__mbox_link_kind {
	KITH__MBOX_LINK_NEW,
	KITH__MBOX_LINK_PUT,
	KITH__MBOX_LINK_DELETE,
	KITH__MBOX_LINK_READ,
	KITH__MBOX_LINK_HANDIN
};

/* One service session with its one stream. */
struct kith__mbox_link {
	enum kith__mbox_link_state state;
	enum kith__mbox_link_kind kind;
	uint32_t slot;   /* own place in the table */
	uint16_t serial; /* of this use of the slot: part of read tokens */
	struct kith__mbox_pipe pipe;
	struct kith_addr remote;
	kith_time seen;     /* last request */
	kith_time moved_at; /* last progress of the write queue */
	uint64_t moved;
	kith_time close_at;
	unsigned watches;
	struct kith_mbox_bucket watch[KITH_MBOX_WATCH_MAX];
	/* the request being served */
	uint8_t verb;
	uint16_t number;
	uint64_t batch;                /* BATCH: wait for its commit */
	enum kith_mbox_status status;  /* BATCH: what the reply will say */
	uint64_t received_s, expiry_s; /* PUT */
	uint32_t pos;
	uint8_t kept[KITH__MBOX_KEEP_MAX];    /* KEEP: status each */
	uint64_t read_id[KITH__MBOX_GET_MAX]; /* READS: items asked, 0 = not there */
	unsigned reads, asked, answered;      /* in all; put into a batch; done */
	uint8_t *reply;
	struct kith_writer w; /* over reply */
};

/* An item put, waiting for its commit; then one to push. */
struct kith__mbox_news {
	uint64_t batch;
	uint8_t tag[16];
	uint32_t day, pos;
	struct kith_mbox_bucket bucket;
};

struct kith__mbox_record {
	struct kith_id key;
	uint64_t seq, from_s, until_s;
	uint32_t group;  /* serial for the quota */
	uint32_t op;     /* of its publication, 0 = none */
	kith_time again; /* published then (anew); after a restart spread */
	uint8_t del[16], body[KITH_RECORD];
};

struct kith_mbox_service {
	struct kith_mbox_service_config cfg;
	const struct kith_alloc *alloc;
	uint8_t ml[32], mk_seed[32], mk[32], bind[64];
	uint64_t mk_batch; /* MK is told to nobody before this batch is committed */
	uint64_t wall_s;
	kith_time wall_at; /* the wall clock at a monotonic instant */
	struct kith__mbox_index index;
	struct kith__mbox_quota quota;
	struct kith_map by_session; /* u32 session -> slot */
	struct kith__mbox_link *link[KITH_MBOX_LINKS_MAX];
	uint16_t serial[KITH_MBOX_LINKS_MAX];
	size_t slots, links;         /* slots ever used; links now */
	struct kith__mbox_news *put; /* FIFO from put_at */
	size_t put_at, puts, put_cap;
	struct kith__mbox_news *push;
	size_t pushes, push_cap;
	kith_time pushed_at, push_due;
	struct kith__mbox_record **record;
	size_t records, record_cap;
	struct kith_map by_record;
	kith_time next_scan, next_sweep, next_publish;
	bool ticked;
	struct kith_mbox_service_status count;
};

/* Unix seconds and days at `now`. */
uint64_t kith__mbox_wall(const struct kith_mbox_service *s, kith_time now);
uint32_t kith__mbox_today(const struct kith_mbox_service *s, kith_time now);

/* ---- mbox_link.c ---- */
struct kith__mbox_link *kith__mbox_link_of(struct kith_mbox_service *s, uint32_t session);
/* Takes a new session in, or closes it (too many, too fast). */
void kith__mbox_link_new(struct kith_mbox_service *s, uint32_t session, kith_time now);
void kith__mbox_link_drop(struct kith_mbox_service *s, struct kith__mbox_link *l, bool close,
			  kith_time now);
/* Reads and serves requests until the link waits, has no more, or is gone. */
void kith__mbox_link_pump(struct kith_mbox_service *s, struct kith__mbox_link *l, kith_time now);
/* The request in hand is answered: on to the next. */
void kith__mbox_link_done(struct kith__mbox_link *l);
/* Begins a reply of at most `cap` bytes to the request in hand; false: no memory, link closing. */
bool kith__mbox_reply(struct kith__mbox_link *l, struct kith_writer *w, size_t cap,
		      enum kith_mbox_status status);
void kith__mbox_reply_end(struct kith__mbox_link *l, struct kith_writer *w, size_t step);
/* A reply that is only a status; FULL and SLOW carry a retry-after in seconds. */
void kith__mbox_reply_status(struct kith__mbox_link *l, enum kith_mbox_status status);
/* Status 9 or an ERROR frame, then the link closes. */
void kith__mbox_link_malformed(struct kith_mbox_service *s, struct kith__mbox_link *l,
			       kith_time now);
void kith__mbox_link_error(struct kith_mbox_service *s, struct kith__mbox_link *l, kith_time now);
void kith__mbox_link_scan(struct kith_mbox_service *s, kith_time now); /* idle, slow, closing */

/* ---- mbox_read.c: INFO, LIST, WATCH, GET, HAVE ---- */
void kith__mbox_serve_info(struct kith_mbox_service *s, struct kith__mbox_link *l, kith_time now);
void kith__mbox_serve_list(struct kith_mbox_service *s, struct kith__mbox_link *l,
			   const struct kith__mbox_frame *f, kith_time now);
void kith__mbox_serve_watch(struct kith_mbox_service *s, struct kith__mbox_link *l,
			    const struct kith__mbox_frame *f, kith_time now);
void kith__mbox_serve_get(struct kith_mbox_service *s, struct kith__mbox_link *l,
			  const struct kith__mbox_frame *f, kith_time now);
void kith__mbox_serve_have(struct kith_mbox_service *s, struct kith__mbox_link *l,
			   const struct kith__mbox_frame *f, kith_time now);
/* Token of a store operation of the request in hand; place 0..15. Never 0. */
uint32_t kith__mbox_token(const struct kith__mbox_link *l, unsigned place);
/* Puts reads of `l` that are not in a batch yet; stops at a full batch. */
void kith__mbox_read_ask(struct kith_mbox_service *s, struct kith__mbox_link *l);
void kith__mbox_read_result(struct kith_mbox_service *s, struct kith_store_result *r,
			    kith_time now);

/* ---- mbox_take.c: PUT, DELETE, expiry ---- */
void kith__mbox_serve_put(struct kith_mbox_service *s, struct kith__mbox_link *l,
			  const struct kith__mbox_frame *f, kith_time now);
/* The bytes held under the tag of the PUT in hand; `r` has the row. */
void kith__mbox_put_compare(struct kith_mbox_service *s, struct kith__mbox_link *l,
			    struct kith_rows *r, kith_time now);
void kith__mbox_put_committed(struct kith_mbox_service *s, struct kith__mbox_link *l);
void kith__mbox_serve_delete(struct kith_mbox_service *s, struct kith__mbox_link *l,
			     const struct kith__mbox_frame *f, kith_time now);
/* True when the stamp reaches the bits demanded now, for this hour or the last. */
bool kith__mbox_stamp_good(const struct kith_mbox_service *s, const uint8_t stamp[static 64],
			   const uint8_t tag[static 16], const uint8_t *data, size_t len,
			   kith_time now);
void kith__mbox_sweep(struct kith_mbox_service *s, kith_time now);
int kith__mbox_items_load(struct kith_mbox_service *s) KITH_MUST_USE;

/* ---- mbox_keep.c: deposited records ---- */
void kith__mbox_serve_keep(struct kith_mbox_service *s, struct kith__mbox_link *l,
			   const struct kith__mbox_frame *f, kith_time now);
void kith__mbox_keep_committed(struct kith__mbox_link *l);
/* Deletes the records whose `del` is H16("mb.del", x). True: some were, *batch rests on it. */
bool kith__mbox_withdraw(struct kith_mbox_service *s, const uint8_t x[static 32], uint64_t *batch);
void kith__mbox_records_tick(struct kith_mbox_service *s, kith_time now); /* publish, expire */
/* Spreads the first publication of loaded records from `now` on. */
void kith__mbox_records_spread(struct kith_mbox_service *s, kith_time now);
int kith__mbox_records_load(struct kith_mbox_service *s) KITH_MUST_USE;
void kith__mbox_records_wipe(struct kith_mbox_service *s);

/* ---- mbox_push.c ---- */
/* An item entered the open batch; the FIFO keeps it until the commit. KITH_E_NOMEM. */
int kith__mbox_news_room(struct kith_mbox_service *s) KITH_MUST_USE;
void kith__mbox_news_add(struct kith_mbox_service *s, const struct kith__mbox_news *n);
void kith__mbox_news_committed(struct kith_mbox_service *s, uint64_t committed, kith_time now);
void kith__mbox_push(struct kith_mbox_service *s, kith_time now); /* when due */

#endif
