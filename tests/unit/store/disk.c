/* SPDX-License-Identifier: ISC */
#include "tests/unit/store/disk.h"

#include <string.h>

#include "base/alloc.h"
#include "tests/test.h"

#define SECTOR 512u

static void set_size(uint8_t **p, size_t *len, size_t *cap, size_t want)
{
	size_t next = *cap != 0 ? *cap : 4096;

	while (next < want)
		next *= 2;
	if (next != *cap) {
		*p = kith_alloc_resize(NULL, *p, next, 1);
		CHECK(*p != NULL);
		*cap = next;
	}
	if (want > *len)
		memset(*p + *len, 0, want - *len);
	*len = want;
}

static void put_now(struct test_disk_file *f, uint64_t offset, const void *src, size_t len)
{
	if (offset + len > f->now_len)
		set_size(&f->now, &f->now_len, &f->now_cap, (size_t)offset + len);
	memcpy(f->now + offset, src, len);
}

static void put_synced(struct test_disk_file *f, uint64_t offset, const void *src, size_t len)
{
	if (offset + len > f->synced_len)
		set_size(&f->synced, &f->synced_len, &f->synced_cap, (size_t)offset + len);
	memcpy(f->synced + offset, src, len);
}

static void drop_log(struct test_disk_file *f)
{
	struct test_disk_write *w, *next;

	for (w = f->first; w != NULL; w = next) {
		next = w->next;
		kith_alloc_free(NULL, w->data);
		kith_alloc_free(NULL, w);
	}
	f->first = NULL;
	f->last = NULL;
}

static void drop_file(struct test_disk_file *f)
{
	drop_log(f);
	kith_alloc_free(NULL, f->now);
	kith_alloc_free(NULL, f->synced);
	memset(f, 0, sizeof(*f));
}

static void add_log(struct test_disk_file *f, uint64_t offset, const void *src, size_t len)
{
	struct test_disk_write *w = kith_alloc_zero(NULL, 1, sizeof(*w));

	CHECK(w != NULL);
	w->offset = offset;
	w->len = len;
	if (src != NULL) {
		w->data = kith_alloc_copy(NULL, src, len);
		CHECK(w->data != NULL);
	}
	if (f->last != NULL)
		f->last->next = w;
	else
		f->first = w;
	f->last = w;
}

struct test_disk_file *test_disk_find(struct test_disk *d, const char *name)
{
	for (unsigned int i = 0; i < TEST_DISK_FILES; i++) {
		if (d->file[i].used && strcmp(d->file[i].name, name) == 0)
			return &d->file[i];
	}
	return NULL;
}

uint64_t test_disk_used(const struct test_disk *d)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < TEST_DISK_FILES; i++)
		sum += d->file[i].now_len;
	return sum;
}

/* Counts an access; not 0: it fails. */
static int access_status(struct test_disk *d)
{
	d->accesses++;
	if (d->fail_at == 0 || d->accesses < d->fail_at)
		return KITH_OK;
	return d->accesses == d->fail_at || d->fail_for_good ? d->fail_status : KITH_OK;
}

static int disk_open(void *ctx, const char *name, bool create, uint32_t *file)
{
	struct test_disk *d = ctx;
	struct test_disk_file *f;
	int status = access_status(d);

	if (status != KITH_OK)
		return status;
	f = test_disk_find(d, name);
	if (f == NULL && !create)
		return KITH_E_NOTFOUND;
	for (unsigned int i = 0; f == NULL && i < TEST_DISK_FILES; i++) {
		if (!d->file[i].used) {
			f = &d->file[i];
			f->used = true;
			CHECK(strlen(name) < sizeof(f->name));
			memcpy(f->name, name, strlen(name) + 1);
		}
	}
	CHECK(f != NULL);
	f->handles++;
	*file = (uint32_t)(f - d->file);
	return KITH_OK;
}

static void disk_close(void *ctx, uint32_t file)
{
	struct test_disk *d = ctx;
	struct test_disk_file *f = &d->file[file];

	CHECK(f->handles != 0);
	if (--f->handles == 0 && f->name[0] == '\0')
		drop_file(f);
}

static int disk_read(void *ctx, uint32_t file, uint64_t offset, void *dst, size_t len, size_t *got)
{
	struct test_disk *d = ctx;
	const struct test_disk_file *f = &d->file[file];
	int status = access_status(d);

	if (status != KITH_OK)
		return status;
	memset(dst, 0, len);
	*got = 0;
	if (offset < f->now_len) {
		*got = f->now_len - (size_t)offset < len ? f->now_len - (size_t)offset : len;
		memcpy(dst, f->now + offset, *got);
	}
	return KITH_OK;
}

static int disk_write(void *ctx, uint32_t file, uint64_t offset, const void *src, size_t len)
{
	struct test_disk *d = ctx;
	struct test_disk_file *f = &d->file[file];
	uint64_t grows = offset + len > f->now_len ? offset + len - f->now_len : 0;
	int status = access_status(d);

	if (status == KITH_OK && d->capacity != 0 && grows != 0 &&
	    test_disk_used(d) + grows > d->capacity)
		return KITH_E_NOSPACE;
	/* a write that fails because the power goes may still be on its way */
	if (status == KITH_OK || d->accesses == d->fail_at)
		add_log(f, offset, src, len);
	if (status != KITH_OK)
		return status;
	put_now(f, offset, src, len);
	return KITH_OK;
}

static int disk_truncate(void *ctx, uint32_t file, uint64_t size)
{
	struct test_disk *d = ctx;
	struct test_disk_file *f = &d->file[file];
	int status = access_status(d);

	if (status != KITH_OK)
		return status;
	add_log(f, size, NULL, 0);
	set_size(&f->now, &f->now_len, &f->now_cap, (size_t)size);
	return KITH_OK;
}

static int disk_sync(void *ctx, uint32_t file)
{
	struct test_disk *d = ctx;
	struct test_disk_file *f = &d->file[file];
	int status = access_status(d);

	if (status == KITH_OK && d->sync_fail_at != 0 && ++d->syncs == d->sync_fail_at)
		status = KITH_E_IO;
	if (status != KITH_OK)
		return status;
	drop_log(f);
	set_size(&f->synced, &f->synced_len, &f->synced_cap, f->now_len);
	if (f->now_len != 0)
		memcpy(f->synced, f->now, f->now_len);
	return KITH_OK;
}

static int disk_size(void *ctx, uint32_t file, uint64_t *size)
{
	struct test_disk *d = ctx;
	int status = access_status(d);

	if (status == KITH_OK)
		*size = d->file[file].now_len;
	return status;
}

static int disk_remove(void *ctx, const char *name)
{
	struct test_disk *d = ctx;
	struct test_disk_file *f;
	int status = access_status(d);

	if (status != KITH_OK)
		return status;
	f = test_disk_find(d, name);
	if (f == NULL)
		return KITH_E_NOTFOUND;
	f->name[0] = '\0';
	if (f->handles == 0)
		drop_file(f);
	return KITH_OK;
}

static int disk_rename(void *ctx, const char *from, const char *to)
{
	struct test_disk *d = ctx;
	struct test_disk_file *f, *old;
	int status = access_status(d);

	if (status != KITH_OK)
		return status;
	f = test_disk_find(d, from);
	if (f == NULL)
		return KITH_E_NOTFOUND;
	old = test_disk_find(d, to);
	if (old != NULL) {
		CHECK_EQ(old->handles, 0);
		drop_file(old);
	}
	memcpy(f->name, to, strlen(to) + 1);
	return KITH_OK;
}

static bool disk_exists(void *ctx, const char *name)
{
	struct test_disk *d = ctx;

	return test_disk_find(d, name) != NULL;
}

void test_disk_init(struct test_disk *d)
{
	memset(d, 0, sizeof(*d));
	d->fail_status = KITH_E_IO;
	d->table = (struct kith_disk){
		.open = disk_open,
		.close = disk_close,
		.read = disk_read,
		.write = disk_write,
		.truncate = disk_truncate,
		.sync = disk_sync,
		.size = disk_size,
		.remove = disk_remove,
		.rename = disk_rename,
		.exists = disk_exists,
		.ctx = d,
	};
}

void test_disk_free(struct test_disk *d)
{
	for (unsigned int i = 0; i < TEST_DISK_FILES; i++)
		drop_file(&d->file[i]);
}

/* One unsynced write reaches the plate: none of it, all, or some sectors. */
static void apply(struct test_disk_file *f, const struct test_disk_write *w, unsigned int keep,
		  bool torn, uint64_t *state)
{
	size_t piece;

	if (test_random(state) % 100 >= keep)
		return;
	if (w->data == NULL) {
		set_size(&f->synced, &f->synced_len, &f->synced_cap, (size_t)w->offset);
		return;
	}
	for (size_t at = 0; at < w->len; at += piece) {
		piece = SECTOR - (size_t)((w->offset + at) % SECTOR);
		if (piece > w->len - at)
			piece = w->len - at;
		if (!torn || test_random(state) % 2 == 0)
			put_synced(f, w->offset + at, w->data + at, piece);
	}
}

static void cut_file(struct test_disk_file *f, uint64_t *state)
{
	static const unsigned int keeps[] = {0, 10, 50, 90, 100};
	unsigned int keep = keeps[test_random(state) % 5];
	bool torn = test_random(state) % 2 == 0, backwards = test_random(state) % 4 == 0;
	const struct test_disk_write *held = NULL;

	for (const struct test_disk_write *w = f->first; w != NULL; w = w->next) {
		if (backwards && held == NULL && test_random(state) % 2 == 0) {
			held = w; /* comes later than the next one */
			continue;
		}
		apply(f, w, keep, torn, state);
		if (held != NULL)
			apply(f, held, keep, torn, state);
		held = NULL;
	}
	if (held != NULL)
		apply(f, held, keep, torn, state);
}

void test_disk_cut(struct test_disk *d, uint64_t *state)
{
	for (unsigned int i = 0; i < TEST_DISK_FILES; i++) {
		struct test_disk_file *f = &d->file[i];

		if (!f->used)
			continue;
		CHECK_EQ(f->handles, 0);
		cut_file(f, state);
		drop_log(f);
		set_size(&f->now, &f->now_len, &f->now_cap, f->synced_len);
		if (f->synced_len != 0)
			memcpy(f->now, f->synced, f->synced_len);
	}
	d->fail_at = 0;
	d->accesses = 0;
}
