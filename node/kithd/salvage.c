/* SPDX-License-Identifier: ISC */
/*
 * kithd --salvage DIR: what can still be read of a damaged profile goes into a new one, and a
 * report for people goes to standard output. The node must not run; its profile is only read.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/arena.h"
#include "node/kithd/internal.h"

/* What it means to the person that something of a table is lost. */
static const struct {
	const char *table, *what, *means;
} meanings[] = {
	{"secret", "keys of the identity",
	 "some keys are lost: if the new profile does not start, only a backup helps"},
	{"meta", "counters", "others may find this profile again only after some hours"},
	{"setting", "settings", "set them again"},
	{"contact", "contacts",
	 "add people without a name again by a link; the rest of them are lost with their history"},
	{"device", "devices of contacts", "where a contact stays silent, add that person again"},
	{"ratchet", "conversations' keys", "conversations start a new session by themselves"},
	{"ratchet_keys", "conversations' keys (second part)",
	 "conversations start a new session by themselves"},
	{"conversation", "conversations", "made anew from contacts and messages"},
	{"message", "messages", "the missing ones are gone here; others still have their copies"},
	{"outbox", "messages not delivered yet", "send again what nobody has answered"},
	{"request", "contact requests", "ask those people to send theirs again"},
	{"invitation", "invitations", "make new links; old ones may not work any more"},
	{"mybox", "own mailboxes", "new ones are chosen by themselves"},
	{"peerbox", "contacts' mailboxes", "learnt again by themselves"},
	{"seen", "marks of what came already", "a message may be fetched a second time"},
	{"todelete", "copies to delete at mailboxes", "they expire by themselves"},
	{"copy", "marks of what mailboxes keep", "it is sent to them again"},
	{"event", "log for programs", "only its newest row is taken over"},
};

static void say_table(const struct kith_salvage *r, unsigned int i)
{
	const char *what = r->table[i].name, *means = NULL;
	bool hurt = r->table[i].lost != 0 || r->table[i].pages_lost != 0;

	for (size_t k = 0; k < sizeof(meanings) / sizeof(meanings[0]); k++) {
		if (strcmp(meanings[k].table, r->table[i].name) == 0) {
			what = meanings[k].what;
			means = meanings[k].means;
		}
	}
	if (!hurt && (means == NULL || r->table[i].rows == 0))
		return;
	(void)printf("  %-34s %8" PRIu64 " rescued", what, r->table[i].rows);
	if (r->table[i].lost != 0)
		(void)printf(", %" PRIu64 " rows lost", r->table[i].lost);
	if (r->table[i].pages_lost != 0)
		(void)printf(", %" PRIu64 " pages unreadable", r->table[i].pages_lost);
	(void)puts("");
	if (hurt && means != NULL)
		(void)printf("      %s\n", means);
}

static void say_report(const struct kith_salvage *r)
{
	(void)printf("account.db: %" PRIu64 " pages, %" PRIu64 " of them do not open\n", r->pages,
		     r->pages_bad);
	if (r->frames_bad != 0)
		(void)printf("account.db-wal: %" PRIu64 " pieces do not open or follow one that "
			     "does not; the newest changes are lost\n",
			     r->frames_bad);
	if (r->schema_lost)
		(void)puts("the list of tables is lost; the tables were found without it");
	for (unsigned int i = 0; i < r->tables; i++)
		say_table(r, i);
	if (r->people != 0)
		(void)printf("of %u people only the history is left; add them again by a link\n",
			     r->people);
	(void)printf("%" PRIu64 " rows rescued, %" PRIu64 " known to be lost\n", r->rows,
		     r->rows_lost);
}

/* One line of standard input, unseen on a terminal; false: none, or too long. */
static bool read_pass(char *out, size_t *len)
{
	struct termios was, quiet;
	bool typed = tcgetattr(STDIN_FILENO, &was) == 0, any = false;
	ssize_t n;
	char c = 0;

	if (typed) {
		quiet = was;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
		(void)fputs("Passphrase: ", stderr);
	}
	*len = 0;
	while (*len < KITH_PASSPHRASE_MAX) {
		n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		any = any || n > 0;
		if (n <= 0 || c == '\n')
			break;
		out[(*len)++] = c;
	}
	if (typed) {
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &was);
		(void)fputs("\n", stderr);
	}
	return any && (c == '\n' || *len < KITH_PASSPHRASE_MAX);
}

/* Opens the profile to be read; the passphrase in `pass` is that of the new one too. */
static int look(struct kithd *k, char *pass, size_t *len, bool *has)
{
	int status = kith_profile_look(k->profile, NULL, 0);

	*has = false;
	if (status != KITH_E_AUTH)
		return status;
	*has = true;
	if (k->cfg.passphrase_file[0] != '\0') {
		int n = kith__kithd_read_passphrase(k, pass);

		if (n < 0)
			return KITH_E_EXPIRED;
		*len = (size_t)n;
	} else if (!read_pass(pass, len)) {
		return KITH_E_AUTH;
	}
	return kith_profile_look(k->profile, pass, *len);
}

static const char *failure(int status, const struct kith_salvage *r)
{
	if (status == KITH_E_MALFORMED && r->keys_lost)
		return "the keys of the identity cannot be read, so nothing was written; restore "
		       "a backup instead";
	if (status == KITH_E_MALFORMED)
		return "nothing in account.db can be read; restore a backup instead";
	if (status == KITH_E_EXISTS)
		return "there is a profile already; name another directory";
	if (status == KITH_E_VERSION)
		return "account.db was written by another version of Kith; use that one";
	return kith_profile_sentence(status);
}

static int rescue(struct kithd *k, const char *pass, size_t len, bool has)
{
	struct kith_profile_config to = {.dir = k->cfg.salvage, .rng = &k->rng};
	struct kith_salvage r;
	int status = kith__kithd_mkdirs(k->cfg.salvage) ? KITH_OK : KITH_E_IO;

	memset(&r, 0, sizeof(r));
	if (status == KITH_OK)
		status =
			kith_profile_salvage(k->profile, &to, has ? pass : NULL, has ? len : 0, &r);
	if (r.tables != 0)
		say_report(&r);
	if (status != KITH_OK) {
		kith__kithd_say(k, KITH_LOG_ERROR, "Nothing was rescued to %s: %s.", k->cfg.salvage,
				failure(status, &r));
		return kith__kithd_exit_of(status);
	}
	(void)printf("The new profile is %s, under the same passphrase as before. %s was not "
		     "changed.\n",
		     k->cfg.salvage, k->cfg.profile);
	return KITHD_EXIT_OK;
}

int kith__kithd_salvage(struct kithd *k)
{
	struct kith_profile_config cfg = {.dir = k->cfg.profile, .rng = &k->rng};
	struct kith_arena *arena = kith_arena_new();
	char *pass = arena != NULL ? kith_arena_get(arena, KITH_PASSPHRASE_MAX) : NULL;
	size_t len = 0;
	bool has = false;
	int code, status = pass != NULL ? kith_profile_attach(&cfg, &k->profile) : KITH_E_NOMEM;

	if (status == KITH_OK)
		status = look(k, pass, &len, &has);
	if (status == KITH_OK)
		code = rescue(k, pass, len, has);
	else if (status == KITH_E_EXPIRED)
		code = KITHD_EXIT_LOCKED;
	else
		code = kith__kithd_profile_failed(k, status);
	kith_arena_free(arena);
	return code;
}
