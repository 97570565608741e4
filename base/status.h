/* SPDX-License-Identifier: ISC */
/*
 * Status codes, assertions and compiler attributes shared by all layers.
 * Source: docs/architecture.md, "Errors".
 */
#ifndef KITH_BASE_STATUS_H
#define KITH_BASE_STATUS_H

/* One set of results for every layer: 0 or one negative value. Out-parameters are untouched on
 * failure unless a function says otherwise. */
enum kith_status {
	KITH_OK = 0,
	KITH_E_NOMEM = -1,     /* allocation failed */
	KITH_E_FULL = -2,      /* a cap of base/limits.h is reached */
	KITH_E_MALFORMED = -3, /* bytes or arguments do not have the required form */
	KITH_E_AUTH = -4,      /* tag, signature, key or passphrase is wrong */
	KITH_E_NOTFOUND = -5,  /* no such thing */
	KITH_E_EXISTS = -6,    /* it is there already, with other content */
	KITH_E_STATE = -7,     /* not possible in the present state */
	KITH_E_EXPIRED = -8,   /* a date has passed */
	KITH_E_IO = -9,        /* disk or socket failed */
	KITH_E_NOSPACE = -10,  /* disk full */
	KITH_E_VERSION = -11,  /* written by a newer version */
	KITH_E_LOCKED = -12    /* held by another process, or not unlocked */
};

#define KITH_MUST_USE __attribute__((warn_unused_result))

/* The short English name of a status ("no memory"), for logs and errors. Never NULL. */
const char *kith_status_text(int status);

/* Ends the process after one line on stderr; for programmer errors only. */
_Noreturn void kith_assert_fail(const char *what, const char *file, int line);

/* Stays on in release builds; never for input. */
#define KITH_ASSERT(cond) ((cond) ? (void)0 : kith_assert_fail(#cond, __FILE__, __LINE__))

#endif
