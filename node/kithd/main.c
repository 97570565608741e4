/* SPDX-License-Identifier: ISC */
/*
 * kithd: one node as a process. Start-up order of security.md 8.1 as far as it is built: harden,
 * self-tests, kith-portmap, profile and lock, databases, node, sockets, door, loop.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "node/kithd/internal.h"

static int serve(struct kithd *k)
{
	int code, end;

	if (uv_loop_init(&k->loop) != 0) {
		kith__kithd_say(k, KITH_LOG_ERROR, "The event loop cannot start.");
		return KITHD_EXIT_OTHER;
	}
	code = kith__kithd_open(k);
	if (code < 0)
		code = kith__kithd_start(k);
	if (code < 0)
		code = kith__kithd_run(k);
	end = kith__kithd_close(k);
	return code != KITHD_EXIT_OK ? code : end;
}

int main(int argc, char **argv)
{
	struct kithd *k = kith_alloc_zero(NULL, 1, sizeof(*k));
	const char *fault;
	int code;

	if (k == NULL)
		return KITHD_EXIT_OTHER;
	code = kith__kithd_options(&k->cfg, argc, argv);
	if (code >= 0)
		goto out;
	code = KITHD_EXIT_OTHER;
	if (!kith__kithd_harden()) {
		(void)fputs("kithd: the process cannot be hardened.\n", stderr);
		goto out;
	}
	fault = kith_crypto_start();
	if (fault != NULL) {
		(void)fprintf(stderr, "kithd: self-test failed: %s.\n", fault);
		goto out;
	}
	k->rng = kith_crypto_system_rng();
	k->portmap_fd = -1;
	k->sentence = kith_alloc_zero(NULL, 1, KITHD_PATH + 128);
	code = KITHD_EXIT_USAGE;
	if (!kith__kithd_paths(&k->cfg))
		goto out;
	if (k->cfg.salvage[0] != '\0') {
		code = kith__kithd_salvage(k);
		kith_profile_close(k->profile);
	} else if (k->cfg.print_hint) {
		code = kith__kithd_print_hint(k);
		kith_profile_close(k->profile);
	} else {
		kith__kithd_portmap_start(k);
		code = serve(k);
		kith__kithd_portmap_close(k);
	}
out:
	kith_alloc_free(NULL, k->sentence);
	kith_wipe(k, sizeof(*k));
	kith_alloc_free(NULL, k);
	return code;
}
