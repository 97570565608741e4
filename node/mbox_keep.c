/* SPDX-License-Identifier: ISC */
/*
 * Records that owners deposit for the time they are away (mailbox.md 3). The mailbox can check
 * signature and key but not read the period, so `until` of a KEEP frame tells it: the records of
 * one frame are of one period, which ends 3 h before `until`. They are published from 3 h before
 * that period on until 3 h after it, two a second at most; after a restart spread over 10 min. One
 * that is superseded is left alone for an hour: when its owner is off again, the newer one leaves
 * the DHT.
 */
#include "node/mbox_service.h"

#include <string.h>

#define MARGIN_S      (3u * 3600u)
#define AHEAD_S       (62u * KITH_DAY_S) /* a period starts at most so far ahead */
#define STEP_US       (KITH_US_PER_S / 2u)
#define ANEW_US       (20u * 3600u * (kith_time)KITH_US_PER_S) /* a publication lives a day */
#define BACK_US       (3600u * (kith_time)KITH_US_PER_S)       /* its owner was here */
#define RETRY_US      (600u * (kith_time)KITH_US_PER_S)
#define LOOK_US       (60u * (kith_time)KITH_US_PER_S)
#define SPREAD_MS     600000u
#define RECORDS_BYTES (64u << 20) /* of the disk (mailbox.md 9) */

_Static_assert((uint64_t)KITH_MBOX_RECORDS_MAX *KITH__MBOX_RECORD_BYTES <= RECORDS_BYTES,
	       "records stay below their share");

static uint64_t from_of(uint64_t until_s)
{
	uint64_t span = KITH_DAY_S + 2 * MARGIN_S;

	return until_s > span ? until_s - span : 0;
}

static struct kith__mbox_record *find(const struct kith_mbox_service *s, const struct kith_id *key)
{
	uint32_t at;

	return kith_map_get(&s->by_record, key, &at) ? s->record[at] : NULL;
}

static struct kith__mbox_record *insert(struct kith_mbox_service *s, const struct kith_id *key)
{
	struct kith__mbox_record *r;
	void *p = s->record;

	if (kith_alloc_grow(s->alloc, &p, &s->record_cap, s->records + 1, KITH_MBOX_RECORDS_MAX,
			    sizeof(struct kith__mbox_record *)) != KITH_OK)
		return NULL;
	s->record = p;
	r = kith_alloc_zero(s->alloc, 1, sizeof(*r));
	if (r == NULL || kith_map_put(&s->by_record, key, (uint32_t)s->records) != KITH_OK) {
		kith_alloc_free(s->alloc, r);
		return NULL;
	}
	r->key = *key;
	s->record[s->records++] = r;
	return r;
}

static void drop(struct kith_mbox_service *s, size_t at)
{
	struct kith__mbox_record *r = s->record[at], *last = s->record[s->records - 1];

	(void)kith_map_remove(&s->by_record, &r->key);
	s->record[at] = last;
	s->records--;
	if (last != r && kith_map_put(&s->by_record, &last->key, (uint32_t)at) != KITH_OK)
		KITH_ASSERT(false); /* the key is in the map: nothing is allocated */
	kith__mbox_quota_release(&s->quota, r->group, KITH__MBOX_RECORD_BYTES);
	kith_alloc_free(s->alloc, r);
}

/* ---- KEEP ---- */

static int put_row(struct kith_mbox_service *s, const struct kith__mbox_record *r, uint64_t *batch)
{
	struct kith_op op = kith_op(KITH_OP_RECORD_PUT);

	kith_op_blob(&op, r->key.b, sizeof(r->key.b));
	kith_op_int(&op, (int64_t)r->seq);
	kith_op_int(&op, (int64_t)r->from_s);
	kith_op_int(&op, (int64_t)r->until_s);
	kith_op_blob(&op, r->del, sizeof(r->del));
	kith_op_blob(&op, r->body, sizeof(r->body));
	return kith_store_put(s->cfg.store, &op, batch);
}

static enum kith_mbox_status keep_one(struct kith_mbox_service *s, struct kith__mbox_link *l,
				      const struct kith__mbox_keep *k, const uint8_t *body,
				      kith_time now)
{
	struct kith__mbox_record next = {0}, *r;
	struct kith_id key;
	uint64_t seq;
	bool fresh;

	if (kith_record_check(body, &key, &seq) != KITH_OK)
		return KITH_MBOX_MALFORMED;
	r = find(s, &key);
	if (r != NULL && r->seq >= seq)
		return r->seq == seq && memcmp(r->body, body, KITH_RECORD) == 0 ? KITH_MBOX_HELD
										: KITH_MBOX_TAKEN;
	fresh = r == NULL;
	if (fresh && (!kith__mbox_quota_room(&s->quota, &l->remote, KITH__MBOX_RECORD_BYTES) ||
		      (r = insert(s, &key)) == NULL))
		return KITH_MBOX_FULL;
	if (fresh)
		kith__mbox_quota_hold(&s->quota, &l->remote, KITH__MBOX_RECORD_BYTES, &r->group,
				      now);
	next.key = key;
	next.seq = seq;
	next.until_s = k->until_s;
	next.from_s = from_of(k->until_s);
	next.group = r->group;
	next.op = r->op;
	memcpy(next.del, k->del, sizeof(next.del));
	memcpy(next.body, body, sizeof(next.body));
	if (put_row(s, &next, &l->batch) != KITH_OK) { /* memory says what the rows say */
		if (fresh)
			drop(s, s->records - 1);
		return KITH_MBOX_FULL;
	}
	*r = next;
	return KITH_MBOX_OK;
}

static enum kith_mbox_status admit(struct kith_mbox_service *s, struct kith__mbox_link *l,
				   const struct kith__mbox_keep *k, kith_time now)
{
	uint64_t wall_s = kith__mbox_wall(s, now);

	if (k->stamp_kind != KITH__MBOX_STAMP_HASH)
		return KITH_MBOX_UNKNOWN;
	if (k->until_s <= wall_s || k->until_s > wall_s + AHEAD_S + KITH_DAY_S + MARGIN_S)
		return KITH_MBOX_CLASS;
	if (!kith__mbox_stamp_good(s, k->stamp, k->del, k->records, k->count * (size_t)KITH_RECORD,
				   now))
		return KITH_MBOX_STAMP;
	if (!s->cfg.serve || kith_store_state(s->cfg.store) != KITH_STORE_OK)
		return KITH_MBOX_FULL;
	if (!kith__mbox_quota_take(&s->quota, &l->remote, KITH__MBOX_RATE_PUT, 1, now))
		return KITH_MBOX_SLOW;
	return KITH_MBOX_OK;
}

void kith__mbox_serve_keep(struct kith_mbox_service *s, struct kith__mbox_link *l,
			   const struct kith__mbox_frame *f, kith_time now)
{
	enum kith_mbox_status status;
	struct kith__mbox_keep k;

	if (kith__mbox_keep_read(&k, f) != KITH_OK) {
		kith__mbox_link_malformed(s, l, now);
		return;
	}
	status = admit(s, l, &k, now);
	if (status != KITH_MBOX_OK) {
		s->count.refused++;
		kith__mbox_reply_status(l, status);
		return;
	}
	l->batch = 0; /* nothing put: nothing to wait for */
	l->reads = k.count;
	for (unsigned i = 0; i < k.count; i++)
		l->kept[i] = (uint8_t)keep_one(s, l, &k, k.records + i * (size_t)KITH_RECORD, now);
	l->status = KITH_MBOX_OK;
	l->state = KITH__MBOX_BATCH;
	if (l->batch == 0)
		kith__mbox_keep_committed(l);
	else if (s->next_publish > now)
		s->next_publish = now + STEP_US;
}

void kith__mbox_keep_committed(struct kith__mbox_link *l)
{
	struct kith_writer w;

	if (kith__mbox_reply(l, &w, KITH__MBOX_HEAD + 1 + KITH__MBOX_KEEP_MAX, l->status)) {
		kith_write_bytes(&w, l->kept, l->reads);
		kith__mbox_reply_end(l, &w, 0);
	}
	kith__mbox_link_done(l);
}

/* ---- withdraw, publish, expire ---- */

static int delete_row(struct kith_mbox_service *s, size_t at, uint64_t *batch)
{
	struct kith_op op = kith_op(KITH_OP_RECORD_DELETE);
	int status;

	kith_op_blob(&op, s->record[at]->key.b, sizeof(s->record[at]->key.b));
	status = kith_store_put(s->cfg.store, &op, batch);
	if (status == KITH_OK)
		drop(s, at);
	return status;
}

bool kith__mbox_withdraw(struct kith_mbox_service *s, const uint8_t x[static 32], uint64_t *batch)
{
	uint8_t del[16];
	bool any = false;

	kith_hash16(del, KITH_L_MB_DEL, x, 32);
	for (size_t i = s->records; i-- > 0;) {
		if (memcmp(s->record[i]->del, del, sizeof(del)) == 0 &&
		    delete_row(s, i, batch) == KITH_OK)
			any = true;
	}
	return any;
}

static void publish(struct kith_mbox_service *s, struct kith__mbox_record *r, kith_time now)
{
	r->again = now + ANEW_US;
	if (s->cfg.publish == NULL)
		return;
	r->op = s->cfg.publish(s->cfg.publish_ctx, r->body);
	if (r->op == 0)
		r->again = now + RETRY_US;
}

void kith__mbox_service_superseded(struct kith_mbox_service *s, uint32_t op, kith_time now)
{
	for (size_t i = 0; op != 0 && i < s->records; i++) {
		if (s->record[i]->op != op)
			continue;
		s->record[i]->op = 0;
		s->record[i]->again = now + kith_rng_jitter(s->cfg.rng, BACK_US, 25);
		return;
	}
}

void kith__mbox_records_tick(struct kith_mbox_service *s, kith_time now)
{
	uint64_t wall_s = kith__mbox_wall(s, now), batch;
	bool published = false;

	if (now < s->next_publish)
		return;
	s->next_publish = s->records > 0 ? now + LOOK_US : KITH_NEVER;
	for (size_t i = s->records; i-- > 0;) {
		struct kith__mbox_record *r = s->record[i];

		if (wall_s >= r->until_s) {
			if (r->op != 0 && s->cfg.unpublish != NULL)
				s->cfg.unpublish(s->cfg.publish_ctx, r->op);
			r->op = 0;
			if (delete_row(s, i, &batch) != KITH_OK)
				return;
		} else if (wall_s >= r->from_s && now >= r->again) {
			if (published)
				s->next_publish = now + STEP_US;
			else
				publish(s, r, now);
			published = true;
		}
	}
}

/* ---- load ---- */

static bool load_row(struct kith__mbox_record *r, const struct kith_rows *rows)
{
	size_t key_len, del_len, body_len;
	const uint8_t *key = kith_rows_blob(rows, 0, &key_len);
	const uint8_t *del = kith_rows_blob(rows, 4, &del_len);
	const uint8_t *body = kith_rows_blob(rows, 5, &body_len);

	if (key == NULL || key_len != 32 || del == NULL || del_len != 16 || body == NULL ||
	    body_len != KITH_RECORD)
		return false;
	memcpy(r->key.b, key, 32);
	memcpy(r->del, del, 16);
	memcpy(r->body, body, KITH_RECORD);
	r->seq = (uint64_t)kith_rows_int(rows, 1);
	r->from_s = (uint64_t)kith_rows_int(rows, 2);
	r->until_s = (uint64_t)kith_rows_int(rows, 3);
	return true;
}

int kith__mbox_records_load(struct kith_mbox_service *s)
{
	struct kith_op op = kith_op(KITH_OP_LOAD_RECORD);
	struct kith_rows rows;
	int status = kith_store_read_now(s->cfg.store, &op, &rows);

	while (status == KITH_OK && kith_rows_next(&rows)) {
		struct kith__mbox_record row = {0}, *r;

		if (!load_row(&row, &rows))
			return KITH_E_MALFORMED;
		r = insert(s, &row.key);
		if (r == NULL)
			return KITH_E_NOMEM;
		*r = row;
		kith__mbox_quota_hold(&s->quota, NULL, KITH__MBOX_RECORD_BYTES, &r->group, 0);
	}
	return status;
}

void kith__mbox_records_spread(struct kith_mbox_service *s, kith_time now)
{
	for (size_t i = 0; i < s->records; i++)
		s->record[i]->again =
			now + kith_rng_below(s->cfg.rng, SPREAD_MS) * (kith_time)KITH_US_PER_MS;
}

void kith__mbox_records_wipe(struct kith_mbox_service *s)
{
	for (size_t i = 0; i < s->records; i++)
		kith_alloc_free(s->alloc, s->record[i]);
	kith_alloc_free(s->alloc, s->record);
	kith_map_wipe(&s->by_record);
}
