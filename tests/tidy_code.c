/* SPDX-License-Identifier: ISC */
/* The rules of tests/tidy.c that read C: includes, calls, layout, headers, tables, docs. */
#include "tests/tidy.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether the first `len` bytes of s hold `word`. */
static bool holds(const char *s, size_t len, const char *word)
{
	const char *found = strstr(s, word);

	return found != NULL && found < s + len;
}

static void check_include(const struct file *f, int line, const char *name, bool quoted)
{
	const char *slash = strrchr(name, '/');
	char folder[64] = "";

	if (slash && slash - name < 63)
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - name), name);
	if (!quoted) {
		for (size_t i = 0; i < sizeof(foreign_table) / sizeof(foreign_table[0]); i++) {
			if (!listed(foreign_table[i].headers, name))
				continue;
			if (!f->is_test && !listed(foreign_table[i].users, f->path))
				report(f, line, R_FOREIGN, "<%s> belongs to %s", name,
				       foreign_table[i].users);
			return;
		}
		if (!f->is_test &&
		    !listed(listed(PURE_FOLDERS, f->folder) ? PURE_HEADERS : LIBC_HEADERS, name))
			report(f, line, R_FOREIGN, "<%s> is not for this folder", name);
		return;
	}
	if (strcmp(folder, f->folder) == 0)
		return;
	if (listed(FREE_TESTS, f->folder)) {
		if (slash == NULL || strcmp(slash, "/internal.h") == 0)
			report(f, line, R_INCLUDE, "\"%s\" is internal to its folder", name);
		return;
	}
	for (size_t i = 0; i < sizeof(include_table) / sizeof(include_table[0]); i++)
		if (strcmp(include_table[i].folder, f->folder) == 0 &&
		    (listed(include_table[i].kith, name) || listed(include_table[i].own, folder)))
			return;
	report(f, line, R_INCLUDE, "folder %s may not include \"%s\"", f->folder, name);
}

static void check_includes(const struct file *f)
{
	for (int i = 0; i < f->line_count; i++) {
		char name[128], open;

		if (f->codes[i][0] == '#' &&
		    sscanf(f->lines[i], "# include %c%127[^>\"\n]", &open, name) == 2)
			check_include(f, i + 1, name, open == '"');
		else if (f->codes[i][0] == '#' && starts(f->lines[i], "#if 0"))
			report(f, i + 1, R_DEAD, "code switched off");
	}
}

static void check_call(const struct file *f, size_t at, const char *name)
{
	int line = line_of(f, at);

	for (size_t i = 0; i < sizeof(call_table) / sizeof(call_table[0]); i++)
		if (listed(call_table[i].names, name) && !listed(call_table[i].users, f->path))
			report(f, line, R_CALL, "%s: %s", name, call_table[i].why);
	if (strcmp(name, "memcmp") == 0 && listed(MEMCMP_BANNED, f->path) &&
	    !listed(MEMCMP_FINE, f->path))
		report(f, line, R_CALL, "memcmp near secrets: kith_equal");
}

static void check_token(const struct file *f, size_t at, const char *name, size_t end)
{
	char before = at > 0 ? f->code[at - 1] : ' ';
	bool member = before == '.' || (before == '>' && at > 1 && f->code[at - 2] == '-');

	if (f->code[end] == '(' && !member)
		check_call(f, at, name);
	if (strcmp(name, "errno") == 0 && !listed(ERRNO_USERS, f->path))
		report(f, line_of(f, at), R_CALL, "errno is mapped in the drivers");
	if ((strcmp(name, "float") == 0 || strcmp(name, "double") == 0) &&
	    listed(FLOAT_BANNED, f->folder))
		report(f, line_of(f, at), R_FLOAT, "no floating point in engines");
}

static void check_tokens(const struct file *f)
{
	for (size_t i = 0; i < f->len; i++) {
		char name[64];
		size_t n = 0;

		if (!is_word(f->code[i]))
			continue;
		while (is_word(f->code[i + n]))
			n++;
		snprintf(name, sizeof(name), "%.*s", n < 63 ? (int)n : 63, f->code + i);
		check_token(f, i, name, i + n);
		i += n - 1;
	}
	if (listed(DECODE_BANNED, f->folder)) {
		for (const char *p = f->code; (p = strstr(p, "<< ")) != NULL; p++) {
			const char *q = p - 1;

			while (q > f->code && (*q == ' ' || *q == ')'))
				q--;
			if (*q == ']' && isdigit((unsigned char)p[3]) &&
			    strtol(p + 3, NULL, 10) % 8 == 0)
				report(f, line_of(f, (size_t)(p - f->code)), R_DECODE,
				       "wire bytes are read through base/bytes");
		}
	}
}

/* `default:` in a switch that has a `case KITH_`. */
static void check_switches(const struct file *f)
{
	struct {
		int depth, line;
		bool kith;
	} open[32];
	int depth = 0, top = 0;
	bool pending = false;

	for (size_t i = 0; i < f->len; i++) {
		const char *p = f->code + i;
		bool begins = i == 0 || !is_word(p[-1]);

		if (begins && starts(p, "switch (")) {
			pending = true;
		} else if (*p == '{') {
			depth++;
			if (pending && top < 32) {
				open[top].depth = depth;
				open[top].line = 0;
				open[top++].kith = false;
				pending = false;
			}
		} else if (*p == '}') {
			if (top > 0 && open[top - 1].depth == depth && open[--top].kith &&
			    open[top].line > 0)
				report(f, open[top].line, R_DEFAULT, "names every member instead");
			depth--;
		} else if (top > 0 && begins && starts(p, "case KITH_")) {
			open[top - 1].kith = true;
		} else if (top > 0 && begins && starts(p, "default:")) {
			open[top - 1].line = line_of(f, i);
		}
	}
}

/* The name before the first '(' of a declaration that begins in line i, or "". */
static void name_at(const struct file *f, int i, char *name, size_t size)
{
	const char *paren = f->codes[i], *begin;

	while (*paren && *paren != '(' && *paren != ';' && *paren != '{')
		paren++;
	begin = paren;
	while (begin > f->codes[i] && is_word(begin[-1]))
		begin--;
	snprintf(name, size, "%.*s", *paren == '(' ? (int)(paren - begin) : 0, begin);
}

static int count_params(const char *code)
{
	const char *p = strchr(code, '(');
	int depth = 0, count = 1;

	for (; p && *p; p++) {
		depth += (*p == '(') - (*p == ')');
		count += *p == ',' && depth == 1;
		if (depth == 0)
			break;
	}
	return count;
}

static bool begins_declaration(const struct file *f, int i)
{
	return isalpha((unsigned char)f->codes[i][0]) || f->codes[i][0] == '_';
}

static void check_functions(const struct file *f)
{
	char name[64] = "";
	int begin = -1, head = 0;

	for (int i = 0; i < f->line_count; i++) {
		const char *code = f->codes[i];

		if (begin < 0 && begins_declaration(f, i))
			head = i;
		if (code[0] == '{')
			begin = head;
		if (code[0] != '}' || begin < 0)
			continue;
		name_at(f, begin, name, sizeof(name));
		if (i - begin + 1 > 70 && !allowed(f, R_FUNCTION, name))
			report(f, begin + 1, R_FUNCTION, "%s has %d lines", name, i - begin + 1);
		if (count_params(f->codes[begin]) > 7 && !allowed(f, R_PARAMS, name))
			report(f, begin + 1, R_PARAMS, "%s: use a struct", name);
		begin = -1;
	}
}

static void check_state(const struct file *f)
{
	for (int i = 0; i < f->line_count && listed(STATE_BANNED, f->folder); i++) {
		const char *code = f->codes[i];
		size_t len = line_len(f, i), stop = strcspn(code, "=;(\n");

		if (starts(code, "static ") && code[stop] != '(' && stop <= len &&
		    code[stop] != '\n' && !holds(code, stop, "const") &&
		    !holds(code, stop, "static_assert"))
			report(f, i + 1, R_STATE, "an engine keeps all in its struct");
	}
}

/* One-line comments of .c files that are a statement. */
static void check_dead(const struct file *f)
{
	for (int i = 0; i < f->line_count && !f->is_header; i++) {
		const char *p = f->lines[i] + strspn(f->lines[i], " \t");
		size_t len = line_len(f, i) - (size_t)(p - f->lines[i]);

		if (len < 8 || (!starts(p, "/* ") && !starts(p, "// ")))
			continue;
		if (p[1] == '*')
			len -= 3;
		if ((p[len - 1] == ';' || p[len - 1] == '{') &&
		    (memchr(p, '(', len) || memchr(p, '=', len)))
			report(f, i + 1, R_DEAD, "a statement in a comment");
	}
}

/* ---- rules for headers ---- */

/* What other folders may include: <layer>/<layer>.h, net/uv/driver.h, all of base. */
static bool is_public(const struct file *f)
{
	const char *name = strrchr(f->path, '/'), *last = strrchr(f->folder, '/');
	size_t len;

	last = last ? last + 1 : f->folder;
	len = strlen(last);
	return strcmp(f->folder, "base") == 0 || strcmp(f->path, "net/uv/driver.h") == 0 ||
	       (name && strncmp(name + 1, last, len) == 0 && strcmp(name + 1 + len, ".h") == 0);
}

static bool name_fits(const struct file *f, const char *name)
{
	char folder[64], prefix[80], *part = folder;
	if (f->is_test)
		return true;
	for (size_t i = 0; i < sizeof(noun_table) / sizeof(noun_table[0]); i++)
		if (strcmp(noun_table[i].folder, f->folder) == 0 &&
		    listed(noun_table[i].names, name))
			return true;
	if (strcmp(f->folder, "base") == 0)
		return starts(name, "kith_");
	snprintf(folder, sizeof(folder), "%s", f->folder);
	for (char *end = folder; end; part = end + 1) {
		end = strchr(part, '/');
		if (end)
			*end = '\0';
		snprintf(prefix, sizeof(prefix), "kith_%s_", part);
		if (starts(name, prefix))
			return true;
	}
	return starts(name, "kith__") && !is_public(f);
}

static bool has_comment(const struct file *f, int i)
{
	for (size_t at = (size_t)(f->lines[i] - f->text); f->text[at] != '\n' && at < f->len; at++)
		if (f->kind[at] == 'm')
			return true;
	return false;
}

/* A comment on the line, inside the struct, or above the group without blank lines it is in. */
static bool is_covered(const struct file *f, int i)
{
	bool body = holds(f->codes[i], line_len(f, i), "{");

	for (int j = i; body && j < f->line_count && f->codes[j][0] != '}'; j++)
		if (has_comment(f, j))
			return true;
	for (int j = i; !body && j < f->line_count && j < i + 8; j++) {
		if (has_comment(f, j))
			return true;
		if (holds(f->codes[j], line_len(f, j), ";"))
			break;
	}
	if (has_comment(f, i))
		return true;
	while (--i >= 0 && line_len(f, i) > 0)
		if (has_comment(f, i))
			return true;
	return false;
}

static void check_header(const struct file *f)
{
	char name[64];

	if (f->line_count > 120 && is_public(f) && !listed(ALLOW_LONG, f->path) &&
	    !allowed(f, R_HEADER, ""))
		report(f, 121, R_HEADER, "%d lines", f->line_count);
	for (int i = 0; i < f->line_count; i++) {
		if (!begins_declaration(f, i) || starts(f->codes[i], "static_assert"))
			continue;
		name_at(f, i, name, sizeof(name));
		if (starts(f->codes[i], "typedef struct") || starts(f->codes[i], "typedef enum"))
			report(f, i + 1, R_NAME, "no typedef for struct and enum");
		if (*name && islower((unsigned char)*name) && !starts(f->codes[i], "static") &&
		    !starts(f->codes[i], "typedef") && !starts(name, "__") && !name_fits(f, name))
			report(f, i + 1, R_NAME, "%s does not begin with its layer", name);
		if (count_params(f->codes[i]) > 7 && *name && !allowed(f, R_PARAMS, name))
			report(f, i + 1, R_PARAMS, "%s: use a struct", name);
		if (!f->is_test && (*name || holds(f->codes[i], line_len(f, i), "{")) &&
		    !is_covered(f, i) && !allowed(f, R_COMMENT, *name ? name : "struct"))
			report(f, i + 1, R_COMMENT, "a public declaration without comment");
	}
}

static void check_labels(const struct file *f)
{
	for (size_t i = 1; i < f->len; i++) {
		size_t n = 0;

		if (f->kind[i] != 's' || f->text[i - 1] != '"' ||
		    f->codes[line_of(f, i) - 1][0] == '#')
			continue;
		while (f->kind[i + n] == 's')
			n++;
		for (size_t j = 1; j < i; j++)
			if (f->kind[j] == 's' && f->text[j - 1] == '"' &&
			    memcmp(f->text + i, f->text + j, n + 1) == 0)
				report(f, line_of(f, i), R_LABEL, "equal to that of line %d",
				       line_of(f, j));
		i += n;
	}
}

static void check_limits(const struct file *f)
{
	for (int i = 0; i < f->line_count; i++) {
		int words = 0;
		char word[64];

		if (f->codes[i][0] == '#')
			words = sscanf(f->codes[i], "#define %63[A-Z0-9_] %*[0-9(A-Z]", word);
		else if (f->codes[i][0] == '\t')
			words = sscanf(f->codes[i], "\tKITH_%63[A-Z0-9_] =", word);
		if (words == 1 && !ends(word, "_H") && !has_comment(f, i) &&
		    (i == 0 || !has_comment(f, i - 1)))
			report(f, i + 1, R_LIMIT, "%s has no reason", word);
	}
}

/* ---- what docs must mention ---- */

static char *docs;
static size_t docs_len;

void tidy_docs_add(const struct file *f)
{
	docs = must(realloc(docs, docs_len + f->len + 1));
	memcpy(docs + docs_len, f->text, f->len);
	docs_len += f->len;
	docs[docs_len] = '\0';
}

void tidy_docs_clear(void)
{
	docs_len = 0;
	free(docs);
	docs = NULL;
}

static bool documented(const char *word)
{
	size_t len = strlen(word);

	for (const char *p = docs; p && (p = strstr(p, word)) != NULL; p += len)
		if (!is_word(p[len]) && p[len] != '-' && (p == docs || !is_word(p[-1])))
			return true;
	return false;
}

static void need_docs(const struct file *f, size_t at, const char *what, const char *word)
{
	if (!documented(word))
		report(f, line_of(f, at), R_DOCS, "docs do not mention the %s %s", what, word);
}

static void check_string(const struct file *f, size_t at, const char *word, const char *rest)
{
	char before[16];
	size_t back = at > 12 ? 12 : at - 1;
	char dashed[72];

	snprintf(before, sizeof(before), "%.*s", (int)back, f->code + at - 1 - back);
	snprintf(dashed, sizeof(dashed), "--%s", word);
	if (ends(before, "getenv("))
		need_docs(f, at, "variable", word);
	else if (ends(f->path, "methods.def") && strchr(word, '.'))
		need_docs(f, at, "method", word);
	else if (!listed(OPTION_FILES, f->path))
		return;
	else if (starts(word, "--") && islower((unsigned char)word[2]))
		need_docs(f, at, "option", word);
	else if (ends(before, "{") &&
		 (starts(rest, ", no_argument") || starts(rest, ", required_argument")))
		need_docs(f, at, "option", dashed);
	else if (ends(before, "{") && starts(rest, ", cmd_"))
		need_docs(f, at, "command", word);
}

static void check_docs(const struct file *f)
{
	for (size_t i = 1; i < f->len && !f->is_test; i++) {
		char word[64];
		size_t n = 0;

		if (f->kind[i] != 's' || f->text[i - 1] != '"')
			continue;
		while (f->kind[i + n] == 's')
			n++;
		snprintf(word, sizeof(word), "%.*s", n < 63 ? (int)n : 63, f->text + i);
		if (strcspn(word, " =\\%") == strlen(word) ||
		    strcspn(word, "=") + 1 == strlen(word)) {
			word[strcspn(word, "=")] = '\0';
			check_string(f, i, word, f->code + i + n + 1);
		}
		i += n;
	}
}

void tidy_code(const struct file *f)
{
	check_includes(f);
	check_tokens(f);
	check_switches(f);
	check_functions(f);
	check_state(f);
	check_dead(f);
	check_docs(f);
	if (f->is_header)
		check_header(f);
	if (strcmp(f->path, "base/labels.h") == 0)
		check_labels(f);
	if (strcmp(f->path, "base/limits.h") == 0)
		check_limits(f);
}
