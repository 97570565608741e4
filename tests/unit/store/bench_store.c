/* SPDX-License-Identifier: ISC */
/*
 * Group store: sealed against plain databases in turn, then one of 1,000,000 messages: its size,
 * how long it takes to open, to search and to page. Runs in a folder of its own.
 */
#include "tests/bench/kith_bench.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/internal.h"

enum {
	ROUNDS = 5,
	TX = 1500,
	QUICK_TX = 50,
	BATCHED = 30000,
	QUICK_BATCHED = 1000,
	BATCH = 100,
	MANY = 1000000,
	QUICK_MANY = 5000,
	FILL = 1000,
	QUERIES = 2000,
	QUICK_QUERIES = 50,
	VOCABULARY = 40000,
	TEXT = 65
};

static struct {
	char dir[256];
	struct kith_rng rng;
	struct kith_profile *p;
	struct kith_store *s;
	uint64_t state;
} w;

static uint64_t draw(void)
{
	w.state ^= w.state << 13;
	w.state ^= w.state >> 7;
	w.state ^= w.state << 17;
	return w.state;
}

static void remove_folder(void)
{
	DIR *d = opendir(w.dir);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		(void)closedir(d);
	(void)rmdir(w.dir);
}

static bool open_profile(bool fresh, bool plain)
{
	struct kith_profile_config cfg = {.rng = &w.rng, .dir = w.dir};
	int status = fresh ? kith_profile_create(&cfg, NULL, 0, &w.p)
			   : kith_profile_open(&cfg, NULL, 0, &w.p);

	if (status != KITH_OK)
		return false;
	w.p->plain = plain;
	return kith_store_open(w.p, KITH_DB_ACCOUNT, &w.s) == KITH_OK;
}

static void close_profile(void)
{
	kith_store_close(w.s);
	kith_profile_close(w.p);
	w.s = NULL;
	w.p = NULL;
}

static bool put(struct kith_op *op)
{
	uint64_t batch;

	return kith_store_put(w.s, op, &batch) == KITH_OK;
}

/* Runs what the store wants done, until it wants nothing. */
static bool commit(kith_time now)
{
	struct kith_job *job = NULL;
	bool ok = true;

	while (ok && kith_store_job(w.s, &job)) {
		job->run(job);
		ok = kith_store_done(w.s, job, now) == KITH_OK;
	}
	return ok;
}

static bool put_people(void)
{
	struct kith_op op = kith_op(KITH_OP_CONTACT_PUT);
	uint8_t ik[32] = {1};
	bool ok;

	kith_op_int(&op, 1);
	kith_op_blob(&op, ik, sizeof(ik));
	kith_op_int(&op, 1);
	for (int i = 0; i < 11; i++)
		kith_op_null(&op);
	ok = put(&op);
	op = kith_op(KITH_OP_CONVERSATION_PUT);
	for (int i = 0; i < 3; i++)
		kith_op_int(&op, 1);
	for (int i = 0; i < 10; i++)
		kith_op_null(&op);
	return ok && put(&op) && commit(0);
}

/* Word `rank`: common ones are short. */
static size_t word(char *out, size_t room, uint64_t rank)
{
	static const char syllables[16][4] = {"ka", "ri",  "mo", "ten", "sa", "lu", "pe", "no",
					      "di", "gar", "fi", "to",  "ne", "be", "hu", "za"};
	size_t len = 0;

	do {
		len += (size_t)snprintf(out + len, room - len, "%s", syllables[rank % 16]);
		rank /= 16;
	} while (rank > 0 && len + 4 < room);
	return len;
}

/* 65 bytes of words; a word of rank r comes about as often as 1/r. */
static void text_of(char out[TEXT + 32])
{
	size_t len = 0;

	while (len < TEXT) {
		uint64_t top = 2u + draw() % VOCABULARY;

		len += word(out + len, 24, draw() % top);
		out[len++] = ' ';
	}
	out[TEXT] = '\0';
}

static bool put_message(int64_t id)
{
	struct kith_op op = kith_op(KITH_OP_MESSAGE_PUT);
	uint8_t mid[16];
	char text[TEXT + 32];

	for (size_t i = 0; i < 8; i++)
		mid[i] = (uint8_t)((uint64_t)id >> (56 - 8 * i));
	kith_store_u64(mid + 8, draw());
	text_of(text);
	kith_op_int(&op, id);
	kith_op_int(&op, 1);
	kith_op_int(&op, id % 2);
	kith_op_blob(&op, mid, sizeof(mid));
	kith_op_int(&op, 1);
	kith_op_int(&op, id);
	kith_op_int(&op, (int64_t)((1794960000000u + (uint64_t)id * 1000) << 16));
	kith_op_int(&op, 1794960000000 + id * 1000);
	kith_op_int(&op, 1);
	kith_op_null(&op);
	kith_op_text(&op, text, TEXT);
	kith_op_null(&op);
	kith_op_null(&op);
	return put(&op);
}

static bool put_event(int64_t id)
{
	struct kith_op op = kith_op(KITH_OP_EVENT_PUT);

	kith_op_int(&op, id);
	kith_op_int(&op, 1794960000000 + id * 1000);
	kith_op_int(&op, 1);
	kith_op_int(&op, 1);
	kith_op_int(&op, id);
	kith_op_int(&op, id);
	return put(&op);
}

/* Rows per second of `rows` messages in batches of `size`; 0: failed. */
static double rate(bool plain, int64_t rows, int64_t size)
{
	bool ok = open_profile(true, plain) && put_people();
	double start = bench_us(), took;

	for (int64_t id = 1; ok && id <= rows; id++)
		ok = put_message(id) && (id % size != 0 || commit(0));
	took = bench_us() - start;
	close_profile();
	remove_folder();
	return ok ? (double)rows / took * 1e6 : 0;
}

static bool compare(const char *name, int64_t rows, int64_t size)
{
	double sealed[ROUNDS], plain[ROUNDS], ratio[ROUNDS];
	int rounds = bench_options.quick ? 1 : ROUNDS;
	char full[64];

	for (int i = 0; i < rounds; i++) {
		plain[i] = rate(true, rows, size);
		sealed[i] = rate(false, rows, size);
		if (plain[i] <= 0 || sealed[i] <= 0)
			return false;
		ratio[i] = sealed[i] / plain[i];
	}
	bench_sort(plain, (size_t)rounds);
	bench_sort(sealed, (size_t)rounds);
	bench_sort(ratio, (size_t)rounds);
	bench_row(name, sealed[rounds / 2], "1/s", (uint64_t)rows);
	(void)snprintf(full, sizeof(full), "%s_plain", name);
	bench_row(full, plain[rounds / 2], "1/s", (uint64_t)rows);
	(void)snprintf(full, sizeof(full), "%s.ratio", name);
	bench_row(full, ratio[rounds / 2], "", (uint64_t)rounds);
	return true;
}

/* ---- one large history ---- */

static bool fill(int64_t rows)
{
	bool ok = true;
	double start = bench_us();
	struct stat st;
	char path[300];

	for (int64_t id = 1; ok && id <= rows; id++)
		ok = put_message(id) && put_event(id) && (id % FILL != 0 || commit(0));
	if (!ok)
		return false;
	w.s->indexing = true; /* the rest as well */
	kith_store_tick(w.s, KITH_NEVER - 1);
	ok = commit(KITH_NEVER / 2);
	bench_row("store.fill", (double)rows / (bench_us() - start) * 1e6, "1/s", (uint64_t)rows);
	(void)snprintf(path, sizeof(path), "%s/account.db", w.dir);
	if (!ok || w.s->tail != 0 || stat(path, &st) != 0)
		return false;
	bench_row("store.bytes_per_message", (double)st.st_size / (double)rows, "B",
		  (uint64_t)rows);
	return true;
}

static bool reopen(bool clean, uint64_t rows)
{
	double start;
	bool ok;

	if (!clean && kith__meta_set(w.s, "clean", 0) != KITH_OK)
		return false;
	if (!clean)
		w.s->broken = true; /* as after a kill: no clean mark, no checkpoint */
	close_profile();
	start = bench_us();
	ok = open_profile(false, false);
	bench_row(clean ? "store.open" : "store.open_unclean", (bench_us() - start) / 1e6, "s",
		  rows);
	return ok;
}

static bool read_timed(struct kith_op *op, double *ms, unsigned *found)
{
	double start = bench_us();
	struct kith_rows rows;
	bool ok = kith_store_read_now(w.s, op, &rows) == KITH_OK;

	*ms = (bench_us() - start) / 1e3;
	while (ok && kith_rows_next(&rows))
		++*found;
	return ok;
}

/* A rare word, a common one, the beginning of one, two together. */
static void query(struct kith_op *op, int i, char text[64])
{
	size_t len;

	switch (i % 4) {
	case 0: len = word(text, 32, 2000 + draw() % (VOCABULARY - 2000)); break;
	case 1: len = word(text, 32, draw() % 16); break;
	case 2:
		len = word(text, 32, 256 + draw() % 1000);
		len = len > 4 ? 4 : len;
		text[len++] = '*';
		break;
	default:
		len = word(text, 24, draw() % 200);
		text[len++] = ' ';
		len += word(text + len, 24, draw() % 3000);
		break;
	}
	*op = kith_op(KITH_OP_SEARCH);
	kith_op_text(op, text, len);
	kith_op_int(op, INT64_MAX);
	kith_op_int(op, 50);
	kith_op_null(op);
}

static bool search(const char *name)
{
	int n = bench_options.quick ? QUICK_QUERIES : QUERIES;
	static double ms[QUERIES];
	unsigned found = 0;
	struct kith_op op;
	char text[64];

	for (int i = 0; i < n; i++) {
		query(&op, i, text);
		if (!read_timed(&op, &ms[i], &found))
			return false;
	}
	bench_quantiles(name, ms, (size_t)n, "ms");
	return found > 0;
}

static bool pages(int64_t rows)
{
	int n = bench_options.quick ? QUICK_QUERIES : QUERIES;
	static double ms[QUERIES];
	unsigned found = 0;
	struct kith_op op;

	for (int i = 0; i < n; i++) {
		op = kith_op(KITH_OP_HISTORY_BEFORE);
		kith_op_int(&op, 1);
		kith_op_int(&op, 51 + (int64_t)(draw() % (uint64_t)(rows - 50)));
		kith_op_int(&op, 50);
		if (!read_timed(&op, &ms[i], &found))
			return false;
	}
	bench_quantiles("history.page", ms, (size_t)n, "ms");
	return found == (unsigned)n * 50;
}

static bool large(void)
{
	int64_t rows = bench_options.quick ? QUICK_MANY : MANY;
	bool ok = open_profile(true, false) && put_people() && fill(rows) &&
		  reopen(true, (uint64_t)rows) && search("search.1m") && pages(rows);

	/* a tail of the greatest length: what it adds to a search */
	for (int64_t id = rows + 1; ok && id < rows + KITH_SEARCH_TAIL_MAX && !bench_options.quick;
	     id++)
		ok = put_message(id) && (id % FILL != 0 || commit(0));
	ok = ok && commit(0) && search("search.tail") && reopen(false, (uint64_t)rows);
	if (w.s != NULL)
		close_profile();
	return ok;
}

int bench_store(void)
{
	bool quick = bench_options.quick, ok;

	w.rng = kith_crypto_system_rng();
	w.state = 0x6b697468;
	(void)snprintf(w.dir, sizeof(w.dir), "%s/kith-bench-store.%ld",
		       bench_options.dir != NULL ? bench_options.dir : "/tmp", (long)getpid());
	ok = compare("store.tx_full", quick ? QUICK_TX : TX, 1) &&
	     compare("store.batch", quick ? QUICK_BATCHED : BATCHED, BATCH) && large();
	remove_folder();
	return ok ? 0 : bench_fail("store: something failed");
}
