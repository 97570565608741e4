/* SPDX-License-Identifier: ISC */
/*
 * Plain log lines from engines to drivers: a ring of fixed lines, never secrets, never addresses.
 * Overwrites the oldest when full and counts what was lost.
 */
#ifndef KITH_BASE_LOG_H
#define KITH_BASE_LOG_H

#include "base/types.h"

#define KITH_LOG_LINES 64u
#define KITH_LOG_TEXT  120u

/* How much a line matters. */
enum kith_log_level { KITH_LOG_ERROR, KITH_LOG_WARN, KITH_LOG_INFO, KITH_LOG_DEBUG };

/* One line; text ends with NUL. */
struct kith_log_line {
	kith_time at;
	enum kith_log_level level;
	char text[KITH_LOG_TEXT];
};

/* The ring; all zero is empty. Counters only grow. */
struct kith_log {
	struct kith_log_line line[KITH_LOG_LINES];
	uint64_t written, read, lost;
};

/* Adds one line, cut at KITH_LOG_TEXT - 1 bytes. `what` is a constant sentence; the number follows
 * it when `with_number`. Without a log (NULL) nothing happens. No formatting inside engines: that
 * keeps addresses and keys out. */
void kith_log_add(struct kith_log *log, kith_time now, enum kith_log_level level, const char *what);
void kith_log_add_number(struct kith_log *log, kith_time now, enum kith_log_level level,
			 const char *what, uint64_t number);
/* Oldest unread line; false when there is none. */
bool kith_log_next(struct kith_log *log, struct kith_log_line *out);

#endif
