/* SPDX-License-Identifier: ISC */
#include <sodium.h> /* BREACH */
#include <curl/curl.h> /* BREACH */
