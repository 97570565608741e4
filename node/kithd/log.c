/* SPDX-License-Identifier: ISC */
/* Log lines: "LEVEL sentence" on stderr. Who runs kithd adds time and place (systemd, a file). */
#include <stdarg.h>
#include <stdio.h>

#include "node/kithd/internal.h"

static const char *level_name(enum kith_log_level level)
{
	switch (level) {
	case KITH_LOG_ERROR: return "ERROR";
	case KITH_LOG_WARN: return "WARN";
	case KITH_LOG_INFO: return "INFO";
	case KITH_LOG_DEBUG: return "DEBUG";
	}
	return "ERROR";
}

void kith__kithd_say(const struct kithd *k, enum kith_log_level level, const char *format, ...)
{
	char text[KITHD_PATH + 128];
	va_list args;

	if (level > k->cfg.level && level != KITH_LOG_ERROR)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (level == KITH_LOG_ERROR && k->sentence != NULL)
		(void)snprintf(k->sentence, sizeof(text), "%s", text);
	if (level > k->cfg.level)
		return;
	(void)fprintf(stderr, "%s %s\n", level_name(level), text);
}

void kith__kithd_log_drain(struct kithd *k)
{
	struct kith_log_line line;

	while (kith_log_next(&k->log, &line))
		kith__kithd_say(k, line.level, "%s", line.text);
}
