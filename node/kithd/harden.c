/* SPDX-License-Identifier: ISC */
/*
 * First steps of the process, before any key is in memory (security.md 8.1): nothing it writes is
 * for others, nothing of it lands in a core file, no other process of the user reads its memory.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "node/kithd/internal.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TRACED 1 /* the leak check of the sanitizer is a tracer */
#else
#define TRACED 0
#endif

bool kith__kithd_harden(void)
{
	struct rlimit none = {0, 0};

	(void)umask(077);
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return false;
	if (!TRACED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return false;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return false;
	return signal(SIGPIPE, SIG_IGN) != SIG_ERR;
}
