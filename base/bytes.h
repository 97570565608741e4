/* SPDX-License-Identifier: ISC */
/*
 * The one bounds-checked reader and writer for everything on wire and disk.
 *
 * Both have a sticky error: after the first access beyond the end (or a malformed value) every
 * further call yields zeros or does nothing, and one check at the end tells. A message is parsed
 * completely before anything takes effect. Integers are little-endian unless the name says `be`.
 */
#ifndef KITH_BASE_BYTES_H
#define KITH_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct kith_reader {
	const uint8_t *p; /* next byte */
	size_t left;
	bool bad; /* sticky */
};

struct kith_writer {
	uint8_t *start;
	size_t len; /* bytes written */
	size_t cap;
	bool bad; /* sticky: something did not fit */
};

/* Starts reading `len` bytes; `data` must outlive the reader. */
void kith_reader_init(struct kith_reader *r, const void *data, size_t len);
uint8_t kith_read_u8(struct kith_reader *r);
uint16_t kith_read_u16(struct kith_reader *r);
uint16_t kith_read_u16be(struct kith_reader *r);
uint32_t kith_read_u32(struct kith_reader *r);
uint64_t kith_read_u64(struct kith_reader *r);
/* Varint of 1, 2, 4 or 8 bytes, two length bits on top, big-endian, shortest form required
 * (transport.md 5; RFC 9000 section 16 form). */
uint64_t kith_read_varint(struct kith_reader *r);
/* Copies `len` bytes to `dst` (zeros on error). */
void kith_read_bytes(struct kith_reader *r, void *dst, size_t len);
/* A pointer to the next `len` bytes inside the input; NULL on error. len 0 gives non-NULL. */
const uint8_t *kith_read_view(struct kith_reader *r, size_t len);
void kith_read_skip(struct kith_reader *r, size_t len);
/* Demands that the next `len` bytes are zero (reserved fields, padding). */
void kith_read_zeros(struct kith_reader *r, size_t len);
/* Marks the input malformed; for checks on values just read. */
void kith_read_fail(struct kith_reader *r);
/* True when nothing went wrong so far. */
bool kith_read_ok(const struct kith_reader *r) KITH_MUST_USE;
/* KITH_OK when nothing went wrong and all input is used, else KITH_E_MALFORMED. */
int kith_read_end(const struct kith_reader *r) KITH_MUST_USE;

/* Starts writing into `cap` bytes at `dst`. */
void kith_writer_init(struct kith_writer *w, void *dst, size_t cap);
void kith_write_u8(struct kith_writer *w, uint8_t v);
void kith_write_u16(struct kith_writer *w, uint16_t v);
void kith_write_u16be(struct kith_writer *w, uint16_t v);
void kith_write_u32(struct kith_writer *w, uint32_t v);
void kith_write_u64(struct kith_writer *w, uint64_t v);
void kith_write_varint(struct kith_writer *w, uint64_t v); /* v < 2^62 */
void kith_write_bytes(struct kith_writer *w, const void *src, size_t len);
void kith_write_zeros(struct kith_writer *w, size_t len);
/* Room for `len` bytes to be filled by the caller; NULL when they do not fit. */
uint8_t *kith_write_view(struct kith_writer *w, size_t len);
/* Zeros up to `total` bytes since the start; an error when more are written already. */
void kith_write_pad(struct kith_writer *w, size_t total);
/* KITH_OK, or KITH_E_FULL when something did not fit. */
int kith_write_end(const struct kith_writer *w) KITH_MUST_USE;
/* The number of bytes that kith_write_varint needs for v: 1, 2, 4 or 8. */
size_t kith_varint_size(uint64_t v);

/* Fixed places in buffers whose size the caller has proved. */
uint32_t kith_load_u32(const uint8_t p[4]);
uint64_t kith_load_u64(const uint8_t p[8]);
void kith_store_u32(uint8_t p[4], uint32_t v);
void kith_store_u64(uint8_t p[8], uint64_t v);

/* Lower-case hex of `len` bytes plus NUL: `out` holds 2 * len + 1. */
void kith_hex_encode(char *out, const uint8_t *in, size_t len);
/* Reads exactly `len` bytes from 2 * len hex digits (either case). */
int kith_hex_decode(uint8_t *out, size_t len, const char *hex, size_t hex_len) KITH_MUST_USE;
/* RFC 4648 base32 without padding, upper case: `out` holds (len * 8 + 4) / 5 + 1 characters. */
void kith_base32_encode(char *out, const uint8_t *in, size_t len);
/* Reads exactly `len` bytes from base32 text of exactly (len * 8 + 4) / 5 characters, case
 * ignored; unused bits must be zero. */
int kith_base32_decode(uint8_t *out, size_t len, const char *text, size_t text_len) KITH_MUST_USE;

#endif
