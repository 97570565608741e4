/* SPDX-License-Identifier: ISC */

static unsigned int go(const unsigned char *p)
{
	unsigned int bit = (p[0] << 3);

	return (unsigned int)p[0] << 8 | p[1]; /* BREACH */
}
