/* SPDX-License-Identifier: ISC */
/* Shared inside the command line: options, the connection, how things are shown. client.md 5. */
#ifndef KITH_CLIENT_INTERNAL_H
#define KITH_CLIENT_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/crypto.h"
#include "base/text.h"

/* Exit codes (client.md 5.1). */
enum kith__cli_exit {
	KITH__EXIT_OK = 0,
	KITH__EXIT_REFUSED = 1,
	KITH__EXIT_USAGE = 2,
	KITH__EXIT_NO_NODE = 3,
	KITH__EXIT_TIMEOUT = 4,
	KITH__EXIT_LOCKED = 5,
	KITH__EXIT_DENIED = 6,
	KITH__EXIT_NAME = 7
};

/* Options of all verbs; args.c has their names. */
enum kith__cli_option {
	KITH__OPT_JSON,
	KITH__OPT_QUIET,
	KITH__OPT_PROFILE,
	KITH__OPT_SOCKET,
	KITH__OPT_HELP,
	KITH__OPT_VERSION,
	KITH__OPT_LABEL,
	KITH__OPT_QR,
	KITH__OPT_SELF,
	KITH__OPT_NAME,
	KITH__OPT_GREETING,
	KITH__OPT_WAIT,
	KITH__OPT_TIMEOUT,
	KITH__OPT_SINCE,
	KITH__OPT_READ,
	KITH__OPT_COUNT,
	KITH__OPT_PASSPHRASE,
	KITH__OPT_NETWORK,
	KITH__OPT_WORK_BITS,
	KITH__OPT_NEW,
	KITH__OPT_YES,
	KITH__OPT_NO,
	KITH__OPT_IN,
	KITH__OPTIONS
};
#define KITH__OPT_BIT(o) (1u << KITH__OPT_##o)
#define KITH__OPT_GLOBAL \
	(KITH__OPT_BIT(JSON) | KITH__OPT_BIT(QUIET) | KITH__OPT_BIT(PROFILE) | \
	 KITH__OPT_BIT(SOCKET) | KITH__OPT_BIT(HELP) | KITH__OPT_BIT(VERSION))

#define KITH__WORDS_MAX 4096u

struct kith__verb;

/* One run of the program. */
struct kith__cli {
	const char *program;
	uint32_t given;                   /* options, as bits */
	const char *value[KITH__OPTIONS]; /* of those that have one */
	const char **store;               /* memory of word, param and param_value */
	const char **word;                /* what is no option */
	size_t words;
	const char **param, **param_value; /* options of a method called by its name */
	size_t params;
	bool json, quiet, tty, colour, utf8;
	const struct kith__verb *verb;
	int fd;      /* -1 = not connected */
	int pass_fd; /* goes with the next call; -1 = none */
	char *in;
	size_t in_len, in_cap;
	json_int_t next_id;
	json_t *events; /* notifications that came while an answer was awaited */
	int exit_code;  /* of the last failed call */
	json_int_t error_code;
	bool silent;   /* errors of calls are not printed */
	bool progress; /* a line of progress stands on the terminal */
};

/* A short verb: which options and how many words it takes. */
struct kith__verb {
	const char *name, *usage, *summary;
	int (*run)(struct kith__cli *cli);
	uint32_t options;
	size_t words_min, words_max;
};
/* verbs.c: the short forms, ended by a NULL name. */
extern const struct kith__verb kith__verb[];

/* args.c: splits the command line. False: a sentence was printed. */
bool kith__cli_args(struct kith__cli *cli, int argc, char **argv);
/* Frees what kith__cli_args took. */
void kith__cli_args_free(struct kith__cli *cli);
/* Prints the usage of the verb in use on stderr; returns KITH__EXIT_USAGE. */
int kith__cli_usage(const struct kith__cli *cli);
/* "60s", "5m", "1500ms", "60" (seconds) to ms. */
bool kith__cli_duration(const char *text, json_int_t *ms);
bool kith__cli_number(const char *text, json_int_t min, json_int_t max, json_int_t *out);
/* All of stdin, or NULL: too long (`max` bytes) or not UTF-8. Freed by kith_alloc_free(NULL, ..).
 */
char *kith__cli_stdin(size_t max, size_t *len);

/* conn.c: the path of the socket; false: a sentence was printed. */
bool kith__cli_socket(const struct kith__cli *cli, char *out, size_t cap);
/* Connects; prints why not unless `quietly`. */
bool kith__cli_connect(struct kith__cli *cli, bool quietly);
void kith__cli_disconnect(struct kith__cli *cli);
/* Sends all bytes. */
bool kith__cli_send(struct kith__cli *cli, const char *bytes, size_t len);
/* Next line as JSON, or NULL: the node went away (a sentence was printed). */
json_t *kith__cli_receive(struct kith__cli *cli);
/* One byte from the socket; false: the node has closed it. */
bool kith__cli_byte(struct kith__cli *cli, char *byte);
/* Calls a method; `params` is consumed. NULL: an error was printed, cli->exit_code says which. */
json_t *kith__cli_call(struct kith__cli *cli, const char *method, json_t *params);
/* Next event, or NULL: the node went away. */
json_t *kith__cli_event(struct kith__cli *cli);

/* name.c: the contact that `name` means (new reference), or NULL: printed, exit_code is set. */
json_t *kith__cli_contact(struct kith__cli *cli, const char *name);
/* The title of the contact whose conversation it is; asked for once per conversation and kept in
 * `titles`. */
const char *kith__cli_title_of(struct kith__cli *cli, json_t *titles, const char *conversation);
/* All items of a paged list method, or NULL. */
json_t *kith__cli_list(struct kith__cli *cli, const char *method);

/* show.c: strangers' words, made harmless; to `to`. Returns the columns. */
size_t kith__cli_show(FILE *to, enum kith_text_mode mode, unsigned indent, const char *text);
/* A name in a column of `width`. */
void kith__cli_show_name(FILE *to, const char *text, size_t width);
/* alias, or the name they chose, or "nameless". */
const char *kith__cli_title(const json_t *contact);
const char *kith__cli_text(const json_t *object, const char *key);
json_int_t kith__cli_int(const json_t *object, const char *key);
/* "14:03" today, "22 Dec" this year, "22 Dec 2025"; `out` holds 32 bytes. */
void kith__cli_time(char out[32], json_int_t ms);
/* "22 Dec". */
void kith__cli_date(char out[32], json_int_t ms);
/* The state of an own message in words; nothing that is not proved. `out` holds 128 bytes. */
void kith__cli_state(char out[128], const json_t *state);
/* One message as people read it; `who` is the title of the contact. */
void kith__cli_message(const struct kith__cli *cli, const json_t *message, const char *who);
/* Prints one JSON value as a line; consumes nothing. */
void kith__cli_line(const json_t *value);
/* With --json: prints the items, one a line, and is true. */
bool kith__cli_items(const struct kith__cli *cli, const json_t *items);
/* "kith: " and a sentence on stderr. */
__attribute__((format(printf, 1, 2))) void kith__cli_complain(const char *format, ...);

/* show.c: how far a long call is: a bar on a terminal, else nothing. */
void kith__cli_progress(struct kith__cli *cli, const json_t *params);

/* draw.c: a QR symbol {"size","rows"} of `text`; asks for level L when M does not fit. */
void kith__cli_qr(struct kith__cli *cli, const json_t *qr, const char *text);

/* secret.c: reads a passphrase: asked for on the terminal without echo (`twice`: until both are
 * equal), else one line of standard input. `out` holds KITH_PASSPHRASE_MAX + 2 bytes. False: there
 * was none; a sentence was printed. The caller wipes it. */
bool kith__cli_secret(const char *prompt, bool twice, char *out);
bool kith__cli_asks(void); /* standard input is a terminal */

/* cmd_keys.c: whether the open profile has a passphrase; *known false: there is no open one (said).
 */
bool kith__cli_protected(struct kith__cli *cli, bool *known);
/* Unlocks the profile with what is typed; the exit code. */
int kith__cli_unlock(struct kith__cli *cli);
/* hello: whether the profile is locked, and whether there is one. False: cli->exit_code. */
bool kith__cli_hello(struct kith__cli *cli, bool *locked, bool *there);

/* up.c: starts kithd; false: a sentence was printed. */
bool kith__cli_start(struct kith__cli *cli);

/* file.c: a file that appears whole or not at all and replaces nothing. False: said. `part` holds
 * KITH__PATH_MAX bytes. */
#define KITH__PATH_MAX 4096u
bool kith__cli_file_begin(const char *path, char part[KITH__PATH_MAX], int *fd);
bool kith__cli_file_end(const char *path, const char *part, int fd, bool keep);

/* cmd_*.c: the verbs. */
int kith__cmd_up(struct kith__cli *cli);
int kith__cmd_down(struct kith__cli *cli);
int kith__cmd_unlock(struct kith__cli *cli);
int kith__cmd_lock(struct kith__cli *cli);
int kith__cmd_passphrase(struct kith__cli *cli);
int kith__cmd_words(struct kith__cli *cli);
int kith__cmd_backup(struct kith__cli *cli);
int kith__cmd_restore(struct kith__cli *cli);
int kith__cmd_export(struct kith__cli *cli);
int kith__cmd_invite(struct kith__cli *cli);
int kith__cmd_add(struct kith__cli *cli);
int kith__cmd_requests(struct kith__cli *cli);
int kith__cmd_accept(struct kith__cli *cli);
int kith__cmd_refuse(struct kith__cli *cli);
int kith__cmd_contacts(struct kith__cli *cli);
int kith__cmd_verify(struct kith__cli *cli);
int kith__cmd_send(struct kith__cli *cli);
int kith__cmd_history(struct kith__cli *cli);
int kith__cmd_search(struct kith__cli *cli);
int kith__cmd_tail(struct kith__cli *cli);
int kith__cmd_status(struct kith__cli *cli);
int kith__cmd_mailboxes(struct kith__cli *cli);
int kith__cmd_network_test(struct kith__cli *cli);
int kith__cmd_mailbox_pin(struct kith__cli *cli);
int kith__cmd_rpc(struct kith__cli *cli);
/* complete.c: for the shells. */
int kith__cmd_complete(struct kith__cli *cli);
/* A method by its name. */
int kith__cmd_method(struct kith__cli *cli, const char *method);
/* The link of the newest active invitation with the given label, or, where there is none and with
 * --new, of a new one. NULL: said. */
json_t *kith__cli_invitation(struct kith__cli *cli);
/* Adds the owner of a link and says so. */
int kith__cmd_add_link(struct kith__cli *cli, const char *link, const char *name);

#endif
