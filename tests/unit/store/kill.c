/* SPDX-License-Identifier: ISC */
#include "tests/unit/store/kill.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/store/help.h"

#define PER_PROFILE 40u
#define LENGTH      200u

/* The child: batches of 1 to 4 messages from `next` on; the last id goes over the pipe when its
 * commit is done. Ends only by the signal. */
_Noreturn static void write_on(const char *dir, int64_t next, uint64_t state, int pipe_end)
{
	struct kith_rng rng = kith_crypto_system_rng();
	struct kith_profile_config cfg = help_config(NULL, dir, &rng);
	struct kith_profile *p = NULL;
	struct kith_store *s = NULL;
	char text[LENGTH + 1];
	struct kith_op op;
	int64_t last;

	if (kith_profile_open(&cfg, NULL, 0, &p) != KITH_OK ||
	    kith_store_open(p, KITH_DB_ACCOUNT, &s) != KITH_OK)
		_exit(1);
	s->wal_frames_max = 30;
	for (;;) {
		last = next + (int64_t)(test_random(&state) % 4);
		for (; next <= last; next++) {
			op = help_message(next, LENGTH, text);
			help_put(s, &op);
		}
		if (help_commit(s) != KITH_OK ||
		    write(pipe_end, &last, sizeof(last)) != (ssize_t)sizeof(last))
			_exit(1);
	}
}

static void prepare(char dir[static 64], struct kith_rng *rng)
{
	struct kith_profile_config cfg;
	struct kith_profile *p;
	struct kith_store *s;

	help_directory(dir);
	cfg = help_config(NULL, dir, rng);
	CHECK_OK(kith_profile_create(&cfg, NULL, 0, &p));
	CHECK_OK(kith_store_open(p, KITH_DB_ACCOUNT, &s));
	help_people(s);
	kith_store_close(s);
	kith_profile_close(p);
}

/* One child; returns the last id it acknowledged. */
static int64_t one_life(const char *dir, int64_t next, uint64_t *state)
{
	unsigned int acks = (unsigned int)(test_random(state) % 12);
	unsigned int spin = (unsigned int)(test_random(state) % 200000);
	uint64_t seed = test_random(state);
	int64_t last = next - 1, id;
	volatile unsigned int turn = 0;
	int ends[2], status = 0;
	pid_t child;

	CHECK_EQ(pipe(ends), 0);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		(void)close(ends[0]);
		write_on(dir, next, seed, ends[1]);
	}
	(void)close(ends[1]);
	for (; acks > 0 && read(ends[0], &id, sizeof(id)) == (ssize_t)sizeof(id); acks--)
		last = id;
	while (turn < spin)
		turn = turn + 1;
	CHECK_EQ(kill(child, SIGKILL), 0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	while (read(ends[0], &id, sizeof(id)) == (ssize_t)sizeof(id))
		last = id;
	(void)close(ends[0]);
	return last;
}

/* Returns the next free id: ids 1.. are there without a hole, at least up to `acked`. */
static int64_t look(const char *dir, struct kith_rng *rng, int64_t acked, int64_t from)
{
	struct kith_profile_config cfg = help_config(NULL, dir, rng);
	struct kith_profile *p = NULL;
	struct kith_store *s = NULL;
	int64_t id = from;

	CHECK_OK(kith_profile_open(&cfg, NULL, 0, &p));
	CHECK_OK(kith_store_open(p, KITH_DB_ACCOUNT, &s));
	CHECK(!kith_store_restored(s));
	while (help_has(s, id, LENGTH) == 1)
		id++;
	if (id <= acked)
		test_fail(__FILE__, __LINE__, "message %d was acknowledged and is lost", (int)id);
	CHECK(id <= acked + 5);
	CHECK_EQ(s->seal.refused, 0);
	kith_store_close(s);
	kith_profile_close(p);
	return id;
}

void kill_cycles(uint64_t seed, unsigned int cycles)
{
	struct kith_rng rng = kith_crypto_system_rng();
	uint64_t state = seed, rows = 0;
	int64_t next = 1, acked;
	char dir[64];

	for (unsigned int i = 0; i < cycles; i++) {
		if (i % PER_PROFILE == 0) {
			if (i != 0)
				help_remove(dir);
			prepare(dir, &rng);
			next = 1;
		}
		acked = one_life(dir, next, &state);
		rows += (uint64_t)(acked - next + 1);
		next = look(dir, &rng, acked, next > 20 ? next - 20 : 1);
	}
	if (cycles != 0)
		help_remove(dir);
	printf("# %u kills, %llu acknowledged rows: 0 lost\n", cycles, (unsigned long long)rows);
}
