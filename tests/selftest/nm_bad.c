/* SPDX-License-Identifier: ISC */
/* Calls that no engine may make, for the test of nm_engines.sh; never linked. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

int uv_now(void);
int sqlite3_step(void);
int kith_open(void);
int selftest_calls(char *text, size_t len, double x);

int selftest_calls(char *text, size_t len, double x)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (getrandom(text, len, 0) < 0)
		return socket(AF_INET, SOCK_DGRAM, 0);
	printf("%f %ld\n", log(x), (long)now.tv_sec);
	snprintf(text, len, "%d", (int)now.tv_sec);
	memcpy(text, &now, len < sizeof(now) ? len : sizeof(now));
	return open(text, O_RDONLY) + uv_now() + sqlite3_step() + kith_open();
}
