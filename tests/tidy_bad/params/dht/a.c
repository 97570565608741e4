/* SPDX-License-Identifier: ISC */

static int seven(int a, int b, int c, int d, int e, int f, int g)
{
	return a;
}

static int eight(int a, int b, int c, int d, int e, int f, int g, int h) /* BREACH */
{
	return a;
}
