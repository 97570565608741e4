/* SPDX-License-Identifier: ISC */
/*
 * The test kit: cases register themselves, run in a process of their own, and report TAP.
 *
 *	TEST(counts_to_three) {
 *		CHECK_EQ(count("abc"), 3);
 *	}
 *
 * Any number of .c files may be linked into one binary; main() is in test.c. A failed check
 * prints file, line and values and ends the case. Usage of a binary:
 *	unit_base [--list] [--seed 0x1f3a | --seed fresh] [part of a name]..
 * TEST_NOFORK=1 runs the cases in the one process, for debuggers.
 */
#ifndef KITH_TEST_H
#define KITH_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kith_rng;

/* One registered case; made by TEST() only. */
struct test_case {
	const char *name;
	const char *file;
	void (*run)(void);
	struct test_case *next;
};

/* Appends `t` to the list of cases; called before main() by TEST(). */
void test_register(struct test_case *t);

#define TEST(name_) \
	static void test_run_##name_(void); \
	static struct test_case test_case_##name_ = {#name_, __FILE__, test_run_##name_, 0}; \
	__attribute__((constructor)) static void test_add_##name_(void) \
	{ \
		test_register(&test_case_##name_); \
	} \
	static void test_run_##name_(void)

/* Ends the case as failed, with a printf-like reason. */
_Noreturn __attribute__((format(printf, 3, 4))) void test_fail(const char *file, int line,
							       const char *format, ...);
/* Ends the case as skipped (counted as passed, with the reason). */
_Noreturn void test_skip(const char *reason);

/* The workers behind the macros below. */
void test_check_eq(const char *file, int line, const char *text, intmax_t a, intmax_t b);
void test_check_mem(const char *file, int line, const char *text, const void *a, const void *b,
		    size_t len);
void test_check_str(const char *file, int line, const char *text, const char *a, const char *b);

#define CHECK(cond) ((cond) ? (void)0 : test_fail(__FILE__, __LINE__, "%s", #cond))
/* Integers of any type; shown in decimal. Values above INT64_MAX compare by their bits. */
#define CHECK_EQ(a, b) test_check_eq(__FILE__, __LINE__, #a " == " #b, (intmax_t)(a), (intmax_t)(b))
/* `n` bytes; shows the first difference in hex. */
#define CHECK_MEM(a, b, n) test_check_mem(__FILE__, __LINE__, #a " == " #b, (a), (b), (n))
#define CHECK_STR(a, b)    test_check_str(__FILE__, __LINE__, #a " == " #b, (a), (b))
/* An enum kith_status that must be 0. */
#define CHECK_OK(expr) test_check_eq(__FILE__, __LINE__, #expr " is ok", (intmax_t)(expr), 0)

/* The seed of this run, printed at its start; equal for all cases of a run. */
uint64_t test_seed(void);
/* A deterministic stream of its own per call, not for secrets. It lives until the case ends; at
 * most 64 per case. Defined when base/engine.h is there. */
struct kith_rng test_rng(uint64_t seed);
/* The next number of a small generator over *state (splitmix64); start it with any value. */
uint64_t test_random(uint64_t *state);

/* Full path of tests/vectors/<name>; valid until the next call. */
const char *test_vector_path(const char *name);

#endif
