/* SPDX-License-Identifier: ISC */
#include <jansson.h>
#include <qrencode.h> /* BREACH */
#include <microhttpd.h> /* BREACH */
#include <uv.h> /* BREACH */
