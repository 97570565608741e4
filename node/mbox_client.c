/* SPDX-License-Identifier: ISC */
/*
 * The client side of service links. mailbox.md 4.
 *
 * One link = one service session with one stream. Requests are encoded at once and wait in the
 * link's queue until the session is up; answers are read from the stream only when their owner asks
 * for a result, so nothing is copied and a slow owner holds the server back. Answers must come in
 * request order, because results carry no request number.
 *
 *	timer                              after    effect
 *	requests open, no byte moved       10 s     GONE
 *	waiting for a free handshake       100 ms   tried again (net caps handshakes per address)
 */
#include "node/mbox_pipe.h"

#include <string.h>

#define SILENT_US (10u * (kith_time)KITH_US_PER_S)
#define AGAIN_US  (100u * (kith_time)KITH_US_PER_MS)

enum link_state { LINK_WAITING, LINK_CONNECTING, LINK_UP, LINK_GONE };

struct link {
	uint32_t number;
	enum link_state state;
	struct kith__mbox_pipe pipe;
	uint8_t ml[32], mk[32];
	bool has_mk;
	struct kith_addr addr;
	unsigned keepalive_s;
	uint8_t verb[KITH_MBOX_OPEN_MAX];  /* requests open, oldest first */
	unsigned want[KITH_MBOX_OPEN_MAX]; /* GET, WATCH, KEEP: how many are asked */
	unsigned open;
	uint16_t next_number, first_number;
	kith_time moved_at;
	uint64_t moved;
};

struct kith_mbox_client {
	const struct kith_alloc *alloc;
	struct kith_net *net;
	struct link *link[KITH_MBOX_CLIENTS_MAX];
	size_t links, turn; /* turn: whose result comes next */
	uint32_t next_link;
	kith_time now, again_at; /* again_at: when waiting links try again */
	struct link *shown;      /* its frame is in the owner's hands */
	bool shown_gone;
	uint8_t push_tag[KITH__MBOX_PUSH_MAX][16];
	uint32_t push_pos[KITH__MBOX_PUSH_MAX];
};

struct kith_mbox_client *kith__mbox_client_new(const struct kith_alloc *alloc, struct kith_net *net,
					       struct kith_rng *rng)
{
	struct kith_mbox_client *c = kith_alloc_zero(alloc, 1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->alloc = alloc;
	c->net = net;
	c->next_link = kith_rng_u32(rng) | 1;
	c->again_at = KITH_NEVER;
	return c;
}

static void drop(struct kith_mbox_client *c, struct link *l)
{
	for (size_t i = 0; i < c->links; i++) {
		if (c->link[i] == l) {
			memmove(&c->link[i], &c->link[i + 1],
				(c->links - i - 1) * sizeof(struct link *));
			c->links--;
			break;
		}
	}
	if (c->shown == l)
		c->shown = NULL;
	kith__mbox_pipe_wipe(&l->pipe);
	kith_alloc_free(c->alloc, l);
}

void kith__mbox_client_free(struct kith_mbox_client *c)
{
	if (c == NULL)
		return;
	while (c->links > 0)
		drop(c, c->link[0]);
	kith_alloc_free(c->alloc, c);
}

static struct link *by_number(const struct kith_mbox_client *c, uint32_t number)
{
	for (size_t i = 0; i < c->links; i++) {
		if (c->link[i]->number == number)
			return c->link[i];
	}
	return NULL;
}

static struct link *by_session(const struct kith_mbox_client *c, uint32_t session)
{
	for (size_t i = 0; i < c->links; i++) {
		if (c->link[i]->pipe.session == session && c->link[i]->state != LINK_GONE)
			return c->link[i];
	}
	return NULL;
}

/* ---- links ---- */

/* KITH_E_FULL: too many handshakes at once; the link waits. */
static int connect_link(struct kith_mbox_client *c, struct link *l, kith_time now)
{
	struct kith_net_target target = {.kind = KITH_NET_SERVICE, .addr_count = 1};
	int status;

	target.keepalive_s = l->keepalive_s;
	target.addr[0] = l->addr;
	memcpy(target.ml, l->ml, sizeof(target.ml));
	status = kith_net_connect(c->net, &target, &l->pipe.session, now);
	if (status == KITH_OK) {
		l->state = LINK_CONNECTING;
		l->moved_at = now;
	} else if (status == KITH_E_FULL) {
		l->state = LINK_WAITING;
		c->again_at = now + AGAIN_US;
	}
	return status;
}

int kith__mbox_open(struct kith_mbox_client *c, const uint8_t ml[static 32],
		    const struct kith_addr *addr, const uint8_t *mk, unsigned keepalive_s,
		    uint32_t *link, kith_time now)
{
	struct link *l;
	int status;

	if (c->links == KITH_MBOX_CLIENTS_MAX)
		return KITH_E_FULL;
	l = kith_alloc_zero(c->alloc, 1, sizeof(*l));
	if (l == NULL)
		return KITH_E_NOMEM;
	memcpy(l->ml, ml, sizeof(l->ml));
	if (mk != NULL)
		memcpy(l->mk, mk, sizeof(l->mk));
	l->has_mk = mk != NULL;
	l->addr = *addr;
	l->keepalive_s = keepalive_s;
	l->moved_at = now;
	status = connect_link(c, l, now);
	if (status != KITH_OK && status != KITH_E_FULL) {
		kith_alloc_free(c->alloc, l);
		return status;
	}
	l->pipe.alloc = c->alloc;
	l->pipe.net = c->net;
	do {
		l->number = c->next_link++;
	} while (l->number == 0 || by_number(c, l->number) != NULL);
	c->link[c->links++] = l;
	*link = l->number;
	return KITH_OK;
}

static void close_session(struct kith_mbox_client *c, const struct link *l, kith_time now)
{
	if (l->state == LINK_CONNECTING || l->state == LINK_UP)
		kith_net_close(c->net, l->pipe.session, now);
}

void kith__mbox_close(struct kith_mbox_client *c, uint32_t link, kith_time now)
{
	struct link *l = by_number(c, link);

	if (l == NULL)
		return;
	close_session(c, l, now);
	drop(c, l);
}

/* The session ends now; the owner is told once. */
static void fail(struct kith_mbox_client *c, struct link *l, bool close, kith_time now)
{
	if (l->state == LINK_GONE)
		return;
	if (close)
		close_session(c, l, now);
	l->state = LINK_GONE;
	l->pipe.up = false;
}

/* Links that found no free handshake, oldest first. */
static void connect_waiting(struct kith_mbox_client *c, kith_time now)
{
	c->again_at = KITH_NEVER;
	for (size_t i = 0; i < c->links; i++) {
		struct link *l = c->link[i];
		int status;

		if (l->state != LINK_WAITING)
			continue;
		status = connect_link(c, l, now);
		if (status != KITH_OK && status != KITH_E_FULL)
			fail(c, l, false, now);
	}
}

static void session_up(struct kith_mbox_client *c, struct link *l, kith_time now)
{
	if (kith_net_stream_open(c->net, l->pipe.session, KITH_NET_CLASS_SYNC, &l->pipe.stream,
				 now) != KITH_OK) {
		fail(c, l, true, now);
		return;
	}
	l->pipe.up = true;
	l->state = LINK_UP;
	l->moved_at = now;
	if (kith__mbox_pipe_flush(&l->pipe, now) != KITH_OK)
		fail(c, l, true, now);
}

bool kith__mbox_client_event(struct kith_mbox_client *c, const struct kith_net_event *e,
			     kith_time now)
{
	struct link *l = e->session != 0 ? by_session(c, e->session) : NULL;

	c->now = now;
	if (l == NULL)
		return false;
	switch (e->kind) {
	case KITH_NET_SESSION_UP: session_up(c, l, now); break;
	case KITH_NET_CONNECT_FAILED:
	case KITH_NET_SESSION_LOST: fail(c, l, false, now); break;
	case KITH_NET_PEER_RESTARTED:
	case KITH_NET_MSG_IN: fail(c, l, true, now); break;
	case KITH_NET_STREAM_WRITABLE:
		if (kith__mbox_pipe_flush(&l->pipe, now) != KITH_OK)
			fail(c, l, true, now);
		break;
	case KITH_NET_STREAM_READABLE:
		if (e->stream != l->pipe.stream)
			kith_net_stream_reset(c->net, e->session, e->stream, 0, now);
		break;
	case KITH_NET_MSG_ACKED:
	case KITH_NET_MSG_RETURNED:
	case KITH_NET_LINK_STATE:
	case KITH_NET_OBSERVED: return false;
	}
	if (c->again_at != KITH_NEVER)
		connect_waiting(c, now);
	return true;
}

/* ---- requests ---- */

static int begin(struct kith_mbox_client *c, uint32_t link, enum kith_mbox_verb verb, size_t body,
		 struct kith_writer *w, struct link **out)
{
	struct link *l = by_number(c, link);
	size_t cap = KITH__MBOX_HEAD + body;
	int status;

	if (l == NULL || l->state == LINK_GONE)
		return KITH_E_NOTFOUND;
	if (l->open == KITH_MBOX_OPEN_MAX)
		return KITH_E_FULL;
	if (cap < KITH__MBOX_REQUEST_MIN)
		cap = KITH__MBOX_REQUEST_MIN;
	status = kith__mbox_pipe_room(&l->pipe, w, cap);
	if (status != KITH_OK)
		return status;
	kith__mbox_begin(w, (uint8_t)verb, l->next_number);
	*out = l;
	return KITH_OK;
}

static void end(struct kith_mbox_client *c, struct link *l, struct kith_writer *w,
		enum kith_mbox_verb verb, unsigned want, kith_time now)
{
	int status = kith__mbox_end_request(w);

	KITH_ASSERT(status == KITH_OK);
	kith__mbox_pipe_queued(&l->pipe, w);
	if (l->open == 0)
		l->moved_at = now;
	l->verb[l->open] = (uint8_t)verb;
	l->want[l->open++] = want;
	l->next_number++;
	if (kith__mbox_pipe_flush(&l->pipe, now) != KITH_OK)
		fail(c, l, true, now);
}

int kith__mbox_info(struct kith_mbox_client *c, uint32_t link, kith_time now)
{
	struct kith_writer w;
	struct link *l;
	int status = begin(c, link, KITH_MBOX_INFO, 1, &w, &l);

	if (status != KITH_OK)
		return status;
	kith_write_u8(&w, 1);
	end(c, l, &w, KITH_MBOX_INFO, 0, now);
	return KITH_OK;
}

int kith__mbox_put(struct kith_mbox_client *c, uint32_t link, const uint8_t tag[static 16],
		   struct kith_mbox_bucket b, uint8_t ttl_class, const uint8_t stamp[static 64],
		   const uint8_t blob[static KITH_BLOB], kith_time now)
{
	struct kith__mbox_put p = {.bucket = b,
				   .ttl_class = ttl_class,
				   .stamp = stamp,
				   .blob = blob};
	struct kith_writer w;
	struct link *l;
	int status = begin(c, link, KITH_MBOX_PUT, KITH__MBOX_PUT_LEN, &w, &l);

	if (status != KITH_OK)
		return status;
	memcpy(p.tag, tag, sizeof(p.tag));
	p.stamp_kind = KITH__MBOX_STAMP_HASH;
	kith__mbox_put_write(&w, &p);
	end(c, l, &w, KITH_MBOX_PUT, 0, now);
	return KITH_OK;
}

int kith__mbox_list(struct kith_mbox_client *c, uint32_t link, struct kith_mbox_bucket b,
		    uint32_t day, uint32_t pos, uint32_t until_day, kith_time now)
{
	struct kith_mbox_range q = {.bucket = b, .day = day, .pos = pos, .until_day = until_day};

	q.max = KITH_MBOX_LIST_MAX;
	return kith__mbox_page(c, link, &q, now);
}

int kith__mbox_page(struct kith_mbox_client *c, uint32_t link, const struct kith_mbox_range *range,
		    kith_time now)
{
	struct kith__mbox_list q = {.bucket = range->bucket,
				    .day = range->day,
				    .pos = range->pos,
				    .until_day = range->until_day,
				    .max = range->max};
	struct kith_writer w;
	struct link *l;
	int status = begin(c, link, KITH_MBOX_LIST, 32, &w, &l);

	if (status != KITH_OK)
		return status;
	kith__mbox_list_write(&w, &q);
	end(c, l, &w, KITH_MBOX_LIST, 0, now);
	return KITH_OK;
}

int kith__mbox_get(struct kith_mbox_client *c, uint32_t link, const uint8_t (*tags)[16],
		   unsigned count, kith_time now)
{
	struct kith_writer w;
	struct link *l;
	int status;

	KITH_ASSERT(count == 4 || count == 8 || count == KITH__MBOX_GET_MAX);
	status = begin(c, link, KITH_MBOX_GET, 1 + 16 * (size_t)count, &w, &l);
	if (status != KITH_OK)
		return status;
	kith__mbox_get_write(&w, tags, count);
	end(c, l, &w, KITH_MBOX_GET, count, now);
	return KITH_OK;
}

int kith__mbox_delete(struct kith_mbox_client *c, uint32_t link, const uint8_t d[static 32],
		      kith_time now)
{
	struct kith_writer w;
	struct link *l;
	int status = begin(c, link, KITH_MBOX_DELETE, 32, &w, &l);

	if (status != KITH_OK)
		return status;
	kith_write_bytes(&w, d, 32);
	end(c, l, &w, KITH_MBOX_DELETE, 0, now);
	return KITH_OK;
}

int kith__mbox_watch(struct kith_mbox_client *c, uint32_t link, const struct kith_mbox_bucket *b,
		     unsigned count, kith_time now)
{
	struct kith_writer w;
	struct link *l;
	int status;

	KITH_ASSERT(count <= KITH_MBOX_WATCH_MAX);
	status = begin(c, link, KITH_MBOX_WATCH, 1 + 3 * (size_t)count, &w, &l);
	if (status != KITH_OK)
		return status;
	kith__mbox_watch_write(&w, b, count);
	end(c, l, &w, KITH_MBOX_WATCH, count, now);
	return KITH_OK;
}

int kith__mbox_have(struct kith_mbox_client *c, uint32_t link, const uint8_t (*tags)[16],
		    const uint8_t (*nonces)[16], kith_time now)
{
	struct kith__mbox_have h;
	struct kith_writer w;
	struct link *l;
	int status = begin(c, link, KITH_MBOX_HAVE, sizeof(h), &w, &l);

	if (status != KITH_OK)
		return status;
	memcpy(h.tag, tags, sizeof(h.tag));
	memcpy(h.nonce, nonces, sizeof(h.nonce));
	kith__mbox_have_write(&w, &h);
	end(c, l, &w, KITH_MBOX_HAVE, KITH__MBOX_HAVE_COUNT, now);
	return KITH_OK;
}

int kith__mbox_keep(struct kith_mbox_client *c, uint32_t link, uint64_t until_s,
		    const uint8_t del[static 16], const uint8_t stamp[static 64],
		    const uint8_t (*records)[KITH_RECORD], unsigned count, kith_time now)
{
	struct kith__mbox_keep k = {.until_s = until_s, .del = del, .stamp = stamp, .count = count};
	struct kith_writer w;
	struct link *l;
	int status;

	KITH_ASSERT(count >= 1 && count <= KITH__MBOX_KEEP_MAX);
	status = begin(c, link, KITH_MBOX_KEEP, 90 + count * (size_t)KITH_RECORD, &w, &l);
	if (status != KITH_OK)
		return status;
	k.stamp_kind = KITH__MBOX_STAMP_HASH;
	kith__mbox_keep_write(&w, &k);
	for (unsigned i = 0; i < count; i++)
		kith_write_bytes(&w, records[i], KITH_RECORD);
	end(c, l, &w, KITH_MBOX_KEEP, count, now);
	return KITH_OK;
}

/* ---- results ---- */

static int read_info(struct link *l, struct kith_reader *r, struct kith_mbox_result *out)
{
	uint8_t sig[64];

	kith__mbox_info_read(r, &out->info, sig);
	if (!kith_read_ok(r))
		return KITH_E_MALFORMED;
	if (l->has_mk && !kith_equal(l->mk, out->info.mk, sizeof(l->mk)))
		return KITH_E_AUTH;
	return kith__bind_check(sig, l->ml, out->info.mk);
}

static void read_list(struct link *l, struct kith_reader *r, struct kith_mbox_result *out)
{
	const uint8_t *tags;

	out->next_day = kith_read_u32(r);
	out->next_pos = kith_read_u32(r);
	out->more = kith_read_u8(r) != 0;
	out->count = kith_read_u16(r);
	if (out->count > KITH_MBOX_LIST_MAX)
		kith_read_fail(r);
	tags = kith_read_view(r, 16 * (size_t)out->count);
	if (tags != NULL)
		out->tags = (const uint8_t(*)[16])(l->pipe.in + (tags - l->pipe.in));
}

static void read_get(struct kith_reader *r, struct kith_mbox_result *out, unsigned want)
{
	out->count = want;
	for (unsigned i = 0; i < want; i++) {
		uint8_t size_class;

		out->item[i].status = (enum kith_mbox_status)kith_read_u8(r);
		size_class = kith_read_u8(r);
		if (out->item[i].status != KITH_MBOX_OK)
			continue;
		if (size_class != 0)
			kith_read_fail(r);
		out->item[i].blob = kith_read_view(r, KITH_BLOB);
		out->item[i].len = KITH_BLOB;
	}
}

static void read_have(struct kith_reader *r, struct kith_mbox_result *out)
{
	for (unsigned i = 0; i < KITH__MBOX_HAVE_COUNT; i++) {
		out->have[i].status = (enum kith_mbox_status)kith_read_u8(r);
		out->have[i].expiry_s = kith_read_u64(r);
		kith_read_bytes(r, out->have[i].hash, sizeof(out->have[i].hash));
	}
}

static int read_ok(struct link *l, struct kith_reader *r, struct kith_mbox_result *out,
		   unsigned want)
{
	switch ((unsigned)out->verb) {
	case KITH_MBOX_INFO: return read_info(l, r, out);
	case KITH_MBOX_PUT: kith__mbox_receipt_read(r, &out->receipt, &out->position); break;
	case KITH_MBOX_LIST: read_list(l, r, out); break;
	case KITH_MBOX_GET: read_get(r, out, want); break;
	case KITH_MBOX_HAVE: read_have(r, out); break;
	case KITH_MBOX_WATCH:
		out->count = want;
		for (unsigned i = 0; i < want; i++) {
			out->cursor_day[i] = kith_read_u32(r);
			out->cursor_pos[i] = kith_read_u32(r);
		}
		break;
	case KITH_MBOX_KEEP:
		out->count = want;
		for (unsigned i = 0; i < want; i++)
			out->kept[i] = (enum kith_mbox_status)kith_read_u8(r);
		break;
	}
	return kith_read_ok(r) ? KITH_OK : KITH_E_MALFORMED;
}

static int read_reply(struct link *l, const struct kith__mbox_frame *f,
		      struct kith_mbox_result *out)
{
	struct kith_reader r;
	unsigned want;

	kith_reader_init(&r, f->body, f->len);
	if (l->open == 0 || f->verb != (l->verb[0] | KITH__MBOX_REPLY) ||
	    f->number != l->first_number)
		return KITH_E_MALFORMED;
	out->verb = (enum kith_mbox_verb)l->verb[0];
	want = l->want[0];
	l->open--;
	l->first_number++;
	memmove(&l->verb[0], &l->verb[1], l->open * sizeof(l->verb[0]));
	memmove(&l->want[0], &l->want[1], l->open * sizeof(l->want[0]));
	out->status = (enum kith_mbox_status)kith_read_u8(&r);
	if (!kith_read_ok(&r))
		return KITH_E_MALFORMED;
	if (out->status == KITH_MBOX_OK ||
	    (out->status == KITH_MBOX_HELD && out->verb == KITH_MBOX_PUT))
		return read_ok(l, &r, out, want);
	return KITH_OK;
}

static int read_push(struct kith_mbox_client *c, const struct kith__mbox_frame *f,
		     struct kith_mbox_result *out)
{
	struct kith_reader r;

	kith_reader_init(&r, f->body, f->len);
	out->verb = KITH_MBOX_PUSH;
	out->bucket = kith_read_u16(&r);
	out->count = kith_read_u8(&r);
	if (out->count > KITH__MBOX_PUSH_MAX)
		return KITH_E_MALFORMED;
	for (unsigned i = 0; i < out->count; i++) {
		c->push_pos[i] = kith_read_u32(&r);
		kith_read_bytes(&r, c->push_tag[i], 16);
	}
	out->tags = (const uint8_t(*)[16])c->push_tag;
	out->positions = c->push_pos;
	return kith_read_ok(&r) ? KITH_OK : KITH_E_MALFORMED;
}

/* One frame of `l` as a result. KITH_E_STATE: nothing there. */
static int take(struct kith_mbox_client *c, struct link *l, struct kith_mbox_result *out)
{
	struct kith__mbox_frame f;
	int status;

	for (;;) {
		status = kith__mbox_pipe_frame(&l->pipe, &f, c->now);
		if (status == KITH_E_STATE && l->pipe.fin)
			return KITH_E_IO;
		if (status != KITH_OK)
			return status;
		c->shown = l;
		if (f.verb == KITH_MBOX_ERROR)
			return KITH_E_IO;
		if (f.verb == KITH_MBOX_PUSH)
			return read_push(c, &f, out);
		if (f.verb < 0xc0)
			return read_reply(l, &f, out);
		kith__mbox_pipe_next(&l->pipe); /* unknown push: left out */
	}
}

/* The owner is done with what it was shown last. */
static void release(struct kith_mbox_client *c)
{
	struct link *l = c->shown;

	c->shown = NULL;
	if (l != NULL && l->state == LINK_GONE && c->shown_gone)
		drop(c, l);
	else if (l != NULL)
		kith__mbox_pipe_next(&l->pipe);
	c->shown_gone = false;
}

bool kith__mbox_client_result(struct kith_mbox_client *c, struct kith_mbox_result *out)
{
	release(c);
	for (size_t i = 0; i < c->links; i++) {
		struct link *l = c->link[(c->turn + i) % c->links];
		int status = KITH_E_IO;

		memset(out, 0, sizeof(*out));
		if (l->state != LINK_GONE)
			status = take(c, l, out);
		if (status == KITH_E_STATE)
			continue;
		out->link = l->number;
		if (status != KITH_OK) {
			fail(c, l, true, c->now);
			memset(out, 0, sizeof(*out));
			out->link = l->number;
			out->gone = true;
			c->shown_gone = true;
		}
		c->shown = l;
		c->turn = (c->turn + i) % c->links;
		return true;
	}
	return false;
}

/* ---- timers ---- */

void kith__mbox_client_tick(struct kith_mbox_client *c, kith_time now)
{
	c->now = now;
	if (now >= c->again_at)
		connect_waiting(c, now);
	for (size_t i = 0; i < c->links; i++) {
		struct link *l = c->link[i];

		if (l->state == LINK_GONE || (l->open == 0 && l->state == LINK_UP))
			continue;
		if (l->pipe.moved != l->moved) {
			l->moved = l->pipe.moved;
			l->moved_at = now;
		}
		if (now >= l->moved_at + SILENT_US)
			fail(c, l, true, now);
	}
}

kith_time kith__mbox_client_deadline(const struct kith_mbox_client *c)
{
	kith_time at = c->again_at;

	for (size_t i = 0; i < c->links; i++) {
		const struct link *l = c->link[i];

		if (l->state != LINK_GONE && (l->open > 0 || l->state != LINK_UP) &&
		    l->moved_at + SILENT_US < at)
			at = l->moved_at + SILENT_US;
	}
	return at;
}
