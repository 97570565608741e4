/* SPDX-License-Identifier: ISC */
/*
 * Tables of the two databases, and what every handle is told before it is used (store.md 2, 4).
 *
 * A schema step is one script; `user_version` counts the steps taken, and each runs in one
 * transaction with its number. A released step never changes: a new one is added.
 */
#include <stdio.h>
#include <string.h>

#include "store/internal.h"

/* One statement of step `step` (from 1); step 0 ends the list. */
struct part {
	int step;
	const char *sql;
};

static const struct part account_parts[] = {
	{1, "CREATE TABLE meta(k TEXT PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID"},
	{1, "CREATE TABLE secret(name TEXT NOT NULL, slot INTEGER NOT NULL, body BLOB NOT NULL,"
	    " expires_s INTEGER, PRIMARY KEY(name,slot)) STRICT, WITHOUT ROWID"},
	{1, "CREATE TABLE setting(k TEXT PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID"},
	{1,
	 "CREATE TABLE invitation(id INTEGER PRIMARY KEY,"
	 " cap BLOB NOT NULL UNIQUE CHECK(length(cap)=16), label TEXT, created_ms INTEGER NOT NULL,"
	 " uses INTEGER, revoked INTEGER) STRICT"},
	{1, "CREATE TABLE request(id INTEGER PRIMARY KEY, dir INTEGER NOT NULL, ik BLOB NOT NULL,"
	    " body BLOB, name TEXT, greeting TEXT, bits INTEGER, state INTEGER NOT NULL,"
	    " at_ms INTEGER, UNIQUE(dir,ik)) STRICT"},
	{1, "CREATE TABLE reqroot(ik BLOB NOT NULL, created_s INTEGER NOT NULL, root BLOB NOT NULL,"
	    " PRIMARY KEY(ik,created_s)) STRICT, WITHOUT ROWID"},
	{1,
	 "CREATE TABLE contact(id INTEGER PRIMARY KEY, ik BLOB NOT NULL UNIQUE"
	 " CHECK(length(ik)=32), state INTEGER NOT NULL, name TEXT, alias TEXT, verified INTEGER,"
	 " presence BLOB, ms BLOB, presence_epoch INTEGER, manifest_version INTEGER, manifest BLOB,"
	 " list_version INTEGER, cap BLOB, added_ms INTEGER) STRICT"},
	{1, "CREATE TABLE device(id INTEGER PRIMARY KEY,"
	    " contact INTEGER NOT NULL REFERENCES contact ON DELETE CASCADE,"
	    " dev BLOB NOT NULL CHECK(length(dev)=4), dk BLOB, xk BLOB, lk BLOB, epoch INTEGER,"
	    " last_in BLOB, last_out BLOB, paths BLOB, links BLOB, removed INTEGER,"
	    " UNIQUE(contact,dev)) STRICT"},
	{1, "CREATE TABLE ratchet(device INTEGER PRIMARY KEY REFERENCES device ON DELETE CASCADE,"
	    " epoch INTEGER, may_send INTEGER, body BLOB NOT NULL) STRICT"},
	{1, "CREATE TABLE skipped(device INTEGER NOT NULL, hk BLOB NOT NULL, n INTEGER NOT NULL,"
	    " key BLOB NOT NULL, expires_s INTEGER NOT NULL, PRIMARY KEY(device,hk,n))"
	    " STRICT, WITHOUT ROWID"},
	{1, "CREATE TABLE taglist(device INTEGER NOT NULL, dir INTEGER NOT NULL,"
	    " version INTEGER NOT NULL, low INTEGER, next INTEGER, used BLOB, until_s INTEGER,"
	    " PRIMARY KEY(device,dir,version)) STRICT, WITHOUT ROWID"},
	{1, "CREATE TABLE tagchain(device INTEGER NOT NULL, dir INTEGER NOT NULL,"
	    " version INTEGER NOT NULL, box BLOB NOT NULL, t BLOB NOT NULL,"
	    " PRIMARY KEY(device,dir,version,box)) STRICT, WITHOUT ROWID"},
	{1, "CREATE TABLE todelete(ml BLOB NOT NULL, d BLOB NOT NULL, due_ms INTEGER NOT NULL,"
	    " expires_s INTEGER NOT NULL, PRIMARY KEY(ml,d)) STRICT, WITHOUT ROWID"},
	{1, "CREATE TABLE seen(h BLOB PRIMARY KEY CHECK(length(h)=16), expires_s INTEGER NOT NULL)"
	    " STRICT, WITHOUT ROWID"},
	{1, "CREATE TABLE conversation(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
	    " contact INTEGER UNIQUE REFERENCES contact, grp BLOB UNIQUE, title TEXT, draft TEXT,"
	    " hlc INTEGER, read_id INTEGER, peer_read_id INTEGER, unread INTEGER, keep_s INTEGER,"
	    " muted INTEGER, pinned INTEGER, archived INTEGER) STRICT"},
	{1, "CREATE TABLE message(id INTEGER PRIMARY KEY, conv INTEGER NOT NULL"
	    " REFERENCES conversation, author INTEGER NOT NULL,"
	    " mid BLOB NOT NULL CHECK(length(mid)=16), epoch INTEGER, seq INTEGER, hlc INTEGER,"
	    " arrived_ms INTEGER, kind INTEGER NOT NULL, reply BLOB, body TEXT, more BLOB,"
	    " expires_s INTEGER, UNIQUE(mid,author,conv)) STRICT"},
	{1, "CREATE INDEX message_conv ON message(conv,id)"},
	{1, "CREATE INDEX message_expires ON message(expires_s) WHERE expires_s IS NOT NULL"},
	{1, "CREATE TABLE part(conv INTEGER NOT NULL, author INTEGER NOT NULL, mid BLOB NOT NULL,"
	    " idx INTEGER NOT NULL, n INTEGER NOT NULL, body BLOB NOT NULL, expires_s INTEGER,"
	    " PRIMARY KEY(conv,author,mid,idx)) STRICT, WITHOUT ROWID"},
	{1,
	 "CREATE TABLE peerbox(id INTEGER PRIMARY KEY, contact INTEGER NOT NULL, version INTEGER,"
	 " rank INTEGER, ml BLOB NOT NULL, mk BLOB, addr BLOB, p INTEGER, fails INTEGER,"
	 " next_ms INTEGER, UNIQUE(contact,ml)) STRICT"},
	{1,
	 "CREATE TABLE outbox(id INTEGER PRIMARY KEY,"
	 " message INTEGER REFERENCES message ON DELETE CASCADE,"
	 " device INTEGER NOT NULL REFERENCES device, seq INTEGER, kind INTEGER NOT NULL,"
	 " epoch INTEGER, frame BLOB, tries INTEGER, next_ms INTEGER, created_ms INTEGER) STRICT"},
	{1, "CREATE INDEX outbox_due ON outbox(next_ms)"},
	{1, "CREATE INDEX outbox_seq ON outbox(device,epoch,seq)"},
	{1, "CREATE TABLE copy(outbox INTEGER NOT NULL REFERENCES outbox ON DELETE CASCADE,"
	    " box INTEGER NOT NULL REFERENCES peerbox, version INTEGER, idx INTEGER, nonce BLOB,"
	    " pos INTEGER, state INTEGER, received_s INTEGER, expires_s INTEGER, sig BLOB,"
	    " tries INTEGER, next_ms INTEGER, PRIMARY KEY(outbox,box)) STRICT, WITHOUT ROWID"},
	{1, "CREATE TABLE mybox(ml BLOB PRIMARY KEY, mk BLOB, addr BLOB, source INTEGER,"
	    " since_ms INTEGER, rank INTEGER, version INTEGER, state INTEGER, score INTEGER,"
	    " drain_until_s INTEGER) STRICT, WITHOUT ROWID"},
	{1, "CREATE TABLE cursor(ml BLOB NOT NULL, secret INTEGER NOT NULL, day INTEGER,"
	    " pos INTEGER, PRIMARY KEY(ml,secret)) STRICT, WITHOUT ROWID"},
	{1, "CREATE TABLE event(seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL,"
	    " type INTEGER NOT NULL, conv INTEGER, first INTEGER, last INTEGER) STRICT"},
	{1,
	 "CREATE TABLE file(id INTEGER PRIMARY KEY, root BLOB, key BLOB, size INTEGER, name TEXT,"
	 " disk BLOB UNIQUE, have BLOB, state INTEGER, UNIQUE(root,key)) STRICT"},
	{1, "CREATE TABLE attachment(message INTEGER NOT NULL REFERENCES message ON DELETE CASCADE,"
	    " file INTEGER NOT NULL REFERENCES file, PRIMARY KEY(message,file))"
	    " STRICT, WITHOUT ROWID"},
	{1, "CREATE TABLE token(id INTEGER PRIMARY KEY, hash BLOB UNIQUE, label TEXT, rights TEXT,"
	    " expires_s INTEGER, last_ms INTEGER) STRICT"},
	/* What each message touches lies on fewer pages: the keys of a ratchet, which change with
	 * its steps only, stand apart; the log is numbered by the node; the outbox lives in memory
	 * and is looked up by its key. */
	{2, "CREATE TABLE ratchet_keys(device INTEGER PRIMARY KEY REFERENCES device"
	    " ON DELETE CASCADE, body BLOB NOT NULL) STRICT"},
	{2, "DROP INDEX outbox_due"},
	{2, "DROP INDEX outbox_seq"},
	{2, "CREATE TABLE log(seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL,"
	    " type INTEGER NOT NULL, conv INTEGER, first INTEGER, last INTEGER) STRICT"},
	{2, "INSERT INTO log SELECT seq,at_ms,type,conv,first,last FROM event"},
	{2, "DROP TABLE event"},
	{2, "ALTER TABLE log RENAME TO event"},
	/* Search: the index holds words and row numbers; texts stay in `message`. */
	{3, "CREATE VIRTUAL TABLE search USING fts5(body, content='message', content_rowid='id',"
	    " columnsize=0, tokenize='unicode61 remove_diacritics 2')"},
	{3, "INSERT INTO meta(k,v) VALUES('fts_row',0) ON CONFLICT(k) DO NOTHING"},
	{0, NULL},
};

static const struct part mailbox_parts[] = {
	{1, "CREATE TABLE item(id INTEGER PRIMARY KEY, tag BLOB NOT NULL UNIQUE"
	    " CHECK(length(tag)=16), day INTEGER NOT NULL, p INTEGER NOT NULL,"
	    " bucket INTEGER NOT NULL, pos INTEGER NOT NULL, class INTEGER, kind INTEGER,"
	    " received_s INTEGER, expires_s INTEGER NOT NULL, blob BLOB) STRICT"},
	{1, "CREATE INDEX item_list ON item(day,p,bucket,pos)"},
	{1, "CREATE INDEX item_expires ON item(expires_s)"},
	{1, "CREATE TABLE invite(id BLOB PRIMARY KEY, used_s INTEGER) STRICT, WITHOUT ROWID"},
	{1, "CREATE TABLE member(id BLOB PRIMARY KEY, key BLOB UNIQUE, invite BLOB, last_s INTEGER)"
	    " STRICT, WITHOUT ROWID"},
	{1, "CREATE TABLE meter(day INTEGER NOT NULL, what INTEGER NOT NULL, n INTEGER NOT NULL,"
	    " PRIMARY KEY(day,what)) STRICT, WITHOUT ROWID"},
	{1, "CREATE TABLE record(key BLOB PRIMARY KEY, seq INTEGER NOT NULL, from_s INTEGER,"
	    " until_s INTEGER, del BLOB, body BLOB NOT NULL) STRICT, WITHOUT ROWID"},
	{1, "CREATE TABLE box(k TEXT PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID"},
	{0, NULL},
};

static const struct part *parts_of(enum kith_db which)
{
	static const struct part *const lists[] = {account_parts, mailbox_parts};

	return lists[which];
}

int kith__schema_version(enum kith_db which)
{
	int last = 0;

	for (const struct part *p = parts_of(which); p->step != 0; p++)
		last = p->step;
	return last;
}

int kith__exec(struct kith_store *s, const char *sql)
{
	return kith__sqlite_status(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL), "exec");
}

/* Runs once the handle is set up: no second file, no change of form (store.md 5, trap 7). */
static int authorize(void *ctx, int action, const char *a, const char *b, const char *database,
		     const char *inner)
{
	static const char *const refused[] = {"page_size",   "journal_mode", "locking_mode",
					      "synchronous", "cache_spill",  "temp_store"};

	(void)ctx;
	(void)database;
	(void)inner;
	if (action == SQLITE_ATTACH || action == SQLITE_DETACH)
		return SQLITE_DENY;
	if (action != SQLITE_PRAGMA || a == NULL || b == NULL)
		return SQLITE_OK;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (sqlite3_stricmp(a, refused[i]) == 0)
			return SQLITE_DENY;
	}
	return SQLITE_OK;
}

static void set_limits(sqlite3 *db)
{
	static const int limits[][2] = {
		{SQLITE_LIMIT_LENGTH, 16 << 20}, {SQLITE_LIMIT_SQL_LENGTH, 65536},
		{SQLITE_LIMIT_ATTACHED, 1},      {SQLITE_LIMIT_COMPOUND_SELECT, 8},
		{SQLITE_LIMIT_EXPR_DEPTH, 32},   {SQLITE_LIMIT_VARIABLE_NUMBER, 64},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		(void)sqlite3_limit(db, limits[i][0], limits[i][1]);
}

static int set_switches(struct kith_store *s)
{
	static const int switches[][2] = {
		{SQLITE_DBCONFIG_DEFENSIVE, 1},      {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
		{SQLITE_DBCONFIG_ENABLE_TRIGGER, 1}, {SQLITE_DBCONFIG_DQS_DML, 0},
		{SQLITE_DBCONFIG_DQS_DDL, 0},
	};
	int rc = SQLITE_OK;

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]) && rc == SQLITE_OK; i++)
		rc = sqlite3_db_config(s->db, switches[i][0], switches[i][1], (int *)NULL);
	return kith__sqlite_status(s, rc, "db_config");
}

/* Only for an empty file: page size and reserve must be set before the first page is written, and
 * the change to WAL needs a journal that is no file (trap 4). */
static int form_file(struct kith_store *s)
{
	int reserve = KITH__RESERVE, rc, status;
	char sql[64];

	(void)snprintf(sql, sizeof(sql), "PRAGMA page_size=%u", (unsigned int)s->profile->page);
	status = kith__exec(s, sql);
	if (status != KITH_OK)
		return status;
	rc = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserve);
	if (rc != SQLITE_OK)
		return kith__sqlite_status(s, rc, "reserve bytes");
	status = kith__exec(s, "PRAGMA journal_mode=MEMORY");
	if (status == KITH_OK && s->which == KITH_DB_MAILBOX)
		status = kith__exec(s, "PRAGMA auto_vacuum=INCREMENTAL");
	return status;
}

int kith__schema_prepare(struct kith_store *s, bool fresh)
{
	int status;

	set_limits(s->db);
	status = set_switches(s);
	if (status == KITH_OK)
		status = kith__exec(s, "PRAGMA locking_mode=EXCLUSIVE");
	if (status == KITH_OK && fresh)
		status = form_file(s);
	if (status == KITH_OK)
		status = kith__exec(s, "PRAGMA temp_store=MEMORY;"
				       "PRAGMA synchronous=FULL;"
				       "PRAGMA cache_spill=0;"
				       "PRAGMA cache_size=-16384;"
				       "PRAGMA secure_delete=ON;"
				       "PRAGMA trusted_schema=OFF;"
				       "PRAGMA foreign_keys=ON;"
				       "PRAGMA journal_mode=WAL;"
				       "PRAGMA synchronous=FULL;"
				       "PRAGMA wal_autocheckpoint=0;"
				       "PRAGMA journal_size_limit=16777216");
	if (status == KITH_OK)
		(void)sqlite3_set_authorizer(s->db, authorize, NULL);
	return status;
}

static int one_integer(struct kith_store *s, const char *sql, const char *key, int64_t *value)
{
	sqlite3_stmt *stmt = NULL;
	int rc;

	rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
	if (rc == SQLITE_OK && key != NULL)
		rc = sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*value = sqlite3_column_int64(stmt, 0);
	else if (rc == SQLITE_DONE)
		*value = 0;
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		rc = SQLITE_OK;
	rc = kith__sqlite_status(s, rc, sql);
	(void)sqlite3_finalize(stmt);
	return rc;
}

int kith__meta_get(struct kith_store *s, const char *key, int64_t *value)
{
	return one_integer(s,
			   s->which == KITH_DB_ACCOUNT ? "SELECT v FROM meta WHERE k=?1"
						       : "SELECT v FROM box WHERE k=?1",
			   key, value);
}

int kith__meta_set(struct kith_store *s, const char *key, int64_t value)
{
	enum kith_op_kind kind = s->which == KITH_DB_ACCOUNT ? KITH_OP_META_SET : KITH_OP_BOX_SET;
	sqlite3_stmt *stmt = NULL;
	int rc;

	rc = sqlite3_prepare_v2(s->db, kith__op_sql(kind), -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(stmt, 2, value);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	rc = kith__sqlite_status(s, rc == SQLITE_DONE ? SQLITE_OK : rc, key);
	(void)sqlite3_finalize(stmt);
	return rc;
}

static int take_step(struct kith_store *s, int step)
{
	char sql[96];
	int status;

	status = kith__exec(s, "BEGIN IMMEDIATE");
	if (status != KITH_OK)
		return status;
	(void)snprintf(sql, sizeof(sql), "PRAGMA application_id=%d; PRAGMA user_version=%d",
		       KITH__APPLICATION, step);
	for (const struct part *p = parts_of(s->which); p->step != 0 && status == KITH_OK; p++) {
		if (p->step == step)
			status = kith__exec(s, p->sql);
	}
	if (status == KITH_OK)
		status = kith__exec(s, sql);
	if (status == KITH_OK)
		status = kith__exec(s, "COMMIT");
	if (status != KITH_OK)
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return status;
}

int kith__schema_migrate(struct kith_store *s, bool fresh)
{
	int64_t application = 0, version = 0;
	int last = kith__schema_version(s->which), status;

	if (s->profile->schema_last != 0 && s->profile->schema_last < last)
		last = s->profile->schema_last;

	status = one_integer(s, "PRAGMA application_id", NULL, &application);
	if (status == KITH_OK)
		status = one_integer(s, "PRAGMA user_version", NULL, &version);
	if (status != KITH_OK)
		return status;
	if (!fresh && application != KITH__APPLICATION)
		return KITH_E_MALFORMED;
	if (version < 0 || version > last)
		return KITH_E_VERSION;
	for (int step = (int)version + 1; step <= last; step++) {
		status = take_step(s, step);
		if (status != KITH_OK)
			return status;
	}
	return KITH_OK;
}

int kith__schema_check(struct kith_store *s)
{
	sqlite3_stmt *stmt = NULL;
	const unsigned char *text;
	int rc, status;
	bool ok = false;

	rc = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		text = sqlite3_column_text(stmt, 0);
		ok = text != NULL && strcmp((const char *)text, "ok") == 0;
		rc = SQLITE_OK;
	}
	status = kith__sqlite_status(s, rc, "quick_check");
	(void)sqlite3_finalize(stmt);
	return status == KITH_OK && !ok ? KITH_E_MALFORMED : status;
}
