/* SPDX-License-Identifier: ISC */
/*
 * What the files of the mailbox side of a user share with each other and with nobody else: one-shot
 * orders (mbox_jobs.c, mbox_put.c, mbox_get.c, mbox_handin.c), own mailboxes (mbox_choose.c,
 * mbox_version.c) and fetching (mbox_fetch.c, mbox_want.c, mbox_match.c). The contract with the
 * rest is in internal.h.
 */
#ifndef KITH_NODE_MBOX_OWN_H
#define KITH_NODE_MBOX_OWN_H

#include "node/internal.h"

#define KITH__DAY_S 86400u

/* ---- one-shot orders ---- */
enum kith_order_kind { KITH_ORDER_PUT, KITH_ORDER_GET, KITH_ORDER_DELETE, KITH_ORDER_KEEP };
enum kith_order_step {
	KITH_ORDER_WAITS, /* in the queue, no link */
	KITH_ORDER_OPENS, /* link opened, first answer outstanding */
	KITH_ORDER_WORKS, /* its stamp is searched */
	KITH_ORDER_SENT   /* its verb is out */
};
struct kith_order {
	struct kith_order *next;
	uint64_t id;
	enum kith_order_kind kind;
	enum kith_order_step step;
	uint32_t link;
	kith_time due; /* waits: not before; else: given up then */
	unsigned tries;
	uint8_t ml[32], mk[32], d[32], tag[16];
	bool has_mk;
	struct kith_addr addr;
	struct kith_mbox_bucket bucket;
	uint8_t ttl_class;
	uint8_t *blob;      /* PUT: the blob; KEEP: the records */
	uint64_t *until_s;  /* KEEP: one per record */
	unsigned count, at; /* KEEP: records, and the one in hand */
	uint8_t bits;       /* KEEP: price and clock of the mailbox, as of info_at */
	uint64_t info_s;
	kith_time info_at;
	uint8_t asked[4][16]; /* GET: the wanted one and dummies */
	unsigned wanted;
	kith_put_fn put_fn;
	kith_get_fn get_fn;
	kith_keep_fn keep_fn;
	uint64_t a, b;
};
/* The open order `id`, or NULL. */
struct kith_order *kith__order_find(const struct kith_node *n, uint64_t id);
/* Takes `o` out of the open ones and closes its link (unless `gone`); the caller then calls fn and
 * kith__order_free. */
void kith__order_end(struct kith_node *n, struct kith_order *o, bool gone);
void kith__order_free(struct kith_node *n, struct kith_order *o);
/* A new order at the end of the queue. KITH_E_FULL, KITH_E_NOMEM. */
int kith__order_new(struct kith_node *n, enum kith_order_kind kind, const uint8_t ml[static 32],
		    const struct kith_addr *addr, struct kith_order **out) KITH_MUST_USE;
/* Per kind: first verb on a fresh link; a result of its link; the end without an answer. */
int kith__put_start(struct kith_node *n, struct kith_order *o) KITH_MUST_USE;
void kith__put_result(struct kith_node *n, struct kith_order *o, const struct kith_mbox_result *r);
void kith__put_failed(struct kith_node *n, struct kith_order *o, int status, bool gone);
int kith__get_start(struct kith_node *n, struct kith_order *o) KITH_MUST_USE;
void kith__get_result(struct kith_node *n, struct kith_order *o, const struct kith_mbox_result *r);
void kith__get_failed(struct kith_node *n, struct kith_order *o, int status, bool gone);
int kith__keep_start(struct kith_node *n, struct kith_order *o) KITH_MUST_USE;
void kith__keep_result(struct kith_node *n, struct kith_order *o, const struct kith_mbox_result *r);
void kith__keep_failed(struct kith_node *n, struct kith_order *o, int status, bool gone);
/* `o` goes on: it has its whole life before it again. */
void kith__order_alive(struct kith_node *n, struct kith_order *o);

/* ---- own mailboxes ---- */
struct kith_choose {
	unsigned rounds;             /* of find_service while fewer than 5 are listed */
	kith_time next_find;         /* next find_service */
	kith_time list_due, list_by; /* make a new version then; at the latest (KITH_NEVER: none) */
};
struct kith_choose *kith__choose(struct kith_node *n);
/* An INFO of box `b` came over any link. */
void kith__choose_answered(struct kith_node *n, struct kith_own_box *b,
			   const struct kith_mbox_info *info);
/* A result of a probe link: true when it was one. */
bool kith__choose_result(struct kith_node *n, const struct kith_mbox_result *r);
struct kith_own_box *kith__own_box(struct kith_node *n, const uint8_t ml[static 32]);
unsigned kith__listed(const struct kith_node *n);
int kith__own_score(const struct kith_node *n, const struct kith_own_box *b);
/* It listed what it does not give, gave what it was not given, or lists without end: at most one
 * failed audit an hour. `by`: the contact whose message it was, 0 = none. A contact could do all of
 * that itself with its own copies, so two in a row by one contact count once. */
void kith__own_doubt(struct kith_node *n, const uint8_t ml[static 32], uint64_t by);
/* A version is wanted soon: the set of good mailboxes changed. */
void kith__version_soon(struct kith_node *n);
/* Makes a new version if the set that should be listed differs from the listed one. */
void kith__version_run(struct kith_node *n);

/* ---- fetching ---- */
#define KITH__GROUPS     KITH_MBOX_WATCH_MAX /* distinct buckets of one mailbox */
#define KITH__SECRETS    (KITH_PRESENCES_MAX + KITH_CAPS_MAX)
#define KITH__GETS       2u                  /* outstanding GETs per mailbox */
#define KITH__DUMMIES    64u                 /* listed tags of others, remembered */
#define KITH__SECRET_CAP (UINT64_C(1) << 32) /* cursor numbers: epoch of P, or this + id of cap */

struct kith__secret { /* a P or a cap, whose bucket is listed */
	uint64_t id, from_s;
	bool cap;
	uint8_t s[32];
};
struct kith__group { /* one bucket with the secrets that share it */
	struct kith_mbox_bucket b;
	unsigned secrets;
	uint64_t secret[KITH__SECRETS];
	bool listed;
	uint32_t day, pos; /* listed up to here */
};
enum kith__reader_state { KITH__CLOSED, KITH__OPENING, KITH__LISTING, KITH__STANDING };
struct kith__get {
	unsigned count;
	uint8_t tag[16][16];
	bool hit[16]; /* asked for a want, no dummy */
};
/* Tags at one mailbox that belong to nobody as far as the table knows (mbox_sieve.c). */
struct kith__sieve {
	uint8_t ml[32];
	struct kith_map tags;        /* first 8 bytes -> 1 */
	bool due, listed;            /* tags wait for a pass; listed ones are among them */
	bool running, passes_listed; /* a pass runs, from position `next` on */
	size_t next;
	kith_time since, paid_at;
	uint64_t debt, cost, steps; /* in steps of derivation; `steps`: all that were made */
};
struct kith__fetcher {                      /* the reading link to one own mailbox */
	bool used, rewatch, watches, again; /* again: something found no room, list it once more */
	uint8_t ml[32];
	uint32_t gen; /* counts links: results of bulk work for an older one are dropped */
	enum kith__reader_state state;
	uint32_t link, until; /* until: last day of the LIST that is out */
	uint64_t info_s;      /* its clock, as of info_at */
	kith_time info_at;
	struct kith__group group[KITH__GROUPS];
	unsigned groups, at;
	bool dirty; /* listed further than the rows say */
	kith_time next_open, next_list;
	unsigned fails, knocks; /* tags that wait for a knock table */
	unsigned pages;         /* of this listing */
	bool listed_once;       /* all there was has been listed over this link */
	struct kith__get get[KITH__GETS];
	unsigned gets;
	uint8_t dummy[KITH__DUMMIES][16];
	unsigned dummies, dummy_at;
	struct kith__sieve sieve;
	bool held; /* listing goes on after a pass */
};
struct kith__place { /* where a copy of a wanted blob lies */
	unsigned reader;
	uint8_t tag[16];
};
struct kith__want { /* a blob for us that waits at one mailbox or more */
	bool knock, asked;
	uint64_t contact; /* knock: cursor number of its cap or P */
	uint32_t epoch;   /* knock: day; else list version */
	uint32_t index;   /* knock: slot */
	int request;
	unsigned places, tries, bad; /* bad: places that gave nothing good since the last try */
	struct kith__place place[KITH_MAILBOXES_MAX]; /* [0] is asked */
	kith_time since, not_before;
};
struct kith__cursor {
	uint8_t ml[32];
	uint64_t secret;
	uint32_t day, pos;
};
struct kith_fetch {
	struct kith__fetcher reader[KITH_OWN_BOXES_MAX];
	struct kith__want *want;
	size_t wants, wants_cap;
	struct kith__cursor *cursor;
	size_t cursors, cursors_cap;
	bool changed;
	struct kith_knocks *knocks; /* mbox_knocks.c; NULL until the first stranger's tag */
	uint64_t corrupt, unopened; /* copies that did not unwrap; blobs that did not open */
};
struct kith_fetch *kith__fetch(struct kith_node *n);
/* All secrets whose buckets are listed now; returns how many. */
unsigned kith__secrets(const struct kith_node *n, struct kith__secret out[static KITH__SECRETS]);
/* Sets up the groups of a reader from secrets and cursors. */
void kith__groups(struct kith_node *n, struct kith__fetcher *r, uint8_t p);
/* Writes how far the reader got, once nothing of it is outstanding. */
void kith__cursors_write(struct kith_node *n, struct kith__fetcher *r);
/* Tags of a LIST page or a PUSH: own ones become wants, the others dummies, knock candidates and
 * part of the sieve. */
void kith__match_tags(struct kith_node *n, unsigned reader, const struct kith__group *g,
		      uint32_t day, const struct kith_mbox_result *page);
/* mbox_sieve.c. An empty sieve; forgets what waits (the debt stays). */
void kith__sieve_init(struct kith_node *n, struct kith__sieve *s, const uint8_t ml[static 32]);
void kith__sieve_wipe(struct kith__sieve *s);
/* A tag that matched nothing. False: no room; the LIST after this one names
 * it again. */
bool kith__sieve_add(struct kith_node *n, struct kith__sieve *s, const uint8_t tag[static 16],
		     bool listed) KITH_MUST_USE;
bool kith__sieve_full(const struct kith__sieve *s); /* a page more might find no room */
bool kith__sieve_busy(const struct kith__sieve *s); /* listed tags wait, or their pass runs */
/* The window of a chain came to this tag: if it waits at a reader of `ml`, it is wanted. */
void kith__sieve_expected(struct kith_node *n, const uint8_t ml[static 32],
			  const uint8_t tag[static 16], const struct kith_contact *c,
			  uint32_t version, uint32_t index);
/* Begins or continues the pass of a reader; one slice a call. */
void kith__sieve_run(struct kith_node *n, unsigned reader);
kith_time kith__sieve_deadline(const struct kith_node *n, const struct kith__sieve *s);
/* mbox_knocks.c: knocks for the secrets of `g` among tags that the mailbox files under `day` (> 0):
 * at once where the table is ready, else when it is. Then: drops what `r` lists no more. */
void kith__knocks_try(struct kith_node *n, unsigned reader, const struct kith__group *g,
		      uint32_t day, const uint8_t (*tags)[16], size_t count);
void kith__knocks_trim(struct kith_node *n, const struct kith__fetcher *r);
/* Drops what was not asked for a minute, or all of `ml` that is ready (NULL: no mailbox); when to
 * come again. */
void kith__knocks_rest(struct kith_node *n, const uint8_t *ml);
kith_time kith__knocks_deadline(const struct kith_node *n);
void kith__knocks_free(struct kith_node *n, struct kith_knocks *k);
void kith__want_add(struct kith_node *n, const struct kith__want *key, unsigned reader,
		    const uint8_t tag[static 16]);
bool kith__wants_at(const struct kith_node *n, unsigned reader);
void kith__wants_leave(struct kith_node *n, unsigned reader); /* its link is gone */
/* Asks for what waits, as far as links and the gate allow. */
void kith__wants_run(struct kith_node *n);
kith_time kith__wants_deadline(const struct kith_node *n);
void kith__wants_result(struct kith_node *n, unsigned reader, const struct kith_mbox_result *r);
void kith__reader_failed(struct kith_node *n, unsigned reader, bool gone);

#endif
