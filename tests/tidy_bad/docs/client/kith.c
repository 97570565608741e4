/* SPDX-License-Identifier: ISC */

static const struct option options[] = {
	{"json", no_argument, 0, 'j'},
	{"verbose", no_argument, 0, 'v'}, /* BREACH */
};
static const struct command commands[] = {
	{"send", cmd_send},
	{"sing", cmd_sing}, /* BREACH */
};

static void go(struct x *x)
{
	x->a = getenv("KITH_SOCKET");
	x->b = getenv("KITH_SECRET"); /* BREACH */
	x->c = equal(x->s, "--json");
	x->d = equal(x->s, "--jso"); /* BREACH */
	x->e = starts(x->s, "--colour="); /* BREACH */
}
