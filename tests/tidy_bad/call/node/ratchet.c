/* SPDX-License-Identifier: ISC */

static int same(struct x *x)
{
	return memcmp(x->a, x->b, 32); /* BREACH */
}
