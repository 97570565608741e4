/* SPDX-License-Identifier: ISC */
/*
 * The worker's side of a database: one batch = one transaction, synced, then its reads on the new
 * state, then a checkpoint if the WAL has grown. Here alone statements run.
 *
 * A failed statement rolls the whole batch back. Disk or memory full: the reserve is given up and
 * the batch tried once more; else it is kept by the engine side. A failed sync never comes back
 * here: the sealing VFS ends the process (store.md 3.5).
 */
#include <stdio.h>
#include <string.h>

#include "store/internal.h"

int kith__sqlite_status(struct kith_store *s, int rc, const char *what)
{
	int primary = rc & 0xff;

	if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE)
		return KITH_OK;
	(void)snprintf(s->sentence, sizeof(s->sentence), "%s: %.40s: %.150s (%d)", s->name, what,
		       s->db != NULL ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc), rc);
	if (primary == SQLITE_FULL)
		return KITH_E_NOSPACE;
	if (primary == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM)
		return KITH_E_NOMEM;
	if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB)
		return KITH_E_MALFORMED;
	/* a page that was read but did not open is damage, not a bad device */
	if (rc == SQLITE_IOERR_READ && s->seal.bad_tags != 0)
		return KITH_E_MALFORMED;
	return KITH_E_IO;
}

int kith__statement(struct kith_store *s, enum kith_op_kind kind, sqlite3_stmt **out)
{
	int rc = SQLITE_OK;

	if (s->statement[kind] == NULL)
		rc = sqlite3_prepare_v3(s->db, kith__op_sql(kind), -1, SQLITE_PREPARE_PERSISTENT,
					&s->statement[kind], NULL);
	*out = s->statement[kind];
	return rc;
}

static int bind(sqlite3_stmt *stmt, int at, const struct kith_value *v)
{
	switch (v->type) {
	case KITH_VALUE_NULL: return sqlite3_bind_null(stmt, at);
	case KITH_VALUE_INT: return sqlite3_bind_int64(stmt, at, v->i);
	case KITH_VALUE_BLOB:
		return v->len == 0 ? sqlite3_bind_zeroblob(stmt, at, 0)
				   : sqlite3_bind_blob64(stmt, at, v->p, v->len, SQLITE_STATIC);
	case KITH_VALUE_TEXT:
		return sqlite3_bind_text64(stmt, at, v->len == 0 ? "" : v->p, v->len, SQLITE_STATIC,
					   SQLITE_UTF8);
	}
	return SQLITE_MISUSE;
}

static int bind_all(struct kith_store *s, enum kith_op_kind kind, struct kith_reader *args,
		    unsigned int count, sqlite3_stmt **stmt)
{
	struct kith_value v;
	int rc;

	rc = kith__statement(s, kind, stmt);
	if (rc == SQLITE_OK && sqlite3_bind_parameter_count(*stmt) != (int)count)
		rc = SQLITE_RANGE;
	for (unsigned int i = 0; i < count && rc == SQLITE_OK; i++) {
		kith__value_read(args, &v);
		rc = bind(*stmt, (int)i + 1, &v);
	}
	return rc;
}

void kith__statement_release(sqlite3_stmt *stmt)
{
	if (stmt != NULL) {
		(void)sqlite3_reset(stmt);
		(void)sqlite3_clear_bindings(stmt);
	}
}

static void item_args(const struct kith__batch *b, const struct kith__item *item,
		      struct kith_reader *args)
{
	static const uint8_t none = 0;

	kith_reader_init(args, b->args.p != NULL ? b->args.p : &none, b->args.len);
	kith_read_skip(args, item->offset);
}

static int step_item(struct kith_store *s, const struct kith__batch *b,
		     const struct kith__item *item, enum kith_op_kind kind)
{
	struct kith_reader args;
	sqlite3_stmt *stmt = NULL;
	int rc, status;

	item_args(b, item, &args);
	rc = bind_all(s, kind, &args, item->count, &stmt);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	status = kith__sqlite_status(s, rc, kith__op_name(kind));
	kith__statement_release(stmt);
	return status;
}

static int write_item(struct kith_store *s, const struct kith__batch *b, struct kith__item *item,
		      bool *fresh)
{
	enum kith_op_kind kind = (enum kith_op_kind)item->kind;
	int status = KITH_OK;

	if (item->if_new && !*fresh) {
		item->already = true;
		return KITH_OK;
	}
	/* words leave the index while the texts are still there */
	if (kind == KITH_OP_MESSAGE_CLEAR)
		status = step_item(s, b, item, KITH_OP_SEARCH_CLEAR);
	if (status == KITH_OK && kind == KITH_OP_MESSAGE_CLEAR)
		status = kith__meta_set(s, "fts_purge", 1);
	if (status == KITH_OK)
		status = step_item(s, b, item, kind);
	if (status == KITH_OK && kith__op_how(kind) == 'I') {
		*fresh = sqlite3_changes(s->db) != 0;
		item->already = !*fresh;
		s->tail += *fresh && kind == KITH_OP_MESSAGE_PUT;
	}
	return status;
}

static int transaction(struct kith_store *s, struct kith__batch *b)
{
	bool fresh = true;
	int status;

	status = kith__exec(s, "BEGIN IMMEDIATE");
	for (size_t i = 0; i < b->count && status == KITH_OK; i++) {
		b->items[i].already = false;
		if (kith__op_how((enum kith_op_kind)b->items[i].kind) != 'R')
			status = write_item(s, b, &b->items[i], &fresh);
	}
	if (status == KITH_OK)
		status = kith__exec(s, "COMMIT");
	if (status != KITH_OK && sqlite3_get_autocommit(s->db) == 0)
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return status;
}

int kith__row_add(sqlite3_stmt *stmt, int columns, struct kith__bytes *out)
{
	struct kith_value v;
	int status;

	for (int i = 0; i < columns; i++) {
		memset(&v, 0, sizeof(v));
		switch (sqlite3_column_type(stmt, i)) {
		case SQLITE_NULL: break;
		case SQLITE_INTEGER:
			v.type = KITH_VALUE_INT;
			v.i = sqlite3_column_int64(stmt, i);
			break;
		case SQLITE_TEXT:
			v.type = KITH_VALUE_TEXT;
			v.p = sqlite3_column_text(stmt, i);
			v.len = (size_t)sqlite3_column_bytes(stmt, i);
			break;
		case SQLITE_BLOB:
			v.type = KITH_VALUE_BLOB;
			v.p = sqlite3_column_blob(stmt, i);
			v.len = (size_t)sqlite3_column_bytes(stmt, i);
			break;
		default: return KITH_E_MALFORMED;
		}
		if (v.type == KITH_VALUE_TEXT && v.p == NULL)
			return KITH_E_NOMEM;
		status = kith__value_add(out, &v, SIZE_MAX);
		if (status != KITH_OK)
			return status;
	}
	return KITH_OK;
}

int kith__run_read(struct kith_store *s, enum kith_op_kind kind, struct kith_reader *args,
		   unsigned int count, struct kith__bytes *out, uint8_t *columns)
{
	size_t start = out->len;
	sqlite3_stmt *stmt = NULL;
	int rc, wide, status;

	if (kind == KITH_OP_SEARCH)
		return kith__search_run(s, args, count, out, columns);
	rc = bind_all(s, kind, args, count, &stmt);
	status = kith__sqlite_status(s, rc, kith__op_name(kind));
	if (status == KITH_OK) {
		wide = sqlite3_column_count(stmt);
		KITH_ASSERT(wide > 0 && wide <= (int)KITH_OP_VALUES);
		*columns = (uint8_t)wide;
		while (status == KITH_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
			status = kith__row_add(stmt, wide, out);
		if (status == KITH_OK)
			status = kith__sqlite_status(s, rc, kith__op_name(kind));
	}
	kith__statement_release(stmt);
	if (status != KITH_OK)
		out->len = start;
	return status;
}

/* Room for the answers is taken before anything is written, so that none can be lost after. */
static int prepare_answers(struct kith__batch *b)
{
	void *answers = b->answers;
	int status;

	status = kith_alloc_grow(b->args.alloc, &answers, &b->answer_cap, b->tokens,
				 b->beyond ? KITH_BATCH_OPS_HARD : KITH_BATCH_OPS_MAX,
				 sizeof(*b->answers));
	b->answers = answers;
	b->answer_count = 0;
	b->rows.len = 0;
	return status;
}

static void answer(struct kith_store *s, struct kith__batch *b)
{
	const struct kith__item *item;
	struct kith__answer *a;
	struct kith_reader args;

	for (size_t i = 0; i < b->count; i++) {
		item = &b->items[i];
		if (item->token == 0)
			continue;
		a = &b->answers[b->answer_count++];
		*a = (struct kith__answer){.token = item->token,
					   .already = item->already,
					   .start = b->rows.len};
		if (kith__op_how((enum kith_op_kind)item->kind) != 'R')
			continue;
		item_args(b, item, &args);
		a->status = kith__run_read(s, (enum kith_op_kind)item->kind, &args, item->count,
					   &b->rows, &a->columns);
		a->len = b->rows.len - a->start;
	}
}

void kith__checkpoint(struct kith_store *s, bool empty)
{
	int rc, left = 0, status;

	if (s->broken)
		return;
	rc = sqlite3_wal_checkpoint_v2(s->db, NULL,
				       empty ? SQLITE_CHECKPOINT_TRUNCATE
					     : SQLITE_CHECKPOINT_PASSIVE,
				       &left, NULL);
	status = kith__sqlite_status(s, rc, "checkpoint");
	if (status == KITH_OK)
		s->wal_frames = 0;
	if (status == KITH_OK && empty)
		s->erased = false;
	if (empty) /* nobody wrote for a while: the pages of the cache may go */
		(void)sqlite3_db_release_memory(s->db);
	/* no room to copy pages: they stay in the WAL, which is durable */
	if (status == KITH_E_IO || status == KITH_E_MALFORMED)
		s->broken = true;
}

static int commit(struct kith_store *s, struct kith__batch *b)
{
	int status;

	if (s->broken && b->writes)
		return KITH_E_IO;
	status = prepare_answers(b);
	if (status == KITH_OK && b->writes) {
		status = transaction(s, b);
		if (status == KITH_E_NOSPACE && kith__space_free(s->profile))
			status = transaction(s, b);
	}
	if (status == KITH_OK || status == KITH_E_NOSPACE)
		return status;
	if (status == KITH_E_NOMEM)
		return KITH_E_NOSPACE;
	s->broken = true;
	return KITH_E_IO;
}

/* Work that nobody waits for: it comes when no batch does; under load it waits twice as long. */
static void look_after(struct kith_store *s, bool alone)
{
	int factor = alone ? 1 : 2;

	s->more = false;
	if (s->tail >= factor * KITH_SEARCH_TAIL_MAX ||
	    (alone && s->empty_wanted &&
	     (s->tail >= KITH__INDEX_IDLE || s->indexing || s->purge != KITH__PURGE_NONE))) {
		s->more = kith__search_slice(s);
		s->indexing = s->more;
	}
	if ((s->empty_wanted && !s->more) || s->wal_frames >= factor * s->wal_frames_max)
		kith__checkpoint(s, s->empty_wanted && !s->more);
}

void kith_store_run(struct kith_job *job)
{
	struct kith_store *s = (struct kith_store *)(void *)job;
	struct kith__batch *b = &s->batch[s->open ^ 1u];

	KITH_ASSERT(s->flying);
	kith__space_check(s->profile);
	job->status = KITH_OK;
	if (b->count != 0)
		job->status = commit(s, b);
	if (job->status == KITH_OK) {
		s->erased = s->erased || b->erases;
		if (b->erases)
			s->purge = KITH__PURGE_BEGIN;
		answer(s, b);
	}
	look_after(s, b->count == 0);
	s->low = job->status == KITH_E_NOSPACE || atomic_load(&s->profile->low);
}
