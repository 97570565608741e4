/* SPDX-License-Identifier: ISC */

static int go(enum x x, char c)
{
	switch (c) {
	case 'a':
		return 1;
	default:
		break;
	}
	switch (x) {
	case KITH_A:
		return 1;
	default: /* BREACH */
		return 0;
	}
}
