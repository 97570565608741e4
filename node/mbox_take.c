/* SPDX-License-Identifier: ISC */
/*
 * Writing verbs of the mailbox: PUT and DELETE, and expiry. Order of a PUT (mailbox.md 4): length,
 * class, p, held already?, stamp, quota, then the batch; the receipt is signed after the commit.
 */
#include "node/mbox_service.h"

#include <string.h>

#define DAY_S       86400u
#define HOUR_S      3600u
#define SWEEP_ROWS  500u /* what one ITEM_EXPIRE deletes at most */
#define SWEEP_US    (60u * (kith_time)KITH_US_PER_S)
#define SWEEP_ON_US (100u * (kith_time)KITH_US_PER_MS) /* when more waits */

static const uint8_t class_days[3] = {1, 7, 30};

static uint64_t ttl_s(const struct kith_mbox_service *s, uint8_t ttl_class)
{
	unsigned days = class_days[ttl_class];

	return (uint64_t)DAY_S * (days < s->cfg.days_max ? days : s->cfg.days_max);
}

bool kith__mbox_stamp_good(const struct kith_mbox_service *s, const uint8_t stamp[static 64],
			   const uint8_t tag[static 16], const uint8_t *data, size_t len,
			   kith_time now)
{
	uint64_t hour = kith__mbox_wall(s, now) / HOUR_S;
	unsigned bits = kith__mbox_quota_bits(&s->quota);
	uint8_t q[32];

	kith__stamp_seed(q, s->ml, tag, data, len, hour);
	if (kith__stamp_check(stamp, q, bits))
		return true;
	kith__stamp_seed(q, s->ml, tag, data, len, hour - 1);
	return kith__stamp_check(stamp, q, bits);
}

/* ---- PUT ---- */

static void refuse(struct kith_mbox_service *s, struct kith__mbox_link *l,
		   enum kith_mbox_status status)
{
	s->count.refused++;
	kith__mbox_reply_status(l, status);
	kith__mbox_link_done(l);
}

static int put_row(struct kith_mbox_service *s, struct kith__mbox_link *l,
		   const struct kith__mbox_put *p, const struct kith__mbox_item *item)
{
	struct kith_op op = kith_op(KITH_OP_ITEM_PUT);

	kith_op_int(&op, (int64_t)item->id);
	kith_op_blob(&op, item->tag, 16);
	kith_op_int(&op, item->day);
	kith_op_int(&op, item->p);
	kith_op_int(&op, item->bucket);
	kith_op_int(&op, item->pos);
	kith_op_int(&op, 0); /* size class A */
	kith_op_int(&op, p->ttl_class);
	kith_op_int(&op, (int64_t)l->received_s);
	kith_op_int(&op, (int64_t)item->expires_s);
	kith_op_blob(&op, p->blob, KITH_BLOB);
	op.token = kith__mbox_token(l, 0);
	return kith_store_put(s->cfg.store, &op, &l->batch);
}

/* Everything is checked: room in memory first, then batch and index together. */
static int take(struct kith_mbox_service *s, struct kith__mbox_link *l,
		const struct kith__mbox_put *p, kith_time now)
{
	struct kith__mbox_item item = {.p = p->bucket.p};
	struct kith__mbox_news news;
	uint32_t slot;
	int status;

	l->received_s = kith__mbox_wall(s, now);
	memcpy(item.tag, p->tag, sizeof(item.tag));
	item.bucket = kith__mbox_bucket_cut(p->bucket.bucket, p->bucket.p);
	item.id = s->index.next_id;
	item.expires_s = l->received_s + ttl_s(s, p->ttl_class);
	kith__mbox_index_place(&s->index, kith__mbox_today(s, now), &item.day, &item.pos);
	status = kith__mbox_news_room(s);
	if (status == KITH_OK)
		status = kith__mbox_index_room(&s->index, &item);
	if (status == KITH_OK)
		status = put_row(s, l, p, &item);
	if (status != KITH_OK)
		return status;
	kith__mbox_quota_hold(&s->quota, &l->remote, KITH__MBOX_ITEM_BYTES, &item.group, now);
	status = kith__mbox_index_add(&s->index, &item, &slot);
	KITH_ASSERT(status == KITH_OK); /* room was made */
	news = (struct kith__mbox_news){.batch = l->batch, .day = item.day, .pos = item.pos};
	news.bucket = (struct kith_mbox_bucket){.bucket = item.bucket, .p = item.p};
	memcpy(news.tag, item.tag, sizeof(news.tag));
	kith__mbox_news_add(s, &news);
	l->expiry_s = item.expires_s;
	l->pos = item.pos;
	l->status = KITH_MBOX_OK;
	l->state = KITH__MBOX_BATCH;
	return KITH_OK;
}

static void put_new(struct kith_mbox_service *s, struct kith__mbox_link *l,
		    const struct kith__mbox_put *p, kith_time now)
{
	if (p->stamp_kind != KITH__MBOX_STAMP_HASH)
		refuse(s, l, KITH_MBOX_UNKNOWN);
	else if (!kith__mbox_stamp_good(s, p->stamp, p->tag, p->blob, KITH_BLOB, now))
		refuse(s, l, KITH_MBOX_STAMP);
	else if (!s->cfg.serve ||
		 !kith__mbox_quota_room(&s->quota, &l->remote, KITH__MBOX_ITEM_BYTES))
		refuse(s, l, KITH_MBOX_FULL);
	else if (!kith__mbox_quota_take(&s->quota, &l->remote, KITH__MBOX_RATE_PUT, 1, now))
		refuse(s, l, KITH_MBOX_SLOW);
	else if (take(s, l, p, now) != KITH_OK)
		refuse(s, l, KITH_MBOX_FULL);
}

void kith__mbox_serve_put(struct kith_mbox_service *s, struct kith__mbox_link *l,
			  const struct kith__mbox_frame *f, kith_time now)
{
	struct kith__mbox_put p;
	uint32_t slot;

	if (f->len == KITH__MBOX_PUT_LEN_B) {
		refuse(s, l, KITH_MBOX_CLASS); /* INFO offers class A only */
		return;
	}
	if (kith__mbox_put_read(&p, f) != KITH_OK) {
		kith__mbox_link_malformed(s, l, now);
		return;
	}
	if (p.ttl_class >= sizeof(class_days) || p.bucket.p > KITH__MBOX_P_MAX) {
		refuse(s, l, KITH_MBOX_CLASS);
		return;
	}
	slot = kith__mbox_index_find(&s->index, p.tag);
	if (slot == KITH__MBOX_NONE) {
		put_new(s, l, &p, now);
	} else if (kith__mbox_index_at(&s->index, slot)->buried) {
		refuse(s, l, KITH_MBOX_NOTFOUND);
	} else {
		l->read_id[0] = kith__mbox_index_at(&s->index, slot)->id;
		l->reads = 1;
		l->asked = l->answered = 0;
		l->state = KITH__MBOX_READS;
		kith__mbox_read_ask(s, l);
	}
}

static void receipt_reply(struct kith_mbox_service *s, struct kith__mbox_link *l,
			  const struct kith__mbox_put *p)
{
	struct kith_receipt c = {.received_s = l->received_s, .expiry_s = l->expiry_s};
	struct kith_writer w;

	kith__receipt_sign(&c, s->mk_seed, s->ml, p->bucket.bucket, p->bucket.p, p->tag, p->blob,
			   KITH_BLOB);
	if (kith__mbox_reply(l, &w, KITH__MBOX_HEAD + 85, l->status)) {
		kith__mbox_receipt_write(&w, &c, l->pos);
		kith__mbox_reply_end(l, &w, 0);
	}
	s->count.puts++;
	kith__mbox_link_done(l);
}

/* The request is still in the pipe. */
static bool request(struct kith__mbox_link *l, struct kith__mbox_frame *f, struct kith__mbox_put *p)
{
	return kith__mbox_frame_read(f, l->pipe.in, l->pipe.in_len) == KITH_OK &&
	       kith__mbox_put_read(p, f) == KITH_OK;
}

/* Same bytes: the promise is renewed, until the later date. The row tells what is durable. */
static void held(struct kith_mbox_service *s, struct kith__mbox_link *l, uint32_t slot,
		 const struct kith__mbox_put *p, kith_time now)
{
	struct kith__mbox_item *item = kith__mbox_index_at(&s->index, slot);
	uint64_t want = kith__mbox_wall(s, now) + ttl_s(s, p->ttl_class);
	struct kith_op op = kith_op(KITH_OP_ITEM_EXTEND);

	l->status = KITH_MBOX_HELD;
	l->pos = item->pos;
	if (want > l->expiry_s) {
		if (want < item->expires_s)
			want = item->expires_s; /* another extension is on its way */
		kith_op_int(&op, (int64_t)item->id);
		kith_op_int(&op, (int64_t)want);
		if (kith_store_put(s->cfg.store, &op, &l->batch) == KITH_OK) {
			item->expires_s = want;
			l->expiry_s = want;
			l->state = KITH__MBOX_BATCH;
			return;
		}
	}
	receipt_reply(s, l, p);
}

void kith__mbox_put_compare(struct kith_mbox_service *s, struct kith__mbox_link *l,
			    struct kith_rows *r, kith_time now)
{
	struct kith__mbox_frame f;
	struct kith__mbox_put p;
	const uint8_t *blob = NULL;
	size_t len = 0;
	uint32_t slot;
	bool ok = request(l, &f, &p);

	KITH_ASSERT(ok); /* it was read before */
	if (kith_rows_next(r))
		blob = kith_rows_blob(r, 3, &len);
	slot = kith__mbox_index_find(&s->index, p.tag);
	if (blob == NULL || slot == KITH__MBOX_NONE ||
	    kith__mbox_index_at(&s->index, slot)->id != l->read_id[0] ||
	    kith__mbox_index_at(&s->index, slot)->buried) {
		l->state = KITH__MBOX_OPEN; /* it went meanwhile: look again */
		kith__mbox_serve_put(s, l, &f, now);
		return;
	}
	if (len != KITH_BLOB || !kith_equal(blob, p.blob, KITH_BLOB)) {
		refuse(s, l, KITH_MBOX_TAKEN);
		return;
	}
	l->received_s = (uint64_t)kith_rows_int(r, 1);
	l->expiry_s = (uint64_t)kith_rows_int(r, 2);
	held(s, l, slot, &p, now);
}

void kith__mbox_put_committed(struct kith_mbox_service *s, struct kith__mbox_link *l)
{
	struct kith__mbox_frame f;
	struct kith__mbox_put p;
	bool ok = request(l, &f, &p);

	KITH_ASSERT(ok);
	if (l->status == KITH_MBOX_TAKEN)
		refuse(s, l, KITH_MBOX_TAKEN);
	else
		receipt_reply(s, l, &p);
}

/* ---- DELETE ---- */

/* Makes a tombstone of a living item; *batch holds it. */
static int bury(struct kith_mbox_service *s, uint32_t slot, uint64_t *batch)
{
	struct kith__mbox_item *item = kith__mbox_index_at(&s->index, slot);
	struct kith_op op = kith_op(KITH_OP_ITEM_BURY);
	int status;

	kith_op_int(&op, (int64_t)item->id);
	status = kith_store_put(s->cfg.store, &op, batch);
	if (status != KITH_OK)
		return status;
	kith__mbox_index_bury(&s->index, slot);
	kith__mbox_quota_release(&s->quota, item->group,
				 KITH__MBOX_ITEM_BYTES - KITH__MBOX_BURIED_BYTES);
	return KITH_OK;
}

void kith__mbox_serve_delete(struct kith_mbox_service *s, struct kith__mbox_link *l,
			     const struct kith__mbox_frame *f, kith_time now)
{
	uint8_t d[32], tag[16];
	uint32_t slot;
	int status = KITH_E_NOTFOUND;

	if (kith__mbox_delete_read(d, f) != KITH_OK) {
		kith__mbox_link_malformed(s, l, now);
		return;
	}
	kith_hash16(tag, KITH_L_TAG_HASH, d, sizeof(d));
	slot = kith__mbox_index_find(&s->index, tag);
	if (slot != KITH__MBOX_NONE && !kith__mbox_index_at(&s->index, slot)->buried)
		status = bury(s, slot, &l->batch);
	else if (kith__mbox_withdraw(s, d, &l->batch))
		status = KITH_OK;
	if (status == KITH_OK) {
		s->count.deletes++;
		l->status = KITH_MBOX_OK;
		l->state = KITH__MBOX_BATCH;
	} else {
		kith__mbox_reply_status(l,
					status == KITH_E_NOTFOUND ? KITH_MBOX_OK : KITH_MBOX_SLOW);
	}
}

/* ---- expiry ---- */

static int expire_rows(struct kith_mbox_service *s, uint64_t until_s, size_t rows)
{
	int status = KITH_OK;

	for (size_t n = 0; n < rows && status == KITH_OK; n += SWEEP_ROWS) {
		struct kith_op op = kith_op(KITH_OP_ITEM_EXPIRE);
		uint64_t batch;

		kith_op_int(&op, (int64_t)until_s);
		status = kith_store_put(s->cfg.store, &op, &batch);
	}
	return status;
}

static void forget(struct kith_mbox_service *s, uint32_t slot)
{
	const struct kith__mbox_item *item = kith__mbox_index_at(&s->index, slot);

	kith__mbox_quota_release(&s->quota, item->group,
				 item->buried ? KITH__MBOX_BURIED_BYTES : KITH__MBOX_ITEM_BYTES);
	kith__mbox_index_remove(&s->index, slot);
	s->count.expired++;
}

/* Index and rows lose the same items: all up to the date of the last one taken here. Rows go with
 * the next batch, so a crash only means that they are swept again. */
void kith__mbox_sweep(struct kith_mbox_service *s, kith_time now)
{
	uint64_t wall_s = kith__mbox_wall(s, now), until_s = 0;
	size_t rows = 0;
	uint32_t slot;

	if (now < s->next_sweep || kith_store_full(s->cfg.store))
		return;
	s->next_sweep = now + SWEEP_US;
	while ((slot = kith__mbox_index_expired(&s->index, wall_s)) != KITH__MBOX_NONE) {
		uint64_t expires_s = kith__mbox_index_at(&s->index, slot)->expires_s;

		if (rows >= SWEEP_ROWS && expires_s != until_s) {
			s->next_sweep = now + SWEEP_ON_US;
			break;
		}
		until_s = expires_s;
		forget(s, slot);
		rows++;
	}
	if (expire_rows(s, until_s, rows) != KITH_OK)
		s->next_sweep = now + SWEEP_ON_US;
}

/* ---- load ---- */

static bool load_row(struct kith__mbox_item *item, const struct kith_rows *r)
{
	size_t len;
	const uint8_t *tag = kith_rows_blob(r, 1, &len);
	int64_t day = kith_rows_int(r, 2), pos = kith_rows_int(r, 5), p = kith_rows_int(r, 3);
	int64_t id = kith_rows_int(r, 0);

	if (tag == NULL || len != 16 || day < 0 || day >= UINT32_MAX || p < 0 ||
	    p > KITH__MBOX_P_MAX || pos < 0 || pos >= KITH_MBOX_ITEMS_MAX || id <= 0)
		return false;
	memcpy(item->tag, tag, 16);
	item->id = (uint64_t)id;
	item->day = (uint32_t)day;
	item->pos = (uint32_t)pos;
	item->p = (uint8_t)p;
	item->bucket = (uint16_t)kith_rows_int(r, 4);
	item->expires_s = (uint64_t)kith_rows_int(r, 9);
	item->buried = kith_rows_int(r, 10) != 0;
	return true;
}

int kith__mbox_items_load(struct kith_mbox_service *s)
{
	struct kith_op op = kith_op(KITH_OP_LOAD_ITEM);
	struct kith_rows rows;
	int status = kith_store_read_now(s->cfg.store, &op, &rows);

	while (status == KITH_OK && kith_rows_next(&rows)) {
		struct kith__mbox_item item = {0};
		uint32_t slot;

		if (!load_row(&item, &rows))
			return KITH_E_MALFORMED;
		status = kith__mbox_index_add(&s->index, &item, &slot);
		if (status != KITH_OK)
			break;
		kith__mbox_index_commit(&s->index, item.day, item.pos);
		kith__mbox_quota_hold(&s->quota, NULL,
				      item.buried ? KITH__MBOX_BURIED_BYTES : KITH__MBOX_ITEM_BYTES,
				      &item.group, 0);
	}
	return status;
}
