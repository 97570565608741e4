/* SPDX-License-Identifier: ISC */
#include "base/bytes.h"
#include "node/control/control.h"

#include <stdio.h>

static int counter;

static char go(char c)
{
	if (c == '"' || c == '\'' || c == '/')
		printf("/* no comment \" // */ %d", counter);
	return c;
}
