/* SPDX-License-Identifier: ISC */
/*
 * A disk in memory for the tests of store/: it keeps for each file what is synced and what is
 * written only, can lose power (any part of the unsynced writes is lost, torn at 512 B or applied
 * out of order), fail the n-th access, or be full.
 */
#ifndef KITH_TESTS_STORE_DISK_H
#define KITH_TESTS_STORE_DISK_H

#include "base/disk.h"

#define TEST_DISK_FILES 32u

struct test_disk_write {
	uint64_t offset;
	uint8_t *data; /* NULL: truncated to `offset` */
	size_t len;
	struct test_disk_write *next;
};

struct test_disk_file {
	char name[64]; /* empty: no name */
	bool used;
	unsigned int handles;
	uint8_t *now, *synced;
	size_t now_len, synced_len, now_cap, synced_cap;
	struct test_disk_write *first, *last;
};

struct test_disk {
	struct kith_disk table;
	struct test_disk_file file[TEST_DISK_FILES];
	uint64_t accesses;  /* of every kind but close */
	uint64_t fail_at;   /* the access that fails (from 1), 0 = none */
	bool fail_for_good; /* and all after it */
	int fail_status;
	uint64_t syncs, sync_fail_at;
	uint64_t capacity; /* bytes of all files, 0 = no limit */
};

void test_disk_init(struct test_disk *d);
void test_disk_free(struct test_disk *d);
/* The power went: what is not synced survives in part, as *state says. Handles are gone. */
void test_disk_cut(struct test_disk *d, uint64_t *state);
/* The file of that name, or NULL. */
struct test_disk_file *test_disk_find(struct test_disk *d, const char *name);
uint64_t test_disk_used(const struct test_disk *d);

#endif
