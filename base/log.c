/* SPDX-License-Identifier: ISC */
#include "base/log.h"

#include <string.h>

static struct kith_log_line *claim(struct kith_log *log, kith_time now, enum kith_log_level level,
				   const char *what)
{
	struct kith_log_line *line = &log->line[log->written % KITH_LOG_LINES];
	size_t len = strlen(what);

	if (log->written - log->read == KITH_LOG_LINES) {
		log->read++;
		log->lost++;
	}
	log->written++;
	if (len > KITH_LOG_TEXT - 1)
		len = KITH_LOG_TEXT - 1;
	line->at = now;
	line->level = level;
	memcpy(line->text, what, len);
	line->text[len] = '\0';
	return line;
}

void kith_log_add(struct kith_log *log, kith_time now, enum kith_log_level level, const char *what)
{
	if (log != NULL)
		(void)claim(log, now, level, what);
}

void kith_log_add_number(struct kith_log *log, kith_time now, enum kith_log_level level,
			 const char *what, uint64_t number)
{
	struct kith_log_line *line;
	size_t len;
	char digits[20];
	size_t count = 0;

	if (log == NULL)
		return;
	line = claim(log, now, level, what);
	len = strlen(line->text);
	do {
		digits[count++] = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	if (len > KITH_LOG_TEXT - 2 - count) /* the number is never the part that is cut */
		len = KITH_LOG_TEXT - 2 - count;
	line->text[len++] = ' ';
	while (count > 0)
		line->text[len++] = digits[--count];
	line->text[len] = '\0';
}

bool kith_log_next(struct kith_log *log, struct kith_log_line *out)
{
	if (log->read == log->written)
		return false;
	*out = log->line[log->read++ % KITH_LOG_LINES];
	return true;
}
