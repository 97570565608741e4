/* SPDX-License-Identifier: ISC */
/*
 * QR symbols on a terminal: two modules a cell by half blocks, black on white set explicitly, with
 * the quiet zone of 4 modules that ISO 18004 asks for; "##" where the locale has no blocks.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/internal.h"

#define QUIET 4

struct symbol {
	int size;
	const json_t *rows;
};

static bool dark(const struct symbol *q, int x, int y)
{
	const char *row = json_string_value(json_array_get(q->rows, (size_t)(y < 0 ? 0 : y)));
	size_t at = (size_t)(x < 0 ? 0 : x) / 4;
	char digit[2] = "0";

	if (x < 0 || y < 0 || x >= q->size || y >= q->size || row == NULL || strlen(row) <= at)
		return false;
	digit[0] = row[at];
	return (strtoul(digit, NULL, 16) >> (3 - x % 4) & 1) != 0;
}

static void draw_blocks(const struct symbol *q, bool colour)
{
	for (int y = -QUIET; y < q->size + QUIET; y += 2) {
		(void)fputs(colour ? "\033[38;5;16;48;5;231m" : "", stdout);
		for (int x = -QUIET; x < q->size + QUIET; x++) {
			bool top = dark(q, x, y), low = dark(q, x, y + 1);

			(void)fputs(top && low ? "\xe2\x96\x88"
				    : top      ? "\xe2\x96\x80"
				    : low      ? "\xe2\x96\x84"
					       : " ",
				    stdout);
		}
		(void)fputs(colour ? "\033[0m\n" : "\n", stdout);
	}
}

static void draw_plain(const struct symbol *q)
{
	for (int y = -QUIET; y < q->size + QUIET; y++) {
		for (int x = -QUIET; x < q->size + QUIET; x++)
			(void)fputs(dark(q, x, y) ? "##" : "  ", stdout);
		(void)fputs("\n", stdout);
	}
}

/* Cells of the window; 0 = not a terminal: anything fits. */
static void window(int *columns, int *rows)
{
	struct winsize w;

	*columns = *rows = 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0) {
		*columns = w.ws_col;
		*rows = w.ws_row;
	}
}

static bool symbol_of(struct symbol *q, const json_t *qr)
{
	q->size = (int)kith__cli_int(qr, "size");
	q->rows = json_object_get(qr, "rows");
	return q->size > 0 && q->size <= 177 && json_array_size(q->rows) == (size_t)q->size;
}

static bool fits(const struct kith__cli *cli, const struct symbol *q)
{
	int columns, rows, side = q->size + 2 * QUIET;

	window(&columns, &rows);
	if (!cli->utf8)
		return columns == 0 || (2 * side <= columns && side < rows);
	return columns == 0 || (side <= columns && (side + 1) / 2 < rows);
}

void kith__cli_qr(struct kith__cli *cli, const json_t *qr, const char *text)
{
	json_t *low = NULL;
	struct symbol q;

	if (!symbol_of(&q, qr))
		return;
	if (!fits(cli, &q)) {
		low = kith__cli_call(cli, "qr.make",
				     json_pack("{s:s,s:s}", "text", text, "level", "L"));
		if (low == NULL || !symbol_of(&q, low) || !fits(cli, &q)) {
			(void)puts("(The window is too small for the QR code.)");
			json_decref(low);
			return;
		}
	}
	if (cli->utf8)
		draw_blocks(&q, cli->tty && cli->colour);
	else
		draw_plain(&q);
	json_decref(low);
}
