/* SPDX-License-Identifier: ISC */
/*
 * Reading verbs of the mailbox: INFO, LIST and WATCH from memory, GET and HAVE from the store.
 * Only committed items are shown. A read names its link and its place in the request by token, so
 * an answer that comes after its link is gone goes nowhere.
 */
#include "node/mbox_service.h"

#include <string.h>

#define INFO_VERSION 1u
#define GET_ITEM     (2u + KITH_BLOB)
#define HAVE_ITEM    41u

void kith__mbox_serve_info(struct kith_mbox_service *s, struct kith__mbox_link *l, kith_time now)
{
	struct kith_mbox_info info = {.version = INFO_VERSION, .classes = 1};
	struct kith_writer w;

	info.flags = KITH__MBOX_F_KNOCKS | KITH__MBOX_F_PUSH;
	if (s->cfg.serve)
		info.flags |= KITH__MBOX_F_SERVE;
	info.now_s = kith__mbox_wall(s, now);
	info.retention = (uint8_t)(s->cfg.days_max > 255 ? 255 : s->cfg.days_max);
	info.free_share = kith__mbox_quota_free(&s->quota);
	info.bits = (uint8_t)kith__mbox_quota_bits(&s->quota);
	memcpy(info.mk, s->mk, sizeof(info.mk));
	if (!kith__mbox_reply(l, &w, KITH__MBOX_REQUEST_MIN, KITH_MBOX_OK))
		return;
	kith__mbox_info_write(&w, &info, s->bind);
	kith__mbox_reply_end(l, &w, 0);
}

/* ---- LIST ---- */

static void list_reply(struct kith__mbox_link *l, const struct kith__mbox_page *page, size_t len)
{
	struct kith_writer w;

	if (!kith__mbox_reply(l, &w, len, KITH_MBOX_OK))
		return;
	kith_write_u32(&w, page->day);
	kith_write_u32(&w, page->pos);
	kith_write_u8(&w, page->more);
	kith_write_u16(&w, (uint16_t)page->count);
	kith_write_bytes(&w, page->tags, 16 * page->count);
	kith__mbox_reply_end(l, &w, KITH__MBOX_LIST_STEP);
}

void kith__mbox_serve_list(struct kith_mbox_service *s, struct kith__mbox_link *l,
			   const struct kith__mbox_frame *f, kith_time now)
{
	struct kith__mbox_page page = {0};
	struct kith__mbox_list q;
	size_t len;

	if (kith__mbox_list_read(&q, f) != KITH_OK) {
		kith__mbox_link_malformed(s, l, now);
		return;
	}
	if (q.bucket.p > KITH__MBOX_P_MAX) {
		kith__mbox_reply_status(l, KITH_MBOX_CLASS);
		return;
	}
	/* The first step is paid before the work, the rest after it. */
	if (!kith__mbox_quota_take(&s->quota, &l->remote, KITH__MBOX_RATE_LIST,
				   KITH__MBOX_LIST_STEP, now)) {
		kith__mbox_reply_status(l, KITH_MBOX_SLOW);
		return;
	}
	s->count.lists++;
	page.bucket = q.bucket;
	page.day = q.day;
	page.pos = q.pos;
	page.until_day = q.until_day;
	page.today = kith__mbox_today(s, now);
	page.max = q.max == 0 || q.max > KITH_MBOX_LIST_MAX ? KITH_MBOX_LIST_MAX : q.max;
	page.tags = kith_alloc_zero(s->alloc, page.max, 16);
	if (page.tags == NULL) {
		kith__mbox_reply_status(l, KITH_MBOX_SLOW);
		return;
	}
	kith__mbox_index_list(&s->index, &page);
	len = KITH__MBOX_HEAD + 12 + 16 * page.count;
	len += KITH__MBOX_LIST_STEP - len % KITH__MBOX_LIST_STEP;
	if (kith__mbox_quota_take(&s->quota, &l->remote, KITH__MBOX_RATE_LIST,
				  len - KITH__MBOX_LIST_STEP, now))
		list_reply(l, &page, len);
	else
		kith__mbox_reply_status(l, KITH_MBOX_SLOW);
	kith_alloc_free(s->alloc, page.tags);
}

/* ---- WATCH ---- */

void kith__mbox_serve_watch(struct kith_mbox_service *s, struct kith__mbox_link *l,
			    const struct kith__mbox_frame *f, kith_time now)
{
	struct kith_mbox_bucket b[KITH_MBOX_WATCH_MAX];
	struct kith_writer w;
	uint32_t day, pos;
	unsigned count;

	if (kith__mbox_watch_read(b, &count, f) != KITH_OK) {
		kith__mbox_link_malformed(s, l, now);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		if (b[i].p > KITH__MBOX_P_MAX) {
			kith__mbox_reply_status(l, KITH_MBOX_CLASS);
			return;
		}
	}
	if (!kith__mbox_reply(l, &w, KITH__MBOX_HEAD + 1 + 8 * (size_t)count, KITH_MBOX_OK))
		return;
	kith__mbox_index_end(&s->index, kith__mbox_today(s, now), &day, &pos);
	for (unsigned i = 0; i < count; i++) {
		l->watch[i] = b[i];
		kith_write_u32(&w, day);
		kith_write_u32(&w, pos);
	}
	l->watches = count;
	kith__mbox_reply_end(l, &w, 0);
}

/* ---- GET, HAVE ---- */

static void reply_start(struct kith_mbox_service *s, struct kith__mbox_link *l, size_t item_len)
{
	size_t cap = KITH__MBOX_HEAD + 1 + l->reads * item_len;

	kith_alloc_free(s->alloc, l->reply);
	l->reply = kith_alloc_zero(s->alloc, cap, 1);
	if (l->reply == NULL) {
		kith__mbox_reply_status(l, KITH_MBOX_SLOW);
		return;
	}
	kith_writer_init(&l->w, l->reply, cap);
	kith__mbox_begin(&l->w, l->verb | KITH__MBOX_REPLY, l->number);
	kith_write_u8(&l->w, KITH_MBOX_OK);
	l->state = KITH__MBOX_READS;
}

/* The committed, living item of `tag`, or 0. */
static uint64_t readable(struct kith_mbox_service *s, const uint8_t tag[static 16])
{
	uint32_t slot = kith__mbox_index_find(&s->index, tag);
	const struct kith__mbox_item *i;

	if (slot == KITH__MBOX_NONE)
		return 0;
	i = kith__mbox_index_at(&s->index, slot);
	return i->buried || !kith__mbox_index_visible(&s->index, i) ? 0 : i->id;
}

static void write_absent(struct kith__mbox_link *l)
{
	kith_write_u8(&l->w, KITH_MBOX_NOTFOUND);
	if (l->verb == KITH_MBOX_GET)
		kith_write_u8(&l->w, 0);
	else
		kith_write_zeros(&l->w, HAVE_ITEM - 1);
	l->answered++;
}

/* Everything answered: the reply leaves. */
static void reply_finish(struct kith_mbox_service *s, struct kith__mbox_link *l)
{
	struct kith_writer w;
	size_t len = l->w.len;
	int status = kith__mbox_end(&l->w, 0);

	KITH_ASSERT(status == KITH_OK);
	if (kith__mbox_pipe_room(&l->pipe, &w, len) == KITH_OK) {
		kith_write_bytes(&w, l->reply, len);
		kith__mbox_pipe_queued(&l->pipe, &w);
		kith__mbox_link_done(l);
	} else {
		l->state = KITH__MBOX_CLOSING;
	}
	kith_alloc_free(s->alloc, l->reply);
	l->reply = NULL;
}

/* Skips what is not there; ends the reply when nothing is left. */
static void advance(struct kith_mbox_service *s, struct kith__mbox_link *l)
{
	while (l->answered < l->reads && l->read_id[l->answered] == 0)
		write_absent(l);
	if (l->answered == l->reads)
		reply_finish(s, l);
}

uint32_t kith__mbox_token(const struct kith__mbox_link *l, unsigned place)
{
	return (uint32_t)l->serial << 16 | l->slot << 4 | place;
}

void kith__mbox_read_ask(struct kith_mbox_service *s, struct kith__mbox_link *l)
{
	while (l->state == KITH__MBOX_READS && l->asked < l->reads) {
		struct kith_op op = kith_op(KITH_OP_ITEM_GET);
		uint64_t batch;

		if (l->read_id[l->asked] == 0) {
			l->asked++;
			continue;
		}
		kith_op_int(&op, (int64_t)l->read_id[l->asked]);
		op.token = kith__mbox_token(l, l->asked);
		if (kith_store_put(s->cfg.store, &op, &batch) != KITH_OK)
			return; /* asked again after the next commit */
		l->asked++;
	}
}

static void ask_all(struct kith_mbox_service *s, struct kith__mbox_link *l, uint8_t (*tags)[16])
{
	for (unsigned i = 0; i < l->reads; i++)
		l->read_id[i] = readable(s, tags[i]);
	l->asked = l->answered = 0;
	reply_start(s, l, l->verb == KITH_MBOX_GET ? GET_ITEM : HAVE_ITEM);
	if (l->state != KITH__MBOX_READS)
		return;
	kith__mbox_read_ask(s, l);
	advance(s, l);
}

void kith__mbox_serve_get(struct kith_mbox_service *s, struct kith__mbox_link *l,
			  const struct kith__mbox_frame *f, kith_time now)
{
	uint8_t tags[KITH__MBOX_GET_MAX][16];

	if (kith__mbox_get_read(tags, &l->reads, f) != KITH_OK) {
		kith__mbox_link_malformed(s, l, now);
		return;
	}
	s->count.gets++;
	if (!kith__mbox_quota_take(&s->quota, &l->remote, KITH__MBOX_RATE_GET,
				   l->reads * (uint64_t)GET_ITEM, now)) {
		kith__mbox_reply_status(l, KITH_MBOX_SLOW);
		return;
	}
	ask_all(s, l, tags);
}

void kith__mbox_serve_have(struct kith_mbox_service *s, struct kith__mbox_link *l,
			   const struct kith__mbox_frame *f, kith_time now)
{
	struct kith__mbox_have h;

	if (kith__mbox_have_read(&h, f) != KITH_OK) {
		kith__mbox_link_malformed(s, l, now);
		return;
	}
	l->reads = KITH__MBOX_HAVE_COUNT;
	if (!kith__mbox_quota_take(&s->quota, &l->remote, KITH__MBOX_RATE_GET,
				   KITH__MBOX_HAVE_COUNT * (uint64_t)KITH_BLOB, now)) {
		kith__mbox_reply_status(l, KITH_MBOX_SLOW);
		return;
	}
	ask_all(s, l, h.tag);
}

/* The answer of HAVE: H("mb.have", nonce | blob), the nonce from the request still in the pipe. */
static void write_have(struct kith__mbox_link *l, unsigned i, uint64_t expires_s,
		       const uint8_t *blob)
{
	struct kith__mbox_have h;
	struct kith__mbox_frame f;
	struct kith_hasher hasher;
	uint8_t out[32];

	if (kith__mbox_frame_read(&f, l->pipe.in, l->pipe.in_len) != KITH_OK ||
	    kith__mbox_have_read(&h, &f) != KITH_OK) {
		write_absent(l);
		return;
	}
	kith_hasher_init(&hasher, KITH_L_MB_HAVE, sizeof(out));
	kith_hasher_add(&hasher, h.nonce[i], sizeof(h.nonce[i]));
	kith_hasher_add(&hasher, blob, KITH_BLOB);
	kith_hasher_end(&hasher, out);
	kith_write_u8(&l->w, KITH_MBOX_OK);
	kith_write_u64(&l->w, expires_s);
	kith_write_bytes(&l->w, out, sizeof(out));
	l->answered++;
}

static void answer(struct kith_mbox_service *s, struct kith__mbox_link *l, unsigned i,
		   struct kith_rows *rows)
{
	const uint8_t *blob = NULL;
	size_t len = 0;

	if (i != l->answered)
		return;
	if (kith_rows_next(rows))
		blob = kith_rows_blob(rows, 3, &len);
	if (blob == NULL || len != KITH_BLOB) {
		write_absent(l);
	} else if (l->verb == KITH_MBOX_GET) {
		kith_write_u8(&l->w, KITH_MBOX_OK);
		kith_write_u8(&l->w, 0);
		kith_write_bytes(&l->w, blob, len);
		l->answered++;
	} else {
		write_have(l, i, (uint64_t)kith_rows_int(rows, 2), blob);
	}
	advance(s, l);
}

void kith__mbox_read_result(struct kith_mbox_service *s, struct kith_store_result *r, kith_time now)
{
	uint32_t slot = r->token >> 4 & 0xfff;
	struct kith__mbox_link *l = s->link[slot];

	if (l == NULL || l->serial != r->token >> 16)
		return;
	if (l->state == KITH__MBOX_BATCH && l->verb == KITH_MBOX_PUT && r->already)
		l->status = KITH_MBOX_TAKEN; /* a row the index did not know: no promise */
	if (l->state != KITH__MBOX_READS)
		return;
	if (l->verb == KITH_MBOX_PUT)
		kith__mbox_put_compare(s, l, &r->rows, now);
	else
		answer(s, l, r->token & 15, &r->rows);
}
