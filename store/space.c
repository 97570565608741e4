/* SPDX-License-Identifier: ISC */
/*
 * Free space and the reserve file (store.md 9). The reserve is 16 MiB that nobody else can take, or
 * a 16th of a small disk; when little is left it is given up, so that the batch in flight,
 * acknowledgements and deletions still commit. It is made anew when there is room for it and for
 * twice what counts as little: then all goes on. Called on the workers of both databases:
 * what they share is atomic, and making or removing the file twice does no harm.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/internal.h"

#define LOW_BYTES     (UINT64_C(64) << 20) /* below: as if full; on small disks a 64th of them */
#define LOW_LEAST     (UINT64_C(4) << 20)  /* a batch with its pages fits */
#define RESERVE_NAME  "reserve"
#define RESERVE_PIECE 4096u

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct kith__room kith__space_room(uint64_t disk, uint64_t reserve)
{
	struct kith__room r = {.low = least(LOW_BYTES, disk / 64),
			       .reserve = least(reserve, disk / 16)};

	if (r.low < LOW_LEAST)
		r.low = LOW_LEAST;
	r.plenty = 2 * r.low + r.reserve;
	return r;
}

/* On the operating system: reserved blocks, not written. */
static int make_real(struct kith_profile *p, uint64_t bytes)
{
	int fd, rc;

	fd = openat(p->os_disk.dir, RESERVE_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return KITH_E_IO;
	rc = posix_fallocate(fd, 0, (off_t)bytes);
	(void)close(fd);
	return rc == 0 ? KITH_OK : KITH_E_NOSPACE;
}

/* On a given disk: zeros. */
static int make_written(struct kith_profile *p)
{
	static const uint8_t zeros[RESERVE_PIECE];
	uint64_t at = 0;
	char name[256];
	uint32_t file;
	int status;

	status = kith__profile_path(p, RESERVE_NAME, name, sizeof(name));
	if (status == KITH_OK)
		status = p->disk.open(p->disk.ctx, name, true, &file);
	if (status != KITH_OK)
		return status;
	while (at < p->reserve_bytes && status == KITH_OK) {
		status = p->disk.write(p->disk.ctx, file, at, zeros, sizeof(zeros));
		at += sizeof(zeros);
	}
	if (status == KITH_OK)
		status = p->disk.sync(p->disk.ctx, file);
	p->disk.close(p->disk.ctx, file);
	return status;
}

static bool make_reserve(struct kith_profile *p, uint64_t bytes)
{
	int status;

	if (p->reserve_bytes == 0 || atomic_load(&p->reserve_there))
		return true;
	status = p->os ? make_real(p, bytes) : make_written(p);
	/* half a reserve is none */
	if (status != KITH_OK && kith__file_remove(p, RESERVE_NAME) != KITH_OK)
		return false;
	atomic_store(&p->reserve_there, status == KITH_OK);
	return status == KITH_OK;
}

void kith__space_check(struct kith_profile *p)
{
	struct kith__room room;
	struct statvfs st;
	uint64_t free_bytes;

	if (!p->os) {
		/* nothing tells the free space of a given disk: the next write will */
		if (atomic_load(&p->low) && make_reserve(p, p->reserve_bytes))
			atomic_store(&p->low, false);
		return;
	}
	if (fstatvfs(p->os_disk.dir, &st) != 0)
		return;
	if (!atomic_load(&p->reserve_there) && !atomic_load(&p->low) &&
	    faccessat(p->os_disk.dir, RESERVE_NAME, F_OK, 0) == 0)
		atomic_store(&p->reserve_there, true); /* of the process before */
	free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
	room = kith__space_room((uint64_t)st.f_blocks * st.f_frsize, p->reserve_bytes);
	if (atomic_load(&p->reserve_there))
		free_bytes += room.reserve;
	if (free_bytes < room.low + room.reserve)
		(void)kith__space_free(p);
	else if (free_bytes >= room.plenty && make_reserve(p, room.reserve))
		atomic_store(&p->low, false);
}

bool kith__space_free(struct kith_profile *p)
{
	atomic_store(&p->low, true);
	if (!atomic_exchange(&p->reserve_there, false) &&
	    (!p->os || faccessat(p->os_disk.dir, RESERVE_NAME, F_OK, 0) != 0))
		return false;
	return kith__file_remove(p, RESERVE_NAME) == KITH_OK;
}
