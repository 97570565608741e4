/* SPDX-License-Identifier: ISC */
/*
 * Group mailbox, second half: real kithd. rss: an always-on peer started on a profile with 100,000
 * envelopes in it. return: 1,000 messages of two senders wait for one who is off, both senders are
 * killed, he starts: until all are shown.
 */
#include "tests/bench/kith_bench_mailbox.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/crypto.h"
#include "store/store.h"

enum { ENVELOPES = 100000, QUICK_ENVELOPES = 1000 };
enum { WAITING = 1000, QUICK_WAITING = 20, DAY = 86400 };

static struct {
	struct bench_node full, peer, bob, sender[2];
	char conversation[2][2][40];
	unsigned id, shown;
} w;

/* ---- memory with many envelopes ---- */
static bool commit(struct kith_store *s)
{
	struct kith_job *job;

	while (kith_store_job(s, &job)) {
		kith_store_run(job);
		if (kith_store_done(s, job, 0) != KITH_OK)
			return false;
	}
	return true;
}

static bool put_item(struct kith_store *s, struct kith_rng *rng, unsigned id)
{
	struct kith_op op = kith_op(KITH_OP_ITEM_PUT);
	int64_t now_s = (int64_t)time(NULL);
	static uint8_t blob[4096];
	uint8_t tag[16];
	uint64_t batch;

	kith_rng_fill(rng, tag, sizeof(tag));
	kith_rng_fill(rng, blob, 32);
	kith_op_int(&op, id);
	kith_op_blob(&op, tag, sizeof(tag));
	kith_op_int(&op, now_s / DAY - 1 - id % 20);
	kith_op_int(&op, 0);
	kith_op_int(&op, 0);
	kith_op_int(&op, id / 20 + 1);
	kith_op_int(&op, 0);
	kith_op_int(&op, 2);
	kith_op_int(&op, now_s);
	kith_op_int(&op, now_s + 9 * DAY);
	kith_op_blob(&op, blob, sizeof(blob));
	return kith_store_put(s, &op, &batch) == KITH_OK;
}

/* A profile with `count` items, as kithd would have made it. */
static bool fill(const char *dir, unsigned count)
{
	struct kith_rng rng = kith_crypto_system_rng();
	struct kith_profile_config cfg = {.dir = dir, .rng = &rng};
	struct kith_profile *profile;
	struct kith_store *s;
	bool ok = true;

	if (kith_profile_create(&cfg, NULL, 0, &profile) != KITH_OK)
		return false;
	if (kith_store_open(profile, KITH_DB_MAILBOX, &s) != KITH_OK) {
		kith_profile_close(profile);
		return false;
	}
	for (unsigned i = 1; i <= count && ok; i++) {
		ok = put_item(s, &rng, i);
		if (ok && (i % 1000 == 0 || i == count))
			ok = commit(s);
	}
	kith_store_close(s);
	kith_profile_close(profile);
	return ok;
}

static bool memory(void)
{
	unsigned count = bench_options.quick ? QUICK_ENVELOPES : ENVELOPES;
	char dir[128];
	double items;

	if (!bench_lab_path(10, dir, sizeof(dir)) || !fill(dir, count))
		return bench_fail("mailbox: no profile with %u envelopes", count) == 0;
	if (!bench_node_init(&w.full, 10, true) || !bench_node_start(&w.full, NULL, 0))
		return bench_fail("mailbox: kithd does not start on it") == 0;
	items = bench_node_number(&w.full, "serving", "items");
	(void)poll(NULL, 0, 2000);
	bench_row("mailbox.rss", bench_node_rss(&w.full) / 1024, "MiB", (uint64_t)items);
	bench_node_kill(&w.full);
	return items >= count;
}

/* ---- return ---- */
static bool say(struct bench_node *n, const char *conversation)
{
	char id[33], text[64];
	json_t *r;

	w.id++;
	(void)snprintf(id, sizeof(id), "0000%08x%020x", w.id, n->number);
	(void)snprintf(text, sizeof(text), "waiting %u", w.id);
	r = bench_node_call(n, "message.send",
			    json_pack("{s:s,s:s,s:s}", "id", id, "conversation", conversation,
				      "text", text));
	json_decref(r);
	return r != NULL;
}

/* True when every own message of the conversation is kept, newest first. */
static bool all_kept(struct bench_node *n, const char *conversation)
{
	json_t *page = bench_node_call(n, "history.page",
				       json_pack("{s:s,s:i}", "conversation", conversation, "limit",
						 200)),
	       *m;
	bool kept = page != NULL;
	size_t i;

	json_array_foreach(json_object_get(page, "messages"), i, m)
	{
		const char *step =
			json_string_value(json_object_get(json_object_get(m, "state"), "step"));

		kept &= step != NULL && strcmp(step, "queued") != 0;
	}
	json_decref(page);
	return kept;
}

static bool users(void)
{
	struct bench_node *user[3] = {&w.bob, &w.sender[0], &w.sender[1]};
	const char *hint;

	if (!bench_node_init(&w.peer, 11, true) || !bench_node_start(&w.peer, NULL, 0))
		return false;
	hint = w.peer.hint;
	for (unsigned i = 0; i < 3; i++) {
		if (!bench_node_init(user[i], 12 + i, false) ||
		    !bench_node_start(user[i], &hint, 1))
			return false;
		json_decref(bench_node_call(user[i], "profile.create",
					    json_pack("{s:s}", "name", i == 0 ? "b" : "s")));
	}
	for (unsigned i = 0; i < 2; i++)
		if (!bench_befriend(&w.sender[i], &w.bob, w.conversation[i]))
			return false;
	(void)poll(NULL, 0, 2000);
	return true;
}

static unsigned count_new(json_t *line)
{
	json_t *params = json_object_get(line, "params");
	const char *type = json_string_value(json_object_get(params, "type"));

	if (type == NULL || strcmp(type, "message.new") != 0)
		return 0;
	return (unsigned)json_array_size(json_object_get(params, "messages"));
}

static bool comes_back(unsigned count)
{
	const char *hint = w.peer.hint;
	double start = bench_us(), limit = start + 60e6;

	if (!bench_node_start(&w.bob, &hint, 1))
		return false;
	json_decref(bench_node_call(&w.bob, "events.subscribe",
				    json_pack("{s:[s],s:i}", "types", "message.new", "since", 0)));
	while (w.shown < count && bench_us() < limit) {
		json_t *line = bench_node_line(&w.bob, 100);

		w.shown += line != NULL ? count_new(line) : 0;
		json_decref(line);
	}
	bench_share("mailbox.return", (bench_us() - start) / 1e6, "s", count,
		    count > w.shown ? count - w.shown : 0);
	return w.shown >= count;
}

static bool returns(void)
{
	unsigned count = bench_options.quick ? QUICK_WAITING : WAITING;
	double limit;

	if (!users())
		return bench_fail("mailbox: no contacts") == 0;
	bench_node_kill(&w.bob);
	for (unsigned i = 0; i < count; i++)
		if (!say(&w.sender[i % 2], w.conversation[i % 2][0]))
			return bench_fail("mailbox: a message was not taken") == 0;
	limit = bench_us() + 120e6;
	for (unsigned i = 0; i < 2; i++)
		while (!all_kept(&w.sender[i], w.conversation[i][0]) && bench_us() < limit)
			(void)poll(NULL, 0, 50);
	for (unsigned i = 0; i < 2; i++)
		bench_node_kill(&w.sender[i]);
	return comes_back(count);
}

int bench_mailbox(void)
{
	char dir[128];
	bool ok = bench_lab_open() && bench_lab_path(9, dir, sizeof(dir)) &&
		  bench_mailbox_service(dir) && memory() && returns();

	bench_lab_close();
	return ok ? 0 : 1;
}
