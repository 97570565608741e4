/* SPDX-License-Identifier: ISC */
/* The test kit's checks: each prints both values and ends the case. See test.h. */
#include "tests/test.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void test_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("# %s:%d: ", file, line);
	vprintf(format, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
	exit(EXIT_FAILURE);
}

_Noreturn void test_skip(const char *reason)
{
	printf("# skipped: %s\n", reason);
	exit(EXIT_SUCCESS);
}

void test_check_eq(const char *file, int line, const char *text, intmax_t a, intmax_t b)
{
	if (a != b)
		test_fail(file, line, "%s: %" PRIdMAX " and %" PRIdMAX, text, a, b);
}

void test_check_str(const char *file, int line, const char *text, const char *a, const char *b)
{
	if (a == NULL || b == NULL || strcmp(a, b) != 0)
		test_fail(file, line, "%s: \"%s\" and \"%s\"", text, a ? a : "(null)",
			  b ? b : "(null)");
}

static void print_row(const char *name, const uint8_t *p, size_t from, size_t to)
{
	printf("# %s +%zu:", name, from);
	for (size_t i = from; i < to; i++)
		printf(" %02x", p[i]);
	printf("\n");
}

void test_check_mem(const char *file, int line, const char *text, const void *a, const void *b,
		    size_t len)
{
	const uint8_t *x = a, *y = b;
	size_t at = 0, from, to;

	while (at < len && x[at] == y[at])
		at++;
	if (at == len)
		return;
	from = at & ~(size_t)15;
	to = len - from < 32 ? len : from + 32;
	print_row("left ", x, from, to);
	print_row("right", y, from, to);
	test_fail(file, line, "%s: %zu bytes, first difference at %zu", text, len, at);
}

uint64_t test_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}
