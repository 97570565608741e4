/* SPDX-License-Identifier: ISC */
/* A plain disk in memory for a store: what is written stays. */
#ifndef KITH_TEST_MBOX_DISK_H
#define KITH_TEST_MBOX_DISK_H

#include "base/disk.h"

#define MEMORY_FILES 16u

struct memory_file {
	char name[64]; /* empty: free */
	uint8_t *data;
	size_t len;
};

struct memory_disk {
	struct kith_disk table;
	struct memory_file file[MEMORY_FILES];
};

void memory_disk_init(struct memory_disk *d);
void memory_disk_free(struct memory_disk *d);

#endif
