/* SPDX-License-Identifier: ISC */
/*
 * Small files of a profile, whole: read, replaced at one instant (tmp, sync, rename, sync of the
 * directory), and sealed ones (nonce | ciphertext | tag, key as for a page, AD = file id | i64 0).
 */
#include <stdio.h>
#include <string.h>

#include "store/internal.h"

#define NAME_MAX_BYTES 256

/* The name on the disk: on a given disk with the profile's prefix. */
static int disk_name(const struct kith_profile *p, const char *name, char out[NAME_MAX_BYTES])
{
	int n;

	if (p->os)
		n = snprintf(out, NAME_MAX_BYTES, "%s", name);
	else
		n = snprintf(out, NAME_MAX_BYTES, "%s/%s", p->dir, name);
	return n > 0 && n < NAME_MAX_BYTES ? KITH_OK : KITH_E_IO;
}

static int open_file(struct kith_profile *p, const char *name, bool create, uint32_t *file)
{
	char full[NAME_MAX_BYTES];
	int status;

	status = disk_name(p, name, full);
	return status == KITH_OK ? p->disk.open(p->disk.ctx, full, create, file) : status;
}

int kith__file_handle(struct kith_profile *p, const char *name, uint32_t *file)
{
	return open_file(p, name, false, file);
}

int kith__file_read(struct kith_profile *p, const char *name, uint8_t *dst, size_t cap, size_t *len)
{
	uint64_t size = 0;
	size_t got = 0;
	uint32_t file;
	int status;

	status = open_file(p, name, false, &file);
	if (status != KITH_OK)
		return status;
	status = p->disk.size(p->disk.ctx, file, &size);
	if (status == KITH_OK)
		status = p->disk.read(p->disk.ctx, file, 0, dst, size < cap ? (size_t)size : cap,
				      &got);
	p->disk.close(p->disk.ctx, file);
	if (status == KITH_OK)
		*len = size > SIZE_MAX ? SIZE_MAX : (size_t)size;
	return status;
}

int kith__file_write(struct kith_profile *p, const char *name, const uint8_t *src, size_t len)
{
	char full[NAME_MAX_BYTES], full_tmp[NAME_MAX_BYTES], tmp[64];
	uint32_t file;
	int status;

	(void)snprintf(tmp, sizeof(tmp), "%s.tmp", name);
	status = disk_name(p, name, full);
	if (status == KITH_OK)
		status = disk_name(p, tmp, full_tmp);
	if (status == KITH_OK)
		status = p->disk.open(p->disk.ctx, full_tmp, true, &file);
	if (status != KITH_OK)
		return status;
	status = p->disk.truncate(p->disk.ctx, file, 0);
	if (status == KITH_OK)
		status = p->disk.write(p->disk.ctx, file, 0, src, len);
	if (status == KITH_OK)
		status = p->disk.sync(p->disk.ctx, file);
	p->disk.close(p->disk.ctx, file);
	if (status == KITH_OK)
		status = p->disk.rename(p->disk.ctx, full_tmp, full);
	if (status != KITH_OK)
		(void)p->disk.remove(p->disk.ctx, full_tmp);
	return status;
}

int kith__file_touch(struct kith_profile *p, const char *name)
{
	uint32_t file;
	int status;

	status = open_file(p, name, true, &file);
	if (status == KITH_OK)
		p->disk.close(p->disk.ctx, file);
	return status;
}

int kith__file_remove(struct kith_profile *p, const char *name)
{
	char full[NAME_MAX_BYTES];
	int status;

	status = disk_name(p, name, full);
	if (status == KITH_OK)
		status = p->disk.remove(p->disk.ctx, full);
	return status == KITH_E_NOTFOUND ? KITH_OK : status;
}

int kith__file_move(struct kith_profile *p, const char *from, const char *to)
{
	char full_from[NAME_MAX_BYTES], full_to[NAME_MAX_BYTES];
	int status;

	status = disk_name(p, from, full_from);
	if (status == KITH_OK)
		status = disk_name(p, to, full_to);
	if (status == KITH_OK && !p->disk.exists(p->disk.ctx, full_from))
		status = KITH_E_NOTFOUND;
	return status == KITH_OK ? p->disk.rename(p->disk.ctx, full_from, full_to) : status;
}

int kith__file_size(struct kith_profile *p, const char *name, uint64_t *size)
{
	uint32_t file;
	int status;

	status = open_file(p, name, false, &file);
	if (status != KITH_OK)
		return status;
	status = p->disk.size(p->disk.ctx, file, size);
	p->disk.close(p->disk.ctx, file);
	return status;
}

int kith__file_seal(struct kith_profile *p, const char *name, const uint8_t id[static 16],
		    const uint8_t *src, size_t len)
{
	uint8_t key[32], nonce[24], bound[32], ad[24] = {0};
	struct kith_noncer noncer;
	uint8_t *out;
	int status;

	out = kith_alloc_zero(p->alloc, len + KITH_SEAL_OVERHEAD, 1);
	if (out == NULL)
		return KITH_E_NOMEM;
	memcpy(ad, id, 16);
	kith__profile_page_key(p, id, key);
	kith_noncer_init(&noncer, p->rng);
	kith_nonce_bind(bound, ad, sizeof(ad), src, len);
	kith_noncer_next(&noncer, nonce, bound);
	kith_seal(out, nonce, key, ad, sizeof(ad), src, len);
	status = kith__file_write(p, name, out, len + KITH_SEAL_OVERHEAD);
	kith_wipe(key, sizeof(key));
	kith_wipe(&noncer, sizeof(noncer));
	kith_alloc_free(p->alloc, out);
	return status;
}

int kith__file_open(struct kith_profile *p, const char *name, const uint8_t id[static 16],
		    uint8_t *dst, size_t cap, size_t *len)
{
	uint8_t key[32], ad[24] = {0};
	size_t size = 0;
	uint8_t *in;
	int status;

	if (cap > SIZE_MAX - KITH_SEAL_OVERHEAD)
		return KITH_E_FULL;
	in = kith_alloc_zero(p->alloc, cap + KITH_SEAL_OVERHEAD, 1);
	if (in == NULL)
		return KITH_E_NOMEM;
	status = kith__file_read(p, name, in, cap + KITH_SEAL_OVERHEAD, &size);
	if (status == KITH_OK && size > cap + KITH_SEAL_OVERHEAD)
		status = KITH_E_FULL;
	if (status == KITH_OK && size < KITH_SEAL_OVERHEAD)
		status = KITH_E_AUTH;
	if (status == KITH_OK) {
		memcpy(ad, id, 16);
		kith__profile_page_key(p, id, key);
		status = kith_open(dst, key, ad, sizeof(ad), in, size);
		kith_wipe(key, sizeof(key));
	}
	if (status == KITH_OK)
		*len = size - KITH_SEAL_OVERHEAD;
	kith_alloc_free(p->alloc, in);
	return status;
}
