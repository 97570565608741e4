/* SPDX-License-Identifier: ISC */
/* The checks of the test kit for doubles that fuzz targets share with unit tests: they abort. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

void test_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s:%d: ", file, line);
	vfprintf(stderr, format, args);
	va_end(args);
	abort();
}

void test_check_eq(const char *file, int line, const char *text, intmax_t a, intmax_t b)
{
	if (a != b)
		test_fail(file, line, "%s", text);
}

void test_check_mem(const char *file, int line, const char *text, const void *a, const void *b,
		    size_t len)
{
	if (memcmp(a, b, len) != 0)
		test_fail(file, line, "%s", text);
}
