/* SPDX-License-Identifier: ISC */
/* Files that people ask for: written beside their place, synced, then moved there, never over one
 * that is there. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/internal.h"

bool kith__cli_file_begin(const char *path, char part[KITH__PATH_MAX], int *fd)
{
	struct stat st;

	if (lstat(path, &st) == 0) {
		kith__cli_complain("%s is there already; it was left as it is.", path);
		return false;
	}
	if (snprintf(part, KITH__PATH_MAX, "%s.part", path) >= (int)KITH__PATH_MAX) {
		kith__cli_complain("the path is too long.");
		return false;
	}
	*fd = open(part, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd >= 0)
		return true;
	kith__cli_complain("%s cannot be written: %s.", part, strerror(errno));
	return false;
}

/* Where the file system cannot refuse to replace, the look before is all there is. */
static bool move(const char *part, const char *path)
{
	if (renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return true;
	return (errno == EINVAL || errno == ENOSYS) && access(path, F_OK) != 0 &&
	       rename(part, path) == 0;
}

bool kith__cli_file_end(const char *path, const char *part, int fd, bool keep)
{
	bool ok = keep && fsync(fd) == 0;
	int error = errno;

	if (close(fd) != 0 && ok) {
		ok = false;
		error = errno;
	}
	if (ok && !move(part, path)) {
		ok = false;
		error = errno;
	}
	if (keep && !ok)
		kith__cli_complain("%s cannot be written: %s.", path, strerror(error));
	if (!ok)
		(void)unlink(part);
	return ok;
}
