/* SPDX-License-Identifier: ISC */
/*
 * Reader and writer. Every access goes through `take` and `room`, the only two places that compare
 * a length with what is there.
 */
#include "base/bytes.h"

#include <string.h>

static const uint8_t *take(struct kith_reader *r, size_t len)
{
	const uint8_t *p = r->p;

	if (r->bad || len > r->left) {
		r->bad = true;
		return NULL;
	}
	r->p += len;
	r->left -= len;
	return p;
}

static uint8_t *room(struct kith_writer *w, size_t len)
{
	uint8_t *p;

	if (w->bad || len > w->cap - w->len) {
		w->bad = true;
		return NULL;
	}
	p = w->start + w->len;
	w->len += len;
	return p;
}

void kith_reader_init(struct kith_reader *r, const void *data, size_t len)
{
	static const uint8_t nothing;

	r->p = data != NULL ? data : &nothing;
	r->left = data != NULL ? len : 0;
	r->bad = data == NULL && len != 0;
}

static uint64_t read_le(struct kith_reader *r, size_t len)
{
	const uint8_t *p = take(r, len);
	uint64_t v = 0;
	size_t i;

	if (p == NULL)
		return 0;
	for (i = len; i > 0; i--)
		v = v << 8 | p[i - 1];
	return v;
}

uint8_t kith_read_u8(struct kith_reader *r)
{
	return (uint8_t)read_le(r, 1);
}

uint16_t kith_read_u16(struct kith_reader *r)
{
	return (uint16_t)read_le(r, 2);
}

uint16_t kith_read_u16be(struct kith_reader *r)
{
	const uint8_t *p = take(r, 2);

	return p != NULL ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

uint32_t kith_read_u32(struct kith_reader *r)
{
	return (uint32_t)read_le(r, 4);
}

uint64_t kith_read_u64(struct kith_reader *r)
{
	return read_le(r, 8);
}

uint64_t kith_read_varint(struct kith_reader *r)
{
	size_t len;
	size_t i;
	const uint8_t *p;
	uint64_t v;

	if (r->bad || r->left == 0) {
		r->bad = true;
		return 0;
	}
	len = (size_t)1 << (r->p[0] >> 6);
	p = take(r, len);
	if (p == NULL)
		return 0;
	v = p[0] & 0x3fu;
	for (i = 1; i < len; i++)
		v = v << 8 | p[i];
	if (kith_varint_size(v) != len) {
		r->bad = true;
		return 0;
	}
	return v;
}

void kith_read_bytes(struct kith_reader *r, void *dst, size_t len)
{
	const uint8_t *p = take(r, len);

	if (len == 0)
		return;
	if (p != NULL)
		memcpy(dst, p, len);
	else
		memset(dst, 0, len);
}

const uint8_t *kith_read_view(struct kith_reader *r, size_t len)
{
	return take(r, len);
}

void kith_read_skip(struct kith_reader *r, size_t len)
{
	(void)take(r, len);
}

void kith_read_zeros(struct kith_reader *r, size_t len)
{
	const uint8_t *p = take(r, len);
	uint8_t any = 0;
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; i < len; i++)
		any |= p[i];
	if (any != 0)
		r->bad = true;
}

void kith_read_fail(struct kith_reader *r)
{
	r->bad = true;
}

bool kith_read_ok(const struct kith_reader *r)
{
	return !r->bad;
}

int kith_read_end(const struct kith_reader *r)
{
	return r->bad || r->left != 0 ? KITH_E_MALFORMED : KITH_OK;
}

void kith_writer_init(struct kith_writer *w, void *dst, size_t cap)
{
	w->start = dst;
	w->len = 0;
	w->cap = cap;
	w->bad = false;
}

static void write_le(struct kith_writer *w, uint64_t v, size_t len)
{
	uint8_t *p = room(w, len);
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void write_be(struct kith_writer *w, uint64_t v, size_t len)
{
	uint8_t *p = room(w, len);
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(v >> (8 * (len - 1 - i)));
}

void kith_write_u8(struct kith_writer *w, uint8_t v)
{
	write_le(w, v, 1);
}

void kith_write_u16(struct kith_writer *w, uint16_t v)
{
	write_le(w, v, 2);
}

void kith_write_u16be(struct kith_writer *w, uint16_t v)
{
	write_be(w, v, 2);
}

void kith_write_u32(struct kith_writer *w, uint32_t v)
{
	write_le(w, v, 4);
}

void kith_write_u64(struct kith_writer *w, uint64_t v)
{
	write_le(w, v, 8);
}

size_t kith_varint_size(uint64_t v)
{
	if (v < 1u << 6)
		return 1;
	if (v < 1u << 14)
		return 2;
	return v < 1u << 30 ? 4 : 8;
}

void kith_write_varint(struct kith_writer *w, uint64_t v)
{
	size_t len = kith_varint_size(v);
	uint64_t top = len == 1 ? 0 : len == 2 ? 1 : len == 4 ? 2 : 3;

	KITH_ASSERT(v < (uint64_t)1 << 62);
	write_be(w, v | top << (8 * len - 2), len);
}

void kith_write_bytes(struct kith_writer *w, const void *src, size_t len)
{
	uint8_t *p = room(w, len);

	if (p != NULL && len != 0)
		memcpy(p, src, len);
}

void kith_write_zeros(struct kith_writer *w, size_t len)
{
	uint8_t *p = room(w, len);

	if (p != NULL && len != 0)
		memset(p, 0, len);
}

uint8_t *kith_write_view(struct kith_writer *w, size_t len)
{
	return room(w, len);
}

void kith_write_pad(struct kith_writer *w, size_t total)
{
	if (w->len > total)
		w->bad = true;
	else
		kith_write_zeros(w, total - w->len);
}

int kith_write_end(const struct kith_writer *w)
{
	return w->bad ? KITH_E_FULL : KITH_OK;
}

uint32_t kith_load_u32(const uint8_t p[4])
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t kith_load_u64(const uint8_t p[8])
{
	return (uint64_t)kith_load_u32(p) | (uint64_t)kith_load_u32(p + 4) << 32;
}

void kith_store_u32(uint8_t p[4], uint32_t v)
{
	int i;

	for (i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

void kith_store_u64(uint8_t p[8], uint64_t v)
{
	kith_store_u32(p, (uint32_t)v);
	kith_store_u32(p + 4, (uint32_t)(v >> 32));
}
