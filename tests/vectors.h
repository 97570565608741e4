/* SPDX-License-Identifier: ISC */
/*
 * Reader of the text vectors in tests/vectors.
 *
 *	# count = 2          the number of records, always the first line
 *	# any other remark
 *	name = 00ff10        bytes in hex (may be empty), or a decimal number, or a word
 *	next = 12
 *	                     one or more blank lines between records
 *	name = ..
 *
 * Every error (no file, bad line, missing name, wrong count) fails the running case and names
 * the line. Typical use:
 *	struct test_vectors *v = test_vectors_open("x25519.txt");
 *	while (test_vectors_next(v)) {
 *		test_vectors_bytes(v, "scalar", scalar, 32);
 *		...
 *	}
 *	test_vectors_close(v);
 */
#ifndef KITH_TEST_VECTORS_H
#define KITH_TEST_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test_vectors;

/* Opens tests/vectors/<name> and reads it whole. Never NULL: a failure ends the case. */
struct test_vectors *test_vectors_open(const char *name);
/* Goes to the next record; false after the last one, having checked the count. */
bool test_vectors_next(struct test_vectors *v);
/* Frees v. */
void test_vectors_close(struct test_vectors *v);

/* Line of the current record in the file, for messages. */
int test_vectors_line(const struct test_vectors *v);
/* Whether the current record has `name`. */
bool test_vectors_has(const struct test_vectors *v, const char *name);
/* The value as written; valid until close. */
const char *test_vectors_text(const struct test_vectors *v, const char *name);
/* The value as a number: decimal, or hex with 0x. */
int64_t test_vectors_int(const struct test_vectors *v, const char *name);
/* Exactly `len` bytes into out. */
void test_vectors_bytes(const struct test_vectors *v, const char *name, uint8_t *out, size_t len);
/* Up to `max` bytes into out; returns how many. */
size_t test_vectors_data(const struct test_vectors *v, const char *name, uint8_t *out, size_t max);

#endif
