/* SPDX-License-Identifier: ISC */

static const int table[] = {1, 2};
static int go(int a);
static int counter; /* BREACH */
static struct x *list = NULL; /* BREACH */
