/* SPDX-License-Identifier: ISC */
/* Tables behind text.c. */
#ifndef KITH_BASE_TEXT_INTERNAL_H
#define KITH_BASE_TEXT_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

/* Code points first..last, both included. */
struct kith__text_range {
	uint32_t first, last;
};

extern const struct kith__text_range kith__text_marks[]; /* combining: no column */
extern const size_t kith__text_marks_count;
extern const struct kith__text_range kith__text_wide[]; /* two columns */
extern const size_t kith__text_wide_count;

#endif
