/* SPDX-License-Identifier: ISC */

static void go(struct x *x)
{
	printf("%d", (int)time(NULL));
	sprintf(x->s, "x"); /* BREACH */
	x->n = atoi(x->s); /* BREACH */
	strcat(x->s, "x"); /* BREACH */
	strncpy(x->s, "x", 1); /* BREACH */
	gets(x->s); /* BREACH */
	strtok(x->s, "x"); /* BREACH */
	system("x"); /* BREACH */
	popen("x", "r"); /* BREACH */
	alloca(1); /* BREACH */
	setjmp(x->j); /* BREACH */
	fork(); /* BREACH */
}
