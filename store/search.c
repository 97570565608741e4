/* SPDX-License-Identifier: ISC */
/*
 * Search of message texts (store.md 10): an FTS5 index without content of its own, made in idle
 * slices. `meta.fts_row` is the last message in it; what is newer is the tail, which a search looks
 * through itself, by the tokenizer that the index uses. Newest first, never by rank: a rank over a
 * common word reads everything.
 *
 * No operator reaches SQLite: the words that were asked for go through the tokenizer, and the
 * tokens are quoted. All of them must be in a text; a word with * at its end matches as a prefix.
 */
#include <stdio.h>
#include <string.h>

#include "store/internal.h"

#define TOKEN_MAX  64u
#define PREFIX_MIN 3u /* letters; shorter ones match too much */
#define COLUMN     9  /* body in the rows of SEARCH and SEARCH_TAIL */
#define MERGE      64 /* pages a slice of the purge */

struct term {
	char text[TOKEN_MAX];
	size_t len;
	bool prefix;
};

struct query {
	struct term term[KITH_SEARCH_TERMS_MAX];
	unsigned int count;
	bool bad;           /* too many or too long */
	unsigned int found; /* bits: of the text looked at */
};

static fts5_api *api_of(sqlite3 *db)
{
	sqlite3_stmt *stmt = NULL;
	fts5_api *api = NULL;

	if (sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_bind_pointer(stmt, 1, (void *)&api, "fts5_api_ptr", NULL) == SQLITE_OK)
		(void)sqlite3_step(stmt);
	(void)sqlite3_finalize(stmt);
	return api;
}

int kith__search_open(struct kith_store *s)
{
	static const char *args[] = {"remove_diacritics", "2"};
	fts5_api *api = api_of(s->db);
	void *user = NULL;

	if (api == NULL || api->xFindTokenizer(api, "unicode61", &user, &s->tokenizer) != SQLITE_OK)
		return kith__sqlite_status(s, SQLITE_ERROR, "fts5");
	return kith__sqlite_status(s, s->tokenizer.xCreate(user, args, 2, &s->tokens), "tokenizer");
}

void kith__search_close(struct kith_store *s)
{
	if (s->tokens != NULL)
		s->tokenizer.xDelete(s->tokens);
	s->tokens = NULL;
}

/* ---- words ---- */

static int take_term(void *ctx, int flags, const char *token, int len, int start, int end)
{
	struct query *q = ctx;
	struct term *t = &q->term[q->count];

	(void)flags;
	(void)start;
	(void)end;
	if (q->count == KITH_SEARCH_TERMS_MAX || len < 0 || (size_t)len > TOKEN_MAX) {
		q->bad = true;
		return SQLITE_DONE;
	}
	memcpy(t->text, token, (size_t)len);
	t->len = (size_t)len;
	t->prefix = false;
	q->count++;
	return SQLITE_OK;
}

static size_t letters(const struct term *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->len; i++)
		n += ((uint8_t)t->text[i] & 0xc0u) != 0x80;
	return n;
}

/* Word by word, because a * belongs to its word. */
static int parse(struct kith_store *s, struct query *q, const char *text, size_t len)
{
	size_t at = 0, word, before;
	struct term *last;
	int rc;

	memset(q, 0, sizeof(*q));
	while (at < len && !q->bad) {
		word = at;
		while (at < len && text[at] != ' ')
			at++;
		before = q->count;
		rc = s->tokenizer.xTokenize(s->tokens, q, FTS5_TOKENIZE_QUERY, text + word,
					    (int)(at - word), take_term);
		if (rc != SQLITE_OK && rc != SQLITE_DONE)
			return KITH_E_NOMEM;
		last = &q->term[q->count > 0 ? q->count - 1 : 0];
		if (q->count > before && text[at - 1] == '*')
			last->prefix = letters(last) >= PREFIX_MIN;
		at++;
	}
	return q->bad || q->count == 0 ? KITH_E_MALFORMED : KITH_OK;
}

/* The tokens as an expression of FTS5; a token has no quote in it. */
static size_t expression(const struct query *q, char *out, size_t cap)
{
	size_t len = 0;
	int n;

	for (unsigned int i = 0; i < q->count; i++) {
		n = snprintf(out + len, cap - len, "%s\"%.*s\"%s", i == 0 ? "" : " AND ",
			     (int)q->term[i].len, q->term[i].text, q->term[i].prefix ? " *" : "");
		KITH_ASSERT(n > 0 && (size_t)n < cap - len);
		len += (size_t)n;
	}
	return len;
}

static int compare_token(void *ctx, int flags, const char *token, int len, int start, int end)
{
	struct query *q = ctx;

	(void)flags;
	(void)start;
	(void)end;
	for (unsigned int i = 0; i < q->count; i++) {
		const struct term *t = &q->term[i];

		if (len >= 0 && (size_t)len >= t->len && (t->prefix || (size_t)len == t->len) &&
		    memcmp(token, t->text, t->len) == 0)
			q->found |= 1u << i;
	}
	return SQLITE_OK;
}

static bool has_all(struct kith_store *s, struct query *q, const char *text, int len)
{
	q->found = 0;
	return s->tokenizer.xTokenize(s->tokens, q, FTS5_TOKENIZE_DOCUMENT, text, len,
				      compare_token) == SQLITE_OK &&
	       q->found == (1u << q->count) - 1;
}

/* ---- the search ---- */

struct ask {
	struct kith_value conv;
	int64_t before, limit;
	struct query query;
};

static int bind_conv(sqlite3_stmt *stmt, int at, const struct ask *a)
{
	return a->conv.type == KITH_VALUE_INT ? sqlite3_bind_int64(stmt, at, a->conv.i)
					      : sqlite3_bind_null(stmt, at);
}

static int rows_of(struct kith_store *s, sqlite3_stmt *stmt, struct ask *a, bool tail,
		   struct kith__bytes *out)
{
	int rc = SQLITE_DONE, status = KITH_OK;

	while (status == KITH_OK && a->limit > 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (tail && !has_all(s, &a->query, (const char *)sqlite3_column_text(stmt, COLUMN),
				     sqlite3_column_bytes(stmt, COLUMN)))
			continue;
		status = kith__row_add(stmt, sqlite3_column_count(stmt), out);
		a->limit--;
	}
	if (status == KITH_OK && a->limit > 0)
		status = kith__sqlite_status(s, rc, "search");
	return status;
}

static int in_tail(struct kith_store *s, struct ask *a, struct kith__bytes *out, uint8_t *columns)
{
	sqlite3_stmt *stmt = NULL;
	int rc, status;

	rc = kith__statement(s, KITH_OP_SEARCH_TAIL, &stmt);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(stmt, 1, a->before);
	if (rc == SQLITE_OK)
		rc = bind_conv(stmt, 2, a);
	status = kith__sqlite_status(s, rc, "search");
	if (status == KITH_OK) {
		*columns = (uint8_t)sqlite3_column_count(stmt);
		status = rows_of(s, stmt, a, true, out);
	}
	kith__statement_release(stmt);
	return status;
}

static int in_index(struct kith_store *s, struct ask *a, struct kith__bytes *out)
{
	char text[KITH_SEARCH_TERMS_MAX * (TOKEN_MAX + 16)];
	size_t len = expression(&a->query, text, sizeof(text));
	sqlite3_stmt *stmt = NULL;
	int rc, status;

	rc = kith__statement(s, KITH_OP_SEARCH, &stmt);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text64(stmt, 1, text, len, SQLITE_STATIC, SQLITE_UTF8);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(stmt, 2, a->before);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(stmt, 3, a->limit);
	if (rc == SQLITE_OK)
		rc = bind_conv(stmt, 4, a);
	status = kith__sqlite_status(s, rc, "search");
	if (status == KITH_OK)
		status = rows_of(s, stmt, a, false, out);
	kith__statement_release(stmt);
	return status;
}

int kith__search_run(struct kith_store *s, struct kith_reader *args, unsigned int count,
		     struct kith__bytes *out, uint8_t *columns)
{
	struct kith_value text, before, limit;
	size_t start = out->len;
	struct ask a;
	int status;

	KITH_ASSERT(count == 4);
	kith__value_read(args, &text);
	kith__value_read(args, &before);
	kith__value_read(args, &limit);
	kith__value_read(args, &a.conv);
	a.before = before.i;
	a.limit = limit.i;
	if (text.len > KITH_SEARCH_MAX)
		return KITH_E_MALFORMED;
	status = parse(s, &a.query, text.len == 0 ? "" : text.p, text.len);
	if (status == KITH_OK)
		status = in_tail(s, &a, out, columns);
	if (status == KITH_OK && a.limit > 0)
		status = in_index(s, &a, out);
	kith_wipe(&a, sizeof(a));
	if (status != KITH_OK)
		out->len = start;
	return status;
}

/* ---- the index ---- */

static int one(struct kith_store *s, enum kith_op_kind kind, int64_t a, int64_t b, int64_t *value)
{
	sqlite3_stmt *stmt = NULL;
	int rc;

	rc = kith__statement(s, kind, &stmt);
	if (rc == SQLITE_OK && sqlite3_bind_parameter_count(stmt) > 0)
		rc = sqlite3_bind_int64(stmt, 1, a);
	if (rc == SQLITE_OK && sqlite3_bind_parameter_count(stmt) > 1)
		rc = sqlite3_bind_int64(stmt, 2, b);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW && value != NULL)
		*value = sqlite3_column_int64(stmt, 0);
	rc = kith__sqlite_status(s, rc, kith__op_name(kind));
	kith__statement_release(stmt);
	return rc;
}

int kith__search_tail(struct kith_store *s, int64_t *rows)
{
	return one(s, KITH_OP_SEARCH_BEHIND, 2 * KITH_SEARCH_TAIL_MAX, 0, rows);
}

int kith__search_load(struct kith_store *s)
{
	int64_t purge = 0;
	int status = kith__search_tail(s, &s->tail);

	if (status == KITH_OK)
		status = kith__meta_get(s, "fts_purge", &purge);
	s->purge = purge != 0 ? KITH__PURGE_BEGIN : KITH__PURGE_NONE;
	return status;
}

static int index_some(struct kith_store *s)
{
	int64_t from = 0, to = 0;
	int status;

	status = kith__meta_get(s, "fts_row", &from);
	if (status == KITH_OK)
		status = one(s, KITH_OP_SEARCH_NEXT, from, KITH__INDEX_SLICE, &to);
	if (status != KITH_OK || to <= from)
		return status;
	status = one(s, KITH_OP_SEARCH_FILL, from, to, NULL);
	return status == KITH_OK ? kith__meta_set(s, "fts_row", to) : status;
}

/* Deleted words leave the index only when its segments are written anew. */
static int purge_some(struct kith_store *s, bool *more)
{
	int before = sqlite3_total_changes(s->db), status;

	status = one(s, KITH_OP_SEARCH_MERGE, s->purge == KITH__PURGE_BEGIN ? -MERGE : MERGE, 0,
		     NULL);
	*more = status == KITH_OK && sqlite3_total_changes(s->db) - before >= 2;
	if (status == KITH_OK && !*more)
		status = kith__meta_set(s, "fts_purge", 0);
	return status;
}

bool kith__search_slice(struct kith_store *s)
{
	bool more = false;
	int status;

	if (s->broken || s->which != KITH_DB_ACCOUNT)
		return false;
	status = kith__exec(s, "BEGIN IMMEDIATE");
	if (status == KITH_OK)
		status = s->tail > 0 ? index_some(s) : purge_some(s, &more);
	if (status == KITH_OK)
		status = kith__exec(s, "COMMIT");
	if (status != KITH_OK) {
		if (sqlite3_get_autocommit(s->db) == 0)
			(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
		if (status == KITH_E_IO || status == KITH_E_MALFORMED)
			s->broken = true;
		return false; /* no room: another time */
	}
	if (s->tail > 0) {
		s->tail = s->tail > KITH__INDEX_SLICE ? s->tail - KITH__INDEX_SLICE : 0;
		return s->tail > 0 || s->purge != KITH__PURGE_NONE;
	}
	s->purge = more ? KITH__PURGE_ON : KITH__PURGE_NONE;
	return more;
}
