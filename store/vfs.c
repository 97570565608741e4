/* SPDX-License-Identifier: ISC */
/*
 * The two VFS of the program, registered once, and how a file gets its context: a VFS is one
 * object for the process, but keys and disks belong to a profile. So the name given to SQLite is
 * no path: it is a pointer in hex, and for the disk a name behind it. Such names never leave the
 * process, and ATTACH, the only way to open a name by SQL, is refused.
 */
#include <stdio.h>
#include <string.h>

#include "store/internal.h"

#define DIGITS 16u

void kith__vfs_name(char out[static KITH__NAME_MAX], const void *ctx, const char *rest)
{
	uint8_t bytes[8];

	kith_store_u64(bytes, (uint64_t)(uintptr_t)ctx);
	kith_hex_encode(out, bytes, sizeof(bytes));
	(void)snprintf(out + DIGITS, KITH__NAME_MAX - DIGITS, "%s", rest);
}

void *kith__vfs_context(const char *name, const char **rest)
{
	uint8_t bytes[8];

	if (name == NULL || strlen(name) < DIGITS ||
	    kith_hex_decode(bytes, sizeof(bytes), name, DIGITS) != KITH_OK)
		return NULL;
	*rest = name + DIGITS;
	return (void *)(uintptr_t)kith_load_u64(bytes);
}

int kith__vfs_start(struct kith_rng *rng)
{
	static sqlite3_vfs disk, seal;
	static bool seeded;
	sqlite3_mutex *mutex;
	sqlite3_vfs *lower;
	int rc = SQLITE_OK;

	if (sqlite3_initialize() != SQLITE_OK)
		return KITH_E_NOMEM;
	mutex = sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_APP1);
	sqlite3_mutex_enter(mutex);
	lower = sqlite3_vfs_find("unix");
	if (lower == NULL) {
		rc = SQLITE_ERROR;
	} else if (sqlite3_vfs_find(KITH__VFS_SEAL) == NULL) {
		kith__vfs_disk_fill(&disk);
		kith__vfs_seal_fill(&seal, lower);
		rc = sqlite3_vfs_register(&disk, 0);
		if (rc == SQLITE_OK)
			rc = sqlite3_vfs_register(&seal, 0);
	}
	if (rng != NULL && !seeded) {
		seeded = true;
		/* never 0, which would mean the default */
		(void)sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED,
					   (int)(kith_rng_u32(rng) >> 2 | 1u), (sqlite3 *)NULL);
	}
	sqlite3_mutex_leave(mutex);
	return rc == SQLITE_OK ? KITH_OK : KITH_E_IO;
}
