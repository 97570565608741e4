/* SPDX-License-Identifier: ISC */
/*
 * The house rules as a test. Reads the paths of all tracked files from stdin, one per line, reads
 * each file once and prints "path:line: rule: detail"; exit code 1 when there is any.
 *
 *	git ls-files | tidy              the tree (tests/tidy_bad is left out)
 *	git ls-files | tidy --selftest   the planted breaches
 *
 * tests/tidy_bad/<rule>/ is a small tree of its own per rule; each of its lines with the word
 * BREACH must be reported under that rule, and nothing else may be. A rule without such a line
 * fails, so no rule can die unnoticed. tests/tidy_bad/good must give no report at all.
 *
 * How C is read: `kind` says for each byte whether it is code, comment or string; `code` is the
 * text with comments and string contents blanked. Layout is that of .clang-format, so a function
 * begins with '{' in column 0. Here: reading, rules for any text, the
 * run. tidy_code.c: rules for C.
 * tidy_tables.h: who may do what.
 */
#include "tests/tidy.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX   8192
#define REPORTS_MAX 4096
#define ALLOW_MAX   256

struct report {
	const struct file *file;
	int line;
	enum rule rule;
};

struct allow {
	char rule[32], what[256];
	int line;
	bool used;
};

static struct file files[FILES_MAX];
static int file_count;
static struct report reports[REPORTS_MAX];
static int report_count;
static struct allow allows[ALLOW_MAX];
static int allow_count;
static bool quiet;

void *must(void *p)
{
	if (p == NULL) {
		fprintf(stderr, "tidy: no memory\n");
		exit(2);
	}
	return p;
}

bool starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && strcmp(s + n - m, suffix) == 0;
}

bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Whether `item` matches one word of the space-separated `list`; "x/" and "x*" match prefixes. */
bool listed(const char *list, const char *item)
{
	while (*list) {
		size_t n = strcspn(list, " ");
		char end = list[n - 1];

		if (end == '/' && strncmp(list, item, n) == 0)
			return true;
		if (end == '*' && strncmp(list, item, n - 1) == 0)
			return true;
		if (strlen(item) == n && strncmp(list, item, n) == 0)
			return true;
		list += n;
		list += strspn(list, " ");
	}
	return false;
}

bool allowed(const struct file *f, enum rule rule, const char *what)
{
	char key[256];

	snprintf(key, sizeof(key), "%s%s%s", f->path, *what ? ":" : "", what);
	for (int i = 0; i < allow_count; i++) {
		if (strcmp(allows[i].rule, rule_names[rule]) == 0 &&
		    strcmp(allows[i].what, key) == 0) {
			allows[i].used = true;
			return true;
		}
	}
	return false;
}

void report(const struct file *f, int line, enum rule rule, const char *format, ...)
{
	va_list args;

	if (report_count < REPORTS_MAX)
		reports[report_count++] = (struct report){f, line, rule};
	if (quiet)
		return;
	printf("%s:%d: %s: ", f->path, line, rule_names[rule]);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

int line_of(const struct file *f, size_t at)
{
	int low = 0, high = f->line_count;

	while (high - low > 1) {
		int mid = (low + high) / 2;

		if (f->lines[mid] <= f->text + at)
			low = mid;
		else
			high = mid;
	}
	return low + 1;
}

/* The number of bytes of line i (from 0), without its newline. */
size_t line_len(const struct file *f, int i)
{
	return strcspn(f->lines[i], "\n");
}

/* ---- reading ---- */

static void mark_kinds(struct file *f)
{
	char state = 'c', quote = 0;

	for (size_t i = 0; i < f->len; i++) {
		char c = f->text[i], next = f->text[i + 1];

		if (state == 'c' && c == '/' && (next == '*' || next == '/'))
			state = next == '*' ? 'm' : 'l';
		if (state == 'c' && (c == '"' || c == '\'')) {
			quote = c;
			state = 's';
			f->kind[i] = 'c';
			continue;
		}
		f->kind[i] = state;
		if (state == 'm' && c == '/' && f->text[i - 1] == '*' && f->kind[i - 2] == 'm')
			state = 'c';
		else if (state == 'l' && c == '\n')
			state = 'c';
		else if (state == 's' && c == '\\')
			f->kind[++i] = 's';
		else if (state == 's' && (c == quote || c == '\n'))
			state = 'c', f->kind[i] = 'c';
	}
	for (size_t i = 0; i < f->len; i++)
		if (f->kind[i] != 'c' && f->text[i] != '\n')
			f->code[i] = ' ';
}

static void cut_lines(struct file *f)
{
	int count = 0;

	for (size_t i = 0; i < f->len; i++)
		count += f->text[i] == '\n';
	count += f->len > 0 && f->text[f->len - 1] != '\n';
	f->lines = must(malloc(sizeof(*f->lines) * ((size_t)count + 1)));
	f->codes = must(malloc(sizeof(*f->codes) * ((size_t)count + 1)));
	for (size_t i = 0; i < f->len; i++) {
		if (i == 0 || f->text[i - 1] == '\n') {
			f->lines[f->line_count] = f->text + i;
			f->codes[f->line_count++] = f->code + i;
		}
	}
}

static bool load(struct file *f)
{
	FILE *in = fopen(f->real, "rb");
	const char *slash = strrchr(f->path, '/');
	long size;

	if (in == NULL)
		return false;
	fseek(in, 0, SEEK_END);
	size = ftell(in);
	rewind(in);
	f->text = must(calloc((size_t)size + 2, 1));
	f->len = fread(f->text, 1, (size_t)size, in);
	fclose(in);
	f->code = must(malloc((size_t)size + 2));
	memcpy(f->code, f->text, (size_t)size + 2);
	f->kind = must(calloc((size_t)size + 2, 1));
	snprintf(f->folder, sizeof(f->folder), "%.*s",
		 slash && slash - f->path < 63 ? (int)(slash - f->path) : 0, f->path);
	f->is_header = ends(f->path, ".h");
	f->is_c = f->is_header || ends(f->path, ".c") || ends(f->path, ".def");
	f->is_test = starts(f->path, "tests/");
	if (f->is_c)
		mark_kinds(f);
	cut_lines(f);
	return true;
}

/* ---- text rules ---- */

static void check_bytes(const struct file *f, bool ascii)
{
	for (size_t i = 0; i < f->len; i++) {
		unsigned char c = (unsigned char)f->text[i];
		const unsigned char *p = (const unsigned char *)f->text + i;

		if (c < 0x20 && c != '\n' && c != '\t')
			report(f, line_of(f, i), R_CONTROL, "control character 0x%02x", c);
		else if (c == 0xe2 && ((p[1] == 0x80 && (p[2] >= 0xaa && p[2] <= 0xae)) ||
				       (p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f)) ||
				       (p[1] == 0x81 && (p[2] >= 0xa6 && p[2] <= 0xa9))))
			report(f, line_of(f, i), R_BIDI, "a character that turns the text");
		else if (c >= 0xc0 && ascii)
			report(f, line_of(f, i), R_ASCII, "not ASCII");
	}
}

static int columns(const char *line, size_t len)
{
	int column = 0;

	for (size_t i = 0; i < len; i++) {
		if (line[i] == '\t')
			column += 8 - column % 8;
		else if (((unsigned char)line[i] & 0xc0) != 0x80)
			column++;
	}
	return column;
}

static void check_layout(const struct file *f)
{
	for (int i = 0; i < f->line_count; i++) {
		const char *line = f->lines[i];
		size_t len = line_len(f, i), indent = strspn(line, " \t");

		if (columns(line, len) > 100 && !ends(f->path, ".def"))
			report(f, i + 1, R_LINE, "%d columns", columns(line, len));
		if (len > 0 && isspace((unsigned char)line[len - 1]))
			report(f, i + 1, R_SPACE, "blank at the end of the line");
		if (line[strspn(line, "\t")] == ' ' && strcspn(line, "\t") < indent &&
		    memchr(line + strspn(line, "\t"), '\t', indent - strspn(line, "\t")))
			report(f, i + 1, R_SPACE, "a space before a tab");
		if (f->is_c && strspn(line, " ") >= 8)
			report(f, i + 1, R_SPACE, "8 spaces where a tab belongs");
	}
	if (f->len > 0 && f->text[f->len - 1] != '\n')
		report(f, f->line_count, R_SPACE, "no newline at the end");
}

static void check_words(const struct file *f)
{
	static const char *const words[] = {"TO"
					    "DO",
					    "FIX"
					    "ME",
					    "XX"
					    "X"};

	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
		size_t len = strlen(words[w]);

		for (const char *p = f->text; (p = strstr(p, words[w])) != NULL; p += len)
			if ((p == f->text || !is_word(p[-1])) && !is_word(p[len]))
				report(f, line_of(f, (size_t)(p - f->text)), R_LATER, "%s",
				       words[w]);
	}
}

static void check_spdx(const struct file *f)
{
	int at = f->line_count > 1 && starts(f->text, "#!") ? 1 : 0;
	const char *found = strstr(f->text, "SPDX-License-Identifier: ISC");

	if (found == NULL || line_of(f, (size_t)(found - f->text)) != at + 1)
		report(f, 1, R_SPDX, "line %d is no SPDX line", at + 1);
}

static bool is_public_ip(const char *s, size_t *len)
{
	unsigned int a, b, c, d;
	int n = 0;

	if (sscanf(s, "%3u.%3u.%3u.%3u%n", &a, &b, &c, &d, &n) != 4 || s[n] == '.' ||
	    is_word(s[n]) || a > 255 || b > 255 || c > 255 || d > 255)
		return false;
	*len = (size_t)n;
	return !(a == 0 || a == 10 || a == 127 || a >= 224 || (a == 100 && b >= 64 && b < 128) ||
		 (a == 169 && b == 254) || (a == 172 && b >= 16 && b < 32) ||
		 (a == 192 && (b == 168 || (b == 0 && c == 2))) ||
		 (a == 198 && (b == 18 || b == 19 || (b == 51 && c == 100))) ||
		 (a == 203 && b == 0 && c == 113));
}

static bool is_public_ip6(const char *s, size_t len)
{
	size_t colons = 0;
	bool twice = false;

	if ((s[0] != '2' && s[0] != '3') || len < 6 || s[4] != ':' || starts(s, "2001:db8:") ||
	    starts(s, "2001:DB8:"))
		return false;
	for (size_t i = 0; i < len; i++) {
		colons += s[i] == ':';
		twice = twice || (s[i] == ':' && s[i + 1] == ':');
	}
	return twice ? colons >= 2 : colons == 7;
}

static bool is_host(const char *s, size_t len)
{
	char host[128], *dot;

	if (len < 4 || len >= sizeof(host))
		return false;
	memcpy(host, s, len);
	host[len] = '\0';
	while (len > 0 && (host[len - 1] == '.' || host[len - 1] == '-'))
		host[--len] = '\0';
	for (size_t i = 0; i < len; i++)
		host[i] = (char)tolower((unsigned char)host[i]);
	dot = strrchr(host, '.');
	return dot && dot > host && listed(top_domains, dot + 1) && !listed(hosts_allowed, host);
}

/* Names and routable addresses: in C only inside strings, elsewhere in all the text. */
static void check_hosts(const struct file *f)
{
	for (size_t i = 0; i < f->len; i++) {
		const char *p = f->text + i;
		size_t n, quad = 0;

		if ((f->is_c && f->kind[i] != 's') || !isalnum((unsigned char)*p) ||
		    (i > 0 && (is_word(p[-1]) || p[-1] == '.' || p[-1] == '-' || p[-1] == ':')))
			continue;
		for (n = 0; isxdigit((unsigned char)p[n]) || p[n] == ':'; n++)
			;
		if (is_public_ip6(p, n) || is_public_ip(p, &quad)) {
			report(f, line_of(f, i), R_HOST, "a routable address");
			continue;
		}
		for (n = 0; isalnum((unsigned char)p[n]) || p[n] == '.' || p[n] == '-'; n++)
			;
		if (is_host(p, n))
			report(f, line_of(f, i), R_HOST, "host name %.*s", (int)n, p);
	}
}

/* ---- the run ---- */

static void check_file(const struct file *f)
{
	const char *base = strrchr(f->path, '/') ? strrchr(f->path, '/') + 1 : f->path;
	bool prose = ends(f->path, ".md") || starts(f->path, "docs/") || starts(f->path, "man/");
	bool data = starts(f->path, "tests/vectors/") || starts(f->path, "tests/fuzz/corpus/");
	bool script = ends(f->path, ".sh") || ends(f->path, ".cmake") ||
		      ends(f->path, "CMakeLists.txt") || ends(f->path, ".sql") ||
		      ends(f->path, ".js") || ends(f->path, ".css") || starts(f->text, "#!");
	bool web = starts(f->path, "client/web/");

	if (data || ends(f->path, ".png") || ends(f->path, ".ico"))
		return;
	check_bytes(f, !prose && !f->is_test && !web);
	if (!starts(f->path, "tests/tidy"))
		check_words(f);
	if (listed(bad_names, base))
		report(f, 1, R_NAME, "a file is named after one noun");
	if (!prose && !f->is_test && strcmp(f->path, "LICENSE") != 0)
		check_hosts(f);
	if (f->is_c || script) {
		check_layout(f);
		check_spdx(f);
		if (f->line_count > 800)
			report(f, 801, R_FILE, "%d lines", f->line_count);
	}
	if (f->is_c)
		tidy_code(f);
}

static void load_allows(const struct file *f)
{
	for (int i = 0; i < f->line_count && allow_count < ALLOW_MAX; i++) {
		struct allow *a = &allows[allow_count];

		if (sscanf(f->lines[i], "%31[a-z-] %255s", a->rule, a->what) != 2)
			continue;
		a->line = i + 1;
		a->used = false;
		allow_count++;
	}
}

/* Checks the files [from, to) as one tree. */
static void check_tree(int from, int to)
{
	const struct file *list = NULL;

	allow_count = 0;
	tidy_docs_clear();
	for (int i = from; i < to; i++) {
		const struct file *f = &files[i];

		if (strcmp(f->path, "tests/tidy_allow.txt") == 0)
			load_allows(list = f);
		if (starts(f->path, "docs/") || starts(f->path, "man/") ||
		    strcmp(f->path, "README.md") == 0)
			tidy_docs_add(f);
	}
	for (int i = from; i < to; i++)
		check_file(&files[i]);
	for (int i = 0; i < allow_count; i++)
		if (!allows[i].used)
			report(list, allows[i].line, R_STALE, "%s is not needed", allows[i].what);
}

/* Whether report (line, rule) of f is among those made from report number `from` on. */
static bool was_reported(const struct file *f, int line, enum rule rule, int from)
{
	for (int i = from; i < report_count; i++)
		if (reports[i].file == f && reports[i].line == line && reports[i].rule == rule)
			return true;
	return false;
}

/* Compares the reports of one planted tree with its marks; counts marks into *marks. */
static int compare(int from, int to, enum rule rule, int first_report, int *marks)
{
	int wrong = 0;

	for (int i = from; i < to; i++) {
		for (int n = 0; n < files[i].line_count; n++) {
			const char *mark = strstr(files[i].lines[n], "BREACH");

			if (mark == NULL || mark > files[i].lines[n] + line_len(&files[i], n))
				continue;
			(*marks)++;
			if (rule < RULE_COUNT && was_reported(&files[i], n + 1, rule, first_report))
				continue;
			printf("%s:%d: the planted breach was not reported\n", files[i].real,
			       n + 1);
			wrong++;
		}
	}
	for (int i = first_report; i < report_count; i++) {
		const struct file *f = reports[i].file;
		const char *line = f->lines[reports[i].line - 1];
		const char *mark = strstr(line, "BREACH");

		if (reports[i].rule == rule && mark &&
		    mark < line + line_len(f, reports[i].line - 1))
			continue;
		printf("%s:%d: reported as %s without reason\n", f->real, reports[i].line,
		       rule_names[reports[i].rule]);
		wrong++;
	}
	return wrong;
}

static int selftest(void)
{
	int marks[RULE_COUNT + 1] = {0}, wrong = 0;

	for (int rule = 0; rule <= RULE_COUNT; rule++) {
		const char *name = rule < RULE_COUNT ? rule_names[rule] : "good";
		char prefix[64];
		int to = 0, first_report = report_count;

		snprintf(prefix, sizeof(prefix), "tests/tidy_bad/%s/", name);
		for (int i = 0; i < file_count; i++) {
			if (starts(files[i].real, prefix)) {
				struct file swap = files[to];

				files[to] = files[i];
				files[i] = swap;
				files[to++].path += strlen(prefix);
			}
		}
		for (int i = 0; i < to; i++)
			if (files[i].text == NULL && !load(&files[i]))
				wrong++;
		check_tree(0, to);
		wrong += compare(0, to, (enum rule)rule, first_report, &marks[rule]);
		if (rule < RULE_COUNT && marks[rule] == 0) {
			printf("rule %s has no planted breach\n", name);
			wrong++;
		}
		report_count = first_report;
	}
	return wrong;
}

int main(int argc, char **argv)
{
	char line[512];
	bool self = argc > 1 && strcmp(argv[1], "--selftest") == 0;

	quiet = self;
	while (file_count < FILES_MAX && fgets(line, sizeof(line), stdin)) {
		struct file *f = &files[file_count];

		line[strcspn(line, "\n")] = '\0';
		if (*line == '\0' || starts(line, "tests/tidy_bad/") != self)
			continue;
		f->real = must(malloc(strlen(line) + 1));
		memcpy(f->real, line, strlen(line) + 1);
		f->path = f->real;
		if (self || load(f))
			file_count++;
	}
	if (file_count == 0) {
		fprintf(stderr, "tidy: no files on stdin\n");
		return 2;
	}
	if (self)
		return selftest() ? EXIT_FAILURE : EXIT_SUCCESS;
	check_tree(0, file_count);
	printf("tidy: %d files, %d breaches\n", file_count, report_count);
	return report_count ? EXIT_FAILURE : EXIT_SUCCESS;
}
