/* SPDX-License-Identifier: ISC */
/* Bytes of the mailbox verbs. A request is parsed fully before anything takes effect. */
#include "node/mbox_wire.h"

_Static_assert(KITH__MBOX_PUT_LEN == 4181, "PUT of class A (mailbox.md 4)");

/* ---- frames ---- */

void kith__mbox_begin(struct kith_writer *w, uint8_t verb, uint16_t number)
{
	kith_write_u32(w, 0);
	kith_write_u8(w, verb);
	kith_write_u16(w, number);
}

int kith__mbox_end(struct kith_writer *w, size_t step)
{
	int status;

	if (step != 0 && w->len % step != 0)
		kith_write_zeros(w, step - w->len % step);
	status = kith_write_end(w);
	if (status != KITH_OK)
		return status;
	KITH_ASSERT(w->len >= KITH__MBOX_HEAD && w->len <= KITH__MBOX_DATA_MAX);
	kith_store_u32(w->start, (uint32_t)(w->len - 4));
	return KITH_OK;
}

int kith__mbox_end_request(struct kith_writer *w)
{
	if (w->len < KITH__MBOX_REQUEST_MIN)
		kith_write_pad(w, KITH__MBOX_REQUEST_MIN);
	return kith__mbox_end(w, 0);
}

int kith__mbox_frame_read(struct kith__mbox_frame *f, const uint8_t *in, size_t len)
{
	struct kith_reader r;
	uint32_t rest;

	kith_reader_init(&r, in, len);
	rest = kith_read_u32(&r);
	f->verb = kith_read_u8(&r);
	f->number = kith_read_u16(&r);
	if (!kith_read_ok(&r) || rest > KITH_MBOX_FRAME_MAX || (size_t)rest + 4 != len)
		return KITH_E_MALFORMED;
	f->len = r.left;
	f->body = kith_read_view(&r, r.left);
	return KITH_OK;
}

static void start(struct kith_reader *r, const struct kith__mbox_frame *f)
{
	kith_reader_init(r, f->body, f->len);
}

static int finish(const struct kith_reader *r)
{
	return kith_read_ok(r) ? KITH_OK : KITH_E_MALFORMED;
}

static void bucket_write(struct kith_writer *w, const struct kith_mbox_bucket *b)
{
	kith_write_u16(w, b->bucket);
	kith_write_u8(w, b->p);
}

static void bucket_read(struct kith_reader *r, struct kith_mbox_bucket *b)
{
	b->bucket = kith_read_u16(r);
	b->p = kith_read_u8(r);
}

/* ---- requests ---- */

void kith__mbox_put_write(struct kith_writer *w, const struct kith__mbox_put *p)
{
	kith_write_bytes(w, p->tag, sizeof(p->tag));
	bucket_write(w, &p->bucket);
	kith_write_u8(w, p->ttl_class);
	kith_write_u8(w, p->stamp_kind);
	kith_write_bytes(w, p->stamp, 64);
	kith_write_bytes(w, p->blob, KITH_BLOB);
}

int kith__mbox_put_read(struct kith__mbox_put *p, const struct kith__mbox_frame *f)
{
	struct kith_reader r;

	start(&r, f);
	kith_read_bytes(&r, p->tag, sizeof(p->tag));
	bucket_read(&r, &p->bucket);
	p->ttl_class = kith_read_u8(&r);
	p->stamp_kind = kith_read_u8(&r);
	p->stamp = kith_read_view(&r, 64);
	p->blob = kith_read_view(&r, KITH_BLOB);
	return kith_read_end(&r);
}

void kith__mbox_list_write(struct kith_writer *w, const struct kith__mbox_list *l)
{
	bucket_write(w, &l->bucket);
	kith_write_u32(w, l->day);
	kith_write_u32(w, l->pos);
	kith_write_u32(w, l->until_day);
	kith_write_u16(w, l->max);
}

int kith__mbox_list_read(struct kith__mbox_list *l, const struct kith__mbox_frame *f)
{
	struct kith_reader r;

	start(&r, f);
	bucket_read(&r, &l->bucket);
	l->day = kith_read_u32(&r);
	l->pos = kith_read_u32(&r);
	l->until_day = kith_read_u32(&r);
	l->max = kith_read_u16(&r);
	return finish(&r);
}

void kith__mbox_get_write(struct kith_writer *w, const uint8_t (*tags)[16], unsigned count)
{
	kith_write_u8(w, (uint8_t)count);
	for (unsigned i = 0; i < count; i++)
		kith_write_bytes(w, tags[i], 16);
}

int kith__mbox_get_read(uint8_t (*tags)[16], unsigned *count, const struct kith__mbox_frame *f)
{
	struct kith_reader r;
	unsigned n;

	start(&r, f);
	n = kith_read_u8(&r);
	if (n != 4 && n != 8 && n != KITH__MBOX_GET_MAX)
		return KITH_E_MALFORMED;
	for (unsigned i = 0; i < n; i++)
		kith_read_bytes(&r, tags[i], 16);
	*count = n;
	return finish(&r);
}

int kith__mbox_delete_read(uint8_t d[static 32], const struct kith__mbox_frame *f)
{
	struct kith_reader r;

	start(&r, f);
	kith_read_bytes(&r, d, 32);
	return finish(&r);
}

void kith__mbox_watch_write(struct kith_writer *w, const struct kith_mbox_bucket *b, unsigned count)
{
	kith_write_u8(w, (uint8_t)count);
	for (unsigned i = 0; i < count; i++)
		bucket_write(w, &b[i]);
}

int kith__mbox_watch_read(struct kith_mbox_bucket b[static KITH_MBOX_WATCH_MAX], unsigned *count,
			  const struct kith__mbox_frame *f)
{
	struct kith_reader r;
	unsigned n;

	start(&r, f);
	n = kith_read_u8(&r);
	if (n > KITH_MBOX_WATCH_MAX)
		return KITH_E_MALFORMED;
	for (unsigned i = 0; i < n; i++)
		bucket_read(&r, &b[i]);
	*count = n;
	return finish(&r);
}

void kith__mbox_have_write(struct kith_writer *w, const struct kith__mbox_have *h)
{
	for (unsigned i = 0; i < KITH__MBOX_HAVE_COUNT; i++) {
		kith_write_bytes(w, h->tag[i], 16);
		kith_write_bytes(w, h->nonce[i], 16);
	}
}

int kith__mbox_have_read(struct kith__mbox_have *h, const struct kith__mbox_frame *f)
{
	struct kith_reader r;

	start(&r, f);
	for (unsigned i = 0; i < KITH__MBOX_HAVE_COUNT; i++) {
		kith_read_bytes(&r, h->tag[i], 16);
		kith_read_bytes(&r, h->nonce[i], 16);
	}
	return finish(&r);
}

void kith__mbox_keep_write(struct kith_writer *w, const struct kith__mbox_keep *k)
{
	kith_write_u64(w, k->until_s);
	kith_write_bytes(w, k->del, 16);
	kith_write_u8(w, k->stamp_kind);
	kith_write_bytes(w, k->stamp, 64);
	kith_write_u8(w, (uint8_t)k->count);
}

int kith__mbox_keep_read(struct kith__mbox_keep *k, const struct kith__mbox_frame *f)
{
	struct kith_reader r;

	start(&r, f);
	k->until_s = kith_read_u64(&r);
	k->del = kith_read_view(&r, 16);
	k->stamp_kind = kith_read_u8(&r);
	k->stamp = kith_read_view(&r, 64);
	k->count = kith_read_u8(&r);
	if (k->count < 1 || k->count > KITH__MBOX_KEEP_MAX)
		return KITH_E_MALFORMED;
	k->records = kith_read_view(&r, k->count * (size_t)KITH_RECORD);
	return finish(&r);
}

/* ---- replies ---- */

void kith__mbox_info_write(struct kith_writer *w, const struct kith_mbox_info *i,
			   const uint8_t sig[static 64])
{
	kith_write_u8(w, i->version);
	kith_write_u8(w, i->flags);
	kith_write_u64(w, i->now_s);
	kith_write_u8(w, i->p);
	kith_write_u8(w, i->retention);
	kith_write_u8(w, i->free_share);
	kith_write_u8(w, i->bits);
	kith_write_u8(w, i->classes);
	kith_write_bytes(w, i->mk, sizeof(i->mk));
	kith_write_bytes(w, sig, 64);
}

void kith__mbox_info_read(struct kith_reader *r, struct kith_mbox_info *i, uint8_t sig[static 64])
{
	i->version = kith_read_u8(r);
	i->flags = kith_read_u8(r);
	i->now_s = kith_read_u64(r);
	i->p = kith_read_u8(r);
	i->retention = kith_read_u8(r);
	i->free_share = kith_read_u8(r);
	i->bits = kith_read_u8(r);
	i->classes = kith_read_u8(r);
	kith_read_bytes(r, i->mk, sizeof(i->mk));
	kith_read_bytes(r, sig, 64);
}

void kith__mbox_receipt_write(struct kith_writer *w, const struct kith_receipt *c, uint32_t pos)
{
	kith_write_u64(w, c->received_s);
	kith_write_u64(w, c->expiry_s);
	kith_write_bytes(w, c->sig, sizeof(c->sig));
	kith_write_u32(w, pos);
}

void kith__mbox_receipt_read(struct kith_reader *r, struct kith_receipt *c, uint32_t *pos)
{
	c->received_s = kith_read_u64(r);
	c->expiry_s = kith_read_u64(r);
	kith_read_bytes(r, c->sig, sizeof(c->sig));
	*pos = kith_read_u32(r);
}
