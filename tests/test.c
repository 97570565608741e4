/* SPDX-License-Identifier: ISC */
/* The test kit's runner: fork per case, TAP on stdout. See test.h. */
#include "tests/test.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CASE_SECONDS_MAX 60

static struct test_case *first;
static struct test_case **last = &first;
static uint64_t seed = 0x6b697468;

void test_register(struct test_case *t)
{
	*last = t;
	last = &t->next;
}

uint64_t test_seed(void)
{
	return seed;
}

static const char *run_forked(const struct test_case *t)
{
	static char why[64];
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		alarm(CASE_SECONDS_MAX);
		t->run();
		exit(EXIT_SUCCESS);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return "cannot fork";
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
		return NULL;
	if (WIFEXITED(status))
		snprintf(why, sizeof(why), "exit code %d", WEXITSTATUS(status));
	else if (WTERMSIG(status) == SIGALRM)
		snprintf(why, sizeof(why), "longer than %d s", CASE_SECONDS_MAX);
	else
		snprintf(why, sizeof(why), "signal %d", WTERMSIG(status));
	return why;
}

static bool wanted(const struct test_case *t, int argc, char **argv)
{
	int names = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--seed") == 0)
			i++;
		else if (strncmp(argv[i], "--", 2) != 0 && ++names && strstr(t->name, argv[i]))
			return true;
	}
	return names == 0;
}

static uint64_t seed_from(const char *text)
{
	struct timespec now;

	if (strcmp(text, "fresh") != 0)
		return strtoull(text, NULL, 0);
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int main(int argc, char **argv)
{
	const char *nofork = getenv("TEST_NOFORK"), *why;
	int count = 0, failed = 0;
	bool list = argc > 1 && strcmp(argv[1], "--list") == 0;

	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "--seed") == 0)
			seed = seed_from(argv[i + 1]);
	printf("# seed 0x%" PRIx64 "\n", seed);
	for (struct test_case *t = first; t; t = t->next) {
		if (!wanted(t, argc, argv))
			continue;
		count++;
		if (list) {
			printf("# %s\n", t->name);
			continue;
		}
		why = NULL;
		if (nofork)
			t->run();
		else
			why = run_forked(t);
		failed += why != NULL;
		printf("%s %d - %s%s%s\n", why ? "not ok" : "ok", count, t->name, why ? " # " : "",
		       why ? why : "");
		if (why)
			printf("# again: %s --seed 0x%" PRIx64 " %s\n", argv[0], seed, t->name);
	}
	printf("1..%d\n", count);
	return failed || count == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
