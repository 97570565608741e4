/* SPDX-License-Identifier: ISC */
#include "tests/unit/store/power.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/store/help.h"

#define IDS_MAX 4096u
#define LENGTH  300u

/* What the oracle knows of one profile. */
struct oracle {
	uint8_t acked[IDS_MAX]; /* by message id */
	int64_t next;           /* id of the next message */
	int64_t first, last;    /* of the batch in flight when the power went */
	bool profile, made;     /* create, open were acknowledged */
};

struct run {
	struct test_disk disk;
	struct kith_rng rng;
	struct oracle oracle;
	struct kith_profile *profile;
	struct kith_store *store;
	uint64_t state;
	uint32_t page;
	unsigned int told; /* failed syncs */
	bool failing;      /* an access fails: the log may be gone after an unclean end */
};

static void on_fatal(void *ctx, const char *sentence)
{
	struct run *r = ctx;

	(void)sentence;
	r->told++;
}

static size_t length_of(int64_t id)
{
	return (size_t)(id * 37 % (int64_t)LENGTH) + 20;
}

static int open_all(struct run *r)
{
	static const uint64_t rooms[] = {0, 8192, 65536};
	struct kith_profile_config cfg = help_config(&r->disk, "p", &r->rng);
	int status;

	cfg.page_bytes = r->page; /* small pages: the same rules, a quarter of the sealing */
	cfg.fatal = on_fatal;
	cfg.fatal_ctx = r;
	if (!r->oracle.profile) {
		status = kith_profile_create(&cfg, NULL, 0, &r->profile);
		if (status == KITH_E_EXISTS) /* it was made, though not acknowledged */
			status = kith_profile_open(&cfg, NULL, 0, &r->profile);
	} else {
		status = kith_profile_open(&cfg, NULL, 0, &r->profile);
	}
	if (status != KITH_OK)
		return status;
	r->oracle.profile = true;
	r->profile->wal_room = rooms[test_random(&r->state) % 3];
	status = kith_store_open(r->profile, KITH_DB_ACCOUNT, &r->store);
	if (status == KITH_OK)
		r->store->wal_frames_max = 20 + (int)(test_random(&r->state) % 100);
	return status;
}

static void close_all(struct run *r)
{
	kith_store_close(r->store);
	kith_profile_close(r->profile);
	r->store = NULL;
	r->profile = NULL;
}

static int commit(struct run *r)
{
	struct kith_job *job = NULL;

	if (!kith_store_job(r->store, &job))
		return KITH_OK;
	job->run(job);
	return kith_store_done(r->store, job, 0);
}

static int put_people(struct run *r)
{
	static const uint8_t ik[32] = {7};
	struct kith_op op = kith_op(KITH_OP_CONTACT_PUT);

	kith_op_int(&op, 1);
	kith_op_blob(&op, ik, sizeof(ik));
	kith_op_int(&op, 1);
	for (int i = 0; i < 11; i++)
		kith_op_null(&op);
	help_put(r->store, &op);
	op = kith_op(KITH_OP_CONVERSATION_PUT);
	for (int i = 0; i < 3; i++)
		kith_op_int(&op, 1);
	for (int i = 0; i < 10; i++)
		kith_op_null(&op);
	help_put(r->store, &op);
	return commit(r);
}

/* Batches of messages until `batches` are through or one fails. */
static int write_some(struct run *r, unsigned int batches)
{
	struct oracle *o = &r->oracle;
	char text[LENGTH + 32];
	struct kith_op op;
	int status;

	for (unsigned int b = 0; b < batches; b++) {
		if (o->next + 12 >= (int64_t)IDS_MAX)
			return KITH_OK;
		o->first = o->next;
		o->last = o->next + (int64_t)(test_random(&r->state) % 8);
		for (int64_t id = o->first; id <= o->last; id++) {
			op = help_message(id, length_of(id), text);
			op.token = (uint32_t)id;
			help_put(r->store, &op);
		}
		o->next = o->last + 1;
		status = commit(r);
		if (status != KITH_OK)
			return status;
		for (int64_t id = o->first; id <= o->last; id++)
			o->acked[id] = 1;
		o->first = 0;
		o->last = -1;
		if (test_random(&r->state) % 16 == 0)
			kith__checkpoint(r->store, test_random(&r->state) % 2 == 0);
	}
	return KITH_OK;
}

/* Everything acknowledged is there; the batch in flight is whole or absent. */
static void compare(struct run *r)
{
	struct oracle *o = &r->oracle;
	int whole = -1, have;

	for (int64_t id = 1; id < o->next; id++) {
		have = help_has(r->store, id, length_of(id));
		if (o->acked[id] != 0 && have == 0)
			test_fail(__FILE__, __LINE__, "message %d is lost", (int)id);
		if (o->acked[id] == 0 && id >= o->first && id <= o->last) {
			CHECK(whole < 0 || whole == have);
			whole = have;
			o->acked[id] = (uint8_t)have;
		} else {
			CHECK_EQ(have, o->acked[id]);
		}
	}
	o->first = 0;
	o->last = -1;
	/* then it takes itself for an older copy, which costs new sessions and no message */
	CHECK(r->failing || !kith_store_restored(r->store));
	CHECK_EQ(r->store->seal.refused, 0);
	CHECK_OK(kith__schema_check(r->store));
}

static void begin(struct run *r, uint64_t seed, struct kith_rng rng)
{
	memset(r, 0, sizeof(*r));
	test_disk_init(&r->disk);
	r->rng = rng;
	r->state = seed;
	r->page = test_random(&r->state) % 4 == 0 ? 4096 : 1024;
	r->oracle.next = 1;
	r->oracle.last = -1;
}

static int whole_run(struct run *r, unsigned int batches)
{
	int status = open_all(r);

	if (status == KITH_OK && !r->oracle.made) {
		status = put_people(r);
		r->oracle.made = status == KITH_OK;
	}
	if (status == KITH_OK)
		status = write_some(r, batches);
	return status;
}

void power_cuts(uint64_t seed, unsigned int cuts)
{
	struct kith_rng rng = test_rng(seed);
	unsigned int rows = 0, profiles = 0, synthetic = 0;
	static struct run r;
	uint64_t state = seed;
	int status;

	for (unsigned int cut = 0; cut < cuts; cut++) {
		if (cut % 12 == 0) {
			if (cut != 0)
				test_disk_free(&r.disk);
			begin(&r, test_random(&state), rng);
			profiles++;
		}
		r.disk.accesses = 0;
		r.disk.fail_for_good = true;
		r.disk.fail_at = 1 + test_random(&r.state) % (cut % 12 < 5 ? 200 : 1200);
		status = whole_run(&r, 40);
		if (r.disk.accesses < r.disk.fail_at) {
			CHECK_OK(status);
			if (test_random(&r.state) % 2 == 0)
				close_all(&r); /* a clean stop; the power may go in it */
			else
				r.disk.fail_at = r.disk.accesses + 1;
		}
		if (r.profile != NULL)
			close_all(&r);
		test_disk_cut(&r.disk, &r.state);
		if (!r.oracle.profile)
			continue;
		if (open_all(&r) != KITH_OK)
			test_fail(__FILE__, __LINE__, "cut %u of seed %#llx: does not open", cut,
				  (unsigned long long)seed);
		synthetic += r.store->seal.synthetic;
		if (r.oracle.made)
			compare(&r);
		rows = (unsigned int)r.oracle.next;
		close_all(&r);
	}
	test_disk_free(&r.disk);
	printf("# %u cuts, %u profiles, last with %u rows; %u torn headers: 0 lost, 0 unreadable\n",
	       cuts, profiles, rows, synthetic);
}

void power_failing(uint64_t first, uint64_t step, int fail_status, int for_good)
{
	struct kith_rng rng = test_rng(test_seed());
	static struct run r;
	uint64_t n = first;
	int status;
	bool hit;

	do {
		begin(&r, n, rng);
		r.failing = true;
		r.disk.fail_at = n;
		r.disk.fail_status = fail_status;
		r.disk.fail_for_good = for_good != 0;
		status = whole_run(&r, 12);
		/* without room the batch is kept, and passes once there is room again */
		if (status == KITH_E_NOSPACE && r.store != NULL) {
			r.disk.fail_at = 0;
			kith_store_tick(r.store, KITH__RETRY_US);
			CHECK_OK(commit(&r));
			for (int64_t id = r.oracle.first; id <= r.oracle.last; id++)
				r.oracle.acked[id] = 1;
			r.oracle.made = r.oracle.made || r.oracle.next == 1;
		}
		hit = r.disk.accesses >= n;
		if (r.profile != NULL)
			close_all(&r);
		r.disk.fail_at = 0;
		CHECK_OK(open_all(&r));
		if (r.oracle.made)
			compare(&r);
		close_all(&r);
		test_disk_free(&r.disk);
		n += step;
	} while (hit);
	printf("# failing accesses %llu .. %llu\n", (unsigned long long)first,
	       (unsigned long long)n);
}
