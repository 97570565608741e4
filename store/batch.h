/* SPDX-License-Identifier: ISC */
/* Inside store/: batches, packed values, the table of operations. */
#ifndef KITH_STORE_BATCH_H
#define KITH_STORE_BATCH_H

#include "base/bytes.h"
#include "store/store.h"

/* ---- growing bytes (batch.c) ---- */
struct kith__bytes {
	const struct kith_alloc *alloc;
	void *p;
	size_t len, cap;
};
/* Room for `len` more bytes, or NULL: no memory, or more than `max` in all. */
uint8_t *kith__bytes_room(struct kith__bytes *b, size_t len, size_t max) KITH_MUST_USE;
void kith__bytes_free(struct kith__bytes *b); /* wipes as well */

/* Appends one value: u8 type, then i64, or u32 length and bytes. The form of operations in a batch
 * and of result rows. */
int kith__value_add(struct kith__bytes *b, const struct kith_value *v, size_t max) KITH_MUST_USE;
/* Reads one value; pointers lead into the reader's input. */
void kith__value_read(struct kith_reader *r, struct kith_value *v);

/* ---- batch (batch.c) ---- */
struct kith__item {
	uint32_t offset, token;
	uint16_t kind;
	uint8_t count;
	bool if_new, already;
};
struct kith__answer {
	uint32_t token;
	bool already;
	uint8_t columns;
	int status;
	size_t start, len; /* rows, in `rows` of the batch */
};
struct kith__batch {
	struct kith__item *items;
	size_t count, cap;
	unsigned int reads, tokens;
	bool writes, erases; /* erases: content was deleted */
	bool beyond;         /* caps of work under way hold, not those of new input */
	struct kith__bytes args;
	struct kith__answer *answers; /* of the last run */
	size_t answer_count, answer_cap;
	struct kith__bytes rows;
};
void kith__batch_init(struct kith__batch *b, const struct kith_alloc *alloc);
void kith__batch_wipe(struct kith__batch *b);
/* Empties the batch; its answers stay. */
void kith__batch_clear(struct kith__batch *b);
bool kith__batch_full(const struct kith__batch *b);
/* KITH_E_FULL, KITH_E_NOMEM: the batch is as before. */
int kith__batch_add(struct kith__batch *b, const struct kith_op *op) KITH_MUST_USE;

/* ---- the table of operations (ops.c) ---- */
const char *kith__op_sql(enum kith_op_kind kind);
const char *kith__op_name(enum kith_op_kind kind);
char kith__op_how(enum kith_op_kind kind); /* 'W', 'I' or 'R' */
enum kith_db kith__op_db(enum kith_op_kind kind);
bool kith__op_frees(enum kith_op_kind kind);  /* gives space back: taken on a full disk */
bool kith__op_erases(enum kith_op_kind kind); /* deletes content: wants an emptied WAL */

#endif
