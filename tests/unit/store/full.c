/* SPDX-License-Identifier: ISC */
/*
 * A disk of 64 MiB, filled 20 times: messages of random size until one is refused, more that are
 * under way and kept, room made, and on without a restart; everything acknowledged is compared,
 * while the disk is full, after, and after a new start. On a real file system where this process
 * may mount one, else on a disk in memory.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/store/help.h"

#define DISK   (UINT64_C(64) << 20)
#define IDS    40000
#define LENGTH 15000

static struct {
	struct test_disk disk;
	struct kith_rng rng;
	struct kith_profile *profile;
	struct kith_store *s;
	uint64_t state, refusals, kept, shut;
	uint8_t acked[IDS];
	int64_t next;
	kith_time now;
	bool real;
	char dir[64], ballast[96];
} w;

static bool mount_disk(void)
{
	char map[32];
	int fd;
	uid_t uid = geteuid();

	if (unshare(uid == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0)
		return false;
	if (uid != 0) {
		(void)snprintf(map, sizeof(map), "0 %u 1", (unsigned)uid);
		fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, map, strlen(map)) < 0)
			return false;
		(void)close(fd);
	}
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", w.dir, "tmpfs", 0, "size=64m") == 0;
}

/* NOSPACE is an answer too: then nothing was changed, and it opens once there is room. */
static int open_all(bool fresh)
{
	int status;

	char dir[80];
	struct kith_profile_config cfg;

	(void)snprintf(dir, sizeof(dir), "%s/p", w.dir);
	cfg = help_config(w.real ? NULL : &w.disk, w.real ? dir : "p", &w.rng);
	status = fresh ? kith_profile_create(&cfg, NULL, 0, &w.profile)
		       : kith_profile_open(&cfg, NULL, 0, &w.profile);
	if (status != KITH_OK)
		return status;
	w.profile->reserve_bytes = UINT64_C(4) << 20;
	status = kith_store_open(w.profile, KITH_DB_ACCOUNT, &w.s);
	if (status != KITH_OK)
		kith_profile_close(w.profile);
	return status;
}

static void close_all(void)
{
	kith_store_close(w.s);
	kith_profile_close(w.profile);
}

/* One job; true: everything put so far is durable. */
static int run_job(void)
{
	struct kith_job *job = NULL;
	int status = KITH_OK;

	w.now += KITH_US_PER_S;
	kith_store_tick(w.s, w.now);
	while (status == KITH_OK && kith_store_job(w.s, &job)) {
		job->run(job);
		status = kith_store_done(w.s, job, w.now);
	}
	if (status != KITH_OK && status != KITH_E_NOSPACE)
		test_fail(__FILE__, __LINE__, "%d: %s", status, kith_store_sentence(w.s));
	return status;
}

static size_t length_of(int64_t id)
{
	return (size_t)(id * 7919 % LENGTH) + 20;
}

/* Writes until one is refused. Half of the times some more are forced, as what is under way is. */
static void fill(void)
{
	char text[LENGTH + 32];
	struct kith_op op;
	uint64_t batch;
	int64_t first = w.next;
	int status = KITH_OK, forced = (int)(test_random(&w.state) % 2) * 1500;

	while (status == KITH_OK) {
		first = w.next;
		for (uint64_t n = 1 + test_random(&w.state) % 30; n > 0; n--) {
			CHECK(w.next < IDS);
			kith_store_force(w.s, kith_store_state(w.s) != KITH_STORE_OK && forced > 0);
			forced -= kith_store_state(w.s) != KITH_STORE_OK;
			op = help_message(w.next, length_of(w.next), text);
			status = kith_store_put(w.s, &op, &batch);
			if (status != KITH_OK)
				break;
			w.next++;
		}
		kith_store_force(w.s, false);
		CHECK(status == KITH_OK || status == KITH_E_NOSPACE);
		w.refusals += status != KITH_OK;
		if (run_job() == KITH_OK) {
			for (int64_t id = first; id < w.next; id++)
				w.acked[id] = 1;
		} else {
			w.kept++; /* kept: it must pass later */
			return;
		}
	}
}

static void more_room(void)
{
	if (w.real) {
		CHECK_EQ(truncate(w.ballast, 0), 0);
		CHECK_EQ(mount("none", w.dir, "tmpfs", MS_REMOUNT, "size=160m"), 0);
	} else {
		w.disk.capacity = 3 * DISK;
	}
}

/* Room comes, and the store goes on by itself. */
static void make_room(int64_t from)
{
	more_room();
	for (int i = 0; i < 20; i++)
		(void)run_job();
	CHECK_EQ(kith_store_state(w.s), KITH_STORE_OK);
	for (int64_t id = from; id < w.next; id++)
		w.acked[id] = 1;
}

static void compare(void)
{
	for (int64_t id = 1; id < w.next; id++)
		CHECK_EQ(help_has(w.s, id, length_of(id)), w.acked[id]);
}

/* Others take a part of the disk, a different one each time. */
static void take_room(void)
{
	uint64_t bytes = (UINT64_C(8) << 20) + test_random(&w.state) % (UINT64_C(40) << 20);
	int fd;

	if (!w.real) {
		w.disk.capacity = DISK + test_disk_used(&w.disk) / 2 - bytes / 2;
		return;
	}
	fd = open(w.ballast, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	while (posix_fallocate(fd, 0, (off_t)bytes) != 0 && bytes > 1024)
		bytes /= 2;
	(void)close(fd);
}

/* What was acknowledged is there while the disk is full. */
static void look(void)
{
	for (int64_t id = 1; id < w.next; id++)
		if (w.acked[id] != 0)
			CHECK_EQ(help_has(w.s, id, length_of(id)), 1);
}

static void one_disk(uint64_t seed)
{
	int status;

	memset(&w, 0, sizeof(w));
	w.rng = test_rng(seed);
	w.state = seed;
	w.next = 1;
	help_directory(w.dir);
	w.real = mount_disk();
	(void)snprintf(w.ballast, sizeof(w.ballast), "%s/ballast", w.dir);
	if (!w.real)
		test_disk_init(&w.disk);
	CHECK_OK(open_all(true));
	help_people(w.s);
	take_room();
	fill();
	look();
	if (w.kept == 0 && seed % 2 == 0) { /* a new start on a full disk */
		close_all();
		status = open_all(false);
		CHECK(status == KITH_OK || status == KITH_E_NOSPACE);
		w.shut += status != KITH_OK;
		if (status != KITH_OK) {
			more_room();
			CHECK_OK(open_all(false));
		}
		compare();
	}
	make_room(1);
	compare();
	close_all();
	CHECK_OK(open_all(false));
	compare();
	CHECK_OK(kith__schema_check(w.s));
	close_all();
	if (w.real)
		CHECK_EQ(umount(w.dir), 0);
	else
		test_disk_free(&w.disk);
	(void)rmdir(w.dir);
}

static void rounds(unsigned n, uint64_t seed)
{
	unsigned messages = 0, refusals = 0, kept = 0, shut = 0;
	bool real = true;

	for (unsigned i = 0; i < n; i++) {
		one_disk(seed * 1000 + i);
		messages += (unsigned)w.next - 1;
		refusals += (unsigned)w.refusals;
		kept += (unsigned)w.kept;
		shut += (unsigned)w.shut;
		real = real && w.real;
	}
	printf("# %s, filled %u times: %u messages, %u refused, %u batches kept, %u starts "
	       "refused: 0 lost\n",
	       real ? "a file system of 64 MiB" : "no mount here: a disk in memory", n, messages,
	       refusals, kept, shut);
}

#define FULL(n) \
	TEST(full_##n) \
	{ \
		rounds(5, test_seed() + (uint64_t)(n)); \
	}
FULL(1)
FULL(2)
FULL(3)
FULL(4)
