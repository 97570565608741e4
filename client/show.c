/* SPDX-License-Identifier: ISC */
/*
 * How things look. Every text of a stranger passes kith_text_show; numbers, ids and words of our
 * own do not need it. No message is shown further than it is.
 */
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "client/internal.h"

const char *kith__cli_text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s != NULL ? s : "";
}

json_int_t kith__cli_int(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

void kith__cli_complain(const char *format, ...)
{
	va_list args;

	(void)fflush(stdout);
	(void)fputs("kith: ", stderr);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputs("\n", stderr);
}

size_t kith__cli_show(FILE *to, enum kith_text_mode mode, unsigned indent, const char *text)
{
	size_t len = strlen(text);
	size_t need = kith_text_show(NULL, 0, mode, indent, text, len);
	char *shown = kith_alloc_zero(NULL, need + 1, 1);
	size_t columns;

	if (shown == NULL)
		return 0;
	(void)kith_text_show(shown, need + 1, mode, indent, text, len);
	(void)fwrite(shown, 1, strlen(shown), to);
	columns = kith_text_columns(shown);
	kith_alloc_free(NULL, shown);
	return columns;
}

void kith__cli_show_name(FILE *to, const char *text, size_t width)
{
	size_t columns = kith__cli_show(to, KITH_TEXT_NAME, 0, text);

	(void)fprintf(to, "%*s", (int)(columns < width ? width - columns : 0), "");
}

const char *kith__cli_title(const json_t *contact)
{
	const char *alias = kith__cli_text(contact, "alias"),
		   *name = kith__cli_text(contact, "name");

	if (alias[0] != '\0')
		return alias;
	return name[0] != '\0' ? name : kith__cli_text(contact, "short");
}

/* strftime gives locale words; month names here are fixed, so that output is stable. */
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
				   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static bool split(json_int_t ms, struct tm *out)
{
	time_t s = (time_t)(ms / 1000);

	return ms > 0 && localtime_r(&s, out) != NULL;
}

void kith__cli_date(char out[32], json_int_t ms)
{
	struct tm t;

	if (split(ms, &t))
		(void)snprintf(out, 32, "%d %s", t.tm_mday, months[t.tm_mon]);
	else
		(void)snprintf(out, 32, "?");
}

void kith__cli_time(char out[32], json_int_t ms)
{
	struct tm t, today;
	time_t now = time(NULL);

	if (!split(ms, &t) || localtime_r(&now, &today) == NULL)
		(void)snprintf(out, 32, "?");
	else if (t.tm_year == today.tm_year && t.tm_yday == today.tm_yday)
		(void)snprintf(out, 32, "%02d:%02d", t.tm_hour, t.tm_min);
	else if (t.tm_year == today.tm_year)
		(void)snprintf(out, 32, "%d %s %02d:%02d", t.tm_mday, months[t.tm_mon], t.tm_hour,
			       t.tm_min);
	else
		(void)snprintf(out, 32, "%d %s %d", t.tm_mday, months[t.tm_mon], t.tm_year + 1900);
}

void kith__cli_state(char out[128], const json_t *state)
{
	const char *step = kith__cli_text(state, "step");
	const json_t *kept = json_object_get(state, "kept");
	char date[32];

	if (strcmp(step, "kept") == 0) {
		kith__cli_date(date, kith__cli_int(kept, "until"));
		(void)snprintf(out, 128, "kept by %d until %s", (int)kith__cli_int(kept, "n"),
			       date);
	} else if (json_is_integer(json_object_get(state, step))) {
		kith__cli_time(date, kith__cli_int(state, step));
		(void)snprintf(out, 128, "%.16s %s", step, date);
	} else {
		(void)snprintf(out, 128, "%.16s", step);
	}
}

void kith__cli_message(const struct kith__cli *cli, const json_t *m, const char *who)
{
	const json_t *state = json_object_get(m, "state");
	bool own = strcmp(kith__cli_text(m, "from"), "me") == 0;
	char words[128];

	kith__cli_time(words, kith__cli_int(m, own ? "time" : "received"));
	(void)printf("%s%s%s  ", cli->colour ? "\033[2m" : "", words, cli->colour ? "\033[0m" : "");
	if (own)
		(void)printf("%sme%s", cli->colour ? "\033[1m" : "", cli->colour ? "\033[0m" : "");
	else
		(void)kith__cli_show(stdout, KITH_TEXT_NAME, 0, who);
	(void)fputs(": ", stdout);
	(void)kith__cli_show(stdout, KITH_TEXT_BODY, 8, kith__cli_text(m, "text"));
	if (json_is_true(json_object_get(m, "newer")))
		(void)fputs("  [parts of it need a newer version]", stdout);
	if (own && json_is_object(state)) {
		kith__cli_state(words, state);
		(void)printf("  %s[%s%s]%s", cli->colour ? "\033[2m" : "", words,
			     json_is_true(json_object_get(m, "overdue")) ? ", overdue" : "",
			     cli->colour ? "\033[0m" : "");
	}
	(void)fputs("\n", stdout);
}

static int put(const char *bytes, size_t len, void *ctx)
{
	return fwrite(bytes, 1, len, ctx) == len ? 0 : -1;
}

void kith__cli_line(const json_t *value)
{
	/* a terminal gets nothing but ASCII: controls and direction marks stay escaped */
	size_t ascii = isatty(STDOUT_FILENO) == 1 ? JSON_ENSURE_ASCII : 0;

	if (json_dump_callback(value, put, stdout, JSON_COMPACT | JSON_ENCODE_ANY | ascii) == 0)
		(void)fputs("\n", stdout);
}

bool kith__cli_items(const struct kith__cli *cli, const json_t *items)
{
	const json_t *item;
	size_t i;

	if (!cli->json)
		return false;
	json_array_foreach(items, i, item) kith__cli_line(item);
	return true;
}

void kith__cli_progress(struct kith__cli *cli, const json_t *params)
{
	json_int_t done = kith__cli_int(params, "done"), total = kith__cli_int(params, "total");

	if (cli->quiet || cli->json || isatty(STDERR_FILENO) != 1 || total <= 0)
		return;
	(void)fprintf(stderr, "\r%3d %%  %lld of %lld MiB ", (int)(100 * done / total),
		      (long long)(done >> 20), (long long)(total >> 20));
	if (done >= total)
		(void)fputs("\r\033[K", stderr);
	(void)fflush(stderr);
}
