/* SPDX-License-Identifier: ISC */
/*
 * A disk in memory behind base/disk.h. Every write since the last sync of its file keeps the bytes
 * it replaced, so a power cut can take back any subset of them.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "sim/sim.h"

#define FILES_MAX      32u
#define NAME_MAX_BYTES 128u
#define SECTOR         512u

struct undo {
	struct undo *older;
	uint64_t offset, old_size;
	size_t len;
	uint8_t bytes[]; /* what stood there before */
};

struct file {
	bool used;
	char name[NAME_MAX_BYTES];
	uint8_t *data;
	size_t size, cap;
	struct undo *undo;
};

struct sim_disk {
	bool detached, limited;
	uint32_t left; /* limited: changes that still reach it */
	struct file file[FILES_MAX];
};

struct sim_disk *sim_disk_new(void)
{
	return kith_alloc_zero(NULL, 1, sizeof(struct sim_disk));
}

void sim_disk_detach(struct sim_disk *d, bool on)
{
	d->detached = on;
	d->limited = false;
}

void sim_disk_stop_after(struct sim_disk *d, uint32_t changes)
{
	d->detached = false;
	d->limited = true;
	d->left = changes;
}

/* True: the process that makes this change is dead. */
static bool swallowed(struct sim_disk *d)
{
	if (d->limited && d->left-- == 0)
		sim_disk_detach(d, true);
	return d->detached;
}

static void undo_clear(struct file *f)
{
	while (f->undo != NULL) {
		struct undo *u = f->undo;

		f->undo = u->older;
		kith_alloc_free(NULL, u);
	}
}

static void file_clear(struct file *f)
{
	undo_clear(f);
	kith_alloc_free(NULL, f->data);
	memset(f, 0, sizeof(*f));
}

void sim_disk_free(struct sim_disk *d)
{
	size_t i;

	if (d == NULL)
		return;
	for (i = 0; i < FILES_MAX; i++)
		file_clear(&d->file[i]);
	kith_alloc_free(NULL, d);
}

static struct file *find(struct sim_disk *d, const char *name)
{
	size_t i;

	for (i = 0; i < FILES_MAX; i++)
		if (d->file[i].used && strcmp(d->file[i].name, name) == 0)
			return &d->file[i];
	return NULL;
}

static int disk_open(void *ctx, const char *name, bool create, uint32_t *file)
{
	struct sim_disk *d = ctx;
	struct file *f = find(d, name);
	size_t i;

	if (f == NULL && !create)
		return KITH_E_NOTFOUND;
	for (i = 0; f == NULL && i < FILES_MAX; i++)
		if (!d->file[i].used)
			f = &d->file[i];
	if (f == NULL || strlen(name) >= NAME_MAX_BYTES)
		return KITH_E_IO;
	if (!f->used) {
		f->used = true;
		memcpy(f->name, name, strlen(name) + 1);
	}
	*file = (uint32_t)(f - d->file);
	return KITH_OK;
}

static void disk_close(void *ctx, uint32_t file)
{
	(void)ctx;
	(void)file;
}

static int disk_read(void *ctx, uint32_t file, uint64_t offset, void *dst, size_t len, size_t *got)
{
	struct file *f = &((struct sim_disk *)ctx)->file[file];
	size_t there = offset < f->size ? f->size - (size_t)offset : 0;

	if (there > len)
		there = len;
	memset(dst, 0, len);
	if (there > 0)
		memcpy(dst, f->data + offset, there);
	*got = there;
	return KITH_OK;
}

static int remember(struct file *f, uint64_t offset, size_t len)
{
	struct undo *u = kith_alloc_zero(NULL, sizeof(*u) + len, 1);
	size_t there = offset < f->size ? f->size - (size_t)offset : 0;

	if (u == NULL)
		return KITH_E_IO;
	u->offset = offset;
	u->len = len;
	u->old_size = f->size;
	if (there > len)
		there = len;
	if (there > 0)
		memcpy(u->bytes, f->data + offset, there);
	u->older = f->undo;
	f->undo = u;
	return KITH_OK;
}

static int resize(struct file *f, size_t size)
{
	void *data = f->data;

	if (kith_alloc_grow(NULL, &data, &f->cap, size, SIZE_MAX / 2, 1) != KITH_OK)
		return KITH_E_IO;
	f->data = data;
	if (size > f->size)
		memset(f->data + f->size, 0, size - f->size);
	f->size = size;
	return KITH_OK;
}

static int disk_write(void *ctx, uint32_t file, uint64_t offset, const void *src, size_t len)
{
	struct file *f = &((struct sim_disk *)ctx)->file[file];
	int status;

	if (swallowed(ctx))
		return KITH_OK;
	status = remember(f, offset, len);
	if (status == KITH_OK && offset + len > f->size)
		status = resize(f, (size_t)offset + len);
	if (status == KITH_OK)
		memcpy(f->data + offset, src, len);
	return status;
}

static int disk_truncate(void *ctx, uint32_t file, uint64_t size)
{
	struct file *f = &((struct sim_disk *)ctx)->file[file];
	int status;

	if (swallowed(ctx))
		return KITH_OK;
	if (size >= f->size)
		return resize(f, (size_t)size);
	status = remember(f, size, f->size - (size_t)size);
	if (status == KITH_OK)
		f->size = (size_t)size;
	return status;
}

static int disk_sync(void *ctx, uint32_t file)
{
	if (!swallowed(ctx))
		undo_clear(&((struct sim_disk *)ctx)->file[file]);
	return KITH_OK;
}

static int disk_size(void *ctx, uint32_t file, uint64_t *size)
{
	*size = ((struct sim_disk *)ctx)->file[file].size;
	return KITH_OK;
}

static int disk_remove(void *ctx, const char *name)
{
	struct file *f = find(ctx, name);

	if (f == NULL)
		return KITH_E_NOTFOUND;
	if (!swallowed(ctx))
		file_clear(f);
	return KITH_OK;
}

static int disk_rename(void *ctx, const char *from, const char *to)
{
	struct file *f = find(ctx, from);
	struct file *old = find(ctx, to);

	if (f == NULL || strlen(to) >= NAME_MAX_BYTES)
		return KITH_E_NOTFOUND;
	if (swallowed(ctx))
		return KITH_OK;
	if (old != NULL && old != f)
		file_clear(old);
	memcpy(f->name, to, strlen(to) + 1);
	return KITH_OK;
}

static bool disk_exists(void *ctx, const char *name)
{
	return find(ctx, name) != NULL;
}

struct kith_disk sim_disk_table(struct sim_disk *d)
{
	struct kith_disk table = {
		disk_open,     disk_close,  disk_read, disk_write,
		disk_truncate, disk_sync,   disk_size, disk_remove,
		disk_rename,   disk_exists, d,
	};

	return table;
}

static void take_back(struct file *f, const struct undo *u, size_t keep)
{
	size_t end = (size_t)u->offset + u->len;

	if (f->size < end && resize(f, end) != KITH_OK)
		return;
	memcpy(f->data + u->offset + keep, u->bytes + keep, u->len - keep);
	if (keep == 0 && f->size > u->old_size && u->offset + u->len >= u->old_size)
		f->size = (size_t)u->old_size > (size_t)u->offset ? (size_t)u->old_size : f->size;
}

void sim_disk_cut(struct sim_disk *d, const struct sim_draw *draw, uint32_t node, uint64_t n)
{
	uint64_t k = n << 20;
	size_t i;

	for (i = 0; i < FILES_MAX; i++) {
		struct file *f = &d->file[i];

		while (f->undo != NULL) {
			struct undo *u = f->undo;
			uint32_t fate =
				sim_draw_below(draw, SIM_DRAW_DISK, node, (uint32_t)i, k++, 8);

			if (fate < 4)
				take_back(f, u, 0);
			else if (fate == 4 && u->len > SECTOR) /* torn: some first sectors stand */
				take_back(f, u,
					  SECTOR *
						  (1u +
						   sim_draw_below(draw, SIM_DRAW_DISK, node, 99, k,
								  (uint32_t)(u->len / SECTOR))) %
						  u->len);
			f->undo = u->older;
			kith_alloc_free(NULL, u);
		}
	}
}

size_t sim_disk_bytes(const struct sim_disk *d)
{
	size_t sum = 0;
	size_t i;

	for (i = 0; i < FILES_MAX; i++)
		sum += d->file[i].size;
	return sum;
}
