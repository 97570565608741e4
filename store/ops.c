/* SPDX-License-Identifier: ISC */
/* The table of operations, the builders of operations and the reader of result rows. */
#include <string.h>

#include "store/internal.h"

struct entry {
	const char *name, *how, *sql;
};

static const struct entry table[KITH_OP_COUNT] = {
#define OP(name, how, sql) [KITH_OP_##name] = {#name, #how, sql},
#include "store/ops.def"
#undef OP
};

const char *kith__op_sql(enum kith_op_kind kind)
{
	return table[kind].sql;
}

const char *kith__op_name(enum kith_op_kind kind)
{
	return table[kind].name;
}

char kith__op_how(enum kith_op_kind kind)
{
	return table[kind].how[0];
}

enum kith_db kith__op_db(enum kith_op_kind kind)
{
	return kind < KITH_OP_BOX_SET ? KITH_DB_ACCOUNT : KITH_DB_MAILBOX;
}

bool kith__op_frees(enum kith_op_kind kind)
{
	return kind == KITH_OP_ITEM_BURY || strncmp(table[kind].sql, "DELETE ", 7) == 0;
}

bool kith__op_erases(enum kith_op_kind kind)
{
	return kind == KITH_OP_MESSAGE_CLEAR || kind == KITH_OP_CONVERSATION_DELETE ||
	       kind == KITH_OP_CONTACT_DELETE;
}

struct kith_op kith_op(enum kith_op_kind kind)
{
	struct kith_op op;

	KITH_ASSERT(kind < KITH_OP_COUNT);
	memset(&op, 0, sizeof(op));
	op.kind = kind;
	return op;
}

static struct kith_value *next_value(struct kith_op *op)
{
	KITH_ASSERT(op->count < KITH_OP_VALUES);
	return &op->v[op->count++];
}

void kith_op_int(struct kith_op *op, int64_t v)
{
	*next_value(op) = (struct kith_value){.type = KITH_VALUE_INT, .i = v};
}

void kith_op_blob(struct kith_op *op, const void *p, size_t len)
{
	*next_value(op) = (struct kith_value){.type = KITH_VALUE_BLOB, .p = p, .len = len};
}

void kith_op_text(struct kith_op *op, const char *text, size_t len)
{
	*next_value(op) = (struct kith_value){.type = KITH_VALUE_TEXT, .p = text, .len = len};
}

void kith_op_null(struct kith_op *op)
{
	*next_value(op) = (struct kith_value){.type = KITH_VALUE_NULL};
}

bool kith_rows_next(struct kith_rows *r)
{
	struct kith_reader in;

	KITH_ASSERT(r->columns <= KITH_OP_VALUES);
	if (r->p == NULL || r->p == r->end || r->columns == 0)
		return false;
	kith_reader_init(&in, r->p, (size_t)(r->end - r->p));
	for (unsigned int i = 0; i < r->columns; i++)
		kith__value_read(&in, &r->v[i]);
	KITH_ASSERT(kith_read_ok(&in));
	r->p = in.p;
	return true;
}

int64_t kith_rows_int(const struct kith_rows *r, unsigned int col)
{
	KITH_ASSERT(col < r->columns);
	return r->v[col].type == KITH_VALUE_INT ? r->v[col].i : 0;
}

const uint8_t *kith_rows_blob(const struct kith_rows *r, unsigned int col, size_t *len)
{
	const struct kith_value *v = &r->v[col];

	KITH_ASSERT(col < r->columns);
	if (v->type != KITH_VALUE_BLOB && v->type != KITH_VALUE_TEXT) {
		*len = 0;
		return NULL;
	}
	*len = v->len;
	return v->p;
}

bool kith_rows_is_null(const struct kith_rows *r, unsigned int col)
{
	KITH_ASSERT(col < r->columns);
	return r->v[col].type == KITH_VALUE_NULL;
}
