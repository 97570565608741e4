/* SPDX-License-Identifier: ISC */
/* Shared by tidy.c and tidy_code.c: one file as read, and how to report. */
#ifndef KITH_TESTS_TIDY_H
#define KITH_TESTS_TIDY_H

#include "tests/tidy_tables.h"

#include <stdbool.h>

struct file {
	char *real;       /* path to open */
	const char *path; /* path in its tree */
	char folder[64];
	char *text, *kind, *code; /* same length, NUL at the end */
	size_t len;
	char **lines, **codes; /* start of each line in text and code */
	int line_count;
	bool is_c, is_header, is_test;
};

/* Whether s begins or ends so. */
bool starts(const char *s, const char *prefix);
bool ends(const char *s, const char *suffix);
/* A letter, digit or underscore. */
bool is_word(char c);
/* Whether `item` matches one word of the space-separated `list`; "x/" and "x*" match prefixes. */
bool listed(const char *list, const char *item);
/* Whether tests/tidy_allow.txt has "<rule> <path>" or "<rule> <path>:<what>". */
bool allowed(const struct file *f, enum rule rule, const char *what);
/* The line, from 1, of the byte at `at`; the bytes of line i, from 0, without its newline. */
int line_of(const struct file *f, size_t at);
size_t line_len(const struct file *f, int i);
/* Ends the program when p is NULL. */
void *must(void *p);
/* One breach. */
__attribute__((format(printf, 4, 5))) void report(const struct file *f, int line, enum rule rule,
						  const char *format, ...);

/* All rules that read C. */
void tidy_code(const struct file *f);
/* The text that options, variables and commands must be mentioned in. */
void tidy_docs_add(const struct file *f);
void tidy_docs_clear(void);

#endif
