/* SPDX-License-Identifier: ISC */
/*
 * The head of every body, and the control contents whose layout crypto.md 5 fixes.
 *
 *	head     type 2 | length 2 | list version 4 | tag index 4 | seq 4 | ack 16
 *	ack      next 4 | bitmap of the 64 after it 8 | read up to 4
 *	list     version 4 | count 1 | count x (ML, MK, address 19, p, retention, flags)
 *	accept   P | P epoch 4 | cap 16 | session epoch 4 | accept day 8 | certificate 176 | list
 *	share    P | P epoch 4 | cap 16
 *	link     random 32 | start day 8
 *
 * The bytes come from an accepted contact, who may still be hostile.
 */
#include "node/proto.h"

#include <string.h>

#include "node/proto_internal.h"

#define BUCKET_BITS 6u

/* The length written, or 0 when something did not fit. */
static size_t written(const struct kith_writer *w)
{
	return kith_write_end(w) == KITH_OK ? w->len : 0;
}

size_t kith__body_encode(uint8_t *out, size_t cap, const struct kith_body *b)
{
	struct kith_writer w;

	if (b->len > UINT16_MAX)
		return 0;
	kith_writer_init(&w, out, cap);
	kith_write_u16(&w, b->type);
	kith_write_u16(&w, (uint16_t)b->len);
	kith_write_u32(&w, b->list_version);
	kith_write_u32(&w, b->tag_index);
	kith_write_u32(&w, b->seq);
	kith_write_u32(&w, b->ack.next);
	kith_write_u64(&w, b->ack.bitmap);
	kith_write_u32(&w, b->ack.read);
	kith_write_bytes(&w, b->content, b->len);
	return written(&w);
}

int kith__body_decode(struct kith_body *b, const uint8_t *in, size_t len)
{
	struct kith_body got;
	struct kith_reader r;

	kith_reader_init(&r, in, len);
	got.type = kith_read_u16(&r);
	got.len = kith_read_u16(&r);
	got.list_version = kith_read_u32(&r);
	got.tag_index = kith_read_u32(&r);
	got.seq = kith_read_u32(&r);
	got.ack.next = kith_read_u32(&r);
	got.ack.bitmap = kith_read_u64(&r);
	got.ack.read = kith_read_u32(&r);
	got.content = kith_read_view(&r, got.len);
	kith_read_zeros(&r, r.left);
	if (kith_read_end(&r) != KITH_OK)
		return KITH_E_MALFORMED;
	*b = got;
	return KITH_OK;
}

/* ---- mailbox list ---- */

static void list_write(struct kith_writer *w, const struct kith_list *l)
{
	unsigned i;

	KITH_ASSERT(l->count <= KITH_MAILBOXES_MAX);
	kith_write_u32(w, l->version);
	kith_write_u8(w, (uint8_t)l->count);
	for (i = 0; i < l->count; i++) {
		const struct kith_list_entry *e = &l->box[i];

		kith_write_bytes(w, e->ml, sizeof(e->ml));
		kith_write_bytes(w, e->mk, sizeof(e->mk));
		kith__place_write(w, &e->addr);
		kith_write_u8(w, e->p);
		kith_write_u8(w, e->retention);
		kith_write_u8(w, e->flags);
	}
}

static void list_read(struct kith_reader *r, struct kith_list *l)
{
	unsigned i;

	memset(l, 0, sizeof(*l));
	l->version = kith_read_u32(r);
	l->count = kith_read_u8(r);
	if (l->count > KITH_MAILBOXES_MAX) {
		l->count = 0;
		kith_read_fail(r);
	}
	for (i = 0; i < l->count; i++) {
		struct kith_list_entry *e = &l->box[i];
		unsigned k;

		kith_read_bytes(r, e->ml, sizeof(e->ml));
		for (k = 0; k < i; k++)
			if (memcmp(l->box[k].ml, e->ml, sizeof(e->ml)) == 0)
				kith_read_fail(r); /* one row for each mailbox */
		kith_read_bytes(r, e->mk, sizeof(e->mk));
		kith__place_read(r, &e->addr);
		e->p = kith_read_u8(r);
		e->retention = kith_read_u8(r);
		e->flags = kith_read_u8(r);
		if (e->p > BUCKET_BITS)
			kith_read_fail(r);
	}
}

size_t kith__list_encode(uint8_t *out, size_t cap, const struct kith_list *l)
{
	struct kith_writer w;

	kith_writer_init(&w, out, cap);
	list_write(&w, l);
	return written(&w);
}

int kith__list_decode(struct kith_list *l, const uint8_t *in, size_t len)
{
	struct kith_list got;
	struct kith_reader r;

	kith_reader_init(&r, in, len);
	list_read(&r, &got);
	if (kith_read_end(&r) != KITH_OK)
		return KITH_E_MALFORMED;
	*l = got;
	return KITH_OK;
}

/* ---- accept, share, link root ---- */

size_t kith__accept_encode(uint8_t *out, size_t cap, const struct kith_accept *a)
{
	struct kith_writer w;

	kith_writer_init(&w, out, cap);
	kith_write_bytes(&w, a->p, sizeof(a->p));
	kith_write_u32(&w, a->p_epoch);
	kith_write_bytes(&w, a->cap, sizeof(a->cap));
	kith_write_u32(&w, a->session_epoch);
	kith_write_u64(&w, a->accept_day);
	kith__cert_fields_write(&w, &a->cert);
	kith_write_bytes(&w, a->cert.sig, sizeof(a->cert.sig));
	list_write(&w, &a->list);
	return written(&w);
}

int kith__accept_decode(struct kith_accept *a, const uint8_t *in, size_t len)
{
	struct kith_accept got;
	struct kith_reader r;
	int err;

	kith_reader_init(&r, in, len);
	kith_read_bytes(&r, got.p, sizeof(got.p));
	got.p_epoch = kith_read_u32(&r);
	kith_read_bytes(&r, got.cap, sizeof(got.cap));
	got.session_epoch = kith_read_u32(&r);
	got.accept_day = kith_read_u64(&r);
	kith__cert_read(&r, &got.cert);
	list_read(&r, &got.list);
	err = kith_read_end(&r);
	if (err == KITH_OK)
		*a = got;
	kith_wipe(&got, sizeof(got));
	return err;
}

size_t kith__share_encode(uint8_t *out, size_t cap, const struct kith_share *s)
{
	struct kith_writer w;

	kith_writer_init(&w, out, cap);
	kith_write_bytes(&w, s->p, sizeof(s->p));
	kith_write_u32(&w, s->p_epoch);
	kith_write_bytes(&w, s->cap, sizeof(s->cap));
	return written(&w);
}

int kith__share_decode(struct kith_share *s, const uint8_t *in, size_t len)
{
	struct kith_share got;
	struct kith_reader r;
	int err;

	kith_reader_init(&r, in, len);
	kith_read_bytes(&r, got.p, sizeof(got.p));
	got.p_epoch = kith_read_u32(&r);
	kith_read_bytes(&r, got.cap, sizeof(got.cap));
	err = kith_read_end(&r);
	if (err == KITH_OK)
		*s = got;
	kith_wipe(&got, sizeof(got));
	return err;
}

size_t kith__link_root_encode(uint8_t *out, size_t cap, const struct kith_link_root *l)
{
	struct kith_writer w;

	kith_writer_init(&w, out, cap);
	kith_write_bytes(&w, l->root, sizeof(l->root));
	kith_write_u64(&w, l->start_day);
	return written(&w);
}

int kith__link_root_decode(struct kith_link_root *l, const uint8_t *in, size_t len)
{
	struct kith_link_root got;
	struct kith_reader r;
	int err;

	kith_reader_init(&r, in, len);
	kith_read_bytes(&r, got.root, sizeof(got.root));
	got.start_day = kith_read_u64(&r);
	err = kith_read_end(&r);
	if (err == KITH_OK)
		*l = got;
	kith_wipe(&got, sizeof(got));
	return err;
}
