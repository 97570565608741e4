/* SPDX-License-Identifier: ISC */
#include "tests/unit/node/mbox_disk.h"

#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

static struct memory_file *find(struct memory_disk *d, const char *name)
{
	for (unsigned i = 0; i < MEMORY_FILES; i++) {
		if (d->file[i].name[0] != '\0' && strcmp(d->file[i].name, name) == 0)
			return &d->file[i];
	}
	return NULL;
}

static void set_name(struct memory_file *f, const char *name)
{
	size_t len = strlen(name);

	CHECK(len < sizeof(f->name));
	memcpy(f->name, name, len + 1);
}

static int open_file(void *ctx, const char *name, bool create, uint32_t *file)
{
	struct memory_disk *d = ctx;
	struct memory_file *f = find(d, name);

	if (f == NULL && !create)
		return KITH_E_NOTFOUND;
	for (unsigned i = 0; f == NULL && i < MEMORY_FILES; i++) {
		if (d->file[i].name[0] == '\0') {
			f = &d->file[i];
			set_name(f, name);
		}
	}
	CHECK(f != NULL);
	*file = (uint32_t)(f - d->file);
	return KITH_OK;
}

static void close_file(void *ctx, uint32_t file)
{
	(void)ctx;
	(void)file;
}

static int read_file(void *ctx, uint32_t file, uint64_t offset, void *dst, size_t len, size_t *got)
{
	struct memory_disk *d = ctx;
	struct memory_file *f = &d->file[file];

	memset(dst, 0, len);
	*got = offset >= f->len ? 0 : f->len - (size_t)offset;
	if (*got > len)
		*got = len;
	if (*got > 0)
		memcpy(dst, f->data + offset, *got);
	return KITH_OK;
}

static int truncate_file(void *ctx, uint32_t file, uint64_t size)
{
	struct memory_disk *d = ctx;
	struct memory_file *f = &d->file[file];
	uint8_t *data = realloc(f->data, (size_t)size + 1);

	CHECK(data != NULL);
	if (size > f->len)
		memset(data + f->len, 0, (size_t)size - f->len);
	f->data = data;
	f->len = (size_t)size;
	return KITH_OK;
}

static int write_file(void *ctx, uint32_t file, uint64_t offset, const void *src, size_t len)
{
	struct memory_disk *d = ctx;

	if (offset + len > d->file[file].len)
		(void)truncate_file(ctx, file, offset + len);
	memcpy(d->file[file].data + offset, src, len);
	return KITH_OK;
}

static int sync_file(void *ctx, uint32_t file)
{
	(void)ctx;
	(void)file;
	return KITH_OK;
}

static int size_file(void *ctx, uint32_t file, uint64_t *size)
{
	struct memory_disk *d = ctx;

	*size = d->file[file].len;
	return KITH_OK;
}

static void drop(struct memory_file *f)
{
	free(f->data);
	memset(f, 0, sizeof(*f));
}

static int remove_file(void *ctx, const char *name)
{
	struct memory_file *f = find(ctx, name);

	if (f == NULL)
		return KITH_E_NOTFOUND;
	drop(f);
	return KITH_OK;
}

static int rename_file(void *ctx, const char *from, const char *to)
{
	struct memory_file *f = find(ctx, from), *old = find(ctx, to);

	if (f == NULL)
		return KITH_E_NOTFOUND;
	if (old != NULL)
		drop(old);
	set_name(f, to);
	return KITH_OK;
}

static bool exists(void *ctx, const char *name)
{
	return find(ctx, name) != NULL;
}

void memory_disk_init(struct memory_disk *d)
{
	memset(d, 0, sizeof(*d));
	d->table = (struct kith_disk){
		.open = open_file,
		.close = close_file,
		.read = read_file,
		.write = write_file,
		.truncate = truncate_file,
		.sync = sync_file,
		.size = size_file,
		.remove = remove_file,
		.rename = rename_file,
		.exists = exists,
		.ctx = d,
	};
}

void memory_disk_free(struct memory_disk *d)
{
	for (unsigned i = 0; i < MEMORY_FILES; i++)
		drop(&d->file[i]);
}
