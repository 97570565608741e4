/* SPDX-License-Identifier: ISC */
#include <string.h>
#include <sodium.h> /* BREACH */
#include <sys/socket.h> /* BREACH */
#include <stdio.h> /* BREACH */
#include <time.h> /* BREACH */
