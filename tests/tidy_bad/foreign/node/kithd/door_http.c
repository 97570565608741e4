/* SPDX-License-Identifier: ISC */
#include <microhttpd.h>
#include <netdb.h> /* BREACH */
#include <miniupnpc/miniupnpc.h> /* BREACH */
