/* SPDX-License-Identifier: ISC */
/* Reader of the text vectors: the file in memory, cut into lines; a record is a line range. */
#include "tests/vectors.h"
#include "tests/test.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_vectors {
	char path[512];
	char *text;
	char **lines; /* each ends with NUL, without its newline */
	int line_count;
	int begin, end; /* the current record: lines [begin, end) */
	int records, records_said;
};

static char path_buffer[512];

const char *test_vector_path(const char *name)
{
	snprintf(path_buffer, sizeof(path_buffer), "%s/%s", KITH_VECTORS_DIR, name);
	return path_buffer;
}

static void read_all(struct test_vectors *v)
{
	FILE *f = fopen(v->path, "rb");
	size_t len = 0, size = 1 << 16, got;

	if (f == NULL)
		test_fail(v->path, 0, "cannot open");
	v->text = malloc(size);
	while (v->text && (got = fread(v->text + len, 1, size - len - 1, f)) > 0) {
		len += got;
		if (size - len == 1)
			v->text = realloc(v->text, size *= 2);
	}
	fclose(f);
	if (v->text == NULL)
		test_fail(v->path, 0, "no memory");
	v->text[len] = '\0';
}

static void cut_lines(struct test_vectors *v)
{
	int count = 1;

	for (const char *p = v->text; *p; p++)
		count += *p == '\n';
	v->lines = malloc(sizeof(*v->lines) * (size_t)count);
	if (v->lines == NULL)
		test_fail(v->path, 0, "no memory");
	for (char *p = v->text; *p;) {
		char *end = p + strcspn(p, "\n");

		v->lines[v->line_count++] = p;
		p = *end ? end + 1 : end;
		*end = '\0';
		if (end > v->lines[v->line_count - 1] && end[-1] == '\r')
			end[-1] = '\0';
	}
}

struct test_vectors *test_vectors_open(const char *name)
{
	struct test_vectors *v = calloc(1, sizeof(*v));

	if (v == NULL)
		test_fail(name, 0, "no memory");
	snprintf(v->path, sizeof(v->path), "%s", test_vector_path(name));
	read_all(v);
	cut_lines(v);
	if (v->line_count == 0 || sscanf(v->lines[0], "# count = %d", &v->records_said) != 1)
		test_fail(v->path, 1, "the first line must be '# count = N'");
	return v;
}

static bool is_data(const char *line)
{
	return line[0] != '\0' && line[0] != '#';
}

bool test_vectors_next(struct test_vectors *v)
{
	int i = v->end;

	while (i < v->line_count && !is_data(v->lines[i]))
		i++;
	v->begin = i;
	while (i < v->line_count && v->lines[i][0] != '\0') {
		if (is_data(v->lines[i]) && strstr(v->lines[i], " =") == NULL)
			test_fail(v->path, i + 1, "not 'name = value'");
		i++;
	}
	v->end = i;
	if (v->begin < v->end) {
		v->records++;
		return true;
	}
	if (v->records != v->records_said)
		test_fail(v->path, 1, "%d records, count says %d", v->records, v->records_said);
	return false;
}

void test_vectors_close(struct test_vectors *v)
{
	if (v == NULL)
		return;
	free(v->lines);
	free(v->text);
	free(v);
}

int test_vectors_line(const struct test_vectors *v)
{
	return v->begin + 1;
}

static const char *find(const struct test_vectors *v, const char *name)
{
	size_t len = strlen(name);

	for (int i = v->begin; i < v->end; i++) {
		const char *line = v->lines[i];

		if (strncmp(line, name, len) == 0 && strncmp(line + len, " =", 2) == 0)
			return line + len + 2 + strspn(line + len + 2, " ");
	}
	return NULL;
}

bool test_vectors_has(const struct test_vectors *v, const char *name)
{
	return find(v, name) != NULL;
}

const char *test_vectors_text(const struct test_vectors *v, const char *name)
{
	const char *value = find(v, name);

	if (value == NULL)
		test_fail(v->path, v->begin + 1, "the record has no '%s'", name);
	return value;
}

int64_t test_vectors_int(const struct test_vectors *v, const char *name)
{
	const char *text = test_vectors_text(v, name);
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 0);
	if (end == text || *end != '\0' || errno != 0)
		test_fail(v->path, v->begin + 1, "%s = '%s' is no number", name, text);
	return value;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

size_t test_vectors_data(const struct test_vectors *v, const char *name, uint8_t *out, size_t max)
{
	const char *text = test_vectors_text(v, name);
	size_t len = strlen(text) / 2;

	if (strlen(text) % 2 != 0 || len > max)
		test_fail(v->path, v->begin + 1, "%s: %zu hex digits for at most %zu bytes", name,
			  strlen(text), max);
	for (size_t i = 0; i < len; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			test_fail(v->path, v->begin + 1, "%s is not hex", name);
		out[i] = (uint8_t)(high * 16 + low);
	}
	return len;
}

void test_vectors_bytes(const struct test_vectors *v, const char *name, uint8_t *out, size_t len)
{
	size_t got = test_vectors_data(v, name, out, len);

	if (got != len)
		test_fail(v->path, v->begin + 1, "%s has %zu bytes, not %zu", name, got, len);
}
