/* SPDX-License-Identifier: ISC */
/* What the tests of store/ share: a profile on a disk in memory or in a directory of its own. */
#ifndef KITH_TESTS_STORE_HELP_H
#define KITH_TESTS_STORE_HELP_H

#include "store/internal.h"
#include "tests/test.h"
#include "tests/unit/store/disk.h"

/* Small Argon2id values, a fixed random stream, and `disk` (NULL: `dir` on the real disk). */
struct kith_profile_config help_config(struct test_disk *disk, const char *dir,
				       struct kith_rng *rng);
/* A fresh directory under the build's temporary folder; removed with all files by help_remove. */
void help_directory(char out[static 64]);
void help_remove(const char *dir);
/* Runs everything that waits and takes it back as done; the status of the last batch. */
int help_commit(struct kith_store *s);
void help_put(struct kith_store *s, const struct kith_op *op);
/* Contact 1, device 1 and conversation 1, so that messages have something to belong to. */
void help_people(struct kith_store *s);
/* A message of `len` bytes of text that depend on id. */
struct kith_op help_message(int64_t id, size_t len, char *text);
void help_text(int64_t id, size_t len, char *text);
/* Number of rows of a read; CHECKs that it works. */
unsigned int help_rows(struct kith_store *s, enum kith_op_kind kind);
/* 1 when the message is there with its text, 0 when it is not there; else fails. */
int help_has(struct kith_store *s, int64_t id, size_t len);

#endif
