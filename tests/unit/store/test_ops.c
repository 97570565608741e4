/* SPDX-License-Identifier: ISC */
/* Every operation of ops.def: it prepares, takes as many values as its SQL has, and keeps them. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/store/help.h"

struct world {
	struct test_disk disk;
	struct kith_rng rng;
	struct kith_profile *profile;
	struct kith_store *store[2];
};

static void begin(struct world *w)
{
	struct kith_profile_config cfg;

	test_disk_init(&w->disk);
	w->rng = test_rng(test_seed());
	cfg = help_config(&w->disk, "p", &w->rng);
	CHECK_OK(kith_profile_create(&cfg, NULL, 0, &w->profile));
	CHECK_OK(kith_store_open(w->profile, KITH_DB_ACCOUNT, &w->store[0]));
	CHECK_OK(kith_store_open(w->profile, KITH_DB_MAILBOX, &w->store[1]));
}

static void end(struct world *w)
{
	kith_store_close(w->store[0]);
	kith_store_close(w->store[1]);
	kith_profile_close(w->profile);
	test_disk_free(&w->disk);
}

static sqlite3_stmt *prepared(struct world *w, enum kith_op_kind kind)
{
	sqlite3 *db = w->store[kith__op_db(kind)]->db;
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(db, kith__op_sql(kind), -1, &stmt, NULL) != SQLITE_OK)
		test_fail(__FILE__, __LINE__, "%s: %s", kith__op_name(kind), sqlite3_errmsg(db));
	return stmt;
}

TEST(every_operation_prepares)
{
	sqlite3_stmt *stmt;
	struct world w;
	int n;

	begin(&w);
	for (int i = 0; i < KITH_OP_COUNT; i++) {
		stmt = prepared(&w, (enum kith_op_kind)i);
		n = sqlite3_bind_parameter_count(stmt);
		CHECK(n <= (int)KITH_OP_VALUES);
		/* ?1 .. ?n without a hole: each is used by name */
		for (int at = 1; at <= n; at++)
			CHECK(sqlite3_bind_parameter_name(stmt, at) != NULL);
		n = sqlite3_column_count(stmt);
		CHECK_EQ(n != 0, kith__op_how((enum kith_op_kind)i) == 'R');
		CHECK(n <= (int)KITH_OP_VALUES);
		CHECK_EQ(sqlite3_stmt_readonly(stmt) != 0,
			 kith__op_how((enum kith_op_kind)i) == 'R');
		(void)sqlite3_finalize(stmt);
	}
	end(&w);
}

/* A put and the read that shows what it kept: columns in the order of the parameters. */
static const struct {
	enum kith_op_kind put, load;
	const char *types; /* i integer, b blob 32, c blob 16, d blob 4, t text, 1 the integer 1 */
} pairs[] = {
	{KITH_OP_META_SET, KITH_OP_LOAD_META, "ti"},
	{KITH_OP_SECRET_PUT, KITH_OP_LOAD_SECRET, "tibi"},
	{KITH_OP_SETTING_SET, KITH_OP_LOAD_SETTING, "tt"},
	{KITH_OP_INVITATION_PUT, KITH_OP_LOAD_INVITATION, "1ctiii"},
	{KITH_OP_REQUEST_PUT, KITH_OP_LOAD_REQUEST, "1ibbttiii"},
	{KITH_OP_REQROOT_PUT, KITH_OP_LOAD_REQROOT, "bib"},
	{KITH_OP_CONTACT_PUT, KITH_OP_LOAD_CONTACT, "1bittibbiibici"},
	{KITH_OP_DEVICE_PUT, KITH_OP_LOAD_DEVICE, "11dbbbibbbbi"},
	{KITH_OP_RATCHET_PUT, KITH_OP_LOAD_RATCHET, "1iib"},
	{KITH_OP_SKIPPED_PUT, KITH_OP_LOAD_SKIPPED, "1bibi"},
	{KITH_OP_TAGLIST_PUT, KITH_OP_LOAD_TAGLIST, "1iiiibi"},
	{KITH_OP_TAGCHAIN_PUT, KITH_OP_LOAD_TAGCHAIN, "1iibb"},
	{KITH_OP_TODELETE_PUT, KITH_OP_LOAD_TODELETE, "bbii"},
	{KITH_OP_SEEN_PUT, KITH_OP_LOAD_SEEN, "ci"},
	{KITH_OP_CONVERSATION_PUT, KITH_OP_LOAD_CONVERSATION, "1i1ttiiiiiiii"},
	{KITH_OP_PEERBOX_PUT, KITH_OP_LOAD_PEERBOX, "11iibbbiii"},
	{KITH_OP_MYBOX_PUT, KITH_OP_LOAD_MYBOX, "bbbiiiiiii"},
	{KITH_OP_CURSOR_PUT, KITH_OP_LOAD_CURSOR, "biii"},
	{KITH_OP_BOX_SET, KITH_OP_LOAD_BOX, "tb"},
	{KITH_OP_INVITE_PUT, KITH_OP_LOAD_INVITE, "bi"},
	{KITH_OP_MEMBER_PUT, KITH_OP_LOAD_MEMBER, "bbbi"},
	{KITH_OP_RECORD_PUT, KITH_OP_LOAD_RECORD, "biiibb"},
};

static void fill(struct kith_op *op, const char *types, uint8_t bytes[16][32])
{
	for (size_t i = 0; types[i] != '\0'; i++) {
		memset(bytes[i], 'A' + (int)i + (int)op->kind % 7, 32);
		switch (types[i]) {
		case '1': kith_op_int(op, 1); break;
		case 'i': kith_op_int(op, (int64_t)i * -1000000007 - op->kind); break;
		case 'b': kith_op_blob(op, bytes[i], 32); break;
		case 'c': kith_op_blob(op, bytes[i], 16); break;
		case 'd': kith_op_blob(op, bytes[i], 4); break;
		case 't': kith_op_text(op, (const char *)bytes[i], 5); break;
		default: CHECK(false);
		}
	}
}

static void same(const struct kith_op *op, const struct kith_rows *rows)
{
	const uint8_t *p;
	size_t len;

	for (unsigned int i = 0; i < op->count; i++) {
		CHECK_EQ(rows->v[i].type, op->v[i].type);
		if (op->v[i].type == KITH_VALUE_INT) {
			CHECK_EQ(kith_rows_int(rows, i), op->v[i].i);
			continue;
		}
		p = kith_rows_blob(rows, i, &len);
		CHECK_EQ(len, op->v[i].len);
		CHECK_MEM(p, op->v[i].p, len);
	}
}

/* Looks for the row whose first value is that of the put. */
static void find_row(struct world *w, const struct kith_op *op, enum kith_op_kind load)
{
	struct kith_op read = kith_op(load);
	struct kith_rows rows;

	CHECK_OK(kith_store_read_now(w->store[kith__op_db(load)], &read, &rows));
	/* a ratchet comes with its second row */
	CHECK_EQ(rows.columns, op->count + (load == KITH_OP_LOAD_RATCHET));
	while (kith_rows_next(&rows)) {
		if (op->v[0].type == KITH_VALUE_INT
			    ? rows.v[0].i == op->v[0].i
			    : rows.v[0].len == op->v[0].len &&
				      memcmp(rows.v[0].p, op->v[0].p, op->v[0].len) == 0) {
			same(op, &rows);
			return;
		}
	}
	test_fail(__FILE__, __LINE__, "%s: no row", kith__op_name(op->kind));
}

TEST(every_load_gives_back_what_was_put)
{
	uint8_t bytes[16][32];
	struct world w;

	begin(&w);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct kith_op op = kith_op(pairs[i].put);
		struct kith_store *s = w.store[kith__op_db(pairs[i].put)];

		fill(&op, pairs[i].types, bytes);
		help_put(s, &op);
		if (help_commit(s) != KITH_OK)
			test_fail(__FILE__, __LINE__, "%s", kith_store_sentence(s));
		find_row(&w, &op, pairs[i].load);
		help_put(s, &op); /* again: replaced or left, never an error */
		if (help_commit(s) != KITH_OK)
			test_fail(__FILE__, __LINE__, "%s", kith_store_sentence(s));
		find_row(&w, &op, pairs[i].load);
	}
	end(&w);
}

static struct kith_op simple(enum kith_op_kind kind, unsigned int count, const int64_t *v)
{
	struct kith_op op = kith_op(kind);

	for (unsigned int i = 0; i < count; i++)
		kith_op_int(&op, v[i]);
	return op;
}

#define INTS(kind, ...) \
	simple(KITH_OP_##kind, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), \
	       (int64_t[]){__VA_ARGS__})

static void run(struct kith_store *s, struct kith_op op)
{
	help_put(s, &op);
	if (help_commit(s) != KITH_OK)
		test_fail(__FILE__, __LINE__, "%s", kith_store_sentence(s));
}

static struct kith_op outbox_put(int64_t id, int64_t seq)
{
	struct kith_op op = INTS(OUTBOX_PUT, id, 1, 1, seq, 2, 5);

	kith_op_blob(&op, "frame", 5);
	kith_op_int(&op, 0);
	kith_op_int(&op, 100);
	kith_op_int(&op, 50);
	return op;
}

TEST(outbox_rows_go_by_range_and_take_their_copies)
{
	struct kith_op op;
	struct world w;
	char text[32];

	begin(&w);
	help_people(w.store[0]);
	run(w.store[0], help_message(1, 20, text));
	op = INTS(PEERBOX_PUT, 1, 1, 1, 1);
	kith_op_blob(&op, "ml", 2);
	for (int i = 0; i < 5; i++)
		kith_op_null(&op);
	run(w.store[0], op);
	for (int64_t id = 1; id <= 5; id++)
		run(w.store[0], outbox_put(id, id - 1)); /* seq 0: not yet sent */
	op = INTS(COPY_PUT, 2, 1, 1, 9);
	kith_op_blob(&op, "nonce", 5);
	for (int i = 0; i < 7; i++) {
		if (i == 4)
			kith_op_blob(&op, "signature", 9);
		else
			kith_op_int(&op, i);
	}
	run(w.store[0], op);
	CHECK_EQ(help_rows(w.store[0], KITH_OP_LOAD_COPY), 1);
	run(w.store[0], INTS(OUTBOX_TRY, 5, 3, 777));
	run(w.store[0], INTS(OUTBOX_RANGE_DELETE, 1, 5, 3, 1, 2)); /* seq 1, by its place */
	CHECK_EQ(help_rows(w.store[0], KITH_OP_LOAD_OUTBOX), 4);
	run(w.store[0], INTS(OUTBOX_RANGE_DELETE, 1, 5, 3, 1, 9)); /* seq 1, 2 */
	CHECK_EQ(help_rows(w.store[0], KITH_OP_LOAD_OUTBOX), 3);
	CHECK_EQ(help_rows(w.store[0], KITH_OP_LOAD_COPY), 0);
	run(w.store[0], INTS(OUTBOX_RANGE_DELETE, 1, 6, 100, 1, 9)); /* another epoch */
	CHECK_EQ(help_rows(w.store[0], KITH_OP_LOAD_OUTBOX), 3);
	run(w.store[0], INTS(OUTBOX_DELETE, 1));
	CHECK_EQ(help_rows(w.store[0], KITH_OP_LOAD_OUTBOX), 2);
	end(&w);
}

TEST(contact_takes_devices_and_ratchets_along)
{
	struct kith_op op, get = kith_op(KITH_OP_LOAD_RATCHET);
	struct kith_rows rows;
	size_t len;
	struct world w;

	begin(&w);
	help_people(w.store[0]);
	op = INTS(RATCHET_PUT, 1, 1, 1);
	kith_op_blob(&op, "body", 4);
	run(w.store[0], op);
	op = INTS(RATCHET_KEYS_PUT, 1);
	kith_op_blob(&op, "keys", 4);
	run(w.store[0], op);
	CHECK_OK(kith_store_read_now(w.store[0], &get, &rows));
	CHECK(kith_rows_next(&rows));
	CHECK_MEM(kith_rows_blob(&rows, 4, &len), "keys", 4);
	run(w.store[0], INTS(CONVERSATION_DELETE, 1));
	run(w.store[0], INTS(CONTACT_DELETE, 1));
	CHECK_EQ(help_rows(w.store[0], KITH_OP_LOAD_DEVICE), 0);
	CHECK_EQ(help_rows(w.store[0], KITH_OP_LOAD_RATCHET), 0);
	end(&w);
}

TEST(mailbox_items_are_buried_and_expire)
{
	struct kith_op op, get = INTS(ITEM_GET, 3);
	uint8_t tag[16] = {0};
	struct kith_rows rows;
	struct world w;

	begin(&w);
	for (int64_t id = 1; id <= 6; id++) {
		tag[0] = (uint8_t)(id % 5); /* 6 has the tag of 1 */
		op = INTS(ITEM_PUT, id);
		kith_op_blob(&op, tag, sizeof(tag));
		for (int64_t v = 0; v < 8; v++)
			kith_op_int(&op, v == 7 ? 100 * id : v);
		kith_op_blob(&op, "sealed", 6);
		run(w.store[1], op);
	}
	CHECK_EQ(help_rows(w.store[1], KITH_OP_LOAD_ITEM), 5);
	run(w.store[1], INTS(ITEM_BURY, 3));
	CHECK_OK(kith_store_read_now(w.store[1], &get, &rows));
	CHECK(kith_rows_next(&rows) && kith_rows_is_null(&rows, 3));
	run(w.store[1], INTS(ITEM_EXTEND, 1, 900));
	run(w.store[1], INTS(ITEM_EXPIRE, 400));
	CHECK_EQ(help_rows(w.store[1], KITH_OP_LOAD_ITEM), 2);
	end(&w);
}

TEST(history_pages_in_both_directions)
{
	struct kith_op op = INTS(HISTORY_BEFORE, 1, 8, 3);
	struct kith_rows rows;
	struct world w;
	char text[64];

	begin(&w);
	help_people(w.store[0]);
	for (int64_t id = 1; id <= 10; id++)
		run(w.store[0], help_message(id, 10, text));
	CHECK_OK(kith_store_read_now(w.store[0], &op, &rows));
	for (int64_t id = 7; id >= 5; id--) {
		CHECK(kith_rows_next(&rows));
		CHECK_EQ(kith_rows_int(&rows, 0), id);
	}
	CHECK(!kith_rows_next(&rows));
	op = INTS(HISTORY_AFTER, 1, 8, 30);
	CHECK_OK(kith_store_read_now(w.store[0], &op, &rows));
	CHECK(kith_rows_next(&rows));
	CHECK_EQ(kith_rows_int(&rows, 0), 9);
	CHECK(kith_rows_next(&rows) && !kith_rows_next(&rows));
	op = INTS(MESSAGE_BY_SEQ, 1, 1, 6);
	CHECK_OK(kith_store_read_now(w.store[0], &op, &rows));
	CHECK(kith_rows_next(&rows));
	CHECK_EQ(kith_rows_int(&rows, 0), 6);
	op = kith_op(KITH_OP_LOAD_MAX);
	CHECK_OK(kith_store_read_now(w.store[0], &op, &rows));
	CHECK(kith_rows_next(&rows));
	CHECK_EQ(rows.columns, 10);
	CHECK_EQ(kith_rows_int(&rows, 0), 10);
	CHECK_EQ(kith_rows_int(&rows, 2), 1);
	end(&w);
}
