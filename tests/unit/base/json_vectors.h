/* SPDX-License-Identifier: ISC */
#ifndef KITH_TEST_JSON_VECTORS_H
#define KITH_TEST_JSON_VECTORS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Reader of tests/vectors/<name>.json for unit tests. Every error ends the running case. */

/* Parse a whole file; free it with json_decref. */
json_t *json_vectors_open(const char *name);

/* The array at `key` of `object`. */
json_t *json_vectors_list(const json_t *object, const char *key);

/* The string at `key`. */
const char *json_vectors_text(const json_t *object, const char *key);

/* Bytes of the hex string at `key`, of any length up to `max`; returns their number. */
size_t json_vectors_data(const json_t *object, const char *key, uint8_t *out, size_t max);

/* Exactly `len` bytes of the hex string at `key`. */
void json_vectors_bytes(const json_t *object, const char *key, uint8_t *out, size_t len);

#endif
