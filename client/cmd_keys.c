/* SPDX-License-Identifier: ISC */
/* Verbs about what opens the profile: unlock, lock, passphrase, words. */
#include <string.h>

#include "base/limits.h"
#include "client/internal.h"

#define SECRET (KITH_PASSPHRASE_MAX + 2)

bool kith__cli_hello(struct kith__cli *cli, bool *locked, bool *there)
{
	json_t *r = kith__cli_call(cli, "hello",
				   json_pack("{s:s,s:s}", "client", "kith", "version", "0.1.0"));

	if (r == NULL)
		return false;
	*locked = json_is_true(json_object_get(r, "locked"));
	*there = *locked || !json_is_null(json_object_get(r, "profile"));
	json_decref(r);
	return true;
}

static int done(struct kith__cli *cli, json_t *r, const char *words)
{
	if (r == NULL)
		return cli->exit_code != KITH__EXIT_OK ? cli->exit_code : KITH__EXIT_REFUSED;
	if (cli->json)
		kith__cli_line(r);
	else if (!cli->quiet)
		(void)puts(words);
	json_decref(r);
	return KITH__EXIT_OK;
}

int kith__cli_unlock(struct kith__cli *cli)
{
	char pass[SECRET];
	json_t *r;
	int code;

	if (!kith__cli_secret("Passphrase or recovery words: ", false, pass))
		return KITH__EXIT_LOCKED;
	r = kith__cli_call(cli, "profile.unlock", json_pack("{s:s}", "passphrase", pass));
	kith_wipe(pass, sizeof(pass));
	code = r != NULL ? KITH__EXIT_OK : cli->exit_code;
	json_decref(r);
	return code;
}

int kith__cmd_unlock(struct kith__cli *cli)
{
	bool locked = false, there = false;
	int code;

	if (!kith__cli_hello(cli, &locked, &there))
		return cli->exit_code;
	if (!there) {
		kith__cli_complain("there is no profile yet. `kith up` makes one.");
		return KITH__EXIT_LOCKED;
	}
	code = locked ? kith__cli_unlock(cli) : KITH__EXIT_OK;
	if (code == KITH__EXIT_OK)
		return done(cli, json_null(),
			    locked ? "Unlocked." : "The profile is open already.");
	return code;
}

int kith__cmd_lock(struct kith__cli *cli)
{
	return done(cli, kith__cli_call(cli, "profile.lock", NULL), "Locked.");
}

bool kith__cli_protected(struct kith__cli *cli, bool *known)
{
	json_t *r = kith__cli_call(cli, "node.status", NULL);
	bool yes = json_is_true(json_object_get(r, "protected"));
	const char *state = kith__cli_text(r, "state");

	*known = r != NULL && strcmp(state, "locked") != 0 && strcmp(state, "absent") != 0;
	if (r != NULL && !*known) {
		kith__cli_complain("%s", kith__cli_text(r, "sentence"));
		cli->exit_code = KITH__EXIT_LOCKED;
	}
	json_decref(r);
	return yes;
}

int kith__cmd_passphrase(struct kith__cli *cli)
{
	char old[SECRET] = "", new[SECRET] = "";
	bool known, had = kith__cli_protected(cli, &known);
	json_t *params, *r;
	bool removes;

	if (!known)
		return cli->exit_code;
	if ((had && !kith__cli_secret("Present passphrase or recovery words: ", false, old)) ||
	    !kith__cli_secret("New passphrase (empty = none): ", true, new)) {
		kith_wipe(old, sizeof(old));
		return KITH__EXIT_USAGE;
	}
	removes = new[0] == '\0';
	params = json_object();
	if (had)
		(void)json_object_set_new(params, "old", json_string(old));
	if (!removes)
		(void)json_object_set_new(params, "new", json_string(new));
	kith_wipe(old, sizeof(old));
	kith_wipe(new, sizeof(new));
	r = kith__cli_call(cli, "profile.passphrase", params);
	return done(
		cli, r,
		removes ? "The profile has no passphrase now: whoever has this disk can read it."
			: "The passphrase is set.");
}

int kith__cmd_words(struct kith__cli *cli)
{
	char pass[SECRET] = "";
	bool known, had = kith__cli_protected(cli, &known);
	json_t *r;

	if (!known)
		return cli->exit_code;
	if (had && !kith__cli_secret("Passphrase: ", false, pass))
		return KITH__EXIT_USAGE;
	r = kith__cli_call(cli, "profile.recovery",
			   had ? json_pack("{s:s}", "passphrase", pass) : json_object());
	kith_wipe(pass, sizeof(pass));
	if (r == NULL)
		return cli->exit_code;
	if (cli->json) {
		kith__cli_line(r);
	} else {
		if (!cli->quiet)
			(void)puts("Write these words on paper. They open this profile like its "
				   "passphrase, and the backups made with them; earlier words are "
				   "void.\n");
		(void)puts(kith__cli_text(r, "words"));
	}
	json_decref(r);
	return KITH__EXIT_OK;
}
