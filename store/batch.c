/* SPDX-License-Identifier: ISC */
/*
 * A batch: a list of operations with their values in one growing piece of memory. Appending
 * touches no file. The same packed form of values serves for result rows.
 */
#include <string.h>

#include "store/internal.h"

#define FIRST_BYTES 1024u

uint8_t *kith__bytes_room(struct kith__bytes *b, size_t len, size_t max)
{
	size_t want, cap;
	void *p;

	if (len > max || b->len > max - len)
		return NULL;
	want = b->len + len;
	if (want > b->cap) {
		cap = b->cap < FIRST_BYTES ? FIRST_BYTES : b->cap;
		while (cap < want)
			cap *= 2;
		/* a new piece, so that what the old one held can be wiped */
		p = kith_alloc_zero(b->alloc, cap, 1);
		if (p == NULL)
			return NULL;
		if (b->len != 0)
			memcpy(p, b->p, b->len);
		if (b->p != NULL)
			kith_wipe(b->p, b->len);
		kith_alloc_free(b->alloc, b->p);
		b->p = p;
		b->cap = cap;
	}
	b->len = want;
	return (uint8_t *)b->p + (want - len);
}

void kith__bytes_free(struct kith__bytes *b)
{
	if (b->p != NULL)
		kith_wipe(b->p, b->cap);
	kith_alloc_free(b->alloc, b->p);
	b->p = NULL;
	b->len = 0;
	b->cap = 0;
}

int kith__value_add(struct kith__bytes *b, const struct kith_value *v, size_t max)
{
	bool bytes = v->type == KITH_VALUE_BLOB || v->type == KITH_VALUE_TEXT;
	struct kith_writer w;
	size_t need = 1;
	uint8_t *p;

	if (bytes && v->len > UINT32_MAX)
		return KITH_E_FULL;
	if (bytes)
		need += 4 + v->len;
	else if (v->type == KITH_VALUE_INT)
		need += 8;
	if (need > max || b->len > max - need)
		return KITH_E_FULL;
	p = kith__bytes_room(b, need, max);
	if (p == NULL)
		return KITH_E_NOMEM;
	kith_writer_init(&w, p, need);
	kith_write_u8(&w, (uint8_t)v->type);
	if (bytes) {
		kith_write_u32(&w, (uint32_t)v->len);
		kith_write_bytes(&w, v->p, v->len);
	} else if (v->type == KITH_VALUE_INT) {
		kith_write_u64(&w, (uint64_t)v->i);
	}
	KITH_ASSERT(!w.bad);
	return KITH_OK;
}

void kith__value_read(struct kith_reader *r, struct kith_value *v)
{
	uint8_t type = kith_read_u8(r);

	memset(v, 0, sizeof(*v));
	if (type > KITH_VALUE_TEXT) {
		kith_read_fail(r);
		return;
	}
	v->type = (enum kith_value_type)type;
	if (v->type == KITH_VALUE_INT) {
		v->i = (int64_t)kith_read_u64(r);
	} else if (v->type != KITH_VALUE_NULL) {
		v->len = kith_read_u32(r);
		v->p = kith_read_view(r, v->len);
	}
}

void kith__batch_init(struct kith__batch *b, const struct kith_alloc *alloc)
{
	memset(b, 0, sizeof(*b));
	b->args.alloc = alloc;
	b->rows.alloc = alloc;
}

void kith__batch_clear(struct kith__batch *b)
{
	if (b->args.p != NULL)
		kith_wipe(b->args.p, b->args.len);
	b->args.len = 0;
	b->count = 0;
	b->reads = 0;
	b->tokens = 0;
	b->writes = false;
	b->erases = false;
	if (b->args.cap > 2 * KITH_BATCH_BYTES_MAX)
		kith__bytes_free(&b->args);
	if (b->cap > KITH_BATCH_OPS_MAX) {
		kith_alloc_free(b->args.alloc, b->items);
		b->items = NULL;
		b->cap = 0;
	}
}

void kith__batch_wipe(struct kith__batch *b)
{
	kith__bytes_free(&b->args);
	kith__bytes_free(&b->rows);
	kith_alloc_free(b->args.alloc, b->items);
	kith_alloc_free(b->args.alloc, b->answers);
	kith__batch_init(b, b->args.alloc);
}

bool kith__batch_full(const struct kith__batch *b)
{
	return b->count >= KITH_BATCH_OPS_MAX || b->args.len >= KITH_BATCH_BYTES_MAX ||
	       b->reads >= KITH_BATCH_READS_MAX;
}

int kith__batch_add(struct kith__batch *b, const struct kith_op *op)
{
	bool read = kith__op_how(op->kind) == 'R';
	size_t bytes_max = b->beyond ? KITH_BATCH_BYTES_HARD : KITH_BATCH_BYTES_MAX;
	size_t start = b->args.len, cap = b->cap;
	void *items = b->items;
	int status;

	if (!b->beyond && b->count >= KITH_BATCH_OPS_MAX)
		return KITH_E_FULL;
	if (read && b->reads >= (b->beyond ? KITH_BATCH_READS_HARD : KITH_BATCH_READS_MAX))
		return KITH_E_FULL;
	status = kith_alloc_grow(b->args.alloc, &items, &cap, b->count + 1,
				 b->beyond ? KITH_BATCH_OPS_HARD : KITH_BATCH_OPS_MAX,
				 sizeof(*b->items));
	if (status != KITH_OK)
		return status;
	b->items = items;
	b->cap = cap;
	for (unsigned int i = 0; i < op->count && status == KITH_OK; i++)
		status = kith__value_add(&b->args, &op->v[i], bytes_max);
	if (status != KITH_OK) {
		b->args.len = start;
		return status;
	}
	b->items[b->count++] = (struct kith__item){
		.offset = (uint32_t)start,
		.token = op->token,
		.kind = (uint16_t)op->kind,
		.count = (uint8_t)op->count,
		.if_new = op->if_new,
	};
	b->reads += read ? 1 : 0;
	b->tokens += op->token != 0 ? 1 : 0;
	b->writes = b->writes || !read;
	b->erases = b->erases || kith__op_erases(op->kind);
	return KITH_OK;
}
