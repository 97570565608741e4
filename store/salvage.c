/* SPDX-License-Identifier: ISC */
/*
 * Salvage (docs/store.md): the rows of a damaged account.db that open, into a new profile.
 *
 * Which page is the root of which table stands in page 1; where that is lost, the roots of a new
 * database are tried, for they are the same in each that was made by this schema. A leaf that no
 * page leads to any more belongs to a table that lost pages and whose columns its rows fit; where
 * two tables fit, or an index may be meant, it is left. The new database checks every row again,
 * and rows that hang in the air afterwards go: nothing is guessed.
 */
#include <stdio.h>
#include <string.h>

#include "store/internal.h"

#define ROWS_COMMIT 2000u
#define TREES       96u

enum kind { ANY, INTEGER, TEXT, BLOB };
struct column {
	enum kind kind;
	bool null, alias; /* alias: the row id; its cell is empty */
	int to;           /* its parameter in the statement */
};
struct table {
	const char *name;
	bool rowid;
	unsigned int columns;
	struct column column[KITH__COLUMNS_MAX]; /* in the order of the stored row */
	sqlite3_stmt *insert;
	uint32_t root;
	struct kith__walk walk;
	uint64_t rows;
	bool check, fits, differs; /* check: rows are only compared */
	struct salvage *all;
};
struct salvage {
	struct kith__image image;
	struct kith_profile *from;
	struct kith_store *s; /* the new database */
	struct kith_salvage *report;
	struct table table[KITH_SALVAGE_TABLES];
	unsigned int tables;
	/* trees that hold nothing of ours: indexes, the search index */
	uint32_t other[TREES];
	unsigned int others, others_lost;
	uint32_t people; /* the index of contacts by their key, and what it says: id 8 | key 32 */
	struct kith__bytes known;
	bool generation; /* seen in meta */
	int64_t version;
	unsigned int pending;
	int status;
};

/* Written last: without them there is no account that could go on with half of its rows. */
static const char *const last = "secret";
/* Says of each contact what is needed to keep the history with it where its row is lost. */
static const char *const people = "sqlite_autoindex_contact_1";
#define KNOWN 40u

/* ---- the tables of the new database ---- */

static bool prepare(struct salvage *v, const char *sql, sqlite3_stmt **stmt)
{
	int rc = sqlite3_prepare_v2(v->s->db, sql, -1, stmt, NULL);

	if (rc != SQLITE_OK && v->status == KITH_OK)
		v->status = kith__sqlite_status(v->s, rc, "salvage");
	return rc == SQLITE_OK;
}

static enum kind kind_of(const char *text)
{
	static const char *const names[] = {"ANY", "INTEGER", "TEXT", "BLOB"};
	unsigned int i = 0;

	while (i < 3 && strcmp(text, names[i]) != 0)
		i++;
	return strcmp(text, names[i]) == 0 ? (enum kind)i : ANY;
}

/* Columns as they are stored: those of the key first where there is no rowid. */
static void read_columns(struct salvage *v, struct table *t)
{
	char sql[1024], names[512] = "", marks[128] = "";
	sqlite3_stmt *stmt = NULL;
	int n = 0;

	(void)snprintf(sql, sizeof(sql),
		       "SELECT name,type,\"notnull\",pk FROM pragma_table_info('%s')"
		       " ORDER BY CASE WHEN %d OR pk=0 THEN 1000 ELSE pk END,cid",
		       t->name, t->rowid);
	if (!prepare(v, sql, &stmt))
		return;
	while (sqlite3_step(stmt) == SQLITE_ROW && t->columns < KITH__COLUMNS_MAX) {
		struct column *c = &t->column[t->columns++];
		size_t at = strlen(names), mark = strlen(marks);
		bool key = sqlite3_column_int(stmt, 3) != 0;

		c->kind = kind_of((const char *)sqlite3_column_text(stmt, 1));
		c->alias = key && t->rowid;
		c->null = sqlite3_column_int(stmt, 2) == 0 && !key;
		c->to = ++n;
		(void)snprintf(names + at, sizeof(names) - at, "%s\"%s\"", n > 1 ? "," : "",
			       (const char *)sqlite3_column_text(stmt, 0));
		(void)snprintf(marks + mark, sizeof(marks) - mark, "%s?%d", n > 1 ? "," : "", n);
	}
	(void)sqlite3_finalize(stmt);
	(void)snprintf(sql, sizeof(sql), "INSERT OR IGNORE INTO \"%s\"(%s) VALUES(%s)", t->name,
		       names, marks);
	(void)prepare(v, sql, &t->insert);
}

static bool ours(const char *name)
{
	return strncmp(name, "search", 6) != 0 && strncmp(name, "sqlite_", 7) != 0;
}

/* All tables with the roots of the new database; names live in the report. */
static void read_tables(struct salvage *v)
{
	sqlite3_stmt *stmt = NULL;

	if (!prepare(v,
		     "SELECT name,rootpage,sql LIKE '%WITHOUT ROWID%',type FROM sqlite_schema"
		     " WHERE rootpage>0 ORDER BY name=?1,rowid",
		     &stmt))
		return;
	(void)sqlite3_bind_text(stmt, 1, last, -1, SQLITE_STATIC);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(stmt, 0);
		struct table *t = &v->table[v->tables];

		if (strcmp((const char *)sqlite3_column_text(stmt, 3), "table") != 0 ||
		    !ours(name)) {
			if (v->others < TREES)
				v->other[v->others++] = (uint32_t)sqlite3_column_int64(stmt, 1);
			if (strcmp(name, people) == 0)
				v->people = (uint32_t)sqlite3_column_int64(stmt, 1);
			continue;
		}
		if (v->tables == KITH_SALVAGE_TABLES)
			break;
		(void)snprintf(v->report->table[v->tables].name, sizeof(v->report->table[0].name),
			       "%s", name);
		t->name = v->report->table[v->tables++].name;
		t->root = (uint32_t)sqlite3_column_int64(stmt, 1);
		t->rowid = sqlite3_column_int(stmt, 2) == 0;
		t->all = v;
	}
	(void)sqlite3_finalize(stmt);
	v->report->tables = v->tables;
	for (unsigned int i = 0; i < v->tables && v->status == KITH_OK; i++)
		read_columns(v, &v->table[i]);
}

/* ---- rows ---- */

static bool cell_fits(const struct column *c, const struct kith__cell *cell)
{
	if (cell->type == KITH_VALUE_NULL)
		return c->null || c->alias;
	switch (c->kind) {
	case ANY: return true;
	case INTEGER: return cell->type == KITH_VALUE_INT && !c->alias;
	case TEXT: return cell->type == KITH_VALUE_TEXT;
	case BLOB: break;
	}
	return cell->type == KITH_VALUE_BLOB;
}

static bool row_fits(const struct table *t, const struct kith__cell *cell, unsigned int count)
{
	if (count != t->columns)
		return false;
	for (unsigned int i = 0; i < count; i++) {
		if (!cell_fits(&t->column[i], &cell[i]))
			return false;
	}
	return true;
}

static int bind(const struct table *t, int64_t rowid, const struct kith__cell *cell)
{
	int rc = SQLITE_OK;

	for (unsigned int i = 0; i < t->columns && rc == SQLITE_OK; i++) {
		const struct kith__cell *c = &cell[i];
		int to = t->column[i].to;

		if (t->column[i].alias)
			rc = sqlite3_bind_int64(t->insert, to, rowid);
		else if (c->type == KITH_VALUE_INT)
			rc = sqlite3_bind_int64(t->insert, to, c->i);
		else if (c->type == KITH_VALUE_BLOB)
			rc = sqlite3_bind_blob64(t->insert, to, c->p, c->len, SQLITE_STATIC);
		else if (c->type == KITH_VALUE_TEXT)
			rc = sqlite3_bind_text64(t->insert, to, (const char *)c->p, c->len,
						 SQLITE_STATIC, SQLITE_UTF8);
		else
			rc = sqlite3_bind_null(t->insert, to);
	}
	return rc;
}

static bool text_is(const struct kith__cell *c, const char *text)
{
	return c->type == KITH_VALUE_TEXT && c->len == strlen(text) &&
	       memcmp(c->p, text, c->len) == 0;
}

/* What belongs to the file and not to the person stays that of the new one. */
static bool of_the_file(struct salvage *v, const struct table *t, const struct kith__cell *cell)
{
	static const char *const keys[] = {"generation", "clean", "restored", "fts_row"};

	if (strcmp(t->name, "token") == 0)
		return true;
	if (strcmp(t->name, "meta") != 0)
		return false;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (text_is(&cell[0], keys[i])) {
			v->generation = v->generation || i == 0;
			return true;
		}
	}
	return false;
}

static void step_commit(struct salvage *v)
{
	if (++v->pending < ROWS_COMMIT || v->status != KITH_OK)
		return;
	v->pending = 0;
	v->status = kith__exec(v->s, "COMMIT");
	kith__checkpoint(v->s, false);
	if (v->status == KITH_OK)
		v->status = kith__exec(v->s, "BEGIN IMMEDIATE");
}

static bool on_row(void *ctx, int64_t rowid, const struct kith__cell *cell, unsigned int count)
{
	struct table *t = ctx;
	struct salvage *v = t->all;
	int rc;

	if (!row_fits(t, cell, count)) {
		t->differs = true;
		return false;
	}
	t->fits = true;
	if (t->check || of_the_file(v, t, cell) || v->status != KITH_OK)
		return true;
	rc = bind(t, rowid, cell);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(t->insert);
	(void)sqlite3_reset(t->insert);
	(void)sqlite3_clear_bindings(t->insert);
	if (rc == SQLITE_DONE && sqlite3_changes(v->s->db) == 1) {
		t->rows++;
		step_commit(v);
		return true;
	}
	if (rc != SQLITE_DONE && (rc & 0xff) != SQLITE_CONSTRAINT)
		v->status = kith__sqlite_status(v->s, rc, t->name);
	return false; /* a key twice, or what no row may hold */
}

/* ---- where the tables are ---- */

/* A row of the list of tables: type, name, table, root, sql. */
static bool on_schema(void *ctx, int64_t rowid, const struct kith__cell *cell, unsigned int count)
{
	struct salvage *v = ctx;

	(void)rowid;
	if (count != 5 || cell[3].type != KITH_VALUE_INT)
		return false;
	if (cell[3].i <= 0 || cell[3].i > UINT32_MAX)
		return true; /* a virtual table, a trigger */
	for (unsigned int i = 0; i < v->tables; i++) {
		if (text_is(&cell[0], "table") && text_is(&cell[1], v->table[i].name)) {
			v->table[i].root = (uint32_t)cell[3].i;
			return true;
		}
	}
	if (v->others < TREES)
		v->other[v->others++] = (uint32_t)cell[3].i;
	if (text_is(&cell[1], people))
		v->people = (uint32_t)cell[3].i;
	return true;
}

static int find_tables(struct salvage *v)
{
	struct kith__walk w = {.row = on_schema, .ctx = v};
	struct kith__image *im = &v->image;
	uint32_t root[KITH_SALVAGE_TABLES];
	unsigned int others = v->others;

	if (im->pages == 0)
		return KITH_E_MALFORMED;
	for (unsigned int i = 0; i < v->tables; i++) {
		root[i] = v->table[i].root;
		v->table[i].root = 0;
	}
	v->others = 0;
	kith__image_walk(im, 1, &w);
	if (w.pages_lost == 0 && w.rows_lost == 0)
		return KITH_OK;
	/* those of a new database instead */
	v->report->schema_lost = true;
	v->others = others;
	for (unsigned int i = 0; i < v->tables; i++)
		v->table[i].root = root[i];
	return KITH_OK;
}

/* The number of the schema, from page 1; where that is lost, this program's own is taken. */
static int find_version(struct salvage *v)
{
	struct kith__image *im = &v->image;
	struct kith_reader in;
	int64_t found;

	v->version = kith__schema_version(KITH_DB_ACCOUNT);
	if (im->pages == 0)
		return KITH_E_MALFORMED;
	if (!kith__image_plain(im, 1))
		return KITH_OK;
	kith_reader_init(&in, im->seal.plain + 60, 4);
	found = (int64_t)kith_read_u16be(&in) << 16;
	found |= kith_read_u16be(&in);
	kith_wipe(im->seal.plain, im->seal.page);
	return found == v->version ? KITH_OK : KITH_E_VERSION;
}

/* ---- pages without a tree ---- */

/* A row of the index of contacts: key, id. */
static bool on_person(void *ctx, int64_t rowid, const struct kith__cell *cell, unsigned int count)
{
	struct salvage *v = ctx;
	uint8_t *to;

	(void)rowid;
	if (count != 2 || cell[0].type != KITH_VALUE_BLOB || cell[0].len != 32 ||
	    cell[1].type != KITH_VALUE_INT || cell[1].i <= 0)
		return false;
	to = kith__bytes_room(&v->known, KNOWN, KNOWN * KITH_CONTACTS_MAX);
	if (to == NULL)
		return false;
	kith_store_u64(to, (uint64_t)cell[1].i);
	memcpy(to + 8, cell[0].p, 32);
	return true;
}

static bool not_ours(void *ctx, int64_t rowid, const struct kith__cell *cell, unsigned int count)
{
	(void)ctx;
	(void)rowid;
	(void)cell;
	(void)count;
	return true;
}

/* Whether a sound leaf may be of this table at all. */
static bool may_own(const struct salvage *v, const struct table *t, unsigned int kind)
{
	if (t->walk.pages_lost == 0 || t->rowid != (kind == 13))
		return false;
	/* short rows look like those of indexes and of the search index */
	return v->others_lost == 0 || (t->rowid && t->columns >= 6);
}

static void adopt(struct salvage *v, uint32_t number, unsigned int kind)
{
	struct table *found = NULL;
	unsigned int fit = 0;

	for (unsigned int i = 0; i < v->tables; i++) {
		struct table *t = &v->table[i];
		struct kith__walk w = {.row = on_row, .ctx = t};

		if (!may_own(v, t, kind))
			continue;
		t->check = true;
		t->fits = t->differs = false;
		kith__image_try(&v->image, number, &w);
		t->check = false;
		if (!t->fits || t->differs)
			continue;
		found = t;
		fit++;
	}
	v->report->pages_orphan++;
	if (fit == 1)
		kith__image_page(&v->image, number, &found->walk);
}

static void walk_all(struct salvage *v)
{
	struct kith__image *im = &v->image;

	for (unsigned int i = 0; i < v->others; i++) {
		struct kith__walk w = {.row = not_ours, .ctx = NULL};

		if (v->other[i] == v->people)
			w = (struct kith__walk){.row = on_person, .ctx = v};
		kith__image_walk(im, v->other[i], &w);
		v->others_lost += w.pages_lost != 0;
	}
	for (unsigned int i = 0; i < v->tables; i++) {
		struct table *t = &v->table[i];

		t->walk = (struct kith__walk){.row = on_row, .ctx = t};
		if (t->root != 0)
			kith__image_walk(im, t->root, &t->walk);
		else
			t->walk.pages_lost++;
	}
	for (uint32_t n = 2; n <= im->pages && v->status == KITH_OK; n++) {
		unsigned int kind = kith__image_orphan(im, n);

		if (kind != 0)
			adopt(v, n, kind);
	}
}

/* ---- the new database as a whole ---- */

/* Rows that lead nowhere go, and what a restored copy must not do is taken from it. */
static const char *const repairs[] = {
	"DELETE FROM device WHERE contact NOT IN (SELECT id FROM contact)",
	"DELETE FROM device WHERE contact IN (SELECT id FROM contact WHERE state=3)",
	"DELETE FROM peerbox WHERE contact IN (SELECT id FROM contact WHERE state=3)",
	"DELETE FROM request WHERE ik IN (SELECT ik FROM contact WHERE state=3)",
	"DELETE FROM reqroot WHERE ik IN (SELECT ik FROM contact WHERE state=3)",
	"DELETE FROM taglist WHERE device IN (SELECT id FROM contact WHERE state=3)",
	"DELETE FROM tagchain WHERE device IN (SELECT id FROM contact WHERE state=3)",
	"DELETE FROM ratchet WHERE device NOT IN (SELECT id FROM device)",
	"DELETE FROM ratchet_keys WHERE device NOT IN (SELECT device FROM ratchet)",
	"DELETE FROM skipped WHERE device NOT IN (SELECT device FROM ratchet)",
	"DELETE FROM tagchain WHERE version>=0 AND NOT EXISTS (SELECT 1 FROM taglist l WHERE"
	" l.device=tagchain.device AND l.dir=tagchain.dir AND l.version=tagchain.version)",
	"DELETE FROM peerbox WHERE contact NOT IN (SELECT id FROM contact)",
	"INSERT OR IGNORE INTO conversation(id,kind,contact) SELECT id,0,id FROM contact WHERE id"
	" IN (SELECT conv FROM message) AND id NOT IN (SELECT id FROM conversation)",
	"DELETE FROM conversation WHERE contact NOT IN (SELECT id FROM contact)",
	"DELETE FROM message WHERE conv NOT IN (SELECT id FROM conversation)",
	"DELETE FROM outbox WHERE device NOT IN (SELECT id FROM device)"
	" OR message NOT IN (SELECT id FROM message)",
	"DELETE FROM copy WHERE outbox NOT IN (SELECT id FROM outbox)"
	" OR box NOT IN (SELECT id FROM peerbox)",
	"DELETE FROM attachment WHERE message NOT IN (SELECT id FROM message)"
	" OR file NOT IN (SELECT id FROM file)",
	"DELETE FROM event WHERE seq<(SELECT MAX(seq) FROM event)",
	"UPDATE ratchet SET may_send=0",
	"UPDATE device SET paths=NULL",
};

static struct table *table_of(struct salvage *v, const char *name)
{
	for (unsigned int i = 0; i < v->tables; i++) {
		if (strcmp(v->table[i].name, name) == 0)
			return &v->table[i];
	}
	return NULL;
}

static bool hurt(struct salvage *v, const char *name)
{
	const struct table *t = table_of(v, name);

	return t != NULL && (t->walk.pages_lost != 0 || t->walk.rows_lost != 0);
}

/* Contacts whose rows are lost, as removed ones: their history stays to be read, nothing is sent
 * or taken in their name, and their link makes them contacts again. */
static int remake_people(struct salvage *v)
{
	sqlite3_stmt *stmt = NULL;
	int rc = SQLITE_DONE;

	/* 3: KITH_CONTACT_REMOVED */
	if (!hurt(v, "contact") ||
	    !prepare(v, "INSERT OR IGNORE INTO contact(id,ik,state) VALUES(?1,?2,3)", &stmt))
		return v->status;
	for (size_t at = 0; at < v->known.len && rc == SQLITE_DONE; at += KNOWN) {
		const uint8_t *p = (const uint8_t *)v->known.p + at;

		rc = sqlite3_bind_int64(stmt, 1, (int64_t)kith_load_u64(p));
		if (rc == SQLITE_OK)
			rc = sqlite3_bind_blob(stmt, 2, p + 8, 32, SQLITE_STATIC);
		if (rc == SQLITE_OK)
			rc = sqlite3_step(stmt);
		if (rc == SQLITE_DONE)
			v->report->people += (unsigned int)sqlite3_changes(v->s->db);
		(void)sqlite3_reset(stmt);
	}
	(void)sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? KITH_OK : kith__sqlite_status(v->s, rc, "contact");
}

static int repair(struct salvage *v)
{
	int status = remake_people(v);

	if (status != KITH_OK)
		return status;
	/* halves of a ratchet, or halves of different times, are none */
	if (v->image.mixed)
		status = kith__exec(v->s, "DELETE FROM ratchet");
	else if (hurt(v, "ratchet_keys") || hurt(v, "ratchet"))
		status = kith__exec(v->s, "DELETE FROM ratchet WHERE device NOT IN"
					  " (SELECT device FROM ratchet_keys)");
	for (size_t i = 0; i < sizeof(repairs) / sizeof(repairs[0]) && status == KITH_OK; i++)
		status = kith__exec(v->s, repairs[i]);
	if (status == KITH_OK)
		status = kith__meta_set(v->s, "restored", 1);
	return status;
}

static int count_rows(struct salvage *v)
{
	struct kith_salvage *r = v->report;

	for (unsigned int i = 0; i < v->tables; i++) {
		struct table *t = &v->table[i];
		sqlite3_stmt *stmt = NULL;
		uint64_t kept = 0;
		char sql[64];

		(void)snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM \"%s\"", t->name);
		if (!prepare(v, sql, &stmt))
			return v->status;
		if (sqlite3_step(stmt) == SQLITE_ROW)
			kept = (uint64_t)sqlite3_column_int64(stmt, 0);
		(void)sqlite3_finalize(stmt);
		r->table[i].rows = kept;
		r->table[i].lost = t->walk.rows_lost;
		/* the log of events is given up on purpose */
		if (kept < t->rows && strcmp(t->name, "event") != 0)
			r->table[i].lost += t->rows - kept;
		r->table[i].pages_lost = t->walk.pages_lost;
		r->rows += kept;
		r->rows_lost += r->table[i].lost;
	}
	return KITH_OK;
}

static int fill(struct salvage *v)
{
	struct kith_salvage *r = v->report;
	struct table *secret;
	int status;

	status = kith__exec(v->s, "PRAGMA foreign_keys=OFF");
	read_tables(v);
	if (status == KITH_OK)
		status = v->status;
	if (status == KITH_OK)
		status = find_tables(v);
	if (status == KITH_OK)
		status = kith__exec(v->s, "BEGIN IMMEDIATE");
	if (status != KITH_OK)
		return status;
	walk_all(v);
	if (v->status == KITH_OK)
		v->status = repair(v);
	if (v->status == KITH_OK)
		v->status = kith__exec(v->s, "COMMIT");
	if (v->status == KITH_OK)
		v->status = count_rows(v);
	if (v->status != KITH_OK)
		return v->status;
	secret = table_of(v, last);
	r->keys_lost = hurt(v, last);
	/* Without the identity it would be somebody else. Guessed roots are proved by a row of
	 * `secret`, which no other table can hold, or by the key in meta. */
	if (secret == NULL || (secret->rows == 0 && (r->keys_lost || !v->generation)))
		return KITH_E_MALFORMED;
	return r->rows > 0 ? KITH_OK : KITH_E_MALFORMED;
}

static void drop_tables(struct salvage *v)
{
	for (unsigned int i = 0; i < v->tables; i++)
		(void)sqlite3_finalize(v->table[i].insert);
}

/* What a failed attempt made is no profile. */
static void unmake(struct kith_profile *p)
{
	static const char *const names[] = {"profile.key", "profile.key.2", "account.db-wal",
					    "account.db", "reserve"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (kith__file_remove(p, names[i]) != KITH_OK)
			break;
}

static int write_new(struct salvage *v, const struct kith_profile_config *to, const char *pass,
		     size_t pass_len)
{
	struct kith_profile *p = NULL;
	int status = kith_profile_create(to, pass, pass_len, &p);

	if (status != KITH_OK)
		return status;
	status = kith_store_open(p, KITH_DB_ACCOUNT, &v->s);
	if (status == KITH_OK)
		status = fill(v);
	drop_tables(v);
	if (v->s != NULL && status == KITH_OK && v->s->broken)
		status = KITH_E_IO;
	if (v->s != NULL && sqlite3_get_autocommit(v->s->db) == 0)
		(void)sqlite3_exec(v->s->db, "ROLLBACK", NULL, NULL, NULL);
	kith_store_close(v->s);
	if (status != KITH_OK)
		unmake(p);
	kith_profile_close(p);
	return status;
}

int kith_profile_salvage(struct kith_profile *from, const struct kith_profile_config *to,
			 const char *pass, size_t pass_len, struct kith_salvage *report)
{
	struct salvage *v = kith_alloc_zero(from->alloc, 1, sizeof(*v));
	int status;

	memset(report, 0, sizeof(*report));
	if (v == NULL)
		return KITH_E_NOMEM;
	v->from = from;
	v->known.alloc = from->alloc;
	v->report = report;
	status = kith__image_open(&v->image, from);
	report->pages = v->image.pages;
	report->pages_bad = v->image.bad;
	report->frames_bad = v->image.frames_bad;
	if (status == KITH_E_NOTFOUND)
		status = KITH_E_MALFORMED;
	if (status == KITH_OK)
		status = find_version(v);
	if (status == KITH_OK)
		status = write_new(v, to, pass, pass_len);
	kith__image_close(&v->image, from);
	kith__bytes_free(&v->known);
	kith_alloc_free(from->alloc, v);
	return status;
}
