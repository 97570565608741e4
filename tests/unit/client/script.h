/* SPDX-License-Identifier: ISC */
/* Runs the kith program against a socket whose answers are written down. */
#ifndef KITH_TESTS_SCRIPT_H
#define KITH_TESTS_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

/* The answer to a method: the member of the answer object, such as "\"result\":null". */
struct script {
	const char *method, *answer;
};

struct run {
	int code; /* exit code; 128 + n: ended by signal n */
	char out[65536], err[65536];
	char asked[16384]; /* all lines that the node got */
};

/* Runs `kith --socket .. words` (words ended by NULL). `script` ended by a NULL method; NULL: no
 * node listens. Later entries of one method answer later calls of it; an answer NULL closes. */
void script_run(struct run *r, const struct script *script, const char *const *words);

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
