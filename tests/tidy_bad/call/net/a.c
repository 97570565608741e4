/* SPDX-License-Identifier: ISC */

static int go(struct x *x)
{
	/* time(NULL) in a comment and "time(NULL)" in a string are fine */
	x->time(NULL);
	x.free(say("time(NULL)"));
	kith_free(x);
	clock_gettime(CLOCK_MONOTONIC, &x->t); /* BREACH */
	x->id = random(); /* BREACH */
	randombytes_buf(x->b, 32); /* BREACH */
	usleep(10); /* BREACH */
	x->p = malloc(10); /* BREACH */
	free(x->p); /* BREACH */
	printf("x"); /* BREACH */
	fprintf(stderr, "x"); /* BREACH */
	syslog(1, "x"); /* BREACH */
	strcpy(x->s, "x"); /* BREACH */
	fork(); /* BREACH */
	pthread_create(0, 0, 0, 0); /* BREACH */
	return errno; /* BREACH */
}
