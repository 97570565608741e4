/* SPDX-License-Identifier: ISC */
#include "tests/unit/base/json_vectors.h"

#include "tests/test.h"

#include <string.h>

json_t *json_vectors_open(const char *name)
{
	json_error_t error;
	json_t *root = json_load_file(test_vector_path(name), JSON_REJECT_DUPLICATES, &error);

	if (!root)
		test_fail(name, error.line, "%s", error.text);
	return root;
}

json_t *json_vectors_list(const json_t *object, const char *key)
{
	json_t *list = json_object_get(object, key);

	if (!json_is_array(list))
		test_fail(__FILE__, __LINE__, "no list \"%s\"", key);
	return list;
}

const char *json_vectors_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text)
		test_fail(__FILE__, __LINE__, "no string \"%s\"", key);
	return text;
}

static unsigned digit(char c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	if (!at)
		test_fail(__FILE__, __LINE__, "not a hex digit: '%c'", c);
	return (unsigned)(at - digits) % 16;
}

size_t json_vectors_data(const json_t *object, const char *key, uint8_t *out, size_t max)
{
	const char *text = json_vectors_text(object, key);
	size_t len = strlen(text);

	if (len % 2 != 0 || len / 2 > max)
		test_fail(__FILE__, __LINE__, "\"%s\" has %zu digits", key, len);
	for (size_t i = 0; i < len / 2; i++)
		out[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
	return len / 2;
}

void json_vectors_bytes(const json_t *object, const char *key, uint8_t *out, size_t len)
{
	size_t got = json_vectors_data(object, key, out, len);

	if (got != len)
		test_fail(__FILE__, __LINE__, "\"%s\" has %zu bytes, not %zu", key, got, len);
}
