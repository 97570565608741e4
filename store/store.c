/* SPDX-License-Identifier: ISC */
/*
 * Opening and closing of a database, and the engine's side of its batches.
 *
 * Two batches change places: one is open, the other in flight, kept (disk full) or done (its
 * answers may still be read). Between kith_store_job and kith_store_done the worker owns the
 * batch in flight and the SQLite handle; everything else here belongs to the loop.
 *
 * Opening (store.md 2, 7): the key file says whether the database was made and at which
 * generation; a database that was never made is begun anew, one that was made and is missing is
 * damage. Before any write: foreign and newer files are refused, and after an unclean stop
 * quick_check must pass.
 */
#include <stdio.h>
#include <string.h>

#include "store/internal.h"

static const char *const names[] = {"account.db", "mailbox.db"};

/* `keep`: the files stay as they are: no checkpoint, the WAL is not removed. */
static void free_store(struct kith_store *s, bool keep)
{
	const struct kith_alloc *alloc = s->profile->alloc;

	kith__search_close(s);
	for (size_t i = 0; i < KITH_OP_COUNT; i++)
		(void)sqlite3_finalize(s->statement[i]);
	if (s->db != NULL && keep)
		(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
	if (s->db != NULL)
		(void)sqlite3_close(s->db);
	kith__batch_wipe(&s->batch[0]);
	kith__batch_wipe(&s->batch[1]);
	kith__bytes_free(&s->now_rows);
	if (s->seal.plain != NULL)
		kith_wipe(s->seal.plain, s->profile->page);
	kith__secret_put(s->profile, s->seal.key, 2 * KITH_KEY);
	kith_alloc_free(alloc, s->seal.cipher);
	kith_alloc_free(alloc, s->seal.plain);
	kith_wipe(s, sizeof(*s));
	kith_alloc_free(alloc, s);
}

static int set_names(struct kith_store *s)
{
	struct kith_profile *p = s->profile;
	int status;

	status = kith__profile_path(p, s->name, s->path, sizeof(s->path));
	if (status != KITH_OK)
		return status;
	if (!p->os) {
		if (strlen(s->path) > KITH__NAME_MAX - 32)
			return KITH_E_IO;
		memcpy(s->sqlite_name, s->path, sizeof(s->path));
		kith__vfs_name(s->path, &p->disk, s->sqlite_name);
	}
	memcpy(s->sqlite_name, s->path, sizeof(s->path));
	(void)snprintf(s->wal_path, sizeof(s->wal_path), "%s-wal", s->path);
	if (!p->plain)
		kith__vfs_name(s->sqlite_name, &s->seal, "");
	return KITH_OK;
}

static int set_seal(struct kith_store *s)
{
	struct kith_profile *p = s->profile;
	struct kith__seal *seal = &s->seal;
	const uint8_t *id = p->keyfile.entry[s->which].id;

	seal->lower = sqlite3_vfs_find(p->os ? "unix" : KITH__VFS_DISK);
	seal->path = s->path;
	seal->wal_path = s->wal_path;
	seal->page = p->page;
	seal->room = p->wal_room;
	memcpy(seal->id, id, sizeof(seal->id));
	seal->key = kith__secret_get(p, 2 * KITH_KEY);
	if (seal->key == NULL)
		return KITH_E_NOMEM;
	seal->wal_key = seal->key + KITH_KEY;
	kith__profile_page_key(p, id, seal->key);
	kith_kdf(seal->wal_key, p->master, KITH_KEY, KITH_L_DB_WAL, id, 16);
	kith_noncer_init(&seal->noncer, p->rng);
	seal->fatal = p->fatal;
	seal->fatal_ctx = p->fatal_ctx;
	seal->cipher = kith_alloc_zero(p->alloc, KITH__FRAME_HEAD + p->page, 1);
	seal->plain = kith_alloc_zero(p->alloc, p->page, 1);
	if (seal->lower == NULL)
		return KITH_E_IO;
	return seal->cipher == NULL || seal->plain == NULL ? KITH_E_NOMEM : KITH_OK;
}

static int count_frames(void *ctx, sqlite3 *db, const char *name, int frames)
{
	struct kith_store *s = ctx;

	(void)db;
	(void)name;
	s->wal_frames = frames;
	return SQLITE_OK;
}

/* A database that was never made begins empty; what a cut left of an attempt goes. */
static int place_files(struct kith_store *s, bool *fresh)
{
	struct kith_profile *p = s->profile;
	uint64_t size = 0;
	char wal[32];
	int status;

	*fresh = (p->keyfile.entry[s->which].flags & KITH__MADE) == 0;
	if ((p->keyfile.entry[s->which].flags & KITH__RESTORING) != 0) {
		/* not there any more: an opening before this one moved it and was cut */
		status = kith__file_move(p, KITH__RESTORE_NAME, s->name);
		if (status != KITH_OK && status != KITH_E_NOTFOUND)
			return status;
	}
	if (!*fresh) {
		status = kith__file_size(p, s->name, &size);
		if (status == KITH_E_NOTFOUND || (status == KITH_OK && size == 0))
			return KITH_E_MALFORMED;
		return status;
	}
	(void)snprintf(wal, sizeof(wal), "%s-wal", s->name);
	status = kith__file_remove(p, wal);
	if (status == KITH_OK)
		status = kith__file_remove(p, s->name);
	return status == KITH_OK ? kith__file_touch(p, s->name) : status;
}

static int has_wal(struct kith_store *s, bool *there)
{
	uint64_t size;
	char wal[32];
	int status;

	(void)snprintf(wal, sizeof(wal), "%s-wal", s->name);
	status = kith__file_size(s->profile, wal, &size);
	*there = status == KITH_OK;
	return status == KITH_E_NOTFOUND ? KITH_OK : status;
}

static int open_handle(struct kith_store *s)
{
	struct kith_profile *p = s->profile;
	const char *vfs = p->plain ? (p->os ? "unix" : KITH__VFS_DISK) : KITH__VFS_SEAL;
	int rc;

	rc = sqlite3_open_v2(s->sqlite_name, &s->db,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
				     SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
			     vfs);
	if (rc != SQLITE_OK)
		return kith__sqlite_status(s, rc, "open");
	(void)sqlite3_wal_hook(s->db, count_frames, s);
	return KITH_OK;
}

/* Writes the generation and the mark of an unclean stop in one commit. */
static int write_state(struct kith_store *s, uint64_t generation)
{
	int status;

	status = kith__exec(s, "BEGIN IMMEDIATE");
	if (status == KITH_OK)
		status = kith__meta_set(s, "generation", (int64_t)generation);
	if (status == KITH_OK)
		status = kith__meta_set(s, "clean", 0);
	if (status == KITH_OK && s->restored)
		status = kith__meta_set(s, "restored", 1);
	if (status == KITH_OK)
		status = kith__exec(s, "COMMIT");
	if (status != KITH_OK && sqlite3_get_autocommit(s->db) == 0)
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return status;
}

/* Key file first with the flag, then the database, then the flag goes (store.md 7). */
static int step_generation(struct kith_store *s)
{
	struct kith__entry *e = &s->profile->keyfile.entry[s->which];
	int64_t found = 0, restored = 0;
	uint64_t generation;
	int status;

	status = kith__meta_get(s, "generation", &found);
	if (status == KITH_OK)
		status = kith__meta_get(s, "restored", &restored);
	if (status != KITH_OK)
		return status;
	generation = (uint64_t)found;
	s->restored = s->restored || restored != 0;
	if (generation != e->generation &&
	    !((e->flags & KITH__OPENING) != 0 && generation + 1 == e->generation))
		s->restored = true;
	if (generation < e->generation)
		generation = e->generation;
	e->generation = generation + 1;
	e->flags |= KITH__OPENING;
	status = kith__profile_save(s->profile);
	if (status == KITH_OK)
		status = write_state(s, e->generation);
	if (status != KITH_OK)
		return status;
	e->flags = (e->flags & ~(uint64_t)(KITH__OPENING | KITH__RESTORING)) | KITH__MADE;
	return kith__profile_save(s->profile);
}

static int open_checked(struct kith_store *s)
{
	int64_t clean = 0;
	int status;
	bool fresh, wal = false;

	status = place_files(s, &fresh);
	if (status == KITH_OK)
		status = has_wal(s, &wal);
	if (status == KITH_OK)
		status = open_handle(s);
	if (status == KITH_OK)
		status = kith__schema_prepare(s, fresh);
	if (status == KITH_OK)
		status = kith__schema_migrate(s, fresh);
	if (status == KITH_OK && !fresh)
		status = kith__meta_get(s, "clean", &clean);
	if (status == KITH_OK && !fresh && clean == 0)
		status = kith__schema_check(s);
	/* a process that did not stop in order leaves its WAL: without it commits are lost */
	s->restored = !fresh && clean == 0 && !wal;
	if (status == KITH_OK && s->which == KITH_DB_ACCOUNT) {
		status = kith__search_open(s);
		if (status == KITH_OK)
			status = kith__search_load(s);
	}
	return status == KITH_OK ? step_generation(s) : status;
}

static int open_once(struct kith_profile *p, enum kith_db db, struct kith_store **out)
{
	struct kith_store *s;
	int status;

	status = kith__vfs_start(p->os ? NULL : p->rng);
	if (status != KITH_OK)
		return status;
	if (p->os)
		(void)sqlite3_hard_heap_limit64(KITH_SQLITE_HEAP_MAX);
	s = kith_alloc_zero(p->alloc, 1, sizeof(*s));
	if (s == NULL)
		return KITH_E_NOMEM;
	s->profile = p;
	s->which = db;
	s->name = names[db];
	s->open_number = 1;
	s->wal_frames_max = KITH__WAL_FRAMES;
	s->retry_at = KITH_NEVER;
	s->idle_at = KITH_NEVER;
	s->erase_at = KITH_NEVER;
	s->job.run = kith_store_run;
	s->job.lane = db == KITH_DB_ACCOUNT ? KITH_LANE_ACCOUNT : KITH_LANE_MAILBOX;
	s->now_rows.alloc = p->alloc;
	kith__batch_init(&s->batch[0], p->alloc);
	kith__batch_init(&s->batch[1], p->alloc);
	status = set_names(s);
	if (status == KITH_OK)
		status = set_seal(s);
	if (status == KITH_OK)
		status = open_checked(s);
	if (status != KITH_OK) {
		free_store(s, true);
		return status;
	}
	*out = s;
	return KITH_OK;
}

/* A disk that was full already when the program starts: the reserve is for that too. */
int kith_store_open(struct kith_profile *p, enum kith_db db, struct kith_store **out)
{
	int status = open_once(p, db, out);

	if (status == KITH_E_NOSPACE && kith__space_free(p))
		status = open_once(p, db, out);
	return status;
}

void kith_store_close(struct kith_store *s)
{
	if (s == NULL)
		return;
	KITH_ASSERT(!s->flying);
	s->seal.room = 0; /* the log goes */
	if (!s->broken && kith__meta_set(s, "clean", 1) == KITH_OK)
		kith__checkpoint(s, true);
	free_store(s, s->broken);
}

bool kith_store_restored(const struct kith_store *s)
{
	return s->restored;
}

const char *kith_store_sentence(const struct kith_store *s)
{
	return s->sentence;
}

int kith_store_read_now(struct kith_store *s, const struct kith_op *op, struct kith_rows *rows)
{
	struct kith__bytes args = {.alloc = s->profile->alloc};
	struct kith_reader in;
	uint8_t columns = 0;
	int status = KITH_OK;

	KITH_ASSERT(!s->flying && kith__op_how(op->kind) == 'R' &&
		    kith__op_db(op->kind) == s->which);
	for (unsigned int i = 0; i < op->count && status == KITH_OK; i++)
		status = kith__value_add(&args, &op->v[i], KITH_BATCH_BYTES_MAX);
	s->now_rows.len = 0;
	kith_reader_init(&in, args.p != NULL ? args.p : &columns, args.len);
	if (status == KITH_OK)
		status = kith__run_read(s, op->kind, &in, op->count, &s->now_rows, &columns);
	kith__bytes_free(&args);
	if (status != KITH_OK)
		return status;
	memset(rows, 0, sizeof(*rows));
	rows->columns = columns;
	rows->p = s->now_rows.p;
	rows->end = rows->p != NULL ? rows->p + s->now_rows.len : NULL;
	return KITH_OK;
}

int kith_store_put(struct kith_store *s, const struct kith_op *op, uint64_t *batch)
{
	int status;

	KITH_ASSERT(op->kind < KITH_OP_COUNT && kith__op_db(op->kind) == s->which);
	if (kith__op_how(op->kind) != 'R') {
		if (s->state == KITH_STORE_READONLY)
			return KITH_E_IO;
		if (s->state == KITH_STORE_NOSPACE && !s->force && !kith__op_frees(op->kind))
			return KITH_E_NOSPACE;
	}
	status = kith__batch_add(&s->batch[s->open], op);
	if (status == KITH_OK)
		*batch = s->open_number;
	return status;
}

void kith_store_force(struct kith_store *s, bool on)
{
	s->force = on;
}

void kith_store_beyond(struct kith_store *s, bool on)
{
	s->batch[0].beyond = s->batch[1].beyond = on;
}

bool kith_store_full(const struct kith_store *s)
{
	return kith__batch_full(&s->batch[s->open]);
}

uint64_t kith_store_open_batch(const struct kith_store *s)
{
	return s->open_number;
}

uint64_t kith_store_committed(const struct kith_store *s)
{
	return s->committed;
}

enum kith_store_state kith_store_state(const struct kith_store *s)
{
	return s->state;
}

static kith_time earlier(kith_time a, kith_time b)
{
	return a < b ? a : b;
}

kith_time kith_store_deadline(const struct kith_store *s)
{
	if (s->flying || s->due)
		return KITH_NEVER;
	return earlier(s->retry_at, earlier(s->idle_at, s->erase_at));
}

void kith_store_tick(struct kith_store *s, kith_time now)
{
	if (s->flying)
		return;
	if (now >= s->retry_at) {
		s->retry_at = KITH_NEVER;
		s->due = true;
	}
	if (now >= earlier(s->idle_at, s->erase_at)) {
		s->idle_at = KITH_NEVER;
		s->erase_at = KITH_NEVER;
		s->empty_wanted = true;
		s->due = true;
	}
}

bool kith_store_job(struct kith_store *s, struct kith_job **job)
{
	struct kith__batch *b = &s->batch[s->open];

	if (s->flying || (s->kept && !s->due) || (b->count == 0 && !s->due))
		return false;
	if (!s->kept && b->count != 0) {
		s->flying_number = s->open_number++;
		s->open ^= 1u;
	}
	s->due = false;
	s->flying = true;
	s->job.bytes = (uint32_t)s->batch[s->open ^ 1u].args.len;
	s->job.status = KITH_OK;
	*job = &s->job;
	return true;
}

/* The timers after a run: a full disk is looked at again; the WAL is emptied when idle, and soon
 * after content was deleted, so that no old page of it stays there. */
static void set_timers(struct kith_store *s, kith_time now, bool wrote)
{
	s->retry_at = s->kept || s->low ? now + KITH__RETRY_US : KITH_NEVER;
	s->empty_wanted = s->empty_wanted && s->more;
	if (wrote)
		s->idle_at = now + KITH__IDLE_US;
	if (s->erased && s->erase_at == KITH_NEVER)
		s->erase_at = now + KITH__ERASE_US;
}

/* After a while without writes: the memory of buffers. What answers point into stays. */
static void give_back(struct kith_store *s)
{
	if (s->done != NULL && s->answer_next < s->done->answer_count)
		return;
	s->done = NULL;
	for (size_t i = 0; i < 2; i++) {
		bool beyond = s->batch[i].beyond;

		if (s->batch[i].count == 0)
			kith__batch_wipe(&s->batch[i]);
		s->batch[i].beyond = beyond;
	}
}

int kith_store_done(struct kith_store *s, struct kith_job *job, kith_time now)
{
	struct kith__batch *b = &s->batch[s->open ^ 1u];
	bool wrote;

	KITH_ASSERT(s->flying && job == &s->job);
	s->flying = false;
	s->kept = job->status == KITH_E_NOSPACE;
	wrote = b->count != 0 && b->writes;
	/* only after a write: what did not work for want of room is not tried at once again */
	s->due = s->due || s->more ||
		 (wrote && (s->wal_frames >= s->wal_frames_max || s->tail >= KITH_SEARCH_TAIL_MAX));
	if (s->broken)
		s->state = KITH_STORE_READONLY;
	else
		s->state = s->low ? KITH_STORE_NOSPACE : KITH_STORE_OK;
	if (s->empty_wanted && !wrote && !s->kept)
		give_back(s);
	set_timers(s, now, wrote);
	if (s->kept)
		return job->status;
	if (b->count != 0) {
		/* a batch was lost: a later one, of reads only, must not stand for it */
		s->lost = s->lost || job->status != KITH_OK;
		if (job->status != KITH_OK)
			b->answer_count = 0;
		else if (!s->lost)
			s->committed = s->flying_number;
		s->done = b;
		s->answer_next = 0;
		kith__batch_clear(b);
	}
	return job->status;
}

bool kith_store_result(struct kith_store *s, struct kith_store_result *out)
{
	const struct kith__batch *b = s->done;
	const struct kith__answer *a;

	if (b == NULL || s->answer_next >= b->answer_count)
		return false;
	a = &b->answers[s->answer_next++];
	memset(out, 0, sizeof(*out));
	out->token = a->token;
	out->already = a->already;
	out->status = a->status;
	out->rows.columns = a->columns;
	if (a->len != 0) {
		out->rows.p = (const uint8_t *)b->rows.p + a->start;
		out->rows.end = out->rows.p + a->len;
	}
	return true;
}
